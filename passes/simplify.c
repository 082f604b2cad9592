/* simplify: nodes that compute nothing go, and forms that no kernel has become forms that have one.
 *
 * In: the graph as imported. Out: no Identity (but copies that an output needs), no Dropout, no
 * move that moves nothing; views of views and transposes of transposes merged; Gemm with
 * untransposed variable operands, and with a bias only when that is one constant row; no dead code.
 * The rules are a table by operator. A sweep visits the nodes in order with an alias for every
 * value that was replaced, so that a chain of a million Identities takes one sweep; sweeps repeat
 * until nothing changes. An output keeps its name: the value that takes its place takes its name.
 */
#include "passes/rewrite.h"

#include <stdlib.h>
#include <string.h>

typedef struct Sweep {
    Graph *g;
    Value **alias; /* by value id; NULL: the value itself */
    int n_alias;
    bool changed;
} Sweep;

static Value *resolve(const Sweep *s, Value *v)
{
    return v && v->id < s->n_alias && s->alias[v->id] ? s->alias[v->id] : v;
}

/* Forgets the results behind the first `keep`, which nobody reads. */
static void keep_outputs(Sweep *s, Node *n, int keep)
{
    for (int i = keep; i < n->n_out; i++)
        if (n->out[i] && n->out[i]->def == n)
            n->out[i]->def = NULL;
    if (n->n_out > keep) {
        n->n_out = keep;
        s->changed = true;
    }
}

/* Readers of the result read in[0] from now on. Where in[0] cannot take the name of an output, the
 * node becomes a plain copy. */
static void rule_forward(Sweep *s, Node *n)
{
    Value *from = n->out[0], *to = n->in[0];
    if (from->id >= s->n_alias)
        return;
    if (from->is_output && (to->is_output || to->is_input || to->constant)) {
        n->op = OP_Identity;
        n->n_in = 1;
        return;
    }
    s->alias[from->id] = to;
    s->changed = true;
}

static bool same_shape(const Node *n)
{
    return shape_equal(&n->in[0]->shape, &n->out[0]->shape) && n->in[0]->dtype == n->out[0]->dtype;
}

static bool is_unused(const Value *v)
{
    return v == NULL || (v->n_users == 0 && !v->is_output);
}

static void rule_forward_same_shape(Sweep *s, Node *n)
{
    if (same_shape(n))
        rule_forward(s, n);
}

/* Every number of type `b` is one of type `a`. */
static bool holds_all(DType a, DType b)
{
    static const struct {
        int digits; /* of the integers from 0 on that the type has without a gap, in bits */
        bool is_signed;
    } types[DT_COUNT] = {
        [DT_F32] = {24, true},  [DT_F64] = {53, true},  [DT_F16] = {11, true},
        [DT_BF16] = {8, true},  [DT_I8] = {7, true},    [DT_U8] = {8, false},
        [DT_I16] = {15, true},  [DT_U16] = {16, false}, [DT_I32] = {31, true},
        [DT_U32] = {32, false}, [DT_I64] = {63, true},  [DT_U64] = {64, false},
        [DT_BOOL] = {1, false},
    };
    if (dtype_is_float(b)) /* f16 and bf16 do not hold each other */
        return a == b || a == DT_F64 || (a == DT_F32 && b != DT_F64);
    return types[a].digits >= types[b].digits && types[a].is_signed >= types[b].is_signed;
}

/* A type in between that loses nothing is left out. Of integers that pass a float type the result
 * must be able to hold them: a float that does not fit saturates, an integer wraps. */
static void rule_cast(Sweep *s, Node *n)
{
    const Node *def = n->in[0]->def;
    DType to = n->params.ew.to;
    if (def && !def->dead && def->op == OP_Cast && holds_all(n->in[0]->dtype, def->in[0]->dtype)) {
        DType from = def->in[0]->dtype, between = n->in[0]->dtype;
        bool changes_kind = !dtype_is_float(from) && dtype_is_float(between);
        if (!changes_kind || !dtype_is_integer(to) || holds_all(to, from)) {
            n->in[0] = def->in[0];
            s->changed = true;
        }
    }
    rule_forward_same_shape(s, n);
}

