/*
 * The form of a page of kept columns: whatever values resources have, a page tells each of them as it was;
 * codes of every width and series of every kind come back; a damaged body counts as none.
 */
#include "support/arena.h"

#include "engine/kept_form.h"
#include "json/parser.h"

enum { LARGE = 1 << 14, CASES = 9 };

static uint64_t seed;

static unsigned pick(unsigned below) {
    seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned)((seed >> 33) % below);
}

static int setup(void **state) {
    seed = 11;
    return open_arena(state);
}

/* --- Numbers ---------------------------------------------------------------------------------------------
 */

static engine_packed bytes_of(const pl_buf *buf) {
    assert_false(buf->failed);
    return (engine_packed){buf->p, buf->p + buf->n, false};
}

/* Writes codes in which every value occurs; returns the bytes that they took. */
static size_t code_round_trip(size_t count, size_t distinct) {
    uint16_t *codes = pl_new(&arena, uint16_t, count), *back = pl_new(&arena, uint16_t, count + 8);
    pl_buf buf;
    pl_buf_init(&buf, 1 << 20);
    for (size_t i = 0; i < count; i++)
        codes[i] = (uint16_t)(i < distinct ? i : pick((unsigned)distinct));
    engine_codes_write(&buf, codes, count, distinct);
    engine_packed from = bytes_of(&buf);
    engine_codes_read(&from, count, distinct, back);
    assert_false(from.failed);
    assert_ptr_equal(from.at, from.end);
    assert_memory_equal(codes, back, count * sizeof *codes);
    size_t n = buf.n;
    pl_buf_free(&buf);
    return n;
}

static void codes_take_the_bits_that_their_values_need(void **state) {
    (void)state;
    static const struct {
        size_t distinct, bits;
    } widths[] = {{1, 0},  {2, 1},  {3, 2},   {4, 2},    {5, 4},     {16, 4},
                  {17, 8}, {99, 8}, {256, 8}, {257, 16}, {1000, 16}, {1024, 0}};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        assert_int_equal(code_round_trip(1024, widths[i].distinct), 1024 * widths[i].bits / 8);
}

static void codes_come_back_whatever_their_count(void **state) {
    (void)state;
    for (size_t count = 1; count < 70; count++)
        for (size_t distinct = 1; distinct <= count; distinct++)
            (void)code_round_trip(count, distinct);
}

static bool reads(const unsigned char *bytes, size_t n, size_t count, size_t distinct) {
    uint16_t codes[16];
    engine_packed from = {(const char *)bytes, (const char *)bytes + n, false};
    engine_codes_read(&from, count, distinct, codes);
    return !from.failed;
}

static void codes_beyond_their_values_are_refused(void **state) {
    (void)state;
    static const unsigned char low[4] = {0x24, 0x12}, high[4] = {0xff, 0xff};
    assert_true(reads(low, 2, 8, 3));
    assert_false(reads(high, 2, 8, 3));
    assert_true(reads(low, 4, 8, 5));
    assert_false(reads(high, 4, 8, 5));
    assert_true(reads(low, 2, 2, 1));
    assert_false(reads(low, 2, 16, 2) && reads(low, 1, 16, 2)); /* a byte too few */
    assert_false(reads(low, 0, 8, 0));
    assert_false(reads(low, 4, 8, ENGINE_CODES_MAX + 1));
}

static size_t series_round_trip(const uint64_t *values, size_t count) {
    uint64_t *back = pl_new(&arena, uint64_t, count + 1);
    pl_buf buf;
    pl_buf_init(&buf, 1 << 20);
    engine_series_write(&buf, values, count);
    engine_packed from = bytes_of(&buf);
    engine_series_read(&from, count, back);
    assert_false(from.failed);
    assert_ptr_equal(from.at, from.end);
    assert_memory_equal(values, back, count * sizeof *values);
    size_t n = buf.n;
    pl_buf_free(&buf);
    return n;
}

static void series_are_as_wide_as_they_scatter(void **state) {
    (void)state;
    enum { COUNT = 100, HEAD = 16 };
    uint64_t values[COUNT];
    static const struct {
        uint64_t base, step, scatter;
        size_t width;
    } kinds[] = {{7, 0, 1, 0},
                 {7, 1, 1, 0},
                 {(uint64_t)-50, 1, 1, 0},
                 {0, 2, 1, 1},
                 {1700000000000, 0, 256, 1},
                 {(uint64_t)INT64_MIN, 0, 40000, 2},
                 {5, 0, 65537, 4},
                 {5, 1, 1000000, 4},
                 {0, (uint64_t)1 << 57, 9, 8}};
    for (size_t k = 0; k < CASES; k++) {
        for (size_t i = 0; i < COUNT; i++)
            values[i] = kinds[k].base + kinds[k].step * i +
                        (i % 2   ? pick((unsigned)kinds[k].scatter)
                         : i % 4 ? kinds[k].scatter - 1
                                 : 0);
        assert_int_equal(series_round_trip(values, COUNT), HEAD + COUNT * kinds[k].width);
    }
    assert_int_equal(series_round_trip(values, 0), HEAD);
}

