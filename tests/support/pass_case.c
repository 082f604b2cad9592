/* See pass_case.h. */
#include "tests/support/pass_case.h"

#include "frontend/frontend.h"
#include "ir/interp/interp.h"
#include "tests/support/placed_run.h"

#include <math.h>
#include <string.h>

static bool failed(PassCase *c, const char *what, const char *after)
{
    c->why =
        arena_printf(c->arena, "after %s: %s: %s", after, what, c->diag.first ? c->diag.first : "");
    return false;
}

/* Numbers from -1 to 1; integers of 8 bits take all values. */
static const Tensor *random_input(PassCase *c, const Value *v, uint32_t *seed)
{
    Tensor *t = tensor_new(c->arena, v->dtype, &v->shape);
    for (int64_t i = 0; i < shape_numel(&v->shape); i++) {
        *seed = *seed * 1664525u + 1013904223u;
        if (dtype_is_8_bit(v->dtype))
            tensor_set_i64(t, i, (int64_t)(*seed >> 24) + (v->dtype == DT_I8 ? INT8_MIN : 0));
        else
            tensor_set_f64(t, i, (double)(*seed >> 8) / (1 << 23) - 1);
    }
    return t;
}

PassCase *pass_case_open(const char *text, const char *target)
{
    Arena *a = arena_new(0);
    if (a == NULL)
        return NULL;
    arena_on_oom(a);
    PassCase *c = ARENA_NEW(a, PassCase);
    c->arena = a;
    c->diag = (Diag){.arena = a, .file = "case"};
    ImportOptions none = {0};
    if (text[0] != '<')
        text = arena_printf(a, "<ir_version: 8, opset_import: [\"\" : 17]> %s", text);
    c->g = frontend_load_memory(a, &c->diag, text, strlen(text), &none);
    if (c->g == NULL) {
        failed(c, "no graph", "load");
        return c;
    }
    uint32_t seed = 7;
    c->g->target = target_find(target);
    c->inputs = ARENA_ARRAY(a, const Tensor *, c->g->n_inputs);
    c->expected = ARENA_ARRAY(a, Tensor *, c->g->n_outputs);
    for (int i = 0; i < c->g->n_inputs; i++)
        c->inputs[i] = random_input(c, c->g->inputs[i], &seed);
    if (!interp_run(c->g, a, c->inputs, c->expected, NULL, NULL))
        failed(c, "no result", "load");
    return c;
}

void pass_case_close(PassCase *c)
{
    arena_free(c->arena);
}

bool pass_case_run(PassCase *c, const PassOptions *o, const char *last)
{
    for (int i = 0; c->g && pass_at(i); i++) {
        if (!pass_at(i)->run(c->g, o) || !graph_verify(c->g, pass_at(i)->name))
            return failed(c, "refused", pass_at(i)->name);
        if (last && strcmp(pass_at(i)->name, last) == 0)
            break;
    }
    return c->g != NULL;
}

static bool near(const Tensor *a, const Tensor *b)
{
    if (a == NULL || !shape_equal(&a->shape, &b->shape))
        return false;
    double tolerance = b->dtype == DT_F16 ? 0x1p-8 : b->dtype == DT_BF16 ? 0x1p-5 : 1e-4;
    for (int64_t i = 0; i < shape_numel(&a->shape); i++) {
        double x = tensor_get_f64(a, i), y = tensor_get_f64(b, i);
        if (!(fabs(x - y) <= tolerance + tolerance * fabs(y)))
            return false;
    }
    return true;
}

static bool compare(PassCase *c, Tensor *const *got, const char *after)
{
    for (int i = 0; i < c->g->n_outputs; i++)
        if (!near(got[i], c->expected[i]))
            return failed(c, arena_printf(c->arena, "output %s differs", c->g->outputs[i]->name),
                          after);
    return true;
}

bool pass_case_same(PassCase *c, const char *after)
{
    Tensor **got = ARENA_ARRAY(c->arena, Tensor *, c->g->n_outputs);
    if (!interp_run(c->g, c->arena, c->inputs, got, NULL, NULL))
        return failed(c, "the interpreter refuses", after);
    return compare(c, got, after);
}

bool pass_case_check_all(PassCase *c, const PassOptions *o)
{
    if (c->g == NULL)
        return false;
    const char **names = ARENA_ARRAY(c->arena, const char *, c->g->n_outputs);
    for (int i = 0; i < c->g->n_outputs; i++)
        names[i] = c->g->outputs[i]->name;
    for (int i = 0; pass_at(i); i++) {
        const Pass *p = pass_at(i);
        if (!p->run(c->g, o) || !graph_verify(c->g, p->name))
            return failed(c, "refused", p->name);
        if (!pass_case_same(c, p->name))
            return false;
        for (int k = 0; k < c->g->n_outputs; k++)
            if (strcmp(names[k], c->g->outputs[k]->name) != 0)
                return failed(c, "an output lost its name", p->name);
    }
    Tensor **got = ARENA_ARRAY(c->arena, Tensor *, c->g->n_outputs);
    if (!placed_run(c->g, c->inputs, got))
        return failed(c, "does not run in its memory", "memory");
    return compare(c, got, "memory, in place");
}

int pass_case_count(const PassCase *c, OpKind op)
{
    int count = 0;
    for (int i = 0; i < c->g->n_nodes; i++)
        count += c->g->nodes[i]->op == op;
    return count;
}

Node *pass_case_find(const PassCase *c, OpKind op)
{
    for (int i = 0; i < c->g->n_nodes; i++)
        if (c->g->nodes[i]->op == op)
            return c->g->nodes[i];
    return NULL;
}
