/* Attention and RotaryEmbedding against values of the definitions: rotations by hand, attention by
 * a program in another language. */
#include "tests/support/text_case.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define QKV                                                                                        \
    "g (float[1,1,2,2] q) => (float[1,1,2,2] y) <float[1,1,3,2] k = {1, 0, 0, 1, 1, 1},"           \
    " float[1,1,3,2] v = {1, 2, 3, 4, 5, 6}"

/* One head of two queries and three keys: masks of both types, causal, a cap on the scores. */
static void one_head(void **state)
{
    (void)state;
    const double q[] = {1, 0, 0, 2};
    EXPECT(23, QKV ", bool[2,3] m = {1, 1, 0, 1, 0, 1} > { y = Attention(q, k, v, m) }", q,
           1.6604769013466862, 2.6604769013466862, 4.217718730027828, 5.217718730027827);
    EXPECT(23, QKV "> { y = Attention<is_causal=1, scale=0.5>(q, k, v) }", q, 1, 2,
           2.46211715726001, 3.46211715726001);
    EXPECT(24,
           QKV ", float[2,3] m = {0, 1, -1, 0.5, 0, 0} >"
               "{ y = Attention<scale=2.0, softcap=1.5>(q, k, v, m) }",
           q, 2.3993917466681887, 3.399391746668188, 3.5282100285428144, 4.528210028542814);
}

/* Four heads of queries for two of keys and values, side by side in the last axis. */
static void shared_keys(void **state)
{
    (void)state;
    EXPECT(23,
           "g (float[1,2,4] q) => (float[1,2,4] y) <float[1,2,2] k = {1, 2, -1, 0.5},"
           " float[1,2,2] v = {3, 4, 5, -6} >"
           "{ y = Attention<q_num_heads=4, kv_num_heads=2>(q, k, v) }",
           NUMBERS(1, -1, 0.5, 2, 0, 1, -0.5, 1), 3.2384058440442347, 4.761594155955764,
           0.7917869917539302, 3.5257412682243325, 4, 3.2384058440442347, -2.7917869917539297,
           2.1757447619364365);
}

static void rotations(void **state)
{
    (void)state;
    const double x[] = {1, 2, 3, 4, 5, 6, 7, 8};
    EXPECT(23,
           "g (float[1,1,2,4] x) => (float[1,1,2,4] y) <float[1,2,2] c = {1, 0, 0.5, 2},"
           " float[1,2,2] s = {0, 1, 2, 1} > { y = RotaryEmbedding(x, c, s) }",
           x, 1, -4, 3, 2, -11.5, 4, 13.5, 22);
    EXPECT(23,
           "g (float[1,1,2,4] x) => (float[1,1,2,4] y) <float[1,2,2] c = {1, 0, 0.5, 2},"
           " float[1,2,2] s = {0, 1, 2, 1} > { y = RotaryEmbedding<interleaved=1>(x, c, s) }",
           x, 1, 2, -4, 3, -9.5, 13, 6, 23);
    EXPECT(23,
           "g (float[1,2,4] x) => (float[1,2,4] y) <float[2,1] c = {1, 0.5},"
           " float[2,1] s = {0, 2}, int64[1,2] at = {1, 0} >"
           "{ y = RotaryEmbedding<num_heads=1, rotary_embedding_dim=2>(x, c, s, at) }",
           x, -3.5, 3, 3, 4, 5, 6, 7, 8);
    EXPECT(23,
           "g (float[1,1,4] x) => (float[1,1,4] y) <float[1,1,1] c = {0.5}, float[1,1,1] s = {2} >"
           "{ y = RotaryEmbedding<num_heads=2>(x, c, s) }",
           NUMBERS(1, 2, 3, 4), -3.5, 3, -6.5, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(one_head), cmocka_unit_test(shared_keys),
                                       cmocka_unit_test(rotations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
