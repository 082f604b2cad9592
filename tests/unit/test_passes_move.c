/* Moves that melt away: transposes that sink, slices and pads that merge, softmaxes behind
 * reshapes. Every network must give the same results after each pass and when it is placed. */
#include "ir/ops.h"
#include "passes/passes.h"
#include "tests/support/pass_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The network after `pass`; then all passes on a copy, comparing results. */
static PassCase *after(const char *text, const char *pass)
{
    static const char *const targets[] = {"c99", "avx2"};
    PassOptions o = {0};
    for (int i = 0; i < 2; i++) {
        PassCase *all = pass_case_open(text, targets[i]);
        if (!pass_case_check_all(all, &o))
            fail_msg("%s", all->why);
        pass_case_close(all);
    }
    PassCase *c = pass_case_open(text, "c99");
    if (!pass_case_run(c, &o, pass) || !pass_case_same(c, pass))
        fail_msg("%s", c->why);
    return c;
}

static void expect_count(const char *text, const char *pass, OpKind op, int want)
{
    PassCase *c = after(text, pass);
    assert_int_equal(pass_case_count(c, op), want);
    pass_case_close(c);
}

static void channels_last_blocks_melt(void **state)
{
    (void)state;
    expect_count("net (float[1,6,8,3] x) => (float[1,6,8,4] y) <"
                 " float[4,3,1,1] w = {random 1 1}, float[4] b = {1, -2, 3, -4},"
                 " float[4,4] f = {random 2 1}, int64[4] s = {1, 1, 1, 4} >"
                 "{ a = Transpose<perm=[0,3,1,2]>(x)  c = Conv(a, w)"
                 "  d = Transpose<perm=[0,2,3,1]>(c)  e = Add(d, b)  r = Relu(e)"
                 "  m = ReduceMean<axes=[1,2], keepdims=0>(r)  g = MatMul(m, f)"
                 "  h = Sigmoid(g)  i = Reshape(h, s)  y = Mul(r, i) }",
                 "sink", OP_Transpose, 2);
}

static void cuts_and_joins_let_pass(void **state)
{
    (void)state;
    expect_count("net (float[2,4,5,6] x) => (float[2,4,5,6] y) <"
                 " int64[2] sizes = {2, 2}, int64[8] p = {0,1,0,0, 0,0,2,0},"
                 " int64[2] st = {1, 0}, int64[2] en = {6, 6}, int64[2] ax = {1, 2} >"
                 "{ t = Transpose<perm=[0,2,3,1]>(x)  a, b = Split<axis=3>(t, sizes)"
                 "  u = Neg(a)  j = Concat<axis=3>(u, b)  q = Pad(j, p)"
                 "  s = Slice(q, st, en, ax)  k = Softmax<axis=3>(s)"
                 "  y = Transpose<perm=[0,3,1,2]>(k) }",
                 "sink", OP_Transpose, 0);
}

static void reductions_rename_their_axes(void **state)
{
    (void)state;
    expect_count("net (float[2,3,4,5] x) => (float[2,4] y, int64[2,4,5] z, float[2,3,1,1] v) <>"
                 "{ t = Transpose<perm=[0,2,3,1]>(x)  y = ReduceMax<axes=[2,3], keepdims=0>(t)"
                 "  z = ArgMax<axis=3, keepdims=0>(t)  m = ReduceMean<axes=[1,2]>(t)"
                 "  v = Transpose<perm=[0,3,1,2]>(m) }",
                 "sink", OP_Transpose, 0);
}

