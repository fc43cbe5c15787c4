/*
 * The values of resources put together to a page, in the form of engine/kept_form.h. While resources are
 * added, values stand in the order in which they came, with numbers of strings in their words and brackets
 * that count from the value's beginning, as they will be written.
 */
#include "engine/kept_form.h"

enum {
    ROW_BYTES = 32,
    RECENT = 16,        /* values of a column that are found without a map, by what is easily seen of them */
    MEMORY = RECENT + 1 /* and the last that was new, which the next is probably like */
};

void engine_kept_begin(engine_kept_writer *w, pl_arena *arena, const engine_kept_columns *columns) {
    *w = (engine_kept_writer){.arena = arena, .columns = columns};
    pl_buf_init(&w->words, KEPT_TAPE_BYTES);
    pl_buf_init(&w->strings, KEPT_TAPE_BYTES);
    pl_buf_init(&w->scratch, KEPT_TAPE_BYTES);
    pl_map_init(&w->known, 0);
    pl_map_init(&w->texts, 0);
    pl_map_init(&w->forms, 0);
    w->recent = pl_new(arena, uint32_t, columns->count * MEMORY + 1);
    w->failed = !w->recent;
}

void engine_kept_end(engine_kept_writer *w) {
    pl_buf_free(&w->words);
    pl_buf_free(&w->strings);
    pl_buf_free(&w->scratch);
    pl_map_free(&w->known);
    pl_map_free(&w->texts);
    pl_map_free(&w->forms);
}

/* --- Values ----------------------------------------------------------------------------------------------
 */

static uint32_t number_of(const pl_map *map, pl_str key) {
    return (uint32_t)(uintptr_t)pl_map_get(map, key);
}

static void remember(engine_kept_writer *w, pl_map *map, pl_str key, uint32_t number) {
    pl_str copy = pl_arena_copy(w->arena, key);
    if (!copy.p || !pl_map_put(map, copy, (void *)(uintptr_t)number))
        w->failed = true;
}

static pl_str text_of(const engine_kept_writer *w, uint64_t number) {
    const char *at = w->strings.p + w->text_at[number];
    uint32_t n;
    memcpy(&n, at, sizeof n);
    return pl_str_of(at + sizeof n, n);
}

static uint32_t append_string(engine_kept_writer *w, pl_str text) {
    uint32_t n = (uint32_t)text.n;
    uint32_t *grown = pl_arena_grow(w->arena, w->text_at, w->text_count, &w->text_capacity, sizeof *grown);
    if (!grown) {
        w->failed = true;
        return 0;
    }
    w->text_at = grown;
    grown[w->text_count] = (uint32_t)w->strings.n;
    pl_buf_add(&w->strings, pl_str_of((const char *)&n, sizeof n));
    pl_buf_add(&w->strings, text);
    pl_buf_add_char(&w->strings, '\0');
    w->failed = w->failed || w->strings.failed;
    return (uint32_t)w->text_count++;
}

/* Texts inside of values, each once; `like` is a word that may be the same. */
static uint32_t add_string(engine_kept_writer *w, pl_str text, uint64_t like) {
    if (like >> 56 == '"' && pl_str_eq(text_of(w, like & PL_JSON_PAYLOAD_MASK), text))
        return (uint32_t)like;
    uint32_t number = number_of(&w->texts, text);
    if (number)
        return number - 1;
    number = append_string(w, text);
    remember(w, &w->texts, text, number + 1);
    return number;
}

static void add_word(engine_kept_writer *w, uint64_t word) {
    pl_buf_add(&w->words, pl_str_of((const char *)&word, sizeof word));
}

static uint32_t words_of(const engine_kept_writer *w) {
    return (uint32_t)(w->words.n / sizeof(uint64_t));
}

