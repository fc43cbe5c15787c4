/*
 * Kept columns: the form of a page, and the values of resources put together to one.
 *
 * A page is a header, the names of the columns, keys and capture times, the places, the tape and the strings,
 * each part beginning at a multiple of eight bytes. The tape begins with a root word, so that place 0 means
 * "not there" to whoever looks, and an empty object.
 */
#include "engine/kept.h"

enum { MAGIC = 0x314b4c50, LANES = 4, FIRST_PLACE = 3, TAPE_BYTES = 64 << 20, ROW_BYTES = 32 };

typedef struct header {
    uint32_t magic; /* also tells the byte order */
    uint32_t records, columns, words, string_bytes, wide;
    uint64_t checksum; /* of the header with 0 here, and of everything behind it */
} header;

static size_t padded(size_t n) {
    return (n + 7) & ~(size_t)7;
}

/* Against accidents, in independent lanes so that the multiplications overlap. */
static uint64_t checksum_of(const header *head, const char *bytes, size_t n) {
    uint64_t lanes[LANES] = {head->magic ^ (uint64_t)head->records << 32,
                             head->columns ^ (uint64_t)head->words << 32,
                             head->string_bytes ^ (uint64_t)head->wide << 32, n},
             sum = 0, word;
    for (size_t at = 0; at + sizeof word <= n; at += sizeof word) {
        memcpy(&word, bytes + at, sizeof word);
        lanes[at / sizeof word % LANES] = (lanes[at / sizeof word % LANES] ^ word) * 0x9e3779b97f4a7c15ULL;
    }
    for (size_t i = 0; i < LANES; i++)
        sum = ((sum << 23 | sum >> 41) ^ lanes[i] ^ lanes[i] >> 32) * 0x9e3779b97f4a7c15ULL;
    return sum ^ sum >> 29;
}

/* --- Columns ---------------------------------------------------------------------------------------------
 */

int engine_kept_columns_of(pl_arena *arena, const pl_program *program, bool scopes, engine_kept_columns *out,
                           pl_error *error) {
    static const pl_str extras[KEPT_EXTRA] = {
        PL_STR_INIT("configuration"), PL_STR_INIT("region"), PL_STR_INIT("id"),
        PL_STR_INIT("group"),         PL_STR_INIT("name"),   PL_STR_INIT("tags")};
    const pl_column *columns;
    size_t extra = scopes ? KEPT_EXTRA : 1;
    out->program = pl_program_columns(program, &columns);
    out->count = out->program + extra;
    out->names = pl_arena_calloc(arena, out->count, PL_COLUMN_NAME);
    if (!out->names)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < out->program; i++)
        memcpy(out->names[i], columns[i].name, PL_COLUMN_NAME);
    for (size_t i = 0; i < extra; i++)
        if (!pl_column_name(extras[i], out->names[out->program + i]))
            return pl_fail(error, PL_E_ServiceUnavailable);
    return 0;
}

/* --- Reading ---------------------------------------------------------------------------------------------
 */

static bool places_are_sound(const engine_kept_page *p, uint32_t words) {
    const uint16_t *narrow = p->places;
    const uint32_t *wide = p->places;
    uint32_t highest = 0;
    for (size_t i = 0, n = p->count * p->columns; i < n; i++) {
        uint32_t place = p->wide ? wide[i] : narrow[i];
        highest = place > highest ? place : highest;
    }
    return highest < words;
}

/* The bytes of all parts, or 0 when the header cannot be. */
static size_t size_of(const header *h) {
    if (h->magic != MAGIC || h->records > ENGINE_KEPT_RECORDS || h->columns > ENGINE_KEPT_COLUMNS ||
        h->words > TAPE_BYTES || h->string_bytes > TAPE_BYTES || h->wide > 1 || h->words < FIRST_PLACE)
        return 0;
    size_t places = (size_t)h->records * h->columns * (h->wide ? 4 : 2);
    return sizeof *h + (size_t)h->columns * PL_COLUMN_NAME + (size_t)h->records * 16 + padded(places) +
           (size_t)h->words * 8 + padded(h->string_bytes);
}

