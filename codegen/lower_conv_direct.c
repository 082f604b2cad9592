/* Direct convolution and transposed convolution: a register tile of pixels x vectors of output
 * channels, accumulated over the input channels and the kernel.
 *
 *     for the group, the tiles of output channels, the image, the row       (outermost: parallel)
 *       for the tiles of the row            (as many loops as there are kinds of tiles)
 *         for the tiles of output channels whose weights fit the cache together
 *           acc = bias
 *           for icb, kz, ky (rows outside the image are skipped by an if), kx, ic
 *             T vectors of weights, one splat a pixel, T FMAs a pixel
 *           epilogue and store
 *
 * Where ir/direct_cut.h says so the reduction is cut: chunks of the loop over icb go over all rows
 * of the image, a tile starts from the sums of the chunks before and leaves its own in the scratch,
 * and asks for its share of the next chunk's weights. The parts of the work share channel tiles.
 *
 * Columns outside the image are trimmed while the kernel is built: tiles whose taps meet the
 * border alike form one loop, and taps that are inside for the same pixels form one loop
 * (codegen/lower_conv_shape.c), so nothing is tested in the inner loops. The weights are walked
 * linearly in the order of ir/packing.h. Weights that are not constant are read where they lie,
 * with one lane. Input channels of the last block are counted: padding lanes are never read. */
#include "codegen/lower_conv.h"

#include "ir/direct_cut.h"

enum { MAX_VECTORS = 32, LINE_FLOATS = 16 };

typedef struct Direct {
    Lower *lw;
    KBuilder *b;
    const Node *node;
    ConvShape s;
    KBuf *x, *w, *bias, *y, *sums;
    Epilogue epilogue;
    int lanes, tile_m, tile_n;
    int64_t oc_blocks; /* vectors of output channels a group */
    int64_t oc_tiles;  /* register tiles of them */
    int64_t oc_inner;  /* of these, run for one tile of pixels while it is in the cache */
    int64_t block;     /* input channels of a full block */
    bool packed;
    /* strides of the input: image, group, block, channel, pixel */
    int64_t x_n, x_g, x_icb, x_ic, x_px;
    /* strides of the weights: group, tile, block, channel, vector */
    int64_t w_g, w_oct, w_icb, w_ic, w_t;
    Affine g, oct, n, q[MAX_SPATIAL]; /* the position of the tile */
    DirectCut cut;
    Affine part, chunk; /* of the work; of the reduction */
} Direct;

/* `rows` x `width` pixels from q[1], q[2] of d; `at` is the q[2] of the first tile of its run.
 * More than one row only where the tile is as wide as the image. */
typedef struct Tile {
    int64_t at;
    int rows, width;
    const KReg *acc; /* [row * width + column][vector] */
} Tile;

/* The part of a tile that one tap multiplies: some rows, and the columns inside the image. */
typedef struct Part {
    int first_row, last_row;
    int first, last;
} Part;

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

/* ---- set-up ---- */

static void input_strides(Direct *d)
{
    const ConvShape *s = &d->s;
    int64_t pixels = conv_in_numel(s);
    int block = d->node->in[0]->layout.block;
    if (block > 1) {
        d->block = block < s->icg ? block : s->icg;
        d->x_px = block;
        d->x_ic = 1;
        d->x_icb = pixels * block;
        d->x_g = s->icg / block * d->x_icb;
        d->x_n = ceil_div(s->ic, block) * d->x_icb;
    } else {
        d->block = s->icg;
        d->x_px = 1;
        d->x_ic = pixels;
        d->x_icb = 0;
        d->x_g = s->icg * pixels;
        d->x_n = s->ic * pixels;
    }
}

static void weight_strides(Direct *d)
{
    const ConvShape *s = &d->s;
    int64_t taps = conv_kernel_numel(s), tile = (int64_t)d->tile_n * d->lanes;
    if (d->packed) {
        d->w_oct = s->icg * taps * tile;
        d->w_g = d->oc_tiles * d->w_oct;
        d->w_icb = d->block * taps * tile;
        d->w_ic = tile;
        d->w_t = d->lanes;
        return;
    }
    bool transposed = d->node->op == OP_ConvTranspose; /* [IC][OCg][taps], not [OC][ICg][taps] */
    int64_t oc = transposed ? taps : s->icg * taps;
    d->w_ic = transposed ? s->ocg * taps : taps;
    d->w_t = oc;
    d->w_oct = d->tile_n * oc;
    d->w_icb = d->block * d->w_ic;
    d->w_g = s->icg * s->ocg * taps;
}

