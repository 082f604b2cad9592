/* The verifier of kernels: scopes, trees, register indices, and a proof that every load and store
 * stays inside its buffer. The iterations of a parallel loop may set only registers of their own,
 * and must store at places, or under conditions, that depend on the loop variable.
 *
 * The proof is interval arithmetic over the loop ranges, sharpened by the enclosing conditions:
 * where an index e may be negative but some condition c >= 0 holds, e = m*c + (e - m*c) for a
 * positive m that cancels a variable, and the rest has a better bound. */
#include "ir/kernel.h"

#include <stdlib.h>

enum { MAX_CONDITIONS = 16 };

typedef struct Scope { /* loop variables, lets and registers that are visible */
    const struct Scope *up;
    const void *name;
} Scope;

typedef struct Verifier {
    Arena *arena;
    const Kernel *kernel;
    bool unrolled;
    const Scope *scope;
    const Affine *cond[MAX_CONDITIONS];
    int n_conds;
    int depth;                   /* of loops */
    const KVar *parallel;        /* of the enclosing parallel loop */
    const Scope *parallel_scope; /* what is visible outside it */
    const KExpr **visited;
    size_t n_visited, cap_visited;
    const char **why;
} Verifier;

static bool fail(Verifier *v, const char *format, const char *name)
{
    *v->why = arena_printf(v->arena, format, name);
    return false;
}

static bool in_scope(const Scope *s, const void *name)
{
    for (; s; s = s->up)
        if (s->name == name)
            return true;
    return false;
}

static bool visible(const Verifier *v, const void *name)
{
    return in_scope(v->scope, name);
}

static void declare(Verifier *v, const void *name)
{
    Scope *s = ARENA_NEW(v->arena, Scope);
    *s = (Scope){v->scope, name};
    v->scope = s;
}

/* ---- bounds ---- */

/* Whether `e` >= 0 follows from the loop ranges and the first n conditions. */
static bool provable(const Verifier *v, const Affine *e, int n)
{
    int64_t lo, hi;
    aff_range(e, &lo, &hi);
    if (lo >= 0)
        return true;
    if (n == 0)
        return false;
    const Affine *c = v->cond[n - 1];
    for (int i = 0; i < c->n; i++)
        for (int j = 0; j < e->n; j++) {
            int64_t p = e->t[j].k, q = c->t[i].k;
            if (e->t[j].v != c->t[i].v || (p > 0) != (q > 0))
                continue;
            /* |q| e = |p| c + rest */
            Affine rest = aff_sub(aff_mul(*e, llabs(q)), aff_mul(*c, llabs(p)));
            if (provable(v, &rest, n - 1))
                return true;
        }
    return provable(v, e, n - 1);
}

static bool const_int(const KExpr *e, int64_t *value)
{
    if (e == NULL || e->kind != KE_CONST)
        return false;
    *value = e->i;
    return true;
}

/* The range of a dynamic index, from its clamp. */
static bool clamp_range(const KExpr *e, int64_t *lo, int64_t *hi)
{
    if (e->kind != KE_BIN || e->op != KO_MIN || e->type.lanes != 1 || !const_int(e->arg[1], hi))
        return false;
    const KExpr *m = e->arg[0];
    return m->kind == KE_BIN && m->op == KO_MAX && const_int(m->arg[1], lo) && *lo <= *hi;
}

static bool check_access(Verifier *v, const KBuf *buf, const Affine *at, int active,
                         const KExpr *dyn, int64_t scale)
{
    int64_t least = 0, greatest = 0;
    if (buf->index >= v->kernel->n_bufs || v->kernel->buf[buf->index] != buf)
        return fail(v, "buffer %s is not of this kernel", buf->name);
    for (int i = 0; i < at->n; i++)
        if (!visible(v, at->t[i].v))
            return fail(v, "loop variable %s out of scope", at->t[i].v->name);
    if (dyn) {
        int64_t lo = 0, hi = 0;
        if (!clamp_range(dyn, &lo, &hi))
            return fail(v, "a dynamic index into %s is not clamped", buf->name);
        least = scale < 0 ? scale * hi : scale * lo;
        greatest = scale < 0 ? scale * lo : scale * hi;
    }
    Affine first = aff_addc(*at, least);
    Affine room = aff_sub(aff(buf->n - active - greatest), *at);
    if (!provable(v, &first, v->n_conds))
        return fail(v, "an access may lie before the start of %s", buf->name);
    if (!provable(v, &room, v->n_conds))
        return fail(v, "an access may lie behind the end of %s", buf->name);
    return true;
}

