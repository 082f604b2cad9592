/* Pooling: MaxPool, AveragePool, LpPool, their global forms, and MaxUnpool.
 *
 * Comes in: X [N,C,…] and an inferred window. Goes out: one number a placement of the window, and
 * for MaxPool the position of the maximum in the flattened X.
 * Holds: a window's elements are the taps that lie inside the input; padding is never read. A
 * window without any (a dilated one can step over the input) gives the neutral element. */
#include "ir/interp/values.h"

#include <math.h>
#include <string.h>

/* The elements of one window. */
typedef struct Taps {
    int64_t n;
    int64_t *at;    /* offsets in the plane, n of them */
    int64_t padded; /* taps inside the padded input: AveragePool's divisor when pads count */
} Taps;

/* The tap range k of one axis whose positions o * stride + k * dilation lie in [first, end),
 * counted from the first padded element. */
static void tap_range(const Spatial *s, int axis, int64_t o, int64_t first, int64_t end,
                      int64_t *lo, int64_t *hi)
{
    int64_t start = o * s->stride[axis], d = s->dilation[axis];
    *lo = start >= first ? 0 : (first - start - 1) / d + 1;
    *hi = start >= end ? 0 : (end - start - 1) / d + 1;
    if (*hi > s->kernel[axis])
        *hi = s->kernel[axis];
    if (*lo > *hi)
        *lo = *hi;
}

static void collect(const Spatial *s, const int64_t *o, Taps *t)
{
    int64_t lo[MAX_SPATIAL], hi[MAX_SPATIAL], base[MAX_SPATIAL], k[MAX_SPATIAL];
    t->n = 0;
    t->padded = 1;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        int64_t from, to, begin = s->pad_begin[i];
        tap_range(s, i, o[i], begin, begin + s->in[i], &lo[i], &hi[i]);
        tap_range(s, i, o[i], 0, begin + s->in[i] + s->pad_end[i], &from, &to);
        t->padded *= to - from;
        base[i] = o[i] * s->stride[i] - begin;
    }
    for (k[0] = lo[0]; k[0] < hi[0]; k[0]++)
        for (k[1] = lo[1]; k[1] < hi[1]; k[1]++)
            for (k[2] = lo[2]; k[2] < hi[2]; k[2]++) {
                int64_t at = 0;
                for (int i = 0; i < MAX_SPATIAL; i++)
                    at = at * s->in[i] + base[i] + k[i] * s->dilation[i];
                t->at[t->n++] = at;
            }
}

/* Everything a pooling formula may want for one window. */
typedef struct PoolWindow {
    const PoolParams *p;
    const double *x; /* the plane */
    Taps taps;
} PoolWindow;

static double average(const PoolWindow *w)
{
    double sum = 0;
    for (int64_t i = 0; i < w->taps.n; i++)
        sum += w->x[w->taps.at[i]];
    return w->taps.n ? sum / (double)(w->p->count_include_pad ? w->taps.padded : w->taps.n) : 0;
}

static double lp_norm(const PoolWindow *w)
{
    double sum = 0, p = (double)w->p->p;
    for (int64_t i = 0; i < w->taps.n; i++)
        sum += pow(fabs(w->x[w->taps.at[i]]), p);
    return pow(sum, 1 / p);
}

/* Calls `visit` with the taps of every window of every plane; `plane` numbers them from 0. */
static void for_windows(const Spatial *s, int64_t planes, Taps *t,
                        void (*visit)(void *user, int64_t plane, int64_t position), void *user)
{
    int64_t o[MAX_SPATIAL], position = 0;
    for (o[0] = 0; o[0] < s->out[0]; o[0]++)
        for (o[1] = 0; o[1] < s->out[1]; o[1]++)
            for (o[2] = 0; o[2] < s->out[2]; o[2]++, position++) {
                collect(s, o, t);
                for (int64_t plane = 0; plane < planes; plane++)
                    visit(user, plane, position);
            }
}

/* Room for the taps of a window; one that reaches over the input holds at most the input. */
static Taps taps_new(Arena *a, const Spatial *s)
{
    int64_t most = 1;
    for (int i = 0; i < MAX_SPATIAL; i++)
        most *= s->kernel[i] < s->in[i] ? s->kernel[i] : s->in[i];
    return (Taps){.at = ARENA_ARRAY(a, int64_t, most)};
}

/* ---- AveragePool, LpPool ---- */

typedef struct Reduction {
    PoolWindow w;
    double (*formula)(const PoolWindow *);
    const double *x;
    double *y;
    Spatial s;
} Reduction;

static void reduce_window(void *user, int64_t plane, int64_t position)
{
    Reduction *r = user;
    r->w.x = r->x + plane * r->s.in_plane;
    r->y[plane * r->s.out_plane + position] = r->formula(&r->w);
}

static bool reduce(InterpCall *c, double (*formula)(const PoolWindow *))
{
    const PoolParams *p = &c->node->params.pool;
    Tensor *out = c->out[0];
    const Shape *ys = &out->shape;
    Reduction r = {.formula = formula, .s = spatial_make(&p->w, &c->in[0]->shape, ys)};
    r.w = (PoolWindow){.p = p, .taps = taps_new(c->arena, &r.s)};
    r.x = interp_f64(c->arena, c->in[0]);
    r.y = ARENA_ARRAY(c->arena, double, shape_numel(ys));
    for_windows(&r.s, ys->dim[0] * ys->dim[1], &r.w.taps, reduce_window, &r);
    interp_store(r.y, out, 0, shape_numel(ys));
    return true;
}

bool interp_average_pool(InterpCall *c)
{
    return reduce(c, average);
}

bool interp_lp_pool(InterpCall *c)
{
    return reduce(c, lp_norm);
}

