/* Emitted C: every case's file in one temporary folder, compiled in groups into shared objects.
 *
 * Comes in: lowered cases. Goes out: cases with a function to call. A group is one translation
 * unit, since the compiler takes longer for the vector intrinsics' header than for a case; each
 * file's static names get the case's prefix by macros around its #include. A group that does not
 * compile is compiled again case by case, so that the ones at fault are named.
 * Holds: the folder is removed before finish returns; loaded objects stay until the process ends.
 */
#include "tests/conformance/engine_c.h"

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GROUP = 64 };

/* In a build with sanitizers the emitted C has them too. */
#ifdef CNNCC_TEST_SANITIZE
#define SANITIZE "-fsanitize=address,undefined",
#else
#define SANITIZE
#endif

/* For the target c99 the emitted C is what every compiler of that standard takes, in silence. */
static char *const strict_flags[] = {
    "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", NULL,
};
static char *const other_flags[] = {"-w", NULL};

typedef int (*ShimFunction)(const void *const *in, void *const *out, void *arena);

typedef struct CCase {
    const EmittedC *emitted;
    char *identifier; /* prefix of the case's names: "m12" */
    char *part;       /* C text: the case's file with its names made unique, and the shim */
    ShimFunction run;
    int64_t arena_bytes;
} CCase;

/* The file-level name that a line `static …`, `SIMD …`, `KERNEL …` or `typedef …` declares, with
 * its length: the last identifier in front of the first bracket, sign or attribute. NULL when it
 * has none. */
static const char *declared_name(const char *line, size_t *n)
{
    static const char *const letters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    const char *name = NULL;
    if (strncmp(line, "static ", 7) != 0 && strncmp(line, "SIMD ", 5) != 0 &&
        strncmp(line, "KERNEL ", 7) != 0 && strncmp(line, "typedef ", 8) != 0)
        return NULL;
    while (*line && strchr("([=;\n", *line) == NULL) {
        size_t length = strspn(line, letters);
        if (length == 13 && strncmp(line, "__attribute__", length) == 0)
            break;
        if (length > 0) {
            name = line;
            *n = length;
        }
        line += length ? length : 1;
    }
    return name;
}

/* The prefix stands in front of every static name while the file is read. */
static char *renamings(Arena *a, const char *source, const char *id, bool define)
{
    char *text = arena_strdup(a, "");
    for (const char *line = source; line && *line; line = strchr(line, '\n')) {
        line += *line == '\n';
        size_t n = 0;
        const char *name = declared_name(line, &n);
        if (name && define)
            text = arena_printf(a, "%s#undef %.*s\n#define %.*s %s_%.*s\n", text, (int)n, name,
                                (int)n, name, id, (int)n, name);
        else if (name)
            text = arena_printf(a, "%s#undef %.*s\n", text, (int)n, name);
    }
    return text;
}

/* The emitted function takes one parameter a tensor; the shim takes arrays. */
static char *part_text(Arena *a, const Program *p, const EmittedC *e, const char *id)
{
    char *args = arena_strdup(a, "");
    for (int i = 0; i < p->graph->n_inputs; i++)
        args = arena_printf(a, "%sin[%d], ", args, i);
    for (int i = 0; i < p->graph->n_outputs; i++)
        args = arena_printf(a, "%sout[%d], ", args, i);
    return arena_printf(a,
                        "%s#include \"%s.c\"\n%s"
                        "int %s_shim(const void *const *in, void *const *out, void *arena)\n"
                        "{\n    (void)in;\n    return %s_run(%sarena);\n}\n",
                        renamings(a, e->source, id, true), id, renamings(a, e->source, id, false),
                        id, id, args);
}

bool prepare_c(Case *c)
{
    static int count;
    Program *p;
    if (!engine_lower(c, &p))
        return false;
    CCase *e = ARENA_NEW(c->arena, CCase);
    e->identifier = arena_printf(c->arena, "m%d", count++);
    EmitOptions options = {.name = e->identifier, .options = "", .weights = WEIGHTS_ARRAY};
    e->emitted = emit_c(c->arena, p, arena_printf(c->arena, "%s.c", e->identifier), &options);
    if (e->emitted == NULL)
        return c->diag.n_errors > 0 ? false : diag_error(&c->diag, "no C was emitted");
    e->part = part_text(c->arena, p, e->emitted, e->identifier);
    e->arena_bytes = p->arena_bytes;
    c->engine = e;
    return true;
}

static bool write_case(Case *c, const char *folder)
{
    const CCase *e = c->engine;
    const char *base = arena_printf(c->arena, "%s/%s", folder, e->identifier);
    return file_write(&c->diag, c->arena, arena_printf(c->arena, "%s.c", base), e->emitted->source,
                      e->emitted->source_bytes) &&
           file_write(&c->diag, c->arena, arena_printf(c->arena, "%s.h", base), e->emitted->header,
                      e->emitted->header_bytes);
}

