/* Scatter, ScatterElements, ScatterND: a copy of the data, then the updates in the order of their
 * indices, stored or reduced into what is there. An index outside is moved to the nearest end, so
 * that nothing is written elsewhere. Any dtype. */
#include "codegen/index.h"
#include "ir/ops.h"

typedef struct Scatter {
    KBuilder *b;
    const KBuf *out, *indices, *updates;
    ScatterReduction reduction;
    const char *note;
} Scatter;

static bool copy_data(Lower *lw, const Node *n)
{
    const Value *out = n->out[0];
    const char *dims = dims_str(lw->arena, &out->shape, 0);
    Nest nest;
    nest_space(&nest, out);
    nest_operand(lw, &nest, out, "out", out);
    nest_operand(lw, &nest, out, "in", n->in[0]);
    return nest_copy(lw, n, arena_printf(lw->arena, "copy_%s", dims),
                     arena_printf(lw->arena, "%s: the data, %s", op_info(n->op)->name, dims),
                     &nest);
}

static bool open_scatter(Lower *lw, const Node *n, const char *verb, Scatter *s)
{
    static const char *const reductions[] = {"", "_add", "_mul", "_min", "_max"};
    if (n->in[0]->layout.block > 1 || n->out[0]->layout.block > 1) {
        node_unsupported(lw->graph, n, "it has no kernel for this layout");
        return false;
    }
    if (!copy_data(lw, n))
        return false;
    const char *to = dims_str(lw->arena, &n->out[0]->shape, 0);
    const char *from = dims_str(lw->arena, &n->in[2]->shape, 0);
    s->reduction = n->params.index.reduction;
    s->b = kb_new(
        lw->arena, lw->program->target,
        arena_printf(lw->arena, "%s%s_%s_into_%s", verb, reductions[s->reduction], from, to));
    s->note = arena_printf(lw->arena, "%s: updates %s into %s", op_info(n->op)->name, from, to);
    s->out = buf_value(s->b, "out", n->out[0], s->reduction ? K_READ_WRITE : K_WRITE);
    s->indices = buf_value(s->b, "indices", n->in[1], K_READ);
    s->updates = buf_value(s->b, "updates", n->in[2], K_READ);
    return true;
}

static bool close_scatter(Lower *lw, const Node *n, Scatter *s, int *depth)
{
    nest_close(s->b, depth, 1); /* updates may meet: no loop is parallel */
    Arg args[3] = {arg_value(lw, n->out[0]), arg_value(lw, n->in[1]), arg_value(lw, n->in[2])};
    return lower_emit(lw, n, s->b, s->note, args);
}

/* out[to + scale * index] = update, or reduced with it. */
static void emit_update(const Scatter *s, Affine to, const KLet *index, int64_t extent,
                        int64_t scale, Affine from)
{
    static const KOp ops[] = {[SCATTER_ADD] = KO_ADD,
                              [SCATTER_MUL] = KO_MUL,
                              [SCATTER_MIN] = KO_MIN,
                              [SCATTER_MAX] = KO_MAX};
    KBuilder *b = s->b;
    KExpr *x = kb_load(b, s->updates, from, 1);
    if (s->reduction != SCATTER_NONE) {
        KOp op = ops[s->reduction];
        const KLet *update = kb_let(b, "update", x);
        const KLet *old = kb_let(
            b, "old", kb_load_dyn(b, s->out, to, index_clamped(b, index, extent), scale, 1, 1));
        bool is_extreme = op == KO_MIN || op == KO_MAX;
        x = (is_extreme ? extreme : kb_bin)(b, op, kb_use(b, old), kb_use(b, update));
    }
    kb_store_dyn(b, s->out, to, index_clamped(b, index, extent), scale, x, 1);
}

bool lower_scatter_elements(Lower *lw, const Node *n)
{
    const Shape *x = &n->out[0]->shape, *s = &n->in[1]->shape;
    int axis = (int)n->params.index.axis, depth = 1;
    int64_t to_stride[MAX_RANK], from_stride[MAX_RANK];
    Affine to = aff(0), from = aff(0);
    Scatter k;
    if (shape_numel(s) == 0)
        return copy_data(lw, n);
    if (!open_scatter(lw, n, arena_printf(lw->arena, "scatter_elements%d", axis), &k))
        return false;
    shape_strides(x, to_stride);
    shape_strides(s, from_stride);
    for (int i = 0; i < s->rank; i++) {
        Affine v = nest_loop(k.b, "i", s->dim[i], 1, &depth);
        from = aff_add(from, aff_mul(v, from_stride[i]));
        if (i != axis)
            to = aff_add(to, aff_mul(v, to_stride[i]));
    }
    const KLet *index = index_load(k.b, k.indices, from, x->dim[axis]);
    emit_update(&k, to, index, x->dim[axis], to_stride[axis], from);
    return close_scatter(lw, n, &k, &depth);
}

bool lower_scatter_nd(Lower *lw, const Node *n)
{
    const Shape *x = &n->out[0]->shape, *s = &n->in[1]->shape;
    int tuple = (int)s->dim[s->rank - 1], depth = 1;
    int64_t slices = shape_range_numel(x, 0, tuple), inner = shape_range_numel(x, tuple, x->rank);
    Scatter k;
    if (shape_numel(&n->in[2]->shape) == 0)
        return copy_data(lw, n);
    if (!open_scatter(lw, n, "scatter_nd", &k))
        return false;
    Affine i = nest_loop(k.b, "k", shape_range_numel(s, 0, s->rank - 1), 1, &depth);
    const KLet *index = index_tuple(k.b, k.indices, aff_mul(i, tuple), x->dim, tuple);
    Affine j = nest_loop(k.b, "i", inner, 1, &depth);
    emit_update(&k, j, index, slices, inner, aff_add(aff_mul(i, inner), j));
    return close_scatter(lw, n, &k, &depth);
}
