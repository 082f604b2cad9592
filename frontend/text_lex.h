/* Tokens of ONNX's textual syntax. */
#ifndef CNNCC_FRONTEND_TEXT_LEX_H
#define CNNCC_FRONTEND_TEXT_LEX_H

#include "frontend/onnx.pb-c.h"
#include "ir/diag.h"

#include <stdint.h>

typedef enum TokenKind {
    TOKEN_END,
    TOKEN_NAME,   /* an identifier: `text` */
    TOKEN_STRING, /* "…": `text`, escapes resolved */
    TOKEN_INT,    /* `i` (unsigned numbers beyond INT64_MAX wrap), and `f` */
    TOKEN_FLOAT,  /* `f` */
    TOKEN_ARROW,  /* => */
    TOKEN_CHAR    /* any other character: `c` */
} TokenKind;

typedef struct Token {
    TokenKind kind;
    char c;
    const char *text;
    int64_t i;
    double f;
} Token;

/* The reader of one text; `token` is the one to be looked at. */
typedef struct TextReader {
    Arena *arena;
    Diag *diag;
    const char *p; /* behind the token */
    int line;
    int depth; /* of graphs in attributes of nodes of graphs … */
    Token token;
} TextReader;

/* All of these return false after a message with the line number. */
bool text_start(TextReader *r, Arena *a, Diag *d, const char *text);
bool text_next(TextReader *r);
bool text_error(const TextReader *r, const char *expected);
bool text_expect(TextReader *r, char c);

/* Whether the token is this character / this identifier. */
bool text_is(const TextReader *r, char c);
bool text_is_name(const TextReader *r, const char *name);
/* Steps over the character when it is there. */
bool text_accept(TextReader *r, char c, bool *there);
/* An identifier or a string. */
bool text_quotable(TextReader *r, const char **name);
bool text_int(TextReader *r, int64_t *value);

/* Appends to a message's repeated field, which has room for a power of two. */
#define TEXT_PUSH(r, array, n, item)                                                               \
    do {                                                                                           \
        if (((n) & ((n)-1)) == 0)                                                                  \
            (array) = arena_grow((r)->arena, (array), (n), (n) ? 2 * (n) : 1, sizeof *(array));    \
        (array)[(n)++] = (item);                                                                   \
    } while (0)

/* ---- the parser's parts ---- */

/* A graph, from its name to its closing brace; in one that is an attribute, types may be left out.
 */
bool text_graph(TextReader *r, Onnx__GraphProto *g);
/* A function behind its header `< … >`: its domain and operator sets are there already. */
bool text_function(TextReader *r, Onnx__FunctionProto *f);
/* The nodes of a graph or function in braces. */
bool text_nodes(TextReader *r, Onnx__NodeProto ***nodes, size_t *n);
/* Names between commas; an empty place, like "", is an absent operand. */
bool text_names(TextReader *r, char ***names, size_t *n);
/* One attribute, `name = value` or `name : type = value`. */
bool text_attribute(TextReader *r, Onnx__AttributeProto *a);
/* A list of attributes, `<` to `>`. */
bool text_attributes(TextReader *r, Onnx__NodeProto *n);
/* Whether the token begins a type. */
bool text_is_type(const TextReader *r);
/* `float`, `float[]`, `float[1,N,?]`, or a type that is no tensor. */
bool text_type(TextReader *r, Onnx__TypeProto **type);
/* The data of a tensor of this type: `{1, 2}`, `{random SEED SCALE}`, `["location" : "file"]`. */
bool text_tensor(TextReader *r, const Onnx__TypeProto *type, const char *name,
                 Onnx__TensorProto **tensor);

#endif
