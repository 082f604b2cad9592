/* The formulas of the elementwise operators, an element at a time (ir/interp/formulas.c). */
#ifndef CNNCC_IR_INTERP_FORMULAS_H
#define CNNCC_IR_INTERP_FORMULAS_H

#include "ir/ops.h"

/* Limits of Clip for integers; either may be absent. */
typedef struct ClipLimits {
    bool has_lo, has_hi;
    int64_t lo, hi;
} ClipLimits;

/* The operator over x[0..n), n from 1 to 3, as doubles. */
double formula_f64(OpKind op, const EwParams *p, const double *x, int n);

/* The same over integers, exact modulo 2^64; `is_unsigned` tells how the bits are read. The divisor
 * of Div and Mod must not be 0. */
int64_t formula_i64(OpKind op, const EwParams *p, const ClipLimits *l, const int64_t *x, int n,
                    bool is_unsigned);

#endif
