/* The element types of the kernel IR: sizes, names, and the type that each is computed with. */
#include "ir/kernel.h"

static const struct {
    const char *name;
    unsigned char size;
    KBase compute, moved;
} types[] = {
    [KT_F32] = {"f32", 4, KT_F32, KT_F32},     [KT_F64] = {"f64", 8, KT_F64, KT_F64},
    [KT_F16] = {"f16", 2, KT_F32, KT_U16},     [KT_BF16] = {"bf16", 2, KT_F32, KT_U16},
    [KT_I8] = {"i8", 1, KT_I32, KT_U8},        [KT_U8] = {"u8", 1, KT_I32, KT_U8},
    [KT_I16] = {"i16", 2, KT_I32, KT_U16},     [KT_U16] = {"u16", 2, KT_I32, KT_U16},
    [KT_I32] = {"i32", 4, KT_I32, KT_I32},     [KT_U32] = {"u32", 4, KT_I64, KT_I32},
    [KT_I64] = {"i64", 8, KT_I64, KT_I64},     [KT_U64] = {"u64", 8, KT_U64, KT_I64},
    [KT_MASK] = {"mask", 0, KT_MASK, KT_MASK},
};

size_t kbase_size(KBase b)
{
    return types[b].size;
}

const char *kbase_name(KBase b)
{
    return types[b].name;
}

KBase kbase_compute(KBase b)
{
    return types[b].compute;
}

KBase kbase_moved(KBase b)
{
    return types[b].moved;
}

bool kbase_is_float(KBase b)
{
    return b == KT_F32 || b == KT_F64 || b == KT_F16 || b == KT_BF16;
}

KBase kbase_of_dtype(DType t)
{
    static const KBase base[DT_COUNT] = {
        [DT_NONE] = KT_U8,   [DT_F32] = KT_F32, [DT_F64] = KT_F64, [DT_F16] = KT_F16,
        [DT_BF16] = KT_BF16, [DT_I8] = KT_I8,   [DT_U8] = KT_U8,   [DT_I16] = KT_I16,
        [DT_U16] = KT_U16,   [DT_I32] = KT_I32, [DT_U32] = KT_U32, [DT_I64] = KT_I64,
        [DT_U64] = KT_U64,   [DT_BOOL] = KT_U8,
    };
    return base[t];
}
