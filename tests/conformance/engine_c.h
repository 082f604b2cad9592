/* The C back ends of the conformance tests: many models in one shared object. */
#ifndef CNNCC_TESTS_CONFORMANCE_ENGINE_C_H
#define CNNCC_TESTS_CONFORMANCE_ENGINE_C_H

#include "tests/conformance/engine.h"

/* Passes and lowering, shared by the compiled back ends. */
bool engine_lower(Case *c, Program **p);

/* The data pointers of tensors, as compiled networks take them. */
void engine_pointers(Case *c, const Tensor *const *in, Tensor **out, const void ***in_data,
                     void ***out_data);

bool prepare_c(Case *c);
bool finish_gcc(Case *const *cases, int n);
bool finish_clang(Case *const *cases, int n);
bool run_c(Case *c, const Tensor *const *in, Tensor **out);

#endif
