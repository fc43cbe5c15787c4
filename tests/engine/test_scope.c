/* Which resources a scope covers (reference/evaluation-semantics.md, section 2), and that it keeps its text.
 */
#include "support/arena.h"
#include "support/faults.h"

#include <stdio.h>

#include "engine/scope.h"
#include "json/parser.h"

static engine_scope scope_of(const char *json) {
    engine_scope scope;
    if (engine_scope_read(&arena, pl_str_from(json), &scope, &error) != 0)
        fail_msg("%s: %s", json, error.message);
    return scope;
}

/* An ECS instance i-1 named web in cn-hangzhou, group rg-1, tags env=prod and team=a. */
static bool covers(const char *json) {
    engine_scope scope = scope_of(json);
    engine_scope_subject subject = {.resource_type = PL_STR("ACS::ECS::Instance"),
                                    .region_id = PL_STR("cn-hangzhou"),
                                    .resource_id = PL_STR("i-1"),
                                    .group_id = PL_STR("rg-1"),
                                    .name = PL_STR("web"),
                                    .tags = parsed("{\"env\":[\"prod\"],\"team\":[\"a\"]}")};
    return engine_scope_covers(&scope, &subject);
}

static void an_empty_scope_covers_everything(void **state) {
    (void)state;
    assert_true(covers("{}"));
    assert_true(covers("{\"ResourceTypesScope\":\"*\"}"));
}

static void lists_are_or_within_and_and_between(void **state) {
    (void)state;
    assert_true(covers("{\"ResourceTypesScope\":\"ACS::RDS::DBInstance, acs::ecs::instance\\n\"}"));
    assert_false(covers("{\"ResourceTypesScope\":\"ACS::RDS::DBInstance\"}"));
    assert_true(covers("{\"RegionIdsScope\":\"cn-beijing,cn-hangzhou\",\"ResourceIdsScope\":\"i-1\"}"));
    assert_false(covers("{\"RegionIdsScope\":\"cn-beijing\",\"ResourceIdsScope\":\"i-1\"}"));
    assert_true(covers("{\"ResourceNameScope\":\"db,web\"}"));
    assert_false(covers("{\"ResourceNameScope\":\"Web\"}"));
    assert_false(covers("{\"ResourceGroupIdsScope\":\"rg-2\"}"));
}

static void the_tag_logic_is_what_was_given(void **state) {
    (void)state;
    static const char *const given[] = {"AND", "OR"};
    for (size_t i = 0; i < 2; i++) {
        pl_str text = pl_arena_printf(&arena, "{\"TagKeyLogicScope\":\"%s\"}", given[i]);
        engine_scope scope = scope_of(text.p);
        assert_true(pl_str_is(engine_scope_logic(&scope), given[i]));
        pl_buf out;
        pl_buf_init(&out, 64);
        engine_scope_write(&scope, &out);
        assert_true(pl_str_eq(pl_buf_str(&out), text));
        pl_buf_free(&out);
        engine_scope_set_logic(&scope, PL_STR(""));
        assert_null(engine_scope_logic(&scope).p);
    }
    engine_scope bare = scope_of("{}");
    assert_null(engine_scope_logic(&bare).p);
}

static void exclusion_wins(void **state) {
    (void)state;
    assert_false(covers("{\"ResourceIdsScope\":\"i-1\",\"ExcludeResourceIdsScope\":\"i-1\"}"));
    assert_false(covers("{\"ExcludeRegionIdsScope\":\"cn-hangzhou\"}"));
    assert_false(covers("{\"ExcludeResourceGroupIdsScope\":\"rg-1\"}"));
    assert_false(
        covers("{\"ExcludeTagsScope\":[{\"TagKey\":\"x\"},{\"TagKey\":\"env\",\"TagValue\":\"prod\"}]}"));
    assert_true(covers("{\"ExcludeTagsScope\":[{\"TagKey\":\"env\",\"TagValue\":\"test\"}],"
                       "\"TagKeyLogicScope\":\"AND\"}"));
}

