/* recognise: operators that an exporter took to pieces become one node again.
 *
 * In: a simplified and folded graph. Out: a graph in which x * clip(x + 3, 0, 6) / 6 is HardSwish,
 * and so on: one kernel instead of four, or one epilogue step. The patterns are a table
 * (pattern.h is their language). Nodes are visited in order, each offered to every row until none
 * applies, so that a row may build on what earlier rows made of the operands. A row applies only
 * when nobody else reads the values that disappear, and the result keeps type and shape. */
#include "passes/recognise.h"

#include "passes/rewrite.h"

#include <math.h>

/* ---- rows that look at the numbers ---- */

static bool ordered_clip(Graph *g, Node *n, Match *m, const RecogniseRow *row)
{
    return pattern_number(m, 'a') <= pattern_number(m, 'b') && recognise_result(g, n, m, row);
}

/* clip(x + b, 0, c) * a with c a = 1 is clip(a x + a b, 0, 1). */
static bool scaled_hard_sigmoid(Graph *g, Node *n, Match *m, const RecogniseRow *row)
{
    double a = pattern_number(m, 'a'), b = pattern_number(m, 'b'), c = pattern_number(m, 'c');
    m->number['b' - 'a'] = a * b;
    return c > 0 && pattern_close(a * c, 1) && recognise_result(g, n, m, row);
}

/* clip(a (x + b), 0, 1) */
static bool shifted_hard_sigmoid(Graph *g, Node *n, Match *m, const RecogniseRow *row)
{
    m->number['b' - 'a'] *= pattern_number(m, 'a');
    return recognise_result(g, n, m, row);
}

static bool small_slope(Graph *g, Node *n, Match *m, const RecogniseRow *row)
{
    double a = pattern_number(m, 'a');
    return a >= 0 && a <= 1 && recognise_result(g, n, m, row);
}

static bool tanh_gelu(Graph *g, Node *n, Match *m, const RecogniseRow *row)
{
    if (!recognise_result(g, n, m, row))
        return false;
    n->params.ew.mode = 1;
    return true;
}

/* relu(x) + a * relu(-x): the slope is -a. */
static bool negated_number(Graph *g, Node *n, Match *m, const RecogniseRow *row)
{
    m->number[0] = -m->number[0];
    return recognise_result(g, n, m, row);
}

/* The same of a tensor s. */
static bool negated_slope(Graph *g, Node *n, Match *m, const RecogniseRow *row)
{
    const Value *s = pattern_value(m, 's');
    if (s->constant == NULL)
        return false;
    Tensor *t = tensor_new(g->arena, s->dtype, &s->shape);
    for (int64_t i = 0; i < shape_numel(&s->shape); i++)
        tensor_set_f64(t, i, -tensor_get_f64(s->constant, i));
    m->value['s' - 'a'] = graph_constant(g, s->name, t);
    return recognise_result(g, n, m, row);
}

/* ---- the table ---- */

#define GELU_ROOT "0.7978845608"    /* sqrt(2 / pi) */
#define HALF_ROOT "0.7071067811865" /* sqrt(1 / 2) */

/* sqrt(variance + e) */
#define DEVIATION "Sqrt(Add(ReduceMean(Mul(Sub(x, ReduceMean(x)), Sub(x, ReduceMean(x)))), $e))"

