/*
 * Inside the engine room: the records of a page of kept columns by what they have in common. A rule looks at
 * few columns and equal values stand at one place, so most records of a page are alike to it: each rule is
 * judged once for each combination of values that occurs.
 *
 * INVARIANT: records of one combination have the same places at all columns that decide about the rule, so
 * everything that the rule says of one of them it says of all.
 */
#ifndef ENGINE_COMBINED_H
#define ENGINE_COMBINED_H

#include "engine/kept.h"

/* The combinations of one rule. */
typedef struct engine_combinations {
    const uint16_t *of; /* the number of each record's combination */
    size_t count;
} engine_combinations;

/*
 * Fills an entry for each rule of the program, in the arena. `map` is that of engine_kept_bind for the
 * columns of the program. ServiceUnavailable without memory.
 */
int engine_combine(pl_arena *arena, const pl_program *program, const engine_kept_page *page,
                   const uint32_t *map, engine_combinations **rules, pl_error *error);

#endif
