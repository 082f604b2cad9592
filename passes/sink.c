/* sink: transposes move towards the outputs until they meet their inverses.
 *
 * Exporters of networks that keep channels last put a Transpose around every convolution. In: a
 * simplified graph. Out: op(T(x)) has become T(op(x)) wherever that makes no more elements move,
 * with the parameters of op renamed from axes of T(x) to axes of x; simplify then merges the
 * transposes that meet, and both repeat until nothing changes. What is left stands in front of
 * operators that need their axes in that order, or at the inputs and outputs.
 *
 * Operands that are not transposed alike must be constants, or broadcast so that no element moves;
 * others are transposed back when that pays: fewer elements are moved than before. */
#include "passes/rewrite.h"

#include <string.h>

enum { MAX_ROUNDS = 64 };

typedef struct Sink {
    Graph *g;
    Node *n;            /* the node that a transpose is to pass */
    int perm[MAX_RANK]; /* axis i of the transposed operand is axis perm[i] of the original */
    int rank;
    bool gone[MAX_RANK]; /* axes of the original that the results do not have: set by the rule */
} Sink;

/* ---- one operand ---- */

static Node *transpose_of(const Value *v)
{
    Node *def = v ? v->def : NULL;
    return def && !def->dead && def->op == OP_Transpose && def->params.perm.given ? def : NULL;
}

static bool is_inverse(const Sink *s, const Node *transpose)
{
    for (int i = 0; i < s->rank; i++)
        if (s->perm[transpose->params.perm.perm[i]] != i)
            return false;
    return true;
}

static bool is_same(const Sink *s, const Node *transpose)
{
    return transpose && transpose->in[0]->shape.rank == s->rank &&
           memcmp(transpose->params.perm.perm, s->perm, (size_t)s->rank * sizeof(int)) == 0;
}

/* The operand's shape with leading axes of extent 1, and the axes as they were before s->perm. */
static Shape original_shape(const Sink *s, const Shape *shape)
{
    Shape to = {.rank = s->rank};
    int lead = s->rank - shape->rank;
    for (int i = 0; i < s->rank; i++)
        to.dim[s->perm[i]] = i < lead ? 1 : shape->dim[i - lead];
    return to;
}

/* Whether undoing the transpose moves no element of the shape: all axes of more than one element
 * keep their order. */
static bool moves_nothing(const Sink *s, const Shape *shape)
{
    int last = -1, lead = s->rank - shape->rank;
    for (int i = lead; i < s->rank; i++) {
        if (shape->dim[i - lead] == 1)
            continue;
        if (s->perm[i] < last)
            return false;
        last = s->perm[i];
    }
    return true;
}

/* The constant with its axes as they were before s->perm. */
static Value *original_constant(const Sink *s, const Value *v)
{
    const Tensor *t = v->constant;
    Shape to = original_shape(s, &t->shape);
    Tensor *moved = tensor_new(s->g->arena, t->dtype, &to);
    int lead = s->rank - t->shape.rank;
    size_t size = dtype_size(t->dtype);
    int64_t stride[MAX_RANK];
    shape_strides(&to, stride);
    for (int64_t i = 0; i < shape_numel(&t->shape); i++) {
        int64_t rest = i, at = 0;
        for (int axis = t->shape.rank - 1; axis >= 0; axis--) {
            at += rest % t->shape.dim[axis] * stride[s->perm[axis + lead]];
            rest /= t->shape.dim[axis];
        }
        memcpy((char *)moved->data + (size_t)at * size, (const char *)t->data + (size_t)i * size,
               size);
    }
    return graph_constant(s->g, NULL, moved);
}

/* The operand as it was before the transpose: one that exists, a constant, a view, or, at worst,
 * transposed back. */
