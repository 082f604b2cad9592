/* Equality of kernels up to names and notes.
 *
 * A kernel is written as a flat list of integers in which variables, lets and registers stand as
 * their order of appearance; two kernels are equal when their lists are. */
#include "ir/kernel.h"

#include <stdlib.h>
#include <string.h>

typedef struct Tokens {
    int64_t *v;
    size_t n, cap;
    const void **seen; /* open addressing: pointer -> number */
    int64_t *number;
    size_t n_seen, cap_seen; /* capacity is a power of two */
    bool failed;             /* no memory: equal to nothing */
} Tokens;

static void put(Tokens *t, int64_t x)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 1024;
        int64_t *v = realloc(t->v, cap * sizeof *v);
        if (v == NULL) {
            t->failed = true;
            return;
        }
        t->v = v;
        t->cap = cap;
    }
    t->v[t->n++] = x;
}

static size_t slot_of(const Tokens *t, const void *p)
{
    size_t i = (size_t)(((uintptr_t)p >> 4) * 0x9E3779B97F4A7C15u) & (t->cap_seen - 1);
    while (t->seen[i] && t->seen[i] != p)
        i = (i + 1) & (t->cap_seen - 1);
    return i;
}

static void grow_seen(Tokens *t)
{
    Tokens bigger = *t;
    bigger.cap_seen = t->cap_seen ? 2 * t->cap_seen : 256;
    bigger.seen = calloc(bigger.cap_seen, sizeof *bigger.seen);
    bigger.number = calloc(bigger.cap_seen, sizeof *bigger.number);
    if (bigger.seen == NULL || bigger.number == NULL) {
        free(bigger.seen);
        free(bigger.number);
        t->failed = true;
        return;
    }
    for (size_t i = 0; i < t->cap_seen; i++) {
        if (t->seen[i] == NULL)
            continue;
        size_t at = slot_of(&bigger, t->seen[i]);
        bigger.seen[at] = t->seen[i];
        bigger.number[at] = t->number[i];
    }
    free(t->seen);
    free(t->number);
    *t = bigger;
}

/* The order of appearance of a variable, let or register. */
static void put_name(Tokens *t, const void *p)
{
    if (2 * t->n_seen >= t->cap_seen)
        grow_seen(t);
    if (t->failed)
        return;
    size_t at = slot_of(t, p);
    if (t->seen[at] == NULL) {
        t->seen[at] = p;
        t->number[at] = (int64_t)t->n_seen++;
    }
    put(t, t->number[at]);
}

static void put_affine(Tokens *t, const Affine *a)
{
    put(t, a->c);
    put(t, a->n);
    for (int i = 0; i < a->n; i++) {
        put_name(t, a->t[i].v);
        put(t, a->t[i].k);
    }
}

static void put_type(Tokens *t, KType type)
{
    put(t, type.base * 1024 + type.lanes);
}

static void put_expr(Tokens *t, const KExpr *e)
{
    if (e == NULL || t->failed) {
        put(t, -1);
        return;
    }
    put(t, ((int64_t)e->kind * 64 + (int64_t)e->op) * 2 + e->fits);
    put_type(t, e->type);
    switch (e->kind) {
    case KE_CONST: {
        int64_t bits;
        memcpy(&bits, &e->f, sizeof bits);
        put(t, bits);
        put(t, e->i);
        break;
    }
    case KE_GET:
        put_name(t, e->reg);
        put_affine(t, &e->idx[0]);
        put_affine(t, &e->idx[1]);
        break;
    case KE_LETREF:
        put_name(t, e->let);
        break;
    case KE_LOAD:
        put(t, e->buf->index);
        put(t, e->active);
        put(t, e->dyn_scale);
        put_expr(t, e->dyn);
        put_affine(t, &e->at);
        break;
    case KE_INDEX:
        put_affine(t, &e->at);
        break;
    case KE_SHUF:
        for (int i = 0; i < e->type.lanes; i++)
            put(t, e->shuf[i]);
        break;
    case KE_CALL:
        put(t, (int64_t)(intptr_t)e->func);
        break;
    default:
        break;
    }
    for (int i = 0; i < 3; i++)
        put_expr(t, e->arg[i]);
}

static void put_stmts(Tokens *t, const KStmt *s)
{
    for (; s && !t->failed; s = s->next) {
        if (s->kind == KS_NOTE)
            continue;
        put(t, s->kind);
        switch (s->kind) {
        case KS_FOR:
            put_name(t, s->var);
            put(t, s->var->lo);
            put(t, s->var->hi);
            put(t, s->var->step);
            put(t, s->loop);
            put(t, s->expr != NULL);
            break;
        case KS_REG:
            put_name(t, s->reg);
            put_type(t, s->reg->type);
            put(t, s->reg->rank);
            put(t, (int64_t)s->reg->dim[0] * 65536 + s->reg->dim[1]);
            break;
        case KS_SET:
            put_name(t, s->reg);
            put_affine(t, &s->idx[0]);
            put_affine(t, &s->idx[1]);
            break;
        case KS_LET:
            put_name(t, s->let);
            break;
        case KS_PREFETCH:
            put(t, s->cache);
            put(t, s->buf->index);
            put_affine(t, &s->at);
            break;
        case KS_STORE:
            put(t, s->buf->index);
            put(t, s->active);
            put(t, s->dyn_scale);
            put_expr(t, s->dyn);
            put_affine(t, &s->at);
            break;
        default:
            put_affine(t, &s->at);
            break;
        }
        if (s->expr)
            put_expr(t, s->expr);
        put_stmts(t, s->body);
    }
    put(t, -2);
}

static Tokens tokens_of(const Kernel *k)
{
    Tokens t = {0};
    put(&t, k->n_bufs);
    for (int i = 0; i < k->n_bufs; i++) {
        put(&t, k->buf[i]->base);
        put(&t, k->buf[i]->n);
        put(&t, k->buf[i]->access);
    }
    put_stmts(&t, k->body);
    free(t.seen);
    free(t.number);
    return t;
}

uint64_t kernel_hash(const Kernel *k)
{
    Tokens t = tokens_of(k);
    uint64_t h = 0xCBF29CE484222325u;
    for (size_t i = 0; i < t.n; i++) {
        h = (h ^ (uint64_t)t.v[i]) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    free(t.v);
    return h;
}

bool kernel_equal(const Kernel *a, const Kernel *b)
{
    Tokens x = tokens_of(a), y = tokens_of(b);
    bool equal = !x.failed && !y.failed && x.n == y.n && memcmp(x.v, y.v, x.n * sizeof *x.v) == 0;
    free(x.v);
    free(y.v);
    return equal;
}
