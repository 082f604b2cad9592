/* The verifier of kernels accepts what is provable and names what is not. */
#include "ir/kernel.h"

#include <stdarg.h>

#include <setjmp.h>

#include <cmocka.h>
#include <string.h>

enum { N = 32 };

/* A kernel under construction: y[N] is written, x[N] read. */
typedef struct Case {
    KBuilder *b;
    KBuf *x, *y;
} Case;

static KExpr *x_at(const Case *c, Affine at)
{
    return kb_load(c->b, c->x, at, 1);
}

/* ---- accepted ---- */

static void copy(const Case *c)
{
    Affine i = aff_var(kb_for(c->b, "i", 0, N, 1, KL_PARALLEL));
    kb_store(c->b, c->y, i, x_at(c, i));
    kb_end(c->b);
}

/* x[i - 1] where i >= 1: the condition proves the bound. */
static void neighbour(const Case *c)
{
    Affine i = aff_var(kb_for(c->b, "i", 0, N, 1, KL_SERIAL));
    kb_if(c->b, aff_addc(i, -1));
    kb_store(c->b, c->y, i, x_at(c, aff_addc(i, -1)));
    kb_end(c->b);
    kb_end(c->b);
}

/* Only one iteration stores. */
static void last_iteration_stores(const Case *c)
{
    Affine i = aff_var(kb_for(c->b, "i", 0, N, 1, KL_PARALLEL));
    kb_if(c->b, aff_addc(i, 1 - N));
    kb_store(c->b, c->y, aff(3), x_at(c, aff(3)));
    kb_end(c->b);
    kb_end(c->b);
}

static void clamped_index(const Case *c)
{
    KExpr *at = kb_cvt(c->b, KTYPE(KT_I64, 1), x_at(c, aff(0)));
    kb_store_dyn(c->b, c->y, aff(0), kb_clamp(c->b, at, 0, N - 1), 1, x_at(c, aff(1)), 1);
}

/* ---- refused ---- */

static void before_start(const Case *c)
{
    Affine i = aff_var(kb_for(c->b, "i", 0, N, 1, KL_SERIAL));
    kb_store(c->b, c->y, i, x_at(c, aff_addc(i, -1)));
    kb_end(c->b);
}

static void behind_end(const Case *c)
{
    Affine i = aff_var(kb_for(c->b, "i", 0, N, 1, KL_SERIAL));
    kb_store(c->b, c->y, aff_addc(i, 1), x_at(c, i));
    kb_end(c->b);
}

static void clamp_too_wide(const Case *c)
{
    KExpr *at = kb_cvt(c->b, KTYPE(KT_I64, 1), x_at(c, aff(0)));
    kb_store_dyn(c->b, c->y, aff(1), kb_clamp(c->b, at, 0, N - 1), 1, x_at(c, aff(1)), 1);
}

static void not_clamped(const Case *c)
{
    KExpr *at = kb_cvt(c->b, KTYPE(KT_I64, 1), x_at(c, aff(0)));
    kb_store_dyn(c->b, c->y, aff(0), at, 1, x_at(c, aff(1)), 1);
}

static void writes_what_is_read_only(const Case *c)
{
    kb_store(c->b, c->x, aff(0), x_at(c, aff(1)));
}

static void used_twice(const Case *c)
{
    KExpr *e = x_at(c, aff(0));
    kb_store(c->b, c->y, aff(0), kb_bin(c->b, KO_ADD, e, e));
}

static void inner_parallel(const Case *c)
{
    kb_for(c->b, "i", 0, 2, 1, KL_SERIAL);
    Affine j = aff_var(kb_for(c->b, "j", 0, N, 1, KL_PARALLEL));
    kb_store(c->b, c->y, j, x_at(c, j));
    kb_end(c->b);
    kb_end(c->b);
}

static void parallel_sum(const Case *c)
{
    KReg *sum = kb_reg(c->b, "sum", KTYPE(KT_F32, 1), 0, 0, 0);
    kb_set(c->b, sum, kb_f32(c->b, 0, 1));
    Affine i = aff_var(kb_for(c->b, "i", 0, N, 1, KL_PARALLEL));
    kb_set(c->b, sum, kb_bin(c->b, KO_ADD, kb_get(c->b, sum), x_at(c, i)));
    kb_end(c->b);
    kb_store(c->b, c->y, aff(0), kb_get(c->b, sum));
}

static void parallel_scratch(const Case *c)
{
    Affine i = aff_var(kb_for(c->b, "i", 0, N, 1, KL_PARALLEL));
    kb_store(c->b, c->y, aff(0), x_at(c, i));
    kb_end(c->b);
}

static const struct {
    void (*build)(const Case *c);
    const char *why; /* part of the reason; NULL: accepted */
} cases[] = {
    {copy, NULL},
    {neighbour, NULL},
    {last_iteration_stores, NULL},
    {clamped_index, NULL},
    {before_start, "before the start of x"},
    {behind_end, "behind the end of y"},
    {clamp_too_wide, "behind the end of y"},
    {not_clamped, "not clamped"},
    {writes_what_is_read_only, "x is written but not writable"},
    {used_twice, "used twice"},
    {inner_parallel, "j is not outermost"},
    {parallel_sum, "sets register sum"},
    {parallel_scratch, "same place of y"},
};

static void test_verify(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Arena *a = arena_new(0);
        assert_non_null(a);
        Case c = {.b = kb_new(a, target_find("c99"), "k")};
        c.x = kb_buf(c.b, "x", KT_F32, N, K_READ);
        c.y = kb_buf(c.b, "y", KT_F32, N, K_WRITE);
        cases[i].build(&c);
        const char *why = NULL;
        bool ok = kernel_verify(a, kb_finish(c.b, "a case"), true, &why);
        if (cases[i].why == NULL && !ok)
            fail_msg("case %d is refused: %s", (int)i, why);
        if (cases[i].why != NULL) {
            assert_false(ok);
            if (strstr(why, cases[i].why) == NULL)
                fail_msg("case %d: %s", (int)i, why);
        }
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_verify)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
