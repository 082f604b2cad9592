/* Reorder: the same logical value in another layout, plain or blocked by channels.
 *
 * The channels of a block and the pixels exchange places: a copy by transposed tiles
 * (codegen/nest_copy.c). The last block of a channel count that the block does not divide is a
 * kernel of its own, which moves the valid channels only. */
#include "codegen/nest.h"

/* Strides of `v` over the axes [N][C / block][spatial…][block] of a space blocked by `block`. */
static void strides_over(const Value *v, int64_t block, int64_t *stride)
{
    int rank = v->shape.rank;
    int64_t step = v->layout.block > 1 ? block : 1;
    for (int i = rank - 1; i >= 2; i--) {
        stride[i] = step;
        step *= v->shape.dim[i];
    }
    bool blocked = v->layout.block > 1;
    stride[1] = blocked ? step : step * block;
    stride[rank] = blocked ? 1 : step;
    int64_t blocks = ceil_div(v->shape.dim[1], block);
    stride[0] = step * (blocked ? blocks : v->shape.dim[1]);
}

bool lower_reorder(Lower *lw, const Node *n)
{
    const Value *in = n->in[0], *out = n->out[0];
    const Value *space = out->layout.block > 1 ? out : in;
    int64_t block = space->layout.block, stride[NEST_AXES];
    if (block <= 1 || in->layout.block == out->layout.block)
        return lower_view(lw, n);
    if (in->layout.block > 1 && out->layout.block > 1)
        return node_unsupported(lw->graph, n, "it reorders between two blocked layouts");
    Nest nest, tail;
    nest_space(&nest, space);
    strides_over(out, block, stride);
    nest_strided(lw, &nest, "out", out, 0, stride);
    strides_over(in, block, stride);
    nest_strided(lw, &nest, "in", in, 0, stride);
    bool has_tail = nest_split_tail(&nest, space, &tail);
    const char *dims = dims_str(lw->arena, &out->shape, 0);
    const char *way = out->layout.block > 1 ? "block" : "unblock";
    char *name = arena_printf(lw->arena, "%s%lld_%s", way, (long long)block, dims);
    const char *note =
        arena_printf(lw->arena, "%s, %s channels by %lld", dims, way, (long long)block);
    bool ok = nest.extent[1] == 0 || nest_copy(lw, n, name, note, &nest);
    if (ok && has_tail)
        ok = nest_copy(lw, n, arena_printf(lw->arena, "%s_tail", name),
                       arena_printf(lw->arena, "%s, the last channels", note), &tail);
    return ok;
}
