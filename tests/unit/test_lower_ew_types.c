/* Elementwise operators in every element type that they take, on the awkward numbers: both zeros,
 * halves, the ends of the type, infinities, NaN. Lowered and evaluated against the interpreter. */
#include "codegen/lower.h"
#include "tests/support/node_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

enum { MOST = 32 };

static const double reals[] = {0,
                               -0.0,
                               1,
                               -1,
                               0.5,
                               -0.5,
                               1.5,
                               2.5,
                               -2.5,
                               3.75,
                               100,
                               -7.3,
                               0.01,
                               6.5,
                               -100,
                               300,
                               INFINITY,
                               -INFINITY,
                               NAN,
                               -3,
                               1 + 0x1p-11 + 0x1p-40,
                               1 + 0x1p-8 - 0x1p-40,
                               -65519.999999999,
                               1e300};

static const int64_t integers[] = {
    0,   1,   2,     3,      -1,    -2,        7,         -7,        63,        127,          -128,
    255, 256, 32767, -32768, 65535, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN, INT64_MAX - 1};

/* The numbers as elements of type `t` along the first or the second of two axes; `most` of them. */
static Value *numbers(NodeCase *c, DType t, int axis, bool no_zero)
{
    Shape all = {1, {MOST}};
    Tensor *x = tensor_new(c->arena, t, &all);
    int64_t dims[2] = {1, 1}, n = 0;
    bool is_float = dtype_is_float(t);
    size_t count = is_float ? sizeof reals / sizeof *reals : sizeof integers / sizeof *integers;
    for (size_t i = 0; i < count; i++) {
        if (is_float)
            tensor_set_f64(x, n, reals[i]);
        else
            tensor_set_i64(x, n, integers[i]);
        if (!no_zero || is_float || tensor_get_i64(x, n) != 0)
            n++;
    }
    dims[axis] = n;
    return node_case_input(c, t, 2, dims, 0, x->data, false);
}

/* The same slope for every number: the slope of PRelu has no axis of its own. */
static Value *slope(NodeCase *c, DType t)
{
    Shape one = {0};
    Tensor *x = tensor_new(c->arena, t, &one);
    tensor_set_f64(x, 0, 3);
    return node_case_input(c, t, 0, one.dim, 0, x->data, false);
}

/* Whether inference takes the operator with `n` operands of type `t`. */
static bool is_legal(OpKind op, DType t, int n, const Params *p)
{
    Arena *a = arena_new(0);
    assert_non_null(a);
    Diag diag = {.arena = a, .file = "types"};
    Graph *g = graph_new(a, &diag);
    Shape s = {1, {2}};
    Value *in[3], *out = graph_value(g, NULL, DT_NONE, &s);
    for (int i = 0; i < n; i++)
        in[i] = graph_value(g, NULL, op == OP_Where && i == 0 ? DT_BOOL : t, &s);
    Node *node = graph_node(g, op, NULL, in, n, &out, 1);
    node->params = *p;
    bool ok = op_infer(g, node);
    arena_free(a);
    return ok;
}

static double tolerance(DType t)
{
    return t == DT_F64 ? 1e-12 : t == DT_F16 ? 1e-3 : t == DT_BF16 ? 8e-3 : 6e-7;
}

static void check(OpKind op, DType t, int n, const Params *p)
{
    NodeCase c;
    node_case_open(&c, "avx2", 1);
    bool no_zero = op == OP_Div || op == OP_Mod;
    if (op == OP_Where) {
        uint8_t condition[2] = {1, 0};
        int64_t dims[3] = {2, 1, 1};
        node_case_input(&c, DT_BOOL, 3, dims, 0, condition, false);
        numbers(&c, t, 0, false);
        numbers(&c, t, 1, false);
    } else if (op == OP_PRelu) {
        numbers(&c, t, 0, false);
        slope(&c, t);
    } else {
        for (int i = 0; i < n; i++)
            numbers(&c, t, i, no_zero && i == 1);
    }
    node_case_node(&c, op, 1)->params = *p;
    bool exact = op == OP_Cast;
    node_case_check(&c, 0, exact ? 0 : tolerance(t), exact ? 0 : t == DT_F64 ? 1e-14 : 1e-6);
    node_case_close(&c);
}

static Params params_of(OpKind op, int mode)
{
    Params p = {.ew = {.alpha = 0.75, .beta = 0.4, .gamma = 1.0507, .mode = mode}};
    if (op == OP_Clip)
        p.ew = (EwParams){.alpha = 1, .beta = 6};
    return p;
}

static void test_types(void **state)
{
    (void)state;
    int checked = 0;
    for (int op = 1; op < OP_COUNT; op++) {
        if (!op_has((OpKind)op, T_ELEMENTWISE) || op == OP_Cast)
            continue;
        assert_true(ew_supports((OpKind)op));
        const OpInfo *info = op_info((OpKind)op);
        int n = op == OP_Min || op == OP_Max ? 2 : info->in_min;
        bool modal = op == OP_Gelu || op == OP_Mod || op == OP_BitShift;
        int modes = op == OP_IsInf ? 4 : modal ? 2 : 1;
        for (DType t = DT_F32; t < DT_COUNT; t++)
            for (int mode = 0; mode < modes; mode++) {
                Params p = params_of((OpKind)op, mode);
                if (!is_legal((OpKind)op, t, n, &p))
                    continue;
                check((OpKind)op, t, n, &p);
                checked++;
            }
    }
    assert_true(checked > 400);
}

