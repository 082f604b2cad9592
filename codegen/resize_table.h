/* Resampling of one axis as tables: which input elements make an output element, with which
 * weights. Made at compile time for every mode of Resize and Upsample. */
#ifndef CNNCC_CODEGEN_RESIZE_TABLE_H
#define CNNCC_CODEGEN_RESIZE_TABLE_H

#include "ir/graph.h"

typedef struct ResizeTable {
    int64_t in, out;
    int64_t taps;   /* input elements an output element; 1 for nearest */
    int64_t *index; /* [out][taps], inside the input */
    double *weight; /* [out][taps], NULL for nearest */
    bool *outside;  /* [out]: the extrapolation value; NULL when there is none */
    int64_t factor; /* k > 0 when index[o] = o / k and out = in * k with one tap; else 0 */
} ResizeTable;

/* The table of one axis; an axis that keeps every element is nearest with factor 1. */
ResizeTable resize_table(Arena *a, const ResizeParams *p, int axis, int64_t in, int64_t out);

#endif
