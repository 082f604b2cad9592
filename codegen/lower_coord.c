/* Positions in a value's index space -> element indices in its memory.
 *
 * A kernel walks the space of its output, scalar or a vector at a time. Operands that broadcast
 * to that space are found here: axes are aligned at the right, an extent of 1 does not move, and
 * a lane axis that does not move makes every lane read the same element. */
#include "codegen/lower.h"

#include <assert.h>

/* Strides of `v` in memory, in elements; in blocked layouts stride[1] is of whole blocks. */
static void memory_strides(const Value *v, int64_t stride[MAX_RANK])
{
    int rank = v->shape.rank;
    int64_t block = v->layout.block > 1 ? v->layout.block : 1, step = block;
    for (int i = rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= i == 1 && block > 1 ? ceil_div(v->shape.dim[1], block) : v->shape.dim[i];
    }
}

Affine coord_index(const Value *v, const Coord *at, bool *splat)
{
    int64_t stride[MAX_RANK];
    memory_strides(v, stride);
    int shift = at->rank - v->shape.rank; /* axis of the space = axis of v + shift */
    bool blocked = v->layout.block > 1;
    Affine index = aff(0);
    *splat = at->vec_axis >= 0;
    for (int i = 0; i < v->shape.rank; i++) {
        int axis = i + shift;
        if (v->shape.dim[i] == 1)
            continue;
        int64_t k = stride[i];
        if (at->block > 1 && axis == 1 && !blocked)
            k *= at->block; /* dim[1] counts blocks; the lanes are channels of a plain operand */
        if (axis == at->vec_axis) {
            assert(stride[i] == 1 || (blocked && i == 1));
            *splat = false;
        }
        index = aff_add(index, aff_mul(at->dim[axis], k));
    }
    return index;
}

KExpr *coord_load(KBuilder *b, const KBuf *buf, const Value *v, const Coord *at)
{
    bool splat;
    Affine index = coord_index(v, at, &splat);
    if (splat || at->lanes == 1)
        return kb_splat(b, kb_load(b, buf, index, 1), at->lanes);
    int active = v->layout.block > 1 ? at->lanes : at->active;
    return kb_load_tail(b, buf, index, at->lanes, active);
}
