/* NumPy's array format: "\x93NUMPY", version (two bytes), length of the header (two bytes in
 * version 1, four in 2 and 3), the header, the elements. The header is a Python dictionary:
 *
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (1, 3, 224, 224), }
 *
 * padded with spaces so that the elements start at a multiple of 64, and ended by a newline. */
#include "frontend/tensor_npy.h"

#include <stdlib.h>
#include <string.h>

static const char magic[] = "\x93NUMPY";
enum { MAGIC_BYTES = 6, PREFIX_V1 = 10, PREFIX_V2 = 12, ALIGNMENT = 64 };

typedef struct Descr {
    const char *code; /* without the byte order */
    DType dtype;
} Descr;

static const Descr descrs[] = {
    {"f4", DT_F32}, {"f8", DT_F64}, {"f2", DT_F16}, {"i1", DT_I8},  {"u1", DT_U8},  {"i2", DT_I16},
    {"u2", DT_U16}, {"i4", DT_I32}, {"u4", DT_U32}, {"i8", DT_I64}, {"u8", DT_U64}, {"b1", DT_BOOL},
};

typedef struct Header {
    DType dtype;
    Shape shape;
    bool fortran;
    size_t start; /* of the elements */
} Header;

bool npy_is(const unsigned char *data, size_t bytes)
{
    return bytes >= PREFIX_V2 && memcmp(data, magic, MAGIC_BYTES) == 0;
}

static const char *skip_spaces(const char *p)
{
    while (*p == ' ')
        p++;
    return p;
}

/* What stands behind 'key': in the header; NULL when it is not there. */
static const char *find_key(const char *header, const char *key)
{
    const char *p = strstr(header, key);
    if (p == NULL)
        return NULL;
    p = skip_spaces(p + strlen(key));
    return *p == ':' ? skip_spaces(p + 1) : NULL;
}

static bool parse_descr(const char *p, DType *dtype)
{
    if (p == NULL || *p++ != '\'' || strchr("<|=", *p) == NULL || *p == '\0')
        return false;
    p++;
    for (size_t i = 0; i < sizeof descrs / sizeof descrs[0]; i++) {
        if (strncmp(p, descrs[i].code, 2) == 0 && p[2] == '\'') {
            *dtype = descrs[i].dtype;
            return true;
        }
    }
    return false;
}

static bool parse_shape(const char *p, Shape *s)
{
    *s = (Shape){0};
    if (p == NULL || *p++ != '(')
        return false;
    for (p = skip_spaces(p); *p != ')'; p = skip_spaces(p)) {
        char *end;
        if (*p < '0' || *p > '9' || s->rank == MAX_RANK)
            return false;
        s->dim[s->rank++] = strtoll(p, &end, 10); /* out of range saturates: caught as too large */
        p = skip_spaces(end);
        if (*p == ',')
            p++;
        else if (*p != ')')
            return false;
    }
    return true;
}

static bool parse_header(Arena *a, const unsigned char *data, size_t bytes, Header *h)
{
    size_t prefix = data[MAGIC_BYTES] == 1 ? PREFIX_V1 : PREFIX_V2;
    size_t length = data[8] | (size_t)data[9] << 8;
    if (prefix == PREFIX_V2)
        length |= (size_t)data[10] << 16 | (size_t)data[11] << 24;
    if (data[MAGIC_BYTES] < 1 || data[MAGIC_BYTES] > 3 || length > bytes - prefix)
        return false;
    const char *text = arena_strndup(a, (const char *)data + prefix, length);
    const char *fortran = find_key(text, "'fortran_order'");
    h->start = prefix + length;
    h->fortran = fortran && strncmp(fortran, "True", 4) == 0;
    return fortran && (h->fortran || strncmp(fortran, "False", 5) == 0) &&
           parse_descr(find_key(text, "'descr'"), &h->dtype) &&
           parse_shape(find_key(text, "'shape'"), &h->shape);
}

