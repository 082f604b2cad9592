/* GlobalAveragePool and GlobalMaxPool: each channel's pixels reduced to one.
 *
 * Blocked: a vector of channels a pixel, several accumulators to hide the latency of the sum.
 * Plain: vectors along the pixels of a plane, reduced at its end. The result may be plain when
 * the input is blocked: it has one pixel a channel, so only the last block differs. */
#include "codegen/nest.h"
#include "ir/ops.h"

#include <math.h>

enum { ACCUMULATORS = 4 };

typedef struct Global {
    KBuilder *b;
    bool average;
    int lanes;
    int64_t pixels;
    const KBuf *in, *out;
} Global;

static KExpr *combine(const Global *g, KExpr *x, KExpr *y)
{
    return g->average ? kb_bin(g->b, KO_ADD, x, y) : extreme(g->b, KO_MAX, x, y);
}

static KExpr *result(const Global *g, KExpr *x)
{
    if (!g->average)
        return x;
    return kb_bin(g->b, KO_MUL, x, kb_const(g->b, x->type, 1 / (double)g->pixels));
}

/* Accumulates `count` vectors of g->lanes elements from `at` and returns the vector of all. */
static KExpr *accumulate(const Global *g, Affine at, int64_t count, int *depth)
{
    KBuilder *b = g->b;
    int used = count < ACCUMULATORS ? (int)count : ACCUMULATORS, outer = *depth;
    const KReg *acc = kb_reg(b, "acc", KTYPE(kbase_compute(g->in->base), g->lanes), 1, used, 0);
    for (int i = 0; i < used; i++) /* the first vectors start the accumulators */
        kb_set1(b, acc, aff(i), kb_load(b, g->in, aff_addc(at, (int64_t)i * g->lanes), g->lanes));
    int64_t rest = count - used, whole = rest / used * used;
    if (whole > 0) {
        Affine p = nest_serial_loop(b, "p", whole, used, depth);
        Affine u = aff_var(kb_for(b, "u", 0, used, 1, KL_UNROLL));
        Affine pixel = aff_addc(aff_add(p, u), used);
        KExpr *x = kb_load(b, g->in, aff_add(at, aff_mul(pixel, g->lanes)), g->lanes);
        kb_set1(b, acc, u, combine(g, kb_get1(b, acc, u), x));
        kb_end(b);
        nest_close(b, depth, outer);
    }
    for (int64_t i = used + whole; i < count; i++) {
        int64_t u = i - used - whole;
        KExpr *x = kb_load(b, g->in, aff_addc(at, i * g->lanes), g->lanes);
        kb_set1(b, acc, aff(u), combine(g, kb_get1(b, acc, aff(u)), x));
    }
    KExpr *sum = kb_get1(b, acc, aff(0));
    for (int i = 1; i < used; i++)
        sum = combine(g, sum, kb_get1(b, acc, aff(i)));
    return sum;
}

/* Blocks [lo, hi) of every image, of which `active` lanes are channels. */
static void emit_blocks(Global *g, const Value *in, const Value *out, int64_t lo, int64_t hi,
                        int active)
{
    KBuilder *b = g->b;
    int64_t block = in->layout.block, blocks = blocks_of(in, block);
    bool plain = out->layout.block <= 1;
    int depth = 0;
    Affine n = nest_loop(b, "n", in->shape.dim[0], 1, &depth);
    Affine c = aff_addc(nest_loop(b, "block", hi - lo, 1, &depth), lo);
    Affine at = aff_add(aff_mul(n, blocks), c);
    KExpr *x = result(g, accumulate(g, aff_mul(at, g->pixels * block), g->pixels, &depth));
    Affine to =
        plain ? aff_add(aff_mul(n, in->shape.dim[1]), aff_mul(c, block)) : aff_mul(at, block);
    kb_store_tail(b, g->out, to, x, plain ? active : g->lanes);
    nest_close(b, &depth, 0);
}

/* The plain kernel: whole vectors, then ever narrower ones. */
static void emit_planes(Global *g, int64_t planes, int lanes)
{
    KBuilder *b = g->b;
    int depth = 0;
    Affine plane = nest_loop(b, "plane", planes, 1, &depth);
    const KReg *acc = kb_reg(b, "total", KTYPE(kbase_compute(g->in->base), 1), 0, 0, 0);
    int64_t done = 0;
    for (int width = lanes; width >= 1; width /= 2) {
        int64_t count = (g->pixels - done) / width;
        if (count == 0)
            continue;
        g->lanes = width;
        KExpr *x = accumulate(g, aff_addc(aff_mul(plane, g->pixels), done), count, &depth);
        x = g->average ? kb_reduce(b, KO_ADD, x) : extreme_lane(b, KO_MAX, x);
        kb_set(b, acc, done ? combine(g, kb_get(b, acc), x) : x);
        done += count * width;
    }
    kb_store(b, g->out, plane, result(g, kb_get(b, acc)));
    nest_close(b, &depth, 0);
}

static bool emit(Lower *lw, const Node *n, const Global *g, const char *part)
{
    Arg args[2] = {arg_value(lw, n->out[0]), arg_value(lw, n->in[0])};
    const char *dims = dims_str(lw->arena, &n->in[0]->shape, 0);
    return lower_emit(lw, n, g->b,
                      arena_printf(lw->arena, "%s over %s%s", op_info(n->op)->name, dims, part),
                      args);
}

static void open_kernel(Lower *lw, const Node *n, Global *g, const char *suffix)
{
    const char *dims = dims_str(lw->arena, &n->in[0]->shape, 0);
    const char *op = g->average ? "global_avgpool" : "global_maxpool";
    g->b = kb_new(lw->arena, lw->program->target,
                  arena_printf(lw->arena, "%s_%s%s", op, dims, suffix));
    g->out = buf_value(g->b, "out", n->out[0], K_WRITE);
    g->in = buf_value(g->b, "in", n->in[0], K_READ);
}

bool lower_global_pool(Lower *lw, const Node *n)
{
    const Value *in = n->in[0], *out = n->out[0];
    if (in->layout.block <= 1 && out->layout.block > 1)
        return node_unsupported(lw->graph, n, "its input is plain and its output blocked");
    Global g = {.average = n->op == OP_GlobalAveragePool,
                .pixels = shape_range_numel(&in->shape, 2, in->shape.rank)};
    int64_t block = in->layout.block, channels = in->shape.dim[1];
    if (block <= 1) {
        open_kernel(lw, n, &g, "");
        emit_planes(&g, in->shape.dim[0] * channels, lanes_of(lw->program->target, g.in->base));
        return emit(lw, n, &g, "");
    }
    g.lanes = (int)block;
    bool cut = out->layout.block <= 1 && channels % block != 0;
    int64_t whole = cut ? channels / block : ceil_div(channels, block);
    if (whole > 0) {
        open_kernel(lw, n, &g, "");
        emit_blocks(&g, in, out, 0, whole, (int)block);
        if (!emit(lw, n, &g, ""))
            return false;
    }
    if (!cut)
        return true;
    open_kernel(lw, n, &g, "_tail");
    emit_blocks(&g, in, out, whole, whole + 1, (int)(channels % block));
    return emit(lw, n, &g, ", the last channels");
}
