/* The back ends of run, verify and bench. */
#include "driver/backend.h"

#include "driver/build_c.h"
#include "ir/interp/interp.h"

#include <stdlib.h>
#include <string.h>

struct Backend {
    BackendKind kind;
    const char *label;
    const Graph *graph;
    const CModule *module;
    const Jit *jit;
    void *scratch; /* the network's arena */
    double build_seconds;
};

bool backend_find(const char *word, size_t n, BackendKind *kind)
{
    static const char *const names[] = {"interp", "c", "jit"};
    for (int i = 0; i < N_BACKENDS; i++)
        if (strlen(names[i]) == n && memcmp(names[i], word, n) == 0) {
            *kind = (BackendKind)i;
            return true;
        }
    return false;
}

bool backend_list(Cli *c, const char *list, bool chosen[N_BACKENDS])
{
    const char *word = list;
    do {
        size_t n = strcspn(word, ",");
        BackendKind kind;
        if (!backend_find(word, n, &kind))
            return usage_error(&c->diag, "--backend is a list of interp, c, jit, not \"%s\"", list);
        chosen[kind] = true;
        word += n + (word[n] == ',');
    } while (*word);
    return true;
}

BackendKind backend_default(void)
{
    return jit_available() ? BACKEND_JIT : BACKEND_C;
}

Backend *backend_interp(Cli *c, const Graph *g)
{
    Backend *b = ARENA_NEW(c->arena, Backend);
    *b = (Backend){.kind = BACKEND_INTERP, .label = "interp", .graph = g};
    return b;
}

static void free_jit(void *jit)
{
    jit_free(jit);
}

static bool open_jit(Cli *c, Backend *b, const Program *p)
{
    if (!jit_available())
        return diag_error(&c->diag, "this cnncc was built without the JIT");
    Jit *jit = jit_compile(p, &c->diag);
    if (jit == NULL)
        return false;
    arena_defer(c->arena, free_jit, jit);
    b->jit = jit;
    b->label = "jit";
    return true;
}

static bool open_c(Cli *c, Backend *b, const Program *p, const char *compiler)
{
    const char *from_environment = getenv("CC");
    if (compiler == NULL && c->o->compilers.n > 0)
        compiler = c->o->compilers.item[c->o->compilers.n - 1];
    if (compiler == NULL)
        compiler = from_environment && *from_environment ? from_environment : "cc";
    b->module = c_module_build(c->arena, &c->diag, p, compiler);
    b->label = arena_printf(c->arena, "c (%s)", compiler);
    return b->module != NULL;
}

Backend *backend_compiled(Cli *c, BackendKind kind, const Program *p, const char *compiler)
{
    if (!target_runs_here(p->target)) {
        diag_error(&c->diag, "code for the target %s does not run on this machine",
                   p->target->name);
        return NULL;
    }
    Backend *b = ARENA_NEW(c->arena, Backend);
    *b = (Backend){.kind = kind, .graph = p->graph};
    double start = seconds_now();
    if (kind == BACKEND_JIT ? !open_jit(c, b, p) : !open_c(c, b, p, compiler))
        return NULL;
    b->build_seconds = seconds_now() - start;
    b->scratch = arena_alloc(c->arena, p->arena_bytes > 64 ? (size_t)p->arena_bytes : 64);
    return b;
}

bool backend_each(Cli *c, BackendKind kind, const Program *p, BackendUse use, void *user)
{
    const StringList *compilers = &c->o->compilers;
    int n = kind == BACKEND_C && compilers->n > 0 ? compilers->n : 1;
    for (int i = 0; i < n; i++) {
        const char *compiler = compilers->n > 0 ? compilers->item[i] : NULL;
        Backend *b = backend_compiled(c, kind, p, compiler);
        if (b == NULL || !use(c, b, user))
            return false;
    }
    return true;
}

const char *backend_label(const Backend *b)
{
    return b->label;
}

double backend_build_seconds(const Backend *b)
{
    return b->build_seconds;
}

Tensor **backend_outputs(Cli *c, const Graph *g)
{
    Tensor **out = ARENA_ARRAY(c->arena, Tensor *, g->n_outputs);
    for (int i = 0; i < g->n_outputs; i++)
        out[i] = tensor_new(c->arena, g->outputs[i]->dtype, &g->outputs[i]->shape);
    return out;
}

static int run_compiled(const Backend *b, const void **in, void **out)
{
    return b->kind == BACKEND_JIT ? jit_run(b->jit, in, out, b->scratch)
                                  : c_module_run(b->module, in, out, b->scratch);
}

/* What compiled code takes of tensors: their bare pointers. */
static const void **data_of(Arena *a, const Tensor *const *t, int n)
{
    const void **data = ARENA_ARRAY(a, const void *, n);
    for (int i = 0; i < n; i++)
        data[i] = t[i]->data;
    return data;
}

static void **writable_data_of(Arena *a, Tensor **t, int n)
{
    void **data = ARENA_ARRAY(a, void *, n);
    for (int i = 0; i < n; i++)
        data[i] = t[i]->data;
    return data;
}

bool backend_run(Cli *c, const Backend *b, const Tensor *const *in, Tensor **out)
{
    const Graph *g = b->graph;
    if (b->kind == BACKEND_INTERP)
        return interp_run(g, c->arena, in, out, NULL, NULL);
    const void **in_data = data_of(c->arena, in, g->n_inputs);
    int status = run_compiled(b, in_data, writable_data_of(c->arena, out, g->n_outputs));
    if (status != 0)
        return diag_error(&c->diag, "%s: the compiled network returned %d", b->label, status);
    return true;
}

void backend_run_calls(Cli *c, const Backend *b, const Program *p, const Tensor *const *in,
                       Tensor **out, double *seconds)
{
    const void **in_data = data_of(c->arena, in, b->graph->n_inputs);
    void **out_data = writable_data_of(c->arena, out, b->graph->n_outputs);
    double before = seconds_now();
    for (int i = 0; i < p->n_calls; i++) {
        jit_run_call(b->jit, i, in_data, out_data, b->scratch);
        double now = seconds_now();
        seconds[i] = now - before;
        before = now;
    }
}
