/* Builds small programs by hand, emits them as C, compiles that with a real compiler and runs it.
 * Shared by the tests of the C printer. */
#ifndef CNNCC_TESTS_EMIT_HARNESS_H
#define CNNCC_TESTS_EMIT_HARNESS_H

#include "codegen/codegen.h"

/* A program without kernels over a graph without nodes. */
Program *hand_program(Arena *a, const char *target);
/* A graph input or output of rank 1; returns its index. */
int hand_input(Program *p, const char *name, DType t, int64_t n);
int hand_output(Program *p, const char *name, DType t, int64_t n);
/* Appends a kernel (unrolled and verified) and a call of it. `node` names the call, NULL: none. */
void hand_call(Program *p, Kernel *k, const Arg *args, const char *node);
/* Appends bytes to the weight blob, aligned to 64; returns their offset. */
int64_t hand_weights(Program *p, const void *data, size_t bytes);

/* Whether a compiler is installed. */
bool have_compiler(const char *cc);

/* A fresh directory for the files of one test; removed with everything in it by scratch_free. */
char *scratch_new(Arena *a);
void scratch_free(const char *dir);
void write_file(const char *dir, const char *name, const void *data, size_t n);

/* Writes DIR/model.c, model.h and the weights, and a main.c that reads each input from
 * DIR/in_I into memory of exactly its size, runs once, and writes DIR/out_I. */
void write_program(const char *dir, const Program *p, const EmitOptions *o);

/* Compiles with `command` (such as "gcc -O2 -Wall"), with model.c and main.c appended, and runs
 * the program (of a cross compiler for aarch64 in qemu-aarch64). Fails the test when either does
 * not succeed. */
void compile_and_run(const char *dir, const char *command);

/* All of it: writes the inputs, compiles, runs, reads the outputs. */
void run_emitted(const char *dir, const Program *p, const EmitOptions *o, const char *command,
                 const void *const *inputs, void *const *outputs);

/* Runs the program in the kernel evaluator and as C by each of the commands that is installed (a
 * list that ends with NULL), on the same inputs; all outputs must agree in every byte. */
void check_program(const Program *p, const EmitOptions *o, const char *const *commands);

#endif
