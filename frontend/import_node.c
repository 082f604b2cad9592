/* One node at a time: operands by name, the operator's own import, inference, folding.
 *
 * Folding here is for shape arithmetic (Shape -> Gather -> Concat -> Reshape): whatever is made of
 * integers, or is small, and depends on constants only becomes a constant at once, so that the
 * nodes behind it see numbers. Large float constants are left to the fold pass. */
#include "frontend/import.h"
#include "ir/interp/interp.h"

#include <limits.h>
#include <string.h>

/* Elements: of a float result; of all operands and results of a node; of all nodes together, which
 * keeps a small file from taking all memory. Steps of the interpreter for all nodes together. */
enum { FOLD_FLOATS = 1 << 16, FOLD_WORK = 1 << 24, FOLD_TOTAL = 1 << 27, FOLD_STEPS = 1 << 28 };

static ImportFn *const import_table[OP_COUNT] = {
#define OP(id, name, domain, imin, imax, omin, omax, traits, params, import, infer, interp, lower) \
    [OP_##id] = import_##import,
#include "ir/ops.def"
#undef OP
};

bool import_has_input(const Node *n, int i)
{
    return i < n->n_in && n->in[i] != NULL;
}

void import_keep_inputs(Node *n, int count)
{
    if (n->n_in > count)
        n->n_in = count;
}

/* ---- folding ---- */

/* Adds the elements of `v`, up to a bound that is beyond every limit. */
static int64_t add_work(int64_t work, const Value *v)
{
    int64_t numel = shape_numel(&v->shape);
    return numel > FOLD_TOTAL || work > FOLD_TOTAL ? (int64_t)2 * FOLD_TOTAL : work + numel;
}

/* Whether to compute the node now, and what that costs. */
static bool is_foldable(const Node *n, int64_t *cost)
{
    bool shape_only = op_has(n->op, T_SHAPE_ONLY);
    bool small = true;
    *cost = 0;
    if (n->op == OP_DequantizeLinear) /* weights stay integers: passes compute with those */
        return false;
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == NULL || shape_only)
            continue;
        if (n->in[i]->constant == NULL)
            return false;
        *cost = add_work(*cost, n->in[i]);
    }
    for (int i = 0; i < n->n_out; i++) {
        const Value *v = n->out[i];
        if (v == NULL)
            continue;
        *cost = add_work(*cost, v);
        small = small && (shape_numel(&v->shape) < FOLD_FLOATS || !dtype_is_float(v->dtype));
    }
    return small && *cost < FOLD_WORK && n->n_in > 0;
}

static bool fold(Importer *im, Node *n)
{
    Tensor **out = ARENA_ARRAY(im->arena, Tensor *, n->n_out);
    const Tensor **in = ARENA_ARRAY(im->arena, const Tensor *, n->n_in);
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == NULL)
            continue;
        Tensor *known = ARENA_NEW(im->arena, Tensor); /* of an operator that reads the shape only */
        *known = (Tensor){.dtype = n->in[i]->dtype, .shape = n->in[i]->shape};
        in[i] = n->in[i]->constant ? n->in[i]->constant : known;
    }
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i])
            out[i] = tensor_new(im->arena, n->out[i]->dtype, &n->out[i]->shape);
    InterpCall call = {.arena = im->arena,
                       .diag = im->diag,
                       .node = n,
                       .in = in,
                       .n_in = n->n_in,
                       .out = out,
                       .n_out = n->n_out};
    if (!interp_node(&call))
        return false;
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] == NULL)
            continue;
        n->out[i]->constant = out[i];
        n->out[i]->def = NULL;
    }
    n->dead = true;
    return true;
}

