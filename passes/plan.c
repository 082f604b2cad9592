/* plan: the algorithm and the register tile of every node.
 *
 * In: a fused graph and its target. Out: algo, lanes, tile, macs, scratch and the reason on every
 * node; lowerings obey. Convolutions are planned in plan_conv.c. Tiles come from the cost model.
 * Layouts follow from the plan in the next pass. */
#include "passes/plan.h"
#include "ir/packing.h"
#include "ir/qconv.h"
#include "ir/scratch.h"
#include "passes/cost.h"
#include "passes/rewrite.h"

#include <string.h>

enum {
    MAX_SCALAR_ROWS = 4, /* without vectors: what a compiler keeps in registers */
    MAX_SCALAR_COLUMNS = 4,
    MAX_GEMM_ROWS = 14,
    MAX_GEMM_VECTORS = 8,
};

/* ---- matrix products ---- */

static void plan_gemm(Graph *g, Node *n)
{
    const Shape *out = &n->out[0]->shape;
    int lanes = n->plan.lanes;
    int64_t cols = out->rank > 0 ? out->dim[out->rank - 1] : 1;
    int64_t rows = out->rank > 1 ? out->dim[out->rank - 2] : 1;
    TileProblem p = {rows, ceil_div(cols, lanes), false,
                     lanes > 1 ? MAX_GEMM_ROWS : MAX_SCALAR_ROWS,
                     lanes > 1 ? MAX_GEMM_VECTORS : MAX_SCALAR_COLUMNS};
    Tile t = cost_best_tile(g->target, &p);
    n->plan.algo = ALGO_GEMM;
    n->plan.tile_m = t.m;
    n->plan.tile_n = t.n;
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

/* Convolutions of integers: vectors of a widened image where rows are long enough. */
static void plan_qconv(const Graph *g, Node *n)
{
    QConvScratch s;
    n->plan.lanes = 1;
    if (!qconv_scratch(n, g->target->lanes, &s))
        return;
    n->plan.lanes = s.lanes;
    n->plan.scratch_bytes = s.bytes;
    n->plan.why = "the image is widened, with a border";
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

int plan_nth(const Graph *g, int at)
{
    int nth = 0;
    for (int i = 0; i < at; i++)
        nth += strcmp(g->nodes[i]->name, g->nodes[at]->name) == 0;
    return nth;
}

/* Whether an entry of the plan file is of a node that has candidates. */
static bool is_taken(const Graph *g, const PlanChoice *entry)
{
    int nth = 0;
    for (int i = 0; i < g->n_nodes; i++)
        if (strcmp(g->nodes[i]->name, entry->node) == 0 && nth++ == entry->nth)
            return g->nodes[i]->plan.n_candidates > 0;
    return false;
}

/* A plan of another model, or of this one under other options, is no plan. Other compilations of
 * the model that `quiet` stands for may lack a node. */
static bool check_choices(Graph *g, const PassOptions *o)
{
    for (int i = 0; o && !o->quiet && i < o->n_choices; i++) {
        const PlanChoice *entry = &o->choices[i];
        const char *number = entry->nth ? arena_printf(g->arena, "#%d ", entry->nth) : "";
        if (entry->chosen && !is_taken(g, entry))
            return diag_error(
                g->diag, "the plan file asks for %s %dx%d of %s\"%s\": no convolution to plan",
                algo_name(entry->algo), entry->tile_m, entry->tile_n, number, entry->node);
    }
    return true;
}

bool pass_plan(Graph *g, const PassOptions *o)
{
    bool ok = true;
    for (int i = 0; i < g->n_nodes && ok; i++) {
        Node *n = g->nodes[i];
        n->plan = (Plan){.lanes = g->target->lanes, .macs = op_macs(n), .why = ""};
        if (n->op == OP_ArgMax || n->op == OP_ArgMin)
            plan_arg(n);
        else if (n->op == OP_TopK)
            plan_topk(n);
        else if (n->op == OP_Recurrence)
            plan_recurrence(n);
        else if (n->op == OP_Det)
            n->plan.scratch_bytes =
                det_scratch_bytes(n->in[0]->shape.dim[n->in[0]->shape.rank - 1]);
        else if (n->op == OP_QLinearConv || n->op == OP_ConvInteger)
            plan_qconv(g, n);
        else if (n->out[0]->dtype != DT_F32)
            plan_scalar(g, n);
        else if (n->op == OP_Conv)
            ok = plan_conv(g, i, o);
        else if (n->op == OP_ConvTranspose)
            plan_direct(g, n);
        else if (n->op == OP_Gemm || n->op == OP_MatMul)
            plan_gemm(g, n);
    }
    return ok && check_choices(g, o);
}
