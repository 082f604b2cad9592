/* RoiAlign and MaxRoiPool: pooled regions of images, whose corners are known only at run time.
 *
 * Each bin of a region is a loop over its points (RoiAlign) or pixels (MaxRoiPool) as many as the
 * region's size says; a few channels are computed together, since they share all coordinates.
 * Whatever the corners, only pixels of the image are read. Plain layouts. */
#include "codegen/nest.h"

#include <math.h>

enum { CHANNELS = 8 };

static const KType i64 = {KT_I64, 1};

typedef struct Roi {
    KBuilder *b;
    const RoiParams *p;
    KType type;
    const KBuf *out, *in, *rois, *batch;
    int64_t h, w, channels;
    int tile;          /* channels computed together */
    const KLet *image; /* of the batch, at run time */
    int64_t images;
    Affine c; /* the first of the channels */
    const KReg *acc;
} Roi;

/* One axis of a bin, at run time. */
typedef struct BinAxis {
    const KLet *start, *step; /* of the points, in pixels */
    const KLet *points;       /* i64 */
} BinAxis;

static KExpr *num(const Roi *r, double value)
{
    return kb_const(r->b, r->type, value);
}

static KExpr *op2(const Roi *r, KOp op, KExpr *x, KExpr *y)
{
    return kb_bin(r->b, op, x, y);
}

static KExpr *number_of(const Roi *r, const KLet *i)
{
    return kb_cvt(r->b, r->type, kb_use(r->b, i));
}

/* Where pixel (y, x) of the region's image lies behind the first of its channel. */
static const KLet *pixel_at(const Roi *r, const KLet *y, const KLet *x)
{
    KBuilder *b = r->b;
    KExpr *at = kb_bin(b, KO_MUL, kb_use(b, y), kb_int(b, i64, r->w));
    at = kb_bin(b, KO_ADD, at, kb_use(b, x));
    if (r->images > 1) {
        int64_t step = r->channels * r->h * r->w;
        at = kb_bin(b, KO_ADD, kb_bin(b, KO_MUL, kb_use(b, r->image), kb_int(b, i64, step)), at);
    }
    return kb_let(b, "pixel", at);
}

/* The element of channel c + k there; whatever the corners, one of the image's. */
static KExpr *pixel(const Roi *r, int k, const KLet *at)
{
    int64_t plane = r->h * r->w, last = (r->images - 1) * r->channels * plane + plane - 1;
    Affine from = aff_mul(aff_addc(r->c, k), plane);
    return kb_load_dyn(r->b, r->in, from, kb_clamp(r->b, kb_use(r->b, at), 0, last), 1, 1, 1);
}

/* ---- the loops that both share ---- */

typedef struct Bin {
    Affine region, oy, ox;
} Bin;

typedef void EmitBin(Roi *r, const Bin *bin);

static void emit_channels(Roi *r, const Bin *bin, Affine c, int tile, EmitBin *emit)
{
    KBuilder *b = r->b;
    r->c = c;
    r->tile = tile;
    r->acc = kb_reg(b, "acc", r->type, 1, tile, 0);
    emit(r, bin);
    for (int k = 0; k < tile; k++) {
        Affine at = aff_add(aff_mul(bin->region, r->channels), aff_addc(c, k));
        at = aff_add(aff_mul(at, r->p->out_h), bin->oy);
        at = aff_add(aff_mul(at, r->p->out_w), bin->ox);
        kb_store(b, r->out, at, kb_get1(b, r->acc, aff(k)));
    }
}

/* The region's image, a number that rounds to an index, inside of the batch. */
static void load_image(Roi *r, KExpr *index)
{
    KExpr *safe = kb_clamp(r->b, kb_cvt(r->b, i64, index), 0, r->images - 1);
    r->image = kb_let(r->b, "image", safe);
}

