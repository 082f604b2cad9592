/* RoiAlign, MaxRoiPool and Col2Im.
 *
 * Comes in: images [N,C,H,W] and regions, one row of corners each; for Col2Im columns of patches.
 * Goes out: [R,C,oh,ow], or the images. Holds: coordinates of regions are computed in the order in
 * which ONNX's reference does; sums are in double. */
#include "ir/interp/values.h"

#include <math.h>

/* ---- RoiAlign ---- */

/* One axis of a region: where its bins start, how wide they are, how many points each has. */
typedef struct Bins {
    double start, width;
    int64_t points;
} Bins;

static Bins bins_make(const RoiParams *p, double from, double to, int64_t out)
{
    double offset = p->half_pixel ? 0.5 : 0;
    double start = from * p->spatial_scale - offset, end = to * p->spatial_scale - offset;
    double length = p->half_pixel ? end - start : fmax(end - start, 1);
    double width = length / (double)out;
    int64_t points = p->sampling_ratio;
    if (points == 0)
        points = width > 0 ? (int64_t)fmin(ceil(width), ROI_POINTS) : 0;
    return (Bins){start, width, points};
}

/* The two pixels around coordinate x and the weight of the second; false outside of the image. */
static bool neighbours(double x, int64_t extent, int64_t at[2], double *weight)
{
    if (!(x >= -1 && x <= (double)extent))
        return false;
    x = x < 0 ? 0 : x;
    at[0] = (int64_t)x;
    at[1] = at[0] + 1;
    *weight = x - (double)at[0];
    if (at[0] >= extent - 1) {
        at[0] = at[1] = extent - 1;
        *weight = 0;
    }
    return true;
}

/* The value at a point: the interpolated one, or, in max mode, the greatest weighted corner. */
static double point_value(bool max, const double *image, const Shape *s, double y, double x)
{
    int64_t ys[2], xs[2];
    double wy, wx, sum = 0, most = -INFINITY;
    if (!neighbours(y, s->dim[2], ys, &wy) || !neighbours(x, s->dim[3], xs, &wx))
        return 0;
    for (int i = 0; i < 4; i++) {
        double weight = (i / 2 ? wy : 1 - wy) * (i % 2 ? wx : 1 - wx);
        double v = weight * image[ys[i / 2] * s->dim[3] + xs[i % 2]];
        sum += v;
        most = fmax(most, v);
    }
    return max ? most : sum;
}

static double bin_value(const RoiParams *p, const double *image, const Shape *s, const Bins *by,
                        const Bins *bx, int64_t oy, int64_t ox)
{
    double sum = 0, most = -INFINITY;
    for (int64_t i = 0; i < by->points; i++)
        for (int64_t j = 0; j < bx->points; j++) {
            double y = by->start + (double)oy * by->width +
                       ((double)i + 0.5) * by->width / (double)by->points;
            double x = bx->start + (double)ox * bx->width +
                       ((double)j + 0.5) * bx->width / (double)bx->points;
            double v = point_value(p->max, image, s, y, x);
            sum += v;
            most = fmax(most, v);
        }
    double count = (double)by->points * (double)bx->points;
    if (p->max)
        return count > 0 ? most : 0;
    return sum / fmax(count, 1);
}

bool interp_roi_align(InterpCall *c)
{
    const RoiParams *p = &c->node->params.roi;
    const Shape *xs = &c->in[0]->shape, *ys = &c->out[0]->shape;
    const double *x = interp_f64(c->arena, c->in[0]);
    int64_t image = xs->dim[2] * xs->dim[3], at = 0;
    for (int64_t r = 0; r < ys->dim[0]; r++) {
        int64_t batch = tensor_get_i64(c->in[2], r);
        double roi[4];
        if (batch < 0 || batch >= xs->dim[0])
            return interp_error(c, "batch index %lld is out of range", (long long)batch);
        interp_load(c->in[1], 4 * r, 4, roi);
        Bins bx = bins_make(p, roi[0], roi[2], p->out_w);
        Bins by = bins_make(p, roi[1], roi[3], p->out_h);
        for (int64_t ch = 0; ch < xs->dim[1]; ch++)
            for (int64_t i = 0; i < p->out_h * p->out_w; i++) {
                double y = bin_value(p, x + (batch * xs->dim[1] + ch) * image, xs, &by, &bx,
                                     i / p->out_w, i % p->out_w);
                interp_store(&y, c->out[0], at++, 1);
            }
    }
    return true;
}

