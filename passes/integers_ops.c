/* Operators between DequantizeLinear and QuantizeLinear that compute with integers:
 *
 *     Conv (with weight, bias)      -> QLinearConv
 *     MatMul                        -> QLinearMatMul
 *     Gemm, MatMul and Add          -> QGemm
 *     Add, Mul                      -> QLinearAdd, QLinearMul
 *     AveragePool, GlobalAveragePool -> QLinearAveragePool
 *
 * each with any Relu or Clip behind it, whose bounds become integers: rounding keeps order, so
 * clipping before and after it is the same. A bias of real numbers, or of another scale, is rounded
 * to the scale of the sum, where that moves the result by no more than half a step. */
#include "passes/integers.h"

#include <math.h>

/* What stands between the pair. */
typedef struct Found {
    Graph *g;
    Node *quantize; /* its result is to be made */
    Quant y;
    Node *op;       /* the operator */
    int64_t lo, hi; /* bounds of the activation, as integers of y */
    bool clipped;   /* they cut something off */
} Found;

/* The integer of y for the real number x. */
static int64_t quantized(const Quant *y, double x)
{
    int64_t lo = y->q->dtype == DT_I8 ? INT8_MIN : 0, hi = lo + UINT8_MAX;
    double q = nearbyint((double)(float)(x / quant_scale_at(y, 0))) + (double)quant_zero_at(y, 0);
    return q <= (double)lo ? lo : q >= (double)hi ? hi : (int64_t)q;
}

/* Bounds of a Relu or a Clip with known bounds; false for all other operators. */
static bool activation_bounds(const Node *n, double *lo, double *hi)
{
    *lo = n->op == OP_Relu ? 0 : n->params.ew.alpha;
    *hi = n->op == OP_Relu ? INFINITY : n->params.ew.beta;
    if (n->op != OP_Relu && n->op != OP_Clip)
        return false;
    for (int i = 1; i < n->n_in; i++) {
        const Tensor *t = n->in[i] ? n->in[i]->constant : NULL;
        if (n->in[i] && t == NULL)
            return false;
        if (t)
            *(i == 1 ? lo : hi) = tensor_get_f64(t, 0);
    }
    return *lo <= *hi;
}

/* Walks up from the QuantizeLinear over activations to the operator. */
static bool find(Graph *g, Node *n, Found *f)
{
    *f = (Found){.g = g, .quantize = n};
    if (!quant_result(n, &f->y))
        return false;
    const Value *v = n->in[0];
    f->lo = f->y.q->dtype == DT_I8 ? INT8_MIN : 0;
    f->hi = f->lo + UINT8_MAX;
    double lo, hi;
    for (;;) {
        f->op = v->def;
        if (f->op == NULL || f->op->dead || f->op->n_epilogue > 0 || !value_read_once(v))
            return false;
        if (!activation_bounds(f->op, &lo, &hi))
            return true;
        int64_t least = quantized(&f->y, lo), greatest = quantized(&f->y, hi);
        f->clipped = f->clipped || least > f->lo || greatest < f->hi;
        f->lo = least > f->lo ? least : f->lo;
        f->hi = greatest < f->hi ? greatest : f->hi;
        if (f->lo > f->hi)
            return false;
        v = f->op->in[0];
    }
}

/* The result is made by `op` of these operands, then clipped. */
static bool make(Found *f, OpKind op, const Params *p, Value *const *in, int n_in)
{
    static const Params none;
    Graph *g = f->g;
    if (!f->clipped)
        return integers_replace(g, f->quantize, op, p, in, n_in) != NULL;
    Params clip = {.ew = {.alpha = (double)f->lo, .beta = (double)f->hi}};
    Value *whole = graph_value(g, NULL, f->quantize->out[0]->dtype, &f->quantize->out[0]->shape);
    Node *n = graph_node(g, op, f->op->name, in, n_in, &whole, 1);
    n->id = f->op->id;
    n->params = p ? *p : none;
    return op_infer(g, n) && integers_replace(g, f->quantize, OP_Clip, &clip, &whole, 1) != NULL;
}

/* ---- biases ---- */

