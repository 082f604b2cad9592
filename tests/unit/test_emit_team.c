/* Emitted C with threads gives the bits of the evaluator for any number of threads, also where a
 * kernel mixes shared and serial parts that depend on each other; ThreadSanitizer sees no race. */
#include "tests/support/emit_harness.h"

#include <stdarg.h>

#include <setjmp.h>

#include <cmocka.h>

#define WARN "-Wall -Wextra -Werror "

enum { ROWS = 13, N = 2400, ALL = ROWS * N, BYTES = 4 * ALL };

/* Row sums of x, in parallel; then, serially, their running sum; then, in parallel, each row plus
 * the running sum of all rows up to it, and one loose element. */
static Kernel *cascade(Arena *a, const Target *t)
{
    KBuilder *b = kb_new(a, t, "cascade");
    const KBuf *x = kb_buf(b, "x", KT_F32, ALL, K_READ);
    const KBuf *s = kb_buf(b, "sums", KT_F32, ROWS, K_READ_WRITE);
    const KBuf *y = kb_buf(b, "y", KT_F32, ALL, K_WRITE);
    KReg *sum = kb_reg(b, "sum", KTYPE(KT_F32, 1), 0, 0, 0);
    KVar *r = kb_for(b, "row", 0, ROWS, 1, KL_PARALLEL);
    kb_store(b, s, aff_var(r), kb_load(b, x, aff_mul(aff_var(r), N), 1));
    KVar *i = kb_for(b, "i", 1, N, 1, KL_SERIAL);
    KExpr *old = kb_load(b, s, aff_var(r), 1);
    KExpr *e = kb_load(b, x, aff_add(aff_mul(aff_var(r), N), aff_var(i)), 1);
    kb_store(b, s, aff_var(r), kb_bin(b, KO_ADD, old, e));
    kb_end(b);
    kb_end(b);
    kb_note(b, "serial from here");
    KVar *q = kb_for(b, "q", 1, ROWS, 1, KL_SERIAL);
    kb_store(b, s, aff_var(q),
             kb_bin(b, KO_ADD, kb_load(b, s, aff_addc(aff_var(q), -1), 1),
                    kb_load(b, s, aff_var(q), 1)));
    kb_end(b);
    KLet *last = kb_let(b, "last", kb_load(b, s, aff(ROWS - 1), 1));
    kb_set(b, sum, kb_f32(b, 0.25, 1));
    KVar *p = kb_for(b, "p", 1, ROWS, 3, KL_PARALLEL);
    KVar *j = kb_for(b, "j", 0, N, 1, KL_SERIAL);
    Affine at = aff_add(aff_mul(aff_var(p), N), aff_var(j));
    e = kb_bin(b, KO_ADD, kb_load(b, x, at, 1), kb_load(b, s, aff_var(p), 1));
    kb_store(b, y, at, kb_bin(b, KO_MUL, kb_bin(b, KO_ADD, e, kb_use(b, last)), kb_get(b, sum)));
    kb_end(b);
    kb_end(b);
    kb_store(b, y, aff(0), kb_use(b, last));
    return kb_finish(b, "sums of rows");
}

static Kernel *square(Arena *a, const Target *t, KLoop kind)
{
    KBuilder *b = kb_new(a, t, "square");
    const KBuf *x = kb_buf(b, "x", KT_F32, ALL, K_READ);
    const KBuf *y = kb_buf(b, "y", KT_F32, ALL, K_WRITE);
    KVar *i = kb_for(b, "i", 0, ALL, 1, kind);
    KLet *v = kb_let(b, "v", kb_load(b, x, aff_var(i), 1));
    kb_store(b, y, aff_var(i), kb_bin(b, KO_MUL, kb_use(b, v), kb_use(b, v)));
    kb_end(b);
    return kb_finish(b, "x^2");
}

static void test_threads(void **state)
{
    (void)state;
    static const char *const commands[] = {"gcc -O2 -pthread -std=c99 -pedantic " WARN,
                                           "clang -O1 -g -fsanitize=thread -pthread " WARN,
                                           "g++ -O1 -x c++ -pthread " WARN, NULL};
    for (int threads = 1; threads <= 5; threads += 2) {
        Arena *a = arena_new(0);
        Program *p = hand_program(a, "c99");
        ((Graph *)p->graph)->threads = threads;
        const Arg in = {ARG_INPUT, hand_input(p, "x", DT_F32, ALL), 0};
        const Arg out = {ARG_OUTPUT, hand_output(p, "y", DT_F32, ALL), 0};
        const Arg one = {ARG_ARENA, 0, 0}, two = {ARG_ARENA, 0, BYTES};
        const Arg sums = {ARG_ARENA, 0, 2 * (int64_t)BYTES};
        p->arena_bytes = 2 * BYTES + 4 * ROWS;
        hand_call(p, square(a, p->target, KL_PARALLEL), (const Arg[]){in, one}, "first");
        hand_call(p, square(a, p->target, KL_SERIAL), (const Arg[]){one, two}, "second");
        hand_call(p, square(a, p->target, KL_SERIAL), (const Arg[]){two, one}, "third");
        hand_call(p, cascade(a, p->target), (const Arg[]){one, sums, out}, "cascade");
        const EmitOptions o = {.name = "net", .options = ""};
        check_program(p, &o, commands);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
