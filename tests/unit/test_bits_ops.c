/* The lowering of every operator: C by gcc, C by clang and the JIT agree bit for bit, and with
 * the interpreter within tolerance, on one model of each family for every target that runs here.
 * Extents are odd, so that every kernel has tails and borders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver/build_c.h"
#include "driver/pipeline.h"
#include "ir/interp/interp.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Nodes of x, y: float[2,19,5,7]; p: the same, positive. Each %s is the node's output. */
static const char *const elementwise[] = {
    "%s = Relu (x)",
    "%s = LeakyRelu <alpha = 0.1> (x)",
    "%s = Elu <alpha = 0.7> (x)",
    "%s = Selu (x)",
    "%s = Celu <alpha = 1.3> (x)",
    "%s = ThresholdedRelu <alpha = 0.4> (x)",
    "%s = Sigmoid (x)",
    "%s = HardSigmoid (x)",
    "%s = HardSwish (x)",
    "%s = Tanh (x)",
    "%s = Softplus (x)",
    "%s = Softsign (x)",
    "%s = Gelu (x)",
    "%s = Gelu <approximate = \"tanh\"> (x)",
    "%s = Mish (x)",
    "%s = Clip (x, low, high)",
    "%s = Exp (x)",
    "%s = Log (p)",
    "%s = Sqrt (p)",
    "%s = Reciprocal (p)",
    "%s = Abs (x)",
    "%s = Neg (x)",
    "%s = Floor (x)",
    "%s = Ceil (x)",
    "%s = Erf (x)",
    "%s = Add (x, y)",
    "%s = Sub (x, channel)",
    "%s = Mul (row, y)",
    "%s = Div (x, p)",
    "%s = Pow (p, y)",
    "%s = Min (x, y)",
    "%s = Max (x, row)",
    "%s = PRelu (x, channel)",
};

static const char *const windows[] = {
    "%s = Conv <pads = [1,1,1,1]> (x, w33, b24)",
    "%s = Conv <strides = [2,2], pads = [0,1,2,0]> (x, w33)",
    "%s = Conv <dilations = [2,1]> (x, w32)",
    "%s = Conv (x, w11, b24)",
    "%s = Conv <group = 19, pads = [1,1,1,1]> (x, wd)",
    "%s = Conv <group = 3, auto_pad = \"SAME_UPPER\"> (g, wg)",
    "%s = Conv <pads = [2,1]> (line, wl)",
    "%s = Conv <pads = [0,1,0,1,0,1]> (cube, wc)",
    "%s = ConvTranspose <strides = [2,2], output_padding = [1,0]> (x, wt)",
    "%s = MaxPool <kernel_shape = [3,2], strides = [2,1], ceil_mode = 1> (x)",
    "%s = MaxPool <kernel_shape = [2,3], dilations = [2,2], pads = [1,1,1,1]> (x)",
    "%s = AveragePool <kernel_shape = [3,3], pads = [1,1,1,1]> (x)",
    "%s = AveragePool <kernel_shape = [3,3], pads = [1,0,1,0], count_include_pad = 1> (x)",
    "%s = LpPool <kernel_shape = [2,2], p = 2> (x)",
    "%s = GlobalAveragePool (x)",
    "%s = GlobalMaxPool (x)",
    ("%s = MaxUnpool <kernel_shape = [3,3], strides = [2,2]> (top, place)\n"
     "  top, place = MaxPool <kernel_shape = [3,3], strides = [2,2]> (x)"),
    "%s = LRN <size = 5, alpha = 0.01> (x)",
    "%s = BatchNormalization (x, channel1, b19, channel1, p19)",
    "%s = Resize <mode = \"linear\"> (x, , scales)",
    "%s = Resize <mode = \"cubic\"> (x, , scales)",
    "%s = Resize <mode = \"nearest\"> (x, , scales)",
};

static const char *const others[] = {
    "%s = Gemm <alpha = 0.5, beta = 1.5> (a, m, v)",
    "%s = Gemm <transA = 1, transB = 1> (at, mt)",
    "%s = MatMul (a, m)",
    "%s = MatMul (x, q)",
    "%s = Softmax <axis = 1> (x)",
    "%s = Softmax <axis = 3> (x)",
    "%s = LogSoftmax <axis = 2> (x)",
    "%s = Concat <axis = 1> (x, y, g)",
    "%s = Concat <axis = 3> (x, y)",
    "%s = Concat <axis = 1> (few, many)\n  many, few = Split <axis = 1> (x, channels)",
    "%s = Sub (left, right)\n  left, middle, right = Split <axis = 3> (x, columns)",
    "%s = Transpose <perm = [0,2,3,1]> (x)",
    "%s = Transpose <perm = [3,1,0,2]> (x)",
    "%s = Pad (x, pads, low)",
    "%s = Pad <mode = \"reflect\"> (x, pads)",
    "%s = Pad <mode = \"edge\"> (x, pads)",
    "%s = Slice (x, from, to, axes, steps)",
    "%s = Gather <axis = 1> (x, chosen)",
    "%s = Expand (row, shape)",
    "%s = Flatten <axis = 2> (x)",
};

