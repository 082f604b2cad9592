/* Element types, shapes and constant tensors. Tensors are row-major, logical (never blocked). */
#ifndef CNNCC_IR_TENSOR_H
#define CNNCC_IR_TENSOR_H

#include "ir/arena.h"

#include <stdbool.h>
#include <stdint.h>

enum { MAX_RANK = 8, MAX_SPATIAL = 3 };

typedef enum DType {
    DT_NONE = 0,
    DT_F32,
    DT_F64,
    DT_F16,
    DT_BF16,
    DT_I8,
    DT_U8,
    DT_I16,
    DT_U16,
    DT_I32,
    DT_U32,
    DT_I64,
    DT_U64,
    DT_BOOL, /* one byte, 0 or 1 */
    DT_COUNT
} DType;

/* Bytes of one element; 0 for DT_NONE. */
size_t dtype_size(DType t);
/* ONNX's name of the type in its textual syntax: "float", "int64", "bool"… */
const char *dtype_name(DType t);
/* The type of that name; DT_NONE when there is none. */
DType dtype_from_name(const char *name);
bool dtype_is_float(DType t);   /* f32 f64 f16 bf16 */
bool dtype_is_integer(DType t); /* the signed and unsigned integers, not bool */
bool dtype_is_8_bit(DType t);   /* i8 u8: what quantised operators compute with */

/* a / b rounded up, for a >= 0 and b > 0. */
static inline int64_t ceil_div(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

typedef struct Shape {
    int rank; /* 0: a scalar */
    int64_t dim[MAX_RANK];
} Shape;

/* Product of the dimensions (1 for a scalar). Shapes in the graph are checked at the frontend:
 * their byte size always fits in int64_t, so this cannot overflow there. */
int64_t shape_numel(const Shape *s);
/* The same for dimensions first <= i < last. */
int64_t shape_range_numel(const Shape *s, int first, int last);
/* Checked form: false when a dimension is negative or the product exceeds 2^62 / 16. */
bool shape_checked_numel(const Shape *s, int64_t *numel);
bool shape_equal(const Shape *a, const Shape *b);
/* Shape from `rank` dimensions. */
Shape shape_make(int rank, const int64_t *dims);
/* "[1,3,224,224]" */
const char *shape_str(Arena *a, const Shape *s);
/* NumPy/ONNX multidirectional broadcasting of two shapes; false when they do not fit. */
bool shape_broadcast(const Shape *a, const Shape *b, Shape *out);
/* Row-major strides in elements. */
void shape_strides(const Shape *s, int64_t stride[MAX_RANK]);

typedef struct Tensor {
    DType dtype;
    Shape shape;
    void *data; /* shape_numel * dtype_size bytes, aligned to 16 at least; read-only once shared */
} Tensor;

/* A new zeroed tensor in the arena. The shape must have been checked. */
Tensor *tensor_new(Arena *a, DType dtype, const Shape *shape);
size_t tensor_bytes(const Tensor *t);
/* Element i (row-major) as a number, whatever the type; integers are exact in the i64 form. */
double tensor_get_f64(const Tensor *t, int64_t i);
int64_t tensor_get_i64(const Tensor *t, int64_t i);
/* Stores with conversion to the tensor's type: floats are rounded to nearest even. */
void tensor_set_f64(Tensor *t, int64_t i, double value);
void tensor_set_i64(Tensor *t, int64_t i, int64_t value);

float f16_to_f32(uint16_t bits);
uint16_t f32_to_f16(float value); /* round to nearest even */
float bf16_to_f32(uint16_t bits);
uint16_t f32_to_bf16(float value); /* round to nearest even */

#endif
