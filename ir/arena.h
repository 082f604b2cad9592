/* Arena: all memory of one compilation.
 *
 * Everything that a compilation builds lives until the arena is freed; single objects are never
 * freed. Allocation does not fail for its caller: when memory (or the arena's limit) runs out,
 * control returns to the entry point that armed the arena:
 *
 *     Arena *a = arena_new(0);
 *     if (a == NULL || setjmp(*arena_on_oom(a)) != 0) {
 *         arena_free(a);              // runs the deferred clean-ups
 *         return CNNCC_NO_MEMORY;
 *     }
 *
 * Code between the two owns outside resources (files, LLVM objects) only through arena_defer. */
#ifndef CNNCC_IR_ARENA_H
#define CNNCC_IR_ARENA_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

typedef struct Arena Arena;

/* A new arena that hands out at most `limit` bytes (0: no limit); NULL when there is no memory. */
Arena *arena_new(size_t limit);

/* Runs the deferred clean-ups, last first, and frees everything. NULL is allowed. */
void arena_free(Arena *a);

/* Where control goes when memory runs out; armed by the entry point with setjmp. An arena that
 * is exhausted before it is armed aborts: that is a bug of the entry point. */
jmp_buf *arena_on_oom(Arena *a);

/* `bytes` zeroed bytes, aligned to 64 for requests of 64 bytes and more, to 16 otherwise. */
void *arena_alloc(Arena *a, size_t bytes);

/* `count` zeroed elements of `size` bytes; a product that overflows counts as no memory. */
void *arena_array(Arena *a, size_t count, size_t size);

/* A copy of `count` elements of `size` bytes with room for `capacity` (>= count) of them. */
void *arena_grow(Arena *a, const void *old, size_t count, size_t capacity, size_t size);

char *arena_strdup(Arena *a, const char *s);
char *arena_strndup(Arena *a, const char *s, size_t n);
char *arena_printf(Arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(Arena *a, const char *format, va_list args);

/* Calls `fn(arg)` when the arena is freed. */
void arena_defer(Arena *a, void (*fn)(void *), void *arg);

/* Bytes handed out so far. */
size_t arena_used(const Arena *a);

#define ARENA_NEW(a, T)      ((T *)arena_alloc((a), sizeof(T)))
#define ARENA_ARRAY(a, T, n) ((T *)arena_array((a), (size_t)(n), sizeof(T)))

/* Appends `item` to the dynamic array (items, n, cap), three fields of the struct `*s`. */
#define ARENA_PUSH(a, s, items, n, cap, item)                                                      \
    do {                                                                                           \
        if ((s)->n == (s)->cap) {                                                                  \
            (s)->cap = (s)->cap ? 2 * (s)->cap : 8;                                                \
            (s)->items =                                                                           \
                arena_grow((a), (s)->items, (size_t)(s)->n, (size_t)(s)->cap, sizeof *(s)->items); \
        }                                                                                          \
        (s)->items[(s)->n++] = (item);                                                             \
    } while (0)

#endif