/* Real number `i` of a bias: a constant, or integers that are dequantised. */
static bool bias_at(const Value *v, int64_t i, double *x)
{
    const Node *n = v->def;
    if (value_is_f32_constant(v)) {
        *x = tensor_get_f64(v->constant, i);
        return true;
    }
    if (n == NULL || n->op != OP_DequantizeLinear || n->in[0]->constant == NULL ||
        n->params.quant.block != 0 || n->in[1]->constant == NULL ||
        (n->n_in > 2 && n->in[2] && n->in[2]->constant == NULL))
        return false;
    Quant q = {n->in[0], n->in[1], n->n_in > 2 ? n->in[2] : NULL, 0};
    bool one = shape_numel(&q.scale->shape) == 1;
    if (!one && v->shape.rank != 1)
        return false;
    *x = quant_scale_at(&q, i) * (double)(tensor_get_i64(q.q->constant, i) - quant_zero_at(&q, i));
    return true;
}

/* How far rounding may move a bias: by half a step of the result, which multiplies it by `factor`;
 * by nothing where the result stays real. */
static double bias_room(const Found *f, double factor)
{
    return f->y.q ? quant_scale_at(&f->y, 0) / 2 / fabs(factor) : 0;
}

/* The bias `v`, whose last axis is the channels (columns) of w, as integers of scale x * w; NULL
 * when it does not fit, or would be off by more than `room`. `factor` multiplies the real numbers.
 */
static Value *integer_bias(Graph *g, const Value *v, const Quant *x, const Quant *w, double factor,
                           double room)
{
    static const double last_digits = 0x1p-20; /* of scales in f32, of which some are products */
    Tensor *t = tensor_new(g->arena, DT_I32, &v->shape);
    int64_t columns = v->shape.rank > 0 ? v->shape.dim[v->shape.rank - 1] : 1;
    if (w->axis >= 0 && columns != shape_numel(&w->scale->shape))
        return NULL;
    for (int64_t i = 0; i < shape_numel(&v->shape); i++) {
        double real, scale = quant_scale_at(x, 0) * quant_scale_at(w, i % columns);
        if (!bias_at(v, i, &real))
            return NULL;
        double exact = real * factor / scale, q = nearbyint(exact);
        if (!(fabs(q) <= INT32_MAX) ||
            fabs(q - exact) * scale > room + last_digits * fabs(real * factor))
            return NULL;
        tensor_set_i64(t, i, (int64_t)q);
    }
    return graph_constant(g, NULL, t);
}

/* ---- the operators ---- */

static Value *absent_or(const Node *n, int i)
{
    return i < n->n_in ? n->in[i] : NULL;
}

/* The first eight operands of the operators on two quantised values: each value, its scale and zero
 * point, then those of the result. */
static void two_factors(const Found *f, const Quant *a, const Quant *b, Value **in)
{
    const Quant *factor[] = {a, b};
    for (int i = 0; i < 2; i++) {
        *in++ = factor[i]->q;
        *in++ = factor[i]->scale;
        *in++ = zero_operand(f->g, factor[i]);
    }
    *in++ = f->y.scale;
    *in = zero_operand(f->g, &f->y);
}

static bool make_conv(Found *f)
{
    const Node *n = f->op;
    Quant x, w;
    if (!quant_of(n->in[0], false, &x) || !quant_of(n->in[1], true, &w) || w.axis > 0)
        return false;
    Value *bias = absent_or(n, 2);
    if (bias && (bias = integer_bias(f->g, bias, &x, &w, 1, bias_room(f, 1))) == NULL)
        return false;
    Value *in[9] = {[8] = bias};
    two_factors(f, &x, &w, in);
    return make(f, OP_QLinearConv, &n->params, in, bias ? 9 : 8);
}

/* A product with an addend (NULL: none); the scales of the second factor are one, or one a column.
 */
static bool make_gemm(Found *f, const Node *n, const GemmParams *p, const Value *addend)
{
    Graph *g = f->g;
    Quant a, b;
    if (!quant_of(n->in[0], false, &a) || !quant_of(n->in[1], true, &b) || p->alpha == 0 ||
        (f->y.q && a.q->dtype != f->y.q->dtype) || (b.axis >= 0 && b.axis != (p->trans_b ? 0 : 1)))
        return false;
    Value *c = NULL;
    if (addend && addend->shape.rank > 2)
        return false;
    if (addend &&
        (c = integer_bias(g, addend, &a, &b, p->beta / p->alpha, bias_room(f, p->alpha))) == NULL)
        return false;
    Params params = {.gemm = *p};
    params.gemm.beta = 1;
    Value *in[9] = {a.q, a.scale, zero_operand(g, &a), b.q, b.scale, zero_operand(g, &b), c};
    if (f->y.q) {
        in[7] = f->y.scale;
        in[8] = zero_operand(g, &f->y);
    }
    return make(f, OP_QGemm, &params, in, f->y.q ? 9 : c ? 7 : 6);
}

