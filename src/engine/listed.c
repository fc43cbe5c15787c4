/*
 * Listing results later: how many wait, what they add to the counts, and moving them into lists and counts of
 * their rules. Owns results_waiting.
 */
#include "engine/listed.h"

#include <stdio.h>
#include <stdlib.h>

enum { PIECE = 32, KEY_TEXT = 160 };

/* --- How many wait ---------------------------------------------------------------------------------------
 */

static int count_rows(store_session *session, int64_t *count, pl_error *error) {
    store_statement *st = store_prepare(
        session,
        "SELECT COUNT(*) FROM (SELECT 1 FROM " ENGINE_WAITING " WHERE "
        "x.account_id = u.account_id AND x.resource_key = u.resource_key AND x.listed = 0 LIMIT "
        "$1) AS waiting",
        error);
    store_bind_i64(st, 1, ENGINE_UNLISTED_MAX);
    if (store_step(st, error) != 1)
        return -1;
    *count = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

/* The count is of this process; only the first time it is taken from the table. */
static int known_waiting(engine *e, store_session *session, int64_t *count, pl_error *error) {
    *count = __atomic_load_n(&e->unlisted, __ATOMIC_RELAXED);
    if (*count >= 0)
        return 0;
    if (count_rows(session, count, error) != 0)
        return -1;
    __atomic_store_n(&e->unlisted, *count, __ATOMIC_RELAXED);
    return 0;
}

int engine_list_later(engine_writing *w, size_t rows, bool *later) {
    int64_t waiting;
    *later = false;
    if (!w->lists_later || store_is_postgres(w->session) || rows > ENGINE_LATER_ROWS)
        return 0;
    if (known_waiting(w->e, w->session, &waiting, w->error) != 0)
        return -1;
    *later = waiting + (int64_t)rows <= ENGINE_UNLISTED_MAX;
    if (*later)
        __atomic_fetch_add(&w->e->unlisted, (int64_t)rows, __ATOMIC_RELAXED);
    return 0;
}

int engine_list_wait(store_session *session, pl_str account_id, int64_t resource_key, pl_error *error) {
    return store_run(session, error,
                     "INSERT INTO results_waiting (account_id, resource_key) VALUES ($1, $2) ON CONFLICT "
                     "(account_id, resource_key) DO NOTHING",
                     "ti", account_id, resource_key);
}

/* --- What they add to the counts -------------------------------------------------------------------------
 */

/* What waits of one rule in an account, by what it shows. */
struct sum {
    int64_t rule_key;
    int64_t by[ENGINE_COMPLIANCE_COUNT];
};

static struct sum *sum_of(pl_arena *arena, struct sum **sums, size_t *count, size_t *capacity,
                          int64_t rule_key) {
    if (*count && (*sums)[*count - 1].rule_key == rule_key)
        return *sums + *count - 1;
    struct sum *grown = pl_arena_grow(arena, *sums, *count, capacity, sizeof *grown);
    if (!grown)
        return NULL;
    *sums = grown;
    grown[*count] = (struct sum){.rule_key = rule_key};
    return grown + (*count)++;
}

/* Of all rules of the account, in their order. */
static int sum_up(store_session *session, pl_arena *arena, pl_str account_id, struct sum **sums,
                  size_t *count, pl_error *error) {
    size_t capacity = 0;
    int step;
    store_statement *st =
        store_prepare(session,
                      "SELECT x.rule_key, x.shown, COUNT(*) FROM " ENGINE_WAITING ENGINE_WAITING_WHERE
                      " GROUP BY x.rule_key, x.shown ORDER BY x.rule_key",
                      error);
    store_bind_text(st, 1, account_id);
    *sums = NULL;
    *count = 0;
    while ((step = store_step(st, error)) == 1) {
        struct sum *sum = sum_of(arena, sums, count, &capacity, store_column_i64(st, 0));
        if (!sum)
            return pl_fail(error, PL_E_ServiceUnavailable);
        sum->by[store_column_i64(st, 1)] = store_column_i64(st, 2);
    }
    return step;
}

static int compare_rules(const void *key, const void *element) {
    struct sum sum;
    memcpy(&sum, element, sizeof sum); /* kept values lie anywhere */
    return *(const int64_t *)key < sum.rule_key ? -1 : *(const int64_t *)key > sum.rule_key;
}

static void add_sum(pl_str sums, int64_t rule_key, engine_counts *counts) {
    struct sum sum;
    const void *found =
        sums.n ? bsearch(&rule_key, sums.p, sums.n / sizeof sum, sizeof sum, compare_rules) : NULL;
    if (!found)
        return;
    memcpy(&sum, found, sizeof sum);
    for (int i = ENGINE_NON_COMPLIANT; i < ENGINE_COMPLIANCE_COUNT; i++)
        counts->by[i] += sum.by[i];
}

/* Who lists rules asks for each of them: what waits is gone through once for all, until something changes. */
int engine_count_waiting(store_session *session, pl_str account_id, int64_t rule_key, engine_counts *counts,
                         pl_error *error) {
    char text[KEY_TEXT];
    struct sum *sums;
    size_t count;
    pl_arena arena;
    pl_str kept;
    if (store_is_postgres(session))
        return 0;
    int n = snprintf(text, sizeof text, "waiting %.*s", PL_FMT(account_id));
    pl_str key = pl_str_of(text, (size_t)n < sizeof text ? (size_t)n : 0);
    if (key.n && store_recall(session, key, &kept)) {
        add_sum(kept, rule_key, counts);
        return 0;
    }
    pl_arena_init(&arena, 4 << 20);
    int status = sum_up(session, &arena, account_id, &sums, &count, error);
    if (status == 0) {
        kept = pl_str_of(count ? (const char *)sums : "", count * sizeof *sums);
        add_sum(kept, rule_key, counts);
        if (key.n)
            store_keep(session, key, kept);
    }
    pl_arena_free(&arena);
    return status;
}

/* --- Listing ---------------------------------------------------------------------------------------------
 */

#define SHOWN_AS(kind) "COUNT(CASE WHEN x.shown = " kind " THEN 1 END)"

/* What waits of resources up to this one becomes listed and counted. */
static int list_until(store_session *session, pl_str account_id, int64_t until, int64_t *moved,
                      pl_error *error) {
    static const char counts[] =
        "INSERT INTO rule_counts (account_id, rule_key, covered, non_compliant, not_applicable, "
        "insufficient, "
        "ignored) SELECT x.account_id, x.rule_key, 0, " SHOWN_AS("1") ", " SHOWN_AS("2") ", " SHOWN_AS(
            "3") ", " SHOWN_AS("4") " FROM " ENGINE_WAITING ENGINE_WAITING_WHERE
                                    " AND u.resource_key <= $2 GROUP BY x.account_id, x.rule_key ON CONFLICT "
                                    "(account_id, rule_key) DO UPDATE SET "
                                    "non_compliant = rule_counts.non_compliant + excluded.non_compliant, "
                                    "not_applicable = rule_counts.not_applicable + excluded.not_applicable, "
                                    "insufficient = rule_counts.insufficient + excluded.insufficient, "
                                    "ignored = rule_counts.ignored + excluded.ignored";
    if (store_run(session, error, counts, "ti", account_id, until) != 0 ||
        store_run_counted(
            session, moved, error,
            "UPDATE results SET listed = 1 WHERE account_id = $1 AND listed = 0 AND resource_key IN "
            "(SELECT resource_key FROM results_waiting WHERE account_id = $1 AND resource_key <= $2)",
            "ti", account_id, until) != 0 ||
        store_run(session, error, "DELETE FROM results_waiting WHERE account_id = $1 AND resource_key <= $2",
                  "ti", account_id, until) != 0)
        return -1;
    return inventory_touch(session, account_id, error);
}

/* Whether anything waits in the account. */
static int waits(store_session *session, pl_str account_id, bool *any, pl_error *error) {
    store_statement *st =
        store_prepare(session, "SELECT 1 FROM results_waiting WHERE account_id = $1 LIMIT 1", error);
    store_bind_text(st, 1, account_id);
    int step = store_step(st, error);
    *any = step == 1;
    if (step == 1)
        store_reset(st);
    return step < 0 ? -1 : 0;
}

int engine_list_account(store_session *session, pl_str account_id, pl_error *error) {
    bool any;
    int64_t moved;
    if (waits(session, account_id, &any, error) != 0)
        return -1;
    return any ? list_until(session, account_id, INT64_MAX, &moved, error) : 0;
}

/* A few resources of one account that have waited. */
struct piece {
    pl_arena arena;
    pl_str account_id; /* absent: nothing waits */
    int64_t until;     /* the last of them */
    int64_t moved;     /* results */
};

static int find_piece(store_session *session, struct piece *p, pl_error *error) {
    store_statement *st = store_prepare(
        session,
        "SELECT account_id, MAX(resource_key) FROM (SELECT account_id, resource_key FROM results_waiting "
        "WHERE "
        "account_id = (SELECT MIN(account_id) FROM results_waiting) ORDER BY resource_key LIMIT $1) AS first "
        "GROUP BY account_id",
        error);
    pl_arena_reset(&p->arena);
    p->account_id = PL_STR_NONE;
    p->moved = 0;
    store_bind_i64(st, 1, PIECE);
    int step = store_step(st, error);
    if (step <= 0)
        return step;
    p->account_id = pl_arena_copy(&p->arena, store_column_text(st, 0));
    p->until = store_column_i64(st, 1);
    store_reset(st);
    return p->account_id.p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static int ask_piece(store_session *session, void *argument, pl_error *error) {
    return find_piece(session, argument, error);
}

static int list_piece(store_session *session, void *argument, pl_error *error) {
    struct piece *p = argument;
    if (find_piece(session, p, error) != 0)
        return -1;
    return p->account_id.p ? list_until(session, p->account_id, p->until, &p->moved, error) : 0;
}

/*
 * What waits is asked of the table: other processes list results later too, and works that are undone were
 * counted here. So the count begins anew once nothing is left, or when a piece was undone.
 */
int engine_list_waiting(engine *e, pl_error *error) {
    struct piece p = {0};
    pl_arena_init(&p.arena, 1 << 16);
    int status = store_read(e->config.store, ask_piece, &p, error);
    while (status == 0 && p.account_id.p) {
        status = store_write(e->config.store, list_piece, &p, error);
        if (status == 0)
            __atomic_fetch_sub(&e->unlisted, p.moved, __ATOMIC_RELAXED);
    }
    __atomic_store_n(&e->unlisted, -1, __ATOMIC_RELAXED);
    pl_arena_free(&p.arena);
    return status;
}
