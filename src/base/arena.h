/*
 * The one arena: memory that is freed as a whole.
 *
 * One arena per request, per evaluation batch and per compiled program. Objects are never freed one by one.
 * Every arena has a maximum; going over it, or running out of memory, yields NULL and marks the arena as
 * failed, so that a caller that chains several allocations may look at the mark once.
 * INVARIANT: pointers stay valid until pl_arena_reset or pl_arena_free. Not for use by two threads at once.
 */
#ifndef PL_BASE_ARENA_H
#define PL_BASE_ARENA_H

#include "base/str.h"

struct pl_arena_block;

typedef struct pl_arena {
    struct pl_arena_block *blocks; /* newest first */
    size_t used;                   /* bytes used in the newest block */
    size_t total;                  /* bytes of all blocks */
    size_t limit;                  /* maximum of `total`, bytes */
    bool failed;
} pl_arena;

/* An empty arena that may grow to `limit` bytes (0: 1 GiB). Allocates nothing yet. */
void pl_arena_init(pl_arena *arena, size_t limit);

/* Frees everything but one block, for the next round; clears the mark. */
void pl_arena_reset(pl_arena *arena);

/* Frees everything; the arena may be used again. */
void pl_arena_free(pl_arena *arena);

/* `size` zeroed bytes, aligned for any object; NULL when the limit or the memory is exhausted. */
void *pl_arena_alloc(pl_arena *arena, size_t size) __attribute__((warn_unused_result));

/* The same without zeros, for what is written over at once. */
void *pl_arena_take(pl_arena *arena, size_t size) __attribute__((warn_unused_result));

/* `count` times `size` zeroed bytes, NULL also when the product overflows. */
void *pl_arena_calloc(pl_arena *arena, size_t count, size_t size) __attribute__((warn_unused_result));

/* `count` zeroed objects of `type`. */
#define pl_new(arena, type, count) ((type *)pl_arena_calloc((arena), (count), sizeof(type)))

/* Copy of the bytes with a NUL behind them; the absent view on failure (and for an absent view). */
pl_str pl_arena_copy(pl_arena *arena, pl_str s);

/* The same with `padding` readable zeros behind the bytes. */
pl_str pl_arena_copy_padded(pl_arena *arena, pl_str s, size_t padding);

/* NUL-terminated copy; NULL on failure. */
char *pl_arena_cstr(pl_arena *arena, pl_str s);

/* Formatted text; the absent view on failure. */
pl_str pl_arena_printf(pl_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Room for one more item in a growable array: returns `items` or a larger copy. `*capacity` is updated.
 * NULL on failure, the old array stays valid. Start with items NULL and capacity 0.
 */
void *pl_arena_grow(pl_arena *arena, void *items, size_t count, size_t *capacity, size_t item_size);

#endif
