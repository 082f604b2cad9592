/* Reading and writing of plan files. driver/plan_file.h has the format. */
#include "driver/plan_file.h"

#include "frontend/frontend.h"
#include "ir/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const Algo algos[] = {ALGO_DIRECT, ALGO_DEPTHWISE, ALGO_IM2COL, ALGO_WINOGRAD};

enum { N_ALGOS = sizeof algos / sizeof algos[0], MAX_TILE = 1024 };

static bool find_algo(const char *word, Algo *algo)
{
    for (int i = 0; i < N_ALGOS; i++)
        if (strcmp(algo_name(algos[i]), word) == 0) {
            *algo = algos[i];
            return true;
        }
    return false;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes \xHH in place. */
static void unescape(char *s)
{
    char *to = s;
    for (; *s; s++)
        if (s[0] == '\\' && s[1] == 'x' && hex_digit(s[2]) >= 0 && hex_digit(s[3]) >= 0) {
            *to++ = (char)(hex_digit(s[2]) * 16 + hex_digit(s[3]));
            s += 3;
        } else {
            *to++ = *s;
        }
    *to = '\0';
}

static const char *escaped(Arena *a, const char *s)
{
    char *out = arena_alloc(a, 4 * strlen(s) + 1), *to = out;
    for (const char *first = s; *s; s++)
        if ((s == first && (*s == '#' || *s == ' ')) || (unsigned char)*s < 0x20 || *s == 0x7f ||
            *s == '\\') {
            snprintf(to, 5, "\\x%02x", (unsigned)(unsigned char)*s);
            to += 4;
        } else {
            *to++ = *s;
        }
    *to = '\0';
    return out;
}

/* One line without its mark; false when it is not as it should be. */
static bool parse(char *line, PlanChoice *c)
{
    char algo[16], form[16];
    int name = 0, skip = 0;
    if (sscanf(line, "%15s %4dx%4d %15s %lf %n", algo, &c->tile_m, &c->tile_n, form,
               &c->microseconds, &name) < 5 ||
        name == 0 || line[name] == '\0' || !find_algo(algo, &c->algo))
        return false;
    if (strcmp(form, "-") != 0 && (form[0] != 'F' || (c->tile_out = atoi(form + 1)) <= 0))
        return false;
    line += name;
    if (sscanf(line, "#%9d %n", &c->nth, &skip) == 1 && line[skip - 1] == ' ')
        line += skip;
    if (c->nth < 0 || *line == '\0')
        return false;
    unescape(line);
    c->node = line;
    return c->tile_m > 0 && c->tile_n > 0 && c->tile_m <= MAX_TILE && c->tile_n <= MAX_TILE;
}

bool plan_file_read(Arena *a, Diag *d, const char *path, PlanChoices *choices)
{
    size_t bytes;
    const unsigned char *data = file_read(a, d, path, &bytes);
    if (data == NULL)
        return false;
    char *text = arena_strndup(a, (const char *)data, bytes);
    int number = 1;
    for (char *line = text, *next; line != NULL; line = next, number++) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        PlanChoice c = {.chosen = *line == '*'};
        if (*line == '#' || line[strspn(line, " \r")] == '\0')
            continue;
        if (!parse(line + (*line == '*'), &c))
            return diag_error(d, "%s:%d: not an entry of a plan file", path, number);
        ARENA_PUSH(a, choices, item, n, cap, c);
    }
    return true;
}

bool plan_file_write(Arena *a, Diag *d, const char *path, const char *head,
                     const PlanChoices *choices)
{
    Text text = text_new(a);
    text_add(&text, "# %s\n", head);
    for (int i = 0; i < choices->n; i++) {
        const PlanChoice *c = &choices->item[i];
        text_add(&text, "%c %s %dx%d ", c->chosen ? '*' : ' ', algo_name(c->algo), c->tile_m,
                 c->tile_n);
        if (c->tile_out)
            text_add(&text, "F%d", c->tile_out);
        else
            text_add(&text, "-");
        text_add(&text, " %.1f ", c->microseconds);
        if (c->nth > 0)
            text_add(&text, "#%d ", c->nth);
        text_add(&text, "%s\n", escaped(a, c->node));
    }
    return file_write(d, a, path, text_str(&text), text.n);
}
