/* Runs a planned graph in the memory that the memory pass gave it.
 *
 * Every node is computed by the reference interpreter, but its operands are read from, and its
 * results written to, one flat arena and exact buffers of the outputs, in the layouts of the
 * values; nodes marked as views do nothing. A value that was overwritten too early, a view that is
 * none, a wrong layout or offset therefore gives wrong results. It shares no code with the passes.
 */
#ifndef CNNCC_TESTS_PLACED_RUN_H
#define CNNCC_TESTS_PLACED_RUN_H

#include "ir/graph.h"

/* inputs[i] belongs to g->inputs[i]; outputs[] receives new tensors. False when a place is outside
 * of its buffer or a node cannot be computed. */
bool placed_run(Graph *g, const Tensor *const *inputs, Tensor **outputs);

#endif
