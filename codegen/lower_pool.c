/* Pooling: MaxPool, AveragePool, LpPool over 1 to 3 spatial axes.
 *
 * One kernel for both layouts: a plane is the pixels of a channel (plain, scalar) or of a block
 * of channels (a vector a pixel). Per axis the outputs are cut into segments with the same valid
 * taps (codegen/window.h), so that borders cost no tests; windows with more segments than fit
 * test each tap. A maximum is that of the numbers, -infinity where all taps are NaN: so each costs
 * one instruction, and their order does not matter. The indices of MaxPool are made by
 * codegen/lower_pool_index.c. */
#include "codegen/nest.h"
#include "codegen/window.h"
#include "ir/ops.h"

enum { MAX_SEGMENTS_PER_AXIS = 4, MAX_UNROLLED_TAPS = 32, MAX_UNROLLED_ROW = 16 };

typedef struct Pool {
    Lower *lw;
    KBuilder *b;
    const Node *node;
    const PoolParams *p;
    int n; /* spatial axes */
    Axis axis[MAX_SPATIAL];
    bool guarded;  /* any axis is */
    int64_t pixel; /* elements a pixel: the block, or 1 */
    KType type;
    const KBuf *in, *out;
    Affine in_plane, out_plane; /* element index of the current plane */
    Affine o[MAX_SPATIAL];      /* the current output position */
    const Segment *seg[MAX_SPATIAL];
    const KReg *acc, *count;
    bool first; /* the next tap starts the accumulator */
} Pool;

/* ---- one output ---- */

static KExpr *start_value(const Pool *p)
{
    return p->node->op == OP_MaxPool ? lowest_value(p->b, p->type) : kb_const(p->b, p->type, 0);
}

/* What a tap contributes. */
static KExpr *contribution(const Pool *p, KExpr *x)
{
    KBuilder *b = p->b;
    if (p->node->op != OP_LpPool)
        return x;
    if (p->p->p != 2)
        x = kb_un(b, KO_ABS, x);
    if (p->p->p > 2)
        x = vmath(p->lw, b, VM_POW, x, kb_const(b, p->type, (double)p->p->p));
    return x;
}

/* acc = acc op x; the first tap of an output whose taps are all unrolled starts it. */
static void accumulate(Pool *p, KExpr *x)
{
    KBuilder *b = p->b;
    bool square = p->node->op == OP_LpPool && p->p->p == 2, first = p->first;
    KExpr *acc = first ? NULL : kb_get(b, p->acc);
    p->first = false;
    x = contribution(p, x);
    if (square) {
        const KLet *t = kb_let(b, "x", x);
        x = first ? kb_bin(b, KO_MUL, kb_use(b, t), kb_use(b, t))
                  : kb_fma(b, kb_use(b, t), kb_use(b, t), acc);
    } else if (!first) {
        /* of NaN and a number MAX gives its second operand */
        x = p->node->op == OP_MaxPool ? kb_bin(b, KO_MAX, x, acc) : kb_bin(b, KO_ADD, acc, x);
    }
    kb_set(b, p->acc, x);
    if (p->count)
        kb_set(b, p->count, kb_bin(b, KO_ADD, kb_get(b, p->count), kb_const(b, p->type, 1)));
}

/* Taps of the window from axis `i` inwards. */
static int64_t count_taps(const Pool *p, int i)
{
    int64_t taps = 1;
    for (; i < p->n; i++)
        taps *= p->seg[i]->k_hi > p->seg[i]->k_lo ? p->seg[i]->k_hi - p->seg[i]->k_lo : 0;
    return taps;
}

static void emit_taps(Pool *p, int i, Affine at);

/* Tap k of axis i, and all those inwards of it. */
static void emit_tap(Pool *p, int i, Affine at, Affine k)
{
    const Axis *a = &p->axis[i];
    Affine x = window_at(a, p->o[i], k);
    if (a->guarded) {
        kb_if(p->b, x);
        kb_if(p->b, aff_sub(aff(a->in - 1), x));
    }
    emit_taps(p, i + 1, aff_add(aff_mul(at, a->in), x));
    if (a->guarded) {
        kb_end(p->b);
        kb_end(p->b);
    }
}

