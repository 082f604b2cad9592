/* Statements and whole kernels, printed as C, compiled and run, equal the kernel evaluator: loops
 * of all steps, conditions, tails at the very end of a buffer (under AddressSanitizer, with blocks
 * of exactly the right size), dynamic indices, every element type, unused things, and names that
 * mean something in C. */
#include "tests/support/emit_harness.h"
#include "tests/support/kernel_cases.h"
#include "tests/support/kernel_eval.h"

#include <stdarg.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define WARN     "-Wall -Wextra -Werror -Wno-psabi "
#define SANITIZE "-g -fsanitize=address,undefined -fno-sanitize-recover=undefined "

static const char *const commands[] = {"gcc -O2 " WARN, "clang -O1 " WARN SANITIZE,
                                       "gcc -O0 " SANITIZE, NULL};
static const char *const strict[] = {"gcc -O2 -std=c99 -pedantic " WARN,
                                     "clang -O1 -std=c99 -pedantic " WARN SANITIZE,
                                     "g++ -O1 -x c++ " WARN, "tcc ", NULL};
static const EmitOptions options = {.name = "net", .options = "--target x"};

/* y[i] = 2 x[i] of n elements: whole vectors, then a tail at the end. */
static Kernel *doubler(Arena *a, const Target *t, int64_t n)
{
    KBuilder *b = kb_new(a, t, "doubler");
    const KBuf *x = kb_buf(b, "x", KT_F32, n, K_READ), *y = kb_buf(b, "y", KT_F32, n, K_WRITE);
    int64_t whole = n / t->lanes * t->lanes;
    int tail = (int)(n - whole);
    KVar *i = kb_for(b, "i", 0, whole, t->lanes, KL_SERIAL);
    KExpr *e = kb_load(b, x, aff_var(i), t->lanes);
    kb_store(b, y, aff_var(i), kb_bin(b, KO_MUL, e, kb_f32(b, 2, t->lanes)));
    kb_end(b);
    if (tail) {
        e = kb_load_tail(b, x, aff(whole), t->lanes, tail);
        kb_store_tail(b, y, aff(whole), kb_bin(b, KO_MUL, e, kb_f32(b, 2, t->lanes)), tail);
    }
    return kb_finish(b, "y = 2 x");
}

static void check_doubler(const char *target, int64_t n, const char *const *how)
{
    Arena *a = arena_new(0);
    Program *p = hand_program(a, target);
    const Arg args[] = {{ARG_INPUT, hand_input(p, "x", DT_F32, n), 0},
                        {ARG_OUTPUT, hand_output(p, "y", DT_F32, n), 0}};
    hand_call(p, doubler(a, p->target, n), args, "double");
    check_program(p, &options, how);
    arena_free(a);
}

static void test_tails(void **state)
{
    (void)state;
    static const char *const targets[] = {"c99", "gnu", "avx2", "avx512"};
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        const Target *t = target_find(targets[i]);
        if (!target_runs_here(t))
            continue;
        check_doubler(targets[i], 2 * t->lanes + (t->lanes + 1) / 2, commands);
        check_doubler(targets[i], t->lanes > 1 ? t->lanes - 1 : 1, commands + 1);
    }
}

