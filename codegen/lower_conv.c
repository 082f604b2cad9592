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
        if (lower_conv_winograd)
            return lower_conv_winograd(lw, n);
        return node_error(lw->graph, n, "internal error: there is no Winograd kernel");
    default:
        return lower_conv_direct(lw, n);
    }
}
