/* Data movement against the interpreter: random axes, permutations and parts, every size of
 * element, blocked and plain. */
#include "tests/support/node_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static const DType types[] = {DT_F32, DT_F64, DT_I32, DT_I64, DT_U8, DT_BOOL};
enum { N_TYPES = sizeof types / sizeof types[0] };

static int random_dims(NodeCase *c, int64_t *dims)
{
    int rank = 1 + node_case_random(c, 5);
    for (int i = 0; i < rank; i++)
        dims[i] = 1 + node_case_random(c, i == rank - 1 ? 40 : 6);
    return rank;
}

static void transpose(const char *target, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int64_t dims[MAX_RANK];
    int rank = random_dims(&c, dims);
    if (seed % 3 == 0) /* long enough for whole tiles */
        dims[0] = 30;
    int block = rank > 1 && seed % 5 == 0 && node_case_lanes(&c) > 1 ? node_case_lanes(&c) : 0;
    if (block && seed % 2)
        dims[1] += 30;
    node_case_input(&c, block ? DT_F32 : types[seed % N_TYPES], rank, dims, block, NULL, false);
    PermParams *p = &node_case_node(&c, OP_Transpose, 1)->params.perm;
    p->given = true;
    for (int i = 0; i < rank; i++)
        p->perm[i] = i;
    for (int i = rank - 1; i > 0; i--) {
        int j = node_case_random(&c, i + 1), t = p->perm[i];
        p->perm[i] = p->perm[j];
        p->perm[j] = t;
    }
    node_case_check(&c, 0, 0, 0);
    node_case_close(&c);
}

static void concat(const char *target, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int64_t dims[MAX_RANK];
    int rank = random_dims(&c, dims), parts = 1 + node_case_random(&c, 4);
    int axis = node_case_random(&c, rank), lanes = node_case_lanes(&c), block = 0;
    bool ragged = seed % 4 == 1; /* blocks: parts meet inside of them, or between them */
    if (lanes > 1 && rank > 1 && seed % 2) {
        axis = 1;
        block = lanes;
    }
    for (int i = 0; i < parts; i++) {
        dims[axis] = 1 + node_case_random(&c, 9);
        if (block && !ragged && i < parts - 1)
            dims[axis] *= lanes;
        node_case_input(&c, block ? DT_F32 : types[seed % N_TYPES], rank, dims, block, NULL,
                        node_case_random(&c, 3) == 0);
    }
    node_case_node(&c, OP_Concat, 1)->params.axis.axis = axis;
    node_case_check(&c, block, 0, 0);
    node_case_close(&c);
}

/* Channels of one to three values in a random order, or in a regular one. */
static void channels(const char *target, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int64_t dims[] = {1 + (int64_t)seed % 2, 0, 3, 1 + (int64_t)seed % 20}, all = 0, list[200];
    int sources = 1 + (int)(seed % 3), block = seed % 2 && node_case_lanes(&c) > 1;
    int64_t n = 1 + node_case_random(&c, 60);
    for (int i = 0; i < sources; i++) {
        dims[1] = 1 + node_case_random(&c, 40);
        all += dims[1];
        node_case_input(&c, block ? DT_F32 : types[seed % N_TYPES], 4, dims,
                        block ? node_case_lanes(&c) : 0, NULL, false);
    }
    for (int64_t i = 0; i < n; i++) /* a shuffle of three groups, or chance */
        list[i] = seed % 5 ? (i % 3 * (all / 3) + i / 3) % all : node_case_random(&c, (int)all);
    node_case_input(&c, DT_I64, 1, &n, 0, list, true);
    node_case_node(&c, OP_Channels, 1);
    node_case_check(&c, block ? node_case_lanes(&c) : 0, 0, 0);
    node_case_close(&c);
}

