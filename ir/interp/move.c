/* Data movement: Concat, Transpose, Pad, Slice, Split, Gather, Expand and the views.
 *
 * Comes in: tensors of any type. Goes out: the same elements, bit for bit, in other places.
 * Holds: every operator but Concat says for each output axis which source offset each index has
 * (-1: padding) and leaves the copying to interp_move. */
#include "ir/interp/values.h"

#include <string.h>

/* Flatten, Reshape, Squeeze, Unsqueeze: the same bytes under another shape. */
bool interp_view(InterpCall *c)
{
    memcpy(c->out[0]->data, c->in[0]->data, tensor_bytes(c->out[0]));
    return true;
}

/* One table an axis of `extent`, to be filled. */
static void tables_new(Arena *a, int n, const int64_t *extent, int64_t *table[MAX_RANK])
{
    for (int i = 0; i < n; i++)
        table[i] = ARENA_ARRAY(a, int64_t, extent[i]);
}

bool interp_concat(InterpCall *c)
{
    Tensor *out = c->out[0];
    int axis = (int)c->node->params.axis.axis;
    size_t size = dtype_size(out->dtype);
    size_t outer = (size_t)shape_range_numel(&out->shape, 0, axis);
    size_t row = (size_t)shape_range_numel(&out->shape, axis, out->shape.rank) * size;
    char *to = out->data;
    for (int k = 0; k < node_own_inputs(c->node); k++) {
        const Tensor *t = c->in[k];
        size_t part = (size_t)shape_range_numel(&t->shape, axis, t->shape.rank) * size;
        for (size_t o = 0; o < outer; o++)
            memcpy(to + o * row, (const char *)t->data + o * part, part);
        to += part;
    }
    return true;
}

bool interp_transpose(InterpCall *c)
{
    const int *perm = c->node->params.perm.perm;
    const Shape *ys = &c->out[0]->shape;
    int64_t stride[MAX_RANK] = {0}, *table[MAX_RANK];
    shape_strides(&c->in[0]->shape, stride);
    tables_new(c->arena, ys->rank, ys->dim, table);
    for (int i = 0; i < ys->rank; i++)
        for (int64_t o = 0; o < ys->dim[i]; o++)
            table[i][o] = o * stride[perm[i]];
    interp_move(c->out[0], c->in[0], ys->rank, ys->dim, table, NULL);
    return true;
}

/* Source index of position `at` (which may lie outside of 0 … extent-1) of a padded axis; -1: the
 * fill value. */
static int64_t padded_source(PadMode mode, int64_t at, int64_t extent)
{
    if (at >= 0 && at < extent)
        return at;
    switch (mode) {
    case PAD_REFLECT: /* without repeating the border */
        return at < 0 ? -at : 2 * (extent - 1) - at;
    case PAD_EDGE:
        return at < 0 ? 0 : extent - 1;
    case PAD_WRAP:
        return (at % extent + extent) % extent;
    case PAD_CONSTANT:
    default:
        return -1;
    }
}

bool interp_pad(InterpCall *c)
{
    const PadParams *p = &c->node->params.pad;
    const Shape *xs = &c->in[0]->shape, *ys = &c->out[0]->shape;
    int64_t stride[MAX_RANK] = {0}, *table[MAX_RANK];
    Shape scalar = {.rank = 0};
    Tensor *fill = tensor_new(c->arena, c->out[0]->dtype, &scalar);
    tensor_set_f64(fill, 0, p->value);
    shape_strides(xs, stride);
    tables_new(c->arena, ys->rank, ys->dim, table);
    for (int i = 0; i < ys->rank; i++)
        for (int64_t o = 0; o < ys->dim[i]; o++) {
            int64_t at = padded_source(p->mode, o - p->begin[i], xs->dim[i]);
            table[i][o] = at < 0 ? -1 : at * stride[i];
        }
    interp_move(c->out[0], c->in[0], ys->rank, ys->dim, table, fill->data);
    return true;
}

/* out[i] = in[start + i * step] on every axis. */
static void strided(InterpCall *c, Tensor *out, const int64_t *start, const int64_t *step)
{
    int64_t stride[MAX_RANK] = {0}, *table[MAX_RANK];
    const Shape *ys = &out->shape;
    shape_strides(&c->in[0]->shape, stride);
    tables_new(c->arena, ys->rank, ys->dim, table);
    for (int i = 0; i < ys->rank; i++)
        for (int64_t o = 0; o < ys->dim[i]; o++)
            table[i][o] = (start[i] + o * step[i]) * stride[i];
    interp_move(out, c->in[0], ys->rank, ys->dim, table, NULL);
}

