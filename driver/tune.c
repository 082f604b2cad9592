/* The measurements behind --tune. driver/tune.h says what comes out.
 *
 * Each candidate gets an arena, a graph and a JIT of its own, so that nothing of it stays. What is
 * timed is the calls of the convolution alone, on random numbers; reorders around it are not
 * counted. The least of several rounds is taken, since everything else that the machine does only
 * adds. */
#include "driver/tune.h"

#include "ir/ops.h"

#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 7, MAX_INPUTS = MAX_EPILOGUE + 3 };

static const double round_seconds = 0.003;

/* ---- a network of one layer ---- */

/* An operand as an input or, when it is constant, a constant of the new graph. */
static Value *copy_operand(Graph *g, const Value *v)
{
    if (v == NULL)
        return NULL;
    if (v->constant)
        return graph_constant(g, NULL, v->constant);
    Value *copy = graph_value(g, NULL, v->dtype, &v->shape);
    copy->is_input = true;
    ARENA_PUSH(g->arena, g, inputs, n_inputs, cap_inputs, copy);
    return copy;
}

static Graph *graph_of_layer(Arena *a, Diag *d, const Graph *from, const Node *n)
{
    Graph *g = graph_new(a, d);
    Value *in[MAX_INPUTS];
    g->target = from->target;
    g->threads = from->threads;
    for (int i = 0; i < n->n_in; i++)
        in[i] = copy_operand(g, n->in[i]);
    Value *out = graph_value(g, NULL, n->out[0]->dtype, &n->out[0]->shape);
    Node *copy = graph_node(g, n->op, n->name, in, n->n_in, &out, 1);
    copy->params = n->params;
    copy->n_epilogue = n->n_epilogue;
    memcpy(copy->epilogue, n->epilogue, sizeof copy->epilogue);
    out->is_output = true;
    ARENA_PUSH(a, g, outputs, n_outputs, cap_outputs, out);
    graph_index(g);
    return g;
}

/* ---- timing ---- */

/* Random numbers, since zeros and denormals have a speed of their own. */
static void *random_data(Arena *a, const Value *v)
{
    Tensor *t = tensor_new(a, v->dtype, &v->shape);
    uint32_t state = 1;
    for (int64_t i = 0; i < shape_numel(&v->shape); i++) {
        state = state * 1664525u + 1013904223u;
        tensor_set_f64(t, i, (double)(state >> 8) / (1 << 23) - 1);
    }
    return t->data;
}

typedef struct Timing {
    const Program *program;
    const Jit *jit;
    const void **in;
    void **out, *arena;
} Timing;

static void run_convolution(const Timing *t)
{
    for (int i = 0; i < t->program->n_calls; i++)
        if (t->program->calls[i].node && t->program->calls[i].node->op == OP_Conv)
            jit_run_call(t->jit, i, t->in, t->out, t->arena);
}

/* Seconds of one run. */
static double time_convolution(const Timing *t)
{
    double least = 0;
    jit_run(t->jit, t->in, t->out, t->arena);
    double start = seconds_now();
    run_convolution(t);
    double once = seconds_now() - start;
    int runs = once > 0 && once < round_seconds ? (int)(round_seconds / once) : 1;
    for (int r = 0; r < ROUNDS; r++) {
        start = seconds_now();
        for (int i = 0; i < runs; i++)
            run_convolution(t);
        double seconds = (seconds_now() - start) / runs;
        least = r == 0 || seconds < least ? seconds : least;
    }
    return least;
}

static void free_jit(void *jit)
{
    jit_free(jit);
}

static bool time_program(Arena *a, Diag *d, const Program *p, double *seconds)
{
    const Graph *g = p->graph;
    Jit *jit = jit_compile(p, d);
    Timing t = {.program = p, .jit = jit};
    if (jit == NULL)
        return false;
    arena_defer(a, free_jit, jit);
    t.in = ARENA_ARRAY(a, const void *, g->n_inputs + 1);
    t.out = ARENA_ARRAY(a, void *, g->n_outputs + 1);
    t.arena = arena_alloc(a, p->arena_bytes > 64 ? (size_t)p->arena_bytes : 64);
    for (int i = 0; i < g->n_inputs; i++)
        t.in[i] = random_data(a, g->inputs[i]);
    for (int i = 0; i < g->n_outputs; i++)
        t.out[i] = random_data(a, g->outputs[i]);
    *seconds = time_convolution(&t);
    return true;
}

static PlanChoice as_choice(const Node *n, const Candidate *x)
{
    return (PlanChoice){.node = n->name,
                        .algo = x->algo,
                        .tile_m = x->tile_m,
                        .tile_n = x->tile_n,
                        .tile_out = x->tile_out};
}

/* im2col works on plain layouts: inside a network of blocked values it would pay for reorders that
 * are not measured here. */
static bool may_choose(const Graph *g, const Node *n, const Candidate *x)
{
    bool blocked = n->in[0]->shape.dim[1] >= g->target->lanes;
    return !x->refused && !(x->algo == ALGO_IM2COL && blocked);
}

