/* The key that seals secrets: lost, foreign, rotated, and rotated with a crash in the middle. */
#include "support/testing.h"

#include "identity/internal.h"
#include "support/database.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static const char *driver;

typedef struct world {
    test_database database;
    char file[128], next[140];
    store *store;
    identity *room;
    identity_root root;
    int64_t now;
    pl_arena arena;
    pl_error error;
} world;

static int try_open(world *w) {
    identity_config config = {.store = w->store,
                              .clock = pl_clock_fixed(&w->now),
                              .random = pl_random_system(),
                              .key_file = w->file};
    return identity_open(&w->room, &config, &w->error);
}

static void stop(world *w) {
    store_close(w->store);
    identity_close(w->room);
    w->room = NULL;
    assert_int_equal(store_open(&w->store, pl_str_from(w->database.url), NULL, &w->error), 0);
}

static void reopen(world *w) {
    stop(w);
    if (try_open(w) != 0)
        fail_msg("%s", w->error.message);
}

static int setup(void **state) {
    static world w;
    identity_root wanted = {.access_key_secret = "a-secret-that-was-given"};
    bool created;
    w = (world){.now = 1790000000000};
    *state = &w;
    if (test_database_new(&w.database, driver) != 0)
        return -1;
    snprintf(w.file, sizeof w.file, "/tmp/plumbline-seal-%d", getpid());
    snprintf(w.next, sizeof w.next, "%s.new", w.file);
    unlink(w.file);
    unlink(w.next);
    pl_arena_init(&w.arena, 1 << 20);
    assert_int_equal(store_open(&w.store, pl_str_from(w.database.url), NULL, &w.error), 0);
    assert_int_equal(try_open(&w), 0);
    assert_int_equal(identity_bootstrap(w.room, &wanted, &w.root, &created, &w.error), 0);
    return 0;
}

static int teardown(void **state) {
    world *w = *state;
    store_close(w->store);
    identity_close(w->room);
    test_database_drop(&w->database);
    pl_arena_free(&w->arena);
    unlink(w->file);
    unlink(w->next);
    return 0;
}

static int find(world *w, pl_str *secret) {
    identity_key key;
    int result = identity_find_key(w->room, &w->arena, pl_str_from(w->root.access_key_id), PL_STR_NONE,
                                   w->now, &key, &w->error);
    *secret = result == 0 ? key.secret : PL_STR_NONE;
    return result;
}

static void assert_secret(world *w) {
    pl_str secret;
    if (find(w, &secret) != 0)
        fail_msg("%s", w->error.message);
    assert_str(secret, "a-secret-that-was-given");
}

static void copy_file(const char *from, const char *to) {
    unsigned char key[PL_SEAL_KEY_SIZE];
    pl_error error;
    assert_int_equal(identity_key_file_read(from, key, &error), 1);
    assert_int_equal(identity_key_file_write(to, key, &error), 0);
}

static void nobody_else_may_read_the_file(void **state) {
    world *w = *state;
    char mode[32];
    FILE *list = popen(pl_arena_printf(&w->arena, "stat -c %%a %s", w->file).p, "r");
    assert_non_null(fgets(mode, sizeof mode, list));
    pclose(list);
    assert_string_equal(mode, "600\n");
}

static void secrets_survive_a_restart_and_a_rotation(void **state) {
    world *w = *state;
    int64_t count = 0;
    assert_secret(w);
    reopen(w);
    assert_secret(w);
    assert_int_equal(identity_rotate_key(w->room, &count, &w->error), 0);
    assert_int_equal(count, 1);
    assert_secret(w);
    reopen(w);
    assert_secret(w);
    assert_int_equal(access(w->next, F_OK), -1);
}

static void a_foreign_or_missing_file_is_refused(void **state) {
    world *w = *state;
    unsigned char foreign[PL_SEAL_KEY_SIZE] = {7};
    stop(w);
    assert_int_equal(identity_key_file_write(w->file, foreign, &w->error), 0);
    assert_int_equal(try_open(w), -1);
    assert_non_null(strstr(w->error.message, "is not the one that sealed"));
    unlink(w->file);
    assert_int_equal(try_open(w), -1);
    assert_int_equal(access(w->file, F_OK), -1);
}

/* The commit was made, the rename was not. */
static void a_crash_behind_the_commit_takes_the_new_file(void **state) {
    world *w = *state;
    char old[140];
    int64_t count;
    snprintf(old, sizeof old, "%s.old", w->file);
    copy_file(w->file, old);
    assert_int_equal(identity_rotate_key(w->room, &count, &w->error), 0);
    assert_int_equal(rename(w->file, w->next), 0);
    assert_int_equal(rename(old, w->file), 0);
    reopen(w);
    assert_secret(w);
    assert_int_equal(access(w->next, F_OK), -1);
    reopen(w);
    assert_secret(w);
}

/* The new file was written, the commit was not made. */
static void a_crash_before_the_commit_keeps_the_old_file(void **state) {
    world *w = *state;
    unsigned char next[PL_SEAL_KEY_SIZE] = {9};
    assert_int_equal(identity_key_file_write(w->next, next, &w->error), 0);
    reopen(w);
    assert_secret(w);
}

/* The command rotates while a server runs on the same file. */
static void another_process_takes_the_new_key(void **state) {
    world *w = *state, other = *w;
    int64_t count;
    assert_int_equal(store_open(&other.store, pl_str_from(other.database.url), NULL, &w->error), 0);
    assert_int_equal(try_open(&other), 0);
    assert_int_equal(identity_rotate_key(other.room, &count, &w->error), 0);
    store_close(other.store);
    identity_close(other.room);
    assert_secret(w);
    assert_int_equal(identity_rotate_key(w->room, &count, &w->error), 0);
    assert_secret(w);
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test_setup_teardown(nobody_else_may_read_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(secrets_survive_a_restart_and_a_rotation, setup, teardown),
        cmocka_unit_test_setup_teardown(a_foreign_or_missing_file_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_crash_behind_the_commit_takes_the_new_file, setup, teardown),
        cmocka_unit_test_setup_teardown(a_crash_before_the_commit_keeps_the_old_file, setup, teardown),
        cmocka_unit_test_setup_teardown(another_process_takes_the_new_key, setup, teardown),
    };
    int failed = 0;
    for (int i = 0; i < TEST_DRIVERS; i++) {
        driver = test_drivers[i];
        failed += cmocka_run_group_tests_name(driver, cases, NULL, NULL);
    }
    return failed;
}
