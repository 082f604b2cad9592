/* Recurrence: the loop over time of LSTM, GRU and RNN, whose input is projected already.
 *
 * A sequence at a time, a direction a kernel. The states live in scratch; a step computes the new
 * ones beside the old. Vectors take neighbouring hidden units: a state is broadcast and multiplied
 * by a row of R^T for all gates, so that each gate has an accumulator (several, when there are
 * vectors enough). GRU resets the state before its last product, which makes it two rounds, unless
 * it is linear before the reset. */
#include "codegen/nest.h"
#include "ir/scratch.h"

#include <math.h>

enum { MAX_VECTORS = 2 }; /* of hidden units at once */

typedef struct Recurrence {
    Lower *lw;
    KBuilder *b;
    const Node *n;
    const RnnParams *p;
    int d; /* the direction */
    int64_t time, batch, hidden, gates;
    KBase base;
    int lanes, vectors;
    int active; /* lanes of the last vector that exist */
    const KBuf *x, *r, *bias, *lens, *h0, *c0, *peep, *y, *y_h, *y_c; /* some may be missing */
    const KBuf *h, *c, *next, *z;                                     /* scratch: [N][H] each */
    Affine t, seq;                                                    /* the step, the sequence */
    const KLet *length; /* of the sequence; NULL: it is never over */
    int depth;
} Recurrence;

/* ---- access ---- */

static KType type_of(const Recurrence *r)
{
    return KTYPE(r->base, r->lanes);
}

static KExpr *load(const Recurrence *r, const KBuf *buf, Affine at)
{
    return kb_load_tail(r->b, buf, at, r->lanes, r->active);
}

static void store(const Recurrence *r, const KBuf *buf, Affine at, KExpr *x)
{
    kb_store_tail(r->b, buf, at, x, r->active);
}

/* Unit j of the sequence's scratch. */
static Affine own(const Recurrence *r, Affine j)
{
    return aff_add(aff_mul(r->seq, r->hidden), j);
}

/* Unit j of initial_h, Y_h and the like. */
static Affine state_at(const Recurrence *r, Affine j)
{
    int64_t directions = r->p->directions;
    Affine row = r->p->batch_first ? aff_addc(aff_mul(r->seq, directions), r->d)
                                   : aff_addc(r->seq, r->d * r->batch);
    return aff_add(aff_mul(row, r->hidden), j);
}

static Affine output_at(const Recurrence *r, Affine j)
{
    int64_t directions = r->p->directions;
    Affine row;
    if (r->p->batch_first)
        row = aff_addc(aff_mul(aff_add(aff_mul(r->seq, r->time), r->t), directions), r->d);
    else
        row = aff_add(aff_mul(aff_addc(aff_mul(r->t, directions), r->d), r->batch), r->seq);
    return aff_add(aff_mul(row, r->hidden), j);
}

/* Gate `gate` of unit j in the projected input. */
static Affine input_at(const Recurrence *r, int64_t gate, Affine j)
{
    int64_t rows = r->gates * r->hidden;
    Affine at = r->p->batch_first ? aff_add(aff_mul(r->seq, r->time), r->t)
                                  : aff_add(aff_mul(r->t, r->batch), r->seq);
    at = aff_addc(aff_mul(at, r->p->directions * rows), r->d * rows + gate * r->hidden);
    return aff_add(at, j);
}

/* `fresh` where the sequence is not over, otherwise `old`. */
static KExpr *while_valid(const Recurrence *r, KExpr *fresh, KExpr *old)
{
    KBuilder *b = r->b;
    KExpr *t = kb_splat(b, kb_index(b, KTYPE(KT_I32, 1), r->t), r->lanes);
    KExpr *length = kb_splat(b, kb_use(b, r->length), r->lanes);
    return kb_select(b, kb_cmp(b, KO_LT, t, length), fresh, old);
}

/* ---- functions ---- */

static KExpr *elementwise(const Recurrence *r, OpKind op, const RnnActivation *a, KExpr *x)
{
    Params p = {.ew = {.alpha = a->alpha, .beta = a->beta}};
    return ew_expr(r->lw, r->b, op, &p, r->n->in[0]->dtype, &x, 1);
}

static KExpr *times(const Recurrence *r, KExpr *x, double k)
{
    return kb_bin(r->b, KO_MUL, x, kb_const(r->b, x->type, k));
}

