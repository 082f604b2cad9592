/* conformance: ONNX's own backend tests, run through one of our back ends.
 *
 *     conformance --engine E --root DIR [--target T] [--list FILE | --all] [-v] [NAME...]
 *     conformance --engine E [--target T] --random N [--seed S]
 *
 * DIR is the folder `data` of ONNX's backend tests (node/, simple/, pytorch-converted/…); names
 * are folders in it. With --list every test of the file must pass. With --all, every test below
 * DIR runs, and what the compiler does not support counts as skipped. Comparison: types and shapes
 * equal, |got - want| <= 1e-5 + 1e-3 |want| as in ONNX's own runner, integers exactly. Inputs that
 * must be known at compile time are frozen from the data set, and the report names them. With
 * --random, N random networks of seeds S, S+1, … run against the interpreter. Exit
 * status: 0 all passed, 1 failures, 2 usage, 77 no tests here. */
#include "driver/compare.h"
#include "tests/conformance/engine.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, EXIT_SKIPPED = 77, MAX_CASES = 4096 };

typedef struct Session {
    const Engine *engine;
    const Target *target;
    const char *root, *list;
    bool all, verbose;
    long random, seed;
    Case *cases[MAX_CASES];
    int n_cases;
    int passed, failed, skipped, frozen;
} Session;

/* ---- results ---- */

static void report(Session *s, const char *result, const Case *c)
{
    bool ok = strcmp(result, "pass") == 0;
    if (!ok || s->verbose)
        printf("%s %s%s%s%s%s\n", result, c->name, ok ? "" : ": ",
               ok || c->diag.first == NULL ? "" : c->diag.first, *c->frozen ? "  frozen:" : "",
               c->frozen);
}

static void count(Session *s, Case *c, bool ok)
{
    bool skip = !ok && s->all && c->diag.status == STATUS_UNSUPPORTED;
    report(s, ok ? "pass" : skip ? "skip" : "FAIL", c);
    s->passed += ok;
    s->skipped += skip;
    s->failed += !ok && !skip;
    s->frozen += ok && *c->frozen;
}

/* ---- one case ---- */

static bool check_output(Case *c, const Value *v, const Tensor *got, const Tensor *want)
{
    static const Tolerance tolerance = {.rtol = 1e-3, .atol = 1e-5};
    if (got->dtype != want->dtype || !shape_equal(&got->shape, &want->shape))
        return diag_error(&c->diag, "output \"%s\" is %s%s, expected %s%s", v->name,
                          dtype_name(got->dtype), shape_str(c->arena, &got->shape),
                          dtype_name(want->dtype), shape_str(c->arena, &want->shape));
    Difference d = tensor_compare(got, want, tolerance);
    return d.n_wrong == 0 ||
           diag_error(&c->diag, "output \"%s\": %lld wrong; at %s %.9g, expected %.9g", v->name,
                      (long long)d.n_wrong, position_str(c->arena, &want->shape, d.at), d.got,
                      d.want);
}

static bool run_set(const Session *s, Case *c, const DataSet *set)
{
    const Graph *g = c->graph;
    const Tensor **in = ARENA_ARRAY(c->arena, const Tensor *, g->n_inputs + 1);
    Tensor **out = ARENA_ARRAY(c->arena, Tensor *, g->n_outputs + 1);
    for (int i = 0; i < g->n_outputs; i++)
        out[i] = tensor_new(c->arena, g->outputs[i]->dtype, &g->outputs[i]->shape);
    if (g->n_outputs != set->n_out)
        return diag_error(&c->diag, "the model has %d outputs, the data %d", g->n_outputs,
                          set->n_out);
    if (!case_inputs(c, set, in) || !s->engine->run(c, in, out))
        return false;
    for (int i = 0; i < g->n_outputs; i++)
        if (!check_output(c, g->outputs[i], out[i], set->out[i]))
            return false;
    return true;
}

static bool run_case(const Session *s, Case *c)
{
    if (setjmp(*arena_on_oom(c->arena)) != 0)
        return diag_error(&c->diag, "out of memory");
    for (int i = 0; i < c->n_sets; i++)
        if (!run_set(s, c, &c->sets[i]))
            return false;
    return true;
}

/* Loads and prepares with as few frozen inputs as it takes. All are frozen only where the import
 * needs it: a network of constants would prove nothing about a back end. */
static bool prepare_case(const Session *s, Case *c)
{
    if (setjmp(*arena_on_oom(c->arena)) != 0)
        return diag_error(&c->diag, "out of memory");
    for (int f = FREEZE_NONE; f < N_FREEZE; f++) {
        bool loaded = case_load(c, (Freeze)f, s->target);
        if (loaded && s->engine->prepare(c))
            return true;
        if (c->diag.status != STATUS_UNSUPPORTED || (loaded && f == FREEZE_ALL_BUT_FIRST))
            return false;
    }
    return false;
}

/* ---- the list ----
 *
 * A line is a name, and behind it the engines that can run it when not all can ("interp" stands
 * for all that begin so); '#' starts a comment. */