/* The taps of axis `i` and inwards; `at` is the pixel that the outer taps have chosen. */
static void emit_taps(Pool *p, int i, Affine at)
{
    static const char *const names[MAX_SPATIAL][MAX_SPATIAL] = {
        {"kx", "", ""}, {"ky", "kx", ""}, {"kz", "ky", "kx"}};
    if (i == p->n || i == MAX_SPATIAL) { /* the second says to compilers what the first implies */
        accumulate(
            p, kb_load(p->b, p->in, aff_add(p->in_plane, aff_mul(at, p->pixel)), p->type.lanes));
        return;
    }
    const Segment *s = p->seg[i];
    int64_t taps = count_taps(p, i);
    bool row = i == p->n - 1 && taps <= MAX_UNROLLED_ROW;
    if (!p->guarded && (taps <= MAX_UNROLLED_TAPS || row)) {
        for (int64_t k = s->k_lo; k < s->k_hi; k++)
            emit_tap(p, i, at, aff(k));
        return;
    }
    emit_tap(p, i, at, aff_var(kb_for(p->b, names[p->n - 1][i], s->k_lo, s->k_hi, 1, KL_SERIAL)));
    kb_end(p->b);
}

/* The number that an average divides by, where it is known. */
static double divisor(const Pool *p)
{
    double d = 1;
    for (int i = 0; i < p->n; i++)
        d *= (double)(p->p->count_include_pad ? p->seg[i]->counted
                                              : p->seg[i]->k_hi - p->seg[i]->k_lo);
    return d > 0 ? d : 1;
}

static KExpr *finish(const Pool *p)
{
    KBuilder *b = p->b;
    KExpr *acc = kb_get(b, p->acc);
    if (p->node->op == OP_AveragePool) {
        if (p->count)
            return kb_bin(b, KO_DIV, acc, kb_get(b, p->count));
        double d = divisor(p);
        return d == 1 ? acc : kb_bin(b, KO_MUL, acc, kb_const(b, p->type, 1 / d));
    }
    if (p->node->op == OP_LpPool && p->p->p == 2)
        return kb_un(b, KO_SQRT, acc);
    if (p->node->op == OP_LpPool && p->p->p != 1)
        return vmath(p->lw, b, VM_POW, acc, kb_const(b, p->type, 1 / (double)p->p->p));
    return acc;
}

static void emit_output(Pool *p)
{
    Affine at = aff(0);
    for (int i = 0; i < p->n; i++)
        at = aff_add(aff_mul(at, p->axis[i].out), p->o[i]);
    p->acc = kb_reg(p->b, "acc", p->type, 0, 0, 0);
    int64_t taps = count_taps(p, 0);
    p->first = !p->guarded && taps > 0 && taps <= MAX_UNROLLED_TAPS;
    if (p->node->op == OP_MaxPool && kbase_is_float(p->type.base))
        p->first = false; /* it may be NaN, which the others would not replace */
    if (!p->first)
        kb_set(p->b, p->acc, start_value(p));
    p->count = NULL;
    if (p->guarded && p->node->op == OP_AveragePool && !p->p->count_include_pad) {
        p->count = kb_reg(p->b, "count", p->type, 0, 0, 0);
        kb_set(p->b, p->count, kb_const(p->b, p->type, 0));
    }
    emit_taps(p, 0, aff(0));
    kb_store(p->b, p->out, aff_add(p->out_plane, aff_mul(at, p->pixel)), finish(p));
}

static int longest_segment(const Axis *a)
{
    int best = 0;
    for (int s = 1; s < a->n; s++)
        if (a->seg[s].hi - a->seg[s].lo > a->seg[best].hi - a->seg[best].lo)
            best = s;
    return best;
}

/* Loops over the outputs of axis `i` and inwards, one a segment. Without a loop over planes the
 * longest of the first axis is the parallel one. */
