/* The pass that expands operators: what it makes of a network computes the same, after it and after
 * every later pass. tests/golden/expand.test shows what becomes what. */
#include "tests/support/pass_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A network, the operator that must be gone and the one that must be there after the expansion. */
static const struct {
    OpKind gone, there;
    const char *text;
} cases[] = {
    {OP_LSTM, OP_Recurrence,
     "g (float[5,2,7] x) => (float[5,2,2,9] y, float[2,2,9] h) "
     "<float[2,36,7] w = {random 1 0.5}, float[2,36,9] r = {random 2 0.5}, "
     "float[2,72] b = {random 3 1}, float[2,27] p = {random 4 1}> "
     "{ y, h = LSTM<hidden_size = 9, direction = \"bidirectional\">(x, w, r, b, , , , p) }"},
    {OP_GRU, OP_Recurrence,
     "g (float[3,5,7] x, float[3,1,9] s) => (float[3,5,1,9] y, float[3,1,9] h) "
     "<float[1,27,7] w = {random 1 0.5}, float[1,27,9] r = {random 2 0.5}> "
     "{ y, h = GRU<hidden_size = 9, direction = \"reverse\", layout = 1>(x, w, r, , , s) }"},
    /* weights that are known at run time only */
    {OP_RNN, OP_Gemm,
     "g (float[5,2,7] x, float[1,9,7] w, float[1,9,9] r) => (float[5,1,2,9] y) "
     "{ y = RNN<hidden_size = 9>(x, w, r) }"},
    {OP_Einsum, OP_MatMul,
     "g (float[2,5,3] q, float[2,7,3] k) => (float[7,2,5] y) "
     "{ y = Einsum<equation = \"bid,bjd->jbi\">(q, k) }"},
    {OP_Einsum, OP_Transpose,
     "g (float[2,5,3] x) => (float[3,5,2] y) { y = Einsum<equation = \"abc->cba\">(x) }"},
    {OP_DFT, OP_MatMul,
     "g (float[2,12,3,2] x) => (float[2,8,3,2] y) <int64 n = {8}> "
     "{ y = DFT<axis = 1, inverse = 1>(x, n) }"},
    /* a long one, of 1100 = 25 * 44 samples, padded with zeros */
    {OP_DFT, OP_MatMul,
     "g (float[2,1000,1] x) => (float[2,551,2] y) <int64 n = {1100}> "
     "{ y = DFT<axis = 1, onesided = 1>(x, n) }"},
    {OP_DFT, OP_Mul,
     "g (float[1200,2] x) => (float[1200,2] y) { y = DFT<axis = 0, inverse = 1>(x) }"},
    {OP_STFT, OP_Conv,
     "g (float[2,40,2] x, float[16] w) => (float[2,7,16,2] y) <int64 s = {4}> "
     "{ y = STFT<onesided = 0>(x, s, w) }"},
};

static void test_cases(void **state)
{
    (void)state;
    const char *const targets[] = {"c99", "avx2"};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        for (int t = 0; t < 2; t++) {
            PassOptions o = {.conv = CONV_AUTO};
            PassCase *c = pass_case_open(cases[i].text, targets[t]);
            if (c->g == NULL || !pass_case_run(c, &o, "expand") || !pass_case_same(c, "expand"))
                fail_msg("case %zu: %s", i, c->why);
            assert_int_equal(pass_case_count(c, cases[i].gone), 0);
            assert_true(pass_case_count(c, cases[i].there) > 0);
            pass_case_close(c);
            c = pass_case_open(cases[i].text, targets[t]);
            if (!pass_case_check_all(c, &o))
                fail_msg("case %zu: %s", i, c->why);
            pass_case_close(c);
        }
}

/* The mean and the maximum over all pixels become pools, also where the axes go. */
static void test_global_pools(void **state)
{
    (void)state;
    const char *text = "g (float[2,6,4,3] x) => (float[2,6] a, float[2,6,1,1] b, float[2,1,1,3] c)"
                       " { a = ReduceMean<axes = [-1, 2], keepdims = 0>(x) "
                       "b = ReduceMax<axes = [2, 3]>(x) c = ReduceMean<axes = [1, 2]>(x) }";
    PassOptions o = {.conv = CONV_AUTO};
    PassCase *c = pass_case_open(text, "avx2");
    if (c->g == NULL || !pass_case_check_all(c, &o))
        fail_msg("%s", c->why);
    assert_int_equal(pass_case_count(c, OP_GlobalAveragePool), 1);
    assert_int_equal(pass_case_count(c, OP_GlobalMaxPool), 1);
    assert_int_equal(pass_case_count(c, OP_ReduceMean), 1);
    pass_case_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_global_pools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
