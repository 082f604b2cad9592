/* Loading a model: which kind of bytes are these, then decode, then import.
 *
 * Binary models are decoded by protobuf-c into the arena, after wire_check has walked over them.
 * Text is told by its first bytes: no binary model starts with a printable row of characters. */
#include "frontend/model.h"

#include "frontend/files.h"
#include "frontend/import.h"
#include "frontend/wire.h"
#include "ir/sha256.h"

#include <ctype.h>
#include <string.h>

static bool starts_with(const unsigned char *data, size_t bytes, const char *prefix)
{
    size_t n = strlen(prefix);
    return bytes >= n && memcmp(data, prefix, n) == 0;
}

/* Text in ONNX's syntax starts with '<' or a name, and its beginning is printable. */
static bool looks_like_text(const unsigned char *data, size_t bytes)
{
    size_t probe = bytes < 256 ? bytes : 256;
    size_t first = probe;
    for (size_t i = 0; i < probe; i++) {
        bool space = data[i] == ' ' || (data[i] >= '\t' && data[i] <= '\r');
        if (!space && (data[i] < 0x20 || data[i] == 0x7f))
            return false;
        if (!space && first == probe)
            first = i;
    }
    return first < probe && (data[first] == '<' || data[first] == '"' || data[first] == '#' ||
                             data[first] == '_' || isalpha(data[first]));
}

Onnx__ModelProto *model_decode(Arena *a, Diag *d, const unsigned char *data, size_t bytes)
{
    if (bytes == 0) {
        diag_error(d, "the file is empty");
        return NULL;
    }
    if (starts_with(data, bytes, "version https://git-lfs")) {
        diag_error(d, "this is a Git LFS pointer, not the model itself (run `git lfs pull`)");
        return NULL;
    }
    if (looks_like_text(data, bytes))
        return model_from_text(a, d, arena_strndup(a, (const char *)data, bytes));
    if (!wire_check(d, &onnx__model_proto__descriptor, data, bytes, "an ONNX model"))
        return NULL;
    ProtobufCAllocator allocator = wire_allocator(a);
    Onnx__ModelProto *m = onnx__model_proto__unpack(&allocator, bytes, data);
    if (m == NULL)
        diag_error(d, "not an ONNX model (protobuf decoding failed)");
    return m;
}

static Graph *load(Arena *a, Diag *d, const unsigned char *data, size_t bytes, const char *folder,
                   const ImportOptions *o, FileBytes *release)
{
    char sha256[65];
    sha256_hex(data, bytes, sha256);
    Onnx__ModelProto *m = model_decode(a, d, data, bytes);
    if (release)
        file_release(release);
    return m ? import_model(a, d, m, folder, sha256, o) : NULL;
}

Graph *frontend_load_file(Arena *a, Diag *d, const char *path, const ImportOptions *o)
{
    FileBytes *f = file_read_owned(a, d, path);
    if (f == NULL)
        return NULL;
    const char *slash = strrchr(path, '/');
    const char *folder = slash ? arena_strndup(a, path, (size_t)(slash - path) + 1) : "./";
    return load(a, d, f->data, f->bytes, folder, o, f);
}

Graph *frontend_load_memory(Arena *a, Diag *d, const void *data, size_t bytes,
                            const ImportOptions *o)
{
    return load(a, d, data, bytes, NULL, o, NULL);
}

unsigned char *onnx_text_to_binary(Arena *a, Diag *d, const char *text, size_t *bytes)
{
    Onnx__ModelProto *m = model_from_text(a, d, text);
    if (m == NULL)
        return NULL;
    size_t n = onnx__model_proto__get_packed_size(m);
    unsigned char *p = arena_alloc(a, n);
    *bytes = onnx__model_proto__pack(m, p);
    return p;
}
