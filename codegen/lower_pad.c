/* Pad: constant, reflect, edge and wrap; negative pads crop. Any dtype.
 *
 * Along each axis the output is cut into runs that read the input forwards, backwards or at one
 * place, or that hold the constant; the kernel is the product of the runs of all axes, written in
 * order. A run of the constant fills everything inside it at once. Axes that are not padded melt
 * into their neighbours, so that what is copied is as long as possible. */
#include "codegen/nest.h"

enum { MAX_RUNS = 256 }; /* an axis */

typedef struct Run {
    int64_t lo, hi; /* output positions */
    int64_t from;   /* input position of lo; */
    int64_t step;   /*   of lo + 1: from + step (1, 0, -1) */
    bool constant;
} Run;

typedef struct PadAxis {
    int64_t in, out, begin;
    Run *run;
    int n, cap;
} PadAxis;

typedef struct Pad {
    Lower *lw;
    KBuilder *b;
    const PadParams *p;
    PadAxis axis[NEST_AXES];
    int rank;
    const KBuf *in, *out;
    DType dtype;
    int lanes;
    int depth;
} Pad;

/* ---- runs ---- */

/* Input position of output o; -1: the constant. */
static int64_t source(const Pad *p, const PadAxis *a, int64_t o)
{
    int64_t at = o - a->begin, last = a->in - 1;
    if (at >= 0 && at <= last)
        return at;
    switch (p->p->mode) {
    case PAD_EDGE:
        return at < 0 ? 0 : last;
    case PAD_WRAP:
        return (at % a->in + a->in) % a->in;
    case PAD_REFLECT: {
        int64_t period = last > 0 ? 2 * last : 1, k = (at % period + period) % period;
        return k <= last ? k : period - k;
    }
    default:
        return -1;
    }
}

/* The end of the outputs from o on that read the input in one direction, or none of it. */
static int64_t run_end(const Pad *p, const PadAxis *a, int64_t o)
{
    int64_t t = o - a->begin, last = a->in - 1;
    int64_t k, period = last > 0 ? 2 * last : 1;
    switch (p->p->mode) {
    case PAD_WRAP:
        return o + a->in - source(p, a, o);
    case PAD_REFLECT:
        k = (t % period + period) % period;
        return last == 0 ? a->out : o + 1 + (k < last ? last - k : period - k);
    default:
        return t < 0 ? a->begin : t <= last ? a->begin + a->in : a->out;
    }
}

/* False when there are more runs than a kernel should have. */
static bool find_runs(Pad *p, PadAxis *a)
{
    for (int64_t o = 0; o < a->out;) {
        int64_t at = source(p, a, o), end = run_end(p, a, o);
        Run next = {o, end < a->out ? end : a->out, at < 0 ? 0 : at, 1, at < 0};
        if (at >= 0 && next.hi > o + 1)
            next.step = source(p, a, o + 1) - at;
        o = next.hi;
        if (a->n == MAX_RUNS)
            return false;
        ARENA_PUSH(p->lw->arena, a, run, n, cap, next);
    }
    return true;
}

/* ---- axes ---- */

static bool is_padded(const PadAxis *a)
{
    return a->in != a->out || a->begin != 0;
}

/* Axes in memory order, merged: an axis that is not padded joins the one outside of it when that
 * is not padded either, or when the pad is a constant (or a crop). False when one has too many
 * runs. */
static bool make_axes(Pad *p, const Value *in, const Value *out)
{
    Nest from, to;
    nest_space(&from, in);
    nest_space(&to, out);
    for (int i = 0; i < to.rank; i++) {
        int64_t begin = i < in->shape.rank ? p->p->begin[i] : 0;
        PadAxis a = {.in = from.extent[i], .out = to.extent[i], .begin = begin};
        PadAxis *outer = p->rank ? &p->axis[p->rank - 1] : NULL;
        if (a.in == 1 && !is_padded(&a))
            continue;
        bool merge = outer && !is_padded(&a) && (!is_padded(outer) || p->p->mode == PAD_CONSTANT);
        if (merge) {
            outer->in *= a.in;
            outer->out *= a.out;
            outer->begin *= a.in;
        } else {
            p->axis[p->rank++] = a;
        }
    }
    if (p->rank == 0)
        p->axis[p->rank++] = (PadAxis){.in = 1, .out = 1};
    for (int i = 0; i < p->rank; i++) {
        if (is_padded(&p->axis[i])) {
            if (!find_runs(p, &p->axis[i]))
                return false;
        } else {
            Run all = {0, p->axis[i].out, 0, 1, false};
            ARENA_PUSH(p->lw->arena, &p->axis[i], run, n, cap, all);
        }
    }
    return true;
}

/* ---- the kernel ---- */