static bool engine_listed(const Session *s, const char *engines)
{
    size_t n = strcspn(engines, " \t");
    return n == 0 || strncmp(s->engine->name, engines, n) == 0;
}

static void add_case(Session *s, Case *c, const char *name)
{
    if (c == NULL || s->n_cases == MAX_CASES) {
        printf("FAIL %s: no such test\n", name);
        s->failed++;
        return;
    }
    if (c->diag.n_errors > 0)
        c->diag.status = STATUS_UNSUPPORTED; /* its data are no tensors */
    else if (prepare_case(s, c)) {
        s->cases[s->n_cases++] = c;
        return;
    }
    count(s, c, false);
    case_free(c);
}

static bool read_list(Session *s)
{
    char line[512];
    FILE *f = fopen(s->list, "r");
    if (f == NULL)
        return false;
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "#\r\n")] = '\0';
        size_t n = strcspn(line, " \t");
        const char *engines = line + n + strspn(line + n, " \t");
        bool wanted = engine_listed(s, engines);
        line[n] = '\0';
        if (n > 0 && wanted)
            add_case(s, case_open(s->root, line), line);
    }
    fclose(f);
    return true;
}

/* Every folder root/group/name. */
static void add_all(Session *s)
{
    struct dirent **groups, **tests;
    char path[1024];
    int n_groups = scandir(s->root, &groups, NULL, alphasort);
    for (int i = 0; i < n_groups; i++) {
        snprintf(path, sizeof path, "%s/%s", s->root, groups[i]->d_name);
        int n = groups[i]->d_name[0] == '.' ? -1 : scandir(path, &tests, NULL, alphasort);
        for (int k = 0; k < n; k++) {
            snprintf(path, sizeof path, "%s/%s", groups[i]->d_name, tests[k]->d_name);
            char model[2048];
            snprintf(model, sizeof model, "%s/%s/model.onnx", s->root, path);
            if (access(model, R_OK) == 0)
                add_case(s, case_open(s->root, path), path);
            free(tests[k]);
        }
        if (n >= 0)
            free(tests);
        free(groups[i]);
    }
    if (n_groups >= 0)
        free(groups);
}

/* ---- command line ---- */

static int usage(void)
{
    fprintf(stderr, "usage: conformance --engine E --root DIR [--target T] [--list FILE | --all] "
                    "[-v] [NAME...]\nengines:");
    for (int i = 0; engine_at(i); i++)
        fprintf(stderr, " %s", engine_at(i)->name);
    fprintf(stderr, "\n");
    return EXIT_USAGE;
}

/* Index of the first name; -1 for a wrong command line. */
static int parse(Session *s, int argc, char **argv, const char **engine)
{
    const char *target = "native", *random = "0", *seed = "1";
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        const char **value = strcmp(argv[i], "--engine") == 0   ? engine
                             : strcmp(argv[i], "--root") == 0   ? &s->root
                             : strcmp(argv[i], "--target") == 0 ? &target
                             : strcmp(argv[i], "--list") == 0   ? &s->list
                             : strcmp(argv[i], "--random") == 0 ? &random
                             : strcmp(argv[i], "--seed") == 0   ? &seed
                                                                : NULL;
        if (strcmp(argv[i], "--all") == 0)
            s->all = true;
        else if (strcmp(argv[i], "-v") == 0)
            s->verbose = true;
        else if (value && i + 1 < argc)
            *value = argv[++i];
        else
            return -1;
    }
    s->target = target_find(target);
    s->random = strtol(random, NULL, 10);
    s->seed = strtol(seed, NULL, 10);
    return s->target && *engine && (s->root || s->random > 0) ? i : -1;
}

int main(int argc, char **argv)
{
    static Session s;
    const char *engine = NULL;
    int names = parse(&s, argc, argv, &engine);
    if (names < 0)
        return usage();
    s.engine = engine_find(engine);
    bool compiled = strncmp(engine, "interp", 6) != 0;
    const char *missing = s.engine == NULL                          ? engine
                          : s.root && access(s.root, R_OK) != 0     ? s.root
                          : compiled && !target_runs_here(s.target) ? s.target->name
                                                                    : NULL;
    if (missing) {
        printf("skipped: %s is not to be had here\n", missing);
        return EXIT_SKIPPED;
    }
    if (s.list && !read_list(&s))
        return usage();
    if (s.all)
        add_all(&s);
    for (int i = names; i < argc; i++)
        add_case(&s, case_open(s.root, argv[i]), argv[i]);
    for (long i = 0; i < s.random; i++)
        add_case(&s, case_random((uint64_t)(s.seed + i)), "random");
    if (s.engine->finish)
        s.engine->finish(s.cases, s.n_cases);
    for (int i = 0; i < s.n_cases; i++) {
        count(&s, s.cases[i], s.cases[i]->diag.n_errors == 0 && run_case(&s, s.cases[i]));
        case_free(s.cases[i]);
    }
    printf("%s %s: %d passed (%d with frozen inputs), %d failed, %d skipped\n", engine,
           s.target->name, s.passed, s.frozen, s.failed, s.skipped);
    return s.failed ? 1 : 0;
}
