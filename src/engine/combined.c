/*
 * Combinations of values. The codes of a column are the numbers that its values have, and a rule's columns
 * are joined one after the other; numbers stay below the count of records, so tables are small and are
 * cleared by what was entered.
 */
#include "engine/combined.h"

enum { TABLE = 1 << 14 };

struct combining {
    pl_arena *arena;
    const engine_kept_page *page;
    const uint32_t *map;
    size_t columns;    /* that are looked at: those of the program and whether there is a configuration */
    uint32_t *keys;    /* of each record */
    uint16_t *table;   /* number + 1; all 0 between two uses */
    uint32_t *entered; /* keys in the table */
    engine_combinations *by_column;
};

/* Number of combinations of the keys; each gets a number in the order of coming. */
static size_t number_keys(struct combining *c, uint16_t *of) {
    const uint32_t *keys = c->keys;
    size_t count = 0;
    for (size_t i = 0; i < c->page->count; i++) {
        uint16_t *entry = &c->table[keys[i]];
        if (*entry == 0) {
            c->entered[count++] = keys[i];
            *entry = (uint16_t)count;
        }
        of[i] = (uint16_t)(*entry - 1);
    }
    for (size_t i = 0; i < count; i++)
        c->table[c->entered[i]] = 0;
    return count;
}

static void take_columns(struct combining *c) {
    for (size_t k = 0; k < c->columns; k++) {
        const engine_kept_column *column = &c->page->by_column[c->map[k]];
        c->by_column[k] = (engine_combinations){column->codes, column->distinct};
    }
}

/* Joins another column to a rule's combinations; where there would be too many, every record is its own. */
static bool join(struct combining *c, engine_combinations *to, const engine_combinations *column) {
    size_t records = c->page->count, width = column->count;
    if (width <= 1)
        return true;
    if (to->count <= 1) {
        *to = *column;
        return true;
    }
    uint16_t *of = pl_arena_take(c->arena, (records + 1) * sizeof *of);
    if (!of)
        return false;
    bool many = to->count * width > TABLE;
    for (size_t i = 0; i < records; i++) {
        c->keys[i] = (uint32_t)(to->of[i] * width + column->of[i]);
        of[i] = (uint16_t)i;
    }
    *to = (engine_combinations){of, many ? records : number_keys(c, of)};
    return true;
}

static bool join_rule(struct combining *c, const pl_program *program, size_t rule, engine_combinations *to) {
    const uint32_t *columns;
    size_t count = pl_program_rule_columns(program, rule, &columns);
    *to = c->by_column[c->columns - 1];
    for (size_t i = 0; i < count; i++)
        if (!join(c, to, &c->by_column[columns[i]]))
            return false;
    return true;
}

static bool prepare(struct combining *c) {
    c->keys = pl_arena_take(c->arena, (c->page->count + 1) * sizeof *c->keys);
    c->table = pl_new(c->arena, uint16_t, TABLE);
    c->entered = pl_arena_take(c->arena, (c->page->count + 1) * sizeof *c->entered);
    c->by_column = pl_new(c->arena, engine_combinations, c->columns);
    return !c->arena->failed;
}

int engine_combine(pl_arena *arena, const pl_program *program, const engine_kept_page *page,
                   const uint32_t *map, engine_combinations **rules, pl_error *error) {
    const pl_column *unused;
    struct combining c = {.arena = arena,
                          .page = page,
                          .map = map,
                          .columns = pl_program_columns(program, &unused) + KEPT_CONFIGURATION + 1};
    size_t count = pl_program_rules(program);
    *rules = pl_new(arena, engine_combinations, count + 1);
    bool fits = *rules && prepare(&c);
    if (fits)
        take_columns(&c);
    for (size_t i = 0; fits && i < count; i++)
        fits = join_rule(&c, program, i, *rules + i);
    return fits ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}
