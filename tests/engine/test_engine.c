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

/* The store is closed between stopping and closing, as notifications come on its threads. */
static void open_and_close(void *argument) {
    engine_config config = {.store = db,
                            .catalogue = known,
                            .clock = pl_clock_fixed(&now),
                            .random = pl_random_system(),
                            .workers = *(const unsigned *)argument};
    engine *made = NULL;
    pl_error wrong = {0};
    if (engine_open(&made, &config, &wrong) != 0) {
        assert_string_equal(wrong.code, "ServiceUnavailable");
        assert_null(made);
        return;
    }
    engine_stop(made);
    pl_memory_fail_end();
    store_close(db);
    engine_close(made);
    db = NULL;
}

static void without_memory_there_is_no_engine(void **state) {
    (void)state;
    unsigned threads = 2;
    for (long successes = 0; db; successes++) {
        pl_memory_fail_once(successes);
        open_and_close(&threads);
        pl_memory_fail_end();
    }
    assert_null(db);
}

static void no_engine_is_stopped_and_closed_for_nothing(void **state) {
    (void)state;
    engine_stop(NULL);
    engine_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_store, teardown_store)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(without_randomness_there_is_no_engine),
        TEST(without_memory_there_is_no_engine),
        TEST(no_engine_is_stopped_and_closed_for_nothing),
    };
    return run_on_both(tests);
}
