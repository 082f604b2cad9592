/* The interpreter's driver: fused steps, wrong inputs, pass-through outputs, traces, no memory. */
#include "frontend/frontend.h"
#include "ir/interp/interp.h"
#include "ir/ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka needs the ones above first. */
#include <cmocka.h>

typedef struct Fixture {
    Arena *arena;
    Diag diag;
} Fixture;

static int open_fixture(void **state)
{
    static Fixture f;
    f.arena = arena_new(0);
    if (f.arena == NULL)
        return -1;
    arena_on_oom(f.arena);
    f.diag = (Diag){.arena = f.arena, .file = "test"};
    *state = &f;
    return 0;
}

static int close_fixture(void **state)
{
    arena_free(((Fixture *)*state)->arena);
    return 0;
}

static Graph *load(Fixture *f, const char *text)
{
    static const ImportOptions none;
    const char *model =
        arena_printf(f->arena, "<ir_version: 8, opset_import: [\"\" : 17]> %s", text);
    Graph *g = frontend_load_memory(f->arena, &f->diag, model, strlen(model), &none);
    assert_non_null(g);
    return g;
}

static Tensor *numbers(Fixture *f, int n, const double *values)
{
    int64_t dim = n;
    Shape s = shape_make(1, &dim);
    Tensor *t = tensor_new(f->arena, DT_F32, &s);
    for (int i = 0; i < n; i++)
        tensor_set_f64(t, i, values[i]);
    return t;
}

/* max(0, c - (x + x)): an Add with two steps, of which the first is swapped. */
static void test_epilogue(void **state)
{
    Fixture *f = *state;
    Graph *g = load(f, "g (float[3] x, float[1] c) => (float[] y) { y = Add(x, x) }");
    Node *n = g->nodes[0];
    int operand = node_add_input(g, n, g->inputs[1]);
    n->epilogue[n->n_epilogue++] =
        (EpilogueStep){.op = OP_Sub, .operand = operand, .swapped = true, .name = "sub"};
    n->epilogue[n->n_epilogue++] = (EpilogueStep){.op = OP_Relu, .operand = -1, .name = "relu"};
    assert_true(op_infer(g, n));
    assert_true(graph_verify(g, "test"));
    const Tensor *in[] = {numbers(f, 3, (double[]){1, 2, 3}), numbers(f, 1, (double[]){5})};
    Tensor *out[1];
    assert_true(interp_run(g, f->arena, in, out, NULL, NULL));
    assert_true(tensor_get_f64(out[0], 0) == 3); /* 5 - 2 */
    assert_true(tensor_get_f64(out[0], 1) == 1);
    assert_true(tensor_get_f64(out[0], 2) == 0);
}

static void test_wrong_input(void **state)
{
    Fixture *f = *state;
    Graph *g = load(f, "g (float[3] x) => (float[] y) { y = Relu(x) }");
    const Tensor *in[] = {numbers(f, 2, (double[]){1, 2})};
    Tensor *out[1];
    assert_false(interp_run(g, f->arena, in, out, NULL, NULL));
    assert_string_equal(f->diag.first,
                        "test: error: input \"x\" is float[2], the model takes float[3]");
}

/* An output that is an input, and one that is a constant, are copies in the caller's arena. */
static void test_pass_through(void **state)
{
    Fixture *f = *state;
    Graph *g = load(f, "g (float[2] x) => (float[] x, float[] y) "
                       "<float[2] c = {3, 4}> { y = Neg(c) }");
    const Tensor *in[] = {numbers(f, 2, (double[]){1, 2})};
    Tensor *out[2];
    assert_true(interp_run(g, f->arena, in, out, NULL, NULL));
    assert_ptr_not_equal(out[0], in[0]);
    assert_memory_equal(out[0]->data, in[0]->data, 2 * sizeof(float));
    assert_true(tensor_get_f64(out[1], 1) == -4);
}

typedef struct Seen {
    char names[16]; /* the first letter of each value */
    int n;
} Seen;

static void record(void *user, const Value *v, const Tensor *t)
{
    Seen *seen = user;
    assert_int_equal(shape_numel(&t->shape), shape_numel(&v->shape));
    assert_in_range(seen->n, 0, 14);
    seen->names[seen->n++] = v->name[0];
}

static void test_trace(void **state)
{
    Fixture *f = *state;
    Graph *g = load(f, "g (float[2] x) => (float[] d) "
                       "{ a = Exp(x) b = Neg(a) c = Abs(b) d = Add(a, c) }");
    const Tensor *in[] = {numbers(f, 2, (double[]){0, 0})};
    Tensor *out[1];
    Seen seen = {"", 0};
    assert_true(interp_run(g, f->arena, in, out, record, &seen));
    assert_string_equal(seen.names, "abcd");
    assert_true(tensor_get_f64(out[0], 0) == 2);
}

/* The caller's arena runs out in the middle: control returns to its entry point, and freeing it
 * frees what the run held (the sanitizers would report it otherwise). */
static void test_no_memory(void **state)
{
    Fixture *f = *state;
    Graph *g = load(f, "g (float[1000] x) => (float[] y) { a = Neg(x) b = Exp(a) y = Neg(b) }");
    double zeros[1000] = {0};
    const Tensor *in[] = {numbers(f, 1000, zeros)};
    Arena *tight = arena_new(2000);
    assert_non_null(tight);
    Tensor *out[1];
    if (setjmp(*arena_on_oom(tight)) == 0) {
        interp_run(g, tight, in, out, NULL, NULL);
        fail_msg("4000 bytes came out of 2000");
    }
    arena_free(tight);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_epilogue, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_wrong_input, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_pass_through, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_trace, open_fixture, close_fixture),
        cmocka_unit_test_setup_teardown(test_no_memory, open_fixture, close_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
