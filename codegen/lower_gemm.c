/* Gemm and MatMul: a register tile of rows x vectors of columns, accumulated over K.
 *
 *     for the tiles of columns                                     (outermost: parallel)
 *       for the batch, the tiles of rows
 *         acc = bias
 *         for k: T vectors of the right-hand side, one splat a row, T FMAs a row
 *         alpha, beta * C, epilogue, store
 *
 * A constant right-hand side is packed (ir/packing.h) and walked linearly, so that a
 * matrix-vector product runs at the speed of memory. Otherwise the vectors run along the columns
 * of the row-major operand. Where K is what lies together in both operands (transposed B, or a
 * vector), the vectors run along K and are summed at the end: build_dots. Rows of a batch that
 * share the right-hand side are one long matrix. */
#include "codegen/lower_conv.h"

enum {
    MAX_TILE = 32,
    LINE_FLOATS = 16,   /* of a line of the cache */
    AHEAD_BYTES = 4096, /* of the weights that are read now: those to ask for */
};

typedef struct Gemm {
    Lower *lw;
    KBuilder *b;
    const Node *node;
    const Value *c_value; /* C, when it is not in the packed bias */
    KBuf *a, *w, *bias, *c, *y;
    Epilogue epilogue;
    int64_t m, k, n;
    int64_t a_m, a_k, b_k, b_n; /* strides of plain operands */
    double alpha, beta;
    bool packed;
    int lanes, tile_m, tile_n;
    int row_axis, col_axis; /* of the output; -1: dropped */
    int n_batch;            /* leading axes of the output that are looped over */
    int64_t batch[MAX_RANK], a_batch[MAX_RANK], b_batch[MAX_RANK]; /* extents, strides */
    Affine a_at, b_at; /* element 0 of the matrices of this batch */
    Affine batch_at[MAX_RANK];
} Gemm;

/* A register tile; with dots the vectors are of one column each. */
typedef struct GemmTile {
    Affine row, col; /* of its first element */
    int rows, vectors, tail;
    const KReg *acc;
} GemmTile;

static const KLet *name_let(Gemm *g, char letter, int i, KExpr *e)
{
    return kb_let(g->b, arena_printf(g->lw->arena, "%c%d", letter, i), e);
}

/* ---- shapes ---- */

static void gemm_shape(Gemm *g)
{
    const Node *n = g->node;
    const GemmParams *p = &n->params.gemm;
    const Shape *a = &n->in[0]->shape, *y = &n->out[0]->shape;
    g->m = y->dim[0];
    g->n = y->dim[1];
    g->k = a->dim[p->trans_a ? 0 : 1];
    g->a_m = p->trans_a ? 1 : g->k;
    g->a_k = p->trans_a ? g->m : 1;
    g->b_k = p->trans_b ? 1 : g->n;
    g->b_n = p->trans_b ? g->k : 1;
    g->alpha = p->alpha;
    g->beta = p->beta;
    g->row_axis = 0;
    g->col_axis = 1;
    if (g->node->plan.packed_bias == NULL)
        g->c_value = bias_operand(n);
}

/* Whether every operand of the epilogue moves along all axes before `last` or along none. */
static bool operands_flat(const Node *n, int last)
{
    const Shape *y = &n->out[0]->shape;
    for (int i = 0; i < n->n_epilogue; i++) {
        if (n->epilogue[i].operand < 0)
            continue;
        const Shape *v = &n->in[n->epilogue[i].operand]->shape;
        bool same = true, none = true;
        for (int axis = 0; axis < last; axis++) {
            int j = axis - (y->rank - v->rank);
            int64_t extent = j < 0 ? 1 : v->dim[j];
            same = same && extent == y->dim[axis];
            none = none && extent == 1;
        }
        if (!same && !none)
            return false;
    }
    return true;
}

/* Strides of the batch axes of an operand, aligned at the right with `n_batch` axes; false when
 * some axis broadcasts. */
static bool batch_strides(const Shape *s, const int64_t *extent, int n_batch, int64_t *stride)
{
    bool full = true;
    int64_t step = s->rank > 1 ? s->dim[s->rank - 1] * s->dim[s->rank - 2] : s->dim[0];
    for (int i = n_batch - 1; i >= 0; i--) {
        int j = i - (n_batch - (s->rank - 2));
        int64_t d = s->rank > 2 && j >= 0 ? s->dim[j] : 1;
        stride[i] = d == 1 ? 0 : step;
        full = full && d == extent[i];
        step *= d;
    }
    return full;
}

