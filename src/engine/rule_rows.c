/* Reading and writing rows of the table rules. */
#include "engine/remedy.h"
#include "engine/rows.h"

enum { MOST_RULES = 100000 };

#define RULE_COLUMNS                                                                                         \
    "r.account_id, r.rule_id, r.rule_key, r.aggregator_id, r.name, r.description, r.owner, r.identifier, "   \
    "r.conditions, r.input_parameters, r.risk_level, r.triggers, r.frequency, r.extend_content, r.scope, "   \
    "r.state, r.created, r.modified, r.first_activated, r.first_evaluation_started, "                        \
    "r.last_success_started, r.last_success_ended, r.last_failure_started, r.last_failure_ended, "           \
    "r.last_error_code, r.last_error_message, r.run_ordering, r.run_trigger, r.creator_id, "                 \
    "r.creator_name, r.creator_type, r.tags, r.made_by_pack, r.remediates"

static void read_identity(pl_arena *arena, store_statement *st, engine_rule *rule) {
    rule->account_id = engine_row_text(arena, st, 0);
    rule->rule_id = engine_row_text(arena, st, 1);
    rule->rule_key = store_column_i64(st, 2);
    pl_str aggregator = engine_row_text(arena, st, 3);
    rule->aggregator_id = aggregator.n ? aggregator : PL_STR_NONE;
    rule->name = engine_row_text(arena, st, 4);
    rule->description = engine_row_text(arena, st, 5);
    rule->owner = (engine_rule_owner)store_column_i64(st, 6);
    rule->identifier = engine_row_text(arena, st, 7);
    rule->conditions = engine_row_text(arena, st, 8);
    rule->input_parameters = engine_row_text(arena, st, 9);
    rule->risk_level = (int)store_column_i64(st, 10);
    rule->triggers = (unsigned)store_column_i64(st, 11);
    rule->frequency = engine_row_text(arena, st, 12);
    rule->extend_content = engine_row_text(arena, st, 13);
}

static void read_history(pl_arena *arena, store_statement *st, engine_rule *rule) {
    rule->state = (engine_rule_state)store_column_i64(st, 15);
    int64_t *times[] = {&rule->created,
                        &rule->modified,
                        &rule->first_activated,
                        &rule->first_evaluation_started,
                        &rule->last_success_started,
                        &rule->last_success_ended,
                        &rule->last_failure_started,
                        &rule->last_failure_ended};
    for (int i = 0; i < 8; i++)
        *times[i] = store_column_i64(st, 16 + i);
    rule->last_error_code = engine_row_text(arena, st, 24);
    rule->last_error_message = engine_row_text(arena, st, 25);
    rule->run_ordering = store_column_i64(st, 26);
    rule->run_trigger = engine_row_text(arena, st, 27);
    rule->creator_id = engine_row_text(arena, st, 28);
    rule->creator_name = engine_row_text(arena, st, 29);
    rule->creator_type = engine_row_text(arena, st, 30);
    rule->tags = engine_row_text(arena, st, 31);
    rule->made_by_pack = store_column_i64(st, 32) != 0;
    rule->remediates = store_column_i64(st, 33) != 0;
}

static int read_rule(pl_arena *arena, store_statement *st, engine_rule *rule, pl_error *error) {
    *rule = (engine_rule){0};
    read_identity(arena, st, rule);
    read_history(arena, st, rule);
    if (engine_scope_read(arena, store_column_text(st, 14), &rule->scope, error) != 0)
        return -1;
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

/* All rows of a bound statement. */
static int read_rules(pl_arena *arena, store_statement *st, engine_rule **rules, size_t *count,
                      pl_error *error) {
    size_t capacity = 0;
    *rules = NULL;
    *count = 0;
    int step;
    while ((step = store_step(st, error)) == 1) {
        engine_rule *grown =
            *count < MOST_RULES ? pl_arena_grow(arena, *rules, *count, &capacity, sizeof **rules) : NULL;
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *rules = grown;
        if (read_rule(arena, st, &(*rules)[*count], error) != 0)
            return -1;
        ++*count;
    }
    return step;
}

typedef struct pack_link {
    pl_str rule_id, pack_id;
} pack_link;

static int read_links(store_session *session, pl_arena *arena, pl_str account_id, pl_str rule_id,
                      pack_link **links, size_t *count, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT l.rule_id, l.pack_id FROM pack_rules l JOIN packs p ON "
                                        "p.account_id = l.account_id AND p.pack_id = "
                                        "l.pack_id WHERE l.account_id = $1 AND (CAST($2 AS TEXT) IS NULL OR "
                                        "l.rule_id = $2) ORDER BY p.created, "
                                        "p.pack_id",
                                        error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, rule_id);
    size_t capacity = 0;
    int step;
    while ((step = store_step(st, error)) == 1) {
        pack_link *grown = pl_arena_grow(arena, *links, *count, &capacity, sizeof **links);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *links = grown;
        grown[(*count)++] = (pack_link){engine_row_text(arena, st, 0), engine_row_text(arena, st, 1)};
    }
    return step == 0 && arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : step;
}