static Value *original(const Sink *s, Value *v)
{
    const Node *t = transpose_of(v);
    if (is_same(s, t))
        return t->in[0];
    if (shape_numel(&v->shape) == 1)
        return v;
    if (v->constant)
        return original_constant(s, v);
    Shape shape = original_shape(s, &v->shape);
    Value *to = graph_value(s->g, NULL, v->dtype, &shape);
    if (moves_nothing(s, &v->shape)) {
        Value *in[] = {v, shape_constant(s->g, NULL, &shape)};
        graph_node_before(s->g, s->n, OP_Reshape, NULL, in, 2, &to, 1);
        return to;
    }
    Node *back = graph_node_before(s->g, s->n, OP_Transpose, NULL, &v, 1, &to, 1);
    back->params.perm.given = true;
    for (int i = 0; i < s->rank; i++)
        back->params.perm.perm[s->perm[i]] = i;
    return to;
}

/* Elements that original() would have to move; -1 when it cannot. */
static int64_t cost_of(const Sink *s, const Value *v)
{
    int64_t numel = shape_numel(&v->shape);
    if (numel == 1 || is_same(s, transpose_of(v)))
        return 0;
    if (v->shape.rank > s->rank)
        return -1;
    if (v->constant || moves_nothing(s, &v->shape))
        return 0;
    if (v->shape.rank < s->rank)
        return -1;
    return transpose_of(v) ? 0 : numel; /* two transposes become one */
}

/* ---- the rules: parameters in terms of the original axes; false: no transpose may pass ---- */

static void permute_list(const Sink *s, int64_t *list)
{
    int64_t old[MAX_RANK];
    memcpy(old, list, sizeof old);
    for (int i = 0; i < s->rank; i++)
        list[s->perm[i]] = old[i];
}

static void permute_reals(const Sink *s, double *list)
{
    double old[MAX_RANK];
    memcpy(old, list, sizeof old);
    for (int i = 0; i < s->rank; i++)
        list[s->perm[i]] = old[i];
}

static bool rule_elementwise(Sink *s)
{
    (void)s;
    return true;
}

static bool rule_axis(Sink *s)
{
    s->n->params.axis.axis = s->perm[s->n->params.axis.axis];
    return true;
}

static bool rule_softmax(Sink *s)
{
    AxisParams *p = &s->n->params.axis;
    if (p->coerce_2d && p->axis != s->rank - 1)
        return false;
    p->coerce_2d = false;
    return rule_axis(s);
}

static bool rule_line(Sink *s)
{
    s->n->params.line.axis = s->perm[s->n->params.line.axis];
    return true;
}

static bool rule_arg(Sink *s)
{
    rule_line(s);
    s->gone[s->n->params.line.axis] = !s->n->params.line.keepdims;
    return true;
}

static bool rule_reduce(Sink *s)
{
    ReduceParams *p = &s->n->params.reduce;
    bool reduced[MAX_RANK] = {false};
    if (p->n_axes < 1)
        return false;
    for (int i = 0; i < p->n_axes; i++)
        reduced[s->perm[p->axes[i]]] = true;
    p->n_axes = 0;
    for (int i = 0; i < s->rank; i++) {
        s->gone[i] = reduced[i] && !p->keepdims;
        if (reduced[i])
            p->axes[p->n_axes++] = i;
    }
    s->n->n_in = 1;
    return true;
}

static bool rule_split(Sink *s)
{
    s->n->params.split.axis = s->perm[s->n->params.split.axis];
    s->n->n_in = 1;
    return true;
}

static bool rule_slice(Sink *s)
{
    permute_list(s, s->n->params.slice.start);
    permute_list(s, s->n->params.slice.step);
    s->n->n_in = 1;
    return true;
}

static bool rule_pad(Sink *s)
{
    permute_list(s, s->n->params.pad.begin);
    permute_list(s, s->n->params.pad.end);
    s->n->n_in = 1;
    return true;
}

