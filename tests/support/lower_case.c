/* Cases of one node; lower_case.h says what for. */
#include "tests/support/lower_case.h"

#include "codegen/codegen.h"
#include "ir/interp/interp.h"
#include "tests/support/kernel_eval.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs some of the above first. */
#include <cmocka.h>

static void print_diagnostic(void *user, Severity severity, const char *line)
{
    const LowerCase *c = user;
    (void)severity;
    print_error("%s\n  case: %s\n", line, c->describe);
}

void lc_open(LowerCase *c, unsigned seed, const char *target)
{
    memset(c, 0, sizeof *c);
    c->arena = arena_new(0);
    assert_non_null(c->arena);
    c->diag = (Diag){.arena = c->arena, .file = "case", .sink = print_diagnostic, .user = c};
    c->g = graph_new(c->arena, &c->diag);
    c->g->target = target_find(target);
    assert_non_null(c->g->target);
    c->seed = seed * 2654435761u + 12345u;
}

void lc_close(LowerCase *c)
{
    arena_free(c->arena);
}

void lc_small_caches(LowerCase *c, int64_t l1_bytes, int64_t l2_bytes)
{
    Target *t = ARENA_ARRAY(c->arena, Target, 1);
    *t = *c->g->target;
    t->l1_bytes = l1_bytes;
    t->l2_bytes = l2_bytes;
    c->g->target = t;
}

int64_t lc_random(LowerCase *c, int64_t lo, int64_t hi)
{
    c->seed = c->seed * 1664525u + 1013904223u;
    return lo + (int64_t)((c->seed >> 8) % (unsigned)(hi - lo + 1));
}

/* ---- values ---- */

static Tensor *random_tensor(LowerCase *c, const Shape *shape)
{
    Tensor *t = tensor_new(c->arena, DT_F32, shape);
    for (int64_t i = 0; i < shape_numel(shape); i++)
        tensor_set_f64(t, i, (double)lc_random(c, -3, 3));
    return t;
}

Value *lc_input(LowerCase *c, const char *name, Shape shape, int block)
{
    Value *v = graph_value(c->g, name, DT_F32, &shape);
    v->is_input = true;
    v->layout.block = block > 1 ? block : 0;
    v->place = (Place){PLACE_INPUT, c->g->n_inputs, 0};
    ARENA_PUSH(c->arena, c->g, inputs, n_inputs, cap_inputs, v);
    return v;
}

Value *lc_constant(LowerCase *c, const char *name, Shape shape)
{
    return graph_constant(c->g, name, random_tensor(c, &shape));
}

Node *lc_node(LowerCase *c, OpKind op, Value *const *in, int n_in, Shape shape, int block)
{
    Value *y = graph_value(c->g, "y", DT_F32, &shape);
    y->is_output = true;
    y->layout.block = block > 1 ? block : 0;
    y->place = (Place){PLACE_OUTPUT, 0, 0};
    ARENA_PUSH(c->arena, c->g, outputs, n_outputs, cap_outputs, y);
    c->node = graph_node(c->g, op, "node", in, n_in, &y, 1);
    return c->node;
}

void lc_epilogue(LowerCase *c, OpKind op, Value *operand, bool swapped)
{
    Node *n = c->node;
    EpilogueStep step = {.op = op, .operand = -1, .swapped = swapped, .name = "step"};
    if (operand)
        step.operand = node_add_input(c->g, n, operand);
    n->epilogue[n->n_epilogue++] = step;
}

/* ---- memory ---- */

/* Physical index of element i (row-major) of a value. */
static int64_t physical(const Value *v, int64_t i)
{
    int64_t block = v->layout.block;
    if (block <= 1)
        return i;
    int64_t pixels = shape_range_numel(&v->shape, 2, v->shape.rank), channels = v->shape.dim[1];
    int64_t blocks = (channels + block - 1) / block;
    int64_t n = i / (channels * pixels), ch = i / pixels % channels, p = i % pixels;
    return ((n * blocks + ch / block) * pixels + p) * block + ch % block;
}

/* The value's memory, allocated alone and exactly, so that sanitizers see its ends. */
static float *exact_memory(const Value *v, const Tensor *t)
{
    int64_t n = value_physical_numel(v);
    float *m = malloc((size_t)n * sizeof *m + (n == 0));
    assert_non_null(m);
    for (int64_t i = 0; i < n; i++)
        m[i] = NAN;
    for (int64_t i = 0; t && i < shape_numel(&v->shape); i++)
        m[physical(v, i)] = ((const float *)t->data)[i];
    return m;
}

static Tensor *reference(LowerCase *c, Tensor *const *inputs)
{
    Node *n = c->node;
    const Tensor **in = ARENA_ARRAY(c->arena, const Tensor *, n->n_in);
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i])
            in[i] = n->in[i]->constant ? n->in[i]->constant : inputs[n->in[i]->place.index];
    Tensor *out = tensor_new(c->arena, DT_F32, &n->out[0]->shape);
    InterpCall call = {c->arena, &c->diag, n, in, n->n_in, &out, 1};
    assert_true(interp_node(&call));
    return out;
}

