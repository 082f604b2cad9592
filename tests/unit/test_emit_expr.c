/* Each kind of expression, printed as C, compiled and run, equals the kernel evaluator bit for
 * bit: at 1, 4, 8 and 16 lanes, by gcc and clang, with and without sanitisers.
 *
 * One kernel holds them all: expression number e reads x, y (f32) and i, j (i32) and writes row e
 * of an f32 or an i32 output. The operands hold NaN, infinities, both zeros, subnormals, ties. */
#include "tests/support/emit_harness.h"
#include "tests/support/kernel_eval.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

enum { N = 32, ROWS = 128 };

/* Builds expressions over the operands at the current position. */
typedef struct Maker {
    Arena *arena;
    const Target *target;
    KBuilder *b;
    KBuf *x, *y, *i, *j, *f_out, *i_out;
    Affine at;
    int lanes, f_rows, i_rows;
    const char *f_name[ROWS], *i_name[ROWS];
    KFunc *func;
} Maker;

static KExpr *x(Maker *m)
{
    return kb_load(m->b, m->x, m->at, m->lanes);
}

static KExpr *y(Maker *m)
{
    return kb_load(m->b, m->y, m->at, m->lanes);
}

static KExpr *xi(Maker *m)
{
    return kb_load(m->b, m->i, m->at, m->lanes);
}

static KExpr *yi(Maker *m)
{
    return kb_load(m->b, m->j, m->at, m->lanes);
}

static KExpr *f32(Maker *m, double v)
{
    return kb_f32(m->b, v, m->lanes);
}

static KExpr *i32(Maker *m, int64_t v)
{
    return kb_int(m->b, KTYPE(KT_I32, m->lanes), v);
}

/* Stores an f32 result in the next row of its output. A scalar fills the first place of each
 * group of lanes. */
static void put_f(Maker *m, const char *name, KExpr *e)
{
    m->f_name[m->f_rows] = name;
    assert_true(m->f_rows < ROWS);
    kb_store(m->b, m->f_out, aff_addc(m->at, (int64_t)N * m->f_rows++), e);
}

static void put_i(Maker *m, const char *name, KExpr *e)
{
    m->i_name[m->i_rows] = name;
    assert_true(m->i_rows < ROWS);
    kb_store(m->b, m->i_out, aff_addc(m->at, (int64_t)N * m->i_rows++), e);
}

/* A mask, as one of two operands. */
static void put_mask(Maker *m, const char *name, KExpr *mask)
{
    put_f(m, name, kb_select(m->b, mask, x(m), y(m)));
}

static void unary(Maker *m)
{
    KBuilder *b = m->b;
    put_f(m, "neg", kb_un(b, KO_NEG, x(m)));
    put_f(m, "abs", kb_un(b, KO_ABS, x(m)));
    put_f(m, "sqrt", kb_un(b, KO_SQRT, kb_un(b, KO_ABS, x(m))));
    put_f(m, "floor", kb_un(b, KO_FLOOR, x(m)));
    put_f(m, "ceil", kb_un(b, KO_CEIL, x(m)));
    put_f(m, "round", kb_un(b, KO_ROUND, x(m)));
    put_f(m, "neg neg", kb_un(b, KO_NEG, kb_un(b, KO_NEG, x(m))));
    put_f(m, "neg const", kb_un(b, KO_NEG, f32(m, -2.5)));
    put_i(m, "neg i32", kb_un(b, KO_NEG, xi(m)));
    put_i(m, "abs i32", kb_un(b, KO_ABS, xi(m)));
    put_i(m, "not i32", kb_un(b, KO_NOT, xi(m)));
    put_i(m, "bits of float", kb_bitcast(b, KT_I32, x(m)));
    put_f(m, "float of bits", kb_bitcast(b, KT_F32, xi(m)));
}