bool import_finish(Importer *im, Node *n)
{
    if (!op_infer(im->graph, n))
        return false;
    for (int i = 0; i < n->n_out; i++) {
        const Value *v = n->out[i];
        if (v && !import_check_size(im, node_label(im->arena, n), v->dtype, &v->shape))
            return false;
    }
    int64_t cost;
    if (!is_foldable(n, &cost) || im->fold_work > FOLD_TOTAL - cost)
        return true;
    double steps = op_work(im->graph, n);
    if (steps > FOLD_STEPS - im->fold_steps)
        return true;
    im->fold_work += cost;
    im->fold_steps += steps;
    return fold(im, n);
}

/* ---- nodes and constants of the importer's own making ---- */

Value *import_scalar(Importer *im, const char *name, DType dtype, int64_t number)
{
    static const Shape scalar;
    Tensor *t = tensor_new(im->arena, dtype, &scalar);
    tensor_set_i64(t, 0, number);
    return graph_constant(im->graph, name, t);
}

Value *import_const_i64(Importer *im, const char *name, const int64_t *data, int64_t count)
{
    Shape s = shape_make(1, &count);
    Tensor *t = tensor_new(im->arena, DT_I64, &s);
    if (count)
        memcpy(t->data, data, (size_t)count * sizeof *data);
    return graph_constant(im->graph, name, t);
}

static Value *finish_made(Importer *im, Node *n, const Params *params)
{
    n->id = im->node->id;
    if (params)
        n->params = *params;
    return import_finish(im, n) ? n->out[0] : NULL;
}

Value *import_emit(Importer *im, OpKind op, const Params *params, Value *const *in, int n_in)
{
    static const Shape scalar;
    Value *out = graph_value(im->graph, NULL, DT_NONE, &scalar);
    Node *n = graph_node_before(im->graph, im->node, op, NULL, in, n_in, &out, 1);
    return finish_made(im, n, params);
}

Value *import_append(Importer *im, OpKind op, const Params *params, Value *const *in, int n_in)
{
    static const Shape scalar;
    if (!import_count_nodes(im, im->body, 1))
        return NULL;
    Value *out = graph_value(im->graph, NULL, DT_NONE, &scalar);
    return finish_made(im, graph_node(im->graph, op, NULL, in, n_in, &out, 1), params);
}

/* ---- one node of the model ---- */

/* Operands by name; empty names are absent, also at the end of the list. */
static Value **operands(Importer *im, const Onnx__NodeProto *p, int *count)
{
    Value **in = ARENA_ARRAY(im->arena, Value *, p->n_input);
    *count = 0;
    for (size_t i = 0; i < p->n_input; i++) {
        in[i] = p->input[i][0] ? import_find(im->body, p->input[i]) : NULL;
        if (in[i] == im->absent)
            in[i] = NULL;
        if (in[i])
            *count = (int)i + 1;
    }
    return in;
}

static Value **results(Importer *im, const Onnx__NodeProto *p, int *count)
{
    static const Shape scalar;
    Value **out = ARENA_ARRAY(im->arena, Value *, p->n_output);
    *count = 0;
    for (size_t i = 0; i < p->n_output; i++) {
        if (p->output[i][0] == '\0')
            continue;
        const char *name = import_inner_name(im, im->body, p->output[i]);
        out[i] = graph_value(im->graph, name, DT_NONE, &scalar);
        import_bind(im->body, p->output[i], out[i]);
        *count = (int)i + 1;
    }
    if (proto_op(p) == OP_Split) /* an absent part takes its share, too */
        *count = (int)p->n_output;
    return out;
}

/* The most operands that ONNX allows. The table has -1 where passes append operands of fused
 * steps, which a model cannot; only these operators have any number in ONNX. */
static int most_inputs(OpKind op)
{
    const OpInfo *info = op_info(op);
    switch (op) {
    case OP_Concat:
    case OP_Einsum:
    case OP_Min:
    case OP_Max:
    case OP_Sum:
    case OP_Mean:
    case OP_QLinearConcat:
    case OP_Loop:
    case OP_Scan:
        return INT_MAX;
    case OP_Conv:
    case OP_ConvTranspose:
    case OP_Gemm:
    case OP_Clip:
        return 3;
    default:
        return info->in_max < 0 ? info->in_min : info->in_max;
    }
}

