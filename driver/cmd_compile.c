/* `cnncc MODEL.onnx -o OUT.c`: the network as C.
 *
 * The emitted files are made in memory and written at the end, all or none: when a write fails,
 * those of an earlier compilation stay as they are. */
#include "driver/choices.h"
#include "driver/cli.h"

#include <string.h>

/* Prints the text of every kernel and function of the program (--dump=kernels). */
static void dump_kernels(const Cli *c, const Program *p)
{
    for (int i = 0; i < p->n_funcs; i++)
        printf("%s\n", kfunc_dump(c->arena, p->funcs[i]));
    for (int i = 0; i < p->n_kernels; i++)
        printf("%s\n", kernel_dump(c->arena, p->kernels[i]));
}

static bool wants(const char *option, const char *stage)
{
    return option && (strcmp(option, stage) == 0 || strcmp(option, "all") == 0);
}

/* Writes the weights, the header and the C file, in this order, or none of them. */
static bool write_files(Cli *c, const EmittedC *e)
{
    const char *source = c->o->output;
    size_t stem = strlen(source) - 2;
    const OutputFile files[] = {
        {arena_printf(c->arena, "%s.weights", source), e->weights, e->weights_bytes},
        {arena_printf(c->arena, "%.*s.h", (int)stem, source), e->header, e->header_bytes},
        {source, e->source, e->source_bytes},
    };
    int first = e->weights ? 0 : 1;
    return files_write(&c->diag, c->arena, files + first, 3 - first);
}

/* Whether --output and --name are usable; before the work, since they need no model. */
static bool check_names(Cli *c)
{
    const Options *o = c->o;
    const char *slash = o->output ? strrchr(o->output, '/') : NULL;
    const char *base = slash ? slash + 1 : o->output;
    if (o->output == NULL && o->dump == NULL && o->stop_after == NULL)
        return usage_error(&c->diag, "no output given: -o OUT.c");
    if (base && (strlen(base) < 3 || strcmp(base + strlen(base) - 2, ".c") != 0))
        return usage_error(&c->diag, "the output is called OUT.c, not \"%s\"", o->output);
    if (o->name && strcmp(c_identifier(c->arena, o->name), o->name) != 0)
        return usage_error(&c->diag, "--name takes a C identifier, not \"%s\"", o->name);
    return true;
}

/* Prints the C text of a finished program and writes the files. */
static bool emit(Cli *c, const PipelineOptions *p, const Pipeline *built)
{
    const Options *o = c->o;
    const char *slash = strrchr(o->output, '/');
    EmitOptions options = {
        .name = cli_name(c),
        .options = cli_options_text(c, p),
        .weights = (WeightsMode)choice_index(WEIGHTS_CHOICES, o->weights ? o->weights : "auto")};
    double start = seconds_now();
    EmittedC *e = emit_c(c->arena, built->program, slash ? slash + 1 : o->output, &options);
    double emitted = seconds_now();
    if (e == NULL || !write_files(c, e))
        return false;
    if (o->time)
        printf("load %.3f s, passes %.3f s, lower %.3f s, emit %.3f s, write %.3f s\n",
               built->load_seconds, built->passes_seconds, built->lower_seconds, emitted - start,
               seconds_now() - emitted);
    return true;
}

int cmd_compile(Cli *c)
{
    const Options *o = c->o;
    PipelineOptions p;
    if (!check_names(c) || !cli_pipeline_options(c, &p))
        return cli_failed(c);
    double start = seconds_now();
    Graph *g = cli_load(c, &p);
    if (g == NULL)
        return cli_failed(c);
    double loaded = seconds_now();
    if (wants(o->dump, "import"))
        printf("%s", graph_dump(g));
    if (o->stop_after && strcmp(o->stop_after, "import") == 0)
        return STATUS_OK;
    Pipeline built = {0};
    if (!pipeline_compile(g, &p, &built))
        return cli_failed(c);
    built.load_seconds = loaded - start;
    if (built.program && wants(o->dump, "kernels"))
        dump_kernels(c, built.program);
    if (built.stopped || (o->stop_after && strcmp(o->stop_after, "kernels") == 0) || !o->output)
        return STATUS_OK;
    return emit(c, &p, &built) ? STATUS_OK : cli_failed(c);
}