/* Loops that run once, never, with steps and from negative numbers; nested conditions. */
static void test_control(void **state)
{
    (void)state;
    enum { H = 7, W = 9, HW = H * W };
    Arena *a = arena_new(0);
    Program *p = hand_program(a, "c99");
    KBuilder *b = kb_new(a, p->target, "shift");
    const KBuf *x = kb_buf(b, "x", KT_F32, HW, K_READ);
    const KBuf *y = kb_buf(b, "y", KT_F32, HW, K_READ_WRITE);
    KReg *sum = kb_reg(b, "sum", KTYPE(KT_F32, 1), 2, 2, 2);
    kb_set2(b, sum, aff(0), aff(1), kb_f32(b, 0.5, 1));
    kb_set2(b, sum, aff(1), aff(0), kb_f32(b, 0, 1));
    kb_note(b, "a note with */ an end in it, and ?\?/ a trigraph");
    KVar *once = kb_for(b, "once", 3, 4, 1, KL_SERIAL);
    KVar *never = kb_for(b, "never", 3, 3, 1, KL_SERIAL);
    kb_store(b, y, aff_var(never), kb_get2(b, sum, aff(0), aff(0)));
    kb_end(b);
    KVar *oy = kb_for(b, "oy", 0, H, 2, KL_SERIAL);
    KVar *ox = kb_for(b, "ox", -2, W, 1, KL_SERIAL);
    Affine at = aff_add(aff_mul(aff_var(oy), W), aff_var(ox));
    kb_if(b, aff_var(ox));                                              /* ox >= 0 */
    kb_if(b, aff_sub(aff(W + 2), aff_add(aff_var(ox), aff_var(once)))); /* ox + 3 <= W + 2 */
    KExpr *mirrored = kb_load(b, x, aff_sub(aff(HW - 1), at), 1);
    kb_set2(b, sum, aff(1), aff(0), kb_bin(b, KO_ADD, kb_get2(b, sum, aff(1), aff(0)), mirrored));
    kb_store(b, y, at,
             kb_bin(b, KO_ADD, kb_get2(b, sum, aff(1), aff(0)), kb_get2(b, sum, aff(0), aff(1))));
    kb_end(b);
    kb_end(b);
    kb_end(b);
    kb_end(b);
    kb_end(b);
    const Arg args[] = {{ARG_INPUT, hand_input(p, "x", DT_F32, HW), 0},
                        {ARG_OUTPUT, hand_output(p, "y", DT_F32, HW), 0}};
    hand_call(p, kb_finish(b, "a shift"), args, NULL);
    check_program(p, &options, strict);
    arena_free(a);
}

/* y[clamp(i[k])] = x[3 * clamp(i[k]) + 1] */
static void test_dynamic(void **state)
{
    (void)state;
    enum { N = 20, N3 = 3 * N };
    Arena *a = arena_new(0);
    Program *p = hand_program(a, "c99");
    KBuilder *b = kb_new(a, p->target, "gather");
    const KBuf *x = kb_buf(b, "x", KT_F32, N3, K_READ);
    const KBuf *i = kb_buf(b, "i", KT_I64, N, K_READ), *y = kb_buf(b, "y", KT_F32, N, K_WRITE);
    KVar *k = kb_for(b, "k", 0, N, 1, KL_SERIAL);
    KLet *index = kb_let(b, "index", kb_load(b, i, aff_var(k), 1));
    KExpr *e = kb_load_dyn(b, x, aff(1), kb_clamp(b, kb_use(b, index), 0, N - 1), 3, 1, 1);
    kb_store_dyn(b, y, aff_addc(aff_mul(aff_var(k), 0), 0), kb_clamp(b, kb_use(b, index), 0, N - 1),
                 1, e, 1);
    kb_end(b);
    const Arg args[] = {{ARG_INPUT, hand_input(p, "x", DT_F32, N3), 0},
                        {ARG_INPUT, hand_input(p, "i", DT_I64, N), 0},
                        {ARG_OUTPUT, hand_output(p, "y", DT_F32, N), 0}};
    hand_call(p, kb_finish(b, "gather and scatter"), args, NULL);
    check_program(p, &options, strict);
    arena_free(a);
}

/* Every operation on edge values of every type, as strict C99 and as C++, without undefined
 * behaviour. */
static void test_operations(void **state)
{
    (void)state;
    Arena *a = arena_new(0);
    const Program *p = case_operations(a, target_find("c99"), 1);
    CaseData *want = case_data(a, p);
    const char *why = NULL;
    if (!program_eval(a, p, want->input, want->output, NULL, &why))
        fail_msg("%s", why);
    for (const char *const *how = strict; *how; how++) {
        const char *end = strchr(*how, ' ');
        if (!have_compiler(arena_strndup(a, *how, (size_t)(end - *how))))
            continue;
        char *dir = scratch_new(a);
        CaseData *got = case_data(a, p);
        run_emitted(dir, p, &options, *how, got->input, got->output);
        scratch_free(dir);
        why = case_outputs_differ(a, p, got, want);
        if (why)
            fail_msg("%s: %s", *how, why);
    }
    arena_free(a);
}

