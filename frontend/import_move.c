/* Import of operators that move elements, and of shapes as data.
 *
 * From opset 10 (Slice), 11 (Pad) and 13 (Squeeze, Unsqueeze, Split) on, positions and sizes are
 * inputs; inference reads those. What older opsets have as attributes goes to the parameters, or,
 * for Slice, to constants in place of the inputs. */
#include "frontend/import.h"

bool import_concat(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    if (!attr_present(im, p, "axis"))
        return node_error(im->graph, n, "attribute \"axis\" is missing");
    return attr_int(im, p, "axis", &n->params.axis.axis);
}

bool import_flatten(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    n->params.axis.axis = 1;
    return attr_int(im, p, "axis", &n->params.axis.axis);
}

bool import_gather(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    return attr_int(im, p, "axis", &n->params.axis.axis);
}

bool import_squeeze(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    AxisParams *c = &n->params.axis;
    c->n_axes = -1;
    if (im->opset >= 13)
        return true;
    if (n->n_in > 1)
        return node_error(im->graph, n, "2 inputs, opset %lld has the axes as an attribute",
                          (long long)im->opset);
    return attr_ints(im, p, "axes", c->axes, MAX_RANK, &c->n_axes);
}

bool import_reshape(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    if (n->n_in < 2)
        return node_error(im->graph, n, "the shape is missing");
    return im->opset < 14 || attr_bool(im, p, "allowzero", &n->params.shape.allow_zero);
}

bool import_transpose(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    PermParams *c = &n->params.perm;
    int64_t perm[MAX_RANK];
    int count = -1, rank = n->in[0]->shape.rank;
    if (!attr_ints(im, p, "perm", perm, MAX_RANK, &count))
        return false;
    if (count < 0)
        return true;
    c->given = true;
    if (count != rank)
        return node_error(im->graph, n, "attribute \"perm\" has %d numbers, the input %d axes",
                          count, rank);
    for (int i = 0; i < rank; i++) {
        if (perm[i] < 0 || perm[i] >= rank)
            return node_error(im->graph, n, "attribute \"perm\" names axis %lld of %d",
                              (long long)perm[i], rank);
        c->perm[i] = (int)perm[i];
    }
    return true;
}

/* ---- Pad ---- */

static bool import_pad_attrs(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    PadParams *c = &n->params.pad;
    int64_t pads[2 * MAX_RANK];
    int count = -1, rank = n->in[0]->shape.rank;
    if (!attr_ints(im, p, "pads", pads, 2 * MAX_RANK, &count) ||
        !attr_float(im, p, "value", &c->value))
        return false;
    if (count < 0)
        return node_error(im->graph, n, "attribute \"pads\" is missing");
    if (count != 2 * rank)
        return node_error(im->graph, n, "attribute \"pads\" has %d numbers, %d axes need %d", count,
                          rank, 2 * rank);
    for (int i = 0; i < rank; i++) {
        c->begin[i] = pads[i];
        c->end[i] = pads[i + rank];
    }
    return true;
}

bool import_pad(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap", NULL};
    int mode = PAD_CONSTANT;
    if (!attr_word(im, p, "mode", modes, &mode))
        return false;
    n->params.pad.mode = (PadMode)mode;
    if (im->opset < 11 && n->n_in > 1)
        return node_error(im->graph, n, "%d inputs, opset %lld has the pads as an attribute",
                          n->n_in, (long long)im->opset);
    if (im->opset < 11)
        return import_pad_attrs(im, p, n);
    return import_has_input(n, 1) || node_error(im->graph, n, "the pads are missing");
}

/* ---- Slice ---- */

static bool import_slice_attrs(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    static const char *const names[] = {"starts", "ends", "axes"};
    for (int k = 0; k < 3; k++) {
        int64_t list[MAX_RANK];
        int count = -1;
        if (!attr_ints(im, p, names[k], list, MAX_RANK, &count))
            return false;
        if (count < 0 && k < 2)
            return node_error(im->graph, n, "attribute \"%s\" is missing", names[k]);
        if (count >= 0)
            node_add_input(im->graph, n, import_const_i64(im, NULL, list, count));
    }
    return true;
}

bool import_slice(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    if (im->opset < 10 && n->n_in > 1)
        return node_error(im->graph, n, "%d inputs, opset %lld has them as attributes", n->n_in,
                          (long long)im->opset);
    if (im->opset < 10)
        return import_slice_attrs(im, p, n);
    return (import_has_input(n, 1) && import_has_input(n, 2)) ||
           node_error(im->graph, n, "starts or ends are missing");
}

/* ---- Split ---- */

