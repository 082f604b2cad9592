/* ONNX's textual syntax -> ModelProto. The grammar is that of ONNX's own documentation:
 *
 *     model ::= [ "<" key ":" value, … ">" ] graph
 *     graph ::= name "(" inputs ")" "=>" "(" outputs ")" [ "<" values ">" ] "{" node … "}"
 *     node  ::= [ "[" label "]" ] names "=" op [ attributes ] "(" names ")" [ attributes ]
 *
 * where an input or value is `type name [= data]` (an output may leave its type out); functions
 * (text_function.c) follow the graph. One thing is our own: data may be `{random SEED SCALE}`, so
 * that a test's network fits on a screen. */
#include "frontend/model.h"
#include "frontend/text_lex.h"

#include <string.h>

/* ---- names ---- */

bool text_names(TextReader *r, char ***names, size_t *n)
{
    bool more = true;
    if (text_is(r, ')') || text_is(r, '='))
        return true;
    while (more) {
        const char *name = "";
        bool absent = text_is(r, ',') || text_is(r, ')');
        if (!absent && !text_quotable(r, &name))
            return false;
        char *copy = arena_strdup(r->arena, name);
        TEXT_PUSH(r, *names, *n, copy);
        if (!text_accept(r, ',', &more))
            return false;
    }
    return true;
}

/* `Conv`, `com.microsoft.FusedConv`: all but the last part is the domain. */
static bool operator_name(TextReader *r, Onnx__NodeProto *n)
{
    const char *part, *domain = "";
    bool more = true;
    while (more) {
        if (!text_quotable(r, &part) || !text_accept(r, '.', &more))
            return false;
        if (more)
            domain = arena_printf(r->arena, "%s%s%s", domain, domain[0] ? "." : "", part);
    }
    n->op_type = arena_strdup(r->arena, part);
    n->domain = arena_strdup(r->arena, domain);
    return true;
}

/* ---- nodes ---- */

static bool node_label_part(TextReader *r, Onnx__NodeProto *n)
{
    bool labelled;
    const char *label;
    if (!text_accept(r, '[', &labelled))
        return false;
    if (!labelled)
        return true;
    if (!text_quotable(r, &label))
        return false;
    n->name = arena_strdup(r->arena, label);
    return text_expect(r, ']');
}

static bool node(TextReader *r, Onnx__NodeProto *n)
{
    if (!node_label_part(r, n) || !text_names(r, &n->output, &n->n_output) ||
        !text_expect(r, '=') || !operator_name(r, n))
        return false;
    if (text_is(r, '<') && !text_attributes(r, n))
        return false;
    if (!text_expect(r, '(') || !text_names(r, &n->input, &n->n_input) || !text_expect(r, ')'))
        return false;
    return !text_is(r, '<') || text_attributes(r, n);
}

bool text_nodes(TextReader *r, Onnx__NodeProto ***nodes, size_t *count)
{
    if (!text_expect(r, '{'))
        return false;
    while (!text_is(r, '}')) {
        Onnx__NodeProto *n = ARENA_NEW(r->arena, Onnx__NodeProto);
        onnx__node_proto__init(n);
        if (r->token.kind == TOKEN_END)
            return text_error(r, "'}'");
        if (!node(r, n))
            return false;
        TEXT_PUSH(r, *nodes, *count, n);
    }
    return text_next(r);
}

/* ---- values ---- */

/* Which lists of the graph a `type name [= data]` goes to. */
typedef enum ValueRole { ROLE_INPUT, ROLE_OUTPUT, ROLE_VALUE } ValueRole;

static void keep_value(TextReader *r, Onnx__GraphProto *g, ValueRole role, Onnx__ValueInfoProto *v)
{
    switch (role) {
    case ROLE_INPUT:
        TEXT_PUSH(r, g->input, g->n_input, v);
        break;
    case ROLE_OUTPUT:
        TEXT_PUSH(r, g->output, g->n_output, v);
        break;
    case ROLE_VALUE:
    default:
        TEXT_PUSH(r, g->value_info, g->n_value_info, v);
        break;
    }
}

static bool value(TextReader *r, Onnx__GraphProto *g, ValueRole role)
{
    const char *name;
    bool data;
    Onnx__ValueInfoProto *v = ARENA_NEW(r->arena, Onnx__ValueInfoProto);
    onnx__value_info_proto__init(v);
    bool typed = (r->depth == 0 && role != ROLE_OUTPUT) || text_is_type(r);
    if (typed && !text_type(r, &v->type))
        return false;
    if (!text_quotable(r, &name) || !text_accept(r, '=', &data))
        return false;
    v->name = arena_strdup(r->arena, name);
    if (data && v->type == NULL)
        return text_error(r, "a type in front of the name");
    if (data) {
        Onnx__TensorProto *t;
        if (!text_tensor(r, v->type, name, &t))
            return false;
        TEXT_PUSH(r, g->initializer, g->n_initializer, t);
    }
    if (!data || role != ROLE_VALUE)
        keep_value(r, g, role, v);
    return true;
}

