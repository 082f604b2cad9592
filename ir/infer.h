/* What the inference functions (infer_*.c) share: access to operands, checks, results.
 *
 * Contract with the import. Where ONNX has both an attribute and an input form of something (Pad,
 * Squeeze, Unsqueeze, Split, Upsample), the import fills the parameters for the attribute form and
 * leaves the inputs for the other; an input wins. Where the parameters cannot hold it (Slice's
 * starts/ends/axes/steps, Reshape's shape, Expand's shape, Resize's X, roi, scales, sizes), the
 * import makes constant inputs in the order of the newest opset. Window parameters that ONNX
 * leaves out may be zero with w.n = 0; Conv takes its kernel from the weight. Inference is
 * idempotent: run again on its own result, it gives the same result. A pass may drop the
 * shape input of Reshape, Expand and Slice: the output's present shape is then the wanted one. */
#ifndef CNNCC_IR_INFER_H
#define CNNCC_IR_INFER_H

#include "ir/graph.h"

/* Operand `i` of the operator itself: NULL when it is absent, or when the slot holds the operand
 * of a fused epilogue step. */
Value *infer_operand(const Node *n, int i);

/* Operands 0 … least-1 and output 0 are there and typed, and the operator has at most `most`
 * operands; otherwise a diagnostic. */
bool infer_require(Graph *g, const Node *n, int least, int most);

/* Operand `i`, if present, has a floating-point type. */
bool infer_require_float(Graph *g, const Node *n, int i);

/* Operand `i`, if present, has a type that the elementwise operator takes (infer_types.c). */
bool infer_require_types(Graph *g, const Node *n, int i);

/* Operand `i`, if present, has the type of operand 0. */
bool infer_require_same_type(Graph *g, const Node *n, int i);

/* Operand 0 has at least `rank` axes. */
bool infer_require_rank(Graph *g, const Node *n, int rank);

/* Sets type and shape of output `k` if it exists; refuses negative extents and sizes that do not
 * fit in memory. */
bool infer_output(Graph *g, Node *n, int k, DType dtype, const Shape *shape);

/* Maps an axis in -rank … limit-1 (limit = rank, or rank + 1 where ONNX allows the end) to its
 * non-negative form. */
bool infer_axis(Graph *g, const Node *n, int64_t *axis, int rank, int limit);

/* The constant integers of operand `i` ("shape", "pads"…): *list is NULL when the operand is
 * absent. An operand that is not known at compile time is reported as unsupported. */
bool infer_ints(Graph *g, const Node *n, int i, const char *what, const int64_t **list,
                int64_t *count);

/* Takes the operand "axes", if there is one, as *n_axes numbers. */
bool infer_take_axes(Graph *g, const Node *n, int i, int *n_axes, int64_t axes[MAX_RANK]);
/* Makes the axes non-negative and marks each in named[], which has `rank` entries; an axis that is
 * outside or named twice is an error. */
bool infer_mark_axes(Graph *g, const Node *n, int n_axes, int64_t *axes, int rank, bool *named);

/* The same for constant floating-point numbers: the tensor, NULL when absent or empty. */
bool infer_floats(Graph *g, const Node *n, int i, const char *what, const Tensor **t);

/* The shape's text, for messages. */
const char *infer_shape_text(Graph *g, const Value *v);

/* Checks a window's kernel, strides, dilations and pads over the n spatial axes of operand 0 and
 * bounds them so that no later arithmetic overflows. Fills defaults where w->n is 0. */
bool infer_window(Graph *g, const Node *n, Window *w);

/* Resolves auto_pad for a forward window: out = ceil(in / stride) for SAME, no pads for VALID. */
void infer_auto_pad(Window *w, const int64_t *in);

/* The shape of a convolution of operand 0 with a weight of this shape, and of a pool; the window in
 * the parameters becomes final. Types are not looked at. */
bool infer_conv_shape(Graph *g, Node *n, const Shape *weight, Shape *out);
bool infer_pool_shape(Graph *g, Node *n, Shape *out);

/* The shape of a matrix product a * b as NumPy has it: vectors gain an axis, leading axes
 * broadcast. */
bool infer_product_shape(Graph *g, const Node *n, Shape a, Shape b, Shape *out);

#endif
