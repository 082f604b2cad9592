/* Affine indices: sums of constant multiples of loop variables, and their ranges. */
#include "ir/kernel.h"

#include <stdlib.h>

Affine aff(int64_t c)
{
    Affine a = {.c = c};
    return a;
}

Affine aff_var(const KVar *v)
{
    Affine a = {.n = 1};
    a.t[0].v = v;
    a.t[0].k = 1;
    return a;
}

/* a += k * v, terms kept in order of first appearance, zero terms dropped. */
static void add_term(Affine *a, const KVar *v, int64_t k)
{
    for (int i = 0; i < a->n; i++) {
        if (a->t[i].v != v)
            continue;
        a->t[i].k += k;
        if (a->t[i].k == 0) {
            a->n--;
            for (int j = i; j < a->n; j++)
                a->t[j] = a->t[j + 1];
        }
        return;
    }
    if (a->n == MAX_AFFINE_TERMS)
        abort(); /* no lowering nests this deep */
    a->t[a->n].v = v;
    a->t[a->n++].k = k;
}

static Affine combine(Affine a, Affine b, int64_t k)
{
    a.c += k * b.c;
    if (k != 0)
        for (int i = 0; i < b.n; i++)
            add_term(&a, b.t[i].v, k * b.t[i].k);
    return a;
}

Affine aff_add(Affine a, Affine b)
{
    return combine(a, b, 1);
}

Affine aff_sub(Affine a, Affine b)
{
    return combine(a, b, -1);
}

Affine aff_addc(Affine a, int64_t c)
{
    a.c += c;
    return a;
}

Affine aff_mul(Affine a, int64_t k)
{
    return combine(aff(0), a, k);
}

bool aff_is_const(const Affine *a)
{
    return a->n == 0;
}

void aff_range(const Affine *a, int64_t *lo, int64_t *hi)
{
    *lo = *hi = a->c;
    for (int i = 0; i < a->n; i++) {
        const KVar *v = a->t[i].v;
        int64_t trips = v->hi > v->lo ? (v->hi - v->lo - 1) / v->step : 0;
        int64_t first = a->t[i].k * v->lo, last = a->t[i].k * (v->lo + trips * v->step);
        *lo += first < last ? first : last;
        *hi += first < last ? last : first;
    }
}
