/* Reductions and operators along one axis: Reduce*, ArgMax, ArgMin, GlobalLpPool, Hardmax, CumSum,
 * CumProd, TopK.
 *
 * Comes in: tensors of numbers; axes and k from the parameters. Goes out: results rounded once.
 * Holds: floats in double; integers in 64 bits, wrapping, except for the reductions that take
 * roots or logarithms. */
#include "ir/interp/values.h"

#include "ir/ops.h"

#include <math.h>
#include <string.h>

/* ---- lines ---- */

/* All positions of the axes with along[i] == which, as element offsets. */
static int64_t *offsets(Arena *a, const Shape *s, const bool along[MAX_RANK], bool which,
                        int64_t *count)
{
    int64_t stride[MAX_RANK], at[MAX_RANK] = {0}, n = 1;
    shape_strides(s, stride);
    for (int i = 0; i < s->rank; i++)
        n *= along[i] == which ? s->dim[i] : 1;
    int64_t *list = ARENA_ARRAY(a, int64_t, n + 1);
    for (int64_t k = 0; k < n; k++) {
        for (int i = 0; i < s->rank; i++)
            list[k] += at[i] * stride[i];
        for (int i = s->rank - 1; i >= 0; i--) {
            if (along[i] != which)
                continue;
            if (++at[i] < s->dim[i])
                break;
            at[i] = 0;
        }
    }
    *count = n;
    return list;
}

InterpLines interp_lines(Arena *a, const Shape *s, const bool along[MAX_RANK])
{
    InterpLines l;
    l.base = offsets(a, s, along, false, &l.n_lines);
    l.step = offsets(a, s, along, true, &l.n);
    return l;
}

static InterpLines lines_of_axis(const InterpCall *c, int64_t axis)
{
    bool along[MAX_RANK] = {false};
    along[axis] = true;
    return interp_lines(c->arena, &c->in[0]->shape, along);
}

/* ---- Reduce* ---- */

static double greater(double a, double b)
{
    return isnan(a) || isnan(b) ? NAN : a > b ? a : b;
}

/* Shifted by the greatest element, so that sums of large exponentials are finite. */
static double log_sum_exp(const double *x, const int64_t *step, int64_t n, double most)
{
    double top = isfinite(most) ? most : 0, sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[step[i]] - top);
    return top + log(sum);
}

static double reduce_line(OpKind op, const double *x, const int64_t *step, int64_t n)
{
    double sum = 0, squares = 0, magnitude = 0, product = 1, most = -INFINITY, least = INFINITY;
    for (int64_t i = 0; i < n; i++) {
        double v = x[step[i]];
        sum += v;
        squares += v * v;
        magnitude += fabs(v);
        product *= v;
        most = greater(most, v);
        least = -greater(-least, -v);
    }
    switch (op) {
    case OP_ReduceSum:
        return sum;
    case OP_ReduceMean:
        return sum / (double)n;
    case OP_ReduceMax:
        return most;
    case OP_ReduceMin:
        return least;
    case OP_ReduceProd:
        return product;
    case OP_ReduceL1:
        return magnitude;
    case OP_ReduceL2:
        return sqrt(squares);
    case OP_ReduceLogSum:
        return log(sum);
    case OP_ReduceLogSumExp:
        return log_sum_exp(x, step, n, most);
    default:
        return squares;
    }
}

/* Least and greatest value of an integer type, as the bits that tensor_get_i64 gives. */
static void integer_limits(DType t, int64_t *least, int64_t *most)
{
    int bits = (int)dtype_size(t) * 8;
    bool is_signed = t == DT_I8 || t == DT_I16 || t == DT_I32 || t == DT_I64;
    *most = t == DT_BOOL
                ? 1
                : (int64_t)(UINT64_MAX >> (64 - bits + (is_signed || t == DT_U64 ? 1 : 0)));
    *least = is_signed ? -*most - 1 : 0;
    if (t == DT_U64)
        *most = -1;
}

static bool integer_less(DType t, int64_t a, int64_t b)
{
    return t == DT_U64 ? (uint64_t)a < (uint64_t)b : a < b;
}

