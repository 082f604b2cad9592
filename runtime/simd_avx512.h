/* The SIMD vocabulary for x86-64 with AVX-512 F, BW, DQ and VL: 16 lanes, a mask of one bit a
 * lane. simd_scalar.h explains the format. The masked forms with a full mask are the plain
 * instructions; the plain intrinsics pass an undefined vector, which makes g++ warn. */
#ifndef CNNCC_SIMD_AVX512_H
#define CNNCC_SIMD_AVX512_H

#include <immintrin.h>
#include <stdint.h>

#define SIMD static inline __attribute__((always_inline))

/* ---------------------------------------------------------------------------------------------- */

typedef float vfloat __attribute__((vector_size(64)));

typedef int32_t vint __attribute__((vector_size(64)));

typedef uint32_t vuint __attribute__((vector_size(64)));

typedef __mmask16 vmask;

SIMD vfloat vload(const float *p)
{
    return (vfloat)_mm512_loadu_ps(p);
}

/* The first n lanes; the others are 0 and their memory is not read. */
SIMD vfloat vloadn(const float *p, int n)
{
    return (vfloat)_mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1u), p);
}

SIMD void vstore(float *p, vfloat v)
{
    _mm512_storeu_ps(p, (__m512)v);
}

SIMD void vstoren(float *p, vfloat v, int n)
{
    _mm512_mask_storeu_ps(p, (__mmask16)((1u << n) - 1u), (__m512)v);
}

/* Half precision. */
SIMD vfloat vload_f16(const uint16_t *p)
{
    const __m256i half = _mm256_loadu_si256((const __m256i *)(const void *)p);
    return (vfloat)_mm512_maskz_cvtph_ps(0xffff, half);
}

SIMD void vstore_f16(uint16_t *p, vfloat v)
{
    _mm256_storeu_si256(
        (__m256i *)(void *)p,
        _mm512_maskz_cvtps_ph(0xffff, (__m512)v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

SIMD vfloat vsplat(float a)
{
    return (vfloat)_mm512_set1_ps(a);
}

SIMD vfloat vfma(vfloat a, vfloat b, vfloat c)
{
    return (vfloat)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}

SIMD vfloat vselect(vmask m, vfloat a, vfloat b)
{
    return (vfloat)_mm512_mask_blend_ps(m, (__m512)b, (__m512)a);
}

/* b when either is NaN */
SIMD vfloat vmin(vfloat a, vfloat b)
{
    return (vfloat)_mm512_maskz_min_ps(0xffff, (__m512)a, (__m512)b);
}

SIMD vfloat vmax(vfloat a, vfloat b)
{
    return (vfloat)_mm512_maskz_max_ps(0xffff, (__m512)a, (__m512)b);
}

SIMD vfloat vabs(vfloat a)
{
    return (vfloat)((vint)a & 0x7fffffff);
}

SIMD vfloat vsqrt(vfloat a)
{
    return (vfloat)_mm512_maskz_sqrt_ps(0xffff, (__m512)a);
}

SIMD vfloat vround(vfloat a)
{
    return (vfloat)_mm512_maskz_roundscale_ps(0xffff, (__m512)a,
                                              _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

SIMD vfloat vfloor(vfloat a)
{
    return (vfloat)_mm512_maskz_roundscale_ps(0xffff, (__m512)a,
                                              _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
}

SIMD vfloat vceil(vfloat a)
{
    return (vfloat)_mm512_maskz_roundscale_ps(0xffff, (__m512)a,
                                              _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC);
}

SIMD vmask veq(vfloat a, vfloat b)
{
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_EQ_OQ);
}

SIMD vmask vne(vfloat a, vfloat b)
{
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_NEQ_UQ);
}

SIMD vmask vlt(vfloat a, vfloat b)
{
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ);
}

SIMD vmask vle(vfloat a, vfloat b)
{
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LE_OQ);
}

SIMD vmask vgt(vfloat a, vfloat b)
{
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GT_OQ);
}

SIMD vmask vge(vfloat a, vfloat b)
{
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_GE_OQ);
}

/* All lanes to one, halves onto halves. */
SIMD float vsum(vfloat a)
{
    const __m256 h = _mm256_add_ps(_mm512_maskz_extractf32x8_ps(0xff, (__m512)a, 0),
                                   _mm512_maskz_extractf32x8_ps(0xff, (__m512)a, 1));
    const __m128 q = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    const __m128 d = _mm_add_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_add_ss(d, _mm_movehdup_ps(d)));
}

