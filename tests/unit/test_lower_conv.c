/* Unit tests of the convolution kernels: random shapes around every edge, on every width. */
#include "ir/direct_cut.h"
#include "ir/packing.h"
#include "tests/support/lower_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
/* cmocka needs some of the above first. */
#include <cmocka.h>

typedef struct ConvCase {
    int spatial, lanes, in_block;
    int64_t n, ic, oc, group, in[3], k[3], stride[3], dil[3], pad0[3], pad1[3], out_pad[3];
    int tile_m, tile_n;
    bool bias;
} ConvCase;

static const int all_lanes[] = {1, 4, 8, 16};

static Shape make_shape(int64_t n, int64_t c, int spatial, const int64_t *d)
{
    Shape s = {.rank = 2 + spatial, .dim = {n, c}};
    for (int i = 0; i < spatial; i++)
        s.dim[2 + i] = d[i];
    return s;
}

/* Random window on a random image, with at least one output pixel. */
static void random_window(LowerCase *c, ConvCase *t, bool transposed)
{
    for (int i = 0; i < t->spatial; i++) {
        int64_t out;
        do {
            t->in[i] = lc_random(c, 1, t->spatial == 1 ? 40 : t->spatial == 2 ? 11 : 5);
            t->k[i] = lc_random(c, 1, 4);
            t->stride[i] = lc_random(c, 1, 3);
            t->dil[i] = lc_random(c, 1, 2);
            t->pad0[i] = lc_random(c, 0, 3);
            t->pad1[i] = lc_random(c, 0, 3);
            t->out_pad[i] = transposed ? lc_random(c, 0, t->stride[i] - 1) : 0;
            int64_t reach = (t->k[i] - 1) * t->dil[i] + 1;
            out = transposed ? (t->in[i] - 1) * t->stride[i] + reach - t->pad0[i] - t->pad1[i] +
                                   t->out_pad[i]
                             : t->in[i] + t->pad0[i] + t->pad1[i] - reach + 1;
        } while (out <= 0);
    }
}

static void random_channels(LowerCase *c, ConvCase *t)
{
    t->n = lc_random(c, 0, 3) == 0 ? 2 : 1;
    t->group = lc_random(c, 0, 2) == 0 ? lc_random(c, 2, 3) : 1;
    t->tile_m = (int)lc_random(c, 1, 7);
    t->tile_n = (int)lc_random(c, 1, 3);
    t->bias = lc_random(c, 0, 2) != 0;
    bool blocked = t->lanes > 1 && lc_random(c, 0, 3) != 0;
    t->in_block = blocked ? t->lanes : 1;
    t->ic = lc_random(c, 1, 2 * (int64_t)t->lanes + 5);
    t->oc = lc_random(c, 1, 3 * (int64_t)t->lanes + 2);
    if (t->group > 1) {
        t->ic = t->group * (blocked ? t->lanes * lc_random(c, 1, 2) : lc_random(c, 1, 5));
        t->oc = t->group * (t->lanes > 1 ? (int64_t)t->lanes * t->tile_n : lc_random(c, 1, 5));
    }
}

static Node *conv_node(LowerCase *c, const ConvCase *t, OpKind op, bool constant)
{
    int64_t out[3], w_in = t->ic / t->group, w_out = t->oc;
    for (int i = 0; i < t->spatial; i++) {
        int64_t reach = (t->k[i] - 1) * t->dil[i] + 1;
        out[i] =
            op == OP_ConvTranspose
                ? (t->in[i] - 1) * t->stride[i] + reach - t->pad0[i] - t->pad1[i] + t->out_pad[i]
                : (t->in[i] + t->pad0[i] + t->pad1[i] - reach) / t->stride[i] + 1;
    }
    bool deconv = op == OP_ConvTranspose;
    Shape ws = deconv ? make_shape(t->ic, t->oc / t->group, t->spatial, t->k)
                      : make_shape(w_out, w_in, t->spatial, t->k);
    Value *in[3] = {lc_input(c, "x", make_shape(t->n, t->ic, t->spatial, t->in), t->in_block)};
    in[1] = constant ? lc_constant(c, "w", ws) : lc_input(c, "w", ws, 1);
    Shape bs = shape_make(1, &t->oc);
    if (t->bias)
        in[2] = constant ? lc_constant(c, "b", bs) : lc_input(c, "b", bs, 1);
    Node *n = lc_node(c, op, in, 3, make_shape(t->n, t->oc, t->spatial, out), t->lanes);
    ConvParams *p = &n->params.conv;
    p->group = t->group;
    p->w.n = t->spatial;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        bool real = i < t->spatial;
        p->w.kernel[i] = real ? t->k[i] : 1;
        p->w.stride[i] = real ? t->stride[i] : 1;
        p->w.dilation[i] = real ? t->dil[i] : 1;
        p->w.pad_begin[i] = real ? t->pad0[i] : 0;
        p->w.pad_end[i] = real ? t->pad1[i] : 0;
        p->output_padding[i] = real ? t->out_pad[i] : 0;
    }
    n->plan.algo = ALGO_DIRECT;
    n->plan.lanes = t->lanes;
    n->plan.tile_m = t->tile_m;
    n->plan.tile_n = t->tile_n;
    snprintf(
        c->describe, sizeof c->describe,
        "%dd n%lld c%lld->%lld g%lld in %lldx%lldx%lld k %lldx%lldx%lld s %lld,%lld,%lld d "
        "%lld,%lld,%lld pad %lld,%lld,%lld:%lld,%lld,%lld lanes %d block %d tile %dx%d",
        t->spatial, (long long)t->n, (long long)t->ic, (long long)t->oc, (long long)t->group,
        (long long)t->in[0], (long long)t->in[1], (long long)t->in[2], (long long)t->k[0],
        (long long)t->k[1], (long long)t->k[2], (long long)t->stride[0], (long long)t->stride[1],
        (long long)t->stride[2], (long long)t->dil[0], (long long)t->dil[1], (long long)t->dil[2],
        (long long)t->pad0[0], (long long)t->pad0[1], (long long)t->pad0[2], (long long)t->pad1[0],
        (long long)t->pad1[1], (long long)t->pad1[2], t->lanes, t->in_block, t->tile_m, t->tile_n);
    return n;
}

