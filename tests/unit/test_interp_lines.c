/* Reductions, normalisations, sorting, recurrence, sums of products and spectra, as every opset has
 * them: import, inference and interpreter, with values worked out by hand. */
#include "tests/support/text_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the ones above first. */
#include <cmocka.h>

static void refused(int opset, const char *text, const char *message)
{
    expect_refused(opset, text, STATUS_FAILED, message);
}

/* ---- reductions ---- */

static void test_reduce_forms(void **state)
{
    (void)state;
    const double *x = NUMBERS(1, 2, 3, 4, 5, 6);
    /* The axes as an attribute, as an input, as an empty one; negative ones. */
    EXPECT(11, "g (float[2,3] x) => (float[] y) { y = ReduceSum<axes=[-1]>(x) }", x, 6, 15);
    EXPECT(13, "g (float[2,3] x) => (float[] y) <int64[1] a = {0}> { y = ReduceSum(x, a) }", x, 5,
           7, 9);
    EXPECT(17, "g (float[2,3] x) => (float[] y) { y = ReduceMax<axes=[1], keepdims=0>(x) }", x, 3,
           6);
    EXPECT(18, "g (float[2,3] x) => (float[] y) <int64[1] a = {-2}> { y = ReduceMean(x, a) }", x,
           2.5, 3.5, 4.5);
    EXPECT(18, "g (float[2,3] x) => (float[] y) <int64[0] a = {}> { y = ReduceProd(x, a) }", x,
           720);
    expect_shape(18, "g (float[2,3] x) => (float[] y) { y = ReduceSum<keepdims=0>(x) }", "float[]");
    expect_shape(18, "g (float[2,3] x) => (float[] y) { y = ReduceSum(x) }", "float[1,1]");
}

/* Nothing is reduced, but every element still goes through the function. */
static void test_reduce_no_axes(void **state)
{
    (void)state;
    EXPECT(18, "g (float[2] x) => (float[] y) { y = ReduceSumSquare<noop_with_empty_axes=1>(x) }",
           NUMBERS(-2, 3), 4, 9);
    EXPECT(18, "g (float[2] x) => (float[] y) { y = ReduceL1<noop_with_empty_axes=1>(x) }",
           NUMBERS(-2, 3), 2, 3);
    EXPECT(18, "g (float[2] x) => (float[] y) { y = ReduceMin<noop_with_empty_axes=1>(x) }",
           NUMBERS(-2, 3), -2, 3);
}

/* bool since opset 20. */
static void test_reduce_bool(void **state)
{
    (void)state;
    EXPECT(20, "g (bool[2,2] x) => (bool[] y) <int64[1] a = {1}> { y = ReduceMax(x, a) }",
           NUMBERS(0, 1, 0, 0), 1, 0);
    EXPECT(20, "g (bool[2,2] x) => (bool[] y) <int64[1] a = {1}> { y = ReduceMin(x, a) }",
           NUMBERS(0, 1, 1, 1), 0, 1);
    refused(20, "g (bool[2] x) => (bool[] y) { y = ReduceSum(x) }", "is bool, numbers are needed");
}

static void test_reduce_functions(void **state)
{
    (void)state;
    const double *x = NUMBERS(3, -4);
    EXPECT(18, "g (float[2] x) => (float[] y) { y = ReduceL1(x) }", x, 7);
    EXPECT(18, "g (float[2] x) => (float[] y) { y = ReduceL2(x) }", x, 5);
    EXPECT(18, "g (float[2] x) => (float[] y) { y = ReduceSumSquare(x) }", x, 25);
    EXPECT(18, "g (float[2] x) => (float[] y) { y = ReduceLogSum(x) }", NUMBERS(0.25, 0.75), 0);
    EXPECT(18, "g (float[2] x) => (float[] y) { y = ReduceLogSumExp(x) }", NUMBERS(1000, 1000),
           1000.6931472);
    /* Integers: exact, truncated means. */
    EXPECT(18, "g (int64[2] x) => (int64[] y) { y = ReduceMean(x) }", NUMBERS(-3, -4), -3);
    EXPECT(18, "g (int32[2] x) => (int32[] y) { y = ReduceL2(x) }", x, 5);
}

