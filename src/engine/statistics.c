/*
 * Daily figures and summaries of accounts and groups (reference/evaluation-semantics.md, section 10).
 *
 * A day ends at 00:00 UTC+8. Its figures are written once, by whichever node comes first; today's are counted
 * when they are asked for.
 */
#include "engine/listed.h"
#include "engine/summary.h"
#include "engine/work.h"

enum {
    EAST_MINUTES = 480,
    ARENA_LIMIT = 256 << 20,
};

static const int64_t day = 86400000;

struct counting {
    engine *e;
    store_session *session;
    pl_arena *arena;
    pl_error *error;
};

/* --- Resources by their rules ------------------------------------------------------------------------------
 */

static bool is_counted(const engine_rule *rule) {
    return rule->state == ENGINE_ACTIVE;
}

/* Binds the counted rules to an account. */
static int bind_rules(struct counting *c, const engine_summary_input *in, pl_str account_id,
                      engine_bound **bounds, size_t *count) {
    *count = 0;
    *bounds = pl_new(c->arena, engine_bound, in->rule_count ? in->rule_count : 1);
    if (!*bounds)
        return pl_fail(c->error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < in->rule_count; i++) {
        bool inside;
        const engine_rule *rule = in->rules + i;
        if (!is_counted(rule) || (rule->aggregator_id.n == 0 && !pl_str_eq(rule->account_id, account_id)))
            continue;
        if (engine_bind_rule(c->e, c->session, c->arena, account_id, rule, *bounds + *count, &inside,
                             c->error) != 0)
            return -1;
        *count += inside;
    }
    return 0;
}

static const engine_bound *find_bound(const engine_bound *bounds, size_t count, int64_t rule_key) {
    for (size_t i = 0; i < count; i++)
        if (bounds[i].rule->rule_key == rule_key)
            return bounds + i;
    return NULL;
}

/* One resource that has rows, as they come by in the order of resources. */
struct standing {
    int64_t resource_key;
    pl_str type;
    int64_t deviating; /* rows that are not COMPLIANT */
    bool non_compliant, any;
};

struct folding {
    struct counting *c;
    const engine_bound *bounds;
    size_t count;
    engine_summary *out;
    struct standing at;
    int64_t not_counted; /* resources with rows that are neither */
};

/* Covering rules of the resource, tags and names included. */
static int count_covering(struct folding *f, int64_t resource_key, int64_t *covering) {
    inventory_resource r;
    bool found;
    engine_scope_subject subject;
    *covering = 0;
    if (inventory_find_key(f->c->session, f->c->arena, f->out->account_id, resource_key, &r, &found,
                           f->c->error) != 0)
        return -1;
    if (!found || engine_scope_subject_of(f->c->arena, &r, &subject, f->c->error) != 0)
        return found ? -1 : 0;
    for (size_t i = 0; i < f->count; i++)
        *covering += f->bounds[i].rule->run_ordering && engine_bound_covers(f->bounds + i, &subject);
    return 0;
}

static int close_resource(struct folding *f) {
    int64_t covering;
    if (!f->at.any)
        return 0;
    if (f->at.non_compliant) {
        f->out->non_compliant_resources++;
        return 0;
    }
    if (count_covering(f, f->at.resource_key, &covering) != 0)
        return -1;
    f->not_counted += f->at.deviating >= covering;
    return 0;
}

static int fold_row(struct folding *f, store_statement *st) {
    int64_t key = store_column_i64(st, 0);
    engine_compliance shown = (engine_compliance)store_column_i64(st, 2);
    const engine_bound *bound = find_bound(f->bounds, f->count, store_column_i64(st, 1));
    if (!bound || shown == ENGINE_COMPLIANT)
        return 0;
    if (f->at.any && f->at.resource_key != key && close_resource(f) != 0)
        return -1;
    if (!f->at.any || f->at.resource_key != key)
        f->at = (struct standing){.resource_key = key, .any = true};
    f->at.deviating++;
    if (shown == ENGINE_NON_COMPLIANT) {
        f->at.non_compliant = true;
        f->out->by_risk[bound->rule->risk_level - 1]++;
    }
    return 0;
}

static int fold_rows(struct folding *f) {
    store_statement *st = store_prepare(
        f->c->session,
        "SELECT resource_key, rule_key, shown FROM results WHERE account_id = $1 ORDER BY resource_key",
        f->c->error);
    int step;
    store_bind_text(st, 1, f->out->account_id);
    while ((step = store_step(st, f->c->error)) == 1)
        if (fold_row(f, st) != 0)
            return -1;
    return step < 0 ? -1 : close_resource(f);
}

struct covering {
    const engine_bound *bounds;
    size_t count;
    pl_arena *arena;
    int64_t covered;
};

