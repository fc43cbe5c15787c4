/*
 * What a rule says of one record of a page it says of all with the same combination of values: random rules
 * over random documents, judged once for each combination, beside every document evaluated for itself.
 */
#include "support/testing.h"

#include "engine/combined.h"
#include "json/parser.h"

enum { ROUNDS = 40, RULES = 10, RECORDS = 300, TEXT = 8192 };

static const int64_t now = 1700000000000;
static uint64_t seed;
static pl_arena arena;
static pl_error error;
static size_t judged, told;

static unsigned pick(unsigned below) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)((seed >> 33) % below);
}

#define PICK(list) list[pick(sizeof(list) / sizeof *(list))]

static const char *const names[] = {"a", "b", "c", "d", "list", "made"};
static const char *const values[] = {"null",
                                     "true",
                                     "0",
                                     "7",
                                     "2.5",
                                     "\"\"",
                                     "\"Running\"",
                                     "\"stopped\"",
                                     "\"8\"",
                                     "\"2023-11-01T00:00:00Z\"",
                                     "[]",
                                     "[\"Running\",\"x\"]",
                                     "[{\"k\":\"x\",\"v\":1},{\"k\":\"y\",\"v\":9}]",
                                     "{\"k\":\"x\"}",
                                     "\"{\\\"k\\\":\\\"x\\\"}\"",
                                     "\"10.0.0.0/8\""};
static const char *const paths[] = {
    "$.a",       "$.b",        "$.c.k",  "$.d", "$.list[*]", "$.list[?(@.k=='x')].v",
    "$.list[0]", "$['a','b']", "$.made", "$.id"};
static const char *const clauses[][2] = {{"StringEquals", "running"},
                                         {"StringIn", "Running,stopped"},
                                         {"NotStringIn", "Running,x"},
                                         {"Greater", "1"},
                                         {"LessOrEquals", "7"},
                                         {"IsEmpty", ""},
                                         {"IsNotEmpty", ""},
                                         {"Exists", ""},
                                         {"Contains", "x"},
                                         {"RegexMatch", "^[Rr]un.*"},
                                         {"StringContains", "id-1"},
                                         {"DaysSinceLessOrEquals", "30"}};

