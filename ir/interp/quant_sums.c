/* The quantised operators that sum: convolutions, matrix products, average pools.
 *
 * Comes in: integers with zero points (and scales). Goes out: exact sums of products of
 * differences, kept modulo 2^32 as ONNX has them; or those times one f32 factor, the product and
 * the quotient of the scales, rounded and saturated.
 * Holds: a position outside of the image counts as the zero point, so it adds nothing. */
#include "ir/interp/quant.h"

static int32_t wrap(int64_t sum)
{
    return (int32_t)(uint32_t)(uint64_t)sum;
}

/* ---- convolutions ---- */

/* The operands of a convolution by number: those of ConvInteger and QLinearConv differ. */
typedef struct QConv {
    const Tensor *x, *w;
    int x_zero, w_zero; /* operands */
    Spatial s;
    int64_t group_channels; /* input channels of a group */
} QConv;

/* The sum for output channel m at position `o` of image n. */
static int64_t conv_sum(const InterpCall *c, const QConv *q, int64_t n, int64_t m, const int64_t *o)
{
    const Spatial *s = &q->s;
    int64_t maps = q->w->shape.dim[0], sum = 0;
    int64_t first = m / (maps / c->node->params.conv.group) * q->group_channels;
    int64_t x_zero = quant_zero(c, q->x_zero, 0), w_zero = quant_zero(c, q->w_zero, m);
    for (int64_t i = 0; i < q->group_channels * s->taps; i++) {
        int64_t tap = i % s->taps, at = n * q->x->shape.dim[1] + first + i / s->taps,
                k[MAX_SPATIAL];
        bool inside = true;
        for (int a = MAX_SPATIAL - 1; a >= 0; a--) {
            k[a] = tap % s->kernel[a];
            tap /= s->kernel[a];
        }
        for (int a = 0; a < MAX_SPATIAL; a++) {
            int64_t p = o[a] * s->stride[a] + k[a] * s->dilation[a] - s->pad_begin[a];
            inside = inside && p >= 0 && p < s->in[a];
            at = at * s->in[a] + p;
        }
        if (inside)
            sum += (tensor_get_i64(q->x, at) - x_zero) *
                   (tensor_get_i64(q->w, m * q->group_channels * s->taps + i) - w_zero);
    }
    return sum;
}

/* All sums; `store` gets the sum of element `at`, which is of output channel m. */
static bool conv_sums(InterpCall *c, const QConv *q,
                      void (*store)(InterpCall *c, int64_t at, int64_t m, int64_t sum))
{
    const Shape *y = &c->out[0]->shape;
    for (int64_t at = 0, n = shape_numel(y); at < n; at++) {
        int64_t plane = at / q->s.out_plane, pixel = at % q->s.out_plane, o[MAX_SPATIAL];
        for (int a = MAX_SPATIAL - 1; a >= 0; a--) {
            o[a] = pixel % q->s.out[a];
            pixel /= q->s.out[a];
        }
        int64_t m = plane % y->dim[1];
        store(c, at, m, conv_sum(c, q, plane / y->dim[1], m, o));
    }
    return true;
}

static void store_sum(InterpCall *c, int64_t at, int64_t m, int64_t sum)
{
    (void)m;
    tensor_set_i64(c->out[0], at, wrap(sum));
}

bool interp_conv_integer(InterpCall *c)
{
    const Window *w = &c->node->params.conv.w;
    QConv q = {c->in[0],
               c->in[1],
               2,
               3,
               spatial_make(w, &c->in[0]->shape, &c->out[0]->shape),
               c->in[1]->shape.dim[1]};
    return conv_sums(c, &q, store_sum);
}

static void store_conv(InterpCall *c, int64_t at, int64_t m, int64_t sum)
{
    float factor = quant_mul(quant_scale(c, 1, 0), quant_scale(c, 4, m));
    factor = quant_div(factor, quant_scale(c, 6, 0));
    int32_t y = wrap(sum + quant_zero(c, 8, m)); /* the bias has the scale of the sum */
    int64_t q = quant_round(c->out[0]->dtype, quant_mul((float)y, factor), quant_zero(c, 7, 0));
    tensor_set_i64(c->out[0], at, q);
}

