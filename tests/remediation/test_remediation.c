/*
 * Remediations with a clock that stands: what a verdict queues and when not, leases, what becomes of an
 * event, executions and their pages, parameters. Templates are simulated. On both databases.
 */
#include "support/testing.h"

#include "engine/remedy.h"
#include "remediation/remediation.h"

#include "engine/world.h"

static remediation *room;

static int open_world(void **state) {
    return setup(state);
}

static void open_room(const char *executor) {
    remediation_config config = {.store = db,
                                 .engine = e,
                                 .catalogue = known,
                                 .clock = pl_clock_fixed(&now),
                                 .random = pl_random_system(),
                                 .executor = executor};
    if (remediation_open(&room, &config, &error) != 0)
        fail_msg("%s", error.message);
}

static int close_world(void **state) {
    remediation_close(room);
    room = NULL;
    return teardown(state);
}

/* --- One call in a transaction each ----------------------------------------------------------------------
 */

struct asking {
    const engine_rule *rule;
    engine_remedy remedy;
    engine_remedy_event events[8];
    engine_remedy_run runs[8], run;
    const char *node;
    size_t count, limit;
    int64_t number, before;
    pl_str status, before_id;
    bool forget, found;
};

static struct asking ask(int (*work)(store_session *, void *, pl_error *), struct asking a) {
    if (store_write(db, work, &a, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    engine_after_commit(e);
    return a;
}

static int put_remedy(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    engine_context context = context_of_test();
    return engine_remedy_put(&context, session, &a->remedy, a->forget, wrong);
}

static int find_remedy(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return engine_remedy_of_rule(session, &arena, owner, a->rule->rule_id, &a->remedy, &a->found, wrong);
}

static int count_events(store_session *session, void *argument, pl_error *wrong) {
    return engine_remedy_count(session, &((struct asking *)argument)->number, wrong);
}

static int claim_events(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return engine_remedy_claim(session, &arena, pl_str_from(a->node), now, now + 1000, 8, a->events,
                               &a->count, wrong);
}

static int renew_events(store_session *session, void *argument, pl_error *wrong) {
    return engine_remedy_renew(session, pl_str_from(((struct asking *)argument)->node), now + 1000, wrong);
}

static int release_events(store_session *session, void *argument, pl_error *wrong) {
    return engine_remedy_release(session, pl_str_from(((struct asking *)argument)->node), wrong);
}

static int note_run(store_session *session, void *argument, pl_error *wrong) {
    return engine_remedy_note(session, &((struct asking *)argument)->run, PL_STR("MANUAL_EXECUTION"), wrong);
}

static int list_runs(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    engine_remedy_page page = {owner,     a->rule->rule_id, a->status, PL_STR(""),
                               a->before, a->before_id,     a->limit};
    return engine_remedy_runs(session, &arena, &page, a->runs, &a->count, wrong);
}

static int64_t queued(void) {
    return ask(count_events, (struct asking){0}).number;
}

static struct asking claim_as(const char *node) {
    return ask(claim_events, (struct asking){.node = node});
}

static struct asking runs_of(const engine_rule *rule, const char *status) {
    return ask(list_runs, (struct asking){.rule = rule,
                                          .status = pl_str_from(status),
                                          .before = INT64_MAX,
                                          .before_id = PL_STR(""),
                                          .limit = 8});
}

/* A managed rule about buckets with a remediation. */
static engine_rule *remedied(const char *invoke_type) {
    engine_rule rule = rule_named("buckets", "");
    rule.owner = ENGINE_MANAGED;
    rule.identifier = PL_STR("oss-bucket-public-read-prohibited");
    if (engine_list_parse(&arena, PL_STR("ACS::OSS::Bucket"), &rule.scope.resource_types, &error) != 0)
        fail_msg("%s", error.message);
    engine_rule *made = make(rule);
    ask(put_remedy, (struct asking){.remedy = {.account_id = owner,
                                               .aggregator_id = PL_STR(""),
                                               .remediation_id = PL_STR(""),
                                               .rule_id = made->rule_id,
                                               .type = PL_STR("OOS"),
                                               .template_id = PL_STR("ACS-OSS-PutBucketAcl"),
                                               .source_type = PL_STR("ALIYUN"),
                                               .invoke_type = pl_str_from(invoke_type),
                                               .params = PL_STR("{}"),
                                               .last_success_id = PL_STR(""),
                                               .last_success_type = PL_STR("")}});
    return made;
}

#define BUCKET(id, grant)                                                                                    \
    "[{\"resourceType\":\"ACS::OSS::Bucket\",\"resourceId\":\"" id "\",\"regionId\":\"cn-beijing\","         \
    "\"configuration\":{\"Name\":\"" id "\",\"AccessControlList\":{\"Grant\":\"" grant "\"}}}]"

static bool work(void) {
    bool worked;
    if (remediation_work(room, &worked, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    engine_after_commit(e);
    return worked;
}

/* --- What is queued ---------------------------------------------------------------------------------------
 */

static void a_violation_is_queued_once_in_ten_minutes(void **state) {
    (void)state;
    remedied("AUTO_EXECUTION");
    open_room("simulate");
    put(BUCKET("one", "public-read"));
    assert_int_equal(queued(), 1);
    assert_true(work());
    assert_int_equal(queued(), 0);
    now += ENGINE_REMEDY_PAUSE - 1;
    put(BUCKET("one", "public-read-write"));
    assert_int_equal(queued(), 0);
    put(BUCKET("two", "public-read"));
    assert_int_equal(queued(), 1); /* another resource */
    now += 1;
    put(BUCKET("one", "public-read"));
    assert_int_equal(queued(), 2);
}

static void by_hand_nothing_is_queued_by_a_verdict(void **state) {
    (void)state;
    remedied("MANUAL_EXECUTION");
    put(BUCKET("one", "public-read"));
    assert_int_equal(queued(), 0);
}

static void a_claim_is_its_holders_until_its_lease_ends(void **state) {
    (void)state;
    remedied("AUTO_EXECUTION");
    put(BUCKET("one", "public-read"));
    assert_int_equal(claim_as("a").count, 1);
    assert_int_equal(claim_as("b").count, 0);
    now += 999;
    ask(renew_events, (struct asking){.node = "a"});
    now += 999;
    assert_int_equal(claim_as("b").count, 0);
    now += 1;
    assert_int_equal(claim_as("b").count, 1);
    ask(release_events, (struct asking){.node = "a"}); /* not its own any more */
    assert_int_equal(claim_as("c").count, 0);
    ask(release_events, (struct asking){.node = "b"});
    assert_int_equal(claim_as("c").count, 1);
}

/* --- What becomes of it -----------------------------------------------------------------------------------
 */

static void an_execution_repairs_and_is_noted(void **state) {
    (void)state;
    engine_rule *rule = remedied("AUTO_EXECUTION");
    open_room("simulate");
    put(BUCKET("one", "public-read"));
    assert_int_equal(list(rule).results[0].compliance, ENGINE_NON_COMPLIANT);
    assert_true(work());
    assert_false(work());
    assert_int_equal(list(rule).results[0].compliance, ENGINE_COMPLIANT);
    struct asking runs = runs_of(rule, "");
    assert_int_equal(runs.count, 1);
    assert_true(runs.runs[0].success);
    assert_str(runs.runs[0].resource_ids, "one");
    assert_int_equal(runs.runs[0].execution_id.n, 21);
    struct asking found = ask(find_remedy, (struct asking){.rule = rule});
    assert_str(found.remedy.last_success_type, "AUTO_EXECUTION");
    assert_int_equal(found.remedy.last_success_time, now);
}

static void without_an_executor_it_fails_and_says_so(void **state) {
    (void)state;
    engine_rule *rule = remedied("AUTO_EXECUTION");
    open_room(NULL);
    put(BUCKET("one", "public-read"));
    assert_true(work());
    assert_int_equal(list(rule).results[0].compliance, ENGINE_NON_COMPLIANT);
    struct asking runs = runs_of(rule, "Failed");
    assert_int_equal(runs.count, 1);
    assert_true(pl_str_find(runs.runs[0].message, PL_STR("no executor")) != PL_NOT_FOUND);
    assert_int_equal(runs_of(rule, "Success").count, 0);
    assert_int_equal(ask(find_remedy, (struct asking){.rule = rule}).remedy.last_success_time, 0);
}

static void what_is_gone_or_not_wanted_any_more_is_dropped(void **state) {
    (void)state;
    engine_rule *rule = remedied("AUTO_EXECUTION");
    open_room("simulate");
    put(BUCKET("one", "public-read"));
    struct asking found = ask(find_remedy, (struct asking){.rule = rule});
    found.remedy.invoke_type = PL_STR("NON_EXECUTION");
    ask(put_remedy, found);
    assert_true(work());
    assert_int_equal(queued(), 0);
    assert_int_equal(runs_of(rule, "").count, 0);
}

/* An event may wait long, as while the server is down: it acts on what is non-compliant when it runs. */
static void what_has_become_compliant_is_dropped(void **state) {
    (void)state;
    engine_rule *rule = remedied("AUTO_EXECUTION");
    open_room("simulate");
    put(BUCKET("one", "public-read"));
    put(BUCKET("two", "public-read"));
    put(BUCKET("one", "private"));
    assert_int_equal(queued(), 2);
    assert_true(work());
    assert_int_equal(queued(), 0);
    struct asking runs = runs_of(rule, "");
    assert_int_equal(runs.count, 1);
    assert_str(runs.runs[0].resource_ids, "two");
}

static void executions_are_paged_newest_first_and_forgotten(void **state) {
    static const char *const ids[] = {"exec-1", "exec-2", "exec-3"};
    (void)state;
    engine_rule *rule = remedied("MANUAL_EXECUTION");
    for (int i = 0; i < 3; i++)
        ask(note_run, (struct asking){.run = {.execution_id = pl_str_from(ids[i]),
                                              .owner_id = owner,
                                              .rule_id = rule->rule_id,
                                              .account_id = owner,
                                              .success = i != 1,
                                              .message = PL_STR(""),
                                              .resource_ids = PL_STR("r"),
                                              .resource_type = PL_STR("T"),
                                              .created = now + i / 2}});
    struct asking all = runs_of(rule, "");
    assert_int_equal(all.count, 3);
    assert_str(all.runs[0].execution_id, "exec-3");
    assert_str(all.runs[2].execution_id, "exec-1");
    struct asking rest = ask(list_runs, (struct asking){.rule = rule,
                                                        .status = PL_STR(""),
                                                        .before = all.runs[1].created,
                                                        .before_id = all.runs[1].execution_id,
                                                        .limit = 8});
    assert_int_equal(rest.count, 1);
    assert_str(rest.runs[0].execution_id, "exec-1");
    assert_int_equal(runs_of(rule, "Failed").count, 1);
    struct asking found = ask(find_remedy, (struct asking){.rule = rule});
    assert_str(found.remedy.last_success_id, "exec-3");
    found.forget = true;
    ask(put_remedy, found);
    assert_int_equal(runs_of(rule, "").count, 0);
    assert_int_equal(ask(find_remedy, (struct asking){.rule = rule}).remedy.last_success_time, 0);
}

/* --- Parameters -------------------------------------------------------------------------------------------
 */

static void values_fill_defaults_and_placeholders(void **state) {
    const remediation_subject subject = {PL_STR("1"), PL_STR("cn-beijing"), PL_STR("T"), PL_STR("a\"b"),
                                         PL_STR("n")};
    pl_json values;
    (void)state;
    const catalogue_remediation *t =
        catalogue_find_remediation(known, PL_STR("ACS-OSS-PutBucketAcl"), &error);
    assert_non_null(t);
    assert_int_equal(
        remediation_values(&arena, t, PL_STR("{\"permissionName\":\"private\"}"), &subject, &values, &error),
        0);
    assert_str(pl_json_str(pl_json_get(values, PL_STR("bucketName"))), "a\"b");
    assert_str(pl_json_str(pl_json_get(values, PL_STR("regionId"))), "cn-beijing");
    assert_int_equal(
        remediation_values(&arena, t,
                           PL_STR("{\"properties\":[{\"name\":\"bucketName\",\"type\":\"STRING\","
                                  "\"value\":\"{accountId}-{resourceName}-{resourceType}-{other}\"}]}"),
                           &subject, &values, &error),
        0);
    assert_str(pl_json_str(pl_json_get(values, PL_STR("bucketName"))), "1-n-T-{other}");
    assert_str(pl_json_str(pl_json_get(values, PL_STR("permissionName"))), "private");
}

/* What a resource is called never becomes part of the JSON that a parameter holds. */
static void placeholders_in_json_stay_texts(void **state) {
    const remediation_subject subject = {PL_STR("1"), PL_STR("r"), PL_STR("T"), PL_STR("a\\\"b"),
                                         PL_STR("x\",\"owner\":\"y")};
    pl_json values;
    (void)state;
    const catalogue_remediation *t =
        catalogue_find_remediation(known, PL_STR("ACS-TAG-TagResources"), &error);
    assert_non_null(t);
    assert_int_equal(remediation_values(&arena, t,
                                        PL_STR("{\"tags\":\"{\\\"name\\\":\\\"{resourceName}\\\"}\"}"),
                                        &subject, &values, &error),
                     0);
    pl_json tags = parsed(pl_arena_cstr(&arena, pl_json_str(pl_json_get(values, PL_STR("tags")))));
    assert_int_equal(pl_json_count(tags), 1);
    assert_str(pl_json_str(pl_json_get(tags, PL_STR("name"))), "x\",\"owner\":\"y");
    pl_json ids = parsed(pl_arena_cstr(&arena, pl_json_str(pl_json_get(values, PL_STR("resourceIds")))));
    assert_int_equal(pl_json_count(ids), 1);
    assert_str(pl_json_str(pl_json_at(ids, 0)), "a\\\"b");
}

static void an_effect_keeps_kinds_and_sets_lists(void **state) {
    pl_json values = parsed("{\"refererList\":\"[\\\"https://x\\\"]\",\"allowEmptyReferer\":\"false\"}");
    const inventory_resource r = {.account_id = owner,
                                  .region_id = PL_STR("r"),
                                  .resource_type = PL_STR("ACS::OSS::Bucket"),
                                  .resource_id = PL_STR("b"),
                                  .name = PL_STR("b"),
                                  .status = PL_STR(""),
                                  .zone = PL_STR(""),
                                  .group_id = PL_STR(""),
                                  .tags = PL_STR(""),
                                  .configuration = PL_STR("{\"AllowEmptyReferer\":true,\"Name\":\"b\"}")};
    pl_buf out;
    (void)state;
    const catalogue_remediation *t =
        catalogue_find_remediation(known, PL_STR("ACS-OSS-PutBucketReferer"), &error);
    assert_non_null(t);
    pl_buf_init(&out, 1 << 20);
    assert_int_equal(remediation_apply(&arena, t, values, &r, &out, &error), 0);
    assert_true(pl_str_find(pl_buf_str(&out), PL_STR("\"configuration\":{\"AllowEmptyReferer\":false,"
                                                     "\"Name\":\"b\",\"RefererList\":{\"Referer\":["
                                                     "\"https://x\"]}}")) != PL_NOT_FOUND);
    pl_buf_clear(&out);
    t = catalogue_find_remediation(known, PL_STR("ACS-BssOpenApi-SetRenewal"), &error);
    assert_int_equal(remediation_apply(&arena, t, values, &r, &out, &error), -1);
    assert_string_equal(error.code, "InvalidParameter");
    pl_buf_free(&out);
}

static void effects_change_what_they_name_and_nothing_else(void **state) {
    static const struct {
        const char *template_id, *values, *before, *after;
    } cases[] = {
        {"ACS-VPC-BulkyDeleteForwardEntry", "{\"ports\":\"22,3389\"}",
         "{\"ForwardTableEntries\":{\"ForwardTableEntry\":[{\"ExternalPort\":\"443\"},{\"ExternalPort\":\"20/"
         "30\"},{\"ExternalPort\":\"Any\"},{\"ExternalPort\":\"80\"},{}]}}",
         "{\"ForwardTableEntries\":{\"ForwardTableEntry\":[{\"ExternalPort\":\"443\"},{\"ExternalPort\":"
         "\"80\"},{}]}}"},
        {"ACS-VPC-BulkyDeleteForwardEntry", "{\"ports\":\"22\"}", "{\"Name\":\"n\"}", "{\"Name\":\"n\"}"},
        {"ACS-Redis-BulkyDeleteSecurityIpFromInstanceIPArray", "{\"securityIps\":\"0.0.0.0/0, ::/0\"}",
         "{\"SecurityIPList\":\"10.0.0.0/8,0.0.0.0/0,::/0,10.1.0.0/16\"}",
         "{\"SecurityIPList\":\"10.0.0.0/8,10.1.0.0/16\"}"},
        {"ACS-Redis-BulkyDeleteSecurityIpFromInstanceIPArray", "{\"securityIps\":\"0.0.0.0/0\"}", "{}", "{}"},
        {"ACS-Redis-BulkyModifyInstanceConfig", "{\"config\":\"{\\\"a\\\":\\\"2\\\"}\"}",
         "{\"Config\":\"{\\\"a\\\":\\\"1\\\",\\\"b\\\":\\\"1\\\"}\"}",
         "{\"Config\":\"{\\\"b\\\":\\\"1\\\",\\\"a\\\":\\\"2\\\"}\"}"},
        {"ACS-RDS-BulkyModifyParameter", "{\"parameters\":\"{\\\"a\\\":\\\"on\\\"}\"}",
         "{\"Parameters\":{\"RunningParameters\":{\"DBInstanceParameter\":[{\"ParameterName\":\"a\","
         "\"ParameterValue\":\"off\"},{\"ParameterName\":\"b\",\"ParameterValue\":\"off\"}]}}}",
         "{\"Parameters\":{\"RunningParameters\":{\"DBInstanceParameter\":[{\"ParameterName\":\"b\","
         "\"ParameterValue\":\"off\"},{\"ParameterName\":\"a\",\"ParameterValue\":\"on\"}]}}}"},
        {"ACS-Redis-ReleaseInstancePublicConnection", "{}",
         "{\"NetInfoItems\":{\"InstanceNetInfo\":[{\"IPType\":\"Public\"},{\"IPType\":\"Private\"},{}]}}",
         "{\"NetInfoItems\":{\"InstanceNetInfo\":[{\"IPType\":\"Private\"},{}]}}"},
    };
    inventory_resource r = {.account_id = owner, .resource_type = PL_STR("T"), .resource_id = PL_STR("i")};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pl_buf out;
        const catalogue_remediation *t =
            catalogue_find_remediation(known, pl_str_from(cases[i].template_id), &error);
        assert_non_null(t);
        r.configuration = pl_str_from(cases[i].before);
        pl_buf_init(&out, 1 << 20);
        assert_int_equal(remediation_apply(&arena, t, parsed(cases[i].values), &r, &out, &error), 0);
        pl_str wanted = pl_arena_printf(&arena, "\"configuration\":%s}]", cases[i].after);
        if (pl_str_find(pl_buf_str(&out), wanted) == PL_NOT_FOUND)
            fail_msg("%zu: %.*s", i, PL_FMT(pl_buf_str(&out)));
        pl_buf_free(&out);
    }
}

static void an_effect_moves_to_a_resource_group(void **state) {
    const inventory_resource r = {.account_id = owner,
                                  .resource_type = PL_STR("T"),
                                  .resource_id = PL_STR("i"),
                                  .group_id = PL_STR("rg-a")};
    pl_buf out;
    (void)state;
    const catalogue_remediation *t =
        catalogue_find_remediation(known, PL_STR("ACS-Config-ResourceManager-BulkyMoveResources"), &error);
    assert_non_null(t);
    pl_buf_init(&out, 1 << 20);
    assert_int_equal(remediation_apply(&arena, t, parsed("{\"resourceGroupId\":\"rg-b\"}"), &r, &out, &error),
                     0);
    assert_true(pl_str_find(pl_buf_str(&out), PL_STR("\"resourceGroupId\":\"rg-b\"")) != PL_NOT_FOUND);
    pl_buf_free(&out);
}

static void parameters_are_checked(void **state) {
    static const struct {
        const char *template_id, *params, *code;
    } cases[] = {
        {"ACS-OSS-PutBucketAcl", "{}", ""},
        {"ACS-OSS-PutBucketAcl", "{\"permissionName\":\"public-read\"}", ""},
        {"ACS-OSS-PutBucketAcl", "no", "Invalid.Params.Value"},
        {"ACS-OSS-PutBucketAcl", "[]", "Invalid.Params.Value"},
        {"ACS-OSS-PutBucketAcl", "{\"permissionName\":\"secret\"}", "Invalid.Params.Value"},
        {"ACS-OSS-PutBucketAcl", "{\"unknown\":\"x\"}", "Invalid.Params.Value"},
        {"ACS-OSS-PutBucketAcl", "{\"bucketName\":{}}", "Invalid.Params.Value"},
        {"ACS-OSS-PutBucketReferer", "{}", "RemediationTemplateNotExist"},
        {"ACS-Nothing", "{}", "RemediationTemplateNotExist"},
        {"acs:fc:cn-shanghai:100000000000001:functions/mend", "{}", ""},
        {"acs:fc:cn-shanghai:100000000000002:functions/mend", "{}", "RemediationTemplateNotExist"},
        {"acs:fc:cn-shanghai:100000000000001:mend", "{}", "RemediationTemplateNotExist"},
    };
    (void)state;
    engine_rule *rule = remedied("MANUAL_EXECUTION");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool function = strncmp(cases[i].template_id, "acs:", 4) == 0;
        engine_remedy remedy = {.account_id = PL_STR("100000000000001"),
                                .type = function ? PL_STR("FC") : PL_STR("OOS"),
                                .template_id = pl_str_from(cases[i].template_id),
                                .params = pl_str_from(cases[i].params)};
        error = (pl_error){0};
        int status = remediation_check(known, &arena, rule, &remedy, &error);
        if (status != (*cases[i].code ? -1 : 0) || (status && strcmp(error.code, cases[i].code) != 0))
            fail_msg("%s %s: %s", cases[i].template_id, cases[i].params, error.code);
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(a_violation_is_queued_once_in_ten_minutes),
        CASE(by_hand_nothing_is_queued_by_a_verdict),
        CASE(a_claim_is_its_holders_until_its_lease_ends),
        CASE(an_execution_repairs_and_is_noted),
        CASE(without_an_executor_it_fails_and_says_so),
        CASE(what_is_gone_or_not_wanted_any_more_is_dropped),
        CASE(executions_are_paged_newest_first_and_forgotten),
        CASE(what_has_become_compliant_is_dropped),
        CASE(values_fill_defaults_and_placeholders),
        CASE(placeholders_in_json_stay_texts),
        CASE(an_effect_keeps_kinds_and_sets_lists),
        CASE(effects_change_what_they_name_and_nothing_else),
        CASE(an_effect_moves_to_a_resource_group),
        CASE(parameters_are_checked),
    };
    return run_on_both(tests);
}
