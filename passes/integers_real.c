/* Convolutions and products of integers whose result nobody quantises: the sums are exact, and
 * become real numbers at the end.
 *
 *     Conv, MatMul  -> ConvInteger, MatMulInteger; Cast; Mul by the scales; Add of the bias
 *     Gemm          -> QGemm without a scale of the result, if its bias is of integers
 *
 * These rules come last, where no QuantizeLinear wanted the result. */
#include "passes/integers.h"

/* The product of the scales, as a constant that broadcasts to the result: of one element, or one an
 * entry of an axis that has `behind` axes behind it. */
static Value *scale_product(Graph *g, const Quant *x, const Quant *w, int behind)
{
    Shape s = {.rank = 0};
    int64_t n = shape_numel(&w->scale->shape);
    if (n > 1) {
        s.rank = behind + 1;
        for (int i = 0; i < s.rank; i++)
            s.dim[i] = i == 0 ? n : 1;
    }
    Tensor *t = tensor_new(g->arena, DT_F32, &s);
    for (int64_t i = 0; i < n; i++)
        tensor_set_f64(t, i, quant_scale_at(x, 0) * quant_scale_at(w, i));
    return graph_constant(g, NULL, t);
}

/* A new value of f32, shaped like the result of `n`, made by `op`. */
static Value *real_step(Graph *g, const Node *n, OpKind op, const Params *p, Value *a, Value *b)
{
    Value *out = graph_value(g, NULL, DT_F32, &n->out[0]->shape);
    Node *made = graph_node(g, op, NULL, (Value *[]){a, b}, b ? 2 : 1, &out, 1);
    made->id = n->id;
    if (p)
        made->params = *p;
    return op_infer(g, made) ? out : NULL;
}

/* The bias with the axes of the channels: one an output channel, spatial axes behind. */
static Value *bias_column(Graph *g, const Node *n, Value *bias)
{
    Shape s = {.rank = n->out[0]->shape.rank - 1, .dim = {bias->shape.dim[0]}};
    for (int i = 1; i < s.rank; i++)
        s.dim[i] = 1;
    Value *column = graph_value(g, NULL, DT_F32, &s);
    Value *in[2] = {bias, shape_constant(g, NULL, &s)};
    Node *made = graph_node(g, OP_Reshape, NULL, in, 2, &column, 1);
    return op_infer(g, made) ? column : NULL;
}

static bool conv_or_matmul(Graph *g, Node *n)
{
    Quant x, w;
    bool conv = n->op == OP_Conv;
    int last = n->in[1]->shape.rank - 1;
    if (!quant_of(n->in[0], false, &x) || !quant_of(n->in[1], true, &w) ||
        (w.axis >= 0 && w.axis != (conv ? 0 : last)) || (!conv && w.axis == 0))
        return false;
    Value *sum = graph_value(g, NULL, DT_I32, &n->out[0]->shape);
    Value *in[4] = {x.q, w.q, zero_operand(g, &x), zero_operand(g, &w)};
    Node *made = graph_node(g, conv ? OP_ConvInteger : OP_MatMulInteger, n->name, in, 4, &sum, 1);
    made->id = n->id;
    made->params = n->params;
    Params to_f32 = {.ew = {.to = DT_F32}};
    if (!op_infer(g, made))
        return false;
    Value *real = real_step(g, n, OP_Cast, &to_f32, sum, NULL);
    Value *scale = scale_product(g, &x, &w, conv ? n->out[0]->shape.rank - 2 : 0);
    Value *bias = conv && n->n_in > 2 ? n->in[2] : NULL;
    if (real && bias) {
        real = real_step(g, n, OP_Mul, NULL, real, scale);
        scale = bias_column(g, n, bias);
    }
    return real && scale &&
           integers_replace(g, n, bias ? OP_Add : OP_Mul, NULL, (Value *[]){real, scale}, 2);
}

bool integers_real(const IntegerSweep *s, Node *n)
{
    if (n->n_epilogue > 0 || n->n_in < 2)
        return false;
    switch (n->op) {
    case OP_Conv:
    case OP_MatMul:
        return conv_or_matmul(s->g, n);
    case OP_Gemm:
        return integers_real_gemm(s->g, n);
    default:
        return false;
    }
}
