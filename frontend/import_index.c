/* Import of operators that move elements by index, and of those with a size that data decide.
 *
 * Compress of a known condition becomes a Gather, CenterCropPad a Pad, Range of 16-bit numbers one
 * of wider numbers and a Cast. */
#include "frontend/import.h"
#include "ir/infer.h"

#include <string.h>

bool import_depth_to_space(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    static const char *const modes[] = {"DCR", "CRD", NULL};
    int mode = 0;
    if (!attr_present(im, p, "blocksize"))
        return node_error(im->graph, n, "attribute \"blocksize\" is missing");
    if (!attr_int(im, p, "blocksize", &n->params.depth.block))
        return false;
    if (im->opset >= 11 && !attr_word(im, p, "mode", modes, &mode))
        return false;
    n->params.depth.channels_first = mode == 1;
    return true;
}

bool import_space_to_depth(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    if (!attr_present(im, p, "blocksize"))
        return node_error(im->graph, n, "attribute \"blocksize\" is missing");
    return attr_int(im, p, "blocksize", &n->params.depth.block);
}

bool import_reverse_sequence(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    SequenceParams *c = &n->params.sequence;
    c->batch_axis = 1;
    return attr_int(im, p, "batch_axis", &c->batch_axis) &&
           attr_int(im, p, "time_axis", &c->time_axis);
}

/* The diagonal's number is an input from the start; a constant one goes to the parameters. */
bool import_trilu(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    DiagonalParams *c = &n->params.diagonal;
    c->upper = true;
    if (!attr_bool(im, p, "upper", &c->upper))
        return false;
    const Tensor *k = import_has_input(n, 1) ? n->in[1]->constant : NULL;
    if (k && k->dtype == DT_I64 && shape_numel(&k->shape) == 1) {
        c->k = tensor_get_i64(k, 0);
        import_keep_inputs(n, 1);
    }
    return true;
}

bool import_eye_like(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    DiagonalParams *c = &n->params.diagonal;
    int64_t dtype = 0;
    if (!attr_int(im, p, "dtype", &dtype) || !attr_int(im, p, "k", &c->k))
        return false;
    if (!attr_present(im, p, "dtype"))
        return true;
    c->dtype = dtype_from_onnx(dtype);
    return c->dtype != DT_NONE ||
           node_unsupported(im->graph, n, "element type %s", onnx_type_refusal(im->arena, dtype));
}

/* From opset 27 on, numbers of 16 bits are counted in a wider type and then rounded. */
bool import_range(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    int64_t number = 1;
    Params to = {0};
    Value *in[3];
    if (im->opset < 27)
        return true;
    if (!attr_int(im, p, "stash_type", &number))
        return false;
    to.ew.to = dtype_from_onnx(number);
    if (to.ew.to != DT_F32 && to.ew.to != DT_F64)
        return node_error(im->graph, n, "stash_type %lld is neither float nor double",
                          (long long)number);
    for (int i = 0; i < 3; i++) {
        bool half = n->in[i] && (n->in[i]->dtype == DT_F16 || n->in[i]->dtype == DT_BF16);
        if (!half || n->in[i]->dtype != n->in[0]->dtype || n->in[i]->constant == NULL)
            return true; /* nothing to widen, or inference refuses it */
        if ((in[i] = import_emit(im, OP_Cast, &to, &n->in[i], 1)) == NULL)
            return false;
    }
    to.ew.to = n->in[0]->dtype;
    n->in[0] = import_emit(im, OP_Range, NULL, in, 3);
    n->op = OP_Cast;
    n->params = to;
    import_keep_inputs(n, 1);
    return n->in[0] != NULL;
}

/* ---- indices ---- */

bool import_axis_of_index(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    return attr_int(im, p, "axis", &n->params.index.axis);
}

bool import_gather_nd(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    return im->opset < 12 || attr_int(im, p, "batch_dims", &n->params.index.batch_dims);
}

static bool import_reduction(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    /* In the order of ScatterReduction; min and max came later. */
    static const char *const all[] = {"none", "add", "mul", "min", "max", NULL};
    static const char *const early[] = {"none", "add", "mul", NULL};
    int reduction = SCATTER_NONE;
    if (im->opset < 16)
        return true;
    if (!attr_word(im, p, "reduction", im->opset >= 18 ? all : early, &reduction))
        return false;
    n->params.index.reduction = (ScatterReduction)reduction;
    return true;
}

bool import_scatter_elements(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    return import_axis_of_index(im, p, n) && import_reduction(im, p, n);
}

