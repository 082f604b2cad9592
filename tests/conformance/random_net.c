/* A generator of small networks around every edge: channels that are no multiple of a vector,
 * images of one pixel, kernels as large as the padded image, strides larger than kernels.
 *
 * Comes in: a seed. Goes out: a legal model. It keeps the shape of the current value, appends
 * layers that fit it, and now and then joins the value with an earlier one of the same shape. */
#include "tests/conformance/random_net.h"

#include <stdbool.h>
#include <stddef.h>

enum { MAX_LAYERS = 8, MAX_VALUES = MAX_LAYERS + 3, RANK = 5 };

/* A value of shape [1 or 2, channels, spatial…]. */
typedef struct Place {
    int n, c, spatial, dim[3];
} Place;

typedef struct Net {
    Arena *arena;
    uint64_t state;
    char *weights, *nodes; /* text so far */
    Place at[MAX_VALUES];  /* of v0, v1, … */
    int last;              /* the current value's number */
    int n_weights;
} Net;

static int below(Net *r, int n)
{
    r->state += 0x9e3779b97f4a7c15u;
    uint64_t z = r->state;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (int)((z ^ (z >> 31)) % (uint64_t)n);
}

static int between(Net *r, int lo, int hi)
{
    return lo + below(r, hi - lo + 1);
}

/* ---- text ---- */

/* "a,b,c" of n numbers. */
static char *list(Net *r, const int *x, int n)
{
    char *s = arena_strdup(r->arena, "");
    for (int i = 0; i < n; i++)
        s = arena_printf(r->arena, "%s%s%d", s, i ? "," : "", x[i]);
    return s;
}

/* Declares a weight of this shape and returns its name. */
static char *weight(Net *r, const char *shape, double scale)
{
    char *name = arena_printf(r->arena, "w%d", r->n_weights);
    r->weights = arena_printf(r->arena, "%s%s float[%s] %s = {random %d %g}", r->weights,
                              r->n_weights ? "," : "", shape, name, between(r, 1, 9999), scale);
    r->n_weights++;
    return name;
}

/* Appends `v(k+1) = op<attributes>(operands)`, whose shape is `shape`. */
static void layer(Net *r, const char *op, const char *attributes, const char *operands, Place shape)
{
    r->nodes = arena_printf(r->arena, "%s  v%d = %s%s%s%s(%s)\n", r->nodes, r->last + 1, op,
                            *attributes ? "<" : "", attributes, *attributes ? ">" : "", operands);
    r->at[++r->last] = shape;
}

static char *current(Net *r)
{
    return arena_printf(r->arena, "v%d", r->last);
}

/* ---- windows ---- */

typedef struct RandomWindow {
    int kernel[3], stride[3], dilation[3], pads[6];
    char *attributes;
} RandomWindow;

/* A window that fits the value; pads stay below the window's reach. `out` receives the extents;
 * it may be p->dim. */
static RandomWindow random_window(Net *r, const Place *p, bool dilate, bool ceil, int *out)
{
    RandomWindow w;
    for (int i = 0; i < p->spatial; i++) {
        int in = p->dim[i];
        w.dilation[i] = dilate && below(r, 4) == 0 ? 2 : 1;
        w.kernel[i] = between(r, 1, below(r, 3) ? 3 : 5);
        int reach = (w.kernel[i] - 1) * w.dilation[i] + 1;
        w.pads[i] = below(r, 2) ? 0 : below(r, reach);
        w.pads[i + p->spatial] = below(r, 2) ? w.pads[i] : below(r, reach);
        while (in + w.pads[i] + w.pads[i + p->spatial] < reach) {
            w.kernel[i] = w.dilation[i] = reach = 1;
            w.pads[i] = w.pads[i + p->spatial] = 0;
        }
        w.stride[i] = below(r, 2) ? 1 : between(r, 1, 4);
        int room = in + w.pads[i] + w.pads[i + p->spatial] - reach;
        out[i] = (ceil ? (room + w.stride[i] - 1) / w.stride[i] : room / w.stride[i]) + 1;
        if (ceil && (out[i] - 1) * w.stride[i] >= in + w.pads[i])
            out[i]--;
    }
    w.attributes = arena_printf(r->arena, "kernel_shape=[%s], strides=[%s], pads=[%s]%s%s%s",
                                list(r, w.kernel, p->spatial), list(r, w.stride, p->spatial),
                                list(r, w.pads, 2 * p->spatial), dilate ? ", dilations=[" : "",
                                dilate ? list(r, w.dilation, p->spatial) : "", dilate ? "]" : "");
    return w;
}