/* A word of the value that the column had anew before this one; 0: there is none. */
static uint64_t word_of(const engine_kept_writer *w, uint32_t value, uint32_t number) {
    uint64_t word = 0;
    if (value < KEPT_FIRST_VALUE)
        return 0;
    const engine_kept_value *v = &w->values[value - KEPT_FIRST_VALUE];
    if (number < w->shapes[v->shape].length)
        memcpy(&word, w->words.p + (v->at + number) * sizeof word, sizeof word);
    return word;
}

/* Copies the words of a value, and writes what tells its shape: all but strings and numbers. */
static void copy_value(engine_kept_writer *w, pl_json node, uint32_t like) {
    uint32_t end = pl_json_behind(node);
    for (pl_json here = node; here.at < end && !w->failed; here.at++) {
        char tag = pl_json_tag(here);
        uint64_t word = pl_json_word(here);
        pl_buf_add_char(&w->scratch, tag);
        if (tag == '"')
            word =
                (uint64_t)'"' << 56 | add_string(w, pl_json_text(here), word_of(w, like, here.at - node.at));
        if (kept_is_bracket(tag)) {
            word = (word & ~(uint64_t)UINT32_MAX) | ((uint32_t)word - node.at);
            pl_buf_add(&w->scratch, pl_str_of((const char *)&word, sizeof word));
        }
        add_word(w, word);
        if (kept_is_number(tag))
            add_word(w, here.tape[++here.at]);
    }
}

/* The shape that is told in `scratch`. */
static uint32_t shape_of(engine_kept_writer *w, uint32_t length) {
    uint32_t number = number_of(&w->forms, pl_buf_str(&w->scratch));
    if (number)
        return number - 1;
    engine_kept_shape *grown =
        pl_arena_grow(w->arena, w->shapes, w->shape_count, &w->shape_capacity, sizeof *grown);
    if (!grown) {
        w->failed = true;
        return 0;
    }
    w->shapes = grown;
    grown[w->shape_count++] = (engine_kept_shape){.length = length};
    remember(w, &w->forms, pl_buf_str(&w->scratch), (uint32_t)w->shape_count);
    return (uint32_t)w->shape_count - 1;
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
        } else if (kept_is_number(tag)) {
            here.at++;
            pl_buf_add(out, pl_str_of((const char *)&here.tape[here.at], sizeof(uint64_t)));
        }
    }
}

/* Makes the words from `at` on, whose shape is told in `scratch`, a value; what it is called. */
static uint32_t add_value(engine_kept_writer *w, uint32_t at) {
    uint32_t shape = shape_of(w, words_of(w) - at);
    engine_kept_value *grown =
        pl_arena_grow(w->arena, w->values, w->value_count, &w->value_capacity, sizeof *grown);
    if (!grown || w->failed || w->words.failed) {
        w->failed = true;
        return 0;
    }
    w->values = grown;
    grown[w->value_count++] = (engine_kept_value){at, shape, w->shapes[shape].count++};
    return (uint32_t)w->value_count - 1 + KEPT_FIRST_VALUE;
}

static void know(engine_kept_writer *w, pl_str identity, uint32_t number) {
    if (!identity.p || !pl_map_put(&w->known, identity, (void *)(uintptr_t)number))
        w->failed = true;
}

static uint32_t find_value(engine_kept_writer *w, pl_json node, uint32_t *newest) {
    pl_buf_clear(&w->scratch);
    write_identity(&w->scratch, node);
    uint32_t number = number_of(&w->known, pl_buf_str(&w->scratch)), at = words_of(w);
    if (number)
        return number;
    pl_str identity = pl_arena_copy(w->arena, pl_buf_str(&w->scratch));
    pl_buf_clear(&w->scratch);
    copy_value(w, node, *newest);
    *newest = add_value(w, at);
    know(w, identity, *newest);
    return *newest;
}

