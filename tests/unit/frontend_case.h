/* What the frontend's tests share: a compilation whose diagnostics are kept as one string, and
 * models written in ONNX's textual syntax. */
#ifndef CNNCC_TESTS_FRONTEND_CASE_H
#define CNNCC_TESTS_FRONTEND_CASE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frontend/frontend.h"
#include "ir/ops.h"

#include <string.h>

typedef struct Case {
    Arena *arena;
    Diag diag;
    const char *log; /* all lines so far, each ended by a newline */
} Case;

static inline void case_line(void *user, Severity severity, const char *line)
{
    Case *c = user;
    (void)severity;
    c->log = arena_printf(c->arena, "%s%s\n", c->log, line);
}

/* The arena is not armed: running out of memory aborts the test. */
static inline Case *case_new(void)
{
    Arena *a = arena_new((size_t)1 << 30);
    assert_non_null(a);
    Case *c = ARENA_NEW(a, Case);
    c->arena = a;
    c->log = "";
    c->diag = (Diag){.arena = a, .file = "m", .sink = case_line, .user = c};
    return c;
}

static inline void case_free(Case *c)
{
    arena_free(c->arena);
}

static inline Graph *case_load(Case *c, const char *text, const ImportOptions *o)
{
    return frontend_load_memory(c->arena, &c->diag, text, strlen(text), o);
}

/* A model of the given opset from the part behind the header. */
static inline Graph *case_graph(Case *c, int opset, const char *graph)
{
    const char *text =
        arena_printf(c->arena, "<ir_version: 8, opset_import: [\"\" : %d]>\n%s", opset, graph);
    return case_load(c, text, NULL);
}

static inline void assert_logged(const Case *c, const char *part)
{
    if (strstr(c->log, part) == NULL)
        fail_msg("expected a message with\n  %s\nbut there is\n%s", part, c->log);
}

static inline void assert_shape(const Value *v, int rank, const int64_t *dims)
{
    Shape expected = shape_make(rank, dims);
    assert_true(shape_equal(&v->shape, &expected));
}

/* The first node of that kind; fails when there is none. */
static inline Node *find_node(const Graph *g, OpKind op)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->op == op)
            return g->nodes[i];
    fail_msg("no node of kind %s", op_info(op)->name);
    return NULL;
}

#endif
