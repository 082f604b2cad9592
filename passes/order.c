/* order: the order of the nodes that needs the least memory.
 *
 * In: a planned graph in some topological order. Out: a topological order whose peak of living
 * bytes is not above the peak of the one that came in. Greedy list scheduling: among the nodes that
 * are ready, the one that grows the living bytes least is next; ties go to the node whose operand
 * was made last (depth first), then to the old order. Views and results that may overwrite an
 * operand count as no growth. */
#include "passes/lifetime.h"
#include "passes/rewrite.h"

#include <string.h>

enum { MAX_SCHEDULED = 20000 }; /* beyond, the scan for the best ready node is too slow */

typedef struct Scheduler {
    Graph *g;
    int *position;   /* old position, by id of the node's first result */
    int *waiting;    /* operands that are not made yet, by old position */
    int *reads_left; /* by value id */
    int *made_at;    /* new position of the maker, by value id */
    Node **ready;
    int n_ready;
    Node **order;
    int n_order;
} Scheduler;

/* Bytes that a result takes of its own. */
static int64_t own_bytes(const Value *v)
{
    if (v->is_output || v->is_input || v->constant)
        return 0;
    return value_physical_bytes(v);
}

/* Reads of `v` by `n`. */
static int reads_by(const Node *n, const Value *v)
{
    int reads = 0;
    for (int i = 0; i < n->n_in; i++)
        reads += n->in[i] == v;
    return reads;
}

/* Growth of the living bytes when `n` runs now: results minus operands that die. */
static int64_t growth(const Scheduler *s, const Node *n)
{
    int64_t bytes = 0;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i])
            bytes += own_bytes(n->out[i]);
    for (int i = 0; i < n->n_in; i++) {
        const Value *v = n->in[i];
        bool first = v != NULL;
        for (int k = 0; k < i; k++)
            first = first && n->in[k] != v;
        if (first && s->reads_left[v->id] == reads_by(n, v))
            bytes -= own_bytes(v);
    }
    return bytes;
}

/* New position of the operand that was made last; -1 when there is none. */
static int newest_operand(const Scheduler *s, const Node *n)
{
    int newest = -1;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && n->in[i]->def && s->made_at[n->in[i]->id] > newest)
            newest = s->made_at[n->in[i]->id];
    return newest;
}

static int old_position(const Scheduler *s, const Node *n)
{
    return s->position[n->out[0]->id];
}

static Node *take_best(Scheduler *s)
{
    int best = 0;
    int64_t best_growth = growth(s, s->ready[0]);
    for (int i = 1; i < s->n_ready; i++) {
        int64_t grows = growth(s, s->ready[i]);
        if (grows > best_growth)
            continue;
        if (grows == best_growth) {
            int a = newest_operand(s, s->ready[i]), b = newest_operand(s, s->ready[best]);
            if (a < b || (a == b && old_position(s, s->ready[i]) > old_position(s, s->ready[best])))
                continue;
        }
        best = i;
        best_growth = grows;
    }
    Node *n = s->ready[best];
    s->ready[best] = s->ready[--s->n_ready];
    return n;
}

static void run_node(Scheduler *s, Node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i])
            s->reads_left[n->in[i]->id]--;
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] == NULL)
            continue;
        s->made_at[n->out[i]->id] = s->n_order;
        for (int k = 0; k < n->out[i]->n_users; k++) /* one entry a use */
            if (--s->waiting[old_position(s, n->out[i]->users[k])] == 0)
                s->ready[s->n_ready++] = n->out[i]->users[k];
    }
    s->order[s->n_order++] = n;
}

static void start(Scheduler *s, Graph *g)
{
    Arena *a = g->arena;
    *s = (Scheduler){.g = g};
    s->position = ARENA_ARRAY(a, int, g->n_values);
    s->made_at = ARENA_ARRAY(a, int, g->n_values);
    s->reads_left = ARENA_ARRAY(a, int, g->n_values);
    s->waiting = ARENA_ARRAY(a, int, g->n_nodes);
    s->ready = ARENA_ARRAY(a, Node *, g->n_nodes);
    s->order = ARENA_ARRAY(a, Node *, g->n_nodes);
    for (int i = 0; i < g->n_values; i++)
        s->reads_left[i] = g->values[i]->n_users;
    for (int i = 0; i < g->n_nodes; i++) {
        Node *n = g->nodes[i];
        s->position[n->out[0]->id] = i;
        for (int k = 0; k < n->n_in; k++)
            s->waiting[i] += n->in[k] && n->in[k]->def;
        if (s->waiting[i] == 0)
            s->ready[s->n_ready++] = n;
    }
}

bool pass_order(Graph *g, const PassOptions *o)
{
    (void)o;
    if (g->n_nodes == 0 || g->n_nodes > MAX_SCHEDULED)
        return true;
    graph_index(g);
    Scheduler s;
    start(&s, g);
    while (s.n_ready > 0)
        run_node(&s, take_best(&s));
    Node **old =
        arena_grow(g->arena, g->nodes, (size_t)g->n_nodes, (size_t)g->n_nodes, sizeof(Node *));
    int64_t before = peak_live_bytes(g);
    memcpy(g->nodes, s.order, (size_t)g->n_nodes * sizeof(Node *));
    if (peak_live_bytes(g) > before)
        memcpy(g->nodes, old, (size_t)g->n_nodes * sizeof(Node *));
    graph_index(g);
    return true;
}
