/* What the passes make of small networks: which nodes are left, what is fused into what, which
 * tiles, layouts, orders and places are chosen. That results stay the same is tested in
 * test_passes.c. */
#include "ir/ops.h"
#include "passes/passes.h"
#include "tests/support/pass_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static PassCase *after(const char *text, const char *target, const char *pass)
{
    PassOptions o = {0};
    PassCase *c = pass_case_open(text, target);
    if (!pass_case_run(c, &o, pass) || !pass_case_same(c, pass ? pass : "memory"))
        fail_msg("%s", c->why);
    return c;
}

static const Node *maker(const PassCase *c, int output)
{
    return c->g->outputs[output]->def;
}

/* ---- legalize ---- */

/* A chain is cast once on each side; what only moves in front of it stays in 16 bits; the model's
 * own Casts round as they say. */
static void halves_compute_in_f32(void **state)
{
    (void)state;
    PassCase *c = after("net (float16[1,4,6,6] X) => (float16[1,8,4,4] Y, float16[6,1,4,6] Z) <"
                        " float16[8,4,3,3] w = {random 1 0.3}, float16[8] b = {random 2 0.3} >"
                        "{ c = Conv(X, w, b)  r = Relu(c)  t = Transpose<perm=[0,1,3,2]>(r)"
                        "  Y = Tanh(t)  Z = Transpose<perm=[2,0,1,3]>(X) }",
                        "c99", "fuse");
    assert_int_equal(pass_case_count(c, OP_Cast), 2);
    assert_int_equal(maker(c, 0)->op, OP_Transpose); /* which sank */
    assert_int_equal(maker(c, 0)->in[0]->def->op, OP_Cast);
    assert_int_equal(pass_case_find(c, OP_Conv)->in[1]->dtype, DT_F32);
    assert_int_equal(pass_case_find(c, OP_Conv)->n_epilogue, 2);
    assert_int_equal(maker(c, 1)->out[0]->dtype, DT_F16);
    pass_case_close(c);
    c = after("net (bfloat16[1,16,6,6] X) => (bfloat16[1,16,6,6] Y, bfloat16[1,16,6,6] Z) <"
              " bfloat16[16,16,1,1] w = {random 1 0.3}, bfloat16[16] s = {random 3 0.3},"
              " bfloat16[16] v = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,17} >"
              "{ Y = Conv(X, w)  c = Conv(X, w)  Z = BatchNormalization(c, s, s, s, v) }",
              "gnu", "pack");
    for (int i = 0; i < c->g->n_nodes; i++) { /* folded weights are no values of bf16 any more */
        const Node *n = c->g->nodes[i];
        bool folded = n->n_in > 2 && n->in[2];
        if (n->op == OP_Conv)
            assert_int_equal(n->plan.packed_weight->dtype, folded ? DT_F32 : DT_BF16);
    }
    pass_case_close(c);
    c = after("net (bfloat16[9] X) => (float[9] Y, bool[9] L) <bfloat16[1] two = {2} >"
              "{ e = Mul(X, two)  f = Cast<to=1>(e)  Y = Exp(f)  L = Less(e, two) }",
              "c99", NULL);
    assert_int_equal(pass_case_count(c, OP_Cast), 3); /* X, the product, and that to f32 */
    pass_case_close(c);
    c = after("net (float16[9] X) => (int16[9] Y, float16[9] Z) "
              "{ e = Exp(X)  Y = BitCast<to=5>(e)  b = BitCast<to=10>(Y)  Z = Tanh(b) }",
              "c99", NULL);
    assert_int_equal(maker(c, 0)->in[0]->dtype, DT_F16); /* the model's own bits */
    pass_case_close(c);
}

/* ---- simplify ---- */

