/* Convolution as a matrix product: the patches of a few output rows are written to the scratch
 * matrix [ICg * kd * kh * kw][rows * OW], then multiplied by the weights with vectors along the
 * pixels. Any group, plain layouts; the way for what the direct kernel does
 * not do well, such as weights that are not constant.
 *
 *     for the parts of the work, the image, the group, the output rows in bands
 *       matrix = 0, then the part of each patch row that is inside the image
 *       for the tiles of output channels, of pixels
 *         acc = bias; for k: vectors of the matrix, one splat a channel, FMAs
 *         epilogue and store
 *
 * im2col_scratch of ir/packing.h says how large the matrix is. */
#include "codegen/lower_conv.h"

#include "ir/packing.h"

enum { UNROLLED_TAPS = 11, MAX_ROWS = 32 };

typedef struct Im2col {
    Lower *lw;
    KBuilder *b;
    const Node *node;
    ConvShape s;
    KBuf *x, *w, *bias, *y, *m;
    Epilogue epilogue;
    int lanes, tile_m, tile_n;
    int64_t depth;   /* rows of the matrix: ICg * taps */
    int64_t rows;    /* output rows a band */
    int64_t columns; /* of the matrix: rows * OW */
    int parts;       /* that run at the same time, each with a matrix */
    Affine part, n, g, oz, oy;
} Im2col;

/* ---- the matrix of patches ---- */

/* Where the matrix of this part of the work begins. */
static Affine matrix_base(const Im2col *d)
{
    return aff_mul(d->part, d->depth * d->columns);
}

/* m[at..at + n) = 0 */
static void clear(Im2col *d, Affine at, int64_t n)
{
    KBuilder *b = d->b;
    int64_t whole = n / d->lanes, tail = n % d->lanes;
    int depth = 0;
    if (whole > 0) {
        Affine v = conv_loop(b, "v", whole, KL_SERIAL, &depth);
        kb_store(b, d->m, aff_add(at, aff_mul(v, d->lanes)), kb_f32(b, 0.0, d->lanes));
        conv_end(b, depth);
    }
    if (tail > 0)
        kb_store_tail(b, d->m, aff_addc(at, whole * d->lanes), kb_f32(b, 0.0, d->lanes), (int)tail);
}

/* m[m_at + i] = x[x_at + i * in_step], 0 <= i < n */
static void copy(Im2col *d, Affine m_at, Affine x_at, int64_t n)
{
    KBuilder *b = d->b;
    int64_t step = d->s.axis[2].in_step, lanes = step == 1 ? d->lanes : 1;
    int64_t whole = n / lanes, tail = n % lanes;
    int depth = 0;
    if (whole > 0) {
        Affine v = aff_mul(conv_loop(b, "v", whole, KL_SERIAL, &depth), lanes);
        KExpr *x = kb_load(b, d->x, aff_add(x_at, aff_mul(v, step)), (int)lanes);
        kb_store(b, d->m, aff_add(m_at, v), x);
        conv_end(b, depth);
    }
    if (tail > 0) {
        Affine at = aff_addc(x_at, whole * lanes);
        KExpr *x = kb_load_tail(b, d->x, at, (int)lanes, (int)tail);
        kb_store_tail(b, d->m, aff_addc(m_at, whole * lanes), x, (int)tail);
    }
}

/* The output columns [first, last) whose tap j is inside the image. */
static void columns_of_tap(const ConvAxis *a, int64_t j, int64_t *first, int64_t *last)
{
    int64_t at = a->off + a->off_step * j; /* of output column 0 */
    *first = at >= 0 ? 0 : ceil_div(-at, a->in_step);
    *last = at >= a->in ? 0 : (a->in - 1 - at) / a->in_step + 1;
    if (*last > a->out)
        *last = a->out;
    if (*first > *last)
        *first = *last;
}

