/* libcnncc from outside, linked as other programs link it: what it says of models, what it
 * computes with each backend, errors as values, threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runtime/cnncc.h"

#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* y = relu(conv(x, w)) with w = 1: each output is the sum of a 3x3 window, 0 when negative. */
static const char conv_model[] = "<ir_version: 8, opset_import: [\"\" : 17]>\n"
                                 "agraph (float[N,1,5,6] x) => (float[N,1,3,4] y)\n"
                                 "<float[1,1,3,3] w = {1, 1, 1, 1, 1, 1, 1, 1, 1}>\n"
                                 "{ c = Conv (x, w)\n  y = Relu (c) }\n";

static const char unknown_model[] = "<ir_version: 8, opset_import: [\"\" : 17]>\n"
                                    "agraph (float[2] x) => (float[2] y)\n"
                                    "{ y = Frobnicate (x) }\n";

static cnncc_model *load_text(const char *text, const char *backend)
{
    char why[256];
    cnncc_options o = {.backend = backend, .error = why, .error_bytes = sizeof why};
    cnncc_model *model;
    if (cnncc_load_memory(text, strlen(text), &o, &model) != CNNCC_OK)
        fail_msg("%s: %s", backend ? backend : "default", why);
    assert_string_equal(why, "");
    return model;
}

/* Runs the model on x[i] = scale * i - 7 and checks every output. */
static bool conv_is_right(cnncc_context *c, float scale)
{
    float x[30], y[12];
    const void *in[] = {x};
    void *out[] = {y};
    for (int i = 0; i < 30; i++)
        x[i] = scale * (float)i - 7;
    if (cnncc_run(c, in, out) != CNNCC_OK)
        return false;
    for (int i = 0; i < 12; i++) {
        float sum = 0;
        for (int k = 0; k < 9; k++)
            sum += x[(i / 4 + k / 3) * 6 + i % 4 + k % 3];
        if (fabsf(y[i] - (sum > 0 ? sum : 0)) > 1e-4f)
            return false;
    }
    return true;
}

static void test_describes_and_runs(void **state)
{
    (void)state;
    static const char *const backends[] = {"interp", "jit", NULL};
    for (int i = 0; i < 3; i++) {
        if (backends[i] != NULL && !cnncc_available(backends[i]))
            continue;
        cnncc_model *m = load_text(conv_model, backends[i]);
        cnncc_tensor t;
        assert_int_equal(cnncc_input_count(m), 1);
        assert_int_equal(cnncc_output_count(m), 1);
        assert_int_equal(cnncc_input(m, 0, &t), CNNCC_OK);
        assert_string_equal(t.name, "x");
        assert_int_equal(t.type, CNNCC_F32);
        assert_int_equal(t.rank, 4);
        assert_int_equal(t.dims[0], 1);
        assert_int_equal(t.dims[3], 6);
        assert_int_equal(t.bytes, 120);
        assert_int_equal(cnncc_output(m, 0, &t), CNNCC_OK);
        assert_string_equal(t.name, "y");
        assert_int_equal(t.count, 12);
        assert_int_equal(cnncc_output(m, 1, &t), CNNCC_USAGE);
        cnncc_context *c;
        assert_int_equal(cnncc_context_new(m, &c), CNNCC_OK);
        assert_true(conv_is_right(c, 1.5f));
        assert_true(conv_is_right(c, -0.25f));
        assert_string_equal(cnncc_context_error(c), "");
        cnncc_context_free(c);
        cnncc_free(m);
    }
}

static void test_pins_dimensions(void **state)
{
    (void)state;
    cnncc_dim three = {"N", 3};
    cnncc_options o = {.dims = &three, .n_dims = 1, .backend = "interp"};
    cnncc_model *m;
    cnncc_tensor t;
    assert_int_equal(cnncc_load_memory(conv_model, strlen(conv_model), &o, &m), CNNCC_OK);
    assert_int_equal(cnncc_output(m, 0, &t), CNNCC_OK);
    assert_int_equal(t.dims[0], 3);
    assert_int_equal(t.count, 36);
    cnncc_free(m);
}