bool interp_qlinear_conv(InterpCall *c)
{
    const Window *w = &c->node->params.conv.w;
    QConv q = {c->in[0],
               c->in[3],
               2,
               5,
               spatial_make(w, &c->in[0]->shape, &c->out[0]->shape),
               c->in[3]->shape.dim[1]};
    return conv_sums(c, &q, store_conv);
}

/* ---- matrix products ---- */

/* A factor seen as matrices [rows][columns]. */
typedef struct Factor {
    const Tensor *t;
    const Shape *s;
    bool column; /* the second factor: its scale is one a column */
    bool trans;  /* lies transposed */
    int64_t rows, columns;
} Factor;

static Factor factor(const Tensor *t, bool column, bool trans)
{
    const Shape *s = &t->shape;
    Factor f = {t, s, column, trans, 1, 1};
    if (s->rank > 1) {
        f.rows = s->dim[s->rank - 2 + trans];
        f.columns = s->dim[s->rank - 1 - trans];
    } else if (column) {
        f.rows = s->dim[0];
    } else {
        f.columns = s->dim[0];
    }
    return f;
}

/* Which matrix of the factor the result's matrix number `k` is made of; the leading axes of the
 * result of shape `y`, of which `tail` axes are the matrix's, broadcast. */
static int64_t matrix_of(const Factor *f, const Shape *y, int tail, int64_t k)
{
    int64_t at = 0, step = 1;
    for (int own = f->s->rank - 3, axis = y->rank - tail - 1; own >= 0; own--, axis--) {
        at += f->s->dim[own] == 1 ? 0 : k % y->dim[axis] * step;
        step *= f->s->dim[own];
        k /= y->dim[axis];
    }
    return at;
}

static int64_t element(const Factor *f, int64_t matrix, int64_t row, int64_t column)
{
    int64_t at = f->trans ? column * f->rows + row : row * f->columns + column;
    return tensor_get_i64(f->t, matrix * f->rows * f->columns + at);
}

/* Position in operand `i`, a scale or zero point of the factor, of a line (row or column) of one
 * of its matrices. */
static int64_t line_at(const InterpCall *c, int i, const Factor *f, int64_t matrix, int64_t line)
{
    const Tensor *t = interp_operand(c, i);
    if (t == NULL || shape_numel(&t->shape) == 1)
        return 0;
    return t->shape.rank == 1 ? line : matrix * (f->column ? f->columns : f->rows) + line;
}

/* One element of a product: where it comes from and its sum. */
typedef struct Line {
    const Factor *a, *b;
    int64_t ma, mb, row, column; /* matrices of a and b, row of a, column of b */
} Line;

static int64_t line_sum(const InterpCall *c, const Line *l, int a_zero, int b_zero)
{
    int64_t za = quant_zero(c, a_zero, line_at(c, a_zero, l->a, l->ma, l->row));
    int64_t zb = quant_zero(c, b_zero, line_at(c, b_zero, l->b, l->mb, l->column)), sum = 0;
    for (int64_t k = 0; k < l->a->columns; k++)
        sum += (element(l->a, l->ma, l->row, k) - za) * (element(l->b, l->mb, k, l->column) - zb);
    return sum;
}

static Line line_of(const InterpCall *c, const Factor *a, const Factor *b, int64_t i)
{
    const Shape *y = &c->out[0]->shape;
    int tail = (a->s->rank > 1) + (b->s->rank > 1);
    int64_t matrix = i / (a->rows * b->columns);
    return (Line){a,
                  b,
                  matrix_of(a, y, tail, matrix),
                  matrix_of(b, y, tail, matrix),
                  i / b->columns % a->rows,
                  i % b->columns};
}

bool interp_matmul_integer(InterpCall *c)
{
    Factor a = factor(c->in[0], false, false), b = factor(c->in[1], true, false);
    for (int64_t i = 0, n = shape_numel(&c->out[0]->shape); i < n; i++) {
        Line l = line_of(c, &a, &b, i);
        tensor_set_i64(c->out[0], i, wrap(line_sum(c, &l, 2, 3)));
    }
    return true;
}