/* Row `m_row` of the matrix (without kx) for the input row that starts at `x_row`. */
static void fill_row(Im2col *d, Affine m_row, Affine x_row)
{
    KBuilder *b = d->b;
    const ConvAxis *a = &d->s.axis[2];
    if (a->taps <= UNROLLED_TAPS) {
        for (int64_t j = 0; j < a->taps; j++) {
            int64_t first, last;
            columns_of_tap(a, j, &first, &last);
            Affine x_at = aff_addc(x_row, a->off + a->off_step * j + first * a->in_step);
            copy(d, aff_addc(m_row, j * d->columns + first), x_at, last - first);
        }
        return;
    }
    Affine j = aff_var(kb_for(b, "kx", 0, a->taps, 1, KL_SERIAL));
    Affine ox = aff_var(kb_for(b, "ox", 0, a->out, 1, KL_SERIAL));
    Affine ix = conv_in_at(a, ox, 0, j);
    kb_if(b, ix);
    kb_if(b, aff_sub(aff(a->in - 1), ix));
    Affine m_at = aff_add(aff_add(m_row, aff_mul(j, d->columns)), ox);
    kb_store(b, d->m, m_at, kb_load(b, d->x, aff_add(x_row, ix), 1));
    conv_end(b, 4);
}

/* Opens a loop over the taps of axis `i`, returns the tap. */
static Affine tap_loop(Im2col *d, int i, const char *name, int *depth)
{
    return conv_loop(d->b, name, d->s.axis[i].taps, KL_SERIAL, depth);
}

static void fill_matrix(Im2col *d, int64_t rows)
{
    KBuilder *b = d->b;
    const ConvShape *s = &d->s;
    int depth = 0;
    clear(d, matrix_base(d), d->depth * d->columns);
    Affine ic = conv_loop(b, "ic", s->icg, KL_SERIAL, &depth);
    Affine kz = tap_loop(d, 0, "kz", &depth);
    Affine ky = tap_loop(d, 1, "ky", &depth);
    Affine r = conv_loop(b, "r", rows, KL_SERIAL, &depth);
    Affine iz = conv_in_at(&s->axis[0], d->oz, 0, kz);
    Affine iy = conv_in_at(&s->axis[1], aff_add(d->oy, r), 0, ky);
    const Affine at[2] = {iz, iy};
    for (int i = 0; i < 2; i++) {
        kb_if(b, at[i]);
        kb_if(b, aff_sub(aff(s->axis[i].in - 1), at[i]));
        depth += 2;
    }
    Affine channel = aff_add(aff_mul(d->n, s->ic), aff_add(aff_mul(d->g, s->icg), ic));
    Affine x_row = aff_add(aff_mul(channel, s->axis[0].in), iz);
    x_row = aff_mul(aff_add(aff_mul(x_row, s->axis[1].in), iy), s->axis[2].in);
    Affine m_row = aff_add(aff_mul(ic, s->axis[0].taps), kz);
    m_row = aff_mul(aff_add(aff_mul(m_row, s->axis[1].taps), ky), s->axis[2].taps * d->columns);
    m_row = aff_add(aff_add(matrix_base(d), m_row), aff_mul(r, s->axis[2].out));
    fill_row(d, m_row, x_row);
    conv_end(b, depth);
}

/* ---- the product ---- */

/* `vectors` vectors of pixels from p, the last with `tail` lanes, of `channels` channels from
 * oc. */
typedef struct MatTile {
    Affine oc, p;
    int channels, vectors, tail;
    const KReg *acc;
} MatTile;

static void open_tile(Im2col *d, MatTile *t)
{
    KBuilder *b = d->b;
    t->acc = kb_reg(b, "acc", KTYPE(KT_F32, d->lanes), 2, t->channels, t->vectors);
    for (int c = 0; c < t->channels; c++) {
        const KLet *bias = NULL;
        if (d->bias) {
            Affine at = aff_addc(aff_add(aff_mul(d->g, d->s.ocg), t->oc), c);
            bias = kb_let(b, arena_printf(d->lw->arena, "bias%d", c),
                          kb_splat(b, kb_load(b, d->bias, at, 1), d->lanes));
        }
        for (int v = 0; v < t->vectors; v++)
            kb_set2(b, t->acc, aff(c), aff(v), bias ? kb_use(b, bias) : kb_f32(b, 0.0, d->lanes));
    }
}

