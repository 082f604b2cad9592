/* Import of elementwise operators.
 *
 * In: nodes of any opset. Out: their attributes in EwParams. Bounds of Clip that are constants
 * become parameters; operands that were aligned by an axis (before opset 7) get axes of extent 1;
 * Sum, Mean, Min, Max of many operands become chains of two; CastLike becomes Cast; an exponent of
 * Pow gets the type of a floating-point base. */
#include "frontend/import.h"

#include <math.h>

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
    {OP_Shrink, "lambd", "bias", NULL, 0.5, 0, 0},
    {OP_Swish, "alpha", NULL, NULL, 1, 0, 0},
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
    n->params.ew.to = dtype_from_onnx(to);
    return n->params.ew.to != DT_NONE ||
           node_unsupported(im->graph, n, "casting to element type %s",
                            onnx_type_refusal(im->arena, to));
}

bool import_bit_cast(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    int64_t to = 0;
    if (!attr_int(im, p, "to", &to))
        return false;
    n->params.ew.to = dtype_from_onnx(to);
    return n->params.ew.to != DT_NONE ||
           node_unsupported(im->graph, n, "taking bits for element type %s",
                            onnx_type_refusal(im->arena, to));
}

/* Only the element type of the second operand counts. */
bool import_cast_like(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    attr_ignore(im, p, "saturate");
    attr_ignore(im, p, "round_mode");
    n->op = OP_Cast;
    n->params.ew.to = n->in[1]->dtype;
    import_keep_inputs(n, 1);
    return true;
}

bool import_is_inf(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    bool negative = true, positive = true;
    if (!attr_bool(im, p, "detect_negative", &negative) ||
        !attr_bool(im, p, "detect_positive", &positive))
        return false;
    n->params.ew.mode = (negative ? 1 : 0) + (positive ? 2 : 0);
    return true;
}

/* ---- elementwise, several operands ---- */

/* Appends `count` axes of extent 1 to operand `i`. */
static bool append_axes(Importer *im, Node *n, int i, int count)
{
    Params params = {0};
    AxisParams *axis = &params.axis;
    while (axis->n_axes < count) {
        axis->axes[axis->n_axes] = n->in[i]->shape.rank + axis->n_axes;
        axis->n_axes++;
    }
    n->in[i] = import_emit(im, OP_Unsqueeze, &params, &n->in[i], 1);
    return n->in[i] != NULL;
}

/* Before opset 7 the second operand was aligned with the first from axis `axis` on, and not at the
 * end. */
bool import_binary(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    if (im->opset >= 7)
        return true;
    int64_t rank = n->in[0]->shape.rank, own = n->in[1]->shape.rank, axis = rank - own;
    attr_ignore(im, p, "broadcast");
    if (!attr_int(im, p, "axis", &axis))
        return false;
    if (axis < 0)
        axis += rank;
    if (axis < 0 || axis > rank - own)
        return node_error(im->graph, n, "axis %lld does not fit %lld and %lld axes",
                          (long long)axis, (long long)rank, (long long)own);
    return axis == rank - own || append_axes(im, n, 1, (int)(rank - own - axis));
}

/* A floating-point base takes the exponent in its own type. */
bool import_pow(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    if (!import_binary(im, p, n))
        return false;
    DType base = n->in[0]->dtype;
    if (!dtype_is_float(base) || n->in[1]->dtype == base)
        return true;
    Params params = {.ew.to = base};
    n->in[1] = import_emit(im, OP_Cast, &params, &n->in[1], 1);
    return n->in[1] != NULL;
}

bool import_bit_shift(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    static const char *const directions[] = {"LEFT", "RIGHT", NULL};
    if (!attr_present(im, p, "direction"))
        return node_error(im->graph, n, "attribute \"direction\" is missing");
    return attr_word(im, p, "direction", directions, &n->params.ew.mode);
}

bool import_mod(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    bool fmod = false;
    if (!attr_bool(im, p, "fmod", &fmod))
        return false;
    n->params.ew.mode = fmod;
    return true;
}

/* Before opset 7 a row of slopes was one a channel, not one a column. */
bool import_prelu(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    (void)p;
    int rank = n->in[0]->shape.rank;
    if (im->opset >= 7 || n->in[1]->shape.rank != 1 || rank < 3)
        return true;
    return append_axes(im, n, 1, rank - 2);
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
