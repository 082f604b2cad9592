/* Import of products, normalisations and elementwise operators. */
#include "frontend/import.h"

#include <math.h>
#include <string.h>

bool import_none(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    (void)im;
    (void)p;
    (void)n;
    return true;
}

bool import_gemm(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    GemmParams *g = &n->params.gemm;
    g->alpha = g->beta = 1;
    if (im->opset < 7)
        attr_ignore(im, p, "broadcast"); /* what the shapes say, too */
    return attr_float(im, p, "alpha", &g->alpha) && attr_float(im, p, "beta", &g->beta) &&
           attr_bool(im, p, "transA", &g->trans_a) && attr_bool(im, p, "transB", &g->trans_b);
}

/* ---- normalisation ---- */

bool import_batch_norm(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    NormParams *c = &n->params.norm;
    bool spatial = true, training = false, is_test = false;
    c->epsilon = (double)1e-5F;
    attr_ignore(im, p, "momentum");
    if (!attr_float(im, p, "epsilon", &c->epsilon))
        return false;
    if (im->opset < 9 && !attr_bool(im, p, "spatial", &spatial))
        return false;
    if (im->opset < 7 && !attr_bool(im, p, "is_test", &is_test))
        return false;
    training = im->opset < 7 && !is_test;
    if (im->opset >= 14 && !attr_bool(im, p, "training_mode", &training))
        return false;
    if (!spatial)
        return node_unsupported(im->graph, n, "spatial = 0 is not supported");
    return !training || node_unsupported(im->graph, n, "training mode is not supported");
}

bool import_lrn(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    NormParams *c = &n->params.norm;
    c->alpha = (double)1e-4F;
    c->beta = 0.75;
    c->bias = 1;
    if (!attr_present(im, p, "size"))
        return node_error(im->graph, n, "attribute \"size\" is missing");
    return attr_int(im, p, "size", &c->size) && attr_float(im, p, "alpha", &c->alpha) &&
           attr_float(im, p, "beta", &c->beta) && attr_float(im, p, "bias", &c->bias);
}

/* Before opset 13 the input is seen as a matrix, cut before the axis (which is 1 by default). */
bool import_softmax(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    AxisParams *c = &n->params.axis;
    c->coerce_2d = im->opset < 13;
    c->axis = c->coerce_2d ? 1 : -1;
    return attr_int(im, p, "axis", &c->axis);
}

/* ---- elementwise, one operand ---- */

/* The float attributes of the activations; NULL: the operator has no such attribute. */
typedef struct Activation {
    OpKind op;
    const char *alpha, *beta, *gamma;
    double alpha_default, beta_default, gamma_default;
} Activation;

static const Activation activations[] = {
    {OP_LeakyRelu, "alpha", NULL, NULL, (double)0.01F, 0, 0},
    {OP_Elu, "alpha", NULL, NULL, 1, 0, 0},
    {OP_Celu, "alpha", NULL, NULL, 1, 0, 0},
    {OP_ThresholdedRelu, "alpha", NULL, NULL, 1, 0, 0},
    {OP_Selu, "alpha", NULL, "gamma", (double)1.67326319217681884765625F, 0,
     (double)1.05070102214813232421875F},
    {OP_HardSigmoid, "alpha", "beta", NULL, (double)0.2F, 0.5, 0},
};

static bool import_activation(Importer *im, const Onnx__NodeProto *p, const Activation *a,
                              EwParams *c)
{
    c->alpha = a->alpha_default;
    c->beta = a->beta_default;
    c->gamma = a->gamma_default;
    return (a->alpha == NULL || attr_float(im, p, a->alpha, &c->alpha)) &&
           (a->beta == NULL || attr_float(im, p, a->beta, &c->beta)) &&
           (a->gamma == NULL || attr_float(im, p, a->gamma, &c->gamma));
}

/* Moves a constant bound from input `i` to *bound; 64-bit integers stay exact where they are. */
static void take_bound(Node *n, int i, double *bound)
{
    if (!import_has_input(n, i) || n->in[i]->constant == NULL)
        return;
    const Tensor *t = n->in[i]->constant;
    if (shape_numel(&t->shape) != 1 || t->dtype != n->in[0]->dtype || t->dtype == DT_I64 ||
        t->dtype == DT_U64)
        return;
    *bound = tensor_get_f64(t, 0);
    n->in[i] = NULL;
}

static bool import_clip(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    EwParams *c = &n->params.ew;
    c->alpha = -INFINITY;
    c->beta = INFINITY;
    if (im->opset < 11)
        return attr_float(im, p, "min", &c->alpha) && attr_float(im, p, "max", &c->beta);
    take_bound(n, 1, &c->alpha);
    take_bound(n, 2, &c->beta);
    while (n->n_in > 1 && n->in[n->n_in - 1] == NULL)
        n->n_in--;
    return true;
}

