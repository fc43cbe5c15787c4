/*
 * What references in a plan's configuration mean: the resource of the same module instance and key, also
 * through variables and outputs of modules, and nothing where the plan does not tell.
 */
#include "support/testing.h"

#include "cli/terraform_reference.h"
#include "json/parser.h"

static pl_arena arena;
static pl_json plan;

/* A root and a module `rules`, which is called with `for_each` and calls `deep`; `made` gives a group away.
 */
static const char text[] =
    "{\"configuration\":{\"root_module\":{"
    "\"resources\":["
    "{\"address\":\"group.g\",\"expressions\":{}},"
    "{\"address\":\"rule.named\",\"expressions\":{\"group_id\":{\"references\":[\"group.g[\\\"b\\\"].id\","
    "\"group.g[\\\"b\\\"]\",\"group.g\"]}}},"
    "{\"address\":\"rule.each\",\"expressions\":{\"group_id\":{\"references\":[\"group.g\",\"each.key\"]}}},"
    "{\"address\":\"rule.made\",\"expressions\":{\"group_id\":{\"references\":[\"module.made[0].id\","
    "\"module.made[0]\","
    "\"module.made\"]}}},"
    "{\"address\":\"rule.free\",\"expressions\":{\"group_id\":{\"references\":[\"var.x\",\"local.y\",\"data."
    "group.g\"]}}}],"
    "\"module_calls\":{"
    "\"rules\":{\"expressions\":{\"outer\":{\"references\":[\"group.g\",\"each.key\"]}},\"module\":{"
    "\"resources\":[{\"address\":\"rule.given\",\"expressions\":{\"group_id\":{\"references\":[\"var.outer\"]"
    "}}},"
    "{\"address\":\"group.g\",\"expressions\":{}},"
    "{\"address\":\"rule.own\",\"expressions\":{\"group_id\":{\"references\":[\"group.g.id\",\"group.g\"]}}}]"
    ","
    "\"module_calls\":{\"deep\":{\"expressions\":{\"inner\":{\"references\":[\"var.outer\"]}},\"module\":{"
    "\"resources\":[{\"address\":\"rule.deep\",\"expressions\":{\"group_id\":{\"references\":[\"var.inner\"]}"
    "}}]}}}}},"
    "\"made\":{\"module\":{\"outputs\":{\"id\":{\"expression\":{\"references\":[\"group.made.id\",\"group."
    "made\"]}}}}},"
    "\"circle\":{\"expressions\":{\"x\":{\"references\":[\"module.circle.x\",\"module.circle.x\","
    "\"module.circle.x\",\"module.circle.x\"]}},\"module\":{\"outputs\":{\"x\":{\"expression\":{"
    "\"references\":[\"var.x\"]}}},"
    "\"resources\":[{\"address\":\"rule.r\",\"expressions\":{\"group_id\":{\"references\":[\"var.x\"]}}}]}}}}"
    "}}";

static int setup(void **state) {
    (void)state;
    pl_error error;
    pl_arena_init(&arena, 0);
    return pl_json_parse_in(&arena, pl_str_of(text, sizeof text - 1), &plan, &error);
}

static int teardown(void **state) {
    (void)state;
    pl_arena_free(&arena);
    return 0;
}

static unsigned means(const char *from, const char *to) {
    terraform_place place = terraform_place_of(pl_str_from(from)),
                    target = terraform_place_of(pl_str_from(to));
    pl_json references = terraform_references(plan, &place, PL_STR("group_id"));
    return terraform_means(&arena, plan, &place, references, &target);
}

static void addresses_have_parts(void **state) {
    (void)state;
    static const char *const addresses[][5] = {
        {"a.b", "", "a", "b", NULL},
        {"a.b[0]", "", "a", "b", "0"},
        {"module.m.a.b[\"x.y]\"]", "module.m", "a", "b", "\"x.y]\""},
        {"module.m[\"k\\\".]\"].module.n[1].a.b", "module.m[\"k\\\".]\"].module.n[1]", "a", "b", NULL},
        {"", "", "", "", NULL},
        {"module.m", "module.m", "", "", NULL},
        {"a.b[\"open", "", "a", "b", "\"open"},
    };
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++) {
        terraform_place place = terraform_place_of(pl_str_from(addresses[i][0]));
        assert_str(place.module, addresses[i][1]);
        assert_str(place.type, addresses[i][2]);
        assert_str(place.name, addresses[i][3]);
        assert_int_equal(place.key.p != NULL, addresses[i][4] != NULL);
        if (addresses[i][4])
            assert_str(place.key, addresses[i][4]);
    }
}

static void the_key_decides_among_instances(void **state) {
    (void)state;
    assert_int_equal(means("rule.named", "group.g[\"a\"]"), means("rule.named", "group.other") + 5);
    assert_true(means("rule.named", "group.g[\"b\"]") > means("rule.named", "group.g[\"a\"]"));
    assert_true(means("rule.each[\"a\"]", "group.g[\"a\"]") > means("rule.each[\"a\"]", "group.g[\"b\"]"));
    assert_true(means("rule.each[\"b\"]", "group.g[\"b\"]") > means("rule.each[\"b\"]", "group.g[\"a\"]"));
    assert_true(means("rule.each", "group.g") > 0);
    assert_int_equal(means("rule.each", "other.g"), 0);
}

static void variables_and_outputs_lead_to_other_modules(void **state) {
    (void)state;
    static const char rules[] = "module.rules[\"a\"].rule.given",
                      deep[] = "module.rules[\"b\"].module.deep.rule.deep";
    assert_true(means(rules, "group.g[\"a\"]") > means(rules, "group.g[\"b\"]"));
    assert_true(means(deep, "group.g[\"b\"]") > means(deep, "group.g[\"a\"]"));
    assert_int_equal(means(rules, "module.rules[\"a\"].group.g"), 0);
    assert_true(means("module.rules[\"a\"].rule.own", "module.rules[\"a\"].group.g") >
                means("module.rules[\"a\"].rule.own", "module.rules[\"b\"].group.g"));
    assert_int_equal(means("module.rules[\"a\"].rule.own", "group.g[\"a\"]"), 0);
    assert_true(means("rule.made", "module.made[0].group.made") >
                means("rule.made", "module.made[1].group.made"));
    assert_int_equal(means("rule.made", "group.made"), 0);
}

static void what_the_plan_does_not_tell_means_nothing(void **state) {
    (void)state;
    assert_int_equal(means("rule.free", "group.g"), 0);
    assert_int_equal(means("rule.unknown", "group.g"), 0);
    assert_int_equal(means("module.none.rule.each", "group.g"), 0);
    assert_int_equal(means("module.circle.rule.r", "group.g"), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_have_parts),
        cmocka_unit_test(the_key_decides_among_instances),
        cmocka_unit_test(variables_and_outputs_lead_to_other_modules),
        cmocka_unit_test(what_the_plan_does_not_tell_means_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
