/* The integers pass against the graph as imported: the interpreter runs both on the same integers.
 *
 * Each network quantises the result of one operator, or of several with only moves and tables
 * between them. The graph of integers rounds once where the graph of real numbers rounds products
 * and sums, and may round a bias by up to half a step: so an integer may be off by one step of the
 * scale of the result, and no more. Few are: a rule that is off by one everywhere is wrong. */
#include "ir/interp/interp.h"
#include "ir/ops.h"
#include "tests/support/pass_case.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* ---- comparing ---- */

/* Elements compared, and those that differ. */
typedef struct Tally {
    int64_t n, off;
} Tally;

/* Integers may differ by 1, real numbers by the rounding of their sums. */
static void compare_output(const char *text, const Tensor *got, const Tensor *want, Tally *tally)
{
    double range = 0;
    for (int64_t i = 0; i < shape_numel(&want->shape); i++)
        range = fmax(range, fabs(tensor_get_f64(want, i)));
    double most = dtype_is_8_bit(want->dtype) ? 1 : 1e-5 * range;
    for (int64_t i = 0; i < shape_numel(&want->shape); i++) {
        double a = tensor_get_f64(got, i), b = tensor_get_f64(want, i);
        if (!(fabs(a - b) <= most))
            fail_msg("element %lld is %g, %g without the pass:\n%s", (long long)i, a, b, text);
        tally->off += a != b && dtype_is_8_bit(want->dtype);
        tally->n++;
    }
}

/* Runs the text with and without the pass; returns how many nodes of `op` the pass left or made. */
static int check(const char *text, OpKind op, Tally *tally)
{
    PassOptions o = {0};
    PassCase *c = pass_case_open(text, "c99");
    if (!pass_case_run(c, &o, "integers"))
        fail_msg("%s:\n%s", c->why, text);
    Tensor **got = ARENA_ARRAY(c->arena, Tensor *, c->g->n_outputs);
    assert_true(interp_run(c->g, c->arena, c->inputs, got, NULL, NULL));
    for (int i = 0; i < c->g->n_outputs; i++)
        compare_output(text, got[i], c->expected[i], tally);
    int count = pass_case_count(c, op);
    pass_case_close(c);
    return count;
}

/* ---- random networks ---- */

typedef struct Net {
    Arena *arena;
    uint32_t state;
    const char *inputs, *constants, *nodes;
    const char *y_type; /* of the result; NULL: it stays real */
    double y_scale;     /* about what the values of the result need */
    bool plain;         /* quantised at once, without an activation */
} Net;

static int chance(Net *t, int n)
{
    t->state = t->state * 1664525u + 1013904223u;
    return (int)((t->state >> 16) % (uint32_t)n);
}

/* A factor from 0.5 to 2. */
static double factor(Net *t)
{
    return exp2(chance(t, 2001) / 1000.0 - 1);
}

static const char *type_of(Net *t)
{
    return chance(t, 2) ? "int8" : "uint8";
}

/* Scale and zero point of `name`: constants NAMEs and NAMEz. `n` > 0: that many, zeros all 0. */
static void add_scales(Net *t, const char *name, const char *type, double scale, int n)
{
    const char *s = "", *z = "";
    for (int i = 0; i < n || i == 0; i++) {
        int zero = n > 0 ? 0 : chance(t, 256) - (type[0] == 'i' ? 128 : 0);
        s = arena_printf(t->arena, "%s%s%.9g", s, i ? "," : "", scale * factor(t));
        z = arena_printf(t->arena, "%s%s%d", z, i ? "," : "", zero);
    }
    const char *shape = n > 0 ? arena_printf(t->arena, "[%d]", n) : "";
    t->constants = arena_printf(t->arena, "%s, float%s %ss = {%s}, %s%s %sz = {%s}", t->constants,
                                shape, name, s, type, shape, name, z);
}

static void add_line(Net *t, const char *line)
{
    t->nodes = arena_printf(t->arena, "%s  %s\n", t->nodes, line);
}

