/* Rounding, signs, logic, bits, comparisons, Where, Mod, Cast: the interpreter against values
 * worked out by hand, in the opsets that brought them; and what the frontend refuses. */
#include "tests/support/text_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
/* cmocka needs the ones above first. */
#include <cmocka.h>

/* To ten digits, of -0.5, 0 and 0.75. */
static const struct {
    const char *op;
    double want[3];
} functions[] = {
    {"Sin", {-0.4794255386, 0, 0.6816387600}},
    {"Cos", {0.8775825619, 1, 0.7316888689}},
    {"Tan", {-0.5463024898, 0, 0.9315964599}},
    {"Asin", {-0.5235987756, 0, 0.8480620790}},
    {"Acos", {2.094395102, 1.570796327, 0.7227342478}},
    {"Atan", {-0.4636476090, 0, 0.6435011088}},
    {"Sinh", {-0.5210953055, 0, 0.8223167319}},
    {"Cosh", {1.127625965, 1, 1.294683285}},
    {"Asinh", {-0.4812118251, 0, 0.6931471806}},
    {"Atanh", {-0.5493061443, 0, 0.9729550745}},
    {"Acosh", {NAN, NAN, NAN}},
    {"Sign", {-1, 0, 1}},
    {"Round", {0, 0, 1}},
    {"Swish", {-0.1887703344, 0, 0.5093840244}},
    {"Swish<alpha=2.0>", {-0.1344707107, 0, 0.6131808577}},
    {"Shrink", {0, 0, 0.75}},
    {"Shrink<lambd=0.25, bias=1.0>", {0.5, 0, -0.25}},
    {"HardSwish", {-0.2083333333, 0, 0.46875}},
    {"Mish", {-0.2207437747, 0, 0.6100183352}},
};

static void test_functions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        char text[128];
        snprintf(text, sizeof text, "g (double[3] x) => (double[] y) { y = %s(x) }",
                 functions[i].op);
        expect_output(24, text, NUMBERS(-0.5, 0, 0.75), 0, functions[i].want, 3);
    }
    EXPECT(9, "g (float[2] x) => (float[] y) { y = Acosh(x) }", NUMBERS(1, 2), 0, 1.316957897);
}

/* Halves go to the even neighbour. */
static void test_rounding(void **state)
{
    (void)state;
    EXPECT(11, "g (float[8] x) => (float[] y) { y = Round(x) }",
           NUMBERS(0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 2.4, INFINITY), 0, 2, 2, 0, -2, -2, 2,
           INFINITY);
    EXPECT(13, "g (int8[3] x) => (int8[] y) { y = Sign(x) }", NUMBERS(-128, 0, 127), -1, 0, 1);
    EXPECT(14, "g (int16[3] x) => (int16[] y) { y = Relu(x) }", NUMBERS(-5, 0, 5), 0, 0, 5);
    EXPECT(16, "g (int32[2] x, int32 s) => (int32[] y) { y = PRelu(x, s) }", NUMBERS(-5, 5, 3), -15,
           5);
    EXPECT(13, "g (int8[2] x) => (int8[] y) { y = Abs(x) }", NUMBERS(-128, -7), -128, 7);
}

static void test_predicates(void **state)
{
    (void)state;
    const double *x = NUMBERS(-INFINITY, INFINITY, NAN, 1);
    EXPECT(9, "g (float[4] x) => (bool[] y) { y = IsNaN(x) }", x, 0, 0, 1, 0);
    EXPECT(10, "g (float[4] x) => (bool[] y) { y = IsInf(x) }", x, 1, 1, 0, 0);
    EXPECT(10, "g (float[4] x) => (bool[] y) { y = IsInf<detect_negative=0>(x) }", x, 0, 1, 0, 0);
    EXPECT(20, "g (float16[4] x) => (bool[] y) { y = IsInf<detect_positive=0>(x) }", x, 1, 0, 0, 0);
    EXPECT(10,
           "g (float[4] x) => (bool[] y) { y = IsInf<detect_positive=0, detect_negative=0>(x) }", x,
           0, 0, 0, 0);
}

