/* The options of one load by libcnncc, as the pipeline takes them. */
#ifndef CNNCC_DRIVER_LIB_OPTIONS_H
#define CNNCC_DRIVER_LIB_OPTIONS_H

#include "driver/pipeline.h"
#include "runtime/cnncc.h"

/* One load: its options and the diagnostics that they receive; in the arena of the load. */
typedef struct Loading {
    Arena *arena;
    const cnncc_options *options;
    Diag diag;
} Loading;

/* Translates the options; *interpret: the model is for the interpreter. What they point to is
 * copied, but for strings. Anything but CNNCC_OK comes with a diagnostic. */
cnncc_status lib_options_read(Loading *l, PipelineOptions *p, bool *interpret);

#endif