/* ---- expressions ---- */

static size_t visited_slot(const Verifier *v, const KExpr *e)
{
    size_t i = (size_t)(((uintptr_t)e >> 4) * 0x9E3779B97F4A7C15u) & (v->cap_visited - 1);
    while (v->visited[i] && v->visited[i] != e)
        i = (i + 1) & (v->cap_visited - 1);
    return i;
}

/* False when the expression was met before: it is not part of one tree. */
static bool visit(Verifier *v, const KExpr *e)
{
    if (2 * v->n_visited >= v->cap_visited) {
        Verifier bigger = *v;
        bigger.cap_visited = v->cap_visited ? 2 * v->cap_visited : 1024;
        bigger.visited = ARENA_ARRAY(v->arena, const KExpr *, bigger.cap_visited);
        for (size_t i = 0; i < v->cap_visited; i++)
            if (v->visited[i])
                bigger.visited[visited_slot(&bigger, v->visited[i])] = v->visited[i];
        *v = bigger;
    }
    size_t at = visited_slot(v, e);
    if (v->visited[at])
        return false;
    v->visited[at] = e;
    v->n_visited++;
    return true;
}

static bool check_reg(Verifier *v, const KReg *r, const Affine idx[2])
{
    if (!visible(v, r))
        return fail(v, "register %s out of scope", r->name);
    for (int i = 0; i < 2; i++) {
        int64_t lo, hi;
        aff_range(&idx[i], &lo, &hi);
        if (v->unrolled && idx[i].n != 0)
            return fail(v, "register %s has an index that is not constant", r->name);
        if (lo < 0 || hi >= r->dim[i])
            return fail(v, "register %s is indexed outside", r->name);
    }
    return true;
}

/* Registers have compute types; vectors are of f32, i32 and mask. */
static bool check_type(Verifier *v, KType t)
{
    bool vector = t.base == KT_F32 || t.base == KT_I32 || t.base == KT_MASK;
    if (kbase_compute(t.base) != t.base)
        return fail(v, "an expression has the memory type %s", kbase_name(t.base));
    return t.lanes == 1 || vector || fail(v, "a vector of %s", kbase_name(t.base));
}

static bool check_memory_type(Verifier *v, const KBuf *buf, KType t)
{
    if (t.base != kbase_compute(buf->base) || buf->base == KT_MASK)
        return fail(v, "%s is accessed as another type", buf->name);
    return true;
}

static bool check_expr(Verifier *v, const KExpr *e)
{
    if (!visit(v, e))
        return fail(v, "%s: an expression is used twice", v->kernel->name);
    if (!check_type(v, e->type))
        return false;
    for (int i = 0; i < 3; i++)
        if (e->arg[i] && !check_expr(v, e->arg[i]))
            return false;
    if (e->dyn && !check_expr(v, e->dyn))
        return false;
    switch (e->kind) {
    case KE_GET:
        return check_reg(v, e->reg, e->idx);
    case KE_LETREF:
        return visible(v, e->let) || fail(v, "let %s out of scope", e->let->name);
    case KE_INDEX:
        for (int i = 0; i < e->at.n; i++)
            if (!visible(v, e->at.t[i].v))
                return fail(v, "loop variable %s out of scope", e->at.t[i].v->name);
        return true;
    case KE_LOAD:
        if (!(e->buf->access & K_READ))
            return fail(v, "%s is read but not readable", e->buf->name);
        if (!check_memory_type(v, e->buf, e->type))
            return false;
        return check_access(v, e->buf, &e->at, e->active, e->dyn, e->dyn_scale);
    default:
        return true;
    }
}

/* ---- statements ---- */

