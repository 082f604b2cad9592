/* BatchNormalization, LRN, Softmax and LogSoftmax.
 *
 * Comes in: a float tensor (and statistics a channel). Goes out: the same shape.
 * Holds: sums and quotients in double, one rounding at the end. */
#include "ir/interp/values.h"

#include "ir/ops.h"

#include <math.h>

/* y = (x - mean) / sqrt(variance + epsilon) * scale + bias, per channel. */
bool interp_batch_norm(InterpCall *c)
{
    double epsilon = c->node->params.norm.epsilon;
    const Shape *s = &c->in[0]->shape;
    int64_t channels = s->dim[1], plane = shape_range_numel(s, 2, s->rank);
    double *row = ARENA_ARRAY(c->arena, double, plane);
    for (int64_t k = 0; k < s->dim[0] * channels; k++) {
        int64_t ch = k % channels;
        double scale = tensor_get_f64(c->in[1], ch), bias = tensor_get_f64(c->in[2], ch);
        double mean = tensor_get_f64(c->in[3], ch), variance = tensor_get_f64(c->in[4], ch);
        interp_load(c->in[0], k * plane, plane, row);
        for (int64_t i = 0; i < plane; i++)
            row[i] = (row[i] - mean) / sqrt(variance + epsilon) * scale + bias;
        interp_store(row, c->out[0], k * plane, plane);
    }
    return true;
}

/* y[c] = x[c] / (bias + alpha / size * sum of x[c']^2)^beta, where c' runs over the channels from
 * c - floor((size-1)/2) to c + ceil((size-1)/2). */
bool interp_lrn(InterpCall *c)
{
    const NormParams *p = &c->node->params.norm;
    const Shape *s = &c->in[0]->shape;
    int64_t channels = s->dim[1], plane = shape_range_numel(s, 2, s->rank);
    int64_t before = (p->size - 1) / 2, after = p->size - 1 - before;
    double *x = interp_f64(c->arena, c->in[0]), *row = ARENA_ARRAY(c->arena, double, plane);
    for (int64_t k = 0; k < s->dim[0] * channels; k++) {
        int64_t ch = k % channels, lo = ch > before ? ch - before : 0;
        int64_t hi = ch + after < channels ? ch + after : channels - 1;
        const double *image = x + (k - ch) * plane;
        for (int64_t i = 0; i < plane; i++) {
            double sum = 0;
            for (int64_t j = lo; j <= hi; j++)
                sum += image[j * plane + i] * image[j * plane + i];
            row[i] =
                image[ch * plane + i] / pow(p->bias + p->alpha / (double)p->size * sum, p->beta);
        }
        interp_store(row, c->out[0], k * plane, plane);
    }
    return true;
}

/* One line of Softmax: n elements, `step` apart, in place. */
static void softmax_line(double *x, int64_t n, int64_t step, bool logarithm)
{
    double most = x[0], sum = 0;
    for (int64_t i = 1; i < n; i++)
        most = fmax(most, x[i * step]);
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i * step] - most);
    for (int64_t i = 0; i < n; i++) {
        double d = x[i * step] - most;
        x[i * step] = logarithm ? d - log(sum) : exp(d) / sum;
    }
}

bool interp_softmax(InterpCall *c)
{
    const AxisParams *p = &c->node->params.axis;
    const Shape *s = &c->in[0]->shape;
    int axis = (int)p->axis;
    int64_t outer = shape_range_numel(s, 0, axis), n, inner;
    if (p->coerce_2d) { /* before opset 13: one line is everything from axis on */
        n = shape_range_numel(s, axis, s->rank);
        inner = 1;
    } else {
        n = s->dim[axis];
        inner = shape_range_numel(s, axis + 1, s->rank);
    }
    double *x = interp_f64(c->arena, c->in[0]);
    for (int64_t o = 0; o < outer && n > 0; o++)
        for (int64_t i = 0; i < inner; i++)
            softmax_line(x + o * n * inner + i, n, inner, c->node->op == OP_LogSoftmax);
    interp_store(x, c->out[0], 0, shape_numel(s));
    return true;
}
