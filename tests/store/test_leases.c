/* Claims that are held and renewed: only what is held, until the time of the clock and the lease. */
#include "support/testing.h"

#include "store/leases.h"
#include "support/records.h"

static int64_t now;
static uint64_t sequence;
static store_leases *leases;
static char renewed[4][STORE_LEASE_NAME];
static size_t renewed_count;
static int64_t renewed_until;

static int note_renewal(store_session *session, pl_str name, int64_t until, pl_error *wrong) {
    (void)session, (void)wrong;
    assert_true(renewed_count < 4);
    memcpy(renewed[renewed_count++], name.p, STORE_LEASE_NAME);
    renewed_until = until;
    return 0;
}

static int setup(void **state) {
    (void)state;
    now = 1760000000000;
    sequence = 7;
    renewed_count = 0;
    if (open_records() != 0)
        return -1;
    store_leases_config config = {.store = db,
                                  .clock = pl_clock_fixed(&now),
                                  .random = pl_random_sequence(&sequence),
                                  .renew = note_renewal};
    return store_leases_open(&leases, &config, &error);
}

static int teardown(void **state) {
    (void)state;
    store_leases_close(leases);
    return close_records();
}

static void only_what_is_held_is_renewed(void **state) {
    store_lease one, two;
    (void)state;
    assert_int_equal(store_lease_hold(leases, &one, &error), 0);
    assert_int_equal(store_lease_hold(leases, &two, &error), 0);
    assert_int_equal(strlen(one.name), STORE_LEASE_NAME - 1);
    assert_string_not_equal(one.name, two.name);
    assert_int_equal(store_leases_renew(leases, &error), 0);
    assert_int_equal(renewed_count, 2);
    assert_int_equal(renewed_until, now + STORE_LEASE_MS);
    store_lease_let_go(leases, &one);
    now += 5000;
    assert_int_equal(store_leases_renew(leases, &error), 0);
    assert_int_equal(renewed_count, 3);
    assert_string_equal(renewed[2], two.name);
    assert_int_equal(renewed_until, now + STORE_LEASE_MS);
    store_lease_let_go(leases, &two);
    assert_int_equal(store_leases_renew(leases, &error), 0);
    assert_int_equal(renewed_count, 3);
}

static void the_thread_ends_when_it_is_closed(void **state) {
    (void)state;
    assert_int_equal(store_leases_start(leases, &error), 0);
    store_leases_close(leases);
    leases = NULL;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {CASE(only_what_is_held_is_renewed),
                                       CASE(the_thread_ends_when_it_is_closed)};
    return run_on_both(tests);
}
