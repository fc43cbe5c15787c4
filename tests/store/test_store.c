/* What a domain notices of the store: values, transactions, conflicts, notifications; both drivers. */
#include "store/things.h"

#include <pthread.h>

/* Values. */

static int put_odd_values(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    pl_str blob = pl_str_of("a\0b\xff", 4);
    if (store_run(session, e, insert_thing, "titbi", PL_STR("a"), INT64_MAX, PL_STR(""), blob, INT64_MIN) !=
        0)
        return -1;
    store_statement *st = store_prepare(session, insert_thing, e);
    store_bind_text(st, 1, PL_STR("\xc3\xa9\xe2\x82\xac"));
    store_bind_i64(st, 2, INT64_MIN);
    store_bind_text(st, 3, PL_STR_NONE);
    store_bind_blob(st, 4, PL_STR(""));
    store_bind_text(st, 5, PL_STR_NONE);
    return store_step(st, e);
}

static int check_odd_values(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    store_statement *st =
        store_prepare(session, "SELECT account_id, id, name, body, size FROM things ORDER BY id", e);
    assert_int_equal(store_step(st, e), 1);
    assert_str(store_column_text(st, 0), "\xc3\xa9\xe2\x82\xac");
    assert_true(store_column_i64(st, 1) == INT64_MIN);
    assert_true(store_column_null(st, 2));
    assert_null(store_column_text(st, 2).p);
    assert_false(store_column_null(st, 3));
    assert_non_null(store_column_blob(st, 3).p);
    assert_int_equal(store_column_blob(st, 3).n, 0);
    assert_true(store_column_null(st, 4));
    assert_int_equal(store_column_i64(st, 4), 0);
    assert_int_equal(store_step(st, e), 1);
    assert_true(store_column_i64(st, 1) == INT64_MAX);
    assert_non_null(store_column_text(st, 2).p);
    assert_str(store_column_text(st, 2), "");
    assert_int_equal(store_column_blob(st, 3).n, 4);
    assert_memory_equal(store_column_blob(st, 3).p, "a\0b\xff", 4);
    assert_true(store_column_i64(st, 4) == INT64_MIN);
    assert_int_equal(store_step(st, e), 0);
    return 0;
}

static void values_come_back_as_they_went_in(void **state) {
    (void)state;
    assert_done(store_write(test.store, put_odd_values, NULL, &error));
    assert_done(store_read(test.store, check_odd_values, NULL, &error));
}

static int check_conversions(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    store_statement *st = store_prepare(
        session, "SELECT sum(id), max(name), count(*), CAST($1 AS BIGINT) + 1 FROM things WHERE id < $2", e);
    store_bind_i64(st, 1, 5000000000);
    store_bind_i64(st, 2, 3);
    assert_int_equal(store_step(st, e), 1);
    assert_int_equal(store_column_i64(st, 0), 3);
    assert_str(store_column_text(st, 0), "3");
    assert_str(store_column_text(st, 1), "two");
    assert_int_equal(store_column_i64(st, 2), 2);
    assert_true(store_column_i64(st, 3) == 5000000001);
    return 0;
}

static void sums_counts_and_casts_read_as_numbers_and_text(void **state) {
    (void)state;
    assert_done(store_write(test.store, put_three, NULL, &error));
    assert_done(store_read(test.store, check_conversions, NULL, &error));
}

/* The statement is ready to be bound again, whether it had a row or not. */
static int ask_shortly(store_session *session, void *argument, pl_error *e) {
    static const char sql[] = "SELECT id FROM things WHERE id >= $1 ORDER BY id";
    (void)argument;
    for (int64_t least = 1; least < 6; least++) {
        bool any;
        int64_t number = -1;
        store_statement *st = store_prepare(session, sql, e);
        store_bind_i64(st, 1, least);
        assert_int_equal(store_any(st, &any, e), 0);
        assert_int_equal(any, least <= 3);
        store_bind_i64(st, 1, least); /* what is reset is bound anew */
        assert_int_equal(store_number(st, &number, e), 0);
        assert_int_equal(number, least <= 3 ? least : 0);
    }
    bool any = true;
    assert_int_equal(store_any(store_prepare(session, "SELECT nothing", e), &any, e), -1);
    assert_false(any);
    return 0;
}

