/* What `explain` computes beside what the passes wrote into the graph. */
#ifndef CNNCC_DRIVER_EXPLAIN_H
#define CNNCC_DRIVER_EXPLAIN_H

#include "ir/graph.h"

/* The greatest number of arena bytes alive at one node of a planned graph: the union of the
 * places of the values made before and still read, its own operands and results, and its
 * scratch. Values that share memory on purpose count once. */
int64_t arena_lower_bound(const Graph *g);

#endif