/* The rows of the whole batch become one matrix when all share B. */
static void flatten_batch(Gemm *g, bool a_full)
{
    const Shape *y = &g->node->out[0]->shape;
    if (!a_full || g->row_axis < 0 || g->n_batch == 0)
        return;
    int rows_end = g->row_axis + 1;
    for (int i = 0; i < g->n_batch; i++)
        if (g->b_batch[i] != 0)
            return;
    if (!operands_flat(g->node, rows_end))
        return;
    g->m = shape_range_numel(y, 0, rows_end);
    g->n_batch = 0;
    while (g->row_axis > 0 && y->dim[g->row_axis] == 1)
        g->row_axis--;
}

static void matmul_shape(Gemm *g)
{
    const Node *n = g->node;
    const Shape *a = &n->in[0]->shape, *w = &n->in[1]->shape, *y = &n->out[0]->shape;
    bool a_row = a->rank == 1, b_col = w->rank == 1;
    g->alpha = g->beta = 1.0;
    g->k = a->dim[a->rank - 1];
    g->m = a_row ? 1 : a->dim[a->rank - 2];
    g->n = b_col ? 1 : w->dim[w->rank - 1];
    g->a_m = g->k;
    g->a_k = 1;
    g->b_k = g->n;
    g->b_n = 1;
    g->col_axis = b_col ? -1 : y->rank - 1;
    g->row_axis = a_row ? -1 : y->rank - (b_col ? 1 : 2);
    g->n_batch = y->rank - (a_row ? 0 : 1) - (b_col ? 0 : 1);
    for (int i = 0; i < g->n_batch; i++)
        g->batch[i] = y->dim[i];
    bool a_full = batch_strides(a, g->batch, g->n_batch, g->a_batch);
    batch_strides(w, g->batch, g->n_batch, g->b_batch);
    flatten_batch(g, a_full);
}

/* ---- results ---- */

static Coord tile_coord(const Gemm *g, Affine row, Affine col, int lanes, int active)
{
    Coord at = {.rank = g->node->out[0]->shape.rank, .block = 1, .vec_axis = -1};
    for (int i = 0; i < at.rank; i++)
        at.dim[i] = i < g->n_batch ? g->batch_at[i] : aff(0);
    if (g->row_axis >= 0)
        at.dim[g->row_axis] = row;
    if (g->col_axis >= 0)
        at.dim[g->col_axis] = col;
    at.lanes = lanes;
    at.active = active;
    if (lanes > 1)
        at.vec_axis = g->col_axis;
    return at;
}

/* alpha * x + beta * C, epilogue, store. Integers are scaled in double, where alpha or beta asks
 * for that, and what does not fit becomes the nearest end of their range. */
static void store_result(Gemm *g, KExpr *x, const Coord *at)
{
    KBuilder *b = g->b;
    const KType type = x->type;
    bool scaled = (!g->packed && g->alpha != 1.0) || (g->c && g->beta != 1.0);
    if (scaled && !kbase_is_float(type.base))
        x = kb_cvt(b, KTYPE(KT_F64, 1), x);
    if (!g->packed && g->alpha != 1.0)
        x = kb_bin(b, KO_MUL, x, kb_const(b, x->type, g->alpha));
    if (g->c) {
        KExpr *c = kb_cvt(b, x->type, coord_load(b, g->c, g->c_value, at));
        if (g->beta != 1.0)
            c = kb_bin(b, KO_MUL, c, kb_const(b, x->type, g->beta));
        x = kb_bin(b, KO_ADD, x, c);
    }
    if (x->type.base != type.base)
        x = saturated(b, g->node->out[0]->dtype, x);
    epilogue_store(g->lw, b, &g->epilogue, g->y, x, at);
}

/* ---- vectors of columns ---- */

