/* Inference: output types and shapes worked out by hand, and one message for each illegal model. */
#include "tests/support/text_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the ones above first. */
#include <cmocka.h>

static void refused(const char *text, const char *message)
{
    expect_refused(17, text, STATUS_FAILED, message);
}

static void test_conv(void **state)
{
    (void)state;
    expect_shape(17, "g (float[2,3,7,9] x, float[4,3,3,5] w) => (float[] y) { y = Conv(x, w) }",
                 "float[2,4,5,5]");
    expect_shape(17,
                 "g (float[1,4,7] x, float[6,2,3] w) => (float[] y) "
                 "{ y = Conv<group=2, strides=[2], pads=[1,0], dilations=[2]>(x, w) }",
                 "float[1,6,2]");
    expect_shape(17,
                 "g (float[1,1,5,6] x, float[1,1,2,2] w) => (float[] y) "
                 "{ y = Conv<auto_pad=\"SAME_UPPER\", strides=[2,4]>(x, w) }",
                 "float[1,1,3,2]");
    expect_shape(17,
                 "g (float[0,1,5,5,5] x, float[1,1,2,2,2] w) => (float[] y) "
                 "{ y = Conv<auto_pad=\"VALID\", strides=[2,2,2]>(x, w) }",
                 "float[0,1,2,2,2]");
}

static void test_conv_refused(void **state)
{
    (void)state;
    refused("g (float[1,32,5,5] x, float[8,64,3,3] w) => (float[] y) { y = Conv(x, w) }",
            "weight has 64 input channels, input has 32");
    refused("g (float[1,6,5,5] x, float[8,2,3,3] w) => (float[] y) { y = Conv<group=2>(x, w) }",
            "weight has 2 input channels in each of 2 groups, input has 6");
    refused("g (float[1,6,5,5] x, float[8,2,3,3] w) => (float[] y) { y = Conv<group=3>(x, w) }",
            "8 output channels do not divide into 3 groups");
    refused("g (float[1,6,5,5] x, float[8,2,3,3] w) => (float[] y) { y = Conv<group=0>(x, w) }",
            "group 0 is out of range");
    refused("g (float[1,1,5,5] x, float[1,1,3,3] w) => (float[] y) "
            "{ y = Conv<strides=[0,1]>(x, w) }",
            "stride 0 is out of range");
    refused("g (float[1,1,5,5] x, float[1,1,3,3] w) => (float[] y) "
            "{ y = Conv<pads=[0,-1,0,0]>(x, w) }",
            "pad -1 is out of range");
    refused("g (float[1,1,5,5] x, float[1,1,3,3] w) => (float[] y) "
            "{ y = Conv<dilations=[4611686018427387904,1]>(x, w) }",
            "dilation 4611686018427387904 is out of range");
    refused("g (float[1,1,2,5] x, float[1,1,3,3] w) => (float[] y) { y = Conv(x, w) }",
            "window covers 3 elements of axis 2, the padded input has 2");
    refused("g (float[1,1,5,5] x, float[1,1,3,3] w) => (float[] y) "
            "{ y = Conv<kernel_shape=[3,2]>(x, w) }",
            "kernel_shape says 2 on axis 1, weight has 3");
    refused("g (float[1,1,5,5] x, float[1,1,3] w) => (float[] y) { y = Conv(x, w) }",
            "weight has shape [1,1,3], input has 2 spatial axes");
    refused("g (float[1,1,5,5] x, float[2,1,3,3] w, float[3] b) => (float[] y) "
            "{ y = Conv(x, w, b) }",
            "bias has shape [3], output has 2 channels");
    refused("g (float[1,1,5,5] x, double[2,1,3,3] w) => (float[] y) { y = Conv(x, w) }",
            "input \"x\" is float, input \"w\" is double");
}

static void test_conv_transpose(void **state)
{
    (void)state;
    expect_shape(17,
                 "g (float[1,2,3,3] x, float[2,5,3,3] w) => (float[] y) "
                 "{ y = ConvTranspose<strides=[3,2], output_padding=[1,1]>(x, w) }",
                 "float[1,5,10,8]");
    expect_shape(17,
                 "g (float[1,2,3,3] x, float[2,5,3,3] w) => (float[] y) "
                 "{ y = ConvTranspose<strides=[3,2], output_shape=[10,8]>(x, w) }",
                 "float[1,5,10,8]");
    expect_shape(17,
                 "g (float[1,2,3,3] x, float[2,1,3,3] w) => (float[] y) "
                 "{ y = ConvTranspose<strides=[2,2], group=2, auto_pad=\"SAME_LOWER\">(x, w) }",
                 "float[1,2,6,6]");
    refused("g (float[1,2,3,3] x, float[3,5,3,3] w) => (float[] y) { y = ConvTranspose(x, w) }",
            "weight has 3 input channels, input has 2");
    refused("g (float[1,1,1,1] x, float[1,1,2,2] w) => (float[] y) "
            "{ y = ConvTranspose<pads=[1,1,1,1]>(x, w) }",
            "pads leave no output on axis 2");
}

