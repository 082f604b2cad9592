/* Results whose size the data decide: computed for inference (the size) and the interpreter. */
#ifndef CNNCC_IR_SELECT_H
#define CNNCC_IR_SELECT_H

#include "ir/graph.h"

/* The distinct slices of a tensor along an axis (ONNX Unique-11). The arrays are in the arena. */
typedef struct Distinct {
    int64_t n;        /* of distinct slices */
    int64_t slices;   /* of all */
    int64_t *first;   /* by number of a distinct slice: where it occurs first */
    int64_t *count;   /*   and how often */
    int64_t *inverse; /* by slice: its number */
} Distinct;

/* In order of the slices' elements (sorted), otherwise of first occurrence. p->flat: the slices
 * are the elements. NaN comes last and equals nothing. */
Distinct select_distinct(Arena *a, const Tensor *t, const IndexParams *p);

/* NonMaxSuppression-11: the chosen (batch, class, box) triples, [*n][3] in the arena. Boxes are
 * [batches, boxes, 4], scores [batches, classes, boxes]. */
typedef struct Suppression {
    const Tensor *boxes, *scores;
    int64_t most;      /* boxes a class */
    double iou, score; /* thresholds: chosen when the score is greater, the overlap not greater */
    bool center_box;
} Suppression;

int64_t *select_boxes(Arena *a, const Suppression *s, int64_t *n);
/* The node's settings from its operands' data; absent: 0 boxes, 0, no threshold. */
Suppression suppression_of(const Node *n, const Tensor *const *in, int n_in);

#endif
