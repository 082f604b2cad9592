/* Pointers that a block declares for itself: where several accesses to a buffer differ by a
 * constant only, the part that they share is written once,
 *
 *     const float *const x_at = x + oy * 896 + ox * 16;
 *     … x_at[3] … vload(x_at + 16) …
 *
 * The pointer is the address of the access with the least constant. The accesses that count are
 * those that the block itself makes whenever it is entered, so the address is one inside the
 * buffer. */
#include "codegen/emit.h"

#include <stdlib.h>

typedef struct Pointer {
    const KBuf *buf;
    Affine at; /* what it points to; its constant is the least of the group */
    int uses;
    const char *name; /* NULL while the block is being searched */
} Pointer;

/* Whether two tidy sums differ by a constant only. */
static bool same_terms(const Affine *a, const Affine *b)
{
    if (a->n != b->n)
        return false;
    for (int i = 0; i < a->n; i++) {
        int j = 0;
        while (j < b->n && (b->t[j].v != a->t[i].v || b->t[j].k != a->t[i].k))
            j++;
        if (j == b->n)
            return false;
    }
    return true;
}

static Pointer *find(const Printer *p, int first, const KBuf *buf, const Affine *at)
{
    for (int i = p->n_pointers - 1; i >= first; i--)
        if (p->pointers[i].buf == buf && same_terms(&p->pointers[i].at, at))
            return &p->pointers[i];
    return NULL;
}

/* ---- what a block accesses ---- */

static void count_access(Printer *p, int first, const KBuf *buf, const Affine *index)
{
    Affine at = affine_tidy(index);
    const Pointer *outer = find(p, 0, buf, &at);
    if (at.n == 0 || (outer && outer->name && at.c >= outer->at.c))
        return;
    Pointer *q = find(p, first, buf, &at);
    if (q == NULL) {
        const Pointer fresh = {buf, at, 0, NULL};
        ARENA_PUSH(p->arena, p, pointers, n_pointers, cap_pointers, fresh);
        q = &p->pointers[p->n_pointers - 1];
    }
    q->uses++;
    if (at.c < q->at.c)
        q->at.c = at.c;
}

static void count_loads(Printer *p, int first, const KExpr *e)
{
    if (e == NULL)
        return;
    for (int i = 0; i < 3; i++)
        count_loads(p, first, e->arg[i]);
    count_loads(p, first, e->dyn);
    if (e->kind == KE_LOAD && e->dyn == NULL)
        count_access(p, first, e->buf, &e->at);
}

static void count_block(Printer *p, int first, const KStmt *s)
{
    for (; s; s = s->next) {
        if (!stmt_is_live(p, s))
            continue;
        if (s->kind == KS_FOR && runs_once(s->var))
            count_block(p, first, s->body);
        count_loads(p, first, s->expr);
        count_loads(p, first, s->dyn);
        if (s->kind == KS_STORE && s->dyn == NULL)
            count_access(p, first, s->buf, &s->at);
    }
}

/* ---- declarations and uses ---- */

/* Whether the lines become shorter by more than the declaration is long. */
static bool is_worth_it(const Pointer *q)
{
    bool plain = q->at.n == 1 && q->at.t[0].k == 1;
    return !plain && q->uses >= (q->at.n == 1 ? 3 : 2);
}

int pointers_open(Printer *p, int indent, const KStmt *block)
{
    const int first = p->n_pointers;
    int n = first;
    count_block(p, first, block);
    for (int i = first; i < p->n_pointers; i++) {
        Pointer *q = &p->pointers[i];
        if (!is_worth_it(q))
            continue;
        Text line = text_new(p->arena);
        const char *buffer = name_of(&p->names, q->buf);
        q->name = name_give(&p->names, NULL, arena_printf(p->arena, "%s_at", buffer));
        text_add(&line, "%s%s *const %s = %s + ", q->buf->access & K_WRITE ? "" : "const ",
                 ctype_memory(q->buf->base), q->name, buffer);
        print_affine(p, &line, &q->at, BIND_ANY);
        text_puts(&line, ";");
        text_line(&p->out, indent, text_str(&line));
        p->pointers[n++] = *q;
    }
    p->n_pointers = n;
    return first;
}

void pointers_close(Printer *p, int first)
{
    p->n_pointers = first;
}

const char *pointer_for(const Printer *p, const KBuf *buf, const Affine *at, int64_t *offset)
{
    Affine tidy = affine_tidy(at);
    const Pointer *q = find(p, 0, buf, &tidy);
    if (q == NULL || q->name == NULL || tidy.c < q->at.c)
        return NULL;
    *offset = tidy.c - q->at.c;
    return q->name;
}