/* Sums wrap; the mean is truncated. */
static int64_t reduce_integers(OpKind op, DType t, const int64_t *x, const int64_t *step, int64_t n)
{
    uint64_t sum = 0, squares = 0, magnitude = 0, product = 1;
    int64_t most, least;
    integer_limits(t, &most, &least); /* each starts at the other end */
    for (int64_t i = 0; i < n; i++) {
        int64_t v = x[step[i]];
        bool negative = integer_less(t, v, 0);
        sum += (uint64_t)v;
        squares += (uint64_t)v * (uint64_t)v;
        magnitude += negative ? 0 - (uint64_t)v : (uint64_t)v;
        product *= (uint64_t)v;
        most = integer_less(t, most, v) ? v : most;
        least = integer_less(t, v, least) ? v : least;
    }
    switch (op) {
    case OP_ReduceSum:
        return (int64_t)sum;
    case OP_ReduceMean:
        if (n == 0)
            return 0;
        return t == DT_U64 ? (int64_t)(sum / (uint64_t)n) : (int64_t)sum / n;
    case OP_ReduceMax:
        return most;
    case OP_ReduceMin:
        return least;
    case OP_ReduceProd:
        return (int64_t)product;
    case OP_ReduceL1:
        return (int64_t)magnitude;
    default:
        return (int64_t)squares;
    }
}

bool interp_reduce(InterpCall *c)
{
    const ReduceParams *p = &c->node->params.reduce;
    const Tensor *x = c->in[0];
    OpKind op = c->node->op;
    bool along[MAX_RANK] = {false};
    for (int i = 0; i < p->n_axes; i++)
        along[p->axes[i]] = true;
    InterpLines l = interp_lines(c->arena, &x->shape, along);
    bool real = op == OP_ReduceL2 || op == OP_ReduceLogSum || op == OP_ReduceLogSumExp;
    if (dtype_is_float(x->dtype) || real) {
        double *data = interp_f64(c->arena, x);
        for (int64_t k = 0; k < l.n_lines; k++)
            tensor_set_f64(c->out[0], k, reduce_line(op, data + l.base[k], l.step, l.n));
        return true;
    }
    int64_t numel = shape_numel(&x->shape), *data = ARENA_ARRAY(c->arena, int64_t, numel + 1);
    interp_load_i64(x, 0, numel, data);
    for (int64_t k = 0; k < l.n_lines; k++)
        tensor_set_i64(c->out[0], k, reduce_integers(op, x->dtype, data + l.base[k], l.step, l.n));
    return true;
}

/* (sum of |x|^p)^(1/p) of each channel. */
bool interp_global_lp_pool(InterpCall *c)
{
    const Tensor *x = c->in[0];
    double p = (double)c->node->params.pool.p;
    bool along[MAX_RANK] = {false};
    for (int i = 2; i < x->shape.rank; i++)
        along[i] = true;
    InterpLines l = interp_lines(c->arena, &x->shape, along);
    for (int64_t k = 0; k < l.n_lines; k++) {
        double sum = 0;
        for (int64_t i = 0; i < l.n; i++)
            sum += pow(fabs(tensor_get_f64(x, l.base[k] + l.step[i])), p);
        tensor_set_f64(c->out[0], k, pow(sum, 1 / p));
    }
    return true;
}

/* ---- places: ArgMax, ArgMin, Hardmax, TopK ---- */

/* Which of two elements of t comes first, > 0: a, < 0: b, where the greatest (sign = 1) or the
 * least (-1) does. NaN comes behind all numbers. */
static int compare(const Tensor *t, int sign, int64_t a, int64_t b)
{
    if (dtype_is_float(t->dtype)) {
        double x = tensor_get_f64(t, a), y = tensor_get_f64(t, b);
        if (isnan(x) || isnan(y))
            return (isnan(y) != 0) - (isnan(x) != 0);
        return sign * ((x > y) - (x < y));
    }
    int64_t x = tensor_get_i64(t, a), y = tensor_get_i64(t, b);
    return sign * (integer_less(t->dtype, y, x) - integer_less(t->dtype, x, y));
}

/* The place of the greatest (sign = 1) or least (-1) element of a line. */
static int64_t best_place(const Tensor *t, const InterpLines *l, int64_t line, int sign, bool last)
{
    int64_t best = 0;
    for (int64_t i = 1; i < l->n; i++) {
        int order = compare(t, sign, l->base[line] + l->step[i], l->base[line] + l->step[best]);
        if (order > 0 || (order == 0 && last))
            best = i;
    }
    return best;
}

