/* How files come to be: one at a time and once, by whichever node, on both databases. */
#include "support/testing.h"

#include "support/records.h"

#include "reports/reports.h"

#include <pthread.h>
#include <sys/stat.h>

enum { NODES = 2, DAY = 86400000 };

static const pl_str account = PL_STR_INIT("100000000000001");
static int64_t now;
static uint64_t chance;
static engine *e;
static catalogue *known;
static reports *nodes[NODES];
static char scratch[NODES][64], outbox[64];
static void (*meanwhile)(void); /* runs while a node asks for the group */
static int failures;            /* how often the group cannot be had */

static int find_group(void *context, store_session *session, pl_arena *memory, pl_str account_id,
                      pl_str aggregator_id, reports_owner *out, bool *found, pl_error *wrong) {
    (void)context, (void)session, (void)memory;
    void (*now_and_once)(void) = meanwhile;
    meanwhile = NULL;
    if (now_and_once)
        now_and_once();
    if (failures > 0) {
        failures--;
        return pl_fail(wrong, PL_E_ServiceUnavailable);
    }
    *found = pl_str_is(aggregator_id, "ca-1");
    *out = (reports_owner){{account_id, aggregator_id}, &account, 1};
    return 0;
}

static int open_node(int n) {
    snprintf(scratch[n], sizeof scratch[n], "/tmp/plumbline-scratch-%d-%d", (int)getpid(), n);
    reports_config config = {.store = db,
                             .engine = e,
                             .catalogue = known,
                             .clock = pl_clock_fixed(&now),
                             .random = pl_random_sequence(&chance),
                             .scratch = scratch[n],
                             .outbox = outbox,
                             .find_group = find_group};
    return reports_open(&nodes[n], &config, &error);
}

static void put(int count) {
    pl_buf text;
    inventory_defaults defaults = {.account_id = account, .catalogue = known};
    engine_ingested done;
    pl_buf_init(&text, 64 << 20);
    for (int i = 0; i < count; i++)
        pl_buf_printf(
            &text,
            "%s{\"resourceType\":\"Test::Thing\",\"resourceId\":\"r-%05d\",\"configuration\":{\"n\":%d,"
            "\"text\":\"%0400d\"}}",
            i ? "," : "[", i, i, i);
    pl_buf_add_char(&text, ']');
    pl_json items = parsed(pl_arena_cstr(&arena, pl_buf_str(&text)));
    if (engine_ingest(e, &defaults, items, now, &done, &error) != 0)
        fail_msg("%s", error.message);
    pl_buf_free(&text);
}

static int setup(void **state) {
    (void)state;
    if (open_records() != 0)
        return -1;
    now = 1760000000000;
    chance = 11;
    failures = 0;
    meanwhile = NULL;
    snprintf(outbox, sizeof outbox, "/tmp/plumbline-outbox-%d", (int)getpid());
    engine_config config = {
        .store = db, .clock = pl_clock_fixed(&now), .random = pl_random_sequence(&chance)};
    if (catalogue_open(&known, NULL, &error) != 0)
        return -1;
    config.catalogue = known;
    if (engine_open(&e, &config, &error) != 0 || open_node(0) != 0 || open_node(1) != 0)
        return -1;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    for (int n = 0; n < NODES; n++) {
        reports_close(nodes[n]);
        assert_int_equal(rmdir(scratch[n]), 0); /* nothing stays in it */
    }
    rmdir(outbox);
    engine_close(e);
    catalogue_close(known);
    return close_records();
}

/* --- Files -----------------------------------------------------------------------------------------------
 */

struct step {
    reports_file file;
    bool busy, found;
    int64_t position;
    pl_str bytes;
    reports_template t;
};

static int start_work(store_session *session, void *argument, pl_error *wrong) {
    struct step *s = argument;
    pl_random random = pl_random_sequence(&chance);
    return reports_start(session, &arena, &random, now, &s->file, &s->busy, wrong);
}

