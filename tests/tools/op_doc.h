/* docs/OPERATORS.md. */
#ifndef CNNCC_TESTS_OP_DOC_H
#define CNNCC_TESTS_OP_DOC_H

#include "ir/ops.h"
#include "tests/support/op_line.h"

/* Writes the page to the standard output: the operators in the lines' order with their facts, and
 * how many of ONNX's tests below `root` each back end must pass by the list `exclude`. False after
 * a message. */
bool op_doc(Arena *a, Diag *d, const OpLines *lines, const char *root, const char *exclude);

/* The operator of a line; OP_NONE when there is none. */
OpKind op_line_kind(Arena *a, const OpLine *l);

#endif
