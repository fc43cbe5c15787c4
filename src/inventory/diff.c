/*
 * Differences of two configurations by top-level member, and the way back from the newer one.
 * Form and rules of equality: reference/evaluation-semantics.md, section 12.2.
 */
#include "inventory/history.h"

static void write_value(pl_buf *out, pl_json value) {
    if (pl_json_exists(value))
        pl_json_write(out, value);
    else
        pl_buf_add(out, PL_STR("null"));
}

static void write_key(pl_buf *out, pl_str key, size_t *members) {
    if ((*members)++)
        pl_buf_add_char(out, ',');
    pl_json_write_string(out, key);
    pl_buf_add_char(out, ':');
}

static void write_pair(pl_buf *out, pl_str key, pl_json before, pl_json after, size_t *members) {
    write_key(out, key, members);
    pl_buf_add_char(out, '[');
    write_value(out, before);
    pl_buf_add_char(out, ',');
    write_value(out, after);
    pl_buf_add_char(out, ']');
}

enum { NEAR = 3 }; /* members looked at from the place of the last one found */

/* The first member with this key. Configurations of one resource mostly have their members in one order. */
static pl_json get_near(pl_json object, pl_json_walk *place, pl_str key) {
    pl_str name;
    pl_json value;
    pl_json_walk ahead = *place;
    for (int i = 0; i < NEAR && pl_json_step(&ahead, &name, &value); i++)
        if (pl_str_eq(name, key)) {
            *place = ahead;
            return value;
        }
    return pl_json_get(object, key);
}

size_t inventory_count_diff(pl_buf *out, pl_json before, pl_json after) {
    size_t members = 0;
    pl_str key;
    pl_json value;
    pl_json_walk place = pl_json_children(after);
    pl_buf_add_char(out, '{');
    for (pl_json_walk w = pl_json_children(before); pl_json_step(&w, &key, &value);) {
        pl_json now = get_near(after, &place, key);
        if (!pl_json_exists(now) || !pl_json_equal(value, now))
            write_pair(out, key, value, now, &members);
    }
    place = pl_json_children(before);
    for (pl_json_walk w = pl_json_children(after); pl_json_step(&w, &key, &value);)
        if (!pl_json_exists(get_near(before, &place, key)))
            write_pair(out, key, PL_JSON_NONE, value, &members);
    pl_buf_add_char(out, '}');
    return members;
}

void inventory_write_diff(pl_buf *out, pl_json before, pl_json after) {
    inventory_count_diff(out, before, after);
}

void inventory_write_before(pl_buf *out, pl_json after, pl_json diff) {
    size_t members = 0;
    pl_str key;
    pl_json value;
    pl_buf_add_char(out, '{');
    for (pl_json_walk w = pl_json_children(after); pl_json_step(&w, &key, &value);) {
        pl_json pair = pl_json_get(diff, key);
        pl_json old = pl_json_exists(pair) ? pl_json_at(pair, 0) : value;
        if (pl_json_exists(pair) && pl_json_is_null(old))
            continue;
        write_key(out, key, &members);
        pl_json_write(out, old);
    }
    for (pl_json_walk w = pl_json_children(diff); pl_json_step(&w, &key, &value);) {
        if (pl_json_exists(pl_json_get(after, key)))
            continue;
        write_key(out, key, &members);
        pl_json_write(out, pl_json_at(value, 0));
    }
    pl_buf_add_char(out, '}');
}
