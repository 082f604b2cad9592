/* Models of one node from lines of text.
 *
 * Comes in: `Gather | 1 | <axis = 1> (T[2,5], int64[2]{0,4}) | note`. Goes out: a model whose
 * inputs are the operands without data; those with data are initializers; an empty operand is
 * absent; T stands for an element type. Attributes may hold graphs, so brackets are counted. */
#include "tests/support/op_line.h"

#include "frontend/frontend.h"

#include <stdlib.h>
#include <string.h>

enum { NEWEST_OPSET = 27 };

static char *trimmed(Arena *a, const char *p, size_t n)
{
    while (n > 0 && *p == ' ') {
        p++;
        n--;
    }
    while (n > 0 && p[n - 1] == ' ')
        n--;
    return arena_strndup(a, p, n);
}

/* The end of what begins at p, up to one of `stops` outside of brackets and strings. */
static const char *span(const char *p, const char *stops)
{
    int depth = 0;
    for (bool quoted = false; *p; p++) {
        quoted ^= *p == '"';
        if (!quoted && depth == 0 && strchr(stops, *p))
            break;
        bool arrow = *p == '>' && (p[-1] == '=' || p[-1] == '-');
        if (!quoted && strchr("([{<", *p))
            depth++;
        else if (!quoted && !arrow && strchr(")]}>", *p))
            depth--;
    }
    return p;
}

static bool parse_line(Arena *a, const char *text, OpLine *l)
{
    const char *end = strchr(text, '|');
    if (end == NULL)
        return false;
    l->name = trimmed(a, text, (size_t)(end - text));
    char *rest;
    l->first = (int)strtol(end + 1, &rest, 10);
    l->last = *rest == '-' ? (int)strtol(rest + 1, &rest, 10) : 0;
    rest += strspn(rest, " ");
    if (*rest != '|')
        return false;
    const char *p = rest + 1 + strspn(rest + 1, " ");
    const char *open = *p == '<' ? span(p, "(|") : p;
    l->attributes = trimmed(a, p, (size_t)(open - p));
    if (*open != '(')
        return false;
    const char *close = span(open + 1, ")");
    l->operands = trimmed(a, open + 1, (size_t)(close - open) - 1);
    p = close + (*close == ')');
    p += strspn(p, " ");
    l->n_outputs = strncmp(p, "->", 2) == 0 ? (int)strtol(p + 2, &rest, 10) : 1;
    p = strchr(p, '|');
    l->note = p ? trimmed(a, p + 1, strlen(p + 1)) : "";
    return l->n_outputs > 0;
}

bool op_lines_read(Arena *a, Diag *d, const char *path, OpLines *lines)
{
    size_t bytes = 0;
    const char *data = (const char *)file_read(a, d, path, &bytes);
    *lines = (OpLines){.line = NULL};
    if (data == NULL)
        return false;
    const char *end = data + bytes;
    for (int number = 1; data < end; number++) {
        const char *newline = memchr(data, '\n', (size_t)(end - data));
        size_t n = newline ? (size_t)(newline - data) : (size_t)(end - data);
        const char *text = arena_strndup(a, data, n);
        OpLine line = {.number = number};
        data += n + 1;
        if (text[0] == '#' || text[0] == '\0')
            continue;
        if (!parse_line(a, text, &line))
            return diag_error(d, "%s:%d: not OPERATOR | OPSETS | ATTRIBUTES (OPERANDS) | NOTE",
                              path, number);
        ARENA_PUSH(a, lines, line, n_line, cap_line, line);
    }
    return true;
}

/* `T[2,3]` -> `float[2,3]`; other types stay. */
static const char *typed(Arena *a, const char *operand, const char *type)
{
    bool any = operand[0] == 'T' && strchr("[{ ", operand[1]);
    return any || strcmp(operand, "T") == 0 ? arena_printf(a, "%s%s", type, operand + 1) : operand;
}

char *op_line_model(Arena *a, const OpLine *l, const char *type)
{
    const char *inputs = "", *constants = "", *names = "", *outputs = "";
    const char *p = l->operands;
    int last = l->last ? l->last : NEWEST_OPSET;
    bool standard = strchr(l->name, '.') == NULL;
    for (int i = 0; *p; i++) {
        const char *end = span(p, ",");
        const char *operand = typed(a, trimmed(a, p, (size_t)(end - p)), type);
        const char *data = strchr(operand, '{');
        p = end + (*end == ',');
        const char *comma = i ? ", " : "";
        names = operand[0] ? arena_printf(a, "%s%sx%d", names, comma, i)
                           : arena_printf(a, "%s%s", names, comma);
        if (data)
            constants = arena_printf(a, "%s%s%s x%d = %s", constants, constants[0] ? ", " : "",
                                     trimmed(a, operand, (size_t)(data - operand)), i, data);
        else if (operand[0])
            inputs = arena_printf(a, "%s%s%s x%d", inputs, inputs[0] ? ", " : "", operand, i);
    }
    for (int i = 0; i < l->n_outputs; i++)
        outputs = arena_printf(a, "%s%sy%d", outputs, i ? ", " : "", i);
    return arena_printf(a,
                        "<ir_version: 10, opset_import: [\"\" : %d, \"com.microsoft\" : 1]>\n"
                        "net (%s) => (%s) <%s> { %s = %s %s (%s) }\n",
                        standard ? last : NEWEST_OPSET, inputs, outputs, constants, outputs,
                        l->name, l->attributes, names);
}
