/* The back ends: the interpreter, the interpreter after all passes, the JIT, and emitted C by two
 * compilers. */
#include "tests/conformance/engine.h"

#include "ir/interp/interp.h"
#include "tests/conformance/engine_c.h"

#include <stdlib.h>
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
    PassOptions options = {.conv = c->conv};
    bool stopped = false;
    return passes_run(c->graph, &options, &stopped);
}

/* ---- compiled back ends ---- */

bool engine_lower(Case *c, Program **p)
{
    *p = run_passes(c) ? codegen_lower(c->graph) : NULL;
    return *p != NULL;
}

/* Memory of exactly `bytes` bytes, so that a sanitizer sees an access behind it. */
static void *exact(const void *data, size_t bytes)
{
    void *p = NULL;
    if (posix_memalign(&p, 64, bytes ? bytes : 1) != 0)
        return NULL;
    if (data)
        memcpy(p, data, bytes);
    else
        memset(p, 0xa5, bytes);
    return p;
}

bool engine_call(Case *c, int64_t arena_bytes, const Tensor *const *in, Tensor **out,
                 int (*call)(void *user, const void *const *in, void *const *out, void *arena),
                 void *user)
{
    const Graph *g = c->graph;
    void *in_data[MAX_TENSORS] = {NULL}, *out_data[MAX_TENSORS] = {NULL};
    void *arena = exact(NULL, (size_t)arena_bytes);
    bool ok = arena && g->n_inputs <= MAX_TENSORS && g->n_outputs <= MAX_TENSORS;
    for (int i = 0; ok && i < g->n_inputs; i++)
        ok = (in_data[i] = exact(in[i]->data, tensor_bytes(in[i]))) != NULL;
    for (int i = 0; ok && i < g->n_outputs; i++)
        ok = (out_data[i] = exact(NULL, tensor_bytes(out[i]))) != NULL;
    int status = ok ? call(user, (const void *const *)in_data, out_data, arena) : -1;
    for (int i = 0; ok && i < g->n_outputs; i++)
        memcpy(out[i]->data, out_data[i], tensor_bytes(out[i]));
    free(arena);
    for (int i = 0; i < MAX_TENSORS; i++) {
        free(in_data[i]);
        free(out_data[i]);
    }
    return status == 0 || diag_error(&c->diag, "the compiled network returned %d", status);
}

typedef struct JitCase {
    Jit *jit;
    int64_t arena_bytes;
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
    e->arena_bytes = p->arena_bytes;
    c->engine = e;
    return true;
}

static int call_jit(void *user, const void *const *in, void *const *out, void *arena)
{
    return jit_run(((const JitCase *)user)->jit, in, out, arena);
}

static bool run_jit(Case *c, const Tensor *const *in, Tensor **out)
{
    return engine_call(c, ((const JitCase *)c->engine)->arena_bytes, in, out, call_jit, c->engine);
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