static void series_that_are_cut_off_are_refused(void **state) {
    (void)state;
    uint64_t values[4] = {1, 500, 2, 900}, back[4];
    pl_buf buf;
    pl_buf_init(&buf, 1 << 10);
    engine_series_write(&buf, values, 4);
    for (size_t n = 0; n < buf.n; n++) {
        engine_packed from = {buf.p, buf.p + n, false};
        engine_series_read(&from, 4, back);
        assert_true(from.failed);
        assert_null(engine_packed_take(&from, 0));
    }
    for (uint32_t width = 3; width < 20; width++) {
        engine_packed from = bytes_of(&buf);
        memcpy(buf.p + 12, &width, sizeof width);
        if (width == 4 || width == 8)
            continue;
        engine_series_read(&from, 4, back);
        assert_true(from.failed);
    }
    pl_buf_free(&buf);
}

/* --- Pages -----------------------------------------------------------------------------------------------
 */

static const char *const members[] = {"a", "b", "c", "d"};

struct made {
    engine_kept_columns columns;
    pl_program *program;
    size_t count;
    pl_json *documents;
    uint32_t *places; /* in the documents, of the program's columns */
    pl_str body;
};

static pl_json parse(pl_str text) {
    pl_json root;
    if (pl_json_parse_in(&arena, text, &root, &error) != 0)
        fail_msg("%.*s: %s", PL_FMT(text), error.message);
    return root;
}

static pl_program *make_program(void) {
    pl_program *program = pl_program_new();
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        pl_program_rule rule = {
            .condition = parse(pl_arena_printf(&arena,
                                               "{\"operator\":\"Exists\",\"featureSource\":\"CONFIGURATION\","
                                               "\"featurePath\":\"$.%s\",\"desired\":\"\"}",
                                               members[i]))};
        assert_int_equal(pl_program_add(program, &rule, &error), 0);
    }
    assert_int_equal(pl_program_seal(program, &error), 0);
    return program;
}

/* Values of one shape or of several, deep, long, numbers of every type, texts that occur again. */
static void write_value(pl_buf *out, unsigned depth, unsigned few) {
    static const char *const plain[] = {"null", "true", "false", "\"\"", "\"x\"", "\"k\"", "[]", "{}"};
    switch (pick(depth < 3 ? 9 : 7)) {
    case 0: pl_buf_add(out, pl_str_from(plain[pick(8)])); break;
    case 1: pl_buf_printf(out, "%u", pick(few)); break;
    case 2: pl_buf_printf(out, "-1%u%09u", pick(few), pick(1000000000)); break;
    case 3: pl_buf_printf(out, "184467440737095%05u", pick(51616)); break;
    case 4: pl_buf_printf(out, "%u.%u", pick(few), pick(100)); break;
    case 5: pl_buf_printf(out, "\"t-%u\"", pick(few)); break;
    case 6: pl_buf_printf(out, "{\"k\":\"t-%u\",\"%s\":%u}", pick(few), members[pick(4)], pick(few)); break;
    default:
        pl_buf_add_char(out, '[');
        for (unsigned i = 0, n = 1 + pick(4); i < n; i++) {
            if (i)
                pl_buf_add_char(out, ',');
            write_value(out, depth + 1, few);
        }
        pl_buf_add_char(out, ']');
    }
}

