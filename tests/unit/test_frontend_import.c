/* Import: the forms of each opset end as one; shape arithmetic folds; dimensions are pinned. */
#include "tests/unit/frontend_case.h"

#include <math.h>

static Graph *must_load(Case *c, int opset, const char *graph)
{
    Graph *g = case_graph(c, opset, graph);
    if (g == NULL)
        fail_msg("%s", c->log);
    return g;
}

/* ---- one form for all opsets ---- */

static void test_clip_forms(void **state)
{
    (void)state;
    static const struct {
        int opset;
        const char *graph;
        double min, max;
    } forms[] = {
        {10, "g (float[4] X) => (float[4] Y) { Y = Clip <min = 0.0, max = 6.0> (X) }", 0, 6},
        {13,
         "g (float[4] X) => (float[4] Y) <float lo = {0}, float hi = {6}> "
         "{ Y = Clip(X, lo, hi) }",
         0, 6},
        {13, "g (float[4] X) => (float[4] Y) <float hi = {6}> { Y = Clip(X, , hi) }", -INFINITY, 6},
        {13, "g (float[4] X) => (float[4] Y) { Y = Clip(X) }", -INFINITY, INFINITY},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        Case *c = case_new();
        const Node *n = find_node(must_load(c, forms[i].opset, forms[i].graph), OP_Clip);
        assert_int_equal(n->n_in, 1);
        assert_true(n->params.ew.alpha == forms[i].min);
        assert_true(n->params.ew.beta == forms[i].max);
        case_free(c);
    }
}

typedef struct ShapeCase {
    int opset;
    const char *graph;
    int rank;
    int64_t dims[4];
} ShapeCase;

/* The output's shape tells whether the old and the new form of an operator were understood. */
static const ShapeCase shape_cases[] = {
    {9,
     "g (float[4,8] X) => (float[?,?] Y) { Y = Slice <starts = [1,-3], ends = [9,-1]> (X) }",
     2,
     {3, 2}},
    {13,
     "g (float[4,8] X) => (float[?,?] Y) <int64[1] s = {7}, int64[1] e = {0}, int64[1] a = {1}, "
     "int64[1] t = {-2}> { Y = Slice(X, s, e, a, t) }",
     2,
     {4, 4}},
    {10, "g (float[2,3] X) => (float[?,?] Y) { Y = Pad <pads = [1,0,0,2]> (X) }", 2, {3, 5}},
    {11,
     "g (float[2,3] X) => (float[?,?] Y) <int64[4] p = {1,0,0,2}> { Y = Pad(X, p) }",
     2,
     {3, 5}},
    {18,
     "g (float[2,3] X) => (float[?,?] Y) <int64[2] p = {1,2}, int64[1] a = {1}> "
     "{ Y = Pad(X, p, , a) }",
     2,
     {2, 6}},
    {11, "g (float[1,3,1] X) => (float[?] Y) { Y = Squeeze <axes = [0,-1]> (X) }", 1, {3}},
    {13,
     "g (float[1,3,1] X) => (float[?,?] Y) <int64[1] a = {0}> { Y = Squeeze(X, a) }",
     2,
     {3, 1}},
    {13, "g (float[1,3,1] X) => (float[?] Y) { Y = Squeeze(X) }", 1, {3}},
    {11, "g (float[3] X) => (float[?,?] Y) { Y = Unsqueeze <axes = [0]> (X) }", 2, {1, 3}},
    {13, "g (float[3] X) => (float[?,?] Y) <int64[1] a = {1}> { Y = Unsqueeze(X, a) }", 2, {3, 1}},
    {11, "g (float[6] X) => (float[?] Y) { Y, Z = Split <split = [2,4]> (X) }", 1, {2}},
    {13, "g (float[6] X) => (float[?] Y) <int64[2] s = {5,1}> { Y, Z = Split(X, s) }", 1, {5}},
    {18, "g (float[5] X) => (float[?] Y) { Y, Z = Split <num_outputs = 2> (X) }", 1, {3}},
    {14,
     "g (float[2,0] X) => (float[?,?] Y) <int64[2] s = {0,7}> "
     "{ Y = Reshape <allowzero = 1> (X, s) }",
     2,
     {0, 7}},
    {7,
     "g (float[1,1,2,3] X) => (float[?,?,?,?] Y) "
     "{ Y = Upsample <scales = [1.0,1.0,2.0,3.0], mode = \"nearest\"> (X) }",
     4,
     {1, 1, 4, 9}},
    {9,
     "g (float[1,1,2,3] X) => (float[?,?,?,?] Y) <float[4] s = {1,1,2,3}> "
     "{ Y = Upsample(X, s) }",
     4,
     {1, 1, 4, 9}},
    {10,
     "g (float[1,1,2,4] X) => (float[?,?,?,?] Y) <float[4] s = {1,1,1,0.5}> "
     "{ Y = Resize <mode = \"linear\"> (X, s) }",
     4,
     {1, 1, 2, 2}},
    {13,
     "g (float[1,1,2,4] X) => (float[?,?,?,?] Y) <int64[4] s = {1,1,5,7}> "
     "{ Y = Resize(X, , , s) }",
     4,
     {1, 1, 5, 7}},
    {19,
     "g (float[1,1,2,4] X) => (float[?,?,?,?] Y) <int64[2] s = {4,4}> "
     "{ Y = Resize <axes = [2,3], keep_aspect_ratio_policy = \"not_larger\"> (X, , , s) }",
     4,
     {1, 1, 2, 4}},
    {13,
     "g (float[1,4,5,5] X) => (float[?,?,?,?] Y) <float[4,2,3,3] W = {random 1 1}> "
     "{ Y = ConvTranspose <strides = [2,2], group = 2, output_padding = [1,1]> (X, W) }",
     4,
     {1, 4, 12, 12}},
    {13, "g (float[2,3] X) => (float[?,?] Y) { Y = Transpose(X) }", 2, {3, 2}},
    {13, "g (float[2,3] X) => (int64[?] Y) { Y = Shape(X) }", 1, {2}},
    {15, "g (float[2,3,4] X) => (int64[?] Y) { Y = Shape <start = 1> (X) }", 1, {2}},
    {13, "g (float[2] X) => (double[?] Y) { Y = Cast <to = 11> (X) }", 1, {2}},
};

