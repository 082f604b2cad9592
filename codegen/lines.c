/* Lines: the loops around bodies and steps, and access to operands; codegen/lines.h says what a
 * line is.
 *
 * The loops over the kept axes stand outside, the first of them parallel; the loops of a walk are
 * never parallel, since they carry registers. */
#include "codegen/lines.h"

#include <float.h>
#include <string.h>

KType lines_type(const Lines *l)
{
    return KTYPE(l->base, l->lanes);
}

KType lines_result_type(const Lines *l)
{
    return KTYPE(l->base, l->vectors_along ? 1 : l->lanes);
}

int lines_results(const Lines *l)
{
    return l->vectors_along ? 1 : l->width;
}

/* ---- operands ---- */

static int last_axis(const Lines *l)
{
    return l->nest->rank - 1;
}

/* Whether the lanes of a vector read different elements of operand i. */
static bool moves(const Lines *l, int i)
{
    return l->lanes > 1 && l->nest->op[i].stride[last_axis(l)] != 0;
}

/* The first lane of vector u. */
static Affine vector_at(const Lines *l, int i, Affine at)
{
    int64_t step = l->nest->op[i].stride[last_axis(l)];
    return aff_addc(at, step * l->u * l->lanes);
}

KExpr *lines_load(Lines *l, int i)
{
    KBuilder *b = l->b;
    Affine at = vector_at(l, i, l->at[i]);
    KExpr *x = moves(l, i) ? kb_load_tail(b, l->buf[i], at, l->lanes, l->active)
                           : kb_splat(b, kb_load(b, l->buf[i], at, 1), l->lanes);
    return kb_cvt(b, lines_type(l), x);
}

/* `x` as what a store to operand i takes. */
static KExpr *storable(Lines *l, int i, KExpr *x)
{
    return kb_cvt(l->b, KTYPE(kbase_compute(l->buf[i]->base), x->type.lanes), x);
}

void lines_store(Lines *l, int i, KExpr *x)
{
    kb_store_tail(l->b, l->buf[i], vector_at(l, i, l->at[i]), storable(l, i, x), l->active);
}

void lines_store_result(Lines *l, int i, KExpr *x)
{
    Affine at = l->vectors_along ? l->line[i] : vector_at(l, i, l->line[i]);
    kb_store_tail(l->b, l->buf[i], at, storable(l, i, x), l->vectors_along ? 1 : l->active);
}

/* ---- registers ---- */

const KReg *lines_reg(Lines *l, const char *name, KBase base, double init)
{
    KType type = KTYPE(base, l->lanes);
    const KReg *r = kb_reg(l->b, name, type, 1, l->width, 0);
    for (int u = 0; u < l->width; u++)
        kb_set1(l->b, r, aff(u), kb_const(l->b, type, init));
    return r;
}

KExpr *lines_get(Lines *l, const KReg *reg)
{
    return kb_get1(l->b, reg, aff(l->u));
}

void lines_set(Lines *l, const KReg *reg, KExpr *x)
{
    int order[MAX_LANES];
    if (l->vectors_along && l->active < l->lanes) {
        for (int i = 0; i < l->lanes; i++)
            order[i] = i < l->active ? i : l->lanes + i;
        x = kb_shuf(l->b, x, lines_get(l, reg), order, l->lanes);
    }
    kb_set1(l->b, reg, aff(l->u), x);
}

void lines_combine(Lines *l, const KReg *reg, KOp op, KExpr *x)
{
    bool is_extreme = op == KO_MIN || op == KO_MAX;
    lines_set(l, reg, (is_extreme ? extreme : kb_bin)(l->b, op, lines_get(l, reg), x));
}

const KReg *lines_carry(Lines *l)
{
    enum { LONG_LINE = 2048 };
    bool is_long = l->n >= LONG_LINE && (l->base == KT_F32 || l->base == KT_F64);
    return is_long ? lines_reg(l, "carry", l->base, 0) : NULL;
}

void lines_add(Lines *l, const KReg *sum, const KReg *carry, KExpr *x)
{
    KBuilder *b = l->b;
    if (carry == NULL) {
        lines_combine(l, sum, KO_ADD, x);
        return;
    }
    const double most = l->base == KT_F64 ? DBL_MAX : (double)FLT_MAX;
    const KType type = lines_type(l);
    const KLet *y = kb_let(b, "y", kb_bin(b, KO_SUB, x, lines_get(l, carry)));
    const KLet *t = kb_let(b, "t", kb_bin(b, KO_ADD, lines_get(l, sum), kb_use(b, y)));
    KExpr *rounded = kb_bin(b, KO_SUB, kb_use(b, t), lines_get(l, sum));
    KExpr *lost = kb_bin(b, KO_SUB, rounded, kb_use(b, y));
    KExpr *finite = kb_cmp(b, KO_LE, kb_un(b, KO_ABS, kb_use(b, t)), kb_const(b, type, most));
    lines_set(l, carry, kb_select(b, finite, lost, kb_const(b, type, 0)));
    lines_set(l, sum, kb_use(b, t));
}