static void short_questions_have_short_answers(void **state) {
    (void)state;
    assert_done(store_write(test.store, put_three, NULL, &error));
    assert_fails(store_read(test.store, ask_shortly, NULL, &error), "InternalError");
}

static int put_names(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(session, e,
                     "INSERT INTO settings(name, value) VALUES('a', ''), ('B', ''), ('_', ''), "
                     "('a-b', ''), ('aa', ''), ('\xc3\xa9', ''), ('z', '')",
                     "");
}

static int list_names(store_session *session, void *argument, pl_error *e) {
    store_statement *st =
        store_prepare(session, "SELECT name FROM settings WHERE name > $1 ORDER BY name", e);
    store_bind_text(st, 1, PL_STR(""));
    int result;
    while ((result = store_step(st, e)) == 1)
        snprintf((char *)argument + strlen(argument), 64 - strlen(argument), "%.*s ",
                 PL_FMT(store_column_text(st, 0)));
    return result;
}

static void texts_of_the_schema_are_ordered_by_bytes(void **state) {
    (void)state;
    char names[64] = "";
    assert_done(store_write(test.store, put_names, NULL, &error));
    assert_done(store_read(test.store, list_names, names, &error));
    assert_string_equal(names, "B _ a a-b aa z \xc3\xa9 ");
}

static int bind_nul(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(session, e, insert_thing, "titbi", PL_STR("a"), (int64_t)1, pl_str_of("x\0y", 3),
                     PL_STR_NONE, (int64_t)1);
}

static int bind_wrong_index(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    store_statement *st = store_prepare(session, "DELETE FROM things WHERE id = $1", e);
    store_bind_i64(st, 2, 1);
    return store_step(st, e);
}

static int bind_too_few(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(session, e, "DELETE FROM things WHERE id = $1 AND name = $2", "i", (int64_t)1);
}

static int skip_a_number(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(session, e, "DELETE FROM things WHERE id = $1 AND name = $3", "it", (int64_t)1,
                     PL_STR("x"));
}

static int two_statements(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(session, e, "DELETE FROM things; DELETE FROM things", "");
}

static int no_such_table(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(session, e, "DELETE FROM nothing", "");
}

static void wrong_use_of_statements_is_an_error(void **state) {
    (void)state;
    assert_fails(store_write(test.store, bind_nul, NULL, &error), "InvalidParameter");
    assert_fails(store_write(test.store, bind_wrong_index, NULL, &error), "InvalidParameter");
    assert_fails(store_write(test.store, bind_too_few, NULL, &error), "InvalidParameter");
    assert_fails(store_write(test.store, skip_a_number, NULL, &error), "InternalError");
    assert_fails(store_write(test.store, two_statements, NULL, &error), "InternalError");
    assert_fails(store_write(test.store, no_such_table, NULL, &error), "InternalError");
    assert_false(store_is_conflict(&error));
    assert_int_equal(stored(), 0);
}

static int walk_twice(store_session *session, void *argument, pl_error *e) {
    int64_t *seen = argument;
    char again[128];
    snprintf(again, sizeof again, "%s", "SELECT id FROM things WHERE id >= $1 ORDER BY id");
    store_statement *st = store_prepare(session, "SELECT id FROM things WHERE id >= $1 ORDER BY id", e);
    store_bind_i64(st, 1, 2);
    if (store_step(st, e) != 1)
        return -1;
    *seen = store_column_i64(st, 0);
    assert_ptr_equal(store_prepare(session, again, e), st);
    assert_int_equal(store_step(st, e), 0); /* the parameter is NULL again, so no row */
    store_bind_i64(st, 1, 3);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(store_step(st, e), 1);
        assert_int_equal(store_column_i64(st, 0), 3);
        assert_int_equal(store_step(st, e), 0);
    }
    return 0;
}

static void a_statement_is_prepared_once_and_starts_over(void **state) {
    (void)state;
    int64_t seen = 0;
    assert_done(store_write(test.store, put_three, NULL, &error));
    assert_done(store_read(test.store, walk_twice, &seen, &error));
    assert_int_equal(seen, 2);
}