static bool set_up(Direct *d, Lower *lw, const Node *n)
{
    const Plan *plan = &n->plan;
    d->lw = lw;
    d->node = n;
    d->lanes = plan->lanes > 1 ? plan->lanes : 1;
    d->tile_m = plan->tile_m > 0 ? plan->tile_m : 1;
    d->tile_n = plan->tile_n > 0 ? plan->tile_n : 1;
    if (d->tile_n > MAX_VECTORS)
        return node_error(lw->graph, n, "internal error: a tile of %d vectors", d->tile_n);
    d->packed = plan->packed_weight != NULL;
    int out_block = n->out[0]->layout.block > 1 ? n->out[0]->layout.block : 1;
    int in_block = n->in[0]->layout.block > 1 ? n->in[0]->layout.block : 1;
    if (!d->packed) {
        if (d->lanes > 1)
            return node_unsupported(lw->graph, n, "vector kernel without packed weights");
        if (d->s.ocg % d->tile_n != 0)
            d->tile_n = 1;
    }
    int64_t whole = (int64_t)d->lanes * d->tile_n;
    bool split = d->s.group > 1 && ((d->lanes > 1 && d->s.ocg % whole != 0) ||
                                    (in_block > 1 && d->s.icg % in_block != 0));
    if (out_block != d->lanes || split)
        return node_error(lw->graph, n, "internal error: plan and layout do not fit");
    d->oc_blocks = ceil_div(d->s.ocg, d->lanes);
    d->oc_tiles = ceil_div(d->oc_blocks, d->tile_n);
    input_strides(d);
    weight_strides(d);
    return true;
}

static DirectCut uncut(const Direct *d)
{
    return (DirectCut){.chunks = 1, .blocks = d->block > 0 ? d->s.icg / d->block : 0, .parts = 1};
}

/* The plan has the scratch where the reduction is cut. An input that stayed plain has no blocks. */
static DirectCut cut_of(const Direct *d)
{
    const Plan *plan = &d->node->plan;
    DirectCut cut = uncut(d);
    if (plan->scratch_bytes == 0 || d->block != d->lanes)
        return cut;
    return direct_cut(d->node, kb_target(d->b), plan->tile_m, plan->tile_n, plan->parts);
}

static void open_buffers(Direct *d, Arg *args)
{
    const Node *n = d->node;
    const Value *bias = bias_operand(n);
    int n_args = 0;
    d->x = buf_value(d->b, "x", n->in[0], K_READ);
    args[n_args++] = arg_value(d->lw, n->in[0]);
    if (d->packed) {
        d->w = buf_tensor(d->b, "w", n->plan.packed_weight);
        args[n_args++] = arg_tensor(d->lw, n->plan.packed_weight);
    } else {
        d->w = buf_value(d->b, "w", n->in[1], K_READ);
        args[n_args++] = arg_value(d->lw, n->in[1]);
    }
    if (n->plan.packed_bias) {
        d->bias = kb_buf(d->b, "bias", KT_F32, shape_numel(&n->plan.packed_bias->shape), K_READ);
        args[n_args++] = arg_tensor(d->lw, n->plan.packed_bias);
    } else if (!d->packed && bias) {
        d->bias = buf_value(d->b, "bias", bias, K_READ);
        args[n_args++] = arg_value(d->lw, bias);
    }
    d->y = buf_value(d->b, "y", n->out[0], K_WRITE);
    args[n_args++] = arg_value(d->lw, n->out[0]);
    if (d->cut.chunks > 1) {
        d->sums = kb_buf(d->b, "sums", KT_F32, d->cut.sums * d->cut.parts, K_READ_WRITE);
        args[n_args++] = arg_scratch(n, 0);
    }
    epilogue_open(d->lw, d->b, n, &d->epilogue, args, &n_args);
}

/* ---- the tile ---- */

static bool is_cut(const Direct *d)
{
    return d->cut.chunks > 1;
}

/* Runs what follows in the last chunk only, up to the matching end. */
static void open_last_chunk(Direct *d)
{
    if (is_cut(d))
        kb_if(d->b, aff_addc(d->chunk, 1 - d->cut.chunks));
}

