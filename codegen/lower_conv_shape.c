/* Geometry of convolutions: windows normalised to three axes, the phases of transposed
 * convolutions, and the division of a row into tiles that meet the image's border alike.
 *
 * Nothing here builds code, but for the loops and coordinates that every algorithm needs. */
#include "codegen/lower_conv.h"

#include <string.h>

/* Remainder in 0..b. */
static int64_t modulo(int64_t a, int64_t b)
{
    int64_t r = a % b;
    return r < 0 ? r + b : r;
}

/* Extents and channel counts; the axes still have no taps. */
static ConvShape base_shape(const Node *n)
{
    const Shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    const Window *w = &n->params.conv.w;
    ConvShape s = {.batch = y->dim[0],
                   .ic = x->dim[1],
                   .oc = y->dim[1],
                   .group = n->params.conv.group,
                   .rank = y->rank};
    s.icg = s.ic / s.group;
    s.ocg = s.oc / s.group;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        int j = i - (MAX_SPATIAL - w->n);
        s.axis[i] = (ConvAxis){.in = j < 0 ? 1 : x->dim[2 + j],
                               .out = j < 0 ? 1 : y->dim[2 + j],
                               .kernel = j < 0 ? 1 : w->kernel[j]};
    }
    return s;
}

ConvShape conv_shape(const Node *n)
{
    const Window *w = &n->params.conv.w;
    ConvShape s = base_shape(n);
    for (int i = 0; i < MAX_SPATIAL; i++) {
        int j = i - (MAX_SPATIAL - w->n);
        ConvAxis *a = &s.axis[i];
        a->count = a->out;
        a->step = 1;
        a->taps = a->kernel;
        a->tap_step = 1;
        a->in_step = j < 0 ? 1 : w->stride[j];
        a->off = j < 0 ? 0 : -w->pad_begin[j];
        a->off_step = j < 0 ? 1 : w->dilation[j];
    }
    return s;
}

/* Output position o takes kernel element k from input (o + pad - k * dilation) / stride, where
 * that is a whole number: every (stride / gcd)-th k from the first that fits the phase. */
static void transpose_axis(ConvAxis *a, int64_t stride, int64_t dilation, int64_t pad,
                           int64_t phase)
{
    a->first = phase;
    a->step = stride;
    a->count = phase < a->out ? ceil_div(a->out - phase, stride) : 0;
    a->in_step = 1;
    a->taps = 0;
    a->tap_step = 1;
    int64_t k = 0;
    while (k < a->kernel && k < stride && modulo(phase + pad - k * dilation, stride) != 0)
        k++;
    if (k >= a->kernel || k >= stride)
        return;
    int64_t period = 1;
    while (period * dilation % stride != 0)
        period++;
    a->tap = k;
    a->tap_step = period;
    a->taps = ceil_div(a->kernel - k, period);
    a->off = (phase + pad - k * dilation) / stride; /* exact */
    a->off_step = -(period * dilation / stride);
}

ConvShape conv_transpose_shape(const Node *n, const int64_t phase[MAX_SPATIAL])
{
    const Window *w = &n->params.conv.w;
    ConvShape s = base_shape(n);
    for (int i = 0; i < MAX_SPATIAL; i++) {
        int j = i - (MAX_SPATIAL - w->n);
        if (j < 0)
            transpose_axis(&s.axis[i], 1, 1, 0, phase[i]);
        else
            transpose_axis(&s.axis[i], w->stride[j], w->dilation[j], w->pad_begin[j], phase[i]);
    }
    return s;
}

void conv_strides(const Node *n, int64_t stride[MAX_SPATIAL])
{
    const Window *w = &n->params.conv.w;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        int j = i - (MAX_SPATIAL - w->n);
        stride[i] = j < 0 ? 1 : w->stride[j];
    }
}

/* Whether positions of the space may be counted through all spatial axes at once: each operand
 * moves along all of them or along none. */
