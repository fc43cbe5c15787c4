/*
 * Opening a kept page: its parts are unpacked in the order in which they stand (engine/kept_form.h).
 *
 * INVARIANT: the checksum holds accidents off. Beyond it every number is still checked before it is used, so
 * that unpacking stays inside of the body and of its own room and every string lies in the page; that the
 * words of a shape follow each other as those of a value do is believed.
 */
#include "engine/kept_form.h"

struct opening {
    pl_arena *arena;
    engine_packed from;
    kept_header head;
    uint64_t *words, *scratch; /* the tape; room for a series */
    uint32_t *strings;         /* where each begins */
    char *text;
    uint32_t *places;                 /* of each value by number */
    uint32_t word_count, value_count; /* unpacked so far */
    engine_kept_page *out;
};

static bool is_possible(const kept_header *h) {
    return h->magic == KEPT_MAGIC && h->records <= ENGINE_KEPT_RECORDS && h->columns <= ENGINE_KEPT_COLUMNS &&
           h->words >= KEPT_FIRST_PLACE && h->words <= KEPT_TAPE_WORDS && h->values <= h->words &&
           h->shapes <= h->values && h->strings <= h->string_bytes && h->string_bytes <= KEPT_TAPE_BYTES;
}

static bool take_room(struct opening *o) {
    const kept_header *h = &o->head;
    size_t scratch = h->values > h->records ? h->values : h->records;
    o->words = pl_arena_take(o->arena, ((size_t)h->words + 1) * sizeof *o->words + h->string_bytes +
                                           PL_JSON_STRING_PADDING);
    o->scratch = pl_arena_take(o->arena, (scratch + KEPT_FIRST_VALUE) * sizeof *o->scratch);
    o->strings = pl_arena_take(o->arena, ((size_t)h->strings + 1) * sizeof *o->strings);
    o->places = pl_arena_take(o->arena, ((size_t)h->values + KEPT_FIRST_VALUE) * sizeof *o->places);
    o->out->by_column = pl_new(o->arena, engine_kept_column, (size_t)h->columns + 1);
    if (o->arena->failed)
        return false;
    o->text = (char *)(o->words + h->words);
    o->out->root = (pl_json){o->words, (const uint8_t *)o->text, 1};
    o->words[0] = (uint64_t)'r' << 56;
    o->words[1] = (uint64_t)'{' << 56 | KEPT_FIRST_PLACE;
    o->words[2] = (uint64_t)'}' << 56 | 1;
    o->word_count = KEPT_FIRST_PLACE;
    o->places[0] = 0;
    o->places[1] = 1;
    o->value_count = KEPT_FIRST_VALUE;
    return true;
}

static bool read_names(struct opening *o) {
    size_t n = (size_t)o->head.columns * PL_COLUMN_NAME;
    const char *bytes = engine_packed_take(&o->from, n);
    o->out->names = pl_arena_take(o->arena, n + 1);
    if (!bytes || !o->out->names)
        return false;
    memcpy(o->out->names, bytes, n);
    return true;
}

static bool read_times(struct opening *o, const int64_t **out) {
    size_t n = o->head.records;
    uint64_t *values = pl_arena_take(o->arena, (n + 1) * sizeof *values);
    if (!values)
        return false;
    engine_series_read(&o->from, n, values);
    *out = (const int64_t *)values;
    return !o->from.failed;
}

static bool read_strings(struct opening *o) {
    size_t n = o->head.string_bytes, at = 0;
    const char *bytes = engine_packed_take(&o->from, n);
    if (!bytes)
        return false;
    memcpy(o->text, bytes, n);
    memset(o->text + n, 0, PL_JSON_STRING_PADDING);
    for (uint32_t i = 0; i < o->head.strings; i++) {
        uint32_t length;
        o->strings[i] = (uint32_t)at;
        if (n - at < sizeof length + 1)
            return false;
        memcpy(&length, bytes + at, sizeof length);
        at += sizeof length;
        if (n - at < (size_t)length + 1)
            return false;
        at += (size_t)length + 1;
    }
    return at == n;
}

