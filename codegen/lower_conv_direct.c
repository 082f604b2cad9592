/* Direct convolution and transposed convolution: the loops around the register tile, which is in
 * direct_tile.c.
 *
 *     for the group, the tiles of output channels, the image, the row       (outermost: parallel)
 *       for the tiles of the row            (as many loops as there are kinds of tiles)
 *         for the tiles of output channels whose weights fit the cache together
 *           the register tile
 *
 * Where ir/direct_cut.h says so the reduction is cut: chunks of input channels go over all rows of
 * the image, a tile starts from the sums of the chunks before and leaves its own in the scratch,
 * and asks for its share of the next chunk's weights. The parts of the work share channel tiles.
 *
 * Tiles whose taps meet the border alike form one loop (codegen/lower_conv_shape.c). Weights that
 * are not constant are read where they lie, with one lane. */
#include "codegen/direct.h"

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
    if (d->tile_n > DIRECT_MAX_VECTORS)
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
        direct_tile(d, &t);
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
    d.oc_inner = direct_is_cut(&d) ? 1 : inner_tiles(&d);
    if (direct_is_cut(&d))
        build_cut(&d);
    else
        build_conv(&d);
    const char *note = arena_printf(lw->arena, "direct, %d pixels x %d vectors of %d", d.tile_m,
                                    d.tile_n, d.lanes);
    if (direct_is_cut(&d))
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
