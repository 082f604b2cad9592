/* fold: nodes whose operands are all constant are computed now, by the reference interpreter.
 *
 * In: a simplified graph. Out: a graph in which such results are constants; shape arithmetic
 * disappears. A result that is larger than its operands and than the limit stays computed at run
 * time, so that a small model cannot make a huge program; so does what is left when the steps of
 * the interpreter are used up, so that it cannot keep the compiler busy for hours. */
#include "ir/interp/interp.h"
#include "passes/rewrite.h"

enum { FOLD_LIMIT_BYTES = 1 << 20 }; /* always folded up to this size */

static const double fold_steps = 1 << 30; /* of the interpreter, for all nodes together */

static bool is_constant_node(const Node *n)
{
    if (op_has(n->op, T_SHAPE_ONLY))
        return true;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && n->in[i]->constant == NULL)
            return false;
    return true;
}

static bool is_worth_folding(const Node *n)
{
    int64_t in = 0, out = 0;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i])
            in += value_physical_bytes(n->in[i]);
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i])
            out += value_physical_bytes(n->out[i]);
    if (n->op == OP_DequantizeLinear) /* of weights, which kernels want as they compute with them */
        return out <= 4 * in + FOLD_LIMIT_BYTES;
    return out <= FOLD_LIMIT_BYTES || out <= in;
}

/* A copy into an output must stay. */
static bool is_output_copy(const Node *n)
{
    return n->op == OP_Identity && n->out[0]->is_output;
}

/* Operands as tensors; the operand of a node that only looks at shapes may have no data. */
static const Tensor *operand_tensor(Graph *g, const Value *v)
{
    if (v == NULL)
        return NULL;
    if (v->constant)
        return v->constant;
    Tensor *t = ARENA_NEW(g->arena, Tensor);
    t->dtype = v->dtype;
    t->shape = v->shape;
    return t;
}

static bool fold_node(Graph *g, Node *n)
{
    const Tensor **in = ARENA_ARRAY(g->arena, const Tensor *, n->n_in);
    Tensor **out = ARENA_ARRAY(g->arena, Tensor *, n->n_out);
    for (int i = 0; i < n->n_in; i++)
        in[i] = operand_tensor(g, n->in[i]);
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i])
            out[i] = tensor_new(g->arena, n->out[i]->dtype, &n->out[i]->shape);
    InterpCall call = {g->arena, g->diag, n, in, n->n_in, out, n->n_out};
    if (!interp_node(&call))
        return false;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i]) {
            n->out[i]->constant = out[i];
            n->out[i]->def = NULL;
        }
    n->dead = true;
    return true;
}

bool pass_fold(Graph *g, const PassOptions *o)
{
    (void)o;
    double left = fold_steps;
    for (int i = 0; i < g->n_nodes; i++) {
        Node *n = g->nodes[i];
        if (!is_constant_node(n) || !is_worth_folding(n) || is_output_copy(n))
            continue;
        double steps = op_work(g, n);
        if (steps > left)
            continue;
        left -= steps;
        if (!fold_node(g, n))
            return false;
    }
    copy_shared_outputs(g);
    return remove_dead(g);
}
