/* Conv: the kernel that the plan names. */
#include "codegen/lower_conv.h"

bool lower_conv(Lower *lw, const Node *n)
{
    switch (n->plan.algo) {
    case ALGO_DEPTHWISE:
        return lower_conv_depthwise(lw, n);
    case ALGO_IM2COL:
        return lower_conv_im2col(lw, n);
    case ALGO_WINOGRAD:
        return lower_conv_winograd(lw, n);
    default:
        return lower_conv_direct(lw, n);
    }
}
