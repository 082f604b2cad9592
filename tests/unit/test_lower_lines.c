/* Operators that work line by line against the interpreter, in random shapes around every edge:
 * reductions, normalisations, places, running sums, sorting, sums of products, determinants. */
#include "passes/passes.h"
#include "tests/support/node_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

static void each(void (*run)(const char *target, uint64_t seed))
{
    for (const char *const *t = node_case_targets; *t; t++)
        for (uint64_t seed = 0; seed < 48; seed++)
            run(*t, seed);
}

/* Random extents of up to 4 axes; few are large. */
static int extents(NodeCase *c, int64_t dims[4])
{
    int rank = 1 + node_case_random(c, 4), large = node_case_random(c, rank);
    for (int i = 0; i < rank; i++)
        dims[i] = i == large ? 1 + node_case_random(c, 90) : 1 + node_case_random(c, 5);
    return rank;
}

/* Plans the node, which may need scratch, and checks it. */
static void check(NodeCase *c, int block, double rtol, double atol)
{
    if (!op_infer(c->g, c->node) || !pass_plan(c->g, NULL))
        fail_msg("planning %s failed", op_info(c->node->op)->name);
    c->g->arena_bytes = c->node->plan.scratch_bytes;
    node_case_check(c, block, rtol, atol);
}

static void tolerance(DType t, double *rtol, double *atol)
{
    *rtol = t == DT_F16 ? 2e-3 : t == DT_BF16 ? 2e-2 : 5e-6;
    *atol = t == DT_F16 || t == DT_BF16 ? 1e-2 : 1e-5;
}

/* ---- reductions ---- */

static void reduce(const char *target, uint64_t seed)
{
    static const OpKind ops[] = {
        OP_ReduceSum, OP_ReduceMean,   OP_ReduceMax,       OP_ReduceMin,  OP_ReduceL1,
        OP_ReduceL2,  OP_ReduceLogSum, OP_ReduceLogSumExp, OP_ReduceProd, OP_ReduceSumSquare};
    static const DType types[] = {DT_F32, DT_F32, DT_F64, DT_I32, DT_I64, DT_U32, DT_U64, DT_F16};
    for (size_t o = 0; o < sizeof ops / sizeof ops[0]; o++) {
        NodeCase c;
        double rtol, atol;
        int64_t dims[4];
        DType type = types[seed % 8];
        node_case_open(&c, target, seed * 16 + o);
        c.lo = ops[o] == OP_ReduceLogSum ? 0.1 : -1.5;
        c.hi = 1.5;
        int rank = extents(&c, dims);
        node_case_input(&c, type, rank, dims, 0, NULL, false);
        Node *n = node_case_node(&c, ops[o], 1);
        ReduceParams *p = &n->params.reduce;
        p->keepdims = node_case_random(&c, 2);
        p->noop = node_case_random(&c, 4) == 0;
        for (int i = 0; i < rank; i++)
            if (node_case_random(&c, 2))
                p->axes[p->n_axes++] = node_case_random(&c, 2) ? i : i - rank;
        tolerance(type, &rtol, &atol);
        check(&c, 0, ops[o] == OP_ReduceLogSum ? 1e-4 + rtol : rtol, atol);
        node_case_close(&c);
    }
}

/* The small integers and bool, whose accumulators start at the ends of their own ranges. */
static void extremes(const char *target, uint64_t seed)
{
    static const DType types[] = {DT_I8, DT_U8, DT_I16, DT_U16, DT_BOOL, DT_BF16};
    NodeCase c;
    int64_t dims[4];
    node_case_open(&c, target, seed);
    int rank = extents(&c, dims);
    dims[0] = seed % 7 == 0 ? 0 : dims[0];
    node_case_input(&c, types[seed % 6], rank, dims, 0, NULL, false);
    Node *n = node_case_node(&c, seed & 8 ? OP_ReduceMax : OP_ReduceMin, 1);
    n->params.reduce.n_axes = 1;
    n->params.reduce.keepdims = true;
    check(&c, 0, 0, 0);
    node_case_close(&c);
}

