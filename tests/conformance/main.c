/* conformance: ONNX's own backend tests, run through one of our back ends.
 *
 *     conformance --engine E --root DIR [--target T] [--exclude FILE [--stale]] [--at-least N] [-v]
 *                 [PATTERN...]
 *     conformance --engine E [--target T] --random N [--seed S]
 *
 * DIR is the folder `data` of ONNX's backend tests (node/, simple/, pytorch-converted/…). Every
 * test in it runs and must pass, but for those that FILE excuses this engine from (see exclude.h);
 * with --stale only these run, and one that passes is a failure: its line is to be deleted. With
 * patterns (`node/test_tile*`) only the tests that match run, excused or not.
 * Comparison: types and shapes equal, |got - want| <= 1e-5 + 1e-3 |want| as in ONNX's own runner,
 * integers exactly, bfloat16 but for the last bit (the data were cut off where ONNX now rounds).
 * Inputs that must be known at compile time are frozen from the data set, and the report names
 * them. With --random, N random networks of seeds S, S+1, … run against the interpreter. A run of
 * no test at all, or with fewer than --at-least N that pass, is a failure. Exit status: 0 all
 * passed, 1 failures, 2 usage, 77 no tests here. */
#include "driver/compare.h"
#include "tests/conformance/engine.h"
#include "tests/conformance/exclude.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, EXIT_SKIPPED = 77, MAX_CASES = 4096 };

typedef struct Session {
    const Engine *engine;
    const Target *target;
    const char *root;
    char *const *patterns;
    int n_patterns;
    Exclusions exclusions;
    bool stale, verbose;
    long random, seed, at_least;
    Case *cases[MAX_CASES];
    int n_cases;
    int passed, failed, frozen, not_yet, not_countable;
} Session;

/* ---- results ---- */

/* A message that stands without the test's name in front, which the line has already. */
static const char *message(const Case *c)
{
    const char *text = c->diag.first ? c->diag.first : "";
    size_t n = strlen(c->name);
    return strncmp(text, c->name, n) == 0 && text[n] == ':' ? text + n + 1 + (text[n + 1] == ' ')
                                                            : text;
}

static void count(Session *s, const Case *c, bool ok)
{
    bool good = ok != s->stale;
    if (!good || s->verbose)
        printf("%s %s%s%s%s%s\n",
               ok         ? s->stale ? "STALE" : "pass"
               : s->stale ? "fails"
                          : "FAIL",
               c->name, ok ? "" : ": ", ok ? "" : message(c), *c->frozen ? "  frozen:" : "",
               c->frozen);
    s->passed += ok;
    s->failed += !good;
    s->frozen += ok && *c->frozen;
}

/* ---- one case ---- */