/* Blocked: pixels of all channels, or some channels. */
static void slice_blocked(const char *target, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int lanes = node_case_lanes(&c);
    int64_t dims[] = {2, 1 + node_case_random(&c, 40), 6, 7}, n = 1, axis = 1 + (int64_t)seed % 3;
    int64_t start = node_case_random(&c, (int)dims[axis]), end = 100, step = 1 + (int64_t)seed % 2;
    if (lanes > 1) {
        node_case_f32(&c, 4, dims, lanes);
        node_case_input(&c, DT_I64, 1, &n, 0, &start, true);
        node_case_input(&c, DT_I64, 1, &n, 0, &end, true);
        node_case_input(&c, DT_I64, 1, &n, 0, &axis, true);
        node_case_input(&c, DT_I64, 1, &n, 0, &step, true);
        node_case_node(&c, OP_Slice, 1);
        node_case_check(&c, lanes, 0, 0);
    }
    node_case_close(&c);
}

static void split(const char *target, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int64_t dims[MAX_RANK], sizes[4];
    int rank = random_dims(&c, dims), axis = node_case_random(&c, rank), parts = 2 + (int)seed % 3;
    dims[axis] = 0;
    for (int i = 0; i < parts; i++) {
        sizes[i] = 1 + node_case_random(&c, 5);
        dims[axis] += sizes[i];
    }
    node_case_input(&c, types[seed % N_TYPES], rank, dims, 0, NULL, false);
    SplitParams *p = &node_case_node(&c, OP_Split, parts)->params.split;
    p->axis = axis;
    p->n_sizes = parts;
    for (int i = 0; i < parts; i++)
        p->sizes[i] = sizes[i];
    node_case_check(&c, 0, 0, 0);
    node_case_close(&c);
}

static void slice(const char *target, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int64_t dims[MAX_RANK], starts[MAX_RANK], ends[MAX_RANK], axes[MAX_RANK], steps[MAX_RANK];
    int rank = random_dims(&c, dims);
    int64_t n = rank;
    for (int i = 0; i < rank; i++) {
        axes[i] = i;
        steps[i] = 1 + node_case_random(&c, 3);
        starts[i] = node_case_random(&c, (int)dims[i]);
        ends[i] = starts[i] + 1 + node_case_random(&c, (int)(dims[i] - starts[i]));
        if (node_case_random(&c, 3) == 0) { /* backwards */
            steps[i] = -steps[i];
            starts[i] = dims[i] - 1;
            ends[i] = -1000;
        }
    }
    node_case_input(&c, types[seed % N_TYPES], rank, dims, 0, NULL, false);
    node_case_input(&c, DT_I64, 1, &n, 0, starts, true);
    node_case_input(&c, DT_I64, 1, &n, 0, ends, true);
    node_case_input(&c, DT_I64, 1, &n, 0, axes, true);
    node_case_input(&c, DT_I64, 1, &n, 0, steps, true);
    node_case_node(&c, OP_Slice, 1);
    node_case_check(&c, 0, 0, 0);
    node_case_close(&c);
}

static void expand(const char *target, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int64_t dims[MAX_RANK], wanted[MAX_RANK];
    int rank = random_dims(&c, dims);
    int64_t n = rank;
    for (int i = 0; i < rank; i++) {
        wanted[i] = dims[i];
        if (node_case_random(&c, 2))
            dims[i] = 1;
    }
    node_case_input(&c, types[seed % N_TYPES], rank, dims, 0, NULL, false);
    node_case_input(&c, DT_I64, 1, &n, 0, wanted, true);
    node_case_node(&c, OP_Expand, 1);
    node_case_check(&c, 0, 0, 0);
    node_case_close(&c);
}

static void pad(const char *target, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int64_t dims[MAX_RANK];
    int rank = random_dims(&c, dims), lanes = node_case_lanes(&c), block = 0;
    if (lanes > 1 && rank > 1 && seed % 3 == 0)
        block = lanes;
    node_case_input(&c, block ? DT_F32 : types[seed % N_TYPES], rank, dims, block, NULL, false);
    PadParams *p = &node_case_node(&c, OP_Pad, 1)->params.pad;
    p->mode = (PadMode)(seed % 4);
    p->value = seed % 8 ? 0 : 1;
    for (int i = 0; i < rank; i++) {
        int most = p->mode == PAD_REFLECT && dims[i] < 4 ? (int)dims[i] : 4;
        if (block && i == 1)
            continue;
        p->begin[i] = node_case_random(&c, 2) ? node_case_random(&c, most) : 0;
        p->end[i] = node_case_random(&c, 2) ? node_case_random(&c, most) : 0;
        if (dims[i] > 5 && node_case_random(&c, 3) == 0)
            p->begin[i] = -node_case_random(&c, 4);
    }
    node_case_check(&c, block, 0, 0);
    node_case_close(&c);
}

