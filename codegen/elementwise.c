/* The one expression case of each elementwise operator.
 *
 * The same case serves the stand-alone kernel, the epilogue of any other kernel, the C printer
 * and the JIT. Operands are expressions of one type; each may appear once in the result, so what
 * a formula needs twice is named by a LET. All cases work on f32 vectors of any width; those
 * marked ANY_TYPE use only arithmetic that every type of number has.
 *
 * NaN: the kernel IR's MIN and MAX return their second operand when either is NaN, so `MAX(0, x)`
 * propagates a NaN in x, as ONNX asks. */
#include "codegen/lower.h"

#include "ir/ops.h"

#include <assert.h>
#include <math.h>

/* What a case works with. */
typedef struct Ew {
    Lower *lw;
    KBuilder *b;
    const EwParams *p;
    KType type;
    KExpr *const *x; /* the operands */
    int n;
} Ew;

typedef KExpr *(*EwFn)(const Ew *e);

/* ---- shorthands ---- */

static KExpr *con(const Ew *e, double value)
{
    return kb_const(e->b, e->type, value);
}

static KExpr *bin(const Ew *e, KOp op, KExpr *x, KExpr *y)
{
    return kb_bin(e->b, op, x, y);
}

static const KLet *name(const Ew *e, const char *s, KExpr *x)
{
    return kb_let(e->b, s, x);
}

static KExpr *use(const Ew *e, const KLet *x)
{
    return kb_use(e->b, x);
}

static KExpr *call(const Ew *e, VMath f, KExpr *x)
{
    return vmath(e->lw, e->b, f, x, NULL);
}

/* lo <= x <= hi; a NaN stays. An infinite bound costs nothing. */
static KExpr *clamp(const Ew *e, KExpr *x, double lo, double hi)
{
    if (!isinf(lo))
        x = bin(e, KO_MAX, con(e, lo), x);
    if (!isinf(hi))
        x = bin(e, KO_MIN, con(e, hi), x);
    return x;
}

/* ---- one operand ---- */

static KExpr *ew_identity(const Ew *e)
{
    return e->x[0];
}

static KExpr *ew_relu(const Ew *e)
{
    return bin(e, KO_MAX, con(e, 0), e->x[0]);
}

static KExpr *ew_leaky_relu(const Ew *e)
{
    const KLet *x = name(e, "x", e->x[0]);
    KExpr *scaled = bin(e, KO_MUL, use(e, x), con(e, e->p->alpha));
    if (e->p->alpha >= 0 && e->p->alpha <= 1)
        return bin(e, KO_MAX, scaled, use(e, x));
    return kb_select(e->b, kb_cmp(e->b, KO_LT, use(e, x), con(e, 0)), scaled, use(e, x));
}

/* scale_pos * x where x > 0, scale_neg * (exp(x) - 1) elsewhere. */
static KExpr *elu(const Ew *e, double scale_pos, double scale_neg)
{
    const KLet *x = name(e, "x", e->x[0]);
    KExpr *neg = bin(e, KO_MUL, call(e, VM_EXPM1, use(e, x)), con(e, scale_neg));
    KExpr *pos = use(e, x);
    if (scale_pos != 1)
        pos = bin(e, KO_MUL, pos, con(e, scale_pos));
    return kb_select(e->b, kb_cmp(e->b, KO_GT, use(e, x), con(e, 0)), pos, neg);
}

static KExpr *ew_elu(const Ew *e)
{
    return elu(e, 1, e->p->alpha);
}

static KExpr *ew_selu(const Ew *e)
{
    return elu(e, e->p->gamma, e->p->gamma * e->p->alpha);
}

static KExpr *ew_celu(const Ew *e) /* max(0, x) + min(0, alpha * (exp(x / alpha) - 1)) */
{
    const KLet *x = name(e, "x", e->x[0]);
    KExpr *inner = bin(e, KO_DIV, use(e, x), con(e, e->p->alpha));
    KExpr *neg = bin(e, KO_MUL, call(e, VM_EXPM1, inner), con(e, e->p->alpha));
    return bin(e, KO_ADD, bin(e, KO_MAX, con(e, 0), use(e, x)), bin(e, KO_MIN, con(e, 0), neg));
}

