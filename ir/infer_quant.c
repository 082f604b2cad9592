/* Inference of the quantised operators.
 *
 * Comes in: 8- and 16-bit integers with scales and zero points as operands. Goes out: types and
 * shapes; the axis of per-axis and blocked quantisation becomes non-negative.
 * Holds: the zero point has the type of what it belongs to and the shape of the scale; scales of
 * products are scalars, or one a row of the first or a column of the second factor; scales of
 * weights are scalars or one an output channel. */
#include "ir/infer.h"

#include "ir/ops.h"

static bool is_quantised(DType t)
{
    return dtype_is_8_bit(t) || t == DT_U16 || t == DT_I16;
}

static bool require_operand(Graph *g, const Node *n, int i)
{
    return infer_operand(n, i) || node_error(g, n, "input %d is missing", i);
}

static bool require_8_bit(Graph *g, const Node *n, int i)
{
    const Value *v = n->in[i];
    return dtype_is_8_bit(v->dtype) ||
           node_error(g, n, "input \"%s\" is %s, int8 or uint8 is needed", v->name,
                      dtype_name(v->dtype));
}

/* Operand `i`, if present, has type `t`. */
static bool require_type(Graph *g, const Node *n, int i, DType t)
{
    const Value *v = infer_operand(n, i);
    return v == NULL || v->dtype == t ||
           node_error(g, n, "input \"%s\" is %s, %s is needed", v->name, dtype_name(v->dtype),
                      dtype_name(t));
}

static bool shape_error(Graph *g, const Node *n, const Value *v, const char *needed)
{
    return node_error(g, n, "\"%s\" has shape %s, %s", v->name, infer_shape_text(g, v), needed);
}

static bool require_one(Graph *g, const Node *n, int i)
{
    const Value *v = infer_operand(n, i);
    return v == NULL || shape_numel(&v->shape) == 1 ||
           shape_error(g, n, v, "one element is needed");
}

/* Operands i, i + 1, i + 2: a tensor of 8-bit integers, its scale and its zero point. */
static bool require_triple(Graph *g, const Node *n, int i, bool one)
{
    return require_8_bit(g, n, i) && require_type(g, n, i + 1, DT_F32) &&
           require_type(g, n, i + 2, n->in[i]->dtype) &&
           (!one || (require_one(g, n, i + 1) && require_one(g, n, i + 2)));
}

/* Scale `i` and zero point `i` + 1 of the result; *type becomes the result's. */
static bool require_result(Graph *g, const Node *n, int i, DType *type)
{
    const Value *zero = infer_operand(n, i + 1);
    if (zero)
        *type = zero->dtype;
    if (zero && !require_8_bit(g, n, i + 1))
        return false;
    return require_type(g, n, i, DT_F32) && require_one(g, n, i) && require_one(g, n, i + 1);
}

/* ---- QuantizeLinear, DequantizeLinear ---- */

static bool check_blocks(Graph *g, const Node *n, const Shape *x, const Value *scale)
{
    const QuantParams *p = &n->params.quant;
    for (int i = 0; i < x->rank; i++) {
        int64_t d = x->dim[i];
        int64_t want = i == p->axis && d > 0 ? (d - 1) / p->block + 1 : d;
        if (scale->shape.rank != x->rank || scale->shape.dim[i] != want)
            return shape_error(g, n, scale,
                               arena_printf(g->arena, "blocks of %lld along axis %lld of %s differ",
                                            (long long)p->block, (long long)p->axis,
                                            shape_str(g->arena, x)));
    }
    return true;
}

static bool check_scale(Graph *g, Node *n)
{
    QuantParams *p = &n->params.quant;
    const Value *scale = n->in[1], *zero = infer_operand(n, 2);
    const Shape *x = &n->in[0]->shape;
    if (zero && !shape_equal(&zero->shape, &scale->shape) &&
        (shape_numel(&zero->shape) != 1 || shape_numel(&scale->shape) != 1))
        return node_error(g, n, "scale has shape %s, zero point %s", infer_shape_text(g, scale),
                          infer_shape_text(g, zero));
    if (p->block < 0)
        return node_error(g, n, "block_size %lld is negative", (long long)p->block);
    if (p->block == 0 && scale->shape.rank <= 1 && shape_numel(&scale->shape) == 1)
        return true;
    if (!infer_axis(g, n, &p->axis, x->rank, x->rank))
        return false;
    if (p->block > 0)
        return check_blocks(g, n, x, scale);
    return (scale->shape.rank == 1 && scale->shape.dim[0] == x->dim[p->axis]) ||
           shape_error(g, n, scale,
                       arena_printf(g->arena, "axis %lld of the input has extent %lld",
                                    (long long)p->axis, (long long)x->dim[p->axis]));
}

static bool type_error(Graph *g, const Node *n, const char *what, DType t)
{
    return node_unsupported(g, n, "%s %s is not supported", what, dtype_name(t));
}