static bool emit_regions(Lower *lw, const Node *n, Roi *r, const char *verb, int columns,
                         EmitBin *emit)
{
    const Value *y = n->out[0];
    const char *to = dims_str(lw->arena, &y->shape, 0);
    const char *from = dims_str(lw->arena, &n->in[0]->shape, 0);
    KBuilder *b = r->b;
    Bin bin;
    int depth = 0, outer;
    bin.region = nest_loop(b, "region", y->shape.dim[0], 1, &depth);
    load_image(r, r->batch ? kb_load(b, r->batch, bin.region, 1)
                           : kb_load(b, r->rois, aff_mul(bin.region, columns), 1));
    bin.oy = nest_loop(b, "oy", r->p->out_h, 1, &depth);
    bin.ox = nest_loop(b, "ox", r->p->out_w, 1, &depth);
    outer = depth;
    int64_t whole = r->channels / CHANNELS * CHANNELS;
    if (whole > 0) {
        Affine c = nest_loop(b, "c", whole, CHANNELS, &depth);
        emit_channels(r, &bin, c, CHANNELS, emit);
        nest_close(b, &depth, outer);
    }
    if (whole < r->channels)
        emit_channels(r, &bin, aff(whole), (int)(r->channels - whole), emit);
    nest_close(b, &depth, 0);
    Arg args[4] = {arg_value(lw, y), arg_value(lw, n->in[0]), arg_value(lw, n->in[1])};
    if (r->batch)
        args[3] = arg_value(lw, n->in[2]);
    return lower_emit(lw, n, b, arena_printf(lw->arena, "%s %s to %s", verb, from, to), args);
}

static Roi open_roi(Lower *lw, const Node *n, const char *verb)
{
    const Value *x = n->in[0];
    const char *from = dims_str(lw->arena, &x->shape, 0);
    const char *to = dims_str(lw->arena, &n->out[0]->shape, 0);
    Roi r = {.p = &n->params.roi, .type = value_type(x, 1)};
    r.b = kb_new(lw->arena, lw->program->target,
                 arena_printf(lw->arena, "%s_%s_to_%s", verb, from, to));
    r.images = x->shape.dim[0];
    r.channels = x->shape.dim[1];
    r.h = x->shape.dim[2];
    r.w = x->shape.dim[3];
    r.out = buf_value(r.b, "out", n->out[0], K_WRITE);
    r.in = buf_value(r.b, "in", x, K_READ);
    r.rois = buf_value(r.b, "rois", n->in[1], K_READ);
    return r;
}

/* ---- RoiAlign ---- */

/* Points of bin `o` of an axis between corners number `from` and `from` + 2 of the region. */
static BinAxis align_axis(const Roi *r, Affine corner, Affine o, int64_t out)
{
    KBuilder *b = r->b;
    BinAxis a;
    const KLet *edge[2];
    for (int i = 0; i < 2; i++) {
        KExpr *x = kb_load(b, r->rois, aff_addc(corner, i ? 2 : 0), 1);
        x = op2(r, KO_MUL, x, num(r, r->p->spatial_scale));
        edge[i] = kb_let(b, "edge", op2(r, KO_SUB, x, num(r, r->p->half_pixel ? 0.5 : 0)));
    }
    KExpr *length = op2(r, KO_SUB, kb_use(b, edge[1]), kb_use(b, edge[0]));
    if (!r->p->half_pixel)
        length = op2(r, KO_MAX, length, num(r, 1));
    const KLet *width = kb_let(b, "width", op2(r, KO_DIV, length, num(r, (double)out)));
    if (r->p->sampling_ratio > 0) {
        a.points = kb_let(b, "points", kb_int(b, i64, r->p->sampling_ratio));
    } else {
        KExpr *count = kb_cvt(b, i64, kb_un(b, KO_CEIL, kb_use(b, width)));
        a.points = kb_let(b, "points", kb_clamp(b, count, 0, ROI_POINTS));
    }
    KExpr *before = op2(r, KO_MUL, kb_cvt(b, r->type, kb_index(b, i64, o)), kb_use(b, width));
    a.start = kb_let(b, "start", op2(r, KO_ADD, kb_use(b, edge[0]), before));
    a.step = width;
    return a;
}

/* Where point i of an axis lies: the two pixels around it, their weights, and whether it counts. */
typedef struct Point {
    const KLet *at[2], *weight[2];
} Point;

