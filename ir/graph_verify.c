/* The verifier of the graph IR: every invariant of graph.h, checked after every pass.
 *
 * In: a graph. Out: true, or false after one internal-error diagnostic that names the pass and the
 * first violation. It trusts nothing: arrays, back references, single assignment, order, arity,
 * shapes (inference runs again on a copy of the node), epilogues, layouts and places. Whether two
 * living values share memory by mistake is checked by the memory pass's test, which has the
 * lifetimes. */
#include "ir/ops.h"

#include <string.h>

typedef struct Check {
    Graph *g;
    const char *after;
    int *made_at; /* by value id: 0 unknown, 1 input or constant, 2 + position of the node */
} Check;

static bool bad_node(const Check *c, const Node *n, const char *what)
{
    return diag_error(c->g->diag, "internal error: after pass %s: %s: %s", c->after,
                      node_label(c->g->arena, n), what);
}

static bool bad_value(const Check *c, const Value *v, const char *what)
{
    return diag_error(c->g->diag, "internal error: after pass %s: value \"%s\": %s", c->after,
                      v->name ? v->name : "", what);
}

static bool is_value_of(const Graph *g, const Value *v)
{
    return v->id >= 0 && v->id < g->n_values && g->values[v->id] == v;
}

static bool check_value(Check *c, const Value *v, int id)
{
    int64_t numel;
    if (v->id != id)
        return bad_value(c, v, "id is not its index");
    if (v->name == NULL || v->name[0] == '\0')
        return bad_value(c, v, "has no name");
    if (v->dtype <= DT_NONE || v->dtype >= DT_COUNT)
        return bad_value(c, v, "has no type");
    if (v->shape.rank < 0 || v->shape.rank > MAX_RANK || !shape_checked_numel(&v->shape, &numel))
        return bad_value(c, v, "has an illegal shape");
    if (v->constant &&
        (v->constant->dtype != v->dtype || !shape_equal(&v->constant->shape, &v->shape)))
        return bad_value(c, v, "differs in type or shape from its data");
    if (v->def && (v->is_input || v->constant))
        return bad_value(c, v, "is made by a node, but is an input or a constant too");
    if (v->is_input && v->constant)
        return bad_value(c, v, "is an input and a constant");
    if (v->layout.block < 0 || (v->layout.block > 1 && v->shape.rank < 2))
        return bad_value(c, v, "cannot have this layout");
    if (v->is_input || v->constant)
        c->made_at[id] = 1;
    return true;
}

static bool check_interface(const Check *c)
{
    const Graph *g = c->g;
    for (int i = 0; i < g->n_inputs; i++) {
        if (!is_value_of(g, g->inputs[i]) || !g->inputs[i]->is_input)
            return bad_value(c, g->inputs[i], "is listed as input, but not marked");
        if (g->inputs[i]->layout.block > 1)
            return bad_value(c, g->inputs[i], "is an input with a blocked layout");
    }
    for (int i = 0; i < g->n_outputs; i++) {
        if (!is_value_of(g, g->outputs[i]) || !g->outputs[i]->is_output)
            return bad_value(c, g->outputs[i], "is listed as output, but not marked");
        if (g->outputs[i]->layout.block > 1)
            return bad_value(c, g->outputs[i], "is an output with a blocked layout");
        if (c->made_at[g->outputs[i]->id] == 0)
            return bad_value(c, g->outputs[i], "is an output that nothing makes");
    }
    return true;
}

static bool check_operands(const Check *c, const Node *n)
{
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == NULL)
            continue;
        if (!is_value_of(c->g, n->in[i]))
            return bad_node(c, n, "reads a value that is not in the graph");
        if (c->made_at[n->in[i]->id] == 0)
            return bad_node(c, n, "reads a value before it is made");
    }
    return true;
}

static bool check_results(Check *c, const Node *n, int position)
{
    for (int i = 0; i < n->n_out; i++) {
        const Value *v = n->out[i];
        if (v == NULL)
            continue;
        if (!is_value_of(c->g, v))
            return bad_node(c, n, "makes a value that is not in the graph");
        if (v->def != n || v->def_index != i)
            return bad_node(c, n, "makes a value that names another maker");
        if (c->made_at[v->id] != 0)
            return bad_node(c, n, "makes a value that was made before");
        c->made_at[v->id] = 2 + position;
    }
    return true;
}

