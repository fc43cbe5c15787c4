/*
 * Listing results: the stored deviations and, for every covered resource without one, COMPLIANT.
 *
 * Order: evaluation time, newest first, then resource id (reference/evaluation-semantics.md, section 4). The
 * time of most results is derived, so no index has that order: a listing walks what could match, in pages by
 * key, and keeps the best `limit` behind the token. Memory is bounded by the page, time by the walk; where a
 * kind other than COMPLIANT is asked for, only stored rows are walked.
 */
#include "engine/outcome.h"

#include "base/digest.h"
#include "inventory/rows.h"
#include "json/parser.h"

#include <stdio.h>

enum { WALK_ROWS = 512, ID_BYTES = 1024, LIMIT_MAX = 1000 };

/* One result in the running, small enough to be moved around. */
struct candidate {
    int64_t rank; /* evaluation time, or minus the start of the non-compliance: larger comes first */
    int64_t rule_key, resource_key;
    const engine_rule *rule;
    pl_str account_id;
    size_t id_length;
    char id[ID_BYTES];
};

struct listing {
    engine *e;
    store_session *session;
    pl_arena *arena;
    const engine_result_filter *filter;
    struct candidate **kept; /* sorted, best first */
    size_t count, limit;     /* one more than asked for, to know of a next page */
    bool has_after;
    struct candidate after;
    pl_error *error;
};

static int compare(const struct candidate *a, const struct candidate *b) {
    if (a->rank != b->rank)
        return a->rank > b->rank ? -1 : 1;
    int order = pl_str_cmp(pl_str_of(a->id, a->id_length), pl_str_of(b->id, b->id_length));
    if (order == 0 && a->rule_key != b->rule_key)
        order = a->rule_key < b->rule_key ? -1 : 1;
    if (order == 0 && a->resource_key != b->resource_key)
        order = a->resource_key < b->resource_key ? -1 : 1;
    return order ? order : pl_str_cmp(a->account_id, b->account_id);
}

/* --- What is shown ----------------------------------------------------------------------------------------
 */

/* Whether the capture made the rule look. A disabled rule was modified last when it was disabled, or later.
 */
static bool follows(const engine_rule *rule, int64_t capture_time) {
    bool disabled = rule->state == ENGINE_INACTIVE && capture_time > rule->modified;
    return (rule->triggers & ENGINE_TRIGGER_CHANGE) != 0 && rule->owner != ENGINE_FUNCTION && !disabled;
}

/*
 * When the result was produced: the last of the full run, the capture, and the row's own evaluation. A run of
 * a function renews only what the function reports; what it fails to report keeps its age.
 */
static int64_t evaluated_at(const engine_rule *rule, const inventory_resource *r, const engine_row *row) {
    if (row && rule->owner == ENGINE_FUNCTION)
        return row->ordering;
    int64_t at = rule->run_ordering;
    if (r->capture_time > at && follows(rule, r->capture_time))
        at = r->capture_time;
    return row && row->ordering > at ? row->ordering : at;
}

/* A covered resource without a row is compliant, unless the rule has never run. */
static engine_compliance shown_of(const engine_rule *rule, const engine_row *row) {
    if (row)
        return row->shown;
    return rule->run_ordering ? ENGINE_COMPLIANT : ENGINE_INSUFFICIENT_DATA;
}

static bool one_of(const pl_str *items, size_t count, pl_str value) {
    for (size_t i = 0; i < count; i++)
        if (pl_str_eq(items[i], value))
            return true;
    return count == 0;
}

static bool passes(const engine_result_filter *f, const inventory_resource *r, engine_compliance shown) {
    return (!f->has_compliance || f->compliance == shown) &&
           one_of(f->types, f->type_count, r->resource_type) &&
           one_of(f->regions, f->region_count, r->region_id) &&
           one_of(f->group_ids, f->group_id_count, r->group_id);
}

/* --- The best of all that pass
 * ------------------------------------------------------------------------------ */

static void insert(struct listing *l, struct candidate *made) {
    size_t at = l->count < l->limit ? l->count++ : l->count - 1;
    while (at > 0 && compare(made, l->kept[at - 1]) < 0) {
        l->kept[at] = l->kept[at - 1];
        at--;
    }
    l->kept[at] = made;
}

