/* The tensors that go into and come out of a run: files, pictures, random numbers. */
#ifndef CNNCC_DRIVER_TENSORS_H
#define CNNCC_DRIVER_TENSORS_H

#include "driver/cli.h"

/* A seeded stream of 64-bit numbers (splitmix64), the same on every machine. */
typedef struct Random {
    uint64_t state;
} Random;
uint64_t random_next(Random *r);

/* Fills a tensor: floats uniform in [-1, 1), integers and bool 0 or 1. */
void tensor_randomise(Tensor *t, Random *r);

/* Reads every -i into in[0 .. g->n_inputs), in graph order. Inputs without a file are filled from
 * `random` or, when it is NULL, all reported as missing. False after a diagnostic. */
bool inputs_read(Cli *c, const Graph *g, Random *random, const Tensor **in);

/* Reads DIR/PREFIX_K.pb for K = 0, 1, … (ONNX's test data), to match the n values in `v`; inputs
 * that --freeze made constants are passed over. */
bool tensors_read_folder(Cli *c, const char *dir, const char *prefix, Value *const *v, int n,
                         const Tensor **tensors);

/* Prints name, type, shape and the five best classes, or statistics. */
void tensor_print(Cli *c, const Value *v, const Tensor *t);

/* Writes every output to DIR/NAME.npy (or the other --format), making DIR when it is missing; all
 * or none. */
bool outputs_write(Cli *c, const Graph *g, Tensor *const *out, const char *dir);

#endif
