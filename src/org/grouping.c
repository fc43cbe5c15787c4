/* Rules and switches of resource groups, and their log. Owns grouping_rules and resource_group_events. */
#include "org/grouping.h"

#include "org/internal.h"
#include "json/parser.h"

#include <stdio.h>

const char *const org_grouping_scopes[ORG_GROUPING_SCOPES] = {
    "ResourceGroupIdsScope", "ExcludeResourceGroupIdsScope",
    "RegionIdsScope",        "ExcludeRegionIdsScope",
    "ResourceIdsScope",      "ExcludeResourceIdsScope",
    "ResourceTypesScope",    "ExcludeResourceTypesScope"};

static pl_str keep(pl_arena *arena, store_statement *st, int column) {
    return pl_arena_copy(arena, store_column_text(st, column));
}

/* --- Switches --------------------------------------------------------------------------------------------
 */

static void take_setting(org_grouping *out, pl_str name, pl_str value) {
    bool on = pl_str_is(value, "true");
    int64_t number;
    if (pl_str_is(name, "AutoGrouping"))
        out->automatic = on;
    else if (pl_str_is(name, "AutoGroupingExisting"))
        out->automatic_existing = on;
    else if (pl_str_is(name, "AssociatedTransferExisting"))
        out->transfer_existing = on;
    else if (pl_str_is(name, "AssociatedTransferWithout") && pl_str_to_i64(value, &number))
        out->transfer_without = (unsigned)number;
    else if (pl_str_is(name, "AssociatedTransfer")) {
        out->transfer = on;
        out->transfer_known = true;
    }
}

int org_grouping_read(store_session *session, pl_str account_id, org_grouping *out, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT name, value FROM resource_group_settings WHERE account_id = $1", error);
    store_bind_text(st, 1, account_id);
    *out = (org_grouping){.automatic = false};
    int step;
    while ((step = store_step(st, error)) == 1)
        take_setting(out, store_column_text(st, 0), store_column_text(st, 1));
    return step;
}

static int put_setting(store_session *session, pl_str account_id, const char *name, pl_str value,
                       pl_error *error) {
    return store_run(session, error,
                     "INSERT INTO resource_group_settings (account_id, name, value) VALUES ($1, $2, $3) "
                     "ON CONFLICT (account_id, name) DO UPDATE SET value = excluded.value",
                     "ttt", account_id, pl_str_from(name), value);
}

static int write_switches(store_session *session, pl_str account_id, const org_grouping *g, pl_error *error) {
    const struct {
        const char *name;
        bool on;
    } flags[] = {{"AutoGrouping", g->automatic},
                 {"AutoGroupingExisting", g->automatic_existing},
                 {"AssociatedTransferExisting", g->transfer_existing}};
    char number[16];
    int n = snprintf(number, sizeof number, "%u", g->transfer_without);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (put_setting(session, account_id, flags[i].name, flags[i].on ? PL_STR("true") : PL_STR("false"),
                        error))
            return -1;
    if (put_setting(session, account_id, "AssociatedTransferWithout", pl_str_of(number, (size_t)n), error))
        return -1;
    return g->transfer_known ? put_setting(session, account_id, "AssociatedTransfer",
                                           g->transfer ? PL_STR("true") : PL_STR("false"), error)
                             : 0;
}

typedef struct switch_work {
    const org_caller *caller;
    const org_grouping_change *change;
    org_grouping *out;
} switch_work;

static int read_switches(store_session *session, void *argument, pl_error *error) {
    switch_work *w = argument;
    return org_grouping_read(session, w->caller->account_id, w->out, error);
}

int org_read_grouping(org *o, const org_caller *caller, org_grouping *out, pl_error *error) {
    switch_work w = {.caller = caller, .out = out};
    return store_read(o->config.store, read_switches, &w, error);
}

static void turn(bool *on, org_switching how) {
    if (how != ORG_SAME)
        *on = how == ORG_ON;
}