bool import_split(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    SplitParams *c = &n->params.split;
    enum { MAX_SPLIT = sizeof c->sizes / sizeof c->sizes[0] };
    int64_t parts = n->n_out;
    if (!attr_int(im, p, "axis", &c->axis))
        return false;
    if (im->opset < 13)
        return attr_ints(im, p, "split", c->sizes, MAX_SPLIT, &c->n_sizes);
    if (im->opset >= 18 && !attr_int(im, p, "num_outputs", &parts))
        return false;
    return parts == n->n_out ||
           node_error(im->graph, n, "attribute \"num_outputs\" is %lld, the node has %d outputs",
                      (long long)parts, n->n_out);
}

/* ---- shapes as data ---- */

bool import_shape(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    ShapeParams *c = &n->params.shape;
    c->end = INT64_MAX;
    return im->opset < 15 ||
           (attr_int(im, p, "start", &c->start) && attr_int(im, p, "end", &c->end));
}

bool import_constant_of_shape(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    ShapeParams *c = &n->params.shape;
    const Onnx__TensorProto *value = NULL;
    c->dtype = DT_F32;
    if (!attr_tensor(im, p, "value", &value))
        return false;
    if (value == NULL)
        return true;
    const char *what = arena_printf(im->arena, "%s: value", node_label(im->arena, n));
    const Tensor *t = import_tensor(im, value, what);
    if (t == NULL)
        return false;
    if (shape_numel(&t->shape) != 1)
        return node_error(im->graph, n, "attribute \"value\" has shape %s, must be one element",
                          shape_str(im->arena, &t->shape));
    import_note_type(im, n->out[0], value);
    c->dtype = t->dtype;
    c->value_f = tensor_get_f64(t, 0);
    c->value_i = dtype_is_float(t->dtype) ? 0 : tensor_get_i64(t, 0);
    return true;
}

/* ---- Constant: the node goes, its output is the data ---- */

static Tensor *floats_tensor(Importer *im, const float *values, size_t count, int rank)
{
    Shape s = {.rank = rank, .dim = {(int64_t)count}};
    Tensor *t = tensor_new(im->arena, DT_F32, &s);
    for (size_t i = 0; i < count; i++)
        tensor_set_f64(t, (int64_t)i, (double)values[i]);
    return t;
}

static Tensor *ints_tensor(Importer *im, const int64_t *values, size_t count, int rank)
{
    Shape s = {.rank = rank, .dim = {(int64_t)count}};
    Tensor *t = tensor_new(im->arena, DT_I64, &s);
    for (size_t i = 0; i < count; i++)
        tensor_set_i64(t, (int64_t)i, values[i]);
    return t;
}

/* The data, in whichever of the attributes it is, and *value when that is a message of its own;
 * NULL after a message. */
static const Tensor *constant_data(Importer *im, const Onnx__NodeProto *p, const Node *n,
                                   const Onnx__TensorProto **value)
{
    double f = 0;
    int64_t i = 0;
    const float *floats = NULL;
    const int64_t *ints = NULL;
    size_t count = 0;
    if (attr_present(im, p, "value")) {
        const char *what = arena_printf(im->arena, "%s: value", node_label(im->arena, n));
        return attr_tensor(im, p, "value", value) ? import_tensor(im, *value, what) : NULL;
    }
    if (attr_present(im, p, "value_float"))
        return attr_float(im, p, "value_float", &f) ? floats_tensor(im, (float[]){(float)f}, 1, 0)
                                                    : NULL;
    if (attr_present(im, p, "value_int"))
        return attr_int(im, p, "value_int", &i) ? ints_tensor(im, &i, 1, 0) : NULL;
    if (attr_present(im, p, "value_floats"))
        return attr_floats(im, p, "value_floats", &floats, &count)
                   ? floats_tensor(im, floats, count, 1)
                   : NULL;
    if (attr_present(im, p, "value_ints"))
        return attr_int_list(im, p, "value_ints", &ints, &count) ? ints_tensor(im, ints, count, 1)
                                                                 : NULL;
    node_unsupported(im->graph, n, "a constant without a value, or with one of strings or sparse");
    return NULL;
}

bool import_constant(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    const Onnx__TensorProto *value = NULL;
    const Tensor *t = constant_data(im, p, n, &value);
    if (t == NULL)
        return false;
    Value *v = n->out[0];
    if (value)
        import_note_type(im, v, value);
    v->dtype = t->dtype;
    v->shape = t->shape;
    v->constant = t;
    v->def = NULL;
    if (dtype_is_float(t->dtype))
        im->graph->n_parameters += shape_numel(&t->shape);
    n->dead = true;
    return true;
}
