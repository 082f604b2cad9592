/* onnx_vectors: ONNX's own test vectors (Debian's libonnx-testdata) through the back ends.
 *
 * usage: onnx_vectors DATA_DIR LIST [OPTION...]       runs the tests that LIST names
 *        onnx_vectors DATA_DIR --find [OPTION...]     prints the names of all tests that pass
 *
 * A test is a folder DATA_DIR/NAME with model.onnx and test_data_set_0/{input,output}_K.pb. The
 * options are those of `cnncc verify` (--backend, --cc, --target). Many of the models take as an
 * input what cnncc wants to know at compile time (a shape, pads, a slope): when the import says
 * no, all inputs but the first are frozen to the test's data, and it is tried again.
 *
 * The vectors that came from PyTorch declare operator set 6, one below what cnncc reads. Their
 * convolutions, pools and activations mean the same in 7, so they are tried as such; those that
 * mean something else fail and are not in the list. */
#include "driver/cli.h"
#include "frontend/onnx.pb-c.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Diagnostics of the current attempt; printed when the test has failed. */
typedef struct Log {
    Arena *arena;
    char *text;
} Log;

static void keep_diagnostic(void *user, Severity severity, const char *line)
{
    Log *log = user;
    (void)severity;
    log->text = arena_printf(log->arena, "%s%s\n", log->text, line);
}

static bool is_initializer(const Onnx__GraphProto *g, const char *name)
{
    for (size_t i = 0; i < g->n_initializer; i++)
        if (g->initializer[i]->name && strcmp(g->initializer[i]->name, name) == 0)
            return true;
    return false;
}

/* Adds --freeze INPUT=DIR/input_K.pb for every input but the first. */
static void freeze_inputs(Cli *c, Options *o, const Onnx__GraphProto *g)
{
    int k = 0;
    for (size_t i = 0; i < g->n_input; i++) {
        const char *name = g->input[i]->name;
        if (is_initializer(g, name))
            continue;
        if (k > 0) {
            const char *freeze = arena_printf(c->arena, "%s=%s/input_%d.pb", name, o->test_data, k);
            ARENA_PUSH(c->arena, &o->freezes, item, n, cap, freeze);
        }
        k++;
    }
}

static void remove_file(void *path)
{
    unlink(path);
}

/* Makes the model a copy that declares operator set 7 when it declares 6. */
static void raise_opset(Cli *c, Options *o, Onnx__ModelProto *m)
{
    if (m->n_opset_import != 1 || m->opset_import[0]->version != 6)
        return;
    char path[] = "/tmp/onnx_vectors-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0)
        return;
    close(fd);
    m->opset_import[0]->version = 7;
    size_t bytes = onnx__model_proto__get_packed_size(m);
    unsigned char *data = arena_alloc(c->arena, bytes);
    onnx__model_proto__pack(m, data);
    o->model = arena_strdup(c->arena, path);
    arena_defer(c->arena, remove_file, arena_strdup(c->arena, path));
    file_write(&c->diag, c->arena, path, data, bytes);
}

/* Prepares the options of one attempt. */
static void adapt(Cli *c, Options *o, bool freeze)
{
    size_t n;
    const unsigned char *data = file_read(c->arena, &c->diag, o->model, &n);
    Onnx__ModelProto *m = data ? onnx__model_proto__unpack(NULL, n, data) : NULL;
    if (m == NULL || m->graph == NULL)
        return;
    if (freeze)
        freeze_inputs(c, o, m->graph);
    raise_opset(c, o, m);
    onnx__model_proto__free_unpacked(m, NULL);
}

