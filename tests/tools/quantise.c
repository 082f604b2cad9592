/* quantise: a network of f32 to a statically quantised one, as exporters make them, for tests.
 *
 * usage: quantise MODEL OUT.onnx qdq|qoperator PICTURE...
 *
 * The interpreter runs the model on the pictures; the range of every value gives its scale and zero
 * point (uint8, with 0 in the range). Weights of convolutions and products become int8 with a scale
 * a channel, biases int32, other constants of more than one element uint8. In the form `qdq` every
 * value that is made of quantised ones passes QuantizeLinear and DequantizeLinear; in the form
 * `qoperator` operators that have a quantised twin become it, and only the others stand between the
 * two. What comes behind an operator that is not in the list stays f32. */
#include "frontend/frontend.h"
#include "ir/interp/interp.h"
#include "ir/ops.h"
#include "ir/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct Tool {
    Arena *arena;
    Graph *g;
    float *lo, *hi;  /* ranges by value id */
    bool *quantised; /* by value id: has scale and zero point and exists as integers */
    bool qoperator;
    Text init, body; /* the text of initializers and of nodes */
    int n_init;
} Tool;

/* ---- calibration ---- */

static void widen(Tool *t, const Value *v, const Tensor *x)
{
    for (int64_t i = 0; x->dtype == DT_F32 && i < shape_numel(&x->shape); i++) {
        t->lo[v->id] = fminf(t->lo[v->id], ((const float *)x->data)[i]);
        t->hi[v->id] = fmaxf(t->hi[v->id], ((const float *)x->data)[i]);
    }
}

static void trace(void *user, const Value *v, const Tensor *x)
{
    widen(user, v, x);
}

static bool calibrate(Tool *t, char **pictures, int n)
{
    Graph *g = t->g;
    Tensor **out = ARENA_ARRAY(t->arena, Tensor *, g->n_outputs);
    for (int i = 0; i < n; i++) {
        const Tensor *x =
            image_read_file(t->arena, g->diag, pictures[i], &g->inputs[0]->shape, 0, 1);
        if (x == NULL)
            return false;
        widen(t, g->inputs[0], x);
        if (!interp_run(g, t->arena, &x, out, trace, t))
            return false;
    }
    return true;
}

/* ---- text ---- */

static double scale_of(const Tool *t, const Value *v)
{
    double range = (double)t->hi[v->id] - (double)t->lo[v->id];
    return (double)(float)(range > 0 ? range / 255 : 1);
}

static int zero_of(const Tool *t, const Value *v)
{
    return (int)nearbyint(-(double)t->lo[v->id] / scale_of(t, v));
}

/* Starts an initializer: `float[4,3] name = {`. */
static void open_init(Tool *t, const char *type, const Shape *s, const char *name)
{
    text_add(&t->init, "%s%s", t->n_init++ ? ",\n " : "", type);
    if (s && s->rank > 0)
        text_add(&t->init, "%s", shape_str(t->arena, s));
    text_add(&t->init, " %s = {", name);
}

static void put_number(Tool *t, int64_t i, double x)
{
    text_add(&t->init, "%s%.9g", i ? ", " : "", x);
}

static void close_init(Tool *t)
{
    text_add(&t->init, "}");
}

/* Scale and zero point of a value. */
static void put_parameters(Tool *t, const Value *v)
{
    open_init(t, "float", NULL, arena_printf(t->arena, "s%d", v->id));
    put_number(t, 0, scale_of(t, v));
    close_init(t);
    open_init(t, "uint8", NULL, arena_printf(t->arena, "z%d", v->id));
    put_number(t, 0, zero_of(t, v));
    close_init(t);
}

/* A constant as it is. */
static void put_constant(Tool *t, const Value *v)
{
    open_init(t, dtype_name(v->dtype), &v->shape, arena_printf(t->arena, "v%d", v->id));
    for (int64_t i = 0; i < shape_numel(&v->shape); i++)
        put_number(t, i, tensor_get_f64(v->constant, i));
    close_init(t);
}

