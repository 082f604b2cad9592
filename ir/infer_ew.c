/* Inference of elementwise operators and of the operators whose output is shaped like the input.
 *
 * Comes in: operands of any rank. Goes out: the broadcast shape, or the input's shape; operands
 * agree in type. The Softmax family's axis becomes non-negative.
 * Holds: fused epilogue operands are not operands of the operator and take no part. */
#include "ir/infer.h"

#include "ir/ops.h"

bool infer_same_as_input(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 1) || !infer_require_types(g, n, 0))
        return false;
    return infer_output(g, n, 0, n->in[0]->dtype, &n->in[0]->shape);
}

bool infer_predicate(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 1) || !infer_require_types(g, n, 0))
        return false;
    return infer_output(g, n, 0, DT_BOOL, &n->in[0]->shape);
}

bool infer_lrn(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 1) || !infer_require_rank(g, n, 2))
        return false;
    int64_t size = n->params.norm.size;
    if (size < 1 || size > INT32_MAX)
        return node_error(g, n, "size %lld is out of range", (long long)size);
    return infer_same_as_input(g, n);
}

bool infer_softmax(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 1))
        return false;
    AxisParams *p = &n->params.axis;
    int rank = n->in[0]->shape.rank;
    if (!infer_axis(g, n, &p->axis, rank, rank))
        return false;
    return infer_same_as_input(g, n);
}

static bool require_scalar(Graph *g, const Node *n, int i, const char *what)
{
    const Value *v = infer_operand(n, i);
    if (v == NULL || shape_numel(&v->shape) == 1)
        return infer_require_same_type(g, n, i);
    return node_error(g, n, "%s \"%s\" has shape %s, a scalar is needed", what, v->name,
                      infer_shape_text(g, v));
}

bool infer_clip(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 3) || !require_scalar(g, n, 1, "min") ||
        !require_scalar(g, n, 2, "max"))
        return false;
    if (!infer_require_types(g, n, 0))
        return false;
    return infer_output(g, n, 0, n->in[0]->dtype, &n->in[0]->shape);
}

/* The mask of Dropout was of the input's type before opset 10. */
bool infer_dropout(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 3) || !infer_require_float(g, n, 0))
        return false;
    const Value *x = n->in[0];
    DType mask = g->opset >= 1 && g->opset < 10 ? x->dtype : DT_BOOL;
    return infer_output(g, n, 0, x->dtype, &x->shape) && infer_output(g, n, 1, mask, &x->shape);
}

bool infer_cast(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 1))
        return false;
    if (dtype_size(n->params.ew.to) == 0)
        return node_error(g, n, "the type to cast to is missing or unknown");
    return infer_output(g, n, 0, n->params.ew.to, &n->in[0]->shape);
}

/* A byte of any other value than 0 or 1 would be no bool. */
bool infer_bit_cast(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 1))
        return false;
    const Value *x = n->in[0];
    DType to = n->params.ew.to;
    if (to == DT_NONE || dtype_size(to) != dtype_size(x->dtype))
        return node_error(g, n, "input \"%s\" is %s, whose elements do not have the size of %s",
                          x->name, dtype_name(x->dtype), dtype_name(to));
    if (to == DT_BOOL && x->dtype != DT_BOOL)
        return node_unsupported(g, n, "taking bits for bool; compare with 0");
    return infer_output(g, n, 0, to, &x->shape);
}

/* ---- several operands ---- */

static bool join(Graph *g, const Node *n, Shape *shape, const Value *v)
{
    Shape joined;
    if (!shape_broadcast(shape, &v->shape, &joined))
        return node_error(g, n, "shapes %s and %s do not broadcast", shape_str(g->arena, shape),
                          infer_shape_text(g, v));
    *shape = joined;
    return true;
}

/* The operands from `first` on have legal types, all the same, and broadcast with *shape. Pow lets
 * the exponent have a type of its own; the base gives the result's. */