static void tags_match_any_or_all(void **state) {
    (void)state;
    const char *two = "[{\"TagKey\":\"env\",\"TagValue\":\"prod\"},{\"TagKey\":\"cost\",\"TagValue\":\"1\"}]";
    assert_true(covers(pl_arena_printf(&arena, "{\"TagsScope\":%s}", two).p));
    assert_false(covers(pl_arena_printf(&arena, "{\"TagsScope\":%s,\"TagKeyLogicScope\":\"AND\"}", two).p));
    assert_true(covers("{\"TagsScope\":[{\"TagKey\":\"env\"},{\"TagKey\":\"team\",\"TagValue\":\"a\"}],"
                       "\"TagKeyLogicScope\":\"AND\"}"));
    assert_false(covers("{\"TagsScope\":[{\"TagKey\":\"env\",\"TagValue\":\"Prod\"}]}"));
    assert_true(covers("{\"TagKeyScope\":\"cost,env\",\"TagValueScope\":\"prod\"}"));
    assert_false(
        covers("{\"TagKeyScope\":\"cost,env\",\"TagValueScope\":\"prod\",\"TagKeyLogicScope\":\"AND\"}"));
}

static void a_scope_keeps_its_text(void **state) {
    (void)state;
    const char *text =
        "{\"ResourceTypesScope\":\"ACS::ECS::Instance\",\"RegionIdsScope\":\"cn-hangzhou,cn-beijing\","
        "\"FolderIdsScope\":\"fd-1\",\"TagsScope\":[{\"TagKey\":\"a\\\"b\",\"TagValue\":\"c\"}],"
        "\"TagKeyLogicScope\":\"AND\"}";
    engine_scope scope = scope_of(text), other = scope_of("{}");
    pl_buf out;
    pl_buf_init(&out, 4096);
    engine_scope_write(&scope, &out);
    assert_str(pl_buf_str(&out), text);
    pl_buf_free(&out);
    assert_true(engine_scope_equal(&scope, &scope));
    assert_false(engine_scope_equal(&scope, &other));
}

static void tags_of_records_are_matched_by_key_or_value(void **state) {
    (void)state;
    engine_tag wanted[] = {{PL_STR("env"), PL_STR("prod")}, {PL_STR("team"), PL_STR_NONE}};
    engine_tags tags = {wanted, 2};
    pl_str stored =
        PL_STR("[{\"TagKey\":\"team\",\"TagValue\":\"a\"},{\"TagKey\":\"env\",\"TagValue\":\"prod\"}]");
    bool match;
    assert_int_equal(engine_tags_match(stored, &tags, &match, &error), 0);
    assert_true(match);
    wanted[0].value = PL_STR("test");
    assert_int_equal(engine_tags_match(stored, &tags, &match, &error), 0);
    assert_false(match);
    assert_int_equal(engine_tags_match(PL_STR_NONE, &tags, &match, &error), 0);
    assert_false(match);
    assert_int_equal(engine_tags_match(PL_STR("["), &tags, &match, &error), -1);
    assert_string_equal(error.code, "InternalError");
}

static void deprecated_tag_parameters_come_in_pairs(void **state) {
    (void)state;
    engine_scope scope = scope_of("{\"ResourceTypesScope\":\"*\",\"TagKeyScope\":\"env\"}");
    assert_int_equal(engine_scope_check(&scope, true, &error), -1);
    assert_string_equal(error.code, "Invalid.TagKeyScope.Value");
    scope = scope_of("{}");
    assert_int_equal(engine_scope_check(&scope, false, &error), 0);
    assert_int_equal(engine_scope_check(&scope, true, &error), -1);
    assert_string_equal(error.code, "Invalid.ResourceTypesScope.Empty");
}

static void long_lists_hold_exactly_their_entries(void **state) {
    (void)state;
    pl_buf text;
    engine_list list;
    char entry[16];
    pl_buf_init(&text, 1 << 20);
    for (int i = 0; i < 5000; i++)
        pl_buf_printf(&text, "%si-%d", i ? "," : "", (i * 7919) % 5000 * 2);
    assert_int_equal(engine_list_parse(&arena, pl_buf_str(&text), &list, &error), 0);
    for (int i = 0; i < 10000; i++) {
        snprintf(entry, sizeof entry, "i-%d", i);
        assert_int_equal(engine_list_has(&list, pl_str_from(entry)), i % 2 == 0);
    }
    assert_true(pl_str_eq(list.text, pl_buf_str(&text)));
    pl_buf_free(&text);
}

/* All wanted keys with TagKeyLogicScope, any without. */
static void keys_match_any_or_all(void **state) {
    (void)state;
    assert_true(covers("{\"TagKeyScope\":\"none,env\",\"TagValueScope\":\"prod\"}"));
    assert_false(covers("{\"TagKeyScope\":\"none,team\",\"TagValueScope\":\"prod\"}"));
    assert_true(covers("{\"TagKeyScope\":\"env\",\"TagValueScope\":\"prod\",\"TagKeyLogicScope\":\"AND\"}"));
    assert_false(
        covers("{\"TagKeyScope\":\"env,team\",\"TagValueScope\":\"prod\",\"TagKeyLogicScope\":\"AND\"}"));
}

