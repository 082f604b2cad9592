/* The expression cases of arithmetic with two operands and more. Integers are exact modulo 2^n; a
 * division by 0 gives 0. */
#include "codegen/ew.h"

#include <math.h>

KExpr *ew_add(const Ew *e)
{
    return ew_bin(e, KO_ADD, e->x[0], e->x[1]);
}

KExpr *ew_sub(const Ew *e)
{
    return ew_bin(e, KO_SUB, e->x[0], e->x[1]);
}

KExpr *ew_mul(const Ew *e)
{
    return ew_bin(e, KO_MUL, e->x[0], e->x[1]);
}

KExpr *ew_div(const Ew *e)
{
    return ew_bin(e, KO_DIV, e->x[0], e->x[1]);
}

/* fmod = 1: the dividend's sign. fmod = 0, for integers only: the divisor's. */
KExpr *ew_mod(const Ew *e)
{
    if (kbase_is_float(e->type.base))
        return libm(e->lw, e->b, "fmod", e->x[0], e->x[1]);
    if (e->p->mode || e->type.base == KT_U64) /* unsigned: floor and truncation agree */
        return ew_bin(e, KO_REM, e->x[0], e->x[1]);
    const KLet *x = ew_let(e, "x", e->x[0]), *y = ew_let(e, "y", e->x[1]);
    const KLet *r = ew_let(e, "r", ew_bin(e, KO_REM, ew_use(e, x), ew_use(e, y)));
    KExpr *differ = ew_bin(e, KO_XOR, ew_use(e, r), ew_use(e, y));
    KExpr *opposite = kb_cmp(e->b, KO_LT, differ, ew_const(e, 0));
    KExpr *some = kb_cmp(e->b, KO_NE, ew_use(e, r), ew_const(e, 0));
    KExpr *moved = ew_bin(e, KO_ADD, ew_use(e, r), ew_use(e, y));
    return kb_select(e->b, kb_bin(e->b, KO_AND, some, opposite), moved, ew_use(e, r));
}

/* ---- Pow ---- */

/* x^y of 64-bit integers for y >= 0, modulo 2^64: a squaring for each bit of y. */
static KExpr *power_by_squaring(KBuilder *b, const KLet *x, const KLet *y, int bits)
{
    const KType type = KTYPE(KT_I64, 1);
    KReg *power = kb_reg(b, "power", type, 0, 0, 0), *square = kb_reg(b, "square", type, 0, 0, 0);
    KReg *rest = kb_reg(b, "rest", type, 0, 0, 0);
    kb_set(b, power, kb_int(b, type, 1));
    kb_set(b, square, kb_use(b, x));
    kb_set(b, rest, kb_use(b, y));
    kb_for(b, "bit", 0, bits, 1, KL_SERIAL);
    KExpr *bit = kb_bin(b, KO_AND, kb_get(b, rest), kb_int(b, type, 1));
    KExpr *times = kb_bin(b, KO_MUL, kb_get(b, power), kb_get(b, square));
    KExpr *is_set = kb_cmp(b, KO_NE, bit, kb_int(b, type, 0));
    kb_set(b, power, kb_select(b, is_set, times, kb_get(b, power)));
    kb_set(b, square, kb_bin(b, KO_MUL, kb_get(b, square), kb_get(b, square)));
    kb_set(b, rest, kb_bin(b, KO_SHR, kb_get(b, rest), kb_int(b, type, 1)));
    kb_end(b);
    return kb_get(b, power);
}

/* Exact modulo 2^n. A negative exponent leaves 0, but for the bases 1 and -1. */
static KExpr *integer_pow(const Ew *e)
{
    KBuilder *b = e->b;
    const KType type = KTYPE(KT_I64, 1);
    int bits = e->x[1]->type.base == KT_I32 ? 31 : 63;
    const KLet *x = ew_let(e, "x", kb_cvt(b, type, e->x[0]));
    const KLet *y = ew_let(e, "y", kb_cvt(b, type, e->x[1]));
    const KLet *power = ew_let(e, "p", power_by_squaring(b, x, y, bits));
    KExpr *odd = kb_bin(b, KO_AND, kb_use(b, y), kb_int(b, type, 1));
    KExpr *is_odd = kb_cmp(b, KO_NE, odd, kb_int(b, type, 0));
    KExpr *sign = kb_select(b, is_odd, kb_int(b, type, -1), kb_int(b, type, 1));
    KExpr *is_minus = kb_cmp(b, KO_EQ, kb_use(b, x), kb_int(b, type, -1));
    KExpr *is_one = kb_cmp(b, KO_EQ, kb_use(b, x), kb_int(b, type, 1));
    KExpr *inverse = kb_select(b, is_minus, sign, kb_int(b, type, 0));
    inverse = kb_select(b, is_one, kb_int(b, type, 1), inverse);
    KExpr *is_negative = kb_cmp(b, KO_LT, kb_use(b, y), kb_int(b, type, 0));
    return kb_cvt(b, e->type, kb_select(b, is_negative, inverse, kb_use(b, power)));
}

/* Constant exponents that need no logarithm; the rest is x^y. The base gives the type. */
KExpr *ew_pow(const Ew *e)
{
    KExpr *y = e->x[1];
    bool is_float = kbase_is_float(e->type.base), by_float = kbase_is_float(y->type.base);
    double k = y->kind != KE_CONST ? NAN : by_float ? y->f : (double)y->i;
    if (k == 1)
        return e->x[0];
    if ((k == 2 || k == 3) && (is_float || !by_float)) {
        const KLet *x = ew_let(e, "x", e->x[0]);
        KExpr *xx = ew_bin(e, KO_MUL, ew_use(e, x), ew_use(e, x));
        return k == 2 ? xx : ew_bin(e, KO_MUL, xx, ew_use(e, x));
    }
    if (k == -1 && is_float)
        return ew_bin(e, KO_DIV, ew_const(e, 1), e->x[0]);
    if (is_float)
        return vmath(e->lw, e->b, VM_POW, e->x[0], kb_cvt(e->b, e->type, y));
    if (!by_float)
        return integer_pow(e);
    const KType f64 = KTYPE(KT_F64, 1);
    KExpr *power = vmath(e->lw, e->b, VM_POW, kb_cvt(e->b, f64, e->x[0]), kb_cvt(e->b, f64, y));
    return ew_convert(e, e->out, power);
}

/* ---- more ---- */

/* The least or greatest of all operands; a NaN in any of them is the result. */
static KExpr *extreme_operand(const Ew *e, KOp op)
{
    KExpr *r = e->x[0];
    for (int i = 1; i < e->n; i++)
        r = extreme(e->b, op, r, e->x[i]);
    return r;
}

KExpr *ew_min(const Ew *e)
{
    return extreme_operand(e, KO_MIN);
}

KExpr *ew_max(const Ew *e)
{
    return extreme_operand(e, KO_MAX);
}

KExpr *ew_prelu(const Ew *e)
{
    const KLet *x = ew_let(e, "x", e->x[0]);
    KExpr *scaled = ew_bin(e, KO_MUL, ew_use(e, x), e->x[1]);
    return ew_choose(e, KO_LT, ew_use(e, x), ew_const(e, 0), scaled, ew_use(e, x));
}
