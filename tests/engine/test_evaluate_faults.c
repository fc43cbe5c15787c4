/*
 * What becomes of a change under every kind of rule, in accounts of a few resources, while everything beneath
 * fails at every single place: a change is recorded with its verdicts or not at all.
 */
#define PL_TESTS_WITH_FAULTS
#include "support/testing.h"

#include "engine/run.h"

#include "engine/group.h"

enum { EVERYWHERE = 1 << 30, SELDOM = 1 };

/* The catalogue is read before anything fails: it is long, and has failures of its own. */
static int setup_read(void **state) {
    workers = 0;
    thinning = SELDOM;
    if (setup(state) != 0 || !catalogue_type_at(known, 0, &error))
        return -1;
    return catalogue_rule_at(known, 0, &error) ? 0 : -1;
}

static int setup_small(void **state) {
    group_answers = (engine_groups){0};
    return setup_read(state);
}

static int setup_group(void **state) {
    found_group(2);
    return setup_read(state);
}

#define TAGGED(type, id, tags, configuration)                                                                \
    "{\"resourceType\":\"ACS::" type "\",\"resourceId\":\"" id "\",\"regionId\":\"r\",\"tags\":" tags        \
    ",\"configuration\":" configuration "}"

#define STATUS(id, status, team)                                                                             \
    TAGGED("ECS::Instance", id, "{\"team\":[\"" team "\"]}", "{\"Status\":\"" status "\"}")

/* From here on everything fails at every place before it is done, and nothing helps the next try. */
static void try_everywhere(bool everywhere) {
    thinning = everywhere ? EVERYWHERE : SELDOM;
    forgetful = everywhere;
}

static void put_wholly(const char *json) {
    now += 1000;
    try_everywhere(true);
    put(json);
    try_everywhere(false);
}

static engine_rule *make_wholly(engine_rule rule) {
    try_everywhere(true);
    engine_rule *made = make(rule);
    try_everywhere(false);
    return made;
}

static void act_wholly(const engine_rule *rule, engine_rule_action action) {
    now += 1000;
    try_everywhere(true);
    act(rule, action);
    try_everywhere(false);
}

static void counts_are(const engine_rule *rule, int64_t total, int64_t bad, int64_t unknown) {
    struct listing l = list(rule);
    assert_int_equal(l.count, total);
    assert_int_equal(l.counts.total, total);
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], bad);
    assert_int_equal(l.counts.by[ENGINE_INSUFFICIENT_DATA], unknown);
}

static engine_rule of_team(const char *name, const char *team) {
    engine_rule rule = rule_named(name, RUNNING);
    rule.scope.tags = (engine_tags){pl_new(&arena, engine_tag, 1), 1};
    rule.scope.tags.items[0] = (engine_tag){PL_STR("team"), pl_str_from(team)};
    return rule;
}

static engine_rule managed(const char *name, const char *identifier, const char *type) {
    engine_rule rule = rule_named(name, "");
    rule.owner = ENGINE_MANAGED;
    rule.identifier = pl_str_from(identifier);
    assert_int_equal(engine_list_parse(&arena, pl_str_from(type), &rule.scope.resource_types, &error), 0);
    return rule;
}

static int update_work(store_session *session, void *argument, pl_error *wrong) {
    engine_context context = context_of_test();
    return engine_rule_update(&context, session, argument, wrong);
}

static void update(engine_rule *rule) {
    now += 1000;
    if (write_in_test(update_work, rule, sizeof *rule) != 0)
        fail_msg("%s: %s", error.code, error.message);
    engine_after_commit(e);
}

/* --- Which rules a change concerns ------------------------------------------------------------------------
 */

