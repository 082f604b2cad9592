/* Elementwise operators and reorders against the interpreter: every operator, broadcasting,
 * layouts, channel counts around the lanes. */
#include "codegen/lower.h"
#include "tests/support/node_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Parameters that suit any of the operators. */
static void set_params(Node *n)
{
    n->params.ew = (EwParams){.alpha = 0.75, .beta = 0.4, .gamma = 1.0507};
    if (n->op == OP_Clip)
        n->params.ew = (EwParams){.alpha = -0.5, .beta = 1.25};
}

static void one_operand(const char *target, OpKind op, uint64_t seed, int variant)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int lanes = node_case_lanes(&c), block = variant & 1 && lanes > 1 ? lanes : 0;
    if (op == OP_Log || op == OP_Sqrt)
        c.lo = 0.01;
    int64_t dims[4] = {1 + variant % 2, 1 + node_case_random(&c, 2 * lanes + 2),
                       1 + node_case_random(&c, 5), 1 + node_case_random(&c, 9)};
    node_case_f32(&c, 4, dims, block);
    Node *n = node_case_node(&c, op, 1);
    set_params(n);
    n->params.ew.mode = variant & 1;
    node_case_check(&c, block, 4e-7, 3e-7);
    node_case_close(&c);
}

static void two_operands(const char *target, OpKind op, uint64_t seed, int variant)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int lanes = node_case_lanes(&c), block = variant & 1 && lanes > 1 ? lanes : 0;
    int64_t dims[4] = {1 + variant % 3, 2 + node_case_random(&c, 2 * lanes + 2),
                       2 + node_case_random(&c, 4), 2 + node_case_random(&c, 9)};
    int64_t other[4] = {dims[0], dims[1], dims[2], dims[3]}, *d = other;
    int rank = 4;
    for (int i = 0; i < 4; i++)
        if (node_case_random(&c, 2))
            other[i] = 1;
    bool plain = other[2] == 1 && other[3] == 1 && node_case_random(&c, 2);
    if (plain && other[0] == 1) { /* [C, 1, 1] */
        d++;
        rank--;
    }
    int other_block = plain ? 0 : block;
    if (op == OP_Pow)
        c.lo = 0.1;
    bool swapped = op != OP_PRelu && node_case_random(&c, 2);
    if (swapped)
        node_case_input(&c, DT_F32, rank, d, other_block, NULL, node_case_random(&c, 2));
    node_case_f32(&c, 4, dims, block);
    if (!swapped)
        node_case_input(&c, DT_F32, rank, d, other_block, NULL, node_case_random(&c, 2));
    node_case_node(&c, op, 1);
    node_case_check(&c, block, 6e-7, 1e-6);
    node_case_close(&c);
}

static bool takes_no_floats(OpKind op)
{
    return op == OP_Not || op == OP_And || op == OP_Or || op == OP_Xor || op == OP_BitwiseNot ||
           op == OP_BitwiseAnd || op == OP_BitwiseOr || op == OP_BitwiseXor || op == OP_BitShift;
}

static void test_operators(void **state)
{
    (void)state;
    for (const char *const *t = node_case_targets; *t; t++)
        for (int op = 1; op < OP_COUNT; op++) {
            if (!op_has((OpKind)op, T_EW) || op_has((OpKind)op, T_SCALAR) ||
                takes_no_floats((OpKind)op))
                continue;
            bool binary = op_info((OpKind)op)->in_min == 2 || op == OP_Min || op == OP_Max;
            for (int variant = 0; variant < (binary ? 8 : 4); variant++) {
                uint64_t seed = (uint64_t)op * 97 + (uint64_t)variant;
                if (binary)
                    two_operands(*t, (OpKind)op, seed, variant);
                else
                    one_operand(*t, (OpKind)op, seed, variant);
            }
        }
}

static void test_integers(void **state)
{
    (void)state;
    static const OpKind ops[] = {OP_Add, OP_Sub, OP_Mul, OP_Div, OP_Min, OP_Max};
    static const DType types[] = {DT_I32, DT_I64, DT_F64};
    for (int t = 0; t < 3; t++)
        for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++) {
            NodeCase c;
            node_case_open(&c, "avx2", i);
            c.lo = 1;
            int32_t y32[5] = {3, -1, 7, 100, -9};
            int64_t y64[5] = {3, -1, 7, 100, -9}, dims[2] = {3, 5};
            double yf[5] = {3, -1, 7, 100, -9};
            const void *y[] = {y32, y64, yf};
            node_case_input(&c, types[t], 2, dims, 0, NULL, false);
            node_case_input(&c, types[t], 1, dims + 1, 0, y[t], false);
            node_case_node(&c, ops[i], 1);
            node_case_check(&c, 0, 1e-12, 0);
            node_case_close(&c);
        }
}

static void reorder(const char *target, uint64_t seed, bool to_blocked)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int lanes = node_case_lanes(&c);
    int64_t dims[4] = {1 + node_case_random(&c, 2), 1 + node_case_random(&c, 3 * lanes),
                       1 + node_case_random(&c, 7), 1 + node_case_random(&c, 12)};
    node_case_f32(&c, 4, dims, to_blocked ? 0 : lanes);
    node_case_node(&c, OP_Reorder, 1);
    node_case_check(&c, to_blocked ? lanes : 0, 0, 0);
    node_case_close(&c);
}

static void test_reorder(void **state)
{
    (void)state;
    for (const char *const *t = node_case_targets + 1; *t; t++)
        for (uint64_t seed = 0; seed < 24; seed++)
            reorder(*t, seed, seed & 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_reorder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
