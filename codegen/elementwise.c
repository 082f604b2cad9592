/* The one expression case of each elementwise operator.
 *
 * The same case serves the stand-alone kernel, the epilogue of any other kernel, the C printer
 * and the JIT. Operands are expressions of compute types; each may appear once in the result, so
 * what a formula needs twice is named by a LET. The cases work on vectors of any width of f32, and
 * of i32 where they divide nothing; on every other type one element at a time. They are in
 * ew_unary.c, ew_binary.c and ew_logic.c; here is their table. */
#include "codegen/ew.h"

#include "ir/ops.h"

#include <assert.h>

/* ---- shorthands ---- */

KExpr *ew_const(const Ew *e, double value)
{
    return kb_const(e->b, e->type, value);
}

KExpr *ew_bin(const Ew *e, KOp op, KExpr *x, KExpr *y)
{
    return kb_bin(e->b, op, x, y);
}

const KLet *ew_let(const Ew *e, const char *name, KExpr *x)
{
    return kb_let(e->b, name, x);
}

KExpr *ew_use(const Ew *e, const KLet *x)
{
    return kb_use(e->b, x);
}

KExpr *ew_choose(const Ew *e, KOp op, KExpr *x, KExpr *y, KExpr *if_true, KExpr *if_false)
{
    return kb_select(e->b, kb_cmp(e->b, op, x, y), if_true, if_false);
}

/* ---- the table ---- */

typedef KExpr *EwFn(const Ew *e);

static EwFn *const table[OP_COUNT] = {
    [OP_Relu] = ew_relu,
    [OP_LeakyRelu] = ew_leaky_relu,
    [OP_Elu] = ew_elu,
    [OP_Selu] = ew_selu,
    [OP_Celu] = ew_celu,
    [OP_ThresholdedRelu] = ew_thresholded_relu,
    [OP_Sigmoid] = ew_sigmoid,
    [OP_HardSigmoid] = ew_hard_sigmoid,
    [OP_HardSwish] = ew_hard_swish,
    [OP_Tanh] = ew_tanh,
    [OP_Softplus] = ew_softplus,
    [OP_Softsign] = ew_softsign,
    [OP_Gelu] = ew_gelu,
    [OP_Mish] = ew_mish,
    [OP_Clip] = ew_clip,
    [OP_Exp] = ew_exp,
    [OP_Log] = ew_log,
    [OP_Sqrt] = ew_sqrt,
    [OP_Reciprocal] = ew_reciprocal,
    [OP_Abs] = ew_abs,
    [OP_Neg] = ew_neg,
    [OP_Floor] = ew_floor,
    [OP_Ceil] = ew_ceil,
    [OP_Erf] = ew_erf,
    [OP_Round] = ew_round,
    [OP_Sign] = ew_sign,
    [OP_Shrink] = ew_shrink,
    [OP_Swish] = ew_swish,
    [OP_Sin] = ew_libm,
    [OP_Cos] = ew_libm,
    [OP_Tan] = ew_libm,
    [OP_Asin] = ew_libm,
    [OP_Acos] = ew_libm,
    [OP_Atan] = ew_libm,
    [OP_Sinh] = ew_libm,
    [OP_Cosh] = ew_libm,
    [OP_Asinh] = ew_libm,
    [OP_Acosh] = ew_libm,
    [OP_Atanh] = ew_libm,
    [OP_IsNaN] = ew_is_nan,
    [OP_IsInf] = ew_is_inf,
    [OP_Not] = ew_not,
    [OP_BitwiseNot] = ew_bitwise_not,
    [OP_Identity] = ew_identity,
    [OP_Cast] = ew_cast,
    [OP_Add] = ew_add,
    [OP_Sub] = ew_sub,
    [OP_Mul] = ew_mul,
    [OP_Div] = ew_div,
    [OP_Pow] = ew_pow,
    [OP_Min] = ew_min,
    [OP_Max] = ew_max,
    [OP_PRelu] = ew_prelu,
    [OP_Mod] = ew_mod,
    [OP_And] = ew_and,
    [OP_BitwiseAnd] = ew_and,
    [OP_Or] = ew_or,
    [OP_BitwiseOr] = ew_or,
    [OP_Xor] = ew_xor,
    [OP_BitwiseXor] = ew_xor,
    [OP_BitShift] = ew_bit_shift,
    [OP_Equal] = ew_compare,
    [OP_Less] = ew_compare,
    [OP_LessOrEqual] = ew_compare,
    [OP_Greater] = ew_compare,
    [OP_GreaterOrEqual] = ew_compare,
    [OP_Where] = ew_where,
};

bool ew_supports(OpKind op)
{
    return table[op] != NULL;
}

bool ew_is_scalar(OpKind op, DType type, DType out)
{
    if (op == OP_Cast && type == DT_I32 && out == DT_BF16) /* vectors would round to f32 first */
        return true;
    switch (kbase_compute(kbase_of_dtype(type))) {
    case KT_F32:
        return op_has(op, T_SCALAR);
    case KT_I32: /* vectors are not divided, and shifted by constants only */
        return op == OP_Div || op == OP_Mod || op == OP_Pow || op == OP_Shrink || op == OP_BitShift;
    default:
        return true;
    }
}

KExpr *ew_expr(Lower *lw, KBuilder *b, OpKind op, const Params *p, DType out, KExpr *const *x,
               int n)
{
    assert(table[op]);
    Ew e = {lw, b, op, &p->ew, x[0]->type, out, x, n};
    return table[op](&e);
}
