/*
 * What a disabled rule covers moves: by its own scope, by those of its packs, by accounts that join and leave
 * its group.
 *
 * INVARIANT: results and counts follow in the transaction that moves the scope. A rule that evaluates needs
 * this for types that it covers no more, which its next run does not come by.
 */
#include "engine/coverage.h"

#include "engine/evaluate.h"
#include "engine/kept.h"
#include "engine/leaving.h"
#include "engine/run.h"

enum { COVERAGE_ARENA_LIMIT = 256 << 20 };

int engine_coverage_of(engine *e, store_session *session, pl_arena *arena, const engine_rule *rule,
                       const engine_coverage **out, pl_error *error) {
    pl_str *accounts = NULL;
    size_t count;
    *out = NULL;
    if (rule->state != ENGINE_INACTIVE)
        return 0;
    if (engine_rule_accounts(e, session, arena, rule, &accounts, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        engine_coverage *made = pl_new(arena, engine_coverage, 1);
        if (!made)
            return pl_fail(error, PL_E_ServiceUnavailable);
        *made = (engine_coverage){.account_id = accounts[i], .next = (engine_coverage *)*out};
        if (engine_bind_rule(e, session, arena, accounts[i], rule, &made->bound, &made->inside, error) != 0)
            return -1;
        *out = made;
    }
    return 0;
}

/* A resource that the rule has lost or gained. */
typedef struct moved {
    int64_t resource_key;
    bool covered;
} moved;

/* One rule in one account. */
struct following {
    engine *e;
    store_session *session;
    pl_arena *arena;
    pl_str account_id;
    const engine_bound *before, *after; /* `before` NULL: it covered nothing */
    int64_t covered;                    /* resources, now */
    moved *moved;                       /* of the type at hand */
    size_t count, capacity;
    int64_t now;
    pl_error *error;
};

static int compare(void *context, const inventory_resource *resource, pl_error *error) {
    struct following *f = context;
    engine_scope_subject subject;
    pl_arena scratch;
    pl_arena_init(&scratch, 1 << 20);
    int status = engine_scope_subject_of(&scratch, resource, &subject, error);
    bool was = status == 0 && f->before && engine_bound_covers(f->before, &subject);
    bool is = status == 0 && engine_bound_covers(f->after, &subject);
    pl_arena_free(&scratch);
    f->covered += is;
    if (was == is)
        return status;
    moved *grown = pl_arena_grow(f->arena, f->moved, f->count, &f->capacity, sizeof *grown);
    if (!grown)
        return pl_fail(error, PL_E_ServiceUnavailable);
    f->moved = grown;
    grown[f->count++] = (moved){resource->resource_key, is};
    return status;
}

static int write_moved(struct following *f, engine_writing *w, pl_str type, const moved *m) {
    engine_row row;
    bool found = false;
    pl_arena scratch;
    pl_arena_init(&scratch, 1 << 20);
    int64_t rule_key = f->after->rule->rule_key;
    engine_outcome o = {.account_id = f->account_id,
                        .rule = f->after->rule,
                        .resource_type = type,
                        .resource_key = m->resource_key,
                        .was_covered = !m->covered,
                        .covered = m->covered,
                        .compliance = ENGINE_INSUFFICIENT_DATA,
                        .annotation = ENGINE_NOT_RUN_SINCE,
                        .ordering = f->now,
                        .tally = engine_tally_of(w, f->account_id, rule_key)};
    int status = o.tally ? engine_row_of(f->session, &scratch, f->account_id, rule_key, m->resource_key, &row,
                                         &found, f->error)
                         : -1;
    o.row = found ? &row : NULL;
    if (status == 0)
        status = engine_kept_mark(f->session, f->account_id, type, m->resource_key, f->error);
    if (status == 0)
        status = engine_write_outcome(w, &o, NULL);
    pl_arena_free(&scratch);
    return status;
}

static int follow_type(struct following *f, engine_writing *w, pl_str type) {
    inventory_filter filter = {.account_id = f->account_id, .types = &type, .type_count = 1};
    bool was = f->before && engine_bound_has_type(f->before, type);
    bool is = engine_bound_has_type(f->after, type);
    bool stays = was && is && f->before->whole && f->after->whole;
    if ((!was && !is) || stays)
        return 0;
    if (!is)
        return engine_leave_type(f->session, f->account_id, f->after->rule->rule_key, type, 0, f->now,
                                 f->error);
    f->count = 0;
    if (inventory_list(f->session, &filter, 0, compare, f, f->error) != 0)
        return -1;
    for (size_t i = 0; i < f->count; i++)
        if (write_moved(f, w, type, f->moved + i) != 0)
            return -1;
    return 0;
}

/* Rules that cover whole types have as many resources as there are; others count them. */
static int store_covered(struct following *f) {
    if (f->after->whole)
        return 0;
    return store_run(f->session, f->error,
                     "INSERT INTO rule_counts (account_id, rule_key, covered, non_compliant, not_applicable, "
                     "insufficient, ignored) VALUES ($1, $2, $3, 0, 0, 0, 0) ON CONFLICT (account_id, "
                     "rule_key) DO UPDATE SET covered = excluded.covered",
                     "tii", f->account_id, f->after->rule->rule_key, f->covered);
}

static int follow_account(engine *e, store_session *session, pl_str account_id, const engine_bound *before,
                          const engine_bound *after, int64_t now, pl_error *error) {
    pl_arena arena;
    engine_writing w;
    inventory_group *types;
    size_t count = 0;
    pl_arena_init(&arena, COVERAGE_ARENA_LIMIT);
    struct following f = {.e = e,
                          .session = session,
                          .arena = &arena,
                          .account_id = account_id,
                          .before = before,
                          .after = after,
                          .now = now,
                          .error = error};
    engine_writing_begin(&w, e, session, &arena, now, error);
    int status = engine_leave_return(session, account_id, after, error);
    if (status == 0)
        status = inventory_count_by_type(session, &arena, account_id, PL_STR_NONE, &types, &count, error);
    for (size_t i = 0; status == 0 && i < count; i++)
        status = follow_type(&f, &w, types[i].name);
    status = engine_writing_end(&w, status);
    if (status == 0)
        status = store_covered(&f);
    pl_arena_free(&arena);
    return status;
}

static const engine_coverage *find_account(const engine_coverage *list, pl_str account_id) {
    while (list && !pl_str_eq(list->account_id, account_id))
        list = list->next;
    return list;
}

/* A rule that does not concern the account any more has nothing there. */
static int follow_rule(engine *e, store_session *session, pl_arena *arena, const engine_rule *rule,
                       const engine_coverage *before, int64_t now, pl_error *error) {
    const engine_coverage *after;
    if (engine_coverage_of(e, session, arena, rule, &after, error) != 0)
        return -1;
    for (; after; after = after->next) {
        const engine_coverage *was = find_account(before, after->account_id);
        bool inside = was && was->inside;
        int status = 0;
        if (after->inside)
            status = follow_account(e, session, after->account_id, inside ? &was->bound : NULL, &after->bound,
                                    now, error);
        else if (inside)
            status = engine_leave_account(session, after->account_id, rule->rule_key, now, error);
        if (status != 0)
            return -1;
    }
    return 0;
}

int engine_coverage_follow(engine *e, store_session *session, const engine_rule *rule,
                           const engine_coverage *before, int64_t now, pl_error *error) {
    pl_arena arena;
    if (!before)
        return 0;
    pl_arena_init(&arena, COVERAGE_ARENA_LIMIT);
    int status = follow_rule(e, session, &arena, rule, before, now, error);
    pl_arena_free(&arena);
    return status;
}

int engine_coverage_enter(engine *e, store_session *session, pl_str account_id, const engine_rule *rule,
                          int64_t now, pl_error *error) {
    pl_arena arena;
    engine_bound bound;
    bool inside;
    pl_arena_init(&arena, COVERAGE_ARENA_LIMIT);
    int status = engine_bind_rule(e, session, &arena, account_id, rule, &bound, &inside, error);
    if (status == 0 && inside)
        status = follow_account(e, session, account_id, NULL, &bound, now, error);
    pl_arena_free(&arena);
    return status;
}

static int lose_types(engine *e, store_session *session, pl_arena *arena, pl_str account_id,
                      const engine_rule *before, const engine_rule *rule, int64_t now, pl_error *error) {
    engine_bound was, is;
    inventory_group *types;
    size_t count;
    bool inside, stays;
    if (engine_bind_rule(e, session, arena, account_id, before, &was, &inside, error) != 0 ||
        engine_bind_rule(e, session, arena, account_id, rule, &is, &stays, error) != 0)
        return -1;
    if (!inside || !stays)
        return 0; /* what leaves the account leaves as a whole */
    if (inventory_count_by_type(session, arena, account_id, PL_STR_NONE, &types, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (engine_bound_has_type(&was, types[i].name) && !engine_bound_has_type(&is, types[i].name) &&
            engine_leave_type(session, account_id, rule->rule_key, types[i].name, 0, now, error) != 0)
            return -1;
    return 0;
}

int engine_coverage_lose(engine *e, store_session *session, const engine_rule *before,
                         const engine_rule *rule, int64_t now, pl_error *error) {
    pl_arena arena;
    pl_str *accounts;
    size_t count = 0;
    if (rule->state != ENGINE_ACTIVE)
        return 0;
    pl_arena_init(&arena, COVERAGE_ARENA_LIMIT);
    int status = engine_rule_accounts(e, session, &arena, rule, &accounts, &count, error);
    for (size_t i = 0; status == 0 && i < count; i++)
        status = lose_types(e, session, &arena, accounts[i], before, rule, now, error);
    pl_arena_free(&arena);
    return status;
}
