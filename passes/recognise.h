/* Inside of the pass that recognises decomposed operators: its rows and their rewriting. */
#ifndef CNNCC_PASSES_RECOGNISE_H
#define CNNCC_PASSES_RECOGNISE_H

#include "passes/pattern.h"

typedef struct RecogniseRow RecogniseRow;

/* Turns `n`, the root of the match, into one operator; false when the match is none after all. */
typedef bool RecogniseFn(Graph *g, Node *n, Match *m, const RecogniseRow *row);

struct RecogniseRow {
    const char *pattern;
    const char *result;   /* an elementwise operator of letters and numbers, or NULL */
    RecogniseFn *rewrite; /* NULL: the result as it stands */
};

/* The i-th row; NULL behind the last. */
const RecogniseRow *recognise_row(int i);

/* `n` becomes the row's result. */
RecogniseFn recognise_result;

/* recognise_norm.c: normalisations, which need axes to be looked at. */
RecogniseFn recognise_norm, recognise_norm_scale, recognise_norm_bias, recognise_softmax;

#endif
