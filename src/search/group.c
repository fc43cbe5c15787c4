/*
 * Groups and their totals. A resource counts in the group of each distinct value of a multi-valued key, once.
 * Totals run over all values: of numbers and of texts that are numbers. Owns the groups.
 */
#include "search/internal.h"

#include "base/decimal.h"
#include "base/map.h"
#include "base/memory.h"

#include <stdlib.h>

enum { COMBINATIONS_MAX = 1000, KEY_LIMIT = 16 << 20, NUMBER_TEXT = 64 };

/* A running total. Sums are exact while all numbers are whole and fit. */
typedef struct total {
    int64_t count, whole;
    double sum;
    bool inexact;
    search_cell least; /* or greatest; its text is on the heap */
} total;

typedef struct group {
    struct group *next; /* in the order of arrival */
    char *key;
    search_cell *cells; /* of the keys; their texts lie in `key` */
    total *totals;
} group;

struct search_groups {
    pl_map map;
    group *first, **last;
    size_t bytes;
    size_t totals;
};

search_groups *search_groups_new(uint64_t seed) {
    search_groups *groups = pl_calloc(1, sizeof *groups);
    if (!groups)
        return NULL;
    pl_map_init(&groups->map, seed);
    groups->last = &groups->first;
    return groups;
}

static void free_group(group *g, size_t totals) {
    for (size_t i = 0; g->totals && i < totals; i++)
        pl_free((void *)(uintptr_t)g->totals[i].least.text.p);
    pl_free(g->totals);
    pl_free(g->cells);
    pl_free(g->key);
    pl_free(g);
}

void search_groups_free(search_groups *groups) {
    if (!groups)
        return;
    for (group *g = groups->first, *next; g; g = next) {
        next = g->next;
        free_group(g, groups->totals);
    }
    pl_map_free(&groups->map);
    pl_free(groups);
}

/* --- Totals ----------------------------------------------------------------------------------------------
 */

/* The number that a text is, as a double, and whole when it is that; false: none. */
static bool read_number(pl_str text, bool *whole, int64_t *integer, double *real) {
    char plain[NUMBER_TEXT];
    pl_decimal ignored;
    pl_str trimmed = pl_str_trim(text);
    if (!pl_decimal_parse(trimmed, &ignored) || trimmed.n >= sizeof plain)
        return false;
    memcpy(plain, trimmed.p, trimmed.n);
    plain[trimmed.n] = '\0';
    *whole = pl_str_to_i64(trimmed, integer);
    *real = strtod(plain, NULL);
    return true;
}

static void sum_number(total *t, pl_str text) {
    bool whole;
    int64_t integer = 0;
    double real;
    if (!read_number(text, &whole, &integer, &real))
        return;
    t->count++;
    t->sum += real;
    t->inexact = t->inexact || !whole || __builtin_add_overflow(t->whole, integer, &t->whole);
}

static int keep_extreme(search_groups *groups, total *t, search_aggregate aggregate,
                        const search_cell *cell) {
    bool first = t->least.kind == SEARCH_NULL;
    int order = first ? 0 : search_compare_cells(cell, &t->least);
    if (!first && (aggregate == AGGREGATE_MIN ? order >= 0 : order <= 0))
        return 0;
    char *copy = pl_malloc(cell->text.n + 1);
    if (!copy)
        return -1;
    memcpy(copy, cell->text.n ? cell->text.p : "", cell->text.n);
    groups->bytes += cell->text.n;
    groups->bytes -= first ? 0 : t->least.text.n;
    pl_free((void *)(uintptr_t)t->least.text.p);
    t->least = (search_cell){cell->kind, pl_str_of(copy, cell->text.n)};
    return 0;
}

