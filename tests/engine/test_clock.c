/* A clock that is set back: what changes is judged all the same. */
#include "support/testing.h"

#include "engine/run.h"

#include "engine/rule_records.h"

enum { HOUR = 3600000 };

/* The ids of what violates the rule, one after the other. */
static void violated_by(const engine_rule *rule, const char *ids) {
    struct listing l = list(rule);
    pl_str rest = pl_str_from(ids), id;
    size_t count = 0;
    while (pl_str_split(&rest, ' ', &id)) {
        bool found = false;
        for (size_t i = 0; i < l.count; i++)
            found = found || (l.results[i].compliance == ENGINE_NON_COMPLIANT &&
                              pl_str_eq(l.results[i].resource.resource_id, id));
        assert_true(found);
        count++;
    }
    assert_int_equal(l.counts.by[ENGINE_NON_COMPLIANT], count);
    assert_int_equal(l.counts.by[ENGINE_COMPLIANT], l.count - count);
}

static void changes_count_after_the_clock_was_set_back(void **state) {
    (void)state;
    engine_rule *rule = make(rule_named("running", RUNNING));
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Running") "]");
    now += HOUR;
    put("[" INSTANCE("i-2", "Stopped") "]");
    now += HOUR;
    put("[" INSTANCE("i-2", "Running") "]");
    violated_by(rule, "i-1");
    now -= 3 * HOUR;
    put("[" INSTANCE("i-1", "Running") "," INSTANCE("i-2", "Stopped") "," INSTANCE("i-3", "Stopped") "]");
    violated_by(rule, "i-2 i-3");
    put("[" INSTANCE("i-1", "Stopped") "," INSTANCE("i-2", "Running") "," INSTANCE("i-3", "Running") "]");
    violated_by(rule, "i-1");
    now += 6 * HOUR;
    put("[" INSTANCE("i-1", "Running") "," INSTANCE("i-3", "Stopped") "]");
    violated_by(rule, "i-3");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(changes_count_after_the_clock_was_set_back, setup_alone, teardown),
    };
    return run_on_both(tests);
}