static void arithmetic(Maker *m)
{
    KBuilder *b = m->b;
    static const struct {
        const char *name;
        KOp op;
        bool integers;
    } ops[] = {
        {"add", KO_ADD, true},  {"sub", KO_SUB, true}, {"mul", KO_MUL, true},
        {"div", KO_DIV, false}, {"min", KO_MIN, true}, {"max", KO_MAX, true},
    };
    for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++) {
        put_f(m, ops[k].name, kb_bin(b, ops[k].op, x(m), y(m)));
        if (ops[k].integers)
            put_i(m, ops[k].name, kb_bin(b, ops[k].op, xi(m), yi(m)));
    }
    put_f(m, "x - (y - x)", kb_bin(b, KO_SUB, x(m), kb_bin(b, KO_SUB, y(m), x(m))));
    put_f(m, "x + (y + x)", kb_bin(b, KO_ADD, x(m), kb_bin(b, KO_ADD, y(m), x(m))));
    put_f(m, "x / (y * x)", kb_bin(b, KO_DIV, x(m), kb_bin(b, KO_MUL, y(m), x(m))));
    put_f(m, "(x + y) * x", kb_bin(b, KO_MUL, kb_bin(b, KO_ADD, x(m), y(m)), x(m)));
    put_f(m, "-(x + y)", kb_un(b, KO_NEG, kb_bin(b, KO_ADD, x(m), y(m))));
    /* rounded twice: nobody may contract it */
    put_f(m, "x * y + x", kb_bin(b, KO_ADD, kb_bin(b, KO_MUL, x(m), y(m)), x(m)));
    put_f(m, "x - y * y", kb_bin(b, KO_SUB, x(m), kb_bin(b, KO_MUL, y(m), y(m))));
    if (m->target->has_fma) /* rounded once */
        put_f(m, "fma", kb_fma(b, x(m), y(m), x(m)));
}

static void integers(Maker *m)
{
    KBuilder *b = m->b;
    put_i(m, "and", kb_bin(b, KO_AND, xi(m), yi(m)));
    put_i(m, "or", kb_bin(b, KO_OR, xi(m), yi(m)));
    put_i(m, "xor", kb_bin(b, KO_XOR, xi(m), yi(m)));
    put_i(m, "(x & y) | x", kb_bin(b, KO_OR, kb_bin(b, KO_AND, xi(m), yi(m)), xi(m)));
    put_i(m, "shl", kb_bin(b, KO_SHL, xi(m), i32(m, 5)));
    put_i(m, "shr", kb_bin(b, KO_SHR, xi(m), i32(m, 3)));
    put_i(m, "(x + y) >> 1", kb_bin(b, KO_SHR, kb_bin(b, KO_ADD, xi(m), yi(m)), i32(m, 1)));
    put_f(m, "to float", kb_cvt(b, KTYPE(KT_F32, m->lanes), xi(m)));
    KExpr *small = kb_bin(b, KO_MIN, kb_bin(b, KO_MAX, x(m), f32(m, -1e6)), f32(m, 1e6));
    put_i(m, "to int", kb_cvt(b, KTYPE(KT_I32, m->lanes), small));
    put_i(m, "const", i32(m, INT32_MIN));
    if (m->lanes == 1) {
        put_i(m, "rem", kb_bin(b, KO_REM, xi(m), i32(m, 7)));
        put_i(m, "div", kb_bin(b, KO_DIV, xi(m), i32(m, -3)));
    }
}

