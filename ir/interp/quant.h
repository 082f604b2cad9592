/* What the interpreter's quantised operators share: f32 arithmetic, rounding, scales. */
#ifndef CNNCC_IR_INTERP_QUANT_H
#define CNNCC_IR_INTERP_QUANT_H

#include "ir/interp/values.h"

/* One operation of f32, rounded once. */
float quant_mul(float a, float b);
float quant_div(float a, float b);

/* x rounded to nearest even, plus the zero point, saturated to the 8- or 16-bit type `t`. */
int64_t quant_round(DType t, float x, int64_t zero);

/* Element `k` of the scale that is operand `i`, and of the zero point (0 when absent); a single
 * element is that of every k. */
float quant_scale(const InterpCall *c, int i, int64_t k);
int64_t quant_zero(const InterpCall *c, int i, int64_t k);

#endif
