/* What statements mean, what is refused and where, and that memory stays bounded. */
#include "support.h"

static const char *const things[] = {
    "{\"id\":\"one\",\"region\":\"r1\",\"created\":1609459200000,\"size\":10,\"name\":\"alpha\",\"on\":true,"
    "\"list\":[{\"a\":\"x\",\"b\":1},{\"a\":\"y\",\"b\":2}],\"ip\":\"10.1.2.3\",\"until\":\"2026-01-31T08:"
    "00Z\","
    "\"tags\":{\"env\":[\"prod\"],\"team\":[\"a\",\"b\"]}}",
    "{\"id\":\"two\",\"region\":\"r1\",\"created\":1609459200123,\"size\":2.50,\"name\":\"Beta\",\"on\":"
    "false,"
    "\"list\":[],\"ip\":\"192.168.7.7\",\"until\":\"2025-01-31\",\"tags\":{\"env\":[\"test\"]}}",
    "{\"id\":\"three\",\"region\":\"r2\",\"size\":\"10\",\"name\":null,\"list\":[{\"a\":\"x\",\"b\":2}],"
    "\"block\":\"10.1.0.0/16\",\"v6\":\"2001:DB8::1\",\"odd.name\":{\"in ner\":7}}",
};
enum { THINGS = sizeof things / sizeof *things };

static const search_limits roomy = {.rows = 0, .memory = 16 << 20};

static int search_for(const char *statement, bool strict, const search_limits *limits, found *out,
                      pl_error *error) {
    pl_arena arena;
    search_plan *plan;
    search_resource resources[THINGS];
    *out = (found){.count = 0};
    pl_arena_init(&arena, 64 << 20);
    pl_buf_init(&out->rows, 16 << 20);
    for (size_t i = 0; i < THINGS; i++)
        resources[i] = resource_of(&arena, things[i]);
    int result = search_compile(&arena, pl_str_from(statement), strict, &plan, error);
    if (result == 0)
        result = run_plan(plan, limits, resources, THINGS, out, error);
    pl_arena_free(&arena);
    return result;
}

static void expect(const char *statement, const char *rows) {
    found out;
    pl_error error;
    if (search_for(statement, false, &roomy, &out, &error) != 0)
        fail_msg("%s: %s", statement, error.message);
    if (!pl_str_is(pl_buf_str(&out.rows), rows))
        fail_msg("%s: got %.*s, wanted %s", statement, PL_FMT(pl_buf_str(&out.rows)), rows);
    pl_buf_free(&out.rows);
}

