/* The register tile of the direct convolution: pixels x vectors of output channels.
 *
 *     acc = bias, or the sums of the chunks before
 *     for icb, kz, ky (rows outside the image are skipped by an if), kx, ic
 *       T vectors of weights, one splat a pixel, T FMAs a pixel
 *     epilogue and store, or the sums for the next chunk
 *
 * Columns outside the image are trimmed while the kernel is built: taps that are inside for the
 * same pixels form one loop (codegen/lower_conv_shape.c), so nothing is tested in the inner loops.
 * The weights are walked linearly in the order of ir/packing.h. Input channels of the last block
 * are counted: padding lanes are never read. */
#include "codegen/direct.h"

enum { LINE_FLOATS = 16 };

/* The part of a tile that one tap multiplies: some rows, and the columns inside the image. */
typedef struct Part {
    int first_row, last_row;
    int first, last;
} Part;

/* Runs what follows in the last chunk only, up to the matching end. */
static void open_last_chunk(Direct *d)
{
    if (direct_is_cut(d))
        kb_if(d->b, aff_addc(d->chunk, 1 - d->cut.chunks));
}

static void end_last_chunk(Direct *d)
{
    if (direct_is_cut(d))
        kb_end(d->b);
}

/* Where the sums of pixel p of the tile, vector v, wait for the next chunk. */
static Affine sums_at(const Direct *d, const Tile *t, int p, int v)
{
    const ConvAxis *y = &d->s.axis[1], *x = &d->s.axis[2];
    Affine row = aff_add(aff_mul(d->q[0], y->count), aff_addc(d->q[1], p / t->width));
    Affine pixel = aff_add(aff_mul(row, x->count), aff_addc(d->q[2], p % t->width));
    Affine at = aff_addc(aff_mul(pixel, d->tile_n), v);
    return aff_add(aff_mul(d->part, d->cut.sums), aff_mul(at, d->lanes));
}

/* acc = the sums of the chunks before this one. */
static void load_sums(Direct *d, const Tile *t)
{
    KBuilder *b = d->b;
    kb_if(b, aff_addc(d->chunk, -1));
    for (int v = 0; v < d->tile_n; v++)
        for (int p = 0; p < t->rows * t->width; p++)
            kb_set2(b, t->acc, aff(p), aff(v), kb_load(b, d->sums, sums_at(d, t, p, v), d->lanes));
    kb_end(b);
}

static void store_sums(Direct *d, const Tile *t)
{
    KBuilder *b = d->b;
    kb_if(b, aff_sub(aff(d->cut.chunks - 2), d->chunk));
    for (int v = 0; v < d->tile_n; v++)
        for (int p = 0; p < t->rows * t->width; p++)
            kb_store(b, d->sums, sums_at(d, t, p, v), kb_get2(b, t->acc, aff(p), aff(v)));
    kb_end(b);
}

/* Asks for the tile's share of the next chunk's weights: a chunk behind `at`, which is where those
 * of one kernel row in one block of channels are. */
static void prefetch_chunk(Direct *d, const Tile *t, Affine at)
{
    const ConvAxis *y = &d->s.axis[1], *x = &d->s.axis[2];
    int64_t row = d->w_icb / (d->s.axis[0].kernel * y->kernel); /* floats of a kernel row */
    int64_t share = ceil_div(row, d->s.axis[0].count * y->count * x->count); /* of a pixel */
    int64_t lines = ceil_div((int64_t)t->rows * t->width * share, LINE_FLOATS);
    Affine pixel = aff_add(aff_mul(d->q[0], y->count), d->q[1]);
    pixel = aff_add(aff_mul(pixel, x->count), d->q[2]);
    at = aff_addc(aff_add(at, aff_mul(pixel, share)), d->cut.blocks * d->w_icb);
    int depth = 0;
    Affine i = conv_loop(d->b, "line", lines, KL_SERIAL, &depth);
    kb_prefetch(d->b, d->w, aff_add(at, aff_mul(i, LINE_FLOATS)), 2);
    conv_end(d->b, depth);
}

/* acc = bias. */
static void open_tile(Direct *d, Tile *t)
{
    KBuilder *b = d->b;
    int pixels = t->rows * t->width;
    t->acc = kb_reg(b, "acc", value_type(d->node->out[0], d->lanes), 2, pixels, d->tile_n);
    for (int v = 0; v < d->tile_n; v++) {
        const KLet *bias = NULL;
        if (d->bias) {
            int64_t tile = (int64_t)d->tile_n * d->lanes;
            Affine at = aff_mul(d->oct, tile);
            at = aff_add(at, aff_mul(d->g, d->packed ? d->oc_tiles * tile : d->s.ocg));
            at = aff_addc(at, (int64_t)v * d->lanes);
            bias = kb_let(b, "bias_v", kb_load(b, d->bias, at, d->lanes));
        }
        for (int p = 0; p < pixels; p++)
            kb_set2(b, t->acc, aff(p), aff(v),
                    bias ? kb_use(b, bias) : kb_const(b, t->acc->type, 0));
    }
    if (direct_is_cut(d))
        load_sums(d, t);
}

