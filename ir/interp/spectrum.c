/* DFT, STFT, MelWeightMatrix, HannWindow, HammingWindow, BlackmanWindow.
 *
 * Comes in: real signals or complex ones (pairs in the last axis). Goes out: spectra, by the sum
 * that defines them; tables.
 * Holds: everything in double; the phase is reduced modulo the length before the sine. */
#include "ir/interp/values.h"

#include "ir/ops.h"

#include <math.h>

static const double two_pi = 6.283185307179586476925286766559;

/* The sum over j of (re, im)[j] e^(-+ 2 pi i j k / length), of `count` samples. */
static void transform(const double *re, const double *im, int64_t count, int64_t length, int64_t k,
                      bool inverse, double *to)
{
    to[0] = to[1] = 0;
    for (int64_t j = 0; j < count; j++) {
        double phase = two_pi * (double)(j * k % length) / (double)length;
        double c = cos(phase), s = inverse ? sin(phase) : -sin(phase);
        to[0] += re[j] * c - im[j] * s;
        to[1] += re[j] * s + im[j] * c;
    }
    for (int i = 0; inverse && i < 2; i++)
        to[i] /= (double)length;
}

bool interp_dft(InterpCall *c)
{
    const SpectrumParams *p = &c->node->params.spectrum;
    const Shape *s = &c->in[0]->shape, *o = &c->out[0]->shape;
    int axis = (int)p->axis;
    int64_t n = s->dim[axis], parts = s->dim[s->rank - 1], bins = o->dim[axis];
    int64_t outer = shape_range_numel(s, 0, axis);
    int64_t inner = shape_range_numel(s, axis + 1, s->rank - 1);
    int64_t count = n < p->length ? n : p->length;
    double *re = ARENA_ARRAY(c->arena, double, n + 1), *im = ARENA_ARRAY(c->arena, double, n + 1);
    for (int64_t l = 0; l < outer * inner; l++) {
        int64_t a = l / inner, b = l % inner;
        for (int64_t j = 0; j < count; j++) {
            int64_t at = ((a * n + j) * inner + b) * parts;
            re[j] = tensor_get_f64(c->in[0], at);
            im[j] = parts == 2 ? tensor_get_f64(c->in[0], at + 1) : 0;
        }
        for (int64_t k = 0; k < bins; k++) {
            double y[2];
            transform(re, im, count, p->length, k, p->inverse, y);
            interp_store(y, c->out[0], ((a * bins + k) * inner + b) * 2, 2);
        }
    }
    return true;
}

bool interp_stft(InterpCall *c)
{
    const SpectrumParams *p = &c->node->params.spectrum;
    const Shape *s = &c->in[0]->shape, *o = &c->out[0]->shape;
    const Tensor *window = interp_operand(c, 2);
    int64_t parts = s->rank == 3 ? s->dim[2] : 1, length = p->length;
    double *re = ARENA_ARRAY(c->arena, double, length), *im = ARENA_ARRAY(c->arena, double, length);
    for (int64_t f = 0; f < o->dim[0] * o->dim[1]; f++) {
        int64_t batch = f / o->dim[1], first = f % o->dim[1] * p->step;
        for (int64_t j = 0; j < length; j++) {
            int64_t at = (batch * s->dim[1] + first + j) * parts;
            double w = window ? tensor_get_f64(window, j) : 1;
            re[j] = w * tensor_get_f64(c->in[0], at);
            im[j] = parts == 2 ? w * tensor_get_f64(c->in[0], at + 1) : 0;
        }
        for (int64_t k = 0; k < o->dim[2]; k++) {
            double y[2];
            transform(re, im, length, length, k, false, y);
            interp_store(y, c->out[0], (f * o->dim[2] + k) * 2, 2);
        }
    }
    return true;
}

/* ---- tables ---- */

/* a0 - a1 cos(2 pi i / n) + a2 cos(4 pi i / n), n the size (periodic) or one less. */
bool interp_window_function(InterpCall *c)
{
    const SpectrumParams *p = &c->node->params.spectrum;
    OpKind op = c->node->op;
    double a0 = op == OP_HannWindow ? 0.5 : op == OP_HammingWindow ? 25.0 / 46 : 0.42;
    double a1 = op == OP_BlackmanWindow ? 0.5 : 1 - a0, a2 = op == OP_BlackmanWindow ? 0.08 : 0;
    double n = (double)(p->periodic ? p->length : p->length - 1);
    for (int64_t i = 0; i < p->length; i++) {
        double phase = n > 0 ? two_pi * (double)i / n : 0;
        tensor_set_f64(c->out[0], i, a0 - a1 * cos(phase) + a2 * cos(2 * phase));
    }
    return true;
}

static double mel_of(double hertz)
{
    return 2595 * log10(1 + hertz / 700);
}

/* Triangles that rise from bin[i] to bin[i + 1] and fall to bin[i + 2]; the bins are equally spaced
 * in mel, rounded down to those of the spectrum. */
bool interp_mel_weights(InterpCall *c)
{
    int64_t bins = c->out[0]->shape.dim[1], rows = c->out[0]->shape.dim[0];
    int64_t length = c->node->params.spectrum.length;
    double rate = (double)tensor_get_i64(c->in[2], 0);
    double low = mel_of(tensor_get_f64(c->in[3], 0)), high = mel_of(tensor_get_f64(c->in[4], 0));
    double step = (high - low) / (double)(bins + 2);
    int64_t *bin = ARENA_ARRAY(c->arena, int64_t, bins + 2);
    for (int64_t i = 0; i < bins + 2; i++) {
        double hertz = 700 * (pow(10, ((double)i * step + low) / 2595) - 1);
        double at = floor((double)(length + 1) * hertz / rate);
        bin[i] = at >= 0 && at < (double)rows ? (int64_t)at : at < 0 ? 0 : rows;
    }
    for (int64_t i = 0; i < rows * bins; i++)
        tensor_set_f64(c->out[0], i, 0);
    for (int64_t i = 0; i < bins; i++) {
        int64_t from = bin[i], top = bin[i + 1], to = bin[i + 2];
        for (int64_t k = from; k <= top && k < rows; k++)
            tensor_set_f64(c->out[0], k * bins + i,
                           top == from ? 1 : (double)(k - from) / (double)(top - from));
        for (int64_t k = top; k < to && k < rows && to > top; k++)
            tensor_set_f64(c->out[0], k * bins + i, (double)(to - k) / (double)(to - top));
    }
    return true;
}
