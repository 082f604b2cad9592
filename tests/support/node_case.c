/* One node, lowered and run, against the reference interpreter; node_case.h says how. */
#include "tests/support/node_case.h"

#include "ir/interp/interp.h"
#include "tests/support/kernel_eval.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const char *const node_case_targets[] = {"c99", "gnu", "avx2", "avx512", NULL};

static void print_line(void *user, Severity severity, const char *line)
{
    (void)user;
    (void)severity;
    print_error("%s\n", line);
}

void node_case_open(NodeCase *c, const char *target, uint64_t seed)
{
    *c = (NodeCase){.random = seed * 2654435761u + 1, .lo = -2, .hi = 2};
    c->arena = arena_new(0);
    assert_non_null(c->arena);
    assert_int_equal(setjmp(*arena_on_oom(c->arena)), 0);
    c->diag = (Diag){.arena = c->arena, .file = "test", .sink = print_line};
    c->g = graph_new(c->arena, &c->diag);
    c->g->name = "test";
    c->g->target = target_find(target);
    assert_non_null(c->g->target);
}

void node_case_close(NodeCase *c)
{
    arena_free(c->arena);
}

static uint32_t next_random(NodeCase *c)
{
    c->random = c->random * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(c->random >> 33);
}

int node_case_random(NodeCase *c, int n)
{
    return (int)(next_random(c) % (uint32_t)n);
}

int node_case_lanes(const NodeCase *c)
{
    return c->g->target->lanes;
}

Value *node_case_input(NodeCase *c, DType type, int rank, const int64_t *dims, int block,
                       const void *data, bool constant)
{
    Shape shape = shape_make(rank, dims);
    Tensor *t = tensor_new(c->arena, type, &shape);
    for (int64_t i = 0; data == NULL && i < shape_numel(&shape); i++) {
        double u = (double)next_random(c) / 2147483648.0;
        tensor_set_f64(t, i,
                       dtype_is_float(type) ? c->lo + u * (c->hi - c->lo) : (double)(int)(100 * u));
    }
    if (data)
        memcpy(t->data, data, tensor_bytes(t));
    char *name = arena_printf(c->arena, "in%d", c->n_in);
    Value *v = constant ? graph_constant(c->g, name, t) : graph_value(c->g, name, type, &shape);
    v->constant = t; /* also of inputs: taken away before lowering */
    v->layout.block = block;
    v->is_input = !constant;
    c->in[c->n_in++] = v;
    return v;
}

Value *node_case_f32(NodeCase *c, int rank, const int64_t *dims, int block)
{
    return node_case_input(c, DT_F32, rank, dims, block, NULL, false);
}

void node_case_absent(NodeCase *c)
{
    c->in[c->n_in++] = NULL;
}

Node *node_case_node(NodeCase *c, OpKind op, int n_out)
{
    Value *out[NODE_CASE_VALUES];
    Shape scalar = {0};
    for (int i = 0; i < n_out; i++) {
        out[i] = graph_value(c->g, arena_printf(c->arena, "out%d", i), DT_F32, &scalar);
        out[i]->is_output = true;
    }
    c->node = graph_node(c->g, op, "node", c->in, c->n_in, out, n_out);
    return c->node;
}

/* ---- memory ---- */

/* Index in memory of the logical element i of `v`. */
static int64_t physical(const Value *v, int64_t i)
{
    int64_t block = v->layout.block;
    if (block <= 1)
        return i;
    int64_t s = shape_range_numel(&v->shape, 2, v->shape.rank), c = v->shape.dim[1];
    int64_t in = i / (c * s), ic = i / s % c, is = i % s;
    return ((in * ((c + block - 1) / block) + ic / block) * s + is) * block + ic % block;
}

/* An exact-size buffer for `v`; what is not an element is a NaN (or all ones). */
static void *buffer(const Value *v)
{
    size_t bytes = (size_t)value_physical_bytes(v);
    void *p = NULL;
    assert_int_equal(posix_memalign(&p, 64, bytes ? bytes : 1), 0);
    memset(p, 0xff, bytes);
    return p;
}

static void *pack(const Value *v, const Tensor *t)
{
    unsigned char *p = buffer(v);
    size_t size = dtype_size(v->dtype);
    for (int64_t i = 0; i < shape_numel(&v->shape); i++)
        memcpy(p + (size_t)physical(v, i) * size, (unsigned char *)t->data + (size_t)i * size,
               size);
    return p;
}