static void multiply(Im2col *d, MatTile *t)
{
    KBuilder *b = d->b;
    const KLet *m[MAX_ROWS];
    int depth = 0;
    Affine k = conv_loop(b, "k", d->depth, KL_SERIAL, &depth);
    Affine row = aff_add(aff_add(matrix_base(d), aff_mul(k, d->columns)), t->p);
    for (int v = 0; v < t->vectors; v++)
        m[v] = kb_let(b, arena_printf(d->lw->arena, "m%d", v),
                      kb_load_tail(b, d->m, aff_addc(row, (int64_t)v * d->lanes), d->lanes,
                                   v == t->vectors - 1 ? t->tail : d->lanes));
    for (int c = 0; c < t->channels; c++) {
        Affine at = aff_addc(aff_add(aff_mul(d->g, d->s.ocg), t->oc), c);
        at = aff_add(aff_mul(at, d->depth), k);
        const KLet *w = kb_let(b, arena_printf(d->lw->arena, "w%d", c),
                               kb_splat(b, kb_load(b, d->w, at, 1), d->lanes));
        for (int v = 0; v < t->vectors; v++) {
            KExpr *acc = kb_get2(b, t->acc, aff(c), aff(v));
            kb_set2(b, t->acc, aff(c), aff(v), kb_fma(b, kb_use(b, w), kb_use(b, m[v]), acc));
        }
    }
    conv_end(b, depth);
}

static void build_tile(Im2col *d, MatTile *t)
{
    KBuilder *b = d->b;
    open_tile(d, t);
    if (d->depth > 0)
        multiply(d, t);
    for (int c = 0; c < t->channels; c++) {
        Affine channel = aff_addc(aff_add(aff_mul(d->g, d->s.ocg), t->oc), c);
        for (int v = 0; v < t->vectors; v++) {
            Affine q[3] = {d->oz, d->oy, aff_addc(t->p, (int64_t)v * d->lanes)};
            Coord at = conv_coord(d->node, &d->s, d->n, channel, q, 1);
            at.lanes = d->lanes;
            at.vec_axis = d->lanes > 1 ? d->s.rank - 1 : -1;
            at.active = v == t->vectors - 1 ? t->tail : d->lanes;
            epilogue_store(d->lw, b, &d->epilogue, d->y, kb_get2(b, t->acc, aff(c), aff(v)), &at);
        }
    }
}

/* All tiles of pixels for `channels` channels from oc. */
static void build_channels(Im2col *d, Affine oc, int channels, int64_t pixels)
{
    KBuilder *b = d->b;
    int64_t width = (int64_t)d->tile_n * d->lanes, whole = pixels / width, rest = pixels % width;
    if (whole > 0) {
        int depth = 0;
        MatTile t = {.oc = oc, .channels = channels, .vectors = d->tile_n, .tail = d->lanes};
        t.p = aff_mul(conv_loop(b, "p", whole, KL_SERIAL, &depth), width);
        build_tile(d, &t);
        conv_end(b, depth);
    }
    if (rest > 0) {
        MatTile t = {.oc = oc, .p = aff(whole * width), .channels = channels};
        t.vectors = (int)ceil_div(rest, d->lanes);
        t.tail = (int)(rest - (int64_t)(t.vectors - 1) * d->lanes);
        build_tile(d, &t);
    }
}

/* A band of `rows` output rows from oy. */
static void build_band(Im2col *d, int64_t rows)
{
    KBuilder *b = d->b;
    int64_t whole = d->s.ocg / d->tile_m;
    int rest = (int)(d->s.ocg % d->tile_m), depth = 0;
    fill_matrix(d, rows);
    if (whole > 0) {
        Affine oc = aff_mul(conv_loop(b, "oc", whole, KL_SERIAL, &depth), d->tile_m);
        build_channels(d, oc, d->tile_m, rows * d->s.axis[2].out);
        conv_end(b, depth);
    }
    if (rest > 0)
        build_channels(d, aff(whole * d->tile_m), rest, rows * d->s.axis[2].out);
}

/* Bands part, part + parts, … belong to a part of the work, the rows that fill no band to the
 * last one. */
static void build(Im2col *d)
{
    KBuilder *b = d->b;
    int64_t oh = d->s.axis[1].out, bands = oh / d->rows, rest = oh % d->rows;
    int64_t turns = ceil_div(bands, d->parts);
    int depth = 0;
    d->part = conv_loop(b, "share", d->parts, KL_PARALLEL, &depth);
    d->n = conv_loop(b, "n", d->s.batch, KL_SERIAL, &depth);
    d->g = conv_loop(b, "g", d->s.group, KL_SERIAL, &depth);
    d->oz = conv_loop(b, "oz", d->s.axis[0].out, KL_SERIAL, &depth);
    if (bands > 0) {
        int inner = 1;
        Affine turn = conv_loop(b, "oy", turns, KL_SERIAL, &inner);
        Affine band = aff_add(aff_mul(turn, d->parts), d->part);
        kb_if(b, aff_sub(aff(bands - 1), band));
        d->oy = aff_mul(band, d->rows);
        build_band(d, d->rows);
        conv_end(b, inner);
    }
    if (rest > 0) {
        kb_if(b, aff_addc(d->part, 1 - d->parts));
        d->oy = aff(bands * d->rows);
        build_band(d, rest);
        kb_end(b);
    }
    conv_end(b, depth);
}

