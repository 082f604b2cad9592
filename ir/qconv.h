/* How convolutions of integers use their scratch memory when they compute with vectors: what the
 * plan reserves is what the lowering uses.
 *
 * The image is widened to 4 bytes an element, less its zero point, with zeros around it, so that
 * the kernel neither tests borders nor subtracts:
 *
 *     [image][channel][z][y][phase][width]       element w of phase p is column w * stride + p
 *
 * Behind it one row of results a channel of the output. A kernel of one pixel that reads the image
 * as it lies sees it as one long row. */
#ifndef CNNCC_IR_QCONV_H
#define CNNCC_IR_QCONV_H

#include "ir/graph.h"

typedef struct QConvScratch {
    int lanes;
    bool flat; /* the image is one row */
    int64_t in[MAX_SPATIAL], out[MAX_SPATIAL], kernel[MAX_SPATIAL], stride[MAX_SPATIAL];
    int64_t dilation[MAX_SPATIAL], pad[MAX_SPATIAL]; /* normalised to z, y, x; pad: in front */
    int64_t rows[MAX_SPATIAL - 1];                   /* padded extents z, y */
    int64_t phases, width;                           /* of a row */
    int64_t plane;                                   /* elements of a channel */
    int64_t result;           /* elements of a row of results, whole vectors */
    int64_t result_at, bytes; /* where those begin; of all */
} QConvScratch;

/* The layout for a ConvInteger or QLinearConv `n` on a target with this many lanes; false when
 * vectors do not pay. */
bool qconv_scratch(const Node *n, int lanes, QConvScratch *s);

#endif
