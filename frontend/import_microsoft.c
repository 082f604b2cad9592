/* Import of ONNX Runtime's fused operators on real numbers, and of its dynamically quantised
 * products: they become the operators that they were fused from, which passes fuse in our way.
 *
 * Comes in: a node of the domain com.microsoft. Goes out: nodes of ONNX; the last one is the node
 * itself. */
#include "frontend/import.h"

#include <math.h>
#include <string.h>

/* `n` becomes `op` of one or two operands. */
static bool become(Importer *im, Node *n, OpKind op, Params params, Value *x, Value *y)
{
    n->op = op;
    n->params = params;
    n->n_in = 0;
    node_add_input(im->graph, n, x);
    if (y)
        node_add_input(im->graph, n, y);
    return true;
}

/* ---- activations ---- */

/* What the parameters of an activation are, and their defaults. */
typedef struct Activation {
    const char *name;
    OpKind op;
    size_t n; /* parameters */
    double alpha, beta;
} Activation;

static const Activation activations[] = {
    {"", OP_Identity, 0, 0, 0},
    {"Relu", OP_Relu, 0, 0, 0},
    {"Sigmoid", OP_Sigmoid, 0, 0, 0},
    {"Tanh", OP_Tanh, 0, 0, 0},
    {"LeakyRelu", OP_LeakyRelu, 1, (double)0.01F, 0},
    {"Clip", OP_Clip, 2, (double)-3.402823466e+38F, (double)3.402823466e+38F},
    {"HardSigmoid", OP_HardSigmoid, 2, (double)0.2F, 0.5},
    {"HardSwish", OP_HardSwish, 0, 0, 0},
    {"Elu", OP_Elu, 1, 1, 0},
    {"Softplus", OP_Softplus, 0, 0, 0},
    {"Softsign", OP_Softsign, 0, 0, 0},
    {"ThresholdedRelu", OP_ThresholdedRelu, 1, 1, 0},
};

/* The attribute "activation", and its parameters' defaults; NULL after a message. */
static const Activation *find_activation(Importer *im, const Onnx__NodeProto *p, Params *params)
{
    const char *name = "";
    *params = (Params){0};
    if (!attr_string(im, p, "activation", &name))
        return NULL;
    for (size_t i = 0; i < sizeof activations / sizeof activations[0]; i++)
        if (strcmp(activations[i].name, name) == 0) {
            params->ew.alpha = activations[i].alpha;
            params->ew.beta = activations[i].beta;
            return &activations[i];
        }
    node_unsupported(im->graph, im->node, "activation \"%s\" is not supported", name);
    return NULL;
}

/* The parameters of FusedConv's activation: none, or all. */
static bool activation_params(Importer *im, const Onnx__NodeProto *p, const Activation *a,
                              Params *params)
{
    const float *numbers = NULL;
    size_t count = 0;
    if (!attr_floats(im, p, "activation_params", &numbers, &count))
        return false;
    if (count != 0 && count != a->n)
        return node_error(im->graph, im->node,
                          "attribute \"activation_params\" has %zu numbers, \"%s\" has %zu", count,
                          a->name, a->n);
    if (count > 0)
        params->ew.alpha = (double)numbers[0];
    if (count > 1)
        params->ew.beta = (double)numbers[1];
    return true;
}

/* `n` becomes the activation of `x`, or a copy of it. */
static bool become_activation(Importer *im, Node *n, const Activation *a, Params params, Value *x)
{
    return x && become(im, n, a->op, params, x, NULL);
}

/* Conv, then the addition of Z, then the activation. */
bool import_fused_conv(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    Params params;
    const Activation *a = find_activation(im, p, &params);
    if (a == NULL || !import_conv(im, p, n) || !activation_params(im, p, a, &params))
        return false;
    bool bias = import_has_input(n, 2);
    Value *y = import_emit(im, OP_Conv, &n->params, n->in, bias ? 3 : 2);
    if (y && import_has_input(n, 3))
        y = import_emit(im, OP_Add, NULL, (Value *[]){y, n->in[3]}, 2);
    return become_activation(im, n, a, params, y);
}

bool import_fused_gemm(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    Params params;
    const Activation *a = find_activation(im, p, &params);
    if (a == NULL || !import_gemm(im, p, n) ||
        !attr_float(im, p, "activation_alpha", &params.ew.alpha) ||
        !attr_float(im, p, "activation_beta", &params.ew.beta) ||
        !attr_float(im, p, "activation_gamma", &params.ew.gamma))
        return false;
    Value *y = import_emit(im, OP_Gemm, &n->params, n->in, n->n_in);
    return become_activation(im, n, a, params, y);
}

