/*
 * Searches, files and templates as their operations answer: nothing makes files here until the test says so,
 * so that what is being made can be looked at.
 */
#include "api/config/maker.h"

#include "api/operations.gen.h"

#define PACK                                                                                                 \
    "{\"CompliancePackName\":\"%s\",\"RiskLevel\":1,\"ConfigRules\":[{\"ManagedRuleIdentifier\":\"oss-"      \
    "bucket-"                                                                                                \
    "public-read-prohibited\",\"ConfigRuleName\":\"%s\",\"RiskLevel\":1}]%s}"

static void make(void) {
    bool worked;
    if (reports_work(maker, &worked, &world.error) != 0 || !worked)
        fail_msg("nothing was made: %s", world.error.message);
}

#define BUCKETS                                                                                              \
    "[{\"resourceType\":\"ACS::OSS::Bucket\",\"resourceId\":\"a\",\"configuration\":{\"n\":2,\"list\":[1,2]" \
    "}},"                                                                                                    \
    "{\"resourceType\":\"ACS::OSS::Bucket\",\"resourceId\":\"b\",\"configuration\":{\"n\":1.5,\"on\":true}}" \
    "]"

static void a_search_answers_rows_of_values(void **state) {
    (void)state;
    put(BUCKETS);
    pl_json answer = call_well(config_list_resources_by_advanced_search,
                               "{\"Sql\":\"SELECT ResourceId, n, list, on ORDER BY n\"}");
    assert_text(answer, "QueryResults.QueryResultList.Columns", "[\"ResourceId\",\"n\",\"list\",\"on\"]");
    assert_text(answer, "QueryResults.QueryResultList.Values",
                "[[\"b\",1.5,null,true],[\"a\",2,[1,2],null]]");
    call_refused(config_list_resources_by_advanced_search, "{\"Sql\":\"SELECT n ORDER n\"}",
                 "Invalid.Sql.Value");
    call_refused(config_create_advanced_search_file, "{\"Sql\":\"SELECT n ORDER n\"}", "Invalid.Sql.Value");
    world.limits.strict = true;
    call_refused(config_list_resources_by_advanced_search, "{\"Sql\":\"SELECT n WHERE n LIKE '%a'\"}",
                 "Invalid.Sql.Value");
}

enum { LARGE = 1000000, ENOUGH = 52 };

static void put_large(int number) {
    pl_arena arena;
    pl_json root;
    engine_ingested done;
    inventory_defaults defaults = {.account_id = world.caller.account_id, .catalogue = world.catalogue};
    pl_arena_init(&arena, 64 << 20);
    pl_str text = pl_arena_printf(&arena,
                                  "[{\"resourceType\":\"Test::Large\",\"resourceId\":\"r-%d\","
                                  "\"configuration\":{\"text\":\"%0*d\"}}]",
                                  number, LARGE, number);
    if (pl_json_parse_in(&arena, text, &root, &world.error) != 0 ||
        engine_ingest(world.engine, &defaults, root, world.now, &done, &world.error) != 0)
        fail_msg("%s", world.error.message);
    pl_arena_free(&arena);
}

static int search_once(const char *sql) {
    pl_arena arena;
    api_value member = {.name = PL_STR("Sql"), .type = API_STRING, .text = pl_str_from(sql)};
    api_value input = {.type = API_OBJECT, .items = &member, .count = 1};
    pl_arena_init(&arena, 256 << 20);
    int status = call_once(config_list_resources_by_advanced_search, &input, &arena, &world.error);
    pl_arena_free(&arena);
    return status;
}

static void an_answer_that_grows_too_large_is_refused(void **state) {
    (void)state;
    for (int i = 0; i < ENOUGH; i++)
        put_large(i);
    pl_buf_free(&world.answer);
    pl_buf_init(&world.answer, 128 << 20);
    assert_int_equal(search_once("SELECT text LIMIT 49"), 0);
    assert_true(world.answer.n > (size_t)49 * LARGE);
    assert_int_equal(search_once("SELECT text"), -1);
    assert_string_equal(world.error.code, "Invalid.Sql.Value");
    /* Where the buffer ends first it is the server that lacks something. */
    pl_buf_free(&world.answer);
    pl_buf_init(&world.answer, 16 << 20);
    assert_int_equal(search_once("SELECT text"), -1);
    assert_string_equal(world.error.code, "ServiceUnavailable");
}

