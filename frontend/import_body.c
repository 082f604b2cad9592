/* Bodies: the lists of nodes that one model is made of, each with names of its own.
 *
 * Comes in: the model's graph, a function's nodes, the subgraph of a branch or of one turn of a
 * loop. Goes out: their nodes in the one graph, and a name table in which the node that the body
 * stands for finds its results. A subgraph sees the names around it, a function does not.
 * Holds: bodies nest at most MAX_BODY_DEPTH deep and become at most MAX_EXPANDED nodes, whatever
 * the model asks for; names in the graph begin with the path of their body, to which each name of
 * the model adds at most about MAX_INNER_NAME bytes. */
#include "frontend/import.h"

#include <string.h>

Value *import_find(const Body *b, const char *name)
{
    Value *v = NULL;
    for (; b && v == NULL; b = b->outer)
        v = strmap_get(&b->values, name);
    return v;
}

void import_bind(Body *b, const char *name, Value *v)
{
    strmap_put(&b->values, name, v);
}

Body *import_body_new(Importer *im, const Body *outer, const char *path)
{
    Body *b = ARENA_NEW(im->arena, Body);
    *b = (Body){.outer = outer,
                .caller = im->body,
                .values = strmap_new(im->arena),
                .path = arena_printf(im->arena, "%s%s/", im->body->path, path),
                .opset = im->body->opset,
                .depth = im->body->depth + 1,
                .function = outer ? outer->function : NULL,
                .call = outer ? outer->call : NULL};
    return b;
}

const char *import_path_part(Importer *im, const Onnx__NodeProto *p)
{
    return arena_printf(im->arena, "%.*s", MAX_INNER_NAME, proto_own_name(p));
}

const char *import_inner_name(Importer *im, const Body *b, const char *name)
{
    if (b->path[0] == '\0')
        return name;
    if (strlen(name) <= MAX_INNER_NAME)
        return arena_printf(im->arena, "%s%s", b->path, name);
    return arena_printf(im->arena, "%s%.*s_%d", b->path, MAX_INNER_NAME, name, im->graph->n_values);
}

bool import_subgraph(Importer *im, Body *b, const Onnx__GraphProto *g)
{
    b->node = g->node;
    b->n_node = g->n_node;
    return import_initializers(im, b, g);
}

const char *proto_own_name(const Onnx__NodeProto *p)
{
    const char *name = proto_name(p->name);
    if (name[0] == '\0' && p->n_output)
        name = p->output[0];
    return name[0] ? name : proto_name(p->op_type);
}

const char *import_place(Importer *im, const Body *b)
{
    size_t n = strlen(b->path);
    return arena_strndup(im->arena, b->path, n ? n - 1 : 0);
}

const char *import_label(Importer *im, const Onnx__NodeProto *p, size_t index)
{
    Onnx__NodeProto placed = *p;
    placed.name = arena_printf(im->arena, "%s%s", im->body->path, proto_own_name(p));
    return proto_label(im->arena, &placed, index);
}

/* ---- names that subgraphs take from outside ----
 *
 * Found once for a node of the file, however often a loop repeats it. */

typedef struct Capture {
    Importer *im;
    StrMap seen; /* those that are in the list */
    const char **names;
    size_t n_names, cap_names;
} Capture;

/* Keeps a name unless it is in `defined`. */
static void capture_name(Capture *c, const StrMap *defined, const char *name)
{
    if (name[0] == '\0' || strmap_get(defined, name) || strmap_get(&c->seen, name))
        return;
    strmap_put(&c->seen, name, c);
    ARENA_PUSH(c->im->arena, c, names, n_names, cap_names, name);
}

/* What a node reads, itself or through its subgraphs. */
static void capture_node(Capture *c, const StrMap *defined, const Onnx__NodeProto *p)
{
    size_t n;
    for (size_t i = 0; i < p->n_input; i++)
        capture_name(c, defined, p->input[i]);
    const char **inner = import_captured(c->im, p, &n);
    for (size_t i = 0; i < n; i++)
        capture_name(c, defined, inner[i]);
}

static void capture_graph(Capture *c, const Onnx__GraphProto *g)
{
    StrMap defined = strmap_new(c->im->arena);
    for (size_t i = 0; i < g->n_input; i++)
        strmap_put(&defined, proto_name(g->input[i]->name), c);
    for (size_t i = 0; i < g->n_initializer; i++)
        strmap_put(&defined, proto_name(g->initializer[i]->name), c);
    for (size_t i = 0; i < g->n_node; i++)
        for (size_t k = 0; k < g->node[i]->n_output; k++)
            strmap_put(&defined, g->node[i]->output[k], c);
    for (size_t i = 0; i < g->n_node; i++)
        capture_node(c, &defined, g->node[i]);
    for (size_t i = 0; i < g->n_output; i++)
        capture_name(c, &defined, proto_name(g->output[i]->name));
}