static void compare(NodeCase *c, const Value *v, const Tensor *want, const void *memory,
                    double rtol, double atol)
{
    Tensor *got = tensor_new(c->arena, v->dtype, &v->shape);
    size_t size = dtype_size(v->dtype);
    for (int64_t i = 0; i < shape_numel(&v->shape); i++)
        memcpy((unsigned char *)got->data + (size_t)i * size,
               (const unsigned char *)memory + (size_t)physical(v, i) * size, size);
    for (int64_t i = 0; i < shape_numel(&v->shape); i++) {
        double x = tensor_get_f64(got, i), y = tensor_get_f64(want, i);
        bool same = dtype_is_float(v->dtype)
                        ? (isnan(y) ? isnan(x) : x == y || fabs(x - y) <= rtol * fabs(y) + atol)
                        : tensor_get_i64(got, i) == tensor_get_i64(want, i);
        if (!same)
            fail_msg("%s on %s: %s%s[%lld] is %.9g, not %.9g", op_info(c->node->op)->name,
                     c->g->target->name, v->name, shape_str(c->arena, &v->shape), (long long)i, x,
                     y);
    }
}

/* ---- the check ---- */

static void interpret(NodeCase *c, const Tensor **in, Tensor **out)
{
    Node *n = c->node;
    if (!op_infer(c->g, n))
        fail_msg("inference of %s failed", op_info(n->op)->name);
    for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i] ? n->in[i]->constant : NULL;
    for (int i = 0; i < n->n_out; i++)
        out[i] = tensor_new(c->arena, n->out[i]->dtype, &n->out[i]->shape);
    InterpCall call = {c->arena, &c->diag, n, in, n->n_in, out, n->n_out};
    if (!interp_node(&call))
        fail_msg("the interpreter of %s failed", op_info(n->op)->name);
}

/* Gives every value its place: buffers of the caller, or the weights. */
static void place(NodeCase *c, int out_block)
{
    Graph *g = c->g;
    for (int i = 0; i < c->n_in; i++) {
        Value *v = c->in[i];
        if (v == NULL || v->is_input == false) {
            if (v)
                v->place.kind = PLACE_WEIGHTS;
            continue;
        }
        v->constant = NULL;
        v->place = (Place){PLACE_INPUT, g->n_inputs, 0};
        ARENA_PUSH(g->arena, g, inputs, n_inputs, cap_inputs, v);
    }
    for (int i = 0; i < c->node->n_out; i++) {
        Value *v = c->node->out[i];
        v->layout.block = i == 0 ? out_block : 0;
        v->place = (Place){PLACE_OUTPUT, g->n_outputs, 0};
        ARENA_PUSH(g->arena, g, outputs, n_outputs, cap_outputs, v);
    }
}

void node_case_check(NodeCase *c, int out_block, double rtol, double atol)
{
    const Tensor *in[NODE_CASE_VALUES];
    Tensor *want[NODE_CASE_VALUES];
    interpret(c, in, want);
    place(c, out_block);
    Program *p = codegen_lower(c->g);
    if (p == NULL) {
        fail_msg("lowering %s failed", op_info(c->node->op)->name);
        return;
    }
    void *inputs[NODE_CASE_VALUES] = {0}, *outputs[NODE_CASE_VALUES] = {0};
    for (int i = 0; i < c->n_in; i++)
        if (c->in[i] && c->in[i]->is_input)
            inputs[c->in[i]->place.index] = pack(c->in[i], in[i]);
    for (int i = 0; i < c->node->n_out; i++)
        outputs[i] = buffer(c->node->out[i]);
    void *arena = NULL;
    size_t arena_bytes = p->arena_bytes ? (size_t)p->arena_bytes : 64;
    assert_int_equal(posix_memalign(&arena, 64, arena_bytes), 0);
    memset(arena, 0xff, arena_bytes);
    const char *why = "";
    if (!program_eval(c->arena, p, (const void *const *)inputs, outputs, arena, &why))
        fail_msg("running %s: %s", op_info(c->node->op)->name, why);
    for (int i = 0; i < c->node->n_out; i++)
        compare(c, c->node->out[i], want[i], outputs[i], rtol, atol);
    for (int i = 0; i < NODE_CASE_VALUES; i++) {
        free(inputs[i]);
        free(outputs[i]);
    }
    free(arena);
}
