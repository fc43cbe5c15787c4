/* Changes and views on both databases, and between two processes that share one. */
#include "support/testing.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "org/change.h"
#include "support/postgres.h"

#define MANAGER "1000000000000001"
#define POLICY                                                                                               \
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Deny\",\"Action\":\"ecs:*\",\"Resource\":\"*\"}]}"

typedef struct node {
    store *store;
    org *org;
} node;

static test_postgres server;
static bool on_postgres;
static char url[512], directory[64];
static int64_t now = 1700000000000;
static pl_arena arena;
static pl_error error;
static node first;
static org_caller caller = {.account_id = PL_STR_INIT(MANAGER), .now = 1700000000000, .arena = &arena};

static int use_postgres(void **state) {
    (void)state;
    on_postgres = true;
    return test_postgres_start(&server);
}

static int stop_postgres(void **state) {
    (void)state;
    test_postgres_stop(&server);
    return 0;
}

static void open_node(node *n) {
    org_config config = {.clock = pl_clock_fixed(&now), .random = pl_random_system()};
    assert_int_equal(store_open(&n->store, pl_str_from(url), NULL, &error), 0);
    config.store = n->store;
    if (org_open(&n->org, &config, &error))
        fail_msg("%s", error.message);
}

static void close_node(node *n) {
    store_close(n->store);
    org_close(n->org);
}

static int setup(void **state) {
    (void)state;
    pl_arena_init(&arena, 0);
    if (on_postgres) {
        assert_int_equal(test_postgres_new_database(&server, url, sizeof url), 0);
    } else {
        snprintf(directory, sizeof directory, "/tmp/plumbline-org-XXXXXX");
        assert_non_null(mkdtemp(directory));
        snprintf(url, sizeof url, "sqlite:%s/plumbline.db", directory);
    }
    open_node(&first);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    close_node(&first);
    pl_arena_free(&arena);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", directory);
    return on_postgres ? 0 : system(command);
}

#define OK(call)                                                                                             \
    do {                                                                                                     \
        if (call)                                                                                            \
            fail_msg("%s: %s", error.code, error.message);                                                   \
    } while (0)

static pl_str make_account(org *o, const char *name, pl_str folder) {
    org_account_request request = {.display_name = pl_str_from(name), .folder_id = folder};
    pl_str id;
    OK(org_create_account(o, &caller, &request, &id, NULL, &error));
    return id;
}

/* Every kind of row once: what one room writes, a room that opens later reads. */
static void all_rows_are_read_back(void **state) {
    (void)state;
    org *o = first.org;
    org_tag tag = {PL_STR("k"), PL_STR("v")};
    org_tags tags = {&tag, 1};
    pl_str folder, inner, policy, group;
    OK(org_enable_directory(o, &caller, PL_STR("me"), NULL, &error));
    OK(org_create_folder(o, &caller, PL_STR(""), PL_STR("a"), &tags, &folder, NULL, &error));
    OK(org_create_folder(o, &caller, folder, PL_STR("b"), NULL, &inner, NULL, &error));
    pl_str account = make_account(o, "app", inner);
    OK(org_enable_control(o, &caller, &error));
    org_policy_request request = {.name = PL_STR("p"), .document = PL_STR(POLICY), .tags = tags};
    OK(org_create_policy(o, &caller, &request, &policy, NULL, &error));
    OK(org_attach_policy(o, &caller, policy, folder, &error));
    OK(org_register_delegate(o, &caller, account, PL_STR(ORG_SERVICE_CONFIG), &error));
    org_group_request groups = {.name = PL_STR("g"), .type = ORG_GROUP_FOLDER, .folder_ids = &folder};
    groups.folder_count = 1;
    OK(org_create_group(o, &caller, &groups, &group, &error));
    org_handshake handshake;
    OK(org_invite(o, &caller, PL_STR("Account"), PL_STR("1000000000000009"), PL_STR("hi"), PL_STR(""), &tags,
                  &handshake, &error));
    org_resource_group resources;
    OK(org_create_resource_group(o, &caller, PL_STR("rg"), PL_STR("rg"), &tags, &resources, &error));
    OK(org_write_setting(o, &caller, PL_STR("x"), PL_STR("y"), &error));
    int64_t expires;
    OK(org_send_code(o, &caller, PL_STR("x"), PL_STR("1"), &expires, &error));

    node second;
    open_node(&second);
    const org_view *view = org_view_open(second.org, NULL, &error);
    const org_node *member = org_find_node(view, account);
    assert_non_null(member);
    assert_str(member->parent->name, "b");
    assert_str(member->parent->parent->tags.items[0].value, "v");
    assert_int_equal(member->parent->parent->attachment_count, 2);
    assert_true(org_in_folder(view, account, folder));
    assert_true(org_in_folder(view, account, member->directory->root->id));
    assert_false(org_in_folder(view, account, PL_STR("fd-0000000000")));
    assert_true(org_manages(view, PL_STR(MANAGER), account));
    assert_true(org_may_own_groups(view, account));
    size_t count;
    assert_str(org_groups_of(view, account, &count)[0]->id, group.p);
    assert_int_equal(count, 1);
    org_levels levels;
    OK(org_control_levels(view, &arena, account, &levels, &error));
    assert_int_equal(levels.count, 4);
    assert_int_equal(pl_policy_set_count(levels.levels[1].set), 2);
    assert_ptr_equal(levels.levels[0].set, levels.levels[2].set); /* equal sets are one */
    org_view_close(view);
    close_node(&second);
}

