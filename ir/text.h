/* A string that grows, in the arena: what the dumps and the printers write into. */
#ifndef CNNCC_IR_TEXT_H
#define CNNCC_IR_TEXT_H

#include "ir/arena.h"

typedef struct Text {
    Arena *arena;
    char *data; /* NUL-terminated once something was added */
    size_t n;   /* bytes without the NUL */
    size_t capacity;
} Text;

Text text_new(Arena *a);
void text_add(Text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_bytes(Text *t, const char *bytes, size_t n);
/* The shortest decimal that reads back as the same f32 (or f64 when it is none): "0.1", "3",
 * "1e-05", "inf". */
void text_number(Text *t, double value);
/* The text so far, never NULL. */
char *text_str(Text *t);

#endif
