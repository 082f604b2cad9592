/* A long DFT of length n = a b as two shorter ones (Cooley and Tukey): a n + b n steps for n^2.
 *
 * With sample number j = b j1 + j2 and bin k = k1 + a k2, transforms of length a over j1 give
 * [j2][k1], each number of which is turned by the phase j2 k1 / n; transforms of length b over j2
 * then give [k1][k2]. */
#include "passes/expand.h"

#include <math.h>

/* Lengths that are split, and the least part. A longer one is refused for its matrix. */
enum { LONG = 1024, LONGEST = 1 << 22, LEAST_FACTOR = 8 };

int64_t long_dft_factor(int64_t length)
{
    int64_t best = 1;
    if (length <= LONG || length > LONGEST)
        return 1;
    for (int64_t a = LEAST_FACTOR; a * a <= length; a++)
        if (length % a == 0)
            best = a;
    return best;
}

/* Zeros behind the signals, up to the transform's length. */
static Value *padded(Graph *g, Node *n, Value *x, const Fourier *f)
{
    Params p = {.pad = {.mode = PAD_CONSTANT}};
    p.pad.end[1] = f->length - f->count;
    return f->count < f->length ? expand_emit(g, n, OP_Pad, &p, &x, 1) : x;
}

/* [R, rows, count, parts] -> [R, rows, count, 2]: each row transformed. */
static Value *short_transform(Graph *g, Node *n, Value *x, bool inverse)
{
    const int64_t *d = x->shape.dim, dims[] = {d[0], d[1], d[2], 2};
    Fourier f = {d[2], d[2], d[3], d[2], inverse, NULL};
    Value *matrix = expand_fourier_matrix(g, n, &f);
    return expand_transform(g, n, x, d[2] * d[3], matrix, 4, dims);
}

/* The cosines (or, with their signs, the sines) of the phases: [b, a, 2]. */
static Value *phases(Graph *g, const Node *n, int64_t b, int64_t a, bool inverse, bool sines)
{
    Shape s = {3, {b, a, 2}};
    Tensor *t = tensor_new(g->arena, n->in[0]->dtype, &s);
    for (int64_t i = 0; i < a * b; i++) {
        double phase = expand_phase(i / a * (i % a), a * b);
        double d = inverse ? sin(phase) : -sin(phase);
        tensor_set_f64(t, 2 * i, sines ? -d : cos(phase));
        tensor_set_f64(t, 2 * i + 1, sines ? d : cos(phase));
    }
    return graph_constant(g, NULL, t);
}

/* x [R, b, a, 2], each complex number turned: (re, im) cos + (im, re) (-sin, sin). */
static Value *turned(Graph *g, Node *n, Value *x, bool inverse)
{
    int64_t b = x->shape.dim[1], a = x->shape.dim[2];
    Params last = {.axis = {.axis = 3}};
    Tensor *t = tensor_new(g->arena, DT_I64, &(Shape){1, {2}});
    tensor_set_i64(t, 0, 1); /* 1, 0: the parts change places */
    Value *swapped =
        expand_emit(g, n, OP_Gather, &last, (Value *[]){x, graph_constant(g, NULL, t)}, 2);
    Value *in[] = {x, phases(g, n, b, a, inverse, false)};
    Value *y = swapped ? expand_emit(g, n, OP_Mul, NULL, in, 2) : NULL;
    in[0] = swapped;
    in[1] = phases(g, n, b, a, inverse, true);
    Value *z = y ? expand_emit(g, n, OP_Mul, NULL, in, 2) : NULL;
    return z ? expand_emit(g, n, OP_Add, NULL, (Value *[]){y, z}, 2) : NULL;
}

Value *expand_long_dft(Graph *g, Node *n, Value *x, const Fourier *f)
{
    static const int exchange[] = {0, 2, 1, 3};
    int64_t a = long_dft_factor(f->length), b = f->length / a;
    const int64_t split[] = {x->shape.dim[0], a, b, f->parts};
    const int64_t joined[] = {x->shape.dim[0], f->length, 2};
    x = padded(g, n, x, f);
    x = x ? expand_reshape(g, n, x, 4, split) : NULL;
    x = x ? expand_transpose(g, n, x, exchange) : NULL; /* [R, j2, j1, parts] */
    x = x ? short_transform(g, n, x, f->inverse) : NULL;
    x = x ? turned(g, n, x, f->inverse) : NULL;
    x = x ? expand_transpose(g, n, x, exchange) : NULL; /* [R, k1, j2, 2] */
    x = x ? short_transform(g, n, x, f->inverse) : NULL;
    x = x ? expand_transpose(g, n, x, exchange) : NULL; /* [R, k2, k1, 2] */
    x = x ? expand_reshape(g, n, x, 3, joined) : NULL;
    return x && f->bins < f->length ? expand_cut(g, n, x, 1, f->bins) : x;
}
