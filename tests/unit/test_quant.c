/* The quantised operators of ONNX and of ONNX Runtime, with values worked out by hand. */
#include "tests/support/text_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the ones above first. */
#include <cmocka.h>

/* Half-way cases go to the even neighbour, then the zero point is added, then it is saturated. */
static void test_quantize(void **state)
{
    (void)state;
    const double *x = NUMBERS(1, 3, 5, -1, 1000, -1000, 0.9, NAN);
    EXPECT(10,
           "g (float[8] x) => (uint8[] y) <float s = {2}, uint8 z = {3}> "
           "{ y = QuantizeLinear(x, s, z) }",
           x, 3, 5, 5, 3, 255, 0, 3, 0);
    EXPECT(13,
           "g (float[8] x) => (int8[] y) <float s = {2}, int8 z = {-3}> "
           "{ y = QuantizeLinear(x, s, z) }",
           x, -3, -1, -1, -3, 127, -128, -3, -128);
    EXPECT(21,
           "g (float[3] x) => (int16[] y, uint16[] u) <float s = {0.5}, int16 z = {0}, uint16 w = "
           "{9}> "
           "{ y = QuantizeLinear(x, s, z) u = QuantizeLinear(x, s, w) }",
           NUMBERS(1, -20000, 20000), 2, -32768, 32767);
    /* No zero point: uint8, or what output_dtype says (5 is int16). */
    EXPECT(21, "g (float[2] x) => (uint8[] y) <float s = {2}> { y = QuantizeLinear(x, s) }",
           NUMBERS(8, -8), 4, 0);
    EXPECT(21,
           "g (float[2] x) => (int16[] y) <float s = {2}> { y = QuantizeLinear<output_dtype=5>(x, "
           "s) }",
           NUMBERS(8, -8), 4, -4);
    EXPECT(
        23,
        "g (int32[2] x) => (uint8[] y) <float s = {2}> { y = QuantizeLinear<precision=1>(x, s) }",
        NUMBERS(8, 7), 4, 4);
}

static void test_quantize_parts(void **state)
{
    (void)state;
    EXPECT(13,
           "g (float[2,2] x) => (uint8[] y) <float[2] s = {1, 2}, uint8[2] z = {0, 10}> "
           "{ y = QuantizeLinear<axis=0>(x, s, z) }",
           NUMBERS(4, 6, 4, 6), 4, 6, 12, 13);
    EXPECT(13,
           "g (float[2,2] x) => (uint8[] y) <float[2] s = {1, 2}, uint8[2] z = {0, 10}> "
           "{ y = QuantizeLinear<axis=-1>(x, s, z) }",
           NUMBERS(4, 6, 4, 6), 4, 13, 4, 13);
    /* Blocks of two along an axis of three: the last one has one entry. */
    EXPECT(21,
           "g (float[3,2] x) => (uint8[] y) <float[2,2] s = {1, 2, 4, 8}> "
           "{ y = QuantizeLinear<axis=0, block_size=2>(x, s) }",
           NUMBERS(8, 8, 16, 16, 32, 32), 8, 4, 16, 8, 8, 4);
    EXPECT(
        21,
        "g (int8[2,3] x) => (float[] y) <float[2,2] s = {1, 2, 4, 8}, int8[2,2] z = {0, 1, 2, 3}> "
        "{ y = DequantizeLinear<axis=1, block_size=2>(x, s, z) }",
        NUMBERS(1, 2, 3, 4, 5, 6), 1, 2, 4, 8, 12, 24);
}

static void test_dequantize(void **state)
{
    (void)state;
    EXPECT(10,
           "g (uint8[3] x) => (float[] y) <float s = {0.5}, uint8 z = {128}> "
           "{ y = DequantizeLinear(x, s, z) }",
           NUMBERS(0, 128, 255), -64, 0, 63.5);
    EXPECT(10, "g (int32[2] x) => (float[] y) <float s = {0.25}> { y = DequantizeLinear(x, s) }",
           NUMBERS(-100000, 3), -25000, 0.75);
    EXPECT(19, "g (int8[2] x) => (float16[] y) <float16 s = {0.5}> { y = DequantizeLinear(x, s) }",
           NUMBERS(-128, 3), -64, 1.5);
    EXPECT(23,
           "g (int8[2] x) => (float16[] y) <float s = {0.5}> "
           "{ y = DequantizeLinear<output_dtype=10>(x, s) }",
           NUMBERS(-128, 3), -64, 1.5);
    EXPECT(13,
           "g (uint8[2] x) => (float[] y) <float s = {2}, uint8 z = {1}> "
           "{ y = com.microsoft.DequantizeLinear(x, s, z) }",
           NUMBERS(0, 3), -2, 4);
}

