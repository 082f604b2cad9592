/* Padding into windows: Pad -> Conv, Pad -> AveragePool, Pad -> MaxPool.
 *
 * Legal when only spatial axes are padded, nothing is cropped and the values padded are those that
 * the window assumes outside of its operand: zero for Conv; zero for AveragePool if the window then
 * counts them (count_include_pad), which its own pads must agree with; minus infinity for MaxPool.
 * Pads stay smaller than the kernel, as every window must touch the operand. */
#include "passes/fuse.h"

#include <math.h>

static bool pads_fit(const PadParams *p, const Window *w, int rank)
{
    if (p->mode != PAD_CONSTANT || rank != w->n + 2)
        return false;
    for (int i = 0; i < rank; i++) {
        if (p->begin[i] < 0 || p->end[i] < 0)
            return false;
        if (i < 2 && (p->begin[i] != 0 || p->end[i] != 0))
            return false;
        if (i < 2)
            continue;
        int64_t reach = w->dilation[i - 2] * (w->kernel[i - 2] - 1);
        if (w->pad_begin[i - 2] + p->begin[i] > reach || w->pad_end[i - 2] + p->end[i] > reach)
            return false;
    }
    return true;
}

static bool has_pads(const Window *w)
{
    for (int i = 0; i < w->n; i++)
        if (w->pad_begin[i] != 0 || w->pad_end[i] != 0)
            return true;
    return false;
}

/* Whether a value outside of the operand of `n` counts as `value`. */
static bool pads_with(const Node *n, double value)
{
    const PoolParams *p = &n->params.pool;
    switch (n->op) {
    case OP_Conv:
        return value == 0;
    case OP_AveragePool:
        return value == 0 && !p->ceil_mode && (p->count_include_pad || !has_pads(&p->w));
    case OP_MaxPool:
        return isinf(value) && value < 0 && !p->ceil_mode && n->n_out == 1;
    default:
        return false;
    }
}

bool fuse_pad(Fuse *f, Node *n)
{
    if (n->op != OP_Conv && n->op != OP_AveragePool && n->op != OP_MaxPool)
        return false;
    Node *pad = n->in[0]->def;
    if (pad == NULL || pad->op != OP_Pad || n->in[0]->dtype != DT_F32)
        return false;
    Window *w = n->op == OP_Conv ? &n->params.conv.w : &n->params.pool.w;
    const PadParams *p = &pad->params.pad;
    if (!pads_fit(p, w, pad->in[0]->shape.rank) || !pads_with(n, p->value))
        return false;
    for (int i = 0; i < w->n; i++) {
        w->pad_begin[i] += p->begin[i + 2];
        w->pad_end[i] += p->end[i + 2];
    }
    if (n->op == OP_AveragePool)
        n->params.pool.count_include_pad = true;
    Value *padded = n->in[0];
    n->in[0] = pad->in[0];
    pad->dead = padded->n_users == 1 && !padded->is_output;
    graph_index(f->g);
    return true;
}