/* The checksum, which tells pages apart that ever stood in one place. */
static int64_t identity_of(const header *h) {
    int64_t identity;
    memcpy(&identity, &h->checksum, sizeof identity);
    return h->records == 0 ? 0 : identity ? identity : 1;
}

int64_t engine_kept_identity(pl_str body) {
    header h;
    if (body.n < sizeof h)
        return 0;
    memcpy(&h, body.p, sizeof h);
    return identity_of(&h);
}

bool engine_kept_open(pl_arena *arena, pl_str body, engine_kept_page *out) {
    header h;
    if (body.n < sizeof h)
        return false;
    memcpy(&h, body.p, sizeof h);
    if (size_of(&h) != body.n)
        return false;
    size_t n = body.n - sizeof h;
    char *at = pl_arena_take(arena, n);
    if (!at)
        return false;
    memcpy(at, body.p + sizeof h, n);
    if (checksum_of(&h, at, n) != h.checksum)
        return false;
    out->count = h.records;
    out->columns = h.columns;
    out->wide = h.wide != 0;
    out->words = h.words;
    out->identity = identity_of(&h);
    out->names = (unsigned char(*)[PL_COLUMN_NAME])(void *)at;
    at += (size_t)h.columns * PL_COLUMN_NAME;
    out->keys = (const void *)at;
    at += (size_t)h.records * sizeof(int64_t);
    out->captures = (const void *)at;
    at += (size_t)h.records * sizeof(int64_t);
    out->places = at;
    at += padded((size_t)h.records * h.columns * (h.wide ? 4 : 2));
    out->root = (pl_json){(const void *)at, (const uint8_t *)at + (size_t)h.words * sizeof(uint64_t), 1};
    return places_are_sound(out, h.words);
}

bool engine_kept_bind(const engine_kept_page *page, const engine_kept_columns *wanted, uint32_t *map) {
    for (size_t i = 0; i < wanted->count; i++) {
        size_t at = 0;
        while (at < page->columns && memcmp(page->names[at], wanted->names[i], PL_COLUMN_NAME) != 0)
            at++;
        if (at == page->columns)
            return false;
        map[i] = (uint32_t)at;
    }
    return true;
}

void engine_kept_places(const engine_kept_page *page, size_t record, const uint32_t *map, size_t count,
                        uint32_t *places) {
    if (page->wide) {
        const uint32_t *row = (const uint32_t *)page->places + record * page->columns;
        for (size_t i = 0; i < count; i++)
            places[i] = row[map[i]];
    } else {
        const uint16_t *row = (const uint16_t *)page->places + record * page->columns;
        for (size_t i = 0; i < count; i++)
            places[i] = row[map[i]];
    }
}

pl_str engine_kept_text(const engine_kept_page *page, uint32_t place) {
    return pl_json_str(pl_json_move(page->root, place));
}

/* --- Writing ---------------------------------------------------------------------------------------------
 */

static void add_word(engine_kept_writer *w, char tag, uint64_t payload) {
    uint64_t word = (uint64_t)(unsigned char)tag << 56 | payload;
    pl_buf_add(&w->words, pl_str_of((const char *)&word, sizeof word));
}

static uint32_t words_of(const engine_kept_writer *w) {
    return (uint32_t)(w->words.n / sizeof(uint64_t));
}

void engine_kept_begin(engine_kept_writer *w, pl_arena *arena, const engine_kept_columns *columns) {
    *w = (engine_kept_writer){.arena = arena, .columns = columns};
    pl_buf_init(&w->words, TAPE_BYTES);
    pl_buf_init(&w->strings, TAPE_BYTES);
    pl_buf_init(&w->scratch, TAPE_BYTES);
    pl_map_init(&w->values, 0);
    add_word(w, 'r', 0);
    add_word(w, '{', 3);
    add_word(w, '}', 1);
}

void engine_kept_end(engine_kept_writer *w) {
    pl_buf_free(&w->words);
    pl_buf_free(&w->strings);
    pl_buf_free(&w->scratch);
    pl_map_free(&w->values);
}

