/*
 * Whatever the documents look like and in whatever order they come, a program decides what a plain evaluator
 * decides: members in any order, missing, twice, with names that begin alike, with values of every kind.
 */
#include "support/testing.h"

#include "condition/program.h"
#include "slow_evaluator.h"

enum { ROUNDS = 200, RULES = 12, DOCUMENTS = 60 };

static uint64_t seed;

static unsigned pick(unsigned below) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)((seed >> 33) % below);
}

static const char *const names[] = {"a",           "bb",          "memory",
                                    "memoryX",     "memor",       "InternetIn",
                                    "InternetOut", "Internet_In", "veryLongNameOfAMember",
                                    "Status"};
static const char *const values[] = {"null",          "true",
                                     "false",         "0",
                                     "8192",          "-3",
                                     "2.5",           "8192.0",
                                     "\"8192\"",      "\"\"",
                                     "\"Running\"",   "\"running\"",
                                     "\"Runnings\"",  "\"ecs.g7.large\"",
                                     "\"true\"",      "\"abcdefgh\"",
                                     "\"ABCDEFGHI\"", "\"a,b\"",

                                     "1e300",         "18446744073709551615"};
#define PICK(list) list[pick(sizeof(list) / sizeof *(list))]

static void write_value(pl_buf *out, unsigned depth);

static void write_object(pl_buf *out, unsigned depth) {
    unsigned members = pick(9);
    pl_buf_add_char(out, '{');
    for (unsigned i = 0; i < members; i++) {
        pl_buf_printf(out, "%s\"%s\":", i ? "," : "", PICK(names));
        write_value(out, depth + 1);
    }
    pl_buf_add_char(out, '}');
}

static void write_value(pl_buf *out, unsigned depth) {
    unsigned kind = depth < 3 ? pick(6) : 0;
    unsigned elements = pick(4);
    if (kind == 4) {
        write_object(out, depth);
    } else if (kind == 5) {
        pl_buf_add_char(out, '[');
        for (unsigned i = 0; i < elements; i++) {
            if (i)
                pl_buf_add_char(out, ',');
            write_value(out, depth + 2);
        }
        pl_buf_add_char(out, ']');
    } else {
        pl_buf_add(out, pl_str_from(PICK(values)));
    }
}

static const char *const operators[] = {"StringEquals",
                                        "NotStringEquals",
                                        "StringIn",
                                        "NotStringIn",
                                        "StringContains",
                                        "NotStringContains",
                                        "IsStringEmpty",
                                        "IsNotStringEmpty",
                                        "Equals",
                                        "NotEquals",
                                        "Less",
                                        "LessOrEquals",
                                        "Greater",
                                        "GreaterOrEquals",
                                        "Contains",
                                        "NotContains",
                                        "In",
                                        "NotIn",
                                        "IsEmpty",
                                        "IsNotEmpty",
                                        "Exists",
                                        "NotExists",
                                        "ArrayLengthGreaterOrEquals",
                                        "ArrayLengthLessOrEquals",
                                        "Intersects"};
static const char *const texts[] = {"Running",     "8192", "true", "abcdefghi", "ecs.g7.large,Running",
                                    "x,8192,true", "2.5"};
static const char *const numbers[] = {"0", "8192", "-3", "2.5", "1"};

static bool is_numeric(const char *op) {
    return strstr(op, "Length") || strstr(op, "Less") || strstr(op, "Greater") || strcmp(op, "Equals") == 0 ||
           strcmp(op, "NotEquals") == 0;
}

static void write_clause(pl_buf *out) {
    const char *op = PICK(operators);
    pl_buf_printf(out, "{\"operator\":\"%s\",\"featureSource\":\"CONFIGURATION\",\"featurePath\":\"$.%s", op,
                  PICK(names));
    if (pick(3) == 0)
        pl_buf_printf(out, ".%s", PICK(names));
    if (pick(6) == 0)
        pl_buf_add(out, pick(2) ? PL_STR("[0]") : PL_STR("[*]"));
    const char *desired = strstr(op, "Length") ? (pick(2) ? "1" : "2")
                          : is_numeric(op)     ? PICK(numbers)
                                               : PICK(texts);
    pl_buf_printf(out, "\",\"desired\":\"%s\"}", desired);
}

static void write_tree(pl_buf *out, unsigned depth) {
    unsigned children = pick(3) + 1;
    if (depth == 3 || (depth && pick(2))) {
        write_clause(out);
        return;
    }
    pl_buf_printf(out, "{\"operator\":\"%s\",\"children\":[", pick(2) ? "and" : "or");
    for (unsigned i = 0; i < children; i++) {
        if (i)
            pl_buf_add_char(out, ',');
        write_tree(out, depth + 1);
    }
    pl_buf_add(out, PL_STR("]}"));
}