static void groups_are_those_of_the_caller(void **state) {
    (void)state;
    const char *group = call_group();
    put(BUCKETS);
    pl_json answer = call_well(config_list_aggregate_resources_by_advanced_search,
                               input_of("{\"AggregatorId\":\"%s\",\"Sql\":\"SELECT COUNT(1)\"}", group));
    assert_text(answer, "QueryResults.QueryResultList.Values", "[[2]]");
    int (*const handlers[])(api_call *) = {config_list_aggregate_resources_by_advanced_search,
                                           config_create_aggregate_advanced_search_file,
                                           config_get_aggregate_advanced_search_file,
                                           config_generate_aggregate_resource_inventory,
                                           config_get_aggregate_resource_inventory,
                                           config_generate_aggregate_compliance_pack_report,
                                           config_get_aggregate_compliance_pack_report,
                                           config_generate_aggregate_config_rules_report,
                                           config_get_aggregate_config_rules_report};
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
        call_refused(handlers[i],
                     "{\"AggregatorId\":\"ca-none\",\"Sql\":\"SELECT *\",\"CompliancePackId\":\"cp-none\"}",
                     "Invalid.AggregatorId.Value");
}

static void a_report_that_is_made_is_not_begun_again(void **state) {
    (void)state;
    char pack[64];
    pl_json answer = call_well(config_create_compliance_pack, input_of(PACK, "pack", "rule", ""));
    snprintf(pack, sizeof pack, "%.*s", PL_FMT(pl_json_str(at(answer, "CompliancePackId"))));
    const char *input = input_of("{\"CompliancePackId\":\"%s\"}", pack);
    assert_text(call_well(config_get_compliance_pack_report, input), "CompliancePackReport.ReportStatus",
                "NONE");
    call_well(config_generate_compliance_pack_report, input);
    assert_text(call_well(config_get_compliance_pack_report, input), "CompliancePackReport.ReportStatus",
                "CREATING");
    assert_text(call_well(config_get_compliance_pack_report, input), "CompliancePackReport.ReportUrl", "");
    call_refused(config_generate_compliance_pack_report, input, "CompliancePackReportCreating");
    call_refused(config_generate_config_rules_report, "{\"ConfigRuleIds\":\"cr-none\"}",
                 "ConfigRuleNotExists");
    call_well(config_generate_config_rules_report, "{}");
    call_refused(config_generate_config_rules_report, "{}", "ConfigRuleReportCreating");
    make();
    make();
    answer = call_well(config_get_compliance_pack_report, input);
    assert_text(answer, "CompliancePackReport.ReportStatus", "COMPLETE");
    assert_true(pl_json_str(at(answer, "CompliancePackReport.ReportUrl")).n > 0);
    assert_text(answer, "CompliancePackReport.ReportCreateTimestamp", "1760000000000");
    call_well(config_generate_compliance_pack_report, input);
    call_refused(config_generate_compliance_pack_report, "{\"CompliancePackId\":\"cp-none\"}",
                 "Invalid.CompliancePackId.Value");
    call_refused(config_get_compliance_pack_report, "{\"CompliancePackId\":\"cp-none\"}",
                 "Invalid.CompliancePackId.Value");
}

static void inventories_and_search_files_join_or_replace(void **state) {
    (void)state;
    put(BUCKETS);
    for (int i = 0; i < 2; i++) {
        call_well(config_generate_resource_inventory, "{}");
        call_well(config_create_advanced_search_file, "{\"Sql\":\"SELECT *\"}");
    }
    call_well(config_create_advanced_search_file, "{\"Sql\":\"SELECT n\"}");
    assert_text(call_well(config_get_advanced_search_file, "{}"), "ResourceSearch.Status", "CREATING");
    make();
    make();
    bool worked = true;
    assert_int_equal(reports_work(maker, &worked, &world.error), 0);
    assert_false(worked);
    assert_text(call_well(config_get_resource_inventory, "{}"), "ResourceInventory.Status", "COMPLETE");
    assert_text(call_well(config_get_advanced_search_file, "{}"), "ResourceSearch.Status", "COMPLETE");
}

static void another_account_has_no_files(void **state) {
    (void)state;
    pl_str own = world.caller.account_id;
    pl_json answer = call_well(config_generate_config_rules_report, "{}");
    const char *input = input_of("{\"ReportId\":\"%.*s\"}", PL_FMT(pl_json_str(at(answer, "ReportId"))));
    make();
    assert_text(call_well(config_get_config_rules_report, input), "ConfigRulesReport.ReportStatus",
                "COMPLETE");
    world.caller.account_id = PL_STR("1203000000000099");
    assert_text(call_well(config_get_config_rules_report, input), "ConfigRulesReport.ReportStatus", "NONE");
    assert_text(call_well(config_get_config_rules_report, "{}"), "ConfigRulesReport.ReportStatus", "NONE");
    world.caller.account_id = own;
}

