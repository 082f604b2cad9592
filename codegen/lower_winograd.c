/* Winograd convolution F(m, 3): 3x3, stride 1, as products in a transformed space. An output tile
 * of m x m pixels costs t x t products a channel pair, t = m + 2, instead of 9 m m: 2.25 times
 * fewer for m = 2, 4 times for m = 4, 5 times for m = 6.
 *
 *     for the parts of the work, the image, the bands of tile rows
 *       V = B^T d B of every tile and channel              scratch [t t][channel block][tile][L]
 *       for the tiles of output channels
 *         for the t t points: M = V * U                    scratch [t t][T][tile][L]
 *           (chunks of channel blocks, whose U stays in the first cache, go over all tiles)
 *         y = A^T M A + bias, epilogue, store
 *
 * Where several parts share one band, the first step is a loop of its own over channel blocks.
 * WinogradCut of ir/packing.h decides.
 *
 * U = G g G^T comes packed (ir/packing.h). Pixels outside the image are zeros that are not loaded:
 * columns are decided while the kernel is built, rows by an if. Transforms (their matrices are in
 * ir/winograd.h) run on vectors of channels, one dimension after the other. */
#include "codegen/lower_conv.h"

#include "ir/packing.h"
#include "ir/winograd.h"

enum { MAX_T = WINOGRAD_MAX_T, MAX_VECTORS = 32, LINE_FLOATS = 16 };

typedef struct Winograd {
    Lower *lw;
    KBuilder *b;
    const Node *node;
    const WinogradForm *form;
    ConvShape s;
    KBuf *x, *w, *bias, *v, *m, *y;
    Epilogue epilogue;
    int lanes, tile_m, tile_n;
    int64_t ic_blocks, oc_blocks, oc_tiles;
    WinogradCut cut;
    int64_t chunks, chunk_blocks; /* of channel blocks, whose weights stay in the first cache */
    Affine part;                  /* of the work */
    Affine n, row0, oct;          /* image, first tile row of the band, tile of output channels */
} Winograd;

/* One operand of a transform: a value, an element of a register, or zero. */
typedef struct Term {
    const KLet *let;
    const KReg *reg;
    int i, j;
} Term;

static KExpr *term(KBuilder *b, const Term *t)
{
    return t->let ? kb_use(b, t->let) : kb_get2(b, t->reg, aff(t->i), aff(t->j));
}

static bool is_zero(const Term *t)
{
    return t->let == NULL && t->reg == NULL;
}

/* sum of coefficient[k] * terms[k] over k = first, first + step, …; NULL when nothing is left. A
 * term with coefficient 1 comes first, so that every product is part of a fused multiply-add. */
static KExpr *combine(KBuilder *b, const double *coefficient, const Term *terms, int n, int first,
                      int step)
{
    int start = -1;
    for (int k = first; k < n; k += step)
        if (coefficient[k] != 0.0 && !is_zero(&terms[k]) &&
            (start < 0 || (coefficient[k] == 1.0 && coefficient[start] != 1.0)))
            start = k;
    if (start < 0)
        return NULL;
    KExpr *sum = term(b, &terms[start]);
    int lanes = sum->type.lanes;
    if (coefficient[start] == -1.0)
        sum = kb_un(b, KO_NEG, sum);
    else if (coefficient[start] != 1.0)
        sum = kb_bin(b, KO_MUL, sum, kb_f32(b, coefficient[start], lanes));
    for (int k = first; k < n; k += step) {
        double c = coefficient[k];
        if (k == start || c == 0.0 || is_zero(&terms[k]))
            continue;
        KExpr *x = term(b, &terms[k]);
        if (c == 1.0 || c == -1.0)
            sum = kb_bin(b, c > 0 ? KO_ADD : KO_SUB, sum, x);
        else
            sum = kb_fma(b, x, kb_f32(b, c, lanes), sum);
    }
    return sum;
}

