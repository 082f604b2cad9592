/* The interpreter's data movement and resampling, with values worked out by hand. */
#include "tests/support/text_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the ones above first. */
#include <cmocka.h>

static void test_views(void **state)
{
    (void)state;
    EXPECT(17,
           "g (int16[2,3] x) => (int16[] y) <int64[2] s = {3, -1}> "
           "{ z = Reshape(x, s) y = Flatten(z) }",
           NUMBERS(1, 2, 3, 4, 5, 6), 1, 2, 3, 4, 5, 6);
}

static void test_transpose(void **state)
{
    (void)state;
    EXPECT(17, "g (bool[2,3] x) => (bool[] y) { y = Transpose(x) }", NUMBERS(1, 0, 0, 1, 1, 0), 1,
           1, 0, 1, 0, 0);
    EXPECT(17, "g (float[2,1,3] x) => (float[] y) { y = Transpose<perm=[1,2,0]>(x) }",
           NUMBERS(1, 2, 3, 4, 5, 6), 1, 4, 2, 5, 3, 6);
}

static void test_concat_split(void **state)
{
    (void)state;
    EXPECT(17,
           "g (float[2,1] x, float[2,0] e, float[2,2] z) => (float[] y) "
           "{ y = Concat<axis=1>(x, e, z) }",
           NUMBERS(1, 2, 3, 4, 5, 6), 1, 3, 4, 2, 5, 6);
    const char *split = "g (float[2,3] x) => (float[] a, float[] b) <int64[2] s = {1, 2}> "
                        "{ a, b = Split<axis=-1>(x, s) }";
    EXPECT(17, split, NUMBERS(1, 2, 3, 4, 5, 6), 1, 4);
    expect_output(17, split, NUMBERS(1, 2, 3, 4, 5, 6), 1, NUMBERS(2, 3, 5, 6), 4);
}

static void test_slice(void **state)
{
    (void)state;
    EXPECT(17,
           "g (float[2,5] x) => (float[] y) <int64[2] s = {-1, 9}, int64[2] e = {-9, 0}, "
           "int64[2] a = {0, 1}, int64[2] t = {-1, -2}> { y = Slice(x, s, e, a, t) }",
           NUMBERS(0, 1, 2, 3, 4, 5, 6, 7, 8, 9), 9, 7, 4, 2);
    EXPECT(9, "g (float[5] x) => (float[] y) { y = Slice<axes=[0], starts=[1], ends=[-1]>(x) }",
           NUMBERS(0, 1, 2, 3, 4), 1, 2, 3);
}

static void test_pad(void **state)
{
    (void)state;
    const double *x = NUMBERS(1, 2, 3);
    EXPECT(17,
           "g (float[3] x) => (float[] y) <int64[2] p = {1, 2}, float v = {9}> "
           "{ y = Pad(x, p, v) }",
           x, 9, 1, 2, 3, 9, 9);
    EXPECT(
        17,
        "g (float[3] x) => (float[] y) <int64[2] p = {2, 2}> { y = Pad<mode=\"reflect\">(x, p) }",
        x, 3, 2, 1, 2, 3, 2, 1);
    EXPECT(17,
           "g (float[3] x) => (float[] y) <int64[2] p = {2, -1}> { y = Pad<mode=\"edge\">(x, p) }",
           x, 1, 1, 1, 2);
    EXPECT(19,
           "g (float[3] x) => (float[] y) <int64[2] p = {1, 4}> { y = Pad<mode=\"wrap\">(x, p) }",
           x, 3, 1, 2, 3, 1, 2, 3, 1);
    EXPECT(17, "g (float[2,2] x) => (float[] y) <int64[4] p = {0, 1, 1, -1}> { y = Pad(x, p) }",
           NUMBERS(1, 2, 3, 4), 0, 1, 0, 3, 0, 0);
}

static void test_gather_expand(void **state)
{
    (void)state;
    const char *gather = "g (float[2,3] x, int64[2] i) => (float[] y) { y = Gather<axis=1>(x, i) }";
    EXPECT(17, gather, NUMBERS(1, 2, 3, 4, 5, 6, -1, 0), 3, 1, 6, 4);
    expect_failure(17, gather, NUMBERS(1, 2, 3, 4, 5, 6, 0, 3), "index 3 is out of range");
    EXPECT(17, "g (float[2,1] x) => (float[] y) <int64[3] s = {2, 1, 2}> { y = Expand(x, s) }",
           NUMBERS(1, 2), 1, 1, 2, 2, 1, 1, 2, 2);
}

