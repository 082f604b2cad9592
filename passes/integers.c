/* integers: graphs that are quantised in QDQ form compute with integers.
 *
 * In: the graph as imported. Out: the same graph with
 *   - DequantizeLinear sunk below what only moves elements, and QuantizeLinear raised above Concat,
 *     so that the moves are of integers; pairs of equal parameters cancel;
 *   - convolutions, products, sums and pools between the two as QLinearConv and its like
 *     (integers_ops.c), functions of one variable as tables (integers_lookup.c).
 * The rules are a table, offered to every node until none applies. Parameters must be constants.
 * Sums of products are exact then and rounded once: a result may differ by one step from that of
 * the graph on real numbers, whose products are rounded before. */
#include "passes/integers.h"
#include "passes/fuse.h"

#include <math.h>

enum { MAX_SWEEPS = 200 };

/* ---- parameters ---- */

/* The parameters of a QuantizeLinear or DequantizeLinear whose integers are `q`. */
static bool known_parameters(const Node *n, Value *q, bool axis, Quant *to)
{
    Value *zero = n->n_in > 2 ? n->in[2] : NULL;
    *to = (Quant){q, n->in[1], zero, -1};
    if (!dtype_is_8_bit(q->dtype) || n->params.quant.block != 0 ||
        !value_is_f32_constant(to->scale) || (zero && zero->constant == NULL))
        return false;
    if (shape_numel(&to->scale->shape) != 1)
        to->axis = (int)n->params.quant.axis;
    for (int64_t i = 0; i < shape_numel(&to->scale->shape); i++) {
        double s = quant_scale_at(to, i);
        if (!(s > 0) || !isfinite(s))
            return false;
    }
    return axis || to->axis < 0;
}

bool quant_of(const Value *v, bool axis, Quant *to)
{
    const Node *n = v ? v->def : NULL;
    return n && !n->dead && n->op == OP_DequantizeLinear && v->dtype == DT_F32 &&
           known_parameters(n, n->in[0], axis, to);
}

bool quant_result(const Node *n, Quant *to)
{
    return n->op == OP_QuantizeLinear && n->in[0] && n->in[0]->dtype == DT_F32 &&
           known_parameters(n, n->out[0], false, to);
}

double quant_scale_at(const Quant *q, int64_t i)
{
    return tensor_get_f64(q->scale->constant, shape_numel(&q->scale->shape) == 1 ? 0 : i);
}

int64_t quant_zero_at(const Quant *q, int64_t i)
{
    if (q->zero == NULL)
        return 0;
    return tensor_get_i64(q->zero->constant, shape_numel(&q->zero->shape) == 1 ? 0 : i);
}

bool quant_equal(const Quant *a, const Quant *b)
{
    return a->q->dtype == b->q->dtype && a->axis < 0 && b->axis < 0 &&
           quant_scale_at(a, 0) == quant_scale_at(b, 0) &&
           quant_zero_at(a, 0) == quant_zero_at(b, 0);
}

Value *zero_operand(Graph *g, const Quant *q)
{
    return q->zero ? q->zero
                   : graph_constant(g, NULL, tensor_new(g->arena, q->q->dtype, &q->scale->shape));
}

Node *integers_replace(Graph *g, Node *n, OpKind op, const Params *p, Value *const *in, int n_in)
{
    static const Params none;
    Node *made = graph_node(g, op, n->name, in, n_in, n->out, n->n_out);
    made->id = n->id;
    made->params = p ? *p : none;
    n->dead = true;
    return op_infer(g, made) ? made : NULL;
}

/* ---- what only moves elements ---- */

/* Operators whose first operand's elements are moved, unchanged; what else they read is no data. */
static const OpKind moves[] = {
    OP_Reshape, OP_Flatten, OP_Squeeze, OP_Unsqueeze, OP_Transpose, OP_Slice, OP_Split,
    OP_Gather,  OP_Expand,  OP_MaxPool, OP_Resize,    OP_Upsample,  OP_Pad,   OP_Identity,
};

/* Whether the padding is of zeros, which integers have too. */
static bool pads_with_zeros(const Node *n)
{
    const Value *v = n->n_in > 2 ? n->in[2] : NULL;
    if (n->params.pad.mode != PAD_CONSTANT)
        return true;
    return v ? v->constant && shape_numel(&v->shape) == 1 && tensor_get_f64(v->constant, 0) == 0
             : n->params.pad.value == 0;
}

