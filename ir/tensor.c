/* Element types, shapes and tensors: sizes, broadcasting, conversion of single elements.
 *
 * Comes in: dtypes, shapes, raw row-major data. Goes out: numbers.
 * Holds: a shape that passed shape_checked_numel cannot overflow in any product of a subset of
 * its dimensions, because zero extents count as one in the check; conversions of values out of
 * range are defined (floats saturate, integers wrap), never undefined behaviour. */
#include "ir/tensor.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    size_t size;
} dtypes[DT_COUNT] = {
    [DT_NONE] = {"undefined", 0}, [DT_F32] = {"float", 4},     [DT_F64] = {"double", 8},
    [DT_F16] = {"float16", 2},    [DT_BF16] = {"bfloat16", 2}, [DT_I8] = {"int8", 1},
    [DT_U8] = {"uint8", 1},       [DT_I16] = {"int16", 2},     [DT_U16] = {"uint16", 2},
    [DT_I32] = {"int32", 4},      [DT_U32] = {"uint32", 4},    [DT_I64] = {"int64", 8},
    [DT_U64] = {"uint64", 8},     [DT_BOOL] = {"bool", 1},
};

static const int64_t max_numel = INT64_C(1) << 58; /* 2^62 / 16 */

size_t dtype_size(DType t)
{
    return (unsigned)t < DT_COUNT ? dtypes[t].size : 0;
}

const char *dtype_name(DType t)
{
    return (unsigned)t < DT_COUNT ? dtypes[t].name : "undefined";
}

DType dtype_from_name(const char *name)
{
    for (int t = DT_NONE + 1; t < DT_COUNT; t++)
        if (strcmp(dtypes[t].name, name) == 0)
            return (DType)t;
    return DT_NONE;
}

bool dtype_is_float(DType t)
{
    return t == DT_F32 || t == DT_F64 || t == DT_F16 || t == DT_BF16;
}

bool dtype_is_integer(DType t)
{
    return t >= DT_I8 && t <= DT_U64;
}

bool dtype_is_8_bit(DType t)
{
    return t == DT_I8 || t == DT_U8;
}

/* ---- shapes ---- */

int64_t shape_range_numel(const Shape *s, int first, int last)
{
    int64_t n = 1;
    for (int i = first; i < last; i++)
        n *= s->dim[i];
    return n;
}

int64_t shape_numel(const Shape *s)
{
    return shape_range_numel(s, 0, s->rank);
}

bool shape_checked_numel(const Shape *s, int64_t *numel)
{
    int64_t product = 1;
    bool empty = false;
    for (int i = 0; i < s->rank; i++) {
        int64_t d = s->dim[i];
        if (d < 0)
            return false;
        if (d == 0) {
            empty = true;
            continue;
        }
        if (d > max_numel / product)
            return false;
        product *= d;
    }
    *numel = empty ? 0 : product;
    return true;
}

bool shape_equal(const Shape *a, const Shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i])
            return false;
    return true;
}

Shape shape_make(int rank, const int64_t *dims)
{
    Shape s = {.rank = rank};
    for (int i = 0; i < rank; i++)
        s.dim[i] = dims[i];
    return s;
}

const char *shape_str(Arena *a, const Shape *s)
{
    const char *text = "[";
    for (int i = 0; i < s->rank; i++)
        text = arena_printf(a, "%s%s%lld", text, i ? "," : "", (long long)s->dim[i]);
    return arena_printf(a, "%s]", text);
}

bool shape_broadcast(const Shape *a, const Shape *b, Shape *out)
{
    Shape s = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int i = 0; i < s.rank; i++) {
        int ia = i - (s.rank - a->rank), ib = i - (s.rank - b->rank);
        int64_t da = ia < 0 ? 1 : a->dim[ia], db = ib < 0 ? 1 : b->dim[ib];
        if (da != db && da != 1 && db != 1)
            return false;
        s.dim[i] = da == 1 ? db : da;
    }
    *out = s;
    return true;
}

void shape_strides(const Shape *s, int64_t stride[MAX_RANK])
{
    int64_t step = 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= s->dim[i];
    }
}

/* ---- 16-bit floats ---- */

float f16_to_f32(uint16_t bits)
{
    int exponent = (bits >> 10) & 31, mantissa = bits & 1023;
    float sign = bits & 0x8000 ? -1.0f : 1.0f;
    if (exponent == 31)
        return mantissa ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexpf((float)mantissa, -24);
    return sign * ldexpf((float)(1024 + mantissa), exponent - 25);
}

/* `x` rounded to nearest even to a float of `digits` significant bits whose least subnormal is
 * 2^least. Overflow is left to the caller. */
static double round_digits(double x, int digits, int least)
{
    if (x == 0 || !isfinite(x))
        return x;
    int exponent; /* |x| = f * 2^exponent, 1/2 <= f < 1 */
    frexp(x, &exponent);
    int unit = exponent - digits > least ? exponent - digits : least;
    return ldexp(nearbyint(ldexp(x, -unit)), unit);
}

static uint16_t f64_to_f16(double value)
{
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    if (isnan(value))
        return sign | 0x7e00;
    double x = fabs(round_digits(value, 11, -24));
    if (x >= 65536.0)
        return sign | 0x7c00;
    if (x < ldexp(1, -14)) /* subnormal: a multiple of 2^-24 */
        return sign | (uint16_t)ldexp(x, 24);
    int exponent;
    double fraction = frexp(x, &exponent);
    return sign | (uint16_t)((exponent + 14) << 10) | (uint16_t)(ldexp(fraction, 11) - 1024);
}

