/* The operations of the kernel IR on one lane, as docs/KERNEL_IR.md defines them: f32 in float with
 * one rounding an operation, integers modulo 2^n, memory types widened and narrowed. Written
 * without regard to how the printers write the same; kernel_eval.c applies them lane by lane. */
#include "tests/support/kernel_eval_internal.h"

#include <math.h>
#include <string.h>

#define fail eval_fail

/* ---- memory ---- */

Lane lane_load(const void *p, KBase base, int64_t i)
{
    Lane l = {.i = 0};
    unsigned char raw[8] = {0};
    const size_t size = base == KT_MASK ? 1 : kbase_size(base);
    memcpy(raw, (const char *)p + (size_t)i * size, size);
    uint64_t bits = 0; /* this machine's order: the numbers are in memory as C wrote them */
    memcpy(&bits, raw, sizeof bits);
    switch (base) {
    case KT_F32:
        memcpy(&l.f, raw, sizeof l.f);
        break;
    case KT_F64:
        memcpy(&l.d, raw, sizeof l.d);
        break;
    case KT_F16:
        l.f = f16_to_f32((uint16_t)bits);
        break;
    case KT_BF16:
        l.f = bf16_to_f32((uint16_t)bits);
        break;
    case KT_I8:
        l.i = bits < 128 ? (int64_t)bits : (int64_t)bits - 256;
        break;
    case KT_I16:
        l.i = bits < 32768 ? (int64_t)bits : (int64_t)bits - 65536;
        break;
    case KT_I32:
        l.i = (int32_t)(uint32_t)bits;
        break;
    default:
        l.i = (int64_t)bits;
        break;
    }
    return l;
}

void lane_store(void *p, KBase base, int64_t i, Lane l)
{
    unsigned char raw[8];
    const size_t size = base == KT_MASK ? 1 : kbase_size(base);
    uint16_t half;
    memcpy(raw, &l.i, sizeof raw); /* the low bytes come first on every machine that runs tests */
    if (base == KT_F32) {
        memcpy(raw, &l.f, sizeof l.f);
    } else if (base == KT_F16 || base == KT_BF16) {
        half = base == KT_F16 ? f32_to_f16(l.f) : f32_to_bf16(l.f);
        memcpy(raw, &half, sizeof half);
    }
    memcpy((char *)p + (size_t)i * size, raw, size);
}

/* ---- numbers ---- */

int64_t lane_wrap(KBase b, int64_t x)
{
    return b == KT_I32 ? (int32_t)(uint32_t)(uint64_t)x : x;
}

static float un_f32(Eval *ev, KOp op, float x)
{
    switch (op) {
    case KO_NEG:
        return -x;
    case KO_ABS:
        return fabsf(x);
    case KO_SQRT:
        return sqrtf(x);
    case KO_FLOOR:
        return floorf(x);
    case KO_CEIL:
        return ceilf(x);
    case KO_ROUND:
        return rintf(x);
    default:
        fail(ev, "unary operation %d on floats", (int)op);
    }
}

static double un_f64(Eval *ev, KOp op, double x)
{
    switch (op) {
    case KO_NEG:
        return -x;
    case KO_ABS:
        return fabs(x);
    case KO_SQRT:
        return sqrt(x);
    case KO_FLOOR:
        return floor(x);
    case KO_CEIL:
        return ceil(x);
    case KO_ROUND:
        return rint(x);
    default:
        fail(ev, "unary operation %d on doubles", (int)op);
    }
}

static int64_t un_int(Eval *ev, KOp op, KBase b, int64_t x)
{
    switch (op) {
    case KO_NEG:
        return lane_wrap(b, (int64_t)(0 - (uint64_t)x));
    case KO_ABS:
        return lane_wrap(b, x < 0 && b != KT_U64 ? (int64_t)(0 - (uint64_t)x) : x);
    case KO_NOT:
        return b == KT_MASK ? !x : lane_wrap(b, ~x);
    default:
        fail(ev, "unary operation %d on integers", (int)op);
    }
}

