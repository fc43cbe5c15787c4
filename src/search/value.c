/* Values: read from resources, as text, as cells, and the order of cells. */
#include "search/internal.h"

#include "base/clock.h"
#include "base/decimal.h"

#include <arpa/inet.h>
#include <stdio.h>

enum { VALUES_MAX = 100000, TEXT_LIMIT = 64 << 20, ADDRESS_TEXT = 48 };

/* --- Reading ---------------------------------------------------------------------------------------------
 */

struct reading {
    pl_arena *scratch;
    search_values *out;
    size_t capacity;
    pl_str resource_id;
    pl_error *error;
};

static int add(struct reading *r, search_value value) {
    if (r->out->count == VALUES_MAX)
        return pl_failf(
            r->error, PL_E_Invalid_Sql_Value,
            "The specified Sql is invalid: resource %.*s has more than %d values of one property.",
            PL_FMT(r->resource_id), VALUES_MAX);
    search_value *grown =
        pl_arena_grow(r->scratch, r->out->items, r->out->count, &r->capacity, sizeof *grown);
    if (!grown)
        return pl_fail(r->error, PL_E_ServiceUnavailable);
    r->out->items = grown;
    grown[r->out->count++] = value;
    return 0;
}

static int add_text(struct reading *r, pl_str text) {
    return text.n ? add(r, (search_value){.kind = SEARCH_TEXT, .text = text}) : 0;
}

static int add_time(struct reading *r, int64_t time) {
    if (time == 0)
        return 0;
    return add(r, (search_value){.kind = SEARCH_TEXT, .is_time = true, .time = time});
}

/* An account id is a number where it looks like one. */
static int add_account(struct reading *r, pl_str id) {
    int64_t ignored;
    bool number = pl_str_to_i64(id, &ignored);
    return add(r, (search_value){.kind = number ? SEARCH_NUMBER : SEARCH_TEXT, .text = id});
}

static int add_node(struct reading *r, pl_json node) {
    search_value value = {.node = node};
    pl_str unused;
    pl_json element;
    switch (pl_json_type_of(node)) {
    case PL_JSON_MISSING:
    case PL_JSON_NULL: return 0;
    case PL_JSON_BOOLEAN:
        value.kind = SEARCH_BOOLEAN;
        (void)pl_json_bool(node, &value.flag);
        return add(r, value);
    case PL_JSON_INTEGER:
    case PL_JSON_UNSIGNED:
    case PL_JSON_DOUBLE: value.kind = SEARCH_NUMBER; return add(r, value);
    case PL_JSON_STRING:
        value.kind = SEARCH_TEXT;
        value.text = pl_json_text(node);
        return add(r, value);
    case PL_JSON_OBJECT: value.kind = SEARCH_JSON; return add(r, value);
    case PL_JSON_ARRAY: break;
    }
    for (pl_json_walk w = pl_json_children(node); pl_json_step(&w, &unused, &element);)
        if (add_node(r, element) != 0)
            return -1;
    return 0;
}

/* The member of this name; without regard to letter case when only one is called so. */
static pl_json member(pl_json object, pl_str name) {
    pl_json exact = pl_json_get(object, name), value, found = PL_JSON_NONE;
    pl_str key;
    size_t count = 0;
    if (pl_json_exists(exact))
        return exact;
    for (pl_json_walk w = pl_json_children(object); pl_json_step(&w, &key, &value);)
        if (pl_str_eq_fold(key, name)) {
            found = value;
            count++;
        }
    return count == 1 ? found : PL_JSON_NONE;
}

/* As deep as the path has segments, and as documents nest arrays. */
static int add_path(struct reading *r, pl_json node, const pl_str *segments, size_t count) {
    pl_str unused;
    pl_json element;
    if (count == 0)
        return add_node(r, node);
    if (pl_json_is_object(node))
        return add_path(r, member(node, segments[0]), segments + 1, count - 1);
    if (!pl_json_is_array(node))
        return 0;
    for (pl_json_walk w = pl_json_children(node); pl_json_step(&w, &unused, &element);)
        if (add_path(r, element, segments, count) != 0)
            return -1;
    return 0;
}

static int add_pair(struct reading *r, pl_str key, pl_str value) {
    pl_str pair = pl_arena_printf(r->scratch, "%.*s:%.*s", PL_FMT(key), PL_FMT(value));
    return pair.p ? add_text(r, pair) : pl_fail(r->error, PL_E_ServiceUnavailable);
}

static int add_tags(struct reading *r, pl_json tags, search_common part) {
    pl_str key, unused;
    pl_json values, value;
    for (pl_json_walk w = pl_json_children(tags); pl_json_step(&w, &key, &values);) {
        if (part == COMMON_TAG_KEY) {
            if (add_text(r, key) != 0)
                return -1;
            continue;
        }
        for (pl_json_walk v = pl_json_children(values); pl_json_step(&v, &unused, &value);)
            if ((part == COMMON_TAG_PAIR ? add_pair(r, key, pl_json_str(value))
                                         : add_text(r, pl_json_str(value))) != 0)
                return -1;
    }
    return 0;
}

