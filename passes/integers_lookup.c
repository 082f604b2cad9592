/* Functions of one integer of 8 bits: dequantize, any chain of elementwise operators with constant
 * scalars, quantize. All 256 results are computed now, by the interpreter, and looked up at run
 * time; a pair with nothing in between (another scale) is the shortest chain. */
#include "ir/interp/interp.h"
#include "passes/integers.h"

#include <string.h>

enum { MAX_CHAIN = 16, CODES = 256 };

/* The operand of `n` that is not a constant of one element; -1 when there is more than one, or a
 * larger constant. */
static int variable_operand(const Node *n)
{
    int at = -1;
    for (int i = 0; i < n->n_in; i++) {
        const Value *v = n->in[i];
        if (v == NULL || (v->constant && shape_numel(&v->shape) == 1))
            continue;
        if (at >= 0 || v->constant)
            return -1;
        at = i;
    }
    return at;
}

/* Whether `n` is a step of a chain: elementwise, from f32 to f32 of the same shape. */
static bool is_link(const Node *n)
{
    int at = n->dead || n->n_epilogue > 0 || n->n_out != 1 ? -1 : variable_operand(n);
    return at >= 0 && op_has(n->op, T_ELEMENTWISE) && n->in[at]->dtype == DT_F32 &&
           n->out[0]->dtype == DT_F32 && shape_equal(&n->in[at]->shape, &n->out[0]->shape);
}

/* Runs one node on tensors of 256 elements; NULL after a diagnostic. */
static Tensor *run(Graph *g, const Node *n, int at, const Tensor *x)
{
    static const Shape codes = {1, {CODES}};
    Tensor *out = tensor_new(g->arena, n->out[0]->dtype, &codes);
    const Tensor **in = ARENA_ARRAY(g->arena, const Tensor *, n->n_in);
    for (int i = 0; i < n->n_in; i++)
        in[i] = i == at ? x : n->in[i] ? n->in[i]->constant : NULL;
    InterpCall call = {g->arena, g->diag, n, in, n->n_in, &out, 1};
    return interp_node(&call) ? out : NULL;
}

static Tensor *all_codes(Graph *g, DType t)
{
    static const Shape codes = {1, {CODES}};
    Tensor *x = tensor_new(g->arena, t, &codes);
    for (int i = 0; i < CODES; i++)
        tensor_set_i64(x, i, i - (t == DT_I8 ? CODES / 2 : 0));
    return x;
}

bool integers_lookup(const IntegerSweep *s, Node *n)
{
    Graph *g = s->g;
    const Node *chain[MAX_CHAIN + 1] = {n};
    Quant from, to;
    int links = 1;
    if (!quant_result(n, &to))
        return false;
    Value *v = n->in[0];
    while (links <= MAX_CHAIN && v->def && is_link(v->def) && value_read_once(v)) {
        chain[links++] = v->def;
        v = v->def->in[variable_operand(v->def)];
    }
    const Node *dequantize = v->def;
    if (dequantize == NULL || !quant_of(v, false, &from))
        return false;
    const Tensor *x = run(g, dequantize, 0, all_codes(g, from.q->dtype));
    for (int i = links - 1; x && i > 0; i--)
        x = run(g, chain[i], variable_operand(chain[i]), x);
    x = x ? run(g, n, 0, x) : NULL;
    if (x == NULL)
        return false;
    Value *in[2] = {from.q, graph_constant(g, NULL, x)};
    return integers_replace(g, n, OP_Lookup, NULL, in, 2) != NULL;
}

bool integers_join_lookups(const IntegerSweep *s, Node *n)
{
    Graph *g = s->g;
    const Node *first = n->in[0] ? n->in[0]->def : NULL;
    if (n->op != OP_Lookup || first == NULL || first->op != OP_Lookup || first->dead)
        return false;
    const Tensor *inner = first->in[1]->constant, *outer = n->in[1]->constant;
    Tensor *joined = tensor_new(g->arena, outer->dtype, &outer->shape);
    int64_t least = n->in[0]->dtype == DT_I8 ? INT8_MIN : 0;
    size_t size = dtype_size(outer->dtype);
    for (int64_t i = 0; i < CODES; i++) {
        size_t from = (size_t)(tensor_get_i64(inner, i) - least);
        memcpy((char *)joined->data + (size_t)i * size, (char *)outer->data + from * size, size);
    }
    n->in[0] = first->in[0];
    n->in[1] = graph_constant(g, NULL, joined);
    return true;
}