/* acc of pixel p += x * weights. */
static void multiply_pixel(Direct *d, const Tile *t, int p, KExpr *x, KLet *const *w)
{
    KBuilder *b = d->b;
    const KLet *named = NULL;
    if (d->tile_n > 1)
        named = kb_let(b, arena_printf(d->lw->arena, "x%d", p), x);
    for (int v = 0; v < d->tile_n; v++) {
        KExpr *acc = kb_get2(b, t->acc, aff(p), aff(v));
        kb_set2(b, t->acc, aff(p), aff(v),
                kb_fma(b, named ? kb_use(b, named) : x, kb_use(b, w[v]), acc));
    }
}

/* One input channel at one tap: `x_at` is the element of the tile's pixel 0 (in row 0), `w_at`
 * that of vector 0. */
static void multiply(Direct *d, const Tile *t, const Part *part, Affine x_at, Affine w_at)
{
    KBuilder *b = d->b;
    const ConvAxis *rows = &d->s.axis[1], *columns = &d->s.axis[2];
    KLet *w[DIRECT_MAX_VECTORS];
    for (int v = 0; v < d->tile_n; v++) {
        Affine at = aff_addc(w_at, v * d->w_t);
        w[v] = kb_let(b, arena_printf(d->lw->arena, "w%d", v), kb_load(b, d->w, at, d->lanes));
    }
    for (int r = part->first_row; r < part->last_row; r++)
        for (int c = part->first; c < part->last; c++) {
            int64_t pixel = r * rows->in_step * columns->in + c * columns->in_step;
            KExpr *x = kb_load(b, d->x, aff_addc(x_at, pixel * d->x_px), 1);
            multiply_pixel(d, t, r * t->width + c, kb_splat(b, x, d->lanes), w);
        }
}

/* Kernel element of tap j as a number of elements of the kernel's row-major form. */
static Affine tap_element(const ConvShape *s, const Affine j[3])
{
    Affine k = aff(0);
    for (int i = 0; i < MAX_SPATIAL; i++) {
        const ConvAxis *a = &s->axis[i];
        k = aff_add(aff_mul(k, a->kernel), aff_addc(aff_mul(j[i], a->tap_step), a->tap));
    }
    return k;
}

/* The taps of one kernel row for rows first..last of the tile, over `channels` input channels.
 * `x_row` is where the input row of the tile's row 0 starts. */
static void row_of_taps(Direct *d, const Tile *t, Part part, Affine j[3], Affine x_row,
                        Affine w_block, int64_t channels)
{
    KBuilder *b = d->b;
    int64_t w_tap = d->packed ? channels * d->tile_n * d->lanes : 1;
    for (TapRun r = {0}; conv_next_taps(&d->s.axis[2], t->at, t->width, &r);) {
        int depth = 0;
        j[2] = aff_addc(conv_loop(b, "kx", r.taps, KL_SERIAL, &depth), r.j);
        Affine ic = conv_loop(b, "ic", channels, KL_SERIAL, &depth);
        Affine ix = conv_in_at(&d->s.axis[2], d->q[2], 0, j[2]);
        Affine x_at = aff_add(x_row, aff_add(aff_mul(ix, d->x_px), aff_mul(ic, d->x_ic)));
        Affine w_at = aff_add(w_block, aff_mul(tap_element(&d->s, j), w_tap));
        part.first = r.first;
        part.last = r.last;
        multiply(d, t, &part, x_at, aff_add(w_at, aff_mul(ic, d->w_ic)));
        conv_end(b, depth);
    }
}

/* Opens the ifs that hold when `at` is inside axis i of the input. */
static void open_inside(Direct *d, int i, Affine at, int *depth)
{
    kb_if(d->b, at);
    kb_if(d->b, aff_sub(aff(d->s.axis[i].in - 1), at));
    *depth += 2;
}

static bool always_inside(const ConvAxis *a, Affine first, Affine last)
{
    int64_t lo, hi, unused;
    aff_range(&first, &lo, &unused);
    aff_range(&last, &unused, &hi);
    return lo >= 0 && hi < a->in;
}

/* Where the weights of the kernel row of taps j[0], j[1] begin. */
static Affine kernel_row_weights(const Direct *d, Affine w_block, const Affine j[3],
                                 int64_t channels)
{
    const Affine first[3] = {j[0], j[1], aff(0)};
    Affine tap = tap_element(&d->s, first);
    return aff_add(w_block, aff_mul(tap, channels * d->tile_n * d->lanes));
}

/* One kernel row: the rows of the tile together where all are inside the image, otherwise each
 * under its own ifs. */
