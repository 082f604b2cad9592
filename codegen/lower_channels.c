/* Channels of one or more values in a new order: Channels, and Concat, Split, Slice and Gather of
 * channels where the layout is blocked and a cut goes through a block.
 *
 * Plain: for each source, runs of channels at equal steps, each a strided copy. Blocked: pixel by
 * pixel, each block of the result is put together from the blocks that its lanes come from, by
 * shuffles that are known at compile time. */
#include "codegen/channels.h"
#include "ir/ops.h"

/* ---- blocked ---- */

typedef struct Blocks {
    Lower *lw;
    KBuilder *b;
    const ChannelMap *map;
    const KBuf *out, *in[CHANNEL_SOURCES];
    const Value *source[CHANNEL_SOURCES];
    int n_sources;
    int64_t block, pixels;
    Affine image, pixel;
} Blocks;

/* The element at which a block of a value's channels begins, at the current pixel. */
static Affine block_at(const Blocks *k, const Value *v, int64_t number)
{
    Affine at = aff_addc(aff_mul(k->image, blocks_of(v, k->block)), number);
    return aff_mul(aff_add(aff_mul(at, k->pixels), k->pixel), k->block);
}

static KExpr *load_block(const Blocks *k, const ChannelRef *c)
{
    Affine at = block_at(k, c->from, c->channel / k->block);
    int i = 0;
    while (k->source[i] != c->from)
        i++;
    return kb_load(k->b, k->in[i], at, (int)k->block);
}

static bool same_block(const Blocks *k, const ChannelRef *a, const ChannelRef *b)
{
    return a->from == b->from && a->channel / k->block == b->channel / k->block;
}

/* Lanes of a block that is put together: those of `from`'s block come from the second operand. */
static void choose_lanes(const Blocks *k, const ChannelRef *lane, int n, const ChannelRef *from,
                         int *lanes)
{
    for (int l = 0; l < n; l++)
        if (same_block(k, &lane[l], from))
            lanes[l] = (int)(k->block + lane[l].channel % k->block);
}

/* One block of the result, whose first n lanes are channels lane[0…n-1]. */
static void emit_block(const Blocks *k, int64_t number, const ChannelRef *lane, int n)
{
    KBuilder *b = k->b;
    int lanes[MAX_LANES], width = (int)k->block;
    bool whole = true, seen[MAX_LANES] = {false};
    for (int l = 0; l < width; l++)
        lanes[l] = l < n && same_block(k, &lane[l], &lane[0]) ? (int)(lane[l].channel % width) : l;
    for (int l = 0; l < n; l++) {
        seen[l] = same_block(k, &lane[l], &lane[0]);
        whole = whole && seen[l] && lanes[l] == l;
    }
    KExpr *x = load_block(k, &lane[0]);
    bool shuffled = false; /* the first shuffle takes two operands at once */
    for (int l = 0; l < n; l++) {
        if (seen[l])
            continue;
        choose_lanes(k, lane, n, &lane[l], lanes);
        x = kb_shuf(b, x, load_block(k, &lane[l]), lanes, width);
        shuffled = true;
        for (int m = l; m < n; m++)
            seen[m] = seen[m] || same_block(k, &lane[m], &lane[l]);
        for (int m = 0; m < width; m++)
            lanes[m] = m;
    }
    if (!whole && !shuffled)
        x = kb_shuf(b, x, NULL, lanes, width);
    kb_store(b, k->out, block_at(k, k->map->out, number), x);
}

/* Adds a buffer for each value that is read; false when they are too many. */
static bool add_sources(Blocks *k, Arg *args)
{
    for (int64_t c = 0; c < k->map->out->shape.dim[1]; c++) {
        const Value *v = k->map->channel[c].from;
        int i = 0;
        while (i < k->n_sources && k->source[i] != v)
            i++;
        if (i < k->n_sources)
            continue;
        if (i == CHANNEL_SOURCES)
            return false;
        k->source[k->n_sources++] = v;
        k->in[i] = buf_value(k->b, "in", v, K_READ);
        args[i + 1] = arg_value(k->lw, v);
    }
    return true;
}