/* ---- layers ---- */

static void add_conv(Net *r)
{
    Place p = r->at[r->last];
    int c = p.c, group = below(r, 3) ? 1 : c;
    RandomWindow w = random_window(r, &p, true, false, p.dim);
    p.c = group == 1 ? between(r, 1, below(r, 2) ? 9 : 37) : c * between(r, 1, 2);
    char *shape = arena_printf(r->arena, "%d,%d,%s", p.c, c / group, list(r, w.kernel, p.spatial));
    char *operands = arena_printf(r->arena, "%s, %s", current(r), weight(r, shape, 0.3));
    if (below(r, 2))
        operands = arena_printf(r->arena, "%s, %s", operands,
                                weight(r, arena_printf(r->arena, "%d", p.c), 1));
    layer(r, "Conv", arena_printf(r->arena, "%s, group=%d", w.attributes, group), operands, p);
}

static void add_conv_transpose(Net *r)
{
    Place p = r->at[r->last];
    int kernel[3], stride[3], c = p.c;
    for (int i = 0; i < p.spatial; i++) {
        kernel[i] = between(r, 1, 3);
        stride[i] = between(r, 1, 3);
        p.dim[i] = (p.dim[i] - 1) * stride[i] + kernel[i];
    }
    p.c = between(r, 1, 20);
    char *shape = arena_printf(r->arena, "%d,%d,%s", c, p.c, list(r, kernel, p.spatial));
    layer(r, "ConvTranspose", arena_printf(r->arena, "strides=[%s]", list(r, stride, p.spatial)),
          arena_printf(r->arena, "%s, %s", current(r), weight(r, shape, 0.3)), p);
}

static void add_pool(Net *r)
{
    static const char *const ops[] = {"MaxPool", "AveragePool", "LpPool"};
    Place p = r->at[r->last];
    int which = below(r, 3);
    bool ceil = below(r, 2);
    RandomWindow w = random_window(r, &p, true, ceil, p.dim);
    const char *own[] = {"", ", count_include_pad=1", ", p=1"};
    layer(r, ops[which],
          arena_printf(r->arena, "%s%s%s", w.attributes, ceil ? ", ceil_mode=1" : "",
                       below(r, 2) ? own[which] : ""),
          current(r), p);
}

static void add_unary(Net *r)
{
    static const char *const ops[] = {"Relu",     "LeakyRelu", "Sigmoid",     "Tanh",
                                      "Elu",      "Selu",      "HardSigmoid", "HardSwish",
                                      "Softplus", "Softsign",  "Identity",    "Abs",
                                      "Gelu",     "Mish",      "Celu",        "ThresholdedRelu",
                                      "Erf",      "Exp",       "Neg",         "Sin",
                                      "Cos",      "Atan",      "Asinh"};
    layer(r, ops[below(r, (int)(sizeof ops / sizeof ops[0]))], "", current(r), r->at[r->last]);
}

/* An activation in pieces, as exporters write it; a value that somebody else may read too. */
static void add_pieces(Net *r)
{
    const int id = r->last, which = below(r, 4);
    const char *v = current(r);
    if (which == 0) /* |v| */
        r->nodes = arena_printf(
            r->arena, "%s  a%d = Less(%s, zero)  b%d = Neg(%s)  c%d = Where(a%d, b%d, %s)\n",
            r->nodes, id, v, id, v, id, id, id, v);
    else if (which == 1)
        r->nodes = arena_printf(r->arena,
                                "%s  a%d = Add(%s, three)  b%d = Clip(a%d, zero, six)  c%d = "
                                "Mul(%s, b%d)\n",
                                r->nodes, id, v, id, id, id, v, id);
    else if (which == 2)
        r->nodes = arena_printf(r->arena, "%s  a%d = Sigmoid(%s)  c%d = Mul(a%d, %s)\n", r->nodes,
                                id, v, id, id, v);
    else
        r->nodes = arena_printf(
            r->arena, "%s  a%d = Cast<to=11>(%s)  b%d = Tanh(a%d)  c%d = Cast<to=1>(b%d)\n",
            r->nodes, id, v, id, id, id, id);
    layer(r, "Div", "", arena_printf(r->arena, "c%d, six", id), r->at[id]);
}