static void moves_that_move_nothing_go(void **state)
{
    (void)state;
    PassCase *c = after("net (float[2,3,1,5] X) => (float[2,5,3] Y, float[2,3,1,5] Z) <"
                        " int64[4] s1 = {2, 15, 1, 1}, int64[3] s2 = {2, 5, 3},"
                        " int64[8] p = {0,0,0,0,0,0,0,0} >"
                        "{ i = Identity(X)  d = Dropout(i)  q = Pad(d, p)  k = Concat<axis=1>(q)"
                        "  m = MaxPool<kernel_shape=[1,1]>(k)  r1 = Reshape(m, s1)"
                        "  f = Flatten(r1)  r2 = Reshape(f, s2)  Y = Relu(r2)"
                        "  a = Relu(X)  Z = Identity(a)  dead = Exp(a) }",
                        "c99", "simplify");
    assert_int_equal(c->g->n_nodes, 3); /* Reshape, Relu, Relu */
    assert_int_equal(pass_case_count(c, OP_Reshape), 1);
    assert_ptr_equal(pass_case_find(c, OP_Reshape)->in[0], c->g->inputs[0]);
    assert_int_equal(maker(c, 1)->op, OP_Relu);
    assert_string_equal(c->g->outputs[1]->name, "Z");
    pass_case_close(c);
}

/* An output cannot be an input, a constant or another output: those are copied. */
static void outputs_stay_apart(void **state)
{
    (void)state;
    PassCase *c = after("net (float[2] X) => (float[2] A, float[2] B, float[2] C, float[2] K) <"
                        " float[2] k = {1, 2} >"
                        "{ A = Identity(X)  B = Neg(X)  C = Identity(B)  K = Identity(k) }",
                        "c99", "fold");
    static const char *const names[] = {"A", "B", "C", "K"};
    assert_int_equal(pass_case_count(c, OP_Identity), 3);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(c->g->outputs[i]->name, names[i]);
        assert_non_null(maker(c, i));
    }
    pass_case_close(c);
}

static void transposes_merge(void **state)
{
    (void)state;
    PassCase *c =
        after("net (float[2,3,4] X) => (float[2,3,4] Y, float[4,3,2] Z) <>"
              "{ a = Transpose<perm=[1,2,0]>(X)  b = Transpose<perm=[2,0,1]>(a)"
              "  Y = Relu(b)  d = Transpose<perm=[0,2,1]>(a)  Z = Transpose<perm=[2,0,1]>(d) }",
              "c99", "simplify");
    assert_int_equal(c->g->n_nodes, 2);
    const Node *z = maker(c, 1);
    assert_int_equal(z->op, OP_Transpose);
    assert_ptr_equal(z->in[0], c->g->inputs[0]);
    pass_case_close(c);
}

static void gemm_gets_plain_operands(void **state)
{
    (void)state;
    PassCase *c = after("net (float[3,4] A, float[5,3] B, float[4,1] C) => (float[4,5] Y) <>"
                        "{ Y = Gemm<alpha=0.5, beta=2.0, transA=1, transB=1>(A, B, C) }",
                        "avx2", "fuse");
    const Node *n = pass_case_find(c, OP_Gemm);
    assert_int_equal(c->g->n_nodes, 4); /* two transposes, beta C, the product */
    assert_false(n->params.gemm.trans_a || n->params.gemm.trans_b);
    assert_true(n->params.gemm.alpha == 1);
    assert_int_equal(n->n_epilogue, 2);
    assert_int_equal(n->epilogue[0].op, OP_Mul);
    assert_int_equal(n->epilogue[1].op, OP_Add);
    pass_case_close(c);
}

/* ---- fold ---- */

static void constants_are_computed(void **state)
{
    (void)state;
    PassCase *c = after("net (float[2,6] X) => (float[12] Y, float[2048,1024] Z) <"
                        " int64[1] minus = {-1}, float[2048,1] col = {random 1 1},"
                        " float[1,1024] row = {random 2 1}, float[1] two = {2} >"
                        "{ s = Shape(X)  k = Concat<axis=0>(minus)  y = Reshape(X, k)"
                        "  t = Mul(two, two)  Y = Mul(y, t)  Z = Add(col, row) }",
                        "c99", "fold");
    assert_int_equal(pass_case_count(c, OP_Shape), 0);
    assert_int_equal(pass_case_count(c, OP_Mul), 1);
    assert_true(tensor_get_f64(pass_case_find(c, OP_Mul)->in[1]->constant, 0) == 4);
    assert_int_equal(pass_case_count(c, OP_Add), 1); /* 8 MiB stay out of the program */
    pass_case_close(c);
}

/* ---- fuse ---- */

