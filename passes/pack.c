/* pack: constant weights in the exact order in which the kernels read them (ir/packing.h).
 *
 * In: a graph with plans and layouts. Out: plan.packed_weight and plan.packed_bias of Conv,
 * ConvTranspose, Gemm and MatMul with constant f32 weights; nothing is left to do at start-up.
 * Weights that are too small to matter become zero. The logical constants stay for the interpreter
 * and do not reach the program. */
#include "ir/winograd.h"
#include "passes/rewrite.h"

static Tensor *new_packed(Graph *g, int64_t n)
{
    Shape shape = {1, {n}};
    return tensor_new(g->arena, DT_F32, &shape);
}

/* ---- convolution ---- */

/* The weights of Conv [OC][ICg][taps] and ConvTranspose [IC][OCg][taps] seen alike. */
typedef struct ConvWeights {
    const float *data;
    int64_t group, icg, ocg, taps;
    int64_t g_stride, ic_stride, oc_stride;
} ConvWeights;

static ConvWeights conv_weights(const Node *n)
{
    const Shape *s = &n->in[1]->shape;
    int64_t group = n->params.conv.group;
    ConvWeights w = {.data = n->in[1]->constant->data, .group = group};
    w.taps = shape_range_numel(s, 2, s->rank);
    w.icg = n->in[0]->shape.dim[1] / group;
    w.ocg = n->out[0]->shape.dim[1] / group;
    w.g_stride = w.icg * w.ocg * w.taps;
    bool transposed = n->op == OP_ConvTranspose;
    w.oc_stride = transposed ? w.taps : w.icg * w.taps;
    w.ic_stride = transposed ? w.ocg * w.taps : w.taps;
    return w;
}

/* `width` output channels of one tap and input channel; those beyond OCg are zero. */
static float *pack_channels(const ConvWeights *w, float *to, const float *from, int64_t oc,
                            int64_t width)
{
    int64_t n = w->ocg - oc < width ? w->ocg - oc : width;
    for (int64_t i = 0; i < n; i++)
        to[i] = from[i * w->oc_stride];
    return to + width;
}

/* [group][octile][icblock][taps][ic][T L]. */
static Tensor *pack_direct(Graph *g, const Node *n)
{
    ConvWeights w = conv_weights(n);
    int64_t width = (int64_t)n->plan.lanes * n->plan.tile_n, tiles = ceil_div(w.ocg, width);
    int block = n->in[0]->layout.block;
    int64_t step = block > 1 ? block : w.icg;
    Tensor *t = new_packed(g, w.group * tiles * w.icg * w.taps * width);
    float *to = t->data;
    for (int64_t gr = 0; gr < w.group; gr++)
        for (int64_t oc = 0; oc < tiles * width; oc += width)
            for (int64_t first = 0; first < w.icg; first += step) {
                int64_t last = first + step < w.icg ? first + step : w.icg;
                for (int64_t tap = 0; tap < w.taps; tap++)
                    for (int64_t ic = first; ic < last; ic++)
                        to = pack_channels(&w, to,
                                           w.data + gr * w.g_stride + oc * w.oc_stride +
                                               ic * w.ic_stride + tap,
                                           oc, width);
            }
    return t;
}

/* [channel block][taps][L]. */
static Tensor *pack_depthwise(Graph *g, const Node *n)
{
    ConvWeights w = conv_weights(n);
    int64_t lanes = n->plan.lanes, blocks = ceil_div(w.group, lanes);
    Tensor *t = new_packed(g, blocks * w.taps * lanes);
    float *to = t->data;
    for (int64_t c = 0; c < w.group; c++)
        for (int64_t tap = 0; tap < w.taps; tap++)
            to[((c / lanes) * w.taps + tap) * lanes + c % lanes] = w.data[c * w.taps + tap];
    return t;
}

/* [octile][t][t][ic][T L]. */
static Tensor *pack_winograd(Graph *g, const Node *n)
{
    ConvWeights w = conv_weights(n);
    const WinogradForm *form = winograd_form(n->plan.tile_out);
    int64_t points = (int64_t)form->t * form->t, width = (int64_t)n->plan.lanes * n->plan.tile_n;
    Tensor *t = new_packed(g, ceil_div(w.ocg, width) * points * w.icg * width);
    float *to = t->data;
    for (int64_t first = 0; first < w.ocg; first += width, to += points * w.icg * width)
        for (int64_t ic = 0; ic < w.icg; ic++)
            for (int64_t oc = first; oc < w.ocg && oc < first + width; oc++)
                winograd_filter(form, w.data + (oc * w.icg + ic) * 9, to + ic * width + oc - first,
                                (long)(w.icg * width));
    return t;
}

/* The bias in blocks of `width` for each group of `channels`. */
static Tensor *pack_bias(Graph *g, const Value *bias, int64_t group, int64_t channels,
                         int64_t width)
{
    if (bias == NULL)
        return NULL;
    const float *from = bias->constant->data;
    int64_t padded = ceil_div(channels, width) * width;
    Tensor *t = new_packed(g, group * padded);
    float *to = t->data;
    for (int64_t gr = 0; gr < group; gr++)
        for (int64_t c = 0; c < channels; c++)
            to[gr * padded + c] = from[gr * channels + c];
    return t;
}

