/* What `explain` computes beside what the passes wrote into the graph. */
#ifndef CNNCC_DRIVER_EXPLAIN_H
#define CNNCC_DRIVER_EXPLAIN_H

#include "ir/graph.h"

/* The arena bytes alive at each node of a planned graph, in the graph's arena: the union of the
 * places of the values made before and still read, its own operands and results, and its
 * scratch. Values that share memory on purpose count once. *greatest, of all nodes, is the lower
 * bound of the arena. */
int64_t *arena_live_bytes(const Graph *g, int64_t *greatest);

#endif