/* An input of 8 bits, dequantised as NAMEd; `scale` is about its scale. */
static void add_input(Net *t, const char *name, const char *type, const char *shape, double scale)
{
    t->inputs = arena_printf(t->arena, "%s%s%s[%s] %s", t->inputs, t->inputs[0] ? ", " : "", type,
                             shape, name);
    add_scales(t, name, type, scale, 0);
    add_line(
        t, arena_printf(t->arena, "%sd = DequantizeLinear(%s, %ss, %sz)", name, name, name, name));
}

/* Weights, dequantised as wd; `n` scales along `axis`, or one where n is 0. */
static void add_weights(Net *t, const char *shape, int axis, int n)
{
    const char *type = n > 0 ? "int8" : type_of(t);
    t->constants = arena_printf(t->arena, "%s, %s[%s] w = {random %d 100}", t->constants, type,
                                shape, 1 + chance(t, 1000));
    add_scales(t, "w", type, 0.01, n);
    add_line(t, n > 0 ? arena_printf(t->arena, "wd = DequantizeLinear<axis=%d>(w, ws, wz)", axis)
                      : "wd = DequantizeLinear(w, ws, wz)");
}

/* A bias b of n real numbers, or of integers of some scale; returns ", b", or "" without one. */
static const char *add_bias(Net *t, int n, const char *shape)
{
    int kind = chance(t, 3);
    if (kind == 0)
        return "";
    const char *list = "";
    for (int i = 0; i < n; i++) {
        double x = (chance(t, 201) - 100) * t->y_scale;
        list = kind == 1 ? arena_printf(t->arena, "%s%s%.9g", list, i ? "," : "", x)
                         : arena_printf(t->arena, "%s%s%d", list, i ? "," : "", chance(t, 20000));
    }
    if (kind == 1) {
        t->constants = arena_printf(t->arena, "%s, float[%s] b = {%s}", t->constants, shape, list);
        return ", b";
    }
    t->constants = arena_printf(t->arena, "%s, int32[%s] bi = {%s}, float bs = {%.9g}",
                                t->constants, shape, list, t->y_scale / 100);
    add_line(t, "b = DequantizeLinear(bi, bs)");
    return ", b";
}

/* Sums of `terms` products of integers of 8 bits: a scale for them, now and then so fine that the
 * sums cannot hold a bias well enough. */
static void set_scale_of_sums(Net *t, int terms)
{
    t->y_scale = 0.02 * 0.01 * sqrt(terms) * (chance(t, 8) ? 40 : 0.3);
}

/* ---- the operators; each makes r ---- */

static OpKind make_conv(Net *t)
{
    int group = 1 + chance(t, 2), channels = 4, maps = group * (1 + chance(t, 3));
    int k = 1 + chance(t, 3), stride = 1 + chance(t, 2);
    set_scale_of_sums(t, channels / group * k * k);
    add_input(t, "x", type_of(t), "2,4,6,7", 0.02);
    add_weights(t, arena_printf(t->arena, "%d,%d,%d,%d", maps, channels / group, k, k), 0,
                chance(t, 2) ? maps : 0);
    const char *b = add_bias(t, maps, arena_printf(t->arena, "%d", maps));
    add_line(t, arena_printf(t->arena,
                             "r = Conv<group=%d, strides=[%d,1], pads=[%d,0,1,%d]>(xd, wd%s)",
                             group, stride, chance(t, k), chance(t, k), b));
    return t->y_type ? OP_QLinearConv : OP_ConvInteger;
}

static OpKind make_gemm(Net *t)
{
    bool ta = chance(t, 2), tb = chance(t, 2), rows = chance(t, 3) == 0;
    set_scale_of_sums(t, 9);
    add_input(t, "x", t->y_type ? t->y_type : "uint8", ta ? "9,4" : "4,9", 0.02);
    add_weights(t, tb ? "5,9" : "9,5", tb ? 0 : 1, chance(t, 2) ? 5 : 0);
    const char *b = add_bias(t, rows ? 20 : 5, rows ? "4,5" : "5");
    add_line(t,
             arena_printf(t->arena, "r = Gemm<transA=%d, transB=%d, alpha=%s, beta=%s>(xd, wd%s)",
                          ta, tb, chance(t, 2) ? "1.0" : "-0.7", chance(t, 2) ? "1.0" : "0.25", b));
    return t->y_type ? OP_QGemm : OP_NONE; /* real numbers: only with a bias of integers */
}

