/*
 * Making one file: what its request says, over what its account may see now. Everything is read in one
 * snapshot and goes to the disk as it is read. Here are inventories and searches; produce_books.c makes
 * reports, produce_template.c those from templates, produce_request.c reads what was asked for.
 */
#include "reports/produce.h"

#include "json/parser.h"

#include <string.h>
#include <unistd.h>

enum { ZONE_MINUTES = 480, SORT_MEMORY = 128 << 20, SCAN_NS_PER_S = 1000000000, SCAN_SECONDS = 1800 };

typedef int (*make_work)(making *m, pl_error *error);

/* "202601310805" of UTC+8, as file names carry it. */
static pl_str stamp_of(pl_arena *arena, int64_t time) {
    char text[PL_TIME_TEXT];
    pl_time_iso(time + (int64_t)ZONE_MINUTES * 60000, text);
    return pl_arena_printf(arena, "%.4s%.2s%.2s%.2s%.2s", text, text + 5, text + 8, text + 11, text + 14);
}

/* --- CSV -------------------------------------------------------------------------------------------------
 */

static int name_file(making *m, const char *what, const char *ending, pl_str type) {
    pl_str group = m->file->aggregator_id;
    m->made.name = pl_arena_printf(m->arena, "%.*s%s%.*s-%s-%.*s.%s", PL_FMT(m->file->account_id),
                                   group.n ? "-" : "", PL_FMT(group), what, PL_FMT(m->stamp), ending);
    m->made.path = pl_arena_printf(m->arena, "%s/%.*s", m->directory, PL_FMT(m->made.name));
    m->made.content_type = type;
    return m->arena->failed ? -1 : 0;
}

static int open_csv(making *m, const char *what, pl_error *error) {
    if (name_file(m, what, "csv", PL_STR("text/csv;charset=utf-8")) != 0)
        return produce_no_memory(error);
    m->out = fopen(m->made.path.p, "wb");
    if (!m->out)
        return pl_failf(error, PL_E_ServiceUnavailable, "%s cannot be written.", m->made.path.p);
    csv_begin(m->out);
    return 0;
}

/* After each row, so that a full disk or an endless answer ends early. */
static int check_size(making *m, pl_error *error) {
    if (ferror(m->out))
        return pl_failf(error, PL_E_ServiceUnavailable, "The report could not be written to the disk.");
    if (ftell(m->out) > m->r->config.file_bytes)
        return pl_failf(error, PL_E_Invalid_Sql_Value, "The file is larger than %lld MB.",
                        (long long)(m->r->config.file_bytes >> 20));
    return produce_check_stop(m, error);
}

static int write_resource(void *context, const inventory_resource *r, pl_error *error) {
    making *m = context;
    char created[PL_TIME_TEXT];
    const pl_str cells[] = {r->account_id,
                            r->resource_id,
                            r->name,
                            r->resource_type,
                            r->region_id,
                            r->zone,
                            r->create_time ? pl_time_iso(r->create_time, created) : PL_STR(""),
                            r->status,
                            r->deleted ? PL_STR("0") : PL_STR("1"),
                            r->group_id,
                            r->tags};
    for (size_t i = 0; i < sizeof cells / sizeof *cells; i++)
        csv_cell(m->out, i == 0, cells[i]);
    csv_row_end(m->out);
    return check_size(m, error);
}

