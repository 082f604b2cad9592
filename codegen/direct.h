/* What the two halves of the direct convolution share: the loops around (lower_conv_direct.c) and
 * the register tile (direct_tile.c). */
#ifndef CNNCC_CODEGEN_DIRECT_H
#define CNNCC_CODEGEN_DIRECT_H

#include "codegen/lower_conv.h"
#include "ir/direct_cut.h"

enum { DIRECT_MAX_VECTORS = 32 };

typedef struct Direct {
    Lower *lw;
    KBuilder *b;
    const Node *node;
    ConvShape s;
    KBuf *x, *w, *bias, *y, *sums;
    Epilogue epilogue;
    int lanes, tile_m, tile_n;
    int64_t oc_blocks; /* vectors of output channels a group */
    int64_t oc_tiles;  /* register tiles of them */
    int64_t oc_inner;  /* of these, run for one tile of pixels while it is in the cache */
    int64_t block;     /* input channels of a full block */
    bool packed;
    /* strides of the input: image, group, block, channel, pixel */
    int64_t x_n, x_g, x_icb, x_ic, x_px;
    /* strides of the weights: group, tile, block, channel, vector */
    int64_t w_g, w_oct, w_icb, w_ic, w_t;
    Affine g, oct, n, q[MAX_SPATIAL]; /* the position of the tile */
    DirectCut cut;
    Affine part, chunk; /* of the work; of the reduction */
} Direct;

/* `rows` x `width` pixels from q[1], q[2] of d; `at` is the q[2] of the first tile of its run.
 * More than one row only where the tile is as wide as the image. */
typedef struct Tile {
    int64_t at;
    int rows, width;
    const KReg *acc; /* [row * width + column][vector] */
} Tile;

/* Whether the reduction comes in chunks. */
static inline bool direct_is_cut(const Direct *d)
{
    return d->cut.chunks > 1;
}

/* Computes tile `t` of channel tile d->oct at d->q and stores it; within a cut reduction, its share
 * of chunk d->chunk. Sets t->acc. */
void direct_tile(Direct *d, Tile *t);

#endif