static int join_packs(pl_arena *arena, engine_rule *rule, const pack_link *links, size_t count,
                      pl_error *error) {
    pl_str *ids = pl_new(arena, pl_str, count ? count : 1);
    size_t found = 0;
    if (!ids)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < count; i++)
        if (pl_str_eq(links[i].rule_id, rule->rule_id))
            ids[found++] = links[i].pack_id;
    return found ? engine_list_join(arena, ids, found, &rule->pack_ids, error) : 0;
}

static int find_with(store_session *session, pl_arena *arena, store_statement *st, engine_rule *out,
                     bool *found, pl_error *error) {
    *found = false;
    int step = store_step(st, error);
    if (step <= 0)
        return step;
    if (read_rule(arena, st, out, error) != 0)
        return -1;
    store_reset(st);
    pack_link *links = NULL;
    size_t count = 0;
    *found = true;
    if (read_links(session, arena, out->account_id, out->rule_id, &links, &count, error) != 0)
        return -1;
    return join_packs(arena, out, links, count, error);
}

int engine_rule_find(store_session *session, pl_arena *arena, const engine_group *owner, pl_str rule_id,
                     engine_rule *out, bool *found, pl_error *error) {
    store_statement *st =
        store_prepare(session,
                      "SELECT " RULE_COLUMNS " FROM rules r WHERE r.account_id = $1 AND "
                      "r.rule_id = $2 AND (r.aggregator_id = $3 OR ($3 = '*' AND r.aggregator_id <> ''))",
                      error);
    store_bind_text(st, 1, owner->owner_id);
    store_bind_text(st, 2, pl_str_or_empty(rule_id));
    store_bind_text(st, 3, pl_str_or_empty(owner->aggregator_id));
    return find_with(session, arena, st, out, found, error);
}

int engine_rule_find_key(store_session *session, pl_arena *arena, pl_str account_id, int64_t rule_key,
                         engine_rule *out, bool *found, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT " RULE_COLUMNS " FROM rules r WHERE r.account_id = $1 AND r.rule_key = $2", error);
    store_bind_text(st, 1, account_id);
    store_bind_i64(st, 2, rule_key);
    return find_with(session, arena, st, out, found, error);
}

static bool keyword_matches(const engine_rule *rule, pl_str keyword) {
    return keyword.n == 0 || pl_str_find_fold(rule->rule_id, keyword) != PL_NOT_FOUND ||
           pl_str_find_fold(rule->name, keyword) != PL_NOT_FOUND ||
           pl_str_find_fold(rule->description, keyword) != PL_NOT_FOUND ||
           pl_str_find_fold(rule->identifier, keyword) != PL_NOT_FOUND;
}

static bool types_match(const engine_rule *rule, const engine_list *wanted) {
    for (size_t i = 0; i < wanted->count; i++)
        for (size_t k = 0; k < rule->scope.resource_types.count; k++)
            if (pl_str_eq_fold(wanted->items[i], rule->scope.resource_types.items[k]) ||
                pl_str_is(rule->scope.resource_types.items[k], "*"))
                return true;
    return wanted->count == 0;
}

/* By everything but tags. */
static bool line_matches(const engine_rule *rule, const engine_rule_filter *filter) {
    if (filter->active_only && rule->state != ENGINE_ACTIVE)
        return false;
    if (filter->triggers && !(rule->triggers & filter->triggers))
        return false;
    if (filter->pack_id.n && !engine_list_has(&rule->pack_ids, filter->pack_id))
        return false;
    if (filter->name.n && !pl_str_eq(filter->name, rule->name))
        return false;
    if (filter->risk_level && filter->risk_level != rule->risk_level)
        return false;
    return keyword_matches(rule, filter->keyword) && types_match(rule, &filter->resource_types);
}

