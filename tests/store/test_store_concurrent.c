/*
 * Many threads on one store: serial outcome of writes, shared commits, isolation of failures and of readers,
 * and durability of what was acknowledged before a kill. Built with ThreadSanitizer too.
 */
#include "store/cases.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 6, ROUNDS = 40 };

static test_case test;

static int make_tables(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    if (store_run(session, e, "CREATE TABLE numbers(id BIGINT NOT NULL PRIMARY KEY, value BIGINT NOT NULL)",
                  "") != 0)
        return -1;
    return store_run(session, e, "INSERT INTO numbers(id, value) VALUES(1, 0), (2, 0)", "");
}

static int setup(void **state) {
    (void)state;
    if (new_case(&test) != 0)
        return -1;
    open_case(&test, NULL);
    return store_write(test.store, make_tables, NULL, &error);
}

static int teardown(void **state) {
    (void)state;
    drop_case(&test);
    return 0;
}

static int64_t value_of(store_session *session, int64_t id, pl_error *e) {
    store_statement *st = store_prepare(session, "SELECT value FROM numbers WHERE id = $1", e);
    store_bind_i64(st, 1, id);
    return store_step(st, e) == 1 ? store_column_i64(st, 0) : -1000000;
}

static int set_value(store_session *session, int64_t id, int64_t value, pl_error *e) {
    return store_run(session, e, "UPDATE numbers SET value = $1 WHERE id = $2", "ii", value, id);
}

static int read_value(store_session *session, void *argument, pl_error *e) {
    *(int64_t *)argument = value_of(session, 1, e);
    return 0;
}

static int count_rows(store_session *session, void *argument, pl_error *e) {
    store_statement *st = store_prepare(session, "SELECT count(*) FROM numbers", e);
    int result = store_step(st, e);
    *(int64_t *)argument = store_column_i64(st, 0);
    return result == 1 ? 0 : -1;
}

static int64_t rows(void) {
    int64_t count = -1;
    assert_done(store_read(test.store, count_rows, &count, &error));
    return count;
}

/* One thread's part, and how it went; threads do not assert, the test does. */
typedef struct part {
    pthread_t thread;
    int number;
    int failures; /* or rounds done */
    pl_error error;
} part;

static void run_parts(part *parts, int count, void *(*body)(void *)) {
    for (int i = 0; i < count; i++) {
        parts[i] = (part){.number = i};
        pthread_create(&parts[i].thread, NULL, body, &parts[i]);
    }
    for (int i = 0; i < count; i++)
        pthread_join(parts[i].thread, NULL);
}

static int increment(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    int64_t value = value_of(session, 1, e);
    return set_value(session, 1, value + 1, e);
}

static void *increment_often(void *argument) {
    part *p = argument;
    for (int i = 0; i < ROUNDS; i++)
        if (store_write(test.store, increment, NULL, &p->error) != 0)
            p->failures++;
    return NULL;
}

static void writers_do_not_overwrite_each_other(void **state) {
    (void)state;
    part parts[THREADS];
    int64_t value = -1;
    run_parts(parts, THREADS, increment_often);
    for (int i = 0; i < THREADS; i++)
        if (parts[i].failures)
            fail_msg("%d failures: %s", parts[i].failures, parts[i].error.message);
    assert_done(store_read(test.store, read_value, &value, &error));
    assert_int_equal(value, THREADS * ROUNDS);
}

static int add_row(store_session *session, void *argument, pl_error *e) {
    return store_run(session, e, "INSERT INTO numbers(id, value) VALUES($1, 0)", "i", *(int64_t *)argument);
}

static int add_row_and_fail(store_session *session, void *argument, pl_error *e) {
    int64_t id = *(int64_t *)argument;
    if (add_row(session, argument, e) != 0)
        return -1;
    if (id % 3 == 0)
        return pl_failf(e, PL_E_InvalidParameter, "refused");
    return id % 3 == 1 ? add_row(session, argument, e) : 0;
}

static void *add_some(void *argument) {
    part *p = argument;
    for (int64_t i = 0; i < ROUNDS; i++) {
        int64_t id = 100 + p->number * ROUNDS + i;
        int result = store_write(test.store, add_row_and_fail, &id, &p->error);
        bool right =
            id % 3 == 2 ? result == 0 : result == -1 && store_is_conflict(&p->error) == (id % 3 == 1);
        if (!right)
            p->failures++;
    }
    return NULL;
}