/* A residual, a per-channel factor, an activation: some of them. */
static void random_epilogue(LowerCase *c, const ConvCase *t)
{
    Shape y = c->node->out[0]->shape, per_channel = y;
    if (lc_random(c, 0, 1))
        lc_epilogue(c, OP_Add, lc_input(c, "r", y, t->lanes), false);
    if (lc_random(c, 0, 2) == 0) {
        for (int i = 0; i < y.rank; i++)
            per_channel.dim[i] = i == 1 ? y.dim[1] : 1;
        lc_epilogue(c, OP_Mul, lc_input(c, "f", per_channel, 1), false);
    }
    if (lc_random(c, 0, 1))
        lc_epilogue(c, OP_Relu, NULL, false);
}

static const char *target_of(int lanes)
{
    return lanes == 1 ? "c99" : "avx512";
}

static void check_random(OpKind op, int cases, bool constant)
{
    for (int i = 0; i < cases; i++) {
        LowerCase c;
        ConvCase t = {.spatial = 2, .lanes = constant ? all_lanes[i % 4] : 1};
        lc_open(&c, (unsigned)i, target_of(t.lanes));
        t.spatial = lc_random(&c, 0, 3) ? 2 : (int)lc_random(&c, 1, 3);
        random_channels(&c, &t);
        random_window(&c, &t, op == OP_ConvTranspose);
        conv_node(&c, &t, op, constant);
        if (constant)
            lc_pack_direct(&c);
        random_epilogue(&c, &t);
        lc_check(&c);
        lc_close(&c);
    }
}

static void test_direct(void **state)
{
    (void)state;
    check_random(OP_Conv, 400, true);
}

static void test_direct_variable_weights(void **state)
{
    (void)state;
    check_random(OP_Conv, 60, false);
}

static void test_transpose(void **state)
{
    (void)state;
    check_random(OP_ConvTranspose, 200, true);
}

static void test_transpose_variable_weights(void **state)
{
    (void)state;
    check_random(OP_ConvTranspose, 40, false);
}

/* Reductions in chunks: some of the cases must be cut, or they prove nothing. */
static void test_direct_cut(void **state)
{
    (void)state;
    int cut = 0;
    for (int i = 0; i < 150; i++) {
        LowerCase c;
        ConvCase t = {.lanes = 16};
        lc_open(&c, (unsigned)i, target_of(t.lanes));
        lc_small_caches(&c, lc_random(&c, 1, 12) * 1024, 1 << 20);
        t.spatial = lc_random(&c, 0, 3) ? 2 : (int)lc_random(&c, 1, 3);
        random_channels(&c, &t);
        random_window(&c, &t, false);
        t.in_block = t.lanes;
        t.group = 1;
        t.ic = lc_random(&c, 2 * (int64_t)t.lanes, 5 * (int64_t)t.lanes + 3);
        Node *n = conv_node(&c, &t, OP_Conv, true);
        DirectCut d = direct_cut(n, c.g->target, t.tile_m, t.tile_n, 1 + i % 3);
        n->plan.parts = d.parts;
        n->plan.scratch_bytes = d.scratch_bytes;
        cut += d.chunks > 1;
        lc_pack_direct(&c);
        random_epilogue(&c, &t);
        lc_check(&c);
        lc_close(&c);
    }
    assert_true(cut > 50);
}

/* 1x1 kernels, whose image becomes one row, with every extent that may be 1. */
static void test_pointwise(void **state)
{
    (void)state;
    for (int i = 0; i < 60; i++) {
        LowerCase c;
        ConvCase t = {.lanes = all_lanes[i % 4]};
        lc_open(&c, (unsigned)i, target_of(t.lanes));
        t.spatial = (int)lc_random(&c, 1, 3);
        random_channels(&c, &t);
        for (int s = 0; s < t.spatial; s++) {
            t.in[s] = lc_random(&c, 0, 2) ? lc_random(&c, 2, 6) : 1;
            t.k[s] = t.stride[s] = t.dil[s] = 1;
        }
        conv_node(&c, &t, OP_Conv, true);
        lc_pack_direct(&c);
        random_epilogue(&c, &t);
        lc_check(&c);
        lc_close(&c);
    }
}

