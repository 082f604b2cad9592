/* The SIMD vocabulary for x86-64 with AVX2 and FMA: 8 lanes, a mask holds -1 or 0 in a lane.
 * simd_scalar.h explains the format. */
#ifndef CNNCC_SIMD_AVX2_H
#define CNNCC_SIMD_AVX2_H

#include <immintrin.h>
#include <stdint.h>

#define SIMD static inline __attribute__((always_inline))

/* ---------------------------------------------------------------------------------------------- */

typedef float vfloat __attribute__((vector_size(32)));

typedef int32_t vint __attribute__((vector_size(32)));

typedef uint32_t vuint __attribute__((vector_size(32)));

typedef int32_t vmask __attribute__((vector_size(32)));

/* -1 in the first n lanes, 0 in the others */
SIMD __m256i vfirst(int n)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

SIMD vfloat vload(const float *p)
{
    return (vfloat)_mm256_loadu_ps(p);
}

/* The first n lanes; the others are 0 and their memory is not read. */
SIMD vfloat vloadn(const float *p, int n)
{
    return (vfloat)_mm256_maskload_ps(p, vfirst(n));
}

SIMD void vstore(float *p, vfloat v)
{
    _mm256_storeu_ps(p, (__m256)v);
}

SIMD void vstoren(float *p, vfloat v, int n)
{
    _mm256_maskstore_ps(p, vfirst(n), (__m256)v);
}

