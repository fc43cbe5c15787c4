/*
 * Listing results: the stored deviations and, for every covered resource without one, COMPLIANT.
 *
 * A list goes by account, by rule, and then by what never moves while a result stays in the list: resources
 * by type and key, or, where one kind other than COMPLIANT is asked for, rows by the start of the
 * non-compliance and key. A token names the last place that was looked at, so a page costs what it holds
 * wherever it lies, and evaluations that go on meanwhile neither repeat nor hide anything. Times are no such
 * order: a run moves all of them.
 *
 * Where a filter leaves little of what has to be looked at, a page ends after ROWS_MAX rows, with fewer
 * results than asked for and a token. A page that has nothing yet looks at SPARE_ROWS more, so that only long
 * lists have pages without a result.
 */
#include "engine/listed.h"
#include "engine/results.h"

#include "inventory/rows.h"
#include "json/parser.h"

#include <stdlib.h>

enum { ROWS_MAX = 8192, SPARE_ROWS = 65536, QUERY_ROWS = 512, LIMIT_MAX = 1000, SAME_ID_MAX = 64 };

/* Where a result stands in the list. */
typedef struct place {
    pl_str account_id;
    int64_t rule_key;
    pl_str type;  /* in walks by type and key; else empty */
    int64_t rank; /* in walks over rows: the start of the non-compliance; else 0 */
    int64_t key;
} place;

typedef struct entry {
    place at;
    const engine_rule *rule;
} entry;

typedef struct listing {
    engine *e;
    store_session *session;
    pl_arena *arena;
    const engine_result_filter *filter;
    bool by_age;    /* the oldest non-compliance of all accounts and rules first */
    entry *entries; /* in order; room for one more than the limit, to know of a next page */
    size_t count, limit;
    bool has_after, gave_up;
    place after, reached; /* `reached`: where the page ends when a walk gave up */
    inventory_resource *named;
    size_t named_count; /* resources with the filter's id in the account */
    size_t rows;        /* looked at, by the page or, by age, by the current walk */
    size_t spare;       /* more that the page may look at while it has nothing */
    pl_error *error;
} listing;

/* One rule in one account. */
typedef struct walk {
    listing *l;
    engine_bound bound;
    place from; /* behind this */
    bool again; /* the first rows were not enough */
} walk;

static int compare_numbers(int64_t a, int64_t b) {
    return a == b ? 0 : a < b ? -1 : 1;
}

static int compare_owners(const place *a, const place *b) {
    int order = pl_str_cmp(a->account_id, b->account_id);
    return order ? order : compare_numbers(a->rule_key, b->rule_key);
}

/* The order by age. */
static int compare_ages(const place *a, const place *b) {
    int order = compare_numbers(a->rank, b->rank);
    if (order == 0)
        order = compare_owners(a, b);
    return order ? order : compare_numbers(a->key, b->key);
}

/* --- What passes ------------------------------------------------------------------------------------------
 */

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