static void test_comparisons(void **state)
{
    (void)state;
    const double *xy = NUMBERS(1, 2, NAN, 2, 2, 1);
    EXPECT(13, "g (float[3] x, float[3] y) => (bool[] z) { z = Less(x, y) }", xy, 1, 0, 0);
    EXPECT(16, "g (float[3] x, float[3] y) => (bool[] z) { z = LessOrEqual(x, y) }", xy, 1, 1, 0);
    EXPECT(13, "g (float[3] x, float[3] y) => (bool[] z) { z = Greater(x, y) }", xy, 0, 0, 0);
    EXPECT(16, "g (float[3] x, float[3] y) => (bool[] z) { z = GreaterOrEqual(x, y) }", xy, 0, 1,
           0);
    EXPECT(13, "g (float[3] x, float[3] y) => (bool[] z) { z = Equal(x, y) }", xy, 0, 1, 0);
    EXPECT(13, "g (bool[2] x, bool y) => (bool[] z) { z = Equal(x, y) }", NUMBERS(0, 1, 1), 0, 1);
    EXPECT(9, "g (uint64[2] x, uint64 y) => (bool[] z) { z = Less(x, y) }",
           NUMBERS(18446744073709549568.0, 3, 4), 0, 1);
}

static void test_logic(void **state)
{
    (void)state;
    const double *xy = NUMBERS(0, 0, 1, 1, 0, 1, 0, 1);
    EXPECT(7, "g (bool[4] x, bool[4] y) => (bool[] z) { z = And(x, y) }", xy, 0, 0, 0, 1);
    EXPECT(7, "g (bool[4] x, bool[4] y) => (bool[] z) { z = Or(x, y) }", xy, 0, 1, 1, 1);
    EXPECT(7, "g (bool[4] x, bool[4] y) => (bool[] z) { z = Xor(x, y) }", xy, 0, 1, 1, 0);
    EXPECT(7, "g (bool[2] x) => (bool[] z) { z = Not(x) }", NUMBERS(0, 1), 1, 0);
    /* Aligned at axis 0, as opsets before 7 could. */
    EXPECT(6, "g (bool[2,2] x, bool[2] y) => (bool[] z) { z = And<broadcast=1, axis=0>(x, y) }",
           NUMBERS(1, 1, 1, 1, 1, 0), 1, 1, 0, 0);
}

static void test_bits(void **state)
{
    (void)state;
    EXPECT(18, "g (int8[2] x, int8 y) => (int8[] z) { z = BitwiseAnd(x, y) }", NUMBERS(-1, 12, 10),
           10, 8);
    EXPECT(18, "g (uint16[2] x, uint16 y) => (uint16[] z) { z = BitwiseOr(x, y) }",
           NUMBERS(1, 12, 10), 11, 14);
    EXPECT(18, "g (int64[2] x, int64 y) => (int64[] z) { z = BitwiseXor(x, y) }",
           NUMBERS(-1, 12, 10), -11, 6);
    EXPECT(18, "g (uint8[2] x) => (uint8[] z) { z = BitwiseNot(x) }", NUMBERS(0, 5), 255, 250);
    EXPECT(11,
           "g (uint8[3] x, uint8[3] y) => (uint8[] z) { z = BitShift<direction=\"LEFT\">(x, y) }",
           NUMBERS(129, 1, 255, 1, 7, 200), 2, 128, 0);
    EXPECT(
        11,
        "g (uint32[3] x, uint32[3] y) => (uint32[] z) { z = BitShift<direction=\"RIGHT\">(x, y) }",
        NUMBERS(4294967295, 8, 5, 31, 3, 64), 1, 1, 0);
}

static void test_mod(void **state)
{
    (void)state;
    const double *xy = NUMBERS(-7, 7, -7, 6, 3, -3, -3, -3);
    EXPECT(10, "g (int32[4] x, int32[4] y) => (int32[] z) { z = Mod(x, y) }", xy, 2, -2, -1, 0);
    EXPECT(10, "g (int32[4] x, int32[4] y) => (int32[] z) { z = Mod<fmod=1>(x, y) }", xy, -1, 1, -1,
           0);
    EXPECT(13, "g (float[2] x, float[2] y) => (float[] z) { z = Mod<fmod=1>(x, y) }",
           NUMBERS(-4.5, 5.25, 2, -2), -0.5, 1.25);
    EXPECT(13, "g (uint8[2] x, uint8 y) => (uint8[] z) { z = Mod(x, y) }", NUMBERS(200, 7, 7), 4,
           0);
    expect_refused(13, "g (float[1] x) => (float[] z) { z = Mod(x, x) }", STATUS_FAILED,
                   "fmod must be 1 for floating-point operands");
}