/* A constant as uint8 with its parameters. */
static void put_quantised_constant(Tool *t, const Value *v)
{
    widen(t, v, v->constant);
    put_parameters(t, v);
    open_init(t, "uint8", &v->shape, arena_printf(t->arena, "q%d", v->id));
    for (int64_t i = 0; i < shape_numel(&v->shape); i++) {
        double q = nearbyint(tensor_get_f64(v->constant, i) / scale_of(t, v)) + zero_of(t, v);
        put_number(t, i, fmin(fmax(q, 0), 255));
    }
    close_init(t);
}

/* A weight [M][…] as int8 with a scale for each of M; a bias as int32. */
static void put_weight(Tool *t, const Value *w, const Value *bias, double x_scale)
{
    int64_t maps = w->shape.dim[0], each = maps ? shape_numel(&w->shape) / maps : 0;
    double *scale = ARENA_ARRAY(t->arena, double, maps);
    for (int64_t i = 0; i < maps * each; i++)
        scale[i / each] = fmax(scale[i / each], fabs(tensor_get_f64(w->constant, i)) / 127);
    const Shape row = {1, {maps}};
    open_init(t, "float", &row, arena_printf(t->arena, "s%d", w->id));
    for (int64_t m = 0; m < maps; m++)
        put_number(t, m, scale[m] = (double)(float)fmax(scale[m], 1e-9));
    close_init(t);
    open_init(t, "int8", &row, arena_printf(t->arena, "z%d", w->id));
    for (int64_t m = 0; m < maps; m++)
        put_number(t, m, 0);
    close_init(t);
    open_init(t, "int8", &w->shape, arena_printf(t->arena, "q%d", w->id));
    for (int64_t i = 0; i < maps * each; i++)
        put_number(t, i, nearbyint(tensor_get_f64(w->constant, i) / scale[i / each]));
    close_init(t);
    if (bias == NULL)
        return;
    open_init(t, "int32", &row, arena_printf(t->arena, "q%d", bias->id));
    for (int64_t m = 0; m < maps; m++)
        put_number(t, m, nearbyint(tensor_get_f64(bias->constant, m) / (x_scale * scale[m])));
    close_init(t);
    open_init(t, "float", &row, arena_printf(t->arena, "s%d", bias->id));
    for (int64_t m = 0; m < maps; m++)
        put_number(t, m, x_scale * scale[m]);
    close_init(t);
}

/* ---- nodes ---- */

/* The operators that are quantised, and their quantised twins ("": none). */
static const struct {
    OpKind op;
    const char *twin;
} known[] = {
    {OP_Conv, "QLinearConv"},
    {OP_Gemm, "com.microsoft.QGemm"},
    {OP_Mul, "com.microsoft.QLinearMul"},
    {OP_Add, "com.microsoft.QLinearAdd"},
    {OP_AveragePool, "com.microsoft.QLinearAveragePool"},
    {OP_Sub, ""},
    {OP_Tanh, ""},
    {OP_Relu, ""},
    {OP_MaxPool, "MaxPool"},
    {OP_Flatten, "Flatten"},
    {OP_Reshape, "Reshape"},
    {OP_Pad, ""},
    {OP_Concat, ""},
    {OP_GlobalAveragePool, ""},
};

/* The row of a node that can be quantised; -1 when it cannot. */
static int find_known(const Tool *t, const Node *n)
{
    bool scalar = n->n_in > 1 && n->in[1]->constant && shape_numel(&n->in[1]->shape) == 1;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && !n->in[i]->constant && !t->quantised[n->in[i]->id])
            return -1;
    if (n->op == OP_Sub && !scalar)
        return -1;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (known[i].op == n->op)
            return (int)i;
    return -1;
}

static bool is_product(const Node *n)
{
    return n->op == OP_Conv || n->op == OP_Gemm;
}