static pl_str write_document(unsigned few) {
    pl_buf text;
    pl_buf_init(&text, LARGE);
    pl_buf_printf(&text, "{\"filler\":\"%01500d\"", 0);
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (pick(5)) {
            pl_buf_printf(&text, ",\"%s\":", members[i]);
            write_value(&text, 0, few);
        }
    pl_buf_add_char(&text, '}');
    pl_str copy = pl_arena_copy(&arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return copy;
}

static inventory_resource resource_of(size_t number, pl_str text) {
    return (inventory_resource){.resource_key = (int64_t)(number * number / 3 + number + 1),
                                .capture_time = 1700000000000 + (int64_t)(number % 7) * 100000,
                                .region_id = number % 2 ? PL_STR("cn-beijing") : PL_STR("cn-hangzhou"),
                                .resource_id = pl_arena_printf(&arena, "i-%zu", number),
                                .group_id = PL_STR("t-1"),
                                .name = number % 3 ? PL_STR("x") : PL_STR(""),
                                .configuration = text};
}

static void make(struct made *m, size_t count, unsigned few) {
    engine_kept_writer writer;
    m->program = make_program();
    m->count = count;
    assert_int_equal(engine_kept_columns_of(&arena, m->program, true, &m->columns, &error), 0);
    m->documents = pl_new(&arena, pl_json, count);
    m->places = pl_new(&arena, uint32_t, count * m->columns.program);
    pl_program_state *state = pl_program_state_new(m->program);
    engine_kept_begin(&writer, &arena, &m->columns);
    for (size_t i = 0; i < count; i++) {
        uint32_t *places = m->places + i * m->columns.program;
        inventory_resource r = resource_of(i, write_document(few));
        m->documents[i] = parse(r.configuration);
        pl_program_locate(state, m->documents[i], places);
        engine_kept_add(&writer, &r, m->documents[i], parse(PL_STR("{\"env\":\"x\"}")), places);
    }
    m->body = engine_kept_body(&writer);
    assert_non_null(m->body.p);
    engine_kept_end(&writer);
    pl_program_state_free(state);
}

static void expect_same(pl_json kept, pl_json document) {
    uint32_t from = kept.at, of = document.at, words = pl_json_behind(document) - of;
    assert_int_equal(pl_json_behind(kept) - from, words);
    for (uint32_t i = 0; i < words; i++) {
        pl_json a = pl_json_move(kept, from + i), b = pl_json_move(document, of + i);
        assert_int_equal(pl_json_tag(a), pl_json_tag(b));
        if (pl_json_tag(a) == '"')
            assert_true(pl_str_eq(pl_json_text(a), pl_json_text(b)));
        else if (kept_is_bracket(pl_json_tag(a)))
            assert_true(pl_json_word(a) - from == pl_json_word(b) - of);
        else if (kept_is_number(pl_json_tag(a)) && ++i)
            assert_true(a.tape[a.at + 1] == b.tape[b.at + 1]);
    }
}

static void expect_record(const struct made *m, const engine_kept_page *page, const uint32_t *map, size_t i) {
    uint32_t *places = pl_new(&arena, uint32_t, m->columns.count);
    inventory_resource r = resource_of(i, PL_STR(""));
    engine_kept_places(page, i, map, m->columns.count, places);
    for (size_t k = 0; k < m->columns.program; k++) {
        uint32_t place = m->places[i * m->columns.program + k];
        assert_int_equal(places[k] != 0, place != 0);
        if (place)
            expect_same(pl_json_move(page->root, places[k]), pl_json_move(m->documents[i], place));
    }
    const uint32_t *extra = places + m->columns.program;
    assert_int_equal(extra[KEPT_CONFIGURATION], 1);
    assert_true(pl_str_eq(engine_kept_text(page, extra[KEPT_REGION]), r.region_id));
    assert_true(pl_str_eq(engine_kept_text(page, extra[KEPT_ID]), r.resource_id));
    assert_true(pl_str_eq(engine_kept_text(page, extra[KEPT_GROUP]), r.group_id));
    assert_true(pl_str_eq(engine_kept_text(page, extra[KEPT_NAME]), r.name));
    expect_same(pl_json_move(page->root, extra[KEPT_TAGS]), parse(PL_STR("{\"env\":\"x\"}")));
    assert_int_equal(page->keys[i], r.resource_key);
    assert_int_equal(page->captures[i], r.capture_time);
}

static void expect_page(const struct made *m) {
    engine_kept_page page;
    uint32_t *map = pl_new(&arena, uint32_t, m->columns.count);
    char *moved = pl_arena_alloc(&arena, m->body.n + 1);
    memcpy(moved + 1, m->body.p, m->body.n); /* it may lie anywhere */
    assert_true(engine_kept_open(&arena, pl_str_of(moved + 1, m->body.n), &page));
    memset(moved, 0xa5, m->body.n + 1);
    assert_int_equal(page.count, m->count);
    assert_true(engine_kept_bind(&page, &m->columns, map));
    for (size_t i = 0; i < m->count; i++)
        expect_record(m, &page, map, i);
    for (size_t k = 0; k < page.columns; k++)
        for (size_t a = 0; a < page.by_column[k].distinct; a++)
            for (size_t b = 0; b < a; b++)
                assert_true(page.by_column[k].places[a] != page.by_column[k].places[b]);
}

static void every_value_is_told_as_it_was(void **state) {
    (void)state;
    static const unsigned kinds[] = {1, 2, 7, 100, 60000};
    static const size_t counts[] = {1, 2, 9, 257, 1024};
    for (size_t k = 0; k < 5; k++)
        for (size_t c = 0; c < 5; c++) {
            struct made m;
            pl_arena_reset(&arena);
            make(&m, counts[c], kinds[k]);
            expect_page(&m);
            pl_program_release(m.program);
        }
}

/* --- Damage ----------------------------------------------------------------------------------------------
 */

static void set_checksum(char *body, size_t n) {
    kept_header h;
    memcpy(&h, body, sizeof h);
    h.checksum = 0;
    h.checksum = engine_kept_checksum(&h, body + sizeof h, n - sizeof h);
    memcpy(body, &h, sizeof h);
}

/* Everything that a page tells is looked at; with sanitizers, nothing outside of it. */
static void walk(const engine_kept_page *page) {
    for (size_t k = 0; k < page->columns; k++)
        for (size_t i = 0; i < page->count; i++) {
            const engine_kept_column *column = &page->by_column[k];
            assert_true(column->codes[i] < column->distinct);
            pl_json value = pl_json_move(page->root, column->places[column->codes[i]]);
            uint32_t end = value.at ? pl_json_behind(value) : 0;
            for (; value.at < end; value.at++)
                if (pl_json_tag(value) == '"')
                    (void)pl_str_hash(pl_json_text(value), 0);
                else
                    value.at += kept_is_number(pl_json_tag(value));
        }
}

static bool opens(const char *body, size_t n) {
    pl_arena own;
    engine_kept_page page;
    char *exact = test_malloc(n + 1); /* so that reading beyond is seen */
    memcpy(exact, body, n);
    pl_arena_init(&own, 64 << 20);
    bool opened = engine_kept_open(&own, pl_str_of(exact, n), &page);
    if (opened)
        walk(&page);
    pl_arena_free(&own);
    test_free(exact);
    return opened;
}

static void a_damaged_page_counts_as_none(void **state) {
    (void)state;
    struct made m;
    make(&m, 40, 5);
    char *body = pl_arena_alloc(&arena, m.body.n);
    memcpy(body, m.body.p, m.body.n);
    assert_true(opens(body, m.body.n));
    for (size_t at = 0; at < m.body.n; at++) {
        body[at] = (char)(body[at] ^ (1 << pick(8)));
        assert_false(opens(body, m.body.n));
        body[at] = m.body.p[at];
    }
    for (size_t n = 0; n < m.body.n; n += 1 + pick(9))
        assert_false(opens(body, n));
    pl_program_release(m.program);
}

/* Even where the checksum fits, as it would after a mistake of whoever wrote. */
static void a_page_that_cannot_be_leads_nowhere(void **state) {
    (void)state;
    struct made m;
    size_t refused = 0;
    make(&m, 12, 4);
    char *body = pl_arena_alloc(&arena, m.body.n + 8);
    size_t names = m.columns.count * PL_COLUMN_NAME;
    for (unsigned value = 0; value < 3; value++)
        for (size_t at = 0; at < m.body.n; at++) {
            memcpy(body, m.body.p, m.body.n);
            body[at] = (char)(value == 0 ? 0xff : value == 1 ? body[at] + 1 : body[at] ^ 0x80);
            set_checksum(body, m.body.n);
            refused += !opens(body, m.body.n);
        }
    assert_true(refused > m.body.n - names);
    memcpy(body, m.body.p, m.body.n);
    memset(body + m.body.n, 0, 8);
    set_checksum(body, m.body.n + 8);
    assert_false(opens(body, m.body.n + 8));
    pl_program_release(m.program);
}

static void a_page_without_records_has_its_columns(void **state) {
    (void)state;
    struct made m;
    engine_kept_page page;
    uint32_t map[16];
    make(&m, 3, 4);
    engine_kept_writer writer;
    engine_kept_begin(&writer, &arena, &m.columns);
    pl_str body = engine_kept_body(&writer);
    engine_kept_end(&writer);
    assert_int_equal(body.n, sizeof(kept_header) + m.columns.count * PL_COLUMN_NAME);
    assert_true(engine_kept_open(&arena, body, &page));
    assert_int_equal(page.count, 0);
    assert_int_equal(page.identity, 0);
    assert_int_equal(engine_kept_identity(body), 0);
    assert_true(engine_kept_bind(&page, &m.columns, map));
    assert_int_equal(engine_kept_identity(pl_str_head(body, 10)), 0);
    m.columns.names[0][3] ^= 1;
    assert_false(engine_kept_bind(&page, &m.columns, map));
    pl_program_release(m.program);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, close_arena)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(codes_take_the_bits_that_their_values_need),
        TEST(codes_come_back_whatever_their_count),
        TEST(codes_beyond_their_values_are_refused),
        TEST(series_are_as_wide_as_they_scatter),
        TEST(series_that_are_cut_off_are_refused),
        TEST(every_value_is_told_as_it_was),
        TEST(a_damaged_page_counts_as_none),
        TEST(a_page_that_cannot_be_leads_nowhere),
        TEST(a_page_without_records_has_its_columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
