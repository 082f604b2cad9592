/* channels: shuffles of channels become one node.
 *
 * Exporters write a shuffle as Reshape, Transpose, Reshape, often behind a Concat and in front of a
 * Split or of two Gathers. In: a graph whose transposes have sunk. Out: every value that such moves
 * make of whole channels of a value x, its batch and its pixels as in x, is
 *
 *     Channels (x, …, indices)      channel c is channel indices[c] of all of x, … in a row
 *
 * which has kernels for plain and for blocked layouts; a Concat in front of it is read part by
 * part. Only regular choices are taken: few runs of equal steps. */
#include "passes/rewrite.h"

#include <string.h>

enum { MAX_CHAIN = 8, MAX_SOURCES = 14, MAX_RUNS = 32, MAX_CHANNELS = 1 << 14 };

/* The moves that make a value, the last one first. */
typedef struct Chain {
    struct {
        const Node *node;
        int out; /* which result */
    } step[MAX_CHAIN];
    int n;
    int64_t run; /* elements that stay together, aligned, through all of them */
} Chain;

static bool is_mover(const Node *n)
{
    if (n->op == OP_Gather)
        return n->in[1]->constant != NULL;
    return op_only_reshapes(n->op) || n->op == OP_Transpose || n->op == OP_Slice ||
           n->op == OP_Split;
}

static int64_t common_divisor(int64_t a, int64_t b)
{
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return a;
}

/* Elements that the node keeps together. */
static int64_t run_of(const Node *n)
{
    const Shape *x = &n->in[0]->shape;
    int axis = x->rank - 1;
    if (op_only_reshapes(n->op))
        return 0; /* all: the neutral element of the common divisor */
    if (n->op == OP_Gather)
        axis = (int)n->params.axis.axis;
    else if (n->op == OP_Split)
        axis = (int)n->params.split.axis;
    else
        while (axis >= 0 && (n->op == OP_Transpose ? n->params.perm.perm[axis] == axis
                                                   : x->dim[axis] == n->out[0]->shape.dim[axis] &&
                                                         n->params.slice.step[axis] == 1))
            axis--;
    return shape_range_numel(x, axis + 1, x->rank);
}

/* ---- where an element comes from ---- */

static int64_t ravel(const Shape *s, const int64_t *at)
{
    int64_t i = 0;
    for (int axis = 0; axis < s->rank; axis++)
        i = i * s->dim[axis] + at[axis];
    return i;
}

static int64_t gather_source(const Node *n, int64_t i)
{
    const Shape *x = &n->in[0]->shape;
    int axis = (int)n->params.axis.axis;
    int64_t inner = shape_range_numel(x, axis + 1, x->rank);
    int64_t count = shape_numel(&n->in[1]->shape);
    int64_t index = tensor_get_i64(n->in[1]->constant, i / inner % count);
    index += index < 0 ? x->dim[axis] : 0;
    return (i / inner / count * x->dim[axis] + index) * inner + i % inner;
}

/* Element `i` of result `out` of the node, as an element of its operand. */
static int64_t source_of(const Node *n, int out, int64_t i)
{
    const Shape *x = &n->in[0]->shape, *y = &n->out[out]->shape;
    int64_t to[MAX_RANK], from[MAX_RANK] = {0};
    if (op_only_reshapes(n->op))
        return i;
    if (n->op == OP_Gather)
        return gather_source(n, i);
    for (int axis = y->rank - 1; axis >= 0; axis--) {
        to[axis] = i % y->dim[axis];
        i /= y->dim[axis];
    }
    for (int axis = 0; axis < y->rank; axis++) {
        if (n->op == OP_Transpose)
            from[n->params.perm.perm[axis]] = to[axis];
        else if (n->op == OP_Slice)
            from[axis] = n->params.slice.start[axis] + to[axis] * n->params.slice.step[axis];
        else
            from[axis] = to[axis];
    }
    for (int k = 0; n->op == OP_Split && k < out; k++)
        from[n->params.split.axis] += n->params.split.sizes[k];
    return ravel(x, from);
}

static int64_t trace(const Chain *c, int steps, int64_t i)
{
    for (int k = 0; k < steps; k++)
        i = source_of(c->step[k].node, c->step[k].out, i);
    return i;
}

/* ---- channels ---- */

static bool has_channels(const Shape *s)
{
    return s->rank >= 3 && s->dim[1] <= MAX_CHANNELS && shape_numel(s) > 0;
}

/* Whether the first `steps` moves of the chain take whole channels of x for y; map[c] says which.
 */
