/*
 * Texts of unusual size and form give what they give on a tape, however often they come: what is too much to
 * be remembered of a document is read all the same.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

#define CLAUSE(source, path, op, desired)                                                                    \
    "{\"featureSource\":\"" source "\",\"featurePath\":\"" path "\",\"operator\":\"" op                      \
    "\",\"desired\":\"" desired "\"}"

enum { RULES_MAX = 32, TEXT_MAX = 6 << 20 };

/* One program, asked by text and by tape. */
typedef struct pair {
    pl_arena arena;
    size_t rules;
    pl_program_state *by_text, *by_tape;
    pl_json_parser *parser;
    pl_buf text; /* a document, with padding behind it */
    size_t n;
    pl_buf said, wanted;
} pair;

static void open_pair(pair *p, const char *const *conditions, size_t count) {
    pl_error error;
    *p = (pair){.rules = count};
    pl_arena_init(&p->arena, 0);
    pl_program *program = pl_program_new();
    for (size_t i = 0; i < count; i++) {
        pl_program_rule rule = {.condition = json_of(&p->arena, conditions[i])};
        if (pl_program_add(program, &rule, &error) != 0)
            fail_msg("%s: %s", conditions[i], error.message);
    }
    assert_int_equal(pl_program_seal(program, &error), 0);
    p->by_text = pl_program_state_new(program);
    p->by_tape = pl_program_state_new(program);
    p->parser = pl_json_parser_new(TEXT_MAX);
    pl_program_release(program);
    pl_buf_init(&p->text, (size_t)TEXT_MAX + PL_JSON_PADDING);
    pl_buf_init(&p->said, (size_t)1 << 26);
    pl_buf_init(&p->wanted, (size_t)1 << 26);
}

static void close_pair(pair *p) {
    pl_program_state_free(p->by_text);
    pl_program_state_free(p->by_tape);
    pl_json_parser_free(p->parser);
    pl_buf_free(&p->text);
    pl_buf_free(&p->said);
    pl_buf_free(&p->wanted);
    pl_arena_free(&p->arena);
}

static void describe(const pair *p, pl_program_state *state, const pl_verdict *verdicts, pl_buf *out) {
    pl_buf_clear(out);
    for (size_t i = 0; i < p->rules; i++) {
        pl_buf_add(out, pl_verdict_name(verdicts[i]));
        pl_program_write_annotation(state, i, out);
        pl_program_write_reason(state, i, out);
        pl_program_write_context(state, i, out);
    }
}

/* Begins a document in the pair's text. */
static void begin(pair *p) {
    pl_buf_clear(&p->text);
}

/* Evaluates what was written as text and as tape: both refuse it or say the same. True when it is JSON. */
static bool agree(pair *p) {
    pl_arena own;
    pl_error error;
    pl_program_input input = {.now = 1000}, parsed = {.now = 1000};
    p->n = p->text.n;
    for (size_t i = 0; i < PL_JSON_PADDING; i++)
        pl_buf_add_char(&p->text, '}');
    assert_false(p->text.failed);
    pl_arena_init(&own, 0);
    bool sound = pl_json_parse_in(&own, pl_str_of(p->text.p, p->n), &parsed.configuration, &error) == 0;
    const pl_verdict *verdicts =
        pl_program_evaluate_text(p->by_text, p->parser, pl_str_of(p->text.p, p->n), &input, &error);
    assert_int_equal(verdicts != NULL, sound);
    if (sound) {
        describe(p, p->by_text, verdicts, &p->said);
        describe(p, p->by_tape, pl_program_evaluate(p->by_tape, &parsed), &p->wanted);
        if (!pl_str_eq(pl_buf_str(&p->said), pl_buf_str(&p->wanted)))
            fail_msg("%.*s", PL_FMT(pl_str_head(pl_str_of(p->text.p, p->n), 1000)));
    }
    pl_arena_free(&own);
    return sound;
}

static bool agree_on(pair *p, pl_str text) {
    begin(p);
    pl_buf_add(&p->text, text);
    return agree(p);
}

