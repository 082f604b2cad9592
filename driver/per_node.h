/* `cnncc verify --per-node`: which node is the first to compute something else? */
#ifndef CNNCC_DRIVER_PER_NODE_H
#define CNNCC_DRIVER_PER_NODE_H

#include "driver/backend.h"

/* Compiles the model with every value that survives the passes as an output, and compares each
 * with the interpreter's. Prints the first node that differs, or that none does; adds 1 to
 * *n_wrong for each back end with a difference. False after a diagnostic. */
bool verify_per_node(Cli *c, const PipelineOptions *p, BackendKind kind, int *n_wrong);

#endif