static bool channel_map(const Chain *c, int steps, const Shape *x, const Shape *y, int64_t *map)
{
    int64_t pixels = shape_range_numel(y, 2, y->rank);
    if (!has_channels(x) || !has_channels(y) || x->dim[0] != y->dim[0] || x->rank != y->rank ||
        memcmp(&x->dim[2], &y->dim[2], (size_t)(x->rank - 2) * sizeof(int64_t)) != 0)
        return false;
    int64_t run = common_divisor(pixels, c->run);
    for (int64_t i = 0; i < y->dim[0] * y->dim[1]; i++)
        for (int64_t p = 0; p < pixels; p += run) {
            int64_t from = trace(c, steps, i * pixels + p);
            int64_t image = i / y->dim[1], channel = from / pixels - image * x->dim[1];
            if (channel < 0 || channel >= x->dim[1] || from % pixels != p)
                return false;
            if (image == 0 && p == 0)
                map[i] = channel;
            else if (map[i % y->dim[1]] != channel)
                return false;
        }
    return true;
}

/* Whether the map is made of few runs of equal steps, and of more than one run of step 1. */
static bool is_regular_shuffle(const int64_t *map, int64_t n)
{
    int64_t runs = 1, breaks = 0;
    for (int64_t i = 1; i < n; i++)
        breaks += map[i] != map[i - 1] + 1;
    for (int64_t i = 2; i < n; i++)
        runs += map[i] - map[i - 1] != map[i - 1] - map[i - 2] &&
                (i < 4 || map[i] - map[i - 2] != map[i - 2] - map[i - 4]);
    return breaks > 0 && runs <= MAX_RUNS;
}

/* The longest chain of moves that makes result `out` of `n`. */
static Chain chain_of(const Node *n, int out)
{
    Chain c = {.n = 0};
    while (n && !n->dead && is_mover(n) && c.n < MAX_CHAIN) {
        c.step[c.n].node = n;
        c.step[c.n++].out = out;
        const Value *from = n->in[0];
        n = from->def;
        out = from->def_index;
    }
    return c;
}

/* The value that lies behind `steps` moves whose whole channels result `out` takes, with the map;
 * NULL when there is none. */
static Value *find_source(const Node *n, int out, int64_t *map)
{
    Chain c = chain_of(n, out);
    Value *best = NULL;
    int64_t *trial = NULL;
    for (int steps = 1; steps <= c.n; steps++) {
        Value *x = c.step[steps - 1].node->in[0];
        c.run = common_divisor(c.run, run_of(c.step[steps - 1].node));
        trial = map + (best ? n->out[out]->shape.dim[1] : 0);
        if (!channel_map(&c, steps, &x->shape, &n->out[out]->shape, trial))
            continue;
        best = x;
        memmove(map, trial, (size_t)n->out[out]->shape.dim[1] * sizeof *map);
    }
    return best && is_regular_shuffle(map, n->out[out]->shape.dim[1]) ? best : NULL;
}

/* ---- the node ---- */

/* The parts of a Concat of channels, or the value itself. */
static int list_sources(Value *x, Value **in)
{
    const Node *def = x->def;
    if (def && !def->dead && def->op == OP_Concat && def->params.axis.axis == 1 &&
        def->n_epilogue == 0 && def->n_in <= MAX_SOURCES) {
        memcpy(in, def->in, (size_t)def->n_in * sizeof(Value *));
        return def->n_in;
    }
    in[0] = x;
    return 1;
}

static void put_channels(Graph *g, Node *n, int out, Value *x, const int64_t *map)
{
    Value *y = n->out[out], *in[MAX_SOURCES + 1];
    int n_in = list_sources(x, in);
    Shape list = {1, {y->shape.dim[1]}};
    Tensor *indices = tensor_new(g->arena, DT_I64, &list);
    memcpy(indices->data, map, tensor_bytes(indices));
    in[n_in++] = graph_constant(g, NULL, indices);
    n->out[out] = graph_value(g, NULL, y->dtype, &y->shape); /* what nobody reads */
    n->out[out]->def = n;
    n->out[out]->def_index = out;
    Node *channels = graph_node_after(g, n, OP_Channels, NULL, in, n_in, &y, 1);
    channels->id = n->id;
}

/* Whether somebody other than further moves reads the value. */
static bool is_end(const Value *v)
{
    bool end = v->is_output;
    for (int i = 0; i < v->n_users; i++)
        end = end || !is_mover(v->users[i]);
    return end;
}

bool pass_channels(Graph *g, const PassOptions *o)
{
    (void)o;
    graph_index(g);
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        Node *n = g->nodes[i];
        if (n->dead || n->n_epilogue > 0 || !is_mover(n))
            continue;
        for (int k = 0; k < n->n_out; k++) {
            const Value *y = n->out[k];
            if (y == NULL || !has_channels(&y->shape) || !is_end(y))
                continue;
            int64_t *map = ARENA_ARRAY(g->arena, int64_t, 2 * y->shape.dim[1]);
            Value *x = find_source(n, k, map);
            if (x && x->constant == NULL)
                put_channels(g, n, k, x, map);
        }
    }
    return remove_dead(g);
}
