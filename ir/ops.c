/* The operator table as data: one OpInfo a row of ops.def, and what can be asked of it.
 *
 * op_infer is the only way to run an operator's inference: it checks the arity and that required
 * operands are there, so that the infer_ functions may index what the table promises. */
#include "ir/ops.h"

#include <string.h>

static const OpInfo table[OP_COUNT] = {
    [OP_NONE] = {"?", "", 0, 0, 0, 0, 0, "none", NULL},
#define OP(id, name, domain, imin, imax, omin, omax, traits, params, import, infer, interp, lower) \
    [OP_##id] = {name, domain, imin, imax, omin, omax, traits, #params, infer_##infer},
#include "ir/ops.def"
#undef OP
};

const OpInfo *op_info(OpKind op)
{
    return &table[op > OP_NONE && op < OP_COUNT ? op : OP_NONE];
}

OpKind op_find(const char *domain, const char *name)
{
    if (domain == NULL || strcmp(domain, "ai.onnx") == 0)
        domain = "";
    for (int i = OP_NONE + 1; i < OP_COUNT; i++)
        if (strcmp(table[i].name, name) == 0 && strcmp(table[i].domain, domain) == 0)
            return (OpKind)i;
    return OP_NONE;
}

bool op_has(OpKind op, unsigned traits)
{
    return (op_info(op)->traits & traits) == traits;
}

/* Operands that must be there are; counts are inside the table's bounds. */
static bool check_arity(Graph *g, const Node *n, const OpInfo *info)
{
    if (n->n_in < info->in_min || (info->in_max >= 0 && n->n_in > info->in_max))
        return node_error(g, n, "has %d inputs, needs %s%d", n->n_in,
                          n->n_in < info->in_min ? "at least " : "at most ",
                          n->n_in < info->in_min ? info->in_min : info->in_max);
    if (n->n_out < info->out_min || (info->out_max >= 0 && n->n_out > info->out_max))
        return node_error(g, n, "has %d outputs, needs %s%d", n->n_out,
                          n->n_out < info->out_min ? "at least " : "at most ",
                          n->n_out < info->out_min ? info->out_min : info->out_max);
    for (int i = 0; i < info->in_min; i++)
        if (n->in[i] == NULL)
            return node_error(g, n, "input %d is required", i);
    for (int i = 0; i < info->out_min; i++)
        if (n->out[i] == NULL)
            return node_error(g, n, "output %d is required", i);
    return true;
}

bool op_infer(Graph *g, Node *n)
{
    const OpInfo *info = op_info(n->op);
    if (!check_arity(g, n, info))
        return false;
    if (info->infer == NULL)
        return node_unsupported(g, n, "the operator has no shape inference");
    return info->infer(g, n);
}