static int offer(struct listing *l, const struct candidate *c) {
    if (l->has_after && compare(c, &l->after) <= 0)
        return 0;
    if (l->count == l->limit && compare(c, l->kept[l->count - 1]) >= 0)
        return 0;
    struct candidate *room =
        l->count == l->limit ? l->kept[l->count - 1] : pl_arena_alloc(l->arena, sizeof *room);
    if (!room)
        return pl_fail(l->error, PL_E_ServiceUnavailable);
    *room = *c;
    insert(l, room);
    return 0;
}

static int consider(struct listing *l, pl_str account_id, const engine_bound *bound,
                    const inventory_resource *r, const engine_row *row, bool covered) {
    const engine_rule *rule = bound->rule;
    engine_compliance shown = shown_of(rule, row);
    if (!covered || !passes(l->filter, r, shown))
        return 0;
    struct candidate c = {.rule_key = rule->rule_key,
                          .resource_key = r->resource_key,
                          .rule = rule,
                          .account_id = account_id,
                          .id_length = r->resource_id.n < ID_BYTES ? r->resource_id.n : ID_BYTES};
    c.rank = l->filter->oldest_non_compliant_first ? -(row ? row->last_non_compliant : 0)
                                                   : evaluated_at(rule, r, row);
    memcpy(c.id, r->resource_id.p, c.id_length);
    return offer(l, &c);
}

/* --- Walks ------------------------------------------------------------------------------------------------
 */

#define RESOURCE_COLUMNS                                                                                     \
    "r.resource_key, r.resource_type, r.region_id, r.resource_id, r.name, r.status, r.group_id, r.zone, "    \
    "r.create_time, r.capture_time, r.tags, r.deleted"
#define RESULT_COLUMNS                                                                                       \
    "x.rule_key, x.compliance, x.shown, x.message_type, x.ordering, x.recorded, x.last_non_compliant, "      \
    "x.last_fixed, x.annotation, x.ignore_until, x.ignore_date, x.ignore_reason, x.changed, "                \
    "x.changed_from, "                                                                                       \
    "x.annotation_from"

/* Coverage of the current row's resource; tags are parsed for narrow scopes only. */
static int covers(struct listing *l, const engine_bound *bound, const inventory_resource *r, bool *covered) {
    engine_scope_subject subject;
    pl_arena arena;
    *covered = true;
    if (bound->whole)
        return 0;
    pl_arena_init(&arena, 1 << 20);
    int status = 0;
    subject = (engine_scope_subject){r->resource_type, r->region_id, r->resource_id,
                                     r->group_id,      r->name,      PL_JSON_NONE};
    if (r->tags.n > 2)
        status = pl_json_parse_in(&arena, r->tags, &subject.tags, l->error);
    if (status == 0)
        *covered = engine_bound_covers(bound, &subject);
    pl_arena_free(&arena);
    return status;
}

static int consider_row(struct listing *l, pl_str account_id, const engine_bound *bound, store_statement *st,
                        int64_t *key) {
    inventory_resource r;
    engine_row row;
    bool covered = true;
    inventory_read_row(st, account_id, false, &r);
    bool stored = !store_column_null(st, 12);
    if (stored)
        engine_row_read(st, 12, &row);
    *key = r.resource_key;
    if (!stored && covers(l, bound, &r, &covered) != 0)
        return -1;
    return consider(l, account_id, bound, &r, stored ? &row : NULL, covered);
}

/* Steps through one page; `*rows` tells whether there may be another. */
static int walk_page(struct listing *l, pl_str account_id, const engine_bound *bound, store_statement *st,
                     int64_t *key, int *rows) {
    int step;
    for (*rows = 0; (step = store_step(st, l->error)) == 1; ++*rows)
        if (consider_row(l, account_id, bound, st, key) != 0)
            return -1;
    return step;
}

static int walk_type(struct listing *l, pl_str account_id, const engine_bound *bound, pl_str type) {
    int64_t key = 0;
    int rows;
    do {
        store_statement *st = store_prepare(
            l->session,
            "SELECT " RESOURCE_COLUMNS ", " RESULT_COLUMNS
            " FROM resources r LEFT JOIN results x ON x.account_id = r.account_id AND x.rule_key = $3 AND "
            "x.resource_key = r.resource_key WHERE r.account_id = $1 AND r.resource_type = $2 AND "
            "r.resource_key > $4 AND r.deleted = 0 ORDER BY r.resource_key LIMIT $5",
            l->error);
        store_bind_text(st, 1, account_id);
        store_bind_text(st, 2, type);
        store_bind_i64(st, 3, bound->rule->rule_key);
        store_bind_i64(st, 4, key);
        store_bind_i64(st, 5, WALK_ROWS);
        if (walk_page(l, account_id, bound, st, &key, &rows) != 0)
            return -1;
    } while (rows == WALK_ROWS);
    return 0;
}