static void write_tree(pl_buf *out, unsigned depth) {
    unsigned children = 1 + pick(3);
    if (depth == 2 || (depth && pick(2))) {
        const char *const *one = PICK(clauses);
        pl_buf_printf(out,
                      "{\"operator\":\"%s\",\"featureSource\":\"CONFIGURATION\",\"featurePath\":\"%s\","
                      "\"desired\":\"%s\"}",
                      one[0], PICK(paths), one[1]);
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

static pl_json parse(pl_str text) {
    pl_json root;
    if (pl_json_parse_in(&arena, text, &root, &error) != 0)
        fail_msg("%.*s: %s", PL_FMT(text), error.message);
    return root;
}

static pl_json make_tree(void) {
    pl_buf text;
    pl_buf_init(&text, 1 << 16);
    write_tree(&text, 0);
    pl_json root = parse(pl_buf_str(&text));
    pl_buf_free(&text);
    return root;
}

static pl_program *make_program(void) {
    static const char *const required[] = {"[\"$.a\"]", "[\"$.c.k\",\"$.d\"]", "[\"$['a','b']\"]"};
    pl_program *program = pl_program_new();
    for (size_t i = 0; i < RULES; i++) {
        pl_program_rule rule = {.condition = make_tree()};
        if (pick(3) == 0)
            rule.applies = make_tree();
        if (pick(4) == 0)
            rule.required = parse(pl_str_from(PICK(required)));
        if (pl_program_add(program, &rule, &error) != 0)
            fail_msg("%s", error.message);
    }
    assert_int_equal(pl_program_seal(program, &error), 0);
    assert_false(pl_program_reads_whole(program));
    return program;
}

/* `few`: how many kinds of values this page's documents have. */
static pl_str make_text(size_t number, unsigned few) {
    pl_buf text;
    pl_buf_init(&text, TEXT);
    pl_buf_printf(&text, "{\"id\":\"id-%zu\",\"twin\":\"t-%zu\",\"filler\":\"%0512d\"", number, number, 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (pick(few) || few == 1)
            pl_buf_printf(&text, ",\"%s\":%s", names[i],
                          values[(i * 5 + pick(few)) % (sizeof values / sizeof *values)]);
    pl_buf_add_char(&text, '}');
    pl_str copy = pl_arena_copy(&arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return copy;
}

/* One page, and the documents that it was made of; some resources have none. */
struct made_page {
    pl_json documents[RECORDS];
    engine_kept_columns columns;
    engine_kept_page page;
    uint32_t *map;
};

static void make_page(const pl_program *program, unsigned few, struct made_page *out) {
    engine_kept_writer writer;
    assert_int_equal(engine_kept_columns_of(&arena, program, false, &out->columns, &error), 0);
    pl_program_state *state = pl_program_state_new(program);
    uint32_t *places = pl_new(&arena, uint32_t, out->columns.count);
    engine_kept_begin(&writer, &arena, &out->columns);
    for (size_t i = 0; i < RECORDS; i++) {
        bool none = pick(20) == 0;
        inventory_resource r = {.resource_key = (int64_t)i + 1, .configuration = make_text(i, few)};
        out->documents[i] = none ? PL_JSON_NONE : parse(r.configuration);
        pl_program_locate(state, out->documents[i], places);
        engine_kept_add(&writer, &r, out->documents[i], PL_JSON_NONE, places);
    }
    pl_str body = engine_kept_body(&writer);
    engine_kept_end(&writer);
    pl_program_state_free(state);
    assert_true(engine_kept_open(&arena, body, &out->page));
    assert_int_equal(out->page.count, RECORDS);
    out->map = pl_new(&arena, uint32_t, out->columns.count);
    assert_true(engine_kept_bind(&out->page, &out->columns, out->map));
}

struct saying {
    bool known;
    pl_verdict verdict;
    pl_str text; /* annotation and reason */
};

static pl_str text_of(pl_program_state *state, size_t rule) {
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    pl_program_write_annotation(state, rule, &text);
    pl_buf_add_char(&text, '|');
    pl_program_write_reason(state, rule, &text);
    pl_str copy = pl_arena_copy(&arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return copy;
}

static void judge(const struct made_page *m, pl_program_state *state, size_t record, size_t rule,
                  struct saying *out) {
    uint32_t *places = pl_new(&arena, uint32_t, m->columns.count);
    pl_program_input input = {.configuration = PL_JSON_NONE, .places = places, .now = now};
    engine_kept_places(&m->page, record, m->map, m->columns.count, places);
    if (places[m->columns.program + KEPT_CONFIGURATION])
        input.configuration = m->page.root;
    pl_program_take(state, &input);
    *out = (struct saying){true, pl_program_judge(state, rule)[rule], text_of(state, rule)};
    judged++;
}

static void compare(const struct made_page *m, const pl_program *program,
                    const engine_combinations *combined) {
    pl_program_state *whole = pl_program_state_new(program), *alone = pl_program_state_new(program);
    struct saying *said[RULES];
    for (size_t rule = 0; rule < RULES; rule++)
        said[rule] = pl_new(&arena, struct saying, combined[rule].count);
    for (size_t i = 0; i < RECORDS; i++) {
        pl_program_input input = {.configuration = m->documents[i], .now = now};
        const pl_verdict *verdicts = pl_program_evaluate(whole, &input);
        for (size_t rule = 0; rule < RULES; rule++, told++) {
            assert_true(combined[rule].of[i] < combined[rule].count);
            struct saying *s = &said[rule][combined[rule].of[i]];
            if (!s->known)
                judge(m, alone, i, rule, s);
            pl_str expected = text_of(whole, rule);
            if (s->verdict != verdicts[rule] || !pl_str_eq(s->text, expected))
                fail_msg("record %zu, rule %zu: %.*s %.*s, expected %.*s %.*s", i, rule,
                         PL_FMT(pl_verdict_name(s->verdict)), PL_FMT(s->text),
                         PL_FMT(pl_verdict_name(verdicts[rule])), PL_FMT(expected));
        }
    }
    pl_program_state_free(whole);
    pl_program_state_free(alone);
}

static void a_combination_says_what_each_record_says(void **unused) {
    (void)unused;
    judged = told = 0;
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        engine_combinations *combined;
        seed = round;
        pl_arena_init(&arena, 0);
        struct made_page *m = pl_new(&arena, struct made_page, 1);
        pl_program *program = make_program();
        make_page(program, 1 + (unsigned)round % 5, m);
        assert_int_equal(engine_combine(&arena, program, &m->page, m->map, &combined, &error), 0);
        compare(m, program, combined);
        pl_program_release(program);
        pl_arena_free(&arena);
    }
    assert_true(judged < told / 2); /* or nothing was shared */
}

/* Columns with many values in both: each record for itself. */
static void too_many_combinations_are_not_shared(void **unused) {
    (void)unused;
    struct made_page *m;
    engine_combinations *combined;
    pl_arena_init(&arena, 0);
    pl_program *program = pl_program_new();
    pl_program_rule rule = {
        .condition = parse(PL_STR("{\"operator\":\"or\",\"children\":[{\"operator\":\"StringEquals\","
                                  "\"featureSource\":\"CONFIGURATION\",\"featurePath\":\"$.id\",\"desired\":"
                                  "\"id-7\"},{\"operator\":\"Exists\",\"featureSource\":\"CONFIGURATION\","
                                  "\"featurePath\":\"$.twin\"}]}"))};
    assert_int_equal(pl_program_add(program, &rule, &error), 0);
    assert_int_equal(pl_program_seal(program, &error), 0);
    m = pl_new(&arena, struct made_page, 1);
    seed = 3;
    make_page(program, 2, m);
    assert_int_equal(engine_combine(&arena, program, &m->page, m->map, &combined, &error), 0);
    assert_int_equal(combined[0].count, RECORDS);
    pl_program_release(program);
    pl_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_combination_says_what_each_record_says),
        cmocka_unit_test(too_many_combinations_are_not_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