/* Runs the compiler in the folder; its messages go to the file "log". */
static bool run_compiler(const char *folder, char *const *argv)
{
    pid_t child = fork();
    if (child == 0) {
        int log = -1;
        if (chdir(folder) == 0)
            log = open("log", O_WRONLY | O_CREAT | O_TRUNC, 0600);
        if (log >= 0 && dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0)
            execvp(argv[0], argv);
        _exit(127);
    }
    int status = 1;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

static char **compiler_line(const Case *c, const char *compiler, char *file, char *object)
{
    char *const common[] = {"-O1", SANITIZE "-shared", "-fPIC", "-o", object, file, "-lm"};
    enum { N_COMMON = sizeof common / sizeof common[0], MAX_FLAGS = 8 };
    bool strict = strcmp(c->graph->target->name, "c99") == 0;
    char **argv = ARENA_ARRAY(c->arena, char *, 1 + MAX_FLAGS + N_COMMON + 1);
    int n = 0;
    argv[n++] = arena_strdup(c->arena, compiler);
    for (char *const *flag = strict ? strict_flags : other_flags; *flag; flag++)
        argv[n++] = *flag;
    memcpy(argv + n, common, sizeof common);
    return argv;
}

/* Compiles `n` cases into folder/object and finds their functions. */
static bool compile_group(Case *const *cases, int n, const char *folder, const char *compiler)
{
    Arena *a = cases[0]->arena;
    const CCase *first = cases[0]->engine;
    char *unit = arena_strdup(a, ""), *file = arena_printf(a, "unit_%s.c", first->identifier);
    char *object = arena_printf(a, "./%s.so", first->identifier);
    char **argv = compiler_line(cases[0], compiler, file, object);
    for (int i = 0; i < n; i++)
        unit = arena_printf(a, "%s%s", unit, ((const CCase *)cases[i]->engine)->part);
    if (!file_write(&cases[0]->diag, a, arena_printf(a, "%s/%s", folder, file), unit, strlen(unit)))
        return false;
    if (!run_compiler(folder, argv))
        return false;
    void *handle = dlopen(arena_printf(a, "%s/%s", folder, object), RTLD_NOW | RTLD_LOCAL);
    for (int i = 0; handle && i < n; i++) {
        CCase *e = cases[i]->engine;
        void *symbol = dlsym(handle, arena_printf(a, "%s_shim", e->identifier));
        memcpy(&e->run, &symbol, sizeof e->run);
    }
    return handle != NULL;
}

/* The first lines of the compiler's messages. */
static void report_log(Case *c, const char *folder, const char *compiler)
{
    size_t bytes = 0;
    char *save = NULL;
    char *log =
        (char *)file_read(c->arena, &c->diag, arena_printf(c->arena, "%s/log", folder), &bytes);
    char *text = log ? arena_strndup(c->arena, log, bytes) : arena_strdup(c->arena, "");
    const char *line = strtok_r(text, "\n", &save);
    while (line && strstr(line, "error") == NULL)
        line = strtok_r(NULL, "\n", &save);
    diag_error(&c->diag, "%s fails on the emitted C: %s", compiler, line ? line : "no message");
}

static void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    for (const struct dirent *e; dir && (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            unlinkat(dirfd(dir), e->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(folder);
}

static bool finish(Case *const *cases, int n, const char *compiler)
{
    char folder[] = "/tmp/cnncc-conformance-XXXXXX";
    if (n > 0 && mkdtemp(folder) == NULL)
        return diag_error(&cases[0]->diag, "cannot make a temporary folder");
    for (int i = 0; i < n; i++)
        write_case(cases[i], folder);
    for (int i = 0; i < n; i += GROUP) {
        int count = n - i < GROUP ? n - i : GROUP;
        if (compile_group(cases + i, count, folder, compiler))
            continue;
        for (int k = i; k < i + count; k++)
            if (!compile_group(cases + k, 1, folder, compiler))
                report_log(cases[k], folder, compiler);
    }
    if (n > 0)
        remove_folder(folder);
    return true;
}

bool finish_gcc(Case *const *cases, int n)
{
    return finish(cases, n, "gcc");
}

bool finish_clang(Case *const *cases, int n)
{
    return finish(cases, n, "clang");
}

static int call_c(void *user, const void *const *in, void *const *out, void *arena)
{
    return ((const CCase *)user)->run(in, out, arena);
}

bool run_c(Case *c, const Tensor *const *in, Tensor **out)
{
    const CCase *e = c->engine;
    if (e->run == NULL)
        return diag_error(&c->diag, "the emitted C was not compiled");
    return engine_call(c, e->arena_bytes, in, out, call_c, c->engine);
}
