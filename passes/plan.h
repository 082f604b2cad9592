/* What the files of the plan pass share. */
#ifndef CNNCC_PASSES_PLAN_H
#define CNNCC_PASSES_PLAN_H

#include "passes/passes.h"

struct WinogradForm;

/* Plans a Conv of f32 values: the entry of a plan file when there is one for the node, what --conv
 * asks for where that is legal, otherwise what is expected to be the fastest. All candidates stay
 * on the plan. False after a diagnostic: an entry that does not fit the node. */
bool plan_conv(Graph *g, int at, const PassOptions *o);

/* Plans the direct kernel: the only one of ConvTranspose, and of types other than f32. */
void plan_direct(Graph *g, Node *n);

/* The error of Winograd with these weights [OC][IC][3][3]: the greatest difference to exact
 * arithmetic, divided by the greatest output, over a sample of output channels and two tiles of
 * random pixels in [-1, 1]. The transforms and sums are those of the kernel, in float. */
double winograd_error(const struct WinogradForm *f, const float *weights, int64_t oc, int64_t ic);

#endif