bool interp_arg(InterpCall *c)
{
    const LineParams *p = &c->node->params.line;
    int sign = c->node->op == OP_ArgMax ? 1 : -1;
    InterpLines l = lines_of_axis(c, p->axis);
    for (int64_t k = 0; k < l.n_lines; k++)
        tensor_set_i64(c->out[0], k, best_place(c->in[0], &l, k, sign, p->last));
    return true;
}

/* 1 at the first greatest element of each line, 0 elsewhere. */
bool interp_hardmax(InterpCall *c)
{
    const AxisParams *p = &c->node->params.axis;
    bool along[MAX_RANK] = {false};
    for (int i = 0; i < c->in[0]->shape.rank; i++)
        along[i] = i == p->axis || (p->coerce_2d && i > p->axis);
    InterpLines l = interp_lines(c->arena, &c->in[0]->shape, along);
    for (int64_t k = 0; k < l.n_lines; k++) {
        int64_t best = best_place(c->in[0], &l, k, 1, false);
        for (int64_t i = 0; i < l.n; i++)
            tensor_set_f64(c->out[0], l.base[k] + l.step[i], i == best);
    }
    return true;
}

/* The best element of a line that was not taken yet; of equal ones the one with the lower index. */
static int64_t best_left(const Tensor *t, const InterpLines *l, int64_t line, int sign,
                         const bool *taken)
{
    int64_t best = -1;
    for (int64_t i = 0; i < l->n; i++) {
        if (taken[i])
            continue;
        int64_t at = l->base[line] + l->step[i];
        if (best < 0 || compare(t, sign, at, l->base[line] + l->step[best]) > 0)
            best = i;
    }
    return best;
}

/* Takes the best of what is left, k times. */
bool interp_topk(InterpCall *c)
{
    const LineParams *p = &c->node->params.line;
    const Tensor *x = c->in[0];
    InterpLines l = lines_of_axis(c, p->axis);
    int64_t inner = shape_range_numel(&x->shape, (int)p->axis + 1, x->shape.rank);
    size_t size = dtype_size(x->dtype);
    bool *taken = ARENA_ARRAY(c->arena, bool, l.n + 1);
    for (int64_t k = 0; k < l.n_lines; k++) {
        for (int64_t i = 0; i < l.n; i++)
            taken[i] = false;
        for (int64_t r = 0; r < p->k; r++) {
            int64_t best = best_left(x, &l, k, p->largest ? 1 : -1, taken);
            int64_t to = ((k / inner) * p->k + r) * inner + k % inner;
            taken[best] = true;
            if (c->out[0])
                memcpy((char *)c->out[0]->data + (size_t)to * size,
                       (const char *)x->data + (size_t)(l.base[k] + l.step[best]) * size, size);
            if (c->n_out > 1 && c->out[1])
                tensor_set_i64(c->out[1], to, best);
        }
    }
    return true;
}

/* ---- CumSum, CumProd ---- */

/* Sums or products of the elements before each, or up to it. */
static bool cumulate(InterpCall *c, bool product)
{
    const LineParams *p = &c->node->params.line;
    const Tensor *x = c->in[0];
    InterpLines l = lines_of_axis(c, p->axis);
    for (int64_t k = 0; k < l.n_lines; k++) {
        double real = product;
        uint64_t whole = product;
        for (int64_t i = 0; i < l.n; i++) {
            int64_t at = l.base[k] + l.step[p->reverse ? l.n - 1 - i : i];
            double before = real;
            uint64_t whole_before = whole;
            if (dtype_is_float(x->dtype)) {
                double element = tensor_get_f64(x, at);
                real = product ? real * element : real + element;
                tensor_set_f64(c->out[0], at, p->exclusive ? before : real);
                continue;
            }
            uint64_t element = (uint64_t)tensor_get_i64(x, at);
            whole = product ? whole * element : whole + element;
            tensor_set_i64(c->out[0], at, (int64_t)(p->exclusive ? whole_before : whole));
        }
    }
    return true;
}

bool interp_cumsum(InterpCall *c)
{
    return cumulate(c, false);
}

bool interp_cumprod(InterpCall *c)
{
    return cumulate(c, true);
}