/* An input that decides a shape is a constant or the model cannot be compiled. */
static const char reshape_model[] = "<ir_version: 8, opset_import: [\"\" : 17]>\n"
                                    "agraph (float[6] x, int64[2] shape) => (float[A,B] y)\n"
                                    "{ y = Reshape (x, shape) }\n";

static void test_freezes_inputs(void **state)
{
    (void)state;
    static const int64_t two = 2;
    int64_t numbers[] = {3, -1};
    cnncc_freeze shape = {"shape", CNNCC_I64, 1, &two, numbers};
    cnncc_options o = {.freezes = &shape, .n_freezes = 1};
    cnncc_model *m;
    cnncc_context *c;
    cnncc_tensor t;
    float x[] = {1, 2, 3, 4, 5, 6}, y[6] = {0};
    const void *in[] = {x};
    void *out[] = {y};
    assert_int_equal(cnncc_load_memory(reshape_model, strlen(reshape_model), &o, &m), CNNCC_OK);
    numbers[0] = 0; /* the model has its copy */
    assert_int_equal(cnncc_input_count(m), 1);
    assert_int_equal(cnncc_output(m, 0, &t), CNNCC_OK);
    assert_int_equal(t.dims[0], 3);
    assert_int_equal(t.dims[1], 2);
    assert_int_equal(cnncc_context_new(m, &c), CNNCC_OK);
    assert_int_equal(cnncc_run(c, in, out), CNNCC_OK);
    assert_memory_equal(x, y, sizeof x);
    cnncc_context_free(c);
    cnncc_free(m);
}

static void test_runs_scalars(void **state)
{
    (void)state;
    cnncc_model *m = load_text("<ir_version: 8, opset_import: [\"\" : 17]>\n"
                               "agraph (float x) => (float y) { y = Sqrt (x) }\n",
                               NULL);
    cnncc_context *c;
    cnncc_tensor t;
    float x = 6.25f, y = 0;
    const void *in[] = {&x};
    void *out[] = {&y};
    assert_int_equal(cnncc_output(m, 0, &t), CNNCC_OK);
    assert_int_equal(t.rank, 0);
    assert_int_equal(t.count, 1);
    assert_int_equal(cnncc_context_new(m, &c), CNNCC_OK);
    assert_int_equal(cnncc_run(c, in, out), CNNCC_OK);
    assert_true(y == 2.5f);
    cnncc_context_free(c);
    cnncc_free(m);
}

/* A locale of numbers like 0,5: one that is there, or one that localedef makes. */
static bool comma_locale(void)
{
    char folder[] = "/tmp/cnncc_locale_XXXXXX", command[256];
    if (setlocale(LC_ALL, "de_DE.UTF-8") != NULL)
        return true;
    if (mkdtemp(folder) == NULL)
        return false;
    snprintf(command, sizeof command,
             "localedef -i de_DE -f UTF-8 '%s/de_DE.UTF-8' >/dev/null 2>&1", folder);
    bool made = system(command) == 0 && setenv("LOCPATH", folder, 1) == 0 &&
                setlocale(LC_ALL, "de_DE.UTF-8") != NULL;
    unsetenv("LOCPATH");
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) == 0 && made;
}

static void test_host_of_another_locale(void **state)
{
    (void)state;
    static const char *const backends[] = {"interp", "jit"};
    if (!comma_locale())
        skip();
    for (size_t i = 0; i < 2; i++) {
        if (!cnncc_available(backends[i]))
            continue;
        cnncc_model *m = load_text("<ir_version: 8, opset_import: [\"\" : 17]>\n"
                                   "agraph (float x) => (float y) <float h = {2.75}>\n"
                                   "{ y = Mul (x, h) }\n",
                                   backends[i]);
        cnncc_context *c;
        float x = 2, y = 0;
        const void *in[] = {&x};
        void *out[] = {&y};
        assert_int_equal(cnncc_context_new(m, &c), CNNCC_OK);
        assert_int_equal(cnncc_run(c, in, out), CNNCC_OK);
        assert_true(y == 5.5F);
        cnncc_context_free(c);
        cnncc_free(m);
    }
    assert_string_equal(localeconv()->decimal_point, ",");
    setlocale(LC_ALL, "C");
}

static void count_line(void *user, cnncc_severity severity, const char *line)
{
    if (severity == CNNCC_ERROR && strlen(line) > 0)
        ++*(int *)user;
}