static bool sees(org *o, pl_str id) {
    const org_view *view = org_view_open(o, NULL, &error);
    assert_non_null(view);
    bool found = org_find_node(view, id) != NULL;
    org_view_close(view);
    return found;
}

/* On PostgreSQL the other node hears of a change; with one process there is nothing to wait for. */
static void another_node_sees_the_change(void **state) {
    (void)state;
    node second;
    open_node(&second);
    OK(org_enable_directory(first.org, &caller, PL_STR("me"), NULL, &error));
    pl_str account = make_account(first.org, "app", PL_STR(""));
    assert_true(sees(first.org, account));
    for (int i = 0; on_postgres && i < 2000 && !sees(second.org, account); i++)
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    if (on_postgres)
        assert_true(sees(second.org, account));
    /* A change never starts from an old view, whatever has been heard. */
    org_account_request request = {.display_name = PL_STR("app")};
    pl_str id;
    assert_int_equal(org_create_account(second.org, &caller, &request, &id, NULL, &error), -1);
    assert_string_equal(error.code, "InvalidParameter.Account.DisplayName.AlreadyUsed");
    close_node(&second);
}

static int refuse(void *context, store_session *session, const org_new_account *account, int64_t at,
                  pl_error *failure) {
    (void)context, (void)session, (void)account, (void)at;
    return pl_fail(failure, PL_E_ServiceUnavailable);
}

static void a_failed_hook_undoes_the_change(void **state) {
    (void)state;
    OK(org_enable_directory(first.org, &caller, PL_STR("me"), NULL, &error));
    org_set_hooks(first.org, &(org_hooks){.create_account = refuse});
    org_account_request request = {.display_name = PL_STR("app")};
    pl_str id;
    assert_int_equal(org_create_account(first.org, &caller, &request, &id, NULL, &error), -1);
    assert_string_equal(error.code, "ServiceUnavailable");
    const org_view *view = org_view_open(first.org, NULL, &error);
    assert_int_equal(org_managed_directory(view, PL_STR(MANAGER))->account_count, 0);
    org_view_close(view);
    org_set_hooks(first.org, &(org_hooks){0});
    make_account(first.org, "app", PL_STR(""));
}

static void names_given_to_management_accounts_are_unique(void **state) {
    (void)state;
    org_caller other = {.account_id = PL_STR("1000000000000002"), .now = now, .arena = &arena};
    OK(org_enable_directory(first.org, &caller, PL_STR("me"), NULL, &error));
    assert_int_equal(org_enable_directory(first.org, &other, PL_STR("me"), NULL, &error), -1);
    assert_string_equal(error.code, "InvalidParameter.ManagementAccountName.AlreadyUsed");
    OK(org_enable_directory(first.org, &other, PL_STR("other"), NULL, &error));
}

/* Readers and writers at once: each view is whole. */
static void *read_views(void *argument) {
    bool *done = argument;
    pl_error failure;
    while (!__atomic_load_n(done, __ATOMIC_ACQUIRE)) {
        const org_view *view = org_view_open(first.org, NULL, &failure);
        const org_directory *d = view ? org_managed_directory(view, PL_STR(MANAGER)) : NULL;
        for (size_t i = 0; d && i < d->account_count; i++) {
            if (!org_in_folder(view, d->accounts[i]->node.id, d->root->id))
                return argument;
        }
        org_view_close(view);
    }
    return NULL;
}

static void views_are_whole_while_changes_happen(void **state) {
    (void)state;
    OK(org_enable_directory(first.org, &caller, PL_STR("me"), NULL, &error));
    pthread_t readers[2];
    bool done = false;
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&readers[i], NULL, read_views, &done), 0);
    for (int i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "account-%d", i);
        make_account(first.org, name, PL_STR(""));
    }
    __atomic_store_n(&done, true, __ATOMIC_RELEASE);
    for (int i = 0; i < 2; i++) {
        void *result;
        pthread_join(readers[i], &result);
        assert_null(result);
    }
}

/* Memory that runs out anywhere fails the call and leaves the room as it was. */
static void without_memory_nothing_changes(void **state) {
    (void)state;
    OK(org_enable_directory(first.org, &caller, PL_STR("me"), NULL, &error));
    org_account_request request = {.display_name = PL_STR("app")};
    pl_str id = PL_STR_NONE;
    int failed = -1;
    for (long successes = 0; failed && successes < 10000; successes++) {
        pl_memory_fail_after(successes);
        failed = org_create_account(first.org, &caller, &request, &id, NULL, &error);
        pl_memory_fail_after(-1);
        if (failed)
            assert_string_equal(error.code, "ServiceUnavailable");
    }
    assert_int_equal(failed, 0);
    const org_view *view = org_view_open(first.org, NULL, &error);
    assert_int_equal(org_managed_directory(view, PL_STR(MANAGER))->account_count, 1);
    assert_non_null(org_find_node(view, id));
    org_view_close(view);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_rows_are_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(another_node_sees_the_change, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failed_hook_undoes_the_change, setup, teardown),
        cmocka_unit_test_setup_teardown(names_given_to_management_accounts_are_unique, setup, teardown),
        cmocka_unit_test_setup_teardown(views_are_whole_while_changes_happen, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_nothing_changes, setup, teardown),
    };
    int failed = cmocka_run_group_tests_name("sqlite", tests, NULL, NULL);
    return failed + cmocka_run_group_tests_name("postgres", tests, use_postgres, stop_postgres);
}
