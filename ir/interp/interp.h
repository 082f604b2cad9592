/* The reference interpreter: runs the graph IR node by node, naively, in double precision.
 *
 * It is the oracle of every test and folds constants. It knows nothing of layouts, places or
 * plans: it may run a graph at any pass boundary and must give the same result. */
#ifndef CNNCC_IR_INTERP_H
#define CNNCC_IR_INTERP_H

#include "ir/graph.h"

/* One node's execution: operands as tensors (NULL when absent), results allocated by the caller
 * from the inferred types and shapes. */
typedef struct InterpCall {
    Arena *arena; /* for results' temporaries; freed by the caller */
    Diag *diag;
    const Node *node;
    const Tensor *const *in;
    int n_in;
    Tensor *const *out;
    int n_out;
} InterpCall;

/* Computes one node, its epilogue included. False after a diagnostic (no interpreter for the
 * operator, or data that is illegal, such as an index out of range). */
bool interp_node(InterpCall *c);

/* Runs the graph: inputs[i] for graph->inputs[i]. The outputs' tensors go to outputs[]. When
 * `trace` is not NULL it is called with every value as it is made, and may change its elements
 * before other nodes read them. Intermediates are freed as soon as nothing needs them. */
bool interp_run(const Graph *g, Arena *arena, const Tensor *const *inputs, Tensor **outputs,
                void (*trace)(void *user, const Value *v, const Tensor *t), void *user);

/* Declarations of the interpreter column. */
#define OP(id, name, domain, imin, imax, omin, omax, traits, params, import, infer, interp, lower) \
    bool interp_##interp(InterpCall *c);
#include "ir/ops.def"
#undef OP

#endif
