/*
 * A new document that is read from its text gives what it gives on a tape, and is refused when it is refused
 * there: whatever its members, their order and their spelling, whole or damaged.
 */
#include "support.h"

#include "condition/trail.h"

#include "support/guided.h"

enum { DOCUMENTS = 8000, GUIDED_EDITS = 3, STREAMS = 20, SOUND = 3, STREAM_DOCUMENTS = 400 };

static uint64_t seed;

static unsigned pick(unsigned below) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)((seed >> 33) % below);
}

#define PICK(list) (list)[pick(sizeof(list) / sizeof *(list))]

static const char *const names[] = {"a",
                                    "bb",
                                    "memory",
                                    "memoryX",
                                    "memor",
                                    "list",
                                    "cards",
                                    "hosts",
                                    "host",
                                    "card",
                                    "InternetIn",
                                    "InternetOut",
                                    "Status",
                                    "veryLongNameOfAMember",
                                    "veryLongNameOfAnother",
                                    "veryLongNameOfAForeign",
                                    "aNameThatIsLongerThanWhatIsRememberedOfOne",
                                    "aNameThatIsLongerThanWhatIsRememberedOfTwo",
                                    "",
                                    "Int\\u0065rnetIn",
                                    "veryLongNameOf\\u0041nother"};

static const char *const values[] = {"null",
                                     "true",
                                     "false",
                                     "0",
                                     "-0",
                                     "7",
                                     "8192",
                                     "-3",
                                     "12345678",
                                     "123456789",
                                     "-123456789012345678",
                                     "9223372036854775807",
                                     "18446744073709551615",
                                     "2.5",
                                     "-0.0",
                                     "0.1",
                                     "3.14159265358979312",
                                     "1e300",
                                     "2.50E+0",
                                     "\"\"",
                                     "\"x\"",
                                     "\"running\"",
                                     "\"Running\"",
                                     "\"8192\"",
                                     "\"a text of more than thirty-two bytes, for the copying\"",
                                     "\"\\u0078\"",
                                     "\"\\\"\\\\\\/\\n\"",
                                     "\"\\ud83d\\ude00\"",
                                     "\"gr\xc3\xbc\xc3\x9f\"",
                                     "\"{\\\"a\\\":\\\"x\\\"}\""};

/* What is no JSON, or only at the edge of it. */
static const char *const damage[] = {"01",     "-",
                                     "+1",     "1.",
                                     ".5",     "1e",
                                     "tru",    "truex",
                                     "nul",    "\"\\q\"",
                                     "{",      "}",
                                     "]",      ",",
                                     ":",      "\"",
                                     "",       "\\",
                                     "1 2",    "\"\\ud800\"",
                                     "1e999",  "true\"x\"",
                                     "\xff",   "\n",
                                     "\"\t\"", "99999999999999999999"};

static void write_value(pl_buf *out, unsigned depth);

static void write_blank(pl_buf *out) {
    static const char *const blanks[] = {"", "", "", "", "", " ", "\n  ", "\t"};
    pl_buf_add(out, pl_str_from(PICK(blanks)));
}

static void write_members(pl_buf *out, unsigned depth) {
    unsigned first = pick(sizeof names / sizeof *names), count = pick(10);
    bool ordered = pick(3) > 0; /* documents of one type repeat the order of their members */
    for (unsigned i = 0; i < count; i++) {
        size_t name =
            ordered ? (first + i) % (sizeof names / sizeof *names) : pick(sizeof names / sizeof *names);
        pl_buf_printf(out, "%s\"%s\"", i ? "," : "", names[name]);
        write_blank(out);
        pl_buf_add_char(out, ':');
        write_value(out, depth + 1);
    }
}

static void write_container(pl_buf *out, unsigned depth, bool object) {
    unsigned count = pick(4);
    pl_buf_add_char(out, object ? '{' : '[');
    if (object)
        write_members(out, depth);
    for (unsigned i = 0; !object && i < count; i++) {
        if (i)
            pl_buf_add_char(out, ',');
        write_value(out, depth + 1);
    }
    pl_buf_add_char(out, object ? '}' : ']');
}

