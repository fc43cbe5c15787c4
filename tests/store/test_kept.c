/* What readings keep from one to the next: until any commit, bounded, on SQLite only. */
#include "store/things.h"

#include "base/arena.h"

/* What a reading work finds kept under "k", and then keeps there. */
typedef struct keeping {
    pl_str keep;
    bool found;
    char text[32];
} keeping;

static int recall_and_keep(store_session *session, void *argument, pl_error *problem) {
    (void)problem;
    keeping *k = argument;
    pl_str value;
    k->found = store_recall(session, PL_STR("k"), &value);
    if (k->found)
        snprintf(k->text, sizeof k->text, "%.*s", PL_FMT(value));
    store_keep(session, PL_STR("k"), k->keep);
    return 0;
}

static bool is_kept(store *s, const char *wanted) {
    keeping k = {.keep = pl_str_from(wanted)};
    assert_done(store_read(s, recall_and_keep, &k, &error));
    return k.found && strcmp(k.text, wanted) == 0;
}

static int put_numbered(store_session *session, void *argument, pl_error *problem) {
    return put(session, *(int64_t *)argument, "numbered", problem);
}

/* PostgreSQL does not tell its changes, so nothing is kept there. */
static void what_is_kept_lasts_until_any_commit(void **state) {
    (void)state;
    store *other;
    assert_false(is_kept(test.store, "one"));
    assert_int_equal(is_kept(test.store, "one"), !case_postgres);
    assert_done(store_write(test.store, put_numbered, &(int64_t){1}, &error));
    assert_false(is_kept(test.store, "two"));
    assert_int_equal(is_kept(test.store, "two"), !case_postgres);
    assert_done(store_open(&other, pl_str_from(test.url), NULL, &error));
    assert_done(store_write(other, put_numbered, &(int64_t){2}, &error));
    store_close(other);
    assert_false(is_kept(test.store, "three"));
}

static void note_value(void *context, pl_str value) {
    snprintf(context, 32, "%.*s", PL_FMT(value));
}

static bool peeks(const char *wanted) {
    char text[32] = "";
    return store_peek(test.store, PL_STR("k"), note_value, text) && strcmp(text, wanted) == 0;
}

/* Kept so that it may be seen without a transaction: the first reading of a connection is still a new one. */
static void keep_well(const char *value) {
    for (int i = 0; i < 3; i++)
        is_kept(test.store, value);
}

static void what_is_kept_is_seen_without_a_transaction_until_any_commit(void **state) {
    (void)state;
    store *other;
    char text[32];
    assert_false(peeks("one"));
    keep_well("one");
    assert_int_equal(peeks("one"), !case_postgres);
    assert_false(store_peek(test.store, PL_STR("another"), note_value, text));
    assert_done(store_write(test.store, put_numbered, &(int64_t){1}, &error));
    assert_false(peeks("one"));
    keep_well("two");
    assert_int_equal(peeks("two"), !case_postgres);
    assert_done(store_open(&other, pl_str_from(test.url), NULL, &error));
    assert_done(store_write(other, put_numbered, &(int64_t){2}, &error));
    assert_false(peeks("two"));
    store_close(other);
    keep_well("three");
    assert_int_equal(peeks("three"), !case_postgres);
}

/* A commit between the look at the database and the reading: nobody may see what was read before it. */
static int keep_and_be_overtaken(store_session *session, void *argument, pl_error *problem) {
    pl_str value;
    int64_t *next = argument;
    store *other;
    assert_done(store_open(&other, pl_str_from(test.url), NULL, problem));
    store_recall(session, PL_STR("k"), &value);
    assert_done(store_write(other, put_numbered, next, problem));
    store_close(other);
    store_keep(session, PL_STR("k"), PL_STR("old"));
    return 0;
}

static void what_is_kept_after_it_was_overtaken_is_not_seen(void **state) {
    (void)state;
    int64_t number = 7;
    keep_well("one");
    assert_done(store_read(test.store, keep_and_be_overtaken, &number, &error));
    assert_false(peeks("old"));
    assert_false(is_kept(test.store, "old"));
}

static void a_work_that_writes_keeps_nothing(void **state) {
    (void)state;
    keeping k = {.keep = PL_STR("one")};
    assert_done(store_write(test.store, recall_and_keep, &k, &error));
    assert_done(store_write(test.store, recall_and_keep, &k, &error));
    assert_false(k.found);
}

static int keep_many(store_session *session, void *argument, pl_error *problem) {
    (void)argument, (void)problem;
    static char large[48 << 10];
    for (int i = 0; i < 5000; i++) {
        char key[16];
        snprintf(key, sizeof key, "key %d", i);
        store_keep(session, pl_str_from(key), pl_str_of(large, i % 100 == 0 ? sizeof large : 10));
    }
    return 0;
}

static void what_is_kept_is_bounded(void **state) {
    (void)state;
    assert_done(store_read(test.store, keep_many, NULL, &error));
    assert_true(test.store->idle->kept.values.count <= 1000);
    assert_true(test.store->idle->kept.arena.total <= 1 << 20);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        CASE(what_is_kept_lasts_until_any_commit),
        CASE(what_is_kept_is_seen_without_a_transaction_until_any_commit),
        CASE(what_is_kept_after_it_was_overtaken_is_not_seen),
        CASE(a_work_that_writes_keeps_nothing),
        CASE(what_is_kept_is_bounded),
    };
    return run_on_both(cases);
}
