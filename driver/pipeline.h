/* The way through the house, shared by the command line and the library: load, passes, lower.
 *
 * In comes a model (file or memory) and the options of one compilation; out go the planned graph
 * and the program of kernels, both in the arena. Each step reports its errors as diagnostics and
 * the functions return false; memory exhaustion leaves through the arena, which the caller armed.
 * Printing C, writing files and running the JIT is the caller's part. */
#ifndef CNNCC_DRIVER_PIPELINE_H
#define CNNCC_DRIVER_PIPELINE_H

#include "codegen/codegen.h"
#include "frontend/frontend.h"
#include "passes/passes.h"

/* A model: a file when `path` is not NULL, otherwise `bytes` bytes at `data`. */
typedef struct ModelSource {
    const char *path;
    const void *data;
    size_t bytes;
} ModelSource;

typedef struct PipelineOptions {
    ImportOptions import;
    const Target *target; /* NULL: the best one for this machine */
    int threads;          /* that one run may use; 0 counts as 1 */
    PassOptions passes;
} PipelineOptions;

typedef struct Pipeline {
    Graph *graph;     /* after the passes (or after the one that --stop-after names) */
    bool stopped;     /* --stop-after ended it early: there is no program */
    Program *program; /* lives in the graph's arena */
    /* Wall-clock time of each step. */
    double load_seconds, passes_seconds, lower_seconds;
} Pipeline;

/* Wall clock in seconds, from an arbitrary start. */
double seconds_now(void);

/* Reads and imports the model: the graph as ONNX has it, before any pass; what the reference
 * interpreter runs. NULL after a diagnostic. */
Graph *pipeline_load(Arena *a, Diag *d, const ModelSource *source, const PipelineOptions *o);

/* Runs the passes on `g`, in place, and lowers it. False after a diagnostic. */
bool pipeline_compile(Graph *g, const PipelineOptions *o, Pipeline *result);

/* Both in one. False after a diagnostic. */
bool pipeline_run(Arena *a, Diag *d, const ModelSource *source, const PipelineOptions *o,
                  Pipeline *result);

#endif
