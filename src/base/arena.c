/* The arena: a list of blocks, bump allocation in the newest. Owns its blocks. */
#include "base/arena.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>

enum { FIRST_BLOCK = 4096, LARGEST_STEP = 1 << 20, ALIGNMENT = 16 };

struct pl_arena_block {
    struct pl_arena_block *older;
    size_t size; /* bytes of payload */
    _Alignas(ALIGNMENT) char payload[];
};

void pl_arena_init(pl_arena *arena, size_t limit) {
    *arena = (pl_arena){.limit = limit ? limit : (size_t)1 << 30};
}

static void free_blocks(struct pl_arena_block *block) {
    while (block) {
        struct pl_arena_block *older = block->older;
        pl_free(block);
        block = older;
    }
}

void pl_arena_reset(pl_arena *arena) {
    struct pl_arena_block *kept = arena->blocks;
    arena->failed = false;
    arena->used = 0;
    if (!kept)
        return;
    free_blocks(kept->older);
    kept->older = NULL;
    arena->total = kept->size;
}

void pl_arena_free(pl_arena *arena) {
    free_blocks(arena->blocks);
    pl_arena_init(arena, arena->limit);
}

static bool add_block(pl_arena *arena, size_t at_least) {
    size_t size = arena->blocks ? arena->blocks->size * 2 : FIRST_BLOCK;
    if (size > LARGEST_STEP)
        size = LARGEST_STEP;
    if (size < at_least)
        size = at_least;
    if (size > arena->limit - arena->total || pl_memory_is_short())
        size = at_least;
    if (size > arena->limit - arena->total)
        return false;
    struct pl_arena_block *block = pl_malloc(sizeof *block + size);
    if (!block)
        return false;
    block->older = arena->blocks;
    block->size = size;
    arena->blocks = block;
    arena->used = 0;
    arena->total += size;
    return true;
}

void *pl_arena_take(pl_arena *arena, size_t size) {
    if (size > arena->limit) {
        arena->failed = true;
        return NULL;
    }
    size_t padded = (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    if (!arena->blocks || arena->blocks->size - arena->used < padded) {
        if (!add_block(arena, padded)) {
            arena->failed = true;
            return NULL;
        }
    }
    void *p = arena->blocks->payload + arena->used;
    arena->used += padded;
    return p;
}

void *pl_arena_alloc(pl_arena *arena, size_t size) {
    void *p = pl_arena_take(arena, size);
    return p ? memset(p, 0, size) : NULL;
}

void *pl_arena_calloc(pl_arena *arena, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) {
        arena->failed = true;
        return NULL;
    }
    return pl_arena_alloc(arena, bytes);
}

char *pl_arena_cstr(pl_arena *arena, pl_str s) {
    char *copy = pl_arena_alloc(arena, s.n + 1);
    if (copy && s.n)
        memcpy(copy, s.p, s.n);
    return copy;
}

pl_str pl_arena_copy(pl_arena *arena, pl_str s) {
    if (!s.p)
        return PL_STR_NONE;
    const char *copy = pl_arena_cstr(arena, s);
    return copy ? pl_str_of(copy, s.n) : PL_STR_NONE;
}

pl_str pl_arena_copy_padded(pl_arena *arena, pl_str s, size_t padding) {
    char *copy = s.p ? pl_arena_alloc(arena, s.n + padding) : NULL;
    if (!copy)
        return PL_STR_NONE;
    if (s.n)
        memcpy(copy, s.p, s.n);
    return pl_str_of(copy, s.n);
}

/* Most texts fit the rest of the newest block: they are formatted once, into place. */
pl_str pl_arena_printf(pl_arena *arena, const char *format, ...) {
    size_t room = arena->blocks ? arena->blocks->size - arena->used : 0;
    char *place = room ? arena->blocks->payload + arena->used : NULL;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(place, room, format, args);
    va_end(args);
    if (n >= 0 && (size_t)n < room) {
        size_t padded = ((size_t)n + ALIGNMENT) & ~(size_t)(ALIGNMENT - 1);
        arena->used += padded < room ? padded : room;
        return pl_str_of(place, (size_t)n);
    }
    char *text = n < 0 ? NULL : pl_arena_alloc(arena, (size_t)n + 1);
    if (!text)
        return PL_STR_NONE;
    va_start(args, format);
    vsnprintf(text, (size_t)n + 1, format, args);
    va_end(args);
    return pl_str_of(text, (size_t)n);
}

void *pl_arena_grow(pl_arena *arena, void *items, size_t count, size_t *capacity, size_t item_size) {
    if (count < *capacity)
        return items;
    size_t larger = *capacity ? *capacity * 2 : 8;
    void *copy = pl_arena_calloc(arena, larger, item_size);
    if (!copy)
        return NULL;
    if (count)
        memcpy(copy, items, count * item_size);
    *capacity = larger;
    return copy;
}
