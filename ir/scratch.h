/* Scratch memory of operators without packed weights: what the plan reserves is what the lowering
 * uses. Sizes in bytes. */
#ifndef CNNCC_IR_SCRATCH_H
#define CNNCC_IR_SCRATCH_H

#include <stdint.h>

/* ArgMax, ArgMin where neighbouring lines share vectors: an i32 place for each line. */
static inline int64_t arg_scratch_bytes(int64_t lines)
{
    return 4 * lines;
}

/* TopK: elements of a chunk, the least power of two >= k. */
static inline int64_t topk_chunk(int64_t k)
{
    int64_t m = 1;
    while (m < k)
        m *= 2;
    return m;
}

/* TopK: keys, of 8 bytes at most, and i32 places of the best elements and of a chunk. */
static inline int64_t topk_scratch_bytes(int64_t k)
{
    return 2 * topk_chunk(k) * (8 + 4);
}

/* Recurrence: one state of all sequences; RECURRENCE_STATES of them are kept. */
enum { RECURRENCE_STATES = 4 };

static inline int64_t recurrence_state_bytes(int64_t batch, int64_t hidden)
{
    return 8 * batch * hidden;
}

/* Det: a copy of one matrix, elements of 8 bytes at most. */
static inline int64_t det_scratch_bytes(int64_t n)
{
    return 8 * n * n;
}

#endif
