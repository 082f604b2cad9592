/* DeformColumns: what every tap of a deformable convolution reads, as channels of a wider image.
 *
 * For every place and tap, the place's own offset moves the tap to between the pixels, which are
 * blended (sampler.h; the image lies among zeros) and multiplied by the tap's mask. All channels of
 * a group of offsets share that. The convolution itself is then a product over the channels, which
 * the kernels of Conv compute. Plain layouts. */
#include "codegen/sampler.h"

static const SampleParams bilinear = {.mode = RESIZE_LINEAR, .padding = SAMPLE_ZEROS};

typedef struct Deform {
    Sampler s;
    const Window *w;
    int64_t group, channels, taps, count; /* of offsets; in a group; of the kernel; places */
    const KBuf *offset, *mask, *out;
    int depth;
} Deform;

/* Loops over the axes of an extent; `at` receives the variables. Returns their joined index. */
static Affine loop_axes(Deform *d, const char *name, const int64_t *extent, Affine *at)
{
    Affine joined = aff(0);
    for (int i = 0; i < d->w->n; i++) {
        at[i] = nest_loop(d->s.b, name, extent[i], 1, &d->depth);
        joined = aff_add(aff_mul(joined, extent[i]), at[i]);
    }
    return joined;
}

/* The taps of the sampler, for the kernel's tap `k` at the place `o`; the offsets of the tap's axes
 * begin at `from`, `count` apart. */
static void make_taps(Deform *d, const Affine *k, const Affine *o, Affine from)
{
    KBuilder *b = d->s.b;
    for (int i = 0; i < d->w->n; i++) {
        Affine fixed = aff_add(aff_mul(o[i], d->w->stride[i]), aff_mul(k[i], d->w->dilation[i]));
        KExpr *x = kb_index(b, KTYPE(KT_I64, 1), aff_addc(fixed, -d->w->pad_begin[i]));
        KExpr *moved = kb_load(b, d->offset, aff_addc(from, i * d->count), 1);
        sampler_taps(&d->s, i, kb_bin(b, KO_ADD, kb_cvt(b, d->s.coord, x), moved));
    }
    sampler_corners(&d->s);
}

static void emit(Deform *d, int64_t images, const int64_t *places)
{
    KBuilder *b = d->s.b;
    Affine k[MAX_SPATIAL] = {{0}}, o[MAX_SPATIAL] = {{0}};
    Affine image = nest_loop(b, "image", images, 1, &d->depth);
    Affine group = nest_loop(b, "group", d->group, 1, &d->depth);
    Affine tap = loop_axes(d, "k", d->w->kernel, k), place = loop_axes(d, "o", places, o);
    group = aff_add(aff_mul(image, d->group), group); /* of all images */
    Affine at = aff_add(aff_mul(group, d->taps), tap);
    make_taps(d, k, o, aff_add(aff_mul(at, d->w->n * d->count), place));
    const KLet *mask = NULL;
    if (d->mask)
        mask = kb_let(b, "mask", kb_load(b, d->mask, aff_add(aff_mul(at, d->count), place), 1));
    Affine c = nest_loop(b, "c", d->channels, 1, &d->depth);
    c = aff_add(aff_mul(group, d->channels), c);
    KExpr *x = sampler_blend(&d->s, aff_mul(c, d->s.pixels));
    if (mask)
        x = kb_bin(b, KO_MUL, x, kb_use(b, mask));
    Affine column = aff_add(aff_mul(c, d->taps), tap);
    kb_store(b, d->out, aff_add(aff_mul(column, d->count), place), x);
    nest_close(b, &d->depth, 0);
}

bool lower_deform_columns(Lower *lw, const Node *n)
{
    const ConvParams *p = &n->params.conv;
    const Value *x = n->in[0], *offset = n->in[1], *y = n->out[0];
    const Value *mask = n->n_in > 2 ? n->in[2] : NULL;
    const char *from = dims_str(lw->arena, &x->shape, 0);
    const char *to = dims_str(lw->arena, &y->shape, 0);
    const char *name = arena_printf(lw->arena, "deform_columns_%s_to_%s", from, to);
    Deform d = {.s = sampler_make(&bilinear, x, offset), .w = &p->w, .group = p->group, .taps = 1};
    d.channels = x->shape.dim[1] / p->group;
    d.count = shape_range_numel(&y->shape, 2, y->shape.rank);
    for (int i = 0; i < p->w.n; i++)
        d.taps *= p->w.kernel[i];
    KBuilder *b = d.s.b = kb_new(lw->arena, lw->program->target, name);
    d.out = buf_value(b, "out", y, K_WRITE);
    d.s.in = buf_value(b, "in", x, K_READ);
    d.offset = buf_value(b, "offset", offset, K_READ);
    d.mask = mask ? buf_value(b, "mask", mask, K_READ) : NULL;
    emit(&d, y->shape.dim[0], y->shape.dim + 2);
    Arg args[4] = {arg_value(lw, y), arg_value(lw, x), arg_value(lw, offset)};
    if (mask)
        args[3] = arg_value(lw, mask);
    return lower_emit(lw, n, b, arena_printf(lw->arena, "DeformColumns %s to %s", from, to), args);
}
