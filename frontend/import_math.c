/* Import of products and normalisations. */
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

/* spatial = 0, before opset 9: statistics of each element behind the batch, (x - mean) * (scale /
 * sqrt(variance + epsilon)) + bias. */
static bool import_element_norm(Importer *im, Node *n)
{
    static const Shape scalar;
    Tensor *t = tensor_new(im->arena, n->in[0]->dtype, &scalar);
    tensor_set_f64(t, 0, n->params.norm.epsilon);
    Value *epsilon = graph_constant(im->graph, NULL, t), *bias = n->in[2];
    Value *around = import_emit(im, OP_Sub, NULL, (Value *[]){n->in[0], n->in[3]}, 2);
    Value *above = import_emit(im, OP_Add, NULL, (Value *[]){n->in[4], epsilon}, 2);
    Value *spread = above ? import_emit(im, OP_Sqrt, NULL, &above, 1) : NULL;
    Value *factor = spread ? import_emit(im, OP_Div, NULL, (Value *[]){n->in[1], spread}, 2) : NULL;
    if (around == NULL || factor == NULL)
        return false;
    n->in[0] = import_emit(im, OP_Mul, NULL, (Value *[]){around, factor}, 2);
    n->in[1] = bias;
    n->op = OP_Add;
    n->params = (Params){0};
    import_keep_inputs(n, 2);
    return n->in[0] != NULL;
}

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
    if (training)
        return node_unsupported(im->graph, n, "training mode is not supported");
    return spatial || n->in[0]->shape.rank <= 2 || import_element_norm(im, n);
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

/* ---- Dropout: nothing happens to the data when a network is only used ---- */

/* Whether input i is there and known to be zero. */
static bool is_zero_input(const Node *n, int i)
{
    const Tensor *t = import_has_input(n, i) ? n->in[i]->constant : NULL;
    return t && shape_numel(&t->shape) == 1 && tensor_get_f64(t, 0) == 0;
}

/* In training mode, which some exporters leave on, a ratio of 0 drops nothing either. */
static bool check_not_training(Importer *im, const Node *n)
{
    if (!import_has_input(n, 2) || is_zero_input(n, 2) || is_zero_input(n, 1))
        return true;
    return node_unsupported(im->graph, n, "training mode is not supported");
}

static bool fill_mask(Importer *im, const Node *n)
{
    Value *mask = n->out[1];
    mask->dtype = im->opset < 10 ? n->in[0]->dtype : DT_BOOL;
    mask->shape = n->in[0]->shape;
    mask->def = NULL;
    if (!import_check_made(im, n, mask->dtype, &mask->shape))
        return false;
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
    if (im->opset < 7) /* exporters of that time leave it at 0, whatever they mean */
        attr_ignore(im, p, "is_test");
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
