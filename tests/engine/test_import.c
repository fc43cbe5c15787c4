/* Batches that are parsed while others are stored: all of them, in order, each whole, errors with their
 * label. */
#include "support/testing.h"

#include "engine/world.h"

#include "base/memory.h"
#include "engine/import.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>

static bool no_threads;

int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument) {
    static int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
    return no_threads ? EAGAIN : real(thread, attributes, start, argument);
}

static engine_import *begin(void) {
    static inventory_defaults defaults;
    defaults = (inventory_defaults){.account_id = owner, .catalogue = known};
    engine_import *import = engine_import_begin(e, &defaults, &error);
    assert_non_null(import);
    return import;
}

static engine_import_taken add(engine_import *import, const char *text, const char *label) {
    return engine_import_add(import, pl_str_from(text), pl_str_from(label), now++, &error);
}

static void batches_are_stored_in_order_with_their_verdicts(void **state) {
    (void)state;
    engine_ingested sum;
    engine_rule *rule = make(rule_named("running", RUNNING));
    engine_import *import = begin();
    for (int i = 0; i < 20; i++) {
        char text[600];
        snprintf(text, sizeof text, "[%s,%s]",
                 i % 2 ? INSTANCE("i-1", "Running") : INSTANCE("i-1", "Stopped"), INSTANCE("i-2", "Running"));
        assert_int_equal(add(import, text, "batch"), ENGINE_IMPORT_TAKEN);
    }
    assert_int_equal(engine_import_end(import, &sum, &error), 0);
    assert_int_equal(sum.accepted, 40);
    assert_int_equal(sum.changed, 21);
    assert_int_equal(sum.unchanged, 19);
    struct listing l = list(rule);
    assert_int_equal(l.count, 2);
    assert_int_equal(l.results[0].compliance, ENGINE_COMPLIANT);
    assert_int_equal(l.results[0].last_fixed, now - 1);
}

static void a_malformed_batch_names_its_item_and_stops_the_import(void **state) {
    (void)state;
    engine_ingested sum;
    engine_import *import = begin();
    assert_int_equal(add(import, "[" INSTANCE("i-1", "Running") "]", "first"), ENGINE_IMPORT_TAKEN);
    assert_int_equal(add(import, "[" INSTANCE("i-2", "Running") ",{\"resourceId\":\"i-3\"}]", "second"),
                     ENGINE_IMPORT_MALFORMED);
    assert_string_equal(error.code, "Invalid.ConfigurationItems.Value");
    assert_int_equal(error.position, 1);
    assert_int_equal(add(import, "[" INSTANCE("i-4", "Running") "]", "third"), ENGINE_IMPORT_LOST);
    assert_int_equal(engine_import_end(import, &sum, &error), 0);
    assert_int_equal(sum.accepted, 1);
}

/* Without its table nothing can be recorded any more. */
static int break_inventory(store_session *session, void *argument, pl_error *why) {
    (void)argument;
    return store_run(session, why, "DROP TABLE resource_counts", "");
}

static void a_batch_that_cannot_be_stored_is_told_with_its_label(void **state) {
    (void)state;
    engine_ingested sum;
    pl_error last = {0};
    assert_int_equal(store_write(db, break_inventory, NULL, &error), 0);
    engine_import *import = begin();
    assert_int_equal(add(import, "[" INSTANCE("i-1", "Running") "]", "first"), ENGINE_IMPORT_TAKEN);
    assert_int_equal(add(import, "[" INSTANCE("i-2", "Running") "]", "second"), ENGINE_IMPORT_LOST);
    assert_ptr_equal(strstr(error.message, "first: "), error.message);
    assert_int_equal(engine_import_end(import, &sum, &last), -1);
    assert_int_equal(sum.accepted, 0);
    assert_string_equal(last.code, "");

    import = begin();
    assert_int_equal(add(import, "[" INSTANCE("i-1", "Running") "]", "only"), ENGINE_IMPORT_TAKEN);
    assert_int_equal(engine_import_end(import, &sum, &last), -1);
    assert_ptr_equal(strstr(last.message, "only: "), last.message);
}

static void what_is_no_json_is_malformed(void **state) {
    (void)state;
    engine_ingested sum;
    engine_import *import = begin();
    assert_int_equal(add(import, "[", "only"), ENGINE_IMPORT_MALFORMED);
    assert_int_equal(engine_import_end(import, &sum, &error), 0);
    assert_int_equal(sum.accepted, 0);
}

static void without_a_thread_the_caller_stores(void **state) {
    (void)state;
    engine_ingested sum;
    engine_rule *rule = make(rule_named("running", RUNNING));
    no_threads = true;
    engine_import *import = begin();
    no_threads = false;
    assert_int_equal(add(import, "[" INSTANCE("i-1", "Stopped") "]", "first"), ENGINE_IMPORT_TAKEN);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 1); /* at once */
    assert_int_equal(add(import, "[" INSTANCE("i-2", "Running") "]", "second"), ENGINE_IMPORT_TAKEN);
    assert_int_equal(engine_import_end(import, &sum, &error), 0);
    assert_int_equal(sum.accepted, 2);
    assert_int_equal(list(rule).counts.total, 2);
}

/* Whoever does not want to know is told nothing. */
static void an_import_may_end_unread(void **state) {
    (void)state;
    engine_import *import = begin();
    assert_int_equal(add(import, "[" INSTANCE("i-1", "Running") "]", "only"), ENGINE_IMPORT_TAKEN);
    assert_int_equal(engine_import_end(import, NULL, NULL), 0);
    assert_int_equal(store_write(db, break_inventory, NULL, &error), 0);
    import = begin();
    assert_int_equal(add(import, "[" INSTANCE("i-2", "Running") "]", "only"), ENGINE_IMPORT_TAKEN);
    assert_int_equal(engine_import_end(import, NULL, NULL), -1);
}

/* One import of one batch, which may fail for want of memory and then has stored nothing. */
static bool import_one(int64_t *accepted) {
    engine_ingested sum = {0};
    pl_error wrong = {0};
    inventory_defaults defaults = {.account_id = owner, .catalogue = known};
    engine_import *import = engine_import_begin(e, &defaults, &wrong);
    bool taken = import && engine_import_add(import, PL_STR("[" INSTANCE("i-1", "Running") "]"),
                                             PL_STR("only"), now++, &wrong) == ENGINE_IMPORT_TAKEN;
    assert_true(taken || wrong.http_status >= 500);
    if (import)
        assert_int_equal(engine_import_end(import, &sum, &wrong), 0);
    *accepted = sum.accepted;
    return taken;
}

static void a_batch_without_memory_is_not_taken(void **state) {
    (void)state;
    int64_t accepted;
    bool failed = true;
    assert_non_null(catalogue_type_at(known, 0, &error)); /* has been read before */
    for (long successes = 0; failed; successes++) {
        pl_memory_fail_once(successes);
        bool taken = import_one(&accepted);
        failed = pl_memory_fail_end();
        assert_int_equal(accepted, taken);
    }
    assert_int_equal(accepted, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(batches_are_stored_in_order_with_their_verdicts, setup, teardown),
        cmocka_unit_test_setup_teardown(a_malformed_batch_names_its_item_and_stops_the_import, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_batch_that_cannot_be_stored_is_told_with_its_label, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_no_json_is_malformed, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_thread_the_caller_stores, setup, teardown),
        cmocka_unit_test_setup_teardown(an_import_may_end_unread, setup, teardown),
        cmocka_unit_test_setup_teardown(a_batch_without_memory_is_not_taken, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
