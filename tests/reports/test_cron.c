/* When Quartz expressions fire, in UTC+8, and which texts are none. */
#include "support/testing.h"

#include "reports/reports.h"

static void expect(const char *expression, const char *after, const char *wanted) {
    int64_t from, next;
    const char *why = "";
    char text[PL_TIME_TEXT];
    assert_true(pl_time_parse(pl_str_from(after), &from));
    if (!reports_cron_next(pl_str_from(expression), from, &next, &why))
        fail_msg("%s: %s", expression, why);
    assert_str(next ? pl_time_iso(next, text) : PL_STR("never"), wanted);
}

static void they_fire_in_time(void **state) {
    (void)state;
    expect("0 0 0 * * ?", "2026-01-31T00:00:00Z", "2026-01-31T16:00:00Z");
    expect("0 0 9 * * ?", "2026-01-31T01:00:00Z", "2026-02-01T01:00:00Z");
    expect("0 0 9 * * ?", "2026-01-31T00:59:59Z", "2026-01-31T01:00:00Z");
    expect("0 30 15 ? * MON", "2026-01-31T00:00:00Z", "2026-02-02T07:30:00Z");
    expect("0 30 15 ? * 2", "2026-02-02T07:30:00Z", "2026-02-09T07:30:00Z");
    expect("0 0 2 1 * ?", "2026-01-31T00:00:00Z", "2026-01-31T18:00:00Z");
    expect("0 0 0 29 2 ?", "2026-01-01T00:00:00Z", "2028-02-28T16:00:00Z");
    expect("0 0 8 L * ?", "2026-02-01T00:00:00Z", "2026-02-28T00:00:00Z");
    expect("0/20 10-12 8 * * ?", "2026-02-01T00:11:41Z", "2026-02-01T00:12:00Z");
    expect("5,40 * * * * ?", "2026-02-01T00:00:05Z", "2026-02-01T00:00:40Z");
    expect("0 0 0 ? 1/3 MON-FRI", "2026-01-31T00:00:00Z", "2026-03-31T16:00:00Z");
    expect("0 0 0 1 1 ? 2030", "2026-01-31T00:00:00Z", "2029-12-31T16:00:00Z");
    expect("0 0 0 1 1 ? 2020", "2026-01-31T00:00:00Z", "never");
    expect("0 0 0 31 2 ?", "2026-01-31T00:00:00Z", "never");
    expect("  0 0  12 ? DEC sun ", "2026-01-31T00:00:00Z", "2026-12-06T04:00:00Z");
}

static void other_texts_are_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"",
                                        "0 0 9 * *",
                                        "60 0 9 * * ?",
                                        "0 60 9 * * ?",
                                        "0 0 24 * * ?",
                                        "0 0 9 32 * ?",
                                        "0 0 9 * 13 ?",
                                        "0 0 9 ? * 8",
                                        "0 0 9 1 * MON",
                                        "0 0 9 * * ? 1900",
                                        "? 0 9 * * ?",
                                        "0 0 9 * * ? * *",
                                        "0 0 9-8 * * ?",
                                        "0/0 0 9 * * ?",
                                        "0 0 9 , * ?",
                                        "0 0 nine * * ?",
                                        "-1 0 9 * * ?",
                                        "0 0 9 ? * L",
                                        "99999999999999999999 0 9 * * ?"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        int64_t next;
        const char *why = "";
        if (reports_cron_next(pl_str_from(wrong[i]), 0, &next, &why))
            fail_msg("accepted: %s", wrong[i]);
        assert_true(why[0] != '\0');
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(they_fire_in_time),
                                       cmocka_unit_test(other_texts_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