static float bin_f32(Eval *ev, KOp op, float x, float y)
{
    switch (op) {
    case KO_ADD:
        return x + y;
    case KO_SUB:
        return x - y;
    case KO_MUL:
        return x * y;
    case KO_DIV:
        return x / y;
    case KO_MIN:
        return x < y ? x : y;
    case KO_MAX:
        return x > y ? x : y;
    default:
        fail(ev, "binary operation %d on floats", (int)op);
    }
}

static double bin_f64(Eval *ev, KOp op, double x, double y)
{
    switch (op) {
    case KO_ADD:
        return x + y;
    case KO_SUB:
        return x - y;
    case KO_MUL:
        return x * y;
    case KO_DIV:
        return x / y;
    case KO_MIN:
        return x < y ? x : y;
    case KO_MAX:
        return x > y ? x : y;
    default:
        fail(ev, "binary operation %d on doubles", (int)op);
    }
}

#define COMPARE(op, x, y)                                                                          \
    ((op) == KO_EQ   ? (x) == (y)                                                                  \
     : (op) == KO_NE ? (x) != (y)                                                                  \
     : (op) == KO_LT ? (x) < (y)                                                                   \
     : (op) == KO_LE ? (x) <= (y)                                                                  \
     : (op) == KO_GT ? (x) > (y)                                                                   \
                     : (x) >= (y))

/* Without a trap: the quotient of 0 is 0, the least integer over -1 wraps. */
static int64_t divide(KOp op, KBase b, int64_t x, int64_t y)
{
    if (y == 0)
        return 0;
    if (b == KT_U64)
        return (int64_t)(op == KO_DIV ? (uint64_t)x / (uint64_t)y : (uint64_t)x % (uint64_t)y);
    if (y == -1)
        return op == KO_DIV ? lane_wrap(b, (int64_t)(0 - (uint64_t)x)) : 0;
    return op == KO_DIV ? x / y : x % y;
}

static int64_t shift(KOp op, KBase b, int64_t x, int64_t y)
{
    const int64_t width = b == KT_I32 ? 32 : 64;
    const bool out = y < 0 || y >= width;
    if (op == KO_SHL)
        return out ? 0 : lane_wrap(b, (int64_t)((uint64_t)x << y));
    if (b == KT_U64)
        return out ? 0 : (int64_t)((uint64_t)x >> y);
    return out ? (x < 0 ? -1 : 0) : x >> y;
}

static int64_t bin_int(Eval *ev, KOp op, KBase b, int64_t x, int64_t y)
{
    const uint64_t ux = (uint64_t)x, uy = (uint64_t)y;
    const bool less = b == KT_U64 ? ux < uy : x < y;
    switch (op) {
    case KO_ADD:
        return lane_wrap(b, (int64_t)(ux + uy));
    case KO_SUB:
        return lane_wrap(b, (int64_t)(ux - uy));
    case KO_MUL:
        return lane_wrap(b, (int64_t)(ux * uy));
    case KO_DIV:
    case KO_REM:
        return divide(op, b, x, y);
    case KO_MIN:
        return less ? x : y;
    case KO_MAX:
        return less ? y : x;
    case KO_AND:
        return x & y;
    case KO_OR:
        return x | y;
    case KO_XOR:
        return x ^ y;
    case KO_SHL:
    case KO_SHR:
        return shift(op, b, x, y);
    default:
        fail(ev, "binary operation %d on integers", (int)op);
    }
}

Lane lane_unary(Eval *ev, KOp op, KBase b, Lane x)
{
    Lane r = {.i = 0};
    if (b == KT_F32)
        r.f = un_f32(ev, op, x.f);
    else if (b == KT_F64)
        r.d = un_f64(ev, op, x.d);
    else
        r.i = un_int(ev, op, b, x.i);
    return r;
}