bool import_ew(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    static const char *const gelu_forms[] = {"none", "tanh", NULL};
    EwParams *c = &n->params.ew;
    if (n->op == OP_Clip)
        return import_clip(im, p, n);
    if (n->op == OP_Gelu)
        return attr_word(im, p, "approximate", gelu_forms, &c->mode);
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++)
        if (activations[i].op == n->op)
            return import_activation(im, p, &activations[i], c);
    return true;
}

bool import_cast(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    int64_t to = 0;
    attr_ignore(im, p, "saturate");
    attr_ignore(im, p, "round_mode");
    if (!attr_int(im, p, "to", &to))
        return false;
    n->params.ew.to = to > 0 && to < INT32_MAX ? dtype_from_onnx((int32_t)to) : DT_NONE;
    return n->params.ew.to != DT_NONE ||
           node_unsupported(im->graph, n, "casting to element type %lld of ONNX is not supported",
                            (long long)to);
}

/* ---- Dropout: nothing happens to the data when a network is only used ---- */

static bool check_not_training(Importer *im, const Node *n)
{
    if (!import_has_input(n, 2))
        return true;
    const Tensor *t = n->in[2]->constant;
    if (t == NULL || shape_numel(&t->shape) != 1 || tensor_get_i64(t, 0) != 0)
        return node_unsupported(im->graph, n, "training mode is not supported");
    return true;
}

static bool fill_mask(Importer *im, const Node *n)
{
    Value *mask = n->out[1];
    mask->dtype = im->opset < 10 ? n->in[0]->dtype : DT_BOOL;
    mask->shape = n->in[0]->shape;
    mask->def = NULL;
    Tensor *t = tensor_new(im->arena, mask->dtype, &mask->shape);
    int64_t numel = shape_numel(&mask->shape);
    for (int64_t i = 0; i < numel; i++)
        tensor_set_f64(t, i, 1);
    mask->constant = t;
    return true;
}

bool import_dropout(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    attr_ignore(im, p, "ratio");
    attr_ignore(im, p, "seed");
    if (!check_not_training(im, n))
        return false;
    if (n->n_out > 1 && n->out[1] && !fill_mask(im, n))
        return false;
    if (n->out[0] == NULL)
        return node_error(im->graph, n, "the first output is missing");
    import_keep_inputs(n, 1);
    n->op = OP_Identity;
    n->n_out = 1;
    return true;
}

/* ---- elementwise, several operands ---- */

/* Before opset 7 the second operand was aligned with the first from axis `axis` on. Only the
 * alignment at the end, the default, is today's. */
bool import_binary(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    if (im->opset >= 7)
        return true;
    int64_t last = (int64_t)n->in[0]->shape.rank - n->in[1]->shape.rank, axis = last;
    attr_ignore(im, p, "broadcast");
    if (!attr_int(im, p, "axis", &axis))
        return false;
    return axis == last || axis == -n->in[1]->shape.rank ||
           node_unsupported(im->graph, n, "broadcasting from axis %lld is not supported",
                            (long long)axis);
}

/* Before opset 7 a row of slopes was one a channel, not one a column. */
bool import_prelu(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    (void)p;
    Params params = {0};
    int rank = n->in[0]->shape.rank;
    if (im->opset >= 7 || n->in[1]->shape.rank != 1 || rank < 3)
        return true;
    for (int i = 2; i < rank; i++)
        params.axis.axes[params.axis.n_axes++] = i - 1;
    n->in[1] = import_emit(im, OP_Unsqueeze, &params, &n->in[1], 1);
    return n->in[1] != NULL;
}

/* The divisor of Mean: a scalar of the operands' type. */
static Value *count_constant(Importer *im, DType dtype, int count)
{
    static const Shape scalar;
    Tensor *t = tensor_new(im->arena, dtype, &scalar);
    tensor_set_f64(t, 0, count);
    return graph_constant(im->graph, NULL, t);
}

/* A row of operands becomes a chain of two-operand nodes; the last one is the node itself. */
bool import_variadic(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    (void)p;
    bool mean = n->op == OP_Mean;
    OpKind op = mean || n->op == OP_Sum ? OP_Add : n->op;
    int count = n->n_in;
    for (int i = 0; i < count; i++)
        if (n->in[i] == NULL)
            return node_error(im->graph, n, "input %d is missing", i);
    Value *sum = n->in[0];
    for (int i = 1; i < count - (mean ? 0 : 1); i++) {
        sum = import_emit(im, op, NULL, (Value *[]){sum, n->in[i]}, 2);
        if (sum == NULL)
            return false;
    }
    n->in[0] = sum;
    n->op = count == 1 ? OP_Identity : mean ? OP_Div : op;
    if (count > 1)
        n->in[1] = mean ? count_constant(im, sum->dtype, count) : n->in[count - 1];
    import_keep_inputs(n, count > 1 ? 2 : 1);
    return true;
}