/* Activation `which` of the direction, on x moved into -clip … clip. */
static KExpr *activate(const Recurrence *r, int which, KExpr *x)
{
    static const OpKind ops[] = {
        [RNN_RELU] = OP_Relu,
        [RNN_TANH] = OP_Tanh,
        [RNN_SIGMOID] = OP_Sigmoid,
        [RNN_LEAKY_RELU] = OP_LeakyRelu,
        [RNN_THRESHOLDED_RELU] = OP_ThresholdedRelu,
        [RNN_HARD_SIGMOID] = OP_HardSigmoid,
        [RNN_ELU] = OP_Elu,
        [RNN_SOFTSIGN] = OP_Softsign,
        [RNN_SOFTPLUS] = OP_Softplus,
    };
    const RnnActivation *a = &r->p->activation[r->d][which];
    KBuilder *b = r->b;
    if (!isinf(r->p->clip)) {
        x = kb_bin(b, KO_MAX, kb_const(b, x->type, -r->p->clip), x);
        x = kb_bin(b, KO_MIN, kb_const(b, x->type, r->p->clip), x);
    }
    if (a->f == RNN_AFFINE)
        return kb_bin(b, KO_ADD, times(r, x, a->alpha), kb_const(b, x->type, a->beta));
    if (a->f == RNN_SCALED_TANH)
        return times(r, vmath(r->lw, b, VM_TANH, times(r, x, a->beta), NULL), a->alpha);
    return elementwise(r, ops[a->f], a, x);
}

/* ---- sums of gates ---- */

/* acc[gate][vector] = input and biases of gates first …, for the units from j on. The bias of the
 * recurrence is left out of the input of GRU's last gate when that comes behind the reset. */
static const KReg *open_sums(const Recurrence *r, int first, int count, Affine j)
{
    KBuilder *b = r->b;
    const KReg *acc = kb_reg(b, "gate", type_of(r), 2, count, r->vectors);
    for (int g = 0; g < count; g++)
        for (int v = 0; v < r->vectors; v++) {
            Affine unit = aff_addc(j, (int64_t)v * r->lanes);
            int64_t row = (first + g) * r->hidden, rows = r->gates * r->hidden;
            bool late = r->p->linear_before_reset && first + g == 2;
            KExpr *sum = late ? NULL : load(r, r->x, input_at(r, first + g, unit));
            for (int k = late ? 1 : 0; r->bias && k < 2; k++) {
                Affine at = aff_addc(unit, rows * (2 * r->d + k) + row);
                sum = sum ? kb_bin(b, KO_ADD, sum, load(r, r->bias, at)) : load(r, r->bias, at);
            }
            kb_set2(b, acc, aff(g), aff(v), sum ? sum : kb_const(b, type_of(r), 0));
        }
    return acc;
}

/* Adds R times the state in `from` to the gates from `first` on. */
static void add_products(Recurrence *r, const KReg *acc, int first, int count, Affine j,
                         const KBuf *from)
{
    KBuilder *b = r->b;
    int outer = r->depth;
    int64_t rows = r->gates * r->hidden;
    Affine k = nest_loop(b, "k", r->hidden, 1, &r->depth);
    const KLet *state = kb_let(b, "s", kb_splat(b, kb_load(b, from, own(r, k), 1), r->lanes));
    for (int g = 0; g < count; g++)
        for (int v = 0; v < r->vectors; v++) {
            Affine at =
                aff_addc(aff_add(aff_mul(k, rows), j),
                         r->d * r->hidden * rows + (first + g) * r->hidden + (int64_t)v * r->lanes);
            kb_set2(
                b, acc, aff(g), aff(v),
                kb_fma(b, kb_use(b, state), load(r, r->r, at), kb_get2(b, acc, aff(g), aff(v))));
        }
    nest_close(b, &r->depth, outer);
}

static KExpr *sum_of(const Recurrence *r, const KReg *acc, int gate, int v)
{
    return kb_get2(r->b, acc, aff(gate), aff(v));
}

/* ---- cells: the units from j on of one step ---- */

/* `fresh` where the sequence goes on, otherwise what is in `buf`. */
static KExpr *kept(const Recurrence *r, KExpr *fresh, const KBuf *buf, Affine at)
{
    return r->length ? while_valid(r, fresh, load(r, buf, at)) : fresh;
}

static void store_next(const Recurrence *r, Affine j, KExpr *h)
{
    store(r, r->next, own(r, j), kept(r, h, r->h, own(r, j)));
}

static void rnn_cell(Recurrence *r, Affine j)
{
    const KReg *acc = open_sums(r, 0, 1, j);
    add_products(r, acc, 0, 1, j, r->h);
    for (int v = 0; v < r->vectors; v++)
        store_next(r, aff_addc(j, (int64_t)v * r->lanes), activate(r, 0, sum_of(r, acc, 0, v)));
}

