/*
 * Resources of the orchestration service as configurations. The configuration is written as text: first the
 * properties that keep their names, then those that the mapping moves, grouped by their paths.
 */
#include "api/config/orchestration.h"

#include "json/parser.h"

enum { TEXT_MAX = 32 << 20 };

/* A property that the mapping moves. */
typedef struct moved {
    pl_str property; /* in the orchestration service's names, joined with dots */
    pl_str path;     /* what stands behind "$." */
    pl_json rule, value;
} moved;

typedef struct translation {
    pl_json mapping; /* list of rules */
    pl_json properties;
    moved *items; /* with room for one of each rule */
    size_t count;
    pl_buf out;
} translation;

/* The part before the first dot. */
static pl_str first_of(pl_str dotted) {
    size_t dot = pl_str_find_char(dotted, '.');
    return dot == PL_NOT_FOUND ? dotted : pl_str_head(dotted, dot);
}

static pl_json walk_to(pl_json node, pl_str dotted) {
    pl_str part;
    while (pl_str_split(&dotted, '.', &part))
        node = pl_json_get(node, part);
    return node;
}

static void find_moved(translation *t) {
    pl_str key;
    pl_json rule;
    for (pl_json_walk w = pl_json_children(t->mapping); pl_json_step(&w, &key, &rule);) {
        pl_str property = pl_json_str(pl_json_get(rule, PL_STR("property")));
        pl_json value = walk_to(t->properties, property);
        if (pl_json_exists(value))
            t->items[t->count++] = (moved){
                property, pl_str_skip(pl_json_str(pl_json_get(rule, PL_STR("path"))), 2), rule, value};
    }
}

/* A member moves when the mapping names it or something in it; what is moved to its place comes before it. */
static bool keeps_name(const translation *t, pl_str member) {
    for (size_t i = 0; i < t->count; i++)
        if (pl_str_eq(first_of(t->items[i].property), member) ||
            pl_str_eq(first_of(t->items[i].path), member))
            return false;
    return true;
}

static void write_key(pl_buf *out, pl_str key) {
    if (out->n && out->p[out->n - 1] != '{')
        pl_buf_add_char(out, ',');
    pl_json_write_string(out, key);
    pl_buf_add_char(out, ':');
}

/* A scalar is replaced by what `values` has for its text. */
static void write_value(pl_buf *out, pl_json values, pl_json value) {
    pl_buf text;
    pl_buf_init(&text, 256);
    if (pl_json_is_object(values) && !pl_json_is_object(value) && !pl_json_is_array(value))
        pl_json_write_text(&text, value);
    pl_json other = text.n && !text.failed ? pl_json_get(values, pl_buf_str(&text)) : PL_JSON_NONE;
    pl_json_write(out, pl_json_exists(other) ? other : value);
    pl_buf_free(&text);
}

/* An element of a list, with the members of `each` where it has none of that name. */
static void write_element(pl_buf *out, pl_json rule, pl_json element) {
    pl_json values = pl_json_get(rule, PL_STR("values")), each = pl_json_get(rule, PL_STR("each")), value;
    pl_str key;
    if (!pl_json_is_object(element)) {
        pl_json_write(out, element);
        return;
    }
    pl_buf_add_char(out, '{');
    for (pl_json_walk w = pl_json_children(each); pl_json_step(&w, &key, &value);)
        if (!pl_json_exists(pl_json_get(element, key))) {
            write_key(out, key);
            pl_json_write(out, value);
        }
    for (pl_json_walk w = pl_json_children(element); pl_json_step(&w, &key, &value);) {
        write_key(out, key);
        write_value(out, pl_json_get(values, key), value);
    }
    pl_buf_add_char(out, '}');
}

static void write_elements(pl_buf *out, const moved *one) {
    pl_json element;
    pl_str key;
    for (pl_json_walk w = pl_json_children(one->value); pl_json_step(&w, &key, &element);) {
        if (out->n && out->p[out->n - 1] != '[')
            pl_buf_add_char(out, ',');
        write_element(out, one->rule, element);
    }
}

