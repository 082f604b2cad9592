/* Passes keep the meaning: small networks in ONNX's textual syntax are run by the interpreter
 * before the passes, after each of them, and at the end once more inside the memory that was
 * planned (tests/support/placed_run.h), for several targets. Structure is tested in
 * test_passes_shape.c. */
#include "frontend/frontend.h"
#include "ir/interp/interp.h"
#include "passes/passes.h"
#include "tests/support/pass_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static const char *const residual =
    "net (float[1,3,9,9] X) => (float[1,5] Y) <"
    " float[32,3,3,3] w1 = {random 1 0.3}, float[32] b1 = {random 2 0.3},"
    " float[32,32,3,3] w2 = {random 3 0.1}, float[32] g = {random 4 1}, float[32] b = {random 5 1},"
    " float[32] m = {random 6 1}, float[32] v = {random 7 1},"
    " float[48,32,1,1] w3 = {random 8 0.3}, float[48,32,1,1] w4 = {random 9 0.3},"
    " float[5,48] w5 = {random 10 0.3}, float[5] b5 = {random 11 1} >"
    "{ var = Abs(v)"
    "  c1 = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(X, w1, b1)"
    "  r1 = Relu(c1)"
    "  c2 = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(r1, w2)"
    "  n2 = BatchNormalization<epsilon=0.001>(c2, g, b, m, var)"
    "  a2 = Add(n2, r1)  r2 = Relu(a2)"
    "  c3 = Conv<kernel_shape=[1,1], strides=[2,2]>(r2, w3)"
    "  c4 = Conv<kernel_shape=[1,1], strides=[2,2]>(r1, w4)"
    "  a4 = Add(c3, c4)  r4 = Relu(a4)"
    "  p = GlobalAveragePool(r4)  f = Flatten(p)"
    "  Y = Gemm<transB=1>(f, w5, b5) }";

static const char *const inception =
    "net (float[2,16,8,8] X) => (float[2,40,8,8] Y, float[2,16,8,8] Z) <"
    " float[16,16,1,1] w1 = {random 1 0.3}, float[16,16,3,3] w2 = {random 2 0.1},"
    " float[8,16,1,1] w3 = {random 3 0.3}, float[16,1,3,3] wd = {random 4 0.3},"
    " float[16,1,1] slope = {random 5 1} >"
    "{ c1 = Conv<kernel_shape=[1,1]>(X, w1)  p1 = PRelu(c1, slope)"
    "  d1 = Conv<kernel_shape=[3,3], pads=[1,1,1,1], group=16>(p1, wd)"
    "  c2 = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(d1, w2)"
    "  m1 = MaxPool<kernel_shape=[3,3], pads=[1,1,1,1]>(p1)"
    "  c3 = Conv<kernel_shape=[1,1]>(m1, w3)"
    "  Y = Concat<axis=1>(p1, c2, c3)"
    "  Z = Sigmoid(d1) }";

/* One image: the parts of the Concat lie one after another. Outputs that are an input, a constant
 * of the model, the same value twice, and a view. */
static const char *const in_place =
    "net (float[1,16,4,4] X, float[1,32] A) =>"
    " (float[1,64,4,4] Y, float[1,16,4,4] V, float[1,256] W, float[1,256] U, float[4] K) <"
    " float[16,16,1,1] w1 = {random 1 0.3}, float[32,16,1,1] w2 = {random 2 0.3},"
    " float[4] K0 = {1, 2, 3, 4}, int64[2] shape = {1, 256} >"
    "{ i = Identity(X)  c1 = Conv<kernel_shape=[1,1]>(i, w1)  r1 = Tanh(c1)"
    "  c2 = Conv<kernel_shape=[1,1]>(r1, w2)  e = Exp(c1)"
    "  Y = Concat<axis=1>(r1, c2, e)"
    "  V = Identity(X)  W = Reshape(r1, shape)  U = Dropout(W)  K = Identity(K0) }";

