/* Inference of operators with tensors of indices: GatherElements, GatherND, Scatter and its
 * successors, OneHot, and our own Channels.
 *
 * Comes in: any type; the indices may be known only at run time. Goes out: output shapes; axes are
 * non-negative.
 * Holds: the indices' shape fits the data; the values of indices are not looked at. */
#include "ir/infer.h"

#include "ir/ops.h"

static bool check_indices(Graph *g, const Node *n, bool narrow)
{
    DType type = n->in[1]->dtype;
    if (type == DT_I64 || (narrow && type == DT_I32))
        return true;
    return node_error(g, n, "indices are %s, %s is needed", dtype_name(type),
                      narrow ? "int32 or int64" : "int64");
}

/* Indices with the axes of the data, nowhere longer but along `axis`. */
static bool check_elementwise(Graph *g, Node *n)
{
    const Shape *x = &n->in[0]->shape, *s = &n->in[1]->shape;
    int64_t *axis = &n->params.index.axis;
    if (!check_indices(g, n, true) || !infer_require_rank(g, n, 1) ||
        !infer_axis(g, n, axis, x->rank, x->rank))
        return false;
    bool fits = s->rank == x->rank;
    for (int i = 0; fits && i < x->rank; i++)
        fits = i == *axis || s->dim[i] <= x->dim[i];
    return fits || node_error(g, n, "indices of shape %s do not fit data of shape %s",
                              infer_shape_text(g, n->in[1]), infer_shape_text(g, n->in[0]));
}

bool infer_gather_elements(Graph *g, Node *n)
{
    if (!infer_require(g, n, 2, 2) || !check_elementwise(g, n))
        return false;
    const Shape *x = &n->in[0]->shape, *s = &n->in[1]->shape;
    if (x->dim[n->params.index.axis] == 0 && shape_numel(s) > 0)
        return node_error(g, n, "axis %lld is empty", (long long)n->params.index.axis);
    return infer_output(g, n, 0, n->in[0]->dtype, s);
}

static bool check_updates(Graph *g, const Node *n, const Shape *want)
{
    const Value *updates = n->in[2];
    if (!infer_require_same_type(g, n, 2))
        return false;
    if (!shape_equal(&updates->shape, want))
        return node_error(g, n, "updates have shape %s, %s is needed", infer_shape_text(g, updates),
                          shape_str(g->arena, want));
    if (n->params.index.reduction != SCATTER_NONE && updates->dtype == DT_BOOL)
        return node_error(g, n, "bool cannot be reduced");
    return true;
}

bool infer_scatter_elements(Graph *g, Node *n)
{
    if (!infer_require(g, n, 3, 3) || !check_elementwise(g, n) ||
        !check_updates(g, n, &n->in[1]->shape))
        return false;
    const Shape *x = &n->in[0]->shape;
    if (x->dim[n->params.index.axis] == 0 && shape_numel(&n->in[1]->shape) > 0)
        return node_error(g, n, "axis %lld is empty", (long long)n->params.index.axis);
    return infer_output(g, n, 0, n->in[0]->dtype, x);
}

/* The leading axes of the indices, then what tuples of `tuple` leave of the data behind `batch`. */
static bool slices_shape(Graph *g, const Node *n, int batch, Shape *out)
{
    const Shape *x = &n->in[0]->shape, *s = &n->in[1]->shape;
    if (!check_indices(g, n, false) || !infer_require_rank(g, n, 1))
        return false;
    if (s->rank < 1 || batch < 0 || batch >= s->rank || batch >= x->rank)
        return node_error(g, n, "batch_dims is %d for data of shape %s and indices of shape %s",
                          batch, infer_shape_text(g, n->in[0]), infer_shape_text(g, n->in[1]));
    int64_t tuple = s->dim[s->rank - 1];
    if (tuple < 1 || tuple > x->rank - batch)
        return node_error(g, n, "indices of shape %s hold tuples of %lld, data %s has %d axes",
                          infer_shape_text(g, n->in[1]), (long long)tuple,
                          infer_shape_text(g, n->in[0]), x->rank - batch);
    int rest = batch + (int)tuple;
    if (s->rank - 1 + x->rank - rest > MAX_RANK)
        return node_unsupported(g, n, "result has %d axes, at most %d are supported",
                                s->rank - 1 + x->rank - rest, (int)MAX_RANK);
    for (int i = 0; i < batch; i++)
        if (x->dim[i] != s->dim[i])
            return node_error(g, n, "data and indices differ in axis %d of the batch", i);
    *out = (Shape){.rank = 0};
    for (int i = 0; i < s->rank - 1; i++)
        out->dim[out->rank++] = s->dim[i];
    for (int i = rest; i < x->rank; i++)
        out->dim[out->rank++] = x->dim[i];
    int64_t numel;
    if (!shape_checked_numel(out, &numel))
        return node_error(g, n, "output shape %s is too large", shape_str(g->arena, out));
    if (numel > 0 && shape_numel(x) == 0)
        return node_error(g, n, "the data are empty");
    return true;
}

