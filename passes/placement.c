/* Packing of memory: see passes/placement.h.
 *
 * An item is tried against those that are placed already. Each pair of pieces that live at the same
 * time forbids a range of offsets; between the forbidden ranges are the gaps. Orders are compared
 * by the bytes that they need. The time is bounded by the number of pairs, whatever the network. */
#include "passes/placement.h"

#include <stdlib.h>
#include <string.h>

enum {
    MANY_ITEMS = 5000,
    SEARCH_WORK = 20000000, /* pairs of pieces: some hundredths of a second */
    MAX_SEARCH_STEPS = 2000
};

/* Offsets that an item cannot have: all x with lo < x < hi. */
typedef struct Range {
    int64_t lo, hi;
} Range;

typedef struct Ranges {
    Arena *arena;
    Range *list;
    int n, cap;
} Ranges;

/* ---- the lower bound ---- */

/* Bytes of the item that are alive at a position. */
static int64_t live_bytes(const Item *item, int position)
{
    int64_t bytes = 0, end = 0;
    for (int i = 0; i < item->n_pieces; i++) {
        const Piece *p = &item->pieces[i];
        int64_t from = p->offset > end ? p->offset : end, to = p->offset + p->bytes;
        if (p->first > position || p->last < position || to <= from)
            continue;
        bytes += to - from;
        end = to;
    }
    return bytes;
}

int64_t placement_floor(Arena *a, const Item *items, int n, int n_positions)
{
    int64_t *live = ARENA_ARRAY(a, int64_t, n_positions + 1), most = 0;
    for (int i = 0; i < n; i++)
        for (int at = items[i].first; at <= items[i].last && at < n_positions; at++)
            live[at] += live_bytes(&items[i], at);
    for (int at = 0; at < n_positions; at++)
        most = live[at] > most ? live[at] : most;
    return most;
}

/* ---- gaps ---- */

/* Keeps the list sorted by lo; ranges come nearly so. */
static void forbid(Ranges *r, int64_t lo, int64_t hi)
{
    if (r->n == r->cap) {
        r->list =
            arena_grow(r->arena, r->list, (size_t)r->n, 2 * (size_t)r->cap + 64, sizeof(Range));
        r->cap = 2 * r->cap + 64;
    }
    int k = r->n++;
    for (; k > 0 && r->list[k - 1].lo > lo; k--)
        r->list[k] = r->list[k - 1];
    r->list[k] = (Range){lo, hi};
}

static void forbid_item(Ranges *r, const Item *placed, const Item *item)
{
    if (placed->first > item->last || item->first > placed->last)
        return;
    for (int i = 0; i < placed->n_pieces; i++)
        for (int k = 0; k < item->n_pieces; k++) {
            const Piece *p = &placed->pieces[i], *q = &item->pieces[k];
            int64_t start = placed->offset + p->offset;
            if (p->first <= q->last && q->first <= p->last)
                forbid(r, start - q->offset - q->bytes, start + p->bytes - q->offset);
        }
}

/* The lowest offset of the smallest gap; behind all ranges, when there is none between them. */
static int64_t best_gap(const Ranges *r, int64_t align)
{
    int64_t end = 0, best = -1, best_room = INT64_MAX;
    for (int i = 0; i < r->n; i++) {
        const Range *x = &r->list[i];
        if (x->lo >= end && x->lo - end < best_room) {
            best = end;
            best_room = x->lo - end;
        }
        if (x->hi > end)
            end = ceil_div(x->hi, align) * align;
    }
    return best >= 0 ? best : end;
}

/* ---- orders ---- */