/* out[at + i] = constant, or in[from + step * i], for i < n. */
static void emit_row(Pad *p, Affine at, const Run *run, Affine from, int64_t n)
{
    KBuilder *b = p->b;
    int wide = run->constant || run->step >= 0 ? lanes_for(n, p->lanes) : 1, outer = p->depth;
    int64_t whole = n / wide * wide;
    for (int part = 0; part < 2; part++) {
        int64_t begin = part ? whole : 0, end = part ? n : whole;
        int lanes = part ? lanes_for(end - begin, wide) : wide;
        int active = part ? (int)(end - begin) : lanes;
        if (begin == end)
            continue;
        Affine i = part ? aff(begin) : nest_loop(b, "i", end, lanes, &p->depth);
        Affine source_at = aff_add(from, aff_mul(i, run->step));
        KExpr *x;
        if (run->constant)
            x = moved_const(b, p->dtype, p->p->value, lanes);
        else if (run->step == 0)
            x = kb_splat(b, kb_load(b, p->in, source_at, 1), lanes);
        else
            x = kb_load_tail(b, p->in, source_at, lanes, active);
        kb_store_tail(b, p->out, aff_add(at, i), x, active);
        nest_close(b, &p->depth, outer);
    }
}

static int longest_run(const PadAxis *a)
{
    int best = 0;
    for (int k = 1; k < a->n; k++)
        if (a->run[k].hi - a->run[k].lo > a->run[best].hi - a->run[best].lo)
            best = k;
    return best;
}

/* Axis i and inwards; `to` and `from` are element indices. Of several runs the longest may be the
 * parallel loop: for the others the depth says that a loop is open already. */
static void emit_axis(Pad *p, int i, Affine to, Affine from)
{
    const PadAxis *a = &p->axis[i];
    int64_t out_stride = 1, in_stride = 1;
    for (int j = i + 1; j < p->rank; j++) {
        out_stride *= p->axis[j].out;
        in_stride *= p->axis[j].in;
    }
    bool top = p->depth == 0;
    for (int k = 0; k < a->n; k++) {
        const Run *r = &a->run[k];
        int64_t n = r->hi - r->lo;
        Affine at = aff_addc(to, r->lo * out_stride), start = aff_addc(from, r->from * in_stride);
        if (top)
            p->depth = k != longest_run(a);
        int outer = p->depth;
        if (r->constant || i == p->rank - 1) {
            emit_row(p, at, r, start, r->constant ? n * out_stride : n);
            continue;
        }
        Affine v = nest_loop(p->b, i ? "j" : "plane", n, 1, &p->depth);
        emit_axis(p, i + 1, aff_add(at, aff_mul(v, out_stride)),
                  aff_add(start, aff_mul(v, r->step * in_stride)));
        nest_close(p->b, &p->depth, outer);
    }
    if (top)
        p->depth = 0;
}

static bool check(Lower *lw, const Node *n)
{
    const Value *in = n->in[0], *out = n->out[0];
    const PadParams *p = &n->params.pad;
    bool blocked = in->layout.block > 1 || out->layout.block > 1;
    if (in->layout.block != out->layout.block && blocked)
        return node_unsupported(lw->graph, n, "its input and output differ in layout");
    if (blocked && (p->begin[1] || p->end[1]))
        return node_unsupported(lw->graph, n, "it pads the channels of a blocked layout");
    return true;
}

bool lower_pad(Lower *lw, const Node *n)
{
    static const char *const modes[] = {"zero", "reflect", "edge", "wrap"};
    const Value *in = n->in[0], *out = n->out[0];
    if (!check(lw, n))
        return false;
    Pad p = {.lw = lw, .p = &n->params.pad, .dtype = out->dtype};
    const char *from = dims_str(lw->arena, &in->shape, 0);
    const char *to = dims_str(lw->arena, &out->shape, 0), *mode = modes[p.p->mode];
    if (p.p->mode == PAD_CONSTANT && p.p->value != 0)
        mode = "constant";
    p.b = kb_new(lw->arena, lw->program->target,
                 arena_printf(lw->arena, "pad_%s_%s_to_%s", mode, from, to));
    p.out = buf_moved(p.b, "out", out, K_WRITE);
    p.in = buf_moved(p.b, "in", in, K_READ);
    p.lanes = lanes_of(lw->program->target, p.out->base);
    if (!make_axes(&p, in, out))
        return node_unsupported(
            lw->graph, n, "it repeats the input more than %d times along an axis", MAX_RUNS / 2);
    emit_axis(&p, 0, aff(0), aff(0));
    Arg args[2] = {arg_value(lw, out), arg_value(lw, in)};
    return lower_emit(lw, n, p.b, arena_printf(lw->arena, "Pad %s to %s, %s", from, to, mode),
                      args);
}