KExpr *lines_total(Lines *l, const KReg *reg, KOp op)
{
    if (!l->vectors_along)
        return lines_get(l, reg);
    KExpr *x = kb_get1(l->b, reg, aff(0));
    bool is_extreme = op == KO_MIN || op == KO_MAX;
    for (int u = 1; u < l->width; u++)
        x = (is_extreme ? extreme : kb_bin)(l->b, op, x, kb_get1(l->b, reg, aff(u)));
    return (is_extreme ? extreme_lane : kb_reduce)(l->b, op, x);
}

KExpr *lines_use(Lines *l, KLet *const *results)
{
    return l->vectors_along ? kb_splat(l->b, kb_use(l->b, results[0]), l->lanes)
                            : kb_use(l->b, results[l->u]);
}

/* ---- the walk ---- */

/* Moves every operand by `x` steps along `axis`. */
static void advance(Lines *l, Affine *at, int axis, Affine x)
{
    for (int i = 0; i < l->nest->n; i++)
        at[i] = aff_add(at[i], aff_mul(x, l->nest->op[i].stride[axis]));
}

/* `vectors` vectors of the innermost axis from element `x` on. */
static void step_at(Lines *l, Affine x, int vectors, int active, LinesStep *step, void *user)
{
    Affine at[NEST_OPERANDS], position = l->position;
    memcpy(at, l->at, sizeof at);
    advance(l, l->at, last_axis(l), x);
    l->active = active;
    for (l->u = 0; l->u < vectors; l->u++) {
        l->position = aff_addc(aff_add(position, x), (int64_t)l->u * l->lanes);
        step(l, user);
    }
    l->u = 0;
    l->position = position;
    memcpy(l->at, at, sizeof at);
}

/* The innermost axis, when it runs along the line: groups of vectors, vectors, the rest. */
static void walk_row(Lines *l, int depth, LinesStep *step, void *user)
{
    int64_t extent = l->nest->extent[last_axis(l)], done = 0;
    int outer = depth, lanes = l->lanes;
    for (int vectors = l->width; vectors >= 1; vectors = vectors > 1 ? 1 : 0) {
        int64_t group = (int64_t)vectors * lanes, whole = (extent - done) / group * group;
        if (whole == 0)
            continue;
        Affine x = aff_addc(nest_loop(l->b, "i", whole, group, &depth), done);
        step_at(l, x, vectors, lanes, step, user);
        nest_close(l->b, &depth, outer);
        done += whole;
    }
    if (done < extent)
        step_at(l, aff(done), 1, (int)(extent - done), step, user);
}

void lines_walk(Lines *l, LinesStep *step, void *user)
{
    static const char *const names[] = {"k", "r", "s", "t", "v", "w", "x", "y", "z"};
    const Nest *nest = l->nest;
    Affine at[NEST_OPERANDS];
    int active = l->active, depth = l->depth > 0 ? l->depth : 1, outer = depth, name = 0;
    if (l->n == 0)
        return;
    memcpy(at, l->at, sizeof at);
    l->position = aff(0);
    bool row = l->along[last_axis(l)];
    int64_t behind = l->n;
    for (int axis = 0; axis < nest->rank - (row ? 1 : 0); axis++) {
        if (!l->along[axis])
            continue;
        behind /= nest->extent[axis];
        Affine v = nest_loop(l->b, names[name++], nest->extent[axis], 1, &depth);
        advance(l, l->at, axis, v);
        l->position = aff_add(l->position, aff_mul(v, behind));
    }
    if (row)
        walk_row(l, depth, step, user);
    else
        for (l->u = 0; l->u < l->width; l->u++)
            step(l, user);
    nest_close(l->b, &depth, outer);
    l->u = 0;
    l->active = active;
    memcpy(l->at, at, sizeof at);
}

/* ---- the lines ---- */

