/* Numbers of an element type as expressions: constants, the ends of a type, what fits into it, the
 * lesser and the greater. */
#include "codegen/lower.h"

#include <math.h>
#include <string.h>

KExpr *lowest_value(KBuilder *b, KType type)
{
    if (kbase_is_float(type.base))
        return kb_const(b, type, -INFINITY);
    return kb_int(b, type, type.base == KT_I32 ? INT32_MIN : type.base == KT_I64 ? INT64_MIN : 0);
}

KExpr *highest_value(KBuilder *b, KType type)
{
    return kb_const(b, type, INFINITY); /* integers take the nearest number */
}

KExpr *moved_const(KBuilder *b, DType t, double value, int lanes)
{
    const KBase moved = kbase_moved(kbase_of_dtype(t));
    const KType type = KTYPE(kbase_compute(moved), lanes);
    const Shape scalar = {0};
    if (kbase_is_float(moved))
        return kb_const(b, type, value);
    Tensor *x = tensor_new(kb_arena(b), t, &scalar);
    int64_t bits = 0;
    tensor_set_f64(x, 0, value);
    memcpy(&bits, x->data, tensor_bytes(x)); /* the low bits: narrowing leaves them alone */
    return kb_int(b, type, moved == KT_I32 ? (int32_t)bits : bits);
}

KExpr *saturated(KBuilder *b, DType t, KExpr *x)
{
    const KBase memory = kbase_of_dtype(t), compute = kbase_compute(memory);
    KExpr *y = kb_cvt(b, KTYPE(compute, 1), x);
    if (memory == compute) /* the conversion saturates */
        return y;
    int bits = 8 * (int)dtype_size(t);
    bool is_signed = t == DT_I8 || t == DT_I16;
    int64_t lo = is_signed ? -(INT64_C(1) << (bits - 1)) : 0;
    return kb_clamp(b, y, lo, (INT64_C(1) << (is_signed ? bits - 1 : bits)) - 1);
}

KType value_type(const Value *v, int lanes)
{
    return KTYPE(kbase_compute(kbase_of_dtype(v->dtype)), lanes);
}

/* ---- the least and the greatest ---- */

KExpr *extreme(KBuilder *b, KOp op, KExpr *x, KExpr *y)
{
    if (!kbase_is_float(x->type.base) || x->kind == KE_CONST)
        return kb_bin(b, op, x, y); /* y when either is NaN */
    if (y->kind == KE_CONST)
        return kb_bin(b, op, y, x);
    const KLet *first = kb_let(b, "x", x);
    KExpr *is_nan = kb_cmp(b, KO_NE, kb_use(b, first), kb_use(b, first));
    return kb_select(b, is_nan, kb_use(b, first), kb_bin(b, op, kb_use(b, first), y));
}

KExpr *extreme_lane(KBuilder *b, KOp op, KExpr *x)
{
    if (!kbase_is_float(x->type.base) || x->type.lanes == 1)
        return kb_reduce(b, op, x);
    const KLet *all = kb_let(b, "all", x);
    KExpr *is_nan = kb_cmp(b, KO_NE, kb_use(b, all), kb_use(b, all));
    KExpr *only_nan = kb_select(b, is_nan, kb_use(b, all), kb_const(b, x->type, 0));
    const KLet *nan = kb_let(b, "nan", kb_reduce(b, KO_ADD, only_nan));
    KExpr *found = kb_cmp(b, KO_NE, kb_use(b, nan), kb_use(b, nan));
    return kb_select(b, found, kb_use(b, nan), kb_reduce(b, op, kb_use(b, all)));
}
