/* The interpreter's elementwise, normalising and matrix operators, with values worked out by
 * hand. */
#include "tests/support/text_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
/* cmocka needs the ones above first. */
#include <cmocka.h>

/* Reference values: to ten digits, of -2, 0 and 1.5. */
static const struct {
    const char *op;
    double want[3];
} activations[] = {
    {"Relu", {0, 0, 1.5}},
    {"LeakyRelu<alpha=0.25>", {-0.5, 0, 1.5}},
    {"Elu<alpha=2.0>", {-1.729329434, 0, 1.5}},
    {"Celu<alpha=2.0>", {-1.264241118, 0, 1.5}},
    {"Selu", {-1.520166467, 0, 1.576051534}},
    {"ThresholdedRelu", {0, 0, 1.5}},
    {"ThresholdedRelu<alpha=1.5>", {0, 0, 0}},
    {"Sigmoid", {0.1192029220, 0.5, 0.8175744762}},
    {"HardSigmoid", {0.1, 0.5, 0.8}},
    {"HardSwish", {-0.3333333333, 0, 1.125}},
    {"Tanh", {-0.9640275801, 0, 0.9051482536}},
    {"Softplus", {0.1269280110, 0.6931471806, 1.701413277}},
    {"Softsign", {-0.6666666667, 0, 0.6}},
    {"Mish", {-0.2525014827, 0, 1.403378266}},
    {"Exp", {0.1353352832, 1, 4.481689070}},
    {"Abs", {2, 0, 1.5}},
    {"Neg", {2, 0, -1.5}},
    {"Floor", {-2, 0, 1}},
    {"Ceil", {-2, 0, 2}},
    {"Erf", {-0.9953222650, 0, 0.9661051465}},
    {"Reciprocal", {-0.5, INFINITY, 0.6666666667}},
    {"Sqrt", {NAN, 0, 1.224744871}},
    {"Log", {NAN, -INFINITY, 0.4054651081}},
    {"Identity", {-2, 0, 1.5}},
};

static void test_activations(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "g (float[3] x) => (float[] y) { y = %s(x) }",
                 activations[i].op);
        expect_output(17, text, NUMBERS(-2, 0, 1.5), 0, activations[i].want, 3);
    }
    EXPECT(20, "g (float[3] x) => (float[] y) { y = Gelu(x) }", NUMBERS(-2, 0, 1.5), -0.0455002639,
           0, 1.399789198);
    EXPECT(20, "g (float[3] x) => (float[] y) { y = Gelu<approximate=\"tanh\">(x) }",
           NUMBERS(-2, 0, 1.5), -0.0454023059, 0, 1.399571579);
}

/* No overflow on the way to a finite result. */
static void test_extremes(void **state)
{
    (void)state;
    EXPECT(17, "g (float[2] x) => (float[] y) { y = Softplus(x) }", NUMBERS(-1000, 1000), 0, 1000);
    EXPECT(17, "g (float[2] x) => (float[] y) { y = Mish(x) }", NUMBERS(-1000, 1000), 0, 1000);
    EXPECT(17, "g (float[2] x) => (float[] y) { y = Softmax(x) }", NUMBERS(-1000, 1000), 0, 1);
    EXPECT(17, "g (float[2] x) => (float[] y) { y = LogSoftmax(x) }", NUMBERS(-1000, 1000), -2000,
           0);
}

static void test_broadcast(void **state)
{
    (void)state;
    EXPECT(17, "g (float[2,1,2] x, float[2,1] y) => (float[] z) { z = Sub(x, y) }",
           NUMBERS(1, 2, 3, 4, 10, 20), -9, -8, -19, -18, -7, -6, -17, -16);
    EXPECT(17, "g (float x, float[3] y) => (float[] z) { z = Div(x, y) }", NUMBERS(6, 1, 2, 3), 6,
           3, 2);
    EXPECT(17, "g (float[1,2,2] x, float[2,1] s) => (float[] z) { z = PRelu(x, s) }",
           NUMBERS(-1, 1, -2, 2, 0.5, 3), -0.5, 1, -6, 2);
    EXPECT(17, "g (float[2] x, float[2] y, float y3) => (float[] z) { z = Max(x, y, y3) }",
           NUMBERS(1, NAN, 5, 2, 3), 5, NAN);
    EXPECT(17, "g (float[2] x, int32 e) => (float[] z) { z = Pow(x, e) }", NUMBERS(2, -3, 3), 8,
           -27);
}

static void test_integers(void **state)
{
    (void)state;
    EXPECT(17, "g (int64[2] x, int64[2] y) => (int64[] z) { z = Div(x, y) }", NUMBERS(-7, 7, 2, -2),
           -3, -3);
    expect_failure(17, "g (int64[2] x, int64[2] y) => (int64[] z) { z = Div(x, y) }",
                   NUMBERS(1, 1, 1, 0), "division of an integer by zero");
    EXPECT(17, "g (uint8[2] x, uint8[2] y) => (uint8[] z) { z = Add(x, y) }",
           NUMBERS(250, 1, 10, 2), 4, 3);
    EXPECT(17, "g (int32[2] x, int32[2] y) => (int32[] z) { z = Pow(x, y) }", NUMBERS(-3, 2, 3, -1),
           -27, 0);
    EXPECT(17,
           "g (int8[3] x) => (int8[] z) <int8 lo = {-3}, int8 hi = {4}> { z = Clip(x, lo, hi) }",
           NUMBERS(-100, 1, 100), -3, 1, 4);
    EXPECT(17, "g (int64[1,2] x, int64[2,1] y) => (int64[] z) { z = MatMul(x, y) }",
           NUMBERS(3, 4, 5, -6), -9);
}

