/* The driver of lowering: unsupported nodes are reported together, equal kernels and constants are
 * shared, blocked constants are padded with zeros, and every output buffer gets its data. */
#include "codegen/codegen.h"
#include "ir/ops.h"
#include "tests/support/kernel_eval.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

enum { N = 40 };

typedef struct Case {
    Arena *arena;
    Diag diag;
    Graph *g;
} Case;

static int setup(void **state)
{
    Arena *a = arena_new(0);
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0)
        return 1;
    Case *c = ARENA_NEW(a, Case);
    c->arena = a;
    c->diag = (Diag){.arena = a, .file = "test"};
    c->g = graph_new(a, &c->diag);
    c->g->name = "test";
    c->g->target = target_find("avx2");
    c->g->arena_bytes = 1024;
    *state = c;
    return 0;
}

static int teardown(void **state)
{
    arena_free(((Case *)*state)->arena);
    return 0;
}

static const Shape shape = {4, {1, N / 4, 2, 2}};

static Value *input(Case *c, const char *name)
{
    Value *v = graph_value(c->g, name, DT_F32, &shape);
    v->is_input = true;
    v->place = (Place){PLACE_INPUT, c->g->n_inputs, 0};
    ARENA_PUSH(c->arena, c->g, inputs, n_inputs, cap_inputs, v);
    return v;
}

/* A constant of [1, N / 4, 1, 1] filled with `x`. */
static Value *constant(Case *c, float x)
{
    Shape s = {4, {1, N / 4, 1, 1}};
    Tensor *t = tensor_new(c->arena, DT_F32, &s);
    for (int i = 0; i < N / 4; i++)
        ((float *)t->data)[i] = x;
    Value *v = graph_constant(c->g, NULL, t);
    v->place.kind = PLACE_WEIGHTS;
    return v;
}

static void output(Case *c, Value *v)
{
    v->is_output = true;
    if (v->place.kind == PLACE_NONE)
        v->place = (Place){PLACE_OUTPUT, c->g->n_outputs, 0};
    ARENA_PUSH(c->arena, c->g, outputs, n_outputs, cap_outputs, v);
}

/* A node whose result is a new output of the graph. */
static Value *node(Case *c, OpKind op, Value *x, Value *y)
{
    Value *in[2] = {x, y}, *out = graph_value(c->g, NULL, DT_F32, &shape);
    graph_node(c->g, op, NULL, in, y ? 2 : 1, &out, 1);
    output(c, out);
    return out;
}

static void test_all_unsupported(void **state)
{
    Case *c = *state;
    Value *x = input(c, "x");
    node(c, OP_Sum, x, NULL);
    node(c, OP_Relu, x, NULL);
    node(c, OP_Shape, x, NULL);
    assert_null(codegen_lower(c->g));
    assert_int_equal(c->diag.n_errors, 2);
    assert_int_equal(c->diag.status, STATUS_UNSUPPORTED);
}

static void test_kernels_are_shared(void **state)
{
    Case *c = *state;
    Value *x = input(c, "x");
    node(c, OP_Relu, x, NULL);
    node(c, OP_Relu, c->g->outputs[0], NULL);
    node(c, OP_Abs, x, NULL);
    Program *p = codegen_lower(c->g);
    assert_non_null(p);
    assert_int_equal(p->n_calls, 3);
    assert_int_equal(p->n_kernels, 2);
    assert_ptr_equal(p->calls[0].kernel, p->calls[1].kernel);
}

static void test_names_differ(void **state)
{
    Case *c = *state;
    Value *x = input(c, "x"), *half = constant(c, 2);
    half->constant = NULL; /* [1, C, 1, 1], not known */
    half->place = (Place){PLACE_ARENA, 0, 0};
    node(c, OP_Add, x, x);
    node(c, OP_Add, x, half);
    Program *p = codegen_lower(c->g);
    assert_non_null(p);
    assert_int_equal(p->n_kernels, 2);
    assert_string_not_equal(p->kernels[0]->name, p->kernels[1]->name);
}

