/* The scalar words of emitted C: what C99 has no operator for. Plain C99, valid as C++ too.
 *
 * The compiler embeds the text of this file and copies into its output the words that a program
 * uses, with the words that those use. The format is that of all simd_*.h files: real C, one word
 * a paragraph, paragraphs separated by one blank line, everything above the line of dashes is
 * left out. */
#ifndef CNNCC_SIMD_SCALAR_H
#define CNNCC_SIMD_SCALAR_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* ---------------------------------------------------------------------------------------------- */

static inline float min_f32(float a, float b)
{
    return a < b ? a : b;
}

static inline float max_f32(float a, float b)
{
    return a > b ? a : b;
}

static inline double min_f64(double a, double b)
{
    return a < b ? a : b;
}

static inline double max_f64(double a, double b)
{
    return a > b ? a : b;
}

/* Integers wrap around. */
static inline int32_t add_i32(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a + (uint32_t)b);
}

static inline int32_t sub_i32(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a - (uint32_t)b);
}

static inline int32_t mul_i32(int32_t a, int32_t b)
{
    return (int32_t)((uint32_t)a * (uint32_t)b);
}

static inline int32_t neg_i32(int32_t a)
{
    return (int32_t)((uint32_t)0 - (uint32_t)a);
}

static inline int64_t add_i64(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static inline int64_t sub_i64(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static inline int64_t mul_i64(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

static inline int64_t neg_i64(int64_t a)
{
    return (int64_t)((uint64_t)0 - (uint64_t)a);
}

static inline int32_t min_i32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static inline int32_t max_i32(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

static inline int64_t min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t max_i64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline int32_t abs_i32(int32_t a)
{
    return a < 0 ? neg_i32(a) : a;
}

static inline int64_t abs_i64(int64_t a)
{
    return a < 0 ? neg_i64(a) : a;
}

static inline int32_t shl_i32(int32_t a, int n)
{
    return (int32_t)((uint32_t)a << n);
}

static inline int64_t shl_i64(int64_t a, int n)
{
    return (int64_t)((uint64_t)a << n);
}

/* Shifts by any count: one that is negative or too large shifts every bit out. */
static inline int32_t shift_left_i32(int32_t a, int32_t n)
{
    return n >= 0 && n < 32 ? shl_i32(a, n) : 0;
}

static inline int32_t shift_right_i32(int32_t a, int32_t n)
{
    return a >> (n >= 0 && n < 32 ? n : 31);
}

static inline int64_t shift_left_i64(int64_t a, int64_t n)
{
    return n >= 0 && n < 64 ? shl_i64(a, (int)n) : 0;
}

static inline int64_t shift_right_i64(int64_t a, int64_t n)
{
    return a >> (n >= 0 && n < 64 ? n : 63);
}

static inline uint64_t shift_left_u64(uint64_t a, uint64_t n)
{
    return n < 64 ? a << n : 0;
}

static inline uint64_t shift_right_u64(uint64_t a, uint64_t n)
{
    return n < 64 ? a >> n : 0;
}

/* Division that never traps: x / 0 and x % 0 are 0, the least integer divided by -1 wraps. */
static inline int32_t div_i32(int32_t a, int32_t b)
{
    return b == 0 ? 0 : b == -1 ? neg_i32(a) : a / b;
}

static inline int32_t rem_i32(int32_t a, int32_t b)
{
    return b == 0 || b == -1 ? 0 : a % b;
}

static inline int64_t div_i64(int64_t a, int64_t b)
{
    return b == 0 ? 0 : b == -1 ? neg_i64(a) : a / b;
}

static inline int64_t rem_i64(int64_t a, int64_t b)
{
    return b == 0 || b == -1 ? 0 : a % b;
}

static inline uint64_t div_u64(uint64_t a, uint64_t b)
{
    return b == 0 ? 0 : a / b;
}

static inline uint64_t rem_u64(uint64_t a, uint64_t b)
{
    return b == 0 ? 0 : a % b;
}

/* To integers: towards zero; what does not fit becomes the nearest end, NaN becomes 0. */
static inline int32_t f64_to_i32(double a)
{
    if (!(a > -2147483649.0))
        return a != a ? 0 : INT32_MIN;
    return a < 2147483648.0 ? (int32_t)a : INT32_MAX;
}

static inline int64_t f64_to_i64(double a)
{
    if (!(a >= -9223372036854775808.0))
        return a != a ? 0 : INT64_MIN;
    return a < 9223372036854775808.0 ? (int64_t)a : INT64_MAX;
}

static inline uint64_t f64_to_u64(double a)
{
    if (!(a > 0.0))
        return 0;
    return a < 18446744073709551616.0 ? (uint64_t)a : UINT64_MAX;
}

/* The bits of a float. */
static inline int32_t as_i32(float a)
{
    int32_t bits;
    memcpy(&bits, &a, sizeof bits);
    return bits;
}

static inline float as_f32(int32_t bits)
{
    float a;
    memcpy(&a, &bits, sizeof a);
    return a;
}

static inline int64_t as_i64(double a)
{
    int64_t bits;
    memcpy(&bits, &a, sizeof bits);
    return bits;
}

static inline double as_f64(int64_t bits)
{
    double a;
    memcpy(&a, &bits, sizeof a);
    return a;
}

/* IEEE 754 half precision, held in 16 bits. */
static inline float f16_to_f32(uint16_t h)
{
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    const uint32_t magnitude = h & 0x7fffu;
    if (magnitude < 0x0400u) { /* zero or subnormal: a multiple of 2^-24 */
        const float value = (float)magnitude * 5.9604644775390625e-8f;
        return sign ? -value : value;
    }
    const uint32_t exponent = magnitude >= 0x7c00u ? 0x70000000u : 0x38000000u;
    return as_f32((int32_t)(sign | ((magnitude << 13) + exponent)));
}

/* Rounds to nearest, ties to even. */
static inline uint16_t f32_to_f16(float a)
{
    const uint32_t bits = (uint32_t)as_i32(a);
    const uint32_t sign = bits >> 16 & 0x8000u;
    const uint32_t magnitude = bits & 0x7fffffffu;
    if (magnitude > 0x7f800000u) /* NaN */
        return (uint16_t)(sign | 0x7e00u);
    if (magnitude >= 0x47800000u) /* 65536 and more: infinity */
        return (uint16_t)(sign | 0x7c00u);
    if (magnitude < 0x38800000u) { /* below 2^-14: adding 0.5 leaves a multiple of 2^-24 */
        const float shifted = as_f32((int32_t)magnitude) + 0.5f;
        return (uint16_t)(sign | ((uint32_t)as_i32(shifted) - 0x3f000000u));
    }
    const uint32_t rounded = magnitude + 0x0fffu + (magnitude >> 13 & 1u);
    return (uint16_t)(sign | ((rounded - 0x38000000u) >> 13));
}

/* bfloat16, held in 16 bits. */
static inline float bf16_to_f32(uint16_t b)
{
    return as_f32((int32_t)((uint32_t)b << 16));
}

/* Rounds to nearest, ties to even. */
static inline uint16_t f32_to_bf16(float a)
{
    const uint32_t bits = (uint32_t)as_i32(a);
    if ((bits & 0x7fffffffu) > 0x7f800000u) /* NaN */
        return (uint16_t)(bits >> 16 | 0x0040u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

/* A function for layers. Each is compiled on its own: in the midst of others, inside the run,
 * compilers run out of registers. */
#define KERNEL static __attribute__((noinline))

/* Asks for what lies `bytes` behind p, even behind its array, in the first cache. A macro: gcc
 * leaves out the calls of a function that only asks, where it does not inline them. */
#define prefetch_l1(p, bytes)                                                                      \
    __builtin_prefetch((const void *)((uintptr_t)(p) + (uintptr_t)(bytes)), 0, 3)

/* The same in the second cache. */
#define prefetch_l2(p, bytes)                                                                      \
    __builtin_prefetch((const void *)((uintptr_t)(p) + (uintptr_t)(bytes)), 0, 2)

/* The chosen lanes of two vectors. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 12
#error "this code shuffles vectors: compile it with gcc 12 or later, or with clang"
#endif
#define shuffle2(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)

/* Those of one. */
#define shuffle(a, ...) shuffle2(a, a, __VA_ARGS__)

/* ---------------------------------------------------------------------------------------------- */
#endif
