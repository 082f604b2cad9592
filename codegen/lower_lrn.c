/* LRN: y = x / (bias + alpha / size * sum of x^2 over neighbouring channels)^beta.
 *
 * Plain: vectors along the pixels; the neighbours are other planes, tested for existing. Blocked:
 * vectors of channels; the neighbours are lanes of the block itself and of the blocks before and
 * behind it, brought into place by shuffles. Lanes beyond the last channel count as zero. */
#include "codegen/nest.h"

#include <float.h>

typedef struct Lrn {
    Lower *lw;
    KBuilder *b;
    const NormParams *p;
    int64_t before, after; /* channels of the window on each side */
    int64_t channels, pixels;
    const KBuf *in, *out;
    int lanes;
    int depth;
} Lrn;

/* x / (bias + alpha / size * sum)^beta. The usual power 3/4 takes neither a division nor a square
 * root, as long as the base is positive for certain. */
static KExpr *normalise(const Lrn *e, KExpr *x, KExpr *sum)
{
    KBuilder *b = e->b;
    KType t = x->type;
    double k = e->p->alpha / (double)e->p->size, beta = e->p->beta;
    KExpr *base = kb_fma(b, sum, kb_const(b, t, k), kb_const(b, t, e->p->bias));
    if (t.base == KT_F32 && beta == 0.75 && k >= 0 && e->p->bias >= FLT_MIN) {
        const KLet *r = kb_let(b, "root", vmath(e->lw, b, VM_ROOT4, base, NULL));
        KExpr *square = kb_bin(b, KO_MUL, kb_use(b, r), kb_use(b, r));
        return kb_bin(b, KO_MUL, x, kb_bin(b, KO_MUL, square, kb_use(b, r)));
    }
    if (beta == 0.5)
        return kb_bin(b, KO_DIV, x, kb_un(b, KO_SQRT, base));
    if (beta == 1)
        return kb_bin(b, KO_DIV, x, base);
    return kb_bin(b, KO_DIV, x, vmath(e->lw, b, VM_POW, base, kb_const(b, t, beta)));
}

/* ---- plain ---- */

static void emit_plain_vector(Lrn *e, Affine image, Affine c, Affine i, int lanes, int active)
{
    KBuilder *b = e->b;
    KType type = KTYPE(kbase_compute(e->in->base), lanes);
    const KReg *sum = kb_reg(b, "sum", type, 0, 0, 0);
    kb_set(b, sum, kb_const(b, type, 0));
    Affine k = aff_var(kb_for(b, "k", -e->before, e->after + 1, 1, KL_SERIAL));
    Affine near = aff_add(c, k);
    kb_if(b, near);
    kb_if(b, aff_sub(aff(e->channels - 1), near));
    Affine at = aff_add(aff_add(image, aff_mul(near, e->pixels)), i);
    const KLet *x = kb_let(b, "x", kb_load_tail(b, e->in, at, lanes, active));
    kb_set(b, sum, kb_fma(b, kb_use(b, x), kb_use(b, x), kb_get(b, sum)));
    kb_end(b);
    kb_end(b);
    kb_end(b);
    at = aff_add(aff_add(image, aff_mul(c, e->pixels)), i);
    KExpr *centre = kb_load_tail(b, e->in, at, lanes, active);
    kb_store_tail(b, e->out, at, normalise(e, centre, kb_get(b, sum)), active);
}

static void emit_plain(Lrn *e, int64_t images)
{
    KBuilder *b = e->b;
    Affine n = nest_loop(b, "n", images, 1, &e->depth);
    Affine c = nest_loop(b, "c", e->channels, 1, &e->depth);
    Affine image = aff_mul(n, e->channels * e->pixels);
    int lanes = lanes_for(e->pixels, e->lanes), outer = e->depth;
    int64_t whole = e->pixels / lanes * lanes;
    if (whole > 0) {
        Affine i = nest_loop(b, "i", whole, lanes, &e->depth);
        emit_plain_vector(e, image, c, i, lanes, lanes);
        nest_close(b, &e->depth, outer);
    }
    int rest = (int)(e->pixels - whole);
    if (rest > 0)
        emit_plain_vector(e, image, c, aff(whole), lanes_for(rest, lanes), rest);
    nest_close(b, &e->depth, 0);
}

/* ---- blocked ---- */

/* x^2 of a block of which `active` lanes are channels; the others are zero. */
static KExpr *squares(const Lrn *e, Affine at, int active)
{
    int order[MAX_LANES];
    const KLet *x = kb_let(e->b, "x", kb_load(e->b, e->in, at, e->lanes));
    KExpr *s = kb_bin(e->b, KO_MUL, kb_use(e->b, x), kb_use(e->b, x));
    if (active == e->lanes)
        return s;
    for (int l = 0; l < e->lanes; l++)
        order[l] = l < active ? l : e->lanes + l;
    return kb_shuf(e->b, s, kb_f32(e->b, 0, e->lanes), order, e->lanes);
}

/* The squares of a neighbouring block, zero where `exists` < 0. */
static const KReg *neighbour(const Lrn *e, const char *name, Affine exists, Affine at, int active)
{
    KType type = KTYPE(KT_F32, e->lanes);
    const KReg *r = kb_reg(e->b, name, type, 0, 0, 0);
    kb_set(e->b, r, kb_const(e->b, type, 0));
    kb_if(e->b, exists);
    kb_set(e->b, r, squares(e, at, active));
    kb_end(e->b);
    return r;
}

