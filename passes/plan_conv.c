/* The plan of convolutions: candidates, and the choice among them.
 *
 * Each algorithm that is legal for a node adds candidates with their predicted cycles, the most
 * general algorithm last. Winograd is only taken where it is clearly faster than the direct kernel
 * and its error, measured on the weights, is within the bound. A plan file and --conv go before the
 * estimates: where --conv asks for what is not legal, the node says why. */
#include "ir/direct_cut.h"
#include "ir/packing.h"
#include "ir/winograd.h"
#include "passes/cost.h"
#include "passes/plan.h"
#include "passes/rewrite.h"

#include <string.h>

enum {
    MAX_DIRECT_ROWS = 28,
    MAX_DIRECT_VECTORS = 6,
    MAX_SCALAR_ROWS = 4, /* without vectors: what a compiler keeps in registers */
    MAX_SCALAR_COLUMNS = 4,
    MAX_PRODUCT_ROWS = 14,
    MAX_DEPTHWISE_ROWS = 14,
    SMALL_TILE = 14,  /* pixels of several rows */
    DIRECT_TILES = 3, /* candidates of the direct kernel */
    MAX_CANDIDATES = 8,
};

typedef struct Candidates {
    Candidate list[MAX_CANDIDATES];
    int n;
} Candidates;

static void add(Candidates *c, Candidate x)
{
    if (c->n < MAX_CANDIDATES)
        c->list[c->n++] = x;
}

static int64_t output_width(const Node *n)
{
    return n->out[0]->shape.dim[n->out[0]->shape.rank - 1];
}

/* Pixels of what the direct kernel takes as a row: the whole image of a 1x1 convolution. */
static int64_t direct_row(const Node *n)
{
    const Shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    const Window *w = &n->params.conv.w;
    for (int i = 0; i < w->n; i++)
        if (n->op != OP_Conv || w->kernel[i] != 1 || w->stride[i] != 1 ||
            x->dim[2 + i] != y->dim[2 + i])
            return output_width(n);
    return shape_range_numel(y, 2, y->rank);
}

static int64_t group_outputs(const Node *n)
{
    return n->out[0]->shape.dim[1] / n->params.conv.group;
}

static bool is_depthwise(const Node *n)
{
    int64_t group = n->params.conv.group;
    return group > 1 && group == n->in[0]->shape.dim[1] && group == n->out[0]->shape.dim[1];
}

/* Packed kernels start from a packed bias. */
static bool is_packable(const Node *n)
{
    bool bias = node_own_inputs(n) > 2 && n->in[2] != NULL;
    return value_is_f32_constant(n->in[1]) && (!bias || value_is_f32_constant(n->in[2]));
}

/* ---- what each algorithm needs; NULL: legal, otherwise the reason why not ---- */

static const char *depthwise_illegal(const Graph *g, const Node *n)
{
    if (!is_packable(n))
        return "weights are not constant";
    if (!is_depthwise(n))
        return "not a depthwise convolution";
    return g->target->lanes == 1 ? "no vectors" : NULL;
}

static const char *direct_illegal(const Graph *g, const Node *n)
{
    if (g->target->lanes == 1)
        return NULL;
    if (!is_packable(n))
        return "weights are not constant";
    if (n->params.conv.group > 1 && group_outputs(n) % g->target->lanes != 0)
        return "channels of a group do not fill vectors";
    return NULL;
}

/* The most general one. */
static const char *im2col_illegal(const Graph *g, const Node *n)
{
    (void)g;
    (void)n;
    return NULL;
}

static const char *winograd_illegal(const Graph *g, const Node *n)
{
    const Window *w = &n->params.conv.w;
    if (!is_packable(n))
        return "weights are not constant";
    if (w->n != 2 || n->params.conv.group != 1)
        return "not a 2-D convolution of one group";
    for (int i = 0; i < 2; i++)
        if (w->kernel[i] != 3 || w->stride[i] != 1 || w->dilation[i] != 1)
            return "not a 3x3 kernel with stride 1";
    return n->in[0]->shape.dim[1] < g->target->lanes ? "channels do not fill a vector" : NULL;
}

/* ---- candidates ---- */

