/* Import of operators that slide a window: Conv, DeformConv, ConvTranspose and the pools.
 *
 * Each list of the window is optional; those that are given must have the same number of axes,
 * which inference compares with the input's. A kernel that is not given is that of the weight:
 * it stays 0 here. */
#include "frontend/import.h"

static const char *const auto_pads[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER", NULL};

/* Reads one list of `factor` numbers an axis. */
static bool window_list(Importer *im, const Onnx__NodeProto *p, const char *name, Window *w,
                        int64_t *values, int factor)
{
    int count = -1;
    if (!attr_ints(im, p, name, values, factor * MAX_SPATIAL, &count))
        return false;
    if (count < 0)
        return true;
    if (count % factor || count == 0 || (w->n && w->n != count / factor))
        return node_error(im->graph, im->node, "attribute \"%s\" has %d numbers, %d axes need %d",
                          name, count, w->n ? w->n : 1, factor * (w->n ? w->n : 1));
    w->n = count / factor;
    return true;
}

/* Kernel, strides and pads. */
static bool import_kernel(Importer *im, const Onnx__NodeProto *p, Window *w)
{
    int64_t pads[2 * MAX_SPATIAL] = {0};
    for (int i = 0; i < MAX_SPATIAL; i++)
        w->stride[i] = w->dilation[i] = 1;
    if (!window_list(im, p, "kernel_shape", w, w->kernel, 1) ||
        !window_list(im, p, "strides", w, w->stride, 1) || !window_list(im, p, "pads", w, pads, 2))
        return false;
    for (int i = 0; i < w->n; i++) {
        w->pad_begin[i] = pads[i];
        w->pad_end[i] = pads[i + w->n];
    }
    return true;
}

/* The same, with pads that may follow from the input's extents. */
static bool import_window(Importer *im, const Onnx__NodeProto *p, Window *w)
{
    int auto_pad = AUTO_PAD_NOTSET;
    if (!import_kernel(im, p, w) || !attr_word(im, p, "auto_pad", auto_pads, &auto_pad))
        return false;
    w->auto_pad = (AutoPad)auto_pad;
    for (int i = 0; i < w->n && w->auto_pad != AUTO_PAD_NOTSET; i++)
        w->pad_begin[i] = w->pad_end[i] = 0;
    return true;
}

static bool import_output_shape(Importer *im, const Onnx__NodeProto *p, ConvParams *c)
{
    int64_t shape[MAX_SPATIAL + 2];
    int count = -1;
    if (!window_list(im, p, "output_padding", &c->w, c->output_padding, 1) ||
        !attr_ints(im, p, "output_shape", shape, MAX_SPATIAL + 2, &count))
        return false;
    if (count <= 0)
        return true;
    int spatial = im->node->in[0]->shape.rank - 2;
    int skip = count == spatial + 2 ? 2 : 0; /* some exporters write batch and channels, too */
    if (count - skip != spatial || spatial > MAX_SPATIAL)
        return node_error(im->graph, im->node,
                          "attribute \"output_shape\" has %d numbers, the input %d spatial axes",
                          count, spatial);
    c->has_output_shape = true;
    for (int i = 0; i < spatial; i++)
        c->output_shape[i] = shape[i + skip];
    return true;
}

bool import_conv(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    ConvParams *c = &n->params.conv;
    c->group = 1;
    return import_window(im, p, &c->w) && attr_int(im, p, "group", &c->group) &&
           window_list(im, p, "dilations", &c->w, c->w.dilation, 1);
}

/* W [M, C / group, k…] as the weights of a convolution over columns: [M, C / group x taps, 1…];
 * *w gets its kernel. NULL after a message. */
static Value *flat_weight(Importer *im, const Node *n, int64_t group, Window *w)
{
    const Shape *x = &n->in[0]->shape, *s = &n->in[1]->shape;
    int64_t flat[MAX_RANK];
    if (s->rank != x->rank || s->rank < 3 || s->rank > MAX_SPATIAL + 2 || group < 1 ||
        x->dim[1] % group || s->dim[1] != x->dim[1] / group) {
        node_error(im->graph, n, "a weight of shape %s and %lld groups do not fit an input of %s",
                   shape_str(im->arena, s), (long long)group, shape_str(im->arena, x));
        return NULL;
    }
    flat[0] = s->dim[0];
    flat[1] = shape_range_numel(s, 1, s->rank);
    for (int i = 0; i < s->rank - 2; i++) {
        if (w->kernel[i] != 0 && w->kernel[i] != s->dim[i + 2]) {
            node_error(im->graph, n, "kernel_shape says %lld on axis %d, weight has %lld",
                       (long long)w->kernel[i], i, (long long)s->dim[i + 2]);
            return NULL;
        }
        w->kernel[i] = s->dim[i + 2];
        flat[i + 2] = 1;
    }
    w->n = w->n ? w->n : s->rank - 2;
    Value *in[] = {n->in[1], import_const_i64(im, NULL, flat, s->rank)};
    return import_emit(im, OP_Reshape, NULL, in, 2);
}

/* in: X, W, offset, B, mask. */
bool import_deform_conv(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    Params columns = {.conv = {.group = 1}}, over = {.conv = {.group = 1}};
    Window *w = &columns.conv.w, *one = &over.conv.w;
    if (!import_kernel(im, p, w) || !attr_int(im, p, "group", &over.conv.group) ||
        !attr_int(im, p, "offset_group", &columns.conv.group) ||
        !window_list(im, p, "dilations", w, w->dilation, 1))
        return false;
    Value *weight = flat_weight(im, n, over.conv.group, w);
    Value *read[] = {n->in[0], n->in[2], import_has_input(n, 4) ? n->in[4] : NULL};
    Value *x = weight ? import_emit(im, OP_DeformColumns, &columns, read, read[2] ? 3 : 2) : NULL;
    if (x == NULL)
        return false;
    one->n = w->n;
    for (int i = 0; i < MAX_SPATIAL; i++)
        one->kernel[i] = one->stride[i] = one->dilation[i] = 1;
    n->op = OP_Conv;
    n->params = over;
    n->in[0] = x;
    n->in[1] = weight;
    n->in[2] = import_has_input(n, 3) ? n->in[3] : NULL;
    import_keep_inputs(n, n->in[2] ? 3 : 2);
    return true;
}

bool import_conv_transpose(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    return import_conv(im, p, n) && import_output_shape(im, p, &n->params.conv);
}

/* The window, which every pool has. */
static bool import_pool_window(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    PoolParams *c = &n->params.pool;
    if (!attr_present(im, p, "kernel_shape"))
        return node_error(im->graph, n, "attribute \"kernel_shape\" is missing");
    return import_window(im, p, &c->w) &&
           (n->op == OP_MaxUnpool || (window_list(im, p, "dilations", &c->w, c->w.dilation, 1) &&
                                      attr_bool(im, p, "ceil_mode", &c->ceil_mode)));
}

bool import_average_pool(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    return import_pool_window(im, p, n) &&
           attr_bool(im, p, "count_include_pad", &n->params.pool.count_include_pad);
}

bool import_pool(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    PoolParams *c = &n->params.pool;
    int64_t order = 0;
    if (n->op == OP_AveragePool)
        return import_average_pool(im, p, n);
    if (!import_pool_window(im, p, n))
        return false;
    if (n->op == OP_MaxUnpool)
        return true;
    c->p = 2;
    if (n->op == OP_LpPool)
        return attr_int(im, p, "p", &c->p);
    if (!attr_int(im, p, "storage_order", &order))
        return false;
    c->column_major = order == 1;
    return order == 0 || order == 1 ||
           node_error(im->graph, n, "attribute \"storage_order\" is %lld, must be 0 or 1",
                      (long long)order);
}