static int count_changes(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    int64_t changes = -1;
    assert_int_equal(store_run_counted(session, &changes, e, "UPDATE things SET size = $1 WHERE id > $2",
                                       "ii", (int64_t)7, (int64_t)1),
                     0);
    assert_int_equal(changes, 2);
    assert_int_equal(store_run_counted(session, &changes, e, "SELECT id FROM things", ""), 0);
    assert_int_equal(changes, 0);
    assert_int_equal(store_run_counted(session, &changes, e,
                                       "INSERT INTO things(account_id, id) VALUES('a', 1) "
                                       "ON CONFLICT (account_id, id) DO NOTHING",
                                       ""),
                     0);
    assert_int_equal(changes, 0);
    store_statement *st = store_prepare(session, "DELETE FROM things WHERE size = 7 RETURNING id", e);
    int64_t sum = 0;
    while (store_step(st, e) == 1)
        sum += store_column_i64(st, 0);
    assert_int_equal(sum, 5);
    assert_int_equal(store_changes(st), 2);
    return 0;
}

static void changed_rows_are_counted(void **state) {
    (void)state;
    assert_done(store_write(test.store, put_three, NULL, &error));
    assert_done(store_write(test.store, count_changes, NULL, &error));
    assert_int_equal(stored(), 1);
}

/* Transactions. */

static int put_and_fail(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    if (put_three(session, NULL, e) != 0)
        return -1;
    return pl_failf(e, PL_E_ConfigRuleExists, "no");
}

static void a_failing_work_leaves_nothing(void **state) {
    (void)state;
    assert_fails(store_write(test.store, put_and_fail, NULL, &error), "ConfigRuleExists");
    assert_int_equal(stored(), 0);
}

static int ignore_failure(store_session *session, void *argument, pl_error *e) {
    pl_error ignored;
    (void)argument;
    if (put(session, 1, "one", e) != 0)
        return -1;
    assert_int_equal(put(session, 1, "again", &ignored), -1);
    assert_true(store_is_conflict(&ignored));
    assert_int_equal(put(session, 2, "two", &ignored), -1);
    return 0;
}

static void after_a_failed_statement_a_work_cannot_commit(void **state) {
    (void)state;
    assert_int_equal(store_write(test.store, ignore_failure, NULL, &error), -1);
    assert_true(store_is_conflict(&error));
    assert_int_equal(stored(), 0);
}

static int put_too_large(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(session, e, insert_thing, "titbi", PL_STR("a"), (int64_t)9, PL_STR("x"), PL_STR_NONE,
                     (int64_t)1000);
}

static int put_without_account(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(session, e, insert_thing, "titbi", PL_STR_NONE, (int64_t)9, PL_STR("x"), PL_STR_NONE,
                     (int64_t)1);
}

static void violated_constraints_are_conflicts(void **state) {
    (void)state;
    assert_done(store_write(test.store, put_one, NULL, &error));
    assert_int_equal(store_write(test.store, put_one, NULL, &error), -1);
    assert_true(store_is_conflict(&error));
    assert_int_equal(error.http_status, 409);
    assert_int_equal(store_write(test.store, put_too_large, NULL, &error), -1);
    assert_true(store_is_conflict(&error));
    assert_int_equal(store_write(test.store, put_without_account, NULL, &error), -1);
    assert_true(store_is_conflict(&error));
    assert_int_equal(stored(), 1);
}

static void *write_three(void *argument) {
    pl_error mine;
    *(int *)argument = store_write(test.store, put_three, NULL, &mine);
    return NULL;
}

static int read_around_a_write(store_session *session, void *argument, pl_error *e) {
    int64_t before = -1, after = -1;
    int result = -1;
    pthread_t thread;
    if (count_into(session, &before, e) != 0)
        return -1;
    pthread_create(&thread, NULL, write_three, &result);
    pthread_join(thread, NULL);
    assert_int_equal(result, 0);
    if (count_into(session, &after, e) != 0)
        return -1;
    assert_int_equal(before, after);
    *(int64_t *)argument = after;
    return 0;
}

static void a_read_sees_one_snapshot(void **state) {
    (void)state;
    int64_t seen = -1;
    assert_done(store_read(test.store, read_around_a_write, &seen, &error));
    assert_int_equal(seen, 0);
    assert_int_equal(stored(), 3);
}

