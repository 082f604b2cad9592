/* What the two forms of `cnncc verify` share. */
#ifndef CNNCC_DRIVER_VERIFY_H
#define CNNCC_DRIVER_VERIFY_H

#include "driver/backend.h"
#include "driver/compare.h"

/* Inputs and expected outputs, in graph order. */
typedef struct VerifyData {
    const Tensor **in, **want;
} VerifyData;

/* --range-tol, --rtol and --atol; tolerance_default() where none is given. */
Tolerance verify_tolerance(const Cli *c, DType type);

/* The inputs: those of --test-data, otherwise files (-i) and seeded random numbers. */
bool verify_inputs(Cli *c, const Graph *g, VerifyData *data);

/* The interpreter's outputs on data->in become data->want. */
bool verify_reference(Cli *c, const Graph *g, VerifyData *data);

/* Prints one line on one value of one back end. */
void verify_print(Cli *c, const char *label, const Value *v, const Difference *d);

/* Loads the model as the reference runs it: a model in QDQ form is one of integers, every other one
 * is as imported. NULL after a diagnostic. */
Graph *verify_load(Cli *c, const PipelineOptions *p);

/* driver/verify_integers.c: compares the integers of a model in QDQ form with those of the model as
 * imported, and says what it found; adds the values that differ to *n_wrong. Models in other forms
 * pass. False after a diagnostic. */
bool verify_integers(Cli *c, const PipelineOptions *p, const Graph *imported, int *n_wrong);

#endif