static pl_json make(pl_arena *arena, void (*write)(pl_buf *, unsigned)) {
    pl_buf text;
    pl_json root;
    pl_error error;
    pl_buf_init(&text, 1 << 20);
    write(&text, 0);
    if (pl_json_parse_in(arena, pl_buf_str(&text), &root, &error) != 0)
        fail_msg("%s: %s", pl_buf_str(&text).p, error.message);
    pl_buf_free(&text);
    return root;
}

/* A rule of random parts and what has to come out of it. */
typedef struct random_rule {
    pl_json condition, applies, required, sufficient;
} random_rule;

static pl_verdict wanted(const random_rule *rule, pl_json document) {
    if (pl_json_exists(rule->applies) && !slow_tree(rule->applies, document))
        return PL_NOT_APPLICABLE;
    if (pl_json_exists(rule->required)) {
        pl_str path = pl_json_str(pl_json_at(rule->required, 0));
        slow_value v = slow_find(document, path), other = slow_find(document, PL_STR("$.Status"));
        if (pl_str_is(path, "$['memory','Status']"))
            v = slow_find(document, PL_STR("$.memory"));
        else
            other.node = PL_JSON_NONE;
        if (slow_absent(v.node) && slow_absent(other.node))
            return PL_INSUFFICIENT_DATA;
    }
    if (pl_json_exists(rule->sufficient) && !slow_tree(rule->sufficient, document))
        return PL_INSUFFICIENT_DATA;
    return slow_tree(rule->condition, document) ? PL_COMPLIANT : PL_NON_COMPLIANT;
}

static void complain(const random_rule *rule, pl_json document, pl_verdict got, pl_verdict expected) {
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    pl_json_write(&text, rule->condition);
    pl_buf_add(&text, PL_STR("\napplies "));
    pl_json_write(&text, rule->applies);
    pl_buf_add(&text, PL_STR("\nsufficient "));
    pl_json_write(&text, rule->sufficient);
    pl_buf_add(&text, PL_STR("\nover "));
    pl_json_write(&text, document);
    pl_buf_add_char(&text, '\0');
    print_error("%s\n%.*s, expected %.*s\n", text.p, PL_FMT(pl_verdict_name(got)),
                PL_FMT(pl_verdict_name(expected)));
    pl_buf_free(&text);
    fail();
}

static const char *const required[] = {"[\"$.memory\"]", "[\"$.a.bb\"]", "[\"$['memory','Status']\"]"};

static pl_program_state *make_program(pl_arena *arena, random_rule *rules) {
    pl_error error;
    pl_program *program = pl_program_new();
    for (size_t i = 0; i < RULES; i++) {
        rules[i] = (random_rule){.condition = make(arena, write_tree)};
        if (pick(3) == 0)
            rules[i].applies = make(arena, write_tree);
        if (pick(4) == 0)
            assert_int_equal(pl_json_parse_in(arena, pl_str_from(PICK(required)), &rules[i].required, &error),
                             0);
        if (pick(6) == 0)
            rules[i].sufficient = make(arena, write_tree);
        pl_program_rule rule = {.condition = rules[i].condition,
                                .applies = rules[i].applies,
                                .required = rules[i].required,
                                .sufficient = rules[i].sufficient};
        if (pl_program_add(program, &rule, &error) != 0)
            fail_msg("%s", error.message);
    }
    assert_int_equal(pl_program_seal(program, &error), 0);
    pl_program_state *state = pl_program_state_new(program);
    pl_program_release(program);
    return state;
}

static void run_round(void) {
    random_rule rules[RULES];
    pl_arena arena;
    pl_arena_init(&arena, 0);
    pl_program_state *state = make_program(&arena, rules);
    for (size_t i = 0; i < DOCUMENTS; i++) {
        pl_json document = make(&arena, write_object);
        pl_program_input input = {.configuration = document};
        const pl_verdict *verdicts = pl_program_evaluate(state, &input);
        for (size_t rule = 0; rule < RULES; rule++) {
            pl_verdict expected = wanted(&rules[rule], document);
            if (verdicts[rule] != expected)
                complain(&rules[rule], document, verdicts[rule], expected);
        }
    }
    pl_program_state_free(state);
    pl_arena_free(&arena);
}

static void a_program_agrees_with_the_plain_evaluator(void **unused) {
    (void)unused;
    for (seed = 1; seed <= ROUNDS; seed++) {
        uint64_t kept = seed;
        run_round();
        seed = kept;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_program_agrees_with_the_plain_evaluator)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
