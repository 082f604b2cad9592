/* A hash table from names to pointers. Keys are not copied; both live as long as the arena. */
#ifndef CNNCC_FRONTEND_STRMAP_H
#define CNNCC_FRONTEND_STRMAP_H

#include "ir/arena.h"

#include <stdint.h>

typedef struct StrMapEntry {
    const char *key; /* NULL: free */
    uint64_t hash;
    void *value;
} StrMapEntry;

typedef struct StrMap {
    Arena *arena;
    StrMapEntry *entries;
    size_t count, capacity; /* a power of two */
} StrMap;

StrMap strmap_new(Arena *a);
/* The value of `key`, NULL when there is none. */
void *strmap_get(const StrMap *m, const char *key);
/* Sets `key` and returns what it had before (NULL: nothing). */
void *strmap_put(StrMap *m, const char *key, void *value);

#endif