static int find_work(store_session *session, void *argument, pl_error *wrong) {
    struct step *s = argument;
    return reports_find_id(session, &arena, account, s->file.file_id, &s->file, &s->found, wrong);
}

static int read_work(store_session *session, void *argument, pl_error *wrong) {
    struct step *s = argument;
    return reports_read(session, &arena, account, s->file.file_id, s->position, &s->bytes, wrong);
}

static reports_file ask(reports_kind kind, const char *group, const char *request, bool *busy) {
    struct step s = {.file = {.account_id = account,
                              .kind = kind,
                              .aggregator_id = pl_str_from(group),
                              .object_id = PL_STR(""),
                              .request = pl_str_from(request)}};
    if (store_write(db, start_work, &s, &error) != 0)
        fail_msg("%s", error.message);
    *busy = s.busy;
    return s.file;
}

/* The state now; 0: there is no such file. */
static int state_of(reports_file *file) {
    struct step s = {.file = *file};
    assert_int_equal(store_read(db, find_work, &s, &error), 0);
    if (!s.found)
        return 0;
    *file = s.file;
    return (int)s.file.state;
}

static bool work(int node) {
    bool worked;
    pl_error wrong;
    if (reports_work(nodes[node], &worked, &wrong) != 0)
        fail_msg("%s: %s", wrong.code, wrong.message);
    return worked;
}

