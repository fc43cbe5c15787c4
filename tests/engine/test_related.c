/* Verdicts that depend on other resources, and rules of account groups over the members' resources. */
#include "support/testing.h"

#include "engine/group.h"

static int setup_groups(void **state) {
    found_group(2);
    run_inside = 0;
    return setup(state);
}

static int setup_alone(void **state) {
    group_answers = (engine_groups){0};
    run_inside = 0;
    return setup(state);
}

#define OPEN_GROUP                                                                                           \
    CONDITION("{\"operator\":\"NotContains\",\"featurePath\":\"$[*].Open\",\"featureSource\":"               \
              "\"RELATED:ACS::ECS::SecurityGroup\",\"desired\":\"yes\"}")

#define GUARDED(id, group)                                                                                   \
    "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"" id "\",\"regionId\":\"r\","                 \
    "\"configuration\":{\"SecurityGroupIds\":{\"SecurityGroupId\":[\"" group "\"]}}}"

#define GROUP(id, open)                                                                                      \
    "{\"resourceType\":\"ACS::ECS::SecurityGroup\",\"resourceId\":\"" id "\",\"regionId\":\"r\","            \
    "\"configuration\":{\"Open\":\"" open "\"}}"

static void a_change_of_a_related_resource_is_judged_where_it_matters(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("guarded", OPEN_GROUP));
    put("[" GUARDED("i-1", "sg-1") "," GUARDED("i-2", "sg-2") "," GROUP("sg-1", "no") "," GROUP("sg-2",
                                                                                                "no") "]");
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 0);
    now++;
    put("[" GROUP("sg-2", "yes") "]");
    struct listing l = list(rule);
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], 1);
    for (size_t i = 0; i < l.count; i++)
        assert_int_equal(l.results[i].compliance, pl_str_is(l.results[i].resource.resource_id, "i-2")
                                                      ? ENGINE_NON_COMPLIANT
                                                      : ENGINE_COMPLIANT);
    now++;
    put("[{\"resourceType\":\"ACS::ECS::SecurityGroup\",\"resourceId\":\"sg-2\",\"regionId\":\"r\","
        "\"resourceEventType\":\"REMOVE\"}]");
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 0);
}

static void related_resources_may_come_in_any_order(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("guarded", OPEN_GROUP));
    put("[" GUARDED("i-1", "sg-1") "]");
    put("[" GROUP("sg-1", "yes") "]");
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 1);
}

#define BALANCER(servers)                                                                                    \
    "[{\"resourceType\":\"ACS::SLB::LoadBalancer\",\"resourceId\":\"lb-1\",\"regionId\":\"r\","              \
    "\"configuration\":{\"BackendServers\":{\"BackendServer\":[" servers "]}}}]"

/* What a rule does not apply to needs no related resources either. */
static void a_precondition_comes_before_related_resources(void **state) {
    (void)state;
    engine_rule made = rule_named("zones", "");
    made.owner = ENGINE_MANAGED;
    made.identifier = PL_STR("slb-instance-default-server-group-multi-zone");
    assert_int_equal(
        engine_list_parse(&arena, PL_STR("ACS::SLB::LoadBalancer"), &made.scope.resource_types, &error), 0);
    engine_rule *rule = make(made);
    put(BALANCER(""));
    assert_int_equal(list(rule).counts.by[ENGINE_NOT_APPLICABLE], 1);
    now++;
    put(BALANCER("{\"ServerId\":\"i-1\"}"));
    assert_int_equal(list(rule).counts.by[ENGINE_INSUFFICIENT_DATA], 1);
}

#ifndef PL_TESTS_WITH_FAULTS
/* However many look at what changes, none keeps an old verdict. */
static void many_that_depend_on_one_are_all_judged_again(void **state) {
    enum { MANY = 1500 };
    pl_buf items;
    (void)state;
    engine_rule *rule = make(rule_named("guarded", OPEN_GROUP));
    pl_buf_init(&items, 1 << 20);
    pl_buf_add(&items, PL_STR("[" GROUP("sg-1", "no")));
    for (int i = 0; i < MANY; i++)
        pl_buf_printf(&items,
                      ",{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-%d\",\"regionId\":\"r\","
                      "\"configuration\":{\"SecurityGroupIds\":{\"SecurityGroupId\":[\"sg-1\"]}}}",
                      i);
    pl_buf_add(&items, PL_STR("]"));
    pl_buf_add_char(&items, '\0');
    assert_false(items.failed);
    put(items.p);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 0);
    now++;
    put("[" GROUP("sg-1", "yes") "]");
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], MANY);
    pl_buf_free(&items);
}
#endif

