/* Sliding windows at compile time: which taps of a window lie inside the input, per axis.
 *
 * The outputs of an axis fall into segments, runs of positions whose windows have the same valid
 * taps: a few at each border and the interior between them. A kernel that makes one loop a
 * segment needs no test of borders inside. */
#ifndef CNNCC_CODEGEN_WINDOW_H
#define CNNCC_CODEGEN_WINDOW_H

#include "codegen/lower.h"

enum { MAX_SEGMENTS = 8 };

typedef struct Segment {
    int64_t lo, hi;     /* output positions */
    int64_t k_lo, k_hi; /* taps inside the input; k_lo >= k_hi: none */
    int64_t counted;    /* taps inside the padded input */
} Segment;

typedef struct Axis {
    int64_t in, out, kernel, stride, dilation, pad_begin, pad_end;
    int n;        /* segments */
    bool guarded; /* more segments than MAX_SEGMENTS: one segment with all taps, to be tested */
    Segment seg[MAX_SEGMENTS];
} Axis;

/* Axis `i` of a window over `in` elements with `out` results, cut into at most `limit` segments. */
Axis window_axis(const Window *w, int i, int64_t in, int64_t out, int limit);

/* Input position of tap k at output o: o * stride - pad_begin + k * dilation. */
Affine window_at(const Axis *axis, Affine o, Affine k);

#endif