static void test_opset_forms(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shape_cases / sizeof shape_cases[0]; i++) {
        Case *c = case_new();
        const Graph *g = must_load(c, shape_cases[i].opset, shape_cases[i].graph);
        assert_shape(g->outputs[0], shape_cases[i].rank, shape_cases[i].dims);
        case_free(c);
    }
}

/* Operators that were in opset 6 what they are in opset 7, or can be told apart. */
static void test_old_opsets(void **state)
{
    (void)state;
    Case *c = case_new();
    must_load(c, 1, "g (float[1,2,4] X) => (float[1,2,1] Y) { Y = GlobalAveragePool(X) }");
    must_load(c, 6,
              "g (float[2,3] X, float[3] B) => (float[2,3] Y) "
              "{ Y = Add <broadcast = 1, axis = 1> (X, B) }");
    must_load(c, 6,
              "g (float[1,2,1] X) => (float[1,2,1] Y) <float[2] a = {1,2}> "
              "{ Y = BatchNormalization <is_test = 1> (X, a, a, a, a) }");
    const Graph *g = must_load(c, 6,
                               "g (float[1,2,3,4] X) => (float[1,2,3,4] Y) "
                               "<float[2] s = {1,2}> { Y = PRelu(X, s) }");
    assert_shape(find_node(g, OP_PRelu)->in[1], 3, (int64_t[]){2, 1, 1});
    case_free(c);
}

static void test_softmax_axis(void **state)
{
    (void)state;
    const char *graph = "g (float[2,3,4] X) => (float[2,3,4] Y) { Y = Softmax(X) }";
    Case *c = case_new();
    const Node *old = find_node(must_load(c, 11, graph), OP_Softmax);
    const Node *new = find_node(must_load(c, 13, graph), OP_Softmax);
    assert_true(old->params.axis.coerce_2d && old->params.axis.axis == 1);
    assert_true(!new->params.axis.coerce_2d &&new->params.axis.axis == 2);
    case_free(c);
}

static void test_window(void **state)
{
    (void)state;
    Case *c = case_new();
    const Graph *g = must_load(
        c, 11,
        "g (float[1,2,9,9] X) => (float[1,4,?,?] Y) <float[4,1,3,2] W = {random 1 1}> { Y = "
        "Conv <strides = [2,1], dilations = [1,2], pads = [1,2,3,4], group = 2> (X, W) }");
    const ConvParams *p = &find_node(g, OP_Conv)->params.conv;
    assert_int_equal(p->w.n, 2);
    assert_int_equal(p->w.kernel[0], 3);
    assert_int_equal(p->w.kernel[1], 2);
    assert_int_equal(p->w.stride[0], 2);
    assert_int_equal(p->w.dilation[1], 2);
    assert_int_equal(p->w.pad_begin[1], 2);
    assert_int_equal(p->w.pad_end[0], 3);
    assert_int_equal(p->group, 2);
    assert_shape(g->outputs[0], 4, (int64_t[]){1, 4, 6, 13});
    case_free(c);
}

