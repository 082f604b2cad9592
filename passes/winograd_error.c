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

/* y = M x M^T in float, one dimension after the other; M has `rows` rows of t numbers. */
static void transform(const double (*m)[T], int rows, int t, float x[T][T], float y[T][T])
{
    float half[T][T] = {{0}};
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < t; j++) {
            half[i][j] = 0;
            for (int k = 0; k < t; k++)
                half[i][j] = fmaf((float)m[i][k], x[k][j], half[i][j]);
        }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < rows; j++) {
            y[i][j] = 0;
            for (int k = 0; k < t; k++)
                y[i][j] = fmaf((float)m[j][k], half[i][k], y[i][j]);
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
            float d[T][T] = {{0}}, v[T][T] = {{0}};
            for (int i = 0; i < f->t * f->t; i++)
                d[i / f->t][i % f->t] = random_pixel(&state);
            transform(f->bt, f->t, f->t, d, v);
            for (int s = 0; s < SAMPLED_CHANNELS && s * step < oc; s++)
                add_channel(f, weights + (s * step * ic + c) * 9, d, v, &sum[s]);
        }
        for (int s = 0; s < SAMPLED_CHANNELS && s * step < oc; s++) {
            float y[T][T] = {{0}};
            transform(f->at, f->m, f->t, sum[s].products, y);
            for (int i = 0; i < f->m * f->m; i++) {
                double exact = sum[s].exact[i / f->m][i % f->m];
                worst = fmax(worst, fabs((double)y[i / f->m][i % f->m] - exact));
                greatest = fmax(greatest, fabs(exact));
            }
        }
    }
    return greatest > 0 ? worst / greatest : 0;
}