static void test_reduce_empty(void **state)
{
    (void)state;
    EXPECT(18, "g (float[0,2] x) => (float[] y) <int64[1] a = {0}> { y = ReduceSum(x, a) }", NULL,
           0, 0);
    EXPECT(18, "g (float[0,1] x) => (float[] y) <int64[1] a = {0}> { y = ReduceProd(x, a) }", NULL,
           1);
    EXPECT(18, "g (float[0,1] x) => (float[] y) <int64[1] a = {0}> { y = ReduceMax(x, a) }", NULL,
           -INFINITY);
    EXPECT(18, "g (int32[0,1] x) => (int32[] y) <int64[1] a = {0}> { y = ReduceMin(x, a) }", NULL,
           2147483647);
}

static void test_reduce_refused(void **state)
{
    (void)state;
    refused(18, "g (float[2,3] x) => (float[] y) <int64[1] a = {2}> { y = ReduceSum(x, a) }",
            "axis 2 is out of range for 2 axes");
    refused(18, "g (float[2,3] x) => (float[] y) <int64[2] a = {1,-1}> { y = ReduceSum(x, a) }",
            "axis 1 is named twice");
    refused(17, "g (float[2,3] x) => (float[] y) <int64[1] a = {1}> { y = ReduceMax(x, a) }",
            "opset 17 has the axes as an attribute");
    expect_refused(18, "g (float[2,3] x, int64[1] a) => (float[] y) { y = ReduceMax(x, a) }",
                   STATUS_UNSUPPORTED, "is not known at compile time");
}

/* ---- along an axis ---- */

static void test_arg(void **state)
{
    (void)state;
    const double *x = NUMBERS(3, 1, 3, 0, 0, 2);
    EXPECT(13, "g (float[2,3] x) => (int64[] y) { y = ArgMax<axis=1>(x) }", x, 0, 2);
    EXPECT(13, "g (float[2,3] x) => (int64[] y) { y = ArgMax<axis=-1, select_last_index=1>(x) }", x,
           2, 2);
    EXPECT(13, "g (float[2,3] x) => (int64[] y) { y = ArgMin<axis=1, select_last_index=1>(x) }", x,
           1, 1);
    EXPECT(13, "g (float[2,3] x) => (int64[] y) { y = ArgMin(x) }", x, 1, 1, 1);
    refused(13, "g (float[0,3] x) => (int64[] y) { y = ArgMax(x) }", "has no elements");
}

static void test_topk(void **state)
{
    (void)state;
    const double *x = NUMBERS(2, 5, 5, 1);
    const char *text = "g (float[4] x) => (float[] v, int64[] i) <int64[1] k = {3}> "
                       "{ v, i = TopK(x, k) }";
    expect_output(11, text, x, 0, NUMBERS(5, 5, 2), 3);
    expect_output(11, text, x, 1, NUMBERS(1, 2, 0), 3);
    EXPECT(9, "g (float[4] x) => (float[] v, int64[] i) { v, i = TopK<k=2>(x) }", x, 5, 5);
    EXPECT(11,
           "g (float[4] x) => (float[] v, int64[] i) <int64[1] k = {2}> "
           "{ v, i = TopK<largest=0, sorted=0>(x, k) }",
           x, 1, 2);
    refused(11, "g (float[4] x) => (float[] v, int64[] i) <int64[1] k = {5}> { v, i = TopK(x, k) }",
            "k = 5, axis 0 has 4 elements");
}

static void test_cumulate(void **state)
{
    (void)state;
    const double *x = NUMBERS(1, 2, 3);
    EXPECT(14, "g (float[3] x) => (float[] y) <int64 a = {0}> { y = CumSum(x, a) }", x, 1, 3, 6);
    EXPECT(14,
           "g (int32[3] x) => (int32[] y) <int64 a = {0}> "
           "{ y = CumSum<reverse=1, exclusive=1>(x, a) }",
           x, 5, 3, 0);
    refused(14, "g (float[3] x) => (float[] y) <int64 a = {1}> { y = CumSum(x, a) }",
            "axis 1 is out of range");
    const double *m = NUMBERS(1, 2, 3, 4, 5, 6);
    EXPECT(26, "g (float[2,3] x) => (float[] y) <int64 a = {-1}> { y = CumProd(x, a) }", m, 1, 2, 6,
           4, 20, 120);
    EXPECT(26, "g (float[2,3] x) => (float[] y) <int64 a = {0}> { y = CumProd<exclusive=1>(x, a) }",
           m, 1, 1, 1, 1, 2, 3);
    EXPECT(26, "g (double[3] x) => (double[] y) <int32 a = {0}> { y = CumProd<reverse=1>(x, a) }",
           x, 6, 6, 3);
    EXPECT(26,
           "g (int64[3] x) => (int64[] y) <int64 a = {0}> "
           "{ y = CumProd<reverse=1, exclusive=1>(x, a) }",
           x, 6, 3, 1);
    EXPECT(26, "g (uint8[3] x) => (uint8[] y) <int64 a = {0}> { y = CumProd(x, a) }",
           NUMBERS(20, 20, 3), 20, 144, 176);
}