static bool value_list(TextReader *r, Onnx__GraphProto *g, ValueRole role, char open, char close)
{
    bool more = true;
    if (!text_expect(r, open))
        return false;
    if (text_is(r, close))
        return text_next(r);
    while (more)
        if (!value(r, g, role) || !text_accept(r, ',', &more))
            return false;
    return text_expect(r, close);
}

/* ---- the model ---- */

bool text_graph(TextReader *r, Onnx__GraphProto *g)
{
    const char *name;
    if (!text_quotable(r, &name) || !value_list(r, g, ROLE_INPUT, '(', ')'))
        return false;
    g->name = arena_strdup(r->arena, name);
    if (r->token.kind != TOKEN_ARROW)
        return text_error(r, "\"=>\"");
    if (!text_next(r) || !value_list(r, g, ROLE_OUTPUT, '(', ')'))
        return false;
    if (text_is(r, '<') && !value_list(r, g, ROLE_VALUE, '<', '>'))
        return false;
    return text_nodes(r, &g->node, &g->n_node);
}

/* [ "" : 17, "com.microsoft" : 1 ] */
static bool opset_imports(TextReader *r, Onnx__OperatorSetIdProto ***list, size_t *n)
{
    bool more = true;
    if (!text_expect(r, '['))
        return false;
    while (more) {
        const char *domain;
        Onnx__OperatorSetIdProto *o = ARENA_NEW(r->arena, Onnx__OperatorSetIdProto);
        onnx__operator_set_id_proto__init(o);
        o->has_version = 1;
        if (!text_quotable(r, &domain) || !text_expect(r, ':') || !text_int(r, &o->version) ||
            !text_accept(r, ',', &more))
            return false;
        o->domain = arena_strdup(r->arena, domain);
        TEXT_PUSH(r, *list, *n, o);
    }
    return text_expect(r, ']');
}

/* Values that cnncc does not keep: a string, a number, or a list in brackets. */
static bool skip_value(TextReader *r)
{
    if (!text_is(r, '['))
        return text_next(r);
    while (!text_is(r, ']') && r->token.kind != TOKEN_END)
        if (!text_next(r))
            return false;
    return text_expect(r, ']');
}

static bool model_entry(TextReader *r, Onnx__ModelProto *m, const char *key)
{
    const char *text;
    m->has_ir_version |= strcmp(key, "ir_version") == 0;
    if (strcmp(key, "ir_version") == 0)
        return text_int(r, &m->ir_version);
    if (strcmp(key, "opset_import") == 0)
        return opset_imports(r, &m->opset_import, &m->n_opset_import);
    char **field = strcmp(key, "producer_name") == 0      ? &m->producer_name
                   : strcmp(key, "producer_version") == 0 ? &m->producer_version
                                                          : NULL;
    if (field == NULL)
        return skip_value(r);
    if (!text_quotable(r, &text))
        return false;
    *field = arena_strdup(r->arena, text);
    return true;
}

static bool function_entry(TextReader *r, Onnx__FunctionProto *f, const char *key)
{
    const char *text;
    if (strcmp(key, "opset_import") == 0)
        return opset_imports(r, &f->opset_import, &f->n_opset_import);
    if (strcmp(key, "domain") != 0 && strcmp(key, "overload") != 0)
        return skip_value(r);
    if (!text_quotable(r, &text))
        return false;
    *(key[0] == 'd' ? &f->domain : &f->overload) = arena_strdup(r->arena, text);
    return true;
}

/* `< key : value, … >` of the model, or of a function when `m` is NULL. */
static bool header(TextReader *r, Onnx__ModelProto *m, Onnx__FunctionProto *f)
{
    bool more = true;
    if (!text_expect(r, '<'))
        return false;
    while (more) {
        const char *key;
        if (!text_quotable(r, &key) || !text_expect(r, ':') ||
            !(m ? model_entry(r, m, key) : function_entry(r, f, key)) ||
            !text_accept(r, ',', &more))
            return false;
    }
    return text_expect(r, '>');
}

Onnx__ModelProto *model_from_text(Arena *a, Diag *d, const char *text)
{
    TextReader r;
    Onnx__ModelProto *m = ARENA_NEW(a, Onnx__ModelProto);
    onnx__model_proto__init(m);
    m->graph = ARENA_NEW(a, Onnx__GraphProto);
    onnx__graph_proto__init(m->graph);
    if (!text_start(&r, a, d, text) || (text_is(&r, '<') && !header(&r, m, NULL)) ||
        !text_graph(&r, m->graph))
        return NULL;
    while (r.token.kind != TOKEN_END) {
        Onnx__FunctionProto *f = ARENA_NEW(a, Onnx__FunctionProto);
        onnx__function_proto__init(f);
        if (!header(&r, NULL, f) || !text_function(&r, f))
            return NULL;
        TEXT_PUSH(&r, m->functions, m->n_functions, f);
    }
    return m;
}