/* Before opset 13 the axes from `axis` on are one line, wherever a transpose has put them. */
static void lines_over_several_axes_stay(void **state)
{
    (void)state;
    static const char *const operators[] = {"Hardmax", "Softmax", "LogSoftmax"};
    static const struct {
        int opset, axis, transposes;
    } cases[] = {{11, 1, 2}, {11, 2, 0}, {13, 1, 0}, {13, 2, 0}};
    for (int op = 0; op < 3; op++)
        for (int i = 0; i < 4; i++) {
            char text[400];
            snprintf(text, sizeof text,
                     "<ir_version: 7, opset_import: [\"\" : %d]>"
                     "net (float[2,3,4] x) => (float[2,3,4] y) <>"
                     "{ t = Transpose<perm=[0,2,1]>(x)  h = %s<axis=%d>(t)"
                     "  y = Transpose<perm=[0,2,1]>(h) }",
                     cases[i].opset, operators[op], cases[i].axis);
            expect_count(text, "sink", OP_Transpose, cases[i].transposes);
        }
}

static void axes_of_one_element_come_and_go(void **state)
{
    (void)state;
    expect_count("net (float[1,3,1,7] x) => (float[1,3,7,2] y) <"
                 " int64[4] s = {1, 7, 3, 1}, int64[4] back = {1, 3, 7, 2} >"
                 "{ t = Transpose<perm=[0,2,3,1]>(x)  a = Reshape(t, s)  n = Neg(a)"
                 "  c = Concat<axis=3>(a, n)  y = Transpose<perm=[0,2,1,3]>(c) }",
                 "sink", OP_Transpose, 0);
}

/* A view of parts that lie together is not given up for a transpose of the same size. */
static void attention_keeps_its_views(void **state)
{
    (void)state;
    expect_count("net (float[1,5,3,2,4] x) => (float[2,5,4] q, float[2,5,4] k, float[2,5,4] v) <"
                 " int64[3] sizes = {1, 1, 1}, int64[3] s = {2, 5, 4} >"
                 "{ t = Transpose<perm=[2,0,3,1,4]>(x)  a, b, c = Split<axis=0>(t, sizes)"
                 "  q = Reshape(a, s)  k = Reshape(b, s)  v = Reshape(c, s) }",
                 "sink", OP_Transpose, 1);
}

static void slices_merge(void **state)
{
    (void)state;
    expect_count("net (float[1,2,8,9] x) => (float[1,2,3,3] y) <"
                 " int64[1] s = {1}, int64[1] e = {8}, int64[1] h = {2}, int64[1] w = {3},"
                 " int64[1] two = {2}, int64[1] from = {-1}, int64[1] to = {0},"
                 " int64[1] back = {-1} >"
                 "{ a = Slice(x, s, e, h, two)  b = Slice(a, s, e, w, two)"
                 "  c = Slice(b, from, to, h, back)  i = Identity(c)"
                 "  y = MaxPool<kernel_shape=[1,2]>(i) }",
                 "simplify", OP_Slice, 1);
}

static void pads_take_slices(void **state)
{
    (void)state;
    expect_count("net (float[1,2,8,9] x) => (float[1,2,8,9] y) <"
                 " int64[2] s = {2, 0}, int64[2] e = {8, 6}, int64[2] a = {2, 3},"
                 " int64[8] p = {0,0,0,3, 0,0,2,0} >"
                 "{ c = Slice(x, s, e, a)  y = Pad(c, p) }",
                 "simplify", OP_Slice, 0); /* each axis is cut at one side, padded at the other */
}

static void pads_and_slices_on_one_side_stay(void **state)
{
    (void)state;
    expect_count("net (float[1,9] x) => (float[1,9] y) <"
                 " int64[1] s = {2}, int64[1] e = {9}, int64[1] a = {1}, int64[4] p = {0,2,0,0} >"
                 "{ c = Slice(x, s, e, a)  y = Pad(c, p) }",
                 "simplify", OP_Slice, 1);
}

static void softmax_goes_before_reshapes(void **state)
{
    (void)state;
    expect_count("net (float[2,3,4,5] x) => (float[2,3,4,5] y) <"
                 " int64[2] flat = {24, 5}, int64[4] s = {2, 3, 4, 5} >"
                 "{ t = Reshape(x, flat)  m = Softmax<axis=1>(t)  y = Reshape(m, s) }",
                 "simplify", OP_Reshape, 0);
}

