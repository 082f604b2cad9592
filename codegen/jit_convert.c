/* Types in the JIT: LLVM's types of registers and memory, loads that widen, stores that narrow, and
 * conversions. f16 and bf16 lie in memory as 16-bit integers and become f32 when they are loaded.
 * Bits of NaNs are the only thing that may differ from the C printer. */
#include "codegen/jit_build.h"

static bool is_unsigned(KBase b)
{
    return b == KT_U64 || b == KT_MASK || b == KT_U8 || b == KT_U16 || b == KT_U32;
}

LLVMTypeRef jit_memory_type(const JitBuild *b, KBase base)
{
    if (base == KT_MASK)
        return LLVMInt1TypeInContext(b->context);
    if (base == KT_F32)
        return LLVMFloatTypeInContext(b->context);
    if (base == KT_F64)
        return LLVMDoubleTypeInContext(b->context);
    return LLVMIntTypeInContext(b->context, 8 * (unsigned)kbase_size(base));
}

static LLVMTypeRef with_lanes(LLVMTypeRef element, int lanes)
{
    return lanes == 1 ? element : LLVMVectorType(element, (unsigned)lanes);
}

LLVMTypeRef jit_type(const JitBuild *b, KType t)
{
    return with_lanes(jit_memory_type(b, t.base), t.lanes);
}

LLVMValueRef jit_splat_constant(JitBuild *b, LLVMValueRef x, int lanes)
{
    if (lanes == 1)
        return x;
    LLVMValueRef *v = ARENA_ARRAY(b->arena, LLVMValueRef, lanes);
    for (int i = 0; i < lanes; i++)
        v[i] = x;
    return LLVMConstVector(v, (unsigned)lanes);
}

/* ---- the 16-bit floats ---- */

/* bf16 by its definition: the upper half of an f32, rounded to nearest even; NaNs stay quiet. */
static LLVMValueRef bf16_from_f32(JitBuild *b, LLVMValueRef x, int lanes)
{
    LLVMTypeRef i32 = LLVMInt32TypeInContext(b->context);
    LLVMValueRef sixteen = jit_splat_constant(b, LLVMConstInt(i32, 16, false), lanes);
    LLVMValueRef one = jit_splat_constant(b, LLVMConstInt(i32, 1, false), lanes);
    LLVMValueRef bias = jit_splat_constant(b, LLVMConstInt(i32, 0x7fff, false), lanes);
    LLVMValueRef quiet = jit_splat_constant(b, LLVMConstInt(i32, 0x40, false), lanes);
    LLVMValueRef bits = LLVMBuildBitCast(b->at, x, with_lanes(i32, lanes), "");
    LLVMValueRef upper = LLVMBuildLShr(b->at, bits, sixteen, "");
    LLVMValueRef odd = LLVMBuildAnd(b->at, upper, one, "");
    LLVMValueRef up = LLVMBuildAdd(b->at, LLVMBuildAdd(b->at, bits, bias, ""), odd, "");
    LLVMValueRef nan = LLVMBuildFCmp(b->at, LLVMRealUNO, x, x, "");
    LLVMValueRef r = LLVMBuildSelect(b->at, nan, LLVMBuildOr(b->at, upper, quiet, ""),
                                     LLVMBuildLShr(b->at, up, sixteen, ""), "");
    return LLVMBuildTrunc(b->at, r, with_lanes(LLVMInt16TypeInContext(b->context), lanes), "");
}

/* Between f32 and the two half formats. */
static LLVMValueRef from_half(JitBuild *b, KBase base, LLVMValueRef x, int lanes)
{
    LLVMTypeRef f32 = with_lanes(LLVMFloatTypeInContext(b->context), lanes);
    if (base == KT_F16) {
        LLVMTypeRef half = with_lanes(LLVMHalfTypeInContext(b->context), lanes);
        return LLVMBuildFPExt(b->at, LLVMBuildBitCast(b->at, x, half, ""), f32, "");
    }
    LLVMTypeRef i32 = LLVMInt32TypeInContext(b->context);
    LLVMValueRef wide = LLVMBuildZExt(b->at, x, with_lanes(i32, lanes), "");
    LLVMValueRef sixteen = jit_splat_constant(b, LLVMConstInt(i32, 16, false), lanes);
    return LLVMBuildBitCast(b->at, LLVMBuildShl(b->at, wide, sixteen, ""), f32, "");
}

static LLVMValueRef to_half(JitBuild *b, KBase base, LLVMValueRef x, int lanes)
{
    if (base == KT_BF16)
        return bf16_from_f32(b, x, lanes);
    LLVMTypeRef half = with_lanes(LLVMHalfTypeInContext(b->context), lanes);
    LLVMTypeRef bits = with_lanes(LLVMInt16TypeInContext(b->context), lanes);
    return LLVMBuildBitCast(b->at, LLVMBuildFPTrunc(b->at, x, half, ""), bits, "");
}

/* ---- widening and narrowing ---- */

