/* Storages: the values that share memory, found in one walk over the nodes.
 *
 * In: a graph with layouts, in its final order. Out: for every value the storage that it lies in
 * and the offset there; for every storage its size, kind and the span of nodes during which it
 * holds something. Sharing is decided here and nowhere else:
 *   - the result of a view, Split or Slice lies where it lies in the operand, if it is contiguous;
 *   - the result overwrites an operand that is read, element for element, where the result is
 * stored (operands of elementwise nodes and of fused steps), when neither it nor anything that
 * overlaps it is read later;
 *   - parts of a Concat are made right inside the result when they lie one after another there.
 * A storage belongs to at most one graph output, which then fills it from end to end. */
#include "passes/lifetime.h"

#include "ir/ops.h"

#include <limits.h>

bool value_is_row_major(const Value *v)
{
    int block = v->layout.block;
    if (block <= 1 || v->shape.rank < 2)
        return true;
    return v->shape.dim[1] % block == 0 && shape_range_numel(&v->shape, 2, v->shape.rank) == 1;
}

/* ---- storages ---- */

static Storage *storage_of(const Lifetimes *l, const Value *v)
{
    return &l->storages[l->storage[v->id]];
}

static void start_storages(Lifetimes *l)
{
    const Graph *g = l->g;
    for (int i = 0; i < g->n_values; i++) {
        const Value *v = g->values[i];
        l->storage[i] = i;
        l->next[i] = l->def[i] = l->last_use[i] = l->output[i] = -1;
        l->storages[i] = (Storage){PLACE_ARENA, 0, value_physical_bytes(v), 0, 0, i, i};
        if (v->constant)
            l->storages[i].kind = PLACE_WEIGHTS;
    }
    for (int i = 0; i < g->n_inputs; i++) {
        l->storages[g->inputs[i]->id].kind = PLACE_INPUT;
        l->storages[g->inputs[i]->id].index = i;
    }
    for (int i = 0; i < g->n_outputs; i++) {
        int id = g->outputs[i]->id;
        l->output[id] = i;
        if (l->storages[id].kind == PLACE_ARENA) {
            l->storages[id].kind = PLACE_OUTPUT;
            l->storages[id].index = i;
        }
    }
}

static void find_uses(Lifetimes *l)
{
    const Graph *g = l->g;
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k])
                l->last_use[n->in[k]->id] = i;
        for (int k = 0; k < n->n_out; k++)
            if (n->out[k])
                l->def[n->out[k]->id] = i;
    }
    for (int i = 0; i < g->n_outputs; i++)
        l->last_use[g->outputs[i]->id] = INT_MAX;
}

/* The values of `inner` move into `outer`, `offset` bytes from its start. */
static void merge(Lifetimes *l, int inner, int outer, int64_t offset)
{
    Storage *from = &l->storages[inner], *to = &l->storages[outer];
    for (int v = from->head; v >= 0; v = l->next[v]) {
        l->storage[v] = outer;
        l->offset[v] += offset;
    }
    l->next[to->tail] = from->head;
    to->tail = from->tail;
    from->head = -1;
}

/* `v`, just made and alone in its storage, joins the storage of `host`, `offset` bytes into it. */
static void join(Lifetimes *l, const Value *v, const Value *host, int64_t offset)
{
    Storage *own = storage_of(l, v), *other = storage_of(l, host);
    if (other->kind == PLACE_WEIGHTS)
        return;
    if (own->kind == PLACE_OUTPUT) {
        /* The output takes over the whole storage. */
        if (other->kind != PLACE_ARENA || other->bytes != own->bytes)
            return;
        other->kind = PLACE_OUTPUT;
        other->index = own->index;
    }
    merge(l, l->storage[v->id], l->storage[host->id], l->offset[host->id] + offset);
}

/* ---- pieces: views, parts ---- */

static bool is_view(const Node *n)
{
    if (n->op == OP_Transpose)
        return n->out[0]->layout.block > 1; /* pass_layout: as they lie */
    bool moves_nothing = op_has(n->op, T_VIEW) || n->op == OP_Reorder;
    return moves_nothing && n->n_epilogue == 0 && n->in[0]->dtype == n->out[0]->dtype &&
           value_is_row_major(n->in[0]) && value_is_row_major(n->out[0]) &&
           value_physical_bytes(n->in[0]) == value_physical_bytes(n->out[0]);
}

