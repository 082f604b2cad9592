/* Patterns: small expressions that nodes of the graph are compared with.
 *
 *     Mul(x, Clip(Add(x, 3), 0, 6), 0.16666667)
 *
 * A capitalised name is an operator of ONNX, a small letter stands for any value (the same one
 * wherever the letter appears), a number for a constant of one element that has this value, and
 * $a for any constant of one element, whose value it takes. Behind the operands stand the numbers
 * alpha, beta, gamma of elementwise operators (for Clip the bounds). Operands of an operator that
 * the pattern leaves out must be constant.
 *
 * Commutative operators match in either order. Mul matches products of any number of factors in
 * any association, with the numbers among them multiplied: x / 6 is Mul(x, 0.1666…), Pow(x, 3) is
 * Mul(x, x, x). Add matches a Sub of a number too. */
#ifndef CNNCC_PASSES_PATTERN_H
#define CNNCC_PASSES_PATTERN_H

#include "ir/ops.h"

enum { PATTERN_ARGS = 4, PATTERN_LETTERS = 26, PATTERN_NODES = 32 };

typedef enum PatternKind { PATTERN_OP, PATTERN_VALUE, PATTERN_NUMBER, PATTERN_CAPTURE } PatternKind;

typedef struct Pattern Pattern;
struct Pattern {
    PatternKind kind;
    OpKind op;     /* OP */
    double number; /* NUMBER */
    int letter;    /* VALUE, CAPTURE: 0 for a */
    const Pattern *arg[PATTERN_ARGS];
    int n;
};

/* What the letters stand for, and the nodes that the pattern covers. */
typedef struct Match {
    Value *value[PATTERN_LETTERS]; /* NULL: not bound */
    double number[PATTERN_LETTERS];
    bool has_number[PATTERN_LETTERS];
    const Node *root;
    Node *node[PATTERN_NODES]; /* the root among them */
    int n_nodes;
} Match;

/* The pattern of a text; NULL when it is none. */
const Pattern *pattern_parse(Arena *a, const char *text);

/* Whether the pattern covers the graph down from `root`, and nobody but `root` uses what is
 * computed inside (needs the use lists). */
bool pattern_match(const Pattern *p, Node *root, Match *m);

/* What a letter is bound to: pattern_value(m, 'x'), pattern_number(m, 'a'). */
Value *pattern_value(const Match *m, char letter);
double pattern_number(const Match *m, char letter);

/* Whether two numbers are the same but for rounding to f32. */
bool pattern_close(double a, double b);

#endif