static KExpr *ew_thresholded_relu(const Ew *e)
{
    const KLet *x = name(e, "x", e->x[0]);
    KExpr *below = kb_cmp(e->b, KO_LE, use(e, x), con(e, e->p->alpha));
    return kb_select(e->b, below, con(e, 0), use(e, x));
}

static KExpr *ew_sigmoid(const Ew *e)
{
    return call(e, VM_SIGMOID, e->x[0]);
}

static KExpr *ew_hard_sigmoid(const Ew *e)
{
    KExpr *line = kb_fma(e->b, e->x[0], con(e, e->p->alpha), con(e, e->p->beta));
    return clamp(e, line, 0, 1);
}

static KExpr *ew_hard_swish(const Ew *e) /* x * clamp(x / 6 + 0.5, 0, 1) */
{
    const KLet *x = name(e, "x", e->x[0]);
    KExpr *line = kb_fma(e->b, use(e, x), con(e, 1.0 / 6), con(e, 0.5));
    return bin(e, KO_MUL, use(e, x), clamp(e, line, 0, 1));
}

static KExpr *ew_tanh(const Ew *e)
{
    return call(e, VM_TANH, e->x[0]);
}

static KExpr *ew_softplus(const Ew *e)
{
    return call(e, VM_SOFTPLUS, e->x[0]);
}

static KExpr *ew_softsign(const Ew *e)
{
    const KLet *x = name(e, "x", e->x[0]);
    KExpr *below = bin(e, KO_ADD, kb_un(e->b, KO_ABS, use(e, x)), con(e, 1));
    return bin(e, KO_DIV, use(e, x), below);
}

/* x / 2 * (1 + erf(x / sqrt 2)), or the tanh form 1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)). */
static KExpr *ew_gelu(const Ew *e)
{
    const KLet *x = name(e, "x", e->x[0]);
    KExpr *s;
    if (e->p->mode == 1) {
        const KLet *xx = name(e, "xx", bin(e, KO_MUL, use(e, x), use(e, x)));
        const double k = 0.79788456080286535588;
        KExpr *poly = kb_fma(e->b, use(e, xx), con(e, k * 0.044715), con(e, k));
        s = call(e, VM_TANH, bin(e, KO_MUL, use(e, x), poly));
    } else {
        s = call(e, VM_ERF, bin(e, KO_MUL, use(e, x), con(e, 0.70710678118654752440)));
    }
    KExpr *half = bin(e, KO_MUL, use(e, x), con(e, 0.5));
    return bin(e, KO_MUL, half, bin(e, KO_ADD, s, con(e, 1)));
}

static KExpr *ew_mish(const Ew *e) /* x * tanh(log(1 + exp(x))) */
{
    const KLet *x = name(e, "x", e->x[0]);
    return bin(e, KO_MUL, use(e, x), call(e, VM_TANH, call(e, VM_SOFTPLUS, use(e, x))));
}

static KExpr *ew_clip(const Ew *e) /* min(max(x, lo), hi): the upper bound wins */
{
    KExpr *x = e->x[0];
    if (e->n > 1 && e->x[1])
        x = bin(e, KO_MAX, e->x[1], x);
    else
        x = clamp(e, x, e->p->alpha, INFINITY);
    if (e->n > 2 && e->x[2])
        return bin(e, KO_MIN, e->x[2], x);
    return clamp(e, x, -INFINITY, e->p->beta);
}

static KExpr *ew_exp(const Ew *e)
{
    return call(e, VM_EXP, e->x[0]);
}

static KExpr *ew_log(const Ew *e)
{
    return call(e, VM_LOG, e->x[0]);
}

static KExpr *ew_erf(const Ew *e)
{
    return call(e, VM_ERF, e->x[0]);
}

