/* ARNs: every name that a pattern may hold is filled in; what has no pattern has no ARN. */
#include "support/testing.h"

#include "catalogue/catalogue.h"

static catalogue *known;
static pl_arena arena;

static int open_known(void **state) {
    pl_error error = {0};
    (void)state;
    pl_arena_init(&arena, 1 << 20);
    return catalogue_open(&known, NULL, &error);
}

static int close_known(void **state) {
    (void)state;
    catalogue_close(known);
    pl_arena_free(&arena);
    return 0;
}

static void expect(const char *type, const char *name, const char *wanted) {
    pl_error error = {0};
    const catalogue_subject subject = {PL_STR("100"), PL_STR("cn-beijing"), PL_STR("id-1"),
                                       pl_str_from(name)};
    const catalogue_type *found = catalogue_find_type(known, pl_str_from(type), &error);
    pl_str arn = catalogue_arn(&arena, found, &subject);
    if (!pl_str_eq(arn, pl_str_from(wanted)))
        fail_msg("%s: got %.*s, wanted %s", type, PL_FMT(arn), wanted);
}

static void names_ids_and_places_are_filled_in(void **state) {
    (void)state;
    expect("ACS::ECS::Instance", "web", "acs:ecs:cn-beijing:100:instance/id-1");
    expect("ACS::OSS::Bucket", "bucket", "acs:oss:cn-beijing:100:bucket");
    expect("ACS::OSS::Bucket", "", "acs:oss:cn-beijing:100:id-1");
    expect("ACS::SLS::LogStore", "store", "acs:log:cn-beijing:100:project/id-1/logstore/store");
}

static void an_unknown_type_has_no_arn(void **state) {
    (void)state;
    expect("ACS::None::Such", "x", "");
}

static void no_pattern_of_the_catalogue_leaves_a_name_open(void **state) {
    const catalogue_subject subject = {PL_STR("100"), PL_STR("r"), PL_STR("id-1"), PL_STR("n")};
    (void)state;
    pl_error error = {0};
    size_t with = 0;
    for (size_t i = 0; i < catalogue_type_count(known); i++) {
        const catalogue_type *type = catalogue_type_at(known, i, &error);
        assert_non_null(type);
        pl_str arn = catalogue_arn(&arena, type, &subject);
        assert_int_equal(pl_str_find_char(arn, '{'), PL_NOT_FOUND);
        with += arn.n > 0;
    }
    assert_true(with > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_ids_and_places_are_filled_in),
        cmocka_unit_test(an_unknown_type_has_no_arn),
        cmocka_unit_test(no_pattern_of_the_catalogue_leaves_a_name_open),
    };
    return cmocka_run_group_tests(tests, open_known, close_known);
}