static void emit_axis(Pool *p, int i, bool outermost)
{
    static const char *const names[MAX_SPATIAL][MAX_SPATIAL] = {
        {"ox", "", ""}, {"oy", "ox", ""}, {"oz", "oy", "ox"}};
    if (i == p->n || i == MAX_SPATIAL) { /* the second says to compilers what the first implies */
        emit_output(p);
        return;
    }
    for (int s = 0; s < p->axis[i].n; s++) {
        const Segment *seg = &p->axis[i].seg[s];
        p->seg[i] = seg;
        bool loop = seg->hi - seg->lo > 1;
        KLoop kind = outermost && s == longest_segment(&p->axis[i]) ? KL_PARALLEL : KL_SERIAL;
        p->o[i] = aff(seg->lo);
        if (loop)
            p->o[i] = aff_var(kb_for(p->b, names[p->n - 1][i], seg->lo, seg->hi, 1, kind));
        emit_axis(p, i + 1, false);
        if (loop)
            kb_end(p->b);
    }
}

/* ---- the kernel ---- */

static const char *window_text(Arena *a, const Pool *p)
{
    const char *k = "", *s = "";
    for (int i = 0; i < p->n; i++) {
        k = arena_printf(a, "%s%s%lld", k, i ? "x" : "", (long long)p->axis[i].kernel);
        s = arena_printf(a, "%s%s%lld", s, i ? "x" : "", (long long)p->axis[i].stride);
    }
    return arena_printf(a, "%ss%s", k, s);
}

static void set_axes(Pool *p, const Value *in, const Value *out)
{
    for (int i = 0; i < p->n; i++) {
        int64_t x = in->shape.dim[i + 2], y = out->shape.dim[i + 2];
        const Axis a = window_axis(&p->p->w, i, x, y, MAX_SEGMENTS_PER_AXIS);
        p->guarded |= a.guarded;
        p->axis[i] = a;
    }
}

static bool check(const Pool *p, const Value *in, const Value *out)
{
    Graph *g = p->lw->graph;
    if (in->layout.block != out->layout.block && (in->layout.block > 1 || out->layout.block > 1))
        return node_unsupported(g, p->node, "its input and output differ in layout");
    bool max = p->node->op == OP_MaxPool;
    DType t = in->dtype;
    bool ok = dtype_is_float(t) || (max && dtype_is_integer(t));
    return ok || node_unsupported(g, p->node, "it has no kernel for %s", dtype_name(t));
}

bool lower_pool(Lower *lw, const Node *n)
{
    const Value *in = n->in[0], *out = n->out[0];
    if (n->n_out > 1 && n->out[1] && n->out[1]->place.kind != PLACE_NONE)
        return lower_pool_index(lw, n);
    Pool p = {.lw = lw, .node = n, .p = &n->params.pool, .n = n->params.pool.w.n};
    if (!check(&p, in, out))
        return false;
    set_axes(&p, in, out);
    p.pixel = in->layout.block > 1 ? in->layout.block : 1;
    p.type = value_type(in, (int)p.pixel);
    int64_t planes = in->shape.dim[0] * blocks_of(in, p.pixel);
    const char *op = n->op == OP_MaxPool ? "maxpool" : n->op == OP_LpPool ? "lppool" : "avgpool";
    const char *dims = dims_str(lw->arena, &in->shape, 1), *window = window_text(lw->arena, &p);
    p.b = kb_new(lw->arena, lw->program->target,
                 arena_printf(lw->arena, "%s%s_%s", op, window, dims));
    p.out = buf_value(p.b, "out", out, K_WRITE);
    p.in = buf_value(p.b, "in", in, K_READ);
    int depth = 0;
    Affine plane = nest_loop(p.b, p.pixel > 1 ? "block" : "plane", planes, 1, &depth);
    p.in_plane = aff_mul(plane, p.pixel * shape_range_numel(&in->shape, 2, in->shape.rank));
    p.out_plane = aff_mul(plane, p.pixel * shape_range_numel(&out->shape, 2, out->shape.rank));
    emit_axis(&p, 0, depth == 0);
    nest_close(p.b, &depth, 0);
    Arg args[2] = {arg_value(lw, out), arg_value(lw, in)};
    return lower_emit(lw, n, p.b,
                      arena_printf(lw->arena, "%s, window %s over %s, %d channels at a time",
                                   op_info(n->op)->name, window, dims, (int)p.pixel),
                      args);
}
