/* The matrices of F(2, 3) and F(4, 3), and the transform of filters. */
#include "ir/winograd.h"

#include <stddef.h>

static const WinogradForm forms[] = {
    {2,
     4,
     {{1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}},
     {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}},
     {{1, 1, 1, 0}, {0, 1, -1, -1}}},
    {4,
     6,
     {{1.0 / 4, 0, 0},
      {-1.0 / 6, -1.0 / 6, -1.0 / 6},
      {-1.0 / 6, 1.0 / 6, -1.0 / 6},
      {1.0 / 24, 1.0 / 12, 1.0 / 6},
      {1.0 / 24, -1.0 / 12, 1.0 / 6},
      {0, 0, 1}},
     {{4, 0, -5, 0, 1, 0},
      {0, -4, -4, 1, 1, 0},
      {0, 4, -4, -1, 1, 0},
      {0, -2, -1, 2, 1, 0},
      {0, 2, -1, -2, 1, 0},
      {0, 4, 0, -5, 0, 1}},
     {{1, 1, 1, 1, 1, 0}, {0, 1, -1, 2, -2, 0}, {0, 1, 1, 4, 4, 0}, {0, 1, -1, 8, -8, 1}}},
};

const WinogradForm *winograd_form(int m)
{
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++)
        if (forms[i].m == m)
            return &forms[i];
    return NULL;
}

void winograd_filter(const WinogradForm *f, const float *g, float *u, long step)
{
    double rows[WINOGRAD_MAX_T][3];
    for (int i = 0; i < f->t; i++)
        for (int x = 0; x < 3; x++)
            rows[i][x] = f->g[i][0] * (double)g[x] + f->g[i][1] * (double)g[3 + x] +
                         f->g[i][2] * (double)g[6 + x];
    for (int i = 0; i < f->t; i++)
        for (int j = 0; j < f->t; j++)
            u[(i * f->t + j) * step] = (float)(rows[i][0] * f->g[j][0] + rows[i][1] * f->g[j][1] +
                                               rows[i][2] * f->g[j][2]);
}