/* ---- FusedMatMul: alpha * A' * B' ---- */

/* The factor with its last two axes exchanged, or, with `batch`, its batch axes
 * (all but the last two and one more) moved from behind the first matrix axis to the front. */
static Value *transposed(Importer *im, Value *x, bool trans, bool batch)
{
    Params params = {.perm = {.given = true}};
    int rank = x->shape.rank, *perm = params.perm.perm;
    if (rank < 2 || (!trans && !batch))
        return x;
    for (int i = 0; i < rank; i++)
        perm[i] = i;
    if (batch) { /* the matrix has axes 0 and rank - 1, the batch those in between */
        for (int i = 0; i < rank - 2; i++)
            perm[i] = i + 1;
        perm[rank - 2] = 0;
    }
    if (trans) {
        int last = perm[rank - 1];
        perm[rank - 1] = perm[rank - 2];
        perm[rank - 2] = last;
    }
    return import_emit(im, OP_Transpose, &params, &x, 1);
}

static Value *number(Importer *im, DType t, double value)
{
    static const Shape scalar;
    Tensor *tensor = tensor_new(im->arena, t, &scalar);
    tensor_set_f64(tensor, 0, value);
    return graph_constant(im->graph, NULL, tensor);
}

bool import_fused_matmul(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    double alpha = 1;
    bool trans[2] = {false, false}, batch[2] = {false, false};
    if (!attr_float(im, p, "alpha", &alpha) || !attr_bool(im, p, "transA", &trans[0]) ||
        !attr_bool(im, p, "transB", &trans[1]) || !attr_bool(im, p, "transBatchA", &batch[0]) ||
        !attr_bool(im, p, "transBatchB", &batch[1]))
        return false;
    Value *factor[2];
    for (int i = 0; i < 2; i++)
        if ((factor[i] = transposed(im, n->in[i], trans[i], batch[i])) == NULL)
            return false;
    static const Params none;
    if (alpha == 1)
        return become(im, n, OP_MatMul, none, factor[0], factor[1]);
    Value *y = import_emit(im, OP_MatMul, NULL, factor, 2);
    return y && become(im, n, OP_Mul, none, y, number(im, y->dtype, alpha));
}

/* ---- products that are quantised at run time ---- */

/* `n` becomes (A - za)(B - zb) * (sa * sb) + bias; the zero points and the bias may be NULL. */
static bool become_product(Importer *im, Node *n, Value *const in[4], Value *const scale[2],
                           Value *bias)
{
    static const Params none;
    Params to_float = {.ew = {.to = DT_F32}};
    Value *sum = import_emit(im, OP_MatMulInteger, NULL, in, 4);
    Value *real = sum ? import_emit(im, OP_Cast, &to_float, &sum, 1) : NULL;
    Value *factor = real ? import_emit(im, OP_Mul, NULL, scale, 2) : NULL;
    if (factor == NULL)
        return false;
    if (bias == NULL)
        return become(im, n, OP_Mul, none, real, factor);
    Value *y = import_emit(im, OP_Mul, NULL, (Value *[]){real, factor}, 2);
    return y && become(im, n, OP_Add, none, y, bias);
}

static Value *operand(const Node *n, int i)
{
    return import_has_input(n, i) ? n->in[i] : NULL;
}

bool import_matmul_to_float(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    (void)p;
    Value *in[4] = {n->in[0], n->in[1], operand(n, 4), operand(n, 5)};
    Value *scale[2] = {n->in[2], n->in[3]};
    return become_product(im, n, in, scale, operand(n, 6));
}

/* A is quantised by DynamicQuantizeLinear. */
bool import_dynamic_matmul(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    (void)p;
    static const Shape scalar;
    Value *out[3];
    for (int i = 0; i < 3; i++)
        out[i] = graph_value(im->graph, NULL, DT_NONE, &scalar);
    Node *q = graph_node_before(im->graph, n, OP_DynamicQuantizeLinear, NULL, n->in, 1, out, 3);
    q->id = n->id;
    if (!import_finish(im, q))
        return false;
    Value *in[4] = {out[0], n->in[1], out[2], operand(n, 3)};
    Value *scale[2] = {out[1], n->in[2]};
    return become_product(im, n, in, scale, operand(n, 4));
}
