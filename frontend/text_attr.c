/* Attributes of ONNX's textual syntax: `<name = value, name : type = value>`. A list is of ints
 * when all its numbers are, of floats when one of them is not. */
#include "frontend/text_lex.h"

#include "ir/tensor.h"

#include <math.h>
#include <string.h>

enum {
    FLOAT = 1,
    INT = 2,
    STRING = 3,
    TENSOR = 4,
    GRAPH = 5,
    FLOATS = 6,
    INTS = 7,
    STRINGS = 8,
    TENSORS = 9,
    MAX_DEPTH = 16
};

static const struct {
    const char *name;
    int type;
} type_words[] = {
    {"float", FLOAT},     {"int", INT},         {"string", STRING},
    {"tensor", TENSOR},   {"floats", FLOATS},   {"ints", INTS},
    {"strings", STRINGS}, {"tensors", TENSORS}, {"graph", GRAPH},
};

static bool is_number(const TextReader *r, double *f)
{
    *f = r->token.f;
    if (text_is_name(r, "inf"))
        *f = (double)INFINITY;
    else if (text_is_name(r, "nan"))
        *f = (double)NAN;
    else
        return r->token.kind == TOKEN_INT || r->token.kind == TOKEN_FLOAT;
    return true;
}

static ProtobufCBinaryData string_data(TextReader *r)
{
    size_t n = strlen(r->token.text);
    return (ProtobufCBinaryData){.len = n,
                                 .data = (uint8_t *)arena_strndup(r->arena, r->token.text, n)};
}

static bool list_item(TextReader *r, Onnx__AttributeProto *a)
{
    double f;
    if (r->token.kind == TOKEN_STRING) {
        TEXT_PUSH(r, a->strings, a->n_strings, string_data(r));
        return text_next(r);
    }
    if (!is_number(r, &f))
        return text_error(r, "a number or a string");
    if (r->token.kind == TOKEN_INT)
        TEXT_PUSH(r, a->ints, a->n_ints, r->token.i);
    TEXT_PUSH(r, a->floats, a->n_floats, (float)f);
    return text_next(r);
}

/* Keeps one of the lists that were gathered. */
static bool list(TextReader *r, Onnx__AttributeProto *a)
{
    bool more = true, closed;
    if (!text_expect(r, '[') || !text_accept(r, ']', &closed))
        return false;
    while (!closed && more)
        if (!list_item(r, a) || !text_accept(r, ',', &more))
            return false;
    if (a->n_strings && a->n_floats)
        return diag_error(r->diag, "line %d: a list of strings and numbers", r->line);
    int found = a->n_strings ? STRINGS : a->n_ints == a->n_floats ? INTS : FLOATS;
    if (!a->has_type)
        a->type = found;
    a->n_ints = a->type == INTS ? a->n_ints : 0;
    a->n_floats = a->type == FLOATS ? a->n_floats : 0;
    return closed || text_expect(r, ']');
}

/* `float[2] {1, 2}`, `float[2] name = {1, 2}` */
static bool tensor(TextReader *r, Onnx__AttributeProto *a)
{
    Onnx__TypeProto *type;
    const char *name = "";
    bool equals;
    a->type = TENSOR;
    if (!text_type(r, &type))
        return false;
    if ((r->token.kind == TOKEN_NAME || r->token.kind == TOKEN_STRING) && !text_quotable(r, &name))
        return false;
    return text_accept(r, '=', &equals) && text_tensor(r, type, name, &a->t);
}

/* `g (x) => (y) { … }` */
static bool subgraph(TextReader *r, Onnx__AttributeProto *a)
{
    a->type = GRAPH;
    a->g = ARENA_NEW(r->arena, Onnx__GraphProto);
    onnx__graph_proto__init(a->g);
    if (r->depth == MAX_DEPTH)
        return diag_error(r->diag, "line %d: graphs nest more than %d deep", r->line, MAX_DEPTH);
    r->depth++;
    bool ok = text_graph(r, a->g);
    r->depth--;
    return ok;
}

/* `@name`; the type must be stated in front. */
static bool reference(TextReader *r, Onnx__AttributeProto *a)
{
    const char *name;
    if (!text_expect(r, '@') || !text_quotable(r, &name))
        return false;
    a->ref_attr_name = arena_strdup(r->arena, name);
    return true;
}

static bool scalar(TextReader *r, Onnx__AttributeProto *a)
{
    double f;
    if (r->token.kind == TOKEN_STRING) {
        a->type = STRING;
        a->has_s = 1;
        a->s = string_data(r);
        return text_next(r);
    }
    if (text_is(r, '@'))
        return reference(r, a);
    if (!is_number(r, &f))
        return r->token.kind != TOKEN_NAME || text_is_type(r) ? tensor(r, a) : subgraph(r, a);
    bool is_int = r->token.kind == TOKEN_INT && !(a->has_type && a->type == FLOAT);
    a->type = is_int ? INT : FLOAT;
    a->has_i = is_int;
    a->has_f = !is_int;
    a->i = r->token.i;
    a->f = (float)f;
    return text_next(r);
}

static bool stated_type(TextReader *r, Onnx__AttributeProto *a)
{
    for (size_t i = 0; i < sizeof type_words / sizeof type_words[0]; i++) {
        if (text_is_name(r, type_words[i].name)) {
            a->has_type = 1;
            a->type = type_words[i].type;
            return text_next(r);
        }
    }
    return text_error(r, "an attribute type");
}

bool text_attribute(TextReader *r, Onnx__AttributeProto *a)
{
    const char *name;
    bool typed;
    onnx__attribute_proto__init(a);
    if (!text_quotable(r, &name) || !text_accept(r, ':', &typed) || (typed && !stated_type(r, a)) ||
        !text_expect(r, '='))
        return false;
    a->name = arena_strdup(r->arena, name);
    if (!(text_is(r, '[') ? list(r, a) : scalar(r, a)))
        return false;
    a->has_type = 1;
    return true;
}

bool text_attributes(TextReader *r, Onnx__NodeProto *n)
{
    bool more = true;
    if (!text_expect(r, '<'))
        return false;
    while (more) {
        Onnx__AttributeProto *a = ARENA_NEW(r->arena, Onnx__AttributeProto);
        if (!text_attribute(r, a) || !text_accept(r, ',', &more))
            return false;
        TEXT_PUSH(r, n->attribute, n->n_attribute, a);
    }
    return text_expect(r, '>');
}
