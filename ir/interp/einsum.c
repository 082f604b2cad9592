/* Einsum and Det.
 *
 * Comes in: operands of numbers, an equation; square matrices. Goes out: sums of products, which
 * wrap for integers; determinants by elimination with the greatest pivot. */
#include "ir/einsum.h"

#include "ir/interp/values.h"

#include "ir/ops.h"

#include <math.h>
#include <string.h>

/* The labels' values, counted up like an odometer; false behind the last. */
static bool next(const Einsum *e, int64_t *at, int first, int last)
{
    for (int i = last - 1; i >= first; i--) {
        if (++at[i] < e->extent[i])
            return true;
        at[i] = 0;
    }
    return false;
}

static int64_t element(const Einsum *e, int i, const int64_t *at)
{
    int64_t index = 0;
    for (int axis = 0; axis < e->operand[i].rank; axis++)
        index += at[e->operand[i].label[axis]] * e->operand[i].stride[axis];
    return index;
}

/* One element of the result: the sum over all labels that it has not. */
static void sum_products(InterpCall *c, const Einsum *e, int64_t *at, int64_t to)
{
    bool real = dtype_is_float(c->out[0]->dtype);
    double sum = 0;
    uint64_t whole = 0;
    do {
        double product = 1;
        uint64_t exact = 1;
        for (int i = 0; i < e->n_operands; i++) {
            if (real)
                product *= tensor_get_f64(c->in[i], element(e, i, at));
            else
                exact *= (uint64_t)tensor_get_i64(c->in[i], element(e, i, at));
        }
        sum += product;
        whole += exact;
    } while (next(e, at, e->n_out, e->n_labels));
    if (real)
        tensor_set_f64(c->out[0], to, sum);
    else
        tensor_set_i64(c->out[0], to, (int64_t)whole);
}

bool interp_einsum(InterpCall *c)
{
    Einsum e;
    Graph g = {.arena = c->arena, .diag = c->diag}; /* for the messages of the parser */
    int64_t at[EINSUM_LABELS] = {0}, to = 0;
    if (!einsum_parse(&g, c->node, &e))
        return false;
    memset(c->out[0]->data, 0, tensor_bytes(c->out[0]));
    for (int i = 0; i < e.n_labels; i++)
        if (e.extent[i] == 0)
            return true;
    do
        sum_products(c, &e, at, to++);
    while (next(&e, at, 0, e.n_out));
    return true;
}

/* ---- Det ---- */

/* Rows below `k` with the greatest element of column k. */
static int64_t pivot_row(const double *m, int64_t n, int64_t k)
{
    int64_t best = k;
    for (int64_t i = k + 1; i < n; i++)
        if (fabs(m[i * n + k]) > fabs(m[best * n + k]))
            best = i;
    return best;
}

/* Destroys the matrix. */
static double determinant(double *m, int64_t n)
{
    double det = 1;
    for (int64_t k = 0; k < n; k++) {
        int64_t p = pivot_row(m, n, k);
        if (m[p * n + k] == 0)
            return 0;
        for (int64_t j = 0; p != k && j < n; j++) {
            double x = m[p * n + j];
            m[p * n + j] = m[k * n + j];
            m[k * n + j] = x;
        }
        det *= p != k ? -m[k * n + k] : m[k * n + k];
        for (int64_t i = k + 1; i < n; i++) {
            double factor = m[i * n + k] / m[k * n + k];
            for (int64_t j = k; j < n; j++)
                m[i * n + j] -= factor * m[k * n + j];
        }
    }
    return det;
}

bool interp_det(InterpCall *c)
{
    const Shape *s = &c->in[0]->shape;
    int64_t n = s->dim[s->rank - 1], count = shape_numel(&c->out[0]->shape);
    double *m = ARENA_ARRAY(c->arena, double, n *n + 1);
    for (int64_t i = 0; i < count; i++) {
        interp_load(c->in[0], i * n * n, n * n, m);
        tensor_set_f64(c->out[0], i, determinant(m, n));
    }
    return true;
}
