/* Resize and Upsample, one axis after the other.
 *
 * Comes in: X and, for every axis, a scale and a region of interest. Goes out: X resampled: an
 * output element of an axis is a weighted sum of a few input elements (one for nearest).
 * Holds: source coordinates are computed in float, operation by operation as the specification
 * writes them: at ties of nearest mode another precision would choose other elements than the
 * ONNX runtimes do. Weights and sums are in double. Nearest copies bits of any type. */
#include "ir/interp/values.h"

#include <math.h>

/* ONNX's length_resized: in * scale, not rounded down to the output's extent, as its conformance
 * data have it. Where the two agree up to the rounding of the scale, the extent. */
static float resized_length(float scale, int64_t in, int64_t out)
{
    float exact = scale * (float)in;
    return fabsf(exact - (float)out) < 1e-3f ? (float)out : exact;
}

/* Where output index `o` of an axis lies in input coordinates. */
static float coordinate(const ResizeParams *p, int axis, int64_t in, int64_t out, int64_t o)
{
    float x = (float)o, scale = (float)p->scale[axis], length = (float)in;
    float resized = resized_length(scale, in, out);
    float begin = (float)p->roi_begin[axis], end = (float)p->roi_end[axis];
    switch (p->coord) {
    case COORD_ALIGN_CORNERS:
        return out == 1 ? 0 : x * (length - 1) / (resized - 1);
    case COORD_ASYMMETRIC:
        return x / scale;
    case COORD_TF_HALF_PIXEL_NN:
        return (x + 0.5f) / scale;
    case COORD_PYTORCH_HALF_PIXEL:
        return out == 1 ? 0 : (x + 0.5f) / scale - 0.5f;
    case COORD_TF_CROP_AND_RESIZE:
        return out == 1 ? 0.5f * (begin + end) * (length - 1)
                        : begin * (length - 1) + x * (end - begin) * (length - 1) / (resized - 1);
    case COORD_HALF_PIXEL_SYMMETRIC: {
        float adjustment = (float)out / resized;
        float offset = length / 2 * (1 - adjustment);
        return offset + (x + 0.5f) / scale - 0.5f;
    }
    case COORD_HALF_PIXEL:
    default:
        return (x + 0.5f) / scale - 0.5f;
    }
}

static int64_t clamp_index(double at, int64_t extent)
{
    return at < 0 ? 0 : at > (double)(extent - 1) ? extent - 1 : (int64_t)at;
}

static int64_t nearest(NearestMode mode, float x, int64_t extent)
{
    switch (mode) {
    case NEAREST_FLOOR:
        return clamp_index(floorf(x), extent);
    case NEAREST_CEIL:
        return clamp_index(ceilf(x), extent);
    case NEAREST_ROUND_PREFER_CEIL:
        return clamp_index(floor((double)x + 0.5), extent);
    case NEAREST_ROUND_PREFER_FLOOR:
    default:
        return clamp_index(ceil((double)x - 0.5), extent);
    }
}

/* Outside of the input, where tf_crop_and_resize puts the extrapolation value. */
static bool outside(const ResizeParams *p, float x, int64_t extent)
{
    return p->coord == COORD_TF_CROP_AND_RESIZE && (x < 0 || x > (float)(extent - 1));
}

/* ---- nearest ---- */

static bool resize_nearest(InterpCall *c)
{
    const ResizeParams *p = &c->node->params.resize;
    const Shape *xs = &c->in[0]->shape, *ys = &c->out[0]->shape;
    int64_t stride[MAX_RANK] = {0}, *table[MAX_RANK];
    Shape scalar = {.rank = 0};
    Tensor *fill = tensor_new(c->arena, c->out[0]->dtype, &scalar);
    tensor_set_f64(fill, 0, p->extrapolation);
    shape_strides(xs, stride);
    for (int i = 0; i < ys->rank; i++) {
        table[i] = ARENA_ARRAY(c->arena, int64_t, ys->dim[i]);
        for (int64_t o = 0; o < ys->dim[i]; o++) {
            float x = coordinate(p, i, xs->dim[i], ys->dim[i], o);
            table[i][o] =
                outside(p, x, xs->dim[i]) ? -1 : nearest(p->nearest, x, xs->dim[i]) * stride[i];
        }
    }
    interp_move(c->out[0], c->in[0], ys->rank, ys->dim, table, fill->data);
    return true;
}

/* ---- linear and cubic ---- */

