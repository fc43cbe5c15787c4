/* Decoding and ordering the parameters of a request. Owns nothing: all memory is the caller's arena. */
#include "api/fields.h"

#include "base/encode.h"

#include <stdlib.h>

int api_fields_add(api_fields *fields, pl_arena *arena, api_field field, pl_error *error) {
    if (fields->count == API_FIELDS_MAX)
        return pl_failf(error, PL_E_InvalidParameter, "The request has more than %d parameters.",
                        API_FIELDS_MAX);
    api_field *items =
        pl_arena_grow(arena, fields->items, fields->count, &fields->capacity, sizeof *fields->items);
    if (!items)
        return pl_fail(error, PL_E_ServiceUnavailable);
    fields->items = items;
    field.position = (uint32_t)fields->count;
    items[fields->count++] = field;
    return 0;
}

/* A text without escapes stays where it is; any other is decoded into the arena, where it needs no more room.
 */
static int decode(pl_arena *arena, pl_str text, pl_str *decoded, pl_error *error) {
    *decoded = text;
    if (pl_str_find_char(text, '%') == PL_NOT_FOUND && pl_str_find_char(text, '+') == PL_NOT_FOUND)
        return 0;
    char *room = pl_arena_alloc(arena, text.n);
    if (!room)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_buf into = {.p = room, .capacity = text.n, .limit = text.n};
    if (!pl_percent_decode(&into, text, true))
        return pl_fail(error, PL_E_InvalidParameter_Encoding);
    *decoded = pl_buf_str(&into);
    return 0;
}

static int decode_one(api_fields *fields, pl_arena *arena, pl_str pair, bool in_body, pl_error *error) {
    api_field field = {.in_body = in_body};
    size_t equals = pl_str_find_char(pair, '=');
    pl_str name = equals == PL_NOT_FOUND ? pair : pl_str_head(pair, equals);
    pl_str value = equals == PL_NOT_FOUND ? PL_STR("") : pl_str_skip(pair, equals + 1);
    if (decode(arena, name, &field.name, error) != 0 || decode(arena, value, &field.value, error) != 0)
        return -1;
    return api_fields_add(fields, arena, field, error);
}

int api_fields_decode(api_fields *fields, pl_arena *arena, pl_str encoded, bool in_body, pl_error *error) {
    pl_str pair;
    while (pl_str_split(&encoded, '&', &pair)) {
        if (pair.n > 0 && decode_one(fields, arena, pair, in_body, error) != 0)
            return -1;
    }
    return 0;
}

/* Text of a JSON value: a string's own bytes, anything else as JSON wrote it. */
static int json_text(pl_arena *arena, pl_json value, pl_str *text, pl_error *error) {
    if (pl_json_is_string(value)) {
        *text = pl_json_text(value);
        return 0;
    }
    pl_buf out;
    pl_buf_init(&out, arena->limit);
    pl_json_write_text(&out, value);
    *text = out.failed ? PL_STR_NONE : pl_arena_copy(arena, pl_buf_str(&out));
    pl_buf_free(&out);
    return text->p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

int api_fields_from_json(api_fields *fields, pl_arena *arena, pl_json object, pl_error *error) {
    if (!pl_json_is_object(object))
        return pl_failf(error, PL_E_InvalidRequestBody, "The JSON body must be an object of parameters.");
    api_field field = {.in_body = true};
    for (pl_json_walk walk = pl_json_children(object); pl_json_step(&walk, &field.name, &field.json);) {
        if (pl_json_is_null(field.json))
            continue;
        bool container = pl_json_is_array(field.json) || pl_json_is_object(field.json);
        field.value = PL_STR("");
        if (!container && json_text(arena, field.json, &field.value, error) != 0)
            return -1;
        if (api_fields_add(fields, arena, field, error) != 0)
            return -1;
    }
    return 0;
}

static int order(const void *a, const void *b) {
    const api_field *left = a, *right = b;
    int by_name = pl_str_cmp(left->name, right->name);
    if (by_name != 0)
        return by_name;
    int by_value = pl_str_cmp(left->value, right->value);
    return by_value != 0 ? by_value : (left->position > right->position) - (left->position < right->position);
}

void api_fields_sort(api_fields *fields) {
    if (fields->count > 1)
        qsort(fields->items, fields->count, sizeof *fields->items, order);
}

static bool same_value(const api_field *a, const api_field *b) {
    if (pl_json_exists(a->json) || pl_json_exists(b->json))
        return pl_json_exists(a->json) && pl_json_exists(b->json) && pl_json_equal(a->json, b->json);
    return pl_str_eq(a->value, b->value);
}

int api_fields_merge(api_fields *fields, pl_error *error) {
    api_fields_sort(fields);
    size_t kept = 0;
    for (size_t i = 0; i < fields->count; i++) {
        const api_field *field = &fields->items[i];
        if (kept == 0 || !pl_str_eq(fields->items[kept - 1].name, field->name)) {
            fields->items[kept++] = *field;
            continue;
        }
        if (!same_value(&fields->items[kept - 1], field))
            return pl_failf(error, PL_E_InvalidParameter,
                            "The parameter \"%.*s\" is given twice with different values.",
                            PL_FMT(field->name));
    }
    fields->count = kept;
    return 0;
}

/* Index of the first field whose name is not before `name`. */
static size_t lower_bound(const api_fields *fields, pl_str name) {
    size_t low = 0, high = fields->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (pl_str_cmp(fields->items[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const api_field *api_fields_find(const api_fields *fields, pl_str name) {
    size_t at = lower_bound(fields, name);
    return at < fields->count && pl_str_eq(fields->items[at].name, name) ? &fields->items[at] : NULL;
}

pl_str api_fields_text(const api_fields *fields, pl_str name) {
    const api_field *field = api_fields_find(fields, name);
    return field ? field->value : PL_STR_NONE;
}

size_t api_fields_with_prefix(const api_fields *fields, pl_str prefix, const api_field **first) {
    size_t at = lower_bound(fields, prefix), end = at;
    while (end < fields->count && pl_str_starts(fields->items[end].name, prefix))
        end++;
    *first = fields->items ? fields->items + at : NULL;
    return end - at;
}
