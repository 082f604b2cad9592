/* Inference of operators that gather parts of tensors: Concat, Pad, Slice, Split, Gather.
 *
 * Comes in: any type; positions and sizes as constant inputs or parameters. Goes out: output
 * shapes; parameters in the form that every later stage uses (one start and step an axis, one
 * begin and end pad an axis, one size an output).
 * Holds: every element that the normalised parameters name lies inside the input. */
#include "ir/infer.h"

#include "ir/ops.h"

static const int64_t max_extent = INT64_C(1) << 58;

bool infer_concat(Graph *g, Node *n)
{
    int count = node_own_inputs(n);
    if (!infer_require(g, n, count, count))
        return false;
    Shape out = n->in[0]->shape;
    int64_t *axis = &n->params.axis.axis;
    if (!infer_axis(g, n, axis, out.rank, out.rank))
        return false;
    for (int k = 1; k < count; k++) {
        const Shape *s = &n->in[k]->shape;
        if (!infer_require_same_type(g, n, k))
            return false;
        bool fits = s->rank == out.rank;
        for (int i = 0; fits && i < out.rank; i++)
            fits = i == *axis || s->dim[i] == out.dim[i];
        if (!fits)
            return node_error(g, n, "inputs have shapes %s and %s, which differ beside axis %lld",
                              infer_shape_text(g, n->in[0]), infer_shape_text(g, n->in[k]),
                              (long long)*axis);
        if (out.dim[*axis] > max_extent - s->dim[*axis])
            return node_error(g, n, "output extent of axis %lld is too large", (long long)*axis);
        out.dim[*axis] += s->dim[*axis];
    }
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}

/* ---- Pad ---- */

/* The axes that a list input of `count` entries is about: operand `i`, or all axes in order. */
static bool listed_axes(Graph *g, const Node *n, int i, int64_t count, int axes[MAX_RANK])
{
    const int64_t *list;
    int64_t n_axes;
    int rank = n->in[0]->shape.rank;
    bool seen[MAX_RANK] = {false};
    if (!infer_ints(g, n, i, "axes", &list, &n_axes))
        return false;
    if (list == NULL)
        n_axes = rank;
    if (n_axes != count || count > rank)
        return node_error(g, n, "%lld entries are given for %lld axes of input %s",
                          (long long)count, (long long)n_axes, infer_shape_text(g, n->in[0]));
    for (int k = 0; k < n_axes; k++) {
        int64_t axis = list ? list[k] : k;
        if (!infer_axis(g, n, &axis, rank, rank))
            return false;
        if (seen[axis])
            return node_error(g, n, "axis %lld is named twice", (long long)axis);
        seen[axis] = true;
        axes[k] = (int)axis;
    }
    return true;
}

/* The pads and value inputs, when there are any, into the parameters. */
static bool take_pads(Graph *g, Node *n)
{
    PadParams *p = &n->params.pad;
    const int64_t *list;
    int64_t count;
    int axes[MAX_RANK] = {0};
    const Value *value = infer_operand(n, 2);
    if (value && shape_numel(&value->shape) == 1) {
        if (value->constant == NULL)
            return node_unsupported(g, n, "pad value \"%s\" is not known at compile time",
                                    value->name);
        p->value = tensor_get_f64(value->constant, 0);
    }
    if (!infer_ints(g, n, 1, "pads", &list, &count))
        return false;
    if (list == NULL)
        return true;
    if (count % 2)
        return node_error(g, n, "pads has %lld entries, an even number is needed",
                          (long long)count);
    if (!listed_axes(g, n, 3, count / 2, axes))
        return false;
    for (int i = 0; i < MAX_RANK; i++)
        p->begin[i] = p->end[i] = 0;
    for (int k = 0; k < count / 2; k++) {
        p->begin[axes[k]] = list[k];
        p->end[axes[k]] = list[k + count / 2];
    }
    return true;
}

/* The border modes take their elements from the input; they must exist. */
static bool check_border(Graph *g, const Node *n, int axis, int64_t pad)
{
    int64_t extent = n->in[0]->shape.dim[axis];
    switch (n->params.pad.mode) {
    case PAD_REFLECT:
        if (pad > 0 && pad >= extent)
            return node_error(g, n, "reflection by %lld on axis %d is as wide as the input (%lld)",
                              (long long)pad, axis, (long long)extent);
        return true;
    case PAD_EDGE:
    case PAD_WRAP:
        if (pad > 0 && extent == 0)
            return node_error(g, n, "axis %d is empty and has no border to repeat", axis);
        return true;
    case PAD_CONSTANT:
    default:
        return true;
    }
}