/* --- Groups
 * ------------------------------------------------------------------------------------------------- */

static int leave_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return engine_account_changed(e, session, member, now, wrong);
}

static int update_work(store_session *session, void *argument, pl_error *wrong) {
    struct making *m = argument;
    engine_context context = context_of_test();
    return engine_rule_update(&context, session, &m->rule, wrong);
}

static void account_changed(void) {
    if (write_in_test(leave_work, &group_size, sizeof group_size) != 0)
        fail_msg("%s: %s", error.code, error.message);
    engine_after_commit(e);
}

static void a_group_rule_covers_the_members(void **state) {
    (void)state;
    engine_rule grouped = rule_named("grouped", RUNNING);
    grouped.aggregator_id = PL_STR("ca-1");
    put("[" INSTANCE("i-1", "Stopped") "]");
    engine_rule *rule = make(grouped);
    put_as(member, "[" INSTANCE("i-2", "Stopped") "," INSTANCE("i-3", "Running") "]");
    pl_str both[] = {owner, member};
    struct listing l = list_over(rule, both, 2);
    assert_int_equal(l.counts.total, 3);
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], 2);
    assert_int_equal(l.count, 3);
    assert_int_equal(list_over(rule, &member, 1).counts.total, 2);
    group_size = 1;
    account_changed();
    assert_int_equal(list_over(rule, &member, 1).counts.by[ENGINE_NON_COMPLIANT], 0);
    group_size = 2;
    account_changed();
    assert_int_equal(list_over(rule, &member, 1).counts.by[ENGINE_NON_COMPLIANT], 1);
    account_changed(); /* nothing has changed */
    assert_int_equal(list_over(rule, &member, 1).counts.by[ENGINE_NON_COMPLIANT], 1);
}

static void a_group_rule_may_leave_accounts_out(void **state) {
    (void)state;
    engine_rule grouped = rule_named("grouped", RUNNING);
    grouped.aggregator_id = PL_STR("ca-1");
    assert_int_equal(engine_list_parse(&arena, member, &grouped.scope.exclude_account_ids, &error), 0);
    engine_rule *rule = make(grouped);
    put_as(member, "[" INSTANCE("i-2", "Stopped") "]");
    put("[" INSTANCE("i-1", "Stopped") "]");
    pl_str both[] = {owner, member};
    assert_int_equal(list_over(rule, both, 2).counts.total, 1);
}

struct counted {
    int64_t rule_key, rows;
};