/* Half precision. */
SIMD vfloat vload_f16(const uint16_t *p)
{
    return (vfloat)_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

SIMD void vstore_f16(uint16_t *p, vfloat v)
{
    _mm_storeu_si128((__m128i *)(void *)p,
                     _mm256_cvtps_ph((__m256)v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

SIMD vfloat vsplat(float a)
{
    return (vfloat)_mm256_set1_ps(a);
}

SIMD vfloat vfma(vfloat a, vfloat b, vfloat c)
{
    return (vfloat)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}

SIMD vfloat vselect(vmask m, vfloat a, vfloat b)
{
    return (vfloat)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)m);
}

/* b when either is NaN */
SIMD vfloat vmin(vfloat a, vfloat b)
{
    return (vfloat)_mm256_min_ps((__m256)a, (__m256)b);
}

SIMD vfloat vmax(vfloat a, vfloat b)
{
    return (vfloat)_mm256_max_ps((__m256)a, (__m256)b);
}

SIMD vfloat vabs(vfloat a)
{
    return (vfloat)((vint)a & 0x7fffffff);
}

SIMD vfloat vsqrt(vfloat a)
{
    return (vfloat)_mm256_sqrt_ps((__m256)a);
}

SIMD vfloat vround(vfloat a)
{
    return (vfloat)_mm256_round_ps((__m256)a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

SIMD vfloat vfloor(vfloat a)
{
    return (vfloat)_mm256_round_ps((__m256)a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}

SIMD vfloat vceil(vfloat a)
{
    return (vfloat)_mm256_round_ps((__m256)a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
}

SIMD vmask veq(vfloat a, vfloat b)
{
    return a == b;
}

SIMD vmask vne(vfloat a, vfloat b)
{
    return a != b;
}

SIMD vmask vlt(vfloat a, vfloat b)
{
    return a < b;
}

SIMD vmask vle(vfloat a, vfloat b)
{
    return a <= b;
}

SIMD vmask vgt(vfloat a, vfloat b)
{
    return a > b;
}

SIMD vmask vge(vfloat a, vfloat b)
{
    return a >= b;
}

/* All lanes to one, halves onto halves. */
SIMD float vsum(vfloat a)
{
    const __m128 q =
        _mm_add_ps(_mm256_castps256_ps128((__m256)a), _mm256_extractf128_ps((__m256)a, 1));
    const __m128 d = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(d, _mm_movehdup_ps(d)));
}

SIMD float vleast(vfloat a)
{
    const __m128 q =
        _mm_min_ps(_mm256_castps256_ps128((__m256)a), _mm256_extractf128_ps((__m256)a, 1));
    const __m128 d = _mm_min_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_min_ss(d, _mm_movehdup_ps(d)));
}

SIMD float vgreatest(vfloat a)
{
    const __m128 q =
        _mm_max_ps(_mm256_castps256_ps128((__m256)a), _mm256_extractf128_ps((__m256)a, 1));
    const __m128 d = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(d, _mm_movehdup_ps(d)));
}

SIMD vint vloadi(const int32_t *p)
{
    return (vint)_mm256_loadu_si256((const __m256i *)(const void *)p);
}

SIMD vint vloadni(const int32_t *p, int n)
{
    return (vint)_mm256_maskload_epi32(p, vfirst(n));
}

SIMD void vstorei(int32_t *p, vint v)
{
    _mm256_storeu_si256((__m256i *)(void *)p, (__m256i)v);
}

SIMD void vstoreni(int32_t *p, vint v, int n)
{
    _mm256_maskstore_epi32(p, vfirst(n), (__m256i)v);
}

SIMD vint vsplati(int32_t a)
{
    return (vint)_mm256_set1_epi32(a);
}

SIMD vint vselecti(vmask m, vint a, vint b)
{
    return (vint)_mm256_blendv_epi8((__m256i)b, (__m256i)a, (__m256i)m);
}

/* Integers wrap around. */
SIMD vint vaddi(vint a, vint b)
{
    return (vint)((vuint)a + (vuint)b);
}

SIMD vint vsubi(vint a, vint b)
{
    return (vint)((vuint)a - (vuint)b);
}

SIMD vint vmuli(vint a, vint b)
{
    return (vint)((vuint)a * (vuint)b);
}

SIMD vint vnegi(vint a)
{
    return (vint) - (vuint)a;
}

SIMD vint vshli(vint a, int n)
{
    return (vint)((vuint)a << n);
}

SIMD vint vmini(vint a, vint b)
{
    return (vint)_mm256_min_epi32((__m256i)a, (__m256i)b);
}

SIMD vint vmaxi(vint a, vint b)
{
    return (vint)_mm256_max_epi32((__m256i)a, (__m256i)b);
}

SIMD vint vabsi(vint a)
{
    return (vint)_mm256_abs_epi32((__m256i)a);
}

SIMD vmask veqi(vint a, vint b)
{
    return a == b;
}

SIMD vmask vnei(vint a, vint b)
{
    return a != b;
}

SIMD vmask vlti(vint a, vint b)
{
    return a < b;
}

SIMD vmask vlei(vint a, vint b)
{
    return a <= b;
}

SIMD vmask vgti(vint a, vint b)
{
    return a > b;
}

SIMD vmask vgei(vint a, vint b)
{
    return a >= b;
}

SIMD int32_t vsumi(vint a)
{
    for (int half = 4; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] = (int32_t)((uint32_t)a[i] + (uint32_t)a[i + half]);
    return a[0];
}

SIMD int32_t vleasti(vint a)
{
    for (int half = 4; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] = a[i] < a[i + half] ? a[i] : a[i + half];
    return a[0];
}

SIMD int32_t vgreatesti(vint a)
{
    for (int half = 4; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] = a[i] > a[i + half] ? a[i] : a[i + half];
    return a[0];
}

/* By value; truncates. */
SIMD vint vtoint(vfloat a)
{
    return (vint)_mm256_cvttps_epi32((__m256)a);
}

SIMD vfloat vtofloat(vint a)
{
    return (vfloat)_mm256_cvtepi32_ps((__m256i)a);
}

/* The same bits. */
SIMD vint vasint(vfloat a)
{
    return (vint)a;
}

SIMD vfloat vasfloat(vint a)
{
    return (vfloat)a;
}

SIMD vmask vselectm(vmask m, vmask a, vmask b)
{
    return (a & m) | (b & ~m);
}

SIMD vmask vsplatm(int a)
{
    return (vmask)_mm256_set1_epi32(-a);
}

/* ---------------------------------------------------------------------------------------------- */
#undef SIMD
#endif
