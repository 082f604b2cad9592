/* C by gcc, C by clang and the JIT agree bit for bit at equal lanes: on every operation of the
 * kernel IR and on random kernels, for every target that runs here at its own lanes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "driver/build_c.h"
#include "tests/support/kernel_cases.h"

#include <stdlib.h>
#include <string.h>

static void print_line(void *user, Severity severity, const char *line)
{
    (void)user;
    (void)severity;
    print_error("%s\n", line);
}

static bool have_compiler(const char *name)
{
    return system(strcmp(name, "gcc") == 0 ? "gcc --version >/dev/null 2>&1"
                                           : "clang --version >/dev/null 2>&1") == 0;
}

/* Runs the program as C by each compiler and by the JIT; all must equal the first of them. */
static void check_program(Arena *a, const Program *p, const char *what)
{
    static const char *const compilers[] = {"gcc", "clang"};
    Diag d = {.arena = a, .file = what, .sink = print_line};
    CaseData *first = NULL;
    const char *first_name = NULL, *difference;
    void *memory = arena_alloc(a, 64);
    for (int i = 0; i < 3; i++) {
        const char *name = i < 2 ? compilers[i] : "JIT";
        if (i < 2 ? !have_compiler(name) : !jit_available())
            continue;
        CaseData *data = case_data(a, p);
        if (i < 2) {
            CModule *m = c_module_build(a, &d, p, name);
            assert_non_null(m);
            assert_int_equal(c_module_run(m, data->input, data->output, memory), 0);
        } else {
            Jit *j = jit_compile(p, &d);
            assert_non_null(j);
            assert_int_equal(jit_run(j, data->input, data->output, memory), 0);
            jit_free(j);
        }
        if (first == NULL) {
            first = data;
            first_name = name;
        } else if ((difference = case_outputs_differ(a, p, data, first)) != NULL) {
            fail_msg("%s, %s against %s: %s", what, name, first_name, difference);
        }
    }
}

static void check_target(const Target *target)
{
    Arena *a = arena_new(0);
    assert_non_null(a);
    if (setjmp(*arena_on_oom(a)) != 0)
        fail_msg("no memory");
    const Program *p = case_everything(a, target, target->lanes, 5000, 25);
    check_program(a, p, arena_printf(a, "%s, %d lanes", target->name, target->lanes));
    arena_free(a);
}

static void test_kernels(void **state)
{
    (void)state;
    for (size_t i = 0; target_at(i) != NULL; i++)
        if (target_runs_here(target_at(i)))
            check_target(target_at(i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
