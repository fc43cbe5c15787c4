/*
 * Two clients that give the same name at the same time: the second one waits for the first, is tried again by
 * the store and then told that the name exists. PostgreSQL only, as SQLite has one writer.
 */
#include "support/testing.h"

#include "engine/world.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

/* --- The other client -------------------------------------------------------------------------------------
 */

struct other_client {
    const char *rename;
    atomic_bool held, answered; /* the name is given but not committed; the second client has its answer */
    int status;
};

static int is_waited_for(store_session *session, bool *waiting, pl_error *wrong) {
    store_statement *st = store_prepare(session, "SELECT count(*) FROM pg_locks WHERE NOT granted", wrong);
    if (store_step(st, wrong) != 1)
        return -1;
    *waiting = store_column_i64(st, 0) > 0;
    store_reset(st);
    return 0;
}

static int hold_work(store_session *session, void *argument, pl_error *wrong) {
    struct other_client *other = argument;
    bool waiting = false;
    if (store_run(session, wrong, other->rename, "") != 0)
        return -1;
    atomic_store(&other->held, true);
    while (!waiting && !atomic_load(&other->answered)) {
        sched_yield();
        if (is_waited_for(session, &waiting, wrong) != 0)
            return -1;
    }
    return 0;
}

static void *give_the_name(void *argument) {
    struct other_client *other = argument;
    pl_error wrong;
    other->status = store_write(db, hold_work, other, &wrong);
    atomic_store(&other->held, true);
    return NULL;
}

/* Tries a work while the other client gives the name "wanted". */
static void expect_exists(const char *rename, store_work work, void *argument, const char *code) {
    struct other_client other = {.rename = rename};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, give_the_name, &other), 0);
    while (!atomic_load(&other.held))
        sched_yield();
    int status = store_write(db, work, argument, &error);
    atomic_store(&other.answered, true);
    pthread_join(thread, NULL);
    assert_int_equal(other.status, 0);
    assert_int_equal(status, -1);
    assert_string_equal(error.code, code);
}

/* --- Rules ------------------------------------------------------------------------------------------------
 */

static int update_work(store_session *session, void *argument, pl_error *wrong) {
    struct making *m = argument;
    engine_context context = context_of_test();
    return engine_rule_update(&context, session, &m->rule, wrong);
}

#define RENAME_RULE "UPDATE rules SET name = 'wanted' WHERE name = 'other'"

static void a_rule_that_is_made_too_late_is_refused(void **state) {
    (void)state;
    make(rule_named("other", RUNNING));
    struct making m = {rule_named("wanted", RUNNING)};
    expect_exists(RENAME_RULE, make_work, &m, "ConfigRuleExists");
}

static void a_rule_that_is_renamed_too_late_is_refused(void **state) {
    (void)state;
    make(rule_named("other", RUNNING));
    struct making m = {*make(rule_named("third", RUNNING))};
    m.rule.name = PL_STR("wanted");
    expect_exists(RENAME_RULE, update_work, &m, "ConfigRuleExists");
}

/* --- Packs ------------------------------------------------------------------------------------------------
 */

struct packing {
    engine_pack pack;
};

static struct packing pack_named(const char *name) {
    return (struct packing){{.account_id = owner,
                             .aggregator_id = PL_STR(""),
                             .name = pl_str_from(name),
                             .template_id = PL_STR(""),
                             .risk_level = 1}};
}

static int create_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    engine_context context = context_of_test();
    engine_pack_entry entry = {.identifier = PL_STR("eip-bandwidth-limit")};
    engine_pack_input input = {.pack = &p->pack, .entries = &entry, .entry_count = 1, .has_entries = true};
    return engine_pack_create(&context, session, &input, wrong);
}

static int rename_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    engine_context context = context_of_test();
    engine_pack_input input = {.pack = &p->pack};
    return engine_pack_update(&context, session, &input, wrong);
}

#define RENAME_PACK "UPDATE packs SET name = 'wanted' WHERE name = 'other'"

static void a_pack_that_is_made_or_renamed_too_late_is_refused(void **state) {
    (void)state;
    struct packing first = pack_named("other"), third = pack_named("third"), second = pack_named("wanted");
    assert_int_equal(store_write(db, create_work, &first, &error), 0);
    assert_int_equal(store_write(db, create_work, &third, &error), 0);
    expect_exists(RENAME_PACK, create_work, &second, "CompliancePackExists");
    assert_int_equal(store_write(db, create_work, &first, &error), 0); /* its old name is free */
    third.pack.name = PL_STR("wanted too");
    expect_exists("UPDATE packs SET name = 'wanted too' WHERE name = 'other'", rename_work, &third,
                  "CompliancePackExists");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_rule_that_is_made_too_late_is_refused),
        TEST(a_rule_that_is_renamed_too_late_is_refused),
        TEST(a_pack_that_is_made_or_renamed_too_late_is_refused),
    };
    return cmocka_run_group_tests(tests, start_postgres, stop_postgres);
}
