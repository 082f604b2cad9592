/* The lexer: names, strings, numbers, `=>`, single characters. `#` starts a comment that ends with
 * the line. A sign belongs to the number, or to the words inf and nan, that follow it. */
#include "frontend/text_lex.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const char *shown(const TextReader *r)
{
    const Token *t = &r->token;
    switch (t->kind) {
    case TOKEN_END:
        return "the end of the text";
    case TOKEN_ARROW:
        return "\"=>\"";
    case TOKEN_CHAR:
        return arena_printf(r->arena, "'%c'", t->c);
    case TOKEN_INT:
    case TOKEN_FLOAT:
        return arena_printf(r->arena, "%g", t->f);
    case TOKEN_NAME:
    case TOKEN_STRING:
    default:
        return arena_printf(r->arena, "\"%.40s\"", t->text);
    }
}

bool text_error(const TextReader *r, const char *expected)
{
    return diag_error(r->diag, "line %d: expected %s, found %s", r->line, expected, shown(r));
}

static void skip_blanks(TextReader *r)
{
    for (;; r->p++) {
        if (*r->p == '#')
            r->p += strcspn(r->p, "\n");
        if (*r->p == '\n')
            r->line++;
        else if (*r->p == '\0' || strchr(" \t\r\f\v", *r->p) == NULL)
            return;
    }
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c + 'a' - 'A' : c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* One character of a string, `*p` behind it; \n, \t, \xNN, or the character itself. */
static char unescape(const char **p)
{
    char c = *(*p)++;
    if (c != '\\' || **p == '\0')
        return c;
    c = *(*p)++;
    if (c == 'x' && hex_digit((*p)[0]) >= 0 && hex_digit((*p)[1]) >= 0) {
        c = (char)(16 * hex_digit((*p)[0]) + hex_digit((*p)[1]));
        *p += 2;
        return c;
    }
    return (char)(c == 'n' ? '\n' : c == 't' ? '\t' : c);
}

static bool lex_string(TextReader *r)
{
    const char *p = r->p + 1;
    char *out = arena_alloc(r->arena, 1 + strcspn(p, "\n"));
    size_t n = 0;
    while (*p != '"') {
        if (*p == '\0' || *p == '\n')
            return diag_error(r->diag, "line %d: a string does not end", r->line);
        out[n++] = unescape(&p);
    }
    r->p = p + 1;
    r->token = (Token){.kind = TOKEN_STRING, .text = out};
    return true;
}

/* -inf, +nan and their kin. */
static bool lex_signed_word(TextReader *r)
{
    double sign = *r->p == '-' ? -1 : 1;
    bool inf = strncmp(r->p + 1, "inf", 3) == 0;
    r->token = (Token){.kind = TOKEN_FLOAT, .f = sign * (inf ? (double)INFINITY : (double)NAN)};
    r->p += 4;
    return true;
}

static bool lex_number(TextReader *r)
{
    char *int_end, *float_end;
    errno = 0;
    long long i = strtoll(r->p, &int_end, 10);
    if (errno == ERANGE && *r->p != '-') {
        errno = 0;
        i = (long long)strtoull(r->p, &int_end, 10);
    }
    bool out_of_range = errno == ERANGE;
    double f = strtod(r->p, &float_end);
    r->token = (Token){.kind = TOKEN_INT, .i = (int64_t)i, .f = f};
    if (float_end > int_end)
        r->token.kind = TOKEN_FLOAT;
    else if (out_of_range)
        return diag_error(r->diag, "line %d: a number is out of range", r->line);
    r->p = float_end;
    return true;
}

static void lex_name(TextReader *r)
{
    const char *p = r->p;
    while (is_letter(*p) || is_digit(*p))
        p++;
    r->token =
        (Token){.kind = TOKEN_NAME, .text = arena_strndup(r->arena, r->p, (size_t)(p - r->p))};
    r->p = p;
}

bool text_next(TextReader *r)
{
    skip_blanks(r);
    const char *p = r->p;
    bool sign = *p == '-' || *p == '+';
    if (*p == '\0') {
        r->token = (Token){.kind = TOKEN_END};
        return true;
    }
    if (*p == '"')
        return lex_string(r);
    if (sign && (strncmp(p + 1, "inf", 3) == 0 || strncmp(p + 1, "nan", 3) == 0))
        return lex_signed_word(r);
    if (is_digit(*p) || (sign && is_digit(p[1])))
        return lex_number(r);
    if (is_letter(*p)) {
        lex_name(r);
        return true;
    }
    bool arrow = p[0] == '=' && p[1] == '>';
    r->token = (Token){.kind = arrow ? TOKEN_ARROW : TOKEN_CHAR, .c = *p};
    r->p += arrow ? 2 : 1;
    return true;
}

bool text_start(TextReader *r, Arena *a, Diag *d, const char *text)
{
    *r = (TextReader){.arena = a, .diag = d, .p = text, .line = 1};
    return text_next(r);
}

bool text_is(const TextReader *r, char c)
{
    return r->token.kind == TOKEN_CHAR && r->token.c == c;
}

bool text_is_name(const TextReader *r, const char *name)
{
    return r->token.kind == TOKEN_NAME && strcmp(r->token.text, name) == 0;
}

bool text_expect(TextReader *r, char c)
{
    if (!text_is(r, c))
        return text_error(r, arena_printf(r->arena, "'%c'", c));
    return text_next(r);
}

bool text_accept(TextReader *r, char c, bool *there)
{
    *there = text_is(r, c);
    return !*there || text_next(r);
}

bool text_quotable(TextReader *r, const char **name)
{
    if (r->token.kind != TOKEN_NAME && r->token.kind != TOKEN_STRING)
        return text_error(r, "a name");
    *name = r->token.text;
    return text_next(r);
}

bool text_int(TextReader *r, int64_t *value)
{
    if (r->token.kind != TOKEN_INT)
        return text_error(r, "an integer");
    *value = r->token.i;
    return text_next(r);
}
