/* Pooling against the interpreter: windows, pads, strides and dilations around every edge, in 1
 * to 3 dimensions, blocked and plain. */
#include "tests/support/node_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

/* A random window over n axes of extents dims[2..]. */
static void random_window(NodeCase *c, Window *w, int n, const int64_t *dims, bool dilated)
{
    *w = (Window){.n = n};
    for (int i = 0; i < MAX_SPATIAL; i++)
        w->kernel[i] = w->stride[i] = w->dilation[i] = 1;
    for (int i = 0; i < n; i++) {
        w->dilation[i] = dilated && dims[i + 2] > 4 ? 1 + node_case_random(c, 2) : 1;
        int64_t most = (dims[i + 2] - 1) / w->dilation[i] + 1;
        w->kernel[i] = 1 + node_case_random(c, most < 5 ? (int)most : 5);
        w->stride[i] = 1 + node_case_random(c, 3);
        w->pad_begin[i] = node_case_random(c, (int)w->kernel[i]);
        w->pad_end[i] = node_case_random(c, (int)w->kernel[i]);
    }
}

static void pool(const char *target, OpKind op, uint64_t seed, bool indices)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int lanes = node_case_lanes(&c), n = 1 + node_case_random(&c, 3);
    int block = lanes > 1 && !indices && node_case_random(&c, 2) ? lanes : 0;
    int64_t dims[5] = {1 + node_case_random(&c, 2), 1 + node_case_random(&c, 2 * lanes)};
    for (int i = 0; i < n; i++)
        dims[i + 2] = 1 + node_case_random(&c, 9);
    node_case_f32(&c, n + 2, dims, block);
    Node *node = node_case_node(&c, op, indices ? 2 : 1);
    PoolParams *p = &node->params.pool;
    random_window(&c, &p->w, n, dims, true);
    p->ceil_mode = node_case_random(&c, 2);
    p->count_include_pad = node_case_random(&c, 2);
    p->column_major = node_case_random(&c, 2);
    p->p = 1 + node_case_random(&c, 3);
    node_case_check(&c, block, 4e-6, 1e-6);
    node_case_close(&c);
}

static void test_pool(void **state)
{
    (void)state;
    static const OpKind ops[] = {OP_MaxPool, OP_AveragePool, OP_LpPool};
    for (const char *const *t = node_case_targets; *t; t++)
        for (int k = 0; k < 3; k++)
            for (uint64_t seed = 0; seed < 40; seed++)
                pool(*t, ops[k], seed * 3 + (uint64_t)k, false);
}

static void test_indices(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 40; seed++)
        pool("avx2", OP_MaxPool, seed, true);
}

/* Windows with more kinds of border than get loops of their own. */
static void test_wide_window(void **state)
{
    (void)state;
    static const OpKind ops[] = {OP_MaxPool, OP_AveragePool, OP_LpPool};
    for (int k = 0; k < 3; k++)
        for (int variant = 0; variant < 4; variant++) {
            NodeCase c;
            node_case_open(&c, "avx2", (uint64_t)variant);
            int block = variant & 1 ? 8 : 0;
            int64_t dims[4] = {1, 9, 11, 14};
            node_case_f32(&c, 4, dims, block);
            Node *node = node_case_node(&c, ops[k], 1);
            PoolParams *p = &node->params.pool;
            p->w = (Window){.n = 2,
                            .kernel = {9, 13, 1},
                            .stride = {1, 1 + variant / 2, 1},
                            .dilation = {1, 1, 1},
                            .pad_begin = {4, 6},
                            .pad_end = {4, 6}};
            p->count_include_pad = variant & 2;
            p->ceil_mode = variant & 2;
            p->p = 2;
            node_case_check(&c, block, 4e-6, 1e-6);
            node_case_close(&c);
        }
}

static void test_global(void **state)
{
    (void)state;
    static const OpKind ops[] = {OP_GlobalAveragePool, OP_GlobalMaxPool};
    for (const char *const *t = node_case_targets; *t; t++)
        for (int k = 0; k < 2; k++)
            for (uint64_t seed = 0; seed < 16; seed++) {
                NodeCase c;
                node_case_open(&c, *t, seed);
                int lanes = node_case_lanes(&c), block = lanes > 1 && seed & 1 ? lanes : 0;
                int64_t dims[4] = {1 + node_case_random(&c, 2), 1 + node_case_random(&c, 40),
                                   1 + node_case_random(&c, 8), 1 + node_case_random(&c, 8)};
                node_case_f32(&c, 4, dims, block);
                node_case_node(&c, ops[k], 1);
                node_case_check(&c, seed & 2 ? block : 0, 4e-6, 1e-6);
                node_case_close(&c);
            }
}

/* NaN here and there, and windows of nothing else. MaxPool takes no notice of them, GlobalMaxPool
 * lets them through. */
static void nan_case(const char *target, OpKind op, int block, bool indices)
{
    NodeCase c;
    node_case_open(&c, target, 1);
    int64_t dims[4] = {1, 17, 9, 11};
    Shape s = shape_make(4, dims);
    Tensor *x = tensor_new(c.arena, DT_F32, &s);
    for (int64_t i = 0; i < shape_numel(&s); i++) {
        bool all = i / 99 == 3 || i % 99 < 33, some = node_case_random(&c, 5) == 0 && i / 99 < 12;
        double number = node_case_random(&c, 9);
        tensor_set_f64(x, i, all || some ? NAN : i % 7 == 0 ? -INFINITY : number);
    }
    node_case_input(&c, DT_F32, 4, dims, block, x->data, false);
    Node *node = node_case_node(&c, op, indices ? 2 : 1);
    if (op == OP_MaxPool)
        node->params.pool.w = (Window){.n = 2,
                                       .kernel = {3, 3, 1},
                                       .stride = {2, 1, 1},
                                       .dilation = {1, 1, 1},
                                       .pad_begin = {1, 1},
                                       .pad_end = {1, 1}};
    node_case_check(&c, block, 0, 0);
    node_case_close(&c);
}

static void test_nan(void **state)
{
    (void)state;
    for (const char *const *t = node_case_targets; *t; t++) {
        int lanes = target_find(*t)->lanes;
        nan_case(*t, OP_MaxPool, 0, true);
        for (int blocked = 0; blocked <= (lanes > 1); blocked++) {
            nan_case(*t, OP_MaxPool, blocked ? lanes : 0, false);
            nan_case(*t, OP_GlobalMaxPool, blocked ? lanes : 0, false);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool),        cmocka_unit_test(test_indices),
        cmocka_unit_test(test_wide_window), cmocka_unit_test(test_global),
        cmocka_unit_test(test_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
