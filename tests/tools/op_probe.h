/* What the compiler can do with an operator, found by trying. */
#ifndef CNNCC_TESTS_OP_PROBE_H
#define CNNCC_TESTS_OP_PROBE_H

#include "ir/tensor.h"
#include "tests/support/op_line.h"

/* The element types, one bit each (1 << DType), that an operator's line works with. */
typedef struct OpTypes {
    unsigned interpreted; /* by the reference interpreter */
    unsigned compiled;    /* by the JIT too (without a JIT: lowered), with the same result */
} OpTypes;

/* Tries every element type. False when a type compiles but computes something else than the
 * interpreter: reported on stderr. */
bool op_probe(const OpLine *l, OpTypes *types);

#endif
