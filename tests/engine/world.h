/* An engine over a store of this test alone, rules and items made from little text, results read back. */
#ifndef PL_TESTS_ENGINE_WORLD_H
#define PL_TESTS_ENGINE_WORLD_H

#include "support/records.h"

#include "engine/packs.h"
#include "engine/rules.h"

#ifdef PL_TESTS_WITH_FAULTS
#include "support/store_faults.h"

#undef run_on_both
#define run_on_both(tests) cmocka_run_group_tests(tests, NULL, NULL)

/* A rehearsal fails at every place of the first so many, then at fewer and fewer. */
static long thinning = 20;

static bool forgetful; /* every try meets an engine that has kept nothing of those before it */
static void forget_all(void);

/*
 * What is about to be done is tried while more and more of it succeeds; no COMMIT does, so nothing of it may
 * be seen afterwards.
 */
static inline void rehearse(int (*attempt)(void *, pl_error *), void *argument) {
    static const fault kinds[] = {FAULT_ALLOCATION, FAULT_STEP};
    pl_arena own = arena;
    commits_fail = true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        bool failed = true;
        for (long successes = 0; failed; successes += 1 + successes / thinning) {
            pl_error wrong = {0};
            pl_arena_init(&arena, 0);
            forget_all();
            fault_begin(kinds[i], successes);
            int status = attempt(argument, &wrong);
            failed = fault_end();
            pl_arena_free(&arena);
            assert_int_equal(status, -1);
            if (wrong.http_status < 500)
                fail_msg("for want of memory or disk: %s: %s", wrong.code, wrong.message);
        }
    }
    commits_fail = false;
    arena = own;
}

/* What only reads is read wholly or fails for the reason that was given. */
static inline void rehearse_reading(int (*attempt)(void *, pl_error *), void *argument) {
    pl_arena own = arena;
    for (unsigned kind = 0; kind < FAULTS; kind++) {
        bool failed = true;
        for (long successes = 0; failed; successes += 1 + successes / (3 * thinning)) {
            pl_error wrong = {0};
            pl_arena_init(&arena, 0);
            forget_all();
            fault_begin((fault)kind, successes);
            int status = attempt(argument, &wrong);
            failed = fault_end();
            pl_arena_free(&arena);
            if (status != 0 && (!failed || wrong.http_status < 500))
                fail_msg("for want of memory or disk: %s: %s", wrong.code, wrong.message);
        }
    }
    arena = own;
}
#else
static inline void rehearse(int (*attempt)(void *, pl_error *), void *argument) {
    (void)attempt;
    (void)argument;
}

static inline void rehearse_reading(int (*attempt)(void *, pl_error *), void *argument) {
    (void)attempt;
    (void)argument;
}
#endif

/* A work with its argument, which a try gets a copy of. */
struct writing {
    store_work work;
    const void *argument;
    size_t size;
};

static inline int try_to_write(void *argument, pl_error *wrong) {
    const struct writing *w = argument;
    char copy[4096];
    assert_true(w->size <= sizeof copy);
    memcpy(copy, w->argument, w->size);
    return store_write(db, w->work, copy, wrong);
}

static inline int try_to_read(void *argument, pl_error *wrong) {
    const struct writing *w = argument;
    char copy[4096];
    assert_true(w->size <= sizeof copy);
    memcpy(copy, w->argument, w->size);
    return store_read(db, w->work, copy, wrong);
}

static inline int write_in_test(store_work work, void *argument, size_t size) {
    struct writing w = {work, argument, size};
    rehearse(try_to_write, &w);
    return store_write(db, work, argument, &error);
}

/* The same for a work that reads. */
static inline int read_in_test(store_work work, void *argument, size_t size) {
    struct writing w = {work, argument, size};
    rehearse_reading(try_to_read, &w);
    return store_read(db, work, argument, &error);
}

static const pl_str owner = PL_STR_INIT("100000000000001");
static int64_t now;
static engine *e;
static catalogue *known;

static unsigned workers; /* of the engine that setup opens */
static engine_groups group_answers;
static struct delivery *listening; /* is told of changes and violations; NULL: nobody */
static int64_t run_inside;         /* resources of runs inside a transaction; 0: as usual */
static const pl_log *engine_log;

static int open_engine(void) {
    engine_config config = {.store = db,
                            .catalogue = known,
                            .clock = pl_clock_fixed(&now),
                            .random = pl_random_system(),
                            .log = engine_log,
                            .workers = workers,
                            .run_inside = run_inside,
                            .groups = group_answers,
                            .delivery = listening};
    return engine_open(&e, &config, &error);
}

#ifdef PL_TESTS_WITH_FAULTS
static void forget_all(void) {
    if (!forgetful)
        return;
    bool failing = commits_fail;
    commits_fail = false;
    engine_close(e);
    if (open_engine() != 0)
        fail_msg("%s", error.message);
    commits_fail = failing;
}
#endif

static int setup(void **state) {
    (void)state;
    if (open_records() != 0)
        return -1;
    now = 1700000000000;
    if (catalogue_open(&known, NULL, &error) != 0)
        return -1;
    return open_engine();
}

static int teardown(void **state) {
    (void)state;
    engine_close(e);
    catalogue_close(known);
    return close_records();
}

/* --- Rules ------------------------------------------------------------------------------------------------
 */

struct making {
    engine_rule rule;
};

static engine_context context_of_test(void) {
    return (engine_context){.engine = e,
                            .catalogue = known,
                            .random = pl_random_system(),
                            .arena = &arena,
                            .now = now,
                            .rules_limit = 100,
                            .packs_limit = 10};
}