/* [C,1,…] or [1,…] against the value. */
static void add_scale(Net *r)
{
    static const char *const ops[] = {"Add", "Mul", "Sub", "PRelu", "Max"};
    const Place p = r->at[r->last];
    int shape[4] = {below(r, 3) ? p.c : 1, 1, 1, 1};
    char *w = weight(r, list(r, shape, p.spatial + 1), 1);
    layer(r, ops[below(r, 5)], "", arena_printf(r->arena, "%s, %s", current(r), w), p);
}

static void add_batch_norm(Net *r)
{
    const Place p = r->at[r->last];
    char *c = arena_printf(r->arena, "%d", p.c);
    char *scale = weight(r, c, 1), *bias = weight(r, c, 1), *mean = weight(r, c, 1);
    char *spread = weight(r, c, 1);
    /* A variance is not negative: the square of a random vector. */
    r->nodes = arena_printf(r->arena, "%s  s%d = Mul(%s, %s)\n", r->nodes, r->last, spread, spread);
    layer(r, "BatchNormalization", "epsilon=0.1",
          arena_printf(r->arena, "%s, %s, %s, %s, s%d", current(r), scale, bias, mean, r->last), p);
}

static bool same(const Place *a, const Place *b, bool channels)
{
    bool equal = a->n == b->n && a->spatial == b->spatial && (!channels || a->c == b->c);
    for (int i = 0; equal && i < a->spatial; i++)
        equal = a->dim[i] == b->dim[i];
    return equal;
}

/* A residual sum or a concatenation with an earlier value that fits. */
static void add_join(Net *r)
{
    Place p = r->at[r->last];
    bool concat = below(r, 2);
    int other = below(r, r->last + 1);
    while (other > 0 && !same(&p, &r->at[other], !concat))
        other--;
    if (!same(&p, &r->at[other], !concat))
        other = r->last;
    p.c += concat ? r->at[other].c : 0;
    layer(r, concat ? "Concat" : "Add", concat ? "axis=1" : "",
          arena_printf(r->arena, "%s, v%d", current(r), other), p);
}

static void add_pad(Net *r)
{
    static const char *const modes[] = {"constant", "reflect", "edge"};
    Place p = r->at[r->last];
    int pads[2 * RANK] = {0}, mode = below(r, 3), rank = p.spatial + 2;
    for (int i = 0; i < p.spatial; i++) {
        int most = mode == 1 ? p.dim[i] - 1 : 3;
        pads[i + 2] = below(r, (most < 3 ? most : 3) + 1);
        pads[i + 2 + rank] = below(r, (most < 3 ? most : 3) + 1);
        p.dim[i] += pads[i + 2] + pads[i + 2 + rank];
    }
    char *name = arena_printf(r->arena, "p%d", r->n_weights);
    r->weights = arena_printf(r->arena, "%s%s int64[%d] %s = {%s}", r->weights,
                              r->n_weights++ ? "," : "", 2 * rank, name, list(r, pads, 2 * rank));
    layer(r, "Pad", arena_printf(r->arena, "mode=\"%s\"", modes[mode]),
          arena_printf(r->arena, "%s, %s", current(r), name), p);
}

static void add_resize(Net *r)
{
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const char *const coords[] = {"half_pixel", "align_corners", "asymmetric"};
    Place p = r->at[r->last];
    int size[RANK] = {p.n, p.c, 1, 1, 1};
    for (int i = 0; i < p.spatial; i++)
        size[i + 2] = p.dim[i] = between(r, 1, 2 * p.dim[i]);
    char *name = arena_printf(r->arena, "z%d", r->n_weights);
    r->weights =
        arena_printf(r->arena, "%s%s int64[%d] %s = {%s}", r->weights, r->n_weights++ ? "," : "",
                     p.spatial + 2, name, list(r, size, p.spatial + 2));
    layer(r, "Resize",
          arena_printf(r->arena, "mode=\"%s\", coordinate_transformation_mode=\"%s\"",
                       modes[below(r, 3)], coords[below(r, 3)]),
          arena_printf(r->arena, "%s, , , %s", current(r), name), p);
}

static void add_softmax(Net *r)
{
    const Place p = r->at[r->last];
    layer(r, below(r, 2) ? "Softmax" : "LogSoftmax",
          arena_printf(r->arena, "axis=%d", below(r, p.spatial + 2)), current(r), p);
}

static void add_lrn(Net *r)
{
    layer(r, "LRN", arena_printf(r->arena, "size=%d, alpha=0.5", between(r, 1, 6)), current(r),
          r->at[r->last]);
}