/* The number that changes nothing as the second operand; of commutative operators as the first. */
static const struct {
    OpKind op;
    double neutral;
} neutrals[] = {{OP_Add, 0}, {OP_Sub, 0}, {OP_Mul, 1}, {OP_Div, 1},
                {OP_Pow, 1}, {OP_Or, 0},  {OP_Xor, 0}, {OP_And, 1}};

static bool is_all(const Value *v, double number)
{
    if (v->constant == NULL)
        return false;
    for (int64_t i = 0; i < shape_numel(&v->shape); i++)
        if (tensor_get_f64(v->constant, i) != number)
            return false;
    return true;
}

static void rule_neutral(Sweep *s, Node *n)
{
    double neutral = 0;
    for (size_t i = 0; i < sizeof neutrals / sizeof neutrals[0]; i++)
        if (neutrals[i].op == n->op)
            neutral = neutrals[i].neutral;
    if (n->n_in != 2)
        return;
    if (op_has(n->op, T_COMMUTATIVE) && is_all(n->in[0], neutral)) {
        Value *first = n->in[0];
        n->in[0] = n->in[1];
        n->in[1] = first;
    }
    if (is_all(n->in[1], neutral))
        rule_forward_same_shape(s, n);
}

/* An operand that was expanded needs not be where the operator broadcasts. */
static void rule_broadcast(Sweep *s, Node *n)
{
    for (int i = n->op == OP_PRelu ? 1 : 0; i < n->n_in; i++) {
        const Node *def = n->in[i] ? n->in[i]->def : NULL;
        if (def == NULL || def->dead || def->op != OP_Expand)
            continue;
        Shape shape = def->in[0]->shape;
        bool fits = true;
        for (int k = 0; k < n->n_in; k++)
            if (k != i && n->in[k])
                fits = fits && shape_broadcast(&shape, &n->in[k]->shape, &shape);
        if (!fits || !shape_equal(&shape, &n->out[0]->shape))
            continue;
        n->in[i] = def->in[0];
        s->changed = true;
    }
}

/* A variadic operator of one operand, a Concat of one part, a Split in one. */
static void rule_single(Sweep *s, Node *n)
{
    if (n->n_in == 1 && n->n_out == 1 && same_shape(n))
        rule_forward(s, n);
}

static void rule_split(Sweep *s, Node *n)
{
    if (n->n_out == 1 && same_shape(n))
        rule_forward(s, n);
}

/* At inference the mask is all true. */
static void rule_dropout(Sweep *s, Node *n)
{
    if (n->n_out > 1 && !is_unused(n->out[1])) {
        Value *mask = n->out[1];
        Tensor *t = tensor_new(s->g->arena, mask->dtype, &mask->shape);
        for (int64_t i = 0; i < shape_numel(&t->shape); i++)
            tensor_set_f64(t, i, 1);
        mask->constant = t;
        mask->def = NULL;
        s->changed = true;
    }
    keep_outputs(s, n, 1);
    rule_forward(s, n);
}

/* `n` becomes a Reshape of `from`. */
static void become_reshape(Sweep *s, Node *n, Value *from)
{
    Graph *g = s->g;
    Value *out = n->out[0];
    n->op = OP_Reshape;
    memset(&n->params, 0, sizeof n->params);
    n->params.shape.allow_zero = shape_numel(&out->shape) == 0;
    n->n_in = 0;
    node_add_input(g, n, from);
    node_add_input(g, n, shape_constant(g, NULL, &out->shape));
    s->changed = true;
}

static void rule_view(Sweep *s, Node *n)
{
    const Node *def = n->in[0]->def;
    if (same_shape(n))
        rule_forward(s, n);
    else if (def && !def->dead && op_only_reshapes(def->op))
        become_reshape(s, n, def->in[0]);
}

/* Whether the axes of extent other than 1 keep their order: then no element moves. */
static bool moves_nothing(const Node *n)
{
    int last = -1;
    for (int i = 0; i < n->in[0]->shape.rank; i++) {
        int from = n->params.perm.perm[i];
        if (n->in[0]->shape.dim[from] == 1)
            continue;
        if (from < last)
            return false;
        last = from;
    }
    return true;
}

