/* Inference of sliding windows: Conv, ConvTranspose, the pools and MaxUnpool.
 *
 * Comes in: NC… operands and the attributes as the model has them. Goes out: output shapes and
 * final windows: every axis has kernel, stride, dilation and pads as numbers, auto_pad is NOTSET.
 * Holds: kernel, stride, dilation >= 1 and pads >= 0, all below 2^30, and extents below 2^58, so
 * that sums of a few products of two of them stay inside int64_t. */
#include "ir/infer.h"

#include "ir/ops.h"

static const int64_t max_window = INT64_C(1) << 30;

static bool check_range(Graph *g, const Node *n, const char *what, int64_t value, int64_t least)
{
    if (value >= least && value <= max_window)
        return true;
    return node_error(g, n, "%s %lld is out of range", what, (long long)value);
}

/* A window nobody described: kernel 1, stride 1, no pads. */
static void fill_defaults(Window *w, int first, int last)
{
    for (int i = first; i < last; i++) {
        w->kernel[i] = w->stride[i] = w->dilation[i] = 1;
        w->pad_begin[i] = w->pad_end[i] = 0;
    }
}

bool infer_window(Graph *g, const Node *n, Window *w)
{
    if (!infer_require_rank(g, n, 3))
        return false;
    int spatial = n->in[0]->shape.rank - 2;
    if (spatial > MAX_SPATIAL)
        return node_unsupported(g, n, "input has %d spatial axes, at most %d are supported",
                                spatial, (int)MAX_SPATIAL);
    if (w->n == 0) {
        fill_defaults(w, 0, spatial);
        w->n = spatial;
    }
    if (w->n != spatial)
        return node_error(g, n, "kernel has %d axes, input has %d spatial axes", w->n, spatial);
    for (int i = 0; i < spatial; i++)
        if (!check_range(g, n, "kernel extent", w->kernel[i], 1) ||
            !check_range(g, n, "stride", w->stride[i], 1) ||
            !check_range(g, n, "dilation", w->dilation[i], 1) ||
            !check_range(g, n, "pad", w->pad_begin[i], 0) ||
            !check_range(g, n, "pad", w->pad_end[i], 0))
            return false;
    fill_defaults(w, spatial, MAX_SPATIAL);
    return true;
}

/* Extent of input that one window covers. */
static int64_t reach(const Window *w, int i)
{
    return (w->kernel[i] - 1) * w->dilation[i] + 1;
}

static void split_pad(Window *w, int i, int64_t total, bool more_at_end)
{
    w->pad_begin[i] = more_at_end ? total / 2 : total - total / 2;
    w->pad_end[i] = total - w->pad_begin[i];
}

void infer_auto_pad(Window *w, const int64_t *in)
{
    if (w->auto_pad == AUTO_PAD_NOTSET)
        return;
    for (int i = 0; i < w->n; i++) {
        int64_t total = 0;
        if (w->auto_pad != AUTO_PAD_VALID)
            total = (ceil_div(in[i], w->stride[i]) - 1) * w->stride[i] + reach(w, i) - in[i];
        split_pad(w, i, total > 0 ? total : 0, w->auto_pad == AUTO_PAD_SAME_UPPER);
    }
    w->auto_pad = AUTO_PAD_NOTSET;
}

/* Windows that fit into the padded extent; in ceil mode also a last one that starts inside the
 * input or the left padding but reaches over the end (the rule of ONNX and PyTorch). */
static bool window_count(Graph *g, const Node *n, const Window *w, int i, int64_t in, bool ceil,
                         int64_t *count)
{
    int64_t padded = in + w->pad_begin[i] + w->pad_end[i];
    if (padded < reach(w, i))
        return node_error(g, n, "window covers %lld elements of axis %d, the padded input has %lld",
                          (long long)reach(w, i), i + 2, (long long)padded);
    int64_t room = padded - reach(w, i), s = w->stride[i];
    *count = (ceil ? ceil_div(room, s) : room / s) + 1;
    if (ceil && (*count - 1) * s >= in + w->pad_begin[i])
        (*count)--;
    return true;
}

/* ---- Conv ---- */

