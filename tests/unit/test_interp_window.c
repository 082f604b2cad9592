/* The interpreter's convolutions and pools, with values worked out by hand. */
#include "tests/support/text_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the ones above first. */
#include <cmocka.h>

/* 1 2 3 / 4 5 6 / 7 8 9 with the kernel 1 10 / 100 1000. */
static void test_conv_2d(void **state)
{
    (void)state;
    const double *x = NUMBERS(1, 2, 3, 4, 5, 6, 7, 8, 9);
    EXPECT(17,
           "g (float[1,1,3,3] x) => (float[] y) <float[1,1,2,2] w = {1, 10, 100, 1000}, "
           "float[1] b = {0.5}> { y = Conv(x, w, b) }",
           x, 5421.5, 6532.5, 8754.5, 9865.5);
    /* A border of zeros, every second window: corners of the padded 5x5 image. */
    EXPECT(17,
           "g (float[1,1,3,3] x) => (float[] y) <float[1,1,2,2] w = {1, 10, 100, 1000}> "
           "{ y = Conv<pads=[1,1,1,1], strides=[2,2]>(x, w) }",
           x, 1000, 3200, 7040, 9865);
    EXPECT(17,
           "g (float[1,1,3,3] x) => (float[] y) <float[1,1,2,2] w = {1, 10, 100, 1000}> "
           "{ y = Conv<dilations=[2,2]>(x, w) }",
           x, 9731);
    EXPECT(17,
           "g (float[1,1,3,3] x) => (float[] y) <float[1,1,2,2] w = {1, 10, 100, 1000}> "
           "{ y = Conv<auto_pad=\"SAME_LOWER\", strides=[3,3]>(x, w) }",
           x, 5421);
}

/* Two groups of one channel, and a batch: y[n][m] = w[m] * x[n][group of m]. */
static void test_conv_groups(void **state)
{
    (void)state;
    EXPECT(17,
           "g (float[2,2,2] x) => (float[] y) <float[4,1,1] w = {1, 2, 3, 4}> "
           "{ y = Conv<group=2>(x, w) }",
           NUMBERS(1, 2, 3, 4, 5, 6, 7, 8), /**/
           1, 2, 2, 4, 9, 12, 12, 16, /**/ 5, 6, 10, 12, 21, 24, 28, 32);
}

static void test_conv_3d(void **state)
{
    (void)state;
    /* Only the first and the last tap: x[d][h][w] + 10 x[d+1][h+1][w+1] of a 2x2x3 block. */
    EXPECT(17,
           "g (float[1,1,2,2,3] x) => (float[] y) <float[1,1,2,2,2] w = {1,0,0,0,0,0,0,10}> "
           "{ y = Conv(x, w) }",
           NUMBERS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), 111, 122);
}

/* An input without channels sums nothing: the bias remains. */
static void test_conv_empty(void **state)
{
    (void)state;
    EXPECT(17,
           "g (float[1,0,2] x, float[1,0,1] w) => (float[] y) <float[1] b = {3}> "
           "{ y = Conv(x, w, b) }",
           NULL, 3, 3);
}

static void test_conv_transpose(void **state)
{
    (void)state;
    EXPECT(17,
           "g (float[1,1,3] x) => (float[] y) <float[1,1,2] w = {1, 10}> "
           "{ y = ConvTranspose<strides=[2], output_padding=[1]>(x, w) }",
           NUMBERS(1, 2, 3), 1, 10, 2, 20, 3, 30, 0);
    EXPECT(17,
           "g (float[1,1,3] x) => (float[] y) <float[1,1,3] w = {1, 10, 100}> "
           "{ y = ConvTranspose<pads=[1,1]>(x, w) }",
           NUMBERS(1, 2, 3), 12, 123, 230);
    /* Two groups with one channel each, kernel 1. */
    EXPECT(17,
           "g (float[1,2,2] x) => (float[] y) <float[2,2,1] w = {1, 2, 3, 4}, "
           "float[4] b = {0, 0, 0, 100}> { y = ConvTranspose<group=2>(x, w, b) }",
           NUMBERS(1, 2, 3, 4), 1, 2, 2, 4, 9, 12, 112, 116);
    /* output_shape 4 of 5: the odd pad goes to the end for SAME_UPPER, else to the beginning. */
    EXPECT(17,
           "g (float[1,1,2] x) => (float[] y) <float[1,1,3] w = {1, 10, 100}> { y = "
           "ConvTranspose<strides=[2], auto_pad=\"SAME_UPPER\", output_shape=[4]>(x, w) }",
           NUMBERS(1, 2), 1, 10, 102, 20);
    EXPECT(17,
           "g (float[1,1,2] x) => (float[] y) <float[1,1,3] w = {1, 10, 100}> "
           "{ y = ConvTranspose<strides=[2], output_shape=[4]>(x, w) }",
           NUMBERS(1, 2), 10, 102, 20, 200);
    /* output_shape beyond the windows: zeros at the end. */
    EXPECT(17,
           "g (float[1,1,2] x) => (float[] y) <float[1,1,1] w = {2}> "
           "{ y = ConvTranspose<output_shape=[4]>(x, w) }",
           NUMBERS(1, 2), 2, 4, 0, 0);
}