static int make_inventory(making *m, pl_error *error) {
    static const char *const headings[] = {"AccountId",
                                           "ResourceId",
                                           "ResourceName",
                                           "ResourceType",
                                           "RegionId",
                                           "AvailabilityZone",
                                           "ResourceCreationTime",
                                           "ResourceStatus",
                                           "ResourceDeleted",
                                           "ResourceGroupId",
                                           "Tags"};
    pl_str *types, *regions, *accounts;
    size_t account_count;
    bool removed = false;
    inventory_filter filter = {0};
    (void)pl_json_bool(pl_json_get(m->request, PL_STR("deleted")), &removed);
    if (produce_list(m, "types", &types, &filter.type_count, error) != 0 ||
        produce_list(m, "regions", &regions, &filter.region_count, error) != 0 ||
        produce_list(m, "accounts", &accounts, &account_count, error) != 0 ||
        open_csv(m, "RESOURCE_INVENTORY", error) != 0)
        return -1;
    filter.types = types;
    filter.regions = regions;
    filter.with_deleted = filter.without_live = removed;
    for (size_t i = 0; i < sizeof headings / sizeof *headings; i++)
        csv_cell(m->out, i == 0, pl_str_from(headings[i]));
    csv_row_end(m->out);
    for (size_t i = 0; i < m->owner.account_count; i++) {
        filter.account_id = m->owner.accounts[i];
        if ((account_count == 0 || produce_has(accounts, account_count, filter.account_id)) &&
            inventory_list(m->session, &filter, 0, write_resource, m, error) != 0)
            return -1;
    }
    return 0;
}

static int write_cells(void *context, const search_cell *cells, size_t count, pl_error *error) {
    making *m = context;
    for (size_t i = 0; i < count; i++)
        csv_cell(m->out, i == 0, cells[i].text);
    csv_row_end(m->out);
    return check_size(m, error);
}

static int make_search(making *m, pl_error *error) {
    const reports_config *config = &m->r->config;
    search_limits limits = {.memory = SORT_MEMORY};
    search_plan *plan;
    const pl_str *titles;
    bool strict = false;
    (void)pl_json_bool(pl_json_get(m->request, PL_STR("strict")), &strict);
    if (pl_random_fill(&config->random, &limits.seed, sizeof limits.seed) != 0)
        return produce_no_memory(error);
    if (search_compile(m->arena, pl_json_str(pl_json_get(m->request, PL_STR("sql"))), strict, &plan, error) !=
            0 ||
        open_csv(m, "RESOURCE_SEARCH", error) != 0)
        return -1;
    size_t count = search_columns(plan, &titles);
    for (size_t i = 0; i < count; i++)
        csv_cell(m->out, i == 0, titles[i]);
    csv_row_end(m->out);
    search_run *run = search_run_new(plan, &limits, write_cells, m);
    if (!run)
        return produce_no_memory(error);
    int result = reports_scan(m->session, config->catalogue, m->owner.accounts, m->owner.account_count, plan,
                              run, pl_monotonic_ns() + (int64_t)SCAN_SECONDS * SCAN_NS_PER_S, error);
    search_run_free(run);
    return result;
}

/* --- All ------------------------------------------------------------------------------------------------
 */

static int make_work_of(store_session *session, void *argument, pl_error *error) {
    static const make_work works[] = {NULL,         make_inventory, make_search,
                                      produce_pack, produce_rules,  produce_template};
    making *m = argument;
    bool found;
    m->session = session;
    m->part_count = 0;
    m->archive = false;
    m->parts = pl_new(m->arena, made_file, PRODUCE_PARTS_MAX);
    if (!m->parts)
        return produce_no_memory(error);
    if (produce_owner(m, m->file->aggregator_id, &m->owner, &found, error) != 0)
        return -1;
    if (!found)
        return pl_fail(error, PL_E_Invalid_AggregatorId_Value);
    int result = works[m->file->kind](m, error);
    pl_error closing;
    if (m->out && csv_end(m->out, m->r->config.file_bytes, &closing) != 0 && result == 0) {
        *error = closing;
        result = -1;
    }
    m->out = NULL;
    return result;
}

int produce(reports *r, pl_arena *arena, const char *directory, const reports_file *file, made_file *out,
            pl_error *error) {
    making m = {.r = r, .arena = arena, .directory = directory, .file = file};
    m.stamp = stamp_of(arena, file->started);
    if (!m.stamp.p)
        return produce_no_memory(error);
    if (pl_json_parse_in(arena, file->request, &m.request, error) != 0 ||
        store_read(r->config.store, make_work_of, &m, error) != 0)
        return -1;
    *out = m.made;
    return 0;
}
