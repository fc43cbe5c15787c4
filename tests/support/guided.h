/*
 * A new document read from its text against the same document on a tape, for the property test and the fuzz
 * target: both refuse it, or both give the same verdicts, annotations and explanations.
 */
#ifndef PL_TESTS_SUPPORT_GUIDED_H
#define PL_TESTS_SUPPORT_GUIDED_H

#include "condition/program.h"

#define GUIDED_CLAUSE(source, path, op, desired)                                                             \
    "{\"featureSource\":\"" source "\",\"featurePath\":\"" path "\",\"operator\":\"" op                      \
    "\",\"desired\":\"" desired "\"}"
#define GUIDED_RULE(clauses) "{\"operator\":\"or\",\"children\":[" clauses "]}"
#define GUIDED_PATH(path, op, desired) GUIDED_RULE(GUIDED_CLAUSE("CONFIGURATION", path, op, desired))

/* Plain places, whole containers with something wanted below, lists, filters, unions, text with JSON, sizes.
 */
static const char *const guided_rules[] = {
    GUIDED_PATH("$.a", "StringEquals", "x"),
    GUIDED_PATH("$.a", "GreaterOrEquals", "7"),
    GUIDED_PATH("$.bb.memory", "LessOrEquals", "8192"),
    GUIDED_PATH("$.bb.memoryX", "IsNotStringEmpty", ""),
    GUIDED_PATH("$.bb", "IsNotEmpty", ""),
    GUIDED_PATH("$.memory.a", "StringContains", "run"),
    GUIDED_PATH("$.memory.a.bb", "Exists", ""),
    GUIDED_PATH("$.memor[0].a", "StringEquals", "running"),
    GUIDED_PATH("$.memor[-1]", "NotExists", ""),
    GUIDED_PATH("$.memor", "ArrayLengthLessOrEquals", "2"),
    GUIDED_PATH("$.memory.list[?(@.a=='x')].bb", "IsEmpty", ""),
    GUIDED_PATH("$.veryLongNameOfAMember.a", "Equals", "2.5"),
    GUIDED_PATH("$.veryLongNameOfAnother", "StringEquals", "true"),
    GUIDED_PATH("$.aNameThatIsLongerThanWhatIsRememberedOfOne", "Exists", ""),
    GUIDED_PATH("$['InternetIn','InternetOut']", "IsEmpty", ""),
    GUIDED_PATH("$.InternetIn", "StringIn", "p,q,running"),
    GUIDED_RULE(GUIDED_CLAUSE("CONFIGURATION_FIELD_$.Status", "$.a", "StringEquals", "x")),
    GUIDED_PATH("$.bb.memory", "DaysSinceLessOrEquals", "1"),
    GUIDED_PATH("$.cards", "ArrayLengthLessOrEquals", "1"),
    GUIDED_PATH("$.cards[0].a", "StringEquals", "x"),
    GUIDED_PATH("$.cards[0].hosts", "IsNotEmpty", ""),
    GUIDED_PATH("$.cards[0].hosts[0]", "StringContains", "un"),
    GUIDED_PATH("$.hosts", "IsEmpty", ""),
    GUIDED_PATH("$.hosts", "ArrayLengthLessOrEquals", "2"),
    GUIDED_PATH("$.hosts[0]", "StringEquals", "running"),
    GUIDED_PATH("$.host", "IsNotStringEmpty", ""),
    GUIDED_PATH("$.host", "Exists", ""),
    GUIDED_PATH("$.card.hosts", "IsStringEmpty", ""),
    GUIDED_PATH("$.when", "DaysSinceLessOrEquals", "1"),
    GUIDED_PATH("$.card.cards[0]", "Exists", ""),
};

/* One that needs the whole document, so that there is nothing to guide. */
static const char *const unguided_rule = GUIDED_PATH("$..a", "Intersects", "x,running");

enum { GUIDED_RULES = sizeof guided_rules / sizeof *guided_rules };

