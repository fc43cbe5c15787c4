/*
 * What is particular to a SQLite store: files that are not fit, the log that is copied beside the commits,
 * backups, and running out of memory anywhere.
 */
#include "store/cases.h"

#include "base/memory.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ROWS = 400, LARGE = 60000 };

static test_case test;

static int setup(void **state) {
    (void)state;
    return new_case(&test);
}

static int teardown(void **state) {
    (void)state;
    drop_case(&test);
    test.store = NULL;
    return 0;
}

static const char *path(void) {
    return strncmp(test.url, "sqlite:", 7) == 0 ? test.url + 7 : test.url;
}

static int make_table(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(session, e,
                     "CREATE TABLE things(account_id TEXT NOT NULL, id BIGINT NOT NULL, body TEXT, "
                     "PRIMARY KEY (account_id, id))",
                     "");
}

static char large[LARGE];

static int put_large(store_session *session, void *argument, pl_error *e) {
    return store_run(session, e, "INSERT INTO things VALUES($1, $2, $3)", "tit", PL_STR("a"),
                     *(int64_t *)argument, pl_str_of(large, LARGE));
}

static int count_into(store_session *session, void *argument, pl_error *e) {
    store_statement *st = store_prepare(session, "SELECT count(*) FROM things", e);
    if (store_step(st, e) != 1)
        return -1;
    *(int64_t *)argument = store_column_i64(st, 0);
    return 0;
}

static int64_t stored(store *s) {
    int64_t count = -1;
    assert_done(store_read(s, count_into, &count, &error));
    return count;
}

static void fill(int64_t rows) {
    memset(large, 'x', LARGE);
    open_case(&test, NULL);
    assert_done(store_write(test.store, make_table, NULL, &error));
    for (int64_t i = 0; i < rows; i++)
        assert_done(store_write(test.store, put_large, &i, &error));
}

static void write_file(const char *text, size_t size, off_t at) {
    int fd = open(path(), O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, text, size, at), size);
    close(fd);
}

static void assert_refused(const char *part) {
    assert_fails(store_open(&test.store, pl_str_from(test.url), NULL, &error), "ServiceUnavailable");
    if (!strstr(error.message, part))
        fail_msg("\"%s\" is not in: %s", part, error.message);
}

/* Files. */

static void a_file_that_is_no_database_is_refused_and_left_alone(void **state) {
    (void)state;
    char after[32] = "";
    static const char text[] = "dear diary, this is not a database at all";
    char padded[4096] = "";
    memcpy(padded, text, sizeof text);
    write_file(padded, sizeof padded, 0);
    assert_refused("damaged");
    int fd = open(path(), O_RDONLY);
    assert_int_equal(read(fd, after, sizeof after), sizeof after);
    close(fd);
    assert_memory_equal(after, text, sizeof after);
}

static void a_database_of_another_program_is_refused_and_left_alone(void **state) {
    (void)state;
    sqlite3 *other;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(path(), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "CREATE TABLE customers(id)", NULL, NULL, NULL), SQLITE_OK);
    assert_refused("another program");
    assert_int_equal(sqlite3_prepare_v2(other, "SELECT count(*) FROM sqlite_schema", -1, &st, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(st, 0), 1);
    sqlite3_finalize(st);
    sqlite3_close(other);
}

static void a_damaged_file_is_told_and_never_an_answer(void **state) {
    (void)state;
    static const char noise[8192 * 4] = {1};
    int64_t count;
    fill(20);
    store_close(test.store);
    test.store = NULL;
    struct stat status;
    assert_int_equal(stat(path(), &status), 0);
    for (off_t at = 8192; at + (off_t)sizeof noise < status.st_size; at += (off_t)sizeof noise)
        write_file(noise, sizeof noise, at);
    if (store_open(&test.store, pl_str_from(test.url), NULL, &error) == 0)
        assert_int_equal(store_read(test.store, count_into, &count, &error), -1);
    assert_string_equal(error.code, "ServiceUnavailable");
    assert_non_null(strstr(error.message, "damaged"));
}

static void a_file_cut_short_is_told(void **state) {
    (void)state;
    int64_t count;
    fill(20);
    store_close(test.store);
    test.store = NULL;
    assert_int_equal(truncate(path(), 8192), 0);
    if (store_open(&test.store, pl_str_from(test.url), NULL, &error) == 0)
        assert_int_equal(store_read(test.store, count_into, &count, &error), -1);
    assert_string_equal(error.code, "ServiceUnavailable");
}

/* The log. */

