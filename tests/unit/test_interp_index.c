/* Operators of indices, of coordinates and of data-dependent size, against values worked out by
 * hand from the ONNX specification, and what is refused. */
#include "tests/support/text_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void reductions_of_scatter(void **state)
{
    (void)state;
    const double in[] = {1, 2, 3, 4, 5};
    EXPECT(18,
           "g (float[5] x) => (float[5] y) <int64[3] i = {1, 1, -1}, float[3] u = {7, -9, 9}>"
           "{ y = ScatterElements<reduction=\"max\">(x, i, u) }",
           in, 1, 7, 3, 4, 9);
    EXPECT(18,
           "g (float[5] x) => (float[5] y) <int64[3] i = {1, 1, -1}, float[3] u = {7, -9, 9}>"
           "{ y = ScatterElements<reduction=\"min\">(x, i, u) }",
           in, 1, -9, 3, 4, 5);
    EXPECT(16,
           "g (float[5] x) => (float[5] y) <int64[3] i = {1, 1, -1}, float[3] u = {7, -9, 9}>"
           "{ y = ScatterElements<reduction=\"mul\">(x, i, u) }",
           in, 1, -126, 3, 4, 45);
    EXPECT(18,
           "g (float[2,2] x) => (float[2,2] y) <int64[3,1] i = {0, 0, 1},"
           " float[3,2] u = {5, 0, 4, 9, -1, 7}> { y = ScatterND<reduction=\"max\">(x, i, u) }",
           in, 5, 9, 3, 7);
    /* Without a reduction the last update stays; integers wrap. */
    EXPECT(16,
           "g (float[5] x) => (float[5] y) <int64[2] i = {2, 2}, float[2] u = {7, 8}>"
           "{ y = ScatterElements(x, i, u) }",
           in, 1, 2, 8, 4, 5);
    EXPECT(16,
           "g (uint8[1] x) => (uint8[1] y) <int64[1] i = {0}, uint8[1] u = {200}>"
           "{ y = ScatterElements<reduction=\"add\">(x, i, u) }",
           NUMBERS(100), 44);
    expect_refused(16,
                   "g (float[5] x) => (float[5] y) <int64[1] i = {1}, float[1] u = {7}>"
                   "{ y = ScatterElements<reduction=\"max\">(x, i, u) }",
                   STATUS_FAILED, "reduction");
    expect_failure(16,
                   "g (float[5] x, int64[1] i) => (float[5] y) <float[1] u = {7}>"
                   "{ y = ScatterElements(x, i, u) }",
                   NUMBERS(1, 2, 3, 4, 5, 5), "index 5 is out of range");
}

static void gathers(void **state)
{
    (void)state;
    const double in[] = {0, 1, 2, 3, 4, 5, 6, 7};
    EXPECT(13,
           "g (float[2,2,2] x) => (float[2,2] y) <int64[2,1] i = {1, -2}>"
           "{ y = GatherND<batch_dims=1>(x, i) }",
           in, 2, 3, 4, 5);
    EXPECT(13,
           "g (float[2,4] x) => (float[1,3] y) <int64[1,3] i = {1, 0, -1}>"
           "{ y = GatherElements<axis=0>(x, i) }",
           in, 4, 1, 6);
    expect_refused(13,
                   "g (float[2,4] x) => (float[3,3] y) <int64[3,3] i = {0,0,0,0,0,0,0,0,0}>"
                   "{ y = GatherElements<axis=1>(x, i) }",
                   STATUS_FAILED, "do not fit");
}

/* A bilinear sample between four pixels, by hand; borders; a cube's middle. */
static void grids(void **state)
{
    (void)state;
    const double in[] = {1, 2, 3, 4};
    EXPECT(20,
           "g (float[1,1,2,2] x) => (float[1,1,1,3] y) <"
           " float[1,1,3,2] at = {0, 0, -0.5, -0.5, -1, -1} >"
           "{ y = GridSample<mode=\"linear\">(x, at) }",
           in, 2.5, 1, 0.25);
    EXPECT(16,
           "g (float[1,1,2,2] x) => (float[1,1,1,3] y) <"
           " float[1,1,3,2] at = {0, 0, 5, -5, 1, 0} >"
           "{ y = GridSample<mode=\"bilinear\", padding_mode=\"border\", align_corners=1>(x, at) }",
           in, 2.5, 2, 3);
    EXPECT(16,
           "g (float[1,1,2,2] x) => (float[1,1,1,2] y) <"
           " float[1,1,2,2] at = {1.4, -0.5, 3.5, 0.5} >"
           "{ y = GridSample<mode=\"nearest\", padding_mode=\"reflection\">(x, at) }",
           in, 2, 3);
    EXPECT(20,
           "g (float[1,1,2,2,2] x) => (float[1,1,1,1,1] y) <float[1,1,1,1,3] at = {0, 0, 1} >"
           "{ y = GridSample<mode=\"linear\", align_corners=1>(x, at) }",
           NUMBERS(0, 1, 2, 3, 4, 5, 6, 7), 5.5);
    EXPECT(20,
           "g (float[1,2,3] theta) => (float[1,2,2,2] y) <int64[4] s = {1, 1, 2, 2}>"
           "{ y = AffineGrid<align_corners=1>(theta, s) }",
           NUMBERS(2, 0, 1, 0, 3, 0), -1, -3, 3, -3, -1, 3, 3, 3);
}

