/* The steps that op_work counts: exactly, on small nodes, and as a bound on what is computed at
 * compile time. A test of the latter ends at once, or runs into the time limit. */
#include "frontend/frontend.h"
#include "ir/ops.h"
#include "passes/passes.h"
#include "tests/support/text_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEAD   "<ir_version: 8, opset_import: [\"\" : 17, \"com.microsoft\" : 1]> "
#define SCALES "float s = {0.5}, uint8 o = {3}"

/* The graph as imported; it lives in the arena. */
static Graph *load(Arena *a, Diag *d, const char *text)
{
    static const ImportOptions none;
    *d = (Diag){.arena = a, .file = "case"};
    text = arena_printf(a, HEAD "%s", text);
    Graph *g = frontend_load_memory(a, d, text, strlen(text), &none);
    if (g == NULL) {
        fail_msg("%s\n%s", d->first, text);
        abort(); /* cmocka does not come back, which the analyser cannot know */
    }
    g->target = target_find("c99");
    return g;
}

/* All passes up to fold. */
static void fold(Graph *g)
{
    PassOptions o = {0};
    const Pass *p = NULL;
    for (int i = 0; p == NULL || strcmp(p->name, "fold") != 0; i++) {
        p = pass_at(i);
        if (!p->run(g, &o))
            fail_msg("%s: %s", p->name, g->diag->first);
    }
}

static int count(const Graph *g, OpKind op)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++)
        n += g->nodes[i]->op == op;
    return n;
}

static Arena *open_arena(void)
{
    Arena *a = arena_new(0);
    assert_non_null(a);
    arena_on_oom(a);
    return a;
}

/* ---- the numbers ---- */

typedef struct Steps {
    OpKind op;
    double steps;
    const char *text;
} Steps;

static const Steps small[] = {
    {OP_Relu, 6, "g (float[2,3] x) => (float[] y) { y = Relu(x) }"},
    {OP_ReduceSum, 24, "g (float[2,3,4] x) => (float[] y) { y = ReduceSum(x) }"},
    {OP_Concat, 10, "g (float[2] x, float[8] z) => (float[] y) { y = Concat<axis=0>(x, z) }"},
    {OP_Conv, 2. * 4 * 4 * 3 * 9,
     "g (float[1,3,6,6] x, float[2,3,3,3] w) => (float[] y) { y = Conv(x, w) }"},
    {OP_ConvInteger, 2. * 4 * 4 * 3 * 9,
     "g (uint8[1,3,6,6] x, int8[2,3,3,3] w) => (int32[] y) { y = ConvInteger(x, w) }"},
    {OP_QLinearConv, 2. * 4 * 4 * 3 * 9,
     "g (uint8[1,3,6,6] x, uint8[2,3,3,3] w) => (uint8[] y) <" SCALES ">"
     "{ y = QLinearConv(x, s, o, w, s, o, s, o) }"},
    {OP_ConvTranspose, 3. * 36 * 2 * 9,
     "g (float[1,3,6,6] x, float[3,2,3,3] w) => (float[] y) { y = ConvTranspose(x, w) }"},
    {OP_Gemm, 2. * 5 * 7,
     "g (float[7,2] x, float[7,5] w) => (float[] y) { y = Gemm<transA=1>(x, w) }"},
    {OP_QGemm, 2. * 5 * 7,
     "g (uint8[7,2] x, uint8[7,5] w) => (uint8[] y) <" SCALES ">"
     "{ y = com.microsoft.QGemm<transA=1>(x, s, o, w, s, o, \"\", s, o) }"},
    {OP_MatMul, 3. * 2 * 5 * 7,
     "g (float[3,2,7] x, float[7,5] w) => (float[] y) { y = MatMul(x, w) }"},
    {OP_MatMulInteger, 3. * 2 * 5 * 7,
     "g (uint8[3,2,7] x, int8[7,5] w) => (int32[] y) { y = MatMulInteger(x, w) }"},
    {OP_QLinearMatMul, 3. * 2 * 5 * 7,
     "g (uint8[3,2,7] x, uint8[7,5] w) => (uint8[] y) <" SCALES ">"
     "{ y = QLinearMatMul(x, s, o, w, s, o, s, o) }"},
    {OP_MaxPool, 2. * 4 * 5 * 6,
     "g (int8[1,2,6,6] x) => (int8[] y) { y = MaxPool<kernel_shape=[3,2]>(x) }"},
    {OP_AveragePool, 2. * 4 * 5 * 6,
     "g (float[1,2,6,6] x) => (float[] y) { y = AveragePool<kernel_shape=[3,2]>(x) }"},
    {OP_LpPool, 2. * 4 * 5 * 6,
     "g (float[1,2,6,6] x) => (float[] y) { y = LpPool<kernel_shape=[3,2]>(x) }"},
    {OP_QLinearAveragePool, 2. * 4 * 5 * 6,
     "g (uint8[1,2,6,6] x) => (uint8[] y) <" SCALES ">"
     "{ y = com.microsoft.QLinearAveragePool<kernel_shape=[3,2]>(x, s, o, s, o) }"},
    {OP_LRN, 7. * 9 * 3, "g (float[1,7,3,3] x) => (float[] y) { y = LRN<size=3>(x) }"},
    {OP_LRN, 7. * 9 * 7, "g (float[1,7,3,3] x) => (float[] y) { y = LRN<size=99>(x) }"},
    {OP_RoiAlign, 2. * 3 * 4 * 5 * 6 * 6,
     "g (float[1,3,9,9] x, float[2,4] r, int64[2] b) => (float[] y)"
     "{ y = RoiAlign<output_height=4, output_width=5, sampling_ratio=6>(x, r, b) }"},
    {OP_RoiAlign, 3. * 4 * 5 * 5 * 3, /* bins of 3 by 5 pixels, those of half a pixel rounded up */
     "g (float[1,3,9,9] x, int64[1] b) => (float[] y) <float[1,4] r = {0, 0, 12.5, 19}>"
     "{ y = RoiAlign<output_height=4, output_width=5>(x, r, b) }"},
    {OP_MaxRoiPool, 2. * 3 * 4 * 5 + 4 * 2 * 3 * 81,
     "g (float[1,3,9,9] x, float[2,5] r) => (float[] y)"
     "{ y = MaxRoiPool<pooled_shape=[4,5]>(x, r) }"},
    {OP_Resize, 3. + 4 * 300 + 4 * 300, /* first 3 x 100, from that 3 x 1 */
     "g (float[1,100] x) => (float[] y) <int64[2] t = {3, 1}>"
     "{ y = Resize<mode=\"cubic\">(x, \"\", \"\", t) }"},
    {OP_Resize, 300,
     "g (float[1,100] x) => (float[] y) <int64[2] t = {3, 100}>"
     "{ y = Resize<mode=\"nearest\">(x, \"\", \"\", t) }"},
    {OP_GridSample, 3. * 6 * 16,
     "g (float[1,3,9,9] x, float[1,2,3,2] r) => (float[] y)"
     "{ y = GridSample<mode=\"bicubic\">(x, r) }"},
    {OP_TopK, 300,
     "g (float[3,10] x) => (float[] y, int64[] i) <int64[1] k = {10}>"
     "{ y, i = TopK(x, k) }"},
    {OP_Det, 2. * 9 * 3, "g (float[2,3,3] x) => (float[] y) { y = Det(x) }"},
    {OP_Einsum, 2. * 3 * 4 * 2,
     "g (float[2,3] x, float[3,4] z) => (float[] y) { y = Einsum<equation=\"ij,jk->ik\">(x, z) }"},
    {OP_LSTM, 5. * 2 * (4 * 7 * 3 + 4 * 7 * 7), /* though the first output is not wanted */
     "g (float[5,2,3] x, float[1,28,3] w, float[1,28,7] r) => (float[] y)"
     "{ n, y = LSTM<hidden_size=7>(x, w, r) }"},
};

