#include "organisation.h"

static organisation t;
static const char *root, *folder, *one, *two;

/* What the hooks were told. */
static char told[1024];

static int remember_account(void *context, store_session *session, pl_str account_id, int64_t now,
                            pl_error *error) {
    organisation *o = context;
    (void)now;
    const org_view *view = org_view_open(o->org, session, error);
    size_t used = strlen(told), groups;
    assert_non_null(view);
    org_groups_of(view, account_id, &groups);
    org_view_close(view);
    snprintf(told + used, sizeof told - used, "%.*s:%zu ", PL_FMT(account_id), groups);
    return 0;
}

static int remember_group(void *context, store_session *session, pl_str owner_id, pl_str group_id,
                          int64_t now, pl_error *error) {
    (void)context, (void)session, (void)now, (void)error;
    size_t used = strlen(told);
    snprintf(told + used, sizeof told - used, "-%.*s/%.*s ", PL_FMT(owner_id), PL_FMT(group_id));
    return 0;
}

static int setup(void **state) {
    (void)state;
    open_organisation(&t, &(org_limits){.groups = 3});
    root = open_directory(&t);
    folder = make_folder(&t, root, "dev");
    one = make_account(&t, root, "one");
    two = make_account(&t, folder, "two");
    org_set_hooks(
        t.org,
        &(org_hooks){.context = &t, .account_changed = remember_account, .group_deleted = remember_group});
    told[0] = '\0';
    return 0;
}

static int teardown(void **state) {
    (void)state;
    close_organisation(&t);
    return 0;
}

static const char *accounts(const char *first, const char *second) {
    pl_str text = second ? pl_arena_printf(&t.arena,
                                           "[{\"AccountId\":%s,\"AccountName\":\"A\",\"AccountType\":"
                                           "\"ResourceDirectory\"},{\"AccountId\":%s,\"AccountType\":"
                                           "\"ResourceDirectory\"}]",
                                           first, second)
                         : pl_arena_printf(&t.arena,
                                           "[{\"AccountId\":%s,\"AccountName\":\"A\",\"AccountType\":"
                                           "\"ResourceDirectory\"}]",
                                           first);
    assert_non_null(text.p);
    return text.p;
}

static const char *make_custom(const char *name, const char *list) {
    CONFIG_OK(&t, "CreateAggregator", "AggregatorName", name, "AggregatorAccounts", list);
    return keep_at(&t, "AggregatorId");
}

static void a_custom_group(void **state) {
    (void)state;
    CONFIG_OK(&t, "CreateAggregator", "AggregatorName", "Test_Group", "Description", "Both", "AggregatorType",
              "CUSTOM", "AggregatorAccounts", accounts(two, one), "Tag", "[{\"Key\":\"k\",\"Value\":\"v\"}]");
    const char *id = keep_at(&t, "AggregatorId");
    assert_int_equal(strlen(id), 23);
    CONFIG_OK(&t, "GetAggregator", "AggregatorId", id);
    assert_int_equal(number_at(&t, "Aggregator.AggregatorStatus"), 1);
    assert_int_equal(number_at(&t, "Aggregator.AggregatorAccountCount"), 2);
    assert_int_equal(number_at(&t, "Aggregator.AccountId"), 1000000000000001);
    assert_str(text_at(&t, "Aggregator.AggregatorType"), "CUSTOM");
    assert_str(text_at(&t, "Aggregator.AggregatorCreateTimestamp"), "1700000000123");
    assert_str(text_at(&t, "Aggregator.Tags.0.TagKey"), "k");
    assert_str(text_at(&t, "Aggregator.AggregatorAccounts.0.AccountType"), "ResourceDirectory");
    CONFIG_OK(&t, "ListAggregators", "MaxResults", "10");
    assert_str(text_at(&t, "AggregatorsResult.Aggregators.0.AggregatorId"), id);
    assert_int_equal(number_at(&t, "AggregatorsResult.Aggregators.0.AggregatorCreateTimestamp"),
                     1700000000123);
    CONFIG_OK(&t, "UpdateAggregator", "AggregatorId", id, "AggregatorAccounts", accounts(one, NULL),
              "Description", "One");
    CONFIG_OK(&t, "GetAggregator", "AggregatorId", id);
    assert_int_equal(number_at(&t, "Aggregator.AggregatorAccountCount"), 1);
    assert_str(text_at(&t, "Aggregator.AggregatorName"), "Test_Group");
    assert_str(text_at(&t, "Aggregator.Description"), "One");
}

