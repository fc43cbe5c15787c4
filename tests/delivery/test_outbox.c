/*
 * The outbox and what works it off, by hand and with a clock that stands: order, leases, retries and their
 * back-off, refusals, names of objects, snapshots at their time. Targets are directories or an address where
 * nobody listens. On both databases.
 */
#include "support/testing.h"

#include "delivery/private.h"
#include "support/records.h"

static const pl_str account = PL_STR_INIT("1000000000000001");
static int64_t now;
static delivery *room;
static char directory[] = "/tmp/plumbline-test-XXXXXX";

static int open_room(const char *oss_url, const char *mns_url) {
    delivery_config config = {.store = db,
                              .clock = pl_clock_fixed(&now),
                              .random = pl_random_system(),
                              .directory = directory,
                              .oss_url = oss_url,
                              .mns_url = mns_url,
                              .retry_ms = 1000,
                              .keep_ms = 3600000};
    return delivery_open(&room, &config, &error);
}

static int setup(void **state) {
    (void)state;
    now = 1760000000000; /* 2025-10-09T08:53:20Z */
    snprintf(directory, sizeof directory, "/tmp/plumbline-test-XXXXXX");
    return mkdtemp(directory) && open_records() == 0 ? open_room(NULL, NULL) : -1;
}

static int teardown(void **state) {
    char command[96];
    (void)state;
    delivery_close(room);
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return close_records() == 0 && system(command) == 0 ? 0 : -1;
}

/* --- One call in a transaction each ----------------------------------------------------------------------
 */

struct asking {
    delivery_channel channel;
    delivery_row row, rows[DELIVERY_CLAIMED];
    const char *node;
    size_t count;
    int64_t lease, waiting;
    delivery_status status;
};

