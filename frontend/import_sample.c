/* Import of operators that sample at coordinates: GridSample, AffineGrid, RoiAlign, MaxRoiPool,
 * Col2Im. AffineGrid becomes a product of the matrices with the grid of base coordinates. */
#include "frontend/import.h"

#include <string.h>

bool import_grid_sample(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    /* Opset 20 renamed the modes when it added a third axis. */
    static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
    static const char *const early[] = {"nearest", "bilinear", "bicubic", NULL};
    static const char *const paddings[] = {"zeros", "border", "reflection", NULL};
    SampleParams *c = &n->params.sample;
    int mode = RESIZE_LINEAR, padding = SAMPLE_ZEROS;
    if (!attr_word(im, p, "mode", im->opset >= 20 ? modes : early, &mode) ||
        !attr_word(im, p, "padding_mode", paddings, &padding))
        return false;
    c->mode = (ResizeMode)mode;
    c->padding = (SamplePadding)padding;
    return attr_bool(im, p, "align_corners", &c->align_corners);
}

/* ---- AffineGrid ---- */

/* The base coordinates [points][dims + 1]: x, y (, z) in -1…1, the last axis fastest, and 1. NULL
 * after a message. */
static Value *base_grid(Importer *im, const int64_t *extent, int dims, int64_t points, bool corners)
{
    Shape s = {2, {points, dims + 1}};
    if (!import_check_made(im, im->node, DT_F32, &s))
        return NULL;
    Tensor *t = tensor_new(im->arena, DT_F32, &s);
    for (int64_t i = 0; i < points; i++) {
        int64_t rest = i;
        for (int d = 0; d < dims; d++) { /* x first: the last extent */
            int64_t length = extent[dims - 1 - d], at = rest % length;
            rest /= length;
            double x = corners ? length > 1 ? 2.0 * (double)at / (double)(length - 1) - 1 : -1
                               : (2.0 * (double)at + 1) / (double)length - 1;
            tensor_set_f64(t, i * (dims + 1) + d, x);
        }
        tensor_set_f64(t, i * (dims + 1) + dims, 1);
    }
    return graph_constant(im->graph, NULL, t);
}

/* The size input: N, C and two or three extents, all positive and not too many points. */
static bool affine_size(Importer *im, const Node *n, int64_t *size, int *dims, int64_t *points)
{
    int64_t count = 0;
    const Shape *theta = &n->in[0]->shape;
    const int64_t *list = value_const_i64(im->graph, n->in[1], &count);
    if (list == NULL)
        return node_unsupported(im->graph, n,
                                "size \"%s\" is not known at compile time; --freeze makes an "
                                "input constant",
                                n->in[1]->name);
    *dims = (int)count - 2;
    if (count != 4 && count != 5)
        return node_error(im->graph, n, "size has %lld entries, 4 or 5 are needed",
                          (long long)count);
    if (theta->rank != 3 || theta->dim[0] != list[0] || theta->dim[1] != *dims ||
        theta->dim[2] != *dims + 1)
        return node_error(im->graph, n, "theta has shape %s, [%lld,%d,%d] is needed",
                          shape_str(im->arena, theta), (long long)list[0], *dims, *dims + 1);
    Shape all = {.rank = *dims};
    for (int i = 0; i < *dims; i++)
        all.dim[i] = size[i] = list[i + 2];
    if (shape_checked_numel(&all, points) && *points > 0)
        return import_check_size(im, node_label(im->arena, n), DT_F32, &all);
    node_error(im->graph, n, "size %s is not positive or too large", shape_str(im->arena, &all));
    return false;
}

