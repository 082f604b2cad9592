/* Kernel expressions -> LLVM values: one case a kind, one instruction (or intrinsic) an operation.
 *
 * The meaning of each operation is the one that ir/kernel.h gives it. The result of a case does
 * not depend on where the expression stands; the insertion point is b->at. Bits of NaNs are the
 * only thing that may differ between the printers: IEEE 754 leaves them open. */
#include "codegen/jit_build.h"

#include <string.h>

static bool is_float(KBase b)
{
    return b == KT_F32 || b == KT_F64;
}

static bool is_unsigned(KBase b)
{
    return b == KT_U64 || b == KT_MASK;
}

LLVMValueRef jit_intrinsic(JitBuild *b, const char *name, LLVMTypeRef *types, int n_types,
                           LLVMValueRef *args, int n_args)
{
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef f = LLVMGetIntrinsicDeclaration(b->module, id, types, (size_t)n_types);
    LLVMTypeRef type = LLVMIntrinsicGetType(b->context, id, types, (size_t)n_types);
    return LLVMBuildCall2(b->at, type, f, args, (unsigned)n_args, "");
}

LLVMValueRef jit_lane_mask(JitBuild *b, int lanes, int active)
{
    LLVMTypeRef bit = LLVMInt1TypeInContext(b->context);
    LLVMValueRef *v = ARENA_ARRAY(b->arena, LLVMValueRef, lanes);
    for (int i = 0; i < lanes; i++)
        v[i] = LLVMConstInt(bit, i < active, false);
    return LLVMConstVector(v, (unsigned)lanes);
}

/* A shuffle of x ++ y (y may be NULL) into n lanes; n = 1 gives a scalar. */
static LLVMValueRef shuffle(JitBuild *b, LLVMValueRef x, LLVMValueRef y, const int *lanes, int n)
{
    LLVMTypeRef i32 = LLVMInt32TypeInContext(b->context);
    int width = LLVMGetTypeKind(LLVMTypeOf(x)) == LLVMVectorTypeKind
                    ? (int)LLVMGetVectorSize(LLVMTypeOf(x))
                    : 1;
    if (width == 1) { /* of scalars: each result lane is x or y */
        if (n == 1)
            return lanes[0] == 0 ? x : y;
        LLVMValueRef v = LLVMGetPoison(LLVMVectorType(LLVMTypeOf(x), (unsigned)n));
        for (int i = 0; i < n; i++)
            v = LLVMBuildInsertElement(b->at, v, lanes[i] == 0 ? x : y,
                                       LLVMConstInt(i32, (unsigned)i, false), "");
        return v;
    }
    if (n == 1) {
        int l = lanes[0] < width ? lanes[0] : lanes[0] - width;
        return LLVMBuildExtractElement(b->at, lanes[0] < width ? x : y,
                                       LLVMConstInt(i32, (unsigned)l, false), "");
    }
    LLVMValueRef *mask = ARENA_ARRAY(b->arena, LLVMValueRef, n);
    for (int i = 0; i < n; i++)
        mask[i] = LLVMConstInt(i32, (unsigned)lanes[i], false);
    return LLVMBuildShuffleVector(b->at, x, y ? y : LLVMGetPoison(LLVMTypeOf(x)),
                                  LLVMConstVector(mask, (unsigned)n), "");
}

/* ---- leaves ---- */

static LLVMValueRef build_constant(JitBuild *b, const KExpr *e)
{
    LLVMTypeRef type = jit_memory_type(b, e->type.base);
    LLVMValueRef x;
    if (is_float(e->type.base))
        x = LLVMConstReal(type, e->f);
    else
        x = LLVMConstInt(type, (unsigned long long)e->i, true);
    return jit_splat_constant(b, x, e->type.lanes);
}

static LLVMValueRef constant_i64(const JitBuild *b, int64_t x)
{
    return LLVMConstInt(LLVMInt64TypeInContext(b->context), (unsigned long long)x, true);
}

/* k times the i-th open loop's variable, NULL when the loop does not occur in `a`. */
static LLVMValueRef loop_term(JitBuild *b, const Affine *a, int i)
{
    for (int t = 0; t < a->n; t++)
        if (a->t[t].v == b->loop[i].var)
            return LLVMBuildNSWMul(b->at, b->loop[i].value, constant_i64(b, a->t[t].k), "");
    return NULL;
}

static void check_variables(JitBuild *b, const Affine *a)
{
    for (int t = 0; t < a->n; t++) {
        bool open = false;
        for (int i = 0; i < b->n_loops && !open; i++)
            open = a->t[t].v == b->loop[i].var;
        if (!open)
            b->broken = "an index by the variable of no open loop";
    }
}

