/* memory: a place for every value and every scratch buffer.
 *
 * In: a graph in its final order. Out: places, ALGO_VIEW on nodes that need no code, g->arena_bytes
 * and g->arena_floor (no placement can be smaller). Values share memory as lifetime.c decides. The
 * storages and scratch buffers of the arena are then packed by placement.c. */
#include "passes/lifetime.h"
#include "passes/placement.h"
#include "passes/rewrite.h"

enum { MAX_PIECES = 64, MANY_VALUES = 5000 };

/* What an item of the placement is. */
typedef struct Owner {
    int storage; /* -1: the scratch of `node` */
    Node *node;
} Owner;

/* What the arena holds: items and, beside them, their owners. */
typedef struct Contents {
    Item *items;
    Owner *owners;
    int n;
} Contents;

/* ---- items ---- */

/* The ranges of a storage that its values fill, each alive from its first maker to its last reader;
 * one for all where there are very many. */
static void add_pieces(const Lifetimes *l, const Storage *s, Item *item, bool apart)
{
    Arena *a = l->g->arena;
    Piece *pieces = ARENA_ARRAY(a, Piece, MAX_PIECES);
    int n = 0;
    for (int v = s->head; v >= 0 && apart; v = l->next[v]) {
        int first = l->def[v], last = l->last_use[v] > first ? l->last_use[v] : first;
        Piece p = {first, last, l->offset[v], value_physical_bytes(l->g->values[v])};
        int k = 0;
        while (k < n && (pieces[k].offset != p.offset || pieces[k].bytes != p.bytes))
            k++;
        if (k == MAX_PIECES || first < 0) {
            apart = false;
        } else if (k == n) {
            for (; k > 0 && pieces[k - 1].offset > p.offset; k--)
                pieces[k] = pieces[k - 1];
            pieces[k] = p;
            n++;
        } else {
            pieces[k].first = first < pieces[k].first ? first : pieces[k].first;
            pieces[k].last = last > pieces[k].last ? last : pieces[k].last;
        }
    }
    if (!apart) {
        pieces[0] = (Piece){s->first, s->last, 0, s->bytes};
        n = 1;
    }
    item->pieces = pieces;
    item->n_pieces = n;
}

static void add_item(Contents *m, Item item, Owner owner)
{
    m->owners[m->n] = owner;
    m->items[m->n++] = item;
}

static int64_t align_up(int64_t bytes)
{
    return ceil_div(bytes, MEMORY_ALIGN) * MEMORY_ALIGN;
}

static Contents collect_items(const Lifetimes *l)
{
    const Graph *g = l->g;
    Contents m = {.items = ARENA_ARRAY(g->arena, Item, l->n + g->n_nodes),
                  .owners = ARENA_ARRAY(g->arena, Owner, l->n + g->n_nodes)};
    for (int i = 0; i < l->n; i++) {
        const Storage *s = &l->storages[i];
        if (s->kind != PLACE_ARENA || s->head < 0 || s->last < 0 || s->first > s->last)
            continue;
        Item item = {.first = s->first, .last = s->last, .bytes = s->bytes};
        add_pieces(l, s, &item, l->n <= MANY_VALUES);
        add_item(&m, item, (Owner){i, NULL});
    }
    for (int i = 0; i < g->n_nodes; i++) {
        int64_t bytes = align_up(g->nodes[i]->plan.scratch_bytes);
        Piece *piece = ARENA_NEW(g->arena, Piece);
        *piece = (Piece){i, i, 0, bytes};
        if (bytes > 0)
            add_item(&m, (Item){i, i, bytes, piece, 1, 0}, (Owner){-1, g->nodes[i]});
    }
    return m;
}

/* ---- places ---- */

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
                     n->op == OP_Split || n->op == OP_Slice ||
                     (n->op == OP_Transpose && n->out[0]->layout.block > 1);
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
    Contents m = collect_items(l);
    g->arena_floor = placement_floor(g->arena, m.items, m.n, g->n_nodes);
    if (g->arena_floor > MAX_ARENA_BYTES)
        return diag_error(g->diag,
                          "the network needs %lld bytes of memory at one time, the limit is %lld",
                          (long long)g->arena_floor, (long long)MAX_ARENA_BYTES);
    Item **items = ARENA_ARRAY(g->arena, Item *, m.n);
    for (int i = 0; i < m.n; i++)
        items[i] = &m.items[i];
    g->arena_bytes = placement_find(g->arena, items, m.n, MEMORY_ALIGN, g->arena_floor);
    int64_t *arena_offset = ARENA_ARRAY(g->arena, int64_t, l->n);
    for (int i = 0; i < m.n; i++) {
        const Owner *owner = &m.owners[i];
        if (owner->storage >= 0)
            arena_offset[owner->storage] = m.items[i].offset;
        else
            owner->node->plan.scratch_offset = m.items[i].offset;
    }
    assign_places(l, arena_offset);
    mark_views(l);
    return true;
}