bool import_scatter_nd(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    return import_reduction(im, p, n);
}

bool import_one_hot(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    n->params.index.axis = -1;
    return attr_int(im, p, "axis", &n->params.index.axis);
}

/* ---- sizes that data decide ---- */

/* The positions at which the condition is true, as indices for Gather. */
static Value *true_positions(Importer *im, const Tensor *condition)
{
    int64_t count = shape_numel(&condition->shape), found = 0;
    int64_t *list = ARENA_ARRAY(im->arena, int64_t, count);
    for (int64_t i = 0; i < count; i++)
        if (tensor_get_i64(condition, i))
            list[found++] = i;
    return import_const_i64(im, NULL, list, found);
}

bool import_compress(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    const Value *condition = n->in[1];
    int64_t axis = 0, flat = -1, rank = n->in[0]->shape.rank;
    if (!attr_int(im, p, "axis", &axis))
        return false;
    if (condition->dtype != DT_BOOL || condition->shape.rank != 1)
        return node_error(im->graph, n, "condition \"%s\" must be a list of bool", condition->name);
    if (condition->constant == NULL)
        return node_unsupported(im->graph, n,
                                "the size of its output depends on the data of \"%s\"; --freeze "
                                "makes an input constant",
                                condition->name);
    if (!attr_present(im, p, "axis")) {
        Params params = {.shape = {.allow_zero = false}};
        Value *in[] = {n->in[0], import_const_i64(im, NULL, &flat, 1)};
        n->in[0] = import_emit(im, OP_Reshape, &params, in, 2);
        if (n->in[0] == NULL)
            return false;
        rank = 1;
    }
    if (axis < -rank || axis >= rank)
        return node_error(im->graph, n, "axis %lld is out of range for %lld axes", (long long)axis,
                          (long long)rank);
    axis += axis < 0 ? rank : 0;
    if (condition->shape.dim[0] > n->in[0]->shape.dim[axis])
        return node_error(im->graph, n, "the condition has %lld entries, axis %lld has %lld",
                          (long long)condition->shape.dim[0], (long long)axis,
                          (long long)n->in[0]->shape.dim[axis]);
    n->in[1] = true_positions(im, condition->constant);
    n->op = OP_Gather;
    memset(&n->params, 0, sizeof n->params);
    n->params.axis.axis = axis;
    return true;
}

bool import_unique(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    IndexParams *c = &n->params.index;
    c->sorted = true;
    c->flat = !attr_present(im, p, "axis");
    return attr_int(im, p, "axis", &c->axis) && attr_bool(im, p, "sorted", &c->sorted);
}

bool import_non_max_suppression(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    return attr_bool(im, p, "center_point_box", &n->params.suppress.center_box);
}

/* ---- CenterCropPad: half of what is missing, rounded down, in front of the axis ---- */

static int64_t half_down(int64_t x)
{
    return x >= 0 ? x / 2 : -(-x / 2);
}

bool import_center_crop_pad(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    int64_t axes[MAX_RANK], n_sizes = 0, rank = n->in[0]->shape.rank;
    int n_axes = -1;
    if (!attr_ints(im, p, "axes", axes, MAX_RANK, &n_axes))
        return false;
    const int64_t *sizes = value_const_i64(im->graph, n->in[1], &n_sizes);
    if (sizes == NULL)
        return node_unsupported(im->graph, n,
                                "shape \"%s\" is not known at compile time; --freeze "
                                "makes an input constant",
                                n->in[1]->name);
    if (n_sizes != (n_axes < 0 ? rank : n_axes))
        return node_error(im->graph, n, "the shape has %lld entries for %lld axes",
                          (long long)n_sizes, (long long)(n_axes < 0 ? rank : n_axes));
    PadParams pad = {.mode = PAD_CONSTANT};
    bool named[MAX_RANK] = {false};
    if (!infer_mark_axes(im->graph, n, n_axes, axes, (int)rank, named))
        return false;
    for (int k = 0; k < (int)n_sizes; k++) {
        int64_t axis = n_axes < 0 ? k : axes[k];
        if (sizes[k] < 0 || sizes[k] > MAX_VALUE_BYTES)
            return node_error(im->graph, n, "extent %lld in the shape is out of range",
                              (long long)sizes[k]);
        int64_t missing = sizes[k] - n->in[0]->shape.dim[axis];
        pad.begin[axis] = half_down(missing);
        pad.end[axis] = missing - pad.begin[axis];
    }
    n->op = OP_Pad;
    n->params.pad = pad;
    import_keep_inputs(n, 1);
    return true;
}