static const char *make_template(const char *more) {
    pl_json answer =
        call_well(config_create_report_template, input_of("{\"ReportTemplateName\":\"monthly\"%s}", more));
    return input_of("{\"ReportTemplateId\":\"%.*s\"}", PL_FMT(pl_json_str(at(answer, "ReportTemplateId"))));
}

static void templates_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *member, *code;
    } wrong[] = {
        {"\"ReportFileFormats\":\"pdf\"", "InvalidReportFileFormats"},
        {"\"ReportGranularity\":\"x\"", "InvalidReportGranularity"},
        {"\"ReportLanguage\":\"de\"", "InvalidReportLanguage"},
        {"\"SubscriptionFrequency\":\"daily\"", "InvalidSubscriptionFrequency"},
        {"\"ReportScope\":[{\"Key\":\"x\",\"Value\":\"1\"}]", "InvalidReportScope"},
        {"\"ReportScope\":[{\"Key\":\"RuleId\",\"MatchType\":\"Not\",\"Value\":\"1\"}]",
         "InvalidReportScope"},
        {"\"ReportScope\":[{\"Key\":\"RuleId\",\"MatchType\":\"In\",\"Value\":\"\"}]", "InvalidReportScope"},
        {"\"ReportScope\":[{\"Key\":\"AggregatorId\",\"MatchType\":\"In\",\"Value\":\"ca-1\"}]",
         "Invalid.AggregatorId.Value"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        call_refused(config_create_report_template,
                     input_of("{\"ReportTemplateName\":\"x\",%s}", wrong[i].member), wrong[i].code);
    call_refused(config_list_report_templates, "{\"MaxResults\":0}", "InvalidMaxResults");
    assert_text(call_well(config_list_report_templates, "{}"), "TotalCount", "0");
    for (int i = 0; i < REPORTS_TEMPLATES_MAX; i++)
        make_template("");
    call_refused(config_create_report_template, "{\"ReportTemplateName\":\"x\"}",
                 "ExceedMaxReportTemplateCount");
}

static void a_page_of_templates_begins_behind_a_deleted_one(void **state) {
    (void)state;
    const char *ids[3];
    for (int i = 0; i < 3; i++)
        ids[i] = make_template("");
    pl_json page = call_well(config_list_report_templates, "{\"MaxResults\":1}");
    pl_str first = pl_json_str(at(page, "ReportTemplateList.0.ReportTemplateId"));
    const char *next =
        input_of("{\"MaxResults\":5,\"NextToken\":\"%.*s\"}", PL_FMT(pl_json_str(at(page, "NextToken"))));
    size_t shown = pl_json_count(at(call_well(config_list_report_templates, next), "ReportTemplateList"));
    assert_int_equal(shown, 2);
    for (int i = 0; i < 3; i++)
        if (pl_str_find(pl_str_from(ids[i]), first) != PL_NOT_FOUND)
            call_well(config_delete_report_template, ids[i]);
    page = call_well(config_list_report_templates, next);
    assert_int_equal(pl_json_count(at(page, "ReportTemplateList")), 2);
    assert_text(page, "TotalCount", "2");
}

static void a_template_goes_with_its_report(void **state) {
    (void)state;
    const char *one = make_template(",\"ReportFileFormats\":\"excel,csv\"");
    assert_text(call_well(config_get_report_from_template, one), "TemplateReport.Status", "NONE");
    call_well(config_generate_report_from_template, one);
    call_well(config_generate_report_from_template, one);
    make();
    pl_json answer = call_well(config_get_report_from_template, one);
    assert_text(answer, "TemplateReport.Status", "COMPLETE");
    assert_true(pl_str_find(pl_json_str(at(answer, "TemplateReport.ReportUrl")), PL_STR(".zip?")) !=
                PL_NOT_FOUND);
    call_well(config_delete_report_template, one);
    int (*const handlers[])(api_call *) = {
        config_get_report_template,           config_update_report_template, config_delete_report_template,
        config_generate_report_from_template, config_trigger_report_send,    config_get_report_from_template};
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++)
        call_refused(handlers[i], one, "ReportTemplateNotExist");
}

#define TEST(function) MAKER_TEST(function)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_search_answers_rows_of_values),
        TEST(an_answer_that_grows_too_large_is_refused),
        TEST(groups_are_those_of_the_caller),
        TEST(a_report_that_is_made_is_not_begun_again),
        TEST(inventories_and_search_files_join_or_replace),
        TEST(another_account_has_no_files),
        TEST(templates_are_checked),
        TEST(a_page_of_templates_begins_behind_a_deleted_one),
        TEST(a_template_goes_with_its_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
