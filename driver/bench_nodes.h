/* `cnncc bench --per-node`: where does the time of a run go? */
#ifndef CNNCC_DRIVER_BENCH_NODES_H
#define CNNCC_DRIVER_BENCH_NODES_H

#include "driver/backend.h"

/* Runs `runs` times, call by call, and prints a table of the nodes that compute something: kernel,
 * time (median and least), rate, share of the whole. Back end: the JIT. */
void bench_nodes(Cli *c, const Backend *b, const Program *p, const Tensor *const *in, Tensor **out,
                 int64_t runs);

#endif
