/* The kernels of the quantised operators against the interpreter, which must agree to the last bit:
 * random shapes, groups, windows, types; parameters known and unknown, one or one a channel. */
#include "ir/qconv.h"
#include "tests/support/node_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { SEEDS = 25 };

/* An input with data over the whole range of an 8-bit type, or of 16 bits, or small numbers. */
static Value *integers(NodeCase *c, DType type, int rank, const int64_t *dims, bool constant)
{
    Shape s = shape_make(rank, dims);
    Tensor *t = tensor_new(c->arena, type, &s);
    for (int64_t i = 0; i < shape_numel(&s); i++)
        tensor_set_i64(t, i, node_case_random(c, 1 << 16));
    return node_case_input(c, type, rank, dims, 0, t->data, constant);
}

static Value *scales(NodeCase *c, int rank, const int64_t *dims, bool constant)
{
    Shape s = shape_make(rank, dims);
    Tensor *t = tensor_new(c->arena, DT_F32, &s);
    for (int64_t i = 0; i < shape_numel(&s); i++)
        tensor_set_f64(t, i, (1 + node_case_random(c, 1000)) / 777.0);
    return node_case_input(c, DT_F32, rank, dims, 0, t->data, constant);
}

static bool coin(NodeCase *c)
{
    return node_case_random(c, 2) == 0;
}

static DType byte_type(NodeCase *c)
{
    return coin(c) ? DT_U8 : DT_I8;
}

/* Scale and zero point: one number, or one of `n`. */
static void parameters(NodeCase *c, DType type, int64_t n)
{
    int64_t extent = n > 1 && coin(c) ? n : 1;
    int rank = extent > 1 ? 1 : node_case_random(c, 2);
    scales(c, rank, &extent, coin(c));
    integers(c, type, rank, &extent, coin(c));
}

static void run(NodeCase *c)
{
    node_case_check(c, 0, 0, 0);
    node_case_close(c);
}

/* ---- convolutions ---- */

static void random_window(NodeCase *c, Window *w, int n, const int64_t *image,
                          const int64_t *kernel)
{
    *w = (Window){.n = n};
    for (int i = 0; i < MAX_SPATIAL; i++)
        w->kernel[i] = w->stride[i] = w->dilation[i] = 1;
    for (int i = 0; i < n; i++) {
        w->kernel[i] = kernel[i];
        w->stride[i] = 1 + node_case_random(c, 3);
        w->dilation[i] = (kernel[i] - 1) * 2 < image[i] ? 1 + node_case_random(c, 2) : 1;
        w->pad_begin[i] = node_case_random(c, (int)kernel[i] + 1);
        w->pad_end[i] = node_case_random(c, (int)kernel[i] + 1);
    }
}

static void conv(const char *target, OpKind op, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int n = 1 + node_case_random(&c, 3);
    int64_t group = 1 + node_case_random(&c, 3), each = 1 + node_case_random(&c, 4);
    if (n == 1 && coin(&c)) /* sums that floats do not hold */
        each = 400;
    int64_t maps = group * (1 + node_case_random(&c, 9));
    int64_t x[5] = {1 + node_case_random(&c, 2), group * each}, w[5] = {maps, each};
    for (int i = 0; i < n; i++) {
        x[i + 2] = 1 + node_case_random(&c, i == n - 1 ? 70 : 9);
        w[i + 2] = 1 + node_case_random(&c, x[i + 2] < 3 ? (int)x[i + 2] : 3);
    }
    DType xt = byte_type(&c), wt = byte_type(&c);
    int64_t one = 1;
    integers(&c, xt, n + 2, x, false);
    if (op == OP_QLinearConv) {
        parameters(&c, xt, 1);
        integers(&c, wt, n + 2, w, true);
        parameters(&c, wt, maps);
        parameters(&c, byte_type(&c), 1);
        if (coin(&c))
            integers(&c, DT_I32, 1, &maps, coin(&c));
    } else {
        integers(&c, wt, n + 2, w, coin(&c));
        if (coin(&c)) {
            integers(&c, xt, 1, &one, coin(&c));
            integers(&c, wt, 1, coin(&c) ? &maps : &one, coin(&c));
        }
    }
    Node *node = node_case_node(&c, op, 1);
    node->params.conv.group = group;
    random_window(&c, &node->params.conv.w, n, x + 2, w + 2);
    QConvScratch scratch;
    if (coin(&c) && op_infer(c.g, node) && qconv_scratch(node, node_case_lanes(&c), &scratch)) {
        node->plan.scratch_bytes = scratch.bytes;
        c.g->arena_bytes = scratch.bytes;
    }
    run(&c);
}

