/* The JIT of a build without LLVM: it says so. */
#include "codegen/codegen.h"

bool jit_available(void)
{
    return false;
}

Jit *jit_compile(const Program *p, Diag *d)
{
    (void)p;
    diag_error(d, "this build of cnncc has no JIT: it was configured without LLVM");
    return NULL;
}

int jit_run(const Jit *j, const void *const *inputs, void *const *outputs, void *arena)
{
    (void)j;
    (void)inputs;
    (void)outputs;
    (void)arena;
    return 1;
}

void jit_run_call(const Jit *j, int i, const void *const *inputs, void *const *outputs, void *arena)
{
    (void)j;
    (void)i;
    (void)inputs;
    (void)outputs;
    (void)arena;
}

void jit_move_weights(Jit *j, const void *weights)
{
    (void)j;
    (void)weights;
}

void jit_free(Jit *j)
{
    (void)j;
}