static void shuffles_become_channels(void **state)
{
    (void)state;
    const char *shuffle = "net (float[2,6,3,4] a, float[2,6,3,4] b) =>"
                          " (float[2,6,3,4] x, float[2,6,3,4] y) <"
                          " int64[5] s = {2, 2, 6, 3, 4}, int64[4] back = {2, 12, 3, 4} >"
                          "{ p = Relu(a)  q = Neg(b)  c = Concat<axis=1>(p, q)"
                          "  r = Reshape(c, s)  t = Transpose<perm=[0,2,1,3,4]>(r)"
                          "  u = Reshape(t, back)  v, w = Split<axis=1>(u)"
                          "  x = Exp(v)  y = Abs(w) }";
    expect_count(shuffle, "channels", OP_Channels, 2);
    expect_count(shuffle, "channels", OP_Concat, 0);
    /* Even and odd channels, by a batch that exists only in between. */
    const char *gathers = "net (float[1,8,3,5] x) => (float[1,4,3,5] y, float[1,4,3,5] z) <"
                          " int64[3] s = {4, 2, 15}, int64[5] back = {2, 1, 4, 3, 5},"
                          " int64 zero = {0}, int64 one = {1} >"
                          "{ n = Neg(x)  a = Reshape(n, s)  t = Transpose<perm=[1,0,2]>(a)"
                          "  b = Reshape(t, back)  c = Gather<axis=0>(b, zero)"
                          "  d = Gather<axis=0>(b, one)  y = Exp(c)  z = Abs(d) }";
    expect_count(gathers, "channels", OP_Channels, 2);
    expect_count(gathers, "channels", OP_Transpose, 0);
}

/* The first layer of YOLO: every second row and column, twice. Four strided copies are left, right
 * into the joined value. */
static void focus_is_four_slices(void **state)
{
    (void)state;
    const char *focus = "net (float[1,3,8,8] x) => (float[1,12,4,4] y) <"
                        " int64[1] h = {2}, int64[1] w = {3}, int64[1] two = {2},"
                        " int64[1] s0 = {0}, int64[1] s1 = {1}, int64[1] e = {1000} >"
                        "{ r0 = Slice(x, s0, e, h, two)  r1 = Slice(x, s1, e, h, two)"
                        "  a = Slice(r0, s0, e, w, two)  b = Slice(r1, s0, e, w, two)"
                        "  c = Slice(r0, s1, e, w, two)  d = Slice(r1, s1, e, w, two)"
                        "  j = Concat<axis=1>(a, b, c, d)  y = Relu(j) }";
    expect_count(focus, "simplify", OP_Slice, 4);
    PassCase *c = after(focus, "memory");
    assert_int_equal(pass_case_find(c, OP_Concat)->plan.algo, ALGO_VIEW);
    pass_case_close(c);
}

/* What looks like a shuffle but moves pixels, or mixes images, stays what it is. */
static void other_transposes_stay(void **state)
{
    (void)state;
    expect_count("net (float[1,4,4,4] x) => (float[1,4,4,4] y) <>"
                 "{ n = Neg(x)  t = Transpose<perm=[0,2,1,3]>(n)  y = Reshape(t, s)"
                 "  s = Constant<value_ints=[1,4,4,4]>() }",
                 "channels", OP_Channels, 0);
    expect_count("net (float[2,2,3,3] x) => (float[2,2,3,3] y) <>"
                 "{ n = Neg(x)  t = Transpose<perm=[1,0,2,3]>(n)  e = Exp(t)  y = Neg(e) }",
                 "channels", OP_Channels, 0);
}

/* ---- random moves ---- */

typedef struct Net {
    Arena *arena;
    const char *nodes, *constants;
    Shape shape[32]; /* of values v0, v1, … */
    int n, n_constants;
    uint32_t state;
} Net;

