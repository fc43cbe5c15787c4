/* Threads over a queue: they work until nothing is left, wake at news, and outlive failures. */
#include "support/testing.h"

#include <sched.h>
#include <stdatomic.h>

#include "store/workers.h"
#include "support/records.h"

static store_workers *workers;
static atomic_int left, done, looks, failures;
static atomic_bool endless;

static int work(void *context, unsigned number, bool *worked, pl_error *wrong) {
    (void)context;
    assert_true(number < 3);
    if (atomic_load(&failures) > 0 && atomic_fetch_sub(&failures, 1) > 0)
        return pl_fail(wrong, PL_E_ServiceUnavailable);
    int before = atomic_load(&left);
    while (before > 0 && !atomic_compare_exchange_weak(&left, &before, before - 1))
        ;
    *worked = before > 0 || atomic_load(&endless);
    atomic_fetch_add(&done, *worked);
    return 0;
}

static int look_first(void *context, pl_error *wrong) {
    (void)context, (void)wrong;
    atomic_fetch_add(&looks, 1);
    return 0;
}

static int setup(void **state) {
    (void)state;
    atomic_store(&left, 0);
    atomic_store(&done, 0);
    atomic_store(&looks, 0);
    atomic_store(&failures, 0);
    atomic_store(&endless, false);
    return open_records();
}

/* The store tells no more news when it is closed, so that comes first. */
static int teardown(void **state) {
    (void)state;
    store_workers_stop(workers);
    int status = close_records();
    store_workers_close(workers);
    workers = NULL;
    return status;
}

static void start(unsigned threads, int64_t wait_ms) {
    store_workers_config config = {.store = db,
                                   .name = "test",
                                   .channel = PL_STR("test_workers"),
                                   .threads = threads,
                                   .wait_ms = wait_ms,
                                   .work = work,
                                   .look_first = look_first};
    assert_int_equal(store_workers_open(&workers, &config, &error), 0);
    assert_int_equal(store_workers_start(workers, &error), 0);
}

static void wait_for(atomic_int *counter, int value) {
    while (atomic_load(counter) < value)
        sched_yield();
}

static int tell(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return store_notify(session, PL_STR("test_workers"), PL_STR(""), wrong);
}

enum { HOUR_MS = 3600000 };

static void they_work_until_nothing_is_left(void **state) {
    (void)state;
    atomic_store(&left, 100);
    start(3, HOUR_MS);
    wait_for(&done, 100);
    store_workers_stop(workers);
    assert_int_equal(atomic_load(&done), 100);
    assert_int_equal(atomic_load(&looks), 1);
}

static void news_wake_them(void **state) {
    (void)state;
    start(2, HOUR_MS);
    wait_for(&looks, 1);
    for (int round = 1; round <= 20; round++) {
        atomic_store(&left, 5);
        assert_int_equal(store_write(db, tell, NULL, &error), 0);
        wait_for(&done, 5 * round);
    }
    assert_int_equal(atomic_load(&done), 100);
}

static void so_does_time(void **state) {
    (void)state;
    start(1, 1);
    wait_for(&looks, 3);
    atomic_store(&left, 1);
    wait_for(&done, 1);
}

static void a_failure_is_tried_again(void **state) {
    (void)state;
    atomic_store(&failures, 3);
    atomic_store(&left, 1);
    start(1, 1);
    wait_for(&done, 1);
    assert_true(atomic_load(&looks) > 3);
}

static void they_end_although_work_is_left(void **state) {
    (void)state;
    atomic_store(&endless, true);
    start(3, HOUR_MS);
    wait_for(&done, 10);
    assert_false(store_workers_stopping(workers));
    store_workers_stop(workers);
    assert_true(store_workers_stopping(workers));
    int ended = atomic_load(&done);
    assert_int_equal(store_write(db, tell, NULL, &error), 0);
    assert_int_equal(atomic_load(&done), ended);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(they_work_until_nothing_is_left, setup, teardown),
        cmocka_unit_test_setup_teardown(news_wake_them, setup, teardown),
        cmocka_unit_test_setup_teardown(so_does_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failure_is_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(they_end_although_work_is_left, setup, teardown),
    };
    return run_on_both(tests);
}