/* --- Shapes ----------------------------------------------------------------------------------------------
 */

/* The shape's words, with strings that all values share where they are; false when it cannot be a value. */
static bool read_pattern(struct opening *o, const kept_shape_head *shape, const uint64_t *flags,
                         uint64_t *pattern) {
    for (size_t i = 0; i < shape->length; i++) {
        char tag = (char)(pattern[i] >> 56);
        bool varies = flags[i / 64] >> i % 64 & 1;
        if (tag == '"' && !varies) {
            uint64_t number = pattern[i] & PL_JSON_PAYLOAD_MASK;
            if (number >= o->head.strings)
                return false;
            pattern[i] = (uint64_t)'"' << 56 | o->strings[number];
        }
        bool opens = tag == '{' || tag == '[';
        if ((kept_is_bracket(tag) && (uint32_t)pattern[i] > shape->length) ||
            (opens && (uint32_t)pattern[i] <= i) || (varies && tag != '"'))
            return false;
        if (kept_is_number(tag) && ++i == shape->length)
            return false;
    }
    return true;
}

static void repeat_pattern(uint64_t *to, const uint64_t *pattern, size_t length, size_t count) {
    if (length == 1)
        for (size_t i = 0; i < count; i++)
            to[i] = *pattern;
    else
        for (size_t i = 0; i < count; i++)
            memcpy(to + i * length, pattern, length * sizeof *to);
}

/* Brackets count from the tape's beginning. */
static void move_bracket(uint64_t *to, size_t length, size_t count, uint32_t from) {
    for (size_t i = 0; i < count; i++)
        to[i * length] += from + i * length;
}

static bool read_string_series(struct opening *o, const kept_shape_head *shape, uint64_t *to) {
    uint64_t last = o->head.strings - (uint64_t)1, highest = 0;
    engine_series_read(&o->from, shape->count, o->scratch);
    if (o->from.failed || o->head.strings == 0)
        return false;
    for (size_t i = 0; i < shape->count; i++)
        highest = o->scratch[i] > highest ? o->scratch[i] : highest;
    for (size_t i = 0; highest <= last && i < shape->count; i++)
        to[i * shape->length] = (uint64_t)'"' << 56 | o->strings[o->scratch[i]];
    return highest <= last;
}

static bool read_number_series(struct opening *o, const kept_shape_head *shape, uint64_t *to) {
    engine_series_read(&o->from, shape->count, o->scratch);
    for (size_t i = 0; !o->from.failed && i < shape->count; i++)
        to[i * shape->length] = o->scratch[i];
    return !o->from.failed;
}

/* Word by word through all values at once. */
static bool fill_values(struct opening *o, const kept_shape_head *shape, const uint64_t *flags,
                        const uint64_t *pattern) {
    uint64_t *to = o->words + o->word_count;
    bool fits = true;
    repeat_pattern(to, pattern, shape->length, shape->count);
    for (size_t i = 0; fits && i < shape->length; i++) {
        char tag = (char)(pattern[i] >> 56);
        if (kept_is_bracket(tag))
            move_bracket(to + i, shape->length, shape->count, o->word_count);
        else if (tag == '"' && flags[i / 64] >> i % 64 & 1)
            fits = read_string_series(o, shape, to + i);
        else if (kept_is_number(tag) && (i++, flags[i / 64] >> i % 64 & 1))
            fits = read_number_series(o, shape, to + i);
    }
    return fits;
}