/* ---- products ---- */

static void product(const char *target, OpKind op, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int64_t m = 1 + node_case_random(&c, 9), k = 1 + node_case_random(&c, 40);
    int64_t n = 1 + node_case_random(&c, 40);
    bool gemm = op == OP_QGemm, trans_a = gemm && coin(&c), trans_b = gemm && coin(&c);
    int lead_a = gemm ? 0 : node_case_random(&c, 3), lead_b = gemm ? 0 : node_case_random(&c, 3);
    int64_t a[4] = {2, 3}, b[4] = {2, 3};
    for (int i = 0; i < 2; i++)
        *(coin(&c) ? &a[i] : &b[i]) = 1;
    int64_t *am = a + lead_a, *bm = b + lead_b;
    if (lead_a == 1)
        a[0] = b[lead_b == 2 ? 1 : 0];
    if (lead_b == 1)
        b[0] = a[lead_a == 2 ? 1 : 0];
    am[trans_a] = m, am[!trans_a] = k, bm[trans_b] = k, bm[!trans_b] = n;
    DType at = byte_type(&c), bt = byte_type(&c);
    integers(&c, at, lead_a + 2, a, false);
    if (op == OP_MatMulInteger) {
        integers(&c, bt, lead_b + 2, b, coin(&c));
        if (coin(&c)) {
            integers(&c, at, 1, coin(&c) ? &m : (int64_t[]){1}, coin(&c));
            integers(&c, bt, 1, coin(&c) ? &n : (int64_t[]){1}, coin(&c));
        }
    } else {
        parameters(&c, at, gemm ? 1 : m);
        integers(&c, bt, lead_b + 2, b, coin(&c));
        parameters(&c, bt, n);
        if (gemm)
            integers(&c, DT_I32, 1, &n, coin(&c));
        if (!gemm || coin(&c))
            parameters(&c, gemm ? at : byte_type(&c), 1);
    }
    Node *node = node_case_node(&c, op, 1);
    if (gemm)
        node->params.gemm = (GemmParams){coin(&c) ? 1 : 0.75, 1, trans_a, trans_b};
    run(&c);
}

/* ---- the others ---- */

static void binary(const char *target, OpKind op, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int64_t a[3] = {2, 1 + node_case_random(&c, 5), 1 + node_case_random(&c, 40)};
    int64_t b[3] = {coin(&c) ? 2 : 1, coin(&c) ? a[1] : 1, coin(&c) ? a[2] : 1};
    int skip = node_case_random(&c, 3);
    DType t = byte_type(&c);
    integers(&c, t, 3, a, false);
    parameters(&c, t, 1);
    integers(&c, t, 3 - skip, b + skip, coin(&c));
    parameters(&c, t, 1);
    parameters(&c, byte_type(&c), 1);
    node_case_node(&c, op, 1);
    run(&c);
}

