/*
 * Lines of a check: what a scan takes from the text, what it refuses, and that over random and damaged lines
 * it never says anything else than the parser.
 */
#include "support/testing.h"

#include "base/memory.h"
#include "cli/check_line.h"
#include "json/scalar.h"

#include <stdio.h>

enum { LINE = 2048, ROUNDS = 60000 };

typedef struct fixture {
    pl_json_parser *parser, *other;
    pl_arena arena;
    check_shape shape;
    char *text; /* of the current line, with nothing readable behind its padding */
} fixture;

/* What became of a line. */
typedef struct seen {
    check_found found;
    check_line line;
    pl_str configuration; /* its text, or absent */
} seen;

static int begin(void **state) {
    fixture *f = pl_calloc(1, sizeof *f);
    f->parser = pl_json_parser_new(1 << 16);
    f->other = pl_json_parser_new(1 << 16);
    pl_arena_init(&f->arena, 0);
    *state = f;
    return f->parser && f->other ? 0 : -1;
}

static int end(void **state) {
    fixture *f = *state;
    pl_json_parser_free(f->parser);
    pl_json_parser_free(f->other);
    pl_arena_free(&f->arena);
    pl_free(f->text);
    pl_free(f);
    return 0;
}

/* Behind the line stands what could be taken for more of it. */
static pl_str place(fixture *f, pl_str line) {
    static const char behind[] = "\"}]}, \"resourceId\":\"behind\"}";
    pl_free(f->text);
    f->text = pl_calloc(1, line.n + PL_JSON_PADDING);
    memcpy(f->text, line.p, line.n);
    memcpy(f->text + line.n, behind, sizeof behind);
    return pl_str_of(f->text, line.n);
}

/* As check does, with the configuration taken as a whole. */
static seen scan_with(fixture *f, check_shape *shape, pl_str text) {
    seen out = {.line = check_line_new(1)};
    check_scan scan = check_scan_begin(f->parser, shape, text);
    out.found = check_scan_members(&scan, &out.line);
    while (out.found == CHECK_CONFIGURATION) {
        const uint8_t *behind = pl_json_skip_value(f->parser, scan.at, scan.end);
        if (behind && behind <= scan.end)
            out.configuration = pl_str_of((const char *)scan.at, (size_t)(behind - scan.at));
        out.found = check_scan_behind(&scan, behind, &out.line);
    }
    return out;
}

static seen scan(fixture *f, const char *line) {
    return scan_with(f, &f->shape, place(f, pl_str_from(line)));
}

static void refused(fixture *f, const char *line) {
    if (scan(f, line).found != CHECK_REFUSED)
        fail_msg("accepted: %s", line);
}

/* --- What is taken */

static void members_are_taken_in_any_order_and_spelling(void **state) {
    fixture *f = *state;
    seen s = scan(f, "{\"resourceType\":\"T\",\"resourceId\":\"i-1\",\"accountId\":\"7\",\"regionId\":\"r\","
                     "\"terraformAddress\":\"a.b\",\"configuration\":{\"A\":[1,{}]}}");
    assert_int_equal(s.found, CHECK_END);
    assert_str(s.line.type, "T");
    assert_str(s.line.id, "i-1");
    assert_str(s.line.account, "7");
    assert_str(s.line.region, "r");
    assert_str(s.line.address, "a.b");
    assert_str(s.configuration, "{\"A\":[1,{}]}");
    s = scan(f, " { \"Configuration\" : \"{}\" , \"Region\" : \"r2\",\t\"ResourceId\": \"i-2\" ,"
                "\"ResourceType\":\"U\" } \r");
    assert_int_equal(s.found, CHECK_END);
    assert_str(s.line.type, "U");
    assert_str(s.line.id, "i-2");
    assert_str(s.line.region, "r2");
    assert_str(s.configuration, "\"{}\"");
}

static void missing_members_are_empty_and_the_address_is_absent(void **state) {
    fixture *f = *state;
    seen s = scan(f, "{\"resourceType\":\"T\"}");
    assert_int_equal(s.found, CHECK_END);
    assert_str(s.line.id, "");
    assert_str(s.line.account, "");
    assert_str(s.line.region, "");
    assert_non_null(s.line.id.p);
    assert_null(s.line.address.p);
    assert_null(s.configuration.p);
}

