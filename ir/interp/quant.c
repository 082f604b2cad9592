/* The quantised operators that convert, and those that work element by element.
 *
 * Comes in: integers q with a scale s and a zero point z, standing for s * (q - z). Goes out: the
 * real numbers in f32, or integers of another scale.
 * Holds: every arithmetic step on real numbers is one operation of f32, rounded once (computed in
 * double and rounded, which is the same); results are rounded to nearest even, then the zero point
 * is added, then they are saturated; NaN becomes the least integer. */
#include "ir/interp/quant.h"

#include <math.h>

float quant_mul(float a, float b)
{
    return (float)((double)a * (double)b);
}

float quant_div(float a, float b)
{
    return (float)((double)a / (double)b);
}

static float add_f32(float a, float b)
{
    return (float)((double)a + (double)b);
}

int64_t quant_round(DType t, float x, int64_t zero)
{
    int64_t lo = t == DT_I8 ? INT8_MIN : t == DT_I16 ? INT16_MIN : 0;
    int64_t hi = lo + (t == DT_I8 || t == DT_U8 ? UINT8_MAX : UINT16_MAX);
    double y = nearbyint((double)x) + (double)zero;
    return y >= (double)hi ? hi : y > (double)lo ? (int64_t)y : lo;
}

float quant_scale(const InterpCall *c, int i, int64_t k)
{
    const Tensor *t = interp_operand(c, i);
    return (float)tensor_get_f64(t, shape_numel(&t->shape) == 1 ? 0 : k);
}

int64_t quant_zero(const InterpCall *c, int i, int64_t k)
{
    const Tensor *t = interp_operand(c, i);
    return t ? tensor_get_i64(t, shape_numel(&t->shape) == 1 ? 0 : k) : 0;
}

/* ---- QuantizeLinear, DequantizeLinear ---- */

/* Position in the scale (and the zero point) of element `i` of x. */
static int64_t scale_at(const InterpCall *c, int64_t i)
{
    const QuantParams *p = &c->node->params.quant;
    const Shape *x = &c->in[0]->shape, *s = &c->in[1]->shape;
    if (shape_numel(s) == 1) /* the axis means nothing */
        return 0;
    int64_t inner = shape_range_numel(x, (int)p->axis + 1, x->rank);
    int64_t along = i / inner % x->dim[p->axis];
    if (p->block == 0)
        return along;
    int64_t outer = i / inner / x->dim[p->axis];
    return (outer * s->dim[p->axis] + along / p->block) * inner + i % inner;
}

bool interp_quantize(InterpCall *c)
{
    const Tensor *x = c->in[0];
    for (int64_t i = 0, n = shape_numel(&x->shape); i < n; i++) {
        int64_t k = scale_at(c, i);
        float real = (float)tensor_get_f64(x, i);
        int64_t q = quant_round(c->out[0]->dtype, quant_div(real, quant_scale(c, 1, k)),
                                quant_zero(c, 2, k));
        tensor_set_i64(c->out[0], i, q);
    }
    return true;
}

/* The difference is one of 32-bit integers. */
bool interp_dequantize(InterpCall *c)
{
    const Tensor *x = c->in[0];
    for (int64_t i = 0, n = shape_numel(&x->shape); i < n; i++) {
        int64_t k = scale_at(c, i);
        int32_t q = (int32_t)(uint32_t)(tensor_get_i64(x, i) - quant_zero(c, 2, k));
        tensor_set_f64(c->out[0], i, (double)quant_mul((float)q, quant_scale(c, 1, k)));
    }
    return true;
}

/* The range of x, with 0 in it, onto 0 … 255. */
bool interp_dynamic_quantize(InterpCall *c)
{
    const Tensor *x = c->in[0];
    float lo = 0, hi = 0;
    int64_t n = shape_numel(&x->shape);
    for (int64_t i = 0; i < n; i++) {
        float v = (float)tensor_get_f64(x, i);
        lo = v < lo ? v : lo;
        hi = v > hi ? v : hi;
    }
    float range = add_f32(hi, -lo);
    float scale = range == 0 ? 1 : quant_div(range, 255);
    int64_t zero = quant_round(DT_U8, quant_div(-lo, scale), 0);
    for (int64_t i = 0; i < n; i++) {
        float v = (float)tensor_get_f64(x, i);
        tensor_set_i64(c->out[0], i, quant_round(DT_U8, quant_div(v, scale), zero));
    }
    tensor_set_f64(c->out[1], 0, (double)scale);
    tensor_set_i64(c->out[2], 0, zero);
    return true;
}

/* ---- element by element ---- */

/* Position of element `i` of a result of shape `out` in an operand that broadcasts to it. */
static int64_t broadcast_at(const Shape *out, const Shape *s, int64_t i)
{
    int64_t at = 0, step = 1;
    for (int k = out->rank - 1, own = s->rank - 1; own >= 0; k--, own--) {
        at += s->dim[own] == 1 ? 0 : i % out->dim[k] * step;
        step *= s->dim[own];
        i /= out->dim[k];
    }
    return at;
}

/* The real number that element `at` of operand `i` stands for. */
static float real_at(const InterpCall *c, int i, int64_t at)
{
    int64_t q = tensor_get_i64(c->in[i], at) - quant_zero(c, i + 2, 0);
    return quant_mul((float)q, quant_scale(c, i + 1, 0));
}

bool interp_qlinear_binary(InterpCall *c)
{
    Tensor *out = c->out[0];
    for (int64_t i = 0, n = shape_numel(&out->shape); i < n; i++) {
        float a = real_at(c, 0, broadcast_at(&out->shape, &c->in[0]->shape, i));
        float b = real_at(c, 3, broadcast_at(&out->shape, &c->in[3]->shape, i));
        float y = c->node->op == OP_QLinearMul ? quant_mul(a, b) : add_f32(a, b);
        int64_t q =
            quant_round(out->dtype, quant_div(y, quant_scale(c, 6, 0)), quant_zero(c, 7, 0));
        tensor_set_i64(out, i, q);
    }
    return true;
}

bool interp_lookup(InterpCall *c)
{
    const Tensor *x = c->in[0], *table = c->in[1];
    int64_t least = x->dtype == DT_I8 ? INT8_MIN : 0;
    for (int64_t i = 0, n = shape_numel(&x->shape); i < n; i++) {
        int64_t k = tensor_get_i64(x, i) - least;
        if (dtype_is_float(table->dtype))
            tensor_set_f64(c->out[0], i, tensor_get_f64(table, k));
        else
            tensor_set_i64(c->out[0], i, tensor_get_i64(table, k));
    }
    return true;
}