static void a_change_is_judged_by_the_rules_that_cover_it(void **state) {
    (void)state;
    engine_rule scheduled = rule_named("scheduled", RUNNING);
    scheduled.triggers = ENGINE_TRIGGER_SCHEDULE;
    scheduled.frequency = PL_STR("One_Hour");
    put("[" STATUS("i-1", "Stopped", "a") "," STATUS("i-2", "Running", "b") "]");
    engine_rule *whole = make_wholly(rule_named("whole", RUNNING)), *late = make_wholly(scheduled),
                *team = make_wholly(of_team("team", "a"));
    counts_are(late, 2, 1, 0);
    put_wholly("[" STATUS("i-1", "Running", "b") "," STATUS("i-2", "Stopped",
                                                            "a") "," STATUS("i-3", "Stopped", "a") "]");
    counts_are(whole, 3, 2, 0);
    counts_are(late, 3, 1, 1); /* what it has seen stands, what is new waits */
    counts_are(team, 2, 2, 0);
    act_wholly(team, ENGINE_DEACTIVATE);
    put_wholly("[" STATUS("i-1", "Running", "a") "," STATUS("i-2", "Running", "b") "]");
    counts_are(whole, 3, 1, 0);
    counts_are(team, 2, 1, 1); /* i-3 as it was, i-1 unknown */
    act_wholly(team, ENGINE_ACTIVATE);
    counts_are(team, 2, 1, 0);
    act_wholly(team, ENGINE_DEACTIVATE);
    act_wholly(team, ENGINE_DELETE);
}

/* A disabled rule whose scope moves does not look again; its counts follow. */
static void a_disabled_rule_follows_its_scope(void **state) {
    (void)state;
    put("[" STATUS("i-1", "Stopped", "a") "," STATUS("i-2", "Stopped", "b") "]");
    engine_rule *rule = make(rule_named("moving", RUNNING));
    act(rule, ENGINE_DEACTIVATE);
    rule->scope.tags = of_team("", "a").scope.tags;
    update(rule);
    int64_t before = list(rule).counts.total;
    put_wholly("[" STATUS("i-1", "Stopped", "b") "," STATUS("i-2", "Stopped", "a") "]");
    assert_int_equal(list(rule).counts.total, before);
    put_wholly("[" STATUS("i-1", "Running", "c") "]");
    assert_int_equal(list(rule).counts.total, before);
}

/* --- Verdicts of every kind -------------------------------------------------------------------------------
 */

#define CLUSTER(specification)                                                                               \
    TAGGED("ACK::Cluster", "c-1", "{}",                                                                      \
           "{\"ClusterSpec\":\"" specification "\",\"EncryptionProviderKey\":\"\"}")

static void a_result_may_not_apply(void **state) {
    (void)state;
    put("[" CLUSTER("ack.standard") "]");
    engine_rule *rule = make_wholly(managed("keys", "ack-cluster-encryption-enabled", "ACS::ACK::Cluster"));
    assert_int_equal(list(rule).counts.by[ENGINE_NOT_APPLICABLE], 1);
    put_wholly("[" CLUSTER("ack.pro.small") "]");
    counts_are(rule, 1, 1, 0);
    put_wholly("[" CLUSTER("ack.standard") "]");
    assert_int_equal(list(rule).counts.by[ENGINE_NOT_APPLICABLE], 1);
}

static void a_rule_without_what_it_asks_for_is_told_so(void **state) {
    (void)state;
    put("[" TAGGED("ALB::LoadBalancer", "l-1", "{}", "{\"LoadBalancerStatus\":\"Active\"}") "]");
    engine_rule *rule =
        make_wholly(managed("headers", "alb-http-drop-invalid-header-enabled", "ACS::ALB::LoadBalancer"));
    counts_are(rule, 1, 0, 1);
}

#define OPEN                                                                                                 \
    "{\"Permissions\":{\"Permission\":[{\"Direction\":\"ingress\",\"Policy\":\"Accept\",\"SourceCidrIp\":"   \
    "\"0.0.0.0/0\"}]}}"

#define PUBLIC                                                                                               \
    TAGGED("ECS::Instance", "i-1", "{\"team\":[\"a\"]}",                                                     \
           "{\"ImageId\":\"m-1\",\"PublicIpAddress\":{\"IpAddress\":[\"203.0.113.5\"]},"                     \
           "\"SecurityGroupIds\":{\"SecurityGroupId\":[\"sg-1\",\"\"]}}")

