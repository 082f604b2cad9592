/* libcnncc, the library that other programs link. runtime/cnncc.h is its contract.
 *
 * Loading runs the same pipeline as the command line in an arena. A model for the JIT then keeps
 * code, weights and the description of its inputs and outputs in an arena of its own, and the rest
 * is freed; one for the interpreter keeps its graph. A context owns the memory of one run at a
 * time. Every entry point that allocates arms its arena first, so that exhausted memory comes back
 * as CNNCC_NO_MEMORY. The thread that loads is in the locale "C" meanwhile: a host may have called
 * setlocale, but the numbers of models, of patterns and of C have a point. */
#include "runtime/cnncc.h"

#include "driver/lib_options.h"
#include "frontend/import.h"
#include "ir/interp/interp.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

struct cnncc_model {
    Arena *arena;
    Graph *graph; /* for the interpreter, as imported; NULL for the JIT */
    Jit *jit;     /* NULL for the interpreter; freed with the arena */
    size_t context_bytes;
    int64_t multiply_adds;
    cnncc_tensor *inputs, *outputs;
    int n_inputs, n_outputs;
};

struct cnncc_context {
    const cnncc_model *model;
    Arena *arena;
    void *memory; /* the network's arena; NULL for the interpreter */
    char error[256];
};

/* ---- messages ---- */

static const cnncc_options no_options;

static void copy_text(char *to, size_t bytes, const char *text)
{
    if (to != NULL && bytes > 0)
        snprintf(to, bytes, "%s", text);
}

static void forward_line(void *user, Severity severity, const char *line)
{
    static const cnncc_severity public_severity[] = {
        [SEVERITY_ERROR] = CNNCC_ERROR,
        [SEVERITY_WARNING] = CNNCC_WARNING,
        [SEVERITY_NOTE] = CNNCC_NOTE,
    };
    const cnncc_options *o = ((const Loading *)user)->options;
    if (o->message != NULL)
        o->message(o->user, public_severity[severity], line);
}

static cnncc_status refuse(const cnncc_options *o, cnncc_status status, const char *why)
{
    copy_text(o->error, o->error_bytes, why);
    if (o->message != NULL)
        o->message(o->user, CNNCC_ERROR, why);
    return status;
}

/* ---- loading ---- */

static void free_jit(void *model)
{
    jit_free(((cnncc_model *)model)->jit);
}

static cnncc_model *new_model(Arena *a)
{
    cnncc_model *m = ARENA_NEW(a, cnncc_model);
    m->arena = a;
    arena_defer(a, free_jit, m);
    return m;
}

static cnncc_tensor *describe_values(Arena *a, Value *const *values, int n)
{
    cnncc_tensor *t = ARENA_ARRAY(a, cnncc_tensor, n);
    for (int i = 0; i < n; i++) {
        const Shape *s = &values[i]->shape;
        int64_t *dims = ARENA_ARRAY(a, int64_t, s->rank);
        memcpy(dims, s->dim, (size_t)s->rank * sizeof *dims);
        t[i].name = arena_strdup(a, values[i]->name);
        t[i].type = (cnncc_type)dtype_to_onnx(values[i]->dtype);
        t[i].rank = s->rank;
        t[i].dims = dims;
        t[i].count = (size_t)shape_numel(s);
        t[i].bytes = t[i].count * dtype_size(values[i]->dtype);
    }
    return t;
}

static void describe(cnncc_model *m, const Graph *g)
{
    m->n_inputs = g->n_inputs;
    m->n_outputs = g->n_outputs;
    m->inputs = describe_values(m->arena, g->inputs, g->n_inputs);
    m->outputs = describe_values(m->arena, g->outputs, g->n_outputs);
    for (int i = 0; i < g->n_nodes; i++)
        m->multiply_adds += g->nodes[i]->plan.macs;
}

/* Moves the code of `m` to a model in an arena of its own, with a copy of the weights. NULL when
 * there is no memory. */
static cnncc_model *move_code(cnncc_model *m, const Program *p)
{
    Arena *a = arena_new(0);
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0) {
        arena_free(a);
        return NULL;
    }
    cnncc_model *own = new_model(a);
    describe(own, p->graph);
    own->context_bytes = (size_t)p->arena_bytes;
    void *weights = arena_alloc(a, (size_t)p->weights_bytes + 64);
    if (p->weights_bytes > 0)
        memcpy(weights, p->weights, (size_t)p->weights_bytes);
    own->jit = m->jit;
    m->jit = NULL;
    jit_move_weights(own->jit, weights);
    return own;
}