static const char *const plain[] = {CLAUSE("CONFIGURATION", "$.a", "StringEquals", "x"),
                                    CLAUSE("CONFIGURATION", "$.m.n", "GreaterOrEquals", "3"),
                                    CLAUSE("CONFIGURATION", "$.l", "ArrayLengthGreaterOrEquals", "2"),
                                    CLAUSE("CONFIGURATION", "$.o.list[0].k", "StringIn", "p,q"),
                                    CLAUSE("CONFIGURATION", "$.o.list[0].k2", "Exists", ""),
                                    CLAUSE("CONFIGURATION", "$.t", "RegexMatch", "^x+$")};

enum { PLAIN = sizeof plain / sizeof *plain };

static void every_kind_of_root_agrees(void **unused) {
    (void)unused;
    static const pl_str texts[] = {PL_STR_INIT(""),
                                   PL_STR_INIT(" "),
                                   PL_STR_INIT("7"),
                                   PL_STR_INIT("null"),
                                   PL_STR_INIT("\"a\""),
                                   PL_STR_INIT("[]"),
                                   PL_STR_INIT("[{}]"),
                                   PL_STR_INIT("{}"),
                                   PL_STR_INIT("{ }"),
                                   PL_STR_INIT("\n{} \n"),
                                   PL_STR_INIT("{} {}"),
                                   PL_STR_INIT("{}}"),
                                   PL_STR_INIT("{\"a\""),
                                   PL_STR_INIT("{\"a\":\"x"),
                                   PL_STR_INIT("{\"a\":\"x\" , \"m\" : {\"n\":3 } }")};
    static const char *const without_names[] = {CLAUSE("CONFIGURATION", "$[1]", "StringEquals", "x"),
                                                CLAUSE("CONFIGURATION", "$", "IsNotEmpty", ""),
                                                CLAUSE("CONFIGURATION_ITEM", "$.a", "NotExists", "")};
    static const struct {
        const char *const *rules;
        size_t count;
    } programs[] = {{plain, PLAIN}, {without_names, 3}, {without_names, 1}, {without_names + 2, 1}};
    for (size_t k = 0; k < sizeof programs / sizeof *programs; k++) {
        pair p;
        size_t sound = 0;
        open_pair(&p, programs[k].rules, programs[k].count);
        for (size_t i = 0; i < 3 * sizeof texts / sizeof *texts; i++) {
            sound += agree_on(&p, texts[i % (sizeof texts / sizeof *texts)]);
            sound += agree_on(&p, PL_STR("[0,\"x\"]")) + agree_on(&p, PL_STR("{\"a\":\"x\",\"l\":[1,2]}"));
        }
        assert_int_equal(sound, 3 * 9 + 2 * 45);
        close_pair(&p);
    }
}

/* An object of `count` members that nobody asks for, with names from `first` on, and one that is asked for.
 */
static void write_wide(pair *p, size_t first, size_t count, const char *value) {
    begin(p);
    pl_buf_add_char(&p->text, '{');
    for (size_t i = 0; i < count; i++)
        pl_buf_printf(&p->text, "\"name%zu\":%zu,", first + i, i);
    pl_buf_printf(&p->text, "\"a\":\"%s\"}", value);
}

static void objects_of_many_members_agree(void **unused) {
    (void)unused;
    static const size_t counts[] = {10, 31, 32, 33, 100, 511, 512, 513, 1500};
    pair p;
    open_pair(&p, plain, PLAIN);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        for (size_t again = 0; again < 4; again++) {
            write_wide(&p, again / 2 * 10000, counts[i], again % 2 ? "x" : "y");
            assert_true(agree(&p));
        }
    close_pair(&p);
}

static void a_state_follows_documents_of_another_order(void **unused) {
    (void)unused;
    pair p;
    open_pair(&p, plain, PLAIN);
    for (size_t i = 0; i < 300; i++) {
        write_wide(&p, i / 3 % 7 * 20, 5 + i / 9 % 30, i % 2 ? "x" : "X");
        assert_true(agree(&p));
    }
    close_pair(&p);
}