static int chance(Net *t, int n)
{
    t->state = t->state * 1664525u + 1013904223u;
    return (int)((t->state >> 16) % (uint32_t)n);
}

static void add_node(Net *t, const char *text, const Shape *s)
{
    t->nodes = arena_printf(t->arena, "%s  v%d = %s\n", t->nodes, t->n, text);
    t->shape[t->n++] = *s;
}

static const char *list_text(Net *t, const int64_t *list, int n)
{
    const char *text = "";
    for (int i = 0; i < n; i++)
        text = arena_printf(t->arena, "%s%s%lld", text, i ? "," : "", (long long)list[i]);
    return text;
}

static const char *constant_list(Net *t, const int64_t *list, int n)
{
    const char *name = arena_printf(t->arena, "k%d", t->n_constants++);
    t->constants = arena_printf(t->arena, "%s, int64[%d] %s = {%s}", t->constants, n, name,
                                list_text(t, list, n));
    return name;
}

static void add_transpose(Net *t, int v)
{
    int64_t perm[4] = {0, 1, 2, 3};
    Shape s = t->shape[v];
    if (chance(t, 2)) { /* channels last, or first */
        static const int64_t both[2][4] = {{0, 2, 3, 1}, {0, 3, 1, 2}};
        memcpy(perm, both[chance(t, 2)], sizeof perm);
    }
    for (int i = 3; i > 0 && chance(t, 4) == 0; i--) {
        int j = chance(t, i + 1);
        int64_t p = perm[i];
        perm[i] = perm[j];
        perm[j] = p;
    }
    for (int i = 0; i < 4; i++)
        s.dim[i] = t->shape[v].dim[perm[i]];
    add_node(t, arena_printf(t->arena, "Transpose<perm=[%s]>(v%d)", list_text(t, perm, 4), v), &s);
}

/* A sum with another value of the same shape, with a broadcast constant, or a concatenation. */
static void add_join(Net *t, int v)
{
    Shape s = t->shape[v];
    int w = chance(t, t->n), axis = chance(t, 4);
    if (shape_equal(&s, &t->shape[w]) && chance(t, 3)) {
        add_node(t, arena_printf(t->arena, "Add(v%d, v%d)", v, w), &s);
    } else if (chance(t, 2)) {
        t->constants = arena_printf(t->arena, "%s, float[%lld] c%d = {random %d 1}", t->constants,
                                    (long long)s.dim[3], t->n, t->n + 1);
        add_node(t, arena_printf(t->arena, "Mul(v%d, c%d)", v, t->n), &s);
    } else {
        s.dim[axis] *= 2;
        add_node(t, arena_printf(t->arena, "Concat<axis=%d>(v%d, v%d)", axis, v, v), &s);
    }
}

static void add_cut(Net *t, int v)
{
    Shape s = t->shape[v];
    int64_t axis = chance(t, 4), start = chance(t, (int)s.dim[axis]);
    int64_t end = start + 1 + chance(t, (int)(s.dim[axis] - start)), pads[8] = {0};
    if (chance(t, 2)) {
        const char *from = constant_list(t, &start, 1), *to = constant_list(t, &end, 1);
        s.dim[axis] = end - start;
        add_node(t,
                 arena_printf(t->arena, "Slice(v%d, %s, %s, %s)", v, from, to,
                              constant_list(t, &axis, 1)),
                 &s);
    } else {
        pads[axis] = chance(t, 2);
        pads[axis + 4] = chance(t, 2);
        s.dim[axis] += pads[axis] + pads[axis + 4];
        add_node(t, arena_printf(t->arena, "Pad(v%d, %s)", v, constant_list(t, pads, 8)), &s);
    }
}

