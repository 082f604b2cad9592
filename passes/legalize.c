/* legalize: networks in half precision compute in f32.
 *
 * In: the graph as it was imported. Out: a graph in which f16 and bf16 values are only moved and
 * cast. Every other node that reads one reads a value of f32 instead, its twin: the uncast result
 * of another such node, a widened constant, or a Cast. The results become f32, and a Cast makes
 * the value of the model from each; it stays only where somebody needs that value (an output of
 * the graph, a Cast of the model's own). So whole chains run in f32, fuse and take layouts like any
 * other, without a rounding after every node. The graph remembers the type of the constants, so
 * that packed weights that are still values of it are stored in it. What only moves elements stays
 * as it is, except between such nodes. f64 and integers have kernels of their own. */
#include "passes/rewrite.h"

#include <string.h>

typedef struct Legalize {
    Graph *g;
    Value **twin; /* by the id of a value: the same in f32 */
    int n_twins;
} Legalize;

static bool is_half(const Value *v)
{
    return v && (v->dtype == DT_F16 || v->dtype == DT_BF16);
}

static Value *known_twin(const Legalize *l, const Value *v)
{
    return v->id < l->n_twins ? l->twin[v->id] : NULL;
}

static Value *cast_node(Graph *g, Node *at, bool after, Value *from, Value *to)
{
    Node *cast = after ? graph_node_after(g, at, OP_Cast, NULL, &from, 1, &to, 1)
                       : graph_node_before(g, at, OP_Cast, NULL, &from, 1, &to, 1);
    cast->params.ew.to = to->dtype;
    return to;
}

static Value *widened_constant(Graph *g, const Tensor *t)
{
    if (g->half == DT_NONE)
        g->half = t->dtype;
    Tensor *wide = tensor_new(g->arena, DT_F32, &t->shape);
    int64_t n = shape_numel(&t->shape);
    for (int64_t i = 0; i < n; i++)
        tensor_set_f64(wide, i, tensor_get_f64(t, i));
    return graph_constant(g, NULL, wide);
}

/* `v` in f32, for node `n`. */
static Value *twin_of(Legalize *l, Node *n, Value *v)
{
    Value *twin = known_twin(l, v);
    if (twin == NULL && v->constant)
        twin = widened_constant(l->g, v->constant);
    else if (twin == NULL)
        twin = cast_node(l->g, n, false, v, graph_value(l->g, NULL, DT_F32, &v->shape));
    l->twin[v->id] = twin;
    return twin;
}

/* Whether `v` was computed in f32 and is cast only for those that need the model's own value. */
static bool is_computed(const Legalize *l, const Value *v)
{
    const Value *twin = known_twin(l, v);
    return twin && twin->def && twin->def->op != OP_Cast;
}

/* Whether the node has to read f32 instead: it computes, or it moves what is f32 already. */
static bool is_widened(const Legalize *l, const Node *n)
{
    bool reads = false, twin = false;
    for (int i = 0; i < n->n_in; i++) {
        reads = reads || is_half(n->in[i]);
        twin = twin || (is_half(n->in[i]) && is_computed(l, n->in[i]));
    }
    if (!reads || n->op == OP_Cast || n->op == OP_BitCast || op_has(n->op, T_SHAPE_ONLY))
        return false;
    return twin || !op_has(n->op, T_MOVE);
}

/* The type that inference gives result `i` now that the operands have changed. */
static bool inferred_type(Graph *g, const Node *n, int i, DType *type)
{
    Node copy = *n;
    Value *results = ARENA_ARRAY(g->arena, Value, n->n_out);
    copy.out = ARENA_ARRAY(g->arena, Value *, n->n_out);
    for (int k = 0; k < n->n_out; k++)
        if (n->out[k]) {
            results[k] = *n->out[k];
            copy.out[k] = &results[k];
        }
    if (!op_infer(g, &copy))
        return false;
    *type = results[i].dtype;
    return true;
}

static bool widen(Legalize *l, Node *n)
{
    Graph *g = l->g;
    for (int i = 0; i < n->n_in; i++)
        if (is_half(n->in[i]))
            n->in[i] = twin_of(l, n, n->in[i]);
    for (int i = 0; i < n->n_out; i++) {
        Value *result = n->out[i];
        DType type = DT_NONE;
        if (!is_half(result))
            continue;
        if (!inferred_type(g, n, i, &type))
            return false;
        if (type != DT_F32)
            continue;
        Value *wide = graph_value(g, NULL, DT_F32, &result->shape);
        n->out[i] = wide;
        wide->def = n;
        wide->def_index = i;
        cast_node(g, n, true, wide, result);
        l->twin[result->id] = wide;
    }
    return true;
}

bool pass_legalize(Graph *g, const PassOptions *o)
{
    (void)o;
    Legalize l = {.g = g, .n_twins = g->n_values};
    int n = g->n_nodes;
    bool changed = false;
    l.twin = ARENA_ARRAY(g->arena, Value *, g->n_values);
    Node **nodes = ARENA_ARRAY(g->arena, Node *, n);
    if (n > 0)
        memcpy(nodes, g->nodes, (size_t)n * sizeof *nodes);
    for (int i = 0; i < n; i++) {
        if (!is_widened(&l, nodes[i]))
            continue;
        changed = true;
        if (!widen(&l, nodes[i]))
            return false;
    }
    return !changed || remove_dead(g);
}
