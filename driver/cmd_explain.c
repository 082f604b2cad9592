/* `cnncc explain MODEL.onnx`: how every layer is computed, where it lies, and what it costs.
 *
 * The rows are the nodes of the graph behind all passes, in the order in which they run. The lower
 * bound on the arena is the greatest number of bytes that are alive at once in the chosen order:
 * no placement can need less, so arena - bound is what fragmentation costs. */
#include "driver/cli.h"
#include "driver/explain.h"
#include "driver/json.h"
#include "driver/table.h"
#include "ir/ops.h"
#include "ir/text.h"

#include <string.h>

/* Where the first output lies: "arena+4096", "output 0". */
static const char *place_text(Arena *a, const Value *v)
{
    switch (v ? v->place.kind : PLACE_NONE) {
    case PLACE_INPUT:
        return arena_printf(a, "input %d", v->place.index);
    case PLACE_OUTPUT:
        return arena_printf(a, "output %d", v->place.index);
    case PLACE_ARENA:
        return arena_printf(a, "arena+%lld", (long long)v->place.offset);
    case PLACE_WEIGHTS:
        return "weights";
    default:
        return "-";
    }
}

/* "winograd 14x2 F4 1.207 412 us 281 GFLOP/s error 3e-06" for `macs` multiply-adds */
static const char *candidate_text(Arena *a, const Candidate *x, int64_t macs)
{
    Text t = text_new(a);
    text_add(&t, "%s %s %.3f", algo_name(x->algo), tile_text(a, x->tile_m, x->tile_n, x->tile_out),
             1e-6 * x->cycles);
    if (x->microseconds > 0)
        text_add(&t, " %.0f us %.0f GFLOP/s", x->microseconds,
                 2e-3 * (double)macs / x->microseconds);
    if (x->error > 0)
        text_add(&t, " error %.1e", x->error);
    if (x->refused)
        text_add(&t, " (%s)", x->refused);
    return text_str(&t);
}

typedef struct Totals {
    int64_t macs, bound;
    const int64_t *live; /* of each node */
} Totals;

static void print_json_candidates(const Plan *p)
{
    printf(" \"candidates\": [");
    for (int i = 0; i < p->n_candidates; i++) {
        const Candidate *x = &p->candidates[i];
        printf(
            "%s{\"algorithm\": \"%s\", \"tile\": [%d, %d, %d], \"cycles\": %.0f, \"error\": %.1e, "
            "\"microseconds\": %.1f, \"allowed\": %s}",
            i ? ", " : "", algo_name(x->algo), x->tile_m, x->tile_n, x->tile_out, x->cycles,
            x->error, x->microseconds, x->refused ? "false" : "true");
    }
    printf("],");
}

/* The function that computes the node; the first one where there are several, "-" for a view. */
static const char *kernel_text(const Program *p, const Node *n)
{
    for (int i = 0; i < p->n_calls; i++)
        if (p->calls[i].node == n)
            return p->calls[i].kernel->name;
    return "-";
}

static void print_json_row(Arena *a, const Program *program, int64_t live, const Node *n, bool last)
{
    const Value *v = n->n_out > 0 ? n->out[0] : NULL;
    const Plan *p = &n->plan;
    printf("  {\"op\": \"%s\", \"name\": ", fused_op_text(a, n));
    json_string(stdout, n->name);
    printf(", \"id\": %d, \"shape\": %s, \"block\": %d,", n->id, v ? shape_str(a, &v->shape) : "[]",
           v ? v->layout.block : 0);
    printf(" \"algorithm\": \"%s\", \"tile\": [%d, %d, %d], \"lanes\": %d,", algo_name(p->algo),
           p->tile_m, p->tile_n, p->tile_out, p->lanes);
    print_json_candidates(p);
    printf(" \"macs\": %lld, \"place\": \"%s\", \"bytes\": %lld,", (long long)p->macs,
           place_text(a, v), (long long)(v ? value_physical_bytes(v) : 0));
    printf(" \"scratch\": %lld, \"scratch_offset\": %lld, \"live\": %lld, \"kernel\": \"%s\", "
           "\"why\": ",
           (long long)p->scratch_bytes, (long long)p->scratch_offset, (long long)live,
           kernel_text(program, n));
    json_string(stdout, p->why ? p->why : "");
    printf("}%s\n", last ? "" : ",");
}

