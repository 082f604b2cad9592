/* libcnncc, the library that other programs link. runtime/cnncc.h is its contract.
 *
 * Loading runs the same pipeline as the command line in an arena of the model, which owns all of
 * it, LLVM's objects included. A context owns the memory of one run at a time. Every entry point
 * that allocates arms its arena first, so that exhausted memory comes back as CNNCC_NO_MEMORY. */
#include "runtime/cnncc.h"

#include "driver/pipeline.h"
#include "ir/interp/interp.h"

#include <stdio.h>
#include <string.h>

struct cnncc_model {
    Arena *arena;
    Diag diag;
    Graph *graph;   /* for the JIT: after the passes; for the interpreter: as imported */
    const Jit *jit; /* NULL: the interpreter runs it */
    int64_t multiply_adds;
    size_t context_bytes;
    cnncc_tensor *inputs, *outputs;
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

/* What the diagnostics' sink needs; it lives while a model is loaded. */
typedef struct Sink {
    const cnncc_options *options;
} Sink;

static void forward_line(void *user, Severity severity, const char *line)
{
    static const cnncc_severity public_severity[] = {
        [SEVERITY_ERROR] = CNNCC_ERROR,
        [SEVERITY_WARNING] = CNNCC_WARNING,
        [SEVERITY_NOTE] = CNNCC_NOTE,
    };
    const Sink *sink = user;
    if (sink->options->message != NULL)
        sink->options->message(sink->options->user, public_severity[severity], line);
}

static cnncc_status refuse(const cnncc_options *o, cnncc_status status, const char *why)
{
    copy_text(o->error, o->error_bytes, why);
    if (o->message != NULL)
        o->message(o->user, CNNCC_ERROR, why);
    return status;
}

/* ---- options ---- */

static const char *const conv_names[] = {"auto", "direct", "im2col", "winograd"};

static bool find_conv(const char *name, ConvChoice *conv)
{
    *conv = CONV_AUTO;
    if (name == NULL)
        return true;
    for (size_t i = 0; i < sizeof conv_names / sizeof conv_names[0]; i++)
        if (strcmp(name, conv_names[i]) == 0) {
            *conv = (ConvChoice)i;
            return true;
        }
    return false;
}

static cnncc_status usage(Diag *d, const char *what, const char *name)
{
    diag_error(d, "unknown %s \"%s\"", what, name);
    return CNNCC_USAGE;
}

/* What the options ask for; *interpret: by the interpreter. */
static cnncc_status read_options(cnncc_model *m, const cnncc_options *o, PipelineOptions *p,
                                 bool *interpret)
{
    DimBinding *dims = ARENA_ARRAY(m->arena, DimBinding, o->n_dims);
    for (size_t i = 0; i < o->n_dims; i++) {
        if (o->dims[i].symbol == NULL || o->dims[i].extent < 1)
            return usage(&m->diag, "extent of dimension",
                         o->dims[i].symbol != NULL ? o->dims[i].symbol : "");
        dims[i] = (DimBinding){o->dims[i].symbol, o->dims[i].extent};
    }
    p->import.dims = dims;
    p->import.n_dims = (int)o->n_dims;
    p->target = target_find(o->target != NULL ? o->target : "native");
    if (p->target == NULL)
        return usage(&m->diag, "target", o->target);
    if (!find_conv(o->conv, &p->passes.conv))
        return usage(&m->diag, "convolution algorithm", o->conv);
    const char *backend = o->backend != NULL ? o->backend : jit_available() ? "jit" : "interp";
    *interpret = strcmp(backend, "interp") == 0;
    if (!*interpret && strcmp(backend, "jit") != 0)
        return usage(&m->diag, "backend", backend);
    return CNNCC_OK;
}

/* ---- loading ---- */

static void free_jit(void *jit)
{
    jit_free(jit);
}

static cnncc_type public_type(DType t)
{
    static const unsigned char number[DT_COUNT] = {
        [DT_F32] = CNNCC_F32,   [DT_F64] = CNNCC_F64, [DT_F16] = CNNCC_F16, [DT_BF16] = CNNCC_BF16,
        [DT_I8] = CNNCC_I8,     [DT_U8] = CNNCC_U8,   [DT_I16] = CNNCC_I16, [DT_U16] = CNNCC_U16,
        [DT_I32] = CNNCC_I32,   [DT_U32] = CNNCC_U32, [DT_I64] = CNNCC_I64, [DT_U64] = CNNCC_U64,
        [DT_BOOL] = CNNCC_BOOL,
    };
    return (cnncc_type)number[t];
}

static cnncc_tensor *describe(Arena *a, Value *const *values, int n)
{
    cnncc_tensor *t = ARENA_ARRAY(a, cnncc_tensor, n);
    for (int i = 0; i < n; i++) {
        const Value *v = values[i];
        size_t count = (size_t)shape_numel(&v->shape);
        t[i] = (cnncc_tensor){v->name, public_type(v->dtype),       v->shape.rank, v->shape.dim,
                              count,   count * dtype_size(v->dtype)};
    }
    return t;
}

/* Compiles the model for this machine; m->graph is the planned graph. */
static bool compile_model(cnncc_model *m, const ModelSource *source, const PipelineOptions *options)
{
    Pipeline result;
    if (!pipeline_run(m->arena, &m->diag, source, options, &result))
        return false;
    Jit *jit = jit_compile(result.program, &m->diag);
    if (jit == NULL)
        return false;
    arena_defer(m->arena, free_jit, jit);
    m->jit = jit;
    m->graph = result.graph;
    m->context_bytes = (size_t)result.program->arena_bytes;
    return true;
}

/* Fills the model from its source. */
static cnncc_status load_model(cnncc_model *m, const ModelSource *source, const cnncc_options *o)
{
    PipelineOptions options = {.target = NULL};
    bool interpret;
    cnncc_status status = read_options(m, o, &options, &interpret);
    if (status != CNNCC_OK)
        return status;
    if (interpret)
        m->graph = pipeline_load(m->arena, &m->diag, source, &options);
    if (interpret ? m->graph == NULL : !compile_model(m, source, &options))
        return m->diag.status == STATUS_OK ? CNNCC_FAILED : (cnncc_status)m->diag.status;
    for (int i = 0; i < m->graph->n_nodes; i++)
        m->multiply_adds += m->graph->nodes[i]->plan.macs;
    m->inputs = describe(m->arena, m->graph->inputs, m->graph->n_inputs);
    m->outputs = describe(m->arena, m->graph->outputs, m->graph->n_outputs);
    return CNNCC_OK;
}

/* Loads into a model in a new arena; the arena is all that a failure has to free. */
static cnncc_status load(const ModelSource *source, const cnncc_options *o, cnncc_model **model)
{
    Arena *a = arena_new(o->memory_limit);
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0) {
        arena_free(a);
        return refuse(o, CNNCC_NO_MEMORY, "out of memory");
    }
    Sink sink = {o};
    cnncc_model *m = ARENA_NEW(a, cnncc_model);
    m->arena = a;
    m->diag.arena = a;
    m->diag.file = arena_strdup(a, source->path != NULL ? source->path : "model");
    m->diag.sink = forward_line;
    m->diag.user = &sink;
    cnncc_status status = load_model(m, source, o);
    m->diag.sink = NULL;
    m->diag.user = NULL;
    if (status == CNNCC_OK) {
        *model = m;
        return status;
    }
    copy_text(o->error, o->error_bytes, m->diag.first != NULL ? m->diag.first : "failed");
    arena_free(a);
    return status;
}