static void kernel_row(Direct *d, const Tile *t, Affine j[3], Affine x_plane, Affine w_block,
                       int64_t channels)
{
    const ConvAxis *rows = &d->s.axis[1];
    Affine iy = conv_in_at(rows, d->q[1], 0, j[1]);
    Affine last = conv_in_at(rows, d->q[1], t->rows - 1, j[1]);
    Affine x_row = aff_add(x_plane, aff_mul(iy, d->s.axis[2].in * d->x_px));
    if (always_inside(rows, iy, last)) {
        row_of_taps(d, t, (Part){.last_row = t->rows}, j, x_row, w_block, channels);
        return;
    }
    for (int r = 0; r < t->rows; r++) {
        int depth = 0;
        open_inside(d, 1, conv_in_at(rows, d->q[1], r, j[1]), &depth);
        row_of_taps(d, t, (Part){.first_row = r, .last_row = r + 1}, j, x_row, w_block, channels);
        conv_end(d->b, depth);
    }
}

/* Blocks first..first + blocks of `channels` input channels each. */
static void reduce_blocks(Direct *d, const Tile *t, Affine first, int64_t blocks, int64_t channels)
{
    KBuilder *b = d->b;
    const ConvShape *s = &d->s;
    int depth = 0;
    Affine j[3];
    Affine icb = aff_add(conv_loop(b, "icb", blocks, KL_SERIAL, &depth), first);
    j[0] = conv_loop(b, "kz", s->axis[0].taps, KL_SERIAL, &depth);
    Affine iz = conv_in_at(&s->axis[0], d->q[0], 0, j[0]);
    open_inside(d, 0, iz, &depth);
    j[1] = conv_loop(b, "ky", s->axis[1].taps, KL_SERIAL, &depth);
    Affine x_plane = aff_mul(iz, s->axis[1].in * s->axis[2].in * d->x_px);
    x_plane = aff_add(x_plane, aff_add(aff_mul(d->n, d->x_n), aff_mul(d->g, d->x_g)));
    x_plane = aff_add(x_plane, aff_mul(icb, d->x_icb));
    Affine w_block = aff_add(aff_mul(d->g, d->w_g), aff_mul(d->oct, d->w_oct));
    w_block = aff_add(w_block, aff_mul(icb, d->w_icb));
    if (direct_is_cut(d) && channels == d->block)
        prefetch_chunk(d, t, kernel_row_weights(d, w_block, j, channels));
    kernel_row(d, t, j, x_plane, w_block, channels);
    conv_end(b, depth);
}

/* Stores vector v of every pixel; `active` lanes of it are channels. */
static void store_vector(Direct *d, const Tile *t, int v, Affine block, int active)
{
    KBuilder *b = d->b;
    for (int p = 0; p < t->rows * t->width; p++) {
        Affine q[3] = {d->q[0], aff_addc(d->q[1], p / t->width), aff_addc(d->q[2], p % t->width)};
        Coord at = conv_coord(d->node, &d->s, d->n, block, q, d->lanes);
        at.active = active;
        epilogue_store(d->lw, b, &d->epilogue, d->y, kb_get2(b, t->acc, aff(p), aff(v)), &at);
    }
}

/* Applies the epilogue and stores what the output has of the tile. A last block that is not full
 * is told apart only where it matters: operands may lack its padding. */
static void close_tile(Direct *d, const Tile *t)
{
    KBuilder *b = d->b;
    int tail = (int)(d->s.ocg % d->lanes);
    bool apart = tail != 0 && epilogue_has_operands(&d->epilogue);
    for (int v = 0; v < d->tile_n; v++) {
        Affine in_group = aff_addc(aff_mul(d->oct, d->tile_n), v);
        Affine block = aff_add(aff_mul(d->g, d->oc_blocks), in_group);
        int64_t lo, hi, last = d->oc_blocks - 1;
        aff_range(&in_group, &lo, &hi);
        if (lo > last)
            continue;
        if (!apart || hi < last) {
            kb_if(b, aff_sub(aff(last), in_group));
            store_vector(d, t, v, block, d->lanes);
            kb_end(b);
            continue;
        }
        if (lo < last) {
            kb_if(b, aff_sub(aff(last - 1), in_group));
            store_vector(d, t, v, block, d->lanes);
            kb_end(b);
        }
        kb_if(b, aff_addc(in_group, -last));
        kb_if(b, aff_sub(aff(last), in_group));
        store_vector(d, t, v, block, tail);
        kb_end(b);
        kb_end(b);
    }
}

void direct_tile(Direct *d, Tile *t)
{
    const ConvShape *s = &d->s;
    open_tile(d, t);
    bool taps = s->axis[0].taps > 0 && s->axis[1].taps > 0 && s->axis[2].taps > 0;
    int64_t full = s->icg / d->block, rest = s->icg % d->block;
    if (taps && full > 0)
        reduce_blocks(d, t, aff_mul(d->chunk, d->cut.blocks), d->cut.blocks, d->block);
    if (taps && rest > 0) {
        open_last_chunk(d);
        reduce_blocks(d, t, aff(full), 1, rest);
        end_last_chunk(d);
    }
    if (direct_is_cut(d))
        store_sums(d, t);
    open_last_chunk(d);
    close_tile(d, t);
    end_last_chunk(d);
}