bool infer_pad(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 4) || !take_pads(g, n))
        return false;
    const PadParams *p = &n->params.pad;
    Shape out = n->in[0]->shape;
    for (int i = 0; i < out.rank; i++) {
        int64_t begin = p->begin[i], end = p->end[i];
        if (begin > max_extent || begin < -max_extent || end > max_extent || end < -max_extent)
            return node_error(g, n, "pads %lld and %lld of axis %d are out of range",
                              (long long)begin, (long long)end, i);
        if (!check_border(g, n, i, begin) || !check_border(g, n, i, end))
            return false;
        /* A crop on one side may not eat what is padded on the other. */
        if (begin < -out.dim[i] || end < -out.dim[i] || out.dim[i] + begin + end < 0)
            return node_error(g, n,
                              "pads %lld and %lld crop more than the %lld elements of axis %d",
                              (long long)begin, (long long)end, (long long)out.dim[i], i);
        out.dim[i] += begin + end;
    }
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}

/* ---- Slice ---- */

static int64_t clamp(int64_t x, int64_t lo, int64_t hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* One axis by ONNX's rules: negative positions count from the end, then all are clamped. */
static int64_t slice_axis(int64_t extent, int64_t end, int64_t *start, int64_t *step)
{
    bool down = *step < 0;
    *step = clamp(*step, -max_extent, max_extent);
    *start = clamp(*start < 0 ? *start + extent : *start, 0, down ? extent - 1 : extent);
    end = clamp(end < 0 ? end + extent : end, down ? -1 : 0, down ? extent - 1 : extent);
    int64_t distance = down ? *start - end : end - *start, stride = down ? -*step : *step;
    if (extent == 0 || distance <= 0) {
        *start = 0;
        return 0;
    }
    return (distance - 1) / stride + 1;
}

/* Without inputs the parameters are final: the output's extents must stay inside the input. */
static bool check_final_slice(Graph *g, Node *n)
{
    const SliceParams *p = &n->params.slice;
    const Shape *x = &n->in[0]->shape;
    Shape out = n->out[0]->shape;
    if (out.rank != x->rank)
        return node_error(g, n, "starts are missing");
    for (int i = 0; i < out.rank; i++) {
        if (out.dim[i] == 0)
            continue;
        bool inside = out.dim[i] > 0 && out.dim[i] <= x->dim[i] && p->start[i] >= 0 &&
                      p->start[i] < x->dim[i] && p->step[i] >= -max_extent &&
                      p->step[i] <= max_extent;
        /* The last index by division: the product could overflow. */
        int64_t room = p->step[i] < 0 ? p->start[i] : x->dim[i] - 1 - p->start[i];
        int64_t stride = p->step[i] < 0 ? -p->step[i] : p->step[i];
        if (!inside || stride == 0 || (out.dim[i] - 1) > room / stride)
            return node_error(g, n, "the slice leaves input %s on axis %d",
                              infer_shape_text(g, n->in[0]), i);
    }
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}

bool infer_slice(Graph *g, Node *n)
{
    const int64_t *starts, *ends, *steps;
    int64_t n_starts, n_ends, n_steps;
    int axes[MAX_RANK] = {0};
    if (!infer_require(g, n, 1, 5) || !infer_ints(g, n, 1, "starts", &starts, &n_starts) ||
        !infer_ints(g, n, 2, "ends", &ends, &n_ends) ||
        !infer_ints(g, n, 4, "steps", &steps, &n_steps))
        return false;
    if (starts == NULL && ends == NULL)
        return check_final_slice(g, n);
    if (starts == NULL || ends == NULL || n_starts != n_ends || (steps && n_steps != n_starts))
        return node_error(g, n, "starts, ends and steps have %lld, %lld and %lld entries",
                          (long long)n_starts, (long long)n_ends, (long long)n_steps);
    if (infer_operand(n, 3) == NULL && n_starts < n->in[0]->shape.rank) {
        for (int k = 0; k < n_starts; k++) /* the leading axes */
            axes[k] = k;
    } else if (!listed_axes(g, n, 3, n_starts, axes)) {
        return false;
    }
    SliceParams *p = &n->params.slice;
    Shape out = n->in[0]->shape;
    for (int i = 0; i < MAX_RANK; i++) {
        p->start[i] = 0;
        p->step[i] = 1;
    }
    for (int k = 0; k < n_starts; k++) {
        int i = axes[k];
        p->start[i] = starts[k];
        p->step[i] = steps ? steps[k] : 1;
        if (p->step[i] == 0)
            return node_error(g, n, "step of axis %d is 0", i);
        out.dim[i] = slice_axis(out.dim[i], ends[k], &p->start[i], &p->step[i]);
    }
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}

/* ---- Split ---- */

enum { MAX_SPLIT = sizeof((SplitParams *)0)->sizes / sizeof(int64_t) };

/* Equal parts; from opset 18 on the last one may be smaller. */
static bool equal_parts(Graph *g, Node *n, int64_t extent)
{
    SplitParams *p = &n->params.split;
    int64_t part = extent / n->n_out + (extent % n->n_out != 0);
    if (extent % n->n_out && g->opset >= 1 && g->opset < 18)
        return node_error(g, n, "%lld elements do not divide into %d equal parts",
                          (long long)extent, n->n_out);
    p->n_sizes = n->n_out;
    for (int k = 0; k < n->n_out; k++) {
        p->sizes[k] = part < extent ? part : extent;
        extent -= p->sizes[k];
    }
    return true;
}

static bool take_sizes(Graph *g, Node *n, int64_t extent)
{
    SplitParams *p = &n->params.split;
    const int64_t *list;
    int64_t count;
    if (n->n_out > MAX_SPLIT)
        return node_unsupported(g, n, "has %d outputs, at most %d are supported", n->n_out,
                                (int)MAX_SPLIT);
    if (!infer_ints(g, n, 1, "split", &list, &count))
        return false;
    if (list == NULL && p->n_sizes == 0)
        return equal_parts(g, n, extent);
    if ((list ? count : p->n_sizes) != n->n_out)
        return node_error(g, n, "split has %lld entries for %d outputs",
                          (long long)(list ? count : p->n_sizes), n->n_out);
    p->n_sizes = n->n_out;
    for (int k = 0; list && k < n->n_out; k++)
        p->sizes[k] = list[k];
    return true;
}

bool infer_split(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 2))
        return false;
    SplitParams *p = &n->params.split;
    Shape out = n->in[0]->shape;
    if (!infer_axis(g, n, &p->axis, out.rank, out.rank))
        return false;
    int64_t rest = out.dim[p->axis];
    if (!take_sizes(g, n, rest))
        return false;
    for (int k = 0; k < n->n_out; k++) {
        if (p->sizes[k] < 0 || p->sizes[k] > rest)
            break;
        rest -= p->sizes[k];
        out.dim[p->axis] = p->sizes[k];
        if (!infer_output(g, n, k, n->in[0]->dtype, &out))
            return false;
        if (k == n->n_out - 1 && rest == 0)
            return true;
    }
    return node_error(g, n, "the sizes of the parts do not sum to the %lld elements of axis %lld",
                      (long long)n->in[0]->shape.dim[p->axis], (long long)p->axis);
}

