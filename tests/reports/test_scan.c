/* Searches over the store: account by account, type by type, and no longer than allowed; on both databases.
 */
#include "support/testing.h"

#include "support/records.h"

#include "reports/reports.h"

static const pl_str first = PL_STR_INIT("1001"), second = PL_STR_INIT("1002");
static engine *e;
static catalogue *known;
static int64_t now = 1760000000000;

static int setup(void **state) {
    (void)state;
    static uint64_t chance = 3;
    engine_config config = {.clock = pl_clock_fixed(&now), .random = pl_random_sequence(&chance)};
    if (open_records() != 0 || catalogue_open(&known, NULL, &error) != 0)
        return -1;
    config.store = db;
    config.catalogue = known;
    return engine_open(&e, &config, &error);
}

static int teardown(void **state) {
    (void)state;
    engine_close(e);
    catalogue_close(known);
    return close_records();
}

/* 600 things of type A (several pages), one of B, one of C that is removed. */
static void put(pl_str account) {
    pl_buf text;
    inventory_defaults defaults = {.account_id = account, .catalogue = known};
    engine_ingested done;
    pl_buf_init(&text, 16 << 20);
    pl_buf_add(&text,
               PL_STR("[{\"resourceType\":\"B\",\"resourceId\":\"b\",\"configuration\":{\"n\":-1}},"
                      "{\"resourceType\":\"C\",\"resourceId\":\"c\",\"configuration\":{\"n\":-2}},"
                      "{\"resourceType\":\"C\",\"resourceId\":\"c\",\"resourceEventType\":\"REMOVE\"}"));
    for (int i = 0; i < 600; i++)
        pl_buf_printf(&text,
                      ",{\"resourceType\":\"A\",\"resourceId\":\"a-%d\",\"tags\":{\"k\":\"%d\"},"
                      "\"configuration\":{\"n\":%d}}",
                      i, i, i);
    pl_buf_add_char(&text, ']');
    if (engine_ingest(e, &defaults, parsed(pl_arena_cstr(&arena, pl_buf_str(&text))), now, &done, &error) !=
        0)
        fail_msg("%s", error.message);
    pl_buf_free(&text);
}

struct asking {
    const char *statement;
    pl_str accounts[2];
    size_t count;
    int64_t deadline;
    char answer[4096];
};

static int take(void *context, const search_cell *cells, size_t count, pl_error *wrong) {
    struct asking *a = context;
    size_t used = strlen(a->answer);
    (void)wrong;
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(a->answer + used, sizeof a->answer - used, "%.*s%c", PL_FMT(cells[i].text),
                                 i + 1 < count ? '|' : ';');
    return 0;
}

static int ask_work(store_session *session, void *argument, pl_error *wrong) {
    struct asking *a = argument;
    search_plan *plan;
    search_limits limits = {.memory = 16 << 20};
    a->answer[0] = '\0';
    if (search_compile(&arena, pl_str_from(a->statement), false, &plan, wrong) != 0)
        return -1;
    search_run *run = search_run_new(plan, &limits, take, a);
    assert_non_null(run);
    int result = reports_scan(session, known, a->accounts, a->count, plan, run, a->deadline, wrong);
    search_run_free(run);
    return result;
}

static void expect(const char *statement, size_t count, const char *wanted) {
    struct asking a = {.statement = statement, .accounts = {first, second}, .count = count};
    if (store_read(db, ask_work, &a, &error) != 0)
        fail_msg("%s: %s", statement, error.message);
    if (strcmp(a.answer, wanted) != 0)
        fail_msg("%s: got %s, wanted %s", statement, a.answer, wanted);
}

static void only_live_resources_of_the_accounts_are_seen(void **state) {
    (void)state;
    put(first);
    put(second);
    expect("SELECT COUNT(1), SUM(n)", 1, "601|179699;");
    expect("SELECT COUNT(1), MIN(AccountId), MAX(AccountId)", 2, "1202|1001|1002;");
    expect("SELECT COUNT(1)", 0, "0;");
    expect("SELECT ResourceType, COUNT(1) GROUP BY ResourceType ORDER BY ResourceType", 2, "A|1200;B|2;");
    expect("SELECT COUNT(1) WHERE ResourceType = 'A'", 1, "600;");
    expect("SELECT COUNT(1) WHERE ResourceType IN ('A', 'B', 'A', 'none')", 1, "601;");
    expect("SELECT COUNT(1) WHERE ResourceType = 'C'", 1, "0;");
    expect("SELECT ResourceId WHERE n = 599 OR ResourceType = 'B'", 1, "a-599;b;");
    expect("SELECT ResourceId WHERE Tags.Kvpair = 'k:300'", 2, "a-300;a-300;");
    expect("SELECT AccountId, ResourceId LIMIT 2", 2, "1001|a-0;1001|a-1;");
    expect("SELECT Arn WHERE ResourceType = 'B'", 1, ";");
}

static void a_search_ends_in_time(void **state) {
    (void)state;
    put(first);
    struct asking a = {.statement = "SELECT COUNT(1)", .accounts = {first}, .count = 1, .deadline = 1};
    assert_int_equal(store_read(db, ask_work, &a, &error), -1);
    assert_string_equal(error.code, "ServiceUnavailable");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(only_live_resources_of_the_accounts_are_seen, setup, teardown),
        cmocka_unit_test_setup_teardown(a_search_ends_in_time, setup, teardown),
    };
    return run_on_both(tests);
}
