/* Bytes -> ModelProto. */
#ifndef CNNCC_FRONTEND_MODEL_H
#define CNNCC_FRONTEND_MODEL_H

#include "frontend/onnx.pb-c.h"
#include "ir/diag.h"

/* Decodes a model, binary or textual; all of it is in the arena, nothing points into `data`.
 * NULL after a diagnostic that says what the bytes are when they are no model. */
Onnx__ModelProto *model_decode(Arena *a, Diag *d, const unsigned char *data, size_t bytes);

/* Reads ONNX's textual syntax (frontend/text.c) into a model; `text` ends with a zero. */
Onnx__ModelProto *model_from_text(Arena *a, Diag *d, const char *text);

#endif
