/* Inference of Tile, DepthToSpace, SpaceToDepth, ReverseSequence, Trilu and EyeLike, and of the
 * sources Size and Range.
 *
 * Comes in: any type; repeats and limits as constant inputs. Goes out: output shapes; axes are
 * non-negative, Tile's factors one an axis.
 * Holds: no extent overflows; block sizes divide what they must. */
#include "ir/infer.h"

#include "ir/ops.h"

#include <math.h>

static const int64_t max_extent = INT64_C(1) << 58;

bool infer_tile(Graph *g, Node *n)
{
    const int64_t *list;
    int64_t count;
    if (!infer_require(g, n, 2, 2) || !infer_ints(g, n, 1, "repeats", &list, &count))
        return false;
    Shape out = n->in[0]->shape;
    if (count != out.rank)
        return node_error(g, n, "repeats has %lld entries, the input %d axes", (long long)count,
                          out.rank);
    for (int i = 0; i < out.rank; i++) {
        if (list[i] < 0 || (out.dim[i] > 0 && list[i] > max_extent / out.dim[i]))
            return node_error(g, n, "axis %d of %lld elements cannot be repeated %lld times", i,
                              (long long)out.dim[i], (long long)list[i]);
        n->params.tile.repeats[i] = list[i];
        out.dim[i] *= list[i];
    }
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}

/* ---- depth and space ---- */

static bool check_block(Graph *g, const Node *n)
{
    int64_t block = n->params.depth.block;
    if (n->in[0]->shape.rank != 4)
        return node_error(g, n, "input has shape %s, 4 axes are needed",
                          infer_shape_text(g, n->in[0]));
    return (block > 0 && block < INT64_C(1) << 20) ||
           node_error(g, n, "attribute \"blocksize\" is %lld, which is out of range",
                      (long long)block);
}

bool infer_depth_to_space(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 1) || !check_block(g, n))
        return false;
    int64_t block = n->params.depth.block;
    Shape out = n->in[0]->shape;
    if (out.dim[1] % (block * block))
        return node_error(g, n, "%lld channels are not a multiple of %lld x %lld",
                          (long long)out.dim[1], (long long)block, (long long)block);
    out.dim[1] /= block * block;
    for (int i = 2; i < 4; i++) {
        if (out.dim[i] > max_extent / block)
            return node_error(g, n, "axis %d becomes too large", i);
        out.dim[i] *= block;
    }
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}

bool infer_space_to_depth(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 1) || !check_block(g, n))
        return false;
    int64_t block = n->params.depth.block;
    Shape out = n->in[0]->shape;
    if (out.dim[2] % block || out.dim[3] % block)
        return node_error(g, n, "extents %lld and %lld are not multiples of %lld",
                          (long long)out.dim[2], (long long)out.dim[3], (long long)block);
    if (out.dim[1] > max_extent / (block * block))
        return node_error(g, n, "axis 1 becomes too large");
    out.dim[1] *= block * block;
    out.dim[2] /= block;
    out.dim[3] /= block;
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}

/* ---- sequences and diagonals ---- */

bool infer_reverse_sequence(Graph *g, Node *n)
{
    if (!infer_require(g, n, 2, 2) || !infer_require_rank(g, n, 2))
        return false;
    SequenceParams *p = &n->params.sequence;
    const Value *x = n->in[0], *lens = n->in[1];
    int rank = x->shape.rank;
    if (!infer_axis(g, n, &p->batch_axis, rank, rank) ||
        !infer_axis(g, n, &p->time_axis, rank, rank))
        return false;
    if (p->batch_axis + p->time_axis != 1)
        return node_error(g, n,
                          "batch_axis is %lld and time_axis %lld, must be 0 and 1 in either order",
                          (long long)p->batch_axis, (long long)p->time_axis);
    if (lens->dtype != DT_I64 || lens->shape.rank != 1 ||
        lens->shape.dim[0] != x->shape.dim[p->batch_axis])
        return node_error(g, n, "sequence_lens is %s%s, int64[%lld] is needed",
                          dtype_name(lens->dtype), infer_shape_text(g, lens),
                          (long long)x->shape.dim[p->batch_axis]);
    return infer_output(g, n, 0, x->dtype, &x->shape);
}

bool infer_trilu(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 2) || !infer_require_rank(g, n, 2))
        return false;
    const Value *k = infer_operand(n, 1);
    if (k && (k->dtype != DT_I64 || shape_numel(&k->shape) != 1))
        return node_error(g, n, "k is %s%s, one int64 is needed", dtype_name(k->dtype),
                          infer_shape_text(g, k));
    return infer_output(g, n, 0, n->in[0]->dtype, &n->in[0]->shape);
}

bool infer_eye_like(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 1))
        return false;
    const Value *x = n->in[0];
    if (x->shape.rank != 2)
        return node_error(g, n, "input has shape %s, 2 axes are needed", infer_shape_text(g, x));
    DType dtype = n->params.diagonal.dtype;
    return infer_output(g, n, 0, dtype != DT_NONE ? dtype : x->dtype, &x->shape);
}

/* ---- sources ---- */

bool infer_size(Graph *g, Node *n)
{
    Shape scalar = {.rank = 0};
    return infer_require(g, n, 1, 1) && infer_output(g, n, 0, DT_I64, &scalar);
}

/* Numbers in start, start + delta, … before limit; -1 when there are too many. */
static int64_t range_count(const Tensor *start, const Tensor *limit, const Tensor *delta)
{
    if (dtype_is_float(start->dtype)) {
        double count =
            ceil((tensor_get_f64(limit, 0) - tensor_get_f64(start, 0)) / tensor_get_f64(delta, 0));
        return count > (double)max_extent ? -1 : count > 0 ? (int64_t)count : 0;
    }
    int64_t from = tensor_get_i64(start, 0), to = tensor_get_i64(limit, 0);
    int64_t step = tensor_get_i64(delta, 0);
    if (step > 0 ? to <= from : to >= from)
        return 0;
    uint64_t distance = step > 0 ? (uint64_t)to - (uint64_t)from : (uint64_t)from - (uint64_t)to;
    uint64_t stride = step > 0 ? (uint64_t)step : -(uint64_t)step;
    uint64_t count = (distance - 1) / stride + 1;
    return count > (uint64_t)max_extent ? -1 : (int64_t)count;
}

bool infer_range(Graph *g, Node *n)
{
    static const char *const names[] = {"start", "limit", "delta"};
    if (!infer_require(g, n, 3, 3))
        return false;
    for (int i = 0; i < 3; i++) {
        const Value *v = n->in[i];
        if (!infer_require_same_type(g, n, i))
            return false;
        if (shape_numel(&v->shape) != 1 || v->dtype == DT_BOOL)
            return node_error(g, n, "%s \"%s\" is %s%s, one number is needed", names[i], v->name,
                              dtype_name(v->dtype), infer_shape_text(g, v));
        if (v->constant == NULL)
            return node_unsupported(g, n,
                                    "the size of its output depends on the data of \"%s\"; "
                                    "--freeze makes an input constant",
                                    v->name);
        if (!isfinite(tensor_get_f64(v->constant, 0)))
            return node_error(g, n, "%s is not a finite number", names[i]);
    }
    if (tensor_get_f64(n->in[2]->constant, 0) == 0)
        return node_error(g, n, "delta is 0");
    Shape out = {.rank = 1};
    out.dim[0] = range_count(n->in[0]->constant, n->in[1]->constant, n->in[2]->constant);
    if (out.dim[0] < 0)
        return node_error(g, n, "it has too many elements");
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}