typedef struct guided_pair {
    pl_program_state *by_text, *by_tape;
    pl_json_parser *text_parser, *tape_parser;
    pl_buf text, tape; /* what is said of a document */
    char *padded;
} guided_pair;

enum { GUIDED_MAX_TEXT = 1 << 16 };

/* `whole`: with the rule that needs all of a document. NULL when a rule does not compile. */
static inline pl_program *guided_program(pl_arena *keep, bool whole) {
    pl_program *program = pl_program_new();
    pl_error why;
    bool sound = program != NULL;
    for (size_t i = 0; sound && i < (size_t)GUIDED_RULES + whole; i++) {
        const char *text = i < GUIDED_RULES ? guided_rules[i] : unguided_rule;
        pl_program_rule rule = {.condition = PL_JSON_NONE};
        sound = pl_json_parse_in(keep, pl_str_from(text), &rule.condition, &why) == 0 &&
                pl_program_add(program, &rule, &why) == 0;
    }
    return sound && pl_program_seal(program, &why) == 0 ? program : NULL;
}

static inline bool guided_open(guided_pair *p, pl_arena *keep, const pl_program *program) {
    p->by_text = pl_program_state_new(program);
    p->by_tape = pl_program_state_new(program);
    p->text_parser = pl_json_parser_new(GUIDED_MAX_TEXT);
    p->tape_parser = pl_json_parser_new(GUIDED_MAX_TEXT);
    p->padded = pl_arena_alloc(keep, GUIDED_MAX_TEXT + PL_JSON_PADDING);
    pl_buf_init(&p->text, 1 << 24);
    pl_buf_init(&p->tape, 1 << 24);
    return p->by_text && p->by_tape && p->text_parser && p->tape_parser && p->padded;
}

static inline void guided_close(guided_pair *p) {
    pl_program_state_free(p->by_text);
    pl_program_state_free(p->by_tape);
    pl_json_parser_free(p->text_parser);
    pl_json_parser_free(p->tape_parser);
    pl_buf_free(&p->text);
    pl_buf_free(&p->tape);
}

/* Everything that can be seen of an evaluation. */
static inline void guided_describe(pl_buf *out, pl_program_state *state, const pl_verdict *verdicts) {
    pl_buf_clear(out);
    for (size_t i = 0; i < GUIDED_RULES; i++) {
        pl_buf_add(out, pl_verdict_name(verdicts[i]));
        pl_program_write_annotation(state, i, out);
        pl_program_write_reason(state, i, out);
        pl_program_write_context(state, i, out);
        pl_buf_add_char(out, '\n');
    }
}

/*
 * False when the two differ; `*accepted` tells what became of the text. What stands behind it must not
 * matter, so brackets stand there that would complete a text cut short.
 */
static inline bool guided_agrees(guided_pair *p, pl_str text, bool *accepted) {
    static const char behind[PL_JSON_PADDING] = "}]}]}}}}\"}]}}";
    pl_program_input input = {.now = text.n % 8 ? 90000000 : 100000000};
    pl_error why;
    text = pl_str_head(text, GUIDED_MAX_TEXT);
    if (text.n)
        memcpy(p->padded, text.p, text.n);
    memcpy(p->padded + text.n, behind, sizeof behind);
    const pl_verdict *verdicts =
        pl_program_evaluate_text(p->by_text, p->text_parser, pl_str_of(p->padded, text.n), &input, &why);
    *accepted = verdicts != NULL;
    if (verdicts)
        guided_describe(&p->text, p->by_text, verdicts);
    if (pl_json_parse(p->tape_parser, text, &input.configuration, &why) != 0)
        return !*accepted;
    guided_describe(&p->tape, p->by_tape, pl_program_evaluate(p->by_tape, &input));
    return *accepted && pl_str_eq(pl_buf_str(&p->text), pl_buf_str(&p->tape));
}

#endif