static void add_string(engine_kept_writer *w, pl_str text) {
    uint32_t n = (uint32_t)text.n;
    add_word(w, '"', w->strings.n);
    pl_buf_add(&w->strings, pl_str_of((const char *)&n, sizeof n));
    pl_buf_add(&w->strings, text);
    pl_buf_add_char(&w->strings, '\0');
}

/* Copies the words of a value; places inside move with it, strings are written anew. */
static void copy_value(engine_kept_writer *w, pl_json node) {
    uint32_t end = pl_json_behind(node), to = words_of(w);
    for (pl_json here = node; here.at < end; here.at++) {
        uint64_t payload = pl_json_word(here) & PL_JSON_PAYLOAD_MASK;
        char tag = pl_json_tag(here);
        if (tag == '"') {
            add_string(w, pl_json_text(here));
            continue;
        }
        if (tag == '{' || tag == '[' || tag == '}' || tag == ']')
            payload = (payload & ~(uint64_t)UINT32_MAX) | ((uint32_t)payload - node.at + to);
        add_word(w, tag, payload);
        if (tag == 'l' || tag == 'u' || tag == 'd') {
            uint64_t number = here.tape[++here.at];
            pl_buf_add(&w->words, pl_str_of((const char *)&number, sizeof number));
        }
    }
}

/* What tells a value from every other: types count, not only the text. */
static void write_identity(pl_buf *out, pl_json node) {
    uint32_t end = pl_json_behind(node);
    for (pl_json here = node; here.at < end; here.at++) {
        char tag = pl_json_tag(here);
        pl_buf_add_char(out, tag);
        if (tag == '"') {
            uint32_t n = (uint32_t)pl_json_text(here).n;
            pl_buf_add(out, pl_str_of((const char *)&n, sizeof n));
            pl_buf_add(out, pl_json_text(here));
        } else if (tag == 'l' || tag == 'u' || tag == 'd') {
            here.at++;
            pl_buf_add(out, pl_str_of((const char *)&here.tape[here.at], sizeof(uint64_t)));
        }
    }
}

static uint32_t known_place(engine_kept_writer *w) {
    return (uint32_t)(uintptr_t)pl_map_get(&w->values, pl_buf_str(&w->scratch));
}

static void remember(engine_kept_writer *w, uint32_t place) {
    pl_str key = pl_arena_copy(w->arena, pl_buf_str(&w->scratch));
    if (!key.p || !pl_map_put(&w->values, key, (void *)(uintptr_t)place))
        w->failed = true;
}

static uint32_t place_value(engine_kept_writer *w, pl_json node) {
    pl_buf_clear(&w->scratch);
    write_identity(&w->scratch, node);
    uint32_t place = known_place(w);
    if (place)
        return place;
    place = words_of(w);
    copy_value(w, node);
    remember(w, place);
    return place;
}

static uint32_t place_text(engine_kept_writer *w, pl_str text) {
    uint32_t n = (uint32_t)text.n;
    pl_buf_clear(&w->scratch);
    pl_buf_add_char(&w->scratch, '"');
    pl_buf_add(&w->scratch, pl_str_of((const char *)&n, sizeof n));
    pl_buf_add(&w->scratch, text);
    uint32_t place = known_place(w);
    if (place)
        return place;
    place = words_of(w);
    add_string(w, text);
    remember(w, place);
    return place;
}

static uint32_t *new_record(engine_kept_writer *w, const inventory_resource *r) {
    size_t columns = w->columns->count, at = w->count * columns;
    int64_t *keys = pl_arena_grow(w->arena, w->keys, w->count, &w->key_capacity, sizeof *keys);
    int64_t *captures =
        pl_arena_grow(w->arena, w->captures, w->count, &w->capture_capacity, sizeof *captures);
    uint32_t *places = w->places;
    if (at + columns > w->place_capacity) {
        size_t larger = 2 * w->place_capacity + 64 * columns;
        places = pl_new(w->arena, uint32_t, larger);
        if (places && at)
            memcpy(places, w->places, at * sizeof *places);
        w->place_capacity = larger;
    }
    if (!keys || !captures || !places) {
        w->failed = true;
        return NULL;
    }
    w->keys = keys;
    w->captures = captures;
    w->places = places;
    keys[w->count] = r->resource_key;
    captures[w->count++] = r->capture_time;
    return places + at;
}

