/*
 * Reading the inventory: single resources, lists, scans for full runs, counts.
 *
 * Lists are read in pages by key, so that no driver ever holds a whole inventory in memory; what a filter
 * asks for beyond account, type and id is decided here, row by row.
 */
#include "inventory/rows.h"

enum { PAGE_ROWS = 512 };

#define SELECT "SELECT " INVENTORY_COLUMNS
#define SELECT_WHOLE SELECT ", configuration"

void inventory_read_row(store_statement *st, pl_str account_id, bool configuration, inventory_resource *out) {
    *out = (inventory_resource){
        .account_id = account_id,
        .resource_key = store_column_i64(st, 0),
        .resource_type = store_column_text(st, 1),
        .region_id = store_column_text(st, 2),
        .resource_id = store_column_text(st, 3),
        .name = store_column_text(st, 4),
        .status = store_column_text(st, 5),
        .group_id = store_column_text(st, 6),
        .zone = store_column_text(st, 7),
        .create_time = store_column_i64(st, 8),
        .capture_time = store_column_i64(st, 9),
        .tags = store_column_text(st, 10),
        .deleted = store_column_i64(st, 11) != 0,
        .configuration = configuration ? store_column_text(st, 12) : PL_STR_NONE,
    };
}

int inventory_copy_resource(pl_arena *arena, inventory_resource *r, pl_error *error) {
    pl_str *const texts[] = {&r->account_id, &r->resource_type, &r->region_id, &r->resource_id,
                             &r->name,       &r->status,        &r->group_id,  &r->zone,
                             &r->tags,       &r->configuration};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (!texts[i]->p)
            continue;
        *texts[i] = pl_arena_copy(arena, *texts[i]);
        if (!texts[i]->p)
            return pl_fail(error, PL_E_ServiceUnavailable);
    }
    return 0;
}

/* Takes the statement's first row, when there is one, and ends the statement. */
static int take_row(store_statement *st, pl_arena *arena, pl_str account_id, inventory_resource *out,
                    bool *found, pl_error *error) {
    int row = store_step(st, error);
    *found = row == 1;
    if (row < 0)
        return -1;
    if (row == 0)
        return 0;
    inventory_read_row(st, account_id, true, out);
    int status = inventory_copy_resource(arena, out, error);
    store_reset(st);
    return status;
}

int inventory_find(store_session *session, pl_arena *arena, pl_str account_id, pl_str resource_type,
                   pl_str region_id, pl_str resource_id, inventory_resource *out, bool *found,
                   pl_error *error) {
    store_statement *st =
        store_prepare(session,
                      region_id.p ? SELECT_WHOLE
                          " FROM resources WHERE account_id = $1 AND resource_type = $2 AND resource_id = $3 "
                          "AND region_id = $4"
                                  : SELECT_WHOLE
                          " FROM resources WHERE account_id = $1 AND resource_type = $2 AND resource_id = $3 "
                          "ORDER BY deleted, region_id LIMIT 1",
                      error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, resource_type);
    store_bind_text(st, 3, resource_id);
    if (region_id.p)
        store_bind_text(st, 4, region_id);
    return take_row(st, arena, account_id, out, found, error);
}

int inventory_find_key(store_session *session, pl_arena *arena, pl_str account_id, int64_t resource_key,
                       inventory_resource *out, bool *found, pl_error *error) {
    store_statement *st = store_prepare(
        session, SELECT_WHOLE " FROM resources WHERE account_id = $1 AND resource_key = $2", error);
    store_bind_text(st, 1, account_id);
    store_bind_i64(st, 2, resource_key);
    return take_row(st, arena, account_id, out, found, error);
}

int inventory_find_id(store_session *session, pl_arena *arena, pl_str account_id, pl_str resource_id,
                      inventory_resource *out, size_t capacity, size_t *count, pl_error *error) {
    /* The sum keeps SQLite from reading the whole account in the order of keys instead of the few by id. */
    store_statement *st =
        store_prepare(session,
                      SELECT_WHOLE " FROM resources WHERE account_id = $1 AND resource_id = "
                                   "$2 AND deleted = 0 ORDER BY resource_key + 0",
                      error);
    int row = 0;
    *count = 0;
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, resource_id);
    while (*count < capacity && (row = store_step(st, error)) == 1) {
        inventory_read_row(st, account_id, true, out + *count);
        if (inventory_copy_resource(arena, out + *count, error) != 0)
            return -1;
        ++*count;
    }
    if (row == 1)
        store_reset(st);
    return row < 0 ? -1 : 0;
}

