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

Axis window_axis(const Window *w, int i, int64_t in, int64_t out, int limit)
{
    Axis a = {.in = in,
              .out = out,
              .kernel = w->kernel[i],
              .stride = w->stride[i],
              .dilation = w->dilation[i],
              .pad_begin = w->pad_begin[i],
              .pad_end = w->pad_end[i]};
    for (int64_t o = 0; o < out; o++) {
        Segment s = position(&a, o), *last = &a.seg[a.n - (a.n > 0)];
        if (a.n > 0 && last->k_lo == s.k_lo && last->k_hi == s.k_hi && last->counted == s.counted) {
            last->hi = o + 1;
        } else if (a.n == limit) {
            a.guarded = true;
            a.n = 1;
            a.seg[0] = (Segment){0, out, 0, a.kernel, a.kernel};
            break;
        } else {
            a.seg[a.n++] = s;
        }
    }
    return a;
}

Affine window_at(const Axis *axis, Affine o, Affine k)
{
    Affine at = aff_add(aff_mul(o, axis->stride), aff_mul(k, axis->dilation));
    return aff_addc(at, -axis->pad_begin);
}
