/* Frontend: ONNX models and tensor files -> graph IR. Opset differences, attribute strings and
 * odd types end here. */
#ifndef CNNCC_FRONTEND_H
#define CNNCC_FRONTEND_H

#include "ir/graph.h"

typedef struct DimBinding { /* --dim SYM=N */
    const char *symbol;
    int64_t extent;
} DimBinding;

typedef struct FreezeBinding { /* --freeze INPUT=FILE or INPUT=NUMBERS */
    const char *input;
    const Tensor *tensor; /* NULL: */
    const char *text;     /* numbers, for which freeze_is_text holds */
} FreezeBinding;

typedef struct ImportOptions {
    const DimBinding *dims;
    int n_dims;
    const FreezeBinding *freezes;
    int n_freezes;
} ImportOptions;

/* Whether the value of a --freeze is numbers ("1", "[2,3]", "true") and no file's name. */
bool freeze_is_text(const char *value);

/* Reads a model (binary ONNX, or ONNX's textual syntax when it is no protobuf but text that
 * starts like one) and imports it: a verified graph in topological order with every dtype and
 * shape known, or NULL after diagnostics. `path` also locates external tensor data, which must
 * lie in the model's folder. diag->file should be the path. */
Graph *frontend_load_file(Arena *a, Diag *d, const char *path, const ImportOptions *o);

/* The same from memory; external data is refused. */
Graph *frontend_load_memory(Arena *a, Diag *d, const void *data, size_t bytes,
                            const ImportOptions *o);

/* Whole files. Reading: NULL after a diagnostic. Writing: to a temporary beside `path`, renamed
 * when complete, so that nothing half-written is left. Of several files that belong together, none
 * takes its name before all are written. */
typedef struct OutputFile {
    const char *path;
    const void *data;
    size_t bytes;
} OutputFile;
unsigned char *file_read(Arena *a, Diag *d, const char *path, size_t *bytes);
bool files_write(Diag *d, Arena *a, const OutputFile *files, int n);
bool file_write(Diag *d, Arena *a, const char *path, const void *data, size_t bytes);

/* Reads a tensor: .npy (versions 1-3, C or Fortran order, little-endian) or .pb (TensorProto),
 * told apart by content. NULL after a diagnostic that names the file. */
Tensor *tensor_read_file(Arena *a, Diag *d, const char *path);
/* The same from the bytes of a file; `path` is for diagnostics. */
Tensor *tensor_decode(Arena *a, Diag *d, const char *path, const unsigned char *data, size_t bytes);
/* The bytes of a .npy or .pb, by the path's suffix, for file->path. False after a diagnostic. */
bool tensor_encode(Arena *a, Diag *d, const Tensor *t, OutputFile *file);

/* Whether the bytes of a file begin like a PNG or a JPEG. */
bool image_is(const unsigned char *data, size_t bytes);
/* Decodes a PNG or JPEG and fits it to `shape` ([1,C,H,W] or [1,H,W,C], C = 1 or 3): converted to
 * grey or RGB, scaled bilinearly to H x W when the size differs, as f32 `(pixel/255 - mean)/std`.
 * NULL after a diagnostic, which names `path`. */
Tensor *image_decode(Arena *a, Diag *d, const char *path, const unsigned char *data, size_t bytes,
                     const Shape *shape, float mean, float std);
/* The same from a file. */
Tensor *image_read_file(Arena *a, Diag *d, const char *path, const Shape *shape, float mean,
                        float std);
/* [1,C,H,W] or [1,H,W,C] with C = 1 or 3 as the bytes of a PNG, for file->path; values 0..1, of
 * integers 0..255, clamped. False after a diagnostic. */
bool image_encode(Arena *a, Diag *d, const Tensor *t, OutputFile *file);

/* Converts a model in ONNX's textual syntax to binary ONNX (the tests' and tools' way to make
 * models); NULL after a diagnostic. */
unsigned char *onnx_text_to_binary(Arena *a, Diag *d, const char *text, size_t *bytes);

#endif