LLVMValueRef jit_affine(JitBuild *b, const Affine *a)
{
    check_variables(b, a);
    LLVMValueRef sum = NULL;
    for (int i = 0; i < b->n_loops; i++) {
        LLVMValueRef term = loop_term(b, a, i);
        if (term != NULL)
            sum = sum != NULL ? LLVMBuildNSWAdd(b->at, sum, term, "") : term;
    }
    if (sum == NULL)
        return constant_i64(b, a->c);
    return a->c == 0 ? sum : LLVMBuildNSWAdd(b->at, sum, constant_i64(b, a->c), "");
}

/* One address computation a loop level, outermost first and the constant last, so that the part
 * of each level is invariant in the loops inside it and the constant becomes a displacement. */
LLVMValueRef jit_address(JitBuild *b, const KBuf *buf, const Affine *at, const KExpr *dyn,
                         int64_t dyn_scale)
{
    check_variables(b, at);
    LLVMTypeRef type = jit_memory_type(b, buf->base);
    LLVMValueRef p = b->buffer[buf->index];
    for (int i = 0; i < b->n_loops; i++) {
        LLVMValueRef term = loop_term(b, at, i);
        if (term != NULL)
            p = LLVMBuildGEP2(b->at, type, p, &term, 1, "");
    }
    if (dyn != NULL) {
        LLVMValueRef x =
            LLVMBuildIntCast2(b->at, jit_expr(b, dyn), LLVMInt64TypeInContext(b->context),
                              !is_unsigned(dyn->type.base), "");
        x = LLVMBuildNSWMul(b->at, x, constant_i64(b, dyn_scale), "");
        p = LLVMBuildGEP2(b->at, type, p, &x, 1, "");
    }
    LLVMValueRef c = constant_i64(b, at->c);
    return at->c == 0 ? p : LLVMBuildGEP2(b->at, type, p, &c, 1, "");
}

static LLVMValueRef build_get(JitBuild *b, const KExpr *e)
{
    LLVMValueRef slot = jit_register(b, e->reg, e->idx);
    if (slot == NULL)
        return LLVMGetPoison(jit_type(b, e->type));
    return LLVMBuildLoad2(b->at, jit_type(b, e->type), slot, "");
}

static LLVMValueRef build_letref(JitBuild *b, const KExpr *e)
{
    LLVMValueRef *v = jit_map_get(&b->locals, e->let);
    if (v != NULL)
        return *v;
    b->broken = "a name that no LET has set";
    return LLVMGetPoison(jit_type(b, e->type));
}

/* ---- operations ---- */

static LLVMValueRef build_unary(JitBuild *b, const KExpr *e)
{
    LLVMValueRef x = jit_expr(b, e->arg[0]);
    LLVMTypeRef type = LLVMTypeOf(x);
    bool real = is_float(e->arg[0]->type.base);
    switch (e->op) {
    case KO_NEG:
        return real ? LLVMBuildFNeg(b->at, x, "") : LLVMBuildNeg(b->at, x, "");
    case KO_ABS:
        if (real)
            return jit_intrinsic(b, "llvm.fabs", &type, 1, &x, 1);
        LLVMValueRef args[] = {x, LLVMConstInt(LLVMInt1TypeInContext(b->context), 0, false)};
        return jit_intrinsic(b, "llvm.abs", &type, 1, args, 2);
    case KO_SQRT:
        return jit_intrinsic(b, "llvm.sqrt", &type, 1, &x, 1);
    case KO_FLOOR:
        return jit_intrinsic(b, "llvm.floor", &type, 1, &x, 1);
    case KO_CEIL:
        return jit_intrinsic(b, "llvm.ceil", &type, 1, &x, 1);
    case KO_ROUND:
        return jit_intrinsic(b, "llvm.rint", &type, 1, &x, 1);
    case KO_NOT:
        return LLVMBuildNot(b->at, x, "");
    case KO_BITCAST:
        return LLVMBuildBitCast(b->at, x, jit_type(b, e->type), "");
    default:
        b->broken = "a unary expression of no unary operator";
        return x;
    }
}

static const LLVMRealPredicate float_predicate[] = {
    [KO_EQ] = LLVMRealOEQ, [KO_NE] = LLVMRealUNE, [KO_LT] = LLVMRealOLT,
    [KO_LE] = LLVMRealOLE, [KO_GT] = LLVMRealOGT, [KO_GE] = LLVMRealOGE,
};
static const LLVMIntPredicate signed_predicate[] = {
    [KO_EQ] = LLVMIntEQ,  [KO_NE] = LLVMIntNE,  [KO_LT] = LLVMIntSLT,
    [KO_LE] = LLVMIntSLE, [KO_GT] = LLVMIntSGT, [KO_GE] = LLVMIntSGE,
};
static const LLVMIntPredicate unsigned_predicate[] = {
    [KO_EQ] = LLVMIntEQ,  [KO_NE] = LLVMIntNE,  [KO_LT] = LLVMIntULT,
    [KO_LE] = LLVMIntULE, [KO_GT] = LLVMIntUGT, [KO_GE] = LLVMIntUGE,
};