static uint32_t find_text(engine_kept_writer *w, pl_str text) {
    uint32_t n = (uint32_t)text.n, at = words_of(w);
    pl_buf_clear(&w->scratch);
    pl_buf_add_char(&w->scratch, '"');
    pl_buf_add(&w->scratch, pl_str_of((const char *)&n, sizeof n));
    pl_buf_add(&w->scratch, text);
    uint32_t number = number_of(&w->known, pl_buf_str(&w->scratch));
    if (number)
        return number;
    pl_str identity = pl_arena_copy(w->arena, pl_buf_str(&w->scratch));
    pl_buf_clear(&w->scratch);
    pl_buf_add_char(&w->scratch, '"');
    add_word(w, (uint64_t)'"' << 56 | append_string(w, text));
    number = add_value(w, at);
    know(w, identity, number);
    return number;
}

/* --- By column --------------------------------------------------------------------------------------------
 */

/* Where a text would stand among the column's recent values. */
static uint32_t *recent_text(const engine_kept_writer *w, size_t column, pl_str text) {
    unsigned seen = (unsigned)text.n;
    if (text.n)
        seen += 7U * (unsigned char)text.p[text.n - 1] + (unsigned char)text.p[text.n / 2];
    return &w->recent[column * MEMORY + seen % RECENT];
}

static bool is_text(const engine_kept_writer *w, uint32_t value, pl_str text) {
    uint64_t word = word_of(w, value, 0);
    return word >> 56 == '"' && pl_str_eq(text_of(w, word & PL_JSON_PAYLOAD_MASK), text);
}

static uint32_t place_text(engine_kept_writer *w, size_t column, pl_str text) {
    uint32_t *recent = recent_text(w, column, text);
    if (!is_text(w, *recent, text))
        *recent = find_text(w, text);
    return *recent;
}

static bool is_scalar(const engine_kept_writer *w, uint32_t value, pl_json node) {
    return word_of(w, value, 0) == pl_json_word(node) &&
           (!kept_is_number(pl_json_tag(node)) || word_of(w, value, 1) == node.tape[node.at + 1]);
}

static uint32_t place_value(engine_kept_writer *w, size_t column, pl_json node) {
    char tag = pl_json_tag(node);
    uint32_t *newest = &w->recent[column * MEMORY + RECENT], *recent;
    if (tag == '"')
        return place_text(w, column, pl_json_text(node));
    if (kept_is_bracket(tag))
        return find_value(w, node, newest);
    recent =
        &w->recent[column * MEMORY +
                   (kept_is_number(tag) ? node.tape[node.at + 1] : (uint64_t)(unsigned char)tag) % RECENT];
    if (!is_scalar(w, *recent, node))
        *recent = find_value(w, node, newest);
    return *recent;
}

/* --- Records ---------------------------------------------------------------------------------------------
 */

static uint32_t *new_record(engine_kept_writer *w, const inventory_resource *r) {
    size_t columns = w->columns->count, at = w->count * columns;
    uint64_t *keys = pl_arena_grow(w->arena, w->keys, w->count, &w->key_capacity, sizeof *keys);
    uint64_t *captures =
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
    keys[w->count] = (uint64_t)r->resource_key;
    captures[w->count++] = (uint64_t)r->capture_time;
    return places + at;
}

void engine_kept_add(engine_kept_writer *w, const inventory_resource *r, pl_json configuration, pl_json tags,
                     const uint32_t *places) {
    uint32_t *out = w->failed ? NULL : new_record(w, r);
    if (!out)
        return;
    for (size_t i = 0; i < w->columns->program; i++)
        out[i] = places[i] ? place_value(w, i, pl_json_move(configuration, places[i])) : 0;
    size_t program = w->columns->program;
    uint32_t *extra = out + program;
    extra[KEPT_CONFIGURATION] = pl_json_exists(configuration) && !pl_json_is_null(configuration);
    w->text_bytes += r->configuration.n;
    if (w->columns->count == w->columns->program + 1)
        return;
    extra[KEPT_REGION] = place_text(w, program + KEPT_REGION, r->region_id);
    extra[KEPT_ID] = place_text(w, program + KEPT_ID, r->resource_id);
    extra[KEPT_GROUP] = place_text(w, program + KEPT_GROUP, r->group_id);
    extra[KEPT_NAME] = place_text(w, program + KEPT_NAME, r->name);
    extra[KEPT_TAGS] = pl_json_exists(tags) ? place_value(w, program + KEPT_TAGS, tags) : 0;
}