static int walk_stored(struct listing *l, pl_str account_id, const engine_bound *bound) {
    int64_t key = 0;
    int rows;
    do {
        store_statement *st = store_prepare(
            l->session,
            "SELECT " RESOURCE_COLUMNS ", " RESULT_COLUMNS
            " FROM results x JOIN resources r ON r.account_id = x.account_id AND r.resource_key = "
            "x.resource_key WHERE x.account_id = $1 AND x.rule_key = $2 AND x.resource_key > $3 ORDER BY "
            "x.resource_key LIMIT $4",
            l->error);
        store_bind_text(st, 1, account_id);
        store_bind_i64(st, 2, bound->rule->rule_key);
        store_bind_i64(st, 3, key);
        store_bind_i64(st, 4, WALK_ROWS);
        if (walk_page(l, account_id, bound, st, &key, &rows) != 0)
            return -1;
    } while (rows == WALK_ROWS);
    return 0;
}

static int walk_types(struct listing *l, pl_str account_id, const engine_bound *bound) {
    for (pl_str type = PL_STR_NONE;;) {
        if (inventory_next_type(l->session, l->arena, account_id, type, &type, l->error) != 0)
            return -1;
        if (!type.p)
            return 0;
        if (engine_bound_has_type(bound, type) && one_of(l->filter->types, l->filter->type_count, type) &&
            walk_type(l, account_id, bound, type) != 0)
            return -1;
    }
}

static int walk_resource(struct listing *l, pl_str account_id, const engine_bound *bound,
                         const inventory_resource *r) {
    engine_row row;
    bool found, covered;
    if (!engine_bound_has_type(bound, r->resource_type))
        return 0;
    if (covers(l, bound, r, &covered) != 0)
        return -1;
    if (!covered)
        return 0;
    if (engine_row_of(l->session, l->arena, account_id, bound->rule->rule_key, r->resource_key, &row, &found,
                      l->error) != 0)
        return -1;
    return consider(l, account_id, bound, r, found ? &row : NULL, true);
}

