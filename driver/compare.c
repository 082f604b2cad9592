/* The comparison behind `cnncc verify`. */
#include "driver/compare.h"

#include <math.h>
#include <string.h>

/* Floats as integers in the order of the numbers, so that a difference counts units in the last
 * place; -0 and +0 are the same point. */
static double ordered_bits(DType type, const void *element)
{
    if (type == DT_F32) {
        int32_t bits;
        memcpy(&bits, element, sizeof bits);
        return bits < 0 ? -(double)(bits & INT32_MAX) : (double)bits;
    }
    int64_t bits;
    memcpy(&bits, element, sizeof bits);
    return bits < 0 ? -(double)(bits & INT64_MAX) : (double)bits;
}

static double ulp_distance(const Tensor *got, const Tensor *want, int64_t i)
{
    if (got->dtype != DT_F32 && got->dtype != DT_F64)
        return 0;
    size_t at = (size_t)i * dtype_size(got->dtype);
    return fabs(ordered_bits(got->dtype, (const char *)got->data + at) -
                ordered_bits(want->dtype, (const char *)want->data + at));
}

static double greatest_magnitude(const Tensor *t)
{
    double greatest = 0;
    int64_t n = shape_numel(&t->shape);
    for (int64_t i = 0; i < n; i++) {
        double m = fabs(tensor_get_f64(t, i));
        if (isfinite(m) && m > greatest)
            greatest = m;
    }
    return greatest;
}

Difference tensor_compare(const Tensor *got, const Tensor *want, Tolerance tolerance)
{
    Difference d = {.at = -1};
    bool exact = !dtype_is_float(want->dtype);
    double atol = tolerance.atol >= 0 ? tolerance.atol : 1e-5 * greatest_magnitude(want);
    double worst = -INFINITY; /* excess over the tolerance */
    int64_t n = shape_numel(&want->shape);
    for (int64_t i = 0; i < n; i++) {
        double g = tensor_get_f64(got, i), w = tensor_get_f64(want, i);
        bool same = g == w || (isnan(g) && isnan(w));
        if (exact && same) /* beyond 2^53 doubles do not tell integers apart */
            same = tensor_get_i64(got, i) == tensor_get_i64(want, i);
        bool finite = isfinite(g) && isfinite(w);
        double abs_error = same ? 0 : finite ? fabs(g - w) : INFINITY;
        double excess = exact ? (same ? 0 : 1) : abs_error - (atol + tolerance.rtol * fabs(w));
        if (!same && (!finite || excess > 0))
            d.n_wrong++;
        if (same)
            excess = -INFINITY;
        if (d.at < 0 || excess > worst) {
            worst = excess;
            d.at = i;
            d.got = g;
            d.want = w;
        }
        if (!finite)
            continue;
        d.max_abs = fmax(d.max_abs, abs_error);
        if (w != 0)
            d.max_rel = fmax(d.max_rel, abs_error / fabs(w));
        d.max_ulp = fmax(d.max_ulp, ulp_distance(got, want, i));
    }
    return d;
}

const char *position_str(Arena *a, const Shape *s, int64_t i)
{
    Shape position = *s;
    for (int axis = s->rank - 1; axis >= 0; axis--) {
        position.dim[axis] = i % s->dim[axis];
        i /= s->dim[axis];
    }
    return shape_str(a, &position);
}