bool import_affine_grid(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    int64_t size[MAX_SPATIAL] = {0}, points = 0, shape[MAX_RANK];
    int dims = 0;
    bool corners = false;
    if (!attr_bool(im, p, "align_corners", &corners) || !affine_size(im, n, size, &dims, &points))
        return false;
    if (n->in[0]->dtype != DT_F32)
        return node_unsupported(im->graph, n, "theta of type %s", dtype_name(n->in[0]->dtype));
    Params turn = {.perm = {{0, 2, 1}, true}};
    Value *theta = import_emit(im, OP_Transpose, &turn, n->in, 1);
    if (theta == NULL)
        return false;
    Value *factors[] = {base_grid(im, size, dims, points, corners), theta};
    Value *grid = factors[0] == NULL ? NULL : import_emit(im, OP_MatMul, NULL, factors, 2);
    if (grid == NULL)
        return false;
    shape[0] = n->in[0]->shape.dim[0];
    for (int i = 0; i < dims; i++)
        shape[i + 1] = size[i];
    shape[dims + 1] = dims;
    n->op = OP_Reshape;
    memset(&n->params, 0, sizeof n->params);
    n->in[0] = grid;
    n->in[1] = import_const_i64(im, NULL, shape, dims + 2);
    return true;
}

/* ---- regions of interest ---- */

bool import_roi_align(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    static const char *const modes[] = {"avg", "max", NULL};
    static const char *const coords[] = {"half_pixel", "output_half_pixel", NULL};
    RoiParams *c = &n->params.roi;
    int mode = 0, coord = im->opset >= 16 ? 0 : 1;
    c->out_h = c->out_w = 1;
    c->spatial_scale = 1;
    if (!attr_word(im, p, "mode", modes, &mode) || !attr_int(im, p, "output_height", &c->out_h) ||
        !attr_int(im, p, "output_width", &c->out_w) ||
        !attr_int(im, p, "sampling_ratio", &c->sampling_ratio) ||
        !attr_float(im, p, "spatial_scale", &c->spatial_scale))
        return false;
    if (im->opset >= 16 && !attr_word(im, p, "coordinate_transformation_mode", coords, &coord))
        return false;
    c->max = mode == 1;
    c->half_pixel = coord == 0;
    return true;
}

bool import_max_roi_pool(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    RoiParams *c = &n->params.roi;
    int64_t shape[2];
    int count = 0;
    c->spatial_scale = 1;
    if (!attr_ints(im, p, "pooled_shape", shape, 2, &count) ||
        !attr_float(im, p, "spatial_scale", &c->spatial_scale))
        return false;
    if (count != 2)
        return node_error(im->graph, n, "attribute \"pooled_shape\" must be two numbers");
    c->out_h = shape[0];
    c->out_w = shape[1];
    return true;
}

/* ---- Col2Im ---- */

static bool window_list(Importer *im, const Onnx__NodeProto *p, const char *name, int64_t *list,
                        int want, int64_t standard)
{
    int count = want;
    for (int i = 0; i < want; i++)
        list[i] = standard;
    if (!attr_ints(im, p, name, list, want, &count))
        return false;
    return count == want ||
           node_error(im->graph, im->node, "attribute \"%s\" has %d numbers, %d are needed", name,
                      count, want);
}

bool import_col2im(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    Window *w = &n->params.fold.w;
    int64_t count = 0, pads[2 * MAX_SPATIAL];
    const int64_t *block = value_const_i64(im->graph, n->in[2], &count);
    if (block == NULL)
        return node_unsupported(im->graph, n,
                                "block_shape \"%s\" is not known at compile time; --freeze makes "
                                "an input constant",
                                n->in[2]->name);
    if (count < 1 || count > MAX_SPATIAL)
        return node_unsupported(im->graph, n, "%lld spatial axes; 1 to %d are supported",
                                (long long)count, (int)MAX_SPATIAL);
    w->n = (int)count;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        w->kernel[i] = i < w->n ? block[i] : 1;
        w->stride[i] = w->dilation[i] = 1;
    }
    if (!window_list(im, p, "strides", w->stride, w->n, 1) ||
        !window_list(im, p, "dilations", w->dilation, w->n, 1) ||
        !window_list(im, p, "pads", pads, 2 * w->n, 0))
        return false;
    for (int i = 0; i < w->n; i++) {
        w->pad_begin[i] = pads[i];
        w->pad_end[i] = pads[i + w->n];
    }
    return true;
}