static void test_clip(void **state)
{
    (void)state;
    const double *x = NUMBERS(-2, 0, 3);
    EXPECT(10, "g (float[3] x) => (float[] y) { y = Clip<min=-1.0>(x) }", x, -1, 0, 3);
    EXPECT(17, "g (float[3] x, float hi) => (float[] y) { y = Clip(x, , hi) }",
           NUMBERS(-2, 0, 3, 1), -2, 0, 1);
    EXPECT(17, "g (float[3] x, float lo, float hi) => (float[] y) { y = Clip(x, lo, hi) }",
           NUMBERS(-2, 0, 3, 2, 1), 1, 1, 1);
}

static void test_cast(void **state)
{
    (void)state;
    EXPECT(17, "g (float[4] x) => (int32[] y) { y = Cast<to=6>(x) }", NUMBERS(-1.9, 1.9, 0, 7), -1,
           1, 0, 7);
    EXPECT(17, "g (float[3] x) => (bool[] y) { y = Cast<to=9>(x) }", NUMBERS(-0.5, 0, 2), 1, 0, 1);
    EXPECT(17, "g (int32[2] x) => (int8[] y) { y = Cast<to=3>(x) }", NUMBERS(300, -129), 44, 127);
    EXPECT(17, "g (float[2] x) => (float[] y) { h = Cast<to=10>(x) y = Cast<to=1>(h) }",
           NUMBERS(1.0009765625, 65536), 1.0009765625, INFINITY);
}

static void test_normalisation(void **state)
{
    (void)state;
    EXPECT(17,
           "g (float[1,2,2] x) => (float[] y) <float[2] s = {1, 2}, float[2] b = {0, 10}, "
           "float[2] m = {1, 2}, float[2] v = {4, 16}> "
           "{ y = BatchNormalization<epsilon=0.0>(x, s, b, m, v) }",
           NUMBERS(3, 5, 6, 2), 1, 2, 12, 10);
    /* Four channels, size 3 of which one before and one behind; alpha/size = 1, beta = 1. */
    EXPECT(17,
           "g (float[1,4,1] x) => (float[] y) "
           "{ y = LRN<size=3, alpha=3.0, beta=1.0, bias=1.0>(x) }",
           NUMBERS(1, 2, 3, 4), 1.0 / 6, 2.0 / 15, 0.1, 4.0 / 26);
    /* An even size has the longer half behind. */
    EXPECT(17,
           "g (float[1,3,1] x) => (float[] y) "
           "{ y = LRN<size=2, alpha=2.0, beta=1.0, bias=0.0>(x) }",
           NUMBERS(1, 2, 3), 0.2, 2.0 / 13, 1.0 / 3);
}

static void test_softmax(void **state)
{
    (void)state;
    const double *x = NUMBERS(0, 1.0986122886681098, 0, 0, 0, 0, 1.0986122886681098, 0); /* ln 3 */
    EXPECT(17, "g (float[2,2,2] x) => (float[] y) { y = Softmax(x) }", x, 0.25, 0.75, 0.5, 0.5, 0.5,
           0.5, 0.75, 0.25);
    EXPECT(17, "g (float[2,2,2] x) => (float[] y) { y = Softmax<axis=0>(x) }", x, 0.5, 0.75, 0.25,
           0.5, 0.5, 0.25, 0.75, 0.5);
    /* Before opset 13 everything from axis 1 on is one line: e^x are 1 3 1 1. */
    EXPECT(11, "g (float[2,2,2] x) => (float[] y) { y = Softmax(x) }", x, 1.0 / 6, 0.5, 1.0 / 6,
           1.0 / 6, 1.0 / 6, 1.0 / 6, 0.5, 1.0 / 6);
    EXPECT(17, "g (float[2] x) => (float[] y) { y = LogSoftmax(x) }", x, -1.3862943611,
           -0.2876820724);
}

static void test_products(void **state)
{
    (void)state;
    EXPECT(17,
           "g (float[2,1] a, float[3,2] b, float[3] c) => (float[] y) "
           "{ y = Gemm<alpha=2.0, beta=10.0, transA=1, transB=1>(a, b, c) }",
           NUMBERS(1, 2, 1, 2, 3, 4, 5, 6, 1, 2, 3), 20, 42, 64);
    EXPECT(17, "g (float[2,2] a, float[2,1] b) => (float[] y) { y = Gemm(a, b) }",
           NUMBERS(1, 2, 3, 4, 5, 6), 17, 39);
    EXPECT(17, "g (float[2,1,2] a, float[2,1] b) => (float[] y) { y = MatMul(a, b) }",
           NUMBERS(1, 2, 3, 4, 5, 6), 17, 39);
    /* Two batches of rows against two batches of columns. */
    EXPECT(17, "g (float[2,1,1,2] a, float[2,2,1] b) => (float[] y) { y = MatMul(a, b) }",
           NUMBERS(1, 2, 3, 4, 5, 6, 7, 8), 17, 23, 39, 53);
    EXPECT(17, "g (float[2] a, float[2] b) => (float[] y) { y = MatMul(a, b) }",
           NUMBERS(1, 2, 3, 4), 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_activations), cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_broadcast),   cmocka_unit_test(test_integers),
        cmocka_unit_test(test_clip),        cmocka_unit_test(test_cast),
        cmocka_unit_test(test_softmax),     cmocka_unit_test(test_normalisation),
        cmocka_unit_test(test_products),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
