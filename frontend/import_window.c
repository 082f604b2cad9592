/* Import of operators that slide a window: Conv, ConvTranspose and the pools.
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

static bool import_window(Importer *im, const Onnx__NodeProto *p, Window *w)
{
    int64_t pads[2 * MAX_SPATIAL] = {0};
    int auto_pad = AUTO_PAD_NOTSET;
    for (int i = 0; i < MAX_SPATIAL; i++)
        w->stride[i] = w->dilation[i] = 1;
    if (!window_list(im, p, "kernel_shape", w, w->kernel, 1) ||
        !window_list(im, p, "strides", w, w->stride, 1) ||
        !window_list(im, p, "pads", w, pads, 2) ||
        !attr_word(im, p, "auto_pad", auto_pads, &auto_pad))
        return false;
    w->auto_pad = (AutoPad)auto_pad;
    for (int i = 0; i < w->n && w->auto_pad == AUTO_PAD_NOTSET; i++) {
        w->pad_begin[i] = pads[i];
        w->pad_end[i] = pads[i + w->n];
    }
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
