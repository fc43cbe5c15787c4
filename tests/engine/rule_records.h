/* What the stories about rules and packs as records share: rules that are sound, and how they are changed and
 * found. */
#ifndef PL_TESTS_ENGINE_RULE_RECORDS_H
#define PL_TESTS_ENGINE_RULE_RECORDS_H

#include "support/testing.h"

#include "engine/packs.h"
#include "engine/world.h"

#define BANDWIDTH "eip-bandwidth-limit"
#define FUNCTION "acs:fc:cn-shanghai:100000000000001:functions/check"

static const engine_group own = {PL_STR_INIT("100000000000001"), PL_STR_INIT("")};

static inline int setup_alone(void **state) {
    group_answers = (engine_groups){0};
    return setup(state);
}

static inline void expect(int status, const char *code) {
    if (status == 0)
        fail_msg("accepted, wanted %s", code);
    if (strcmp(error.code, code) != 0)
        fail_msg("%s: %s, wanted %s", error.code, error.message, code);
}

static inline engine_list list_of(const char *text) {
    engine_list parsed_list;
    assert_int_equal(engine_list_parse(&arena, pl_str_from(text), &parsed_list, &error), 0);
    return parsed_list;
}

static inline pl_str long_text(size_t n) {
    char *p = pl_new(&arena, char, n);
    assert_non_null(p);
    memset(p, 'x', n);
    return pl_str_of(p, n);
}

static inline engine_rule sound(void) {
    return rule_named("rule", RUNNING);
}

static inline engine_rule managed(const char *name) {
    engine_rule rule = rule_named(name, "");
    rule.owner = ENGINE_MANAGED;
    rule.identifier = PL_STR(BANDWIDTH);
    rule.scope.resource_types = list_of("ACS::EIP::EipAddress");
    return rule;
}

struct changing {
    engine_rule rule;
    engine_group group;
    pl_str id;
    engine_rule_action action;
    uint32_t limit;
};

static inline int acting_work(store_session *session, void *argument, pl_error *wrong) {
    struct changing *c = argument;
    engine_context context = context_of_test();
    return engine_rule_act(&context, session, &own, c->id, c->action, wrong);
}

static inline int act_on(pl_str id, engine_rule_action action) {
    struct changing c = {.id = id, .action = action};
    return store_write(db, acting_work, &c, &error);
}

struct filtering {
    engine_rule_filter filter;
    engine_rule *rules;
    size_t count;
};

static inline int filter_work(store_session *session, void *argument, pl_error *wrong) {
    struct filtering *f = argument;
    return engine_rule_list(session, &arena, &own, &f->filter, &f->rules, &f->count, wrong);
}

static inline size_t matching(engine_rule_filter filter) {
    struct filtering f = {.filter = filter};
    if (read_in_test(filter_work, &f, sizeof f) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return f.count;
}

#define RECORDS_TEST(name) cmocka_unit_test_setup_teardown(name, setup_alone, teardown)

#endif
