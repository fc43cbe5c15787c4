/* The decision cases of cases.json and cases-more.json, each through parser, compiler and decision, and the
 * form of case files. */
#include "support/testing.h"

#include "policy/cases.h"
#include "json/parser.h"

#include <stdio.h>

typedef struct tally {
    size_t passed, failed;
    pl_str last;
} tally;

static void count(void *context, const pl_case_result *result) {
    tally *t = context;
    t->passed += result->passed;
    t->failed += !result->passed;
    if (!result->passed)
        print_error("%.*s: wanted %.*s, got %.*s\n", PL_FMT(result->id),
                    PL_FMT(pl_ruling_name(result->expected)),
                    PL_FMT(pl_ruling_name(result->decision->verdict)));
}

static pl_str read_file(pl_arena *arena, const char *path) {
    enum { MOST = 1 << 20 };
    FILE *file = fopen(path, "rb");
    char *bytes = pl_arena_alloc(arena, MOST);
    assert_non_null(file);
    assert_non_null(bytes);
    size_t n = fread(bytes, 1, MOST, file);
    fclose(file);
    return pl_str_of(bytes, n);
}

static void decide_file(const char *path, size_t cases_in_it) {
    pl_arena arena;
    pl_error error = {0};
    pl_json cases;
    tally t = {0};
    pl_arena_init(&arena, 16 << 20);
    pl_str text = read_file(&arena, path);
    if (pl_json_parse_in(&arena, text, &cases, &error) != 0 || pl_cases_run(cases, count, &t, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(t.failed, 0);
    assert_int_equal(t.passed, cases_in_it);
    pl_arena_free(&arena);
}

static void every_case_is_decided_as_written(void **state) {
    (void)state;
    decide_file(PL_SOURCE_DIR "/tests/policy/cases.json", 227);
    decide_file(PL_SOURCE_DIR "/tests/policy/cases-more.json", 310);
}

static void a_bad_case_file_is_refused_with_its_path(void **state) {
    (void)state;
    static const char request[] =
        "\"request\":{\"action\":\"a:b\",\"resource\":\"*\",\"principal\":{\"type\":\"RAMUser\","
        "\"arn\":\"x\",\"account_id\":\"1\",\"account_role\":\"member\"}}";
    static const struct {
        const char *text, *path;
    } cases[] = {
        {"{}", "$"},
        {"[{}]", "$[0]"},
        {"[{\"id\":\"a\",\"expect\":\"Maybe\"}]", "$[0].expect"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\"}]", "$[0]"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"identity_policies\":{},@}]", "$[0].identity_policies"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"identity_policies\":[{}],@}]", "$[0].identity_policies"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"control_policies\":[[],7],@}]", "$[0].control_policies[1]"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"request\":{\"principal\":{}}}]", "$[0].request"},
        {"{\"id\":7}", "$"},
        {"[{\"id\":\"a\",\"expect\":7}]", "$[0].expect"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"control_policies\":7,@}]", "$[0].control_policies"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"trust_policy\":[],@}]", "$[0].trust_policy"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"trust_policy\":{},@}]", "$[0].trust_policy"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"request\":7}]", "$[0]"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"request\":{\"action\":\"a:b\",\"resource\":\"*\"}}]",
         "$[0].request"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"request\":{\"resource\":\"*\",\"principal\":{\"type\":"
         "\"RAMUser\",\"arn\":\"x\",\"account_id\":\"1\",\"account_role\":\"member\"}}}]",
         "$[0].request"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"request\":{\"action\":\"a:b\",\"resource\":7,\"principal\":{"
         "\"type\":\"RAMUser\",\"arn\":\"x\",\"account_id\":\"1\",\"account_role\":\"member\"}}}]",
         "$[0].request.resource"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"request\":{\"action\":\"a:b\",\"resource\":\"*\","
         "\"principal\":{\"type\":\"Nobody\",\"arn\":\"x\",\"account_id\":\"1\",\"account_role\":\"member\"}}"
         "}]",
         "$[0].request.principal.type"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"request\":{\"action\":\"a:b\",\"resource\":\"*\","
         "\"principal\":{\"type\":\"RAMUser\",\"arn\":\"x\",\"account_id\":\"1\"}}}]",
         "$[0].request.principal"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"request\":{\"action\":\"a:b\",\"resource\":\"*\","
         "\"principal\":{\"type\":\"RAMUser\",\"arn\":\"x\",\"account_id\":1,\"account_role\":\"member\"}}}]",
         "$[0].request.principal.account_id"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"request\":{\"action\":\"a:b\",\"resource\":\"*\","
         "\"principal\":{\"type\":\"RAMUser\",\"account_id\":\"1\",\"account_role\":\"member\"}}}]",
         "$[0].request.principal"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"request\":{\"action\":\"a:b\",\"resource\":\"*\","
         "\"principal\":{\"type\":\"RAMUser\",\"arn\":\"x\",\"account_id\":\"1\",\"account_role\":\"member\"}"
         ",\"context\":7}}]",
         "$[0].request.context"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"request\":{\"action\":\"a:b\",\"resource\":\"*\","
         "\"principal\":{\"type\":\"RAMUser\",\"arn\":\"x\",\"account_id\":\"1\",\"account_role\":\"member\"}"
         ",\"context\":{\"k\":null}}}]",
         "$[0].request.context"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"request\":{\"action\":\"a:b\",\"resource\":\"*\","
         "\"principal\":{\"type\":\"RAMUser\",\"arn\":\"x\",\"account_id\":\"1\",\"account_role\":\"member\"}"
         ",\"context\":{\"k\":[\"v\",[\"w\"]]}}}]",
         "$[0].request.context"},
        {"[{\"id\":\"a\",\"expect\":\"Allow\",\"request\":{\"action\":\"a:b\",\"resource\":\"*\","
         "\"principal\":{\"type\":\"RAMUser\",\"arn\":\"x\",\"account_id\":\"1\",\"account_role\":\"member\"}"
         ",\"context\":{\"k\":{\"v\":1}}}}]",
         "$[0].request.context"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pl_arena arena;
        pl_error error = {0};
        pl_json root;
        tally t = {0};
        pl_arena_init(&arena, 1 << 20);
        pl_str before =
            pl_str_head(pl_str_from(cases[i].text), pl_str_find_char(pl_str_from(cases[i].text), '@'));
        bool whole = before.n == strlen(cases[i].text);
        pl_str text = pl_arena_printf(&arena, "%.*s%s%s", PL_FMT(before), whole ? "" : request,
                                      whole ? "" : cases[i].text + before.n + 1);
        assert_int_equal(pl_json_parse_in(&arena, text, &root, &error), 0);
        assert_int_equal(pl_cases_run(root, count, &t, &error), -1);
        assert_string_equal(error.code, "InvalidParameter");
        pl_str message = pl_str_from(error.message),
               wanted = pl_arena_printf(&arena, " at %s", cases[i].path);
        if (!pl_str_ends(message, wanted))
            fail_msg("\"%s\" does not end in \"%s\"", error.message, cases[i].path);
        assert_int_equal(t.passed + t.failed, 0);
        pl_arena_free(&arena);
    }
}

/* `count` times `unit`, joined by commas, as a JSON array. */
static pl_json list_of(pl_arena *arena, const char *unit, size_t count_of_units, size_t most) {
    pl_error error = {0};
    pl_json root = PL_JSON_NONE;
    pl_buf text;
    pl_buf_init(&text, most);
    for (size_t i = 0; i < count_of_units; i++)
        pl_buf_printf(&text, "%s%s", i ? "," : "[", unit);
    pl_buf_add_char(&text, ']');
    assert_int_equal(pl_json_parse_in(arena, pl_buf_str(&text), &root, &error), 0);
    pl_buf_free(&text);
    return root;
}

static void more_cases_than_allowed_are_refused(void **state) {
    (void)state;
    pl_arena arena;
    pl_error error = {0};
    tally t = {0};
    pl_arena_init(&arena, 16 << 20);
    assert_int_equal(pl_cases_run(list_of(&arena, "0", PL_CASES_MAX + 1, 1 << 20), count, &t, &error), -1);
    assert_string_equal(error.message, "a list of at most 100000 cases is wanted at $");
    assert_int_equal(t.passed + t.failed, 0);
    pl_arena_free(&arena);
}

#define ASKED(action)                                                                                        \
    "\"request\":{\"action\":\"" action "\",\"resource\":\"acs:x:\",\"principal\":{\"type\":\"RAMUser\","    \
    "\"arn\":\"acs:ram::1:user/a\",\"account_id\":\"1\",\"account_role\":\"member\"}}"

static void keep_result(void *context, const pl_case_result *result) {
    pl_case_result *kept = context;
    *kept = *result;
    kept->decision = NULL;
    kept->group = pl_str_eq(result->group, PL_STR("")) ? PL_STR("") : PL_STR("some");
    assert_non_null(result->group.p);
}

/* Denied because it cannot be decided is not the denial that the case asks for. */
static void a_request_that_cannot_be_decided_passes_no_case(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool passed;
    } cases[] = {{"[{\"id\":\"a\",\"expect\":\"ImplicitDeny\"," ASKED("ecs:") "}]", false},
                 {"[{\"id\":\"a\",\"expect\":\"Allow\"," ASKED("ecs:") "}]", false},
                 {"[{\"id\":\"a\",\"expect\":\"ImplicitDeny\"," ASKED("ecs:Start") "}]", true},
                 {"[{\"id\":\"a\",\"expect\":\"Allow\"," ASKED("ecs:Start") "}]", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pl_arena arena;
        pl_error error = {0};
        pl_json root;
        pl_case_result kept = {.passed = !cases[i].passed, .group = PL_STR("none")};
        pl_arena_init(&arena, 1 << 20);
        assert_int_equal(pl_json_parse_in(&arena, pl_str_from(cases[i].text), &root, &error), 0);
        assert_int_equal(pl_cases_run(root, keep_result, &kept, &error), 0);
        assert_int_equal(kept.passed, cases[i].passed);
        assert_str(kept.group, "");
        pl_arena_free(&arena);
    }
}

static void levels_and_values_have_limits(void **state) {
    (void)state;
    pl_arena arena;
    pl_arena_init(&arena, 16 << 20);
    static char value[PL_REQUEST_MAX_VALUE * 16 + 2];
    memset(value, 'v', sizeof value - 1);
    pl_str levels =
        pl_arena_printf(&arena, "[{\"id\":\"a\",\"expect\":\"ImplicitDeny\",\"control_policies\":");
    for (size_t over = 0; over < 2; over++) {
        pl_error error = {0};
        pl_case_result kept = {.passed = false};
        pl_json root;
        pl_buf text;
        pl_buf_init(&text, 1 << 20);
        pl_buf_add(&text, levels);
        pl_json_write(&text, list_of(&arena, "[]", PL_DECISION_MAX_LEVELS + over, 1000));
        pl_buf_add(&text, PL_STR("," ASKED("a:b") "}]"));
        assert_int_equal(pl_json_parse_in(&arena, pl_buf_str(&text), &root, &error), 0);
        assert_int_equal(pl_cases_run(root, keep_result, &kept, &error), over ? -1 : 0);
        assert_int_equal(kept.passed, !over);
        pl_buf_free(&text);

        const pl_context_entry *entries;
        size_t entry_count;
        pl_str context = pl_arena_printf(&arena, "{\"k\":\"%s\"}", value + 1 - over);
        assert_int_equal(pl_json_parse_in(&arena, context, &root, &error), 0);
        assert_int_equal(pl_context_from_json(&arena, root, &entries, &entry_count, &error), over ? -1 : 0);
    }
    pl_arena_free(&arena);
}

static void a_key_is_added_unless_the_context_has_it(void **state) {
    (void)state;
    pl_arena arena;
    pl_error error = {0};
    const pl_context_entry *entries = NULL;
    size_t n = 0;
    pl_arena_init(&arena, 1 << 20);
    assert_int_equal(pl_context_add(&arena, &entries, &n, PL_STR("acs:Key"), PL_STR("v"), &error), 0);
    assert_int_equal(pl_context_add(&arena, &entries, &n, PL_STR("ACS:key"), PL_STR("w"), &error), 0);
    assert_int_equal(n, 1);
    assert_str(entries[0].values[0], "v");
    assert_int_equal(pl_context_add(&arena, &entries, &n, PL_STR("acs:Other"), PL_STR("w"), &error), 0);
    assert_int_equal(n, 2);
    assert_str(entries[0].key, "acs:Key");
    assert_str(entries[1].values[0], "w");
    pl_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_decided_as_written),
        cmocka_unit_test(a_bad_case_file_is_refused_with_its_path),
        cmocka_unit_test(more_cases_than_allowed_are_refused),
        cmocka_unit_test(a_request_that_cannot_be_decided_passes_no_case),
        cmocka_unit_test(levels_and_values_have_limits),
        cmocka_unit_test(a_key_is_added_unless_the_context_has_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
