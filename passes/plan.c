/* plan: the algorithm and the register tile of every node.
 *
 * In: a fused graph and its target. Out: algo, lanes, tile, macs, scratch and the reason on every
 * node; lowerings obey. For a convolution the possibilities are tried from the best to the most
 * general, and --conv asks for one by name: where that one is not legal the node says why. Tiles
 * come from the cost model. Layouts follow from the plan in the next pass. */
#include "ir/packing.h"
#include "ir/scratch.h"
#include "passes/cost.h"
#include "passes/rewrite.h"

enum {
    MAX_DIRECT_ROWS = 28,
    MAX_DIRECT_VECTORS = 6,
    MAX_SCALAR_ROWS = 4, /* without vectors: what a compiler keeps in registers */
    MAX_SCALAR_COLUMNS = 4,
    MAX_GEMM_ROWS = 14,
    MAX_GEMM_VECTORS = 8,
    MAX_DEPTHWISE_ROWS = 14,
    SMALL_TILE = 14, /* pixels of several rows */
};

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

/* ---- tiles ---- */

static void set_tile(Plan *p, const Tile *t)
{
    p->tile_m = t->m;
    p->tile_n = t->n;
}

static void plan_depthwise(Graph *g, Node *n)
{
    TileProblem p = {output_width(n), 1, false, MAX_DEPTHWISE_ROWS, 1};
    Tile t = cost_best_tile(g->target, &p);
    n->plan.algo = ALGO_DEPTHWISE;
    set_tile(&n->plan, &t);
    n->plan.why = "one input channel for each output channel";
}

/* The tile of the direct kernel: part of a row, or several whole rows of a small image. */
static Tile direct_tile(const Graph *g, const Node *n, TileProblem p)
{
    const Shape *y = &n->out[0]->shape;
    int64_t width = p.rows, height = y->rank > 3 ? y->dim[y->rank - 2] : 1;
    Tile best = cost_best_tile(g->target, &p);
    if (width != output_width(n))
        return best;
    for (int64_t r = 2; r <= height && r * width <= SMALL_TILE; r++) {
        p.rows = r * width;
        Tile t = cost_best_tile(g->target, &p);
        t.cycles /= (double)r;
        if (t.m == p.rows && t.cycles < best.cycles)
            best = t;
    }
    return best;
}

/* Where the vector kernel is not legal (ConvTranspose has no other), one lane is. */
static void plan_direct(Graph *g, Node *n)
{
    int lanes = direct_illegal(g, n) ? 1 : g->target->lanes;
    int64_t channels = group_outputs(n);
    TileProblem p = {direct_row(n), (channels + lanes - 1) / lanes, n->params.conv.group > 1,
                     lanes > 1 ? MAX_DIRECT_ROWS : MAX_SCALAR_ROWS,
                     lanes > 1 ? MAX_DIRECT_VECTORS : MAX_SCALAR_COLUMNS};
    Tile t = direct_tile(g, n, p);
    n->plan.algo = ALGO_DIRECT;
    n->plan.lanes = lanes;
    set_tile(&n->plan, &t);
    n->plan.why = arena_printf(g->arena, "%dx%d tile fills %.0f %% of the multiply-add units", t.m,
                               t.n, 100 * t.efficiency);
}

static void plan_im2col(Graph *g, Node *n)
{
    const Shape *w = &n->in[1]->shape, *out = &n->out[0]->shape;
    int lanes = g->target->lanes;
    int64_t width = output_width(n), rows = out->rank > 3 ? out->dim[out->rank - 2] : 1;
    int64_t pixels = im2col_rows(rows, width) * width; /* columns of the matrix */
    TileProblem p = {group_outputs(n), (pixels + lanes - 1) / lanes, false,
                     lanes > 1 ? MAX_GEMM_ROWS : MAX_SCALAR_ROWS,
                     lanes > 1 ? MAX_DIRECT_VECTORS : MAX_SCALAR_COLUMNS};
    Tile t = cost_best_tile(g->target, &p);
    n->plan.algo = ALGO_IM2COL;
    set_tile(&n->plan, &t);
    n->plan.parts = (int)(rows < g->threads ? rows : g->threads);
    n->plan.scratch_bytes =
        im2col_scratch(shape_range_numel(w, 1, w->rank), rows, width, n->plan.parts);
    n->plan.why = "patches to a matrix, then a matrix product";
}

/* F(m, 3) for the smallest estimate of all output sizes m. */
static void plan_winograd(Graph *g, Node *n)
{
    const Shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    int lanes = g->target->lanes, m = cost_winograd(g->target, n).tile_out;
    WinogradCut cut =
        winograd_cut(m, y->dim[2], y->dim[3], y->dim[0], x->dim[1], lanes, 1, g->threads);
    TileProblem p = {cut.tiles, (y->dim[1] + lanes - 1) / lanes, false,
                     lanes > 1 ? MAX_DIRECT_ROWS : MAX_SCALAR_ROWS,
                     lanes > 1 ? MAX_DIRECT_VECTORS : MAX_SCALAR_COLUMNS};
    Tile t = cost_best_tile(g->target, &p);
    cut = winograd_cut(m, y->dim[2], y->dim[3], y->dim[0], x->dim[1], lanes, t.n, g->threads);
    n->plan.algo = ALGO_WINOGRAD;
    n->plan.tile_out = m;
    set_tile(&n->plan, &t);
    n->plan.parts = cut.parts;
    n->plan.scratch_bytes = cut.scratch;
    n->plan.why = m == 4 ? "4 times fewer products" : "2.25 times fewer products";
}

