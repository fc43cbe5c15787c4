/* Authorization where memory runs out: what cannot be decided is told as that, not as an Allow or a denial.
 */
#include "support/faults.h"

#include "identity/entities.h"
#include "identity/internal.h"
#include "support/database.h"

#include <stdio.h>
#include <unistd.h>

static const char policy[] =
    "{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"config:*\",\"Resource\":\"*\"},"
    "{\"Effect\":\"Deny\",\"Action\":\"config:*\",\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{"
    "\"acs:ResourceTag/env\":\"prod\"}}}]}";

static int64_t now = 1790000000000;

static test_database database;
static char file[128];
static store *db;
static identity *room;
static pl_arena arena; /* of the cases */
static identity_caller alice;
static const char *environment; /* the tag of the resource */
static bool tags_reported;      /* the tags' lost texts are reported by who reads them */

static int populate(store_session *session, void *argument, pl_error *error) {
    identity_scope in = {room, session, &arena, PL_STR("1203000000000042"), now};
    identity_user user = {.name = PL_STR("alice")};
    identity_policy stored = {.name = PL_STR("all-but-prod")};
    identity_attachment wanted = {
        .kind = IDENTITY_ON_USER, .principal_name = user.name, .policy_name = stored.name};
    (void)argument;
    if (identity_user_create(&in, &user, error) != 0 ||
        identity_policy_create(&in, &stored, PL_STR(policy), error) != 0 ||
        identity_attach(&in, &wanted, error) != 0)
        return -1;
    alice = (identity_caller){.kind = IDENTITY_USER,
                              .account_id = in.account_id,
                              .principal_id = user.id,
                              .name = user.name,
                              .arn = PL_STR("acs:ram::1203000000000042:user/alice")};
    return 0;
}

static int tags_of(void *context, pl_str resource, const identity_fact **tags, size_t *count,
                   pl_error *error) {
    pl_arena *of_request = context;
    identity_fact *tag = pl_new(of_request, identity_fact, 1);
    (void)resource;
    *count = tag ? 1 : 0;
    *tags = tag;
    if (tag)
        *tag = (identity_fact){pl_arena_copy(of_request, PL_STR("acs:ResourceTag/env")),
                               pl_arena_copy(of_request, pl_str_from(environment))};
    return tags_reported && of_request->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

static bool decides(pl_arena *of_request, identity_denial *denial, pl_error *error) {
    static const pl_str resource = PL_STR_INIT("acs:config:*:1203000000000042:rule/cr-1");
    identity_request request = {.action = PL_STR("config:GetConfigRule"),
                                .resources = &resource,
                                .resource_count = 1,
                                .now = now,
                                .tags_of = tags_of,
                                .tags_context = of_request};
    return identity_authorize(room, of_request, &alice, &request, denial, error) == 0;
}

/* The right decision or none. */
static void ask(void *argument) {
    const char *wanted = argument;
    identity_denial denial;
    pl_error error = {0};
    pl_arena of_request;
    pl_arena_init(&of_request, 1 << 20);
    identity_principals_forget(room);
    bool allowed = decides(&of_request, &denial, &error);
    if (!allowed && !denial.no_permission_type.n)
        assert_string_equal(error.code, "ServiceUnavailable");
    else
        assert_string_equal(allowed ? "Allow" : denial.no_permission_type.p, wanted);
    pl_arena_free(&of_request);
}

static void want_of_memory_decides_nothing(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        tags_reported = i == 0;
        environment = "test";
        ask("Allow"); /* the store keeps its statements from here on */
        assert_true(with_failing_allocations(ask, "Allow") > 10);
        environment = "prod";
        assert_true(with_failing_allocations(ask, "ExplicitDeny") > 10);
    }
}

static void ask_in_groups(void *argument) {
    static const pl_str resource = PL_STR_INIT("acs:config:*:1203000000000042:rule/*"),
                        groups[] = {PL_STR_INIT("rg-1")};
    identity_request request = {
        .action = PL_STR("config:GetConfigRule"), .resources = &resource, .resource_count = 1, .now = now};
    bool everywhere, allowed[1];
    pl_error error = {0};
    pl_arena of_request;
    (void)argument;
    pl_arena_init(&of_request, 1 << 20);
    identity_principals_forget(room);
    if (identity_may_in_groups(room, &of_request, &alice, &request, groups, 1, &everywhere, allowed,
                               &error) != 0)
        assert_string_equal(error.code, "ServiceUnavailable");
    else
        assert_true(everywhere && allowed[0]);
    pl_arena_free(&of_request);
}

static void want_of_memory_decides_nothing_in_groups(void **state) {
    (void)state;
    ask_in_groups(NULL); /* the store keeps its statements from here on */
    assert_true(with_failing_allocations(ask_in_groups, NULL) > 10);
}

static int setup(void **state) {
    pl_error error;
    bool created;
    identity_root root, wanted = {.account_id = "1203000000000042"};
    (void)state;
    pl_arena_init(&arena, 16 << 20);
    if (test_database_new(&database, "sqlite") != 0)
        return -1;
    snprintf(file, sizeof file, "/tmp/plumbline-authorize-%d", getpid());
    unlink(file);
    assert_int_equal(store_open(&db, pl_str_from(database.url), NULL, &error), 0);
    identity_config config = {
        .store = db, .clock = pl_clock_fixed(&now), .random = pl_random_system(), .key_file = file};
    assert_int_equal(identity_open(&room, &config, &error), 0);
    assert_int_equal(identity_bootstrap(room, &wanted, &root, &created, &error), 0);
    assert_int_equal(store_write(db, populate, NULL, &error), 0);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    store_close(db);
    identity_close(room);
    test_database_drop(&database);
    pl_arena_free(&arena);
    unlink(file);
    return 0;
}

int main(void) {
    const struct CMUnitTest cases[] = {
        cmocka_unit_test_setup_teardown(want_of_memory_decides_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(want_of_memory_decides_nothing_in_groups, setup, teardown),
    };
    return cmocka_run_group_tests(cases, NULL, NULL);
}
