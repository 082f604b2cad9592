/* Lines of tests/operators.txt and tests/bad_operators.txt: models of one node, on one line. */
#ifndef CNNCC_TESTS_OP_LINE_H
#define CNNCC_TESTS_OP_LINE_H

#include "ir/diag.h"

/* `OPERATOR | OPSETS | <ATTRIBUTES> (OPERANDS) -> OUTPUTS | NOTE` */
typedef struct OpLine {
    int number;       /* of the line in its file */
    const char *name; /* with its domain: "com.microsoft.QGemm" */
    int first, last;  /* operator sets; last is 0 where it still exists */
    const char *attributes;
    const char *operands; /* what stands between the parentheses */
    int n_outputs;
    const char *note; /* the fourth field, "" when it is empty */
} OpLine;

typedef struct OpLines {
    OpLine *line;
    int n_line, cap_line;
} OpLines;

/* All lines of a file but empty ones and comments ('#'). False after a diagnostic. */
bool op_lines_read(Arena *a, Diag *d, const char *path, OpLines *lines);

/* The line as a model in ONNX's textual syntax, with `type` in the place of T. */
char *op_line_model(Arena *a, const OpLine *l, const char *type);

#endif
