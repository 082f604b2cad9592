/* Normalisation against the interpreter: BatchNormalization, LRN, Softmax, LogSoftmax. */
#include "tests/support/node_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void softmax(const char *target, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    c.lo = -9;
    c.hi = 9;
    int64_t dims[4];
    int rank = 1 + node_case_random(&c, 4);
    for (int i = 0; i < rank; i++)
        dims[i] = 1 + node_case_random(&c, 40 / rank);
    node_case_f32(&c, rank, dims, 0);
    Node *n = node_case_node(&c, seed & 1 ? OP_LogSoftmax : OP_Softmax, 1);
    n->params.axis.axis = node_case_random(&c, rank);
    n->params.axis.coerce_2d = node_case_random(&c, 3) == 0;
    node_case_check(&c, 0, 3e-6, 3e-6);
    node_case_close(&c);
}

static void lrn(const char *target, uint64_t seed)
{
    static const double betas[] = {0.75, 0.5, 1, 0.6};
    NodeCase c;
    node_case_open(&c, target, seed);
    int lanes = node_case_lanes(&c), block = lanes > 1 && seed & 1 ? lanes : 0;
    int64_t dims[4] = {1 + node_case_random(&c, 2), 1 + node_case_random(&c, 3 * lanes + 3),
                       1 + node_case_random(&c, 5), 1 + node_case_random(&c, 9)};
    node_case_f32(&c, 4, dims, block);
    Node *n = node_case_node(&c, OP_LRN, 1);
    n->params.norm = (NormParams){.alpha = 0.3,
                                  .beta = betas[node_case_random(&c, 4)],
                                  .bias = 1 + node_case_random(&c, 2),
                                  .size = 1 + node_case_random(&c, 7)};
    node_case_check(&c, block, 2e-6, 1e-7);
    node_case_close(&c);
}

static void batch_norm(const char *target, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int lanes = node_case_lanes(&c), block = lanes > 1 && seed & 1 ? lanes : 0;
    int64_t dims[4] = {1 + node_case_random(&c, 2), 1 + node_case_random(&c, 3 * lanes),
                       1 + node_case_random(&c, 5), 1 + node_case_random(&c, 9)};
    node_case_f32(&c, 2 + (int)(seed % 3), dims, block);
    c.lo = 0.5;
    for (int i = 0; i < 4; i++)
        node_case_input(&c, DT_F32, 1, dims + 1, 0, NULL, (seed & 6) != 0);
    Node *n = node_case_node(&c, OP_BatchNormalization, 1);
    n->params.norm.epsilon = 1e-3;
    node_case_check(&c, block, 2e-6, 2e-6);
    node_case_close(&c);
}

static void each(void (*run)(const char *target, uint64_t seed))
{
    for (const char *const *t = node_case_targets; *t; t++)
        for (uint64_t seed = 0; seed < 32; seed++)
            run(*t, seed);
}

static void test_softmax(void **state)
{
    (void)state;
    each(softmax);
}

static void test_lrn(void **state)
{
    (void)state;
    each(lrn);
}

static void test_batch_norm(void **state)
{
    (void)state;
    each(batch_norm);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_softmax),
        cmocka_unit_test(test_lrn),
        cmocka_unit_test(test_batch_norm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