static const char *const moves =
    "net (float[2,3,4,5] X) => (float[2,5,12] Y, float[2,3,8,9] P, float[20,2] T) <"
    " int64[3] s = {2, 5, 12}, int64[2] s2 = {2, 60}, int64[8] pads = {0,0,2,2,0,0,2,2},"
    " float[60,20] w = {random 1 0.2}, float[20] b = {random 2 1}, int64[1] ax = {0} >"
    "{ t1 = Transpose<perm=[0,2,3,1]>(X)  t2 = Transpose<perm=[0,3,2,1]>(t1)"
    "  t3 = Transpose<perm=[0,2,1,3]>(t2)  r1 = Reshape(t3, s2)  r2 = Reshape(r1, s)  Y = Neg(r2)"
    "  P = Pad(X, pads)  q = Reshape(X, s2)  mm = MatMul(q, w)  z = Add(mm, b)"
    "  u = Unsqueeze(z, ax)  v = Squeeze(u, ax)  T = Transpose(v) }";

static const char *const padded =
    "net (float[1,4,7,7] X) => (float[1,20,4,4] Y, float[1,4,5,5] Q) <"
    " int64[8] pads = {0,0,1,1,0,0,1,1}, float[20,4,3,3] w = {random 1 0.3},"
    " float[1] minus_half = {-0.5}, float[20,1,1] k = {random 4 1},"
    " int64[8] corner = {0,0,0,0,0,0,1,1} >"
    "{ p = Pad(X, pads)  c = Conv<kernel_shape=[3,3], strides=[2,2]>(p, w)"
    "  s = Sub(c, minus_half)  d = Sub(k, s)  m = Mul(d, k)  r = LeakyRelu<alpha=0.2>(m)"
    "  h = HardSwish(r)  Y = Div(h, k)"
    "  a = Pad(X, corner)  Q = AveragePool<kernel_shape=[4,4]>(a) }";

static const char *const transposed =
    "net (float[1,8,5,5] X, float[3,4] A, float[3,6] B) => (float[1,20,10,10] Y, float[4,6] G) <"
    " float[8,10,2,2] w = {random 1 0.3}, float[20] b = {random 2 0.3},"
    " float[20] g = {random 4 1}, float[20] s = {random 5 1}, float[20] m = {random 6 1},"
    " float[20] v = {random 7 1}, float[4,1] c = {random 8 1} >"
    "{ var = Abs(v)  t = ConvTranspose<kernel_shape=[2,2], strides=[2,2], group=2>(X, w, b)"
    "  n = BatchNormalization<epsilon=0.1>(t, g, s, m, var)  Y = Relu(n)"
    "  G = Gemm<alpha=0.5, beta=2.0, transA=1>(A, B, c) }";

/* Channels that fill no block, maps that broadcast, a BatchNormalization on its own. */
static const char *const ragged =
    "net (float[1,5,6,6] X) => (float[1,7,6,6] Y) <"
    " float[7,5,3,3] w1 = {random 1 0.3}, float[1,7,1,1] w2 = {random 2 0.3},"
    " float[5] g = {random 4 1}, float[5] s = {random 5 1}, float[5] m = {random 6 1},"
    " float[5] v = {random 7 1}, float[7,7,1,1] w3 = {random 9 0.3}, float[6,6] map = {random 8 1} "
    ">"
    "{ var = Abs(v)  n = BatchNormalization<epsilon=0.1>(X, g, s, m, var)  r = Relu(n)"
    "  c = Conv<kernel_shape=[3,3], auto_pad=\"SAME_UPPER\">(r, w1)"
    "  a = Conv<kernel_shape=[1,1]>(c, w2)  q = Sigmoid(a)"
    "  x1 = Mul(c, q)  x2 = Add(x1, map)  gp = GlobalAveragePool(x2)"
    "  e = Conv<kernel_shape=[1,1]>(gp, w3)  f = HardSigmoid(e)  Y = Mul(x2, f) }";

/* Concats that grow, as in a DenseNet. */
static const char *const dense =
    "net (float[1,16,5,5] X) => (float[1,64,5,5] Y) <"
    " float[16,16,3,3] w1 = {random 1 0.2}, float[16,32,3,3] w2 = {random 2 0.2},"
    " float[16,48,1,1] w3 = {random 3 0.2}, float[16,16,1,1] w0 = {random 4 0.2} >"
    "{ x = Conv<kernel_shape=[1,1]>(X, w0)"
    "  a = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(x, w1)  c1 = Concat<axis=1>(x, a)"
    "  r1 = Relu(c1)  b = Conv<kernel_shape=[3,3], pads=[1,1,1,1]>(r1, w2)"
    "  c2 = Concat<axis=1>(x, a, b)  r2 = Relu(c2)  c = Conv<kernel_shape=[1,1]>(r2, w3)"
    "  c3 = Concat<axis=1>(x, a, b, c)  Y = Tanh(c3) }";