/* An element of memory in its compute type. */
static LLVMValueRef widen(JitBuild *b, KBase base, LLVMValueRef x, int lanes)
{
    if (base == KT_F16 || base == KT_BF16)
        return from_half(b, base, x, lanes);
    LLVMTypeRef type = jit_type(b, KTYPE(kbase_compute(base), lanes));
    return kbase_compute(base) == base ? x
                                       : LLVMBuildIntCast2(b->at, x, type, !is_unsigned(base), "");
}

/* A value of the compute type of `base` as an element of memory. */
static LLVMValueRef narrow(JitBuild *b, KBase base, LLVMValueRef x, int lanes)
{
    if (base == KT_F16 || base == KT_BF16)
        return to_half(b, base, x, lanes);
    LLVMTypeRef type = with_lanes(jit_memory_type(b, base), lanes);
    return kbase_compute(base) == base ? x : LLVMBuildTrunc(b->at, x, type, "");
}

LLVMValueRef jit_load(JitBuild *b, const KExpr *e)
{
    int lanes = e->type.lanes;
    KBase base = e->buf->base;
    LLVMTypeRef type = with_lanes(jit_memory_type(b, base), lanes);
    LLVMValueRef p = jit_address(b, e->buf, &e->at, e->dyn, e->dyn_scale);
    unsigned align = (unsigned)kbase_size(base);
    if (e->active < lanes) {
        LLVMTypeRef types[] = {type, LLVMTypeOf(p)};
        LLVMValueRef args[] = {p, LLVMConstInt(LLVMInt32TypeInContext(b->context), align, false),
                               jit_lane_mask(b, lanes, e->active), LLVMConstNull(type)};
        return widen(b, base, jit_intrinsic(b, "llvm.masked.load", types, 2, args, 4), lanes);
    }
    LLVMValueRef load = LLVMBuildLoad2(b->at, type, p, "");
    LLVMSetAlignment(load, align);
    return widen(b, base, load, lanes);
}

void jit_store(JitBuild *b, const KStmt *s)
{
    int lanes = s->expr->type.lanes;
    LLVMValueRef x = narrow(b, s->buf->base, jit_expr(b, s->expr), lanes);
    LLVMValueRef p = jit_address(b, s->buf, &s->at, s->dyn, s->dyn_scale);
    unsigned align = (unsigned)kbase_size(s->buf->base);
    if (s->active < lanes) {
        LLVMTypeRef types[] = {LLVMTypeOf(x), LLVMTypeOf(p)};
        LLVMValueRef args[] = {x, p, LLVMConstInt(LLVMInt32TypeInContext(b->context), align, false),
                               jit_lane_mask(b, lanes, s->active)};
        jit_intrinsic(b, "llvm.masked.store", types, 2, args, 4);
        return;
    }
    LLVMSetAlignment(LLVMBuildStore(b->at, x, p), align);
}

/* For reading. LLVM calls the first cache 3, the second 2. */
void jit_prefetch(JitBuild *b, const KStmt *s)
{
    LLVMTypeRef i32 = LLVMInt32TypeInContext(b->context);
    LLVMValueRef p = jit_address(b, s->buf, &s->at, NULL, 0);
    LLVMTypeRef types[] = {LLVMTypeOf(p)};
    LLVMValueRef args[] = {p, LLVMConstInt(i32, 0, false),
                           LLVMConstInt(i32, s->cache == 1 ? 3 : 2, false),
                           LLVMConstInt(i32, 1, false)};
    jit_intrinsic(b, "llvm.prefetch", types, 1, args, 4);
}

/* ---- conversions ---- */

/* Saturating, NaN to 0; an undefined result where nothing but what fits can come. */
static LLVMValueRef float_to_int(JitBuild *b, const KExpr *e, LLVMValueRef x)
{
    LLVMTypeRef types[] = {jit_type(b, e->type), LLVMTypeOf(x)};
    bool u = is_unsigned(e->type.base);
    if (!e->fits)
        return jit_intrinsic(b, u ? "llvm.fptoui.sat" : "llvm.fptosi.sat", types, 2, &x, 1);
    return u ? LLVMBuildFPToUI(b->at, x, types[0], "") : LLVMBuildFPToSI(b->at, x, types[0], "");
}

LLVMValueRef jit_convert(JitBuild *b, const KExpr *e)
{
    LLVMValueRef x = jit_expr(b, e->arg[0]);
    KBase from = e->arg[0]->type.base, to = e->type.base;
    LLVMTypeRef type = jit_type(b, e->type);
    if (kbase_is_float(from))
        return kbase_is_float(to) ? LLVMBuildFPCast(b->at, x, type, "") : float_to_int(b, e, x);
    if (kbase_is_float(to))
        return is_unsigned(from) ? LLVMBuildUIToFP(b->at, x, type, "")
                                 : LLVMBuildSIToFP(b->at, x, type, "");
    return LLVMBuildIntCast2(b->at, x, type, !is_unsigned(from), "");
}
