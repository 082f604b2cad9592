/* What a node does to each channel: BatchNormalization, and Mul, Div, Add and Sub with a constant
 * that has one value a channel (or one for all), are all seen as one affine map of the channels.
 * The arithmetic is in double precision. */
#include "passes/channel_map.h"

#include <math.h>

ChannelMap channel_map_new(Fuse *f, Value *x, int64_t channels)
{
    ChannelMap a = {x, channels, ARENA_ARRAY(f->g->arena, double, channels),
                    ARENA_ARRAY(f->g->arena, double, channels)};
    for (int64_t c = 0; c < channels; c++)
        a.scale[c] = 1;
    return a;
}

static bool batch_norm_map(Fuse *f, const Node *n, ChannelMap *a)
{
    if (n->n_out != 1 || n->in[0]->shape.rank < 2)
        return false;
    for (int i = 1; i < 5; i++)
        if (!value_is_f32_constant(n->in[i]))
            return false;
    *a = channel_map_new(f, n->in[0], n->in[0]->shape.dim[1]);
    for (int64_t c = 0; c < a->channels; c++) {
        double variance = tensor_get_f64(n->in[4]->constant, c) + n->params.norm.epsilon;
        a->scale[c] = tensor_get_f64(n->in[1]->constant, c) / sqrt(variance);
        a->shift[c] = tensor_get_f64(n->in[2]->constant, c) -
                      tensor_get_f64(n->in[3]->constant, c) * a->scale[c];
    }
    return true;
}

static void set_affine(ChannelMap *a, OpKind op, bool x_first, int64_t c, double operand)
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

/* Mul, Div, Add, Sub of x with a constant that has one value a channel, or one for all. */
static bool binary_map(Fuse *f, const Node *n, int axis, ChannelMap *a)
{
    if ((n->op != OP_Mul && n->op != OP_Div && n->op != OP_Add && n->op != OP_Sub) || n->n_in != 2)
        return false;
    int k = n->in[0]->constant ? 1 : 0; /* operand k is x */
    Value *x = n->in[k];
    const Value *constant = n->in[1 - k];
    if (!value_is_f32_constant(constant) || (n->op == OP_Div && k == 1) || x->constant)
        return false;
    if (axis >= x->shape.rank || !shape_equal(&x->shape, &n->out[0]->shape) ||
        !operand_per_channel(constant, &x->shape, axis))
        return false;
    *a = channel_map_new(f, x, x->shape.dim[axis]);
    bool one = shape_numel(&constant->shape) == 1;
    for (int64_t c = 0; c < a->channels; c++)
        set_affine(a, n->op, k == 0, c, tensor_get_f64(constant->constant, one ? 0 : c));
    return true;
}

bool channel_map_is_finite(const ChannelMap *a)
{
    for (int64_t c = 0; c < a->channels; c++)
        if (!isfinite(a->scale[c]) || !isfinite(a->shift[c]))
            return false;
    return true;
}

bool channel_map_scales(const ChannelMap *a)
{
    for (int64_t c = 0; c < a->channels; c++)
        if (a->scale[c] != 1)
            return true;
    return false;
}

bool channel_map_shifts(const ChannelMap *a)
{
    for (int64_t c = 0; c < a->channels; c++)
        if (a->shift[c] != 0)
            return true;
    return false;
}

bool channel_map_of(Fuse *f, const Node *n, int axis, ChannelMap *a)
{
    if (n->n_epilogue || n->out[0]->dtype != DT_F32)
        return false;
    if (n->op == OP_BatchNormalization)
        return axis == 1 && batch_norm_map(f, n, a);
    return binary_map(f, n, axis, a);
}
