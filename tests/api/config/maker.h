/* A maker of report files beside the operations: it has no threads, so what is being made can be looked at.
 */
#ifndef PL_TESTS_API_CONFIG_MAKER_H
#define PL_TESTS_API_CONFIG_MAKER_H

#include "support/calls.h"

#include "reports/reports.h"

static reports *maker;

static inline int open_maker(void **state) {
    char scratch[128], outbox[128];
    call_setup(state);
    snprintf(scratch, sizeof scratch, "%s/scratch", world.directory);
    snprintf(outbox, sizeof outbox, "%s/outbox", world.directory);
    reports_config config = {.store = world.store,
                             .engine = world.engine,
                             .catalogue = world.catalogue,
                             .clock = world.services.clock,
                             .random = world.services.random,
                             .scratch = scratch,
                             .outbox = outbox};
    return reports_open(&maker, &config, &world.error);
}

static inline int close_maker(void **state) {
    char scratch[128];
    snprintf(scratch, sizeof scratch, "%s/scratch", world.directory);
    reports_close(maker);
    assert_int_equal(rmdir(scratch), 0); /* nothing stays in it */
    return call_teardown(state);
}

/* Records items, a JSON array, in the caller's account. */
static inline void put(const char *items) {
    pl_json root;
    engine_ingested done;
    inventory_defaults defaults = {.account_id = world.caller.account_id, .catalogue = world.catalogue};
    if (pl_json_parse_in(&world.arena, pl_str_from(items), &root, &world.error) != 0 ||
        engine_ingest(world.engine, &defaults, root, world.now, &done, &world.error) != 0)
        fail_msg("%s", world.error.message);
}

#define MAKER_TEST(function) cmocka_unit_test_setup_teardown(function, open_maker, close_maker)

#endif