static void test_dynamic_quantize(void **state)
{
    (void)state;
    const char *text = "g (float[3] x) => (uint8[] y, float s, uint8 z) "
                       "{ y, s, z = DynamicQuantizeLinear(x) }";
    expect_output(11, text, NUMBERS(-1, 0, 254), 0, NUMBERS(0, 1, 255), 3);
    expect_output(11, text, NUMBERS(-1, 0, 254), 1, NUMBERS(1), 1);
    expect_output(11, text, NUMBERS(-1, 0, 254), 2, NUMBERS(1), 1);
    /* 0 is always in the range; nothing but zeros has scale 1. */
    expect_output(11, text, NUMBERS(51, 102, 510), 0, NUMBERS(26, 51, 255), 3);
    expect_output(11, text, NUMBERS(0, 0, 0), 1, NUMBERS(1), 1);
}

/* Differences from the zero points; outside of the image there is the zero point. */
static void test_conv(void **state)
{
    (void)state;
    EXPECT(
        10,
        "g (uint8[1,1,3] x) => (int32[] y) <uint8[1,1,2] w = {3, 5}, uint8 a = {1}, uint8 b = {2}> "
        "{ y = ConvInteger<pads=[1,0]>(x, w, a, b) }",
        NUMBERS(1, 2, 4), 0, 3, 10);
    /* One zero point an output channel; two groups. */
    EXPECT(10,
           "g (uint8[1,2,2] x) => (int32[] y) <int8[2,1,1] w = {3, 5}, uint8 a = {1}, int8[2] b = "
           "{1, 2}> "
           "{ y = ConvInteger<group=2>(x, w, a, b) }",
           NUMBERS(1, 2, 3, 4), 0, 2, 6, 9);
    EXPECT(10,
           "g (uint8[1,1,2] x) => (int8[] y) <float s = {0.5}, uint8 z = {128}, int8[2,1,1] w = "
           "{2, -4}, "
           "float[2] ws = {0.5, 0.25}, int8[2] wz = {0, 0}, float ys = {0.5}, int8 yz = {1}, "
           "int32[2] b = {4, 0}> { y = QLinearConv(x, s, z, w, ws, wz, ys, yz, b) }",
           NUMBERS(130, 0), 5, -125, -1, 127);
}

static void test_products(void **state)
{
    (void)state;
    EXPECT(10,
           "g (uint8[2,2] x) => (int32[] y) <uint8[2,1] w = {3, 5}, uint8[2] a = {1, 2}, uint8[1] "
           "b = {2}> "
           "{ y = MatMulInteger(x, w, a, b) }",
           NUMBERS(1, 2, 3, 4), 3, 7);
    EXPECT(10,
           "g (uint8[2,2] x) => (uint8[] y) <float s = {0.5}, uint8 z = {2}, int8[2,2] w = {3, 5, "
           "1, 1}, "
           "float[2] ws = {1, 2}, int8[2] wz = {0, 1}, float ys = {0.5}, uint8 yz = {10}> "
           "{ y = QLinearMatMul(x, s, z, w, ws, wz, ys, yz) }",
           NUMBERS(1, 2, 3, 4), 7, 2, 15, 18);
    /* alpha * A' B + C; without a scale of the result the real numbers. */
    EXPECT(
        13,
        "g (uint8[2,1] x) => (uint8[] y) <float s = {0.5}, uint8 z = {2}, uint8[1,2] w = {4, 5}, "
        "float ws = {1}, uint8 wz = {1}, int32[1] c = {3}, float ys = {0.5}, uint8 yz = {10}> "
        "{ y = com.microsoft.QGemm<transA=1, transB=1, alpha=2.0>(x, s, z, w, ws, wz, c, ys, yz) }",
        NUMBERS(3, 4), 38);
    EXPECT(
        13,
        "g (uint8[1,2] x) => (float[] y) <float s = {0.5}, uint8 z = {2}, uint8[2,1] w = {4, 5}, "
        "float ws = {1}, uint8 wz = {1}> "
        "{ y = com.microsoft.QGemm(x, s, z, w, ws, wz) }",
        NUMBERS(3, 4), 5.5);
    EXPECT(
        13,
        "g (uint8[1,2] x) => (float[] y) <uint8[2,1] w = {4, 5}, float s = {0.5}, float t = {2}, "
        "uint8 z = {2}, float[1] b = {100}> "
        "{ y = com.microsoft.MatMulIntegerToFloat(x, w, s, t, z, \"\", b) }",
        NUMBERS(3, 4), 114);
    EXPECT(13,
           "g (float[1,2] x) => (float[] y) <uint8[2,1] w = {4, 5}, float s = {2}> "
           "{ y = com.microsoft.DynamicQuantizeMatMul(x, w, s) }",
           NUMBERS(255, 1), 2050);
}