/* The kernel's extents: those of the weight; a kernel_shape attribute must agree. */
static bool take_kernel(Graph *g, const Node *n, Window *w, const Shape *weight)
{
    int spatial = n->in[0]->shape.rank - 2;
    if (weight->rank != spatial + 2)
        return node_error(g, n, "weight has shape %s, input has %d spatial axes",
                          shape_str(g->arena, weight), spatial);
    if (w->n == 0 && spatial <= MAX_SPATIAL) {
        fill_defaults(w, 0, spatial);
        w->n = spatial;
        for (int i = 0; i < spatial; i++)
            w->kernel[i] = 0;
    }
    for (int i = 0; i < w->n && i < spatial; i++) {
        if (w->kernel[i] == 0)
            w->kernel[i] = weight->dim[i + 2];
        if (w->kernel[i] != weight->dim[i + 2])
            return node_error(g, n, "kernel_shape says %lld on axis %d, weight has %lld",
                              (long long)w->kernel[i], i, (long long)weight->dim[i + 2]);
    }
    return true;
}

static bool check_conv_operands(Graph *g, Node *n, int64_t channels_out)
{
    const Value *bias = infer_operand(n, 2);
    if (!infer_require_float(g, n, 0) || !infer_require_same_type(g, n, 1) ||
        !infer_require_same_type(g, n, 2))
        return false;
    if (bias && (bias->shape.rank != 1 || bias->shape.dim[0] != channels_out))
        return node_error(g, n, "bias has shape %s, output has %lld channels",
                          infer_shape_text(g, bias), (long long)channels_out);
    return true;
}

static bool check_group(Graph *g, const Node *n, int64_t group)
{
    return (group >= 1 && group <= max_window) ||
           node_error(g, n, "group %lld is out of range", (long long)group);
}

bool infer_conv_shape(Graph *g, Node *n, const Shape *weight, Shape *out)
{
    ConvParams *p = &n->params.conv;
    const Shape *x = &n->in[0]->shape;
    if (!infer_require_rank(g, n, 3) || !take_kernel(g, n, &p->w, weight) ||
        !infer_window(g, n, &p->w) || !check_group(g, n, p->group))
        return false;
    if (x->dim[1] % p->group || x->dim[1] / p->group != weight->dim[1])
        return node_error(
            g, n, "weight has %lld input channels%s, input has %lld", (long long)weight->dim[1],
            p->group > 1 ? arena_printf(g->arena, " in each of %lld groups", (long long)p->group)
                         : "",
            (long long)x->dim[1]);
    if (weight->dim[0] % p->group)
        return node_error(g, n, "%lld output channels do not divide into %lld groups",
                          (long long)weight->dim[0], (long long)p->group);
    infer_auto_pad(&p->w, x->dim + 2);
    *out = *x;
    out->dim[1] = weight->dim[0];
    for (int i = 0; i < p->w.n; i++)
        if (!window_count(g, n, &p->w, i, x->dim[i + 2], false, &out->dim[i + 2]))
            return false;
    return true;
}

bool infer_conv(Graph *g, Node *n)
{
    Shape out = {.rank = 0};
    return infer_require(g, n, 2, 3) && infer_conv_shape(g, n, &n->in[1]->shape, &out) &&
           check_conv_operands(g, n, out.dim[1]) && infer_output(g, n, 0, n->in[0]->dtype, &out);
}

/* ---- DeformConv ---- */

/* Operand `i`, if given, is [N, channels, places…]. */
static bool check_places(Graph *g, const Node *n, int i, int64_t channels, const Shape *out)
{
    const Value *v = infer_operand(n, i);
    Shape want = *out;
    want.dim[1] = channels;
    return v == NULL || shape_equal(&v->shape, &want) ||
           node_error(g, n, "%s has shape %s, %s is needed", i == 1 ? "offset" : "mask",
                      infer_shape_text(g, v), shape_str(g->arena, &want));
}