static bool is_move(const Node *n)
{
    bool found = false;
    for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
        found = found || moves[i] == n->op;
    if (!found || n->n_epilogue > 0)
        return false;
    switch (n->op) {
    case OP_MaxPool:
        return n->n_out == 1;
    case OP_Resize:
    case OP_Upsample:
        return n->params.resize.mode == RESIZE_NEAREST &&
               n->params.resize.coord != COORD_TF_CROP_AND_RESIZE;
    case OP_Pad:
        return pads_with_zeros(n);
    default:
        return true;
    }
}

/* Which values, by id, some reader quantises, at once or behind moves. The nodes are sorted. */
static const bool *find_quantised(const Graph *g)
{
    bool *quantised = ARENA_ARRAY(g->arena, bool, g->n_values);
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        const Node *n = g->nodes[i];
        bool join = n->op == OP_Concat, leads = n->op == OP_QuantizeLinear;
        for (int k = 0; k < n->n_out && (join || is_move(n)); k++)
            leads = leads || (n->out[k] && quantised[n->out[k]->id]);
        for (int k = 0; k < (join ? n->n_in : 1) && leads; k++)
            if (n->in[k])
                quantised[n->in[k]->id] = true;
    }
    return quantised;
}

/* The axis of per-axis scales behind a transposition; -1: other moves of those stay. */
static bool moved_axis(const Node *n, Quant *q)
{
    if (q->axis < 0 || n->op == OP_Identity)
        return true;
    if (n->op != OP_Transpose)
        return false;
    for (int i = 0; i < n->in[0]->shape.rank; i++)
        if (n->params.perm.perm[i] == q->axis) {
            q->axis = i;
            return true;
        }
    return false;
}

/* Padding with the zero point. */
static void pad_with(Graph *g, Node *n, const Quant *q)
{
    if (n->op != OP_Pad || n->params.pad.mode != PAD_CONSTANT)
        return;
    n->params.pad.value = (double)quant_zero_at(q, 0);
    if (n->n_in > 2) {
        static const Shape scalar;
        Tensor *t = tensor_new(g->arena, q->q->dtype, &scalar);
        tensor_set_i64(t, 0, quant_zero_at(q, 0));
        n->in[2] = graph_constant(g, NULL, t);
    }
}

/* move(dequantize(q)) becomes dequantize(move(q)). */
static bool sink_dequantize(const IntegerSweep *s, Node *n)
{
    Graph *g = s->g;
    Quant q;
    if (!is_move(n) || !quant_of(n->in[0], true, &q) || !moved_axis(n, &q))
        return false;
    bool anyway = q.q->constant || value_read_once(n->in[0]);
    for (int k = 0; k < n->n_out; k++)
        anyway = anyway || (n->out[k] && s->quantised[n->out[k]->id]);
    if (!anyway)
        return false;
    n->in[0] = q.q;
    pad_with(g, n, &q);
    for (int k = 0; k < n->n_out; k++) {
        Value *real = n->out[k];
        if (real == NULL)
            continue;
        Value *moved = graph_value(g, NULL, q.q->dtype, &real->shape);
        n->out[k] = moved;
        moved->def = n;
        moved->def_index = k;
        Node *d = graph_node(g, OP_DequantizeLinear, NULL, (Value *[]){moved, q.scale, q.zero},
                             q.zero ? 3 : 2, &real, 1);
        d->id = n->id;
        d->params.quant.axis = q.axis < 0 ? 0 : q.axis;
    }
    return op_infer(g, n);
}

/* ---- pairs, Concat ---- */

/* quantize(dequantize(q)) of the same parameters is q. */
static bool cancel_pair(const IntegerSweep *s, Node *n)
{
    Graph *g = s->g;
    Quant from, to;
    if (!quant_result(n, &to) || !quant_of(n->in[0], false, &from) || !quant_equal(&from, &to))
        return false;
    return integers_replace(g, n, OP_Identity, NULL, &from.q, 1) != NULL;
}

/* `n`, a QuantizeLinear, once more, on `x`. */
static Value *quantize_again(Graph *g, const Node *n, Value *x)
{
    Value *y = graph_value(g, NULL, n->out[0]->dtype, &x->shape);
    Value **in = ARENA_ARRAY(g->arena, Value *, n->n_in);
    for (int i = 0; i < n->n_in; i++)
        in[i] = i == 0 ? x : n->in[i];
    Node *made = graph_node(g, OP_QuantizeLinear, NULL, in, n->n_in, &y, 1);
    made->id = n->id;
    made->params = n->params;
    return y;
}