static int make_work(store_session *session, void *argument, pl_error *wrong) {
    struct making *m = argument;
    engine_context context = context_of_test();
    return engine_rule_create(&context, session, &m->rule, PL_STR_NONE, wrong);
}

#define CONDITION(clause) "{\"ComplianceConditions\":{\"operator\":\"and\",\"children\":[" clause "]}}"
#define RUNNING                                                                                              \
    CONDITION("{\"operator\":\"StringEquals\",\"featurePath\":\"$.Status\",\"featureSource\":"               \
              "\"CONFIGURATION\",\"desired\":\"Running\"}")

static inline engine_rule rule_named(const char *name, const char *conditions) {
    engine_rule rule = {.account_id = owner,
                        .name = pl_str_from(name),
                        .description = PL_STR(""),
                        .owner = ENGINE_CONDITION,
                        .identifier = PL_STR("acs-config-configuration"),
                        .conditions = pl_str_from(conditions),
                        .input_parameters = PL_STR("{}"),
                        .risk_level = 1,
                        .triggers = ENGINE_TRIGGER_CHANGE};
    if (engine_list_parse(&arena, PL_STR("ACS::ECS::Instance"), &rule.scope.resource_types, &error) != 0)
        fail_msg("%s", error.message);
    return rule;
}

static inline engine_rule *make(engine_rule rule) {
    struct making *m = pl_new(&arena, struct making, 1);
    m->rule = rule;
    if (write_in_test(make_work, m, sizeof *m) != 0)
        fail_msg("%s: %s", error.code, error.message);
    engine_after_commit(e);
    return &m->rule;
}

struct acting {
    const engine_rule *rule;
    engine_rule_action action;
};

static int act_work(store_session *session, void *argument, pl_error *wrong) {
    struct acting *a = argument;
    engine_context context = context_of_test();
    engine_group own = {owner, PL_STR_NONE};
    return engine_rule_act(&context, session, &own, a->rule->rule_id, a->action, wrong);
}

static inline void act(const engine_rule *rule, engine_rule_action action) {
    struct acting a = {rule, action};
    if (write_in_test(act_work, &a, sizeof a) != 0)
        fail_msg("%s: %s", error.code, error.message);
    engine_after_commit(e);
}

/* --- Items ------------------------------------------------------------------------------------------------
 */

struct recording {
    inventory_defaults defaults;
    pl_json items;
};

static int try_to_record(void *argument, pl_error *wrong) {
    const struct recording *r = argument;
    engine_ingested out;
    return engine_ingest(e, &r->defaults, r->items, now, &out, wrong);
}

/* Without a rehearsal. */
static inline engine_ingested put_plainly(pl_str account, const char *json) {
    engine_ingested out;
    inventory_defaults defaults = {.account_id = account, .catalogue = known};
    if (engine_ingest(e, &defaults, parsed(json), now, &out, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return out;
}

static inline engine_ingested put_as(pl_str account, const char *json) {
    inventory_defaults defaults = {.account_id = account, .catalogue = known};
    struct recording recording = {defaults, parsed(json)};
    rehearse(try_to_record, &recording);
    return put_plainly(account, json);
}

static inline engine_ingested put(const char *json) {
    return put_as(owner, json);
}

#define INSTANCE(id, status)                                                                                 \
    "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"" id "\",\"regionId\":\"cn-beijing\","        \
    "\"configuration\":{\"Status\":\"" status "\"}}"

/* --- Results ----------------------------------------------------------------------------------------------
 */

struct listing {
    const engine_rule *rule;
    const pl_str *accounts;
    size_t account_count;
    engine_rule current;
    engine_result *results;
    size_t count;
    engine_counts counts;
    pl_str after, next;
    size_t limit;
    bool evaluating;
};

static int list_work(store_session *session, void *argument, pl_error *wrong) {
    struct listing *l = argument;
    bool found;
    const engine_rule *rules[] = {&l->current};
    engine_result_filter filter = {
        .rules = rules, .rule_count = 1, .accounts = l->accounts, .account_count = l->account_count};
    if (engine_rule_find_key(session, &arena, owner, l->rule->rule_key, &l->current, &found, wrong) != 0)
        return -1;
    if (!found)
        return 0;
    if (engine_count_rule(e, session, &l->current, l->accounts, l->account_count, &l->counts, wrong) != 0 ||
        engine_is_evaluating(session, &l->current, &l->evaluating, wrong) != 0)
        return -1;
    return engine_list_results(e, session, &arena, &filter, l->after, l->limit, &l->results, &l->count,
                               &l->next, wrong);
}

static inline struct listing list_over(const engine_rule *rule, const pl_str *accounts, size_t count) {
    struct listing l = {.rule = rule, .accounts = accounts, .account_count = count, .limit = 100};
    if (store_read(db, list_work, &l, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return l;
}

static inline struct listing list(const engine_rule *rule) {
    return list_over(rule, &owner, 1);
}

static inline void put_many(size_t count) {
    pl_buf text;
    pl_buf_init(&text, 16 << 20);
    for (size_t i = 0; i < count; i++)
        pl_buf_printf(
            &text,
            "%s{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-%05zu\",\"regionId\":\"r\","
            "\"configuration\":{\"Status\":\"%s\"}}",
            i ? "," : "[", i, i % 10 ? "Running" : "Stopped");
    pl_buf_add(&text, PL_STR("]"));
    pl_buf_add_char(&text, 0);
    put(text.p);
    pl_buf_free(&text);
}

#endif