static float at(const Tensor *t, int64_t i)
{
    return ((const float *)t->data)[i];
}

static void compare(const LowerCase *c, const float *got, const Tensor *want)
{
    const Value *y = c->node->out[0];
    double greatest = 0;
    for (int64_t i = 0; i < shape_numel(&y->shape); i++)
        greatest = fmax(greatest, fabs((double)at(want, i)));
    for (int64_t i = 0; i < shape_numel(&y->shape); i++) {
        float g = got[physical(y, i)], w = at(want, i);
        if (fabs((double)g - (double)w) <= c->tolerance * greatest)
            continue;
        fail_msg("element %lld of %s is %g, must be %g; case: %s", (long long)i,
                 shape_str(c->arena, &y->shape), (double)g, (double)w, c->describe);
    }
}

void lc_check(LowerCase *c)
{
    Graph *g = c->g;
    Tensor **data = ARENA_ARRAY(c->arena, Tensor *, g->n_inputs + 1);
    float **memory = ARENA_ARRAY(c->arena, float *, g->n_inputs + 1);
    for (int i = 0; i < g->n_inputs; i++) {
        data[i] = random_tensor(c, &g->inputs[i]->shape);
        memory[i] = exact_memory(g->inputs[i], data[i]);
    }
    Tensor *want = reference(c, data);
    float *got = exact_memory(g->outputs[0], NULL);
    c->node->plan.scratch_offset = 0;
    g->arena_bytes = c->node->plan.scratch_bytes;
    void *scratch = malloc((size_t)g->arena_bytes + 1);
    Program *p = codegen_lower(g);
    if (p == NULL)
        fail_msg("not lowered; case: %s", c->describe);
    const char *why = NULL;
    void *out = got;
    const void **in = ARENA_ARRAY(c->arena, const void *, g->n_inputs + 1);
    for (int i = 0; i < g->n_inputs; i++)
        in[i] = memory[i];
    if (!program_eval(c->arena, p, in, &out, scratch, &why))
        fail_msg("%s; case: %s", why, c->describe);
    compare(c, got, want);
    for (int i = 0; i < g->n_inputs; i++)
        free(memory[i]);
    free(got);
    free(scratch);
}

/* ---- packing, restated from ir/packing.h ---- */

static Tensor *flat_tensor(LowerCase *c, int64_t n)
{
    Shape s = shape_make(1, &n);
    return tensor_new(c->arena, DT_F32, &s);
}

/* The bias in tiles of `tile` channels, `per_group` of which are real. */
static void pack_bias(LowerCase *c, const Tensor *bias, int64_t groups, int64_t per_group,
                      int64_t tile)
{
    if (bias == NULL)
        return;
    int64_t padded = (per_group + tile - 1) / tile * tile;
    Tensor *t = flat_tensor(c, groups * padded);
    for (int64_t g = 0; g < groups; g++)
        for (int64_t i = 0; i < per_group; i++)
            ((float *)t->data)[g * padded + i] = at(bias, g * per_group + i);
    c->node->plan.packed_bias = t;
}

static const Tensor *bias_of(const Node *n)
{
    return n->n_in > 2 && n->in[2] ? n->in[2]->constant : NULL;
}

void lc_pack_direct(LowerCase *c)
{
    const Node *n = c->node;
    bool transposed = n->op == OP_ConvTranspose;
    const Tensor *w = n->in[1]->constant;
    int64_t group = n->params.conv.group, oc = n->out[0]->shape.dim[1] / group;
    int64_t ic = n->in[0]->shape.dim[1] / group, tile = (int64_t)n->plan.tile_n * n->plan.lanes;
    int64_t taps = shape_range_numel(&w->shape, 2, w->shape.rank), tiles = (oc + tile - 1) / tile;
    int64_t block = n->in[0]->layout.block > 1 ? n->in[0]->layout.block : ic, i = 0;
    Tensor *t = flat_tensor(c, group * tiles * tile * ic * taps);
    for (int64_t g = 0; g < group; g++)
        for (int64_t o0 = 0; o0 < tiles * tile; o0 += tile)
            for (int64_t c0 = 0; c0 < ic; c0 += block)
                for (int64_t k = 0; k < taps; k++)
                    for (int64_t ch = c0; ch < ic && ch < c0 + block; ch++)
                        for (int64_t o = o0; o < o0 + tile; o++, i++)
                            if (o < oc)
                                ((float *)t->data)[i] =
                                    at(w, transposed ? ((g * ic + ch) * oc + o) * taps + k
                                                     : ((g * oc + o) * ic + ch) * taps + k);
    c->node->plan.packed_weight = t;
    pack_bias(c, bias_of(n), group, oc, tile);
}