static OpKind make_matmul(Net *t)
{
    bool batches = chance(t, 2);
    set_scale_of_sums(t, 9);
    add_input(t, "x", type_of(t), batches ? "3,4,9" : "4,9", 0.02);
    add_weights(t, "9,5", 1, chance(t, 2) ? 5 : 0);
    add_line(t, "r = MatMul(xd, wd)");
    return t->y_type ? OP_QLinearMatMul : OP_MatMulInteger;
}

/* Now and then the weights are transposed on their way, with their scales. */
static OpKind make_product_add(Net *t)
{
    bool gemm = chance(t, 2), turned = chance(t, 2);
    t->y_type = t->y_type ? t->y_type : "int8";
    set_scale_of_sums(t, 9);
    add_input(t, "x", t->y_type, "4,9", 0.02);
    add_weights(t, turned ? "5,9" : "9,5", turned ? 0 : 1, chance(t, 2) ? 5 : 0);
    if (turned)
        add_line(t, "wt = Transpose<perm=[1,0]>(wd)");
    const char *w = turned ? "wt" : "wd", *b = add_bias(t, 5, "5");
    add_line(t, gemm ? arena_printf(t->arena, "p = Gemm<alpha=%s, beta=0.25>(xd, %s)",
                                    chance(t, 2) ? "1.0" : "0.5", w)
                     : arena_printf(t->arena, "p = MatMul(xd, %s)", w));
    add_line(t, b[0] == '\0'   ? "r = Identity(p)"
                : chance(t, 2) ? "r = Add(p, b)"
                               : "r = Add(b, p)");
    return OP_QGemm;
}

static OpKind make_binary(Net *t)
{
    static const char *const shapes[] = {"2,4,5", "4,5", "2,1,5", "1", "1,4,1"};
    const char *type = type_of(t);
    bool mul = chance(t, 2);
    t->y_scale = mul ? 0.1 : 0.03;
    t->y_type = type;
    add_input(t, "x", type, shapes[0], 0.02);
    add_input(t, "z", type, shapes[chance(t, 5)], 0.03);
    add_line(t, arena_printf(t->arena, "r = %s(%s)", mul ? "Mul" : "Add",
                             chance(t, 2) ? "xd, zd" : "zd, xd"));
    return mul ? OP_QLinearMul : OP_QLinearAdd;
}

static OpKind make_pool(Net *t)
{
    static const char *const operators[] = {
        "AveragePool<kernel_shape=[3,2], strides=[2,1], pads=[1,0,1,1]>(xd)",
        "AveragePool<kernel_shape=[3,2], pads=[1,1,0,0], count_include_pad=1>(xd)",
        "AveragePool<kernel_shape=[3,2], strides=[2,2], ceil_mode=1>(xd)",
        "GlobalAveragePool(xd)",
        "ReduceMean<axes=[2,3], keepdims=0>(xd)",
        "ReduceMean<axes=[2,3]>(xd)",
    };
    t->y_scale = 0.02;
    t->y_type = type_of(t);
    add_input(t, "x", t->y_type, "2,3,6,5", 0.02);
    t->plain = chance(t, 2);
    add_line(t, arena_printf(t->arena, "r = %s", operators[chance(t, 6)]));
    return OP_QLinearAveragePool;
}

static OpKind make_concat(Net *t)
{
    t->y_scale = 0.03;
    t->y_type = type_of(t);
    t->plain = true;
    add_input(t, "x", type_of(t), "2,3,4", 0.02);
    add_input(t, "z", type_of(t), "2,1,4", 0.03);
    add_line(t, "r = Concat<axis=1>(xd, zd, xd)");
    return OP_Lookup;
}

