/* Hostile nodes: random operands and parameters, legal or not, through inference and interpreter.
 *
 * Nothing may crash or trip a sanitizer; what is refused has a message; what is accepted is
 * accepted again with the same result; and the interpreter survives every accepted node. */
#include "ir/interp/interp.h"
#include "ir/ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the ones above first. */
#include <cmocka.h>

enum { ROUNDS = 400, MAX_IN = 9, MAX_OUT = 4, SMALL = 20000 };

typedef struct Chance {
    uint64_t state;
} Chance;

static uint64_t next(Chance *c)
{
    c->state ^= c->state << 13;
    c->state ^= c->state >> 7;
    c->state ^= c->state << 17;
    return c->state >> 11;
}

static int below(Chance *c, int n)
{
    return (int)(next(c) % (uint64_t)n);
}

/* Mostly small, now and then at a border of the number range. */
static int64_t number(Chance *c)
{
    static const int64_t borders[] = {INT64_MIN, INT64_MAX,  INT64_MIN + 1, INT32_MAX,
                                      INT32_MIN, 1LL << 30,  1LL << 40,     (1LL << 58) - 1,
                                      1LL << 58, 1000000007, -1000000007,   1LL << 62};
    if (below(c, 25) == 0)
        return borders[below(c, (int)(sizeof borders / sizeof borders[0]))];
    return below(c, 3) ? below(c, 4) : below(c, 9) - 3;
}

static double real(Chance *c)
{
    return below(c, 20) ? below(c, 9) / 4.0 - 0.5 : (double)number(c) * 1e18;
}

/* ---- operands ---- */

static DType type(Chance *c)
{
    return below(c, 4) ? DT_F32 : (DType)(1 + below(c, DT_COUNT - 1));
}

static Shape shape(Chance *c, const Value *like)
{
    Shape s = {.rank = below(c, 6)};
    if (like && below(c, 3))
        s = like->shape;
    for (int i = 0; i < s.rank; i++)
        if (like == NULL || below(c, 4) == 0)
            s.dim[i] = below(c, 30) ? below(c, 6) : below(c, 2) ? 1LL << 29 : 0;
    int64_t numel;
    if (!shape_checked_numel(&s, &numel))
        s.rank = 0;
    return s;
}

static void fill(Chance *c, Tensor *t)
{
    for (int64_t i = 0; i < shape_numel(&t->shape); i++) {
        if (dtype_is_float(t->dtype))
            tensor_set_f64(t, i, real(c));
        else
            tensor_set_i64(t, i, number(c));
    }
}

/* A list of numbers, as shape inputs are, or any tensor. */
static Value *operand(Chance *c, Graph *g, const Value *first)
{
    Shape s = {.rank = 1, .dim = {below(c, 9)}};
    DType t = below(c, 4) ? DT_I64 : DT_F32;
    if (first == NULL || below(c, 2)) {
        s = shape(c, first);
        if (first && first->shape.rank > 1 && below(c, 4) == 0) /* statistics, a bias */
            s = shape_make(1, &first->shape.dim[1]);
        t = first && below(c, 3) ? first->dtype : below(c, 2) ? DT_I64 : type(c);
        if (below(c, 2) || shape_numel(&s) > SMALL)
            return graph_value(g, NULL, t, &s);
    }
    Tensor *data = tensor_new(g->arena, t, &s);
    fill(c, data);
    return graph_constant(g, NULL, data);
}

/* Operators whose first operand must be of a rare type. */
static const struct {
    OpKind op;
    DType type;
} first_types[] = {{OP_Not, DT_BOOL}, {OP_And, DT_BOOL},     {OP_Or, DT_BOOL},
                   {OP_Xor, DT_BOOL}, {OP_BitShift, DT_U16}, {OP_Where, DT_BOOL}};

static Value *first_operand(Chance *c, Graph *g, OpKind op)
{
    for (size_t i = 0; i < sizeof first_types / sizeof first_types[0]; i++)
        if (first_types[i].op == op) {
            Shape s = shape(c, NULL);
            return graph_value(g, NULL, first_types[i].type, &s);
        }
    return NULL;
}

/* Operands that pure chance hardly ever makes fit: weights and statistics. NULL: leave it to
 * chance. */
