/* The table of options and the parser that reads it.
 *
 * An option is `--name VALUE`, `--name=VALUE`, `-x VALUE` or a flag. Values are checked here
 * (numbers, sizes, choices), so commands find only legal ones. `--` ends the options. */
#include "driver/options.h"

#include "driver/choices.h"
#include "driver/cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef enum OptionKind {
    OPT_FLAG,   /* bool */
    OPT_STRING, /* const char * */
    OPT_LIST,   /* StringList, may be given many times */
    OPT_CHOICE, /* const char *, one of the words in `metavar` */
    OPT_COUNT,  /* int64_t >= 1 */
    OPT_SEED,   /* int64_t >= 0 */
    OPT_SIZE,   /* int64_t bytes >= 1, with an optional suffix K, M or G */
    OPT_REAL,   /* finite double */
    OPT_AMOUNT, /* finite double >= 0 */
    OPT_SCALE,  /* finite double > 0, in single precision too */
} OptionKind;

typedef struct Option {
    const char *name; /* without the dashes */
    char letter;      /* short form, or 0 */
    OptionKind kind;
    unsigned commands;
    size_t offset; /* in Options */
    const char *metavar;
    const char *help;
} Option;

enum {
    ALL_MODEL = CMD_COMPILE | CMD_RUN | CMD_VERIFY | CMD_BENCH | CMD_EXPLAIN,
    ALL_BUILD = CMD_RUN | CMD_VERIFY | CMD_BENCH,
    ALL = ALL_MODEL | CMD_OPS,
};

#define FIELD(f) offsetof(Options, f)

