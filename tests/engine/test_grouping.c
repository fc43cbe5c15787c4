/*
 * Resource groups that fill themselves: which group what is recorded joins, what follows a resource that
 * moves, and what the log tells of both.
 */
#include "support/testing.h"

#include "engine/grouping_work.h"
#include "engine/world.h"

static org *house;
static org_caller caller;
static pl_str online, offline, loose;

static pl_str new_group(const char *name) {
    static const org_tags none;
    org_resource_group made;
    if (org_create_resource_group(house, &caller, pl_str_from(name), pl_str_from(name), &none, &made,
                                  &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return made.id;
}

static int setup_groups(void **state) {
    if (setup(state) != 0)
        return -1;
    org_config config = {.store = db, .clock = pl_clock_fixed(&now), .random = pl_random_system()};
    caller = (org_caller){.account_id = owner, .now = now, .arena = &arena};
    if (org_open(&house, &config, &error) != 0)
        return -1;
    online = new_group("online");
    offline = new_group("offline");
    loose = new_group("loose");
    return 0;
}

static int teardown_groups(void **state) {
    int status = teardown(state);
    org_close(house);
    return status;
}

static void change_switches(org_grouping_change change) {
    if (org_change_grouping(house, &caller, &change, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
}

/* --- Rules ------------------------------------------------------------------------------------------------
 */

static int put_rule_work(store_session *session, void *argument, pl_error *wrong) {
    return org_grouping_rule_put(session, owner, argument, wrong);
}

static void put_rule(org_grouping_rule rule) {
    rule.type = rule.type.p ? rule.type : PL_STR(ORG_RULE_CUSTOM);
    rule.name = rule.id;
    rule.description = PL_STR("");
    rule.created = rule.modified = now++;
    for (size_t i = 0; i < ORG_GROUPING_SCOPES; i++)
        if (!rule.scopes[i].p)
            rule.scopes[i] = PL_STR("");
    if (store_write(db, put_rule_work, &rule, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
}

/* JSON text as a JSON string. */
static pl_str quoted(const char *text) {
    pl_buf out;
    pl_buf_init(&out, 1 << 20);
    pl_json_write_string(&out, pl_str_from(text));
    pl_str copy = pl_arena_copy(&arena, pl_buf_str(&out));
    pl_buf_free(&out);
    return copy;
}

#define TARGET                                                                                               \
    "{\"operator\":\"and\",\"children\":[{\"featurePath\":\"$.resourceGroupId\",\"featureSource\":"          \
    "\"RESOURCE\",\"operator\":\"StringEquals\",\"desired\":\"%.*s\"}]}"
#define LEAF(operator, path, desired)                                                                        \
    "{\"operator\":\"" operator"\",\"featurePath\":\"" path                                                  \
                               "\",\"featureSource\":\"RESOURCE\",\"desired\":" desired "}"
#define ALL(...) "{\"operator\":\"and\",\"children\":[" __VA_ARGS__ "]}"
#define NAMED(name) ALL(LEAF("StringEquals", "$.resourceName", "\"" name "\""))

/* One content; no condition: everything in scope. */
static pl_str content_of(pl_str group, const char *condition) {
    pl_str target = quoted(pl_arena_printf(&arena, TARGET, PL_FMT(group)).p);
    if (!condition)
        return pl_arena_printf(&arena, "{\"TargetResourceGroupCondition\":%.*s}", PL_FMT(target));
    pl_str text = quoted(condition);
    return pl_arena_printf(&arena,
                           "{\"TargetResourceGroupCondition\":%.*s,\"AutoGroupingScopeCondition\":%.*s}",
                           PL_FMT(target), PL_FMT(text));
}

static pl_str contents(pl_str group, const char *condition) {
    pl_str one = content_of(group, condition);
    return pl_arena_printf(&arena, "[%.*s]", PL_FMT(one));
}

/* --- Resources --------------------------------------------------------------------------------------------
 */

struct looking {
    pl_str type, id;
    inventory_resource resource;
    bool found;
};

static int look_work(store_session *session, void *argument, pl_error *wrong) {
    struct looking *l = argument;
    return inventory_find(session, &arena, owner, l->type, PL_STR_NONE, l->id, &l->resource, &l->found,
                          wrong);
}

static inventory_resource look(const char *type, const char *id) {
    struct looking l = {.type = pl_str_from(type), .id = pl_str_from(id)};
    if (store_read(db, look_work, &l, &error) != 0 || !l.found)
        fail_msg("%s %s", id, error.message);
    l.resource.account_id = owner;
    return l.resource;
}

#define INSTANCE_TYPE "ACS::ECS::Instance"
#define DISK_TYPE "ACS::ECS::Disk"

static void assert_group(const char *type, const char *id, pl_str group) {
    pl_str is = look(type, id).group_id;
    if (!pl_str_eq(is, group))
        fail_msg("%s is in \"%.*s\", wanted \"%.*s\"", id, PL_FMT(is), PL_FMT(group));
}

#define NOWHERE PL_STR("")

/* An instance with more members, each with a comma before it. */
#define WITH(id, more)                                                                                       \
    "{\"resourceType\":\"" INSTANCE_TYPE "\",\"resourceId\":\"" id "\",\"regionId\":\"cn-hangzhou\","        \
    "\"configuration\":{\"InstanceId\":\"" id "\"}" more "}"
#define DISK(id, of)                                                                                         \
    "{\"resourceType\":\"" DISK_TYPE "\",\"resourceId\":\"" id "\",\"regionId\":\"cn-hangzhou\","            \
    "\"resourceCreateTime\":1600000000000,\"tags\":{\"a\":\"b\"},\"configuration\":{\"DiskId\":\"" id        \
    "\",\"InstanceId\":\"" of "\"}}"

static pl_str in_group(const char *id, pl_str group) {
    return pl_arena_printf(&arena,
                           "[{\"resourceType\":\"" INSTANCE_TYPE "\",\"resourceId\":\"%s\",\"regionId\":"
                           "\"cn-hangzhou\",\"resourceGroupId\":\"%.*s\",\"configuration\":{\"InstanceId\":"
                           "\"%s\"}}]",
                           id, PL_FMT(group), id);
}

struct moving {
    inventory_resource resource;
    pl_str group;
};

static int try_to_move(void *argument, pl_error *wrong) {
    const struct moving *m = argument;
    return engine_move_resource(e, &m->resource, m->group, now, wrong);
}

static void move(const char *type, const char *id, pl_str group) {
    struct moving m = {look(type, id), group};
    now++;
    rehearse(try_to_move, &m);
    if (try_to_move(&m, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
}

static int try_to_group_existing(void *argument, pl_error *wrong) {
    (void)argument;
    return engine_group_existing(e, owner, now, wrong);
}

static void group_existing(void) {
    now++;
    rehearse_reading(try_to_group_existing, NULL); /* what a try has done remains done */
    if (try_to_group_existing(NULL, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
}

/* --- The log ----------------------------------------------------------------------------------------------
 */

struct logged {
    org_group_event_filter filter;
    org_group_event *events;
    size_t count;
};

static int log_work(store_session *session, void *argument, pl_error *wrong) {
    struct logged *l = argument;
    return org_group_events(session, &arena, owner, &l->filter, 100, &l->events, &l->count, wrong);
}

/* Newest first. */
static struct logged log_of(const char *id) {
    struct logged l = {.filter.resource_id = pl_str_from(id)};
    if (store_read(db, log_work, &l, &error) != 0)
        fail_msg("%s", error.message);
    return l;
}

static void assert_event(const org_group_event *event, const char *change, pl_str group, const char *rule) {
    assert_str(event->change_type, change);
    assert_true(pl_str_eq(event->group_id, group));
    assert_str(event->rule_id, rule);
}

/* --- Rules decide -----------------------------------------------------------------------------------------
 */

static void a_rule_puts_new_resources_into_its_group_and_keeps_them(void **state) {
    (void)state;
    put_rule((org_grouping_rule){
        .id = PL_STR("by-tag"),
        .contents = contents(
            online, ALL(LEAF("TagMatchAll", "$.tags", "{\"env\":\"on\",\"team\":\"o'n\\\\eil\"}")))});
#define TAGGED ",\"tags\":{\"env\":\"on\",\"team\":\"o'n\\\\eil\"}"
    put("[" WITH("i-old", TAGGED) "]");
    assert_group(INSTANCE_TYPE, "i-old", NOWHERE); /* auto grouping is off */
    change_switches((org_grouping_change){.automatic = ORG_ON});
    const char *items = "[" WITH("i-1", TAGGED) "," WITH("i-2", ",\"tags\":{\"env\":\"on\"}") "]";
    put(items);
    assert_group(INSTANCE_TYPE, "i-1", online);
    assert_group(INSTANCE_TYPE, "i-2", NOWHERE);
    now++;
    assert_int_equal(put(items).unchanged, 2);
    now++;
    put("[" WITH("i-old", TAGGED ",\"resourceName\":\"new name\"") "]");
    assert_group(INSTANCE_TYPE, "i-old", NOWHERE); /* what was there before stays */
    group_existing();
    assert_group(INSTANCE_TYPE, "i-old", NOWHERE);
    change_switches((org_grouping_change){.automatic_existing = ORG_ON});
    group_existing();
    assert_group(INSTANCE_TYPE, "i-old", online);
    struct logged l = log_of("i-1");
    assert_int_equal(l.count, 1);
    assert_event(l.events, "Add", online, "by-tag");
}

static void what_gets_other_tags_or_comes_back_is_new(void **state) {
    (void)state;
    put("[" WITH("i-tags", "") "," WITH("i-gone", "") "]");
    put_rule((org_grouping_rule){.id = PL_STR("all"), .contents = contents(loose, NULL)});
    change_switches((org_grouping_change){.automatic = ORG_ON});
    now++;
    put("[" WITH("i-tags", ",\"tags\":{\"a\":\"b\"}") "," WITH("i-gone",
                                                               ",\"resourceEventType\":\"REMOVE\"") "]");
    assert_group(INSTANCE_TYPE, "i-tags", loose);
    now++;
    put("[" WITH("i-gone", "") "]");
    assert_group(INSTANCE_TYPE, "i-gone", loose);
}

static void the_first_rule_that_matches_decides(void **state) {
    (void)state;
    pl_str first = content_of(online, NAMED("prod")), second = content_of(offline, NAMED("test"));
    put_rule((org_grouping_rule){.id = PL_STR("names"),
                                 .scopes = {[2] = PL_STR("cn-hangzhou, cn-shanghai"), [5] = PL_STR("i-not")},
                                 .contents =
                                     pl_arena_printf(&arena, "[%.*s,%.*s]", PL_FMT(first), PL_FMT(second))});
    put_rule((org_grouping_rule){.id = PL_STR("nowhere"), .contents = contents(PL_STR("rg-none"), NULL)});
    put_rule((org_grouping_rule){.id = PL_STR("rest"),
                                 .scopes = {[6] = PL_STR(",ecs.instance"), [7] = PL_STR("ecs:disk")},
                                 .contents = contents(loose, NULL)});
    change_switches((org_grouping_change){.automatic = ORG_ON});
    put("[" WITH("i-prod", ",\"resourceName\":\"prod\"") "," WITH(
        "i-test",
        ",\"resourceName\":\"test\"") "," WITH("i-not",
                                               ",\"resourceName\":\"prod\"") ",{\"resourceType\":\"ACS::VPC::"
                                                                             "VPC\",\"resourceId\":"
                                                                             "\"v-1\",\"regionId\":\"r\"}"
                                                                             "," DISK("d-1", "i-prod") "]");
    assert_group(INSTANCE_TYPE, "i-prod", online);
    assert_group(INSTANCE_TYPE, "i-test", offline);
    assert_group(INSTANCE_TYPE, "i-not", loose);
    assert_group("ACS::VPC::VPC", "v-1", NOWHERE);
    assert_group(DISK_TYPE, "d-1", NOWHERE);
}

static void a_name_may_be_one_of_several(void **state) {
    (void)state;
    put_rule((org_grouping_rule){
        .id = PL_STR("named"),
        .contents = contents(online, ALL(LEAF("StringEqualsAny", "$.resourceName", "\"name_b, name_c\"")))});
    change_switches((org_grouping_change){.automatic = ORG_ON});
    put("[" WITH("i-b", ",\"resourceName\":\"name_b\"") "," WITH(
        "i-c", ",\"resourceName\":\"NAME_C\"") "," WITH("i-d", ",\"resourceName\":\"name_d\"") "]");
    assert_group(INSTANCE_TYPE, "i-b", online);
    assert_group(INSTANCE_TYPE, "i-c", online);
    assert_group(INSTANCE_TYPE, "i-d", NOWHERE);
}

static void conditions_may_ask_for_any_tag_and_for_the_configuration(void **state) {
    (void)state;
    put_rule((org_grouping_rule){
        .id = PL_STR("any"),
        .contents = contents(
            online,
            "{\"operator\":\"or\",\"children\":[" LEAF(
                "TagMatchAny", "$.tags",
                "\"{\\\"a\\\":\\\"1\\\",\\\"b\\\":\\\"2\\\"}\"") ",{\"operator\":\"StringEquals\","
                                                                 "\"featurePath\":\"$.Status\","
                                                                 "\"featureSource\":\"CONFIGURATION\","
                                                                 "\"desired\":\"Running\"}]}")});
    put_rule((org_grouping_rule){
        .id = PL_STR("quoted"),
        .contents = contents(offline,
                             ALL(LEAF("TagMatchAll", "$.tags",
                                      "{\"it's\":\"1\",\"a\\\\b\":\"2\"}") ",{\"operator\":"
                                                                           "\"Exists\",\"featurePath\":\"$."
                                                                           "resourceName\",\"featureSource\":"
                                                                           "\"CONFIGURATION_ITEM\"}"))});
    change_switches((org_grouping_change){.automatic = ORG_ON});
    put("[" WITH("i-b", ",\"tags\":{\"b\":\"2\"}") "," WITH("i-c", ",\"tags\":{\"b\":\"1\"}") "," INSTANCE(
        "i-on", "Running") "," INSTANCE("i-off", "Stopped") ",{\"resourceType\":\"ACS::ECS::Instance\","
                                                            "\"resourceId\":\"i-bare\",\"regionId\":\"r\"}]");
    assert_group(INSTANCE_TYPE, "i-b", online);
    assert_group(INSTANCE_TYPE, "i-c", NOWHERE);
    assert_group(INSTANCE_TYPE, "i-on", online);
    assert_group(INSTANCE_TYPE, "i-off", NOWHERE);
    assert_group(INSTANCE_TYPE, "i-bare", NOWHERE);
    put("[" WITH("i-q", ",\"resourceName\":\"q\",\"tags\":{\"it's\":\"1\",\"a\\\\b\":\"2\"}") "," WITH(
        "i-r", ",\"resourceName\":\"r\",\"tags\":{\"it's\":\"1\"}") "]");
    assert_group(INSTANCE_TYPE, "i-q", offline);
    assert_group(INSTANCE_TYPE, "i-r", NOWHERE);
}

/* --- Associated resources ---------------------------------------------------------------------------------
 */

static bool has_master(const char *type, const char *id, inventory_resource *master);

static void associated_resources_follow_theirs(void **state) {
    (void)state;
    inventory_resource master;
    put("[" WITH("i-m", "") "," DISK("d-1", "i-m") "," DISK("d-2", "i-other") "]");
    move(INSTANCE_TYPE, "i-m", offline);
    assert_group(DISK_TYPE, "d-1", NOWHERE); /* the transfer is off */
    change_switches((org_grouping_change){.transfer = ORG_ON});
    move(INSTANCE_TYPE, "i-m", online);
    assert_group(DISK_TYPE, "d-1", online);
    assert_group(DISK_TYPE, "d-2", NOWHERE);
    now++;
    put(in_group("i-m", loose).p);
    assert_group(DISK_TYPE, "d-1", loose);
    put("[" DISK("d-new", "i-m") "]");
    assert_group(DISK_TYPE, "d-new", loose);
    assert_true(has_master(DISK_TYPE, "d-new", &master));
    assert_str(master.resource_id, "i-m");
    assert_false(has_master(DISK_TYPE, "d-2", &master));
    assert_false(has_master(INSTANCE_TYPE, "i-m", &master));
    change_switches((org_grouping_change){.associations[0] = ORG_OFF});
    assert_false(has_master(DISK_TYPE, "d-new", &master));
    move(INSTANCE_TYPE, "i-m", offline);
    assert_group(DISK_TYPE, "d-1", loose);
    change_switches((org_grouping_change){.associations[0] = ORG_ON, .transfer_existing = ORG_ON});
    put("[{\"resourceType\":\"" DISK_TYPE "\",\"resourceId\":\"d-bare\",\"regionId\":\"r\"}]");
    group_existing();
    assert_group(DISK_TYPE, "d-1", offline);
    assert_int_equal(log_of("d-1").count, 5); /* joined three groups, left two */
}

struct mastering {
    inventory_resource resource, master;
    bool found;
};

static int master_work(store_session *session, void *argument, pl_error *wrong) {
    struct mastering *m = argument;
    return engine_find_master(e, session, &arena, &m->resource, &m->master, &m->found, wrong);
}

static bool has_master(const char *type, const char *id, inventory_resource *master) {
    struct mastering m = {.resource = look(type, id)};
    if (read_in_test(master_work, &m, sizeof m) != 0)
        fail_msg("%s: %s", error.code, error.message);
    *master = m.master;
    return m.found;
}

static void a_rule_lets_resources_follow_into_its_group_alone(void **state) {
    (void)state;
    put_rule((org_grouping_rule){.id = PL_STR("follow"),
                                 .type = PL_STR(ORG_RULE_ASSOCIATED),
                                 .scopes = {[7] = PL_STR("ecs.networkinterface")},
                                 .contents = contents(online, NAMED("master"))});
    change_switches((org_grouping_change){.automatic = ORG_ON});
    put("[" WITH("i-m", ",\"resourceName\":\"master\"") "," WITH("i-n", "") "," DISK("d-m", "i-m") "," DISK(
        "d-n",
        "i-n") ",{\"resourceType\":\"ACS::ECS::NetworkInterface\",\"resourceId\":\"e-m\","
               "\"regionId\":\"cn-hangzhou\",\"configuration\":{\"InstanceId\":\"i-m\"}},{\"resourceType\":"
               "\"ACS::ECS::Disk\",\"resourceId\":\"d-bare\",\"regionId\":\"r\"}]");
    move(INSTANCE_TYPE, "i-m", offline);
    assert_group(DISK_TYPE, "d-m", NOWHERE);
    move(INSTANCE_TYPE, "i-n", online);
    assert_group(DISK_TYPE, "d-n", NOWHERE); /* its master is not called so */
    move(INSTANCE_TYPE, "i-m", online);
    assert_group(DISK_TYPE, "d-m", online);
    assert_group("ACS::ECS::NetworkInterface", "e-m", NOWHERE);
    struct logged l = log_of("d-m");
    assert_int_equal(l.count, 1);
    assert_event(l.events, "Add", online, "follow");
}

#define DETACHED(id)                                                                                         \
    "{\"resourceType\":\"" DISK_TYPE "\",\"resourceId\":\"" id                                               \
    "\",\"regionId\":\"cn-hangzhou\",\"configuration\":{\"DiskId\":\"" id "\"}}"

/* Masters that are reported again, change otherwise or go move nobody; nor does one that is in no group. */
static void what_does_not_move_takes_nothing_along(void **state) {
    (void)state;
    change_switches((org_grouping_change){.transfer = ORG_ON});
    put("[" DISK("d-1", "i-m") "," DETACHED("d-x") "," WITH("i-free", "") "]");
    put("[" DISK("d-f", "i-free") "]");
    assert_group(DISK_TYPE, "d-f", NOWHERE);
    put(in_group("i-m", online).p);
    assert_group(DISK_TYPE, "d-1", online);
    assert_group(DISK_TYPE, "d-x", NOWHERE);
    move(DISK_TYPE, "d-1", offline);
    now++;
    pl_str same = in_group("i-m", online);
    pl_str with_another = pl_arena_printf(&arena, "[%.*s," WITH("i-free", ",\"resourceName\":\"other\"") "]",
                                          PL_FMT(pl_str_head(pl_str_skip(same, 1), same.n - 2)));
    put(with_another.p);
    assert_group(DISK_TYPE, "d-1", offline);
    now++;
    put(pl_arena_printf(&arena, "[%.*s,\"resourceName\":\"renamed\"}]",
                        PL_FMT(pl_str_head(pl_str_skip(same, 1), same.n - 3)))
            .p);
    assert_group(DISK_TYPE, "d-1", offline);
    now++;
    put("[" WITH("i-m", ",\"resourceEventType\":\"REMOVE\"") "]");
    assert_group(DISK_TYPE, "d-1", offline);
    assert_int_equal(log_of("d-1").count, 3);
}

/* A follower that is there already, and a master whose id another type bears, too. */
static void a_follower_finds_its_master_and_does_not_move_twice(void **state) {
    (void)state;
    change_switches((org_grouping_change){.transfer = ORG_ON});
    put("[" DISK("d-1", "i-t") "," DETACHED("i-t") "]");
    move(DISK_TYPE, "d-1", online);
    put(in_group("i-t", online).p);
    assert_group(DISK_TYPE, "d-1", online);
    assert_int_equal(log_of("d-1").count, 1);
    now++;
    put(in_group("i-t", offline).p);
    assert_group(DISK_TYPE, "d-1", offline);
    put("[" DISK("d-2", "i-t") "]");
    assert_group(DISK_TYPE, "d-2", offline);
    assert_group(DISK_TYPE, "i-t", NOWHERE);
}

static bool accept_any(void *context, pl_str account_id) {
    (void)context;
    return account_id.n > 0;
}

#define OF_ANOTHER "\"accountId\":\"100000000000002\","

/* Of two accounts in one transaction each has its own groups and masters. */
static void accounts_group_by_themselves(void **state) {
    (void)state;
    change_switches((org_grouping_change){.transfer = ORG_ON});
    put("[" DISK("d-1", "i-m") "," DISK("d-2", "i-b") "]");
    put_plainly(PL_STR("100000000000002"), "[" DISK("d-1", "i-m") "]");
    pl_str own = in_group("i-m", online);
    struct recording both = {
        {.account_id = owner, .catalogue = known, .accepts_account = accept_any},
        parsed(pl_arena_printf(&arena,
                               "[%.*s,{" OF_ANOTHER "\"resourceType\":\"" INSTANCE_TYPE
                               "\",\"resourceId\":\"i-b\",\"regionId\":\"cn-hangzhou\",\"resourceGroupId\":"
                               "\"%.*s\",\"configuration\":{}}]",
                               PL_FMT(pl_str_head(pl_str_skip(own, 1), own.n - 2)), PL_FMT(offline))
                   .p)};
    now++;
    rehearse(try_to_record, &both);
    assert_int_equal(try_to_record(&both, &error), 0);
    assert_group(DISK_TYPE, "d-1", online);
    assert_group(DISK_TYPE, "d-2", NOWHERE); /* its i-b is nobody; that of the other account is not meant */
    assert_int_equal(log_of("d-1").count, 1);
    assert_int_equal(log_of("i-b").count, 0);
}

/* Rules of both kinds; the master says nothing of itself and the content asks for nothing. */
static void rules_of_both_kinds_stand_side_by_side(void **state) {
    (void)state;
    put_rule((org_grouping_rule){.id = PL_STR("named"), .contents = contents(offline, NAMED("named"))});
    put_rule((org_grouping_rule){.id = PL_STR("follow"),
                                 .type = PL_STR(ORG_RULE_ASSOCIATED),
                                 .contents = contents(online, NAMED("master"))});
    change_switches((org_grouping_change){.automatic = ORG_ON});
    put("[{\"resourceType\":\"" INSTANCE_TYPE
        "\",\"resourceId\":\"i-bare\",\"regionId\":\"r\",\"resourceName\":"
        "\"master\"}," DISK("d-1", "i-bare") "," WITH("i-n", ",\"resourceName\":\"named\"") "]");
    assert_group(INSTANCE_TYPE, "i-n", offline);
    move(INSTANCE_TYPE, "i-bare", online);
    assert_group(DISK_TYPE, "d-1", online);
    assert_str(look(INSTANCE_TYPE, "i-bare").name, "master");
    now++;
    put(pl_arena_printf(&arena,
                        "[{\"resourceType\":\"" INSTANCE_TYPE "\",\"resourceId\":\"i-o\",\"regionId\":\"r\","
                        "\"resourceName\":\"named\",\"resourceGroupId\":\"%.*s\"}]",
                        PL_FMT(offline))
            .p);
    struct logged l = log_of("i-o"); /* it came where it belongs */
    assert_int_equal(l.count, 1);
    assert_event(l.events, "Add", offline, "named");
}

/* More than one page of disks, and of two accounts. */
static void many_follow_at_once(void **state) {
    (void)state;
    enum { DISKS = 1001 };
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    change_switches((org_grouping_change){.transfer = ORG_ON});
    for (int i = 0; i < DISKS; i++)
        pl_buf_printf(&text,
                      "%s{\"resourceType\":\"" DISK_TYPE "\",\"resourceId\":\"d-%d\",\"regionId\":\"r\","
                      "\"configuration\":{\"InstanceId\":\"%s\"}}",
                      i ? "," : "[", i, i % 500 ? "i-other" : "i-m");
    pl_buf_add(&text, PL_STR("]"));
    pl_buf_add_char(&text, 0);
    put_plainly(owner, text.p);
    pl_buf_free(&text);
    put_plainly(PL_STR("100000000000002"), "[" DISK("d-0", "i-m") "]");
    put_plainly(owner, in_group("i-m", online).p);
    assert_group(DISK_TYPE, "d-0", online);
    assert_group(DISK_TYPE, "d-1", NOWHERE);
    assert_group(DISK_TYPE, "d-1000", online);
    now++;
    assert_int_equal(try_to_group_existing(NULL, &error), 0);
    assert_group(DISK_TYPE, "d-1", NOWHERE);
}

static void the_log_tells_who_joined_and_left(void **state) {
    (void)state;
    put(in_group("i-log", online).p);
    now++;
    put(in_group("i-log", offline).p);
    now++;
    put(in_group("i-log", PL_STR("rg-none")).p);
    now++;
    put(in_group("i-log", offline).p);
    now++;
    put("[" WITH("i-log", ",\"resourceEventType\":\"REMOVE\"") "]");
    struct logged l = log_of("i-log");
    assert_int_equal(l.count, 6);
    assert_event(l.events, "Remove", offline, "");
    assert_event(l.events + 1, "Add", offline, "");
    assert_event(l.events + 2, "Remove", offline, "");
    assert_event(l.events + 3, "Add", offline, "");
    assert_true(pl_str_eq(l.events[3].source_id, online));
    assert_event(l.events + 5, "Add", online, "");
}

/* --- What rules may say -----------------------------------------------------------------------------------
 */

static const char *contents_text;
static size_t targets_found;

static int check_contents(void *argument, pl_error *wrong) {
    pl_str targets[ENGINE_CONTENTS_MAX];
    (void)argument;
    return engine_check_grouping(&arena, pl_str_from(contents_text), targets, ENGINE_CONTENTS_MAX,
                                 &targets_found, wrong);
}

static void expect_sound(const char *text) {
    contents_text = text;
    rehearse_reading(check_contents, NULL);
    if (check_contents(NULL, &error) != 0)
        fail_msg("%s: %s", text, error.message);
}

static void expect_refused(const char *text, const char *why) {
    contents_text = text;
    if (check_contents(NULL, &error) == 0)
        fail_msg("accepted: %s", text);
    assert_string_equal(error.code, "InvalidParameter.RuleContents");
    if (!strstr(error.message, why))
        fail_msg("%s: %s", text, error.message);
}

static void expect_refused_condition(const char *condition, const char *why) {
    expect_refused(contents(online, condition).p, why);
}

static void expect_refused_target(const char *target, const char *why) {
    pl_str text = quoted(target);
    expect_refused(pl_arena_printf(&arena, "[{\"TargetResourceGroupCondition\":%.*s}]", PL_FMT(text)).p, why);
}

#define TARGET_LEAF(path, operator, desired)                                                                 \
    "{\"featurePath\":\"" path "\",\"operator\":\"" operator"\",\"desired\":\"" desired "\"}"

static void rules_that_say_nothing_sensible_are_refused(void **state) {
    (void)state;
    expect_sound(contents(online, ALL(LEAF("TagMatchAll", "$.tags", "{\"a\":\"b\"}"))).p);
    assert_int_equal(targets_found, 1);
    expect_refused("{", "JSON list");
    expect_refused("{}", "JSON list");
    expect_refused_target("{", "not JSON");
    expect_refused_target(TARGET_LEAF("$.x", "StringEquals", "rg-1"), "must be $.resourceGroupId");
    expect_refused_target(TARGET_LEAF("$.resourceGroupId", "In", "rg-1"), "must be $.resourceGroupId");
    expect_refused_target(TARGET_LEAF("$.resourceGroupId", "StringEquals", ""), "must be $.resourceGroupId");
    expect_refused_target("{\"children\":[]}", "must name one");
    expect_refused_condition("{", "not JSON");
    expect_refused_condition("[]", "no tree");
    expect_refused_condition(ALL("1"), "no tree");
    expect_refused_condition(ALL(LEAF("TagMatchAll", "$.tags", "\"x\"")), "not a JSON object.");
    expect_refused_condition(ALL(LEAF("TagMatchAll", "$.tags", "{}")), "with members");
    expect_refused_condition(ALL(LEAF("TagMatchAny", "$.tags", "[1]")), "with members");
    expect_refused_condition(ALL(LEAF("TagMatchAny", "$.tags", "{\"a\":1}")), "must be texts");
    expect_refused_condition(ALL("{\"featureSource\":\"ELSEWHERE\"}"), "not RESOURCE");
    expect_refused_condition(ALL(LEAF("NoSuchOperator", "$.x", "\"x\"")), "no such operator");
}

static void nothing_nests_or_repeats_without_end(void **state) {
    (void)state;
    pl_buf text;
    pl_buf_init(&text, 4 << 20);
    for (int i = 0; i < 80; i++)
        pl_buf_add(&text, PL_STR("{\"operator\":\"and\",\"children\":["));
    for (int i = 0; i < 80; i++)
        pl_buf_add(&text, PL_STR("]}"));
    pl_buf_add_char(&text, 0);
    expect_refused_condition(text.p, "no tree");
    pl_buf_clear(&text);
    for (int i = 0; i < 80; i++)
        pl_buf_add(&text, PL_STR("{\"children\":["));
    pl_buf_add(&text, PL_STR("{}"));
    for (int i = 0; i < 80; i++)
        pl_buf_add(&text, PL_STR("]}"));
    pl_buf_add_char(&text, 0);
    expect_refused_target(text.p, "must name one");
    pl_buf_clear(&text);
    for (int i = 0; i < 300 << 10; i++)
        pl_buf_add_char(&text, ' ');
    pl_buf_add_char(&text, 0);
    expect_refused_condition(text.p, "too large");
    pl_buf_clear(&text);
    pl_str one = content_of(online, NULL);
    for (int i = 0; i <= ENGINE_CONTENTS_MAX; i++) {
        pl_buf_add_char(&text, i ? ',' : '[');
        pl_buf_add(&text, one);
    }
    pl_buf_add_char(&text, ']');
    pl_buf_add_char(&text, 0);
    expect_refused(text.p, "too many");
    pl_buf_free(&text);
}

static void types_have_short_names(void **state) {
    (void)state;
    pl_str service, kind;
    engine_split_type(PL_STR("ACS::ECS::Instance"), &service, &kind);
    assert_str(service, "ECS");
    assert_str(kind, "Instance");
    engine_split_type(PL_STR("plain"), &service, &kind);
    assert_str(service, "plain");
    assert_str(kind, "plain");
}

/* What a scope may call the type of an instance. */
static void scopes_name_types_in_short(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool means;
    } names[] = {{"ecs.instance", true},           {"ecs:INSTANCE", true},  {"acs::ecs::instance", true},
                 {"rds.disk, ecs.instance", true}, {"ecs-instance", false}, {"ecs.instancf", false},
                 {"rds.instance", false},          {"ecs.disk", false}};
    change_switches((org_grouping_change){.automatic = ORG_ON});
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        org_grouping_rule rule = {.id = PL_STR("typed"), .contents = contents(online, NULL)};
        rule.scopes[6] = pl_str_from(names[i].name); /* ResourceTypesScope */
        put_rule(rule);
        const char *id = pl_arena_printf(&arena, "i-%zu", i).p;
        put(in_group(id, NOWHERE).p);
        assert_group(INSTANCE_TYPE, id, names[i].means ? online : NOWHERE);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_groups, teardown_groups)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_rule_puts_new_resources_into_its_group_and_keeps_them),
        TEST(what_gets_other_tags_or_comes_back_is_new),
        TEST(the_first_rule_that_matches_decides),
        TEST(a_name_may_be_one_of_several),
        TEST(conditions_may_ask_for_any_tag_and_for_the_configuration),
        TEST(associated_resources_follow_theirs),
        TEST(a_rule_lets_resources_follow_into_its_group_alone),
        TEST(what_does_not_move_takes_nothing_along),
        TEST(a_follower_finds_its_master_and_does_not_move_twice),
        TEST(accounts_group_by_themselves),
        TEST(rules_of_both_kinds_stand_side_by_side),
        TEST(many_follow_at_once),
        TEST(the_log_tells_who_joined_and_left),
        TEST(rules_that_say_nothing_sensible_are_refused),
        TEST(nothing_nests_or_repeats_without_end),
        TEST(types_have_short_names),
        TEST(scopes_name_types_in_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
