/* The kernel builder: makes expressions and appends statements to the innermost open block.
 *
 * Types are checked here by broken_if: a lowering that mixes them has a bug of ours, which stops
 * at once; no model can reach it, since graphs are checked before they are lowered. */
#include "ir/kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 48 };

struct KBuilder {
    Arena *arena;
    const Target *target;
    Kernel *kernel;
    KFunc *func;
    KStmt **tail[MAX_DEPTH]; /* where the next statement of each open block goes */
    bool plain[MAX_DEPTH];   /* the block is part of its parent: an IF that always holds */
    int outside[MAX_DEPTH];  /* names taken outside the block; -1: they outlive it */
    int depth;
    const char **names; /* taken in the open blocks */
    int n_names, cap_names;
};

static void broken_if(bool broken, const KBuilder *b, const char *what)
{
    if (!broken)
        return;
    fprintf(stderr, "cnncc: internal error: kernel %s: %s\n",
            b->kernel ? b->kernel->name : b->func->name, what);
    abort();
}

/* ---- the builder itself ---- */

static KBuilder *new_builder(Arena *a, const Target *target)
{
    KBuilder *b = ARENA_NEW(a, KBuilder);
    b->arena = a;
    b->target = target;
    b->depth = 1;
    return b;
}

KBuilder *kb_new(Arena *a, const Target *target, const char *kernel_name)
{
    KBuilder *b = new_builder(a, target);
    b->kernel = ARENA_NEW(a, Kernel);
    b->kernel->name = arena_strdup(a, kernel_name);
    b->tail[0] = &b->kernel->body;
    return b;
}

const Target *kb_target(const KBuilder *b)
{
    return b->target;
}

Arena *kb_arena(const KBuilder *b)
{
    return b->arena;
}

static bool name_taken(const KBuilder *b, const char *name)
{
    for (int i = 0; i < b->n_names; i++)
        if (strcmp(b->names[i], name) == 0)
            return true;
    return false;
}

/* `name`, or `name2`, `name3`… when it is taken. */
static const char *unique(KBuilder *b, const char *name)
{
    const char *s = arena_strdup(b->arena, name);
    for (int i = 2; name_taken(b, s); i++)
        s = arena_printf(b->arena, "%s%s%d", name,
                         name[0] && strchr("0123456789", name[strlen(name) - 1]) ? "_" : "", i);
    ARENA_PUSH(b->arena, b, names, n_names, cap_names, s);
    return s;
}

KBuf *kb_buf(KBuilder *b, const char *name, KBase base, int64_t n, KAccess access)
{
    Kernel *k = b->kernel;
    broken_if(k == NULL || k->n_bufs == MAX_KERNEL_BUFFERS, b, "too many buffers");
    KBuf *buf = ARENA_NEW(b->arena, KBuf);
    *buf = (KBuf){unique(b, name), base, n, access, k->n_bufs};
    k->buf[k->n_bufs++] = buf;
    return buf;
}

Kernel *kb_finish(KBuilder *b, const char *note)
{
    broken_if(b->depth != 1, b, "an open block");
    b->kernel->note = arena_strdup(b->arena, note);
    return b->kernel;
}

static KStmt *append(KBuilder *b, KStmtKind kind)
{
    KStmt *s = ARENA_NEW(b->arena, KStmt);
    s->kind = kind;
    *b->tail[b->depth - 1] = s;
    b->tail[b->depth - 1] = &s->next;
    return s;
}

/* `outside`: how many names stay taken when the block closes; -1: all. */
static void open_block(KBuilder *b, KStmt *s, int outside)
{
    broken_if(b->depth == MAX_DEPTH, b, "nested too deep");
    b->plain[b->depth] = false;
    b->outside[b->depth] = outside;
    b->tail[b->depth++] = &s->body;
}

KVar *kb_for(KBuilder *b, const char *name, int64_t lo, int64_t hi, int64_t step, KLoop loop)
{
    broken_if(step <= 0, b, "a loop step that is not positive");
    KStmt *s = append(b, KS_FOR);
    KVar *v = ARENA_NEW(b->arena, KVar);
    int outside = loop == KL_UNROLL ? -1 : b->n_names; /* expansion spills into the parent */
    *v = (KVar){unique(b, name), lo, hi, step};
    s->var = v;
    s->loop = loop;
    open_block(b, s, outside);
    return v;
}

