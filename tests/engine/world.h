/* An engine over a store of this test alone, rules and items made from little text, results read back. */
#ifndef PL_TESTS_ENGINE_WORLD_H
#define PL_TESTS_ENGINE_WORLD_H

#include "support/records.h"

#include "engine/packs.h"
#include "engine/rules.h"

static const pl_str owner = PL_STR_INIT("100000000000001");
static int64_t now;
static engine *e;
static catalogue *known;

static unsigned workers; /* of the engine that setup opens */
static engine_groups group_answers;

static int open_engine(void) {
    engine_config config = {.store = db,
                            .catalogue = known,
                            .clock = pl_clock_fixed(&now),
                            .random = pl_random_system(),
                            .workers = workers,
                            .groups = group_answers};
    return engine_open(&e, &config, &error);
}

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
    if (store_write(db, make_work, m, &error) != 0)
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
    if (store_write(db, act_work, &a, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    engine_after_commit(e);
}

/* --- Items ------------------------------------------------------------------------------------------------
 */

static inline engine_ingested put_as(pl_str account, const char *json) {
    engine_ingested out;
    inventory_defaults defaults = {.account_id = account, .catalogue = known};
    if (engine_ingest(e, &defaults, parsed(json), now, &out, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return out;
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