/* --- The body --------------------------------------------------------------------------------------------
 */

struct making {
    engine_kept_writer *w;
    pl_buf out;
    uint64_t *series;   /* room for one */
    uint64_t *words;    /* of a shape: what its values have in common, then flags */
    uint32_t *by_shape; /* values, shape by shape */
    uint16_t *codes;    /* of a column, by value + 1; all 0 between two columns */
};

/* Room for everything that is made on the way; also sorts the values by shape. */
static bool prepare(struct making *m) {
    engine_kept_writer *w = m->w;
    size_t series = w->value_count > w->count ? w->value_count : w->count, longest = 0, first = 0;
    for (size_t i = 0; i < w->shape_count; i++) {
        w->shapes[i].first = (uint32_t)first;
        first += w->shapes[i].count;
        longest = w->shapes[i].length > longest ? w->shapes[i].length : longest;
    }
    m->series = pl_arena_take(w->arena, (series + 1) * sizeof *m->series);
    m->words = pl_arena_take(w->arena, (longest + kept_flags(longest) + 1) * sizeof *m->words);
    m->by_shape = pl_new(w->arena, uint32_t, w->value_count + 1);
    m->codes = pl_new(w->arena, uint16_t, w->value_count + KEPT_FIRST_VALUE);
    if (w->arena->failed)
        return false;
    for (size_t i = 0; i < w->value_count; i++)
        m->by_shape[w->shapes[w->values[i].shape].first + w->values[i].turn] = (uint32_t)i;
    return true;
}

/* One word of all values of a shape; true when they differ. */
static bool gather_words(struct making *m, const engine_kept_shape *shape, size_t number) {
    const uint64_t *words = (const void *)m->w->words.p;
    uint64_t differ = 0;
    for (size_t i = 0; i < shape->count; i++) {
        m->series[i] = words[m->w->values[m->by_shape[shape->first + i]].at + number];
        differ |= m->series[i] ^ m->series[0];
    }
    return differ != 0;
}

static void add_shape(struct making *m, const engine_kept_shape *shape) {
    kept_shape_head head = {shape->length, shape->count};
    uint64_t *flags = m->words + shape->length;
    bool number = false;
    memset(flags, 0, kept_flags(shape->length) * sizeof *flags);
    for (size_t i = 0; i < shape->length; i++) {
        bool varies = gather_words(m, shape, i);
        m->words[i] = !varies ? m->series[0] : number ? 0 : (uint64_t)'"' << 56;
        flags[i / 64] |= (uint64_t)varies << i % 64;
        number = !number && kept_is_number((char)(m->words[i] >> 56));
    }
    pl_buf_add(&m->out, pl_str_of((const char *)&head, sizeof head));
    pl_buf_add(&m->out, pl_str_of((const char *)m->words,
                                  (shape->length + kept_flags(shape->length)) * sizeof *m->words));
    for (size_t i = 0; i < shape->length; i++) {
        if (!(flags[i / 64] >> i % 64 & 1))
            continue;
        (void)gather_words(m, shape, i);
        for (size_t n = 0; m->words[i] && n < shape->count; n++)
            m->series[n] &= PL_JSON_PAYLOAD_MASK;
        engine_series_write(&m->out, m->series, shape->count);
    }
}

/* The number that a value ends up with. */
static uint64_t final_number(const engine_kept_writer *w, uint32_t place) {
    if (place < KEPT_FIRST_VALUE)
        return place;
    const engine_kept_value *value = &w->values[place - KEPT_FIRST_VALUE];
    return KEPT_FIRST_VALUE + (uint64_t)w->shapes[value->shape].first + value->turn;
}

