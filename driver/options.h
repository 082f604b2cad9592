/* The options of all subcommands: one table, one struct.
 *
 * In comes argv behind the subcommand's name, out goes an Options whose strings point into argv.
 * A row of the table in options.c says which commands take the option, so parsing and --help
 * cannot disagree. */
#ifndef CNNCC_DRIVER_OPTIONS_H
#define CNNCC_DRIVER_OPTIONS_H

#include "ir/diag.h"

#include <stdint.h>
#include <stdio.h>

typedef enum Command {
    CMD_COMPILE = 1 << 0,
    CMD_RUN = 1 << 1,
    CMD_VERIFY = 1 << 2,
    CMD_BENCH = 1 << 3,
    CMD_EXPLAIN = 1 << 4,
    CMD_OPS = 1 << 5,
} Command;

typedef struct StringList {
    const char **item;
    int n, cap;
} StringList;

typedef struct Options {
    const char *model; /* the one positional argument */
    const char *output, *name, *target, *conv, *weights, *dump, *stop_after;
    const char *backend, *beside, *test_data, *format, *plan, *tune;
    StringList dims, freezes, inputs, compilers;
    int64_t threads, runs, rounds, seed, max_memory;
    int64_t random; /* seed of `run --random`; -1: not given */
    double mean, std;
    double rtol, atol, range_tol, winograd_error; /* -1: not given */
    bool time, json, per_node, keep_denormals, help;
} Options;

/* Parses the arguments of one command. False after a diagnostic with STATUS_USAGE. */
bool options_parse(Arena *a, Diag *d, Command command, int argc, char **argv, Options *o);

/* Prints the options that the command takes, one a line. */
void options_help(FILE *to, Command command);

#endif
