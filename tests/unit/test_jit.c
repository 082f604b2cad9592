/* The JIT against the kernel evaluator, bit for bit: every operation and random kernels, for every
 * target that runs here; and that masked accesses touch no byte outside a buffer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/kernel_cases.h"
#include "tests/support/kernel_eval.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void print_line(void *user, Severity severity, const char *line)
{
    (void)user;
    (void)severity;
    print_error("%s\n", line);
}

/* Compiles and runs `p`, and compares it with the evaluator. */
static void check_program(Arena *a, const Program *p, const char *what)
{
    Diag d = {.arena = a, .file = what, .sink = print_line};
    const char *why = NULL;
    CaseData *got = case_data(a, p), *want = case_data(a, p);
    if (!program_eval(a, p, want->input, want->output, NULL, &why))
        fail_msg("%s: the evaluator refuses: %s", what, why);
    Jit *j = jit_compile(p, &d);
    assert_non_null(j);
    assert_int_equal(jit_run(j, got->input, got->output, NULL), 0);
    jit_free(j);
    const char *difference = case_outputs_differ(a, p, got, want);
    if (difference != NULL)
        fail_msg("%s: %s", what, difference);
}

static Arena *new_arena(void)
{
    Arena *a = arena_new(0);
    assert_non_null(a);
    if (setjmp(*arena_on_oom(a)) != 0)
        fail_msg("no memory");
    return a;
}

static void test_operations(void **state)
{
    (void)state;
    const Target *target;
    int lanes;
    if (!jit_available())
        skip();
    for (int i = 0; case_target(i, &target, &lanes); i++) {
        Arena *a = new_arena();
        check_program(a, case_operations(a, target, lanes),
                      arena_printf(a, "operations, %s, %d lanes", target->name, lanes));
        arena_free(a);
    }
}

static void test_random_kernels(void **state)
{
    (void)state;
    const Target *target;
    int lanes;
    if (!jit_available())
        skip();
    for (int i = 0; case_target(i, &target, &lanes); i++) {
        Arena *a = new_arena();
        check_program(a, case_random(a, target, lanes, 1000 * (uint64_t)i, 60),
                      arena_printf(a, "random, %s, %d lanes", target->name, lanes));
        arena_free(a);
    }
}

/* A kernel that copies `active` elements, masked, from one buffer to another. */
static Program *copy_program(Arena *a, const Target *target, int active)
{
    Program *p = ARENA_NEW(a, Program);
    *p = (Program){.arena = a, .target = target, .graph = graph_new(a, NULL)};
    KBuilder *b = kb_new(a, target, "copy");
    const KBuf *in = kb_buf(b, "in", KT_F32, active, K_READ);
    const KBuf *out = kb_buf(b, "out", KT_F32, active, K_WRITE);
    KExpr *x = kb_load_tail(b, in, aff(0), target->lanes, active);
    kb_store_tail(b, out, aff(0), x, active);
    Kernel *k = kb_finish(b, "copies");
    Call call = {.kernel = k, .arg = {{ARG_INPUT, 0, 0}, {ARG_OUTPUT, 0, 0}}};
    ARENA_PUSH(a, p, kernels, n_kernels, cap_kernels, k);
    ARENA_PUSH(a, p, calls, n_calls, cap_calls, call);
    return p;
}

/* Memory whose last byte is followed by a page that must not be touched. */
static char *guarded_pages(size_t page)
{
    FILE *f = tmpfile();
    assert_non_null(f);
    assert_int_equal(ftruncate(fileno(f), (off_t)(3 * page)), 0);
    char *m = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fileno(f), 0);
    fclose(f);
    assert_ptr_not_equal(m, MAP_FAILED);
    assert_int_equal(mprotect(m, page, PROT_NONE), 0);
    assert_int_equal(mprotect(m + 2 * page, page, PROT_NONE), 0);
    return m + page;
}

static void test_tails_touch_nothing_else(void **state)
{
    (void)state;
    if (!jit_available())
        skip();
    const Target *target = target_find("native");
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *from = guarded_pages(page), *to = guarded_pages(page);
    for (int active = 1; active <= target->lanes; active++) {
        Arena *a = new_arena();
        Diag d = {.arena = a, .file = "tails", .sink = print_line};
        Jit *j = jit_compile(copy_program(a, target, active), &d);
        assert_non_null(j);
        size_t bytes = (size_t)active * sizeof(float);
        memset(from, 3 + active, page);
        for (int end = 0; end < 2; end++) { /* at the first, then at the last bytes of the page */
            memset(to, 0, page);
            const void *in[] = {from + (end ? page - bytes : 0)};
            void *out[] = {to + (end ? page - bytes : 0)};
            assert_int_equal(jit_run(j, in, out, NULL), 0);
            assert_memory_equal(in[0], out[0], bytes);
            assert_int_equal(to[end ? page - bytes - 1 : bytes], 0);
        }
        jit_free(j);
        arena_free(a);
    }
    munmap(from - page, 3 * page);
    munmap(to - page, 3 * page);
}

static void *compile_and_run(void *result)
{
    Arena *a = new_arena();
    const Target *target = target_find("native");
    const Program *p = case_random(a, target, target->lanes, 77, 30);
    Diag d = {.arena = a, .file = "thread"};
    CaseData *got = case_data(a, p), *want = case_data(a, p);
    const char *why;
    Jit *j = jit_compile(p, &d);
    *(bool *)result = j != NULL && jit_run(j, got->input, got->output, NULL) == 0 &&
                      program_eval(a, p, want->input, want->output, NULL, &why) &&
                      case_outputs_differ(a, p, got, want) == NULL;
    jit_free(j);
    arena_free(a);
    return NULL;
}

static void test_threads_compile_at_once(void **state)
{
    (void)state;
    pthread_t thread[3];
    bool fine[3] = {false};
    if (!jit_available())
        skip();
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, compile_and_run, &fine[i]), 0);
    for (int i = 0; i < 3; i++) {
        pthread_join(thread[i], NULL);
        assert_true(fine[i]);
    }
}

static void test_other_machines_are_refused(void **state)
{
    (void)state;
    Arena *a = new_arena();
    Diag d = {.arena = a, .file = "model.onnx"};
    size_t i = 0;
    while (target_at(i) != NULL && target_runs_here(target_at(i)))
        i++;
    const Target *foreign = target_at(i);
    if (foreign == NULL || jit_compile(copy_program(a, foreign, 1), &d) != NULL || d.first == NULL)
        fail_msg("code for another machine was not refused");
    else
        assert_non_null(strstr(d.first, jit_available() ? "cannot run" : "without LLVM"));
    assert_int_equal(d.n_errors, 1);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operations),
        cmocka_unit_test(test_random_kernels),
        cmocka_unit_test(test_tails_touch_nothing_else),
        cmocka_unit_test(test_threads_compile_at_once),
        cmocka_unit_test(test_other_machines_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