/* Fortran order: the first axis is innermost in the file. */
static void copy_fortran(Tensor *t, const unsigned char *from, int64_t numel)
{
    size_t size = dtype_size(t->dtype);
    int64_t index[MAX_RANK] = {0}, stride[MAX_RANK];
    shape_strides(&t->shape, stride);
    for (int64_t i = 0; i < numel; i++, from += size) {
        int64_t at = 0;
        for (int k = 0; k < t->shape.rank; k++)
            at += index[k] * stride[k];
        memcpy((unsigned char *)t->data + (size_t)at * size, from, size);
        for (int k = 0; k < t->shape.rank && ++index[k] == t->shape.dim[k]; k++)
            index[k] = 0;
    }
}

Tensor *npy_decode(Arena *a, Diag *d, const char *path, const unsigned char *data, size_t bytes)
{
    Header h;
    int64_t numel;
    if (!npy_is(data, bytes) || !parse_header(a, data, bytes, &h)) {
        diag_error(d,
                   "\"%s\": a NumPy header that cnncc cannot read (plain little-endian numbers "
                   "of at most %d dimensions are supported)",
                   path, MAX_RANK);
        return NULL;
    }
    size_t size = dtype_size(h.dtype), rest = bytes - h.start;
    if (!shape_checked_numel(&h.shape, &numel) || (uint64_t)numel > rest / size ||
        (uint64_t)numel * size != rest) {
        diag_error(d, "\"%s\": %zu bytes of data do not fit %s%s", path, rest, dtype_name(h.dtype),
                   shape_str(a, &h.shape));
        return NULL;
    }
    Tensor *t = tensor_new(a, h.dtype, &h.shape);
    if (h.fortran)
        copy_fortran(t, data + h.start, numel);
    else if (rest)
        memcpy(t->data, data + h.start, rest);
    for (int64_t i = 0; i < numel && h.dtype == DT_BOOL; i++)
        ((unsigned char *)t->data)[i] = ((unsigned char *)t->data)[i] != 0;
    return t;
}

static const Tensor *as_float(Arena *a, const Tensor *t)
{
    Tensor *f = tensor_new(a, DT_F32, &t->shape);
    int64_t numel = shape_numel(&t->shape);
    for (int64_t i = 0; i < numel; i++)
        tensor_set_f64(f, i, tensor_get_f64(t, i));
    return f;
}

static const char *descr_of(Arena *a, DType t)
{
    for (size_t i = 0; i < sizeof descrs / sizeof descrs[0]; i++)
        if (descrs[i].dtype == t)
            return arena_printf(a, "%c%s", dtype_size(t) == 1 ? '|' : '<', descrs[i].code);
    return "<f4";
}

unsigned char *npy_encode(Arena *a, const Tensor *t, size_t *bytes)
{
    if (t->dtype == DT_BF16)
        t = as_float(a, t);
    const char *shape = "";
    for (int i = 0; i < t->shape.rank; i++)
        shape = arena_printf(a, "%s%lld,%s", shape, (long long)t->shape.dim[i],
                             i + 1 < t->shape.rank ? " " : "");
    const char *text = arena_printf(a, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }",
                                    descr_of(a, t->dtype), shape);
    size_t start = PREFIX_V1 + strlen(text) + 1;
    start = (start + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t length = start - PREFIX_V1;
    *bytes = start + tensor_bytes(t);
    unsigned char *p = arena_alloc(a, *bytes);
    memset(p, ' ', start);
    memcpy(p, magic, MAGIC_BYTES);
    p[6] = 1;
    p[7] = 0;
    p[8] = (unsigned char)(length & 0xff);
    p[9] = (unsigned char)(length >> 8);
    memcpy(p + PREFIX_V1, text, strlen(text));
    p[start - 1] = '\n';
    if (tensor_bytes(t))
        memcpy(p + start, t->data, tensor_bytes(t));
    return p;
}
