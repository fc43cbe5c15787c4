/* What the rooms above notice of the catalogue: things are found, complete, and a user's wrong file is told.
 */
#include "support/testing.h"

#include "base/memory.h"
#include "catalogue/catalogue.h"
#include "json/parser.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static catalogue *all;
static pl_error error;
static pl_arena arena;

static int open_all(void **state) {
    (void)state;
    pl_arena_init(&arena, 64 << 20);
    return catalogue_open(&all, NULL, &error);
}

static int close_all(void **state) {
    (void)state;
    catalogue_close(all);
    pl_arena_free(&arena);
    return 0;
}

static void every_managed_rule_is_complete_and_sorted(void **state) {
    (void)state;
    pl_str last = PL_STR("");
    assert_true(catalogue_rule_count(all) > 0);
    for (size_t i = 0; i < catalogue_rule_count(all); i++) {
        const catalogue_rule *rule = catalogue_rule_at(all, i, &error);
        if (!rule)
            fail_msg("rule %zu: %s", i, error.message);
        assert_true(pl_str_cmp(last, rule->identifier) < 0);
        assert_true(rule->description.n > 0 && rule->resource_types.count > 0);
        assert_true((rule->triggers & CATALOGUE_TRIGGER_SCHEDULE) == 0 || rule->frequency.n > 0);
        assert_ptr_equal(catalogue_find_rule(all, rule->identifier, &error), rule);
        last = rule->identifier;
    }
}

static void a_rule_that_was_asked_for_alone_stays_the_same(void **state) {
    (void)state;
    catalogue *fresh;
    assert_int_equal(catalogue_open(&fresh, NULL, &error), 0);
    const catalogue_rule *rule =
        catalogue_find_rule(fresh, PL_STR("ecs-instance-deletion-protection-enabled"), &error);
    assert_non_null(rule);
    assert_str(rule->identifier, "ecs-instance-deletion-protection-enabled");
    assert_null(catalogue_find_rule(fresh, PL_STR("no-such-rule"), &error));
    assert_int_equal(error.code[0], 0);
    assert_ptr_equal(catalogue_find_rule(fresh, rule->identifier, &error), rule);
    bool seen = false;
    for (size_t i = 0; i < catalogue_rule_count(fresh); i++)
        seen = seen || catalogue_rule_at(fresh, i, &error) == rule;
    assert_true(seen);
    assert_ptr_equal(catalogue_find_rule(fresh, rule->identifier, &error), rule);
    catalogue_close(fresh);
}

static void an_unknown_thing_is_not_an_error(void **state) {
    (void)state;
    assert_null(catalogue_find_rule(all, PL_STR("no-such-rule"), &error));
    assert_int_equal(error.code[0], 0);
    assert_null(catalogue_find_type(all, PL_STR("ACS::No::Type"), &error));
    assert_null(catalogue_find_template(all, PL_STR("ct-0000"), &error));
    assert_str(catalogue_type_name(all, PL_STR("AWS::EC2::Instance")), "AWS::EC2::Instance");
}

static void types_are_found_in_any_letter_case_and_by_alias(void **state) {
    (void)state;
    const catalogue_type *type = catalogue_find_type(all, PL_STR("acs::ecs::INSTANCE"), &error);
    assert_non_null(type);
    assert_str(type->name, "ACS::ECS::Instance");
    assert_str(type->product, "ECS");
    assert_true(type->relation_count > 0);
    assert_str(catalogue_type_name(all, PL_STR("ACS::NAT::NATGateway")), "ACS::NAT::NatGateway");
    pl_json properties = catalogue_type_properties(all, &arena, type, &error);
    assert_true(pl_json_count(properties) > 10);
    pl_json sample = catalogue_type_sample(all, &arena, type, &error);
    assert_true(pl_json_exists(pl_json_get(sample, PL_STR("Cpu"))));
}

static void every_type_can_be_read(void **state) {
    (void)state;
    for (size_t i = 0; i < catalogue_type_count(all); i++) {
        const catalogue_type *type = catalogue_type_at(all, i, &error);
        if (!type)
            fail_msg("type %zu: %s", i, error.message);
        assert_true(pl_json_is_array(catalogue_type_properties(all, &arena, type, &error)));
    }
}

