/* Elementwise operators: one formula each, over broadcast operands.
 *
 * Comes in: one or two tensors (Min, Max: any number; Clip: limits as scalars). Goes out: the
 * result, rounded once for floats, exact modulo 2^bits for integers.
 * Holds: a row of the last axis is loaded before it is stored, so the result may overwrite an
 * operand of its own shape. */
#include "ir/interp/values.h"

#include "ir/ops.h"

#include <math.h>
#include <string.h>

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

static double unary_f64(OpKind op, const EwParams *p, double x)
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
    case OP_Clip:
        return clamp(x, p->alpha, p->beta);
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
    default:
        return x; /* Identity, and Min or Max of one operand */
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

static int64_t binary_i64(OpKind op, int64_t a, int64_t b, bool is_unsigned)
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
    case OP_Pow:
        return power(a, b);
    case OP_Min:
        return less(b, a, is_unsigned) ? b : a;
    case OP_Max:
        return less(a, b, is_unsigned) ? b : a;
    case OP_PRelu:
        return less(a, 0, is_unsigned) ? (int64_t)((uint64_t)a * (uint64_t)b) : a;
    default:
        return 0;
    }
}

/* Limits of Clip for integers; either may be absent. */
typedef struct Limits {
    bool has_lo, has_hi;
    int64_t lo, hi;
} Limits;

static int64_t unary_i64(OpKind op, const Limits *l, int64_t x, bool is_unsigned)
{
    bool negative = less(x, 0, is_unsigned);
    switch (op) {
    case OP_Relu:
        return negative ? 0 : x;
    case OP_Abs:
        return negative ? (int64_t)(0 - (uint64_t)x) : x;
    case OP_Neg:
        return (int64_t)(0 - (uint64_t)x);
    case OP_Clip:
        if (l->has_lo && less(x, l->lo, is_unsigned))
            x = l->lo;
        return l->has_hi && less(l->hi, x, is_unsigned) ? l->hi : x;
    default:
        return x;
    }
}

/* ---- rows ---- */

/* How an operand advances along a broadcast result: elements a step on each axis, 0 where it is
 * repeated. */
static void broadcast_strides(const Shape *in, const Shape *out, int64_t step[MAX_RANK])
{
    int64_t stride[MAX_RANK] = {0};
    int lead = out->rank - in->rank;
    shape_strides(in, stride);
    for (int i = 0; i < out->rank; i++)
        step[i] = i < lead || in->dim[i - lead] == 1 ? 0 : stride[i - lead];
}

/* A pair of operands and the result, row by row. `b` is NULL for one operand. */
typedef struct Rows {
    const Tensor *a, *b;
    Tensor *out;
    int64_t step_a[MAX_RANK], step_b[MAX_RANK];
    int64_t row, rows; /* elements of a row, number of rows */
    int64_t at[MAX_RANK], at_a, at_b;
} Rows;

static Rows rows_begin(const Tensor *a, const Tensor *b, Tensor *out)
{
    const Shape *s = &out->shape;
    Rows r = {.a = a, .b = b, .out = out, .row = s->rank ? s->dim[s->rank - 1] : 1};
    r.rows = r.row ? shape_numel(s) / r.row : 0;
    broadcast_strides(&a->shape, s, r.step_a);
    if (b)
        broadcast_strides(&b->shape, s, r.step_b);
    return r;
}

/* To the next row of all axes but the last. */
static void rows_next(Rows *r)
{
    const Shape *s = &r->out->shape;
    for (int i = s->rank - 2; i >= 0; i--) {
        r->at_a += r->step_a[i];
        r->at_b += r->step_b[i];
        if (++r->at[i] < s->dim[i])
            return;
        r->at_a -= r->step_a[i] * s->dim[i];
        r->at_b -= r->step_b[i] * s->dim[i];
        r->at[i] = 0;
    }
}

static void load_row(const Tensor *t, int64_t at, int64_t step, int64_t n, double *to)
{
    interp_load(t, at, step ? n : 1, to);
    for (int64_t i = 1; step == 0 && i < n; i++)
        to[i] = to[0];
}

static void load_row_i64(const Tensor *t, int64_t at, int64_t step, int64_t n, int64_t *to)
{
    interp_load_i64(t, at, step ? n : 1, to);
    for (int64_t i = 1; step == 0 && i < n; i++)
        to[i] = to[0];
}

static void run_f64(Arena *arena, OpKind op, const EwParams *p, const Tensor *in0,
                    const Tensor *in1, Tensor *out)
{
    Rows r = rows_begin(in0, in1, out);
    int last = out->shape.rank ? out->shape.rank - 1 : 0;
    double *a = ARENA_ARRAY(arena, double, r.row), *b = ARENA_ARRAY(arena, double, r.row);
    for (int64_t k = 0; k < r.rows; k++, rows_next(&r)) {
        load_row(in0, r.at_a, r.step_a[last], r.row, a);
        if (in1)
            load_row(in1, r.at_b, r.step_b[last], r.row, b);
        for (int64_t i = 0; i < r.row; i++)
            a[i] = in1 ? binary_f64(op, a[i], b[i]) : unary_f64(op, p, a[i]);
        interp_store(a, out, k * r.row, r.row);
    }
}