static int add_total(search_run *run, const search_item *item, const search_resource *resource, total *t,
                     pl_error *error) {
    search_values values;
    if (item->aggregate == AGGREGATE_COUNT_ALL) {
        t->count++;
        return 0;
    }
    if (search_read(&item->property, resource, &run->scratch, &values, error) != 0)
        return -1;
    if (item->aggregate == AGGREGATE_COUNT) {
        t->count += values.count > 0;
        return 0;
    }
    for (size_t i = 0; i < values.count; i++) {
        search_cell cell = {values.items[i].kind, search_value_text(&values.items[i], &run->scratch)};
        if (!cell.text.p)
            return pl_fail(error, PL_E_ServiceUnavailable);
        if (item->aggregate == AGGREGATE_SUM || item->aggregate == AGGREGATE_AVG)
            sum_number(t, cell.text);
        else if (keep_extreme(run->groups, t, item->aggregate, &cell) != 0)
            return pl_fail(error, PL_E_ServiceUnavailable);
    }
    return 0;
}

static search_cell number_cell(pl_arena *scratch, bool whole, int64_t integer, double real) {
    pl_buf text;
    pl_buf_init(&text, NUMBER_TEXT);
    if (whole)
        pl_buf_add_i64(&text, integer);
    else
        pl_json_write_double(&text, real);
    search_cell cell = {SEARCH_NUMBER, text.failed ? PL_STR_NONE : pl_arena_copy(scratch, pl_buf_str(&text))};
    pl_buf_free(&text);
    return cell;
}

static search_cell total_cell(const total *t, search_aggregate aggregate, pl_arena *scratch) {
    const search_cell none = {SEARCH_NULL, PL_STR("")};
    switch (aggregate) {
    case AGGREGATE_COUNT_ALL:
    case AGGREGATE_COUNT: return number_cell(scratch, true, t->count, 0);
    case AGGREGATE_SUM: return t->count ? number_cell(scratch, !t->inexact, t->whole, t->sum) : none;
    case AGGREGATE_AVG:
        if (t->count == 0)
            return none;
        if (!t->inexact && t->whole % t->count == 0)
            return number_cell(scratch, true, t->whole / t->count, 0);
        return number_cell(scratch, false, 0, t->sum / (double)t->count);
    default: return t->least.kind == SEARCH_NULL ? none : t->least;
    }
}

/* --- Groups ----------------------------------------------------------------------------------------------
 */

static bool write_key(pl_buf *out, const search_cell *cells, size_t count) {
    for (size_t i = 0; i < count; i++) {
        pl_buf_printf(out, "%d %zu ", (int)cells[i].kind, cells[i].text.n);
        pl_buf_add(out, cells[i].text);
    }
    return !out->failed;
}

/* Points the cells at their texts inside the key, which was written from equal ones. */
static void place_cells(group *g, const search_cell *cells, size_t count, pl_str key) {
    pl_str rest = key, part;
    for (size_t i = 0; i < count; i++) {
        pl_str_split(&rest, ' ', &part);
        pl_str_split(&rest, ' ', &part);
        g->cells[i] = (search_cell){cells[i].kind, pl_str_head(rest, cells[i].text.n)};
        rest = pl_str_skip(rest, cells[i].text.n);
    }
}

static group *new_group(search_run *run, const search_cell *cells, pl_str key) {
    const search_plan *plan = run->plan;
    search_groups *groups = run->groups;
    group *g = pl_calloc(1, sizeof *g);
    if (!g)
        return NULL;
    g->key = pl_malloc(key.n + 1);
    g->cells = pl_calloc(plan->key_count + 1, sizeof *g->cells);
    g->totals = pl_calloc(plan->total_count + 1, sizeof *g->totals);
    if (g->key && g->cells && g->totals) {
        memcpy(g->key, key.n ? key.p : "", key.n);
        place_cells(g, cells, plan->key_count, pl_str_of(g->key, key.n));
        if (pl_map_put(&groups->map, pl_str_of(g->key, key.n), g)) {
            groups->totals = plan->total_count;
            groups->bytes +=
                sizeof *g + key.n + plan->key_count * sizeof *cells + plan->total_count * sizeof(total);
            *groups->last = g;
            groups->last = &g->next;
            return g;
        }
    }
    free_group(g, plan->total_count);
    return NULL;
}

static group *find_group(search_run *run, const search_cell *cells) {
    pl_buf key;
    group *g = NULL;
    pl_buf_init(&key, KEY_LIMIT);
    if (write_key(&key, cells, run->plan->key_count)) {
        g = pl_map_get(&run->groups->map, pl_buf_str(&key));
        g = g ? g : new_group(run, cells, pl_buf_str(&key));
    }
    pl_buf_free(&key);
    return g;
}

