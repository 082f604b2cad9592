/* What the rules of the integers pass share: a quantised graph as DequantizeLinear, operators on
 * real numbers, QuantizeLinear ("QDQ") becomes operators on integers. */
#ifndef CNNCC_PASSES_INTEGERS_H
#define CNNCC_PASSES_INTEGERS_H

#include "passes/rewrite.h"

/* A known scale and zero point: real = scale * (q - zero). */
typedef struct Quant {
    Value *q;            /* the integers */
    Value *scale, *zero; /* constants; zero may be NULL */
    int axis;            /* of q, along which there is a scale each; -1: one for all */
} Quant;

/* `v` as integers of 8 bits with known scale and zero point; false when it is not made so. `axis`
 * says whether there may be one scale an entry of an axis. */
bool quant_of(const Value *v, bool axis, Quant *to);
/* The same of what the QuantizeLinear `n` makes: to->q is its result. */
bool quant_result(const Node *n, Quant *to);
/* Same type, scale and zero point, one for all. */
bool quant_equal(const Quant *a, const Quant *b);
/* The zero point as an operand: a constant 0 where there is none. */
Value *zero_operand(Graph *g, const Quant *q);
/* Scale and zero point of entry `i`. */
double quant_scale_at(const Quant *q, int64_t i);
int64_t quant_zero_at(const Quant *q, int64_t i);

/* One pass over all nodes. Sorting comes behind it, so rules see the uses and marks of its start:
 * of the values that the nodes of then make and read. */
typedef struct IntegerSweep {
    Graph *g;
    const bool *quantised; /* by value: some reader quantises it, at once or behind moves */
} IntegerSweep;

/* A rule looks at one QuantizeLinear (its operand `x`), or at any other node, and returns whether
 * it changed the graph. New nodes are appended: the driver sorts. */
typedef bool (*IntegerRule)(const IntegerSweep *s, Node *n);

/* integers_ops.c: `n` quantises the result of a convolution, product, sum or average of integers.
 */
bool integers_compute(const IntegerSweep *s, Node *n);
/* integers_ops.c: `n`, a Gemm of integers with a bias of integers, makes real numbers at once. */
bool integers_real_gemm(Graph *g, Node *n);
/* integers_real.c: `n` sums products of integers, and nobody quantises the result. */
bool integers_real(const IntegerSweep *s, Node *n);
/* integers_lookup.c: `n` quantises a function of one integer of 8 bits. */
bool integers_lookup(const IntegerSweep *s, Node *n);
/* integers_lookup.c: a table of what another table gives is one table. */
bool integers_join_lookups(const IntegerSweep *s, Node *n);

/* `n`'s result is made by `op` of these operands; `n` dies. NULL after a diagnostic. */
Node *integers_replace(Graph *g, Node *n, OpKind op, const Params *p, Value *const *in, int n_in);

#endif
