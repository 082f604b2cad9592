/* The scratch memory of convolutions of integers; ir/qconv.h says how it is laid out. */
#include "ir/qconv.h"

enum { LEAST_ROW = 4, MAX_UNROLLED_KERNEL = 15, MAX_PHASES = 4 };

/* Largest scratch: beyond it the kernel without one is used. */
static const int64_t max_bytes = INT64_C(1) << 31;

static void normalise(const Node *n, QConvScratch *s)
{
    const Window *w = &n->params.conv.w;
    for (int i = 0; i < MAX_SPATIAL; i++) {
        int k = i - (MAX_SPATIAL - w->n);
        s->in[i] = k < 0 ? 1 : n->in[0]->shape.dim[k + 2];
        s->out[i] = k < 0 ? 1 : n->out[0]->shape.dim[k + 2];
        s->kernel[i] = k < 0 ? 1 : w->kernel[k];
        s->stride[i] = k < 0 ? 1 : w->stride[k];
        s->dilation[i] = k < 0 ? 1 : w->dilation[k];
        s->pad[i] = k < 0 ? 0 : w->pad_begin[k];
    }
}

static void flatten(QConvScratch *s)
{
    for (int i = 0; i < MAX_SPATIAL; i++)
        if (s->kernel[i] != 1 || s->stride[i] != 1 || s->pad[i] != 0 || s->in[i] != s->out[i])
            return;
    s->flat = true;
    s->in[2] = s->out[2] = s->out[0] * s->out[1] * s->out[2];
    s->in[0] = s->in[1] = s->out[0] = s->out[1] = 1;
}

bool qconv_scratch(const Node *n, int lanes, QConvScratch *s)
{
    *s = (QConvScratch){.lanes = 1};
    normalise(n, s);
    flatten(s);
    while (s->lanes < lanes && s->lanes < s->out[2])
        s->lanes *= 2;
    if (lanes == 1 || s->out[2] < LEAST_ROW || s->kernel[2] > MAX_UNROLLED_KERNEL ||
        s->stride[2] > MAX_PHASES)
        return false;
    for (int i = 0; i < MAX_SPATIAL - 1; i++)
        s->rows[i] = (s->out[i] - 1) * s->stride[i] + (s->kernel[i] - 1) * s->dilation[i] + 1;
    s->result = ceil_div(s->out[2], s->lanes) * s->lanes;
    s->phases = s->stride[2];
    s->width = s->result + (s->kernel[2] - 1) * s->dilation[2] / s->stride[2];
    Shape image = {.rank = 6,
                   .dim = {n->in[0]->shape.dim[0], n->in[0]->shape.dim[1], s->rows[0], s->rows[1],
                           s->phases, s->width}};
    Shape results = {.rank = 3,
                     .dim = {n->in[0]->shape.dim[0], n->out[0]->shape.dim[1], s->result}};
    int64_t image_numel, result_numel;
    if (!shape_checked_numel(&image, &image_numel) || image_numel > max_bytes / 8 ||
        !shape_checked_numel(&results, &result_numel) || result_numel > max_bytes / 8)
        return false;
    s->plane = s->rows[0] * s->rows[1] * s->phases * s->width;
    s->result_at = (4 * image_numel + 63) / 64 * 64;
    s->bytes = s->result_at + 4 * result_numel;
    return image_numel > 0 && result_numel > 0;
}
