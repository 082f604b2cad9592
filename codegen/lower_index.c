/* Tile, DepthToSpace, SpaceToDepth as strided copies; Trilu, EyeLike, OneHot, Range from the
 * coordinates. Plain layouts, any dtype. */
#include "codegen/index.h"
#include "ir/ops.h"

static const KType i64 = {KT_I64, 1};

/* ---- strided copies ---- */

static void add_axis(Nest *nest, int64_t extent, int64_t *out, int64_t out_step, int64_t *in,
                     int64_t in_step)
{
    out[nest->rank] = out_step;
    in[nest->rank] = in_step;
    nest->extent[nest->rank++] = extent;
}

static bool emit_copy(Lower *lw, const Node *n, const char *verb, Nest *nest, const int64_t *out,
                      const int64_t *in)
{
    const char *from = dims_str(lw->arena, &n->in[0]->shape, 0);
    const char *to = dims_str(lw->arena, &n->out[0]->shape, 0);
    nest_strided(lw, nest, "out", n->out[0], 0, out);
    nest_strided(lw, nest, "in", n->in[0], 0, in);
    return nest_copy(lw, n, arena_printf(lw->arena, "%s_%s_to_%s", verb, from, to),
                     arena_printf(lw->arena, "%s %s to %s", op_info(n->op)->name, from, to), nest);
}

/* Each axis is [repeats][extent], without those that are 1. */
bool lower_tile(Lower *lw, const Node *n)
{
    const Shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    int64_t out[NEST_AXES], in[NEST_AXES], from[MAX_RANK], to[MAX_RANK];
    Nest nest = {.rank = 0};
    shape_strides(x, from);
    shape_strides(y, to);
    for (int i = 0; i < x->rank; i++) {
        int64_t repeats = n->params.tile.repeats[i];
        if (repeats != 1)
            add_axis(&nest, repeats, out, to[i] * x->dim[i], in, 0);
        if (x->dim[i] != 1)
            add_axis(&nest, x->dim[i], out, to[i], in, from[i]);
    }
    return emit_copy(lw, n, "tile", &nest, out, in);
}

/* Axes n, c, h, i, w, j between space [n][c][h·b+i][w·b+j] and depth [n][channel(c, i, j)][h][w].
 */
static void block_axes(Nest *nest, const Shape *depth, int64_t b, bool channels_first,
                       int64_t *space_step, int64_t *depth_step)
{
    int64_t h = depth->dim[2], w = depth->dim[3], c = depth->dim[1] / (b * b), plane = h * w;
    int64_t cell = channels_first ? plane : c * plane; /* between the channels of two cells */
    add_axis(nest, depth->dim[0], space_step, c * plane * b * b, depth_step, c * plane * b * b);
    add_axis(nest, c, space_step, plane * b * b, depth_step,
             channels_first ? b * b * plane : plane);
    add_axis(nest, h, space_step, w * b * b, depth_step, w);
    add_axis(nest, b, space_step, w * b, depth_step, b * cell);
    add_axis(nest, w, space_step, b, depth_step, 1);
    add_axis(nest, b, space_step, 1, depth_step, cell);
}

bool lower_depth_to_space(Lower *lw, const Node *n)
{
    int64_t out[NEST_AXES], in[NEST_AXES];
    Nest nest = {.rank = 0};
    block_axes(&nest, &n->in[0]->shape, n->params.depth.block, n->params.depth.channels_first, out,
               in);
    return emit_copy(lw, n, "depth_to_space", &nest, out, in);
}

bool lower_space_to_depth(Lower *lw, const Node *n)
{
    int64_t out[NEST_AXES], in[NEST_AXES];
    Nest nest = {.rank = 0};
    block_axes(&nest, &n->out[0]->shape, n->params.depth.block, false, in, out);
    return emit_copy(lw, n, "space_to_depth", &nest, out, in);
}

/* ---- from coordinates ---- */

bool lower_trilu(Lower *lw, const Node *n)
{
    const Shape *s = &n->in[0]->shape;
    const DiagonalParams *p = &n->params.diagonal;
    const Value *given = node_own_inputs(n) > 1 ? n->in[1] : NULL;
    int64_t rows = s->dim[s->rank - 2], columns = s->dim[s->rank - 1];
    const char *dims = dims_str(lw->arena, s, 0), *side = p->upper ? "triu" : "tril";
    KBuilder *b =
        kb_new(lw->arena, lw->program->target, arena_printf(lw->arena, "%s_%s", side, dims));
    KBuf *out = buf_value(b, "out", n->out[0], K_WRITE), *in = buf_value(b, "in", n->in[0], K_READ);
    Arg args[3] = {arg_value(lw, n->out[0]), arg_value(lw, n->in[0])};
    int depth = 0;
    KBuf *diagonal = given ? buf_value(b, "k", given, K_READ) : NULL;
    if (given)
        args[2] = arg_value(lw, given);
    Affine m = nest_loop(b, "matrix", shape_range_numel(s, 0, s->rank - 2), 1, &depth);
    Affine i = nest_loop(b, "i", rows, 1, &depth), j = nest_loop(b, "j", columns, 1, &depth);
    Affine at = aff_add(aff_mul(aff_add(aff_mul(m, rows), i), columns), j);
    KExpr *k = given ? kb_cvt(b, i64, kb_load(b, diagonal, aff(0), 1)) : kb_int(b, i64, p->k);
    KExpr *keeps = kb_cmp(b, p->upper ? KO_GE : KO_LE, kb_index(b, i64, aff_sub(j, i)), k);
    KExpr *x = kb_load(b, in, at, 1);
    kb_store(b, out, at, kb_select(b, keeps, x, kb_const(b, x->type, 0)));
    nest_close(b, &depth, 0);
    return lower_emit(lw, n, b, arena_printf(lw->arena, "Trilu %s, %s", dims, side), args);
}