static void test_pool(void **state)
{
    (void)state;
    /* Four elements in pairs, three apart, rounded up: the second window starts inside. */
    expect_shape(17,
                 "g (float[1,1,4] x) => (float[] y) "
                 "{ y = MaxPool<kernel_shape=[2], strides=[3], ceil_mode=1>(x) }",
                 "float[1,1,2]");
    /* Rounded up, a third window would start at 4 - 1 = 3, behind the input: it does not count. */
    expect_shape(17,
                 "g (float[1,1,3] x) => (float[] y) { y = AveragePool<kernel_shape=[2], "
                 "strides=[2], pads=[1,1], ceil_mode=1>(x) }",
                 "float[1,1,2]");
    expect_shape(17,
                 "g (float[1,1,2] x) => (float[] y) { y = MaxPool<kernel_shape=[1], "
                 "strides=[3], ceil_mode=1>(x) }",
                 "float[1,1,1]");
    expect_shape(17,
                 "g (float[1,3,5,8] x) => (float[] y) { y = LpPool<kernel_shape=[3,3], "
                 "strides=[2,3], auto_pad=\"SAME_LOWER\">(x) }",
                 "float[1,3,3,3]");
    expect_shape(17, "g (float[2,3,5,8] x) => (float[] y) { y = GlobalMaxPool(x) }",
                 "float[2,3,1,1]");
    refused("g (float[1,1,4] x) => (float[] y) { y = MaxPool<kernel_shape=[2], pads=[2,0]>(x) }",
            "make windows of padding only");
    refused("g (float[1,1,4] x) => (float[] y) { y = MaxPool<kernel_shape=[0]>(x) }",
            "kernel extent 0 is out of range");
    refused("g (float[1,1,4] x) => (float[] y) { y = MaxPool<kernel_shape=[2,2]>(x) }",
            "kernel has 2 axes, input has 1 spatial axes");
    refused("g (float[1,0,0,2] x) => (float[] y) { y = GlobalAveragePool(x) }",
            "has no elements to pool");
}

static void test_elementwise(void **state)
{
    (void)state;
    expect_shape(17, "g (float[2,1,3] x, float[4,1] y) => (float[] z) { z = Add(x, y) }",
                 "float[2,4,3]");
    expect_shape(17, "g (float[2] x, int32 y) => (float[] z) { z = Pow(x, y) }", "float[2]");
    refused("g (float[2,3] x, float[4] y) => (float[] z) { z = Mul(x, y) }",
            "shapes [2,3] and [4] do not broadcast");
    refused("g (float[3] x, int64[3] y) => (float[] z) { z = Sub(x, y) }",
            "input \"x\" is float, input \"y\" is int64");
    refused("g (float[3] x, float[2,3] s) => (float[] z) { z = PRelu(x, s) }",
            "slope of shape [2,3] does not broadcast to the input [3]");
    refused("g (int32[3] x) => (int32[] z) { z = Tanh(x) }", "a floating-point type is needed");
    refused("g (float[3] x, float[2] m) => (float[] z) { z = Clip(x, m) }",
            "min \"m\" has shape [2], a scalar is needed");
    refused("g (float[2,3] x) => (float[] z) { z = Softmax<axis=2>(x) }",
            "axis 2 is out of range for 2 axes");
    refused("g (float[1,2,3] x, float[3] s, float[2] b, float[2] m, float[2] v) => (float[] z) "
            "{ z = BatchNormalization(x, s, b, m, v) }",
            "scale has shape [3], input has 2 channels");
    refused("g (float[1,2,3] x) => (float[] z) { z = LRN<size=0>(x) }", "size 0 is out of range");
}

static void test_products(void **state)
{
    (void)state;
    expect_shape(17,
                 "g (float[5,2] a, float[3,5] b, float[1,3] c) => (float[] y) "
                 "{ y = Gemm<transA=1, transB=1>(a, b, c) }",
                 "float[2,3]");
    expect_shape(17, "g (float[4,1,2,3] a, float[5,3,6] b) => (float[] y) { y = MatMul(a, b) }",
                 "float[4,5,2,6]");
    expect_shape(17, "g (float[3] a, float[5,3,6] b) => (float[] y) { y = MatMul(a, b) }",
                 "float[5,6]");
    expect_shape(17, "g (float[3] a, float[3] b) => (float[] y) { y = MatMul(a, b) }", "float[]");
    refused("g (float[2,3] a, float[4,5] b) => (float[] y) { y = Gemm(a, b) }",
            "inner extents of [2,3] and [4,5] differ");
    refused("g (float[2,3] a, float[3,5] b, float[2] c) => (float[] y) { y = Gemm(a, b, c) }",
            "C of shape [2] does not broadcast to the product [2,5]");
    refused("g (float[2,3,4] a, float[3,4,5] b) => (float[] y) { y = MatMul(a, b) }",
            "leading axes of [2,3,4] and [3,4,5] do not broadcast");
}