static void gather(const char *target, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int64_t dims[MAX_RANK], at[2] = {1 + node_case_random(&c, 4), 1 + node_case_random(&c, 3)};
    int64_t wide[12];
    int32_t narrow[12];
    int rank = random_dims(&c, dims), axis = node_case_random(&c, rank);
    for (int i = 0; i < 12; i++) {
        wide[i] = node_case_random(&c, 2 * (int)dims[axis]) - dims[axis];
        narrow[i] = (int32_t)wide[i];
    }
    node_case_input(&c, types[seed % N_TYPES], rank, dims, 0, NULL, false);
    node_case_input(&c, seed % 2 ? DT_I64 : DT_I32, (int)(seed % 3), at, 0,
                    seed % 2 ? (const void *)wide : narrow, node_case_random(&c, 2));
    node_case_node(&c, OP_Gather, 1)->params.axis.axis = axis;
    node_case_check(&c, 0, 0, 0);
    node_case_close(&c);
}

/* Every window's maximum goes to a place of its own in the pooled tensor. */
static void unpool(const char *target, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int64_t dims[4] = {1 + node_case_random(&c, 2), 1 + node_case_random(&c, 3),
                       1 + node_case_random(&c, 4), 1 + node_case_random(&c, 4)};
    int64_t index[96], shape[4] = {dims[0], dims[1], 2 * dims[2] + 1, 2 * dims[3] + 2}, n = 4;
    for (int64_t i = 0; i < dims[0] * dims[1] * dims[2] * dims[3]; i++) {
        int64_t x = i % dims[3], y = i / dims[3] % dims[2], plane = i / (dims[2] * dims[3]);
        index[i] = (plane * 2 * dims[2] + 2 * y + node_case_random(&c, 2)) * 2 * dims[3] + 2 * x +
                   node_case_random(&c, 2);
    }
    node_case_f32(&c, 4, dims, 0);
    node_case_input(&c, DT_I64, 4, dims, 0, index, false);
    if (seed & 1) /* a larger output than what was pooled */
        node_case_input(&c, DT_I64, 1, &n, 0, shape, true);
    PoolParams *p = &node_case_node(&c, OP_MaxUnpool, 1)->params.pool;
    p->w = (Window){.n = 2, .kernel = {2, 2, 1}, .stride = {2, 2, 1}, .dilation = {1, 1, 1}};
    node_case_check(&c, 0, 0, 0);
    node_case_close(&c);
}

static void each(void (*run)(const char *target, uint64_t seed))
{
    for (const char *const *t = node_case_targets; *t; t++)
        for (uint64_t seed = 0; seed < 36; seed++)
            run(*t, seed);
}

static void test_transpose(void **state)
{
    (void)state;
    each(transpose);
}

static void test_concat(void **state)
{
    (void)state;
    each(concat);
}

static void test_channels(void **state)
{
    (void)state;
    each(channels);
    each(slice_blocked);
}

static void test_split(void **state)
{
    (void)state;
    each(split);
}

static void test_slice(void **state)
{
    (void)state;
    each(slice);
}

static void test_expand(void **state)
{
    (void)state;
    each(expand);
}

static void test_pad(void **state)
{
    (void)state;
    each(pad);
}

static void test_gather(void **state)
{
    (void)state;
    each(gather);
}

static void test_unpool(void **state)
{
    (void)state;
    each(unpool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_transpose), cmocka_unit_test(test_concat),
        cmocka_unit_test(test_split),     cmocka_unit_test(test_slice),
        cmocka_unit_test(test_expand),    cmocka_unit_test(test_pad),
        cmocka_unit_test(test_gather),    cmocka_unit_test(test_unpool),
        cmocka_unit_test(test_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
