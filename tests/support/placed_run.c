/* The simulated memory; see placed_run.h. */
#include "tests/support/placed_run.h"

#include "ir/interp/interp.h"

#include <string.h>

typedef struct Memory {
    Graph *g;
    unsigned char *arena;
    unsigned char **outputs;
    const Tensor *const *inputs;
} Memory;

/* Where the bytes of `v` are; NULL when they would be outside. */
static unsigned char *bytes_of(const Memory *m, const Value *v)
{
    const Place *p = &v->place;
    int64_t end = p->offset + value_physical_bytes(v);
    switch (p->kind) {
    case PLACE_ARENA:
        return end <= m->g->arena_bytes ? m->arena + p->offset : NULL;
    case PLACE_OUTPUT:
        return end <= value_physical_bytes(m->g->outputs[p->index])
                   ? m->outputs[p->index] + p->offset
                   : NULL;
    case PLACE_INPUT:
        return end <= value_physical_bytes(m->g->inputs[p->index])
                   ? (unsigned char *)m->inputs[p->index]->data + p->offset
                   : NULL;
    default:
        return NULL;
    }
}

/* Element of the memory of `v` that holds logical element `i`. */
static int64_t physical(const Value *v, int64_t i)
{
    int64_t block = v->layout.block;
    if (block <= 1)
        return i;
    int64_t inner = 1, channels = v->shape.dim[1];
    for (int k = 2; k < v->shape.rank; k++)
        inner *= v->shape.dim[k];
    int64_t x = i % inner, c = i / inner % channels, n = i / inner / channels;
    int64_t blocks = (channels + block - 1) / block;
    return ((n * blocks + c / block) * inner + x) * block + c % block;
}

static Tensor *read_value(const Memory *m, const Value *v)
{
    const unsigned char *bytes = bytes_of(m, v);
    Tensor *t = tensor_new(m->g->arena, v->dtype, &v->shape);
    size_t size = dtype_size(v->dtype);
    if (bytes == NULL)
        return NULL;
    for (int64_t i = 0; i < shape_numel(&v->shape); i++)
        memcpy((char *)t->data + (size_t)i * size, bytes + (size_t)physical(v, i) * size, size);
    return t;
}

/* Padding lanes are filled with ones in every bit: NaN for floats. */
static bool write_value(const Memory *m, const Value *v, const Tensor *t)
{
    unsigned char *bytes = bytes_of(m, v);
    size_t size = dtype_size(v->dtype);
    if (bytes == NULL)
        return false;
    memset(bytes, 0xff, (size_t)value_physical_bytes(v));
    for (int64_t i = 0; i < shape_numel(&v->shape); i++)
        memcpy(bytes + (size_t)physical(v, i) * size, (const char *)t->data + (size_t)i * size,
               size);
    return true;
}

static bool run_node(const Memory *m, const Node *n)
{
    Arena *a = m->g->arena;
    const Tensor **in = ARENA_ARRAY(a, const Tensor *, n->n_in + 1);
    Tensor **out = ARENA_ARRAY(a, Tensor *, n->n_out);
    if (n->plan.algo == ALGO_VIEW)
        return true;
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == NULL)
            continue;
        in[i] = n->in[i]->constant ? n->in[i]->constant : read_value(m, n->in[i]);
        if (in[i] == NULL)
            return false;
    }
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i])
            out[i] = tensor_new(a, n->out[i]->dtype, &n->out[i]->shape);
    InterpCall c = {a, m->g->diag, n, in, n->n_in, out, n->n_out};
    if (n->plan.scratch_offset + n->plan.scratch_bytes > m->g->arena_bytes || !interp_node(&c))
        return false;
    /* A kernel may write its scratch and its results at any time while it reads. */
    if (n->plan.scratch_bytes > 0)
        memset(m->arena + n->plan.scratch_offset, 0xff, (size_t)n->plan.scratch_bytes);
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] && n->plan.scratch_bytes > 0 && !n->in[i]->constant &&
            memcmp(read_value(m, n->in[i])->data, in[i]->data, tensor_bytes(in[i])) != 0)
            return false;
    for (int i = 0; i < n->n_out; i++)
        if (n->out[i] && !write_value(m, n->out[i], out[i]))
            return false;
    return true;
}

bool placed_run(Graph *g, const Tensor *const *inputs, Tensor **outputs)
{
    Memory m = {g, arena_alloc(g->arena, (size_t)g->arena_bytes + 1),
                ARENA_ARRAY(g->arena, unsigned char *, g->n_outputs), inputs};
    memset(m.arena, 0xff, (size_t)g->arena_bytes);
    for (int i = 0; i < g->n_outputs; i++)
        m.outputs[i] = arena_alloc(g->arena, (size_t)value_physical_bytes(g->outputs[i]) + 1);
    for (int i = 0; i < g->n_nodes; i++)
        if (!run_node(&m, g->nodes[i]))
            return diag_error(g->diag, "%s cannot run in its place",
                              node_label(g->arena, g->nodes[i]));
    for (int i = 0; i < g->n_outputs; i++)
        outputs[i] = read_value(&m, g->outputs[i]);
    return true;
}
