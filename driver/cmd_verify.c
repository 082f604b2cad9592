/* `cnncc verify MODEL.onnx`: do all back ends compute the same?
 *
 * The reference is the interpreter on the imported graph, before any pass, or the outputs of
 * --test-data. A graph that is quantised in QDQ form is one of integers to the reference, too: it
 * is no error when one rounding of a sum differs from several of its terms. What that changes is
 * checked first, layer by layer (driver/verify_integers.c). Each back end of
 * --backend runs on the same inputs (files, test data, or seeded random numbers); every output is
 * compared, and one line says how far it is off. --per-node does the same with every intermediate
 * value made an output (driver/per_node.c); these are compared with the interpreter, so that with
 * --test-data the outputs are compared with the stored ones first. */
#include "driver/backend.h"
#include "driver/per_node.h"
#include "driver/tensors.h"
#include "driver/verify.h"

#include <math.h>
#include <string.h>

/* Words of --backend. */
typedef struct Chosen {
    bool kind[N_BACKENDS]; /* by BackendKind */
} Chosen;

static bool choose_backends(Cli *c, Chosen *chosen)
{
    const char *list = c->o->backend;
    if (list == NULL) {
        chosen->kind[BACKEND_INTERP] = c->o->test_data != NULL;
        chosen->kind[BACKEND_C] = true;
        chosen->kind[BACKEND_JIT] = jit_available();
        return true;
    }
    return backend_list(c, list, chosen->kind);
}

/* Whether the options go together; before the model is read. */
static bool check_options(Cli *c, const Chosen *chosen)
{
    const Options *o = c->o;
    if (o->per_node && !chosen->kind[BACKEND_C] && !chosen->kind[BACKEND_JIT])
        return usage_error(&c->diag, "--per-node compares c and jit with the interpreter: "
                                     "--backend has neither");
    if (o->test_data && o->inputs.n > 0)
        return usage_error(&c->diag, "-i and --test-data exclude each other");
    return true;
}

Tolerance verify_tolerance(const Cli *c, DType type)
{
    const Options *o = c->o;
    if (o->rtol < 0 && o->atol < 0 && o->range_tol < 0)
        return tolerance_default(type);
    return (Tolerance){fmax(o->rtol, 0), fmax(o->atol, 0), fmax(o->range_tol, 0)};
}

void verify_print(Cli *c, const char *label, const Value *v, const Difference *d)
{
    printf("%s: %s \"%s\" %s%s: ", d->n_wrong ? "DIFFERS" : "ok", label, v->name,
           dtype_name(v->dtype), shape_str(c->arena, &v->shape));
    if (d->max_abs == 0 && d->n_wrong == 0) {
        printf("equal\n");
        return;
    }
    printf("max abs %.3g, of range %.3g, max rel %.3g, max ulp %.0f", d->max_abs, d->of_range,
           d->max_rel, d->max_ulp);
    if (d->n_wrong)
        printf("; %lld wrong, the worst at %s: %.9g, expected %.9g", (long long)d->n_wrong,
               position_str(c->arena, &v->shape, d->at), d->got, d->want);
    printf("\n");
}

/* Runs one back end and compares its outputs; *n_wrong counts those that differ. */
static bool check_backend(Cli *c, const Backend *b, const Graph *g, const VerifyData *data,
                          int *n_wrong)
{
    Tensor **out = backend_outputs(c, g);
    if (!backend_run(c, b, data->in, out))
        return false;
    for (int i = 0; i < g->n_outputs; i++) {
        Difference d =
            tensor_compare(out[i], data->want[i], verify_tolerance(c, g->outputs[i]->dtype));
        verify_print(c, backend_label(b), g->outputs[i], &d);
        *n_wrong += d.n_wrong > 0;
    }
    fflush(stdout);
    return true;
}

typedef struct OutputCheck {
    const Graph *graph;
    const VerifyData *data;
    int n_wrong;
} OutputCheck;

static bool check_outputs(Cli *c, const Backend *b, void *user)
{
    OutputCheck *check = user;
    return check_backend(c, b, check->graph, check->data, &check->n_wrong);
}

Graph *verify_load(Cli *c, const PipelineOptions *p)
{
    Graph *g = cli_load(c, p);
    return g && pass_integers(g, &p->passes) ? g : NULL;
}

bool verify_inputs(Cli *c, const Graph *g, VerifyData *data)
{
    Random random = {(uint64_t)c->o->seed};
    const char *dir = c->o->test_data;
    data->in = ARENA_ARRAY(c->arena, const Tensor *, g->n_inputs);
    return dir ? tensors_read_folder(c, dir, "input", g->inputs, g->n_inputs, data->in)
               : inputs_read(c, g, &random, data->in);
}

bool verify_reference(Cli *c, const Graph *g, VerifyData *data)
{
    Tensor **out = backend_outputs(c, g);
    double start = seconds_now();
    if (!backend_run(c, backend_interp(c, g), data->in, out))
        return false;
    if (c->o->time)
        printf("interp: %.3f s\n", seconds_now() - start);
    data->want = ARENA_ARRAY(c->arena, const Tensor *, g->n_outputs);
    for (int i = 0; i < g->n_outputs; i++)
        data->want[i] = out[i];
    return true;
}

/* Inputs and the outputs that are expected: the stored ones, or the interpreter's. */
static bool make_data(Cli *c, const Graph *g, VerifyData *data)
{
    const char *dir = c->o->test_data;
    if (!verify_inputs(c, g, data))
        return false;
    if (dir == NULL)
        return verify_reference(c, g, data);
    data->want = ARENA_ARRAY(c->arena, const Tensor *, g->n_outputs);
    return tensors_read_folder(c, dir, "output", g->outputs, g->n_outputs, data->want);
}

/* The comparison of the imported model's outputs; the number that differ is added to *n_wrong. */
static bool verify_outputs(Cli *c, const PipelineOptions *p, Graph *g, const Chosen *chosen,
                           int *n_wrong)
{
    VerifyData data;
    if (!pass_integers(g, &p->passes) || !make_data(c, g, &data))
        return false;
    if (chosen->kind[BACKEND_INTERP] && !check_backend(c, backend_interp(c, g), g, &data, n_wrong))
        return false;
    if (!chosen->kind[BACKEND_C] && !chosen->kind[BACKEND_JIT])
        return true;
    Pipeline built = {0};
    if (!pipeline_compile(g, p, &built))
        return false;
    OutputCheck check = {g, &data, 0};
    for (int kind = BACKEND_C; kind <= BACKEND_JIT; kind++)
        if (chosen->kind[kind] &&
            !backend_each(c, (BackendKind)kind, built.program, check_outputs, &check))
            return false;
    *n_wrong += check.n_wrong;
    return true;
}

int cmd_verify(Cli *c)
{
    PipelineOptions p;
    Chosen chosen = {{false}};
    int n_wrong = 0;
    if (!choose_backends(c, &chosen) || !check_options(c, &chosen) || !cli_pipeline_options(c, &p))
        return cli_failed(c);
    Graph *g = cli_load(c, &p);
    bool done = g && verify_integers(c, &p, g, &n_wrong);
    if (done && (!c->o->per_node || c->o->test_data))
        done = verify_outputs(c, &p, g, &chosen, &n_wrong);
    for (int kind = BACKEND_C; c->o->per_node && done && kind <= BACKEND_JIT; kind++)
        if (chosen.kind[kind])
            done = verify_per_node(c, &p, (BackendKind)kind, &n_wrong);
    if (!done)
        return cli_failed(c);
    return n_wrong ? STATUS_FAILED : STATUS_OK;
}
