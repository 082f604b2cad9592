/* Segments of sliding windows; codegen/window.h says what they are. */
#include "codegen/window.h"

/* The least k >= 0 with base + k * dilation >= bound, at most `kernel`. */
static int64_t first_tap(int64_t base, int64_t dilation, int64_t bound, int64_t kernel)
{
    int64_t k = base >= bound ? 0 : (bound - base + dilation - 1) / dilation;
    return k < kernel ? k : kernel;
}

static Segment position(const Axis *a, int64_t o)
{
    int64_t base = o * a->stride - a->pad_begin;
    return (Segment){.lo = o,
                     .hi = o + 1,
                     .k_lo = first_tap(base, a->dilation, 0, a->kernel),
                     .k_hi = first_tap(base, a->dilation, a->in, a->kernel),
                     .counted = first_tap(base, a->dilation, a->in + a->pad_end, a->kernel)};
}

/* Appends output `s.lo` to the segments, extending the last one when they are alike; false when
 * there would be more than `limit`. */
static bool append(Axis *a, const Segment *s, int limit)
{
    Segment *last = &a->seg[a->n - (a->n > 0)];
    if (a->n > 0 && last->k_lo == s->k_lo && last->k_hi == s->k_hi && last->counted == s->counted) {
        last->hi = s->hi;
        return true;
    }
    if (a->n == limit)
        return false;
    a->seg[a->n++] = *s;
    return true;
}

Axis window_axis(const Window *w, int i, int64_t in, int64_t out, int limit)
{
    Axis a = {.in = in,
              .out = out,
              .kernel = w->kernel[i],
              .stride = w->stride[i],
              .dilation = w->dilation[i],
              .pad_begin = w->pad_begin[i],
              .pad_end = w->pad_end[i]};
    for (int64_t o = 0; o < out && !a.guarded; o++) {
        Segment s = position(&a, o);
        a.guarded = !append(&a, &s, limit);
    }
    if (!a.guarded)
        return a;
    a.n = 0; /* all taps everywhere; only the count may differ, where the last window hangs over */
    for (int64_t o = 0; o < out; o++) {
        Segment s = position(&a, o);
        s.k_lo = 0;
        s.k_hi = a.kernel;
        if (!append(&a, &s, MAX_SEGMENTS))
            a.seg[a.n - 1].hi = o + 1;
    }
    return a;
}

Affine window_at(const Axis *axis, Affine o, Affine k)
{
    Affine at = aff_add(aff_mul(o, axis->stride), aff_mul(k, axis->dilation));
    return aff_addc(at, -axis->pad_begin);
}
