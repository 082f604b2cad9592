/* Operators that go through a line in order: ArgMax, ArgMin, Hardmax, CumSum, CumProd.
 *
 * NaN comes behind all numbers, whether the greatest or the least is looked for. Where lines are
 * neighbours in memory, vectors take several of them. Places are counted in i32 beside the
 * elements; the int64 results of ArgMax are converted by a second kernel then, since vectors do not
 * have that type. */
#include "codegen/lines.h"
#include "ir/ops.h"

#include <math.h>

/* ---- places of the greatest or least elements ---- */

typedef struct PlaceBody {
    bool is_max, last; /* of equal ones the last */
    const KReg *best, *place;
    KLet *found[LINES_WIDTH];
} PlaceBody;

/* The position of the element in its line, in every lane. */
static KExpr *position(Lines *l)
{
    return kb_splat(l->b, kb_index(l->b, KTYPE(KT_I32, 1), l->position), l->lanes);
}

/* Whether element x replaces the best one. */
static KExpr *is_better(Lines *l, const PlaceBody *p, const KLet *x)
{
    KBuilder *b = l->b;
    KOp op = p->is_max ? (p->last ? KO_GE : KO_GT) : (p->last ? KO_LE : KO_LT);
    KExpr *better = kb_cmp(b, op, kb_use(b, x), lines_get(l, p->best));
    if (!kbase_is_float(l->base))
        return better;
    KExpr *no_best = kb_cmp(b, KO_NE, lines_get(l, p->best), lines_get(l, p->best));
    if (!p->last) /* a number, since the first NaN stays */
        no_best = kb_bin(b, KO_AND, no_best, kb_cmp(b, KO_EQ, kb_use(b, x), kb_use(b, x)));
    return kb_bin(b, KO_OR, better, no_best);
}

static void step_best(Lines *l, void *user)
{
    const PlaceBody *p = user;
    KBuilder *b = l->b;
    const KLet *x = kb_let(b, "x", lines_load(l, 1));
    const KLet *better = kb_let(b, "better", is_better(l, p, x));
    lines_set(l, p->best, kb_select(b, kb_use(b, better), kb_use(b, x), lines_get(l, p->best)));
    lines_set(l, p->place, kb_select(b, kb_use(b, better), position(l), lines_get(l, p->place)));
}

/* Walks for the best element, which starts as the first one. */
static void find_place(Lines *l, PlaceBody *p)
{
    KBuilder *b = l->b;
    p->best = kb_reg(b, "best", lines_type(l), 1, l->width, 0);
    p->place = lines_reg(l, "place", KT_I32, 0);
    for (l->u = 0; l->u < l->width; l->u++)
        kb_set1(b, p->best, aff(l->u), lines_load(l, 1));
    l->u = 0;
    lines_walk(l, step_best, p);
}

static void body_place(Lines *l, void *user)
{
    PlaceBody *p = user;
    find_place(l, p);
    for (l->u = 0; l->u < lines_results(l); l->u++)
        lines_store_result(l, 0, lines_get(l, p->place));
    l->u = 0;
}

static void step_one_hot(Lines *l, void *user)
{
    const PlaceBody *p = user;
    KBuilder *b = l->b;
    KExpr *here = kb_cmp(b, KO_EQ, lines_use(l, p->found), position(l));
    lines_store(l, 0,
                kb_select(b, here, kb_const(b, lines_type(l), 1), kb_const(b, lines_type(l), 0)));
}

static void body_one_hot(Lines *l, void *user)
{
    PlaceBody *p = user;
    find_place(l, p);
    for (l->u = 0; l->u < lines_results(l); l->u++)
        p->found[l->u] = kb_let(l->b, "found", lines_get(l, p->place));
    l->u = 0;
    lines_walk(l, step_one_hot, p);
}

/* ---- the kernels ---- */

static bool row_major(Lower *lw, const Node *n)
{
    const Value *in = n->in[0];
    if (in->layout.block <= 1 && n->out[0]->layout.block <= 1)
        return true;
    return node_unsupported(lw->graph, n, "it has no kernel but for row-major tensors");
}

/* NestBody: i32 to int64. */
static KExpr *widen(const void *user, Lower *lw, KBuilder *b, KExpr *const *x)
{
    (void)user;
    (void)lw;
    return kb_cvt(b, KTYPE(KT_I64, x[0]->type.lanes), x[0]);
}

static bool widen_places(Lower *lw, const Node *n, int64_t count, const char *name)
{
    static const int64_t one[] = {1};
    Nest nest = {.rank = 1, .extent = {count}};
    nest_memory(&nest, "out", KT_I64, count, arg_value(lw, n->out[0]), 0, one);
    nest_memory(&nest, "places", KT_I32, count, arg_scratch(n, 0), 0, one);
    return nest_emit(lw, n, arena_printf(lw->arena, "%s_widen", name), "places as int64", &nest,
                     widen, NULL);
}

