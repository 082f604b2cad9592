/* Import of ONNX's quantised operators, and of ONNX Runtime's that have a kernel of their own or
 * are compositions of quantised operators.
 *
 * Comes in: nodes of either domain. Goes out: rows of ONNX where there is one; QLinearConcat,
 * QLinearLeakyRelu, QLinearSigmoid and QLinearSoftmax become DequantizeLinear, the operator on real
 * numbers, QuantizeLinear, which is how ONNX Runtime defines them: passes make integers of that.
 * A layout with channels last becomes a Transpose before and behind. */
#include "frontend/import.h"

#include <string.h>

/* The type that attribute `name` says; 0 stands for none. */
static bool attr_dtype(Importer *im, const Onnx__NodeProto *p, const char *name, DType *t)
{
    int64_t type = 0;
    if (!attr_int(im, p, name, &type))
        return false;
    *t = dtype_from_onnx(type);
    return type == 0 || *t != DT_NONE ||
           node_unsupported(im->graph, im->node, "%s: element type %s", name,
                            onnx_type_refusal(im->arena, type));
}

bool import_quantize(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    QuantParams *q = &n->params.quant;
    bool microsoft = n->op == OP_MsQuantizeLinear || n->op == OP_MsDequantizeLinear;
    int64_t opset = microsoft ? 13 : im->opset;
    DType precision = DT_NONE;
    q->axis = 1;
    if (n->op == OP_MsQuantizeLinear)
        n->op = OP_QuantizeLinear;
    if (n->op == OP_MsDequantizeLinear)
        n->op = OP_DequantizeLinear;
    bool down = n->op == OP_QuantizeLinear;
    if (opset >= 13 && !attr_int(im, p, "axis", &q->axis))
        return false;
    if (opset >= 19 && down)
        attr_ignore(im, p, "saturate"); /* of 8-bit floats only */
    if ((opset >= 21 || microsoft) && !attr_int(im, p, "block_size", &q->block))
        return false;
    if (opset >= (down ? 21 : 23) && !attr_dtype(im, p, "output_dtype", &q->to))
        return false;
    /* Quotients have at least the precision that is asked for. */
    return opset < 23 || !down || attr_dtype(im, p, "precision", &precision);
}

bool import_qgemm(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    GemmParams *g = &n->params.gemm;
    g->alpha = g->beta = 1;
    return attr_float(im, p, "alpha", &g->alpha) && attr_bool(im, p, "transA", &g->trans_a) &&
           attr_bool(im, p, "transB", &g->trans_b);
}

/* ---- pools ---- */

/* The Transpose that moves the channels of `x` from the end to axis 1, or back. */
static Value *move_channels(Importer *im, Value *x, bool to_front)
{
    Params params = {.perm = {.given = true}};
    int rank = x->shape.rank;
    for (int i = 0; i < rank; i++)
        params.perm.perm[i] = i == 0     ? 0
                              : to_front ? (i == 1 ? rank - 1 : i - 1)
                                         : i % (rank - 1) + 1;
    return import_emit(im, OP_Transpose, &params, &x, 1);
}

/* With channels last the node's work is done by a copy between two transposes. */
static bool pool_channels_last(Importer *im, Node *n)
{
    if (n->in[0]->shape.rank < 3)
        return node_error(im->graph, n, "input has %d axes, at least 3 are needed",
                          n->in[0]->shape.rank);
    Value *x = move_channels(im, n->in[0], true);
    if (x == NULL)
        return false;
    n->in[0] = x;
    Value *y = import_emit(im, n->op, &n->params, n->in, n->n_in);
    if (y == NULL)
        return false;
    int rank = y->shape.rank;
    n->op = OP_Transpose;
    n->params = (Params){.perm = {.given = true}};
    for (int i = 0; i < rank; i++)
        n->params.perm.perm[i] = i == 0 ? 0 : i % (rank - 1) + 1;
    n->in[0] = y;
    import_keep_inputs(n, 1);
    return true;
}

bool import_qpool(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    bool channels_last = false;
    if (!attr_bool(im, p, "channels_last", &channels_last) || !import_average_pool(im, p, n))
        return false;
    return !channels_last || pool_channels_last(im, n);
}

