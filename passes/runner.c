/* The runner: the pipeline as a const table, and what is done around every pass.
 *
 * In: a graph from the frontend with its target set. Out: a graph that codegen can obey, or false
 * after a diagnostic. After each pass the runner verifies the graph, so a broken invariant is
 * blamed on the pass that broke it; dumping, timing and stopping are here and in no pass. */
#include "passes/passes.h"

#include <string.h>
#include <time.h>

static const Pass pipeline[] = {
    {"expand", "turn what is composed of other operators into those", pass_expand},
    {"integers", "compute quantised graphs with integers", pass_integers},
    {"legalize", "compute in f32 what is stored in 16 bits", pass_legalize},
    {"simplify", "remove what computes nothing; explicit transposes", pass_simplify},
    {"fold", "compute nodes with constant operands", pass_fold},
    {"recognise", "decomposed activations and normalisations become one node", pass_recognise},
    {"sink", "transposes move down until they meet their inverses", pass_sink},
    {"channels", "shuffles of channels become one node", pass_channels},
    {"fuse", "normalisation into weights, elementwise into epilogues, pad into windows", pass_fuse},
    {"flush", "weights that are denormal or next to nothing become zero", pass_flush},
    {"plan", "choose algorithm and register tile of every node", pass_plan},
    {"layout", "block channels where it pays, reorder where layouts meet", pass_layout},
    {"pack", "put constant weights in the order in which kernels read them", pass_pack},
    {"order", "order the nodes for least memory", pass_order},
    {"memory", "give every value a place", pass_memory},
};

enum { N_PASSES = sizeof pipeline / sizeof pipeline[0] };

const Pass *pass_at(int i)
{
    return i >= 0 && i < N_PASSES ? &pipeline[i] : NULL;
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static bool run_pass(Graph *g, const Pass *p, const PassOptions *o)
{
    double start = seconds();
    if (!p->run(g, o))
        return false;
    double ran = seconds();
    if (!graph_verify(g, p->name))
        return false;
    FILE *to = o->dump_to ? o->dump_to : stderr;
    if (o->time)
        fprintf(to, "# %-8s %8.2f ms, verified in %.2f ms\n", p->name, 1e3 * (ran - start),
                1e3 * (seconds() - ran));
    if (o->dump && (strcmp(o->dump, "all") == 0 || strcmp(o->dump, p->name) == 0))
        fprintf(to, "# after %s\n%s", p->name, graph_dump(g));
    return true;
}

bool passes_run(Graph *g, const PassOptions *o, bool *stopped)
{
    *stopped = false;
    for (int i = 0; i < N_PASSES; i++) {
        if (!run_pass(g, &pipeline[i], o))
            return false;
        if (o->stop_after && strcmp(o->stop_after, pipeline[i].name) == 0) {
            *stopped = true;
            return true;
        }
    }
    return true;
}
