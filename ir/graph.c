/* The graph: creating values and nodes, keeping the use lists, sorting.
 *
 * In: calls from the frontend and the passes. Out: a graph whose arrays hold every value and node.
 * What holds: value->id is its index in graph->values; names of values are unique (a hash table
 * beside the array); the users of all values lie in one buffer that graph_index refills, so use
 * lists of before the call are invalid after it. Nothing is freed: dropped values and nodes stay in
 * the arena. The verifier is in graph_verify.c, the text form in graph_dump.c. */
#include "ir/graph.h"

#include "ir/ops.h"

#include <assert.h>
#include <string.h>

/* ---- names: a set of the values' names, open addressing, at most half full ---- */

struct NameSet {
    const char **slot;
    size_t n, capacity; /* a power of two */
};

static size_t name_hash(const char *s)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 1099511628211u;
    return (size_t)(h ^ (h >> 32));
}

/* The slot that holds `name`, or the free one where it belongs. */
static const char **name_slot(const struct NameSet *set, const char *name)
{
    size_t i = name_hash(name) & (set->capacity - 1);
    while (set->slot[i] && strcmp(set->slot[i], name) != 0)
        i = (i + 1) & (set->capacity - 1);
    return &set->slot[i];
}

static void names_resize(Arena *a, struct NameSet *set, size_t capacity)
{
    struct NameSet bigger = {arena_array(a, capacity, sizeof(char *)), set->n, capacity};
    for (size_t i = 0; i < set->capacity; i++)
        if (set->slot[i])
            *name_slot(&bigger, set->slot[i]) = set->slot[i];
    *set = bigger;
}

/* Takes `name`, which lives in the arena; false when it is taken already. */
static bool names_add(Arena *a, struct NameSet *set, const char *name)
{
    if (2 * (set->n + 1) > set->capacity)
        names_resize(a, set, set->capacity ? 2 * set->capacity : 64);
    const char **slot = name_slot(set, name);
    if (*slot)
        return false;
    *slot = name;
    set->n++;
    return true;
}

/* ---- values ---- */

Graph *graph_new(Arena *arena, Diag *diag)
{
    Graph *g = ARENA_NEW(arena, Graph);
    g->arena = arena;
    g->diag = diag;
    g->name = "graph";
    g->names = ARENA_NEW(arena, struct NameSet);
    return g;
}

/* `name` itself when it is free, otherwise name_1, name_2…; "v12" without a name. */
static const char *unique_name(Graph *g, const char *name)
{
    bool named = name && name[0];
    const char *want =
        named ? arena_strdup(g->arena, name) : arena_printf(g->arena, "v%d", g->n_values);
    const char *got = want;
    for (int i = 1; !names_add(g->arena, g->names, got); i++)
        got = arena_printf(g->arena, "%s_%d", want, i);
    return got;
}

Value *graph_value(Graph *g, const char *name, DType dtype, const Shape *shape)
{
    Value *v = ARENA_NEW(g->arena, Value);
    v->name = unique_name(g, name);
    v->id = g->n_values;
    v->dtype = dtype;
    if (shape)
        v->shape = *shape;
    ARENA_PUSH(g->arena, g, values, n_values, cap_values, v);
    return v;
}

Value *graph_constant(Graph *g, const char *name, const Tensor *t)
{
    Value *v = graph_value(g, name, t->dtype, &t->shape);
    v->constant = t;
    return v;
}

int64_t value_physical_numel(const Value *v)
{
    int block = v->layout.block;
    if (block <= 1 || v->shape.rank < 2)
        return shape_numel(&v->shape);
    int64_t blocks = ceil_div(v->shape.dim[1], block);
    return v->shape.dim[0] * blocks * block * shape_range_numel(&v->shape, 2, v->shape.rank);
}

int64_t value_physical_bytes(const Value *v)
{
    return value_physical_numel(v) * (int64_t)dtype_size(v->dtype);
}

const int64_t *value_const_i64(Graph *g, const Value *v, int64_t *n)
{
    *n = 0;
    if (v == NULL || v->constant == NULL)
        return NULL;
    *n = shape_numel(&v->constant->shape);
    int64_t *data = ARENA_ARRAY(g->arena, int64_t, *n);
    for (int64_t i = 0; i < *n; i++)
        data[i] = tensor_get_i64(v->constant, i);
    return data;
}

