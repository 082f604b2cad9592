/* TopK: the k best elements of each line, sorted; of equal ones the lower index first, NaN behind
 * all numbers.
 *
 * A sorting network, so that every index is affine. A line is taken in chunks of m elements, m the
 * least power of two >= k. A chunk is sorted by merging ever longer runs: the first step of a merge
 * compares mirror images, the others elements at distance d. The better half of the m best so far
 * and the mirrored chunk is bitonic, so one more merge sorts it. That is O(n log^2 m).
 *
 * Elements travel with their indices, and both decide: no two pairs are equal, so the network needs
 * not be stable. At distances below the vector width partners are found by a shuffle. */
#include "codegen/nest.h"
#include "ir/scratch.h"

#include <math.h>

typedef struct TopK {
    KBuilder *b;
    const LineParams *p;
    int64_t n, m, inner;
    KBase base; /* of the keys */
    int lanes;
    const KBuf *in, *values, *indices; /* the last two may be missing */
    const KBuf *keys, *places;         /* scratch: the best, then the chunk */
    int depth;
} TopK;

typedef struct Pair {
    const KLet *key, *place;
} Pair;

/* ---- pairs ---- */

static Pair load_pair(const TopK *t, Affine at)
{
    Pair x;
    x.key = kb_let(t->b, "key", kb_load(t->b, t->keys, at, t->lanes));
    x.place = kb_let(t->b, "place", kb_load(t->b, t->places, at, t->lanes));
    return x;
}

static const KLet *shuffled(const TopK *t, const KLet *x, const int *order)
{
    if (t->lanes == 1)
        return x;
    return kb_let(t->b, "moved", kb_shuf(t->b, kb_use(t->b, x), NULL, order, t->lanes));
}

static Pair shuffle_pair(const TopK *t, Pair x, const int *order)
{
    return (Pair){shuffled(t, x.key, order), shuffled(t, x.place, order)};
}

static Pair reverse_pair(const TopK *t, Pair x)
{
    int order[MAX_LANES];
    for (int i = 0; i < t->lanes; i++)
        order[i] = t->lanes - 1 - i;
    return shuffle_pair(t, x, order);
}

/* Whether x and y are NaN and a number (KO_EQ), or both NaN (KO_NE). */
static KExpr *nan_and(const TopK *t, KOp op, Pair x, Pair y)
{
    KBuilder *b = t->b;
    return kb_bin(b, KO_AND, kb_cmp(b, KO_NE, kb_use(b, x.key), kb_use(b, x.key)),
                  kb_cmp(b, op, kb_use(b, y.key), kb_use(b, y.key)));
}

/* Whether y comes before x: a total order, which a sorting network needs. */
static const KLet *before(const TopK *t, Pair y, Pair x)
{
    KBuilder *b = t->b;
    KExpr *better = kb_cmp(b, t->p->largest ? KO_GT : KO_LT, kb_use(b, y.key), kb_use(b, x.key));
    KExpr *equal = kb_cmp(b, KO_EQ, kb_use(b, y.key), kb_use(b, x.key));
    if (kbase_is_float(t->base)) {
        better = kb_bin(b, KO_OR, better, nan_and(t, KO_EQ, x, y));
        equal = kb_bin(b, KO_OR, equal, nan_and(t, KO_NE, x, y));
    }
    KExpr *lower = kb_cmp(b, KO_LT, kb_use(b, y.place), kb_use(b, x.place));
    return kb_let(b, "swap", kb_bin(b, KO_OR, better, kb_bin(b, KO_AND, equal, lower)));
}

/* y where `swap`, otherwise x. */
static Pair choose(const TopK *t, const KLet *swap, Pair y, Pair x)
{
    KBuilder *b = t->b;
    Pair r;
    r.key = kb_let(b, "key", kb_select(b, kb_use(b, swap), kb_use(b, y.key), kb_use(b, x.key)));
    r.place =
        kb_let(b, "place", kb_select(b, kb_use(b, swap), kb_use(b, y.place), kb_use(b, x.place)));
    return r;
}

static void store_pair(const TopK *t, Affine at, Pair x)
{
    kb_store(t->b, t->keys, at, kb_use(t->b, x.key));
    kb_store(t->b, t->places, at, kb_use(t->b, x.place));
}

/* ---- steps of the network ---- */