static void rule_transpose(Sweep *s, Node *n)
{
    PermParams *p = &n->params.perm;
    const Node *def = n->in[0]->def;
    if (!p->given)
        return;
    if (moves_nothing(n)) {
        if (same_shape(n))
            rule_forward(s, n);
        else
            become_reshape(s, n, n->in[0]);
    } else if (def && !def->dead && def->op == OP_Transpose && def->params.perm.given) {
        PermParams merged = *p;
        for (int i = 0; i < n->in[0]->shape.rank; i++)
            merged.perm[i] = def->params.perm.perm[p->perm[i]];
        *p = merged;
        n->in[0] = def->in[0];
        s->changed = true;
    }
}

/* Zeros around a slice: where no side is both cut and padded, one node cuts and pads. */
static void rule_pad_of_slice(Sweep *s, Node *n)
{
    const Node *slice = n->in[0]->def;
    PadParams p = n->params.pad;
    if (slice == NULL || slice->dead || slice->op != OP_Slice || p.mode != PAD_CONSTANT)
        return;
    const Shape *x = &slice->in[0]->shape, *part = &slice->out[0]->shape;
    for (int i = 0; i < x->rank; i++) {
        int64_t before = slice->params.slice.start[i];
        int64_t behind = x->dim[i] - before - part->dim[i];
        if (slice->params.slice.step[i] != 1 || p.begin[i] < 0 || p.end[i] < 0 ||
            (before > 0 && p.begin[i] > 0) || (behind > 0 && p.end[i] > 0))
            return;
        p.begin[i] -= before;
        p.end[i] -= behind;
    }
    n->params.pad = p;
    n->in[0] = slice->in[0];
    n->n_in = 1;
    s->changed = true;
}

static void rule_pad(Sweep *s, Node *n)
{
    rule_pad_of_slice(s, n);
    const PadParams *p = &n->params.pad;
    for (int i = 0; i < n->in[0]->shape.rank; i++)
        if (p->begin[i] != 0 || p->end[i] != 0)
            return;
    rule_forward(s, n);
}

/* A slice of a slice is a slice. */
static void rule_slice_of_slice(Sweep *s, Node *n)
{
    const Node *def = n->in[0]->def;
    SliceParams *p = &n->params.slice;
    if (def == NULL || def->dead || def->op != OP_Slice)
        return;
    const SliceParams *q = &def->params.slice;
    for (int i = 0; i < n->in[0]->shape.rank; i++)
        if (llabs(p->step[i]) > INT32_MAX || llabs(q->step[i]) > INT32_MAX)
            return;
    for (int i = 0; i < n->in[0]->shape.rank; i++) {
        p->start[i] = q->start[i] + p->start[i] * q->step[i];
        p->step[i] *= q->step[i];
    }
    n->in[0] = def->in[0];
    n->n_in = 1;
    s->changed = true;
}

static void rule_slice(Sweep *s, Node *n)
{
    rule_slice_of_slice(s, n);
    const SliceParams *p = &n->params.slice;
    for (int i = 0; i < n->in[0]->shape.rank; i++)
        if (n->in[0]->shape.dim[i] > 1 && (p->start[i] != 0 || p->step[i] != 1))
            return;
    rule_forward_same_shape(s, n);
}

/* A window of one element that moves by one. Indices, if used, need the node. */
static void rule_pool(Sweep *s, Node *n)
{
    const Window *w = &n->params.pool.w;
    if (n->n_out > 1 && is_unused(n->out[1]))
        keep_outputs(s, n, 1);
    for (int i = 0; i < w->n; i++)
        if (w->kernel[i] != 1 || w->stride[i] != 1 || w->pad_begin[i] != 0 || w->pad_end[i] != 0)
            return;
    if (n->n_out == 1)
        rule_forward_same_shape(s, n);
}

static void rule_batch_norm(Sweep *s, Node *n)
{
    bool only_first = true;
    for (int i = 1; i < n->n_out; i++)
        only_first = only_first && is_unused(n->out[i]);
    if (only_first)
        keep_outputs(s, n, 1);
}

static void rule_resize(Sweep *s, Node *n)
{
    const ResizeParams *p = &n->params.resize;
    for (int i = 0; i < n->in[0]->shape.rank; i++)
        if (p->scale[i] != 1)
            return;
    if (p->coord != COORD_TF_CROP_AND_RESIZE)
        rule_forward_same_shape(s, n);
}