static void global_lp_pool(const char *target, uint64_t seed)
{
    NodeCase c;
    int64_t dims[4];
    node_case_open(&c, target, seed);
    int rank = extents(&c, dims);
    while (rank < 2)
        dims[rank++] = 3;
    node_case_f32(&c, rank, dims, 0);
    Node *n = node_case_node(&c, OP_GlobalLpPool, 1);
    n->params.pool.p = 1 + (int64_t)seed % 3;
    check(&c, 0, 2e-5, 1e-6);
    node_case_close(&c);
}

/* ---- normalisations ---- */

static void instance_norm(const char *target, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int lanes = node_case_lanes(&c), block = lanes > 1 && seed & 1 ? lanes : 0;
    int64_t dims[4] = {1 + node_case_random(&c, 2), 1 + node_case_random(&c, 3 * lanes + 2),
                       2 + node_case_random(&c, 5), 1 + node_case_random(&c, 9)};
    node_case_f32(&c, 3 + (int)(seed / 2 % 2), dims, block);
    node_case_f32(&c, 1, dims + 1, 0);
    node_case_f32(&c, 1, dims + 1, 0);
    Node *n = node_case_node(&c, OP_InstanceNormalization, 1);
    n->params.norm.epsilon = 1e-2;
    check(&c, block, 1e-5, 2e-5);
    node_case_close(&c);
}

/* Lines of ten thousand numbers near 100: an error of the mean shows a hundredfold in the result.
 */
static void long_lines(const char *target, uint64_t seed)
{
    NodeCase c;
    if (seed >= 4)
        return;
    node_case_open(&c, target, seed);
    int lanes = node_case_lanes(&c), block = lanes > 1 && seed & 1 ? lanes : 0;
    int64_t dims[4] = {1, lanes, 97, 103};
    c.lo = 99;
    c.hi = 101;
    node_case_f32(&c, 4, dims, block);
    bool mean = seed >= 2 && block == 0;
    Node *n;
    if (mean) {
        n = node_case_node(&c, OP_ReduceMean, 1);
        n->params.reduce.axes[n->params.reduce.n_axes++] = 2;
        n->params.reduce.axes[n->params.reduce.n_axes++] = 3;
    } else {
        c.lo = 0;
        c.hi = 1;
        node_case_f32(&c, 1, dims + 1, 0);
        node_case_f32(&c, 1, dims + 1, 0);
        n = node_case_node(&c, OP_InstanceNormalization, 1);
        n->params.norm.epsilon = 1e-2;
    }
    check(&c, block, mean ? 3e-7 : 0, mean ? 0 : 5e-5);
    node_case_close(&c);
}

static void group_norm(const char *target, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int64_t groups = 1 + node_case_random(&c, 4), channels = groups * (1 + node_case_random(&c, 5));
    int64_t dims[4] = {1 + node_case_random(&c, 2), channels, 1 + node_case_random(&c, 5), 4};
    int64_t count = seed & 1 ? groups : channels;
    node_case_f32(&c, 4, dims, 0);
    node_case_f32(&c, 1, &count, 0);
    node_case_f32(&c, 1, &count, 0);
    Node *n = node_case_node(&c, OP_GroupNormalization, 1);
    n->params.norm = (NormParams){.epsilon = 1e-2, .groups = groups};
    check(&c, 0, 1e-5, 2e-5);
    node_case_close(&c);
}

static void layer_norm(const char *target, uint64_t seed)
{
    NodeCase c;
    double rtol, atol;
    int64_t dims[4];
    DType type = seed % 4 == 3 ? DT_F64 : seed % 16 == 2 ? DT_F16 : DT_F32;
    node_case_open(&c, target, seed);
    int rank = extents(&c, dims), axis = node_case_random(&c, rank);
    bool rms = seed % 3 == 0;
    node_case_input(&c, type, rank, dims, 0, NULL, false);
    node_case_input(&c, type, rank - axis, dims + axis, 0, NULL, false);
    if (!rms && node_case_random(&c, 2))
        node_case_input(&c, type, rank - axis, dims + axis, 0, NULL, false);
    Node *n = node_case_node(&c, rms ? OP_RMSNormalization : OP_LayerNormalization,
                             rms ? 1 : 1 + node_case_random(&c, 3));
    n->params.norm = (NormParams){.epsilon = 1e-2, .axis = axis, .stash = DT_F32};
    tolerance(type, &rtol, &atol);
    check(&c, 0, 4 * rtol, 4 * atol);
    node_case_close(&c);
}