static void a_failing_work_does_not_disturb_its_neighbours(void **state) {
    (void)state;
    part parts[THREADS];
    run_parts(parts, THREADS, add_some);
    int64_t wanted = 2;
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(parts[i].failures, 0);
    for (int64_t id = 100; id < 100 + THREADS * ROUNDS; id++)
        wanted += id % 3 == 2;
    assert_int_equal(rows(), wanted);
}

/* Adds a row unless there is one of that value already: two that look at once must not both add. */
static int add_if_missing(store_session *session, void *argument, pl_error *e) {
    const part *p = argument;
    int64_t round = p->failures, id = 100 + round * THREADS + p->number;
    store_statement *st = store_prepare(session, "SELECT count(*) FROM numbers WHERE value = $1", e);
    store_bind_i64(st, 1, 1000 + round);
    if (store_step(st, e) != 1)
        return -1;
    if (store_column_i64(st, 0) > 0)
        return 0;
    return store_run(session, e, "INSERT INTO numbers(id, value) VALUES($1, $2)", "ii", id, 1000 + round);
}

static void *add_each_once(void *argument) {
    part *p = argument;
    for (p->failures = 0; p->failures < ROUNDS; p->failures++)
        if (store_write(test.store, add_if_missing, p, &p->error) != 0)
            return p;
    return NULL;
}

static void what_a_work_has_seen_holds_until_it_commits(void **state) {
    (void)state;
    part parts[THREADS];
    run_parts(parts, THREADS, add_each_once);
    for (int i = 0; i < THREADS; i++)
        if (parts[i].failures != ROUNDS)
            fail_msg("thread %d: %s", i, parts[i].error.message);
    assert_int_equal(rows(), 2 + ROUNDS);
}

static atomic_bool held;

/* Holds the writer until all the others wait behind it. */
static int wait_for_queue(store_session *session, void *argument, pl_error *e) {
    (void)session;
    (void)e;
    store_counters counters = {0};
    atomic_store(&held, true);
    while (counters.waiting < *(size_t *)argument) {
        store_count(test.store, &counters);
        sched_yield();
    }
    return 0;
}

static void *hold_or_add(void *argument) {
    part *p = argument;
    int64_t id = 100 + p->number;
    size_t all = THREADS;
    while (p->number > 0 && !atomic_load(&held))
        sched_yield();
    if (p->number == 0)
        p->failures = store_write(test.store, wait_for_queue, &all, &p->error) != 0;
    else
        p->failures = store_write(test.store, add_row, &id, &p->error) != 0;
    return NULL;
}

static void works_that_wait_share_a_commit(void **state) {
    (void)state;
    part parts[THREADS];
    store_counters before, after;
    if (case_postgres)
        return;
    atomic_store(&held, false);
    store_count(test.store, &before);
    run_parts(parts, THREADS, hold_or_add);
    store_count(test.store, &after);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(parts[i].failures, 0);
    assert_int_equal(rows(), 2 + THREADS - 1);
    assert_int_equal(after.writes - before.writes, THREADS);
    assert_true(after.commits - before.commits <= 2);
}

/* A transaction that keeps the sum of two numbers at 0. */
static int move(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    int64_t value = value_of(session, 1, e) + 1;
    return set_value(session, 1, value, e) || set_value(session, 2, -value, e) ? -1 : 0;
}

static int check_sum(store_session *session, void *argument, pl_error *e) {
    int64_t first = value_of(session, 1, e);
    sched_yield();
    *(int64_t *)argument = first + value_of(session, 2, e);
    return 0;
}

static void *move_or_check(void *argument) {
    part *p = argument;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t sum = 0;
        int result = p->number % 2 ? store_write(test.store, move, NULL, &p->error)
                                   : store_read(test.store, check_sum, &sum, &p->error);
        if (result != 0 || sum != 0)
            p->failures++;
    }
    return NULL;
}

static void readers_see_whole_transactions(void **state) {
    (void)state;
    part parts[THREADS];
    run_parts(parts, THREADS, move_or_check);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(parts[i].failures, 0);
}

