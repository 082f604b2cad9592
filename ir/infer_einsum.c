/* Inference of Einsum and of what looks at whole matrices or spectra: Det, DFT, STFT,
 * MelWeightMatrix and the window functions.
 *
 * Comes in: equations, matrices, signals, and constant integers that decide sizes. Goes out: output
 * shapes; lengths and axes as parameters. */
#include "ir/einsum.h"
#include "ir/infer.h"

#include "ir/ops.h"

bool infer_einsum(Graph *g, Node *n)
{
    Einsum e;
    int count = node_own_inputs(n);
    if (!infer_require(g, n, count, count))
        return false;
    for (int i = 0; i < count; i++) {
        if (n->in[i]->dtype == DT_BOOL)
            return node_error(g, n, "input \"%s\" is bool, numbers are needed", n->in[i]->name);
        if (!infer_require_same_type(g, n, i))
            return false;
    }
    if (!einsum_parse(g, n, &e))
        return false;
    Shape out = shape_make(e.n_out, e.extent);
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}

bool infer_det(Graph *g, Node *n)
{
    if (!infer_require(g, n, 1, 1) || !infer_require_float(g, n, 0) || !infer_require_rank(g, n, 2))
        return false;
    Shape out = n->in[0]->shape;
    if (out.dim[out.rank - 1] != out.dim[out.rank - 2])
        return node_error(g, n, "input %s has no square matrices", infer_shape_text(g, n->in[0]));
    out.rank -= 2;
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}

/* ---- spectra ---- */

/* A constant number in operand `i`; *value stays when it is absent. */
static bool take_number(Graph *g, const Node *n, int i, const char *what, int64_t *value)
{
    const int64_t *list;
    int64_t count;
    if (!infer_ints(g, n, i, what, &list, &count))
        return false;
    if (list && count != 1)
        return node_error(g, n, "%s has %lld numbers, one is needed", what, (long long)count);
    if (list)
        *value = list[0];
    return true;
}

/* The same for a size, of at least `least`. */
static bool take_size(Graph *g, const Node *n, int i, const char *what, int64_t least,
                      int64_t *value)
{
    if (!take_number(g, n, i, what, value))
        return false;
    if (infer_operand(n, i) && (*value < least || *value > INT32_MAX))
        return node_error(g, n, "%s %lld is out of range", what, (long long)*value);
    return true;
}

/* [batch…, signal, …, 1 or 2], real or complex numbers in the last axis. */
bool infer_dft(Graph *g, Node *n)
{
    SpectrumParams *p = &n->params.spectrum;
    if (!infer_require(g, n, 1, 3) || !infer_require_float(g, n, 0) || !infer_require_rank(g, n, 2))
        return false;
    Shape out = n->in[0]->shape;
    int last = out.rank - 1;
    if (!take_number(g, n, 2, "axis", &p->axis) || !infer_axis(g, n, &p->axis, out.rank, out.rank))
        return false;
    if (p->axis == last || (out.dim[last] != 1 && out.dim[last] != 2))
        return node_error(g, n, "input %s has no real or complex numbers along axis %lld",
                          infer_shape_text(g, n->in[0]), (long long)p->axis);
    p->length = out.dim[p->axis];
    if (!take_size(g, n, 1, "dft_length", 1, &p->length))
        return false;
    if (p->onesided && p->inverse)
        return node_error(g, n, "onesided and inverse exclude each other");
    if (p->onesided && out.dim[last] == 2)
        return node_error(g, n, "onesided needs real numbers, input %s has complex ones",
                          infer_shape_text(g, n->in[0]));
    if (p->length < 1)
        return node_error(g, n, "input %s has no signal", infer_shape_text(g, n->in[0]));
    out.dim[p->axis] = p->onesided ? p->length / 2 + 1 : p->length;
    out.dim[last] = 2;
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}

/* in: signal [N, length] or [N, length, 1 or 2], frame_step, window, frame_length. */
bool infer_stft(Graph *g, Node *n)
{
    SpectrumParams *p = &n->params.spectrum;
    if (!infer_require(g, n, 2, 4) || !infer_require_float(g, n, 0) || !infer_require_rank(g, n, 2))
        return false;
    const Shape *x = &n->in[0]->shape;
    const Value *window = infer_operand(n, 2);
    int64_t parts = x->rank == 3 ? x->dim[2] : 1;
    if (x->rank > 3 || parts < 1 || parts > 2 || (p->onesided && parts == 2))
        return node_error(g, n, "input %s is no batch of %ssignals", infer_shape_text(g, n->in[0]),
                          p->onesided ? "real " : "");
    if (window && window->shape.rank == 1)
        p->length = window->shape.dim[0];
    if (!take_size(g, n, 1, "frame_step", 1, &p->step) ||
        !take_size(g, n, 3, "frame_length", 1, &p->length) || !infer_require_same_type(g, n, 2))
        return false;
    if (window && (window->shape.rank != 1 || window->shape.dim[0] != p->length))
        return node_error(g, n, "window has shape %s, frames have length %lld",
                          infer_shape_text(g, window), (long long)p->length);
    if (p->length < 1 || p->length > x->dim[1] || p->step < 1)
        return node_error(g, n, "frames of length %lld do not fit a signal of length %lld",
                          (long long)p->length, (long long)x->dim[1]);
    int64_t frames = (x->dim[1] - p->length) / p->step + 1;
    Shape out = {4, {x->dim[0], frames, p->onesided ? p->length / 2 + 1 : p->length, 2}};
    return infer_output(g, n, 0, n->in[0]->dtype, &out);
}

/* ---- tables: their sizes are data ---- */

bool infer_window_function(Graph *g, Node *n)
{
    SpectrumParams *p = &n->params.spectrum;
    if (!infer_require(g, n, 1, 1) || !take_size(g, n, 0, "size", 0, &p->length))
        return false;
    if (dtype_size(p->dtype) == 0)
        return node_error(g, n, "the type of the table is missing");
    Shape out = {1, {p->length}};
    return infer_output(g, n, 0, p->dtype, &out);
}

/* in: num_mel_bins, dft_length, sample_rate, lower_edge_hertz, upper_edge_hertz. */
bool infer_mel_weights(Graph *g, Node *n)
{
    SpectrumParams *p = &n->params.spectrum;
    int64_t bins = 0, rate = 0;
    if (!infer_require(g, n, 5, 5) || !take_size(g, n, 0, "num_mel_bins", 1, &bins) ||
        !take_size(g, n, 1, "dft_length", 1, &p->length) ||
        !take_size(g, n, 2, "sample_rate", 1, &rate))
        return false;
    for (int i = 3; i < 5; i++) {
        const Tensor *edge;
        if (!infer_floats(g, n, i, i == 3 ? "lower_edge_hertz" : "upper_edge_hertz", &edge))
            return false;
        if (edge == NULL || shape_numel(&edge->shape) != 1)
            return node_error(g, n, "an edge frequency is no number");
    }
    if (dtype_size(p->dtype) == 0)
        return node_error(g, n, "the type of the table is missing");
    Shape out = {2, {p->length / 2 + 1, bins}};
    return infer_output(g, n, 0, p->dtype, &out);
}