/* a + b or a - b where either may be NULL, which is zero. */
static KExpr *add(Winograd *g, KOp op, KExpr *x, KExpr *y)
{
    if (x && y)
        return kb_bin(g->b, op, x, y);
    if (x || y == NULL)
        return x ? x : kb_f32(g->b, 0.0, g->lanes);
    return op == KO_ADD ? y : kb_un(g->b, KO_NEG, y);
}

static KExpr *use(Winograd *g, const KLet *let)
{
    return let ? kb_use(g->b, let) : NULL;
}

static const KLet *name(Winograd *g, const char *what, int i, KExpr *e)
{
    return e ? kb_let(g->b, arena_printf(g->lw->arena, "%s%d", what, i), e) : NULL;
}

/* out = B^T terms. The rows of a pair of points p, -p share their even part and, up to the sign,
 * their odd part. */
static void image_transform(Winograd *g, const Term *terms, KExpr **out)
{
    KBuilder *b = g->b;
    int t = g->form->t;
    out[0] = add(g, KO_ADD, combine(b, g->form->bt[0], terms, t, 0, 1), NULL);
    out[t - 1] = add(g, KO_ADD, combine(b, g->form->bt[t - 1], terms, t, 0, 1), NULL);
    for (int i = 1; i + 2 < t; i += 2) {
        const KLet *even = name(g, "even", i, combine(b, g->form->bt[i], terms, t, 0, 2));
        const KLet *odd = name(g, "odd", i, combine(b, g->form->bt[i], terms, t, 1, 2));
        out[i] = add(g, KO_ADD, use(g, even), use(g, odd));
        out[i + 1] = add(g, KO_SUB, use(g, even), use(g, odd));
    }
}

/* out = A^T terms. Even rows take the sum of a pair of points, odd rows the difference. */
static void output_transform(Winograd *g, const Term *terms, KExpr **out)
{
    KBuilder *b = g->b;
    int t = g->form->t;
    const KLet *part[2][MAX_T] = {{NULL}};
    for (int i = 1; i + 2 < t; i += 2) {
        part[0][i] =
            name(g, "sum", i, kb_bin(b, KO_ADD, term(b, &terms[i]), term(b, &terms[i + 1])));
        part[1][i] =
            name(g, "diff", i, kb_bin(b, KO_SUB, term(b, &terms[i]), term(b, &terms[i + 1])));
    }
    for (int r = 0; r < g->form->m; r++) {
        Term paired[MAX_T] = {{0}};
        paired[0] = terms[0];
        paired[t - 1] = terms[t - 1];
        for (int i = 1; i + 2 < t; i += 2)
            paired[i].let = part[r % 2][i];
        out[r] = combine(b, g->form->at[r], paired, t, 0, 1);
    }
}

/* ---- the image: V = B^T d B ---- */

/* Row i of the patch of the tile (row, q): loads what is inside and transforms along x. */
static void patch_row(Winograd *g, const ConvAxis *across, const TileRun *run, Affine q, int i,
                      Affine line, const KReg *d)
{
    KBuilder *b = g->b;
    Term terms[MAX_T] = {{0}};
    for (TapRun taps = {0}; conv_next_taps(across, run->q, 1, &taps);)
        for (int64_t j = taps.j; j < taps.j + taps.taps; j++) {
            Affine ix = conv_in_at(across, q, 0, aff(j));
            Affine at = aff_add(line, aff_mul(ix, g->lanes));
            terms[j].let = kb_let(b, arena_printf(g->lw->arena, "x%d_%lld", i, (long long)j),
                                  kb_load(b, g->x, at, g->lanes));
        }
    KExpr *out[MAX_T] = {NULL};
    image_transform(g, terms, out);
    for (int j = 0; j < g->form->t; j++)
        kb_set2(b, d, aff(i), aff(j), out[j]);
}

/* Where the image (the products) of this part of the work begin in the scratch. */
static Affine image_base(const Winograd *g)
{
    return g->cut.shared_image ? aff(0) : aff_mul(g->part, g->cut.image);
}