static Value *fitting(Chance *c, Graph *g, OpKind op, int i, const Value *first)
{
    if (i == 0)
        return below(c, 4) ? first_operand(c, g, op) : NULL;
    if (first->shape.rank < 2 || below(c, 4) == 0)
        return NULL;
    Shape s = first->shape;
    int64_t channels = s.dim[1];
    if (op == OP_MaxUnpool && i == 1) /* indices */
        return graph_value(g, NULL, DT_I64, &s);
    if (op == OP_Conv && i == 1)
        s.dim[0] = below(c, 5);
    else if (op == OP_ConvTranspose && i == 1) {
        s.dim[0] = channels;
        s.dim[1] = below(c, 5);
    } else if (op == OP_BatchNormalization || op == OP_InstanceNormalization ||
               op == OP_GroupNormalization)
        s = shape_make(1, &channels);
    else
        return NULL;
    for (int k = 2; k < s.rank; k++)
        s.dim[k] = below(c, 4);
    int64_t numel;
    return shape_checked_numel(&s, &numel) ? graph_value(g, NULL, first->dtype, &s) : NULL;
}

/* Input and weights of 12 rows of gates: 12, 4 or 3 hidden units, as the cell has it. */
static Value *rnn_operand(Chance *c, Graph *g, OpKind op, int i)
{
    static const int hidden[] = {12, 4, 3};
    int h = hidden[below(c, 3)];
    Shape x = {3, {below(c, 4), 1 + below(c, 2), 4}}, w = {3, {1, 12, 4}}, r = {3, {1, 12, h}};
    if (op == OP_Recurrence) {
        x.dim[2] = 12;
        w = (Shape){3, {1, h, 12}};
    }
    bool rnn = op == OP_LSTM || op == OP_GRU || op == OP_RNN || op == OP_Recurrence;
    if (!rnn || i > (op == OP_Recurrence ? 1 : 2) || below(c, 16) == 0)
        return NULL;
    return graph_value(g, NULL, DT_F32, i == 0 ? &x : i == 1 ? &w : &r);
}

/* Signal, step, window and length of an STFT; the numbers of a MelWeightMatrix. */
static Value *spectrum_operand(Chance *c, Graph *g, OpKind op, int i)
{
    Shape signal = {2 + below(c, 2), {below(c, 3), 1 + below(c, 9), 1 + below(c, 2)}};
    bool mel = op == OP_MelWeightMatrix, stft = op == OP_STFT && i != 2;
    if ((!mel && !stft) || below(c, 16) == 0)
        return NULL;
    if (stft && i == 0)
        return graph_value(g, NULL, DT_F32, &signal);
    Tensor *t = tensor_new(g->arena, mel && i > 2 ? DT_F32 : DT_I64, &(Shape){.rank = 0});
    tensor_set_f64(t, 0, 1 + below(c, 3));
    return graph_constant(g, NULL, t);
}

/* What the operands of quantised operators are, a letter an operand: q integers shaped like the
 * first, w a weight of it, m a second factor, s a scale, z a zero point, b a bias, f real numbers,
 * t a table. */
static const struct {
    OpKind op;
    const char *operands;
} quantised[] = {
    {OP_QuantizeLinear, "fsz"},       {OP_DequantizeLinear, "qsz"},
    {OP_DynamicQuantizeLinear, "f"},  {OP_ConvInteger, "qwzz"},
    {OP_QLinearConv, "qszwszszb"},    {OP_MatMulInteger, "qmzz"},
    {OP_QLinearMatMul, "qszmszsz"},   {OP_QLinearAdd, "qszqszsz"},
    {OP_QLinearMul, "qszqszsz"},      {OP_QGemm, "qszmszbsz"},
    {OP_QLinearAveragePool, "qszsz"}, {OP_Lookup, "qt"},
};

static Value *quantised_operand(Chance *c, Graph *g, char role, const Value *first)
{
    Shape one = {.rank = below(c, 2), .dim = {1}}, s = first ? first->shape : shape(c, NULL);
    if (role == 's' || role == 'z')
        return graph_value(g, NULL, role == 's' ? DT_F32 : DT_U8, &one);
    if (role == 't') {
        Tensor *table = tensor_new(g->arena, DT_I8, &(Shape){1, {256}});
        fill(c, table);
        return graph_constant(g, NULL, table);
    }
    if (role == 'w' && s.rank > 0)
        s.dim[0] = below(c, 5);
    for (int k = 2; role == 'w' && k < s.rank; k++)
        s.dim[k] = below(c, 4);
    if (role == 'm' && s.rank > 0)
        s = (Shape){2, {s.dim[s.rank - 1], below(c, 5)}};
    if (role == 'b')
        s = (Shape){1, {below(c, 5)}};
    int64_t numel;
    DType t = role == 'b' ? DT_I32 : role == 'f' ? DT_F32 : DT_U8;
    return shape_checked_numel(&s, &numel) ? graph_value(g, NULL, t, &s) : NULL;
}

