/*
 * What only a server and a network between can do: lost connections, lost answers to commits, notifications
 * of other processes, databases that are not fit.
 */
#include "store/cases.h"
#include "support/proxy.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

static test_case test;

static int make_table(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(session, e, "CREATE TABLE things(id BIGINT NOT NULL PRIMARY KEY, name TEXT)", "");
}

static int setup(void **state) {
    (void)state;
    case_postgres = true;
    if (new_case(&test) != 0)
        return -1;
    open_case(&test, NULL);
    return store_write(test.store, make_table, NULL, &error);
}

static int teardown(void **state) {
    (void)state;
    drop_case(&test);
    return 0;
}

static int put(store_session *session, void *argument, pl_error *e) {
    return store_run(session, e, "INSERT INTO things(id, name) VALUES($1, 'x')", "i", *(int64_t *)argument);
}

static int count_into(store_session *session, void *argument, pl_error *e) {
    store_statement *st = store_prepare(session, "SELECT count(*) FROM things", e);
    int result = store_step(st, e);
    *(int64_t *)argument = store_column_i64(st, 0);
    return result == 1 ? 0 : -1;
}

static int64_t stored(void) {
    int64_t count = -1;
    assert_done(store_read(test.store, count_into, &count, &error));
    return count;
}

/* Fails the test when the number does not get there. */
static void wait_until(atomic_int *number, int wanted) {
    int64_t deadline = pl_monotonic_ns() + 20000000000;
    while (atomic_load(number) < wanted && pl_monotonic_ns() < deadline)
        poll(NULL, 0, 1);
    assert_int_equal(atomic_load(number), wanted);
}

/* Connections. */

static void a_store_outlives_a_restart_of_the_server(void **state) {
    (void)state;
    int64_t id = 1;
    assert_done(store_write(test.store, put, &id, &error));
    test_postgres_halt(test_database_server());
    id = 2;
    assert_fails(store_write(test.store, put, &id, &error), "ServiceUnavailable");
    assert_fails(store_read(test.store, count_into, &id, &error), "ServiceUnavailable");
    assert_int_equal(test_postgres_resume(test_database_server()), 0);
    assert_int_equal(stored(), 1);
    id = 3;
    assert_done(store_write(test.store, put, &id, &error));
    assert_int_equal(stored(), 2);
}

static void idle_connections_lost_meanwhile_are_not_noticed(void **state) {
    (void)state;
    int64_t id = 1;
    assert_done(store_write(test.store, put, &id, &error));
    test_postgres_halt(test_database_server());
    assert_int_equal(test_postgres_resume(test_database_server()), 0);
    id = 2;
    assert_done(store_write(test.store, put, &id, &error));
    assert_int_equal(stored(), 2);
}

static int kill_others(void) {
    return test_postgres_run(test.url, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                                       "application_name = 'plumbline'");
}

typedef struct interrupted {
    int runs;
    int64_t first;
} interrupted;

static int put_and_lose_once(store_session *session, void *argument, pl_error *e) {
    interrupted *i = argument;
    int64_t second = i->first + 1;
    if (put(session, &i->first, e) != 0)
        return -1;
    if (i->runs++ == 0)
        assert_int_equal(kill_others(), 0);
    return put(session, &second, e);
}

static int count_and_lose_once(store_session *session, void *argument, pl_error *e) {
    interrupted *i = argument;
    if (count_into(session, &i->first, e) != 0)
        return -1;
    if (i->runs++ == 0)
        assert_int_equal(kill_others(), 0);
    return count_into(session, &i->first, e);
}

static void a_work_whose_connection_is_lost_runs_again(void **state) {
    (void)state;
    interrupted w = {.first = 10}, r = {0};
    assert_done(store_write(test.store, put_and_lose_once, &w, &error));
    assert_int_equal(w.runs, 2);
    assert_done(store_read(test.store, count_and_lose_once, &r, &error));
    assert_int_equal(r.runs, 2);
    assert_int_equal(r.first, 2);
}

static int put_and_count_runs(store_session *session, void *argument, pl_error *e) {
    interrupted *i = argument;
    i->runs++;
    return put(session, &i->first, e);
}