static void unknown_members_are_passed_over_whatever_they_hold(void **state) {
    fixture *f = *state;
    seen s = scan(f, "{\"tags\":{\"resourceType\":\"inner\",\"l\":[[],{\"x\":null}]},\"n\":-1.5e3,\"t\":true,"
                     "\"resourceTypes\":\"no\",\"\":\"\",\"e\":\"\\u0041\\\"\",\"resourceType\":\"T\"}");
    assert_int_equal(s.found, CHECK_REFUSED); /* exponents are the parser's */
    s = scan(f, "{\"tags\":{\"resourceType\":\"inner\",\"l\":[[],{\"x\":null}]},\"n\":-15,\"t\":true,"
                "\"resourceTypes\":\"no\",\"\":\"\",\"e\":\"\\u0041\\\"\",\"resourceType\":\"T\"}");
    assert_int_equal(s.found, CHECK_END);
    assert_str(s.line.type, "T");
}

static void a_text_is_a_view_of_the_line_with_its_quotes(void **state) {
    fixture *f = *state;
    const char *name = "a name that is longer than a glance, with \xc3\xbc in it";
    char line[256];
    snprintf(line, sizeof line, "{\"resourceType\":\"T\",\"resourceId\":\"%s\"}", name);
    seen s = scan(f, line);
    assert_int_equal(s.found, CHECK_END);
    assert_str(s.line.id, name);
    assert_true(s.line.scanned);
    assert_true(s.line.id.p > f->text && s.line.id.p < f->text + strlen(line));
    assert_int_equal(s.line.id.p[-1], '"');
    assert_int_equal(s.line.id.p[s.line.id.n], '"');
}

/* --- What is refused */

static void what_is_no_plain_text_is_left_to_the_parser(void **state) {
    fixture *f = *state;
    refused(f, "{\"resourceType\":\"T\\u0041\"}");
    refused(f, "{\"resourceType\":\"T\",\"resourceId\":\"a\\/b\"}");
    refused(f, "{\"resource\\u0054ype\":\"T\"}");
    refused(f, "{\"resourceType\":\"T\",\"accountId\":7}");
    refused(f, "{\"resourceType\":null}");
    refused(f, "{\"resourceType\":[\"T\"]}");
}

static void members_that_occur_twice_are_left_to_the_parser(void **state) {
    fixture *f = *state;
    refused(f, "{\"resourceType\":\"T\",\"resourceType\":\"U\"}");
    refused(f, "{\"resourceType\":\"T\",\"ResourceType\":\"U\"}");
    refused(f, "{\"resourceType\":\"T\",\"regionId\":\"a\",\"region\":\"b\"}");
    refused(f, "{\"configuration\":{},\"resourceType\":\"T\",\"configuration\":{}}");
    assert_int_equal(scan(f, "{\"resourceType\":\"T\",\"other\":1,\"other\":2}").found, CHECK_END);
}

static void damaged_lines_are_refused(void **state) {
    static const char *const lines[] = {"",
                                        " ",
                                        "{",
                                        "{}",
                                        "[]",
                                        "\"text\"",
                                        "{,}",
                                        "{\"a\"}",
                                        "{\"a\":}",
                                        "{\"a\":1",
                                        "{\"a\":1,}",
                                        "{\"a\":1}}",
                                        "{\"a\" 1}",
                                        "{a:1}",
                                        "{\"a\":1 \"b\":2}",
                                        "{\"a\":tru}",
                                        "{\"a\":01}",
                                        "{\"a\":1}x",
                                        ",\"a\":1}",
                                        "{\"a\":\"\x01\"}",
                                        "{\"a\":\"\xff\"}",
                                        "{\"a\":\"\\x\"}",
                                        "{\"a\":{\"b\":}}",
                                        "{\"a\":[1,]}",
                                        "{\"resourceType\":\"T",
                                        "{\"resourceType\":\"T\"",
                                        "{\"resourceType\":",
                                        "{\"resourceType\"",
                                        "{\"resourceType\":\"T\",",
                                        "{\"configuration\":{}",
                                        "{\"configuration\":",
                                        "{\"configuration\":{},",
                                        "{\"configuration\":{}}}",
                                        "{\"configuration\":{} \"a\":1}"};
    fixture *f = *state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        refused(f, lines[i]);
}

