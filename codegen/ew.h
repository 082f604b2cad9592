/* Inside of the elementwise cases: what a case works with, and shorthands for its formula.
 *
 * A case takes operands that are expressions of compute types and may use each of them once; what
 * it needs twice it names by ew_let. codegen/elementwise.c has the table of the cases; everybody
 * else calls ew_expr of codegen/lower.h. */
#ifndef CNNCC_CODEGEN_EW_H
#define CNNCC_CODEGEN_EW_H

#include "codegen/lower.h"

typedef struct Ew {
    Lower *lw;
    KBuilder *b;
    OpKind op;
    const EwParams *p;
    KType type;      /* of the first operand */
    DType out;       /* element type of the result */
    KExpr *const *x; /* the operands */
    int n;
} Ew;

KExpr *ew_const(const Ew *e, double value); /* of the first operand's type */
KExpr *ew_bin(const Ew *e, KOp op, KExpr *x, KExpr *y);
const KLet *ew_let(const Ew *e, const char *name, KExpr *x);
KExpr *ew_use(const Ew *e, const KLet *x);
/* `if_true` where `x op y` holds, `if_false` elsewhere. */
KExpr *ew_choose(const Ew *e, KOp op, KExpr *x, KExpr *y, KExpr *if_true, KExpr *if_false);
/* A number as an element of type `to`: integers modulo 2^n; of a float what fits, the nearest end
 * otherwise. Storing it as `to` changes nothing any more, but rounds to the 16-bit floats, rightly.
 */
KExpr *ew_convert(const Ew *e, DType to, KExpr *x);

/* codegen/ew_unary.c: activations and other functions of one number. */
KExpr *ew_identity(const Ew *e);
KExpr *ew_relu(const Ew *e);
KExpr *ew_leaky_relu(const Ew *e);
KExpr *ew_elu(const Ew *e);
KExpr *ew_selu(const Ew *e);
KExpr *ew_celu(const Ew *e);
KExpr *ew_thresholded_relu(const Ew *e);
KExpr *ew_sigmoid(const Ew *e);
KExpr *ew_hard_sigmoid(const Ew *e);
KExpr *ew_hard_swish(const Ew *e);
KExpr *ew_tanh(const Ew *e);
KExpr *ew_softplus(const Ew *e);
KExpr *ew_softsign(const Ew *e);
KExpr *ew_gelu(const Ew *e);
KExpr *ew_mish(const Ew *e);
KExpr *ew_clip(const Ew *e);
KExpr *ew_exp(const Ew *e);
KExpr *ew_log(const Ew *e);
KExpr *ew_erf(const Ew *e);
KExpr *ew_sqrt(const Ew *e);
KExpr *ew_reciprocal(const Ew *e);
KExpr *ew_abs(const Ew *e);
KExpr *ew_neg(const Ew *e);
KExpr *ew_floor(const Ew *e);
KExpr *ew_ceil(const Ew *e);
KExpr *ew_round(const Ew *e);
KExpr *ew_sign(const Ew *e);
KExpr *ew_shrink(const Ew *e);
KExpr *ew_swish(const Ew *e);
KExpr *ew_libm(const Ew *e);
/* codegen/ew_binary.c: arithmetic of two operands and more. */
KExpr *ew_add(const Ew *e);
KExpr *ew_sub(const Ew *e);
KExpr *ew_mul(const Ew *e);
KExpr *ew_div(const Ew *e);
KExpr *ew_mod(const Ew *e);
KExpr *ew_pow(const Ew *e);
KExpr *ew_min(const Ew *e);
KExpr *ew_max(const Ew *e);
KExpr *ew_prelu(const Ew *e);
/* codegen/ew_logic.c: truth values, comparisons, bits, types. */
KExpr *ew_compare(const Ew *e);
KExpr *ew_is_nan(const Ew *e);
KExpr *ew_is_inf(const Ew *e);
KExpr *ew_where(const Ew *e);
KExpr *ew_not(const Ew *e);
KExpr *ew_bitwise_not(const Ew *e);
KExpr *ew_and(const Ew *e);
KExpr *ew_or(const Ew *e);
KExpr *ew_xor(const Ew *e);
KExpr *ew_bit_shift(const Ew *e);
KExpr *ew_cast(const Ew *e);
#endif
