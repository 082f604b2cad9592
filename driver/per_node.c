/* The search for the first node that differs.
 *
 * Two compilations are compared with the interpreter, value by value. In the first, the values
 * that still exist behind the passes (a fused one does not) are made outputs: that leaves the
 * fusion as it is, so the kernels under test are those of the real compilation. In the second,
 * every value of the imported graph is an output, which keeps all nodes apart and so tells which
 * of several fused nodes it is. The interpreter runs the same graph before its passes. Values are
 * judged in the order of the imported graph. */
#include "driver/per_node.h"

#include "driver/tensors.h"
#include "driver/verify.h"
#include "ir/ops.h"

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

/* Which values, by id, depend on the data of an input; all others are folded at compile time. */
static bool *find_computed(const Graph *g)
{
    bool *computed = ARENA_ARRAY(g->arena, bool, g->n_values);
    for (int i = 0; i < g->n_inputs; i++)
        computed[g->inputs[i]->id] = true;
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        bool any = false;
        for (int k = 0; k < n->n_in && !op_has(n->op, T_SHAPE_ONLY); k++)
            any = any || (n->in[k] && computed[n->in[k]->id]);
        for (int k = 0; k < n->n_out; k++)
            if (n->out[k])
                computed[n->out[k]->id] = any;
    }
    return computed;
}

/* Makes values outputs, in topological order, behind the model's own: those that survive in
 * `planned`, or all when it is NULL. Returns how many were passed over. */
static int expose_values(Graph *g, const Graph *planned)
{
    const bool *computed = find_computed(g);
    int hidden = 0;
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->nodes[i]->n_out; k++) {
            Value *v = g->nodes[i]->out[k];
            if (v == NULL || v->is_output || v->constant || !computed[v->id])
                continue;
            if (planned != NULL && !survives(planned, v)) {
                hidden++;
                continue;
            }
            v->is_output = true;
            ARENA_PUSH(g->arena, g, outputs, n_outputs, cap_outputs, v);
        }
    graph_index(g);
    return hidden;
}

/* What the report says of an output: taken before the passes change the graph. */
typedef struct Exposed {
    const Value *value;
    const char *node; /* the node that makes it, with its shapes */
    int order;        /* position of that node; -1: none makes it */
} Exposed;

/* `Conv "c1" (#3): [1,3,8,8] [4,3,3,3] -> [1,4,6,6]` */
static const char *describe_node(Arena *a, const Node *n)
{
    const char *text = arena_printf(a, "%s:", node_label(a, n));
    for (int i = 0; i < n->n_in; i++)
        text = arena_printf(a, "%s %s", text, n->in[i] ? shape_str(a, &n->in[i]->shape) : "-");
    text = arena_printf(a, "%s ->", text);
    for (int i = 0; i < n->n_out; i++)
        text = arena_printf(a, "%s %s", text, n->out[i] ? shape_str(a, &n->out[i]->shape) : "-");
    return text;
}

static Exposed *describe_outputs(Cli *c, const Graph *g)
{
    Exposed *e = ARENA_ARRAY(c->arena, Exposed, g->n_outputs);
    for (int i = 0; i < g->n_outputs; i++) {
        const Value *v = g->outputs[i];
        e[i] = (Exposed){v, "the graph", -1};
        if (v->def) {
            e[i].node = describe_node(c->arena, v->def);
            e[i].order = graph_position(g, v->def);
        }
    }
    return e;
}

typedef struct NodeCheck {
    const Graph *graph;
    const Exposed *exposed;
    VerifyData data;
    const char *how; /* "fused" or "each node alone" */
    int n_hidden;    /* values inside fused kernels */
    int n_wrong;
} NodeCheck;

static void print_agreement(Cli *c, const Backend *b, const NodeCheck *check)
{
    const char *hidden = "";
    if (check->n_hidden > 0)
        hidden = arena_printf(c->arena, "; %d more inside fused kernels", check->n_hidden);
    printf("ok: %s, %s: all %d values agree%s\n", backend_label(b), check->how,
           check->graph->n_outputs, hidden);
}

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
        Tolerance tolerance = verify_tolerance(c, g->outputs[i]->dtype);
        Difference d = tensor_compare(out[i], check->data.want[i], tolerance);
        if (d.n_wrong && (at < 0 || check->exposed[i].order < check->exposed[at].order)) {
            at = i;
            first = d;
        }
    }
    if (at < 0) {
        print_agreement(c, b, check);
        return true;
    }
    printf("first difference, %s: %s\n", check->how, check->exposed[at].node);
    verify_print(c, backend_label(b), check->exposed[at].value, &first);
    check->n_wrong++;
    return true;
}

/* One compilation: with the values that survive in `planned` exposed, or all when it is NULL. */
static bool compare_values(Cli *c, const PipelineOptions *p, BackendKind kind, const Graph *planned,
                           NodeCheck *check)
{
    PipelineOptions quiet = *p; /* dumps and times once only */
    quiet.passes.dump = NULL;
    quiet.passes.time = false;
    quiet.passes.quiet = true;
    Graph *g = verify_load(c, &quiet);
    if (g == NULL)
        return false;
    check->n_hidden = expose_values(g, planned);
    check->graph = g;
    check->exposed = describe_outputs(c, g);
    check->how = planned ? "fused" : "each node alone";
    Pipeline built = {0};
    return verify_inputs(c, g, &check->data) && verify_reference(c, g, &check->data) &&
           pipeline_compile(g, &quiet, &built) &&
           backend_each(c, kind, built.program, check_nodes, check);
}

bool verify_per_node(Cli *c, const PipelineOptions *p, BackendKind kind, int *n_wrong)
{
    Graph *planned = cli_load(c, p);
    Pipeline first = {0};
    NodeCheck check = {0};
    if (planned == NULL || !pipeline_compile(planned, p, &first) ||
        !compare_values(c, p, kind, planned, &check))
        return false;
    if (check.n_hidden > 0 && !compare_values(c, p, kind, NULL, &check))
        return false;
    *n_wrong += check.n_wrong;
    return true;
}
