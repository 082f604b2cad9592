/* The SIMD vocabulary for aarch64 with Advanced SIMD: 4 lanes, a mask holds -1 or 0 in a lane.
 * simd_scalar.h explains the format. */
#ifndef CNNCC_SIMD_NEON_H
#define CNNCC_SIMD_NEON_H

#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

#define SIMD static inline __attribute__((always_inline))

/* ---------------------------------------------------------------------------------------------- */

typedef float vfloat __attribute__((vector_size(16)));

typedef int32_t vint __attribute__((vector_size(16)));

typedef uint32_t vuint __attribute__((vector_size(16)));

typedef int32_t vmask __attribute__((vector_size(16)));

SIMD vfloat vload(const float *p)
{
    return (vfloat)vld1q_f32(p);
}

/* The first n lanes; the others are 0. */
SIMD vfloat vloadn(const float *p, int n)
{
    float v[4] = {0};
    memcpy(v, p, (size_t)n * sizeof *p);
    return vload(v);
}

SIMD void vstore(float *p, vfloat v)
{
    vst1q_f32(p, (float32x4_t)v);
}

SIMD void vstoren(float *p, vfloat v, int n)
{
    memcpy(p, &v, (size_t)n * sizeof *p);
}

SIMD vfloat vsplat(float a)
{
    return (vfloat)vdupq_n_f32(a);
}

SIMD vfloat vfma(vfloat a, vfloat b, vfloat c)
{
    return (vfloat)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}

SIMD vfloat vselect(vmask m, vfloat a, vfloat b)
{
    return (vfloat)vbslq_f32((uint32x4_t)m, (float32x4_t)a, (float32x4_t)b);
}

/* b when either is NaN */
SIMD vfloat vmin(vfloat a, vfloat b)
{
    return vselect(a < b, a, b);
}

SIMD vfloat vmax(vfloat a, vfloat b)
{
    return vselect(a > b, a, b);
}

SIMD vfloat vabs(vfloat a)
{
    return (vfloat)vabsq_f32((float32x4_t)a);
}

SIMD vfloat vsqrt(vfloat a)
{
    return (vfloat)vsqrtq_f32((float32x4_t)a);
}

SIMD vfloat vround(vfloat a)
{
    return (vfloat)vrndnq_f32((float32x4_t)a);
}

SIMD vfloat vfloor(vfloat a)
{
    return (vfloat)vrndmq_f32((float32x4_t)a);
}

SIMD vfloat vceil(vfloat a)
{
    return (vfloat)vrndpq_f32((float32x4_t)a);
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
    for (int half = 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] = a[i] + a[i + half];
    return a[0];
}

SIMD float vleast(vfloat a)
{
    for (int half = 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] = a[i] < a[i + half] ? a[i] : a[i + half];
    return a[0];
}

SIMD float vgreatest(vfloat a)
{
    for (int half = 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] = a[i] > a[i + half] ? a[i] : a[i + half];
    return a[0];
}

SIMD vint vloadi(const int32_t *p)
{
    vint v;
    memcpy(&v, p, sizeof v);
    return v;
}

SIMD vint vloadni(const int32_t *p, int n)
{
    int32_t v[4] = {0};
    memcpy(v, p, (size_t)n * sizeof *p);
    return vloadi(v);
}

SIMD void vstorei(int32_t *p, vint v)
{
    memcpy(p, &v, sizeof v);
}

SIMD void vstoreni(int32_t *p, vint v, int n)
{
    memcpy(p, &v, (size_t)n * sizeof *p);
}

SIMD vint vsplati(int32_t a)
{
    return (vint)vdupq_n_s32(a);
}

SIMD vint vselecti(vmask m, vint a, vint b)
{
    return (a & m) | (b & ~m);
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
    return vselecti(a < b, a, b);
}

SIMD vint vmaxi(vint a, vint b)
{
    return vselecti(a > b, a, b);
}

SIMD vint vabsi(vint a)
{
    return vselecti(a < 0, vnegi(a), a);
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
    for (int half = 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] = (int32_t)((uint32_t)a[i] + (uint32_t)a[i + half]);
    return a[0];
}

SIMD int32_t vleasti(vint a)
{
    for (int half = 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] = a[i] < a[i + half] ? a[i] : a[i + half];
    return a[0];
}

SIMD int32_t vgreatesti(vint a)
{
    for (int half = 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] = a[i] > a[i + half] ? a[i] : a[i + half];
    return a[0];
}

/* By value; truncates. */
SIMD vint vtoint(vfloat a)
{
    return (vint)vcvtq_s32_f32((float32x4_t)a);
}

SIMD vfloat vtofloat(vint a)
{
    return (vfloat)vcvtq_f32_s32((int32x4_t)a);
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
    return (vmask)vdupq_n_s32(-a);
}

/* ---------------------------------------------------------------------------------------------- */
#undef SIMD
#endif
