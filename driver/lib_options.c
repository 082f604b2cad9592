/* From cnncc_options to PipelineOptions. Whatever a caller can get wrong is told as CNNCC_USAGE. */
#include "driver/lib_options.h"

#include "driver/choices.h"
#include "driver/plan_file.h"
#include "frontend/import.h"

#include <string.h>

static cnncc_status usage(Diag *d, const char *what, const char *name)
{
    diag_error(d, "unknown %s \"%s\"", what, name != NULL ? name : "");
    return CNNCC_USAGE;
}

static cnncc_status read_dims(Loading *l, ImportOptions *import)
{
    const cnncc_options *o = l->options;
    DimBinding *dims = ARENA_ARRAY(l->arena, DimBinding, o->n_dims);
    for (size_t i = 0; i < o->n_dims; i++) {
        if (o->dims[i].symbol == NULL || o->dims[i].extent < 1)
            return usage(&l->diag, "extent of dimension", o->dims[i].symbol);
        dims[i] = (DimBinding){o->dims[i].symbol, o->dims[i].extent};
    }
    import->dims = dims;
    import->n_dims = (int)o->n_dims;
    return CNNCC_OK;
}

/* NULL when it has no name, type or data, or a shape that cannot be. */
static const Tensor *frozen_tensor(Arena *a, const cnncc_freeze *f)
{
    DType dtype = dtype_from_onnx((int32_t)f->type);
    if (f->name == NULL || dtype == DT_NONE || f->rank < 0 || f->rank > MAX_RANK ||
        (f->rank > 0 && f->dims == NULL))
        return NULL;
    Shape shape = shape_make(f->rank, f->dims);
    int64_t count;
    for (int i = 0; i < f->rank; i++)
        if (f->dims[i] < 0)
            return NULL;
    if (!shape_checked_numel(&shape, &count) || (f->data == NULL && count > 0))
        return NULL;
    Tensor *t = tensor_new(a, dtype, &shape);
    if (count > 0)
        memcpy(t->data, f->data, tensor_bytes(t));
    return t;
}

static cnncc_status read_freezes(Loading *l, ImportOptions *import)
{
    const cnncc_options *o = l->options;
    FreezeBinding *freezes = ARENA_ARRAY(l->arena, FreezeBinding, o->n_freezes);
    for (size_t i = 0; i < o->n_freezes; i++) {
        const cnncc_freeze *f = &o->freezes[i];
        freezes[i] = (FreezeBinding){.input = f->name, .tensor = frozen_tensor(l->arena, f)};
        if (freezes[i].tensor == NULL)
            return usage(&l->diag, "tensor for the frozen input", f->name);
    }
    import->freezes = freezes;
    import->n_freezes = (int)o->n_freezes;
    return CNNCC_OK;
}

static cnncc_status read_plan(Loading *l, PassOptions *passes)
{
    PlanChoices choices = {0};
    if (l->options->plan != NULL && !plan_file_read(l->arena, &l->diag, l->options->plan, &choices))
        return CNNCC_FAILED;
    passes->choices = choices.item;
    passes->n_choices = choices.n;
    return CNNCC_OK;
}

static cnncc_status read_backend(Loading *l, bool *interpret)
{
    const char *backend = l->options->backend;
    if (backend == NULL)
        backend = jit_available() ? "jit" : "interp";
    *interpret = strcmp(backend, "interp") == 0;
    if (!*interpret && strcmp(backend, "jit") != 0)
        return usage(&l->diag, "backend", backend);
    return CNNCC_OK;
}

cnncc_status lib_options_read(Loading *l, PipelineOptions *p, bool *interpret)
{
    const cnncc_options *o = l->options;
    if (o->threads < 0 || o->threads > MAX_THREADS)
        return usage(&l->diag, "number of threads", arena_printf(l->arena, "%d", o->threads));
    p->threads = o->threads;
    p->target = target_find(o->target != NULL ? o->target : "native");
    if (p->target == NULL)
        return usage(&l->diag, "target", o->target);
    int conv = choice_index(CONV_CHOICES, o->conv != NULL ? o->conv : "auto");
    if (conv < 0)
        return usage(&l->diag, "convolution algorithm", o->conv);
    p->passes.conv = (ConvChoice)conv;
    p->passes.keep_denormals = o->keep_denormals != 0;
    if (o->winograd_error != NULL && !(*o->winograd_error >= 0))
        return usage(&l->diag, "bound on Winograd's error",
                     arena_printf(l->arena, "%g", *o->winograd_error));
    p->passes.winograd_error = o->winograd_error;
    cnncc_status status = read_dims(l, &p->import);
    if (status == CNNCC_OK)
        status = read_freezes(l, &p->import);
    if (status == CNNCC_OK)
        status = read_plan(l, &p->passes);
    return status == CNNCC_OK ? read_backend(l, interpret) : status;
}