static void write_value(pl_buf *out, unsigned depth) {
    unsigned kind = depth < 5 ? pick(5) : 0;
    write_blank(out);
    if (depth == 0 || kind > 2)
        write_container(out, depth, depth == 0 || kind == 3);
    else
        pl_buf_add(out, pl_str_from(PICK(values)));
    write_blank(out);
}

/* Puts something in the place of a few bytes, or cuts the text short. */
static void break_text(pl_buf *out, pl_str text) {
    size_t at = pick((unsigned)text.n + 1);
    pl_buf_clear(out);
    pl_buf_add(out, pl_str_head(text, at));
    if (pick(4) == 0)
        return;
    pl_buf_add(out, pl_str_from(PICK(damage)));
    at += pick(4);
    pl_buf_add(out, pl_str_skip(text, at < text.n ? at : text.n));
}

static void open_pair(guided_pair *pair, pl_arena *arena, bool whole) {
    pl_program *program = guided_program(arena, whole);
    assert_non_null(program);
    assert_true(guided_open(pair, arena, program));
    pl_program_release(program);
}

static void compare(guided_pair *pair, pl_str text, size_t *accepted) {
    bool taken;
    if (!guided_agrees(pair, text, &taken))
        fail_msg("%.*s\nby text:\n%.*sby tape:\n%.*s", PL_FMT(text), PL_FMT(pl_buf_str(&pair->text)),
                 PL_FMT(pl_buf_str(&pair->tape)));
    *accepted += taken;
}

static void compare_documents(bool whole) {
    guided_pair pair;
    pl_arena arena;
    pl_buf text, broken;
    size_t accepted = 0, compared = 0;
    seed = 7;
    pl_arena_init(&arena, 0);
    pl_buf_init(&text, 1 << 20);
    pl_buf_init(&broken, 1 << 20);
    open_pair(&pair, &arena, whole);
    for (unsigned i = 0; i < (whole ? DOCUMENTS / 10 : DOCUMENTS); i++) {
        pl_buf_clear(&text);
        write_value(&text, 0);
        compare(&pair, pl_buf_str(&text), &accepted);
        for (unsigned edit = 0; edit < GUIDED_EDITS; edit++) {
            break_text(&broken, pl_buf_str(&text));
            compare(&pair, pl_buf_str(&broken), &accepted);
        }
        compared += 1 + GUIDED_EDITS;
    }
    assert_in_range(accepted, compared / 4, compared - compared / 4); /* both kinds were there */
    guided_close(&pair);
    pl_buf_free(&text);
    pl_buf_free(&broken);
    pl_arena_free(&arena);
}

static void text_and_tape_agree(void **unused) {
    (void)unused;
    compare_documents(false);
}

static void a_rule_that_needs_the_whole_document_agrees(void **unused) {
    (void)unused;
    compare_documents(true);
}

/*
 * A stream of documents of one type: the same members with values, optional members and lists that vary, in
 * places a value of another kind, a foreign member, one that occurs twice, another spelling, or damage.
 */
static const char *common_value(void) {
    static const char *const common[] = {"\"x\"", "\"running\"", "\"\""};
    return pick(16) ? PICK(common) : PICK(values);
}

