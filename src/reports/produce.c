/*
 * Making one file: what its request says, over what its account may see now. Everything is read in one
 * snapshot and goes to the disk as it is read.
 */
#include "reports/private.h"

#include "json/parser.h"

#include <string.h>
#include <unistd.h>

enum {
    ZONE_MINUTES = 480,
    SORT_MEMORY = 128 << 20,
    PAGE_RESULTS = 1000,
    PAGE_ARENA = 64 << 20,
    SCAN_NS_PER_S = 1000000000,
    SCAN_SECONDS = 1800,
    BOOKS_MAX = 2000,
    PARTS_MAX = 4096
};

typedef struct making {
    reports *r;
    pl_arena *arena;
    const char *directory;
    const reports_file *file;
    pl_json request;
    store_session *session;
    reports_owner owner;
    pl_str stamp;
    FILE *out;
    made_file *parts; /* of an archive */
    size_t part_count;
    bool archive;
    made_file made;
} making;

typedef int (*make_work)(making *m, pl_error *error);

pl_str produce_stamp(pl_arena *arena, int64_t time) {
    char text[PL_TIME_TEXT];
    pl_time_iso(time + (int64_t)ZONE_MINUTES * 60000, text);
    return pl_arena_printf(arena, "%.4s%.2s%.2s%.2s%.2s", text, text + 5, text + 8, text + 11, text + 14);
}

static int no_memory(pl_error *error) {
    return pl_fail(error, PL_E_ServiceUnavailable);
}

static int read_list(making *m, const char *name, pl_str **items, size_t *count, pl_error *error) {
    pl_json list = pl_json_get(m->request, pl_str_from(name)), item;
    pl_str unused;
    *count = 0;
    *items = pl_new(m->arena, pl_str, pl_json_count(list) + 1);
    if (!*items)
        return no_memory(error);
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &unused, &item);)
        (*items)[(*count)++] = pl_json_str(item);
    return 0;
}

static bool has(const pl_str *items, size_t count, pl_str text) {
    for (size_t i = 0; i < count; i++)
        if (pl_str_eq(items[i], text))
            return true;
    return false;
}

/* --- Owners ----------------------------------------------------------------------------------------------
 */

static int own_account(making *m, reports_owner *out, pl_error *error) {
    pl_str *account = pl_new(m->arena, pl_str, 1);
    if (!account)
        return no_memory(error);
    *account = m->file->account_id;
    *out = (reports_owner){{m->file->account_id, PL_STR_NONE}, account, 1};
    return 0;
}

static int find_owner(making *m, pl_str aggregator_id, reports_owner *out, bool *found, pl_error *error) {
    const reports_config *config = &m->r->config;
    *found = true;
    if (aggregator_id.n == 0)
        return own_account(m, out, error);
    *found = false;
    if (!config->find_group)
        return 0;
    return config->find_group(config->context, m->session, m->arena, m->file->account_id, aggregator_id, out,
                              found, error);
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
        return no_memory(error);
    m->out = fopen(m->made.path.p, "wb");
    if (!m->out)
        return pl_failf(error, PL_E_ServiceUnavailable, "%s cannot be written.", m->made.path.p);
    csv_begin(m->out);
    return 0;
}

/* When the room is being closed, what is being made ends early and is made again later. */
static int check_stop(making *m, pl_error *error) {
    if (!store_workers_stopping(m->r->maker))
        return 0;
    return pl_failf(error, PL_E_ServiceUnavailable, "The server is being stopped.");
}

