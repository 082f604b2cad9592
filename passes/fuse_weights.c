/* Per-channel constants into weights: y = x * scale + shift behind Conv, ConvTranspose, Gemm and
 * MatMul becomes scaled weights and a new bias.
 *
 * BatchNormalization, and Mul, Div, Add and Sub with a constant that has one value a channel (or
 * one for all), are all seen as one affine map of the channels. It is taken over when the node in
 * front is read by nobody else and has constant weights. The arithmetic is in double precision,
 * rounded once. A BatchNormalization with nothing in front to take it becomes Mul and Add, which
 * other nodes can take as epilogue steps. */
#include "passes/channel_map.h"

/* Where the channels of the result of a linear node are; -1 when it is none. */
static int channel_axis(const Node *n)
{
    switch (n->op) {
    case OP_Conv:
    case OP_ConvTranspose:
    case OP_Gemm:
        return 1;
    case OP_MatMul:
        return n->in[1]->shape.rank == 2 ? n->out[0]->shape.rank - 1 : -1;
    default:
        return -1;
    }
}

/* ---- the linear node that takes it ---- */

Value *linear_bias(const Node *n)
{
    return n->op != OP_MatMul && n->n_in > 2 ? n->in[2] : NULL;
}

bool linear_is_open(const Node *n)
{
    if (n->dead || channel_axis(n) < 0 || n->n_epilogue || !value_is_f32_constant(n->in[1]))
        return false;
    return n->out[0]->dtype == DT_F32 &&
           (linear_bias(n) == NULL || value_is_f32_constant(linear_bias(n)));
}

static bool can_take(const Node *n, const Node *user, const ChannelMap *a)
{
    if (!linear_is_open(n))
        return false;
    if (n->op == OP_MatMul && channel_map_shifts(a) && n->in[0]->shape.rank != 2)
        return false; /* there is no bias to put it in */
    return value_read_once(n->out[0]) && shape_equal(&n->out[0]->shape, &user->out[0]->shape);
}

static float *scale_run(float *to, const float **from, int64_t n, double factor)
{
    for (int64_t i = 0; i < n; i++)
        to[i] = (float)((double)(*from)[i] * factor);
    *from += n;
    return to + n;
}

/* Weights lie as rows of equal length: the channel is the row of Conv [OC][…] and of a transposed
 * product [N][K]; of ConvTranspose [IC][OCg][taps] it is the group of IC with the index in OCg; of
 * a product [K][N] it is the column. */
static void scale_weights(Fuse *f, Node *n, const ChannelMap *a)
{
    const Tensor *old = n->in[1]->constant;
    const Shape *s = &old->shape;
    Tensor *t = tensor_new(f->g->arena, DT_F32, s);
    const float *from = old->data;
    float *to = t->data;
    bool transposed = n->op == OP_ConvTranspose;
    bool by_row = n->op == OP_Conv || (n->op == OP_Gemm && n->params.gemm.trans_b);
    int64_t run = by_row ? shape_range_numel(s, 1, s->rank)
                         : shape_range_numel(s, 2, s->rank); /* taps; 1 for a column */
    for (int64_t r = 0; r < s->dim[0]; r++) {
        int64_t first = transposed ? r / (s->dim[0] / n->params.conv.group) * s->dim[1] : 0;
        if (by_row)
            to = scale_run(to, &from, run, a->scale[r]);
        for (int64_t c = 0; !by_row && c < s->dim[1]; c++)
            to = scale_run(to, &from, run, a->scale[first + c]);
    }
    n->in[1] = graph_constant(f->g, n->in[1]->name, t);
}

void linear_map_bias(Fuse *f, Node *n, const ChannelMap *a)
{
    const Value *old = linear_bias(n);
    Shape shape = {1, {a->channels}};
    Tensor *t = tensor_new(f->g->arena, DT_F32, &shape);
    double beta = n->op == OP_Gemm ? n->params.gemm.beta : 1;
    bool one = old && shape_numel(&old->shape) == 1;
    for (int64_t c = 0; c < a->channels; c++) {
        double bias = old ? beta * tensor_get_f64(old->constant, one ? 0 : c) : 0;
        tensor_set_f64(t, c, bias * a->scale[c] + a->shift[c]);
    }
    if (n->op == OP_MatMul) {
        n->op = OP_Gemm;
        n->params.gemm = (GemmParams){1, 1, false, false};
    }
    if (n->op == OP_Gemm)
        n->params.gemm.beta = 1;
    Value *bias = graph_constant(f->g, old ? old->name : NULL, t);
    if (n->n_in > 2)
        n->in[2] = bias;
    else
        node_add_input(f->g, n, bias);
}

/* The linear node whose result `n` reads; NULL when there is none. */
static Node *linear_operand(const Node *n)
{
    for (int i = 0; i < n->n_in && i < 2; i++)
        if (n->in[i] && n->in[i]->def && channel_axis(n->in[i]->def) >= 0)
            return n->in[i]->def;
    return NULL;
}

bool fuse_weights(Fuse *f, Node *n)
{
    ChannelMap a;
    Node *linear = linear_operand(n);
    if (linear == NULL || !channel_map_of(f, n, channel_axis(linear), &a) ||
        a.x != linear->out[0] || !channel_map_is_finite(&a) || !can_take(linear, n, &a))
        return false;
    if (channel_map_scales(&a))
        scale_weights(f, linear, &a);
    if (channel_map_shifts(&a) || linear_bias(linear))
        linear_map_bias(f, linear, &a);
    take_result(linear, n);
    return true;
}

/* ---- BatchNormalization on its own ---- */

/* The entries as a constant of `rank` axes that broadcasts along the channels. */
static Value *channel_constant(Fuse *f, const char *name, const double *entries, int64_t channels,
                               int rank)
{
    Shape shape = {rank, {1}};
    for (int i = 0; i < rank; i++)
        shape.dim[i] = i == 1 ? channels : 1;
    Tensor *t = tensor_new(f->g->arena, DT_F32, &shape);
    for (int64_t c = 0; c < channels; c++)
        tensor_set_f64(t, c, entries[c]);
    return graph_constant(f->g, name, t);
}

bool split_batch_norm(Fuse *f, Node *n)
{
    ChannelMap a;
    if (n->op != OP_BatchNormalization || !channel_map_of(f, n, 1, &a))
        return false;
    Value *result = n->out[0];
    int rank = result->shape.rank;
    Value *scale = channel_constant(f, "scale", a.scale, a.channels, rank);
    Value *shift = channel_constant(f, "shift", a.shift, a.channels, rank);
    Value *scaled = graph_value(f->g, NULL, DT_F32, &result->shape);
    n->op = OP_Mul;
    n->n_in = 2;
    n->in[1] = scale;
    n->out[0] = scaled;
    scaled->def = n;
    Node *add = graph_node(f->g, OP_Add, n->name, (Value *[]){scaled, shift}, 2, &result, 1);
    add->id = n->id;
    return true;
}
