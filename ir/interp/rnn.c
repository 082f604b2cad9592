/* LSTM, GRU, RNN and Recurrence.
 *
 * Comes in: the sequence (or its projection), weights, initial states. Goes out: all states, the
 * last ones.
 * Holds: the equations of ONNX, a gate at a time, in double. A sequence that is over keeps its
 * state, and its outputs are zero; the backward direction starts at each sequence's own end. */
#include "ir/interp/values.h"

#include "ir/ops.h"

#include <math.h>

typedef struct Cell {
    const RnnParams *p;
    int64_t time, batch, input, hidden, gates;
    bool projected;
    const double *x, *w, *r, *b, *h0, *c0, *peep; /* whole operands; b to peep may be missing */
    const Tensor *lens;
    double *h, *c, *gate; /* of the sequence at hand: states, sums of the gates */
} Cell;

static double *values(const InterpCall *c, int i)
{
    const Tensor *t = interp_operand(c, i);
    return t ? interp_f64(c->arena, t) : NULL;
}

static double apply(const RnnActivation *a, double x)
{
    switch (a->f) {
    case RNN_RELU:
        return x > 0 ? x : 0;
    case RNN_TANH:
        return tanh(x);
    case RNN_SIGMOID:
        return 1 / (1 + exp(-x));
    case RNN_AFFINE:
        return a->alpha * x + a->beta;
    case RNN_LEAKY_RELU:
        return x >= 0 ? x : a->alpha * x;
    case RNN_THRESHOLDED_RELU:
        return x > a->alpha ? x : 0;
    case RNN_SCALED_TANH:
        return a->alpha * tanh(a->beta * x);
    case RNN_HARD_SIGMOID:
        return fmax(0, fmin(1, a->alpha * x + a->beta));
    case RNN_ELU:
        return x >= 0 ? x : a->alpha * (exp(x) - 1);
    case RNN_SOFTSIGN:
        return x / (1 + fabs(x));
    default:
        return log1p(exp(-fabs(x))) + fmax(x, 0);
    }
}

static double activate(const Cell *c, int d, int which, double x)
{
    return apply(&c->p->activation[d][which], fmax(-c->p->clip, fmin(c->p->clip, x)));
}

/* Row `row` of W times the input at (t, n), or the projection at hand. */
static double from_input(const Cell *c, int d, int64_t row, int64_t t, int64_t n)
{
    int64_t rows = c->gates * c->hidden;
    int64_t at = c->p->batch_first ? n * c->time + t : t * c->batch + n;
    if (c->projected)
        return c->x[(at * c->p->directions + d) * rows + row];
    double sum = 0;
    for (int64_t i = 0; i < c->input; i++)
        sum += c->x[at * c->input + i] * c->w[(d * rows + row) * c->input + i];
    return sum;
}

/* Row `row` of R times `h`. */
static double from_state(const Cell *c, int d, int64_t row, const double *h)
{
    int64_t rows = c->gates * c->hidden;
    double sum = 0;
    for (int64_t k = 0; k < c->hidden; k++)
        sum += h[k] * (c->projected ? c->r[(d * c->hidden + k) * rows + row]
                                    : c->r[(d * rows + row) * c->hidden + k]);
    return sum;
}

static double input_bias(const Cell *c, int d, int64_t row)
{
    return c->b ? c->b[c->gates * c->hidden * 2 * d + row] : 0;
}

static double state_bias(const Cell *c, int d, int64_t row)
{
    return c->b ? c->b[(d * 2 + 1) * c->gates * c->hidden + row] : 0;
}

static double gate_sum(const Cell *c, int d, int64_t row, int64_t t, int64_t n)
{
    return from_input(c, d, row, t, n) + from_state(c, d, row, c->h) + input_bias(c, d, row) +
           state_bias(c, d, row);
}

static double peephole(const Cell *c, int d, int which, int64_t j, double state)
{
    return c->peep ? c->peep[(d * 3 + which) * c->hidden + j] * state : 0;
}

/* Gates i, o, f, c. */
static void lstm_step(Cell *c, int d, int64_t t, int64_t n)
{
    int64_t hidden = c->hidden;
    for (int64_t row = 0; row < 4 * hidden; row++)
        c->gate[row] = gate_sum(c, d, row, t, n);
    for (int64_t j = 0; j < hidden; j++) {
        const double *g = c->gate + j;
        double i = activate(c, d, 0, g[0] + peephole(c, d, 0, j, c->c[j]));
        double f = c->p->input_forget
                       ? 1 - i
                       : activate(c, d, 0, g[2 * hidden] + peephole(c, d, 2, j, c->c[j]));
        c->c[j] = f * c->c[j] + i * activate(c, d, 1, g[3 * hidden]);
        double o = activate(c, d, 0, g[hidden] + peephole(c, d, 1, j, c->c[j]));
        c->h[j] = o * activate(c, d, 2, c->c[j]);
    }
}