static void test_where(void **state)
{
    (void)state;
    EXPECT(16, "g (bool[2,1] c, float[2] x, float y) => (float[] z) { z = Where(c, x, y) }",
           NUMBERS(1, 0, 5, 6, 7), 5, 6, 7, 7);
    EXPECT(9, "g (bool[2] c, int64[2] x, int64[2] y) => (int64[] z) { z = Where(c, x, y) }",
           NUMBERS(0, 1, 1, 2, 3, 4), 3, 2);
    expect_refused(16, "g (float[1] c, float[1] x) => (float[] z) { [w] z = Where(c, x, x) }",
                   STATUS_FAILED, "Where \"w\" (#0): condition \"c\" is float, bool is needed");
}

/* Variadic operators of one, two and three operands. */
static void test_variadic(void **state)
{
    (void)state;
    EXPECT(13, "g (double[2] x, double y, double[2] z) => (double[] s) { s = Mean(x, y, z) }",
           NUMBERS(1, 2, 3, 8, 10), 4, 5);
    EXPECT(8, "g (float[2] x) => (float[] s) { s = Mean(x) }", NUMBERS(1, 2), 1, 2);
    EXPECT(13, "g (float16[2] x, float16[1] y, float16 z) => (float16[] s) { s = Sum(x, y, z) }",
           NUMBERS(1, 2, 0.5, 4), 5.5, 6.5);
    EXPECT(12, "g (uint64[2] x, uint64 y) => (uint64[] s) { s = Max(x, y) }",
           NUMBERS(1, 9223372036854775808.0, 7), 7, 9223372036854775808.0);
}

/* Before opset 9 the statistics could be those of each element; of a matrix that is the same. */
static void test_element_norm(void **state)
{
    (void)state;
    EXPECT(8,
           "g (float[1,1,2,2] x, float[1,2,2] s, float[1,2,2] b, float[1,2,2] m, float[1,2,2] v) "
           "=> (float[] y) { y = BatchNormalization<spatial=0, epsilon=1.0>(x, s, b, m, v) }",
           NUMBERS(3, 4, 5, 6, 1, 2, 3, 4, 0, 1, 0, 1, 1, 1, 1, 1, 3, 3, 8, 8), 1, 4, 4,
           20.0 / 3 + 1);
    EXPECT(7,
           "g (float[1,2] x) => (float[] y) <float[2] s = {2, 4}, float[2] b = {1, 1}, "
           "float[2] m = {1, 1}, float[2] v = {3, 15}> "
           "{ y = BatchNormalization<spatial=0, epsilon=1.0>(x, s, b, m, v) }",
           NUMBERS(3, 5), 3, 5);
    EXPECT(6, "g (float[2] x) => (float[] y) { y = Dropout<is_test=1, ratio=0.5>(x) }",
           NUMBERS(3, 5), 3, 5);
}

static void test_bit_cast(void **state)
{
    (void)state;
    EXPECT(26, "g (float[3] x) => (int32[] y) { y = BitCast<to=6>(x) }", NUMBERS(1, -2, 0),
           0x3F800000, -0x40000000, 0);
    EXPECT(26, "g (uint32[2] x) => (float[] y) { y = BitCast<to=1>(x) }",
           NUMBERS(0x40490FDB, 0xFF800000), 0x1.921fb6p1, -INFINITY);
    EXPECT(26, "g (float16[2] x) => (int16[] y) { y = BitCast<to=5>(x) }", NUMBERS(1, -1.5), 0x3C00,
           -0x4200);
    EXPECT(26, "g (int16[2] x) => (bfloat16[] y) { y = BitCast<to=16>(x) }",
           NUMBERS(0x3F80, -0x8000 + 0x4000), 1, -2);
    EXPECT(26, "g (double[1] x) => (uint64[] y) { y = BitCast<to=13>(x) }", NUMBERS(2),
           0x4000000000000000);
    EXPECT(26, "g (int8[2] x) => (uint8[] y) { y = BitCast<to=2>(x) }", NUMBERS(-1, 5), 255, 5);
    EXPECT(26, "g (bool[2] x) => (uint8[] y) { y = BitCast<to=2>(x) }", NUMBERS(1, 0), 1, 0);
    EXPECT(26,
           "g (int32[1] x) => (int32[] y) <float[1] one = {1}> "
           "{ b = BitCast<to=6>(one) y = Add(b, x) }",
           NUMBERS(1), 0x3F800001);
    expect_refused(26, "g (uint8[1] x) => (bool[] y) { y = BitCast<to=9>(x) }", STATUS_UNSUPPORTED,
                   "taking bits for bool; compare with 0");
    expect_refused(26, "g (float[1] x) => (int16[] y) { y = BitCast<to=5>(x) }", STATUS_FAILED,
                   "input \"x\" is float, whose elements do not have the size of int16");
    expect_refused(26, "g (float[1] x) => (string[] y) { y = BitCast<to=8>(x) }",
                   STATUS_UNSUPPORTED, "string is not supported");
}