static void every_template_names_rules_that_exist(void **state) {
    (void)state;
    for (size_t i = 0; i < catalogue_template_count(all); i++) {
        const catalogue_template *one = catalogue_template_at(all, i, &error);
        if (!one)
            fail_msg("template %zu: %s", i, error.message);
        for (size_t k = 0; k < one->rule_count; k++)
            if (!catalogue_find_rule(all, one->rules[k].identifier, &error))
                fail_msg("%.*s names %.*s", PL_FMT(one->template_id), PL_FMT(one->rules[k].identifier));
    }
}

static void a_terraform_mapping_is_found(void **state) {
    (void)state;
    pl_json mapping = catalogue_terraform(all, &arena, PL_STR("alicloud_instance"), &error);
    assert_str(pl_json_str(pl_json_get(mapping, PL_STR("resourceType"))), "ACS::ECS::Instance");
    assert_false(pl_json_exists(catalogue_terraform(all, &arena, PL_STR("none"), &error)));
}

static void an_orchestration_mapping_is_found(void **state) {
    (void)state;
    pl_json mapping = catalogue_orchestration(all, &arena, PL_STR("ALIYUN::OSS::Bucket"), &error);
    assert_true(pl_str_is(pl_json_str(pl_json_get(mapping, PL_STR("resourceType"))), "ACS::OSS::Bucket"));
    assert_false(pl_json_exists(catalogue_orchestration(all, &arena, PL_STR("ALIYUN::None"), &error)));
    assert_int_equal(error.code[0], '\0');
}

static pl_json values_of(const char *identifier, const char *input) {
    const catalogue_rule *rule = catalogue_find_rule(all, pl_str_from(identifier), &error);
    assert_non_null(rule);
    pl_json root, values;
    assert_int_equal(pl_json_parse_in(&arena, pl_str_from(input), &root, &error), 0);
    return catalogue_parameters(rule, &arena, root, &values, &error) == 0 ? values : PL_JSON_NONE;
}

static void parameters_take_defaults_and_refuse_strangers(void **state) {
    (void)state;
    pl_json values = values_of("eip-bandwidth-limit", "{}");
    assert_str(pl_json_str(pl_json_get(values, PL_STR("bandwidth"))), "10");
    values = values_of("eip-bandwidth-limit", "{\"bandwidth\":25}");
    assert_str(pl_json_str(pl_json_get(values, PL_STR("bandwidth"))), "25");
    assert_false(pl_json_exists(values_of("eip-bandwidth-limit", "{\"width\":\"1\"}")));
    assert_string_equal(error.code, "Invalid.InputParameters.Value");
    assert_false(pl_json_exists(values_of("eip-bandwidth-limit", "{\"bandwidth\":{}}")));
}

static char directory[] = "/tmp/plumbline-rules-XXXXXX";