static void conditions_hold_as_documented(void **state) {
    (void)state;
    static const struct {
        const char *where, *rows;
    } cases[] = {
        {"size = 10", "one;three;"},
        {"size = '10.0'", "one;"},
        {"size > 2.5", "one;three;"},
        {"size >= 2.5", "one;two;three;"},
        {"size != 10", "two;"},
        {"size = 'ten'", ""},
        {"size < 1e1", "two;"},
        {"name = 'beta'", ""},
        {"NAME = 'Beta'", "two;"},
        {"name LIKE '%eta'", "two;"},
        {"name LIKE '_lpha'", "one;"},
        {"name NOT LIKE 'al%'", "two;"},
        {"name IS NULL", "three;"},
        {"name = NULL", "three;"},
        {"name <> NULL", "one;two;"},
        {"name IS NOT NULL", "one;two;"},
        {"on = true", "one;"},
        {"on = 'false'", "two;"},
        {"on != TRUE", "two;"},
        {"list.a = 'x' AND list.b = 2", "one;three;"},
        {"list.a != 'x'", "one;"},
        {"NOT list.a = 'x'", ""}, /* nothing is known of a list without elements */
        {"list.a IS NULL", "two;"},
        {"list.b BETWEEN 2 AND 3", "one;three;"},
        {"list.b NOT BETWEEN 2 AND 3", ""},
        {"region IN ('r2', 'r3') OR size IN (2.5)", "two;three;"},
        {"RegionId NOT IN ('r1')", "three;"},
        {"ip = '10.0.0.0/8'", "one;"},
        {"ip != '10.0.0.0/8'", "two;"},
        {"block = '10.0.0.0/8'", ""},
        {"block = '10.1.0.0/16'", "three;"},
        {"v6 = '2001:db8::/32'", "three;"},
        {"v6 = '2001:db8:0:0:0:0:0:1'", "three;"},
        {"until > '2026-01-01'", "one;"},
        {"until = '2026-01-31 08:00:00'", "one;"},
        {"ResourceCreationTime > '2021-01-01 00:00:00'", "two;"},
        {"ResourceCreationTime = '2021-01-01 00:00:00'", "one;"},
        {"ResourceCreationTime = 1609459200123", "two;"},
        {"ResourceCreationTime IS NULL", "three;"},
        {"Tags.Kvpair = 'team:b'", "one;"},
        {"Tags.Key = 'env' AND Tags.Value LIKE 'te%'", "two;"},
        {"`odd.name`.`in ner` = 7", "three;"},
        {"AccountId = 1001 AND ResourceDeleted = 1", "one;two;three;"},
        {"size = 10 AND (region = 'r2' OR name = 'alpha') AND NOT (on = true)", ""},
        {"not (region = 'r1' and size = 10)", "two;three;"},
        {"missing.path > 1 OR id = 'two'", "two;"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char statement[512];
        snprintf(statement, sizeof statement, "SELECT ResourceId WHERE %s", cases[i].where);
        expect(statement, cases[i].rows);
    }
}

static void rows_are_shaped_as_asked(void **state) {
    (void)state;
    expect("select list.a, tags, ResourceCreationTime",
           "[\"x\",\"y\"]|{\"env\":[\"prod\"],\"team\":[\"a\",\"b\"]}|2021-01-01 00:00:00;"
           "NULL|{\"env\":[\"test\"]}|2021-01-01 00:00:00.123;x|NULL|NULL;");
    expect("SELECT ResourceId, size ORDER BY size, ResourceId DESC", "two|2.5;one|10;three|10;");
    expect("SELECT ResourceId ORDER BY name DESC LIMIT 2", "one;two;");
    expect("SELECT ResourceId ORDER BY name", "three;two;one;");
    expect("SELECT ResourceId LIMIT 0", "");
    expect("SELECT ResourceId LIMIT 1;", "one;");
    expect("SELECT COUNT(*), COUNT(1), COUNT(name), SUM(size), AVG(size), MIN(size), MAX(name), SUM(list.b)",
           "3|3|2|22.5|7.5|2.5|alpha|5;");
    expect("SELECT SUM(missing), COUNT(missing), MAX(missing) WHERE size > 99", "NULL|0|NULL;");
    expect("SELECT region, COUNT(1) GROUP BY region ORDER BY COUNT(1) DESC", "r1|2;r2|1;");
    expect("SELECT COUNT(1) GROUP BY region ORDER BY MIN(size) DESC, region", "1;2;");
    expect("SELECT list.a, COUNT(1) GROUP BY list.a ORDER BY list.a", "NULL|1;x|2;y|1;");
    expect("SELECT RegionId, COUNT(1) WHERE size > 99 GROUP BY RegionId", "");
}

static void refuse(const char *statement, size_t position, const char *reason) {
    pl_arena arena;
    search_plan *plan;
    pl_error error = {0};
    pl_arena_init(&arena, 16 << 20);
    if (search_compile(&arena, pl_str_from(statement), true, &plan, &error) == 0)
        fail_msg("%s: accepted", statement);
    assert_string_equal(error.code, "Invalid.Sql.Value");
    if (error.position != position || !strstr(error.message, reason))
        fail_msg("%s: %zu: %s, wanted %zu: %s", statement, error.position, error.message, position, reason);
    pl_arena_free(&arena);
}

static void mistakes_are_told_where_they_are(void **state) {
    (void)state;
    refuse("", 0, "SELECT is expected");
    refuse("SELECT", 6, "a property is expected");
    refuse("SELECT DISTINCT a", 7, "DISTINCT is not supported");
    refuse("SELECT a FROM b", 9, "FROM is not supported");
    refuse("SELECT a, WHERE b = 1", 10, "a property is expected");
    refuse("SELECT a WHERE 'x' LIKE 'y'", 15, "a property is expected");
    refuse("SELECT a WHERE b", 16, "LIKE, IN or BETWEEN");
    refuse("SELECT a WHERE b = c", 19, "a constant is expected");
    refuse("SELECT a WHERE b > NULL", 19, "a constant is expected");
    refuse("SELECT a WHERE b > true", 19, "no order");
    refuse("SELECT a WHERE b LIKE 5", 22, "a text is expected");
    refuse("SELECT a WHERE b LIKE 'x%y'", 22, "wildcards may only end");
    refuse("SELECT a WHERE (b = 1", 21, ") is expected");
    refuse("SELECT a WHERE b IN ()", 21, "a constant is expected");
    refuse("SELECT a WHERE b = 'x", 19, "not closed");
    refuse("SELECT a WHERE b = 1.2.3", 19, "not a number");
    refuse("SELECT a WHERE b = 12x", 19, "not a number");
    refuse("SELECT a WHERE b == 1", 18, "a constant is expected");
    refuse("SELECT a WHERE ResourceCreationTime > 'soon'", 38, "a time");
    refuse("SELECT a WHERE b BETWEEN 1 OR 2", 27, "AND is expected");
    refuse("SELECT a..b", 7, "empty part");
    refuse("SELECT a.", 7, "empty part");
    refuse("SELECT `a", 7, "not closed");
    refuse("SELECT a`.`b", 7, "empty part");
    refuse("SELECT a ? b", 9, "no meaning");
    refuse("SELECT SUM(1)", 11, "a property is expected");
    refuse("SELECT COUNT(a, b)", 14, "one argument");
    refuse("SELECT MAX(MIN(a))", 11, "nested");
    refuse("SELECT a, COUNT(1)", 7, "GROUP BY");
    refuse("SELECT * GROUP BY RegionId", 7, "GROUP BY");
    refuse("SELECT a GROUP BY a ORDER BY b", 29, "GROUP BY");
    refuse("SELECT a ORDER BY COUNT(1)", 18, "orders groups only");
    refuse("SELECT a LIMIT -1", 15, "a number of rows");
    refuse("SELECT a LIMIT 1 OFFSET 2", 17, "OFFSET is not supported");
    refuse("SELECT a; SELECT b", 10, "does not belong");
    refuse("SELECT \xc3\xa4, \xff", 0, "UTF-8");
    refuse("SELECT a WHERE \xc3\xa4\xc3\xb6 = ?", 22, "character 21");
}

static void nesting_and_numbers_are_bounded(void **state) {
    (void)state;
    pl_buf text;
    pl_error error;
    pl_arena arena;
    search_plan *plan;
    static const struct {
        const char *before, *repeated, *behind;
        size_t allowed;
    } cases[] = {{"SELECT a WHERE ", "NOT ", "b = 1", SEARCH_DEPTH_MAX},
                 {"SELECT a WHERE b IN (0", ",1", ")", SEARCH_CONSTANTS_MAX - 1},
                 {"SELECT a", ",a", "", SEARCH_ITEMS_MAX - 1},
                 {"SELECT a", ".a", "", SEARCH_SEGMENTS_MAX - 1}};
    pl_buf_init(&text, 1 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t over = 0; over < 2; over++) {
            pl_arena_init(&arena, 16 << 20);
            pl_buf_clear(&text);
            pl_buf_add(&text, pl_str_from(cases[i].before));
            for (size_t n = 0; n < cases[i].allowed + over; n++)
                pl_buf_add(&text, pl_str_from(cases[i].repeated));
            pl_buf_add(&text, pl_str_from(cases[i].behind));
            int result = search_compile(&arena, pl_buf_str(&text), false, &plan, &error);
            if ((result == 0) != (over == 0))
                fail_msg("case %zu, %zu: %d %s", i, over, result, error.message);
            pl_arena_free(&arena);
        }
    pl_buf_free(&text);
}

static void plans_say_what_they_need(void **state) {
    (void)state;
    static const struct {
        const char *statement;
        unsigned needs;
        size_t types;
    } cases[] = {
        {"SELECT * WHERE ResourceType = 'A' AND RegionId = 'x'", 0, 1},
        {"SELECT Arn WHERE Tags.Key = 'a' AND ResourceType IN ('A', 'B')",
         SEARCH_NEEDS_ARN | SEARCH_NEEDS_TAGS, 2},
        {"SELECT b WHERE ResourceType = 'A' OR a = 1", SEARCH_NEEDS_CONFIGURATION, 0},
        {"SELECT * WHERE NOT ResourceType = 'A'", 0, 0},
        {"SELECT * WHERE ResourceType LIKE 'A'", 0, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pl_arena arena;
        search_plan *plan;
        pl_error error;
        const pl_str *types;
        pl_arena_init(&arena, 16 << 20);
        assert_int_equal(search_compile(&arena, pl_str_from(cases[i].statement), true, &plan, &error), 0);
        assert_int_equal(search_needs(plan), cases[i].needs);
        assert_int_equal(search_types(plan, &types), cases[i].types);
        pl_arena_free(&arena);
    }
}

static void memory_is_bounded(void **state) {
    (void)state;
    pl_arena arena;
    pl_error error = {0};
    search_plan *plan;
    static const char *const statements[] = {"SELECT n, text ORDER BY n", "SELECT n, COUNT(1) GROUP BY n"};
    search_limits tight = {.memory = 64 << 10};
    search_resource one;
    char json[256];
    for (size_t i = 0; i < 2; i++) {
        found out = {.count = 0};
        pl_arena_init(&arena, 64 << 20);
        pl_buf_init(&out.rows, 16 << 20);
        assert_int_equal(search_compile(&arena, pl_str_from(statements[i]), true, &plan, &error), 0);
        search_run *run = search_run_new(plan, &tight, take_row, &out);
        int result = 0;
        for (int n = 0; n < 10000 && result == 0; n++) {
            snprintf(json, sizeof json, "{\"n\":%d,\"text\":\"%0100d\"}", n, n);
            one = resource_of(&arena, json);
            result = search_add(run, &one, &error);
        }
        assert_int_equal(result, -1);
        assert_string_equal(error.code, "Invalid.Sql.Value");
        search_run_free(run);
        pl_buf_free(&out.rows);
        pl_arena_free(&arena);
    }
}

/* The best few of many need the memory of a few. */
static void a_limit_bounds_the_memory(void **state) {
    (void)state;
    pl_arena arena;
    pl_error error = {0};
    search_plan *plan;
    search_limits tight = {.memory = 4 << 20};
    found out = {.count = 0};
    char json[4096];
    pl_arena_init(&arena, 256 << 20);
    pl_buf_init(&out.rows, 16 << 20);
    assert_int_equal(
        search_compile(&arena, PL_STR("SELECT n, text ORDER BY n DESC LIMIT 3"), true, &plan, &error), 0);
    search_run *run = search_run_new(plan, &tight, take_row, &out);
    for (int n = 0; n < 10000; n++) {
        pl_arena row;
        pl_arena_init(&row, 16 << 20);
        snprintf(json, sizeof json, "{\"n\":%d,\"text\":\"%0100d\"}", n * 7919 % 10007, 0);
        search_resource one = resource_of(&row, json);
        assert_int_equal(search_add(run, &one, &error), 0);
        pl_arena_free(&row);
    }
    assert_int_equal(search_end(run, &error), 0);
    assert_int_equal(out.count, 3);
    assert_true(pl_str_starts(pl_buf_str(&out.rows), PL_STR("10006|")));
    search_run_free(run);
    pl_buf_free(&out.rows);
    pl_arena_free(&arena);
}

/* Wherever the property is asked for, a resource with too many values of it is named; the last may be looked
 * at. */
static void values_of_a_property_are_bounded(void **state) {
    (void)state;
    static const char *const statements[] = {"SELECT ResourceId WHERE list = 7", "SELECT list",
                                             "SELECT COUNT(1) GROUP BY list", "SELECT SUM(list)",
                                             "SELECT ResourceId ORDER BY list"};
    static char json[2 * 100001 + 64];
    search_limits limits = {.memory = 64 << 20};
    pl_error error = {0};
    for (size_t i = 0; i < 2 * sizeof statements / sizeof *statements; i++) {
        bool over = i % 2;
        pl_arena arena;
        search_plan *plan;
        found out = {.count = 0};
        int n = snprintf(json, sizeof json, "{\"id\":\"large\",\"list\":[1");
        for (int value = 1; value < 100000 + over; value++)
            n += snprintf(json + n, sizeof json - (size_t)n, ",1");
        snprintf(json + n, sizeof json - (size_t)n, "]}");
        pl_arena_init(&arena, 64 << 20);
        pl_buf_init(&out.rows, 16 << 20);
        assert_int_equal(search_compile(&arena, pl_str_from(statements[i / 2]), false, &plan, &error), 0);
        search_run *run = search_run_new(plan, &limits, take_row, &out);
        search_resource one = resource_of(&arena, json);
        assert_int_equal(search_add(run, &one, &error), over ? -1 : 0);
        if (over) {
            assert_string_equal(error.code, "Invalid.Sql.Value");
            assert_non_null(strstr(error.message, "resource large has more than 100000 values"));
        }
        search_run_free(run);
        pl_buf_free(&out.rows);
        pl_arena_free(&arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_hold_as_documented),
        cmocka_unit_test(rows_are_shaped_as_asked),
        cmocka_unit_test(mistakes_are_told_where_they_are),
        cmocka_unit_test(nesting_and_numbers_are_bounded),
        cmocka_unit_test(plans_say_what_they_need),
        cmocka_unit_test(memory_is_bounded),
        cmocka_unit_test(a_limit_bounds_the_memory),
        cmocka_unit_test(values_of_a_property_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