/* Two tables, which become one. */
static OpKind make_function(Net *t)
{
    static const char *const functions[] = {"Sigmoid(a)", "LeakyRelu<alpha=0.1>(a)", "Abs(a)",
                                            "HardSwish(a)", "Tanh(a)"};
    t->y_scale = 0.02;
    t->y_type = type_of(t);
    add_input(t, "x", type_of(t), "2,3,40", 0.02);
    add_scales(t, "m", t->y_type, 0.02, 0);
    t->constants = arena_printf(t->arena, "%s, float k = {%.9g}", t->constants, factor(t));
    add_line(t, "a = Mul(xd, k)");
    add_line(t, arena_printf(t->arena, "f = %s", functions[chance(t, 5)]));
    add_line(t, "mq = QuantizeLinear(f, ms, mz)");
    add_line(t, "md = DequantizeLinear(mq, ms, mz)");
    add_line(t, "r = Sub(k, md)");
    return OP_Lookup;
}

static OpKind make_move(Net *t)
{
    static const char *const moves[] = {
        "Pad(xd, pads)",
        "Transpose<perm=[0,2,3,1]>(xd)",
        "MaxPool<kernel_shape=[2,2], pads=[1,0,0,1]>(xd)",
        "Slice(xd, from, to, from, steps)",
        "Resize<mode=\"nearest\">(xd, \"\", sizes)",
        "Reshape(xd, flat)",
        "Gather<axis=1>(xd, from)",
    };
    t->y_scale = 0.02;
    t->y_type = type_of(t);
    t->constants = arena_printf(t->arena,
                                "%s, int64[8] pads = {0,0,1,0,0,0,2,1}, int64[1] from = {1},"
                                " int64[1] to = {3}, int64[1] steps = {2},"
                                " float[4] sizes = {1,1,2,2}, int64[2] flat = {6, 20}",
                                t->constants);
    add_input(t, "x", type_of(t), "2,3,4,5", 0.02);
    t->plain = chance(t, 2);
    add_line(t, arena_printf(t->arena, "r = %s", moves[chance(t, 7)]));
    return OP_Lookup;
}

typedef OpKind Maker(Net *t);

/* The network; *op is the operator that it is expected to have then. */
static const char *random_net(Net *t, Maker *make, OpKind *op)
{
    static const char *const activations[] = {"Relu(r)", "Clip(r, low, high)", "Identity(r)",
                                              "Relu(r)"};
    const char *types[] = {"int8", "uint8", NULL, "int8"};
    t->y_type = types[chance(t, 4)];
    *op = make(t);
    add_line(t, arena_printf(t->arena, "a0 = %s", activations[t->plain ? 2 : chance(t, 4)]));
    t->constants = arena_printf(t->arena, "%s, float low = {%.9g}, float high = {%.9g}",
                                t->constants, -20 * t->y_scale, 31.5 * t->y_scale);
    if (t->y_type == NULL) {
        add_line(t, "y = Neg(a0)");
    } else {
        add_scales(t, "y", t->y_type, t->y_scale, 0);
        add_line(t, "y = QuantizeLinear(a0, ys, yz)");
    }
    return arena_printf(t->arena, "net (%s) => (%s[] y) <float one = {1}%s> {\n%s}", t->inputs,
                        t->y_type ? t->y_type : "float", t->constants, t->nodes);
}

/* Most of the networks get the operator; the others have parameters that integers cannot hold. */
static void check_random(Maker *make)
{
    enum { NETS = 150 };
    Tally tally = {0};
    int found = 0;
    for (uint32_t seed = 1; seed <= NETS; seed++) {
        Net t = {.arena = arena_new(0), .state = seed * 2654435761u};
        t.inputs = t.constants = t.nodes = "";
        assert_non_null(t.arena);
        arena_on_oom(t.arena);
        OpKind op;
        const char *text = random_net(&t, make, &op);
        found += check(text, op, &tally) > 0 || op == OP_NONE;
        arena_free(t.arena);
    }
    if (found < NETS / 2)
        fail_msg("only %d of %d networks became integers", found, (int)NETS);
    if (tally.off > tally.n / 50)
        fail_msg("%lld of %lld elements are off by one", (long long)tally.off, (long long)tally.n);
}

