/* The expression cases of truth values, comparisons, bits and conversions.
 *
 * A truth value is a number in registers: 0 is false and everything else true; what is computed is
 * 0 or 1. Comparisons with NaN are false. */
#include "codegen/ew.h"

#include <math.h>

/* A mask as a truth value. */
static KExpr *truth(const Ew *e, KExpr *mask)
{
    const KType type = KTYPE(KT_I32, mask->type.lanes);
    return kb_select(e->b, mask, kb_int(e->b, type, 1), kb_int(e->b, type, 0));
}

/* ---- comparisons ---- */

KExpr *ew_compare(const Ew *e)
{
    static const KOp ops[OP_COUNT] = {
        [OP_Equal] = KO_EQ,   [OP_Less] = KO_LT,           [OP_LessOrEqual] = KO_LE,
        [OP_Greater] = KO_GT, [OP_GreaterOrEqual] = KO_GE,
    };
    return truth(e, kb_cmp(e->b, ops[e->op], e->x[0], e->x[1]));
}

KExpr *ew_is_nan(const Ew *e)
{
    const KLet *x = ew_let(e, "x", e->x[0]);
    return truth(e, kb_cmp(e->b, KO_NE, ew_use(e, x), ew_use(e, x)));
}

/* Nothing equals NaN: what stands for no sign at all. */
KExpr *ew_is_inf(const Ew *e)
{
    static const double infinity[] = {NAN, -INFINITY, INFINITY, INFINITY};
    int mode = e->p->mode & 3;
    KExpr *x = mode == 3 ? kb_un(e->b, KO_ABS, e->x[0]) : e->x[0];
    return truth(e, kb_cmp(e->b, KO_EQ, x, ew_const(e, infinity[mode])));
}

KExpr *ew_where(const Ew *e)
{
    KExpr *mask = kb_cmp(e->b, KO_NE, e->x[0], ew_const(e, 0));
    return kb_select(e->b, mask, e->x[1], e->x[2]);
}

/* ---- logic and bits ---- */

KExpr *ew_not(const Ew *e)
{
    return truth(e, kb_cmp(e->b, KO_EQ, e->x[0], ew_const(e, 0)));
}

KExpr *ew_bitwise_not(const Ew *e)
{
    return kb_un(e->b, KO_NOT, e->x[0]);
}

KExpr *ew_and(const Ew *e)
{
    return ew_bin(e, KO_AND, e->x[0], e->x[1]);
}

KExpr *ew_or(const Ew *e)
{
    return ew_bin(e, KO_OR, e->x[0], e->x[1]);
}

KExpr *ew_xor(const Ew *e)
{
    return ew_bin(e, KO_XOR, e->x[0], e->x[1]);
}

/* Unsigned numbers lie in wider registers with zeros above them. */
KExpr *ew_bit_shift(const Ew *e)
{
    return ew_bin(e, e->p->mode ? KO_SHR : KO_SHL, e->x[0], e->x[1]);
}

/* ---- conversions ---- */

/* A number of many digits as an f32 that rounds to the right 16-bit float: rounded to odd, so that
 * what was cut off still decides a tie. */
static KExpr *odd_f32(const Ew *e, KExpr *number)
{
    KBuilder *b = e->b;
    const KType f32 = KTYPE(KT_F32, 1), f64 = KTYPE(KT_F64, 1), i32 = KTYPE(KT_I32, 1);
    const KLet *x = ew_let(e, "wide", kb_cvt(b, f64, number));
    const KLet *y = ew_let(e, "near", kb_cvt(b, f32, kb_use(b, x)));
    const KLet *bits = ew_let(e, "bits", kb_bitcast(b, KT_I32, kb_use(b, y)));
    KExpr *distance = kb_un(b, KO_ABS, kb_cvt(b, f64, kb_use(b, y)));
    KExpr *beyond = kb_cmp(b, KO_GT, distance, kb_un(b, KO_ABS, kb_use(b, x)));
    KExpr *nearer = kb_bin(b, KO_SUB, kb_use(b, bits), kb_int(b, i32, 1));
    KExpr *cut = kb_select(b, beyond, nearer, kb_use(b, bits));
    KExpr *inexact = kb_cmp(b, KO_NE, kb_cvt(b, f64, kb_use(b, y)), kb_use(b, x));
    KExpr *odd = kb_bin(b, KO_OR, cut, kb_int(b, i32, 1));
    return kb_bitcast(b, KT_F32, kb_select(b, inexact, odd, kb_use(b, bits)));
}

KExpr *ew_convert(const Ew *e, DType to, KExpr *x)
{
    static const struct {
        int64_t lo, hi;
    } range[DT_COUNT] = {
        [DT_I8] = {INT8_MIN, INT8_MAX},    [DT_U8] = {0, UINT8_MAX},
        [DT_I16] = {INT16_MIN, INT16_MAX}, [DT_U16] = {0, UINT16_MAX},
        [DT_U32] = {0, UINT32_MAX},
    };
    bool from_float = kbase_is_float(x->type.base);
    const KType type = KTYPE(kbase_compute(kbase_of_dtype(to)), x->type.lanes);
    if (to == DT_BOOL)
        return truth(e, kb_cmp(e->b, KO_NE, x, kb_const(e->b, x->type, 0)));
    if ((to == DT_F16 || to == DT_BF16) && x->type.base != KT_F32 && x->type.lanes == 1)
        return odd_f32(e, x);
    KExpr *y = kb_cvt(e->b, type, x);
    if (!from_float || range[to].hi == 0)
        return y;
    y = kb_bin(e->b, KO_MAX, y, kb_int(e->b, type, range[to].lo));
    return kb_bin(e->b, KO_MIN, y, kb_int(e->b, type, range[to].hi));
}

KExpr *ew_cast(const Ew *e)
{
    return ew_convert(e, e->p->to, e->x[0]);
}
