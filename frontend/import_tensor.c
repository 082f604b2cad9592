/* TensorProto -> Tensor and back.
 *
 * The element count must be exactly what the shape says, in whichever field the data lies. Raw
 * and equally typed data is used where it lies in the decoded message; the narrow types that the
 * message widens to int32 are copied. Bytes are little-endian, as this machine's are.
 * Holds: the model's tensors are read once each. */
#include "frontend/import.h"

#include <string.h>

static bool is_external(const Onnx__TensorProto *p)
{
    return p->data_location == 1 || p->n_external_data > 0;
}

/* Where the data of a message lies: `bytes` is that of one element in the field. */
typedef struct Source {
    const void *data;
    size_t count, bytes;
} Source;

static Source typed_source(const Onnx__TensorProto *p, DType t)
{
    switch (t) {
    case DT_F32:
        return (Source){p->float_data, p->n_float_data, sizeof(float)};
    case DT_F64:
        return (Source){p->double_data, p->n_double_data, sizeof(double)};
    case DT_I64:
        return (Source){p->int64_data, p->n_int64_data, sizeof(int64_t)};
    case DT_U32:
    case DT_U64:
        return (Source){p->uint64_data, p->n_uint64_data, sizeof(uint64_t)};
    default:
        return (Source){p->int32_data, p->n_int32_data, sizeof(int32_t)};
    }
}

/* Keeps the low bytes of each widened element; a bool becomes 0 or 1. */
static void *narrow(Arena *a, DType t, Source s)
{
    size_t size = dtype_size(t);
    unsigned char *out = arena_array(a, s.count, size);
    for (size_t i = 0; i < s.count; i++)
        memcpy(out + i * size, (const unsigned char *)s.data + i * s.bytes, size);
    return out;
}

static void normalise_bools(Tensor *t)
{
    unsigned char *p = t->data;
    size_t n = tensor_bytes(t);
    for (size_t i = 0; i < n; i++)
        p[i] = p[i] != 0;
}

static bool take_raw(Arena *a, Diag *d, const Onnx__TensorProto *p, const char *what, Tensor *t)
{
    size_t need = tensor_bytes(t);
    if (p->raw_data.len != need)
        return diag_error(d, "%s: %zu bytes of data, %s%s needs %zu", what, p->raw_data.len,
                          dtype_name(t->dtype), shape_str(a, &t->shape), need);
    t->data = p->raw_data.data;
    if (need == 0 || (uintptr_t)t->data % 16 != 0) {
        t->data = arena_alloc(a, need);
        if (need)
            memcpy(t->data, p->raw_data.data, need);
    }
    return true;
}

static bool take_typed(Arena *a, Diag *d, const Onnx__TensorProto *p, const char *what, Tensor *t)
{
    Source s = typed_source(p, t->dtype);
    int64_t need = shape_numel(&t->shape);
    if ((uint64_t)s.count != (uint64_t)need)
        return diag_error(d, "%s: %zu elements of data, %s%s needs %lld", what, s.count,
                          dtype_name(t->dtype), shape_str(a, &t->shape), (long long)need);
    bool as_is = s.bytes == dtype_size(t->dtype) && s.count && (uintptr_t)s.data % 16 == 0;
    t->data = as_is ? (void *)s.data : narrow(a, t->dtype, s);
    return true;
}

/* Integers narrower than a byte: unpacked from raw bytes, another file or the field of int32. */
static bool take_narrow(Arena *a, Diag *d, const Onnx__TensorProto *p, const char *what,
                        const char *folder, int bits, Tensor *t)
{
    int64_t per_byte = 8 / bits;
    size_t need = (size_t)((shape_numel(&t->shape) + per_byte - 1) / per_byte);
    size_t have = p->has_raw_data ? p->raw_data.len : p->n_int32_data;
    size_t step = p->has_raw_data || is_external(p) ? 1 : sizeof p->int32_data[0];
    const void *packed = p->has_raw_data ? (const void *)p->raw_data.data : p->int32_data;
    if (is_external(p))
        packed = external_data_read(a, d, p, need, what, folder);
    else if (have != need)
        return diag_error(d, "%s: %zu bytes of data, %lld elements of %d bits need %zu", what, have,
                          (long long)shape_numel(&t->shape), bits, need);
    if (is_external(p) && packed == NULL)
        return false;
    t->data = arena_alloc(a, tensor_bytes(t));
    narrow_unpack(t, bits, packed, step);
    return true;
}

static bool take_shape(Arena *a, Diag *d, const Onnx__TensorProto *p, const char *what, Tensor *t,
                       int *bits)
{
    t->dtype = onnx_storage(p->data_type, bits);
    if (t->dtype == DT_NONE)
        return diag_unsupported(d, "%s: element type %s", what, onnx_type_refusal(a, p->data_type));
    if (p->n_dims > MAX_RANK)
        return diag_unsupported(d, "%s: %zu dimensions, at most %d are supported", what, p->n_dims,
                                MAX_RANK);
    int64_t numel;
    t->shape = shape_make((int)p->n_dims, p->dims);
    if (!shape_checked_numel(&t->shape, &numel) ||
        numel > MAX_VALUE_BYTES / (int64_t)dtype_size(t->dtype))
        return diag_error(d, "%s: impossible shape", what);
    return true;
}

Tensor *tensor_from_proto(Arena *a, Diag *d, const Onnx__TensorProto *p, const char *what,
                          const char *folder)
{
    Tensor *t = ARENA_NEW(a, Tensor);
    int bits;
    if (!take_shape(a, d, p, what, t, &bits))
        return NULL;
    if (bits < 8)
        return take_narrow(a, d, p, what, folder, bits, t) ? t : NULL;
    if (is_external(p))
        t->data = external_data_read(a, d, p, tensor_bytes(t), what, folder);
    else if (!(p->has_raw_data ? take_raw(a, d, p, what, t) : take_typed(a, d, p, what, t)))
        return NULL;
    if (t->data == NULL)
        return NULL;
    if (t->dtype == DT_BOOL)
        normalise_bools(t);
    return t;
}

const Tensor *import_tensor(Importer *im, const Onnx__TensorProto *p, const char *what)
{
    const char *key = arena_printf(im->arena, "%p", (const void *)p);
    Tensor *t = strmap_get(&im->tensors, key);
    if (t == NULL) {
        t = tensor_from_proto(im->arena, im->diag, p, what, im->folder);
        strmap_put(&im->tensors, key, t);
    }
    return t;
}

void tensor_to_proto(Arena *a, const Tensor *t, const char *name, Onnx__TensorProto *p)
{
    onnx__tensor_proto__init(p);
    p->has_data_type = 1;
    p->data_type = dtype_to_onnx(t->dtype);
    p->name = arena_strdup(a, name);
    p->n_dims = (size_t)t->shape.rank;
    p->dims = ARENA_ARRAY(a, int64_t, p->n_dims);
    memcpy(p->dims, t->shape.dim, p->n_dims * sizeof p->dims[0]);
    p->has_raw_data = 1;
    p->raw_data.len = tensor_bytes(t);
    p->raw_data.data = t->data;
}
