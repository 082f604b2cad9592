/* Topological order of the model's nodes: a depth-first walk over what each node needs, in file
 * order, so that a sorted model keeps its order. The walk has its own stack: a chain may be as long
 * as the file. Finds duplicate definitions, undefined names and cycles on its way. */
#include "frontend/import.h"

enum { WHITE, GREY, BLACK }; /* not yet reached; on the stack; in the order */

typedef struct Visit {
    size_t node, next;     /* next: the input to look at */
    const char **captured; /* names that its subgraphs read */
    size_t n_captured;
} Visit;

typedef struct Walk {
    Importer *im;
    const Body *body;
    StrMap makers; /* value name -> &index[node] */
    size_t *index; /* index[i] = i */
    unsigned char *colour;
    Visit *stack;
    size_t depth;
    size_t *order, n_order;
} Walk;

static const char *label(const Walk *w, size_t node)
{
    return proto_label(w->im->arena, w->body->node[node], node);
}

/* Who makes which name; each name once. */
static bool collect_makers(Walk *w)
{
    const Body *b = w->body;
    for (size_t i = 0; i < b->n_node; i++) {
        w->index[i] = i;
        for (size_t k = 0; k < b->node[i]->n_output; k++) {
            const char *name = b->node[i]->output[k];
            if (name[0] == '\0')
                continue;
            if (strmap_get(&b->values, name))
                return diag_error(w->im->diag,
                                  "%s: output \"%s\" is already an input or initializer",
                                  label(w, i), name);
            const size_t *other = strmap_put(&w->makers, name, &w->index[i]);
            if (other)
                return diag_error(w->im->diag, "%s: output \"%s\" is already made by %s",
                                  label(w, i), name, label(w, *other));
        }
    }
    return true;
}

/* "Add "a" (#0) -> Relu "b" (#1) -> Add "a" (#0)"; the middle of a long cycle is left out. */
static bool report_cycle(const Walk *w, size_t node)
{
    size_t first = w->depth;
    while (w->stack[--first].node != node)
        ;
    const char *text = "";
    for (size_t i = first; i < w->depth; i++) {
        if (i - first == 6 && w->depth - i > 2) {
            text = arena_printf(w->im->arena, "%s... <- ", text);
            i = w->depth - 1;
        }
        text = arena_printf(w->im->arena, "%s%s <- ", text, label(w, w->stack[i].node));
    }
    return diag_error(w->im->diag, "the graph has a cycle: %s%s", text, label(w, node));
}

static void push(Walk *w, size_t node)
{
    Visit *v = &w->stack[w->depth++];
    *v = (Visit){.node = node};
    v->captured = import_captured(w->im, w->body->node[node], &v->n_captured);
    w->colour[node] = GREY;
}

/* Goes on with the node on top: to one that it needs, or into the order. */
static bool step(Walk *w)
{
    Visit *top = &w->stack[w->depth - 1];
    const Onnx__NodeProto *p = w->body->node[top->node];
    while (top->next < p->n_input + top->n_captured) {
        size_t k = top->next++;
        const char *name = k < p->n_input ? p->input[k] : top->captured[k - p->n_input];
        if (name[0] == '\0')
            continue;
        const size_t *maker = strmap_get(&w->makers, name);
        if (maker == NULL && import_find(w->body, name))
            continue;
        if (maker == NULL)
            return diag_error(w->im->diag, "%s: input \"%s\" is not made by any node",
                              label(w, top->node), name);
        if (w->colour[*maker] == GREY)
            return report_cycle(w, *maker);
        if (w->colour[*maker] == WHITE) {
            push(w, *maker);
            return true;
        }
    }
    w->colour[top->node] = BLACK;
    w->order[w->n_order++] = top->node;
    w->depth--;
    return true;
}

size_t *import_order(Importer *im, const Body *b)
{
    size_t n = b->n_node;
    Walk w = {.im = im,
              .body = b,
              .makers = strmap_new(im->arena),
              .index = ARENA_ARRAY(im->arena, size_t, n),
              .colour = arena_alloc(im->arena, n),
              .stack = ARENA_ARRAY(im->arena, Visit, n),
              .order = ARENA_ARRAY(im->arena, size_t, n)};
    if (!collect_makers(&w))
        return NULL;
    for (size_t i = 0; i < n; i++) {
        if (w.colour[i] == WHITE)
            push(&w, i);
        while (w.depth)
            if (!step(&w))
                return NULL;
    }
    return w.order;
}
