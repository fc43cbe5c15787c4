/* store_backup: a copy is whole as of one moment, is never another file, and what cannot be copied leaves
 * nothing. */
#include "store/cases.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPIES = 8 };

static test_case test;
static char copy[600];

static const char *path(void) {
    return strncmp(test.url, "sqlite:", 7) == 0 ? test.url + 7 : test.url;
}

static int setup(void **state) {
    (void)state;
    if (new_case(&test) != 0)
        return -1;
    snprintf(copy, sizeof copy, "%s.copy", path());
    return 0;
}

static int teardown(void **state) {
    (void)state;
    unlink(copy);
    drop_case(&test);
    test.store = NULL;
    return 0;
}

static bool is_there(const char *name) {
    struct stat about;
    return stat(name, &about) == 0;
}

static int make_table(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    return store_run(session, e, "CREATE TABLE things(id BIGINT PRIMARY KEY, body TEXT)", "");
}

/* Two rows in one transaction: a copy between them would have an odd number. */
static int put_pair(store_session *session, void *argument, pl_error *e) {
    static char body[4000];
    int64_t first = *(int64_t *)argument * 2;
    memset(body, 'x', sizeof body);
    for (int64_t i = 0; i < 2; i++) {
        if (store_run(session, e, "INSERT INTO things VALUES($1, $2)", "it", first + i,
                      pl_str_of(body, sizeof body)) != 0)
            return -1;
    }
    return 0;
}

static int count_rows(store_session *session, void *argument, pl_error *e) {
    store_statement *st = store_prepare(session, "SELECT count(*) FROM things", e);
    if (store_step(st, e) != 1)
        return -1;
    *(int64_t *)argument = store_column_i64(st, 0);
    return 0;
}

static int64_t rows_of(const char *file) {
    store *s;
    int64_t count = -1;
    assert_done(store_open(&s, pl_str_from(file), NULL, &error));
    assert_done(store_read(s, count_rows, &count, &error));
    store_close(s);
    return count;
}

static void fill(int64_t pairs) {
    open_case(&test, NULL);
    assert_done(store_write(test.store, make_table, NULL, &error));
    for (int64_t i = 0; i < pairs; i++)
        assert_done(store_write(test.store, put_pair, &i, &error));
}

static void refuse(const char *url, const char *to, const char *code, const char *part) {
    assert_fails(store_backup(pl_str_from(url), to, &error), code);
    if (!strstr(error.message, part))
        fail_msg("\"%s\" is not in: %s", part, error.message);
}