/* A step that is known from lines before says nothing about what stands behind it. */
static void known_lines_are_proven_like_new_ones(void **state) {
    fixture *f = *state;
    for (int i = 0; i < 3; i++)
        assert_int_equal(scan(f, "{\"resourceType\":\"T\",\"resourceId\":\"i\",\"tags\":{}}").found,
                         CHECK_END);
    refused(f, "{\"resourceType\":\"T\",\"resourceId\":\"i\",\"tags\":}");
    refused(f, "{\"resourceType\":\"T\",\"resourceId\":");
    refused(f, "{\"resourceType\":\"T\",\"resourceId\":\"i\",\"ta");
    refused(f, "{\"resourceType\":\"T\",\"resourceId\":\"i\" x,\"tags\":{}}");
    seen s = scan(f, "{\"resourceType\":\"T\",\"resourceId\":  \"j\" ,\"tags\":{}}");
    assert_int_equal(s.found, CHECK_END);
    assert_str(s.line.id, "j");
    s = scan(f, "{\"resourceId\":\"k\",\"resourceType\":\"U\"}");
    assert_int_equal(s.found, CHECK_END);
    assert_str(s.line.id, "k");
    assert_str(s.line.type, "U");
}

static void lines_may_have_more_members_than_are_remembered(void **state) {
    fixture *f = *state;
    char line[LINE];
    size_t n = (size_t)snprintf(line, sizeof line, "{");
    for (int i = 0; i < 3 * CHECK_STEPS; i++)
        n +=
            (size_t)snprintf(line + n, sizeof line - n, "\"a member with a long name, number %d\":%d,", i, i);
    snprintf(line + n, sizeof line - n, "\"resourceType\":\"T\"}");
    for (int i = 0; i < 2; i++) {
        seen s = scan(f, line);
        assert_int_equal(s.found, CHECK_END);
        assert_str(s.line.type, "T");
    }
}

/* --- Against the parser */

typedef struct dice {
    uint64_t state;
} dice;

static size_t roll(dice *d, size_t sides) {
    d->state ^= d->state << 13;
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return (size_t)(d->state >> 20) % sides;
}

#define PICK(dice, list) ((list)[roll((dice), sizeof(list) / sizeof *(list))])

static const char *random_key(dice *d) {
    static const char *const keys[] = {"resourceType",
                                       "resourceId",
                                       "accountId",
                                       "regionId",
                                       "region",
                                       "configuration",
                                       "terraformAddress",
                                       "ResourceType",
                                       "ResourceId",
                                       "Configuration",
                                       "tags",
                                       "resourceName",
                                       "captureTime",
                                       "x",
                                       "a key of more than thirty-two bytes here",
                                       "\\u0072egion",
                                       ""};
    return PICK(d, keys);
}

static const char *random_value(dice *d) {
    static const char *const values[] = {"\"T\"",
                                         "\"ACS::ECS::Instance\"",
                                         "\"i-bp1000000000001\"",
                                         "\"\"",
                                         "\"\xc3\xa9t\xc3\xa9\"",
                                         "{}",
                                         "\"a text of more than thirty-two bytes, as they come\"",
                                         "{\"A\":{\"B\":[1,2.5,\"c\"]},\"D\":null}",
                                         "\"es\\\"caped\"",
                                         "12345",
                                         "-1",
                                         "1e3",
                                         "123456789012345678901234567890",
                                         "true",
                                         "null",
                                         "[]",
                                         "[{\"k\":\"v\"},[]]",
                                         "{ \"spaced\" : [ 1 , 2 ] }",
                                         "\"{\\\"Inner\\\":1}\""};
    return PICK(d, values);
}

static const char *random_text(dice *d) {
    static const char *const texts[] = {"\"T\"", "\"\"", "\"i-bp1000000000001\"", "\"\xc3\xa9t\xc3\xa9\"",
                                        "\"a text of more than thirty-two bytes, as they come\""};
    return PICK(d, texts);
}

static const char *random_blank(dice *d) {
    static const char *const blanks[] = {"", "", "", "", "", "", " ", "\t", "  "};
    return PICK(d, blanks);
}