static Point align_point(const Roi *r, const BinAxis *a, const KVar *i, int64_t extent)
{
    KBuilder *b = r->b;
    Point p;
    KExpr *along = op2(r, KO_ADD, kb_cvt(b, r->type, kb_index(b, i64, aff_var(i))), num(r, 0.5));
    along = op2(r, KO_MUL, along, kb_use(b, a->step));
    along = op2(r, KO_DIV, along, number_of(r, a->points));
    const KLet *x = kb_let(b, "at", op2(r, KO_ADD, kb_use(b, a->start), along));
    KExpr *inside = op2(r, KO_AND, kb_cmp(b, KO_GE, kb_use(b, x), num(r, -1)),
                        kb_cmp(b, KO_LE, kb_use(b, x), num(r, (double)extent)));
    KExpr *safe = op2(r, KO_MAX, kb_use(b, x), num(r, 0)); /* NaN becomes 0 */
    const KLet *near = kb_let(b, "near", op2(r, KO_MIN, safe, num(r, (double)(extent - 1))));
    p.at[0] = kb_let(b, "low", kb_cvt_fit(b, i64, kb_use(b, near)));
    KExpr *next = kb_bin(b, KO_ADD, kb_use(b, p.at[0]), kb_int(b, i64, 1));
    p.at[1] = kb_let(b, "high", kb_bin(b, KO_MIN, next, kb_int(b, i64, extent - 1)));
    const KLet *counts = kb_let(b, "counts", kb_select(b, inside, num(r, 1), num(r, 0)));
    KExpr *rest = op2(r, KO_SUB, kb_use(b, near), number_of(r, p.at[0]));
    p.weight[1] = kb_let(b, "weight", op2(r, KO_MUL, rest, kb_use(b, counts)));
    p.weight[0] = kb_let(b, "weight", op2(r, KO_SUB, kb_use(b, counts), kb_use(b, p.weight[1])));
    return p;
}

/* acc = acc + the interpolated value, or the greatest of acc and the weighted corners. */
static void align_channel(const Roi *r, int k, const KLet *const *at, const KLet *const *weight)
{
    KBuilder *b = r->b;
    KExpr *acc = kb_get1(b, r->acc, aff(k));
    for (int i = 0; i < 4; i++) {
        KExpr *v = op2(r, KO_MUL, kb_use(b, weight[i]), pixel(r, k, at[i]));
        acc = op2(r, r->p->max ? KO_MAX : KO_ADD, v, acc); /* MAX: NaN does not replace acc */
    }
    kb_set1(b, r->acc, aff(k), acc);
}

/* The sum over the points' number, or 0 where a region has none. */
static void align_finish(const Roi *r, const BinAxis *y, const BinAxis *x)
{
    KBuilder *b = r->b;
    KExpr *all = kb_bin(b, KO_MUL, kb_use(b, y->points), kb_use(b, x->points));
    const KLet *count = kb_let(b, "count", all);
    for (int k = 0; k < r->tile; k++) {
        KExpr *acc = kb_get1(b, r->acc, aff(k));
        if (r->p->max) {
            KExpr *some = kb_cmp(b, KO_GT, kb_use(b, count), kb_int(b, i64, 0));
            acc = kb_select(b, some, acc, num(r, 0));
        } else {
            KExpr *least = kb_bin(b, KO_MAX, kb_use(b, count), kb_int(b, i64, 1));
            acc = op2(r, KO_DIV, acc, kb_cvt(b, r->type, least));
        }
        kb_set1(b, r->acc, aff(k), acc);
    }
}

static void emit_align(Roi *r, const Bin *bin)
{
    KBuilder *b = r->b;
    Affine corner = aff_mul(bin->region, 4);
    BinAxis x = align_axis(r, corner, bin->ox, r->p->out_w);
    BinAxis y = align_axis(r, aff_addc(corner, 1), bin->oy, r->p->out_h);
    for (int k = 0; k < r->tile; k++)
        kb_set1(b, r->acc, aff(k), num(r, r->p->max ? -INFINITY : 0));
    int64_t most = r->p->sampling_ratio > 1 ? r->p->sampling_ratio : ROI_POINTS;
    Point py = align_point(r, &y, kb_for_below(b, "iy", most, y.points), r->h);
    Point px = align_point(r, &x, kb_for_below(b, "ix", most, x.points), r->w);
    const KLet *weight[4], *at[4];
    for (int i = 0; i < 4; i++) {
        at[i] = pixel_at(r, py.at[i / 2], px.at[i % 2]);
        weight[i] = kb_let(
            b, "w", op2(r, KO_MUL, kb_use(b, py.weight[i / 2]), kb_use(b, px.weight[i % 2])));
    }
    for (int k = 0; k < r->tile; k++)
        align_channel(r, k, at, weight);
    kb_end(b);
    kb_end(b);
    align_finish(r, &y, &x);
}

bool lower_roi_align(Lower *lw, const Node *n)
{
    Roi r = open_roi(lw, n, n->params.roi.max ? "roi_align_max" : "roi_align");
    r.batch = buf_value(r.b, "batch", n->in[2], K_READ);
    return emit_regions(lw, n, &r, "RoiAlign", 4, emit_align);
}

