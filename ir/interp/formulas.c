/* The formulas of the elementwise operators, straight from ONNX's text: one over doubles, one over
 * integers.
 *
 * Comes in: an operator, its parameters, one element of each operand. Goes out: the element of the
 * result before it is rounded or wrapped to its type; truth values are 0 and 1.
 * Holds: integers are exact modulo 2^64; nothing traps, whatever the operands are, except that an
 * integer must not be divided by 0. */
#include "ir/interp/formulas.h"

#include <math.h>

/* ---- formulas over doubles ---- */

static double relu(double x)
{
    return x < 0 ? 0 : x;
}

static double clamp(double x, double lo, double hi)
{
    double least = x < lo ? lo : x;
    return least > hi ? hi : least;
}

static double softplus(double x)
{
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double gelu(double x, int tanh_form)
{
    if (tanh_form)
        return 0.5 * x * (1 + tanh(sqrt(2 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
    return 0.5 * x * (1 + erf(x / sqrt(2)));
}

static double shrink(double x, double lambd, double bias)
{
    if (x < -lambd)
        return x + bias;
    return x > lambd ? x - bias : 0;
}

static double activation(OpKind op, const EwParams *p, double x)
{
    switch (op) {
    case OP_Relu:
        return relu(x);
    case OP_LeakyRelu:
        return x < 0 ? p->alpha * x : x;
    case OP_Elu:
        return x < 0 ? p->alpha * expm1(x) : x;
    case OP_Celu:
        return x < 0 ? p->alpha * expm1(x / p->alpha) : x;
    case OP_Selu:
        return p->gamma * (x <= 0 ? p->alpha * expm1(x) : x);
    case OP_ThresholdedRelu:
        return x > p->alpha ? x : 0;
    case OP_Sigmoid:
        return 1 / (1 + exp(-x));
    case OP_HardSigmoid:
        return clamp(p->alpha * x + p->beta, 0, 1);
    case OP_HardSwish:
        return x * clamp(x / 6 + 0.5, 0, 1);
    case OP_Tanh:
        return tanh(x);
    case OP_Softplus:
        return softplus(x);
    case OP_Softsign:
        return x / (1 + fabs(x));
    case OP_Gelu:
        return gelu(x, p->mode);
    case OP_Mish:
        return x * tanh(softplus(x));
    case OP_Shrink:
        return shrink(x, p->alpha, p->beta);
    case OP_Swish:
        return x / (1 + exp(-p->alpha * x));
    default: /* Clip */
        return clamp(x, p->alpha, p->beta);
    }
}

static double unary_f64(OpKind op, const EwParams *p, double x)
{
    switch (op) {
    case OP_Exp:
        return exp(x);
    case OP_Log:
        return log(x);
    case OP_Sqrt:
        return sqrt(x);
    case OP_Reciprocal:
        return 1 / x;
    case OP_Abs:
        return fabs(x);
    case OP_Neg:
        return -x;
    case OP_Floor:
        return floor(x);
    case OP_Ceil:
        return ceil(x);
    case OP_Erf:
        return erf(x);
    case OP_Round: /* halves to even */
        return nearbyint(x);
    case OP_Sign:
        return isnan(x) ? x : (x > 0) - (x < 0);
    case OP_IsNaN:
        return isnan(x);
    case OP_IsInf:
        return isinf(x) && p->mode & (x < 0 ? 1 : 2);
    case OP_Identity:
    case OP_Min:
    case OP_Max:
        return x;
    default:
        return activation(op, p, x);
    }
}

static double trigonometric(OpKind op, double x)
{
    switch (op) {
    case OP_Sin:
        return sin(x);
    case OP_Cos:
        return cos(x);
    case OP_Tan:
        return tan(x);
    case OP_Asin:
        return asin(x);
    case OP_Acos:
        return acos(x);
    case OP_Atan:
        return atan(x);
    case OP_Sinh:
        return sinh(x);
    case OP_Cosh:
        return cosh(x);
    case OP_Asinh:
        return asinh(x);
    case OP_Acosh:
        return acosh(x);
    default: /* Atanh */
        return atanh(x);
    }
}

/* Not a number if either operand is; fmin and fmax would drop it. */
static double min_f64(double a, double b)
{
    return isnan(a) || a < b ? a : b;
}

static double max_f64(double a, double b)
{
    return isnan(a) || a > b ? a : b;
}

static double binary_f64(OpKind op, double a, double b)
{
    switch (op) {
    case OP_Equal:
        return a == b;
    case OP_Less:
        return a < b;
    case OP_LessOrEqual:
        return a <= b;
    case OP_Greater:
        return a > b;
    case OP_GreaterOrEqual:
        return a >= b;
    case OP_Mod: /* fmod = 1: the dividend's sign */
        return fmod(a, b);
    case OP_Add:
        return a + b;
    case OP_Sub:
        return a - b;
    case OP_Mul:
        return a * b;
    case OP_Div:
        return a / b;
    case OP_Pow:
        return pow(a, b);
    case OP_Min:
        return min_f64(a, b);
    case OP_Max:
        return max_f64(a, b);
    case OP_PRelu:
        return a < 0 ? b * a : a;
    default:
        return NAN;
    }
}

double formula_f64(OpKind op, const EwParams *p, const double *x, int n)
{
    if (n == 3) /* Where */
        return x[0] != 0 ? x[1] : x[2];
    if (n == 2)
        return binary_f64(op, x[0], x[1]);
    return op_has(op, T_SCALAR) ? trigonometric(op, x[0]) : unary_f64(op, p, x[0]);
}

/* ---- formulas over integers: two's complement, exact modulo 2^64 ---- */

static bool less(int64_t a, int64_t b, bool is_unsigned)
{
    return is_unsigned ? (uint64_t)a < (uint64_t)b : a < b;
}

/* Truncates towards zero; b is not 0. INT64_MIN / -1 wraps. */
static int64_t divide(int64_t a, int64_t b, bool is_unsigned)
{
    if (is_unsigned)
        return (int64_t)((uint64_t)a / (uint64_t)b);
    return b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b;
}

/* a^b by squaring; a negative exponent leaves 0 except for the bases 1 and -1. */
static int64_t power(int64_t a, int64_t b)
{
    if (b < 0)
        return a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0;
    uint64_t result = 1, base = (uint64_t)a;
    for (; b; b >>= 1, base *= base)
        if (b & 1)
            result *= base;
    return (int64_t)result;
}

/* fmod = 1: the dividend's sign, as in C. fmod = 0: the divisor's, as in Python. */
static int64_t modulo(int64_t a, int64_t b, bool fmod, bool is_unsigned)
{
    if (is_unsigned)
        return (int64_t)((uint64_t)a % (uint64_t)b);
    int64_t r = b == -1 ? 0 : a % b;
    return !fmod && r != 0 && (r < 0) != (b < 0) ? r + b : r;
}

static int64_t shift(int64_t x, int64_t count, bool right)
{
    if ((uint64_t)count > 63)
        return 0;
    return (int64_t)(right ? (uint64_t)x >> count : (uint64_t)x << count);
}

static int64_t arithmetic_i64(OpKind op, const EwParams *p, int64_t a, int64_t b, bool is_unsigned)
{
    switch (op) {
    case OP_Add:
        return (int64_t)((uint64_t)a + (uint64_t)b);
    case OP_Sub:
        return (int64_t)((uint64_t)a - (uint64_t)b);
    case OP_Mul:
        return (int64_t)((uint64_t)a * (uint64_t)b);
    case OP_Div:
        return divide(a, b, is_unsigned);
    case OP_Mod:
        return modulo(a, b, p->mode, is_unsigned);
    case OP_Pow:
        return power(a, b);
    case OP_Min:
        return less(b, a, is_unsigned) ? b : a;
    case OP_Max:
        return less(a, b, is_unsigned) ? b : a;
    default: /* PRelu */
        return less(a, 0, is_unsigned) ? (int64_t)((uint64_t)a * (uint64_t)b) : a;
    }
}

static int64_t binary_i64(OpKind op, const EwParams *p, int64_t a, int64_t b, bool is_unsigned)
{
    switch (op) {
    case OP_Equal:
        return a == b;
    case OP_Less:
        return less(a, b, is_unsigned);
    case OP_LessOrEqual:
        return !less(b, a, is_unsigned);
    case OP_Greater:
        return less(b, a, is_unsigned);
    case OP_GreaterOrEqual:
        return !less(a, b, is_unsigned);
    case OP_And:
    case OP_BitwiseAnd:
        return a & b;
    case OP_Or:
    case OP_BitwiseOr:
        return a | b;
    case OP_Xor:
    case OP_BitwiseXor:
        return a ^ b;
    case OP_BitShift:
        return shift(a, b, p->mode);
    default:
        return arithmetic_i64(op, p, a, b, is_unsigned);
    }
}

static int64_t unary_i64(OpKind op, const ClipLimits *l, int64_t x, bool is_unsigned)
{
    bool negative = less(x, 0, is_unsigned);
    switch (op) {
    case OP_Relu:
        return negative ? 0 : x;
    case OP_Abs:
        return negative ? (int64_t)(0 - (uint64_t)x) : x;
    case OP_Neg:
        return (int64_t)(0 - (uint64_t)x);
    case OP_Sign:
        return negative ? -1 : x != 0;
    case OP_Not:
        return !x;
    case OP_BitwiseNot:
        return ~x;
    case OP_Clip:
        if (l->has_lo && less(x, l->lo, is_unsigned))
            x = l->lo;
        return l->has_hi && less(l->hi, x, is_unsigned) ? l->hi : x;
    default:
        return x;
    }
}

int64_t formula_i64(OpKind op, const EwParams *p, const ClipLimits *l, const int64_t *x, int n,
                    bool is_unsigned)
{
    if (n == 3) /* Where */
        return x[0] ? x[1] : x[2];
    return n == 2 ? binary_i64(op, p, x[0], x[1], is_unsigned)
                  : unary_i64(op, l, x[0], is_unsigned);
}
