/* Matrix products: Gemm and MatMul.
 *
 * Comes in: matrices of floats or integers. Goes out: the product, floats accumulated in double
 * and rounded once, integers exact modulo 2^bits.
 * Holds: the second matrix, which may be large, is converted one row at a time. */
#include "ir/interp/values.h"

/* One product y[m][n] = sum over k of a[m][k] * b[k][n]; b starts at element `b_at` of the tensor
 * and lies there as [k][n], or as [n][k] when it is transposed. */
typedef struct Product {
    int64_t m, k, n;
    const Tensor *b;
    int64_t b_at;
    bool trans_b;
} Product;

static void product_f64(Arena *arena, const Product *p, const double *a, double *y)
{
    int64_t rows = p->trans_b ? p->n : p->k, length = p->trans_b ? p->k : p->n;
    double *row = ARENA_ARRAY(arena, double, length);
    for (int64_t i = 0; i < p->m * p->n; i++)
        y[i] = 0;
    for (int64_t r = 0; r < rows; r++) {
        interp_load(p->b, p->b_at + r * length, length, row);
        for (int64_t m = 0; m < p->m; m++) {
            if (p->trans_b) {
                double sum = 0;
                for (int64_t i = 0; i < length; i++)
                    sum += a[m * p->k + i] * row[i];
                y[m * p->n + r] = sum;
            } else {
                for (int64_t i = 0; i < length; i++)
                    y[m * p->n + i] += a[m * p->k + r] * row[i];
            }
        }
    }
}

static void product_i64(const Product *p, const int64_t *a, int64_t *y)
{
    int64_t step_k = p->trans_b ? 1 : p->n, step_n = p->trans_b ? p->k : 1;
    for (int64_t m = 0; m < p->m; m++)
        for (int64_t n = 0; n < p->n; n++) {
            uint64_t sum = 0;
            for (int64_t k = 0; k < p->k; k++)
                sum += (uint64_t)a[m * p->k + k] *
                       (uint64_t)tensor_get_i64(p->b, p->b_at + k * step_k + n * step_n);
            y[m * p->n + n] = (int64_t)sum;
        }
}

/* ---- MatMul ---- */

/* The matrices of a batch: extents of the leading axes and how far each operand moves. */
typedef struct Batch {
    Shape lead;
    int64_t step_a[MAX_RANK], step_b[MAX_RANK];
} Batch;

/* Elements between consecutive matrices of an operand along the leading axes of the result. */
static void batch_steps(const Shape *s, int own, const Shape *lead, int64_t step[MAX_RANK])
{
    int64_t stride[MAX_RANK] = {0};
    shape_strides(s, stride);
    for (int i = 0; i < lead->rank; i++) {
        int from = i - (lead->rank - own);
        step[i] = from < 0 || s->dim[from] == 1 ? 0 : stride[from];
    }
}

/* Offset of matrix number `k`. */
static int64_t batch_offset(const Shape *lead, const int64_t *step, int64_t k)
{
    int64_t at = 0;
    for (int i = lead->rank - 1; i >= 0; i--) {
        at += k % lead->dim[i] * step[i];
        k /= lead->dim[i];
    }
    return at;
}

