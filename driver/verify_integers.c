/* Does the integers pass keep the meaning of a model that is quantised in QDQ form?
 *
 * The reference of `cnncc verify` is the model after that pass, since its sums are rounded once
 * where the model's own are rounded many times, and a step more or less grows from layer to layer.
 * So the pass is checked here, by the interpreter alone, against the model as imported. First the
 * graph of integers runs, and what it has for each result of a QuantizeLinear is kept. Then the
 * model as imported runs: each such result is compared, and replaced by what the other graph has.
 * Every layer thus starts from the same integers, and one step of the result's own scale is the
 * whole tolerance. The model's outputs that are no such results follow from the same integers, and
 * are held to the tolerance of all other comparisons. */
#include "driver/verify.h"
#include "ir/interp/interp.h"

#include <stdlib.h>
#include <string.h>

/* A result of a QuantizeLinear. */
typedef struct Step {
    const char *name;
    Tensor *integers; /* in the graph of integers; NULL when it does not have the value */
} Step;

typedef struct Steps {
    Cli *c;
    Step *step; /* by name */
    int n;
    int n_compared, n_wrong; /* of the results */
} Steps;

static int by_name(const void *a, const void *b)
{
    return strcmp(((const Step *)a)->name, ((const Step *)b)->name);
}

static void list_steps(Steps *s, const Graph *g)
{
    s->step = ARENA_ARRAY(s->c->arena, Step, g->n_nodes);
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->op == OP_QuantizeLinear)
            s->step[s->n++].name = g->nodes[i]->out[0]->name;
    qsort(s->step, (size_t)s->n, sizeof *s->step, by_name);
}

static Step *find_step(const Steps *s, const Value *v)
{
    Step key = {v->name, NULL};
    return bsearch(&key, s->step, (size_t)s->n, sizeof key, by_name);
}

static void keep_integers(void *user, const Value *v, const Tensor *t)
{
    const Steps *s = user;
    Step *step = find_step(s, v);
    if (step == NULL)
        return;
    step->integers = tensor_new(s->c->arena, t->dtype, &t->shape);
    memcpy(step->integers->data, t->data, tensor_bytes(t));
}

/* The integers as real numbers, which a tolerance applies to. */
static const Tensor *as_real(Arena *a, const Tensor *t)
{
    Tensor *real = tensor_new(a, DT_F32, &t->shape);
    for (int64_t i = 0; i < shape_numel(&t->shape); i++)
        tensor_set_f64(real, i, tensor_get_f64(t, i));
    return real;
}

static void compare_step(void *user, const Value *v, const Tensor *t)
{
    static const Tolerance one_step = {.atol = 1};
    Steps *s = user;
    Arena *a = s->c->arena;
    const Step *step = v->def->op == OP_QuantizeLinear ? find_step(s, v) : NULL;
    if (step == NULL || step->integers == NULL || step->integers->dtype != t->dtype ||
        !shape_equal(&step->integers->shape, &t->shape))
        return;
    Difference d = tensor_compare(as_real(a, step->integers), as_real(a, t), one_step);
    if (d.n_wrong)
        verify_print(s->c, "integers", v, &d);
    s->n_wrong += d.n_wrong > 0;
    s->n_compared++;
    memcpy(t->data, step->integers->data, tensor_bytes(t));
}

static bool has_dequantize(const Graph *g)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i]->op == OP_DequantizeLinear)
            return true;
    return false;
}

/* Those that are not compared are moved, or tables of two became one: both are exact. */
static void print_agreement(const Steps *s)
{
    const char *others = "";
    if (s->n > s->n_compared)
        others = arena_printf(s->c->arena, "; %d more are merged", s->n - s->n_compared);
    printf("ok: integers: %d quantised values are within one step of the model's own%s\n",
           s->n_compared, others);
}

bool verify_integers(Cli *c, const PipelineOptions *p, const Graph *imported, int *n_wrong)
{
    Steps s = {.c = c};
    VerifyData data;
    if (!has_dequantize(imported))
        return true;
    Graph *g = verify_load(c, p);
    list_steps(&s, imported);
    if (g == NULL || !verify_inputs(c, g, &data))
        return false;
    Tensor **got = backend_outputs(c, g), **want = backend_outputs(c, imported);
    if (!interp_run(g, c->arena, data.in, got, keep_integers, &s) ||
        !interp_run(imported, c->arena, data.in, want, compare_step, &s))
        return false;
    for (int i = 0; i < g->n_outputs; i++) {
        Tolerance tolerance = verify_tolerance(c, g->outputs[i]->dtype);
        Difference d = tensor_compare(got[i], want[i], tolerance);
        if (d.n_wrong)
            verify_print(c, "integers", imported->outputs[i], &d);
        s.n_wrong += d.n_wrong > 0;
    }
    if (s.n_wrong == 0)
        print_agreement(&s);
    *n_wrong += s.n_wrong;
    return true;
}