static void add_depthwise(const Graph *g, const Node *n, Candidates *c)
{
    TileProblem p = {output_width(n), 1, false, MAX_DEPTHWISE_ROWS, 1};
    Tile t = cost_best_tile(g->target, &p);
    add(c, (Candidate){.algo = ALGO_DEPTHWISE, /* a load and a multiply-add a cycle */
                       .tile_m = t.m,
                       .tile_n = t.n,
                       .cycles = (double)op_macs(n) / g->target->lanes});
}

static TileProblem direct_problem(const Node *n, int lanes)
{
    int64_t channels = group_outputs(n);
    return (TileProblem){direct_row(n), ceil_div(channels, lanes), n->params.conv.group > 1,
                         lanes > 1 ? MAX_DIRECT_ROWS : MAX_SCALAR_ROWS,
                         lanes > 1 ? MAX_DIRECT_VECTORS : MAX_SCALAR_COLUMNS};
}

/* The best tiles of the direct kernel: part of a row, or several whole rows of a small image. */
static int direct_tiles(const Graph *g, const Node *n, int lanes, Tile *best, int room)
{
    TileProblem p = direct_problem(n, lanes);
    const Shape *y = &n->out[0]->shape;
    int64_t width = p.rows, height = y->rank > 3 ? y->dim[y->rank - 2] : 1;
    int have = cost_best_tiles(g->target, &p, best, room);
    if (width != output_width(n))
        return have;
    for (int64_t r = 2; r <= height && r * width <= SMALL_TILE; r++) {
        p.rows = r * width;
        Tile t = cost_best_tile(g->target, &p);
        t.cycles /= (double)r;
        if (t.m == p.rows && t.cycles < best[0].cycles)
            best[0] = t;
    }
    return have;
}

/* The estimate is that of the best tile, which the others are measured by. */
static void add_direct(const Graph *g, const Node *n, Candidates *c)
{
    Tile t[DIRECT_TILES];
    int lanes = g->target->lanes, have = direct_tiles(g, n, lanes, t, DIRECT_TILES);
    for (int i = 0; i < have; i++)
        add(c, (Candidate){.algo = ALGO_DIRECT,
                           .tile_m = t[i].m,
                           .tile_n = t[i].n,
                           .efficiency = t[i].efficiency,
                           .cycles = cost_conv(g->target, n, 1) * t[i].cycles / t[0].cycles});
}

static void add_im2col(const Graph *g, const Node *n, Candidates *c)
{
    const Shape *out = &n->out[0]->shape;
    int lanes = g->target->lanes;
    int64_t width = output_width(n), rows = out->rank > 3 ? out->dim[out->rank - 2] : 1;
    int64_t pixels = im2col_rows(rows, width) * width; /* columns of the matrix */
    TileProblem p = {group_outputs(n), ceil_div(pixels, lanes), false,
                     lanes > 1 ? MAX_PRODUCT_ROWS : MAX_SCALAR_ROWS,
                     lanes > 1 ? MAX_DIRECT_VECTORS : MAX_SCALAR_COLUMNS};
    Tile t = cost_best_tile(g->target, &p);
    double matrix = (double)op_macs(n) / (double)(group_outputs(n) ? group_outputs(n) : 1);
    double peak = (double)g->target->fma_units * lanes * (t.efficiency > 0 ? t.efficiency : 1);
    add(c, (Candidate){.algo = ALGO_IM2COL,
                       .tile_m = t.m,
                       .tile_n = t.n,
                       .cycles = (double)op_macs(n) / peak + 2 * matrix / lanes});
}

static WinogradCut cut_of(const Graph *g, const Node *n, int m, int tile_n)
{
    const Shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    return winograd_cut(m, y->dim[2], y->dim[3], y->dim[0], x->dim[1], g->target->lanes, tile_n,
                        g->threads);
}