/* ---- MaxRoiPool ---- */

/* A number rounded half away from zero. */
static KExpr *rounded(const Roi *r, const KLet *x)
{
    KBuilder *b = r->b;
    KExpr *size = op2(r, KO_ADD, kb_un(b, KO_ABS, kb_use(b, x)), num(r, 0.5));
    const KLet *whole = kb_let(b, "whole", kb_un(b, KO_FLOOR, size));
    KExpr *negative = kb_cmp(b, KO_LT, kb_use(b, x), num(r, 0));
    return kb_select(b, negative, kb_un(b, KO_NEG, kb_use(b, whole)), kb_use(b, whole));
}

/* The first pixel of a bin and how many there are, inside of the image. */
typedef struct PoolAxis {
    const KLet *first, *count;
} PoolAxis;

static PoolAxis pool_axis(const Roi *r, Affine corner, Affine o, int64_t out, int64_t extent)
{
    KBuilder *b = r->b;
    const KLet *edge[2], *border[2];
    for (int i = 0; i < 2; i++) {
        KExpr *x = kb_load(b, r->rois, aff_addc(corner, i ? 2 : 0), 1);
        x = op2(r, KO_MUL, x, num(r, r->p->spatial_scale));
        edge[i] = kb_let(b, "edge", rounded(r, kb_let(b, "x", x)));
    }
    KExpr *length = op2(r, KO_SUB, kb_use(b, edge[1]), kb_use(b, edge[0]));
    length = op2(r, KO_MAX, op2(r, KO_ADD, length, num(r, 1)), num(r, 1));
    const KLet *width = kb_let(b, "width", op2(r, KO_DIV, length, num(r, (double)out)));
    for (int i = 0; i < 2; i++) {
        KExpr *at = kb_cvt(b, r->type, kb_index(b, i64, aff_addc(o, i)));
        at = op2(r, KO_MUL, at, kb_use(b, width));
        at = op2(r, KO_ADD, kb_un(b, i ? KO_CEIL : KO_FLOOR, at), kb_use(b, edge[0]));
        border[i] = kb_let(b, "border", kb_clamp(b, kb_cvt(b, i64, at), 0, extent));
    }
    KExpr *count = kb_bin(b, KO_SUB, kb_use(b, border[1]), kb_use(b, border[0]));
    return (PoolAxis){border[0], kb_let(b, "count", count)};
}

static const KLet *pool_pixel(const Roi *r, const PoolAxis *a, const KVar *i)
{
    KBuilder *b = r->b;
    return kb_let(b, "at", kb_bin(b, KO_ADD, kb_use(b, a->first), kb_index(b, i64, aff_var(i))));
}

static void emit_pool(Roi *r, const Bin *bin)
{
    KBuilder *b = r->b;
    Affine corner = aff_addc(aff_mul(bin->region, 5), 1);
    PoolAxis x = pool_axis(r, corner, bin->ox, r->p->out_w, r->w);
    PoolAxis y = pool_axis(r, aff_addc(corner, 1), bin->oy, r->p->out_h, r->h);
    KExpr *empty = op2(r, KO_OR, kb_cmp(b, KO_LE, kb_use(b, y.count), kb_int(b, i64, 0)),
                       kb_cmp(b, KO_LE, kb_use(b, x.count), kb_int(b, i64, 0)));
    const KLet *start = kb_let(b, "start", kb_select(b, empty, num(r, 0), num(r, -INFINITY)));
    for (int k = 0; k < r->tile; k++)
        kb_set1(b, r->acc, aff(k), kb_use(b, start));
    const KLet *iy = pool_pixel(r, &y, kb_for_below(b, "iy", r->h + 1, y.count));
    const KLet *ix = pool_pixel(r, &x, kb_for_below(b, "ix", r->w + 1, x.count));
    const KLet *at = pixel_at(r, iy, ix);
    for (int k = 0; k < r->tile; k++)
        kb_set1(b, r->acc, aff(k), op2(r, KO_MAX, pixel(r, k, at), kb_get1(b, r->acc, aff(k))));
    kb_end(b);
    kb_end(b);
}

bool lower_max_roi_pool(Lower *lw, const Node *n)
{
    Roi r = open_roi(lw, n, "max_roi_pool");
    return emit_regions(lw, n, &r, "MaxRoiPool", 5, emit_pool);
}