bool interp_matmul(InterpCall *c)
{
    const Tensor *ta = c->in[0], *tb = c->in[1];
    const Shape *as = &ta->shape, *bs = &tb->shape;
    int lead_a = as->rank > 2 ? as->rank - 2 : 0, lead_b = bs->rank > 2 ? bs->rank - 2 : 0;
    Batch batch = {.lead = c->out[0]->shape};
    batch.lead.rank = lead_a > lead_b ? lead_a : lead_b;
    batch_steps(as, lead_a, &batch.lead, batch.step_a);
    batch_steps(bs, lead_b, &batch.lead, batch.step_b);
    Product p = {.m = as->rank > 1 ? as->dim[as->rank - 2] : 1,
                 .k = as->dim[as->rank - 1],
                 .n = bs->rank > 1 ? bs->dim[bs->rank - 1] : 1,
                 .b = tb};
    bool exact = !dtype_is_float(ta->dtype);
    double *a = ARENA_ARRAY(c->arena, double, p.m *p.k);
    double *y = ARENA_ARRAY(c->arena, double, p.m *p.n);
    int64_t *ai = (int64_t *)a, *yi = (int64_t *)y; /* of the same size; one pair is used */
    for (int64_t k = 0, count = shape_numel(&batch.lead); k < count; k++) {
        int64_t a_at = batch_offset(&batch.lead, batch.step_a, k);
        p.b_at = batch_offset(&batch.lead, batch.step_b, k);
        if (exact) {
            interp_load_i64(ta, a_at, p.m * p.k, ai);
            product_i64(&p, ai, yi);
            interp_store_i64(yi, c->out[0], k * p.m * p.n, p.m * p.n);
        } else {
            interp_load(ta, a_at, p.m * p.k, a);
            product_f64(c->arena, &p, a, y);
            interp_store(y, c->out[0], k * p.m * p.n, p.m * p.n);
        }
    }
    return true;
}

/* ---- Gemm ---- */

/* Position in C (which broadcasts to [M,N]) of element (m, n). */
static int64_t addend_at(const Shape *s, int64_t m, int64_t n)
{
    int64_t columns = s->rank > 0 ? s->dim[s->rank - 1] : 1;
    int64_t rows = s->rank > 1 ? s->dim[s->rank - 2] : 1;
    return (rows == 1 ? 0 : m) * columns + (columns == 1 ? 0 : n);
}

static void gemm_f64(InterpCall *c, const Product *p, const double *a)
{
    const GemmParams *g = &c->node->params.gemm;
    const Tensor *addend = interp_operand(c, 2);
    double *y = ARENA_ARRAY(c->arena, double, p->m * p->n);
    product_f64(c->arena, p, a, y);
    for (int64_t i = 0; i < p->m * p->n; i++) {
        y[i] *= g->alpha;
        if (addend)
            y[i] += g->beta * tensor_get_f64(addend, addend_at(&addend->shape, i / p->n, i % p->n));
    }
    interp_store(y, c->out[0], 0, p->m * p->n);
}

/* alpha and beta of integer products are integers, or the result is truncated. */
static void gemm_i64(InterpCall *c, const Product *p, const int64_t *a)
{
    const GemmParams *g = &c->node->params.gemm;
    const Tensor *addend = interp_operand(c, 2);
    int64_t *y = ARENA_ARRAY(c->arena, int64_t, p->m * p->n);
    product_i64(p, a, y);
    for (int64_t i = 0; i < p->m * p->n; i++) {
        int64_t add =
            addend ? tensor_get_i64(addend, addend_at(&addend->shape, i / p->n, i % p->n)) : 0;
        if (g->alpha == 1 && g->beta == 1)
            tensor_set_i64(c->out[0], i, (int64_t)((uint64_t)y[i] + (uint64_t)add));
        else
            tensor_set_f64(c->out[0], i, g->alpha * (double)y[i] + g->beta * (double)add);
    }
}

bool interp_gemm(InterpCall *c)
{
    const GemmParams *g = &c->node->params.gemm;
    const Tensor *ta = c->in[0];
    const Shape *ys = &c->out[0]->shape;
    Product p = {.m = ys->dim[0],
                 .k = ta->shape.dim[g->trans_a ? 0 : 1],
                 .n = ys->dim[1],
                 .b = c->in[1],
                 .trans_b = g->trans_b};
    bool exact = !dtype_is_float(ta->dtype);
    double *a = ARENA_ARRAY(c->arena, double, p.m *p.k);
    int64_t *ai = ARENA_ARRAY(c->arena, int64_t, exact ? p.m * p.k : 0);
    for (int64_t i = 0; i < p.m * p.k; i++) { /* A as [M][K] */
        int64_t at = g->trans_a ? i % p.k * p.m + i / p.k : i;
        if (exact)
            ai[i] = tensor_get_i64(ta, at);
        else
            a[i] = tensor_get_f64(ta, at);
    }
    if (exact)
        gemm_i64(c, &p, ai);
    else
        gemm_f64(c, &p, a);
    return true;
}
