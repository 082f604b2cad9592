/* Affine maps of the channels: y = x * scale + shift, one entry a channel. */
#ifndef CNNCC_PASSES_CHANNEL_MAP_H
#define CNNCC_PASSES_CHANNEL_MAP_H

#include "passes/fuse.h"

typedef struct ChannelMap {
    Value *x;
    int64_t channels;
    double *scale, *shift;
} ChannelMap;

/* Whether node `n` is such a map of one of its operands, the channels being axis `axis`. */
bool channel_map_of(Fuse *f, const Node *n, int axis, ChannelMap *a);

/* The identity. */
ChannelMap channel_map_new(Fuse *f, Value *x, int64_t channels);

bool channel_map_is_finite(const ChannelMap *a);
bool channel_map_scales(const ChannelMap *a); /* whether a scale is not 1 */
bool channel_map_shifts(const ChannelMap *a); /* whether a shift is not 0 */

/* The bias of the linear node `n` becomes bias * scale + shift, one entry a channel of the result;
 * a MatMul becomes a Gemm (fuse_weights.c). */
void linear_map_bias(Fuse *f, Node *n, const ChannelMap *a);
/* The bias of a linear node, NULL without. */
Value *linear_bias(const Node *n);
/* Whether weights and bias of the linear node `n` are constants that may be changed. */
bool linear_is_open(const Node *n);

#endif