enum { MOST = 10000 };

static void lists_end_somewhere(void **state) {
    (void)state;
    pl_buf text;
    engine_list list;
    pl_str *items = pl_new(&arena, pl_str, MOST + 1);
    pl_buf_init(&text, 1 << 20);
    for (size_t i = 0; i <= MOST; i++) {
        items[i] = i % 2 ? PL_STR("a") : PL_STR(" ");
        pl_buf_add(&text, i ? PL_STR(",a") : PL_STR("a"));
    }
    assert_int_equal(engine_list_join(&arena, items, MOST, &list, &error), 0);
    assert_int_equal(list.count, MOST / 2); /* blanks are no entries */
    assert_int_equal(engine_list_join(&arena, items, MOST + 1, &list, &error), -1);
    assert_string_equal(error.code, "InvalidParameter");
    assert_int_equal(engine_list_parse(&arena, pl_buf_str(&text), &list, &error), -1);
    assert_string_equal(error.code, "InvalidParameter");
    pl_buf_free(&text);
}

static void names_of_lists_are_known(void **state) {
    (void)state;
    engine_scope scope = {0};
    assert_ptr_equal(engine_scope_list(&scope, PL_STR("RegionIdsScope")), &scope.region_ids);
    assert_null(engine_scope_list(&scope, PL_STR("Unknown")));
}

/* --- Without memory ---------------------------------------------------------------------------------------
 */

static void read_without_memory(void *argument) {
    pl_arena own;
    engine_scope scope;
    pl_error wrong = {0};
    pl_arena_init(&own, 0);
    int status = engine_scope_read(&own, pl_str_from(argument), &scope, &wrong);
    if (status != 0)
        assert_string_equal(wrong.code, "ServiceUnavailable");
    else
        assert_int_equal(scope.region_ids.count, 12);
    pl_arena_free(&own);
}

static void match_without_memory(void *argument) {
    engine_tag wanted = {PL_STR("env"), PL_STR("prod")};
    engine_tags tags = {&wanted, 1};
    pl_error wrong = {0};
    bool match = false;
    if (engine_tags_match(pl_str_from(argument), &tags, &match, &wrong) != 0)
        assert_string_equal(wrong.code, "ServiceUnavailable");
    else
        assert_true(match);
}

/* Scopes that could not be written are not taken for equal. */
static void compare_without_memory(void *argument) {
    bool same = engine_scope_equal(argument, argument);
    assert_true(same || pl_memory_fail_end());
}

static void without_memory_a_scope_is_told_to_fail(void **state) {
    (void)state;
    static char scope[] = "{\"RegionIdsScope\":\"a,b,c,d,e,f,g,h,i,j,k,l\",\"TagsScope\":[{\"TagKey\":\"a\","
                          "\"TagValue\":\"b\"}],\"ExcludeTagsScope\":[{\"TagKey\":\"c\"}]}";
    static char tags[] = "[{\"TagKey\":\"env\",\"TagValue\":\"prod\"}]";
    assert_true(with_failing_allocations(read_without_memory, scope) > 10);
    assert_true(with_failing_allocations(match_without_memory, tags) > 0);
    engine_scope own = scope_of(scope);
    for (long successes = 0; successes < 4; successes++) {
        pl_memory_fail_once(successes);
        compare_without_memory(&own);
        pl_memory_fail_end();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(long_lists_hold_exactly_their_entries),
        cmocka_unit_test(an_empty_scope_covers_everything),
        cmocka_unit_test(lists_are_or_within_and_and_between),
        cmocka_unit_test(the_tag_logic_is_what_was_given),
        cmocka_unit_test(exclusion_wins),
        cmocka_unit_test(tags_match_any_or_all),
        cmocka_unit_test(a_scope_keeps_its_text),
        cmocka_unit_test(tags_of_records_are_matched_by_key_or_value),
        cmocka_unit_test(deprecated_tag_parameters_come_in_pairs),
        cmocka_unit_test(keys_match_any_or_all),
        cmocka_unit_test(lists_end_somewhere),
        cmocka_unit_test(names_of_lists_are_known),
        cmocka_unit_test(without_memory_a_scope_is_told_to_fail),
    };
    return cmocka_run_group_tests(tests, open_arena, close_arena);
}
