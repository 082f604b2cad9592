/* `cnncc explain MODEL.onnx`: how every layer is computed, where it lies, and what it costs.
 *
 * The rows are the nodes of the graph behind all passes, in the order in which they run. The lower
 * bound on the arena is the greatest number of bytes that are alive at once in the chosen order:
 * no placement can need less, so arena - bound is what fragmentation costs. */
#include "driver/cli.h"
#include "driver/explain.h"
#include "driver/json.h"
#include "ir/ops.h"
#include "ir/text.h"

#include <string.h>

/* "Conv+Add+Relu": the node and what was fused into it. */
static const char *op_text(Arena *a, const Node *n)
{
    char *text = arena_strdup(a, op_info(n->op)->name);
    for (int i = 0; i < n->n_epilogue; i++)
        text = arena_printf(a, "%s+%s", text, op_info(n->epilogue[i].op)->name);
    return text;
}

/* "13x2", with Winograd's output tile behind it: "6x4 F4". */
static const char *tile_text(Arena *a, const Plan *p)
{
    if (p->tile_m == 0 && p->tile_n == 0)
        return "-";
    const char *winograd = p->tile_out ? arena_printf(a, " F%d", p->tile_out) : "";
    return arena_printf(a, "%dx%d%s", p->tile_m, p->tile_n, winograd);
}

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

/* "winograd 14x2 F4 1.207 (412 us, 3e-06)" */
static const char *candidate_text(Arena *a, const Candidate *x)
{
    Plan p = {.tile_m = x->tile_m, .tile_n = x->tile_n, .tile_out = x->tile_out};
    Text t = text_new(a);
    text_add(&t, "%s %s %.3f", algo_name(x->algo), tile_text(a, &p), 1e-6 * x->cycles);
    if (x->microseconds > 0)
        text_add(&t, " %.0f us", x->microseconds);
    if (x->error > 0)
        text_add(&t, " error %.1e", x->error);
    if (x->refused)
        text_add(&t, " (%s)", x->refused);
    return text_str(&t);
}

typedef struct Totals {
    int64_t macs, bound;
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

static void print_json_row(Arena *a, const Node *n, bool last)
{
    const Value *v = n->n_out > 0 ? n->out[0] : NULL;
    const Plan *p = &n->plan;
    printf("  {\"op\": \"%s\", \"name\": ", op_text(a, n));
    json_string(stdout, n->name);
    printf(", \"id\": %d, \"shape\": %s, \"block\": %d,", n->id, v ? shape_str(a, &v->shape) : "[]",
           v ? v->layout.block : 0);
    printf(" \"algorithm\": \"%s\", \"tile\": [%d, %d, %d], \"lanes\": %d,", algo_name(p->algo),
           p->tile_m, p->tile_n, p->tile_out, p->lanes);
    print_json_candidates(p);
    printf(" \"macs\": %lld, \"place\": \"%s\", \"bytes\": %lld,", (long long)p->macs,
           place_text(a, v), (long long)(v ? value_physical_bytes(v) : 0));
    printf(" \"scratch\": %lld, \"scratch_offset\": %lld, \"why\": ", (long long)p->scratch_bytes,
           (long long)p->scratch_offset);
    json_string(stdout, p->why ? p->why : "");
    printf("}%s\n", last ? "" : ",");
}

static void print_json(const Cli *c, const Graph *g, const Totals *t)
{
    printf("{\"model\": ");
    json_string(stdout, c->o->model);
    printf(", \"target\": \"%s\",\n \"macs\": %lld, \"parameters\": %lld, \"arena\": %lld, "
           "\"arena_lower_bound\": %lld,\n \"layers\": [\n",
           g->target->name, (long long)t->macs, (long long)g->n_parameters,
           (long long)g->arena_bytes, (long long)t->bound);
    for (int i = 0; i < g->n_nodes; i++)
        print_json_row(c->arena, g->nodes[i], i + 1 == g->n_nodes);
    printf(" ]}\n");
}

enum { N_COLUMNS = 12 };

static const char *const titles[N_COLUMNS] = {"#",      "op",        "name",  "shape",
                                              "layout", "algorithm", "tile",  "lanes",
                                              "MMACs",  "place",     "bytes", "scratch"};

/* The cells of one node; "why" follows behind the columns. */
static void fill_row(Arena *a, const Node *n, const char *cell[N_COLUMNS])
{
    const Value *v = n->n_out > 0 ? n->out[0] : NULL;
    const Plan *p = &n->plan;
    cell[0] = n->id >= 0 ? arena_printf(a, "%d", n->id) : "-";
    cell[1] = op_text(a, n);
    cell[2] = n->name;
    cell[3] = v ? shape_str(a, &v->shape) : "-";
    cell[4] = v && v->layout.block > 1 ? arena_printf(a, "c%d", v->layout.block) : "plain";
    cell[5] = algo_name(p->algo);
    cell[6] = tile_text(a, p);
    cell[7] = p->lanes ? arena_printf(a, "%d", p->lanes) : "-";
    cell[8] = arena_printf(a, "%.3f", 1e-6 * (double)p->macs);
    cell[9] = place_text(a, v);
    cell[10] = arena_printf(a, "%lld", (long long)(v ? value_physical_bytes(v) : 0));
    cell[11] = arena_printf(a, "%lld", (long long)p->scratch_bytes);
}

/* Control characters would break the table (names come from the model). */
static const char *printable(Arena *a, const char *s)
{
    char *copy = arena_strdup(a, s);
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?';
    return copy;
}

static void print_table(const Cli *c, const Graph *g)
{
    Arena *a = c->arena;
    const char *(*rows)[N_COLUMNS] = arena_array(a, (size_t)g->n_nodes + 1, sizeof *rows);
    int width[N_COLUMNS] = {0};
    memcpy(rows[0], titles, sizeof titles);
    for (int r = 0; r <= g->n_nodes; r++) {
        if (r > 0)
            fill_row(a, g->nodes[r - 1], rows[r]);
        for (int k = 0; k < N_COLUMNS; k++) {
            rows[r][k] = printable(a, rows[r][k]);
            int n = (int)strlen(rows[r][k]);
            width[k] = n > width[k] ? n : width[k];
        }
    }
    for (int r = 0; r <= g->n_nodes; r++) {
        const char *why = r == 0 ? "why" : g->nodes[r - 1]->plan.why;
        for (int k = 0; k < N_COLUMNS; k++) {
            bool number = k == 0 || k == 7 || k == 8 || k >= 10;
            printf(number ? "%*s  " : "%-*s  ", width[k], rows[r][k]);
        }
        printf("%s\n", why ? why : "");
    }
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
            printf("%s %s%s", k ? "," : "", taken ? "*" : "", candidate_text(g->arena, x));
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
    Totals t = {.bound = arena_lower_bound(g)};
    for (int i = 0; i < g->n_nodes; i++)
        t.macs += g->nodes[i]->plan.macs;
    if (c->o->json) {
        print_json(c, g, &t);
        return STATUS_OK;
    }
    print_table(c, g);
    print_candidates(g);
    printf("\n%.3f GMAC, %lld parameters, arena %lld bytes, lower bound %lld bytes, %d layers, "
           "%d kernels, target %s\n",
           1e-9 * (double)t.macs, (long long)g->n_parameters, (long long)g->arena_bytes,
           (long long)t.bound, g->n_nodes, built.program->n_kernels, g->target->name);
    return STATUS_OK;
}
