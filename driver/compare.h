/* Comparing two tensors element by element. */
#ifndef CNNCC_DRIVER_COMPARE_H
#define CNNCC_DRIVER_COMPARE_H

#include "ir/tensor.h"

typedef struct Tolerance {
    double rtol;
    double atol; /* negative: 1e-5 of the greatest finite magnitude in the expected tensor */
} Tolerance;

/* What two tensors of one type and shape differ by. An element is wrong when
 * |got - want| > atol + rtol * |want|; NaN equals NaN, infinities equal themselves; integers and
 * bool must be equal. */
typedef struct Difference {
    double max_abs, max_rel; /* of the finite elements; relative where want is not 0 */
    double max_ulp;          /* in units of the last place; f32 and f64 only, otherwise 0 */
    int64_t n_wrong;
    int64_t at; /* the element that is furthest beyond its tolerance, or has max_abs */
    double got, want;
} Difference;

/* Both tensors have the same dtype and shape. */
Difference tensor_compare(const Tensor *got, const Tensor *want, Tolerance tolerance);

/* "[0,2,17]": position of element `i` (row-major) in a shape. */
const char *position_str(Arena *a, const Shape *s, int64_t i);

#endif
