/* Shorthands for writing vector maths in the kernel IR: one function under construction.
 *
 * Shared by codegen/vmath.c and codegen/vmath_pow.c; everybody else calls vmath(). */
#ifndef CNNCC_CODEGEN_VMATH_H
#define CNNCC_CODEGEN_VMATH_H

#include "codegen/lower.h"

#include <math.h>

typedef struct Vm {
    Lower *lw;
    KBuilder *b;
    const Target *target;
    int lanes;
} Vm;

/* Adding it to |x| < 2^22 rounds x to an integer, which is then in the low bits. */
#define VM_MAGIC 12582912.0 /* 1.5 * 2^23 */

KExpr *vm_f(const Vm *v, double value);  /* f32 constant in every lane */
KExpr *vm_i(const Vm *v, int64_t value); /* i32 constant in every lane */
KExpr *vm_param(const Vm *v, int i);
const KLet *vm_let(const Vm *v, const char *name, KExpr *x);
KExpr *vm_use(const Vm *v, const KLet *x);
KExpr *vm_un(const Vm *v, KOp op, KExpr *x);
KExpr *vm_bin(const Vm *v, KOp op, KExpr *x, KExpr *y);
KExpr *vm_fma(const Vm *v, KExpr *x, KExpr *y, KExpr *z);
KExpr *vm_cmp(const Vm *v, KOp op, KExpr *x, KExpr *y);
KExpr *vm_select(const Vm *v, KExpr *mask, KExpr *x, KExpr *y);
KExpr *vm_as_int(const Vm *v, KExpr *x); /* the bits */
KExpr *vm_as_float(const Vm *v, KExpr *x);
KExpr *vm_call(const Vm *v, VMath f, KExpr *x);
/* c[0] + c[1] x + … + c[n-1] x^(n-1), by Horner's rule. */
KExpr *vm_poly(const Vm *v, const KLet *x, const double *c, int n);
/* |x| with the sign of `sign`. */
KExpr *vm_copysign(const Vm *v, KExpr *x, KExpr *sign);
/* The integer n of a float n + VM_MAGIC. */
KExpr *vm_shifted_int(const Vm *v, const KLet *shifted);
/* x * 2^n for |n| <= 250, in two steps: right where 2^n itself over- or underflows. */
KExpr *vm_scale(const Vm *v, KExpr *x, KExpr *n);
/* x = 2^e m with m in [sqrt 1/2, sqrt 2), for finite x > 0, denormals too. Returns m; *e is a
 * float. */
const KLet *vm_split_exponent(const Vm *v, const KLet *x, const KLet **e);
KFunc *vm_finish(const Vm *v, KExpr *result, const char *note);

/* The function of that name and width, made on first use. */
const KFunc *vmath_func(Lower *lw, const Target *target, VMath f, int lanes);

KFunc *vmath_make_pow(const Vm *v);

#endif
