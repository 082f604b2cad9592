/* Helpers of the rewriting passes; see rewrite.h. */
#include "passes/rewrite.h"

bool value_read_once(const Value *v)
{
    return v->n_users == 1 && !v->is_output;
}

bool value_is_f32_constant(const Value *v)
{
    return v && v->constant && v->dtype == DT_F32;
}

bool op_only_reshapes(OpKind op)
{
    return op_has(op, T_VIEW) && !op_has(op, T_ELEMENTWISE) && op_info(op)->out_max == 1;
}

static bool has_reader(const Node *n)
{
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && (n->out[i]->n_users > 0 || n->out[i]->is_output))
            return true;
    return false;
}

bool remove_dead(Graph *g)
{
    if (!graph_compact(g))
        return false;
    for (int i = g->n_nodes - 1; i >= 0; i--) { /* readers stand behind their operands */
        Node *n = g->nodes[i];
        if (has_reader(n))
            continue;
        n->dead = true;
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k])
                n->in[k]->n_users--;
    }
    return graph_compact(g);
}

void swap_names(Value *a, Value *b)
{
    const char *name = a->name;
    a->name = b->name;
    b->name = name;
}

void copy_shared_outputs(Graph *g)
{
    for (int i = 0; i < g->n_outputs; i++) {
        Value *v = g->outputs[i];
        bool repeated = false;
        for (int k = 0; k < i; k++)
            repeated = repeated || g->outputs[k] == v;
        if (!v->is_input && !v->constant && !repeated)
            continue;
        Value *copy = graph_value(g, v->name, v->dtype, &v->shape);
        graph_node(g, OP_Identity, NULL, &v, 1, &copy, 1);
        g->outputs[i] = copy;
        copy->is_output = true;
        if (!repeated)
            v->is_output = false;
        if (v->constant)
            swap_names(v, copy); /* nobody asks a constant for its name */
    }
    graph_index(g);
}

Value *shape_constant(Graph *g, const char *name, const Shape *shape)
{
    Shape one_axis = {1, {shape->rank}};
    Tensor *t = tensor_new(g->arena, DT_I64, &one_axis);
    for (int i = 0; i < shape->rank; i++)
        tensor_set_i64(t, i, shape->dim[i]);
    return graph_constant(g, name, t);
}

int64_t operand_extent(const Value *v, const Shape *out, int axis)
{
    int own = axis - (out->rank - v->shape.rank);
    return own < 0 ? 1 : v->shape.dim[own];
}

bool operand_per_channel(const Value *v, const Shape *out, int axis)
{
    if (v->shape.rank > out->rank)
        return false;
    for (int i = 0; i < out->rank; i++)
        if (i != axis && operand_extent(v, out, i) != 1)
            return false;
    int64_t channels = operand_extent(v, out, axis);
    return channels == 1 || channels == out->dim[axis];
}
