/* Per-channel constants into weights: y = x * scale + shift behind Conv, ConvTranspose, Gemm and
 * MatMul becomes scaled weights and a new bias.
 *
 * BatchNormalization, and Mul, Div, Add and Sub with a constant that has one value a channel (or
 * one for all), are all seen as one affine map of the channels. It is taken over when the node in
 * front is read by nobody else and has constant weights. The arithmetic is in double precision,
 * rounded once. A BatchNormalization with nothing in front to take it becomes Mul and Add, which
 * other nodes can take as epilogue steps. */
#include "passes/fuse.h"

#include <math.h>

/* y = x * scale + shift, one entry a channel. */
typedef struct Affinity {
    const Value *x;
    int64_t channels;
    double *scale, *shift;
} Affinity;

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

/* ---- the affine map ---- */

static Affinity new_affinity(Fuse *f, const Value *x, int64_t channels)
{
    Affinity a = {x, channels, ARENA_ARRAY(f->g->arena, double, channels),
                  ARENA_ARRAY(f->g->arena, double, channels)};
    for (int64_t c = 0; c < channels; c++)
        a.scale[c] = 1;
    return a;
}

static bool batch_norm_affinity(Fuse *f, const Node *n, Affinity *a)
{
    if (n->n_out != 1 || n->in[0]->shape.rank < 2)
        return false;
    for (int i = 1; i < 5; i++)
        if (!value_is_f32_constant(n->in[i]))
            return false;
    *a = new_affinity(f, n->in[0], n->in[0]->shape.dim[1]);
    for (int64_t c = 0; c < a->channels; c++) {
        double variance = tensor_get_f64(n->in[4]->constant, c) + n->params.norm.epsilon;
        a->scale[c] = tensor_get_f64(n->in[1]->constant, c) / sqrt(variance);
        a->shift[c] = tensor_get_f64(n->in[2]->constant, c) -
                      tensor_get_f64(n->in[3]->constant, c) * a->scale[c];
    }
    return true;
}

static void set_affine(Affinity *a, OpKind op, bool x_first, int64_t c, double operand)
{
    if (op == OP_Mul)
        a->scale[c] = operand;
    else if (op == OP_Div)
        a->scale[c] = 1 / operand;
    else if (op == OP_Add)
        a->shift[c] = operand;
    else { /* Sub */
        a->shift[c] = x_first ? -operand : operand;
        a->scale[c] = x_first ? 1 : -1;
    }
}

/* Mul, Div, Add, Sub of x, made by a linear node, with a constant. */
static bool binary_affinity(Fuse *f, const Node *n, Affinity *a)
{
    if ((n->op != OP_Mul && n->op != OP_Div && n->op != OP_Add && n->op != OP_Sub) || n->n_in != 2)
        return false;
    int k = n->in[0]->constant ? 1 : 0; /* operand k is x */
    const Value *x = n->in[k], *constant = n->in[1 - k];
    if (!value_is_f32_constant(constant) || x->def == NULL || (n->op == OP_Div && k == 1))
        return false;
    int axis = channel_axis(x->def);
    if (axis < 0 || !operand_per_channel(constant, &x->shape, axis))
        return false;
    *a = new_affinity(f, x, x->shape.dim[axis]);
    bool one = shape_numel(&constant->shape) == 1;
    for (int64_t c = 0; c < a->channels; c++)
        set_affine(a, n->op, k == 0, c, tensor_get_f64(constant->constant, one ? 0 : c));
    return true;
}

static bool is_finite(const Affinity *a)
{
    for (int64_t c = 0; c < a->channels; c++)
        if (!isfinite(a->scale[c]) || !isfinite(a->shift[c]))
            return false;
    return true;
}

static bool scales(const Affinity *a)
{
    for (int64_t c = 0; c < a->channels; c++)
        if (a->scale[c] != 1)
            return true;
    return false;
}

static bool shifts(const Affinity *a)
{
    for (int64_t c = 0; c < a->channels; c++)
        if (a->shift[c] != 0)
            return true;
    return false;
}

/* ---- the linear node that takes it ---- */

static Value *bias_of(const Node *n)
{
    return n->op != OP_MatMul && n->n_in > 2 ? n->in[2] : NULL;
}

static bool can_take(const Node *n, const Node *user, const Affinity *a)
{
    if (n->dead || channel_axis(n) < 0 || n->n_epilogue || !value_is_f32_constant(n->in[1]))
        return false;
    if (bias_of(n) && !value_is_f32_constant(bias_of(n)))
        return false;
    if (n->op == OP_MatMul && shifts(a) && n->in[0]->shape.rank != 2)
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
static void scale_weights(Fuse *f, Node *n, const Affinity *a)
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

static void set_bias(Fuse *f, Node *n, const Affinity *a)
{
    const Value *old = bias_of(n);
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

bool fuse_weights(Fuse *f, Node *n)
{
    Affinity a;
    bool affine =
        n->op == OP_BatchNormalization ? batch_norm_affinity(f, n, &a) : binary_affinity(f, n, &a);
    if (!affine || !is_finite(&a) || a.x->def == NULL || !can_take(a.x->def, n, &a))
        return false;
    Node *linear = a.x->def;
    if (n->out[0]->dtype != DT_F32)
        return false;
    if (scales(&a))
        scale_weights(f, linear, &a);
    if (shifts(&a) || bias_of(linear))
        set_bias(f, linear, &a);
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
    Affinity a;
    if (n->op != OP_BatchNormalization || n->out[0]->dtype != DT_F32 ||
        !batch_norm_affinity(f, n, &a))
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