void engine_kept_add(engine_kept_writer *w, const inventory_resource *r, pl_json configuration, pl_json tags,
                     const uint32_t *places) {
    uint32_t *out = w->failed ? NULL : new_record(w, r);
    if (!out)
        return;
    for (size_t i = 0; i < w->columns->program; i++)
        out[i] = places[i] ? place_value(w, pl_json_move(configuration, places[i])) : 0;
    uint32_t *extra = out + w->columns->program;
    extra[KEPT_CONFIGURATION] = pl_json_exists(configuration) && !pl_json_is_null(configuration);
    w->text_bytes += r->configuration.n;
    if (w->columns->count == w->columns->program + 1)
        return;
    extra[KEPT_REGION] = place_text(w, r->region_id);
    extra[KEPT_ID] = place_text(w, r->resource_id);
    extra[KEPT_GROUP] = place_text(w, r->group_id);
    extra[KEPT_NAME] = place_text(w, r->name);
    extra[KEPT_TAGS] = pl_json_exists(tags) ? place_value(w, tags) : 0;
}

static void pad(pl_buf *out) {
    static const char zeros[8];
    pl_buf_add(out, pl_str_of(zeros, padded(out->n) - out->n));
}

static void add_places(pl_buf *out, const engine_kept_writer *w, size_t records, bool wide) {
    for (size_t i = 0; i < records * w->columns->count; i++) {
        uint16_t narrow = (uint16_t)w->places[i];
        pl_buf_add(out, wide ? pl_str_of((const char *)&w->places[i], sizeof w->places[i])
                             : pl_str_of((const char *)&narrow, sizeof narrow));
    }
    pad(out);
}

/* All parts; `records` 0: the page is declined. */
static void add_parts(pl_buf *out, engine_kept_writer *w, size_t records) {
    static const char zeros[PL_JSON_STRING_PADDING];
    uint32_t words = records ? words_of(w) : FIRST_PLACE;
    pl_str strings = records ? pl_buf_str(&w->strings) : PL_STR("");
    header h = {.magic = MAGIC,
                .records = (uint32_t)records,
                .columns = (uint32_t)w->columns->count,
                .words = words,
                .string_bytes = (uint32_t)(strings.n + sizeof zeros),
                .wide = words > UINT16_MAX};
    pl_buf_add(out, pl_str_of((const char *)&h, sizeof h));
    pl_buf_add(out, pl_str_of((const char *)w->columns->names, w->columns->count * PL_COLUMN_NAME));
    pl_buf_add(out, pl_str_of((const char *)w->keys, records * sizeof *w->keys));
    pl_buf_add(out, pl_str_of((const char *)w->captures, records * sizeof *w->captures));
    add_places(out, w, records, h.wide != 0);
    pl_buf_add(out, pl_str_head(pl_buf_str(&w->words), words * sizeof(uint64_t)));
    pl_buf_add(out, strings);
    pl_buf_add(out, pl_str_of(zeros, sizeof zeros));
    pad(out);
    if (out->failed)
        return;
    h.checksum = checksum_of(&h, out->p + sizeof h, out->n - sizeof h);
    memcpy(out->p, &h, sizeof h);
}

pl_str engine_kept_body(engine_kept_writer *w) {
    pl_buf out;
    bool failed = w->failed || w->words.failed || w->strings.failed || w->scratch.failed ||
                  w->columns->count > ENGINE_KEPT_COLUMNS;
    if (failed)
        return PL_STR_NONE;
    pl_buf_init(&out, (size_t)4 * TAPE_BYTES);
    add_parts(&out, w, w->count);
    if (out.n > w->text_bytes / 2 + w->count * ROW_BYTES + 4096) {
        pl_buf_clear(&out);
        add_parts(&out, w, 0);
    }
    pl_str body = out.failed ? PL_STR_NONE : pl_arena_copy(w->arena, pl_buf_str(&out));
    pl_buf_free(&out);
    return body;
}
