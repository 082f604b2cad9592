/* Wrapped lines, comments and literals of the emitted C.
 *
 * Everything that comes from a model passes comment_text, string_literal or c_identifier before
 * it reaches the text: it can name things, and never become code. Numbers are written without
 * the C library's idea of a decimal point, so the bytes do not depend on the locale. */
#include "codegen/emit.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 100 };

void text_puts(Text *t, const char *s)
{
    text_bytes(t, s, strlen(s));
}

/* ---- wrapped lines ---- */

/* Whether a line may be broken behind s[i], a blank: it follows a comma or a binary operator. */
static bool can_break(const char *s, size_t i)
{
    if (i < 2)
        return false;
    bool two = s[i - 2] != ' ' && strchr("=<>&|", s[i - 2]); /* && <= */
    return s[i - 1] == ',' || (strchr("+-*/&|^?:<>", s[i - 1]) && (s[i - 2] == ' ' || two));
}

/* Brackets that are open at a place of a line, and the columns behind them. */
typedef struct Brackets {
    int depth;
    size_t column[32];
} Brackets;

static void step(Brackets *b, char c, size_t column)
{
    if (strchr("([{", c)) {
        if (b->depth < 32)
            b->column[b->depth] = column + 1;
        b->depth++;
    } else if (strchr(")]}", c) && b->depth > 0) {
        b->depth--;
    }
}

/* Where to break a line that may fill `room` columns: at the least nesting, at commas rather than
 * at operators, that still leaves the line half full; the last such place; behind an '=' if
 * nowhere else. 0: nowhere. */
static size_t break_at(const char *s, size_t n, size_t room, Brackets open)
{
    size_t best = 0, equals = 0;
    int best_rank = 0;
    for (size_t i = 0; i < n && i <= room; i++) {
        step(&open, s[i], 0);
        int rank = 2 * open.depth + (i && s[i - 1] != ',');
        if (s[i] == ' ' && i && s[i - 1] == '=' && open.depth == 0)
            equals = i;
        else if (s[i] == ' ' && can_break(s, i) && (best < room / 2 || rank <= best_rank)) {
            best = i;
            best_rank = rank;
        }
    }
    return best ? best : equals;
}

/* The margin of a line that continues inside `open`: below what follows the innermost bracket, as
 * clang-format has it, unless that is too far right. */
static size_t continuation(const Brackets *open, size_t indent)
{
    if (open->depth == 0 || open->depth > 32 || open->column[open->depth - 1] > COLUMNS * 6 / 10)
        return indent + 4;
    return open->column[open->depth - 1];
}

void text_line(Text *t, int indent, const char *line)
{
    size_t n = strlen(line), margin = (size_t)indent;
    Brackets open = {0};
    for (;;) {
        text_add(t, "%*s", (int)margin, "");
        size_t cut = margin + n > COLUMNS ? break_at(line, n, COLUMNS - margin, open) : 0;
        text_bytes(t, line, cut ? cut : n);
        text_puts(t, "\n");
        if (cut == 0)
            return;
        for (size_t i = 0; i < cut; i++)
            step(&open, line[i], margin + i);
        line += cut + 1;
        n -= cut + 1;
        margin = continuation(&open, (size_t)indent);
    }
}

char *comment_text(Arena *a, const char *s, size_t max)
{
    Text t = text_new(a);
    char last = 0;
    for (; *s && t.n < max; s++) {
        char c = *s;
        if ((unsigned char)c < ' ' || (unsigned char)c > '~' || c == '\\')
            c = '_';
        if ((last == '*' && c == '/') || (last == '/' && c == '*') || (last == '?' && c == '?'))
            text_bytes(&t, " ", 1);
        text_bytes(&t, &c, 1);
        last = c;
    }
    if (*s)
        text_puts(&t, "...");
    return text_str(&t);
}

void text_comment(Text *t, int indent, const char *s)
{
    const char *words = comment_text(t->arena, s, 4000);
    size_t n = strlen(words), room = COLUMNS - (size_t)indent - 6;
    text_add(t, "%*s/* ", indent, "");
    while (n > room) {
        size_t cut = room;
        while (cut > room / 2 && words[cut] != ' ')
            cut--;
        if (words[cut] != ' ')
            cut = room;
        text_bytes(t, words, cut);
        text_add(t, "\n%*s * ", indent, "");
        cut += words[cut] == ' ';
        words += cut;
        n -= cut;
    }
    text_puts(t, words);
    text_puts(t, words[0] && words[strlen(words) - 1] == '*' ? "  */\n" : " */\n");
}

char *string_literal(Arena *a, const char *s)
{
    Text t = text_new(a);
    text_puts(&t, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\' || *s == '?')
            text_add(&t, "\\%c", *s);
        else if ((unsigned char)*s < ' ' || (unsigned char)*s > '~')
            text_add(&t, "\\%03o", (unsigned char)*s);
        else
            text_bytes(&t, s, 1);
    }
    text_puts(&t, "\"");
    return text_str(&t);
}

/* ---- numbers ---- */

/* Replaces the locale's decimal point, and makes an integer look like a float: 2 -> 2.0. */
static char *decimal(Arena *a, const char *s, const char *suffix)
{
    Text t = text_new(a);
    bool point = false;
    for (; *s; s++) {
        if (isdigit((unsigned char)*s) || *s == '-' || *s == '+' || *s == 'e') {
            point = point || *s == 'e';
            text_bytes(&t, s, 1);
        } else if (!point) {
            point = true;
            text_puts(&t, ".");
        }
    }
    if (!point)
        text_puts(&t, ".0");
    text_puts(&t, suffix);
    return text_str(&t);
}

static char *special(Arena *a, double value)
{
    if (isnan(value))
        return arena_strdup(a, "NAN");
    return arena_strdup(a, value < 0 ? "-INFINITY" : "INFINITY");
}

char *f32_literal(Arena *a, double value)
{
    char s[64];
    if (!isfinite((float)value))
        return special(a, value);
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, (double)(float)value);
        if (strtof(s, NULL) == (float)value)
            break;
    }
    return decimal(a, s, "f");
}

char *f64_literal(Arena *a, double value)
{
    char s[64];
    if (!isfinite(value))
        return arena_printf(a, "(double)%s", special(a, value));
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(s, sizeof s, "%.*g", digits, value);
        if (strtod(s, NULL) == value)
            break;
    }
    return decimal(a, s, "");
}

char *int_literal(Arena *a, int64_t value)
{
    if (value == INT64_MIN)
        return arena_strdup(a, "INT64_MIN");
    if (value == INT32_MIN)
        return arena_strdup(a, "INT32_MIN");
    return arena_printf(a, "%lld", (long long)value);
}
