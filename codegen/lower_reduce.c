/* Reductions: Reduce* and GlobalLpPool, a table of how elements are prepared, combined and
 * finished.
 *
 * LogSumExp walks twice: for the maximum, then for the sum of exp(x - maximum). Integers are
 * combined as integers, but roots and logarithms of their sums in double. */
#include "codegen/lines.h"
#include "ir/ops.h"

#include <float.h>
#include <math.h>

typedef enum Prepare { AS_IS, SQUARE, MAGNITUDE, POWER, EXPONENTIAL } Prepare;
typedef enum Finish { NOTHING, MEAN, ROOT, LOGARITHM, POWER_ROOT, SHIFTED_LOGARITHM } Finish;

typedef struct Kind {
    OpKind op;
    const char *name;
    Prepare prepare;
    KOp combine;
    Finish finish;
} Kind;

static const Kind kinds[] = {
    {OP_ReduceSum, "sum", AS_IS, KO_ADD, NOTHING},
    {OP_ReduceMean, "mean", AS_IS, KO_ADD, MEAN},
    {OP_ReduceMax, "max", AS_IS, KO_MAX, NOTHING},
    {OP_ReduceMin, "min", AS_IS, KO_MIN, NOTHING},
    {OP_ReduceProd, "prod", AS_IS, KO_MUL, NOTHING},
    {OP_ReduceL1, "l1", MAGNITUDE, KO_ADD, NOTHING},
    {OP_ReduceL2, "l2", SQUARE, KO_ADD, ROOT},
    {OP_ReduceLogSum, "log_sum", AS_IS, KO_ADD, LOGARITHM},
    {OP_ReduceLogSumExp, "log_sum_exp", EXPONENTIAL, KO_ADD, SHIFTED_LOGARITHM},
    {OP_ReduceSumSquare, "sum_square", SQUARE, KO_ADD, NOTHING},
    {OP_GlobalLpPool, "lp", POWER, KO_ADD, POWER_ROOT},
};

typedef struct Reduce {
    Kind kind;
    double init;
    double p;                       /* of POWER */
    const KReg *acc, *most, *carry; /* carry: NULL where plain sums are good enough */
    KLet *top[LINES_WIDTH];
} Reduce;

/* ---- elements ---- */

static KExpr *prepared(Lines *l, const Reduce *r)
{
    KBuilder *b = l->b;
    KExpr *x = lines_load(l, 1);
    switch (r->kind.prepare) {
    case MAGNITUDE:
        return kb_un(b, KO_ABS, x);
    case POWER:
        return vmath(l->lw, b, VM_POW, kb_un(b, KO_ABS, x), kb_const(b, lines_type(l), r->p));
    case EXPONENTIAL:
        return vmath(l->lw, b, VM_EXP, kb_bin(b, KO_SUB, x, lines_use(l, r->top)), NULL);
    case SQUARE: {
        const KLet *root = kb_let(b, "x", x);
        return kb_bin(b, KO_MUL, kb_use(b, root), kb_use(b, root));
    }
    default:
        return x;
    }
}

static void step(Lines *l, void *user)
{
    const Reduce *r = user;
    if (r->carry) {
        lines_add(l, r->acc, r->carry, prepared(l, r));
        return;
    }
    if (r->kind.prepare != SQUARE) {
        lines_combine(l, r->acc, r->kind.combine, prepared(l, r));
        return;
    }
    const KLet *x = kb_let(l->b, "x", lines_load(l, 1));
    KExpr *sum = kb_fma(l->b, kb_use(l->b, x), kb_use(l->b, x), lines_get(l, r->acc));
    lines_set(l, r->acc, sum);
}

static void step_most(Lines *l, void *user)
{
    const Reduce *r = user;
    lines_combine(l, r->most, KO_MAX, lines_load(l, 1));
}

/* ---- results ---- */

static KExpr *finished(Lines *l, const Reduce *r, KExpr *x)
{
    KBuilder *b = l->b;
    KType t = x->type;
    switch (r->kind.finish) {
    case MEAN:
        if (!kbase_is_float(t.base))
            return kb_bin(b, KO_DIV, x, kb_int(b, t, l->n ? l->n : 1));
        return kb_bin(b, KO_MUL, x, kb_const(b, t, 1 / (double)l->n));
    case ROOT:
        return kb_un(b, KO_SQRT, x);
    case LOGARITHM:
        return vmath(l->lw, b, VM_LOG, x, NULL);
    case POWER_ROOT:
        return vmath(l->lw, b, VM_POW, x, kb_const(b, t, 1 / r->p));
    case SHIFTED_LOGARITHM:
        x = vmath(l->lw, b, VM_LOG, x, NULL);
        return kb_bin(b, KO_ADD, x, kb_use(b, r->top[l->u]));
    default:
        return x;
    }
}