static const char *const block =
    "net (float[1,16,8,8] X) => (float[1,32,8,8] Y) <"
    " float[32,16,3,3] w1 = {random 1 0.1}, float[32,32,3,3] w2 = {random 2 0.1},"
    " float[32] g = {random 4 1}, float[32] b = {random 5 1}, float[32] m = {random 6 1},"
    " float[32] v0 = {random 7 1} >"
    "{ v = Abs(v0)  c1 = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(X, w1)"
    "  n1 = BatchNormalization(c1, g, b, m, v)  r1 = Relu(n1)"
    "  c2 = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(r1, w2)"
    "  n2 = BatchNormalization(c2, g, b, m, v)  a = Add(r1, n2)  Y = Relu(a) }";

static void blocks_become_convolutions(void **state)
{
    (void)state;
    PassCase *c = after(block, "avx2", "fuse");
    assert_int_equal(c->g->n_nodes, 2);
    const Node *first = c->g->nodes[0], *second = c->g->nodes[1];
    assert_int_equal(first->n_epilogue, 1);
    assert_int_equal(first->epilogue[0].op, OP_Relu);
    assert_non_null(first->in[2]);
    assert_int_equal(second->n_epilogue, 2);
    assert_int_equal(second->epilogue[0].op, OP_Add);
    assert_true(second->epilogue[0].swapped);
    assert_ptr_equal(second->in[second->epilogue[0].operand], first->out[0]);
    assert_int_equal(node_own_inputs(second), 3);
    pass_case_close(c);
}

static void normalisation_alone_becomes_a_chain(void **state)
{
    (void)state;
    PassCase *c = after("net (float[1,4,3,3] X) => (float[1,4,3,3] Y) <"
                        " float[4] g = {1,2,3,4}, float[4] b = {1,2,3,4}, float[4] m = {1,2,3,4},"
                        " float[4] v = {1,2,3,4} >"
                        "{ n = BatchNormalization(X, g, b, m, v)  Y = Relu(n) }",
                        "avx2", "fuse");
    assert_int_equal(c->g->n_nodes, 1);
    assert_int_equal(c->g->nodes[0]->op, OP_Mul);
    assert_int_equal(c->g->nodes[0]->n_epilogue, 2);
    pass_case_close(c);
}

/* Neither a value that is read twice nor an output can disappear inside a node. */
static void values_in_use_are_not_fused(void **state)
{
    (void)state;
    PassCase *c = after("net (float[1,4,3,3] X) => (float[1,4,3,3] Y, float[1,4,3,3] Z) <"
                        " float[4,4,1,1] w = {random 1 1} >"
                        "{ Y = Conv<kernel_shape=[1,1]>(X, w)  r = Relu(Y)  s = Exp(r)"
                        "  q = Mul(r, r)  Z = Add(s, q) }",
                        "avx2", "fuse");
    assert_int_equal(maker(c, 0)->n_epilogue, 0);
    assert_int_equal(pass_case_count(c, OP_Relu), 1);
    assert_int_equal(pass_case_find(c, OP_Relu)->n_epilogue, 0);
    pass_case_close(c);
}

/* A step must not make the result larger. */
static void broadcasts_outwards_are_not_fused(void **state)
{
    (void)state;
    PassCase *c = after("net (float[1,4,1,1] X, float[1,4,3,3] Z) => (float[1,4,3,3] Y) <>"
                        "{ e = Exp(X)  Y = Add(e, Z) }",
                        "avx2", "fuse");
    assert_int_equal(c->g->n_nodes, 2);
    pass_case_close(c);
}

static void padding_moves_into_windows(void **state)
{
    (void)state;
    PassCase *c =
        after("net (float[1,4,6,6] X) => (float[1,4,6,6] Y, float[1,4,5,5] A, float[1,4,5,5] M) <"
              " int64[8] p = {0,0,1,1,0,0,1,1}, int64[8] q = {0,0,0,0,0,0,1,1},"
              " float[4,4,3,3] w = {random 1 0.3} >"
              "{ x = Pad(X, p)  Y = Conv<kernel_shape=[3,3]>(x, w)"
              "  a = Pad(X, q)  A = AveragePool<kernel_shape=[3,3]>(a)"
              "  m = Pad(X, q)  M = MaxPool<kernel_shape=[3,3]>(m) }",
              "c99", "fuse");
    assert_int_equal(maker(c, 0)->params.conv.w.pad_begin[0], 1);
    assert_int_equal(maker(c, 1)->params.pool.w.pad_end[1], 1);
    assert_true(maker(c, 1)->params.pool.count_include_pad);
    assert_int_equal(pass_case_count(c, OP_Pad), 1); /* zeros are not minus infinity */
    pass_case_close(c);
}