int search_read(const search_property *property, const search_resource *resource, pl_arena *scratch,
                search_values *out, pl_error *error) {
    struct reading r = {.scratch = scratch, .out = out, .resource_id = resource->resource_id, .error = error};
    *out = (search_values){0};
    switch (property->common) {
    case COMMON_NONE:
        return add_path(&r, resource->configuration, property->segments, property->segment_count);
    case COMMON_ACCOUNT: return add_account(&r, resource->account_id);
    case COMMON_REGION: return add_text(&r, resource->region_id);
    case COMMON_ID: return add_text(&r, resource->resource_id);
    case COMMON_TYPE: return add_text(&r, resource->resource_type);
    case COMMON_NAME: return add_text(&r, resource->name);
    case COMMON_ZONE: return add_text(&r, resource->zone);
    case COMMON_CREATED: return add_time(&r, resource->create_time);
    case COMMON_GROUP: return add_text(&r, resource->group_id);
    case COMMON_ARN: return add_text(&r, resource->arn);
    case COMMON_STATUS: return add_text(&r, resource->status);
    case COMMON_DELETED: return add(&r, (search_value){.kind = SEARCH_NUMBER, .text = PL_STR("1")});
    case COMMON_TAGS: return add_text(&r, resource->tags_text);
    case COMMON_TAG_KEY:
    case COMMON_TAG_VALUE:
    case COMMON_TAG_PAIR: return add_tags(&r, resource->tags, property->common);
    }
    return 0;
}

/* --- Times and addresses ---------------------------------------------------------------------------------
 */

bool search_time(pl_str text, int64_t *milliseconds) {
    return text.n >= 10 && text.n < PL_TIME_TEXT && text.p[4] == '-' && pl_time_parse(text, milliseconds);
}

bool search_address_of(pl_str text, search_address *out) {
    char plain[ADDRESS_TEXT];
    size_t slash = pl_str_find_char(text, '/');
    pl_str host = pl_str_head(text, slash);
    uint64_t bits = 0;
    if (host.n == 0 || host.n >= sizeof plain || memchr(host.p, '\0', host.n))
        return false;
    memcpy(plain, host.p, host.n);
    plain[host.n] = '\0';
    *out = (search_address){.size = 4};
    if (inet_pton(AF_INET, plain, out->bytes) != 1) {
        out->size = 16;
        if (inet_pton(AF_INET6, plain, out->bytes) != 1)
            return false;
    }
    out->bits = (unsigned)out->size * 8;
    if (slash == PL_NOT_FOUND)
        return true;
    if (!pl_str_to_u64(pl_str_skip(text, slash + 1), &bits) || bits > out->bits)
        return false;
    out->bits = (unsigned)bits;
    return true;
}

bool search_address_within(const search_address *inner, const search_address *outer) {
    if (inner->size != outer->size || inner->bits < outer->bits)
        return false;
    size_t whole = outer->bits / 8, rest = outer->bits % 8;
    if (memcmp(inner->bytes, outer->bytes, whole) != 0)
        return false;
    unsigned mask = (0xff00u >> rest) & 0xffu;
    return rest == 0 || ((inner->bytes[whole] ^ outer->bytes[whole]) & mask) == 0;
}

/* --- Text ------------------------------------------------------------------------------------------------
 */

/* As statements have times, so that what is read can be asked for. */
static pl_str time_text(int64_t time, pl_arena *scratch) {
    char iso[PL_TIME_TEXT];
    int64_t fraction = (time % 1000 + 1000) % 1000;
    pl_str whole = pl_time_iso(time - fraction, iso);
    if (whole.n < 20)
        return pl_arena_copy(scratch, whole);
    return fraction ? pl_arena_printf(scratch, "%.10s %.8s.%03lld", iso, iso + 11, (long long)fraction)
                    : pl_arena_printf(scratch, "%.10s %.8s", iso, iso + 11);
}

static pl_str node_text(pl_json node, pl_arena *scratch) {
    pl_buf text;
    pl_buf_init(&text, TEXT_LIMIT);
    pl_json_write_text(&text, node);
    pl_str copy = text.failed ? PL_STR_NONE : pl_arena_copy(scratch, pl_buf_str(&text));
    pl_buf_free(&text);
    return copy;
}

pl_str search_value_text(search_value *value, pl_arena *scratch) {
    if (value->text.p)
        return value->text;
    if (value->kind == SEARCH_BOOLEAN)
        value->text = value->flag ? PL_STR("true") : PL_STR("false");
    else if (value->is_time)
        value->text = time_text(value->time, scratch);
    else
        value->text = node_text(value->node, scratch);
    return value->text;
}

/* --- Cells -----------------------------------------------------------------------------------------------
 */

static bool write_json(pl_buf *out, search_value *value, pl_arena *scratch) {
    pl_str text = search_value_text(value, scratch);
    if (!text.p)
        return false;
    if (value->kind == SEARCH_TEXT)
        pl_json_write_string(out, text);
    else
        pl_buf_add(out, text);
    return true;
}

static int list_cell(search_values *values, pl_arena *scratch, search_cell *out) {
    pl_buf text;
    bool sound = true;
    pl_buf_init(&text, TEXT_LIMIT);
    for (size_t i = 0; sound && i < values->count; i++) {
        pl_buf_add_char(&text, i ? ',' : '[');
        sound = write_json(&text, &values->items[i], scratch);
    }
    pl_buf_add_char(&text, ']');
    *out = (search_cell){SEARCH_JSON,
                         sound && !text.failed ? pl_arena_copy(scratch, pl_buf_str(&text)) : PL_STR_NONE};
    pl_buf_free(&text);
    return out->text.p ? 0 : -1;
}

int search_cell_of(search_values *values, pl_arena *scratch, search_cell *out) {
    *out = (search_cell){SEARCH_NULL, PL_STR("")};
    if (values->count == 0)
        return 0;
    if (values->count > 1)
        return list_cell(values, scratch, out);
    *out = (search_cell){values->items[0].kind, search_value_text(&values->items[0], scratch)};
    return out->text.p ? 0 : -1;
}

int search_compare_cells(const search_cell *a, const search_cell *b) {
    pl_decimal x, y;
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    if (a->kind == SEARCH_NUMBER && pl_decimal_parse(a->text, &x) && pl_decimal_parse(b->text, &y))
        return pl_decimal_compare(&x, &y);
    return pl_str_cmp(a->text, b->text);
}