static Affine products_base(const Winograd *g)
{
    return aff_mul(g->part, g->cut.products);
}

/* Transforms the patch along y and stores it as tile `at` of the band. */
static void store_patch(Winograd *g, const KReg *d, Affine at)
{
    KBuilder *b = g->b;
    int t = g->form->t;
    for (int j = 0; j < t; j++) {
        Term terms[MAX_T];
        for (int i = 0; i < t; i++)
            terms[i] = (Term){.reg = d, .i = i, .j = j};
        KExpr *out[MAX_T] = {NULL};
        image_transform(g, terms, out);
        for (int i = 0; i < t; i++) {
            int64_t point = (int64_t)(i * t + j) * g->ic_blocks * g->cut.tiles;
            Affine to = aff_mul(aff_addc(at, point), g->lanes);
            kb_store(b, g->v, aff_add(image_base(g), to), out[i]);
        }
    }
}

/* The patches of one run of tile columns, in tile row r of the band and channel block c. */
static void transform_run(Winograd *g, const ConvAxis *across, const TileRun *run, Affine r,
                          Affine c)
{
    KBuilder *b = g->b;
    const ConvAxis *rows = &g->s.axis[1];
    int depth = 0, t = g->form->t;
    Affine q = aff_addc(conv_loop(b, "tx", run->tiles, KL_SERIAL, &depth), run->q);
    KReg *d = kb_reg(b, "d", KTYPE(KT_F32, g->lanes), 2, t, t);
    Affine plane = aff_add(aff_mul(g->n, g->ic_blocks), c);
    for (int i = 0; i < t; i++) {
        Affine iy = aff_mul(aff_add(g->row0, r), g->form->m);
        iy = aff_addc(iy, rows->off + i);
        int64_t lo, hi;
        aff_range(&iy, &lo, &hi);
        if (lo < 0 || hi >= rows->in)
            for (int j = 0; j < t; j++)
                kb_set2(b, d, aff(i), aff(j), kb_f32(b, 0.0, g->lanes));
        Affine line = aff_add(aff_mul(plane, rows->in), iy);
        kb_if(b, iy);
        kb_if(b, aff_sub(aff(rows->in - 1), iy));
        patch_row(g, across, run, q, i, aff_mul(line, across->in * g->lanes), d);
        conv_end(b, 2);
    }
    Affine tile = aff_add(aff_mul(r, g->cut.columns), q);
    store_patch(g, d, aff_add(aff_mul(c, g->cut.tiles), tile));
    conv_end(b, depth);
}

static void transform_image(Winograd *g, KLoop loop)
{
    KBuilder *b = g->b;
    int depth = 0;
    const ConvAxis *x = &g->s.axis[2];
    ConvAxis across = {.in = x->in,
                       .count = g->cut.columns,
                       .in_step = g->form->m,
                       .off = x->off,
                       .off_step = 1,
                       .taps = g->form->t};
    Affine c = conv_loop(b, "icb", g->ic_blocks, loop, &depth);
    Affine r = conv_loop(b, "ty", g->cut.band, KL_SERIAL, &depth);
    for (TileRun run = {0}; conv_next_run(&across, 1, &run);)
        transform_run(g, &across, &run, r, c);
    conv_end(b, depth);
}

/* ---- the products: M = V * U ---- */

typedef struct PointTile {
    Affine point, chunk;
    Affine p; /* first tile of the register tile */
    int width;
    const KReg *acc;
} PointTile;

/* Asks for the tile's share of the next chunk's weights: a chunk behind `at`, which is where those
 * of one block of channels are. */
static void prefetch_chunk(Winograd *g, const PointTile *t, Affine at)
{
    int64_t block = (int64_t)g->lanes * g->tile_n * g->lanes; /* floats */
    int64_t share = ceil_div(block, g->cut.tiles), mine = share * t->width;
    int depth = 0;
    at = aff_addc(aff_add(at, aff_mul(t->p, share)), g->chunk_blocks * block);
    Affine i = conv_loop(g->b, "line", ceil_div(mine, LINE_FLOATS), KL_SERIAL, &depth);
    kb_prefetch(g->b, g->w, aff_add(at, aff_mul(i, LINE_FLOATS)), 2);
    conv_end(g->b, depth);
}

