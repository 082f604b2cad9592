/* Loop nests over strided operands: what every elementwise and copying kernel has in common.
 *
 * A nest is an index space and, for each operand, a base and a stride per axis in elements (0
 * where the operand broadcasts). Operand 0 is the result. Blocked layouts are nests too: axes
 * [N][C / block][spatial…][block]. Emission drops axes of extent 1, merges what is contiguous in
 * every operand, and runs vectors along the innermost axis; copies that exchange the contiguous
 * axis move square tiles through registers. */
#ifndef CNNCC_CODEGEN_NEST_H
#define CNNCC_CODEGEN_NEST_H

#include "codegen/lower.h"

/* No target has wider vectors. */
enum { MAX_LANES = 64 };

enum { NEST_AXES = 2 * MAX_RANK, NEST_OPERANDS = MAX_KERNEL_BUFFERS };

typedef struct NestOperand {
    const char *name;
    KBase base;
    int64_t n; /* elements of the buffer */
    Arg arg;
    int64_t at; /* index of the space's origin */
    int64_t stride[NEST_AXES];
} NestOperand;

typedef struct Nest {
    int rank;
    int64_t extent[NEST_AXES];
    bool scalar; /* the body has no vector form: one element at a time */
    int n;       /* operands */
    NestOperand op[NEST_OPERANDS];
} Nest;

/* The result's expression from those of operands 1..n-1, all of the same number of lanes. Each
 * has the compute type of its operand, the result that of operand 0. */
typedef KExpr *(*NestBody)(const void *user, Lower *lw, KBuilder *b, KExpr *const *x);

/* The space of a value as it lies in memory: extents only, no operands. A blocked value's last
 * axis is the channel in the block. */
void nest_space(Nest *nest, const Value *v);
/* Adds operand `v` to a space that nest_space made of `space`: v has its shape, or broadcasts to
 * it, in the same layout or plain. */
void nest_operand(Lower *lw, Nest *nest, const Value *space, const char *name, const Value *v);
/* Adds an operand with explicit strides over the nest's axes. */
void nest_strided(Lower *lw, Nest *nest, const char *name, const Value *v, int64_t at,
                  const int64_t *stride);

/* Adds any memory: `n` elements of `base` at `arg`. */
void nest_memory(Nest *nest, const char *name, KBase base, int64_t n, Arg arg, int64_t at,
                 const int64_t *stride);

/* Adds a constant table, which is not a value of the graph. */
void nest_table(Lower *lw, Nest *nest, const char *name, const Tensor *t, const int64_t *stride);

/* Emits the kernel out[…] = body(in[…], …). */
bool nest_emit(Lower *lw, const Node *n, const char *name, const char *note, Nest *nest,
               NestBody body, const void *user);
/* Emits the kernel out[…] = in[…] of two operands of one type, which may be any. */
bool nest_copy(Lower *lw, const Node *n, const char *name, const char *note, Nest *nest);

/* Merges and drops axes; what the emitters do first. */
void nest_collapse(Nest *nest);

/* Takes an axis out, with its extent and strides. */
void nest_remove_axis(Nest *nest, int axis);

/* Row-major strides over the nest's axes; of a result that has one element a line, 0 along[…] the
 * lines (NULL: there are none). */
void nest_row_major(const Nest *nest, const bool *along, int64_t *stride);

/* Blocks of `block` channels that a value has, the last one perhaps not full. */
int64_t blocks_of(const Value *v, int64_t block);

/* Splits the channel tail off a blocked space of `v`: *tail gets the nest of the last channel
 * block with only its valid lanes (false: there is none), `nest` keeps the full blocks. */
bool nest_split_tail(Nest *nest, const Value *v, Nest *tail);

/* `for name = 0, step, … < extent` returning the variable, or 0 without a loop when there is one
 * iteration; *depth counts the loops that are open: the first is parallel, so
 * its iterations must be independent. */
Affine nest_loop(KBuilder *b, const char *name, int64_t extent, int64_t step, int *depth);
/* The same where each iteration needs the one before (sums): never parallel. */
Affine nest_serial_loop(KBuilder *b, const char *name, int64_t extent, int64_t step, int *depth);
/* Closes loops until *depth is `to`. */
void nest_close(KBuilder *b, int *depth, int to);

/* The least power of two >= n, at most `limit`. */
int lanes_for(int64_t n, int limit);
/* Vectors of this type exist on the target: its lanes, or 1. */
int lanes_of(const Target *t, KBase base);

/* "64x56x56", for names and notes. */
const char *dims_str(Arena *a, const Shape *s, int first);

#endif