static const Option options[] = {
    {"output", 'o', OPT_STRING, CMD_COMPILE, FIELD(output), "OUT.c",
     "the C file to write; OUT.h (and OUT.c.weights) go beside it"},
    {"output", 'o', OPT_STRING, CMD_RUN, FIELD(output), "DIR",
     "write every output to a file in DIR instead of printing it"},
    {"name", 0, OPT_STRING, CMD_COMPILE, FIELD(name), "NAME",
     "prefix of the emitted identifiers (default: the model's file name)"},
    {"backend", 0, OPT_CHOICE, CMD_RUN, FIELD(backend), "interp|c|jit",
     "what runs the network (default: jit, or c where the JIT is not built in)"},
    {"backend", 0, OPT_STRING, CMD_VERIFY, FIELD(backend), "LIST",
     "back ends to check, of interp, c, jit, with commas between (default: all);\n"
     "a model in QDQ form is checked against its integers, and those against the model"},
    {"backend", 0, OPT_STRING, CMD_BENCH, FIELD(backend), "LIST",
     "what to measure, of interp, c, jit, with commas between; several alternate\n"
     "(default: jit, or c where the JIT is not built in)"},
    {"cc", 0, OPT_LIST, ALL_BUILD, FIELD(compilers), "COMMAND",
     "C compiler of the c back end (default: $CC, or cc); verify and bench take several"},
    {"input", 'i', OPT_LIST, CMD_RUN | CMD_VERIFY, FIELD(inputs), "[INPUT=]FILE",
     "a tensor (.npy, .pb) or a picture (PNG, JPEG) for an input"},
    {"mean", 0, OPT_REAL, CMD_RUN | CMD_VERIFY, FIELD(mean), "X",
     "pictures: subtracted from the pixels, which are 0 to 1 (default 0)"},
    {"std", 0, OPT_SCALE, CMD_RUN | CMD_VERIFY, FIELD(std), "X",
     "pictures: divides what is left (default 1)"},
    {"random", 0, OPT_SEED, CMD_RUN, FIELD(random), "SEED",
     "random numbers for the inputs that no -i names"},
    {"format", 0, OPT_CHOICE, CMD_RUN, FIELD(format), "npy|pb|png",
     "the form of the files that -o writes (default npy)"},
    {"test-data", 0, OPT_STRING, CMD_VERIFY, FIELD(test_data), "DIR",
     "take input_K.pb from DIR and expect output_K.pb"},
    {"range-tol", 0, OPT_AMOUNT, CMD_VERIFY, FIELD(range_tol), "T",
     "tolerance as a part of the expected output's range, 0 taken in (default 1e-4;\n"
     "f16 2^-9, bf16 2^-6; 0 when --rtol or --atol is given)"},
    {"rtol", 0, OPT_AMOUNT, CMD_VERIFY, FIELD(rtol), "R",
     "tolerance as a part of each expected element (default 0)"},
    {"atol", 0, OPT_AMOUNT, CMD_VERIFY, FIELD(atol), "A",
     "absolute tolerance (default 0); the three are added"},
    {"per-node", 0, OPT_FLAG, CMD_VERIFY | CMD_BENCH, FIELD(per_node), NULL,
     "verify: compare every intermediate value and name the first node that differs;\n"
     "bench: the time of every node, by the JIT"},
    {"seed", 0, OPT_SEED, CMD_VERIFY | CMD_BENCH, FIELD(seed), "N",
     "of the random inputs (default 1)"},
    {"runs", 0, OPT_COUNT, CMD_BENCH, FIELD(runs), "N",
     "how often to run, in each round (default: as often as fits in two seconds)"},
    {"rounds", 0, OPT_COUNT, CMD_BENCH, FIELD(rounds), "N",
     "in each round everything that is measured does its runs in turn (default 1)"},
    {"beside", 0, OPT_STRING, CMD_BENCH, FIELD(beside), "COMMAND",
     "a peer to compare with: for each line it reads, a number of runs, it prints\n"
     "a line with their milliseconds; the ratio is the median of the rounds' ratios"},
    {"json", 0, OPT_FLAG, CMD_BENCH | CMD_EXPLAIN, FIELD(json), NULL, "print JSON"},
    {"target", 0, OPT_STRING, ALL_MODEL, FIELD(target), "TARGET",
     "the machine to compile for (default native)"},
    {"threads", 0, OPT_COUNT, ALL_MODEL, FIELD(threads), "N",
     "threads that one run uses (default 1)"},
    {"dim", 0, OPT_LIST, ALL_MODEL, FIELD(dims), "SYM=N", "the extent of a symbolic dimension"},
    {"freeze", 0, OPT_LIST, ALL_MODEL, FIELD(freezes), "INPUT=FILE|NUMBERS",
     "make an input a constant: the tensor in FILE, or numbers (1, [2,3], true)"},
    {"conv", 0, OPT_CHOICE, ALL_MODEL, FIELD(conv), CONV_CHOICES,
     "the algorithm of convolutions (default auto)"},
    {"winograd-error", 0, OPT_AMOUNT, ALL_MODEL, FIELD(winograd_error), "E",
     "take Winograd only where its error, measured on the weights, is at most this\n"
     "part of the greatest output (default 2e-5; explain prints the errors)"},
    {"tune", 0, OPT_STRING, ALL_MODEL, FIELD(tune), "FILE",
     "measure the ways to compute each convolution here, take the fastest, write\n"
     "the plan to FILE"},
    {"plan", 0, OPT_STRING, ALL_MODEL, FIELD(plan), "FILE",
     "take the plan that --tune wrote to FILE: the same code again"},
    {"keep-denormals", 0, OPT_FLAG, ALL_MODEL, FIELD(keep_denormals), NULL,
     "leave denormal weights as they are: exact, and slow"},
    {"weights", 0, OPT_CHOICE, CMD_COMPILE, FIELD(weights), WEIGHTS_CHOICES,
     "where weights go: C text, a file that the assembler takes in, a file that\n"
     "the caller loads (default auto: text while small, otherwise incbin)"},
    {"dump", 0, OPT_STRING, ALL_MODEL, FIELD(dump), "PASS",
     "print the graph after a pass (or `import`, `kernels`, `all`)"},
    {"stop-after", 0, OPT_STRING, CMD_COMPILE, FIELD(stop_after), "PASS",
     "end behind this pass, writing nothing"},
    {"time", 0, OPT_FLAG, ALL_MODEL, FIELD(time), NULL, "print the time of each step"},
    {"max-memory", 0, OPT_SIZE, ALL_MODEL, FIELD(max_memory), "SIZE",
     "fail when the compilation needs more (suffixes K, M, G)"},
    {"help", 'h', OPT_FLAG, ALL, FIELD(help), NULL, "print this"},
};

enum { N_OPTIONS = sizeof options / sizeof options[0] };

/* The row of `--name` (n characters) or of a letter, for this command; NULL when there is none. */
static const Option *find_option(Command command, const char *name, size_t n, char letter)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const Option *o = &options[i];
        if (!(o->commands & command))
            continue;
        if (letter ? o->letter == letter : strlen(o->name) == n && memcmp(o->name, name, n) == 0)
            return o;
    }
    return NULL;
}

/* A whole number from `low` on; with `suffix`, K, M or G may follow. */
static bool parse_integer(const char *text, int64_t low, bool suffix, int64_t *value)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    int shift = 0;
    if (suffix && end != text && *end && strchr("KMG", *end)) {
        shift = *end == 'K' ? 10 : *end == 'M' ? 20 : 30;
        end++;
    }
    if (errno || end == text || *end || v < low || v > (INT64_MAX >> shift))
        return false;
    *value = (int64_t)v << shift;
    return true;
}