/* Splits and slices that are pieces of their operand, and some that are not. */
static const char *const cuts =
    "net (float[1,48,4,4] X, float[8,6] A) => (float[1,32,4,4] Y, float[3,6] S, float[8,2] T,"
    " float[1,16,2,4] U) <"
    " float[48,48,1,1] w = {random 1 0.2}, int64[3] s = {16, 16, 16}, int64[2] q = {20, 28},"
    " int64[2] h = {2, 2}, int64[1] k2 = {2}, int64[1] k5 = {5}, int64[1] k4 = {4},"
    " int64[1] k0 = {0}, int64[1] k1 = {1} >"
    "{ c = Conv<kernel_shape=[1,1]>(X, w)  r = Relu(c)  p1, p2, p3 = Split<axis=1>(r, s)"
    "  e = Exp(p1)  Y = Concat<axis=1>(e, p3)  u, v = Split<axis=2>(p2, h)  U = Add(u, v)"
    "  g1, g2 = Split<axis=1>(X, q)  n = Neg(A)  a = Slice(n, k2, k5, k0)  S = Exp(a)"
    "  b = Slice(n, k2, k4, k1)  T = Abs(b) }";

/* Constants in front of linear nodes: groups, transposed and scaled products, batches; neutral
 * numbers; a gate in pieces. */
static const char *const fronts =
    "net (float[1,8,6,6] X, float[3,4] A, float[2,3,4] B) =>"
    " (float[1,6,4,4] Y, float[1,6,12,12] T, float[3,5] G, float[2,3,5] M, float[3,5] N) <"
    " float[6,4,3,3] w = {random 1 0.3}, float[6] b = {random 2 0.3}, float[8,3,2,2] wt = {random "
    "3 "
    "0.3}, float[1,8,1,1] c = {random 4 1}, float[8] g = {random 5 1}, float[8] v = {random 6 1},"
    " float[5,4] wg = {random 7 1}, float[4,5] wm = {random 8 1}, float[4] k = {random 9 1},"
    " float one = {1}, float three = {3}, float six = {6}, float zero = {0}, float[5] bias = "
    "{random "
    "10 1} >"
    "{ var = Abs(v)  n = BatchNormalization<epsilon=0.1>(X, g, g, v, var)"
    "  y = Conv<group=2>(n, w, b)  Y = Neg(y)"
    "  x1 = Mul(X, c)  x2 = Div(x1, three)  T = ConvTranspose<group=2, strides=[2,2]>(x2, wt)"
    "  a1 = Sub(k, A)  a2 = Mul(a1, k)  a3 = Mul(one, a2)"
    "  G = Gemm<transB=1, alpha=0.5, beta=3.0>(a3, wg, bias)"
    "  m1 = Mul(B, k)  M = MatMul(m1, wm)  n1 = Add(A, k)  n2 = MatMul(n1, wm)"
    "  n3 = Add(n2, three)  n4 = Clip(n3, zero, six)  n5 = Mul(n4, n2)  N = Div(n5, six) }";

static const struct {
    const char *name, *text;
} networks[] = {
    {"residual", residual}, {"inception", inception},   {"in_place", in_place}, {"moves", moves},
    {"padded", padded},     {"transposed", transposed}, {"ragged", ragged},     {"dense", dense},
    {"cuts", cuts},         {"fronts", fronts},
};

enum { N_NETWORKS = sizeof networks / sizeof networks[0] };

static const char *const targets[] = {"c99", "gnu", "avx512"};

static void keep_the_meaning(void **state)
{
    (void)state;
    for (int i = 0; i < N_NETWORKS; i++)
        for (size_t t = 0; t < sizeof targets / sizeof targets[0]; t++)
            for (int choice = CONV_AUTO; choice <= CONV_WINOGRAD; choice++) {
                PassCase *c = pass_case_open(networks[i].text, targets[t]);
                PassOptions o = {.conv = (ConvChoice)choice};
                if (!pass_case_check_all(c, &o))
                    fail_msg("%s for %s: %s", networks[i].name, targets[t], c->why);
                pass_case_close(c);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(keep_the_meaning)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
