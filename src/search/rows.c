/*
 * Rows of an answer: they go to the caller at once unless the plan orders them; then the best ones wait,
 * sorted now and then so that no more than the answer needs are kept. Owns the waiting rows of a run.
 */
#include "search/internal.h"

#include "base/memory.h"

#include <stdlib.h>

enum { SLACK = 1024 };

int search_too_much(const search_run *run, const char *what, pl_error *error) {
    return pl_failf(error, PL_E_Invalid_Sql_Value,
                    "The specified Sql is invalid: it has to %s more than %zu MB; add conditions or LIMIT.",
                    what, run->limits.memory >> 20);
}

static int compare_rows(const void *a, const void *b) {
    const search_kept *x = *(search_kept *const *)a, *y = *(search_kept *const *)b;
    for (size_t i = 0; i < x->plan->order_count; i++) {
        int order = search_compare_cells(&x->cells[i], &y->cells[i]);
        if (order != 0)
            return x->plan->orders[i].descending ? -order : order;
    }
    return x->number < y->number ? -1 : 1;
}

static search_kept *new_kept(const search_plan *plan, const search_cell *order, const search_cell *cells) {
    size_t count = plan->order_count + plan->column_count, bytes = sizeof(search_kept);
    for (size_t i = 0; i < count; i++)
        bytes +=
            sizeof *cells + (i < plan->order_count ? order[i].text.n : cells[i - plan->order_count].text.n);
    search_kept *kept = pl_malloc(bytes);
    if (!kept)
        return NULL;
    char *text = (char *)(kept->cells + count);
    *kept = (search_kept){.plan = plan, .bytes = bytes};
    for (size_t i = 0; i < count; i++) {
        const search_cell *from = i < plan->order_count ? &order[i] : &cells[i - plan->order_count];
        if (from->text.n)
            memcpy(text, from->text.p, from->text.n);
        kept->cells[i] = (search_cell){from->kind, pl_str_of(text, from->text.n)};
        text += from->text.n;
    }
    return kept;
}

/* Sorts, and drops the rows that cannot be in the answer any more. */
static void sort(search_run *run) {
    if (run->kept_count)
        qsort(run->kept, run->kept_count, sizeof(search_kept *), compare_rows);
    while ((int64_t)run->kept_count > run->most) {
        search_kept *last = run->kept[--run->kept_count];
        run->kept_bytes -= last->bytes;
        pl_free(last);
    }
}

static int grow(search_run *run, pl_error *error) {
    size_t capacity = run->kept_capacity ? run->kept_capacity * 2 : SLACK;
    search_kept **grown = pl_realloc(run->kept, capacity * sizeof(search_kept *));
    if (!grown)
        return pl_fail(error, PL_E_ServiceUnavailable);
    run->kept = grown;
    run->kept_capacity = capacity;
    return 0;
}

static int keep(search_run *run, const search_cell *order, const search_cell *cells, pl_error *error) {
    bool crowded = run->most < INT64_MAX / 2 && (int64_t)run->kept_count >= 2 * run->most + SLACK;
    if (crowded || run->kept_bytes > run->limits.memory)
        sort(run);
    if (run->kept_bytes > run->limits.memory)
        return search_too_much(run, "sort", error);
    if (run->kept_count == run->kept_capacity && grow(run, error) != 0)
        return -1;
    search_kept *kept = new_kept(run->plan, order, cells);
    if (!kept)
        return pl_fail(error, PL_E_ServiceUnavailable);
    kept->number = run->arrived++;
    run->kept_bytes += kept->bytes;
    run->kept[run->kept_count++] = kept;
    return 0;
}

int search_give(search_run *run, const search_cell *order, const search_cell *cells, pl_error *error) {
    if (run->plan->order_count)
        return keep(run, order, cells, error);
    if (run->emitted >= run->most)
        return 0;
    run->emitted++;
    return run->emit(run->context, cells, run->plan->column_count, error);
}

int search_rows_end(search_run *run, pl_error *error) {
    sort(run);
    for (size_t i = 0; i < run->kept_count; i++)
        if (run->emit(run->context, run->kept[i]->cells + run->plan->order_count, run->plan->column_count,
                      error) != 0)
            return -1;
    return 0;
}

void search_rows_free(search_run *run) {
    for (size_t i = 0; i < run->kept_count; i++)
        pl_free(run->kept[i]);
    pl_free(run->kept);
}
