/* Operators in every element type that ONNX allows them: models of one type each, from a text with
 * T for the type, in strict C99 by gcc and with vectors by clang, and in the JIT for both targets.
 * C and JIT agree bit for bit; integers and what only moves agree with the interpreter exactly,
 * floats within the tolerance of their type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver/build_c.h"
#include "driver/compare.h"
#include "driver/pipeline.h"
#include "ir/interp/interp.h"
#include "ir/text.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_VALUES = 48 };

typedef struct Group {
    DType type[16]; /* ends with DT_NONE */
    const char *inputs, *constants;
    const char *node[40]; /* "= Op (x)"; ends with NULL */
} Group;

/* What moves elements without looking at them. */
static const Group moves = {
    {DT_F32, DT_F64, DT_F16, DT_BF16, DT_I8, DT_U8, DT_I16, DT_U16, DT_I32, DT_U32, DT_I64, DT_U64,
     DT_BOOL},
    "T[2,19,5,7] x, T[2,3,5,7] y, T[19,1,7] row, int64[4] chosen",
    "int64[8] pads = {0,1,2,1,0,0,2,3}, int64[2] from = {1, 4}, int64[2] to = {18, 0},"
    " int64[2] axes = {1, 2}, int64[2] steps = {3, -1}, int64[4] shape = {2,19,5,7},"
    " int64[2] flat = {10, -1}, float[4] twice = {1, 1, 2, 2}, float[4] scales = {1, 1, 2, 1.5}",
    {"= Concat <axis = 1> (x, y)", "= Concat <axis = 3> (x, x)",
     "= Transpose <perm = [0,2,3,1]> (x)", "= Transpose <perm = [3,1,0,2]> (x)", "= Pad (x, pads)",
     "= Pad <mode = \"reflect\"> (x, pads)", "= Slice (x, from, to, axes, steps)",
     "= Gather <axis = 1> (x, chosen)", "= Expand (row, shape)", "= Reshape (x, flat)",
     "= Identity (x)", "= Resize <mode = \"nearest\"> (x, , twice)",
     "= Resize <mode = \"nearest\"> (x, , scales)"},
};

/* What numbers of every kind allow. */
static const Group numbers = {
    {DT_F32, DT_F64, DT_F16, DT_BF16, DT_I8, DT_U8, DT_I16, DT_U16, DT_I32, DT_U32, DT_I64, DT_U64},
    "T[2,19,5,7] x, T[2,19,5,7] y, T[19,1,7] row",
    "T low = {3}, T high = {100}, T[1,1,1,1] three = {3}, int64[8] pads = {0,0,2,1,0,0,2,3}",
    {"= Add (x, y)", "= Sub (x, row)", "= Mul (x, y)", "= Div (x, y)", "= Div (row, three)",
     "= Min (x, y)", "= Max (x, row)", "= Clip (x, low, high)", "= Abs (x)",
     "= Pad (x, pads, three)",
     "= MaxPool <kernel_shape = [3,2], strides = [2,1], pads = [1,0,1,1]> (x)",
     "= Cast <to = 1> (x)", "= Cast <to = 11> (x)", "= Cast <to = 7> (x)", "= Where (c, x, y)"},
};

/* Matrix products of integers and of floats. */
static const Group products = {
    {DT_F32, DT_F64, DT_F16, DT_BF16, DT_I32, DT_U32, DT_I64, DT_U64},
    "T[13,37] a, T[37,13] at, T[3,1,5,9] b, T[2,9,4] q, T[13,37] small",
    "T[37,3] m = {K}, T[3,37] mt = {K}, T[3] v = {7, 8, 9}, T[13,3] w = {L}",
    {"= Gemm (a, m, v)", "= Gemm <transA = 1, transB = 1> (at, mt, w)",
     "= Gemm <alpha = 0.5, beta = 2.5> (small, m, w)", "= MatMul (a, m)", "= MatMul (a, at)",
     "= MatMul (b, q)"},
};