static void test_reshape(void **state)
{
    (void)state;
    expect_shape(17,
                 "g (float[2,3,4] x) => (float[] y) <int64[3] s = {0, -1, 2}> "
                 "{ y = Reshape(x, s) }",
                 "float[2,6,2]");
    expect_shape(17,
                 "g (float[0,3] x) => (float[] y) <int64[2] s = {3, 0}> "
                 "{ y = Reshape<allowzero=1>(x, s) }",
                 "float[3,0]");
    refused("g (float[2,3] x) => (float[] y) <int64[2] s = {-1, -1}> { y = Reshape(x, s) }",
            "the shape has more than one -1");
    refused("g (float[2,3] x) => (float[] y) <int64[2] s = {4, -1}> { y = Reshape(x, s) }",
            "-1 in the shape cannot be resolved for input [2,3]");
    refused("g (float[2,3] x) => (float[] y) <int64[1] s = {7}> { y = Reshape(x, s) }",
            "input [2,3] has 6 elements, shape [7] has 7");
    refused("g (float[2] x) => (float[] y) <int64[2] s = {2, 0}> { y = Reshape(x, s) }",
            "0 at position 1 copies an axis that [2] does not have");
    refused("g (float[2] x) => (float[] y) "
            "<int64[3] s = {4611686018427387904, 4611686018427387904, 4}> { y = Reshape(x, s) }",
            "is too large");
    expect_refused(17, "g (float[2] x, int64[1] s) => (float[] y) { y = Reshape(x, s) }",
                   STATUS_UNSUPPORTED, "shape \"s\" is not known at compile time");
    expect_refused(17,
                   "g (float[1] x) => (float[] y) <int64[9] s = {1,1,1,1,1,1,1,1,1}> "
                   "{ y = Reshape(x, s) }",
                   STATUS_UNSUPPORTED, "9 axes");
}

static void test_axes(void **state)
{
    (void)state;
    expect_shape(11, "g (float[2,3,4,5] x) => (float[] y) { y = Flatten<axis=-2>(x) }",
                 "float[6,20]");
    expect_shape(11, "g (float[2,3] x) => (float[] y) { y = Flatten<axis=0>(x) }", "float[1,6]");
    expect_shape(17, "g (float[2,3,4] x) => (float[] y) { y = Transpose(x) }", "float[4,3,2]");
    expect_shape(17,
                 "g (float[1,3,1,4] x) => (float[] y) <int64[1] a = {-2}> { y = Squeeze(x, a) }",
                 "float[1,3,4]");
    expect_shape(11, "g (float[1,3,1,4] x) => (float[] y) { y = Squeeze(x) }", "float[3,4]");
    expect_shape(11, "g (float[3,4] x) => (float[] y) { y = Unsqueeze<axes=[-1,0]>(x) }",
                 "float[1,3,4,1]");
    expect_shape(17, "g (float[3,1] x) => (float[] y) <int64[3] s = {2,1,6}> { y = Expand(x, s) }",
                 "float[2,3,6]");
    refused("g (float[3,4] x) => (float[] y) { y = Transpose<perm=[0,0]>(x) }",
            "perm is not a permutation of 2 axes");
    expect_refused(11, "g (float[3,4] x) => (float[] y) { y = Squeeze<axes=[0]>(x) }",
                   STATUS_FAILED, "axis 0 of input [3,4] is not of extent 1");
    expect_refused(11, "g (float[3] x) => (float[] y) { y = Unsqueeze<axes=[0,-3]>(x) }",
                   STATUS_FAILED, "axis 0 is named twice");
}