/* Scales and sizes are lists of one entry an axis. */
static bool rule_resize(Sink *s)
{
    ResizeParams *p = &s->n->params.resize;
    for (int k = 1; k < s->n->n_in; k++) {
        const Value *v = s->n->in[k];
        if (v &&
            (v->constant == NULL || (shape_numel(&v->shape) != s->rank && v->shape.dim[0] != 0)))
            return false;
    }
    if (p->n_axes != 0 || p->coord == COORD_TF_CROP_AND_RESIZE)
        return false;
    permute_reals(s, p->scale);
    for (int k = 1; k < s->n->n_in; k++) {
        const Value *v = s->n->in[k];
        if (v == NULL || shape_numel(&v->shape) != s->rank)
            continue;
        Tensor *t = tensor_new(s->g->arena, v->dtype, &v->shape);
        for (int i = 0; i < s->rank; i++)
            tensor_set_f64(t, s->perm[i], tensor_get_f64(v->constant, i));
        s->n->in[k] = graph_constant(s->g, NULL, t);
    }
    return true;
}

/* One scale for the whole tensor. */
static bool rule_quantize(Sink *s)
{
    for (int i = 1; i < s->n->n_in; i++)
        if (s->n->in[i] && shape_numel(&s->n->in[i]->shape) != 1)
            return false;
    return s->n->params.quant.block == 0;
}

/* ---- reshapes that add and drop axes of extent 1 ---- */

/* The axis of `from` that each axis of `to` is, -1 for those of extent 1; false when the others
 * differ. */
static bool match_axes(const Shape *from, const Shape *to, int *axis)
{
    int k = 0;
    for (int i = 0; i < to->rank; i++) {
        axis[i] = -1;
        if (to->dim[i] == 1)
            continue;
        while (k < from->rank && from->dim[k] == 1)
            k++;
        if (k == from->rank || from->dim[k] != to->dim[i])
            return false;
        axis[i] = k++;
    }
    while (k < from->rank && from->dim[k] == 1)
        k++;
    return k == from->rank;
}

/* The node reshapes the original instead: its long axes in their order, then the new ones. The
 * transpose behind it brings them to where they are wanted. */
static bool pass_reshape(Graph *g, Node *n, const Node *t)
{
    Value *out = n->out[0];
    int axis[MAX_RANK], next = 0;
    PermParams p = {.given = true};
    Shape shape = {.rank = out->shape.rank};
    if (n->n_epilogue > 0 || !match_axes(&n->in[0]->shape, &out->shape, axis))
        return false;
    for (int k = 0; k < t->in[0]->shape.rank; k++)
        for (int i = 0; i < shape.rank; i++)
            if (axis[i] >= 0 && t->params.perm.perm[axis[i]] == k)
                p.perm[i] = next++;
    for (int i = 0; i < shape.rank; i++)
        if (axis[i] < 0)
            p.perm[i] = next++;
    for (int i = 0; i < shape.rank; i++)
        shape.dim[p.perm[i]] = out->shape.dim[i];
    Value *before = graph_value(g, NULL, out->dtype, &shape);
    n->op = OP_Reshape;
    memset(&n->params, 0, sizeof n->params);
    n->n_in = 0;
    node_add_input(g, n, t->in[0]);
    node_add_input(g, n, shape_constant(g, NULL, &shape));
    n->out[0] = before;
    before->def = n;
    graph_node_after(g, n, OP_Transpose, NULL, &before, 1, &out, 1)->params.perm = p;
    return true;
}

typedef enum Operands { FIRST, ALL } Operands;

/* Operators that a transpose may pass, and which of their operands have its axes. Elementwise
 * operators are not listed: the trait says it. */