static void lp_and_mvn(const char *target, uint64_t seed)
{
    NodeCase c;
    int64_t dims[4];
    node_case_open(&c, target, seed);
    int rank = extents(&c, dims);
    bool lp = seed & 1;
    if (!lp) /* a line of one element would have no deviation */
        dims[rank - 1] += 3;
    node_case_f32(&c, rank, dims, 0);
    Node *n = node_case_node(&c, lp ? OP_LpNormalization : OP_MeanVarianceNormalization, 1);
    if (lp) {
        n->params.line.axis = node_case_random(&c, rank);
        n->params.line.p = 1 + (int64_t)(seed / 2 % 2);
    } else {
        n->params.reduce.n_axes = 1 + node_case_random(&c, rank);
        for (int i = 0; i < n->params.reduce.n_axes; i++)
            n->params.reduce.axes[i] = rank - 1 - i;
    }
    check(&c, 0, 2e-5, 2e-5);
    node_case_close(&c);
}

/* ---- along one axis ---- */

/* Small whole numbers, so that many are equal. */
static void input_with_ties(NodeCase *c, DType type, int rank, const int64_t *dims)
{
    Shape s = shape_make(rank, dims);
    Tensor *t = tensor_new(c->arena, type, &s);
    for (int64_t i = 0; i < shape_numel(&s); i++)
        tensor_set_f64(t, i, node_case_random(c, 9) - (type == DT_U8 || type == DT_U64 ? 0 : 4));
    node_case_input(c, type, rank, dims, 0, t->data, false);
}

static bool is_running(OpKind op)
{
    return op == OP_CumSum || op == OP_CumProd;
}

static void along_axis(const char *target, uint64_t seed, OpKind op)
{
    static const DType types[] = {DT_F32, DT_I32, DT_F32, DT_I64, DT_F32, DT_F64, DT_U8, DT_U64};
    NodeCase c;
    int64_t dims[4];
    DType type = op == OP_Hardmax ? (seed & 1 ? DT_F64 : DT_F32) : types[seed % 8];
    if (is_running(op) && type == DT_U8)
        type = DT_U32;
    node_case_open(&c, target, seed + UINT64_C(1000) * op);
    int rank = extents(&c, dims);
    input_with_ties(&c, type, rank, dims);
    int64_t axis = node_case_random(&c, rank), one = 1;
    if (is_running(op))
        node_case_input(&c, DT_I64, 1, &one, 0, &axis, true);
    Node *n = node_case_node(&c, op, op == OP_TopK ? 2 : 1);
    if (op == OP_Hardmax) {
        n->params.axis.axis = axis;
        n->params.axis.coerce_2d = node_case_random(&c, 2);
    } else {
        LineParams *p = &n->params.line;
        *p = (LineParams){.axis = axis,
                          .keepdims = node_case_random(&c, 2),
                          .last = node_case_random(&c, 2),
                          .largest = node_case_random(&c, 2),
                          .sorted = true,
                          .exclusive = node_case_random(&c, 2),
                          .reverse = node_case_random(&c, 2),
                          .k = 1 + node_case_random(&c, (int)dims[axis])};
        if (seed % 5 == 0)
            p->k = 1;
    }
    check(&c, 0, op == OP_CumProd ? 2e-6 : 0, 0);
    node_case_close(&c);
}

static void arg(const char *target, uint64_t seed)
{
    along_axis(target, seed, OP_ArgMax);
    along_axis(target, seed, OP_ArgMin);
}

static void hardmax(const char *target, uint64_t seed)
{
    along_axis(target, seed, OP_Hardmax);
}

static void cumulate(const char *target, uint64_t seed)
{
    along_axis(target, seed, OP_CumSum);
    along_axis(target, seed, OP_CumProd);
}

static void topk(const char *target, uint64_t seed)
{
    along_axis(target, seed, OP_TopK);
}

/* ---- hard lines ---- */

