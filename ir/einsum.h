/* The equation of Einsum, taken apart: "bhid,bhjd->bhij", "...ii->...i", "i,j". */
#ifndef CNNCC_IR_EINSUM_H
#define CNNCC_IR_EINSUM_H

#include "ir/graph.h"

enum { EINSUM_LABELS = 16, EINSUM_OPERANDS = 8 };

/* Labels are numbered: 0 … n_out-1 are the axes of the result, in order; those behind are summed
 * over. An axis that the ellipsis stands for has a label of its own. */
typedef struct Einsum {
    int n_labels, n_out;
    int64_t extent[EINSUM_LABELS];
    int n_operands;
    struct {
        int rank;
        int label[MAX_RANK];      /* of each axis; one that comes twice takes the diagonal */
        int64_t stride[MAX_RANK]; /* row-major, in elements; 0 where an extent of 1 is repeated */
    } operand[EINSUM_OPERANDS];
} Einsum;

/* Reads the equation of `n` against the shapes of its operands. False after a diagnostic. */
bool einsum_parse(Graph *g, const Node *n, Einsum *e);

/* Elements between neighbours along a label in operand `i`: sums over the axes that have it. */
int64_t einsum_stride(const Einsum *e, int i, int label);

#endif
