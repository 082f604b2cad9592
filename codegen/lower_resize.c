/* Resize and Upsample: nearest, linear and cubic, by tables made at compile time.
 *
 * The axes between the first and the last that change are walked one by one; those outside are
 * planes, those inside (and the channels of a block) a pixel, copied or blended in vectors. An
 * output pixel reads its input pixels through an offset that is the sum of one table entry an
 * axis. Nearest by whole factors needs no table: it is a strided copy. */
#include "codegen/nest.h"
#include "codegen/resize_table.h"
#include "ir/ops.h"

enum { MAX_AXES = 5, MAX_UNROLLED_TAPS = 64 };

typedef struct ResizeAxis {
    ResizeTable table;
    const KBuf *index, *weight, *outside; /* of the kernel; NULL where not needed */
    Affine o;
    const KReg *at, *w; /* the current position's entries, when taps are unrolled */
} ResizeAxis;

typedef struct Resize {
    Lower *lw;
    KBuilder *b;
    const Node *node;
    const ResizeParams *p;
    ResizeAxis axis[MAX_AXES];
    int n;
    int64_t planes, pixel; /* elements outside of and inside the axes */
    int64_t in_pixels;     /* of a plane */
    bool unroll, extrapolates;
    const KBuf *in, *out;
    Arg args[MAX_KERNEL_BUFFERS];
    int n_args;
    Affine plane;
    int lanes, active; /* of the vector being made */
    Affine inner;      /* its position in the pixel */
    const KReg *acc;
} Resize;

/* What is blended is computed in floats: integers in f64. */
static KBase blend_base(const Resize *r)
{
    KBase base = kbase_compute(r->out->base);
    return r->p->mode == RESIZE_NEAREST || kbase_is_float(base) ? base : KT_F64;
}

static KType lane_type(const Resize *r)
{
    return KTYPE(blend_base(r), r->lanes);
}

/* ---- tables in the blob ---- */

static const KBuf *add_table(Resize *r, const char *name, const Tensor *t)
{
    r->args[r->n_args++] = arg_tensor(r->lw, t);
    return kb_buf(r->b, name, kbase_of_dtype(t->dtype), shape_numel(&t->shape), K_READ);
}

/* The axis' tables; indices are multiplied by `step`, the pixels inside the axis. */
static void add_tables(Resize *r, ResizeAxis *x, int64_t step)
{
    const ResizeTable *t = &x->table;
    Shape all = {1, {t->out * t->taps}}, each = {1, {t->out}};
    Tensor *index = tensor_new(r->lw->arena, DT_I32, &all);
    for (int64_t i = 0; i < all.dim[0]; i++)
        tensor_set_i64(index, i, t->index[i] * step);
    x->index = add_table(r, "index", index);
    if (t->weight) {
        DType type = blend_base(r) == KT_F64 ? DT_F64 : DT_F32;
        Tensor *weight = tensor_new(r->lw->arena, type, &all);
        for (int64_t i = 0; i < all.dim[0]; i++)
            tensor_set_f64(weight, i, t->weight[i]);
        x->weight = add_table(r, "weight", weight);
    }
    if (t->outside) {
        Tensor *outside = tensor_new(r->lw->arena, DT_I32, &each);
        for (int64_t i = 0; i < t->out; i++)
            tensor_set_i64(outside, i, t->outside[i]);
        x->outside = add_table(r, "outside", outside);
        r->extrapolates = true;
    }
}

/* ---- one output vector ---- */

/* acc += product of the axes' weights * the input pixel at the sum of their offsets. */
static void emit_blend(const Resize *r, KExpr *offset, KExpr *weight)
{
    KBuilder *b = r->b;
    Affine base = aff_add(aff_mul(r->plane, r->in_pixels * r->pixel), r->inner);
    KExpr *at = kb_clamp(b, offset, 0, r->in_pixels - 1);
    KExpr *x = kb_load_dyn(b, r->in, base, at, r->pixel, r->lanes, r->active);
    x = kb_cvt(b, lane_type(r), x);
    if (weight)
        x = kb_fma(b, kb_splat(b, weight, r->lanes), x, kb_get(b, r->acc));
    kb_set(b, r->acc, x);
}

static KExpr *table_entry(const Resize *r, const KReg *reg, const KBuf *table, Affine at, Affine k)
{
    return reg ? kb_get1(r->b, reg, k) : kb_load(r->b, table, aff_add(at, k), 1);
}