static void test_depthwise(void **state)
{
    (void)state;
    for (int i = 0; i < 150; i++) {
        LowerCase c;
        ConvCase t = {.lanes = all_lanes[i % 4], .in_block = all_lanes[i % 4], .tile_n = 1};
        lc_open(&c, (unsigned)i, target_of(t.lanes));
        t.spatial = lc_random(&c, 0, 3) ? 2 : (int)lc_random(&c, 1, 3);
        t.n = lc_random(&c, 1, 2);
        t.ic = t.oc = t.group = lc_random(&c, 1, 2 * (int64_t)t.lanes + 3);
        t.tile_m = (int)lc_random(&c, 1, 7);
        t.bias = lc_random(&c, 0, 2) != 0;
        random_window(&c, &t, false);
        if (i % 10 == 9) { /* a wide kernel */
            t.k[0] = lc_random(&c, 12, 15);
            t.pad0[0] = t.pad1[0] = 15;
            t.dil[0] = 1;
        }
        conv_node(&c, &t, OP_Conv, true)->plan.algo = ALGO_DEPTHWISE;
        lc_pack_depthwise(&c);
        random_epilogue(&c, &t);
        lc_check(&c);
        lc_close(&c);
    }
}

static void check_im2col(int cases, bool constant)
{
    for (int i = 0; i < cases; i++) {
        LowerCase c;
        ConvCase t = {.lanes = all_lanes[i % 4], .in_block = 1};
        int lanes = t.lanes;
        lc_open(&c, (unsigned)i, target_of(t.lanes));
        t.spatial = lc_random(&c, 0, 3) ? 2 : (int)lc_random(&c, 1, 3);
        t.lanes = 1; /* of the layouts */
        random_channels(&c, &t);
        random_window(&c, &t, false);
        if (i % 10 == 9) {
            t.k[t.spatial - 1] = lc_random(&c, 12, 15);
            t.pad0[t.spatial - 1] = t.pad1[t.spatial - 1] = 15;
            t.dil[t.spatial - 1] = 1;
        }
        Node *n = conv_node(&c, &t, OP_Conv, constant);
        const Shape *y = &n->out[0]->shape;
        n->plan.algo = ALGO_IM2COL;
        n->plan.lanes = lanes;
        n->plan.parts = 1 + i % 3;
        n->plan.scratch_bytes = im2col_scratch(
            shape_range_numel(&n->in[1]->shape, 1, n->in[1]->shape.rank),
            y->rank > 3 ? y->dim[y->rank - 2] : 1, y->dim[y->rank - 1], n->plan.parts);
        if (constant)
            lc_pack_im2col(&c);
        random_epilogue(&c, &t);
        lc_check(&c);
        lc_close(&c);
    }
}

static void test_im2col(void **state)
{
    (void)state;
    check_im2col(150, true);
}

static void test_im2col_variable_weights(void **state)
{
    (void)state;
    check_im2col(40, false);
}

static void test_winograd(void **state)
{
    (void)state;
    for (int i = 0; i < 120; i++) {
        LowerCase c;
        ConvCase t = {.spatial = 2, .lanes = all_lanes[i % 4], .in_block = all_lanes[i % 4]};
        lc_open(&c, (unsigned)i, target_of(t.lanes));
        lc_small_caches(&c, i % 3 ? 49152 : 1024, 1 << 20); /* chunks of one block or of all */
        random_channels(&c, &t);
        t.in_block = t.lanes;
        t.group = 1;
        for (int s = 0; s < 2; s++) {
            t.k[s] = 3;
            t.stride[s] = t.dil[s] = 1;
            t.in[s] = lc_random(&c, 1, 19);
            t.pad0[s] = lc_random(&c, 1, 3);
            t.pad1[s] = lc_random(&c, 1, 3);
        }
        Node *n = conv_node(&c, &t, OP_Conv, true);
        const Shape *y = &n->out[0]->shape;
        n->plan.algo = ALGO_WINOGRAD;
        n->plan.tile_out = 2 + 2 * (i / 4 % 3);
        n->plan.parts = 1 + i / 12 % 3;
        n->plan.scratch_bytes = winograd_cut(n->plan.tile_out, y->dim[2], y->dim[3], y->dim[0],
                                             t.ic, t.lanes, t.tile_n, n->plan.parts)
                                    .scratch;
        lc_pack_winograd(&c);
        random_epilogue(&c, &t);
        c.tolerance = 1e-5;
        lc_check(&c);
        lc_close(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direct),
        cmocka_unit_test(test_direct_variable_weights),
        cmocka_unit_test(test_direct_cut),
        cmocka_unit_test(test_pointwise),
        cmocka_unit_test(test_depthwise),
        cmocka_unit_test(test_im2col),
        cmocka_unit_test(test_im2col_variable_weights),
        cmocka_unit_test(test_winograd),
        cmocka_unit_test(test_transpose),
        cmocka_unit_test(test_transpose_variable_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
