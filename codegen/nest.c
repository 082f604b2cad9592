/* Nests -> elementwise kernels: spaces, operands, collapsing and the vector loop; codegen/nest.h
 * says what a nest is. Copies that transpose are in codegen/nest_copy.c. */
#include "codegen/nest.h"

#include <assert.h>
#include <string.h>

int lanes_for(int64_t n, int limit)
{
    int lanes = 1;
    while (lanes < limit && lanes < n)
        lanes *= 2;
    return lanes;
}

int lanes_of(const Target *t, KBase base)
{
    KBase compute = kbase_compute(base);
    return compute == KT_F32 || compute == KT_I32 ? t->lanes : 1;
}

const char *dims_str(Arena *a, const Shape *s, int first)
{
    const char *text = "";
    for (int i = first; i < s->rank; i++)
        text = arena_printf(a, "%s%s%lld", text, i > first ? "x" : "", (long long)s->dim[i]);
    return *text ? text : "1";
}

/* ---- spaces and operands ---- */

int64_t blocks_of(const Value *v, int64_t block)
{
    return ceil_div(v->shape.dim[1], block);
}

void nest_row_major(const Nest *nest, const bool *along, int64_t *stride)
{
    int64_t step = 1;
    for (int i = nest->rank - 1; i >= 0; i--) {
        bool moves = along == NULL || !along[i];
        stride[i] = moves ? step : 0;
        step *= moves ? nest->extent[i] : 1;
    }
}

void nest_space(Nest *nest, const Value *v)
{
    *nest = (Nest){.rank = v->shape.rank};
    for (int i = 0; i < v->shape.rank; i++)
        nest->extent[i] = v->shape.dim[i];
    if (v->layout.block > 1) {
        nest->extent[1] = blocks_of(v, v->layout.block);
        nest->extent[nest->rank++] = v->layout.block;
    }
}

void nest_memory(Nest *nest, const char *name, KBase base, int64_t n, Arg arg, int64_t at,
                 const int64_t *stride)
{
    NestOperand op = {.name = name, .base = base, .n = n, .arg = arg, .at = at};
    assert(nest->n < NEST_OPERANDS);
    memcpy(op.stride, stride, (size_t)nest->rank * sizeof *stride);
    nest->op[nest->n++] = op;
}

void nest_strided(Lower *lw, Nest *nest, const char *name, const Value *v, int64_t at,
                  const int64_t *stride)
{
    nest_memory(nest, name, kbase_of_dtype(v->dtype), value_physical_numel(v), arg_value(lw, v), at,
                stride);
}

void nest_table(Lower *lw, Nest *nest, const char *name, const Tensor *t, const int64_t *stride)
{
    nest_memory(nest, name, kbase_of_dtype(t->dtype), shape_numel(&t->shape), arg_tensor(lw, t), 0,
                stride);
}

/* Strides of a blocked operand over the axes [N][blocks][spatial…][block] of `space`. */
static void blocked_strides(const Value *space, const Value *v, int64_t *stride)
{
    int rank = v->shape.rank;
    int64_t step = v->layout.block;
    for (int i = rank - 1; i >= 0; i--) {
        int64_t extent = i == 1 ? blocks_of(v, v->layout.block) : v->shape.dim[i];
        stride[i] = v->shape.dim[i] == 1 ? 0 : step;
        step *= extent;
    }
    stride[rank] = v->shape.dim[1] == space->shape.dim[1];
}

void nest_operand(Lower *lw, Nest *nest, const Value *space, const char *name, const Value *v)
{
    int64_t stride[NEST_AXES] = {0}, own[MAX_RANK];
    int shift = space->shape.rank - v->shape.rank;
    if (v->layout.block > 1) {
        blocked_strides(space, v, stride);
    } else {
        shape_strides(&v->shape, own);
        for (int i = 0; i < v->shape.rank; i++)
            stride[i + shift] = v->shape.dim[i] == 1 ? 0 : own[i];
        if (space->layout.block > 1) { /* the channels of a plain operand */
            stride[space->shape.rank] = stride[1];
            stride[1] *= space->layout.block;
        }
    }
    nest_strided(lw, nest, name, v, 0, stride);
}

bool nest_split_tail(Nest *nest, const Value *v, Nest *tail)
{
    int64_t block = v->layout.block;
    if (block <= 1 || v->shape.dim[1] % block == 0)
        return false;
    *tail = *nest;
    nest->extent[1]--;
    tail->extent[1] = 1;
    tail->extent[nest->rank - 1] = v->shape.dim[1] % block;
    for (int i = 0; i < tail->n; i++)
        tail->op[i].at += tail->op[i].stride[1] * nest->extent[1];
    return true;
}

void nest_remove_axis(Nest *nest, int axis)
{
    size_t behind = (size_t)(nest->rank - axis - 1) * sizeof(int64_t);
    memmove(&nest->extent[axis], &nest->extent[axis + 1], behind);
    for (int i = 0; i < nest->n; i++)
        memmove(&nest->op[i].stride[axis], &nest->op[i].stride[axis + 1], behind);
    nest->rank--;
}

/* Whether axes `axis` and axis + 1 are one axis to every operand. */
static bool mergeable(const Nest *nest, int axis)
{
    for (int i = 0; i < nest->n; i++) {
        const int64_t *s = nest->op[i].stride;
        if (s[axis] != s[axis + 1] * nest->extent[axis + 1])
            return false;
    }
    return true;
}