/* Swaps two axes and, after an activation, swaps them back. */
static void add_transpose(Net *r)
{
    const Place p = r->at[r->last];
    int perm[RANK] = {0, 1, 2, 3, 4}, k = between(r, 1, p.spatial);
    perm[k] = k + 1;
    perm[k + 1] = k;
    char *text = list(r, perm, p.spatial + 2);
    int id = r->last;
    r->nodes = arena_printf(r->arena, "%s  t%d = Transpose<perm=[%s]>(%s)\n  u%d = %s(t%d)\n",
                            r->nodes, id, text, current(r), id, below(r, 2) ? "Tanh" : "Relu", id);
    layer(r, "Transpose", arena_printf(r->arena, "perm=[%s]", text),
          arena_printf(r->arena, "u%d", id), p);
}

/* A part of one axis, forwards or backwards. */
static void add_slice(Net *r)
{
    Place p = r->at[r->last];
    int axis = between(r, 1, p.spatial + 1), *extent = axis == 1 ? &p.c : &p.dim[axis - 2];
    int step = between(r, 1, 3), first = below(r, *extent), last = between(r, first, *extent - 1);
    bool down = below(r, 3) == 0;
    char *name = arena_printf(r->arena, "i%d", r->n_weights++);
    r->weights =
        arena_printf(r->arena,
                     "%s%s int64[1] %sa = {%d}, int64[1] %sb = {%d}, int64[1] %sc = {%d}, "
                     "int64[1] %sd = {%d}",
                     r->weights, r->n_weights > 1 ? "," : "", name, down ? last : first, name,
                     down ? first - *extent - 1 : last + 1, name, axis, name, down ? -step : step);
    *extent = (last - first) / step + 1;
    layer(r, "Slice", "",
          arena_printf(r->arena, "%s, %sa, %sb, %sc, %sd", current(r), name, name, name, name), p);
}

/* A matrix product over the last axis. */
static void add_matmul(Net *r)
{
    Place p = r->at[r->last];
    int *width = &p.dim[p.spatial - 1], out = between(r, 1, 19);
    char *w = weight(r, arena_printf(r->arena, "%d,%d", *width, out), 0.5);
    *width = out;
    layer(r, "MatMul", "", arena_printf(r->arena, "%s, %s", current(r), w), p);
}

/* A normalisation over lines: of each channel, of the axes from one on, of one axis. The great
 * epsilon keeps it from amplifying what rounding did before. */
static void add_norm(Net *r)
{
    const Place p = r->at[r->last];
    int which = below(r, 4), axis = below(r, p.spatial), rest = p.spatial - axis;
    char *channels = arena_printf(r->arena, "%d", p.c);
    if (which == 0) {
        char *scale = weight(r, channels, 1), *bias = weight(r, channels, 1);
        layer(r, "InstanceNormalization", "epsilon=5.0",
              arena_printf(r->arena, "%s, %s, %s", current(r), scale, bias), p);
    } else if (which == 1) {
        char *scale = weight(r, list(r, p.dim + axis, rest), 1);
        char *bias = weight(r, list(r, p.dim + axis, rest), 1);
        layer(r, "LayerNormalization", arena_printf(r->arena, "axis=%d, epsilon=5.0", axis + 2),
              arena_printf(r->arena, "%s, %s, %s", current(r), scale, bias), p);
    } else if (which == 2) {
        layer(r, "LpNormalization",
              arena_printf(r->arena, "axis=%d, p=%d", below(r, p.spatial + 2), between(r, 1, 2)),
              current(r), p);
    } else {
        layer(r, "Hardmax", arena_printf(r->arena, "axis=%d", below(r, p.spatial + 2)), current(r),
              p);
    }
}

/* A reduction of some of the axes behind the batch. */
static void add_reduce(Net *r)
{
    static const char *const ops[] = {"ReduceMean", "ReduceMax",       "ReduceMin",      "ReduceL1",
                                      "ReduceL2",   "ReduceSumSquare", "ReduceLogSumExp"};
    Place p = r->at[r->last];
    int axes[RANK] = {0}, n = 0;
    for (int i = 0; i <= p.spatial; i++) {
        if (below(r, 2) == 0)
            continue;
        axes[n++] = i + 1;
        *(i == 0 ? &p.c : &p.dim[i - 1]) = 1;
    }
    char *name = arena_printf(r->arena, "x%d", r->n_weights++);
    r->weights =
        arena_printf(r->arena, "%s, int64[%d] %s = {%s}", r->weights, n, name, list(r, axes, n));
    layer(r, ops[below(r, (int)(sizeof ops / sizeof ops[0]))],
          n == 0 ? "noop_with_empty_axes=1" : "",
          arena_printf(r->arena, "%s, %s", current(r), name), p);
}