KVar *kb_for_below(KBuilder *b, const char *name, int64_t hi, const KLet *limit)
{
    broken_if(hi < 2 || limit->type.base != KT_I64 || limit->type.lanes != 1, b,
              "a limit that is not of a loop");
    KExpr *below = kb_use(b, limit);
    KStmt **at = b->tail[b->depth - 1];
    KVar *v = kb_for(b, name, 0, hi, 1, KL_SERIAL);
    (*at)->expr = below;
    return v;
}

void kb_if(KBuilder *b, Affine cond)
{
    int64_t lo, hi;
    aff_range(&cond, &lo, &hi);
    if (lo >= 0) { /* always true: the statements go to the enclosing block */
        broken_if(b->depth == MAX_DEPTH, b, "nested too deep");
        b->tail[b->depth] = b->tail[b->depth - 1];
        b->outside[b->depth] = -1;
        b->plain[b->depth++] = true;
        return;
    }
    KStmt *s = append(b, KS_IF);
    s->at = cond;
    open_block(b, s, b->n_names);
}

void kb_end(KBuilder *b)
{
    broken_if(b->depth <= 1, b, "kb_end without a block");
    b->depth--;
    if (b->outside[b->depth] >= 0)
        b->n_names = b->outside[b->depth];
    if (b->plain[b->depth])
        b->tail[b->depth - 1] = b->tail[b->depth];
}

void kb_note(KBuilder *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    append(b, KS_NOTE)->text = arena_vprintf(b->arena, format, args);
    va_end(args);
}

/* ---- registers and lets ---- */

KReg *kb_reg(KBuilder *b, const char *name, KType type, int rank, int d0, int d1)
{
    KReg *r = ARENA_NEW(b->arena, KReg);
    broken_if(kbase_compute(type.base) != type.base, b, "a register of a memory type");
    *r = (KReg){unique(b, name), type, rank, {rank > 0 ? d0 : 1, rank > 1 ? d1 : 1}};
    append(b, KS_REG)->reg = r;
    return r;
}

static bool type_equal(KType x, KType y)
{
    return x.base == y.base && x.lanes == y.lanes;
}

void kb_set2(KBuilder *b, const KReg *r, Affine i, Affine j, KExpr *e)
{
    broken_if(!type_equal(r->type, e->type), b, "SET of another type");
    KStmt *s = append(b, KS_SET);
    s->reg = r;
    s->idx[0] = i;
    s->idx[1] = j;
    s->expr = e;
}

void kb_set1(KBuilder *b, const KReg *r, Affine i, KExpr *e)
{
    kb_set2(b, r, i, aff(0), e);
}

void kb_set(KBuilder *b, const KReg *r, KExpr *e)
{
    kb_set2(b, r, aff(0), aff(0), e);
}

static KExpr *new_expr(KBuilder *b, KExprKind kind, KType type)
{
    broken_if(kbase_compute(type.base) != type.base, b, "an expression of a memory type");
    KExpr *e = ARENA_NEW(b->arena, KExpr);
    e->kind = kind;
    e->type = type;
    return e;
}

KExpr *kb_get2(KBuilder *b, const KReg *r, Affine i, Affine j)
{
    KExpr *e = new_expr(b, KE_GET, r->type);
    e->reg = r;
    e->idx[0] = i;
    e->idx[1] = j;
    return e;
}

KExpr *kb_get1(KBuilder *b, const KReg *r, Affine i)
{
    return kb_get2(b, r, i, aff(0));
}

KExpr *kb_get(KBuilder *b, const KReg *r)
{
    return kb_get2(b, r, aff(0), aff(0));
}

KLet *kb_let(KBuilder *b, const char *name, KExpr *e)
{
    KLet *let = ARENA_NEW(b->arena, KLet);
    *let = (KLet){unique(b, name), e->type};
    KStmt *s = append(b, KS_LET);
    s->let = let;
    s->expr = e;
    return let;
}

KExpr *kb_use(KBuilder *b, const KLet *let)
{
    KExpr *e = new_expr(b, KE_LETREF, let->type);
    e->let = let;
    return e;
}