/* The model compiled for this machine. */
static bool load_compiled(Loading *l, const ModelSource *source, const PipelineOptions *options,
                          cnncc_model **model)
{
    Pipeline result;
    cnncc_model *m = new_model(l->arena); /* frees the code when memory runs out below */
    if (!pipeline_run(l->arena, &l->diag, source, options, &result))
        return false;
    m->jit = jit_compile(result.program, &l->diag);
    if (m->jit == NULL)
        return false;
    *model = move_code(m, result.program);
    if (*model == NULL)
        longjmp(*arena_on_oom(l->arena), 1); /* as if the arena of the load were exhausted */
    return true;
}

/* The model as it is, for the interpreter. */
static bool load_interpreted(Loading *l, const ModelSource *source, const PipelineOptions *options,
                             cnncc_model **model)
{
    cnncc_model *m = new_model(l->arena);
    m->graph = pipeline_load(l->arena, &l->diag, source, options);
    if (m->graph == NULL)
        return false;
    describe(m, m->graph);
    *model = m;
    return true;
}

static cnncc_status load_model(Loading *l, const ModelSource *source, cnncc_model **model)
{
    PipelineOptions options = {.target = NULL};
    bool interpret;
    cnncc_status status = lib_options_read(l, &options, &interpret);
    if (status != CNNCC_OK)
        return status;
    if (interpret ? load_interpreted(l, source, &options, model)
                  : load_compiled(l, source, &options, model))
        return CNNCC_OK;
    return l->diag.status == STATUS_OK ? CNNCC_FAILED : (cnncc_status)l->diag.status;
}

/* Loads in a new arena, which is freed unless the model stays in it. */
static cnncc_status load_in_arena(const ModelSource *source, const cnncc_options *o,
                                  cnncc_model **model)
{
    copy_text(o->error, o->error_bytes, "");
    Arena *a = arena_new(o->memory_limit);
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0) {
        arena_free(a);
        return refuse(o, CNNCC_NO_MEMORY, "out of memory");
    }
    Loading *l = ARENA_NEW(a, Loading);
    const char *file = arena_strdup(a, source->path != NULL ? source->path : "model");
    *l = (Loading){a, o, {.arena = a, .file = file, .sink = forward_line, .user = l}};
    cnncc_status status = load_model(l, source, model);
    l->diag.sink = NULL;
    if (status != CNNCC_OK)
        copy_text(o->error, o->error_bytes, l->diag.first != NULL ? l->diag.first : "failed");
    if (status != CNNCC_OK || (*model)->arena != a)
        arena_free(a);
    return status;
}

static cnncc_status load(const ModelSource *source, const cnncc_options *o, cnncc_model **model)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c == (locale_t)0)
        return refuse(o, CNNCC_NO_MEMORY, "out of memory");
    locale_t of_host = uselocale(c);
    cnncc_status status = load_in_arena(source, o, model);
    uselocale(of_host);
    freelocale(c);
    return status;
}

cnncc_status cnncc_load_file(const char *path, const cnncc_options *options, cnncc_model **model)
{
    const cnncc_options *o = options != NULL ? options : &no_options;
    if (model != NULL)
        *model = NULL;
    if (path == NULL || model == NULL)
        return refuse(o, CNNCC_USAGE, "cnncc_load_file: a NULL pointer");
    ModelSource source = {.path = path};
    return load(&source, o, model);
}

cnncc_status cnncc_load_memory(const void *data, size_t bytes, const cnncc_options *options,
                               cnncc_model **model)
{
    const cnncc_options *o = options != NULL ? options : &no_options;
    if (model != NULL)
        *model = NULL;
    if (data == NULL || model == NULL)
        return refuse(o, CNNCC_USAGE, "cnncc_load_memory: a NULL pointer");
    ModelSource source = {.data = data, .bytes = bytes};
    return load(&source, o, model);
}

void cnncc_free(cnncc_model *model)
{
    if (model != NULL)
        arena_free(model->arena);
}

/* ---- asking ---- */

size_t cnncc_input_count(const cnncc_model *model)
{
    return (size_t)model->n_inputs;
}

size_t cnncc_output_count(const cnncc_model *model)
{
    return (size_t)model->n_outputs;
}