static void write_typed(pl_buf *out) {
    static const char *const strange[] = {"\"new%u\":%u,", "\"a\":%u,\"foreign\":[%u],",
                                          "\"bb\":{\"a\":%u},\"x\":%u,", " \"spaced\" : [ %u , %u ] ,"};
    pl_buf_printf(out, "{\"a\":%s,\"Status\":\"%s\",\"bb\":{\"memory\":%u,\"memoryX\":\"%0*u\"},",
                  common_value(), pick(3) ? "running" : "{\\\"a\\\":\\\"x\\\"}", pick(20000), (int)pick(40),
                  pick(9));
    if (pick(3))
        pl_buf_printf(out, "\"veryLongNameOfAnother\":%s,\"unasked\":{\"deep\":[[],{\"k\":%s}]},",
                      pick(2) ? "true" : "false", common_value());
    if (pick(6) == 0)
        pl_buf_printf(out, PICK(strange), pick(3), pick(3));
    pl_buf_add(out, PL_STR("\"memor\":["));
    for (unsigned i = 0, n = pick(4); i < n; i++)
        pl_buf_printf(out, "%s{\"a\":\"%s\",\"more\":[%s]}", i ? "," : "", pick(2) ? "running" : "x",
                      pick(2) ? "1,2" : "");
    pl_buf_printf(out, "],\"memory\":{\"list\":[{\"a\":\"%s\",\"bb\":%s}],\"a\":\"run%u\"},",
                  pick(2) ? "x" : "y", common_value(), pick(1000));
    pl_buf_printf(out, "\"aNameThatIsLongerThanWhatIsRememberedOfOne\":%s,\"InternetIn\":\"%s\"}",
                  common_value(), pick(2) ? "p" : "q");
}

static void write_list(pl_buf *out, const char *name, unsigned least, unsigned most) {
    static const char *const elements[] = {"\"x\"", "\"running\"", "\"\""};
    static const char *const strange[] = {"[]", "{\"a\":[1,2]}", "7", "null"};
    pl_buf_printf(out, "\"%s\":[", name);
    for (unsigned i = 0, n = least + pick(most - least + 1); i < n; i++)
        pl_buf_printf(out, "%s%s", i ? "," : "", pick(100) ? PICK(elements) : PICK(strange));
    pl_buf_add_char(out, ']');
}

/* The same with values of which rules see no more than the size, and what is in their first elements. */
static void write_sized(pl_buf *out) {
    static const char *const hosts[] = {"\"\"", "\"iZ1\"", "\"iZ22\"", "\"\\u0078\""};
    pl_buf_printf(out, "{\"host\":%s,", pick(30) ? PICK(hosts) : PICK(values));
    write_list(out, "hosts", 1, pick(20) ? 3 : 40);
    pl_buf_add(out, PL_STR(",\"cards\":["));
    for (unsigned i = 0, n = pick(20) ? 1 + pick(2) : 0; i < n; i++) {
        pl_buf_printf(out, "%s{\"id\":%u,\"a\":\"%s\",", i ? "," : "", pick(20000), pick(2) ? "x" : "y");
        write_list(out, "hosts", i ? 1 : pick(20) > 0, 2);
        pl_buf_add_char(out, '}');
    }
    pl_buf_add(out, PL_STR("],\"card\":{"));
    write_list(out, "hosts", 1, 2);
    pl_buf_add_char(out, ',');
    write_list(out, "cards", pick(20) ? 1 : 0, 2);
    pl_buf_printf(out, "},\"memor\":%s}", pick(30) ? "[1]" : PICK(values));
}

/* One of a few, or what it mostly is. */
static const char *steady(const char *mostly) {
    return pick(40) ? mostly : PICK(values);
}

/* The same with values that hardly ever change: what is between those that do is one step. */
static void write_steady(pl_buf *out) {
    unsigned place = pick(20); /* of a member: here, further on, or, which is rare, both */
    pl_buf_printf(out, "{\"foreign\":\"%u\",%s\"bb\":{\"memory\":%s,\"memoryX\":%s,\"k\":%s},", pick(9999),
                  place < 11 ? "\"a\":\"x\"," : "", pick(6) ? "8192" : "16384", steady("\"\""),
                  steady("true"));
    pl_buf_printf(out, "\"host\":%s,\"hosts\":[%s,%s],\"when\":%s,", steady("\"iZ\""), steady("\"running\""),
                  steady("\"x\""), steady("\"1970-01-01T02:00:00Z\""));
    if (pick(10))
        pl_buf_printf(out, "\"veryLongNameOfAnother\":%s,", steady("true"));
    pl_buf_printf(out, "\"card\":{\"hosts\":%s},%s\"InternetIn\":%s,\"InternetOut\":%s,", steady("\"\""),
                  place > 9 ? "\"a\":\"y\"," : "", steady("\"p\""), steady("null"));
    pl_buf_printf(out, "\"cards\":[{\"id\":%s,\"a\":%s,\"hosts\":[]}],", steady("7"), steady("\"x\""));
    pl_buf_printf(out, "\"Status\":%s,\"unasked\":[%s,%s],\"memor\":[%s]}",
                  steady("\"{\\\"a\\\":\\\"x\\\"}\""), steady("1"), steady("1"), steady("{\"a\":\"x\"}"));
}