/* What ONNX leaves open: numbers that do not fit become the nearest that does, NaN becomes 0. */
static void test_cast(void **state)
{
    (void)state;
    const double *x = NUMBERS(300, -300, NAN, 2.9);
    EXPECT(19, "g (float[4] x) => (uint8[] y) { y = Cast<to=2>(x) }", x, 255, 0, 0, 2);
    EXPECT(19, "g (double[4] x) => (int8[] y) { y = Cast<to=3, saturate=0>(x) }", x, 127, -128, 0,
           2);
    EXPECT(13, "g (int32[2] x) => (uint8[] y) { y = Cast<to=2>(x) }", NUMBERS(257, -1), 1, 255);
    EXPECT(13, "g (int64[2] x) => (float16[] y) { y = Cast<to=10>(x) }", NUMBERS(2049, 70000), 2048,
           INFINITY);
    EXPECT(13, "g (float[2] x) => (bfloat16[] y) { y = Cast<to=16>(x) }", NUMBERS(257, 258.99), 256,
           258);
    EXPECT(15, "g (float[2] x, int16[1] t) => (int16[] y) { y = CastLike(x, t) }",
           NUMBERS(-2.5, 40000, 0), -2, 32767);
    EXPECT(13, "g (bool[2] x) => (double[] y) { y = Cast<to=11>(x) }", NUMBERS(0, 1), 0, 1);
    expect_refused(13, "g (float[1] x) => (string[] y) { y = Cast<to=8>(x) }", STATUS_UNSUPPORTED,
                   "casting to element type string is not supported");
}

/* A type that the operator does not take. */
static void test_types(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"g (int32[1] x) => (int32[] y) { y = Sin(x) }",
         "input \"x\" is int32, a floating-point type is needed"},
        {"g (uint8[1] x) => (uint8[] y) { y = Neg(x) }",
         "input \"x\" is uint8, a signed type is needed"},
        {"g (float[1] x) => (float[] y) { y = Not(x) }", "input \"x\" is float, bool is needed"},
        {"g (bool[1] x) => (bool[] y) { y = Add(x, x) }",
         "input \"x\" is bool, numbers are needed"},
        {"g (bool[1] x) => (bool[] y) { y = BitwiseNot(x) }",
         "input \"x\" is bool, integers are needed"},
        {"g (int32[1] x) => (int32[] y) { y = BitShift<direction=\"LEFT\">(x, x) }",
         "input \"x\" is int32, unsigned integers are needed"},
        {"g (int32[1] x, float[1] y) => (bool[] z) { z = Less(x, y) }",
         "input \"x\" is int32, input \"y\" is float"},
        {"g (uint8[1] x) => (uint8[] y) { y = BitShift(x, x) }",
         "attribute \"direction\" is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        expect_refused(18, cases[i].text, STATUS_FAILED, cases[i].message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions),    cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_predicates),   cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_logic),        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_mod),          cmocka_unit_test(test_where),
        cmocka_unit_test(test_variadic),     cmocka_unit_test(test_bit_cast),
        cmocka_unit_test(test_cast),         cmocka_unit_test(test_types),
        cmocka_unit_test(test_element_norm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
