/* Diagnostics: every error and warning of a compilation, as values.
 *
 * A message is one line, `FILE: error: TEXT`; control characters that come from a model are
 * escaped, so a name cannot forge a line. Functions that can fail return bool and report the
 * reason here once, where it is known: `return diag_error(d, …)`. */
#ifndef CNNCC_IR_DIAG_H
#define CNNCC_IR_DIAG_H

#include "ir/arena.h"

#include <stdarg.h>
#include <stdbool.h>

/* The exit status of the command and the result of library calls. */
typedef enum Status {
    STATUS_OK = 0,
    STATUS_FAILED = 1,      /* bad model, mismatch, no memory, unwritable output */
    STATUS_USAGE = 2,       /* bad command line */
    STATUS_UNSUPPORTED = 3, /* a legal model that cnncc cannot compile */
} Status;

typedef enum Severity { SEVERITY_ERROR, SEVERITY_WARNING, SEVERITY_NOTE } Severity;

typedef struct Diag {
    Arena *arena;
    const char *file; /* what the messages name first: the model's path as the user gave it */
    void (*sink)(void *user, Severity severity, const char *line); /* NULL: only counted */
    void *user;
    int n_errors, n_warnings;
    Status status;     /* of the first error */
    const char *first; /* first error line, NULL when there is none */
} Diag;

/* Reports an error; the compilation's status becomes STATUS_FAILED. Always returns false. */
bool diag_error(Diag *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Like diag_error, with STATUS_UNSUPPORTED. */
bool diag_unsupported(Diag *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

void diag_warning(Diag *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
void diag_note(Diag *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The general form behind the four above. */
void diag_report(Diag *d, Severity severity, Status status, const char *format, va_list args);

#endif
