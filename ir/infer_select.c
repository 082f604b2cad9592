/* Inference of operators whose output has as many elements as the data say: NonZero, Unique,
 * NonMaxSuppression. Their operands must be constants; otherwise they are refused by that name. */
#include "ir/infer.h"

#include "ir/ops.h"
#include "ir/select.h"

static bool need_data(Graph *g, const Node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && n->in[i]->constant == NULL)
            return node_unsupported(g, n,
                                    "the size of its output depends on the data of \"%s\"; "
                                    "--freeze makes an input constant",
                                    n->in[i]->name);
    return true;
}

/* Finding the size takes as many steps as computing the result: they are bounded, as inference is
 * run again and again. */
static bool require_steps(Graph *g, const Node *n)
{
    static const double most = 1 << 24;
    double steps = op_work(g, n);
    return steps <= most ||
           node_error(g, n, "its size takes %.4g steps to find, the limit is %.4g", steps, most);
}

bool infer_non_zero(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 1) || !need_data(g, n))
        return false;
    const Tensor *t = n->in[0]->constant;
    Shape out = {2, {t->shape.rank > 0 ? t->shape.rank : 1, 0}};
    for (int64_t i = 0; i < shape_numel(&t->shape); i++)
        out.dim[1] += tensor_get_f64(t, i) != 0;
    return infer_output(g, n, 0, DT_I64, &out);
}

bool infer_unique(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 1) || !need_data(g, n))
        return false;
    IndexParams *p = &n->params.index;
    Shape out = n->in[0]->shape;
    if (!p->flat && !infer_axis(g, n, &p->axis, out.rank, out.rank))
        return false;
    if (!require_steps(g, n))
        return false;
    Distinct d = select_distinct(g->arena, n->in[0]->constant, p);
    Shape each = {1, {d.n}}, all = {1, {d.slices}};
    if (p->flat)
        out = each;
    else
        out.dim[p->axis] = d.n;
    return infer_output(g, n, 0, n->in[0]->dtype, &out) && infer_output(g, n, 1, DT_I64, &each) &&
           infer_output(g, n, 2, DT_I64, &all) && infer_output(g, n, 3, DT_I64, &each);
}

bool infer_non_max_suppression(Graph *g, Node *n)
{
    if (!infer_require(g, n, 2, 5) || !need_data(g, n))
        return false;
    const Shape *boxes = &n->in[0]->shape, *scores = &n->in[1]->shape;
    const Tensor *in[5] = {NULL};
    if (boxes->rank != 3 || scores->rank != 3 || boxes->dim[2] != 4 ||
        boxes->dim[0] != scores->dim[0] || boxes->dim[1] != scores->dim[2])
        return node_error(g, n,
                          "boxes and scores have shapes %s and %s, [N,B,4] and [N,C,B] are needed",
                          infer_shape_text(g, n->in[0]), infer_shape_text(g, n->in[1]));
    for (int i = 0; i < n->n_in; i++) {
        in[i] = n->in[i] ? n->in[i]->constant : NULL;
        if (i > 1 && in[i] && shape_numel(&in[i]->shape) < 1)
            return node_error(g, n, "input \"%s\" is empty", n->in[i]->name);
    }
    if (!infer_require_float(g, n, 0) || !infer_require_float(g, n, 1) || !require_steps(g, n))
        return false;
    Suppression s = suppression_of(n, in, n->n_in);
    Shape out = {2, {0, 3}};
    select_boxes(g->arena, &s, &out.dim[0]);
    return infer_output(g, n, 0, DT_I64, &out);
}
