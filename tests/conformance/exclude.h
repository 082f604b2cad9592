/* tests/conformance.exclude: which of ONNX's backend tests an engine need not pass, and why. */
#ifndef CNNCC_TESTS_CONFORMANCE_EXCLUDE_H
#define CNNCC_TESTS_CONFORMANCE_EXCLUDE_H

#include "ir/arena.h"

#include <stdbool.h>

/* One line: `PATTERN ENGINES REASON`. */
typedef struct Exclusion {
    const char *pattern; /* a shell pattern over names such as node/test_relu */
    const char
        *engines; /* "all", "compiled" (all but the interpreter), or names from engine.c joined
                     by commas; a name that ends in '-' stands for all that begin so */
    const char *reason;
    bool countable; /* false: the reason says that such a test is not among those to pass */
} Exclusion;

typedef struct Exclusions {
    Arena *arena;
    Exclusion *lines;
    int n_lines, cap_lines;
} Exclusions;

/* Reads the file. False after a message on stderr: no such file, or a line without a reason. */
bool exclusions_read(Exclusions *e, const char *path);

/* The first line that excuses `engine` from `name`; NULL when there is none. */
const Exclusion *exclusion_find(const Exclusions *e, const char *name, const char *engine);

#endif