static void test_constants_are_shared(void **state)
{
    Case *c = *state;
    Value *x = input(c, "x"), *a = constant(c, 2);
    node(c, OP_Add, x, a);
    node(c, OP_Mul, x, a);
    node(c, OP_Sub, x, constant(c, 2)); /* the same bytes */
    node(c, OP_Div, x, constant(c, 3));
    Program *p = codegen_lower(c->g);
    assert_non_null(p);
    assert_int_equal(p->weights_bytes, 128);
    assert_int_equal(p->calls[0].arg[2].offset, p->calls[2].arg[2].offset);
    assert_int_not_equal(p->calls[0].arg[2].offset, p->calls[3].arg[2].offset);
    assert_true(((float *)(void *)p->weights)[16] == 3);
}

static void test_blocked_constant(void **state)
{
    Case *c = *state;
    Value *x = input(c, "x"), *a = constant(c, 2);
    x->layout.block = a->layout.block = 8;
    Value *y = node(c, OP_Add, x, a);
    y->layout.block = 8;
    Program *p = codegen_lower(c->g);
    assert_non_null(p);
    const float *w = (const float *)(void *)p->weights;
    for (int i = 0; i < 16; i++)
        assert_true(w[i] == (i < N / 4 ? 2 : 0));
}

/* Output 0 is computed, 1 is the same value again, 2 an input, 3 a constant. */
static void test_outputs_without_a_node(void **state)
{
    Case *c = *state;
    Value *x = input(c, "x"), *k = constant(c, 5);
    Value *y = node(c, OP_Neg, x, NULL);
    output(c, y);
    output(c, x);
    output(c, k);
    Program *p = codegen_lower(c->g);
    assert_non_null(p);
    float data[N], out[4][N];
    for (int i = 0; i < N; i++)
        data[i] = (float)i;
    const void *in[] = {data};
    void *outs[] = {out[0], out[1], out[2], out[3]};
    const char *why = "";
    _Alignas(64) unsigned char memory[1024];
    if (!program_eval(c->arena, p, in, outs, memory, &why))
        fail_msg("%s", why);
    for (int i = 0; i < N; i++) {
        assert_true(out[0][i] == -data[i] && out[1][i] == -data[i] && out[2][i] == data[i]);
        assert_true(i >= N / 4 || out[3][i] == 5);
    }
}

/* Steps with an operand on either side, on the result in place. */
static void test_epilogue_in_place(void **state)
{
    Case *c = *state;
    Value *x = input(c, "x"), *buffer = graph_value(c->g, "buffer", DT_F32, &shape);
    Value *y = graph_value(c->g, "y", DT_F32, &shape);
    graph_node(c->g, OP_Neg, NULL, &x, 1, &buffer, 1);
    Value *in[] = {buffer, x, constant(c, 3)};
    Node *n = graph_node(c->g, OP_Abs, NULL, in, 3, &y, 1);
    n->n_epilogue = 2;
    n->epilogue[0] = (EpilogueStep){.op = OP_Sub, .operand = 1, .swapped = true, .name = "s"};
    n->epilogue[1] = (EpilogueStep){.op = OP_Mul, .operand = 2, .name = "m"};
    output(c, y);
    buffer->place = y->place; /* the result overwrites its operand */
    Program *p = codegen_lower(c->g);
    assert_non_null(p);
    float data[N], out[N];
    for (int i = 0; i < N; i++)
        data[i] = (float)(i - 20);
    const void *ins[] = {data};
    void *outs[] = {out};
    const char *why = "";
    _Alignas(64) unsigned char memory[1024];
    if (!program_eval(c->arena, p, ins, outs, memory, &why))
        fail_msg("%s", why);
    for (int i = 0; i < N; i++)
        assert_true(out[i] == (data[i] - (data[i] < 0 ? -data[i] : data[i])) * 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_unsupported, setup, teardown),
        cmocka_unit_test_setup_teardown(test_kernels_are_shared, setup, teardown),
        cmocka_unit_test_setup_teardown(test_names_differ, setup, teardown),
        cmocka_unit_test_setup_teardown(test_constants_are_shared, setup, teardown),
        cmocka_unit_test_setup_teardown(test_blocked_constant, setup, teardown),
        cmocka_unit_test_setup_teardown(test_outputs_without_a_node, setup, teardown),
        cmocka_unit_test_setup_teardown(test_epilogue_in_place, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