/* Layers of networks. */
static const Group layers = {
    {DT_F64, DT_F16, DT_BF16},
    "T[1,8,9,9] x, T[1,6,11] line",
    "T[16,8,3,3] w = {random 1 0.1}, T[16] b = {random 2 0.1}, T[8,1,3,3] d = {random 3 0.3},"
    " T[8,6,3,3] t = {random 6 0.2}, T[8] s = {random 8 1}, T[8] v = {1,2,3,4,5,6,7,8},"
    " int64[4] size = {1,8,13,13}, T[5,6,4] l = {random 4 0.3}",
    {"= Conv <pads = [1,1,1,1]> (x, w, b)",
     "= Conv <group = 8, strides = [2,1]> (x, d)",
     "= Conv <dilations = [2]> (line, l)",
     "= ConvTranspose <strides = [2,2]> (x, t)",
     "= BatchNormalization (x, s, s, s, v)",
     "= AveragePool <kernel_shape = [3,3], ceil_mode = 1> (x)",
     "= AveragePool <kernel_shape = [2,2], pads = [1,1,1,1]> (x)",
     "= LpPool <kernel_shape = [3,3], p = 3> (x)",
     "= LpPool <kernel_shape = [3,3]> (x)",
     "= GlobalAveragePool (x)",
     "= GlobalMaxPool (x)",
     "= LRN <size = 5, alpha = 0.01> (x)",
     "= Softmax <axis = 1> (x)",
     "= Softmax (x)",
     "= LogSoftmax <axis = 2> (x)",
     "= InstanceNormalization (x, s, s)",
     "= Resize <mode = \"linear\"> (x, , , size)",
     "= Resize <mode = \"cubic\"> (x, , , size)",
     "= Sigmoid (x)",
     "= HardSwish (x)",
     "= Gelu (x)",
     "= PRelu (x, s1)",
     "= Erf (x)",
     "= LeakyRelu (x)"},
};

/* Blending of integers: weights that are exact, so that no result lies beside an integer. */
static const Group blends = {
    {DT_I8, DT_U8, DT_I16, DT_I32},
    "T[1,3,4,5] x",
    "float[4] scales = {1, 1, 2, 2}",
    {"= Resize <mode = \"linear\"> (x, , scales)", "= Resize <mode = \"cubic\"> (x, , scales)"},
};

/* ---- the model ---- */

/* `text` with the type's name for T where it stands alone, and numbers for K and L. */
static void put_text(Text *out, const char *text, DType type)
{
    for (const char *s = text; *s; s++) {
        bool alone = (s == text || strchr(" ,{", s[-1])) && strchr("[ }", s[1]);
        if (*s == 'T' && alone && s[1] != '}') {
            text_add(out, "%s", dtype_name(type));
        } else if ((*s == 'K' || *s == 'L') && alone) {
            for (int i = 0; i < (*s == 'K' ? 111 : 39); i++)
                text_add(out, "%s%d", i ? "," : "", (i * i + 3) % 11);
        } else {
            text_add(out, "%c", *s);
        }
    }
}

static const char *model_text(Arena *a, const Group *group, DType type)
{
    Text out = text_new(a), body = text_new(a);
    text_add(&out, "<ir_version: 10, opset_import: [\"\" : 20]>\nmodel (");
    put_text(&out, group->inputs, type);
    text_add(&out, "%s) => (", group == &numbers ? ", bool[5,7] c" : "");
    for (int i = 0; group->node[i]; i++) {
        const char *cast = strstr(group->node[i], "<to = ");
        DType result = cast == NULL     ? type
                       : cast[6] == '7' ? DT_I64
                       : cast[7] == '1' ? DT_F64
                                        : DT_F32;
        text_add(&out, "%s%s[] o%d", i ? ", " : "", dtype_name(result), i);
        text_add(&body, "  o%d %s\n", i, group->node[i]);
    }
    text_add(&out, ")\n<");
    put_text(&out, group->constants, type);
    if (group == &layers)
        text_add(&out, ", %s[8,1,1] s1 = {random 9 1}", dtype_name(type));
    text_add(&out, ">\n{\n%s}\n", text_str(&body));
    return text_str(&out);
}

/* An integer of any size; odd (no divisor of 0) in y, less than 16 in `small`, a row of 19. */
static int64_t integer(const char *name, uint32_t state)
{
    int64_t any = (int64_t)((uint64_t)state * 0x9E3779B97F4A7C15u);
    if (strcmp(name, "chosen") == 0)
        return (int64_t)(state >> 8) % 38 - 19;
    if (strcmp(name, "small") == 0)
        return state >> 28;
    any >>= state >> 20 & 63;
    return strcmp(name, "y") == 0 ? any | 1 : any;
}

/* Floats between -4 and 4, and integers. */
static const Tensor **make_inputs(Arena *a, const Graph *g)
{
    const Tensor **in = ARENA_ARRAY(a, const Tensor *, g->n_inputs);
    uint32_t state = 1;
    for (int i = 0; i < g->n_inputs; i++) {
        Tensor *t = tensor_new(a, g->inputs[i]->dtype, &g->inputs[i]->shape);
        for (int64_t k = 0; k < shape_numel(&t->shape); k++) {
            state = state * 1664525u + 1013904223u;
            if (dtype_is_float(t->dtype))
                tensor_set_f64(t, k, (double)(state >> 8) / 2097152.0 - 4);
            else
                tensor_set_i64(t, k, integer(g->inputs[i]->name, state));
        }
        in[i] = t;
    }
    return in;
}

