/* The graph IR: names, uses, sorting, the verifier and the text form. */
#include "ir/graph.h"
#include "ir/ops.h"
#include "ir/text.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef struct Fixture {
    Arena *arena;
    Diag diag;
    Graph *g;
    Value *x; /* the input */
} Fixture;

static const Shape shape = {2, {2, 3}};

static int set_up(void **state)
{
    Arena *a = arena_new(0);
    if (a == NULL)
        return -1;
    arena_on_oom(a);
    Fixture *f = ARENA_NEW(a, Fixture);
    f->arena = a;
    f->diag = (Diag){.arena = a, .file = "model"};
    f->g = graph_new(a, &f->diag);
    f->g->ir_version = 8;
    f->g->opset = 17;
    f->x = graph_value(f->g, "x", DT_F32, &shape);
    f->x->is_input = true;
    ARENA_PUSH(a, f->g, inputs, n_inputs, cap_inputs, f->x);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    arena_free(((Fixture *)*state)->arena);
    return 0;
}

static Value *relu(Fixture *f, const char *name, Value *in)
{
    Value *out = graph_value(f->g, name, DT_F32, &shape);
    graph_node(f->g, OP_Relu, NULL, &in, 1, &out, 1);
    return out;
}

static void make_output(Fixture *f, Value *v)
{
    v->is_output = true;
    ARENA_PUSH(f->arena, f->g, outputs, n_outputs, cap_outputs, v);
}

