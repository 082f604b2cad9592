/* Inference of the normalisations over lines: Instance-, Group-, Layer- and RMSNormalization.
 *
 * Comes in: a float tensor, scale and bias. Goes out: the same shape; for LayerNormalization also
 * the shape of mean and deviation. The axis is non-negative.
 * Holds: scale and bias have one number a channel (or group), or broadcast to the normalised axes.
 */
#include "ir/infer.h"

#include "ir/ops.h"

/* Operand i has `count` numbers. */
static bool check_list(Graph *g, const Node *n, int i, int64_t count, const char *of)
{
    const Value *v = n->in[i];
    if (!infer_require_float(g, n, i))
        return false;
    if (v->shape.rank == 1 && v->shape.dim[0] == count)
        return true;
    return node_error(g, n, "%s has shape %s, there are %lld %s", i == 1 ? "scale" : "bias",
                      infer_shape_text(g, v), (long long)count, of);
}

bool infer_instance_norm(Graph *g, Node *n)
{
    if (!infer_require(g, n, 3, 3) || !infer_require_float(g, n, 0) || !infer_require_rank(g, n, 3))
        return false;
    const Value *x = n->in[0];
    return check_list(g, n, 1, x->shape.dim[1], "channels") &&
           check_list(g, n, 2, x->shape.dim[1], "channels") &&
           infer_output(g, n, 0, x->dtype, &x->shape);
}

bool infer_group_norm(Graph *g, Node *n)
{
    if (!infer_require(g, n, 3, 3) || !infer_require_float(g, n, 0) || !infer_require_rank(g, n, 2))
        return false;
    const Value *x = n->in[0];
    int64_t groups = n->params.norm.groups, channels = x->shape.dim[1];
    if (groups < 1 || channels % groups)
        return node_error(g, n, "%lld channels do not divide into %lld groups", (long long)channels,
                          (long long)groups);
    bool by_group = n->in[1]->shape.rank == 1 && n->in[1]->shape.dim[0] == groups;
    int64_t count = by_group ? groups : channels;
    const char *of = by_group ? "groups" : "channels";
    return check_list(g, n, 1, count, of) && check_list(g, n, 2, count, of) &&
           infer_output(g, n, 0, x->dtype, &x->shape);
}

/* Operand i, if there, broadcasts to the axes from `axis` on. */
static bool check_broadcast(Graph *g, const Node *n, int i, const Shape *x, int axis)
{
    const Value *v = infer_operand(n, i);
    Shape line = {.rank = x->rank - axis}, joined;
    if (v == NULL)
        return true;
    for (int k = 0; k < line.rank; k++)
        line.dim[k] = x->dim[axis + k];
    if (!infer_require_float(g, n, i))
        return false;
    if (shape_broadcast(&line, &v->shape, &joined) && shape_equal(&line, &joined))
        return true;
    return node_error(g, n, "%s of shape %s does not broadcast to the normalised axes %s",
                      i == 1 ? "scale" : "bias", infer_shape_text(g, v),
                      shape_str(g->arena, &line));
}

bool infer_layer_norm(Graph *g, Node *n)
{
    NormParams *p = &n->params.norm;
    int most = n->op == OP_LayerNormalization ? 3 : 2;
    if (!infer_require(g, n, 2, most) || !infer_require_float(g, n, 0) ||
        !infer_require_rank(g, n, 1))
        return false;
    const Value *x = n->in[0];
    if (!infer_axis(g, n, &p->axis, x->shape.rank, x->shape.rank))
        return false;
    if (!check_broadcast(g, n, 1, &x->shape, (int)p->axis) ||
        !check_broadcast(g, n, 2, &x->shape, (int)p->axis))
        return false;
    Shape statistics = x->shape;
    for (int i = (int)p->axis; i < statistics.rank; i++)
        statistics.dim[i] = 1;
    DType stash = p->stash != DT_NONE ? p->stash : DT_F32;
    return infer_output(g, n, 0, n->op == OP_LayerNormalization ? x->dtype : n->in[1]->dtype,
                        &x->shape) &&
           infer_output(g, n, 1, stash, &statistics) && infer_output(g, n, 2, stash, &statistics);
}