static void test_casts(void **state)
{
    (void)state;
    for (DType from = DT_F32; from < DT_COUNT; from++)
        for (DType to = DT_F32; to < DT_COUNT; to++) {
            Params p = {.ew.to = to};
            check(OP_Cast, from, 1, &p);
        }
}

/* Many digits to few, in whole vectors: rounded once, not to another float on the way. */
static void test_casts_round_once(void **state)
{
    (void)state;
    enum { COUNT = 37 };
    static const DType types[] = {DT_I32, DT_I64, DT_U32, DT_U64, DT_F64};
    for (const char *const *t = node_case_targets; *t; t++)
        for (int k = 0; k < 5; k++)
            for (int half = 0; half < 2; half++) {
                NodeCase c;
                Shape shape = {1, {COUNT}};
                node_case_open(&c, *t, 1);
                Tensor *x = tensor_new(c.arena, types[k], &shape);
                for (int i = 0; i < COUNT; i++) /* just above the middle of two bf16, of two f16 */
                    tensor_set_f64(x, i, half ? 2049 + i % 2 : 0x1p30 + 0x1p22 + 1 + i);
                node_case_input(&c, types[k], 1, shape.dim, 0, x->data, false);
                node_case_node(&c, OP_Cast, 1)->params.ew.to = half ? DT_F16 : DT_BF16;
                node_case_check(&c, 0, 0, 0);
                node_case_close(&c);
            }
}

/* Bits to another type of that size: of numbers, NaNs and zeros of either sign. */
static void test_bit_casts(void **state)
{
    (void)state;
    enum { COUNT = 37 };
    int64_t count = COUNT;
    for (const char *const *t = node_case_targets; *t; t++)
        for (DType from = DT_F32; from < DT_COUNT; from++)
            for (DType to = DT_F32; to < DT_COUNT; to++) {
                uint64_t bits[COUNT];
                NodeCase c;
                if (dtype_size(from) != dtype_size(to) || (to == DT_BOOL && from != DT_BOOL))
                    continue;
                for (uint64_t i = 0; i < COUNT; i++)
                    bits[i] = from == DT_BOOL ? UINT64_C(0x0100010001010001) >> i % 2
                                              : i * UINT64_C(0x9E3779B97F4A7C15) ^ i << 60;
                bits[0] = 0;
                bits[COUNT - 1] = from == DT_BOOL ? 0 : UINT64_C(0x7FF0000180007C01);
                node_case_open(&c, *t, 1);
                node_case_input(&c, from, 1, &count, 0, bits, false);
                node_case_node(&c, OP_BitCast, 1)->params.ew.to = to;
                node_case_check(&c, 0, 0, 0);
                node_case_close(&c);
            }
}

/* A constant exponent of another type: the power saturates as with one that is not constant. */
static void test_pow_of_constant(void **state)
{
    (void)state;
    static const int32_t bases[] = {0,     1,      -1,   3,    -7,    46340,
                                    46341, -46341, 1290, 1291, -1291, 100000};
    const int64_t n = sizeof bases / sizeof *bases;
    for (int exponent = 1; exponent <= 3; exponent++)
        for (int integer = 0; integer < 2; integer++) {
            NodeCase c;
            Shape scalar = {0};
            node_case_open(&c, "avx2", 1);
            Tensor *y = tensor_new(c.arena, integer ? DT_I64 : DT_F32, &scalar);
            tensor_set_f64(y, 0, exponent);
            node_case_input(&c, DT_I32, 1, &n, 0, bases, false);
            node_case_input(&c, y->dtype, 0, scalar.dim, 0, y->data, true);
            node_case_node(&c, OP_Pow, 1);
            node_case_check(&c, 0, 0, 0);
            node_case_close(&c);
        }
}

/* The base gives the type of the result; exponents of any other type. */
static void test_pow_of_two_types(void **state)
{
    (void)state;
    static const DType bases[] = {DT_F32, DT_F64, DT_I32, DT_I64};
    static const DType exponents[] = {DT_F32, DT_F64, DT_I32, DT_I64, DT_U32, DT_U64};
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < 6; k++) {
            NodeCase c;
            node_case_open(&c, "avx2", 1);
            int64_t rows[2] = {9, 1}, columns[2] = {1, 6};
            Shape shape = {1, {9}};
            Tensor *x = tensor_new(c.arena, bases[i], &shape);
            Tensor *y = tensor_new(c.arena, exponents[k], &shape);
            for (int at = 0; at < 9; at++)
                tensor_set_i64(x, at, at - 4);
            for (int at = 0; at < 6; at++)
                tensor_set_i64(y, at, (int64_t[]){0, 1, 2, 3, 7, 12}[at]);
            node_case_input(&c, bases[i], 2, rows, 0, x->data, false);
            node_case_input(&c, exponents[k], 2, columns, 0, y->data, false);
            node_case_node(&c, OP_Pow, 1);
            node_case_check(&c, 0, 3e-7, 0);
            node_case_close(&c);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_casts),
        cmocka_unit_test(test_casts_round_once),
        cmocka_unit_test(test_bit_casts),
        cmocka_unit_test(test_pow_of_constant),
        cmocka_unit_test(test_pow_of_two_types),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
