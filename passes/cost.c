/* The cost model of the register tiles.
 *
 * A tile of m rows x n vectors does, for each reduction step, n loads of weights, m loads of inputs
 * and m*n multiply-adds on m*n accumulators. On a core with `fma_units` units and four cycles of
 * latency, one step takes
 *
 *     max(m n / fma_units,  (m + n) / 0.85,  (m n + m + n + 3) / 4,  4)   cycles
 *
 * The middle term is measured, not from a manual: on Ice Lake with AVX-512 a 14x2 tile takes 19
 * cycles a step where its multiply-adds take 14, and tiles from 10x2 to 4x5 follow the same line
 * (docs/PERFORMANCE.md). Four instructions are decoded a cycle, three of them run the loop; each
 * accumulator is used once a step, so a step cannot be shorter than the latency. One register
 * stays free: compilers spill an accumulator where none does, and its way through memory is the
 * longest of all. Weights come from farther away than inputs: a little is added for each of their
 * loads, which decides between tiles that are otherwise equal. Rows and columns that do not fill a
 * tile cost as a smaller one. */
#include "passes/cost.h"

#include "ir/ops.h"

static const double latency = 4, loads_a_cycle = 0.85, far_load = 0.25, decoded = 4, loop = 3;

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
    int64_t full = p->rows / m, rest = p->rows % m, tiles = ceil_div(p->cols, n);
    double row = (double)full * step_cycles(t, m, n);
    if (rest)
        row += step_cycles(t, rest, n);
    return row * (double)tiles;
}

/* Puts a tile where it belongs in best[0..n), of which `have` are filled. */
static int insert_tile(Tile *best, int have, int n, Tile t)
{
    int at = have;
    while (at > 0 && t.cycles < best[at - 1].cycles)
        at--;
    if (at >= n)
        return have;
    have = have < n ? have + 1 : n;
    for (int i = have - 1; i > at; i--)
        best[i] = best[i - 1];
    best[at] = t;
    return have;
}

int cost_best_tiles(const Target *t, const TileProblem *p, Tile *best, int n)
{
    double ideal = (double)(p->rows * p->cols) / t->fma_units;
    int have = 0;
    for (int v = 1; v == 1 || (v <= p->max_n && v <= p->cols); v++)
        for (int m = 1; m == 1 || (m <= p->max_m && m <= p->rows); m++) {
            bool fits = m * v + v + 1 < t->n_registers && (!p->whole || p->cols % v == 0);
            double cycles = problem_cycles(t, p, m, v);
            Tile tile = {m, v, cycles, cycles > 0 ? ideal / cycles : 0};
            if (fits || m * v == 1)
                have = insert_tile(best, have, n, tile);
        }
    return have;
}

Tile cost_best_tile(const Target *t, const TileProblem *p)
{
    Tile best = {0};
    cost_best_tiles(t, p, &best, 1);
    return best;
}

/* Products, transforms, and the weights, which come from memory once. Checked on Ice Lake with
 * AVX-512, from 64 channels at 224x224 to 512 at 7x7: the estimates rank the direct kernel and
 * Winograd as the clock does; between the two output sizes it may take the one that is a tenth
 * slower. */
double cost_conv(const Target *t, const Node *n, int m)
{
    static const double product_efficiency = 0.85, weight_bytes_a_cycle = 4;
    const Shape *x = &n->in[0]->shape, *y = &n->out[0]->shape, *w = &n->in[1]->shape;
    double macs = (double)op_macs(n), units = t->fma_units * t->lanes * product_efficiency;
    if (m == 1)
        return macs / units + 4 * (double)shape_numel(w) / weight_bytes_a_cycle;
    double ic = (double)x->dim[1], oc = (double)y->dim[1], points = (m + 2.0) * (m + 2.0);
    int64_t rows = ceil_div(y->dim[2], m), columns = ceil_div(y->dim[3], m);
    double tiles = (double)y->dim[0] * (double)rows * (double)columns;
    double spills =
        m > 4 ? 2 : 1; /* a line of 8 x 8 points and its sums: more than the registers */
    double transforms = 2 * spills * tiles * points * (m + 2) * (ic + oc) / t->lanes;
    return points * tiles * ic * oc / units + transforms +
           4 * points * ic * oc / weight_bytes_a_cycle;
}