/* ---- normalisations ---- */

/* Deviations of 1, epsilon 0: (x - 2) * scale + bias. */
static void test_group_norm(void **state)
{
    (void)state;
    const double *x = NUMBERS(1, 3, 1, 3);
    EXPECT(18,
           "g (float[1,4,1] x) => (float[] y) <float[2] s = {1, 10}, float[2] b = {0, 5}> "
           "{ y = GroupNormalization<num_groups=2, epsilon=0.0>(x, s, b) }",
           x, -1, 1, -5, 15);
    EXPECT(
        21,
        "g (float[1,4,1] x) => (float[] y) <float[4] s = {1, 2, 3, 4}, float[4] b = {0, 0, 0, 1}>"
        " { y = GroupNormalization<num_groups=2, epsilon=0.0>(x, s, b) }",
        x, -1, 2, -3, 5);
    refused(21,
            "g (float[1,4,1] x) => (float[] y) <float[3] s = {1, 2, 3}, float[4] b = {0, 0, 0, 1}> "
            "{ y = GroupNormalization<num_groups=2>(x, s, b) }",
            "scale has shape [3], there are 4 channels");
    refused(21,
            "g (float[1,4,1] x) => (float[] y) <float[4] s = {1, 2, 3, 4}> "
            "{ y = GroupNormalization<num_groups=3>(x, s, s) }",
            "4 channels do not divide into 3 groups");
}

static void test_layer_norm(void **state)
{
    (void)state;
    const char *text = "g (float[2,2] x) => (float[] y, float[] m, float[] d) "
                       "<float[2] s = {1, 2}, float[2] b = {0, 1}> "
                       "{ y, m, d = LayerNormalization<epsilon=0.0>(x, s, b) }";
    const double *x = NUMBERS(1, 3, 0, 8);
    expect_output(17, text, x, 0, NUMBERS(-1, 3, -1, 3), 4);
    expect_output(17, text, x, 1, NUMBERS(2, 4), 2);
    expect_output(17, text, x, 2, NUMBERS(1, 0.25), 2);
    /* x / sqrt(mean of squares) = x / 5 */
    EXPECT(23,
           "g (float[1,2] x) => (float[] y) <float[2] s = {1, 2}> "
           "{ y = RMSNormalization<epsilon=0.0>(x, s) }",
           NUMBERS(1, 7), 0.2, 2.8);
    refused(17,
            "g (float[2,2] x) => (float[] y) <float[3] s = {1, 2, 3}> "
            "{ y = LayerNormalization(x, s) }",
            "does not broadcast to the normalised axes [2]");
}

static void test_other_norms(void **state)
{
    (void)state;
    EXPECT(17, "g (float[1,2] x) => (float[] y) { y = LpNormalization<axis=1, p=1>(x) }",
           NUMBERS(1, -3), 0.25, -0.75);
    EXPECT(17, "g (float[2,2] x) => (float[] y) { y = LpNormalization(x) }", NUMBERS(3, 4, 0, 0),
           0.6, 0.8, 0, 0);
    EXPECT(17, "g (float[1,1,2,1] x) => (float[] y) { y = GlobalLpPool<p=2>(x) }", NUMBERS(3, -4),
           5);
    EXPECT(17,
           "g (float[1,1,2] x) => (float[] y) <float[1] s = {2}, float[1] b = {1}> "
           "{ y = InstanceNormalization<epsilon=0.0>(x, s, b) }",
           NUMBERS(1, 3), -1, 3);
    EXPECT(17, "g (float[1,2] x) => (float[] y) { y = MeanVarianceNormalization<axes=[1]>(x) }",
           NUMBERS(1, 5), -1, 1);
    EXPECT(13, "g (float[1,3] x) => (float[] y) { y = Hardmax(x) }", NUMBERS(1, 2, 2), 0, 1, 0);
}

