/* memory: a place for every value and every scratch buffer.
 *
 * In: a graph in its final order. Out: places, ALGO_VIEW on nodes that need no code, g->arena_bytes
 * and g->arena_floor (no placement can be smaller). Values share memory as lifetime.c decides. The
 * storages and scratch buffers of the arena are then packed: one after another, in several orders,
 * each into the smallest gap that is free during its life; the best result stays. */
#include "passes/lifetime.h"
#include "passes/rewrite.h"

#include <stdlib.h>
#include <string.h>

enum {
    MANY_ITEMS = 5000,
    SEARCH_WORK = 20000000,
    MAX_SEARCH_STEPS = 2000
}; /* some hundredths of a second */

/* A piece of the arena with the span of its life, both ends included. */
typedef struct Item {
    int first, last;
    int64_t bytes, offset;
    int storage; /* -1: the scratch of `node` */
    Node *node;
} Item;

/* ---- packing ---- */

static int by_size(const void *a, const void *b)
{
    const Item *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return x->first != y->first ? (x->first > y->first) - (x->first < y->first)
                                : (x->storage > y->storage) - (x->storage < y->storage);
}

static int by_time(const void *a, const void *b)
{
    const Item *x = a, *y = b;
    if (x->first != y->first)
        return x->first > y->first ? 1 : -1;
    return by_size(a, b);
}

/* Longest life first: what is always there lies at the bottom. */
static int by_span(const void *a, const void *b)
{
    const Item *x = a, *y = b;
    int span_x = x->last - x->first, span_y = y->last - y->first;
    if (span_x != span_y)
        return span_x > span_y ? -1 : 1;
    return by_size(a, b);
}

static bool lives_overlap(const Item *a, const Item *b)
{
    return a->first <= b->last && b->first <= a->last;
}

/* The smallest gap for `item` between the placed items that live at the same time; `placed` is
 * sorted by offset. */
static int64_t best_gap(Item *const *placed, int n, const Item *item)
{
    int64_t end = 0, best = -1, best_room = INT64_MAX;
    for (int i = 0; i < n; i++) {
        const Item *p = placed[i];
        if (!lives_overlap(p, item))
            continue;
        int64_t room = p->offset - end;
        if (room >= item->bytes && room < best_room) {
            best = end;
            best_room = room;
        }
        if (p->offset + p->bytes > end)
            end = p->offset + p->bytes;
    }
    return best >= 0 ? best : end;
}

/* Places the items in their order; returns the bytes needed. `placed` is room for n pointers. */
static int64_t pack_items(Item **placed, Item *items, int n)
{
    int64_t total = 0;
    for (int i = 0; i < n; i++) {
        items[i].offset = best_gap(placed, i, &items[i]);
        if (items[i].offset + items[i].bytes > total)
            total = items[i].offset + items[i].bytes;
        int k = i;
        for (; k > 0 && placed[k - 1]->offset > items[i].offset; k--)
            placed[k] = placed[k - 1];
        placed[k] = &items[i];
    }
    return total;
}

/* The same for very many items, in the order of time: a gap is looked for among those alive only.
 */
