/* Opening and closing the engine: what it needs and cannot have is told, and nothing is left behind. */
#include "support/faults.h"

#include "support/records.h"

#include "engine/engine.h"

static catalogue *known;
static int64_t now = 1700000000000;

static int setup_store(void **state) {
    (void)state;
    return open_records() != 0 || catalogue_open(&known, NULL, &error) != 0 ? -1 : 0;
}

static int teardown_store(void **state) {
    (void)state;
    catalogue_close(known);
    return close_records();
}

static int fills; /* that succeed */

static int little_randomness(void *context, void *bytes, size_t n) {
    (void)context;
    memset(bytes, 1, n);
    return fills-- > 0 ? 0 : -1;
}

static void without_randomness_there_is_no_engine(void **state) {
    (void)state;
    engine *made = NULL;
    engine_config config = {
        .store = db, .catalogue = known, .clock = pl_clock_fixed(&now), .random = {little_randomness, NULL}};
    int enough = 0;
    for (fills = enough; engine_open(&made, &config, &error) != 0; fills = ++enough) {
        assert_string_equal(error.code, "ServiceUnavailable");
        assert_null(made);
        assert_true(enough < 20);
    }
    assert_true(enough >= 2); /* a name and a seed */
    engine_close(made);
}

static int open_with_workers(engine **made, pl_error *wrong) {
    engine_config config = {.store = db,
                            .catalogue = known,
                            .clock = pl_clock_fixed(&now),
                            .random = pl_random_system(),
                            .workers = 2};
    return engine_open(made, &config, wrong);
}

static void open_and_close(void *argument) {
    engine *made = NULL;
    pl_error wrong = {0};
    (void)argument;
    if (open_with_workers(&made, &wrong) != 0) {
        assert_string_equal(wrong.code, "ServiceUnavailable");
        assert_null(made);
    }
    engine_close(made);
}

static void without_memory_there_is_no_engine(void **state) {
    (void)state;
    assert_true(with_failing_allocations(open_and_close, NULL) > 0);
}

static int tell_engines(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return store_notify(session, PL_STR("engine_wake"), PL_STR(""), wrong);
}

/* Whether it was stopped before or not, a store that lives on has nobody left to tell. */
static void a_closed_engine_is_told_nothing_more(void **state) {
    (void)state;
    for (int i = 0; i < 200; i++) {
        engine *made = NULL;
        assert_int_equal(open_with_workers(&made, &error), 0);
        if (i % 2)
            engine_stop(made);
        engine_close(made);
        assert_int_equal(store_write(db, tell_engines, NULL, &error), 0);
    }
}

/* What stopped may outlive the store. */
static void a_stopped_engine_is_closed_without_its_store(void **state) {
    (void)state;
    engine *made = NULL;
    assert_int_equal(open_with_workers(&made, &error), 0);
    engine_stop(made);
    store_close(db);
    db = NULL;
    engine_close(made);
}

static void no_engine_is_stopped_and_closed_for_nothing(void **state) {
    (void)state;
    engine_stop(NULL);
    engine_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_store, teardown_store)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(without_randomness_there_is_no_engine),       TEST(without_memory_there_is_no_engine),
        TEST(a_closed_engine_is_told_nothing_more),        TEST(a_stopped_engine_is_closed_without_its_store),
        TEST(no_engine_is_stopped_and_closed_for_nothing),
    };
    return run_on_both(tests);
}
