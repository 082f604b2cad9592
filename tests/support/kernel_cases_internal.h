/* What the makers of test programs share: a program under construction. */
#ifndef CNNCC_TESTS_KERNEL_CASES_INTERNAL_H
#define CNNCC_TESTS_KERNEL_CASES_INTERNAL_H

#include "codegen/lower.h"
#include "tests/support/kernel_cases.h"

typedef struct Cases {
    Arena *arena;
    Program *program;
    int lanes;
    int64_t used[CASE_BASES]; /* elements of each output given to kernels so far */
    /* The open kernel. */
    KBuilder *b;
    Call call;
    const KBuf *input[CASE_BASES];
} Cases;

Cases *cases_new(Arena *a, const Target *target, int lanes);
void cases_open(Cases *c, const char *name);
/* The input of that type, a parameter of the kernel from its first use. */
const KBuf *cases_input(Cases *c, KBase base);
/* A new output of n elements. */
const KBuf *cases_output(Cases *c, KBase base, int64_t n);
void cases_add_operations(Cases *c);
void cases_close(Cases *c); /* unrolls and verifies; what is wrong here is a bug of the test */
Program *cases_finish(Cases *c);

uint64_t cases_random(uint64_t *state);

#endif
