/* Kernel statements -> LLVM basic blocks. codegen/jit_build.h says what comes in and goes out.
 *
 * Loops have constant bounds and run at least once, so each becomes a block that tests at its
 * end: a phi for the variable, the body, the increment. A loop that runs once is its body, one
 * that never runs is nothing. A parallel loop of a kernel that is split (codegen/team.h) runs over
 * the share of one member of the team; elsewhere it runs serially. */
#include "codegen/jit_build.h"
#include "codegen/team.h"

#include <string.h>

/* ---- the map ---- */

static unsigned map_slot(const JitMap *m, const void *key)
{
    uint64_t h = (uint64_t)(uintptr_t)key * 0x9E3779B97F4A7C15u;
    unsigned mask = (unsigned)m->cap - 1, i = (unsigned)(h >> 40) & mask;
    while (m->slot[i].key != NULL && m->slot[i].key != key)
        i = (i + 1) & mask;
    return i;
}

LLVMValueRef *jit_map_get(const JitMap *m, const void *key)
{
    return m->cap > 0 ? m->slot[map_slot(m, key)].value : NULL;
}

void jit_map_set(JitMap *m, Arena *a, const void *key, LLVMValueRef *value)
{
    if (2 * (m->n + 1) > m->cap) {
        JitMap old = *m;
        m->cap = old.cap > 0 ? 2 * old.cap : 64;
        m->slot = arena_array(a, (size_t)m->cap, sizeof *m->slot);
        for (int i = 0; i < old.cap; i++)
            if (old.slot[i].key != NULL)
                m->slot[map_slot(m, old.slot[i].key)] = old.slot[i];
    }
    unsigned i = map_slot(m, key);
    m->n += m->slot[i].key == NULL;
    m->slot[i].key = key;
    m->slot[i].value = value;
}

static void name_value(JitBuild *b, const void *key, LLVMValueRef value)
{
    LLVMValueRef *v = ARENA_NEW(b->arena, LLVMValueRef);
    *v = value;
    jit_map_set(&b->locals, b->arena, key, v);
}

/* ---- registers ---- */

LLVMValueRef jit_register(JitBuild *b, const KReg *reg, const Affine idx[2])
{
    LLVMValueRef *slots = jit_map_get(&b->locals, reg);
    int64_t i = idx[0].c, j = idx[1].c;
    if (slots == NULL || idx[0].n > 0 || idx[1].n > 0 || i < 0 || i >= reg->dim[0] || j < 0 ||
        j >= reg->dim[1]) {
        b->broken = "a register that is not declared, or a register index that is not constant";
        return NULL;
    }
    return slots[i * reg->dim[1] + j];
}

static void declare_register(JitBuild *b, const KReg *reg)
{
    int n = reg->dim[0] * reg->dim[1];
    LLVMValueRef *slots = ARENA_ARRAY(b->arena, LLVMValueRef, n);
    for (int i = 0; i < n; i++)
        slots[i] = LLVMBuildAlloca(b->entry, jit_type(b, reg->type), "");
    jit_map_set(&b->locals, b->arena, reg, slots);
}

/* ---- statements ---- */

static void build_block(JitBuild *b, const KStmt *s);

static LLVMValueRef constant_i64(const JitBuild *b, int64_t x)
{
    return LLVMConstInt(LLVMInt64TypeInContext(b->context), (unsigned long long)x, true);
}

static LLVMBasicBlockRef new_block(JitBuild *b)
{
    return LLVMAppendBasicBlockInContext(b->context, b->function, "");
}

static void push_loop(JitBuild *b, const KVar *v, LLVMValueRef value)
{
    if (b->n_loops == JIT_MAX_LOOPS) {
        b->broken = "loops nested too deep";
        return;
    }
    b->loop[b->n_loops].var = v;
    b->loop[b->n_loops++].value = value;
}

static LLVMValueRef is_below(const JitBuild *b, LLVMValueRef x, LLVMValueRef y)
{
    return LLVMBuildICmp(b->at, LLVMIntSLT, x, y, "");
}

/* The loop from `lo` to below `hi`, which runs at least once. */
static void build_loop(JitBuild *b, const KStmt *s, LLVMValueRef lo, LLVMValueRef hi)
{
    const KVar *v = s->var;
    int depth = b->n_loops;
    LLVMBasicBlockRef before = LLVMGetInsertBlock(b->at);
    LLVMBasicBlockRef body = new_block(b), after = new_block(b);
    LLVMBuildBr(b->at, body);
    LLVMPositionBuilderAtEnd(b->at, body);
    LLVMValueRef i = LLVMBuildPhi(b->at, LLVMInt64TypeInContext(b->context), "");
    push_loop(b, v, i);
    build_block(b, s->body);
    b->n_loops = depth;
    LLVMValueRef next = LLVMBuildNSWAdd(b->at, i, constant_i64(b, v->step), "");
    LLVMValueRef again = is_below(b, next, hi);
    LLVMValueRef from[] = {lo, next};
    LLVMBasicBlockRef blocks[] = {before, LLVMGetInsertBlock(b->at)};
    LLVMAddIncoming(i, from, blocks, 2);
    LLVMBuildCondBr(b->at, again, body, after);
    LLVMPositionBuilderAtEnd(b->at, after);
}

