/* What is known about each operator beyond its row: for `cnncc ops` and the import of old opsets.
 */
#ifndef CNNCC_IR_OP_FACTS_H
#define CNNCC_IR_OP_FACTS_H

#include "ir/ops.h"

typedef struct OpFacts {
    OpKind op;
    int first, last;                /* operator sets of its domain; last = 0: the newest */
    unsigned interpreted, compiled; /* element types, bits 1 << DType */
    const char *limits;             /* what ONNX allows and cnncc does not; "" */
} OpFacts;

/* NULL for an operator that no model can have. */
const OpFacts *op_facts(OpKind op);

/* "floats, int32, int64, bool"; "all" for every type, "-" for none. */
const char *op_types_str(Arena *a, unsigned types);

#endif