static void compare(Maker *m)
{
    KBuilder *b = m->b;
    static const struct {
        const char *name;
        KOp op;
    } ops[] = {{"eq", KO_EQ}, {"ne", KO_NE}, {"lt", KO_LT},
               {"le", KO_LE}, {"gt", KO_GT}, {"ge", KO_GE}};
    for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++) {
        put_mask(m, ops[k].name, kb_cmp(b, ops[k].op, x(m), y(m)));
        put_mask(m, ops[k].name, kb_cmp(b, ops[k].op, xi(m), yi(m)));
    }
    KExpr *lt = kb_cmp(b, KO_LT, x(m), y(m)), *gt = kb_cmp(b, KO_GT, xi(m), yi(m));
    put_mask(m, "mask and", kb_bin(b, KO_AND, lt, gt));
    lt = kb_cmp(b, KO_LT, x(m), y(m)), gt = kb_cmp(b, KO_GT, xi(m), yi(m));
    put_mask(m, "mask or not", kb_bin(b, KO_OR, kb_un(b, KO_NOT, lt), gt));
    lt = kb_cmp(b, KO_LT, x(m), y(m)), gt = kb_cmp(b, KO_GT, xi(m), yi(m));
    put_mask(m, "mask xor", kb_bin(b, KO_XOR, lt, gt));
    KExpr *inner = kb_select(b, kb_cmp(b, KO_LT, x(m), f32(m, 0)), y(m), x(m));
    put_f(m, "select in select", kb_select(b, kb_cmp(b, KO_GT, y(m), f32(m, 1)), inner, y(m)));
    put_i(m, "select i32", kb_select(b, kb_cmp(b, KO_LT, x(m), y(m)), xi(m), yi(m)));
}

static void constants(Maker *m)
{
    static const double values[] = {0.0, -0.0, 1.0 / 3.0, 1e-45, 3.4028234e38, 16777216.0, -1e-10};
    for (size_t k = 0; k < sizeof values / sizeof values[0]; k++)
        put_f(m, "const", f32(m, values[k]));
    put_f(m, "inf", kb_f32(m->b, HUGE_VAL, m->lanes));
    put_f(m, "-inf", kb_f32(m->b, -HUGE_VAL, m->lanes));
    put_f(m, "nan", kb_f32(m->b, NAN, m->lanes));
    put_i(m, "index",
          kb_splat(m->b, kb_index(m->b, KTYPE(KT_I32, 1), aff_addc(m->at, -7)), m->lanes));
    put_f(m, "splat", kb_splat(m->b, kb_load(m->b, m->x, m->at, 1), m->lanes));
    KExpr *arg[2] = {x(m), y(m)};
    put_f(m, "call", kb_call(m->b, m->func, arg));
}

/* What only vectors have. */
static void lanes_only(Maker *m)
{
    KBuilder *b = m->b;
    int lane[16], n = m->lanes;
    if (n == 1)
        return;
    for (int l = 0; l < n; l++)
        lane[l] = n - 1 - l;
    put_f(m, "reverse", kb_shuf(b, x(m), NULL, lane, n));
    for (int l = 0; l < n; l++)
        lane[l] = l / 2 + (l % 2) * n;
    put_f(m, "interleave", kb_shuf(b, x(m), y(m), lane, n));
    put_i(m, "interleave", kb_shuf(b, xi(m), yi(m), lane, n));
    put_f(m, "half", kb_shuf(b, x(m), y(m), lane + 1, n / 2));
    put_f(m, "lane", kb_shuf(b, x(m), y(m), &(int){n + 1}, 1));
    put_f(m, "sum", kb_reduce(b, KO_ADD, x(m)));
    put_f(m, "least", kb_reduce(b, KO_MIN, x(m)));
    put_f(m, "greatest", kb_reduce(b, KO_MAX, y(m)));
    put_i(m, "sum", kb_reduce(b, KO_ADD, xi(m)));
    put_i(m, "least", kb_reduce(b, KO_MIN, xi(m)));
    put_i(m, "greatest", kb_reduce(b, KO_MAX, xi(m)));
    for (int active = 1; active < n; active++) {
        put_f(m, "load tail", kb_load_tail(b, m->x, m->at, n, active));
        put_i(m, "load tail", kb_load_tail(b, m->i, m->at, n, active));
    }
}

static KFunc *make_func(Maker *m)
{
    KType t[2] = {KTYPE(KT_F32, m->lanes), KTYPE(KT_F32, m->lanes)};
    KBuilder *b =
        kb_func(m->arena, m->target, arena_printf(m->arena, "mix_f32x%d", m->lanes), 2, t);
    KLet *s =
        kb_let(b, "s", kb_bin(b, KO_SUB, kb_use(b, kb_param(b, 0)), kb_use(b, kb_param(b, 1))));
    return kb_func_finish(b, kb_bin(b, KO_MUL, kb_use(b, s), kb_use(b, s)), "(x - y)^2");
}