bool interp_slice(InterpCall *c)
{
    strided(c, c->out[0], c->node->params.slice.start, c->node->params.slice.step);
    return true;
}

bool interp_split(InterpCall *c)
{
    const SplitParams *p = &c->node->params.split;
    int64_t start[MAX_RANK] = {0}, step[MAX_RANK];
    for (int i = 0; i < MAX_RANK; i++)
        step[i] = 1;
    for (int k = 0; k < c->n_out; k++) {
        if (c->out[k])
            strided(c, c->out[k], start, step);
        start[p->axis] += p->sizes[k];
    }
    return true;
}

bool interp_expand(InterpCall *c)
{
    const Shape *xs = &c->in[0]->shape, *ys = &c->out[0]->shape;
    int64_t stride[MAX_RANK] = {0}, *table[MAX_RANK];
    int lead = ys->rank - xs->rank;
    shape_strides(xs, stride);
    tables_new(c->arena, ys->rank, ys->dim, table); /* zeroed: repeated axes stay at 0 */
    for (int i = lead; i < ys->rank; i++)
        for (int64_t o = 0; o < ys->dim[i] && xs->dim[i - lead] != 1; o++)
            table[i][o] = o * stride[i - lead];
    interp_move(c->out[0], c->in[0], ys->rank, ys->dim, table, NULL);
    return true;
}

/* Seen as [outer][indices][inner]: out[o][j][i] = in[o][indices[j]][i]. */
bool interp_gather(InterpCall *c)
{
    const Tensor *x = c->in[0], *indices = c->in[1];
    int axis = (int)c->node->params.axis.axis;
    int64_t inner = shape_range_numel(&x->shape, axis + 1, x->shape.rank);
    int64_t length = x->shape.dim[axis], *table[MAX_RANK];
    int64_t extent[3] = {shape_range_numel(&x->shape, 0, axis), shape_numel(&indices->shape),
                         inner};
    tables_new(c->arena, 3, extent, table);
    for (int64_t o = 0; o < extent[0]; o++)
        table[0][o] = o * length * inner;
    for (int64_t j = 0; j < extent[1]; j++) {
        int64_t at = tensor_get_i64(indices, j);
        if (!interp_index(c, length, &at))
            return false;
        table[1][j] = at * inner;
    }
    for (int64_t i = 0; i < inner; i++)
        table[2][i] = i;
    interp_move(c->out[0], x, 3, extent, table, NULL);
    return true;
}

/* ---- shapes as data ---- */

bool interp_shape(InterpCall *c)
{
    const ShapeParams *p = &c->node->params.shape;
    const Shape *s = &c->node->in[0]->shape; /* the data may be unknown */
    for (int64_t i = 0; i < c->out[0]->shape.dim[0]; i++)
        tensor_set_i64(c->out[0], i, s->dim[p->start + i]);
    return true;
}

bool interp_constant_of_shape(InterpCall *c)
{
    const ShapeParams *p = &c->node->params.shape;
    Tensor *out = c->out[0];
    for (int64_t i = 0, n = shape_numel(&out->shape); i < n; i++) {
        if (dtype_is_float(out->dtype))
            tensor_set_f64(out, i, p->value_f);
        else
            tensor_set_i64(out, i, p->value_i);
    }
    return true;
}

/* Our own: channel c of the result is channel indices[c] of all operands in a row. */
bool interp_channels(InterpCall *c)
{
    const Tensor *indices = c->in[node_own_inputs(c->node) - 1];
    const Shape *ys = &c->out[0]->shape;
    size_t pixels = (size_t)shape_range_numel(ys, 2, ys->rank) * dtype_size(c->out[0]->dtype);
    for (int64_t i = 0; i < ys->dim[0] * ys->dim[1]; i++) {
        int64_t at = tensor_get_i64(indices, i % ys->dim[1]);
        int k = 0;
        for (; at >= c->in[k]->shape.dim[1]; k++)
            at -= c->in[k]->shape.dim[1];
        int64_t from = i / ys->dim[1] * c->in[k]->shape.dim[1] + at;
        memcpy((char *)c->out[0]->data + (size_t)i * pixels,
               (const char *)c->in[k]->data + (size_t)from * pixels, pixels);
    }
    return true;
}