/* `blocks` channel blocks from `first` on, of `channels` channels. */
static void multiply(Winograd *g, const PointTile *t, Affine first, int64_t blocks,
                     int64_t channels)
{
    KBuilder *b = g->b;
    const KLet *w[MAX_VECTORS];
    int depth = 0;
    int64_t points = (int64_t)g->form->t * g->form->t, width = (int64_t)g->tile_n * g->lanes;
    Affine icb = aff_add(conv_loop(b, "icb", blocks, KL_SERIAL, &depth), first);
    Affine row = aff_add(aff_mul(g->oct, points), t->point);
    Affine w_block = aff_add(aff_mul(row, g->s.ic), aff_mul(icb, g->lanes));
    if (channels > 1 && channels == g->lanes)
        prefetch_chunk(g, t, aff_mul(w_block, width));
    Affine ic = conv_loop(b, "ic", channels, KL_SERIAL, &depth);
    Affine w_at = aff_mul(aff_add(w_block, ic), width);
    for (int v = 0; v < g->tile_n; v++)
        w[v] = kb_let(b, arena_printf(g->lw->arena, "w%d", v),
                      kb_load(b, g->w, aff_addc(w_at, (int64_t)v * g->lanes), g->lanes));
    Affine block = aff_add(aff_mul(t->point, g->ic_blocks), icb);
    Affine x_at = aff_mul(aff_add(aff_mul(block, g->cut.tiles), t->p), g->lanes);
    x_at = aff_add(aff_add(image_base(g), x_at), ic);
    for (int p = 0; p < t->width; p++) {
        KExpr *load = kb_load(b, g->v, aff_addc(x_at, (int64_t)p * g->lanes), 1);
        const KLet *x =
            kb_let(b, arena_printf(g->lw->arena, "x%d", p), kb_splat(b, load, g->lanes));
        for (int v = 0; v < g->tile_n; v++) {
            KExpr *acc = kb_get2(b, t->acc, aff(p), aff(v));
            kb_set2(b, t->acc, aff(p), aff(v), kb_fma(b, kb_use(b, x), kb_use(b, w[v]), acc));
        }
    }
    conv_end(b, depth);
}

/* Where the product of tile p of the register tile with vector v is. */
static Affine product_at(const Winograd *g, const PointTile *t, int p, int v)
{
    Affine at = aff_addc(aff_mul(t->point, g->tile_n), v);
    at = aff_addc(aff_add(aff_mul(at, g->cut.tiles), t->p), p);
    return aff_add(products_base(g), aff_mul(at, g->lanes));
}

/* acc = 0, or the sums of the chunks before this one. */
static void open_products(Winograd *g, PointTile *t)
{
    KBuilder *b = g->b;
    t->acc = kb_reg(b, "acc", KTYPE(KT_F32, g->lanes), 2, t->width, g->tile_n);
    for (int p = 0; p < t->width; p++)
        for (int v = 0; v < g->tile_n; v++)
            kb_set2(b, t->acc, aff(p), aff(v), kb_f32(b, 0.0, g->lanes));
    if (g->chunks == 1)
        return;
    kb_if(b, aff_addc(t->chunk, -1));
    for (int v = 0; v < g->tile_n; v++)
        for (int p = 0; p < t->width; p++)
            kb_set2(b, t->acc, aff(p), aff(v), kb_load(b, g->m, product_at(g, t, p, v), g->lanes));
    kb_end(b);
}

