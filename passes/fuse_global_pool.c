/* ReduceMean and ReduceMax over all axes behind the channels -> GlobalAveragePool, GlobalMaxPool.
 *
 * Those read blocked layouts, which reductions do not. Without keepdims a Reshape follows. This
 * stands behind the recognition of decomposed normalisations, whose patterns have reductions. */
#include "passes/fuse.h"

#include <string.h>

/* Whether exactly the axes from 2 on go, and there is something to pool. */
static bool reduces_pixels(const Node *n)
{
    const ReduceParams *p = &n->params.reduce;
    const Value *x = n->in[0];
    int rank = x->shape.rank;
    if ((n->op != OP_ReduceMean && n->op != OP_ReduceMax) || n->n_epilogue > 0 || rank < 3 ||
        p->n_axes != rank - 2 || !dtype_is_float(x->dtype))
        return false;
    for (int i = 0; i < p->n_axes; i++)
        if (p->axes[i] != 2 + i)
            return false;
    return shape_range_numel(&x->shape, 2, rank) > 0;
}

bool fuse_global_pool(Fuse *f, Node *n)
{
    if (!reduces_pixels(n))
        return false;
    Graph *g = f->g;
    bool keepdims = n->params.reduce.keepdims;
    n->op = n->op == OP_ReduceMean ? OP_GlobalAveragePool : OP_GlobalMaxPool;
    memset(&n->params, 0, sizeof n->params);
    n->n_in = 1;
    if (!keepdims) {
        Value *flat = n->out[0];
        Shape shape = n->in[0]->shape;
        for (int i = 2; i < shape.rank; i++)
            shape.dim[i] = 1;
        n->out[0] = graph_value(g, NULL, flat->dtype, &shape);
        n->out[0]->def = n;
        Value *in[] = {n->out[0], shape_constant(g, NULL, &flat->shape)};
        Node *reshape = graph_node_after(g, n, OP_Reshape, NULL, in, 2, &flat, 1);
        reshape->params.shape.allow_zero = true;
    }
    graph_index(g);
    return true;
}
