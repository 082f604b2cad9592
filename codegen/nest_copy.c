/* Copies between two strided views, transposing where the contiguous axes differ.
 *
 * When source and result are contiguous along the same axis (or neither is) the copy is an
 * elementwise nest. Otherwise lanes x lanes tiles are read as rows of the source, transposed by
 * shuffles and written as rows of the result, so that memory is touched by whole vectors on both
 * sides. Parts of tiles at the ends move only their own elements. */
#include "codegen/nest.h"

enum { MAX_TILE = 16, MIN_EXTENT = 4 };

/* A copy under construction. The source is contiguous along axis `a`, the result along `r`. */
typedef struct Tiles {
    KBuilder *b;
    const Nest *nest;
    const KBuf *out, *in;
    int a, r;
    int lanes;
} Tiles;

/* Pairs of rows exchange the halves of each group of 2 * `half` lanes. */
static void exchange(KBuilder *b, const KLet **row, int lanes, int half)
{
    int lo[MAX_TILE], hi[MAX_TILE];
    for (int l = 0; l < lanes; l++) {
        lo[l] = l & half ? lanes + l - half : l;
        hi[l] = l & half ? lanes + l : l + half;
    }
    for (int i = 0; i < lanes; i++) {
        if (i & half)
            continue;
        const KLet *x = row[i], *y = row[i + half];
        row[i] = kb_let(b, "t", kb_shuf(b, kb_use(b, x), kb_use(b, y), lo, lanes));
        row[i + half] = kb_let(b, "t", kb_shuf(b, kb_use(b, x), kb_use(b, y), hi, lanes));
    }
}

/* Interleaves the 32-bit lanes of row pairs, then the 64-bit halves of the results: 4x4 tiles are
 * transposed inside groups of 4 lanes. These are single instructions on x86. */
static void transpose_fours(KBuilder *b, const KLet **row, int lanes)
{
    int lo[MAX_TILE], hi[MAX_TILE], lo2[MAX_TILE], hi2[MAX_TILE];
    for (int l = 0; l < lanes; l++) {
        int group = l / 4 * 4, k = l % 4;
        lo[l] = group + k / 2 + (k & 1 ? lanes : 0);
        hi[l] = lo[l] + 2;
        lo2[l] = group + (k & 1) + (k & 2 ? lanes : 0);
        hi2[l] = lo2[l] + 2;
    }
    for (int g = 0; g < lanes; g += 4) {
        const KLet *t[4];
        for (int i = 0; i < 4; i++)
            t[i] = kb_let(b, "t",
                          kb_shuf(b, kb_use(b, row[g + i / 2 * 2]),
                                  kb_use(b, row[g + i / 2 * 2 + 1]), i & 1 ? hi : lo, lanes));
        for (int i = 0; i < 4; i++)
            row[g + i] = kb_let(
                b, "t",
                kb_shuf(b, kb_use(b, t[i / 2]), kb_use(b, t[i / 2 + 2]), i & 1 ? hi2 : lo2, lanes));
    }
}

static void transpose(KBuilder *b, const KLet **row, int lanes)
{
    if (lanes < 4) {
        exchange(b, row, lanes, 1);
        return;
    }
    transpose_fours(b, row, lanes);
    for (int half = 4; half < lanes; half *= 2)
        exchange(b, row, lanes, half);
}

/* One tile: n_r rows of n_a contiguous elements of the source become n_a rows of the result. */
static void emit_tile(const Tiles *t, Affine in, Affine out, int n_r, int n_a)
{
    const NestOperand *to = &t->nest->op[0], *from = &t->nest->op[1];
    const KLet *row[MAX_TILE];
    KType type = KTYPE(kbase_compute(from->base), t->lanes);
    for (int i = 0; i < t->lanes; i++) {
        Affine at = aff_addc(in, from->stride[t->r] * i);
        KExpr *x = i < n_r ? kb_load_tail(t->b, t->in, at, t->lanes, n_a) : kb_const(t->b, type, 0);
        row[i] = kb_let(t->b, "row", x);
    }
    transpose(t->b, row, t->lanes);
    for (int i = 0; i < n_a; i++)
        kb_store_tail(t->b, t->out, aff_addc(out, to->stride[t->a] * i), kb_use(t->b, row[i]), n_r);
}

/* Few rows or few columns: element by element. */
static void emit_scalars(const Tiles *t, Affine in, Affine out, int n_r, int n_a, int *depth)
{
    const NestOperand *to = &t->nest->op[0], *from = &t->nest->op[1];
    int outer = *depth;
    Affine j = nest_loop(t->b, "j", n_a, 1, depth), i = nest_loop(t->b, "i", n_r, 1, depth);
    in = aff_add(in, aff_add(j, aff_mul(i, from->stride[t->r])));
    out = aff_add(out, aff_add(i, aff_mul(j, to->stride[t->a])));
    kb_store(t->b, t->out, out, kb_load(t->b, t->in, in, 1));
    nest_close(t->b, depth, outer);
}

