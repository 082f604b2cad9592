/* Emits hand-made programs, compiles them with real compilers and runs them; emit_harness.h. */
#include "tests/support/emit_harness.h"

#include "codegen/lower.h"
#include "tests/support/kernel_eval.h"

#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h> /* cmocka needs these three in front of it */

#include <cmocka.h>

/* ---- programs ---- */

Program *hand_program(Arena *a, const char *target)
{
    Diag *d = ARENA_NEW(a, Diag);
    d->arena = a;
    Graph *g = graph_new(a, d);
    g->name = "hand-made";
    g->target = target_find(target);
    Program *p = ARENA_NEW(a, Program);
    p->arena = a;
    p->graph = g;
    p->target = g->target;
    return p;
}

static Value *hand_value(Program *p, const char *name, DType t, int64_t n)
{
    Graph *g = (Graph *)p->graph;
    Shape s = shape_make(1, &n);
    return graph_value(g, name, t, &s);
}

int hand_input(Program *p, const char *name, DType t, int64_t n)
{
    Graph *g = (Graph *)p->graph;
    Value *v = hand_value(p, name, t, n);
    v->is_input = true;
    ARENA_PUSH(p->arena, g, inputs, n_inputs, cap_inputs, v);
    return g->n_inputs - 1;
}

int hand_output(Program *p, const char *name, DType t, int64_t n)
{
    Graph *g = (Graph *)p->graph;
    Value *v = hand_value(p, name, t, n);
    v->is_output = true;
    ARENA_PUSH(p->arena, g, outputs, n_outputs, cap_outputs, v);
    return g->n_outputs - 1;
}

void hand_call(Program *p, Kernel *k, const Arg *args, const char *node)
{
    const char *why = "";
    kernel_unroll(p->arena, k);
    if (!kernel_verify(p->arena, k, true, &why))
        fail_msg("%s: %s", k->name, why);
    Call c = {.kernel = k};
    memcpy(c.arg, args, (size_t)k->n_bufs * sizeof *args);
    if (node) {
        Node *n = ARENA_NEW(p->arena, Node);
        n->name = node;
        n->op = OP_Conv;
        n->id = p->n_calls;
        c.node = n;
    }
    bool known = false;
    for (int i = 0; i < p->n_kernels; i++)
        known = known || p->kernels[i] == k;
    if (!known)
        ARENA_PUSH(p->arena, p, kernels, n_kernels, cap_kernels, k);
    ARENA_PUSH(p->arena, p, calls, n_calls, cap_calls, c);
}

int64_t hand_weights(Program *p, const void *data, size_t bytes)
{
    int64_t at = (p->weights_bytes + 63) / 64 * 64;
    unsigned char *blob = arena_alloc(p->arena, (size_t)at + bytes);
    if (p->weights_bytes)
        memcpy(blob, p->weights, (size_t)p->weights_bytes);
    memcpy(blob + at, data, bytes);
    p->weights = blob;
    p->weights_bytes = at + (int64_t)bytes;
    return at;
}

/* ---- files ---- */

bool have_compiler(const char *cc)
{
    char command[256];
    snprintf(command, sizeof command, "command -v %s >/dev/null 2>&1", cc);
    return system(command) == 0; /* NOLINT(bugprone-command-processor,cert-env33-c) */
}

char *scratch_new(Arena *a)
{
    const char *base = getenv("TMPDIR");
    char *dir = arena_printf(a, "%s/cnncc-emit-XXXXXX", base && *base ? base : "/tmp");
    assert_non_null(mkdtemp(dir));
    return dir;
}

void scratch_free(const char *dir)
{
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *f; (f = readdir(d)) != NULL;) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s", dir, f->d_name);
        unlink(path);
    }
    closedir(d);
    rmdir(dir);
}

static FILE *open_in(const char *dir, const char *name, const char *mode)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, mode);
    if (f == NULL)
        fail_msg("cannot open %s", path);
    return f;
}

