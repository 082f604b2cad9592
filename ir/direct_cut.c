#include "ir/direct_cut.h"

/* Few enough pixels that memory matters, and that their sums stay in the second cache. */
static bool pays(const DirectCut *c, const Target *t, int64_t blocks, int64_t block_bytes)
{
    return blocks > 1 && blocks * block_bytes > t->l1_bytes && 4 * c->sums <= t->l2_bytes / 4;
}

/* Whether no part waits for more than a sixth of the time. */
static bool shares_well(int64_t tiles, int parts)
{
    int64_t turns = ceil_div(tiles, parts);
    return 5 * turns * parts <= 6 * tiles;
}

DirectCut direct_cut(const Node *n, const Target *t, int tile_m, int tile_n, int threads)
{
    const Shape *x = &n->in[0]->shape, *y = &n->out[0]->shape, *w = &n->in[1]->shape;
    int64_t lanes = t->lanes, tile = (int64_t)tile_n * lanes,
            taps = shape_range_numel(w, 2, w->rank);
    int64_t blocks = x->dim[1] / lanes, block_bytes = 4 * lanes * taps * tile;
    int64_t pixels = shape_range_numel(y, 2, y->rank), tiles = ceil_div(y->dim[1], tile);
    DirectCut none = {.chunks = 1, .blocks = blocks, .parts = 1};
    DirectCut c = {.blocks = 1, .sums = pixels * tile, .parts = threads > 1 ? threads : 1};
    if (n->op != OP_Conv || n->params.conv.group != 1 || n->out[0]->dtype != DT_F32 || lanes == 1 ||
        pixels <= tile_m || !shares_well(tiles, c.parts) || !pays(&c, t, blocks, block_bytes))
        return none;
    for (int64_t i = 2; i < blocks && i * block_bytes <= t->l1_bytes * 5 / 8; i++)
        if (blocks % i == 0)
            c.blocks = i;
    c.chunks = blocks / c.blocks;
    c.scratch_bytes = c.sums * c.parts * 4;
    return c;
}
