/* Plan files: which algorithm and tile each convolution gets. --tune writes one, --plan obeys it.
 *
 * Text, a candidate a line, in the order in which the nodes run:
 *
 *     * winograd 14x2 F4 412.5 conv2
 *       direct 14x2 - 980.1 conv2
 *
 * `*` marks the choice; then algorithm, register tile, Winograd's output tile, measured
 * microseconds, and the node's name to the end of the line, with control characters, backslashes
 * and a # or space in front as \xHH. Where nodes share a name, "#1 " in front of it means the
 * second one. Empty lines and lines that begin with # are comments. */
#ifndef CNNCC_DRIVER_PLAN_FILE_H
#define CNNCC_DRIVER_PLAN_FILE_H

#include "passes/passes.h"

/* A growing list of candidates. */
typedef struct PlanChoices {
    PlanChoice *item;
    int n, cap;
} PlanChoices;

/* Reads a plan file. False after a diagnostic that names file and line. */
bool plan_file_read(Arena *a, Diag *d, const char *path, PlanChoices *choices);

/* Writes one; `head` is a line of comment. False after a diagnostic. */
bool plan_file_write(Arena *a, Diag *d, const char *path, const char *head,
                     const PlanChoices *choices);

#endif
