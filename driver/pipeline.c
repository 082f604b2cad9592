/* Load -> passes -> lower, with the time of each step. driver/pipeline.h says what holds. */
#include "driver/pipeline.h"

#include <time.h>

double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

Graph *pipeline_load(Arena *a, Diag *d, const ModelSource *source, const PipelineOptions *o)
{
    Graph *g = source->path != NULL
                   ? frontend_load_file(a, d, source->path, &o->import)
                   : frontend_load_memory(a, d, source->data, source->bytes, &o->import);
    if (g != NULL) {
        g->target = o->target != NULL ? o->target : target_find("native");
        g->threads = o->threads;
    }
    return g;
}

bool pipeline_compile(Graph *g, const PipelineOptions *o, Pipeline *result)
{
    result->graph = g;
    double start = seconds_now();
    if (!passes_run(g, &o->passes, &result->stopped))
        return false;
    double planned = seconds_now();
    result->passes_seconds = planned - start;
    if (result->stopped)
        return true;
    result->program = codegen_lower(g);
    result->lower_seconds = seconds_now() - planned;
    return result->program != NULL;
}

bool pipeline_run(Arena *a, Diag *d, const ModelSource *source, const PipelineOptions *o,
                  Pipeline *result)
{
    *result = (Pipeline){0};
    double start = seconds_now();
    Graph *g = pipeline_load(a, d, source, o);
    result->load_seconds = seconds_now() - start;
    return g != NULL && pipeline_compile(g, o, result);
}