/* Loops over the taps of axis i and inwards; k[] are the taps chosen outside. */
static void emit_taps(const Resize *r, int i, Affine *k)
{
    static const char *const names[MAX_AXES] = {"k0", "k1", "k2", "k3", "k4"};
    KBuilder *b = r->b;
    if (i < r->n) {
        int64_t taps = r->axis[i].table.taps;
        k[i] = aff(0);
        if (taps > 1)
            k[i] = aff_var(kb_for(b, names[i], 0, taps, 1, r->unroll ? KL_UNROLL : KL_SERIAL));
        emit_taps(r, i + 1, k);
        if (taps > 1)
            kb_end(b);
        return;
    }
    KExpr *offset = NULL, *weight = NULL;
    for (int j = 0; j < r->n; j++) {
        const ResizeAxis *x = &r->axis[j];
        Affine at = aff_mul(x->o, x->table.taps);
        KExpr *e = table_entry(r, x->at, x->index, at, k[j]);
        offset = offset ? kb_bin(b, KO_ADD, offset, e) : e;
        if (x->weight == NULL)
            continue;
        e = table_entry(r, x->w, x->weight, at, k[j]);
        weight = weight ? kb_bin(b, KO_MUL, weight, e) : e;
    }
    emit_blend(r, offset, weight);
}

static KExpr *extrapolated(const Resize *r, KExpr *x)
{
    KBuilder *b = r->b;
    KExpr *flags = NULL;
    for (int i = 0; i < r->n; i++) {
        if (r->axis[i].outside == NULL)
            continue;
        KExpr *f = kb_load(b, r->axis[i].outside, r->axis[i].o, 1);
        flags = flags ? kb_bin(b, KO_OR, flags, f) : f;
    }
    KExpr *mask =
        kb_cmp(b, KO_NE, kb_splat(b, flags, r->lanes), kb_int(b, KTYPE(KT_I32, r->lanes), 0));
    return kb_select(b, mask, kb_const(b, lane_type(r), r->p->extrapolation), x);
}

static void emit_vector(Resize *r, Affine inner, int lanes, int active)
{
    KBuilder *b = r->b;
    Affine k[MAX_AXES], at = r->plane;
    r->inner = inner;
    r->lanes = lanes;
    r->active = active;
    r->acc = kb_reg(b, "acc", lane_type(r), 0, 0, 0);
    kb_set(b, r->acc, kb_const(b, lane_type(r), 0));
    emit_taps(r, 0, k);
    for (int i = 0; i < r->n; i++)
        at = aff_add(aff_mul(at, r->axis[i].table.out), r->axis[i].o);
    KExpr *x = kb_get(b, r->acc);
    if (r->extrapolates)
        x = extrapolated(r, x);
    if (x->type.base != kbase_compute(r->out->base))
        x = saturated(b, r->node->out[0]->dtype, x);
    kb_store_tail(b, r->out, aff_add(aff_mul(at, r->pixel), inner), x, active);
}

static void emit_pixel(Resize *r, int depth)
{
    int wide = lanes_for(r->pixel, lanes_of(kb_target(r->b), blend_base(r))), outer = depth;
    int64_t whole = r->pixel / wide * wide;
    if (whole > 0) {
        Affine i = nest_loop(r->b, "i", whole, wide, &depth);
        emit_vector(r, i, wide, wide);
        nest_close(r->b, &depth, outer);
    }
    if (whole < r->pixel) {
        int rest = (int)(r->pixel - whole);
        emit_vector(r, aff(whole), lanes_for(rest, wide), rest);
    }
}

/* ---- the kernel ---- */

/* Loads the table entries of the current position of an axis into registers. */
static void load_entries(const Resize *r, ResizeAxis *x)
{
    KBuilder *b = r->b;
    int taps = (int)x->table.taps;
    x->at = kb_reg(b, "at", KTYPE(KT_I32, 1), 1, taps, 0);
    if (x->weight)
        x->w = kb_reg(b, "w", KTYPE(blend_base(r), 1), 1, taps, 0);
    for (int k = 0; k < taps; k++) {
        Affine at = aff_addc(aff_mul(x->o, taps), k);
        kb_set1(b, x->at, aff(k), kb_load(b, x->index, at, 1));
        if (x->weight)
            kb_set1(b, x->w, aff(k), kb_load(b, x->weight, at, 1));
    }
}

static void emit_loops(Resize *r)
{
    static const char *const names[MAX_AXES] = {"ox", "oy", "oz", "ow", "ov"};
    int depth = 0;
    r->plane = nest_loop(r->b, "plane", r->planes, 1, &depth);
    for (int i = 0; i < r->n; i++) {
        ResizeAxis *x = &r->axis[i];
        x->o = nest_loop(r->b, names[r->n - 1 - i], x->table.out, 1, &depth);
        if (r->unroll)
            load_entries(r, x);
    }
    emit_pixel(r, depth);
    nest_close(r->b, &depth, 0);
}