/* Part k of `whole`, cut along `axis`: the parts lie one after another where every axis in front
 * has extent 1 and, along blocked channels, every cut is between blocks. */
static int64_t part_offset(const Value *whole, Value *const *parts, int axis, int k)
{
    int block = whole->layout.block > 1 ? whole->layout.block : 1;
    if (shape_range_numel(&whole->shape, 0, axis) != 1 || (block > 1 && axis > 1))
        return -1;
    int64_t offset = 0;
    for (int i = 0; i < k; i++) {
        if (parts[i] == NULL || (block > 1 && axis == 1 && parts[i]->shape.dim[1] % block != 0))
            return -1;
        offset += value_physical_bytes(parts[i]);
    }
    return offset;
}

static int64_t slice_offset(const Node *n)
{
    const Shape *in = &n->in[0]->shape, *out = &n->out[0]->shape;
    const SliceParams *p = &n->params.slice;
    int64_t stride[MAX_RANK], offset = 0;
    bool cut = false; /* an axis outside of this one has more than one entry left */
    if (n->in[0]->layout.block > 1)
        return -1;
    shape_strides(in, stride);
    for (int i = 0; i < in->rank; i++) {
        if ((cut && out->dim[i] != in->dim[i]) || (out->dim[i] > 1 && p->step[i] != 1))
            return -1;
        cut = cut || out->dim[i] > 1;
        offset += p->start[i] * stride[i];
    }
    return shape_numel(out) > 0 ? offset * (int64_t)dtype_size(n->out[0]->dtype) : -1;
}

int64_t piece_offset(const Node *n, int k)
{
    switch (n->op) {
    case OP_Concat:
        return part_offset(n->out[0], n->in, (int)n->params.axis.axis, k);
    case OP_Split:
        return part_offset(n->in[0], n->out, (int)n->params.split.axis, k);
    case OP_Slice:
        return slice_offset(n);
    default:
        return is_view(n) ? 0 : -1;
    }
}

static void place_results(Lifetimes *l, const Node *n)
{
    for (int k = 0; k < n->n_out; k++) {
        int64_t offset = n->out[k] ? piece_offset(n, k) : -1;
        if (offset >= 0)
            join(l, n->out[k], n->in[0], offset);
    }
}

/* ---- in place ---- */

static bool overlap(const Lifetimes *l, const Value *a, const Value *b)
{
    int64_t a0 = l->offset[a->id], b0 = l->offset[b->id];
    return l->storage[a->id] == l->storage[b->id] && a0 < b0 + value_physical_bytes(b) &&
           b0 < a0 + value_physical_bytes(a);
}

/* Whether nothing that overlaps `v` is read after the node at `position`. */
static bool dies_at(const Lifetimes *l, const Value *v, int position)
{
    for (int i = storage_of(l, v)->head; i >= 0; i = l->next[i])
        if (l->last_use[i] > position && overlap(l, v, l->g->values[i]))
            return false;
    return true;
}

/* Whether the node reads operand k at the position that it is about to store, and nowhere else. */
static bool is_pointwise(const Node *n, int k)
{
    return k >= node_own_inputs(n) ||
           (op_has(n->op, T_ELEMENTWISE) && (k > 0 || op_has(n->op, T_INPLACE)));
}

/* Whether what operand k lies in is read by the node in another way too. */
static bool is_read_elsewhere(const Lifetimes *l, const Node *n, int k)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && i != k && overlap(l, n->in[k], n->in[i]) &&
            (n->in[i] != n->in[k] || !is_pointwise(n, i)))
            return true;
    return false;
}

static bool may_overwrite(const Lifetimes *l, const Node *n, int k, int position)
{
    const Value *in = n->in[k], *out = n->out[0];
    if (in == NULL || !is_pointwise(n, k) || in->dtype != out->dtype ||
        !shape_equal(&in->shape, &out->shape) || in->layout.block != out->layout.block)
        return false;
    PlaceKind kind = storage_of(l, in)->kind;
    return (kind == PLACE_ARENA || kind == PLACE_OUTPUT) && !is_read_elsewhere(l, n, k) &&
           dies_at(l, in, position);
}

