/* The quantised operators that work element by element: QuantizeLinear, DequantizeLinear,
 * DynamicQuantizeLinear, QLinearAdd, QLinearMul and Lookup.
 *
 * Each is a nest (codegen/nest.h) in which scales and zero points that are not one known number are
 * operands that stand still along the axes they do not have. Blocks along an axis are two axes of
 * the nest; a last block that is not full is a nest of its own. Lookup reads its table at the index
 * that the operand is. */
#include "codegen/nest.h"
#include "codegen/quant.h"
#include "ir/ops.h"

/* Where the operands of node->in[i] are among those of the nest's body. */
enum { QUANT_OPERANDS = 8, ABSENT = -1 };

typedef struct QuantNode {
    const Node *node;
    int slot[QUANT_OPERANDS];
} QuantNode;

/* Operand `i` of the node: as the body gets it, or its one known number, or `fallback` where it is
 * absent. */
static KExpr *operand(const QuantNode *q, KBuilder *b, KExpr *const *x, int i, int lanes)
{
    const QuantOperand fixed = {i < q->node->n_in ? q->node->in[i] : NULL, NULL};
    return q->slot[i] >= 0 ? x[q->slot[i]] : quant_load(b, &fixed, aff(0), lanes);
}

static bool is_zero(const QuantNode *q, int i)
{
    const QuantOperand fixed = {i < q->node->n_in ? q->node->in[i] : NULL, NULL};
    return quant_is_zero(&fixed);
}

/* Adds operand `i` with these strides unless it is absent or one known number. */
static void add_operand(Lower *lw, Nest *nest, QuantNode *q, int i, const char *name, int64_t at,
                        const int64_t *stride)
{
    const Value *v = i < q->node->n_in ? q->node->in[i] : NULL;
    q->slot[i] = ABSENT;
    if (v == NULL || (v->constant && shape_numel(&v->shape) == 1 && i > 0))
        return;
    q->slot[i] = nest->n - 1; /* operand 0 of the nest is the result */
    nest_strided(lw, nest, name, v, at, stride);
}

static const int64_t standing[NEST_AXES];

/* ---- QuantizeLinear, DequantizeLinear ---- */

static KExpr *quantize_body(const void *user, Lower *lw, KBuilder *b, KExpr *const *x)
{
    (void)lw;
    const QuantNode *q = user;
    int lanes = x[0]->type.lanes;
    KExpr *real = kb_cvt(b, KTYPE(KT_F32, lanes), x[0]);
    KExpr *quotient = kb_bin(b, KO_DIV, real, operand(q, b, x, 1, lanes));
    return quant_saturate(b, q->node->out[0]->dtype, quotient, operand(q, b, x, 2, lanes));
}

static KExpr *dequantize_body(const void *user, Lower *lw, KBuilder *b, KExpr *const *x)
{
    (void)lw;
    const QuantNode *q = user;
    int lanes = x[0]->type.lanes;
    KExpr *difference = is_zero(q, 2) ? x[0] : kb_bin(b, KO_SUB, x[0], operand(q, b, x, 2, lanes));
    return kb_bin(b, KO_MUL, kb_cvt(b, KTYPE(KT_F32, lanes), difference),
                  operand(q, b, x, 1, lanes));
}

/* Elements first … first + count - 1 along the axis, which fall into blocks of `block`: the axis
 * becomes two. Not blocked: block = 0. */
static bool emit_blocks(Lower *lw, const Node *n, int64_t first, int64_t count, int64_t block,
                        NestBody body)
{
    const QuantParams *p = &n->params.quant;
    const Value *x = n->in[0], *scale = n->in[1];
    int axis = (int)p->axis, rank = x->shape.rank;
    bool one = shape_numel(&scale->shape) == 1, blocked = !one && block > 0 && p->block > 0;
    Nest nest = {0};
    QuantNode q = {.node = n};
    int64_t own[MAX_RANK] = {0}, of_scale[MAX_RANK] = {0}, stride[NEST_AXES], still[NEST_AXES];
    shape_strides(&x->shape, own);
    shape_strides(&scale->shape, of_scale);
    for (int i = 0; i < rank; i++) {
        int k = nest.rank++;
        bool cut = blocked && i == axis;
        nest.extent[k] = cut ? count / block : x->shape.dim[i];
        stride[k] = cut ? own[i] * block : own[i];
        still[k] = one ? 0 : p->block ? of_scale[i] : i == axis;
        if (!cut)
            continue;
        nest.extent[nest.rank] = block;
        stride[nest.rank] = own[i];
        still[nest.rank++] = 0;
    }
    int64_t at = blocked ? first * own[axis] : 0;
    int64_t scale_at = blocked ? first / p->block * of_scale[axis] : 0;
    nest_strided(lw, &nest, "out", n->out[0], at, stride);
    add_operand(lw, &nest, &q, 0, "x", at, stride);
    add_operand(lw, &nest, &q, 1, "scale", scale_at, still);
    add_operand(lw, &nest, &q, 2, "zero", scale_at, still);
    const char *what = n->op == OP_QuantizeLinear ? "quantize" : "dequantize";
    const char *dims = dims_str(lw->arena, &x->shape, 0);
    return nest_emit(lw, n, arena_printf(lw->arena, "%s_%s", what, dims),
                     arena_printf(lw->arena, "%s of %s", op_info(n->op)->name, dims), &nest, body,
                     &q);
}

