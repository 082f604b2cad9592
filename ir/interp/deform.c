/* DeformColumns: the pixels that a deformable convolution's taps read (ONNX DeformConv-22).
 *
 * Comes in: X [N,C,…]; offsets [N, groups x taps x axes, places…], in pixels, the first axis first;
 * optionally a mask [N, groups x taps, places…]. Goes out: [N, C x taps, places…], the taps of a
 * channel beside each other. Holds: outside of the image lie zeros; all sums are in double. */
#include "ir/interp/values.h"

#include <math.h>

/* The blend of the 2^n pixels around a position. */
static double blended(const double *image, const int64_t *extent, int n, const double *at)
{
    double sum = 0;
    for (int corner = 0; corner < 1 << n; corner++) {
        double weight = 1;
        int64_t index = 0;
        for (int i = 0; i < n; i++) {
            double low = floor(at[i]), pixel = low + (corner >> i & 1);
            if (!(pixel >= 0 && pixel <= (double)(extent[i] - 1))) {
                weight = 0;
                break;
            }
            weight *= corner >> i & 1 ? at[i] - low : 1 - (at[i] - low);
            index = index * extent[i] + (int64_t)pixel;
        }
        if (weight != 0)
            sum += weight * image[index];
    }
    return sum;
}

/* Where a tap reads at a place; both are numbered in row-major order. */
static void position(const Node *n, int64_t tap, const int64_t *places, int64_t place,
                     const double *offset, int64_t step, double *at)
{
    const Window *w = &n->params.conv.w;
    for (int i = w->n - 1; i >= 0; i--) {
        int64_t fixed = place % places[i] * w->stride[i] + tap % w->kernel[i] * w->dilation[i];
        at[i] = (double)(fixed - w->pad_begin[i]) + offset[i * step];
        place /= places[i];
        tap /= w->kernel[i];
    }
}

bool interp_deform_columns(InterpCall *c)
{
    const ConvParams *p = &c->node->params.conv;
    const Shape *xs = &c->in[0]->shape, *ys = &c->out[0]->shape;
    int64_t channels = xs->dim[1], taps = ys->dim[1] / channels, n = p->w.n;
    int64_t pixels = shape_range_numel(xs, 2, xs->rank), count = shape_range_numel(ys, 2, ys->rank);
    const double *x = interp_f64(c->arena, c->in[0]), *offset = interp_f64(c->arena, c->in[1]);
    const Tensor *masked = interp_operand(c, 2);
    const double *mask = masked ? interp_f64(c->arena, masked) : NULL;
    double *row = ARENA_ARRAY(c->arena, double, count), at[MAX_SPATIAL];
    for (int64_t r = 0; r < ys->dim[0] * channels * taps; r++) {
        int64_t plane = r / taps, image = plane / channels, tap = r % taps;
        int64_t group = plane % channels / (channels / p->group);
        int64_t from = (image * p->group + group) * taps + tap;
        for (int64_t i = 0; i < count; i++) {
            position(c->node, tap, ys->dim + 2, i, offset + from * n * count + i, count, at);
            row[i] = blended(x + plane * pixels, xs->dim + 2, (int)n, at);
            row[i] *= mask ? mask[from * count + i] : 1;
        }
        interp_store(row, c->out[0], r * count, count);
    }
    return true;
}