static int visit_covered(void *context, const inventory_resource *r, pl_error *error) {
    struct covering *c = context;
    engine_scope_subject subject;
    pl_arena_reset(c->arena);
    if (engine_scope_subject_of(c->arena, r, &subject, error) != 0)
        return -1;
    for (size_t i = 0; i < c->count; i++)
        if (c->bounds[i].rule->run_ordering && engine_bound_covers(c->bounds + i, &subject)) {
            c->covered++;
            return 0;
        }
    return 0;
}

/* Resources of a type that any rule covers: all of them when one rule covers the whole type. */
static int count_type(struct folding *f, const inventory_group *type, int64_t *covered) {
    bool any = false;
    for (size_t i = 0; i < f->count; i++) {
        if (!f->bounds[i].rule->run_ordering || !engine_bound_has_type(f->bounds + i, type->name))
            continue;
        any = true;
        if (f->bounds[i].whole) {
            *covered += type->count;
            return 0;
        }
    }
    if (!any)
        return 0;
    pl_arena arena;
    pl_arena_init(&arena, 1 << 20);
    struct covering c = {f->bounds, f->count, &arena, 0};
    inventory_filter filter = {.account_id = f->out->account_id, .types = &type->name, .type_count = 1};
    int status = inventory_list(f->c->session, &filter, 0, visit_covered, &c, f->c->error);
    pl_arena_free(&arena);
    *covered += c.covered;
    return status;
}

