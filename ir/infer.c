/* Inference: the helpers that every family of operators shares.
 *
 * Comes in: a node whose operands are inferred. Goes out: checked access to operands, outputs with
 * type and shape, or one diagnostic that names the node.
 * Holds: nothing here trusts the model: axes, extents and constant inputs are checked before use,
 * and a shape that infer_output accepted has a byte size below 2^62. */
#include "ir/infer.h"

#include "ir/ops.h"

Value *infer_operand(const Node *n, int i)
{
    return i < node_own_inputs(n) ? n->in[i] : NULL;
}

bool infer_require(Graph *g, const Node *n, int least, int most)
{
    if (node_own_inputs(n) > most)
        return node_error(g, n, "has %d operands, takes %d", node_own_inputs(n), most);
    for (int i = 0; i < least; i++) {
        const Value *v = infer_operand(n, i);
        if (v == NULL)
            return node_error(g, n, "input %d is missing", i);
        if (v->dtype == DT_NONE)
            return node_error(g, n, "the type of input \"%s\" is unknown", v->name);
    }
    if (n->n_out < 1 || n->out[0] == NULL)
        return node_error(g, n, "the first output is missing");
    return true;
}

bool infer_require_float(Graph *g, const Node *n, int i)
{
    const Value *v = infer_operand(n, i);
    if (v == NULL || dtype_is_float(v->dtype))
        return true;
    return node_error(g, n, "input \"%s\" is %s, a floating-point type is needed", v->name,
                      dtype_name(v->dtype));
}

bool infer_require_same_type(Graph *g, const Node *n, int i)
{
    const Value *first = n->in[0], *v = infer_operand(n, i);
    if (v == NULL || v->dtype == first->dtype)
        return true;
    return node_error(g, n, "input \"%s\" is %s, input \"%s\" is %s", first->name,
                      dtype_name(first->dtype), v->name, dtype_name(v->dtype));
}

bool infer_require_rank(Graph *g, const Node *n, int rank)
{
    const Value *v = n->in[0];
    if (v->shape.rank >= rank)
        return true;
    return node_error(g, n, "input has shape %s, at least %d axes are needed",
                      infer_shape_text(g, v), rank);
}

bool infer_output(Graph *g, Node *n, int k, DType dtype, const Shape *shape)
{
    if (k >= n->n_out || n->out[k] == NULL)
        return true;
    int64_t numel;
    if (!shape_checked_numel(shape, &numel))
        return node_error(g, n, "output shape %s is negative or too large",
                          shape_str(g->arena, shape));
    n->out[k]->dtype = dtype;
    n->out[k]->shape = *shape;
    return true;
}

bool infer_axis(Graph *g, const Node *n, int64_t *axis, int rank, int limit)
{
    if (*axis < -rank || *axis >= limit)
        return node_error(g, n, "axis %lld is out of range for %d axes", (long long)*axis, rank);
    if (*axis < 0)
        *axis += rank;
    return true;
}

static bool not_constant(Graph *g, const Node *n, const char *what, const Value *v)
{
    return node_unsupported(g, n,
                            "%s \"%s\" is not known at compile time; --freeze makes an input "
                            "constant",
                            what, v->name);
}

bool infer_ints(Graph *g, const Node *n, int i, const char *what, const int64_t **list,
                int64_t *count)
{
    *list = NULL;
    *count = 0;
    const Value *v = infer_operand(n, i);
    if (v == NULL)
        return true;
    if (!dtype_is_integer(v->dtype))
        return node_error(g, n, "%s \"%s\" is %s, integers are needed", what, v->name,
                          dtype_name(v->dtype));
    if (v->shape.rank > 1)
        return node_error(g, n, "%s \"%s\" has shape %s, a list is needed", what, v->name,
                          infer_shape_text(g, v));
    *list = value_const_i64(g, v, count);
    return *list != NULL || not_constant(g, n, what, v);
}

bool infer_floats(Graph *g, const Node *n, int i, const char *what, const Tensor **t)
{
    *t = NULL;
    const Value *v = infer_operand(n, i);
    if (v == NULL || shape_numel(&v->shape) == 0)
        return true;
    if (!dtype_is_float(v->dtype))
        return node_error(g, n, "%s \"%s\" is %s, a floating-point type is needed", what, v->name,
                          dtype_name(v->dtype));
    *t = v->constant;
    return *t != NULL || not_constant(g, n, what, v);
}

const char *infer_shape_text(Graph *g, const Value *v)
{
    return shape_str(g->arena, &v->shape);
}

bool infer_none(Graph *g, Node *n)
{
    return node_error(g, n, "this operator must be replaced before shape inference");
}

bool infer_take_axes(Graph *g, const Node *n, int i, int *n_axes, int64_t axes[MAX_RANK])
{
    const int64_t *list;
    int64_t count;
    if (!infer_ints(g, n, i, "axes", &list, &count))
        return false;
    if (list == NULL)
        return true;
    if (count > MAX_RANK)
        return node_error(g, n, "%lld axes are named", (long long)count);
    *n_axes = (int)count;
    for (int k = 0; k < *n_axes; k++)
        axes[k] = list[k];
    return true;
}

bool infer_mark_axes(Graph *g, const Node *n, int n_axes, int64_t *axes, int rank, bool *named)
{
    for (int i = 0; i < n_axes; i++) {
        if (!infer_axis(g, n, &axes[i], rank, rank))
            return false;
        if (named[axes[i]])
            return node_error(g, n, "axis %lld is named twice", (long long)axes[i]);
        named[axes[i]] = true;
    }
    return true;
}