/* Lines on which orders, neutral elements and sums go wrong: element i of n. */
typedef enum HardLine {
    NAN_FIRST,
    NAN_MIDDLE,
    NAN_LAST,
    NAN_FEW_NUMBERS,
    ALL_NAN,
    PLUS_INFINITY,
    MINUS_INFINITY,
    BOTH_INFINITIES,
    ALL_MINUS_INFINITY,
    ALL_EQUAL,
    TENTHS,
    FLOAT_LINES, /* behind the last of floats */
    NEAR_INT_MAX = FLOAT_LINES,
    NEAR_INT_MIN,
    HARD_LINES
} HardLine;

static double hard_element(HardLine kind, int64_t i, int64_t n)
{
    double plain = (double)(i * 7 % 5) / 2;
    switch (kind) {
    case NAN_FIRST:
        return i == 0 ? NAN : plain;
    case NAN_MIDDLE:
        return i == n / 2 ? NAN : plain;
    case NAN_LAST:
        return i == n - 1 ? NAN : plain;
    case NAN_FEW_NUMBERS:
        return i % 5 == 3 ? plain : NAN;
    case ALL_NAN:
        return NAN;
    case PLUS_INFINITY:
        return i == n / 3 ? INFINITY : plain;
    case MINUS_INFINITY:
        return i == n / 3 ? -INFINITY : plain;
    case BOTH_INFINITIES:
        return i == n / 3 ? INFINITY : i == n / 2 ? -INFINITY : plain;
    case ALL_MINUS_INFINITY:
        return -INFINITY;
    case ALL_EQUAL:
        return 1;
    case TENTHS:
        return 0.1;
    case NEAR_INT_MAX:
        return (double)(INT32_MAX - i % 3);
    default:
        return (double)(INT32_MIN + i % 3);
    }
}

/* A case of an operator on one kind of line: rows of n elements, or columns. */
static NodeCase hard_case(const char *target, HardLine kind, int64_t n, bool rows, OpKind op)
{
    NodeCase c;
    int64_t lines = n < 100 ? 21 : 3, dims[2] = {rows ? lines : n, rows ? n : lines}, axis = rows,
            one = 1;
    DType type = kind < FLOAT_LINES ? DT_F32 : DT_I32;
    Shape s = shape_make(2, dims);
    node_case_open(&c, target, 1);
    Tensor *x = tensor_new(c.arena, type, &s);
    for (int64_t i = 0; i < n * lines; i++)
        tensor_set_f64(x, i, hard_element(kind, rows ? i % n : i / lines, n));
    node_case_input(&c, type, 2, dims, 0, x->data, false);
    if (is_running(op))
        node_case_input(&c, DT_I64, 1, &one, 0, &axis, true);
    node_case_node(&c, op, op == OP_TopK ? 2 : 1);
    return c;
}

static void each_hard_line(void (*run)(const char *, HardLine, int64_t n, bool rows))
{
    for (const char *const *t = node_case_targets; *t; t++)
        for (HardLine kind = 0; kind < HARD_LINES; kind++)
            for (int i = 0; i < 2; i++) {
                run(*t, kind, 37, i % 2);
                if (kind == TENTHS || kind == PLUS_INFINITY) /* summed with a carry */
                    run(*t, kind, 4096, i % 2);
            }
}

static void hard_reduction(const char *target, HardLine kind, int64_t n, bool rows)
{
    static const OpKind ops[] = {
        OP_ReduceSum, OP_ReduceMean, OP_ReduceMax,    OP_ReduceMin,       OP_ReduceProd,
        OP_ReduceL1,  OP_ReduceL2,   OP_ReduceLogSum, OP_ReduceLogSumExp, OP_ReduceSumSquare};
    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
        NodeCase c = hard_case(target, kind, n, rows, ops[i]);
        c.node->params.reduce.axes[c.node->params.reduce.n_axes++] = rows;
        check(&c, 0, 1e-6, 1e-30);
        node_case_close(&c);
    }
}

static void hard_place(const char *target, HardLine kind, int64_t n, bool rows)
{
    if (n > 100) /* nothing is summed */
        return;
    static const OpKind ops[] = {OP_ArgMax, OP_ArgMin, OP_Hardmax};
    for (int i = 0; i < 6; i++) {
        if (ops[i / 2] == OP_Hardmax && kind >= FLOAT_LINES)
            continue;
        NodeCase c = hard_case(target, kind, n, rows, ops[i / 2]);
        if (ops[i / 2] == OP_Hardmax)
            c.node->params.axis = (AxisParams){.axis = rows};
        else
            c.node->params.line = (LineParams){.axis = rows, .last = i % 2};
        check(&c, 0, 0, 0);
        node_case_close(&c);
    }
}