static int rows_work(store_session *session, void *argument, pl_error *wrong) {
    struct counted *c = argument;
    store_statement *st = store_prepare(session, "SELECT count(*) FROM results WHERE rule_key = $1", wrong);
    store_bind_i64(st, 1, c->rule_key);
    if (store_step(st, wrong) != 1)
        return -1;
    c->rows = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

static int act_in_group_work(store_session *session, void *argument, pl_error *wrong) {
    const struct acting *a = argument;
    engine_context context = context_of_test();
    engine_group of = {owner, PL_STR("ca-1")};
    return engine_rule_act(&context, session, &of, a->rule->rule_id, a->action, wrong);
}

static void only_active_rules_of_the_group_follow_an_account(void **state) {
    (void)state;
    group_size = 1;
    put_as(member, "[" INSTANCE("i-2", "Stopped") "]");
    engine_rule rule = rule_named("grouped", RUNNING), alone = rule_named("alone", RUNNING);
    rule.aggregator_id = PL_STR("ca-1");
    engine_rule *grouped = make(rule);
    rule.name = PL_STR("off");
    engine_rule *off = make(rule);
    struct acting a = {off, ENGINE_DEACTIVATE};
    assert_int_equal(store_write(db, act_in_group_work, &a, &error), 0);
    alone.account_id = member;
    struct counted single = {.rule_key = make(alone)->rule_key};
    group_size = 2;
    account_changed();
    assert_int_equal(list_over(grouped, &member, 1).counts.by[ENGINE_NON_COMPLIANT], 1);
    assert_int_equal(list_over(off, &member, 1).counts.by[ENGINE_NON_COMPLIANT], 0);
    group_size = 1;
    account_changed();
    assert_int_equal(list_over(grouped, &member, 1).counts.by[ENGINE_NON_COMPLIANT], 0);
    assert_int_equal(store_read(db, rows_work, &single, &error), 0);
    assert_int_equal(single.rows, 1); /* the account's own rule stays with it */
}

/* --- A member whose recorder changes ----------------------------------------------------------------------
 */

static int record_work(store_session *session, void *argument, pl_error *wrong) {
    return engine_recorder_put(e, session, member, argument, now, wrong);
}

static void member_records(const char *type) {
    pl_str one = pl_str_from(type);
    inventory_recorder recorder = {PL_STR("REGISTERED"), false, &one, 1};
    now += 1000;
    if (write_in_test(record_work, &recorder, sizeof recorder) != 0)
        fail_msg("%s: %s", error.code, error.message);
    engine_after_commit(e);
}

static void drain(void) {
    bool worked = true;
    while (worked)
        if (engine_work(e, &worked, &error) != 0)
            fail_msg("%s", error.message);
}

/* The owner's results are as old as they were: the run is one over the member alone. */
static void a_group_rule_runs_in_the_member_that_records_again(void **state) {
    (void)state;
    engine_rule grouped = rule_named("grouped", RUNNING);
    grouped.aggregator_id = PL_STR("ca-1");
    engine_rule *rule = make(grouped);
    put("[" INSTANCE("i-1", "Stopped") "]");
    put_as(member, "[" INSTANCE("i-2", "Stopped") "," INSTANCE("i-3", "Running") "]");
    int64_t before = list_over(rule, &owner, 1).results[0].ordering;
    member_records("ACS::ECS::Disk");
    assert_int_equal(list_over(rule, &member, 1).counts.total, 0);
    assert_int_equal(list_over(rule, &owner, 1).counts.by[ENGINE_NON_COMPLIANT], 1);
    member_records("ACS::ECS::Instance");
    assert_true(list_over(rule, &member, 1).evaluating == (run_inside == 1));
    drain();
    struct listing of_member = list_over(rule, &member, 1), of_owner = list_over(rule, &owner, 1);
    assert_int_equal(of_member.counts.total, 2);
    assert_int_equal(of_member.counts.by[ENGINE_NON_COMPLIANT], 1);
    assert_int_equal(of_member.results[0].ordering, now);
    assert_int_equal(of_owner.counts.by[ENGINE_NON_COMPLIANT], 1);
    if (run_inside == 0) /* the end of a worker's run is told of the rule as a whole */
        assert_int_equal(of_owner.results[0].ordering, before);
}

/* --- Runs of the workers over a group ---------------------------------------------------------------------
 */

static int setup_queued(void **state) {
    found_group(2);
    run_inside = 1;
    return setup(state);
}

static void a_queued_run_leaves_accounts_that_are_left_out(void **state) {
    (void)state;
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Stopped") "]");
    put_as(member, "[" INSTANCE("i-3", "Stopped") "," INSTANCE("i-4", "Stopped") "]");
    engine_rule grouped = rule_named("grouped", RUNNING);
    grouped.aggregator_id = PL_STR("ca-1");
    engine_rule *rule = make(grouped);
    pl_str both[] = {owner, member};
    drain();
    assert_int_equal(list_over(rule, both, 2).counts.by[ENGINE_NON_COMPLIANT], 4);
    engine_rule narrower = list_over(rule, both, 2).current;
    assert_int_equal(engine_list_parse(&arena, member, &narrower.scope.exclude_account_ids, &error), 0);
    now += 1000;
    struct making m = {narrower};
    if (write_in_test(update_work, &m, sizeof m) != 0)
        fail_msg("%s: %s", error.code, error.message);
    drain();
    assert_int_equal(list_over(rule, both, 2).counts.by[ENGINE_NON_COMPLIANT], 2);
    assert_int_equal(list_over(rule, &member, 1).count, 0);
}

enum { MANY_MEMBERS = 51 };

static int many_members(void *context, store_session *session, pl_arena *a, engine_group group,
                        pl_str **accounts, size_t *count, pl_error *wrong) {
    (void)context;
    (void)session;
    (void)group;
    *count = MANY_MEMBERS;
    *accounts = pl_new(a, pl_str, MANY_MEMBERS);
    for (size_t i = 0; *accounts && i < MANY_MEMBERS; i++)
        (*accounts)[i] = pl_arena_printf(a, "2000000000000%02zu", i);
    return a->failed ? pl_fail(wrong, PL_E_ServiceUnavailable) : 0;
}

