/* MaxPool with Indices: where each maximum lies, and MaxUnpool, which puts values back there.
 *
 * Scalar kernels over plain layouts. An index counts elements of the whole input tensor, inside a
 * plane row-major or, with storage_order 1, with the first spatial axis fastest. The first of
 * equal maxima wins; NaN is none. */
#include "codegen/nest.h"
#include "codegen/window.h"

typedef struct Indexed {
    KBuilder *b;
    const PoolParams *p;
    int n;
    Axis axis[MAX_SPATIAL];
    KType type;
    const KBuf *in;
    Affine plane_at; /* of the current plane, in elements of the input */
    Affine o[MAX_SPATIAL];
    const KReg *best, *where;
} Indexed;

/* The taps of axis i and inwards, each tested for lying inside: x[] are their positions. */
static void emit_taps(const Indexed *e, int i, Affine *x)
{
    KBuilder *b = e->b;
    if (i == e->n) {
        Affine row = aff(0), column = aff(0);
        for (int j = 0; j < e->n; j++) {
            row = aff_add(aff_mul(row, e->axis[j].in), x[j]);
            column = aff_add(aff_mul(column, e->axis[e->n - 1 - j].in), x[e->n - 1 - j]);
        }
        const KLet *v = kb_let(b, "x", kb_load(b, e->in, aff_add(e->plane_at, row), 1));
        Affine index = aff_add(e->plane_at, e->p->column_major ? column : row);
        KExpr *greater = kb_cmp(b, KO_GT, kb_use(b, v), kb_get(b, e->best));
        KExpr *first = kb_cmp(b, KO_LT, kb_get(b, e->where), kb_int(b, KTYPE(KT_I64, 1), 0));
        kb_set(b, e->where,
               kb_select(b, kb_bin(b, KO_OR, greater, first), kb_index(b, KTYPE(KT_I64, 1), index),
                         kb_get(b, e->where)));
        kb_set(b, e->best, kb_bin(b, KO_MAX, kb_use(b, v), kb_get(b, e->best)));
        return;
    }
    const Axis *a = &e->axis[i];
    Affine k = aff_var(kb_for(b, "k", 0, a->kernel, 1, KL_SERIAL));
    x[i] = window_at(a, e->o[i], k);
    kb_if(b, x[i]);
    kb_if(b, aff_sub(aff(a->in - 1), x[i]));
    emit_taps(e, i + 1, x);
    kb_end(b);
    kb_end(b);
    kb_end(b);
}

bool lower_pool_index(Lower *lw, const Node *n)
{
    const Value *in = n->in[0], *out = n->out[0], *where = n->out[1];
    if (in->layout.block > 1 || out->layout.block > 1 || where->layout.block > 1)
        return node_unsupported(lw->graph, n, "its indices need plain layouts");
    Indexed e = {.p = &n->params.pool, .n = n->params.pool.w.n};
    const char *dims = dims_str(lw->arena, &in->shape, 1);
    e.b = kb_new(lw->arena, lw->program->target, arena_printf(lw->arena, "maxpool_index_%s", dims));
    e.type = value_type(in, 1);
    KBuf *to = buf_value(e.b, "out", out, K_WRITE);
    KBuf *indices = buf_value(e.b, "indices", where, K_WRITE);
    e.in = buf_value(e.b, "in", in, K_READ);
    int depth = 0;
    int64_t planes = in->shape.dim[0] * in->shape.dim[1];
    Affine plane = nest_loop(e.b, "plane", planes, 1, &depth);
    e.plane_at = aff_mul(plane, shape_range_numel(&in->shape, 2, in->shape.rank));
    Affine at = plane, x[MAX_SPATIAL];
    for (int i = 0; i < e.n; i++) {
        e.axis[i] =
            window_axis(&e.p->w, i, in->shape.dim[i + 2], out->shape.dim[i + 2], MAX_SEGMENTS);
        e.o[i] = nest_loop(e.b, "o", out->shape.dim[i + 2], 1, &depth);
        at = aff_add(aff_mul(at, out->shape.dim[i + 2]), e.o[i]);
    }
    e.best = kb_reg(e.b, "best", e.type, 0, 0, 0);
    e.where = kb_reg(e.b, "where", KTYPE(KT_I64, 1), 0, 0, 0);
    kb_set(e.b, e.best, lowest_value(e.b, e.type));
    kb_set(e.b, e.where, kb_int(e.b, KTYPE(KT_I64, 1), -1));
    emit_taps(&e, 0, x);
    kb_store(e.b, to, at, kb_get(e.b, e.best));
    kb_store(e.b, indices, at, kb_get(e.b, e.where));
    nest_close(e.b, &depth, 0);
    Arg args[3] = {arg_value(lw, out), arg_value(lw, where), arg_value(lw, in)};
    return lower_emit(lw, n, e.b, arena_printf(lw->arena, "MaxPool with indices over %s", dims),
                      args);
}