/* ---- plan ---- */

static const char *const convolutions =
    "net (float[1,32,14,14] X) => (float[1,32,14,14] A, float[1,32,14,14] B,"
    " float[1,6,14,14] C, float[1,32,14,14] D) <"
    " float[32,32,3,3] wa = {random 1 0.1}, float[32,1,3,3] wb = {random 2 0.1},"
    " float[6,16,1,1] wc = {random 3 0.1}, float[32,32,1,1] w0 = {random 4 0.1} >"
    "{ A = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(X, wa)"
    "  B = Conv<kernel_shape=[3,3], pads=[1,1,1,1], group=32>(X, wb)"
    "  C = Conv<kernel_shape=[1,1], group=2>(X, wc)"
    "  wd = Abs(w0)  D = Conv<kernel_shape=[1,1]>(X, wd) }";

static Algo planned(const PassCase *c, int output)
{
    return maker(c, output)->plan.algo;
}

static PassCase *plan_with(const char *target, ConvChoice choice)
{
    PassOptions o = {.conv = choice};
    PassCase *c = pass_case_open(convolutions, target);
    if (!pass_case_run(c, &o, "plan"))
        fail_msg("%s", c->why);
    return c;
}

static void algorithms_fit_the_shapes(void **state)
{
    (void)state;
    PassCase *c = plan_with("avx512", CONV_AUTO);
    assert_int_equal(planned(c, 0), ALGO_DIRECT);
    assert_int_equal(planned(c, 1), ALGO_DEPTHWISE);
    assert_int_equal(planned(c, 2), ALGO_IM2COL);
    assert_int_equal(planned(c, 3), ALGO_DIRECT);
    assert_true(maker(c, 2)->plan.scratch_bytes > 0);
    assert_true(maker(c, 0)->plan.macs == INT64_C(32) * 32 * 9 * 14 * 14);
    assert_true(maker(c, 1)->plan.macs == INT64_C(32) * 9 * 14 * 14);
    pass_case_close(c);
    c = plan_with("c99", CONV_AUTO);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(planned(c, i), ALGO_DIRECT);
        assert_int_equal(maker(c, i)->plan.lanes, 1);
    }
    pass_case_close(c);
}

static void choices_are_respected_where_legal(void **state)
{
    (void)state;
    PassCase *c = plan_with("avx512", CONV_IM2COL);
    for (int i = 0; i < 4; i++)
        assert_int_equal(planned(c, i), ALGO_IM2COL);
    pass_case_close(c);
    c = plan_with("avx512", CONV_DIRECT);
    assert_int_equal(planned(c, 0), ALGO_DIRECT);
    assert_int_equal(planned(c, 2), ALGO_IM2COL); /* 3 channels a group fill no vector */
    assert_non_null(strstr(maker(c, 2)->plan.why, "not as asked"));
    assert_null(strstr(maker(c, 0)->plan.why, "not as asked"));
    pass_case_close(c);
}

static void tiles_fit_the_registers(void **state)
{
    (void)state;
    for (size_t i = 0; target_at(i); i++) {
        const Target *t = target_at(i);
        PassCase *c = plan_with(t->name, CONV_AUTO);
        for (int k = 0; k < 4; k++) {
            const Plan *p = &maker(c, k)->plan;
            assert_true(p->tile_m >= 1 && p->tile_n >= 1);
            assert_true(p->tile_m * p->tile_n + p->tile_n + 1 <= t->n_registers);
        }
        if (t->lanes == 16) { /* 14 pixels by 2 vectors: nothing is wasted */
            assert_int_equal(maker(c, 0)->plan.tile_m, 14);
            assert_int_equal(maker(c, 0)->plan.tile_n, 2);
        }
        pass_case_close(c);
    }
}

/* ---- layout ---- */

