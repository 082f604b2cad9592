/* GridSample: for every point of the grid, pixels of the image around it, blended. The point's
 * coordinates become positions in pixels; sampler.h tells the rest. Plain layouts. */
#include "codegen/sampler.h"

/* A coordinate in -1…1 as a pixel: its corners' centres at -1 and 1, or their outer borders. */
static KExpr *denormalized(const Sampler *g, KExpr *x, int64_t extent)
{
    KBuilder *b = g->b;
    double length = (double)extent;
    x = kb_bin(b, KO_ADD, x, kb_const(b, g->coord, 1));
    if (g->p->align_corners) {
        x = kb_bin(b, KO_DIV, x, kb_const(b, g->coord, 2));
        return kb_bin(b, KO_MUL, x, kb_const(b, g->coord, length - 1));
    }
    x = kb_bin(b, KO_MUL, x, kb_const(b, g->coord, length));
    x = kb_bin(b, KO_SUB, x, kb_const(b, g->coord, 1));
    return kb_bin(b, KO_DIV, x, kb_const(b, g->coord, 2));
}

/* All taps of the point whose coordinates begin at `from` of the grid, x first. */
static void make_taps(Sampler *g, const KBuf *grid, Affine from)
{
    for (int axis = 0; axis < g->n; axis++) {
        KExpr *x = kb_load(g->b, grid, aff_addc(from, g->n - 1 - axis), 1);
        sampler_taps(g, axis, denormalized(g, x, g->extent[axis]));
    }
}

bool lower_grid_sample(Lower *lw, const Node *n)
{
    static const char *const modes[] = {"nearest", "linear", "cubic"};
    const Value *x = n->in[0], *points = n->in[1], *y = n->out[0];
    Sampler g = sampler_make(&n->params.sample, x, points);
    const char *from = dims_str(lw->arena, &x->shape, 0), *mode = modes[g.p->mode];
    const char *to = dims_str(lw->arena, &y->shape, 0);
    int depth = 0;
    int64_t count = shape_range_numel(&y->shape, 2, y->shape.rank), channels = x->shape.dim[1];
    KBuilder *b = g.b = kb_new(lw->arena, lw->program->target,
                               arena_printf(lw->arena, "grid_sample_%s_%s_to_%s", mode, from, to));
    KBuf *out = buf_value(b, "out", y, K_WRITE);
    g.in = buf_value(b, "in", x, K_READ);
    KBuf *grid = buf_value(b, "grid", points, K_READ);
    Affine image = nest_loop(b, "image", y->shape.dim[0], 1, &depth);
    Affine p = nest_loop(b, "point", count, 1, &depth);
    make_taps(&g, grid, aff_mul(aff_add(aff_mul(image, count), p), g.n));
    sampler_corners(&g);
    Affine plane = aff_mul(image, channels);
    plane = aff_add(plane, nest_loop(b, "c", channels, 1, &depth));
    kb_store(b, out, aff_add(aff_mul(plane, count), p),
             sampler_blend(&g, aff_mul(plane, g.pixels)));
    nest_close(b, &depth, 0);
    Arg args[3] = {arg_value(lw, y), arg_value(lw, x), arg_value(lw, points)};
    return lower_emit(lw, n, b, arena_printf(lw->arena, "GridSample %s to %s, %s", from, to, mode),
                      args);
}