static LLVMValueRef compare(JitBuild *b, KOp op, KBase base, LLVMValueRef x, LLVMValueRef y)
{
    if (is_float(base))
        return LLVMBuildFCmp(b->at, float_predicate[op], x, y, "");
    return LLVMBuildICmp(b->at, is_unsigned(base) ? unsigned_predicate[op] : signed_predicate[op],
                         x, y, "");
}

/* The opcode of the operators that are one instruction; 0 for the others. */
static LLVMOpcode binary_opcode(KOp op, KBase base)
{
    bool real = is_float(base), u = is_unsigned(base);
    switch (op) {
    case KO_ADD:
        return real ? LLVMFAdd : LLVMAdd;
    case KO_SUB:
        return real ? LLVMFSub : LLVMSub;
    case KO_MUL:
        return real ? LLVMFMul : LLVMMul;
    case KO_DIV:
        return real ? LLVMFDiv : u ? LLVMUDiv : LLVMSDiv;
    case KO_REM:
        return u ? LLVMURem : LLVMSRem;
    case KO_AND:
        return LLVMAnd;
    case KO_OR:
        return LLVMOr;
    case KO_XOR:
        return LLVMXor;
    case KO_SHL:
        return LLVMShl;
    case KO_SHR:
        return u ? LLVMLShr : LLVMAShr;
    default:
        return (LLVMOpcode)0;
    }
}

/* Whether a scalar integer's right operand may be one for which LLVM leaves the result open. */
static bool needs_guard(KOp op, KBase base, LLVMValueRef y)
{
    bool divides = op == KO_DIV || op == KO_REM, shifts = op == KO_SHL || op == KO_SHR;
    if (is_float(base) || !(divides || shifts))
        return false;
    if (!LLVMIsConstant(y) || LLVMGetTypeKind(LLVMTypeOf(y)) != LLVMIntegerTypeKind)
        return LLVMGetTypeKind(LLVMTypeOf(y)) == LLVMIntegerTypeKind;
    long long k = LLVMConstIntGetSExtValue(y);
    return divides ? k == 0 || k == -1 : k < 0 || k >= 8 * (long long)kbase_size(base);
}

/* x / 0 = x % 0 = 0; x / -1 = 0 - x, which wraps; a shift by too much shifts every bit out. */
static LLVMValueRef guarded(JitBuild *b, KOp op, KBase base, LLVMValueRef x, LLVMValueRef y)
{
    LLVMTypeRef type = LLVMTypeOf(x);
    LLVMValueRef zero = LLVMConstNull(type), one = LLVMConstInt(type, 1, false);
    LLVMBuilderRef at = b->at;
    if (op == KO_SHL || op == KO_SHR) {
        unsigned long long width = 8 * kbase_size(base);
        LLVMValueRef last = LLVMConstInt(type, width - 1, false);
        LLVMValueRef inside = LLVMBuildICmp(at, LLVMIntULE, y, last, "");
        LLVMValueRef count = LLVMBuildSelect(at, inside, y, last, "");
        LLVMValueRef r = LLVMBuildBinOp(at, binary_opcode(op, base), x, count, "");
        bool sign = op == KO_SHR && !is_unsigned(base); /* sign bits are all that is left */
        return sign ? r : LLVMBuildSelect(at, inside, r, zero, "");
    }
    LLVMValueRef none = LLVMBuildICmp(at, LLVMIntEQ, y, zero, "");
    LLVMValueRef minus = LLVMBuildICmp(at, LLVMIntEQ, y, LLVMConstAllOnes(type), "");
    if (is_unsigned(base))
        minus = LLVMConstNull(LLVMTypeOf(none));
    LLVMValueRef safe = LLVMBuildSelect(at, LLVMBuildOr(at, none, minus, ""), one, y, "");
    LLVMValueRef r = LLVMBuildBinOp(at, binary_opcode(op, base), x, safe, "");
    if (op == KO_REM) /* x % 1 is 0 */
        return r;
    r = LLVMBuildSelect(at, minus, LLVMBuildNeg(at, x, ""), r, "");
    return LLVMBuildSelect(at, none, zero, r, "");
}