static void add_winograd(const Graph *g, const Node *n, Candidates *c)
{
    int lanes = g->target->lanes;
    const Shape *w = &n->in[1]->shape;
    for (int m = 2; m <= WINOGRAD_MAX_M; m += 2) {
        TileProblem p = {cut_of(g, n, m, 1).tiles, ceil_div(w->dim[0], lanes), false,
                         lanes > 1 ? MAX_DIRECT_ROWS : MAX_SCALAR_ROWS,
                         lanes > 1 ? MAX_DIRECT_VECTORS : MAX_SCALAR_COLUMNS};
        Tile t = cost_best_tile(g->target, &p);
        add(c, (Candidate){.algo = ALGO_WINOGRAD,
                           .tile_m = t.m,
                           .tile_n = t.n,
                           .tile_out = m,
                           .cycles = cost_conv(g->target, n, m),
                           .error = winograd_error(winograd_form(m), n->in[1]->constant->data,
                                                   w->dim[0], w->dim[1])});
    }
}

static const struct {
    Algo algo;
    ConvChoice asked_by; /* CONV_AUTO: only chosen, never asked for */
    const char *(*illegal)(const Graph *g, const Node *n);
    void (*add)(const Graph *g, const Node *n, Candidates *c);
} conv_algos[] = {
    /* the last one always is legal */
    {ALGO_WINOGRAD, CONV_WINOGRAD, winograd_illegal, add_winograd},
    {ALGO_DEPTHWISE, CONV_AUTO, depthwise_illegal, add_depthwise},
    {ALGO_DIRECT, CONV_DIRECT, direct_illegal, add_direct},
    {ALGO_IM2COL, CONV_IM2COL, im2col_illegal, add_im2col},
};

enum { N_CONV_ALGOS = sizeof conv_algos / sizeof conv_algos[0] };

/* ---- the choice ---- */

/* How many times fewer products F(m, 3) needs. */
static double winograd_saves(int m)
{
    return 9.0 * m * m / ((m + 2.0) * (m + 2.0));
}

static const char *reason(const Graph *g, const Candidate *c)
{
    const char *tile = arena_printf(g->arena, "%dx%d", c->tile_m, c->tile_n);
    switch (c->algo) {
    case ALGO_DEPTHWISE:
        return "one input channel for each output channel";
    case ALGO_DIRECT:
        return arena_printf(g->arena, "%s tile fills %.0f %% of the multiply-add units", tile,
                            100 * c->efficiency);
    case ALGO_IM2COL:
        return "patches to a matrix, then a matrix product";
    case ALGO_WINOGRAD:
        return arena_printf(g->arena,
                            "%.3g times fewer products, error %.1e of the greatest output",
                            winograd_saves(c->tile_out), c->error);
    default:
        return "";
    }
}

/* The plan of a candidate. */
static void take(Graph *g, Node *n, const Candidate *c)
{
    Plan *p = &n->plan;
    p->algo = c->algo;
    p->tile_m = c->tile_m;
    p->tile_n = c->tile_n;
    p->tile_out = c->tile_out;
    p->why = reason(g, c);
    if (c->algo == ALGO_DIRECT) {
        DirectCut cut = direct_cut(n, g->target, c->tile_m, c->tile_n, g->threads);
        p->parts = cut.parts;
        p->scratch_bytes = cut.scratch_bytes;
    } else if (c->algo == ALGO_WINOGRAD) {
        WinogradCut cut = cut_of(g, n, c->tile_out, c->tile_n);
        p->parts = cut.parts;
        p->scratch_bytes = cut.scratch;
    } else if (c->algo == ALGO_IM2COL) {
        const Shape *w = &n->in[1]->shape, *out = &n->out[0]->shape;
        int64_t rows = out->rank > 3 ? out->dim[out->rank - 2] : 1;
        p->parts = (int)(rows < g->threads ? rows : g->threads);
        p->scratch_bytes =
            im2col_scratch(shape_range_numel(w, 1, w->rank), rows, output_width(n), p->parts);
    }
}

/* The cheapest candidate of an algorithm; those that are refused only when there is no other. */
static const Candidate *cheapest(const Candidates *c, Algo algo)
{
    const Candidate *best = NULL;
    for (int i = 0; i < c->n; i++) {
        const Candidate *x = &c->list[i];
        if (x->algo == algo && (best == NULL || (best->refused && !x->refused) ||
                                (!best->refused == !x->refused && x->cycles < best->cycles)))
            best = x;
    }
    return best;
}

