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
 *                   3x3 filter g (ir/winograd.h); bias as DIRECT. in[0] and out[0] are
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

#include "ir/tensor.h"

/* IM2COL: output rows whose patches are in the scratch matrix at a time, so that narrow images
 * still fill the vectors. */
static inline int64_t im2col_rows(int64_t oh, int64_t ow)
{
    int64_t rows = ow > 0 && ow < 64 ? 64 / ow : 1;
    return rows < oh ? rows : oh;
}

/* IM2COL: bytes of the matrices [depth][rows * OW], depth = ICg * kd * kh * kw, one for each of the
 * `parts` that run at the same time. */
static inline int64_t im2col_scratch(int64_t depth, int64_t oh, int64_t ow, int parts)
{
    return 4 * depth * im2col_rows(oh, ow) * ow * (parts > 1 ? parts : 1);
}

/* WINOGRAD: how the work of one image is cut. `parts` parts run at the same time, each with
 * products (and images, unless shared) of its own in the scratch. */
typedef struct WinogradCut {
    int64_t rows, columns; /* of output tiles */
    int64_t band, tiles;   /* rows and tiles that are transformed and multiplied together */
    int64_t image;         /* floats of a transformed image [t][t][channel block][tile][L] */
    int64_t products;      /* floats of the products [t][t][T][tile][L] */
    int parts;
    bool shared_image; /* one band is the whole image: the parts share it and split the output
                          channels; otherwise they split the bands */
    int64_t scratch;   /* bytes of all images, then of all products */
} WinogradCut;

/* What a tile costs in a band of `tiles`, against the best: few tiles use each weight seldom, the
 * image of many leaves the caches. Smallest near 60 tiles. */
static inline double winograd_overhead(int64_t tiles)
{
    return 1 + 4.0 / (double)tiles + (double)tiles / 1000;
}

/* The cheapest cut of an output of oh x ow pixels in tiles of tile_out^2, over all bands that
 * divide the rows of tiles, counting parts that wait for each other. */
static inline WinogradCut winograd_cut(int tile_out, int64_t oh, int64_t ow, int64_t batch,
                                       int64_t ic, int lanes, int tile_n, int parts)
{
    WinogradCut c = {.rows = ceil_div(oh, tile_out),
                     .columns = ceil_div(ow, tile_out),
                     .parts = parts > 1 ? parts : 1};
    int64_t points = (int64_t)(tile_out + 2) * (tile_out + 2);
    double best = 0;
    for (int64_t r = 1; r <= c.rows; r++) {
        int64_t bands = c.rows / r, turns = ceil_div(bands, c.parts);
        bool shared = bands == 1 && c.parts > 1 && batch == 1;
        double wait = shared ? 1 : (double)(turns * c.parts) / (double)bands;
        double cost = wait * winograd_overhead(r * c.columns);
        if (c.rows % r == 0 && (c.band == 0 || cost < best)) {
            best = cost;
            c.band = r;
            c.shared_image = shared;
        }
    }
    c.tiles = c.band * c.columns;
    c.image = points * ceil_div(ic, lanes) * c.tiles * lanes;
    c.products = points * tile_n * c.tiles * lanes;
    c.scratch = 4 * (c.parts * c.products + (c.shared_image ? 1 : c.parts) * c.image);
    return c;
}

#endif