static int rule_matches(const engine_rule *rule, const engine_rule_filter *filter, bool *match,
                        pl_error *error) {
    *match = !filter || line_matches(rule, filter);
    return filter && *match ? engine_tags_match(rule->tags, &filter->tags, match, error) : 0;
}

static int complete(store_session *session, pl_arena *arena, pl_str account_id, engine_rule *rules,
                    size_t count, pl_error *error) {
    pack_link *links = NULL;
    size_t link_count = 0;
    if (count && read_links(session, arena, account_id, PL_STR_NONE, &links, &link_count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (join_packs(arena, &rules[i], links, link_count, error) != 0)
            return -1;
    return 0;
}

int engine_rule_list(store_session *session, pl_arena *arena, const engine_group *owner,
                     const engine_rule_filter *filter, engine_rule **rules, size_t *count, pl_error *error) {
    store_statement *st =
        store_prepare(session,
                      "SELECT " RULE_COLUMNS " FROM rules r WHERE r.account_id = $1 AND "
                      "(r.aggregator_id = $2 OR ($2 = '*' AND r.aggregator_id <> '')) ORDER BY r.rule_key",
                      error);
    store_bind_text(st, 1, owner->owner_id);
    store_bind_text(st, 2, pl_str_or_empty(owner->aggregator_id));
    if (read_rules(arena, st, rules, count, error) != 0 ||
        complete(session, arena, owner->owner_id, *rules, *count, error) != 0)
        return -1;
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++) {
        bool match;
        if (rule_matches(&(*rules)[i], filter, &match, error) != 0)
            return -1;
        if (match)
            (*rules)[kept++] = (*rules)[i];
    }
    *count = kept;
    return 0;
}

int engine_rule_list_scheduled(store_session *session, pl_arena *arena, pl_str after_account,
                               int64_t after_key, size_t limit, engine_rule **rules, size_t *count,
                               pl_error *error) {
    store_statement *st =
        store_prepare(session,
                      "SELECT " RULE_COLUMNS
                      " FROM rules r WHERE r.state = $1 AND r.triggers >= $2 AND (r.account_id > $3 OR "
                      "(r.account_id = $3 AND r.rule_key > $4)) ORDER BY r.account_id, r.rule_key LIMIT $5",
                      error);
    store_bind_i64(st, 1, ENGINE_ACTIVE);
    store_bind_i64(st, 2, ENGINE_TRIGGER_SCHEDULE);
    store_bind_text(st, 3, after_account);
    store_bind_i64(st, 4, after_key);
    store_bind_i64(st, 5, (int64_t)limit);
    if (read_rules(arena, st, rules, count, error) != 0)
        return -1;
    for (size_t i = 0; i < *count; i++)
        if (complete(session, arena, (*rules)[i].account_id, &(*rules)[i], 1, error) != 0)
            return -1;
    return 0;
}

int engine_rule_store_run(store_session *session, const engine_rule *rule, pl_error *error) {
    return store_run(
        session, error,
        "UPDATE rules SET first_activated = $3, first_evaluation_started = $4, last_success_started = $5, "
        "last_success_ended = $6, last_failure_started = $7, last_failure_ended = $8, last_error_code = $9, "
        "last_error_message = $10, run_ordering = $11, run_trigger = $12 WHERE account_id = $1 AND rule_id = "
        "$2",
        "ttiiiiiittit", rule->account_id, rule->rule_id, rule->first_activated,
        rule->first_evaluation_started, rule->last_success_started, rule->last_success_ended,
        rule->last_failure_started, rule->last_failure_ended, rule->last_error_code, rule->last_error_message,
        rule->run_ordering, rule->run_trigger);
}

static int insert_with(store_session *session, const engine_rule *rule, pl_str scope, pl_error *error) {
    return store_run(
        session, error,
        "INSERT INTO rules (account_id, rule_id, rule_key, aggregator_id, name, description, owner, "
        "identifier, "
        "conditions, input_parameters, risk_level, triggers, frequency, extend_content, scope, state, "
        "created, "
        "modified, first_activated, first_evaluation_started, last_success_started, last_success_ended, "
        "last_failure_started, last_failure_ended, run_ordering, creator_id, creator_name, creator_type, "
        "tags, "
        "made_by_pack) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, "
        "$18, "
        "$19, 0, 0, 0, 0, 0, 0, $20, $21, $22, $23, $24)",
        "ttitttittti"
        "itttiiiitttti",
        rule->account_id, rule->rule_id, rule->rule_key, pl_str_or_empty(rule->aggregator_id), rule->name,
        rule->description, (int64_t)rule->owner, rule->identifier, rule->conditions, rule->input_parameters,
        (int64_t)rule->risk_level, (int64_t)rule->triggers, rule->frequency, rule->extend_content, scope,
        (int64_t)rule->state, rule->created, rule->modified, rule->first_activated, rule->creator_id,
        rule->creator_name, rule->creator_type, rule->tags, (int64_t)rule->made_by_pack);
}

static int write_with(store_session *session, const engine_rule *rule, pl_str scope, pl_error *error) {
    return store_run(session, error,
                     "UPDATE rules SET name = $3, description = $4, conditions = $5, input_parameters = $6, "
                     "risk_level = $7, "
                     "triggers = $8, frequency = $9, extend_content = $10, scope = $11, state = $12, "
                     "modified = $13, tags = $14 "
                     "WHERE account_id = $1 AND rule_id = $2",
                     "ttttttiittt"
                     "iit",
                     rule->account_id, rule->rule_id, rule->name, rule->description, rule->conditions,
                     rule->input_parameters, (int64_t)rule->risk_level, (int64_t)rule->triggers,
                     rule->frequency, rule->extend_content, scope, (int64_t)rule->state, rule->modified,
                     rule->tags);
}

static int with_scope(store_session *session, const engine_rule *rule, pl_error *error,
                      int (*write)(store_session *, const engine_rule *, pl_str, pl_error *)) {
    pl_buf scope;
    pl_buf_init(&scope, 4 << 20);
    engine_scope_write(&rule->scope, &scope);
    int result = scope.failed ? pl_fail(error, PL_E_ServiceUnavailable)
                              : write(session, rule, pl_buf_str(&scope), error);
    pl_buf_free(&scope);
    return result;
}

int engine_rule_insert(store_session *session, const engine_rule *rule, pl_error *error) {
    return with_scope(session, rule, error, insert_with);
}

int engine_rule_write(store_session *session, const engine_rule *rule, pl_error *error) {
    return with_scope(session, rule, error, write_with);
}

int engine_rule_erase(store_session *session, const engine_rule *rule, pl_error *error) {
    if (store_run(session, error, "DELETE FROM pack_rules WHERE account_id = $1 AND rule_id = $2", "tt",
                  rule->account_id, rule->rule_id) != 0 ||
        engine_remedy_forget_rule(session, rule, error) != 0)
        return -1;
    return store_run(session, error, "DELETE FROM rules WHERE account_id = $1 AND rule_id = $2", "tt",
                     rule->account_id, rule->rule_id);
}

int engine_rule_count(store_session *session, const engine_group *owner, int64_t *count, pl_error *error) {
    store_statement *st =
        owner->aggregator_id.p
            ? store_prepare(session,
                            "SELECT count(*) FROM rules WHERE account_id = $1 AND aggregator_id <> ''", error)
            : store_prepare(session,
                            "SELECT count(*) FROM rules WHERE account_id = $1 AND aggregator_id = ''", error);
    store_bind_text(st, 1, owner->owner_id);
    return store_number(st, count, error);
}

int engine_rule_name_taken(store_session *session, const engine_group *owner, pl_str name, pl_str except_id,
                           bool *taken, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT count(*) FROM rules WHERE account_id = $1 AND aggregator_id "
                                        "= $2 AND name = $3 AND rule_id <> $4",
                                        error);
    int64_t count = 0;
    store_bind_text(st, 1, owner->owner_id);
    store_bind_text(st, 2, pl_str_or_empty(owner->aggregator_id));
    store_bind_text(st, 3, name);
    store_bind_text(st, 4, pl_str_or_empty(except_id));
    int result = store_number(st, &count, error);
    *taken = count > 0;
    return result;
}

int engine_rule_next_key(store_session *session, int64_t *key, pl_error *error) {
    store_statement *st = store_prepare(
        session, "UPDATE sequences SET value = value + 1 WHERE name = 'rule_key' RETURNING value", error);
    return store_number(st, key, error);
}
