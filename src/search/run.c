/* Runs: resources in, rows out, by the plan of one statement. */
#include "search/internal.h"

#include "base/memory.h"

enum { SCRATCH_LIMIT = 256 << 20 };

search_run *search_run_new(const search_plan *plan, const search_limits *limits, search_emit emit,
                           void *context) {
    search_run *run = pl_calloc(1, sizeof *run);
    if (!run)
        return NULL;
    *run = (search_run){.plan = plan, .limits = *limits, .emit = emit, .context = context};
    run->most = limits->rows > 0 ? limits->rows : INT64_MAX;
    if (plan->limit >= 0 && plan->limit < run->most)
        run->most = plan->limit;
    pl_arena_init(&run->scratch, SCRATCH_LIMIT);
    run->groups = plan->grouped ? search_groups_new(limits->seed) : NULL;
    if (!plan->grouped || run->groups)
        return run;
    search_run_free(run);
    return NULL;
}

void search_run_free(search_run *run) {
    if (!run)
        return;
    search_rows_free(run);
    search_groups_free(run->groups);
    pl_arena_free(&run->scratch);
    pl_free(run);
}

static int read_cells(search_run *run, const search_resource *resource, const search_item *items,
                      size_t count, search_cell *cells, pl_error *error) {
    for (size_t i = 0; i < count; i++) {
        search_values values;
        if (search_read(&items[i].property, resource, &run->scratch, &values, error) != 0)
            return -1;
        if (search_cell_of(&values, &run->scratch, &cells[i]) != 0)
            return pl_fail(error, PL_E_ServiceUnavailable);
    }
    return 0;
}

static int add_row(search_run *run, const search_resource *resource, pl_error *error) {
    search_cell order[SEARCH_ITEMS_MAX] = {{.kind = SEARCH_NULL}},
                cells[SEARCH_ITEMS_MAX] = {{.kind = SEARCH_NULL}};
    const search_plan *plan = run->plan;
    if (read_cells(run, resource, plan->orders, plan->order_count, order, error) != 0 ||
        read_cells(run, resource, plan->columns, plan->column_count, cells, error) != 0)
        return -1;
    return search_give(run, order, cells, error);
}

int search_add(search_run *run, const search_resource *resource, pl_error *error) {
    const search_plan *plan = run->plan;
    if (!plan->grouped && plan->order_count == 0 && run->emitted >= run->most)
        return 1;
    pl_arena_reset(&run->scratch);
    int truth = plan->where ? search_decide(plan->where, resource, &run->scratch, error) : SEARCH_TRUE;
    if (truth < 0)
        return -1;
    if (truth != SEARCH_TRUE)
        return 0;
    return plan->grouped ? search_groups_add(run, resource, error) : add_row(run, resource, error);
}

int search_end(search_run *run, pl_error *error) {
    if (run->plan->grouped && search_groups_end(run, error) != 0)
        return -1;
    return search_rows_end(run, error);
}
