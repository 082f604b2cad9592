/* Resize and Upsample (ONNX Resize-19) -> tables of indices and weights for one axis.
 *
 * Coordinates are computed in float, in the order in which the specification writes them, since
 * at ties of nearest mode the rounding decides. Indices are clamped into the input. */
#include "codegen/resize_table.h"

#include <math.h>

/* The coordinate in the input of output element `o`. */
static float source_coordinate(const ResizeParams *p, int axis, const ResizeTable *t, int64_t o)
{
    float at = (float)o, scale = (float)p->scale[axis], in = (float)t->in;
    float length = scale * in; /* of the output before it was rounded to whole elements */
    if (fabsf(length - (float)t->out) < 1e-3f)
        length = (float)t->out;
    float from = (float)p->roi_begin[axis], to = (float)p->roi_end[axis];
    switch (p->coord) {
    case COORD_ASYMMETRIC:
        return at / scale;
    case COORD_ALIGN_CORNERS:
        return t->out > 1 ? at * (in - 1) / (length - 1) : 0;
    case COORD_PYTORCH_HALF_PIXEL:
        return t->out > 1 ? (at + 0.5f) / scale - 0.5f : 0;
    case COORD_TF_HALF_PIXEL_NN:
        return (at + 0.5f) / scale;
    case COORD_TF_CROP_AND_RESIZE:
        if (t->out > 1)
            return from * (in - 1) + at * (to - from) * (in - 1) / (length - 1);
        return 0.5f * (from + to) * (in - 1);
    case COORD_HALF_PIXEL_SYMMETRIC:
        return in / 2 * (1 - (float)t->out / length) + (at + 0.5f) / scale - 0.5f;
    case COORD_HALF_PIXEL:
    default:
        return (at + 0.5f) / scale - 0.5f;
    }
}

static int64_t clamped(double x, int64_t extent)
{
    if (!(x > 0))
        return 0;
    return x < (double)(extent - 1) ? (int64_t)x : extent - 1;
}

static double round_nearest(NearestMode mode, double x)
{
    switch (mode) {
    case NEAREST_FLOOR:
        return floor(x);
    case NEAREST_CEIL:
        return ceil(x);
    case NEAREST_ROUND_PREFER_CEIL:
        return floor(x + 0.5);
    case NEAREST_ROUND_PREFER_FLOOR:
    default:
        return ceil(x - 0.5);
    }
}

/* The interpolating kernel at distance x: a triangle, or Keys' piecewise cubic. */
static double kernel(const ResizeParams *p, double x)
{
    x = fabs(x);
    if (p->mode == RESIZE_LINEAR)
        return fmax(0, 1 - x);
    double a = p->cubic_a;
    if (x < 1)
        return 1 + x * x * ((a + 2) * x - (a + 3));
    return x < 2 ? a * (x * (x * (x - 5) + 8) - 4) : 0;
}

/* Weights of one output element around coordinate x, normalised to a sum of 1. `stretch` widens
 * the kernel (antialias). */
static void fill_taps(const ResizeParams *p, ResizeTable *t, int64_t o, double x, double stretch)
{
    double reach = (p->mode == RESIZE_LINEAR ? 1 : 2) * stretch, sum = 0;
    double first = floor(x - reach) + 1;
    int64_t *index = t->index + o * t->taps;
    double *weight = t->weight + o * t->taps;
    for (int64_t k = 0; k < t->taps; k++) {
        double at = first + (double)k;
        bool dropped = p->exclude_outside && (at < 0 || at > (double)(t->in - 1));
        index[k] = clamped(at, t->in);
        weight[k] = dropped || at >= x + reach ? 0 : kernel(p, (at - x) / stretch);
        sum += weight[k];
    }
    for (int64_t k = 0; k < t->taps; k++)
        weight[k] /= sum != 0 ? sum : 1;
}

/* Drops the weights when every output element is one input element. */
static void drop_trivial_weights(ResizeTable *t)
{
    for (int64_t i = 0; i < t->out * t->taps; i++)
        if (t->weight[i] != 0 && t->weight[i] != 1)
            return;
    for (int64_t o = 0; o < t->out; o++)
        for (int64_t k = 0; k < t->taps; k++)
            if (t->weight[o * t->taps + k] == 1)
                t->index[o] = t->index[o * t->taps + k];
    t->taps = 1;
    t->weight = NULL;
}

static bool keeps_everything(const ResizeParams *p, int axis, const ResizeTable *t)
{
    return t->in == t->out && p->scale[axis] == 1 && p->coord != COORD_TF_CROP_AND_RESIZE &&
           p->coord != COORD_TF_HALF_PIXEL_NN;
}

/* k when the table repeats each input element k times. */
static int64_t repeat_factor(const ResizeTable *t)
{
    int64_t k = t->in > 0 ? t->out / t->in : 0;
    if (t->weight || t->outside || k * t->in != t->out)
        return 0;
    for (int64_t o = 0; o < t->out; o++)
        if (t->index[o] != o / k)
            return 0;
    return k;
}

ResizeTable resize_table(Arena *a, const ResizeParams *p, int axis, int64_t in, int64_t out)
{
    ResizeTable t = {.in = in, .out = out, .taps = 1};
    bool same = keeps_everything(p, axis, &t), blend = !same && p->mode != RESIZE_NEAREST;
    double stretch = p->antialias && p->scale[axis] < 1 ? 1 / p->scale[axis] : 1;
    if (blend)
        t.taps = (int64_t)ceil(2 * (p->mode == RESIZE_LINEAR ? 1 : 2) * stretch);
    t.index = ARENA_ARRAY(a, int64_t, out * t.taps);
    t.weight = blend ? ARENA_ARRAY(a, double, out *t.taps) : NULL;
    for (int64_t o = 0; o < out; o++) {
        float x = same ? (float)o : source_coordinate(p, axis, &t, o);
        if (p->coord == COORD_TF_CROP_AND_RESIZE && !(x >= 0 && x <= (float)(in - 1))) {
            if (t.outside == NULL)
                t.outside = ARENA_ARRAY(a, bool, out);
            t.outside[o] = true;
        }
        if (blend)
            fill_taps(p, &t, o, (double)x, stretch);
        else
            t.index[o] = same ? o : clamped(round_nearest(p->nearest, (double)x), in);
    }
    if (blend)
        drop_trivial_weights(&t);
    t.factor = repeat_factor(&t);
    return t;
}