/* x + P state, for peephole `which` (i, o, f). */
static KExpr *peep(const Recurrence *r, KExpr *x, int which, Affine j, const KLet *state)
{
    if (r->peep == NULL)
        return x;
    Affine at = aff_addc(j, (r->d * 3 + which) * r->hidden);
    return kb_fma(r->b, load(r, r->peep, at), kb_use(r->b, state), x);
}

/* Gates i, o, f, c. */
static void lstm_vector(const Recurrence *r, const KReg *acc, int v, Affine j)
{
    KBuilder *b = r->b;
    const KLet *old = kb_let(b, "c_old", load(r, r->c, own(r, j)));
    const KLet *i = kb_let(b, "i", activate(r, 0, peep(r, sum_of(r, acc, 0, v), 0, j, old)));
    KExpr *forget;
    if (r->p->input_forget)
        forget = kb_bin(b, KO_SUB, kb_const(b, type_of(r), 1), kb_use(b, i));
    else
        forget = activate(r, 0, peep(r, sum_of(r, acc, 2, v), 2, j, old));
    const KLet *f = kb_let(b, "f", forget);
    const KLet *g = kb_let(b, "g", activate(r, 1, sum_of(r, acc, 3, v)));
    KExpr *fresh = kb_bin(b, KO_MUL, kb_use(b, i), kb_use(b, g));
    const KLet *c = kb_let(b, "c_new", kb_fma(b, kb_use(b, f), kb_use(b, old), fresh));
    const KLet *o = kb_let(b, "o", activate(r, 0, peep(r, sum_of(r, acc, 1, v), 1, j, c)));
    KExpr *h = activate(r, 2, kb_use(b, c));
    store(r, r->c, own(r, j), kept(r, kb_use(b, c), r->c, own(r, j)));
    store_next(r, j, kb_bin(b, KO_MUL, kb_use(b, o), h));
}

static void lstm_cell(Recurrence *r, Affine j)
{
    const KReg *acc = open_sums(r, 0, 4, j);
    add_products(r, acc, 0, 4, j, r->h);
    for (int v = 0; v < r->vectors; v++)
        lstm_vector(r, acc, v, aff_addc(j, (int64_t)v * r->lanes));
}

/* (1 - z) candidate + z h = candidate + z (h - candidate) */
static void gru_mix(const Recurrence *r, Affine j, const KLet *z, KExpr *candidate)
{
    KBuilder *b = r->b;
    const KLet *n = kb_let(b, "candidate", candidate);
    KExpr *rest = kb_bin(b, KO_SUB, load(r, r->h, own(r, j)), kb_use(b, n));
    store_next(r, j, kb_fma(b, kb_use(b, z), rest, kb_use(b, n)));
}

/* Linear before the reset: all in one round. */
static void gru_cell_linear(Recurrence *r, Affine j)
{
    KBuilder *b = r->b;
    const KReg *acc = open_sums(r, 0, 3, j);
    int64_t rows = r->gates * r->hidden;
    add_products(r, acc, 0, 3, j, r->h);
    for (int v = 0; v < r->vectors; v++) {
        Affine unit = aff_addc(j, (int64_t)v * r->lanes);
        const KLet *z = kb_let(b, "z", activate(r, 0, sum_of(r, acc, 0, v)));
        const KLet *reset = kb_let(b, "reset", activate(r, 0, sum_of(r, acc, 1, v)));
        KExpr *x = load(r, r->x, input_at(r, 2, unit));
        if (r->bias)
            x = kb_bin(b, KO_ADD, x,
                       load(r, r->bias, aff_addc(unit, 2 * rows * r->d + 2 * r->hidden)));
        x = kb_fma(b, kb_use(b, reset), sum_of(r, acc, 2, v), x);
        gru_mix(r, unit, z, activate(r, 1, x));
    }
}

/* The first round: z, and the reset state into c. */
static void gru_cell_gates(Recurrence *r, Affine j)
{
    KBuilder *b = r->b;
    const KReg *acc = open_sums(r, 0, 2, j);
    add_products(r, acc, 0, 2, j, r->h);
    for (int v = 0; v < r->vectors; v++) {
        Affine unit = aff_addc(j, (int64_t)v * r->lanes);
        store(r, r->z, own(r, unit), activate(r, 0, sum_of(r, acc, 0, v)));
        KExpr *reset = activate(r, 0, sum_of(r, acc, 1, v));
        store(r, r->c, own(r, unit), kb_bin(b, KO_MUL, reset, load(r, r->h, own(r, unit))));
    }
}

