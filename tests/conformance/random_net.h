/* Random networks: a few layers with legal random attributes, in ONNX's textual syntax. */
#ifndef CNNCC_TESTS_CONFORMANCE_RANDOM_NET_H
#define CNNCC_TESTS_CONFORMANCE_RANDOM_NET_H

#include "ir/arena.h"

#include <stdint.h>

/* The network of this seed: the same text on every machine. */
char *random_net(Arena *a, uint64_t seed);

#endif
