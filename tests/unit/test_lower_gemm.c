/* Unit tests of the matrix products: every form of Gemm and MatMul, on every width. */
#include "tests/support/lower_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
/* cmocka needs some of the above first. */
#include <cmocka.h>

static const int all_lanes[] = {1, 4, 8, 16};

static Shape matrix(int64_t rows, int64_t columns)
{
    int64_t d[2] = {rows, columns};
    return shape_make(2, d);
}

static void open_case(LowerCase *c, int i)
{
    lc_open(c, (unsigned)i, all_lanes[i % 4] == 1 ? "c99" : "avx512");
}

static void set_plan(LowerCase *c, int i)
{
    Plan *p = &c->node->plan;
    p->algo = ALGO_GEMM;
    p->lanes = all_lanes[i % 4];
    p->tile_m = (int)lc_random(c, 1, 5);
    p->tile_n = (int)lc_random(c, 1, 3);
}

/* An operand that broadcasts to `to`: random axes are 1, leading ones may be missing. */
static Shape broadcast_shape(LowerCase *c, const Shape *to)
{
    Shape s = *to;
    for (int i = 0; i < s.rank; i++)
        if (lc_random(c, 0, 2) == 0)
            s.dim[i] = 1;
    if (lc_random(c, 0, 2) == 0 && s.rank > 0) {
        s.rank--;
        for (int i = 0; i < s.rank; i++)
            s.dim[i] = s.dim[i + 1];
    }
    return s;
}

static void random_epilogue(LowerCase *c)
{
    Shape y = c->node->out[0]->shape;
    if (lc_random(c, 0, 1))
        lc_epilogue(c, OP_Add, lc_input(c, "r", broadcast_shape(c, &y), 1), false);
    if (lc_random(c, 0, 2) == 0)
        lc_epilogue(c, OP_Mul, lc_input(c, "f", y, 1), false);
    if (lc_random(c, 0, 1))
        lc_epilogue(c, OP_Relu, NULL, false);
}

static void random_gemm(LowerCase *c, int i, bool constant)
{
    static const double factor[] = {1.0, 1.0, 2.0, -0.5, 0.0};
    int64_t m = lc_random(c, 0, 2) ? lc_random(c, 1, 9) : 1, k = lc_random(c, 1, 40);
    int64_t n = lc_random(c, 0, 5) ? lc_random(c, 1, 60) : 1;
    bool ta = lc_random(c, 0, 3) == 0, tb = lc_random(c, 0, 1) == 0;
    Shape bs = tb ? matrix(n, k) : matrix(k, n), y = matrix(m, n);
    Value *in[3] = {lc_input(c, "a", ta ? matrix(k, m) : matrix(m, k), 1)};
    in[1] = constant ? lc_constant(c, "b", bs) : lc_input(c, "b", bs, 1);
    if (lc_random(c, 0, 3)) {
        Shape cs = broadcast_shape(c, &y);
        in[2] = lc_random(c, 0, 1) ? lc_constant(c, "c", cs) : lc_input(c, "c", cs, 1);
    }
    lc_node(c, OP_Gemm, in, 3, y, 1)->params.gemm =
        (GemmParams){factor[lc_random(c, 0, 4)], factor[lc_random(c, 0, 4)], ta, tb};
    set_plan(c, i);
    snprintf(c->describe, sizeof c->describe, "gemm %lldx%lldx%lld%s%s lanes %d", (long long)m,
             (long long)k, (long long)n, ta ? " ta" : "", tb ? " tb" : "", all_lanes[i % 4]);
}

static void test_gemm_packed(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        LowerCase c;
        open_case(&c, i);
        lc_small_caches(&c, 49152, i % 3 ? 1024 : 1 << 20); /* weights from memory, or from near */
        random_gemm(&c, i, true);
        lc_pack_gemm(&c);
        random_epilogue(&c);
        lc_check(&c);
        lc_close(&c);
    }
}

static void test_gemm_variable(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        LowerCase c;
        open_case(&c, i);
        random_gemm(&c, i, false);
        random_epilogue(&c);
        lc_check(&c);
        lc_close(&c);
    }
}

/* Batch axes of the two operands that broadcast to each other, and vectors. */
static void random_matmul(LowerCase *c, int i, bool constant)
{
    int64_t m = lc_random(c, 1, 6), k = lc_random(c, 1, 40), n = lc_random(c, 1, 50);
    int batch = (int)lc_random(c, 0, 3);
    bool a_row = lc_random(c, 0, 4) == 0, b_col = !constant && lc_random(c, 0, 4) == 0;
    Shape a = {0}, b = {0}, y = {0};
    for (int d = 0; d < batch; d++) {
        int64_t extent = lc_random(c, 1, 3);
        a.dim[d] = a_row || lc_random(c, 0, 4) == 0 ? 1 : extent;
        b.dim[d] = constant || b_col || lc_random(c, 0, 2) == 0 ? 1 : extent;
        y.dim[d] = a.dim[d] > b.dim[d] ? a.dim[d] : b.dim[d];
    }
    a.rank = b.rank = y.rank = batch;
    a.dim[a.rank++] = m;
    a.dim[a.rank++] = k;
    b.dim[b.rank++] = k;
    b.dim[b.rank++] = n;
    if (a_row)
        a = shape_make(1, &k);
    else
        y.dim[y.rank++] = m;
    if (b_col)
        b = shape_make(1, &k);
    else
        y.dim[y.rank++] = n;
    if (constant)
        b = matrix(k, n);
    if (a_row && (constant || b_col)) {
        y.rank = b_col ? 0 : 1;
        y.dim[0] = n;
    }
    Value *in[2] = {lc_input(c, "a", a, 1)};
    in[1] = constant ? lc_constant(c, "b", b) : lc_input(c, "b", b, 1);
    lc_node(c, OP_MatMul, in, 2, y, 1);
    set_plan(c, i);
    snprintf(c->describe, sizeof c->describe, "matmul %s x %s -> %s lanes %d",
             shape_str(c->arena, &a), shape_str(c->arena, &b), shape_str(c->arena, &y),
             all_lanes[i % 4]);
}

static void check_matmul(int cases, bool constant)
{
    for (int i = 0; i < cases; i++) {
        LowerCase c;
        open_case(&c, i);
        random_matmul(&c, i, constant);
        if (constant)
            lc_pack_gemm(&c);
        random_epilogue(&c);
        lc_check(&c);
        lc_close(&c);
    }
}

static void test_matmul_packed(void **state)
{
    (void)state;
    check_matmul(150, true);
}

static void test_matmul_variable(void **state)
{
    (void)state;
    check_matmul(250, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gemm_packed),
        cmocka_unit_test(test_gemm_variable),
        cmocka_unit_test(test_matmul_packed),
        cmocka_unit_test(test_matmul_variable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
