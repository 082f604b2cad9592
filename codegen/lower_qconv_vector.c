/* Convolutions of integers with vectors along the rows of the image: two kernels.
 *
 *     widen:  for the channels (parallel), the rows: x - zero of x, in 4 bytes, zeros around
 *     conv:   for the image, the group, a tile of t output channels (parallel), z, y of the output
 *               for a tile of v vectors of the row
 *                 for the input channels, kz, ky; each kx:  acc[t][v] += row[v] * w[t]
 *                 result: + bias, * factor, rounded, saturated; to a row of results
 *               the row of results is narrowed into the output
 *
 * ir/qconv.h tells how the widened image lies. Where every partial sum is known to stay below 2^24
 * (constant weights say so) the sums are of floats, which are exact there and multiply and add at
 * once; otherwise of 32-bit integers. Both give the same bits. */
#include "codegen/lower_qconv.h"
#include "codegen/nest.h"
#include "ir/ops.h"

enum { TILE_CHANNELS = 4, TILE_VECTORS = 8 };

typedef struct QVector {
    Lower *lw;
    KBuilder *b;
    const Node *node;
    const QConvScratch *s;
    QConvOperands o;
    KBase base; /* of the sums: f32 or i32 */
    int tile, vectors;
    KBuf *image, *results, *w, *out;
    QuantOperand x_zero, w_zero, y_zero, bias;
    QuantFactor factor;
    Affine n, group, map, at[MAX_SPATIAL]; /* the point that is built */
    const KReg *acc;
} QVector;

/* ---- exactness ---- */

/* The greatest |q - zero| of a value of 8 bits; `zero` may be unknown. */
static int64_t reach(const Value *v, const Value *zero, int64_t channel)
{
    const Tensor *t = zero ? zero->constant : NULL;
    if (zero && t == NULL)
        return UINT8_MAX;
    int64_t z = t ? tensor_get_i64(t, shape_numel(&t->shape) == 1 ? 0 : channel) : 0;
    int64_t lo = v->dtype == DT_I8 ? INT8_MIN : 0, hi = lo + UINT8_MAX;
    return z - lo > hi - z ? z - lo : hi - z;
}

/* Whether the sums of all output channels stay within what floats hold exactly. */
static bool sums_fit_floats(const QConvOperands *o)
{
    const int64_t limit = INT64_C(1) << 24;
    int64_t x = reach(o->x, o->x_zero, 0);
    int64_t maps = o->w->shape.dim[0], each = shape_range_numel(&o->w->shape, 1, o->w->shape.rank);
    if (o->w->constant == NULL || (o->w_zero && o->w_zero->constant == NULL))
        return each <= limit / (x * UINT8_MAX);
    for (int64_t m = 0; m < maps; m++) {
        const Tensor *z = o->w_zero ? o->w_zero->constant : NULL;
        int64_t sum = 0;
        int64_t zero = z ? tensor_get_i64(z, shape_numel(&z->shape) == 1 ? 0 : m) : 0;
        for (int64_t i = 0; i < each && sum <= limit; i++) {
            int64_t w = tensor_get_i64(o->w->constant, m * each + i) - zero;
            sum += w < 0 ? -w : w;
        }
        if (sum > limit / x)
            return false;
    }
    return true;
}

/* ---- the widened image ---- */

/* The first multiple of b, counted in b, that is not below a; from 0 on. */
static int64_t first_multiple(int64_t a, int64_t b)
{
    return a <= 0 ? 0 : ceil_div(a, b);
}

/* The columns of phase `p` that are inside the image; `to` is the row in the scratch, `from` that
 * of the image. */
static void widen_phase(const QVector *q, const KBuf *x, int64_t p, Affine from, Affine to)
{
    KBuilder *b = q->b;
    const QConvScratch *s = q->s;
    int64_t first = first_multiple(s->pad[2] - p, s->phases);
    int64_t end = first_multiple(s->in[2] + s->pad[2] - p, s->phases);
    if (end > s->width)
        end = s->width;
    if (first >= end)
        return;
    Affine j = aff_var(kb_for(b, "j", first, end, 1, KL_SERIAL));
    Affine ix = aff_addc(aff_mul(j, s->phases), p - s->pad[2]);
    KExpr *e = quant_minus(b, kb_load(b, x, aff_add(from, ix), 1), &q->x_zero, aff(0));
    Affine at = aff_addc(aff_add(to, j), p * s->width);
    kb_store(b, q->image, at, kb_cvt(b, KTYPE(q->base, 1), e));
    kb_end(b);
}

