/* BatchNormalization on its own (one that follows a convolution is folded into its weights).
 *
 * With constant statistics it is y = x * scale + shift with two tables made here, in double;
 * otherwise the four vectors are read and combined for each element. */
#include "codegen/nest.h"

#include <math.h>

/* Strides of a vector over the channels of the nest's space; `padded` when it has elements for
 * the lanes behind the last channel. */
static void channel_strides(const Nest *nest, const Value *space, int64_t *stride)
{
    for (int i = 0; i < nest->rank; i++)
        stride[i] = 0;
    bool blocked = space->layout.block > 1;
    stride[1] = blocked ? space->layout.block : 1;
    if (blocked)
        stride[nest->rank - 1] = 1;
}

static bool all_constant(const Node *n)
{
    for (int i = 1; i < 5; i++)
        if (n->in[i]->constant == NULL)
            return false;
    return true;
}

/* scale / sqrt(variance + epsilon) and bias - mean * that, padded to whole blocks with zeros. */
static void make_tables(Lower *lw, const Node *n, Tensor **scale, Tensor **shift)
{
    const Value *x = n->in[0];
    int64_t c = x->shape.dim[1], block = x->layout.block > 1 ? x->layout.block : 1;
    Shape padded = {1, {ceil_div(c, block) * block}};
    *scale = tensor_new(lw->arena, x->dtype, &padded);
    *shift = tensor_new(lw->arena, x->dtype, &padded);
    for (int64_t i = 0; i < c; i++) {
        double variance = tensor_get_f64(n->in[4]->constant, i);
        double k = tensor_get_f64(n->in[1]->constant, i) / sqrt(variance + n->params.norm.epsilon);
        tensor_set_f64(*scale, i, k);
        tensor_set_f64(*shift, i,
                       tensor_get_f64(n->in[2]->constant, i) -
                           k * tensor_get_f64(n->in[3]->constant, i));
    }
}

/* NestBody: x * scale + shift. */
static KExpr *scale_shift(const void *user, Lower *lw, KBuilder *b, KExpr *const *x)
{
    (void)user;
    (void)lw;
    return kb_fma(b, x[0], x[1], x[2]);
}

/* NestBody: (x - mean) / sqrt(variance + epsilon) * scale + bias. */
static KExpr *from_statistics(const void *user, Lower *lw, KBuilder *b, KExpr *const *x)
{
    (void)lw;
    const Node *n = user;
    KExpr *epsilon = kb_const(b, x[0]->type, n->params.norm.epsilon);
    KExpr *deviation = kb_un(b, KO_SQRT, kb_bin(b, KO_ADD, x[4], epsilon));
    KExpr *scale = kb_bin(b, KO_DIV, x[1], deviation);
    return kb_fma(b, kb_bin(b, KO_SUB, x[0], x[3]), scale, x[2]);
}

bool lower_batch_norm(Lower *lw, const Node *n)
{
    const Value *in = n->in[0], *out = n->out[0];
    if (n->n_out > 1)
        return node_unsupported(lw->graph, n, "it is in training mode");
    static const char *const names[] = {"x", "scale", "bias", "mean", "variance"};
    Nest nest, tail;
    int64_t stride[NEST_AXES];
    nest_space(&nest, out);
    nest_operand(lw, &nest, out, "out", out);
    nest_operand(lw, &nest, out, "x", in);
    channel_strides(&nest, out, stride);
    const char *dims = dims_str(lw->arena, &out->shape, 0);
    const char *name = arena_printf(lw->arena, "batchnorm_%s", dims);
    const char *note = arena_printf(lw->arena, "BatchNormalization of %s", dims);
    if (all_constant(n)) {
        Tensor *scale, *shift;
        make_tables(lw, n, &scale, &shift);
        nest_table(lw, &nest, "scale", scale, stride);
        nest_table(lw, &nest, "shift", shift, stride);
        return nest_emit(lw, n, name, note, &nest, scale_shift, NULL);
    }
    for (int i = 1; i < 5; i++)
        nest_strided(lw, &nest, names[i], n->in[i], 0, stride);
    bool has_tail = nest_split_tail(&nest, out, &tail);
    if (nest.extent[1] > 0 && !nest_emit(lw, n, name, note, &nest, from_statistics, n))
        return false;
    return !has_tail || nest_emit(lw, n, arena_printf(lw->arena, "%s_tail", name), note, &tail,
                                  from_statistics, n);
}