/* Everything that belongs to one path: lists are put behind each other, of single values the first counts. */
static void write_leaf(translation *t, size_t at) {
    const moved *first = &t->items[at];
    bool wrapped, is_list = pl_json_is_array(first->value);
    if (pl_json_bool(pl_json_get(first->rule, PL_STR("list")), &wrapped) && wrapped && !is_list) {
        pl_buf_add_char(&t->out, '[');
        pl_json_write(&t->out, first->value);
        pl_buf_add_char(&t->out, ']');
    } else if (!is_list) {
        write_value(&t->out, pl_json_get(first->rule, PL_STR("values")), first->value);
    } else {
        pl_buf_add_char(&t->out, '[');
        for (size_t i = at; i < t->count; i++)
            if (pl_str_eq(t->items[i].path, first->path))
                write_elements(&t->out, &t->items[i]);
        pl_buf_add_char(&t->out, ']');
    }
}

/* True when an earlier item has the same path up to `depth` bytes, followed by the same name. */
static bool is_repeated(const translation *t, size_t at, size_t depth, pl_str name) {
    for (size_t i = 0; i < at; i++)
        if (pl_str_eq(pl_str_head(t->items[i].path, depth), pl_str_head(t->items[at].path, depth)) &&
            pl_str_eq(first_of(pl_str_skip(t->items[i].path, depth)), name))
            return true;
    return false;
}

/* The members below the first `depth` bytes of a path; paths are the mapping's and no deeper than it says. */
static void write_moved(translation *t, pl_str above, size_t depth) {
    for (size_t i = 0; i < t->count; i++) {
        pl_str path = t->items[i].path;
        if (path.n <= depth || !pl_str_eq(pl_str_head(path, depth), above))
            continue;
        pl_str name = first_of(pl_str_skip(path, depth));
        if (is_repeated(t, i, depth, name))
            continue;
        write_key(&t->out, name);
        if (depth + name.n == path.n) {
            write_leaf(t, i);
            continue;
        }
        pl_buf_add_char(&t->out, '{');
        write_moved(t, pl_str_head(path, depth + name.n + 1), depth + name.n + 1);
        pl_buf_add_char(&t->out, '}');
    }
}

static void write_configuration(translation *t) {
    pl_str key;
    pl_json value;
    pl_buf_add_char(&t->out, '{');
    for (pl_json_walk w = pl_json_children(t->properties); pl_json_step(&w, &key, &value);)
        if (keeps_name(t, key)) {
            write_key(&t->out, key);
            pl_json_write(&t->out, value);
        }
    write_moved(t, PL_STR(""), 0);
    pl_buf_add_char(&t->out, '}');
}

static int translate(api_call *call, pl_json mapping, pl_json properties, pl_json *configuration) {
    translation t = {.mapping = pl_json_get(mapping, PL_STR("properties")), .properties = properties};
    t.items = pl_new(call->arena, moved, pl_json_count(t.mapping) + 1);
    if (!t.items)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    pl_buf_init(&t.out, TEXT_MAX);
    find_moved(&t);
    write_configuration(&t);
    int result = t.out.failed ? pl_fail(call->error, PL_E_ServiceUnavailable)
                              : pl_json_parse_in(call->arena, pl_buf_str(&t.out), configuration, call->error);
    pl_buf_free(&t.out);
    return result;
}

int config_from_orchestration(api_call *call, pl_str type, pl_json properties, pl_str *recorded_type,
                              pl_json *configuration) {
    const catalogue *known = call->services->catalogue;
    pl_json mapping = catalogue_orchestration(known, call->arena, type, call->error);
    if (!pl_json_exists(mapping) && call->error->code[0])
        return -1;
    if (!pl_json_exists(mapping)) {
        *configuration = properties;
        type = pl_arena_printf(call->arena, "ACS::%.*s", PL_FMT(pl_str_skip(type, 8)));
        *recorded_type = type.p ? catalogue_type_name(known, type) : type;
        return type.p ? 0 : pl_fail(call->error, PL_E_ServiceUnavailable);
    }
    *recorded_type = pl_json_str(pl_json_get(mapping, PL_STR("resourceType")));
    return translate(call, mapping, properties, configuration);
}