bool lower_arg(Lower *lw, const Node *n)
{
    const Value *in = n->in[0], *out = n->out[0];
    const LineParams *p = &n->params.line;
    int axis = (int)p->axis;
    if (!row_major(lw, n))
        return false;
    bool is_max = n->op == OP_ArgMax, across = n->plan.scratch_bytes > 0;
    if (in->shape.dim[axis] > INT32_MAX)
        return node_unsupported(lw->graph, n, "an axis of more than 2^31 elements");
    int64_t count = shape_numel(&out->shape), inner = 0;
    inner = shape_range_numel(&in->shape, axis + 1, in->shape.rank);
    PlaceBody body = {.is_max = is_max, .last = p->last};
    const char *dims = dims_str(lw->arena, &in->shape, 0), *op = op_info(n->op)->name;
    LinesKernel k = {.body = body_place, .user = &body, .sequential = true};
    k.base = kbase_compute(kbase_of_dtype(in->dtype));
    k.name = arena_printf(lw->arena, "%s%d_%s", is_max ? "argmax" : "argmin", axis, dims);
    k.note = arena_printf(lw->arena, "%s of %s along axis %d", op, dims, axis);
    Nest nest = {.rank = 3,
                 .extent = {shape_range_numel(&in->shape, 0, axis), in->shape.dim[axis], inner}};
    bool along[NEST_AXES] = {false, true, false};
    int64_t from[] = {nest.extent[1] * inner, inner, 1}, to[] = {inner, 0, 1};
    nest_memory(&nest, across ? "places" : "out", across ? KT_I32 : KT_I64, count,
                across ? arg_scratch(n, 0) : arg_value(lw, out), 0, to);
    nest_strided(lw, &nest, "in", in, 0, from);
    return lines_emit(lw, n, &k, &nest, along, 0) &&
           (!across || widen_places(lw, n, count, k.name));
}

bool lower_hardmax(Lower *lw, const Node *n)
{
    const AxisParams *p = &n->params.axis;
    const Value *in = n->in[0], *out = n->out[0];
    PlaceBody body = {.is_max = true};
    Nest nest;
    bool along[NEST_AXES] = {false};
    if (!row_major(lw, n))
        return false;
    for (int i = 0; i < in->shape.rank; i++)
        along[i] = i == p->axis || (p->coerce_2d && i > p->axis);
    nest_space(&nest, out);
    nest_operand(lw, &nest, out, "out", out);
    nest_operand(lw, &nest, out, "in", in);
    const char *dims = dims_str(lw->arena, &in->shape, 0);
    LinesKernel k = {.body = body_one_hot, .user = &body, .sequential = true};
    k.base = kbase_compute(kbase_of_dtype(in->dtype));
    k.name = arena_printf(lw->arena, "hardmax%lld_%s", (long long)p->axis, dims);
    k.note = arena_printf(lw->arena, "Hardmax of %s along axis %lld", dims, (long long)p->axis);
    return lines_emit(lw, n, &k, &nest, along, 0);
}

/* ---- CumSum, CumProd ---- */

typedef struct Running {
    bool exclusive, product;
    const KReg *total, *carry; /* carry: NULL of products, and where plain sums are good enough */
} Running;

static void step_running(Lines *l, void *user)
{
    const Running *r = user;
    if (r->exclusive)
        lines_store(l, 0, lines_get(l, r->total));
    if (r->product)
        lines_combine(l, r->total, KO_MUL, lines_load(l, 1));
    else
        lines_add(l, r->total, r->carry, lines_load(l, 1));
    if (!r->exclusive)
        lines_store(l, 0, lines_get(l, r->total));
}

static void body_running(Lines *l, void *user)
{
    Running *r = user;
    r->total = lines_reg(l, r->product ? "product" : "sum", l->base, r->product);
    r->carry = r->product ? NULL : lines_carry(l);
    lines_walk(l, step_running, r);
}

bool lower_cumulate(Lower *lw, const Node *n)
{
    const LineParams *p = &n->params.line;
    const Value *in = n->in[0], *out = n->out[0];
    Running r = {.exclusive = p->exclusive, .product = n->op == OP_CumProd};
    Nest nest;
    bool along[NEST_AXES] = {false};
    if (!row_major(lw, n))
        return false;
    along[p->axis] = true;
    nest_space(&nest, out);
    nest_operand(lw, &nest, out, "out", out);
    nest_operand(lw, &nest, out, "in", in);
    for (int i = 0; p->reverse && i < 2; i++) { /* from the last element on */
        nest.op[i].at = (in->shape.dim[p->axis] - 1) * nest.op[i].stride[p->axis];
        nest.op[i].stride[p->axis] *= -1;
    }
    const char *dims = dims_str(lw->arena, &in->shape, 0);
    LinesKernel k = {.body = body_running, .user = &r, .sequential = true};
    k.base = kbase_compute(kbase_of_dtype(in->dtype));
    k.name = arena_printf(lw->arena, "%s%lld_%s", r.product ? "cumprod" : "cumsum",
                          (long long)p->axis, dims);
    k.note = arena_printf(lw->arena, "%s of %s along axis %lld%s%s", op_info(n->op)->name, dims,
                          (long long)p->axis, p->reverse ? ", from the end" : "",
                          p->exclusive ? ", exclusive" : "");
    return lines_emit(lw, n, &k, &nest, along, 0);
}