/* Nearest by whole factors: out[i * f + u] = in[i]. */
static bool copy_by_factors(Lower *lw, const Node *n, const Resize *r, const char *name,
                            const char *note)
{
    Nest nest = {.rank = 0};
    int64_t in_stride[NEST_AXES], out_stride[NEST_AXES], in_step = r->pixel, out_step = r->pixel;
    nest.rank = 2 + 2 * r->n;
    in_stride[nest.rank - 1] = out_stride[nest.rank - 1] = 1;
    nest.extent[nest.rank - 1] = r->pixel;
    for (int i = r->n - 1; i >= 0; i--) {
        const ResizeTable *t = &r->axis[i].table;
        int at = 1 + 2 * i;
        nest.extent[at] = t->in;
        in_stride[at] = in_step;
        out_stride[at] = out_step * t->factor;
        nest.extent[at + 1] = t->factor;
        in_stride[at + 1] = 0;
        out_stride[at + 1] = out_step;
        in_step *= t->in;
        out_step *= t->out;
    }
    nest.extent[0] = r->planes;
    in_stride[0] = in_step;
    out_stride[0] = out_step;
    nest_strided(lw, &nest, "out", n->out[0], 0, out_stride);
    nest_strided(lw, &nest, "in", n->in[0], 0, in_stride);
    return nest_copy(lw, n, name, note, &nest);
}

/* Finds the axes that change and what lies outside and inside them. */
static bool find_axes(Lower *lw, const Node *n, Resize *r)
{
    Nest in, out;
    nest_space(&in, n->in[0]);
    nest_space(&out, n->out[0]);
    ResizeTable table[NEST_AXES];
    int first = out.rank, last = -1, rank = n->out[0]->shape.rank;
    for (int i = 0; i < rank; i++) {
        bool blocks = i == 1 && out.rank > rank;
        int64_t from = n->in[0]->shape.dim[i], to = n->out[0]->shape.dim[i];
        table[i] = resize_table(lw->arena, r->p, i, from, to);
        if (blocks && table[i].factor != 1)
            return node_unsupported(lw->graph, n, "it resizes the channels of a blocked layout");
        if (!blocks && (table[i].factor != 1 || table[i].weight)) {
            first = i < first ? i : first;
            last = i;
        }
    }
    r->planes = r->pixel = r->in_pixels = 1;
    for (int i = 0; i < out.rank; i++) {
        if (i < first)
            r->planes *= out.extent[i];
        else if (i > last)
            r->pixel *= out.extent[i];
    }
    int buffers = 2;
    for (int i = first; i <= last; i++)
        buffers += 1 + (table[i].weight != NULL) + (table[i].outside != NULL);
    if (last - first >= MAX_AXES || buffers > MAX_KERNEL_BUFFERS)
        return node_unsupported(lw->graph, n, "it resizes too many axes");
    for (int i = first; i <= last; i++) {
        r->axis[r->n++].table = table[i];
        r->in_pixels *= in.extent[i];
    }
    return r->in_pixels <= INT32_MAX || node_unsupported(lw->graph, n, "its input is too large");
}

static bool check(Lower *lw, const Node *n)
{
    const Value *in = n->in[0], *out = n->out[0];
    if (in->layout.block != out->layout.block && (in->layout.block > 1 || out->layout.block > 1))
        return node_unsupported(lw->graph, n, "its input and output differ in layout");
    return true;
}

bool lower_resize(Lower *lw, const Node *n)
{
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    Resize r = {.lw = lw, .node = n, .p = &n->params.resize};
    if (!check(lw, n) || !find_axes(lw, n, &r))
        return false;
    const char *from = dims_str(lw->arena, &n->in[0]->shape, 0);
    const char *to = dims_str(lw->arena, &n->out[0]->shape, 0), *mode = modes[r.p->mode];
    const char *name = arena_printf(lw->arena, "resize_%s_%s_to_%s", mode, from, to);
    const char *note =
        arena_printf(lw->arena, "%s %s to %s, %s", op_info(n->op)->name, from, to, mode);
    int64_t taps = 1;
    bool factors = true;
    for (int i = 0; i < r.n; i++) {
        taps *= r.axis[i].table.taps;
        factors = factors && r.axis[i].table.factor > 0;
    }
    if (factors && 2 + 2 * r.n <= NEST_AXES)
        return copy_by_factors(lw, n, &r, name, note);
    r.unroll = taps <= MAX_UNROLLED_TAPS;
    r.b = kb_new(lw->arena, lw->program->target, name);
    r.out = buf_value(r.b, "out", n->out[0], K_WRITE);
    r.in = buf_value(r.b, "in", n->in[0], K_READ);
    r.args[r.n_args++] = arg_value(lw, n->out[0]);
    r.args[r.n_args++] = arg_value(lw, n->in[0]);
    int64_t step = 1;
    for (int i = r.n - 1; i >= 0; i--) {
        add_tables(&r, &r.axis[i], step);
        step *= r.axis[i].table.in;
    }
    emit_loops(&r);
    return lower_emit(lw, n, r.b, note, r.args);
}