Lane lane_binary(Eval *ev, KOp op, KBase b, Lane x, Lane y)
{
    Lane r = {.i = 0};
    if (b == KT_F32)
        r.f = bin_f32(ev, op, x.f, y.f);
    else if (b == KT_F64)
        r.d = bin_f64(ev, op, x.d, y.d);
    else
        r.i = bin_int(ev, op, b, x.i, y.i);
    return r;
}

bool lane_compare(KOp op, KBase b, Lane x, Lane y)
{
    if (b == KT_F32)
        return COMPARE(op, x.f, y.f);
    if (b == KT_F64)
        return COMPARE(op, x.d, y.d);
    if (b == KT_U64)
        return COMPARE(op, (uint64_t)x.i, (uint64_t)y.i);
    return COMPARE(op, x.i, y.i);
}

/* ---- conversions ---- */

Lane lane_bitcast(KBase to, KBase from, Lane x)
{
    Lane r = {.i = x.i};
    uint32_t bits = (uint32_t)x.i;
    if (from == KT_F32)
        memcpy(&bits, &x.f, sizeof bits);
    if (to == KT_I32)
        r.i = (int32_t)bits;
    else if (to == KT_F32)
        memcpy(&r.f, &bits, sizeof bits);
    return r; /* f64, i64 and u64 share their bits in the union */
}

/* A float towards zero, kept within the range of the integer; NaN is 0. */
static int64_t to_integer(Eval *ev, const KExpr *cvt, double v)
{
    const KBase to = cvt->type.base;
    const double least = to == KT_U64 ? 0 : to == KT_I32 ? -0x1p31 : -0x1p63;
    const double end = to == KT_U64 ? 0x1p64 : to == KT_I32 ? 0x1p31 : 0x1p63;
    const double whole = trunc(v);
    if (cvt->fits && !(whole >= least && whole < end))
        fail(ev, "%g does not fit into %s", v, kbase_name(to));
    if (isnan(v))
        return 0;
    if (whole < least)
        return to == KT_U64 ? 0 : to == KT_I32 ? INT32_MIN : INT64_MIN;
    if (whole >= end)
        return to == KT_U64 ? -1 : to == KT_I32 ? INT32_MAX : INT64_MAX;
    return to == KT_U64 ? (int64_t)(uint64_t)whole : (int64_t)whole;
}

Lane lane_convert(Eval *ev, const KExpr *cvt, KBase from, Lane x)
{
    const KBase to = cvt->type.base;
    Lane r = {.i = 0};
    if (kbase_is_float(from)) {
        const double v = from == KT_F32 ? (double)x.f : x.d;
        if (to == KT_F32)
            r.f = (float)v;
        else if (to == KT_F64)
            r.d = v;
        else
            r.i = to_integer(ev, cvt, v);
    } else if (to == KT_F32) {
        r.f = from == KT_U64 ? (float)(uint64_t)x.i : (float)x.i;
    } else if (to == KT_F64) {
        r.d = from == KT_U64 ? (double)(uint64_t)x.i : (double)x.i;
    } else {
        r.i = lane_wrap(to, x.i);
    }
    return r;
}

/* ---- the C library ---- */

double lane_external(Eval *ev, const char *name, double x, double y)
{
    static const struct {
        const char *name;
        double (*one)(double);
        double (*two)(double, double);
    } table[] = {
        {"sin", sin, NULL},     {"cos", cos, NULL},     {"tan", tan, NULL},
        {"asin", asin, NULL},   {"acos", acos, NULL},   {"atan", atan, NULL},
        {"sinh", sinh, NULL},   {"cosh", cosh, NULL},   {"tanh", tanh, NULL},
        {"asinh", asinh, NULL}, {"acosh", acosh, NULL}, {"atanh", atanh, NULL},
        {"exp", exp, NULL},     {"expm1", expm1, NULL}, {"log", log, NULL},
        {"log1p", log1p, NULL}, {"erf", erf, NULL},     {"pow", NULL, pow},
        {"fmod", NULL, fmod},   {"atan2", NULL, atan2},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].one != NULL ? table[i].one(x) : table[i].two(x, y);
    fail(ev, "no function %s", name);
}
