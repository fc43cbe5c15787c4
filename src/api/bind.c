/*
 * Binding parameters to their specification. One recursive walk over the specification; a `place` carries
 * where the walk is, so that every refusal names the element. Owns the compiled patterns.
 */
#include "api/bind.h"

#include "api/check.h"
#include "json/literal.h"
#include "json/parser.h"

#include <stdlib.h>

typedef struct binding {
    const api_binder *binder;
    const struct api_operation *operation;
    const api_fields *fields;
    pl_arena *arena;
    pl_error *error;
    const struct api_parameter *top; /* the operation's own parameter being bound: gives codes */
} binding;

/* Where a value comes from: a JSON node, or fields whose names start with the path. */
typedef struct place {
    pl_str path; /* "TagsScope.2.TagKey" */
    pl_json json;
    bool from_json;
    bool in_list; /* the node is an item of a JSON array */
    const api_field *exact;
    unsigned depth;
} place;

static int bind_value(binding *b, const struct api_parameter *spec, enum api_type type, place at,
                      api_value *out);
static int bind_members(binding *b, const struct api_parameter *specs, size_t count, place at,
                        api_value *out);

static int fail_memory(binding *b) {
    return pl_fail(b->error, PL_E_ServiceUnavailable);
}

static int refuse(binding *b, const struct api_parameter *spec, enum check_fault fault, pl_str path,
                  const char *reason) {
    return check_refuse(b->operation, b->top ? b->top : spec, spec, fault, path, reason, b->error);
}

static place below(binding *b, place at, pl_str name) {
    place next = {.depth = at.depth + 1, .from_json = at.from_json};
    next.path = at.path.n ? pl_arena_printf(b->arena, "%.*s.%.*s", PL_FMT(at.path), PL_FMT(name)) : name;
    if (at.from_json)
        next.json = pl_json_get(at.json, name);
    else
        next.exact = api_fields_find(b->fields, next.path);
    return next;
}

/* The fields below a place: those named `path.`something. */
static size_t fields_below(binding *b, place at, const api_field **first, size_t *prefix_length) {
    char *prefix = pl_arena_take(b->arena, at.path.n + 1);
    *prefix_length = at.path.n + 1;
    if (!prefix || at.from_json)
        return 0;
    memcpy(prefix, at.path.p, at.path.n);
    prefix[at.path.n] = '.';
    return api_fields_with_prefix(b->fields, pl_str_of(prefix, at.path.n + 1), first);
}

static bool was_sent(binding *b, const struct api_parameter *spec, enum api_type type, place at) {
    if (at.from_json)
        return pl_json_exists(at.json) && !pl_json_is_null(at.json);
    if (at.exact) {
        bool blank = at.exact->value.n == 0 && !pl_json_exists(at.exact->json);
        return !(blank && (spec->required || type == API_BOOLEAN || type == API_INT32 || type == API_INT64));
    }
    if (type == API_STRING || type == API_BOOLEAN || type == API_INT32 || type == API_INT64)
        return false;
    const api_field *first;
    size_t prefix_length;
    return fields_below(b, at, &first, &prefix_length) > 0;
}

/* The text of a scalar, wherever it comes from; false when it is a container. */
static bool scalar_text(binding *b, place at, pl_str *text) {
    pl_json json = at.from_json ? at.json : at.exact ? at.exact->json : PL_JSON_NONE;
    if (pl_json_is_array(json) || pl_json_is_object(json))
        return false;
    if (!at.from_json) {
        *text = at.exact ? at.exact->value : PL_STR_NONE;
        return at.exact != NULL;
    }
    if (pl_json_is_string(json)) {
        *text = pl_json_text(json);
        return true;
    }
    char digits[64];
    pl_buf out = {.p = digits, .capacity = sizeof digits, .limit = sizeof digits};
    pl_json_write_text(&out, json);
    *text = out.failed ? PL_STR_NONE : pl_arena_copy(b->arena, pl_buf_str(&out));
    return text->p != NULL;
}