/* Tags are parsed for narrow scopes only. */
static int covers(listing *l, const engine_bound *bound, const inventory_resource *r, bool *covered) {
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

/* --- The page ---------------------------------------------------------------------------------------------
 */

/* Keeps the best of several walks; false when this one has nothing better to offer any more. */
static bool insert_by_age(listing *l, const entry *made) {
    if (l->gave_up && compare_ages(&made->at, &l->reached) > 0)
        return false;
    if (l->count > l->limit && compare_ages(&made->at, &l->entries[l->limit].at) >= 0)
        return false;
    size_t at = l->count <= l->limit ? l->count++ : l->limit;
    for (; at > 0 && compare_ages(&made->at, &l->entries[at - 1].at) < 0; at--)
        l->entries[at] = l->entries[at - 1];
    l->entries[at] = *made;
    return true;
}

/* 0: the walk may go on. */
static int take(walk *w, const place *at) {
    listing *l = w->l;
    entry made = {*at, w->bound.rule};
    if (l->by_age)
        return l->has_after && compare_ages(at, &l->after) <= 0 ? 0 : !insert_by_age(l, &made);
    l->entries[l->count++] = made;
    return l->count > l->limit;
}

/* Counts what was looked at; 1 when it is enough. */
static int look(walk *w, const place *at) {
    listing *l = w->l;
    if (++l->rows < ROWS_MAX)
        return 0;
    if (l->count == 0 && l->spare > 0) {
        l->spare--;
        return 0;
    }
    if (!l->by_age || !l->gave_up || compare_ages(at, &l->reached) < 0)
        l->reached = *at;
    l->gave_up = true;
    return 1;
}

/* --- Walks: 0 to the end, 1 the page is full ---------------------------------------------------------------
 */

#define RESOURCE_COLUMNS                                                                                     \
    "r.resource_key, r.resource_type, r.region_id, r.resource_id, r.name, r.status, r.group_id, r.zone, "    \
    "r.create_time, r.capture_time, r.tags, r.deleted"

static place place_of(const walk *w, pl_str type, int64_t rank, int64_t key) {
    return (place){w->from.account_id, w->bound.rule->rule_key, type, rank, key};
}

static size_t rows_to_ask(const walk *w) {
    size_t missing = w->l->limit + 1 - (w->l->by_age ? 0 : w->l->count);
    return w->again || missing > QUERY_ROWS ? QUERY_ROWS : missing;
}

/* One step of a walk by type and key: the resource, and what is shown of its row where it has one. */
static int visit_resource(walk *w, store_statement *st, pl_str type, int64_t *key) {
    inventory_resource r;
    bool covered = true;
    inventory_read_row(st, w->from.account_id, false, &r);
    bool stored = !store_column_null(st, 12);
    engine_compliance shown =
        stored ? (engine_compliance)store_column_i64(st, 12) : engine_shown(w->bound.rule, NULL);
    *key = r.resource_key;
    place at = place_of(w, type, 0, *key);
    bool wanted = !r.deleted && passes(w->l->filter, &r, shown);
    if (wanted && !stored && covers(w->l, &w->bound, &r, &covered) != 0)
        return -1;
    int full = wanted && covered ? take(w, &at) : 0;
    return full ? full : look(w, &at);
}

static int walk_type(walk *w, pl_str type, int64_t key) {
    size_t asked, rows;
    int step = 0, status = 0;
    do {
        asked = rows_to_ask(w);
        store_statement *st = store_prepare(
            w->l->session,
            "SELECT " RESOURCE_COLUMNS ", x.shown FROM resources r LEFT JOIN results x ON x.account_id = "
            "r.account_id AND x.resource_key = r.resource_key AND x.rule_key = $3 WHERE r.account_id = $1 "
            "AND "
            "r.resource_type = $2 AND r.resource_key > $4 ORDER BY r.resource_key LIMIT $5",
            w->l->error);
        store_bind_text(st, 1, w->from.account_id);
        store_bind_text(st, 2, type);
        store_bind_i64(st, 3, w->bound.rule->rule_key);
        store_bind_i64(st, 4, key);
        store_bind_i64(st, 5, (int64_t)asked);
        for (rows = 0; status == 0 && (step = store_step(st, w->l->error)) == 1; rows++)
            status = visit_resource(w, st, type, &key);
        if (status)
            store_reset(st);
        w->again = true;
    } while (status == 0 && step == 0 && rows == asked);
    return status ? status : step;
}

/* No resource of the type lies where the filter looks. */
static int is_elsewhere(walk *w, pl_str type, bool *elsewhere) {
    const engine_result_filter *f = w->l->filter;
    inventory_group *regions;
    size_t count;
    *elsewhere = f->region_count > 0;
    if (!*elsewhere)
        return 0;
    if (inventory_count_by_region(w->l->session, w->l->arena, w->from.account_id, type, &regions, &count,
                                  w->l->error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        *elsewhere = *elsewhere && !one_of(f->regions, f->region_count, regions[i].name);
    return 0;
}

static int walk_types(walk *w) {
    const engine_result_filter *f = w->l->filter;
    bool first = w->from.type.n > 0, elsewhere;
    for (pl_str type = w->from.type;; first = false) {
        if (!first && inventory_next_type(w->l->session, w->l->arena, w->from.account_id, type, &type,
                                          w->l->error) != 0)
            return -1;
        if (!type.p)
            return 0;
        if (!engine_bound_has_type(&w->bound, type) || !one_of(f->types, f->type_count, type))
            continue;
        if (is_elsewhere(w, type, &elsewhere) != 0)
            return -1;
        int status = elsewhere ? 0 : walk_type(w, type, first ? w->from.key : 0);
        if (status)
            return status;
    }
}

/* Of those that are listed, or of those that wait to be (engine/listed.h). */
#define BY_AGE                                                                                               \
    " AND x.shown = $5 AND (x.last_non_compliant, x.resource_key) > ($6, $3) AND r.account_id = "            \
    "x.account_id AND r.resource_key = x.resource_key ORDER BY x.last_non_compliant, x.resource_key LIMIT "  \
    "$4"
static const char rows_listed[] =
    "SELECT " RESOURCE_COLUMNS ", x.last_non_compliant FROM results x CROSS JOIN resources r WHERE "
    "x.account_id = $1 AND x.rule_key = $2 AND x.listed = 1" BY_AGE;
static const char rows_waiting[] =
    "SELECT " RESOURCE_COLUMNS ", x.last_non_compliant FROM " ENGINE_WAITING
    " CROSS JOIN resources r" ENGINE_WAITING_WHERE " AND x.rule_key = $2" BY_AGE;

/* Marked rows have an index of their own: what they really are may change while they stay where they are. */
static const char rows_marked[] =
    "SELECT " RESOURCE_COLUMNS ", 0 FROM results x CROSS JOIN resources r WHERE x.account_id = $1 AND "
    "x.rule_key = $2 AND x.ignore_until IS NOT NULL AND x.resource_key > $3 AND r.account_id = x.account_id "
    "AND r.resource_key = x.resource_key ORDER BY x.resource_key LIMIT $4";

/* Rows of one kind in their order, with the next one at hand. */
typedef struct source {
    store_statement *st;
    int step;
} source;

static int begin_source(source *s, const walk *w, const char *sql, const place *from, size_t rows) {
    s->st = store_prepare(w->l->session, sql, w->l->error);
    store_bind_text(s->st, 1, w->from.account_id);
    store_bind_i64(s->st, 2, w->bound.rule->rule_key);
    store_bind_i64(s->st, 3, from->key);
    store_bind_i64(s->st, 4, (int64_t)rows);
    if (sql != rows_marked) {
        store_bind_i64(s->st, 5, w->l->filter->compliance);
        store_bind_i64(s->st, 6, from->rank);
    }
    s->step = store_step(s->st, w->l->error);
    return s->step < 0 ? -1 : 0;
}

static place place_of_row(const walk *w, store_statement *st) {
    return place_of(w, PL_STR(""), store_column_i64(st, 12), store_column_i64(st, 0));
}

static int visit_row(walk *w, store_statement *st, place *at) {
    inventory_resource r;
    inventory_read_row(st, w->from.account_id, false, &r);
    *at = place_of_row(w, st);
    bool stays = engine_bound_has_type(&w->bound, r.resource_type); /* engine/leaving.h */
    int full = stays && passes(w->l->filter, &r, w->l->filter->compliance) ? take(w, at) : 0;
    return full ? full : look(w, at);
}

/* The source whose row comes first; NULL at the end of both. */
static source *first_of(const walk *w, source sources[2]) {
    if (sources[0].step != 1 || sources[1].step != 1)
        return sources[0].step == 1 ? &sources[0] : sources[1].step == 1 ? &sources[1] : NULL;
    place left = place_of_row(w, sources[0].st), right = place_of_row(w, sources[1].st);
    return compare_ages(&left, &right) < 0 ? &sources[0] : &sources[1];
}

/* At most so many rows behind `*at`, which moves; `*rows` tells how many there were. */
static int walk_some_rows(walk *w, place *at, size_t most, size_t *rows) {
    bool marked = w->l->filter->compliance == ENGINE_IGNORED;
    source sources[2] = {0}, *next = NULL;
    place from = *at;
    int status = begin_source(&sources[0], w, marked ? rows_marked : rows_listed, &from, most);
    if (status == 0 && !marked)
        status = begin_source(&sources[1], w, rows_waiting, &from, most);
    for (*rows = 0; status == 0 && *rows < most && (next = first_of(w, sources)); ++*rows) {
        status = visit_row(w, next->st, at);
        if (status == 0 && (next->step = store_step(next->st, w->l->error)) < 0)
            status = -1;
    }
    store_reset(sources[0].st);
    store_reset(sources[1].st);
    return status;
}

static int walk_rows(walk *w) {
    place at = w->from;
    size_t asked, rows;
    int status;
    do {
        asked = rows_to_ask(w);
        status = walk_some_rows(w, &at, asked, &rows);
        w->again = true;
    } while (status == 0 && rows == asked);
    return status;
}

static int visit_named(walk *w, const inventory_resource *r) {
    engine_row row;
    bool stored, covered;
    if (!engine_bound_has_type(&w->bound, r->resource_type))
        return 0;
    if (covers(w->l, &w->bound, r, &covered) != 0)
        return -1;
    if (!covered)
        return 0;
    if (engine_row_of(w->l->session, w->l->arena, w->from.account_id, w->bound.rule->rule_key,
                      r->resource_key, &row, &stored, w->l->error) != 0)
        return -1;
    place at = place_of(w, PL_STR(""), w->l->by_age && stored ? row.last_non_compliant : 0, r->resource_key);
    return passes(w->l->filter, r, engine_shown(w->bound.rule, stored ? &row : NULL)) ? take(w, &at) : 0;
}

static int walk_named(walk *w) {
    const engine_result_filter *f = w->l->filter;
    int status = 0;
    for (size_t i = 0; status == 0 && i < w->l->named_count; i++) {
        const inventory_resource *r = &w->l->named[i];
        if ((f->resource_type.n && !pl_str_eq_fold(f->resource_type, r->resource_type)) ||
            (f->region_id.n && !pl_str_eq(f->region_id, r->region_id)) ||
            (!w->l->by_age && r->resource_key <= w->from.key))
            continue;
        status = visit_named(w, r);
        if (w->l->by_age && status > 0) /* the next may be older */
            status = 0;
    }
    return status;
}

/* --- Rules and accounts -----------------------------------------------------------------------------------
 */

/*
 * Where the walk of a rule in an account begins; false when it lies before the token altogether. By age every
 * walk begins at the token's age.
 */
static bool begins(const listing *l, place *from) {
    *from = (place){from->account_id, from->rule_key, PL_STR(""), INT64_MIN, 0};
    if (!l->has_after)
        return true;
    int order = compare_owners(from, &l->after);
    if (l->by_age) {
        from->rank = l->after.rank;
        from->key = order < 0 ? INT64_MAX : order == 0 ? l->after.key : 0;
    } else if (order == 0) {
        from->type = l->after.type;
        from->rank = l->after.rank;
        from->key = l->after.key;
    }
    return l->by_age || order >= 0;
}

/* Some result without a row may be wanted; a list that began so goes on so. */
static bool derives(const walk *w) {
    const engine_result_filter *f = w->l->filter;
    return w->from.type.n > 0 || !f->has_compliance || f->compliance == ENGINE_COMPLIANT ||
           (f->compliance == ENGINE_INSUFFICIENT_DATA && w->bound.rule->run_ordering == 0);
}

/* None of the types asked for concerns the rule. */
static bool is_foreign(const engine_result_filter *f, const engine_bound *bound) {
    bool any = f->type_count == 0;
    for (size_t i = 0; !any && i < f->type_count; i++)
        any = engine_bound_has_type(bound, f->types[i]);
    return !any;
}

/* The count tells that nothing is COMPLIANT, which no index does. */
static int is_empty(const walk *w, bool *empty) {
    const engine_result_filter *f = w->l->filter;
    engine_counts counts;
    *empty = f->has_compliance && f->compliance == ENGINE_COMPLIANT;
    if (!*empty)
        return 0;
    if (engine_count_rule(w->l->e, w->l->session, w->bound.rule, &w->from.account_id, 1, &counts,
                          w->l->error) != 0)
        return -1;
    *empty = counts.by[ENGINE_COMPLIANT] == 0;
    return 0;
}

static int walk_rule(listing *l, pl_str account_id, const engine_rule *rule) {
    walk w = {.l = l, .from = {.account_id = account_id, .rule_key = rule->rule_key}};
    bool inside, empty;
    if (rule->aggregator_id.n == 0 && !pl_str_eq(rule->account_id, account_id))
        return 0;
    if (!begins(l, &w.from))
        return 0;
    if (engine_bind_rule(l->e, l->session, l->arena, account_id, rule, &w.bound, &inside, l->error) != 0)
        return -1;
    if (!inside || is_foreign(l->filter, &w.bound))
        return 0;
    if (l->by_age)
        l->rows = 0;
    if (l->filter->resource_id.n)
        return walk_named(&w);
    if (is_empty(&w, &empty) != 0)
        return -1;
    if (empty)
        return 0;
    return derives(&w) ? walk_types(&w) : walk_rows(&w);
}

static int find_named(listing *l, pl_str account_id) {
    if (l->filter->resource_id.n == 0)
        return 0;
    return inventory_find_id(l->session, l->arena, account_id, l->filter->resource_id, l->named, SAME_ID_MAX,
                             &l->named_count, l->error);
}

static int walk_account(listing *l, pl_str account_id, const engine_rule *const *rules, size_t count) {
    if (l->has_after && !l->by_age && pl_str_cmp(account_id, l->after.account_id) < 0)
        return 0;
    if (find_named(l, account_id) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int status = walk_rule(l, account_id, rules[i]);
        if (status < 0 || (status > 0 && !l->by_age))
            return status;
    }
    return 0;
}

static int by_rule_key(const void *left, const void *right) {
    const engine_rule *const *a = left, *const *b = right;
    return compare_numbers((*a)->rule_key, (*b)->rule_key);
}

static int by_text(const void *left, const void *right) {
    const pl_str *a = left, *b = right;
    return pl_str_cmp(*a, *b);
}

static int walk_all(listing *l) {
    const engine_result_filter *f = l->filter;
    const engine_rule **rules = pl_new(l->arena, const engine_rule *, f->rule_count + 1);
    pl_str *accounts = pl_new(l->arena, pl_str, f->account_count + 1);
    int status = 0;
    if (!rules || !accounts)
        return pl_fail(l->error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < f->rule_count; i++)
        rules[i] = f->rules[i];
    for (size_t i = 0; i < f->account_count; i++)
        accounts[i] = f->accounts[i];
    qsort(rules, f->rule_count, sizeof *rules, by_rule_key);
    qsort(accounts, f->account_count, sizeof *accounts, by_text);
    for (size_t i = 0; status == 0 && i < f->account_count; i++)
        status = walk_account(l, accounts[i], rules, f->rule_count);
    return status < 0 ? -1 : 0;
}

/* --- Tokens -----------------------------------------------------------------------------------------------
 */

static pl_str write_token(pl_arena *arena, const place *at) {
    return pl_arena_printf(arena, "%.*s,%lld,%lld,%lld,%.*s", PL_FMT(at->account_id), (long long)at->rule_key,
                           (long long)at->rank, (long long)at->key, PL_FMT(at->type));
}

static int read_token(listing *l, pl_str token) {
    pl_str part[4];
    place *at = &l->after;
    bool sound = true;
    for (size_t i = 0; i < 4; i++)
        sound = sound && pl_str_split(&token, ',', part + i);
    if (!sound || !pl_str_to_i64(part[1], &at->rule_key) || !pl_str_to_i64(part[2], &at->rank) ||
        !pl_str_to_i64(part[3], &at->key))
        return pl_failf(l->error, PL_E_InvalidParameter, "The specified NextToken is invalid.");
    at->account_id = part[0];
    at->type = token.n ? token : PL_STR("");
    l->has_after = true;
    return 0;
}

/* What lies behind the place where the first walk gave up waits for the next page. */
static void cut_by_age(listing *l) {
    while (l->by_age && l->gave_up && l->count && compare_ages(&l->entries[l->count - 1].at, &l->reached) > 0)
        l->count--;
}

static int finish(listing *l, engine_result *results, size_t *count, pl_str *next) {
    cut_by_age(l);
    bool full = l->count > l->limit;
    *count = full ? l->limit : l->count;
    for (size_t i = 0; i < *count; i++)
        if (engine_load_result(l->session, l->arena, l->entries[i].rule, l->entries[i].at.account_id,
                               l->entries[i].at.key, results + i, l->error) != 0)
            return -1;
    if ((!full && !l->gave_up) || l->limit == 0)
        return 0;
    *next = write_token(l->arena, full ? &l->entries[l->limit - 1].at : &l->reached);
    return next->p ? 0 : pl_fail(l->error, PL_E_ServiceUnavailable);
}

int engine_list_results(engine *e, store_session *session, pl_arena *arena,
                        const engine_result_filter *filter, pl_str after, size_t limit,
                        engine_result **results, size_t *count, pl_str *next, pl_error *error) {
    listing l = {.e = e,
                 .session = session,
                 .arena = arena,
                 .filter = filter,
                 .by_age = filter->oldest_non_compliant_first && filter->has_compliance &&
                           filter->compliance == ENGINE_NON_COMPLIANT,
                 .limit = limit < LIMIT_MAX ? limit : LIMIT_MAX,
                 .spare = SPARE_ROWS,
                 .error = error};
    l.entries = pl_new(arena, entry, l.limit + 1);
    l.named = pl_new(arena, inventory_resource, SAME_ID_MAX);
    *results = pl_new(arena, engine_result, l.limit + 1);
    *count = 0;
    *next = PL_STR_NONE;
    if (!l.entries || !l.named || !*results)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if ((after.p && read_token(&l, after) != 0) || walk_all(&l) != 0)
        return -1;
    return finish(&l, *results, count, next);
}
