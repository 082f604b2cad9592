/* The pass that recognises decomposed operators: every row of its table is a pattern, and what it
 * makes of a network computes the same. tests/golden/recognise_*.test show what becomes what. */
#include "passes/recognise.h"
#include "tests/support/pass_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static void test_rows(void **state)
{
    (void)state;
    Arena *a = arena_new(0);
    assert_non_null(a);
    arena_on_oom(a);
    for (int i = 0; recognise_row(i); i++) {
        const RecogniseRow *row = recognise_row(i);
        if (pattern_parse(a, row->pattern) == NULL)
            fail_msg("no pattern: %s", row->pattern);
        assert_true(row->result || row->rewrite);
        if (row->result && pattern_parse(a, row->result) == NULL)
            fail_msg("no pattern: %s", row->result);
    }
    static const char *const wrong[] = {
        "", "Mul(x", "Mul(x,)", "Nothing(x)", "Mul(x) y", "Add(x, x, x, x, x)", "Neg()", "$"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_null(pattern_parse(a, wrong[i]));
    arena_free(a);
}

/* A body over x with the constants below, and the one operator that is left. */
static const struct {
    const char *body;
    OpKind op;
} cases[] = {
    {"a = Add(x, c3) b = Clip(a, c0, c6) c = Mul(x, b) y = Div(c, c6)", OP_HardSwish},
    {"a = Sub(x, m3) b = Clip(a, c0, c6) c = Div(x, c6) y = Mul(b, c)", OP_HardSwish},
    {"h = HardSigmoid<alpha=0.16666667, beta=0.5>(x) y = Mul(h, x)", OP_HardSwish},
    {"a = Div(x, c6) b = Add(a, c05) y = Clip(b, c0, c1)", OP_HardSigmoid},
    {"a = Add(x, c3) b = Clip(a, c0, c6) y = Mul(c16, b)", OP_HardSigmoid},
    {"a = Mul(x, c3) s = Sigmoid(a) y = Mul(s, x)", OP_Swish},
    {"a = Neg(x) b = Exp(a) c = Add(b, c1) y = Div(x, c)", OP_Swish},
    {"a = Softplus(x) b = Tanh(a) y = Mul(b, x)", OP_Mish},
    {"a = Div(x, r2) b = Erf(a) c = Add(b, c1) d = Mul(c05, c) y = Mul(x, d)", OP_Gelu},
    {"a = Mul(x, x) b = Mul(a, x) c = Mul(b, k1) d = Add(x, c) e = Mul(d, k2) f = Tanh(e) "
     "g = Add(f, c1) h = Mul(x, c05) y = Mul(h, g)",
     OP_Gelu},
    {"a = Max(x, m3) y = Min(a, c3)", OP_Clip},
    {"a = Mul(c05, x) y = Max(a, x)", OP_LeakyRelu},
    {"a = Relu(x) b = Neg(x) c = Relu(b) d = Mul(c, v) y = Add(a, d)", OP_PRelu},
    {"a = Neg(x) b = Exp(a) c = Add(c1, b) y = Reciprocal(c)", OP_Sigmoid},
    {"a = Exp(x) b = Add(c1, a) y = Log(b)", OP_Softplus},
    {"a = Abs(x) b = Add(c1, a) y = Div(x, b)", OP_Softsign},
    {"a = ReduceMean<axes=[2]>(x) b = Sub(x, a) c = Pow(b, c2) d = ReduceMean<axes=[2]>(c) "
     "e = Add(d, k1) f = Sqrt(e) h = Div(b, f) i = Mul(h, v) y = Add(i, v)",
     OP_LayerNormalization},
    {"y = Max(c0, x)", OP_Relu},
    {"a = Greater(x, c0) b = Mul(x, c16) y = Where(a, x, b)", OP_LeakyRelu},
    {"a = Less(x, c0) b = Mul(x, c16) y = Where(a, b, x)", OP_LeakyRelu},
    {"a = Relu(x) b = Min(x, c0) c = Mul(b, c16) y = Add(a, c)", OP_LeakyRelu},
    {"a = Relu(x) b = Neg(x) c = Relu(b) d = Mul(c, c16) y = Add(a, d)", OP_LeakyRelu},
    {"a = Greater(x, c0) b = Exp(x) c = Sub(b, c1) d = Mul(c, c05) y = Where(a, x, d)", OP_Elu},
    {"a = Relu(x) b = Abs(x) c = Sub(x, b) d = Mul(c, v) e = Mul(d, c05) y = Add(a, e)", OP_PRelu},
    {"a = Add(x, c3) b = Mul(a, c16) y = Clip(b, c0, c1)", OP_HardSigmoid},
    {"a = Mul(x, x) b = ReduceMean<axes=[2]>(a) c = Add(b, k1) d = Sqrt(c) e = Div(x, d) "
     "y = Mul(e, v)",
     OP_RMSNormalization},
    {"a = ReduceMean<axes=[2]>(x) b = Sub(x, a) c = Mul(b, b) d = ReduceMean<axes=[2]>(c) "
     "e = Add(d, k1) f = Sqrt(e) h = Reciprocal(f) i = Mul(h, v) j = Mul(x, i) k = Mul(a, i) "
     "l = Sub(v, k) y = Add(j, l)",
     OP_LayerNormalization},
    {"a = ReduceMax<axes=[1]>(x) b = Sub(x, a) c = Exp(b) d = ReduceSum<keepdims=1>(c, i1) "
     "y = Div(c, d)",
     OP_Softmax},
};

static void test_meaning(void **state)
{
    (void)state;
    static const char *const targets[] = {"c99", "avx2"};
    for (size_t i = 0; i < 2 * (sizeof cases / sizeof cases[0]); i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "net (float[2,3,5] x) => (float[2,3,5] y) <float c0 = {0}, float c1 = {1},"
                 " float c2 = {2}, float c3 = {3}, float c6 = {6}, float c05 = {0.5},"
                 " float m3 = {-3}, float c16 = {0.16666667}, float r2 = {1.4142135},"
                 " float k1 = {0.044715}, float k2 = {0.7978846}, float[5] v = {random 1 1},"
                 " int64[1] i1 = {1}> { %s }",
                 cases[i / 2].body);
        PassCase *c = pass_case_open(text, targets[i % 2]);
        if (c->g == NULL)
            fail_msg("%s: %s", cases[i / 2].body, c->why);
        PassOptions o = {0};
        if (!pass_case_run(c, &o, "recognise") || !pass_case_same(c, "recognise"))
            fail_msg("%s: %s", cases[i / 2].body, c->why);
        if (c->g->n_nodes != 1 || c->g->nodes[0]->op != cases[i / 2].op)
            fail_msg("%s leaves %d nodes, the first %s", cases[i / 2].body, c->g->n_nodes,
                     op_info(c->g->nodes[0]->op)->name);
        pass_case_close(c);
        c = pass_case_open(text, targets[i % 2]);
        if (!pass_case_check_all(c, &o))
            fail_msg("%s: %s", cases[i / 2].body, c->why);
        pass_case_close(c);
    }
}

/* A long chain of multiplications is looked at in bounded time. */
static void test_long_product(void **state)
{
    (void)state;
    enum { LINKS = 2000 };
    static char text[64 * LINKS];
    size_t n = (size_t)snprintf(text, sizeof text,
                                "net (float[4] x) => (float[4] y) <float c = {1.0001}> { v0 = "
                                "Abs(x) ");
    for (int i = 1; i <= LINKS; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "v%d = Mul(v%d, %s) ", i, i - 1,
                              i % 3 ? "c" : "x");
    snprintf(text + n, sizeof text - n, "y = Neg(v%d) }", LINKS);
    PassCase *c = pass_case_open(text, "c99");
    assert_non_null(c->g);
    PassOptions o = {0};
    assert_true(pass_case_run(c, &o, "recognise"));
    assert_int_equal(c->g->n_nodes, LINKS + 2);
    pass_case_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_meaning),
        cmocka_unit_test(test_long_product),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