#define RANDOM(name)                                                                               \
    static void random_##name(void **state)                                                        \
    {                                                                                              \
        (void)state;                                                                               \
        check_random(make_##name);                                                                 \
    }
RANDOM(conv)
RANDOM(gemm)
RANDOM(matmul)
RANDOM(product_add)
RANDOM(binary)
RANDOM(pool)
RANDOM(concat)
RANDOM(function)
RANDOM(move)

/* ---- single networks ---- */

/* The factors of a Gemm without an addend have nothing to do with one behind it. */
static void gemm_leaves_a_later_addend_alone(void **state)
{
    (void)state;
    Tally tally = {0};
    int n = check("net (uint8[3,4] x) => (float[3,2] y) <float xs = {0.5}, uint8 xz = {128},"
                  " int8[4,2] w = {random 1 100}, float ws = {0.01}, int8 wz = {0},"
                  " float[2] b = {20, -30}, float ys = {0.5}>"
                  "{ xd = DequantizeLinear(x, xs, xz)  wd = DequantizeLinear(w, ws, wz)"
                  "  g = Gemm<beta=0.25>(xd, wd)  a = Add(g, b)"
                  "  q = QuantizeLinear(a, ys, xz)  y = DequantizeLinear(q, ys, xz) }",
                  OP_QGemm, &tally);
    assert_int_equal(n, 1);
}

/* A step of the sum is ten steps of the result, and the bias is 4 of those. */
static void biases_that_a_sum_cannot_hold_stay_real(void **state)
{
    (void)state;
    static const char *const products[] = {"Gemm(xd, wd, b)", "Add(m, b)"};
    for (int i = 0; i < 2; i++) {
        char text[500];
        snprintf(
            text, sizeof text,
            "net (uint8[1,2] x) => (uint8[1,2] y) <float one = {1}, uint8 z = {9},"
            " int8[2,2] w = {0, 0, 0, 0}, int8 wz = {0}, float[2] b = {0.4, 3}, float s = {0.1}>"
            "{ xd = DequantizeLinear(x, one, z)  wd = DequantizeLinear(w, one, wz)"
            "  m = MatMul(xd, wd)  a = %s  y = QuantizeLinear(a, s, z) }",
            products[i]);
        Tally tally = {0};
        assert_int_equal(check(text, OP_QGemm, &tally), 0);
        assert_int_equal(tally.off, 0);
    }
}

/* 20^8 paths lead to the QuantizeLinear. */
static void paths_are_not_counted(void **state)
{
    (void)state;
    enum { LEVELS = 8, PARTS = 20 };
    Arena *a = arena_new(0);
    assert_non_null(a);
    arena_on_oom(a);
    const char *nodes = "", *last = "xd";
    for (int level = 0; level < LEVELS; level++) {
        const char *parts = "";
        for (int i = 0; i < PARTS; i++) {
            nodes =
                arena_printf(a, "%s  s%d_%d = Slice(%s, zero, twenty)\n", nodes, level, i, last);
            nodes = arena_printf(a, "%s  p%d_%d = Slice(s%d_%d, zero, one)\n", nodes, level, i,
                                 level, i);
            parts = arena_printf(a, "%s%sp%d_%d", parts, i ? ", " : "", level, i);
        }
        nodes = arena_printf(a, "%s  c%d = Concat<axis=0>(%s)\n", nodes, level, parts);
        last = arena_printf(a, "c%d", level);
    }
    const char *text = arena_printf(
        a,
        "net (uint8[20] x) => (uint8[20] y) <float s = {0.5}, uint8 z = {7},"
        " int64[1] zero = {0}, int64[1] one = {1}, int64[1] twenty = {20}> {"
        "  xd = DequantizeLinear(x, s, z)\n%s  r = Neg(%s)  y = QuantizeLinear(r, s, z)"
        "}",
        nodes, last);
    Tally tally = {0};
    check(text, OP_Lookup, &tally);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_conv),
        cmocka_unit_test(random_gemm),
        cmocka_unit_test(random_matmul),
        cmocka_unit_test(random_product_add),
        cmocka_unit_test(random_binary),
        cmocka_unit_test(random_pool),
        cmocka_unit_test(random_concat),
        cmocka_unit_test(random_function),
        cmocka_unit_test(random_move),
        cmocka_unit_test(gemm_leaves_a_later_addend_alone),
        cmocka_unit_test(biases_that_a_sum_cannot_hold_stay_real),
        cmocka_unit_test(paths_are_not_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
