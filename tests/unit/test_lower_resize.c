/* Resize against the interpreter: every mode, coordinate transformation and rounding, growing and
 * shrinking, blocked and plain, 1 to 3 axes. */
#include "tests/support/node_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void fill_params(NodeCase *c, ResizeParams *p, int rank, uint64_t seed)
{
    *p = (ResizeParams){.mode = (ResizeMode)(seed % 3),
                        .coord = (CoordMode)(seed / 3 % 7),
                        .nearest = (NearestMode)node_case_random(c, 4),
                        .cubic_a = -0.75,
                        .extrapolation = 1.5,
                        .exclude_outside = node_case_random(c, 2),
                        .antialias = node_case_random(c, 2)};
    for (int i = 0; i < rank; i++)
        p->roi_end[i] = 1;
}

static void resize(const char *target, uint64_t seed)
{
    NodeCase c;
    node_case_open(&c, target, seed);
    int lanes = node_case_lanes(&c), spatial = 1 + node_case_random(&c, 3), rank = spatial + 2;
    /* this mode moves every axis by half an element, the channels too */
    bool shifts = seed / 3 % 7 == COORD_TF_HALF_PIXEL_NN;
    int block = lanes > 1 && !shifts && node_case_random(&c, 2) ? lanes : 0;
    int64_t dims[MAX_RANK] = {1 + node_case_random(&c, 2), 1 + node_case_random(&c, 2 * lanes)};
    for (int i = 2; i < rank; i++)
        dims[i] = 2 + node_case_random(&c, 5);
    ResizeParams p;
    fill_params(&c, &p, rank, seed);
    DType types[] = {DT_F32, DT_I64, DT_U8};
    int type = p.mode == RESIZE_NEAREST && !block ? node_case_random(&c, 3) : 0;
    node_case_input(&c, types[type], rank, dims, block, NULL, false);
    bool crop = p.coord == COORD_TF_CROP_AND_RESIZE, factors = node_case_random(&c, 2);
    float roi[2 * MAX_RANK] = {0}, scales[MAX_RANK];
    int64_t n = rank, n_roi = 2 * n;
    for (int i = 0; i < rank; i++) {
        roi[i] = crop && i > 1 ? 0.1f : 0;
        roi[rank + i] = crop && i > 1 ? 1.2f : 1;
        scales[i] = i < 2     ? 1
                    : factors ? 1 + (float)node_case_random(&c, 3)
                              : 0.5f + 0.25f * (float)node_case_random(&c, 8);
    }
    node_case_input(&c, DT_F32, 1, &n_roi, 0, roi, true);
    node_case_input(&c, DT_F32, 1, &n, 0, scales, true);
    node_case_node(&c, OP_Resize, 1)->params.resize = p;
    node_case_check(&c, block, 4e-6, 4e-6);
    node_case_close(&c);
}

static void test_resize(void **state)
{
    (void)state;
    for (const char *const *t = node_case_targets; *t; t++)
        for (uint64_t seed = 0; seed < 105; seed++)
            resize(*t, seed);
}

/* Channels last: the pixel is a vector with a tail; and a resized batch. */
static void test_other_axes(void **state)
{
    (void)state;
    for (int variant = 0; variant < 6; variant++) {
        NodeCase c;
        node_case_open(&c, "avx2", (uint64_t)variant);
        int64_t dims[4] = {2, 3, 4, 11}, n = 4;
        float scales[4] = {variant < 3 ? 1 : 2, 1.5f, 2.5f, 1};
        ResizeParams p;
        fill_params(&c, &p, 4, (uint64_t)variant);
        node_case_f32(&c, 4, dims, 0);
        node_case_absent(&c);
        node_case_input(&c, DT_F32, 1, &n, 0, scales, true);
        node_case_node(&c, OP_Resize, 1)->params.resize = p;
        node_case_check(&c, 0, 4e-6, 4e-6);
        node_case_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_other_axes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
