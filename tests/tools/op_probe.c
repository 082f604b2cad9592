/* Operators in every element type: the interpreter against the JIT.
 *
 * Comes in: a line of the operator table. Goes out: the types that are understood, and those that
 * are compiled with the interpreter's result. Inputs are small positive numbers, so that integers
 * divide and powers stay small. Holds: each try is a process of its own. */
#include "tests/tools/op_probe.h"

#include "codegen/codegen.h"
#include "driver/compare.h"
#include "frontend/frontend.h"
#include "ir/interp/interp.h"
#include "passes/passes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_PORTS = 16 };

typedef struct Try {
    Arena *arena;
    Diag diag;
    const OpLine *line;
    DType type;
    const Tensor *in[MAX_PORTS];
    Tensor *want[MAX_PORTS];
} Try;

static Graph *load(Try *t)
{
    const char *text = op_line_model(t->arena, t->line, dtype_name(t->type));
    Graph *g = frontend_load_memory(t->arena, &t->diag, text, strlen(text), NULL);
    return g && g->n_inputs <= MAX_PORTS && g->n_outputs <= MAX_PORTS ? g : NULL;
}

static void fill(Try *t, const Graph *g)
{
    uint64_t random = 7;
    for (int i = 0; i < g->n_inputs; i++) {
        const Value *v = g->inputs[i];
        Tensor *x = tensor_new(t->arena, v->dtype, &v->shape);
        for (int64_t k = 0; k < shape_numel(&v->shape); k++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            if (dtype_is_float(v->dtype))
                tensor_set_f64(x, k, (double)(random >> 59) / 16 + 0.125);
            else
                tensor_set_i64(x, k, (int64_t)(random >> 62) + (v->dtype != DT_BOOL));
        }
        t->in[i] = x;
    }
}

static bool interpret(Try *t)
{
    const Graph *g = load(t);
    if (g == NULL)
        return false;
    fill(t, g);
    return interp_run(g, t->arena, t->in, t->want, NULL, NULL);
}

static void *aligned(size_t bytes)
{
    void *p = NULL;
    return posix_memalign(&p, 64, bytes ? bytes : 1) == 0 ? p : NULL;
}

/* Runs the machine code; false when it says so. */
static bool run(Try *t, const Graph *g, const Program *p, const Jit *jit, Tensor **got)
{
    const void *in[MAX_PORTS] = {NULL};
    void *out[MAX_PORTS] = {NULL}, *arena = aligned((size_t)p->arena_bytes);
    for (int i = 0; i < g->n_inputs; i++)
        in[i] = t->in[i]->data;
    for (int i = 0; i < g->n_outputs; i++) {
        got[i] = tensor_new(t->arena, g->outputs[i]->dtype, &g->outputs[i]->shape);
        out[i] = got[i]->data;
    }
    bool ok = arena != NULL && jit_run(jit, in, out, arena) == 0;
    free(arena);
    return ok;
}

static bool compare(const Try *t, const Graph *g, Tensor *const *got)
{
    for (int i = 0; i < g->n_outputs; i++) {
        const Tensor *want = t->want[i];
        if (got[i]->dtype == want->dtype && shape_equal(&got[i]->shape, &want->shape) &&
            tensor_compare(got[i], want, tolerance_default(want->dtype)).n_wrong == 0)
            continue;
        fprintf(stderr, "%s: output %d of %s is not what the interpreter computes\n", t->line->name,
                i, dtype_name(t->type));
        return false;
    }
    return true;
}

static void free_jit(void *jit)
{
    jit_free(jit);
}

/* *wrong is set when it compiles and computes something else. */
static bool compile(Try *t, bool *wrong)
{
    PassOptions options = {.conv = CONV_AUTO};
    Tensor *got[MAX_PORTS];
    bool stopped = false;
    Graph *g = load(t);
    if (g == NULL)
        return false;
    g->target = target_find("native");
    const Program *p = passes_run(g, &options, &stopped) ? codegen_lower(g) : NULL;
    if (p == NULL || !jit_available())
        return p != NULL;
    Jit *jit = jit_compile(p, &t->diag);
    if (jit == NULL)
        return false;
    arena_defer(t->arena, free_jit, jit);
    *wrong = !run(t, g, p, jit, got) || !compare(t, g, got);
    return !*wrong;
}

/* What the process that tries a type ends with. */
enum { TRY_NOTHING, TRY_INTERPRETED, TRY_COMPILED, TRY_WRONG };

static int try_type(const OpLine *l, DType type)
{
    Arena *a = arena_new(0);
    bool wrong = false;
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0)
        return TRY_WRONG;
    Try *t = ARENA_NEW(a, Try);
    *t = (Try){.arena = a, .diag = {.arena = a, .file = l->name}, .line = l, .type = type};
    int result = !interpret(t) ? TRY_NOTHING : compile(t, &wrong) ? TRY_COMPILED : TRY_INTERPRETED;
    arena_free(a);
    return wrong ? TRY_WRONG : result;
}

bool op_probe(const OpLine *l, OpTypes *types)
{
    bool ok = true;
    *types = (OpTypes){0};
    for (int type = DT_NONE + 1; type < DT_COUNT; type++) {
        int status = 0;
        fflush(NULL);
        pid_t child = fork();
        if (child == 0)
            _exit(try_type(l, (DType)type));
        bool ended = child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status);
        int result = ended ? WEXITSTATUS(status) : TRY_WRONG;
        if (!ended)
            fprintf(stderr, "%s: crashes on %s\n", l->name, dtype_name((DType)type));
        types->interpreted |= (unsigned)(result != TRY_NOTHING) << type;
        types->compiled |= (unsigned)(result == TRY_COMPILED) << type;
        ok = ok && result != TRY_WRONG;
    }
    return ok;
}