static int count_compliant(struct folding *f) {
    inventory_group *types;
    size_t count;
    int64_t covered = 0;
    if (inventory_count_by_type(f->c->session, f->c->arena, f->out->account_id, PL_STR_NONE, &types, &count,
                                f->c->error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (count_type(f, types + i, &covered) != 0)
            return -1;
    f->out->covered_resources = covered;
    covered -= f->out->non_compliant_resources + f->not_counted;
    f->out->compliant_resources = covered > 0 ? covered : 0;
    return 0;
}

static int summarize_account(struct counting *c, const engine_summary_input *in, pl_str account_id,
                             engine_summary *out) {
    struct folding f = {.c = c, .out = out};
    engine_bound *bounds;
    *out = (engine_summary){.account_id = account_id};
    if (bind_rules(c, in, account_id, &bounds, &f.count) != 0)
        return -1;
    f.bounds = bounds;
    return fold_rows(&f) != 0 ? -1 : count_compliant(&f);
}

/* --- Summaries
 * ---------------------------------------------------------------------------------------------- */

static int summarize_rules(struct counting *c, const engine_summary_input *in, engine_summary *out) {
    for (size_t i = 0; i < in->rule_count; i++) {
        engine_counts counts;
        int64_t size;
        if (!is_counted(in->rules + i))
            continue;
        if (engine_count_rule(c->e, c->session, in->rules + i, in->accounts, in->account_count, &counts,
                              c->error) != 0)
            return -1;
        engine_compliance class = engine_aggregate(&counts, &size);
        int risk = in->rules[i].risk_level - 1;
        out->compliant_rules += class == ENGINE_COMPLIANT;
        out->non_compliant_rules += class == ENGINE_NON_COMPLIANT;
        out->compliant_rules_by_risk[risk] += class == ENGINE_COMPLIANT;
        out->non_compliant_rules_by_risk[risk] += class == ENGINE_NON_COMPLIANT;
        out->rules++;
    }
    return 0;
}

int engine_summarize(engine *e, store_session *session, pl_arena *arena, const engine_summary_input *in,
                     engine_summary *out, pl_error *error) {
    struct counting c = {e, session, arena, error};
    *out = (engine_summary){.account_id = in->account_count ? in->accounts[0] : PL_STR("")};
    for (size_t i = 0; i < in->account_count; i++) {
        engine_summary one;
        if (summarize_account(&c, in, in->accounts[i], &one) != 0)
            return -1;
        out->covered_resources += one.covered_resources;
        out->compliant_resources += one.compliant_resources;
        out->non_compliant_resources += one.non_compliant_resources;
        for (int r = 0; r < 3; r++)
            out->by_risk[r] += one.by_risk[r];
    }
    return summarize_rules(&c, in, out);
}

/* --- Days
 * --------------------------------------------------------------------------------------------------- */

int engine_list_statistics(store_session *session, pl_arena *arena, const engine_group *owner, int64_t now,
                           engine_statistic **days, size_t *count, pl_error *error) {
    char first[PL_TIME_TEXT], today[PL_TIME_TEXT];
    store_statement *st = store_prepare(
        session,
        "SELECT statistic_date, resources, non_compliant_resources, rules, non_compliant_rules FROM "
        "evaluation_statistics WHERE account_id = $1 AND aggregator_id = $2 AND statistic_date >= $3 AND "
        "statistic_date < $4 ORDER BY statistic_date LIMIT $5",
        error);
    int step;
    *count = 0;
    *days = pl_new(arena, engine_statistic, ENGINE_STATISTIC_DAYS + 1);
    if (!*days)
        return pl_fail(error, PL_E_ServiceUnavailable);
    store_bind_text(st, 1, owner->owner_id);
    store_bind_text(st, 2, pl_str_or_empty(owner->aggregator_id));
    store_bind_text(st, 3, pl_time_date(now - ENGINE_STATISTIC_DAYS * day, EAST_MINUTES, first));
    store_bind_text(st, 4, pl_time_date(now, EAST_MINUTES, today));
    store_bind_i64(st, 5, ENGINE_STATISTIC_DAYS);
    while ((step = store_step(st, error)) == 1)
        (*days)[(*count)++] =
            (engine_statistic){pl_arena_copy(arena, store_column_text(st, 0)), store_column_i64(st, 1),
                               store_column_i64(st, 2), store_column_i64(st, 3), store_column_i64(st, 4)};
    return step == 0 && arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : step;
}

struct closing {
    engine *e;
    int64_t now;
    pl_str date; /* the day that has ended */
    bool done;   /* there was an owner without figures for the day */
};

static int write_day(struct closing *d, store_session *session, pl_arena *arena, const engine_group *owner,
                     pl_error *error) {
    engine_rule *rules;
    pl_str *accounts = NULL;
    size_t count, account_count, old = 0;
    engine_summary s;
    engine_rule any = {.account_id = owner->owner_id, .aggregator_id = owner->aggregator_id};
    if (engine_rule_list(session, arena, owner, NULL, &rules, &count, error) != 0 ||
        engine_rule_accounts(d->e, session, arena, &any, &accounts, &account_count, error) != 0)
        return -1;
    /* What came after the day's end says nothing about the day. */
    int64_t end = d->now - (d->now + EAST_MINUTES * 60000) % day;
    while (old < count && rules[old].created < end)
        old++;
    engine_summary_input in = {rules, old, accounts, account_count};
    for (size_t i = 0; i < account_count; i++) /* else each rule would look through what waits */
        if (engine_list_account(session, accounts[i], error) != 0)
            return -1;
    if (engine_summarize(d->e, session, arena, &in, &s, error) != 0)
        return -1;
    return store_run(
        session, error,
        "INSERT INTO evaluation_statistics (account_id, aggregator_id, statistic_date, resources, "
        "non_compliant_resources, rules, non_compliant_rules) VALUES ($1, $2, $3, $4, $5, $6, $7) "
        "ON CONFLICT (account_id, aggregator_id, statistic_date) DO NOTHING",
        "tttiiii", owner->owner_id, pl_str_or_empty(owner->aggregator_id), d->date,
        s.compliant_resources + s.non_compliant_resources, s.non_compliant_resources, s.rules,
        s.non_compliant_rules);
}

/* The next owner of rules that has no figures for the day yet; an absent id: there is none. */
static int next_owner(struct closing *d, store_session *session, pl_arena *arena, engine_group *owner,
                      pl_error *error) {
    store_statement *st = store_prepare(
        session,
        "SELECT account_id, aggregator_id FROM rules r WHERE NOT EXISTS (SELECT 1 FROM evaluation_statistics "
        "s "
        "WHERE s.account_id = r.account_id AND s.aggregator_id = r.aggregator_id AND s.statistic_date = $1) "
        "LIMIT 1",
        error);
    store_bind_text(st, 1, d->date);
    *owner = (engine_group){PL_STR_NONE, PL_STR_NONE};
    int step = store_step(st, error);
    if (step <= 0)
        return step;
    owner->owner_id = pl_arena_copy(arena, store_column_text(st, 0));
    if (store_column_text(st, 1).n)
        owner->aggregator_id = pl_arena_copy(arena, store_column_text(st, 1));
    store_reset(st);
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

static int close_one(store_session *session, void *argument, pl_error *error) {
    struct closing *d = argument;
    pl_arena arena;
    engine_group owner;
    pl_arena_init(&arena, ARENA_LIMIT);
    int status = next_owner(d, session, &arena, &owner, error);
    d->done = status == 0 && owner.owner_id.p;
    if (d->done)
        status = write_day(d, session, &arena, &owner, error);
    pl_arena_free(&arena);
    return status;
}

static int any_open(store_session *session, void *argument, pl_error *error) {
    struct closing *d = argument;
    pl_arena arena;
    engine_group owner;
    pl_arena_init(&arena, 1 << 20);
    int status = next_owner(d, session, &arena, &owner, error);
    d->done = status == 0 && owner.owner_id.p;
    pl_arena_free(&arena);
    return status;
}

int engine_work_statistics(engine *e, int64_t now, bool *worked, pl_error *error) {
    char text[PL_TIME_TEXT];
    struct closing d = {.e = e, .now = now};
    d.date = pl_time_date(now - day, EAST_MINUTES, text);
    if (store_read(e->config.store, any_open, &d, error) != 0)
        return -1;
    while (d.done) {
        *worked = true;
        if (store_write(e->config.store, close_one, &d, error) != 0)
            return -1;
    }
    return 0;
}
