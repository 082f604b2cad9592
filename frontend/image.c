/* Pictures as tensors: PNG and JPEG in, PNG out.
 *
 * A picture goes to a network of its own size, as [1,C,H,W] or [1,H,W,C]; C says grey or RGB.
 * Scaling is bilinear between pixel centres, borders are repeated; results are not rounded. */
#include "frontend/files.h"
#include "frontend/frontend.h"
#include "frontend/stb/stb.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SIDE = 1 << 14 };

/* Extents of a picture inside a tensor, and the strides of its axes in elements. */
typedef struct Raster {
    int64_t height, width, channels;
    int64_t row, column, channel;
} Raster;

static bool is_colour_count(int64_t n)
{
    return n == 1 || n == 3;
}

static bool raster_of(const Shape *s, Raster *r)
{
    bool first = s->rank == 4 && is_colour_count(s->dim[1]);
    bool last = s->rank == 4 && is_colour_count(s->dim[3]);
    if ((!first && !last) || s->dim[0] != 1)
        return false;
    *r = (Raster){.height = s->dim[first ? 2 : 1],
                  .width = s->dim[first ? 3 : 2],
                  .channels = s->dim[first ? 1 : 3]};
    r->row = first ? r->width : r->width * r->channels;
    r->column = first ? 1 : r->channels;
    r->channel = first ? r->height * r->width : 1;
    return r->height >= 1 && r->height <= MAX_SIDE && r->width >= 1 && r->width <= MAX_SIDE;
}

/* Where output position `i` of `n` falls between the input positions *lo and *hi of `m`. */
static double sample_at(int64_t i, int64_t n, int64_t m, int64_t *lo, int64_t *hi)
{
    double x = ((double)i + 0.5) * (double)m / (double)n - 0.5;
    x = x < 0 ? 0 : x > (double)(m - 1) ? (double)(m - 1) : x;
    *lo = (int64_t)x;
    *hi = *lo + 1 < m ? *lo + 1 : *lo;
    return x - (double)*lo;
}

typedef struct Picture {
    const unsigned char *pixels; /* interleaved */
    int64_t height, width, channels;
} Picture;

static double pixel(const Picture *p, int64_t y, int64_t x, int64_t c)
{
    return p->pixels[(y * p->width + x) * p->channels + c];
}

static void resample(const Picture *p, const Raster *r, float mean, float std, float *out)
{
    for (int64_t y = 0; y < r->height; y++) {
        int64_t y0, y1;
        double fy = sample_at(y, r->height, p->height, &y0, &y1);
        for (int64_t x = 0; x < r->width; x++) {
            int64_t x0, x1;
            double fx = sample_at(x, r->width, p->width, &x0, &x1);
            for (int64_t c = 0; c < r->channels; c++) {
                double top = pixel(p, y0, x0, c) * (1 - fx) + pixel(p, y0, x1, c) * fx;
                double bottom = pixel(p, y1, x0, c) * (1 - fx) + pixel(p, y1, x1, c) * fx;
                double v = top * (1 - fy) + bottom * fy;
                out[y * r->row + x * r->column + c * r->channel] =
                    (float)((v / 255 - (double)mean) / (double)std);
            }
        }
    }
}

bool image_is(const unsigned char *data, size_t bytes)
{
    return bytes >= 8 &&
           (memcmp(data, "\x89PNG\r\n\x1a\n", 8) == 0 || memcmp(data, "\xff\xd8\xff", 3) == 0);
}

Tensor *image_decode(Arena *a, Diag *d, const char *path, const unsigned char *data, size_t bytes,
                     const Shape *shape, float mean, float std)
{
    Raster r;
    if (!raster_of(shape, &r)) {
        diag_error(d, "\"%s\": a picture does not fit a tensor of shape %s", path,
                   shape_str(a, shape));
        return NULL;
    }
    Tensor *t = tensor_new(a, DT_F32, shape);
    const char *reason;
    int width, height;
    unsigned char *pixels = stb_decode(data, bytes, (int)r.channels, &width, &height, &reason);
    if (pixels == NULL) {
        diag_error(d, "\"%s\" is not a PNG or JPEG picture: %s", path, reason);
        return NULL;
    }
    Picture p = {.pixels = pixels, .height = height, .width = width, .channels = r.channels};
    resample(&p, &r, mean, std, t->data);
    free(pixels);
    return t;
}

Tensor *image_read_file(Arena *a, Diag *d, const char *path, const Shape *shape, float mean,
                        float std)
{
    FileBytes *f = file_read_owned(a, d, path);
    if (f == NULL)
        return NULL;
    Tensor *t = image_decode(a, d, path, f->data, f->bytes, shape, mean, std);
    file_release(f);
    return t;
}

static unsigned char *quantise(Arena *a, const Tensor *t, const Raster *r)
{
    unsigned char *out = arena_alloc(a, tensor_bytes(t));
    unsigned char *p = out;
    const double scale = dtype_is_float(t->dtype) ? 255 : 1;
    for (int64_t y = 0; y < r->height; y++) {
        for (int64_t x = 0; x < r->width; x++) {
            for (int64_t c = 0; c < r->channels; c++) {
                double v = tensor_get_f64(t, y * r->row + x * r->column + c * r->channel);
                *p++ = v > 0 ? (unsigned char)(v * scale < 255 ? lround(v * scale) : 255) : 0;
            }
        }
    }
    return out;
}

static void release(void *file)
{
    file_release(file);
}

bool image_encode(Arena *a, Diag *d, const Tensor *t, OutputFile *file)
{
    Raster r;
    if (!raster_of(&t->shape, &r))
        return diag_error(d, "\"%s\": a tensor of shape %s is no picture", file->path,
                          shape_str(a, &t->shape));
    const unsigned char *pixels = quantise(a, t, &r);
    FileBytes *png = ARENA_NEW(a, FileBytes);
    arena_defer(a, release, png);
    png->data = stb_encode_png(pixels, (int)r.width, (int)r.height, (int)r.channels, &png->bytes);
    if (png->data == NULL)
        return diag_error(d, "\"%s\": no memory to encode the picture", file->path);
    file->data = png->data;
    file->bytes = png->bytes;
    return true;
}