bool interp_qlinear_matmul(InterpCall *c)
{
    Factor a = factor(c->in[0], false, false), b = factor(c->in[3], true, false);
    for (int64_t i = 0, n = shape_numel(&c->out[0]->shape); i < n; i++) {
        Line l = line_of(c, &a, &b, i);
        float f = quant_mul(quant_scale(c, 1, line_at(c, 1, &a, l.ma, l.row)),
                            quant_scale(c, 4, line_at(c, 4, &b, l.mb, l.column)));
        float y = quant_mul((float)wrap(line_sum(c, &l, 2, 5)), quant_div(f, quant_scale(c, 6, 0)));
        tensor_set_i64(c->out[0], i, quant_round(c->out[0]->dtype, y, quant_zero(c, 7, 0)));
    }
    return true;
}

/* Position in C, which broadcasts to the matrix, of (row, column). */
static int64_t addend_at(const Shape *s, int64_t row, int64_t column)
{
    int64_t columns = s->rank > 0 ? s->dim[s->rank - 1] : 1, rows = s->rank > 1 ? s->dim[0] : 1;
    return (rows == 1 ? 0 : row) * columns + (columns == 1 ? 0 : column);
}

/* alpha * (A B) + C, where C has the scale of alpha * A B; without a scale of the result the real
 * numbers themselves. */
bool interp_qgemm(InterpCall *c)
{
    const GemmParams *p = &c->node->params.gemm;
    const Tensor *addend = interp_operand(c, 6);
    Factor a = factor(c->in[0], false, p->trans_a), b = factor(c->in[3], true, p->trans_b);
    for (int64_t i = 0, n = shape_numel(&c->out[0]->shape); i < n; i++) {
        Line l = line_of(c, &a, &b, i);
        int64_t sum = line_sum(c, &l, 2, 5);
        if (addend)
            sum += tensor_get_i64(addend, addend_at(&addend->shape, l.row, l.column));
        float f = quant_mul(quant_scale(c, 1, 0), quant_scale(c, 4, l.column));
        f = quant_mul((float)p->alpha, f);
        if (interp_operand(c, 7) == NULL) {
            tensor_set_f64(c->out[0], i, (double)quant_mul((float)wrap(sum), f));
            continue;
        }
        float y = quant_mul((float)wrap(sum), quant_div(f, quant_scale(c, 7, 0)));
        tensor_set_i64(c->out[0], i, quant_round(c->out[0]->dtype, y, quant_zero(c, 8, 0)));
    }
    return true;
}

/* ---- average pools ---- */

/* The mean of the differences under the window at `o` of a plane, in f32. */
static float window_mean(const InterpCall *c, const Spatial *s, int64_t plane, const int64_t *o)
{
    int64_t zero = quant_zero(c, 2, 0), sum = 0, inside = 0, counted = 0;
    for (int64_t tap = 0; tap < s->taps; tap++) {
        int64_t rest = tap, k[MAX_SPATIAL], at = plane;
        bool in = true, padded = true;
        for (int a = MAX_SPATIAL - 1; a >= 0; a--) {
            k[a] = rest % s->kernel[a];
            rest /= s->kernel[a];
        }
        for (int a = 0; a < MAX_SPATIAL; a++) {
            int64_t p = o[a] * s->stride[a] + k[a] * s->dilation[a] - s->pad_begin[a];
            in = in && p >= 0 && p < s->in[a];
            padded = padded && p < s->in[a] + s->pad_end[a];
            at = at * s->in[a] + p;
        }
        counted += padded;
        inside += in;
        sum += in ? tensor_get_i64(c->in[0], at) - zero : 0;
    }
    int64_t n = c->node->params.pool.count_include_pad ? counted : inside;
    return quant_div((float)wrap(sum), n > 0 ? (float)n : 1);
}

bool interp_qlinear_pool(InterpCall *c)
{
    Tensor *out = c->out[0];
    Spatial s = spatial_make(&c->node->params.pool.w, &c->in[0]->shape, &out->shape);
    float factor_xy = quant_div(quant_scale(c, 1, 0), quant_scale(c, 3, 0));
    for (int64_t i = 0, n = shape_numel(&out->shape); i < n; i++) {
        int64_t pixel = i % s.out_plane, o[MAX_SPATIAL];
        for (int a = MAX_SPATIAL - 1; a >= 0; a--) {
            o[a] = pixel % s.out[a];
            pixel /= s.out[a];
        }
        float mean = window_mean(c, &s, i / s.out_plane, o);
        tensor_set_i64(out, i,
                       quant_round(out->dtype, quant_mul(mean, factor_xy), quant_zero(c, 4, 0)));
    }
    return true;
}
