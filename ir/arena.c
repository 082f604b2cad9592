/* Arena: a list of blocks, bumped; large requests get a block of their own. */
#include "ir/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 1 << 16, SMALL_ALIGN = 16, LARGE_ALIGN = 64 };

typedef struct Block {
    struct Block *next;
    size_t used, size; /* of the bytes behind this header */
} Block;

typedef struct Deferred {
    struct Deferred *next;
    void (*fn)(void *);
    void *arg;
} Deferred;

struct Arena {
    Block *blocks;
    Deferred *deferred;
    size_t used, limit;
    jmp_buf on_oom;
    int armed;
};

Arena *arena_new(size_t limit)
{
    Arena *a = calloc(1, sizeof *a);
    if (a)
        a->limit = limit ? limit : SIZE_MAX;
    return a;
}

void arena_free(Arena *a)
{
    if (a == NULL)
        return;
    for (Deferred *d = a->deferred; d; d = d->next)
        d->fn(d->arg);
    while (a->blocks) {
        Block *next = a->blocks->next;
        free(a->blocks);
        a->blocks = next;
    }
    free(a);
}

jmp_buf *arena_on_oom(Arena *a)
{
    a->armed = 1;
    return &a->on_oom;
}

static _Noreturn void out_of_memory(Arena *a)
{
    if (!a->armed)
        abort();
    longjmp(a->on_oom, 1);
}

static Block *new_block(Arena *a, size_t size)
{
    if (size > SIZE_MAX - sizeof(Block) - LARGE_ALIGN)
        out_of_memory(a);
    Block *b = calloc(1, sizeof(Block) + size + LARGE_ALIGN);
    if (b == NULL)
        out_of_memory(a);
    b->size = size + LARGE_ALIGN;
    b->next = a->blocks;
    a->blocks = b;
    return b;
}

/* The next free byte of `b` at `align`, or NULL when `bytes` do not fit. */
static void *bump(Block *b, size_t bytes, size_t align)
{
    uintptr_t base = (uintptr_t)(b + 1);
    uintptr_t at = (base + b->used + align - 1) & ~(uintptr_t)(align - 1);
    size_t start = (size_t)(at - base);
    if (start > b->size || bytes > b->size - start)
        return NULL;
    b->used = start + bytes;
    return (char *)(b + 1) + start;
}

void *arena_alloc(Arena *a, size_t bytes)
{
    size_t align = bytes >= LARGE_ALIGN ? LARGE_ALIGN : SMALL_ALIGN;
    if (bytes == 0)
        bytes = 1;
    if (bytes > a->limit - a->used)
        out_of_memory(a);
    void *p = a->blocks ? bump(a->blocks, bytes, align) : NULL;
    if (p == NULL) {
        int own = bytes > BLOCK_BYTES / 4;
        Block *head = a->blocks;
        Block *b = new_block(a, own ? bytes : (size_t)BLOCK_BYTES);
        p = bump(b, bytes, align);
        if (own && head) { /* keep the block that still has room in front */
            a->blocks = head;
            b->next = head->next;
            head->next = b;
        }
    }
    a->used += bytes;
    return p;
}

void *arena_array(Arena *a, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        out_of_memory(a);
    return arena_alloc(a, count * size);
}

void *arena_grow(Arena *a, const void *old, size_t count, size_t capacity, size_t size)
{
    void *p = arena_array(a, capacity, size);
    if (count)
        memcpy(p, old, count * size);
    return p;
}

char *arena_strndup(Arena *a, const char *s, size_t n)
{
    char *p = arena_array(a, n + 1, 1);
    memcpy(p, s, n);
    return p;
}

char *arena_strdup(Arena *a, const char *s)
{
    return arena_strndup(a, s, strlen(s));
}

char *arena_vprintf(Arena *a, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    /* The analyser loses sight of the caller's va_start. */
    int n = vsnprintf(NULL, 0, format, args); /* NOLINT(clang-analyzer-valist.Uninitialized) */
    char *p = arena_array(a, n < 0 ? 1 : (size_t)n + 1, 1);
    if (n > 0)
        vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return p;
}

char *arena_printf(Arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    char *p = arena_vprintf(a, format, args);
    va_end(args);
    return p;
}

void arena_defer(Arena *a, void (*fn)(void *), void *arg)
{
    Deferred *d = ARENA_NEW(a, Deferred);
    d->fn = fn;
    d->arg = arg;
    d->next = a->deferred;
    a->deferred = d;
}

size_t arena_used(const Arena *a)
{
    return a->used;
}