/* Checked before the import looks at the operands. */
static bool check_arity(Importer *im, const Node *n)
{
    const OpInfo *info = op_info(n->op);
    int most = most_inputs(n->op);
    if (n->n_in < info->in_min)
        return node_error(im->graph, n, "%d inputs, at least %d are needed", n->n_in, info->in_min);
    if (n->n_in > most)
        return node_error(im->graph, n, "%d inputs, at most %d are allowed", n->n_in, most);
    for (int i = 0; i < info->in_min; i++)
        if (n->in[i] == NULL)
            return node_error(im->graph, n, "input %d is missing", i);
    if (n->n_out < info->out_min)
        return node_error(im->graph, n, "the first output is missing");
    if (info->out_max >= 0 && n->n_out > info->out_max)
        return node_error(im->graph, n, "%d outputs, at most %d are allowed", n->n_out,
                          info->out_max);
    return true;
}

/* ---- attributes that refer to those of the function's call ---- */

static const Onnx__AttributeProto *attribute_named(Onnx__AttributeProto *const *list, size_t n,
                                                   const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(proto_name(list[i]->name), name) == 0)
            return list[i];
    return NULL;
}

/* What stands for `a`: the call's attribute or the function's default under a's own name; NULL when
 * there is neither, and then the node does not have it. */
static Onnx__AttributeProto *referred(Importer *im, Onnx__AttributeProto *a)
{
    const char *name = proto_name(a->ref_attr_name);
    const Onnx__FunctionProto *f = im->body->function;
    const Onnx__NodeProto *call = im->body->call;
    if (name[0] == '\0')
        return a;
    const Onnx__AttributeProto *given = attribute_named(call->attribute, call->n_attribute, name);
    if (given == NULL)
        given = attribute_named(f->attribute_proto, f->n_attribute_proto, name);
    if (given == NULL)
        return NULL;
    Onnx__AttributeProto *copy = ARENA_NEW(im->arena, Onnx__AttributeProto);
    *copy = *given;
    copy->name = a->name;
    return copy;
}

/* The node as it is in this call of the function that holds it. */
static const Onnx__NodeProto *resolve_references(Importer *im, const Onnx__NodeProto *p)
{
    bool refers = false;
    for (size_t i = 0; im->body->function && i < p->n_attribute; i++)
        refers = refers || proto_name(p->attribute[i]->ref_attr_name)[0];
    if (!refers)
        return p;
    Onnx__NodeProto *copy = ARENA_NEW(im->arena, Onnx__NodeProto);
    *copy = *p;
    copy->attribute = ARENA_ARRAY(im->arena, Onnx__AttributeProto *, p->n_attribute);
    copy->n_attribute = 0;
    for (size_t i = 0; i < p->n_attribute; i++) {
        Onnx__AttributeProto *a = referred(im, p->attribute[i]);
        if (a)
            copy->attribute[copy->n_attribute++] = a;
    }
    return copy;
}

bool import_one_node(Importer *im, size_t index)
{
    const Onnx__NodeProto *p = resolve_references(im, im->body->node[index]);
    OpKind op = proto_op(p);
    int n_in, n_out;
    if (op == OP_NONE)
        return import_call(im, p, index);
    Value **in = operands(im, p, &n_in);
    Value **out = results(im, p, &n_out);
    const char *name = proto_name(p->name);
    if (name[0])
        name = import_inner_name(im, im->body, name);
    Node *n = graph_node(im->graph, op, name[0] ? name : NULL, in, n_in, out, n_out);
    n->id = (int)index;
    im->node = n;
    im->attr_seen = ARENA_ARRAY(im->arena, bool, p->n_attribute);
    if (!check_arity(im, n) || !import_check_narrow(im, n) || !import_table[op](im, p, n) ||
        !attr_all_seen(im, p))
        return false;
    return n->dead || import_finish(im, n);
}
