/* MaxUnpool: zeros, with each element of X put where its index says.
 *
 * Indices count elements of the tensor that was pooled, whose shape follows from X and the
 * window; when output_shape asks for another one, the position is taken apart axis by axis. An
 * index outside is moved to the nearest end: nothing is written elsewhere. */
#include "codegen/nest.h"

static bool fill_zero(Lower *lw, const Node *n, const char *dims)
{
    int64_t count = shape_numel(&n->out[0]->shape);
    KBuilder *b = kb_new(lw->arena, lw->program->target, arena_printf(lw->arena, "zero_%s", dims));
    KBuf *out = buf_moved(b, "out", n->out[0], K_WRITE);
    int lanes = lanes_for(count, lanes_of(lw->program->target, out->base)), depth = 0;
    int64_t whole = count / lanes * lanes;
    DType type = n->out[0]->dtype;
    if (whole > 0) {
        Affine i = nest_loop(b, "i", whole, lanes, &depth);
        kb_store(b, out, i, moved_const(b, type, 0, lanes));
        nest_close(b, &depth, 0);
    }
    if (whole < count)
        kb_store_tail(b, out, aff(whole), moved_const(b, type, 0, lanes), (int)(count - whole));
    Arg arg = arg_value(lw, n->out[0]);
    return lower_emit(lw, n, b, arena_printf(lw->arena, "zeros, %s", dims), &arg);
}

/* The shape that the indices refer to. */
static Shape pooled_shape(const Node *n)
{
    const Window *w = &n->params.pool.w;
    Shape s = n->in[0]->shape;
    for (int i = 0; i < w->n; i++)
        s.dim[i + 2] =
            (s.dim[i + 2] - 1) * w->stride[i] + w->kernel[i] - w->pad_begin[i] - w->pad_end[i];
    return s;
}

/* The element of `to` at the coordinates of element `index` of `from`. */
static KExpr *position(KBuilder *b, const KLet *index, const Shape *from, const Shape *to)
{
    if (shape_equal(from, to))
        return kb_use(b, index);
    KType type = index->type;
    KExpr *sum = NULL;
    int64_t inside = 1, step = 1;
    for (int i = from->rank - 1; i >= 0; i--) {
        KExpr *at = kb_use(b, index);
        if (inside > 1)
            at = kb_bin(b, KO_DIV, at, kb_int(b, type, inside));
        if (i > 0)
            at = kb_bin(b, KO_REM, at, kb_int(b, type, from->dim[i]));
        at = kb_bin(b, KO_MUL, at, kb_int(b, type, step));
        sum = sum ? kb_bin(b, KO_ADD, sum, at) : at;
        inside *= from->dim[i];
        step *= to->dim[i];
    }
    return sum;
}

bool lower_max_unpool(Lower *lw, const Node *n)
{
    const Value *in = n->in[0], *indices = n->in[1], *out = n->out[0];
    if (in->layout.block > 1 || out->layout.block > 1 || indices->dtype != DT_I64)
        return node_unsupported(lw->graph, n, "it has no kernel but for plain layouts");
    Shape from = pooled_shape(n);
    const char *dims = dims_str(lw->arena, &out->shape, 0);
    int64_t count = shape_numel(&in->shape);
    for (int i = 0; i < from.rank; i++)
        if (from.dim[i] < 1)
            return node_error(lw->graph, n, "its window does not fit its input");
    if (!fill_zero(lw, n, dims))
        return false;
    KBuilder *b =
        kb_new(lw->arena, lw->program->target, arena_printf(lw->arena, "max_unpool_%s", dims));
    KBuf *to = buf_moved(b, "out", out, K_WRITE);
    KBuf *x = buf_moved(b, "in", in, K_READ), *where = buf_value(b, "indices", indices, K_READ);
    Affine i = aff_var(kb_for(b, "i", 0, count, 1, KL_SERIAL)); /* they may meet: in order */
    const KLet *index = kb_let(b, "index", kb_load(b, where, i, 1));
    KExpr *at = kb_clamp(b, position(b, index, &from, &out->shape), 0, to->n - 1);
    kb_store_dyn(b, to, aff(0), at, 1, kb_load(b, x, i, 1), 1);
    kb_end(b);
    Arg args[3] = {arg_value(lw, out), arg_value(lw, in), arg_value(lw, indices)};
    return lower_emit(lw, n, b, arena_printf(lw->arena, "MaxUnpool to %s", dims), args);
}
