/* The SIMD vocabulary in GNU C vector extensions, for any machine and any number of lanes that is
 * a power of two; also the narrow vectors of the other targets. A mask holds -1 or 0 in a lane.
 *
 * LANES is replaced when the text is embedded. simd_scalar.h explains the format. */
#ifndef CNNCC_SIMD_GNU_H
#define CNNCC_SIMD_GNU_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#ifndef LANES
#define LANES 4
#endif
#define SIMD static inline __attribute__((always_inline))

/* ---------------------------------------------------------------------------------------------- */

typedef float vfloat __attribute__((vector_size(4 * LANES)));

typedef int32_t vint __attribute__((vector_size(4 * LANES)));

typedef uint32_t vuint __attribute__((vector_size(4 * LANES)));

typedef int32_t vmask __attribute__((vector_size(4 * LANES)));

SIMD vfloat vload(const float *p)
{
    vfloat v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The first n lanes; the others are 0. */
SIMD vfloat vloadn(const float *p, int n)
{
    float v[LANES] = {0};
    memcpy(v, p, (size_t)n * sizeof *p);
    return vload(v);
}

SIMD void vstore(float *p, vfloat v)
{
    memcpy(p, &v, sizeof v);
}

SIMD void vstoren(float *p, vfloat v, int n)
{
    memcpy(p, &v, (size_t)n * sizeof *p);
}

SIMD vfloat vsplat(float a)
{
    vfloat v;
    for (int i = 0; i < LANES; i++)
        v[i] = a;
    return v;
}

SIMD vfloat vfma(vfloat a, vfloat b, vfloat c)
{
    for (int i = 0; i < LANES; i++)
        c[i] = fmaf(a[i], b[i], c[i]);
    return c;
}

SIMD vfloat vselect(vmask m, vfloat a, vfloat b)
{
    return (vfloat)(((vint)a & m) | ((vint)b & ~m));
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
    return (vfloat)((vint)a & 0x7fffffff);
}

SIMD vfloat vsqrt(vfloat a)
{
    for (int i = 0; i < LANES; i++)
        a[i] = sqrtf(a[i]);
    return a;
}

/* To nearest even: adding 2^23 leaves no place for a fraction. */
SIMD vfloat vround(vfloat a)
{
    const vint sign = (vint)a & ~0x7fffffff;
    const vfloat big = (vfloat)((vint)vsplat(8388608.0f) | sign);
    const vfloat rounded = (vfloat)((vint)(a + big - big) | sign);
    return vselect(vabs(a) < vsplat(8388608.0f), rounded, a);
}

SIMD vfloat vfloor(vfloat a)
{
    const vint sign = (vint)a & ~0x7fffffff;
    const vfloat r = vround(a);
    const vfloat down = r - (vfloat)((vint)vsplat(1.0f) & (r > a));
    return vselect(r > a, (vfloat)((vint)down | sign), r);
}

SIMD vfloat vceil(vfloat a)
{
    const vint sign = (vint)a & ~0x7fffffff;
    const vfloat r = vround(a);
    const vfloat up = r + (vfloat)((vint)vsplat(1.0f) & (r < a));
    return vselect(r < a, (vfloat)((vint)up | sign), r);
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
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] = a[i] + a[i + half];
    return a[0];
}

SIMD float vleast(vfloat a)
{
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] = a[i] < a[i + half] ? a[i] : a[i + half];
    return a[0];
}

SIMD float vgreatest(vfloat a)
{
    for (int half = LANES / 2; half > 0; half /= 2)
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
    int32_t v[LANES] = {0};
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
    vint v;
    for (int i = 0; i < LANES; i++)
        v[i] = a;
    return v;
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
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] = (int32_t)((uint32_t)a[i] + (uint32_t)a[i + half]);
    return a[0];
}

SIMD int32_t vleasti(vint a)
{
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] = a[i] < a[i + half] ? a[i] : a[i + half];
    return a[0];
}

SIMD int32_t vgreatesti(vint a)
{
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++)
            a[i] = a[i] > a[i + half] ? a[i] : a[i + half];
    return a[0];
}

/* By value; truncates. */
SIMD vint vtoint(vfloat a)
{
    return __builtin_convertvector(a, vint);
}

SIMD vfloat vtofloat(vint a)
{
    return __builtin_convertvector(a, vfloat);
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
    vmask v;
    for (int i = 0; i < LANES; i++)
        v[i] = -a;
    return v;
}

/* ---------------------------------------------------------------------------------------------- */
#undef SIMD
#endif