static void steps_of_small_nodes(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
        Arena *a = open_arena();
        Diag d;
        Graph *g = load(a, &d, small[i].text);
        double steps = 0;
        for (int k = 0; k < g->n_nodes; k++)
            if (g->nodes[k]->op == small[i].op)
                steps = op_work(g, g->nodes[k]);
        if (steps != small[i].steps)
            fail_msg("%g steps, %g are right: %s", steps, small[i].steps, small[i].text);
        arena_free(a);
    }
}

/* ---- the bounds ---- */

/* Of constants; each would take minutes or hours. */
static const struct {
    OpKind op;
    const char *text;
} large[] = {
    {OP_AveragePool, "g (float q) => (float[] y) <float[1,1,512,512] x = {random 1 1}>"
                     "{ y = AveragePool<kernel_shape=[256,256]>(x) }"},
    {OP_LpPool, "g (float q) => (float[] y) <float[1,1,512,512] x = {random 1 1}>"
                "{ y = LpPool<kernel_shape=[256,256]>(x) }"},
    {OP_MaxPool, "g (float q) => (int8[] y) <int8[1,1,120000] x = {random 1 100}>"
                 "{ y = MaxPool<kernel_shape=[60000]>(x) }"},
    {OP_QLinearAveragePool,
     "g (float q) => (uint8[] y) <uint8[1,1,512,512] x = {random 1 100}, " SCALES ">"
     "{ y = com.microsoft.QLinearAveragePool<kernel_shape=[256,256]>(x, s, o, s, o) }"},
    {OP_ConvInteger, "g (float q) => (int32[] y) <uint8[1,16,256,256] x = {random 1 100},"
                     " int8[2,16,64,64] w = {random 2 100}> { y = ConvInteger(x, w) }"},
    {OP_QLinearConv, "g (float q) => (uint8[] y) <uint8[1,16,256,256] x = {random 1 100},"
                     " uint8[2,16,64,64] w = {random 2 100}, " SCALES ">"
                     "{ y = QLinearConv(x, s, o, w, s, o, s, o) }"},
    {OP_MatMulInteger, "g (float q) => (int32[] y) <uint8[512,8192] x = {random 1 100},"
                       " int8[8192,512] w = {random 2 100}> { y = MatMulInteger(x, w) }"},
    {OP_QLinearMatMul, "g (float q) => (uint8[] y) <uint8[512,8192] x = {random 1 100},"
                       " uint8[8192,512] w = {random 2 100}, " SCALES ">"
                       "{ y = QLinearMatMul(x, s, o, w, s, o, s, o) }"},
    {OP_QGemm, "g (float q) => (uint8[] y) <uint8[512,8192] x = {random 1 100},"
               " uint8[8192,512] w = {random 2 100}, " SCALES ">"
               "{ y = com.microsoft.QGemm(x, s, o, w, s, o, \"\", s, o) }"},
    {OP_LRN, "g (float q) => (float[] y) <float[1,40000,4] x = {random 1 1}>"
             "{ y = LRN<size=39999>(x) }"},
    {OP_RoiAlign,
     "g (float q) => (float[] y) <float[1,1,4,4] x = {random 1 1}, float[1,4] r = {0, 0, 4, 4},"
     " int64[1] b = {0}>"
     "{ y = RoiAlign<output_height=64, output_width=64, sampling_ratio=1000>(x, r, b) }"},
    {OP_RoiAlign, "g (float q) => (float[] y) <float[1,1,4,4] x = {random 1 1},"
                  " float[1,4] r = {0, 0, 65000, 65000}, int64[1] b = {0}>"
                  "{ y = RoiAlign<output_height=64, output_width=64>(x, r, b) }"},
    {OP_MaxRoiPool,
     "g (float q) => (float[] y) <float[1,1,512,512] x = {random 1 1},"
     " float[4096,5] r = {random 2 1}> { y = MaxRoiPool<pooled_shape=[1,1]>(x, r) }"},
    {OP_Resize, "g (float q) => (float[] y) <float[1,1000000] x = {random 1 1},"
                " int64[2] t = {2048, 1}> { y = Resize<mode=\"cubic\">(x, \"\", \"\", t) }"},
    {OP_TopK, "g (float q) => (float[] y, int64[] i) <float[100000] x = {random 1 1},"
              " int64[1] k = {50000}> { y, i = TopK(x, k) }"},
};

