/* LSTM, GRU, RNN -> one matrix product of the input over all time steps, and a Recurrence.
 *
 * X [T, N, I] times W^T for all gates and directions at once uses the fast product; what is left
 * for each step is the product with R, which is transposed so that vectors take hidden units. */
#include "passes/expand.h"

/* X [T, N, I] and W [D, gates H, I] -> [T, N, D gates H]. */
static Value *project(Graph *g, Node *n)
{
    Value *x = n->in[0], *w = n->in[1];
    int64_t rows = x->shape.dim[0] * x->shape.dim[1], columns = w->shape.dim[0] * w->shape.dim[1];
    int64_t depth = x->shape.dim[2];
    Params gemm = {.gemm = {.alpha = 1, .beta = 1, .trans_b = true}};
    x = expand_reshape(g, n, x, 2, (int64_t[]){rows, depth});
    w = x ? expand_reshape(g, n, w, 2, (int64_t[]){columns, depth}) : NULL;
    Value *y = w ? expand_emit(g, n, OP_Gemm, &gemm, (Value *[]){x, w}, 2) : NULL;
    const int64_t *dims = n->in[0]->shape.dim;
    return y ? expand_reshape(g, n, y, 3, (int64_t[]){dims[0], dims[1], columns}) : NULL;
}

bool expand_rnn(Graph *g, Node *n)
{
    static const int swap[] = {0, 2, 1};
    Value *in[7] = {project(g, n)};
    if (in[0] == NULL)
        return false;
    in[1] = expand_transpose(g, n, n->in[2], swap);
    if (in[1] == NULL)
        return false;
    int n_in = n->n_in - 1;
    for (int i = 2; i < n_in; i++)
        in[i] = n->in[i + 1];
    Params params = n->params;
    expand_become(g, n, OP_Recurrence, in, n_in);
    n->params = params;
    return true;
}