/* Vector v of the tile's columns in row k of the right-hand side. */
static KExpr *load_columns(Gemm *g, const GemmTile *t, Affine k, int v)
{
    int64_t width = (int64_t)g->tile_n * g->lanes;
    bool last = v == t->vectors - 1;
    if (g->packed) { /* col is a multiple of the width: tile * K * width = col * K */
        Affine at = aff_add(aff_mul(t->col, g->k), aff_mul(k, width));
        return kb_load(g->b, g->w, aff_addc(at, (int64_t)v * g->lanes), g->lanes);
    }
    Affine at = aff_add(g->b_at, aff_add(aff_mul(k, g->b_k), t->col));
    return kb_load_tail(g->b, g->w, aff_addc(at, (int64_t)v * g->lanes), g->lanes,
                        last ? t->tail : g->lanes);
}

static Affine a_index(const Gemm *g, const GemmTile *t, int row, Affine k)
{
    Affine at = aff_add(g->a_at, aff_mul(aff_addc(t->row, row), g->a_m));
    return aff_add(at, aff_mul(k, g->a_k));
}

static void open_tile(Gemm *g, GemmTile *t)
{
    KBuilder *b = g->b;
    t->acc = kb_reg(b, "acc", value_type(g->node->out[0], g->lanes), 2, t->rows, t->vectors);
    for (int v = 0; v < t->vectors; v++) {
        const KLet *bias = NULL;
        if (g->bias) {
            Affine at = aff_addc(t->col, (int64_t)v * g->lanes);
            bias = kb_let(b, "bias_v", kb_load(b, g->bias, at, g->lanes));
        }
        for (int r = 0; r < t->rows; r++)
            kb_set2(b, t->acc, aff(r), aff(v),
                    bias ? kb_use(b, bias) : kb_const(b, t->acc->type, 0));
    }
}

/* acc += row k of the right-hand side times column k of the left-hand one. */
static void column_step(Gemm *g, const GemmTile *t, const KReg *acc, Affine k)
{
    KBuilder *b = g->b;
    const KLet *w[MAX_TILE];
    for (int v = 0; v < t->vectors; v++)
        w[v] = name_let(g, 'b', v, load_columns(g, t, k, v));
    for (int r = 0; r < t->rows; r++) {
        KExpr *load = kb_load(b, g->a, a_index(g, t, r, k), 1);
        const KLet *a = name_let(g, 'a', r, kb_splat(b, load, g->lanes));
        for (int v = 0; v < t->vectors; v++)
            kb_set2(b, acc, aff(r), aff(v),
                    kb_fma(b, kb_use(b, a), kb_use(b, w[v]), kb_get2(b, acc, aff(r), aff(v))));
    }
}

/* Whether a matrix-vector product waits for weights that come from memory. */
static bool is_stream(const Gemm *g)
{
    return g->packed && g->m == 1 && g->n_batch == 0 && g->lanes > 1 && g->k > 1 &&
           4 * g->k * g->n > kb_target(g->b)->l2_bytes &&
           2 * g->tile_n < kb_target(g->b)->n_registers - 2;
}

/* The two halves of K at the same time, and the weights asked for in advance: one core alone gets
 * more out of memory when it reads at two places (docs/PERFORMANCE.md). */
static void stream_halves(Gemm *g, const GemmTile *t)
{
    KBuilder *b = g->b;
    int depth = 0;
    int64_t half = g->k / 2, width = (int64_t)g->tile_n * g->lanes;
    KReg *far = kb_reg(b, "far", t->acc->type, 2, t->rows, t->vectors);
    for (int v = 0; v < t->vectors; v++)
        kb_set2(b, far, aff(0), aff(v), kb_const(b, far->type, 0));
    Affine k = conv_loop(b, "k", half, KL_SERIAL, &depth);
    for (int h = 0; h < 2; h++) {
        Affine row = aff_addc(k, h * half);
        Affine at = aff_add(aff_mul(t->col, g->k), aff_mul(row, width));
        for (int64_t i = 0; i < (int64_t)t->vectors * g->lanes; i += LINE_FLOATS)
            kb_prefetch(b, g->w, aff_addc(at, i + AHEAD_BYTES / 4), 1);
        column_step(g, t, h == 0 ? t->acc : far, row);
    }
    conv_end(b, depth);
    if (g->k % 2 != 0)
        column_step(g, t, t->acc, aff(g->k - 1));
    for (int v = 0; v < t->vectors; v++)
        kb_set2(
            b, t->acc, aff(0), aff(v),
            kb_bin(b, KO_ADD, kb_get2(b, t->acc, aff(0), aff(v)), kb_get2(b, far, aff(0), aff(v))));
}