static int walk_id(struct listing *l, pl_str account_id, const engine_bound *bound) {
    const engine_result_filter *f = l->filter;
    inventory_resource found[64];
    size_t count;
    if (inventory_find_id(l->session, l->arena, account_id, f->resource_id, found, 64, &count, l->error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        if (f->resource_type.n && !pl_str_eq_fold(f->resource_type, found[i].resource_type))
            continue;
        if (f->region_id.n && !pl_str_eq(f->region_id, found[i].region_id))
            continue;
        if (walk_resource(l, account_id, bound, found + i) != 0)
            return -1;
    }
    return 0;
}

static int walk_rule(struct listing *l, pl_str account_id, const engine_rule *rule) {
    const engine_result_filter *f = l->filter;
    engine_bound bound;
    bool inside;
    if (rule->aggregator_id.n == 0 && !pl_str_eq(rule->account_id, account_id))
        return 0;
    if (engine_bind_rule(l->e, l->session, l->arena, account_id, rule, &bound, &inside, l->error) != 0)
        return -1;
    if (!inside)
        return 0;
    if (f->resource_id.n)
        return walk_id(l, account_id, &bound);
    bool derived = !f->has_compliance || f->compliance == ENGINE_COMPLIANT ||
                   (f->compliance == ENGINE_INSUFFICIENT_DATA && rule->run_ordering == 0);
    return derived ? walk_types(l, account_id, &bound) : walk_stored(l, account_id, &bound);
}

/* --- Tokens and details -----------------------------------------------------------------------------------
 */

static pl_str write_token(pl_arena *arena, const struct candidate *c) {
    return pl_arena_printf(arena, "%lld,%lld,%lld,%.*s,%.*s", (long long)c->rank, (long long)c->rule_key,
                           (long long)c->resource_key, PL_FMT(c->account_id), (int)c->id_length, c->id);
}

static int read_token(struct listing *l, pl_str token) {
    pl_str part[4];
    for (size_t i = 0; i < 4; i++)
        if (!pl_str_split(&token, ',', part + i))
            return pl_failf(l->error, PL_E_InvalidParameter, "The specified NextToken is invalid.");
    if (!pl_str_to_i64(part[0], &l->after.rank) || !pl_str_to_i64(part[1], &l->after.rule_key) ||
        !pl_str_to_i64(part[2], &l->after.resource_key) || token.n > ID_BYTES)
        return pl_failf(l->error, PL_E_InvalidParameter, "The specified NextToken is invalid.");
    l->after.account_id = part[3];
    l->after.id_length = token.n;
    if (token.n)
        memcpy(l->after.id, token.p, token.n);
    l->has_after = true;
    return 0;
}

/* The id of a result that is not stored as such: the same for the same evaluation, new for each. */
static void write_evaluation_id(engine_result *out) {
    unsigned char digest[PL_SHA256_SIZE];
    char text[256];
    int n = snprintf(text, sizeof text, "%lld/%.*s/%lld/%lld/%d", (long long)out->rule->rule_key,
                     PL_FMT(out->resource.account_id), (long long)out->resource.resource_key,
                     (long long)out->ordering, (int)out->compliance);
    out->evaluation_id[0] = 0;
    if (pl_sha256(pl_str_of(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1), digest) != 0)
        return;
    snprintf(out->evaluation_id, sizeof out->evaluation_id,
             "%02x%02x%02x%02x-%02x%02x-4%x%02x-a%x%02x-%02x%02x%02x%02x%02x%02x", digest[0], digest[1],
             digest[2], digest[3], digest[4], digest[5], digest[6] & 15, digest[7], digest[8] & 15, digest[9],
             digest[10], digest[11], digest[12], digest[13], digest[14], digest[15]);
}

static void complete(engine_result *out, const engine_rule *rule, const engine_row *row) {
    int64_t run = rule->run_ordering;
    out->rule = rule;
    out->compliance = shown_of(rule, row);
    out->annotation = row ? row->annotation : PL_STR("");
    out->ordering = out->invoked = evaluated_at(rule, &out->resource, row);
    out->recorded = out->ordering;
    out->trigger = out->ordering == run && rule->run_trigger.n ? rule->run_trigger
                                                               : engine_message_name(ENGINE_BY_CHANGE);
    if (row && row->ordering == out->ordering) {
        out->trigger = engine_message_name(row->message_type);
        out->recorded = row->recorded;
    }
    out->last_non_compliant = row ? row->last_non_compliant : 0;
    out->last_fixed = row ? row->last_fixed : 0;
    out->ignore_date = row && row->ignore_date.p ? row->ignore_date : PL_STR("");
    out->ignore_reason = row && row->ignore_reason.p ? row->ignore_reason : PL_STR("");
    write_evaluation_id(out);
}

static int load_result(struct listing *l, const struct candidate *c, engine_result *out) {
    engine_row row;
    bool found, stored;
    if (inventory_find_key(l->session, l->arena, c->account_id, c->resource_key, &out->resource, &found,
                           l->error) != 0 ||
        engine_row_of(l->session, l->arena, c->account_id, c->rule_key, c->resource_key, &row, &stored,
                      l->error) != 0)
        return -1;
    if (!found)
        return pl_fail(l->error, PL_E_InternalError);
    complete(out, c->rule, stored ? &row : NULL);
    return 0;
}

int engine_list_results(engine *e, store_session *session, pl_arena *arena,
                        const engine_result_filter *filter, pl_str after, size_t limit,
                        engine_result **results, size_t *count, pl_str *next, pl_error *error) {
    struct listing l = {.e = e, .session = session, .arena = arena, .filter = filter, .error = error};
    limit = limit < LIMIT_MAX ? limit : LIMIT_MAX;
    l.limit = limit + 1;
    l.kept = pl_new(arena, struct candidate *, l.limit);
    *results = pl_new(arena, engine_result, limit ? limit : 1);
    *count = 0;
    *next = PL_STR_NONE;
    if (!l.kept || !*results)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (after.p && read_token(&l, after) != 0)
        return -1;
    for (size_t a = 0; a < filter->account_count; a++)
        for (size_t i = 0; i < filter->rule_count; i++)
            if (walk_rule(&l, filter->accounts[a], filter->rules[i]) != 0)
                return -1;
    *count = l.count < limit ? l.count : limit;
    for (size_t i = 0; i < *count; i++)
        if (load_result(&l, l.kept[i], *results + i) != 0)
            return -1;
    if (l.count <= limit || limit == 0)
        return 0;
    *next = write_token(arena, l.kept[limit - 1]);
    return next->p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}
