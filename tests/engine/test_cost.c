/*
 * Allocations of the hot paths once they are warm: recording documents that were recorded before, and reading
 * a range of a full run from its page or from configurations. Batches are compared with batches of several
 * times as many documents, so that what a document costs is known and what a batch costs is not counted.
 */
#include "support/testing.h"

#include "base/memory.h"
#include "engine/histories.h"

enum { SMALL = 200, LARGE = 1000 };

static int setup_by_hand(void **state) {
    return setup_history(state, 0, 3);
}

/* Allocations for a hundred more documents. */
static long for_a_hundred(uint64_t small, uint64_t large) {
    return ((long)large - (long)small) * 100 / (LARGE - SMALL);
}

/* --- Recording --------------------------------------------------------------------------------------------
 */

static uint64_t cost_of_recording(unsigned from, unsigned count, unsigned version) {
    pl_buf text;
    pl_json root;
    engine_ingested out;
    inventory_defaults defaults = {.account_id = owner, .catalogue = known};
    pl_buf_init(&text, 16 << 20);
    for (unsigned i = from; i < from + count; i++)
        pl_buf_printf(
            &text,
            "%s{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-%05u\",\"regionId\":\"r\","
            "\"configuration\":{\"Status\":\"%s\",\"Version\":%u}}",
            i == from ? "[" : ",", i, i % 10 ? "Running" : "Stopped", version);
    pl_buf_add(&text, PL_STR("]"));
    if (pl_json_parse_in(&arena, pl_buf_str(&text), &root, &error) != 0)
        fail_msg("%s", error.message);
    now += 1000;
    uint64_t before = pl_memory_allocations();
    if (engine_ingest(e, &defaults, root, now, &out, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    uint64_t allocated = pl_memory_allocations() - before;
    pl_buf_free(&text);
    return allocated;
}

/* New documents, then changed ones, then the same again. */
static void recording_costs_a_document_the_same(void **state) {
    (void)state;
    static const struct {
        unsigned version, budget; /* allocations for a hundred documents */
    } kinds[] = {{1, 3}, {2, 3}, {2, 3}};
    (void)make(rule_named("running", RUNNING));
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        (void)cost_of_recording(90000, SMALL, kinds[i].version);
    unsigned from = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        uint64_t small = cost_of_recording(from, SMALL, kinds[i].version);
        uint64_t large = cost_of_recording(from + SMALL, LARGE, kinds[i].version);
        long more = for_a_hundred(small, large);
        assert_true(small > 0); /* it is this thread that works */
        if (more > (long)kinds[i].budget)
            fail_msg("kind %zu: %ld allocations for a hundred documents more", i, more);
    }
    /* An account that holds more costs no more. */
    uint64_t early = cost_of_recording(10000, LARGE, 1), late = early;
    for (unsigned i = 2; i < 5; i++)
        late = cost_of_recording(i * 10000, LARGE, 1);
    assert_true(late <= early + early / 10 + 20);
}

/* --- Running ----------------------------------------------------------------------------------------------
 */

struct gathering {
    engine_rule **rules;
    size_t count, records;
    bool page;
    uint64_t allocated;
};

static int gather_work(store_session *session, void *argument, pl_error *wrong) {
    struct gathering *g = argument;
    static engine_batch batch;
    engine_run run;
    engine_range range = {
        .type = PL_STR("ACS::ECS::Instance"), .until = (int64_t)g->records, .page = g->page};
    pl_arena own;
    bool inside, found;
    pl_arena_init(&own, 256 << 20);
    int status = engine_run_begin(&run, e, owner, ENGINE_RUN_RULES, wrong);
    for (size_t i = 0; status == 0 && i < g->count; i++) {
        engine_rule *current = pl_new(&arena, engine_rule, 1);
        status = engine_rule_find_key(session, &arena, owner, g->rules[i]->rule_key, current, &found, wrong);
        if (status == 0)
            status = engine_run_add(&run, session, current, &inside, wrong) ? 0 : -1;
    }
    for (unsigned turn = 0; status == 0 && turn < 2; turn++) { /* the second is warm */
        uint64_t before = pl_memory_allocations();
        status = engine_run_gather(&run, session, &own, now, &range, &batch, wrong);
        g->allocated = pl_memory_allocations() - before;
        assert_int_equal(batch.count, g->records);
        pl_arena_reset(&own);
    }
    engine_run_end(&run);
    pl_arena_free(&own);
    return status;
}

static uint64_t cost_of_gathering(engine_rule **rules, size_t records, bool page) {
    struct gathering g = {.rules = rules, .count = 2, .records = records, .page = page};
    if (store_read(db, gather_work, &g, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return g.allocated;
}

static void a_run_costs_a_document_the_same(void **state) {
    (void)state;
    engine_rule *rules[2];
    put_many(ENGINE_BATCH);
    for (unsigned i = 0; i < 2; i++)
        rules[i] = make_rule(i);
    drain();
    long more = for_a_hundred(cost_of_gathering(rules, SMALL, false), cost_of_gathering(rules, LARGE, false));
    if (more > 8)
        fail_msg("from configurations: %ld allocations for a hundred documents more", more);
    struct gathering page = {.rules = rules, .count = 2, .records = ENGINE_BATCH, .page = true};
    if (store_read(db, gather_work, &page, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    if (page.allocated > 64)
        fail_msg("from a page: %llu allocations for %d documents", (unsigned long long)page.allocated,
                 ENGINE_BATCH);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(recording_costs_a_document_the_same, setup_by_hand, teardown),
        cmocka_unit_test_setup_teardown(a_run_costs_a_document_the_same, setup_by_hand, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
