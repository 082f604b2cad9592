/* Passes: graph -> graph. One file a pass; the pipeline is a const table in runner.c. */
#ifndef CNNCC_PASSES_H
#define CNNCC_PASSES_H

#include "ir/graph.h"

#include <stdio.h>

/* Winograd is used where it loses at most this part of the greatest output: 15 bits of 24 stay. */
#define WINOGRAD_ERROR 2e-5

typedef enum ConvChoice { CONV_AUTO, CONV_DIRECT, CONV_IM2COL, CONV_WINOGRAD } ConvChoice;

/* A candidate of a node, measured: an entry of a plan file. Names may repeat, so the node is the
 * one in front of which `nth` others have that name. */
typedef struct PlanChoice {
    const char *node;
    int nth;
    Algo algo;
    int tile_m, tile_n, tile_out;
    double microseconds;
    bool chosen; /* the node is to be computed so */
} PlanChoice;

typedef struct PassOptions {
    ConvChoice conv;
    const PlanChoice *choices; /* the chosen ones go before everything else */
    int n_choices;
    const double *winograd_error; /* bound on Candidate.error; NULL: WINOGRAD_ERROR */
    const char *dump;             /* name of the pass to dump after, "all", or NULL */
    const char *stop_after;       /* name of the pass to stop after, or NULL */
    bool time;                    /* print the time of each pass */
    bool keep_denormals;          /* leave the weights as they are */
    bool quiet;                   /* no notes: not the first compilation of this model */
    FILE *dump_to;                /* where dumps and times go */
} PassOptions;

typedef struct Pass {
    const char *name;
    const char *describe; /* one line, for --help */
    bool (*run)(Graph *g, const PassOptions *o);
} Pass;

/* How many nodes in front of node `at` have its name. */
int plan_nth(const Graph *g, int at);

/* Runs the pipeline on `g` for g->target: verifies after each pass, dumps, times, stops where the
 * options say. *stopped is set when --stop-after ended it early. False after a diagnostic. */
bool passes_run(Graph *g, const PassOptions *o, bool *stopped);

/* The i-th pass of the pipeline; NULL behind the last. */
const Pass *pass_at(int i);

/* The passes, in the order of the pipeline. */
bool pass_expand(Graph *g, const PassOptions *o);
bool pass_legalize(Graph *g, const PassOptions *o);
bool pass_simplify(Graph *g, const PassOptions *o);
bool pass_integers(Graph *g, const PassOptions *o);
bool pass_fold(Graph *g, const PassOptions *o);
bool pass_recognise(Graph *g, const PassOptions *o);
bool pass_sink(Graph *g, const PassOptions *o);
bool pass_channels(Graph *g, const PassOptions *o);
bool pass_fuse(Graph *g, const PassOptions *o);
bool pass_flush(Graph *g, const PassOptions *o);
bool pass_plan(Graph *g, const PassOptions *o);
bool pass_layout(Graph *g, const PassOptions *o);
bool pass_pack(Graph *g, const PassOptions *o);
bool pass_order(Graph *g, const PassOptions *o);
bool pass_memory(Graph *g, const PassOptions *o);

#endif