/* Softmax over a last axis that a reshape has left alone: the reshape goes behind it. */
static void rule_softmax(Sweep *s, Node *n)
{
    Graph *g = s->g;
    Node *def = n->in[0]->def;
    Value *out = n->out[0];
    int rank = out->shape.rank;
    if (def == NULL || def->dead || !op_only_reshapes(def->op) || n->params.axis.axis != rank - 1)
        return;
    const Shape *x = &def->in[0]->shape;
    if (x->rank < 1 || x->dim[x->rank - 1] != out->shape.dim[rank - 1] || shape_numel(x) == 0)
        return;
    Value *before = graph_value(g, NULL, out->dtype, x);
    n->in[0] = def->in[0];
    n->params.axis.axis = x->rank - 1;
    n->params.axis.coerce_2d = false;
    n->out[0] = before;
    before->def = n;
    Value *in[] = {before, shape_constant(g, NULL, &out->shape)};
    graph_node_after(g, n, OP_Reshape, NULL, in, 2, &out, 1);
    s->changed = true;
}

/* ---- Gemm ---- */

/* A node behind `n` that computes its result from a new value, which `n` now makes. */
static Node *put_behind(Sweep *s, Node *n, OpKind op, Value *operand)
{
    Graph *g = s->g;
    Value *result = n->out[0];
    Value *before = graph_value(g, NULL, result->dtype, &result->shape);
    n->out[0] = before;
    before->def = n;
    Node *behind = graph_node_after(g, n, op, NULL, (Value *[]){before, operand}, 2, &result, 1);
    s->changed = true;
    return behind;
}

static Value *scalar_constant(Graph *g, double value)
{
    Shape scalar = {0};
    Tensor *t = tensor_new(g->arena, DT_F32, &scalar);
    tensor_set_f64(t, 0, value);
    return graph_constant(g, NULL, t);
}

static Value *transposed(Sweep *s, Node *n, Value *v)
{
    Graph *g = s->g;
    Shape shape = {2, {v->shape.dim[1], v->shape.dim[0]}};
    Value *t = graph_value(g, NULL, v->dtype, &shape);
    Node *node = graph_node_before(g, n, OP_Transpose, NULL, &v, 1, &t, 1);
    node->params.perm = (PermParams){{1, 0}, true};
    s->changed = true;
    return t;
}

/* The bias that kernels take: constant, one row. */
static bool is_row(const Value *c, const Shape *out)
{
    return c->constant && operand_per_channel(c, out, 1);
}

static void rule_gemm(Sweep *s, Node *n)
{
    GemmParams *p = &n->params.gemm;
    if (n->in[0]->dtype != DT_F32 || n->n_epilogue)
        return;
    if (p->trans_a) {
        n->in[0] = transposed(s, n, n->in[0]);
        p->trans_a = false;
    }
    if (p->trans_b && !n->in[1]->constant) {
        n->in[1] = transposed(s, n, n->in[1]);
        p->trans_b = false;
    }
    Value *c = n->n_in > 2 ? n->in[2] : NULL;
    bool scale = p->alpha != 1 && !n->in[1]->constant;
    if (c && p->beta == 0)
        n->n_in = 2;
    else if (c && (scale || !is_row(c, &n->out[0]->shape))) {
        Node *add = put_behind(s, n, OP_Add, c);
        n->n_in = 2;
        if (p->beta != 1) {
            Value *times = graph_value(s->g, NULL, c->dtype, &c->shape);
            Value *operands[] = {c, scalar_constant(s->g, p->beta)};
            graph_node_before(s->g, add, OP_Mul, NULL, operands, 2, &times, 1);
            add->in[1] = times;
        }
    }
    if (scale) {
        put_behind(s, n, OP_Mul, scalar_constant(s->g, p->alpha));
        p->alpha = 1;
    }
    if (n->n_in == 2)
        p->beta = 1;
}

/* ---- the sweep ---- */

