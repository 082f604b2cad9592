/* Depthwise convolution: one filter a channel, a vector of channels at a time.
 *
 *     for the block of channels, the image, the row                         (outermost: parallel)
 *       for the tiles of the row
 *         acc = bias
 *         for kz, ky (rows outside the image are skipped by an if)
 *           the weights of the row, each input vector once, an FMA a tap and pixel
 *         epilogue and store
 *
 * An input vector serves every pixel of the tile that has a tap there, so that a 3x3 kernel loads
 * m + 2 vectors a row for m pixels. Taps outside the image are not built. Kernels that are wide
 * loop over their taps instead. */
#include "codegen/lower_conv.h"

enum { UNROLLED_TAPS = 11 };

typedef struct Depthwise {
    Lower *lw;
    KBuilder *b;
    const Node *node;
    ConvShape s;
    KBuf *x, *w, *bias, *y;
    Epilogue epilogue;
    int lanes, tile_m;
    int64_t blocks;
    Affine block, n, q[MAX_SPATIAL];
    int64_t tile_at; /* first tile of the run that is built */
    int width;
    const KReg *acc;
} Depthwise;

static void open_tile(Depthwise *d)
{
    KBuilder *b = d->b;
    d->acc = kb_reg(b, "acc", KTYPE(KT_F32, d->lanes), 1, d->width, 1);
    const KLet *bias = NULL;
    if (d->bias)
        bias = kb_let(b, "bias_v", kb_load(b, d->bias, aff_mul(d->block, d->lanes), d->lanes));
    for (int p = 0; p < d->width; p++)
        kb_set1(b, d->acc, aff(p), bias ? kb_use(b, bias) : kb_f32(b, 0.0, d->lanes));
}

static void add_product(Depthwise *d, int pixel, KExpr *x, KExpr *w)
{
    kb_set1(d->b, d->acc, aff(pixel), kb_fma(d->b, x, w, kb_get1(d->b, d->acc, aff(pixel))));
}

/* Whether pixel p of the tile reads input column c (relative to column 0 of tap 0, pixel 0) with
 * some tap, inside the image. */
static int64_t tap_at(const Depthwise *d, int p, int64_t c)
{
    const ConvAxis *a = &d->s.axis[2];
    int64_t ix = a->in_step * d->tile_at + a->off + c, rel = c - a->in_step * p;
    if (rel < 0 || rel % a->off_step != 0 || rel / a->off_step >= a->taps)
        return -1;
    return ix >= 0 && ix < a->in ? rel / a->off_step : -1;
}

/* One kernel row, every tap written out; `row` is input column 0, `w_at` the row's weights. */
static void unrolled_row(Depthwise *d, Affine row, Affine w_at)
{
    KBuilder *b = d->b;
    const ConvAxis *a = &d->s.axis[2];
    const KLet *w[UNROLLED_TAPS];
    for (int64_t j = 0; j < a->taps; j++) {
        Affine at = aff_addc(w_at, j * d->lanes);
        w[j] = kb_let(b, arena_printf(d->lw->arena, "w%lld", (long long)j),
                      kb_load(b, d->w, at, d->lanes));
    }
    int64_t columns = (d->width - 1) * a->in_step + (a->taps - 1) * a->off_step + 1;
    for (int64_t c = 0; c < columns; c++) {
        const KLet *x = NULL;
        for (int p = 0; p < d->width; p++) {
            int64_t j = tap_at(d, p, c);
            if (j < 0)
                continue;
            if (x == NULL) {
                Affine ix = aff_addc(aff_mul(d->q[2], a->in_step), a->off + c);
                Affine at = aff_add(row, aff_mul(ix, d->lanes));
                x = kb_let(b, arena_printf(d->lw->arena, "x%lld", (long long)c),
                           kb_load(b, d->x, at, d->lanes));
            }
            add_product(d, p, kb_use(b, x), kb_use(b, w[j]));
        }
    }
}

/* One kernel row, a loop over the taps that are inside for the same pixels. */
static void looped_row(Depthwise *d, Affine row, Affine w_at)
{
    KBuilder *b = d->b;
    const ConvAxis *a = &d->s.axis[2];
    for (TapRun r = {0}; conv_next_taps(a, d->tile_at, d->width, &r);) {
        int depth = 0;
        Affine j = aff_addc(conv_loop(b, "kx", r.taps, KL_SERIAL, &depth), r.j);
        Affine at = aff_add(w_at, aff_mul(j, d->lanes));
        const KLet *w = kb_let(b, "w0", kb_load(b, d->w, at, d->lanes));
        for (int p = r.first; p < r.last; p++) {
            Affine ix = conv_in_at(a, d->q[2], p, j);
            Affine x_at = aff_add(row, aff_mul(ix, d->lanes));
            add_product(d, p, kb_load(b, d->x, x_at, d->lanes), kb_use(b, w));
        }
        conv_end(b, depth);
    }
}

static Affine open_taps(Depthwise *d, int i, const char *name, Affine *at, int *depth)
{
    const ConvAxis *a = &d->s.axis[i];
    Affine j = conv_loop(d->b, name, a->taps, KL_SERIAL, depth);
    *at = conv_in_at(a, d->q[i], 0, j);
    kb_if(d->b, *at);
    kb_if(d->b, aff_sub(aff(a->in - 1), *at));
    *depth += 2;
    return j;
}