static void scaled(const char *target, OpKind op, uint64_t seed)
{
    static const DType types[] = {DT_U8, DT_I8, DT_U16, DT_I16};
    NodeCase c;
    node_case_open(&c, target, seed);
    int64_t x[3] = {1 + node_case_random(&c, 3), 1 + node_case_random(&c, 9),
                    1 + node_case_random(&c, 40)};
    int axis = node_case_random(&c, 3), form = node_case_random(&c, 3);
    int64_t block = form == 2 ? 1 + node_case_random(&c, 4) : 0;
    int64_t s[3] = {x[0], x[1], x[2]};
    if (block)
        s[axis] = (x[axis] - 1) / block + 1;
    DType t = types[node_case_random(&c, 4)];
    c.lo = -3000, c.hi = 3000;
    if (op == OP_QuantizeLinear)
        node_case_f32(&c, 3, x, 0);
    else
        integers(&c, t, 3, x, false);
    int rank = form == 2 ? 3 : form;
    scales(&c, rank, form == 1 ? &x[axis] : s, coin(&c));
    if (op == OP_QuantizeLinear || coin(&c))
        integers(&c, t, rank, form == 1 ? &x[axis] : s, coin(&c));
    Node *node = node_case_node(&c, op, 1);
    node->params.quant = (QuantParams){axis, block, DT_NONE};
    run(&c);
}

static void pool(const char *target, OpKind op, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int n = 1 + node_case_random(&c, 3);
    int64_t x[5] = {1 + node_case_random(&c, 2), 1 + node_case_random(&c, 3)},
            kernel[3] = {1, 1, 1};
    for (int i = 0; i < n; i++) {
        x[i + 2] = 2 + node_case_random(&c, 9);
        kernel[i] = 1 + node_case_random(&c, 2);
    }
    DType t = byte_type(&c);
    integers(&c, t, n + 2, x, false);
    parameters(&c, t, 1);
    parameters(&c, t, 1);
    Node *node = node_case_node(&c, op, 1);
    PoolParams *p = &node->params.pool;
    random_window(&c, &p->w, n, x + 2, kernel);
    for (int i = 0; i < n; i++) {
        int64_t most = p->w.dilation[i] * (kernel[i] - 1);
        p->w.pad_begin[i] = node_case_random(&c, (int)most + 1);
        p->w.pad_end[i] = node_case_random(&c, (int)most + 1);
    }
    p->ceil_mode = coin(&c);
    p->count_include_pad = coin(&c);
    run(&c);
}

static void dynamic(const char *target, OpKind op, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int64_t x[2] = {1 + node_case_random(&c, 5), 1 + node_case_random(&c, 40)};
    c.lo = seed % 3 == 0 ? 1 : -7, c.hi = seed % 3 == 1 ? 0 : 50;
    node_case_f32(&c, 2, x, 0);
    node_case_node(&c, op, 3);
    run(&c);
}

static void lookup(const char *target, OpKind op, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int64_t x[2] = {1 + node_case_random(&c, 5), 1 + node_case_random(&c, 40)}, codes = 256;
    integers(&c, byte_type(&c), 2, x, false);
    integers(&c, byte_type(&c), 1, &codes, true);
    node_case_node(&c, op, 1);
    run(&c);
}

/* Every case on every target. */
static void test_all(void **state)
{
    (void)state;
    static const struct {
        OpKind op;
        void (*check)(const char *target, OpKind op, uint64_t seed);
    } cases[] = {
        {OP_ConvInteger, conv},        {OP_QLinearConv, conv},
        {OP_MatMulInteger, product},   {OP_QLinearMatMul, product},
        {OP_QGemm, product},           {OP_QLinearAdd, binary},
        {OP_QLinearMul, binary},       {OP_QuantizeLinear, scaled},
        {OP_DequantizeLinear, scaled}, {OP_DynamicQuantizeLinear, dynamic},
        {OP_QLinearAveragePool, pool}, {OP_Lookup, lookup},
    };
    for (const char *const *t = node_case_targets; *t; t++)
        for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
            for (uint64_t seed = 0; seed < SEEDS; seed++)
                cases[k].check(*t, cases[k].op, seed * 64 + k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