/* Inference on copies gives the types and shapes that the results have. */
static bool check_inference(const Check *c, const Node *n)
{
    Graph *g = c->g;
    Node copy = *n;
    copy.n_in = node_own_inputs(n);
    copy.n_epilogue = 0;
    copy.out = ARENA_ARRAY(g->arena, Value *, n->n_out);
    Value *results = ARENA_ARRAY(g->arena, Value, n->n_out);
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i]) {
            results[i] = *n->out[i];
            copy.out[i] = &results[i];
        }
    if (!op_infer(g, &copy))
        return bad_node(c, n, "fails in inference");
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && (results[i].dtype != n->out[i]->dtype ||
                          !shape_equal(&results[i].shape, &n->out[i]->shape)))
            return bad_node(c, n, "has a result of another type or shape than inferred");
    return true;
}

static bool check_epilogue(const Check *c, const Node *n)
{
    if (n->n_epilogue && !op_has(n->op, T_EPILOGUE))
        return bad_node(c, n, "has fused steps, but the operator takes none");
    for (int i = 0; i < n->n_epilogue; i++) {
        const EpilogueStep *s = &n->epilogue[i];
        Shape joined;
        if (!op_has(s->op, T_ELEMENTWISE))
            return bad_node(c, n, "has a fused step that is not elementwise");
        if (s->operand < 0)
            continue;
        if (s->operand >= n->n_in || n->in[s->operand] == NULL)
            return bad_node(c, n, "has a fused step without its operand");
        if (!shape_broadcast(&n->out[0]->shape, &n->in[s->operand]->shape, &joined) ||
            !shape_equal(&joined, &n->out[0]->shape))
            return bad_node(c, n, "has a fused operand that does not broadcast to the result");
    }
    return true;
}

static bool check_node(Check *c, const Node *n, int position)
{
    if (n->dead)
        return bad_node(c, n, "is dead, but still listed");
    if (n->op <= OP_NONE || n->op >= OP_COUNT)
        return bad_node(c, n, "has no operator");
    if (n->n_out < 1 || n->out[0] == NULL)
        return bad_node(c, n, "makes nothing");
    if (n->n_epilogue < 0 || n->n_epilogue > MAX_EPILOGUE)
        return bad_node(c, n, "has too many fused steps");
    return check_operands(c, n) && check_epilogue(c, n) && check_inference(c, n) &&
           check_results(c, n, position);
}

static bool check_place(const Check *c, const Value *v)
{
    const Graph *g = c->g;
    const Place *p = &v->place;
    int64_t bytes = value_physical_bytes(v), room = INT64_MAX;
    if (p->kind == PLACE_INPUT || p->kind == PLACE_OUTPUT) {
        int n = p->kind == PLACE_INPUT ? g->n_inputs : g->n_outputs;
        if (p->index < 0 || p->index >= n)
            return bad_value(c, v, "lies in an input or output that does not exist");
        room = value_physical_bytes(p->kind == PLACE_INPUT ? g->inputs[p->index]
                                                           : g->outputs[p->index]);
    }
    if (p->kind == PLACE_ARENA)
        room = g->arena_bytes;
    if (p->kind != PLACE_NONE && (p->offset < 0 || p->offset > room - bytes))
        return bad_value(c, v, "lies outside the memory that it is in");
    return true;
}

bool graph_verify(Graph *g, const char *after)
{
    Check c = {g, after, ARENA_ARRAY(g->arena, int, g->n_values)};
    for (int i = 0; i < g->n_values; i++)
        if (!check_value(&c, g->values[i], i) || !check_place(&c, g->values[i]))
            return false;
    for (int i = 0; i < g->n_nodes; i++)
        if (!check_node(&c, g->nodes[i], i))
            return false;
    for (int i = 0; i < g->n_values; i++) {
        const Node *def = g->values[i]->def;
        if (def && (def->dead || c.made_at[i] == 0))
            return bad_value(&c, g->values[i], "names a maker that is not in the graph");
    }
    return check_interface(&c);
}
