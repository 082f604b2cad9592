/* DFT and STFT -> a product or a convolution with a constant matrix of sines and cosines.
 *
 * A signal of n numbers (real, or pairs) times a matrix [n parts, bins 2] is its spectrum. That is
 * O(n^2), which for the lengths of audio front ends is as fast as the products are; longer ones are
 * split in two (passes/expand_long_dft.c). The frames of an STFT are the windows of a convolution
 * with a stride; a constant window function goes into the matrix. */
#include "passes/expand.h"

#include <math.h>

enum { MAX_MATRIX = 1 << 24 }; /* elements */

double expand_phase(int64_t step, int64_t length)
{
    static const double two_pi = 6.283185307179586476925286766559;
    return two_pi * (double)(step % length) / (double)length;
}

Value *expand_fourier_matrix(Graph *g, const Node *n, const Fourier *f)
{
    Shape s = {2, {f->count * f->parts, f->bins * 2}};
    if (s.dim[0] > MAX_MATRIX / s.dim[1]) {
        node_unsupported(g, n, "the matrix of the transform is %lldx%lld, at most %d elements fit",
                         (long long)s.dim[0], (long long)s.dim[1], (int)MAX_MATRIX);
        return NULL;
    }
    Tensor *t = tensor_new(g->arena, n->in[0]->dtype, &s);
    for (int64_t j = 0; j < f->count; j++)
        for (int64_t k = 0; k < f->bins; k++) {
            double phase = expand_phase(j * k, f->length);
            double scale = f->window ? tensor_get_f64(f->window, j) : 1;
            scale = f->inverse ? scale / (double)f->length : scale;
            double c = scale * cos(phase), d = scale * (f->inverse ? sin(phase) : -sin(phase));
            int64_t at = j * f->parts * f->bins * 2 + k * 2;
            tensor_set_f64(t, at, c);
            tensor_set_f64(t, at + 1, d);
            if (f->parts == 2) {
                tensor_set_f64(t, at + f->bins * 2, -d);
                tensor_set_f64(t, at + f->bins * 2 + 1, c);
            }
        }
    return graph_constant(g, NULL, t);
}

Value *expand_transform(Graph *g, Node *n, Value *x, int64_t row, Value *matrix, int rank,
                        const int64_t *dims)
{
    const int64_t flat[] = {row > 0 ? shape_numel(&x->shape) / row : 0, row};
    x = matrix ? expand_reshape(g, n, x, 2, flat) : NULL;
    Value *y = x ? expand_emit(g, n, OP_MatMul, NULL, (Value *[]){x, matrix}, 2) : NULL;
    return y ? expand_reshape(g, n, y, rank, dims) : NULL;
}

Value *expand_cut(Graph *g, Node *n, Value *x, int axis, int64_t count)
{
    const int64_t bounds[] = {0, count, axis};
    Value *in[4] = {x};
    for (int i = 0; i < 3; i++) {
        Tensor *t = tensor_new(g->arena, DT_I64, &(Shape){1, {1}});
        tensor_set_i64(t, 0, bounds[i]);
        in[i + 1] = graph_constant(g, NULL, t);
    }
    return expand_emit(g, n, OP_Slice, NULL, in, 4);
}

/* Signals [R, count, parts] -> spectra [R, bins, 2]. */
static Value *transform_rows(Graph *g, Node *n, Value *x, const Fourier *f)
{
    if (long_dft_factor(f->length) > 1)
        return expand_long_dft(g, n, x, f);
    const int64_t dims[] = {x->shape.dim[0], f->bins, 2};
    Value *matrix = expand_fourier_matrix(g, n, f);
    return expand_transform(g, n, x, f->count * f->parts, matrix, 3, dims);
}

bool expand_dft(Graph *g, Node *n)
{
    const SpectrumParams *p = &n->params.spectrum;
    Value *x = n->in[0];
    int rank = x->shape.rank, axis = (int)p->axis, swap[MAX_RANK];
    Fourier f = {.length = p->length, .inverse = p->inverse, .parts = x->shape.dim[rank - 1]};
    f.count = x->shape.dim[axis] < p->length ? x->shape.dim[axis] : p->length;
    f.bins = n->out[0]->shape.dim[axis];
    for (int i = 0; i < rank; i++) /* the signal's axis goes to the one before the last, and back */
        swap[i] = i == axis ? rank - 2 : i == rank - 2 ? axis : i;
    if (f.count < x->shape.dim[axis])
        x = expand_cut(g, n, x, axis, f.count);
    x = x ? expand_transpose(g, n, x, swap) : NULL;
    if (x == NULL)
        return false;
    Shape out = x->shape;
    out.dim[rank - 2] = f.bins;
    out.dim[rank - 1] = 2;
    const int64_t rows[] = {shape_range_numel(&x->shape, 0, rank - 2), f.count, f.parts};
    x = expand_reshape(g, n, x, 3, rows);
    Value *y = x ? transform_rows(g, n, x, &f) : NULL;
    y = y ? expand_reshape(g, n, y, rank, out.dim) : NULL;
    if (y == NULL)
        return false;
    expand_become(g, n, OP_Transpose, &y, 1);
    n->params.perm.given = true;
    for (int i = 0; i < rank; i++)
        n->params.perm.perm[i] = swap[i];
    return true;
}

/* The matrix [length parts, bins 2] as the weights of a convolution, [bins 2, parts, length]. */
static Value *as_weights(Graph *g, Node *n, Value *matrix, int64_t parts)
{
    static const int backwards[] = {2, 1, 0};
    const int64_t dims[] = {n->params.spectrum.length, parts, matrix->shape.dim[1]};
    Value *v = expand_reshape(g, n, matrix, 3, dims);
    return v ? expand_transpose(g, n, v, backwards) : NULL;
}

/* Frames at a distance are a convolution with a stride: [N, parts, L] -> [N, bins 2, frames]. */
bool expand_stft(Graph *g, Node *n)
{
    static const int inward[] = {0, 2, 1};
    const SpectrumParams *p = &n->params.spectrum;
    Value *x = n->in[0], *window = n->n_in > 2 ? n->in[2] : NULL;
    int64_t parts = x->shape.rank == 3 ? x->shape.dim[2] : 1;
    const int64_t signal[] = {x->shape.dim[0], x->shape.dim[1], parts};
    Params conv = {.conv = {.group = 1, .w = {.n = 1}}};
    conv.conv.w.kernel[0] = p->length;
    conv.conv.w.stride[0] = p->step;
    conv.conv.w.dilation[0] = 1;
    Fourier f = {p->length, p->length, parts, n->out[0]->shape.dim[2], false, NULL};
    f.window = window ? window->constant : NULL;
    Value *w = expand_fourier_matrix(g, n, &f);
    w = w ? as_weights(g, n, w, parts) : NULL;
    if (w && window && window->constant == NULL)
        w = expand_emit(g, n, OP_Mul, NULL, (Value *[]){w, window}, 2);
    x = w ? expand_reshape(g, n, x, 3, signal) : NULL;
    x = x ? expand_transpose(g, n, x, inward) : NULL;
    Value *y = x ? expand_emit(g, n, OP_Conv, &conv, (Value *[]){x, w}, 2) : NULL;
    y = y ? expand_transpose(g, n, y, inward) : NULL;
    if (y == NULL)
        return false;
    expand_become(g, n, OP_Reshape, (Value *[]){y, shape_constant(g, NULL, &n->out[0]->shape)}, 2);
    n->params.shape.allow_zero = true;
    return true;
}
