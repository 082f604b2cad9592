/* `cnncc bench MODEL.onnx`: the time of a run.
 *
 * Warm-up runs, then N measured ones on the same random input, by one or several back ends and
 * beside a peer if one is named, alternately in rounds (driver/bench_rounds.c); median and minimum
 * are printed with the rate of multiply-adds (counted as two operations each). --per-node then
 * times every node (driver/bench_nodes.c). Nothing is asserted. */
#include "driver/bench_nodes.h"
#include "driver/bench_rounds.h"
#include "driver/json.h"
#include "driver/tensors.h"

#include <string.h>

/* Marks the back ends of --backend and checks that the options go together; before the model is
 * read. */
static bool check_options(Cli *c, bool chosen[N_BACKENDS])
{
    const Options *o = c->o;
    if (o->backend == NULL)
        chosen[backend_default()] = true;
    else if (!backend_list(c, o->backend, chosen))
        return false;
    if (o->per_node && (!chosen[BACKEND_JIT] || chosen[BACKEND_C] || chosen[BACKEND_INTERP]))
        return usage_error(&c->diag, "bench --per-node needs --backend jit");
    if (o->beside && o->beside[strspn(o->beside, " ")] == '\0')
        return usage_error(&c->diag, "--beside takes a command, not \"%s\"", o->beside);
    return true;
}

static bool add_engine(Cli *c, const Backend *b, void *user)
{
    Bench *bench = user;
    Engine e = {.backend = b};
    ARENA_PUSH(c->arena, bench, engines, n, cap, e);
    return true;
}

/* Builds what is measured and starts the peer, which loads meanwhile. */
static bool add_all(Cli *c, Bench *bench, const bool chosen[N_BACKENDS], const Pipeline *built)
{
    if (c->o->beside && (bench->peer = peer_start(c->arena, &c->diag, c->o->beside)) == NULL)
        return false;
    if (chosen[BACKEND_INTERP] && !add_engine(c, backend_interp(c, built->graph), bench))
        return false;
    for (int kind = BACKEND_C; kind <= BACKEND_JIT; kind++)
        if (chosen[kind] && !backend_each(c, (BackendKind)kind, built->program, add_engine, bench))
            return false;
    return true;
}

static int64_t count_macs(const Graph *g)
{
    int64_t macs = 0;
    for (int i = 0; i < g->n_nodes; i++)
        macs += g->nodes[i]->plan.macs;
    return macs;
}

static double gflops(const Engine *e, int64_t macs)
{
    return e->time.median > 0 ? 2e-9 * (double)macs / e->time.median : 0;
}

static int64_t total_runs(const Bench *bench)
{
    return bench->rounds * bench->runs;
}

/* Whether there is anything to say but the times of one back end. */
static bool is_contest(const Bench *bench)
{
    return bench->n > 1 || bench->rounds > 1 || bench->peer;
}

static void print_text(const Bench *bench, const Pipeline *built, int64_t macs)
{
    double build_seconds = 0;
    for (int i = 0; i < bench->n; i++) {
        const Engine *e = &bench->engines[i];
        printf("%s: median %.3f ms, min %.3f ms of %lld runs, %.1f GFLOP/s",
               backend_label(e->backend), 1e3 * e->time.median, 1e3 * e->time.minimum,
               (long long)total_runs(bench), gflops(e, macs));
        if (is_contest(bench))
            printf(", first %.3f ms", 1e3 * e->time.first);
        if (bench->peer)
            printf("; peer %.3f ms, ratio %.3f", 1e3 * bench->peer_time.median, e->ratio);
        printf("\n");
        build_seconds += backend_build_seconds(e->backend);
    }
    printf("%.3f GMAC; load %.3f s, passes %.3f s, lower %.3f s, build %.3f s\n",
           1e-9 * (double)macs, built->load_seconds, built->passes_seconds, built->lower_seconds,
           build_seconds);
}

static void print_json_engine(const Cli *c, const Bench *bench, const Engine *e,
                              const Pipeline *built, int64_t macs)
{
    printf("{\"model\": ");
    json_string(stdout, c->o->model);
    printf(", \"backend\": ");
    json_string(stdout, backend_label(e->backend));
    printf(", \"target\": \"%s\", \"threads\": %lld,\n", built->graph->target->name,
           (long long)c->o->threads);
    printf(" \"runs\": %lld, \"median_ms\": %.6f, \"min_ms\": %.6f, \"gflops\": %.3f,\n",
           (long long)total_runs(bench), 1e3 * e->time.median, 1e3 * e->time.minimum,
           gflops(e, macs));
    if (is_contest(bench))
        printf(" \"rounds\": %lld, \"first_ms\": %.6f,\n", (long long)bench->rounds,
               1e3 * e->time.first);
    if (bench->peer)
        printf(" \"peer_ms\": %.6f, \"ratio\": %.6f,\n", 1e3 * bench->peer_time.median, e->ratio);
    printf(" \"macs\": %lld, \"load_s\": %.6f, \"passes_s\": %.6f, \"lower_s\": %.6f, "
           "\"build_s\": %.6f}",
           (long long)macs, built->load_seconds, built->passes_seconds, built->lower_seconds,
           backend_build_seconds(e->backend));
}

/* One object, or an array of one for each engine where there are several. */
static void print_json(const Cli *c, const Bench *bench, const Pipeline *built, int64_t macs)
{
    printf("%s", bench->n > 1 ? "[" : "");
    for (int i = 0; i < bench->n; i++) {
        printf("%s", i ? ",\n" : "");
        print_json_engine(c, bench, &bench->engines[i], built, macs);
    }
    printf("%s\n", bench->n > 1 ? "]" : "");
}

int cmd_bench(Cli *c)
{
    PipelineOptions p;
    bool chosen[N_BACKENDS] = {false};
    if (!check_options(c, chosen) || !cli_pipeline_options(c, &p))
        return cli_failed(c);
    ModelSource source = {.path = c->o->model};
    Pipeline built;
    if (!pipeline_run(c->arena, &c->diag, &source, &p, &built))
        return cli_failed(c);
    Bench bench = {.rounds = c->o->rounds, .runs = c->o->runs};
    Random random = {(uint64_t)c->o->seed};
    const Tensor **in = ARENA_ARRAY(c->arena, const Tensor *, built.graph->n_inputs);
    Tensor **out = backend_outputs(c, built.graph);
    if (!add_all(c, &bench, chosen, &built) || !inputs_read(c, built.graph, &random, in) ||
        !bench_rounds(c, &bench, in, out))
        return cli_failed(c);
    int64_t macs = count_macs(built.graph);
    if (c->o->json)
        print_json(c, &bench, &built, macs);
    else
        print_text(&bench, &built, macs);
    if (c->o->per_node && !c->o->json)
        bench_nodes(c, bench.engines[0].backend, built.program, in, out, bench.runs);
    return STATUS_OK;
}
