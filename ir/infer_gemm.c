/* Inference of matrix products: Gemm and MatMul.
 *
 * Comes in: floating-point or integer matrices. Goes out: the product's shape.
 * Holds: inner extents agree; leading axes of MatMul broadcast as in NumPy; Gemm's C broadcasts to
 * [M,N]. */
#include "ir/infer.h"

#include "ir/ops.h"

static bool check_types(Graph *g, const Node *n)
{
    if (n->in[0]->dtype == DT_BOOL)
        return node_error(g, n, "input \"%s\" is bool, numbers are needed", n->in[0]->name);
    return infer_require_same_type(g, n, 1);
}

static bool inner_error(Graph *g, const Node *n, const Shape *a, const Shape *b)
{
    return node_error(g, n, "inner extents of %s and %s differ", shape_str(g->arena, a),
                      shape_str(g->arena, b));
}

bool infer_gemm(Graph *g, Node *n)
{
    if (!infer_require(g, n, 2, 3) || !check_types(g, n) || !infer_require_same_type(g, n, 2))
        return false;
    const GemmParams *p = &n->params.gemm;
    const Shape *a = &n->in[0]->shape, *b = &n->in[1]->shape;
    if (a->rank != 2 || b->rank != 2)
        return node_error(g, n, "inputs have shapes %s and %s, matrices are needed",
                          infer_shape_text(g, n->in[0]), infer_shape_text(g, n->in[1]));
    if (a->dim[p->trans_a ? 0 : 1] != b->dim[p->trans_b ? 1 : 0])
        return inner_error(g, n, a, b);
    Shape out = {.rank = 2, .dim = {a->dim[p->trans_a ? 1 : 0], b->dim[p->trans_b ? 0 : 1]}};
    const Value *c = infer_operand(n, 2);
    Shape joined;
    if (c && (!shape_broadcast(&out, &c->shape, &joined) || !shape_equal(&joined, &out)))
        return node_error(g, n, "C of shape %s does not broadcast to the product %s",
                          infer_shape_text(g, c), shape_str(g->arena, &out));
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}

bool infer_product_shape(Graph *g, const Node *n, Shape a, Shape b, Shape *out)
{
    const Shape a_given = a, b_given = b;
    if (a.rank == 0 || b.rank == 0)
        return node_error(g, n, "a scalar has no matrix product");
    bool row = a.rank == 1, column = b.rank == 1; /* vectors gain an axis, dropped at the end */
    if (row)
        a = (Shape){.rank = 2, .dim = {1, a.dim[0]}};
    if (column)
        b = (Shape){.rank = 2, .dim = {b.dim[0], 1}};
    if (a.dim[a.rank - 1] != b.dim[b.rank - 2])
        return inner_error(g, n, &a_given, &b_given);
    int64_t rows = a.dim[a.rank - 1 - 1], columns = b.dim[b.rank - 1];
    a.rank -= 2;
    b.rank -= 2;
    if (!shape_broadcast(&a, &b, out))
        return node_error(g, n, "leading axes of %s and %s do not broadcast",
                          shape_str(g->arena, &a_given), shape_str(g->arena, &b_given));
    if (!row)
        out->dim[out->rank++] = rows;
    if (!column)
        out->dim[out->rank++] = columns;
    return true;
}

bool infer_matmul(Graph *g, Node *n)
{
    Shape out;
    return infer_require(g, n, 2, 2) && check_types(g, n) &&
           infer_product_shape(g, n, n->in[0]->shape, n->in[1]->shape, &out) &&
           infer_output(g, n, 0, n->in[0]->dtype, &out);
}