static int setup_many(void **state) {
    found_group(2);
    group_answers.members_of = many_members;
    run_inside = 0;
    return setup(state);
}

static void a_group_of_many_accounts_is_run_by_the_workers(void **state) {
    (void)state;
    const pl_str last = PL_STR("200000000000050");
    put_as(last, "[" INSTANCE("i-1", "Stopped") "]");
    engine_rule grouped = rule_named("grouped", RUNNING);
    grouped.aggregator_id = PL_STR("ca-1");
    engine_rule *rule = make(grouped);
    struct listing l = list_over(rule, &last, 1);
    assert_true(l.evaluating);
    drain();
    l = list_over(rule, &last, 1);
    assert_false(l.evaluating);
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], 1);
}

/* --- Items of several accounts in one transaction ---------------------------------------------------------
 */

static bool accept_any(void *context, pl_str account_id) {
    (void)context;
    return account_id.n > 0;
}

#define OF_MEMBER(text) "{\"accountId\":\"100000000000002\"," text

static void relations_do_not_cross_accounts(void **state) {
    (void)state;
    engine_rule rule = rule_named("guarded", OPEN_GROUP);
    rule.aggregator_id = PL_STR("ca-1");
    engine_rule *made = make(rule);
    put("[" GUARDED("i-1", "sg-1") "]");
    put_as(member, "[" GUARDED("i-2", "sg-1") "]");
    now++;
    struct recording both = {
        {.account_id = owner, .catalogue = known, .accepts_account = accept_any},
        parsed("[" GROUP("sg-1", "no") "," GROUP("sg-2", "no") "," OF_MEMBER(
            "\"resourceType\":\"ACS::ECS::SecurityGroup\",\"resourceId\":\"sg-1\",\"regionId\":\"r\","
            "\"configuration\":{\"Open\":\"yes\"}}") "]")};
    rehearse(try_to_record, &both);
    assert_int_equal(try_to_record(&both, &error), 0);
    assert_int_equal(list_over(made, &owner, 1).counts.by[ENGINE_NON_COMPLIANT], 0);
    assert_int_equal(list_over(made, &member, 1).counts.by[ENGINE_NON_COMPLIANT], 1);
}

/* --- Two relations between two types, and a type with itself ----------------------------------------------
 */

#define VPC(id, rest)                                                                                        \
    "{\"resourceType\":\"ACS::VPC::VPC\",\"resourceId\":\"" id                                               \
    "\",\"regionId\":\"r\",\"configuration\":{" rest "}}"
#define SWITCH(id, rest)                                                                                     \
    "{\"resourceType\":\"ACS::VPC::VSwitch\",\"resourceId\":\"" id                                           \
    "\",\"regionId\":\"r\",\"configuration\":{" rest "}}"
#define BUCKET(id, rest)                                                                                     \
    "{\"resourceType\":\"ACS::OSS::Bucket\",\"resourceId\":\"" id                                            \
    "\",\"regionId\":\"r\",\"configuration\":{" rest "}}"

static engine_rule *looking_at(const char *type, const char *related) {
    engine_rule rule = rule_named(
        type, pl_arena_printf(&arena,
                              CONDITION("{\"operator\":\"NotContains\",\"featurePath\":\"$[*].Open\","
                                        "\"featureSource\":\"RELATED:%s\",\"desired\":\"yes\"}"),
                              related)
                  .p);
    assert_int_equal(engine_list_parse(&arena, pl_str_from(type), &rule.scope.resource_types, &error), 0);
    return make(rule);
}

/* To what is not there, and to what is gone. */
static int stray_links_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return store_run(session, wrong,
                     "INSERT INTO resource_links (account_id, to_type, to_id, from_type, from_key) SELECT "
                     "CAST($1 AS TEXT), 'ACS::VPC::VSwitch', 'vsw-1', 'ACS::VPC::VPC', 4711 UNION ALL SELECT "
                     "account_id, 'ACS::VPC::VSwitch', 'vsw-1', 'ACS::VPC::VPC', resource_key FROM resources "
                     "WHERE resource_id = 'vpc-gone'",
                     "t", owner);
}