/* ---- Gather ---- */

/* Indices that are known must lie in the axis; others are held in it at run time. */
static bool check_indices(Graph *g, const Node *n, int64_t extent)
{
    const Tensor *t = n->in[1]->constant;
    int64_t count = t ? shape_numel(&t->shape) : 0;
    for (int64_t i = 0; i < count; i++) {
        int64_t index = tensor_get_i64(t, i);
        if (index < -extent || index >= extent)
            return node_error(g, n, "index %lld is out of range for %lld elements",
                              (long long)index, (long long)extent);
    }
    return true;
}

bool infer_gather(Graph *g, Node *n)
{
    if (!infer_require(g, n, 2, 2))
        return false;
    const Value *x = n->in[0], *indices = n->in[1];
    int64_t *axis = &n->params.axis.axis;
    if (indices->dtype != DT_I32 && indices->dtype != DT_I64)
        return node_error(g, n, "indices are %s, int32 or int64 is needed",
                          dtype_name(indices->dtype));
    if (!infer_axis(g, n, axis, x->shape.rank, x->shape.rank))
        return false;
    if (!check_indices(g, n, x->shape.dim[*axis]))
        return false;
    int rank = x->shape.rank - 1 + indices->shape.rank;
    if (rank > MAX_RANK)
        return node_unsupported(g, n, "result has %d axes, at most %d are supported", rank,
                                (int)MAX_RANK);
    Shape out = {.rank = 0};
    for (int i = 0; i < *axis; i++)
        out.dim[out.rank++] = x->shape.dim[i];
    for (int i = 0; i < indices->shape.rank; i++)
        out.dim[out.rank++] = indices->shape.dim[i];
    for (int i = (int)*axis + 1; i < x->shape.rank; i++)
        out.dim[out.rank++] = x->shape.dim[i];
    return infer_output(g, n, 0, x->dtype, &out);
}