/* Each element type is read, converted to f32 and back, and written. */
static void test_types(void **state)
{
    (void)state;
    enum { N = 65 };
    static const DType types[] = {DT_F64, DT_F16, DT_BF16, DT_I8,  DT_U8,  DT_I16,
                                  DT_U16, DT_I32, DT_U32,  DT_I64, DT_U64, DT_BOOL};
    for (size_t k = 0; k < sizeof types / sizeof types[0]; k++) {
        Arena *a = arena_new(0);
        Program *p = hand_program(a, "c99");
        KBase base = kbase_of_dtype(types[k]);
        KBuilder *b = kb_new(a, p->target, "convert");
        const KBuf *x = kb_buf(b, "x", base, N, K_READ), *f = kb_buf(b, "f", KT_F32, N, K_WRITE);
        const KBuf *y = kb_buf(b, "y", base, N, K_WRITE);
        KVar *i = kb_for(b, "i", 0, N, 1, KL_SERIAL);
        KLet *v = kb_let(b, "v", kb_cvt(b, KTYPE(KT_F32, 1), kb_load(b, x, aff_var(i), 1)));
        kb_store(b, f, aff_var(i), kb_use(b, v));
        kb_store(b, y, aff_var(i), kb_cvt(b, KTYPE(kbase_compute(base), 1), kb_use(b, v)));
        kb_end(b);
        const Arg args[] = {{ARG_INPUT, hand_input(p, "x", types[k], N), 0},
                            {ARG_OUTPUT, hand_output(p, "f", DT_F32, N), 0},
                            {ARG_OUTPUT, hand_output(p, "y", types[k], N), 0}};
        hand_call(p, kb_finish(b, "convert"), args, dtype_name(types[k]));
        check_program(p, &options, strict);
        arena_free(a);
    }
}

/* Unused parameters, registers and values, and names that C or the vocabulary has taken. */
static void test_names(void **state)
{
    (void)state;
    Arena *a = arena_new(0);
    Program *p = hand_program(a, "gnu");
    KBuilder *b = kb_new(a, p->target, "net_run");
    const KBuf *x = kb_buf(b, "int", KT_F32, 8, K_READ);
    kb_buf(b, "unused", KT_F32, 8, K_READ);
    const KBuf *y = kb_buf(b, "vload", KT_F32, 8, K_WRITE);
    KReg *r = kb_reg(b, "while", KTYPE(KT_F32, 4), 1, 3, 1);
    KLet *dead = kb_let(b, "dead", kb_load(b, x, aff(0), 4));
    kb_let(b, "deader", kb_un(b, KO_NEG, kb_use(b, dead)));
    kb_set1(b, r, aff(1), kb_load(b, x, aff(4), 4)); /* set and never read */
    KLet *v = kb_let(b, "vstore", kb_load(b, x, aff(0), 4));
    kb_store(b, y, aff(0), kb_use(b, v));
    KLet *w = kb_let(b, "x86 +", kb_bin(b, KO_MAX, kb_use(b, v), kb_load(b, x, aff(4), 4)));
    kb_store(b, y, aff(4), kb_use(b, w));
    const Arg args[] = {{ARG_INPUT, hand_input(p, "for", DT_F32, 8), 0},
                        {ARG_INPUT, hand_input(p, "arena", DT_F32, 8), 0},
                        {ARG_OUTPUT, hand_output(p, "*/ x", DT_F32, 8), 0}};
    hand_call(p, kb_finish(b, "/* */ names \\"), args, "\"quote\" */ ?\?/ \n\\");
    check_program(p, &options, commands);
    arena_free(a);
}

/* Element 2 of one register would be called like the second register. */
static void test_element_names(void **state)
{
    (void)state;
    Arena *a = arena_new(0);
    Program *p = hand_program(a, "gnu");
    KBuilder *b = kb_new(a, p->target, "elements");
    const KBuf *x = kb_buf(b, "x", KT_F32, 4, K_READ), *y = kb_buf(b, "y", KT_F32, 4, K_WRITE);
    KReg *r = kb_reg(b, "l2", KTYPE(KT_F32, 1), 1, 3, 1);
    for (int i = 0; i < 3; i++)
        kb_set1(b, r, aff(i), kb_load(b, x, aff(i), 1));
    KReg *second = kb_reg(b, "l2", KTYPE(KT_F32, 1), 0, 0, 0);
    kb_set(b, second, kb_load(b, x, aff(3), 1));
    kb_store(b, y, aff(3), kb_get(b, second));
    for (int i = 0; i < 3; i++)
        kb_store(b, y, aff(i), kb_get1(b, r, aff(i)));
    const Arg args[] = {{ARG_INPUT, hand_input(p, "x", DT_F32, 4), 0},
                        {ARG_OUTPUT, hand_output(p, "y", DT_F32, 4), 0}};
    hand_call(p, kb_finish(b, "copies"), args, "names");
    check_program(p, &options, commands);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_element_names), cmocka_unit_test(test_tails),
        cmocka_unit_test(test_control),       cmocka_unit_test(test_dynamic),
        cmocka_unit_test(test_operations),    cmocka_unit_test(test_types),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