static void put(const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

#define OWN_RULE(condition)                                                                                  \
    "{\"identifier\":\"own-rule\",\"name\":\"Own\",\"description\":\"d\",\"resourceTypes\":[\"AWS::EC2::"    \
    "Instance\"],"                                                                                           \
    "\"triggers\":[\"ConfigurationItemChangeNotification\"],\"riskLevel\":2,"                                \
    "\"parameters\":[{\"name\":\"size\",\"required\":true,\"default\":\"2\",\"description\":\"x\"}],"        \
    "\"condition\":{\"operator\":\"and\",\"children\":[" condition "]}}"

static void refused(const char *text, const char *part) {
    catalogue *own = NULL;
    put("own-rule.json", text);
    assert_int_equal(catalogue_open(&own, directory, &error), -1);
    assert_null(own);
    if (!strstr(error.message, part) || !strstr(error.message, "own-rule.json"))
        fail_msg("got \"%s\", wanted the file and \"%s\"", error.message, part);
}

static void a_users_rule_is_like_a_managed_one(void **state) {
    (void)state;
    catalogue *own = NULL;
    put("own-rule.json", OWN_RULE("{\"operator\":\"GreaterOrEquals\",\"featurePath\":\"$.Cpu\","
                                  "\"featureSource\":\"CONFIGURATION\",\"desired\":\"${size}\"}"));
    if (catalogue_open(&own, directory, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(catalogue_rule_count(own), catalogue_rule_count(all) + 1);
    const catalogue_rule *rule = catalogue_find_rule(own, PL_STR("own-rule"), &error);
    assert_true(rule && rule->own && catalogue_rule_covers(rule, PL_STR("aws::ec2::instance")));
    catalogue_close(own);
}

static void a_wrong_file_is_refused_with_its_place(void **state) {
    (void)state;
    refused("{\"identifier\":", "not JSON");
    refused("[]", "$: must be an object");
    refused("{\"identifier\":\"other\",\"name\":\"n\"}", "$.identifier");
    refused("{\"identifier\":\"own-rule\",\"colour\":1}", "$.colour: unknown member");
    refused("{\"identifier\":\"own-rule\",\"parameters\":[{\"name\":\"a\",\"colour\":1}]}",
            "$.parameters[0]: unknown member");
    refused("{\"identifier\":\"own-rule\",\"riskLevel\":4}", "$.riskLevel");
    refused(
        OWN_RULE("{\"operator\":\"Equalish\",\"featurePath\":\"$.Cpu\",\"featureSource\":\"CONFIGURATION\","
                 "\"desired\":\"2\"}"),
        "$.condition");
    refused(
        OWN_RULE(
            "{\"operator\":\"StringEquals\",\"featurePath\":\"$.Cpu\",\"featureSource\":\"CONFIGURATION\","
            "\"desired\":\"${length}\"}"),
        "${...}");
}

static int make_directory(void **state) {
    (void)state;
    return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state) {
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s/own-rule.json", directory);
    unlink(path);
    return rmdir(directory);
}

typedef enum kind { RULES, PACKS, TYPES, REMEDIATIONS, KINDS } kind;

static const void *first_of(const catalogue *c, kind what, pl_error *wrong) {
    switch (what) {
    case RULES: return catalogue_rule_at(c, 0, wrong);
    case PACKS: return catalogue_template_at(c, 0, wrong);
    case TYPES: return catalogue_find_type(c, PL_STR("ACS::ECS::Instance"), wrong);
    default: return catalogue_remediation_at(c, 0, wrong);
    }
}

/* However late the memory ends; the catalogue is whole when there is some again. */
static void a_shelf_without_memory_is_read_on_when_there_is_some(void **state) {
    (void)state;
    for (kind what = 0; what < KINDS; what++) {
        bool failed = true;
        for (long successes = 0; failed; successes += 1 + successes / 2) {
            catalogue *c;
            pl_error wrong;
            assert_int_equal(catalogue_open(&c, NULL, &error), 0);
            pl_memory_fail_once(successes);
            const void *found = first_of(c, what, &wrong);
            failed = pl_memory_fail_end();
            assert_true(failed == (found == NULL));
            if (failed) {
                assert_string_equal(wrong.code, "ServiceUnavailable");
                assert_non_null(first_of(c, what, &wrong));
            }
            catalogue_close(c);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_managed_rule_is_complete_and_sorted),
        cmocka_unit_test(a_rule_that_was_asked_for_alone_stays_the_same),
        cmocka_unit_test(an_unknown_thing_is_not_an_error),
        cmocka_unit_test(types_are_found_in_any_letter_case_and_by_alias),
        cmocka_unit_test(every_type_can_be_read),
        cmocka_unit_test(every_template_names_rules_that_exist),
        cmocka_unit_test(a_terraform_mapping_is_found),
        cmocka_unit_test(an_orchestration_mapping_is_found),
        cmocka_unit_test(parameters_take_defaults_and_refuse_strangers),
        cmocka_unit_test(a_shelf_without_memory_is_read_on_when_there_is_some),
        cmocka_unit_test_setup(a_users_rule_is_like_a_managed_one, make_directory),
        cmocka_unit_test_teardown(a_wrong_file_is_refused_with_its_place, remove_directory),
    };
    return cmocka_run_group_tests(tests, open_all, close_all);
}
