/* Where the kernels' buffers are: arguments for values, scratch and tables, and the weight blob.
 *
 * A constant gets its offset in the blob when the first call names it; the same tensor in the
 * same layout, or one with the same bytes, is placed once. The bytes are written at the end, when
 * the size is known: blocked layouts are permuted on the way, with zeros in the padding. */
#include "codegen/lower.h"

#include <string.h>

enum { WEIGHT_ALIGN = 64 };

/* Elements of `t` laid out with channel blocks of `block` (<= 1: row-major). */
static int64_t laid_out_numel(const Tensor *t, int block)
{
    int64_t n = shape_numel(&t->shape);
    if (block <= 1 || n == 0)
        return n;
    int64_t c = t->shape.dim[1];
    return n / c * (ceil_div(c, block) * block);
}

static bool same_bytes(const Tensor *a, const Tensor *b)
{
    return a->dtype == b->dtype && shape_equal(&a->shape, &b->shape) &&
           memcmp(a->data, b->data, tensor_bytes(a)) == 0;
}

/* Offset of the constant in the blob, in bytes. */
static int64_t place_tensor(Lower *lw, const Tensor *t, int block)
{
    block = block > 1 ? block : 1;
    for (int i = 0; i < lw->n_placed; i++)
        if (lw->placed[i].block == block && lw->placed[i].tensor == t)
            return lw->placed[i].offset;
    for (int i = 0; i < lw->n_placed; i++)
        if (lw->placed[i].block == block && same_bytes(lw->placed[i].tensor, t))
            return lw->placed[i].offset;
    Program *p = lw->program;
    int64_t offset = p->weights_bytes;
    int64_t bytes = laid_out_numel(t, block) * (int64_t)dtype_size(t->dtype);
    p->weights_bytes = (offset + bytes + WEIGHT_ALIGN - 1) / WEIGHT_ALIGN * WEIGHT_ALIGN;
    if (lw->n_placed == lw->cap_placed) {
        lw->cap_placed = lw->cap_placed ? 2 * lw->cap_placed : 32;
        lw->placed = arena_grow(lw->arena, lw->placed, (size_t)lw->n_placed, (size_t)lw->cap_placed,
                                sizeof *lw->placed);
    }
    lw->placed[lw->n_placed].tensor = t;
    lw->placed[lw->n_placed].block = block;
    lw->placed[lw->n_placed++].offset = offset;
    return offset;
}

/* [N][C][S] -> [N][ceil(C / block)][S][block] for elements of `size` bytes; `to` is zeroed. */
static void write_blocked(unsigned char *to, const Tensor *t, int block, size_t size)
{
    const unsigned char *from = t->data;
    int64_t n = t->shape.dim[0], c = t->shape.dim[1];
    int64_t s = shape_range_numel(&t->shape, 2, t->shape.rank);
    int64_t blocks = ceil_div(c, block);
    for (int64_t in = 0; in < n; in++)
        for (int64_t ic = 0; ic < c; ic++)
            for (int64_t is = 0; is < s; is++) {
                int64_t at = ((in * blocks + ic / block) * s + is) * block + ic % block;
                memcpy(to + (size_t)at * size, from + (size_t)((in * c + ic) * s + is) * size,
                       size);
            }
}

void lower_write_weights(Lower *lw)
{
    Program *p = lw->program;
    p->cap_weights = p->weights_bytes;
    p->weights = arena_array(lw->arena, (size_t)p->weights_bytes, 1);
    for (int i = 0; i < lw->n_placed; i++) {
        const Tensor *t = lw->placed[i].tensor;
        unsigned char *to = p->weights + lw->placed[i].offset;
        if (lw->placed[i].block > 1)
            write_blocked(to, t, lw->placed[i].block, dtype_size(t->dtype));
        else
            memcpy(to, t->data, tensor_bytes(t));
    }
}

Arg arg_tensor(Lower *lw, const Tensor *t)
{
    return (Arg){ARG_WEIGHTS, 0, place_tensor(lw, t, 1)};
}

Arg arg_value(Lower *lw, const Value *v)
{
    if (v->constant)
        return (Arg){ARG_WEIGHTS, 0, place_tensor(lw, v->constant, v->layout.block)};
    switch (v->place.kind) {
    case PLACE_INPUT:
        return (Arg){ARG_INPUT, v->place.index, v->place.offset};
    case PLACE_OUTPUT:
        return (Arg){ARG_OUTPUT, v->place.index, v->place.offset};
    default:
        return (Arg){ARG_ARENA, 0, v->place.offset};
    }
}

Arg arg_scratch(const Node *n, int64_t offset)
{
    return (Arg){ARG_ARENA, 0, n->plan.scratch_offset + offset};
}

KBuf *buf_tensor(KBuilder *b, const char *name, const Tensor *t)
{
    return kb_buf(b, name, kbase_of_dtype(t->dtype), shape_numel(&t->shape), K_READ);
}

KBuf *buf_moved(KBuilder *b, const char *name, const Value *v, KAccess access)
{
    return kb_buf(b, name, kbase_moved(kbase_of_dtype(v->dtype)), value_physical_numel(v), access);
}

KBuf *buf_value(KBuilder *b, const char *name, const Value *v, KAccess access)
{
    return kb_buf(b, name, kbase_of_dtype(v->dtype), value_physical_numel(v), access);
}