static void channels_stay_in_blocks(void **state)
{
    (void)state;
    PassCase *c = after("net (float[1,3,16,16] X) => (float[1,10] Y) <"
                        " float[32,3,3,3] w1 = {random 1 0.2}, float[32,1,3,3] w2 = {random 2 0.2},"
                        " float[16,32,1,1] w3 = {random 3 0.2}, float[10,48] w4 = {random 4 0.2},"
                        " float[1,1,16,16] map = {random 5 1} >"
                        "{ c1 = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(X, w1)  s = Sigmoid(c1)"
                        "  m = Mul(c1, s)  p = MaxPool<kernel_shape=[3,3], pads=[1,1,1,1]>(m)"
                        "  q = Mul(p, map)"
                        "  d = Conv<kernel_shape=[3,3], pads=[1,1,1,1], group=32>(q, w2)"
                        "  c3 = Conv<kernel_shape=[1,1]>(d, w3)  k = Concat<axis=1>(d, c3)"
                        "  g = GlobalAveragePool(k)  f = Flatten(g)  Y = Gemm<transB=1>(f, w4) }",
                        "avx512", NULL);
    assert_int_equal(pass_case_count(c, OP_Reorder), 0);
    assert_int_equal(pass_case_find(c, OP_Concat)->out[0]->layout.block, 16);
    assert_int_equal(pass_case_find(c, OP_Concat)->plan.algo, ALGO_VIEW);
    assert_int_equal(pass_case_find(c, OP_Flatten)->plan.algo, ALGO_VIEW);
    pass_case_close(c);
}

/* Two readers that want rows share one reorder. */
static void reorders_are_shared(void **state)
{
    (void)state;
    PassCase *c = after("net (float[1,3,4,4] X) => (float[1,4,4,20] Y, float[1,20,4,4] Z) <"
                        " float[20,3,1,1] w = {random 1 0.2} >"
                        "{ c = Conv<kernel_shape=[1,1]>(X, w)  Y = Transpose<perm=[0,2,3,1]>(c)"
                        "  Z = Softmax<axis=1>(c) }",
                        "avx2", "layout");
    assert_int_equal(pass_case_count(c, OP_Reorder), 1);
    pass_case_close(c);
    c = after("net (float[1,3,4,4] X) => (float[1,20,4,4] Y) <"
              " float[20,3,1,1] w = {random 1 0.2} > { Y = Conv<kernel_shape=[1,1]>(X, w) }",
              "c99", "layout");
    assert_int_equal(c->g->n_nodes, 1);
    pass_case_close(c);
}

/* ---- flush ---- */

/* Weights that vanish beside others are zero, whatever the kernel; a constant of nothing else
 * stays.
 */
static void tiny_weights_vanish(void **state)
{
    (void)state;
    PassCase *c = after("net (float[1,1,2,2] X, float[1,2] V) => (float[1,2,2,2] Y, float[1,2] Z) <"
                        " float[2,1,1,1] w = {1e-39, 2}, float[2,2] m = {1e-30, 1, 2, 3},"
                        " float tiny = {1e-30} >"
                        "{ Y = Conv(X, w)  p = Gemm(V, m)  Z = Add(p, tiny) }",
                        "avx2", "pack");
    const Node *conv = pass_case_find(c, OP_Conv), *product = pass_case_find(c, OP_Gemm);
    const float *w = conv->plan.packed_weight->data, *m = product->plan.packed_weight->data;
    assert_true(w[0] == 0 && w[1] == 2);
    assert_true(m[0] == 0 && m[1] == 1);
    assert_true(((const float *)product->in[2]->constant->data)[0] == 1e-30f);
    pass_case_close(c);
}

/* ---- order and memory ---- */

/* The wide branch comes first in the model, the narrow ones are better done first. */
static const char *const branches =
    "net (float[1,64] X) => (float[1,1] Y) <"
    " float[64,4096] w1 = {random 1 0.1}, float[4096,1] w2 = {random 2 0.1},"
    " float[64,4096] w3 = {random 3 0.1}, float[4096,1] w4 = {random 4 0.1} >"
    "{ a = MatMul(X, w1)  b = MatMul(X, w3)  c = MatMul(a, w2)  d = MatMul(b, w4)  Y = Add(c, d) }";

static void orders_need_less_memory(void **state)
{
    (void)state;
    PassCase *c = after(branches, "c99", NULL);
    assert_true(c->g->arena_bytes < INT64_C(2) * 4096 * 4);
    assert_true(c->g->arena_bytes >= c->g->arena_floor);
    pass_case_close(c);
}