static void gru_cell_candidate(Recurrence *r, Affine j)
{
    const KReg *acc = open_sums(r, 2, 1, j);
    add_products(r, acc, 2, 1, j, r->c);
    for (int v = 0; v < r->vectors; v++) {
        Affine unit = aff_addc(j, (int64_t)v * r->lanes);
        const KLet *z = kb_let(r->b, "z", load(r, r->z, own(r, unit)));
        gru_mix(r, unit, z, activate(r, 1, sum_of(r, acc, 0, v)));
    }
}

/* ---- loops ---- */

typedef void Cell(Recurrence *r, Affine j);

/* All hidden units: groups of vectors, what is left of whole vectors, the rest. */
static void each_unit(Recurrence *r, Cell *cell)
{
    int lanes = r->lanes, vectors = r->vectors, outer = r->depth;
    int64_t done = 0;
    for (r->active = lanes; r->vectors >= 1; r->vectors--) {
        int64_t group = (int64_t)r->vectors * lanes, whole = (r->hidden - done) / group * group;
        if (whole == 0)
            continue;
        Affine j = aff_addc(nest_loop(r->b, "j", whole, group, &r->depth), done);
        cell(r, j);
        nest_close(r->b, &r->depth, outer);
        done += whole;
    }
    r->vectors = 1;
    if (done < r->hidden) {
        r->active = (int)(r->hidden - done);
        r->lanes = lanes_for(r->active, lanes);
        cell(r, aff(done));
    }
    r->lanes = lanes;
    r->vectors = vectors;
}

static void start_states(Recurrence *r, Affine j)
{
    for (int v = 0; v < r->vectors; v++) {
        Affine unit = aff_addc(j, (int64_t)v * r->lanes);
        KExpr *h = r->h0 ? load(r, r->h0, state_at(r, unit)) : kb_const(r->b, type_of(r), 0);
        store(r, r->h, own(r, unit), h);
        KExpr *c = r->c0 ? load(r, r->c0, state_at(r, unit)) : kb_const(r->b, type_of(r), 0);
        store(r, r->c, own(r, unit), c);
    }
}

/* The new state becomes the state, and the output of the step. */
static void take_next(Recurrence *r, Affine j)
{
    KBuilder *b = r->b;
    for (int v = 0; v < r->vectors; v++) {
        Affine unit = aff_addc(j, (int64_t)v * r->lanes);
        const KLet *h = kb_let(b, "h_new", load(r, r->next, own(r, unit)));
        store(r, r->h, own(r, unit), kb_use(b, h));
        KExpr *y = kb_use(b, h);
        if (r->length)
            y = while_valid(r, y, kb_const(b, type_of(r), 0));
        store(r, r->y, output_at(r, unit), y);
    }
}

static void store_last(Recurrence *r, Affine j)
{
    for (int v = 0; v < r->vectors; v++) {
        Affine unit = aff_addc(j, (int64_t)v * r->lanes);
        if (r->y_h)
            store(r, r->y_h, state_at(r, unit), load(r, r->h, own(r, unit)));
        if (r->y_c)
            store(r, r->y_c, state_at(r, unit), load(r, r->c, own(r, unit)));
    }
}

static void emit_step(Recurrence *r)
{
    switch (r->p->cell) {
    case RNN_CELL:
        each_unit(r, rnn_cell);
        break;
    case LSTM_CELL:
        each_unit(r, lstm_cell);
        break;
    case GRU_CELL:
        if (r->p->linear_before_reset) {
            each_unit(r, gru_cell_linear);
            break;
        }
        each_unit(r, gru_cell_gates);
        each_unit(r, gru_cell_candidate);
        break;
    }
    each_unit(r, take_next);
}

/* A sequence from its first state to its last. */
static void emit_sequence(Recurrence *r)
{
    bool backward = r->d == 1 || r->p->reverse;
    int outer = r->depth;
    if (r->lens)
        r->length = kb_let(r->b, "length",
                           kb_cvt(r->b, KTYPE(KT_I32, 1), kb_load(r->b, r->lens, r->seq, 1)));
    each_unit(r, start_states);
    if (r->time > 0) {
        Affine s = nest_loop(r->b, "step", r->time, 1, &r->depth);
        r->t = backward ? aff_sub(aff(r->time - 1), s) : s;
        emit_step(r);
        nest_close(r->b, &r->depth, outer);
    }
    each_unit(r, store_last);
}

/* ---- the kernel ---- */

typedef struct Args {
    Arg list[MAX_KERNEL_BUFFERS];
    int n;
} Args;

