/* Inference of reductions and of operators along one axis: Reduce*, ArgMax, ArgMin,
 * GlobalLpPool, LpNormalization, MeanVarianceNormalization, CumSum, CumProd, TopK.
 *
 * Comes in: axes as the model has them, as parameters or as a constant input. Goes out: axes that
 * are non-negative, sorted and different; output shapes; k of TopK and the axes of CumSum and
 * CumProd as parameters. */
#include "ir/infer.h"

#include "ir/ops.h"

/* ---- sets of axes ---- */

/* Brings the axes to their normal form; named[i]: axis i is among them. */
static bool normalise_axes(Graph *g, Node *n, bool named[MAX_RANK])
{
    ReduceParams *p = &n->params.reduce;
    int rank = n->in[0]->shape.rank;
    bool all = p->n_axes <= 0 && !p->noop;
    for (int i = 0; i < rank; i++)
        named[i] = all;
    if (!infer_mark_axes(g, n, p->n_axes, p->axes, rank, named))
        return false;
    p->n_axes = 0;
    for (int i = 0; i < rank; i++)
        if (named[i])
            p->axes[p->n_axes++] = i;
    return true;
}

bool infer_reduce(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 2) ||
        !infer_take_axes(g, n, 1, &n->params.reduce.n_axes, n->params.reduce.axes))
        return false;
    const Value *x = n->in[0];
    bool named[MAX_RANK];
    if (x->dtype == DT_BOOL && n->op != OP_ReduceMax && n->op != OP_ReduceMin)
        return node_error(g, n, "input \"%s\" is bool, numbers are needed", x->name);
    if (!normalise_axes(g, n, named))
        return false;
    Shape out = {.rank = 0};
    for (int i = 0; i < x->shape.rank; i++) {
        if (!named[i])
            out.dim[out.rank++] = x->shape.dim[i];
        else if (n->params.reduce.keepdims)
            out.dim[out.rank++] = 1;
    }
    return infer_output(g, n, 0, x->dtype, &out);
}

bool infer_mvn(Graph *g, Node *n)
{
    bool named[MAX_RANK];
    return infer_require(g, n, 1, 1) && infer_require_float(g, n, 0) &&
           normalise_axes(g, n, named) && infer_output(g, n, 0, n->in[0]->dtype, &n->in[0]->shape);
}

/* ---- one axis ---- */

static bool take_axis(Graph *g, Node *n)
{
    int rank = n->in[0]->shape.rank;
    return infer_axis(g, n, &n->params.line.axis, rank, rank);
}

bool infer_arg(Graph *g, Node *n)
{
    LineParams *p = &n->params.line;
    if (!infer_require(g, n, 1, 1) || !infer_require_rank(g, n, 1) || !take_axis(g, n))
        return false;
    const Value *x = n->in[0];
    if (x->dtype == DT_BOOL)
        return node_error(g, n, "input \"%s\" is bool, numbers are needed", x->name);
    if (x->shape.dim[p->axis] == 0)
        return node_error(g, n, "axis %lld of input %s has no elements", (long long)p->axis,
                          infer_shape_text(g, x));
    Shape out = {.rank = 0};
    for (int i = 0; i < x->shape.rank; i++)
        if (i != p->axis || p->keepdims)
            out.dim[out.rank++] = i == p->axis ? 1 : x->shape.dim[i];
    return infer_output(g, n, 0, DT_I64, &out);
}

bool infer_lp_norm(Graph *g, Node *n)
{
    LineParams *p = &n->params.line;
    if (!infer_require(g, n, 1, 1) || !infer_require_float(g, n, 0) ||
        !infer_require_rank(g, n, 1) || !take_axis(g, n))
        return false;
    if (p->p != 1 && p->p != 2)
        return node_error(g, n, "norm p %lld must be 1 or 2", (long long)p->p);
    return infer_output(g, n, 0, n->in[0]->dtype, &n->in[0]->shape);
}

bool infer_global_lp_pool(Graph *g, Node *n)
{
    int64_t p = n->params.pool.p;
    if (p < 1 || p > INT32_MAX)
        return node_error(g, n, "norm p %lld is out of range", (long long)p);
    return infer_global_pool(g, n);
}

/* One integer from a constant operand: a scalar or a list of one. */
static bool take_integer(Graph *g, const Node *n, int i, const char *what, int64_t *value)
{
    const int64_t *list;
    int64_t count;
    if (!infer_ints(g, n, i, what, &list, &count))
        return false;
    if (list == NULL)
        return true;
    if (count != 1)
        return node_error(g, n, "%s \"%s\" has shape %s, one number is needed", what,
                          n->in[i]->name, infer_shape_text(g, n->in[i]));
    *value = list[0];
    return true;
}

bool infer_cumulate(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 2) || !infer_require_rank(g, n, 1) ||
        !take_integer(g, n, 1, "axis", &n->params.line.axis) || !take_axis(g, n))
        return false;
    const Value *x = n->in[0];
    if (x->dtype == DT_BOOL)
        return node_error(g, n, "input \"%s\" is bool, numbers are needed", x->name);
    return infer_output(g, n, 0, x->dtype, &x->shape);
}

bool infer_topk(Graph *g, Node *n)
{
    LineParams *p = &n->params.line;
    if (!infer_require(g, n, 1, 2) || !infer_require_rank(g, n, 1) || !take_axis(g, n) ||
        !take_integer(g, n, 1, "k", &p->k))
        return false;
    const Value *x = n->in[0];
    Shape out = x->shape;
    if (x->dtype == DT_BOOL)
        return node_error(g, n, "input \"%s\" is bool, numbers are needed", x->name);
    if (p->k < 0 || p->k > out.dim[p->axis])
        return node_error(g, n, "k = %lld, axis %lld has %lld elements", (long long)p->k,
                          (long long)p->axis, (long long)out.dim[p->axis]);
    out.dim[p->axis] = p->k;
    return infer_output(g, n, 0, x->dtype, &out) && infer_output(g, n, 1, DT_I64, &out);
}
