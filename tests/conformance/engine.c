/* The back ends: the interpreter, the interpreter after all passes, the JIT, and emitted C by two
 * compilers. */
#include "tests/conformance/engine.h"

#include "ir/interp/interp.h"
#include "passes/passes.h"
#include "tests/conformance/engine_c.h"

#include <string.h>

/* ---- the interpreter ---- */

static bool prepare_interp(Case *c)
{
    (void)c;
    return true;
}

static bool run_interp(Case *c, const Tensor *const *in, Tensor **out)
{
    return interp_run(c->graph, c->arena, in, out, NULL, NULL);
}

static bool run_passes(Case *c)
{
    PassOptions options = {0};
    bool stopped = false;
    return passes_run(c->graph, &options, &stopped);
}

/* ---- compiled back ends ---- */

bool engine_lower(Case *c, Program **p)
{
    *p = run_passes(c) ? codegen_lower(c->graph) : NULL;
    return *p != NULL;
}

void engine_pointers(Case *c, const Tensor *const *in, Tensor **out, const void ***in_data,
                     void ***out_data)
{
    *in_data = ARENA_ARRAY(c->arena, const void *, c->graph->n_inputs + 1);
    *out_data = ARENA_ARRAY(c->arena, void *, c->graph->n_outputs + 1);
    for (int i = 0; i < c->graph->n_inputs; i++)
        (*in_data)[i] = in[i]->data;
    for (int i = 0; i < c->graph->n_outputs; i++)
        (*out_data)[i] = out[i]->data;
}

typedef struct JitCase {
    Jit *jit;
    void *arena;
} JitCase;

static void free_jit(void *jit)
{
    jit_free(jit);
}

static bool prepare_jit(Case *c)
{
    Program *p;
    if (!engine_lower(c, &p))
        return false;
    JitCase *e = ARENA_NEW(c->arena, JitCase);
    e->jit = jit_compile(p, &c->diag);
    if (e->jit == NULL)
        return false;
    arena_defer(c->arena, free_jit, e->jit);
    e->arena = arena_alloc(c->arena, (size_t)p->arena_bytes + 64);
    c->engine = e;
    return true;
}

static bool run_jit(Case *c, const Tensor *const *in, Tensor **out)
{
    const JitCase *e = c->engine;
    const void **in_data;
    void **out_data;
    engine_pointers(c, in, out, &in_data, &out_data);
    int status = jit_run(e->jit, in_data, out_data, e->arena);
    return status == 0 || diag_error(&c->diag, "the compiled network returned %d", status);
}

static const Engine engines[] = {
    {"interp", prepare_interp, NULL, run_interp}, {"interp-passes", run_passes, NULL, run_interp},
    {"jit", prepare_jit, NULL, run_jit},          {"c-gcc", prepare_c, finish_gcc, run_c},
    {"c-clang", prepare_c, finish_clang, run_c},
};

enum { N_ENGINES = sizeof engines / sizeof engines[0] };

const Engine *engine_at(int i)
{
    return i < N_ENGINES ? &engines[i] : NULL;
}

const Engine *engine_find(const char *name)
{
    for (int i = 0; i < N_ENGINES; i++)
        if (strcmp(engines[i].name, name) == 0)
            return strcmp(name, "jit") != 0 || jit_available() ? &engines[i] : NULL;
    return NULL;
}