/* Without offsets a sum of windows; by hand, where one tap reads between pixels or is masked; two
 * groups of channels and of offsets, by a program in another language. */
static void deformed(void **state)
{
    (void)state;
    const double in[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    EXPECT(19,
           "g (float[1,1,3,3] x) => (float[1,1,2,2] y) <float[1,1,2,2] w = {1, 1, 1, 1},"
           " float[1,8,2,2] at = {0.5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,"
           " 0, 0, 0, 0, 0, -0.1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} >"
           "{ y = DeformConv<kernel_shape=[2,2]>(x, w, at) }",
           in, 9.5, 11.9, 20, 24);
    EXPECT(
        22,
        "g (float[1,1,3,3] x) => (float[1,1,2,2] y) <float[1,1,2,2] w = {1, 1, 1, 1},"
        " float[1] b = {1}, float[1,4,2,2] m = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0.5, 1, 1, 1, 1},"
        " float[1,8,2,2] at = {0, 0, 0, 2.5, 0, 0, 0, -9, 0, 0, 0, 0, 0, 0, 0, 0,"
        " 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0} >"
        "{ y = DeformConv(x, w, at, b, m) }",
        in, 9, 13, 21, 17.5);
    EXPECT(19,
           "g (float[1,2,2,3] x) => (float[1,2,2,2] y) <float[2,1,1,2] w = {1, 2, -1, 0.5},"
           " float[2] b = {0.5, -1}, float[1,4,2,2] m = {0.25, 1, 0.75, 0.5, 0.25, 1, 0.75, 0.5,"
           " 0.25, 1, 0.75, 0.5, 0.25, 1, 0.75, 0.5}, float[1,8,2,2] at = {-0.75, 0.5, 0, -0.5,"
           " 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75,"
           " 0.25, -0.25, -0.75, 0.5, 0, -0.5, 0.75, 0.25, -0.25, -0.75, 0.5, 0, -0.5} >"
           "{ y = DeformConv<group=2, offset_group=2>(x, w, at, b, m) }",
           NUMBERS(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), 2.484375, 9.75, 6.875, 2.625, -1.859375,
           -1.8125, 0.125, -2.4375);
}

static void regions(void **state)
{
    (void)state;
    /* One region of two by two pixels, one point a bin, in the middle of it. */
    EXPECT(16,
           "g (float[1,1,2,2] x) => (float[1,1,1,1] y) <"
           " float[1,4] roi = {0.5, 0.5, 1.5, 1.5}, int64[1] b = {0} >"
           "{ y = RoiAlign<sampling_ratio=1>(x, roi, b) }",
           NUMBERS(1, 2, 3, 4), 2.5);
    EXPECT(7,
           "g (float[1,1,3,3] x) => (float[1,1,1,2] y) <float[1,5] roi = {0, 0, 0, 2, 1}>"
           "{ y = MaxRoiPool<pooled_shape=[1,2]>(x, roi) }",
           NUMBERS(1, 2, 3, 4, 5, 6, 7, 8, 9), 5, 6);
    EXPECT(18,
           "g (float[1,4,2] x) => (float[1,1,2,3] y) <int64[2] im = {2, 3}, int64[2] k = {2, 2}>"
           "{ y = Col2Im(x, im, k) }",
           NUMBERS(1, 2, 3, 4, 5, 6, 7, 8), 1, 5, 4, 5, 13, 8);
}

static void crops_and_pads(void **state)
{
    (void)state;
    const double in[] = {1, 2, 3, 4, 5};
    EXPECT(18, "g (float[5] x) => (float[2] y) <int64[1] s = {2}> { y = CenterCropPad(x, s) }", in,
           2, 3);
    EXPECT(18, "g (float[5] x) => (float[8] y) <int64[1] s = {8}> { y = CenterCropPad(x, s) }", in,
           0, 1, 2, 3, 4, 5, 0, 0);
    EXPECT(19,
           "g (float[1,5] x) => (float[1,9] y) <int64[2] p = {1, 3}, int64[1] a = {-1}>"
           "{ y = Pad<mode=\"wrap\">(x, p, , a) }",
           in, 5, 1, 2, 3, 4, 5, 1, 2, 3);
    EXPECT(18, "g (float[5] x) => (float[3] y, float[2] z) { y, z = Split<num_outputs=2>(x) }", in,
           1, 2, 3);
    EXPECT(18,
           "g (float[1,1,1,4] x) => (float[1,1,1,2] y) <float[4] s = {1, 1, 1, 0.5}>"
           "{ y = Resize<mode=\"linear\", antialias=1>(x, , s) }",
           in, 1.625, 3.375); /* x = 0.5: weights 1, 3, 3, 1 on 1 1 2 3 */
}

static void sizes_that_data_decide(void **state)
{
    (void)state;
    EXPECT(13, "g (float[1] x) => (int64[2,2] y) <float[2,2] c = {0, 1, 2, 0}> { y = NonZero(c) }",
           NUMBERS(0), 0, 1, 1, 0);
    EXPECT(11,
           "g (float[1] x) => (float[3] y) <float[5] c = {2, 1, 2, 3, 1}>"
           "{ y = Unique<sorted=0>(c) }",
           NUMBERS(0), 2, 1, 3);
    EXPECT(11,
           "g (float[2,3] x) => (float[2,2] y) <bool[3] c = {1, 0, 1}>"
           "{ y = Compress<axis=1>(x, c) }",
           NUMBERS(1, 2, 3, 4, 5, 6), 1, 3, 4, 6);
    EXPECT(11,
           "g (float[1] x) => (int64[2,3] y) <"
           " float[1,3,4] b = {0, 0, 1, 1, 0, 0, 1, 0.9, 0, 3, 1, 4},"
           " float[1,1,3] s = {0.5, 0.9, 0.7}, int64[1] most = {5}, float[1] iou = {0.5} >"
           "{ y = NonMaxSuppression(b, s, most, iou) }",
           NUMBERS(0), 0, 0, 1, 0, 0, 2);
    static const char why[] = "the size of its output depends on the data";
    expect_refused(13, "g (float[4] x) => (int64[1,n] y) { y = NonZero(x) }", STATUS_UNSUPPORTED,
                   why);
    expect_refused(13, "g (float[4] x, bool[4] c) => (float[n] y) { y = Compress(x, c) }",
                   STATUS_UNSUPPORTED, why);
    expect_refused(13,
                   "g (float n) => (float[m] y) <float a = {0}, float b = {1}>"
                   "{ y = Range(a, n, b) }",
                   STATUS_UNSUPPORTED, why);
}

static void test_range_of_halves(void **state)
{
    (void)state;
    EXPECT(27,
           "g (float16[1] z) => (float16[n] y) "
           "<float16 a = {2047}, float16 n = {2052}, float16 b = {1}>"
           "{ r = Range(a, n, b) y = Add(r, z) }",
           NUMBERS(0), 2047, 2048, 2048, 2050, 2052);
    EXPECT(27,
           "g (bfloat16[1] z) => (bfloat16[n] y) "
           "<bfloat16 a = {1}, bfloat16 n = {-1}, bfloat16 b = {-0.75}>"
           "{ r = Range<stash_type = 11>(a, n, b) y = Add(r, z) }",
           NUMBERS(0), 1, 0.25, -0.5);
    EXPECT(27,
           "g (float[1] z) => (float[n] y) <float a = {0}, float n = {1.5}, float b = {0.5}>"
           "{ r = Range<stash_type = 1>(a, n, b) y = Add(r, z) }",
           NUMBERS(0), 0, 0.5, 1);
    expect_refused(27,
                   "g (float16 n) => (float16[m] y) <float16 a = {0}, float16 b = {1}>"
                   "{ y = Range(a, n, b) }",
                   STATUS_UNSUPPORTED, "depends on the data of \"n\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_range_of_halves),
        cmocka_unit_test(reductions_of_scatter),
        cmocka_unit_test(gathers),
        cmocka_unit_test(grids),
        cmocka_unit_test(deformed),
        cmocka_unit_test(regions),
        cmocka_unit_test(crops_and_pads),
        cmocka_unit_test(sizes_that_data_decide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