/* ---- MaxPool ---- */

typedef struct Maximum {
    const Tensor *x;
    Tensor *y, *index;  /* index: NULL when not wanted */
    const double *f64;  /* x as doubles (floats) … */
    const int64_t *i64; /* … or as int64 (integers) */
    Spatial s;
    Taps taps;
    bool column_major;
} Maximum;

/* NaN is no maximum: it counts as -infinity. */
static double number(double x)
{
    return isnan(x) ? -INFINITY : x;
}

static bool greater(const Maximum *m, int64_t a, int64_t b)
{
    if (m->f64)
        return number(m->f64[a]) > number(m->f64[b]);
    if (m->x->dtype == DT_U64)
        return (uint64_t)m->i64[a] > (uint64_t)m->i64[b];
    return m->i64[a] > m->i64[b];
}

/* storage_order = 1 numbers the elements of a plane with the first axis running fastest. */
static int64_t column_major(const Spatial *s, int64_t at)
{
    int64_t w = at % s->in[2], h = at / s->in[2] % s->in[1], d = at / s->in[2] / s->in[1];
    return (w * s->in[1] + h) * s->in[0] + d;
}

static void max_window(void *user, int64_t plane, int64_t position)
{
    Maximum *m = user;
    size_t size = dtype_size(m->x->dtype);
    int64_t base = plane * m->s.in_plane, to = plane * m->s.out_plane + position;
    if (m->taps.n == 0) {
        tensor_set_f64(m->y, to, -INFINITY);
        return;
    }
    int64_t best = m->taps.at[0];
    for (int64_t i = 1; i < m->taps.n; i++)
        if (greater(m, base + m->taps.at[i], base + best))
            best = m->taps.at[i];
    if (m->f64)
        tensor_set_f64(m->y, to, number(m->f64[base + best]));
    else
        memcpy((char *)m->y->data + (size_t)to * size,
               (const char *)m->x->data + (size_t)(base + best) * size, size);
    if (m->index)
        tensor_set_i64(m->index, to, base + (m->column_major ? column_major(&m->s, best) : best));
}

bool interp_max_pool(InterpCall *c)
{
    const PoolParams *p = &c->node->params.pool;
    const Tensor *x = c->in[0];
    int64_t n = shape_numel(&x->shape);
    Maximum m = {.x = x, .y = c->out[0], .index = c->n_out > 1 ? c->out[1] : NULL};
    m.s = spatial_make(&p->w, &x->shape, &c->out[0]->shape);
    m.taps = taps_new(c->arena, &m.s);
    m.column_major = p->column_major;
    if (dtype_is_float(x->dtype)) {
        m.f64 = interp_f64(c->arena, x);
    } else {
        int64_t *exact = ARENA_ARRAY(c->arena, int64_t, n);
        interp_load_i64(x, 0, n, exact);
        m.i64 = exact;
    }
    for_windows(&m.s, x->shape.dim[0] * x->shape.dim[1], &m.taps, max_window, &m);
    return true;
}

/* ---- global pooling ---- */

static bool global(InterpCall *c, bool is_max)
{
    const Shape *xs = &c->in[0]->shape;
    int64_t planes = xs->dim[0] * xs->dim[1], plane = shape_range_numel(xs, 2, xs->rank);
    double *x = interp_f64(c->arena, c->in[0]);
    for (int64_t k = 0; k < planes; k++, x += plane) {
        double sum = 0, most = x[0];
        for (int64_t i = 0; i < plane; i++) {
            sum += x[i];
            most = x[i] > most || isnan(x[i]) ? x[i] : most;
        }
        tensor_set_f64(c->out[0], k, is_max ? most : sum / (double)plane);
    }
    return true;
}

bool interp_global_average_pool(InterpCall *c)
{
    return global(c, false);
}

bool interp_global_max_pool(InterpCall *c)
{
    return global(c, true);
}

/* ---- MaxUnpool ---- */

/* Where an index points: it is one into the tensor that MaxPool read, whose extents `from` follow
 * from the window; the output may be larger (output_shape). -1 when outside of either. */
static int64_t unpool_position(const Shape *from, const Shape *to, int64_t index)
{
    int64_t position = 0, step = 1;
    if (index < 0 || index >= shape_numel(from))
        return -1;
    for (int i = from->rank - 1; i >= 0; i--) {
        int64_t at = index % from->dim[i];
        if (at >= to->dim[i])
            return -1;
        position += at * step;
        index /= from->dim[i];
        step *= to->dim[i];
    }
    return position;
}

bool interp_max_unpool(InterpCall *c)
{
    const Window *w = &c->node->params.pool.w;
    const Tensor *x = c->in[0], *indices = c->in[1];
    Shape from = x->shape;
    size_t size = dtype_size(x->dtype);
    int64_t n = shape_numel(&x->shape), numel;
    for (int i = 0; i < w->n; i++)
        from.dim[i + 2] =
            (from.dim[i + 2] - 1) * w->stride[i] + w->kernel[i] - w->pad_begin[i] - w->pad_end[i];
    if (n > 0 && !shape_checked_numel(&from, &numel))
        return interp_error(c, "the pooled tensor's shape is out of range");
    memset(c->out[0]->data, 0, tensor_bytes(c->out[0]));
    for (int64_t i = 0; i < n; i++) {
        int64_t at = unpool_position(&from, &c->out[0]->shape, tensor_get_i64(indices, i));
        if (at < 0)
            return interp_error(c, "index %lld is out of range",
                                (long long)tensor_get_i64(indices, i));
        memcpy((char *)c->out[0]->data + (size_t)at * size,
               (const char *)x->data + (size_t)i * size, size);
    }
    return true;
}