static void test_elementwise(void **state)
{
    (void)state;
    EXPECT(
        13,
        "g (uint8[2] x, uint8[1] z) => (uint8[] y) <float s = {0.5}, uint8 o = {1}, float t = {2}> "
        "{ y = com.microsoft.QLinearAdd(x, s, o, z, t, o, s, o) }",
        NUMBERS(1, 4, 3), 9, 12);
    EXPECT(13,
           "g (int8[2] x, int8[1] z) => (int8[] y) <float s = {0.5}, int8 o = {1}, float t = {2}> "
           "{ y = com.microsoft.QLinearMul(x, s, o, z, t, \"\", s) }",
           NUMBERS(1, 4, 3), 0, 18);
    EXPECT(13,
           "g (int8[3] x) => (int8[] y) <float s = {0.5}, int8 o = {1}> "
           "{ y = com.microsoft.QLinearLeakyRelu<alpha=0.25>(x, s, o, s, o) }",
           NUMBERS(1, 5, -7), 1, 5, -1);
    EXPECT(13,
           "g (int8[2] x) => (uint8[] y) <float s = {0.5}, int8 o = {1}, float t = {0.00390625}, "
           "uint8 z = {0}> "
           "{ y = com.microsoft.QLinearSigmoid(x, s, o, t, z) }",
           NUMBERS(1, 127), 128, 255);
    EXPECT(13,
           "g (uint8[1,2] x) => (uint8[] y) <float s = {1}, uint8 o = {0}, float t = {0.00390625}> "
           "{ y = com.microsoft.QLinearSoftmax<axis=1, opset=13>(x, s, o, t, o) }",
           NUMBERS(7, 7), 128, 128);
    EXPECT(
        13,
        "g (uint8[2] x, uint8[1] z) => (uint8[] y) <float s = {0.5}, uint8 o = {1}, float t = {2}> "
        "{ y = com.microsoft.QLinearConcat<axis=0>(s, o, x, s, o, z, t, o) }",
        NUMBERS(1, 4, 3), 1, 4, 9);
}

static void test_pools(void **state)
{
    (void)state;
    /* 2 over the image, where only what is inside counts, or the padding, too. */
    EXPECT(13,
           "g (uint8[1,1,3] x) => (uint8[] y) <float s = {0.5}, uint8 o = {2}, float t = {0.25}> "
           "{ y = com.microsoft.QLinearAveragePool<kernel_shape=[2], strides=[2], pads=[1,0]>"
           "(x, s, o, t, o) }",
           NUMBERS(4, 6, 9), 6, 13);
    EXPECT(13,
           "g (uint8[1,1,3] x) => (uint8[] y) <float s = {0.5}, uint8 o = {2}, float t = {0.25}> "
           "{ y = com.microsoft.QLinearAveragePool<kernel_shape=[2], strides=[2], pads=[1,0], "
           "count_include_pad=1>(x, s, o, t, o) }",
           NUMBERS(4, 6, 9), 4, 13);
    EXPECT(13,
           "g (uint8[1,2,2] x) => (uint8[] y) <float s = {0.5}, uint8 o = {2}> "
           "{ y = com.microsoft.QLinearGlobalAveragePool(x, s, o, s, o) }",
           NUMBERS(4, 6, 9, 20), 5, 14);
    EXPECT(13,
           "g (uint8[1,2,2] x) => (uint8[] y) <float s = {0.5}, uint8 o = {2}> "
           "{ y = com.microsoft.QLinearGlobalAveragePool<channels_last=1>(x, s, o, s, o) }",
           NUMBERS(4, 9, 6, 20), 5, 14);
}

