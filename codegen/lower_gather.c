/* Gather: slices of the input along one axis, chosen by indices that may be known only at run
 * time. Negative indices count from the end; one outside is moved to the nearest end, so that
 * nothing else is read. Any dtype. */
#include "codegen/nest.h"

typedef struct Gather {
    KBuilder *b;
    const KBuf *in, *indices, *out;
    int64_t extent, count, inner; /* of the axis; indices; elements of a slice */
} Gather;

/* The index as an offset from 0 to extent - 1. */
static KExpr *source(const Gather *g, const KLet *index)
{
    KBuilder *b = g->b;
    KType type = index->type;
    KExpr *negative = kb_cmp(b, KO_LT, kb_use(b, index), kb_int(b, type, 0));
    KExpr *wrapped = kb_bin(b, KO_ADD, kb_use(b, index), kb_int(b, type, g->extent));
    return kb_clamp(b, kb_select(b, negative, wrapped, kb_use(b, index)), 0, g->extent - 1);
}

/* Copies one slice: whole vectors, then the rest. */
static void emit_slice(const Gather *g, const KLet *index, Affine from, Affine to, int depth)
{
    KBuilder *b = g->b;
    int wide = lanes_for(g->inner, lanes_of(kb_target(b), g->out->base)), outer = depth;
    int64_t whole = g->inner / wide * wide;
    if (whole > 0) {
        Affine i = nest_loop(b, "i", whole, wide, &depth);
        KExpr *x = kb_load_dyn(b, g->in, aff_add(from, i), source(g, index), g->inner, wide, wide);
        kb_store(b, g->out, aff_add(to, i), x);
        nest_close(b, &depth, outer);
    }
    if (whole == g->inner)
        return;
    int rest = (int)(g->inner - whole), lanes = lanes_for(rest, wide);
    KExpr *x =
        kb_load_dyn(b, g->in, aff_addc(from, whole), source(g, index), g->inner, lanes, rest);
    kb_store_tail(b, g->out, aff_addc(to, whole), x, rest);
}

bool lower_gather(Lower *lw, const Node *n)
{
    const Value *in = n->in[0], *indices = n->in[1], *out = n->out[0];
    int axis = (int)n->params.axis.axis, depth = 0;
    if (in->layout.block > 1 || out->layout.block > 1 ||
        (indices->dtype != DT_I64 && indices->dtype != DT_I32))
        return node_unsupported(lw->graph, n, "it has no kernel for this layout or index type");
    Gather g = {.extent = in->shape.dim[axis],
                .count = shape_numel(&indices->shape),
                .inner = shape_range_numel(&in->shape, axis + 1, in->shape.rank)};
    const char *from = dims_str(lw->arena, &in->shape, 0),
               *to = dims_str(lw->arena, &out->shape, 0);
    g.b = kb_new(lw->arena, lw->program->target,
                 arena_printf(lw->arena, "gather%d_%s_to_%s", axis, from, to));
    g.out = buf_moved(g.b, "out", out, K_WRITE);
    g.in = buf_moved(g.b, "in", in, K_READ);
    g.indices = buf_value(g.b, "indices", indices, K_READ);
    Affine o = nest_loop(g.b, "outer", shape_range_numel(&in->shape, 0, axis), 1, &depth);
    Affine k = nest_loop(g.b, "k", g.count, 1, &depth);
    const KLet *index = kb_let(g.b, "index", kb_load(g.b, g.indices, k, 1));
    Affine at = aff_mul(aff_add(aff_mul(o, g.count), k), g.inner);
    emit_slice(&g, index, aff_mul(o, g.extent * g.inner), at, depth);
    nest_close(g.b, &depth, 0);
    Arg args[3] = {arg_value(lw, out), arg_value(lw, in), arg_value(lw, indices)};
    return lower_emit(lw, n, g.b,
                      arena_printf(lw->arena, "Gather %s from %s along axis %d", to, from, axis),
                      args);
}