static void pack_conv(Graph *g, Node *n)
{
    Plan *p = &n->plan;
    const Value *bias = n->n_in > 2 && node_own_inputs(n) > 2 ? n->in[2] : NULL;
    int64_t group = n->params.conv.group, channels = n->out[0]->shape.dim[1];
    if (bias && !value_is_f32_constant(bias))
        return;
    switch (p->algo) {
    case ALGO_DIRECT:
        p->packed_weight = pack_direct(g, n);
        p->packed_bias = pack_bias(g, bias, group, channels / group, (int64_t)p->lanes * p->tile_n);
        break;
    case ALGO_WINOGRAD:
        p->packed_weight = pack_winograd(g, n);
        p->packed_bias = pack_bias(g, bias, 1, channels, (int64_t)p->lanes * p->tile_n);
        break;
    case ALGO_DEPTHWISE:
        p->packed_weight = pack_depthwise(g, n);
        p->packed_bias = pack_bias(g, bias, 1, channels, p->lanes);
        break;
    default:
        p->packed_weight = n->in[1]->constant;
        p->packed_bias = bias ? bias->constant : NULL;
        break;
    }
}

/* ---- matrix products ---- */

enum { DEPTH_STEP = 64 }; /* rows copied at a time, so that both sides stay in the cache */

/* A matrix [K, N], or [N, K] when transposed. */
typedef struct Columns {
    const float *data;
    int64_t depth, cols, k_stride, n_stride;
    float alpha;
} Columns;

/* Rows k.. of columns first..last to `to` [depth][width]. */
static void pack_rows(const Columns *m, float *to, int64_t k, int64_t first, int64_t last,
                      int64_t width)
{
    int64_t end = k + DEPTH_STEP < m->depth ? k + DEPTH_STEP : m->depth;
    for (int64_t c = first; c < last; c++)
        for (int64_t i = k; i < end; i++)
            to[i * width + c - first] = m->alpha * m->data[c * m->n_stride + i * m->k_stride];
}

/* [column tile][K][T L], times alpha. */
static Tensor *pack_columns(Graph *g, const Node *n, bool transposed, double alpha)
{
    const Shape *s = &n->in[1]->shape;
    Columns m = {.data = n->in[1]->constant->data, .alpha = (float)alpha};
    m.depth = s->dim[transposed ? 1 : 0];
    m.cols = s->dim[transposed ? 0 : 1];
    m.k_stride = transposed ? 1 : m.cols;
    m.n_stride = transposed ? m.depth : 1;
    int64_t width = (int64_t)n->plan.lanes * n->plan.tile_n;
    Tensor *t = new_packed(g, ceil_div(m.cols, width) * m.depth * width);
    float *to = t->data;
    for (int64_t first = 0; first < m.cols; first += width) {
        int64_t last = first + width < m.cols ? first + width : m.cols;
        for (int64_t k = 0; k < m.depth; k += DEPTH_STEP)
            pack_rows(&m, to, k, first, last, width);
        to += m.depth * width;
    }
    return t;
}

static void pack_gemm(Graph *g, Node *n)
{
    const GemmParams *p = &n->params.gemm;
    Value *c = node_own_inputs(n) > 2 ? n->in[2] : NULL;
    int64_t cols = n->out[0]->shape.dim[1], width = (int64_t)n->plan.lanes * n->plan.tile_n;
    n->plan.packed_weight = pack_columns(g, n, p->trans_b, p->alpha);
    if (c == NULL || !value_is_f32_constant(c))
        return;
    int64_t count = shape_numel(&c->shape);
    if (count != 1 && (count != cols || c->shape.dim[c->shape.rank - 1] != cols))
        return; /* not one row: added by the kernel */
    Tensor *t = new_packed(g, ceil_div(cols, width) * width);
    for (int64_t i = 0; i < cols; i++)
        ((float *)t->data)[i] = (float)(p->beta * tensor_get_f64(c->constant, count == 1 ? 0 : i));
    n->plan.packed_bias = t;
}

/* Weights of a half-precision model that are still values of its 16-bit type, which folding may
 * have changed, are stored in it: the kernels widen as they load. */
static const Tensor *store_small(Graph *g, const Tensor *t)
{
    const float *from = t->data;
    int64_t n = shape_numel(&t->shape);
    if (g->half == DT_NONE)
        return t;
    bool f16 = g->half == DT_F16;
    Tensor *small = tensor_new(g->arena, g->half, &t->shape);
    uint16_t *to = small->data;
    for (int64_t i = 0; i < n; i++) {
        to[i] = f16 ? f32_to_f16(from[i]) : f32_to_bf16(from[i]);
        if ((f16 ? f16_to_f32(to[i]) : bf16_to_f32(to[i])) != from[i])
            return t;
    }
    return small;
}

bool pass_pack(Graph *g, const PassOptions *o)
{
    (void)o;
    for (int i = 0; i < g->n_nodes; i++) {
        Node *n = g->nodes[i];
        if (n->n_in < 2 || !value_is_f32_constant(n->in[1]))
            continue;
        if (n->op == OP_Conv || n->op == OP_ConvTranspose)
            pack_conv(g, n);
        else if (n->op == OP_Gemm)
            pack_gemm(g, n);
        else if (n->op == OP_MatMul && n->in[1]->shape.rank == 2)
            n->plan.packed_weight = pack_columns(g, n, false, 1);
        if (n->plan.packed_weight)
            n->plan.packed_weight = store_small(g, n->plan.packed_weight);
    }
    return true;
}
