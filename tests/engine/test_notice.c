/*
 * What delivery channels are told: changes, violations when they are news or asked for, and pages of results
 * for compliance snapshots. On both databases.
 */
#include "support/testing.h"

#include "engine/histories.h"

#include "engine/group.h"

#include "delivery/delivery.h"

static const pl_str stranger = PL_STR_INIT("100000000000003");
static char directory[] = "/tmp/plumbline-test-XXXXXX";

static int setup_listener(void **state) {
    found_group(2);
    if (setup_history(state, 0, 3) != 0)
        return -1;
    delivery_config config = {.store = db,
                              .catalogue = known,
                              .clock = pl_clock_fixed(&now),
                              .random = pl_random_system(),
                              .directory = directory};
    engine_close(e);
    return delivery_open(&listening, &config, &error) == 0 ? open_engine() : -1;
}

static int teardown_listener(void **state) {
    int status = teardown(state);
    delivery_close(listening);
    listening = NULL;
    return status;
}

/* --- Channels and what waits for them ---------------------------------------------------------------------
 */

static int put_channel_work(store_session *session, void *argument, pl_error *wrong) {
    delivery_channel *channel = argument;
    return delivery_channel_put(listening, session, &arena, channel, 5, wrong) != 0
               ? -1
               : engine_version_renew(e, session, channel->account_id, wrong);
}