static int bind_scalar(binding *b, const struct api_parameter *spec, enum api_type type, place at,
                       api_value *out) {
    out->type = type;
    if (!scalar_text(b, at, &out->text))
        return refuse(b, spec, CHECK_INVALID, at.path, "A single value is expected");
    check_fault fault;
    const char *reason = check_scalar(b->binder, spec, type, out, &fault);
    return reason ? refuse(b, spec, fault, at.path, reason) : 0;
}

/* Old Python clients send the text of a Python list where JSON is meant. */
static int python_json(binding *b, pl_str text, pl_json *json) {
    pl_buf translated;
    pl_error ignored;
    *json = PL_JSON_NONE;
    if (text.n == 0 || !strchr("[{(", *text.p))
        return 0;
    pl_buf_init(&translated, (text.n + 16) * 6);
    int result = pl_json_from_python(&translated, text)
                     ? pl_json_parse_in(b->arena, pl_buf_str(&translated), json, &ignored)
                     : 0;
    pl_buf_free(&translated);
    if (result != 0 && pl_error_is(&ignored, PL_E_ServiceUnavailable))
        return fail_memory(b);
    if (result != 0)
        *json = PL_JSON_NONE;
    return 0;
}

/*
 * The JSON value of a container: the node itself, or its text parsed; missing when the text is neither JSON
 * nor a Python literal.
 */
static int container_json(binding *b, place at, pl_json *json) {
    *json = PL_JSON_NONE;
    if (at.from_json || (at.exact && pl_json_exists(at.exact->json))) {
        pl_json node = at.from_json ? at.json : at.exact->json;
        if (!pl_json_is_string(node)) {
            *json = node;
            return 0;
        }
    }
    pl_str text;
    pl_error ignored;
    if (!scalar_text(b, at, &text) || text.n == 0)
        return 0;
    if (pl_json_parse_in(b->arena, text, json, &ignored) != 0) {
        if (pl_error_is(&ignored, PL_E_ServiceUnavailable))
            return fail_memory(b);
        return python_json(b, pl_str_trim(text), json);
    }
    return 0;
}

static int bind_free(binding *b, const struct api_parameter *spec, enum api_type type, place at,
                     api_value *out);

static int too_many(binding *b, const struct api_parameter *spec, pl_str path, size_t count) {
    uint32_t most = spec->max_items ? spec->max_items : API_ITEMS_MAX;
    char reason[80];
    if (count > most) {
        pl_buf text = {.p = reason, .capacity = sizeof reason - 1, .limit = sizeof reason - 1};
        pl_buf_printf(&text, "At most %u items are allowed", most);
        reason[text.n] = '\0';
        return refuse(b, spec, CHECK_TOO_MANY, path, reason);
    }
    if (count < spec->min_items) {
        pl_buf text = {.p = reason, .capacity = sizeof reason - 1, .limit = sizeof reason - 1};
        pl_buf_printf(&text, "At least %u items are required", spec->min_items);
        reason[text.n] = '\0';
        return refuse(b, spec, count == 0 ? CHECK_MISSING : CHECK_TOO_MANY, path, reason);
    }
    return 0;
}

static int make_items(binding *b, api_value *out, size_t count) {
    out->items = count ? pl_new(b->arena, api_value, count) : NULL;
    return count && !out->items ? fail_memory(b) : 0;
}

static pl_str item_path(binding *b, pl_str path, uint64_t index) {
    return pl_arena_printf(b->arena, "%.*s.%llu", PL_FMT(path), (unsigned long long)index);
}