/* ---- set-up ---- */

/* Vectors that cross the end of a row need operands that move along all spatial axes or none. */
static int64_t band_rows(const Im2col *d)
{
    const Shape *y = &d->node->out[0]->shape;
    const ConvAxis *row = &d->s.axis[2];
    for (int i = 0; i < d->node->n_epilogue; i++) {
        if (d->node->epilogue[i].operand < 0)
            continue;
        const Shape *v = &d->node->in[d->node->epilogue[i].operand]->shape;
        int64_t numel = shape_numel(v);
        if (numel != 1 && !shape_equal(v, y))
            return 1;
    }
    if (row->out != y->dim[y->rank - 1] || row->out == 1)
        return 1;
    return im2col_rows(d->s.axis[1].out, row->out);
}

static void open_buffers(Im2col *d, Arg *args)
{
    Lower *lw = d->lw;
    const Node *n = d->node;
    const Tensor *weight = n->plan.packed_weight, *packed_bias = n->plan.packed_bias;
    const Value *bias = weight ? NULL : bias_operand(n);
    int n_args = 0;
    d->x = buf_value(d->b, "x", n->in[0], K_READ);
    args[n_args++] = arg_value(lw, n->in[0]);
    d->w = weight ? buf_tensor(d->b, "w", weight) : buf_value(d->b, "w", n->in[1], K_READ);
    args[n_args++] = weight ? arg_tensor(lw, weight) : arg_value(lw, n->in[1]);
    if (packed_bias) {
        d->bias = kb_buf(d->b, "bias", KT_F32, shape_numel(&packed_bias->shape), K_READ);
        args[n_args++] = arg_tensor(lw, packed_bias);
    } else if (bias) {
        d->bias = buf_value(d->b, "bias", bias, K_READ);
        args[n_args++] = arg_value(lw, bias);
    }
    d->m = kb_buf(d->b, "patches", KT_F32, d->depth * d->columns * d->parts, K_READ_WRITE);
    args[n_args++] = arg_scratch(n, 0);
    d->y = buf_value(d->b, "y", n->out[0], K_WRITE);
    args[n_args++] = arg_value(lw, n->out[0]);
    epilogue_open(lw, d->b, n, &d->epilogue, args, &n_args);
}

bool lower_conv_im2col(Lower *lw, const Node *n)
{
    const Plan *plan = &n->plan;
    Im2col d = {.lw = lw, .node = n, .s = conv_shape(n)};
    d.lanes = plan->lanes > 1 ? plan->lanes : 1;
    d.tile_m = plan->tile_m > 0 && plan->tile_m < MAX_ROWS ? plan->tile_m : 1;
    d.tile_n = plan->tile_n > 0 && plan->tile_n < MAX_ROWS ? plan->tile_n : 1;
    d.depth = d.s.icg * conv_kernel_numel(&d.s);
    d.rows = band_rows(&d);
    d.columns = d.rows * d.s.axis[2].out;
    d.parts = plan->parts > 1 ? plan->parts : 1;
    if (n->in[0]->layout.block > 1 || n->out[0]->layout.block > 1 ||
        plan->scratch_bytes < 4 * d.depth * d.columns * d.parts)
        return node_error(lw->graph, n, "internal error: plan and layout do not fit");
    Arg args[MAX_KERNEL_BUFFERS];
    d.b = kb_new(lw->arena, lw->program->target, conv_kernel_name(lw->arena, n, "im2col"));
    open_buffers(&d, args);
    build(&d);
    return lower_emit(lw, n, d.b,
                      arena_printf(lw->arena, "im2col, %d channels x %d vectors of %d pixels",
                                   d.tile_m, d.tile_n, d.lanes),
                      args);
}