static void a_read_cannot_write(void **state) {
    (void)state;
    assert_fails(store_read(test.store, put_one, NULL, &error), "InternalError");
    assert_int_equal(stored(), 0);
}

static int read_inside(store_session *session, void *argument, pl_error *e) {
    (void)session;
    int64_t count;
    *(int *)argument = store_read(test.store, count_into, &count, e);
    return *(int *)argument;
}

static int write_inside(store_session *session, void *argument, pl_error *e) {
    (void)session;
    *(int *)argument = store_write(test.store, put_one, NULL, e);
    return *(int *)argument;
}

static void works_do_not_nest(void **state) {
    (void)state;
    int result = 0;
    assert_fails(store_write(test.store, write_inside, &result, &error), "InternalError");
    assert_int_equal(result, -1);
    assert_fails(store_write(test.store, read_inside, &result, &error), "InternalError");
    assert_fails(store_read(test.store, write_inside, &result, &error), "InternalError");
    assert_fails(store_read(test.store, read_inside, &result, &error), "InternalError");
    assert_int_equal(stored(), 0);
}

static void *read_count(void *argument) {
    int64_t count;
    *(int *)argument = store_read(test.store, count_into, &count, &error);
    return NULL;
}

static int let_another_read(store_session *session, void *argument, pl_error *e) {
    (void)session;
    (void)e;
    pthread_t thread;
    pthread_create(&thread, NULL, read_count, argument);
    pthread_join(thread, NULL);
    return 0;
}

static void too_many_readers_are_told_after_the_wait(void **state) {
    (void)state;
    int result = 0;
    pl_error mine;
    store_options options = {.connections = 1, .wait_seconds = 1};
    store_close(test.store);
    open_case(&test, &options);
    assert_int_equal(store_read(test.store, let_another_read, &result, &mine), 0);
    assert_int_equal(result, -1);
    assert_string_equal(error.code, "ServiceUnavailable");
    assert_int_equal(stored(), 0);
}

/* Notifications. */

typedef struct heard {
    int count;
    char last[64];
} heard;

static void hear(void *context, pl_str payload) {
    heard *h = context;
    h->count++;
    snprintf(h->last, sizeof h->last, "%.*s", PL_FMT(payload));
}

static int tell(store_session *session, void *argument, pl_error *e) {
    if (store_notify(session, PL_STR("rules"), PL_STR("42"), e) != 0 ||
        store_notify(session, PL_STR("others"), PL_STR(""), e) != 0)
        return -1;
    return argument ? pl_failf(e, PL_E_InternalError, "no") : 0;
}

static void listeners_hear_of_commits_only(void **state) {
    (void)state;
    heard rules = {0}, others = {0};
    assert_done(store_listen(test.store, PL_STR("rules"), hear, &rules, &error));
    assert_done(store_listen(test.store, PL_STR("others"), hear, &others, &error));
    assert_fails(store_write(test.store, tell, &rules, &error), "InternalError");
    assert_int_equal(rules.count, 0);
    assert_done(store_write(test.store, tell, NULL, &error));
    assert_int_equal(rules.count, 1);
    assert_string_equal(rules.last, "42");
    assert_int_equal(others.count, 1);
    assert_string_equal(others.last, "");
    assert_done(store_write(test.store, put_three, NULL, &error));
    assert_int_equal(rules.count, 1);
}

static void who_listens_no_more_hears_nothing(void **state) {
    (void)state;
    heard gone = {0}, stays = {0};
    pl_str rules = PL_STR("rules");
    assert_done(store_listen(test.store, rules, hear, &gone, &error));
    assert_done(store_listen(test.store, rules, hear, &stays, &error));
    store_unlisten(test.store, PL_STR("others"), hear, &gone);
    assert_done(store_write(test.store, tell, NULL, &error));
    assert_int_equal(gone.count, 1);
    store_unlisten(test.store, rules, hear, &gone);
    store_unlisten(test.store, rules, hear, &gone);
    assert_done(store_write(test.store, tell, NULL, &error));
    assert_int_equal(gone.count, 1);
    assert_int_equal(stays.count, 2);
}