static void build_tile(Depthwise *d)
{
    KBuilder *b = d->b;
    const ConvShape *s = &d->s;
    int depth = 0;
    Affine iz, iy;
    open_tile(d);
    Affine kz = open_taps(d, 0, "kz", &iz, &depth);
    Affine ky = open_taps(d, 1, "ky", &iy, &depth);
    /* x is [n][block][iz][iy][ix], w is [block][kz][ky][kx], both of vectors */
    Affine plane = aff_add(aff_mul(d->n, d->blocks), d->block);
    Affine row = aff_add(aff_mul(plane, s->axis[0].in), iz);
    row = aff_add(aff_mul(row, s->axis[1].in), iy);
    row = aff_mul(row, s->axis[2].in * d->lanes);
    Affine w_at = aff_add(aff_mul(d->block, s->axis[0].kernel), kz);
    w_at = aff_add(aff_mul(w_at, s->axis[1].kernel), ky);
    w_at = aff_mul(w_at, s->axis[2].kernel * d->lanes);
    if (s->axis[2].taps <= UNROLLED_TAPS)
        unrolled_row(d, row, w_at);
    else
        looped_row(d, row, w_at);
    conv_end(b, depth);
}

/* Stores the tile; `active` lanes are channels. */
static void store_pixels(Depthwise *d, int active)
{
    for (int p = 0; p < d->width; p++) {
        Affine q[3] = {d->q[0], d->q[1], aff_addc(d->q[2], p)};
        Coord at = conv_coord(d->node, &d->s, d->n, d->block, q, d->lanes);
        at.active = active;
        epilogue_store(d->lw, d->b, &d->epilogue, d->y, kb_get1(d->b, d->acc, aff(p)), &at);
    }
}

/* A last block that is not full is told apart where operands may lack its padding. */
static void close_tile(Depthwise *d)
{
    int tail = (int)(d->s.oc % d->lanes);
    bool operands = false;
    for (int i = 0; i < MAX_EPILOGUE; i++)
        operands = operands || d->epilogue.buf[i];
    if (tail == 0 || !operands) {
        store_pixels(d, d->lanes);
        return;
    }
    if (d->blocks > 1) {
        kb_if(d->b, aff_sub(aff(d->blocks - 2), d->block));
        store_pixels(d, d->lanes);
        kb_end(d->b);
    }
    kb_if(d->b, aff_addc(d->block, 1 - d->blocks));
    store_pixels(d, tail);
    kb_end(d->b);
}

static void build(Depthwise *d)
{
    KBuilder *b = d->b;
    int depth = 0;
    d->block = conv_loop(b, "c", d->blocks, KL_PARALLEL, &depth);
    d->n = conv_loop(b, "n", d->s.batch, depth ? KL_SERIAL : KL_PARALLEL, &depth);
    d->q[0] = conv_loop(b, "oz", d->s.axis[0].count, depth ? KL_SERIAL : KL_PARALLEL, &depth);
    d->q[1] = conv_loop(b, "oy", d->s.axis[1].count, depth ? KL_SERIAL : KL_PARALLEL, &depth);
    for (TileRun r = {0}; conv_next_run(&d->s.axis[2], d->tile_m, &r);) {
        d->tile_at = r.q;
        d->width = r.width;
        d->q[2] = aff(r.q);
        if (r.tiles > 1)
            d->q[2] = aff_var(kb_for(b, "ox", r.q, r.q + r.tiles * r.width, r.width, KL_SERIAL));
        build_tile(d);
        close_tile(d);
        conv_end(b, r.tiles > 1);
    }
    conv_end(b, depth);
}

bool lower_conv_depthwise(Lower *lw, const Node *n)
{
    const Plan *plan = &n->plan;
    Depthwise d = {.lw = lw, .node = n, .s = conv_shape(n)};
    int in_block = n->in[0]->layout.block > 1 ? n->in[0]->layout.block : 1;
    int out_block = n->out[0]->layout.block > 1 ? n->out[0]->layout.block : 1;
    d.lanes = plan->lanes > 1 ? plan->lanes : 1;
    d.tile_m = plan->tile_m > 0 ? plan->tile_m : 1;
    d.blocks = ceil_div(d.s.oc, d.lanes);
    if (in_block != d.lanes || out_block != d.lanes || d.s.icg != 1 || d.s.ocg != 1 ||
        plan->packed_weight == NULL)
        return node_error(lw->graph, n, "internal error: plan and layout do not fit");
    Arg args[MAX_KERNEL_BUFFERS];
    int n_args = 0;
    KBuilder *b = kb_new(lw->arena, lw->program->target, conv_kernel_name(lw->arena, n, "dwconv"));
    d.b = b;
    d.x = buf_value(b, "x", n->in[0], K_READ);
    args[n_args++] = arg_value(lw, n->in[0]);
    d.w = buf_tensor(b, "w", plan->packed_weight);
    args[n_args++] = arg_tensor(lw, plan->packed_weight);
    if (plan->packed_bias) {
        d.bias = kb_buf(b, "bias", KT_F32, shape_numel(&plan->packed_bias->shape), K_READ);
        args[n_args++] = arg_tensor(lw, plan->packed_bias);
    }
    d.y = buf_value(b, "y", n->out[0], K_WRITE);
    args[n_args++] = arg_value(lw, n->out[0]);
    epilogue_open(lw, b, n, &d.epilogue, args, &n_args);
    build(&d);
    return lower_emit(
        lw, n, b, arena_printf(lw->arena, "depthwise, %d pixels x vector of %d", d.tile_m, d.lanes),
        args);
}