static int count_work(store_session *session, void *argument, pl_error *wrong) {
    store_statement *st = store_prepare(session, "SELECT COUNT(*) FROM report_chunks", wrong);
    if (store_step(st, wrong) != 1)
        return -1;
    *(int64_t *)argument = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

static int64_t count_chunks(void) {
    int64_t count = -1;
    assert_int_equal(store_read(db, count_work, &count, &error), 0);
    return count;
}

#define SEARCH "{\"sql\":\"SELECT n, text ORDER BY n\",\"strict\":false}"
#define OTHER "{\"sql\":\"SELECT n LIMIT 1\",\"strict\":false}"
#define GONE "{\"sql\":\"SELECT n FROM\",\"strict\":false}"

static void a_file_is_kept_in_pieces(void **state) {
    (void)state;
    bool busy;
    put(4000);
    reports_file file = ask(REPORTS_SEARCH, "", SEARCH, &busy);
    assert_false(busy);
    assert_int_equal(state_of(&file), REPORTS_CREATING);
    assert_true(work(0));
    assert_false(work(1));
    assert_int_equal(state_of(&file), REPORTS_COMPLETE);
    pl_buf whole;
    pl_buf_init(&whole, 64 << 20);
    struct step s = {.file = file};
    for (;; s.position++) {
        assert_int_equal(store_read(db, read_work, &s, &error), 0);
        if (!s.bytes.p)
            break;
        assert_true(s.bytes.n == REPORTS_CHUNK || s.position == file.size / REPORTS_CHUNK);
        pl_buf_add(&whole, s.bytes);
    }
    assert_true(s.position > 1);
    assert_int_equal(whole.n, file.size);
    assert_true(pl_str_starts(pl_buf_str(&whole), PL_STR("\xef\xbb\xbfn,text\r\n0,")));
    pl_buf_free(&whole);
}

static void the_same_request_joins_and_another_replaces(void **state) {
    (void)state;
    bool busy;
    put(3);
    reports_file first = ask(REPORTS_SEARCH, "", SEARCH, &busy);
    reports_file second = ask(REPORTS_SEARCH, "", SEARCH, &busy);
    assert_true(busy);
    assert_true(pl_str_eq(first.file_id, second.file_id));
    reports_file third = ask(REPORTS_SEARCH, "", OTHER, &busy);
    assert_false(busy);
    assert_int_equal(state_of(&first), 0);
    assert_true(work(0));
    assert_int_equal(state_of(&third), REPORTS_COMPLETE);
    now += 1000;
    reports_file fourth = ask(REPORTS_SEARCH, "", SEARCH, &busy);
    assert_int_equal(state_of(&third), REPORTS_COMPLETE); /* stays until the new one is there */
    assert_true(work(0));
    assert_int_equal(state_of(&fourth), REPORTS_COMPLETE);
    assert_int_equal(state_of(&third), 0);
    assert_int_equal(count_chunks(), 1);
}

static void reports_on_rules_stay_for_a_while(void **state) {
    (void)state;
    bool busy;
    reports_file files[REPORTS_RULES_KEPT + 2];
    for (int i = 0; i < REPORTS_RULES_KEPT + 2; i++) {
        now += 1000;
        files[i] = ask(REPORTS_RULES, "", "{\"rules\":[]}", &busy);
        assert_false(busy);
        ask(REPORTS_RULES, "", "{\"rules\":[\"cr-1\"]}", &busy);
        assert_true(busy);
        assert_true(work(i % 2));
    }
    assert_int_equal(state_of(&files[1]), 0);
    assert_int_equal(state_of(&files[2]), REPORTS_COMPLETE);
}

static void *work_on_the_other(void *worked) {
    *(bool *)worked = work(1);
    return NULL;
}

static bool other_works(void) {
    pthread_t thread;
    bool worked = false;
    assert_int_equal(pthread_create(&thread, NULL, work_on_the_other, &worked), 0);
    pthread_join(thread, NULL);
    return worked;
}

static void nothing_for_the_other(void) {
    assert_false(other_works());
}

static void a_file_is_made_by_one_node(void **state) {
    (void)state;
    bool busy;
    put(3);
    reports_file file = ask(REPORTS_SEARCH, "ca-1", SEARCH, &busy);
    meanwhile = nothing_for_the_other;
    assert_true(work(0));
    assert_int_equal(state_of(&file), REPORTS_COMPLETE);
}

static void lease_ends(void) {
    now += 600000;
    assert_true(other_works());
}

/* The first node comes late: what the second made is not touched. */
static void a_lost_lease_is_taken_over(void **state) {
    (void)state;
    bool busy;
    put(3);
    reports_file file = ask(REPORTS_SEARCH, "ca-1", SEARCH, &busy);
    meanwhile = lease_ends;
    assert_true(work(0));
    assert_int_equal(state_of(&file), REPORTS_COMPLETE);
    assert_int_equal(count_chunks(), 1);
    assert_false(work(0));
}

static void *ask_for_another(void *busy) {
    ask(REPORTS_SEARCH, "ca-1", OTHER, busy);
    return NULL;
}

static void another_replaces(void) {
    pthread_t thread;
    bool busy = true;
    assert_int_equal(pthread_create(&thread, NULL, ask_for_another, &busy), 0);
    pthread_join(thread, NULL);
    assert_false(busy);
}

/* A request that is replaced while it is being made leaves nothing. */
static void a_replaced_file_leaves_nothing(void **state) {
    (void)state;
    bool busy;
    put(3);
    reports_file file = ask(REPORTS_SEARCH, "ca-1", SEARCH, &busy);
    meanwhile = another_replaces;
    assert_true(work(0));
    assert_int_equal(state_of(&file), 0);
    assert_int_equal(count_chunks(), 0);
    assert_true(work(0));
    assert_int_equal(count_chunks(), 1);
}

static void what_cannot_be_made_is_told(void **state) {
    (void)state;
    bool busy;
    reports_file wrong = ask(REPORTS_SEARCH, "", GONE, &busy);
    assert_true(work(0));
    assert_int_equal(state_of(&wrong), REPORTS_FAILED); /* a mistake of the request stays one */
    reports_file gone = ask(REPORTS_INVENTORY, "ca-2", "{}", &busy);
    assert_true(work(0));
    assert_int_equal(state_of(&gone), REPORTS_FAILED);
    failures = 2;
    reports_file later = ask(REPORTS_INVENTORY, "ca-1", "{}", &busy);
    for (int i = 0; i < 3; i++) {
        assert_true(work(0));
        assert_int_equal(state_of(&later), i < 2 ? REPORTS_CREATING : REPORTS_COMPLETE);
        assert_false(work(0)); /* not at once again */
        now += 60000;
    }
    failures = 3;
    reports_file never = ask(REPORTS_SEARCH, "ca-1", SEARCH, &busy);
    for (int i = 0; i < 3; i++, now += 60000)
        assert_true(work(i % 2));
    assert_int_equal(state_of(&never), REPORTS_FAILED);
}

static void old_files_are_forgotten(void **state) {
    (void)state;
    bool busy;
    reports_file file = ask(REPORTS_INVENTORY, "", "{}", &busy);
    assert_true(work(0));
    now += (int64_t)29 * DAY;
    assert_false(work(0));
    now += (int64_t)2 * DAY;
    assert_true(work(0));
    assert_int_equal(state_of(&file), 0);
    assert_int_equal(count_chunks(), 0);
}

static int delete_work(store_session *session, void *argument, pl_error *wrong) {
    (void)argument;
    return reports_delete_account(session, account, wrong);
}

static void an_account_that_goes_takes_its_files(void **state) {
    (void)state;
    bool busy;
    reports_file file = ask(REPORTS_INVENTORY, "", "{}", &busy);
    assert_true(work(0));
    assert_int_equal(store_write(db, delete_work, NULL, &error), 0);
    assert_int_equal(state_of(&file), 0);
    assert_int_equal(count_chunks(), 0);
}

/* --- Subscriptions ---------------------------------------------------------------------------------------
 */

static int template_work(store_session *session, void *argument, pl_error *wrong) {
    struct step *s = argument;
    pl_random random = pl_random_sequence(&chance);
    return reports_template_put(session, &arena, &random, now, &s->t, wrong);
}

static int find_template_work(store_session *session, void *argument, pl_error *wrong) {
    struct step *s = argument;
    return reports_find(session, &arena, account, REPORTS_TEMPLATE, PL_STR(""), s->t.template_id, &s->file,
                        &s->found, wrong);
}

/* Every minute, but once on a day; the report is in the outbox, the newest alone. */
static void a_subscription_sends_once_a_day(void **state) {
    (void)state;
    char path[256];
    struct stat about;
    struct step s = {.t = {.account_id = account,
                           .name = PL_STR("often"),
                           .description = PL_STR(""),
                           .file_formats = PL_STR("excel"),
                           .granularity = PL_STR("AllInOne"),
                           .language = PL_STR("en-US"),
                           .scope = PL_STR("[]"),
                           .frequency = PL_STR("0 * * * * ?")}};
    if (store_write(db, template_work, &s, &error) != 0)
        fail_msg("%s", error.message);
    snprintf(path, sizeof path, "%s/%.*s-%.*s.xls", outbox, PL_FMT(account), PL_FMT(s.t.template_id));
    assert_false(work(0));
    for (int day = 0; day < 2; day++) {
        now += day ? DAY : 60000;
        assert_true(work(day));
        assert_int_equal(store_read(db, find_template_work, &s, &error), 0);
        assert_int_equal(s.file.state, REPORTS_COMPLETE);
        assert_int_equal(stat(path, &about), 0);
        assert_int_equal(unlink(path), 0);
        now += 3600000;
        assert_false(work(0));
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_kept_in_pieces),
        TEST(the_same_request_joins_and_another_replaces),
        TEST(reports_on_rules_stay_for_a_while),
        TEST(a_file_is_made_by_one_node),
        TEST(a_lost_lease_is_taken_over),
        TEST(a_replaced_file_leaves_nothing),
        TEST(what_cannot_be_made_is_told),
        TEST(old_files_are_forgotten),
        TEST(an_account_that_goes_takes_its_files),
        TEST(a_subscription_sends_once_a_day),
    };
    return run_on_both(tests);
}