/* Operand `i` of a quantised operator as it should be, mostly; NULL: leave it to chance. */
static Value *quantised_fitting(Chance *c, Graph *g, OpKind op, int i, const Value *first)
{
    for (size_t k = 0; k < sizeof quantised / sizeof quantised[0]; k++)
        if (quantised[k].op == op && i < (int)strlen(quantised[k].operands) && below(c, 25))
            return quantised_operand(c, g, quantised[k].operands[i], first);
    return NULL;
}

/* Operands of operators with indices or coordinates that chance hardly ever makes fit: a letter
 * (f: float, i: int64; F, I: the same as constants) and a shape. */
static const struct {
    OpKind op;
    const char *operands[5];
} shaped[] = {
    {OP_Tile, {"f2,3", "I2"}},
    {OP_DepthToSpace, {"f1,16,2,2"}},
    {OP_SpaceToDepth, {"f1,2,4,4"}},
    {OP_ReverseSequence, {"f3,3,2", "i3"}},
    {OP_GatherElements, {"f3,4", "i2,4"}},
    {OP_GatherND, {"f3,4", "i3,1"}},
    {OP_Scatter, {"f3,4", "i2,4", "f2,4"}},
    {OP_ScatterElements, {"f3,4", "i2,4", "f2,4"}},
    {OP_ScatterND, {"f3,4", "i2,1", "f2,4"}},
    {OP_OneHot, {"i3", "I1", "f2"}},
    {OP_NonZero, {"F2,3"}},
    {OP_Unique, {"F2,3"}},
    {OP_NonMaxSuppression, {"F1,4,4", "F1,2,4", "I1", "F1", "F1"}},
    {OP_Channels, {"f2,3,2", "f2,2,2", "I2"}},
    {OP_GridSample, {"f2,3,4,5", "f2,3,3,2"}},
    {OP_DeformColumns, {"f2,4,4,5", "f2,2,4,5", "f2,1,4,5"}},
    {OP_RoiAlign, {"f2,3,4,5", "f2,4", "i2"}},
    {OP_MaxRoiPool, {"f2,3,4,5", "f2,5"}},
    {OP_Col2Im, {"f1,4,4", "I2", "I2"}},
    {OP_Range, {"I1", "I1", "I1"}},
    {OP_EyeLike, {"f3,3"}},
};

static Value *shaped_operand(Chance *c, Graph *g, const char *text)
{
    Shape s = {.rank = 0};
    for (const char *t = text + 1; *t; t += *t == ',')
        s.dim[s.rank++] = strtol(t, (char **)&t, 10);
    bool constant = *text == 'F' || *text == 'I';
    DType type = *text == 'F' || *text == 'f' ? DT_F32 : DT_I64;
    if (!constant)
        return graph_value(g, NULL, type, &s);
    Tensor *data = tensor_new(g->arena, type, &s);
    fill(c, data);
    return graph_constant(g, NULL, data);
}

static Value *shaped_fitting(Chance *c, Graph *g, OpKind op, int i)
{
    for (size_t k = 0; k < sizeof shaped / sizeof shaped[0]; k++)
        if (shaped[k].op == op && i < 5 && shaped[k].operands[i] && below(c, 25))
            return shaped_operand(c, g, shaped[k].operands[i]);
    return NULL;
}

/* ---- parameters: every field of the struct that the operator has ---- */

static void numbers(Chance *c, int64_t *list, int n)
{
    for (int i = 0; i < n; i++)
        list[i] = number(c);
}

static void reals(Chance *c, double *list, int n)
{
    for (int i = 0; i < n; i++)
        list[i] = real(c);
}

