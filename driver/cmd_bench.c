/* `cnncc bench MODEL.onnx`: the time of a run.
 *
 * Two warm-up runs, then N measured ones on the same random input; median and minimum are printed
 * with the rate of multiply-adds (counted as two operations each). --per-node then times every node
 * (driver/bench_nodes.c). Nothing is asserted. */
#include "driver/backend.h"
#include "driver/bench_nodes.h"
#include "driver/json.h"
#include "driver/tensors.h"

#include <stdlib.h>
#include <string.h>

typedef struct Figures {
    int64_t runs, macs;
    double median, minimum; /* seconds */
} Figures;

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* How many runs: --runs, or two seconds of them, an odd number from 3 to 1001. */
static int64_t choose_runs(const Cli *c, double one)
{
    if (c->o->runs)
        return c->o->runs;
    double n = one > 0 ? 2.0 / one : 1001;
    return n < 3 ? 3 : n > 1001 ? 1001 : (int64_t)n | 1;
}

static bool measure(Cli *c, const Backend *b, const Tensor *const *in, Tensor **out, Figures *f)
{
    double one = 0;
    for (int i = 0; i < 2; i++) {
        double start = seconds_now();
        if (!backend_run(c, b, in, out))
            return false;
        one = seconds_now() - start;
    }
    f->runs = choose_runs(c, one);
    double *seconds = ARENA_ARRAY(c->arena, double, f->runs);
    for (int64_t i = 0; i < f->runs; i++) {
        double start = seconds_now();
        if (!backend_run(c, b, in, out))
            return false;
        seconds[i] = seconds_now() - start;
    }
    qsort(seconds, (size_t)f->runs, sizeof *seconds, compare_doubles);
    f->minimum = seconds[0];
    f->median =
        f->runs % 2 ? seconds[f->runs / 2] : (seconds[f->runs / 2 - 1] + seconds[f->runs / 2]) / 2;
    return true;
}

static void print_figures(const Cli *c, const Backend *b, const Pipeline *built, const Figures *f)
{
    double rate = f->median > 0 ? 2e-9 * (double)f->macs / f->median : 0;
    if (!c->o->json) {
        printf("%s: median %.3f ms, min %.3f ms of %lld runs, %.1f GFLOP/s\n", backend_label(b),
               1e3 * f->median, 1e3 * f->minimum, (long long)f->runs, rate);
        printf("%.3f GMAC; load %.3f s, passes %.3f s, lower %.3f s, build %.3f s\n",
               1e-9 * (double)f->macs, built->load_seconds, built->passes_seconds,
               built->lower_seconds, backend_build_seconds(b));
        return;
    }
    printf("{\"model\": ");
    json_string(stdout, c->o->model);
    printf(", \"backend\": ");
    json_string(stdout, backend_label(b));
    printf(", \"target\": \"%s\", \"threads\": %lld,\n", built->graph->target->name,
           (long long)c->o->threads);
    printf(" \"runs\": %lld, \"median_ms\": %.6f, \"min_ms\": %.6f, \"gflops\": %.3f,\n",
           (long long)f->runs, 1e3 * f->median, 1e3 * f->minimum, rate);
    printf(" \"macs\": %lld, \"load_s\": %.6f, \"passes_s\": %.6f, \"lower_s\": %.6f, "
           "\"build_s\": %.6f}\n",
           (long long)f->macs, built->load_seconds, built->passes_seconds, built->lower_seconds,
           backend_build_seconds(b));
}

int cmd_bench(Cli *c)
{
    PipelineOptions p;
    if (!cli_pipeline_options(c, &p))
        return cli_failed(c);
    ModelSource source = {.path = c->o->model};
    Pipeline built;
    if (!pipeline_run(c->arena, &c->diag, &source, &p, &built))
        return cli_failed(c);
    BackendKind kind = backend_default();
    if (c->o->backend)
        backend_find(c->o->backend, strlen(c->o->backend), &kind);
    Backend *b = kind == BACKEND_INTERP ? backend_interp(c, built.graph)
                                        : backend_compiled(c, kind, built.program, NULL);
    if (b == NULL)
        return cli_failed(c);
    if (c->o->per_node && kind != BACKEND_JIT) {
        usage_error(&c->diag, "bench --per-node needs --backend jit");
        return cli_failed(c);
    }
    Random random = {(uint64_t)c->o->seed};
    const Tensor **in = ARENA_ARRAY(c->arena, const Tensor *, built.graph->n_inputs);
    Tensor **out = backend_outputs(c, built.graph);
    Figures f = {0};
    for (int i = 0; i < built.graph->n_nodes; i++)
        f.macs += built.graph->nodes[i]->plan.macs;
    if (!inputs_read(c, built.graph, &random, in) || !measure(c, b, in, out, &f))
        return cli_failed(c);
    print_figures(c, b, &built, &f);
    if (c->o->per_node && !c->o->json)
        bench_nodes(c, b, built.program, in, out, f.runs);
    return STATUS_OK;
}