bool integers_real_gemm(Graph *g, Node *n)
{
    Found f = {.g = g, .quantize = n, .op = n};
    const Value *bias = absent_or(n, 2);
    return (bias == NULL || !bias->constant) && make_gemm(&f, n, &n->params.gemm, bias);
}

static bool make_gemm_node(Found *f)
{
    return make_gemm(f, f->op, &f->op->params.gemm, absent_or(f->op, 2));
}

static bool make_matmul(Found *f)
{
    const Node *n = f->op;
    Quant a, b;
    if (!quant_of(n->in[0], false, &a) || !quant_of(n->in[1], true, &b) ||
        (b.axis >= 0 && (b.axis != b.q->shape.rank - 1 || b.axis == 0)))
        return false;
    Value *in[8];
    two_factors(f, &a, &b, in);
    return make(f, OP_QLinearMatMul, NULL, in, 8);
}

/* A product of two matrices without an addend of its own. */
static bool is_plain_product(const Node *n)
{
    bool gemm = n->op == OP_Gemm && absent_or(n, 2) == NULL;
    return !n->dead && n->n_epilogue == 0 && (gemm || n->op == OP_MatMul) &&
           n->in[0]->shape.rank == 2 && n->in[1]->shape.rank == 2;
}

/* A product of matrices and the addition of a constant row, which no factor of the product's own
 * multiplies. */
static bool make_product_add(Found *f)
{
    for (int k = 0; k < 2; k++) {
        const Node *product = f->op->in[k]->def;
        const Value *addend = f->op->in[1 - k];
        if (product == NULL || !is_plain_product(product) || !value_read_once(f->op->in[k]) ||
            !shape_equal(&f->op->in[k]->shape, &f->op->out[0]->shape))
            continue;
        GemmParams p = {1, 1, false, false};
        if (product->op == OP_Gemm)
            p = product->params.gemm;
        p.beta = 1;
        return make_gemm(f, product, &p, addend);
    }
    return false;
}

static bool make_binary(Found *f)
{
    const Node *n = f->op;
    Quant a, b;
    if (!quant_of(n->in[0], false, &a) || !quant_of(n->in[1], false, &b))
        return f->op->op == OP_Add && make_product_add(f);
    if (a.q->dtype != b.q->dtype)
        return false;
    Value *in[8];
    two_factors(f, &a, &b, in);
    return make(f, n->op == OP_Add ? OP_QLinearAdd : OP_QLinearMul, NULL, in, 8);
}

static bool make_pool(Found *f)
{
    const Node *n = f->op;
    Quant x;
    Params p = n->params;
    int spatial = n->in[0]->shape.rank - 2;
    if (!quant_of(n->in[0], false, &x) || spatial < 1 || spatial > MAX_SPATIAL)
        return false;
    if (n->op == OP_GlobalAveragePool) {
        p = (Params){.pool = {.w = {.n = spatial}}};
        for (int i = 0; i < spatial; i++) {
            p.pool.w.kernel[i] = n->in[0]->shape.dim[i + 2];
            p.pool.w.stride[i] = p.pool.w.dilation[i] = 1;
        }
    }
    Value *in[5] = {x.q, x.scale, zero_operand(f->g, &x), f->y.scale, zero_operand(f->g, &f->y)};
    return make(f, OP_QLinearAveragePool, &p, in, 5);
}

static const struct {
    OpKind op;
    bool (*make)(Found *f);
} makers[] = {
    {OP_Conv, make_conv},
    {OP_MatMul, make_matmul},
    {OP_Gemm, make_gemm_node},
    {OP_Add, make_binary},
    {OP_Mul, make_binary},
    {OP_AveragePool, make_pool},
    {OP_GlobalAveragePool, make_pool},
};

bool integers_compute(const IntegerSweep *s, Node *n)
{
    Found f;
    if (!find(s->g, n, &f))
        return false;
    for (size_t i = 0; i < sizeof makers / sizeof makers[0]; i++)
        if (makers[i].op == f.op->op)
            return makers[i].make(&f);
    return false;
}