/* Operators that later opsets do not have. */
static const char *const legacy[] = {
    "%s = Upsample (x, scales)",
    "%s = Upsample <mode = \"linear\"> (x, scales)",
};
enum { OPSET = 20, LEGACY_OPSET = 9 };

static const char inputs[] =
    "float[2,19,5,7] x, float[2,19,5,7] y, float[2,19,5,7] p, float[2,21,5,7] g, "
    "float[1,18,23] line, float[1,5,4,5,6] cube, float[13,37] a, float[37,13] at";
static const char constants[] =
    "float[19,1,1] channel = {random 3 0.5}, float[7] row = {random 4 0.9}, "
    "float low = {-0.25}, float high = {0.5}, float[24,19,3,3] w33 = {random 5 0.1}, "
    "float[24] b24 = {random 6 0.5}, float[5,19,3,2] w32 = {random 7 0.1}, "
    "float[24,19,1,1] w11 = {random 8 0.2}, float[19,1,3,3] wd = {random 9 0.3}, "
    "float[6,7,3,3] wg = {random 10 0.2}, float[9,18,4] wl = {random 11 0.2}, "
    "float[17,5,2,2,3] wc = {random 12 0.2}, float[19,6,3,2] wt = {random 13 0.2}, "
    "float[19] channel1 = {random 14 0.5}, float[19] b19 = {random 15 0.5}, "
    "float[19] p19 = {1,2,3,4,5,6,7,8,9,1,2,3,4,5,6,7,8,9,1}, "
    "float[4] scales = {1, 1, 2, 1.5}, float[37,35] m = {random 16 0.2}, "
    "float[35,37] mt = {random 17 0.2}, float[35] v = {random 18 0.5}, "
    "float[7,6] q = {random 19 0.4}, int64[8] pads = {0,1,2,1,0,0,2,3}, "
    "int64[2] from = {1, 4}, int64[2] to = {18, 0}, int64[2] axes = {1, 2}, "
    "int64[2] steps = {3, -1}, int64[2] channels = {13, 6}, "
    "int64[3] columns = {3, 1, 3}, int64[4] chosen = {18, 0, 7, 7}, int64[4] shape = {2,3,5,7}";

enum { MAX_VALUES = 48 };

static void print_line(void *user, Severity severity, const char *line)
{
    (void)user;
    if (severity == SEVERITY_ERROR)
        print_error("%s\n", line);
}

static char *model_text(Arena *a, const char *const *nodes, int n, int opset)
{
    char *outputs = arena_strdup(a, ""), *body = arena_strdup(a, "");
    for (int i = 0; i < n; i++) {
        const char *out = arena_printf(a, "out%d", i), *node = nodes[i];
        outputs = arena_printf(a, "%s%sfloat[] %s", outputs, i ? ", " : "", out);
        body = arena_printf(a, "%s  %s%s\n", body, out, node + 2);
    }
    return arena_printf(a,
                        "<ir_version: 10, opset_import: [\"\" : %d]>\n"
                        "model (%s) => (%s)\n<%s>\n{\n%s}\n",
                        opset, inputs, outputs, constants, body);
}

/* Inputs between -4 and 4, p between 0.1 and 4; the same for every call. */
static const Tensor **make_inputs(Arena *a, const Graph *g)
{
    const Tensor **in = ARENA_ARRAY(a, const Tensor *, g->n_inputs);
    uint32_t state = 1;
    for (int i = 0; i < g->n_inputs; i++) {
        Tensor *t = tensor_new(a, g->inputs[i]->dtype, &g->inputs[i]->shape);
        bool positive = strcmp(g->inputs[i]->name, "p") == 0;
        for (int64_t k = 0; k < shape_numel(&t->shape); k++) {
            state = state * 1664525u + 1013904223u;
            float x = (float)(state >> 8) / 2097152.0f - 4; /* -4 … 4 */
            ((float *)t->data)[k] = positive ? fabsf(x) + 0.1f : x;
        }
        in[i] = t;
    }
    return in;
}

static void **make_outputs(Arena *a, const Graph *g)
{
    void **out = ARENA_ARRAY(a, void *, g->n_outputs);
    for (int i = 0; i < g->n_outputs; i++)
        out[i] = arena_array(a, (size_t)shape_numel(&g->outputs[i]->shape), sizeof(float));
    return out;
}