bool infer_gather_nd(Graph *g, Node *n)
{
    Shape out;
    int64_t batch = n->params.index.batch_dims;
    if (batch < 0 || batch >= MAX_RANK)
        return node_error(g, n, "batch_dims %lld is out of range", (long long)batch);
    return infer_require(g, n, 2, 2) && slices_shape(g, n, (int)batch, &out) &&
           infer_output(g, n, 0, n->in[0]->dtype, &out);
}

bool infer_scatter_nd(Graph *g, Node *n)
{
    Shape slices;
    return infer_require(g, n, 3, 3) && slices_shape(g, n, 0, &slices) &&
           check_updates(g, n, &slices) && infer_output(g, n, 0, n->in[0]->dtype, &n->in[0]->shape);
}

/* ---- OneHot ---- */

bool infer_one_hot(Graph *g, Node *n)
{
    if (!infer_require(g, n, 3, 3))
        return false;
    IndexParams *p = &n->params.index;
    const Value *indices = n->in[0], *depth = n->in[1], *values = n->in[2];
    int rank = indices->shape.rank;
    if (indices->dtype == DT_BOOL || depth->dtype == DT_BOOL || shape_numel(&depth->shape) != 1 ||
        shape_numel(&values->shape) != 2)
        return node_error(g, n, "indices, depth and values must be numbers, one and two of them");
    if (depth->constant == NULL)
        return node_unsupported(g, n,
                                "depth \"%s\" is not known at compile time; --freeze makes "
                                "an input constant",
                                depth->name);
    if (rank == MAX_RANK)
        return node_unsupported(g, n, "result has %d axes, at most %d are supported", rank + 1,
                                (int)MAX_RANK);
    double count = tensor_get_f64(depth->constant, 0);
    if (!(count >= 0 && count < 1e15))
        return node_error(g, n, "depth %g is out of range", count);
    p->depth = (int64_t)count;
    if (!infer_axis(g, n, &p->axis, rank + 1, rank + 1))
        return false;
    Shape out = {.rank = rank + 1};
    for (int i = 0; i < out.rank; i++)
        out.dim[i] = i == p->axis ? p->depth : indices->shape.dim[i - (i > p->axis)];
    return infer_output(g, n, 0, values->dtype, &out);
}

/* ---- Channels: our own; the last operand is the list of channels ---- */

bool infer_channels(Graph *g, Node *n)
{
    const int64_t *list;
    int64_t count, channels = 0;
    int sources = node_own_inputs(n) - 1;
    if (sources < 1 || !infer_require(g, n, sources + 1, sources + 1) ||
        !infer_require_rank(g, n, 2) || !infer_ints(g, n, sources, "indices", &list, &count))
        return false;
    Shape out = n->in[0]->shape;
    for (int i = 0; i < sources; i++) {
        Shape s = n->in[i]->shape;
        if (!infer_require_same_type(g, n, i))
            return false;
        if (s.rank != out.rank || s.dim[1] > (INT64_C(1) << 58) - channels)
            return node_error(g, n, "operand %d has shape %s", i, infer_shape_text(g, n->in[i]));
        channels += s.dim[1];
        s.dim[1] = out.dim[1];
        if (!shape_equal(&s, &out))
            return node_error(g, n, "operand %d has shape %s", i, infer_shape_text(g, n->in[i]));
    }
    for (int64_t c = 0; c < count; c++)
        if (list[c] < 0 || list[c] >= channels)
            return node_error(g, n, "there is no channel %lld", (long long)list[c]);
    out.dim[1] = count;
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}
