/* Sampling between the pixels of an image: what GridSample and DeformConv share.
 *
 * For each axis a position becomes one (nearest), two (linear) or four (cubic) taps: an index
 * inside of the image, multiplied by the axis' stride, and a weight, which is 0 where the padding
 * is of zeros and the tap outside. The combinations of taps are the corners; channels are walked
 * with these. Any position is safe, NaN too: indices are clamped. */
#ifndef CNNCC_CODEGEN_SAMPLER_H
#define CNNCC_CODEGEN_SAMPLER_H

#include "codegen/nest.h"

enum { MAX_TAPS = 4, MAX_CORNERS = MAX_TAPS * MAX_TAPS * MAX_TAPS };

typedef struct Sampler {
    KBuilder *b;
    const SampleParams *p;
    KType coord, type; /* of coordinates, of elements */
    int n, taps;       /* axes; taps an axis */
    int64_t extent[MAX_SPATIAL], stride[MAX_SPATIAL], pixels;
    const KBuf *in;
    const KLet *index[MAX_SPATIAL][MAX_TAPS], *weight[MAX_SPATIAL][MAX_TAPS];
    const KLet *corner[MAX_CORNERS]; /* the pixels of all combinations of taps */
} Sampler;

/* Of the images `x`, [N,C,…]; `coord` is of a type of the coordinates. Builder and buffer are left
 * to the caller. */
Sampler sampler_make(const SampleParams *p, const Value *x, const Value *coord);
/* The taps of an axis at position `x`, in pixels; to be called for every axis. */
void sampler_taps(Sampler *g, int axis, KExpr *x);
/* Behind that: the pixels of all combinations of taps. */
void sampler_corners(Sampler *g);
/* The weighted sum in the channel whose first pixel is `plane` of the buffer. */
KExpr *sampler_blend(const Sampler *g, Affine plane);

#endif
