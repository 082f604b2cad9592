/* The search for the first node that differs.
 *
 * A first compilation shows which values of the imported graph still exist behind the passes
 * (fused ones do not). A second one gets exactly these as outputs, which leaves the fusion as it
 * is, so the kernels under test are those of the real compilation. The interpreter runs the same
 * graph before its passes. Values are judged in the order of the imported graph. */
#include "driver/per_node.h"

#include "driver/tensors.h"
#include "driver/verify.h"

#include <string.h>

/* Whether the planned graph computes a value of this name, with this shape and type. */
static bool survives(const Graph *planned, const Value *v)
{
    for (int i = 0; i < planned->n_nodes; i++)
        for (int k = 0; k < planned->nodes[i]->n_out; k++) {
            const Value *w = planned->nodes[i]->out[k];
            if (w && strcmp(w->name, v->name) == 0)
                return w->dtype == v->dtype && shape_equal(&w->shape, &v->shape);
        }
    return false;
}

/* Makes every surviving value an output, in topological order, in place of the model's own. */
static void expose_values(Graph *g, const Graph *planned)
{
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i]->n_out; k++) {
            Value *v = g->nodes[i]->out[k];
            if (v == NULL || v->is_output || v->constant || !survives(planned, v))
                continue;
            v->is_output = true;
            ARENA_PUSH(g->arena, g, outputs, n_outputs, cap_outputs, v);
        }
    graph_index(g);
}

/* What the report says of an output: taken before the passes change the graph. */
typedef struct Exposed {
    const Value *value;
    const char *node; /* label of the node that makes it */
    int order;        /* position of that node; -1: none makes it */
} Exposed;

static Exposed *describe_outputs(Cli *c, const Graph *g)
{
    Exposed *e = ARENA_ARRAY(c->arena, Exposed, g->n_outputs);
    for (int i = 0; i < g->n_outputs; i++) {
        const Value *v = g->outputs[i];
        e[i] = (Exposed){v, "the graph", -1};
        if (v->def) {
            e[i].node = node_label(c->arena, v->def);
            e[i].order = graph_position(g, v->def);
        }
    }
    return e;
}

typedef struct NodeCheck {
    const Graph *graph;
    const Exposed *exposed;
    VerifyData data;
    int n_wrong;
} NodeCheck;

/* Compares all values of one back end; prints the first that differs. */
static bool check_nodes(Cli *c, const Backend *b, void *user)
{
    NodeCheck *check = user;
    const Graph *g = check->graph;
    Tensor **out = backend_outputs(c, g);
    if (!backend_run(c, b, check->data.in, out))
        return false;
    Difference first = {0};
    int at = -1;
    for (int i = 0; i < g->n_outputs; i++) {
        Difference d = tensor_compare(out[i], check->data.want[i], verify_tolerance(c));
        if (d.n_wrong && (at < 0 || check->exposed[i].order < check->exposed[at].order)) {
            at = i;
            first = d;
        }
    }
    if (at < 0) {
        printf("ok: %s: all %d values agree\n", backend_label(b), g->n_outputs);
        return true;
    }
    printf("first difference: %s\n", check->exposed[at].node);
    verify_print(c, backend_label(b), check->exposed[at].value, &first);
    check->n_wrong++;
    return true;
}

/* The interpreter's values, before the passes change the graph. */
static bool make_reference(Cli *c, const Graph *g, VerifyData *data)
{
    Random random = {(uint64_t)c->o->seed};
    const char *dir = c->o->test_data;
    data->in = ARENA_ARRAY(c->arena, const Tensor *, g->n_inputs);
    data->want = ARENA_ARRAY(c->arena, const Tensor *, g->n_outputs);
    if (dir ? !tensors_read_folder(c, dir, "input", g->inputs, g->n_inputs, data->in)
            : !inputs_read(c, g, &random, data->in))
        return false;
    Tensor **out = backend_outputs(c, g);
    if (!backend_run(c, backend_interp(c, g), data->in, out))
        return false;
    for (int i = 0; i < g->n_outputs; i++)
        data->want[i] = out[i];
    return true;
}

bool verify_per_node(Cli *c, const PipelineOptions *p, BackendKind kind, int *n_wrong)
{
    PipelineOptions quiet = *p; /* dumps and times once only */
    quiet.passes.dump = NULL;
    quiet.passes.time = false;
    Graph *planned = cli_load(c, p), *g = cli_load(c, &quiet);
    Pipeline first = {0}, second = {0};
    if (planned == NULL || g == NULL || !pipeline_compile(planned, p, &first))
        return false;
    expose_values(g, planned);
    NodeCheck check = {.graph = g, .exposed = describe_outputs(c, g)};
    if (!make_reference(c, g, &check.data) || !pipeline_compile(g, &quiet, &second) ||
        !verify_compiled(c, kind, second.program, check_nodes, &check))
        return false;
    *n_wrong += check.n_wrong;
    return true;
}