/* What the values of the shape need must be left of what the header tells. */
static bool read_shape_head(struct opening *o, kept_shape_head *shape) {
    const char *head = engine_packed_take(&o->from, sizeof *shape);
    if (!head)
        return false;
    memcpy(shape, head, sizeof *shape);
    return shape->length > 0 && shape->length <= o->head.words &&
           shape->count <= o->head.values + KEPT_FIRST_VALUE - o->value_count &&
           (uint64_t)shape->length * shape->count <= o->head.words - o->word_count;
}

static bool read_shape(struct opening *o) {
    kept_shape_head shape;
    if (!read_shape_head(o, &shape))
        return false;
    size_t n = shape.length + kept_flags(shape.length);
    const char *bytes = engine_packed_take(&o->from, n * sizeof(uint64_t));
    uint64_t *pattern = pl_arena_take(o->arena, n * sizeof *pattern);
    if (!bytes || !pattern)
        return false;
    memcpy(pattern, bytes, n * sizeof *pattern);
    const uint64_t *flags = pattern + shape.length;
    if (!read_pattern(o, &shape, flags, pattern) || !fill_values(o, &shape, flags, pattern))
        return false;
    for (uint32_t i = 0; i < shape.count; i++)
        o->places[o->value_count++] = o->word_count + i * shape.length;
    o->word_count += shape.length * shape.count;
    return true;
}

static bool read_shapes(struct opening *o) {
    for (uint32_t i = 0; i < o->head.shapes; i++)
        if (!read_shape(o))
            return false;
    return o->word_count == o->head.words && o->value_count == o->head.values + KEPT_FIRST_VALUE;
}

/* --- Columns ---------------------------------------------------------------------------------------------
 */

static bool read_column(struct opening *o, size_t distinct, engine_kept_column *out) {
    uint64_t last = (uint64_t)o->head.values + KEPT_FIRST_VALUE - 1, highest = 0;
    uint16_t *codes = pl_arena_take(o->arena, (engine_codes_room(o->head.records) + 1) * sizeof *codes);
    uint32_t *places = pl_arena_take(o->arena, (distinct + 1) * sizeof *places);
    if (!codes || !places || distinct > o->head.records)
        return false;
    engine_series_read(&o->from, distinct, o->scratch);
    engine_codes_read(&o->from, o->head.records, distinct, codes);
    if (o->from.failed)
        return false;
    for (size_t i = 0; i < distinct; i++)
        highest = o->scratch[i] > highest ? o->scratch[i] : highest;
    for (size_t i = 0; highest <= last && i < distinct; i++)
        places[i] = o->places[o->scratch[i]];
    *out = (engine_kept_column){codes, places, distinct};
    return highest <= last;
}

static bool read_columns(struct opening *o, const char *distinct) {
    for (size_t i = 0; i < o->head.columns; i++) {
        uint16_t count;
        memcpy(&count, distinct + i * sizeof count, sizeof count);
        if (!read_column(o, count, &o->out->by_column[i]))
            return false;
    }
    return true;
}

static bool read_records(struct opening *o) {
    const char *distinct = engine_packed_take(&o->from, (size_t)o->head.columns * sizeof(uint16_t));
    return distinct && read_times(o, &o->out->keys) && read_times(o, &o->out->captures) && read_strings(o) &&
           read_shapes(o) && read_columns(o, distinct);
}

bool engine_kept_open(pl_arena *arena, pl_str body, engine_kept_page *out) {
    struct opening o = {.arena = arena, .out = out};
    if (body.n < sizeof o.head)
        return false;
    memcpy(&o.head, body.p, sizeof o.head);
    o.from = (engine_packed){body.p + sizeof o.head, body.p + body.n, false};
    if (!is_possible(&o.head) ||
        engine_kept_checksum(&o.head, o.from.at, body.n - sizeof o.head) != o.head.checksum)
        return false;
    *out = (engine_kept_page){
        .count = o.head.records, .columns = o.head.columns, .identity = engine_kept_identity(body)};
    return take_room(&o) && read_names(&o) && (out->count == 0 || read_records(&o)) &&
           o.from.at == o.from.end;
}
