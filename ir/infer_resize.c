/* Inference of Resize and Upsample.
 *
 * Comes in: X, roi, scales, sizes (Upsample: X, scales), of which roi, scales and sizes must be
 * constant; in older opsets the scales are a parameter. Goes out: the output shape, and for every
 * axis a scale (1 where it is not resized) and a region of interest.
 * Holds: extents are floor(in * scale), computed in float as ONNX and ONNX Runtime do; every scale
 * is finite and positive. */
#include "ir/infer.h"

#include "ir/ops.h"

#include <math.h>

static const int64_t max_extent = INT64_C(1) << 30;

/* The axes that the lists name, non-negative and different. */
static bool named_axes(Graph *g, const Node *n, int axes[MAX_RANK], int *n_axes)
{
    const ResizeParams *p = &n->params.resize;
    int rank = n->in[0]->shape.rank;
    bool seen[MAX_RANK] = {false};
    *n_axes = p->n_axes > 0 ? p->n_axes : rank;
    if (*n_axes > rank)
        return node_error(g, n, "%d axes are named, input has %d", *n_axes, rank);
    for (int k = 0; k < *n_axes; k++) {
        int64_t axis = p->n_axes > 0 ? p->axes[k] : k;
        if (!infer_axis(g, n, &axis, rank, rank))
            return false;
        if (seen[axis])
            return node_error(g, n, "axis %lld is named twice", (long long)axis);
        seen[axis] = true;
        axes[k] = (int)axis;
    }
    return true;
}

static bool check_entries(Graph *g, const Node *n, const char *what, int64_t have, int64_t want)
{
    return have == want || node_error(g, n, "%s has %lld entries, %lld are needed", what,
                                      (long long)have, (long long)want);
}

static bool take_roi(Graph *g, Node *n, const int *axes, int n_axes)
{
    ResizeParams *p = &n->params.resize;
    const Tensor *roi = NULL;
    for (int i = 0; i < MAX_RANK; i++) {
        p->roi_begin[i] = 0;
        p->roi_end[i] = 1;
    }
    if (p->coord != COORD_TF_CROP_AND_RESIZE)
        return true;
    if (!infer_floats(g, n, 1, "roi", &roi))
        return false;
    if (roi == NULL)
        return node_error(g, n, "tf_crop_and_resize needs a roi");
    if (!check_entries(g, n, "roi", shape_numel(&roi->shape), 2 * (int64_t)n_axes))
        return false;
    for (int k = 0; k < n_axes; k++) {
        p->roi_begin[axes[k]] = tensor_get_f64(roi, k);
        p->roi_end[axes[k]] = tensor_get_f64(roi, n_axes + k);
    }
    return true;
}

/* Extents from the scales in the parameters. */
static bool scale_extents(Graph *g, Node *n, Shape *out)
{
    const ResizeParams *p = &n->params.resize;
    for (int i = 0; i < out->rank; i++) {
        double extent = floorf((float)out->dim[i] * (float)p->scale[i]);
        if (!(p->scale[i] > 0) || !isfinite(p->scale[i]))
            return node_error(g, n, "scale %g of axis %d is not positive", p->scale[i], i);
        if (p->scale[i] == 1)
            continue;
        if (!(extent >= 0 && extent <= (double)max_extent))
            return node_error(g, n, "scale %g makes axis %d too large", p->scale[i], i);
        out->dim[i] = (int64_t)extent;
    }
    return true;
}

static void reset_scales(ResizeParams *p)
{
    for (int i = 0; i < MAX_RANK; i++)
        p->scale[i] = 1;
}

static bool take_scales(Graph *g, Node *n, const Tensor *scales, const int *axes, int n_axes)
{
    ResizeParams *p = &n->params.resize;
    if (!check_entries(g, n, "scales", shape_numel(&scales->shape), n_axes))
        return false;
    reset_scales(p);
    for (int k = 0; k < n_axes; k++)
        p->scale[axes[k]] = tensor_get_f64(scales, k);
    return true;
}

