/* The interpreter's driver: one node, and whole graphs.
 *
 * Comes in: a graph at any pass boundary and its inputs. Goes out: the outputs, in the caller's
 * arena. A node runs its operator, then its fused elementwise steps on the rounded result, so
 * that a fused graph gives the same numbers as the nodes it was fused from.
 * Holds: intermediates live in malloc'd memory until their last use; each node's temporaries live
 * in an arena of their own; both are released through the caller's arena when control leaves by
 * longjmp. */
#include "ir/interp/values.h"

#include "ir/ops.h"

#include <stdlib.h>
#include <string.h>

static bool (*const operators[OP_COUNT])(InterpCall *) = {
#define OP(id, name, domain, imin, imax, omin, omax, traits, params, import, infer, interp, lower) \
    [OP_##id] = interp_##interp,
#include "ir/ops.def"
#undef OP
};

bool interp_none(InterpCall *c)
{
    return interp_error(c, "the operator cannot be executed");
}

/* ---- one node ---- */

static bool run_epilogue(InterpCall *c)
{
    for (int i = 0; i < c->node->n_epilogue; i++) {
        const EpilogueStep *s = &c->node->epilogue[i];
        const Tensor *operand = s->operand < 0 ? NULL : c->in[s->operand];
        const Tensor *in[2] = {c->out[0], operand};
        if (s->swapped) {
            in[0] = operand;
            in[1] = c->out[0];
        }
        if (!interp_elementwise(c, s->op, &s->params, in, operand ? 2 : 1, c->out[0]))
            return false;
    }
    return true;
}

/* Results without elements need no work, however large the extents beside the zero are. */
static bool is_empty(const InterpCall *c)
{
    for (int i = 0; i < c->n_out; i++)
        if (c->out[i] && shape_numel(&c->out[i]->shape) > 0)
            return false;
    return true;
}

bool interp_node(InterpCall *c)
{
    bool (*run)(InterpCall *) =
        c->node->op > OP_NONE && c->node->op < OP_COUNT ? operators[c->node->op] : NULL;
    if (run == NULL)
        return interp_error(c, "the operator has no interpreter");
    return is_empty(c) || (run(c) && run_epilogue(c));
}

/* ---- a graph ---- */

/* The state of one run; everything in it is malloc'd and released by release_run, which must not
 * touch the graph: that may be gone when the caller's arena is freed. */
typedef struct Run {
    const Graph *g;
    int n_values;
    Arena *arena; /* the caller's */
    const Tensor **value;
    Tensor **owned; /* by value id: what release_value frees */
    int *last_use;  /* by value id: position of the last node that reads it; -1: none */
    Arena *scratch; /* of the node that runs */
    void (*trace)(void *user, const Value *v, const Tensor *t);
    void *user;
} Run;

static void release_value(Run *r, int id)
{
    if (r->owned[id] == NULL)
        return;
    free(r->owned[id]->data);
    free(r->owned[id]);
    r->owned[id] = NULL;
    r->value[id] = NULL;
}

static void release_run(void *arg)
{
    Run *r = arg;
    for (int i = 0; r->owned && i < r->n_values; i++)
        release_value(r, i);
    arena_free(r->scratch);
    r->scratch = NULL;
    free(r->owned);
    r->owned = NULL;
    free(r->value);
    r->value = NULL;
    free(r->last_use);
    r->last_use = NULL;
}

static bool no_memory(const Run *r)
{
    return diag_error(r->g->diag, "out of memory in the interpreter");
}

/* Memory for a result: the caller's arena for graph outputs, malloc for intermediates. */
static bool make_value(Run *r, const Value *v)
{
    if (v->is_output) {
        r->value[v->id] = tensor_new(r->arena, v->dtype, &v->shape);
        return true;
    }
    Tensor *t = calloc(1, sizeof *t);
    if (t == NULL)
        return no_memory(r);
    r->owned[v->id] = t;
    r->value[v->id] = t;
    t->dtype = v->dtype;
    t->shape = v->shape;
    size_t bytes = (tensor_bytes(t) / 64 + 1) * 64;
    t->data = aligned_alloc(64, bytes);
    if (t->data == NULL)
        return no_memory(r);
    memset(t->data, 0, bytes);
    return true;
}

/* Runs one node with an arena for its temporaries; running out of it is an error of the run. */
static bool run_in_scratch(Run *r, InterpCall *c)
{
    r->scratch = arena_new(0);
    if (r->scratch == NULL || setjmp(*arena_on_oom(r->scratch)) != 0)
        return no_memory(r);
    c->arena = r->scratch;
    return interp_node(c);
}

static bool run_node(Run *r, const Node *n)
{
    const Tensor **in = ARENA_ARRAY(r->arena, const Tensor *, n->n_in + 1);
    Tensor **out = ARENA_ARRAY(r->arena, Tensor *, n->n_out + 1);
    for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i] ? r->value[n->in[i]->id] : NULL;
    for (int i = 0; i < n->n_out; i++) {
        if (n->out[i] == NULL)
            continue;
        if (!make_value(r, n->out[i]))
            return false;
        out[i] = (Tensor *)r->value[n->out[i]->id];
    }
    InterpCall c = {
        .diag = r->g->diag, .node = n, .in = in, .n_in = n->n_in, .out = out, .n_out = n->n_out};
    bool ok = run_in_scratch(r, &c);
    arena_free(r->scratch);
    r->scratch = NULL;
    for (int i = 0; ok && r->trace && i < n->n_out; i++)
        if (n->out[i])
            r->trace(r->user, n->out[i], out[i]);
    return ok;
}

