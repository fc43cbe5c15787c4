/* Accounts that come to groups and leave them: the rules of the groups follow. */
#include "engine/coverage.h"
#include "engine/listed.h"
#include "engine/run.h"

enum { MEMBERS_ARENA_LIMIT = 256 << 20 };

struct following {
    engine *e;
    store_session *session;
    pl_arena *arena;
    int64_t now;
    pl_error *error;
};

/* Rules that have results in the account, or something to do there. */
static int counted_rules(store_session *session, pl_arena *arena, pl_str account_id, int64_t **keys,
                         size_t *count, pl_error *error) {
    size_t capacity = 0;
    int step;
    store_statement *st = store_prepare(session,
                                        "SELECT rule_key FROM rule_counts WHERE account_id = $1 "
                                        "UNION SELECT rule_key FROM evaluation_runs WHERE account_id = $1 "
                                        "UNION SELECT rule_key FROM function_events WHERE account_id = $1 "
                                        "UNION SELECT rule_key FROM remediation_events WHERE account_id = $1",
                                        error);
    store_bind_text(st, 1, account_id);
    *keys = NULL;
    *count = 0;
    while ((step = store_step(st, error)) == 1) {
        int64_t *grown = pl_arena_grow(arena, *keys, *count, &capacity, sizeof *grown);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *keys = grown;
        grown[(*count)++] = store_column_i64(st, 0);
    }
    return step;
}

static bool view_has(const engine_view *view, int64_t rule_key) {
    for (size_t i = 0; i < view->count; i++)
        if (view->rules[i].rule->rule_key == rule_key)
            return true;
    return false;
}

static bool has_key(const int64_t *keys, size_t count, int64_t key) {
    for (size_t i = 0; i < count; i++)
        if (keys[i] == key)
            return true;
    return false;
}

/*
 * Results of rules that have lost the account go; rules that have gained it run there, and disabled ones say
 * that they have not.
 */
static int follow_groups(struct following *s, const engine_view *view, pl_str account_id) {
    int64_t *keys;
    size_t count;
    if (engine_list_account(s->session, account_id, s->error) != 0 ||
        counted_rules(s->session, s->arena, account_id, &keys, &count, s->error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (!view_has(view, keys[i]) &&
            engine_leave_account(s->session, account_id, keys[i], s->now, s->error) != 0)
            return -1;
    for (size_t i = 0; i < view->count; i++) {
        const engine_bound *bound = view->rules + i;
        if (bound->rule->aggregator_id.n == 0 || has_key(keys, count, bound->rule->rule_key))
            continue;
        if ((bound->active
                 ? engine_start_account(s->e, s->session, account_id, bound->rule, s->now, s->error)
                 : engine_coverage_enter(s->e, s->session, account_id, bound->rule, s->now, s->error)) != 0)
            return -1;
    }
    return 0;
}

int engine_account_changed(engine *e, store_session *session, pl_str account_id, int64_t now,
                           pl_error *error) {
    pl_arena arena;
    if (engine_version_renew(e, session, account_id, error) != 0)
        return -1;
    engine_view *view = engine_view_get(e, session, account_id, error);
    if (!view)
        return -1;
    pl_arena_init(&arena, MEMBERS_ARENA_LIMIT);
    struct following s = {.e = e, .session = session, .arena = &arena, .now = now, .error = error};
    int status = follow_groups(&s, view, account_id);
    pl_arena_free(&arena);
    engine_view_release(view);
    return status;
}
