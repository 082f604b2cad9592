/* ConvInteger and QLinearConv, any group, stride, dilation and pads, plain layouts.
 *
 *     for the image, the group, a tile of output channels                   (outermost: parallel)
 *       for z, y, x of the output
 *         acc = bias
 *         for the input channels of the group, kz, ky, kx inside the image
 *           acc[t] += (x - zero of x) * (w[t] - zero of w)
 *         QLinearConv: acc * factor, rounded, saturated; then the fused steps
 *
 * A tap outside of the image would add nothing and is left out: rows are tested, and along x the
 * outputs are cut where the valid taps change (codegen/window.h). Sums are of 32-bit integers. */
#include "codegen/lower_qconv.h"
#include "codegen/nest.h"
#include "codegen/window.h"
#include "ir/ops.h"

enum { MAX_TILE = 4, X_SEGMENTS = 5 };

typedef struct QConv {
    Lower *lw;
    KBuilder *b;
    const Node *node;
    const Value *x, *w, *out;
    bool scaled; /* QLinearConv */
    Axis axis[MAX_SPATIAL];
    int64_t channels, maps;      /* of a group: input, output */
    int64_t in_plane, out_plane; /* pixels */
    int64_t taps;
    int tile; /* output channels at a time */
    KBuf *x_buf, *w_buf, *out_buf;
    QuantOperand x_zero, w_zero, y_zero, bias;
    QuantFactor factor;
    /* At the point that is built: */
    Affine image, group, map; /* map: the tile's first output channel */
    Affine o[MAX_SPATIAL];
    const KReg *acc;
} QConv;

/* Leading axes that the value does not have have extent 1. */
static void set_axes(QConv *q)
{
    const Window *w = &q->node->params.conv.w;
    q->in_plane = q->out_plane = q->taps = 1;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        static const Window unit = {.n = 1, .kernel = {1}, .stride = {1}, .dilation = {1}};
        int k = i - (MAX_SPATIAL - w->n);
        bool last = i == MAX_SPATIAL - 1;
        q->axis[i] = k < 0 ? window_axis(&unit, 0, 1, 1, 1)
                           : window_axis(w, k, q->x->shape.dim[k + 2], q->out->shape.dim[k + 2],
                                         last ? X_SEGMENTS : 1);
        q->in_plane *= q->axis[i].in;
        q->out_plane *= q->axis[i].out;
        q->taps *= q->axis[i].kernel;
    }
}

static void open_buffers(QConv *q, const QConvOperands *o, Arg *args, int *n_args)
{
    Lower *lw = q->lw;
    q->out_buf = buf_value(q->b, "out", q->out, K_WRITE);
    q->x_buf = buf_value(q->b, "x", q->x, K_READ);
    q->w_buf = buf_value(q->b, "w", q->w, K_READ);
    args[(*n_args)++] = arg_value(lw, q->out);
    args[(*n_args)++] = arg_value(lw, q->x);
    args[(*n_args)++] = arg_value(lw, q->w);
    q->x_zero = quant_operand(lw, q->b, "zero_x", o->x_zero, args, n_args);
    q->w_zero = quant_operand(lw, q->b, "zero_w", o->w_zero, args, n_args);
    if (!q->scaled)
        return;
    q->y_zero = quant_operand(lw, q->b, "zero_y", o->y_zero, args, n_args);
    q->bias = quant_operand(lw, q->b, "bias", o->bias, args, n_args);
    q->factor = quant_factor_open(lw, q->b, o->scale, 1, args, n_args);
}

/* ---- one output position ---- */

static void add_products(QConv *q, Affine channel, const Affine *k, const Affine *at)
{
    KBuilder *b = q->b;
    Affine plane = aff_add(aff_mul(q->image, q->x->shape.dim[1]), aff_mul(q->group, q->channels));
    Affine x_at = aff_add(plane, channel), tap = aff(0);
    for (int i = 0; i < MAX_SPATIAL; i++) {
        x_at = aff_add(aff_mul(x_at, q->axis[i].in), at[i]);
        tap = aff_add(aff_mul(tap, q->axis[i].kernel), k[i]);
    }
    const KLet *x =
        kb_let(b, "v", quant_minus(b, kb_load(b, q->x_buf, x_at, 1), &q->x_zero, aff(0)));
    for (int t = 0; t < q->tile; t++) {
        Affine map = aff_addc(q->map, t);
        Affine w_at = aff_add(aff_mul(aff_add(aff_mul(map, q->channels), channel), q->taps), tap);
        KExpr *w = quant_minus(b, kb_load(b, q->w_buf, w_at, 1), &q->w_zero, map);
        KExpr *product = kb_bin(b, KO_MUL, kb_use(b, x), w);
        kb_set1(b, q->acc, aff(t), kb_bin(b, KO_ADD, kb_get1(b, q->acc, aff(t)), product));
    }
}

/* The loop over the taps of axis `i`; returns the number of blocks opened. */
static int open_taps(QConv *q, int i, const Segment *s, Affine *k, Affine *at)
{
    static const char *const names[MAX_SPATIAL] = {"kz", "ky", "kx"};
    const Axis *a = &q->axis[i];
    int depth = 0;
    *k = aff_addc(nest_serial_loop(q->b, names[i], s->k_hi - s->k_lo, 1, &depth), s->k_lo);
    *at = window_at(a, q->o[i], *k);
    if (!a->guarded)
        return depth;
    kb_if(q->b, *at);
    kb_if(q->b, aff_sub(aff(a->in - 1), *at));
    return depth + 2;
}