SIMD float vleast(vfloat a)
{
    const __m256 h = _mm256_min_ps(_mm512_maskz_extractf32x8_ps(0xff, (__m512)a, 0),
                                   _mm512_maskz_extractf32x8_ps(0xff, (__m512)a, 1));
    const __m128 q = _mm_min_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    const __m128 d = _mm_min_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_min_ss(d, _mm_movehdup_ps(d)));
}

SIMD float vgreatest(vfloat a)
{
    const __m256 h = _mm256_max_ps(_mm512_maskz_extractf32x8_ps(0xff, (__m512)a, 0),
                                   _mm512_maskz_extractf32x8_ps(0xff, (__m512)a, 1));
    const __m128 q = _mm_max_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    const __m128 d = _mm_max_ps(q, _mm_movehl_ps(q, q));
    return _mm_cvtss_f32(_mm_max_ss(d, _mm_movehdup_ps(d)));
}

SIMD vint vloadi(const int32_t *p)
{
    return (vint)_mm512_loadu_si512(p);
}

SIMD vint vloadni(const int32_t *p, int n)
{
    return (vint)_mm512_maskz_loadu_epi32((__mmask16)((1u << n) - 1u), p);
}

SIMD void vstorei(int32_t *p, vint v)
{
    _mm512_storeu_si512(p, (__m512i)v);
}

SIMD void vstoreni(int32_t *p, vint v, int n)
{
    _mm512_mask_storeu_epi32(p, (__mmask16)((1u << n) - 1u), (__m512i)v);
}

SIMD vint vsplati(int32_t a)
{
    return (vint)_mm512_set1_epi32(a);
}

SIMD vint vselecti(vmask m, vint a, vint b)
{
    return (vint)_mm512_mask_blend_epi32(m, (__m512i)b, (__m512i)a);
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
    return (vint)_mm512_maskz_min_epi32(0xffff, (__m512i)a, (__m512i)b);
}

SIMD vint vmaxi(vint a, vint b)
{
    return (vint)_mm512_maskz_max_epi32(0xffff, (__m512i)a, (__m512i)b);
}

SIMD vint vabsi(vint a)
{
    return (vint)_mm512_maskz_abs_epi32(0xffff, (__m512i)a);
}

SIMD vmask veqi(vint a, vint b)
{
    return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b);
}

SIMD vmask vnei(vint a, vint b)
{
    return _mm512_cmpneq_epi32_mask((__m512i)a, (__m512i)b);
}

SIMD vmask vlti(vint a, vint b)
{
    return _mm512_cmplt_epi32_mask((__m512i)a, (__m512i)b);
}

SIMD vmask vlei(vint a, vint b)
{
    return _mm512_cmple_epi32_mask((__m512i)a, (__m512i)b);
}

SIMD vmask vgti(vint a, vint b)
{
    return _mm512_cmpgt_epi32_mask((__m512i)a, (__m512i)b);
}

SIMD vmask vgei(vint a, vint b)
{
    return _mm512_cmpge_epi32_mask((__m512i)a, (__m512i)b);
}

SIMD int32_t vsumi(vint a)
{
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] = (int32_t)((uint32_t)a[i] + (uint32_t)a[i + half]);
    return a[0];
}

SIMD int32_t vleasti(vint a)
{
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] = a[i] < a[i + half] ? a[i] : a[i + half];
    return a[0];
}

SIMD int32_t vgreatesti(vint a)
{
    for (int half = 8; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] = a[i] > a[i + half] ? a[i] : a[i + half];
    return a[0];
}

/* By value; truncates. */
SIMD vint vtoint(vfloat a)
{
    return (vint)_mm512_maskz_cvttps_epi32(0xffff, (__m512)a);
}

SIMD vfloat vtofloat(vint a)
{
    return (vfloat)_mm512_maskz_cvtepi32_ps(0xffff, (__m512i)a);
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
    return (vmask)((a & m) | (b & ~m));
}

SIMD vmask vsplatm(int a)
{
    return (vmask)(a ? 0xffff : 0);
}

/* ---------------------------------------------------------------------------------------------- */
#undef SIMD
#endif