static const struct {
    OpKind op;
    Operands operands;
    bool (*rule)(Sink *s);
} rules[] = {
    {OP_Concat, ALL, rule_axis},
    {OP_Split, FIRST, rule_split},
    {OP_Slice, FIRST, rule_slice},
    {OP_Pad, FIRST, rule_pad},
    {OP_Resize, FIRST, rule_resize},
    {OP_Upsample, FIRST, rule_resize},
    {OP_Softmax, FIRST, rule_softmax},
    {OP_LogSoftmax, FIRST, rule_softmax},
    {OP_Hardmax, FIRST, rule_softmax},
    {OP_LpNormalization, FIRST, rule_line},
    {OP_ArgMax, FIRST, rule_arg},
    {OP_ArgMin, FIRST, rule_arg},
    {OP_TopK, FIRST, rule_line},
    {OP_ReduceSum, FIRST, rule_reduce},
    {OP_ReduceMean, FIRST, rule_reduce},
    {OP_ReduceMax, FIRST, rule_reduce},
    {OP_ReduceMin, FIRST, rule_reduce},
    {OP_ReduceProd, FIRST, rule_reduce},
    {OP_ReduceL1, FIRST, rule_reduce},
    {OP_ReduceL2, FIRST, rule_reduce},
    {OP_ReduceLogSum, FIRST, rule_reduce},
    {OP_ReduceLogSumExp, FIRST, rule_reduce},
    {OP_ReduceSumSquare, FIRST, rule_reduce},
    {OP_QuantizeLinear, FIRST, rule_quantize},
    {OP_DequantizeLinear, FIRST, rule_quantize},
};

static bool (*rule_of(OpKind op, Operands *operands))(Sink *s)
{
    *operands = ALL;
    if (op_has(op, T_ELEMENTWISE))
        return rule_elementwise;
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        if (rules[i].op == op) {
            *operands = rules[i].operands;
            return rules[i].rule;
        }
    return NULL;
}

/* ---- whether it pays ---- */

/* Whether the transpose that makes `v` will have no reader once all have let it pass. */
static bool will_go(const Value *v)
{
    Operands operands;
    if (v->is_output)
        return false;
    for (int i = 0; i < v->n_users; i++)
        if (v->users[i]->op != OP_Transpose && !op_only_reshapes(v->users[i]->op) &&
            rule_of(v->users[i]->op, &operands) == NULL)
            return false;
    return true;
}

/* Elements moved by the transposes behind the node: those that are there now (which the new one
 * merges with), and those that will be. */
static void count_behind(const Sink *s, int64_t *now, int64_t *then)
{
    for (int k = 0; k < s->n->n_out; k++) {
        const Value *v = s->n->out[k];
        if (v == NULL)
            continue;
        bool only_transposes = v->n_users > 0 && !v->is_output;
        for (int i = 0; i < v->n_users; i++) {
            const Node *t = v->users[i];
            if (t->op != OP_Transpose)
                only_transposes = false;
            else if (t->params.perm.given && v->shape.rank == s->rank && is_inverse(s, t))
                *now += shape_numel(&v->shape);
        }
        if (!only_transposes)
            *then += shape_numel(&v->shape);
    }
}

/* Whether the node takes parts that lie together in its operand: in front of a transpose, they
 * would not. */
static bool cuts_contiguously(const Node *n)
{
    if (n->op != OP_Slice && n->op != OP_Split)
        return false;
    int axis = 0; /* the first that is cut */
    const Shape *x = &n->in[0]->shape, *y = &n->out[0]->shape;
    while (axis < x->rank && x->dim[axis] == y->dim[axis])
        axis++;
    return shape_range_numel(x, 0, axis) == 1;
}

/* Fewer elements must move afterwards. Where all operands come for free, a few more may (a padded
 * border): the transpose gets nearer to one that it meets. Contiguous parts are views: they stay
 * so unless their transposes vanish at once. */
static bool pays(const Sink *s, int n_data)
{
    int64_t now = 0, then = 0, back = 0;
    for (int i = 0; i < n_data; i++) {
        const Value *v = s->n->in[i];
        bool seen = false;
        for (int k = 0; k < i; k++)
            seen = seen || s->n->in[k] == v;
        if (v == NULL || seen)
            continue;
        int64_t cost = cost_of(s, v);
        if (cost < 0)
            return false;
        back += cost;
        if (is_same(s, transpose_of(v)) && will_go(v))
            now += shape_numel(&v->shape);
    }
    count_behind(s, &now, &then);
    if (cuts_contiguously(s->n))
        return then == 0;
    return back > 0 ? now > then + back : 2 * now >= then;
}