static int64_t pack_in_time(Item **alive, Item *items, int n)
{
    int64_t total = 0;
    int n_alive = 0;
    qsort(items, (size_t)n, sizeof(Item), by_time);
    for (int i = 0; i < n; i++) {
        int kept = 0;
        for (int k = 0; k < n_alive; k++)
            if (alive[k]->last >= items[i].first)
                alive[kept++] = alive[k];
        items[i].offset = best_gap(alive, kept, &items[i]);
        if (items[i].offset + items[i].bytes > total)
            total = items[i].offset + items[i].bytes;
        int at = kept;
        for (; at > 0 && alive[at - 1]->offset > items[i].offset; at--)
            alive[at] = alive[at - 1];
        alive[at] = &items[i];
        n_alive = kept + 1;
    }
    return total;
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

/* Small changes of the order, kept when they need no more bytes; ends at `floor`. Always the same
 * for the same items. */
static int64_t improve(Arena *a, Item *best, int n, int64_t total, int64_t floor)
{
    Item *trial = ARENA_ARRAY(a, Item, n), **placed = ARENA_ARRAY(a, Item *, n);
    int64_t steps = n > 1 ? SEARCH_WORK / ((int64_t)n * n) : 0;
    uint32_t state = 1;
    for (int64_t i = 0; i < steps && i < MAX_SEARCH_STEPS && total > floor; i++) {
        int from = (int)(next_random(&state) % (uint32_t)n),
            to = (int)(next_random(&state) % (uint32_t)n);
        memcpy(trial, best, (size_t)n * sizeof(Item));
        Item moved = trial[from];
        if (from < to)
            memmove(trial + from, trial + from + 1, (size_t)(to - from) * sizeof(Item));
        else
            memmove(trial + to + 1, trial + to, (size_t)(from - to) * sizeof(Item));
        trial[to] = moved;
        int64_t needs = pack_items(placed, trial, n);
        if (needs <= total) {
            total = needs;
            memcpy(best, trial, (size_t)n * sizeof(Item));
        }
    }
    return total;
}

/* The best of the orders, improved; `items` holds its offsets. */
static int64_t pack_best(Arena *a, Item *items, int n, int64_t floor)
{
    static int (*const orders[])(const void *, const void *) = {by_size, by_time, by_span};
    Item *best = items, **placed = ARENA_ARRAY(a, Item *, n);
    int64_t best_total = INT64_MAX;
    if (n == 0)
        return 0;
    if (n > MANY_ITEMS)
        return pack_in_time(placed, items, n);
    for (size_t i = 0; i < sizeof orders / sizeof orders[0] && best_total > floor; i++) {
        Item *trial = arena_grow(a, items, (size_t)n, (size_t)n, sizeof(Item));
        qsort(trial, (size_t)n, sizeof(Item), orders[i]);
        int64_t total = pack_items(placed, trial, n);
        if (total < best_total) {
            best_total = total;
            best = trial;
        }
    }
    best_total = improve(a, best, n, best_total, floor);
    memcpy(items, best, (size_t)n * sizeof(Item));
    return best_total;
}

/* ---- places ---- */

static Item *collect_items(const Lifetimes *l, int *n)
{
    const Graph *g = l->g;
    Item *items = ARENA_ARRAY(g->arena, Item, l->n + g->n_nodes);
    *n = 0;
    for (int i = 0; i < l->n; i++) {
        const Storage *s = &l->storages[i];
        if (s->kind == PLACE_ARENA && s->head >= 0 && s->last >= 0 && s->first <= s->last)
            items[(*n)++] = (Item){s->first, s->last, s->bytes, 0, i, NULL};
    }
    for (int i = 0; i < g->n_nodes; i++) {
        int64_t bytes = g->nodes[i]->plan.scratch_bytes;
        bytes = (bytes + MEMORY_ALIGN - 1) / MEMORY_ALIGN * MEMORY_ALIGN;
        if (bytes > 0)
            items[(*n)++] = (Item){i, i, bytes, 0, -1, g->nodes[i]};
    }
    return items;
}

static void assign_places(const Lifetimes *l, const int64_t *arena_offset)
{
    for (int i = 0; i < l->n; i++) {
        Value *v = l->g->values[i];
        const Storage *s = &l->storages[l->storage[i]];
        v->place = (Place){s->kind, s->index, l->offset[i]};
        if (s->kind == PLACE_ARENA)
            v->place.offset += arena_offset[l->storage[i]];
    }
}

/* Whether piece k of the node (a part of a Concat, otherwise a result) lies where it belongs. */
static bool is_in_place(const Lifetimes *l, const Node *n, int k)
{
    int64_t offset = piece_offset(n, k);
    if (n->op == OP_Concat)
        return lifetimes_same_place(l, n->in[k], n->out[0], offset);
    return n->out[k] == NULL || lifetimes_same_place(l, n->out[k], n->in[0], offset);
}

/* Nodes whose results are already where they belong need no code; other views are copies. */
static void mark_views(const Lifetimes *l)
{
    const Graph *g = l->g;
    for (int i = 0; i < g->n_nodes; i++) {
        Node *n = g->nodes[i];
        bool moves = op_has(n->op, T_VIEW) || n->op == OP_Reorder || n->op == OP_Concat ||
                     n->op == OP_Split || n->op == OP_Slice;
        if (!moves || n->n_epilogue > 0)
            continue;
        bool all = true;
        for (int k = 0; k < (n->op == OP_Concat ? n->n_in : n->n_out); k++)
            all = all && is_in_place(l, n, k);
        n->plan.algo = all ? ALGO_VIEW : ALGO_DEFAULT;
    }
}

/* What no machine has is refused here, with the number, and not by a run that fails. */
#define MAX_ARENA_BYTES ((int64_t)1 << 38)

bool pass_memory(Graph *g, const PassOptions *o)
{
    (void)o;
    Lifetimes *l = lifetimes_new(g);
    int n;
    Item *items = collect_items(l, &n);
    g->arena_floor = lifetimes_peak(l);
    if (g->arena_floor > MAX_ARENA_BYTES)
        return diag_error(g->diag,
                          "the network needs %lld bytes of memory at one time, the limit is %lld",
                          (long long)g->arena_floor, (long long)MAX_ARENA_BYTES);
    g->arena_bytes = pack_best(g->arena, items, n, g->arena_floor);
    int64_t *arena_offset = ARENA_ARRAY(g->arena, int64_t, l->n);
    for (int i = 0; i < n; i++) {
        if (items[i].storage >= 0)
            arena_offset[items[i].storage] = items[i].offset;
        else
            items[i].node->plan.scratch_offset = items[i].offset;
    }
    assign_places(l, arena_offset);
    mark_views(l);
    return true;
}
