/*
 * The one hash map: byte-string keys to pointers. Open addressing with linear probing.
 *
 * The map copies neither keys nor values; both must outlive it. Its table lives on the heap. Iteration order
 * is unspecified but the same for the same sequence of operations and seed.
 */
#ifndef PL_BASE_MAP_H
#define PL_BASE_MAP_H

#include "base/str.h"

typedef struct pl_map_slot {
    pl_str key;
    void *value; /* NULL: free slot */
    uint64_t hash;
} pl_map_slot;

typedef struct pl_map {
    pl_map_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    uint64_t seed;
} pl_map;

/* An empty map; `seed` should be random where keys come from strangers, else 0. Allocates nothing yet. */
void pl_map_init(pl_map *map, uint64_t seed);
void pl_map_free(pl_map *map);
void pl_map_clear(pl_map *map);

/* The value, or NULL when there is none. */
void *pl_map_get(const pl_map *map, pl_str key);

/* Sets the value (not NULL), replacing an earlier one and its key view. False without memory. */
bool pl_map_put(pl_map *map, pl_str key, void *value) __attribute__((warn_unused_result));

/* Removes and returns the value; NULL when there is none. */
void *pl_map_remove(pl_map *map, pl_str key);

/* Walks the map: start with *cursor 0; false at the end. The map must not change meanwhile. */
bool pl_map_next(const pl_map *map, size_t *cursor, pl_str *key, void **value);

#endif