/* Vectors at `x` and `y`: the better pairs go to x; `mirror`: y is read and written in reverse. */
static void exchange(const TopK *t, Affine x, Affine y, bool mirror)
{
    Pair a = load_pair(t, x), c = load_pair(t, y);
    if (mirror)
        c = reverse_pair(t, c);
    const KLet *swap = before(t, c, a);
    store_pair(t, x, choose(t, swap, c, a));
    Pair worse = choose(t, swap, a, c);
    store_pair(t, y, mirror ? reverse_pair(t, worse) : worse);
}

/* Distance d < lanes: lane i and lane i ^ pattern, of which the lower one gets the better pair. */
static void exchange_inside(const TopK *t, Affine at, int d, int pattern)
{
    KBuilder *b = t->b;
    int partner[MAX_LANES], blend[MAX_LANES];
    for (int i = 0; i < t->lanes; i++) {
        partner[i] = i ^ pattern;
        blend[i] = i & d ? t->lanes + i : i;
    }
    Pair x = load_pair(t, at), y = shuffle_pair(t, x, partner);
    const KLet *swap = before(t, y, x);
    Pair better = choose(t, swap, y, x), worse = choose(t, swap, x, y);
    KExpr *key = kb_shuf(b, kb_use(b, better.key), kb_use(b, worse.key), blend, t->lanes);
    KExpr *place = kb_shuf(b, kb_use(b, better.place), kb_use(b, worse.place), blend, t->lanes);
    kb_store(b, t->keys, at, key);
    kb_store(b, t->places, at, place);
}

/* One step over the m pairs from `base` on: partners at distance d, or mirrored in runs of 2d. */
static void network_step(TopK *t, int64_t base, int64_t d, bool mirror)
{
    int outer = t->depth;
    if (d < t->lanes) {
        int pattern = (int)(mirror ? 2 * d - 1 : d);
        Affine i = nest_loop(t->b, "i", t->m, t->lanes, &t->depth);
        exchange_inside(t, aff_addc(i, base), (int)d, pattern);
    } else {
        Affine run = nest_loop(t->b, "run", t->m, 2 * d, &t->depth);
        Affine i = nest_loop(t->b, "i", d, t->lanes, &t->depth);
        Affine x = aff_addc(aff_add(run, i), base);
        Affine y = mirror ? aff_addc(aff_sub(run, i), base + 2 * d - t->lanes) : aff_addc(x, d);
        exchange(t, x, y, mirror);
    }
    nest_close(t->b, &t->depth, outer);
}

/* Sorts a bitonic sequence whose parts of 2d pairs are bitonic. */
static void merge_steps(TopK *t, int64_t base, int64_t d)
{
    for (; d >= 1; d /= 2)
        network_step(t, base, d, false);
}

static void sort_chunk(TopK *t, int64_t base)
{
    for (int64_t run = 2; run <= t->m; run *= 2) {
        kb_note(t->b, "runs of %lld", (long long)run);
        network_step(t, base, run / 2, true);
        merge_steps(t, base, run / 4);
    }
}

/* ---- a line ---- */

/* What stands where there is no element: it comes behind all others, having the last index. */
static KExpr *worst(const TopK *t, int lanes)
{
    KType type = KTYPE(t->base, lanes);
    if (kbase_is_float(t->base))
        return kb_const(t->b, type, NAN);
    return t->p->largest ? lowest_value(t->b, type) : highest_value(t->b, type);
}

/* m places from `base` on get pairs that are behind all others. */
static void clear(TopK *t, int64_t base)
{
    int outer = t->depth;
    Affine i = aff_addc(nest_loop(t->b, "i", t->m, t->lanes, &t->depth), base);
    kb_store(t->b, t->keys, i, worst(t, t->lanes));
    kb_store(t->b, t->places, i, kb_int(t->b, KTYPE(KT_I32, t->lanes), INT32_MAX));
    nest_close(t->b, &t->depth, outer);
}

/* Element `first` + i of the line to pair base + i, where there is one. */
static void load_chunk(TopK *t, Affine line, Affine first, int64_t base)
{
    int outer = t->depth;
    Affine i = nest_loop(t->b, "i", t->m, 1, &t->depth), place = aff_add(first, i);
    kb_if(t->b, aff_sub(aff(t->n - 1), place));
    KExpr *x = kb_load(t->b, t->in, aff_add(line, aff_mul(place, t->inner)), 1);
    kb_store(t->b, t->keys, aff_addc(i, base), x);
    kb_store(t->b, t->places, aff_addc(i, base), kb_index(t->b, KTYPE(KT_I32, 1), place));
    kb_end(t->b);
    nest_close(t->b, &t->depth, outer);
}