static void test_parts(void **state)
{
    (void)state;
    expect_shape(17,
                 "g (float[10,8] x) => (float[] y) <int64[2] s = {-2, 1}, int64[2] e = {-99, 99}, "
                 "int64[2] a = {0, -1}, int64[2] t = {-3, 2}> { y = Slice(x, s, e, a, t) }",
                 "float[3,4]");
    expect_shape(9, "g (float[10,8] x) => (float[] y) { y = Slice<starts=[3], ends=[2]>(x) }",
                 "float[0,8]");
    expect_shape(17,
                 "g (float[4,5] x) => (float[] y) <int64[4] p = {1, -2, 0, 3}> { y = Pad(x, p) }",
                 "float[5,6]");
    expect_shape(17,
                 "g (float[7,2] x) => (float[] y, float[] z) <int64[2] s = {3, 4}> "
                 "{ z, y = Split<axis=0>(x, s) }",
                 "float[4,2]");
    expect_shape(18,
                 "g (float[7,2] x) => (float[] c) { a, b, c = Split<axis=0, num_outputs=3>(x) }",
                 "float[1,2]");
    expect_shape(17,
                 "g (float[5,6,7] x, int64[2,3] i) => (float[] y) { y = Gather<axis=-2>(x, i) }",
                 "float[5,2,3,7]");
    expect_shape(17,
                 "g (float[1,2,3] x, float[1,4,3] z) => (float[] y) { y = Concat<axis=-2>(x, z) }",
                 "float[1,6,3]");
    refused("g (float[1,2,3] x, float[1,2,4] z) => (float[] y) { y = Concat<axis=1>(x, z) }",
            "inputs have shapes [1,2,3] and [1,2,4], which differ beside axis 1");
    refused("g (float[4] x) => (float[] y) <int64[1] s = {0}, int64[1] e = {4}, int64[1] a = {0}, "
            "int64[1] t = {0}> { y = Slice(x, s, e, a, t) }",
            "step of axis 0 is 0");
    refused("g (float[4] x) => (float[] y) <int64[2] p = {4, 0}> "
            "{ y = Pad<mode=\"reflect\">(x, p) }",
            "reflection by 4 on axis 0 is as wide as the input (4)");
    refused("g (float[4] x) => (float[] y) <int64[2] p = {-3, -2}> { y = Pad(x, p) }",
            "crop more than the 4 elements of axis 0");
    refused("g (float[7] x) => (float[] a, float[] b) <int64[2] s = {3, 5}> "
            "{ a, b = Split(x, s) }",
            "do not sum to the 7 elements of axis 0");
    refused("g (float[7] x) => (float[] a, float[] b) { a, b = Split(x) }",
            "7 elements do not divide into 2 equal parts");
}

static void test_resize(void **state)
{
    (void)state;
    expect_shape(17,
                 "g (float[1,1,5,10] x) => (float[] y) <float[4] s = {1, 1, 0.5, 1.25}> "
                 "{ y = Resize(x, , s) }",
                 "float[1,1,2,12]");
    expect_shape(17,
                 "g (float[1,1,5,10] x) => (float[] y) <int64[4] s = {1, 1, 7, 3}> "
                 "{ y = Resize(x, , , s) }",
                 "float[1,1,7,3]");
    expect_shape(18,
                 "g (float[1,1,5,10] x) => (float[] y) <int64[2] s = {10, 10}> { y = Resize<axes="
                 "[3,2], keep_aspect_ratio_policy=\"not_larger\">(x, , , s) }",
                 "float[1,1,5,10]");
    expect_shape(18,
                 "g (float[1,1,5,10] x) => (float[] y) <int64[2] s = {8, 10}> { y = Resize<axes="
                 "[2,3], keep_aspect_ratio_policy=\"not_smaller\">(x, , , s) }",
                 "float[1,1,8,16]");
    expect_shape(9,
                 "g (float[1,1,2,3] x) => (float[] y) <float[4] s = {1, 1, 2, 3}> "
                 "{ y = Upsample(x, s) }",
                 "float[1,1,4,9]");
    refused("g (float[1,1,5] x) => (float[] y) <float[3] s = {1, 1, -2}> { y = Resize(x, , s) }",
            "scale -2 of axis 2 is not positive");
    refused("g (float[1,1,5] x) => (float[] y) <float[2] s = {1, 2}> { y = Resize(x, , s) }",
            "scales has 2 entries, 3 are needed");
    refused("g (float[1,1,5] x) => (float[] y) <float[3] s = {1, 1, 1e30}> { y = Resize(x, , s) }",
            "makes axis 2 too large");
}

static void test_shapes_as_data(void **state)
{
    (void)state;
    expect_shape(17, "g (float[2,3,4] x) => (int64[] y) { y = Shape<start=-2>(x) }", "int64[2]");
    expect_shape(17,
                 "g (float[2,3] x) => (float[] y) { s = Shape(x) z = ConstantOfShape(s) "
                 "y = Add(x, z) }",
                 "float[2,3]");
    expect_shape(17, "g (float[2,3] x) => (int32[] y) { y = Cast<to=6>(x) }", "int32[2,3]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),           cmocka_unit_test(test_conv_refused),
        cmocka_unit_test(test_pool),           cmocka_unit_test(test_conv_transpose),
        cmocka_unit_test(test_elementwise),    cmocka_unit_test(test_products),
        cmocka_unit_test(test_reshape),        cmocka_unit_test(test_axes),
        cmocka_unit_test(test_parts),          cmocka_unit_test(test_resize),
        cmocka_unit_test(test_shapes_as_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