static void names_are_unique(void **state)
{
    Fixture *f = *state;
    Value *again = graph_value(f->g, "x", DT_F32, &shape);
    Value *unnamed = graph_value(f->g, NULL, DT_F32, &shape);
    assert_string_equal(again->name, "x_1");
    assert_true(unnamed->name[0] != '\0');
    for (int i = 0; i < 1000; i++)
        assert_string_not_equal(graph_value(f->g, "x", DT_F32, &shape)->name, "x");
    for (int i = 0; i < f->g->n_values; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(f->g->values[i]->name, f->g->values[k]->name);
}

static void operators_are_found(void **state)
{
    (void)state;
    assert_int_equal(op_find("", "Conv"), OP_Conv);
    assert_int_equal(op_find("ai.onnx", "Conv"), OP_Conv);
    assert_int_equal(op_find("cnncc", "Reorder"), OP_Reorder);
    assert_int_equal(op_find("", "Reorder"), OP_NONE);
    assert_int_equal(op_find("", "conv"), OP_NONE);
    assert_true(op_has(OP_Add, T_ELEMENTWISE | T_COMMUTATIVE));
    assert_false(op_has(OP_Sub, T_ELEMENTWISE | T_COMMUTATIVE));
    for (int i = OP_NONE + 1; i < OP_COUNT; i++)
        assert_int_equal(op_find(op_info((OpKind)i)->domain, op_info((OpKind)i)->name), i);
}

static void uses_are_counted(void **state)
{
    Fixture *f = *state;
    Value *a = relu(f, "a", f->x), *sum = graph_value(f->g, "sum", DT_F32, &shape);
    Node *add = graph_node(f->g, OP_Add, "add", (Value *[]){a, a}, 2, &sum, 1);
    make_output(f, sum);
    graph_index(f->g);
    assert_int_equal(f->x->n_users, 1);
    assert_int_equal(a->n_users, 2);
    assert_ptr_equal(a->users[0], add);
    graph_replace_uses(f->g, a, f->x);
    assert_int_equal(a->n_users, 0);
    assert_int_equal(f->x->n_users, 3);
    assert_ptr_equal(add->in[1], f->x);
}

static void nodes_are_sorted(void **state)
{
    Fixture *f = *state;
    Value *late = graph_value(f->g, "late", DT_F32, &shape);
    Value *c = relu(f, "c", late);
    Value *b = relu(f, "b", f->x);
    graph_node(f->g, OP_Relu, "maker", &b, 1, &late, 1);
    Value *unread = relu(f, "unread", f->x);
    make_output(f, c);
    assert_false(graph_verify(f->g, "test"));
    unread->def->dead = true;
    assert_true(graph_compact(f->g));
    assert_int_equal(f->g->n_nodes, 3);
    assert_ptr_equal(f->g->nodes[0], b->def);
    assert_ptr_equal(f->g->nodes[1], late->def);
    assert_ptr_equal(f->g->nodes[2], c->def);
    for (int i = 0; i < f->g->n_values; i++)
        assert_ptr_not_equal(f->g->values[i], unread);
    assert_true(graph_verify(f->g, "test"));
}

static void cycles_are_refused(void **state)
{
    Fixture *f = *state;
    Value *a = graph_value(f->g, "a", DT_F32, &shape);
    Value *b = relu(f, "b", a);
    graph_node(f->g, OP_Relu, "closing", &b, 1, &a, 1);
    make_output(f, b);
    assert_false(graph_compact(f->g));
    assert_non_null(strstr(f->diag.first, "cycle"));
}

/* A chain deeper than any stack. */
static void deep_graphs_are_sorted(void **state)
{
    Fixture *f = *state;
    enum { DEPTH = 200000 };
    Value **v = ARENA_ARRAY(f->arena, Value *, DEPTH + 1);
    for (int i = 0; i <= DEPTH; i++)
        v[i] = i == 0 ? f->x : graph_value(f->g, NULL, DT_F32, &shape);
    for (int i = DEPTH; i > 0; i--)
        graph_node(f->g, OP_Relu, "r", &v[i - 1], 1, &v[i], 1);
    make_output(f, v[DEPTH]);
    assert_true(graph_compact(f->g));
    assert_ptr_equal(f->g->nodes[0]->in[0], f->x);
    assert_ptr_equal(f->g->nodes[DEPTH - 1]->out[0], v[DEPTH]);
}

/* Each way to break the graph is noticed. */
static void broken_graphs_are_noticed(void **state)
{
    Fixture *f = *state;
    Value *a = relu(f, "a", f->x), *b = relu(f, "b", a);
    make_output(f, b);
    assert_true(graph_verify(f->g, "test"));

    b->shape.dim[1] = 4;
    assert_false(graph_verify(f->g, "test"));
    b->shape.dim[1] = 3;

    b->layout.block = 8;
    assert_false(graph_verify(f->g, "test"));
    b->layout.block = 0;

    a->place = (Place){PLACE_ARENA, 0, 8};
    f->g->arena_bytes = 31;
    assert_false(graph_verify(f->g, "test"));
    f->g->arena_bytes = 32;
    assert_true(graph_verify(f->g, "test"));

    a->def = NULL;
    assert_false(graph_verify(f->g, "test"));
    a->def = f->g->nodes[0];

    Shape wide = {2, {2, 5}};
    Value *other = graph_value(f->g, "other", DT_F32, &wide);
    other->is_input = true;
    Node *n = b->def;
    n->n_epilogue = 1;
    n->epilogue[0] = (EpilogueStep){.op = OP_Add, .operand = node_add_input(f->g, n, other)};
    assert_false(graph_verify(f->g, "test"));
    n->in[1] = f->x;
    assert_true(graph_verify(f->g, "test"));
    assert_int_equal(node_own_inputs(n), 1);
    n->epilogue[0].op = OP_Conv;
    assert_false(graph_verify(f->g, "test"));
    assert_non_null(strstr(f->diag.first, "internal error: after pass test"));
}

static void dumps_are_text(void **state)
{
    Fixture *f = *state;
    f->g->name = "net";
    Tensor *t = tensor_new(f->arena, DT_F32, &(Shape){1, {3}});
    for (int i = 0; i < 3; i++)
        tensor_set_f64(t, i, 0.1 * i);
    Value *k = graph_constant(f->g, "a \"name\"", t);
    Value *sum = graph_value(f->g, "sum", DT_F32, &shape);
    Node *add = graph_node(f->g, OP_Add, "add", (Value *[]){f->x, k}, 2, &sum, 1);
    add->epilogue[0] = (EpilogueStep){.op = OP_LeakyRelu, .params.ew.alpha = 0.5, .operand = -1};
    add->epilogue[1] =
        (EpilogueStep){.op = OP_Sub, .operand = node_add_input(f->g, add, f->x), .swapped = true};
    add->n_epilogue = 2;
    make_output(f, sum);
    graph_index(f->g);
    assert_true(graph_verify(f->g, "test"));
    assert_string_equal(graph_dump(f->g),
                        "<\n  ir_version: 8,\n  opset_import: [ \"\" : 17 ]\n>\n"
                        "net (float[2,3] x) => (float[2,3] sum)\n"
                        "<\n  float[3] \"a \\\"name\\\"\" = {0, 0.1, 0.2}\n>\n"
                        "{\n"
                        "  [add] sum = Add (x, \"a \\\"name\\\"\")"
                        " |> LeakyRelu <alpha = 0.5> |> Sub (x, _)  # float[2,3]\n"
                        "}\n");
}

/* What text_number writes reads back as the same number. */
static void numbers_are_short_and_exact(void **state)
{
    Fixture *f = *state;
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},         {0.1f, "0.1"},          {1e-5f, "1e-05"},
                 {-3, "-3"},       {16777216, "16777216"}, {1.0 / 3, "0.3333333333333333"},
                 {INFINITY, "inf"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Text t = text_new(f->arena);
        text_number(&t, cases[i].value);
        assert_string_equal(text_str(&t), cases[i].text);
    }
}

static void blocked_values_are_padded(void **state)
{
    Fixture *f = *state;
    Value *v = graph_value(f->g, "v", DT_F32, &(Shape){4, {2, 5, 3, 3}});
    assert_int_equal(value_physical_numel(v), 90);
    v->layout.block = 4;
    assert_int_equal(value_physical_numel(v), 2 * 8 * 9);
    assert_int_equal(value_physical_bytes(v), 4 * 2 * 8 * 9);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(names_are_unique),
        TEST(operators_are_found),
        TEST(uses_are_counted),
        TEST(nodes_are_sorted),
        TEST(cycles_are_refused),
        TEST(deep_graphs_are_sorted),
        TEST(broken_graphs_are_noticed),
        TEST(dumps_are_text),
        TEST(numbers_are_short_and_exact),
        TEST(blocked_values_are_padded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
