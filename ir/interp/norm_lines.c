/* Normalisations over lines: Instance-, Group-, Layer-, RMS-, MeanVariance- and LpNormalization.
 *
 * Comes in: a float tensor, scale and bias. Goes out: the same shape, and LayerNormalization's mean
 * and inverse deviation.
 * Holds: sums in double; the variance is the mean of squared distances from the mean. */
#include "ir/interp/values.h"

#include "ir/ops.h"

#include <math.h>

typedef struct Moments {
    double mean, variance, square; /* square: the mean of x^2 */
} Moments;

static Moments moments(const double *x, const InterpLines *l)
{
    Moments m = {0, 0, 0};
    for (int64_t i = 0; i < l->n; i++) {
        m.mean += x[l->step[i]] / (double)l->n;
        m.square += x[l->step[i]] * x[l->step[i]] / (double)l->n;
    }
    for (int64_t i = 0; i < l->n; i++) {
        double d = x[l->step[i]] - m.mean;
        m.variance += d * d / (double)l->n;
    }
    return m;
}

/* y = (x - mean) / sqrt(variance + epsilon) * scale[c] + bias[c], where a line is the pixels of
 * `per_line` channels; `per_number` channels share one scale and bias. */
static bool channels_norm(InterpCall *c, int64_t per_line, int64_t per_number)
{
    const Shape *s = &c->in[0]->shape;
    int64_t channels = s->dim[1], plane = shape_range_numel(s, 2, s->rank);
    int64_t n = per_line * plane, n_lines = s->dim[0] * (channels / per_line);
    double *x = interp_f64(c->arena, c->in[0]);
    InterpLines line = {.n = n, .step = ARENA_ARRAY(c->arena, int64_t, n)};
    for (int64_t i = 0; i < n; i++)
        line.step[i] = i;
    for (int64_t k = 0; k < n_lines; k++) {
        Moments m = moments(x + k * n, &line);
        double deviation = sqrt(m.variance + c->node->params.norm.epsilon);
        for (int64_t i = 0; i < n; i++) {
            int64_t channel = (k * per_line + i / plane) % channels;
            double scale = tensor_get_f64(c->in[1], channel / per_number);
            double bias = tensor_get_f64(c->in[2], channel / per_number);
            tensor_set_f64(c->out[0], k * n + i,
                           (x[k * n + i] - m.mean) / deviation * scale + bias);
        }
    }
    return true;
}

bool interp_instance_norm(InterpCall *c)
{
    return channels_norm(c, 1, 1);
}

bool interp_group_norm(InterpCall *c)
{
    int64_t channels = c->in[0]->shape.dim[1], groups = c->node->params.norm.groups;
    return channels_norm(c, channels / groups, channels / c->in[1]->shape.dim[0]);
}

/* Element of `t`, broadcast to the trailing axes of `s`, at row-major position i of those. */
static double broadcast_element(const Tensor *t, const Shape *s, int64_t i)
{
    int64_t at = 0, stride = 1;
    for (int a = t->shape.rank - 1, k = s->rank - 1; a >= 0 && k >= 0; a--, k--) {
        at += t->shape.dim[a] == 1 ? 0 : i % s->dim[k] * stride;
        stride *= t->shape.dim[a];
        i /= s->dim[k];
    }
    return tensor_get_f64(t, at);
}

/* LayerNormalization, and RMSNormalization, which leaves out the mean. */
bool interp_layer_norm(InterpCall *c)
{
    const NormParams *p = &c->node->params.norm;
    const Shape *s = &c->in[0]->shape;
    const Tensor *bias = interp_operand(c, 2);
    bool rms = c->node->op == OP_RMSNormalization;
    bool along[MAX_RANK] = {false};
    for (int i = (int)p->axis; i < s->rank; i++)
        along[i] = true;
    InterpLines l = interp_lines(c->arena, s, along);
    double *x = interp_f64(c->arena, c->in[0]);
    for (int64_t k = 0; k < l.n_lines; k++) {
        Moments m = moments(x + l.base[k], &l);
        double mean = rms ? 0 : m.mean;
        double deviation = sqrt((rms ? m.square : m.variance) + p->epsilon);
        for (int64_t i = 0; i < l.n && c->out[0]; i++) {
            int64_t at = l.base[k] + l.step[i];
            double y = (x[at] - mean) / deviation * broadcast_element(c->in[1], s, i);
            tensor_set_f64(c->out[0], at, y + (bias ? broadcast_element(bias, s, i) : 0));
        }
        if (c->n_out > 1 && c->out[1])
            tensor_set_f64(c->out[1], k, mean);
        if (c->n_out > 2 && c->out[2])
            tensor_set_f64(c->out[2], k, 1 / deviation);
    }
    return true;
}

/* (x - mean) / (deviation + 1e-9), as ONNX's function body has it. */
bool interp_mvn(InterpCall *c)
{
    const ReduceParams *p = &c->node->params.reduce;
    bool along[MAX_RANK] = {false};
    for (int i = 0; i < p->n_axes; i++)
        along[p->axes[i]] = true;
    InterpLines l = interp_lines(c->arena, &c->in[0]->shape, along);
    double *x = interp_f64(c->arena, c->in[0]);
    for (int64_t k = 0; k < l.n_lines; k++) {
        Moments m = moments(x + l.base[k], &l);
        for (int64_t i = 0; i < l.n; i++) {
            int64_t at = l.base[k] + l.step[i];
            tensor_set_f64(c->out[0], at, (x[at] - m.mean) / (sqrt(m.variance) + 1e-9));
        }
    }
    return true;
}

/* x / norm; a line of zeros stays. */
bool interp_lp_norm(InterpCall *c)
{
    const LineParams *p = &c->node->params.line;
    bool along[MAX_RANK] = {false};
    along[p->axis] = true;
    InterpLines l = interp_lines(c->arena, &c->in[0]->shape, along);
    double *x = interp_f64(c->arena, c->in[0]);
    for (int64_t k = 0; k < l.n_lines; k++) {
        double norm = 0;
        for (int64_t i = 0; i < l.n; i++) {
            double v = x[l.base[k] + l.step[i]];
            norm += p->p == 1 ? fabs(v) : v * v;
        }
        norm = p->p == 1 ? norm : sqrt(norm);
        for (int64_t i = 0; i < l.n; i++) {
            int64_t at = l.base[k] + l.step[i];
            tensor_set_f64(c->out[0], at, norm == 0 ? 0 : x[at] / norm);
        }
    }
    return true;
}
