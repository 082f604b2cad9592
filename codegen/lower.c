/* The driver of lowering: a planned graph -> the program of kernels and calls.
 *
 * In comes a graph that went through the pipeline: every value has a place and a layout, every
 * node a plan. Each node's lowering (the column of ir/ops.def) builds kernels and hands them to
 * lower_emit, which expands, verifies and shares them. Views cost nothing. What has no kernel is
 * reported for the whole graph at once. At the end the constants that the calls name are written
 * into the weight blob (codegen/lower_place.c). */
#include "codegen/lower.h"

#include "ir/ops.h"

#include <string.h>

typedef bool (*LowerFn)(Lower *lw, const Node *n);

#define OP(id, name, domain, imin, imax, omin, omax, traits, params, import, infer, interp, lower) \
    [OP_##id] = lower_##lower,
static const LowerFn lower_of[OP_COUNT] = {
#include "ir/ops.def"
};
#undef OP

/* ---- functions used by a kernel, callees first ---- */

static void collect_stmts(Program *p, const KStmt *s);

static void collect_expr(Program *p, const KExpr *e)
{
    if (e == NULL)
        return;
    for (int i = 0; i < 3; i++)
        collect_expr(p, e->arg[i]);
    collect_expr(p, e->dyn);
    if (e->kind != KE_CALL)
        return;
    for (int i = 0; i < p->n_funcs; i++)
        if (p->funcs[i] == e->func)
            return;
    collect_stmts(p, e->func->body);
    collect_expr(p, e->func->result);
    ARENA_PUSH(p->arena, p, funcs, n_funcs, cap_funcs, e->func);
}

static void collect_stmts(Program *p, const KStmt *s)
{
    for (; s; s = s->next) {
        collect_expr(p, s->expr);
        collect_expr(p, s->dyn);
        collect_stmts(p, s->body);
    }
}

/* ---- kernels ---- */

static bool kernel_name_taken(const Program *p, const char *name)
{
    for (int i = 0; i < p->n_kernels; i++)
        if (strcmp(p->kernels[i]->name, name) == 0)
            return true;
    return false;
}

/* The kernel of the program that equals `k`; `k` itself is appended when there is none. */
static const Kernel *share_kernel(Lower *lw, Kernel *k)
{
    Program *p = lw->program;
    uint64_t hash = kernel_hash(k);
    for (int i = 0; i < p->n_kernels; i++)
        if (lw->hashes[i] == hash && kernel_equal(p->kernels[i], k))
            return p->kernels[i];
    const char *name = k->name;
    for (int i = 2; kernel_name_taken(p, k->name); i++)
        k->name = arena_printf(lw->arena, "%s_v%d", name, i);
    collect_stmts(p, k->body);
    ARENA_PUSH(lw->arena, p, kernels, n_kernels, cap_kernels, k);
    ARENA_PUSH(lw->arena, lw, hashes, n_hashes, cap_hashes, hash);
    return k;
}

bool lower_emit(Lower *lw, const Node *n, KBuilder *b, const char *note, const Arg *args)
{
    Kernel *k = kb_finish(b, note);
    const char *why = "";
    kernel_unroll(lw->arena, k);
    if (!kernel_verify(lw->arena, k, true, &why))
        return node_error(lw->graph, n, "internal error: kernel %s: %s", k->name, why);
    Call call = {.kernel = share_kernel(lw, k), .node = n};
    for (int i = 0; i < k->n_bufs; i++)
        call.arg[i] = args[i];
    Program *p = lw->program;
    ARENA_PUSH(lw->arena, p, calls, n_calls, cap_calls, call);
    return true;
}

/* ---- the graph ---- */

/* Whether nothing has to be computed: a view, or results without elements or memory. */
static bool needs_no_code(const Node *n)
{
    if (n->dead || n->plan.algo == ALGO_VIEW)
        return true;
    for (int i = 0; i < n->n_out; i++) {
        const Value *v = n->out[i];
        if (v && v->constant == NULL && shape_numel(&v->shape) > 0)
            return false;
    }
    return true;
}

/* The i-th graph output when nothing computes it in place: an input, a constant, or a value that
 * another output's buffer holds. It is copied by an Identity that exists only here. */
static bool lower_output_copy(Lower *lw, int i)
{
    const Value *v = lw->graph->outputs[i];
    bool there = v->constant == NULL && v->place.kind == PLACE_OUTPUT && v->place.index == i;
    if (there || shape_numel(&v->shape) == 0)
        return true;
    Value *out = ARENA_NEW(lw->arena, Value);
    Node *copy = ARENA_NEW(lw->arena, Node);
    *out = *v;
    out->constant = NULL;
    out->layout = (Layout){0};
    out->place = (Place){PLACE_OUTPUT, i, 0};
    out->def = copy;
    *copy = (Node){.id = -1, .name = v->name, .op = OP_Identity, .n_in = 1, .n_out = 1};
    copy->in = ARENA_ARRAY(lw->arena, Value *, 1);
    copy->out = ARENA_ARRAY(lw->arena, Value *, 1);
    copy->in[0] = lw->graph->outputs[i];
    copy->out[0] = out;
    return lower_of[OP_Identity](lw, copy);
}

/* An operator that is computed at compile time was left: its operands are no constants, or too
 * large for that. */
static bool no_kernel(Graph *g, const Node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && n->in[i]->constant == NULL)
            return node_unsupported(
                g, n, "it is computed at compile time only, but \"%s\" is no constant",
                n->in[i]->name);
    return node_unsupported(g, n, "its result is too large to be computed at compile time: %s%s",
                            dtype_name(n->out[0]->dtype), shape_str(g->arena, &n->out[0]->shape));
}

/* Lowers every node; goes on behind nodes that are unsupported, so that all are reported. */
static bool lower_nodes(Lower *lw)
{
    Graph *g = lw->graph;
    bool ok = true;
    for (int i = 0; i < g->n_nodes; i++) {
        const Node *n = g->nodes[i];
        if (needs_no_code(n))
            continue;
        LowerFn lower = lower_of[n->op];
        bool done = lower ? lower(lw, n) : no_kernel(g, n);
        if (!done && g->diag->status != STATUS_UNSUPPORTED)
            return false;
        ok = ok && done;
    }
    for (int i = 0; ok && i < g->n_outputs; i++)
        ok = lower_output_copy(lw, i);
    return ok;
}

Program *codegen_lower(Graph *g)
{
    Program *p = ARENA_NEW(g->arena, Program);
    p->arena = g->arena;
    p->graph = g;
    p->target = g->target;
    p->arena_bytes = g->arena_bytes;
    Lower *lw = ARENA_NEW(g->arena, Lower);
    lw->graph = g;
    lw->program = p;
    lw->arena = g->arena;
    if (!lower_nodes(lw))
        return NULL;
    lower_write_weights(lw);
    return p;
}
