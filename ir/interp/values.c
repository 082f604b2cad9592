/* Operands, conversions, windows and table-driven moves for the interpreter's operators.
 *
 * Comes in: tensors of any type, inferred parameters. Goes out: arrays of doubles or int64, and
 * tensors rounded once to their type. The type switches stand outside of the loops.
 * Holds: moves copy bits and never convert. */
#include "ir/interp/values.h"

#include <stdio.h>
#include <string.h>

const Tensor *interp_operand(const InterpCall *c, int i)
{
    return i < c->n_in && i < node_own_inputs(c->node) ? c->in[i] : NULL;
}

bool interp_error(InterpCall *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *text = arena_vprintf(c->arena, format, args);
    va_end(args);
    return diag_error(c->diag, "%s: %s", node_label(c->arena, c->node), text);
}

/* ---- conversion ---- */

void interp_load(const Tensor *t, int64_t first, int64_t count, double *to)
{
    if (t->dtype == DT_F32) {
        const float *from = (const float *)t->data + first;
        for (int64_t i = 0; i < count; i++)
            to[i] = from[i];
        return;
    }
    for (int64_t i = 0; i < count; i++)
        to[i] = tensor_get_f64(t, first + i);
}

void interp_store(const double *from, Tensor *t, int64_t first, int64_t count)
{
    if (t->dtype == DT_F32) {
        float *to = (float *)t->data + first;
        for (int64_t i = 0; i < count; i++)
            to[i] = (float)from[i];
        return;
    }
    for (int64_t i = 0; i < count; i++)
        tensor_set_f64(t, first + i, from[i]);
}

void interp_load_i64(const Tensor *t, int64_t first, int64_t count, int64_t *to)
{
    for (int64_t i = 0; i < count; i++)
        to[i] = tensor_get_i64(t, first + i);
}

void interp_store_i64(const int64_t *from, Tensor *t, int64_t first, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        tensor_set_i64(t, first + i, from[i]);
}

double *interp_f64(Arena *a, const Tensor *t)
{
    int64_t n = shape_numel(&t->shape);
    double *data = ARENA_ARRAY(a, double, n);
    interp_load(t, 0, n, data);
    return data;
}

/* ---- windows ---- */

Spatial spatial_make(const Window *w, const Shape *in, const Shape *out)
{
    Spatial s = {.in_plane = 1, .out_plane = 1, .taps = 1};
    for (int axis = 0; axis < MAX_SPATIAL; axis++) {
        int i = axis - (MAX_SPATIAL - w->n); /* of the window; negative: a leading axis */
        bool real = i >= 0;
        s.in[axis] = real ? in->dim[i + 2] : 1;
        s.out[axis] = real ? out->dim[i + 2] : 1;
        s.kernel[axis] = real ? w->kernel[i] : 1;
        s.stride[axis] = real ? w->stride[i] : 1;
        s.dilation[axis] = real ? w->dilation[i] : 1;
        s.pad_begin[axis] = real ? w->pad_begin[i] : 0;
        s.pad_end[axis] = real ? w->pad_end[i] : 0;
        s.in_plane *= s.in[axis];
        s.out_plane *= s.out[axis];
        s.taps *= s.kernel[axis];
    }
    return s;
}

void spatial_trim(const Spatial *s, int axis, int64_t k, int64_t extent, int64_t placements,
                  int64_t *lo, int64_t *hi)
{
    int64_t stride = s->stride[axis];
    int64_t before = s->pad_begin[axis] - k * s->dilation[axis]; /* o * stride >= before */
    int64_t last = extent - 1 + before;                          /* o * stride <= last */
    *lo = before > 0 ? (before - 1) / stride + 1 : 0;
    *hi = last < 0 ? 0 : last / stride + 1;
    if (*hi > placements)
        *hi = placements;
    if (*lo > *hi)
        *lo = *hi;
}

/* ---- moves ---- */

/* One row of interp_move; `base` is the sum of the outer offsets, -1 when one of them is -1. */
static void move_row(char *to, const char *from, size_t size, int64_t count, int64_t base,
                     const int64_t *offset, const void *fill)
{
    for (int64_t i = 0; i < count; i++) {
        int64_t at = offset ? offset[i] : 0;
        const char *element = base < 0 || at < 0 ? fill : from + (size_t)(base + at) * size;
        memcpy(to + (size_t)i * size, element, size);
    }
}

void interp_move(Tensor *out, const Tensor *in, int n, const int64_t *extent,
                 int64_t *const *offset, const void *fill)
{
    size_t size = dtype_size(out->dtype);
    int64_t row = n ? extent[n - 1] : 1, rows = 1, at[MAX_RANK] = {0};
    for (int i = 0; i < n - 1; i++)
        rows *= extent[i];
    for (int64_t r = 0; r < rows && row > 0; r++) {
        int64_t base = 0;
        for (int i = 0; i < n - 1 && base >= 0; i++)
            base = offset[i][at[i]] < 0 ? -1 : base + offset[i][at[i]];
        move_row((char *)out->data + (size_t)(r * row) * size, in->data, size, row, base,
                 n ? offset[n - 1] : NULL, fill);
        for (int i = n - 2; i >= 0 && ++at[i] == extent[i]; i--)
            at[i] = 0;
    }
}

/* ---- coordinates ---- */

void interp_unravel(const Shape *s, int64_t i, int64_t at[MAX_RANK])
{
    for (int axis = s->rank - 1; axis >= 0; axis--) {
        at[axis] = i % s->dim[axis];
        i /= s->dim[axis];
    }
}

int64_t interp_ravel(const Shape *s, const int64_t at[MAX_RANK])
{
    int64_t i = 0;
    for (int axis = 0; axis < s->rank; axis++)
        i = i * s->dim[axis] + at[axis];
    return i;
}

void interp_copy(Tensor *out, int64_t to, const Tensor *in, int64_t from)
{
    size_t size = dtype_size(out->dtype);
    memcpy((char *)out->data + (size_t)to * size, (const char *)in->data + (size_t)from * size,
           size);
}

bool interp_index(InterpCall *c, int64_t extent, int64_t *index)
{
    if (*index < -extent || *index >= extent)
        return interp_error(c, "index %lld is out of range for %lld elements", (long long)*index,
                            (long long)extent);
    *index += *index < 0 ? extent : 0;
    return true;
}