/* G of F(m, 3) for the points 0, 1, -1, (2, -2,) infinity. */
static const double filter_2[4][3] = {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};
static const double filter_4[6][3] = {{1. / 4, 0, 0},
                                      {-1. / 6, -1. / 6, -1. / 6},
                                      {-1. / 6, 1. / 6, -1. / 6},
                                      {1. / 24, 1. / 12, 1. / 6},
                                      {1. / 24, -1. / 12, 1. / 6},
                                      {0, 0, 1}};

static const double filter_6[8][3] = {{1, 0, 0},
                                      {-2. / 9, -2. / 9, -2. / 9},
                                      {-2. / 9, 2. / 9, -2. / 9},
                                      {1. / 90, 1. / 45, 2. / 45},
                                      {1. / 90, -1. / 45, 2. / 45},
                                      {32. / 45, 16. / 45, 8. / 45},
                                      {32. / 45, -16. / 45, 8. / 45},
                                      {0, 0, 1}};

/* Element (i, j) of G g G^T. */
static double transformed(const float *g, int m, int64_t i, int64_t j)
{
    const double(*f)[3] = m == 2 ? filter_2 : m == 4 ? filter_4 : filter_6;
    double sum = 0;
    for (int y = 0; y < 3; y++)
        for (int x = 0; x < 3; x++)
            sum += f[i][y] * f[j][x] * (double)g[y * 3 + x];
    return sum;
}

void lc_pack_winograd(LowerCase *c)
{
    const Node *n = c->node;
    const float *w = n->in[1]->constant->data;
    int m = n->plan.tile_out;
    int64_t ic = n->in[0]->shape.dim[1], oc = n->out[0]->shape.dim[1], t = m + 2, i = 0;
    int64_t tile = (int64_t)n->plan.tile_n * n->plan.lanes, tiles = (oc + tile - 1) / tile;
    Tensor *packed = flat_tensor(c, tiles * tile * ic * t * t);
    for (int64_t o0 = 0; o0 < tiles * tile; o0 += tile)
        for (int64_t p = 0; p < t * t; p++)
            for (int64_t ch = 0; ch < ic; ch++)
                for (int64_t o = o0; o < o0 + tile; o++, i++)
                    if (o < oc)
                        ((float *)packed->data)[i] =
                            (float)transformed(w + (o * ic + ch) * 9, m, p / t, p % t);
    c->node->plan.packed_weight = packed;
    pack_bias(c, bias_of(n), 1, oc, tile);
}

void lc_pack_depthwise(LowerCase *c)
{
    const Node *n = c->node;
    const Tensor *w = n->in[1]->constant;
    int64_t channels = w->shape.dim[0], lanes = n->plan.lanes, i = 0;
    int64_t taps = shape_range_numel(&w->shape, 2, w->shape.rank);
    Tensor *t = flat_tensor(c, (channels + lanes - 1) / lanes * lanes * taps);
    for (int64_t c0 = 0; c0 < channels; c0 += lanes)
        for (int64_t k = 0; k < taps; k++)
            for (int64_t ch = c0; ch < c0 + lanes; ch++, i++)
                if (ch < channels)
                    ((float *)t->data)[i] = at(w, ch * taps + k);
    c->node->plan.packed_weight = t;
    pack_bias(c, bias_of(n), 1, channels, lanes);
}

void lc_pack_im2col(LowerCase *c)
{
    c->node->plan.packed_weight = c->node->in[1]->constant;
    c->node->plan.packed_bias = bias_of(c->node);
}

void lc_pack_gemm(LowerCase *c)
{
    const Node *n = c->node;
    const Tensor *w = n->in[1]->constant;
    bool gemm = n->op == OP_Gemm, trans = gemm && n->params.gemm.trans_b;
    double alpha = gemm ? n->params.gemm.alpha : 1.0, beta = gemm ? n->params.gemm.beta : 1.0;
    int64_t rank = w->shape.rank, d0 = w->shape.dim[0], d1 = rank > 1 ? w->shape.dim[1] : 1;
    int64_t k = trans ? d1 : d0, cols = trans ? d0 : d1, i = 0;
    int64_t tile = (int64_t)n->plan.tile_n * n->plan.lanes,
            padded = (cols + tile - 1) / tile * tile;
    Tensor *t = flat_tensor(c, padded * k);
    for (int64_t c0 = 0; c0 < padded; c0 += tile)
        for (int64_t r = 0; r < k; r++)
            for (int64_t j = c0; j < c0 + tile; j++, i++)
                if (j < cols)
                    ((float *)t->data)[i] =
                        (float)(alpha * (double)at(w, trans ? j * k + r : r * cols + j));
    c->node->plan.packed_weight = t;
    const Tensor *bias = gemm ? bias_of(n) : NULL;
    if (bias == NULL || shape_numel(&bias->shape) != bias->shape.dim[bias->shape.rank - 1])
        return;
    Tensor *scaled = flat_tensor(c, cols);
    for (int64_t j = 0; j < cols; j++)
        ((float *)scaled->data)[j] =
            (float)(beta * (double)at(bias, shape_numel(&bias->shape) == 1 ? 0 : j));
    pack_bias(c, scaled, 1, cols, tile);
}