static void related_resources_are_looked_for_and_looked_at(void **state) {
    (void)state;
    put("[" PUBLIC "]");
    engine_rule function = rule_named("function", "");
    function.owner = ENGINE_FUNCTION;
    function.identifier = PL_STR("acs:fc:cn-shanghai:100000000000001:functions/check");
    make(function);
    engine_rule *image = make(managed("image", "ecs-instance-image-type-check", "ACS::ECS::Instance"));
    engine_rule *closed =
        make_wholly(managed("closed", "ecs-instance-no-public-and-anyip", "ACS::ECS::Instance"));
    engine_rule *unknown = make(rule_named(
        "unknown", CONDITION("{\"operator\":\"NotContains\",\"featurePath\":\"$[*].Open\",\"featureSource\":"
                             "\"RELATED:ACS::ECS::SecurityGroup\",\"desired\":\"yes\"}")));
    counts_are(closed, 1, 0, 1);
    put_wholly("[" TAGGED("ECS::SecurityGroup", "sg-1", "{}", OPEN) "]");
    counts_are(closed, 1, 1, 0);
    counts_are(image, 1, 0, 1);
    counts_are(unknown, 1, 0, 0);
    put_wholly("[" TAGGED("ECS::SecurityGroup", "sg-1", "{}", "{\"Open\":\"yes\"}") "]");
    counts_are(closed, 1, 0, 0);
    counts_are(unknown, 1, 1, 0);
    put_wholly("[" TAGGED("ECS::Image", "m-1", "{}", "{\"ImageOwnerAlias\":\"others\"}") "]");
    counts_are(image, 1, 1, 0);
}

/* --- What covers a resource -------------------------------------------------------------------------------
 */

static engine_list list_of(const char *text) {
    engine_list listed;
    assert_int_equal(engine_list_parse(&arena, pl_str_from(text), &listed, &error), 0);
    return listed;
}

/* One narrow rule for each way to be narrow; each covers i-1 and not i-2. */
static void every_way_to_be_narrow_leaves_the_others_out(void **state) {
    (void)state;
    enum { WAYS = 10 };
    static const char *const names[WAYS] = {"regions",   "no regions", "ids",  "no ids",  "groups",
                                            "no groups", "names",      "tags", "no tags", "keys"};
    engine_scope scopes[WAYS];
    const engine_rule *rules[WAYS];
    engine_tag tag = {PL_STR("team"), PL_STR("a")}, away = {PL_STR("away"), PL_STR("b")};
    memset(scopes, 0, sizeof scopes);
    scopes[0].region_ids = list_of("r");
    scopes[1].exclude_region_ids = list_of("q");
    scopes[2].resource_ids = list_of("i-1");
    scopes[3].exclude_resource_ids = list_of("i-2");
    scopes[4].resource_group_ids = list_of("rg-1");
    scopes[5].exclude_resource_group_ids = list_of("rg-2");
    scopes[6].resource_names = list_of("i-1");
    scopes[7].tags = (engine_tags){&tag, 1};
    scopes[8].exclude_tags = (engine_tags){&away, 1};
    scopes[9].tag_keys = list_of("team");
    scopes[9].tag_value = PL_STR("a");
    for (size_t i = 0; i < WAYS; i++) {
        engine_rule rule = rule_named(names[i], RUNNING);
        scopes[i].resource_types = rule.scope.resource_types;
        rule.scope = scopes[i];
        rules[i] = make(rule);
    }
    put("[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-1\",\"regionId\":\"r\","
        "\"resourceName\":"
        "\"i-1\",\"resourceGroupId\":\"rg-1\",\"tags\":{\"team\":[\"a\"]},\"configuration\":{}},"
        "{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-2\",\"regionId\":\"q\",\"resourceName\":"
        "\"i-2\",\"resourceGroupId\":\"rg-2\",\"tags\":{\"away\":[\"b\"]},\"configuration\":{}}]");
    for (size_t i = 0; i < WAYS; i++) {
        struct listing l = list(rules[i]);
        if (l.count != 1 || !pl_str_is(l.results[0].resource.resource_id, "i-1") || l.counts.total != 1)
            fail_msg("%s: %zu results", names[i], l.count);
    }
}

