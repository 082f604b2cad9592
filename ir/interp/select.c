/* NonZero, Unique, NonMaxSuppression: lists of positions, as ir/select.c finds them. */
#include "ir/select.h"

#include "ir/interp/values.h"

bool interp_non_zero(InterpCall *c)
{
    const Tensor *x = c->in[0];
    Tensor *out = c->out[0];
    int64_t at[MAX_RANK] = {0}, found = 0, count = out->shape.dim[1];
    for (int64_t i = 0; i < shape_numel(&x->shape); i++) {
        if (tensor_get_f64(x, i) == 0)
            continue;
        interp_unravel(&x->shape, i, at);
        for (int64_t axis = 0; axis < out->shape.dim[0]; axis++)
            tensor_set_i64(out, axis * count + found, at[axis]);
        found++;
    }
    return true;
}

bool interp_unique(InterpCall *c)
{
    const IndexParams *p = &c->node->params.index;
    const Tensor *x = c->in[0];
    Distinct d = select_distinct(c->arena, x, p);
    int axis = p->flat ? 0 : (int)p->axis;
    int64_t outer = p->flat ? 1 : shape_range_numel(&x->shape, 0, axis);
    int64_t inner = p->flat ? 1 : shape_range_numel(&x->shape, axis + 1, x->shape.rank);
    for (int64_t o = 0; o < outer; o++)
        for (int64_t k = 0; k < d.n; k++)
            for (int64_t i = 0; i < inner; i++)
                interp_copy(c->out[0], (o * d.n + k) * inner + i, x,
                            (o * d.slices + d.first[k]) * inner + i);
    const int64_t *lists[] = {NULL, d.first, d.inverse, d.count};
    const int64_t lengths[] = {0, d.n, d.slices, d.n};
    for (int k = 1; k < 4 && k < c->n_out; k++)
        if (c->out[k])
            interp_store_i64(lists[k], c->out[k], 0, lengths[k]);
    return true;
}

bool interp_non_max_suppression(InterpCall *c)
{
    int64_t n;
    Suppression s = suppression_of(c->node, c->in, c->n_in);
    const int64_t *list = select_boxes(c->arena, &s, &n);
    interp_store_i64(list, c->out[0], 0, 3 * n);
    return true;
}