/* Extents from sizes; the aspect policies replace each by the common scale's. */
static bool take_wanted(Graph *g, Node *n, const int64_t *sizes, const int *axes, int n_axes,
                        Shape *out)
{
    ResizeParams *p = &n->params.resize;
    double common = p->aspect == ASPECT_NOT_LARGER ? INFINITY : 0;
    reset_scales(p);
    for (int k = 0; k < n_axes; k++) {
        int64_t in = out->dim[axes[k]];
        if (sizes[k] < 0 || sizes[k] > max_extent || (in == 0) != (sizes[k] == 0))
            return node_error(g, n, "size %lld of axis %d is out of range", (long long)sizes[k],
                              axes[k]);
        double scale = in ? (double)sizes[k] / (double)in : 1;
        common = p->aspect == ASPECT_NOT_LARGER ? fmin(common, scale) : fmax(common, scale);
        p->scale[axes[k]] = scale;
        if (p->aspect == ASPECT_STRETCH)
            out->dim[axes[k]] = sizes[k];
    }
    for (int k = 0; k < n_axes && p->aspect != ASPECT_STRETCH; k++) {
        double extent = floor((double)out->dim[axes[k]] * common + 0.5);
        if (!(extent <= (double)max_extent))
            return node_error(g, n, "the common scale %g makes axis %d too large", common, axes[k]);
        p->scale[axes[k]] = common;
        out->dim[axes[k]] = (int64_t)extent;
    }
    return true;
}

/* Resampling reads elements that must exist. */
static bool finish(Graph *g, Node *n, const Shape *out)
{
    const Shape *x = &n->in[0]->shape;
    for (int i = 0; i < out->rank; i++)
        if (x->dim[i] == 0 && out->dim[i] != 0)
            return node_error(g, n, "axis %d is empty and cannot be resized", i);
    return infer_output(g, n, 0, n->in[0]->dtype, out);
}

/* Linear and cubic interpolation make sense for numbers only; nearest copies any type. */
static bool check_type(Graph *g, const Node *n)
{
    if (n->params.resize.mode != RESIZE_NEAREST && n->in[0]->dtype == DT_BOOL)
        return node_error(g, n, "input \"%s\" is bool, numbers are needed", n->in[0]->name);
    return true;
}

/* The limits of roi coordinates and of the cubic coefficient keep arithmetic finite. */
static bool check_numbers(Graph *g, const Node *n)
{
    const ResizeParams *p = &n->params.resize;
    bool fine = isfinite(p->cubic_a) && fabs(p->cubic_a) < 1e6;
    for (int i = 0; i < n->in[0]->shape.rank; i++)
        fine = fine && fabs(p->roi_begin[i]) < 1e6 && fabs(p->roi_end[i]) < 1e6;
    return fine || node_error(g, n, "roi or cubic_coeff_a is out of range");
}

static bool resize(Graph *g, Node *n, int scales_at, int sizes_at)
{
    const Tensor *scales;
    const int64_t *sizes = NULL;
    int64_t n_sizes = 0;
    int axes[MAX_RANK] = {0}, n_axes;
    Shape out = n->in[0]->shape;
    if (!check_type(g, n) || !named_axes(g, n, axes, &n_axes) || !take_roi(g, n, axes, n_axes) ||
        !check_numbers(g, n) || !infer_floats(g, n, scales_at, "scales", &scales))
        return false;
    if (sizes_at > 0 && !infer_ints(g, n, sizes_at, "sizes", &sizes, &n_sizes))
        return false;
    if (sizes && n_sizes > 0) {
        if (scales)
            return node_error(g, n, "both scales and sizes are given");
        return check_entries(g, n, "sizes", n_sizes, n_axes) &&
               take_wanted(g, n, sizes, axes, n_axes, &out) && finish(g, n, &out);
    }
    if (scales && !take_scales(g, n, scales, axes, n_axes))
        return false;
    return scale_extents(g, n, &out) && finish(g, n, &out);
}

bool infer_resize(Graph *g, Node *n)
{
    return infer_require(g, n, 1, 4) && resize(g, n, 2, 3);
}

bool infer_upsample(Graph *g, Node *n)
{
    return infer_require(g, n, 1, 2) && resize(g, n, 1, -1);
}