/* The kernel of all expressions at `lanes` lanes, and the call of it. */
static Program *make_program(Arena *a, const char *target, int lanes, Maker *m)
{
    Program *p = hand_program(a, target);
    *m = (Maker){.arena = a, .target = p->target, .lanes = lanes};
    m->func = make_func(m);
    ARENA_PUSH(a, p, funcs, n_funcs, cap_funcs, m->func);
    m->b = kb_new(a, p->target, "everything");
    m->x = kb_buf(m->b, "x", KT_F32, N, K_READ);
    m->y = kb_buf(m->b, "y", KT_F32, N, K_READ);
    m->i = kb_buf(m->b, "i", KT_I32, N, K_READ);
    m->j = kb_buf(m->b, "j", KT_I32, N, K_READ);
    m->f_out = kb_buf(m->b, "f_out", KT_F32, (int64_t)N * ROWS, K_WRITE);
    m->i_out = kb_buf(m->b, "i_out", KT_I32, (int64_t)N * ROWS, K_WRITE);
    m->at = aff_var(kb_for(m->b, "n", 0, N, lanes, KL_SERIAL));
    unary(m);
    arithmetic(m);
    integers(m);
    compare(m);
    constants(m);
    lanes_only(m);
    kb_end(m->b);
    Arg args[6] = {{ARG_INPUT, hand_input(p, "x", DT_F32, N), 0},
                   {ARG_INPUT, hand_input(p, "y", DT_F32, N), 0},
                   {ARG_INPUT, hand_input(p, "i", DT_I32, N), 0},
                   {ARG_INPUT, hand_input(p, "j", DT_I32, N), 0},
                   {ARG_OUTPUT, hand_output(p, "f", DT_F32, (int64_t)N * ROWS), 0},
                   {ARG_OUTPUT, hand_output(p, "g", DT_I32, (int64_t)N * ROWS), 0}};
    hand_call(p, kb_finish(m->b, "every kind of expression"), args, "all");
    return p;
}

typedef struct Data {
    float x[N], y[N], f[N * ROWS];
    int32_t i[N], j[N], g[N * ROWS];
} Data;

static void fill(Data *d)
{
    static const float special[] = {0.0f,   -0.0f, 1.0f,  -1.0f,      0.5f,        -0.5f,
                                    1.5f,   2.5f,  -2.5f, 1e-40f,     -1e-40f,     1e30f,
                                    -1e30f, 0.3f,  -0.7f, 8388609.0f, -8388607.5f, 3.0f};
    const size_t n = sizeof special / sizeof special[0];
    memset(d, 0, sizeof *d);
    for (int k = 0; k < N; k++) {
        d->x[k] = special[(size_t)k % n];
        d->y[k] = special[(size_t)(7 * k + 3) % n] + (k > 20 ? 0.1f * (float)k : 0.0f);
        d->i[k] = (k * 7919 - 90000) * (k % 2 ? 3 : -3);
        d->j[k] = k % 3 ? k * 1237 - 20000 : d->i[k];
    }
    d->x[5] = NAN;
    d->y[9] = NAN;
    d->x[11] = HUGE_VALF;
    d->y[12] = -HUGE_VALF;
    d->y[0] = -0.0f;
}

static bool same(float a, float b)
{
    return (a == b && !signbit(a) == !signbit(b)) || (isnan(a) && isnan(b));
}

static void compare_data(const Maker *m, const Data *want, const Data *got, const char *how)
{
    for (int k = 0; k < m->f_rows * N; k++)
        if (!same(want->f[k], got->f[k]))
            fail_msg("%s: %s at %d: %a, want %a (x %a, y %a)", how, m->f_name[k / N], k % N,
                     (double)got->f[k], (double)want->f[k], (double)want->x[k % N],
                     (double)want->y[k % N]);
    for (int k = 0; k < m->i_rows * N; k++)
        if (want->g[k] != got->g[k])
            fail_msg("%s: %s at %d: %d, want %d", how, m->i_name[k / N], k % N, got->g[k],
                     want->g[k]);
}

