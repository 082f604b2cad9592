/* Sampling between the pixels of an image, at positions that are known only at run time. */
#include "codegen/sampler.h"

#include <math.h>

static const KType i64 = {KT_I64, 1};

Sampler sampler_make(const SampleParams *p, const Value *x, const Value *coord)
{
    static const int taps[] = {1, 2, 4};
    Sampler g = {.p = p, .n = x->shape.rank - 2, .taps = taps[p->mode], .pixels = 1};
    for (int i = g.n - 1; i >= 0; i--) {
        g.extent[i] = x->shape.dim[i + 2];
        g.stride[i] = g.pixels;
        g.pixels *= g.extent[i];
    }
    g.coord = value_type(coord, 1);
    g.type = value_type(x, 1);
    return g;
}

static KExpr *coord_const(const Sampler *g, double value)
{
    return kb_const(g->b, g->coord, value);
}

static KExpr *between(const Sampler *g, KExpr *x, double lo, double hi)
{
    x = kb_bin(g->b, KO_MAX, x, coord_const(g, lo)); /* NaN becomes lo */
    return kb_bin(g->b, KO_MIN, x, coord_const(g, hi));
}

/* Mirrors x at lo and hi as often as it takes to come between them; what is not finite becomes 0,
 * as in ir/interp/sample.c. */
static KExpr *mirrored(const Sampler *g, const KLet *x, double lo, double hi)
{
    KBuilder *b = g->b;
    if (lo == hi)
        return coord_const(g, lo);
    KExpr *below = kb_bin(b, KO_SUB, coord_const(g, lo), kb_use(b, x));
    KExpr *above = kb_bin(b, KO_SUB, kb_use(b, x), coord_const(g, hi));
    const KLet *beyond = kb_let(b, "beyond", kb_bin(b, KO_MAX, below, above));
    KExpr *ratio = kb_bin(b, KO_DIV, kb_use(b, beyond), coord_const(g, hi - lo));
    const KLet *times = kb_let(b, "times", kb_un(b, KO_FLOOR, ratio));
    KExpr *all = kb_bin(b, KO_MUL, kb_use(b, times), coord_const(g, hi - lo));
    const KLet *rest = kb_let(b, "rest", kb_bin(b, KO_SUB, kb_use(b, beyond), all));
    KExpr *half = kb_bin(b, KO_MUL, kb_use(b, times), coord_const(g, 0.5));
    KExpr *twice = kb_bin(b, KO_MUL, kb_un(b, KO_FLOOR, half), coord_const(g, 2));
    KExpr *odd = kb_cmp(b, KO_NE, kb_use(b, times), twice);
    KExpr *left = kb_cmp(b, KO_LT, kb_use(b, x), coord_const(g, lo));
    KExpr *from_lo = kb_bin(b, KO_ADD, coord_const(g, lo), kb_use(b, rest));
    KExpr *from_hi = kb_bin(b, KO_SUB, coord_const(g, hi), kb_use(b, rest));
    KExpr *inside = kb_cmp(b, KO_LE, kb_use(b, beyond), coord_const(g, 0));
    KExpr *moved = kb_select(b, kb_bin(b, KO_XOR, left, odd), from_lo, from_hi);
    KExpr *finite = kb_cmp(b, KO_LT, kb_use(b, beyond), coord_const(g, INFINITY));
    moved = kb_select(b, finite, moved, coord_const(g, 0));
    return kb_select(b, inside, kb_use(b, x), moved);
}

/* The coordinate on an axis after the padding mode, and so close that it becomes an integer. */
static const KLet *position(const Sampler *g, KExpr *x, int64_t extent)
{
    KBuilder *b = g->b;
    double last = (double)(extent - 1), lo = g->p->align_corners ? 0 : -0.5, hi = last - lo;
    if (g->p->mode == RESIZE_NEAREST)
        x = kb_un(b, KO_ROUND, x);
    if (g->p->padding == SAMPLE_BORDER) {
        const KLet *at = kb_let(b, "at", x);
        KExpr *before = kb_cmp(b, KO_LT, kb_use(b, at), coord_const(g, lo));
        KExpr *behind = kb_cmp(b, KO_GT, kb_use(b, at), coord_const(g, hi));
        x = kb_select(b, kb_bin(b, KO_OR, before, behind), between(g, kb_use(b, at), 0, last),
                      kb_use(b, at));
    } else if (g->p->padding == SAMPLE_REFLECTION) {
        x = mirrored(g, kb_let(b, "at", x), lo, hi);
    }
    return kb_let(b, "at", between(g, x, -4, last + 4));
}

/* Weight of a tap at distance t: a tent, or Keys' cubic with a = -0.75. */
static KExpr *tap_weight(const Sampler *g, const KLet *t)
{
    const double a = -0.75;
    KBuilder *b = g->b;
    const KLet *d = kb_let(b, "d", kb_un(b, KO_ABS, kb_use(b, t)));
    if (g->p->mode == RESIZE_LINEAR)
        return kb_bin(b, KO_SUB, coord_const(g, 1), kb_use(b, d));
    /* Near: ((a+2) d - (a+3)) d d + 1. Far: ((a d - 5a) d + 8a) d - 4a. */
    KExpr *near = kb_bin(b, KO_MUL, coord_const(g, a + 2), kb_use(b, d));
    near = kb_bin(b, KO_SUB, near, coord_const(g, a + 3));
    near = kb_bin(b, KO_MUL, kb_bin(b, KO_MUL, near, kb_use(b, d)), kb_use(b, d));
    near = kb_bin(b, KO_ADD, near, coord_const(g, 1));
    KExpr *far = kb_bin(b, KO_MUL, coord_const(g, a), kb_use(b, d));
    far = kb_bin(b, KO_MUL, kb_bin(b, KO_SUB, far, coord_const(g, 5 * a)), kb_use(b, d));
    far = kb_bin(b, KO_MUL, kb_bin(b, KO_ADD, far, coord_const(g, 8 * a)), kb_use(b, d));
    far = kb_bin(b, KO_SUB, far, coord_const(g, 4 * a));
    return kb_select(b, kb_cmp(b, KO_LE, kb_use(b, d), coord_const(g, 1)), near, far);
}

