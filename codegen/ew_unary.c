/* The expression cases of activations and of other functions of one number.
 *
 * NaN: the kernel IR's MIN and MAX return their second operand when either is NaN, so `MAX(0, x)`
 * propagates a NaN in x, as ONNX asks. Functions without a vector form (sines…) are those of the C
 * library, in double precision. */
#include "codegen/ew.h"

#include <math.h>

static KExpr *call(const Ew *e, VMath f, KExpr *x)
{
    return vmath(e->lw, e->b, f, x, NULL);
}

/* lo <= x <= hi; a NaN stays. An infinite bound costs nothing. */
static KExpr *clamp(const Ew *e, KExpr *x, double lo, double hi)
{
    if (!isinf(lo))
        x = ew_bin(e, KO_MAX, ew_const(e, lo), x);
    if (!isinf(hi))
        x = ew_bin(e, KO_MIN, ew_const(e, hi), x);
    return x;
}

KExpr *ew_identity(const Ew *e)
{
    return e->x[0];
}

KExpr *ew_relu(const Ew *e)
{
    return ew_bin(e, KO_MAX, ew_const(e, 0), e->x[0]);
}

KExpr *ew_leaky_relu(const Ew *e)
{
    const KLet *x = ew_let(e, "x", e->x[0]);
    KExpr *scaled = ew_bin(e, KO_MUL, ew_use(e, x), ew_const(e, e->p->alpha));
    if (e->p->alpha >= 0 && e->p->alpha <= 1)
        return ew_bin(e, KO_MAX, scaled, ew_use(e, x));
    return ew_choose(e, KO_LT, ew_use(e, x), ew_const(e, 0), scaled, ew_use(e, x));
}

/* scale_pos * x where x > 0, scale_neg * (exp(x) - 1) elsewhere. */
static KExpr *elu(const Ew *e, double scale_pos, double scale_neg)
{
    const KLet *x = ew_let(e, "x", e->x[0]);
    KExpr *neg = ew_bin(e, KO_MUL, call(e, VM_EXPM1, ew_use(e, x)), ew_const(e, scale_neg));
    KExpr *pos = ew_use(e, x);
    if (scale_pos != 1)
        pos = ew_bin(e, KO_MUL, pos, ew_const(e, scale_pos));
    return ew_choose(e, KO_GT, ew_use(e, x), ew_const(e, 0), pos, neg);
}

KExpr *ew_elu(const Ew *e)
{
    return elu(e, 1, e->p->alpha);
}

KExpr *ew_selu(const Ew *e)
{
    return elu(e, e->p->gamma, e->p->gamma * e->p->alpha);
}

KExpr *ew_celu(const Ew *e) /* max(0, x) + min(0, alpha * (exp(x / alpha) - 1)) */
{
    const KLet *x = ew_let(e, "x", e->x[0]);
    KExpr *inner = ew_bin(e, KO_DIV, ew_use(e, x), ew_const(e, e->p->alpha));
    KExpr *neg = ew_bin(e, KO_MUL, call(e, VM_EXPM1, inner), ew_const(e, e->p->alpha));
    return ew_bin(e, KO_ADD, ew_bin(e, KO_MAX, ew_const(e, 0), ew_use(e, x)),
                  ew_bin(e, KO_MIN, ew_const(e, 0), neg));
}

KExpr *ew_thresholded_relu(const Ew *e) /* NaN is not above */
{
    const KLet *x = ew_let(e, "x", e->x[0]);
    return ew_choose(e, KO_GT, ew_use(e, x), ew_const(e, e->p->alpha), ew_use(e, x),
                     ew_const(e, 0));
}

KExpr *ew_sigmoid(const Ew *e)
{
    return call(e, VM_SIGMOID, e->x[0]);
}

KExpr *ew_hard_sigmoid(const Ew *e)
{
    KExpr *line = kb_fma(e->b, e->x[0], ew_const(e, e->p->alpha), ew_const(e, e->p->beta));
    return clamp(e, line, 0, 1);
}

KExpr *ew_hard_swish(const Ew *e) /* x * clamp(x / 6 + 0.5, 0, 1) */
{
    const KLet *x = ew_let(e, "x", e->x[0]);
    KExpr *line = kb_fma(e->b, ew_use(e, x), ew_const(e, 1.0 / 6), ew_const(e, 0.5));
    return ew_bin(e, KO_MUL, ew_use(e, x), clamp(e, line, 0, 1));
}

KExpr *ew_tanh(const Ew *e)
{
    return call(e, VM_TANH, e->x[0]);
}

KExpr *ew_softplus(const Ew *e)
{
    return call(e, VM_SOFTPLUS, e->x[0]);
}

KExpr *ew_softsign(const Ew *e)
{
    const KLet *x = ew_let(e, "x", e->x[0]);
    KExpr *below = ew_bin(e, KO_ADD, kb_un(e->b, KO_ABS, ew_use(e, x)), ew_const(e, 1));
    return ew_bin(e, KO_DIV, ew_use(e, x), below);
}

