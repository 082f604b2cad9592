/* Element types of ONNX: their numbers, their names, what is said of those that cnncc lacks, and
 * integers narrower than a byte.
 *
 * Comes in: a TensorProto.DataType. Goes out: our type. Constants of 4- and 2-bit integers become
 * bytes with the same numbers, for the weights of quantised networks: DequantizeLinear and Cast
 * take them, and what only moves them; the importer notes which values they are, since every other
 * operator would compute with the range of a byte. */
#include "frontend/import.h"

#include <string.h>

static const char to_int8[] = "; quantise to int8 or uint8 instead";
static const char no_text[] = "; leave text to the program around the network";
static const char two_parts[] = "; let real and imaginary parts be tensors of their own";
static const char constant_only[] = "; it is for constants that DequantizeLinear reads";

/* Indexed by TensorProto.DataType. With `bits`, `dtype` is what the elements are unpacked to. */
static const struct {
    const char *name, *hint;
    DType dtype;
    int bits;
} types[] = {
    [1] = {"float", "", DT_F32, 0},
    [2] = {"uint8", "", DT_U8, 0},
    [3] = {"int8", "", DT_I8, 0},
    [4] = {"uint16", "", DT_U16, 0},
    [5] = {"int16", "", DT_I16, 0},
    [6] = {"int32", "", DT_I32, 0},
    [7] = {"int64", "", DT_I64, 0},
    [8] = {"string", no_text, DT_NONE, 0},
    [9] = {"bool", "", DT_BOOL, 0},
    [10] = {"float16", "", DT_F16, 0},
    [11] = {"double", "", DT_F64, 0},
    [12] = {"uint32", "", DT_U32, 0},
    [13] = {"uint64", "", DT_U64, 0},
    [14] = {"complex64", two_parts, DT_NONE, 0},
    [15] = {"complex128", two_parts, DT_NONE, 0},
    [16] = {"bfloat16", "", DT_BF16, 0},
    [17] = {"float8e4m3fn", to_int8, DT_NONE, 0},
    [18] = {"float8e4m3fnuz", to_int8, DT_NONE, 0},
    [19] = {"float8e5m2", to_int8, DT_NONE, 0},
    [20] = {"float8e5m2fnuz", to_int8, DT_NONE, 0},
    [21] = {"uint4", constant_only, DT_U8, 4},
    [22] = {"int4", constant_only, DT_I8, 4},
    [23] = {"float4e2m1", to_int8, DT_NONE, 0},
    [24] = {"float8e8m0", to_int8, DT_NONE, 0},
    [25] = {"uint2", constant_only, DT_U8, 2},
    [26] = {"int2", constant_only, DT_I8, 2},
};

enum { N_TYPES = sizeof types / sizeof types[0] };

static bool is_type(int64_t t)
{
    return t > 0 && t < N_TYPES && types[t].name;
}

DType dtype_from_onnx(int64_t t)
{
    return is_type(t) && types[t].bits == 0 ? types[t].dtype : DT_NONE;
}

int32_t dtype_to_onnx(DType t)
{
    for (int32_t i = 1; i < N_TYPES; i++)
        if (t != DT_NONE && dtype_from_onnx(i) == t)
            return i;
    return 0;
}

int32_t onnx_type_named(const char *name)
{
    for (int32_t i = 1; i < N_TYPES; i++)
        if (is_type(i) && strcmp(types[i].name, name) == 0)
            return i;
    return 0;
}

const char *onnx_type_refusal(Arena *a, int64_t t)
{
    if (!is_type(t))
        return arena_printf(a, "number %lld is not known", (long long)t);
    return arena_printf(a, "%s is not supported%s", types[t].name, types[t].hint);
}

/* ---- integers narrower than a byte: the first element lies in the lowest bits ---- */

DType onnx_storage(int64_t t, int *bits)
{
    DType dtype = is_type(t) ? types[t].dtype : DT_NONE;
    *bits = dtype == DT_NONE ? 0 : types[t].bits ? types[t].bits : 8 * (int)dtype_size(dtype);
    return dtype;
}

void narrow_unpack(Tensor *t, int bits, const unsigned char *packed, size_t step)
{
    int per_byte = 8 / bits, top = 1 << (bits - 1), values = 1 << bits;
    int64_t n = shape_numel(&t->shape);
    for (int64_t i = 0; i < n; i++) {
        int x = packed[(size_t)(i / per_byte) * step] >> (int)(i % per_byte) * bits & (values - 1);
        tensor_set_i64(t, i, t->dtype == DT_I8 && x >= top ? x - values : x);
    }
}

size_t narrow_pack(unsigned char *bytes, size_t n, int bits)
{
    size_t per_byte = 8 / (size_t)bits, count = (n + per_byte - 1) / per_byte;
    for (size_t i = 0; i < count; i++) {
        unsigned joined = 0;
        for (size_t k = 0; k < per_byte && i * per_byte + k < n; k++)
            joined |= (bytes[i * per_byte + k] & ((1U << bits) - 1)) << (size_t)bits * k;
        bytes[i] = (unsigned char)joined;
    }
    return count;
}

/* ---- which values hold them ---- */

static const char *value_key(Importer *im, const Value *v)
{
    return arena_printf(im->arena, "%p", (const void *)v);
}

static void note_name(Importer *im, const Value *v, const char *name)
{
    strmap_put(&im->narrow, value_key(im, v), (void *)name);
}

void import_note_type(Importer *im, const Value *v, const Onnx__TensorProto *p)
{
    int bits;
    if (onnx_storage(p->data_type, &bits) != DT_NONE && bits < 8)
        note_name(im, v, types[p->data_type].name);
}

const char *import_narrow_name(Importer *im, const Value *v)
{
    return im->narrow.count ? strmap_get(&im->narrow, value_key(im, v)) : NULL;
}

static bool moves_elements(OpKind op)
{
    static const OpKind moving[] = {OP_Identity,  OP_Reshape, OP_Flatten,
                                    OP_Transpose, OP_Squeeze, OP_Unsqueeze};
    for (size_t i = 0; i < sizeof moving / sizeof moving[0]; i++)
        if (op == moving[i])
            return true;
    return false;
}

bool import_check_narrow(Importer *im, const Node *n)
{
    for (int i = 0; i < n->n_in && im->narrow.count; i++) {
        const char *name = n->in[i] ? import_narrow_name(im, n->in[i]) : NULL;
        if (name == NULL || n->op == OP_DequantizeLinear || n->op == OP_MsDequantizeLinear ||
            n->op == OP_Cast)
            continue;
        if (!moves_elements(n->op))
            return node_unsupported(im->graph, n,
                                    "input \"%s\" is %s, which only DequantizeLinear, Cast and "
                                    "operators that move elements take",
                                    n->in[i]->name, name);
        note_name(im, n->out[0], name);
    }
    return true;
}
