/*
 * Files are whole, or are made again: each kind of file is made while its first, second, ... allocation
 * fails. What the server lacks is never taken for a fault of the request, which would end the file for good.
 */
#include "api/config/maker.h"

#include "api/operations.gen.h"
#include "base/memory.h"

#define BUCKETS                                                                                              \
    "[{\"resourceType\":\"ACS::OSS::Bucket\",\"resourceId\":\"a\",\"tags\":{\"k\":\"v\"},"                   \
    "\"configuration\":{\"n\":2,\"AccessControlList\":{\"Grant\":\"public-read\"}}},"                        \
    "{\"resourceType\":\"ACS::OSS::Bucket\",\"resourceId\":\"b\",\"configuration\":{\"n\":1.5}}]"

/* What became of the one file, which then waits again. */
typedef struct fate {
    int64_t state, size;
} fate;

static int look_work(store_session *session, void *argument, pl_error *error) {
    fate *f = argument;
    store_statement *st = store_prepare(session, "SELECT state, size FROM report_files", error);
    assert_int_equal(store_step(st, error), 1);
    *f = (fate){store_column_i64(st, 0), store_column_i64(st, 1)};
    assert_int_equal(store_step(st, error), 0);
    return store_run(session, error,
                     "UPDATE report_files SET state = 1, attempts = 0, due = 0, node = '', size = 0", "");
}

static fate look(void) {
    fate f;
    if (store_write(world.store, look_work, &f, &world.error) != 0)
        fail_msg("%s", world.error.message);
    return f;
}

/* `slack`: bytes by which two files of the same content may differ, as packed ones with the time in them do.
 */
static void make_without_memory(int64_t slack) {
    int64_t size = 0;
    bool failed = true, worked;
    for (long successes = 0; failed; successes += 1 + successes / 60) {
        pl_memory_fail_once(successes);
        (void)reports_work(maker, &worked, &world.error);
        failed = pl_memory_fail_end();
        fate f = look();
        if (f.state == REPORTS_FAILED || (!failed && f.state != REPORTS_COMPLETE))
            fail_msg("allocation %ld: state %d", successes, (int)f.state);
        if (f.state != REPORTS_COMPLETE)
            continue;
        if (size && (f.size > size + slack || f.size < size - slack))
            fail_msg("allocation %ld: %d bytes, %d before", successes, (int)f.size, (int)size);
        size = f.size;
    }
    assert_true(size > 0);
}

static void inventories_are_whole(void **state) {
    (void)state;
    put(BUCKETS);
    call_well(config_generate_resource_inventory,
              "{\"ResourceTypes\":\"ACS::OSS::Bucket\",\"Regions\":\"\"}");
    make_without_memory(0);
}

static void search_files_are_whole(void **state) {
    (void)state;
    put(BUCKETS);
    call_well(config_create_advanced_search_file,
              "{\"Sql\":\"SELECT ResourceId, Arn, Tags.Kvpair, n WHERE n > 1 ORDER BY n\"}");
    make_without_memory(0);
}

static void totals_are_whole(void **state) {
    (void)state;
    put(BUCKETS);
    call_well(config_create_advanced_search_file,
              "{\"Sql\":\"SELECT ResourceType, Arn, COUNT(1), SUM(n), AVG(n), MAX(n) WHERE n IN (1.5, 2) "
              "GROUP BY ResourceType, Arn\"}");
    make_without_memory(0);
}

static void put_pack(char id[static 64]) {
    pl_json answer = call_well(
        config_create_compliance_pack,
        "{\"CompliancePackName\":\"pack\",\"RiskLevel\":1,\"ConfigRules\":[{\"ManagedRuleIdentifier\":\"oss-"
        "bucket-public-read-prohibited\",\"ConfigRuleName\":\"rule\",\"RiskLevel\":1}]}");
    snprintf(id, 64, "%.*s", PL_FMT(pl_json_str(at(answer, "CompliancePackId"))));
    put(BUCKETS);
}

static void pack_reports_are_whole(void **state) {
    (void)state;
    char pack[64];
    put_pack(pack);
    call_well(config_generate_compliance_pack_report, input_of("{\"CompliancePackId\":\"%s\"}", pack));
    make_without_memory(24);
}

static void rules_reports_are_whole(void **state) {
    (void)state;
    char pack[64];
    put_pack(pack);
    call_well(config_generate_config_rules_report, "{}");
    make_without_memory(24);
}

static void template_reports_are_whole(void **state) {
    (void)state;
    char pack[64];
    put_pack(pack);
    pl_json answer =
        call_well(config_create_report_template,
                  input_of("{\"ReportTemplateName\":\"monthly\",\"ReportFileFormats\":\"csv\","
                           "\"ReportGranularity\":\"GroupByCompliancePack\",\"ReportScope\":[{\"Key\":"
                           "\"CompliancePackId\",\"MatchType\":\"In\",\"Value\":\"%s\"}]}",
                           pack));
    call_well(
        config_generate_report_from_template,
        input_of("{\"ReportTemplateId\":\"%.*s\"}", PL_FMT(pl_json_str(at(answer, "ReportTemplateId")))));
    make_without_memory(0);
}

#define TEST(function) MAKER_TEST(function)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(inventories_are_whole),  TEST(search_files_are_whole),  TEST(totals_are_whole),
        TEST(pack_reports_are_whole), TEST(rules_reports_are_whole), TEST(template_reports_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