static bool emit_widen(QVector *q)
{
    const QConvScratch *s = q->s;
    Lower *lw = q->lw;
    const Value *x = q->o.x;
    Arg args[MAX_KERNEL_BUFFERS] = {arg_scratch(q->node, 0), arg_value(lw, x)};
    int n_args = 2, depth = 0;
    const char *dims = dims_str(lw->arena, &x->shape, 1);
    int64_t planes = x->shape.dim[0] * x->shape.dim[1];
    KBuilder *b = q->b =
        kb_new(lw->arena, lw->program->target,
               arena_printf(lw->arena, "widen_%s_%lld", dims, (long long)s->width));
    q->image = kb_buf(b, "image", q->base, planes * s->plane, K_WRITE);
    const KBuf *in = buf_value(b, "x", x, K_READ);
    q->x_zero = quant_operand(lw, b, "zero_x", q->o.x_zero, args, &n_args);
    Affine plane = nest_loop(b, "plane", planes, 1, &depth);
    Affine z = nest_loop(b, "z", s->rows[0], 1, &depth),
           y = nest_loop(b, "y", s->rows[1], 1, &depth);
    Affine row = aff_add(aff_mul(aff_add(aff_mul(plane, s->rows[0]), z), s->rows[1]), y);
    Affine to = aff_mul(row, s->phases * s->width);
    KVar *i = kb_for(b, "i", 0, s->phases * s->width, 1, KL_SERIAL);
    kb_store(b, q->image, aff_add(to, aff_var(i)), kb_const(b, KTYPE(q->base, 1), 0));
    kb_end(b);
    Affine iz = aff_addc(z, -s->pad[0]), iy = aff_addc(y, -s->pad[1]);
    kb_if(b, iz);
    kb_if(b, aff_sub(aff(s->in[0] - 1), iz));
    kb_if(b, iy);
    kb_if(b, aff_sub(aff(s->in[1] - 1), iy));
    Affine from = aff_add(aff_mul(aff_add(aff_mul(plane, s->in[0]), iz), s->in[1]), iy);
    for (int64_t p = 0; p < s->phases; p++)
        widen_phase(q, in, p, aff_mul(from, s->in[2]), to);
    for (int k = 0; k < 4; k++)
        kb_end(b);
    nest_close(b, &depth, 0);
    return lower_emit(lw, q->node, b, arena_printf(lw->arena, "%s, widened, with a border", dims),
                      args);
}

/* ---- sums ---- */

/* One kernel row of one input channel: `row` is the input row's place for column 0 of the tile,
 * `w_at` the row's first weight of the tile's first output channel. */
static void add_row(QVector *q, int vectors, Affine row, Affine w_at)
{
    KBuilder *b = q->b;
    const QConvScratch *s = q->s;
    int64_t filter = shape_range_numel(&q->o.w->shape, 1, q->o.w->shape.rank);
    const KType scalar = KTYPE(q->base, 1);
    for (int64_t kx = 0; kx < s->kernel[2]; kx++) {
        int64_t column = kx * s->dilation[2];
        Affine from = aff_addc(row, column % s->phases * s->width + column / s->phases);
        const KLet *x[TILE_VECTORS], *w[TILE_CHANNELS];
        for (int v = 0; v < vectors; v++)
            x[v] = kb_let(b, arena_printf(q->lw->arena, "x%d", v),
                          kb_load(b, q->image, aff_addc(from, (int64_t)v * s->lanes), s->lanes));
        for (int t = 0; t < q->tile; t++) {
            KExpr *e = kb_load(b, q->w, aff_addc(w_at, t * filter + kx), 1);
            e = quant_minus(b, e, &q->w_zero, aff_addc(q->map, t));
            w[t] = kb_let(b, arena_printf(q->lw->arena, "w%d", t),
                          kb_splat(b, kb_cvt(b, scalar, e), s->lanes));
        }
        for (int t = 0; t < q->tile; t++)
            for (int v = 0; v < vectors; v++) {
                KExpr *acc = kb_get2(b, q->acc, aff(t), aff(v));
                KExpr *a = kb_use(b, x[v]), *c = kb_use(b, w[t]);
                acc = q->base == KT_F32 ? kb_fma(b, a, c, acc)
                                        : kb_bin(b, KO_ADD, acc, kb_bin(b, KO_MUL, a, c));
                kb_set2(b, q->acc, aff(t), aff(v), acc);
            }
    }
}

