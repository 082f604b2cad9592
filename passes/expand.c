/* expand: operators that are compositions become what they are composed of.
 *
 * In: the graph as imported. Out: a graph without LSTM, GRU, RNN; reductions over all pixels
 * as global pools. The rules are a table by operator; what they make is inferred at once. Constant
 * operands that a rule reshapes or transposes are computed by the fold pass. */
#include "passes/expand.h"

#include <string.h>

/* ---- tools of the rules ---- */

Value *expand_emit(Graph *g, Node *n, OpKind op, const Params *params, Value *const *in, int n_in)
{
    static const Shape scalar;
    Value *out = graph_value(g, NULL, DT_NONE, &scalar);
    Node *made = graph_node_before(g, n, op, NULL, in, n_in, &out, 1);
    made->id = n->id;
    if (params)
        made->params = *params;
    return op_infer(g, made) ? out : NULL;
}

Value *expand_reshape(Graph *g, Node *n, Value *v, int rank, const int64_t *dims)
{
    Shape shape = shape_make(rank, dims);
    Params p = {.shape = {.allow_zero = true}};
    Value *in[] = {v, shape_constant(g, NULL, &shape)};
    return expand_emit(g, n, OP_Reshape, &p, in, 2);
}

Value *expand_transpose(Graph *g, Node *n, Value *v, const int *perm)
{
    Params p = {.perm = {.given = true}};
    for (int i = 0; i < v->shape.rank; i++)
        p.perm.perm[i] = perm[i];
    return expand_emit(g, n, OP_Transpose, &p, &v, 1);
}

void expand_become(Graph *g, Node *n, OpKind op, Value *const *in, int n_in)
{
    n->op = op;
    memset(&n->params, 0, sizeof n->params);
    n->n_in = 0;
    for (int i = 0; i < n_in; i++)
        node_add_input(g, n, in[i]);
}

/* ---- reductions ---- */

/* The mean or maximum over all axes behind the channels is a global pool, which reads blocked
 * layouts, too. */
static bool expand_global_pool(Graph *g, Node *n)
{
    const ReduceParams *p = &n->params.reduce;
    Value *x = n->in[0];
    int rank = x->shape.rank;
    bool pixels = rank >= 3 && p->n_axes == rank - 2 && dtype_is_float(x->dtype) &&
                  shape_range_numel(&x->shape, 2, rank) > 0;
    for (int i = 0; i < p->n_axes; i++)
        pixels = pixels && p->axes[i] == 2 + i;
    if (!pixels)
        return true;
    OpKind pool = n->op == OP_ReduceMean ? OP_GlobalAveragePool : OP_GlobalMaxPool;
    if (p->keepdims) {
        expand_become(g, n, pool, &x, 1);
        return true;
    }
    Value *pooled = expand_emit(g, n, pool, NULL, &x, 1);
    if (pooled == NULL)
        return false;
    expand_become(g, n, OP_Reshape, (Value *[]){pooled, shape_constant(g, NULL, &n->out[0]->shape)},
                  2);
    n->params.shape.allow_zero = true;
    return true;
}

/* ---- the pass ---- */

static const struct {
    OpKind op;
    ExpandRule *rule;
} rules[] = {
    {OP_LSTM, expand_rnn},
    {OP_GRU, expand_rnn},
    {OP_RNN, expand_rnn},
    {OP_ReduceMean, expand_global_pool},
    {OP_ReduceMax, expand_global_pool},
};

static bool apply_rule(Graph *g, Node *n)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].op == n->op)
            return rules[i].rule(g, n);
    return true;
}

bool pass_expand(Graph *g, const PassOptions *o)
{
    (void)o;
    for (int i = 0; i < g->n_nodes; i++) {
        Node *n = g->nodes[i];
        int before = g->n_nodes;
        if (!apply_rule(g, n))
            return false;
        i += g->n_nodes - before;
    }
    return graph_compact(g);
}
