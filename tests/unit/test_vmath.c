/* Vector maths against libm in double precision, over the whole range of f32, with and without
 * FMA: the error bounds that the functions state, and their special cases. */
#include "codegen/lower.h"
#include "tests/support/kernel_eval.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 8, MAX_POINTS = 1 << 15 };

static double ref_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

static double ref_softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

/* The function is for positive normal numbers. */
static double ref_root4(double x)
{
    return x >= (double)FLT_MIN && x <= (double)FLT_MAX ? pow(x, -0.25) : (double)HUGE_VAL;
}

static const struct {
    const char *name;
    VMath f;
    double (*ref)(double);
    double ulps; /* the bound that the function states */
    float flush; /* results below may be zero */
} functions[] = {
    {"exp", VM_EXP, exp, 1.5, 0},
    {"expm1", VM_EXPM1, expm1, 2, 0},
    {"log", VM_LOG, log, 1.5, 0},
    {"tanh", VM_TANH, tanh, 4, 0},
    {"sigmoid", VM_SIGMOID, ref_sigmoid, 3, FLT_MIN},
    {"erf", VM_ERF, erf, 2, 0},
    {"softplus", VM_SOFTPLUS, ref_softplus, 3, 0},
    {"root4", VM_ROOT4, ref_root4, 1.5, 0},
};

/* Runs f over n points (a multiple of LANES). */
static void run(VMath f, const char *target, float *x, float *y, float *out, int n)
{
    Arena *a = arena_new(0);
    assert_int_equal(setjmp(*arena_on_oom(a)), 0);
    Lower *lw = ARENA_NEW(a, Lower);
    lw->arena = a;
    KBuilder *b = kb_new(a, target_find(target), "test");
    KBuf *bx = kb_buf(b, "x", KT_F32, n, K_READ);
    KBuf *by = y ? kb_buf(b, "y", KT_F32, n, K_READ) : NULL;
    KBuf *bo = kb_buf(b, "out", KT_F32, n, K_WRITE);
    Affine i = aff_var(kb_for(b, "i", 0, n, LANES, KL_SERIAL));
    KExpr *second = by ? kb_load(b, by, i, LANES) : NULL;
    kb_store(b, bo, i, vmath(lw, b, f, kb_load(b, bx, i, LANES), second));
    kb_end(b);
    Kernel *k = kb_finish(b, "test");
    const char *why = "";
    if (!kernel_verify(a, k, true, &why))
        fail_msg("%s", why);
    void *mem[3] = {x, y ? y : out, out};
    if (!kernel_eval(a, k, mem, &why))
        fail_msg("%s", why);
    arena_free(a);
}

static float from_bits(uint32_t bits)
{
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static uint32_t next_random(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 32);
}

/* Every exponent and sign, then the range where the functions bend. */
static int points(float *x)
{
    uint64_t state = 1;
    int n = 0;
    static const float special[] = {0.0f,  -0.0f, INFINITY, -INFINITY, 1.0f,    -1.0f,
                                    0.5f,  -0.5f, FLT_MAX,  -FLT_MAX,  FLT_MIN, -FLT_MIN,
                                    88.0f, 89.0f, -103.9f,  -104.1f,   0.9f,    4.0f};
    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        x[n++] = special[i];
    for (uint32_t exponent = 0; exponent < 255; exponent++)
        for (int k = 0; k < 16; k++) {
            uint32_t r = next_random(&state);
            x[n++] = from_bits((r & 0x80000000u) | exponent << 23 | (r & 0x7fffffu));
        }
    static const float range[] = {1, 4, 20, 110};
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 3000; i++)
            x[n++] = range[k] * ((float)next_random(&state) / 2147483648.0f - 1);
    while (n % LANES)
        x[n++] = 0;
    return n;
}

/* Distance in units of the last place of the exact result. */
static double ulp_error(float got, double want)
{
    if (isnan(want))
        return isnan(got) ? 0 : INFINITY;
    if ((double)got == want || (isinf(got) && got == (float)want))
        return 0;
    if (isnan(got) || isinf(got) || isinf(want))
        return INFINITY;
    int e;
    frexp(want, &e);
    return fabs((double)got - want) / ldexp(1, (e < -125 ? -125 : e) - 24);
}

