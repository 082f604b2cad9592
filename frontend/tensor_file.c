/* Tensor files: NumPy's .npy and ONNX's TensorProto (.pb), told apart by their first bytes. */
#include "frontend/files.h"
#include "frontend/import.h"
#include "frontend/tensor_npy.h"
#include "frontend/wire.h"

#include <string.h>

static Tensor *pb_decode(Arena *a, Diag *d, const char *path, const unsigned char *data,
                         size_t bytes)
{
    const char *what = arena_printf(a, "\"%s\"", path);
    const char *kind = arena_printf(a, "a tensor: \"%s\"", path);
    if (!wire_check(d, &onnx__tensor_proto__descriptor, data, bytes, kind))
        return NULL;
    ProtobufCAllocator allocator = wire_allocator(a);
    const Onnx__TensorProto *p = onnx__tensor_proto__unpack(&allocator, bytes, data);
    if (p == NULL) {
        diag_error(d, "\"%s\": not a tensor (protobuf decoding failed)", path);
        return NULL;
    }
    return tensor_from_proto(a, d, p, what, NULL);
}

Tensor *tensor_decode(Arena *a, Diag *d, const char *path, const unsigned char *data, size_t bytes)
{
    return npy_is(data, bytes) ? npy_decode(a, d, path, data, bytes)
                               : pb_decode(a, d, path, data, bytes);
}

Tensor *tensor_read_file(Arena *a, Diag *d, const char *path)
{
    FileBytes *f = file_read_owned(a, d, path);
    if (f == NULL)
        return NULL;
    Tensor *t = tensor_decode(a, d, path, f->data, f->bytes);
    file_release(f);
    return t;
}

static unsigned char *pb_encode(Arena *a, const Tensor *t, size_t *bytes)
{
    Onnx__TensorProto p;
    tensor_to_proto(a, t, "", &p);
    unsigned char *data = arena_alloc(a, onnx__tensor_proto__get_packed_size(&p));
    *bytes = onnx__tensor_proto__pack(&p, data);
    return data;
}

static bool has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path), m = strlen(suffix);
    return n > m && strcmp(path + n - m, suffix) == 0;
}

bool tensor_encode(Arena *a, Diag *d, const Tensor *t, OutputFile *file)
{
    file->data = has_suffix(file->path, ".npy")  ? npy_encode(a, t, &file->bytes)
                 : has_suffix(file->path, ".pb") ? pb_encode(a, t, &file->bytes)
                                                 : NULL;
    return file->data != NULL ||
           diag_error(d, "\"%s\": a tensor file is named .npy or .pb", file->path);
}
