/* Packed weights: the exact order in which a kernel reads them, made at compile time.
 *
 * L = plan.lanes, T = plan.tile_n (vectors of output channels a register tile).
 *
 *   ALGO_DIRECT     weight [group][ceil(OCg / (T L))][IC blocks][kd][kh][kw][ic][T][L], where an
 *                   IC block is B input channels of the group, B = the block of in[0]'s layout
 *                   (all ICg channels when in[0] is plain), and the last block holds only the
 *                   ICg mod B channels that remain: the kernel walks the weights linearly.
 *                   Output channels beyond OCg are zero. bias [group][ceil(OCg / (T L))][T][L].
 *                   When group > 1 and L > 1, T L divides OCg, and B divides ICg when B > 1.
 *   ALGO_DEPTHWISE  weight [ceil(C / L)][kd][kh][kw][L]; bias [ceil(C / L)][L]. T = 1.
 *   ALGO_IM2COL     weight [group][OCg][ICg * kd * kh * kw], as in ONNX; bias [OC].
 *   ALGO_WINOGRAD   weight [ceil(OC / (T L))][t][t][IC][T][L], t = tile_out + 2: G g G^T of the
 *                   3x3 filter g, see winograd_filter; bias as DIRECT. in[0] and out[0] are
 *                   blocked by L (plain when L = 1).
 *   ALGO_GEMM       weight (constant right-hand side [K, N]) [ceil(N / (T L))][K][T][L], columns
 *                   beyond N are zero; bias [ceil(N / (T L))][T][L] when it is constant and has
 *                   one row, with beta multiplied in; alpha is multiplied into the weight.
 *
 * ConvTranspose with ALGO_DIRECT packs its weight, [IC][OCg][kd][kh][kw] in ONNX, into the same
 * order as Conv: channels of the output outside, of the input inside.
 *
 * A node without a bias has a NULL packed_bias: the accumulators start at zero.
 *
 * Weights that are not constant are not packed: DIRECT with lanes = 1 and plain layouts, IM2COL
 * and GEMM read the operands where they lie.
 *
 * Register tiles: DIRECT tile_m pixels x tile_n vectors of output channels; DEPTHWISE tile_m
 * pixels; WINOGRAD tile_m tiles x tile_n vectors of output channels; IM2COL tile_m output channels
 * x tile_n vectors of pixels; GEMM tile_m rows x tile_n vectors of columns. */
#ifndef CNNCC_IR_PACKING_H
#define CNNCC_IR_PACKING_H

#include <stdint.h>

/* IM2COL: output rows whose patches are in the scratch matrix at a time, so that narrow images
 * still fill the vectors. */
static inline int64_t im2col_rows(int64_t oh, int64_t ow)
{
    int64_t rows = ow > 0 && ow < 64 ? 64 / ow : 1;
    return rows < oh ? rows : oh;
}

/* IM2COL: bytes of the matrix [depth][rows * OW], depth = ICg * kd * kh * kw. */
static inline int64_t im2col_scratch(int64_t depth, int64_t oh, int64_t ow)
{
    return 4 * depth * im2col_rows(oh, ow) * ow;
}

/* WINOGRAD: rows of output tiles that are transformed and multiplied together. A divisor of the
 * number of rows that gives about 56 tiles: enough to use a weight often while it is near, few
 * enough for the transformed image to stay in the caches. */
static inline int64_t winograd_rows(int64_t rows, int64_t columns)
{
    int64_t best = 1;
    for (int64_t r = 1; r <= rows && r * columns <= 128; r++)
        if (rows % r == 0 && best * columns < 48)
            best = r;
    return best;
}

/* WINOGRAD: floats of the transformed image [t][t][channel block][tile][L] of one band. */
static inline int64_t winograd_image(int tile_out, int64_t tiles, int64_t ic, int lanes)
{
    int64_t t = tile_out + 2;
    return t * t * ((ic + lanes - 1) / lanes) * tiles * lanes;
}

/* WINOGRAD: bytes of scratch: the transformed image, and the products [t][t][T][tile][L] of one
 * tile of output channels. */
static inline int64_t winograd_scratch(int tile_out, int64_t oh, int64_t ow, int64_t ic, int lanes,
                                       int tile_n)
{
    int64_t t = tile_out + 2, rows = (oh + tile_out - 1) / tile_out;
    int64_t columns = (ow + tile_out - 1) / tile_out;
    int64_t tiles = winograd_rows(rows, columns) * columns;
    return 4 * (winograd_image(tile_out, tiles, ic, lanes) + t * t * tile_n * tiles * lanes);
}

#endif
