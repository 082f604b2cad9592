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
/* The `n` cheapest ones, or as many as there are, the cheapest first; returns their number. */
int cost_best_tiles(const Target *t, const TileProblem *p, Tile *best, int n);

/* Cycles of a 2-D convolution by F(m, 3), or by the direct kernel for m = 1. */
double cost_conv(const Target *t, const Node *n, int m);

#endif
