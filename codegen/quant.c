/* Scales, zero points, factors and saturation in kernels; codegen/quant.h says what they are. */
#include "codegen/quant.h"

/* ---- operands ---- */

/* Known, and the same everywhere. */
static bool is_number(const Value *v)
{
    const Tensor *t = v->constant;
    int64_t n = t ? shape_numel(&t->shape) : 0;
    for (int64_t i = 1; i < n; i++)
        if (tensor_get_f64(t, i) != tensor_get_f64(t, 0))
            return false;
    return n > 0;
}

QuantOperand quant_operand(Lower *lw, KBuilder *b, const char *name, const Value *v, Arg *args,
                           int *n_args)
{
    QuantOperand q = {v, NULL};
    if (v && !is_number(v)) {
        q.buf = buf_value(b, name, v, K_READ);
        args[(*n_args)++] = arg_value(lw, v);
    }
    return q;
}

KExpr *quant_load(KBuilder *b, const QuantOperand *q, Affine at, int lanes)
{
    if (q->v == NULL)
        return kb_int(b, KTYPE(KT_I32, lanes), 0);
    if (q->buf == NULL && dtype_is_float(q->v->dtype))
        return kb_f32(b, tensor_get_f64(q->v->constant, 0), lanes);
    if (q->buf == NULL)
        return kb_int(b, KTYPE(KT_I32, lanes), tensor_get_i64(q->v->constant, 0));
    bool one = shape_numel(&q->v->shape) == 1;
    return kb_splat(b, kb_load(b, q->buf, one ? aff(0) : at, 1), lanes);
}

KExpr *quant_load_row(KBuilder *b, const QuantOperand *q, Affine at, int lanes, int active)
{
    if (q->buf == NULL || shape_numel(&q->v->shape) == 1)
        return quant_load(b, q, at, lanes);
    return kb_load_tail(b, q->buf, at, lanes, active);
}

bool quant_is_zero(const QuantOperand *q)
{
    if (q->v == NULL)
        return true;
    const Tensor *t = q->v->constant;
    for (int64_t i = 0; t && i < shape_numel(&t->shape); i++)
        if (tensor_get_i64(t, i) != 0)
            return false;
    return t != NULL;
}

KExpr *quant_minus(KBuilder *b, KExpr *x, const QuantOperand *q, Affine at)
{
    return quant_is_zero(q) ? x : kb_bin(b, KO_SUB, x, quant_load(b, q, at, x->type.lanes));
}

KExpr *quant_minus_row(KBuilder *b, KExpr *x, const QuantOperand *q, Affine at, int active)
{
    KExpr *zero = quant_is_zero(q) ? NULL : quant_load_row(b, q, at, x->type.lanes, active);
    return zero ? kb_bin(b, KO_SUB, x, zero) : x;
}

/* ---- factors ---- */

/* One operation of f32 each. */
static float mul_f32(float x, float y)
{
    return (float)((double)x * (double)y);
}

static float div_f32(float x, float y)
{
    return (float)((double)x / (double)y);
}

static float scale_at(const Value *v, int64_t i)
{
    return v == NULL ? 1 : (float)tensor_get_f64(v->constant, shape_numel(&v->shape) == 1 ? 0 : i);
}

static const Tensor *factor_table(Arena *arena, const Value *const scale[3], double alpha)
{
    for (int i = 0; i < 3; i++)
        if (scale[i] &&
            (scale[i]->constant == NULL || (i != 1 && shape_numel(&scale[i]->shape) != 1)))
            return NULL;
    Shape s = {.rank = 1, .dim = {scale[1] ? shape_numel(&scale[1]->shape) : 1}};
    Tensor *t = tensor_new(arena, DT_F32, &s);
    for (int64_t i = 0; i < s.dim[0]; i++) {
        float f = mul_f32((float)alpha, mul_f32(scale_at(scale[0], 0), scale_at(scale[1], i)));
        tensor_set_f64(t, i, (double)div_f32(f, scale_at(scale[2], 0)));
    }
    return t;
}

QuantFactor quant_factor_open(Lower *lw, KBuilder *k, const Value *const scale[3], double alpha,
                              Arg *args, int *n_args)
{
    QuantFactor f = {.alpha = alpha, .table = factor_table(lw->arena, scale, alpha)};
    if (f.table && shape_numel(&f.table->shape) > 1) {
        f.buf = kb_buf(k, "factor", KT_F32, shape_numel(&f.table->shape), K_READ);
        args[(*n_args)++] = arg_tensor(lw, f.table);
    }
    if (f.table)
        return f;
    f.a = quant_operand(lw, k, "scale_a", scale[0], args, n_args);
    f.b = quant_operand(lw, k, "scale_b", scale[1], args, n_args);
    f.y = quant_operand(lw, k, "scale_y", scale[2], args, n_args);
    return f;
}

/* The factor where the scales are operands; `b` is the second scale. */
static KExpr *computed_factor(KBuilder *k, const QuantFactor *f, Affine at_a, KExpr *b, int lanes)
{
    KExpr *e = quant_load(k, &f->a, at_a, lanes);
    if (f->b.v)
        e = kb_bin(k, KO_MUL, e, b);
    if (f->alpha != 1)
        e = kb_bin(k, KO_MUL, kb_f32(k, f->alpha, lanes), e);
    return f->y.v ? kb_bin(k, KO_DIV, e, quant_load(k, &f->y, aff(0), lanes)) : e;
}

KExpr *quant_factor(KBuilder *k, const QuantFactor *f, Affine at_a, Affine at_b, int lanes)
{
    if (f->buf)
        return kb_splat(k, kb_load(k, f->buf, at_b, 1), lanes);
    if (f->table)
        return kb_f32(k, tensor_get_f64(f->table, 0), lanes);
    return computed_factor(k, f, at_a, quant_load(k, &f->b, at_b, lanes), lanes);
}

KExpr *quant_factor_row(KBuilder *k, const QuantFactor *f, Affine at_a, Affine at_b, int lanes,
                        int active)
{
    if (f->buf)
        return kb_load_tail(k, f->buf, at_b, lanes, active);
    if (f->table)
        return kb_f32(k, tensor_get_f64(f->table, 0), lanes);
    return computed_factor(k, f, at_a, quant_load_row(k, &f->b, at_b, lanes, active), lanes);
}

/* ---- results ---- */

KExpr *quant_saturate(KBuilder *b, DType t, KExpr *x, KExpr *zero)
{
    double lo = t == DT_I8 ? INT8_MIN : t == DT_I16 ? INT16_MIN : 0;
    double hi = lo + (dtype_size(t) == 1 ? UINT8_MAX : UINT16_MAX);
    KType type = x->type;
    x = kb_un(b, KO_ROUND, x);
    if (zero && zero->kind == KE_CONST) {
        if (zero->i != 0)
            x = kb_bin(b, KO_ADD, x, kb_const(b, type, (double)zero->i));
    } else if (zero) {
        x = kb_bin(b, KO_ADD, x, kb_cvt(b, type, zero));
    }
    x = kb_bin(b, KO_MAX, x, kb_const(b, type, lo)); /* the second where x is NaN */
    x = kb_bin(b, KO_MIN, x, kb_const(b, type, hi));
    return kb_cvt_fit(b, KTYPE(KT_I32, type.lanes), x);
}
