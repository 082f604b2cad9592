/* Unit tests of ir/tensor: conversions at their edges, checked sizes, broadcasting. */
#include "ir/tensor.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the four above first. */
#include <cmocka.h>

static void test_f16(void **state)
{
    (void)state;
    static const struct {
        float value;
        uint16_t bits;
    } cases[] = {
        {0.0f, 0x0000},       {-0.0f, 0x8000},    {1.0f, 0x3c00},         {-2.0f, 0xc000},
        {65504.0f, 0x7bff},   {65519.0f, 0x7bff}, {65520.0f, 0x7c00},     {0x1p-14f, 0x0400},
        {0x1p-24f, 0x0001},   {0x1p-25f, 0x0000}, {0x1.8p-24f, 0x0002},   {0x1.002p0f, 0x3c00},
        {0x1.006p0f, 0x3c02}, {INFINITY, 0x7c00}, {0x1.ffep-15f, 0x0400},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(f32_to_f16(cases[i].value), cases[i].bits);
    for (unsigned bits = 0; bits < 0x7c00; bits++) /* every finite positive half */
        assert_int_equal(f32_to_f16(f16_to_f32((uint16_t)bits)), bits);
    assert_true(isnan(f16_to_f32(f32_to_f16(NAN))));
}

static void test_bf16(void **state)
{
    (void)state;
    assert_int_equal(f32_to_bf16(1.0f), 0x3f80);
    assert_int_equal(f32_to_bf16(0x1.01p0f), 0x3f80); /* tie: to even */
    assert_int_equal(f32_to_bf16(0x1.03p0f), 0x3f82);
    assert_int_equal(f32_to_bf16(-INFINITY), 0xff80);
    assert_int_equal(f32_to_bf16(3.4028235e38f), 0x7f80); /* rounds up to infinity */
    assert_true(isnan(bf16_to_f32(f32_to_bf16(NAN))));
    for (unsigned bits = 0; bits < 0x7f80; bits++)
        assert_int_equal(f32_to_bf16(bf16_to_f32((uint16_t)bits)), bits);
}

/* 1 + 2^-11 + 2^-40 lies above the middle of two halves; through float it would become the tie. */
static void test_single_rounding(void **state)
{
    (void)state;
    Arena *a = arena_new(0);
    Shape one = shape_make(0, NULL);
    Tensor *t = tensor_new(a, DT_F16, &one);
    tensor_set_f64(t, 0, 1 + 0x1p-11 + 0x1p-40);
    assert_true(tensor_get_f64(t, 0) == 1 + 0x1p-10);
    arena_free(a);
}

static void test_saturation(void **state)
{
    (void)state;
    Arena *a = arena_new(0);
    Shape one = shape_make(1, (int64_t[]){1});
    Tensor *i8 = tensor_new(a, DT_I8, &one), *u64 = tensor_new(a, DT_U64, &one);
    Tensor *i64 = tensor_new(a, DT_I64, &one);
    tensor_set_f64(i8, 0, 1e30);
    assert_int_equal(tensor_get_i64(i8, 0), 127);
    tensor_set_f64(i8, 0, -1.9);
    assert_int_equal(tensor_get_i64(i8, 0), -1);
    tensor_set_f64(i8, 0, NAN);
    assert_int_equal(tensor_get_i64(i8, 0), 0);
    tensor_set_i64(i8, 0, 300);
    assert_int_equal(tensor_get_i64(i8, 0), 44);
    tensor_set_f64(u64, 0, 0x1p63);
    assert_true(tensor_get_f64(u64, 0) == 0x1p63);
    tensor_set_f64(u64, 0, -5);
    assert_int_equal(tensor_get_i64(u64, 0), 0);
    tensor_set_f64(i64, 0, INFINITY);
    assert_true(tensor_get_i64(i64, 0) == INT64_MAX);
    arena_free(a);
}

static void test_checked_numel(void **state)
{
    (void)state;
    int64_t n = -1;
    Shape s = shape_make(3, (int64_t[]){2, 3, 4});
    assert_true(shape_checked_numel(&s, &n) && n == 24);
    s = shape_make(0, NULL);
    assert_true(shape_checked_numel(&s, &n) && n == 1);
    s = shape_make(2, (int64_t[]){INT64_C(1) << 40, INT64_C(1) << 40});
    assert_false(shape_checked_numel(&s, &n));
    /* An empty tensor whose other extents overflow is refused too. */
    s = shape_make(3, (int64_t[]){0, INT64_MAX, INT64_MAX});
    assert_false(shape_checked_numel(&s, &n));
    s = shape_make(2, (int64_t[]){3, -1});
    assert_false(shape_checked_numel(&s, &n));
}

static void test_broadcast(void **state)
{
    (void)state;
    Shape a = shape_make(4, (int64_t[]){2, 1, 4, 5}), b = shape_make(2, (int64_t[]){4, 1}), out;
    assert_true(shape_broadcast(&a, &b, &out));
    assert_true(shape_equal(&out, &a));
    b = shape_make(3, (int64_t[]){7, 4, 5});
    assert_true(shape_broadcast(&b, &a, &out));
    Shape want = shape_make(4, (int64_t[]){2, 7, 4, 5});
    assert_true(shape_equal(&out, &want));
    b = shape_make(1, (int64_t[]){3});
    assert_false(shape_broadcast(&a, &b, &out));
    a = shape_make(1, (int64_t[]){0});
    b = shape_make(1, (int64_t[]){1});
    assert_true(shape_broadcast(&a, &b, &out) && out.dim[0] == 0);
}

static void test_text(void **state)
{
    (void)state;
    Arena *a = arena_new(0);
    Shape s = shape_make(2, (int64_t[]){1, -7});
    assert_string_equal(shape_str(a, &s), "[1,-7]");
    s.rank = 0;
    assert_string_equal(shape_str(a, &s), "[]");
    for (int t = DT_F32; t < DT_COUNT; t++)
        assert_int_equal(dtype_from_name(dtype_name((DType)t)), t);
    assert_int_equal(dtype_from_name("complex64"), DT_NONE);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f16),
        cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_single_rounding),
        cmocka_unit_test(test_saturation),
        cmocka_unit_test(test_checked_numel),
        cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
