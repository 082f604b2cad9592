/* The lower bound on the arena, by sweeping over the nodes. */
#include "driver/explain.h"

#include <stdlib.h>

typedef struct Span {
    int64_t begin, end; /* bytes of the arena */
    int first, last;    /* nodes between which it is alive */
} Span;

static int by_begin(const void *a, const void *b)
{
    const Span *x = a, *y = b;
    return (x->begin > y->begin) - (x->begin < y->begin);
}

/* Position of the last node that reads the value; its maker when nobody does. */
static int last_use(const Graph *g, const Value *v)
{
    int last = v->def ? graph_position(g, v->def) : 0;
    for (int i = 0; i < v->n_users; i++) {
        int at = graph_position(g, v->users[i]);
        last = at > last ? at : last;
    }
    return last;
}

/* The spans of everything in the arena, sorted by address. */
static Span *collect_spans(const Graph *g, int *count)
{
    Span *spans = ARENA_ARRAY(g->arena, Span, g->n_values + g->n_nodes + 1);
    int n = 0;
    for (int i = 0; i < g->n_values; i++) {
        const Value *v = g->values[i];
        if (v->place.kind != PLACE_ARENA || v->def == NULL || v->def->dead)
            continue;
        spans[n++] = (Span){v->place.offset, v->place.offset + value_physical_bytes(v),
                            graph_position(g, v->def), last_use(g, v)};
    }
    for (int i = 0; i < g->n_nodes; i++) {
        const Plan *p = &g->nodes[i]->plan;
        if (p->scratch_bytes > 0)
            spans[n++] = (Span){p->scratch_offset, p->scratch_offset + p->scratch_bytes, i, i};
    }
    qsort(spans, (size_t)n, sizeof *spans, by_begin);
    *count = n;
    return spans;
}

int64_t *arena_live_bytes(const Graph *g, int64_t *greatest)
{
    int n;
    const Span *spans = collect_spans(g, &n);
    int64_t *live = ARENA_ARRAY(g->arena, int64_t, g->n_nodes + 1);
    *greatest = 0;
    for (int at = 0; at < g->n_nodes; at++) {
        int64_t bytes = 0, covered = 0; /* sum of the union, up to address `covered` */
        for (int i = 0; i < n; i++) {
            const Span *s = &spans[i];
            if (at < s->first || at > s->last || s->end <= covered)
                continue;
            bytes += s->end - (s->begin > covered ? s->begin : covered);
            covered = s->end;
        }
        live[at] = bytes;
        *greatest = bytes > *greatest ? bytes : *greatest;
    }
    return live;
}