/* ---- passing ---- */

/* Axes of the results in terms of the results of the original: where the node drops axes, those
 * that are left move up. Returns how many there are. */
static int result_perm(const Sink *s, int perm[MAX_RANK])
{
    int order[MAX_RANK], n = 0;
    for (int i = 0; i < s->rank; i++)
        if (!s->gone[i])
            order[i] = n++;
    n = 0;
    for (int i = 0; i < s->rank; i++)
        if (!s->gone[s->perm[i]])
            perm[n++] = order[s->perm[i]];
    return n;
}

/* Result k is made with the original axes and transposed behind the node. */
static void transpose_behind(const Sink *s, int k)
{
    Value *out = s->n->out[k];
    PermParams p = {.given = true};
    int rank = result_perm(s, p.perm);
    Shape shape = {.rank = rank};
    for (int i = 0; i < rank; i++)
        shape.dim[p.perm[i]] = out->shape.dim[i];
    Value *before = graph_value(s->g, NULL, out->dtype, &shape);
    s->n->out[k] = before;
    before->def = s->n;
    before->def_index = k;
    graph_node_after(s->g, s->n, OP_Transpose, NULL, &before, 1, &out, 1)->params.perm = p;
}

/* The transposed operand that most elements of the result come from. */
static const Node *leading_transpose(const Node *n, int n_data, int rank)
{
    const Node *best = NULL;
    for (int i = 0; i < n_data; i++) {
        const Node *t = transpose_of(n->in[i]);
        if (t && t->in[0]->shape.rank == rank &&
            (best == NULL || shape_numel(&t->in[0]->shape) > shape_numel(&best->in[0]->shape)))
            best = t;
    }
    return best;
}

/* Lets a transpose in front of the node pass, if there is one and it pays. */
static bool pass_node(Graph *g, Node *n)
{
    Operands operands;
    bool (*rule)(Sink * s) = rule_of(n->op, &operands);
    const Node *first = n->n_in > 0 && !n->dead ? transpose_of(n->in[0]) : NULL;
    if (first && op_only_reshapes(n->op) && shape_numel(&n->out[0]->shape) > 0)
        return will_go(n->in[0]) && pass_reshape(g, n, first);
    if (rule == NULL || n->dead || n->n_epilogue > 0 || n->n_in == 0 || n->in[0] == NULL)
        return false;
    int n_data = operands == ALL ? n->n_in : 1;
    int rank = operands == ALL ? n->out[0]->shape.rank : n->in[0]->shape.rank;
    const Node *t = leading_transpose(n, n_data, rank);
    if (t == NULL)
        return false;
    Sink s = {.g = g, .n = n, .rank = rank};
    memcpy(s.perm, t->params.perm.perm, sizeof s.perm);
    if (!pays(&s, n_data) || !rule(&s))
        return false;
    for (int i = 0; i < n_data; i++)
        if (n->in[i])
            n->in[i] = original(&s, n->in[i]);
    for (int k = 0; k < n->n_out; k++)
        if (n->out[k])
            transpose_behind(&s, k);
    return true;
}

bool pass_sink(Graph *g, const PassOptions *o)
{
    bool changed = true;
    for (int round = 0; changed && round < MAX_ROUNDS; round++) {
        changed = false;
        graph_index(g);
        for (int i = 0; i < g->n_nodes; i++) {
            Node *n = g->nodes[i];
            if (!pass_node(g, n))
                continue;
            changed = true;
            i = graph_position(g, n); /* the transposes behind it come next */
        }
        if (changed && !pass_simplify(g, o))
            return false;
    }
    return true;
}
