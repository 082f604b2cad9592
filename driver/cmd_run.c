/* `cnncc run MODEL.onnx`: one run on files, pictures or random numbers. */
#include "driver/backend.h"
#include "driver/tensors.h"

#include <string.h>

/* Opens the back end that --backend names; only compiled ones need the passes. */
static Backend *open_backend(Cli *c, Graph *g, const PipelineOptions *p)
{
    BackendKind kind = backend_default();
    if (c->o->backend)
        backend_find(c->o->backend, strlen(c->o->backend), &kind);
    if (kind == BACKEND_INTERP)
        return backend_interp(c, g);
    Pipeline built = {0};
    if (!pipeline_compile(g, p, &built))
        return NULL;
    return backend_compiled(c, kind, built.program, NULL);
}

int cmd_run(Cli *c)
{
    PipelineOptions p;
    Graph *g = cli_pipeline_options(c, &p) ? cli_load(c, &p) : NULL;
    if (g == NULL)
        return cli_failed(c);
    Random random = {(uint64_t)c->o->random};
    const Tensor **in = ARENA_ARRAY(c->arena, const Tensor *, g->n_inputs);
    if (!inputs_read(c, g, c->o->random >= 0 ? &random : NULL, in))
        return cli_failed(c);
    double start = seconds_now();
    Backend *b = open_backend(c, g, &p);
    if (b == NULL)
        return cli_failed(c);
    double built = seconds_now();
    Tensor **out = backend_outputs(c, g);
    if (!backend_run(c, b, in, out))
        return cli_failed(c);
    if (c->o->time)
        printf("build %.3f s, run %.3f s\n", built - start, seconds_now() - built);
    if (c->o->output)
        return outputs_write(c, g, out, c->o->output) ? STATUS_OK : cli_failed(c);
    for (int i = 0; i < g->n_outputs; i++)
        tensor_print(c, g->outputs[i], out[i]);
    return STATUS_OK;
}
