/* Packing: offsets for pieces of memory with different lives, in as few bytes as can be found. */
#ifndef CNNCC_PASSES_PLACEMENT_H
#define CNNCC_PASSES_PLACEMENT_H

#include "ir/graph.h"

/* A range of bytes of an item, and the span of positions during which it holds something, both
 * ends included. */
typedef struct Piece {
    int first, last;
    int64_t offset, bytes;
} Piece;

/* What is placed as a whole. Others may lie where none of its pieces is alive: in the part of a
 * concatenation that is not computed yet. */
typedef struct Item {
    int first, last;     /* of all pieces together */
    int64_t bytes;       /* up to the end of the last piece */
    const Piece *pieces; /* by offset */
    int n_pieces;
    int64_t offset; /* the result, a multiple of `align` */
} Item;

/* The most bytes of pieces that are alive at one of the positions 0..n_positions-1: no placement
 * can need less. */
int64_t placement_floor(Arena *a, const Item *items, int n, int n_positions);

/* Gives every item its offset; returns the bytes needed. Tries several orders, each item into the
 * smallest gap that is free during its life, then small changes of the best order, and stops at
 * `floor`. The same items get the same offsets. */
int64_t placement_find(Arena *a, Item **items, int n, int64_t align, int64_t floor);

#endif