/* Both name each other; ids that are no texts name nobody. */
static void what_is_related_twice_counts_once(void **state) {
    (void)state;
    engine_rule *rule = looking_at("ACS::VPC::VPC", "ACS::VPC::VSwitch");
    put("[" VPC("vpc-1", "\"VSwitchIds\":{\"VSwitchId\":[\"vsw-1\",7,\"\",\"vsw-none\"]}") "," VPC(
        "vpc-2", "\"VSwitchIds\":{\"VSwitchId\":[\"vpc-1\"]},\"Note\":\"vsw-1\"") "," VPC("vpc-3",
                                                                                          "\"VSwitchIds\":{"
                                                                                          "\"VSwitchId\":["
                                                                                          "\"vsw-1\"]}") "]");
    put("[" SWITCH("vsw-1", "\"VpcId\":\"vpc-1\",\"Open\":\"no\"") "]");
    now++;
    put("[" SWITCH("vsw-1", "\"VpcId\":\"vpc-1\",\"Open\":\"yes\"") "]");
    struct listing l = list(rule);
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], 2);
    assert_int_equal(l.counts.by[ENGINE_COMPLIANT], 1);
    now++;
    put("[" SWITCH("vsw-1", "\"VpcId\":[8],\"Open\":\"yes\"") "]");
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 2); /* the VPCs still name it */
}

static void links_that_lead_nowhere_are_passed_over(void **state) {
    (void)state;
    put("[" VPC("vpc-1", "\"VSwitchIds\":{\"VSwitchId\":[\"vsw-1\"]}") "," VPC(
        "vpc-gone", "\"A\":1") "," SWITCH("vsw-1", "\"Open\":\"no\"") "]");
    now++;
    put("[{\"resourceType\":\"ACS::VPC::VPC\",\"resourceId\":\"vpc-gone\",\"regionId\":\"r\","
        "\"resourceEventType\":\"REMOVE\"}]");
    engine_rule *rule = looking_at("ACS::VPC::VPC", "ACS::VPC::VSwitch");
    engine_rule *other = looking_at("ACS::VPC::VSwitch", "ACS::VPC::VPC");
    drain();
    assert_int_equal(store_write(db, stray_links_work, NULL, &error), 0);
    now++;
    put("[" SWITCH("vsw-1", "\"Open\":\"yes\"") "]");
    assert_int_equal(list(rule).counts.total, 1);
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 1);
    assert_int_equal(list(other).counts.by[ENGINE_COMPLIANT], 1);
}

/* The first of two types that a rule looks at. */
static void a_rule_may_look_at_several_types(void **state) {
    (void)state;
    engine_rule rule = rule_named(
        "both", CONDITION("{\"operator\":\"NotContains\",\"featurePath\":\"$[*].Open\",\"featureSource\":"
                          "\"RELATED:ACS::VPC::VSwitch\",\"desired\":\"yes\"},{\"operator\":\"NotContains\","
                          "\"featurePath\":\"$[*].Open\",\"featureSource\":\"RELATED:ACS::NAT::NatGateway\","
                          "\"desired\":\"yes\"}"));
    assert_int_equal(engine_list_parse(&arena, PL_STR("ACS::VPC::VPC"), &rule.scope.resource_types, &error),
                     0);
    engine_rule *made = make(rule);
    put("[" VPC("vpc-1", "\"VSwitchIds\":{\"VSwitchId\":[\"vsw-1\"]}") "]");
    put("[" SWITCH("vsw-1", "\"Open\":\"yes\"") "]");
    assert_int_equal(list(made).counts.by[ENGINE_NON_COMPLIANT], 1);
    now++;
    put("[" SWITCH("vsw-1", "\"Open\":\"no\"") "]");
    assert_int_equal(list(made).counts.by[ENGINE_NON_COMPLIANT], 0);
}

static void a_resource_may_be_related_to_its_like(void **state) {
    (void)state;
    engine_rule *rule = looking_at("ACS::OSS::Bucket", "ACS::OSS::Bucket");
    put("[" BUCKET("own-log", "\"BucketPolicy\":{\"LogBucket\":\"own-log\"},\"Open\":\"no\"") "," BUCKET(
        "b-1", "\"BucketPolicy\":{\"LogBucket\":\"b-2\"},\"Open\":\"no\"") "," BUCKET("b-2",
                                                                                      "\"Open\":\"no\"") "]");
    assert_int_equal(list(rule).counts.by[ENGINE_COMPLIANT], 3);
    now++;
    put("[" BUCKET("b-2", "\"Open\":\"yes\"") "]");
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 1);
    now++;
    put("[" BUCKET("own-log", "\"BucketPolicy\":{\"LogBucket\":\"own-log\"},\"Open\":\"yes\"") "]");
    assert_int_equal(list(rule).counts.by[ENGINE_NON_COMPLIANT], 2);
}