static bool check_stmts(Verifier *v, const KStmt *s);

static bool mentions(const Affine *a, const KVar *var)
{
    for (int i = 0; i < a->n; i++)
        if (a->t[i].v == var)
            return true;
    return false;
}

/* Whether a SET or STORE leaves the iterations of the enclosing parallel loop independent. */
static bool check_independent(Verifier *v, const KStmt *s)
{
    if (v->parallel == NULL)
        return true;
    if (s->kind == KS_SET)
        return !in_scope(v->parallel_scope, s->reg) ||
               fail(v, "a parallel loop sets register %s of its surroundings", s->reg->name);
    bool depends = mentions(&s->at, v->parallel);
    for (int i = 0; i < v->n_conds; i++)
        depends = depends || mentions(v->cond[i], v->parallel);
    return depends ||
           fail(v, "iterations of a parallel loop store at the same place of %s", s->buf->name);
}

static bool check_for(Verifier *v, const KStmt *s)
{
    const Scope *scope = v->scope;
    if (s->loop == KL_PARALLEL && v->depth != 0)
        return fail(v, "parallel loop %s is not outermost", s->var->name);
    if (s->expr &&
        (s->loop != KL_SERIAL || s->expr->type.base != KT_I64 || s->expr->type.lanes != 1))
        return fail(v, "loop %s has a limit that is no i64, or is not serial", s->var->name);
    if (s->loop == KL_UNROLL && v->unrolled)
        return fail(v, "loop %s is still to be unrolled", s->var->name);
    if (s->var->lo >= s->var->hi) /* never runs: nothing inside can go wrong */
        return true;
    if (s->loop == KL_PARALLEL && s->var->hi - s->var->lo > s->var->step) {
        v->parallel = s->var;
        v->parallel_scope = scope;
    }
    declare(v, s->var);
    v->depth++;
    bool ok = check_stmts(v, s->body);
    v->depth--;
    v->scope = scope;
    if (v->parallel == s->var)
        v->parallel = NULL;
    return ok;
}

static bool check_if(Verifier *v, const KStmt *s)
{
    const Scope *scope = v->scope;
    int64_t lo, hi;
    aff_range(&s->at, &lo, &hi);
    if (hi < 0)
        return true;
    if (v->n_conds == MAX_CONDITIONS)
        return fail(v, "%s: conditions nest too deep", v->kernel->name);
    v->cond[v->n_conds++] = &s->at;
    bool ok = check_stmts(v, s->body);
    v->n_conds--;
    v->scope = scope;
    return ok;
}

static bool check_stmt(Verifier *v, const KStmt *s)
{
    if (s->dyn && !check_expr(v, s->dyn))
        return false;
    if (s->expr && !check_expr(v, s->expr))
        return false;
    switch (s->kind) {
    case KS_FOR:
        return check_for(v, s);
    case KS_IF:
        return check_if(v, s);
    case KS_REG:
        declare(v, s->reg);
        return check_type(v, s->reg->type);
    case KS_SET:
        return check_reg(v, s->reg, s->idx) && check_independent(v, s);
    case KS_LET:
        if (visible(v, s->let))
            return fail(v, "let %s is set twice", s->let->name);
        declare(v, s->let);
        return true;
    case KS_STORE:
        if (!(s->buf->access & K_WRITE))
            return fail(v, "%s is written but not writable", s->buf->name);
        return s->expr != NULL && check_memory_type(v, s->buf, s->expr->type) &&
               check_access(v, s->buf, &s->at, s->active, s->dyn, s->dyn_scale) &&
               check_independent(v, s);
    case KS_PREFETCH:
    case KS_NOTE:
        return true;
    }
    return false;
}

static bool check_stmts(Verifier *v, const KStmt *s)
{
    for (; s; s = s->next)
        if (!check_stmt(v, s))
            return false;
    return true;
}

bool kernel_verify(Arena *a, const Kernel *k, bool unrolled, const char **why)
{
    Verifier v = {.arena = a, .kernel = k, .unrolled = unrolled, .why = why};
    return check_stmts(&v, k->body);
}
