/* Data movement by one strided copy for each part: Concat, Split, Slice, Expand, Transpose.
 *
 * Each is a nest of two operands over the logical axes (or over [N][blocks][spatial…][block] when
 * both are blocked alike); collapsing makes long rows of what is contiguous, and transposed tiles
 * do the rest. Parts of a Concat or Split that already lie in place cost nothing. Any dtype. */
#include "codegen/channels.h"
#include "ir/ops.h"

/* Whether both values are blocked alike, or both plain. */
static bool same_layout(Lower *lw, const Node *n, const Value *a, const Value *b)
{
    int x = a->layout.block > 1 ? a->layout.block : 1,
        y = b->layout.block > 1 ? b->layout.block : 1;
    return x == y || node_unsupported(lw->graph, n, "its input and output differ in layout");
}

/* Row-major strides in memory, blocked: over [N][blocks][spatial…][block]. */
static void strides_of(const Value *v, int64_t *stride)
{
    if (v->layout.block <= 1) {
        shape_strides(&v->shape, stride);
        return;
    }
    Nest space;
    nest_space(&space, v);
    int64_t step = 1;
    for (int i = space.rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= space.extent[i];
    }
}

/* Copies a box of the axes of `part` between two values: whichever of `to` and `from` is the
 * larger has the box at element `at`. */
static bool copy_part(Lower *lw, const Node *n, const char *verb, const Value *part,
                      const Value *to, int64_t to_at, const Value *from, int64_t from_at)
{
    Nest nest;
    int64_t stride[NEST_AXES] = {0};
    nest_space(&nest, part);
    strides_of(to, stride);
    nest_strided(lw, &nest, "out", to, to_at, stride);
    strides_of(from, stride);
    nest_strided(lw, &nest, "in", from, from_at, stride);
    const char *dims = dims_str(lw->arena, &part->shape, 0);
    const char *whole = dims_str(lw->arena, to == part ? &from->shape : &to->shape, 0);
    return nest_copy(lw, n, arena_printf(lw->arena, "%s_%s", verb, dims),
                     arena_printf(lw->arena, "%s: %s of %s", op_info(n->op)->name, dims, whole),
                     &nest);
}

/* Elements in memory from index 0 to logical index `first` of the axis. */
static int64_t offset_along(const Value *v, int axis, int64_t first)
{
    int64_t stride[NEST_AXES] = {0};
    strides_of(v, stride);
    return v->layout.block > 1 && axis == 1 ? first / v->layout.block * stride[1]
                                            : first * stride[axis];
}

/* Whether `part` is the box of `whole` that begins `at` elements behind its start already. */
static bool lies_at(const Value *part, const Value *whole, int64_t at)
{
    if (part->constant || whole->constant || part->place.kind != whole->place.kind)
        return false;
    int64_t bytes = at * (int64_t)dtype_size(whole->dtype);
    return part->place.index == whole->place.index &&
           part->place.offset == whole->place.offset + bytes;
}

/* A part can share the whole's memory only where it is contiguous in it. */
static bool contiguous_part(const Value *whole, int axis)
{
    return shape_range_numel(&whole->shape, 0, axis) == 1;
}

/* Whether a part of a blocked value begins or ends inside of a block of channels. */
static bool cuts_blocks(Value *const *parts, int n, const Value *whole, int axis)
{
    int block = whole->layout.block > 1 && axis == 1 ? whole->layout.block : 1;
    for (int i = 0; i + 1 < n; i++)
        if (parts[i] == NULL || parts[i]->shape.dim[1] % block != 0)
            return block > 1;
    return false;
}