/* After each row, so that a full disk or an endless answer ends early. */
static int check_size(making *m, pl_error *error) {
    if (ferror(m->out))
        return pl_failf(error, PL_E_ServiceUnavailable, "The report could not be written to the disk.");
    if (ftell(m->out) > m->r->config.file_bytes)
        return pl_failf(error, PL_E_Invalid_Sql_Value, "The file is larger than %lld MB.",
                        (long long)(m->r->config.file_bytes >> 20));
    return check_stop(m, error);
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
    if (read_list(m, "types", &types, &filter.type_count, error) != 0 ||
        read_list(m, "regions", &regions, &filter.region_count, error) != 0 ||
        read_list(m, "accounts", &accounts, &account_count, error) != 0 ||
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
        if ((account_count == 0 || has(accounts, account_count, filter.account_id)) &&
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
        return no_memory(error);
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
        return no_memory(error);
    int result = reports_scan(m->session, config->catalogue, m->owner.accounts, m->owner.account_count, plan,
                              run, pl_monotonic_ns() + (int64_t)SCAN_SECONDS * SCAN_NS_PER_S, error);
    search_run_free(run);
    return result;
}

/* --- Books -----------------------------------------------------------------------------------------------
 */

/* One rule with whose resources it is looked at. */
typedef struct judged {
    const engine_rule *rule;
    const reports_owner *owner;
} judged;

typedef struct book_plan {
    pl_str name;
    book_look look;
    book_head head;
    const judged *rules;
    size_t rule_count;
    const pl_str *accounts; /* NULL: all of the rule's owner */
    size_t account_count;
} book_plan;

static int write_results(making *m, const book_plan *plan, book *b, const judged *j, pl_error *error) {
    engine_result_filter filter = {.rules = &j->rule,
                                   .rule_count = 1,
                                   .accounts = plan->accounts ? plan->accounts : j->owner->accounts,
                                   .account_count =
                                       plan->accounts ? plan->account_count : j->owner->account_count,
                                   .has_compliance = true,
                                   .compliance = ENGINE_NON_COMPLIANT};
    pl_arena pages[2]; /* the token lies in the arena of the page before */
    pl_str after = PL_STR_NONE;
    int result = 0, turn = 0;
    pl_arena_init(&pages[0], PAGE_ARENA);
    pl_arena_init(&pages[1], PAGE_ARENA);
    do {
        engine_result *results;
        size_t count = 0;
        if ((result = check_stop(m, error)) != 0)
            break;
        pl_arena_reset(&pages[turn]);
        result = engine_list_results(m->r->config.engine, m->session, &pages[turn], &filter, after,
                                     PAGE_RESULTS, &results, &count, &after, error);
        for (size_t i = 0; result == 0 && i < count; i++)
            result = book_result(b, &results[i], error);
        turn = !turn;
    } while (result == 0 && after.p);
    pl_arena_free(&pages[0]);
    pl_arena_free(&pages[1]);
    return result;
}

static int write_book(making *m, const book_plan *plan, book *b, pl_error *error) {
    for (size_t i = 0; i < plan->rule_count; i++) {
        engine_counts counts;
        const judged *j = &plan->rules[i];
        if (engine_count_rule(m->r->config.engine, m->session, j->rule,
                              plan->accounts ? plan->accounts : j->owner->accounts,
                              plan->accounts ? plan->account_count : j->owner->account_count, &counts,
                              error) != 0 ||
            book_rule(b, j->rule, &counts, error) != 0)
            return -1;
    }
    for (size_t i = 0; i < plan->rule_count; i++)
        if (write_results(m, plan, b, &plan->rules[i], error) != 0)
            return -1;
    return 0;
}

static int make_book(making *m, const book_plan *plan, pl_error *error) {
    made_file files[2];
    size_t count;
    if (m->part_count + 2 > PARTS_MAX)
        return pl_failf(error, PL_E_InvalidParameter, "The report has more than %d files.", PARTS_MAX);
    book *b = book_new(m->arena, m->directory, plan->name, &plan->look, &plan->head, error);
    if (!b)
        return -1;
    int result = write_book(m, plan, b, error);
    pl_error closing;
    int closed = book_end(b, result == 0, files, &count, &closing);
    if (result == 0 && closed != 0)
        *error = closing;
    if (result != 0 || closed != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        m->parts[m->part_count++] = files[i];
    return 0;
}

/* One file as it is, several as an archive; an archive also when the report is one by its nature. */
static int bind_books(making *m, pl_str name, pl_error *error) {
    if (m->part_count == 1 && !m->archive) {
        m->made = m->parts[0];
        return 0;
    }
    pl_str whole = pl_arena_printf(m->arena, "%.*s.zip", PL_FMT(name));
    if (!whole.p)
        return no_memory(error);
    return zip_files(m->arena, m->directory, whole, m->parts, m->part_count, &m->made, error);
}

static int judge_all(making *m, const reports_owner *owner, const engine_rule *rules, size_t count,
                     judged **out, pl_error *error) {
    *out = pl_new(m->arena, judged, count + 1);
    if (!*out)
        return no_memory(error);
    for (size_t i = 0; i < count; i++)
        (*out)[i] = (judged){rules + i, owner};
    return 0;
}

/* One book for each account, named after it. */
static int books_by_account(making *m, book_plan *plan, const char *what, pl_error *error) {
    for (size_t i = 0; i < m->owner.account_count; i++) {
        plan->accounts = &m->owner.accounts[i];
        plan->account_count = 1;
        plan->head.account_id = m->owner.accounts[i];
        plan->name =
            pl_arena_printf(m->arena, "%.*s-%s-%.*s", PL_FMT(m->owner.accounts[i]), what, PL_FMT(m->stamp));
        if (!plan->name.p || make_book(m, plan, error) != 0)
            return plan->name.p ? -1 : no_memory(error);
    }
    return 0;
}

static int make_pack(making *m, pl_error *error) {
    engine_pack pack;
    engine_rule *rules;
    judged *list;
    size_t count;
    bool found, multi = false, group = m->file->aggregator_id.n > 0;
    if (engine_pack_find(m->session, m->arena, &m->owner.group, m->file->object_id, &pack, &found, error) !=
        0)
        return -1;
    if (!found)
        return pl_fail(error, PL_E_Invalid_CompliancePackId_Value);
    if (engine_pack_rules(m->session, m->arena, &pack, &rules, &count, error) != 0 ||
        judge_all(m, &m->owner, rules, count, &list, error) != 0)
        return -1;
    (void)pl_json_bool(pl_json_get(m->request, PL_STR("multi")), &multi);
    book_plan plan = {
        .name = pl_arena_printf(m->arena, "%.*s-%.*s-report-%.*s", PL_FMT(m->file->account_id),
                                PL_FMT(pack.pack_id), PL_FMT(m->stamp)),
        .head = {pack.name, pack.pack_id, m->file->account_id, m->file->aggregator_id, m->file->started},
        .rules = list,
        .rule_count = count};
    pl_str name = plan.name;
    const char *what = pl_arena_printf(m->arena, "%.*s-report", PL_FMT(pack.pack_id)).p;
    m->archive = group;
    if (!name.p || !what)
        return no_memory(error);
    if ((multi ? books_by_account(m, &plan, what, error) : make_book(m, &plan, error)) != 0)
        return -1;
    return bind_books(m, name, error);
}

static int make_rules(making *m, pl_error *error) {
    engine_rule *rules;
    judged *list;
    pl_str *ids;
    size_t count, wanted, kept = 0;
    if (read_list(m, "rules", &ids, &wanted, error) != 0 ||
        engine_rule_list(m->session, m->arena, &m->owner.group, NULL, &rules, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (wanted == 0 || has(ids, wanted, rules[i].rule_id))
            rules[kept++] = rules[i];
    if (judge_all(m, &m->owner, rules, kept, &list, error) != 0)
        return -1;
    book_plan plan = {
        .head = {.title = PL_STR("Rules"), .aggregator_id = m->file->aggregator_id, .time = m->file->started},
        .rules = list,
        .rule_count = kept};
    pl_str name =
        pl_arena_printf(m->arena, "%.*s-rules-report-%.*s", PL_FMT(m->file->account_id), PL_FMT(m->stamp));
    m->archive = true;
    if (!name.p)
        return no_memory(error);
    return books_by_account(m, &plan, "rules-report", error) == 0 ? bind_books(m, name, error) : -1;
}

/* --- Templates -------------------------------------------------------------------------------------------
 */

/* The values of one key of the scope; a key that comes twice has those in both. */
typedef struct wanted {
    bool given;
    pl_str *items;
    size_t count;
} wanted;

static int take_values(making *m, pl_str text, wanted *out, pl_error *error) {
    engine_list list;
    if (engine_list_parse(m->arena, text, &list, error) != 0)
        return -1;
    size_t kept = 0;
    for (size_t i = 0; i < list.count; i++)
        if (!out->given || has(out->items, out->count, list.items[i]))
            list.items[kept++] = list.items[i];
    *out = (wanted){true, list.items, kept};
    return 0;
}

typedef struct template_scope {
    wanted groups, packs, rules;
} template_scope;

static int read_scope(making *m, template_scope *scope, pl_error *error) {
    pl_str unused;
    pl_json entry;
    pl_json list = pl_json_get(m->request, PL_STR("scope"));
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &unused, &entry);) {
        pl_str key = pl_json_str(pl_json_get(entry, PL_STR("Key")));
        wanted *of = pl_str_is(key, "AggregatorId")       ? &scope->groups
                     : pl_str_is(key, "CompliancePackId") ? &scope->packs
                                                          : &scope->rules;
        if (take_values(m, pl_json_str(pl_json_get(entry, PL_STR("Value"))), of, error) != 0)
            return -1;
    }
    return 0;
}

static bool in_packs(const engine_rule *rule, const wanted *packs) {
    for (size_t i = 0; i < rule->pack_ids.count; i++)
        if (has(packs->items, packs->count, rule->pack_ids.items[i]))
            return true;
    return false;
}

typedef struct judged_list {
    judged *items;
    size_t count, capacity;
} judged_list;

static int judge_owner(making *m, const template_scope *scope, pl_str aggregator_id, judged_list *list,
                       pl_error *error) {
    engine_rule *rules;
    size_t count;
    bool found;
    reports_owner *owner = pl_new(m->arena, reports_owner, 1);
    if (!owner)
        return no_memory(error);
    if (find_owner(m, aggregator_id, owner, &found, error) != 0)
        return -1;
    if (!found)
        return 0; /* a group that is gone has nothing to report */
    if (engine_rule_list(m->session, m->arena, &owner->group, NULL, &rules, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if ((scope->rules.given && !has(scope->rules.items, scope->rules.count, rules[i].rule_id)) ||
            (scope->packs.given && !in_packs(&rules[i], &scope->packs)))
            continue;
        judged *grown =
            pl_arena_grow(m->arena, list->items, list->count, &list->capacity, sizeof *list->items);
        if (!grown)
            return no_memory(error);
        list->items = grown;
        grown[list->count++] = (judged){rules + i, owner};
    }
    return 0;
}

/* Whether a rule belongs to the part of a report that `key` names, by the granularity. */
static bool belongs(const judged *j, pl_str granularity, pl_str key) {
    if (pl_str_is(granularity, "GroupByAggregator"))
        return pl_str_eq(j->owner->group.aggregator_id, key);
    if (pl_str_is(granularity, "GroupByCompliancePack"))
        return engine_list_has(&j->rule->pack_ids, key) || (key.n == 0 && j->rule->pack_ids.count == 0);
    if (pl_str_is(granularity, "GroupByRule"))
        return pl_str_eq(j->rule->rule_id, key);
    return true;
}

static int add_key(making *m, pl_str key, pl_str *keys, size_t *count, pl_error *error) {
    if (has(keys, *count, key))
        return 0;
    if (*count == BOOKS_MAX)
        return pl_failf(error, PL_E_InvalidParameter, "The report has more than %d parts.", BOOKS_MAX);
    (void)m;
    keys[(*count)++] = key;
    return 0;
}

static int find_keys(making *m, const judged_list *list, pl_str granularity, const template_scope *scope,
                     pl_str *keys, size_t *count, pl_error *error) {
    *count = 0;
    if (pl_str_is(granularity, "AllInOne"))
        return add_key(m, PL_STR(""), keys, count, error);
    for (size_t i = 0; i < list->count; i++) {
        const judged *j = &list->items[i];
        if (pl_str_is(granularity, "GroupByAggregator") &&
            add_key(m, j->owner->group.aggregator_id, keys, count, error) != 0)
            return -1;
        if (pl_str_is(granularity, "GroupByRule") && add_key(m, j->rule->rule_id, keys, count, error) != 0)
            return -1;
        if (!pl_str_is(granularity, "GroupByCompliancePack"))
            continue;
        if (j->rule->pack_ids.count == 0 && add_key(m, PL_STR(""), keys, count, error) != 0)
            return -1;
        for (size_t k = 0; k < j->rule->pack_ids.count; k++)
            if ((!scope->packs.given ||
                 has(scope->packs.items, scope->packs.count, j->rule->pack_ids.items[k])) &&
                add_key(m, j->rule->pack_ids.items[k], keys, count, error) != 0)
                return -1;
    }
    return 0;
}

static int make_part(making *m, const judged_list *list, pl_str granularity, pl_str key, book_plan *plan,
                     pl_error *error) {
    judged *rules = pl_new(m->arena, judged, list->count + 1);
    if (!rules)
        return no_memory(error);
    plan->rule_count = 0;
    for (size_t i = 0; i < list->count; i++)
        if (belongs(&list->items[i], granularity, key))
            rules[plan->rule_count++] = list->items[i];
    plan->rules = rules;
    plan->head.pack_id = pl_str_is(granularity, "GroupByCompliancePack") ? key : PL_STR("");
    plan->head.aggregator_id = pl_str_is(granularity, "GroupByAggregator") ? key : PL_STR("");
    plan->name = pl_arena_printf(m->arena, "%.*s-%.*s%s%.*s-report-%.*s", PL_FMT(m->file->account_id),
                                 PL_FMT(m->file->object_id), key.n ? "-" : "", PL_FMT(key), PL_FMT(m->stamp));
    return plan->name.p ? make_book(m, plan, error) : no_memory(error);
}

/* Every part in every format asked for. */
static int make_parts(making *m, const judged_list *list, const template_scope *scope, pl_error *error) {
    pl_str granularity = pl_json_str(pl_json_get(m->request, PL_STR("granularity")));
    pl_str formats = pl_json_str(pl_json_get(m->request, PL_STR("formats"))), format;
    pl_str *keys = pl_new(m->arena, pl_str, BOOKS_MAX);
    size_t count;
    if (!keys)
        return no_memory(error);
    if (find_keys(m, list, granularity, scope, keys, &count, error) != 0)
        return -1;
    book_plan plan = {.look.chinese =
                          pl_str_is(pl_json_str(pl_json_get(m->request, PL_STR("language"))), "zh-CN"),
                      .head = {.title = pl_json_str(pl_json_get(m->request, PL_STR("title"))),
                               .account_id = m->file->account_id,
                               .time = m->file->started}};
    while (pl_str_split(&formats, ',', &format)) {
        plan.look.csv = pl_str_is(format, "csv");
        for (size_t i = 0; i < count; i++)
            if (make_part(m, list, granularity, keys[i], &plan, error) != 0)
                return -1;
    }
    return 0;
}

static int make_template(making *m, pl_error *error) {
    template_scope scope = {.groups.given = false};
    judged_list list = {0};
    if (read_scope(m, &scope, error) != 0)
        return -1;
    if (!scope.groups.given && judge_owner(m, &scope, PL_STR(""), &list, error) != 0)
        return -1;
    for (size_t i = 0; i < scope.groups.count; i++)
        if (judge_owner(m, &scope, scope.groups.items[i], &list, error) != 0)
            return -1;
    pl_str name = pl_arena_printf(m->arena, "%.*s-%.*s-report-%.*s", PL_FMT(m->file->account_id),
                                  PL_FMT(m->file->object_id), PL_FMT(m->stamp));
    if (!name.p)
        return no_memory(error);
    if (make_parts(m, &list, &scope, error) != 0)
        return -1;
    m->archive = m->part_count != 1;
    return bind_books(m, name, error);
}

/* --- All ------------------------------------------------------------------------------------------------
 */

static int make_work_of(store_session *session, void *argument, pl_error *error) {
    static const make_work works[] = {NULL,      make_inventory, make_search,
                                      make_pack, make_rules,     make_template};
    making *m = argument;
    bool found;
    m->session = session;
    m->part_count = 0;
    m->archive = false;
    m->parts = pl_new(m->arena, made_file, PARTS_MAX);
    if (!m->parts)
        return no_memory(error);
    if (find_owner(m, m->file->aggregator_id, &m->owner, &found, error) != 0)
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
    m.stamp = produce_stamp(arena, file->started);
    if (!m.stamp.p)
        return no_memory(error);
    if (pl_json_parse_in(arena, file->request, &m.request, error) != 0 ||
        store_read(r->config.store, make_work_of, &m, error) != 0)
        return -1;
    *out = m.made;
    return 0;
}