static void store_tile(QConv *q)
{
    KBuilder *b = q->b;
    Affine pixel = aff(0);
    for (int i = 0; i < MAX_SPATIAL; i++)
        pixel = aff_add(aff_mul(pixel, q->axis[i].out), q->o[i]);
    for (int t = 0; t < q->tile; t++) {
        Affine map = aff_addc(q->map, t);
        Affine plane = aff_add(aff_mul(q->image, q->out->shape.dim[1]), map);
        KExpr *y = kb_get1(b, q->acc, aff(t));
        if (q->scaled) {
            y = kb_bin(b, KO_MUL, kb_cvt(b, KTYPE(KT_F32, 1), y),
                       quant_factor(b, &q->factor, aff(0), map, 1));
            y = quant_saturate(b, q->out->dtype, y, quant_load(b, &q->y_zero, aff(0), 1));
        }
        for (int i = 0; i < q->node->n_epilogue; i++)
            y = epilogue_step(q->lw, b, q->node, i, y, NULL);
        kb_store(b, q->out_buf, aff_add(aff_mul(plane, q->out_plane), pixel), y);
    }
}

static void build_pixel(QConv *q, const Segment *x_segment)
{
    KBuilder *b = q->b;
    q->acc = kb_reg(b, "acc", KTYPE(KT_I32, 1), 1, q->tile, 1);
    for (int t = 0; t < q->tile; t++)
        kb_set1(b, q->acc, aff(t), quant_load(b, &q->bias, aff_addc(q->map, t), 1));
    Affine k[MAX_SPATIAL], at[MAX_SPATIAL];
    int depth = 0;
    bool none = x_segment->k_hi <= x_segment->k_lo || q->channels == 0;
    for (int i = 0; i < MAX_SPATIAL - 1; i++)
        none = none || q->axis[i].seg->k_hi <= q->axis[i].seg->k_lo;
    if (!none) {
        Affine channel = nest_serial_loop(b, "c", q->channels, 1, &depth);
        for (int i = 0; i < MAX_SPATIAL; i++)
            depth +=
                open_taps(q, i, i == MAX_SPATIAL - 1 ? x_segment : q->axis[i].seg, &k[i], &at[i]);
        add_products(q, channel, k, at);
        nest_close(b, &depth, 0);
    }
    store_tile(q);
}

/* ---- the loops around ---- */

static void build(QConv *q)
{
    static const char *const names[MAX_SPATIAL] = {"oz", "oy", "ox"};
    KBuilder *b = q->b;
    int depth = 0;
    q->image = nest_loop(b, "n", q->x->shape.dim[0], 1, &depth);
    q->group = nest_loop(b, "g", q->node->params.conv.group, 1, &depth);
    Affine tile = nest_loop(b, "m", q->maps, q->tile, &depth);
    q->map = aff_add(aff_mul(q->group, q->maps), tile);
    for (int i = 0; i < MAX_SPATIAL - 1; i++)
        q->o[i] = nest_loop(b, names[i], q->axis[i].out, 1, &depth);
    const Axis *a = &q->axis[MAX_SPATIAL - 1];
    for (int s = 0; s < a->n; s++) {
        int outer = depth;
        const Segment *segment = &a->seg[s];
        Affine o = nest_loop(b, names[MAX_SPATIAL - 1], segment->hi - segment->lo, 1, &depth);
        q->o[MAX_SPATIAL - 1] = aff_addc(o, segment->lo);
        build_pixel(q, segment);
        nest_close(b, &depth, outer);
    }
    nest_close(b, &depth, 0);
}

int qconv_tile(int64_t maps, int most)
{
    int tile = most;
    while (maps % tile != 0)
        tile--;
    return tile;
}

QConvOperands qconv_operands(const Node *n)
{
    bool scaled = n->op == OP_QLinearConv;
    Value *const *in = n->in;
    int own = node_own_inputs(n);
    QConvOperands o = {.x = in[0], .w = in[scaled ? 3 : 1], .out = n->out[0], .scaled = scaled};
    if (scaled) {
        o.x_zero = in[2];
        o.w_zero = in[5];
        o.y_zero = in[7];
        o.bias = own > 8 ? in[8] : NULL;
        for (int i = 0; i < 3; i++)
            o.scale[i] = in[(const int[]){1, 4, 6}[i]];
    } else {
        o.x_zero = own > 2 ? in[2] : NULL;
        o.w_zero = own > 3 ? in[3] : NULL;
    }
    o.channels = o.w->shape.dim[1];
    o.maps = o.w->shape.dim[0] / n->params.conv.group;
    return o;
}

bool lower_qconv(Lower *lw, const Node *n)
{
    QConvScratch s;
    if (n->plan.scratch_bytes > 0 && qconv_scratch(n, lw->program->target->lanes, &s))
        return lower_qconv_vector(lw, n, &s);
    const QConvOperands o = qconv_operands(n);
    QConv q = {.lw = lw, .node = n, .scaled = o.scaled, .out = o.out, .x = o.x, .w = o.w};
    q.channels = o.channels;
    q.maps = o.maps;
    q.tile = qconv_tile(q.maps, MAX_TILE);
    set_axes(&q);
    Arg args[MAX_KERNEL_BUFFERS];
    int n_args = 0;
    const char *from = dims_str(lw->arena, &q.x->shape, 1);
    const char *kernel = dims_str(lw->arena, &q.w->shape, 2);
    q.b = kb_new(
        lw->arena, lw->program->target,
        arena_printf(lw->arena, "qconv%s_%s_%lld", kernel, from, (long long)q.out->shape.dim[1]));
    open_buffers(&q, &o, args, &n_args);
    build(&q);
    return lower_emit(lw, n, q.b,
                      arena_printf(lw->arena, "%s of %s with %s, %d output channels at a time",
                                   op_info(n->op)->name, from, kernel, q.tile),
                      args);
}