/* ---- nodes ---- */

static Node *new_node(Graph *g, OpKind op, const char *name, Value *const *in, int n_in,
                      Value *const *out, int n_out)
{
    Node *n = ARENA_NEW(g->arena, Node);
    n->id = -1;
    n->op = op;
    n->in = arena_grow(g->arena, in, (size_t)n_in, (size_t)n_in, sizeof(Value *));
    n->n_in = n_in;
    n->out = arena_grow(g->arena, out, (size_t)n_out, (size_t)n_out, sizeof(Value *));
    n->n_out = n_out;
    for (int i = 0; i < n_out; i++) {
        if (out[i] == NULL)
            continue;
        out[i]->def = n;
        out[i]->def_index = i;
    }
    if (name && name[0])
        n->name = arena_strdup(g->arena, name);
    else
        n->name = arena_printf(g->arena, "%s_%s", op_info(op)->name,
                               n_out > 0 && out[0] ? out[0]->name : "");
    return n;
}

static void insert_node(Graph *g, int at, Node *n)
{
    ARENA_PUSH(g->arena, g, nodes, n_nodes, cap_nodes, n);
    memmove(g->nodes + at + 1, g->nodes + at, (size_t)(g->n_nodes - 1 - at) * sizeof(Node *));
    g->nodes[at] = n;
    n->at = at;
}

Node *graph_node(Graph *g, OpKind op, const char *name, Value *const *in, int n_in,
                 Value *const *out, int n_out)
{
    Node *n = new_node(g, op, name, in, n_in, out, n_out);
    insert_node(g, g->n_nodes, n);
    return n;
}

Node *graph_node_before(Graph *g, Node *at, OpKind op, const char *name, Value *const *in, int n_in,
                        Value *const *out, int n_out)
{
    Node *n = new_node(g, op, name, in, n_in, out, n_out);
    int position = graph_position(g, at);
    insert_node(g, position < 0 ? g->n_nodes : position, n);
    at->at = position + 1;
    return n;
}

Node *graph_node_after(Graph *g, Node *at, OpKind op, const char *name, Value *const *in, int n_in,
                       Value *const *out, int n_out)
{
    Node *n = new_node(g, op, name, in, n_in, out, n_out);
    int position = graph_position(g, at);
    insert_node(g, position < 0 ? g->n_nodes : position + 1, n);
    at->at = position;
    return n;
}

int node_add_input(Graph *g, Node *n, Value *v)
{
    n->in = arena_grow(g->arena, n->in, (size_t)n->n_in, (size_t)n->n_in + 1, sizeof(Value *));
    n->in[n->n_in] = v;
    return n->n_in++;
}

int node_own_inputs(const Node *n)
{
    int own = n->n_in;
    for (int i = 0; i < n->n_epilogue; i++)
        if (n->epilogue[i].operand >= 0 && n->epilogue[i].operand < own)
            own = n->epilogue[i].operand;
    return own;
}

/* Nodes move by little between two compactions, so the search goes outwards from where it was. */
int graph_position(const Graph *g, const Node *n)
{
    int from = n->at < g->n_nodes ? n->at : g->n_nodes - 1;
    for (int d = 0; d < g->n_nodes; d++) {
        if (from - d >= 0 && g->nodes[from - d] == n)
            return from - d;
        if (from + d < g->n_nodes && g->nodes[from + d] == n)
            return from + d;
    }
    return -1;
}

/* ---- uses ---- */

void graph_index(Graph *g)
{
    int total = 0;
    for (int i = 0; i < g->n_values; i++)
        g->values[i]->n_users = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        g->nodes[i]->at = i;
        for (int k = 0; k < g->nodes[i]->n_in; k++)
            if (g->nodes[i]->in[k] && !g->nodes[i]->dead) {
                g->nodes[i]->in[k]->n_users++;
                total++;
            }
    }
    if (total > g->cap_users) {
        g->cap_users = 2 * total;
        g->users = ARENA_ARRAY(g->arena, Node *, g->cap_users);
    }
    int used = 0;
    for (int i = 0; i < g->n_values; i++) {
        Value *v = g->values[i];
        v->users = g->users + used;
        used += v->n_users;
        v->n_users = 0;
    }
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i]->n_in; k++) {
            Value *v = g->nodes[i]->in[k];
            if (v && !g->nodes[i]->dead)
                v->users[v->n_users++] = g->nodes[i];
        }
}