static int bind_json_items(binding *b, const struct api_parameter *spec, pl_json array, place at,
                           api_value *out) {
    size_t count = pl_json_count(array);
    if (too_many(b, spec, at.path, count) != 0 || make_items(b, out, count) != 0)
        return -1;
    out->json = array;
    pl_str key;
    pl_json item;
    for (pl_json_walk walk = pl_json_children(array); pl_json_step(&walk, &key, &item);) {
        place next = {.json = item, .from_json = true, .in_list = true, .depth = at.depth + 1};
        next.path = item_path(b, at.path, out->count + 1);
        if (bind_value(b, spec, spec->item, next, &out->items[out->count]) != 0)
            return -1;
        out->count++;
    }
    return 0;
}

/* Items between commas, blanks around them dropped, empty ones left out. */
static int bind_comma_items(binding *b, const struct api_parameter *spec, place at, api_value *out) {
    size_t count = 0;
    pl_str part;
    for (pl_str rest = out->text; pl_str_split(&rest, ',', &part);)
        count += pl_str_trim(part).n > 0;
    if (spec->required && count == 0)
        return refuse(b, spec, CHECK_MISSING, at.path, "It is empty");
    if (too_many(b, spec, at.path, count) != 0 || make_items(b, out, count) != 0)
        return -1;
    for (pl_str rest = out->text; pl_str_split(&rest, ',', &part);) {
        api_field field = {.value = pl_str_trim(part)};
        if (field.value.n == 0)
            continue;
        place next = {.exact = &field, .depth = at.depth + 1, .path = item_path(b, at.path, out->count + 1)};
        if (bind_value(b, spec, spec->item, next, &out->items[out->count]) != 0)
            return -1;
        out->count++;
    }
    return 0;
}

static int by_number(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* The different indices after the prefix, ordered; 0 and text that is no index are refused. */
static int flat_indices(binding *b, const struct api_parameter *spec, place at, uint64_t **indices,
                        size_t *count) {
    const api_field *first;
    size_t prefix_length, n = fields_below(b, at, &first, &prefix_length);
    *count = 0;
    *indices = pl_new(b->arena, uint64_t, n + 1);
    if (!*indices)
        return fail_memory(b);
    for (size_t i = 0; i < n; i++) {
        pl_str rest = pl_str_skip(first[i].name, prefix_length);
        size_t dot = pl_str_find_char(rest, '.');
        uint64_t index;
        if (!pl_str_to_u64(dot == PL_NOT_FOUND ? rest : pl_str_head(rest, dot), &index) || index == 0)
            return refuse(b, spec, CHECK_INVALID, first[i].name, "List items are numbered from 1");
        (*indices)[(*count)++] = index;
    }
    qsort(*indices, *count, sizeof **indices, by_number);
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++)
        if (kept == 0 || (*indices)[kept - 1] != (*indices)[i])
            (*indices)[kept++] = (*indices)[i];
    *count = kept;
    return 0;
}

