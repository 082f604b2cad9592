/* Per-channel constants in front of Conv, ConvTranspose, Gemm and MatMul into their weights.
 *
 * W (s x + t) = (W s) x + W t: the scales of the input channels go to the weights, the shifts
 * through them to the bias. A shift must reach every tap: it cannot pass a Conv with padding, whose
 * zeros are not shifted, nor a ConvTranspose, where the taps that an output sees differ. */
#include "passes/channel_map.h"

/* The axis of the input's channels; -1 when the node is not linear. */
static int input_axis(const Node *n)
{
    switch (n->op) {
    case OP_Conv:
    case OP_ConvTranspose:
        return 1;
    case OP_Gemm:
        return n->params.gemm.trans_a ? -1 : 1;
    case OP_MatMul:
        return n->in[1]->shape.rank == 2 && n->in[0]->shape.rank >= 2 ? n->in[0]->shape.rank - 1
                                                                      : -1;
    default:
        return -1;
    }
}

static bool has_pads(const Window *w)
{
    for (int i = 0; i < w->n; i++)
        if (w->pad_begin[i] != 0 || w->pad_end[i] != 0)
            return true;
    return false;
}

static bool takes_shift(const Node *n)
{
    switch (n->op) {
    case OP_Conv:
        return !has_pads(&n->params.conv.w);
    case OP_MatMul: /* it becomes a Gemm */
        return n->in[0]->shape.rank == 2;
    default:
        return n->op == OP_Gemm;
    }
}

/* A weight's place: which channel of the input and of the result it connects. Weights are Conv
 * [OC][IC / group][taps], ConvTranspose [IC][OC / group][taps], a product [K][N] or [N][K]. */
typedef struct Weights {
    int64_t rows, columns, taps, group;
    bool output_rows; /* the rows are channels of the result */
} Weights;

static Weights weights_of(const Node *n)
{
    const Shape *s = &n->in[1]->shape;
    bool conv = n->op == OP_Conv || n->op == OP_ConvTranspose;
    return (Weights){
        .rows = s->dim[0],
        .columns = s->dim[1],
        .taps = shape_range_numel(s, 2, s->rank),
        .group = conv ? n->params.conv.group : 1,
        .output_rows = n->op == OP_Conv || (n->op == OP_Gemm && n->params.gemm.trans_b),
    };
}

/* Scales the weights by their input channels and adds what the shifts give to delta, one entry a
 * channel of the result. */
static void pass_through(Fuse *f, Node *n, const ChannelMap *a, double *delta)
{
    const Weights w = weights_of(n);
    const float *from = n->in[1]->constant->data;
    Tensor *t = tensor_new(f->g->arena, DT_F32, &n->in[1]->shape);
    float *to = t->data;
    for (int64_t r = 0; r < w.rows; r++)
        for (int64_t c = 0; c < w.columns; c++) {
            int64_t base = r / (w.rows / w.group) * w.columns; /* of the group's columns */
            int64_t in = w.output_rows ? base + c : r, out = w.output_rows ? r : base + c;
            for (int64_t k = 0; k < w.taps; k++) {
                delta[out] += (double)*from * a->shift[in];
                *to++ = (float)((double)*from++ * a->scale[in]);
            }
        }
    n->in[1] = graph_constant(f->g, n->in[1]->name, t);
}

bool fuse_inputs(Fuse *f, Node *n)
{
    ChannelMap a;
    int axis = input_axis(n);
    if (axis < 0 || !linear_is_open(n) || !value_read_once(n->in[0]))
        return false;
    Node *map = n->in[0]->def;
    if (map == NULL || map->dead || !channel_map_of(f, map, axis, &a) ||
        !channel_map_is_finite(&a) || (channel_map_shifts(&a) && !takes_shift(n)))
        return false;
    const Weights w = weights_of(n);
    int64_t outputs = w.output_rows ? w.rows : w.columns * w.group;
    ChannelMap bias = channel_map_new(f, NULL, outputs);
    double alpha = n->op == OP_Gemm ? n->params.gemm.alpha : 1;
    pass_through(f, n, &a, bias.shift);
    for (int64_t c = 0; c < outputs; c++)
        bias.shift[c] *= alpha;
    if (channel_map_shifts(&a))
        linear_map_bias(f, n, &bias);
    n->in[0] = a.x;
    map->dead = true;
    graph_index(f->g);
    return true;
}
