/* The hash map. INVARIANT: at most 3/4 of the slots are taken, so every probe ends. */
#include "base/map.h"

#include "base/memory.h"

void pl_map_init(pl_map *map, uint64_t seed) {
    *map = (pl_map){.seed = seed};
}

void pl_map_free(pl_map *map) {
    pl_free(map->slots);
    pl_map_init(map, map->seed);
}

void pl_map_clear(pl_map *map) {
    if (map->capacity)
        memset(map->slots, 0, map->capacity * sizeof *map->slots);
    map->count = 0;
}

/* The slot that holds the key, or the free slot where it belongs. */
static pl_map_slot *find(const pl_map *map, pl_str key, uint64_t hash) {
    size_t mask = map->capacity - 1;
    size_t at = (size_t)hash & mask;
    while (map->slots[at].value && !(map->slots[at].hash == hash && pl_str_eq(map->slots[at].key, key)))
        at = (at + 1) & mask;
    return &map->slots[at];
}

void *pl_map_get(const pl_map *map, pl_str key) {
    return map->count ? find(map, key, pl_str_hash(key, map->seed))->value : NULL;
}

static bool resize(pl_map *map, size_t capacity) {
    pl_map larger = {.capacity = capacity, .count = map->count, .seed = map->seed};
    larger.slots = pl_calloc(capacity, sizeof *larger.slots);
    if (!larger.slots)
        return false;
    for (size_t i = 0; i < map->capacity; i++)
        if (map->slots[i].value)
            *find(&larger, map->slots[i].key, map->slots[i].hash) = map->slots[i];
    pl_free(map->slots);
    *map = larger;
    return true;
}

bool pl_map_put(pl_map *map, pl_str key, void *value) {
    if ((map->count + 1) * 4 > map->capacity * 3 && !resize(map, map->capacity ? map->capacity * 2 : 16))
        return false;
    uint64_t hash = pl_str_hash(key, map->seed);
    pl_map_slot *slot = find(map, key, hash);
    if (!slot->value)
        map->count++;
    *slot = (pl_map_slot){key, value, hash};
    return true;
}

/* Moves later members of the probe run back, so that no tombstones are needed. */
static void close_gap(pl_map *map, size_t gap) {
    size_t mask = map->capacity - 1;
    for (size_t at = (gap + 1) & mask; map->slots[at].value; at = (at + 1) & mask) {
        size_t home = (size_t)map->slots[at].hash & mask;
        if (((at - home) & mask) < ((at - gap) & mask))
            continue;
        map->slots[gap] = map->slots[at];
        gap = at;
    }
    map->slots[gap] = (pl_map_slot){.value = NULL};
}

void *pl_map_remove(pl_map *map, pl_str key) {
    if (!map->count)
        return NULL;
    pl_map_slot *slot = find(map, key, pl_str_hash(key, map->seed));
    void *value = slot->value;
    if (value) {
        map->count--;
        close_gap(map, (size_t)(slot - map->slots));
    }
    return value;
}

bool pl_map_next(const pl_map *map, size_t *cursor, pl_str *key, void **value) {
    while (*cursor < map->capacity) {
        const pl_map_slot *slot = &map->slots[(*cursor)++];
        if (slot->value) {
            *key = slot->key;
            *value = slot->value;
            return true;
        }
    }
    return false;
}
