/* Inference of operators that sample images: GridSample, RoiAlign, MaxRoiPool, Col2Im.
 *
 * Comes in: images [N,C,…] and coordinates that may be known only at run time. Goes out: output
 * shapes; Col2Im's image extents in the parameters.
 * Holds: images have elements; every window parameter is bounded so that no product overflows. */
#include "ir/infer.h"

#include "ir/ops.h"

#include <math.h>

static const int64_t max_extent = INT64_C(1) << 30;

static bool check_image(Graph *g, const Node *n)
{
    const Shape *x = &n->in[0]->shape;
    for (int i = 2; i < x->rank; i++)
        if (x->dim[i] < 1 || x->dim[i] > max_extent)
            return node_error(g, n, "input has shape %s, whose extents are empty or too large",
                              infer_shape_text(g, n->in[0]));
    return infer_require_float(g, n, 0);
}

bool infer_grid_sample(Graph *g, Node *n)
{
    if (!infer_require(g, n, 2, 2) || !check_image(g, n) || !infer_require_float(g, n, 1))
        return false;
    const Shape *x = &n->in[0]->shape, *grid = &n->in[1]->shape;
    bool fits = (x->rank == 4 || x->rank == 5) && grid->rank == x->rank &&
                grid->dim[0] == x->dim[0] && grid->dim[grid->rank - 1] == x->rank - 2;
    if (!fits)
        return node_error(g, n, "a grid of shape %s does not fit an input of shape %s",
                          infer_shape_text(g, n->in[1]), infer_shape_text(g, n->in[0]));
    Shape out = *x;
    for (int i = 2; i < out.rank; i++)
        out.dim[i] = grid->dim[i - 1];
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}

/* ---- regions ---- */

static bool regions(Graph *g, Node *n, int columns)
{
    const RoiParams *p = &n->params.roi;
    const Shape *x = &n->in[0]->shape, *rois = &n->in[1]->shape;
    if (!check_image(g, n) || !infer_require_same_type(g, n, 1))
        return false;
    if (x->rank != 4 || rois->rank != 2 || rois->dim[1] != columns)
        return node_error(
            g, n, "input and regions have shapes %s and %s, [N,C,H,W] and [R,%d] are needed",
            infer_shape_text(g, n->in[0]), infer_shape_text(g, n->in[1]), columns);
    if (p->out_h < 1 || p->out_w < 1 || p->out_h > max_extent || p->out_w > max_extent ||
        p->sampling_ratio < 0 || p->sampling_ratio > ROI_POINTS || !isfinite(p->spatial_scale))
        return node_error(g, n, "output %lldx%lld, sampling ratio %lld or scale %g is out of range",
                          (long long)p->out_h, (long long)p->out_w, (long long)p->sampling_ratio,
                          p->spatial_scale);
    if (x->dim[0] < 1 && rois->dim[0] > 0)
        return node_error(g, n, "there is no image");
    Shape out = {4, {rois->dim[0], x->dim[1], p->out_h, p->out_w}};
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}

bool infer_roi_align(Graph *g, Node *n)
{
    if (!infer_require(g, n, 3, 3))
        return false;
    const Value *batch = n->in[2];
    if (batch->dtype != DT_I64 || batch->shape.rank != 1 || n->in[1]->shape.rank < 1 ||
        batch->shape.dim[0] != n->in[1]->shape.dim[0])
        return node_error(g, n, "batch_indices is %s%s, one int64 a region is needed",
                          dtype_name(batch->dtype), infer_shape_text(g, batch));
    return regions(g, n, 4);
}

bool infer_max_roi_pool(Graph *g, Node *n)
{
    return infer_require(g, n, 2, 2) && regions(g, n, 5);
}

/* ---- Col2Im ---- */

/* Where the window may stand along axis i; 0 when it does not fit. */
static int64_t placements(const FoldParams *p, int i)
{
    int64_t covered = p->w.dilation[i] * (p->w.kernel[i] - 1) + 1;
    int64_t room = p->image[i] + p->w.pad_begin[i] + p->w.pad_end[i] - covered;
    return room < 0 ? 0 : room / p->w.stride[i] + 1;
}

static bool check_fold(Graph *g, const Node *n, int64_t *taps, int64_t *columns)
{
    const FoldParams *p = &n->params.fold;
    *taps = *columns = 1;
    for (int i = 0; i < p->w.n; i++) {
        const int64_t values[] = {p->image[i], p->w.kernel[i], p->w.stride[i], p->w.dilation[i]};
        bool fine = p->w.pad_begin[i] >= 0 && p->w.pad_begin[i] <= max_extent &&
                    p->w.pad_end[i] >= 0 && p->w.pad_end[i] <= max_extent;
        for (int k = 0; k < 4; k++)
            fine = fine && values[k] > 0 && values[k] <= max_extent;
        if (!fine)
            return node_error(
                g, n, "image, block, strides, dilations or pads are out of range on axis %d", i);
        int64_t fit = placements(p, i);
        if (*taps > max_extent / p->w.kernel[i] || (fit > 0 && *columns > max_extent / fit))
            return node_error(g, n, "its block or image is too large");
        *taps *= p->w.kernel[i];
        *columns *= fit;
    }
    return true;
}

bool infer_col2im(Graph *g, Node *n)
{
    FoldParams *p = &n->params.fold;
    const int64_t *image;
    int64_t count, taps, columns;
    if (!infer_require(g, n, 3, 3) || !infer_ints(g, n, 1, "image_shape", &image, &count))
        return false;
    const Shape *x = &n->in[0]->shape;
    if (count != p->w.n || x->rank != 3)
        return node_error(g, n, "input has shape %s and image_shape %lld entries for %d axes",
                          infer_shape_text(g, n->in[0]), (long long)count, p->w.n);
    for (int i = 0; i < p->w.n; i++)
        p->image[i] = image[i];
    if (!check_fold(g, n, &taps, &columns))
        return false;
    if (x->dim[1] % taps || x->dim[2] != columns)
        return node_error(g, n, "input has shape %s, [N, C x %lld, %lld] is needed",
                          infer_shape_text(g, n->in[0]), (long long)taps, (long long)columns);
    if (n->in[0]->dtype == DT_BOOL)
        return node_error(g, n, "bool cannot be summed");
    Shape out = {.rank = 2 + p->w.n, .dim = {x->dim[0], x->dim[1] / taps}};
    for (int i = 0; i < p->w.n; i++)
        out.dim[2 + i] = p->image[i];
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}
