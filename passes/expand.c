/* expand: operators that are compositions become what they are composed of.
 *
 * In: the graph as imported. Out: a graph without LSTM, GRU, RNN, DFT, STFT; Einsum
 * only where it is no matrix product. The rules are a table by
 * operator; what they make is inferred at once. Constant operands that a rule reshapes or
 * transposes are computed by the fold pass. */
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

/* ---- the pass ---- */

static const struct {
    OpKind op;
    ExpandRule *rule;
} rules[] = {
    {OP_LSTM, expand_rnn},      {OP_GRU, expand_rnn}, {OP_RNN, expand_rnn},
    {OP_Einsum, expand_einsum}, {OP_DFT, expand_dft}, {OP_STFT, expand_stft},
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