/* What was learned from documents before, damaged ones between them included, changes nothing. */
static void compare_streams(void (*write)(pl_buf *out)) {
    guided_pair pair;
    pl_arena arena;
    pl_buf text, broken;
    size_t accepted = 0, compared = 0;
    pl_arena_init(&arena, 0);
    pl_buf_init(&text, 1 << 20);
    pl_buf_init(&broken, 1 << 20);
    for (unsigned stream = 0; stream < STREAMS; stream++) {
        seed = 1000 + stream;
        open_pair(&pair, &arena, false);
        if (stream % 2)
            pair.by_text->trail->follow = trail_follow_plain; /* every processor has it */
        pair.by_text->trail->patience = 1 + stream;
        for (unsigned i = 0; i < STREAM_DOCUMENTS; i++, compared++) {
            pl_buf_clear(&text);
            write(&text);
            bool damaged = pick(8) == 0;
            if (damaged)
                break_text(&broken, pl_buf_str(&text));
            compare(&pair, pl_buf_str(damaged ? &broken : &text), &accepted);
        }
        guided_close(&pair);
    }
    assert_in_range(accepted, compared / 2, compared - compared / 20);
    pl_buf_free(&text);
    pl_buf_free(&broken);
    pl_arena_free(&arena);
}

static void streams_of_one_type_agree(void **unused) {
    (void)unused;
    compare_streams(write_typed);
}

static void streams_of_sized_values_agree(void **unused) {
    (void)unused;
    compare_streams(write_sized);
}

static void streams_of_steady_values_agree(void **unused) {
    (void)unused;
    compare_streams(write_steady);
}

static void follow_steady(guided_pair *pair, unsigned documents, const char *region) {
    pl_buf text;
    size_t accepted = 0;
    pl_buf_init(&text, 1 << 16);
    for (unsigned i = 0; i < documents; i++) {
        pl_buf_clear(&text);
        pl_buf_printf(&text,
                      "{\"id\":%u,\"a\":\"%s\",\"host\":\"iZ\",\"more\":[true,null],\"InternetIn\":\"p\"}", i,
                      region);
        compare(pair, pl_buf_str(&text), &accepted);
    }
    assert_int_equal(accepted, documents);
    pl_buf_free(&text);
}

/* What is between the values that change; steps that were joined over a value give way when it does. */
static void constant_stretches_become_one_step(void **unused) {
    static const char stretch[] = ",\"a\":\"x\",\"host\":\"iZ\",\"more\":[true,null],\"InternetIn\":\"";
    (void)unused;
    pl_arena arena;
    guided_pair pair;
    const trail_step *behind;
    pl_arena_init(&arena, 0);
    open_pair(&pair, &arena, false);
    const trail *t = pair.by_text->trail;
    follow_steady(&pair, 2 * t->patience + 2, "x");
    behind = t->first->next[0];
    assert_non_null(behind->joined);
    assert_true(behind->length > sizeof stretch - 1);
    assert_memory_equal(behind->bytes, stretch, sizeof stretch - 1);
    follow_steady(&pair, 4, "y");
    assert_ptr_equal(t->first->next[0], behind);
    follow_steady(&pair, 2 * t->patience, "x");
    assert_int_equal(t->joins, 1); /* nothing new was learned */
    guided_close(&pair);
    pl_arena_free(&arena);
}