static void a_copy_has_what_was_committed_and_is_its_owners_alone(void **state) {
    (void)state;
    struct stat about;
    int64_t next = 20;
    fill(20);
    mode_t before = umask(0);
    assert_done(store_backup(pl_str_from(test.url), copy, &error));
    umask(before);
    assert_int_equal(stat(copy, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0600);
    assert_done(store_write(test.store, put_pair, &next, &error));
    assert_int_equal(rows_of(copy), 40);
    assert_int_equal(rows_of(path()), 42);
}

typedef struct writer {
    pthread_t thread;
    atomic_bool stop;
    atomic_int_fast64_t written; /* pairs */
    bool failed;
} writer;

static void *write_on(void *argument) {
    writer *w = argument;
    pl_error problem;
    while (!atomic_load(&w->stop) && !w->failed) {
        int64_t next = atomic_load(&w->written);
        w->failed = store_write(test.store, put_pair, &next, &problem) != 0;
        atomic_store(&w->written, next + 1);
    }
    return NULL;
}

static void copies_made_beside_a_writer_are_whole(void **state) {
    (void)state;
    writer w = {.written = 0};
    fill(0);
    assert_int_equal(pthread_create(&w.thread, NULL, write_on, &w), 0);
    for (int i = 0; i < COPIES; i++) {
        int64_t least = atomic_load(&w.written) * 2;
        assert_done(store_backup(pl_str_from(test.url), copy, &error));
        int64_t rows = rows_of(copy);
        assert_int_equal(rows % 2, 0);
        assert_true(rows >= least);
        unlink(copy);
    }
    atomic_store(&w.stop, true);
    pthread_join(w.thread, NULL);
    assert_false(w.failed);
}

static void a_database_that_nobody_has_open_is_copied(void **state) {
    (void)state;
    char url[640];
    fill(3);
    store_close(test.store);
    test.store = NULL;
    snprintf(url, sizeof url, "sqlite:%s", path());
    assert_done(store_backup(pl_str_from(url), copy, &error));
    assert_int_equal(rows_of(copy), 6);
}

static void a_file_that_is_there_is_never_written_over(void **state) {
    (void)state;
    char text[16] = "";
    fill(1);
    FILE *file = fopen(copy, "w");
    assert_true(file && fputs("my letter", file) >= 0 && fclose(file) == 0);
    refuse(test.url, copy, "ServiceUnavailable", "exists");
    file = fopen(copy, "r");
    assert_true(file && fgets(text, sizeof text, file) && fclose(file) == 0);
    assert_string_equal(text, "my letter");
    refuse(test.url, path(), "ServiceUnavailable", "exists");
    assert_int_equal(rows_of(path()), 2);
}

static void a_link_is_not_followed(void **state) {
    (void)state;
    char target[640];
    fill(1);
    snprintf(target, sizeof target, "%s.elsewhere", path());
    assert_int_equal(symlink(target, copy), 0);
    refuse(test.url, copy, "ServiceUnavailable", "exists");
    assert_false(is_there(target));
}

static void what_is_no_database_of_ours_is_refused(void **state) {
    (void)state;
    sqlite3 *other;
    refuse(test.url, copy, "ServiceUnavailable", "unable to open");
    assert_false(is_there(path()));
    assert_int_equal(sqlite3_open(path(), &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "CREATE TABLE customers(id)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    refuse(test.url, copy, "InvalidParameter", "not a database of Plumbline");
    FILE *file = fopen(path(), "w");
    for (int i = 0; i < 500; i++)
        fputs("no database", file);
    fclose(file);
    refuse(test.url, copy, "ServiceUnavailable", "not a database");
    assert_false(is_there(copy));
}

static void a_place_that_cannot_be_written_is_told(void **state) {
    (void)state;
    char to[640];
    fill(1);
    snprintf(to, sizeof to, "%s.none/copy", path());
    refuse(test.url, to, "ServiceUnavailable", "No such file");
}

static void a_damaged_database_leaves_no_copy(void **state) {
    (void)state;
    struct stat about;
    fill(60);
    store_close(test.store);
    test.store = NULL;
    assert_int_equal(stat(path(), &about), 0);
    assert_int_equal(truncate(path(), about.st_size / 2 + 100), 0);
    if (store_backup(pl_str_from(test.url), copy, &error) != 0)
        assert_false(is_there(copy));
}

static void other_addresses_are_refused(void **state) {
    (void)state;
    char *name = malloc(5001);
    assert_non_null(name);
    memset(name, 'a', 5000);
    name[5000] = '\0';
    refuse("postgres://localhost/plumbline", copy, "InvalidParameter", "pg_dump");
    refuse("postgresql://localhost/plumbline", copy, "InvalidParameter", "pg_dump");
    refuse(name, copy, "InvalidParameter", "too long");
    free(name);
    assert_false(is_there(copy));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest cases[] = {
        CASE(a_copy_has_what_was_committed_and_is_its_owners_alone),
        CASE(copies_made_beside_a_writer_are_whole),
        CASE(a_database_that_nobody_has_open_is_copied),
        CASE(a_file_that_is_there_is_never_written_over),
        CASE(a_link_is_not_followed),
        CASE(what_is_no_database_of_ours_is_refused),
        CASE(a_place_that_cannot_be_written_is_told),
        CASE(a_damaged_database_leaves_no_copy),
        CASE(other_addresses_are_refused),
    };
    return cmocka_run_group_tests_name("SQLite", cases, use_sqlite, NULL);
}