static bool check_output(Case *c, const Value *v, const Tensor *got, const Tensor *want)
{
    Tolerance tolerance = {.rtol = want->dtype == DT_BF16 ? 0x1p-7 : 1e-3, .atol = 1e-5};
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

/* ---- which tests ---- */

static void add_case(Session *s, Case *c, const char *name)
{
    if (c == NULL || s->n_cases == MAX_CASES) {
        printf("FAIL %s: cannot be read\n", name);
        s->failed++;
        return;
    }
    if (c->diag.n_errors == 0 && prepare_case(s, c)) {
        s->cases[s->n_cases++] = c;
        return;
    }
    count(s, c, false);
    case_free(c);
}

/* Whether this run is to do the test. */
static bool is_wanted(Session *s, const char *name)
{
    for (int i = 0; i < s->n_patterns; i++)
        if (fnmatch(s->patterns[i], name, 0) == 0)
            return true;
    if (s->n_patterns > 0)
        return false;
    const Exclusion *x = exclusion_find(&s->exclusions, name, s->engine->name);
    s->not_yet += x && x->countable;
    s->not_countable += x && !x->countable;
    return s->stale ? x != NULL : x == NULL;
}

/* The tests of one group. */
static void add_group(Session *s, const char *group)
{
    struct dirent **tests;
    char path[1024], model[2048];
    snprintf(path, sizeof path, "%s/%s", s->root, group);
    int n = scandir(path, &tests, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%s", group, tests[i]->d_name);
        snprintf(model, sizeof model, "%s/%s/model.onnx", s->root, path);
        if (access(model, R_OK) == 0 && is_wanted(s, path))
            add_case(s, case_open(s->root, path), path);
        free(tests[i]);
    }
    if (n >= 0)
        free(tests);
}

/* ---- command line ---- */

static int usage(void)
{
    fprintf(stderr, "usage: conformance --engine E --root DIR [--target T] [--exclude FILE "
                    "[--stale]] [--at-least N] [-v] [PATTERN...]\nengines:");
    for (int i = 0; engine_at(i); i++)
        fprintf(stderr, " %s", engine_at(i)->name);
    fprintf(stderr, "\n");
    return EXIT_USAGE;
}

/* False for a wrong command line. */
static bool parse(Session *s, int argc, char **argv, const char **engine, const char **exclude)
{
    const char *target = "native", *random = "0", *seed = "1", *at_least = "0";
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        const char **value = strcmp(argv[i], "--engine") == 0     ? engine
                             : strcmp(argv[i], "--root") == 0     ? &s->root
                             : strcmp(argv[i], "--target") == 0   ? &target
                             : strcmp(argv[i], "--exclude") == 0  ? exclude
                             : strcmp(argv[i], "--random") == 0   ? &random
                             : strcmp(argv[i], "--seed") == 0     ? &seed
                             : strcmp(argv[i], "--at-least") == 0 ? &at_least
                                                                  : NULL;
        if (strcmp(argv[i], "--stale") == 0)
            s->stale = true;
        else if (strcmp(argv[i], "-v") == 0)
            s->verbose = true;
        else if (value && i + 1 < argc)
            *value = argv[++i];
        else
            return false;
    }
    s->patterns = argv + i;
    s->n_patterns = argc - i;
    s->target = target_find(target);
    s->random = strtol(random, NULL, 10);
    s->seed = strtol(seed, NULL, 10);
    s->at_least = strtol(at_least, NULL, 10);
    return s->target && *engine && (s->root || s->random > 0);
}

static void summary(const Session *s)
{
    printf("%s %s: ", s->engine->name, s->target->name);
    if (s->stale)
        printf("%d of %d excluded tests pass\n", s->passed, s->not_yet + s->not_countable);
    else
        printf("%d passed (%d with frozen inputs), %d failed; of %d countable tests %d are "
               "excluded, of others %d\n",
               s->passed, s->frozen, s->failed, s->passed + s->failed + s->not_yet, s->not_yet,
               s->not_countable);
}

/* Whether the run proves what it is for. With --stale there may be nothing to run. */
static bool is_good(const Session *s)
{
    long least = s->stale ? 0 : s->at_least > 1 ? s->at_least : 1;
    if (s->passed < least)
        printf("FAIL: %d passed, at least %ld should\n", s->passed, least);
    return s->failed == 0 && s->passed >= least;
}

int main(int argc, char **argv)
{
    static const char *const groups[] = {"node", "simple", "pytorch-converted", "pytorch-operator"};
    static Session s;
    const char *engine = NULL, *exclude = NULL;
    if (!parse(&s, argc, argv, &engine, &exclude))
        return usage();
    s.engine = engine_find(engine);
    s.exclusions.arena = arena_new(0);
    bool compiled = strncmp(engine, "interp", 6) != 0;
    const char *missing = s.engine == NULL                          ? engine
                          : s.root && access(s.root, R_OK) != 0     ? s.root
                          : compiled && !target_runs_here(s.target) ? s.target->name
                                                                    : NULL;
    if (missing) {
        printf("skipped: %s is not to be had here\n", missing);
        return EXIT_SKIPPED;
    }
    if (exclude && !exclusions_read(&s.exclusions, exclude))
        return EXIT_USAGE;
    for (size_t i = 0; s.root && i < sizeof groups / sizeof groups[0]; i++)
        add_group(&s, groups[i]);
    for (long i = 0; i < s.random; i++)
        add_case(&s, case_random((uint64_t)(s.seed + i)), "random");
    if (s.engine->finish)
        s.engine->finish(s.cases, s.n_cases);
    for (int i = 0; i < s.n_cases; i++) {
        count(&s, s.cases[i], s.cases[i]->diag.n_errors == 0 && run_case(&s, s.cases[i]));
        case_free(s.cases[i]);
    }
    summary(&s);
    arena_free(s.exclusions.arena);
    return is_good(&s) ? 0 : 1;
}
