/* flush: weights that are denormal numbers, or next to nothing beside the others, become zero.
 *
 * In: a fused graph. Out: the same with such numbers replaced in the constants that are multiplied
 * or added: weights, biases, slopes, scales. Training leaves dead channels behind whose weights are
 * around 1e-38. They contribute nothing, but their products are denormal, and processors take some
 * hundred cycles for each. One note says how many there were; --keep-denormals keeps them. */
#include "passes/rewrite.h"

#include <math.h>

/* Which operands of an operator (bit k: operand k) are weights. */
typedef struct WeightOperands {
    OpKind op;
    unsigned operands;
} WeightOperands;

static const WeightOperands table[] = {
    {OP_Conv, 1 << 1 | 1 << 2},
    {OP_ConvTranspose, 1 << 1 | 1 << 2},
    {OP_Gemm, 1 << 1 | 1 << 2},
    {OP_MatMul, 1 << 0 | 1 << 1},
    {OP_Add, 1 << 0 | 1 << 1},
    {OP_Sub, 1 << 0 | 1 << 1},
    {OP_Mul, 1 << 0 | 1 << 1},
    {OP_PRelu, 1 << 1},
    {OP_BatchNormalization, 1 << 1 | 1 << 2 | 1 << 3},
};

static unsigned weight_operands(OpKind op)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].op == op)
            return table[i].operands;
    return 0;
}

/* What is below this in magnitude is flushed: denormal numbers, and those whose product with a
 * number of ordinary size may be denormal when the tensor has others beside which they vanish. */
static float flush_limit(const Tensor *t)
{
    const float denormal = 0x1p-126f, tiny = 0x1p-64f, vanishing = 0x1p-40f;
    const float *x = t->data;
    int64_t n = shape_numel(&t->shape);
    float greatest = 0;
    for (int64_t i = 0; i < n; i++)
        if (fabsf(x[i]) > greatest)
            greatest = fabsf(x[i]);
    return fmaxf(denormal, fminf(tiny, vanishing * greatest));
}

/* The constants that were looked at, by the value's id: NULL or what replaces them. */
typedef struct Flush {
    Graph *g;
    bool *seen;
    Value **replacement;
    int n_ids; /* values made since have greater ids */
    int64_t n_flushed;
} Flush;

/* A constant without its small numbers; `v` itself when there are none. */
static Value *flushed(Flush *f, Value *v)
{
    const float *from = v->constant->data, limit = flush_limit(v->constant);
    int64_t n = shape_numel(&v->shape), small = 0;
    for (int64_t i = 0; i < n; i++)
        small += from[i] != 0 && fabsf(from[i]) < limit;
    if (small == 0)
        return v;
    f->n_flushed += small;
    Tensor *t = tensor_new(f->g->arena, DT_F32, &v->shape);
    for (int64_t i = 0; i < n; i++)
        ((float *)t->data)[i] = fabsf(from[i]) < limit ? 0 : from[i];
    return graph_constant(f->g, v->name, t);
}

static void flush_operand(Flush *f, Node *n, int k)
{
    Value *v = k < n->n_in ? n->in[k] : NULL;
    if (v == NULL || !value_is_f32_constant(v) || v->id >= f->n_ids)
        return;
    if (!f->seen[v->id]) {
        f->seen[v->id] = true;
        f->replacement[v->id] = flushed(f, v);
    }
    n->in[k] = f->replacement[v->id];
}

bool pass_flush(Graph *g, const PassOptions *o)
{
    if (o->keep_denormals)
        return true;
    Flush f = {.g = g, .n_ids = g->n_values};
    f.seen = ARENA_ARRAY(g->arena, bool, g->n_values);
    f.replacement = ARENA_ARRAY(g->arena, Value *, g->n_values);
    for (int i = 0; i < g->n_nodes; i++) {
        Node *n = g->nodes[i];
        unsigned operands = weight_operands(n->op);
        for (int k = 0; k < node_own_inputs(n) && k < 3; k++)
            if (operands >> k & 1)
                flush_operand(&f, n, k);
        for (int s = 0; s < n->n_epilogue; s++)
            if (weight_operands(n->epilogue[s].op) && n->epilogue[s].operand >= 0)
                flush_operand(&f, n, n->epilogue[s].operand);
    }
    if (f.n_flushed > 0 && !o->quiet)
        diag_note(g->diag,
                  "%lld weights are denormal or vanish beside the others (below 2^-64) and are "
                  "taken as 0; --keep-denormals keeps them",
                  (long long)f.n_flushed);
    return remove_dead(g);
}
