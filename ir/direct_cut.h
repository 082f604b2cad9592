/* How the direct convolution cuts its reduction: decided here for the plan, which needs the
 * scratch, and for the lowering, which follows. */
#ifndef CNNCC_IR_DIRECT_CUT_H
#define CNNCC_IR_DIRECT_CUT_H

#include "ir/graph.h"

/* Where the weights of a register tile's channels do not fit the first cache, they come in chunks
 * of input channel blocks, each for all pixels of the image, and the sums of these channels wait
 * in the scratch [part][pixel][T][L] in between (T, L as in ir/packing.h). So a chunk comes from
 * memory once and stays near, while the next one is asked for. */
typedef struct DirectCut {
    int64_t chunks; /* 1: not cut, no scratch */
    int64_t blocks; /* of L input channels a chunk */
    int64_t sums;   /* floats of one part */
    int parts;      /* that run at the same time, on output channels of their own */
    int64_t scratch_bytes;
} DirectCut;

/* The cut of a Conv by ALGO_DIRECT with this register tile, when `threads` run it. */
DirectCut direct_cut(const Node *n, const Target *t, int tile_m, int tile_n, int threads);

#endif
