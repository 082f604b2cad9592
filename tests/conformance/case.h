/* One conformance test: a folder with model.onnx and test_data_set_*, or a random network whose
 * expected outputs are the interpreter's. */
#ifndef CNNCC_TESTS_CONFORMANCE_CASE_H
#define CNNCC_TESTS_CONFORMANCE_CASE_H

#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "passes/passes.h"

enum { MAX_TENSORS = 64 };

/* One test_data_set_N: the tensors of its files, in the order of their numbers. */
typedef struct DataSet {
    const Tensor *in[MAX_TENSORS], *out[MAX_TENSORS];
    int n_in, n_out;
} DataSet;

typedef struct Case {
    Arena *arena; /* of everything below; freed by case_free */
    Diag diag;
    const char *name;
    const char *folder; /* NULL for a random network … */
    const char *text;   /* … which is this */
    DataSet *sets;
    int n_sets, cap_sets;
    const char *input_names[MAX_TENSORS]; /* of the model's inputs, without initializers */
    int n_inputs;
    Graph *graph;
    const char *frozen; /* names of the inputs taken from the data set; "" */
    ConvChoice conv;    /* algorithm of convolutions: random networks take each in turn */
    void *engine;       /* what the back end keeps for this case */
} Case;

/* Which inputs become constants: what decides shapes must be known at compile time, and a
 * conformance test often passes it as an input. SMALL are integers and bools of rank 0 and 1, as
 * long as another input remains. */
typedef enum Freeze {
    FREEZE_NONE,
    FREEZE_SMALL,
    FREEZE_ALL_BUT_FIRST,
    FREEZE_ALL,
    N_FREEZE
} Freeze;

/* The test in root/name: its data sets and the names of its inputs. NULL when there is no such
 * folder or no memory; a case whose diag has errors cannot be read. */
Case *case_open(const char *root, const char *name);

/* The random network of this seed, with random inputs. NULL when there is no memory. */
Case *case_random(uint64_t seed);

/* Imports the model; with inputs frozen to data set 0, only that set remains. */
bool case_load(Case *c, Freeze freeze, const Target *target);

/* The data set's tensors for the graph's inputs, those that are not frozen. */
bool case_inputs(Case *c, const DataSet *s, const Tensor **in);

void case_free(Case *c);

#endif