static void find_last_uses(Run *r)
{
    for (int i = 0; i < r->g->n_values; i++)
        r->last_use[i] = -1;
    for (int p = 0; p < r->g->n_nodes; p++)
        for (int i = 0; i < r->g->nodes[p]->n_in; i++)
            if (r->g->nodes[p]->in[i])
                r->last_use[r->g->nodes[p]->in[i]->id] = p;
}

/* What node number `p` made or read and no later node reads. */
static void release_dead(Run *r, int p)
{
    const Node *n = r->g->nodes[p];
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && r->last_use[n->in[i]->id] <= p)
            release_value(r, n->in[i]->id);
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && r->last_use[n->out[i]->id] <= p)
            release_value(r, n->out[i]->id);
}

/* Constants and the caller's inputs, whose types and shapes must be those of the graph. */
static bool bind_values(Run *r, const Tensor *const *inputs)
{
    const Graph *g = r->g;
    for (int i = 0; i < g->n_values; i++)
        r->value[i] = g->values[i]->constant;
    for (int i = 0; i < g->n_inputs; i++) {
        const Value *v = g->inputs[i];
        const Tensor *t = inputs[i];
        if (t == NULL)
            return diag_error(g->diag, "input \"%s\" is missing", v->name);
        if (t->dtype != v->dtype || !shape_equal(&t->shape, &v->shape))
            return diag_error(g->diag, "input \"%s\" is %s%s, the model takes %s%s", v->name,
                              dtype_name(t->dtype), shape_str(r->arena, &t->shape),
                              dtype_name(v->dtype), shape_str(r->arena, &v->shape));
        r->value[v->id] = t;
    }
    return true;
}

/* Outputs that a node made are in the arena already; inputs and constants are copied there. */
static bool hand_out(Run *r, Tensor **outputs)
{
    for (int i = 0; i < r->g->n_outputs; i++) {
        const Value *v = r->g->outputs[i];
        const Tensor *t = r->value[v->id];
        if (t == NULL)
            return diag_error(r->g->diag, "output \"%s\" is not computed", v->name);
        outputs[i] = (Tensor *)t;
        if (v->def)
            continue;
        outputs[i] = tensor_new(r->arena, t->dtype, &t->shape);
        memcpy(outputs[i]->data, t->data, tensor_bytes(t));
    }
    return true;
}

bool interp_run(const Graph *g, Arena *arena, const Tensor *const *inputs, Tensor **outputs,
                void (*trace)(void *user, const Value *v, const Tensor *t), void *user)
{
    Run *r = ARENA_NEW(arena, Run);
    size_t n = (size_t)g->n_values + 1;
    *r = (Run){.g = g, .n_values = g->n_values, .arena = arena, .trace = trace, .user = user};
    arena_defer(arena, release_run, r);
    r->value = calloc(n, sizeof(const Tensor *));
    r->owned = calloc(n, sizeof(Tensor *));
    r->last_use = calloc(n, sizeof(int));
    if (r->value == NULL || r->owned == NULL || r->last_use == NULL)
        return no_memory(r);
    find_last_uses(r);
    bool ok = bind_values(r, inputs);
    for (int p = 0; ok && p < g->n_nodes; p++) {
        ok = run_node(r, g->nodes[p]);
        release_dead(r, p);
    }
    ok = ok && hand_out(r, outputs);
    release_run(r);
    return ok;
}
