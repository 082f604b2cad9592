/* Copies of whole channels, in any order, from one or more values; codegen/lower_channels.c. */
#ifndef CNNCC_CODEGEN_CHANNELS_H
#define CNNCC_CODEGEN_CHANNELS_H

#include "codegen/nest.h"

enum { CHANNEL_SOURCES = MAX_KERNEL_BUFFERS - 1 };

typedef struct ChannelRef {
    const Value *from;
    int64_t channel;
} ChannelRef;

/* Channel c of `out` is channel channel[c].channel of channel[c].from. All values are [N,C,…] with
 * the same N and pixels, in the same layout, plain or blocked alike; if blocked, those read from
 * are at most CHANNEL_SOURCES. */
typedef struct ChannelMap {
    const Value *out;
    ChannelRef *channel;
} ChannelMap;

/* The kernels of the copy, for node `n`. */
bool lower_channel_map(Lower *lw, const Node *n, const ChannelMap *map);

#endif