static cnncc_status get_tensor(const cnncc_tensor *all, int n, size_t i, cnncc_tensor *tensor)
{
    if (i >= (size_t)n)
        return CNNCC_USAGE;
    *tensor = all[i];
    return CNNCC_OK;
}

cnncc_status cnncc_input(const cnncc_model *model, size_t index, cnncc_tensor *tensor)
{
    return get_tensor(model->inputs, model->n_inputs, index, tensor);
}

cnncc_status cnncc_output(const cnncc_model *model, size_t index, cnncc_tensor *tensor)
{
    return get_tensor(model->outputs, model->n_outputs, index, tensor);
}

int64_t cnncc_multiply_adds(const cnncc_model *model)
{
    return model->multiply_adds;
}

size_t cnncc_context_bytes(const cnncc_model *model)
{
    return model->context_bytes;
}

const char *cnncc_version(void)
{
    return CNNCC_VERSION;
}

int cnncc_available(const char *feature)
{
    if (strcmp(feature, "jit") == 0)
        return jit_available();
    return strcmp(feature, "interp") == 0;
}

/* ---- running ---- */

cnncc_status cnncc_context_new(const cnncc_model *model, cnncc_context **context)
{
    *context = NULL;
    Arena *a = arena_new(0);
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0) {
        arena_free(a);
        return CNNCC_NO_MEMORY;
    }
    cnncc_context *c = ARENA_NEW(a, cnncc_context);
    c->model = model;
    c->arena = a;
    c->memory = arena_alloc(a, model->context_bytes > 64 ? model->context_bytes : 64);
    *context = c;
    return CNNCC_OK;
}

void cnncc_context_free(cnncc_context *context)
{
    if (context != NULL)
        arena_free(context->arena);
}

const char *cnncc_context_error(const cnncc_context *context)
{
    return context->error;
}

static bool has_null(const cnncc_tensor *tensors, int n, const void *const *pointers)
{
    for (int i = 0; i < n; i++)
        if (pointers == NULL || (pointers[i] == NULL && tensors[i].bytes > 0))
            return true;
    return false;
}

/* A run of the interpreter in the arena `a`; the graph is shared, the diagnostics are not. */
static cnncc_status interpret(cnncc_context *c, Arena *a, const void *const *inputs,
                              void *const *outputs)
{
    const cnncc_model *m = c->model;
    Diag diag = {.arena = a, .file = "model"};
    Graph g = *m->graph;
    g.diag = &diag;
    const Tensor **in = ARENA_ARRAY(a, const Tensor *, g.n_inputs);
    Tensor **out = ARENA_ARRAY(a, Tensor *, g.n_outputs);
    for (int i = 0; i < g.n_inputs; i++) {
        Tensor *t = tensor_new(a, g.inputs[i]->dtype, &g.inputs[i]->shape);
        memcpy(t->data, inputs[i], m->inputs[i].bytes);
        in[i] = t;
    }
    if (!interp_run(&g, a, in, out, NULL, NULL)) {
        copy_text(c->error, sizeof c->error, diag.first != NULL ? diag.first : "failed");
        return CNNCC_FAILED;
    }
    for (int i = 0; i < g.n_outputs; i++)
        memcpy(outputs[i], out[i]->data, m->outputs[i].bytes);
    return CNNCC_OK;
}

static cnncc_status run_interpreter(cnncc_context *c, const void *const *inputs,
                                    void *const *outputs)
{
    Arena *a = arena_new(0);
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0) {
        arena_free(a);
        copy_text(c->error, sizeof c->error, "out of memory");
        return CNNCC_NO_MEMORY;
    }
    cnncc_status status = interpret(c, a, inputs, outputs);
    arena_free(a);
    return status;
}

cnncc_status cnncc_run(cnncc_context *context, const void *const *inputs, void *const *outputs)
{
    const cnncc_model *m = context->model;
    context->error[0] = '\0';
    if (has_null(m->inputs, m->n_inputs, inputs) ||
        has_null(m->outputs, m->n_outputs, (const void *const *)outputs)) {
        copy_text(context->error, sizeof context->error, "cnncc_run: a NULL pointer");
        return CNNCC_USAGE;
    }
    if (m->graph != NULL)
        return run_interpreter(context, inputs, outputs);
    return jit_run(m->jit, inputs, outputs, context->memory) == 0 ? CNNCC_OK : CNNCC_FAILED;
}
