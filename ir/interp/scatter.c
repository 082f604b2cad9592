/* GatherElements, GatherND, ScatterElements (and its elder Scatter), ScatterND.
 *
 * Comes in: data, indices (checked one by one against the data's extents), updates. Goes out: the
 * elements that the indices name, or a copy of the data with the updates put in, in the order of
 * the indices. Holds: without a reduction bits are copied; with one, integers stay exact. */
#include "ir/interp/values.h"

#include <math.h>
#include <string.h>

bool interp_gather_elements(InterpCall *c)
{
    const Tensor *x = c->in[0], *indices = c->in[1];
    int axis = (int)c->node->params.index.axis;
    int64_t at[MAX_RANK];
    for (int64_t i = 0; i < shape_numel(&indices->shape); i++) {
        interp_unravel(&indices->shape, i, at);
        at[axis] = tensor_get_i64(indices, i);
        if (!interp_index(c, x->shape.dim[axis], &at[axis]))
            return false;
        interp_copy(c->out[0], i, x, interp_ravel(&x->shape, at));
    }
    return true;
}

/* The coordinates that tuple number `i` of the indices writes to at[first…]. */
static bool read_tuple(InterpCall *c, const Shape *x, int64_t i, int first, int64_t *at)
{
    const Tensor *indices = c->in[1];
    int64_t tuple = indices->shape.dim[indices->shape.rank - 1];
    for (int k = 0; k < (int)tuple; k++) {
        at[first + k] = tensor_get_i64(indices, i * tuple + k);
        if (!interp_index(c, x->dim[first + k], &at[first + k]))
            return false;
    }
    return true;
}

bool interp_gather_nd(InterpCall *c)
{
    const Tensor *x = c->in[0], *indices = c->in[1];
    const Shape *xs = &x->shape, *is = &indices->shape;
    int batch = (int)c->node->params.index.batch_dims;
    int rest = batch + (int)is->dim[is->rank - 1];
    int64_t slice = shape_range_numel(xs, rest, xs->rank);
    int64_t tuples = shape_range_numel(is, 0, is->rank - 1);
    int64_t per_batch = shape_range_numel(is, batch, is->rank - 1);
    for (int64_t i = 0; i < tuples; i++) {
        int64_t at[MAX_RANK] = {0};
        Shape batches = shape_make(batch, xs->dim);
        interp_unravel(&batches, i / per_batch, at);
        if (!read_tuple(c, xs, i, batch, at))
            return false;
        int64_t from = interp_ravel(xs, at);
        for (int64_t k = 0; k < slice; k++)
            interp_copy(c->out[0], i * slice + k, x, from + k);
    }
    return true;
}

/* ---- writing ---- */

static double reduce_f64(ScatterReduction r, double a, double b)
{
    if (r == SCATTER_ADD)
        return a + b;
    if (r == SCATTER_MUL)
        return a * b;
    if (isnan(a) || isnan(b))
        return NAN;
    return r == SCATTER_MIN ? fmin(a, b) : fmax(a, b);
}

/* Sums and products wrap like those of every narrower type do when they are stored. */
static int64_t reduce_i64(ScatterReduction r, DType type, int64_t a, int64_t b)
{
    if (r == SCATTER_ADD)
        return (int64_t)((uint64_t)a + (uint64_t)b);
    if (r == SCATTER_MUL)
        return (int64_t)((uint64_t)a * (uint64_t)b);
    bool less = type == DT_U64 ? (uint64_t)a < (uint64_t)b : a < b;
    return less == (r == SCATTER_MIN) ? a : b;
}

static void put(const InterpCall *c, int64_t to, int64_t update)
{
    ScatterReduction r = c->node->params.index.reduction;
    Tensor *out = c->out[0];
    const Tensor *updates = c->in[2];
    if (r == SCATTER_NONE)
        interp_copy(out, to, updates, update);
    else if (dtype_is_float(out->dtype))
        tensor_set_f64(out, to,
                       reduce_f64(r, tensor_get_f64(out, to), tensor_get_f64(updates, update)));
    else
        tensor_set_i64(
            out, to,
            reduce_i64(r, out->dtype, tensor_get_i64(out, to), tensor_get_i64(updates, update)));
}

bool interp_scatter_elements(InterpCall *c)
{
    const Tensor *indices = c->in[1];
    const Shape *s = &c->out[0]->shape;
    int axis = (int)c->node->params.index.axis;
    int64_t at[MAX_RANK];
    memcpy(c->out[0]->data, c->in[0]->data, tensor_bytes(c->out[0]));
    for (int64_t i = 0; i < shape_numel(&indices->shape); i++) {
        interp_unravel(&indices->shape, i, at);
        at[axis] = tensor_get_i64(indices, i);
        if (!interp_index(c, s->dim[axis], &at[axis]))
            return false;
        put(c, interp_ravel(s, at), i);
    }
    return true;
}

bool interp_scatter_nd(InterpCall *c)
{
    const Shape *s = &c->out[0]->shape, *is = &c->in[1]->shape;
    int64_t slice = shape_range_numel(s, (int)is->dim[is->rank - 1], s->rank);
    int64_t tuples = shape_range_numel(is, 0, is->rank - 1);
    memcpy(c->out[0]->data, c->in[0]->data, tensor_bytes(c->out[0]));
    for (int64_t i = 0; i < tuples; i++) {
        int64_t at[MAX_RANK] = {0};
        if (!read_tuple(c, s, i, 0, at))
            return false;
        int64_t to = interp_ravel(s, at);
        for (int64_t k = 0; k < slice; k++)
            put(c, to + k, i * slice + k);
    }
    return true;
}