/* All products of a tile whose first column is `column`. */
static void add_products(QVector *q, int vectors, Affine column)
{
    KBuilder *b = q->b;
    const QConvScratch *s = q->s;
    int depth = 0;
    Affine c = nest_serial_loop(b, "c", q->o.channels, 1, &depth);
    Affine kz = nest_serial_loop(b, "kz", s->kernel[0], 1, &depth);
    Affine ky = nest_serial_loop(b, "ky", s->kernel[1], 1, &depth);
    Affine plane = aff_add(aff_mul(q->n, q->o.x->shape.dim[1]), aff_mul(q->group, q->o.channels));
    plane = aff_add(plane, c);
    Affine z = aff_add(aff_mul(q->at[0], s->stride[0]), aff_mul(kz, s->dilation[0]));
    Affine y = aff_add(aff_mul(q->at[1], s->stride[1]), aff_mul(ky, s->dilation[1]));
    Affine row = aff_add(aff_mul(aff_add(aff_mul(plane, s->rows[0]), z), s->rows[1]), y);
    row = aff_add(aff_mul(row, s->phases * s->width), column);
    Affine w = aff_add(aff_mul(q->map, q->o.channels), c);
    w = aff_add(aff_mul(aff_add(aff_mul(w, s->kernel[0]), kz), s->kernel[1]), ky);
    add_row(q, vectors, row, aff_mul(w, s->kernel[2]));
    nest_close(b, &depth, 0);
}

/* ---- results ---- */

/* Vector v of channel t as integers of the result's type. */
static KExpr *result(const QVector *q, int t, int v)
{
    KBuilder *b = q->b;
    int lanes = q->s->lanes;
    Affine map = aff_addc(q->map, t);
    KExpr *y = kb_get2(b, q->acc, aff(t), aff(v));
    if (q->base == KT_F32)
        y = kb_cvt_fit(b, KTYPE(KT_I32, lanes), y);
    if (!q->o.scaled)
        return y;
    if (q->bias.v)
        y = kb_bin(b, KO_ADD, y, quant_load(b, &q->bias, map, lanes));
    y = kb_bin(b, KO_MUL, kb_cvt(b, KTYPE(KT_F32, lanes), y),
               quant_factor(b, &q->factor, aff(0), map, lanes));
    y = quant_saturate(b, q->o.out->dtype, y, quant_load(b, &q->y_zero, aff(0), lanes));
    for (int i = 0; i < q->node->n_epilogue; i++)
        y = epilogue_step(q->lw, b, q->node, i, y, NULL);
    return y;
}

/* The row of results of channel t begins there. */
static Affine results_at(const QVector *q, int t)
{
    Affine row = aff_add(aff_mul(q->n, q->o.out->shape.dim[1]), aff_addc(q->map, t));
    return aff_mul(row, q->s->result);
}

static void build_tile(QVector *q, int vectors, Affine column)
{
    KBuilder *b = q->b;
    const KType type = KTYPE(q->base, q->s->lanes);
    q->acc = kb_reg(b, "acc", type, 2, q->tile, vectors);
    for (int t = 0; t < q->tile; t++)
        for (int v = 0; v < vectors; v++)
            kb_set2(b, q->acc, aff(t), aff(v), kb_const(b, type, 0));
    add_products(q, vectors, column);
    for (int t = 0; t < q->tile; t++)
        for (int v = 0; v < vectors; v++) {
            Affine at = aff_addc(aff_add(results_at(q, t), column), (int64_t)v * q->s->lanes);
            kb_store(b, q->results, at, result(q, t, v));
        }
}

/* The rows of results to the output. */
static void narrow_rows(QVector *q)
{
    KBuilder *b = q->b;
    const QConvScratch *s = q->s;
    KVar *i = kb_for(b, "i", 0, s->out[2], 1, KL_SERIAL);
    for (int t = 0; t < q->tile; t++) {
        Affine row = aff_add(aff_mul(q->n, q->o.out->shape.dim[1]), aff_addc(q->map, t));
        row = aff_add(aff_mul(aff_add(aff_mul(row, s->out[0]), q->at[0]), s->out[1]), q->at[1]);
        KExpr *y = kb_load(b, q->results, aff_add(results_at(q, t), aff_var(i)), 1);
        kb_store(b, q->out, aff_add(aff_mul(row, s->out[2]), aff_var(i)), y);
    }
    kb_end(b);
}