static bool concat_channels(Lower *lw, const Node *n)
{
    ChannelMap map = {.out = n->out[0]};
    int64_t at = 0;
    map.channel = ARENA_ARRAY(lw->arena, ChannelRef, n->out[0]->shape.dim[1]);
    for (int i = 0; i < node_own_inputs(n); i++) {
        if (!same_layout(lw, n, n->in[i], n->out[0]))
            return false;
        for (int64_t c = 0; c < n->in[i]->shape.dim[1]; c++)
            map.channel[at++] = (ChannelRef){n->in[i], c};
    }
    return lower_channel_map(lw, n, &map);
}

/* Channels first, first + step, … of the operand become those of `out`. */
static bool take_channels(Lower *lw, const Node *n, const Value *out, int64_t first, int64_t step)
{
    ChannelMap map = {.out = out};
    if (!same_layout(lw, n, n->in[0], out))
        return false;
    map.channel = ARENA_ARRAY(lw->arena, ChannelRef, out->shape.dim[1]);
    for (int64_t c = 0; c < out->shape.dim[1]; c++)
        map.channel[c] = (ChannelRef){n->in[0], first + c * step};
    return lower_channel_map(lw, n, &map);
}

bool lower_concat(Lower *lw, const Node *n)
{
    const Value *out = n->out[0];
    int axis = (int)n->params.axis.axis;
    int64_t first = 0;
    if (cuts_blocks(n->in, node_own_inputs(n), out, axis))
        return concat_channels(lw, n);
    for (int i = 0; i < node_own_inputs(n); i++) {
        const Value *in = n->in[i];
        int64_t extent = in->shape.dim[axis];
        if (shape_numel(&in->shape) > 0) {
            if (!same_layout(lw, n, in, out))
                return false;
            int64_t at = offset_along(out, axis, first);
            bool there = contiguous_part(out, axis) && lies_at(in, out, at);
            if (!there && !copy_part(lw, n, "concat", in, out, at, in, 0))
                return false;
        }
        first += extent;
    }
    return true;
}

bool lower_split(Lower *lw, const Node *n)
{
    const Value *in = n->in[0];
    int axis = (int)n->params.split.axis;
    int64_t first = 0;
    bool cut = cuts_blocks(n->out, n->n_out, in, axis);
    for (int i = 0; i < n->n_out; i++) {
        const Value *out = n->out[i];
        if (cut && out && out->place.kind != PLACE_NONE && shape_numel(&out->shape) > 0) {
            if (!take_channels(lw, n, out, first, 1))
                return false;
        } else if (out && out->place.kind != PLACE_NONE && shape_numel(&out->shape) > 0) {
            if (!same_layout(lw, n, in, out))
                return false;
            int64_t at = offset_along(in, axis, first);
            bool there = contiguous_part(in, axis) && lies_at(out, in, at);
            if (!there && !copy_part(lw, n, "split", out, out, 0, in, at))
                return false;
        }
        first += n->params.split.sizes[i];
    }
    return true;
}

bool lower_slice(Lower *lw, const Node *n)
{
    const Value *in = n->in[0], *out = n->out[0];
    const SliceParams *p = &n->params.slice;
    int64_t stride[NEST_AXES] = {0}, at = 0;
    Nest nest;
    if (!same_layout(lw, n, in, out))
        return false;
    if (in->layout.block > 1 && (in->shape.dim[1] != out->shape.dim[1] || p->step[1] != 1))
        return take_channels(lw, n, out, p->start[1], p->step[1]);
    nest_space(&nest, out);
    strides_of(out, stride);
    nest_strided(lw, &nest, "out", out, 0, stride);
    strides_of(in, stride);
    for (int i = 0; i < in->shape.rank; i++) {
        at += p->start[i] * stride[i];
        stride[i] *= p->step[i];
    }
    nest_strided(lw, &nest, "in", in, at, stride);
    const char *to = dims_str(lw->arena, &out->shape, 0);
    const char *from = dims_str(lw->arena, &in->shape, 0);
    return nest_copy(lw, n, arena_printf(lw->arena, "slice_%s", to),
                     arena_printf(lw->arena, "slice %s of %s", to, from), &nest);
}