/* ---- rewriting ---- */

static void test_chains(void **state)
{
    (void)state;
    Case *c = case_new();
    const Graph *g =
        must_load(c, 8,
                  "g (float[2] A, float[2] B, float[2] C) => (float[2] Y, float[2] Z, float[2] W) "
                  "{ Y = Sum(A, B, C) Z = Mean(A, B, C) W = Max(A) }");
    int adds = 0;
    for (int i = 0; i < g->n_nodes; i++)
        adds += g->nodes[i]->op == OP_Add;
    assert_int_equal(adds, 4);
    const Node *div = find_node(g, OP_Div);
    assert_true(tensor_get_f64(div->in[1]->constant, 0) == 3);
    assert_ptr_equal(div->out[0], g->outputs[1]);
    assert_int_equal(g->outputs[2]->def->op, OP_Identity);
    case_free(c);
}

static void test_dropout(void **state)
{
    (void)state;
    Case *c = case_new();
    const Graph *g = must_load(c, 13,
                               "g (float[2] X) => (float[2] Y, bool[2] M) "
                               "<float r = {0.5}, bool t = {0}> { Y, M = Dropout(X, r, t) }");
    assert_int_equal(g->outputs[0]->def->op, OP_Identity);
    const Value *mask = g->outputs[1]->def->in[0];
    assert_int_equal(mask->dtype, DT_BOOL);
    assert_memory_equal(mask->constant->data, "\1\1", 2);
    case_free(c);
}

static void test_constants(void **state)
{
    (void)state;
    Case *c = case_new();
    const Graph *g =
        must_load(c, 13,
                  "g (float[2] X) => (float[2] Y) { a = Constant <value = float[2] {1, 2}> () "
                  "b = Constant <value_float = 3.0> () d = Constant <value_floats = [4.0, 5.0]> () "
                  "i = Constant <value_int = 6> () k = Constant <value_ints = [7]> () "
                  "e = Add(X, a) f = Add(e, b) h = Add(f, d) j = Reshape(h, k2) Y = Identity(j) "
                  "k2 = Concat <axis = 0> (m) m = Cast <to = 7> (n) n = Sub(k, o) "
                  "o = Constant <value_ints = [5]> () }");
    assert_int_equal(g->n_nodes, 5);
    const Node *n = find_node(g, OP_Reshape);
    assert_int_equal(tensor_get_i64(n->in[1]->constant, 0), 2);
    assert_int_equal(g->n_parameters, 5);
    case_free(c);
}

/* Shape -> Gather -> Concat -> Reshape, as exporters write a flatten. */
static void test_shape_arithmetic(void **state)
{
    (void)state;
    Case *c = case_new();
    const Graph *g =
        must_load(c, 13,
                  "g (float[N,3,4] X) => (float[N,12] Y) <int64 zero = {0}, int64[1] rest = {-1}> "
                  "{ Y = Reshape(X, t) s = Shape(X) b = Gather(s, zero) "
                  "u = Unsqueeze(b, axes) axes = Constant <value_ints = [0]> () "
                  "t = Concat <axis = 0> (u, rest) }");
    assert_int_equal(g->n_nodes, 1);
    assert_shape(g->outputs[0], 2, (int64_t[]){1, 12});
    assert_logged(c, "input \"X\": leading dimension \"N\" is taken as 1 (--dim N=N sets it)");
    case_free(c);
}

/* What is large is left to the passes: integers here, so that only their number counts. */
static void test_large_is_not_folded(void **state)
{
    (void)state;
    Case *c = case_new();
    const Graph *g = must_load(c, 13,
                               "g (int64[1] X) => (int64[20000000] Y) "
                               "<int64 one = {1}, int64[1] n = {20000000}> "
                               "{ e = Expand(one, n) Y = Add(e, X) }");
    assert_int_equal(g->n_nodes, 2);
    assert_null(find_node(g, OP_Expand)->out[0]->constant);
    case_free(c);
}

/* ---- inputs and outputs ---- */

static const char symbolic[] = "<ir_version: 8, opset_import: [\"\" : 13]> "
                               "g (float[N,C,8] X, float[C] B) => (float[N,C,8] Y) { Y = Relu(X) }";