static void listen_to(const char *aggregator, bool changes, bool violations) {
    delivery_channel channel = {.account_id = owner,
                                .aggregator_id = pl_str_from(aggregator),
                                .name = PL_STR("channel"),
                                .description = PL_STR(""),
                                .type = DELIVERY_MNS,
                                .target_arn = PL_STR("acs:mns:cn-shanghai:100000000000001:/topics/told"),
                                .role_arn = PL_STR(""),
                                .condition = PL_STR(""),
                                .oversized_arn = PL_STR(""),
                                .snapshot_time = PL_STR(""),
                                .changes = changes,
                                .violations = violations,
                                .enabled = true};
    if (store_write(db, put_channel_work, &channel, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
}

static int64_t told_so_far;

static int count_work(store_session *session, void *argument, pl_error *wrong) {
    return delivery_count(session, argument, wrong);
}

/* Deliveries since the last question. */
static int64_t told(void) {
    int64_t waiting;
    if (store_read(db, count_work, &waiting, &error) != 0)
        fail_msg("%s", error.message);
    int64_t news = waiting - told_so_far;
    told_so_far = waiting;
    return news;
}

struct packing {
    engine_pack pack;
    const engine_rule *rule;
};

static int pack_work(store_session *session, void *argument, pl_error *wrong) {
    struct packing *p = argument;
    engine_context context = context_of_test();
    engine_pack_entry entry = {.rule_id = p->rule->rule_id};
    engine_pack_input input = {.pack = &p->pack, .entries = &entry, .entry_count = 1, .has_entries = true};
    return engine_pack_create(&context, session, &input, wrong);
}

struct message {
    pl_str text;
};

/* The last of what waits. */
static int message_work(store_session *session, void *argument, pl_error *wrong) {
    struct message *m = argument;
    store_statement *st =
        store_prepare(session, "SELECT payload FROM deliveries ORDER BY created DESC LIMIT 1", wrong);
    if (store_step(st, wrong) != 1)
        return -1;
    m->text = pl_arena_copy(&arena, store_column_text(st, 0));
    store_reset(st);
    return 0;
}

/* --- Changes ----------------------------------------------------------------------------------------------
 */

static void changes_are_told_where_somebody_listens(void **state) {
    (void)state;
    told_so_far = 0;
    put("[" INSTANCE("i-0", "Running") "]");
    assert_int_equal(told(), 0);
    listen_to("", true, false);
    now++;
    put("[" INSTANCE("i-0", "Running") "," INSTANCE("i-1", "Running") "," INSTANCE("i-2", "Stopped") "]");
    assert_int_equal(told(), 2); /* the first is unchanged */
    put_as(member, "[" INSTANCE("i-3", "Running") "]");
    put_as(stranger, "[" INSTANCE("i-4", "Running") "]");
    assert_int_equal(told(), 0);
    listen_to("ca-1", true, false);
    put_as(member, "[" INSTANCE("i-5", "Running") "]");
    assert_int_equal(told(), 1);
    put_as(stranger, "[" INSTANCE("i-6", "Running") "]");
    assert_int_equal(told(), 0);
}

/* --- Violations -------------------------------------------------------------------------------------------
 */

static void violations_are_told_when_they_are_news_or_asked_for(void **state) {
    (void)state;
    told_so_far = 0;
    listen_to("", false, true);
    engine_rule *rule = make(rule_named("running", RUNNING));
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Running") "]");
    assert_int_equal(told(), 1);
    now++;
    put("[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-1\",\"regionId\":\"cn-beijing\","
        "\"resourceName\":\"other\",\"configuration\":{\"Status\":\"Stopped\"}}]");
    assert_int_equal(told(), 0); /* still so, for the same reason */
    now++;
    put("[" INSTANCE("i-2", "Stopped") "]");
    assert_int_equal(told(), 1);
    now++;
    start_rules(&rule, 1);
    assert_int_equal(told(), 2);
    put_as(stranger, "[" INSTANCE("i-3", "Stopped") "]");
    assert_int_equal(told(), 0);
}

/* What could not be judged before, or was right once, is news, too; the pack is named. */
static void every_fall_is_news(void **state) {
    (void)state;
    told_so_far = 0;
    listen_to("", false, true);
    engine_rule rule = rule_named("running", RUNNING);
    engine_pack pack = {.account_id = owner,
                        .aggregator_id = PL_STR(""),
                        .name = PL_STR("pack"),
                        .description = PL_STR(""),
                        .template_id = PL_STR(""),
                        .risk_level = 1};
    struct packing packing = {pack, make(rule)};
    if (write_in_test(pack_work, &packing, sizeof packing) != 0)
        fail_msg("%s: %s", error.code, error.message);
    put("[{\"resourceType\":\"ACS::ECS::Instance\",\"resourceId\":\"i-1\",\"regionId\":\"cn-beijing\"}]");
    assert_int_equal(told(), 0); /* there is no configuration */
    now++;
    put("[" INSTANCE("i-1", "Stopped") "]");
    assert_int_equal(told(), 1);
    now++;
    put("[" INSTANCE("i-1", "Running") "]");
    assert_int_equal(told(), 0);
    now++;
    put("[" INSTANCE("i-1", "Stopped") "]");
    assert_int_equal(told(), 1);
    struct message m = {0};
    assert_int_equal(store_read(db, message_work, &m, &error), 0);
    assert_true(pl_str_find(m.text, PL_STR("\"compliancePackId\":\"cp-")) != PL_NOT_FOUND);
}

static bool accept_any(void *context, pl_str account_id) {
    (void)context;
    return account_id.n > 0;
}

/* Of one transaction over two accounts each one's channels are told. */
static void accounts_of_one_transaction_have_their_own_listeners(void **state) {
    (void)state;
    told_so_far = 0;
    listen_to("", true, false);
    struct recording both = {
        {.account_id = owner, .catalogue = known, .accepts_account = accept_any},
        parsed("[" INSTANCE("i-1", "Running") ",{\"accountId\":\"100000000000003\",\"resourceType\":"
                                              "\"ACS::ECS::Instance\",\"resourceId\":\"i-2\",\"regionId\":"
                                              "\"r\",\"configuration\":{}}," INSTANCE("i-3", "Running") "]")};
    rehearse(try_to_record, &both);
    assert_int_equal(try_to_record(&both, &error), 0);
    assert_int_equal(told(), 2);
}

static void a_run_in_batches_tells_the_same(void **state) {
    (void)state;
    told_so_far = 0;
    listen_to("", false, true);
    put_random(400, true);
    engine_rule *rule = make_rule(0);
    drain();
    struct listing all = {.rule = rule, .accounts = &owner, .account_count = 1, .limit = 1000};
    assert_int_equal(store_read(db, list_work, &all, &error), 0);
    int64_t failing = all.counts.by[ENGINE_NON_COMPLIANT];
    assert_true(failing > 0);
    assert_int_equal(told(), failing);
    now += 1000;
    start_rules(&rule, 1);
    drain();
    assert_int_equal(told(), failing);
}

/* --- Pages of results -------------------------------------------------------------------------------------
 */

struct paging {
    pl_str aggregator, after, next;
    delivery_result *results;
    size_t count;
};

static int page_work(store_session *session, void *argument, pl_error *wrong) {
    struct paging *p = argument;
    return engine_read_results(e, session, &arena, owner, p->aggregator, p->after, &p->results, &p->count,
                               &p->next, wrong);
}

static struct paging page(const char *aggregator, pl_str after) {
    struct paging p = {.aggregator = pl_str_from(aggregator), .after = after};
    if (store_read(db, page_work, &p, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return p;
}

static void a_page_is_read_wholly_or_not_at_all(void **state) {
    (void)state;
    engine_rule rule = rule_named("running", RUNNING);
    rule.aggregator_id = PL_STR("ca-1");
    make(rule);
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Running") "]");
    struct paging p = {.aggregator = PL_STR("ca-1"), .after = PL_STR("")};
    assert_int_equal(read_in_test(page_work, &p, sizeof p), 0);
    assert_int_equal(p.count, 2);
}

static void snapshots_read_all_results_in_pages(void **state) {
    (void)state;
    assert_int_equal(page("", PL_STR("")).count, 0);
    put_random(700, true);
    engine_rule rule = rule_named("running", RUNNING);
    engine_rule *made = make(rule);
    drain();
    struct paging first = page("", PL_STR(""));
    assert_int_equal(first.count, 500);
    assert_str(first.results[0].rule_name, "running");
    assert_true(pl_str_eq(first.results[0].account_id, owner));
    assert_true(first.next.p != NULL);
    struct paging second = page("", first.next);
    struct listing all = {.rule = made, .accounts = &owner, .account_count = 1, .limit = 1000};
    assert_int_equal(store_read(db, list_work, &all, &error), 0);
    assert_int_equal(first.count + second.count, all.counts.total);
    assert_null(second.next.p);
    rule.aggregator_id = PL_STR("ca-1");
    make(rule);
    put_as(member, "[" INSTANCE("i-1", "Stopped") "]");
    struct paging of_group = page("ca-1", PL_STR(""));
    assert_int_equal(of_group.count, 500);
    of_group = page("ca-1", of_group.next);
    assert_str(of_group.results[of_group.count - 1].account_id, "100000000000002");
    assert_str(of_group.results[of_group.count - 1].compliance, "NON_COMPLIANT");
    assert_int_equal(page("ca-none", PL_STR("")).count, 0);
    group_size = 0;
    assert_int_equal(page("ca-1", PL_STR("")).count, 0);
}

static int setup_without_groups(void **state) {
    if (setup_listener(state) != 0)
        return -1;
    group_answers = (engine_groups){0};
    engine_close(e);
    return open_engine();
}

static void without_groups_a_page_is_the_owners(void **state) {
    (void)state;
    make(rule_named("running", RUNNING));
    put("[" INSTANCE("i-1", "Stopped") "]");
    assert_int_equal(page("", PL_STR("")).count, 1);
    assert_int_equal(page("ca-1", PL_STR("")).count, 0);
    struct paging p = {.aggregator = PL_STR(""), .after = PL_STR("")};
    assert_int_equal(read_in_test(page_work, &p, sizeof p), 0);
    assert_int_equal(p.count, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_listener, teardown_listener)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(changes_are_told_where_somebody_listens),
        TEST(violations_are_told_when_they_are_news_or_asked_for),
        TEST(every_fall_is_news),
        TEST(accounts_of_one_transaction_have_their_own_listeners),
        TEST(a_run_in_batches_tells_the_same),
        TEST(a_page_is_read_wholly_or_not_at_all),
        TEST(snapshots_read_all_results_in_pages),
        cmocka_unit_test_setup_teardown(without_groups_a_page_is_the_owners, setup_without_groups,
                                        teardown_listener),
    };
    return run_on_both(tests);
}