static void lose_at_commit(int mode, int wanted_runs) {
    test_proxy proxy;
    char url[256];
    interrupted w = {.first = 1};
    assert_int_equal(test_proxy_start(&proxy, test_database_server()->directory), 0);
    const char *name = strstr(test.url, "///") + 3;
    snprintf(url, sizeof url, "postgres:///%.*s?host=%s&user=plumbline", (int)strcspn(name, "?"), name,
             proxy.directory);
    store_close(test.store);
    assert_done(store_open(&test.store, pl_str_from(url), NULL, &error));
    atomic_store(&proxy.mode, mode);
    assert_done(store_write(test.store, put_and_count_runs, &w, &error));
    assert_int_equal(atomic_load(&proxy.mode), TEST_PROXY_PASS);
    assert_int_equal(w.runs, wanted_runs);
    assert_int_equal(stored(), 1);
    store_close(test.store);
    test.store = NULL;
    test_proxy_stop(&proxy);
}

static void a_commit_whose_answer_is_lost_counts_once(void **state) {
    (void)state;
    lose_at_commit(TEST_PROXY_LOSE_ANSWER, 1);
}

static void a_commit_that_is_lost_is_made_again(void **state) {
    (void)state;
    lose_at_commit(TEST_PROXY_LOSE_COMMIT, 2);
}

/* Notifications. */

typedef struct heard {
    atomic_int told, alarms;
    char last[64];
} heard;

static void hear(void *context, pl_str payload) {
    heard *h = context;
    if (payload.p)
        snprintf(h->last, sizeof h->last, "%.*s", PL_FMT(payload));
    atomic_fetch_add(payload.p ? &h->told : &h->alarms, 1);
}

static int tell(store_session *session, void *argument, pl_error *e) {
    return store_notify(session, PL_STR("rules"), pl_str_from(argument), e);
}

static void other_processes_hear_once_and_in_order(void **state) {
    (void)state;
    store *other = NULL;
    heard here = {0}, there = {0}, elsewhere = {0};
    assert_done(store_open(&other, pl_str_from(test.url), NULL, &error));
    assert_done(store_listen(test.store, PL_STR("rules"), hear, &here, &error));
    assert_done(store_listen(other, PL_STR("others"), hear, &elsewhere, &error));
    assert_done(store_listen(other, PL_STR("rules"), hear, &there, &error));
    assert_done(store_write(test.store, tell, "first", &error));
    assert_int_equal(atomic_load(&here.told), 1);
    wait_until(&there.told, 1);
    assert_string_equal(there.last, "first");
    assert_done(store_write(other, tell, "", &error));
    assert_int_equal(atomic_load(&there.told), 2);
    wait_until(&here.told, 2);
    assert_string_equal(here.last, "");
    assert_int_equal(atomic_load(&elsewhere.told), 0);
    assert_int_equal(atomic_load(&here.alarms) + atomic_load(&there.alarms), 0);
    store_close(other);
}

static void after_a_lost_connection_listeners_refresh_and_hear_again(void **state) {
    (void)state;
    store *other = NULL;
    heard here = {0};
    assert_done(store_listen(test.store, PL_STR("rules"), hear, &here, &error));
    assert_int_equal(kill_others(), 0);
    wait_until(&here.alarms, 1);
    assert_done(store_open(&other, pl_str_from(test.url), NULL, &error));
    assert_done(store_write(other, tell, "again", &error));
    wait_until(&here.told, 1);
    test_postgres_halt(test_database_server());
    assert_int_equal(test_postgres_resume(test_database_server()), 0);
    wait_until(&here.alarms, 2);
    assert_done(store_write(other, tell, "and again", &error));
    wait_until(&here.told, 2);
    assert_string_equal(here.last, "and again");
    store_close(other);
}

static void listening_fails_and_closing_works_without_a_server(void **state) {
    (void)state;
    heard here = {0};
    test_postgres_halt(test_database_server());
    assert_fails(store_listen(test.store, PL_STR("rules"), hear, &here, &error), "ServiceUnavailable");
    assert_int_equal(test_postgres_resume(test_database_server()), 0);
    assert_done(store_listen(test.store, PL_STR("rules"), hear, &here, &error));
    assert_done(store_write(test.store, tell, "x", &error));
    assert_int_equal(atomic_load(&here.told), 1);
    test_postgres_halt(test_database_server());
    store_close(test.store);
    test.store = NULL;
    assert_int_equal(test_postgres_resume(test_database_server()), 0);
}

/* Values and databases that are refused. */

static int put_no_utf8(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(session, e, "INSERT INTO things(id, name) VALUES(1, $1)", "t", PL_STR("\xff\xfe"));
}

static int put_word_for_number(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(session, e, "INSERT INTO things(id) VALUES($1)", "t", PL_STR("word"));
}