/* The sum over the window, from the squares of three blocks. */
static KExpr *window_sum(const Lrn *e, const KReg *before, const KLet *here, const KReg *behind)
{
    int order[MAX_LANES];
    KExpr *sum = kb_use(e->b, here);
    for (int64_t d = -e->before; d <= e->after; d++) {
        if (d == 0)
            continue;
        for (int l = 0; l < e->lanes; l++)
            order[l] = l + (int)d + (d < 0 ? e->lanes : 0);
        KExpr *lo = d < 0 ? kb_get(e->b, before) : kb_use(e->b, here);
        KExpr *hi = d < 0 ? kb_use(e->b, here) : kb_get(e->b, behind);
        sum = kb_bin(e->b, KO_ADD, sum, kb_shuf(e->b, lo, hi, order, e->lanes));
    }
    return sum;
}

/* Blocks [lo, hi) of each image; `here` and `behind` are the lanes that exist in them. */
static void emit_blocks(Lrn *e, int64_t images, int64_t lo, int64_t hi, int here, int behind)
{
    KBuilder *b = e->b;
    int64_t blocks = ceil_div(e->channels, e->lanes);
    Affine n = nest_loop(b, "n", images, 1, &e->depth);
    Affine c = aff_addc(nest_loop(b, "block", hi - lo, 1, &e->depth), lo);
    Affine i = nest_loop(b, "i", e->pixels, 1, &e->depth);
    int64_t plane = e->pixels * e->lanes;
    Affine at = aff_add(aff_mul(aff_add(aff_mul(n, blocks), c), plane), aff_mul(i, e->lanes));
    const KReg *prev = neighbour(e, "before", aff_addc(c, -1), aff_addc(at, -plane), e->lanes);
    const KReg *next =
        neighbour(e, "behind", aff_sub(aff(blocks - 2), c), aff_addc(at, plane), behind);
    const KLet *own = kb_let(b, "here", squares(e, at, here));
    KExpr *sum = window_sum(e, prev, own, next);
    kb_store(b, e->out, at, normalise(e, kb_load(b, e->in, at, e->lanes), sum));
    nest_close(b, &e->depth, 0);
}

/* ---- the operator ---- */

static void open_kernel(Lrn *e, const Node *n, const char *suffix)
{
    Arena *a = e->lw->arena;
    e->b = kb_new(a, e->lw->program->target,
                  arena_printf(a, "lrn%lld_%s%s", (long long)e->p->size,
                               dims_str(a, &n->in[0]->shape, 0), suffix));
    e->out = buf_value(e->b, "out", n->out[0], K_WRITE);
    e->in = buf_value(e->b, "in", n->in[0], K_READ);
    e->depth = 0;
}

static bool emit(Lrn *e, const Node *n)
{
    Arg args[2] = {arg_value(e->lw, n->out[0]), arg_value(e->lw, n->in[0])};
    return lower_emit(e->lw, n, e->b,
                      arena_printf(e->lw->arena, "LRN of %s over %lld channels",
                                   dims_str(e->lw->arena, &n->in[0]->shape, 0),
                                   (long long)e->p->size),
                      args);
}

static bool lower_blocked(Lrn *e, const Node *n)
{
    int64_t images = n->in[0]->shape.dim[0];
    int64_t blocks = ceil_div(e->channels, e->lanes);
    int last = (int)(e->channels - (blocks - 1) * e->lanes);
    if (e->before > e->lanes || e->after > e->lanes)
        return node_unsupported(e->lw->graph, n, "its window is wider than a block of channels");
    /* A last block that is not full is one kernel, the block before it another. */
    int64_t cut[4] = {0, last == e->lanes ? blocks : blocks - 2,
                      last == e->lanes ? blocks : blocks - 1, blocks};
    for (int k = 0; k < 3; k++) {
        static const char *const suffix[] = {"", "_next_to_last", "_last"};
        int64_t lo = cut[k] > 0 ? cut[k] : 0;
        if (cut[k + 1] <= lo)
            continue;
        open_kernel(e, n, suffix[k]);
        emit_blocks(e, images, lo, cut[k + 1], k == 2 ? last : e->lanes, k == 1 ? last : e->lanes);
        if (!emit(e, n))
            return false;
    }
    return true;
}

bool lower_lrn(Lower *lw, const Node *n)
{
    const Value *in = n->in[0], *out = n->out[0];
    if (in->layout.block != out->layout.block)
        return node_unsupported(lw->graph, n, "its input and output differ in layout");
    const NormParams *p = &n->params.norm;
    Lrn e = {.lw = lw, .p = p, .before = (p->size - 1) / 2, .channels = in->shape.dim[1]};
    e.after = p->size - 1 - e.before;
    e.pixels = shape_range_numel(&in->shape, 2, in->shape.rank);
    if (in->layout.block > 1) {
        e.lanes = in->layout.block;
        return lower_blocked(&e, n);
    }
    open_kernel(&e, n, "");
    e.lanes = lanes_of(lw->program->target, e.in->base);
    emit_plain(&e, in->shape.dim[0]);
    return emit(&e, n);
}