static void creation_is_checked(void **state) {
    (void)state;
    CONFIG_FAILS(&t, 400, "Invalid.AggregatorAccounts.Empty", "CreateAggregator", "AggregatorName", "a");
    CONFIG_FAILS(&t, 400, "Invalid.AggregatorAccounts.Value", "CreateAggregator", "AggregatorName", "a",
                 "AggregatorAccounts", accounts(STRANGER, NULL));
    CONFIG_FAILS(&t, 400, "Invalid.AccountType.Value", "CreateAggregator", "AggregatorName", "a",
                 "AggregatorAccounts", "[{\"AccountId\":1,\"AccountType\":\"Other\"}]");
    CONFIG_FAILS(&t, 400, "AggregatorAccountListItemDuplicated", "CreateAggregator", "AggregatorName", "a",
                 "AggregatorAccounts", accounts(one, one));
    make_custom("a", accounts(one, NULL));
    CONFIG_FAILS(&t, 400, "AggregatorNameDuplicated", "CreateAggregator", "AggregatorName", "a",
                 "AggregatorAccounts", accounts(two, NULL));
    CONFIG_FAILS(&t, 400, "AggregatorAccountListDuplicated", "CreateAggregator", "AggregatorName", "b",
                 "AggregatorAccounts", accounts(one, NULL));
    CONFIG_OK(&t, "CreateAggregator", "AggregatorName", "all", "AggregatorType", "RD");
    CONFIG_FAILS(&t, 400, "AggregatorExceedMaxCount", "CreateAggregator", "AggregatorName", "all-2",
                 "AggregatorType", "RD");
    CONFIG_FAILS(&t, 400, "Invalid.FolderId.Value", "CreateAggregator", "AggregatorName", "f",
                 "AggregatorType", "FOLDER", "FolderId", "fd-0000000000");
    make_custom("b", accounts(two, NULL));
    CONFIG_FAILS(&t, 400, "AggregatorExceedMaxCount", "CreateAggregator", "AggregatorName", "c",
                 "AggregatorAccounts", accounts(one, two));
}

static void only_managers_and_delegates_own_groups(void **state) {
    (void)state;
    act_as(&t, one);
    CONFIG_FAILS(&t, 403, "NoPermissionCreateAggregator", "CreateAggregator", "AggregatorName", "a",
                 "AggregatorType", "RD");
    CONFIG_FAILS(&t, 400, "NoPermission", "ListAggregators", "MaxResults", "1");
    act_as(&t, MANAGER);
    CALL_OK(&t, "RegisterDelegatedAdministrator", "AccountId", one, "ServicePrincipal",
            "config.aliyuncs.com");
    act_as(&t, one);
    CONFIG_OK(&t, "CreateAggregator", "AggregatorName", "a", "AggregatorType", "RD");
    const char *id = keep_at(&t, "AggregatorId");
    act_as(&t, MANAGER);
    CONFIG_FAILS(&t, 400, "Invalid.AggregatorId.Value", "GetAggregator", "AggregatorId", id);
    act_as(&t, two); /* a member reads, and changes nothing */
    CONFIG_OK(&t, "GetAggregator", "AggregatorId", id);
    CONFIG_FAILS(&t, 403, "AggregatorMemberNoPermission", "UpdateAggregator", "AggregatorId", id,
                 "Description", "x");
    CONFIG_FAILS(&t, 403, "AggregatorMemberNoPermission", "DeleteAggregators", "AggregatorIds", id);
}

static void groups_follow_the_directory(void **state) {
    (void)state;
    CONFIG_OK(&t, "CreateAggregator", "AggregatorName", "all", "AggregatorType", "RD");
    const char *all = keep_at(&t, "AggregatorId");
    CONFIG_OK(&t, "CreateAggregator", "AggregatorName", "dev", "AggregatorType", "FOLDER", "FolderId",
              folder);
    const char *dev = keep_at(&t, "AggregatorId");
    CONFIG_OK(&t, "GetAggregator", "AggregatorId", dev);
    assert_int_equal(number_at(&t, "Aggregator.AggregatorAccountCount"), 1);
    assert_str(text_at(&t, "Aggregator.FolderId"), folder);
    assert_str(text_at(&t, "Aggregator.FolderName"), "dev");
    told[0] = '\0';
    CALL_OK(&t, "MoveAccount", "AccountId", one, "DestinationFolderId", folder);
    assert_string_equal(told, pl_arena_printf(&t.arena, "%s:2 ", one).p);
    CONFIG_OK(&t, "GetAggregator", "AggregatorId", dev);
    assert_int_equal(number_at(&t, "Aggregator.AggregatorAccountCount"), 2);
    CALL_OK(&t, "PromoteResourceAccount", "AccountId", one, "Email", "one@example.com");
    told[0] = '\0';
    CALL_OK(&t, "RemoveCloudAccount", "AccountId", one);
    assert_string_equal(told, pl_arena_printf(&t.arena, "%s:0 ", one).p);
    CONFIG_OK(&t, "GetAggregator", "AggregatorId", all);
    assert_int_equal(number_at(&t, "Aggregator.AggregatorAccountCount"), 1);
    told[0] = '\0';
    const char *three = make_account(&t, make_folder(&t, folder, "deep"), "three");
    assert_string_equal(told, pl_arena_printf(&t.arena, "%s:2 ", three).p);
}

