/* A network for the tests of the passes: its graph, random inputs and the results it must give. */
#ifndef CNNCC_TESTS_PASS_CASE_H
#define CNNCC_TESTS_PASS_CASE_H

#include "passes/passes.h"

typedef struct PassCase {
    Arena *arena;
    Diag diag;
    Graph *g; /* NULL when the text is no model; `why` says why */
    const Tensor **inputs;
    Tensor **expected;
    const char *why; /* what went wrong */
} PassCase;

/* Loads the text, sets the target, makes inputs and runs the interpreter. A text that does not
 * begin with its own `<ir_version…>` is of opset 17. */
PassCase *pass_case_open(const char *text, const char *target);
void pass_case_close(PassCase *c);

/* Runs the passes up to and including `last` (NULL: all) and verifies the graph after each. */
bool pass_case_run(PassCase *c, const PassOptions *o, const char *last);

/* Whether the interpreter still gives the expected results. */
bool pass_case_same(PassCase *c, const char *after);

/* All passes, comparing after each; then a run in the planned memory. */
bool pass_case_check_all(PassCase *c, const PassOptions *o);

/* Nodes of an operator; the first of them. */
int pass_case_count(const PassCase *c, OpKind op);
Node *pass_case_find(const PassCase *c, OpKind op);

#endif