static void large_nodes_are_left_for_the_run(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
        Arena *a = open_arena();
        Diag d;
        Graph *g = load(a, &d, large[i].text);
        fold(g);
        if (count(g, large[i].op) == 0)
            fail_msg("is computed at compile time: %s", large[i].text);
        arena_free(a);
    }
}

/* Each counts as 2^24 steps, though windows full of padding take few: import computes 2^28 of them
 * together, the fold pass 2^30. */
static void many_nodes_share_a_budget(void **state)
{
    (void)state;
    enum { NODES = 100, IMPORT = 16, FOLD = 64 };
    Arena *a = open_arena();
    Diag d;
    const char *nodes = "", *parts = "";
    for (int i = 0; i < NODES; i++) {
        nodes = arena_printf(a,
                             "%s  p%d = AveragePool<kernel_shape=[4096,4096],"
                             " pads=[2046,2046,2046,2046], strides=[%d,1]>(x)\n",
                             nodes, i, i + 1);
        parts = arena_printf(a, "%s%sp%d", parts, i ? ", " : "", i);
    }
    Graph *g = load(a, &d,
                    arena_printf(a,
                                 "g (float q) => (float[] y) <float[1,1,4,4] x = {random 1 1}>"
                                 "{ %s  y = Concat<axis=0>(%s) }",
                                 nodes, parts));
    assert_int_equal(count(g, OP_AveragePool), NODES - IMPORT);
    fold(g);
    assert_int_equal(count(g, OP_AveragePool), NODES - IMPORT - FOLD);
    arena_free(a);
}

static void sizes_that_take_long_to_find_are_refused(void **state)
{
    (void)state;
    expect_refused(11,
                   "g (float q) => (int64[] y) <float[1,30000,4] b = {random 1 1},"
                   " float[1,1,30000] s = {random 2 1}, int64 most = {30000}, float t = {1}>"
                   "{ y = NonMaxSuppression(b, s, most, t) }",
                   STATUS_FAILED, "its size takes 9.004e+08 steps to find, the limit is 1.678e+07");
    expect_refused(11,
                   "g (float q) => (int8[] y) <int8[1000000] x = {random 1 100}>"
                   "{ y = Unique(x) }",
                   STATUS_FAILED, "steps to find, the limit is 1.678e+07");
    expect_refused(16,
                   "g (float[1,1,4,4] x, float[1,4] r, int64[1] b) => (float[] y)"
                   "{ y = RoiAlign<sampling_ratio=1025>(x, r, b) }",
                   STATUS_FAILED, "sampling ratio 1025");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_of_small_nodes),
        cmocka_unit_test(large_nodes_are_left_for_the_run),
        cmocka_unit_test(many_nodes_share_a_budget),
        cmocka_unit_test(sizes_that_take_long_to_find_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