static void test_max_pool(void **state)
{
    (void)state;
    const double *x = NUMBERS(3, 1, 2, 9, 4, 5, 7, 8, 6);
    const char *rows = "g (float[1,1,3,3] x) => (float[] y, int64[] i) "
                       "{ y, i = MaxPool<kernel_shape=[2,2]>(x) }";
    const char *columns = "g (float[1,1,3,3] x) => (float[] y, int64[] i) "
                          "{ y, i = MaxPool<kernel_shape=[2,2], storage_order=1>(x) }";
    EXPECT(17, rows, x, 9, 5, 9, 8);
    expect_output(17, rows, x, 1, NUMBERS(3, 5, 3, 7), 4);
    expect_output(17, columns, x, 1, NUMBERS(1, 7, 1, 5), 4);
    /* The indices count the planes before. */
    expect_output(17,
                  "g (float[1,2,2] x) => (float[] y, int64[] i) "
                  "{ y, i = MaxPool<kernel_shape=[2]>(x) }",
                  NUMBERS(1, 2, 4, 3), 1, NUMBERS(1, 2), 2);
    /* Pads never win, not even over negative numbers. */
    EXPECT(17,
           "g (float[1,1,4] x) => (float[] y) "
           "{ y = MaxPool<kernel_shape=[3], strides=[2], pads=[1,0]>(x) }",
           NUMBERS(-4, -3, -2, -1), -3, -1);
    /* Rounded up, the last window is cut off. */
    EXPECT(17,
           "g (float[1,1,4] x) => (float[] y) "
           "{ y = MaxPool<kernel_shape=[3], strides=[2], ceil_mode=1>(x) }",
           NUMBERS(-4, -3, -2, -5), -2, -2);
    EXPECT(17,
           "g (int8[1,1,4] x) => (int8[] y) { y = MaxPool<kernel_shape=[2], dilations=[2]>(x) }",
           NUMBERS(-4, -128, -9, 127), -4, 127);
}

static void test_average_pool(void **state)
{
    (void)state;
    const double *x = NUMBERS(1, 2, 3, 6);
    EXPECT(17,
           "g (float[1,1,4] x) => (float[] y) "
           "{ y = AveragePool<kernel_shape=[3], pads=[1,1]>(x) }",
           x, 1.5, 2, 11.0 / 3, 4.5);
    EXPECT(17,
           "g (float[1,1,4] x) => (float[] y) "
           "{ y = AveragePool<kernel_shape=[3], pads=[1,1], count_include_pad=1>(x) }",
           x, 1, 2, 11.0 / 3, 3);
    /* Rounded up: the last window reaches beyond the pads; what is beyond is not counted. */
    EXPECT(17,
           "g (float[1,1,4] x) => (float[] y) { y = AveragePool<kernel_shape=[3], strides=[2], "
           "pads=[0,0], ceil_mode=1, count_include_pad=1>(x) }",
           x, 2, 4.5);
    EXPECT(19,
           "g (float[1,1,5] x) => (float[] y) "
           "{ y = AveragePool<kernel_shape=[2], dilations=[3]>(x) }",
           NUMBERS(1, 2, 3, 6, 8), 3.5, 5);
}

static void test_lp_and_global(void **state)
{
    (void)state;
    EXPECT(17, "g (float[1,1,3] x) => (float[] y) { y = LpPool<kernel_shape=[2]>(x) }",
           NUMBERS(3, -4, 3), 5, 5);
    EXPECT(17, "g (float[1,1,3] x) => (float[] y) { y = LpPool<kernel_shape=[2], p=1>(x) }",
           NUMBERS(3, -4, 3), 7, 7);
    EXPECT(17, "g (float[1,2,1,3] x) => (float[] y) { y = GlobalAveragePool(x) }",
           NUMBERS(1, 2, 6, -1, -2, -3), 3, -2);
    EXPECT(17, "g (float[1,2,1,3] x) => (float[] y) { y = GlobalMaxPool(x) }",
           NUMBERS(1, 6, 2, -3, -2, -1), 6, -1);
}

static void test_max_unpool(void **state)
{
    (void)state;
    const char *text = "g (float[1,1,2] x, int64[1,1,2] i) => (float[] y) "
                       "{ y = MaxUnpool<kernel_shape=[2], strides=[2]>(x, i) }";
    EXPECT(17, text, NUMBERS(7, 8, 1, 2), 0, 7, 8, 0);
    expect_failure(17, text, NUMBERS(7, 8, 1, 4), "index 4 is out of range");
    expect_failure(17, text, NUMBERS(7, 8, -1, 0), "index -1 is out of range");
    /* The indices are those of a 2x2 plane, also when the output is 3x3. */
    EXPECT(17,
           "g (float[1,1,1,1] x, int64[1,1,1,1] i) => (float[] y) <int64[4] s = {1,1,3,3}> "
           "{ y = MaxUnpool<kernel_shape=[2,2], strides=[2,2]>(x, i, s) }",
           NUMBERS(5, 2), 0, 0, 0, 5, 0, 0, 0, 0, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv_2d),       cmocka_unit_test(test_conv_groups),
        cmocka_unit_test(test_conv_3d),       cmocka_unit_test(test_conv_empty),
        cmocka_unit_test(test_max_pool),      cmocka_unit_test(test_conv_transpose),
        cmocka_unit_test(test_max_unpool),    cmocka_unit_test(test_average_pool),
        cmocka_unit_test(test_lp_and_global),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
