/* The time of every node.
 *
 * The calls of whole runs are timed one by one, so that each kernel finds the caches as it does in
 * a run. The times of a node's calls are added up run by run; median and least are taken over the
 * runs. Reading the clock costs some 50 ns a call. */
#include "driver/bench_nodes.h"

#include "driver/table.h"

#include <stdlib.h>

static const Column columns[] = {
    {"#", true},          {"op", false},     {"name", false}, {"shape", false},
    {"algorithm", false}, {"tile", false},   {"MMACs", true}, {"median us", true},
    {"least us", true},   {"GFLOP/s", true}, {"%", true},     {"kernel", false},
};

enum { N_COLUMNS = sizeof columns / sizeof columns[0] };

typedef struct Row {
    const Node *node;
    const char *kernel;
    double *seconds; /* of each run */
    double median, least;
} Row;

/* A row for each node that is called; row_of_call says whose time a call adds to. */
static Row *make_rows(Arena *a, const Program *p, int64_t runs, int *row_of_call, int *n_rows)
{
    Row *rows = ARENA_ARRAY(a, Row, p->n_calls + 1);
    int n = 0;
    for (int i = 0; i < p->n_calls; i++) {
        const Call *call = &p->calls[i];
        if (n == 0 || rows[n - 1].node != call->node) {
            rows[n] = (Row){.node = call->node, .kernel = call->kernel->name};
            rows[n++].seconds = ARENA_ARRAY(a, double, runs);
        }
        row_of_call[i] = n - 1;
    }
    *n_rows = n;
    return rows;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void fill_row(Arena *a, const Row *r, double total, const char **cell)
{
    const Node *n = r->node;
    const Plan *p = &n->plan;
    double rate = r->median > 0 ? 2e-9 * (double)p->macs / r->median : 0;
    cell[0] = n->id >= 0 ? arena_printf(a, "%d", n->id) : "-";
    cell[1] = fused_op_text(a, n);
    cell[2] = n->name;
    cell[3] = n->n_out > 0 ? shape_str(a, &n->out[0]->shape) : "-";
    cell[4] = algo_name(p->algo);
    cell[5] = tile_text(a, p->tile_m, p->tile_n, p->tile_out);
    cell[6] = arena_printf(a, "%.3f", 1e-6 * (double)p->macs);
    cell[7] = arena_printf(a, "%.1f", 1e6 * r->median);
    cell[8] = arena_printf(a, "%.1f", 1e6 * r->least);
    cell[9] = p->macs > 0 ? arena_printf(a, "%.0f", rate) : "-";
    cell[10] = arena_printf(a, "%.1f", total > 0 ? 100 * r->median / total : 0);
    cell[11] = r->kernel;
}

static void print_rows(Cli *c, const Row *rows, int n_rows)
{
    const char **cells = ARENA_ARRAY(c->arena, const char *, n_rows *N_COLUMNS + 1);
    double total = 0, least = 0;
    for (int i = 0; i < n_rows; i++) {
        total += rows[i].median;
        least += rows[i].least;
    }
    for (int i = 0; i < n_rows; i++)
        fill_row(c->arena, &rows[i], total, cells + (ptrdiff_t)i * N_COLUMNS);
    table_print(c->arena, columns, N_COLUMNS, cells, n_rows);
    printf("\nsum of the medians %.3f ms, of the least %.3f ms\n", 1e3 * total, 1e3 * least);
}

void bench_nodes(Cli *c, const Backend *b, const Program *p, const Tensor *const *in, Tensor **out,
                 int64_t runs)
{
    int n_rows;
    int *row_of_call = ARENA_ARRAY(c->arena, int, p->n_calls + 1);
    Row *rows = make_rows(c->arena, p, runs, row_of_call, &n_rows);
    double *seconds = ARENA_ARRAY(c->arena, double, p->n_calls + 1);
    for (int64_t r = 0; r < runs; r++) {
        backend_run_calls(c, b, p, in, out, seconds);
        for (int i = 0; i < p->n_calls; i++)
            rows[row_of_call[i]].seconds[r] += seconds[i];
    }
    for (int i = 0; i < n_rows; i++) {
        qsort(rows[i].seconds, (size_t)runs, sizeof(double), compare_doubles);
        rows[i].least = rows[i].seconds[0];
        rows[i].median = rows[i].seconds[runs / 2];
    }
    print_rows(c, rows, n_rows);
}
