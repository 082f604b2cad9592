/* Einsum where it is no matrix product: one nest over all labels, the summed ones along the line.
 *
 * Diagonals are strides that add up. The innermost axis is one along which every operand moves by
 * one element or not at all, if there is one: the last of the result, or a summed one. */
#include "codegen/lines.h"
#include "ir/einsum.h"
#include "ir/ops.h"

typedef struct Product {
    int n_operands;
    const KReg *sum, *carry; /* carry: NULL where plain sums are good enough */
} Product;

static void step(Lines *l, void *user)
{
    const Product *p = user;
    KExpr *x = lines_load(l, 1);
    for (int i = 1; i + 1 < p->n_operands; i++)
        x = kb_bin(l->b, KO_MUL, x, lines_load(l, 1 + i));
    if (p->n_operands > 1 && p->carry == NULL) {
        lines_set(l, p->sum, kb_fma(l->b, x, lines_load(l, p->n_operands), lines_get(l, p->sum)));
        return;
    }
    if (p->n_operands > 1)
        x = kb_bin(l->b, KO_MUL, x, lines_load(l, p->n_operands));
    lines_add(l, p->sum, p->carry, x);
}

static void body(Lines *l, void *user)
{
    Product *p = user;
    p->sum = lines_reg(l, "sum", l->base, 0);
    p->carry = lines_carry(l);
    lines_walk(l, step, p);
    for (l->u = 0; l->u < lines_results(l); l->u++)
        lines_store_result(l, 0, lines_total(l, p->sum, KO_ADD));
    l->u = 0;
}

/* Whether vectors may run along the label. */
static bool is_innermost(const Einsum *e, int label)
{
    for (int i = 0; i < e->n_operands; i++)
        if (einsum_stride(e, i, label) > 1)
            return false;
    return (label >= e->n_out || label == e->n_out - 1) && e->extent[label] > 1;
}

/* The labels in the order of the nest: outermost first. */
static void order_labels(const Einsum *e, int *order)
{
    int last = e->n_labels - 1;
    for (int l = e->n_labels - 1; l >= 0; l--)
        if (is_innermost(e, l))
            last = l;
    for (int l = 0, k = 0; l < e->n_labels; l++)
        if (l != last)
            order[k++] = l;
    if (e->n_labels > 0)
        order[e->n_labels - 1] = last;
}

bool lower_einsum(Lower *lw, const Node *n)
{
    static const char *const names[EINSUM_OPERANDS] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    Einsum e;
    int order[EINSUM_LABELS];
    bool along[NEST_AXES] = {false};
    int64_t stride[NEST_AXES], out_stride[MAX_RANK];
    if (!einsum_parse(lw->graph, n, &e))
        return false;
    if (e.n_labels > NEST_AXES)
        return node_unsupported(lw->graph, n, "equation: %d labels, at most %d have a kernel",
                                e.n_labels, (int)NEST_AXES);
    Nest nest = {.rank = e.n_labels};
    order_labels(&e, order);
    shape_strides(&n->out[0]->shape, out_stride);
    for (int a = 0; a < e.n_labels; a++) {
        nest.extent[a] = e.extent[order[a]];
        along[a] = order[a] >= e.n_out;
        stride[a] = along[a] ? 0 : out_stride[order[a]];
    }
    nest_strided(lw, &nest, "out", n->out[0], 0, stride);
    for (int i = 0; i < e.n_operands; i++) {
        for (int a = 0; a < e.n_labels; a++)
            stride[a] = einsum_stride(&e, i, order[a]);
        nest_strided(lw, &nest, names[i], n->in[i], 0, stride);
    }
    Product p = {.n_operands = e.n_operands};
    LinesKernel k = {.body = body, .user = &p};
    k.base = kbase_compute(kbase_of_dtype(n->out[0]->dtype));
    const char *to = dims_str(lw->arena, &n->out[0]->shape, 0);
    k.name = arena_printf(lw->arena, "einsum_%s", to);
    k.note = arena_printf(lw->arena, "Einsum of %d operands to %s", e.n_operands, to);
    return lines_emit(lw, n, &k, &nest, along, 0);
}
