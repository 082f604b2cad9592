/* The C back end in-process: emit, compile, dlopen.
 *
 * The emitted function takes one parameter a tensor, so a shim of our own, compiled with it,
 * turns arrays of pointers into parameters. Everything happens in a folder made by mkdtemp, in
 * which the compiler runs, so no path needs quoting; the folder is removed on every way out. */
#include "driver/build_c.h"

#include "frontend/frontend.h"
#include "runtime/pool.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* `parallel` runs the parts of a run on the threads of `pool`; NULL for code without threads. */
typedef void Parallel(void *pool, int parts, void (*part)(void *job, int part), void *job);
typedef int (*ShimFunction)(const void *const *inputs, void *const *outputs, void *arena,
                            Parallel *parallel, void *pool);

struct CModule {
    void *handle; /* of dlopen */
    ShimFunction run;
    cnncc_pool *pool; /* NULL: one thread */
};

/* Removes the files of a flat folder, and the folder. */
static void remove_folder(void *path)
{
    const char *folder = path;
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return; /* already gone */
    for (const struct dirent *e; (e = readdir(dir)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(dir), e->d_name, 0);
    closedir(dir);
    rmdir(folder);
}

static char *make_folder(Arena *a, Diag *d)
{
    const char *parent = getenv("TMPDIR");
    char *path = arena_printf(a, "%s/cnncc-XXXXXX", parent && *parent ? parent : "/tmp");
    if (mkdtemp(path) == NULL) {
        diag_error(d, "cannot make the temporary folder %s: %s", path, strerror(errno));
        return NULL;
    }
    arena_defer(a, remove_folder, path);
    return path;
}

/* The C text of the shim: parameters are pointers in graph order. */
static char *shim_text(Arena *a, const Program *p)
{
    char *args = arena_strdup(a, "");
    for (int i = 0; i < p->graph->n_inputs; i++)
        args = arena_printf(a, "%sin[%d], ", args, i);
    for (int i = 0; i < p->graph->n_outputs; i++)
        args = arena_printf(a, "%sout[%d], ", args, i);
    static const char signature[] =
        "int cnncc_shim(const void *const *in, void *const *out, void *arena,\n"
        "    void (*parallel)(void *, int, void (*)(void *, int), void *), void *pool)";
    return arena_printf(a,
                        "#include \"model.h\"\n%s;\n%s\n{\n    (void)in;\n"
                        "    (void)parallel;\n    (void)pool;\n#ifdef MODEL_THREADS\n"
                        "    if (parallel)\n"
                        "        return model_run_on(parallel, pool, %sarena);\n#endif\n"
                        "    return model_run(%sarena);\n}\n",
                        signature, signature, args, args);
}

static bool write_sources(Arena *a, Diag *d, const Program *p, const char *folder)
{
    EmitOptions options = {.name = "model", .options = ""};
    const EmittedC *e = emit_c(a, p, "model.c", &options);
    if (e == NULL)
        return false;
    const char *shim = shim_text(a, p);
    struct {
        const char *name;
        const void *data;
        size_t bytes;
    } files[] = {
        {"model.c", e->source, e->source_bytes},
        {"model.h", e->header, e->header_bytes},
        {"shim.c", shim, strlen(shim)},
        {"model.c.weights", e->weights, e->weights_bytes},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        if (files[i].data && !file_write(d, a, arena_printf(a, "%s/%s", folder, files[i].name),
                                         files[i].data, files[i].bytes))
            return false;
    return true;
}

/* The command's words and the arguments behind them, NULL at the end. */
static char **compiler_arguments(Arena *a, const char *compiler)
{
    static const char *const fixed[] = {"-O2",     "-shared", "-fPIC", "-o",      "model.so",
                                        "model.c", "shim.c",  "-lm",   "-pthread"};
    enum { N_FIXED = sizeof fixed / sizeof fixed[0] };
    char *words = arena_strdup(a, compiler), *save = NULL;
    char **argv = ARENA_ARRAY(a, char *, strlen(compiler) + N_FIXED + 1);
    int n = 0;
    for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
        argv[n++] = w;
    for (int i = 0; n > 0 && i < N_FIXED; i++)
        argv[n++] = arena_strdup(a, fixed[i]);
    return argv;
}

/* In the child: runs the compiler in `folder`, its messages in the file "log" there. */
static _Noreturn void exec_compiler(const char *folder, char **argv)
{
    int log = -1;
    if (chdir(folder) == 0)
        log = open("log", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (log >= 0 && dup2(log, STDOUT_FILENO) >= 0 && dup2(log, STDERR_FILENO) >= 0)
        execvp(argv[0], argv);
    dprintf(STDERR_FILENO, "%s: %s\n", argv[0], strerror(errno));
    _exit(127);
}

/* Reports why the compiler failed: the first lines of what it wrote. */
static bool compiler_failed(Arena *a, Diag *d, const char *folder, const char *compiler)
{
    size_t n = 0;
    const char *path = arena_printf(a, "%s/log", folder);
    char *save = NULL;
    char *log = (char *)file_read(a, d, path, &n);
    char *text = log ? arena_strndup(a, log, n) : arena_strdup(a, "");
    diag_error(d, "the C compiler \"%s\" failed on the emitted file", compiler);
    char *line = strtok_r(text, "\n", &save);
    for (int i = 0; line && i < 8; i++, line = strtok_r(NULL, "\n", &save))
        diag_note(d, "%s", line);
    return false;
}

static bool compile(Arena *a, Diag *d, const char *folder, const char *compiler)
{
    char **argv = compiler_arguments(a, compiler);
    if (argv[0] == NULL)
        return diag_error(d, "the C compiler's command is empty");
    pid_t child = fork();
    if (child < 0)
        return diag_error(d, "cannot start the C compiler: %s", strerror(errno));
    if (child == 0)
        exec_compiler(folder, argv);
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR)
            return diag_error(d, "cannot wait for the C compiler: %s", strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return compiler_failed(a, d, folder, compiler);
    return true;
}

static void unload(void *module)
{
    CModule *m = module;
    cnncc_pool_free(m->pool);
    dlclose(m->handle);
}

CModule *c_module_build(Arena *a, Diag *d, const Program *p, const char *compiler)
{
    char *folder = make_folder(a, d);
    if (folder == NULL)
        return NULL;
    CModule *m = NULL;
    if (write_sources(a, d, p, folder) && compile(a, d, folder, compiler)) {
        m = ARENA_NEW(a, CModule);
        m->handle = dlopen(arena_printf(a, "%s/model.so", folder), RTLD_NOW | RTLD_LOCAL);
        if (m->handle == NULL) {
            diag_error(d, "cannot load the compiled model: %s", dlerror());
            m = NULL;
        }
    }
    remove_folder(folder);
    if (m == NULL)
        return NULL;
    arena_defer(a, unload, m);
    void *symbol = dlsym(m->handle, "cnncc_shim");
    if (symbol == NULL) {
        diag_error(d, "cannot find the compiled model's function: %s", dlerror());
        return NULL;
    }
    memcpy(&m->run, &symbol, sizeof m->run); /* ISO C has no conversion to a function pointer */
    if (p->graph->threads > 1)
        m->pool = cnncc_pool_new(p->graph->threads);
    return m;
}

int c_module_run(const CModule *m, const void *const *inputs, void *const *outputs, void *arena)
{
    return m->run(inputs, outputs, arena, m->pool ? cnncc_pool_run : NULL, m->pool);
}
