/* Normalisations over lines: Instance-, Group-, Layer-, RMS-, MeanVariance- and LpNormalization.
 *
 * Up to three walks over a line: its mean, the mean of squared distances from it (not the
 * difference of two large sums), and the result (x - mean) * factor * scale + bias. */
#include "codegen/lines.h"
#include "ir/ops.h"

#include <float.h>
#include <math.h>

/* Operands of the nest behind the result (0) and the input (1); -1: there is none. */
typedef struct Norm {
    OpKind op;
    double epsilon;
    bool first_norm; /* LpNormalization with p = 1 */
    bool centred;    /* the mean is subtracted */
    int scale, bias, mean_out, deviation_out;
    const KReg *sum, *square, *carry; /* carry: NULL where the sums are short */
    KLet *mean[LINES_WIDTH], *factor[LINES_WIDTH];
} Norm;

static void step_sum(Lines *l, void *user)
{
    const Norm *s = user;
    lines_add(l, s->sum, s->carry, lines_load(l, 1));
}

/* x - mean, or x where the mean stays. */
static KExpr *centred(Lines *l, const Norm *s)
{
    KExpr *x = lines_load(l, 1);
    return s->centred ? kb_bin(l->b, KO_SUB, x, lines_use(l, s->mean)) : x;
}

static void step_square(Lines *l, void *user)
{
    const Norm *s = user;
    if (s->first_norm) {
        lines_add(l, s->square, s->carry, kb_un(l->b, KO_ABS, lines_load(l, 1)));
        return;
    }
    const KLet *d = kb_let(l->b, "d", centred(l, s));
    lines_add(l, s->square, s->carry, kb_bin(l->b, KO_MUL, kb_use(l->b, d), kb_use(l->b, d)));
}

static void step_result(Lines *l, void *user)
{
    const Norm *s = user;
    KBuilder *b = l->b;
    KExpr *y = kb_bin(b, KO_MUL, centred(l, s), lines_use(l, s->factor));
    if (s->bias >= 0)
        y = kb_fma(b, y, lines_load(l, s->scale), lines_load(l, s->bias));
    else if (s->scale >= 0)
        y = kb_bin(b, KO_MUL, y, lines_load(l, s->scale));
    lines_store(l, 0, y);
}

/* ---- a line ---- */

/* What a centred element is multiplied by, from the sum of squares (or magnitudes). */
static KExpr *factor(Lines *l, const Norm *s, KExpr *sum)
{
    KBuilder *b = l->b;
    KType t = sum->type;
    if (s->op == OP_LpNormalization) { /* 0 / 0 is 0 */
        KExpr *norm = s->first_norm ? sum : kb_un(b, KO_SQRT, sum);
        double least = t.base == KT_F64 ? DBL_MIN : (double)FLT_MIN;
        norm = kb_bin(b, KO_MAX, kb_const(b, t, least), norm);
        return kb_bin(b, KO_DIV, kb_const(b, t, 1), norm);
    }
    KExpr *variance = kb_bin(b, KO_MUL, sum, kb_const(b, t, 1 / (double)l->n));
    KExpr *epsilon = kb_const(b, t, s->epsilon), *deviation;
    if (s->op == OP_MeanVarianceNormalization)
        deviation = kb_bin(b, KO_ADD, kb_un(b, KO_SQRT, variance), epsilon);
    else
        deviation = kb_un(b, KO_SQRT, kb_bin(b, KO_ADD, variance, epsilon));
    return kb_bin(b, KO_DIV, kb_const(b, t, 1), deviation);
}

static void find_mean(Lines *l, Norm *s)
{
    KType t = lines_result_type(l);
    s->sum = lines_reg(l, "sum", l->base, 0);
    s->carry = lines_carry(l);
    lines_walk(l, step_sum, s);
    for (l->u = 0; l->u < lines_results(l); l->u++) {
        KExpr *sum = lines_total(l, s->sum, KO_ADD);
        s->mean[l->u] =
            kb_let(l->b, "mean", kb_bin(l->b, KO_MUL, sum, kb_const(l->b, t, 1 / (double)l->n)));
        if (s->mean_out >= 0)
            lines_store_result(l, s->mean_out, kb_use(l->b, s->mean[l->u]));
    }
    l->u = 0;
}

static void body(Lines *l, void *user)
{
    Norm *s = user;
    if (s->centred)
        find_mean(l, s);
    s->square = lines_reg(l, s->first_norm ? "magnitude" : "square", l->base, 0);
    s->carry = lines_carry(l);
    lines_walk(l, step_square, s);
    for (l->u = 0; l->u < lines_results(l); l->u++) {
        s->factor[l->u] = kb_let(l->b, "factor", factor(l, s, lines_total(l, s->square, KO_ADD)));
        if (s->deviation_out >= 0)
            lines_store_result(l, s->deviation_out, kb_use(l->b, s->factor[l->u]));
    }
    l->u = 0;
    lines_walk(l, step_result, s);
}

/* ---- operands ---- */

/* The nest of GroupNormalization: [N][groups][channels of a group][pixels]. */
static void group_space(const Node *n, Nest *nest)
{
    const Shape *s = &n->in[0]->shape;
    int64_t groups = n->params.norm.groups, channels = s->dim[1] / groups;
    *nest = (Nest){.rank = 4,
                   .extent = {s->dim[0], groups, channels, shape_range_numel(s, 2, s->rank)}};
}