/* Opens a block that runs under a condition; it is closed with the block behind it. */
static LLVMBasicBlockRef open_when(JitBuild *b, LLVMValueRef condition)
{
    LLVMBasicBlockRef body = new_block(b), after = new_block(b);
    LLVMBuildCondBr(b->at, condition, body, after);
    LLVMPositionBuilderAtEnd(b->at, body);
    return after;
}

static void close_when(JitBuild *b, LLVMBasicBlockRef after)
{
    LLVMBuildBr(b->at, after);
    LLVMPositionBuilderAtEnd(b->at, after);
}

static void build_for(JitBuild *b, const KStmt *s)
{
    const KVar *v = s->var;
    if (v->lo >= v->hi)
        return;
    LLVMValueRef lo = constant_i64(b, v->lo), hi = constant_i64(b, v->hi);
    if (s->expr != NULL) {
        LLVMValueRef limit = jit_expr(b, s->expr);
        hi = LLVMBuildSelect(b->at, is_below(b, limit, hi), limit, hi, "");
        LLVMBasicBlockRef after = open_when(b, is_below(b, lo, hi));
        build_loop(b, s, lo, hi);
        close_when(b, after);
    } else if (v->hi - v->lo > v->step) {
        build_loop(b, s, lo, hi);
    } else {
        int depth = b->n_loops;
        push_loop(b, v, lo);
        build_block(b, s->body);
        b->n_loops = depth;
    }
}

static void build_if(JitBuild *b, const KStmt *s)
{
    LLVMValueRef at = jit_affine(b, &s->at);
    LLVMBasicBlockRef after =
        open_when(b, LLVMBuildICmp(b->at, LLVMIntSGE, at, constant_i64(b, 0), ""));
    build_block(b, s->body);
    close_when(b, after);
}

static void build_set(JitBuild *b, const KStmt *s)
{
    LLVMValueRef x = jit_expr(b, s->expr);
    LLVMValueRef slot = jit_register(b, s->reg, s->idx);
    if (slot != NULL)
        LLVMBuildStore(b->at, x, slot);
}

static void build_stmt(JitBuild *b, const KStmt *s)
{
    switch (s->kind) {
    case KS_FOR:
        build_for(b, s);
        break;
    case KS_REG:
        declare_register(b, s->reg);
        break;
    case KS_SET:
        build_set(b, s);
        break;
    case KS_LET:
        name_value(b, s->let, jit_expr(b, s->expr));
        break;
    case KS_STORE:
        jit_store(b, s);
        break;
    case KS_IF:
        build_if(b, s);
        break;
    case KS_PREFETCH:
        jit_prefetch(b, s);
        break;
    case KS_NOTE:
        break;
    }
}

static void build_block(JitBuild *b, const KStmt *s)
{
    for (; s != NULL && b->broken == NULL; s = s->next)
        build_stmt(b, s);
}

/* ---- kernels that a team splits ---- */

/* Where the share of member `part` in the iterations of `v` begins. */
static LLVMValueRef share_start(const JitBuild *b, const KVar *v, LLVMValueRef part)
{
    LLVMValueRef n = constant_i64(b, (v->hi - v->lo + v->step - 1) / v->step);
    LLVMValueRef first = LLVMBuildSDiv(b->at, LLVMBuildMul(b->at, n, part, ""), b->parts, "");
    first = LLVMBuildMul(b->at, first, constant_i64(b, v->step), "");
    return LLVMBuildAdd(b->at, first, constant_i64(b, v->lo), "");
}

static void build_share(JitBuild *b, const KStmt *s)
{
    LLVMValueRef next = LLVMBuildAdd(b->at, b->part, constant_i64(b, 1), "");
    LLVMValueRef lo = share_start(b, s->var, b->part), hi = share_start(b, s->var, next);
    LLVMBasicBlockRef after = open_when(b, LLVMBuildICmp(b->at, LLVMIntSLT, lo, hi, ""));
    build_loop(b, s, lo, hi);
    close_when(b, after);
}

static void build_wait(JitBuild *b)
{
    LLVMTypeRef pointer = LLVMPointerTypeInContext(b->context, 0);
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(b->context), &pointer, 1, false);
    LLVMValueRef wait = LLVMBuildLoad2(b->at, pointer, b->team, "");
    LLVMBuildCall2(b->at, type, wait, &b->team, 1, "");
}

