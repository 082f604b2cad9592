/* One planned node, lowered, executed by the kernel evaluator and compared with the interpreter.
 *
 * A case is a graph of one node. Its variable inputs are graph inputs, its result is the graph's
 * output, both with exactly the bytes of their layout; padding lanes of blocked inputs hold NaN,
 * so that a kernel which reads them shows it. Data are small whole numbers: sums are exact in
 * every order, and results must be equal. Failures are cmocka's, with the case described. */
#ifndef CNNCC_TESTS_LOWER_CASE_H
#define CNNCC_TESTS_LOWER_CASE_H

#include "ir/kernel.h"

typedef struct LowerCase {
    Arena *arena;
    Diag diag;
    Graph *g;
    Node *node;
    unsigned seed;
    double tolerance; /* of the greatest magnitude of the result; 0: exact */
    char describe[256];
} LowerCase;

void lc_open(LowerCase *c, unsigned seed, const char *target);
void lc_close(LowerCase *c);

/* The case's target with caches of these sizes, so that small nodes are cut as large ones are. */
void lc_small_caches(LowerCase *c, int64_t l1_bytes, int64_t l2_bytes);

/* A pseudo-random number in lo..hi. */
int64_t lc_random(LowerCase *c, int64_t lo, int64_t hi);

/* A variable input, or a constant filled with small whole numbers. */
Value *lc_input(LowerCase *c, const char *name, Shape shape, int block);
Value *lc_constant(LowerCase *c, const char *name, Shape shape);
/* The node under test; its output has `shape` and `block`. */
Node *lc_node(LowerCase *c, OpKind op, Value *const *in, int n_in, Shape shape, int block);
/* Adds an epilogue step; `operand` NULL for unary ones. */
void lc_epilogue(LowerCase *c, OpKind op, Value *operand, bool swapped);

/* Lowers, runs, compares. */
void lc_check(LowerCase *c);

/* Packs the constants of the node as ir/packing.h says, from its formulas, for node->plan. */
void lc_pack_direct(LowerCase *c);
void lc_pack_winograd(LowerCase *c);
void lc_pack_depthwise(LowerCase *c);
void lc_pack_im2col(LowerCase *c);
void lc_pack_gemm(LowerCase *c);

#endif