/* Winograd where it clearly pays, otherwise the first of the others. */
static const Candidate *estimate(const Graph *g, const Candidates *c)
{
    static const double clearly = 1.25;
    const Candidate *winograd = cheapest(c, ALGO_WINOGRAD), *other = c->list;
    while (other->algo == ALGO_WINOGRAD)
        other++;
    bool pays = winograd && !winograd->refused && g->target->lanes > 1 &&
                clearly * winograd->cycles < other->cycles;
    return pays ? winograd : other;
}

/* What --conv asks for; NULL, with the reason, where that is not legal. */
static const Candidate *asked(const Graph *g, const Node *n, const Candidates *c, ConvChoice choice,
                              const char **illegal)
{
    for (int i = 0; i < N_CONV_ALGOS; i++)
        if (choice != CONV_AUTO && conv_algos[i].asked_by == choice) {
            *illegal = conv_algos[i].illegal(g, n);
            return cheapest(c, conv_algos[i].algo);
        }
    return NULL;
}

static void collect(const Graph *g, const Node *n, double bound, Candidates *c)
{
    for (int i = 0; i < N_CONV_ALGOS; i++)
        if (conv_algos[i].illegal(g, n) == NULL)
            conv_algos[i].add(g, n, c);
    for (int i = 0; i < c->n; i++)
        if (c->list[i].error > bound)
            c->list[i].refused = arena_printf(g->arena, "error above %.1e", bound);
}

static bool same(const Candidate *x, const PlanChoice *entry)
{
    return x->algo == entry->algo && x->tile_m == entry->tile_m && x->tile_n == entry->tile_n &&
           x->tile_out == entry->tile_out;
}

/* Takes the measured times of the node's candidates from the plan file. Returns the chosen one;
 * *entry is its entry, NULL when there is none. */
static const Candidate *chosen(const Node *n, int nth, Candidates *c, const PassOptions *o,
                               const PlanChoice **entry)
{
    const Candidate *found = NULL;
    for (int i = 0; o && i < o->n_choices; i++) {
        const PlanChoice *e = &o->choices[i];
        if (e->nth != nth || strcmp(e->node, n->name) != 0)
            continue;
        if (e->chosen)
            *entry = e;
        for (int k = 0; k < c->n; k++)
            if (same(&c->list[k], e)) {
                c->list[k].microseconds = e->microseconds;
                found = e->chosen ? &c->list[k] : found;
            }
    }
    return found;
}

bool plan_conv(Graph *g, int at, const PassOptions *o)
{
    Node *n = g->nodes[at];
    int nth = o && o->n_choices > 0 ? plan_nth(g, at) : 0;
    Candidates c = {.n = 0};
    const PlanChoice *entry = NULL;
    const char *illegal = NULL;
    collect(g, n, o && o->winograd_error ? *o->winograd_error : WINOGRAD_ERROR, &c);
    const Candidate *x = chosen(n, nth, &c, o, &entry);
    if (entry && x == NULL)
        return node_error(g, n, "the plan file asks for %s %dx%d, which it cannot have",
                          algo_name(entry->algo), entry->tile_m, entry->tile_n);
    if (x == NULL)
        x = asked(g, n, &c, o ? o->conv : CONV_AUTO, &illegal);
    take(g, n, x ? x : estimate(g, &c));
    if (illegal)
        n->plan.why = arena_printf(g->arena, "%s; not as asked: %s", n->plan.why, illegal);
    Candidate *kept = ARENA_ARRAY(g->arena, Candidate, c.n);
    memcpy(kept, c.list, (size_t)c.n * sizeof *kept);
    n->plan.candidates = kept;
    n->plan.n_candidates = c.n;
    return true;
}

/* Where the vector kernel is not legal (ConvTranspose has no other), one lane is. */
void plan_direct(Graph *g, Node *n)
{
    int lanes = n->plan.lanes == 1 || direct_illegal(g, n) ? 1 : g->target->lanes;
    Tile t = {0};
    direct_tiles(g, n, lanes, &t, 1);
    Candidate c = {.algo = ALGO_DIRECT, .tile_m = t.m, .tile_n = t.n, .efficiency = t.efficiency};
    take(g, n, &c);
    n->plan.lanes = lanes;
}