/* A tap's index mirrored into the image; it is at most four pixels outside. */
static KExpr *mirrored_index(const Sampler *g, const KLet *index, int64_t extent)
{
    KBuilder *b = g->b;
    int64_t low = g->p->align_corners ? 0 : -1; /* i and low - i are the same pixel */
    int64_t high = 2 * (extent - 1) - low;
    const KLet *i = index;
    for (int k = 0; k < 3; k++) { /* twice where the image is smaller than the reach of the taps */
        KExpr *other = kb_bin(b, KO_SUB, kb_int(b, i64, k % 2 ? high : low), kb_use(b, i));
        KOp op = k % 2 ? KO_MIN : KO_MAX;
        i = kb_let(b, "i", kb_bin(b, op, kb_use(b, i), other));
    }
    return kb_use(b, i);
}

/* Tap k of an axis, `offset` pixels behind the whole pixel at or before the position. */
static void make_tap(Sampler *g, int axis, int k, const KLet *at, const KLet *whole, int offset)
{
    KBuilder *b = g->b;
    int64_t extent = g->extent[axis];
    KExpr *first = kb_cvt_fit(b, i64, kb_use(b, whole)), *tap = kb_use(b, whole), *weight = NULL;
    if (offset != 0) {
        first = kb_bin(b, KO_ADD, first, kb_int(b, i64, offset));
        tap = kb_bin(b, KO_ADD, tap, coord_const(g, offset));
    }
    const KLet *i = kb_let(b, "i", first);
    if (g->p->mode != RESIZE_NEAREST) {
        const KLet *t = kb_let(b, "t", kb_bin(b, KO_SUB, kb_use(b, at), tap));
        weight = kb_cvt(b, g->type, tap_weight(g, t));
    } else if (g->p->padding == SAMPLE_ZEROS) {
        weight = kb_const(b, g->type, 1);
    }
    if (g->p->padding == SAMPLE_ZEROS) {
        KExpr *inside = kb_bin(b, KO_AND, kb_cmp(b, KO_GE, kb_use(b, i), kb_int(b, i64, 0)),
                               kb_cmp(b, KO_LT, kb_use(b, i), kb_int(b, i64, extent)));
        weight = kb_select(b, inside, weight, kb_const(b, g->type, 0));
    }
    KExpr *index = g->p->padding == SAMPLE_REFLECTION ? mirrored_index(g, i, extent) : kb_use(b, i);
    index = kb_clamp(b, index, 0, extent - 1);
    if (g->stride[axis] != 1)
        index = kb_bin(b, KO_MUL, index, kb_int(b, i64, g->stride[axis]));
    g->index[axis][k] = kb_let(b, "index", index);
    g->weight[axis][k] = weight ? kb_let(b, "weight", weight) : NULL;
}

void sampler_taps(Sampler *g, int axis, KExpr *x)
{
    const KLet *at = position(g, x, g->extent[axis]);
    const KLet *whole = kb_let(g->b, "whole", kb_un(g->b, KO_FLOOR, kb_use(g->b, at)));
    for (int k = 0; k < g->taps; k++)
        make_tap(g, axis, k, at, whole, g->taps == MAX_TAPS ? k - 1 : k);
}

void sampler_corners(Sampler *g)
{
    KBuilder *b = g->b;
    int corners = 1;
    for (int i = 0; i < g->n; i++)
        corners *= g->taps;
    for (int c = 0; c < corners; c++) {
        KExpr *pixel = NULL;
        for (int axis = g->n - 1, rest = c; axis >= 0; axis--, rest /= g->taps) {
            KExpr *index = kb_use(b, g->index[axis][rest % g->taps]);
            pixel = pixel ? kb_bin(b, KO_ADD, index, pixel) : index;
        }
        g->corner[c] = kb_let(b, "pixel", pixel);
    }
}

/* Weighted sum over the taps of axes `axis` and inwards; `corner` counts what is chosen outside. */
static KExpr *blend(const Sampler *g, Affine plane, int axis, int corner)
{
    KBuilder *b = g->b;
    KExpr *sum = NULL;
    if (axis == g->n || axis == MAX_SPATIAL) {
        KExpr *pixel = kb_clamp(b, kb_use(b, g->corner[corner]), 0, g->pixels - 1);
        return kb_load_dyn(b, g->in, plane, pixel, 1, 1, 1);
    }
    for (int k = 0; k < g->taps; k++) {
        const KLet *weight = g->weight[axis][k];
        KExpr *x = blend(g, plane, axis + 1, corner * g->taps + k);
        if (weight)
            x = kb_bin(b, KO_MUL, kb_use(b, weight), x);
        sum = sum ? kb_bin(b, KO_ADD, sum, x) : x;
    }
    return sum;
}

KExpr *sampler_blend(const Sampler *g, Affine plane)
{
    return blend(g, plane, 0, 0);
}