/* ---- leaves ---- */

KExpr *kb_int(KBuilder *b, KType type, int64_t value)
{
    KExpr *e = new_expr(b, KE_CONST, type);
    e->i = value;
    e->f = type.base == KT_U64 ? (double)(uint64_t)value : (double)value;
    return e;
}

/* `value` truncated, or the end of the type's range that is nearest to it. */
static int64_t integer_near(KBase base, double value)
{
    if (base == KT_U64)
        return value >= 18446744073709551616.0 ? -1 : value > 0 ? (int64_t)(uint64_t)value : 0;
    const double end = base == KT_I64 ? 9223372036854775808.0 : 2147483648.0;
    const int64_t least = base == KT_I64 ? INT64_MIN : INT32_MIN;
    return value >= end ? -(least + 1) : value >= -end ? (int64_t)value : least;
}

KExpr *kb_const(KBuilder *b, KType type, double value)
{
    if (!kbase_is_float(type.base))
        return kb_int(b, type, integer_near(type.base, value));
    KExpr *e = new_expr(b, KE_CONST, type);
    e->f = type.base == KT_F32 ? (double)(float)value : value;
    return e;
}

KExpr *kb_f32(KBuilder *b, double value, int lanes)
{
    return kb_const(b, KTYPE(KT_F32, lanes), value);
}

KExpr *kb_index(KBuilder *b, KType type, Affine at)
{
    broken_if(type.lanes != 1 || (type.base != KT_I32 && type.base != KT_I64), b,
              "INDEX is a scalar i32 or i64");
    KExpr *e = new_expr(b, KE_INDEX, type);
    e->at = at;
    return e;
}

KExpr *kb_load_dyn(KBuilder *b, const KBuf *buf, Affine at, KExpr *dyn, int64_t scale, int lanes,
                   int active)
{
    broken_if(active < 1 || active > lanes, b, "LOAD of no or too many lanes");
    KExpr *e = new_expr(b, KE_LOAD, KTYPE(kbase_compute(buf->base), lanes));
    e->buf = buf;
    e->at = at;
    e->active = active;
    e->dyn = dyn;
    e->dyn_scale = dyn ? scale : 0;
    return e;
}

KExpr *kb_load_tail(KBuilder *b, const KBuf *buf, Affine at, int lanes, int active)
{
    return kb_load_dyn(b, buf, at, NULL, 0, lanes, active);
}

KExpr *kb_load(KBuilder *b, const KBuf *buf, Affine at, int lanes)
{
    return kb_load_dyn(b, buf, at, NULL, 0, lanes, lanes);
}

/* ---- operations ---- */

KExpr *kb_splat(KBuilder *b, KExpr *scalar, int lanes)
{
    broken_if(scalar->type.lanes != 1, b, "SPLAT of a vector");
    if (lanes == 1)
        return scalar;
    KExpr *e = new_expr(b, KE_SPLAT, KTYPE(scalar->type.base, lanes));
    e->arg[0] = scalar;
    return e;
}

KExpr *kb_un(KBuilder *b, KOp op, KExpr *x)
{
    broken_if((op == KO_SQRT || op == KO_FLOOR || op == KO_CEIL || op == KO_ROUND) &&
                  !kbase_is_float(x->type.base),
              b, "a rounding or a root of an integer");
    if (op == KO_ABS && x->type.base == KT_U64)
        return x;
    KExpr *e = new_expr(b, KE_UN, x->type);
    e->op = op;
    e->arg[0] = x;
    return e;
}

KExpr *kb_bin(KBuilder *b, KOp op, KExpr *x, KExpr *y)
{
    bool whole =
        op == KO_REM || op == KO_SHL || op == KO_SHR || op == KO_AND || op == KO_OR || op == KO_XOR;
    broken_if(!type_equal(x->type, y->type), b, "BIN of two types");
    broken_if(whole && kbase_is_float(x->type.base), b, "an integer operation on floats");
    broken_if(x->type.lanes > 1 && x->type.base != KT_F32 && (op == KO_DIV || op == KO_REM), b,
              "a division of integer vectors");
    KExpr *e = new_expr(b, KE_BIN, x->type);
    e->op = op;
    e->arg[0] = x;
    e->arg[1] = y;
    return e;
}