static void add_elements(pl_buf *out, const char *element, unsigned count) {
    for (unsigned i = 0; i < count; i++)
        pl_buf_printf(out, "%s%s", i ? "," : "", element);
}

/* Values that never change in lists longer than a joined step: it ends where something more does not fit. */
static void write_long(pl_buf *out, unsigned id, unsigned hosts, unsigned texts) {
    pl_buf_clear(out);
    pl_buf_printf(out, "{\"id\":%u,\"hosts\":[", id);
    add_elements(out, "\"x\"", hosts);
    pl_buf_add(out, PL_STR("],\"unasked\":["));
    add_elements(out, "\"thirty bytes of a text at least\"", texts);
    pl_buf_printf(out, "],\"a\":\"x\",\"more\":%u}", id);
}

static void joined_steps_have_an_end(void **unused) {
    enum { LONGEST = 480, HOSTS = 80, TEXTS = 40, SHORTER = 10 };
    (void)unused;
    pl_arena arena;
    guided_pair pair;
    pl_buf text;
    size_t accepted = 0, longest = 0;
    pl_arena_init(&arena, 0);
    pl_buf_init(&text, 1 << 16);
    open_pair(&pair, &arena, false);
    const trail *t = pair.by_text->trail;
    for (unsigned i = 0; i <= 3 * t->patience; i++) {
        write_long(&text, i, i % SHORTER ? HOSTS : SHORTER, i % SHORTER ? TEXTS : SHORTER);
        compare(&pair, pl_buf_str(&text), &accepted);
    }
    assert_true(t->joins > 0);
    for (const trail_step *s = t->joined; s; s = s->older)
        longest = s->length > longest ? s->length : longest;
    assert_in_range(longest, LONGEST / 2, LONGEST);
    guided_close(&pair);
    pl_buf_free(&text);
    pl_arena_free(&arena);
}

/* Every cut and every changed byte of a document; enough sound ones between them that the trail is not left.
 */
static void damage_on_a_trail_is_found(void **unused) {
    static const char document[] =
        "{\"foreign\":\"x\",\"a\":12,\"bb\":{\"memory\":7,\"memoryX\":\"\"},\"other\":[1,{},[]],\"memor\":[{"
        "\"a\":"
        "\"running\"},true],\"memory\":{\"a\":null,\"list\":[{\"a\":\"x\",\"bb\":[]}]}}";
    static const char bytes[] = "\"{}[],:0-tn x\\";
    (void)unused;
    guided_pair pair;
    pl_arena arena;
    size_t accepted = 0;
    char changed[sizeof document];
    pl_arena_init(&arena, 0);
    open_pair(&pair, &arena, false);
    pair.by_text->trail->patience = 2;
    for (size_t at = 0; at < sizeof document - 1; at++) {
        for (size_t i = 0; i < sizeof bytes - 1; i++) {
            memcpy(changed, document, sizeof document);
            changed[at] = bytes[i];
            compare(&pair, pl_str_of(changed, sizeof document - 1), &accepted);
            for (size_t sound = 0; sound < SOUND; sound++)
                compare(&pair, pl_str_of(document, sizeof document - 1), &accepted);
        }
        compare(&pair, pl_str_of(document, at), &accepted);
    }
    assert_in_range(accepted, sizeof document * SOUND, sizeof document * (SOUND + 1) * sizeof bytes);
    guided_close(&pair);
    pl_arena_free(&arena);
}

