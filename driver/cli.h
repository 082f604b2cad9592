/* The command line: what main and the subcommands share.
 *
 * main.c parses the options, makes the two arenas, arms them, and calls one cmd_* function. A
 * command returns the exit status; everything it owns outside its arena it hands to arena_defer. */
#ifndef CNNCC_DRIVER_CLI_H
#define CNNCC_DRIVER_CLI_H

#include "driver/options.h"
#include "driver/pipeline.h"

typedef struct Cli {
    Arena *arena; /* of the compilation; limited by --max-memory */
    Diag diag;    /* errors go to stderr; file is the model's path */
    const Options *o;
} Cli;

/* The subcommands; each returns a Status as exit status. */
int cmd_compile(Cli *c);
int cmd_run(Cli *c);
int cmd_verify(Cli *c);
int cmd_bench(Cli *c);
int cmd_explain(Cli *c);
int cmd_ops(Cli *c);

/* Reports an error with exit status 2. Always returns false. */
bool usage_error(Diag *d, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Translates --target, --dim, --freeze, --conv, --dump, --stop-after and --time; reads the frozen
 * tensors. False after a diagnostic. */
bool cli_pipeline_options(Cli *c, PipelineOptions *p);

/* The options that shape the emitted code, resolved ("--target avx512 --conv direct"), without
 * paths: for the header of the emitted file. */
const char *cli_options_text(Cli *c, const PipelineOptions *p);

/* The prefix of the emitted identifiers: --name, or made from the model's file name. */
const char *cli_name(Cli *c);

/* Reads the model that the command line names: the graph before any pass. */
Graph *cli_load(Cli *c, const PipelineOptions *p);

/* Exit status of a command that failed with diagnostics. */
int cli_failed(const Cli *c);

#endif
