/* Inference of LSTM, GRU, RNN and of Recurrence, which they become.
 *
 * Comes in: X [T, N, I] (or [N, T, I]), W [D, gates H, I], R [D, gates H, H] and the optional
 * operands; for Recurrence the projected input and the transposed R. Goes out: Y [T, D, N, H] (or
 * [N, T, D, H]), Y_h and Y_c [D, N, H] (or [N, D, H]); hidden is known. */
#include "ir/infer.h"

#include "ir/ops.h"

typedef struct Sizes {
    int64_t time, batch, input, hidden, directions, gates;
    bool batch_first;
} Sizes;

/* Operand `i`, if there, has the shape; [N, D, …] stands for [D, N, …] where `swaps`. */
static bool check_shape(Graph *g, const Node *n, int i, const char *what, int rank,
                        const int64_t *dims, bool swaps)
{
    const Value *v = infer_operand(n, i);
    Shape want = shape_make(rank, dims);
    if (swaps) {
        want.dim[0] = dims[1];
        want.dim[1] = dims[0];
    }
    if (v == NULL || shape_equal(&v->shape, &want))
        return true;
    return node_error(g, n, "%s has shape %s, must be %s", what, infer_shape_text(g, v),
                      shape_str(g->arena, &want));
}

/* The operands behind R, which stands at `r`. */
static bool check_optional(Graph *g, const Node *n, int r, const Sizes *s)
{
    const int64_t bias[] = {s->directions, 2 * s->gates * s->hidden};
    const int64_t state[] = {s->directions, s->batch, s->hidden};
    const int64_t peep[] = {s->directions, 3 * s->hidden};
    const Value *lens = infer_operand(n, r + 2);
    if (lens && lens->dtype != DT_I32 && lens->dtype != DT_I64)
        return node_error(g, n, "sequence_lens \"%s\" is %s, int32 is needed", lens->name,
                          dtype_name(lens->dtype));
    for (int i = r + 1; i < node_own_inputs(n); i++)
        if (i != r + 2 && !infer_require_same_type(g, n, i))
            return false;
    return check_shape(g, n, r + 1, "B", 2, bias, false) &&
           check_shape(g, n, r + 2, "sequence_lens", 1, &s->batch, false) &&
           check_shape(g, n, r + 3, "initial_h", 3, state, s->batch_first) &&
           check_shape(g, n, r + 4, "initial_c", 3, state, s->batch_first) &&
           check_shape(g, n, r + 5, "P", 2, peep, false);
}

/* Extents of X and of R, whose last axis but `swapped` is the hidden one. */
static bool take_sizes(Graph *g, Node *n, const Shape *x, const Shape *r, bool swapped, Sizes *s)
{
    RnnParams *p = &n->params.rnn;
    if (x->rank != 3 || r->rank != 3)
        return node_error(g, n, "X and R have %d and %d axes, must have 3", x->rank, r->rank);
    if (p->directions < 1 || p->directions > 2 || p->cell > LSTM_CELL)
        return node_error(g, n, "%d directions", p->directions);
    s->batch_first = p->batch_first;
    s->time = x->dim[p->batch_first ? 1 : 0];
    s->batch = x->dim[p->batch_first ? 0 : 1];
    s->input = x->dim[2];
    s->directions = p->directions;
    s->gates = p->cell == LSTM_CELL ? 4 : p->cell == GRU_CELL ? 3 : 1;
    s->hidden = r->dim[swapped ? 1 : 2];
    if (p->hidden == 0)
        p->hidden = s->hidden;
    if (p->hidden != s->hidden || s->hidden < 1 || s->hidden > INT32_MAX)
        return node_error(g, n, "hidden_size is %lld, R has %lld", (long long)p->hidden,
                          (long long)s->hidden);
    return true;
}

static bool set_outputs(Graph *g, Node *n, const Sizes *s)
{
    DType t = n->in[0]->dtype;
    Shape y = {4, {s->time, s->directions, s->batch, s->hidden}};
    Shape last = {3, {s->directions, s->batch, s->hidden}};
    if (s->batch_first) {
        y = (Shape){4, {s->batch, s->time, s->directions, s->hidden}};
        last = (Shape){3, {s->batch, s->directions, s->hidden}};
    }
    return infer_output(g, n, 0, t, &y) && infer_output(g, n, 1, t, &last) &&
           infer_output(g, n, 2, t, &last);
}

static bool infer_recurrence(Graph *g, Node *n)
{
    Sizes s = {0};
    if (!infer_require(g, n, 2, 7) || !infer_require_float(g, n, 0) ||
        !infer_require_same_type(g, n, 1) ||
        !take_sizes(g, n, &n->in[0]->shape, &n->in[1]->shape, true, &s))
        return false;
    const int64_t r[] = {s.directions, s.hidden, s.gates * s.hidden}, wide = r[0] * r[2];
    if (s.input != wide)
        return node_error(g, n, "the projected input has %lld columns, must have %lld",
                          (long long)s.input, (long long)wide);
    return check_shape(g, n, 1, "R", 3, r, false) && check_optional(g, n, 1, &s) &&
           set_outputs(g, n, &s);
}

bool infer_rnn(Graph *g, Node *n)
{
    Sizes s = {0};
    if (n->op == OP_Recurrence)
        return infer_recurrence(g, n);
    if (!infer_require(g, n, 3, n->op == OP_LSTM ? 8 : 6) || !infer_require_float(g, n, 0) ||
        !infer_require_same_type(g, n, 1) || !infer_require_same_type(g, n, 2) ||
        !take_sizes(g, n, &n->in[0]->shape, &n->in[2]->shape, false, &s))
        return false;
    const int64_t w[] = {s.directions, s.gates * s.hidden, s.input};
    const int64_t r[] = {s.directions, s.gates * s.hidden, s.hidden};
    return check_shape(g, n, 1, "W", 3, w, false) && check_shape(g, n, 2, "R", 3, r, false) &&
           check_optional(g, n, 2, &s) && set_outputs(g, n, &s);
}
