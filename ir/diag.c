/* Diagnostics: formatting, escaping and counting. */
#include "ir/diag.h"

#include <stdio.h>
#include <string.h>

static const char *const severity_names[] = {"error", "warning", "note"};

/* A copy of `s` in which control characters stand as \n, \t, \xNN. */
static char *escape_control(Arena *a, const char *s)
{
    char *out = arena_array(a, 4 * strlen(s) + 1, 1);
    char *p = out;
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '\n') {
            memcpy(p, "\\n", 2);
            p += 2;
        } else if (c == '\t') {
            memcpy(p, "\\t", 2);
            p += 2;
        } else if (c < 0x20 || c == 0x7f) {
            p += snprintf(p, 5, "\\x%02x", c);
        } else {
            *p++ = (char)c;
        }
    }
    *p = '\0';
    return out;
}

void diag_report(Diag *d, Severity severity, Status status, const char *format, va_list args)
{
    char *text = escape_control(d->arena, arena_vprintf(d->arena, format, args));
    char *line = arena_printf(d->arena, "%s: %s: %s", d->file ? d->file : "cnncc",
                              severity_names[severity], text);
    if (severity == SEVERITY_ERROR && d->n_errors++ == 0) {
        d->status = status;
        d->first = line;
    }
    if (severity == SEVERITY_WARNING)
        d->n_warnings++;
    if (d->sink)
        d->sink(d->user, severity, line);
}

#define REPORT(severity, status)                                                                   \
    do {                                                                                           \
        va_list args;                                                                              \
        va_start(args, format);                                                                    \
        diag_report(d, severity, status, format, args);                                            \
        va_end(args);                                                                              \
    } while (0)

bool diag_error(Diag *d, const char *format, ...)
{
    REPORT(SEVERITY_ERROR, STATUS_FAILED);
    return false;
}

bool diag_unsupported(Diag *d, const char *format, ...)
{
    REPORT(SEVERITY_ERROR, STATUS_UNSUPPORTED);
    return false;
}

void diag_warning(Diag *d, const char *format, ...)
{
    REPORT(SEVERITY_WARNING, STATUS_OK);
}

void diag_note(Diag *d, const char *format, ...)
{
    REPORT(SEVERITY_NOTE, STATUS_OK);
}
