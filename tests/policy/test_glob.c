/* Wildcards against an obvious recursive matcher, hostile patterns, and the two relations of the linter. */
#include "support/testing.h"

#include "base/clock.h"
#include "base/random.h"
#include "policy/glob.h"

static bool continues(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

/* Exponential, and plainly right. */
static bool slow_match(const char *pattern, const char *text) {
    if (*pattern == 0)
        return *text == 0;
    if (*pattern == '*')
        return slow_match(pattern + 1, text) || (*text && slow_match(pattern, text + 1));
    if (*text == 0 || (*pattern != '?' && *pattern != *text))
        return false;
    if (*pattern++ != '?')
        return slow_match(pattern, text + 1);
    for (text++; continues(*text);)
        text++;
    return slow_match(pattern, text);
}

static bool match(const char *pattern, const char *text) {
    pl_glob glob = pl_glob_of(pl_str_from(pattern));
    return pl_glob_match(&glob, pl_str_from(text));
}

/* `count` symbols drawn from the list. */
static void draw(const pl_random *random, const char *const *symbols, size_t kinds, size_t most, char *out) {
    unsigned char bytes[32];
    assert_int_equal(pl_random_fill(random, bytes, sizeof bytes), 0);
    *out = 0;
    for (size_t i = 0, n = bytes[0] % (most + 1); i < n; i++)
        strcat(out, symbols[bytes[i + 1] % kinds]);
}

static void every_answer_is_the_obvious_one(void **state) {
    (void)state;
    static const char *const wild[] = {"a", "b", "*", "?", "\xc3\xa9", "*"};
    static const char *const plain[] = {"a", "b", "\xc3\xa9", "a", "\xe4\xb8\xad"};
    uint64_t seed = 7;
    pl_random random = pl_random_sequence(&seed);
    size_t hits = 0;
    for (int i = 0; i < 200000; i++) {
        char pattern[128], text[128];
        draw(&random, wild, 6, 9, pattern);
        draw(&random, plain, 5, 10, text);
        bool expected = slow_match(pattern, text);
        if (match(pattern, text) != expected)
            fail_msg("\"%s\" on \"%s\": wanted %d", pattern, text, expected);
        hits += expected;
    }
    assert_in_range(hits, 20000, 180000);
}

static void long_parts_with_question_marks_are_found(void **state) {
    (void)state;
    char pattern[512], text[1024];
    for (size_t length = 1; length < 300; length += 7) {
        memset(text, 'x', 900);
        text[900] = 0;
        memset(text + 400, 'a', length);
        text[400 + length - 1] = 'b';
        memset(pattern, 0, sizeof pattern);
        memset(pattern + 1, 'a', length);
        pattern[0] = '*';
        pattern[1 + length / 2] = '?';
        pattern[length] = 'b';
        pattern[1 + length] = '*';
        assert_true(match(pattern, text));
        text[400 + length - 1] = 'c';
        assert_false(match(pattern, text));
    }
}

/* Requests may bring bytes that are no UTF-8: behind a letter they do not hide it. */
static void stray_bytes_hide_no_letter(void **state) {
    (void)state;
    assert_true(match("*?a*", "xa\x80"));
    assert_true(match("*?a*", "xa\x80\x80"));
    assert_false(match("*?a*", "a\x80"));
    assert_false(match("*?a", "xa\x80"));
}

static void no_pattern_takes_long(void **state) {
    (void)state;
    static char pattern[4097], text[4001];
    memset(text, 'a', 4000);
    int64_t started = pl_monotonic_ns();
    for (size_t i = 0; i + 1 < sizeof pattern; i++)
        pattern[i] = i % 2 ? 'a' : '*';
    pattern[3999] = 'b';
    assert_false(match(pattern, text));
    memset(pattern, 0, sizeof pattern);
    memset(pattern, '?', 2000);
    pattern[0] = '*';
    pattern[1999] = 'b';
    pattern[2000] = '*';
    for (int i = 0; i < 10; i++)
        assert_false(match(pattern, text));
    for (size_t i = 0; i < 3990; i++)
        pattern[i] = "*a?ab"[i % 5];
    for (int i = 0; i < 10; i++)
        assert_false(match(pattern, text));
    assert_true(pl_monotonic_ns() - started < 1000000000);
}

static void an_oversized_subject_never_matches(void **state) {
    (void)state;
    static char text[PL_GLOB_MAX_SUBJECT + 2];
    memset(text, 'a', PL_GLOB_MAX_SUBJECT);
    assert_true(match("*", text));
    text[PL_GLOB_MAX_SUBJECT] = 'a';
    assert_false(match("*", text));
}

static void covering_and_overlapping_never_claim_too_much(void **state) {
    (void)state;
    static const char *const wild[] = {"a", "b", "*", "?"};
    static const char *const plain[] = {"a", "b"};
    uint64_t seed = 11;
    pl_random random = pl_random_sequence(&seed);
    size_t covering = 0, apart = 0;
    for (int i = 0; i < 200000; i++) {
        char a[16], b[16], text[16];
        draw(&random, wild, 4, 4, a);
        draw(&random, wild, 4, 4, b);
        draw(&random, plain, 2, 5, text);
        bool covers = pl_glob_covers(pl_str_from(a), pl_str_from(b));
        bool overlap = pl_glob_overlap(pl_str_from(a), pl_str_from(b));
        if (covers && match(b, text) && !match(a, text))
            fail_msg("\"%s\" does not cover \"%s\": \"%s\"", a, b, text);
        if (!overlap && match(b, text) && match(a, text))
            fail_msg("\"%s\" and \"%s\" both match \"%s\"", a, b, text);
        covering += covers;
        apart += !overlap;
    }
    assert_true(covering > 10000 && apart > 10000);
    assert_true(pl_glob_covers(PL_STR("ecs:*"), PL_STR("ecs:Describe*")));
    assert_false(pl_glob_covers(PL_STR("ecs:Describe*"), PL_STR("ecs:*")));
    assert_false(pl_glob_covers(PL_STR("?"), PL_STR("*")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_is_the_obvious_one),
        cmocka_unit_test(long_parts_with_question_marks_are_found),
        cmocka_unit_test(stray_bytes_hide_no_letter),
        cmocka_unit_test(no_pattern_takes_long),
        cmocka_unit_test(an_oversized_subject_never_matches),
        cmocka_unit_test(covering_and_overlapping_never_claim_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