static void build_columns(Gemm *g, GemmTile *t)
{
    KBuilder *b = g->b;
    int depth = 0;
    open_tile(g, t);
    if (is_stream(g)) {
        stream_halves(g, t);
    } else if (g->k > 0) {
        Affine k = conv_loop(b, "k", g->k, KL_SERIAL, &depth);
        column_step(g, t, t->acc, k);
        conv_end(b, depth);
    }
    for (int r = 0; r < t->rows; r++)
        for (int v = 0; v < t->vectors; v++) {
            Coord at = tile_coord(g, aff_addc(t->row, r), aff_addc(t->col, (int64_t)v * g->lanes),
                                  g->lanes, v == t->vectors - 1 ? t->tail : g->lanes);
            store_result(g, kb_get2(b, t->acc, aff(r), aff(v)), &at);
        }
}

/* ---- vectors along K ---- */

/* `active` elements along K from k. */
static void dot_step(Gemm *g, const GemmTile *t, Affine k, int active)
{
    KBuilder *b = g->b;
    const KLet *w[MAX_TILE];
    for (int v = 0; v < t->vectors; v++) {
        Affine at = aff_add(g->b_at, aff_mul(aff_addc(t->col, v), g->b_n));
        at = aff_add(at, aff_mul(k, g->b_k));
        w[v] = name_let(g, 'b', v, kb_load_tail(b, g->w, at, g->lanes, active));
    }
    for (int r = 0; r < t->rows; r++) {
        KExpr *load = kb_load_tail(b, g->a, a_index(g, t, r, k), g->lanes, active);
        const KLet *a = name_let(g, 'a', r, load);
        for (int v = 0; v < t->vectors; v++)
            kb_set2(b, t->acc, aff(r), aff(v),
                    kb_fma(b, kb_use(b, a), kb_use(b, w[v]), kb_get2(b, t->acc, aff(r), aff(v))));
    }
}

static void build_dots(Gemm *g, GemmTile *t)
{
    KBuilder *b = g->b;
    int64_t whole = g->k / g->lanes;
    int tail = (int)(g->k % g->lanes), depth = 0;
    open_tile(g, t);
    if (whole > 0) {
        Affine k = aff_mul(conv_loop(b, "k", whole, KL_SERIAL, &depth), g->lanes);
        dot_step(g, t, k, g->lanes);
        conv_end(b, depth);
    }
    if (tail > 0)
        dot_step(g, t, aff(whole * g->lanes), tail);
    for (int r = 0; r < t->rows; r++)
        for (int v = 0; v < t->vectors; v++) {
            Coord at = tile_coord(g, aff_addc(t->row, r), aff_addc(t->col, v), 1, 1);
            KExpr *sum = kb_reduce(b, KO_ADD, kb_get2(b, t->acc, aff(r), aff(v)));
            store_result(g, sum, &at);
        }
}

/* ---- the loops around ---- */

/* Whether the vectors run along K. */
static bool along_k(const Gemm *g)
{
    return !g->packed && g->b_n != 1;
}

static void build_tile(Gemm *g, GemmTile *t)
{
    if (along_k(g))
        build_dots(g, t);
    else
        build_columns(g, t);
}

/* All rows for the columns of `t`. */
static void build_rows(Gemm *g, GemmTile *t)
{
    KBuilder *b = g->b;
    int64_t whole = g->m / g->tile_m;
    int rest = (int)(g->m % g->tile_m), depth = 0;
    if (whole > 0) {
        t->rows = g->tile_m;
        t->row = aff_mul(conv_loop(b, "m", whole, KL_SERIAL, &depth), g->tile_m);
        build_tile(g, t);
        conv_end(b, depth);
    }
    if (rest > 0) {
        t->rows = rest;
        t->row = aff(whole * g->tile_m);
        build_tile(g, t);
    }
}

static void build_batch(Gemm *g, GemmTile *t)
{
    int depth = 0;
    g->a_at = g->b_at = aff(0);
    for (int i = 0; i < g->n_batch; i++) {
        Affine at = conv_loop(g->b, "n", g->batch[i], KL_SERIAL, &depth);
        g->batch_at[i] = at;
        g->a_at = aff_add(g->a_at, aff_mul(at, g->a_batch[i]));
        g->b_at = aff_add(g->b_at, aff_mul(at, g->b_batch[i]));
    }
    build_rows(g, t);
    conv_end(g->b, depth);
}