/* ---- MaxRoiPool ---- */

static double clamped(double x, double hi)
{
    return x < 0 ? 0 : x > hi ? hi : x;
}

/* The pixels lo <= i < hi of bin `o` of an axis of the region between two corners. */
static void pool_bin(const RoiParams *p, double from, double to, int64_t o, int64_t out,
                     int64_t extent, int64_t *lo, int64_t *hi)
{
    double start = round(from * p->spatial_scale), end = round(to * p->spatial_scale);
    double width = fmax(end - start + 1, 1) / (double)out;
    *lo = (int64_t)clamped(floor((double)o * width) + start, (double)extent);
    *hi = (int64_t)clamped(ceil((double)(o + 1) * width) + start, (double)extent);
}

bool interp_max_roi_pool(InterpCall *c)
{
    const RoiParams *p = &c->node->params.roi;
    const Shape *xs = &c->in[0]->shape, *ys = &c->out[0]->shape;
    const double *x = interp_f64(c->arena, c->in[0]);
    int64_t at[MAX_RANK], y0, y1, x0, x1;
    for (int64_t i = 0; i < shape_numel(ys); i++) {
        double roi[5], most = -INFINITY;
        interp_unravel(ys, i, at);
        interp_load(c->in[1], 5 * at[0], 5, roi);
        if (!(roi[0] >= 0 && roi[0] < (double)xs->dim[0]))
            return interp_error(c, "batch index %g is out of range", roi[0]);
        const double *image = x + ((int64_t)roi[0] * xs->dim[1] + at[1]) * xs->dim[2] * xs->dim[3];
        pool_bin(p, roi[1], roi[3], at[3], p->out_w, xs->dim[3], &x0, &x1);
        pool_bin(p, roi[2], roi[4], at[2], p->out_h, xs->dim[2], &y0, &y1);
        for (int64_t h = y0; h < y1; h++)
            for (int64_t w = x0; w < x1; w++)
                most = fmax(most, image[h * xs->dim[3] + w]);
        if (y1 <= y0 || x1 <= x0)
            most = 0;
        interp_store(&most, c->out[0], i, 1);
    }
    return true;
}

/* ---- Col2Im ---- */

/* Adds every element of the columns to the pixel that its tap lies on. */
bool interp_col2im(InterpCall *c)
{
    const FoldParams *p = &c->node->params.fold;
    const Shape *xs = &c->in[0]->shape, *ys = &c->out[0]->shape;
    Shape stands = {.rank = p->w.n}, taps = shape_make(p->w.n, p->w.kernel);
    Shape image = shape_make(p->w.n, p->image);
    for (int i = 0; i < p->w.n; i++)
        stands.dim[i] = (p->image[i] + p->w.pad_begin[i] + p->w.pad_end[i] -
                         p->w.dilation[i] * (p->w.kernel[i] - 1) - 1) /
                            p->w.stride[i] +
                        1;
    int64_t n_taps = shape_numel(&taps), pixels = shape_numel(&image), tap[MAX_RANK];
    double *y = ARENA_ARRAY(c->arena, double, shape_numel(ys));
    for (int64_t i = 0; i < shape_numel(xs); i++) {
        int64_t stand[MAX_RANK], at[MAX_RANK], row = i / xs->dim[2];
        bool inside = true;
        interp_unravel(&stands, i % xs->dim[2], stand);
        interp_unravel(&taps, row % n_taps, tap);
        for (int k = 0; k < p->w.n; k++) {
            at[k] = stand[k] * p->w.stride[k] + tap[k] * p->w.dilation[k] - p->w.pad_begin[k];
            inside = inside && at[k] >= 0 && at[k] < p->image[k];
        }
        if (inside)
            y[row / n_taps * pixels + interp_ravel(&image, at)] += tensor_get_f64(c->in[0], i);
    }
    interp_store(y, c->out[0], 0, shape_numel(ys));
    return true;
}