/* Gates z, r, h. */
static void gru_step(Cell *c, int d, int64_t t, int64_t n)
{
    int64_t hidden = c->hidden;
    double *z = c->gate, *r = c->gate + hidden, *reset = c->gate + 2 * hidden, *old = c->c;
    for (int64_t j = 0; j < hidden; j++) {
        old[j] = c->h[j];
        z[j] = activate(c, d, 0, gate_sum(c, d, j, t, n));
        r[j] = activate(c, d, 0, gate_sum(c, d, hidden + j, t, n));
        reset[j] = r[j] * c->h[j];
    }
    for (int64_t j = 0; j < hidden; j++) {
        int64_t row = 2 * hidden + j;
        double x = from_input(c, d, row, t, n) + input_bias(c, d, row);
        if (c->p->linear_before_reset)
            x += r[j] * (from_state(c, d, row, old) + state_bias(c, d, row));
        else
            x += from_state(c, d, row, reset) + state_bias(c, d, row);
        c->h[j] = (1 - z[j]) * activate(c, d, 1, x) + z[j] * old[j];
    }
}

static void rnn_step(Cell *c, int d, int64_t t, int64_t n)
{
    for (int64_t j = 0; j < c->hidden; j++)
        c->gate[j] = activate(c, d, 0, gate_sum(c, d, j, t, n));
    for (int64_t j = 0; j < c->hidden; j++)
        c->h[j] = c->gate[j];
}

/* One sequence in one direction. */
static void run_sequence(InterpCall *call, Cell *c, int d, int64_t n)
{
    static void (*const steps[])(Cell *, int, int64_t, int64_t) = {rnn_step, gru_step, lstm_step};
    const RnnParams *p = c->p;
    int64_t directions = p->directions, hidden = c->hidden;
    int64_t state = p->batch_first ? n * directions + d : d * c->batch + n;
    int64_t length = c->lens ? tensor_get_i64(c->lens, n) : c->time;
    bool backward = d == 1 || p->reverse;
    for (int64_t j = 0; j < hidden; j++) {
        c->h[j] = c->h0 ? c->h0[state * hidden + j] : 0;
        c->c[j] = c->c0 ? c->c0[state * hidden + j] : 0;
    }
    for (int64_t s = 0; s < length && s < c->time; s++) {
        int64_t end = length < c->time ? length : c->time, t = backward ? end - 1 - s : s;
        int64_t y = p->batch_first ? (n * c->time + t) * directions + d
                                   : (t * directions + d) * c->batch + n;
        steps[p->cell](c, d, t, n);
        interp_store(c->h, call->out[0], y * hidden, hidden);
    }
    if (call->n_out > 1 && call->out[1])
        interp_store(c->h, call->out[1], state * hidden, hidden);
    if (call->n_out > 2 && call->out[2])
        interp_store(c->c, call->out[2], state * hidden, hidden);
}

bool interp_rnn(InterpCall *call)
{
    static const int gates[] = {[RNN_CELL] = 1, [GRU_CELL] = 3, [LSTM_CELL] = 4};
    const RnnParams *p = &call->node->params.rnn;
    const Shape *x = &call->in[0]->shape;
    bool projected = call->node->op == OP_Recurrence;
    int r = projected ? 1 : 2;
    Cell c = {.p = p, .projected = projected, .hidden = p->hidden, .gates = gates[p->cell]};
    c.time = x->dim[p->batch_first ? 1 : 0];
    c.batch = x->dim[p->batch_first ? 0 : 1];
    c.input = x->dim[2];
    c.x = values(call, 0);
    c.w = projected ? NULL : values(call, 1);
    c.r = values(call, r);
    c.b = values(call, r + 1);
    c.lens = interp_operand(call, r + 2);
    c.h0 = values(call, r + 3);
    c.c0 = values(call, r + 4);
    c.peep = values(call, r + 5);
    c.h = ARENA_ARRAY(call->arena, double, c.hidden);
    c.c = ARENA_ARRAY(call->arena, double, c.hidden);
    c.gate = ARENA_ARRAY(call->arena, double, 4 * c.hidden);
    for (int64_t i = 0; i < shape_numel(&call->out[0]->shape); i++)
        tensor_set_f64(call->out[0], i, 0);
    for (int d = 0; d < p->directions; d++)
        for (int64_t n = 0; n < c.batch; n++)
            run_sequence(call, &c, d, n);
    return true;
}