/* Times one candidate. False after a diagnostic. */
static bool time_candidate(Cli *c, const PassOptions *passes, const Graph *from, const Node *n,
                           PlanChoice *choice)
{
    Arena *a = arena_new(0);
    double seconds = 0;
    if (a == NULL || setjmp(*arena_on_oom(a)) != 0) {
        arena_free(a);
        return diag_error(&c->diag, "out of memory while tuning");
    }
    Diag d = c->diag;
    d.arena = a;
    PlanChoice only = *choice;
    only.chosen = true;
    only.nth = 0; /* it stands alone */
    PassOptions o = {.choices = &only, .n_choices = 1, .winograd_error = passes->winograd_error};
    Graph *g = graph_of_layer(a, &d, from, n);
    bool stopped, ok = passes_run(g, &o, &stopped);
    Program *p = ok ? codegen_lower(g) : NULL;
    ok = p != NULL && time_program(a, &d, p, &seconds);
    choice->microseconds = 1e6 * seconds;
    arena_free(a);
    return ok || diag_error(&c->diag, "%s cannot be tuned", node_label(c->arena, n));
}

/* ---- all layers ---- */

static bool same_epilogue(const Node *a, const Node *b)
{
    if (a->n_epilogue != b->n_epilogue)
        return false;
    for (int i = 0; i < a->n_epilogue; i++)
        if (a->epilogue[i].op != b->epilogue[i].op ||
            (a->epilogue[i].operand < 0) != (b->epilogue[i].operand < 0))
            return false;
    return true;
}

/* Whether two convolutions take the same time: everything but their numbers is equal. */
static bool alike(const Node *a, const Node *b)
{
    const ConvParams *p = &a->params.conv, *q = &b->params.conv;
    if (a->n_in != b->n_in || p->group != q->group || p->w.n != q->w.n || !same_epilogue(a, b) ||
        a->plan.n_candidates != b->plan.n_candidates ||
        !shape_equal(&a->out[0]->shape, &b->out[0]->shape))
        return false;
    for (int i = 0; i < a->n_in; i++)
        if ((a->in[i] == NULL) != (b->in[i] == NULL) ||
            (a->in[i] && !shape_equal(&a->in[i]->shape, &b->in[i]->shape)))
            return false;
    for (int i = 0; i < p->w.n; i++)
        if (p->w.stride[i] != q->w.stride[i] || p->w.dilation[i] != q->w.dilation[i] ||
            p->w.pad_begin[i] != q->w.pad_begin[i] || p->w.pad_end[i] != q->w.pad_end[i])
            return false;
    return true;
}

/* The measured candidates of a layer like `n` among those before node `end`; NULL: none. */
static const PlanChoice *measured_before(const Graph *g, int end, const PlanChoices *choices)
{
    const Node *n = g->nodes[end];
    for (int i = 0, at = 0; i < end; i++) {
        const Node *m = g->nodes[i];
        if (m->plan.n_candidates < 2)
            continue;
        if (m->op == n->op && alike(m, n))
            return &choices->item[at];
        at += m->plan.n_candidates;
    }
    return NULL;
}

static bool tune_layer(Cli *c, const PassOptions *passes, const Graph *g, int at,
                       PlanChoices *choices)
{
    const Node *n = g->nodes[at];
    const PlanChoice *known = measured_before(g, at, choices);
    PlanChoice entry[16];
    int best = -1, nth = plan_nth(g, at);
    for (int i = 0; i < n->plan.n_candidates && i < 16; i++) {
        const Candidate *x = &n->plan.candidates[i];
        entry[i] = as_choice(n, x);
        entry[i].nth = nth;
        if (known)
            entry[i].microseconds = known[i].microseconds;
        else if (!time_candidate(c, passes, g, n, &entry[i]))
            return false;
        if (may_choose(g, n, x) && (best < 0 || entry[i].microseconds < entry[best].microseconds))
            best = i;
    }
    for (int i = 0; i < n->plan.n_candidates && i < 16; i++) {
        entry[i].chosen = i == best;
        ARENA_PUSH(c->arena, choices, item, n, cap, entry[i]);
    }
    return true;
}

bool tune(Cli *c, const PipelineOptions *p, PlanChoices *choices)
{
    ModelSource source = {.path = c->o->model};
    PassOptions passes = p->passes;
    passes.dump = NULL;
    passes.time = false;
    passes.stop_after = "plan";
    bool stopped;
    if (!jit_available())
        return diag_error(&c->diag, "--tune needs the JIT, which this build does not have");
    if (!target_runs_here(p->target))
        return diag_error(&c->diag, "--tune: code for the target %s does not run on this machine",
                          p->target->name);
    Graph *g = pipeline_load(c->arena, &c->diag, &source, p);
    if (g == NULL || !passes_run(g, &passes, &stopped))
        return false;
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->plan.n_candidates > 1 && !tune_layer(c, &passes, g, i, choices))
            return false;
    return true;
}
