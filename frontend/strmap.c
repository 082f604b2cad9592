/* Open addressing with linear probing, at most half full; FNV-1a hashes, mixed. */
#include "frontend/strmap.h"

#include <string.h>

static uint64_t hash_name(const char *s)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 0x100000001b3u;
    return h ^ h >> 32;
}

StrMap strmap_new(Arena *a)
{
    StrMap m = {.arena = a, .capacity = 64};
    m.entries = ARENA_ARRAY(a, StrMapEntry, m.capacity);
    return m;
}

/* The entry that holds `key`, or the free one where it belongs. */
static StrMapEntry *find(StrMapEntry *entries, size_t capacity, const char *key, uint64_t hash)
{
    size_t i = (size_t)hash & (capacity - 1);
    while (entries[i].key && (entries[i].hash != hash || strcmp(entries[i].key, key) != 0))
        i = (i + 1) & (capacity - 1);
    return &entries[i];
}

void *strmap_get(const StrMap *m, const char *key)
{
    return find(m->entries, m->capacity, key, hash_name(key))->value;
}

static void grow(StrMap *m)
{
    size_t capacity = 2 * m->capacity;
    StrMapEntry *entries = ARENA_ARRAY(m->arena, StrMapEntry, capacity);
    for (size_t i = 0; i < m->capacity; i++) {
        const StrMapEntry *e = &m->entries[i];
        if (e->key)
            *find(entries, capacity, e->key, e->hash) = *e;
    }
    m->entries = entries;
    m->capacity = capacity;
}

void *strmap_put(StrMap *m, const char *key, void *value)
{
    if (2 * (m->count + 1) > m->capacity)
        grow(m);
    uint64_t hash = hash_name(key);
    StrMapEntry *e = find(m->entries, m->capacity, key, hash);
    void *before = e->value;
    if (e->key == NULL)
        m->count++;
    *e = (StrMapEntry){.key = key, .hash = hash, .value = value};
    return before;
}