static bool parse_real(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*value);
}

static bool store_real(Diag *d, const Option *opt, const char *text, double *value)
{
    bool ok = parse_real(text, value);
    const char *range = "";
    if (opt->kind == OPT_AMOUNT) {
        ok = ok && *value >= 0;
        range = " from 0 on";
    } else if (opt->kind == OPT_SCALE) {
        ok = ok && (float)*value > 0;
        range = " above 0";
    }
    return ok || usage_error(d, "--%s takes a number%s, not \"%s\"", opt->name, range, text);
}

/* Stores an option's value in its field. */
static bool store_value(Arena *a, Diag *d, const Option *opt, const char *value, Options *o)
{
    void *field = (char *)o + opt->offset;
    int64_t low = opt->kind == OPT_SEED ? 0 : 1;
    switch (opt->kind) {
    case OPT_FLAG:
        *(bool *)field = true;
        return true;
    case OPT_LIST: {
        StringList *list = field;
        ARENA_PUSH(a, list, item, n, cap, value);
        return true;
    }
    case OPT_CHOICE:
        if (choice_index(opt->metavar, value) < 0)
            return usage_error(d, "--%s is %s, not \"%s\"", opt->name, opt->metavar, value);
        *(const char **)field = value;
        return true;
    case OPT_STRING:
        *(const char **)field = value;
        return true;
    case OPT_REAL:
    case OPT_AMOUNT:
    case OPT_SCALE:
        return store_real(d, opt, value, field);
    default:
        if (!parse_integer(value, low, opt->kind == OPT_SIZE, field))
            return usage_error(d, "--%s takes a whole number from %d on, not \"%s\"", opt->name,
                               (int)low, value);
        return true;
    }
}

/* Parses the option at argv[*i] and steps over its value. */
static bool parse_option(Arena *a, Diag *d, Command command, int argc, char **argv, int *i,
                         Options *o)
{
    const char *arg = argv[*i];
    bool is_long = arg[1] == '-';
    const char *name = arg + 2, *equals = is_long ? strchr(name, '=') : NULL;
    size_t n = !is_long ? 0 : equals ? (size_t)(equals - name) : strlen(name);
    char letter = arg[1];
    if (is_long)
        letter = '\0';
    const Option *opt = find_option(command, name, n, letter);
    if (opt == NULL || (!is_long && arg[2]))
        return usage_error(d, "unknown option \"%s\"", arg);
    const char *value = equals ? equals + 1 : NULL;
    if (opt->kind == OPT_FLAG && value)
        return usage_error(d, "--%s takes no value", opt->name);
    if (opt->kind != OPT_FLAG && value == NULL) {
        if (*i + 1 >= argc)
            return usage_error(d, "%s needs a value: %s", arg, opt->metavar);
        value = argv[++*i];
    }
    return store_value(a, d, opt, value, o);
}

bool options_parse(Arena *a, Diag *d, Command command, int argc, char **argv, Options *o)
{
    *o = (Options){.threads = 1,
                   .rounds = 1,
                   .seed = 1,
                   .random = -1,
                   .std = 1,
                   .rtol = -1,
                   .atol = -1,
                   .range_tol = -1,
                   .winograd_error = -1};
    bool only_operands = false;
    for (int i = 0; i < argc; i++) {
        if (!only_operands && strcmp(argv[i], "--") == 0) {
            only_operands = true;
        } else if (!only_operands && argv[i][0] == '-' && argv[i][1]) {
            if (!parse_option(a, d, command, argc, argv, &i, o))
                return false;
        } else if (!(command & ALL_MODEL)) {
            return usage_error(d, "unexpected argument \"%s\"", argv[i]);
        } else if (o->model) {
            return usage_error(d, "one model at a time: \"%s\" and \"%s\"", o->model, argv[i]);
        } else {
            o->model = argv[i];
        }
    }
    if ((command & ALL_MODEL) && o->model == NULL && !o->help)
        return usage_error(d, "no model given");
    return true;
}

void options_help(FILE *to, Command command)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const Option *o = &options[i];
        if (!(o->commands & command))
            continue;
        char left[64];
        snprintf(left, sizeof left, "%s%c%s--%s%s%s", o->letter ? "-" : "  ",
                 o->letter ? o->letter : ' ', o->letter ? ", " : " ", o->name,
                 o->metavar ? " " : "", o->metavar ? o->metavar : "");
        fprintf(to, "  %-38s ", left);
        for (const char *p = o->help; *p; p++) {
            fputc(*p, to);
            if (*p == '\n')
                fprintf(to, "%41s", "");
        }
        fputc('\n', to);
    }
}
