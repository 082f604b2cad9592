/* Loop: unrolled, when it is known how often it turns.
 *
 * Comes in: Loop(M, cond, carried…) with a body (turn, cond, carried…) -> (cond, carried…,
 * scanned…); M and the condition are constants or absent, and the condition that a turn leaves is a
 * constant once the turn's shape arithmetic is folded. Goes out: the nodes of all turns; what the
 * turns pass on are values like all others; scanned values are stacked along a new first axis.
 * Holds: at most MAX_TURNS turns, and MAX_EXPANDED nodes together. */
#include "frontend/import.h"

#include <string.h>

typedef struct Loop {
    Importer *im;
    const Onnx__NodeProto *p;
    Node *node;
    const Onnx__GraphProto *g;
    Body *fixed;   /* what all turns share: the body's initializers */
    int64_t trips; /* -1: as long as the condition says */
    bool going;
    Value **carried;
    size_t n_carried, n_scanned;
    Value ***scanned; /* [scanned][turn] */
} Loop;

/* Reads the first two operands, either of which may be absent. */
static bool how_often(Loop *l)
{
    const Node *n = l->node;
    int64_t going = 1;
    l->trips = -1;
    if (import_has_input(n, 0)) {
        if (!import_known(l->im, n->in[0], "the trip count", DT_I64, &l->trips))
            return false;
        l->trips = l->trips < 0 ? 0 : l->trips;
    }
    if (import_has_input(n, 1) && !import_known(l->im, n->in[1], "the condition", DT_BOOL, &going))
        return false;
    l->going = going != 0;
    return true;
}

static bool start(Loop *l)
{
    const Onnx__GraphProto *g = l->g;
    Node *n = l->node;
    if (!how_often(l) || !import_check_inputs(l->im, g))
        return false;
    l->n_carried = n->n_in > 2 ? (size_t)n->n_in - 2 : 0;
    if (g->n_input != l->n_carried + 2 || g->n_output < l->n_carried + 1)
        return node_error(
            l->im->graph, n,
            "%zu values are carried; a body of %zu inputs and %zu outputs does not fit",
            l->n_carried, g->n_input, g->n_output);
    l->n_scanned = g->n_output - 1 - l->n_carried;
    if (l->p->n_output > l->n_carried + l->n_scanned)
        return node_error(l->im->graph, n, "%zu outputs, the body makes %zu", l->p->n_output,
                          l->n_carried + l->n_scanned);
    l->carried = ARENA_ARRAY(l->im->arena, Value *, l->n_carried);
    l->scanned = ARENA_ARRAY(l->im->arena, Value **, l->n_scanned);
    for (size_t i = 0; i < l->n_carried; i++) {
        l->carried[i] = n->in[i + 2];
        if (l->carried[i] == NULL)
            return node_error(l->im->graph, n, "input %zu is missing", i + 2);
    }
    return true;
}

/* What the turn leaves: the condition, the carried values, one of each of the scanned. */
static bool end_turn(Loop *l, const Body *b, int64_t turn)
{
    int64_t going = 0;
    const Value *condition = NULL;
    for (size_t i = 0; i < l->g->n_output; i++) {
        const char *name = proto_name(l->g->output[i]->name);
        Value *v = import_find(b, name);
        if (v == NULL || v == l->im->absent)
            return node_error(l->im->graph, l->node, "the body does not make its output \"%s\"",
                              name);
        if (i == 0)
            condition = v;
        else if (i <= l->n_carried)
            l->carried[i - 1] = v;
        else
            l->scanned[i - 1 - l->n_carried][turn] = v;
    }
    const char *what = arena_printf(l->im->arena, "the condition after turn %lld", (long long)turn);
    if (!import_known(l->im, condition, what, DT_BOOL, &going))
        return false;
    l->going = going != 0;
    return true;
}

static bool turn(Loop *l, int64_t i)
{
    Importer *im = l->im;
    Body *b = import_body_new(
        im, l->fixed, arena_printf(im->arena, "%s/%lld", import_path_part(im, l->p), (long long)i));
    b->node = l->g->node;
    b->n_node = l->g->n_node;
    import_bind(b, proto_name(l->g->input[0]->name), import_scalar(im, NULL, DT_I64, i));
    import_bind(b, proto_name(l->g->input[1]->name), import_scalar(im, NULL, DT_BOOL, 1));
    for (size_t k = 0; k < l->n_carried; k++)
        import_bind(b, proto_name(l->g->input[k + 2]->name), l->carried[k]);
    for (size_t k = 0; k < l->n_scanned; k++) /* room for a power of two */
        if ((i & (i - 1)) == 0)
            l->scanned[k] = arena_grow(im->arena, l->scanned[k], (size_t)i, i ? 2 * (size_t)i : 1,
                                       sizeof l->scanned[k][0]);
    return import_body(im, b) && end_turn(l, b, i);
}

static bool results(Loop *l, int64_t turns, int first)
{
    for (size_t i = 0; i < l->n_carried; i++)
        import_result(l->im, l->p, i, l->carried[i], first);
    for (size_t k = 0; k < l->n_scanned; k++) {
        if (l->n_carried + k >= l->p->n_output || l->p->output[l->n_carried + k][0] == '\0')
            continue;
        Value *v = import_stack(l->im, l->scanned[k], turns, 0, l->g->output[1 + l->n_carried + k]);
        if (v == NULL)
            return false;
        import_result(l->im, l->p, l->n_carried + k, v, first);
    }
    return true;
}

bool import_loop(Importer *im, const Onnx__NodeProto *p, Node *n)
{
    Loop l = {.im = im, .p = p, .node = n};
    int first = im->graph->n_values;
    int64_t i = 0;
    if (!attr_graph(im, p, "body", &l.g) || !start(&l))
        return false;
    l.fixed = import_body_new(im, im->body, import_path_part(im, p));
    if (!import_initializers(im, l.fixed, l.g))
        return false;
    for (; l.going && (l.trips < 0 || i < l.trips); i++) {
        if (i == MAX_TURNS)
            return node_unsupported(im->graph, n, "more than %d turns; they are unrolled",
                                    MAX_TURNS);
        if (!turn(&l, i))
            return false;
    }
    n->dead = true;
    return results(&l, i, first);
}
