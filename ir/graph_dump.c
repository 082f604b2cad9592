/* The graph as text, in ONNX's textual syntax (docs/GRAPH_IR.md is the specification).
 *
 * In: a graph at any pass boundary. Out: a string that depends on the graph alone: the same graph
 * gives the same bytes. Before the fuse pass it is ONNX's syntax and reads back (the data of large
 * constants is elided); fused steps stand behind their node as `|> Relu`, and what the passes
 * decided (layout, place, plan) stands in comments at the end of the line. */
#include "ir/ops.h"
#include "ir/text.h"

#include <ctype.h>
#include <string.h>

enum { MAX_PRINTED_ELEMENTS = 16 };

static bool is_identifier(const char *s)
{
    if (!isalpha((unsigned char)s[0]) && s[0] != '_')
        return false;
    for (; *s; s++)
        if (!isalnum((unsigned char)*s) && *s != '_')
            return false;
    return true;
}

/* A name as it is when it is an identifier, otherwise quoted with \" \\ and \xNN. */
static void put_name(Text *t, const char *name)
{
    if (is_identifier(name)) {
        text_add(t, "%s", name);
        return;
    }
    text_add(t, "\"");
    for (; *name; name++) {
        unsigned char c = (unsigned char)*name;
        if (c == '"' || c == '\\')
            text_add(t, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            text_add(t, "\\x%02x", c);
        else
            text_bytes(t, name, 1);
    }
    text_add(t, "\"");
}

/* "float[1,3,8,8]"; a scalar is "float", as ONNX has it. */
static void put_type(Text *t, const Value *v)
{
    text_add(t, "%s", dtype_name(v->dtype));
    if (v->shape.rank == 0)
        return;
    text_add(t, "[");
    for (int i = 0; i < v->shape.rank; i++)
        text_add(t, "%s%lld", i ? "," : "", (long long)v->shape.dim[i]);
    text_add(t, "]");
}

static void put_typed_list(Text *t, Value *const *values, int n)
{
    text_add(t, "(");
    for (int i = 0; i < n; i++) {
        text_add(t, i ? ", " : "");
        put_type(t, values[i]);
        text_add(t, " ");
        put_name(t, values[i]->name);
    }
    text_add(t, ")");
}

static void put_constant(Text *t, const Value *v)
{
    int64_t n = shape_numel(&v->constant->shape);
    put_type(t, v);
    text_add(t, " ");
    put_name(t, v->name);
    if (n > MAX_PRINTED_ELEMENTS) {
        text_add(t, " = {...}");
        return;
    }
    text_add(t, " = {");
    for (int64_t i = 0; i < n; i++) {
        text_add(t, i ? ", " : "");
        if (dtype_is_float(v->dtype))
            text_number(t, tensor_get_f64(v->constant, i));
        else
            text_add(t, "%lld", (long long)tensor_get_i64(v->constant, i));
    }
    text_add(t, "}");
}

static void put_constants(Text *t, const Graph *g)
{
    bool any = false;
    for (int i = 0; i < g->n_values; i++) {
        const Value *v = g->values[i];
        if (v->constant == NULL || (v->n_users == 0 && !v->is_output))
            continue;
        text_add(t, any ? ",\n  " : "<\n  ");
        put_constant(t, v);
        any = true;
    }
    if (any)
        text_add(t, "\n>\n");
}

/* Names with "" for what is absent; absent ones at the end are left out. */
static void put_names(Text *t, Value *const *values, int n)
{
    while (n > 0 && values[n - 1] == NULL)
        n--;
    for (int i = 0; i < n; i++) {
        text_add(t, i ? ", " : "");
        if (values[i])
            put_name(t, values[i]->name);
        else
            text_add(t, "\"\"");
    }
}

/* " |> Add (r) |> Clip <min = 0.0, max = 6.0>"; the result of the node is the first operand, or
 * `_` where it is the second. */
static void put_epilogue(Text *t, const Node *n)
{
    for (int i = 0; i < n->n_epilogue; i++) {
        const EpilogueStep *s = &n->epilogue[i];
        const char *attributes = epilogue_attributes(t->arena, s);
        text_add(t, " |> %s", op_info(s->op)->name);
        if (attributes[0])
            text_add(t, " <%s>", attributes);
        if (s->operand < 0)
            continue;
        text_add(t, " (");
        put_name(t, n->in[s->operand]->name);
        text_add(t, s->swapped ? ", _)" : ")");
    }
}

static void put_place(Text *t, const Place *p)
{
    static const char *const kinds[] = {"", "input", "output", "arena", "weights"};
    if (p->kind == PLACE_NONE)
        return;
    text_add(t, " @%s", kinds[p->kind]);
    if (p->kind == PLACE_INPUT || p->kind == PLACE_OUTPUT)
        text_add(t, "%d", p->index);
    if (p->kind == PLACE_ARENA || (p->kind != PLACE_WEIGHTS && p->offset))
        text_add(t, "+%lld", (long long)p->offset);
}

static void put_plan(Text *t, const Node *n)
{
    const Plan *p = &n->plan;
    if (p->algo != ALGO_DEFAULT)
        text_add(t, "; %s", algo_name(p->algo));
    if (p->tile_m)
        text_add(t, " %dx%dx%d", p->tile_m, p->tile_n, p->lanes);
    if (p->packed_weight)
        text_add(t, " packed %lld", (long long)shape_numel(&p->packed_weight->shape));
    if (p->scratch_bytes)
        text_add(t, " scratch %lld@%lld", (long long)p->scratch_bytes,
                 (long long)p->scratch_offset);
}

static void put_node(Text *t, const Node *n)
{
    const OpInfo *info = op_info(n->op);
    const char *attributes = op_attributes(t->arena, n);
    text_add(t, "  [");
    put_name(t, n->name);
    text_add(t, "] ");
    put_names(t, n->out, n->n_out);
    text_add(t, " = %s%s%s", info->domain, info->domain[0] ? "." : "", info->name);
    if (attributes[0])
        text_add(t, " <%s>", attributes);
    text_add(t, " (");
    put_names(t, n->in, node_own_inputs(n));
    text_add(t, ")");
    put_epilogue(t, n);
    text_add(t, "  #");
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] == NULL)
            continue;
        text_add(t, " ");
        put_type(t, n->out[i]);
        if (n->out[i]->layout.block > 1)
            text_add(t, " c%d", n->out[i]->layout.block);
        put_place(t, &n->out[i]->place);
    }
    put_plan(t, n);
    text_add(t, "\n");
}

const char *algo_name(Algo a)
{
    static const char *const names[] = {"default", "view",     "direct", "depthwise",
                                        "im2col",  "winograd", "gemm",   "scalar"};
    return names[a];
}

char *graph_dump(const Graph *g)
{
    Text t = text_new(g->arena);
    text_add(&t, "<\n  ir_version: %lld,\n  opset_import: [ \"\" : %lld ]\n>\n",
             (long long)g->ir_version, (long long)g->opset);
    put_name(&t, g->name && g->name[0] ? g->name : "graph");
    text_add(&t, " ");
    put_typed_list(&t, g->inputs, g->n_inputs);
    text_add(&t, " => ");
    put_typed_list(&t, g->outputs, g->n_outputs);
    text_add(&t, "\n");
    put_constants(&t, g);
    text_add(&t, "{\n");
    for (int i = 0; i < g->n_nodes; i++)
        if (!g->nodes[i]->dead)
            put_node(&t, g->nodes[i]);
    text_add(&t, "}\n");
    if (g->arena_bytes)
        text_add(&t, "# arena: %lld bytes, at least %lld\n", (long long)g->arena_bytes,
                 (long long)g->arena_floor);
    return text_str(&t);
}
