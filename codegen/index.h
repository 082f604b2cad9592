/* Indices that are known only at run time: ONNX's wrapping, safe positions, copies of slices. */
#ifndef CNNCC_CODEGEN_INDEX_H
#define CNNCC_CODEGEN_INDEX_H

#include "codegen/nest.h"

/* Loads an index of any integer type as i64 and counts it from the end when it is negative. What
 * is outside of 0 … extent-1 stays outside. */
const KLet *index_load(KBuilder *b, const KBuf *indices, Affine at, int64_t extent);

/* The same index as a position that cannot leave 0 … extent-1. */
KExpr *index_clamped(KBuilder *b, const KLet *index, int64_t extent);

/* The position, in slices, that a tuple of `count` indices from `at` names in the leading axes of
 * `extent`: inside of them whatever the data. Use it with index_clamped and the axes' product. */
const KLet *index_tuple(KBuilder *b, const KBuf *indices, Affine at, const int64_t *extent,
                        int count);

/* Copies the slice of `inner` contiguous elements number `index` (of `slices` behind element
 * `from` of `in`) to element `to` of `out`: whole vectors, then the rest. */
void index_copy_slice(KBuilder *b, const KBuf *out, Affine to, const KBuf *in, Affine from,
                      const KLet *index, int64_t slices, int64_t inner, int depth);

#endif
