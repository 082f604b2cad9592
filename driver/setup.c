/* From the command line to a compilation: what every command that reads a model does first.
 *
 * In come the Options, out go PipelineOptions with all files read and all names resolved, and the
 * graph. Errors of the command line itself have status 2. */
#include "driver/choices.h"
#include "driver/cli.h"
#include "driver/tune.h"

#include <stdlib.h>
#include <string.h>

static void report_usage(Diag *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    diag_report(d, SEVERITY_ERROR, STATUS_USAGE, format, args);
    va_end(args);
}

bool usage_error(Diag *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *text = arena_vprintf(d->arena, format, args);
    va_end(args);
    const char *file = d->file;
    d->file = "cnncc"; /* not the model: the command line is wrong */
    report_usage(d, "%s; try \"cnncc --help\"", text);
    d->file = file;
    return false;
}

int cli_failed(const Cli *c)
{
    return c->diag.status == STATUS_OK ? STATUS_FAILED : (int)c->diag.status;
}

/* Splits "NAME=VALUE" at the last '='; NULL when there is none or a side is empty. */
static const char *split_binding(Arena *a, const char *text, char **name)
{
    const char *equals = strrchr(text, '=');
    if (equals == NULL || equals == text || equals[1] == '\0')
        return NULL;
    *name = arena_strndup(a, text, (size_t)(equals - text));
    return equals + 1;
}

static bool bind_dims(Cli *c, ImportOptions *import)
{
    const StringList *list = &c->o->dims;
    DimBinding *dims = ARENA_ARRAY(c->arena, DimBinding, list->n);
    for (int i = 0; i < list->n; i++) {
        char *symbol, *end;
        const char *value = split_binding(c->arena, list->item[i], &symbol);
        long long extent = value ? strtoll(value, &end, 10) : 0;
        if (value == NULL || *end || extent < 1 || extent > INT32_MAX)
            return usage_error(&c->diag, "--dim takes SYMBOL=N, N from 1 on, not \"%s\"",
                               list->item[i]);
        dims[i] = (DimBinding){symbol, extent};
    }
    import->dims = dims;
    import->n_dims = list->n;
    return true;
}

static bool bind_freezes(Cli *c, ImportOptions *import)
{
    const StringList *list = &c->o->freezes;
    FreezeBinding *freezes = ARENA_ARRAY(c->arena, FreezeBinding, list->n);
    for (int i = 0; i < list->n; i++) {
        char *input;
        const char *value = split_binding(c->arena, list->item[i], &input);
        if (value == NULL)
            return usage_error(&c->diag, "--freeze takes INPUT=FILE or INPUT=NUMBERS, not \"%s\"",
                               list->item[i]);
        freezes[i] = (FreezeBinding){.input = input, .text = value};
        if (!freeze_is_text(value))
            freezes[i].tensor = tensor_read_file(c->arena, &c->diag, value);
        if (!freeze_is_text(value) && freezes[i].tensor == NULL)
            return false;
    }
    import->freezes = freezes;
    import->n_freezes = list->n;
    return true;
}

/* Whether a pass, or one of the stages around the passes, has this name. */
static bool is_stage(const char *name)
{
    if (strcmp(name, "import") == 0 || strcmp(name, "kernels") == 0)
        return true;
    for (int i = 0; pass_at(i); i++)
        if (strcmp(pass_at(i)->name, name) == 0)
            return true;
    return false;
}

/* The choices of --plan, or those that --tune makes and writes. */
static bool bind_plan(Cli *c, PipelineOptions *p)
{
    const Options *o = c->o;
    PlanChoices choices = {0};
    if (o->plan && o->tune)
        return usage_error(&c->diag, "--tune and --plan exclude each other");
    if (o->plan && !plan_file_read(c->arena, &c->diag, o->plan, &choices))
        return false;
    if (o->tune) {
        const char *head = arena_printf(c->arena, "cnncc plan: %s", cli_options_text(c, p));
        if (!tune(c, p, &choices) || !plan_file_write(c->arena, &c->diag, o->tune, head, &choices))
            return false;
    }
    p->passes.choices = choices.item;
    p->passes.n_choices = choices.n;
    return true;
}

bool cli_pipeline_options(Cli *c, PipelineOptions *p)
{
    const Options *o = c->o;
    *p = (PipelineOptions){.target = target_find(o->target ? o->target : "native"),
                           .threads = (int)o->threads};
    if (p->target == NULL)
        return usage_error(&c->diag, "unknown target \"%s\"", o->target);
    if (o->threads > MAX_THREADS)
        return usage_error(&c->diag, "--threads takes at most %d", MAX_THREADS);
    if (o->dump && strcmp(o->dump, "all") != 0 && !is_stage(o->dump))
        return usage_error(&c->diag, "no pass is called \"%s\"", o->dump);
    if (o->stop_after && !is_stage(o->stop_after))
        return usage_error(&c->diag, "no pass is called \"%s\"", o->stop_after);
    p->passes =
        (PassOptions){.conv = (ConvChoice)choice_index(CONV_CHOICES, o->conv ? o->conv : "auto"),
                      .dump = o->dump,
                      .stop_after = o->stop_after,
                      .time = o->time,
                      .keep_denormals = o->keep_denormals,
                      .winograd_error = o->winograd_error >= 0 ? &o->winograd_error : NULL,
                      .dump_to = stdout};
    return bind_dims(c, &p->import) && bind_freezes(c, &p->import) && bind_plan(c, p);
}

const char *cli_options_text(Cli *c, const PipelineOptions *p)
{
    const Options *o = c->o;
    Arena *a = c->arena;
    char *text = arena_printf(a, "--target %s", p->target->name);
    if (p->passes.conv != CONV_AUTO)
        text = arena_printf(a, "%s --conv %s", text, o->conv);
    if (o->keep_denormals)
        text = arena_printf(a, "%s --keep-denormals", text);
    if (p->passes.winograd_error)
        text = arena_printf(a, "%s --winograd-error %g", text, o->winograd_error);
    if (o->plan || o->tune)
        text = arena_printf(a, "%s --plan", text);
    if (o->threads > 1)
        text = arena_printf(a, "%s --threads %lld", text, (long long)o->threads);
    for (int i = 0; i < p->import.n_dims; i++)
        text = arena_printf(a, "%s --dim %s", text, o->dims.item[i]);
    for (int i = 0; i < p->import.n_freezes; i++)
        text = arena_printf(a, "%s --freeze %s%s%s", text, p->import.freezes[i].input,
                            p->import.freezes[i].tensor ? "" : "=",
                            p->import.freezes[i].tensor ? "" : p->import.freezes[i].text);
    return text;
}

const char *cli_name(Cli *c)
{
    if (c->o->name)
        return c->o->name;
    const char *slash = strrchr(c->o->model, '/');
    const char *base = slash ? slash + 1 : c->o->model;
    const char *dot = strrchr(base, '.');
    size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);
    return c_identifier(c->arena, arena_strndup(c->arena, base, n));
}

Graph *cli_load(Cli *c, const PipelineOptions *p)
{
    ModelSource source = {.path = c->o->model};
    return pipeline_load(c->arena, &c->diag, &source, p);
}