/* Bytes of two values in the arena that are both needed while a node runs do not overlap, unless
 * one is a view or a part of the other. */
static int needed_until(const Graph *g, const Value *v)
{
    int last = -1;
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i]->n_in; k++)
            if (g->nodes[i]->in[k] == v)
                last = i;
    return v->is_output ? g->n_nodes : last;
}

static bool shares_by_view(const Value *a, const Value *b)
{
    const Node *n = b->def;
    for (int i = 0; n && n->plan.algo == ALGO_VIEW && i < n->n_in; i++)
        if (n->in[i] == a || (n->in[i] && shares_by_view(a, n->in[i])))
            return true;
    return false;
}

static void check_overlaps(const PassCase *c)
{
    const Graph *g = c->g;
    for (int i = 0; i < g->n_values; i++)
        for (int k = 0; k < g->n_values; k++) {
            const Value *a = g->values[i], *b = g->values[k];
            if (a == b || a->place.kind != PLACE_ARENA || b->place.kind != PLACE_ARENA)
                continue;
            if (a->place.offset >= b->place.offset + value_physical_bytes(b) ||
                b->place.offset >= a->place.offset + value_physical_bytes(a))
                continue;
            int b_made = graph_position(g, b->def), a_made = graph_position(g, a->def);
            bool a_alive = a_made < b_made && needed_until(g, a) > b_made;
            if (a_alive && !shares_by_view(a, b))
                fail_msg("%s overwrites %s", b->name, a->name);
        }
}

static void living_values_do_not_overlap(void **state)
{
    (void)state;
    static const char *const all[] = {block, convolutions, branches};
    static const char *const targets[] = {"c99", "avx2", "avx512"};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (size_t t = 0; t < sizeof targets / sizeof targets[0]; t++) {
            PassCase *c = after(all[i], targets[t], NULL);
            check_overlaps(c);
            pass_case_close(c);
        }
}

static void results_overwrite_operands(void **state)
{
    (void)state;
    PassCase *c = after("net (float[64] X, float[64] Z) => (float[8,8] Y) < int64[2] s = {8, 8} >"
                        "{ a = Exp(X)  b = Add(a, Z)  m = Softmax<axis=0>(b)  n = Neg(m)"
                        "  Y = Reshape(n, s) }",
                        "c99", NULL);
    /* Exp |> Add in the arena; Softmax and Neg straight into the output. */
    assert_int_equal(c->g->arena_bytes, 256);
    assert_int_equal(pass_case_find(c, OP_Neg)->out[0]->place.kind, PLACE_OUTPUT);
    assert_int_equal(pass_case_find(c, OP_Softmax)->out[0]->place.kind, PLACE_OUTPUT);
    assert_int_equal(pass_case_find(c, OP_Reshape)->plan.algo, ALGO_VIEW);
    pass_case_close(c);
}

/* The sum of a residual block overwrites the branch that came along, unless the convolution reads
 * that too. */
static void sums_overwrite_residuals(void **state)
{
    (void)state;
    PassCase *c = after(block, "c99", NULL);
    assert_int_equal(c->g->arena_bytes, 32 * 64 * 4);
    pass_case_close(c);
    c = after(
        "net (float[1,16,8,8] X) => (float[1,16,8,8] Y) < float[16,16,3,3] w = {random 1 0.1},"
        " float[16,16,1,1] w0 = {random 2 0.1} >"
        "{ a = Conv<kernel_shape=[1,1]>(X, w0)  b = Conv<kernel_shape=[1,1]>(a, w0)"
        "  c = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(b, w)  d = Add(c, a)"
        "  e = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(d, w)  f = Add(e, d)"
        "  Y = Softmax<axis=3>(f) }",
        "c99", NULL);
    const Node *first = c->g->nodes[2], *second = c->g->nodes[3];
    assert_true(first->n_epilogue == 1 && second->n_epilogue == 1);
    assert_int_equal(first->out[0]->place.offset, c->g->nodes[0]->out[0]->place.offset);
    assert_int_not_equal(second->out[0]->place.offset, first->out[0]->place.offset);
    pass_case_close(c);
}