static bool one_of(const pl_str *items, size_t count, pl_str value) {
    for (size_t i = 0; i < count; i++)
        if (pl_str_eq(items[i], value))
            return true;
    return false;
}

static bool matches(const inventory_filter *f, const inventory_resource *r) {
    if (r->deleted ? !f->with_deleted : f->without_live)
        return false;
    if (f->type_count && !one_of(f->types, f->type_count, r->resource_type))
        return false;
    if (f->region_count && !one_of(f->regions, f->region_count, r->region_id))
        return false;
    if (f->exclude_type_count && one_of(f->exclude_types, f->exclude_type_count, r->resource_type))
        return false;
    if (f->id_count && !one_of(f->ids, f->id_count, r->resource_id))
        return false;
    if (f->resource_id.n && !pl_str_eq(f->resource_id, r->resource_id))
        return false;
    if (f->name.n && !pl_str_eq(f->name, r->name))
        return false;
    if (f->updated_from && r->capture_time < f->updated_from)
        return false;
    return f->updated_to == 0 || r->capture_time <= f->updated_to;
}

/* The narrowest of the three ways to walk; the same two leading and the last parameter in each. */
static store_statement *prepare_list(store_session *session, const inventory_filter *f, int64_t after,
                                     pl_error *error) {
    pl_str narrow = f->resource_id.n ? f->resource_id : f->type_count == 1 ? f->types[0] : PL_STR_NONE;
    store_statement *st = store_prepare(
        session,
        f->resource_id.n ? SELECT
            " FROM resources WHERE account_id = $1 AND resource_key > $2 AND resource_id "
            "= $4 ORDER BY resource_key LIMIT $3"
        : narrow.n ? SELECT " FROM resources WHERE account_id = $1 AND resource_key > $2 AND resource_type = "
                            "$4 ORDER BY resource_key LIMIT $3"
                   : SELECT
            " FROM resources WHERE account_id = $1 AND resource_key > $2 ORDER BY resource_key "
            "LIMIT $3",
        error);
    store_bind_text(st, 1, f->account_id);
    store_bind_i64(st, 2, after);
    store_bind_i64(st, 3, PAGE_ROWS);
    if (narrow.n)
        store_bind_text(st, 4, narrow);
    return st;
}

int inventory_list(store_session *session, const inventory_filter *filter, int64_t after_key,
                   inventory_visit visit, void *context, pl_error *error) {
    inventory_resource r;
    int rows;
    do {
        store_statement *st = prepare_list(session, filter, after_key, error);
        int step;
        for (rows = 0; (step = store_step(st, error)) == 1; rows++) {
            inventory_read_row(st, filter->account_id, false, &r);
            after_key = r.resource_key;
            int answer = matches(filter, &r) ? visit(context, &r, error) : 0;
            if (answer != 0) {
                store_reset(st);
                return answer < 0 ? -1 : 0;
            }
        }
        if (step < 0)
            return -1;
    } while (rows == PAGE_ROWS);
    return 0;
}

static int count_visit(void *context, const inventory_resource *resource, pl_error *error) {
    (void)resource;
    (void)error;
    ++*(int64_t *)context;
    return 0;
}

int inventory_count(store_session *session, const inventory_filter *filter, int64_t *count, pl_error *error) {
    *count = 0;
    return inventory_list(session, filter, 0, count_visit, count, error);
}

int inventory_visit_rows(store_statement *st, pl_str account_id, inventory_visit visit, void *context,
                         pl_error *error) {
    int row;
    while ((row = store_step(st, error)) == 1) {
        inventory_resource r;
        inventory_read_row(st, account_id, true, &r);
        int answer = visit(context, &r, error);
        if (answer != 0) {
            store_reset(st);
            return answer < 0 ? -1 : 0;
        }
    }
    return row;
}

