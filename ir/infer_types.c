/* Which element types an elementwise operator takes: one table.
 *
 * Comes in: an elementwise node whose operands are typed. Goes out: true, or a diagnostic that says
 * which operand has a type that ONNX does not allow there.
 * Holds: an operator takes the union of what ONNX's versions of it allow, and integers of every
 * width where ONNX has some of them; operators that are not listed take floating-point numbers. */
#include "ir/infer.h"

#include "ir/ops.h"

enum {
    FLOATS = 1,
    SIGNED = 2,
    UNSIGNED = 4,
    BOOL = 8,
    INTEGERS = SIGNED | UNSIGNED,
    NUMBERS = FLOATS | INTEGERS,
    ALL = NUMBERS | BOOL,
};

static const struct {
    OpKind op;
    unsigned types;
} table[] = {
    {OP_Identity, ALL},
    {OP_Reorder, ALL},
    {OP_Cast, ALL},
    {OP_Equal, ALL},
    {OP_Where, ALL},
    {OP_Abs, NUMBERS},
    {OP_Sign, NUMBERS},
    {OP_Shrink, NUMBERS},
    {OP_Clip, NUMBERS},
    {OP_Add, NUMBERS},
    {OP_Sub, NUMBERS},
    {OP_Mul, NUMBERS},
    {OP_Div, NUMBERS},
    {OP_Pow, NUMBERS},
    {OP_Min, NUMBERS},
    {OP_Max, NUMBERS},
    {OP_Mod, NUMBERS},
    {OP_PRelu, NUMBERS},
    {OP_Less, NUMBERS},
    {OP_LessOrEqual, NUMBERS},
    {OP_Greater, NUMBERS},
    {OP_GreaterOrEqual, NUMBERS},
    {OP_Relu, FLOATS | SIGNED},
    {OP_Neg, FLOATS | SIGNED},
    {OP_Not, BOOL},
    {OP_And, BOOL},
    {OP_Or, BOOL},
    {OP_Xor, BOOL},
    {OP_BitwiseNot, INTEGERS},
    {OP_BitwiseAnd, INTEGERS},
    {OP_BitwiseOr, INTEGERS},
    {OP_BitwiseXor, INTEGERS},
    {OP_BitShift, UNSIGNED},
};

static unsigned class_of(DType t)
{
    if (t == DT_BOOL)
        return BOOL;
    if (dtype_is_float(t))
        return FLOATS;
    return t == DT_U8 || t == DT_U16 || t == DT_U32 || t == DT_U64 ? UNSIGNED : SIGNED;
}

/* In words, for messages. */
static const char *needed(unsigned types)
{
    switch (types) {
    case FLOATS:
        return "a floating-point type is needed";
    case FLOATS | SIGNED:
        return "a signed type is needed";
    case BOOL:
        return "bool is needed";
    case INTEGERS:
        return "integers are needed";
    case UNSIGNED:
        return "unsigned integers are needed";
    default:
        return "numbers are needed";
    }
}

bool infer_require_types(Graph *g, const Node *n, int i)
{
    unsigned types = FLOATS;
    const Value *v = infer_operand(n, i);
    for (size_t k = 0; k < sizeof table / sizeof table[0]; k++)
        if (table[k].op == n->op)
            types = table[k].types;
    if (v == NULL || (class_of(v->dtype) & types))
        return true;
    return node_error(g, n, "input \"%s\" is %s, %s", v->name, dtype_name(v->dtype), needed(types));
}