static void multiply_tile(Winograd *g, PointTile *t)
{
    KBuilder *b = g->b;
    int64_t full = g->s.ic / g->lanes, rest = g->s.ic % g->lanes;
    open_products(g, t);
    if (full > 0)
        multiply(g, t, aff_mul(t->chunk, g->chunk_blocks), g->chunk_blocks, g->lanes);
    if (rest > 0) {
        kb_if(b, aff_addc(t->chunk, 1 - g->chunks));
        multiply(g, t, aff(full), 1, rest);
        kb_end(b);
    }
    for (int v = 0; v < g->tile_n; v++)
        for (int p = 0; p < t->width; p++)
            kb_store(b, g->m, product_at(g, t, p, v), kb_get2(b, t->acc, aff(p), aff(v)));
}

static void multiply_points(Winograd *g)
{
    KBuilder *b = g->b;
    int depth = 0, inner = 0;
    int64_t points = (int64_t)g->form->t * g->form->t, whole = g->cut.tiles / g->tile_m;
    PointTile t = {.width = g->tile_m};
    t.point = conv_loop(b, "point", points, KL_SERIAL, &depth);
    t.chunk = conv_loop(b, "chunk", g->chunks, KL_SERIAL, &depth);
    if (whole > 0) {
        t.p = aff_mul(conv_loop(b, "p", whole, KL_SERIAL, &inner), g->tile_m);
        multiply_tile(g, &t);
        conv_end(b, inner);
    }
    t.width = (int)(g->cut.tiles % g->tile_m);
    t.p = aff(whole * g->tile_m);
    if (t.width > 0)
        multiply_tile(g, &t);
    conv_end(b, depth);
}

/* ---- the result: y = A^T M A ---- */

/* Row i of an output tile: `width` pixels from (oy, ox) in channel block `block`. */
static void store_row(Winograd *g, const KReg *d, int i, int width, Affine block, const KLet *bias,
                      const Affine q[3], int active)
{
    KBuilder *b = g->b;
    int t = g->form->t;
    Term terms[MAX_T];
    for (int j = 0; j < t; j++)
        terms[j] = (Term){.reg = d, .i = i, .j = j};
    KExpr *out[WINOGRAD_MAX_M] = {NULL};
    output_transform(g, terms, out);
    for (int j = 0; j < width; j++) {
        KExpr *y = out[j];
        if (bias)
            y = kb_bin(b, KO_ADD, y, kb_use(b, bias));
        Affine at[3] = {q[0], aff_addc(q[1], i), aff_addc(q[2], j)};
        Coord c = conv_coord(g->node, &g->s, g->n, block, at, g->lanes);
        c.active = active;
        epilogue_store(g->lw, b, &g->epilogue, g->y, y, &c);
    }
}

/* The rows of an output tile in channel block `block`, with `active` channels. */
static void store_tile(Winograd *g, const KReg *d, int width, Affine block, const Affine q[3],
                       int active)
{
    KBuilder *b = g->b;
    const KLet *bias = NULL;
    if (g->bias)
        bias = kb_let(b, "bias_v", kb_load(b, g->bias, aff_mul(block, g->lanes), g->lanes));
    for (int i = 0; i < g->form->m; i++) {
        kb_if(b, aff_sub(aff(g->s.axis[1].out - 1), aff_addc(q[1], i)));
        store_row(g, d, i, width, block, bias, q, active);
        kb_end(b);
    }
}

