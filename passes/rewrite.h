/* What the rewriting passes share: small questions about uses and constants, dead code. */
#ifndef CNNCC_PASSES_REWRITE_H
#define CNNCC_PASSES_REWRITE_H

#include "ir/ops.h"
#include "passes/passes.h"

/* Whether `v` is read once, by a node, and is no output of the graph (needs graph_index). */
bool value_read_once(const Value *v);

/* Whether `v` is a constant of type f32. */
bool value_is_f32_constant(const Value *v);

/* Whether the operator gives its operand another shape and does nothing else: Reshape, Flatten,
 * Squeeze, Unsqueeze. */
bool op_only_reshapes(OpKind op);

/* Nodes whose results nobody reads are dropped, and the values with them; sorts the rest and
 * indexes the uses. False after a diagnostic. */
bool remove_dead(Graph *g);

/* An output that is an input, a constant or another output becomes a copy (Identity) of it. */
void copy_shared_outputs(Graph *g);

/* Names of two values change places. */
void swap_names(Value *a, Value *b);

/* A fresh constant of 64-bit integers: a shape, for Reshape. */
Value *shape_constant(Graph *g, const char *name, const Shape *shape);

/* The operand `v` of an elementwise operator, seen from a result of shape `out`: axis `axis` of it
 * when the axes are aligned at the right; 1 where it has no such axis. */
int64_t operand_extent(const Value *v, const Shape *out, int axis);

/* Where the channels are: axis 1 of rank 2 and more. Whether `v`, broadcast to `out`, has one value
 * a channel (or one value for all), `axis` being the channels' axis. */
bool operand_per_channel(const Value *v, const Shape *out, int axis);

#endif