static void open_groups(Lower *lw, const Node *n, Nest *nest, bool *along, Norm *s)
{
    int64_t whole[NEST_AXES], each[NEST_AXES] = {0};
    group_space(n, nest);
    nest_row_major(nest, NULL, whole);
    bool by_group = n->in[1]->shape.dim[0] == nest->extent[1];
    each[1] = by_group ? 1 : nest->extent[2];
    each[2] = by_group ? 0 : 1;
    along[2] = along[3] = true;
    nest_strided(lw, nest, "out", n->out[0], 0, whole);
    nest_strided(lw, nest, "in", n->in[0], 0, whole);
    nest_strided(lw, nest, "scale", n->in[1], 0, each);
    nest_strided(lw, nest, "bias", n->in[2], 0, each);
    s->scale = 2;
    s->bias = 3;
}

static void open_instances(Lower *lw, const Node *n, Nest *nest, bool *along, Norm *s)
{
    const Value *out = n->out[0];
    int64_t each[NEST_AXES] = {0};
    nest_space(nest, out);
    nest_operand(lw, nest, out, "out", out);
    nest_operand(lw, nest, out, "in", n->in[0]);
    for (int i = 2; i < out->shape.rank; i++)
        along[i] = true;
    each[1] = out->layout.block > 1 ? out->layout.block : 1;
    if (out->layout.block > 1)
        each[nest->rank - 1] = 1;
    nest_strided(lw, nest, "scale", n->in[1], 0, each);
    nest_strided(lw, nest, "bias", n->in[2], 0, each);
    s->scale = 2;
    s->bias = 3;
}

/* A result of LayerNormalization: one number a line. Returns its operand, -1 when not asked for. */
static int statistic(Lower *lw, const Node *n, Nest *nest, const bool *along, int k)
{
    int64_t stride[NEST_AXES];
    if (k >= n->n_out || n->out[k] == NULL)
        return -1;
    nest_row_major(nest, along, stride);
    nest_strided(lw, nest, k == 1 ? "mean_out" : "deviation_out", n->out[k], 0, stride);
    return nest->n - 1;
}

static void open_axes(Lower *lw, const Node *n, Nest *nest, bool *along, Norm *s)
{
    const Value *out = n->out[0];
    bool layer = n->op == OP_LayerNormalization || n->op == OP_RMSNormalization;
    nest_space(nest, out);
    nest_operand(lw, nest, out, "out", out);
    nest_operand(lw, nest, out, "in", n->in[0]);
    for (int i = 0; i < out->shape.rank; i++)
        along[i] = layer ? i >= n->params.norm.axis
                         : n->op == OP_LpNormalization && i == n->params.line.axis;
    for (int i = 0; n->op == OP_MeanVarianceNormalization && i < n->params.reduce.n_axes; i++)
        along[n->params.reduce.axes[i]] = true;
    if (!layer)
        return;
    nest_operand(lw, nest, out, "scale", n->in[1]);
    s->scale = nest->n - 1;
    if (n->n_in > 2 && n->in[2]) {
        nest_operand(lw, nest, out, "bias", n->in[2]);
        s->bias = nest->n - 1;
    }
    s->mean_out = statistic(lw, n, nest, along, 1);
    s->deviation_out = statistic(lw, n, nest, along, 2);
}

static const char *kernel_name(OpKind op)
{
    switch (op) {
    case OP_InstanceNormalization:
        return "instance_norm";
    case OP_GroupNormalization:
        return "group_norm";
    case OP_LayerNormalization:
        return "layer_norm";
    case OP_RMSNormalization:
        return "rms_norm";
    case OP_MeanVarianceNormalization:
        return "mean_variance_norm";
    default:
        return "lp_norm";
    }
}

bool lower_lines_norm(Lower *lw, const Node *n)
{
    const Value *in = n->in[0];
    Norm s = {.op = n->op, .scale = -1, .bias = -1, .mean_out = -1, .deviation_out = -1};
    Nest nest, tail;
    bool along[NEST_AXES] = {false};
    if (in->layout.block != n->out[0]->layout.block)
        return node_unsupported(lw->graph, n, "its input and output have different layouts");
    s.centred = n->op != OP_RMSNormalization && n->op != OP_LpNormalization;
    s.first_norm = n->op == OP_LpNormalization && n->params.line.p == 1;
    s.epsilon = n->op == OP_MeanVarianceNormalization ? 1e-9 : n->params.norm.epsilon;
    if (n->op == OP_GroupNormalization)
        open_groups(lw, n, &nest, along, &s);
    else if (n->op == OP_InstanceNormalization)
        open_instances(lw, n, &nest, along, &s);
    else
        open_axes(lw, n, &nest, along, &s);
    const char *dims = dims_str(lw->arena, &in->shape, 0);
    unsigned more = (s.mean_out >= 0 ? 1U << s.mean_out : 0) |
                    (s.deviation_out >= 0 ? 1U << s.deviation_out : 0);
    LinesKernel k = {.body = body, .user = &s, .base = kbase_compute(kbase_of_dtype(in->dtype))};
    k.name = arena_printf(lw->arena, "%s_%s", kernel_name(n->op), dims);
    k.note = arena_printf(lw->arena, "%s of %s", op_info(n->op)->name, dims);
    bool has_tail = in->layout.block > 1 && nest_split_tail(&nest, in, &tail);
    if ((!has_tail || nest.extent[1] > 0) && !lines_emit(lw, n, &k, &nest, along, more))
        return false;
    if (!has_tail)
        return true;
    k.name = arena_printf(lw->arena, "%s_tail", k.name);
    return lines_emit(lw, n, &k, &tail, along, more);
}
