/* What the two halves of the kernel evaluator share: statements and vectors (kernel_eval.c), and
 * the operations on one lane (kernel_eval_lane.c). */
#ifndef CNNCC_TESTS_KERNEL_EVAL_INTERNAL_H
#define CNNCC_TESTS_KERNEL_EVAL_INTERNAL_H

#include "tests/support/kernel_eval.h"

/* A value of a compute type. */
typedef union Lane {
    float f;   /* f32 */
    double d;  /* f64 */
    int64_t i; /* integers, u64 as its bits; masks are 0 or 1 */
} Lane;

typedef struct Eval Eval;

/* Leaves the evaluation with a reason. */
void eval_fail(Eval *ev, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

/* Element i of memory, widened; and narrowed. */
Lane lane_load(const void *p, KBase base, int64_t i);
void lane_store(void *p, KBase base, int64_t i, Lane l);

int64_t lane_wrap(KBase b, int64_t x);
Lane lane_unary(Eval *ev, KOp op, KBase b, Lane x);
Lane lane_binary(Eval *ev, KOp op, KBase b, Lane x, Lane y);
bool lane_compare(KOp op, KBase b, Lane x, Lane y);
Lane lane_bitcast(KBase to, KBase from, Lane x);
Lane lane_convert(Eval *ev, const KExpr *cvt, KBase from, Lane x);
double lane_external(Eval *ev, const char *name, double x, double y);

#endif