/* ---- convolution ---- */

static const struct {
    Algo algo;
    ConvChoice asked_by; /* CONV_AUTO: only chosen, never asked for */
    const char *(*illegal)(const Graph *g, const Node *n);
    void (*plan)(Graph *g, Node *n);
} conv_algos[] = {
    /* from the best to the most general; the first one only where it pays */
    {ALGO_WINOGRAD, CONV_WINOGRAD, winograd_illegal, plan_winograd},
    {ALGO_DEPTHWISE, CONV_AUTO, depthwise_illegal, plan_depthwise},
    {ALGO_DIRECT, CONV_DIRECT, direct_illegal, plan_direct},
    {ALGO_IM2COL, CONV_IM2COL, im2col_illegal, plan_im2col},
};

enum { N_CONV_ALGOS = sizeof conv_algos / sizeof conv_algos[0] };

static void plan_conv(Graph *g, Node *n, ConvChoice choice)
{
    const char *refused = NULL;
    for (int i = 0; i < N_CONV_ALGOS; i++) {
        if (choice == CONV_AUTO || conv_algos[i].asked_by != choice)
            continue;
        refused = conv_algos[i].illegal(g, n);
        if (refused == NULL) {
            conv_algos[i].plan(g, n);
            return;
        }
    }
    int i = cost_winograd(g->target, n).pays ? 0 : 1; /* the others always pay */
    while (i + 1 < N_CONV_ALGOS && conv_algos[i].illegal(g, n))
        i++;
    conv_algos[i].plan(g, n); /* the last one always is */
    if (refused)
        n->plan.why = arena_printf(g->arena, "%s; not as asked: %s", n->plan.why, refused);
}

/* ---- matrix products ---- */

static void plan_gemm(Graph *g, Node *n)
{
    const Shape *out = &n->out[0]->shape;
    int lanes = n->plan.lanes;
    int64_t cols = out->rank > 0 ? out->dim[out->rank - 1] : 1;
    int64_t rows = out->rank > 1 ? out->dim[out->rank - 2] : 1;
    TileProblem p = {rows, (cols + lanes - 1) / lanes, false,
                     lanes > 1 ? MAX_GEMM_ROWS : MAX_SCALAR_ROWS,
                     lanes > 1 ? MAX_GEMM_VECTORS : MAX_SCALAR_COLUMNS};
    Tile t = cost_best_tile(g->target, &p);
    n->plan.algo = ALGO_GEMM;
    set_tile(&n->plan, &t);
    n->plan.why = rows == 1 ? "one row: as fast as the weights arrive" : "register-tiled product";
}

/* ---- operators along an axis ---- */

static void plan_arg(Node *n)
{
    const Shape *s = &n->in[0]->shape;
    if (shape_range_numel(s, (int)n->params.line.axis + 1, s->rank) == 1)
        return;
    n->plan.scratch_bytes = arg_scratch_bytes(shape_numel(&n->out[0]->shape));
    n->plan.why = "vectors of neighbouring lines";
}

static void plan_topk(Node *n)
{
    n->plan.scratch_bytes = topk_scratch_bytes(n->params.line.k);
    n->plan.why = "sorting network";
}

static void plan_recurrence(Node *n)
{
    const RnnParams *p = &n->params.rnn;
    int64_t batch = n->in[0]->shape.dim[p->batch_first ? 0 : 1];
    n->plan.scratch_bytes = RECURRENCE_STATES * recurrence_state_bytes(batch, p->hidden);
    n->plan.why = "the input of all steps is one product";
}

/* Types other than f32 have scalar kernels. */
static void plan_scalar(Graph *g, Node *n)
{
    n->plan.lanes = 1;
    if (n->op == OP_Conv || n->op == OP_ConvTranspose)
        plan_direct(g, n);
    else if (n->op == OP_Gemm || n->op == OP_MatMul)
        plan_gemm(g, n);
}

bool pass_plan(Graph *g, const PassOptions *o)
{
    for (int i = 0; i < g->n_nodes; i++) {
        Node *n = g->nodes[i];
        n->plan = (Plan){.lanes = g->target->lanes, .macs = cost_macs(n), .why = ""};
        if (n->op == OP_ArgMax || n->op == OP_ArgMin)
            plan_arg(n);
        else if (n->op == OP_TopK)
            plan_topk(n);
        else if (n->op == OP_Recurrence)
            plan_recurrence(n);
        else if (n->op == OP_Det)
            n->plan.scratch_bytes =
                det_scratch_bytes(n->in[0]->shape.dim[n->in[0]->shape.rank - 1]);
        else if (n->out[0]->dtype != DT_F32)
            plan_scalar(g, n);
        else if (n->op == OP_Conv)
            plan_conv(g, n, o ? o->conv : CONV_AUTO);
        else if (n->op == OP_ConvTranspose)
            plan_direct(g, n);
        else if (n->op == OP_Gemm || n->op == OP_MatMul)
            plan_gemm(g, n);
    }
    return true;
}