/* quantize(reshape(x)) becomes reshape(quantize(x)): what makes x can be of integers then. */
static bool raise_above_view(const IntegerSweep *s, Node *n)
{
    Graph *g = s->g;
    Quant q;
    const Node *view = n->in[0] ? n->in[0]->def : NULL;
    if (!quant_result(n, &q) || view == NULL || view->dead || !value_read_once(n->in[0]) ||
        (!op_has(view->op, T_VIEW) && view->op != OP_Transpose) || !is_move(view))
        return false;
    Value **in = ARENA_ARRAY(g->arena, Value *, view->n_in);
    for (int i = 0; i < view->n_in; i++)
        in[i] = i == 0 ? quantize_again(g, n, view->in[0]) : view->in[i];
    return integers_replace(g, n, view->op, &view->params, in, view->n_in) != NULL;
}

/* quantize(concat(a, b…)) becomes concat(quantize(a), quantize(b)…) when some operand was made of
 * integers. */
static bool raise_quantize(const IntegerSweep *s, Node *n)
{
    Graph *g = s->g;
    Quant q, part;
    const Node *concat = n->in[0]->def;
    if (!quant_result(n, &q) || concat == NULL || concat->op != OP_Concat || concat->dead ||
        !value_read_once(n->in[0]))
        return false;
    bool any = false;
    for (int i = 0; i < concat->n_in; i++)
        any = any || quant_of(concat->in[i], false, &part);
    if (!any)
        return false;
    Value **parts = ARENA_ARRAY(g->arena, Value *, concat->n_in);
    for (int i = 0; i < concat->n_in; i++)
        parts[i] = quantize_again(g, n, concat->in[i]);
    return integers_replace(g, n, OP_Concat, &concat->params, parts, concat->n_in) != NULL;
}

/* A Concat of integers of the same parameters, which nobody quantises. */
static bool sink_below_concat(const IntegerSweep *s, Node *n)
{
    Graph *g = s->g;
    Quant first, q;
    if (n->op != OP_Concat || !quant_of(n->in[0], false, &first))
        return false;
    Value **parts = ARENA_ARRAY(g->arena, Value *, n->n_in);
    for (int i = 0; i < n->n_in; i++) {
        if (!quant_of(n->in[i], false, &q) || !quant_equal(&first, &q))
            return false;
        parts[i] = q.q;
    }
    Value *joined = graph_value(g, NULL, first.q->dtype, &n->out[0]->shape);
    Node *concat = graph_node(g, OP_Concat, NULL, parts, n->n_in, &joined, 1);
    concat->params = n->params;
    concat->id = n->id;
    Value *in[3] = {joined, first.scale, first.zero};
    return op_infer(g, concat) &&
           integers_replace(g, n, OP_DequantizeLinear, NULL, in, first.zero ? 3 : 2) != NULL;
}

/* A mean over all pixels of integers is a pool. */
static bool mean_to_pool(const IntegerSweep *s, Node *n)
{
    Graph *g = s->g;
    Quant q;
    Fuse f = {.g = g};
    return n->op == OP_ReduceMean && quant_of(n->in[0], false, &q) && fuse_global_pool(&f, n);
}

/* ---- the driver ---- */

/* The second stage begins when the first finds nothing more. */
static const IntegerRule rules[] = {
    cancel_pair,  sink_dequantize,  raise_above_view, raise_quantize,        sink_below_concat,
    mean_to_pool, integers_compute, integers_lookup,  integers_join_lookups,
};
static const IntegerRule last_rules[] = {integers_real};

/* Offers every node to the rules, and sorts; *any tells whether one of them did something. */
static bool sweep(Graph *g, const IntegerRule *list, size_t n_rules, bool *any)
{
    const IntegerSweep s = {g, find_quantised(g)};
    *any = false;
    for (int i = 0, n = g->n_nodes; i < n; i++)
        for (size_t k = 0; k < n_rules && !g->nodes[i]->dead; k++)
            *any = list[k](&s, g->nodes[i]) || *any;
    return g->diag->n_errors == 0 && remove_dead(g);
}

bool pass_integers(Graph *g, const PassOptions *o)
{
    bool any = false;
    for (int i = 0; i < g->n_nodes; i++)
        any = any || g->nodes[i]->op == OP_DequantizeLinear;
    if (!any)
        return true;
    for (int i = 0; any && i < MAX_SWEEPS; i++)
        if (!sweep(g, rules, sizeof rules / sizeof rules[0], &any))
            return false;
    if (!sweep(g, last_rules, sizeof last_rules / sizeof last_rules[0], &any))
        return false;
    return pass_simplify(g, o); /* pairs that cancelled left copies */
}
