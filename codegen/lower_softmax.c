/* Softmax and LogSoftmax along one axis (or, before opset 13, along all axes from it on).
 *
 * Three walks over each line: its maximum, the sum of exp(x - maximum), and the result. Lines
 * that are contiguous run in vectors along themselves; otherwise vectors take neighbouring lines.
 */
#include "codegen/nest.h"
#include "ir/ops.h"

#include <math.h>

typedef struct Softmax {
    Lower *lw;
    KBuilder *b;
    bool logarithm;
    int64_t n, inner; /* elements of a line, and their distance */
    int lanes;
    const KBuf *in, *out;
    Affine at; /* first element of the line (or of the vector of lines) */
    const KReg *most, *sum;
    int depth;
} Softmax;

static KExpr *load(const Softmax *s, const KBuf *buf, Affine at, int active)
{
    return kb_load_tail(s->b, buf, at, s->lanes, active);
}

/* exp(x - most) of the elements at `at`. */
static KExpr *exponential(const Softmax *s, const KLet *most, Affine at, int active)
{
    KExpr *d = kb_bin(s->b, KO_SUB, load(s, s->in, at, active), kb_use(s->b, most));
    return vmath(s->lw, s->b, VM_EXP, d, NULL);
}

/* Lanes beyond `active` become `value`. */
static KExpr *mask(const Softmax *s, KExpr *x, int active, double value)
{
    int order[MAX_LANES];
    if (active == s->lanes)
        return x;
    for (int l = 0; l < s->lanes; l++)
        order[l] = l < active ? l : s->lanes + l;
    return kb_shuf(s->b, x, kb_const(s->b, x->type, value), order, s->lanes);
}

static void step_max(const Softmax *s, const KLet *unused, Affine at, int active)
{
    (void)unused;
    KExpr *x = mask(s, load(s, s->in, at, active), active, -INFINITY);
    kb_set(s->b, s->most, kb_bin(s->b, KO_MAX, kb_get(s->b, s->most), x));
}

static void step_sum(const Softmax *s, const KLet *most, Affine at, int active)
{
    KExpr *e = exponential(s, most, at, active);
    if (!s->logarithm) { /* the result needs only to be scaled */
        const KLet *let = kb_let(s->b, "e", e);
        kb_store_tail(s->b, s->out, at, kb_use(s->b, let), active);
        e = kb_use(s->b, let);
    }
    e = mask(s, e, active, 0);
    kb_set(s->b, s->sum, kb_bin(s->b, KO_ADD, kb_get(s->b, s->sum), e));
}

/* `k` is 1 / sum, or maximum + log(sum). */
static void step_result(const Softmax *s, const KLet *k, Affine at, int active)
{
    KExpr *x = load(s, s->logarithm ? s->in : s->out, at, active);
    x = kb_bin(s->b, s->logarithm ? KO_SUB : KO_MUL, x, kb_use(s->b, k));
    kb_store_tail(s->b, s->out, at, x, active);
}

typedef void (*Step)(const Softmax *s, const KLet *k, Affine at, int active);

/* One walk over a line. `active` is that of the vector of lines, where lines are not contiguous. */
static void walk(Softmax *s, Step step, const KLet *k, int active)
{
    bool along = s->inner == 1;
    int64_t lanes = along ? s->lanes : 1, whole = s->n / lanes * lanes;
    int outer = s->depth;
    if (whole > 0) {
        Affine i = nest_serial_loop(s->b, "i", whole, lanes, &s->depth);
        step(s, k, aff_add(s->at, aff_mul(i, s->inner)), along ? s->lanes : active);
        nest_close(s->b, &s->depth, outer);
    }
    if (whole < s->n)
        step(s, k, aff_addc(s->at, whole), (int)(s->n - whole));
}

/* A line, or a vector of lines of which `active` exist. */
static void emit_line(Softmax *s, int active)
{
    KBuilder *b = s->b;
    KType type = KTYPE(kbase_compute(s->in->base), s->lanes);
    bool along = s->inner == 1;
    s->most = kb_reg(b, "most", type, 0, 0, 0);
    s->sum = kb_reg(b, "sum", type, 0, 0, 0);
    kb_set(b, s->most, kb_const(b, type, -INFINITY));
    kb_set(b, s->sum, kb_const(b, type, 0));
    walk(s, step_max, NULL, active);
    KExpr *most = kb_get(b, s->most);
    if (along)
        most = kb_splat(b, kb_reduce(b, KO_MAX, most), s->lanes);
    const KLet *top = kb_let(b, "top", most);
    walk(s, step_sum, top, active);
    KExpr *sum = along ? kb_reduce(b, KO_ADD, kb_get(b, s->sum)) : kb_get(b, s->sum);
    if (s->logarithm)
        sum = vmath(s->lw, b, VM_LOG, sum, NULL);
    else
        sum = kb_bin(b, KO_DIV, kb_const(b, sum->type, 1), sum);
    if (along)
        sum = kb_splat(b, sum, s->lanes);
    if (s->logarithm)
        sum = kb_bin(b, KO_ADD, kb_use(b, top), sum);
    walk(s, step_result, kb_let(b, s->logarithm ? "log_sum" : "scale", sum), active);
}

static void emit_lines(Softmax *s, int64_t lines)
{
    Affine line = nest_loop(s->b, "line", lines, 1, &s->depth);
    Affine first = aff_mul(line, s->n * s->inner);
    int outer = s->depth;
    if (s->inner == 1) {
        s->at = first;
        emit_line(s, s->lanes);
    } else {
        int64_t whole = s->inner / s->lanes * s->lanes;
        if (whole > 0) {
            s->at = aff_add(first, nest_loop(s->b, "j", whole, s->lanes, &s->depth));
            emit_line(s, s->lanes);
            nest_close(s->b, &s->depth, outer);
        }
        if (whole < s->inner) {
            s->at = aff_addc(first, whole);
            s->lanes = lanes_for(s->inner - whole, s->lanes);
            emit_line(s, (int)(s->inner - whole));
        }
    }
    nest_close(s->b, &s->depth, 0);
}

bool lower_softmax(Lower *lw, const Node *n)
{
    const Value *in = n->in[0], *out = n->out[0];
    const AxisParams *p = &n->params.axis;
    int axis = (int)p->axis, rank = in->shape.rank;
    if (in->layout.block > 1 || out->layout.block > 1)
        return node_unsupported(lw->graph, n, "it has no kernel but for plain layouts");
    Softmax s = {.lw = lw, .logarithm = n->op == OP_LogSoftmax};
    int end = p->coerce_2d ? rank : axis + 1;
    s.n = shape_range_numel(&in->shape, axis, end);
    s.inner = shape_range_numel(&in->shape, end, rank);
    s.lanes = lanes_for(s.inner == 1 ? s.n : s.inner,
                        lanes_of(lw->program->target, kbase_of_dtype(in->dtype)));
    const char *dims = dims_str(lw->arena, &in->shape, 0), *op = op_info(n->op)->name;
    s.b = kb_new(
        lw->arena, lw->program->target,
        arena_printf(lw->arena, "%s%d_%s", s.logarithm ? "log_softmax" : "softmax", axis, dims));
    s.out = buf_value(s.b, "out", out, s.logarithm ? K_WRITE : K_READ_WRITE);
    s.in = buf_value(s.b, "in", in, K_READ);
    emit_lines(&s, shape_range_numel(&in->shape, 0, axis));
    Arg args[2] = {arg_value(lw, out), arg_value(lw, in)};
    return lower_emit(lw, n, s.b, arena_printf(lw->arena, "%s of %s along axis %d", op, dims, axis),
                      args);
}