static bool lower_scaled(Lower *lw, const Node *n, NestBody body)
{
    const QuantParams *p = &n->params.quant;
    int64_t block = p->block;
    if (block == 0 || shape_numel(&n->in[1]->shape) == 1)
        return emit_blocks(lw, n, 0, 0, 0, body);
    int64_t extent = n->in[0]->shape.dim[p->axis], rest = extent % block;
    return (rest == extent || emit_blocks(lw, n, 0, extent - rest, block, body)) &&
           (rest == 0 || emit_blocks(lw, n, extent - rest, rest, rest, body));
}

bool lower_quantize(Lower *lw, const Node *n)
{
    return lower_scaled(lw, n, quantize_body);
}

bool lower_dequantize(Lower *lw, const Node *n)
{
    return lower_scaled(lw, n, dequantize_body);
}

/* ---- DynamicQuantizeLinear ---- */

/* The kernel that finds the range of x, and scale and zero point from it. */
static bool emit_range(Lower *lw, const Node *n)
{
    KBuilder *b = kb_new(
        lw->arena, lw->program->target,
        arena_printf(lw->arena, "quantize_range_%s", dims_str(lw->arena, &n->in[0]->shape, 0)));
    const KType f = KTYPE(KT_F32, 1);
    int64_t count = shape_numel(&n->in[0]->shape);
    int lanes = lanes_for(count, kb_target(b)->lanes);
    int64_t whole = count / lanes * lanes;
    const KBuf *scale = buf_value(b, "scale", n->out[1], K_WRITE);
    const KBuf *zero = buf_value(b, "zero", n->out[2], K_WRITE);
    const KBuf *x = buf_value(b, "x", n->in[0], K_READ);
    const KReg *lo = kb_reg(b, "lo", KTYPE(KT_F32, lanes), 0, 0, 0);
    const KReg *hi = kb_reg(b, "hi", KTYPE(KT_F32, lanes), 0, 0, 0);
    kb_set(b, lo, kb_f32(b, 0, lanes));
    kb_set(b, hi, kb_f32(b, 0, lanes));
    for (int part = 0; part < 2; part++) { /* whole vectors, then the rest, whose lanes are 0 */
        int64_t from = part ? whole : 0, to = part ? count : whole;
        int active = part ? (int)(count - whole) : lanes;
        if (from >= to)
            continue;
        Affine i = part ? aff(whole) : aff_var(kb_for(b, "i", from, to, lanes, KL_SERIAL));
        const KLet *v = kb_let(b, "v", kb_load_tail(b, x, i, lanes, active));
        kb_set(b, lo, kb_bin(b, KO_MIN, kb_use(b, v), kb_get(b, lo)));
        kb_set(b, hi, kb_bin(b, KO_MAX, kb_use(b, v), kb_get(b, hi)));
        if (!part)
            kb_end(b);
    }
    const KLet *least = kb_let(b, "least", kb_reduce(b, KO_MIN, kb_get(b, lo)));
    const KLet *range = kb_let(
        b, "range", kb_bin(b, KO_SUB, kb_reduce(b, KO_MAX, kb_get(b, hi)), kb_use(b, least)));
    KExpr *is_zero = kb_cmp(b, KO_EQ, kb_use(b, range), kb_const(b, f, 0));
    KExpr *step = kb_bin(b, KO_DIV, kb_use(b, range), kb_const(b, f, 255));
    const KLet *s = kb_let(b, "step", kb_select(b, is_zero, kb_const(b, f, 1), step));
    kb_store(b, scale, aff(0), kb_use(b, s));
    KExpr *origin = kb_bin(b, KO_DIV, kb_un(b, KO_NEG, kb_use(b, least)), kb_use(b, s));
    kb_store(b, zero, aff(0), quant_saturate(b, DT_U8, origin, NULL));
    Arg args[3] = {arg_value(lw, n->out[1]), arg_value(lw, n->out[2]), arg_value(lw, n->in[0])};
    return lower_emit(lw, n, b, "scale and zero point of DynamicQuantizeLinear", args);
}

static KExpr *dynamic_body(const void *user, Lower *lw, KBuilder *b, KExpr *const *x)
{
    (void)user;
    (void)lw;
    return quant_saturate(b, DT_U8, kb_bin(b, KO_DIV, x[0], x[1]), x[2]);
}