static bool lower_blocked(Lower *lw, const Node *n, const char *name, const char *note,
                          const ChannelMap *map)
{
    const Value *out = map->out;
    Blocks k = {.lw = lw, .map = map, .block = out->layout.block};
    Arg args[CHANNEL_SOURCES + 1] = {arg_value(lw, out)};
    int depth = 0;
    k.pixels = shape_range_numel(&out->shape, 2, out->shape.rank);
    k.b = kb_new(lw->arena, lw->program->target, name);
    k.out = buf_value(k.b, "out", out, K_WRITE);
    if (!add_sources(&k, args))
        return node_unsupported(lw->graph, n, "it joins too many parts inside of blocks");
    k.image = nest_loop(k.b, "image", out->shape.dim[0], 1, &depth);
    k.pixel = nest_loop(k.b, "pixel", k.pixels, 1, &depth);
    for (int64_t c = 0; c < out->shape.dim[1]; c += k.block) {
        int64_t left = out->shape.dim[1] - c;
        emit_block(&k, c / k.block, map->channel + c, (int)(left < k.block ? left : k.block));
    }
    nest_close(k.b, &depth, 0);
    return lower_emit(lw, n, k.b, note, args);
}

/* ---- plain ---- */

/* Channels out, out + out_step, … of the result are channels in, in + in_step, … of a source. */
typedef struct Run {
    const Value *from;
    int64_t out, in, out_step, in_step, count;
} Run;

static bool copy_run(Lower *lw, const Node *n, const char *name, const char *note,
                     const ChannelMap *map, const Run *r)
{
    const Value *in = r->from, *out = map->out;
    int64_t pixels = shape_range_numel(&out->shape, 2, out->shape.rank);
    Nest nest = {.rank = 3, .extent = {out->shape.dim[0], r->count, pixels}};
    int64_t to[] = {out->shape.dim[1] * pixels, r->out_step * pixels, 1};
    int64_t from[] = {in->shape.dim[1] * pixels, r->in_step * pixels, 1};
    nest_strided(lw, &nest, "out", out, r->out * pixels, to);
    nest_strided(lw, &nest, "in", in, r->in * pixels, from);
    return nest_copy(lw, n, name, note, &nest);
}

/* The run that channel c of the result begins; marks what it covers. */
static Run find_run(const ChannelMap *map, int64_t c, int64_t channels, bool *done)
{
    const ChannelRef *first = &map->channel[c];
    Run r = {first->from, c, first->channel, 1, 1, 1};
    done[c] = true;
    int64_t next = c + 1;
    while (next < channels && (done[next] || map->channel[next].from != first->from))
        next++;
    if (next == channels)
        return r;
    r.out_step = next - c;
    r.in_step = map->channel[next].channel - first->channel;
    for (; next < channels && !done[next] && map->channel[next].from == first->from &&
           map->channel[next].channel == r.in + r.count * r.in_step;
         next += r.out_step) {
        done[next] = true;
        r.count++;
    }
    return r;
}

bool lower_channel_map(Lower *lw, const Node *n, const ChannelMap *map)
{
    const Value *out = map->out;
    const char *dims = dims_str(lw->arena, &out->shape, 0), *verb = op_info(n->op)->name;
    const char *note = arena_printf(lw->arena, "%s: %s", verb, dims);
    int64_t channels = out->shape.dim[1];
    if (out->layout.block > MAX_LANES)
        return node_unsupported(lw->graph, n, "it has no kernel for such wide blocks");
    if (out->layout.block > 1)
        return lower_blocked(lw, n, arena_printf(lw->arena, "channels_%s", dims), note, map);
    bool *done = ARENA_ARRAY(lw->arena, bool, channels);
    for (int64_t c = 0; c < channels; c++) {
        if (done[c])
            continue;
        Run r = find_run(map, c, channels, done);
        const char *name = arena_printf(lw->arena, "channels_%lldof%s", (long long)r.count, dims);
        if (!copy_run(lw, n, name, note, map, &r))
            return false;
    }
    return true;
}

/* ---- Channels ---- */

bool lower_channels(Lower *lw, const Node *n)
{
    int sources = node_own_inputs(n) - 1;
    const Tensor *indices = n->in[sources]->constant;
    int64_t channels = n->out[0]->shape.dim[1];
    ChannelMap map = {.out = n->out[0]};
    map.channel = ARENA_ARRAY(lw->arena, ChannelRef, channels);
    for (int i = 0; i < sources; i++) {
        if ((n->in[i]->layout.block > 1) != (n->out[0]->layout.block > 1))
            return node_unsupported(lw->graph, n, "its input and output differ in layout");
    }
    for (int64_t c = 0; c < channels; c++) {
        int64_t at = tensor_get_i64(indices, c);
        int i = 0;
        while (at >= n->in[i]->shape.dim[1])
            at -= n->in[i++]->shape.dim[1];
        map.channel[c] = (ChannelRef){n->in[i], at};
    }
    return lower_channel_map(lw, n, &map);
}