static void check_unary(const char *target)
{
    static float x[MAX_POINTS], out[MAX_POINTS];
    int n = points(x);
    for (size_t k = 0; k < sizeof functions / sizeof functions[0]; k++) {
        double worst = 0;
        int at = 0;
        run(functions[k].f, target, x, NULL, out, n);
        for (int i = 0; i < n; i++) {
            double want = functions[k].ref(x[i]);
            bool elsewhere = functions[k].f == VM_ROOT4 && isinf(want);
            if (elsewhere || (out[i] == 0 && fabs(want) < (double)functions[k].flush))
                continue;
            double e = ulp_error(out[i], want);
            if (!(e <= worst)) {
                worst = e;
                at = i;
            }
        }
        print_message("%-8s %s: %.3f ulp at %a\n", functions[k].name, target, worst, (double)x[at]);
        if (!(worst <= functions[k].ulps))
            fail_msg("%s(%a) = %a: %g ulp", functions[k].name, (double)x[at], (double)out[at],
                     worst);
    }
}

static void test_unary_fma(void **state)
{
    (void)state;
    check_unary("avx2");
}

static void test_unary_no_fma(void **state)
{
    (void)state;
    check_unary("gnu");
}

static void test_nan(void **state)
{
    (void)state;
    float x[LANES], out[LANES];
    for (int i = 0; i < LANES; i++)
        x[i] = from_bits(i & 1 ? 0xffc12345u : 0x7fc00000u);
    for (size_t k = 0; k < sizeof functions / sizeof functions[0]; k++) {
        run(functions[k].f, "avx2", x, NULL, out, LANES);
        for (int i = 0; i < LANES; i++)
            assert_true(isnan(out[i]));
    }
}

/* All pairs of awkward numbers: the table of IEEE 754, signs of zero included. */
static void test_pow_cases(void **state)
{
    (void)state;
    static const float s[] = {0.0f,   -0.0f,  INFINITY, -INFINITY, NAN,        1.0f, -1.0f, 2.0f,
                              -2.0f,  3.0f,   -3.0f,    0.5f,      -0.5f,      2.5f, -2.5f, 1e30f,
                              -1e30f, 1e-30f, -1e-30f,  16777215,  1.0000001f, 4e9f, 1e-40f};
    enum { N = sizeof s / sizeof s[0], TOTAL = (N * N + LANES - 1) / LANES * LANES };
    static float x[TOTAL], y[TOTAL], out[TOTAL];
    for (int i = 0; i < N * N; i++) {
        x[i] = s[i / N];
        y[i] = s[i % N];
    }
    run(VM_POW, "avx2", x, y, out, TOTAL);
    for (int i = 0; i < N * N; i++) {
        float want = (float)pow((double)x[i], (double)y[i]);
        bool same = isnan(want) ? isnan(out[i])
                                : ulp_error(out[i], pow((double)x[i], (double)y[i])) <= 3 &&
                                      signbit(want) == signbit(out[i]);
        if (!same)
            fail_msg("pow(%a, %a) = %a, not %a", (double)x[i], (double)y[i], (double)out[i],
                     (double)want);
    }
}

static void check_pow(const char *target)
{
    enum { N = 20000 };
    static float x[N], y[N], out[N];
    uint64_t state = 7;
    for (int i = 0; i < N; i++) {
        x[i] = from_bits((next_random(&state) & 0x7fffffffu) % 0x7f800000u);
        if (i % 2)
            x[i] = 2 * (float)next_random(&state) / 4294967296.0f;
        double limit = 150 / (fabs(log2((double)x[i])) + 1e-3);
        y[i] = (float)(limit * ((double)next_random(&state) / 2147483648.0 - 1));
    }
    run(VM_POW, target, x, y, out, N);
    double worst = 0;
    for (int i = 0; i < N; i++) {
        double e = ulp_error(out[i], pow((double)x[i], (double)y[i]));
        if (!(e <= 3))
            fail_msg("pow(%a, %a) = %a: %g ulp", (double)x[i], (double)y[i], (double)out[i], e);
        worst = fmax(worst, e);
    }
    print_message("pow      %s: %.3f ulp\n", target, worst);
}

static void test_pow_range(void **state)
{
    (void)state;
    check_pow("avx2");
    check_pow("gnu");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary_fma), cmocka_unit_test(test_unary_no_fma),
        cmocka_unit_test(test_nan),       cmocka_unit_test(test_pow_cases),
        cmocka_unit_test(test_pow_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