static LLVMValueRef binary(JitBuild *b, KOp op, KBase base, LLVMValueRef x, LLVMValueRef y)
{
    if (needs_guard(op, base, y))
        return guarded(b, op, base, x, y);
    if (op == KO_MIN || op == KO_MAX) {
        LLVMValueRef first = compare(b, op == KO_MIN ? KO_LT : KO_GT, base, x, y);
        return LLVMBuildSelect(b->at, first, x, y, "");
    }
    LLVMOpcode opcode = binary_opcode(op, base);
    if (opcode != (LLVMOpcode)0)
        return LLVMBuildBinOp(b->at, opcode, x, y, "");
    b->broken = "a binary expression of no binary operator";
    return x;
}

static LLVMValueRef build_splat(JitBuild *b, const KExpr *e)
{
    LLVMValueRef x = jit_expr(b, e->arg[0]);
    if (e->type.lanes == 1)
        return x;
    LLVMTypeRef type = jit_type(b, e->type);
    LLVMTypeRef i32 = LLVMInt32TypeInContext(b->context);
    LLVMValueRef zero = LLVMConstInt(i32, 0, false);
    LLVMValueRef first = LLVMBuildInsertElement(b->at, LLVMGetPoison(type), x, zero, "");
    return LLVMBuildShuffleVector(b->at, first, LLVMGetPoison(type),
                                  jit_splat_constant(b, zero, e->type.lanes), "");
}

/* Halves onto halves: lane i with lane i + n/2, until one is left. */
static LLVMValueRef build_reduce(JitBuild *b, const KExpr *e)
{
    LLVMValueRef x = jit_expr(b, e->arg[0]);
    int *lanes = ARENA_ARRAY(b->arena, int, e->arg[0]->type.lanes);
    for (int n = e->arg[0]->type.lanes / 2; n >= 1; n /= 2) {
        for (int i = 0; i < n; i++)
            lanes[i] = i;
        LLVMValueRef low = shuffle(b, x, NULL, lanes, n);
        for (int i = 0; i < n; i++)
            lanes[i] = n + i;
        x = binary(b, e->op, e->type.base, low, shuffle(b, x, NULL, lanes, n));
    }
    return x;
}

static LLVMValueRef build_call(JitBuild *b, const KExpr *e)
{
    LLVMValueRef *f = jit_map_get(&b->funcs, e->func);
    if (f == NULL) {
        b->broken = "a call of a function that the program does not list";
        return LLVMGetPoison(jit_type(b, e->type));
    }
    LLVMValueRef args[3];
    for (int i = 0; i < e->func->n_params; i++)
        args[i] = jit_expr(b, e->arg[i]);
    return LLVMBuildCall2(b->at, LLVMGlobalGetValueType(*f), *f, args, (unsigned)e->func->n_params,
                          "");
}

/* BIN and CMP. */
static LLVMValueRef build_binary(JitBuild *b, const KExpr *e)
{
    LLVMValueRef x = jit_expr(b, e->arg[0]), y = jit_expr(b, e->arg[1]);
    KBase base = e->arg[0]->type.base;
    return e->kind == KE_CMP ? compare(b, e->op, base, x, y) : binary(b, e->op, base, x, y);
}

/* FMA and SELECT. */
static LLVMValueRef build_ternary(JitBuild *b, const KExpr *e)
{
    LLVMTypeRef type = jit_type(b, e->type);
    LLVMValueRef x[3];
    for (int i = 0; i < 3; i++)
        x[i] = jit_expr(b, e->arg[i]);
    return e->kind == KE_FMA ? jit_intrinsic(b, "llvm.fma", &type, 1, x, 3)
                             : LLVMBuildSelect(b->at, x[0], x[1], x[2], "");
}

static LLVMValueRef build_shuf(JitBuild *b, const KExpr *e)
{
    LLVMValueRef x = jit_expr(b, e->arg[0]);
    LLVMValueRef y = e->arg[1] != NULL ? jit_expr(b, e->arg[1]) : NULL;
    return shuffle(b, x, y, e->shuf, e->type.lanes);
}

static LLVMValueRef build_index(JitBuild *b, const KExpr *e)
{
    return LLVMBuildIntCast2(b->at, jit_affine(b, &e->at), jit_type(b, e->type), true, "");
}

LLVMValueRef jit_expr(JitBuild *b, const KExpr *e)
{
    static LLVMValueRef (*const build[])(JitBuild *, const KExpr *) = {
        [KE_CONST] = build_constant, [KE_INDEX] = build_index,    [KE_GET] = build_get,
        [KE_LETREF] = build_letref,  [KE_LOAD] = jit_load,        [KE_SPLAT] = build_splat,
        [KE_FMA] = build_ternary,    [KE_UN] = build_unary,       [KE_BIN] = build_binary,
        [KE_CMP] = build_binary,     [KE_SELECT] = build_ternary, [KE_CVT] = jit_convert,
        [KE_SHUF] = build_shuf,      [KE_REDUCE] = build_reduce,  [KE_CALL] = build_call,
    };
    return build[e->kind](b, e);
}
