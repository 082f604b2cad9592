/* Inference of operators that reinterpret or permute axes: Flatten, Reshape, Squeeze, Unsqueeze,
 * Transpose, Expand, and of the shape sources Shape and ConstantOfShape.
 *
 * Comes in: any type; target shapes as constant inputs. Goes out: output shapes; axes are
 * non-negative and permutations explicit.
 * Holds: views keep the number of elements; no result has more than MAX_RANK axes. */
#include "ir/infer.h"

#include "ir/ops.h"

static bool too_many_axes(Graph *g, const Node *n, int64_t rank)
{
    return node_unsupported(g, n, "result has %lld axes, at most %d are supported", (long long)rank,
                            (int)MAX_RANK);
}

bool infer_flatten(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 1))
        return false;
    const Value *x = n->in[0];
    int64_t *axis = &n->params.axis.axis;
    if (!infer_axis(g, n, axis, x->shape.rank, x->shape.rank + 1))
        return false;
    Shape out = {.rank = 2};
    out.dim[0] = shape_range_numel(&x->shape, 0, (int)*axis);
    out.dim[1] = shape_range_numel(&x->shape, (int)*axis, x->shape.rank);
    return infer_output(g, n, 0, x->dtype, &out);
}

/* ---- Reshape ---- */

/* Replaces 0 (copy) and finds -1 (the rest); *rest is its position or -1. */
static bool take_extents(Graph *g, const Node *n, const int64_t *list, Shape *out, int *rest)
{
    const Shape *x = &n->in[0]->shape;
    *rest = -1;
    for (int i = 0; i < out->rank; i++) {
        out->dim[i] = list[i];
        if (list[i] < -1)
            return node_error(g, n, "extent %lld in the shape is negative", (long long)list[i]);
        if (list[i] == -1) {
            if (*rest >= 0)
                return node_error(g, n, "the shape has more than one -1");
            *rest = i;
            out->dim[i] = 1;
        } else if (list[i] == 0 && !n->params.shape.allow_zero) {
            if (i >= x->rank)
                return node_error(g, n, "0 at position %d copies an axis that %s does not have", i,
                                  infer_shape_text(g, n->in[0]));
            out->dim[i] = x->dim[i];
        }
    }
    return true;
}

/* The wanted extents as a shape with non-negative entries. */
static bool wanted_shape(Graph *g, Node *n, Shape *out, int *rest)
{
    const int64_t *list;
    int64_t count;
    *rest = -1;
    *out = n->out[0]->shape;
    if (!infer_ints(g, n, 1, "shape", &list, &count))
        return false;
    if (list == NULL)
        return true;
    if (count > MAX_RANK)
        return too_many_axes(g, n, count);
    out->rank = (int)count;
    return take_extents(g, n, list, out, rest);
}

bool infer_reshape(Graph *g, Node *n)
{
    Shape out;
    int rest;
    if (!infer_require(g, n, 1, 2) || !wanted_shape(g, n, &out, &rest))
        return false;
    const Value *x = n->in[0];
    int64_t known, have = shape_numel(&x->shape);
    if (!shape_checked_numel(&out, &known))
        return node_error(g, n, "shape %s is too large", shape_str(g->arena, &out));
    if (rest >= 0) {
        if (known == 0 || have % known)
            return node_error(g, n, "-1 in the shape cannot be resolved for input %s",
                              infer_shape_text(g, x));
        out.dim[rest] = have / known;
        known = have;
    }
    if (known != have)
        return node_error(g, n, "input %s has %lld elements, shape %s has %lld",
                          infer_shape_text(g, x), (long long)have, shape_str(g->arena, &out),
                          (long long)known);
    return infer_output(g, n, 0, x->dtype, &out);
}

/* ---- Squeeze, Unsqueeze ---- */

/* n_axes = -1 becomes the list of all axes of extent 1. */
static void name_unit_axes(AxisParams *p, const Shape *x)
{
    p->n_axes = 0;
    for (int i = 0; i < x->rank; i++)
        if (x->dim[i] == 1)
            p->axes[p->n_axes++] = i;
}