void graph_replace_uses(Graph *g, Value *from, Value *to)
{
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i]->n_in; k++)
            if (g->nodes[i]->in[k] == from)
                g->nodes[i]->in[k] = to;
    for (int i = 0; i < g->n_outputs; i++)
        if (g->outputs[i] == from) {
            g->outputs[i] = to;
            from->is_output = false;
            to->is_output = true;
        }
    graph_index(g);
}

/* ---- sorting ---- */

enum { UNSEEN, OPEN, DONE };

typedef struct Visit {
    Node *node;
    int next_in;
} Visit;

/* Depth-first order with a stack of its own (a model may be a million nodes deep): every node
 * after the nodes that it reads, otherwise in the order of the list. */
typedef struct Sort {
    Graph *g;
    char *state; /* by the id of a node's first output */
    Visit *stack;
    Node **order;
    int n_order;
} Sort;

static Value *first_output(const Node *n)
{
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i])
            return n->out[i];
    return NULL;
}

static bool sort_from(Sort *s, Node *root)
{
    int depth = 0;
    s->state[first_output(root)->id] = OPEN;
    s->stack[depth++] = (Visit){root, 0};
    while (depth > 0) {
        Visit *top = &s->stack[depth - 1];
        if (top->next_in == top->node->n_in) {
            s->state[first_output(top->node)->id] = DONE;
            s->order[s->n_order++] = top->node;
            depth--;
            continue;
        }
        const Value *v = top->node->in[top->next_in++];
        if (v == NULL || v->def == NULL || v->def->dead)
            continue;
        char *state = &s->state[first_output(v->def)->id];
        if (*state == OPEN)
            return node_error(s->g, v->def, "the graph has a cycle through this node");
        if (*state == UNSEEN) {
            *state = OPEN;
            s->stack[depth++] = (Visit){v->def, 0};
        }
    }
    return true;
}

/* Values that nothing makes, reads or returns go; ids are renumbered. */
static void drop_values(Graph *g)
{
    int kept = 0;
    for (int i = 0; i < g->n_values; i++) {
        Value *v = g->values[i];
        if (v->def && v->def->dead)
            v->def = NULL;
        if (v->def == NULL && v->n_users == 0 && !v->is_input && !v->is_output)
            continue;
        v->id = kept;
        g->values[kept++] = v;
    }
    g->n_values = kept;
}

bool graph_compact(Graph *g)
{
    Sort s = {.g = g};
    s.state = arena_array(g->arena, (size_t)g->n_values, 1);
    s.stack = ARENA_ARRAY(g->arena, Visit, g->n_nodes);
    s.order = ARENA_ARRAY(g->arena, Node *, g->n_nodes);
    for (int i = 0; i < g->n_nodes; i++) {
        Node *n = g->nodes[i];
        if (n->dead || first_output(n) == NULL)
            continue; /* a node without results computes nothing */
        if (s.state[first_output(n)->id] == UNSEEN && !sort_from(&s, n))
            return false;
    }
    if (s.n_order)
        memcpy(g->nodes, s.order, (size_t)s.n_order * sizeof(Node *));
    g->n_nodes = s.n_order;
    graph_index(g);
    drop_values(g);
    return true;
}

/* ---- messages ---- */

const char *node_label(Arena *a, const Node *n)
{
    if (n->id >= 0)
        return arena_printf(a, "%s \"%s\" (#%d)", op_info(n->op)->name, n->name, n->id);
    return arena_printf(a, "%s \"%s\"", op_info(n->op)->name, n->name);
}

bool node_error(Graph *g, const Node *n, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(g->arena, format, args);
    va_end(args);
    return diag_error(g->diag, "%s: %s", node_label(g->arena, n), text);
}

bool node_unsupported(Graph *g, const Node *n, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(g->arena, format, args);
    va_end(args);
    return diag_unsupported(g->diag, "%s: %s", node_label(g->arena, n), text);
}