static void pieces_are_views(void **state)
{
    (void)state;
    PassCase *c = after("net (float[1,48,4,4] X) => (float[1,16,4,4] Y, float[1,32,4,4] Z) <"
                        " float[48,48,1,1] w = {random 1 0.2}, int64[2] s = {16, 32} >"
                        "{ c = Conv<kernel_shape=[1,1]>(X, w)  a, b = Split<axis=1>(c, s)"
                        "  Y = Softmax<axis=1>(a)  e = Exp(b)"
                        "  Z = Mul(e, b) }",
                        "avx512", NULL);
    assert_int_equal(pass_case_find(c, OP_Split)->plan.algo, ALGO_VIEW);
    pass_case_close(c);
    c = after("net (float[4,6] X) => (float[2,6] Y) < int64[1] a = {1}, int64[1] b = {3},"
              " int64[1] k = {0} > { e = Exp(X)  s = Slice(e, a, b, k)  Y = Softmax(s) }",
              "c99", NULL);
    assert_int_equal(pass_case_find(c, OP_Slice)->plan.algo, ALGO_VIEW);
    assert_int_equal(pass_case_find(c, OP_Slice)->out[0]->place.offset, 24);
    pass_case_close(c);
}

static void growing_concats_copy_nothing(void **state)
{
    (void)state;
    PassCase *c =
        after("net (float[1,16,5,5] X) => (float[1,144,1,1] M) <"
              " float[16,16,1,1] w = {random 4 0.2} >"
              "{ x = Conv<kernel_shape=[1,1]>(X, w)  a = Exp(x)  c1 = Concat<axis=1>(x, a)"
              "  m1 = GlobalMaxPool(c1)  b = Tanh(x)  c2 = Concat<axis=1>(x, a, b)"
              "  m2 = GlobalMaxPool(c2)  d = Neg(x)  c3 = Concat<axis=1>(x, a, b, d)"
              "  m3 = GlobalMaxPool(c3)  M = Concat<axis=1>(m1, m2, m3) }",
              "avx512", NULL);
    for (int i = 0; i < c->g->n_nodes; i++)
        if (c->g->nodes[i]->op == OP_Concat && c->g->nodes[i]->out[0]->shape.dim[2] == 5)
            assert_int_equal(c->g->nodes[i]->plan.algo, ALGO_VIEW);
    pass_case_close(c);
}

/* ---- the runner ---- */

static void the_runner_stops_and_dumps(void **state)
{
    (void)state;
    PassCase *c = pass_case_open(block, "avx2");
    char *text = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);
    bool stopped = false;
    PassOptions o = {.dump = "fuse", .stop_after = "plan", .time = true, .dump_to = to};
    assert_true(passes_run(c->g, &o, &stopped));
    fclose(to);
    assert_true(stopped);
    assert_non_null(strstr(text, "# after fuse\n<"));
    assert_null(strstr(text, "# after plan"));
    assert_non_null(strstr(text, "# plan "));
    assert_null(strstr(text, "# layout "));
    free(text);
    pass_case_close(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halves_compute_in_f32),
        cmocka_unit_test(moves_that_move_nothing_go),
        cmocka_unit_test(outputs_stay_apart),
        cmocka_unit_test(transposes_merge),
        cmocka_unit_test(gemm_gets_plain_operands),
        cmocka_unit_test(constants_are_computed),
        cmocka_unit_test(blocks_become_convolutions),
        cmocka_unit_test(normalisation_alone_becomes_a_chain),
        cmocka_unit_test(values_in_use_are_not_fused),
        cmocka_unit_test(broadcasts_outwards_are_not_fused),
        cmocka_unit_test(padding_moves_into_windows),
        cmocka_unit_test(algorithms_fit_the_shapes),
        cmocka_unit_test(choices_are_respected_where_legal),
        cmocka_unit_test(tiles_fit_the_registers),
        cmocka_unit_test(channels_stay_in_blocks),
        cmocka_unit_test(reorders_are_shared),
        cmocka_unit_test(orders_need_less_memory),
        cmocka_unit_test(living_values_do_not_overlap),
        cmocka_unit_test(results_overwrite_operands),
        cmocka_unit_test(sums_overwrite_residuals),
        cmocka_unit_test(pieces_are_views),
        cmocka_unit_test(growing_concats_copy_nothing),
        cmocka_unit_test(the_runner_stops_and_dumps),
        cmocka_unit_test(tiny_weights_vanish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