/* --- Rules that cannot be what they were ------------------------------------------------------------------
 */

static int lose_work(store_session *session, void *argument, pl_error *wrong) {
    const engine_rule *rule = argument;
    if (store_run(session, wrong, "UPDATE rules SET identifier = 'no-longer-there' WHERE rule_key = $1", "i",
                  rule->rule_key) != 0)
        return -1;
    return engine_version_renew(e, session, owner, wrong);
}

/* As after an update of the program that lacks it. */
static void a_managed_rule_that_is_gone_decides_nothing(void **state) {
    (void)state;
    put("[" CLUSTER("ack.pro.small") "]");
    engine_rule *rule = make(managed("keys", "ack-cluster-encryption-enabled", "ACS::ACK::Cluster"));
    counts_are(rule, 1, 1, 0);
    assert_int_equal(store_write(db, lose_work, rule, &error), 0);
    put_wholly("[" CLUSTER("ack.pro.large") "]");
    counts_are(rule, 1, 0, 1);
    assert_true(pl_str_find(list(rule).results[0].annotation, PL_STR("no-longer-there")) != PL_NOT_FOUND);
}

static void a_condition_takes_its_parameters(void **state) {
    (void)state;
    put("[" STATUS("i-1", "Stopped", "a") "]");
    engine_rule rule =
        rule_named("wanted", CONDITION("{\"operator\":\"StringEquals\",\"featurePath\":\"$.Status\","
                                       "\"featureSource\":\"CONFIGURATION\",\"desired\":"
                                       "\"${wanted}\"}"));
    rule.input_parameters = PL_STR("{\"wanted\":\"Stopped\"}");
    counts_are(make_wholly(rule), 1, 0, 0);
    rule.name = PL_STR("verbatim");
    rule.input_parameters = PL_STR("");
    counts_are(make_wholly(rule), 1, 1, 0);
    rule = managed("image", "ecs-instance-image-type-check", "ACS::ECS::Instance");
    rule.input_parameters = PL_STR("");
    counts_are(make_wholly(rule), 1, 0, 1);
}

/* --- Several accounts in one batch ------------------------------------------------------------------------
 */

static bool any_account(void *context, pl_str account_id) {
    (void)context;
    (void)account_id;
    return true;
}

#define OF_MEMBER(id, status)                                                                                \
    "{\"accountId\":\"100000000000002\",\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"" id "\","  \
    "\"regionId\":\"r\",\"configuration\":{\"Status\":\"" status "\"}}"

static int try_to_put(void *argument, pl_error *wrong) {
    engine_ingested out;
    inventory_defaults defaults = {.account_id = owner, .catalogue = known, .accepts_account = any_account};
    pl_json items;
    if (pl_json_parse_in(&arena, pl_str_from(argument), &items, wrong) != 0)
        return -1;
    return engine_ingest(e, &defaults, items, now, &out, wrong);
}

