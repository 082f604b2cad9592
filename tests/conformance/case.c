/* Reading one conformance test from its folder.
 *
 * Comes in: root/name/model.onnx and root/name/test_data_set_N/{input,output}_K.pb. Goes out: a
 * Case with all data and, after case_load, the imported graph. */
#include "tests/conformance/case.h"

#include "frontend/import.h"
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

/* The data of ONNX 1.12 keep bfloat16 as uint16, and one element only of the operand `like` of
 * CastLike: makes the tensor that the model states. */
static void restate(Case *c, const Onnx__ValueInfoProto *v, const Tensor **t)
{
    const Onnx__TypeProto__Tensor *type = v->type ? v->type->tensor_type : NULL;
    if (type == NULL)
        return;
    Shape shape = {.rank = 0};
    for (size_t i = 0; type->shape && i < type->shape->n_dim && i < MAX_RANK; i++)
        shape.dim[shape.rank++] = type->shape->dim[i]->dim_value;
    DType dtype = dtype_from_onnx(type->elem_type);
    bool bits = dtype == DT_BF16 && (*t)->dtype == DT_U16;
    bool repeat = strcmp(proto_name(v->name), "like") == 0 && shape_numel(&(*t)->shape) == 1;
    if (!bits && !(repeat && dtype == (*t)->dtype))
        return;
    Tensor *copy = tensor_new(c->arena, dtype, &shape);
    size_t given = tensor_bytes(*t), bytes = tensor_bytes(copy);
    for (size_t at = 0; given > 0 && at + given <= bytes; at += given)
        memcpy((char *)copy->data + at, (*t)->data, given);
    *t = copy;
}

static bool read_model(Case *c)
{
    size_t bytes;
    const char *path = arena_printf(c->arena, "%s/model.onnx", c->folder);
    const unsigned char *data = file_read(c->arena, &c->diag, path, &bytes);
    const Onnx__ModelProto *m = data ? model_decode(c->arena, &c->diag, data, bytes) : NULL;
    if (m == NULL || m->graph == NULL)
        return false;
    for (size_t i = 0; i < m->graph->n_input; i++) {
        const char *name = m->graph->input[i]->name;
        if (name == NULL || is_initializer(m->graph, name) || c->n_inputs == MAX_TENSORS)
            continue;
        for (int k = 0; k < c->n_sets; k++)
            if (c->n_inputs < c->sets[k].n_in)
                restate(c, m->graph->input[i], &c->sets[k].in[c->n_inputs]);
        c->input_names[c->n_inputs++] = name;
    }
    for (int k = 0; k < c->n_sets; k++)
        for (int i = 0; i < c->sets[k].n_out && (size_t)i < m->graph->n_output; i++)
            restate(c, m->graph->output[i], &c->sets[k].out[i]);
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
    if (read_sets(c))
        read_model(c);
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

/* Whether input `i` is one of those to freeze. */
static bool is_frozen(const Case *c, Freeze freeze, int i)
{
    const Tensor *t = c->sets[0].in[i];
    switch (freeze) {
    case FREEZE_SMALL:
        return t->shape.rank <= 1 && !dtype_is_float(t->dtype);
    case FREEZE_ALL_BUT_FIRST:
        return i > 0;
    default:
        return freeze == FREEZE_ALL;
    }
}

bool case_load(Case *c, Freeze freeze, const Target *target)
{
    FreezeBinding bindings[MAX_TENSORS];
    ImportOptions options = {.freezes = bindings};
    c->diag = (Diag){.arena = c->arena, .file = c->name};
    c->frozen = "";
    for (int i = 0; freeze != FREEZE_NONE && i < c->n_inputs && i < c->sets[0].n_in; i++) {
        if (!is_frozen(c, freeze, i))
            continue;
        bindings[options.n_freezes++] =
            (FreezeBinding){.input = c->input_names[i], .tensor = c->sets[0].in[i]};
        c->frozen = arena_printf(c->arena, "%s %s", c->frozen, c->input_names[i]);
    }
    if (freeze == FREEZE_SMALL && options.n_freezes == c->n_inputs)
        return diag_unsupported(&c->diag, "nothing but numbers that decide shapes");
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
