/* Winograd's minimal filtering F(m, 3): the matrices of the transforms.
 *
 * An output tile y of m x m pixels of a 3x3 filter g over the patch d of t x t pixels, t = m + 2:
 *
 *     y = A^T [(G g G^T) . (B^T d B)] A        (. is the product of elements)
 *
 * from the interpolation points 0, 1, -1, infinity, from m = 4 on 2, -2, for m = 6 also 1/2, -1/2.
 * (Lavin and Gray, "Fast algorithms for convolutional neural networks", 2015.) */
#ifndef CNNCC_IR_WINOGRAD_H
#define CNNCC_IR_WINOGRAD_H

enum { WINOGRAD_MAX_T = 8, WINOGRAD_MAX_M = 6 };

typedef struct WinogradForm {
    int m, t;
    double g[WINOGRAD_MAX_T][3];               /* t x 3 */
    double bt[WINOGRAD_MAX_T][WINOGRAD_MAX_T]; /* rows of B^T: t x t */
    double at[WINOGRAD_MAX_M][WINOGRAD_MAX_T]; /* rows of A^T: m x t */
} WinogradForm;

/* The form for output tiles of m x m pixels; NULL when there is none. */
const WinogradForm *winograd_form(int m);

/* u = G g G^T, t x t, of the filter g[3][3], rounded once to float; the elements of u lie `step`
 * apart. */
void winograd_filter(const WinogradForm *f, const float *g, float *u, long step);

#endif