/* x / 2 * (1 + erf(x / sqrt 2)), or the tanh form 1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)). */
KExpr *ew_gelu(const Ew *e)
{
    const KLet *x = ew_let(e, "x", e->x[0]);
    KExpr *s;
    if (e->p->mode == 1) {
        const KLet *xx = ew_let(e, "xx", ew_bin(e, KO_MUL, ew_use(e, x), ew_use(e, x)));
        const double k = 0.79788456080286535588;
        KExpr *poly = kb_fma(e->b, ew_use(e, xx), ew_const(e, k * 0.044715), ew_const(e, k));
        s = call(e, VM_TANH, ew_bin(e, KO_MUL, ew_use(e, x), poly));
    } else {
        s = call(e, VM_ERF, ew_bin(e, KO_MUL, ew_use(e, x), ew_const(e, 0.70710678118654752440)));
    }
    KExpr *half = ew_bin(e, KO_MUL, ew_use(e, x), ew_const(e, 0.5));
    return ew_bin(e, KO_MUL, half, ew_bin(e, KO_ADD, s, ew_const(e, 1)));
}

KExpr *ew_mish(const Ew *e) /* x * tanh(log(1 + exp(x))) */
{
    const KLet *x = ew_let(e, "x", e->x[0]);
    return ew_bin(e, KO_MUL, ew_use(e, x), call(e, VM_TANH, call(e, VM_SOFTPLUS, ew_use(e, x))));
}

KExpr *ew_clip(const Ew *e) /* min(max(x, lo), hi): the upper bound wins */
{
    KExpr *x = e->x[0];
    if (e->n > 1 && e->x[1])
        x = ew_bin(e, KO_MAX, e->x[1], x);
    else
        x = clamp(e, x, e->p->alpha, INFINITY);
    if (e->n > 2 && e->x[2])
        return ew_bin(e, KO_MIN, e->x[2], x);
    return clamp(e, x, -INFINITY, e->p->beta);
}

KExpr *ew_exp(const Ew *e)
{
    return call(e, VM_EXP, e->x[0]);
}

KExpr *ew_log(const Ew *e)
{
    return call(e, VM_LOG, e->x[0]);
}

KExpr *ew_erf(const Ew *e)
{
    return call(e, VM_ERF, e->x[0]);
}

KExpr *ew_sqrt(const Ew *e)
{
    return kb_un(e->b, KO_SQRT, e->x[0]);
}

KExpr *ew_reciprocal(const Ew *e)
{
    return ew_bin(e, KO_DIV, ew_const(e, 1), e->x[0]);
}

KExpr *ew_abs(const Ew *e)
{
    return kb_un(e->b, KO_ABS, e->x[0]);
}

KExpr *ew_neg(const Ew *e)
{
    return kb_un(e->b, KO_NEG, e->x[0]);
}

KExpr *ew_floor(const Ew *e)
{
    return kb_un(e->b, KO_FLOOR, e->x[0]);
}

KExpr *ew_ceil(const Ew *e)
{
    return kb_un(e->b, KO_CEIL, e->x[0]);
}

KExpr *ew_round(const Ew *e)
{
    return kb_un(e->b, KO_ROUND, e->x[0]);
}

KExpr *ew_sign(const Ew *e) /* 0 and NaN stay */
{
    const KLet *x = ew_let(e, "x", e->x[0]);
    KExpr *rest = ew_choose(e, KO_LT, ew_use(e, x), ew_const(e, 0), ew_const(e, -1), ew_use(e, x));
    return ew_choose(e, KO_GT, ew_use(e, x), ew_const(e, 0), ew_const(e, 1), rest);
}

/* x + bias below -lambd, x - bias above lambd, 0 between; of integers, truncated. */
KExpr *ew_shrink(const Ew *e)
{
    bool is_float = kbase_is_float(e->type.base);
    const KType type = is_float ? e->type : KTYPE(KT_F64, 1);
    Ew f = *e;
    f.type = type;
    double lambd = e->p->alpha, bias = e->p->beta;
    const KLet *x = ew_let(e, "x", kb_cvt(e->b, type, e->x[0]));
    KExpr *minus = ew_bin(&f, KO_SUB, ew_use(e, x), ew_const(&f, bias));
    KExpr *plus = ew_bin(&f, KO_ADD, ew_use(e, x), ew_const(&f, bias));
    KExpr *high = ew_choose(e, KO_GT, ew_use(e, x), ew_const(&f, lambd), minus, ew_const(&f, 0));
    KExpr *y = ew_choose(e, KO_LT, ew_use(e, x), ew_const(&f, -lambd), plus, high);
    return is_float ? y : ew_convert(e, e->out, y);
}

KExpr *ew_swish(const Ew *e) /* x * sigmoid(alpha * x) */
{
    const KLet *x = ew_let(e, "x", e->x[0]);
    KExpr *inner = ew_use(e, x);
    if (e->p->alpha != 1)
        inner = ew_bin(e, KO_MUL, inner, ew_const(e, e->p->alpha));
    return ew_bin(e, KO_MUL, ew_use(e, x), call(e, VM_SIGMOID, inner));
}

/* ---- functions of the C library ---- */

KExpr *ew_libm(const Ew *e)
{
    static const char *const names[OP_COUNT] = {
        [OP_Sin] = "sin",     [OP_Cos] = "cos",     [OP_Tan] = "tan",     [OP_Asin] = "asin",
        [OP_Acos] = "acos",   [OP_Atan] = "atan",   [OP_Sinh] = "sinh",   [OP_Cosh] = "cosh",
        [OP_Asinh] = "asinh", [OP_Acosh] = "acosh", [OP_Atanh] = "atanh",
    };
    return libm(e->lw, e->b, names[e->op], e->x[0], NULL);
}