bool infer_quantize(Graph *g, Node *n)
{
    if (!infer_require(g, n, 2, 3) || !infer_require_float(g, n, 1) || !check_scale(g, n))
        return false;
    QuantParams *p = &n->params.quant;
    const Value *zero = infer_operand(n, 2);
    DType x = n->in[0]->dtype;
    if ((!dtype_is_float(x) && x != DT_I32) || x == DT_F64)
        return type_error(g, n, "quantising", x);
    if (n->in[1]->dtype == DT_F64)
        return type_error(g, n, "a scale of type", DT_F64);
    if (zero && p->to != DT_NONE && p->to != zero->dtype)
        return node_error(g, n, "output_dtype is %s, the zero point %s", dtype_name(p->to),
                          dtype_name(zero->dtype));
    p->to = zero ? zero->dtype : p->to == DT_NONE ? DT_U8 : p->to;
    if (!is_quantised(p->to))
        return type_error(g, n, "quantising to", p->to);
    return infer_output(g, n, 0, p->to, &n->in[0]->shape);
}

bool infer_dequantize(Graph *g, Node *n)
{
    if (!infer_require(g, n, 2, 3) || !infer_require_float(g, n, 1) ||
        !infer_require_same_type(g, n, 2) || !check_scale(g, n))
        return false;
    QuantParams *p = &n->params.quant;
    DType x = n->in[0]->dtype;
    if (!is_quantised(x) && x != DT_I32)
        return type_error(g, n, "dequantising", x);
    if (n->in[1]->dtype == DT_F64)
        return type_error(g, n, "a scale of type", DT_F64);
    p->to = p->to == DT_NONE ? n->in[1]->dtype : p->to;
    if (!dtype_is_float(p->to) || p->to == DT_F64)
        return type_error(g, n, "dequantising to", p->to);
    return infer_output(g, n, 0, p->to, &n->in[0]->shape);
}

bool infer_dynamic_quantize(Graph *g, Node *n)
{
    static const Shape scalar;
    return infer_require(g, n, 1, 1) && require_type(g, n, 0, DT_F32) &&
           infer_output(g, n, 0, DT_U8, &n->in[0]->shape) &&
           infer_output(g, n, 1, DT_F32, &scalar) && infer_output(g, n, 2, DT_U8, &scalar);
}

/* ---- convolutions ---- */

/* Operand `i`: one element, or one an output channel. */
static bool require_per_channel(Graph *g, const Node *n, int i, int64_t channels)
{
    const Value *v = infer_operand(n, i);
    if (v == NULL || shape_numel(&v->shape) == 1 ||
        (v->shape.rank == 1 && v->shape.dim[0] == channels))
        return true;
    return shape_error(g, n, v,
                       arena_printf(g->arena, "the output has %lld channels", (long long)channels));
}

bool infer_conv_integer(Graph *g, Node *n)
{
    Shape out;
    return infer_require(g, n, 2, 4) && require_8_bit(g, n, 0) && require_8_bit(g, n, 1) &&
           require_type(g, n, 2, n->in[0]->dtype) && require_type(g, n, 3, n->in[1]->dtype) &&
           infer_conv_shape(g, n, &n->in[1]->shape, &out) && require_one(g, n, 2) &&
           require_per_channel(g, n, 3, out.dim[1]) && infer_output(g, n, 0, DT_I32, &out);
}

bool infer_qlinear_conv(Graph *g, Node *n)
{
    Shape out;
    DType type = DT_U8;
    if (!infer_require(g, n, 8, 9) || !require_triple(g, n, 0, true) ||
        !require_triple(g, n, 3, false) || !require_result(g, n, 6, &type) ||
        !require_type(g, n, 8, DT_I32) || !infer_conv_shape(g, n, &n->in[3]->shape, &out) ||
        !require_per_channel(g, n, 4, out.dim[1]) || !require_per_channel(g, n, 5, out.dim[1]))
        return false;
    const Value *bias = infer_operand(n, 8);
    if (bias && (bias->shape.rank != 1 || bias->shape.dim[0] != out.dim[1]))
        return shape_error(g, n, bias, "one number an output channel is needed");
    return infer_output(g, n, 0, type, &out);
}

/* ---- products ---- */

/* Scale or zero point `i` of factor `of`: one element; one a row (of the first factor) or a column
 * (of the second); or of the factor's rank with extent 1 along the inner axis. */
static bool require_per_line(Graph *g, const Node *n, int i, const Value *of, bool column)
{
    const Value *v = infer_operand(n, i);
    const Shape *s = &of->shape;
    if (v == NULL || shape_numel(&v->shape) == 1)
        return true;
    if (v->shape.rank == 1 && s->rank >= 2 && v->shape.dim[0] == s->dim[s->rank - (column ? 1 : 2)])
        return true;
    bool fits = v->shape.rank == s->rank && s->rank >= 2;
    for (int k = 0; fits && k < s->rank; k++)
        fits = v->shape.dim[k] == (k == s->rank - (column ? 2 : 1) ? 1 : s->dim[k]);
    return fits ||
           shape_error(g, n, v,
                       arena_printf(g->arena, "the factor has shape %s", shape_str(g->arena, s)));
}

