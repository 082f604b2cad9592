/* NumPy's array format. */
#ifndef CNNCC_FRONTEND_TENSOR_NPY_H
#define CNNCC_FRONTEND_TENSOR_NPY_H

#include "ir/diag.h"
#include "ir/tensor.h"

bool npy_is(const unsigned char *data, size_t bytes);
/* NULL after a diagnostic that names `path`. */
Tensor *npy_decode(Arena *a, Diag *d, const char *path, const unsigned char *data, size_t bytes);
/* The whole file. bfloat16, which NumPy lacks, is written as float32. */
unsigned char *npy_encode(Arena *a, const Tensor *t, size_t *bytes);

#endif
