/* Types in the C printer: the C types of registers and memory, constants, loads that widen, stores
 * that narrow, and conversions.
 *
 * Scalars of 8 and 16 bits widen to int by C's own rules; u32 takes a cast, the 16-bit floats a
 * word. What narrows is always cast. */
#include "codegen/emit.h"

static const char *word(Printer *p, const char *name, int lanes)
{
    return word_use(&p->emit->words, name, lanes);
}

/* ---- C types ---- */

const char *ctype_memory(KBase base)
{
    static const char *const name[] = {
        [KT_F32] = "float",   [KT_F64] = "double",   [KT_F16] = "uint16_t", [KT_BF16] = "uint16_t",
        [KT_I8] = "int8_t",   [KT_U8] = "uint8_t",   [KT_I16] = "int16_t",  [KT_U16] = "uint16_t",
        [KT_I32] = "int32_t", [KT_U32] = "uint32_t", [KT_I64] = "int64_t",  [KT_U64] = "uint64_t",
        [KT_MASK] = "int",
    };
    return name[base];
}

const char *ctype(Emit *e, KType t)
{
    if (t.lanes == 1)
        return ctype_memory(t.base);
    const char *stem = t.base == KT_F32 ? "vfloat" : t.base == KT_MASK ? "vmask" : "vint";
    return word_use(&e->words, stem, t.lanes);
}

/* ---- constants ---- */

void print_const(Printer *p, Text *out, const KExpr *e)
{
    char *value;
    switch (e->type.base) {
    case KT_F32:
        value = f32_literal(p->arena, e->f);
        break;
    case KT_F64:
        value = f64_literal(p->arena, e->f);
        break;
    case KT_U64:
        value = arena_printf(p->arena, "%lluull", (unsigned long long)e->i);
        break;
    default:
        value = int_literal(p->arena, e->i);
        break;
    }
    if (e->type.lanes > 1)
        text_add(out, "%s(%s)", typed_word(p, "vsplat", e->type), value);
    else
        text_puts(out, value);
}

/* ---- memory ---- */

/* The word from or to a 16-bit float; NULL for other types. */
static const char *half_word(Printer *p, KBase base, bool load)
{
    if (base == KT_F16)
        return word(p, load ? "f16_to_f32" : "f32_to_f16", 1);
    if (base == KT_BF16)
        return word(p, load ? "bf16_to_f32" : "f32_to_bf16", 1);
    return NULL;
}

const char *memory_word(Printer *p, const char *stem, KBase base, KType t)
{
    if (base == t.base)
        return typed_word(p, stem, t);
    return word(p, arena_printf(p->arena, "%s_%s", stem, kbase_name(base)), t.lanes);
}

static void print_scalar_load(Printer *p, Text *out, const KExpr *e)
{
    const char *half = half_word(p, e->buf->base, true);
    if (half)
        text_add(out, "%s(", half);
    else if (e->buf->base == KT_U32)
        text_puts(out, "(int64_t)");
    print_place(p, out, e->buf, &e->at, e->dyn, e->dyn_scale, false);
    text_puts(out, half ? ")" : "");
}

void print_load(Printer *p, Text *out, const KExpr *e)
{
    bool tail = e->active < e->type.lanes;
    if (e->type.lanes == 1) {
        print_scalar_load(p, out, e);
        return;
    }
    text_add(out, "%s(", memory_word(p, tail ? "vloadn" : "vload", e->buf->base, e->type));
    print_place(p, out, e->buf, &e->at, e->dyn, e->dyn_scale, true);
    if (tail)
        text_add(out, ", %d", e->active);
    text_puts(out, ")");
}

void print_stored(Printer *p, Text *out, const KBuf *to, const KExpr *e)
{
    if (e->kind == KE_LOAD && e->buf->base == to->base) { /* a copy */
        print_place(p, out, e->buf, &e->at, e->dyn, e->dyn_scale, false);
        return;
    }
    const char *half = half_word(p, to->base, false);
    if (half) {
        text_add(out, "%s(", half);
        print_expr(p, out, e, BIND_ANY);
        text_puts(out, ")");
    } else if (to->base != e->type.base && e->kind != KE_CONST) {
        text_add(out, "(%s)", ctype_memory(to->base));
        print_expr(p, out, e, BIND_UNARY);
    } else {
        print_expr(p, out, e, BIND_ANY);
    }
}

/* ---- conversions ---- */

/* Whether a scalar float may not fit into the integer, which C leaves undefined. */
static bool saturates(const KExpr *e)
{
    return kbase_is_float(e->arg[0]->type.base) && !kbase_is_float(e->type.base) && !e->fits;
}

bool cvt_is_word(const KExpr *e)
{
    return e->type.lanes > 1 || saturates(e);
}

static void print_mask_cvt(Printer *p, Text *out, const KExpr *e)
{
    bool f = e->type.base == KT_F32;
    text_add(out, "%s(", typed_word(p, "vselect", e->type));
    print_expr(p, out, e->arg[0], BIND_ANY);
    text_add(out, ", %s(%s), ", typed_word(p, "vsplat", e->type), f ? "1.0f" : "1");
    text_add(out, "%s(%s))", typed_word(p, "vsplat", e->type), f ? "0.0f" : "0");
}

void print_cvt(Printer *p, Text *out, const KExpr *e)
{
    KBase to = e->type.base;
    if (e->type.lanes > 1 && e->arg[0]->type.base == KT_MASK) {
        print_mask_cvt(p, out, e);
    } else if (e->type.lanes > 1) {
        text_puts(out, word(p, to == KT_F32 ? "vtofloat" : "vtoint", e->type.lanes));
        print_args(p, out, e->arg, 1);
    } else if (saturates(e)) { /* f32 widens to f64, exactly */
        text_puts(out, word(p, arena_printf(p->arena, "f64_to_%s", kbase_name(to)), 1));
        print_args(p, out, e->arg, 1);
    } else {
        text_add(out, "(%s)", ctype_memory(to));
        print_expr(p, out, e->arg[0], BIND_UNARY);
    }
}

void print_bitcast(Printer *p, Text *out, const KExpr *e)
{
    KBase from = e->arg[0]->type.base, to = e->type.base;
    bool real = kbase_is_float(from) || kbase_is_float(to);
    if (e->type.lanes > 1)
        text_puts(out, word(p, to == KT_F32 ? "vasfloat" : "vasint", e->type.lanes));
    else if (!real)
        text_add(out, "(%s)", ctype_memory(to));
    else if (to == KT_U64)
        text_add(out, "(uint64_t)%s", word(p, "as_i64", 1));
    else
        text_puts(out, word(p, arena_printf(p->arena, "as_%s", kbase_name(to)), 1));
    print_args(p, out, e->arg, 1);
}
