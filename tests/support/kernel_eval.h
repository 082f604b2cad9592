/* A tree-walking evaluator of the kernel IR: the semantics of ir/kernel.h, executed directly.
 *
 * The tests of the lowerings run their kernels with it, before and independent of any printer,
 * and it is one more oracle for the printers. Every access is checked against the buffer, every
 * register against being read before it is set. KL_PARALLEL loops run backwards, so that a
 * dependence between their iterations shows. */
#ifndef CNNCC_TESTS_KERNEL_EVAL_H
#define CNNCC_TESTS_KERNEL_EVAL_H

#include "ir/kernel.h"

/* Runs `k`, unrolled or not, once: mem[i] is the memory of k->buf[i], with k->buf[i]->n elements.
 * False with the reason in *why (a string in `a`) at the first illegal step. */
bool kernel_eval(Arena *a, const Kernel *k, void *const *mem, const char **why);

/* Runs all calls of a program in order. `inputs` and `outputs` in graph order; `arena` has
 * p->arena_bytes, aligned to 64. False with the reason, which names the kernel. */
bool program_eval(Arena *a, const Program *p, const void *const *inputs, void *const *outputs,
                  void *arena, const char **why);

#endif