/* Transforms the products of the output tile at column q of tile row r, vector v. */
static void output_tile(Winograd *g, Affine r, Affine q, Affine v, int width)
{
    KBuilder *b = g->b;
    int t = g->form->t, m = g->form->m, tail = (int)(g->s.oc % g->lanes);
    KReg *d = kb_reg(b, "d", KTYPE(KT_F32, g->lanes), 2, m, t);
    Affine tile = aff_add(aff_mul(r, g->cut.columns), q);
    for (int j = 0; j < t; j++) {
        Term terms[MAX_T] = {{0}};
        for (int i = 0; i < t; i++) {
            Affine at = aff_addc(v, (int64_t)(i * t + j) * g->tile_n);
            at = aff_mul(aff_add(aff_mul(at, g->cut.tiles), tile), g->lanes);
            at = aff_add(products_base(g), at);
            terms[i].let = kb_let(b, arena_printf(g->lw->arena, "m%d_%d", i, j),
                                  kb_load(b, g->m, at, g->lanes));
        }
        KExpr *out[WINOGRAD_MAX_M] = {NULL};
        output_transform(g, terms, out);
        for (int i = 0; i < m; i++)
            kb_set2(b, d, aff(i), aff(j), out[i]);
    }
    Affine block = aff_add(aff_mul(g->oct, g->tile_n), v);
    Affine at[3] = {aff(0), aff_mul(aff_add(g->row0, r), m), aff_mul(q, m)};
    if (tail == 0 || !epilogue_has_operands(&g->epilogue)) {
        store_tile(g, d, width, block, at, g->lanes);
        return;
    }
    if (g->oc_blocks > 1) {
        kb_if(b, aff_sub(aff(g->oc_blocks - 2), block));
        store_tile(g, d, width, block, at, g->lanes);
        kb_end(b);
    }
    kb_if(b, aff_addc(block, 1 - g->oc_blocks));
    store_tile(g, d, width, block, at, tail);
    kb_end(b);
}

static void output_tiles(Winograd *g)
{
    KBuilder *b = g->b;
    int64_t ow = g->s.axis[2].out, whole = ow / g->form->m;
    int rest = (int)(ow % g->form->m), depth = 0, inner = 0;
    Affine v = conv_loop(b, "v", g->tile_n, KL_SERIAL, &depth);
    Affine block = aff_add(aff_mul(g->oct, g->tile_n), v);
    kb_if(b, aff_sub(aff(g->oc_blocks - 1), block));
    depth++;
    Affine r = conv_loop(b, "ty", g->cut.band, KL_SERIAL, &depth);
    if (whole > 0) {
        Affine q = conv_loop(b, "tx", whole, KL_SERIAL, &inner);
        output_tile(g, r, q, v, g->form->m);
        conv_end(b, inner);
    }
    if (rest > 0)
        output_tile(g, r, aff(whole), v, rest);
    conv_end(b, depth);
}

/* ---- set-up ---- */

static void open_parts(Winograd *g, int *depth)
{
    g->part = conv_loop(g->b, "share", g->cut.parts, KL_PARALLEL, depth);
}

/* Every part computes the bands that are its own. */
static void build_bands(Winograd *g)
{
    KBuilder *b = g->b;
    int depth = 0, inner = 0;
    open_parts(g, &depth);
    g->n = conv_loop(b, "n", g->s.batch, KL_SERIAL, &depth);
    g->row0 = conv_turn_loop(b, "band", g->cut.rows / g->cut.band, g->cut.parts, g->part, &depth);
    g->row0 = aff_mul(g->row0, g->cut.band);
    transform_image(g, KL_SERIAL);
    g->oct = conv_loop(b, "oct", g->oc_tiles, KL_SERIAL, &inner);
    multiply_points(g);
    output_tiles(g);
    conv_end(b, inner + depth);
}

/* The parts transform one image together, then each computes the output channels of its own. */
static void build_shared_image(Winograd *g)
{
    int depth = 0;
    g->n = g->row0 = aff(0);
    transform_image(g, KL_PARALLEL);
    open_parts(g, &depth);
    g->oct = conv_turn_loop(g->b, "oct", g->oc_tiles, g->cut.parts, g->part, &depth);
    multiply_points(g);
    output_tiles(g);
    conv_end(g->b, depth);
}

/* The reduction comes in chunks of blocks whose weights are at most a good half of the first
 * cache. */
static void cut_reduction(Winograd *g)
{
    int64_t blocks = g->s.ic / g->lanes, bytes = 4 * (int64_t)g->lanes * g->tile_n * g->lanes;
    g->chunk_blocks = blocks > 0 ? 1 : 0;
    for (int64_t i = 2; i <= blocks && i * bytes <= kb_target(g->b)->l1_bytes * 2 / 3; i++)
        if (blocks % i == 0)
            g->chunk_blocks = i;
    g->chunks = blocks > 0 ? blocks / g->chunk_blocks : 1;
}