void write_file(const char *dir, const char *name, const void *data, size_t n)
{
    FILE *f = open_in(dir, name, "wb");
    assert_int_equal(fwrite(data, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void read_file(const char *dir, const char *name, void *data, size_t n)
{
    FILE *f = open_in(dir, name, "rb");
    assert_int_equal(fread(data, 1, n, f), n);
    fclose(f);
}

/* The main program: the arguments of the run function come from files, each in a block of memory
 * of exactly its size, so that a sanitiser sees the first byte too many. */
static void write_main(FILE *f, const Program *p, const EmitOptions *o)
{
    const Graph *g = p->graph;
    char upper[64];
    snprintf(upper, sizeof upper, "%s", o->name);
    for (char *c = upper; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    fprintf(f, "#include \"model.h\"\n#include <stdio.h>\n#include <stdlib.h>\n"
               "static void *get(const char *name, size_t n)\n{\n"
               "    void *p = malloc(n);\n    FILE *f = fopen(name, \"rb\");\n"
               "    if (p == NULL || f == NULL || fread(p, 1, n, f) != n)\n        exit(10);\n"
               "    fclose(f);\n    return p;\n}\n"
               "static void put(const char *name, void *p, size_t n)\n{\n"
               "    FILE *f = fopen(name, \"wb\");\n"
               "    if (f == NULL || fwrite(p, 1, n, f) != n || fclose(f) != 0)\n"
               "        exit(11);\n    free(p);\n}\n"
               "int main(void)\n{\n");
    for (int i = 0; i < g->n_inputs; i++)
        fprintf(f,
                "    void *in%d = get(\"in_%d\", sizeof(%s_INPUT_%d_TYPE) * %s_INPUT_%d_COUNT);\n",
                i, i, upper, i, upper, i);
    for (int i = 0; i < g->n_outputs; i++)
        fprintf(f, "    void *out%d = calloc(%s_OUTPUT_%d_COUNT, sizeof(%s_OUTPUT_%d_TYPE));\n", i,
                upper, i, upper, i);
    fprintf(f, "    char *block = (char *)malloc(%s_ARENA_BYTES + %s_ALIGN);\n", upper, upper);
    fprintf(f, "    char *arena = block + (%s_ALIGN - (size_t)block %% %s_ALIGN) %% %s_ALIGN;\n",
            upper, upper, upper);
    if (o->weights == WEIGHTS_BIN)
        fprintf(f, "    void *block_w = get(\"model.c.weights\", %s_WEIGHTS_BYTES);\n", upper);
    if (o->weights == WEIGHTS_BIN)
        fprintf(f, "    if (%s_check_weights(block_w, %s_WEIGHTS_BYTES) != 0)\n        return 4;\n",
                o->name, upper);
    if (o->weights == WEIGHTS_INCBIN)
        fprintf(f, "    if (%s_check_weights() != 0)\n        return 4;\n", o->name);
    fprintf(f, "    int status = %s_run(", o->name);
    for (int i = 0; i < g->n_inputs; i++)
        fprintf(f, "(const %s_INPUT_%d_TYPE *)in%d, ", upper, i, i);
    for (int i = 0; i < g->n_outputs; i++)
        fprintf(f, "(%s_OUTPUT_%d_TYPE *)out%d, ", upper, i, i);
    fprintf(f, "arena%s);\n", o->weights == WEIGHTS_BIN ? ", block_w" : "");
    for (int i = 0; i < g->n_outputs; i++)
        fprintf(f, "    put(\"out_%d\", out%d, sizeof(%s_OUTPUT_%d_TYPE) * %s_OUTPUT_%d_COUNT);\n",
                i, i, upper, i, upper, i);
    for (int i = 0; i < g->n_inputs; i++)
        fprintf(f, "    free(in%d);\n", i);
    fprintf(f, "    free(block);\n%s    return status;\n}\n",
            o->weights == WEIGHTS_BIN ? "    free(block_w);\n" : "");
}

void write_program(const char *dir, const Program *p, const EmitOptions *o)
{
    const EmittedC *c = emit_c(p->arena, p, "model.c", o);
    write_file(dir, "model.c", c->source, c->source_bytes);
    write_file(dir, "model.h", c->header, c->header_bytes);
    if (c->weights)
        write_file(dir, "model.c.weights", c->weights, c->weights_bytes);
    FILE *f = open_in(dir, "main.c", "w");
    write_main(f, p, o);
    assert_int_equal(fclose(f), 0);
}

static void shell(const char *command)
{
    int status = system(command); /* NOLINT(bugprone-command-processor,cert-env33-c) */
    if (status != 0)
        fail_msg("status %d from: %s", status, command);
}

void compile_and_run(const char *dir, const char *command)
{
    char line[2048];
    const char *emulator = strncmp(command, "aarch64-", 8) == 0 ? "qemu-aarch64 " : "";
    snprintf(line, sizeof line, "cd %s && %s model.c main.c -o program -lm && %s./program", dir,
             command, emulator);
    shell(line);
}

void run_emitted(const char *dir, const Program *p, const EmitOptions *o, const char *command,
                 const void *const *inputs, void *const *outputs)
{
    const Graph *g = p->graph;
    char name[32];
    write_program(dir, p, o);
    for (int i = 0; i < g->n_inputs; i++) {
        snprintf(name, sizeof name, "in_%d", i);
        write_file(dir, name, inputs[i],
                   (size_t)shape_numel(&g->inputs[i]->shape) * dtype_size(g->inputs[i]->dtype));
    }
    compile_and_run(dir, command);
    for (int i = 0; i < g->n_outputs; i++) {
        snprintf(name, sizeof name, "out_%d", i);
        read_file(dir, name, outputs[i],
                  (size_t)shape_numel(&g->outputs[i]->shape) * dtype_size(g->outputs[i]->dtype));
    }
}

/* ---- against the evaluator ---- */

/* Small numbers of either sign, the same every time. */
static void fill_tensor(void *data, DType t, int64_t n, unsigned seed)
{
    const int64_t one = 1;
    Shape s = shape_make(1, &one);
    Tensor view = {t, s, data};
    for (int64_t i = 0; i < n; i++) {
        unsigned r = ((unsigned)i * 2654435761u + seed * 40503u) >> 7;
        view.data = (char *)data + (size_t)i * dtype_size(t);
        if (dtype_is_float(t))
            tensor_set_f64(&view, 0, ((int)(r % 1024) - 512) / 100.0);
        else
            tensor_set_i64(&view, 0,
                           (int)(r % (t == DT_BOOL ? 2 : 100)) -
                               (t == DT_U8 || t == DT_BOOL ? 0 : 50));
    }
}

static size_t value_bytes(const Value *v)
{
    return (size_t)shape_numel(&v->shape) * dtype_size(v->dtype);
}

void check_program(const Program *p, const EmitOptions *o, const char *const *commands)
{
    const Graph *g = p->graph;
    Arena *a = p->arena;
    const void *in[8] = {NULL};
    void *want[8] = {NULL}, *got[8] = {NULL};
    const char *why = "";
    for (int i = 0; i < g->n_inputs; i++) {
        void *data = arena_alloc(a, value_bytes(g->inputs[i]));
        fill_tensor(data, g->inputs[i]->dtype, shape_numel(&g->inputs[i]->shape), (unsigned)i);
        in[i] = data;
    }
    for (int i = 0; i < g->n_outputs; i++) {
        want[i] = arena_alloc(a, value_bytes(g->outputs[i]));
        got[i] = arena_alloc(a, value_bytes(g->outputs[i]));
    }
    if (!program_eval(a, p, in, want, arena_alloc(a, (size_t)p->arena_bytes + 64), &why))
        fail_msg("%s", why);
    char *dir = scratch_new(a);
    for (; *commands; commands++) {
        if (!have_compiler(arena_strndup(a, *commands, strcspn(*commands, " "))))
            continue;
        run_emitted(dir, p, o, *commands, in, got);
        for (int i = 0; i < g->n_outputs; i++)
            for (size_t j = 0; j < value_bytes(g->outputs[i]); j++)
                if (((unsigned char *)want[i])[j] != ((unsigned char *)got[i])[j])
                    fail_msg("%s: output %d differs at byte %zu", *commands, i, j);
    }
    scratch_free(dir);
}