KExpr *kb_fma(KBuilder *b, KExpr *x, KExpr *y, KExpr *z)
{
    if (!b->target->has_fma || x->type.base != KT_F32)
        return kb_bin(b, KO_ADD, kb_bin(b, KO_MUL, x, y), z);
    broken_if(!type_equal(x->type, y->type) || !type_equal(x->type, z->type), b,
              "FMA of several types");
    KExpr *e = new_expr(b, KE_FMA, x->type);
    e->arg[0] = x;
    e->arg[1] = y;
    e->arg[2] = z;
    return e;
}

KExpr *kb_cmp(KBuilder *b, KOp op, KExpr *x, KExpr *y)
{
    broken_if(!type_equal(x->type, y->type), b, "CMP of two types");
    KExpr *e = new_expr(b, KE_CMP, KTYPE(KT_MASK, x->type.lanes));
    e->op = op;
    e->arg[0] = x;
    e->arg[1] = y;
    return e;
}

KExpr *kb_select(KBuilder *b, KExpr *mask, KExpr *x, KExpr *y)
{
    broken_if(mask->type.base != KT_MASK || mask->type.lanes != x->type.lanes ||
                  !type_equal(x->type, y->type),
              b, "SELECT of several types");
    KExpr *e = new_expr(b, KE_SELECT, x->type);
    e->arg[0] = mask;
    e->arg[1] = x;
    e->arg[2] = y;
    return e;
}

KExpr *kb_cvt_fit(KBuilder *b, KType type, KExpr *x)
{
    broken_if(type.lanes != x->type.lanes, b, "CVT changes the lanes");
    if (type.base == x->type.base)
        return x;
    if (type.base == KT_MASK)
        return kb_cmp(b, KO_NE, x, kb_const(b, x->type, 0));
    KExpr *e = new_expr(b, KE_CVT, type);
    e->arg[0] = x;
    e->fits = kbase_is_float(x->type.base) && !kbase_is_float(type.base);
    return e;
}

/* Of vectors of f32 to i32: what fits is converted, the ends and NaN are selected. */
static KExpr *cvt_saturated(KBuilder *b, KType type, KExpr *x)
{
    const double least = -2147483648.0, below = 2147483520.0; /* the greatest float below 2^31 */
    const KType f = x->type;
    const KLet *v = kb_let(b, "v", x);
    KExpr *inside = kb_bin(b, KO_MAX, kb_use(b, v), kb_const(b, f, least));
    inside = kb_cvt_fit(b, type, kb_bin(b, KO_MIN, inside, kb_const(b, f, below)));
    KExpr *above = kb_cmp(b, KO_GT, kb_use(b, v), kb_const(b, f, below));
    KExpr *ends = kb_select(b, above, kb_int(b, type, INT32_MAX), inside);
    KExpr *nan = kb_cmp(b, KO_NE, kb_use(b, v), kb_use(b, v));
    return kb_select(b, nan, kb_int(b, type, 0), ends);
}

KExpr *kb_cvt(KBuilder *b, KType type, KExpr *x)
{
    bool to_int = kbase_is_float(x->type.base) && !kbase_is_float(type.base);
    if (to_int && type.base != KT_MASK && type.lanes > 1)
        return cvt_saturated(b, type, x);
    KExpr *e = kb_cvt_fit(b, type, x);
    if (e->kind == KE_CVT && e->arg[0] == x)
        e->fits = false;
    return e;
}

KExpr *kb_bitcast(KBuilder *b, KBase base, KExpr *x)
{
    if (base == x->type.base)
        return x;
    broken_if(kbase_size(base) != kbase_size(x->type.base), b, "BITCAST changes the size");
    KExpr *e = kb_un(b, KO_BITCAST, x);
    e->type.base = base;
    return e;
}

