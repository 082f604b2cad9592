/* See text_case.h. */
#include "tests/support/text_case.h"

#include "frontend/frontend.h"
#include "ir/interp/interp.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka needs the ones above first. */
#include <cmocka.h>

typedef struct TextCase {
    Arena *arena;
    Diag diag;
    Graph *g;
    Tensor **out;
} TextCase;

static void open_case(TextCase *c, int opset, const char *text)
{
    static const ImportOptions none;
    c->arena = arena_new(0);
    assert_non_null(c->arena);
    arena_on_oom(c->arena);
    c->diag = (Diag){.arena = c->arena, .file = "case"};
    const char *model =
        arena_printf(c->arena, "<ir_version: 8, opset_import: [\"\" : %d]> %s", opset, text);
    c->g = frontend_load_memory(c->arena, &c->diag, model, strlen(model), &none);
}

static void open_legal_case(TextCase *c, int opset, const char *text)
{
    open_case(c, opset, text);
    if (c->g == NULL)
        fail_msg("%s\n%s", c->diag.first ? c->diag.first : "no message", text);
}

void expect_shape(int opset, const char *text, const char *shape)
{
    TextCase c;
    open_legal_case(&c, opset, text);
    const Value *y = c.g->outputs[0];
    const char *got =
        arena_printf(c.arena, "%s%s", dtype_name(y->dtype), shape_str(c.arena, &y->shape));
    if (strcmp(got, shape) != 0)
        fail_msg("%s, expected %s\n%s", got, shape, text);
    arena_free(c.arena);
}

static void expect_message(TextCase *c, const char *message, const char *text)
{
    if (c->diag.first == NULL || strstr(c->diag.first, message) == NULL)
        fail_msg("%s\nexpected: %s\n%s", c->diag.first ? c->diag.first : "no message", message,
                 text);
}

void expect_refused(int opset, const char *text, Status status, const char *message)
{
    TextCase c;
    open_case(&c, opset, text);
    if (c.g)
        fail_msg("accepted, expected: %s\n%s", message, text);
    expect_message(&c, message, text);
    assert_int_equal(c.diag.status, status);
    arena_free(c.arena);
}

static bool run_case(TextCase *c, const double *in)
{
    const Tensor **inputs = ARENA_ARRAY(c->arena, const Tensor *, c->g->n_inputs);
    c->out = ARENA_ARRAY(c->arena, Tensor *, c->g->n_outputs);
    for (int i = 0; i < c->g->n_inputs; i++) {
        Tensor *t = tensor_new(c->arena, c->g->inputs[i]->dtype, &c->g->inputs[i]->shape);
        for (int64_t k = 0; k < shape_numel(&t->shape); k++)
            tensor_set_f64(t, k, *in++);
        inputs[i] = t;
    }
    return interp_run(c->g, c->arena, inputs, c->out, NULL, NULL);
}

void expect_output(int opset, const char *text, const double *in, int k, const double *want, int n)
{
    TextCase c;
    open_legal_case(&c, opset, text);
    if (!run_case(&c, in))
        fail_msg("%s\n%s", c.diag.first ? c.diag.first : "no message", text);
    if (shape_numel(&c.out[k]->shape) != n)
        fail_msg("%lld elements, expected %d\n%s", (long long)shape_numel(&c.out[k]->shape), n,
                 text);
    for (int i = 0; i < n; i++) {
        double got = tensor_get_f64(c.out[k], i);
        bool same = got == want[i] || (isnan(got) && isnan(want[i])) ||
                    fabs(got - want[i]) <= 1e-6 * (1 + fabs(want[i]));
        if (!same)
            fail_msg("element %d is %.9g, expected %.9g\n%s", i, got, want[i], text);
    }
    arena_free(c.arena);
}

void expect_failure(int opset, const char *text, const double *in, const char *message)
{
    TextCase c;
    open_legal_case(&c, opset, text);
    if (run_case(&c, in))
        fail_msg("no error, expected: %s\n%s", message, text);
    expect_message(&c, message, text);
    arena_free(c.arena);
}
