/* Reading one conformance test from its folder.
 *
 * Comes in: root/name/model.onnx and root/name/test_data_set_N/{input,output}_K.pb. Goes out: a
 * Case with all data and, after case_load, the imported graph. */
#include "tests/conformance/case.h"

#include "frontend/model.h"
#include "ir/interp/interp.h"
#include "tests/conformance/random_net.h"

#include <string.h>
#include <unistd.h>

/* The tensors of one direction: prefix_0.pb, prefix_1.pb, … until one is missing. */
static bool read_tensors(Case *c, const char *folder, const char *prefix, const Tensor **list,
                         int *n)
{
    for (*n = 0; *n < MAX_TENSORS; (*n)++) {
        const char *path = arena_printf(c->arena, "%s/%s_%d.pb", folder, prefix, *n);
        if (access(path, R_OK) != 0)
            return true;
        list[*n] = tensor_read_file(c->arena, &c->diag, path);
        if (list[*n] == NULL)
            return false;
    }
    return diag_error(&c->diag, "%s: too many tensors", folder);
}

static bool read_sets(Case *c)
{
    for (;;) {
        const char *folder = arena_printf(c->arena, "%s/test_data_set_%d", c->folder, c->n_sets);
        if (access(folder, R_OK) != 0)
            break;
        DataSet set = {.n_in = 0};
        if (!read_tensors(c, folder, "input", set.in, &set.n_in) ||
            !read_tensors(c, folder, "output", set.out, &set.n_out))
            return false;
        ARENA_PUSH(c->arena, c, sets, n_sets, cap_sets, set);
    }
    return c->n_sets > 0 || diag_error(&c->diag, "no test data");
}

static bool is_initializer(const Onnx__GraphProto *g, const char *name)
{
    for (size_t i = 0; i < g->n_initializer; i++)
        if (g->initializer[i]->name && strcmp(g->initializer[i]->name, name) == 0)
            return true;
    return false;
}

static bool read_names(Case *c)
{
    size_t bytes;
    const char *path = arena_printf(c->arena, "%s/model.onnx", c->folder);
    const unsigned char *data = file_read(c->arena, &c->diag, path, &bytes);
    const Onnx__ModelProto *m = data ? model_decode(c->arena, &c->diag, data, bytes) : NULL;
    if (m == NULL)
        return false;
    for (size_t i = 0; m->graph && i < m->graph->n_input; i++) {
        const char *name = m->graph->input[i]->name;
        if (name && !is_initializer(m->graph, name) && c->n_inputs < MAX_TENSORS)
            c->input_names[c->n_inputs++] = name;
    }
    return true;
}

Case *case_open(const char *root, const char *name)
{
    Arena *a = arena_new(0);
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0) {
        arena_free(a);
        return NULL;
    }
    Case *c = ARENA_NEW(a, Case);
    c->arena = a;
    c->diag = (Diag){.arena = a, .file = name};
    c->name = arena_strdup(a, name);
    c->folder = arena_printf(a, "%s/%s", root, name);
    c->frozen = "";
    if (access(c->folder, R_OK) != 0) {
        arena_free(a);
        return NULL;
    }
    if (read_names(c))
        read_sets(c);
    return c;
}

/* Inputs between -2 and 2, and what the interpreter makes of them before any pass. */
static bool make_set(Case *c, uint64_t seed)
{
    const Graph *g = c->graph;
    DataSet set = {.n_in = g->n_inputs, .n_out = g->n_outputs};
    Tensor *out[MAX_TENSORS] = {NULL};
    for (int i = 0; i < g->n_inputs; i++) {
        Tensor *t = tensor_new(c->arena, DT_F32, &g->inputs[i]->shape);
        for (int64_t k = 0; k < shape_numel(&t->shape); k++) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            tensor_set_f64(t, k, (double)(seed >> 40) / (1 << 22) - 2);
        }
        set.in[i] = t;
        c->input_names[c->n_inputs++] = g->inputs[i]->name;
    }
    if (!interp_run(g, c->arena, set.in, out, NULL, NULL))
        return false;
    for (int i = 0; i < g->n_outputs; i++)
        set.out[i] = out[i];
    ARENA_PUSH(c->arena, c, sets, n_sets, cap_sets, set);
    return true;
}

Case *case_random(uint64_t seed)
{
    Arena *a = arena_new(0);
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0) {
        arena_free(a);
        return NULL;
    }
    Case *c = ARENA_NEW(a, Case);
    c->arena = a;
    c->name = arena_printf(a, "random/%llu", (unsigned long long)seed);
    c->text = random_net(a, seed);
    c->conv = (ConvChoice)(seed % (CONV_WINOGRAD + 1));
    if (case_load(c, FREEZE_NONE, NULL))
        make_set(c, seed);
    return c;
}

bool case_load(Case *c, Freeze freeze, const Target *target)
{
    FreezeBinding bindings[MAX_TENSORS];
    ImportOptions options = {.freezes = bindings};
    c->diag = (Diag){.arena = c->arena, .file = c->name};
    c->frozen = "";
    for (int i = freeze == FREEZE_ALL ? 0 : 1; freeze != FREEZE_NONE && i < c->n_inputs; i++) {
        if (i >= c->sets[0].n_in)
            break;
        bindings[options.n_freezes++] = (FreezeBinding){c->input_names[i], c->sets[0].in[i]};
        c->frozen = arena_printf(c->arena, "%s %s", c->frozen, c->input_names[i]);
    }
    c->graph =
        c->text ? frontend_load_memory(c->arena, &c->diag, c->text, strlen(c->text), &options)
                : frontend_load_file(c->arena, &c->diag,
                                     arena_printf(c->arena, "%s/model.onnx", c->folder), &options);
    if (c->graph == NULL)
        return false;
    c->graph->target = target;
    if (options.n_freezes)
        c->n_sets = 1;
    return true;
}

bool case_inputs(Case *c, const DataSet *s, const Tensor **in)
{
    const Graph *g = c->graph;
    for (int i = 0; i < g->n_inputs; i++) {
        int k = 0;
        while (k < c->n_inputs && strcmp(c->input_names[k], g->inputs[i]->name) != 0)
            k++;
        if (k >= c->n_inputs || k >= s->n_in)
            return diag_error(&c->diag, "no data for input \"%s\"", g->inputs[i]->name);
        in[i] = s->in[k];
        if (in[i]->dtype != g->inputs[i]->dtype ||
            !shape_equal(&in[i]->shape, &g->inputs[i]->shape))
            return diag_error(&c->diag, "the data for input \"%s\" has another type or shape",
                              g->inputs[i]->name);
    }
    return true;
}

void case_free(Case *c)
{
    arena_free(c->arena);
}
