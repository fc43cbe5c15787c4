/* Keys and permissions asked by many threads while others change them: nobody sees a state that never was. */
#include "support/testing.h"

#include "identity/entities.h"
#include "support/database.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { ASKERS = 3, ROUNDS = 60 };

typedef struct world {
    test_database database;
    char file[128];
    store *store;
    identity *room;
    identity_root root, user_key;
    pl_str user_id;
    pl_arena arena;
    atomic_bool stop;
    atomic_int allowed, denied, failed;
    char reason[1200];
} world;

static world w;

static const char account[] = "1203000000000042";

static identity_scope scope(store_session *session) {
    return (identity_scope){w.room, session, &w.arena, pl_str_from(account), 1790000000000};
}

static int populate(store_session *session, void *argument, pl_error *error) {
    identity_scope in = scope(session);
    identity_user user = {.name = PL_STR("alice")};
    (void)argument;
    if (identity_user_create(&in, &user, error) != 0 ||
        identity_access_key_create(&in, PL_STR("alice"), &w.user_key, error) != 0)
        return -1;
    w.user_id = user.id;
    return 0;
}

static void went_wrong(const pl_error *error) {
    if (atomic_fetch_add(&w.failed, 1) == 0)
        snprintf(w.reason, sizeof w.reason, "%s: %s", error->code, error->message);
}

static void *ask(void *unused) {
    pl_arena arena;
    pl_error error;
    identity_key key;
    identity_denial denial;
    pl_str resource = PL_STR("acs:config:*:1203000000000042:rule/*");
    pl_arena_init(&arena, 16 << 20);
    while (!atomic_load(&w.stop)) {
        identity_request request = {.action = PL_STR("config:GetConfigRule"),
                                    .resources = &resource,
                                    .resource_count = 1,
                                    .now = 1790000000000};
        pl_arena_reset(&arena);
        if (identity_find_key(w.room, &arena, pl_str_from(w.user_key.access_key_id), PL_STR_NONE, request.now,
                              &key, &error) != 0 ||
            !pl_str_is(key.secret, w.user_key.access_key_secret))
            went_wrong(&error);
        else if (identity_authorize(w.room, &arena, &key.caller, &request, &denial, &error) == 0)
            atomic_fetch_add(&w.allowed, 1);
        else if (pl_str_is(denial.no_permission_type, "ImplicitDeny"))
            atomic_fetch_add(&w.denied, 1);
        else
            went_wrong(&error);
    }
    pl_arena_free(&arena);
    return unused;
}

static int change(store_session *session, void *argument, pl_error *error) {
    identity_scope in = scope(session);
    identity_attachment wanted = {.kind = IDENTITY_ON_USER,
                                  .principal_name = PL_STR("alice"),
                                  .system = true,
                                  .policy_name = PL_STR("AliyunConfigReadOnlyAccess")};
    return *(const bool *)argument ? identity_attach(&in, &wanted, error)
                                   : identity_detach(&in, &wanted, error);
}

/* A change is seen by the call after it. */
static bool allowed_now(void) {
    pl_arena arena;
    pl_error error;
    identity_denial denial;
    pl_str resource = PL_STR("acs:config:*:1203000000000042:rule/*");
    identity_caller caller = {.kind = IDENTITY_USER,
                              .account_id = pl_str_from(account),
                              .principal_id = w.user_id,
                              .name = PL_STR("alice"),
                              .arn = PL_STR("acs:ram::1203000000000042:user/alice")};
    identity_request request = {.action = PL_STR("config:GetConfigRule"),
                                .resources = &resource,
                                .resource_count = 1,
                                .now = 1790000000000};
    pl_arena_init(&arena, 16 << 20);
    bool allowed = identity_authorize(w.room, &arena, &caller, &request, &denial, &error) == 0;
    pl_arena_free(&arena);
    return allowed;
}

static void *rotate(void *unused) {
    pl_error error;
    int64_t count;
    for (int i = 0; i < 5; i++)
        if (identity_rotate_key(w.room, &count, &error) != 0 || identity_flush(w.room, &error) != 0)
            went_wrong(&error);
    return unused;
}

static void changes_and_questions_do_not_disturb_each_other(void **state) {
    pthread_t askers[ASKERS], rotator;
    pl_error error;
    (void)state;
    for (int i = 0; i < ASKERS; i++)
        assert_int_equal(pthread_create(&askers[i], NULL, ask, NULL), 0);
    assert_int_equal(pthread_create(&rotator, NULL, rotate, NULL), 0);
    for (int i = 0; i < ROUNDS; i++) {
        bool attach = i % 2 == 0;
        assert_int_equal(store_write(w.store, change, &attach, &error), 0);
        assert_int_equal(allowed_now(), attach);
    }
    pthread_join(rotator, NULL);
    while (!atomic_load(&w.allowed) && !atomic_load(&w.denied) && !atomic_load(&w.failed))
        continue;
    atomic_store(&w.stop, true);
    for (int i = 0; i < ASKERS; i++)
        pthread_join(askers[i], NULL);
    if (atomic_load(&w.failed))
        fail_msg("%d failed, as %s", atomic_load(&w.failed), w.reason);
}

static int setup(void **state) {
    pl_error error;
    bool created;
    identity_root wanted = {.account_id = "1203000000000042"};
    (void)state;
    pl_arena_init(&w.arena, 16 << 20);
    if (test_database_new(&w.database, "sqlite") != 0)
        return -1;
    snprintf(w.file, sizeof w.file, "/tmp/plumbline-concurrent-%d", getpid());
    unlink(w.file);
    assert_int_equal(store_open(&w.store, pl_str_from(w.database.url), NULL, &error), 0);
    identity_config config = {
        .store = w.store, .clock = pl_clock_system(), .random = pl_random_system(), .key_file = w.file};
    assert_int_equal(identity_open(&w.room, &config, &error), 0);
    assert_int_equal(identity_bootstrap(w.room, &wanted, &w.root, &created, &error), 0);
    assert_int_equal(store_write(w.store, populate, NULL, &error), 0);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    store_close(w.store);
    identity_close(w.room);
    test_database_drop(&w.database);
    pl_arena_free(&w.arena);
    unlink(w.file);
    return 0;
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test_setup_teardown(changes_and_questions_do_not_disturb_each_other, setup, teardown),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