static void random_window(Chance *c, Window *w)
{
    bool wild = below(c, 2);
    w->n = below(c, MAX_SPATIAL + 1);
    for (int i = 0; i < MAX_SPATIAL; i++) {
        w->kernel[i] = wild ? number(c) : below(c, 4);
        w->stride[i] = wild ? number(c) : 1 + below(c, 3);
        w->dilation[i] = wild ? number(c) : 1 + below(c, 2);
    }
    if (below(c, 2)) {
        numbers(c, w->pad_begin, MAX_SPATIAL);
        numbers(c, w->pad_end, MAX_SPATIAL);
    }
    w->auto_pad = below(c, 2) ? AUTO_PAD_NOTSET : (AutoPad)below(c, 4);
}

static void random_conv(Chance *c, Params *p)
{
    random_window(c, &p->conv.w);
    p->conv.group = below(c, 3) ? 1 : number(c);
    p->conv.has_output_shape = below(c, 3) == 0;
    numbers(c, p->conv.output_shape, MAX_SPATIAL);
    if (below(c, 3) == 0)
        numbers(c, p->conv.output_padding, MAX_SPATIAL);
}

static void random_pool(Chance *c, Params *p)
{
    random_window(c, &p->pool.w);
    p->pool.ceil_mode = below(c, 2);
    p->pool.count_include_pad = below(c, 2);
    p->pool.column_major = below(c, 2);
    p->pool.p = number(c);
}

static void random_ew(Chance *c, Params *p)
{
    reals(c, &p->ew.alpha, 1);
    reals(c, &p->ew.beta, 1);
    reals(c, &p->ew.gamma, 1);
    p->ew.mode = below(c, 4);
    p->ew.to = type(c);
}

static void random_axis(Chance *c, Params *p)
{
    p->axis.axis = number(c);
    p->axis.coerce_2d = below(c, 2);
    p->axis.n_axes = below(c, 4) - 1;
    numbers(c, p->axis.axes, MAX_RANK);
}

static void random_gemm(Chance *c, Params *p)
{
    p->gemm = (GemmParams){real(c), real(c), below(c, 2), below(c, 2)};
}

static void random_norm(Chance *c, Params *p)
{
    p->norm = (NormParams){.epsilon = real(c),
                           .alpha = real(c),
                           .beta = real(c),
                           .bias = real(c),
                           .size = number(c),
                           .axis = number(c),
                           .groups = below(c, 2) ? 1 + below(c, 3) : number(c),
                           .stash = type(c)};
}

static void random_reduce(Chance *c, Params *p)
{
    p->reduce.n_axes = below(c, 4) - 1;
    p->reduce.keepdims = below(c, 2);
    p->reduce.noop = below(c, 2);
    for (int i = 0; i < MAX_RANK; i++)
        p->reduce.axes[i] = below(c, 2) ? i : number(c);
}

static void random_rnn(Chance *c, Params *p)
{
    RnnParams *r = &p->rnn;
    r->cell = (RnnCell)below(c, 3);
    r->hidden = below(c, 3) ? 0 : number(c);
    r->directions = 1 + below(c, 2);
    r->reverse = below(c, 2);
    for (int i = 0; i < 6; i++)
        r->activation[i / 3][i % 3] = (RnnActivation){(RnnFunction)below(c, 11), real(c), real(c)};
    r->clip = real(c);
    r->batch_first = below(c, 2);
    r->linear_before_reset = below(c, 2);
    r->input_forget = below(c, 2);
}

static void random_einsum(Chance *c, Params *p)
{
    static const char *const equations[] = {"ij,jk->ik", "...ii->...i", "i,j", "ab->", "ij->ji",
                                            "a",         "ab,b",        "->",  "i--j", "...,..."};
    p->einsum.equation = equations[below(c, 10)];
}

static void random_spectrum(Chance *c, Params *p)
{
    p->spectrum = (SpectrumParams){
        below(c, 2) ? 0 : number(c),   number(c), number(c), below(c, 2), below(c, 2), below(c, 2),
        below(c, 8) ? DT_F32 : type(c)};
}

static void random_line(Chance *c, Params *p)
{
    p->line = (LineParams){number(c),   below(c, 2), below(c, 2), below(c, 2),    below(c, 2),
                           below(c, 2), below(c, 2), number(c),   1 + below(c, 3)};
}

static void random_perm(Chance *c, Params *p)
{
    p->perm.given = below(c, 2);
    for (int i = 0; i < MAX_RANK; i++)
        p->perm.perm[i] = (int)number(c);
}