static bool operands_flat(const Node *n)
{
    const Shape *y = &n->out[0]->shape;
    for (int i = 0; i < n->n_epilogue; i++) {
        if (n->epilogue[i].operand < 0)
            continue;
        const Shape *v = &n->in[n->epilogue[i].operand]->shape;
        bool same = true, none = true;
        for (int axis = 2; axis < y->rank; axis++) {
            int j = axis - (y->rank - v->rank);
            int64_t extent = j < 0 ? 1 : v->dim[j];
            same = same && extent == y->dim[axis];
            none = none && extent == 1;
        }
        if (!same && !none)
            return false;
    }
    return true;
}

bool conv_flatten(const Node *n, ConvShape *s)
{
    for (int i = 0; i < MAX_SPATIAL; i++) {
        const ConvAxis *a = &s->axis[i];
        if (a->kernel != 1 || a->in_step != 1 || a->step != 1 || a->off != 0 || a->in != a->out)
            return false;
    }
    if (!operands_flat(n))
        return false;
    int64_t pixels = conv_out_numel(s);
    ConvAxis row = s->axis[MAX_SPATIAL - 1];
    ConvAxis one = row;
    one.in = one.out = one.count = 1;
    row.in = row.out = row.count = pixels;
    s->axis[0] = s->axis[1] = one;
    s->axis[2] = row;
    return true;
}

const Value *bias_operand(const Node *n)
{
    for (int i = 0; i < n->n_epilogue; i++)
        if (n->epilogue[i].operand == 2)
            return NULL; /* the convolution itself has two operands */
    return n->n_in > 2 ? n->in[2] : NULL;
}

int64_t conv_in_numel(const ConvShape *s)
{
    return s->axis[0].in * s->axis[1].in * s->axis[2].in;
}

int64_t conv_out_numel(const ConvShape *s)
{
    return s->axis[0].out * s->axis[1].out * s->axis[2].out;
}

int64_t conv_kernel_numel(const ConvShape *s)
{
    return s->axis[0].kernel * s->axis[1].kernel * s->axis[2].kernel;
}

/* ---- runs ---- */

/* Input position of pixel q for tap j. */
static int64_t in_at(const ConvAxis *a, int64_t q, int64_t j)
{
    return a->in_step * q + a->off + a->off_step * j;
}

static bool inside(const ConvAxis *a, int64_t q, int64_t j)
{
    int64_t i = in_at(a, q, j);
    return i >= 0 && i < a->in;
}

/* How many positions `at`, at + step, … are on the same side of the image as the first, at most
 * `most`. */
static int64_t same_side(const ConvAxis *a, int64_t at, int64_t step, int64_t most)
{
    if (at >= a->in)
        return most;
    int64_t n = at >= 0 ? ceil_div(a->in - at, step) : ceil_div(-at, step);
    if (at < 0 && n < most && at + n * step >= a->in) /* a step over the whole image */
        return most;
    return n < most ? n : most;
}

/* How many tiles from q on, `most` at most, read inside the image at the same taps and pixels. */
static int64_t same_tiles(const ConvAxis *a, int64_t q, int width, int64_t most)
{
    for (int64_t j = 0; j < a->taps; j++)
        for (int p = 0; p < width; p++)
            most = same_side(a, in_at(a, q + p, j), width * a->in_step, most);
    return most;
}

static int width_at(const ConvAxis *a, int64_t q, int tile)
{
    return a->count - q < tile ? (int)(a->count - q) : tile;
}

bool conv_next_run(const ConvAxis *a, int tile, TileRun *r)
{
    int64_t q = r->q + r->tiles * r->width;
    if (q >= a->count)
        return false;
    int width = width_at(a, q, tile);
    *r = (TileRun){q, same_tiles(a, q, width, (a->count - q) / width), width};
    return true;
}