/* The operand that the result overwrites; -1 when there is none. */
static int overwritten(const Lifetimes *l, const Node *n, int position)
{
    for (int k = 0; k < n->n_in && n->n_out == 1; k++)
        if (may_overwrite(l, n, k, position))
            return k;
    return -1;
}

/* ---- Concat ---- */

static void place_parts(Lifetimes *l, const Node *n)
{
    const Value *out = n->out[0];
    for (int k = 0; k < n->n_in; k++) {
        const Value *part = n->in[k];
        int64_t offset = piece_offset(n, k);
        const Storage *s = storage_of(l, part);
        bool repeated = false;
        for (int i = 0; i < n->n_in; i++)
            repeated = repeated || (i != k && n->in[i] == part);
        if (offset < 0 || repeated || s->kind != PLACE_ARENA || l->offset[part->id] != 0 ||
            s->bytes != value_physical_bytes(part) || part->layout.block != out->layout.block ||
            l->storage[part->id] == l->storage[out->id])
            continue;
        merge(l, l->storage[part->id], l->storage[out->id], offset);
    }
}

bool lifetimes_same_place(const Lifetimes *l, const Value *a, const Value *b, int64_t offset)
{
    return l->storage[a->id] == l->storage[b->id] && l->offset[a->id] == l->offset[b->id] + offset;
}

/* ---- times ---- */

static void find_times(Lifetimes *l)
{
    const Graph *g = l->g;
    for (int i = 0; i < l->n; i++) {
        Storage *s = &l->storages[i];
        s->first = INT_MAX;
        s->last = -1;
        for (int v = s->head; v >= 0; v = l->next[v]) {
            if (l->def[v] >= 0 && l->def[v] < s->first)
                s->first = l->def[v];
            if (l->def[v] > s->last)
                s->last = l->def[v];
            if (l->last_use[v] > s->last)
                s->last = l->last_use[v];
        }
        if (s->last >= g->n_nodes)
            s->last = g->n_nodes - 1;
        if (s->kind == PLACE_ARENA)
            s->bytes = ceil_div(s->bytes, MEMORY_ALIGN) * MEMORY_ALIGN;
    }
}

static void decide_sharing(Lifetimes *l)
{
    const Graph *g = l->g;
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        if (n->n_in == 0 || n->in[0] == NULL)
            continue;
        int k = is_view(n) ? -1 : overwritten(l, n, i);
        if (n->op == OP_Concat)
            place_parts(l, n);
        else if (k >= 0)
            join(l, n->out[0], n->in[k], 0);
        else
            place_results(l, n);
    }
}

Lifetimes *lifetimes_new(Graph *g)
{
    Arena *a = g->arena;
    Lifetimes *l = ARENA_NEW(a, Lifetimes);
    l->g = g;
    l->n = g->n_values;
    l->storages = ARENA_ARRAY(a, Storage, l->n);
    l->storage = ARENA_ARRAY(a, int, l->n);
    l->offset = ARENA_ARRAY(a, int64_t, l->n);
    l->next = ARENA_ARRAY(a, int, l->n);
    l->def = ARENA_ARRAY(a, int, l->n);
    l->last_use = ARENA_ARRAY(a, int, l->n);
    l->output = ARENA_ARRAY(a, int, l->n);
    start_storages(l);
    find_uses(l);
    decide_sharing(l);
    find_times(l);
    return l;
}

int64_t lifetimes_peak(const Lifetimes *l)
{
    const Graph *g = l->g;
    int64_t *change = ARENA_ARRAY(g->arena, int64_t, g->n_nodes + 1), live = 0, peak = 0;
    for (int i = 0; i < l->n; i++) {
        const Storage *s = &l->storages[i];
        if (s->kind != PLACE_ARENA || s->head < 0 || s->last < 0 || s->first > s->last)
            continue;
        change[s->first] += s->bytes;
        change[s->last + 1] -= s->bytes;
    }
    for (int i = 0; i < g->n_nodes; i++) {
        live += change[i];
        int64_t scratch = g->nodes[i]->plan.scratch_bytes;
        scratch = ceil_div(scratch, MEMORY_ALIGN) * MEMORY_ALIGN;
        if (live + scratch > peak)
            peak = live + scratch;
    }
    return peak;
}

int64_t peak_live_bytes(Graph *g)
{
    return lifetimes_peak(lifetimes_new(g));
}