static const RecogniseRow rows[] = {
    /* Bounds. */
    {"Min(Max(x, $a), $b)", "Clip(x, $a, $b)", NULL},
    {"Max(Min(x, $b), $a)", "Clip(x, $a, $b)", ordered_clip},
    {"Min(Relu(x), $b)", "Clip(x, 0, $b)", NULL},
    {"Clip(Relu(x), 0, $b)", "Clip(x, 0, $b)", NULL},
    {"Max(x, 0)", "Relu(x)", NULL},
    /* Slopes. */
    {"Max(x, Mul(x, $a))", "LeakyRelu(x, $a)", small_slope},
    {"Where(Greater(x, 0), x, Mul(x, $a))", "LeakyRelu(x, $a)", NULL},
    {"Where(GreaterOrEqual(x, 0), x, Mul(x, $a))", "LeakyRelu(x, $a)", NULL},
    {"Where(Less(x, 0), Mul(x, $a), x)", "LeakyRelu(x, $a)", NULL},
    {"Where(Greater(x, 0), x, Mul(Add(Exp(x), -1), $a))", "Elu(x, $a)", NULL},
    {"Add(Relu(x), Mul(Min(x, 0), $a))", "LeakyRelu(x, $a)", NULL},
    {"Sub(Relu(x), Mul(Relu(Neg(x)), $a))", "LeakyRelu(x, $a)", NULL},
    {"Add(Relu(x), Mul(Relu(Neg(x)), $a))", "LeakyRelu(x, $a)", negated_number},
    {"Add(Relu(x), Mul(s, Min(x, 0)))", "PRelu(x, s)", NULL},
    {"Add(Relu(x), Mul(s, Sub(x, Abs(x)), 0.5))", "PRelu(x, s)", NULL},
    {"Sub(Relu(x), Mul(s, Relu(Neg(x))))", "PRelu(x, s)", NULL},
    {"Add(Relu(x), Mul(s, Relu(Neg(x))))", "PRelu(x, s)", negated_slope},
    /* Sigmoids. */
    {"Div(1, Add(Exp(Neg(x)), 1))", "Sigmoid(x)", NULL},
    {"Reciprocal(Add(Exp(Neg(x)), 1))", "Sigmoid(x)", NULL},
    {"Clip(Add(Mul(x, $a), $b), 0, 1)", "HardSigmoid(x, $a, $b)", NULL},
    {"Clip(Mul(Add(x, $b), $a), 0, 1)", "HardSigmoid(x, $a, $b)", shifted_hard_sigmoid},
    {"Mul(Clip(Add(x, $b), 0, $c), $a)", "HardSigmoid(x, $a, $b)", scaled_hard_sigmoid},
    {"Log(Add(Exp(x), 1))", "Softplus(x)", NULL},
    {"Div(x, Add(Abs(x), 1))", "Softsign(x)", NULL},
    /* Gates. */
    {"Mul(x, HardSigmoid(x, 0.1666666667, 0.5))", "HardSwish(x)", NULL},
    {"Mul(x, Clip(Add(x, 3), 0, 6), 0.1666666667)", "HardSwish(x)", NULL},
    {"Mul(x, Sigmoid(Mul(x, $a)))", "Swish(x, $a)", NULL},
    {"Div(x, Add(Exp(Neg(x)), 1))", "Swish(x, 1)", NULL},
    {"Mul(x, Tanh(Softplus(x)))", "Mish(x)", NULL},
    {"Mul(x, Add(Erf(Mul(x, " HALF_ROOT ")), 1), 0.5)", "Gelu(x)", NULL},
    {"Mul(x, Add(Tanh(Mul(Add(x, Mul(x, x, x, 0.044715)), " GELU_ROOT ")), 1), 0.5)", "Gelu(x)",
     tanh_gelu},
    {"Mul(x, Add(Tanh(Mul(x, Add(Mul(x, x, 0.044715), 1), " GELU_ROOT ")), 1), 0.5)", "Gelu(x)",
     tanh_gelu},
    /* Normalisation over the last axes. */
    {"Div(Sub(x, ReduceMean(x)), " DEVIATION ")", "LayerNormalization(x)", recognise_norm},
    {"Mul(Sub(x, ReduceMean(x)), Reciprocal(" DEVIATION "))", "LayerNormalization(x)",
     recognise_norm},
    {"Add(Mul(x, g, Reciprocal(" DEVIATION ")), Sub(b, Mul(ReduceMean(x), g, Reciprocal(" DEVIATION
     "))))",
     "LayerNormalization(x)", recognise_norm},
    {"Div(x, Sqrt(Add(ReduceMean(Mul(x, x)), $e)))", "RMSNormalization(x)", recognise_norm},
    {"Mul(x, Reciprocal(Sqrt(Add(ReduceMean(Mul(x, x)), $e))))", "RMSNormalization(x)",
     recognise_norm},
    {"Mul(LayerNormalization(x), s)", NULL, recognise_norm_scale},
    {"Mul(RMSNormalization(x), s)", NULL, recognise_norm_scale},
    {"Add(LayerNormalization(x), b)", NULL, recognise_norm_bias},
    {"Div(Exp(Sub(x, ReduceMax(x))), ReduceSum(Exp(Sub(x, ReduceMax(x)))))", NULL,
     recognise_softmax},
    {"Div(Exp(x), ReduceSum(Exp(x)))", NULL, recognise_softmax},
};

enum { N_ROWS = sizeof rows / sizeof rows[0] };

const RecogniseRow *recognise_row(int i)
{
    return i >= 0 && i < N_ROWS ? &rows[i] : NULL;
}

/* ---- rewriting ---- */

static void add_use(Graph *g, Value *v, Node *n)
{
    Node **users = ARENA_ARRAY(g->arena, Node *, v->n_users + 1);
    for (int i = 0; i < v->n_users; i++)
        users[i] = v->users[i];
    users[v->n_users++] = n;
    v->users = users;
}

bool recognise_result(Graph *g, Node *n, Match *m, const RecogniseRow *row)
{
    const Pattern *result = pattern_parse(g->arena, row->result);
    double params[PATTERN_ARGS] = {0};
    const Value *x = pattern_value(m, 'x');
    if (!dtype_is_float(x->dtype) || !shape_equal(&x->shape, &n->out[0]->shape))
        return false;
    n->op = result->op;
    n->n_in = 0;
    for (int i = 0; i < result->n; i++) {
        const Pattern *p = result->arg[i];
        if (p->kind == PATTERN_VALUE)
            node_add_input(g, n, m->value[p->letter]);
        else
            params[i - n->n_in] = p->kind == PATTERN_NUMBER ? p->number : m->number[p->letter];
    }
    n->params = (Params){.ew = {.alpha = params[0], .beta = params[1], .gamma = params[2]}};
    return true;
}

static bool apply(Graph *g, Node *n, const Pattern *const *patterns)
{
    for (int i = 0; i < N_ROWS; i++) {
        Match m;
        if (!pattern_match(patterns[i], n, &m))
            continue;
        RecogniseFn *rewrite = rows[i].rewrite ? rows[i].rewrite : recognise_result;
        if (!rewrite(g, n, &m, &rows[i]))
            continue;
        for (int k = 0; k < m.n_nodes; k++)
            m.node[k]->dead = m.node[k] != n;
        for (int k = 0; k < n->n_in; k++)
            add_use(g, n->in[k], n);
        return true;
    }
    return false;
}

bool pass_recognise(Graph *g, const PassOptions *o)
{
    (void)o;
    const Pattern *patterns[N_ROWS];
    for (int i = 0; i < N_ROWS; i++)
        patterns[i] = pattern_parse(g->arena, rows[i].pattern);
    graph_index(g);
    for (int i = 0; i < g->n_nodes; i++)
        while (!g->nodes[i]->dead && apply(g, g->nodes[i], patterns))
            ;
    return remove_dead(g);
}
