/* Hand-made programs that use every kind of the kernel IR, for the tests of the two printers.
 *
 * A program has one input of each element type in memory, full of ordinary, special and random
 * values, and one output of each type; every kernel fills a part of the outputs of its own. The
 * kernels are unrolled and verified. case_outputs_differ compares two runs bit for bit, except
 * that any NaN equals any NaN: IEEE 754 leaves its sign and payload open. */
#ifndef CNNCC_TESTS_KERNEL_CASES_H
#define CNNCC_TESTS_KERNEL_CASES_H

#include "codegen/codegen.h"

enum { CASE_BASES = KT_MASK, CASE_INPUT_LENGTH = 2048 };

typedef struct CaseData {
    const void *input[CASE_BASES]; /* of CASE_INPUT_LENGTH elements, indexed by KBase */
    void *output[CASE_BASES];
} CaseData;

/* One kernel (or more) an operation, over vectors of `lanes`. The target must have them. */
Program *case_operations(Arena *a, const Target *target, int lanes);

/* `count` random kernels: loop nests, registers, conditions and expression trees. */
Program *case_random(Arena *a, const Target *target, int lanes, uint64_t seed, int count);

/* Both in one program. */
Program *case_everything(Arena *a, const Target *target, int lanes, uint64_t seed, int count);

/* Fresh inputs (always the same) and zeroed outputs for the program. */
CaseData *case_data(Arena *a, const Program *p);

/* Where two runs differ: "kernel add_f32: out_f32[3] is 0x3f800000, not 0x3f800001"; NULL when
 * they agree. */
const char *case_outputs_differ(Arena *a, const Program *p, const CaseData *got,
                                const CaseData *want);

/* The targets that run on this machine, with each number of lanes to test them at; false behind
 * the last. */
bool case_target(int i, const Target **target, int *lanes);

#endif
