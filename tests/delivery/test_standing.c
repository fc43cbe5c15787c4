/* How channels stand with their targets: who may send, when, and how many at once. The clock is a number. */
#include "support/testing.h"

#include "delivery/private.h"

#include <pthread.h>

static delivery room;
static int64_t due;

static int setup(void **state) {
    (void)state;
    room = (delivery){.config = {.workers = 4, .retry_ms = 1000}};
    pl_error error = {0};
    return standing_open(&room, &error);
}

static int teardown(void **state) {
    (void)state;
    standing_close(&room);
    return 0;
}

static delivery_row row_of(const char *channel) {
    return (delivery_row){.account_id = PL_STR("1000000000000001"), .channel_id = pl_str_from(channel)};
}

static bool enter(const char *channel, int64_t now) {
    delivery_row row = row_of(channel);
    return standing_enter(&room, &row, 7, now, &due);
}

static int64_t leave(const char *channel, bool reached, int64_t began, int64_t now) {
    delivery_row row = row_of(channel);
    return standing_leave(&room, &row, reached, began, now);
}

static bool is_troubled(const char *channel, int64_t now) {
    delivery_row row = row_of(channel);
    return standing_is_troubled(&room, &row, now);
}

static void a_silent_target_is_tried_after_longer_and_longer_pauses(void **state) {
    (void)state;
    int64_t now = 5000, pauses[] = {1000, 2000, 4000, 8000};
    for (size_t i = 0; i < sizeof pauses / sizeof *pauses; i++) {
        assert_true(enter("cdc-a", now));
        assert_int_equal(leave("cdc-a", false, now, now), now + pauses[i]);
        assert_true(is_troubled("cdc-a", now));
        assert_false(enter("cdc-a", now + pauses[i] - 1));
        assert_int_equal(due, now + pauses[i]);
        now += pauses[i];
    }
    for (int i = 0; i < 10; i++, now += DELIVERY_PAUSE_MOST) {
        assert_true(enter("cdc-a", now));
        leave("cdc-a", false, now, now);
    }
    assert_true(enter("cdc-a", now));
    assert_int_equal(leave("cdc-a", false, now, now), now + DELIVERY_PAUSE_MOST);
    now += DELIVERY_PAUSE_MOST;
    assert_true(enter("cdc-a", now));
    leave("cdc-a", true, now, now);
    assert_false(is_troubled("cdc-a", now));
    assert_true(enter("cdc-a", now));
    assert_int_equal(leave("cdc-a", false, now, now), now + 1000); /* the count begins anew */
}

static void a_row_that_has_failed_often_waits_for_itself_as_well(void **state) {
    (void)state;
    delivery_row row = row_of("cdc-a");
    row.attempts = 3;
    assert_true(standing_enter(&room, &row, 7, 1000, &due));
    assert_int_equal(standing_leave(&room, &row, true, 1000, 1000), 9000); /* refused, not silent */
    assert_true(enter("cdc-a", 1000));
    leave("cdc-a", true, 1000, 1000);
}

static void in_trouble_one_thread_tries_and_of_all_channels_half(void **state) {
    (void)state;
    const char *const channels[] = {"cdc-a", "cdc-b", "cdc-c"};
    for (size_t i = 0; i < 3; i++) {
        assert_true(enter(channels[i], 0));
        leave(channels[i], false, 0, 0);
    }
    assert_true(enter("cdc-a", 1000));
    assert_false(enter("cdc-a", 1000));
    assert_int_equal(due, 2000);
    assert_true(enter("cdc-b", 1000));
    assert_false(enter("cdc-c", 1000));
    assert_true(enter("cdc-well", 1000));
    leave("cdc-b", true, 1000, 1500);
    assert_true(enter("cdc-c", 1500));
    assert_true(enter("cdc-b", 1500)); /* well again: it needs no place among those */
}

static void tries_that_overlap_count_once(void **state) {
    (void)state;
    assert_true(enter("cdc-a", 100));
    assert_true(enter("cdc-a", 110));
    assert_int_equal(leave("cdc-a", false, 100, 200), 1200);
    assert_int_equal(leave("cdc-a", false, 110, 210), 1210);
    assert_true(enter("cdc-a", 1200));
    assert_int_equal(leave("cdc-a", false, 1200, 1200), 3200);
}

static void a_target_that_lets_its_threads_wait_gets_no_more(void **state) {
    (void)state;
    assert_true(enter("cdc-a", 1000));
    assert_true(enter("cdc-a", 3000));
    assert_false(is_troubled("cdc-a", 3000));
    assert_true(is_troubled("cdc-a", 3001));
    assert_false(enter("cdc-a", 3001));
    leave("cdc-a", true, 1000, 4000); /* slow, but it answers */
    assert_true(enter("cdc-a", 5000));
}

static void a_changed_channel_begins_anew(void **state) {
    (void)state;
    delivery_row row = row_of("cdc-a");
    assert_true(enter("cdc-a", 0));
    leave("cdc-a", false, 0, 0);
    assert_false(enter("cdc-a", 1));
    assert_true(standing_enter(&room, &row, 8, 1, &due));
    standing_leave(&room, &row, true, 1, 1);
}

static void *leave_one(void *argument) {
    leave(argument, true, 0, 0);
    return NULL;
}

/* The fourth thread is for others; it waits until one of the three has ended. */
static void a_channel_that_seems_well_does_not_get_every_thread(void **state) {
    (void)state;
    pthread_t thread;
    for (int i = 0; i < 3; i++)
        assert_true(enter("cdc-a", 0));
    assert_false(enter("cdc-a", 0));
    assert_int_equal(due, 1000);
    assert_true(enter("cdc-b", 0));
    assert_int_equal(pthread_create(&thread, NULL, leave_one, (void *)(uintptr_t) "cdc-a"), 0);
    assert_true(enter("cdc-a", 0));
    pthread_join(thread, NULL);
}

static void channels_of_other_accounts_and_a_single_thread(void **state) {
    (void)state;
    delivery_row other = row_of("eventbridge");
    other.account_id = PL_STR("1000000000000002");
    assert_true(enter("eventbridge", 0));
    leave("eventbridge", false, 0, 0);
    assert_false(enter("eventbridge", 0));
    room.config.workers = 1;
    assert_true(standing_enter(&room, &other, 0, 0, &due));
    standing_leave(&room, &other, true, 0, 0);
    assert_true(enter("eventbridge", 1000)); /* the only thread may try */
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_silent_target_is_tried_after_longer_and_longer_pauses),
        CASE(a_row_that_has_failed_often_waits_for_itself_as_well),
        CASE(in_trouble_one_thread_tries_and_of_all_channels_half),
        CASE(tries_that_overlap_count_once),
        CASE(a_target_that_lets_its_threads_wait_gets_no_more),
        CASE(a_changed_channel_begins_anew),
        CASE(a_channel_that_seems_well_does_not_get_every_thread),
        CASE(channels_of_other_accounts_and_a_single_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
