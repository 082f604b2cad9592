/* The parameters of a node as ONNX attributes, for the dump: `kernel_shape = [3,3], group = 2`.
 *
 * In: a node. Out: text. One writer a parameter struct, chosen by the `params` column of ops.def.
 * Attributes that hold ONNX's default are left out, so that a dump shows what is particular; the
 * few parameters that ONNX passes as inputs (limits of Clip, pads of Pad, …) appear as attributes
 * of the same name, as older opsets had them. */
#include "ir/ops.h"
#include "ir/text.h"

#include <math.h>
#include <string.h>

/* Starts an attribute: a comma behind the one before. */
static void attribute(Text *t, const char *name)
{
    text_add(t, "%s%s = ", t->n ? ", " : "", name);
}

static void put_int(Text *t, const char *name, int64_t value)
{
    attribute(t, name);
    text_add(t, "%lld", (long long)value);
}

static void put_float(Text *t, const char *name, double value)
{
    attribute(t, name);
    size_t start = t->n;
    text_number(t, value);
    if (strpbrk(text_str(t) + start, ".eni") == NULL)
        text_add(t, ".0"); /* ONNX tells floats from integers by the point */
}

static void put_string(Text *t, const char *name, const char *value)
{
    attribute(t, name);
    text_add(t, "\"%s\"", value);
}

/* `a` followed by `b`, as ONNX lays out pads; b may be empty. */
static void put_ints(Text *t, const char *name, const int64_t *a, int n_a, const int64_t *b,
                     int n_b)
{
    attribute(t, name);
    text_add(t, "[");
    for (int i = 0; i < n_a + n_b; i++)
        text_add(t, "%s%lld", i ? "," : "", (long long)(i < n_a ? a[i] : b[i - n_a]));
    text_add(t, "]");
}

static bool all_equal(const int64_t *a, int n, int64_t value)
{
    for (int i = 0; i < n; i++)
        if (a[i] != value)
            return false;
    return true;
}

static void put_window(Text *t, const Window *w)
{
    static const char *const auto_pads[] = {"NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"};
    if (w->auto_pad != AUTO_PAD_NOTSET)
        put_string(t, "auto_pad", auto_pads[w->auto_pad]);
    if (w->n == 0)
        return;
    put_ints(t, "kernel_shape", w->kernel, w->n, NULL, 0);
    if (!all_equal(w->stride, w->n, 1))
        put_ints(t, "strides", w->stride, w->n, NULL, 0);
    if (!all_equal(w->dilation, w->n, 1))
        put_ints(t, "dilations", w->dilation, w->n, NULL, 0);
    if (!all_equal(w->pad_begin, w->n, 0) || !all_equal(w->pad_end, w->n, 0))
        put_ints(t, "pads", w->pad_begin, w->n, w->pad_end, w->n);
}

static void write_conv(Text *t, const Node *n)
{
    const ConvParams *p = &n->params.conv;
    put_window(t, &p->w);
    if (p->group != 1)
        put_int(t, "group", p->group);
    if (!all_equal(p->output_padding, p->w.n, 0))
        put_ints(t, "output_padding", p->output_padding, p->w.n, NULL, 0);
    if (p->has_output_shape)
        put_ints(t, "output_shape", p->output_shape, p->w.n, NULL, 0);
}

static void write_pool(Text *t, const Node *n)
{
    const PoolParams *p = &n->params.pool;
    put_window(t, &p->w);
    if (p->ceil_mode)
        put_int(t, "ceil_mode", 1);
    if (p->count_include_pad)
        put_int(t, "count_include_pad", 1);
    if (p->column_major)
        put_int(t, "storage_order", 1);
    if (n->op == OP_LpPool || n->op == OP_GlobalLpPool)
        put_int(t, "p", p->p);
}

/* Which fields of EwParams an operator has. */
typedef struct EwNames {
    OpKind op;
    const char *alpha, *beta, *gamma;
} EwNames;

static const EwNames ew_names[] = {
    {OP_LeakyRelu, "alpha", NULL, NULL}, {OP_Elu, "alpha", NULL, NULL},
    {OP_Celu, "alpha", NULL, NULL},      {OP_ThresholdedRelu, "alpha", NULL, NULL},
    {OP_Selu, "alpha", NULL, "gamma"},   {OP_HardSigmoid, "alpha", "beta", NULL},
    {OP_Clip, "min", "max", NULL},       {OP_Shrink, "lambd", "bias", NULL},
    {OP_Swish, "alpha", NULL, NULL},
};

