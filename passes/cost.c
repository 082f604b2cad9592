/* The cost model of the register tiles.
 *
 * A tile of m rows x n vectors does, for each reduction step, n loads of weights, m loads of inputs
 * and m*n multiply-adds on m*n accumulators. On a core with `fma_units` units, two loads a cycle
 * and four cycles of latency, one step takes
 *
 *     max(m n / fma_units,  (m + n) / 2,  (m n + m + n + 3) / 4,  4)   cycles
 *
 * (four instructions are decoded a cycle, three of them run the loop; each accumulator is used once
 * a step, so a step cannot be shorter than the latency). One register stays free: compilers spill
 * an accumulator where none does, and its way through memory is the longest of all. Weights
 * come from farther away than inputs: a little is added for each of their loads, which decides
 * between tiles that are otherwise equal. Rows and columns that do not fill a tile cost as a
 * smaller one. */
#include "passes/cost.h"

#include "ir/ops.h"

static const double latency = 4, loads_a_cycle = 2, far_load = 0.25, decoded = 4, loop = 3;

static double step_cycles(const Target *t, int64_t m, int64_t n)
{
    double arithmetic = (double)(m * n) / t->fma_units;
    double loads = (double)(m + n) / loads_a_cycle;
    double front_end = ((double)(m * n + m + n) + loop) / decoded;
    double cycles = arithmetic > loads ? arithmetic : loads;
    cycles = cycles > front_end ? cycles : front_end;
    return (cycles > latency ? cycles : latency) + far_load * (double)n;
}

/* All tiles of the problem: full ones and what remains at the right. Vectors that do not fill the
 * last tile of columns are computed all the same. */
static double problem_cycles(const Target *t, const TileProblem *p, int m, int n)
{
    int64_t full = p->rows / m, rest = p->rows % m, tiles = (p->cols + n - 1) / n;
    double row = (double)full * step_cycles(t, m, n);
    if (rest)
        row += step_cycles(t, rest, n);
    return row * (double)tiles;
}

Tile cost_best_tile(const Target *t, const TileProblem *p)
{
    Tile best = {1, 1, problem_cycles(t, p, 1, 1), 0};
    for (int n = 1; n <= p->max_n && n <= p->cols; n++) {
        if (p->whole && p->cols % n != 0)
            continue;
        for (int m = 1; m <= p->max_m && m <= p->rows && m * n + n + 1 < t->n_registers; m++) {
            double cycles = problem_cycles(t, p, m, n);
            if (cycles < best.cycles)
                best = (Tile){m, n, cycles, 0};
        }
    }
    double ideal = (double)(p->rows * p->cols) / t->fma_units;
    best.efficiency = best.cycles > 0 ? ideal / best.cycles : 0;
    return best;
}

/* Cycles of F(m, 3), or of the direct kernel for m = 1 (t = 3): products, transforms, and the
 * weights, which come from memory once. Checked on Ice Lake with AVX-512, from 64 channels
 * at 224x224 to 512 at 7x7: the estimates rank the direct kernel and Winograd as the clock does;
 * between the two output sizes it may take the one that is a tenth slower. */
static double conv_cycles(const Target *t, const Node *n, int m)
{
    static const double product_efficiency = 0.85, weight_bytes_a_cycle = 4;
    const Shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    double ic = (double)x->dim[1], oc = (double)y->dim[1], points = (m + 2.0) * (m + 2.0);
    int64_t rows = (y->dim[2] + m - 1) / m, columns = (y->dim[3] + m - 1) / m;
    double tiles = (double)y->dim[0] * (double)rows * (double)columns;
    double products = points * tiles * ic * oc / (t->fma_units * t->lanes * product_efficiency);
    double transforms = m == 1 ? 0 : 2 * tiles * points * (m + 2) * (ic + oc) / t->lanes;
    return products + transforms + 4 * points * ic * oc / weight_bytes_a_cycle;
}

WinogradCost cost_winograd(const Target *t, const Node *n)
{
    const Shape *y = &n->out[0]->shape;
    WinogradCost c = {2, false};
    if (n->op != OP_Conv || y->rank != 4)
        return c;
    double direct = conv_cycles(t, n, 1), two = conv_cycles(t, n, 2), four = conv_cycles(t, n, 4);
    c.tile_out = two < four ? 2 : 4;
    c.pays = t->lanes > 1 && 1.25 * (two < four ? two : four) < direct;
    return c;
}

int64_t cost_macs(const Node *n)
{
    const Shape *out = &n->out[0]->shape;
    if (n->op != OP_Conv && n->op != OP_ConvTranspose && n->op != OP_Gemm && n->op != OP_MatMul)
        return 0;
    const Shape *a = &n->in[0]->shape, *w = &n->in[1]->shape;
    switch (n->op) {
    case OP_Conv:
        return shape_numel(out) * shape_range_numel(w, 1, w->rank);
    case OP_ConvTranspose:
        return shape_numel(a) * shape_range_numel(w, 1, w->rank);
    case OP_Gemm:
        return shape_numel(out) * a->dim[n->params.gemm.trans_a ? 0 : 1];
    default:
        return a->rank > 0 ? shape_numel(out) * a->dim[a->rank - 1] : 0;
    }
}
