/* What the interpreter's operators share: operands, conversion of tensors, windows, moves. */
#ifndef CNNCC_IR_INTERP_VALUES_H
#define CNNCC_IR_INTERP_VALUES_H

#include "ir/interp/interp.h"

/* Operand `i` of the operator itself; NULL when absent (or when it belongs to the epilogue). */
const Tensor *interp_operand(const InterpCall *c, int i);

/* diag_error with the node's label in front. */
bool interp_error(InterpCall *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Elements first … first+count-1 as doubles, and back with one rounding to the tensor's type. */
void interp_load(const Tensor *t, int64_t first, int64_t count, double *to);
void interp_store(const double *from, Tensor *t, int64_t first, int64_t count);
/* The same for integers, exactly; narrower results wrap. */
void interp_load_i64(const Tensor *t, int64_t first, int64_t count, int64_t *to);
void interp_store_i64(const int64_t *from, Tensor *t, int64_t first, int64_t count);

/* The whole tensor as doubles, in the arena. */
double *interp_f64(Arena *a, const Tensor *t);

/* A window over three spatial axes [depth][height][width]; a 1-D or 2-D one has leading axes of
 * extent 1. `in` and `out` are the extents that the window slides over and is placed at. */
typedef struct Spatial {
    int64_t in[MAX_SPATIAL], out[MAX_SPATIAL];
    int64_t kernel[MAX_SPATIAL], stride[MAX_SPATIAL], dilation[MAX_SPATIAL];
    int64_t pad_begin[MAX_SPATIAL], pad_end[MAX_SPATIAL];
    int64_t in_plane, out_plane, taps; /* products of in, out, kernel */
} Spatial;

Spatial spatial_make(const Window *w, const Shape *in, const Shape *out);

/* The placements lo <= o < hi on `axis` for which tap `k` lies inside the extent: those with
 * 0 <= o * stride + k * dilation - pad_begin < extent. */
void spatial_trim(const Spatial *s, int axis, int64_t k, int64_t extent, int64_t placements,
                  int64_t *lo, int64_t *hi);

/* Copies by tables: the element of `out` at (o0, o1, …) over `n` axes of extents `extent` is the
 * element of `in` number offset[0][o0] + offset[1][o1] + …, or `fill` when one of them is -1. */
void interp_move(Tensor *out, const Tensor *in, int n, const int64_t *extent,
                 int64_t *const *offset, const void *fill);

/* A tensor cut into lines: a line is all the positions that agree in the axes that it does not run
 * along. Element i of line l is element base[l] + step[i] of the tensor; both are in row-major
 * order. */
typedef struct InterpLines {
    int64_t n_lines, n;
    int64_t *base, *step;
} InterpLines;

InterpLines interp_lines(Arena *a, const Shape *s, const bool along[MAX_RANK]);

/* The coordinates of element `i` of a row-major tensor, and back. */
void interp_unravel(const Shape *s, int64_t i, int64_t at[MAX_RANK]);
int64_t interp_ravel(const Shape *s, const int64_t at[MAX_RANK]);
/* Element `to` of `out` becomes element `from` of `in`, which has its type, bit for bit. */
void interp_copy(Tensor *out, int64_t to, const Tensor *in, int64_t from);
/* An index of ONNX, which may count from the end: in 0 … extent-1, or false after a message. */
bool interp_index(InterpCall *c, int64_t extent, int64_t *index);

/* One elementwise step: out = op(in[0], in[1] …). `out` may be in[0]. */
bool interp_elementwise(InterpCall *c, OpKind op, const Params *p, const Tensor *const *in,
                        int n_in, Tensor *out);

#endif