static int tell_strangely(store_session *session, void *argument, pl_error *e) {
    return store_notify(session, *(pl_str *)argument, PL_STR("x"), e);
}

static int tell_too_much(store_session *session, void *argument, pl_error *e) {
    static char text[STORE_PAYLOAD_MAX + 1];
    (void)argument;
    memset(text, 'x', sizeof text);
    return store_notify(session, PL_STR("rules"), pl_str_of(text, sizeof text), e);
}

static void notifications_have_limits(void **state) {
    (void)state;
    pl_str names[] = {PL_STR(""), PL_STR("Rules"), PL_STR("a\"b"),
                      PL_STR("a123456789b123456789c123456789d123456789e12345678")};
    for (size_t i = 0; i < 4; i++) {
        assert_fails(store_write(test.store, tell_strangely, &names[i], &error), "InternalError");
        assert_fails(store_listen(test.store, names[i], hear, NULL, &error), "InternalError");
    }
    assert_fails(store_write(test.store, tell_too_much, NULL, &error), "InternalError");
    pl_str good = PL_STR("rules");
    assert_fails(store_read(test.store, tell_strangely, &good, &error), "InternalError");
}

/* The rest. */

static int note_driver(store_session *session, void *argument, pl_error *e) {
    (void)e;
    *(bool *)argument = store_is_postgres(session);
    return 0;
}

static void counters_and_driver_are_told(void **state) {
    (void)state;
    store_counters before, after;
    bool postgres = !case_postgres;
    store_count(test.store, &before);
    assert_done(store_write(test.store, put_three, NULL, &error));
    assert_done(store_read(test.store, note_driver, &postgres, &error));
    store_count(test.store, &after);
    assert_true(postgres == case_postgres);
    assert_string_equal(after.driver, case_postgres ? "postgres" : "sqlite");
    assert_int_equal(after.writes - before.writes, 1);
    assert_int_equal(after.commits - before.commits, 1);
    assert_int_equal(after.reads - before.reads, 1);
    assert_int_equal(after.waiting, 0);
    assert_true(after.schema_version >= 1);
}

static void what_was_written_is_there_after_opening_again(void **state) {
    (void)state;
    assert_done(store_write(test.store, put_three, NULL, &error));
    store_close(test.store);
    open_case(&test, NULL);
    assert_int_equal(stored(), 3);
}

static int many_statements(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    for (int i = 0; i < STORE_STATEMENTS_MAX + 10; i++) {
        char sql[64];
        snprintf(sql, sizeof sql, "SELECT %d FROM schema_version", i);
        store_statement *st = store_prepare(session, sql, e);
        if (store_step(st, e) != 1)
            return -1;
        assert_int_equal(store_column_i64(st, 0), i);
    }
    return 0;
}

static void the_cache_of_statements_is_bounded(void **state) {
    (void)state;
    for (int round = 0; round < 2; round++)
        assert_done(store_read(test.store, many_statements, NULL, &error));
    assert_true(test.store->idle->statements.count <= STORE_STATEMENTS_MAX);
    assert_int_equal(stored(), 0);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        CASE(values_come_back_as_they_went_in),
        CASE(short_questions_have_short_answers),
        CASE(sums_counts_and_casts_read_as_numbers_and_text),
        CASE(texts_of_the_schema_are_ordered_by_bytes),
        CASE(wrong_use_of_statements_is_an_error),
        CASE(a_statement_is_prepared_once_and_starts_over),
        CASE(changed_rows_are_counted),
        CASE(a_failing_work_leaves_nothing),
        CASE(after_a_failed_statement_a_work_cannot_commit),
        CASE(violated_constraints_are_conflicts),
        CASE(a_read_sees_one_snapshot),
        CASE(a_read_cannot_write),
        CASE(works_do_not_nest),
        CASE(too_many_readers_are_told_after_the_wait),
        CASE(listeners_hear_of_commits_only),
        CASE(who_listens_no_more_hears_nothing),
        CASE(notifications_have_limits),
        CASE(counters_and_driver_are_told),
        CASE(what_was_written_is_there_after_opening_again),
        CASE(the_cache_of_statements_is_bounded),
    };
    return run_on_both(cases);
}