/* False when an integer is divided by zero. */
static bool run_i64(Arena *arena, OpKind op, const Limits *l, const Tensor *in0, const Tensor *in1,
                    Tensor *out)
{
    Rows r = rows_begin(in0, in1, out);
    int last = out->shape.rank ? out->shape.rank - 1 : 0;
    bool is_unsigned = out->dtype == DT_U64; /* narrower ones are non-negative in int64_t */
    int64_t *a = ARENA_ARRAY(arena, int64_t, r.row), *b = ARENA_ARRAY(arena, int64_t, r.row);
    for (int64_t k = 0; k < r.rows; k++, rows_next(&r)) {
        load_row_i64(in0, r.at_a, r.step_a[last], r.row, a);
        if (in1)
            load_row_i64(in1, r.at_b, r.step_b[last], r.row, b);
        for (int64_t i = 0; i < r.row; i++) {
            if (op == OP_Div && b[i] == 0)
                return false;
            a[i] =
                in1 ? binary_i64(op, a[i], b[i], is_unsigned) : unary_i64(op, l, a[i], is_unsigned);
        }
        interp_store_i64(a, out, k * r.row, r.row);
    }
    return true;
}

/* ---- entry points ---- */

/* Limits of Clip: the inputs where given, else the parameters (infinite: none). */
static Limits clip_limits(EwParams *p, const Tensor *lo, const Tensor *hi)
{
    Limits l = {.has_lo = lo || !isinf(p->alpha), .has_hi = hi || !isinf(p->beta)};
    l.lo = lo ? tensor_get_i64(lo, 0) : l.has_lo ? (int64_t)clamp(p->alpha, -0x1p62, 0x1p62) : 0;
    l.hi = hi ? tensor_get_i64(hi, 0) : l.has_hi ? (int64_t)clamp(p->beta, -0x1p62, 0x1p62) : 0;
    p->alpha = lo ? tensor_get_f64(lo, 0) : p->alpha;
    p->beta = hi ? tensor_get_f64(hi, 0) : p->beta;
    return l;
}

bool interp_elementwise(InterpCall *c, OpKind op, const Params *p, const Tensor *const *in,
                        int n_in, Tensor *out)
{
    EwParams ew = p->ew;
    Limits limits = {0};
    const Tensor *second = n_in > 1 ? in[1] : NULL;
    if (op == OP_Clip) {
        limits = clip_limits(&ew, second, n_in > 2 ? in[2] : NULL);
        second = NULL;
    }
    bool exact = dtype_is_integer(out->dtype) || out->dtype == DT_BOOL;
    if (exact && second && dtype_is_float(second->dtype))
        exact = false; /* Pow of an integer by a float */
    if (!exact)
        run_f64(c->arena, op, &ew, in[0], second, out);
    else if (!run_i64(c->arena, op, &limits, in[0], second, out))
        return interp_error(c, "division of an integer by zero");
    return true;
}

bool interp_ew(InterpCall *c)
{
    const Tensor *in[3] = {c->in[0], interp_operand(c, 1), interp_operand(c, 2)};
    bool chain = c->node->op == OP_Min || c->node->op == OP_Max;
    Tensor *out = c->out[0];
    if (!interp_elementwise(c, c->node->op, &c->node->params, in, 3, out))
        return false;
    for (int i = 2; chain && i < node_own_inputs(c->node); i++) {
        const Tensor *pair[2] = {out, c->in[i]};
        if (!interp_elementwise(c, c->node->op, &c->node->params, pair, 2, out))
            return false;
    }
    return true;
}

/* The value itself: also Reorder, whose layouts the interpreter does not know. */
bool interp_identity(InterpCall *c)
{
    memcpy(c->out[0]->data, c->in[0]->data, tensor_bytes(c->out[0]));
    return true;
}

/* At inference Dropout passes its input and keeps everything. */
bool interp_dropout(InterpCall *c)
{
    if (c->n_out > 1 && c->out[1])
        for (int64_t i = 0, n = shape_numel(&c->out[1]->shape); i < n; i++)
            tensor_set_i64(c->out[1], i, 1);
    return interp_identity(c);
}

/* Integers to integers wrap; floats to integers truncate; anything but zero is true. */
bool interp_cast(InterpCall *c)
{
    const Tensor *x = c->in[0];
    Tensor *y = c->out[0];
    bool exact = !dtype_is_float(x->dtype) && !(x->dtype == DT_U64 && dtype_is_float(y->dtype));
    for (int64_t i = 0, n = shape_numel(&x->shape); i < n; i++) {
        if (exact)
            tensor_set_i64(y, i, tensor_get_i64(x, i));
        else
            tensor_set_f64(y, i, tensor_get_f64(x, i));
    }
    return true;
}