/* Constants of the operands in the form that a quantised node wants them. */
static void put_operands(Tool *t, const Node *n)
{
    if (is_product(n)) {
        put_weight(t, n->in[1], n->n_in > 2 ? n->in[2] : NULL, scale_of(t, n->in[0]));
        return;
    }
    for (int i = 0; i < n->n_in; i++) {
        Value *v = n->in[i];
        if (v == NULL || v->constant == NULL)
            continue;
        bool many = v->dtype == DT_F32 && shape_numel(&v->shape) > 1;
        t->quantised[v->id] = many;
        if (many)
            put_quantised_constant(t, v);
        else
            put_constant(t, v);
    }
}

/* `name = Op <attributes> (`. The pads of Pad, which the text of a graph has as an attribute, are
 * an operand. */
static void open_node(Tool *t, const char *name, const char *op, const Node *n)
{
    const char *attributes = n->op == OP_Pad ? "" : op_attributes(t->arena, n);
    text_add(&t->body, "  %s = %s", name, op);
    if (*attributes)
        text_add(&t->body, " <%s>", attributes);
    text_add(&t->body, " (");
}

/* r = real numbers again of value `v` for one reader. */
static const char *dequantised(Tool *t, const Value *v, const char *suffix, const char *attributes,
                               bool zero)
{
    const char *name = arena_printf(t->arena, "d%d%s", v->id, suffix);
    text_add(&t->body, "  %s = DequantizeLinear%s (q%d, s%d", name, attributes, v->id, v->id);
    text_add(&t->body, zero ? ", z%d)\n" : ")\n", v->id);
    return name;
}

static void quantise_value(Tool *t, const Value *v, const char *from)
{
    put_parameters(t, v);
    text_add(&t->body, "  q%d = QuantizeLinear (%s, s%d, z%d)\n", v->id, from, v->id, v->id);
    t->quantised[v->id] = true;
}

static void put_qdq(Tool *t, const Node *n)
{
    const char *name[4] = {"", "", "", ""};
    const char *suffix = arena_printf(t->arena, "_%d", n->out[0]->id);
    for (int i = 0; i < n->n_in && i < 4; i++) {
        const Value *v = n->in[i];
        if (is_product(n) && i > 0)
            name[i] = dequantised(t, v, suffix, " <axis = 0>", i == 1);
        else if (t->quantised[v->id] && (i == 0 || v != n->in[0]))
            name[i] = dequantised(t, v, arena_printf(t->arena, "%s_%d", suffix, i), "", true);
        else
            name[i] = v == n->in[0] && i > 0 ? name[0] : arena_printf(t->arena, "v%d", v->id);
    }
    const char *real = arena_printf(t->arena, "r%d", n->out[0]->id);
    open_node(t, real, op_info(n->op)->name, n);
    for (int i = 0; i < n->n_in && i < 4; i++)
        text_add(&t->body, "%s%s", i ? ", " : "", name[i]);
    text_add(&t->body, ")\n");
    quantise_value(t, n->out[0], real);
}

static void put_triple(Tool *t, const Value *v)
{
    text_add(&t->body, "q%d, s%d, z%d, ", v->id, v->id, v->id);
}

/* The twin; moves keep the parameters of their operand. */
static void put_qoperator(Tool *t, const Node *n, const char *twin)
{
    Value *y = n->out[0];
    const char *name = arena_printf(t->arena, "q%d", y->id);
    bool move = strchr(twin, 'Q') == NULL;
    if (move) {
        t->lo[y->id] = t->lo[n->in[0]->id];
        t->hi[y->id] = t->hi[n->in[0]->id];
    }
    put_parameters(t, y);
    t->quantised[y->id] = true;
    open_node(t, name, twin, n);
    if (move) {
        text_add(&t->body, "q%d", n->in[0]->id);
        text_add(&t->body, n->n_in > 1 ? ", v%d)\n" : ")\n", n->n_in > 1 ? n->in[1]->id : 0);
        return;
    }
    for (int i = 0; i < n->n_in && i < 2; i++)
        put_triple(t, n->in[i]);
    const char *bias = n->op != OP_Conv && n->op != OP_Gemm ? NULL
                       : n->n_in > 2 ? arena_printf(t->arena, "q%d", n->in[2]->id)
                                     : "";
    if (n->op == OP_Gemm)
        text_add(&t->body, "%s, s%d, z%d)\n", *bias ? bias : "\"\"", y->id, y->id);
    else if (bias && *bias)
        text_add(&t->body, "s%d, z%d, %s)\n", y->id, y->id, bias);
    else
        text_add(&t->body, "s%d, z%d)\n", y->id, y->id);
}