static bool set_up(Winograd *g)
{
    const Node *n = g->node;
    const Plan *plan = &n->plan;
    const Window *w = &n->params.conv.w;
    g->form = winograd_form(plan->tile_out);
    g->lanes = plan->lanes > 1 ? plan->lanes : 1;
    g->tile_m = plan->tile_m > 0 ? plan->tile_m : 1;
    g->tile_n = plan->tile_n > 0 ? plan->tile_n : 1;
    int in_block = n->in[0]->layout.block > 1 ? n->in[0]->layout.block : 1;
    int out_block = n->out[0]->layout.block > 1 ? n->out[0]->layout.block : 1;
    bool fits = g->form && w->n == 2 && g->s.group == 1 && plan->packed_weight &&
                in_block == g->lanes && out_block == g->lanes && g->tile_n <= MAX_VECTORS;
    for (int i = 0; i < 2; i++)
        fits = fits && w->kernel[i] == 3 && w->stride[i] == 1 && w->dilation[i] == 1;
    if (!fits)
        return false;
    g->ic_blocks = ceil_div(g->s.ic, g->lanes);
    g->oc_blocks = ceil_div(g->s.oc, g->lanes);
    g->oc_tiles = ceil_div(g->oc_blocks, g->tile_n);
    g->cut = winograd_cut(plan->tile_out, g->s.axis[1].out, g->s.axis[2].out, g->s.batch, g->s.ic,
                          g->lanes, g->tile_n, plan->parts);
    return plan->scratch_bytes >= g->cut.scratch;
}

static void open_buffers(Winograd *g, Arg *args)
{
    Lower *lw = g->lw;
    KBuilder *b = g->b;
    const Node *n = g->node;
    const Plan *plan = &n->plan;
    int n_args = 0;
    int64_t images = g->cut.image * (g->cut.shared_image ? 1 : g->cut.parts);
    g->x = buf_value(b, "x", n->in[0], K_READ);
    args[n_args++] = arg_value(lw, n->in[0]);
    g->w = buf_tensor(b, "w", plan->packed_weight);
    args[n_args++] = arg_tensor(lw, plan->packed_weight);
    if (plan->packed_bias) {
        g->bias = kb_buf(b, "bias", KT_F32, shape_numel(&plan->packed_bias->shape), K_READ);
        args[n_args++] = arg_tensor(lw, plan->packed_bias);
    }
    g->v = kb_buf(b, "image", KT_F32, images, K_READ_WRITE);
    args[n_args++] = arg_scratch(n, 0);
    g->m = kb_buf(b, "products", KT_F32, g->cut.products * g->cut.parts, K_READ_WRITE);
    args[n_args++] = arg_scratch(n, images * 4);
    g->y = buf_value(b, "y", n->out[0], K_WRITE);
    args[n_args++] = arg_value(lw, n->out[0]);
    epilogue_open(lw, b, n, &g->epilogue, args, &n_args);
}

bool lower_conv_winograd(Lower *lw, const Node *n)
{
    Winograd g = {.lw = lw, .node = n, .s = conv_shape(n)};
    if (!set_up(&g))
        return node_error(lw->graph, n, "internal error: plan and layout do not fit");
    Arg args[MAX_KERNEL_BUFFERS];
    g.b = kb_new(lw->arena, lw->program->target, conv_kernel_name(lw->arena, n, "winograd"));
    cut_reduction(&g);
    open_buffers(&g, args);
    if (g.cut.shared_image)
        build_shared_image(&g);
    else
        build_bands(&g);
    const char *note = arena_printf(lw->arena, "Winograd F(%d,3), %d tiles x %d vectors of %d",
                                    g.form->m, g.tile_m, g.tile_n, g.lanes);
    return lower_emit(lw, n, g.b, note, args);
}