/* ---- recurrence ---- */

/* One unit, weights 1: h = relu(x + h). The reverse one sums from the end; a sequence that is over
 * has zeros as its outputs. */
static void test_rnn(void **state)
{
    (void)state;
    const double *x = NUMBERS(1, 2, 4);
    EXPECT(14,
           "g (float[3,1,1] x) => (float[] y) <float[1,1,1] w = {1}, float[1,1,1] r = {1}> "
           "{ y = RNN<hidden_size=1, activations=[\"Relu\"]>(x, w, r) }",
           x, 1, 3, 7);
    EXPECT(14,
           "g (float[3,1,1] x) => (float[] y) <float[1,1,1] w = {1}, float[1,1,1] r = {1}> "
           "{ y = RNN<activations=[\"relu\"], direction=\"reverse\">(x, w, r) }",
           x, 7, 6, 4);
    EXPECT(
        14,
        "g (float[3,1,1] x) => (float[] y) <float[2,1,1] w = {1, 1}, float[2,1,1] r = {1, 1}, "
        "int32[1] n = {2}> { y = RNN<activations=[\"Relu\", \"Affine\"], activation_alpha=[2.0], "
        "direction=\"bidirectional\">(x, w, r, , n) }",
        x, 1, 10, 3, 4, 0, 0);
    /* The input of the activation is clipped to 3. */
    EXPECT(14,
           "g (float[3,1,1] x) => (float[] y, float[] h) <float[1,1,1] w = {1}, "
           "float[1,1,1] r = {1}> { y, h = RNN<clip=3.0, activations=[\"Relu\"]>(x, w, r) }",
           x, 1, 3, 3);
}

/* All gates are 1/2 (their sums are 0) but the input is used through the candidate alone. */
static void test_gru_lstm(void **state)
{
    (void)state;
    /* z = r = 1/2; h = 1/2 (x + r (h R + Rb)) + 1/2 h with R = 0, Rb = 2: x/2 + 1/2 + h/2 */
    EXPECT(
        14,
        "g (float[2,1,1] x) => (float[] y) <float[1,3,1] w = {0, 0, 1}, float[1,3,1] r = {0,0,0}, "
        "float[1,6] b = {0, 0, 0, 0, 0, 2}> { y = GRU<linear_before_reset=1, "
        "activations=[\"Sigmoid\", \"Affine\"]>(x, w, r, b) }",
        NUMBERS(1, 3), 1, 2.5);
    /* the same but reset first: the bias is whole */
    EXPECT(
        14,
        "g (float[2,1,1] x) => (float[] y) <float[1,3,1] w = {0, 0, 1}, float[1,3,1] r = {0,0,0}, "
        "float[1,6] b = {0, 0, 0, 0, 0, 2}> { y = GRU<activations=[\"Sigmoid\", \"Affine\"]>"
        "(x, w, r, b) }",
        NUMBERS(1, 3), 1.5, 3.25);
    /* c = c/2 + x/2, h = c/2; the initial cell is 2 */
    const char *lstm =
        "g (float[2,1,1] x) => (float[] y, float[] h, float[] c) "
        "<float[1,4,1] w = {0, 0, 0, 1}, float[1,4,1] r = {0, 0, 0, 0}, "
        "float[1,1,1] zero = {0}, float[1,1,1] two = {2}> { y, h, c = LSTM<activations="
        "[\"Sigmoid\", \"Affine\", \"Affine\"]>(x, w, r, , , zero, two) }";
    expect_output(14, lstm, NUMBERS(1, 3), 0, NUMBERS(0.75, 1.125), 2);
    expect_output(14, lstm, NUMBERS(1, 3), 1, NUMBERS(1.125), 1);
    expect_output(14, lstm, NUMBERS(1, 3), 2, NUMBERS(2.25), 1);
    refused(14,
            "g (float[2,1,1] x) => (float[] y) <float[1,3,1] w = {0, 0, 1}, "
            "float[1,4,1] r = {0, 0, 0, 0}> { y = LSTM(x, w, r) }",
            "W has shape [1,3,1], must be [1,4,1]");
    expect_refused(14,
                   "g (float[2,1,1] x) => (float[] y) <float[1,1,1] w = {0}> "
                   "{ y = RNN<activations=[\"Cube\"]>(x, w, w) }",
                   STATUS_UNSUPPORTED, "activation \"Cube\" is unknown");
}