/* Pixels of the tile that read inside the image for tap j; they are adjacent. */
static void pixels_of_tap(const ConvAxis *a, int64_t q, int width, int64_t j, int *first, int *last)
{
    *first = 0;
    while (*first < width && !inside(a, q + *first, j))
        (*first)++;
    *last = *first;
    while (*last < width && inside(a, q + *last, j))
        (*last)++;
}

bool conv_next_taps(const ConvAxis *a, int64_t q, int width, TapRun *r)
{
    int64_t j = r->j + r->taps;
    int first = 0, last = 0;
    for (; j < a->taps; j++) {
        pixels_of_tap(a, q, width, j, &first, &last);
        if (first < last)
            break;
    }
    if (j >= a->taps)
        return false;
    *r = (TapRun){j, 0, first, last};
    while (j < a->taps && first == r->first && last == r->last) {
        r->taps++;
        if (++j < a->taps)
            pixels_of_tap(a, q, width, j, &first, &last);
    }
    return true;
}

Affine conv_in_at(const ConvAxis *a, Affine q, int64_t pixel, Affine j)
{
    Affine at = aff_add(aff_mul(q, a->in_step), aff_mul(j, a->off_step));
    return aff_addc(at, a->off + a->in_step * pixel);
}

/* ---- loops, coordinates, names ---- */

Affine conv_loop(KBuilder *b, const char *name, int64_t trips, KLoop kind, int *depth)
{
    if (trips == 1)
        return aff(0);
    (*depth)++;
    return aff_var(kb_for(b, name, 0, trips, 1, kind));
}

void conv_end(KBuilder *b, int depth)
{
    while (depth-- > 0)
        kb_end(b);
}

Affine conv_turn_loop(KBuilder *b, const char *name, int64_t n, int parts, Affine part, int *depth)
{
    Affine at = aff_mul(conv_loop(b, name, ceil_div(n, parts), KL_SERIAL, depth), parts);
    at = aff_add(at, part);
    if (n % parts != 0) {
        kb_if(b, aff_sub(aff(n - 1), at));
        ++*depth;
    }
    return at;
}

Coord conv_coord(const Node *n, const ConvShape *s, Affine batch, Affine c, const Affine q[3],
                 int lanes)
{
    const Shape *y = &n->out[0]->shape;
    Coord at = {.rank = s->rank, .block = lanes, .vec_axis = lanes > 1 ? 1 : -1};
    at.lanes = at.active = lanes;
    at.dim[0] = batch;
    at.dim[1] = c;
    for (int axis = 2; axis < s->rank; axis++) {
        int i = axis - s->rank + MAX_SPATIAL;
        const ConvAxis *a = &s->axis[i];
        at.dim[axis] = aff_addc(aff_mul(q[i], a->step), a->first);
    }
    /* A flattened row is counted along the last axis that moves. */
    int last = s->rank - 1;
    while (last > 2 && y->dim[last] == 1 && s->axis[2].out > 1)
        last--;
    if (last != s->rank - 1 && s->axis[2].out != y->dim[s->rank - 1]) {
        at.dim[last] = at.dim[s->rank - 1];
        at.dim[s->rank - 1] = aff(0);
    }
    return at;
}

const char *conv_kernel_name(Arena *a, const Node *n, const char *what)
{
    const Window *w = &n->params.conv.w;
    const Shape *x = &n->in[0]->shape;
    const char *name = arena_strdup(a, what), *sep = "";
    for (int i = 0; i < w->n; i++, sep = "x")
        name = arena_printf(a, "%s%s%lld", name, sep, (long long)w->kernel[i]);
    name = arena_printf(a, "%ss%lld_", name, (long long)w->stride[w->n - 1]);
    sep = "";
    for (int i = 1; i < x->rank; i++, sep = "x")
        name = arena_printf(a, "%s%s%lld", name, sep, (long long)x->dim[i]);
    return arena_printf(a, "%s_%lld", name, (long long)n->out[0]->shape.dim[1]);
}