static void build(QVector *q)
{
    KBuilder *b = q->b;
    const QConvScratch *s = q->s;
    int64_t vectors = s->result / s->lanes, whole = vectors / q->vectors * q->vectors;
    int depth = 0;
    q->n = nest_loop(b, "n", q->o.x->shape.dim[0], 1, &depth);
    q->group = nest_loop(b, "g", q->node->params.conv.group, 1, &depth);
    Affine tile = nest_loop(b, "m", q->o.maps, q->tile, &depth);
    q->map = aff_add(aff_mul(q->group, q->o.maps), tile);
    q->at[0] = nest_serial_loop(b, "oz", s->out[0], 1, &depth); /* they share the row of results */
    q->at[1] = nest_serial_loop(b, "oy", s->out[1], 1, &depth);
    if (whole > 0) {
        int inner = 0;
        Affine v = nest_serial_loop(b, "v", whole / q->vectors, 1, &inner);
        build_tile(q, q->vectors, aff_mul(v, (int64_t)q->vectors * s->lanes));
        nest_close(b, &inner, 0);
    }
    if (whole < vectors)
        build_tile(q, (int)(vectors - whole), aff(whole * s->lanes));
    narrow_rows(q);
    nest_close(b, &depth, 0);
}

static void open_buffers(QVector *q, Arg *args, int *n_args)
{
    Lower *lw = q->lw;
    const QConvOperands *o = &q->o;
    int64_t planes = o->x->shape.dim[0] * o->x->shape.dim[1];
    int64_t rows = o->out->shape.dim[0] * o->out->shape.dim[1];
    q->out = buf_value(q->b, "out", o->out, K_WRITE);
    q->results = kb_buf(q->b, "results", KT_I32, rows * q->s->result, K_READ_WRITE);
    q->image = kb_buf(q->b, "image", q->base, planes * q->s->plane, K_READ);
    q->w = buf_value(q->b, "w", o->w, K_READ);
    args[(*n_args)++] = arg_value(lw, o->out);
    args[(*n_args)++] = arg_scratch(q->node, q->s->result_at);
    args[(*n_args)++] = arg_scratch(q->node, 0);
    args[(*n_args)++] = arg_value(lw, o->w);
    q->w_zero = quant_operand(lw, q->b, "zero_w", o->w_zero, args, n_args);
    if (!o->scaled)
        return;
    q->y_zero = quant_operand(lw, q->b, "zero_y", o->y_zero, args, n_args);
    q->bias = quant_operand(lw, q->b, "bias", o->bias, args, n_args);
    q->factor = quant_factor_open(lw, q->b, o->scale, 1, args, n_args);
}

/* Vectors of a tile of `channels`: what the registers hold beside the operands; tiles of one size
 * where that is possible. */
static int tile_vectors(const Target *t, int channels, int64_t row)
{
    int most = (t->n_registers - 1) / (channels + 1);
    most = most < 1 ? 1 : most > TILE_VECTORS ? TILE_VECTORS : most;
    for (int v = most; v > most / 2; v--)
        if (row % v == 0)
            return v;
    int64_t tiles = ceil_div(row, most);
    return (int)ceil_div(row, tiles);
}

bool lower_qconv_vector(Lower *lw, const Node *n, const QConvScratch *s)
{
    QVector q = {.lw = lw, .node = n, .s = s, .o = qconv_operands(n)};
    Arg args[MAX_KERNEL_BUFFERS];
    int n_args = 0;
    q.base = sums_fit_floats(&q.o) ? KT_F32 : KT_I32;
    q.tile = qconv_tile(q.o.maps, TILE_CHANNELS);
    q.vectors = tile_vectors(lw->program->target, q.tile, s->result / s->lanes);
    if (!emit_widen(&q))
        return false;
    const char *from = dims_str(lw->arena, &q.o.x->shape, 1);
    const char *kernel = dims_str(lw->arena, &q.o.w->shape, 2);
    q.b = kb_new(
        lw->arena, lw->program->target,
        arena_printf(lw->arena, "qconv%s_%s_%lld", kernel, from, (long long)q.o.out->shape.dim[1]));
    open_buffers(&q, args, &n_args);
    build(&q);
    return lower_emit(lw, n, q.b,
                      arena_printf(lw->arena, "%s of %s with %s, %d channels x %d vectors of %s",
                                   op_info(n->op)->name, from, kernel, q.tile, q.vectors,
                                   kbase_name(q.base)),
                      args);
}