static int check_transfer(const org_grouping *now, const org_grouping_change *change, pl_error *error) {
    bool updates = change->transfer_existing != ORG_SAME;
    for (size_t i = 0; i < ORG_GROUPING_ASSOCIATIONS; i++)
        updates = updates || change->associations[i] != ORG_SAME;
    if (change->transfer == ORG_ON && now->transfer)
        return pl_fail(error, PL_E_UnsupportedOperation_RepeatEnableAssociatedTransferSetting);
    if (change->transfer == ORG_OFF && !now->transfer)
        return pl_fail(error, PL_E_UnsupportedOperation_RepeatDisableAssociatedTransferSetting);
    return updates && !now->transfer
               ? pl_fail(error, PL_E_UnsupportedOperation_UpdateAssociatedTransferRuleSetting)
               : 0;
}

static int change_switches(org_change *frame, void *argument, pl_error *error) {
    const switch_work *w = argument;
    const org_grouping_change *change = w->change;
    org_grouping now;
    if (org_grouping_read(frame->session, w->caller->account_id, &now, error) ||
        check_transfer(&now, change, error))
        return -1;
    turn(&now.automatic, change->automatic);
    turn(&now.automatic_existing, change->automatic_existing);
    turn(&now.transfer, change->transfer);
    turn(&now.transfer_existing, change->transfer_existing);
    now.transfer_known |= change->transfer != ORG_SAME;
    for (unsigned i = 0; i < ORG_GROUPING_ASSOCIATIONS; i++) {
        if (change->associations[i] == ORG_ON)
            now.transfer_without &= ~(1U << i);
        else if (change->associations[i] == ORG_OFF)
            now.transfer_without |= 1U << i;
    }
    return write_switches(frame->session, w->caller->account_id, &now, error);
}

int org_change_grouping(org *o, const org_caller *caller, const org_grouping_change *change,
                        pl_error *error) {
    switch_work w = {.caller = caller, .change = change};
    return org_write(o, caller, change_switches, &w, NULL, error);
}

/* --- Rules -----------------------------------------------------------------------------------------------
 */

#define RULE_COLUMNS "rule_id, name, description, type, scopes, contents, created, modified, position"

static int read_rule(pl_arena *arena, store_statement *st, org_grouping_rule *out, pl_error *error) {
    pl_json scopes;
    *out = (org_grouping_rule){.id = keep(arena, st, 0),
                               .name = keep(arena, st, 1),
                               .description = keep(arena, st, 2),
                               .type = keep(arena, st, 3),
                               .contents = keep(arena, st, 5),
                               .created = store_column_i64(st, 6),
                               .modified = store_column_i64(st, 7),
                               .position = store_column_i64(st, 8)};
    if (pl_json_parse_in(arena, store_column_text(st, 4), &scopes, error))
        return -1;
    for (size_t i = 0; i < ORG_GROUPING_SCOPES; i++) {
        out->scopes[i] = pl_json_str(pl_json_get(scopes, pl_str_from(org_grouping_scopes[i])));
        if (!out->scopes[i].p)
            out->scopes[i] = PL_STR("");
    }
    return arena->failed ? org_no_memory(error) : 0;
}

int org_grouping_rules(store_session *session, pl_arena *arena, pl_str account_id, org_grouping_rule **rules,
                       size_t *count, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT " RULE_COLUMNS " FROM grouping_rules WHERE account_id = $1 "
                                        "ORDER BY position, rule_id",
                                        error);
    size_t capacity = 0;
    int step;
    store_bind_text(st, 1, account_id);
    *rules = NULL;
    *count = 0;
    while ((step = store_step(st, error)) == 1) {
        org_grouping_rule *grown = pl_arena_grow(arena, *rules, *count, &capacity, sizeof *grown);
        if (!grown)
            return org_no_memory(error);
        *rules = grown;
        if (read_rule(arena, st, &grown[(*count)++], error))
            return -1;
    }
    return step;
}

static int missing(pl_error *error) {
    return pl_fail(error, PL_E_EntityNotExists_AutoGroupingRule);
}