/* Places that no store reached hold what malloc left there: only those that the evaluator wrote
 * are compared, so both start from the same pattern. */
static void check(const char *target, int lanes, const char *const *commands)
{
    Arena *a = arena_new(0);
    Maker m;
    Program *p = make_program(a, target, lanes, &m);
    Data *want = arena_alloc(a, sizeof *want), *got = arena_alloc(a, sizeof *got);
    const char *why = "";
    fill(want);
    *got = *want;
    const void *in[] = {want->x, want->y, want->i, want->j};
    void *out[] = {want->f, want->g}, *out_got[] = {got->f, got->g};
    if (!program_eval(a, p, in, out, NULL, &why))
        fail_msg("%s", why);
    char *dir = scratch_new(a);
    const EmitOptions o = {"expr", "", WEIGHTS_AUTO};
    for (; *commands; commands++) {
        const char *end = strchr(*commands, ' ');
        if (!have_compiler(arena_strndup(a, *commands, (size_t)(end - *commands))))
            continue;
        run_emitted(dir, p, &o, *commands, in, out_got);
        for (int k = 0; k < N * ROWS; k++) { /* scalars of a vector kernel leave holes */
            if (want->f[k] == 0 && k % lanes != 0)
                got->f[k] = want->f[k];
            if (want->g[k] == 0 && k % lanes != 0)
                got->g[k] = 0;
        }
        compare_data(&m, want, got, *commands);
    }
    scratch_free(dir);
    arena_free(a);
}

#define WARN     "-Wall -Wextra -Werror -Wno-psabi "
#define SANITIZE "-g -fsanitize=address,undefined -fno-sanitize-recover=undefined "

static const char *const strict[] = {"gcc -O2 -std=c99 -pedantic " WARN,
                                     "clang -O2 -std=c99 -pedantic " WARN,
                                     "gcc -O1 -std=gnu11 -march=native " SANITIZE,
                                     "tcc ",
                                     "g++ -O1 -x c++ " WARN,
                                     "clang++ -O1 -x c++ -Wno-deprecated " WARN,
                                     NULL};
static const char *const plain[] = {"gcc -O2 " WARN,
                                    "clang -O2 " WARN,
                                    "gcc -O0 " SANITIZE,
                                    "clang -O1 " SANITIZE,
                                    "gcc -O3 -march=native ",
                                    "g++ -O1 -x c++ " WARN,
                                    "clang++ -O1 -x c++ -Wno-deprecated " WARN,
                                    NULL};
static const char *const brief[] = {"gcc -O2 " WARN, "clang -O2 " WARN, NULL};

static void test_c99(void **state)
{
    (void)state;
    check("c99", 1, strict);
}

static void test_gnu(void **state)
{
    (void)state;
    check("gnu", 4, plain);
    check("gnu", 2, brief);
    check("gnu", 1, brief);
}

static void test_avx2(void **state)
{
    (void)state;
    if (!target_runs_here(target_find("avx2")))
        skip();
    check("avx2", 8, plain);
    check("avx2", 4, brief);
    check("avx2", 1, brief);
}

static void test_avx512(void **state)
{
    (void)state;
    if (!target_runs_here(target_find("avx512")))
        skip();
    check("avx512", 16, plain);
    check("avx512", 8, brief);
    check("avx512", 1, brief);
}

static void test_neon(void **state)
{
    (void)state;
    static const char *const cross[] = {"aarch64-linux-gnu-gcc -O2 -static " WARN,
                                        "aarch64-linux-gnu-g++ -O2 -static -x c++ " WARN, NULL};
    if (!have_compiler("aarch64-linux-gnu-gcc") || !have_compiler("qemu-aarch64"))
        skip();
    check("neon", 4, cross);
    check("neon", 2, cross);
    check("neon", 1, cross);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_c99),    cmocka_unit_test(test_gnu),  cmocka_unit_test(test_avx2),
        cmocka_unit_test(test_avx512), cmocka_unit_test(test_neon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
