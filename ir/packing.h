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
 *   ALGO_GEMM       weight (constant right-hand side [K, N]) [ceil(N / (T L))][K][T][L], columns
 *                   beyond N are zero; bias [ceil(N / (T L))][T][L] when it is constant and has
 *                   one row, with beta multiplied in; alpha is multiplied into the weight.
 *
 * A node without a bias has a NULL packed_bias: the accumulators start at zero. */
#ifndef CNNCC_IR_PACKING_H
#define CNNCC_IR_PACKING_H

#endif