/* The full disk, played by a limit on the number of pages. */
static int limit_pages(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    store_statement *st = store_prepare(session, "PRAGMA max_page_count=60", e);
    return store_step(st, e) == 1 ? 0 : -1;
}

static int add_much(store_session *session, void *argument, pl_error *e) {
    int64_t id = *(int64_t *)argument;
    for (int64_t i = 0; i < 100000; i++) {
        int64_t row = id * 1000000 + i;
        if (add_row(session, &row, e) != 0)
            return -1;
    }
    return 0;
}

static void *add_much_or_little(void *argument) {
    part *p = argument;
    for (int64_t i = 0; i < 10; i++) {
        int64_t id = 100 + p->number * 10 + i;
        bool large = p->number == 0;
        int result = store_write(test.store, large ? add_much : add_row, &id, &p->error);
        bool right = large ? result == -1 && pl_error_is(&p->error, PL_E_ServiceUnavailable) : result == 0;
        if (!right)
            p->failures++;
    }
    return NULL;
}

static void a_work_that_fills_the_disk_fails_alone(void **state) {
    (void)state;
    part parts[THREADS];
    if (case_postgres)
        return;
    assert_done(store_write(test.store, limit_pages, NULL, &error));
    run_parts(parts, THREADS, add_much_or_little);
    for (int i = 0; i < THREADS; i++)
        if (parts[i].failures)
            fail_msg("thread %d: %s", i, parts[i].error.message);
    assert_int_equal(rows(), 2 + (THREADS - 1) * 10);
}

/* The child writes until it is killed and tells each number after its write was acknowledged. */
static int acknowledged_pipe;

static void *add_and_tell(void *argument) {
    part *p = argument;
    for (int64_t id = 1000 + p->number;; id += THREADS)
        if (store_write(test.store, add_row, &id, &p->error) != 0 ||
            write(acknowledged_pipe, &id, sizeof id) != sizeof id)
            _exit(1);
    return NULL;
}

static void child_writes_until_killed(void) {
    part parts[THREADS];
    if (store_open(&test.store, pl_str_from(test.url), NULL, &error) != 0)
        _exit(1);
    run_parts(parts, THREADS, add_and_tell);
    _exit(1);
}

static int find_row(store_session *session, void *argument, pl_error *e) {
    store_statement *st = store_prepare(session, "SELECT 1 FROM numbers WHERE id = $1", e);
    store_bind_i64(st, 1, *(int64_t *)argument);
    int result = store_step(st, e);
    *(int64_t *)argument = result == 1 ? 0 : -1;
    return result < 0 ? -1 : 0;
}

static int check_integrity(store_session *session, void *argument, pl_error *e) {
    (void)argument;
    store_statement *st = store_prepare(session, "PRAGMA integrity_check", e);
    assert_int_equal(store_step(st, e), 1);
    assert_str(store_column_text(st, 0), "ok");
    return 0;
}

static void acknowledged_writes_survive_a_kill(void **state) {
    (void)state;
    int ends[2];
    static int64_t ids[4096];
    size_t count = 0, wanted = 300;
    store_close(test.store);
    test.store = NULL;
    assert_int_equal(pipe(ends), 0);
    acknowledged_pipe = ends[1];
    pid_t child = fork();
    if (child == 0)
        child_writes_until_killed();
    close(ends[1]);
    while (count < 4096 && read(ends[0], &ids[count], sizeof ids[0]) == sizeof ids[0])
        if (++count == wanted)
            kill(child, SIGKILL);
    close(ends[0]);
    waitpid(child, NULL, 0);
    assert_true(count >= wanted);
    open_case(&test, NULL);
    for (size_t i = 0; i < count; i++) {
        assert_done(store_read(test.store, find_row, &ids[i], &error));
        assert_int_equal(ids[i], 0);
    }
    if (!case_postgres)
        assert_done(store_read(test.store, check_integrity, NULL, &error));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest cases[] = {
        CASE(writers_do_not_overwrite_each_other),
        CASE(a_failing_work_does_not_disturb_its_neighbours),
        CASE(what_a_work_has_seen_holds_until_it_commits),
        CASE(works_that_wait_share_a_commit),
        CASE(readers_see_whole_transactions),
        CASE(a_work_that_fills_the_disk_fails_alone),
        CASE(acknowledged_writes_survive_a_kill),
    };
    return run_on_both(cases);
}