/* Objects within each other that are all on the way to a place, without a value between them. */
static void long_ways_agree(void **unused) {
    (void)unused;
    enum { DEEP = 30 };
    char path[200] = "$", rule[400];
    for (size_t i = 0; i < DEEP; i++)
        strcat(path, ".a");
    snprintf(rule, sizeof rule, CLAUSE("CONFIGURATION", "%s", "StringEquals", "x"), path);
    const char *const rules[] = {rule};
    pair p;
    open_pair(&p, rules, 1);
    for (size_t i = 0; i < 8; i++) {
        begin(&p);
        for (size_t k = 0; k < DEEP - i % 2; k++)
            pl_buf_add(&p.text, PL_STR("{\"a\":"));
        pl_buf_add(&p.text, i % 4 < 2 ? PL_STR("\"x\"") : PL_STR("\"y\""));
        for (size_t k = 0; k < DEEP - i % 2; k++)
            pl_buf_add_char(&p.text, '}');
        assert_true(agree(&p));
    }
    close_pair(&p);
}

static void repeat(pl_buf *out, const char *unit, size_t count) {
    for (size_t i = 0; i < count; i++)
        pl_buf_add(out, pl_str_from(unit));
}

/* Long keys, long blanks, escaped keys, long texts, many values: `form` tells which. */
static void write_long(pair *p, size_t form, size_t size, const char *value) {
    begin(p);
    pl_buf_add_char(&p->text, '{');
    switch (form) {
    case 0:
        pl_buf_add_char(&p->text, '"');
        repeat(&p->text, "k", size);
        pl_buf_add(&p->text, PL_STR("\":1,"));
        break;
    case 1: repeat(&p->text, " ", size); break;
    case 2: pl_buf_add(&p->text, PL_STR("\"\\u0062\":1,")); break;
    case 3:
        pl_buf_add(&p->text, PL_STR("\"t\":\""));
        repeat(&p->text, "x", size);
        pl_buf_add(&p->text, PL_STR("\","));
        break;
    case 4:
        pl_buf_add(&p->text, PL_STR("\"l\":[0"));
        repeat(&p->text, ",1", size);
        pl_buf_add(&p->text, PL_STR("],"));
        break;
    case 5:
        pl_buf_add(&p->text, PL_STR("\"u\":[0"));
        for (size_t i = 0; i < size; i++)
            pl_buf_printf(&p->text, ",{\"k%zu\":[]}", i);
        pl_buf_add(&p->text, PL_STR("],"));
        break;
    default:
        for (size_t i = 0; i < size; i++)
            pl_buf_printf(&p->text, "\"u%zu\":%zu,", i, i);
    }
    pl_buf_printf(&p->text, "\"m\":{\"n\":%zu},\"a\":\"%s\"}", size, value);
}

static void long_parts_agree(void **unused) {
    (void)unused;
    static const size_t sizes[] = {1, 30, 111, 112, 113, 1000, 1100, 3000, 70000};
    for (size_t form = 0; form < 7; form++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            pair p;
            open_pair(&p, plain, PLAIN);
            for (size_t again = 0; again < 5; again++) {
                write_long(&p, form, sizes[i], again % 2 ? "x" : "y");
                assert_true(agree(&p));
            }
            close_pair(&p);
        }
}

/* Short documents whose parts vary: more than is remembered of one type. */
static void many_documents_agree(void **unused) {
    (void)unused;
    pair p;
    open_pair(&p, plain, PLAIN);
    for (size_t i = 0; i < 6000; i++) {
        begin(&p);
        pl_buf_printf(&p.text, "{\"a\":\"%s\",\"v%zu\":{\"w%zu\":[%zu,{\"z\":null}]},\"m\":{\"n\":%zu}}",
                      i % 3 ? "x" : "y", i / 4, i / 2, i, i % 7);
        assert_true(agree(&p));
    }
    close_pair(&p);
}

/* A text that is longer than what is read without a tape. */
static void very_long_texts_agree(void **unused) {
    (void)unused;
    pair p;
    open_pair(&p, plain, PLAIN);
    for (size_t i = 0; i < 3; i++) {
        begin(&p);
        pl_buf_add(&p.text, PL_STR("{\"u\":\""));
        repeat(&p.text, "u", ((size_t)4 << 20) + 100);
        pl_buf_printf(&p.text, "\",\"a\":\"%s\"}", i ? "x" : "y");
        assert_true(agree(&p));
    }
    close_pair(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_root_agrees),
        cmocka_unit_test(objects_of_many_members_agree),
        cmocka_unit_test(a_state_follows_documents_of_another_order),
        cmocka_unit_test(long_ways_agree),
        cmocka_unit_test(long_parts_agree),
        cmocka_unit_test(many_documents_agree),
        cmocka_unit_test(very_long_texts_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