/* The better of the best so far and of the chunk, which lies behind them, sorted. */
static void merge_chunk(TopK *t)
{
    int outer = t->depth;
    kb_note(t->b, "keep the better of both");
    Affine i = nest_loop(t->b, "i", t->m, t->lanes, &t->depth);
    Pair x = load_pair(t, i);
    Pair y = reverse_pair(t, load_pair(t, aff_addc(aff_mul(i, -1), 2 * t->m - t->lanes)));
    store_pair(t, i, choose(t, before(t, y, x), y, x));
    nest_close(t->b, &t->depth, outer);
    merge_steps(t, 0, t->m / 2);
}

static void store_best(TopK *t, Affine to)
{
    KBuilder *b = t->b;
    int outer = t->depth;
    Affine i = nest_loop(b, "i", t->p->k, 1, &t->depth), at = aff_add(to, aff_mul(i, t->inner));
    if (t->values) {
        kb_store(b, t->values, at, kb_load(b, t->keys, i, 1));
    }
    if (t->indices)
        kb_store(b, t->indices, at, kb_cvt(b, KTYPE(KT_I64, 1), kb_load(b, t->places, i, 1)));
    nest_close(b, &t->depth, outer);
}

static void emit_line(TopK *t, Affine line, Affine to)
{
    int64_t chunks = ceil_div(t->n, t->m);
    bool ragged = t->n % t->m != 0;
    int outer = t->depth;
    if (chunks == 1) {
        if (ragged)
            clear(t, 0);
        load_chunk(t, line, aff(0), 0);
        sort_chunk(t, 0);
    } else {
        clear(t, 0);
        Affine first = nest_loop(t->b, "chunk", chunks * t->m, t->m, &t->depth);
        if (ragged)
            clear(t, t->m);
        load_chunk(t, line, first, t->m);
        sort_chunk(t, t->m);
        merge_chunk(t);
        nest_close(t->b, &t->depth, outer);
    }
    store_best(t, to);
}

bool lower_topk(Lower *lw, const Node *n)
{
    const Value *in = n->in[0];
    const LineParams *p = &n->params.line;
    int axis = (int)p->axis;
    TopK t = {.p = p,
              .n = in->shape.dim[axis],
              .base = kbase_compute(kbase_of_dtype(in->dtype)),
              .depth = 1};
    if (in->layout.block > 1 || t.n > INT32_MAX)
        return node_unsupported(lw->graph, n, "it has no kernel for this layout or extent");
    t.m = topk_chunk(p->k);
    t.inner = shape_range_numel(&in->shape, axis + 1, in->shape.rank);
    const char *dims = dims_str(lw->arena, &in->shape, 0);
    t.b = kb_new(lw->arena, lw->program->target,
                 arena_printf(lw->arena, "top%lld_axis%d_%s", (long long)p->k, axis, dims));
    t.lanes = lanes_for(t.m, lanes_of(kb_target(t.b), t.base));
    Arg args[5];
    int n_args = 0;
    if (n->out[0]) {
        t.values = buf_value(t.b, "values", n->out[0], K_WRITE);
        args[n_args++] = arg_value(lw, n->out[0]);
    }
    if (n->n_out > 1 && n->out[1]) {
        t.indices = buf_value(t.b, "indices", n->out[1], K_WRITE);
        args[n_args++] = arg_value(lw, n->out[1]);
    }
    t.in = buf_value(t.b, "in", in, K_READ);
    args[n_args++] = arg_value(lw, in);
    t.keys = kb_buf(t.b, "keys", t.base, 2 * t.m, K_READ_WRITE);
    args[n_args++] = arg_scratch(n, 0);
    t.places = kb_buf(t.b, "places", KT_I32, 2 * t.m, K_READ_WRITE);
    args[n_args++] = arg_scratch(n, 2 * t.m * (int64_t)kbase_size(t.base));
    Affine o = nest_loop(t.b, "o", shape_range_numel(&in->shape, 0, axis), 1, &t.depth);
    Affine i = nest_loop(t.b, "j", t.inner, 1, &t.depth);
    emit_line(&t, aff_add(aff_mul(o, t.n * t.inner), i), aff_add(aff_mul(o, p->k * t.inner), i));
    nest_close(t.b, &t.depth, 1);
    return lower_emit(lw, n, t.b,
                      arena_printf(lw->arena, "TopK: the %lld %s of %s along axis %d",
                                   (long long)p->k, p->largest ? "greatest" : "least", dims, axis),
                      args);
}
