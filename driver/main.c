/* cnncc: the entry point.
 *
 * `cnncc MODEL.onnx …` compiles; `cnncc run|verify|bench|explain|ops …` does the rest. main finds
 * the command in the table, parses its options, arms the arenas (no memory leaves through here
 * with an error line and status 1) and checks that standard output was written. */
#include "driver/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct CommandInfo {
    Command id;
    const char *name; /* NULL: the command without a word, compile */
    const char *usage, *summary;
    int (*run)(Cli *c);
} CommandInfo;

static const CommandInfo commands[] = {
    {CMD_COMPILE, NULL, "cnncc MODEL.onnx -o OUT.c [options]", "write the network as C",
     cmd_compile},
    {CMD_RUN, "run", "cnncc run MODEL.onnx [options]", "run the network on files or pictures",
     cmd_run},
    {CMD_VERIFY, "verify", "cnncc verify MODEL.onnx [options]",
     "compare the back ends with the reference interpreter or with test data", cmd_verify},
    {CMD_BENCH, "bench", "cnncc bench MODEL.onnx [options]", "measure the time of a run",
     cmd_bench},
    {CMD_EXPLAIN, "explain", "cnncc explain MODEL.onnx [options]",
     "show how every layer is computed and where it lies", cmd_explain},
    {CMD_OPS, "ops", "cnncc ops", "list the operators that are supported", cmd_ops},
};

enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_diagnostic(void *user, Severity severity, const char *line)
{
    (void)user;
    (void)severity;
    fflush(stdout);
    fprintf(stderr, "%s\n", line);
}

static void print_targets(void)
{
    printf("\nTargets (--target):\n  %-9s the best one for this machine (%s)\n", "native",
           target_find("native")->name);
    for (size_t i = 0; target_at(i); i++)
        printf("  %-9s %s\n", target_at(i)->name, target_at(i)->describe);
}

static void print_passes(void)
{
    printf("\nPasses (--dump, --stop-after), in their order:\n");
    for (int i = 0; pass_at(i); i++)
        printf("  %-9s %s\n", pass_at(i)->name, pass_at(i)->describe);
}

static void print_help(const CommandInfo *command)
{
    printf("%s\n    %s\n\nOptions:\n", command->usage, command->summary);
    options_help(stdout, command->id);
    if (command->id != CMD_OPS)
        print_targets();
    if (command->id == CMD_COMPILE)
        print_passes();
    if (command->id != CMD_COMPILE)
        return;
    printf("\nOther commands (each has --help):\n");
    for (int i = 1; i < N_COMMANDS; i++)
        printf("  %-9s %s\n", commands[i].name, commands[i].summary);
    printf("\nExit status: 0 fine, 1 failed, 2 wrong usage, 3 unsupported operator.\n");
}

/* Runs a command with its own, possibly limited, arena. */
static int run_command(const CommandInfo *command, const Options *o)
{
    Arena *arena = arena_new((size_t)o->max_memory);
    if (arena == NULL || setjmp(*arena_on_oom(arena)) != 0) {
        fprintf(stderr, "cnncc: error: out of memory\n");
        arena_free(arena);
        return STATUS_FAILED;
    }
    Cli c = {.arena = arena, .o = o};
    c.diag.arena = arena;
    c.diag.file = o->model ? o->model : "cnncc";
    c.diag.sink = print_diagnostic;
    int status = command->run(&c);
    arena_free(arena);
    return status;
}

/* Parses and runs; `a` holds the options. */
static int run_arguments(Arena *a, int argc, char **argv)
{
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        printf("cnncc %s (JIT: %s)\n", CNNCC_VERSION, jit_available() ? "LLVM" : "not built in");
        return STATUS_OK;
    }
    const CommandInfo *command = &commands[0];
    for (int i = 1; argc >= 2 && i < N_COMMANDS; i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            command = &commands[i];
    int skip = command->name ? 2 : 1;
    Diag diag = {.arena = a, .file = "cnncc", .sink = print_diagnostic};
    Options o;
    if (!options_parse(a, &diag, command->id, argc - (argc < skip ? argc : skip), argv + skip, &o))
        return STATUS_USAGE;
    if (o.help) {
        print_help(command);
        return STATUS_OK;
    }
    return run_command(command, &o);
}

int main(int argc, char **argv)
{
    Arena *a = arena_new(0);
    int status = STATUS_FAILED;
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0)
        fprintf(stderr, "cnncc: error: out of memory\n");
    else
        status = run_arguments(a, argc, argv);
    arena_free(a);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "cnncc: error: cannot write to standard output: %s\n", strerror(errno));
        return STATUS_FAILED;
    }
    return status;
}