bool infer_matmul_integer(Graph *g, Node *n)
{
    Shape out;
    return infer_require(g, n, 2, 4) && require_8_bit(g, n, 0) && require_8_bit(g, n, 1) &&
           require_type(g, n, 2, n->in[0]->dtype) && require_type(g, n, 3, n->in[1]->dtype) &&
           infer_product_shape(g, n, n->in[0]->shape, n->in[1]->shape, &out) &&
           require_per_line(g, n, 2, n->in[0], false) &&
           require_per_line(g, n, 3, n->in[1], true) && infer_output(g, n, 0, DT_I32, &out);
}

bool infer_qlinear_matmul(Graph *g, Node *n)
{
    Shape out;
    DType type = DT_U8;
    if (!infer_require(g, n, 8, 8) || !require_triple(g, n, 0, false) ||
        !require_triple(g, n, 3, false) || !require_result(g, n, 6, &type) ||
        !infer_product_shape(g, n, n->in[0]->shape, n->in[3]->shape, &out))
        return false;
    for (int i = 1; i <= 2; i++)
        if (!require_per_line(g, n, i, n->in[0], false) ||
            !require_per_line(g, n, i + 3, n->in[3], true))
            return false;
    return infer_output(g, n, 0, type, &out);
}

bool infer_qgemm(Graph *g, Node *n)
{
    if (!infer_require(g, n, 6, 9) || !require_triple(g, n, 0, true) ||
        !require_triple(g, n, 3, false) || !require_type(g, n, 6, DT_I32))
        return false;
    const GemmParams *p = &n->params.gemm;
    const Shape *a = &n->in[0]->shape, *b = &n->in[3]->shape;
    if (a->rank != 2 || b->rank != 2)
        return node_error(g, n, "inputs have shapes %s and %s, matrices are needed",
                          infer_shape_text(g, n->in[0]), infer_shape_text(g, n->in[3]));
    Shape out = {.rank = 2, .dim = {a->dim[p->trans_a], b->dim[!p->trans_b]}}, joined;
    if (a->dim[!p->trans_a] != b->dim[p->trans_b])
        return node_error(g, n, "inner extents of %s and %s differ", shape_str(g->arena, a),
                          shape_str(g->arena, b));
    const Value *c = infer_operand(n, 6);
    if (c && (!shape_broadcast(&out, &c->shape, &joined) || !shape_equal(&joined, &out)))
        return shape_error(g, n, c, "it does not broadcast to the product");
    if (!require_per_channel(g, n, 4, out.dim[1]) || !require_per_channel(g, n, 5, out.dim[1]))
        return false;
    DType type = infer_operand(n, 7) ? n->in[0]->dtype : DT_F32; /* without a scale: floats */
    if (infer_operand(n, 8) && !infer_operand(n, 7))
        return node_error(g, n, "a zero point of the result without its scale");
    return require_result(g, n, 7, &type) && infer_output(g, n, 0, type, &out);
}

/* ---- the rest ---- */

/* a, its scale and zero point; b, its scale and zero point; scale and zero point of the result. */
bool infer_qlinear_binary(Graph *g, Node *n)
{
    Shape out;
    DType type = n->in[0]->dtype;
    if (!infer_require(g, n, 2, 8) || !require_operand(g, n, 3) || !require_operand(g, n, 4) ||
        !require_operand(g, n, 6))
        return false;
    if (!require_triple(g, n, 0, true) || !require_triple(g, n, 3, true) ||
        !require_result(g, n, 6, &type) || !infer_require_same_type(g, n, 3))
        return false;
    if (!shape_broadcast(&n->in[0]->shape, &n->in[3]->shape, &out))
        return node_error(g, n, "shapes %s and %s do not broadcast", infer_shape_text(g, n->in[0]),
                          infer_shape_text(g, n->in[3]));
    return infer_output(g, n, 0, type, &out);
}

bool infer_qlinear_pool(Graph *g, Node *n)
{
    Shape out;
    DType type = n->in[0]->dtype;
    return infer_require(g, n, 2, 5) && require_operand(g, n, 3) && require_triple(g, n, 0, true) &&
           require_result(g, n, 3, &type) && infer_pool_shape(g, n, &out) &&
           infer_output(g, n, 0, type, &out);
}

bool infer_lookup(Graph *g, Node *n)
{
    if (!infer_require(g, n, 2, 2) || !require_8_bit(g, n, 0))
        return false;
    const Value *table = n->in[1];
    if (table->constant == NULL || table->shape.rank != 1 || table->shape.dim[0] != 256)
        return shape_error(g, n, table, "a constant of 256 elements is needed");
    return infer_output(g, n, 0, table->dtype, &n->in[0]->shape);
}