static void hard_cumulate(const char *target, HardLine kind, int64_t n, bool rows)
{
    for (int i = 0; i < 8; i++) {
        OpKind op = i / 4 ? OP_CumProd : OP_CumSum;
        NodeCase c = hard_case(target, kind, n, rows, op);
        c.node->params.line = (LineParams){.axis = rows, .reverse = i % 2, .exclusive = i / 2 % 2};
        check(&c, 0, op == OP_CumProd ? 5e-6 : 5e-7, op == OP_CumProd ? 1e-37 : 0);
        node_case_close(&c);
    }
}

static void hard_topk(const char *target, HardLine kind, int64_t n, bool rows)
{
    if (n > 100) /* nothing is summed */
        return;
    for (int i = 0; i < 6; i++) {
        NodeCase c = hard_case(target, kind, n, rows, OP_TopK);
        c.node->params.line = (LineParams){
            .axis = rows, .sorted = true, .largest = i % 2, .k = (int64_t[]){5, n / 2, n}[i / 2]};
        check(&c, 0, 0, 0);
        node_case_close(&c);
    }
}

static void test_hard_lines(void **state)
{
    (void)state;
    each_hard_line(hard_reduction);
    each_hard_line(hard_place);
    each_hard_line(hard_cumulate);
    each_hard_line(hard_topk);
}

/* One NaN must not displace a number. */
static void test_topk_of_nan(void **state)
{
    (void)state;
    const float x[] = {0.5F, 0.5F, NAN, NAN, NAN, 2, 0.5F};
    const int64_t n = 7;
    for (const char *const *t = node_case_targets; *t; t++) {
        NodeCase c;
        node_case_open(&c, *t, 1);
        node_case_input(&c, DT_F32, 1, &n, 0, x, false);
        node_case_node(&c, OP_TopK, 2)->params.line =
            (LineParams){.sorted = true, .largest = true, .k = 5};
        check(&c, 0, 0, 0);
        node_case_close(&c);
    }
}

/* ---- sums of products ---- */

static void einsum(const char *target, uint64_t seed)
{
    static const char *const equations[] = {
        "ij,jk->ik",
        "ii->i",
        "ii",
        "...ij,...jk->...ik",
        "i,j->ij",
        "ijk,ik,j->k",
        "bhid,bhjd->bhij",
        "ij->j",
        "ij,ij->",
        "ij,j",
        "...i->...",
        "iji->j",
        "ab,cb,ad->dc",
        "i->i",
        ",ij->ji",
    };
    const char *equation = equations[seed % 15];
    static const DType types[] = {DT_F32, DT_F32, DT_F64, DT_I32, DT_I64};
    int64_t size[128];
    NodeCase c;
    node_case_open(&c, target, seed);
    for (int i = 0; i < 128; i++)
        size[i] = 1 + node_case_random(&c, i % 3 ? 4 : 40);
    DType type = types[seed % 5];
    const char *at = equation;
    for (bool more = true; more; at++) {
        int64_t dims[8];
        int rank = 0;
        for (; *at && *at != ',' && *at != '-'; at++) {
            if (*at == '.' && at[1] == '.' && at[2] == '.')
                dims[rank++] = 2;
            if (*at != '.')
                dims[rank++] = size[(int)*at];
        }
        node_case_input(&c, type, rank, dims, 0, NULL, false);
        more = *at == ',';
    }
    Node *n = node_case_node(&c, OP_Einsum, 1);
    n->params.einsum.equation = equation;
    check(&c, 0, 1e-5, 1e-4);
    node_case_close(&c);
}

static void det(const char *target, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int64_t size = seed % 11 == 10 ? 0 : 1 + node_case_random(&c, 6), dims[3] = {3, size, size};
    node_case_input(&c, seed & 1 ? DT_F64 : DT_F32, 2 + (int)(seed / 2 % 2),
                    dims + (seed / 2 % 2 ? 0 : 1), 0, NULL, false);
    node_case_node(&c, OP_Det, 1);
    check(&c, 0, 2e-4, 2e-4);
    node_case_close(&c);
}