static KExpr *ew_sqrt(const Ew *e)
{
    return kb_un(e->b, KO_SQRT, e->x[0]);
}

static KExpr *ew_reciprocal(const Ew *e)
{
    return bin(e, KO_DIV, con(e, 1), e->x[0]);
}

static KExpr *ew_abs(const Ew *e)
{
    return kb_un(e->b, KO_ABS, e->x[0]);
}

static KExpr *ew_neg(const Ew *e)
{
    return kb_un(e->b, KO_NEG, e->x[0]);
}

static KExpr *ew_floor(const Ew *e)
{
    return kb_un(e->b, KO_FLOOR, e->x[0]);
}

static KExpr *ew_ceil(const Ew *e)
{
    return kb_un(e->b, KO_CEIL, e->x[0]);
}

static KExpr *ew_round(const Ew *e)
{
    return kb_un(e->b, KO_ROUND, e->x[0]);
}

static KExpr *ew_sign(const Ew *e) /* 0 and NaN stay */
{
    const KLet *x = name(e, "x", e->x[0]);
    KExpr *below = kb_cmp(e->b, KO_LT, use(e, x), con(e, 0));
    KExpr *above = kb_cmp(e->b, KO_GT, use(e, x), con(e, 0));
    KExpr *sign = kb_select(e->b, below, con(e, -1), use(e, x));
    return kb_select(e->b, above, con(e, 1), sign);
}

/* x + bias below -lambd, x - bias above lambd, 0 between. */
static KExpr *ew_shrink(const Ew *e)
{
    double lambd = e->p->alpha, bias = e->p->beta;
    const KLet *x = name(e, "x", e->x[0]);
    KExpr *below = kb_cmp(e->b, KO_LT, use(e, x), con(e, -lambd));
    KExpr *above = kb_cmp(e->b, KO_GT, use(e, x), con(e, lambd));
    KExpr *high = kb_select(e->b, above, bin(e, KO_SUB, use(e, x), con(e, bias)), con(e, 0));
    return kb_select(e->b, below, bin(e, KO_ADD, use(e, x), con(e, bias)), high);
}

static KExpr *ew_swish(const Ew *e) /* x * sigmoid(alpha * x) */
{
    const KLet *x = name(e, "x", e->x[0]);
    KExpr *inner = use(e, x);
    if (e->p->alpha != 1)
        inner = bin(e, KO_MUL, inner, con(e, e->p->alpha));
    return bin(e, KO_MUL, use(e, x), call(e, VM_SIGMOID, inner));
}

/* ---- two operands ---- */

static KExpr *ew_add(const Ew *e)
{
    return bin(e, KO_ADD, e->x[0], e->x[1]);
}

static KExpr *ew_sub(const Ew *e)
{
    return bin(e, KO_SUB, e->x[0], e->x[1]);
}

static KExpr *ew_mul(const Ew *e)
{
    return bin(e, KO_MUL, e->x[0], e->x[1]);
}

static KExpr *ew_div(const Ew *e)
{
    return bin(e, KO_DIV, e->x[0], e->x[1]);
}

/* Constant exponents that need no logarithm; the rest is x^y. */
static KExpr *ew_pow(const Ew *e)
{
    const KExpr *y = e->x[1];
    double k = y->kind == KE_CONST ? y->f : NAN;
    if (k == 1)
        return e->x[0];
    if (k == 2 || k == 3) {
        const KLet *x = name(e, "x", e->x[0]);
        KExpr *xx = bin(e, KO_MUL, use(e, x), use(e, x));
        return k == 2 ? xx : bin(e, KO_MUL, xx, use(e, x));
    }
    if (k == -1)
        return bin(e, KO_DIV, con(e, 1), e->x[0]);
    return vmath(e->lw, e->b, VM_POW, e->x[0], e->x[1]);
}

