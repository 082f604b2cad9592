/* One node, lowered and run, against the reference interpreter.
 *
 * A case is a graph of a single node whose inputs and outputs are the caller's buffers, in any
 * layout. node_case_check infers, interprets, lowers, evaluates the kernels with exact-size
 * buffers and compares; it fails the running cmocka test with a reason. */
#ifndef CNNCC_TESTS_NODE_CASE_H
#define CNNCC_TESTS_NODE_CASE_H

#include "codegen/codegen.h"
#include "ir/ops.h"

enum { NODE_CASE_VALUES = 12 };

typedef struct NodeCase {
    Arena *arena;
    Diag diag;
    Graph *g;
    Value *in[NODE_CASE_VALUES];
    int n_in;
    Node *node;
    uint64_t random;
    double lo, hi; /* range of the random inputs made next: -2..2 */
} NodeCase;

/* A new case for the target ("c99", "gnu", "avx2", "avx512"). `seed` also seeds the data. */
void node_case_open(NodeCase *c, const char *target, uint64_t seed);
void node_case_close(NodeCase *c);

/* Uniform in [0, n). */
int node_case_random(NodeCase *c, int n);

/* The next input of the node: random data, or `data` when given; blocked by `block` channels in
 * memory (<= 1: plain); a constant or a graph input. Returns the value. */
Value *node_case_input(NodeCase *c, DType type, int rank, const int64_t *dims, int block,
                       const void *data, bool constant);
Value *node_case_f32(NodeCase *c, int rank, const int64_t *dims, int block);
void node_case_absent(NodeCase *c);

/* Makes the node, with n_out outputs; set its parameters in the result before checking. */
Node *node_case_node(NodeCase *c, OpKind op, int n_out);

/* Runs inference and the rest; out[0] is blocked by out_block. Results may differ from the
 * interpreter's by rtol * |want| + atol; integers must be equal. */
void node_case_check(NodeCase *c, int out_block, double rtol, double atol);

/* The number of lanes of the case's target. */
int node_case_lanes(const NodeCase *c);

/* Names of the targets to test with; NULL behind the last. */
extern const char *const node_case_targets[];

#endif