cnncc_status cnncc_load_file(const char *path, const cnncc_options *options, cnncc_model **model)
{
    const cnncc_options *o = options != NULL ? options : &no_options;
    if (model != NULL)
        *model = NULL;
    if (path == NULL || model == NULL)
        return refuse(o, CNNCC_USAGE, "cnncc_load_file: a NULL pointer");
    copy_text(o->error, o->error_bytes, "");
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
    copy_text(o->error, o->error_bytes, "");
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
    return (size_t)model->graph->n_inputs;
}

size_t cnncc_output_count(const cnncc_model *model)
{
    return (size_t)model->graph->n_outputs;
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
    return get_tensor(model->inputs, model->graph->n_inputs, index, tensor);
}

cnncc_status cnncc_output(const cnncc_model *model, size_t index, cnncc_tensor *tensor)
{
    return get_tensor(model->outputs, model->graph->n_outputs, index, tensor);
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
    Diag diag = {.arena = a, .file = m->diag.file};
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
    if (has_null(m->inputs, m->graph->n_inputs, inputs) ||
        has_null(m->outputs, m->graph->n_outputs, (const void *const *)outputs)) {
        copy_text(context->error, sizeof context->error, "cnncc_run: a NULL pointer");
        return CNNCC_USAGE;
    }
    if (m->jit == NULL)
        return run_interpreter(context, inputs, outputs);
    return jit_run(m->jit, inputs, outputs, context->memory) == 0 ? CNNCC_OK : CNNCC_FAILED;
}