/* ---- recurrence ---- */

static void recurrence(const char *target, uint64_t seed)
{
    static const int gates_of[] = {1, 3, 4};
    NodeCase c;
    node_case_open(&c, target, seed);
    RnnCell cell = (RnnCell)(seed % 3);
    int directions = 1 + node_case_random(&c, 2), gates = gates_of[cell];
    bool first = node_case_random(&c, 2);
    int64_t time = 1 + node_case_random(&c, 5), batch = 1 + node_case_random(&c, 3);
    int64_t hidden = 1 + node_case_random(&c, 40), wide = gates * hidden;
    int64_t x[] = {first ? batch : time, first ? time : batch, directions * wide};
    int64_t r[] = {directions, hidden, wide}, bias[] = {directions, 2 * wide};
    int64_t state[] = {first ? batch : directions, first ? directions : batch, hidden};
    int64_t peep[] = {directions, 3 * hidden};
    int32_t lens[3];
    DType type = seed % 8 == 5 ? DT_F64 : DT_F32;
    c.lo = -0.5;
    c.hi = 0.5;
    for (int i = 0; i < 3; i++)
        lens[i] = node_case_random(&c, (int)time + 1);
    node_case_input(&c, type, 3, x, 0, NULL, false);
    node_case_input(&c, type, 3, r, 0, NULL, false);
    bool given[5];
    for (int i = 0; i < 5; i++)
        given[i] = node_case_random(&c, 2) && (i < 3 || cell == LSTM_CELL);
    const struct {
        int rank;
        const int64_t *dims;
    } forms[] = {{2, bias}, {1, &batch}, {3, state}, {3, state}, {2, peep}};
    for (int i = 0; i < 5; i++) {
        if (!given[i])
            node_case_absent(&c);
        else
            node_case_input(&c, i == 1 ? DT_I32 : type, forms[i].rank, forms[i].dims, 0,
                            i == 1 ? lens : NULL, false);
    }
    Node *n = node_case_node(&c, OP_Recurrence, cell == LSTM_CELL ? 3 : 2);
    RnnParams *p = &n->params.rnn;
    *p = (RnnParams){.cell = cell, .directions = directions, .batch_first = first};
    p->reverse = directions == 1 && node_case_random(&c, 2);
    p->clip = node_case_random(&c, 3) ? 1e9 : 0.4;
    p->linear_before_reset = cell == GRU_CELL && node_case_random(&c, 2);
    p->input_forget = cell == LSTM_CELL && node_case_random(&c, 4) == 0;
    for (int i = 0; i < 6; i++)
        p->activation[i / 3][i % 3] =
            (RnnActivation){(RnnFunction)node_case_random(&c, 11), 0.3, 0.4};
    check(&c, 0, 2e-5, 2e-5);
    node_case_close(&c);
}

#define TEST(name)                                                                                 \
    static void test_##name(void **state)                                                          \
    {                                                                                              \
        (void)state;                                                                               \
        each(name);                                                                                \
    }

TEST(reduce)
TEST(extremes)
TEST(global_lp_pool)
TEST(instance_norm)
TEST(long_lines)
TEST(group_norm)
TEST(layer_norm)
TEST(lp_and_mvn)
TEST(arg)
TEST(hardmax)
TEST(cumulate)
TEST(topk)
TEST(einsum)
TEST(det)
TEST(recurrence)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reduce),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_global_lp_pool),
        cmocka_unit_test(test_instance_norm),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_group_norm),
        cmocka_unit_test(test_layer_norm),
        cmocka_unit_test(test_lp_and_mvn),
        cmocka_unit_test(test_arg),
        cmocka_unit_test(test_hardmax),
        cmocka_unit_test(test_cumulate),
        cmocka_unit_test(test_topk),
        cmocka_unit_test(test_hard_lines),
        cmocka_unit_test(test_topk_of_nan),
        cmocka_unit_test(test_einsum),
        cmocka_unit_test(test_det),
        cmocka_unit_test(test_recurrence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
