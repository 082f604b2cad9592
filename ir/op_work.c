/* How many steps the interpreter takes for a node, where that is more than its tensors' elements
 * tell: products, transforms, sorting. Folding asks, so that a small model cannot keep the compiler
 * busy for hours. */
#include "ir/einsum.h"
#include "ir/ops.h"

#include <float.h>

static double numel(const Value *v)
{
    return v ? (double)shape_numel(&v->shape) : 0;
}

static double last_extent(const Value *v, int from_end)
{
    int axis = v->shape.rank - from_end;
    return axis >= 0 ? (double)v->shape.dim[axis] : 1;
}

/* Elements of the result times those of a weight but for its outputs. */
static double convolution(const Node *n, const Value *over)
{
    const Shape *w = &n->in[1]->shape;
    return numel(over) * (double)shape_range_numel(w, 1, w->rank);
}

static double einsum(Graph *g, const Node *n)
{
    Einsum e;
    double work = 1;
    if (!einsum_parse(g, n, &e))
        return DBL_MAX;
    for (int i = 0; i < e.n_labels; i++)
        work *= (double)e.extent[i];
    return work * e.n_operands;
}

double op_work(Graph *g, const Node *n)
{
    switch (n->op) {
    case OP_Conv:
        return convolution(n, n->out[0]);
    case OP_ConvTranspose:
        return convolution(n, n->in[0]);
    case OP_Gemm:
        return numel(n->out[0]) * last_extent(n->in[0], n->params.gemm.trans_a ? 2 : 1);
    case OP_MatMul:
        return numel(n->out[0]) * last_extent(n->in[0], 1);
    case OP_Einsum:
        return einsum(g, n);
    case OP_Det:
        return numel(n->in[0]) * last_extent(n->in[0], 1);
    case OP_DFT:
    case OP_STFT:
        return numel(n->out[0]) * (double)n->params.spectrum.length;
    case OP_TopK:
        return numel(n->in[0]) * (double)n->params.line.k;
    case OP_LSTM:
    case OP_GRU:
    case OP_RNN:
        return numel(n->out[0]) * (numel(n->in[1]) + numel(n->in[2]));
    default:
        return numel(n->out[0]);
    }
}