/* --- Resources that a call brings along -------------------------------------------------------------------
 */

struct asking {
    inventory_resource subject;
    pl_json configuration;
    engine_unrecorded others[4];
    const engine_unrecorded *all_others;
    size_t count;
    pl_str type;
    pl_json list;
};

static int related_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    engine_relating relating = {.e = e,
                                .session = session,
                                .arena = &arena,
                                .resource = &a->subject,
                                .configuration = a->configuration,
                                .others = a->all_others ? a->all_others : a->others,
                                .other_count = a->count};
    return engine_find_related(&relating, a->type, &a->list, wrong);
}

static struct asking about(const char *type, const char *id, const char *configuration, const char *other) {
    return (struct asking){
        .subject = {.account_id = owner, .resource_type = pl_str_from(type), .resource_id = pl_str_from(id)},
        .configuration = parsed(configuration),
        .type = pl_str_from(other)};
}

static void bring(struct asking *a, const char *type, const char *id, const char *region,
                  const char *configuration) {
    a->others[a->count++] =
        (engine_unrecorded){.resource = {.account_id = owner,
                                         .resource_type = pl_str_from(type),
                                         .region_id = pl_str_from(region),
                                         .resource_id = pl_str_from(id)},
                            .configuration = configuration ? parsed(configuration) : PL_JSON_NONE};
}

static void assert_related(struct asking a, const char *wanted) {
    pl_buf text;
    if (read_in_test(related_work, &a, sizeof a) != 0)
        fail_msg("%s: %s", error.code, error.message);
    pl_buf_init(&text, 1 << 20);
    pl_json_write(&text, a.list);
    assert_str(pl_buf_str(&text), wanted);
    pl_buf_free(&text);
}

#define SECURITY_GROUP "ACS::ECS::SecurityGroup"
#define ECS_INSTANCE "ACS::ECS::Instance"
#define IN_GROUP(id) "{\"SecurityGroupIds\":{\"SecurityGroupId\":[\"" id "\"]}}"

/* What is brought along stands for what is recorded under its name; without a region for all of that name. */
static void what_is_brought_along_stands_for_what_is_recorded(void **state) {
    (void)state;
    put("[" GROUP("sg-1", "no") "," GUARDED("i-1", "sg-1") "]");
    struct asking a = about(ECS_INSTANCE, "i-new", IN_GROUP("sg-1"), SECURITY_GROUP);
    assert_related(a, "[{\"Open\":\"no\"}]");
    bring(&a, ECS_INSTANCE, "sg-1", "r", "{}");
    bring(&a, SECURITY_GROUP, "sg-2", "r", "{\"Open\":\"other\"}");
    assert_related(a, "[{\"Open\":\"no\"}]");
    bring(&a, SECURITY_GROUP, "sg-1", "elsewhere", "{\"Open\":\"there\"}");
    assert_related(a, "[{\"Open\":\"there\"},{\"Open\":\"no\"}]");
    a.others[2].resource.region_id = PL_STR("r");
    assert_related(a, "[{\"Open\":\"there\"}]");
    a.others[2].resource.region_id = PL_STR("");
    a.others[2].configuration = PL_JSON_NONE;
    assert_related(a, "[{}]");
    struct asking group = about(SECURITY_GROUP, "sg-1", "{}", ECS_INSTANCE);
    bring(&group, ECS_INSTANCE, "i-2", "", "{\"SecurityGroupIds\":{\"SecurityGroupId\":[\"sg-9\"]}}");
    bring(&group, ECS_INSTANCE, "i-3", "", IN_GROUP("sg-1"));
    assert_related(group, "[" IN_GROUP("sg-1") "," IN_GROUP("sg-1") "]");
    struct asking vpc =
        about("ACS::VPC::VPC", "vpc-1", "{\"VSwitchIds\":{\"VSwitchId\":[\"vsw-1\"]}}", "ACS::VPC::VSwitch");
    bring(&vpc, "ACS::VPC::VSwitch", "vsw-1", "", "{\"VpcId\":\"vpc-1\"}"); /* by both relations */
    assert_related(vpc, "[{\"VpcId\":\"vpc-1\"}]");
}

