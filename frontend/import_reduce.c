/* Import of reductions, of operators along one axis, of the normalisations that work line by line,
 * of sums of products and of spectra.
 *
 * The axes of ReduceSum (from opset 13 on) and of the other reductions (from 18 on) are an input,
 * which inference reads; before that they are an attribute. k of TopK (from 10 on) and the axis of
 * CumSum and CumProd are inputs, too. */
#include "frontend/import.h"

/* The float that ONNX's schemas write as 1e-05. */
static const double default_epsilon = (double)1e-5F;

bool import_reduce(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    ReduceParams *c = &n->params.reduce;
    bool as_input = im->opset >= (n->op == OP_ReduceSum ? 13 : 18);
    bool mean_variance = n->op == OP_MeanVarianceNormalization;
    c->n_axes = -1;
    c->keepdims = true;
    if (mean_variance) {
        c->n_axes = 3;
        c->axes[0] = 0;
        c->axes[1] = 2;
        c->axes[2] = 3;
    }
    if (!mean_variance && !attr_bool(im, p, "keepdims", &c->keepdims))
        return false;
    if (!mean_variance && as_input)
        return attr_bool(im, p, "noop_with_empty_axes", &c->noop);
    if (n->n_in > 1)
        return node_error(im->graph, n, "2 inputs, opset %lld has the axes as an attribute",
                          (long long)im->opset);
    return attr_ints(im, p, "axes", c->axes, MAX_RANK, &c->n_axes);
}

bool import_arg(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    LineParams *c = &n->params.line;
    c->keepdims = true;
    return attr_int(im, p, "axis", &c->axis) && attr_bool(im, p, "keepdims", &c->keepdims) &&
           attr_bool(im, p, "select_last_index", &c->last);
}

bool import_lp_norm(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    LineParams *c = &n->params.line;
    c->axis = -1;
    c->p = 2;
    return attr_int(im, p, "axis", &c->axis) && attr_int(im, p, "p", &c->p);
}

/* Before opset 2, p was a float. */
bool import_global_lp_pool(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    n->params.pool.p = 2;
    return attr_int(im, p, "p", &n->params.pool.p);
}

bool import_cumulate(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    LineParams *c = &n->params.line;
    return attr_bool(im, p, "exclusive", &c->exclusive) && attr_bool(im, p, "reverse", &c->reverse);
}

bool import_topk(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    LineParams *c = &n->params.line;
    c->axis = -1;
    c->largest = c->sorted = true;
    if (!attr_int(im, p, "axis", &c->axis))
        return false;
    if (im->opset >= 10)
        return attr_bool(im, p, "largest", &c->largest) && attr_bool(im, p, "sorted", &c->sorted) &&
               (import_has_input(n, 1) || node_error(im->graph, n, "k is missing"));
    if (n->n_in > 1 || !attr_present(im, p, "k"))
        return node_error(im->graph, n, "opset %lld has k as an attribute, which is %s",
                          (long long)im->opset, n->n_in > 1 ? "an input here" : "missing");
    return attr_int(im, p, "k", &c->k);
}

/* ---- normalisations ---- */

/* The scale of GroupNormalization had one number a group in opset 18, one a channel from 21 on;
 * inference takes both. */
bool import_lines_norm(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    NormParams *c = &n->params.norm;
    int64_t stash = 1;
    c->epsilon = default_epsilon;
    c->axis = -1;
    if (!attr_float(im, p, "epsilon", &c->epsilon))
        return false;
    if (n->op == OP_InstanceNormalization)
        return true;
    if (n->op == OP_GroupNormalization) {
        if (im->opset >= 21)
            attr_ignore(im, p, "stash_type");
        if (!attr_present(im, p, "num_groups"))
            return node_error(im->graph, n, "attribute \"num_groups\" is missing");
        return attr_int(im, p, "num_groups", &c->groups);
    }
    if (!attr_int(im, p, "axis", &c->axis) || !attr_int(im, p, "stash_type", &stash))
        return false;
    c->stash = dtype_from_onnx(stash);
    return dtype_is_float(c->stash) ||
           node_error(im->graph, n, "stash_type %lld is no floating-point type", (long long)stash);
}

/* ---- sums of products, spectra ---- */

bool import_einsum(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    if (!attr_present(im, p, "equation"))
        return node_error(im->graph, n, "attribute \"equation\" is missing");
    return attr_string(im, p, "equation", &n->params.einsum.equation);
}

/* The axis of DFT is an attribute up to opset 19 (1 by default), then an input (-2). */
bool import_dft(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    SpectrumParams *c = &n->params.spectrum;
    if (n->op == OP_STFT) {
        c->onesided = true;
        return attr_bool(im, p, "onesided", &c->onesided);
    }
    c->axis = im->opset >= 20 ? -2 : 1;
    if (im->opset < 20 && n->n_in > 2)
        return node_error(im->graph, n, "3 inputs, opset %lld has the axis as an attribute",
                          (long long)im->opset);
    return (im->opset >= 20 || attr_int(im, p, "axis", &c->axis)) &&
           attr_bool(im, p, "onesided", &c->onesided) && attr_bool(im, p, "inverse", &c->inverse);
}

/* MelWeightMatrix and the window functions. */
bool import_spectrum_table(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    SpectrumParams *c = &n->params.spectrum;
    int64_t type = 1;
    c->periodic = true;
    if (!attr_int(im, p, "output_datatype", &type))
        return false;
    if (n->op != OP_MelWeightMatrix && !attr_bool(im, p, "periodic", &c->periodic))
        return false;
    c->dtype = dtype_from_onnx(type);
    return (c->dtype != DT_NONE && c->dtype != DT_BOOL) ||
           node_error(im->graph, n, "output_datatype %lld is no type of numbers", (long long)type);
}
