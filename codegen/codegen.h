/* Codegen: the planned graph -> kernels -> C text or machine code. It decides nothing. */
#ifndef CNNCC_CODEGEN_H
#define CNNCC_CODEGEN_H

#include "ir/kernel.h"

#include <stdio.h>

/* Builds the program of a graph that went through the whole pipeline: one call (or more) a node,
 * equal kernels shared, the weight blob filled, every kernel unrolled and verified. NULL after a
 * diagnostic; nodes without a kernel are all reported at once (STATUS_UNSUPPORTED). */
Program *codegen_lower(Graph *g);

typedef enum WeightsMode {
    WEIGHTS_AUTO,   /* array below 256 KiB, otherwise incbin */
    WEIGHTS_ARRAY,  /* in the C text */
    WEIGHTS_INCBIN, /* a binary file beside the C file, taken in by the assembler */
    WEIGHTS_BIN,    /* a binary file that the caller loads and passes to NAME_run */
} WeightsMode;

typedef struct EmitOptions {
    const char *name;    /* prefix of every external identifier; a C identifier */
    const char *options; /* the command line options that matter, for the header */
    WeightsMode weights;
} EmitOptions;

/* What the C printer makes, all in memory; the driver writes the files. */
typedef struct EmittedC {
    char *source; /* model.c */
    size_t source_bytes;
    char *header; /* model.h */
    size_t header_bytes;
    const unsigned char *weights; /* NULL in array mode */
    size_t weights_bytes;         /* with the 64-byte head that NAME_run checks */
} EmittedC;

/* `c_file` is the base name of the C file ("model.c"): the header is named after it and the
 * weight file is c_file + ".weights". */
EmittedC *emit_c(Arena *a, const Program *p, const char *c_file, const EmitOptions *o);

/* A C identifier made from any text: letters, digits, '_'; never empty, never a keyword. */
char *c_identifier(Arena *a, const char *text);

/* ---- JIT (LLVM) ---- */

typedef struct Jit Jit;

/* Whether this build has the JIT. */
bool jit_available(void);
/* Compiles every kernel of the program for this machine; NULL after a diagnostic. The Jit owns
 * LLVM's objects and what it needs of the program, except the weights, which must outlive it: free
 * it with jit_free. With graph->threads > 1 it also has a pool of threads, for one run at a time
 * (more wait). */
Jit *jit_compile(const Program *p, Diag *d);
/* From now on the weights are read from this copy of them, aligned to 64. */
void jit_move_weights(Jit *j, const void *weights);
/* One run: flat pointers in graph order, `arena` of p->arena_bytes aligned to 64. Re-entrant. */
int jit_run(const Jit *j, const void *const *inputs, void *const *outputs, void *arena);
/* The i-th call of the program alone, for measurements: its operands must have been computed. */
void jit_run_call(const Jit *j, int i, const void *const *inputs, void *const *outputs,
                  void *arena);
void jit_free(Jit *j);

#endif