static void write_ew_params(Text *t, OpKind op, const EwParams *p)
{
    for (size_t i = 0; i < sizeof ew_names / sizeof ew_names[0]; i++) {
        if (ew_names[i].op != op)
            continue;
        if (ew_names[i].alpha && isfinite(p->alpha))
            put_float(t, ew_names[i].alpha, p->alpha);
        if (ew_names[i].beta && isfinite(p->beta))
            put_float(t, ew_names[i].beta, p->beta);
        if (ew_names[i].gamma)
            put_float(t, ew_names[i].gamma, p->gamma);
    }
    if (op == OP_Gelu && p->mode == 1)
        put_string(t, "approximate", "tanh");
    if (op == OP_Cast || op == OP_BitCast)
        put_string(t, "to", dtype_name(p->to));
    if (op == OP_BitShift)
        put_string(t, "direction", p->mode ? "RIGHT" : "LEFT");
    if (op == OP_Mod && p->mode)
        put_int(t, "fmod", 1);
    if (op == OP_IsInf && !(p->mode & 1))
        put_int(t, "detect_negative", 0);
    if (op == OP_IsInf && !(p->mode & 2))
        put_int(t, "detect_positive", 0);
}

static void write_ew(Text *t, const Node *n)
{
    write_ew_params(t, n->op, &n->params.ew);
}

static void write_axis(Text *t, const Node *n)
{
    const AxisParams *p = &n->params.axis;
    if (n->op != OP_Squeeze && n->op != OP_Unsqueeze)
        put_int(t, "axis", p->axis);
    else if (p->n_axes > 0)
        put_ints(t, "axes", p->axes, p->n_axes, NULL, 0);
}

static void write_gemm(Text *t, const Node *n)
{
    const GemmParams *p = &n->params.gemm;
    if (p->alpha != 1)
        put_float(t, "alpha", p->alpha);
    if (p->beta != 1)
        put_float(t, "beta", p->beta);
    if (p->trans_a)
        put_int(t, "transA", 1);
    if (p->trans_b)
        put_int(t, "transB", 1);
}

static void write_norm(Text *t, const Node *n)
{
    const NormParams *p = &n->params.norm;
    if (n->op != OP_LRN) {
        if (n->op == OP_LayerNormalization || n->op == OP_RMSNormalization)
            put_int(t, "axis", p->axis);
        put_float(t, "epsilon", p->epsilon);
        if (n->op == OP_GroupNormalization)
            put_int(t, "num_groups", p->groups);
        return;
    }
    put_float(t, "alpha", p->alpha);
    put_float(t, "beta", p->beta);
    put_float(t, "bias", p->bias);
    put_int(t, "size", p->size);
}

static void write_reduce(Text *t, const Node *n)
{
    const ReduceParams *p = &n->params.reduce;
    put_ints(t, "axes", p->axes, p->n_axes > 0 ? p->n_axes : 0, NULL, 0);
    if (!p->keepdims && n->op != OP_MeanVarianceNormalization)
        put_int(t, "keepdims", 0);
    if (p->noop)
        put_int(t, "noop_with_empty_axes", 1);
}

static void write_line(Text *t, const Node *n)
{
    const LineParams *p = &n->params.line;
    bool arg = n->op == OP_ArgMax || n->op == OP_ArgMin;
    put_int(t, "axis", p->axis);
    if (arg && !p->keepdims)
        put_int(t, "keepdims", 0);
    if (arg && p->last)
        put_int(t, "select_last_index", 1);
    if (n->op == OP_LpNormalization)
        put_int(t, "p", p->p);
    if (n->op == OP_TopK)
        put_int(t, "k", p->k);
    if (n->op == OP_TopK && !p->largest)
        put_int(t, "largest", 0);
    if (p->exclusive)
        put_int(t, "exclusive", 1);
    if (p->reverse)
        put_int(t, "reverse", 1);
}

static const char *rnn_function(RnnFunction f)
{
    static const char *const names[] = {
        [RNN_RELU] = "Relu",
        [RNN_TANH] = "Tanh",
        [RNN_SIGMOID] = "Sigmoid",
        [RNN_AFFINE] = "Affine",
        [RNN_LEAKY_RELU] = "LeakyRelu",
        [RNN_THRESHOLDED_RELU] = "ThresholdedRelu",
        [RNN_SCALED_TANH] = "ScaledTanh",
        [RNN_HARD_SIGMOID] = "HardSigmoid",
        [RNN_ELU] = "Elu",
        [RNN_SOFTSIGN] = "Softsign",
        [RNN_SOFTPLUS] = "Softplus",
    };
    return f <= RNN_SOFTPLUS ? names[f] : "?";
}