static int bind_flat_items(binding *b, const struct api_parameter *spec, place at, api_value *out) {
    uint64_t *indices;
    size_t count;
    if (flat_indices(b, spec, at, &indices, &count) != 0 || too_many(b, spec, at.path, count) != 0 ||
        make_items(b, out, count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        place next = {.path = item_path(b, at.path, indices[i]), .depth = at.depth + 1};
        next.exact = api_fields_find(b->fields, next.path);
        if (bind_value(b, spec, spec->item, next, &out->items[out->count]) != 0)
            return -1;
        out->count++;
    }
    return 0;
}

static bool both_forms(binding *b, place at) {
    const api_field *first;
    size_t prefix_length;
    return at.exact && fields_below(b, at, &first, &prefix_length) > 0;
}

static int bind_array(binding *b, const struct api_parameter *spec, place at, api_value *out) {
    pl_json json;
    if (!at.from_json && !at.exact)
        return bind_flat_items(b, spec, at, out);
    if (container_json(b, at, &json) != 0)
        return -1;
    scalar_text(b, at, &out->text);
    if (pl_json_is_array(json))
        return bind_json_items(b, spec, json, at, out);
    if (spec->wire == API_WIRE_CSV && out->text.p)
        return bind_comma_items(b, spec, at, out);
    if (out->text.p && out->text.n == 0)
        return too_many(b, spec, at.path, 0);
    return refuse(b, spec, CHECK_INVALID, at.path, "A list is expected");
}

static int bind_object(binding *b, const struct api_parameter *spec, place at, api_value *out) {
    pl_json json = PL_JSON_NONE;
    if (at.from_json || at.exact) {
        if (container_json(b, at, &json) != 0)
            return -1;
        if (!pl_json_is_object(json))
            return refuse(b, spec, CHECK_INVALID, at.path, "A JSON object is expected");
        at.json = json;
        at.from_json = true;
    }
    out->json = json;
    return bind_members(b, spec->fields, spec->field_count, at, out);
}

/* A flattened map as JSON: {"key": "value", ...}. */
static int flat_map(binding *b, place at, pl_json *json) {
    const api_field *first;
    size_t prefix_length, n = fields_below(b, at, &first, &prefix_length);
    pl_buf text;
    pl_buf_init(&text, b->arena->limit);
    for (size_t i = 0; i < n; i++) {
        pl_buf_add_char(&text, i ? ',' : '{');
        pl_json_write_string(&text, pl_str_skip(first[i].name, prefix_length));
        pl_buf_add_char(&text, ':');
        pl_json_write_string(&text, first[i].value);
    }
    pl_buf_add_char(&text, '}');
    int result = text.failed ? fail_memory(b) : pl_json_parse_in(b->arena, pl_buf_str(&text), json, b->error);
    pl_buf_free(&text);
    return result;
}

static int keep_text(binding *b, api_value *out) {
    pl_buf text;
    pl_buf_init(&text, b->arena->limit);
    pl_json_write(&text, out->json);
    out->text = text.failed ? PL_STR_NONE : pl_arena_copy(b->arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return out->text.p ? 0 : fail_memory(b);
}

static bool item_fits(enum api_type item, pl_json value) {
    int64_t number;
    bool flag;
    switch (item) {
    case API_STRING: return !pl_json_is_object(value) && !pl_json_is_array(value);
    case API_BOOLEAN: return pl_json_bool(value, &flag) || pl_str_to_bool(pl_json_str(value), &flag);
    case API_INT32:
    case API_INT64: return pl_json_i64(value, &number) || pl_str_to_i64(pl_json_str(value), &number);
    case API_OBJECT:
    case API_MAP: return pl_json_is_object(value);
    case API_ARRAY: return pl_json_is_array(value);
    default: return true;
    }
}

static int check_map(binding *b, const struct api_parameter *spec, place at, const api_value *out) {
    pl_str key;
    pl_json value;
    if (!pl_json_is_object(out->json))
        return refuse(b, spec, CHECK_INVALID, at.path, "A JSON object is expected");
    for (pl_json_walk walk = pl_json_children(out->json); pl_json_step(&walk, &key, &value);) {
        if (!item_fits(spec->item, value)) {
            pl_str path = pl_arena_printf(b->arena, "%.*s.%.*s", PL_FMT(at.path), PL_FMT(key));
            return refuse(b, spec, CHECK_INVALID, path, "The value has the wrong type");
        }
    }
    return 0;
}

/* Maps and free values: kept as JSON, and as its text unless they are items of a list, which may be long. */
static int bind_free(binding *b, const struct api_parameter *spec, enum api_type type, place at,
                     api_value *out) {
    out->type = type;
    if (!at.from_json && !at.exact) {
        if (flat_map(b, at, &out->json) != 0)
            return -1;
    } else if (container_json(b, at, &out->json) != 0) {
        return -1;
    }
    bool blank = at.exact && at.exact->value.n == 0 && !pl_json_exists(out->json);
    if (blank) {
        out->text = PL_STR("");
        return 0;
    }
    if (!pl_json_exists(out->json))
        return refuse(b, spec, CHECK_INVALID, at.path, "The text is not JSON");
    if (type == API_MAP && check_map(b, spec, at, out) != 0)
        return -1;
    if (at.exact && !pl_json_exists(at.exact->json)) {
        out->text = at.exact->value;
        return 0;
    }
    return at.in_list ? 0 : keep_text(b, out);
}

static int bind_value(binding *b, const struct api_parameter *spec, enum api_type type, place at,
                      api_value *out) {
    if (!at.path.p)
        return fail_memory(b);
    if (at.depth > API_NESTING_MAX)
        return refuse(b, spec, CHECK_INVALID, at.path, "It is nested too deeply");
    bool container = type == API_ARRAY || type == API_OBJECT || type == API_MAP || type == API_ANY;
    if (container && !at.from_json && both_forms(b, at))
        return refuse(b, spec, CHECK_INVALID, at.path, "It is given both as one text and flattened");
    out->type = type;
    switch (type) {
    case API_ARRAY: return bind_array(b, spec, at, out);
    case API_OBJECT: return bind_object(b, spec, at, out);
    case API_MAP:
    case API_ANY: return bind_free(b, spec, type, at, out);
    default: return bind_scalar(b, spec, type, at, out);
    }
}

/* A member that was not sent: its default, a refusal when it is required, or nothing. */
static int bind_absent(binding *b, const struct api_parameter *spec, place at, api_value *out, bool *made) {
    *made = false;
    if (spec->required)
        return refuse(b, spec, CHECK_MISSING, at.path, NULL);
    if (!spec->default_text.p)
        return 0;
    api_field field = {.name = at.path, .value = spec->default_text};
    *made = true;
    return bind_value(b, spec, spec->type, (place){.path = at.path, .exact = &field, .depth = at.depth}, out);
}

static int bind_member(binding *b, const struct api_parameter *spec, place parent, api_value *out,
                       bool *made) {
    place at = below(b, parent, spec->name);
    if (!at.path.p)
        return fail_memory(b);
    out->name = spec->name;
    if (!was_sent(b, spec, spec->type, at))
        return bind_absent(b, spec, at, out, made);
    *made = true;
    return bind_value(b, spec, spec->type, at, out);
}

/* Members of an object parameter; the first mistake ends it. */
static int bind_members(binding *b, const struct api_parameter *specs, size_t count, place at,
                        api_value *out) {
    if (make_items(b, out, count) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        bool made = false;
        api_value member = {.type = specs[i].type};
        if (bind_member(b, &specs[i], at, &member, &made) != 0)
            return -1;
        if (made)
            out->items[out->count++] = member;
    }
    return 0;
}

static bool is_missing(binding *b, const struct api_parameter *spec) {
    place at = below(b, (place){.path = PL_STR("")}, spec->name);
    return spec->required && !was_sent(b, spec, spec->type, at);
}

/* A parameter that is missing is told before one that is wrong. */
int api_bind(const api_binder *binder, const struct api_operation *operation, const api_fields *fields,
             pl_arena *arena, const api_value **input, pl_error *error) {
    pl_error later;
    bool missing = false;
    binding b = {binder, operation, fields, arena, error, NULL};
    api_value *root = pl_new(arena, api_value, 1);
    *input = root;
    if (!root)
        return pl_fail(error, PL_E_ServiceUnavailable);
    root->type = API_OBJECT;
    if (make_items(&b, root, operation->parameter_count) != 0)
        return -1;
    int result = 0;
    for (size_t i = 0; i < operation->parameter_count; i++) {
        bool made = false;
        api_value member = {.type = operation->parameters[i].type};
        b.top = &operation->parameters[i];
        b.error = result == 0 ? error : &later;
        if (bind_member(&b, b.top, (place){.path = PL_STR("")}, &member, &made) == 0) {
            if (made)
                root->items[root->count++] = member;
            continue;
        }
        if (!missing && is_missing(&b, b.top)) {
            missing = true;
            *error = *b.error;
        }
        result = -1;
    }
    return result;
}
