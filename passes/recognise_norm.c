/* Rows of the table of recognise.c for normalisations and Softmax.
 *
 * (x - mean) / sqrt(variance + e) over the last axes is a LayerNormalization with the scale 1, and
 * x / sqrt(mean of squares + e) an RMSNormalization; a
 * product with a scale and a sum with a bias that fit its lines are then taken in. exp / sum(exp)
 * over one axis is Softmax, with or without its maximum taken off. */
#include "passes/recognise.h"

#include "passes/rewrite.h"

/* The reductions among the covered nodes all go over the same axes and keep them; their first. */
static const ReduceParams *common_axes(const Match *m)
{
    const ReduceParams *first = NULL;
    for (int i = 0; i < m->n_nodes; i++) {
        const Node *n = m->node[i];
        const ReduceParams *p = &n->params.reduce;
        if (n->op != OP_ReduceMean && n->op != OP_ReduceMax && n->op != OP_ReduceSum)
            continue;
        if (!p->keepdims || p->n_axes < 1)
            return NULL;
        first = first ? first : p;
        for (int k = 0; k < p->n_axes; k++)
            if (p->n_axes != first->n_axes || p->axes[k] != first->axes[k])
                return NULL;
    }
    return first;
}

/* The first of the axes where they are the last of `rank`; -1 otherwise. */
static int64_t trailing(const ReduceParams *p, int rank)
{
    int64_t least = rank;
    for (int i = 0; i < p->n_axes; i++)
        least = p->axes[i] < least ? p->axes[i] : least;
    return least == rank - p->n_axes ? least : -1;
}

/* Whether `v` broadcasts to the normalised axes of `x`. */
static bool fits_line(const Value *v, const Value *x, int64_t axis)
{
    if (v->dtype != x->dtype || v->shape.rank > x->shape.rank - axis)
        return false;
    for (int i = 0; i < x->shape.rank; i++) {
        int64_t extent = operand_extent(v, &x->shape, i);
        if (extent != 1 && extent != x->shape.dim[i])
            return false;
    }
    return true;
}

bool recognise_norm(Graph *g, Node *n, Match *m, const RecogniseRow *row)
{
    static const Shape scalar;
    Value *x = pattern_value(m, 'x'), *scale = pattern_value(m, 'g'), *bias = pattern_value(m, 'b');
    const ReduceParams *axes = common_axes(m);
    int64_t axis = axes ? trailing(axes, x->shape.rank) : -1;
    if (axis < 0 || x->dtype != DT_F32 || !shape_equal(&x->shape, &n->out[0]->shape) ||
        (scale && !fits_line(scale, x, axis)) || (bias && !fits_line(bias, x, axis)))
        return false;
    if (scale == NULL) {
        Tensor *one = tensor_new(g->arena, x->dtype, &scalar);
        tensor_set_f64(one, 0, 1);
        scale = graph_constant(g, "scale", one);
    }
    n->op = pattern_parse(g->arena, row->result)->op;
    n->params = (Params){.norm = {.epsilon = pattern_number(m, 'e'), .axis = axis}};
    n->params.norm.stash = DT_F32;
    n->n_in = 0;
    node_add_input(g, n, x);
    node_add_input(g, n, scale);
    if (bias)
        node_add_input(g, n, bias);
    return true;
}

/* The covered normalisation. */
static Node *norm_of(const Match *m)
{
    for (int i = 0; i < m->n_nodes; i++)
        if (m->node[i]->op == OP_LayerNormalization || m->node[i]->op == OP_RMSNormalization)
            return m->node[i];
    return NULL;
}

/* `n` becomes the normalisation with `v` as operand k. */
static bool take_operand(Graph *g, Node *n, const Node *norm, int k, Value *v)
{
    if (!fits_line(v, norm->in[0], norm->params.norm.axis) ||
        !shape_equal(&n->out[0]->shape, &norm->out[0]->shape))
        return false;
    n->op = norm->op;
    n->params = norm->params;
    n->n_in = 0;
    for (int i = 0; i < k; i++)
        node_add_input(g, n, norm->in[i]);
    node_add_input(g, n, v);
    return true;
}

bool recognise_norm_scale(Graph *g, Node *n, Match *m, const RecogniseRow *row)
{
    (void)row;
    const Node *norm = norm_of(m);
    const Value *scale = norm->in[1];
    bool is_one = scale->constant && shape_numel(&scale->shape) == 1 &&
                  tensor_get_f64(scale->constant, 0) == 1;
    return is_one && norm->n_in == 2 && take_operand(g, n, norm, 1, pattern_value(m, 's'));
}

bool recognise_norm_bias(Graph *g, Node *n, Match *m, const RecogniseRow *row)
{
    (void)row;
    const Node *norm = norm_of(m);
    return norm->n_in == 2 && take_operand(g, n, norm, 2, pattern_value(m, 'b'));
}

bool recognise_softmax(Graph *g, Node *n, Match *m, const RecogniseRow *row)
{
    (void)row;
    Value *x = pattern_value(m, 'x');
    const ReduceParams *axes = common_axes(m);
    if (axes == NULL || axes->n_axes != 1 || !dtype_is_float(x->dtype) ||
        !shape_equal(&x->shape, &n->out[0]->shape))
        return false;
    int64_t axis = axes->axes[0];
    n->op = OP_Softmax;
    n->params = (Params){.axis = {.axis = axis}};
    n->n_in = 0;
    node_add_input(g, n, x);
    return true;
}
