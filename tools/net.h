/* A small builder of ONNX networks, for tests and measurements.
 *
 * A Net grows node by node; every net_* function adds one layer behind an activation and returns
 * the new activation with its shape. Weights are seeded, uniform and scaled after He et al.
 * (2015, arXiv 1502.01852: variance 2 / fan-in before a ReLU), so that activations neither vanish
 * nor explode. The same seed gives the same bytes on every machine. Batch size is 1. */
#ifndef CNNCC_TOOLS_NET_H
#define CNNCC_TOOLS_NET_H

#include "ir/arena.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Net Net;

/* A value of the network: [1,c,h,w], or [1,c] when h is 0. */
typedef struct Act {
    const char *name;
    int64_t c, h, w;
} Act;

/* A square window with equal padding on all sides. */
typedef struct Win {
    int64_t kernel, stride, pad;
} Win;

Net *net_new(Arena *a, const char *name, uint64_t seed);
Act net_input(Net *n, const char *name, int64_t c, int64_t h, int64_t w);

/* Convolution; with_bias is false in front of batch normalisation. */
Act net_conv(Net *n, const char *name, Act x, int64_t channels, Win w, int64_t group,
             bool with_bias);
/* Batch normalisation whose statistics are near those of its input; `gain` scales the result. */
Act net_batch_norm(Net *n, const char *name, Act x, double gain);
Act net_relu(Net *n, const char *name, Act x);
Act net_max_pool(Net *n, const char *name, Act x, Win w, bool ceil_mode);
Act net_average_pool(Net *n, const char *name, Act x, Win w);
Act net_global_average_pool(Net *n, const char *name, Act x);
Act net_lrn(Net *n, const char *name, Act x);
Act net_add(Net *n, const char *name, Act x, Act y);
Act net_concat(Net *n, const char *name, const Act *x, int count);
Act net_dropout(Net *n, const char *name, Act x);
Act net_flatten(Net *n, const char *name, Act x);
/* Dense layer; `last` ones, with no ReLU behind them, get half the variance. */
Act net_dense(Net *n, const char *name, Act x, int64_t outputs, bool last);
Act net_softmax(Net *n, const char *name, Act x);

/* Multiply-adds and weights so far; the arena, for names. */
Arena *net_arena(const Net *n);
int64_t net_macs(const Net *n);
int64_t net_parameters(const Net *n);

/* Declares the output and writes the model to `path`; false when it cannot be written. */
bool net_write(Net *n, Act output, const char *path);

/* ---- the networks (tools/nets.c) ---- */

typedef struct NetInfo {
    const char *name, *describe;
    Act (*build)(Net *n);
} NetInfo;

/* The i-th network; NULL behind the last. */
const NetInfo *net_info(int i);

#endif