static void the_log_is_copied_beside_the_commits_and_stays_bounded(void **state) {
    (void)state;
    char log[600];
    struct stat status;
    fill(3 * ROWS);
    snprintf(log, sizeof log, "%s-wal", path());
    assert_int_equal(stat(log, &status), 0);
    /* Everything together would be 76 MB and more. */
    assert_true(status.st_size < (off_t)72 << 20);
    assert_int_equal(stored(test.store), 3 * ROWS);
}

static void a_store_closed_while_the_log_is_copied_keeps_everything(void **state) {
    (void)state;
    for (int64_t from = 0; from < 4; from++) {
        if (from == 0)
            fill(0);
        else
            open_case(&test, NULL);
        for (int64_t i = from * 200; i < from * 200 + 200; i++)
            assert_done(store_write(test.store, put_large, &i, &error));
        store_close(test.store);
        test.store = NULL;
    }
    open_case(&test, NULL);
    assert_int_equal(stored(test.store), 800);
}

/* Backup, as docs/store.md tells. */

static void a_backup_made_while_writing_opens_and_is_whole(void **state) {
    (void)state;
    char command[1400], copy[600];
    fill(50);
    snprintf(copy, sizeof copy, "%s.backup", path());
    unlink(copy);
    sqlite3 *from, *to;
    assert_int_equal(sqlite3_open_v2(path(), &from, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    snprintf(command, sizeof command, "VACUUM INTO '%s'", copy);
    assert_int_equal(sqlite3_exec(from, command, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(from);
    assert_done(store_write(test.store, put_large, &(int64_t){50}, &error));
    store *restored;
    assert_done(store_open(&restored, pl_str_from(copy), NULL, &error));
    assert_int_equal(stored(restored), 50);
    store_close(restored);
    assert_int_equal(sqlite3_open(copy, &to), SQLITE_OK);
    sqlite3_close(to);
    unlink(copy);
    assert_int_equal(stored(test.store), 51);
}

/* Memory. */

static int put_and_count(store_session *session, void *argument, pl_error *e) {
    int64_t count;
    store_statement *st = store_prepare(session, "SELECT body FROM things WHERE account_id = $1", e);
    store_bind_text(st, 1, PL_STR("a"));
    if (store_step(st, e) < 0 || put_large(session, argument, e) != 0)
        return -1;
    return store_notify(session, PL_STR("things"), PL_STR("put"), e) != 0 ||
                   count_into(session, &count, e) != 0
               ? -1
               : 0;
}

static void without_memory_opening_fails_or_serves(void **state) {
    (void)state;
    int failures = 0, result = -1;
    for (long n = 0; result != 0 && n < 5000; n++) {
        pl_memory_fail_after(n);
        result = store_open(&test.store, pl_str_from(test.url), NULL, &error);
        pl_memory_fail_after(-1);
        if (result != 0)
            assert_string_equal(error.code, "ServiceUnavailable");
        failures += result != 0;
    }
    assert_int_equal(result, 0);
    assert_true(failures > 3);
}

static void without_memory_a_write_is_whole_or_nothing(void **state) {
    (void)state;
    int failures = 0, result = -1;
    int64_t before, number = 1000;
    fill(2);
    store_close(test.store);
    open_case(&test, NULL);
    before = stored(test.store);
    store_close(test.store);
    open_case(&test, NULL);
    for (long n = 0; result != 0 && n < 5000; n++) {
        pl_memory_fail_after(n);
        result = store_write(test.store, put_and_count, &number, &error);
        pl_memory_fail_after(-1);
        failures += result != 0;
        if (result != 0)
            assert_string_equal(error.code, "ServiceUnavailable");
        assert_int_equal(stored(test.store), before + (result == 0));
    }
    assert_int_equal(result, 0);
    assert_true(failures > 1);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest cases[] = {
        CASE(a_file_that_is_no_database_is_refused_and_left_alone),
        CASE(a_database_of_another_program_is_refused_and_left_alone),
        CASE(a_damaged_file_is_told_and_never_an_answer),
        CASE(a_file_cut_short_is_told),
        CASE(the_log_is_copied_beside_the_commits_and_stays_bounded),
        CASE(a_store_closed_while_the_log_is_copied_keeps_everything),
        CASE(a_backup_made_while_writing_opens_and_is_whole),
        CASE(without_memory_opening_fails_or_serves),
        CASE(without_memory_a_write_is_whole_or_nothing),
    };
    return cmocka_run_group_tests_name("SQLite", cases, use_sqlite, NULL);
}