static void random_pad(Chance *c, Params *p)
{
    p->pad.mode = (PadMode)below(c, 4);
    p->pad.value = real(c);
    numbers(c, p->pad.begin, MAX_RANK);
    numbers(c, p->pad.end, MAX_RANK);
}

static void random_slice(Chance *c, Params *p)
{
    numbers(c, p->slice.start, MAX_RANK);
    numbers(c, p->slice.step, MAX_RANK);
}

static void random_split(Chance *c, Params *p)
{
    p->split.axis = number(c);
    p->split.n_sizes = below(c, 4);
    numbers(c, p->split.sizes, 8);
}

static void random_resize(Chance *c, Params *p)
{
    ResizeParams *r = &p->resize;
    r->mode = (ResizeMode)below(c, 3);
    r->coord = (CoordMode)below(c, 7);
    r->nearest = (NearestMode)below(c, 4);
    r->aspect = (AspectPolicy)below(c, 3);
    r->cubic_a = real(c);
    r->extrapolation = real(c);
    r->exclude_outside = below(c, 2);
    r->antialias = below(c, 2);
    r->n_axes = below(c, 2) ? 0 : below(c, 4);
    reals(c, r->scale, MAX_RANK);
    for (int i = 0; i < MAX_RANK; i++)
        r->axes[i] = (int)number(c);
}

static void random_shape(Chance *c, Params *p)
{
    p->shape = (ShapeParams){below(c, 2), number(c), number(c), type(c), real(c), number(c)};
}

static void random_quant(Chance *c, Params *p)
{
    p->quant =
        (QuantParams){number(c), below(c, 2) ? 0 : number(c), below(c, 3) ? DT_NONE : type(c)};
}

static void random_depth(Chance *c, Params *p)
{
    p->depth = (DepthParams){number(c), below(c, 2)};
}

static void random_index(Chance *c, Params *p)
{
    p->index = (IndexParams){.axis = number(c),
                             .flat = below(c, 2),
                             .sorted = below(c, 2),
                             .batch_dims = number(c),
                             .reduction = (ScatterReduction)below(c, 5)};
}

static void random_diagonal(Chance *c, Params *p)
{
    p->diagonal = (DiagonalParams){number(c), below(c, 2), below(c, 2) ? DT_NONE : type(c)};
}

static void random_sequence(Chance *c, Params *p)
{
    int64_t batch = number(c);
    p->sequence = (SequenceParams){batch, below(c, 3) ? 1 - batch % 2 : number(c)};
}

static void random_suppress(Chance *c, Params *p)
{
    p->suppress.center_box = below(c, 2);
}

static void random_sample(Chance *c, Params *p)
{
    p->sample = (SampleParams){(ResizeMode)below(c, 3), (SamplePadding)below(c, 3), below(c, 2)};
}

static void random_roi(Chance *c, Params *p)
{
    p->roi = (RoiParams){below(c, 2), below(c, 2), number(c), number(c), number(c), real(c)};
}

static void random_fold(Chance *c, Params *p)
{
    random_window(c, &p->fold.w);
    for (int i = 0; i < MAX_SPATIAL && below(c, 3); i++)
        p->fold.w.kernel[i] = 2;
    if (below(c, 3))
        p->fold.w.n = 2;
}

static const struct {
    const char *params;
    void (*fill)(Chance *c, Params *p);
} fillers[] = {
    {"conv", random_conv},         {"pool", random_pool},         {"ew", random_ew},
    {"axis", random_axis},         {"gemm", random_gemm},         {"norm", random_norm},
    {"perm", random_perm},         {"pad", random_pad},           {"slice", random_slice},
    {"split", random_split},       {"resize", random_resize},     {"shape", random_shape},
    {"quant", random_quant},       {"depth", random_depth},       {"index", random_index},
    {"diagonal", random_diagonal}, {"sequence", random_sequence}, {"suppress", random_suppress},
    {"sample", random_sample},     {"roi", random_roi},           {"fold", random_fold},
    {"reduce", random_reduce},     {"line", random_line},         {"rnn", random_rnn},
    {"einsum", random_einsum},     {"spectrum", random_spectrum},
};

/* ---- one node ---- */