/* The maxima of the lines, infinities excepted: they would leave no numbers when subtracted. */
static void find_top(Lines *l, Reduce *r)
{
    KBuilder *b = l->b;
    const double greatest = l->base == KT_F64 ? DBL_MAX : (double)FLT_MAX;
    r->most = lines_reg(l, "most", l->base, -INFINITY);
    lines_walk(l, step_most, r);
    for (l->u = 0; l->u < lines_results(l); l->u++) {
        KType t = lines_result_type(l);
        KExpr *top = kb_bin(b, KO_MAX, lines_total(l, r->most, KO_MAX), kb_const(b, t, -greatest));
        r->top[l->u] = kb_let(b, "top", kb_bin(b, KO_MIN, top, kb_const(b, t, greatest)));
    }
    l->u = 0;
}

static void body(Lines *l, void *user)
{
    Reduce *r = user;
    if (r->kind.prepare == EXPONENTIAL)
        find_top(l, r);
    r->acc = lines_reg(l, r->kind.name, l->base, r->init);
    r->carry = r->kind.combine == KO_ADD ? lines_carry(l) : NULL;
    lines_walk(l, step, r);
    for (l->u = 0; l->u < lines_results(l); l->u++) {
        lines_store_result(l, 0, finished(l, r, lines_total(l, r->acc, r->kind.combine)));
    }
    l->u = 0;
}

/* ---- the kernel ---- */

/* What the accumulator starts with: the neutral element in the range of the stored type. */
static double neutral(OpKind op, DType t)
{
    bool is_max = op == OP_ReduceMax;
    if (op == OP_ReduceProd)
        return 1;
    if (!is_max && op != OP_ReduceMin)
        return 0;
    if (dtype_is_float(t))
        return is_max ? -INFINITY : INFINITY;
    if (t == DT_BOOL)
        return is_max ? 0 : 1;
    bool is_signed = t == DT_I8 || t == DT_I16 || t == DT_I32 || t == DT_I64;
    double span = ldexp(1, (int)dtype_size(t) * 8 - (is_signed ? 1 : 0));
    return is_max ? (is_signed ? -span : 0) : span - 1;
}

static Kind kind_of(const Node *n)
{
    Kind k = kinds[0];
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (kinds[i].op == n->op)
            k = kinds[i];
    if (n->op == OP_GlobalLpPool && n->params.pool.p <= 2) {
        bool first = n->params.pool.p == 1;
        k.prepare = first ? MAGNITUDE : SQUARE;
        k.finish = first ? NOTHING : ROOT;
    }
    return k;
}

static void mark_axes(const Node *n, bool along[NEST_AXES])
{
    const ReduceParams *p = &n->params.reduce;
    for (int i = 0; i < NEST_AXES; i++)
        along[i] = n->op == OP_GlobalLpPool && i >= 2;
    for (int i = 0; n->op != OP_GlobalLpPool && i < p->n_axes; i++)
        along[p->axes[i]] = true;
}

bool lower_reduce(Lower *lw, const Node *n)
{
    const Value *in = n->in[0], *out = n->out[0];
    Reduce r = {.kind = kind_of(n)};
    KBase base = kbase_compute(kbase_of_dtype(in->dtype));
    if (in->layout.block > 1 || out->layout.block > 1)
        return node_unsupported(lw->graph, n, "it has no kernel but for row-major tensors");
    if (!kbase_is_float(base) && r.kind.finish != NOTHING && r.kind.finish != MEAN)
        base = KT_F64;
    if (n->op == OP_ReduceMean && base == KT_I32) /* the mean of 32 bits has a sum of more */
        base = KT_I64;
    r.init = neutral(n->op, in->dtype);
    r.p = n->op == OP_GlobalLpPool ? (double)n->params.pool.p : 0;
    Nest nest;
    bool along[NEST_AXES];
    int64_t stride[NEST_AXES];
    mark_axes(n, along);
    nest_space(&nest, in);
    nest_row_major(&nest, along, stride);
    nest_strided(lw, &nest, "out", out, 0, stride);
    nest_operand(lw, &nest, in, "in", in);
    const char *dims = dims_str(lw->arena, &in->shape, 0),
               *to = dims_str(lw->arena, &out->shape, 0);
    LinesKernel k = {.body = body, .user = &r, .base = base};
    k.sequential = n->op == OP_ReduceProd; /* there is no product of all lanes */
    k.name = arena_printf(lw->arena, "reduce_%s_%s_to_%s", r.kind.name, dims, to);
    k.note = arena_printf(lw->arena, "%s of %s to %s", op_info(n->op)->name, dims, to);
    return lines_emit(lw, n, &k, &nest, along, 0);
}

bool lower_global_lp_pool(Lower *lw, const Node *n)
{
    return lower_reduce(lw, n);
}