static void test_dim_bindings(void **state)
{
    (void)state;
    Case *c = case_new();
    const DimBinding dims[] = {{"N", 5}, {"C", 3}};
    const ImportOptions o = {.dims = dims, .n_dims = 2};
    const Graph *g = case_load(c, symbolic, &o);
    assert_non_null(g);
    assert_shape(g->inputs[0], 3, (int64_t[]){5, 3, 8});
    assert_shape(g->inputs[1], 1, (int64_t[]){3});
    assert_string_equal(c->log, "");
    const DimBinding zero[] = {{"N", 0}};
    assert_null(case_load(c, symbolic, &(ImportOptions){.dims = zero, .n_dims = 1}));
    assert_logged(c, "--dim N=0: must be at least 1");
    case_free(c);
}

/* A frozen input pins the symbols that it shares with others. */
static void test_freeze(void **state)
{
    (void)state;
    Case *c = case_new();
    const int64_t three = 3;
    const Shape s = shape_make(1, &three);
    FreezeBinding f = {.input = "B", .tensor = tensor_new(c->arena, DT_F32, &s)};
    const ImportOptions o = {.freezes = &f, .n_freezes = 1};
    const Graph *g = case_load(c, symbolic, &o);
    assert_non_null(g);
    assert_int_equal(g->n_inputs, 1);
    assert_shape(g->inputs[0], 3, (int64_t[]){1, 3, 8});
    f.tensor = tensor_new(c->arena, DT_I64, &s);
    assert_null(case_load(c, symbolic, &o));
    assert_logged(c, "--freeze B: the tensor is int64[3], the input float[3]");
    f.input = "Q";
    assert_null(case_load(c, symbolic, &o));
    assert_logged(c, "--freeze Q: the model has no such input");
    case_free(c);
}

static void test_input_that_is_initializer(void **state)
{
    (void)state;
    Case *c = case_new();
    const Graph *g = must_load(c, 13,
                               "g (float[2] X, float[2] W = {1, 2}) => (float[2] Y) "
                               "{ Y = Add(X, W) }");
    assert_int_equal(g->n_inputs, 1);
    assert_non_null(find_node(g, OP_Add)->in[1]->constant);
    case_free(c);
}

/* Every output is made by a node of its own. */
static void test_outputs(void **state)
{
    (void)state;
    Case *c = case_new();
    const Graph *g = must_load(c, 13,
                               "g (float[2] X) => (float[2] X, float[2] K, float[2] R) "
                               "<float[2] K = {1, 2}> { R = Relu(X) }");
    assert_int_equal(g->n_outputs, 3);
    for (int i = 0; i < 3; i++)
        assert_non_null(g->outputs[i]->def);
    assert_string_equal(g->inputs[0]->name, "X");
    assert_string_equal(g->outputs[1]->name, "K");
    assert_ptr_equal(g->outputs[0]->def->in[0], g->inputs[0]);
    case_free(c);
}

static void test_unsorted(void **state)
{
    (void)state;
    Case *c = case_new();
    const Graph *g = must_load(c, 13,
                               "g (float[2] X) => (float[2] Y) "
                               "{ [c] Y = Relu(b) [b] b = Tanh(a) [a] a = Neg(X) }");
    assert_string_equal(g->nodes[0]->name, "a");
    assert_string_equal(g->nodes[1]->name, "b");
    assert_string_equal(g->nodes[2]->name, "c");
    assert_int_equal(g->nodes[2]->id, 0);
    case_free(c);
}

static void test_value_info_mismatch(void **state)
{
    (void)state;
    Case *c = case_new();
    must_load(c, 13, "g (float[2] X) => (float[2] Y) <float[3] t> { t = Relu(X) Y = Relu(t) }");
    assert_logged(c, "warning: value \"t\" is stated as float[3] but is float[2]");
    case_free(c);
}

static void test_description(void **state)
{
    (void)state;
    Case *c = case_new();
    const char *text =
        "<ir_version: 7, opset_import: [\"\" : 12], producer_name: \"maker\", "
        "producer_version: \"1.2\"> net (float[1] X) => (float[1] Y) { Y = Relu(X) }";
    const Graph *g = case_load(c, text, NULL);
    assert_non_null(g);
    assert_string_equal(g->name, "net");
    assert_string_equal(g->producer, "maker 1.2");
    assert_int_equal(g->ir_version, 7);
    assert_int_equal(g->opset, 12);
    assert_int_equal(strlen(g->sha256), 64);
    case_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clip_forms),
        cmocka_unit_test(test_opset_forms),
        cmocka_unit_test(test_old_opsets),
        cmocka_unit_test(test_softmax_axis),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_shape_arithmetic),
        cmocka_unit_test(test_large_is_not_folded),
        cmocka_unit_test(test_dim_bindings),
        cmocka_unit_test(test_freeze),
        cmocka_unit_test(test_input_that_is_initializer),
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_unsorted),
        cmocka_unit_test(test_value_info_mismatch),
        cmocka_unit_test(test_description),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