static Node *random_node(Chance *c, Graph *g, OpKind op)
{
    const OpInfo *info = op_info(op);
    static const Shape scalar;
    Value *in[MAX_IN] = {NULL}, *out[MAX_OUT] = {NULL};
    int most = info->in_max < 0 || info->in_max > MAX_IN ? info->in_min + 1 : info->in_max;
    int n_in = info->in_min + below(c, most - info->in_min + 1);
    int n_out = info->out_max == info->out_min ? info->out_min : 1 + below(c, MAX_OUT);
    for (int i = 0; i < n_in; i++) {
        in[i] = rnn_operand(c, g, op, i);
        if (in[i] == NULL)
            in[i] = spectrum_operand(c, g, op, i);
        if (in[i] == NULL)
            in[i] = fitting(c, g, op, i, in[0]);
        if (in[i] == NULL)
            in[i] = quantised_fitting(c, g, op, i, i ? in[0] : NULL);
        if (in[i] == NULL)
            in[i] = shaped_fitting(c, g, op, i);
        if (in[i] == NULL && (i < info->in_min || below(c, 4)))
            in[i] = operand(c, g, i ? in[0] : NULL);
    }
    for (int i = 0; i < n_out; i++)
        out[i] = graph_value(g, NULL, DT_F32, &scalar);
    Node *n = graph_node(g, op, NULL, in, n_in, out, n_out);
    for (size_t i = 0; i < sizeof fillers / sizeof fillers[0]; i++)
        if (strcmp(fillers[i].params, info->params) == 0)
            fillers[i].fill(c, &n->params);
    return n;
}

static int64_t elements(const Node *n)
{
    int64_t sum = 0;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && sum < SMALL)
            sum += shape_numel(&n->in[i]->shape);
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && sum < SMALL)
            sum += shape_numel(&n->out[i]->shape);
    return sum;
}

static void infer_again(Graph *g, Node *n)
{
    Shape before[MAX_OUT] = {{0}};
    for (int i = 0; i < n->n_out; i++)
        before[i] = n->out[i]->shape;
    if (!op_infer(g, n))
        fail_msg("refused the second time: %s", g->diag->first);
    for (int i = 0; i < n->n_out; i++)
        if (!shape_equal(&before[i], &n->out[i]->shape))
            fail_msg("%s becomes %s: %s", shape_str(g->arena, &before[i]),
                     shape_str(g->arena, &n->out[i]->shape), node_label(g->arena, n));
}

static void run(Chance *c, Graph *g, const Node *n)
{
    const Tensor *in[MAX_IN] = {NULL};
    Tensor *out[MAX_OUT] = {NULL};
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == NULL)
            continue;
        Tensor *t = tensor_new(g->arena, n->in[i]->dtype, &n->in[i]->shape);
        fill(c, t);
        in[i] = n->in[i]->constant ? n->in[i]->constant : t;
    }
    for (int i = 0; i < n->n_out; i++)
        out[i] = tensor_new(g->arena, n->out[i]->dtype, &n->out[i]->shape);
    InterpCall call = {g->arena, g->diag, n, in, n->n_in, out, n->n_out};
    bool ok = interp_node(&call);
    assert_true(ok || g->diag->n_errors > 0);
}

/* Whether the node was accepted. */
static bool try_node(Chance *c, OpKind op)
{
    Arena *a = arena_new(0);
    assert_non_null(a);
    arena_on_oom(a);
    Diag diag = {.arena = a, .file = "random"};
    Graph *g = graph_new(a, &diag);
    g->opset = 7 + below(c, 15);
    Node *n = random_node(c, g, op);
    bool ok = op_infer(g, n);
    assert_int_equal(ok, diag.n_errors == 0);
    if (ok)
        infer_again(g, n);
    if (ok && elements(n) < SMALL)
        run(c, g, n);
    arena_free(a);
    return ok;
}

static void test_hostile_nodes(void **state)
{
    (void)state;
    Chance c = {88172645463325252u};
    for (int op = OP_NONE + 1; op < OP_COUNT; op++) {
        int accepted = 0;
        if (op_info((OpKind)op)->infer == infer_none) /* the import replaces it */
            continue;
        for (int i = 0; i < ROUNDS; i++)
            accepted += try_node(&c, (OpKind)op);
        if (accepted == 0)
            fail_msg("no random %s was legal: the test is blind", op_info((OpKind)op)->name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hostile_nodes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
