/* The exclusion file of the conformance tests.
 *
 * Comes in: lines `PATTERN ENGINES REASON`, parted by blanks; '#' at the start of a line is a
 * comment. A reason that begins with "not countable:" says that the test is none that a compiler of
 * static tensors can be asked to pass. Goes out: for a test and an engine, the line that holds.
 * Holds: every line has a reason. */
#include "tests/conformance/exclude.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

static const char not_countable[] = "not countable:";

/* The next word of *text; "" at its end. */
static const char *word(Arena *a, const char **text)
{
    const char *begin = *text + strspn(*text, " \t");
    size_t n = strcspn(begin, " \t");
    *text = begin + n + strspn(begin + n, " \t");
    return arena_strndup(a, begin, n);
}

bool exclusions_read(Exclusions *e, const char *path)
{
    char line[512];
    FILE *f = fopen(path, "r");
    bool ok = f != NULL;
    for (int number = 1; ok && fgets(line, sizeof line, f); number++) {
        const char *rest = line;
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] == '#' || line[strspn(line, " \t")] == '\0')
            continue;
        Exclusion x = {.pattern = word(e->arena, &rest), .engines = word(e->arena, &rest)};
        x.reason = arena_strdup(e->arena, rest);
        x.countable = strncmp(x.reason, not_countable, sizeof not_countable - 1) != 0;
        if (x.reason[0] == '\0') {
            fprintf(stderr, "%s:%d: a line is PATTERN ENGINES REASON\n", path, number);
            ok = false;
        }
        ARENA_PUSH(e->arena, e, lines, n_lines, cap_lines, x);
    }
    if (f == NULL)
        fprintf(stderr, "%s: cannot be read\n", path);
    else
        fclose(f);
    return ok;
}

static bool engine_matches(const char *engines, const char *engine)
{
    bool compiled = strncmp(engine, "interp", 6) != 0;
    if (strcmp(engines, "all") == 0 || (compiled && strcmp(engines, "compiled") == 0))
        return true;
    while (*engines) {
        size_t n = strcspn(engines, ",");
        bool prefix = n > 0 && engines[n - 1] == '-';
        if (strncmp(engines, engine, n) == 0 && (prefix || engine[n] == '\0'))
            return true;
        engines += n + (engines[n] == ',');
    }
    return false;
}

const Exclusion *exclusion_find(const Exclusions *e, const char *name, const char *engine)
{
    for (int i = 0; i < e->n_lines; i++)
        if (engine_matches(e->lines[i].engines, engine) &&
            fnmatch(e->lines[i].pattern, name, 0) == 0)
            return &e->lines[i];
    return NULL;
}