static void test_fused(void **state)
{
    (void)state;
    EXPECT(13,
           "g (float[1,1,2] x, float[1,1,2] z) => (float[] y) <float[1,1,1] w = {2}, float[1] b = "
           "{1}> "
           "{ y = com.microsoft.FusedConv<activation=\"Relu\">(x, w, b, z) }",
           NUMBERS(1, -3, 10, 1), 13, 0);
    EXPECT(
        13,
        "g (float[1,1,2] x) => (float[] y) <float[1,1,1] w = {2}> "
        "{ y = com.microsoft.FusedConv<activation=\"Clip\", activation_params=[-1.0, 6.0]>(x, w) }",
        NUMBERS(5, -3), 6, -1);
    EXPECT(13,
           "g (float[1,2] x) => (float[] y) <float[2,1] w = {2, 3}> "
           "{ y = com.microsoft.FusedGemm<activation=\"LeakyRelu\", activation_alpha=0.5>(x, w) }",
           NUMBERS(1, -2), -2);
    EXPECT(13,
           "g (float[2,1] x) => (float[] y) <float[2,2] w = {2, 3, 4, 5}> "
           "{ y = com.microsoft.FusedMatMul<transA=1, transB=1, alpha=0.5>(x, w) }",
           NUMBERS(2, -2), -1, -1);
    /* Batches along axis 1 of x: [2 rows, 2 batches, 1]. */
    EXPECT(13,
           "g (float[2,2,1] x) => (float[] y) <float[2,1,1] w = {1, 10}> "
           "{ y = com.microsoft.FusedMatMul<transBatchA=1>(x, w) }",
           NUMBERS(1, 2, 3, 4), 1, 3, 20, 40);
}

static void test_refused(void **state)
{
    (void)state;
    expect_refused(13,
                   "g (float[2,3] x) => (uint8[] y) <float[2] s = {1, 2}> "
                   "{ y = QuantizeLinear<axis=1>(x, s) }",
                   STATUS_FAILED, "axis 1 of the input has extent 3");
    expect_refused(13,
                   "g (float[2] x) => (uint8[] y) <float[2] s = {1, 2}, uint8[3] z = {1, 2, 3}> "
                   "{ y = QuantizeLinear<axis=0>(x, s, z) }",
                   STATUS_FAILED, "scale has shape [2], zero point [3]");
    expect_refused(21,
                   "g (float[3] x) => (uint8[] y) <float[3] s = {1, 2, 3}> "
                   "{ y = QuantizeLinear<axis=0, block_size=2>(x, s) }",
                   STATUS_FAILED, "blocks of 2 along axis 0");
    expect_refused(10,
                   "g (uint8[1,1,2] x, int8[1,1,1] w, int8 z) => (int32[] y) "
                   "{ y = ConvInteger(x, w, z) }",
                   STATUS_FAILED, "\"z\" is int8, uint8 is needed");
    expect_refused(13,
                   "g (float[1,1,2] x, float[1,1,1] w) => (float[] y) "
                   "{ y = com.microsoft.FusedConv<activation=\"Nonsense\">(x, w) }",
                   STATUS_UNSUPPORTED, "activation \"Nonsense\" is not supported");
    expect_refused(13,
                   "g (uint8[2] x, float s, uint8 o) => (uint8[] y) "
                   "{ y = com.microsoft.QLinearConcat<axis=0>(s, o, x, s) }",
                   STATUS_FAILED, "4 inputs");
    expect_refused(13,
                   "g (uint8[2] x, float s, uint8 o) => (uint8[] y) "
                   "{ y = com.microsoft.QLinearAdd(x, s, o, x, s, o) }",
                   STATUS_FAILED, "input 6 is missing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantize),    cmocka_unit_test(test_quantize_parts),
        cmocka_unit_test(test_dequantize),  cmocka_unit_test(test_dynamic_quantize),
        cmocka_unit_test(test_conv),        cmocka_unit_test(test_products),
        cmocka_unit_test(test_elementwise), cmocka_unit_test(test_pools),
        cmocka_unit_test(test_fused),       cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
