/* Conv and ConvTranspose: the sums of the ONNX specification, one output plane at a time.
 *
 * Comes in: X [N,C,…], W [M,C/group,k…] (ConvTranspose: [C,M/group,k…]), B [M]. Goes out: Y
 * [N,M,…]. Holds: every product is accumulated in double; a plane is rounded once. For each kernel
 * tap the range of positions that fall inside the input is known beforehand, so that the inner loop
 * is a plain multiply-add over a row. */
#include "ir/interp/values.h"

/* y[i * step_y] += w * x[i * step_x] */
static void add_row(double *y, int64_t step_y, double w, const double *x, int64_t step_x, int64_t n)
{
    if (step_x == 1 && step_y == 1) {
        for (int64_t i = 0; i < n; i++)
            y[i] += w * x[i];
        return;
    }
    for (int64_t i = 0; i < n; i++)
        y[i * step_y] += w * x[i * step_x];
}

/* The kernel tap with coordinates k: where it leads from the plane that the window is placed on
 * ("placed": Conv's output, ConvTranspose's input) to the plane that it slides over. */
typedef struct Tap {
    int64_t lo[MAX_SPATIAL], hi[MAX_SPATIAL]; /* placements inside */
    int64_t at[MAX_SPATIAL];                  /* position of placement 0: may be negative */
} Tap;

static Tap tap_make(const Spatial *s, const int64_t *slid, const int64_t *placed, const int64_t *k)
{
    Tap t;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        spatial_trim(s, i, k[i], slid[i], placed[i], &t.lo[i], &t.hi[i]);
        t.at[i] = k[i] * s->dilation[i] - s->pad_begin[i];
    }
    return t;
}

/* Adds one tap's products for all rows. `gather` (Conv) reads the slid-over plane x and adds into
 * the placed plane y; otherwise (ConvTranspose) x is the placed plane and y the slid-over one. */
static void add_tap(const Spatial *s, const Tap *t, const int64_t *slid, const int64_t *placed,
                    bool gather, double w, const double *x, double *y)
{
    int64_t n = t->hi[2] - t->lo[2];
    if (n <= 0)
        return;
    for (int64_t z = t->lo[0]; z < t->hi[0]; z++)
        for (int64_t r = t->lo[1]; r < t->hi[1]; r++) {
            int64_t sz = z * s->stride[0] + t->at[0], sr = r * s->stride[1] + t->at[1];
            int64_t slid_at = (sz * slid[1] + sr) * slid[2] + t->lo[2] * s->stride[2] + t->at[2];
            int64_t placed_at = (z * placed[1] + r) * placed[2] + t->lo[2];
            if (gather)
                add_row(y + placed_at, 1, w, x + slid_at, s->stride[2], n);
            else
                add_row(y + slid_at, s->stride[2], w, x + placed_at, 1, n);
        }
}

/* y += w (*) x for one pair of planes and all taps of the kernel. */
static void add_plane(const Spatial *s, const int64_t *slid, const int64_t *placed, bool gather,
                      const double *w, const double *x, double *y)
{
    int64_t k[MAX_SPATIAL];
    for (k[0] = 0; k[0] < s->kernel[0]; k[0]++)
        for (k[1] = 0; k[1] < s->kernel[1]; k[1]++)
            for (k[2] = 0; k[2] < s->kernel[2]; k[2]++) {
                Tap t = tap_make(s, slid, placed, k);
                add_tap(s, &t, slid, placed, gather, *w++, x, y);
            }
}

/* A 1x1 convolution without strides and pads treats a plane as one row. */
static void flatten_pointwise(Spatial *s)
{
    for (int i = 0; i < MAX_SPATIAL; i++)
        if (s->kernel[i] != 1 || s->stride[i] != 1 || s->pad_begin[i] || s->in[i] != s->out[i])
            return;
    s->in[0] = s->in[1] = s->out[0] = s->out[1] = 1;
    s->in[2] = s->out[2] = s->in_plane;
}

static void start_plane(double *y, int64_t n, const Tensor *bias, int64_t channel)
{
    double b = bias ? tensor_get_f64(bias, channel) : 0;
    for (int64_t i = 0; i < n; i++)
        y[i] = b;
}

bool interp_conv(InterpCall *c)
{
    const ConvParams *p = &c->node->params.conv;
    const Tensor *w = c->in[1], *bias = interp_operand(c, 2);
    Tensor *out = c->out[0];
    const Shape *xs = &c->in[0]->shape, *ys = &out->shape;
    Spatial s = spatial_make(&p->w, xs, ys);
    flatten_pointwise(&s);
    int64_t per_group = w->shape.dim[1], maps = ys->dim[1], kernel = per_group * s.taps;
    double *x = interp_f64(c->arena, c->in[0]);
    double *weight = ARENA_ARRAY(c->arena, double, kernel);
    double *y = ARENA_ARRAY(c->arena, double, s.out_plane);
    for (int64_t m = 0; m < maps; m++) {
        int64_t first = m / (maps / p->group) * per_group; /* input channel of the group */
        interp_load(w, m * kernel, kernel, weight);
        for (int64_t n = 0; n < xs->dim[0]; n++) {
            start_plane(y, s.out_plane, bias, m);
            for (int64_t i = 0; i < per_group; i++)
                add_plane(&s, s.in, s.out, true, weight + i * s.taps,
                          x + (n * xs->dim[1] + first + i) * s.in_plane, y);
            interp_store(y, out, (n * maps + m) * s.out_plane, s.out_plane);
        }
    }
    return true;
}

bool interp_conv_transpose(InterpCall *c)
{
    const ConvParams *p = &c->node->params.conv;
    const Tensor *w = c->in[1], *bias = interp_operand(c, 2);
    Tensor *out = c->out[0];
    const Shape *xs = &c->in[0]->shape, *ys = &out->shape;
    Spatial s = spatial_make(&p->w, xs, ys);
    int64_t channels = xs->dim[1], maps = ys->dim[1];
    int64_t per_group = channels / p->group, maps_per_group = w->shape.dim[1];
    double *x = interp_f64(c->arena, c->in[0]);
    double *weight = ARENA_ARRAY(c->arena, double, s.taps);
    double *y = ARENA_ARRAY(c->arena, double, s.out_plane);
    for (int64_t n = 0; n < xs->dim[0]; n++)
        for (int64_t m = 0; m < maps; m++) {
            int64_t first = m / maps_per_group * per_group;
            start_plane(y, s.out_plane, bias, m);
            for (int64_t i = first; i < first + per_group; i++) {
                interp_load(w, (i * maps_per_group + m % maps_per_group) * s.taps, s.taps, weight);
                add_plane(&s, s.out, s.in, false, weight, x + (n * channels + i) * s.in_plane, y);
            }
            interp_store(y, out, (n * maps + m) * s.out_plane, s.out_plane);
        }
    return true;
}