/* The buffer of a value; NULL when it is missing. */
static const KBuf *buffer(Recurrence *r, Args *args, const char *name, const Value *v,
                          KAccess access)
{
    if (v == NULL)
        return NULL;
    args->list[args->n++] = arg_value(r->lw, v);
    return buf_value(r->b, name, v, access);
}

static const KBuf *scratch(Recurrence *r, Args *args, const char *name, int which)
{
    int64_t count = r->batch * r->hidden;
    args->list[args->n++] = arg_scratch(r->n, which * recurrence_state_bytes(r->batch, r->hidden));
    return kb_buf(r->b, name, r->base, count, K_READ_WRITE);
}

static const Value *operand(const Node *n, int i)
{
    return i < n->n_in ? n->in[i] : NULL;
}

static const Value *result(const Node *n, int i)
{
    return i < n->n_out ? n->out[i] : NULL;
}

static void open_buffers(Recurrence *r, Args *args)
{
    const Node *n = r->n;
    bool lstm = r->p->cell == LSTM_CELL;
    r->y = buffer(r, args, "y", n->out[0], K_WRITE);
    r->y_h = buffer(r, args, "y_h", result(n, 1), K_WRITE);
    r->y_c = buffer(r, args, "y_c", result(n, 2), K_WRITE);
    r->x = buffer(r, args, "x", n->in[0], K_READ);
    r->r = buffer(r, args, "r", n->in[1], K_READ);
    r->bias = buffer(r, args, "bias", operand(n, 2), K_READ);
    r->lens = buffer(r, args, "lens", operand(n, 3), K_READ);
    r->h0 = buffer(r, args, "h0", operand(n, 4), K_READ);
    r->c0 = lstm ? buffer(r, args, "c0", operand(n, 5), K_READ) : NULL;
    r->peep = lstm ? buffer(r, args, "peep", operand(n, 6), K_READ) : NULL;
    r->h = scratch(r, args, "h", 0);
    r->c = scratch(r, args, "c", 1);
    r->next = scratch(r, args, "next", 2);
    r->z = r->p->cell == GRU_CELL ? scratch(r, args, "z", 3) : NULL;
}

static bool emit_direction(Recurrence *r)
{
    static const char *const names[] = {
        [RNN_CELL] = "rnn", [GRU_CELL] = "gru", [LSTM_CELL] = "lstm"};
    Arena *a = r->lw->arena;
    Args args = {.n = 0};
    const char *way = r->d == 1 || r->p->reverse ? "backward" : "forward";
    const char *dims = arena_printf(a, "%lldx%lldx%lld", (long long)r->time, (long long)r->batch,
                                    (long long)r->hidden);
    const char *cell = names[r->p->cell];
    r->b = kb_new(a, r->lw->program->target, arena_printf(a, "%s_%s_%s", cell, way, dims));
    open_buffers(r, &args);
    r->depth = 0;
    r->seq = nest_loop(r->b, "n", r->batch, 1, &r->depth);
    int outer = r->depth;
    r->depth = outer > 0 ? outer : 1; /* the loops inside carry the states: never parallel */
    emit_sequence(r);
    r->depth = outer;
    nest_close(r->b, &r->depth, 0);
    return lower_emit(r->lw, r->n, r->b,
                      arena_printf(a, "%s, %s: steps x sequences x units = %s", cell, way, dims),
                      args.list);
}

bool lower_recurrence(Lower *lw, const Node *n)
{
    static const int gates[] = {[RNN_CELL] = 1, [GRU_CELL] = 3, [LSTM_CELL] = 4};
    const RnnParams *p = &n->params.rnn;
    const Shape *x = &n->in[0]->shape;
    Recurrence r = {.lw = lw, .n = n, .p = p, .hidden = p->hidden, .gates = gates[p->cell]};
    KBase memory = kbase_of_dtype(n->in[0]->dtype);
    r.time = x->dim[p->batch_first ? 1 : 0];
    r.batch = x->dim[p->batch_first ? 0 : 1];
    r.base = kbase_compute(memory);
    if (r.base != memory || r.time > INT32_MAX)
        return node_unsupported(lw->graph, n, "it has no kernel for %s of %lld steps",
                                dtype_name(n->in[0]->dtype), (long long)r.time);
    r.lanes = lanes_for(r.hidden, lanes_of(lw->program->target, r.base));
    r.vectors = r.lanes > 1 && r.hidden >= MAX_VECTORS * (int64_t)r.lanes ? MAX_VECTORS : 1;
    for (r.d = 0; r.d < p->directions; r.d++)
        if (!emit_direction(&r))
            return false;
    return true;
}
