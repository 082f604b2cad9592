/* Vectors from and to narrower elements of memory, in terms of a target's own words: 8 and 16-bit
 * integers become lanes of 32 bits, 16-bit floats become floats, and back. A target that has an
 * instruction for one of these words defines it itself; that definition wins.
 *
 * LANES is replaced when the text is embedded. simd_scalar.h explains the format. */
#ifndef CNNCC_SIMD_NARROW_H
#define CNNCC_SIMD_NARROW_H

#include "simd_gnu.h"

/* ---------------------------------------------------------------------------------------------- */

typedef int8_t vbyte __attribute__((vector_size(LANES)));

typedef uint8_t vubyte __attribute__((vector_size(LANES)));

typedef int16_t vshort __attribute__((vector_size(2 * LANES)));

typedef uint16_t vushort __attribute__((vector_size(2 * LANES)));

SIMD vint vload_i8(const int8_t *p)
{
    vbyte v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, vint);
}

SIMD vint vload_u8(const uint8_t *p)
{
    vubyte v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, vint);
}

SIMD vint vload_i16(const int16_t *p)
{
    vshort v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, vint);
}

SIMD vint vload_u16(const uint16_t *p)
{
    vushort v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, vint);
}

/* Half precision: the bits of a half in each lane, and back. */
SIMD vfloat vfromhalf(vint half)
{
    const vint sign = vshli(half & 0x8000, 16), magnitude = half & 0x7fff;
    const vfloat tiny = vtofloat(magnitude) * vsplat(5.9604644775390625e-8f);
    const vmask special = vgei(magnitude, vsplati(0x7c00));
    const vint exponent = vselecti(special, vsplati(0x70000000), vsplati(0x38000000));
    const vint normal = vaddi(vshli(magnitude, 13), exponent);
    return vasfloat(sign | vselecti(vlti(magnitude, vsplati(0x0400)), vasint(tiny), normal));
}

SIMD vint vtohalf(vfloat a)
{
    const vint bits = vasint(a), sign = (bits >> 16) & 0x8000, magnitude = bits & 0x7fffffff;
    const vint tiny = vsubi(vasint(vasfloat(magnitude) + vsplat(0.5f)), vsplati(0x3f000000));
    const vint odd = (magnitude >> 13) & 1;
    const vint rounded = vaddi(vsubi(magnitude, vsplati(0x38000000 - 0x0fff)), odd) >> 13;
    vint half = vselecti(vlti(magnitude, vsplati(0x38800000)), tiny, rounded);
    half = vselecti(vgei(magnitude, vsplati(0x47800000)), vsplati(0x7c00), half);
    return sign | vselecti(vgti(magnitude, vsplati(0x7f800000)), vsplati(0x7e00), half);
}

SIMD vfloat vload_f16(const uint16_t *p)
{
    return vfromhalf(vload_u16(p));
}

SIMD vfloat vload_bf16(const uint16_t *p)
{
    return vasfloat(vshli(vload_u16(p), 16));
}

/* The first n lanes; the others are 0. */
SIMD vint vloadn_i8(const int8_t *p, int n)
{
    int8_t v[LANES] = {0};
    memcpy(v, p, (size_t)n);
    return vload_i8(v);
}

SIMD vint vloadn_u8(const uint8_t *p, int n)
{
    uint8_t v[LANES] = {0};
    memcpy(v, p, (size_t)n);
    return vload_u8(v);
}

SIMD vint vloadn_i16(const int16_t *p, int n)
{
    int16_t v[LANES] = {0};
    memcpy(v, p, (size_t)n * sizeof *p);
    return vload_i16(v);
}

SIMD vint vloadn_u16(const uint16_t *p, int n)
{
    uint16_t v[LANES] = {0};
    memcpy(v, p, (size_t)n * sizeof *p);
    return vload_u16(v);
}

SIMD vfloat vloadn_f16(const uint16_t *p, int n)
{
    uint16_t v[LANES] = {0};
    memcpy(v, p, (size_t)n * sizeof *p);
    return vload_f16(v);
}

SIMD vfloat vloadn_bf16(const uint16_t *p, int n)
{
    uint16_t v[LANES] = {0};
    memcpy(v, p, (size_t)n * sizeof *p);
    return vload_bf16(v);
}

/* The low bits of the first n lanes. */
SIMD void vstoren_i8(int8_t *p, vint a, int n)
{
    const vbyte v = __builtin_convertvector(a, vbyte);
    memcpy(p, &v, (size_t)n);
}

SIMD void vstoren_u8(uint8_t *p, vint a, int n)
{
    const vubyte v = __builtin_convertvector(a, vubyte);
    memcpy(p, &v, (size_t)n);
}

SIMD void vstoren_i16(int16_t *p, vint a, int n)
{
    const vshort v = __builtin_convertvector(a, vshort);
    memcpy(p, &v, (size_t)n * sizeof *p);
}

SIMD void vstoren_u16(uint16_t *p, vint a, int n)
{
    const vushort v = __builtin_convertvector(a, vushort);
    memcpy(p, &v, (size_t)n * sizeof *p);
}

/* Rounded to nearest, ties to even. */
SIMD void vstore_f16(uint16_t *p, vfloat a)
{
    vstoren_u16(p, vtohalf(a), LANES);
}

SIMD void vstoren_f16(uint16_t *p, vfloat a, int n)
{
    uint16_t v[LANES];
    vstore_f16(v, a);
    memcpy(p, v, (size_t)n * sizeof *p);
}

SIMD void vstoren_bf16(uint16_t *p, vfloat a, int n)
{
    const vint bits = vasint(a), odd = (bits >> 16) & 1;
    const vint rounded = vaddi(bits, vaddi(vsplati(0x7fff), odd)) >> 16;
    const vmask nan = vgti(bits & 0x7fffffff, vsplati(0x7f800000));
    vstoren_u16(p, vselecti(nan, (bits >> 16) | 0x40, rounded), n);
}

SIMD void vstore_i8(int8_t *p, vint a)
{
    vstoren_i8(p, a, LANES);
}

SIMD void vstore_u8(uint8_t *p, vint a)
{
    vstoren_u8(p, a, LANES);
}

SIMD void vstore_i16(int16_t *p, vint a)
{
    vstoren_i16(p, a, LANES);
}

SIMD void vstore_u16(uint16_t *p, vint a)
{
    vstoren_u16(p, a, LANES);
}

SIMD void vstore_bf16(uint16_t *p, vfloat a)
{
    vstoren_bf16(p, a, LANES);
}

/* ---------------------------------------------------------------------------------------------- */
#endif
