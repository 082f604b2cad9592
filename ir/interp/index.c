/* Tile, DepthToSpace, SpaceToDepth, ReverseSequence, Trilu, OneHot; EyeLike, Range, Size.
 *
 * Comes in: tensors of any type. Goes out: for each output element, one by one, the input element
 * that the specification names, bit for bit, or a number made from its coordinates. */
#include "ir/interp/values.h"

#include <math.h>

/* Where an output element comes from. */
typedef void SourceFn(const Node *n, const Shape *in, const int64_t *out_at, int64_t *in_at);

static bool move_each(InterpCall *c, SourceFn *source)
{
    Tensor *out = c->out[0];
    int64_t to[MAX_RANK] = {0}, from[MAX_RANK] = {0};
    for (int64_t i = 0; i < shape_numel(&out->shape); i++) {
        interp_unravel(&out->shape, i, to);
        source(c->node, &c->in[0]->shape, to, from);
        interp_copy(out, i, c->in[0], interp_ravel(&c->in[0]->shape, from));
    }
    return true;
}

static void tile_source(const Node *n, const Shape *in, const int64_t *out_at, int64_t *in_at)
{
    (void)n;
    for (int i = 0; i < in->rank; i++)
        in_at[i] = out_at[i] % in->dim[i];
}

bool interp_tile(InterpCall *c)
{
    return move_each(c, tile_source);
}

/* DCR: the input's channels are [b][b][C]; CRD: [C][b][b]. */
static void depth_source(const Node *n, const Shape *in, const int64_t *out_at, int64_t *in_at)
{
    int64_t b = n->params.depth.block, channels = in->dim[1] / (b * b);
    int64_t cell = out_at[2] % b * b + out_at[3] % b;
    in_at[0] = out_at[0];
    in_at[1] =
        n->params.depth.channels_first ? out_at[1] * b * b + cell : cell * channels + out_at[1];
    in_at[2] = out_at[2] / b;
    in_at[3] = out_at[3] / b;
}

bool interp_depth_to_space(InterpCall *c)
{
    return move_each(c, depth_source);
}

/* The output's channels are [b][b][C]. */
static void space_source(const Node *n, const Shape *in, const int64_t *out_at, int64_t *in_at)
{
    int64_t b = n->params.depth.block, cell = out_at[1] / in->dim[1];
    in_at[0] = out_at[0];
    in_at[1] = out_at[1] % in->dim[1];
    in_at[2] = out_at[2] * b + cell / b;
    in_at[3] = out_at[3] * b + cell % b;
}

bool interp_space_to_depth(InterpCall *c)
{
    return move_each(c, space_source);
}

bool interp_reverse_sequence(InterpCall *c)
{
    const SequenceParams *p = &c->node->params.sequence;
    const Shape *s = &c->in[0]->shape;
    int64_t at[MAX_RANK];
    for (int64_t i = 0; i < shape_numel(s); i++) {
        interp_unravel(s, i, at);
        int64_t length = tensor_get_i64(c->in[1], at[p->batch_axis]), t = at[p->time_axis];
        if (length < 0 || length > s->dim[p->time_axis])
            return interp_error(c, "sequence length %lld is out of range for %lld steps",
                                (long long)length, (long long)s->dim[p->time_axis]);
        if (t < length)
            at[p->time_axis] = length - 1 - t;
        interp_copy(c->out[0], i, c->in[0], interp_ravel(s, at));
    }
    return true;
}

bool interp_trilu(InterpCall *c)
{
    const DiagonalParams *p = &c->node->params.diagonal;
    const Tensor *given = interp_operand(c, 1);
    const Shape *s = &c->in[0]->shape;
    int64_t at[MAX_RANK], k = given ? tensor_get_i64(given, 0) : p->k;
    for (int64_t i = 0; i < shape_numel(s); i++) { /* the result starts as zeros */
        interp_unravel(s, i, at);
        int64_t diagonal = at[s->rank - 1] - at[s->rank - 2];
        if (p->upper ? diagonal >= k : diagonal <= k)
            interp_copy(c->out[0], i, c->in[0], i);
    }
    return true;
}

bool interp_eye_like(InterpCall *c)
{
    const Shape *s = &c->out[0]->shape;
    int64_t k = c->node->params.diagonal.k;
    for (int64_t i = 0; i < s->dim[0]; i++)
        for (int64_t j = 0; j < s->dim[1]; j++)
            if (j - i == k)
                tensor_set_f64(c->out[0], i * s->dim[1] + j, 1);
    return true;
}

/* ---- OneHot ---- */

/* The hot position of an index: counted from the end when negative; -1 when out of range. */
static int64_t hot_position(const Tensor *indices, int64_t i, int64_t depth)
{
    double at = trunc(tensor_get_f64(indices, i));
    if (!(at >= -(double)depth && at < (double)depth))
        return -1;
    return (int64_t)at + (at < 0 ? depth : 0);
}

bool interp_one_hot(InterpCall *c)
{
    const IndexParams *p = &c->node->params.index;
    const Shape *ys = &c->out[0]->shape;
    int axis = (int)p->axis;
    int64_t inner = shape_range_numel(ys, axis + 1, ys->rank);
    for (int64_t i = 0; i < shape_numel(ys); i++) {
        int64_t j = i / inner % p->depth, index = i / inner / p->depth * inner + i % inner;
        bool hot = hot_position(c->in[0], index, p->depth) == j;
        interp_copy(c->out[0], i, c->in[2], hot);
    }
    return true;
}

/* ---- sources ---- */

bool interp_size(InterpCall *c)
{
    tensor_set_i64(c->out[0], 0, shape_numel(&c->node->in[0]->shape));
    return true;
}

bool interp_range(InterpCall *c)
{
    Tensor *out = c->out[0];
    for (int64_t i = 0; i < out->shape.dim[0]; i++) {
        if (dtype_is_float(out->dtype)) {
            double start = tensor_get_f64(c->in[0], 0), delta = tensor_get_f64(c->in[2], 0);
            tensor_set_f64(out, i, start + (double)i * delta);
        } else { /* unsigned: the last product may wrap, none that is stored does */
            uint64_t start = (uint64_t)tensor_get_i64(c->in[0], 0);
            uint64_t delta = (uint64_t)tensor_get_i64(c->in[2], 0);
            tensor_set_i64(out, i, (int64_t)(start + (uint64_t)i * delta));
        }
    }
    return true;
}