uint16_t f32_to_f16(float value)
{
    return f64_to_f16(value);
}

float bf16_to_f32(uint16_t bits)
{
    uint32_t wide = (uint32_t)bits << 16;
    float f;
    memcpy(&f, &wide, sizeof f);
    return f;
}

static uint16_t f64_to_bf16(double value)
{
    float f = (float)round_digits(value, 8, -133); /* exact, or overflows to infinity */
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    return (uint16_t)(bits >> 16) | (isnan(value) ? 0x40 : 0);
}

uint16_t f32_to_bf16(float value)
{
    return f64_to_bf16(value);
}

/* ---- tensors ---- */

Tensor *tensor_new(Arena *a, DType dtype, const Shape *shape)
{
    Tensor *t = ARENA_NEW(a, Tensor);
    t->dtype = dtype;
    t->shape = *shape;
    t->data = arena_array(a, (size_t)shape_numel(shape), dtype_size(dtype));
    return t;
}

size_t tensor_bytes(const Tensor *t)
{
    return (size_t)shape_numel(&t->shape) * dtype_size(t->dtype);
}

double tensor_get_f64(const Tensor *t, int64_t i)
{
    switch (t->dtype) {
    case DT_F32:
        return ((const float *)t->data)[i];
    case DT_F64:
        return ((const double *)t->data)[i];
    case DT_F16:
        return f16_to_f32(((const uint16_t *)t->data)[i]);
    case DT_BF16:
        return bf16_to_f32(((const uint16_t *)t->data)[i]);
    case DT_U64:
        return (double)((const uint64_t *)t->data)[i];
    default:
        return (double)tensor_get_i64(t, i);
    }
}

/* Truncates towards zero; saturates; NaN becomes 0. */
static int64_t f64_to_i64(double value)
{
    if (isnan(value))
        return 0;
    if (value >= 9223372036854775808.0)
        return INT64_MAX;
    if (value <= -9223372036854775808.0)
        return INT64_MIN;
    return (int64_t)value;
}

int64_t tensor_get_i64(const Tensor *t, int64_t i)
{
    switch (t->dtype) {
    case DT_I8:
        return ((const int8_t *)t->data)[i];
    case DT_U8:
        return ((const uint8_t *)t->data)[i];
    case DT_BOOL:
        return ((const uint8_t *)t->data)[i] != 0;
    case DT_I16:
        return ((const int16_t *)t->data)[i];
    case DT_U16:
        return ((const uint16_t *)t->data)[i];
    case DT_I32:
        return ((const int32_t *)t->data)[i];
    case DT_U32:
        return ((const uint32_t *)t->data)[i];
    case DT_I64:
        return ((const int64_t *)t->data)[i];
    case DT_U64:
        return (int64_t)((const uint64_t *)t->data)[i];
    case DT_NONE:
    case DT_COUNT:
        return 0;
    default:
        return f64_to_i64(tensor_get_f64(t, i));
    }
}

void tensor_set_i64(Tensor *t, int64_t i, int64_t value)
{
    switch (t->dtype) {
    case DT_I8:
    case DT_U8:
        ((uint8_t *)t->data)[i] = (uint8_t)value;
        break;
    case DT_BOOL:
        ((uint8_t *)t->data)[i] = value != 0;
        break;
    case DT_I16:
    case DT_U16:
        ((uint16_t *)t->data)[i] = (uint16_t)value;
        break;
    case DT_I32:
    case DT_U32:
        ((uint32_t *)t->data)[i] = (uint32_t)value;
        break;
    case DT_I64:
    case DT_U64:
        ((uint64_t *)t->data)[i] = (uint64_t)value;
        break;
    case DT_F32: /* straight from the integer: one rounding */
        ((float *)t->data)[i] = (float)value;
        break;
    case DT_NONE:
    case DT_COUNT:
        break;
    default:
        tensor_set_f64(t, i, (double)value);
    }
}

/* Bounds of the integer types, for saturation. */
static void integer_range(DType t, double *lo, double *hi)
{
    int bits = 8 * (int)dtype_size(t);
    bool is_unsigned = t == DT_U8 || t == DT_U16 || t == DT_U32 || t == DT_U64;
    *lo = is_unsigned ? 0 : -ldexp(1, bits - 1);
    *hi = ldexp(1, is_unsigned ? bits : bits - 1) - 1;
}

static void set_integer(Tensor *t, int64_t i, double value)
{
    double lo, hi;
    integer_range(t->dtype, &lo, &hi);
    if (t->dtype == DT_U64 && value >= 9223372036854775808.0)
        ((uint64_t *)t->data)[i] = value >= 18446744073709551616.0 ? UINT64_MAX : (uint64_t)value;
    else
        tensor_set_i64(t, i, f64_to_i64(value < lo ? lo : value > hi ? hi : value));
}

void tensor_set_f64(Tensor *t, int64_t i, double value)
{
    switch (t->dtype) {
    case DT_F32:
        ((float *)t->data)[i] = (float)value;
        break;
    case DT_F64:
        ((double *)t->data)[i] = value;
        break;
    case DT_F16:
        ((uint16_t *)t->data)[i] = f64_to_f16(value);
        break;
    case DT_BF16:
        ((uint16_t *)t->data)[i] = f64_to_bf16(value);
        break;
    case DT_BOOL:
        ((uint8_t *)t->data)[i] = value != 0;
        break;
    case DT_NONE:
    case DT_COUNT:
        break;
    default:
        set_integer(t, i, value);
    }
}