/* in: X, offset, mask. The window has its kernel. */
bool infer_deform_columns(Graph *g, Node *n)
{
    ConvParams *p = &n->params.conv;
    if (!infer_require(g, n, 2, 3) || !infer_require_rank(g, n, 3) ||
        !infer_require_float(g, n, 0) || !infer_require_same_type(g, n, 1) ||
        !infer_require_same_type(g, n, 2) || !infer_window(g, n, &p->w) ||
        !check_group(g, n, p->group))
        return false;
    const Shape *x = &n->in[0]->shape;
    Shape out = *x, taps = {.rank = p->w.n + 1, .dim = {x->dim[1]}};
    for (int i = 0; i < p->w.n; i++) {
        taps.dim[i + 1] = p->w.kernel[i];
        if (x->dim[i + 2] < 1)
            return node_error(g, n, "input has shape %s, an image is empty",
                              infer_shape_text(g, n->in[0]));
        if (!window_count(g, n, &p->w, i, x->dim[i + 2], false, &out.dim[i + 2]))
            return false;
    }
    if (x->dim[1] < 1 || x->dim[1] % p->group)
        return node_error(g, n, "%lld input channels do not divide into %lld groups of offsets",
                          (long long)x->dim[1], (long long)p->group);
    if (!shape_checked_numel(&taps, &out.dim[1]))
        return node_error(g, n, "the kernel is too large");
    int64_t offsets = out.dim[1] / x->dim[1] * p->group;
    return check_places(g, n, 1, offsets * p->w.n, &out) && check_places(g, n, 2, offsets, &out) &&
           infer_output(g, n, 0, n->in[0]->dtype, &out);
}

/* ---- ConvTranspose ---- */

/* Final pads and output extent of one axis. A wanted extent (output_shape, or in * stride for
 * SAME) decides the pads; when it is larger than the windows reach, output_padding grows. */
static bool transpose_axis(Graph *g, const Node *n, ConvParams *p, int i, int64_t in, int64_t *out)
{
    Window *w = &p->w;
    bool same = w->auto_pad == AUTO_PAD_SAME_UPPER || w->auto_pad == AUTO_PAD_SAME_LOWER;
    if (in > INT64_MAX / 4 / w->stride[i])
        return node_error(g, n, "output extent of axis %d is too large", i + 2);
    int64_t full = (in - 1) * w->stride[i] + p->output_padding[i] + reach(w, i);
    if (p->has_output_shape || same) {
        int64_t want = p->has_output_shape ? p->output_shape[i] : in * w->stride[i];
        if (want < 1 || want > max_window)
            return node_error(g, n, "output extent %lld of axis %d is out of range",
                              (long long)want, i + 2);
        if (full < want)
            p->output_padding[i] += want - full;
        split_pad(w, i, full > want ? full - want : 0, w->auto_pad == AUTO_PAD_SAME_UPPER);
        *out = want;
        return true;
    }
    if (w->auto_pad == AUTO_PAD_VALID)
        w->pad_begin[i] = w->pad_end[i] = 0;
    *out = full - w->pad_begin[i] - w->pad_end[i];
    if (*out < 1)
        return node_error(g, n, "pads leave no output on axis %d", i + 2);
    return true;
}

bool infer_conv_transpose(Graph *g, Node *n)
{
    if (!infer_require(g, n, 2, 3) || !infer_require_rank(g, n, 3))
        return false;
    ConvParams *p = &n->params.conv;
    const Shape *x = &n->in[0]->shape, *weight = &n->in[1]->shape;
    if (!check_group(g, n, p->group))
        return false;
    if (weight->rank < 2 || weight->dim[1] > INT64_MAX / p->group)
        return node_error(g, n, "weight has shape %s, too few axes or too large",
                          infer_shape_text(g, n->in[1]));
    int64_t channels_out = weight->dim[1] * p->group;
    if (!take_kernel(g, n, &p->w, weight) || !infer_window(g, n, &p->w) ||
        !check_conv_operands(g, n, channels_out))
        return false;
    if (x->dim[1] != weight->dim[0])
        return node_error(g, n, "weight has %lld input channels, input has %lld",
                          (long long)weight->dim[0], (long long)x->dim[1]);
    if (x->dim[1] % p->group)
        return node_error(g, n, "%lld input channels do not divide into %lld groups",
                          (long long)x->dim[1], (long long)p->group);
    Shape out = *x;
    out.dim[1] = channels_out;
    for (int i = 0; i < p->w.n; i++)
        if (!check_range(g, n, "output_padding", p->output_padding[i], 0) ||
            !transpose_axis(g, n, p, i, x->dim[i + 2], &out.dim[i + 2]))
            return false;
    p->w.auto_pad = AUTO_PAD_NOTSET;
    p->has_output_shape = false;
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}

