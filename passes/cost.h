/* The cost model: how many cycles a register tile takes, and which tile is the cheapest. */
#ifndef CNNCC_PASSES_COST_H
#define CNNCC_PASSES_COST_H

#include "ir/graph.h"

/* What a register-tiled kernel has to cover. */
typedef struct TileProblem {
    int64_t rows; /* output pixels of a row, or rows of a matrix: tiled by m */
    int64_t cols; /* vectors of output channels, or of columns: tiled by n */
    bool whole;   /* n must divide cols: a tile may not cross into the next group */
    int max_m, max_n;
} TileProblem;

typedef struct Tile {
    int m, n;
    double cycles;     /* of one reduction step over the whole problem */
    double efficiency; /* of the multiply-adds' units, 0..1 */
} Tile;

/* The cheapest tile that fits the registers of `t`: m*n accumulators, n weights, one input. */
Tile cost_best_tile(const Target *t, const TileProblem *p);

typedef struct WinogradCost {
    int tile_out; /* the better m of F(m, 3): 2 or 4 */
    bool pays;    /* it is estimated to be clearly faster than the direct kernel */
} WinogradCost;

/* Estimates F(2,3) and F(4,3) for a convolution; only meaningful where Winograd is legal. */
WinogradCost cost_winograd(const Target *t, const Node *n);

/* Multiply-adds of a node (0 for operators that have none). */
int64_t cost_macs(const Node *n);

#endif