int org_grouping_rule_find(store_session *session, pl_arena *arena, pl_str account_id, pl_str rule_id,
                           org_grouping_rule *out, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT " RULE_COLUMNS " FROM grouping_rules WHERE account_id = $1 AND rule_id = $2", error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, rule_id);
    int step = store_step(st, error);
    if (step != 1)
        return step < 0 ? -1 : missing(error);
    int failed = read_rule(arena, st, out, error);
    store_reset(st);
    return failed;
}

static int next_position(store_session *session, pl_str account_id, const org_grouping_rule *rule,
                         int64_t *position, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT COUNT(*), COALESCE(MAX(position), 0) FROM grouping_rules "
                                        "WHERE account_id = $1 AND rule_id <> $2",
                                        error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, rule->id);
    if (store_step(st, error) != 1)
        return -1;
    int64_t count = store_column_i64(st, 0);
    *position = store_column_i64(st, 1) + 1;
    store_reset(st);
    if (count < ORG_GROUPING_RULES_MAX)
        return 0;
    return pl_fail(error, PL_E_LimitExceeded_AutoGroupingRule);
}

static void write_scopes(pl_buf *out, const org_grouping_rule *rule) {
    pl_buf_add_char(out, '{');
    for (size_t i = 0; i < ORG_GROUPING_SCOPES; i++) {
        pl_buf_printf(out, "%s\"%s\":", i ? "," : "", org_grouping_scopes[i]);
        pl_json_write_string(out, rule->scopes[i]);
    }
    pl_buf_add_char(out, '}');
}

int org_grouping_rule_put(store_session *session, pl_str account_id, const org_grouping_rule *rule,
                          pl_error *error) {
    int64_t position;
    pl_buf scopes;
    if (next_position(session, account_id, rule, &position, error))
        return -1;
    pl_buf_init(&scopes, 1 << 20);
    write_scopes(&scopes, rule);
    int failed =
        scopes.failed
            ? org_no_memory(error)
            : store_run(session, error,
                        "INSERT INTO grouping_rules (account_id, rule_id, name, description, type, scopes, "
                        "contents, created, modified, position) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, "
                        "$10) ON CONFLICT (account_id, rule_id) DO UPDATE SET name = excluded.name, "
                        "description = excluded.description, scopes = excluded.scopes, "
                        "contents = excluded.contents, modified = excluded.modified",
                        "tttttttiii", account_id, rule->id, rule->name, rule->description, rule->type,
                        pl_buf_str(&scopes), rule->contents, rule->created, rule->modified, position);
    pl_buf_free(&scopes);
    return failed;
}

int org_grouping_rule_delete(store_session *session, pl_str account_id, pl_str rule_id, pl_error *error) {
    int64_t gone;
    if (store_run_counted(session, &gone, error,
                          "DELETE FROM grouping_rules WHERE account_id = $1 AND rule_id = $2", "tt",
                          account_id, rule_id))
        return -1;
    return gone ? 0 : missing(error);
}

/* --- The log ---------------------------------------------------------------------------------------------
 */

int org_group_ids(store_session *session, pl_arena *arena, pl_str account_id, pl_str **ids, size_t *count,
                  pl_error *error) {
    store_statement *st =
        store_prepare(session, "SELECT group_id FROM resource_groups WHERE account_id = $1", error);
    size_t capacity = 0;
    int step;
    store_bind_text(st, 1, account_id);
    *ids = NULL;
    *count = 0;
    while ((step = store_step(st, error)) == 1) {
        pl_str *grown = pl_arena_grow(arena, *ids, *count, &capacity, sizeof *grown);
        if (!grown)
            return org_no_memory(error);
        *ids = grown;
        grown[(*count)++] = keep(arena, st, 0);
    }
    return step < 0 ? -1 : arena->failed ? org_no_memory(error) : 0;
}