/* Drops axes of extent 1 and merges neighbours of one kind that are contiguous everywhere. */
static void collapse(Lines *l)
{
    Nest *nest = l->nest;
    for (int i = nest->rank - 1; i >= 0; i--) {
        bool drop = nest->extent[i] == 1,
             merge = !drop && i + 1 < nest->rank && l->along[i] == l->along[i + 1];
        for (int k = 0; k < nest->n && merge; k++)
            merge = nest->op[k].stride[i] == nest->op[k].stride[i + 1] * nest->extent[i + 1];
        if (merge)
            nest->extent[i + 1] *= nest->extent[i];
        if (!drop && !merge)
            continue;
        nest_remove_axis(nest, i);
        memmove(&l->along[i], &l->along[i + 1], (size_t)(nest->rank - i) * sizeof *l->along);
    }
    if (nest->rank == 0) {
        nest->rank = 1;
        nest->extent[0] = 1;
        for (int k = 0; k < nest->n; k++)
            nest->op[k].stride[0] = 0;
        l->along[0] = false;
    }
}

/* Vectors where every operand has a type that vectors have, and moves by 0 or 1. */
static void choose_vectors(Lines *l, const LinesKernel *k)
{
    const Nest *nest = l->nest;
    int last = last_axis(l), lanes = lanes_of(kb_target(l->b), l->base);
    bool along = l->along[last];
    for (int i = 0; i < nest->n; i++) {
        int64_t s = nest->op[i].stride[last];
        if (lanes_of(kb_target(l->b), nest->op[i].base) == 1 || (s != 0 && s != 1) ||
            (i == 0 && s == 0 && !along))
            lanes = 1;
    }
    if (along && k->sequential)
        lanes = 1;
    int64_t extent = nest->extent[last];
    l->lanes = lanes_for(extent, lanes);
    l->vectors_along = along;
    l->width = lanes > 1 && extent >= LINES_WIDTH * (int64_t)l->lanes ? LINES_WIDTH : 1;
}

/* The body at lines x, x + 1, … of the innermost axis, which is kept. */
static void body_at(Lines *l, Affine x, int width, int active, const LinesKernel *k)
{
    Affine line[NEST_OPERANDS];
    memcpy(line, l->line, sizeof line);
    advance(l, l->line, last_axis(l), x);
    memcpy(l->at, l->line, sizeof l->at);
    l->width = width;
    l->active = active;
    l->u = 0;
    k->body(l, k->user);
    memcpy(l->line, line, sizeof line);
}

/* Vectors of neighbouring lines: groups, what is left of whole vectors, the rest. */
static void emit_across(Lines *l, const LinesKernel *k)
{
    int64_t extent = l->nest->extent[last_axis(l)], group = (int64_t)l->width * l->lanes;
    int64_t done = extent / group * group;
    int outer = l->depth, width = l->width;
    if (done > 0) {
        Affine x = nest_loop(l->b, "j", done, group, &l->depth);
        body_at(l, x, width, l->lanes, k);
        nest_close(l->b, &l->depth, outer);
    }
    int vectors = (int)((extent - done) / l->lanes), rest = (int)((extent - done) % l->lanes);
    if (vectors > 0)
        body_at(l, aff(done), vectors, l->lanes, k);
    l->lanes = lanes_for(rest, l->lanes);
    if (rest > 0)
        body_at(l, aff(extent - rest), 1, rest, k);
}

static void open_buffers(Lines *l, unsigned more, Arg *args)
{
    for (int i = 0; i < l->nest->n; i++) {
        const NestOperand *op = &l->nest->op[i];
        bool also = more >> i & 1;
        KAccess access = i == 0 ? (also ? K_READ_WRITE : K_WRITE) : also ? K_WRITE : K_READ;
        l->buf[i] = kb_buf(l->b, op->name, op->base, op->n, access);
        l->line[i] = aff(op->at);
        args[i] = op->arg;
    }
}

bool lines_emit(Lower *lw, const Node *n, const LinesKernel *k, Nest *nest,
                const bool along[NEST_AXES], unsigned more)
{
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "o"};
    Lines l = {.lw = lw, .nest = nest, .base = k->base, .n = 1};
    Arg args[NEST_OPERANDS];
    memcpy(l.along, along, sizeof l.along);
    for (int i = 0; i < nest->rank; i++)
        l.n *= along[i] ? nest->extent[i] : 1;
    collapse(&l);
    l.b = kb_new(lw->arena, lw->program->target, k->name);
    choose_vectors(&l, k);
    open_buffers(&l, more, args);
    int last = last_axis(&l);
    for (int axis = 0, name = 0; axis < nest->rank; axis++)
        if (!l.along[axis] && axis < last)
            advance(&l, l.line, axis,
                    nest_loop(l.b, names[name++], nest->extent[axis], 1, &l.depth));
    if (l.vectors_along) {
        memcpy(l.at, l.line, sizeof l.at);
        l.active = l.lanes;
        k->body(&l, k->user);
    } else {
        emit_across(&l, k);
    }
    nest_close(l.b, &l.depth, 0);
    return lower_emit(lw, n, l.b, k->note, args);
}