/* The filter at distance t: a tent, or Keys' cubic with coefficient a. */
static double filter(const ResizeParams *p, double t)
{
    double a = p->cubic_a;
    t = fabs(t);
    if (p->mode == RESIZE_LINEAR)
        return t < 1 ? 1 - t : 0;
    if (t <= 1)
        return ((a + 2) * t - (a + 3)) * t * t + 1;
    return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0;
}

/* The input elements of one output element. */
typedef struct Blend {
    int64_t n;
    int64_t *index;
    double *weight;
} Blend;

/* How much the filter is widened: downsampling with antialias covers 1/scale as many elements. */
static double widening(const ResizeParams *p, int axis)
{
    return p->antialias && p->scale[axis] < 1 ? 1 / p->scale[axis] : 1;
}

/* Indices beyond the border repeat it, or drop out with exclude_outside; the weights sum to 1. */
static void blend_at(const ResizeParams *p, int axis, int64_t extent, float x, Blend *b)
{
    double wide = widening(p, axis), radius = (p->mode == RESIZE_LINEAR ? 1 : 2) * wide, sum = 0;
    int64_t first = (int64_t)floor((double)x - radius) + 1;
    b->n = 0;
    for (int64_t i = first; (double)i < (double)x + radius; i++) {
        bool inside = i >= 0 && i < extent;
        if (p->exclude_outside && !inside)
            continue;
        b->index[b->n] = clamp_index((double)i, extent);
        b->weight[b->n] = filter(p, ((double)i - (double)x) / wide);
        sum += b->weight[b->n++];
    }
    for (int64_t i = 0; i < b->n; i++)
        b->weight[i] /= sum;
}

/* Resamples one axis of x, seen as [outer][in][inner]. */
static double *resample(InterpCall *c, int axis, const double *x, const Shape *s, int64_t out)
{
    const ResizeParams *p = &c->node->params.resize;
    int64_t in = s->dim[axis], outer = shape_range_numel(s, 0, axis);
    int64_t inner = shape_range_numel(s, axis + 1, s->rank);
    double *y = ARENA_ARRAY(c->arena, double, outer *out *inner);
    int64_t room = (int64_t)(4 * widening(p, axis)) + 4;
    Blend b = {.index = ARENA_ARRAY(c->arena, int64_t, room),
               .weight = ARENA_ARRAY(c->arena, double, room)};
    for (int64_t o = 0; o < out; o++) {
        blend_at(p, axis, in, coordinate(p, axis, in, out, o), &b);
        for (int64_t k = 0; k < outer; k++)
            for (int64_t t = 0; t < b.n; t++) {
                const double *from = x + (k * in + b.index[t]) * inner;
                double *to = y + (k * out + o) * inner;
                for (int64_t i = 0; i < inner; i++)
                    to[i] += b.weight[t] * from[i];
            }
    }
    return y;
}

/* Writes the extrapolation value wherever one of the coordinates lies outside of the input. */
static void extrapolate(const ResizeParams *p, const Shape *xs, const Shape *ys, double *y)
{
    for (int axis = 0; axis < ys->rank; axis++) {
        int64_t out = ys->dim[axis], outer = shape_range_numel(ys, 0, axis);
        int64_t inner = shape_range_numel(ys, axis + 1, ys->rank);
        for (int64_t o = 0; o < out; o++) {
            if (!outside(p, coordinate(p, axis, xs->dim[axis], out, o), xs->dim[axis]))
                continue;
            for (int64_t k = 0; k < outer; k++)
                for (int64_t i = 0; i < inner; i++)
                    y[(k * out + o) * inner + i] = p->extrapolation;
        }
    }
}

/* An axis that keeps every element where it is. */
static bool is_identity(const ResizeParams *p, int axis, int64_t in, int64_t out)
{
    return in == out && p->scale[axis] == 1 && p->coord != COORD_TF_CROP_AND_RESIZE &&
           p->coord != COORD_TF_HALF_PIXEL_NN;
}

bool interp_resize(InterpCall *c)
{
    const ResizeParams *p = &c->node->params.resize;
    const Shape *xs = &c->in[0]->shape, *ys = &c->out[0]->shape;
    if (shape_numel(ys) == 0)
        return true;
    if (p->mode == RESIZE_NEAREST)
        return resize_nearest(c);
    Shape s = *xs;
    double *x = interp_f64(c->arena, c->in[0]);
    for (int axis = 0; axis < s.rank; axis++) {
        if (is_identity(p, axis, s.dim[axis], ys->dim[axis]))
            continue;
        x = resample(c, axis, x, &s, ys->dim[axis]);
        s.dim[axis] = ys->dim[axis];
    }
    extrapolate(p, xs, ys, x);
    interp_store(x, c->out[0], 0, shape_numel(ys));
    return true;
}