/* Runs the program as C by `compiler`, or by the JIT when it is NULL. */
static void **run(Arena *a, Diag *d, const Program *p, const char *compiler)
{
    const Tensor **in = make_inputs(a, p->graph);
    const void *data[MAX_VALUES];
    void **out = make_outputs(a, p->graph);
    void *memory = arena_alloc(a, (size_t)p->arena_bytes + 64);
    for (int i = 0; i < p->graph->n_inputs; i++)
        data[i] = in[i]->data;
    if (compiler != NULL) {
        CModule *m = c_module_build(a, d, p, compiler);
        assert_non_null(m);
        assert_int_equal(c_module_run(m, data, out, memory), 0);
    } else {
        Jit *j = jit_compile(p, d);
        assert_non_null(j);
        assert_int_equal(jit_run(j, data, out, memory), 0);
        jit_free(j);
    }
    return out;
}

static bool same_bits(float x, float y)
{
    uint32_t a, b;
    memcpy(&a, &x, sizeof a);
    memcpy(&b, &y, sizeof b);
    return a == b || (isnan(x) && isnan(y));
}

static void compare_bits(const Graph *g, const char *const *nodes, int n, void **got, void **want,
                         const char *who)
{
    for (int i = 0; i < n; i++) {
        const float *x = got[i], *y = want[i];
        for (int64_t k = 0; k < shape_numel(&g->outputs[i]->shape); k++)
            if (!same_bits(x[k], y[k]))
                fail_msg("%s, %s: element %lld is %.9g by %s, %.9g by the first", g->target->name,
                         nodes[i], (long long)k, (double)x[k], who, (double)y[k]);
    }
}

static void compare_interpreter(Arena *a, const Graph *g, const char *const *nodes, int n,
                                void **got)
{
    Tensor *want[MAX_VALUES] = {NULL};
    assert_int_equal(g->n_outputs, n);
    assert_true(interp_run(g, a, make_inputs(a, g), want, NULL, NULL));
    for (int i = 0; i < n; i++) {
        const float *x = got[i], *y = want[i]->data;
        for (int64_t k = 0; k < shape_numel(&want[i]->shape); k++)
            if (!(fabsf(x[k] - y[k]) <= 2e-5f * (1 + fabsf(y[k]))))
                fail_msg("%s, %s: element %lld is %.9g, %.9g by the interpreter", g->target->name,
                         nodes[i], (long long)k, (double)x[k], (double)y[k]);
    }
}

static void check(const Target *target, const char *const *nodes, int n, int opset)
{
    static const char *const compilers[] = {"gcc", "clang", NULL};
    Arena *a = arena_new(0);
    assert_non_null(a);
    if (setjmp(*arena_on_oom(a)) != 0)
        fail_msg("no memory");
    Diag d = {.arena = a, .file = "model", .sink = print_line};
    const char *text = model_text(a, nodes, n, opset);
    ModelSource source = {.data = text, .bytes = strlen(text)};
    PipelineOptions options = {.target = target};
    Pipeline planned;
    Graph *g = pipeline_load(a, &d, &source, &options);
    assert_non_null(g);
    assert_true(pipeline_run(a, &d, &source, &options, &planned));
    void **first = NULL;
    for (int i = 0; i < 3; i++) {
        const char *cc = compilers[i];
        const char *ask = arena_printf(a, "%s --version >/dev/null 2>&1", cc != NULL ? cc : "");
        if (cc != NULL ? system(ask) != 0 : !jit_available())
            continue;
        void **out = run(a, &d, planned.program, cc);
        if (first == NULL)
            compare_interpreter(a, g, nodes, n, first = out);
        else
            compare_bits(g, nodes, n, out, first, cc != NULL ? cc : "the JIT");
    }
    arena_free(a);
}

static void check_targets(const char *const *nodes, int n, int opset)
{
    for (size_t i = 0; target_at(i) != NULL; i++)
        if (target_runs_here(target_at(i)))
            check(target_at(i), nodes, n, opset);
}

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static void test_elementwise(void **state)
{
    (void)state;
    check_targets(elementwise, COUNT(elementwise), OPSET);
}

static void test_windows(void **state)
{
    (void)state;
    check_targets(windows, COUNT(windows), OPSET);
}

static void test_others(void **state)
{
    (void)state;
    check_targets(others, COUNT(others), OPSET);
}

static void test_legacy(void **state)
{
    (void)state;
    check_targets(legacy, COUNT(legacy), LEGACY_OPSET);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elementwise),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_others),
        cmocka_unit_test(test_legacy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
