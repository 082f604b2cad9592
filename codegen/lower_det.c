/* Det: the determinant of each matrix, by elimination with the greatest pivot of a column.
 *
 * The matrix is copied to scratch. The pivot's row is known at run time only: it is exchanged
 * through a clamped index. A column of zeros makes the determinant zero and the divisor one. */
#include "codegen/nest.h"
#include "ir/scratch.h"

typedef struct Det {
    KBuilder *b;
    int64_t n;
    KType type;
    const KBuf *m; /* the copy, [n][n] */
    const KReg *det, *best, *pivot;
    int depth;
} Det;

static Affine at(const Det *d, Affine row, Affine column)
{
    return aff_add(aff_mul(row, d->n), column);
}

/* `for name = 0 … n-1`, with the body under the condition that `name` >= least. */
static Affine loop_from(Det *d, const char *name, Affine least)
{
    Affine i = nest_loop(d->b, name, d->n, 1, &d->depth);
    kb_if(d->b, aff_sub(i, least));
    return i;
}

static void end_loop(Det *d, int outer)
{
    kb_end(d->b);
    nest_close(d->b, &d->depth, outer);
}

/* pivot = the row from k on with the greatest element of column k. */
static void find_pivot(Det *d, Affine k)
{
    KBuilder *b = d->b;
    int outer = d->depth;
    kb_set(b, d->best, kb_const(b, d->type, -1));
    kb_set(b, d->pivot, kb_index(b, KTYPE(KT_I32, 1), k));
    Affine i = loop_from(d, "i", k);
    const KLet *x = kb_let(b, "x", kb_un(b, KO_ABS, kb_load(b, d->m, at(d, i, k), 1)));
    const KLet *more = kb_let(b, "more", kb_cmp(b, KO_GT, kb_use(b, x), kb_get(b, d->best)));
    kb_set(b, d->best, kb_select(b, kb_use(b, more), kb_use(b, x), kb_get(b, d->best)));
    kb_set(b, d->pivot,
           kb_select(b, kb_use(b, more), kb_index(b, KTYPE(KT_I32, 1), i), kb_get(b, d->pivot)));
    end_loop(d, outer);
}

static KExpr *pivot_row(const Det *d)
{
    return kb_clamp(d->b, kb_get(d->b, d->pivot), 0, d->n - 1);
}

/* Rows k and pivot change places; the determinant its sign when they differ. */
static void swap_rows(Det *d, Affine k)
{
    KBuilder *b = d->b;
    int outer = d->depth;
    Affine j = nest_loop(b, "j", d->n, 1, &d->depth);
    const KLet *x = kb_let(b, "x", kb_load(b, d->m, at(d, k, j), 1));
    const KLet *y = kb_let(b, "y", kb_load_dyn(b, d->m, j, pivot_row(d), d->n, 1, 1));
    kb_store_dyn(b, d->m, j, pivot_row(d), d->n, kb_use(b, x), 1);
    kb_store(b, d->m, at(d, k, j), kb_use(b, y));
    nest_close(b, &d->depth, outer);
    KExpr *same = kb_cmp(b, KO_EQ, kb_get(b, d->pivot), kb_index(b, KTYPE(KT_I32, 1), k));
    kb_set(b, d->det, kb_select(b, same, kb_get(b, d->det), kb_un(b, KO_NEG, kb_get(b, d->det))));
}

/* Rows below k lose their element in column k. */
static void eliminate(Det *d, Affine k)
{
    KBuilder *b = d->b;
    int outer = d->depth;
    const KLet *head = kb_let(b, "head", kb_load(b, d->m, at(d, k, k), 1));
    kb_set(b, d->det, kb_bin(b, KO_MUL, kb_get(b, d->det), kb_use(b, head)));
    KExpr *zero = kb_cmp(b, KO_EQ, kb_use(b, head), kb_const(b, d->type, 0));
    const KLet *divisor =
        kb_let(b, "divisor", kb_select(b, zero, kb_const(b, d->type, 1), kb_use(b, head)));
    Affine i = loop_from(d, "i", aff_addc(k, 1));
    const KLet *factor = kb_let(
        b, "factor", kb_bin(b, KO_DIV, kb_load(b, d->m, at(d, i, k), 1), kb_use(b, divisor)));
    int inner = d->depth;
    Affine j = loop_from(d, "j", k);
    KExpr *taken = kb_bin(b, KO_MUL, kb_use(b, factor), kb_load(b, d->m, at(d, k, j), 1));
    kb_store(b, d->m, at(d, i, j), kb_bin(b, KO_SUB, kb_load(b, d->m, at(d, i, j), 1), taken));
    end_loop(d, inner);
    end_loop(d, outer);
}

static void emit_matrix(Det *d, const KBuf *in, const KBuf *out, Affine which)
{
    KBuilder *b = d->b;
    int outer = d->depth;
    d->det = kb_reg(b, "det", d->type, 0, 0, 0);
    d->best = kb_reg(b, "best", d->type, 0, 0, 0);
    d->pivot = kb_reg(b, "pivot", KTYPE(KT_I32, 1), 0, 0, 0);
    kb_set(b, d->det, kb_const(b, d->type, 1));
    if (d->n > 0) {
        Affine i = nest_loop(b, "e", d->n * d->n, 1, &d->depth);
        kb_store(b, d->m, i, kb_load(b, in, aff_add(aff_mul(which, d->n * d->n), i), 1));
        nest_close(b, &d->depth, outer);
        Affine k = nest_loop(b, "k", d->n, 1, &d->depth);
        find_pivot(d, k);
        swap_rows(d, k);
        eliminate(d, k);
        nest_close(b, &d->depth, outer);
    }
    kb_store(b, out, which, kb_get(b, d->det));
}

bool lower_det(Lower *lw, const Node *n)
{
    const Value *in = n->in[0], *out = n->out[0];
    const char *dims = dims_str(lw->arena, &in->shape, 0);
    KBase memory = kbase_of_dtype(in->dtype), base = kbase_compute(memory);
    Det d = {.n = in->shape.dim[in->shape.rank - 1], .type = KTYPE(base, 1), .depth = 1};
    if (d.n > INT32_MAX)
        return node_unsupported(lw->graph, n, "a matrix of %lld rows", (long long)d.n);
    d.b = kb_new(lw->arena, lw->program->target, arena_printf(lw->arena, "det_%s", dims));
    const KBuf *to = buf_value(d.b, "out", out, K_WRITE), *from = buf_value(d.b, "in", in, K_READ);
    d.m = kb_buf(d.b, "m", base, d.n * d.n, K_READ_WRITE);
    Affine which = nest_loop(d.b, "matrix", shape_numel(&out->shape), 1, &d.depth);
    emit_matrix(&d, from, to, which);
    nest_close(d.b, &d.depth, 1);
    Arg args[] = {arg_value(lw, out), arg_value(lw, in), arg_scratch(n, 0)};
    return lower_emit(lw, n, d.b, arena_printf(lw->arena, "Det of %s", dims), args);
}