/* Mostly the members that lines have, in their order. */
static size_t make_line(dice *d, char line[static LINE]) {
    static const char *const usual[] = {"accountId", "resourceType", "resourceId",
                                        "regionId",  "tags",         "configuration"};
    size_t n = (size_t)snprintf(line, LINE, "{"), members = roll(d, 8), plain = roll(d, 3);
    for (size_t i = 0; i < members; i++) {
        const char *key = plain && i < 6 ? usual[i] : random_key(d);
        const char *value = plain && i < 4 ? random_text(d) : random_value(d);
        n += (size_t)snprintf(line + n, LINE - n, "%s%s\"%s\"%s:%s%s%s", i ? "," : "", random_blank(d), key,
                              random_blank(d), random_blank(d), value, random_blank(d));
    }
    return n + (size_t)snprintf(line + n, LINE - n, "}");
}

static size_t damage(dice *d, char *line, size_t n) {
    static const char bytes[] = "{}[]\",:\\ 0a\x01\xc3\n-";
    size_t at = roll(d, n);
    switch (roll(d, 4)) {
    case 0: line[at] = bytes[roll(d, sizeof bytes - 1)]; return n;
    case 1: memmove(line + at, line + at + 1, n - at - 1); return n - 1;
    case 2: return at;
    default:
        memmove(line + at + 1, line + at, n - at);
        line[at] = bytes[roll(d, sizeof bytes - 1)];
        return n + 1;
    }
}

static void same_text(pl_str scanned, pl_str parsed, pl_str line) {
    if (!pl_str_eq(scanned, parsed))
        fail_msg("%.*s: \"%.*s\" is \"%.*s\"", PL_FMT(line), PL_FMT(scanned), PL_FMT(parsed));
}

/* What a scan accepts, the parser accepts, with the same texts and the same configuration. */
static void compare_with_parser(fixture *f, const seen *s, pl_str text) {
    pl_json root, configuration;
    pl_error error;
    check_line line = check_line_new(1);
    pl_arena_reset(&f->arena);
    if (pl_json_parse_padded(f->parser, text, &root, &error) != 0 || !pl_json_is_object(root))
        fail_msg("accepted: %.*s", PL_FMT(text));
    check_line_read(&line, root, &f->arena);
    same_text(s->line.type, line.type, text);
    same_text(s->line.id, line.id, text);
    same_text(s->line.account, line.account, text);
    same_text(s->line.region, line.region, text);
    same_text(s->line.address, line.address, text);
    assert_int_equal(pl_json_exists(line.configuration), s->configuration.p != NULL);
    if (!s->configuration.p)
        return;
    assert_int_equal(pl_json_parse(f->other, s->configuration, &configuration, &error), 0);
    assert_true(pl_json_equal(configuration, line.configuration));
}

static void a_scan_says_what_the_parser_says(void **state) {
    fixture *f = *state;
    dice d = {88172645463325252ULL};
    size_t accepted = 0;
    for (size_t i = 0; i < ROUNDS; i++) {
        char bytes[LINE + 8];
        size_t n = make_line(&d, bytes);
        if (roll(&d, 3) == 0)
            n = damage(&d, bytes, n);
        pl_str text = place(f, pl_str_of(bytes, n));
        check_shape fresh = {0};
        seen known = scan_with(f, &f->shape, text), new = scan_with(f, &fresh, text);
        assert_int_equal(known.found, new.found); /* what former lines looked like changes nothing */
        if (known.found != CHECK_END)
            continue;
        accepted++;
        compare_with_parser(f, &known, text);
        compare_with_parser(f, &new, text);
    }
    assert_true(accepted > ROUNDS / 10);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(members_are_taken_in_any_order_and_spelling, begin, end),
        cmocka_unit_test_setup_teardown(missing_members_are_empty_and_the_address_is_absent, begin, end),
        cmocka_unit_test_setup_teardown(unknown_members_are_passed_over_whatever_they_hold, begin, end),
        cmocka_unit_test_setup_teardown(a_text_is_a_view_of_the_line_with_its_quotes, begin, end),
        cmocka_unit_test_setup_teardown(what_is_no_plain_text_is_left_to_the_parser, begin, end),
        cmocka_unit_test_setup_teardown(members_that_occur_twice_are_left_to_the_parser, begin, end),
        cmocka_unit_test_setup_teardown(damaged_lines_are_refused, begin, end),
        cmocka_unit_test_setup_teardown(known_lines_are_proven_like_new_ones, begin, end),
        cmocka_unit_test_setup_teardown(lines_may_have_more_members_than_are_remembered, begin, end),
        cmocka_unit_test_setup_teardown(a_scan_says_what_the_parser_says, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