bool lower_eye_like(Lower *lw, const Node *n)
{
    const Value *y = n->out[0];
    const char *dims = dims_str(lw->arena, &y->shape, 0);
    KBuilder *b =
        kb_new(lw->arena, lw->program->target, arena_printf(lw->arena, "eye_like_%s", dims));
    KBuf *out = buf_value(b, "out", y, K_WRITE);
    KType type = value_type(y, 1);
    int depth = 0;
    Affine i = nest_loop(b, "i", y->shape.dim[0], 1, &depth);
    Affine j = nest_loop(b, "j", y->shape.dim[1], 1, &depth);
    KExpr *on =
        kb_cmp(b, KO_EQ, kb_index(b, i64, aff_sub(j, i)), kb_int(b, i64, n->params.diagonal.k));
    kb_store(b, out, aff_add(aff_mul(i, y->shape.dim[1]), j),
             kb_select(b, on, kb_const(b, type, 1), kb_const(b, type, 0)));
    nest_close(b, &depth, 0);
    Arg arg = arg_value(lw, y);
    return lower_emit(lw, n, b, arena_printf(lw->arena, "EyeLike %s", dims), &arg);
}

bool lower_range(Lower *lw, const Node *n)
{
    const Value *y = n->out[0];
    const Tensor *start = n->in[0]->constant, *delta = n->in[2]->constant;
    const char *dims = dims_str(lw->arena, &y->shape, 0);
    KBuilder *b = kb_new(lw->arena, lw->program->target, arena_printf(lw->arena, "range_%s", dims));
    KBuf *out = buf_value(b, "out", y, K_WRITE);
    KType f64 = KTYPE(KT_F64, 1);
    int depth = 0;
    Affine i = nest_loop(b, "i", y->shape.dim[0], 1, &depth);
    KExpr *x;
    if (dtype_is_float(y->dtype)) {
        KExpr *steps = kb_bin(b, KO_MUL, kb_cvt(b, f64, kb_index(b, i64, i)),
                              kb_const(b, f64, tensor_get_f64(delta, 0)));
        x = kb_bin(b, KO_ADD, kb_const(b, f64, tensor_get_f64(start, 0)), steps);
    } else {
        x = kb_bin(b, KO_MUL, kb_index(b, i64, i), kb_int(b, i64, tensor_get_i64(delta, 0)));
        x = kb_bin(b, KO_ADD, kb_int(b, i64, tensor_get_i64(start, 0)), x);
    }
    kb_store(b, out, i, kb_cvt(b, value_type(y, 1), x));
    nest_close(b, &depth, 0);
    Arg arg = arg_value(lw, y);
    return lower_emit(lw, n, b, arena_printf(lw->arena, "Range of %s", dims), &arg);
}

/* ---- OneHot ---- */

/* The hot position as i64, negative ones counted from the end; one outside matches nothing. */
static const KLet *hot_position(KBuilder *b, const KBuf *indices, Affine at, int64_t depth)
{
    KExpr *x = kb_load(b, indices, at, 1);
    if (x->type.base == KT_F32 || x->type.base == KT_F64) { /* truncated; NaN is outside */
        double far = (double)depth + 1;
        x = kb_bin(b, KO_MAX, x, kb_const(b, x->type, -far));
        x = kb_bin(b, KO_MIN, x, kb_const(b, x->type, far));
    }
    const KLet *index = kb_let(b, "index", kb_cvt(b, i64, x));
    KExpr *negative = kb_cmp(b, KO_LT, kb_use(b, index), kb_int(b, i64, 0));
    KExpr *wrapped = kb_bin(b, KO_ADD, kb_use(b, index), kb_int(b, i64, depth));
    return kb_let(b, "hot", kb_select(b, negative, wrapped, kb_use(b, index)));
}

bool lower_one_hot(Lower *lw, const Node *n)
{
    const Value *y = n->out[0];
    int axis = (int)n->params.index.axis, open = 0;
    int64_t depth = n->params.index.depth;
    int64_t inner = shape_range_numel(&y->shape, axis + 1, y->shape.rank);
    const char *dims = dims_str(lw->arena, &y->shape, 0);
    KBuilder *b =
        kb_new(lw->arena, lw->program->target, arena_printf(lw->arena, "one_hot%d_%s", axis, dims));
    KBuf *out = buf_value(b, "out", y, K_WRITE);
    KBuf *indices = buf_value(b, "indices", n->in[0], K_READ);
    KBuf *values = buf_value(b, "values", n->in[2], K_READ);
    Affine o = nest_loop(b, "outer", shape_range_numel(&y->shape, 0, axis), 1, &open);
    Affine j = nest_loop(b, "j", depth, 1, &open), i = nest_loop(b, "i", inner, 1, &open);
    const KLet *hot = hot_position(b, indices, aff_add(aff_mul(o, inner), i), depth);
    KExpr *is_hot = kb_cmp(b, KO_EQ, kb_use(b, hot), kb_index(b, i64, j));
    KExpr *off = kb_load(b, values, aff(0), 1), *on = kb_load(b, values, aff(1), 1);
    kb_store(b, out, aff_add(aff_mul(aff_add(aff_mul(o, depth), j), inner), i),
             kb_select(b, is_hot, on, off));
    nest_close(b, &open, 0);
    Arg args[3] = {arg_value(lw, y), arg_value(lw, n->in[0]), arg_value(lw, n->in[2])};
    return lower_emit(lw, n, b, arena_printf(lw->arena, "OneHot %s", dims), args);
}
