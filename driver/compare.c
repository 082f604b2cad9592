/* The comparison behind `cnncc verify`. */
#include "driver/compare.h"

#include <math.h>
#include <string.h>

/* Floats as integers in the order of the numbers, so that a difference counts units in the last
 * place; -0 and +0 are the same point. */
static double ordered_bits(const Tensor *t, int64_t i)
{
    size_t size = dtype_size(t->dtype);
    const unsigned char *element = (const unsigned char *)t->data + (size_t)i * size;
    uint64_t bits = 0;
    for (size_t k = 0; k < size; k++) /* little-endian; the element at the top of 64 bits */
        bits = bits >> 8 | (uint64_t)element[k] << 56;
    double magnitude = ldexp((double)(bits << 1), 8 * (int)size - 65);
    return bits >> 63 ? -magnitude : magnitude;
}

static double ulp_distance(const Tensor *got, const Tensor *want, int64_t i)
{
    return dtype_is_float(got->dtype) ? fabs(ordered_bits(got, i) - ordered_bits(want, i)) : 0;
}

/* Greatest minus least of 0 and the finite elements. With 0, a tensor of one element has a range,
 * and one whose elements lie close together is not asked for more digits than its type has. */
static double range_of(const Tensor *t)
{
    double low = 0, high = 0;
    int64_t n = shape_numel(&t->shape);
    for (int64_t i = 0; i < n; i++) {
        double x = tensor_get_f64(t, i);
        if (isfinite(x)) {
            low = fmin(low, x);
            high = fmax(high, x);
        }
    }
    return high - low;
}

Tolerance tolerance_default(DType type)
{
    double range = type == DT_F16 ? 0x1p-9 : type == DT_BF16 ? 0x1p-6 : 1e-4;
    return (Tolerance){.range = range};
}

Difference tensor_compare(const Tensor *got, const Tensor *want, Tolerance tolerance)
{
    Difference d = {.at = -1};
    bool exact = !dtype_is_float(want->dtype);
    double range = exact ? 0 : range_of(want);
    double atol = tolerance.atol + tolerance.range * range;
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
    d.of_range = range > 0 ? d.max_abs / range : 0;
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
