/* Col2Im: every pixel of the image is the sum of the column elements whose taps lie on it.
 *
 * The image is zeroed; then, for each tap in order, the placements of the window add their
 * elements to it. Placements that fall outside of the image are skipped. */
#include "codegen/nest.h"

typedef struct Fold {
    KBuilder *b;
    const FoldParams *p;
    int64_t stands[MAX_SPATIAL];
    const KBuf *in, *out;
    Affine tap[MAX_SPATIAL], stand[MAX_SPATIAL];
} Fold;

/* Opens loops over taps and placements and the conditions that the pixel exists; returns how many
 * blocks are open. */
static int open_loops(Fold *f)
{
    static const char *const taps[] = {"kx", "ky", "kz"}, *const stands[] = {"x", "y", "z"};
    const Window *w = &f->p->w;
    int depth = 1, ifs = 0;
    for (int i = 0; i < w->n; i++)
        f->tap[i] = nest_loop(f->b, taps[w->n - 1 - i], w->kernel[i], 1, &depth);
    for (int i = 0; i < w->n; i++)
        f->stand[i] = nest_loop(f->b, stands[w->n - 1 - i], f->stands[i], 1, &depth);
    for (int i = 0; i < w->n; i++) {
        Affine at = aff_add(aff_mul(f->stand[i], w->stride[i]), aff_mul(f->tap[i], w->dilation[i]));
        at = aff_addc(at, -w->pad_begin[i]);
        kb_if(f->b, at);
        kb_if(f->b, aff_sub(aff(f->p->image[i] - 1), at));
        ifs += 2;
    }
    return depth - 1 + ifs;
}

static void emit_zeros(const Fold *f, Affine plane, int64_t pixels, KType type)
{
    Affine i = aff_var(kb_for(f->b, "i", 0, pixels, 1, KL_SERIAL));
    kb_store(f->b, f->out, aff_add(plane, i), kb_const(f->b, type, 0));
    kb_end(f->b);
}

bool lower_col2im(Lower *lw, const Node *n)
{
    const Value *x = n->in[0], *y = n->out[0];
    Fold f = {.p = &n->params.fold};
    const Window *w = &f.p->w;
    int64_t pixels = shape_range_numel(&y->shape, 2, y->shape.rank), taps = 1;
    const char *from = dims_str(lw->arena, &x->shape, 0), *to = dims_str(lw->arena, &y->shape, 0);
    KBuilder *b = f.b = kb_new(lw->arena, lw->program->target,
                               arena_printf(lw->arena, "col2im_%s_to_%s", from, to));
    for (int i = 0; i < w->n; i++) {
        int64_t room = f.p->image[i] + w->pad_begin[i] + w->pad_end[i] -
                       w->dilation[i] * (w->kernel[i] - 1) - 1;
        f.stands[i] = room / w->stride[i] + 1;
        taps *= w->kernel[i];
    }
    f.out = buf_value(b, "out", y, K_READ_WRITE);
    f.in = buf_value(b, "in", x, K_READ);
    int depth = 0;
    Affine plane = nest_loop(b, "plane", y->shape.dim[0] * y->shape.dim[1], 1, &depth);
    emit_zeros(&f, aff_mul(plane, pixels), pixels, value_type(y, 1));
    int open = open_loops(&f);
    Affine from_at = plane, to_at = plane;
    for (int i = 0; i < w->n; i++)
        from_at = aff_add(aff_mul(from_at, w->kernel[i]), f.tap[i]);
    for (int i = 0; i < w->n; i++) {
        Affine at = aff_add(aff_mul(f.stand[i], w->stride[i]), aff_mul(f.tap[i], w->dilation[i]));
        from_at = aff_add(aff_mul(from_at, f.stands[i]), f.stand[i]);
        to_at = aff_add(aff_mul(to_at, f.p->image[i]), aff_addc(at, -w->pad_begin[i]));
    }
    KExpr *sum = kb_bin(b, KO_ADD, kb_load(b, f.out, to_at, 1), kb_load(b, f.in, from_at, 1));
    kb_store(b, f.out, to_at, sum);
    for (int i = 0; i < open; i++)
        kb_end(b);
    nest_close(b, &depth, 0);
    Arg args[2] = {arg_value(lw, y), arg_value(lw, x)};
    return lower_emit(
        lw, n, b, arena_printf(lw->arena, "Col2Im %s to %s, %lld taps", from, to, (long long)taps),
        args);
}