/* ---- pooling ---- */

static bool check_pool_pads(Graph *g, const Node *n, const Window *w)
{
    for (int i = 0; i < w->n; i++)
        if (w->pad_begin[i] >= reach(w, i) || w->pad_end[i] >= reach(w, i))
            return node_error(g, n, "pads %lld and %lld of axis %d make windows of padding only",
                              (long long)w->pad_begin[i], (long long)w->pad_end[i], i + 2);
    return true;
}

bool infer_pool_shape(Graph *g, Node *n, Shape *out)
{
    PoolParams *p = &n->params.pool;
    if (!infer_window(g, n, &p->w))
        return false;
    const Shape *x = &n->in[0]->shape;
    if (p->w.auto_pad != AUTO_PAD_NOTSET)
        p->ceil_mode = false; /* both modes agree then; the pads below are for this one */
    infer_auto_pad(&p->w, x->dim + 2);
    if (!check_pool_pads(g, n, &p->w))
        return false;
    *out = *x;
    for (int i = 0; i < p->w.n; i++)
        if (!window_count(g, n, &p->w, i, x->dim[i + 2], p->ceil_mode, &out->dim[i + 2]))
            return false;
    return true;
}

bool infer_pool(Graph *g, Node *n)
{
    Shape out;
    if (!infer_require(g, n, 1, 1) || (n->op != OP_MaxPool && !infer_require_float(g, n, 0)))
        return false;
    if (n->op == OP_LpPool && !check_range(g, n, "norm p", n->params.pool.p, 1))
        return false;
    return infer_pool_shape(g, n, &out) && infer_output(g, n, 0, n->in[0]->dtype, &out) &&
           infer_output(g, n, 1, DT_I64, &out);
}

bool infer_global_pool(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 1) || !infer_require_float(g, n, 0) || !infer_require_rank(g, n, 2))
        return false;
    Shape out = n->in[0]->shape;
    for (int i = 2; i < out.rank; i++) {
        if (out.dim[i] == 0)
            return node_error(g, n, "input %s has no elements to pool",
                              infer_shape_text(g, n->in[0]));
        out.dim[i] = 1;
    }
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}

/* The extents that a MaxPool with this window came from, without output_shape. */
static bool unpool_shape(Graph *g, const Node *n, const Window *w, Shape *out)
{
    for (int i = 0; i < w->n; i++) {
        int64_t in = out->dim[i + 2];
        if (in > INT64_MAX / 4 / w->stride[i])
            return node_error(g, n, "output extent of axis %d is too large", i + 2);
        out->dim[i + 2] = (in - 1) * w->stride[i] + w->kernel[i] - w->pad_begin[i] - w->pad_end[i];
    }
    return true;
}

bool infer_max_unpool(Graph *g, Node *n)
{
    PoolParams *p = &n->params.pool;
    if (!infer_require(g, n, 2, 3) || !infer_window(g, n, &p->w))
        return false;
    const Value *x = n->in[0], *indices = n->in[1];
    if (indices->dtype != DT_I64)
        return node_error(g, n, "indices are %s, int64 is needed", dtype_name(indices->dtype));
    if (!shape_equal(&x->shape, &indices->shape))
        return node_error(g, n, "indices have shape %s, input has %s", infer_shape_text(g, indices),
                          infer_shape_text(g, x));
    const int64_t *list;
    int64_t count;
    Shape out = x->shape;
    if (!infer_ints(g, n, 2, "output_shape", &list, &count))
        return false;
    if (list == NULL)
        return unpool_shape(g, n, &p->w, &out) && infer_output(g, n, 0, x->dtype, &out);
    if (count != out.rank)
        return node_error(g, n, "output_shape has %lld entries, input has %d axes",
                          (long long)count, out.rank);
    out = shape_make(out.rank, list);
    if (out.dim[0] != x->shape.dim[0] || out.dim[1] != x->shape.dim[1])
        return node_error(g, n, "output_shape %s changes batch or channels of input %s",
                          shape_str(g->arena, &out), infer_shape_text(g, x));
    return infer_output(g, n, 0, x->dtype, &out);
}