int org_group_events_add(store_session *session, pl_str account_id, const org_group_event *events,
                         size_t count, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT COALESCE(MAX(position), 0) FROM resource_group_events WHERE account_id = $1", error);
    store_bind_text(st, 1, account_id);
    if (store_step(st, error) != 1)
        return -1;
    int64_t position = store_column_i64(st, 0);
    store_reset(st);
    for (size_t i = 0; i < count; i++) {
        const org_group_event *e = &events[i];
        if (store_run(session, error,
                      "INSERT INTO resource_group_events (account_id, position, happened, change_type, "
                      "group_id, source_id, target_id, resource_type, region_id, resource_id, rule_id) "
                      "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
                      "tiitttttttt", account_id, ++position, e->happened, e->change_type, e->group_id,
                      e->source_id, e->target_id, e->resource_type, e->region_id, e->resource_id, e->rule_id))
            return -1;
    }
    return store_run(session, error,
                     "DELETE FROM resource_group_events WHERE account_id = $1 AND position <= $2", "ti",
                     account_id, position - ORG_GROUP_EVENTS_MAX);
}

#define EVENTS_SQL                                                                                           \
    "SELECT e.position, e.happened, e.change_type, e.group_id, e.source_id, e.target_id, e.resource_type, "  \
    "e.region_id, e.resource_id, e.rule_id, COALESCE(g.display_name, ''), COALESCE(s.display_name, ''), "    \
    "COALESCE(t.display_name, '') FROM resource_group_events e "                                             \
    "LEFT JOIN resource_groups g ON g.account_id = e.account_id AND g.group_id = e.group_id "                \
    "LEFT JOIN resource_groups s ON s.account_id = e.account_id AND s.group_id = e.source_id "               \
    "LEFT JOIN resource_groups t ON t.account_id = e.account_id AND t.group_id = e.target_id "               \
    "WHERE e.account_id = $1 AND e.position < $2 AND e.happened >= $3 AND e.happened <= $4 "

static void read_event(pl_arena *arena, store_statement *st, org_group_event *out) {
    *out = (org_group_event){.position = store_column_i64(st, 0), .happened = store_column_i64(st, 1)};
    pl_str *const texts[] = {&out->change_type,   &out->group_id,    &out->source_id,   &out->target_id,
                             &out->resource_type, &out->region_id,   &out->resource_id, &out->rule_id,
                             &out->group_name,    &out->source_name, &out->target_name};
    for (int i = 0; i < (int)(sizeof texts / sizeof *texts); i++)
        *texts[i] = keep(arena, st, i + 2);
}

static bool is(pl_str wanted, pl_str value) {
    return wanted.n == 0 || pl_str_eq_fold(wanted, value);
}

static bool matches(const org_group_event_filter *f, const org_group_event *e) {
    return is(f->group_id, e->group_id) && is(f->group_name, e->group_name) &&
           is(f->resource_id, e->resource_id) && is(f->region_id, e->region_id) &&
           is(f->resource_type, e->resource_type) && is(f->change_type, e->change_type) &&
           (!f->added_only || pl_str_is(e->change_type, "Add"));
}

int org_group_events(store_session *session, pl_arena *arena, pl_str account_id,
                     const org_group_event_filter *filter, size_t limit, org_group_event **events,
                     size_t *count, pl_error *error) {
    bool ruled = filter->rule_id.p != NULL;
    store_statement *st = store_prepare(session,
                                        ruled ? EVENTS_SQL "AND e.rule_id = $5 ORDER BY e.position DESC"
                                              : EVENTS_SQL "ORDER BY e.position DESC",
                                        error);
    store_bind_text(st, 1, account_id);
    store_bind_i64(st, 2, filter->before > 0 ? filter->before : INT64_MAX);
    store_bind_i64(st, 3, filter->from);
    store_bind_i64(st, 4, filter->to > 0 ? filter->to : INT64_MAX);
    if (ruled)
        store_bind_text(st, 5, filter->rule_id);
    *events = pl_new(arena, org_group_event, limit);
    *count = 0;
    int step = 0;
    while (*events && *count < limit && (step = store_step(st, error)) == 1) {
        read_event(arena, st, &(*events)[*count]);
        *count += matches(filter, &(*events)[*count]);
    }
    store_reset(st);
    return step < 0 ? -1 : arena->failed || !*events ? org_no_memory(error) : 0;
}
