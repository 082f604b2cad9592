/* One-screen models in ONNX's textual syntax, for tests of inference and of the interpreter. */
#ifndef CNNCC_TESTS_TEXT_CASE_H
#define CNNCC_TESTS_TEXT_CASE_H

#include "ir/graph.h"

/* All functions fail the running cmocka test with a reason. `text` is a graph,
 * "g (float[1,4] x) => (float[] y) { y = Relu(x) }"; `opset` its operator set. */

/* The type and shape of output 0, as "float[1,4]". */
void expect_shape(int opset, const char *text, const char *shape);

/* The model is refused with this status and a message that contains `message`. */
void expect_refused(int opset, const char *text, Status status, const char *message);

/* With the elements of all inputs, one after the other, in `in`, output `k` holds the `n` elements
 * of `want`: |got - want| <= 1e-6 (1 + |want|), NaN equals NaN. */
void expect_output(int opset, const char *text, const double *in, int k, const double *want, int n);

/* The interpreter refuses the data, and says so. */
void expect_failure(int opset, const char *text, const double *in, const char *message);

#define NUMBERS(...) ((const double[]){__VA_ARGS__})
#define EXPECT(opset, text, in, ...)                                                               \
    expect_output(opset, text, in, 0, NUMBERS(__VA_ARGS__),                                        \
                  (int)(sizeof NUMBERS(__VA_ARGS__) / sizeof(double)))

#endif
