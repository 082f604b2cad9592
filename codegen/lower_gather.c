/* Gather, GatherElements, GatherND, ReverseSequence: elements or slices of the input chosen by
 * indices that may be known only at run time. Negative indices count from the end; one outside is
 * moved to the nearest end, so that nothing else is read. Any dtype. */
#include "codegen/index.h"
#include "ir/ops.h"

/* A kernel "out from in at indices", its buffers and its name. */
typedef struct Gather {
    KBuilder *b;
    const KBuf *out, *in, *indices;
    const char *note;
} Gather;

static bool open_gather(Lower *lw, const Node *n, const char *verb, Gather *g)
{
    const Value *in = n->in[0], *indices = n->in[1], *out = n->out[0];
    if (in->layout.block > 1 || out->layout.block > 1) {
        node_unsupported(lw->graph, n, "it has no kernel for this layout");
        return false;
    }
    const char *from = dims_str(lw->arena, &in->shape, 0);
    const char *to = dims_str(lw->arena, &out->shape, 0);
    g->b = kb_new(lw->arena, lw->program->target,
                  arena_printf(lw->arena, "%s_%s_to_%s", verb, from, to));
    g->note = arena_printf(lw->arena, "%s %s from %s", op_info(n->op)->name, to, from);
    g->out = buf_moved(g->b, "out", out, K_WRITE);
    g->in = buf_moved(g->b, "in", in, K_READ);
    g->indices = buf_value(g->b, "indices", indices, K_READ);
    return true;
}

static bool close_gather(Lower *lw, const Node *n, Gather *g, int *depth)
{
    nest_close(g->b, depth, 0);
    Arg args[3] = {arg_value(lw, n->out[0]), arg_value(lw, n->in[0]), arg_value(lw, n->in[1])};
    return lower_emit(lw, n, g->b, g->note, args);
}

bool lower_gather(Lower *lw, const Node *n)
{
    const Shape *x = &n->in[0]->shape;
    int axis = (int)n->params.axis.axis, depth = 0;
    int64_t extent = x->dim[axis], count = shape_numel(&n->in[1]->shape);
    int64_t inner = shape_range_numel(x, axis + 1, x->rank);
    Gather g;
    if (!open_gather(lw, n, arena_printf(lw->arena, "gather%d", axis), &g))
        return false;
    Affine o = nest_loop(g.b, "outer", shape_range_numel(x, 0, axis), 1, &depth);
    Affine k = nest_loop(g.b, "k", count, 1, &depth);
    const KLet *index = index_load(g.b, g.indices, k, extent);
    Affine to = aff_mul(aff_add(aff_mul(o, count), k), inner);
    index_copy_slice(g.b, g.out, to, g.in, aff_mul(o, extent * inner), index, extent, inner, depth);
    return close_gather(lw, n, &g, &depth);
}

bool lower_gather_elements(Lower *lw, const Node *n)
{
    const Shape *x = &n->in[0]->shape, *s = &n->in[1]->shape;
    int axis = (int)n->params.index.axis, depth = 0;
    int64_t from_stride[MAX_RANK], to_stride[MAX_RANK];
    Affine from = aff(0), to = aff(0);
    Gather g;
    if (!open_gather(lw, n, arena_printf(lw->arena, "gather_elements%d", axis), &g))
        return false;
    shape_strides(x, from_stride);
    shape_strides(s, to_stride);
    for (int i = 0; i < s->rank; i++) {
        Affine v = nest_loop(g.b, "i", s->dim[i], 1, &depth);
        to = aff_add(to, aff_mul(v, to_stride[i]));
        if (i != axis)
            from = aff_add(from, aff_mul(v, from_stride[i]));
    }
    const KLet *index = index_load(g.b, g.indices, to, x->dim[axis]);
    KExpr *dyn = index_clamped(g.b, index, x->dim[axis]);
    kb_store(g.b, g.out, to, kb_load_dyn(g.b, g.in, from, dyn, from_stride[axis], 1, 1));
    return close_gather(lw, n, &g, &depth);
}

bool lower_gather_nd(Lower *lw, const Node *n)
{
    const Shape *x = &n->in[0]->shape, *s = &n->in[1]->shape;
    int batch = (int)n->params.index.batch_dims, tuple = (int)s->dim[s->rank - 1], depth = 0;
    int64_t slices = shape_range_numel(x, batch, batch + tuple);
    int64_t inner = shape_range_numel(x, batch + tuple, x->rank);
    int64_t per_batch = shape_range_numel(s, batch, s->rank - 1);
    Gather g;
    if (!open_gather(lw, n, "gather_nd", &g))
        return false;
    Affine o = nest_loop(g.b, "batch", shape_range_numel(s, 0, batch), 1, &depth);
    Affine k = nest_loop(g.b, "k", per_batch, 1, &depth);
    Affine number = aff_add(aff_mul(o, per_batch), k);
    const KLet *index = index_tuple(g.b, g.indices, aff_mul(number, tuple), x->dim + batch, tuple);
    index_copy_slice(g.b, g.out, aff_mul(number, inner), g.in, aff_mul(o, slices * inner), index,
                     slices, inner, depth);
    return close_gather(lw, n, &g, &depth);
}

/* Step t of a sequence of `length` steps comes from step length - 1 - t; behind its end from t. */
bool lower_reverse_sequence(Lower *lw, const Node *n)
{
    const Shape *x = &n->in[0]->shape;
    int time = (int)n->params.sequence.time_axis, depth = 0;
    int64_t extent = x->dim[time], inner = shape_range_numel(x, 2, x->rank);
    const KType i64 = KTYPE(KT_I64, 1);
    Gather g;
    if (!open_gather(lw, n, "reverse", &g))
        return false;
    KBuilder *b = g.b;
    /* Slices of one sequence are `step` elements apart: all of an axis 0, or of the other axis. */
    Affine o = nest_loop(b, "i", x->dim[0], 1, &depth), k = nest_loop(b, "j", x->dim[1], 1, &depth);
    Affine t = time == 0 ? o : k, sequence = time == 0 ? k : o;
    KExpr *loaded = kb_cvt(b, i64, kb_load(b, g.indices, sequence, 1));
    const KLet *length = kb_let(b, "length", loaded);
    KExpr *inside = kb_cmp(b, KO_LT, kb_index(b, i64, t), kb_use(b, length));
    KExpr *mirrored = kb_bin(b, KO_SUB, kb_use(b, length), kb_index(b, i64, aff_addc(t, 1)));
    const KLet *from = kb_let(b, "from", kb_select(b, inside, mirrored, kb_index(b, i64, t)));
    Affine to = aff_mul(aff_add(aff_mul(o, x->dim[1]), k), inner);
    Affine at = aff_mul(sequence, time == 0 ? inner : extent * inner);
    int64_t step = time == 0 ? x->dim[1] * inner : inner;
    Affine i = nest_loop(b, "k", inner, 1, &depth);
    KExpr *dyn = index_clamped(b, from, extent);
    kb_store(b, g.out, aff_add(to, i), kb_load_dyn(b, g.in, aff_add(at, i), dyn, step, 1, 1));
    return close_gather(lw, n, &g, &depth);
}