/* A window that is the whole image. */
bool import_qglobal_pool(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    bool channels_last = false;
    Window *w = &n->params.pool.w;
    const Shape *x = &n->in[0]->shape;
    if (!attr_bool(im, p, "channels_last", &channels_last))
        return false;
    w->n = x->rank - 2;
    if (w->n < 1 || w->n > MAX_SPATIAL)
        return node_unsupported(im->graph, n, "input has %d axes, 3 to %d are supported", x->rank,
                                MAX_SPATIAL + 2);
    for (int i = 0; i < w->n; i++) {
        w->kernel[i] = x->dim[i + (channels_last ? 1 : 2)];
        w->stride[i] = w->dilation[i] = 1;
    }
    n->op = OP_QLinearAveragePool;
    return !channels_last || pool_channels_last(im, n);
}

/* ---- compositions ---- */

/* Operands `i` (integers), `i` + 1 (scale) and `i` + 2 (zero point) as real numbers. */
static Value *dequantized(Importer *im, const Node *n, int i)
{
    if (!import_has_input(n, i) || !import_has_input(n, i + 1)) {
        node_error(im->graph, n, "input %d is missing", import_has_input(n, i) ? i + 1 : i);
        return NULL;
    }
    bool zero = import_has_input(n, i + 2);
    return import_emit(im, OP_DequantizeLinear, NULL, n->in + i, zero ? 3 : 2);
}

/* `n` becomes the quantisation of `x` with a scale and a zero point (NULL: as `of` has it). */
static bool become_quantize(Importer *im, Node *n, Value *x, Value *scale, Value *zero, DType type)
{
    if (scale == NULL)
        return node_error(im->graph, n, "the scale of the result is missing");
    n->op = OP_QuantizeLinear;
    n->params = (Params){.quant = {.to = zero ? DT_NONE : type}};
    n->n_in = 0;
    node_add_input(im->graph, n, x);
    node_add_input(im->graph, n, scale);
    if (zero)
        node_add_input(im->graph, n, zero);
    return true;
}

static Value *operand(const Node *n, int i)
{
    return import_has_input(n, i) ? n->in[i] : NULL;
}

/* Inputs: scale and zero point of the result, then triples. */
bool import_qconcat(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    static const Params none;
    Params params = none;
    int count = (n->n_in - 2) / 3;
    if (n->n_in < 5 || (n->n_in - 2) % 3 != 0)
        return node_error(im->graph, n, "%d inputs, a scale, a zero point and triples are needed",
                          n->n_in);
    if (!attr_present(im, p, "axis"))
        return node_error(im->graph, n, "attribute \"axis\" is missing");
    if (!attr_int(im, p, "axis", &params.axis.axis))
        return false;
    Value **parts = ARENA_ARRAY(im->arena, Value *, count);
    for (int i = 0; i < count; i++)
        if ((parts[i] = dequantized(im, n, 2 + 3 * i)) == NULL)
            return false;
    Value *joined = import_emit(im, OP_Concat, &params, parts, count);
    return joined && become_quantize(im, n, joined, operand(n, 0), operand(n, 1), n->in[2]->dtype);
}

bool import_qunary(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    static const Params none;
    Params params = none;
    OpKind op = n->op == OP_QLinearSigmoid ? OP_Sigmoid : OP_LeakyRelu;
    int64_t opset = 13;
    if (n->op == OP_QLinearLeakyRelu) {
        params.ew.alpha = (double)0.01F;
        if (!attr_float(im, p, "alpha", &params.ew.alpha))
            return false;
    } else if (n->op == OP_QLinearSoftmax) {
        op = OP_Softmax;
        params.axis.axis = -1;
        if (!attr_present(im, p, "opset"))
            return node_error(im->graph, n, "attribute \"opset\" is missing");
        if (!attr_int(im, p, "axis", &params.axis.axis) || !attr_int(im, p, "opset", &opset))
            return false;
        params.axis.coerce_2d = opset < 13;
    }
    Value *x = dequantized(im, n, 0);
    Value *y = x ? import_emit(im, op, &params, &x, 1) : NULL;
    return y && become_quantize(im, n, y, operand(n, 3), operand(n, 4), n->in[0]->dtype);
}
