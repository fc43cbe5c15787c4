/*
 * Every operator against its cases (tests/condition/operators.json): the published examples, the examples of
 * the catalogue's own operators, and for each operator values of every kind. A value is looked at in a place
 * of the configuration, in the item around it, and an array also as the list of its elements: which of these
 * must not matter.
 */
#include "support/files.h"

#include "base/clock.h"
#include "condition/program.h"

static pl_arena arena;
static pl_json file;
static int64_t now;

static int setup(void **state) {
    (void)state;
    pl_arena_init(&arena, 0);
    file = read_source_json(&arena, "tests/condition/operators.json");
    return pl_time_parse(pl_json_str(pl_json_get(file, PL_STR("now"))), &now) ? 0 : -1;
}

static int teardown(void **state) {
    (void)state;
    pl_arena_free(&arena);
    return 0;
}

typedef struct way {
    const char *source, *path;
    bool arrays; /* for arrays only */
} way;

static const way ways[] = {
    {"CONFIGURATION", "$.v", false}, {"CONFIGURATION_ITEM", "$.v", false}, {"CONFIGURATION", "$.v[*]", true}};

/* The JSON of a condition with one clause. */
static pl_json condition_of(const way *w, pl_str op, pl_json desired) {
    pl_buf text;
    pl_json tree;
    pl_error error;
    pl_buf_init(&text, 1 << 20);
    pl_buf_printf(&text, "{\"featurePath\":\"%s\",\"featureSource\":\"%s\",\"operator\":", w->path,
                  w->source);
    pl_json_write_string(&text, op);
    if (pl_json_exists(desired)) {
        pl_buf_add(&text, PL_STR(",\"desired\":"));
        pl_json_write(&text, desired);
    }
    pl_buf_add_char(&text, '}');
    assert_int_equal(pl_json_parse_in(&arena, pl_buf_str(&text), &tree, &error), 0);
    pl_buf_free(&text);
    return tree;
}

static pl_json configuration_of(pl_json value) {
    pl_buf text;
    pl_json root;
    pl_error error;
    pl_buf_init(&text, 1 << 20);
    pl_buf_add_char(&text, '{');
    if (pl_json_exists(value)) {
        pl_buf_add(&text, PL_STR("\"v\":"));
        pl_json_write(&text, value);
    }
    pl_buf_add_char(&text, '}');
    assert_int_equal(pl_json_parse_in(&arena, pl_buf_str(&text), &root, &error), 0);
    pl_buf_free(&text);
    return root;
}

static pl_verdict verdict_of(pl_json condition, pl_json configuration, int64_t at) {
    pl_error error;
    pl_program *program = pl_program_new();
    pl_program_rule rule = {.condition = condition};
    if (pl_program_add(program, &rule, &error) != 0)
        fail_msg("%s", error.message);
    assert_int_equal(pl_program_seal(program, &error), 0);
    pl_program_state *state = pl_program_state_new(program);
    pl_program_input input = {.configuration = configuration, .item = configuration, .now = at};
    pl_verdict verdict = pl_program_evaluate(state, &input)[0];
    pl_program_state_free(state);
    pl_program_release(program);
    return verdict;
}

static bool run_case(const way *w, pl_str op, pl_json one) {
    int64_t at = now;
    bool wanted = false;
    pl_str key;
    pl_json ignored;
    pl_json_walk walk = pl_json_children(one);
    pl_time_parse(pl_json_str(pl_json_get(one, PL_STR("now"))), &at);
    assert_true(pl_json_step(&walk, &key, &ignored));
    assert_true(pl_json_bool(pl_json_get(one, PL_STR("result")), &wanted));
    pl_verdict verdict = verdict_of(condition_of(w, op, pl_json_get(one, PL_STR("desired"))),
                                    configuration_of(pl_json_get(one, PL_STR("value"))), at);
    if (verdict == (wanted ? PL_COMPLIANT : PL_NON_COMPLIANT))
        return true;
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    pl_json_write(&text, one);
    print_error("%s %s %.*s %.*s: %.*s\n", w->source, w->path, PL_FMT(op), PL_FMT(pl_buf_str(&text)),
                PL_FMT(pl_verdict_name(verdict)));
    pl_buf_free(&text);
    return false;
}

static void every_case_of_every_operator(void **state) {
    (void)state;
    pl_str op, key;
    pl_json cases, one;
    size_t wrong = 0, run = 0;
    pl_json operators = pl_json_get(file, PL_STR("operators"));
    for (pl_json_walk walk = pl_json_children(operators); pl_json_step(&walk, &op, &cases);)
        for (pl_json_walk inner = pl_json_children(cases); pl_json_step(&inner, &key, &one); run++)
            for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
                if (!ways[i].arrays || pl_json_is_array(pl_json_get(one, PL_STR("value"))))
                    wrong += !run_case(&ways[i], op, one);
    assert_int_equal(wrong, 0);
    assert_true(run > 1000);
}

static void every_operator_has_cases_of_both_results(void **state) {
    (void)state;
    pl_json operators = pl_json_get(file, PL_STR("operators"));
    assert_int_equal(pl_json_count(operators), PL_OPERATOR_COUNT);
    for (unsigned op = 0; op < PL_OPERATOR_COUNT; op++) {
        pl_str key;
        pl_json one;
        bool seen[2] = {false, false}, result = false;
        pl_json cases = pl_json_get(operators, pl_operator_info_of((pl_operator)op)->name);
        for (pl_json_walk walk = pl_json_children(cases); pl_json_step(&walk, &key, &one);)
            if (pl_json_bool(pl_json_get(one, PL_STR("result")), &result))
                seen[result] = true;
        assert_true(seen[0] && seen[1]);
    }
}

static void operators_are_found_by_name(void **state) {
    (void)state;
    pl_operator found;
    for (unsigned op = 0; op < PL_OPERATOR_COUNT; op++) {
        const pl_operator_info *info = pl_operator_info_of((pl_operator)op);
        assert_true(pl_operator_find(info->name, &found));
        assert_int_equal(found, op);
        assert_true(info->description.n > 10 && (info->arity == 1 || info->arity == 2));
        assert_int_equal(info->extension, op >= 25);
    }
    assert_false(pl_operator_find(PL_STR("stringequals"), &found));
    assert_false(pl_operator_find(PL_STR("and"), &found));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_of_every_operator),
        cmocka_unit_test(every_operator_has_cases_of_both_results),
        cmocka_unit_test(operators_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
