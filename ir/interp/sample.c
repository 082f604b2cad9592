/* GridSample: images of two or three axes, sampled at coordinates in -1…1 (ONNX GridSample-20).
 *
 * Comes in: X [N,C,(D,)H,W] and the grid [N,…,axes], whose coordinates run x, y (, z). Goes out:
 * [N,C,…]. Holds: coordinates become pixels in the grid's own precision, so that nearest mode
 * meets the same ties as ONNX does; weights and sums are in double. An infinite coordinate is
 * beyond the image, NaN nowhere: with padding of zeros both give 0, with that of the border NaN is
 * the first pixel, and so is, where there is no mirror image, either. */
#include "ir/interp/values.h"

#include <math.h>

typedef struct Sampler {
    const SampleParams *p;
    int n; /* axes */
    int64_t extent[MAX_SPATIAL];
    const double *image; /* one channel */
    double at[MAX_SPATIAL];
} Sampler;

static double denormalized(const Tensor *grid, int64_t i, int64_t extent, bool corners)
{
    if (grid->dtype == DT_F32) {
        float x = (float)tensor_get_f64(grid, i), length = (float)extent;
        return corners ? (x + 1) / 2 * (length - 1) : ((x + 1) * length - 1) / 2;
    }
    double x = tensor_get_f64(grid, i), length = (double)extent;
    return corners ? (x + 1) / 2 * (length - 1) : ((x + 1) * length - 1) / 2;
}

/* Mirrors x into lo…hi as often as it takes. */
static double mirrored(double x, double lo, double hi)
{
    double range = hi - lo;
    if (range == 0)
        return lo;
    if (x < lo || x > hi) {
        double beyond = x < lo ? lo - x : x - hi, times = floor(beyond / range);
        double rest = beyond - times * range;
        bool even = fmod(times, 2) == 0;
        return (x < lo) == even ? lo + rest : hi - rest;
    }
    return x;
}

/* Brings a coordinate inside, or not, as the padding says. */
static double padded(const SampleParams *p, double x, int64_t extent)
{
    double last = (double)(extent - 1), lo = p->align_corners ? 0 : -0.5;
    double hi = p->align_corners ? last : last + 0.5;
    if (isnan(x) || (isinf(x) && p->padding == SAMPLE_REFLECTION))
        return p->padding == SAMPLE_ZEROS ? -10 : 0; /* nowhere */
    if (p->padding == SAMPLE_BORDER && (x < lo || x > hi))
        return x < 0 ? 0 : last;
    return p->padding == SAMPLE_REFLECTION ? mirrored(x, lo, hi) : x;
}

/* The pixel at whole coordinates, which may lie outside. */
static double pixel(const Sampler *s, const double *at)
{
    int64_t index = 0;
    for (int i = 0; i < s->n; i++) {
        double last = (double)(s->extent[i] - 1), x = at[i];
        if (s->p->padding == SAMPLE_ZEROS && (x < 0 || x > last))
            return 0;
        if (s->p->padding == SAMPLE_REFLECTION)
            x = padded(s->p, x, s->extent[i]);
        x = x < 0 ? 0 : x > last ? last : x;
        index = index * s->extent[i] + (int64_t)x;
    }
    return s->image[index];
}

/* Weight of the tap at distance t: a tent, or Keys' cubic with a = -0.75. */
static double tap_weight(ResizeMode mode, double t)
{
    const double a = -0.75;
    t = fabs(t);
    if (mode == RESIZE_LINEAR)
        return t < 1 ? 1 - t : 0;
    if (t <= 1)
        return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

/* The weighted sum over the taps of axes `axis` and inwards. */
static double blend(const Sampler *s, int axis, double *at)
{
    if (axis == s->n || axis == MAX_SPATIAL)
        return pixel(s, at);
    int reach = s->p->mode == RESIZE_CUBIC ? 2 : 1;
    double first = floor(s->at[axis]) + 1 - reach, sum = 0;
    for (int k = 0; k < 2 * reach; k++) {
        at[axis] = first + k;
        double weight = tap_weight(s->p->mode, s->at[axis] - (first + k));
        if (weight != 0)
            sum += weight * blend(s, axis + 1, at);
    }
    return sum;
}

bool interp_grid_sample(InterpCall *c)
{
    const Shape *xs = &c->in[0]->shape, *ys = &c->out[0]->shape;
    Sampler s = {.p = &c->node->params.sample, .n = xs->rank - 2};
    int64_t pixels = shape_range_numel(xs, 2, xs->rank),
            points = shape_range_numel(ys, 2, ys->rank);
    const double *x = interp_f64(c->arena, c->in[0]);
    for (int i = 0; i < s.n; i++)
        s.extent[i] = xs->dim[i + 2];
    for (int64_t i = 0; i < ys->dim[0] * points; i++) {
        for (int k = 0; k < s.n; k++) { /* the grid has x first */
            double at =
                denormalized(c->in[1], (i + 1) * s.n - 1 - k, s.extent[k], s.p->align_corners);
            at = s.p->mode == RESIZE_NEAREST ? rint(at) : at;
            s.at[k] = padded(s.p, at, s.extent[k]);
        }
        for (int64_t ch = 0; ch < xs->dim[1]; ch++) {
            int64_t plane = i / points * xs->dim[1] + ch;
            double taps[MAX_SPATIAL];
            s.image = x + plane * pixels;
            double y = s.p->mode == RESIZE_NEAREST ? pixel(&s, s.at) : blend(&s, 0, taps);
            interp_store(&y, c->out[0], plane * points + i % points, 1);
        }
    }
    return true;
}