/* The texts a walk is made for are not parsed after all. */
static void common_documents_are_guided(void **unused) {
    static const struct {
        const char *text;
        bool guided;
    } cases[] = {{"{\"a\":\"x\",\"bb\":{\"memory\":8192},\"memor\":[{\"a\":\"running\"}]}", true},
                 {"{ \"a\" : 2.5 ,\n \"list\" : [ 1, -2, { } ] , \"bb\" : null }", true},
                 {"{}", true},
                 {"{\"Status\":\"{\\\"a\\\":\\\"x\\\"}\"}", true},
                 {"{\"\\u0061\":1}", false},
                 {"{\"a\":18446744073709551615}", false},
                 {"{\"a\":1e3}", false},
                 {"[1]", false},
                 {"{\"a\":1", false}};
    (void)unused;
    pl_arena arena;
    guided_pair pair;
    pl_arena_init(&arena, 0);
    open_pair(&pair, &arena, false);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pl_program_input input = {.now = 0};
        pl_json_index index;
        uint32_t entry = 0;
        size_t n = strlen(cases[i].text);
        memset(pair.padded, '}', n + PL_JSON_PADDING);
        memcpy(pair.padded, cases[i].text, n);
        bool guided = pl_json_index_make(pair.text_parser, pl_str_of(pair.padded, n), &index) &&
                      pl_program_evaluate_indexed(pair.by_text, &index, &entry, &input) != NULL &&
                      entry == index.count;
        if (guided != cases[i].guided)
            fail_msg("%s", cases[i].text);
    }
    guided_close(&pair);
    pl_arena_free(&arena);
}

/* Zeros where a key is due are no key, whatever is expected there. */
static void zeros_are_no_key(void **unused) {
    static const char zeros[] = "{\0\0\0\0\0\0\0\0\0\0\"a\":true}", key[] = "{\"\0\0\0\0\0\0\0\0\":1}";
    (void)unused;
    pl_arena arena;
    guided_pair pair;
    size_t accepted = 0;
    pl_arena_init(&arena, 0);
    open_pair(&pair, &arena, false);
    for (int i = 0; i < 3; i++) {
        compare(&pair, pl_str_of(zeros, sizeof zeros - 1), &accepted);
        compare(&pair, pl_str_of(key, sizeof key - 1), &accepted);
        assert_int_equal(accepted, 0);
    }
    guided_close(&pair);
    pl_arena_free(&arena);
}

/* Nesting beyond what a walk keeps count of is left to the parser, and its limit holds. */
static void deep_nesting_agrees(void **unused) {
    static const unsigned depths[] = {10, 62, 63, 64, 65, 66, 200, 1022, 1023, 1024, 1025, 3000};
    (void)unused;
    pl_arena arena;
    guided_pair pair;
    pl_buf text;
    size_t accepted = 0;
    pl_arena_init(&arena, 0);
    pl_buf_init(&text, 1 << 20);
    open_pair(&pair, &arena, false);
    for (size_t i = 0; i < 2 * sizeof depths / sizeof *depths; i++) {
        pl_buf_clear(&text);
        pl_buf_add(&text, i % 2 ? PL_STR("{\"bb\":") : PL_STR("{\"foreign\":"));
        for (unsigned n = 0; n < depths[i / 2]; n++)
            pl_buf_add(&text, n % 2 ? PL_STR("{\"a\":") : PL_STR("["));
        pl_buf_add_char(&text, '1');
        for (unsigned n = depths[i / 2]; n > 0; n--)
            pl_buf_add_char(&text, n % 2 ? ']' : '}');
        pl_buf_add_char(&text, '}');
        compare(&pair, pl_buf_str(&text), &accepted);
    }
    assert_in_range(accepted, 1, 2 * sizeof depths / sizeof *depths - 1);
    guided_close(&pair);
    pl_buf_free(&text);
    pl_arena_free(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(text_and_tape_agree),
                                       cmocka_unit_test(a_rule_that_needs_the_whole_document_agrees),
                                       cmocka_unit_test(streams_of_one_type_agree),
                                       cmocka_unit_test(streams_of_sized_values_agree),
                                       cmocka_unit_test(streams_of_steady_values_agree),
                                       cmocka_unit_test(constant_stretches_become_one_step),
                                       cmocka_unit_test(joined_steps_have_an_end),
                                       cmocka_unit_test(damage_on_a_trail_is_found),
                                       cmocka_unit_test(common_documents_are_guided),
                                       cmocka_unit_test(zeros_are_no_key),
                                       cmocka_unit_test(deep_nesting_agrees)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