/* A value of three axes as a sequence [time, batch, input]; the result has a fourth. */
static void add_recurrence(Net *r)
{
    static const char *const ops[] = {"RNN", "GRU", "LSTM"};
    Place p = r->at[r->last];
    int which = below(r, 3), gates = which == 2 ? 4 : which == 1 ? 3 : 1, h = between(r, 1, 20);
    if (p.spatial != 1) {
        add_unary(r);
        return;
    }
    char *w = weight(r, arena_printf(r->arena, "1,%d,%d", gates * h, p.dim[0]), 0.3);
    char *u = weight(r, arena_printf(r->arena, "1,%d,%d", gates * h, h), 0.3);
    char *b = weight(r, arena_printf(r->arena, "1,%d", 2 * gates * h), 0.3);
    p = (Place){.n = p.n, .c = 1, .spatial = 2, .dim = {p.c, h}};
    layer(r, ops[which],
          arena_printf(r->arena, "hidden_size=%d, direction=\"%s\"", h,
                       below(r, 2) ? "forward" : "reverse"),
          arena_printf(r->arena, "%s, %s, %s, %s", current(r), w, u, b), p);
}

/* Global pooling and a dense layer end the network. */
static void add_head(Net *r)
{
    Place p = r->at[r->last];
    int classes = between(r, 1, 20);
    for (int i = 0; i < p.spatial; i++)
        p.dim[i] = 1;
    layer(r, below(r, 2) ? "GlobalAveragePool" : "GlobalMaxPool", "", current(r), p);
    r->nodes = arena_printf(r->arena, "%s  flat = Flatten(%s)\n", r->nodes, current(r));
    char *w = weight(r, arena_printf(r->arena, "%d,%d", classes, p.c), 1);
    char *b = weight(r, arena_printf(r->arena, "%d", classes), 1);
    p.c = classes;
    p.spatial = 0;
    layer(r, "Gemm", "transB=1", arena_printf(r->arena, "flat, %s, %s", w, b), p);
}

static void add_layer(Net *r)
{
    static void (*const layers[])(Net *) = {
        add_conv,           add_conv,   add_conv,      add_conv,   add_unary,  add_unary,
        add_pool,           add_pool,   add_scale,     add_join,   add_join,   add_batch_norm,
        add_conv_transpose, add_pad,    add_lrn,       add_pad,    add_resize, add_softmax,
        add_transpose,      add_slice,  add_matmul,    add_pieces, add_pieces, add_norm,
        add_norm,           add_reduce, add_recurrence};
    layers[below(r, (int)(sizeof layers / sizeof layers[0]))](r);
}

/* Keeps the test fast. */
static bool is_large(const Place *p)
{
    int n = p->n * p->c;
    for (int i = 0; i < p->spatial; i++)
        n *= p->dim[i];
    return n > 20000;
}

char *random_net(Arena *a, uint64_t seed)
{
    Net r = {.arena = a, .state = seed};
    r.weights = arena_strdup(a, " float zero = {0}, float three = {3}, float six = {6}");
    r.n_weights = 3;
    Place p = {.n = below(&r, 5) ? 1 : 2, .c = between(&r, 1, below(&r, 2) ? 6 : 35)};
    p.spatial = below(&r, 6) ? 2 : between(&r, 1, 3);
    for (int i = 0; i < p.spatial; i++)
        p.dim[i] = below(&r, 5) ? between(&r, 2, 14) : 1;
    r.at[0] = p;
    r.nodes = arena_strdup(a, "");
    int layers = between(&r, 1, MAX_LAYERS);
    for (int i = 0; i < layers && (i == 0 || !is_large(&r.at[r.last])); i++)
        add_layer(&r);
    if (below(&r, 4) == 0)
        add_head(&r);
    return arena_printf(a,
                        "<ir_version: 8, opset_import: [\"\" : 20]>\n"
                        "g (float[%d,%d,%s] v0) => (float[] v%d)%s%s%s {\n%s}\n",
                        p.n, p.c, list(&r, p.dim, p.spatial), r.last, r.n_weights ? " <" : "",
                        r.weights, r.n_weights ? ">" : "", r.nodes);
}
