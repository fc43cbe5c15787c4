/* Reading and writing rows of the tables packs and pack_rules. */
#include "engine/rows.h"

#define PACK_COLUMNS                                                                                         \
    "account_id, pack_id, aggregator_id, name, description, template_id, template_content, risk_level, "     \
    "scope, status, created, modified, tags"

enum { MOST_PACKS = 100000 };

static int read_pack(pl_arena *arena, store_statement *st, engine_pack *pack, pl_error *error) {
    *pack = (engine_pack){0};
    pack->account_id = engine_row_text(arena, st, 0);
    pack->pack_id = engine_row_text(arena, st, 1);
    pl_str aggregator = engine_row_text(arena, st, 2);
    pack->aggregator_id = aggregator.n ? aggregator : PL_STR_NONE;
    pack->name = engine_row_text(arena, st, 3);
    pack->description = engine_row_text(arena, st, 4);
    pack->template_id = engine_row_text(arena, st, 5);
    pack->template_content = engine_row_text(arena, st, 6);
    pack->risk_level = (int)store_column_i64(st, 7);
    pack->status = engine_row_text(arena, st, 9);
    pack->created = store_column_i64(st, 10);
    pack->modified = store_column_i64(st, 11);
    pack->tags = engine_row_text(arena, st, 12);
    if (engine_scope_read(arena, store_column_text(st, 8), &pack->scope, error) != 0)
        return -1;
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

int engine_pack_find(store_session *session, pl_arena *arena, const engine_group *owner, pl_str pack_id,
                     engine_pack *out, bool *found, pl_error *error) {
    store_statement *st =
        store_prepare(session,
                      "SELECT " PACK_COLUMNS " FROM packs WHERE account_id = $1 AND pack_id = $2 AND "
                      "(aggregator_id = $3 OR ($3 = '*' AND aggregator_id <> ''))",
                      error);
    store_bind_text(st, 1, owner->owner_id);
    store_bind_text(st, 2, pl_str_or_empty(pack_id));
    store_bind_text(st, 3, pl_str_or_empty(owner->aggregator_id));
    int step = store_step(st, error);
    *found = step == 1;
    int result = step == 1 ? read_pack(arena, st, out, error) : step;
    store_reset(st);
    return result;
}

int engine_pack_list(store_session *session, pl_arena *arena, const engine_group *owner, engine_pack **packs,
                     size_t *count, pl_error *error) {
    store_statement *st = store_prepare(
        session,
        "SELECT " PACK_COLUMNS " FROM packs WHERE account_id = $1 AND "
        "(aggregator_id = $2 OR ($2 = '*' AND aggregator_id <> '')) ORDER BY created DESC, pack_id",
        error);
    store_bind_text(st, 1, owner->owner_id);
    store_bind_text(st, 2, pl_str_or_empty(owner->aggregator_id));
    size_t capacity = 0;
    *packs = NULL;
    *count = 0;
    int step;
    while ((step = store_step(st, error)) == 1) {
        engine_pack *grown =
            *count < MOST_PACKS ? pl_arena_grow(arena, *packs, *count, &capacity, sizeof **packs) : NULL;
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *packs = grown;
        if (read_pack(arena, st, &grown[*count], error) != 0)
            return -1;
        ++*count;
    }
    return step;
}

static int write_pack(store_session *session, const engine_pack *pack, const char *sql, pl_error *error) {
    pl_buf scope;
    pl_buf_init(&scope, 4 << 20);
    engine_scope_write(&pack->scope, &scope);
    int result = scope.failed
                     ? pl_fail(error, PL_E_ServiceUnavailable)
                     : store_run(session, error, sql, "tttttttittiit", pack->account_id, pack->pack_id,
                                 pl_str_or_empty(pack->aggregator_id), pack->name, pack->description,
                                 pack->template_id, pack->template_content, (int64_t)pack->risk_level,
                                 pl_buf_str(&scope), pack->status, pack->created, pack->modified, pack->tags);
    pl_buf_free(&scope);
    return result;
}

int engine_pack_insert(store_session *session, const engine_pack *pack, pl_error *error) {
    return write_pack(session, pack,
                      "INSERT INTO packs (" PACK_COLUMNS
                      ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
                      error);
}

int engine_pack_write(store_session *session, const engine_pack *pack, pl_error *error) {
    return write_pack(
        session, pack,
        "UPDATE packs SET name = $4, description = $5, template_id = $6, template_content = $7, "
        "risk_level = $8, scope = $9, status = $10, created = $11, modified = $12, tags = $13 "
        "WHERE account_id = $1 AND pack_id = $2 AND aggregator_id = $3",
        error);
}

int engine_pack_erase(store_session *session, const engine_pack *pack, pl_error *error) {
    if (store_run(session, error, "DELETE FROM pack_rules WHERE account_id = $1 AND pack_id = $2", "tt",
                  pack->account_id, pack->pack_id) != 0)
        return -1;
    return store_run(session, error, "DELETE FROM packs WHERE account_id = $1 AND pack_id = $2", "tt",
                     pack->account_id, pack->pack_id);
}

int engine_pack_count(store_session *session, const engine_group *owner, int64_t *count, pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT count(*) FROM packs WHERE account_id = $1 AND aggregator_id = $2", error);
    store_bind_text(st, 1, owner->owner_id);
    store_bind_text(st, 2, pl_str_or_empty(owner->aggregator_id));
    return store_number(st, count, error);
}

int engine_pack_name_taken(store_session *session, const engine_group *owner, pl_str name, pl_str except_id,
                           bool *taken, pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT count(*) FROM packs WHERE account_id = $1 AND aggregator_id "
                                        "= $2 AND name = $3 AND pack_id <> $4",
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

int engine_pack_link(store_session *session, pl_str account_id, pl_str pack_id, pl_str rule_id,
                     pl_error *error) {
    return store_run(session, error,
                     "INSERT INTO pack_rules (account_id, pack_id, rule_id, position) SELECT CAST($1 AS "
                     "TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), "
                     "COALESCE(MAX(position), 0) + 1 FROM pack_rules WHERE account_id = $1 AND pack_id = $2 "
                     "ON CONFLICT (account_id, pack_id, rule_id) DO NOTHING",
                     "ttt", account_id, pack_id, rule_id);
}

int engine_pack_unlink(store_session *session, pl_str account_id, pl_str pack_id, pl_str rule_id,
                       pl_error *error) {
    return store_run(session, error,
                     "DELETE FROM pack_rules WHERE account_id = $1 AND pack_id = $2 AND rule_id = $3", "ttt",
                     account_id, pack_id, rule_id);
}

static int read_rule_ids(store_session *session, pl_arena *arena, const engine_pack *pack, pl_str **ids,
                         size_t *count, pl_error *error) {
    store_statement *st = store_prepare(
        session,
        "SELECT rule_id FROM pack_rules WHERE account_id = $1 AND pack_id = $2 ORDER BY position, rule_id",
        error);
    store_bind_text(st, 1, pack->account_id);
    store_bind_text(st, 2, pack->pack_id);
    size_t capacity = 0;
    int step;
    while ((step = store_step(st, error)) == 1) {
        pl_str *grown = pl_arena_grow(arena, *ids, *count, &capacity, sizeof **ids);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *ids = grown;
        grown[(*count)++] = engine_row_text(arena, st, 0);
    }
    return step == 0 && arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : step;
}

int engine_pack_rules(store_session *session, pl_arena *arena, const engine_pack *pack, engine_rule **rules,
                      size_t *count, pl_error *error) {
    pl_str *ids = NULL;
    size_t id_count = 0;
    *count = 0;
    *rules = NULL;
    if (read_rule_ids(session, arena, pack, &ids, &id_count, error) != 0)
        return -1;
    engine_group owner = {pack->account_id, pack->aggregator_id};
    *rules = pl_new(arena, engine_rule, id_count ? id_count : 1);
    if (!*rules)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < id_count; i++) {
        bool found = false;
        if (engine_rule_find(session, arena, &owner, ids[i], &(*rules)[*count], &found, error) != 0)
            return -1;
        *count += found;
    }
    return 0;
}

int engine_rule_pack_scopes(store_session *session, pl_arena *arena, const engine_rule *rule,
                            engine_scope **scopes, size_t *count, pl_error *error) {
    engine_group owner = {rule->account_id, rule->aggregator_id};
    *count = 0;
    *scopes = pl_new(arena, engine_scope, rule->pack_ids.count ? rule->pack_ids.count : 1);
    if (!*scopes)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < rule->pack_ids.count; i++) {
        engine_pack pack;
        bool found = false;
        if (engine_pack_find(session, arena, &owner, rule->pack_ids.items[i], &pack, &found, error) != 0)
            return -1;
        if (found)
            (*scopes)[(*count)++] = pack.scope;
    }
    return 0;
}
