/* libcnncc: loads an ONNX model, compiles it for this machine, runs it in this process.
 *
 *     cnncc_model *model;
 *     char why[256];
 *     cnncc_options options = {.error = why, .error_bytes = sizeof why};
 *     if (cnncc_load_file("lenet.onnx", &options, &model) != CNNCC_OK)
 *         return complain(why);
 *     cnncc_context *context;
 *     cnncc_context_new(model, &context);
 *     const void *in[] = {image};
 *     void *out[] = {scores};
 *     cnncc_run(context, in, out);
 *     cnncc_context_free(context);
 *     cnncc_free(model);
 *
 * A model is read-only once loaded: any number of threads may use it, each with a context of its
 * own. All errors are values; the library never prints, exits or aborts on bad input. C99, C++. */
#ifndef CNNCC_H
#define CNNCC_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) || defined(__clang__)
#define CNNCC_API __attribute__((visibility("default")))
#else
#define CNNCC_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* A compiled model, and the memory of one run at a time. */
typedef struct cnncc_model cnncc_model;
typedef struct cnncc_context cnncc_context;

/* The result of every function that can fail. */
typedef enum cnncc_status {
    CNNCC_OK = 0,
    CNNCC_FAILED = 1,      /* a bad model, an unreadable file, data that the model refuses */
    CNNCC_USAGE = 2,       /* a wrong argument: an unknown target, no such input, a NULL pointer */
    CNNCC_UNSUPPORTED = 3, /* a legal model that cnncc cannot compile */
    CNNCC_NO_MEMORY = 4
} cnncc_status;

/* Element types, numbered as in ONNX. Bool is one byte, 0 or 1. */
typedef enum cnncc_type {
    CNNCC_F32 = 1,
    CNNCC_U8 = 2,
    CNNCC_I8 = 3,
    CNNCC_U16 = 4,
    CNNCC_I16 = 5,
    CNNCC_I32 = 6,
    CNNCC_I64 = 7,
    CNNCC_BOOL = 9,
    CNNCC_F16 = 10,
    CNNCC_F64 = 11,
    CNNCC_U32 = 12,
    CNNCC_U64 = 13,
    CNNCC_BF16 = 16
} cnncc_type;

typedef enum cnncc_severity { CNNCC_ERROR = 0, CNNCC_WARNING = 1, CNNCC_NOTE = 2 } cnncc_severity;

/* Pins the symbolic dimension `symbol` of the model's inputs to `extent`. */
typedef struct cnncc_dim {
    const char *symbol;
    int64_t extent;
} cnncc_dim;

/* Makes the input `name` a constant, which leaves the inputs then: what decides shapes must be one.
 * `data` holds the elements in row-major order and is copied. */
typedef struct cnncc_freeze {
    const char *name;
    cnncc_type type;
    int rank;
    const int64_t *dims; /* rank of them */
    const void *data;
} cnncc_freeze;

/* How to load. Zeroed memory, or a NULL pointer to the options, means the default of each. */
typedef struct cnncc_options {
    const cnncc_dim *dims; /* unpinned leading dimensions become 1 */
    size_t n_dims;
    const char *backend; /* "jit", or "interp": the slow reference. NULL: the JIT if there is one */
    const char *target;  /* as --target of the command; NULL: the best one for this machine */
    const char *conv;    /* "auto", "direct", "im2col", "winograd"; NULL: auto */
    int keep_denormals; /* not 0: weights that are denormal numbers stay, which is exact and slow */
    int threads;        /* that one run may use; 0: one. Runs of a model with more take turns */
    size_t memory_limit; /* bytes that loading may take; 0: no limit */
    /* Receives the first error line, always terminated; may be NULL. */
    char *error;
    size_t error_bytes;
    /* Receives every line; may be NULL. Called by the thread that loads, before it returns. */
    void (*message)(void *user, cnncc_severity severity, const char *line);
    void *user;
    const cnncc_freeze *freezes;
    size_t n_freezes;
    const char *plan; /* a file that --tune of the command wrote, to be obeyed; NULL: none */
    const double *winograd_error; /* as --winograd-error of the command; NULL: 2e-5 */
} cnncc_options;

/* An input or output: `count` elements of `type` in row-major order, `bytes` in total. The strings
 * and dimensions belong to the model. */
typedef struct cnncc_tensor {
    const char *name;
    cnncc_type type;
    int rank;
    const int64_t *dims; /* rank of them */
    size_t count, bytes;
} cnncc_tensor;

/* Reads and compiles a model: binary ONNX, or ONNX's textual syntax. External tensor data is
 * taken from the model's folder. On failure *model is NULL. */
CNNCC_API cnncc_status cnncc_load_file(const char *path, const cnncc_options *options,
                                       cnncc_model **model);

/* The same from `bytes` bytes of memory, which may be freed afterwards. Models with external data
 * are refused. */
CNNCC_API cnncc_status cnncc_load_memory(const void *data, size_t bytes,
                                         const cnncc_options *options, cnncc_model **model);

/* Frees a model whose contexts have been freed. NULL is allowed. */
CNNCC_API void cnncc_free(cnncc_model *model);

/* The number of inputs (without those that the model itself gives a value) and outputs. */
CNNCC_API size_t cnncc_input_count(const cnncc_model *model);
CNNCC_API size_t cnncc_output_count(const cnncc_model *model);

/* Describes input or output `index`; CNNCC_USAGE when there is none. */
CNNCC_API cnncc_status cnncc_input(const cnncc_model *model, size_t index, cnncc_tensor *tensor);
CNNCC_API cnncc_status cnncc_output(const cnncc_model *model, size_t index, cnncc_tensor *tensor);

/* Multiply-adds of one run and bytes of memory that a context takes; 0 with the interpreter. */
CNNCC_API int64_t cnncc_multiply_adds(const cnncc_model *model);
CNNCC_API size_t cnncc_context_bytes(const cnncc_model *model);

/* Memory to run the model in. Runs in different contexts may overlap in time. */
CNNCC_API cnncc_status cnncc_context_new(const cnncc_model *model, cnncc_context **context);
CNNCC_API void cnncc_context_free(cnncc_context *context);

/* One run. inputs[i] points at the elements of input i, outputs[i] at room for those of output i;
 * no particular alignment beyond the element's is needed, and inputs and outputs must not overlap.
 * Nothing else is read or written. */
CNNCC_API cnncc_status cnncc_run(cnncc_context *context, const void *const *inputs,
                                 void *const *outputs);

/* Why the context's last run failed; "" when it did not. */
CNNCC_API const char *cnncc_context_error(const cnncc_context *context);

/* "0.1.0" */
CNNCC_API const char *cnncc_version(void);

/* Whether this build has "jit" or "interp"; 0 for names that it does not know. */
CNNCC_API int cnncc_available(const char *feature);

#ifdef __cplusplus
}
#endif

#endif
