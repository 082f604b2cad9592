/* What the rules of the fuse pass share. */
#ifndef CNNCC_PASSES_FUSE_H
#define CNNCC_PASSES_FUSE_H

#include "passes/rewrite.h"

/* One sweep over the nodes. The use lists are right for every value that a rule asks about: a rule
 * that moves a use updates them. */
typedef struct Fuse {
    Graph *g;
    int *position; /* of the maker of a value, by value id; values made by rules have none (0) */
    int n_positions;
} Fuse;

/* A rule looks at one node and returns whether it changed the graph. */
typedef bool (*FuseRule)(Fuse *f, Node *n);

/* fuse_pad.c: `n`, a Conv or a pool, takes over the padding of the Pad that makes its operand. */
bool fuse_pad(Fuse *f, Node *n);
/* fuse_global_pool.c: `n`, a reduction over all pixels, becomes a global pool. */
bool fuse_global_pool(Fuse *f, Node *n);
/* fuse_weights.c: `n` scales or shifts every channel by constants: the convolution or product in
 * front takes that into its weights and bias. */
bool fuse_weights(Fuse *f, Node *n);
/* fuse_inputs.c: what makes the operand of `n`, a convolution or product, scales or shifts every
 * channel by constants: that goes into the weights and the bias. */
bool fuse_inputs(Fuse *f, Node *n);
/* fuse_weights.c: a BatchNormalization that is left becomes Mul and Add. */
bool split_batch_norm(Fuse *f, Node *n);
/* fuse_epilogue.c: `n` takes the elementwise node that reads its result as a step of its own. */
bool fuse_epilogue(Fuse *f, Node *n);

/* The result of `user` is made by `n` from now on; `user` dies. */
void take_result(Node *n, Node *user);

#endif