/* ---- sums of products, spectra ---- */

static void test_einsum(void **state)
{
    (void)state;
    const double *x = NUMBERS(1, 2, 3, 4);
    EXPECT(12, "g (float[2,2] x) => (float[] y) { y = Einsum<equation=\"ii\">(x) }", x, 5);
    EXPECT(12, "g (float[2,2] x) => (float[] y) { y = Einsum<equation=\"ba\">(x) }", x, 1, 3, 2, 4);
    EXPECT(12, "g (float[2,2] x) => (float[] y) { y = Einsum<equation=\"...j -> j...\">(x) }", x, 1,
           3, 2, 4);
    EXPECT(12, "g (float[2] x, float[2] z) => (float[] y) { y = Einsum<equation=\"i,j\">(x, z) }",
           x, 3, 4, 6, 8);
    EXPECT(12,
           "g (int64[2,2] x, int64[2] z) => (int64[] y) { y = Einsum<equation=\"ij,j->i\">(x, z) }",
           NUMBERS(1, 2, 3, 4, 10, 1), 12, 34);
    refused(12, "g (float[2,3] x) => (float[] y) { y = Einsum<equation=\"ii\">(x) }",
            "axis 1 of input 0 has extent 3, not 2");
    refused(12, "g (float[2,3] x) => (float[] y) { y = Einsum<equation=\"ij->k\">(x) }",
            "the result has a letter that no term has");
    refused(12, "g (float[2,3] x) => (float[] y) { y = Einsum<equation=\"i\">(x) }",
            "term 0 does not fit input of shape [2,3]");
    refused(12, "g (float[2,3] x) => (float[] y) { y = Einsum<equation=\"i1\">(x) }",
            "only letters");
}

static void test_spectra(void **state)
{
    (void)state;
    /* 1, 2, 3, 4: 10, -2 + 2i, -2, -2 - 2i. The axis is an input since opset 20. */
    const double *x = NUMBERS(1, 2, 3, 4);
    EXPECT(17, "g (float[1,4,1] x) => (float[] y) { y = DFT<axis=1>(x) }", x, 10, 0, -2, 2, -2, 0,
           -2, -2);
    EXPECT(20, "g (float[4,1] x) => (float[] y) <int64 a = {0}> { y = DFT<onesided=1>(x, , a) }", x,
           10, 0, -2, 2, -2, 0);
    EXPECT(20, "g (float[1,2,2] x) => (float[] y) { y = DFT<inverse=1>(x) }", NUMBERS(4, 0, 0, 2),
           2, 1, 2, -1);
    /* Longer than the signal: zeros behind it. */
    EXPECT(20, "g (float[2,1] x) => (float[] y) <int64 n = {4}> { y = DFT(x, n) }", NUMBERS(1, 2),
           3, 0, 1, -2, -1, 0, 1, 2);
    EXPECT(17,
           "g (float[1,3,1] x) => (float[] y) <int64 s = {1}, float[2] w = {1, 2}> "
           "{ y = STFT(x, s, w) }",
           NUMBERS(1, 2, 3), 5, 0, -3, 0, 8, 0, -4, 0);
    EXPECT(17, "g () => (float[] y) <int64 n = {4}> { y = HannWindow(n) }", NULL, 0, 0.5, 1, 0.5);
    EXPECT(14, "g (float[2,2] x) => (float[] y) { y = Det(x) }", NUMBERS(0, 2, 3, 4), -6);
    refused(17, "g (float[1,4,3] x) => (float[] y) { y = DFT<axis=1>(x) }",
            "has no real or complex numbers");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reduce_forms), cmocka_unit_test(test_reduce_no_axes),
        cmocka_unit_test(test_reduce_bool),  cmocka_unit_test(test_reduce_functions),
        cmocka_unit_test(test_reduce_empty), cmocka_unit_test(test_reduce_refused),
        cmocka_unit_test(test_arg),          cmocka_unit_test(test_topk),
        cmocka_unit_test(test_cumulate),     cmocka_unit_test(test_group_norm),
        cmocka_unit_test(test_layer_norm),   cmocka_unit_test(test_other_norms),
        cmocka_unit_test(test_rnn),          cmocka_unit_test(test_gru_lstm),
        cmocka_unit_test(test_einsum),       cmocka_unit_test(test_spectra),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