static int add_to_group(search_run *run, const search_cell *cells, const search_resource *resource,
                        pl_error *error) {
    group *g = find_group(run, cells);
    if (!g)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < run->plan->total_count; i++)
        if (add_total(run, &run->plan->totals[i], resource, &g->totals[i], error) != 0)
            return -1;
    if (run->groups->bytes > run->limits.memory)
        return search_too_much(run, "group", error);
    return 0;
}

/* The distinct cells of a key; one null when there is none. */
static int key_cells(search_run *run, const search_item *key, const search_resource *resource,
                     search_cell **cells, size_t *count, pl_error *error) {
    search_values values;
    *count = 0;
    if (search_read(&key->property, resource, &run->scratch, &values, error) != 0)
        return -1;
    *cells = pl_new(&run->scratch, search_cell, values.count + 1);
    if (!*cells)
        return pl_fail(error, PL_E_ServiceUnavailable);
    (*cells)[0] = (search_cell){SEARCH_NULL, PL_STR("")};
    for (size_t i = 0; i < values.count && *count <= COMBINATIONS_MAX; i++) {
        search_cell cell = {values.items[i].kind, search_value_text(&values.items[i], &run->scratch)};
        bool known = false;
        if (!cell.text.p)
            return pl_fail(error, PL_E_ServiceUnavailable);
        for (size_t k = 0; k < *count && !known; k++)
            known = search_compare_cells(&cell, &(*cells)[k]) == 0;
        if (!known)
            (*cells)[(*count)++] = cell;
    }
    *count = *count ? *count : 1;
    return 0;
}

int search_groups_add(search_run *run, const search_resource *resource, pl_error *error) {
    search_cell *lists[SEARCH_ITEMS_MAX], chosen[SEARCH_ITEMS_MAX];
    size_t counts[SEARCH_ITEMS_MAX], all = 1, keys = run->plan->key_count;
    for (size_t i = 0; i < keys; i++) {
        if (key_cells(run, &run->plan->keys[i], resource, &lists[i], &counts[i], error) != 0)
            return -1;
        all *= counts[i];
        if (all > COMBINATIONS_MAX)
            return pl_failf(error, PL_E_Invalid_Sql_Value,
                            "The specified Sql is invalid: resource %.*s belongs to more than %d groups.",
                            PL_FMT(resource->resource_id), COMBINATIONS_MAX);
    }
    for (size_t n = 0; n < all; n++) {
        size_t rest = n;
        for (size_t i = 0; i < keys; rest /= counts[i], i++)
            chosen[i] = lists[i][rest % counts[i]];
        if (add_to_group(run, chosen, resource, error) != 0)
            return -1;
    }
    return 0;
}

static int give_group(search_run *run, const group *g, pl_error *error) {
    search_cell order[SEARCH_ITEMS_MAX], cells[SEARCH_ITEMS_MAX];
    const search_plan *plan = run->plan;
    for (size_t i = 0; i < plan->order_count + plan->column_count; i++) {
        bool orders = i < plan->order_count;
        const search_item *item = orders ? &plan->orders[i] : &plan->columns[i - plan->order_count];
        search_cell *cell = orders ? &order[i] : &cells[i - plan->order_count];
        *cell = item->aggregate == AGGREGATE_NONE
                    ? g->cells[item->index]
                    : total_cell(&g->totals[item->index], item->aggregate, &run->scratch);
        if (!cell->text.p)
            return pl_fail(error, PL_E_ServiceUnavailable);
    }
    return search_give(run, order, cells, error);
}

/* Totals without GROUP BY are one row, of nothing when nothing matched. */
int search_groups_end(search_run *run, pl_error *error) {
    pl_arena_reset(&run->scratch);
    if (!run->groups->first && run->plan->key_count == 0 && !new_group(run, NULL, PL_STR("")))
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (const group *g = run->groups->first; g; g = g->next) {
        pl_arena_reset(&run->scratch);
        if (give_group(run, g, error) != 0)
            return -1;
    }
    return 0;
}
