/* The facts that tests/tools/optable.c found by trying, as a table. */
#include "ir/op_facts.h"

static const OpFacts facts[OP_COUNT] = {
    [OP_NONE] = {.limits = ""},
#define FACTS(id, first, last, interpreted, compiled, limits)                                      \
    [OP_##id] = {OP_##id, first, last, interpreted, compiled, limits},
#include "ir/op_facts.def"
#undef FACTS
};

enum {
    FLOATS = 1 << DT_F32 | 1 << DT_F64 | 1 << DT_F16 | 1 << DT_BF16,
    INTEGERS = 1 << DT_I8 | 1 << DT_U8 | 1 << DT_I16 | 1 << DT_U16 | 1 << DT_I32 | 1 << DT_U32 |
               1 << DT_I64 | 1 << DT_U64,
    EVERY = FLOATS | INTEGERS | 1 << DT_BOOL
};

const OpFacts *op_facts(OpKind op)
{
    return op > OP_NONE && op < OP_COUNT && facts[op].op != OP_NONE ? &facts[op] : NULL;
}

const char *op_types_str(Arena *a, unsigned types)
{
    static const struct {
        unsigned types;
        const char *name;
    } groups[] = {{EVERY, "all"}, {FLOATS, "floats"}, {INTEGERS, "integers"}};
    const char *text = "";
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if ((types & groups[i].types) != groups[i].types)
            continue;
        text = arena_printf(a, "%s%s%s", text, text[0] ? ", " : "", groups[i].name);
        types &= ~groups[i].types;
    }
    for (int t = DT_NONE + 1; t < DT_COUNT; t++)
        if (types & 1u << t)
            text = arena_printf(a, "%s%s%s", text, text[0] ? ", " : "", dtype_name((DType)t));
    return text[0] ? text : "-";
}
