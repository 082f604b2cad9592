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

/* ---- spectra ---- */

/* A transform of `length`: `count` samples of `parts` numbers (1: real, 2: complex) -> `bins`
 * complex numbers. */
typedef struct Fourier {
    int64_t length, count, parts, bins;
    bool inverse;
    const Tensor *window; /* one factor a sample; may be NULL */
} Fourier;

/* The angle of `step` steps of which `length` go round the circle. */
double expand_phase(int64_t step, int64_t length);
/* Its matrix [count parts, bins 2]; NULL after a diagnostic: it is too large. */
Value *expand_fourier_matrix(Graph *g, const Node *n, const Fourier *f);
/* Rows of samples times the matrix, as [dims…]. */
Value *expand_transform(Graph *g, Node *n, Value *x, int64_t row, Value *matrix, int rank,
                        const int64_t *dims);
/* The first `count` elements along `axis`. */
Value *expand_cut(Graph *g, Node *n, Value *x, int axis, int64_t count);

/* passes/expand_long_dft.c: the divisor of a long transform's length that splits it best into two;
 * 1 where one product is better. */
int64_t long_dft_factor(int64_t length);
/* Signals [R, count, parts] -> spectra [R, bins, 2] by two shorter transforms. */
Value *expand_long_dft(Graph *g, Node *n, Value *x, const Fourier *f);

#endif
