/* Elementwise operators: one formula each, over broadcast operands.
 *
 * Comes in: one to three tensors (Min, Max: any number; Clip: limits as scalars). Goes out: the
 * result, rounded once for floats, exact modulo 2^bits for integers, 0 or 1 for truth values.
 * Holds: a row of the last axis is loaded before it is stored, so the result may overwrite an
 * operand of its own shape. */
#include "ir/interp/formulas.h"
#include "ir/interp/values.h"

#include <math.h>
#include <string.h>

/* ---- rows ---- */

/* How an operand advances along a broadcast result: elements a step on each axis, 0 where it is
 * repeated. */
static void broadcast_strides(const Shape *in, const Shape *out, int64_t step[MAX_RANK])
{
    int64_t stride[MAX_RANK] = {0};
    int lead = out->rank - in->rank;
    shape_strides(in, stride);
    for (int i = 0; i < out->rank; i++)
        step[i] = i < lead || in->dim[i - lead] == 1 ? 0 : stride[i - lead];
}

enum { MOST_OPERANDS = 3 };

/* The operands and the result, row by row. */
typedef struct Rows {
    int n;
    const Tensor *const *in;
    const Tensor *out;
    int64_t step[MOST_OPERANDS][MAX_RANK], at_in[MOST_OPERANDS];
    int64_t move[MOST_OPERANDS]; /* along a row: 1, or 0 where one element is repeated */
    int64_t row, rows;           /* elements of a row, number of rows */
    int64_t at[MAX_RANK];
} Rows;

static Rows rows_begin(const Tensor *const *in, int n, const Tensor *out)
{
    const Shape *s = &out->shape;
    Rows r = {.n = n, .in = in, .out = out, .row = s->rank ? s->dim[s->rank - 1] : 1};
    r.rows = r.row ? shape_numel(s) / r.row : 0;
    for (int k = 0; k < n; k++) {
        broadcast_strides(&in[k]->shape, s, r.step[k]);
        r.move[k] = s->rank > 0 && r.step[k][s->rank - 1] != 0;
    }
    return r;
}

/* To the next row of all axes but the last. */
static void rows_next(Rows *r)
{
    const Shape *s = &r->out->shape;
    for (int i = s->rank - 2; i >= 0; i--) {
        for (int k = 0; k < r->n; k++)
            r->at_in[k] += r->step[k][i];
        if (++r->at[i] < s->dim[i])
            return;
        for (int k = 0; k < r->n; k++)
            r->at_in[k] -= r->step[k][i] * s->dim[i];
        r->at[i] = 0;
    }
}

static void run_f64(Arena *arena, OpKind op, const EwParams *p, const Tensor *const *in, int n,
                    Tensor *out)
{
    Rows r = rows_begin(in, n, out);
    double *x[MOST_OPERANDS], *y = ARENA_ARRAY(arena, double, r.row);
    for (int k = 0; k < n; k++)
        x[k] = ARENA_ARRAY(arena, double, r.row);
    for (int64_t row = 0; row < r.rows; row++, rows_next(&r)) {
        for (int k = 0; k < n; k++)
            interp_load(in[k], r.at_in[k], r.move[k] ? r.row : 1, x[k]);
        for (int64_t i = 0; i < r.row; i++) {
            double element[MOST_OPERANDS];
            for (int k = 0; k < n; k++)
                element[k] = x[k][i * r.move[k]];
            y[i] = formula_f64(op, p, element, n);
        }
        interp_store(y, out, row * r.row, r.row);
    }
}

/* False when an integer is divided by zero. */
static bool run_i64(Arena *arena, OpKind op, const EwParams *p, const ClipLimits *l,
                    const Tensor *const *in, int n, Tensor *out)
{
    Rows r = rows_begin(in, n, out);
    bool is_unsigned = in[0]->dtype == DT_U64; /* narrower ones are non-negative in int64_t */
    int64_t *x[MOST_OPERANDS], *y = ARENA_ARRAY(arena, int64_t, r.row);
    for (int k = 0; k < n; k++)
        x[k] = ARENA_ARRAY(arena, int64_t, r.row);
    for (int64_t row = 0; row < r.rows; row++, rows_next(&r)) {
        for (int k = 0; k < n; k++)
            interp_load_i64(in[k], r.at_in[k], r.move[k] ? r.row : 1, x[k]);
        for (int64_t i = 0; i < r.row; i++) {
            int64_t element[MOST_OPERANDS] = {0};
            for (int k = 0; k < n; k++)
                element[k] = x[k][i * r.move[k]];
            if ((op == OP_Div || op == OP_Mod) && element[1] == 0)
                return false;
            y[i] = formula_i64(op, p, l, element, n, is_unsigned);
        }
        interp_store_i64(y, out, row * r.row, r.row);
    }
    return true;
}