/* One attempt at a test; with `freeze`, with constants for all inputs but the first. */
static int attempt(const Options *base, const char *dir, bool freeze, bool quiet)
{
    Arena *a = arena_new(0);
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0) {
        fprintf(stderr, "out of memory\n");
        arena_free(a);
        return STATUS_FAILED;
    }
    Options o = *base;
    Log log = {a, arena_strdup(a, "")};
    Cli c = {.arena = a, .o = &o};
    o.model = arena_printf(a, "%s/model.onnx", dir);
    o.test_data = arena_printf(a, "%s/test_data_set_0", dir);
    c.diag = (Diag){.arena = a, .file = dir, .sink = keep_diagnostic, .user = &log};
    adapt(&c, &o, freeze);
    int status = cmd_verify(&c);
    if (status != STATUS_OK && !quiet)
        fprintf(stderr, "%s%s", log.text, *log.text ? "" : "no model, or a wrong result\n");
    arena_free(a);
    return status;
}

static bool passes(const Options *o, const char *root, const char *name, bool quiet)
{
    char dir[4096];
    snprintf(dir, sizeof dir, "%s/%s", root, name);
    if (attempt(o, dir, false, true) == STATUS_OK)
        return true;
    return attempt(o, dir, true, quiet) == STATUS_OK;
}

/* Runs the tests of the list, one name a line; returns how many fail, -1 without a list. */
static int run_list(const Options *o, const char *root, const char *list)
{
    FILE *f = fopen(list, "r");
    if (f == NULL)
        return -1;
    int n = 0, failed = 0;
    for (char name[256]; fgets(name, sizeof name, f); n++) {
        name[strcspn(name, "\n")] = '\0';
        printf("%s\n", name);
        fflush(stdout);
        if (!passes(o, root, name, false)) {
            fprintf(stderr, "FAILED %s\n", name);
            failed++;
        }
    }
    fclose(f);
    printf("%d of %d tests passed\n", n - failed, n);
    return n == 0 ? -1 : failed;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Tries every test of one group (a folder of DATA_DIR) and writes the names of those that pass. */
static void find_group(Arena *a, const Options *o, const char *root, const char *group, FILE *to)
{
    struct {
        char **item;
        int n, cap;
    } names = {0};
    DIR *dir = opendir(arena_printf(a, "%s/%s", root, group));
    for (const struct dirent *e; dir && (e = readdir(dir)) != NULL;)
        if (e->d_name[0] != '.')
            ARENA_PUSH(a, &names, item, n, cap, arena_printf(a, "%s/%s", group, e->d_name));
    if (dir)
        closedir(dir);
    if (names.n > 0)
        qsort(names.item, (size_t)names.n, sizeof *names.item, by_name);
    for (int i = 0; i < names.n; i++)
        if (passes(o, root, names.item[i], true)) {
            fprintf(to, "%s\n", names.item[i]);
            fflush(to);
        }
}

static int find_all(Arena *a, const Options *o, const char *root)
{
    static const char *const groups[] = {"node", "pytorch-converted", "pytorch-operator", "simple"};
    for (int i = 0; i < 4; i++)
        find_group(a, o, root, groups[i], stderr);
    return 0;
}

static void print_diagnostic(void *user, Severity severity, const char *line)
{
    (void)user;
    (void)severity;
    fprintf(stderr, "%s\n", line);
}

int main(int argc, char **argv)
{
    Arena *a = arena_new(0);
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0 || argc < 3) {
        fprintf(stderr, "usage: onnx_vectors DATA_DIR LIST|--find [OPTION...]\n");
        arena_free(a);
        return 2;
    }
    Diag d = {.arena = a, .file = "onnx_vectors", .sink = print_diagnostic};
    Options o;
    char model[] = "model"; /* the operand that the parser insists on */
    char **args = ARENA_ARRAY(a, char *, argc - 2);
    memcpy(args, argv + 3, (size_t)(argc - 3) * sizeof *args);
    args[argc - 3] = model;
    int status = 2;
    if (access(argv[1], R_OK) != 0) {
        printf("no %s here: skipped (Debian's package libonnx-testdata)\n", argv[1]);
        status = 77;
    } else if (options_parse(a, &d, CMD_VERIFY, argc - 2, args, &o)) {
        status = strcmp(argv[2], "--find") == 0 ? find_all(a, &o, argv[1])
                                                : run_list(&o, argv[1], argv[2]) != 0;
    }
    arena_free(a);
    return status;
}