/* The least or greatest of all operands; a NaN in any of them is the result. */
static KExpr *extreme(const Ew *e, KOp op)
{
    KExpr *r = e->x[0];
    bool is_float = e->type.base == KT_F32 || e->type.base == KT_F64;
    for (int i = 1; i < e->n; i++) {
        KExpr *y = e->x[i];
        if (!is_float || r->kind == KE_CONST) {
            r = bin(e, op, r, y);
        } else if (y->kind == KE_CONST) {
            r = bin(e, op, y, r);
        } else {
            const KLet *x = name(e, "x", r);
            KExpr *is_nan = kb_cmp(e->b, KO_NE, use(e, x), use(e, x));
            r = kb_select(e->b, is_nan, use(e, x), bin(e, op, use(e, x), y));
        }
    }
    return r;
}

static KExpr *ew_min(const Ew *e)
{
    return extreme(e, KO_MIN);
}

static KExpr *ew_max(const Ew *e)
{
    return extreme(e, KO_MAX);
}

static KExpr *ew_prelu(const Ew *e)
{
    const KLet *x = name(e, "x", e->x[0]);
    KExpr *scaled = bin(e, KO_MUL, use(e, x), e->x[1]);
    return kb_select(e->b, kb_cmp(e->b, KO_LT, use(e, x), con(e, 0)), scaled, use(e, x));
}

/* ---- the table ---- */

static const struct {
    EwFn fn;
    bool any_type; /* not only f32 */
} table[OP_COUNT] = {
    [OP_Relu] = {ew_relu, true},
    [OP_LeakyRelu] = {ew_leaky_relu, false},
    [OP_Elu] = {ew_elu, false},
    [OP_Selu] = {ew_selu, false},
    [OP_Celu] = {ew_celu, false},
    [OP_ThresholdedRelu] = {ew_thresholded_relu, false},
    [OP_Sigmoid] = {ew_sigmoid, false},
    [OP_HardSigmoid] = {ew_hard_sigmoid, false},
    [OP_HardSwish] = {ew_hard_swish, false},
    [OP_Tanh] = {ew_tanh, false},
    [OP_Softplus] = {ew_softplus, false},
    [OP_Softsign] = {ew_softsign, false},
    [OP_Gelu] = {ew_gelu, false},
    [OP_Mish] = {ew_mish, false},
    [OP_Clip] = {ew_clip, true},
    [OP_Exp] = {ew_exp, false},
    [OP_Log] = {ew_log, false},
    [OP_Sqrt] = {ew_sqrt, false},
    [OP_Reciprocal] = {ew_reciprocal, false},
    [OP_Abs] = {ew_abs, true},
    [OP_Neg] = {ew_neg, true},
    [OP_Floor] = {ew_floor, false},
    [OP_Ceil] = {ew_ceil, false},
    [OP_Erf] = {ew_erf, false},
    [OP_Round] = {ew_round, false},
    [OP_Sign] = {ew_sign, true},
    [OP_Shrink] = {ew_shrink, false},
    [OP_Swish] = {ew_swish, false},
    [OP_Identity] = {ew_identity, true},
    [OP_Add] = {ew_add, true},
    [OP_Sub] = {ew_sub, true},
    [OP_Mul] = {ew_mul, true},
    [OP_Div] = {ew_div, true},
    [OP_Pow] = {ew_pow, false},
    [OP_Min] = {ew_min, true},
    [OP_Max] = {ew_max, true},
    [OP_PRelu] = {ew_prelu, false},
};

bool ew_supports(OpKind op, DType type)
{
    if (table[op].fn == NULL)
        return false;
    if (type == DT_F32)
        return true;
    return table[op].any_type && type != DT_BOOL;
}

bool ew_is_scalar(OpKind op, DType type)
{
    return op == OP_Div && !dtype_is_float(type);
}

KExpr *ew_expr(Lower *lw, KBuilder *b, OpKind op, const Params *p, KExpr *const *x, int n)
{
    assert(table[op].fn);
    Ew e = {lw, b, &p->ew, x[0]->type, x, n};
    return table[op].fn(&e);
}