int inventory_scan(store_session *session, pl_str account_id, pl_str resource_type, int64_t after_key,
                   int64_t limit, inventory_visit visit, void *context, pl_error *error) {
    store_statement *st =
        store_prepare(session,
                      SELECT_WHOLE " FROM resources WHERE account_id = $1 AND resource_type "
                                   "= $2 AND resource_key > $3 AND deleted = 0 ORDER BY "
                                   "resource_key LIMIT $4",
                      error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, resource_type);
    store_bind_i64(st, 3, after_key);
    store_bind_i64(st, 4, limit);
    return inventory_visit_rows(st, account_id, visit, context, error);
}

int inventory_next_type(store_session *session, pl_arena *arena, pl_str account_id, pl_str after,
                        pl_str *type, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT resource_type FROM resource_counts WHERE account_id = $1 AND "
                                        "resource_type > $2 ORDER BY resource_type LIMIT 1",
                                        error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, after.p ? after : PL_STR(""));
    *type = PL_STR_NONE;
    int row = store_step(st, error);
    if (row <= 0)
        return row;
    *type = pl_arena_copy(arena, store_column_text(st, 0));
    store_reset(st);
    return type->p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

/* Rows of (name, count) into an array in the arena. */
static int read_groups(store_statement *st, pl_arena *arena, inventory_group **groups, size_t *count,
                       pl_error *error) {
    size_t capacity = 0;
    int row;
    *groups = NULL;
    *count = 0;
    while ((row = store_step(st, error)) == 1) {
        inventory_group *grown = pl_arena_grow(arena, *groups, *count, &capacity, sizeof **groups);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *groups = grown;
        grown[*count] =
            (inventory_group){pl_arena_copy(arena, store_column_text(st, 0)), store_column_i64(st, 1)};
        if (!grown[(*count)++].name.p)
            return pl_fail(error, PL_E_ServiceUnavailable);
    }
    return row;
}

int inventory_count_by_region(store_session *session, pl_arena *arena, pl_str account_id,
                              pl_str resource_type, inventory_group **groups, size_t *count,
                              pl_error *error) {
    store_statement *st = store_prepare(
        session,
        "SELECT region_id, SUM(live) FROM resource_counts WHERE account_id = $1 AND (resource_type = $2 OR "
        "CAST($2 AS TEXT) IS NULL) GROUP BY region_id HAVING SUM(live) > 0 ORDER BY region_id",
        error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, resource_type.n ? resource_type : PL_STR_NONE);
    return read_groups(st, arena, groups, count, error);
}

int inventory_count_by_type(store_session *session, pl_arena *arena, pl_str account_id, pl_str region_id,
                            inventory_group **groups, size_t *count, pl_error *error) {
    store_statement *st = store_prepare(
        session,
        "SELECT resource_type, SUM(live) FROM resource_counts WHERE account_id = $1 AND (region_id = $2 OR "
        "CAST($2 AS TEXT) IS NULL) GROUP BY resource_type HAVING SUM(live) > 0 ORDER BY resource_type",
        error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, region_id.n ? region_id : PL_STR_NONE);
    return read_groups(st, arena, groups, count, error);
}

static int read_number(store_statement *st, int64_t *number, pl_error *error) {
    *number = 0;
    int row = store_step(st, error);
    if (row <= 0)
        return row;
    *number = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

int inventory_count_type(store_session *session, pl_str account_id, pl_str resource_type, int64_t *count,
                         pl_error *error) {
    store_statement *st = store_prepare(
        session,
        resource_type.p ? "SELECT SUM(live) FROM resource_counts WHERE account_id = $1 AND resource_type = $2"
                        : "SELECT SUM(live) FROM resource_counts WHERE account_id = $1",
        error);
    store_bind_text(st, 1, account_id);
    if (resource_type.p)
        store_bind_text(st, 2, resource_type);
    return read_number(st, count, error);
}

int inventory_sequence(store_session *session, pl_str account_id, int64_t *sequence, pl_error *error) {
    store_statement *st =
        store_prepare(session, "SELECT sequence FROM inventory_accounts WHERE account_id = $1", error);
    store_bind_text(st, 1, account_id);
    return read_number(st, sequence, error);
}