static bool join_operands(Graph *g, const Node *n, int first, Shape *shape)
{
    for (int i = first; i < node_own_inputs(n); i++) {
        const Value *v = n->in[i], *model = n->in[first];
        if (!infer_require_types(g, n, i))
            return false;
        if (n->op != OP_Pow && v->dtype != model->dtype)
            return node_error(g, n, "input \"%s\" is %s, input \"%s\" is %s", model->name,
                              dtype_name(model->dtype), v->name, dtype_name(v->dtype));
        if (!join(g, n, shape, v))
            return false;
    }
    return true;
}

static bool require_operands(Graph *g, const Node *n)
{
    bool chain = n->op == OP_Min || n->op == OP_Max;
    int count = chain ? node_own_inputs(n) : 2;
    return infer_require(g, n, count, count);
}

bool infer_broadcast(Graph *g, Node *n)
{
    if (!require_operands(g, n))
        return false;
    Shape shape = n->in[0]->shape;
    bool is_float = dtype_is_float(n->in[0]->dtype);
    if (n->op == OP_Mod && is_float && n->params.ew.mode == 0)
        return node_error(g, n, "fmod must be 1 for floating-point operands");
    return join_operands(g, n, 0, &shape) && infer_output(g, n, 0, n->in[0]->dtype, &shape);
}

bool infer_compare(Graph *g, Node *n)
{
    if (!require_operands(g, n))
        return false;
    Shape shape = n->in[0]->shape;
    return join_operands(g, n, 0, &shape) && infer_output(g, n, 0, DT_BOOL, &shape);
}

bool infer_where(Graph *g, Node *n)
{
    if (!infer_require(g, n, 3, 3))
        return false;
    const Value *condition = n->in[0];
    Shape shape = condition->shape;
    if (condition->dtype != DT_BOOL)
        return node_error(g, n, "condition \"%s\" is %s, bool is needed", condition->name,
                          dtype_name(condition->dtype));
    return join_operands(g, n, 1, &shape) && infer_output(g, n, 0, n->in[1]->dtype, &shape);
}

/* The slope broadcasts to the input, not the other way round. */
bool infer_prelu(Graph *g, Node *n)
{
    if (!infer_require(g, n, 2, 2) || !infer_require_same_type(g, n, 1) ||
        !infer_require_types(g, n, 0))
        return false;
    const Value *x = n->in[0];
    Shape shape = x->shape;
    if (!join(g, n, &shape, n->in[1]))
        return false;
    if (!shape_equal(&shape, &x->shape))
        return node_error(g, n, "slope of shape %s does not broadcast to the input %s",
                          infer_shape_text(g, n->in[1]), infer_shape_text(g, x));
    return infer_output(g, n, 0, x->dtype, &shape);
}

/* ---- BatchNormalization ---- */

static bool check_statistic(Graph *g, const Node *n, int i, int64_t channels)
{
    static const char *const names[] = {"input", "scale", "bias", "mean", "variance"};
    const Value *v = n->in[i];
    if (!infer_require_float(g, n, i))
        return false;
    if (v->shape.rank == 1 && v->shape.dim[0] == channels)
        return true;
    return node_error(g, n, "%s has shape %s, input has %lld channels", names[i],
                      infer_shape_text(g, v), (long long)channels);
}

bool infer_batch_norm(Graph *g, Node *n)
{
    if (!infer_require(g, n, 5, 5) || !infer_require_float(g, n, 0) || !infer_require_rank(g, n, 2))
        return false;
    const Value *x = n->in[0];
    for (int i = 1; i < 5; i++)
        if (!check_statistic(g, n, i, x->shape.dim[1]))
            return false;
    for (int i = 1; i < n->n_out; i++)
        if (n->out[i])
            return node_unsupported(g, n, "training outputs are not supported");
    return infer_output(g, n, 0, x->dtype, &x->shape);
}