static void end_last_chunk(Direct *d)
{
    if (is_cut(d))
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
    if (is_cut(d))
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
    KLet *w[MAX_VECTORS];
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
    if (is_cut(d) && channels == d->block)
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

static bool has_operands(const Epilogue *e)
{
    for (int i = 0; i < MAX_EPILOGUE; i++)
        if (e->buf[i])
            return true;
    return false;
}

/* Applies the epilogue and stores what the output has of the tile. A last block that is not full
 * is told apart only where it matters: operands may lack its padding. */
static void close_tile(Direct *d, const Tile *t)
{
    KBuilder *b = d->b;
    int tail = (int)(d->s.ocg % d->lanes);
    bool apart = tail != 0 && has_operands(&d->epilogue);
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

static void build_tile(Direct *d, Tile *t)
{
    const ConvShape *s = &d->s;
    open_tile(d, t);
    bool taps = s->axis[0].taps > 0 && s->axis[1].taps > 0 && s->axis[2].taps > 0;
    int64_t full = s->icg / d->block, rest = s->icg % d->block;
    if (taps && full > 0)
        reduce_blocks(d, t, aff_mul(d->chunk, d->cut.blocks), d->cut.blocks, d->block);
    open_last_chunk(d);
    if (taps && rest > 0)
        reduce_blocks(d, t, aff(full), 1, rest);
    end_last_chunk(d);
    if (is_cut(d))
        store_sums(d, t);
    open_last_chunk(d);
    close_tile(d, t);
    end_last_chunk(d);
}

/* ---- the loops around ---- */

/* Opens the inner loop over channel tiles; those of the outer loop start at `outer`. */
static void open_inner(Direct *d, Affine outer, int *depth)
{
    Affine inner = conv_loop(d->b, "oc", d->oc_inner, KL_SERIAL, depth);
    d->oct = aff_add(aff_mul(outer, d->oc_inner), inner);
}

/* All tiles of the `rows` rows from q[0], q[1]; loops over tiles are of `kind`. */
static void build_row(Direct *d, int rows, Affine outer, KLoop kind)
{
    KBuilder *b = d->b;
    for (TileRun r = {0}; conv_next_run(&d->s.axis[2], d->tile_m, &r);) {
        int depth = 0;
        Tile t = {.at = r.q, .rows = rows, .width = r.width};
        d->q[2] = aff(r.q);
        if (r.tiles > 1) {
            d->q[2] = aff_var(kb_for(b, "ox", r.q, r.q + r.tiles * r.width, r.width, kind));
            depth++;
        }
        open_inner(d, outer, &depth);
        build_tile(d, &t);
        conv_end(b, depth);
    }
}

/* Rows a tile: more than one where several whole rows fit. */
static int tile_rows(const Direct *d)
{
    const ConvAxis *rows = &d->s.axis[1], *columns = &d->s.axis[2];
    int64_t fit = d->tile_m / columns->count;
    if (fit > rows->count)
        fit = rows->count;
    return fit > 1 ? (int)fit : 1;
}

/* All rows of the planes; the first loop that is opened is of `kind`. */
static void build_rows(Direct *d, Affine outer, KLoop kind)
{
    KBuilder *b = d->b;
    int depth = 0, rows = tile_rows(d);
    int64_t count = d->s.axis[1].count, whole = count / rows;
    d->q[0] = conv_loop(b, "oz", d->s.axis[0].count, kind, &depth);
    int planes = depth;
    d->q[1] = aff_mul(conv_loop(b, "oy", whole, depth ? KL_SERIAL : kind, &depth), rows);
    build_row(d, rows, outer, depth ? KL_SERIAL : kind);
    conv_end(b, depth - planes);
    if (count % rows != 0) {
        d->q[1] = aff(whole * rows);
        build_row(d, (int)(count % rows), outer, planes ? KL_SERIAL : kind);
    }
    conv_end(b, planes);
}

/* How many channel tiles run for a tile of pixels: as many as have their weights in half of the
 * second cache, so that the image is read once for all of them. */
static int64_t inner_tiles(const Direct *d)
{
    const ConvShape *s = &d->s;
    int64_t bytes = 4 * s->icg * conv_kernel_numel(s) * d->tile_n * d->lanes;
    int64_t most = kb_target(d->b)->l2_bytes / 2 / bytes, tiles = 1;
    for (int64_t i = 2; i <= most && i <= d->oc_tiles; i++)
        if (d->oc_tiles % i == 0)
            tiles = i;
    return tiles;
}

/* The parts compute output channels of their own, chunk by chunk. */
static void build_cut(Direct *d)
{
    KBuilder *b = d->b;
    int depth = 0;
    d->g = aff(0);
    d->part = conv_loop(b, "share", d->cut.parts, KL_PARALLEL, &depth);
    Affine oct = conv_turn_loop(b, "oct", d->oc_tiles, d->cut.parts, d->part, &depth);
    d->n = conv_loop(b, "n", d->s.batch, KL_SERIAL, &depth);
    d->chunk = conv_loop(b, "chunk", d->cut.chunks, KL_SERIAL, &depth);
    build_rows(d, oct, KL_SERIAL);
    conv_end(b, depth);
}

static void build_conv(Direct *d)
{
    KBuilder *b = d->b;
    int depth = 0;
    d->g = conv_loop(b, "g", d->s.group, KL_PARALLEL, &depth);
    Affine outer =
        conv_loop(b, "oct", d->oc_tiles / d->oc_inner, depth ? KL_SERIAL : KL_PARALLEL, &depth);
    d->n = conv_loop(b, "n", d->s.batch, depth ? KL_SERIAL : KL_PARALLEL, &depth);
    build_rows(d, outer, depth ? KL_SERIAL : KL_PARALLEL);
    conv_end(b, depth);
}

/* One phase of the output positions. */
static void build_phase(Direct *d, Affine outer, const int64_t phase[MAX_SPATIAL])
{
    d->s = conv_transpose_shape(d->node, phase);
    for (int i = 0; i < MAX_SPATIAL; i++)
        if (d->s.axis[i].count == 0)
            return;
    build_rows(d, outer, KL_SERIAL);
}

static void build_transpose(Direct *d)
{
    KBuilder *b = d->b;
    int depth = 0;
    int64_t stride[MAX_SPATIAL], p[MAX_SPATIAL];
    conv_strides(d->node, stride);
    d->g = conv_loop(b, "g", d->s.group, KL_PARALLEL, &depth);
    Affine outer =
        conv_loop(b, "oct", d->oc_tiles / d->oc_inner, depth ? KL_SERIAL : KL_PARALLEL, &depth);
    d->n = conv_loop(b, "n", d->s.batch, depth ? KL_SERIAL : KL_PARALLEL, &depth);
    for (p[0] = 0; p[0] < stride[0]; p[0]++)
        for (p[1] = 0; p[1] < stride[1]; p[1]++)
            for (p[2] = 0; p[2] < stride[2]; p[2]++)
                build_phase(d, outer, p);
    conv_end(b, depth);
}

bool lower_conv_direct(Lower *lw, const Node *n)
{
    Direct d = {.s = conv_shape(n)};
    conv_flatten(n, &d.s);
    if (!set_up(&d, lw, n))
        return false;
    Arg args[MAX_KERNEL_BUFFERS];
    d.b = kb_new(lw->arena, lw->program->target, conv_kernel_name(lw->arena, n, "conv"));
    d.cut = cut_of(&d);
    open_buffers(&d, args);
    d.oc_inner = is_cut(&d) ? 1 : inner_tiles(&d);
    if (is_cut(&d))
        build_cut(&d);
    else
        build_conv(&d);
    const char *note = arena_printf(lw->arena, "direct, %d pixels x %d vectors of %d", d.tile_m,
                                    d.tile_n, d.lanes);
    if (is_cut(&d))
        note =
            arena_printf(lw->arena, "%s, reduction in %lld chunks", note, (long long)d.cut.chunks);
    return lower_emit(lw, n, d.b, note, args);
}

enum { MAX_PHASES = 1024 };

bool lower_conv_transpose(Lower *lw, const Node *n)
{
    int64_t stride[MAX_SPATIAL], phase[MAX_SPATIAL] = {0}, phases = 1;
    conv_strides(n, stride);
    for (int i = 0; i < MAX_SPATIAL; i++) {
        if (stride[i] > MAX_PHASES / phases)
            return node_unsupported(lw->graph, n, "strides whose product exceeds %d", MAX_PHASES);
        phases *= stride[i];
    }
    Direct d = {.s = conv_transpose_shape(n, phase)};
    if (!set_up(&d, lw, n))
        return false;
    d.cut = uncut(&d);
    Arg args[MAX_KERNEL_BUFFERS];
    d.b = kb_new(lw->arena, lw->program->target, conv_kernel_name(lw->arena, n, "deconv"));
    open_buffers(&d, args);
    d.oc_inner = inner_tiles(&d);
    build_transpose(&d);
    const char *note = arena_printf(lw->arena, "direct, %lld phases, %d pixels x %d vectors of %d",
                                    (long long)phases, d.tile_m, d.tile_n, d.lanes);
    return lower_emit(lw, n, d.b, note, args);
}
