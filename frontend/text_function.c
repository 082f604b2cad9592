/* Functions in ONNX's textual syntax, behind a header like the model's (`< domain: "local",
 * opset_import: ["" : 17] >`):
 *
 *     function ::= name [ "<" attribute, … ">" ] "(" names ")" "=>" "(" names ")" "{" node … "}"
 *
 * where an attribute is a name, or one with a default, `alpha : float = 0.5`. */
#include "frontend/text_lex.h"

#include <string.h>

/* The characters behind the token decide: a name alone, or one with a type and a default. */
static bool has_default(const TextReader *r)
{
    const char *p = r->p + strspn(r->p, " \t\r\n");
    return *p == ':' || *p == '=';
}

static bool attribute_list(TextReader *r, Onnx__FunctionProto *f)
{
    bool more = true;
    if (!text_expect(r, '<'))
        return false;
    while (more) {
        const char *name;
        if (has_default(r)) {
            Onnx__AttributeProto *a = ARENA_NEW(r->arena, Onnx__AttributeProto);
            if (!text_attribute(r, a))
                return false;
            TEXT_PUSH(r, f->attribute_proto, f->n_attribute_proto, a);
        } else if (text_quotable(r, &name)) {
            char *copy = arena_strdup(r->arena, name);
            TEXT_PUSH(r, f->attribute, f->n_attribute, copy);
        } else {
            return false;
        }
        if (!text_accept(r, ',', &more))
            return false;
    }
    return text_expect(r, '>');
}

static bool names_in_parentheses(TextReader *r, char ***names, size_t *n)
{
    return text_expect(r, '(') && text_names(r, names, n) && text_expect(r, ')');
}

bool text_function(TextReader *r, Onnx__FunctionProto *f)
{
    const char *name;
    if (!text_quotable(r, &name) || (text_is(r, '<') && !attribute_list(r, f)) ||
        !names_in_parentheses(r, &f->input, &f->n_input))
        return false;
    f->name = arena_strdup(r->arena, name);
    if (r->token.kind != TOKEN_ARROW)
        return text_error(r, "\"=>\"");
    return text_next(r) && names_in_parentheses(r, &f->output, &f->n_output) &&
           text_nodes(r, &f->node, &f->n_node);
}
