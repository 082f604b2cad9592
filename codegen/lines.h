/* Kernels that work line by line: reductions, normalisations, running sums.
 *
 * A nest (codegen/nest.h) whose axes are of two kinds: kept axes choose a line, the others run
 * along it. Where the innermost axis runs along the line, vectors do, too, and accumulators are
 * reduced at its end; where it is kept, vectors take neighbouring lines. Several vectors are
 * worked on at once, each with accumulators of its own, to hide the latency of sums.
 *
 * A kernel is a body that is called for one line (or vector of lines); it walks over the line as
 * often as it needs, with a step for each element (or vector). */
#ifndef CNNCC_CODEGEN_LINES_H
#define CNNCC_CODEGEN_LINES_H

#include "codegen/nest.h"

enum { LINES_WIDTH = 4 };

typedef struct Lines {
    Lower *lw;
    KBuilder *b;
    Nest *nest;
    bool along[NEST_AXES]; /* after collapsing */
    KBase base;            /* of the computation */
    int lanes;
    int width; /* vectors at once */
    bool vectors_along;
    int64_t n; /* elements of a line */
    /* Where the builder is. */
    int depth;
    KBuf *buf[NEST_OPERANDS];
    Affine line[NEST_OPERANDS]; /* of the line's first element */
    Affine at[NEST_OPERANDS];   /* of the element */
    Affine position;            /* of the element in its line, row-major */
    int u;                      /* which of the vectors */
    int active;                 /* lanes of it that exist */
} Lines;

/* Emits the code of one line, or of l->width vectors of lines. */
typedef void LinesBody(Lines *l, void *user);
/* Emits the code of one element, or vector of elements, of vector l->u. */
typedef void LinesStep(Lines *l, void *user);

typedef struct LinesKernel {
    const char *name, *note;
    LinesBody *body;
    void *user;
    KBase base;      /* of the computation */
    bool sequential; /* the elements of a line come one after the other: no vectors along it */
} LinesKernel;

/* Emits the kernel. along[i]: axis i of the nest runs along the lines. Operand 0 is written, the
 * others are read. `more` is a set of bits: of operand 0, that it is read too; of another one, that
 * it is written instead. */
bool lines_emit(Lower *lw, const Node *n, const LinesKernel *k, Nest *nest,
                const bool along[NEST_AXES], unsigned more);

/* One walk over the line. */
void lines_walk(Lines *l, LinesStep *step, void *user);

/* The type of an element's expression: lines_load converts to it, stores from it. */
KType lines_type(const Lines *l);
/* Operand `i` at the element, as lines_type; what the lanes share is splat. */
KExpr *lines_load(Lines *l, int i);
void lines_store(Lines *l, int i, KExpr *x);

/* A register of the line for each vector, with its first value (rounded towards zero for
 * integers). */
const KReg *lines_reg(Lines *l, const char *name, KBase base, double init);
/* reg = x, at an element: lanes that do not exist keep what they have. */
void lines_set(Lines *l, const KReg *reg, KExpr *x);
KExpr *lines_get(Lines *l, const KReg *reg);
/* reg = reg op x; of KO_MIN and KO_MAX the result is NaN when one of them is. */
void lines_combine(Lines *l, const KReg *reg, KOp op, KExpr *x);
/* What a sum over the line loses to rounding. NULL where a plain sum loses nothing that shows: in
 * integers, and in short lines of floats (each addition may lose 2^-24 of the sum). */
const KReg *lines_carry(Lines *l);
/* sum += x, with the loss kept in `carry` unless that is NULL (Kahan): a sum of many elements stays
 * as good as one of few. */
void lines_add(Lines *l, const KReg *sum, const KReg *carry, KExpr *x);

/* Results of a line, behind a walk: there is one for each of lines_results(l) vectors of lines;
 * set l->u to it. */
int lines_results(const Lines *l);
/* The register's value for the whole line: a scalar where vectors run along it. */
KExpr *lines_total(Lines *l, const KReg *reg, KOp op);
KType lines_result_type(const Lines *l);
/* The result of this element's line, from a LET a result, as lines_type. */
KExpr *lines_use(Lines *l, KLet *const *results);
/* Stores a result to an operand that does not move along the line. */
void lines_store_result(Lines *l, int i, KExpr *x);

#endif
