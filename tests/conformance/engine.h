/* What runs the conformance tests. Adding a back end is one row of the table in engine.c. */
#ifndef CNNCC_TESTS_CONFORMANCE_ENGINE_H
#define CNNCC_TESTS_CONFORMANCE_ENGINE_H

#include "tests/conformance/case.h"

typedef struct Engine {
    const char *name;
    /* Makes the loaded case ready to run, as far as it goes alone; false after a diagnostic. */
    bool (*prepare)(Case *c);
    /* Finishes all prepared cases together (compiles them in one go); NULL when there is nothing
     * to do. A case that fails gets a diagnostic. */
    bool (*finish)(Case *const *cases, int n);
    /* One run. `out` holds tensors of the graph's output types and shapes. */
    bool (*run)(Case *c, const Tensor *const *in, Tensor **out);
} Engine;

/* By name; NULL when there is none or this build lacks it. */
const Engine *engine_find(const char *name);

/* The i-th engine; NULL behind the last. */
const Engine *engine_at(int i);

#endif
