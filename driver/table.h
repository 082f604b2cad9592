/* A table on standard output: columns as wide as their widest cell. */
#ifndef CNNCC_DRIVER_TABLE_H
#define CNNCC_DRIVER_TABLE_H

#include "ir/graph.h"

typedef struct Column {
    const char *title;
    bool number; /* to the right */
} Column;

/* Prints the titles and `n_rows` rows of `n_columns` cells, row by row in `cells`. The last column
 * is not padded. Control characters, which names may hold, are shown as '?'. */
void table_print(Arena *a, const Column *columns, int n_columns, const char *const *cells,
                 int n_rows);

/* The text with control characters as '?'. */
const char *printable(Arena *a, const char *s);

/* "Conv+Add+Relu": the node and what was fused into it. */
const char *fused_op_text(Arena *a, const Node *n);

/* "13x2", with Winograd's output tile behind it: "6x4 F4"; "-" without a tile. */
const char *tile_text(Arena *a, int tile_m, int tile_n, int tile_out);

#endif