static uint16_t number_column(struct making *m, size_t column, uint16_t *codes) {
    const engine_kept_writer *w = m->w;
    uint16_t distinct = 0;
    for (size_t i = 0; i < w->count; i++) {
        uint32_t place = w->places[i * w->columns->count + column];
        if (m->codes[place] == 0) {
            m->series[distinct++] = final_number(w, place);
            m->codes[place] = distinct;
        }
        codes[i] = (uint16_t)(m->codes[place] - 1);
    }
    for (size_t i = 0; i < w->count; i++)
        m->codes[w->places[i * w->columns->count + column]] = 0;
    return distinct;
}

/* How many values each column has stands before all that is needed to know it. */
static void add_columns(struct making *m, size_t counts) {
    uint16_t codes[ENGINE_KEPT_RECORDS];
    for (size_t i = 0; i < m->w->columns->count; i++) {
        uint16_t distinct = number_column(m, i, codes);
        engine_series_write(&m->out, m->series, distinct);
        engine_codes_write(&m->out, codes, m->w->count, distinct);
        if (!m->out.failed)
            memcpy(m->out.p + counts + i * sizeof distinct, &distinct, sizeof distinct);
    }
}

static void add_records(struct making *m) {
    engine_kept_writer *w = m->w;
    static const char zeros[sizeof(uint16_t)];
    size_t counts = m->out.n;
    for (size_t i = 0; i < w->columns->count; i++)
        pl_buf_add(&m->out, pl_str_of(zeros, sizeof zeros));
    engine_series_write(&m->out, w->keys, w->count);
    engine_series_write(&m->out, w->captures, w->count);
    pl_buf_add(&m->out, pl_buf_str(&w->strings));
    for (size_t i = 0; i < w->shape_count; i++)
        add_shape(m, &w->shapes[i]);
    add_columns(m, counts);
}

/* What the page would be in memory is weighed against what it saves. */
static bool is_worth_it(const engine_kept_writer *w) {
    size_t bytes = w->words.n + w->strings.n + w->count * w->columns->count * sizeof(uint16_t);
    return w->count <= ENGINE_KEPT_RECORDS && bytes <= w->text_bytes / 2 + w->count * ROW_BYTES + 4096;
}

static void add_parts(struct making *m) {
    const engine_kept_writer *w = m->w;
    bool kept = w->count && is_worth_it(w);
    kept_header h = {.magic = KEPT_MAGIC, .columns = (uint32_t)w->columns->count, .words = KEPT_FIRST_PLACE};
    if (kept) {
        h.records = (uint32_t)w->count;
        h.words += words_of(w);
        h.values = (uint32_t)w->value_count;
        h.shapes = (uint32_t)w->shape_count;
        h.strings = (uint32_t)w->text_count;
        h.string_bytes = (uint32_t)w->strings.n;
    }
    pl_buf_add(&m->out, pl_str_of((const char *)&h, sizeof h));
    pl_buf_add(&m->out, pl_str_of((const char *)w->columns->names, w->columns->count * PL_COLUMN_NAME));
    if (kept)
        add_records(m);
    if (m->out.failed)
        return;
    h.checksum = engine_kept_checksum(&h, m->out.p + sizeof h, m->out.n - sizeof h);
    memcpy(m->out.p, &h, sizeof h);
}

pl_str engine_kept_body(engine_kept_writer *w) {
    struct making m = {.w = w};
    if (w->failed || w->words.failed || w->strings.failed || w->scratch.failed ||
        w->columns->count > ENGINE_KEPT_COLUMNS || !prepare(&m))
        return PL_STR_NONE;
    pl_buf_init(&m.out, (size_t)4 * KEPT_TAPE_BYTES);
    add_parts(&m);
    pl_str body = m.out.failed ? PL_STR_NONE : pl_arena_copy(w->arena, pl_buf_str(&m.out));
    pl_buf_free(&m.out);
    return body;
}
