/* What the lowerings of quantised operators share: scales and zero points as operands of a kernel,
 * the factor between a sum of products and the result, rounding and saturation.
 *
 * Whatever is known at compile time becomes a number in the code or a table of constants. All
 * arithmetic on real numbers is in f32, one operation at a time, as the interpreter has it. */
#ifndef CNNCC_CODEGEN_QUANT_H
#define CNNCC_CODEGEN_QUANT_H

#include "codegen/lower.h"

/* A scale, a zero point or a bias: of one element, or indexed by the kernel. */
typedef struct QuantOperand {
    const Value *v; /* NULL: absent, which is a zero point (or bias) of 0 */
    KBuf *buf;      /* NULL: absent, or one known number */
} QuantOperand;

/* Makes `v` (NULL: absent) an operand of the kernel; appends its argument when it has a buffer. */
QuantOperand quant_operand(Lower *lw, KBuilder *b, const char *name, const Value *v, Arg *args,
                           int *n_args);
/* Element `at` (an operand of one element: that one) in every lane, as f32 or i32. */
KExpr *quant_load(KBuilder *b, const QuantOperand *q, Affine at, int lanes);
/* The elements from `at` on, one a lane, of which `active` exist; of an operand of one element:
 * that one. */
KExpr *quant_load_row(KBuilder *b, const QuantOperand *q, Affine at, int lanes, int active);
/* Whether the operand is known to be 0 everywhere. */
bool quant_is_zero(const QuantOperand *q);
/* x - q[at], for i32 x. */
KExpr *quant_minus(KBuilder *b, KExpr *x, const QuantOperand *q, Affine at);
/* The same with the elements from `at` on, one a lane. */
KExpr *quant_minus_row(KBuilder *b, KExpr *x, const QuantOperand *q, Affine at, int active);

/* alpha * (a * b) / y of scales: what a sum of products of integers is multiplied with. b and y may
 * be absent (1). */
typedef struct QuantFactor {
    QuantOperand a, b, y;
    double alpha;
    const Tensor *table; /* all known: the factors, one or one an element of b */
    KBuf *buf;           /* of a table with more than one element */
} QuantFactor;

/* The operands a, b, y of the factor; the arguments are appended. */
QuantFactor quant_factor_open(Lower *lw, KBuilder *k, const Value *const scale[3], double alpha,
                              Arg *args, int *n_args);
/* The factor for element at_a of a and at_b of b, in every lane. */
KExpr *quant_factor(KBuilder *k, const QuantFactor *f, Affine at_a, Affine at_b, int lanes);
/* The factors for element at_a of a and the elements of b from at_b on, one a lane. */
KExpr *quant_factor_row(KBuilder *k, const QuantFactor *f, Affine at_a, Affine at_b, int lanes,
                        int active);

/* The f32 `x` rounded to nearest even, plus the zero point, saturated to the type `t` of 8 or 16
 * bits: as i32. NaN becomes the least integer. `zero` is i32 or NULL. */
KExpr *quant_saturate(KBuilder *b, DType t, KExpr *x, KExpr *zero);

#endif
