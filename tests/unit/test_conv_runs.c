/* The runs of tiles that read the image alike (codegen/lower_conv.h), against a walk that looks at
 * every tap of every pixel. */
#include "codegen/lower_conv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static bool reads(const ConvAxis *a, int64_t q, int64_t j)
{
    int64_t at = a->in_step * q + a->off + a->off_step * j;
    return at >= 0 && at < a->in;
}

static bool alike(const ConvAxis *a, int64_t q1, int64_t q2, int width)
{
    for (int64_t j = 0; j < a->taps; j++)
        for (int p = 0; p < width; p++)
            if (reads(a, q1 + p, j) != reads(a, q2 + p, j))
                return false;
    return true;
}

/* Every tile of a run is like its first; the tile behind it has another width or reads otherwise;
 * the runs cover the axis. */
static void check_axis(const ConvAxis *a, int tile)
{
    int64_t q = 0;
    for (TileRun r = {0}; conv_next_run(a, tile, &r); q = r.q + r.tiles * r.width) {
        assert_int_equal(r.q, q);
        assert_true(r.tiles >= 1 && r.width >= 1 && r.width <= tile);
        assert_true(r.q + r.tiles * r.width <= a->count);
        for (int64_t k = 0; k < r.tiles; k++)
            assert_true(alike(a, r.q, r.q + k * r.width, r.width));
        int64_t next = r.q + r.tiles * r.width;
        if (a->count - next >= r.width)
            assert_false(alike(a, r.q, next, r.width));
    }
    assert_int_equal(q, a->count);
}

static uint64_t state_of_random = 1;

static int64_t from_to(int64_t from, int64_t to)
{
    state_of_random = state_of_random * 6364136223846793005u + 1442695040888963407u;
    return from + (int64_t)((state_of_random >> 33) % (uint64_t)(to - from + 1));
}

static void test_small_axes(void **state)
{
    (void)state;
    for (int i = 0; i < 20000; i++) {
        ConvAxis a = {.in = from_to(1, 20),
                      .count = from_to(1, 40),
                      .in_step = from_to(1, 4),
                      .off = from_to(-20, 5),
                      .off_step = from_to(-5, 5),
                      .taps = from_to(1, 5)};
        check_axis(&a, (int)from_to(1, 9));
    }
}

/* The walk does not take longer where an image is wide: a small model can ask for a very wide one.
 */
static void test_long_axis(void **state)
{
    (void)state;
    const int64_t wide = (int64_t)1 << 50;
    ConvAxis a = {.in = wide, .count = wide, .in_step = 1, .off = -1, .off_step = 1, .taps = 3};
    TileRun r = {0};
    assert_true(conv_next_run(&a, 8, &r));
    assert_int_equal(r.tiles, 1);
    assert_true(conv_next_run(&a, 8, &r));
    assert_int_equal(r.tiles, wide / 8 - 2);
    assert_true(conv_next_run(&a, 8, &r));
    assert_int_equal(r.tiles, 1);
    assert_false(conv_next_run(&a, 8, &r));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_axes),
        cmocka_unit_test(test_long_axis),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