static void in_transaction(int (*work)(store_session *, void *, pl_error *), struct asking *a) {
    if (store_write(db, work, a, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
}

static int put_channel(store_session *session, void *argument, pl_error *wrong) {
    return delivery_channel_put(room, session, &arena, &((struct asking *)argument)->channel, 5, wrong);
}

static int put_row(store_session *session, void *argument, pl_error *wrong) {
    return outbox_put(session, &((struct asking *)argument)->row, wrong);
}

static int claim_rows(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return outbox_claim(session, &arena, pl_str_from(a->node), now, a->lease, a->rows, &a->count, wrong);
}

static int renew_rows(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    return outbox_renew(session, pl_str_from(a->node), a->lease, wrong);
}

static int read_status(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    delivery_status *list;
    size_t count;
    if (delivery_count(session, &a->waiting, wrong) != 0 ||
        delivery_list_status(session, &arena, account, 100, &list, &count, wrong) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (pl_str_eq(list[i].channel_id, a->channel.channel_id))
            a->status = list[i];
    assert_true(a->status.channel_id.n > 0);
    return 0;
}

static delivery_channel make_channel(delivery_type type, const char *target) {
    struct asking a = {.channel = {.account_id = account,
                                   .aggregator_id = PL_STR(""),
                                   .type = type,
                                   .target_arn = pl_str_from(target),
                                   .changes = true,
                                   .enabled = true}};
    in_transaction(put_channel, &a);
    return a.channel;
}

static void put(const delivery_channel *c, const char *id, int64_t created) {
    struct asking a = {.row = {.account_id = account,
                               .delivery_id = pl_str_from(id),
                               .channel_id = c->channel_id,
                               .snapshot_id = PL_STR(""),
                               .object_key = PL_STR("key"),
                               .payload = pl_str_from(id),
                               .created = created}};
    in_transaction(put_row, &a);
}

static struct asking claim_as(const char *node) {
    struct asking a = {.node = node, .lease = now + STORE_LEASE_MS};
    in_transaction(claim_rows, &a);
    return a;
}

static struct asking state_of(const delivery_channel *c) {
    struct asking a = {.channel = *c};
    in_transaction(read_status, &a);
    return a;
}

static bool work(void) {
    bool worked;
    if (delivery_work(room, &worked, &error) != 0)
        fail_msg("%s: %s", error.code, error.message);
    return worked;
}

static void reopen(const char *oss_url, const char *mns_url) {
    delivery_close(room);
    assert_int_equal(open_room(oss_url, mns_url), 0);
}

/* --- Claims -----------------------------------------------------------------------------------------------
 */

static void the_oldest_comes_first_and_a_claim_is_its_holders(void **state) {
    (void)state;
    delivery_channel c = make_channel(DELIVERY_OSS, "acs:oss:cn-shanghai:1000000000000001:b");
    put(&c, "second", now + 1);
    put(&c, "first", now);
    struct asking mine = claim_as("a");
    assert_int_equal(mine.count, 2);
    assert_str(mine.rows[0].delivery_id, "first");
    assert_str(mine.rows[1].delivery_id, "second");
    assert_int_equal(claim_as("b").count, 0);
}

static void a_lease_that_is_not_renewed_ends(void **state) {
    (void)state;
    delivery_channel c = make_channel(DELIVERY_OSS, "acs:oss:cn-shanghai:1000000000000001:b");
    put(&c, "one", now);
    assert_int_equal(claim_as("a").count, 1);
    now += STORE_LEASE_MS - 1;
    struct asking renewed = {.node = "a", .lease = now + STORE_LEASE_MS};
    in_transaction(renew_rows, &renewed);
    now += STORE_LEASE_MS - 1;
    assert_int_equal(claim_as("b").count, 0);
    now += 1;
    assert_int_equal(claim_as("b").count, 1);
    renewed.lease = 0;
    in_transaction(renew_rows, &renewed); /* nobody's any more */
    assert_int_equal(claim_as("c").count, 0);
}

static void what_a_killed_process_had_is_delivered_by_another(void **state) {
    (void)state;
    delivery_channel c = make_channel(DELIVERY_OSS, "acs:oss:cn-shanghai:1000000000000001:b");
    put(&c, "one", now);
    assert_int_equal(claim_as("killed").count, 1);
    assert_false(work());
    now += STORE_LEASE_MS;
    assert_true(work());
    assert_int_equal(state_of(&c).status.delivered, 1);
    assert_int_equal(state_of(&c).waiting, 0);
}

/* --- Delivering --------------------------------------------------------------------------------------------
 */

static void a_document_becomes_a_file_below_the_directory(void **state) {
    char path[256], text[16] = "";
    (void)state;
    delivery_channel c = make_channel(DELIVERY_OSS, "acs:oss:cn-shanghai:1000000000000001:audit");
    put(&c, "payload", now);
    assert_true(work());
    assert_false(work());
    snprintf(path, sizeof path, "%s/oss/audit/key", directory);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fread(text, 1, sizeof text - 1, file), 7);
    fclose(file);
    assert_string_equal(text, "payload");
    assert_int_equal(state_of(&c).status.last_delivered, now);
}

static void a_failure_waits_twice_as_long_each_time(void **state) {
    (void)state;
    reopen("http://127.0.0.1:1", NULL);
    delivery_channel c = make_channel(DELIVERY_OSS, "acs:oss:cn-shanghai:1000000000000001:b");
    put(&c, "one", now);
    for (int64_t wait = 1000; wait <= 8000; wait *= 2) {
        assert_true(work());
        now += wait - 1;
        assert_false(work());
        now += 1;
    }
    struct asking state_now = state_of(&c);
    assert_int_equal(state_now.status.failures, 4);
    assert_int_equal(state_now.status.dropped, 0);
    assert_int_equal(state_now.waiting, 1);
    assert_true(state_now.status.last_error.n > 0);
    reopen(NULL, NULL);
    assert_true(work());
    state_now = state_of(&c);
    assert_int_equal(state_now.status.failures, 0); /* in a row */
    assert_int_equal(state_now.status.delivered, 1);
}

static void a_failure_holds_up_its_channel_only(void **state) {
    (void)state;
    reopen("http://127.0.0.1:1", NULL);
    delivery_channel bad = make_channel(DELIVERY_OSS, "acs:oss:cn-shanghai:1000000000000001:b");
    delivery_channel good = make_channel(DELIVERY_MNS, "acs:mns:cn-shanghai:1000000000000001:/topics/t");
    put(&bad, "one", now);
    put(&bad, "two", now + 1);
    put(&good, "three", now + 2);
    now += 2;
    assert_true(work());
    assert_int_equal(state_of(&bad).status.failures, 1); /* the second did not try */
    assert_int_equal(state_of(&bad).status.waiting, 2);
    assert_int_equal(state_of(&good).status.delivered, 1);
}

static void what_fails_for_too_long_is_dropped(void **state) {
    (void)state;
    reopen("http://127.0.0.1:1", NULL);
    delivery_channel c = make_channel(DELIVERY_OSS, "acs:oss:cn-shanghai:1000000000000001:b");
    put(&c, "one", now);
    assert_true(work());
    now += 3600001;
    assert_true(work());
    assert_int_equal(state_of(&c).status.dropped, 1);
    assert_int_equal(state_of(&c).waiting, 0);
    delivery_counts counts;
    delivery_count_all(room, &counts);
    assert_int_equal(counts.dropped, 1);
    assert_int_equal(counts.failures, 2);
}

/* One document is tried at a time, so most are given up without a try of their own. */
static void what_waits_behind_a_failure_is_dropped_as_well(void **state) {
    (void)state;
    reopen("http://127.0.0.1:1", NULL);
    delivery_channel c = make_channel(DELIVERY_OSS, "acs:oss:cn-shanghai:1000000000000001:b");
    const char *const names[] = {"one", "two", "three", "four"};
    int64_t began = now;
    for (int64_t i = 0; i < 4; i++)
        put(&c, names[i], began + i);
    for (int i = 0; i < 5; i++, now += 16000)
        assert_true(work());
    assert_int_equal(state_of(&c).status.failures, 5);
    assert_int_equal(state_of(&c).waiting, 4);
    now = began + 3600010;
    put(&c, "young", now);
    while (work())
        continue;
    assert_int_equal(state_of(&c).status.dropped, 4);
    assert_int_equal(state_of(&c).waiting, 1);
    delivery_counts counts;
    delivery_count_all(room, &counts);
    assert_int_equal(counts.dropped, 4);
}

static void a_disabled_channel_loses_what_waits(void **state) {
    (void)state;
    delivery_channel c = make_channel(DELIVERY_OSS, "acs:oss:cn-shanghai:1000000000000001:b");
    put(&c, "one", now);
    struct asking a = {.channel = c};
    a.channel.enabled = false;
    in_transaction(put_channel, &a);
    assert_int_equal(state_of(&c).waiting, 0);
    put(&c, "late", now);
    assert_true(work());
    assert_int_equal(state_of(&c).waiting, 0);
    assert_int_equal(state_of(&c).status.delivered, 0);
}

/* --- Snapshots ---------------------------------------------------------------------------------------------
 */

static void a_snapshot_begins_at_its_time_and_once(void **state) {
    (void)state;
    struct asking a = {.channel = make_channel(DELIVERY_OSS, "acs:oss:cn-shanghai:1000000000000001:b")};
    delivery_channel told = make_channel(DELIVERY_MNS, "acs:mns:cn-shanghai:1000000000000001:/topics/t");
    struct asking mns = {.channel = told};
    a.channel.snapshots = mns.channel.snapshots = true;
    a.channel.snapshot_time = PL_STR("09:10Z");
    in_transaction(put_channel, &a);
    in_transaction(put_channel, &mns);
    assert_false(work());
    now += 1000000 - 1; /* one millisecond before 09:10 */
    assert_false(work());
    now += 1;
    assert_true(work());
    while (work())
        now += 1000;
    assert_int_equal(state_of(&told).status.delivered, 1); /* of an empty inventory, too */
    now += 86400000 - 60000;
    now -= now % 60000;
    while (work())
        now += 1;
    assert_int_equal(state_of(&told).status.delivered, 1);
}

static void objects_are_named_as_documented(void **state) {
    (void)state;
    assert_str(document_object_key(&arena, account, PL_STR("cn-hangzhou"), "ConfigurationSnapshot",
                                   PL_STR("id"), now),
               "ACSLogs/1000000000000001/Config/cn-hangzhou/2025/10/09/"
               "1000000000000001_Config_cn-hangzhou_ConfigurationSnapshot_20251009T085320Z_id.json");
    assert_str(document_object_key(&arena, account, PL_STR(""), "Oversized", PL_STR("id"), now),
               "ACSLogs/1000000000000001/Config/Oversized/2025/10/09/id.json");
    assert_str(document_object_key(&arena, account, PL_STR("../.."), "ConfigurationItemChangeNotification",
                                   PL_STR("id"), now),
               "ACSLogs/1000000000000001/Config/_____/2025/10/09/"
               "1000000000000001_Config_______ConfigurationItemChangeNotification_20251009T085320Z_id.json");
}

static void conditions_and_targets_are_read(void **state) {
    static const char *const wrong[] = {
        "{}",
        "no",
        "[{}]",
        "[{\"filterType\":\"RuleRiskLevel\",\"value\":\"0\"}]",
        "[{\"filterType\":\"RuleRiskLevel\",\"value\":2}]",
        "[{\"filterType\":\"RuleRiskLevel\",\"value\":\"1\"},{\"filterType\":\"RuleRiskLevel\",\"value\":"
        "\"2\"}]",
        "[{\"filterType\":\"ResourceType\",\"values\":[\"\"],\"multiple\":true}]",
        "[{\"filterType\":\"ResourceType\",\"values\":[\"A\"],\"multiple\":false}]",
        "[{\"filterType\":\"ResourceType\",\"values\":[\"A\",,],\"multiple\":true}]",
        "[,]"};
    static const char *const arns[] = {
        "", "acs:oss:cn:1000000000000001:", "acs:log:cn:1000000000000001:project/p",
        "acs:mns:cn:1000000000000001:topics/t", "acs:oss:cn:x:b"};
    delivery_condition condition;
    delivery_target target;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (delivery_condition_parse(&arena, pl_str_from(wrong[i]), &condition))
            fail_msg("taken: %s", wrong[i]);
    assert_true(delivery_condition_parse(&arena, PL_STR(" "), &condition));
    assert_true(delivery_condition_parse(
        &arena,
        PL_STR("[{\"filterType\":\"RuleRiskLevel\",\"value\":\"2\",\"multiple\":false},{\"filterType\":"
               "\"ResourceType\",\"values\":[\"A\",\"B\"],\"multiple\":true}]"),
        &condition));
    assert_int_equal(condition.risk_level, 2);
    assert_int_equal(condition.type_count, 2);
    assert_str(condition.types[1], "B");
    assert_true(delivery_condition_parse(&arena,
                                         PL_STR("[\n{\n\"filterType\":\"ResourceType\",\n\"values\":[\n\"A,]"
                                                "\",\"\\\",}\",\n],\"multiple\":true,},]\n"),
                                         &condition));
    assert_int_equal(condition.type_count, 2);
    assert_str(condition.types[0], "A,]");
    assert_str(condition.types[1], "\",}");
    for (size_t i = 0; i < sizeof arns / sizeof *arns; i++)
        for (int type = DELIVERY_OSS; type <= DELIVERY_EVENTS; type++)
            if (delivery_target_parse((delivery_type)type, pl_str_from(arns[i]), &target))
                fail_msg("taken as %d: %s", type, arns[i]);
    assert_true(delivery_target_parse(
        DELIVERY_SLS, PL_STR("acs:log:cn-shanghai:1000000000000001:project/p/logstore/l"), &target));
    assert_str(target.project, "p");
    assert_str(target.logstore, "l");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(the_oldest_comes_first_and_a_claim_is_its_holders),
        CASE(a_lease_that_is_not_renewed_ends),
        CASE(what_a_killed_process_had_is_delivered_by_another),
        CASE(a_document_becomes_a_file_below_the_directory),
        CASE(a_failure_waits_twice_as_long_each_time),
        CASE(a_failure_holds_up_its_channel_only),
        CASE(what_fails_for_too_long_is_dropped),
        CASE(what_waits_behind_a_failure_is_dropped_as_well),
        CASE(a_disabled_channel_loses_what_waits),
        CASE(a_snapshot_begins_at_its_time_and_once),
        CASE(objects_are_named_as_documented),
        CASE(conditions_and_targets_are_read),
    };
    return run_on_both(tests);
}
