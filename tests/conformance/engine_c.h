/* The C back ends of the conformance tests: many models in one shared object. */
#ifndef CNNCC_TESTS_CONFORMANCE_ENGINE_C_H
#define CNNCC_TESTS_CONFORMANCE_ENGINE_C_H

#include "tests/conformance/engine.h"

/* Passes and lowering, shared by the compiled back ends. */
bool engine_lower(Case *c, Program **p);

/* Calls a compiled network with inputs, outputs and arena in memory of their exact sizes. */
bool engine_call(Case *c, int64_t arena_bytes, const Tensor *const *in, Tensor **out,
                 int (*call)(void *user, const void *const *in, void *const *out, void *arena),
                 void *user);

bool prepare_c(Case *c);
bool finish_gcc(Case *const *cases, int n);
bool finish_clang(Case *const *cases, int n);
bool run_c(Case *c, const Tensor *const *in, Tensor **out);

#endif
