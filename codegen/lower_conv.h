/* What the lowerings of convolutions share: the geometry, normalised to three spatial axes, and
 * the runs of tiles and taps that stay inside the image.
 *
 * A transposed convolution is a set of ordinary ones, one a phase of the output positions modulo
 * the stride; ConvAxis describes one axis of either:
 *
 *     output position  first + step * q,                       0 <= q < count
 *     input position   in_step * q + off + off_step * j        for tap j, 0 <= j < taps
 *     kernel element   tap + tap_step * j                                                     */
#ifndef CNNCC_CODEGEN_LOWER_CONV_H
#define CNNCC_CODEGEN_LOWER_CONV_H

#include "codegen/lower.h"

typedef struct ConvAxis {
    int64_t in, out, kernel; /* extents */
    int64_t count, first, step;
    int64_t in_step, off, off_step;
    int64_t taps, tap, tap_step;
} ConvAxis;

/* Axes that the value does not have are in front, with extent 1. */
typedef struct ConvShape {
    int64_t batch, ic, oc, group, icg, ocg; /* icg, ocg: channels of a group */
    int rank;                               /* of input and output */
    ConvAxis axis[MAX_SPATIAL];
} ConvShape;

/* The geometry of a Conv. */
ConvShape conv_shape(const Node *n);
/* The geometry of a ConvTranspose, in phase[i] along axis i; 0 <= phase[i] < stride[i]. */
ConvShape conv_transpose_shape(const Node *n, const int64_t phase[MAX_SPATIAL]);
/* Strides of a window, normalised to three axes. */
void conv_strides(const Node *n, int64_t stride[MAX_SPATIAL]);

/* A 1x1x1 kernel that reads the image as it lies becomes one long row. False, and nothing is
 * changed, when the shape or an epilogue operand does not allow that. */
bool conv_flatten(const Node *n, ConvShape *s);

/* The bias as an operand, when it was not packed; NULL without. */
const Value *bias_operand(const Node *n);

/* Product of the extents of the input (output, kernel). */
int64_t conv_in_numel(const ConvShape *s);
int64_t conv_out_numel(const ConvShape *s);
int64_t conv_kernel_numel(const ConvShape *s);

/* Adjacent tiles of the same width whose taps fall inside the image at the same places. */
typedef struct TileRun {
    int64_t q; /* of the first tile's first pixel */
    int64_t tiles;
    int width;
} TileRun;
/* The run that starts at r->q + r->tiles * r->width (a zeroed run: at 0); false behind the last. */
bool conv_next_run(const ConvAxis *a, int tile, TileRun *r);

/* Adjacent taps that are inside the image for the same pixels of a tile. */
typedef struct TapRun {
    int64_t j, taps;
    int first, last; /* pixels [first, last) of the tile read inside the image */
} TapRun;
/* The run behind r->j + r->taps for the tile at `q` (a zeroed run: at 0); taps that no pixel uses
 * are left out; false behind the last. */
bool conv_next_taps(const ConvAxis *a, int64_t q, int width, TapRun *r);

/* Position of pixel q + `pixel` in the input for tap j, as an index. */
Affine conv_in_at(const ConvAxis *a, Affine q, int64_t pixel, Affine j);

/* "conv3x3s1_64x56x56_64": a name for the kernel. */
const char *conv_kernel_name(Arena *a, const Node *n, const char *what);

/* A loop over 0..trips, or nothing but index 0 when it runs once. *depth counts open loops. */
Affine conv_loop(KBuilder *b, const char *name, int64_t trips, KLoop kind, int *depth);
void conv_end(KBuilder *b, int depth);
/* A loop over the indices below n that are this part's turn: part, part + parts, … */
Affine conv_turn_loop(KBuilder *b, const char *name, int64_t n, int parts, Affine part, int *depth);

/* Coordinates of the output pixel (z, y, x) (indices q along the axes) in channel block `c`. */
Coord conv_coord(const Node *n, const ConvShape *s, Affine batch, Affine c, const Affine q[3],
                 int lanes);

/* The algorithms. */
bool lower_conv_direct(Lower *lw, const Node *n);
bool lower_conv_depthwise(Lower *lw, const Node *n);
bool lower_conv_im2col(Lower *lw, const Node *n);
bool lower_conv_winograd(Lower *lw, const Node *n);

#endif