static void build_team_body(JitBuild *b, const KStmt *s)
{
    TeamWalk walk = {0};
    for (; s != NULL && b->broken == NULL; s = s->next) {
        bool wait;
        TeamWho who = team_step(&walk, s, &wait);
        if (wait)
            build_wait(b);
        if (who == TEAM_SHARE) {
            build_share(b, s);
        } else if (who == TEAM_FIRST) {
            LLVMValueRef first = LLVMBuildICmp(b->at, LLVMIntEQ, b->part, constant_i64(b, 0), "");
            LLVMBasicBlockRef after = open_when(b, first);
            build_stmt(b, s);
            close_when(b, after);
        } else {
            build_stmt(b, s);
        }
    }
}

/* ---- functions ---- */

static void add_attribute(JitBuild *b, const char *name, const char *value)
{
    LLVMAttributeRef a =
        value != NULL ? LLVMCreateStringAttribute(b->context, name, (unsigned)strlen(name), value,
                                                  (unsigned)strlen(value))
                      : LLVMCreateEnumAttribute(
                            b->context, LLVMGetEnumAttributeKindForName(name, strlen(name)), 0);
    LLVMAddAttributeAtIndex(b->function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, a);
}

/* Adds a function and opens its entry and first block. */
static void open_function(JitBuild *b, const char *name, LLVMTypeRef type)
{
    b->function = LLVMAddFunction(b->module, name, type);
    add_attribute(b, "nounwind", NULL);
    add_attribute(b, "prefer-vector-width", b->vector_width);
    add_attribute(b, "tune-cpu", b->tune_cpu);
    b->locals = (JitMap){0};
    LLVMPositionBuilderAtEnd(b->entry, new_block(b));
    LLVMPositionBuilderAtEnd(b->at, new_block(b));
}

/* The entry block, now complete, falls through to the first block. */
static void close_function(JitBuild *b)
{
    LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(b->function);
    LLVMBuildBr(b->entry, LLVMGetNextBasicBlock(entry));
}

/* A function of the C library, called as it is: LLVM knows nothing of what it computes. */
static LLVMValueRef external_function(JitBuild *b, const char *name, LLVMTypeRef type)
{
    b->function = LLVMAddFunction(b->module, name, type);
    add_attribute(b, "nounwind", NULL);
    add_attribute(b, "nobuiltin", NULL);
    return b->function;
}

static void build_func(JitBuild *b, const KFunc *f)
{
    LLVMTypeRef params[3];
    for (int i = 0; i < f->n_params; i++)
        params[i] = jit_type(b, f->param[i]->type);
    LLVMTypeRef type = LLVMFunctionType(jit_type(b, f->type), params, (unsigned)f->n_params, false);
    LLVMValueRef *v = ARENA_NEW(b->arena, LLVMValueRef);
    jit_map_set(&b->funcs, b->arena, f, v);
    if (f->external != NULL) {
        *v = external_function(b, f->external, type);
        return;
    }
    open_function(b, "f", type);
    LLVMSetLinkage(b->function, LLVMInternalLinkage);
    add_attribute(b, "alwaysinline", NULL);
    for (int i = 0; i < f->n_params; i++)
        name_value(b, f->param[i], LLVMGetParam(b->function, (unsigned)i));
    build_block(b, f->body);
    LLVMBuildRet(b->at, jit_expr(b, f->result));
    close_function(b);
    *v = b->function;
}

static void build_kernel(JitBuild *b, const Kernel *k, const char *name, bool team)
{
    LLVMTypeRef pointer = LLVMPointerTypeInContext(b->context, 0);
    LLVMTypeRef i64 = LLVMInt64TypeInContext(b->context);
    LLVMTypeRef params[] = {pointer, pointer, i64, i64};
    open_function(b, name, LLVMFunctionType(LLVMVoidTypeInContext(b->context), params, 4, false));
    for (int i = 0; i < k->n_bufs; i++) {
        LLVMValueRef index = constant_i64(b, i);
        LLVMValueRef slot =
            LLVMBuildGEP2(b->entry, pointer, LLVMGetParam(b->function, 0), &index, 1, "");
        b->buffer[i] = LLVMBuildLoad2(b->entry, pointer, slot, "");
    }
    b->team = LLVMGetParam(b->function, 1);
    b->part = LLVMGetParam(b->function, 2);
    b->parts = LLVMGetParam(b->function, 3);
    if (team && team_splits_kernel(k))
        build_team_body(b, k->body);
    else
        build_block(b, k->body);
    LLVMBuildRetVoid(b->at);
    close_function(b);
}

bool jit_build_program(JitBuild *b, const Program *p)
{
    const bool team = team_is_needed(p);
    for (int i = 0; i < p->n_funcs && b->broken == NULL; i++)
        build_func(b, p->funcs[i]);
    for (int i = 0; i < p->n_kernels && b->broken == NULL; i++)
        build_kernel(b, p->kernels[i], arena_printf(b->arena, "k%d", i), team);
    return b->broken == NULL;
}