static int by_size(const void *a, const void *b)
{
    const Item *x = *(Item *const *)a, *y = *(Item *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return x->first != y->first ? (x->first > y->first) - (x->first < y->first) : (x > y) - (x < y);
}

static int by_time(const void *a, const void *b)
{
    const Item *x = *(Item *const *)a, *y = *(Item *const *)b;
    if (x->first != y->first)
        return x->first > y->first ? 1 : -1;
    return by_size(a, b);
}

/* Longest life first: what is always there lies at the bottom. */
static int by_span(const void *a, const void *b)
{
    const Item *x = *(Item *const *)a, *y = *(Item *const *)b;
    int span_x = x->last - x->first, span_y = y->last - y->first;
    if (span_x != span_y)
        return span_x > span_y ? -1 : 1;
    return by_size(a, b);
}

/* Places the items in their order; returns the bytes needed. `placed` has room for n. */
static int64_t place_in_order(Ranges *r, Item **placed, Item *const *items, int n, int64_t align)
{
    int64_t total = 0;
    for (int i = 0; i < n; i++) {
        Item *item = items[i];
        r->n = 0;
        for (int k = 0; k < i; k++)
            forbid_item(r, placed[k], item);
        item->offset = best_gap(r, align);
        if (item->offset + item->bytes > total)
            total = item->offset + item->bytes;
        int k = i; /* sorted by offset, so that ranges come nearly in order */
        for (; k > 0 && placed[k - 1]->offset > item->offset; k--)
            placed[k] = placed[k - 1];
        placed[k] = item;
    }
    return total;
}

/* The same for very many items, in the order of time: only those alive are looked at. */
static int64_t place_in_time(Ranges *r, Item **alive, Item **items, int n, int64_t align)
{
    int64_t total = 0;
    int n_alive = 0;
    qsort(items, (size_t)n, sizeof(Item *), by_time);
    for (int i = 0; i < n; i++) {
        int kept = 0;
        r->n = 0;
        for (int k = 0; k < n_alive; k++)
            if (alive[k]->last >= items[i]->first) {
                alive[kept++] = alive[k];
                forbid_item(r, alive[k], items[i]);
            }
        items[i]->offset = best_gap(r, align);
        if (items[i]->offset + items[i]->bytes > total)
            total = items[i]->offset + items[i]->bytes;
        alive[kept] = items[i];
        n_alive = kept + 1;
    }
    return total;
}

/* ---- the search ---- */

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 16;
}

static void move_item(Item **items, int from, int to)
{
    Item *moved = items[from];
    if (from < to)
        memmove(items + from, items + from + 1, (size_t)(to - from) * sizeof *items);
    else
        memmove(items + to + 1, items + to, (size_t)(from - to) * sizeof *items);
    items[to] = moved;
}

static int64_t count_pieces(Item *const *items, int n)
{
    int64_t pieces = 0;
    for (int i = 0; i < n; i++)
        pieces += items[i]->n_pieces;
    return pieces;
}

/* Which of the items in their order ends highest. */
static int highest(Item *const *items, int n)
{
    int at = 0;
    for (int i = 1; i < n; i++)
        if (items[i]->offset + items[i]->bytes > items[at]->offset + items[at]->bytes)
            at = i;
    return at;
}

/* Small changes of the order, kept when they need no more bytes; ends at `floor`. Every other time
 * the item that sticks out, as the last trial left it, is placed earlier. */
static int64_t improve(Ranges *r, Item **best, int n, int64_t align, int64_t total, int64_t floor)
{
    Item **trial = ARENA_ARRAY(r->arena, Item *, n), **placed = ARENA_ARRAY(r->arena, Item *, n);
    int64_t pieces = count_pieces(best, n), steps = n > 1 ? SEARCH_WORK / (pieces * pieces) : 0;
    uint32_t state = 1;
    for (int64_t i = 0; i < steps && i < MAX_SEARCH_STEPS && total > floor; i++) {
        int from = i % 2 ? (int)(next_random(&state) % (uint32_t)n) : highest(best, n);
        int to = (int)(next_random(&state) % (uint32_t)(i % 2 ? n : from + 1));
        memcpy(trial, best, (size_t)n * sizeof *trial);
        move_item(trial, from, to);
        int64_t needs = place_in_order(r, placed, trial, n, align);
        if (needs <= total) {
            total = needs;
            memcpy(best, trial, (size_t)n * sizeof *trial);
        }
    }
    return total;
}

int64_t placement_find(Arena *a, Item **items, int n, int64_t align, int64_t floor)
{
    static int (*const orders[])(const void *, const void *) = {by_size, by_time, by_span};
    Item **best = ARENA_ARRAY(a, Item *, n), **placed = ARENA_ARRAY(a, Item *, n);
    Ranges r = {.arena = a};
    int64_t best_total = INT64_MAX;
    if (n == 0)
        return 0;
    if (n > MANY_ITEMS)
        return place_in_time(&r, placed, items, n, align);
    for (size_t i = 0; i < sizeof orders / sizeof orders[0] && best_total > floor; i++) {
        qsort(items, (size_t)n, sizeof(Item *), orders[i]);
        int64_t total = place_in_order(&r, placed, items, n, align);
        if (total < best_total) {
            best_total = total;
            memcpy(best, items, (size_t)n * sizeof *best);
        }
    }
    place_in_order(&r, placed, best, n, align);
    improve(&r, best, n, align, best_total, floor);
    return place_in_order(&r, placed, best, n, align);
}