static const struct {
    OpKind op;
    void (*rule)(Sweep *s, Node *n);
} rules[] = {
    {OP_Identity, rule_forward},    {OP_Dropout, rule_dropout},
    {OP_Cast, rule_cast},           {OP_Add, rule_neutral},
    {OP_Sub, rule_neutral},         {OP_Mul, rule_neutral},
    {OP_Div, rule_neutral},         {OP_Pow, rule_neutral},
    {OP_And, rule_neutral},         {OP_Or, rule_neutral},
    {OP_Xor, rule_neutral},         {OP_Expand, rule_forward_same_shape},
    {OP_Min, rule_single},          {OP_Max, rule_single},
    {OP_Concat, rule_single},       {OP_Split, rule_split},
    {OP_Flatten, rule_view},        {OP_Reshape, rule_view},
    {OP_Squeeze, rule_view},        {OP_Unsqueeze, rule_view},
    {OP_Transpose, rule_transpose}, {OP_Pad, rule_pad},
    {OP_Slice, rule_slice},         {OP_MaxPool, rule_pool},
    {OP_AveragePool, rule_pool},    {OP_BatchNormalization, rule_batch_norm},
    {OP_Resize, rule_resize},       {OP_Upsample, rule_resize},
    {OP_Gemm, rule_gemm},           {OP_Softmax, rule_softmax},
    {OP_LogSoftmax, rule_softmax},
};

static void apply_rules(Sweep *s, Node *n)
{
    if (op_has(n->op, T_ELEMENTWISE))
        rule_broadcast(s, n);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].op == n->op) {
            rules[i].rule(s, n);
            return;
        }
}

/* Outputs that were replaced: the new value takes the name, or is copied when it cannot. */
static void settle_outputs(Sweep *s)
{
    Graph *g = s->g;
    for (int i = 0; i < g->n_outputs; i++) {
        Value *old = g->outputs[i], *now = resolve(s, old);
        if (now == old || now->is_output) /* an output before this one took it: a copy stays */
            continue;
        swap_names(old, now);
        old->is_output = false;
        now->is_output = true;
        g->outputs[i] = now;
    }
}

static bool sweep(Graph *g, bool *changed)
{
    Sweep s = {.g = g, .n_alias = g->n_values};
    s.alias = ARENA_ARRAY(g->arena, Value *, g->n_values);
    for (int i = 0; i < g->n_nodes; i++) {
        Node *n = g->nodes[i];
        for (int k = 0; k < n->n_in; k++)
            n->in[k] = resolve(&s, n->in[k]);
        int before = g->n_nodes;
        apply_rules(&s, n);
        i += g->n_nodes - before; /* what a rule inserts is seen by the next sweep */
    }
    settle_outputs(&s);
    *changed = s.changed;
    return remove_dead(g);
}

/* ---- Concats that begin alike ---- */

/* How many operands of `n` are those of `first`, all of them in the same order; 0 otherwise. */
static int shared_prefix(const Node *n, const Node *first)
{
    if (first == n || first->op != OP_Concat || first->n_in >= n->n_in ||
        first->params.axis.axis != n->params.axis.axis)
        return 0;
    for (int i = 0; i < first->n_in; i++)
        if (first->in[i] != n->in[i])
            return 0;
    return first->n_in;
}

/* Concat(a, b, c) reads Concat(a, b) where that exists, as in a DenseNet: the memory pass then
 * grows one buffer instead of copying all of it again. */
static void chain_concats(Graph *g)
{
    graph_index(g);
    for (int i = g->n_nodes - 1; i >= 0; i--) { /* the longest first: the others are still whole */
        Node *n = g->nodes[i];
        const Node *best = NULL;
        int most = 1;
        for (int k = 0; n->op == OP_Concat && k < n->in[0]->n_users; k++) {
            int shared = shared_prefix(n, n->in[0]->users[k]);
            if (shared > most) {
                most = shared;
                best = n->in[0]->users[k];
            }
        }
        if (best == NULL)
            continue;
        n->in[most - 1] = best->out[0];
        n->in += most - 1;
        n->n_in -= most - 1;
    }
}

bool pass_simplify(Graph *g, const PassOptions *o)
{
    (void)o;
    if (!remove_dead(g))
        return false;
    copy_shared_outputs(g);
    bool changed = true;
    while (changed)
        if (!sweep(g, &changed))
            return false;
    chain_concats(g);
    return remove_dead(g);
}