/* Loading with these options fails so, with one error at least and a text. */
static void check_refused(const char *text, cnncc_options o, cnncc_status status, const char *part)
{
    int lines = 0;
    char why[256] = "nothing";
    cnncc_model *m = (cnncc_model *)why;
    o.error = why;
    o.error_bytes = sizeof why;
    o.message = count_line;
    o.user = &lines;
    assert_int_equal(cnncc_load_memory(text, strlen(text), &o, &m), status);
    assert_null(m);
    assert_true(lines > 0);
    if (strstr(why, part) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", why, part);
}

static void test_errors_are_values(void **state)
{
    (void)state;
    cnncc_options plain = {.backend = "interp"}, o;
    check_refused("\x01\x02 no model", plain, CNNCC_FAILED, "");
    check_refused(unknown_model, plain, CNNCC_UNSUPPORTED, "Frobnicate");
    o = (cnncc_options){.target = "pdp11"};
    check_refused(conv_model, o, CNNCC_USAGE, "pdp11");
    o = (cnncc_options){.conv = "magic"};
    check_refused(conv_model, o, CNNCC_USAGE, "magic");
    o = (cnncc_options){.threads = -1};
    check_refused(conv_model, o, CNNCC_USAGE, "threads");
    o = (cnncc_options){.backend = "gpu"};
    check_refused(conv_model, o, CNNCC_USAGE, "gpu");
    static const int64_t two = 2, numbers[] = {3, 2};
    const cnncc_freeze bad[] = {
        {NULL, CNNCC_I64, 1, &two, numbers},      {"shape", (cnncc_type)99, 1, &two, numbers},
        {"shape", CNNCC_I64, -1, &two, numbers},  {"shape", CNNCC_I64, 99, &two, numbers},
        {"shape", CNNCC_I64, 1, NULL, numbers},   {"shape", CNNCC_I64, 1, &two, NULL},
        {"nothing", CNNCC_I64, 1, &two, numbers}, {"shape", CNNCC_F32, 1, &two, numbers},
    };
    for (int i = 0; i < 8; i++) {
        o = (cnncc_options){.freezes = &bad[i], .n_freezes = 1};
        check_refused(reshape_model, o, i < 6 ? CNNCC_USAGE : CNNCC_FAILED,
                      i == 0 ? "frozen input" : bad[i].name);
    }
    check_refused(reshape_model, plain, CNNCC_UNSUPPORTED, "freeze");
    static const double bounds[] = {-1, NAN};
    for (int i = 0; i < 2; i++) {
        o = (cnncc_options){.winograd_error = &bounds[i]};
        check_refused(conv_model, o, CNNCC_USAGE, "Winograd");
    }
    o = (cnncc_options){.plan = "/nowhere/x.plan"};
    check_refused(conv_model, o, CNNCC_FAILED, "/nowhere/x.plan");
    cnncc_dim none = {"N", 0};
    o = (cnncc_options){.dims = &none, .n_dims = 1};
    check_refused(conv_model, o, CNNCC_USAGE, "N");
    o = (cnncc_options){.backend = "interp", .memory_limit = 1000};
    check_refused(conv_model, o, CNNCC_NO_MEMORY, "memory");
    if (!cnncc_available("jit")) {
        o = (cnncc_options){.backend = "jit"};
        check_refused(conv_model, o, CNNCC_FAILED, "LLVM");
    }
    cnncc_model *m;
    assert_int_equal(cnncc_load_file("/nowhere/model.onnx", NULL, &m), CNNCC_FAILED);
    assert_null(m);
    assert_int_equal(cnncc_load_file(NULL, NULL, &m), CNNCC_USAGE);
    assert_int_equal(cnncc_load_memory(conv_model, 3, NULL, NULL), CNNCC_USAGE);
    cnncc_free(NULL);
    cnncc_context_free(NULL);
}

static void test_null_buffers_are_refused(void **state)
{
    (void)state;
    cnncc_model *m = load_text(conv_model, NULL);
    cnncc_context *c;
    float x[30] = {0};
    const void *in[] = {x};
    void *out[] = {NULL};
    assert_int_equal(cnncc_context_new(m, &c), CNNCC_OK);
    assert_int_equal(cnncc_run(c, in, out), CNNCC_USAGE);
    assert_int_equal(cnncc_run(c, NULL, out), CNNCC_USAGE);
    assert_true(strlen(cnncc_context_error(c)) > 0);
    cnncc_context_free(c);
    cnncc_free(m);
}

typedef struct Work {
    const cnncc_model *model;
    float scale;
    bool right;
} Work;

static void *run_often(void *arg)
{
    Work *w = arg;
    cnncc_context *c;
    w->right = cnncc_context_new(w->model, &c) == CNNCC_OK;
    for (int i = 0; i < 200 && w->right; i++)
        w->right = conv_is_right(c, w->scale + (float)i);
    cnncc_context_free(c);
    return NULL;
}

static void test_threads_share_a_model(void **state)
{
    (void)state;
    static const char *const backends[] = {"interp", NULL};
    for (int i = 0; i < 2; i++) {
        cnncc_model *m = load_text(conv_model, backends[i]);
        pthread_t thread[2];
        Work work[2] = {{m, 0.5f, false}, {m, -3.0f, false}};
        for (int t = 0; t < 2; t++)
            assert_int_equal(pthread_create(&thread[t], NULL, run_often, &work[t]), 0);
        for (int t = 0; t < 2; t++) {
            pthread_join(thread[t], NULL);
            assert_true(work[t].right);
        }
        cnncc_free(m);
    }
}

/* An image that is large enough to be worth the threads. */
enum { BIG = 400 };
static const char big_model[] = "<ir_version: 8, opset_import: [\"\" : 17]>\n"
                                "agraph (float[1,1,400,400] x) => (float[1,1,398,398] y)\n"
                                "<float[1,1,3,3] w = {1, 2, 3, 4, 5, 6, 7, 8, 9}>\n"
                                "{ y = Conv (x, w) }\n";

static float *run_big(cnncc_model *m)
{
    cnncc_context *c;
    float *x = calloc((size_t)BIG * BIG, sizeof *x), *y = calloc((size_t)BIG * BIG, sizeof *y);
    assert_non_null(x);
    assert_non_null(y);
    for (int i = 0; i < BIG * BIG; i++)
        x[i] = (float)(i % 97) / 97;
    const void *in[] = {x};
    void *out[] = {y};
    assert_int_equal(cnncc_context_new(m, &c), CNNCC_OK);
    for (int i = 0; i < 20; i++)
        assert_int_equal(cnncc_run(c, in, out), CNNCC_OK);
    cnncc_context_free(c);
    free(x);
    return y;
}

static void *run_big_often(void *model)
{
    free(run_big(model));
    return NULL;
}

/* The number of threads changes no bit; callers of one model take turns. */
static void test_a_run_of_several_threads(void **state)
{
    (void)state;
    float *want = NULL;
    for (int threads = 1; threads <= 3; threads++) {
        cnncc_options o = {.threads = threads};
        cnncc_model *m;
        pthread_t other;
        assert_int_equal(cnncc_load_memory(big_model, strlen(big_model), &o, &m), CNNCC_OK);
        assert_int_equal(pthread_create(&other, NULL, run_big_often, m), 0);
        float *got = run_big(m);
        pthread_join(other, NULL);
        if (want)
            assert_memory_equal(got, want, (size_t)BIG * BIG * sizeof *got);
        free(want);
        want = got;
        cnncc_free(m);
    }
    free(want);
}

static void test_version_and_features(void **state)
{
    (void)state;
    assert_string_equal(cnncc_version(), CNNCC_VERSION);
    assert_int_equal(cnncc_available("interp"), 1);
    assert_int_equal(cnncc_available("teleport"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_describes_and_runs),
        cmocka_unit_test(test_pins_dimensions),
        cmocka_unit_test(test_freezes_inputs),
        cmocka_unit_test(test_runs_scalars),
        cmocka_unit_test(test_host_of_another_locale),
        cmocka_unit_test(test_errors_are_values),
        cmocka_unit_test(test_null_buffers_are_refused),
        cmocka_unit_test(test_threads_share_a_model),
        cmocka_unit_test(test_a_run_of_several_threads),
        cmocka_unit_test(test_version_and_features),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