static void values_that_do_not_fit_are_refused(void **state) {
    (void)state;
    assert_fails(store_write(test.store, put_no_utf8, NULL, &error), "InvalidParameter");
    assert_fails(store_write(test.store, put_word_for_number, NULL, &error), "InternalError");
    assert_int_equal(stored(), 0);
}

static void assert_refused(const char *url, const char *code, const char *part) {
    store *refused = NULL;
    assert_fails(store_open(&refused, pl_str_from(url), NULL, &error), code);
    assert_null(refused);
    if (!strstr(error.message, part))
        fail_msg("\"%s\" does not tell \"%s\"", error.message, part);
}

static void databases_that_are_not_fit_are_refused(void **state) {
    (void)state;
    char url[512];
    const test_postgres *server = test_database_server();
    assert_refused("postgres://[::1/x", "InvalidParameter", "IPv6");
    assert_refused("postgres://localhost:port/x", "ServiceUnavailable", "port");
    assert_refused("postgres:///x?color=red", "InvalidParameter", "color");
    assert_refused("postgres:///x?host=/nowhere", "ServiceUnavailable", "/nowhere");
    snprintf(url, sizeof url, "postgres:///missing?host=%s&user=plumbline", server->directory);
    assert_refused(url, "ServiceUnavailable", "missing");
    assert_int_equal(test_postgres_run(test.url, "CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' "
                                                 "LOCALE_PROVIDER libc TEMPLATE template0"),
                     0);
    snprintf(url, sizeof url, "postgres:///ascii?host=%s&user=plumbline", server->directory);
    assert_refused(url, "ServiceUnavailable", "UTF8");
}

static void a_database_of_another_program_is_refused_and_left_alone(void **state) {
    (void)state;
    test_case foreign;
    assert_int_equal(new_case(&foreign), 0);
    assert_int_equal(test_postgres_run(foreign.url, "CREATE TABLE customers(id BIGINT)"), 0);
    assert_refused(foreign.url, "ServiceUnavailable", "another program");
    assert_int_equal(test_postgres_run(foreign.url, "CREATE TABLE schema_version(installed_rank BIGINT)"), 0);
    assert_refused(foreign.url, "ServiceUnavailable", "another program");
    drop_case(&foreign);
}

static void a_schema_of_its_own_in_a_shared_database_serves(void **state) {
    (void)state;
    test_case shared;
    char url[640];
    assert_int_equal(new_case(&shared), 0);
    assert_int_equal(
        test_postgres_run(shared.url, "CREATE TABLE customers(id BIGINT); CREATE SCHEMA plumbline"), 0);
    snprintf(url, sizeof url, "%s&options=-csearch_path%%3Dplumbline", shared.url);
    for (int round = 0; round < 2; round++) {
        assert_done(store_open(&shared.store, pl_str_from(url), NULL, &error));
        store_close(shared.store);
        shared.store = NULL;
    }
    drop_case(&shared);
}

/* As docs/store.md tells. */
static void a_dump_restores_into_another_database(void **state) {
    (void)state;
    test_case copy;
    char command[2600];
    int64_t first = 1, count = 0;
    assert_done(store_write(test.store, put, &first, &error));
    assert_int_equal(new_case(&copy), 0);
    snprintf(command, sizeof command,
             "pg_dump --format=custom '%s' | pg_restore --no-owner --exit-on-error --dbname='%s'", test.url,
             copy.url);
    assert_int_equal(system(command), 0);
    assert_done(store_open(&copy.store, pl_str_from(copy.url), NULL, &error));
    assert_done(store_read(copy.store, count_into, &count, &error));
    assert_int_equal(count, 1);
    drop_case(&copy);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest cases[] = {
        CASE(a_store_outlives_a_restart_of_the_server),
        CASE(idle_connections_lost_meanwhile_are_not_noticed),
        CASE(a_work_whose_connection_is_lost_runs_again),
        CASE(a_commit_whose_answer_is_lost_counts_once),
        CASE(a_commit_that_is_lost_is_made_again),
        CASE(other_processes_hear_once_and_in_order),
        CASE(after_a_lost_connection_listeners_refresh_and_hear_again),
        CASE(listening_fails_and_closing_works_without_a_server),
        CASE(values_that_do_not_fit_are_refused),
        CASE(databases_that_are_not_fit_are_refused),
        CASE(a_database_of_another_program_is_refused_and_left_alone),
        CASE(a_schema_of_its_own_in_a_shared_database_serves),
        CASE(a_dump_restores_into_another_database),
    };
    return cmocka_run_group_tests_name("PostgreSQL", cases, NULL, NULL);
}