static void build(Gemm *g)
{
    KBuilder *b = g->b;
    int64_t step = along_k(g) ? 1 : g->lanes, width = g->tile_n * step;
    int64_t whole = g->n / width, rest = g->n % width;
    if (whole > 0) {
        int depth = 0;
        GemmTile t = {.vectors = g->tile_n, .tail = g->lanes};
        t.col = aff_mul(conv_loop(b, "nt", whole, KL_PARALLEL, &depth), width);
        build_batch(g, &t);
        conv_end(b, depth);
    }
    if (rest > 0) {
        GemmTile t = {.col = aff(whole * width)};
        t.vectors = (int)(ceil_div(rest, step));
        t.tail = (int)(rest - (int64_t)(t.vectors - 1) * step);
        build_batch(g, &t);
    }
}

/* ---- set-up ---- */

static void set_tiles(Gemm *g)
{
    const Plan *plan = &g->node->plan;
    g->lanes = plan->lanes > 1 ? plan->lanes : 1;
    g->tile_m = plan->tile_m > 0 && plan->tile_m <= MAX_TILE ? plan->tile_m : 1;
    g->tile_n = plan->tile_n > 0 && plan->tile_n <= MAX_TILE ? plan->tile_n : 1;
    if (g->packed)
        return;
    if (g->n == 1 && g->b_k == 1) { /* a column: K is together */
        g->b_n = g->k;
    }
    if (along_k(g) && (g->a_k != 1 || g->b_k != 1))
        g->lanes = 1; /* K is together in one of the operands only */
    if (g->n < g->lanes && !along_k(g))
        while (g->lanes > 1 && g->lanes / 2 >= g->n)
            g->lanes /= 2;
}

static void open_buffers(Gemm *g, Arg *args)
{
    Lower *lw = g->lw;
    const Node *n = g->node;
    const Tensor *w = n->plan.packed_weight, *bias = n->plan.packed_bias;
    int n_args = 0;
    g->a = buf_value(g->b, "a", n->in[0], K_READ);
    args[n_args++] = arg_value(lw, n->in[0]);
    g->w = w ? buf_tensor(g->b, "w", w) : buf_value(g->b, "w", n->in[1], K_READ);
    args[n_args++] = w ? arg_tensor(lw, w) : arg_value(lw, n->in[1]);
    if (bias) {
        g->bias = kb_buf(g->b, "bias", KT_F32, shape_numel(&bias->shape), K_READ);
        args[n_args++] = arg_tensor(lw, bias);
    }
    if (g->c_value) {
        g->c = buf_value(g->b, "c", g->c_value, K_READ);
        args[n_args++] = arg_value(lw, g->c_value);
    }
    g->y = buf_value(g->b, "y", n->out[0], K_WRITE);
    args[n_args++] = arg_value(lw, n->out[0]);
    epilogue_open(lw, g->b, n, &g->epilogue, args, &n_args);
}

static bool lower_product(Gemm *g)
{
    Lower *lw = g->lw;
    const Node *n = g->node;
    g->packed = n->plan.packed_weight != NULL;
    set_tiles(g);
    Arg args[MAX_KERNEL_BUFFERS];
    const char *name = arena_printf(lw->arena, "gemm_%lldx%lldx%lld", (long long)g->m,
                                    (long long)g->k, (long long)g->n);
    g->b = kb_new(lw->arena, lw->program->target, name);
    open_buffers(g, args);
    build(g);
    const char *note = arena_printf(lw->arena, "%s, %d rows x %d vectors of %d",
                                    g->packed ? "packed" : "plain", g->tile_m, g->tile_n, g->lanes);
    return lower_emit(lw, n, g->b, note, args);
}

bool lower_gemm(Lower *lw, const Node *n)
{
    Gemm g = {.lw = lw, .node = n};
    gemm_shape(&g);
    return lower_product(&g);
}

bool lower_matmul(Lower *lw, const Node *n)
{
    Gemm g = {.lw = lw, .node = n};
    matmul_shape(&g);
    return lower_product(&g);
}