/* A node of real numbers. */
static void put_real(Tool *t, const Node *n)
{
    for (int i = 0; i < n->n_in; i++) {
        const Value *v = n->in[i];
        if (v->constant)
            put_constant(t, v);
        else if (t->quantised[v->id] && (i == 0 || v != n->in[0]))
            text_add(&t->body, "  v%d = DequantizeLinear (q%d, s%d, z%d)\n", v->id, v->id, v->id,
                     v->id);
    }
    open_node(t, arena_printf(t->arena, "v%d", n->out[0]->id), op_info(n->op)->name, n);
    for (int i = 0; i < n->n_in; i++)
        text_add(&t->body, "%sv%d", i ? ", " : "", n->in[i]->id);
    text_add(&t->body, ")\n");
}

static void put_node(Tool *t, const Node *n)
{
    int row = find_known(t, n);
    if (row < 0) {
        put_real(t, n);
        return;
    }
    put_operands(t, n);
    bool both = n->n_in < 2 || is_product(n) || n->in[1]->constant == NULL ||
                t->quantised[n->in[1]->id] || n->op == OP_Reshape;
    if (t->qoperator && both && known[row].twin[0])
        put_qoperator(t, n, known[row].twin);
    else
        put_qdq(t, n);
}

/* The whole model as text; the output is real numbers. */
static char *network(Tool *t)
{
    Graph *g = t->g;
    const Value *x = g->inputs[0], *y = g->outputs[0];
    t->init = text_new(t->arena);
    t->body = text_new(t->arena);
    quantise_value(t, x, arena_printf(t->arena, "v%d", x->id));
    for (int i = 0; i < g->n_nodes; i++)
        put_node(t, g->nodes[i]);
    if (t->quantised[y->id])
        text_add(&t->body, "  v%d = DequantizeLinear (q%d, s%d, z%d)\n", y->id, y->id, y->id,
                 y->id);
    return arena_printf(t->arena,
                        "<ir_version: 8, opset_import: [\"\" : 13, \"com.microsoft\" : 1]>\n"
                        "net (float%s v%d) => (float%s v%d)\n<%s>\n{\n%s}\n",
                        shape_str(t->arena, &x->shape), x->id, shape_str(t->arena, &y->shape),
                        y->id, text_str(&t->init), text_str(&t->body));
}

static void print_diagnostic(void *user, Severity severity, const char *line)
{
    (void)user;
    (void)severity;
    fprintf(stderr, "%s\n", line);
}

static bool run(Arena *a, int argc, char **argv)
{
    Diag d = {.arena = a, .file = argv[1], .sink = print_diagnostic};
    Tool t = {.arena = a, .g = frontend_load_file(a, &d, argv[1], NULL)};
    if (t.g == NULL || t.g->n_inputs != 1 || t.g->n_outputs != 1)
        return false;
    t.lo = ARENA_ARRAY(a, float, t.g->n_values);
    t.hi = ARENA_ARRAY(a, float, t.g->n_values);
    t.quantised = ARENA_ARRAY(a, bool, t.g->n_values);
    t.qoperator = strcmp(argv[3], "qoperator") == 0;
    if (!calibrate(&t, argv + 4, argc - 4))
        return false;
    size_t bytes = 0;
    const unsigned char *model = onnx_text_to_binary(a, &d, network(&t), &bytes);
    return model && file_write(&d, a, argv[2], model, bytes);
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: quantise MODEL OUT.onnx qdq|qoperator PICTURE...\n");
        return 2;
    }
    Arena *a = arena_new(0);
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0) {
        fprintf(stderr, "quantise: out of memory\n");
        arena_free(a);
        return 1;
    }
    bool ok = run(a, argc, argv);
    arena_free(a);
    return ok ? 0 : 1;
}