static void print_json(const Cli *c, const Program *p, const Totals *t)
{
    const Graph *g = p->graph;
    printf("{\"model\": ");
    json_string(stdout, c->o->model);
    printf(", \"target\": \"%s\",\n \"macs\": %lld, \"parameters\": %lld, \"arena\": %lld, "
           "\"arena_lower_bound\": %lld,\n \"layers\": [\n",
           g->target->name, (long long)t->macs, (long long)g->n_parameters,
           (long long)g->arena_bytes, (long long)t->bound);
    for (int i = 0; i < g->n_nodes; i++)
        print_json_row(c->arena, p, t->live[i], g->nodes[i], i + 1 == g->n_nodes);
    printf(" ]}\n");
}

static const Column columns[] = {
    {"#", true},          {"op", false},     {"name", false}, {"shape", false},  {"layout", false},
    {"algorithm", false}, {"tile", false},   {"lanes", true}, {"MMACs", true},   {"place", false},
    {"bytes", true},      {"scratch", true}, {"live", true},  {"kernel", false}, {"why", false},
};

enum { N_COLUMNS = sizeof columns / sizeof columns[0] };

static void fill_row(Arena *a, const Program *program, int64_t live, const Node *n,
                     const char **cell)
{
    const Value *v = n->n_out > 0 ? n->out[0] : NULL;
    const Plan *p = &n->plan;
    cell[0] = n->id >= 0 ? arena_printf(a, "%d", n->id) : "-";
    cell[1] = fused_op_text(a, n);
    cell[2] = n->name;
    cell[3] = v ? shape_str(a, &v->shape) : "-";
    cell[4] = v && v->layout.block > 1 ? arena_printf(a, "c%d", v->layout.block) : "plain";
    cell[5] = algo_name(p->algo);
    cell[6] = tile_text(a, p->tile_m, p->tile_n, p->tile_out);
    cell[7] = p->lanes ? arena_printf(a, "%d", p->lanes) : "-";
    cell[8] = arena_printf(a, "%.3f", 1e-6 * (double)p->macs);
    cell[9] = place_text(a, v);
    cell[10] = arena_printf(a, "%lld", (long long)(v ? value_physical_bytes(v) : 0));
    cell[11] = arena_printf(a, "%lld", (long long)p->scratch_bytes);
    cell[12] = arena_printf(a, "%lld", (long long)live);
    cell[13] = kernel_text(program, n);
    cell[14] = p->why ? p->why : "";
}

static void print_table(const Cli *c, const Program *p, const int64_t *live)
{
    const Graph *g = p->graph;
    const char **cells = ARENA_ARRAY(c->arena, const char *, g->n_nodes *N_COLUMNS + 1);
    for (int i = 0; i < g->n_nodes; i++)
        fill_row(c->arena, p, live[i], g->nodes[i], cells + (ptrdiff_t)i * N_COLUMNS);
    table_print(c->arena, columns, N_COLUMNS, cells, g->n_nodes);
}

/* One line a convolution: what the plan chose from, the chosen one first. */
static void print_candidates(const Graph *g)
{
    printf("\nCandidates of the convolutions, in predicted megacycles (and measured microseconds), "
           "with the\nerror of Winograd against the greatest output; the chosen one is marked.\n");
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        if (n->plan.n_candidates == 0)
            continue;
        printf("%s:", printable(g->arena, n->name));
        for (int k = 0; k < n->plan.n_candidates; k++) {
            const Candidate *x = &n->plan.candidates[k];
            bool taken = x->algo == n->plan.algo && x->tile_m == n->plan.tile_m &&
                         x->tile_n == n->plan.tile_n && x->tile_out == n->plan.tile_out;
            printf("%s %s%s", k ? "," : "", taken ? "*" : "",
                   candidate_text(g->arena, x, n->plan.macs));
        }
        printf("\n");
    }
}

int cmd_explain(Cli *c)
{
    PipelineOptions p;
    Pipeline built;
    ModelSource source = {.path = c->o->model};
    if (!cli_pipeline_options(c, &p) || !pipeline_run(c->arena, &c->diag, &source, &p, &built))
        return cli_failed(c);
    const Graph *g = built.graph;
    Totals t = {0};
    t.live = arena_live_bytes(g, &t.bound);
    for (int i = 0; i < g->n_nodes; i++)
        t.macs += g->nodes[i]->plan.macs;
    if (c->o->json) {
        print_json(c, built.program, &t);
        return STATUS_OK;
    }
    print_table(c, built.program, t.live);
    print_candidates(g);
    printf("\n%.3f GMAC, %lld parameters, arena %lld bytes, lower bound %lld bytes, %d layers, "
           "%d kernels, target %s\n",
           1e-9 * (double)t.macs, (long long)g->n_parameters, (long long)g->arena_bytes,
           (long long)t.bound, g->n_nodes, built.program->n_kernels, g->target->name);
    return STATUS_OK;
}