static void add_line(Net *t, int v)
{
    static const char *const reductions[] = {"ReduceMax", "ReduceMean", "ReduceMin"};
    Shape s = t->shape[v];
    int64_t axis = chance(t, 4);
    if (chance(t, 2)) {
        add_node(t, arena_printf(t->arena, "Softmax<axis=%d>(v%d)", (int)axis, v), &s);
        return;
    }
    s.dim[axis] = 1;
    const char *op = reductions[chance(t, 3)];
    add_node(t, arena_printf(t->arena, "%s<axes=[%d], keepdims=%d>(v%d)", op, (int)axis, 1, v), &s);
}

/* Axes of one element change places with the others, or two axes are split and joined. */
static void add_reshape(Net *t, int v)
{
    Shape s = t->shape[v];
    int64_t dims[4], n = 0;
    for (int i = 0; i < 4; i++)
        if (s.dim[i] != 1)
            dims[n++] = s.dim[i];
    while (n < 4)
        dims[n++] = 1;
    if (chance(t, 3) == 0 && dims[0] % 2 == 0 && dims[3] == 1) {
        dims[3] = dims[2];
        dims[2] = dims[1];
        dims[1] = dims[0] / 2;
        dims[0] = 2;
    }
    s = shape_make(4, dims);
    add_node(t, arena_printf(t->arena, "Reshape(v%d, %s)", v, constant_list(t, dims, 4)), &s);
}

static const char *random_moves(Net *t)
{
    static void (*const makers[])(Net * t, int v) = {add_transpose, add_transpose, add_join,
                                                     add_cut,       add_line,      add_reshape};
    t->shape[t->n++] = (Shape){4, {1, 2 + chance(t, 4), 2 + chance(t, 4), 1 + chance(t, 4)}};
    for (int i = 0; i < 14; i++) {
        int v = chance(t, 3) ? t->n - 1 : chance(t, t->n);
        if (shape_numel(&t->shape[v]) < 4000)
            makers[chance(t, 6)](t, v);
    }
    const char *in = list_text(t, t->shape[0].dim, 4);
    const char *last = list_text(t, t->shape[t->n - 1].dim, 4);
    const char *middle = list_text(t, t->shape[t->n / 2].dim, 4);
    return arena_printf(t->arena,
                        "net (float[%s] x) => (float[%s] y, float[%s] z) <float one = {1}%s> {"
                        "  v0 = Neg(x)\n%s  y = Exp(v%d)  z = Neg(v%d) }",
                        in, last, middle, t->constants, t->nodes, t->n - 1, t->n / 2);
}

static void random_moves_keep_the_meaning(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 300; seed++) {
        static const char *const targets[] = {"c99", "avx2"};
        PassOptions o = {0};
        Net t = {.arena = arena_new(0), .nodes = "", .constants = "", .state = seed * 2654435761u};
        assert_non_null(t.arena);
        arena_on_oom(t.arena);
        const char *text = random_moves(&t);
        PassCase *c = pass_case_open(text, targets[seed % 2]);
        if (c->g == NULL || !pass_case_check_all(c, &o))
            fail_msg("%s\n%s", c->why, text);
        pass_case_close(c);
        arena_free(t.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(channels_last_blocks_melt),
        cmocka_unit_test(cuts_and_joins_let_pass),
        cmocka_unit_test(reductions_rename_their_axes),
        cmocka_unit_test(lines_over_several_axes_stay),
        cmocka_unit_test(axes_of_one_element_come_and_go),
        cmocka_unit_test(attention_keeps_its_views),
        cmocka_unit_test(slices_merge),
        cmocka_unit_test(pads_take_slices),
        cmocka_unit_test(pads_and_slices_on_one_side_stay),
        cmocka_unit_test(softmax_goes_before_reshapes),
        cmocka_unit_test(shuffles_become_channels),
        cmocka_unit_test(other_transposes_stay),
        cmocka_unit_test(focus_is_four_slices),
        cmocka_unit_test(random_moves_keep_the_meaning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