bool lower_dynamic_quantize(Lower *lw, const Node *n)
{
    const char *dims = dims_str(lw->arena, &n->in[0]->shape, 0);
    Nest nest;
    nest_space(&nest, n->out[0]);
    nest_operand(lw, &nest, n->out[0], "out", n->out[0]);
    nest_operand(lw, &nest, n->out[0], "x", n->in[0]);
    nest_strided(lw, &nest, "scale", n->out[1], 0, standing);
    nest_strided(lw, &nest, "zero", n->out[2], 0, standing);
    return emit_range(lw, n) &&
           (shape_numel(&n->out[0]->shape) == 0 ||
            nest_emit(lw, n, arena_printf(lw->arena, "quantize_%s", dims),
                      arena_printf(lw->arena, "DynamicQuantizeLinear of %s", dims), &nest,
                      dynamic_body, NULL));
}

/* ---- QLinearAdd, QLinearMul ---- */

/* The real number that operand `i` stands for. */
static KExpr *real(const QuantNode *q, KBuilder *b, KExpr *const *x, int i)
{
    int lanes = x[0]->type.lanes;
    KExpr *v = operand(q, b, x, i, lanes);
    if (!is_zero(q, i + 2))
        v = kb_bin(b, KO_SUB, v, operand(q, b, x, i + 2, lanes));
    return kb_bin(b, KO_MUL, kb_cvt(b, KTYPE(KT_F32, lanes), v), operand(q, b, x, i + 1, lanes));
}

static KExpr *binary_body(const void *user, Lower *lw, KBuilder *b, KExpr *const *x)
{
    const QuantNode *q = user;
    const Node *n = q->node;
    int lanes = x[0]->type.lanes;
    KExpr *left = real(q, b, x, 0);
    KExpr *y = kb_bin(b, n->op == OP_QLinearMul ? KO_MUL : KO_ADD, left, real(q, b, x, 3));
    y = kb_bin(b, KO_DIV, y, operand(q, b, x, 6, lanes));
    y = quant_saturate(b, n->out[0]->dtype, y, operand(q, b, x, 7, lanes));
    for (int i = 0; i < n->n_epilogue; i++)
        y = epilogue_step(lw, b, n, i, y, NULL);
    return y;
}

bool lower_qbinary(Lower *lw, const Node *n)
{
    static const char *const names[QUANT_OPERANDS] = {"a",       "scale_a", "zero_a",  "b",
                                                      "scale_b", "zero_b",  "scale_y", "zero_y"};
    const Value *out = n->out[0];
    QuantNode q = {.node = n};
    Nest nest;
    nest_space(&nest, out);
    nest_operand(lw, &nest, out, "out", out);
    for (int i = 0; i < QUANT_OPERANDS; i++) {
        if (i == 0 || i == 3) {
            q.slot[i] = nest.n - 1;
            nest_operand(lw, &nest, out, names[i], n->in[i]);
        } else {
            add_operand(lw, &nest, &q, i, names[i], 0, standing);
        }
    }
    const char *dims = dims_str(lw->arena, &out->shape, 0);
    const char *what = n->op == OP_QLinearMul ? "qmul" : "qadd";
    return nest_emit(lw, n, arena_printf(lw->arena, "%s_%s", what, dims),
                     arena_printf(lw->arena, "%s of %s", op_info(n->op)->name, dims), &nest,
                     binary_body, &q);
}

/* ---- Lookup ---- */

bool lower_lookup(Lower *lw, const Node *n)
{
    const Value *x = n->in[0], *out = n->out[0];
    int64_t count = shape_numel(&x->shape), least = x->dtype == DT_I8 ? INT8_MIN : 0;
    const char *dims = dims_str(lw->arena, &x->shape, 0);
    KBuilder *b =
        kb_new(lw->arena, lw->program->target, arena_printf(lw->arena, "lookup_%s", dims));
    const KBuf *to = buf_value(b, "out", out, K_WRITE);
    const KBuf *from = buf_value(b, "in", x, K_READ);
    const KBuf *table = buf_value(b, "table", n->in[1], K_READ);
    int depth = 0;
    Affine i = nest_loop(b, "i", count, 1, &depth);
    KExpr *index = kb_load(b, from, i, 1);
    if (least != 0)
        index = kb_bin(b, KO_SUB, index, kb_int(b, index->type, least));
    index = kb_clamp(b, index, 0, 255);
    kb_store(b, to, i, kb_load_dyn(b, table, aff(0), index, 1, 1, 1));
    nest_close(b, &depth, 0);
    Arg args[3] = {arg_value(lw, out), arg_value(lw, x), arg_value(lw, n->in[1])};
    return lower_emit(lw, n, b, arena_printf(lw->arena, "table lookup of %s", dims), args);
}