static void write_rnn(Text *t, const Node *n)
{
    const RnnParams *p = &n->params.rnn;
    int each = p->cell == LSTM_CELL ? 3 : p->cell == GRU_CELL ? 2 : 1;
    put_int(t, "hidden_size", p->hidden);
    if (p->directions == 2 || p->reverse)
        put_string(t, "direction", p->directions == 2 ? "bidirectional" : "reverse");
    attribute(t, "activations");
    for (int i = 0; i < each * p->directions && p->directions <= 2; i++)
        text_add(t, "%s\"%s\"", i ? "," : "[", rnn_function(p->activation[i / each][i % each].f));
    text_add(t, "]");
    if (isfinite(p->clip))
        put_float(t, "clip", p->clip);
    if (p->batch_first)
        put_int(t, "layout", 1);
    if (p->linear_before_reset)
        put_int(t, "linear_before_reset", 1);
    if (p->input_forget)
        put_int(t, "input_forget", 1);
}

static void write_einsum(Text *t, const Node *n)
{
    put_string(t, "equation", n->params.einsum.equation ? n->params.einsum.equation : "");
}

static void write_spectrum(Text *t, const Node *n)
{
    const SpectrumParams *p = &n->params.spectrum;
    if (n->op == OP_DFT)
        put_int(t, "axis", p->axis);
    if (p->onesided)
        put_int(t, "onesided", 1);
    if (p->inverse)
        put_int(t, "inverse", 1);
}

static void write_perm(Text *t, const Node *n)
{
    int64_t perm[MAX_RANK];
    int rank = n->in[0]->shape.rank;
    for (int i = 0; i < rank; i++)
        perm[i] = n->params.perm.perm[i];
    if (n->params.perm.given)
        put_ints(t, "perm", perm, rank, NULL, 0);
}

static void write_pad(Text *t, const Node *n)
{
    static const char *const modes[] = {"constant", "reflect", "edge", "wrap"};
    const PadParams *p = &n->params.pad;
    int rank = n->in[0]->shape.rank;
    if (p->mode != PAD_CONSTANT)
        put_string(t, "mode", modes[p->mode]);
    put_ints(t, "pads", p->begin, rank, p->end, rank);
    if (p->value != 0)
        put_float(t, "value", p->value);
}

/* starts and steps; the extents follow from the shape of the output. */
static void write_slice(Text *t, const Node *n)
{
    const SliceParams *p = &n->params.slice;
    int rank = n->in[0]->shape.rank;
    put_ints(t, "starts", p->start, rank, NULL, 0);
    if (!all_equal(p->step, rank, 1))
        put_ints(t, "steps", p->step, rank, NULL, 0);
}

static void write_split(Text *t, const Node *n)
{
    put_int(t, "axis", n->params.split.axis);
    if (n->params.split.n_sizes)
        put_ints(t, "split", n->params.split.sizes, n->params.split.n_sizes, NULL, 0);
}

static void put_scales(Text *t, const ResizeParams *p, int rank)
{
    attribute(t, "scales");
    text_add(t, "[");
    for (int i = 0; i < rank; i++) {
        text_add(t, i ? "," : "");
        text_number(t, p->scale[i]);
    }
    text_add(t, "]");
}

static void write_resize(Text *t, const Node *n)
{
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const char *const coords[] = {
        "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",  "align_corners",
        "asymmetric", "tf_crop_and_resize",   "tf_half_pixel_for_nn"};
    static const char *const nearests[] = {"round_prefer_floor", "round_prefer_ceil", "floor",
                                           "ceil"};
    const ResizeParams *p = &n->params.resize;
    put_string(t, "mode", modes[p->mode]);
    put_string(t, "coordinate_transformation_mode", coords[p->coord]);
    if (p->mode == RESIZE_NEAREST)
        put_string(t, "nearest_mode", nearests[p->nearest]);
    if (p->mode == RESIZE_CUBIC)
        put_float(t, "cubic_coeff_a", p->cubic_a);
    if (p->exclude_outside)
        put_int(t, "exclude_outside", 1);
    if (p->antialias)
        put_int(t, "antialias", 1);
    put_scales(t, p, n->in[0]->shape.rank);
}

static void write_shape(Text *t, const Node *n)
{
    const ShapeParams *p = &n->params.shape;
    if (p->allow_zero)
        put_int(t, "allowzero", 1);
    if (n->op != OP_Shape)
        return;
    if (p->start != 0)
        put_int(t, "start", p->start);
    if (p->end != INT64_MAX)
        put_int(t, "end", p->end);
}

