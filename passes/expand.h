/* Inside of the expand pass: rules that turn one operator into several that have kernels. */
#ifndef CNNCC_PASSES_EXPAND_H
#define CNNCC_PASSES_EXPAND_H

#include "passes/rewrite.h"

/* A rule puts nodes before `n` and makes `n` another operator, or leaves it alone. False after a
 * diagnostic. */
typedef bool ExpandRule(Graph *g, Node *n);

ExpandRule expand_rnn;              /* passes/expand_rnn.c */
ExpandRule expand_einsum;           /* passes/expand_einsum.c */
ExpandRule expand_dft, expand_stft; /* passes/expand_spectrum.c */

/* A new node before `n`, with its one result inferred; NULL after a diagnostic. The parameters may
 * be NULL. */
Value *expand_emit(Graph *g, Node *n, OpKind op, const Params *params, Value *const *in, int n_in);
/* The value in another shape of as many elements. */
Value *expand_reshape(Graph *g, Node *n, Value *v, int rank, const int64_t *dims);
/* The value with its axes permuted. */
Value *expand_transpose(Graph *g, Node *n, Value *v, const int *perm);
/* `n` becomes an operator of these operands; its parameters are cleared. */
void expand_become(Graph *g, Node *n, OpKind op, Value *const *in, int n_in);

#endif