/* ---- running it ---- */

static void print_line(void *user, Severity severity, const char *line)
{
    (void)user;
    if (severity == SEVERITY_ERROR)
        print_error("%s\n", line);
}

/* Runs the program as C by `compiler`, or by the JIT when it is NULL. */
static Tensor **run(Arena *a, Diag *d, const Program *p, const char *compiler)
{
    const Graph *g = p->graph;
    const Tensor **in = make_inputs(a, g);
    Tensor **out = ARENA_ARRAY(a, Tensor *, g->n_outputs);
    const void *from[MAX_VALUES];
    void *to[MAX_VALUES], *memory = arena_alloc(a, (size_t)p->arena_bytes + 64);
    for (int i = 0; i < g->n_inputs; i++)
        from[i] = in[i]->data;
    for (int i = 0; i < g->n_outputs; i++) {
        out[i] = tensor_new(a, g->outputs[i]->dtype, &g->outputs[i]->shape);
        to[i] = out[i]->data;
    }
    if (compiler != NULL) {
        CModule *m = c_module_build(a, d, p, compiler);
        assert_non_null(m);
        assert_int_equal(c_module_run(m, from, to, memory), 0);
    } else {
        Jit *j = jit_compile(p, d);
        assert_non_null(j);
        assert_int_equal(jit_run(j, from, to, memory), 0);
        jit_free(j);
    }
    return out;
}

static void compare(const Group *group, Tensor *const *got, Tensor *const *want, int n, bool exact,
                    const char *who)
{
    for (int i = 0; i < n; i++) {
        Tolerance t = exact ? (Tolerance){0} : tolerance_default(want[i]->dtype);
        Difference d = tensor_compare(got[i], want[i], t);
        if (d.n_wrong > 0)
            fail_msg("%s, %s: element %lld is %.9g, not %.9g; %lld differ", group->node[i], who,
                     (long long)d.at, d.got, d.want, (long long)d.n_wrong);
    }
}

static void check(const Group *group, DType type, const char *target, const char *compiler)
{
    Arena *a = arena_new(0);
    assert_non_null(a);
    if (setjmp(*arena_on_oom(a)) != 0)
        fail_msg("no memory");
    const char *what = arena_printf(a, "%s, %s", dtype_name(type), target);
    Diag d = {.arena = a, .file = what, .sink = print_line};
    const char *text = model_text(a, group, type);
    ModelSource source = {.data = text, .bytes = strlen(text)};
    PipelineOptions options = {.target = target_find(target)};
    Pipeline planned;
    Graph *g = pipeline_load(a, &d, &source, &options);
    assert_non_null(g);
    if (!pipeline_run(a, &d, &source, &options, &planned))
        fail_msg("%s: refused\n%s", what, text);
    Tensor **want = ARENA_ARRAY(a, Tensor *, g->n_outputs), **first = NULL;
    assert_true(interp_run(g, a, make_inputs(a, g), want, NULL, NULL));
    for (int i = 0; i < 2; i++) {
        const char *cc = i == 0 ? compiler : NULL;
        const char *ask = arena_printf(a, "%s --version >/dev/null 2>&1", compiler);
        if (cc != NULL ? system(ask) != 0 : !jit_available())
            continue;
        Tensor **got = run(a, &d, planned.program, cc);
        const char *who = arena_printf(a, "%s, %s", what, cc != NULL ? cc : "the JIT");
        compare(group, got, first ? first : want, g->n_outputs, first != NULL || group == &moves,
                who);
        first = first ? first : got;
    }
    arena_free(a);
}

static void check_group(const Group *group)
{
    for (int i = 0; group->type[i] != DT_NONE; i++) {
        check(group, group->type[i], "c99", "gcc");
        if (strcmp(target_find("native")->name, "c99") != 0)
            check(group, group->type[i], "native", "clang");
    }
}

static void test_moves(void **state)
{
    (void)state;
    check_group(&moves);
}

static void test_numbers(void **state)
{
    (void)state;
    check_group(&numbers);
}

static void test_products(void **state)
{
    (void)state;
    check_group(&products);
}

static void test_layers(void **state)
{
    (void)state;
    check_group(&layers);
}

static void test_blends(void **state)
{
    (void)state;
    check_group(&blends);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_moves),    cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_products), cmocka_unit_test(test_layers),
        cmocka_unit_test(test_blends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