/* All tiles of one row of tiles: n_r rows of the source at `in`. */
static void emit_strip(const Tiles *t, Affine in, Affine out, int n_r, int *depth)
{
    int outer = *depth;
    int64_t extent = t->nest->extent[t->a], whole = extent / t->lanes * t->lanes;
    if (whole > 0) {
        Affine j = nest_loop(t->b, "column", whole, t->lanes, depth);
        emit_tile(t, aff_add(in, j), aff_add(out, aff_mul(j, t->nest->op[0].stride[t->a])), n_r,
                  t->lanes);
        nest_close(t->b, depth, outer);
    }
    int rest = (int)(extent - whole);
    in = aff_addc(in, whole);
    out = aff_addc(out, whole * t->nest->op[0].stride[t->a]);
    if (rest > 0 && rest <= MIN_EXTENT)
        emit_scalars(t, in, out, n_r, rest, depth);
    else if (rest > 0)
        emit_tile(t, in, out, n_r, rest);
}

static void emit_tiles(const Tiles *t, Affine in, Affine out, int depth)
{
    int outer = depth;
    int64_t extent = t->nest->extent[t->r], whole = extent / t->lanes * t->lanes;
    if (whole > 0) {
        Affine i = nest_loop(t->b, "row", whole, t->lanes, &depth);
        emit_strip(t, aff_add(in, aff_mul(i, t->nest->op[1].stride[t->r])), aff_add(out, i),
                   t->lanes, &depth);
        nest_close(t->b, &depth, outer);
    }
    if (whole < extent)
        emit_strip(t, aff_addc(in, whole * t->nest->op[1].stride[t->r]), aff_addc(out, whole),
                   (int)(extent - whole), &depth);
}

/* The axis along which an operand is contiguous; -1 when there is none. */
static int unit_axis(const Nest *nest, int op)
{
    for (int i = nest->rank - 1; i >= 0; i--)
        if (nest->op[op].stride[i] == 1)
            return i;
    return -1;
}

/* Moves the axis along which the result is contiguous to the end: stores are in order. */
static void sort_for_result(Nest *nest)
{
    int r = unit_axis(nest, 0);
    if (r < 0 || r == nest->rank - 1)
        return;
    int last = nest->rank - 1;
    int64_t extent = nest->extent[r];
    for (int i = r; i < last; i++)
        nest->extent[i] = nest->extent[i + 1];
    nest->extent[last] = extent;
    for (int k = 0; k < nest->n; k++) {
        int64_t *s = nest->op[k].stride, stride = s[r];
        for (int i = r; i < last; i++)
            s[i] = s[i + 1];
        s[last] = stride;
    }
}

static bool copy_by_tiles(Lower *lw, const Node *n, const char *name, const char *note,
                          const Nest *nest, int a, int r)
{
    Tiles t = {.nest = nest, .a = a, .r = r};
    t.b = kb_new(lw->arena, lw->program->target, name);
    t.lanes = lanes_of(lw->program->target, nest->op[0].base);
    t.out = kb_buf(t.b, nest->op[0].name, nest->op[0].base, nest->op[0].n, K_WRITE);
    t.in = kb_buf(t.b, nest->op[1].name, nest->op[1].base, nest->op[1].n, K_READ);
    Affine out = aff(nest->op[0].at), in = aff(nest->op[1].at);
    int depth = 0;
    for (int axis = 0; axis < nest->rank; axis++) {
        if (axis == a || axis == r)
            continue;
        Affine v = nest_loop(t.b, "outer", nest->extent[axis], 1, &depth);
        out = aff_add(out, aff_mul(v, nest->op[0].stride[axis]));
        in = aff_add(in, aff_mul(v, nest->op[1].stride[axis]));
    }
    emit_tiles(&t, in, out, depth);
    nest_close(t.b, &depth, 0);
    Arg args[2] = {nest->op[0].arg, nest->op[1].arg};
    return lower_emit(lw, n, t.b, note, args);
}

bool nest_copy(Lower *lw, const Node *n, const char *name, const char *note, Nest *nest)
{
    for (int i = 0; i < nest->n; i++)
        nest->op[i].base = kbase_moved(nest->op[i].base);
    nest_collapse(nest);
    int r = unit_axis(nest, 0), a = unit_axis(nest, 1);
    int lanes = lanes_of(lw->program->target, nest->op[0].base);
    if (a >= 0 && r >= 0 && a != r && nest->op[1].stride[r] != 1 && lanes > 1 &&
        lanes <= MAX_TILE && nest->extent[a] >= MIN_EXTENT && nest->extent[r] >= MIN_EXTENT)
        return copy_by_tiles(lw, n, name, note, nest, a, r);
    sort_for_result(nest);
    return nest_emit(lw, n, name, note, nest, NULL, NULL);
}