void nest_collapse(Nest *nest)
{
    for (int i = nest->rank - 1; i >= 0; i--)
        if (nest->extent[i] == 1)
            nest_remove_axis(nest, i);
    for (int i = nest->rank - 2; i >= 0; i--)
        if (mergeable(nest, i)) {
            nest->extent[i + 1] *= nest->extent[i];
            nest_remove_axis(nest, i);
        }
    if (nest->rank == 0) {
        nest->rank = 1;
        nest->extent[0] = 1;
        for (int i = 0; i < nest->n; i++)
            nest->op[i].stride[0] = i == 0;
    }
}

/* ---- loops ---- */

static Affine open_loop(KBuilder *b, const char *name, int64_t extent, int64_t step, KLoop kind,
                        int *depth)
{
    if (extent <= step)
        return aff(0);
    ++*depth;
    return aff_var(kb_for(b, name, 0, extent, step, kind));
}

Affine nest_loop(KBuilder *b, const char *name, int64_t extent, int64_t step, int *depth)
{
    return open_loop(b, name, extent, step, *depth == 0 ? KL_PARALLEL : KL_SERIAL, depth);
}

Affine nest_serial_loop(KBuilder *b, const char *name, int64_t extent, int64_t step, int *depth)
{
    return open_loop(b, name, extent, step, KL_SERIAL, depth);
}

void nest_close(KBuilder *b, int *depth, int to)
{
    for (; *depth > to; --*depth)
        kb_end(b);
}

/* One kernel under construction. */
typedef struct Emit {
    Lower *lw;
    KBuilder *b;
    const Nest *nest;
    KBuf *buf[NEST_OPERANDS];
    Affine at[NEST_OPERANDS];         /* of the current row */
    const KLet *fixed[NEST_OPERANDS]; /* scalars that do not move along the row */
    NestBody body;
    const void *user;
} Emit;

/* Whether every operand moves by 0 or 1 along the innermost axis, and the widest vector. */
static int row_lanes(const Emit *e)
{
    const Nest *nest = e->nest;
    int lanes = nest->scalar ? 1 : kb_target(e->b)->lanes, last = nest->rank - 1;
    for (int i = 0; i < nest->n; i++) {
        int64_t s = nest->op[i].stride[last];
        int own = lanes_of(kb_target(e->b), nest->op[i].base);
        lanes = own < lanes ? own : lanes;
        if (s != 1 && (s != 0 || i == 0))
            lanes = 1;
    }
    return lanes;
}

/* Loads the operands at `x` of the row and stores the result. */
static void emit_point(Emit *e, Affine x, int lanes, int active)
{
    const Nest *nest = e->nest;
    int last = nest->rank - 1;
    KExpr *in[NEST_OPERANDS] = {0};
    for (int i = 1; i < nest->n; i++) {
        int64_t s = nest->op[i].stride[last];
        Affine at = aff_add(e->at[i], aff_mul(x, s));
        if (e->fixed[i])
            in[i - 1] = kb_splat(e->b, kb_use(e->b, e->fixed[i]), lanes);
        else if (s == 0)
            in[i - 1] = kb_splat(e->b, kb_load(e->b, e->buf[i], at, 1), lanes);
        else
            in[i - 1] = kb_load_tail(e->b, e->buf[i], at, lanes, active);
    }
    KExpr *y = e->body ? e->body(e->user, e->lw, e->b, in) : in[0];
    kb_store_tail(e->b, e->buf[0], aff_add(e->at[0], aff_mul(x, nest->op[0].stride[last])), y,
                  active);
}

/* The innermost axis: whole vectors, then what remains. */
static void emit_row(Emit *e, int depth)
{
    const Nest *nest = e->nest;
    int last = nest->rank - 1, outer = depth;
    int64_t extent = nest->extent[last];
    int lanes = lanes_for(extent, row_lanes(e));
    int64_t whole = extent / lanes * lanes;
    for (int i = 1; i < nest->n && depth > 0; i++)
        if (nest->op[i].stride[last] == 0)
            e->fixed[i] = kb_let(e->b, nest->op[i].name, kb_load(e->b, e->buf[i], e->at[i], 1));
    if (whole > 0) {
        Affine x = nest_loop(e->b, "i", whole, lanes, &depth);
        emit_point(e, x, lanes, lanes);
        nest_close(e->b, &depth, outer);
    }
    if (whole < extent) {
        int rest = (int)(extent - whole);
        emit_point(e, aff(whole), lanes_for(rest, lanes), rest);
    }
}

bool nest_emit(Lower *lw, const Node *n, const char *name, const char *note, Nest *nest,
               NestBody body, const void *user)
{
    static const char *const names[NEST_AXES] = {"row", "plane", "volume", "j", "k", "l", "m", "o",
                                                 "p",   "q",     "r",      "s", "t", "u", "v", "w"};
    nest_collapse(nest);
    Emit e = {.lw = lw, .nest = nest, .body = body, .user = user};
    e.b = kb_new(lw->arena, lw->program->target, name);
    Arg args[NEST_OPERANDS];
    for (int i = 0; i < nest->n; i++) {
        const NestOperand *op = &nest->op[i];
        e.buf[i] = kb_buf(e.b, op->name, op->base, op->n, i == 0 ? K_WRITE : K_READ);
        e.at[i] = aff(op->at);
        args[i] = op->arg;
    }
    int depth = 0;
    for (int axis = 0; axis < nest->rank - 1; axis++) {
        Affine v = nest_loop(e.b, names[nest->rank - 2 - axis], nest->extent[axis], 1, &depth);
        for (int i = 0; i < nest->n; i++)
            e.at[i] = aff_add(e.at[i], aff_mul(v, nest->op[i].stride[axis]));
    }
    emit_row(&e, depth);
    nest_close(e.b, &depth, 0);
    return lower_emit(lw, n, e.b, note, args);
}