static void put_for_both(char *json) {
    now += 1000;
    try_everywhere(true);
    rehearse(try_to_put, json);
    try_everywhere(false);
    if (try_to_put(json, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
}

static void a_batch_may_be_of_several_accounts(void **state) {
    (void)state;
    pl_str both[] = {owner, member};
    engine_rule *own = make(rule_named("own", RUNNING));
    engine_rule common = rule_named("common", RUNNING);
    common.aggregator_id = PL_STR("ca-1");
    engine_rule *rule = make(common);
    static char first[] = "[" OF_MEMBER("i-9", "Stopped") "," STATUS("i-1", "Stopped", "a") "," OF_MEMBER(
        "i-8", "Running") "," STATUS("i-2", "Stopped", "a") "]",
                second[] = "[" OF_MEMBER("i-9", "Running") "," STATUS("i-1", "Running", "a") "," OF_MEMBER(
                    "i-8", "Stopped") "]";
    put_for_both(first);
    assert_int_equal(list_over(rule, both, 2).counts.by[ENGINE_NON_COMPLIANT], 3);
    put_for_both(second);
    assert_int_equal(list_over(rule, both, 2).counts.by[ENGINE_NON_COMPLIANT], 2);
    assert_int_equal(list_over(rule, both + 1, 1).counts.by[ENGINE_NON_COMPLIANT], 1);
    counts_are(own, 2, 1, 0);
}

/* --- Many rules and resources -----------------------------------------------------------------------------
 */

enum { MANY_RULES = 20, MANY = 1100 };

static struct start_all { engine_rule *rules[MANY_RULES]; } all;

static int start_all_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    for (size_t i = 0; i < MANY_RULES; i++) {
        engine_rule current;
        bool found;
        if (engine_rule_find_key(session, &arena, owner, all.rules[i]->rule_key, &current, &found, wrong) !=
                0 ||
            engine_evaluate_rule(e, session, &current, false, now, wrong) != 0)
            return -1;
    }
    return 0;
}

/* A run that nobody has gathered anything for catches up with everything in its last transaction. */
static int catch_up_work(store_session *session, void *argument, pl_error *wrong) {
    static engine_batch end;
    engine_run run;
    (void)argument;
    int status = engine_run_begin(&run, e, owner, MANY_RULES, wrong);
    for (size_t i = 0; status == 0 && i < MANY_RULES; i++) {
        bool inside;
        engine_run_rule *added = engine_run_add(&run, session, all.rules[i], &inside, wrong);
        status = added ? 0 : -1;
        if (added)
            added->ordering = now;
    }
    if (status == 0)
        status = engine_run_store(&run, session, &arena, now, &end, wrong);
    for (size_t i = 0; status == 0 && i < MANY_RULES; i++) {
        assert_int_equal(run.rules[i].counts.total, MANY);
        assert_int_equal(run.rules[i].counts.by[ENGINE_NON_COMPLIANT], MANY);
    }
    engine_run_end(&run);
    return status;
}

static void all_deviate(void) {
    for (size_t i = 0; i < MANY_RULES; i++)
        assert_int_equal(list(all.rules[i]).counts.by[ENGINE_NON_COMPLIANT], MANY);
}

/* One transaction with more new rows than are inserted together, and a run whose batches are full of
 * findings before they are full of resources. */
static void batches_are_cut_where_much_is_found(void **state) {
    (void)state;
    static char names[MANY_RULES][16];
    pl_buf text;
    for (size_t i = 0; i < MANY_RULES; i++) {
        snprintf(names[i], sizeof names[i], "rule-%zu", i);
        all.rules[i] = make(rule_named(names[i], RUNNING));
    }
    pl_buf_init(&text, 16 << 20);
    for (int i = 0; i < MANY; i++)
        pl_buf_printf(&text,
                      "%s{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-%d\",\"regionId\":"
                      "\"r\",\"configuration\":{\"Status\":\"Stopped\"}}",
                      i ? "," : "[", i);
    pl_buf_add_char(&text, ']');
    pl_buf_add_char(&text, 0);
    put_plainly(owner, text.p);
    pl_buf_free(&text);
    all_deviate();
    now += 1000;
    assert_int_equal(store_write(db, catch_up_work, NULL, &error), 0);
    all_deviate();
    for (int round = 0; round < 2; round++) {
        now += 1000;
        assert_int_equal(store_write(db, start_all_work, NULL, &error), 0);
        for (bool worked = true; worked;)
            assert_int_equal(engine_work(e, &worked, &error), 0);
        all_deviate();
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_small, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_change_is_judged_by_the_rules_that_cover_it),
        TEST(a_disabled_rule_follows_its_scope),
        TEST(a_result_may_not_apply),
        TEST(a_rule_without_what_it_asks_for_is_told_so),
        TEST(related_resources_are_looked_for_and_looked_at),
        cmocka_unit_test_setup_teardown(a_batch_may_be_of_several_accounts, setup_group, teardown),
        TEST(every_way_to_be_narrow_leaves_the_others_out),
        TEST(a_managed_rule_that_is_gone_decides_nothing),
        TEST(a_condition_takes_its_parameters),
        TEST(batches_are_cut_where_much_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