static void groups_are_deleted_one_by_one(void **state) {
    (void)state;
    const char *id = make_custom("a", accounts(one, NULL));
    told[0] = '\0';
    pl_str ids = pl_arena_printf(&t.arena, "%s,ca-none", id);
    CONFIG_OK(&t, "DeleteAggregators", "AggregatorIds", ids.p);
    bool success = true;
    assert_true(pl_json_bool(at(&t, "OperateAggregatorsResult.OperateAggregators.0.Success"), &success));
    assert_true(success);
    assert_true(pl_json_bool(at(&t, "OperateAggregatorsResult.OperateAggregators.1.Success"), &success));
    assert_false(success);
    assert_str(text_at(&t, "OperateAggregatorsResult.OperateAggregators.1.ErrorCode"),
               "Invalid.AggregatorId.Value");
    assert_string_equal(told, pl_arena_printf(&t.arena, "-" MANAGER "/%s %s:0 ", id, one).p);
    CONFIG_FAILS(&t, 400, "Invalid.AggregatorId.Value", "GetAggregator", "AggregatorId", id);
    CONFIG_FAILS(&t, 400, "Invalid.AggregatorIds.SizeExceed", "DeleteAggregators", "AggregatorIds",
                 "a,b,c,d,e,f");
    CONFIG_FAILS(&t, 400, "Invalid.AggregatorIds.Empty", "DeleteAggregators");
}

static void lists_are_paged_by_token(void **state) {
    (void)state;
    make_custom("a", accounts(one, NULL));
    make_custom("b", accounts(two, NULL));
    CONFIG_OK(&t, "ListAggregators", "MaxResults", "1");
    assert_str(text_at(&t, "AggregatorsResult.Aggregators.0.AggregatorName"), "a");
    CONFIG_OK(&t, "ListAggregators", "MaxResults", "1", "NextToken",
              keep_at(&t, "AggregatorsResult.NextToken"));
    assert_str(text_at(&t, "AggregatorsResult.Aggregators.0.AggregatorName"), "b");
    assert_int_equal(text_at(&t, "AggregatorsResult.NextToken").n, 0);
}

static void a_page_begins_behind_a_deleted_group(void **state) {
    (void)state;
    const char *first = make_custom("a", accounts(one, NULL));
    make_custom("b", accounts(two, NULL));
    CONFIG_OK(&t, "ListAggregators", "MaxResults", "1");
    const char *token = keep_at(&t, "AggregatorsResult.NextToken");
    CONFIG_OK(&t, "DeleteAggregators", "AggregatorIds", first);
    CONFIG_OK(&t, "ListAggregators", "MaxResults", "1", "NextToken", token);
    assert_str(text_at(&t, "AggregatorsResult.Aggregators.0.AggregatorName"), "b");
    assert_int_equal(text_at(&t, "AggregatorsResult.NextToken").n, 0);
}

static void the_last_page_is_known_by_the_wanted_tags(void **state) {
    (void)state;
    make_custom("a", accounts(one, NULL));
    CONFIG_OK(&t, "CreateAggregator", "AggregatorName", "b", "AggregatorAccounts", accounts(two, NULL), "Tag",
              "[{\"Key\":\"k\",\"Value\":\"v\"}]");
    make_custom("c", accounts(one, two));
    CONFIG_OK(&t, "ListAggregators", "MaxResults", "1", "Tag", "[{\"Key\":\"k\",\"Value\":\"v\"}]");
    assert_str(text_at(&t, "AggregatorsResult.Aggregators.0.AggregatorName"), "b");
    assert_int_equal(text_at(&t, "AggregatorsResult.NextToken").n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_custom_group, setup, teardown),
        cmocka_unit_test_setup_teardown(creation_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(only_managers_and_delegates_own_groups, setup, teardown),
        cmocka_unit_test_setup_teardown(groups_follow_the_directory, setup, teardown),
        cmocka_unit_test_setup_teardown(groups_are_deleted_one_by_one, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_are_paged_by_token, setup, teardown),
        cmocka_unit_test_setup_teardown(a_page_begins_behind_a_deleted_group, setup, teardown),
        cmocka_unit_test_setup_teardown(the_last_page_is_known_by_the_wanted_tags, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
