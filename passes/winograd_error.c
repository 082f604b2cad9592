/* The error that Winograd makes with the weights of a layer, found by trying.
 *
 * The transforms grow numbers and cancel them again: how many bits that costs depends on the
 * weights and on the number of channels that are summed, so it is measured on a sample and not
 * bounded for the worst case. */
#include "ir/winograd.h"
#include "passes/plan.h"

#include <math.h>

enum { T = WINOGRAD_MAX_T, TILES = 2, SAMPLED_CHANNELS = 8 };

/* Uniform in [-1, 1], the same sequence everywhere. */
static float random_pixel(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / (float)(1 << 23) - 1;
}

/* v = B^T d B in float, one dimension after the other. */
static void transform_patch(const WinogradForm *f, float d[T][T], float v[T][T])
{
    float rows[T][T];
    for (int i = 0; i < f->t; i++)
        for (int x = 0; x < f->t; x++) {
            rows[i][x] = 0;
            for (int k = 0; k < f->t; k++)
                rows[i][x] = fmaf((float)f->bt[i][k], d[k][x], rows[i][x]);
        }
    for (int i = 0; i < f->t; i++)
        for (int j = 0; j < f->t; j++) {
            v[i][j] = 0;
            for (int k = 0; k < f->t; k++)
                v[i][j] = fmaf((float)f->bt[j][k], rows[i][k], v[i][j]);
        }
}

/* y = A^T p A in float. */
static void transform_products(const WinogradForm *f, float p[T][T], float y[T][T])
{
    float rows[T][T];
    for (int i = 0; i < f->m; i++)
        for (int x = 0; x < f->t; x++) {
            rows[i][x] = 0;
            for (int k = 0; k < f->t; k++)
                rows[i][x] = fmaf((float)f->at[i][k], p[k][x], rows[i][x]);
        }
    for (int i = 0; i < f->m; i++)
        for (int j = 0; j < f->m; j++) {
            y[i][j] = 0;
            for (int k = 0; k < f->t; k++)
                y[i][j] = fmaf((float)f->at[j][k], rows[i][k], y[i][j]);
        }
}

/* One output channel over one tile. */
typedef struct Sum {
    float products[T][T];
    double exact[T][T];
} Sum;

static void add_channel(const WinogradForm *f, const float *g, float d[T][T], float v[T][T], Sum *s)
{
    float u[T * T];
    winograd_filter(f, g, u, 1);
    for (int i = 0; i < f->t; i++)
        for (int j = 0; j < f->t; j++)
            s->products[i][j] = fmaf(u[i * f->t + j], v[i][j], s->products[i][j]);
    for (int i = 0; i < f->m; i++)
        for (int j = 0; j < f->m; j++)
            for (int k = 0; k < 9; k++)
                s->exact[i][j] += (double)g[k] * (double)d[i + k / 3][j + k % 3];
}

double winograd_error(const WinogradForm *f, const float *weights, int64_t oc, int64_t ic)
{
    double worst = 0, greatest = 0;
    uint32_t state = 1;
    int64_t step = oc > SAMPLED_CHANNELS ? oc / SAMPLED_CHANNELS : 1;
    for (int tile = 0; tile < TILES; tile++) {
        Sum sum[SAMPLED_CHANNELS] = {0};
        for (int64_t c = 0; c < ic; c++) {
            float d[T][T], v[T][T];
            for (int i = 0; i < f->t * f->t; i++)
                d[i / f->t][i % f->t] = random_pixel(&state);
            transform_patch(f, d, v);
            for (int s = 0; s < SAMPLED_CHANNELS && s * step < oc; s++)
                add_channel(f, weights + (s * step * ic + c) * 9, d, v, &sum[s]);
        }
        for (int s = 0; s < SAMPLED_CHANNELS && s * step < oc; s++) {
            float y[T][T];
            transform_products(f, sum[s].products, y);
            for (int i = 0; i < f->m * f->m; i++) {
                double exact = sum[s].exact[i / f->m][i % f->m];
                worst = fmax(worst, fabs((double)y[i / f->m][i % f->m] - exact));
                greatest = fmax(greatest, fabs(exact));
            }
        }
    }
    return greatest > 0 ? worst / greatest : 0;
}
