/* Expands UNROLL loops: the body is copied once an iteration with the variable replaced by its
 * value, so that register indices become constants and every printer sees straight-line code.
 * Conditions that become constant are resolved. Lets and registers declared inside an expanded
 * body get a copy each, named after the iteration: w_0, w_1… */
#include "codegen/lower.h"

/* One substitution: a loop variable by a number, or a let or register by its copy. */
typedef struct Subst {
    const struct Subst *up;
    const void *from;
    const void *to; /* NULL: the number */
    int64_t value;
} Subst;

typedef struct Unroller {
    Arena *arena;
    const Subst *env;
    const char *suffix; /* of copied names: "", "_0", "_0_1"… */
} Unroller;

static const Subst *lookup(const Unroller *u, const void *from)
{
    for (const Subst *s = u->env; s; s = s->up)
        if (s->from == from)
            return s;
    return NULL;
}

static void bind(Unroller *u, const void *from, const void *to, int64_t value)
{
    Subst *s = ARENA_NEW(u->arena, Subst);
    *s = (Subst){u->env, from, to, value};
    u->env = s;
}

static Affine subst_affine(const Unroller *u, const Affine *a)
{
    Affine r = aff(a->c);
    for (int i = 0; i < a->n; i++) {
        const Subst *s = lookup(u, a->t[i].v);
        if (s)
            r.c += a->t[i].k * s->value;
        else
            r = aff_add(r, aff_mul(aff_var(a->t[i].v), a->t[i].k));
    }
    return r;
}

static KExpr *copy_expr(const Unroller *u, const KExpr *e)
{
    if (e == NULL)
        return NULL;
    KExpr *c = ARENA_NEW(u->arena, KExpr);
    *c = *e;
    for (int i = 0; i < 3; i++)
        c->arg[i] = copy_expr(u, e->arg[i]);
    c->dyn = copy_expr(u, e->dyn);
    c->at = subst_affine(u, &e->at);
    if (e->kind == KE_GET) {
        const Subst *s = lookup(u, e->reg);
        c->reg = s ? s->to : e->reg;
        c->idx[0] = subst_affine(u, &e->idx[0]);
        c->idx[1] = subst_affine(u, &e->idx[1]);
    } else if (e->kind == KE_LETREF) {
        const Subst *s = lookup(u, e->let);
        c->let = s ? s->to : e->let;
    }
    return c;
}

static KStmt **copy_stmts(Unroller *u, const KStmt *s, KStmt **tail);

/* The iterations of an UNROLL loop, one after another. */
static KStmt **expand(Unroller *u, const KStmt *loop, KStmt **tail)
{
    Unroller saved = *u;
    for (int64_t i = loop->var->lo; i < loop->var->hi; i += loop->var->step) {
        *u = saved;
        u->suffix = arena_printf(u->arena, "%s_%lld", saved.suffix, (long long)i);
        bind(u, loop->var, NULL, i);
        tail = copy_stmts(u, loop->body, tail);
    }
    *u = saved;
    return tail;
}

static KStmt **copy_block(Unroller *u, const KStmt *s, KStmt *c, KStmt **tail)
{
    Unroller saved = *u;
    *copy_stmts(u, s->body, &c->body) = NULL;
    *u = saved;
    *tail = c;
    return &c->next;
}

/* A condition that is known becomes its body or nothing. */
static KStmt **copy_if(Unroller *u, const KStmt *s, KStmt *c, KStmt **tail)
{
    int64_t lo, hi;
    c->at = subst_affine(u, &s->at);
    aff_range(&c->at, &lo, &hi);
    if (hi < 0)
        return tail;
    if (lo >= 0) {
        Unroller saved = *u;
        tail = copy_stmts(u, s->body, tail);
        u->suffix = saved.suffix;
        u->env = saved.env;
        return tail;
    }
    return copy_block(u, s, c, tail);
}

static KStmt **copy_stmt(Unroller *u, const KStmt *s, KStmt **tail)
{
    if (s->kind == KS_FOR && s->loop == KL_UNROLL)
        return expand(u, s, tail);
    KStmt *c = ARENA_NEW(u->arena, KStmt);
    *c = *s;
    c->next = NULL;
    c->body = NULL;
    c->expr = copy_expr(u, s->expr);
    c->dyn = copy_expr(u, s->dyn);
    switch (s->kind) {
    case KS_FOR:
        return copy_block(u, s, c, tail);
    case KS_IF:
        return copy_if(u, s, c, tail);
    case KS_LET:
        if (*u->suffix) {
            c->let = ARENA_NEW(u->arena, KLet);
            *c->let = (KLet){arena_printf(u->arena, "%s%s", s->let->name, u->suffix), s->let->type};
            bind(u, s->let, c->let, 0);
        }
        break;
    case KS_REG:
        if (*u->suffix) {
            KReg *r = ARENA_NEW(u->arena, KReg);
            *r = *s->reg;
            r->name = arena_printf(u->arena, "%s%s", s->reg->name, u->suffix);
            bind(u, s->reg, r, 0);
            c->reg = r;
        }
        break;
    case KS_SET: {
        const Subst *r = lookup(u, s->reg);
        c->reg = r ? r->to : s->reg;
        c->idx[0] = subst_affine(u, &s->idx[0]);
        c->idx[1] = subst_affine(u, &s->idx[1]);
        break;
    }
    case KS_STORE:
    case KS_PREFETCH:
        c->at = subst_affine(u, &s->at);
        break;
    case KS_NOTE:
        break;
    }
    *tail = c;
    return &c->next;
}

static KStmt **copy_stmts(Unroller *u, const KStmt *s, KStmt **tail)
{
    for (; s; s = s->next)
        tail = copy_stmt(u, s, tail);
    return tail;
}

static bool has_unroll(const KStmt *s)
{
    for (; s; s = s->next)
        if ((s->kind == KS_FOR && s->loop == KL_UNROLL) || has_unroll(s->body))
            return true;
    return false;
}

void kernel_unroll(Arena *a, Kernel *k)
{
    if (!has_unroll(k->body))
        return;
    Unroller u = {a, NULL, ""};
    KStmt *body = NULL;
    *copy_stmts(&u, k->body, &body) = NULL;
    k->body = body;
}