/* No rule asks for links here: configurations are looked through. */
static void configurations_are_looked_through_where_no_links_are_kept(void **state) {
    (void)state;
    put("[" GUARDED("i-1", "sg-1") "," GUARDED(
        "i-2", "sg-2") ",{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-3\",\"regionId\":\"r\"},"
                       "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-4\",\"regionId\":\"r\","
                       "\"configuration\":{\"Note\":\"sg-1\"}},{\"resourceType\":\"ACS::ECS::SecurityGroup\","
                       "\"resourceId\":\"sg-5\",\"regionId\":\"r\"}]");
    assert_related(about(SECURITY_GROUP, "sg-1", "{}", ECS_INSTANCE), "[" IN_GROUP("sg-1") "]");
    assert_related(about(ECS_INSTANCE, "i-5",
                         "{\"SecurityGroupIds\":{\"SecurityGroupId\":[5,\"\",\"sg-5\","
                         "\"i-1\"]}}",
                         SECURITY_GROUP),
                   "[{}]");
    assert_related(about("ACS::::Account", owner.p, "{}", SECURITY_GROUP), "[{}]");
}

enum { MOST_RELATED = 100000 };

static void too_many_are_not_cut_off_silently(void **state) {
    (void)state;
    engine_unrecorded *others = pl_new(&arena, engine_unrecorded, MOST_RELATED + 1);
    assert_non_null(others);
    for (size_t i = 0; i <= MOST_RELATED; i++)
        others[i] = (engine_unrecorded){
            .resource = {.resource_type = PL_STR(SECURITY_GROUP), .resource_id = PL_STR("new")}};
    put_plainly(owner, "[" GROUP("sg-1", "no") "]");
    struct asking a = about("ACS::::Account", owner.p, "{}", SECURITY_GROUP);
    a.all_others = others;
    a.count = MOST_RELATED - 1;
    assert_int_equal(store_read(db, related_work, &a, &error), 0);
    assert_int_equal(pl_json_count(a.list), MOST_RELATED);
    for (a.count = MOST_RELATED; a.count <= MOST_RELATED + 1; a.count++) {
        assert_int_equal(store_read(db, related_work, &a, &error), -1);
        assert_string_equal(error.code, "InvalidParameter");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_change_of_a_related_resource_is_judged_where_it_matters,
                                        setup_alone, teardown),
        cmocka_unit_test_setup_teardown(related_resources_may_come_in_any_order, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(a_precondition_comes_before_related_resources, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(a_group_rule_covers_the_members, setup_groups, teardown),
        cmocka_unit_test_setup_teardown(a_group_rule_may_leave_accounts_out, setup_groups, teardown),
        cmocka_unit_test_setup_teardown(only_active_rules_of_the_group_follow_an_account, setup_groups,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_group_rule_runs_in_the_member_that_records_again, setup_groups,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_group_rule_runs_in_the_member_that_records_again, setup_queued,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_queued_run_leaves_accounts_that_are_left_out, setup_queued,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_group_of_many_accounts_is_run_by_the_workers, setup_many, teardown),
        cmocka_unit_test_setup_teardown(relations_do_not_cross_accounts, setup_groups, teardown),
        cmocka_unit_test_setup_teardown(what_is_related_twice_counts_once, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(links_that_lead_nowhere_are_passed_over, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(a_rule_may_look_at_several_types, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(a_resource_may_be_related_to_its_like, setup_alone, teardown),
        cmocka_unit_test_setup_teardown(what_is_brought_along_stands_for_what_is_recorded, setup_alone,
                                        teardown),
        cmocka_unit_test_setup_teardown(configurations_are_looked_through_where_no_links_are_kept,
                                        setup_alone, teardown),
#ifndef PL_TESTS_WITH_FAULTS
        cmocka_unit_test_setup_teardown(many_that_depend_on_one_are_all_judged_again, setup_alone, teardown),
#endif
        cmocka_unit_test_setup_teardown(too_many_are_not_cut_off_silently, setup_alone, teardown),
    };
    return run_on_both(tests);
}
