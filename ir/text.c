/* Growing strings: the buffer doubles, old buffers stay in the arena. */
#include "ir/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Text text_new(Arena *a)
{
    return (Text){.arena = a};
}

/* Room for `n` more bytes and the NUL. */
static void reserve(Text *t, size_t n)
{
    if (t->n + n + 1 <= t->capacity)
        return;
    size_t capacity = 2 * (t->n + n + 1);
    if (capacity < 256)
        capacity = 256;
    t->data = arena_grow(t->arena, t->data, t->n, capacity, 1);
    t->capacity = capacity;
}

void text_bytes(Text *t, const char *bytes, size_t n)
{
    reserve(t, n);
    memcpy(t->data + t->n, bytes, n);
    t->n += n;
    t->data[t->n] = '\0';
}

void text_add(Text *t, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const char *added = arena_vprintf(t->arena, format, args);
    va_end(args);
    text_bytes(t, added, strlen(added));
}

void text_number(Text *t, double value)
{
    char digits[40];
    int is_f32 = (double)(float)value == value;
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        double back = strtod(digits, NULL);
        if (back == value || (is_f32 && (float)back == (float)value))
            break;
    }
    text_bytes(t, digits, strlen(digits));
}

char *text_str(Text *t)
{
    reserve(t, 0);
    return t->data;
}