KExpr *kb_shuf(KBuilder *b, KExpr *x, KExpr *y, const int *lanes, int n)
{
    broken_if(y && !type_equal(x->type, y->type), b, "SHUF of two types");
    int *copy = ARENA_ARRAY(b->arena, int, n);
    for (int i = 0; i < n; i++) {
        broken_if(lanes[i] < 0 || lanes[i] >= x->type.lanes * (y ? 2 : 1), b, "SHUF of no lane");
        copy[i] = lanes[i];
    }
    KExpr *e = new_expr(b, KE_SHUF, KTYPE(x->type.base, n));
    e->arg[0] = x;
    e->arg[1] = y;
    e->shuf = copy;
    return e;
}

KExpr *kb_reduce(KBuilder *b, KOp op, KExpr *x)
{
    if (x->type.lanes == 1)
        return x;
    KExpr *e = new_expr(b, KE_REDUCE, KTYPE(x->type.base, 1));
    e->op = op;
    e->arg[0] = x;
    return e;
}

KExpr *kb_call(KBuilder *b, const KFunc *f, KExpr *const *args)
{
    KExpr *e = new_expr(b, KE_CALL, f->type);
    e->func = f;
    for (int i = 0; i < f->n_params; i++) {
        broken_if(!type_equal(args[i]->type, f->param[i]->type), b, "CALL with another type");
        e->arg[i] = args[i];
    }
    return e;
}

KExpr *kb_clamp(KBuilder *b, KExpr *x, int64_t lo, int64_t hi)
{
    KExpr *above = kb_bin(b, KO_MAX, x, kb_int(b, x->type, lo));
    return kb_bin(b, KO_MIN, above, kb_int(b, x->type, hi));
}

/* ---- stores ---- */

void kb_store_dyn(KBuilder *b, const KBuf *buf, Affine at, KExpr *dyn, int64_t scale, KExpr *e,
                  int active)
{
    broken_if(e->type.base != kbase_compute(buf->base), b, "STORE of another type");
    broken_if(active < 1 || active > e->type.lanes, b, "STORE of no or too many lanes");
    KStmt *s = append(b, KS_STORE);
    s->buf = buf;
    s->at = at;
    s->expr = e;
    s->active = active;
    s->dyn = dyn;
    s->dyn_scale = dyn ? scale : 0;
}

void kb_store_tail(KBuilder *b, const KBuf *buf, Affine at, KExpr *e, int active)
{
    kb_store_dyn(b, buf, at, NULL, 0, e, active);
}

void kb_store(KBuilder *b, const KBuf *buf, Affine at, KExpr *e)
{
    kb_store_dyn(b, buf, at, NULL, 0, e, e->type.lanes);
}

void kb_prefetch(KBuilder *b, const KBuf *buf, Affine at, int cache)
{
    KStmt *s = append(b, KS_PREFETCH);
    s->buf = buf;
    s->at = at;
    s->cache = cache;
}

/* ---- functions ---- */

KBuilder *kb_func(Arena *a, const Target *target, const char *name, int n_params,
                  const KType *param_types)
{
    static const char *const names[] = {"x", "y", "z"};
    KBuilder *b = new_builder(a, target);
    b->func = ARENA_NEW(a, KFunc);
    b->func->name = arena_strdup(a, name);
    b->func->n_params = n_params;
    broken_if(n_params > (int)(sizeof names / sizeof names[0]), b, "too many parameters");
    for (int i = 0; i < n_params; i++) {
        b->func->param[i] = ARENA_NEW(a, KLet);
        *b->func->param[i] = (KLet){unique(b, names[i]), param_types[i]};
    }
    b->tail[0] = &b->func->body;
    return b;
}

const KLet *kb_param(const KBuilder *b, int i)
{
    return b->func->param[i];
}

KFunc *kb_func_finish(KBuilder *b, KExpr *result, const char *note)
{
    b->func->type = result->type;
    b->func->result = result;
    b->func->note = arena_strdup(b->arena, note);
    return b->func;
}

KFunc *kb_external(Arena *a, const char *c_name, int n_params)
{
    const KType f64[] = {KTYPE(KT_F64, 1), KTYPE(KT_F64, 1)};
    KBuilder *b = kb_func(a, NULL, c_name, n_params, f64);
    broken_if(n_params > 2, b, "too many parameters");
    b->func->external = b->func->name;
    b->func->type = f64[0];
    b->func->note = arena_printf(a, "%s of the C library", c_name);
    return b->func;
}
