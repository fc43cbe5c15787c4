/* Runs by several threads beside ingestion: counters and results are those of a recount. */
#include "support/testing.h"

#include "engine/histories.h"

static int setup_threads(void **state) {
    return setup_history(state, 3, 7);
}

static void counts_are_exact_beside_ingestion(void **state) {
    (void)state;
    engine_rule *rules[RULES];
    put_random(RESOURCES, true);
    for (unsigned i = 0; i < RULES; i++)
        rules[i] = make_rule(i);
    for (unsigned round = 0; round < 3; round++) {
        start_rules(rules, RULES);
        for (unsigned i = 0; i < 8; i++)
            put_random(40, false);
    }
    counts_are_exact(rules, RULES);
}

static void the_engine_stops_in_the_middle_of_a_run(void **state) {
    (void)state;
    engine_rule *rules[3];
    put_random(RESOURCES, true);
    for (unsigned i = 0; i < 3; i++)
        rules[i] = make_rule(i);
    engine_close(e);
    store_close(db);
    char path[256];
    snprintf(path, sizeof path, "%s/test.db", db_directory);
    assert_int_equal(store_open(&db, pl_str_from(path), NULL, &error), 0);
    assert_int_equal(open_engine(), 0);
    counts_are_exact(rules, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts_are_exact_beside_ingestion, setup_threads, teardown),
        cmocka_unit_test_setup_teardown(the_engine_stops_in_the_middle_of_a_run, setup_threads, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
