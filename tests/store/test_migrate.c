/* Migrations as an operator meets them: first start, upgrade, newer database, broken script; both drivers. */
#include "store/cases.h"

#include "base/buf.h"

#include <pthread.h>

static test_case test;
static pl_buf pack;

static int setup(void **state) {
    (void)state;
    pl_buf_init(&pack, 1 << 20);
    return new_case(&test);
}

static int teardown(void **state) {
    (void)state;
    drop_case(&test);
    pl_buf_free(&pack);
    return 0;
}

/* One more file in the pack, as tools/pack-data.py writes it. */
static void add(const char *name, const char *sql) {
    pl_buf_add(&pack, pl_str_of(name, strlen(name) + 1));
    pl_buf_printf(&pack, "%zu", strlen(sql));
    pl_buf_add_char(&pack, '\0');
    pl_buf_add(&pack, pl_str_of(sql, strlen(sql) + 1));
}

static int open_with_pack(void) {
    store_close(test.store);
    return store_open_with(&test.store, pl_str_from(test.url), NULL, pl_buf_str(&pack), &error);
}

static int read_name(store_session *session, void *argument, pl_error *e) {
    store_statement *st = store_prepare(session, "SELECT name FROM fruits ORDER BY name", e);
    char *out = argument;
    *out = '\0';
    int result;
    while ((result = store_step(st, e)) == 1) {
        pl_str name = store_column_text(st, 0);
        strncat(out, name.p, name.n);
        strcat(out, " ");
    }
    return result;
}

static void assert_fruits(const char *wanted) {
    char names[256];
    assert_done(store_read(test.store, read_name, names, &error));
    assert_string_equal(names, wanted);
}

static int read_newest(store_session *session, void *argument, pl_error *e) {
    store_statement *st = store_prepare(session, "SELECT max(version), count(*) FROM schema_version", e);
    if (store_step(st, e) != 1)
        return -1;
    *(int64_t *)argument = store_column_i64(st, 0);
    return 0;
}

static void the_programs_own_migrations_apply_and_stay(void **state) {
    (void)state;
    store_counters counters;
    int64_t newest = 0;
    for (int round = 0; round < 2; round++) {
        store_close(test.store);
        open_case(&test, NULL);
        store_count(test.store, &counters);
        assert_done(store_read(test.store, read_newest, &newest, &error));
        assert_true(newest >= 1);
        assert_int_equal(counters.schema_version, newest);
    }
}

static void an_upgrade_applies_what_is_missing_in_order(void **state) {
    (void)state;
    add("0001_first.sql", "CREATE TABLE fruits(name TEXT NOT NULL PRIMARY KEY);\n"
                          "INSERT INTO fruits(name) VALUES('apple');");
    assert_done(open_with_pack());
    assert_fruits("apple ");
    add("0002_second.sql", "INSERT INTO fruits(name) VALUES('pear');");
    add("0005_fifth.sql", "UPDATE fruits SET name = 'ripe ' || name;");
    assert_done(open_with_pack());
    assert_fruits("ripe apple ripe pear ");
    assert_done(open_with_pack());
    assert_fruits("ripe apple ripe pear ");
    assert_int_equal(test.store->schema_version, 5);
}

static void blocks_are_for_one_database(void **state) {
    (void)state;
    add("0001_first.sql", "CREATE TABLE fruits(name TEXT NOT NULL PRIMARY KEY);\n"
                          "-- sqlite only\n"
                          "INSERT INTO fruits(name) VALUES('sqlite');\n"
                          "-- end\n"
                          "  -- postgres only\n"
                          "INSERT INTO fruits(name) VALUES('postgres');\n"
                          "  -- end\n"
                          "INSERT INTO fruits(name) VALUES('zest');\n");
    assert_done(open_with_pack());
    assert_fruits(case_postgres ? "postgres zest " : "sqlite zest ");
}

static void a_block_without_end_is_refused(void **state) {
    (void)state;
    add("0001_first.sql", "-- sqlite only\nSELECT 1;\n");
    assert_fails(open_with_pack(), "ServiceUnavailable");
    assert_non_null(strstr(error.message, "0001_first.sql"));
}

static void a_newer_database_is_refused_with_both_versions(void **state) {
    (void)state;
    add("0001_first.sql", "CREATE TABLE fruits(name TEXT NOT NULL PRIMARY KEY);");
    size_t old_program = pack.n;
    add("0037_later.sql", "INSERT INTO fruits(name) VALUES('pear');");
    assert_done(open_with_pack());
    pack.n = old_program;
    assert_fails(open_with_pack(), "ServiceUnavailable");
    assert_non_null(strstr(error.message, "37"));
    assert_non_null(strstr(error.message, " 1:"));
}

static void a_failing_migration_leaves_nothing_of_itself(void **state) {
    (void)state;
    add("0001_first.sql", "CREATE TABLE fruits(name TEXT NOT NULL PRIMARY KEY);");
    size_t good = pack.n;
    add("0002_bad.sql", "INSERT INTO fruits(name) VALUES('pear');\nCREATE TABLE leftover(a TEXT);\n"
                        "INSERT INTO nowhere(name) VALUES('x');");
    assert_fails(open_with_pack(), "ServiceUnavailable");
    assert_non_null(strstr(error.message, "0002_bad.sql"));
    pack.n = good;
    add("0002_good.sql", "INSERT INTO fruits(name) VALUES('plum');\nCREATE TABLE leftover(a TEXT);");
    assert_done(open_with_pack());
    assert_fruits("plum ");
}

static void a_damaged_pack_is_refused(void **state) {
    (void)state;
    add("0001_first.sql", "CREATE TABLE fruits(name TEXT NOT NULL PRIMARY KEY);");
    pack.n -= 10;
    assert_fails(open_with_pack(), "InternalError");
    pl_buf_clear(&pack);
    add("first.sql", "SELECT 1;");
    assert_fails(open_with_pack(), "InternalError");
}

static void *open_at_once(void *argument) {
    pl_error mine;
    store *s = NULL;
    if (store_open_with(&s, pl_str_from(test.url), NULL, pl_buf_str(&pack), &mine) == 0)
        *(int *)argument = 0;
    else
        fprintf(stderr, "%s\n", mine.message);
    store_close(s);
    return NULL;
}

static void several_processes_may_start_at_once(void **state) {
    (void)state;
    enum { STARTS = 4 };
    pthread_t threads[STARTS];
    int results[STARTS];
    add("0001_first.sql", "CREATE TABLE fruits(name TEXT NOT NULL PRIMARY KEY);");
    add("0002_second.sql", "INSERT INTO fruits(name) VALUES('apple');");
    for (int i = 0; i < STARTS; i++) {
        results[i] = -1;
        pthread_create(&threads[i], NULL, open_at_once, &results[i]);
    }
    for (int i = 0; i < STARTS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < STARTS; i++)
        assert_int_equal(results[i], 0);
    assert_done(open_with_pack());
    assert_fruits("apple ");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest cases[] = {
        CASE(the_programs_own_migrations_apply_and_stay),
        CASE(an_upgrade_applies_what_is_missing_in_order),
        CASE(blocks_are_for_one_database),
        CASE(a_block_without_end_is_refused),
        CASE(a_newer_database_is_refused_with_both_versions),
        CASE(a_failing_migration_leaves_nothing_of_itself),
        CASE(a_damaged_pack_is_refused),
        CASE(several_processes_may_start_at_once),
    };
    return run_on_both(cases);
}
