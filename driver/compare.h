/* Comparing two tensors element by element. */
#ifndef CNNCC_DRIVER_COMPARE_H
#define CNNCC_DRIVER_COMPARE_H

#include "ir/tensor.h"

/* What may lie between two floats: the sum of three parts. */
typedef struct Tolerance {
    double rtol;  /* of the expected element */
    double atol;  /* absolute */
    double range; /* of the expected tensor's range: from the least to the greatest finite element,
                     0 taken in */
} Tolerance;

/* The tolerance that everything is held to unless told otherwise: 1e-4 of the range. Types whose
 * own steps are coarser than that get two of their steps at the end of the range. */
Tolerance tolerance_default(DType type);

/* What two tensors of one type and shape differ by. An element is wrong when
 * |got - want| > atol + rtol * |want| + range * R; NaN equals NaN, infinities equal themselves;
 * integers and bool must be equal. */
typedef struct Difference {
    double max_abs, max_rel; /* of the finite elements; relative where want is not 0 */
    double of_range;         /* max_abs as a part of the expected tensor's range R */
    double max_ulp;          /* in units of the last place; 0 for integers */
    int64_t n_wrong;
    int64_t at; /* the element that is furthest beyond its tolerance, or has max_abs */
    double got, want;
} Difference;

/* Both tensors have the same dtype and shape. */
Difference tensor_compare(const Tensor *got, const Tensor *want, Tolerance tolerance);

/* "[0,2,17]": position of element `i` (row-major) in a shape. */
const char *position_str(Arena *a, const Shape *s, int64_t i);

#endif