bool lower_expand(Lower *lw, const Node *n)
{
    const Value *in = n->in[0], *out = n->out[0];
    Nest nest;
    nest_space(&nest, out);
    nest_operand(lw, &nest, out, "out", out);
    nest_operand(lw, &nest, out, "in", in);
    const char *to = dims_str(lw->arena, &out->shape, 0);
    const char *from = dims_str(lw->arena, &in->shape, 0);
    return nest_copy(lw, n, arena_printf(lw->arena, "expand_%s", to),
                     arena_printf(lw->arena, "expand %s to %s", from, to), &nest);
}

/* Channels first … first + count - 1 of the operand, which lie at equal steps in its memory, go to
 * where the permutation puts them: [blocks][block] when they fill whole blocks. */
static bool transpose_channels(Lower *lw, const Node *n, const char *name, const char *note,
                               int64_t first, int64_t count)
{
    const Value *in = n->in[0], *out = n->out[0];
    int64_t from[MAX_RANK + 1] = {0}, to[MAX_RANK], in_stride[NEST_AXES], out_stride[NEST_AXES];
    int64_t block = in->layout.block, from_at = 0, to_at = 0;
    Nest nest = {.rank = 0};
    strides_of(in, from); /* [N][blocks][spatial…][block] */
    shape_strides(&out->shape, to);
    for (int i = 0; i < out->shape.rank; i++) {
        int axis = n->params.perm.perm[i];
        int64_t extent = out->shape.dim[i];
        if (axis == 1) {
            from_at = first / block * from[1];
            to_at = first * to[i];
            out_stride[nest.rank] = to[i] * block;
            in_stride[nest.rank] = from[1];
            nest.extent[nest.rank++] = count / block;
            extent = count < block ? count : block;
            if (count < block)
                nest.rank--; /* inside of one block */
        }
        out_stride[nest.rank] = to[i];
        in_stride[nest.rank] = axis == 1 ? 1 : from[axis];
        nest.extent[nest.rank++] = extent;
    }
    nest_strided(lw, &nest, "out", out, to_at, out_stride);
    nest_strided(lw, &nest, "in", in, from_at, in_stride);
    return nest_copy(lw, n, name, note, &nest);
}

static bool transpose_blocked(Lower *lw, const Node *n, const char *name, const char *note)
{
    int64_t channels = n->in[0]->shape.dim[1], rest = channels % n->in[0]->layout.block;
    if (rest < channels && !transpose_channels(lw, n, name, note, 0, channels - rest))
        return false;
    return rest == 0 || transpose_channels(lw, n, name, note, channels - rest, rest);
}

bool lower_transpose(Lower *lw, const Node *n)
{
    const Value *in = n->in[0], *out = n->out[0];
    int64_t stride[NEST_AXES], own[MAX_RANK];
    const char *perm = "";
    for (int i = 0; i < out->shape.rank; i++)
        perm = arena_printf(lw->arena, "%s%d", perm, n->params.perm.perm[i]);
    const char *from = dims_str(lw->arena, &in->shape, 0);
    const char *name = arena_printf(lw->arena, "transpose%s_%s", perm, from);
    const char *note = arena_printf(lw->arena, "transpose %s by %s", from, perm);
    if (out->layout.block > 1)
        return node_unsupported(lw->graph, n, "it has no kernel for a blocked result");
    if (in->layout.block > 1)
        return transpose_blocked(lw, n, name, note);
    Nest nest;
    nest_space(&nest, out);
    shape_strides(&out->shape, stride);
    nest_strided(lw, &nest, "out", out, 0, stride);
    shape_strides(&in->shape, own);
    for (int i = 0; i < out->shape.rank; i++)
        stride[i] = own[n->params.perm.perm[i]];
    nest_strided(lw, &nest, "in", in, 0, stride);
    return nest_copy(lw, n, name, note, &nest);
}