static void test_shapes(void **state)
{
    (void)state;
    EXPECT(17, "g (float[2,3,4] x) => (int64[] y) { y = Shape<start=1>(x) }",
           NUMBERS(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), 3, 4);
    EXPECT(17,
           "g (float[3] x) => (int64[] y) { s = Shape(x) "
           "y = ConstantOfShape<value = int64[1] {7}>(s) }",
           NUMBERS(0, 0, 0), 7, 7, 7);
}

static void test_nearest(void **state)
{
    (void)state;
    const double *x = NUMBERS(1, 2, 3, 4);
    EXPECT(17,
           "g (int8[2,2] x) => (int8[] y) <float[2] s = {1, 2}> "
           "{ y = Resize<mode=\"nearest\">(x, , s) }",
           x, 1, 1, 2, 2, 3, 3, 4, 4);
    EXPECT(17,
           "g (float[4] x) => (float[] y) <int64[1] s = {3}> { y = Resize<mode=\"nearest\", "
           "coordinate_transformation_mode=\"asymmetric\", nearest_mode=\"ceil\">(x, , , s) }",
           x, 1, 3, 4);
    /* Coordinates 0.5 and 2.5 are ties. */
    EXPECT(17,
           "g (float[4] x) => (float[] y) <int64[1] s = {2}> "
           "{ y = Resize<mode=\"nearest\", nearest_mode=\"round_prefer_floor\">(x, , , s) }",
           x, 1, 3);
    EXPECT(17,
           "g (float[4] x) => (float[] y) <int64[1] s = {2}> "
           "{ y = Resize<mode=\"nearest\", nearest_mode=\"round_prefer_ceil\">(x, , , s) }",
           x, 2, 4);
    EXPECT(9,
           "g (float[1,1,1,2] x) => (float[] y) <float[4] s = {1, 1, 2, 2}> { y = Upsample(x, s) }",
           x, 1, 1, 2, 2, 1, 1, 2, 2);
}

static void test_linear(void **state)
{
    (void)state;
    const double *x = NUMBERS(0, 4);
    EXPECT(17,
           "g (float[2] x) => (float[] y) <int64[1] s = {4}> { y = Resize<mode=\"linear\">(x, , , "
           "s) }",
           x, 0, 1, 3, 4);
    EXPECT(17,
           "g (float[2] x) => (float[] y) <int64[1] s = {5}> { y = Resize<mode=\"linear\", "
           "coordinate_transformation_mode=\"align_corners\">(x, , , s) }",
           x, 0, 1, 2, 3, 4);
    EXPECT(17,
           "g (float[2] x) => (float[] y) <float[2] roi = {0, 2}, int64[1] s = {3}> "
           "{ y = Resize<mode=\"linear\", coordinate_transformation_mode=\"tf_crop_and_resize\", "
           "extrapolation_value=-1.0>(x, roi, , s) }",
           x, 0, 4, -1);
    /* Halving with antialias: a tent over four elements, weights 1 3 3 1; the border repeats. */
    EXPECT(18,
           "g (float[4] x) => (float[] y) <int64[1] s = {2}> "
           "{ y = Resize<mode=\"linear\", antialias=1>(x, , , s) }",
           NUMBERS(0, 8, 16, 24), 5, 19);
    EXPECT(18,
           "g (float[4] x) => (float[] y) <int64[1] s = {2}> "
           "{ y = Resize<mode=\"linear\", antialias=1, exclude_outside=1>(x, , , s) }",
           NUMBERS(0, 7, 14, 21), 5, 16);
}

/* Keys' filter with a = -0.75 at distances 0.5 and 1.5: 0.59375 and -0.09375. */
static void test_cubic(void **state)
{
    (void)state;
    EXPECT(
        17,
        "g (float[4] x) => (float[] y) <int64[1] s = {2}> { y = Resize<mode=\"cubic\">(x, , , s) }",
        NUMBERS(32, 64, 128, 256), 42, 198);
    EXPECT(17,
           "g (float[4] x) => (float[] y) <int64[1] s = {2}> "
           "{ y = Resize<mode=\"cubic\", exclude_outside=1>(x, , , s) }",
           NUMBERS(35, 70, 140, 280), 45, 222);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_views),        cmocka_unit_test(test_transpose),
        cmocka_unit_test(test_concat_split), cmocka_unit_test(test_slice),
        cmocka_unit_test(test_pad),          cmocka_unit_test(test_gather_expand),
        cmocka_unit_test(test_shapes),       cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_linear),       cmocka_unit_test(test_cubic),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