static void write_quant(Text *t, const Node *n)
{
    const QuantParams *p = &n->params.quant;
    if (n->in[1]->shape.rank > 0)
        put_int(t, "axis", p->axis);
    if (p->block != 0)
        put_int(t, "block_size", p->block);
}

static void write_depth(Text *t, const Node *n)
{
    put_int(t, "blocksize", n->params.depth.block);
    if (n->params.depth.channels_first)
        put_string(t, "mode", "CRD");
}

static void write_index(Text *t, const Node *n)
{
    static const char *const reductions[] = {"none", "add", "mul", "min", "max"};
    const IndexParams *p = &n->params.index;
    if (n->op == OP_GatherND)
        put_int(t, "batch_dims", p->batch_dims);
    else if (n->op != OP_ScatterND && !p->flat)
        put_int(t, "axis", p->axis);
    if (p->reduction != SCATTER_NONE)
        put_string(t, "reduction", reductions[p->reduction]);
    if (n->op == OP_Unique && !p->sorted)
        put_int(t, "sorted", 0);
}

static void write_diagonal(Text *t, const Node *n)
{
    if (n->op == OP_Trilu)
        put_int(t, "upper", n->params.diagonal.upper);
    else if (n->params.diagonal.dtype)
        put_string(t, "dtype", dtype_name(n->params.diagonal.dtype));
    if (n->params.diagonal.k != 0)
        put_int(t, "k", n->params.diagonal.k);
}

static void write_sequence(Text *t, const Node *n)
{
    put_int(t, "batch_axis", n->params.sequence.batch_axis);
    put_int(t, "time_axis", n->params.sequence.time_axis);
}

static void write_suppress(Text *t, const Node *n)
{
    put_int(t, "center_point_box", n->params.suppress.center_box);
}

static void write_sample(Text *t, const Node *n)
{
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    static const char *const paddings[] = {"zeros", "border", "reflection"};
    const SampleParams *p = &n->params.sample;
    put_string(t, "mode", modes[p->mode]);
    put_string(t, "padding_mode", paddings[p->padding]);
    put_int(t, "align_corners", p->align_corners);
}

static void write_roi(Text *t, const Node *n)
{
    const RoiParams *p = &n->params.roi;
    int64_t out[2] = {p->out_h, p->out_w};
    if (n->op == OP_MaxRoiPool) {
        put_ints(t, "pooled_shape", out, 2, NULL, 0);
    } else {
        put_string(t, "mode", p->max ? "max" : "avg");
        put_string(t, "coordinate_transformation_mode",
                   p->half_pixel ? "half_pixel" : "output_half_pixel");
        put_int(t, "output_height", p->out_h);
        put_int(t, "output_width", p->out_w);
        put_int(t, "sampling_ratio", p->sampling_ratio);
    }
    put_float(t, "spatial_scale", p->spatial_scale);
}

static void write_fold(Text *t, const Node *n)
{
    put_window(t, &n->params.fold.w);
}

static const struct {
    const char *params;
    void (*write)(Text *t, const Node *n);
} writers[] = {
    {"conv", write_conv},         {"pool", write_pool},         {"ew", write_ew},
    {"axis", write_axis},         {"gemm", write_gemm},         {"norm", write_norm},
    {"perm", write_perm},         {"pad", write_pad},           {"slice", write_slice},
    {"split", write_split},       {"resize", write_resize},     {"shape", write_shape},
    {"depth", write_depth},       {"index", write_index},       {"diagonal", write_diagonal},
    {"sequence", write_sequence}, {"suppress", write_suppress}, {"sample", write_sample},
    {"roi", write_roi},           {"fold", write_fold},         {"quant", write_quant},
    {"rnn", write_rnn},           {"einsum", write_einsum},     {"spectrum", write_spectrum},
    {"reduce", write_reduce},     {"line", write_line},
};

const char *op_attributes(Arena *a, const Node *n)
{
    Text t = text_new(a);
    const char *params = op_info(n->op)->params;
    for (size_t i = 0; i < sizeof writers / sizeof writers[0]; i++)
        if (strcmp(writers[i].params, params) == 0)
            writers[i].write(&t, n);
    return text_str(&t);
}

const char *epilogue_attributes(Arena *a, const EpilogueStep *s)
{
    Text t = text_new(a);
    if (strcmp(op_info(s->op)->params, "ew") == 0)
        write_ew_params(&t, s->op, &s->params.ew);
    return text_str(&t);
}