bool infer_squeeze(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 2) ||
        !infer_take_axes(g, n, 1, &n->params.axis.n_axes, n->params.axis.axes))
        return false;
    AxisParams *p = &n->params.axis;
    const Value *x = n->in[0];
    bool named[2 * MAX_RANK] = {false};
    if (p->n_axes < 0)
        name_unit_axes(p, &x->shape);
    if (!infer_mark_axes(g, n, p->n_axes, p->axes, x->shape.rank, named))
        return false;
    Shape out = {.rank = 0};
    for (int i = 0; i < x->shape.rank; i++) {
        if (!named[i])
            out.dim[out.rank++] = x->shape.dim[i];
        else if (x->shape.dim[i] != 1)
            return node_error(g, n, "axis %d of input %s is not of extent 1", i,
                              infer_shape_text(g, x));
    }
    return infer_output(g, n, 0, x->dtype, &out);
}

bool infer_unsqueeze(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 2) ||
        !infer_take_axes(g, n, 1, &n->params.axis.n_axes, n->params.axis.axes))
        return false;
    const AxisParams *p = &n->params.axis;
    const Value *x = n->in[0];
    if (p->n_axes < 0)
        return node_error(g, n, "axes are missing");
    if (x->shape.rank + p->n_axes > MAX_RANK)
        return too_many_axes(g, n, x->shape.rank + p->n_axes);
    Shape out = {.rank = x->shape.rank + p->n_axes};
    bool named[2 * MAX_RANK] = {false};
    if (!infer_mark_axes(g, n, p->n_axes, n->params.axis.axes, out.rank, named))
        return false;
    for (int i = 0, from = 0; i < out.rank; i++)
        out.dim[i] = named[i] ? 1 : x->shape.dim[from++];
    return infer_output(g, n, 0, x->dtype, &out);
}

/* ---- Transpose, Expand ---- */

bool infer_transpose(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 1))
        return false;
    PermParams *p = &n->params.perm;
    const Value *x = n->in[0];
    int rank = x->shape.rank;
    bool used[MAX_RANK] = {false};
    Shape out = {.rank = rank};
    for (int i = 0; i < rank; i++) {
        if (!p->given)
            p->perm[i] = rank - 1 - i;
        int from = p->perm[i];
        if (from < 0 || from >= rank || used[from])
            return node_error(g, n, "perm is not a permutation of %d axes", rank);
        used[from] = true;
        out.dim[i] = x->shape.dim[from];
    }
    p->given = true;
    return infer_output(g, n, 0, x->dtype, &out);
}

bool infer_expand(Graph *g, Node *n)
{
    const int64_t *list;
    int64_t count, numel;
    if (!infer_require(g, n, 1, 2) || !infer_ints(g, n, 1, "shape", &list, &count))
        return false;
    if (count > MAX_RANK)
        return too_many_axes(g, n, count);
    Shape want = list ? shape_make((int)count, list) : n->out[0]->shape, out;
    if (!shape_checked_numel(&want, &numel))
        return node_error(g, n, "shape %s is negative or too large", shape_str(g->arena, &want));
    if (!shape_broadcast(&n->in[0]->shape, &want, &out))
        return node_error(g, n, "shapes %s and %s do not broadcast", infer_shape_text(g, n->in[0]),
                          shape_str(g->arena, &want));
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}

/* ---- shapes as data ---- */

/* A slice position as ONNX clamps it: negative counts from the end. */
static int64_t clamp_position(int64_t at, int64_t rank)
{
    if (at < 0)
        at = at < -rank ? 0 : at + rank;
    return at > rank ? rank : at;
}

bool infer_shape(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 1))
        return false;
    ShapeParams *p = &n->params.shape;
    int64_t rank = n->in[0]->shape.rank;
    p->start = clamp_position(p->start, rank);
    p->end = clamp_position(p->end, rank);
    Shape out = {.rank = 1, .dim = {p->end > p->start ? p->end - p->start : 0}};
    return infer_output(g, n, 0, DT_I64, &out);
}

bool infer_constant_of_shape(Graph *g, Node *n)
{
    const int64_t *list;
    int64_t count;
    if (!infer_require(g, n, 1, 1) || !infer_ints(g, n, 0, "shape", &list, &count))
        return false;
    if (count > MAX_RANK)
        return too_many_axes(g, n, count);
    Shape out = shape_make((int)count, list);
    DType dtype = n->params.shape.dtype;
    if (dtype_size(dtype) == 0)
        return node_error(g, n, "the type of the value is missing or unknown");
    return infer_output(g, n, 0, dtype, &out);
}
