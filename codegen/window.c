/* Segments of sliding windows; codegen/window.h says what they are. */
#include "codegen/window.h"

/* The least k >= 0 with base + k * dilation >= bound, at most `kernel`. */
static int64_t first_tap(int64_t base, int64_t dilation, int64_t bound, int64_t kernel)
{
    int64_t k = base >= bound ? 0 : (bound - base + dilation - 1) / dilation;
    return k < kernel ? k : kernel;
}

/* Output `o` alone; on a guarded axis all taps are taken, and tested at run time. */
static Segment position(const Axis *a, int64_t o)
{
    int64_t base = o * a->stride - a->pad_begin;
    return (Segment){.lo = o,
                     .hi = o + 1,
                     .k_lo = a->guarded ? 0 : first_tap(base, a->dilation, 0, a->kernel),
                     .k_hi =
                         a->guarded ? a->kernel : first_tap(base, a->dilation, a->in, a->kernel),
                     .counted = first_tap(base, a->dilation, a->in + a->pad_end, a->kernel)};
}

static bool same_taps(const Segment *s, const Segment *t)
{
    return s->k_lo == t->k_lo && s->k_hi == t->k_hi && s->counted == t->counted;
}

/* All three ends of the taps only fall along the axis, so that positions with equal taps are a run:
 * the one that begins at `o`, found in steps that double and then halve. */
static Segment segment_at(const Axis *a, int64_t o)
{
    Segment s = position(a, o);
    int64_t step = 1;
    for (; s.hi < a->out; step *= 2) {
        int64_t next = step < a->out - s.hi ? s.hi + step : a->out;
        Segment t = position(a, next - 1);
        if (!same_taps(&s, &t))
            break;
        s.hi = next;
    }
    for (; step > 0; step /= 2) {
        Segment t = position(a, s.hi + step - 1);
        if (s.hi + step <= a->out && same_taps(&s, &t))
            s.hi += step;
    }
    return s;
}

/* Appends a segment, or extends the last one when they are alike; false when there would be more
 * than `limit`. */
static bool append(Axis *a, const Segment *s, int limit)
{
    Segment *last = &a->seg[a->n - (a->n > 0)];
    if (a->n > 0 && same_taps(last, s)) {
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
    Segment s = {.hi = 0};
    while (s.hi < out && !a.guarded) {
        s = segment_at(&a, s.hi);
        a.guarded = !append(&a, &s, limit);
    }
    if (!a.guarded)
        return a;
    a.n = 0; /* all taps everywhere; only the count may differ, where the last window hangs over */
    for (s.hi = 0; s.hi < out;) {
        s = segment_at(&a, s.hi);
        if (!append(&a, &s, MAX_SEGMENTS))
            a.seg[a.n - 1].hi = s.hi = out;
    }
    return a;
}

Affine window_at(const Axis *axis, Affine o, Affine k)
{
    Affine at = aff_add(aff_mul(o, axis->stride), aff_mul(k, axis->dilation));
    return aff_addc(at, -axis->pad_begin);
}