const char **import_captured(Importer *im, const Onnx__NodeProto *p, size_t *n)
{
    bool graphs = false;
    *n = 0;
    for (size_t i = 0; i < p->n_attribute; i++)
        graphs = graphs || p->attribute[i]->g;
    if (!graphs)
        return NULL;
    const char *key = arena_printf(im->arena, "%p", (const void *)p);
    Capture *c = strmap_get(&im->captured, key);
    if (c == NULL) {
        c = ARENA_NEW(im->arena, Capture);
        *c = (Capture){.im = im, .seen = strmap_new(im->arena)};
        for (size_t i = 0; i < p->n_attribute; i++)
            if (p->attribute[i]->g)
                capture_graph(c, p->attribute[i]->g);
        strmap_put(&im->captured, key, c);
    }
    *n = c->n_names;
    return c->names;
}

/* ---- what the nodes that stand for bodies have in common ---- */

bool import_check_inputs(Importer *im, const Onnx__GraphProto *g)
{
    StrMap seen = strmap_new(im->arena);
    for (size_t i = 0; i < g->n_input; i++) {
        const char *name = proto_name(g->input[i]->name);
        if (name[0] == '\0')
            return node_error(im->graph, im->node, "input %zu of the body has no name", i);
        if (strmap_put(&seen, name, im))
            return node_error(im->graph, im->node, "two inputs of the body are named \"%s\"", name);
    }
    return true;
}

bool import_known(Importer *im, const Value *v, const char *what, DType t, int64_t *number)
{
    if (v->dtype != t || shape_numel(&v->shape) != 1)
        return node_error(im->graph, im->node, "%s is %s%s, it must be one %s", what,
                          dtype_name(v->dtype), shape_str(im->arena, &v->shape), dtype_name(t));
    if (v->constant == NULL)
        return node_unsupported(im->graph, im->node,
                                "%s \"%s\" is not known at compile time; when it follows from an "
                                "input, bind that with --freeze",
                                what, v->name);
    *number = tensor_get_i64(v->constant, 0);
    return true;
}

/* ---- import ---- */

bool import_count_nodes(Importer *im, const Body *b, size_t n)
{
    im->expanded_work += (int64_t)n;
    if (im->expanded_work <= MAX_EXPANDED)
        return true;
    const char *where = b->path[0] ? import_place(im, b) : node_label(im->arena, im->node);
    return diag_error(im->diag, "%s: functions, loops and branches become more than %d nodes here",
                      where, MAX_EXPANDED);
}

static bool check_limits(Importer *im, const Body *b)
{
    if (b->caller == NULL)
        return true;
    if (b->depth > MAX_BODY_DEPTH)
        return diag_error(im->diag, "%s: functions, loops and branches nest more than %d deep",
                          import_place(im, b), MAX_BODY_DEPTH);
    return import_count_nodes(im, b, b->n_node + 1);
}

static bool import_nodes(Importer *im, const Body *b)
{
    const size_t *order = import_order(im, b);
    for (size_t i = 0; order && i < b->n_node; i++)
        if (!import_one_node(im, order[i]))
            return false;
    return order != NULL;
}

bool import_body(Importer *im, Body *b)
{
    Body *body = im->body;
    Node *node = im->node;
    bool *attr_seen = im->attr_seen;
    if (!check_limits(im, b))
        return false;
    im->body = b;
    im->opset = b->opset;
    bool ok = import_nodes(im, b);
    im->body = body;
    im->opset = body->opset;
    im->node = node;
    im->attr_seen = attr_seen;
    return ok;
}

void import_result(Importer *im, const Onnx__NodeProto *p, size_t i, Value *v, int first)
{
    if (i >= p->n_output || p->output[i][0] == '\0')
        return;
    Value *holder = strmap_get(&im->body->values, p->output[i]); /* made for a node of the table */
    if (holder == NULL) {
        const char *name = import_inner_name(im, im->body, p->output[i]);
        holder = graph_value(im->graph, name, v->dtype, &v->shape);
    }
    if (v->id >= first) {
        const char *name = v->name;
        v->name = holder->name;
        holder->name = name;
    }
    import_bind(im->body, p->output[i], v);
}