/* ---- entry points ---- */

static double bound(double x, double lo, double hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

/* Limits of Clip: the inputs where given, else the parameters (infinite: none). */
static ClipLimits clip_limits(EwParams *p, const Tensor *lo, const Tensor *hi)
{
    ClipLimits l = {.has_lo = lo || !isinf(p->alpha), .has_hi = hi || !isinf(p->beta)};
    l.lo = lo ? tensor_get_i64(lo, 0) : l.has_lo ? (int64_t)bound(p->alpha, -0x1p62, 0x1p62) : 0;
    l.hi = hi ? tensor_get_i64(hi, 0) : l.has_hi ? (int64_t)bound(p->beta, -0x1p62, 0x1p62) : 0;
    p->alpha = lo ? tensor_get_f64(lo, 0) : p->alpha;
    p->beta = hi ? tensor_get_f64(hi, 0) : p->beta;
    return l;
}

/* Whether the operator is computed in integers: none of its operands is a float. Shrink's numbers
 * are floats. */
static bool is_exact(OpKind op, const Tensor *const *in, int n)
{
    for (int i = 0; i < n; i++)
        if (dtype_is_float(in[i]->dtype))
            return false;
    return op != OP_Shrink;
}

bool interp_elementwise(InterpCall *c, OpKind op, const Params *p, const Tensor *const *in,
                        int n_in, Tensor *out)
{
    EwParams ew = p->ew;
    ClipLimits limits = {0};
    int n = 1;
    while (n < n_in && n < MOST_OPERANDS && in[n])
        n++;
    if (op == OP_Clip) {
        limits = clip_limits(&ew, n_in > 1 ? in[1] : NULL, n_in > 2 ? in[2] : NULL);
        n = 1;
    }
    if (!is_exact(op, in, n))
        run_f64(c->arena, op, &ew, in, n, out);
    else if (!run_i64(c->arena, op, &ew, &limits, in, n, out))
        return interp_error(c, "division of an integer by zero");
    return true;
}

/* Min and Max take any number of operands, two at a time. */
bool interp_ew(InterpCall *c)
{
    const Tensor *in[3] = {c->in[0], interp_operand(c, 1), interp_operand(c, 2)};
    bool chain = c->node->op == OP_Min || c->node->op == OP_Max;
    Tensor *out = c->out[0];
    if (!interp_elementwise(c, c->node->op, &c->node->params, in, chain ? 2 : 3, out))
        return false;
    for (int i = 2; chain && i < node_own_inputs(c->node); i++) {
        const Tensor *pair[2] = {out, c->in[i]};
        if (!interp_elementwise(c, c->node->op, &c->node->params, pair, 2, out))
            return false;
    }
    return true;
}

/* The value itself: also Reorder, whose layouts the interpreter does not know. */
bool interp_identity(InterpCall *c)
{
    memcpy(c->out[0]->data, c->in[0]->data, tensor_bytes(c->out[0]));
    return true;
}

/* At inference Dropout passes its input and keeps everything. */
bool interp_dropout(InterpCall *c)
{
    if (c->n_out > 1 && c->out[1])
        for (int64_t i = 0, n = shape_numel(&c->out[1]->shape); i < n; i++)
            tensor_set_i64(c->out[1], i, 1);
    return interp_identity(c);
}

/* Integers to integers wrap; floats to integers truncate; anything but zero is true. */
bool interp_cast(InterpCall *c)
{
    const Tensor *x = c->in[0];
    Tensor *y = c->out[0];
    bool exact = !dtype_is_float(x->dtype) && !(x->dtype == DT_U64 && dtype_is_float(y->dtype));
    for (int64_t i = 0, n = shape_numel(&x->shape); i < n; i++) {
        if (exact)
            tensor_set_i64(y, i, tensor_get_i64(x, i));
        else
            tensor_set_f64(y, i, tensor_get_f64(x, i));
    }
    return true;
}
