/* Tables. Two walks over the list: one to measure, one to write. */
#include "cli/table.h"

#include "base/encode.h"

typedef struct columns {
    pl_str names[CLI_TABLE_COLUMNS];
    size_t widths[CLI_TABLE_COLUMNS];
    size_t count;
} columns;

static bool is_scalar(pl_json value) {
    return pl_json_exists(value) && !pl_json_is_array(value) && !pl_json_is_object(value);
}

/* The first list whose items are objects, depth first. */
static pl_json find_list(pl_json node, unsigned depth) {
    pl_str key;
    pl_json child;
    if (depth > 8)
        return PL_JSON_NONE;
    if (pl_json_is_array(node))
        return pl_json_is_object(pl_json_at(node, 0)) ? node : PL_JSON_NONE;
    for (pl_json_walk walk = pl_json_children(node); pl_json_step(&walk, &key, &child);) {
        pl_json found = find_list(child, depth + 1);
        if (pl_json_exists(found))
            return found;
    }
    return PL_JSON_NONE;
}

/* The text of a cell without line breaks, cut to the width of a table. */
static pl_str cell_text(pl_buf *scratch, pl_json value) {
    pl_buf_clear(scratch);
    pl_json_write_text(scratch, value);
    pl_str all = pl_buf_str(scratch), rest = all;
    for (size_t i = 0; i < scratch->n; i++) {
        if ((unsigned char)scratch->p[i] < ' ')
            scratch->p[i] = ' ';
    }
    for (size_t i = 0; i < CLI_TABLE_WIDTH && pl_utf8_take(&rest) != 0;)
        i++;
    return pl_str_head(all, all.n - rest.n);
}

static void add_column(columns *c, pl_str name) {
    for (size_t i = 0; i < c->count; i++) {
        if (pl_str_eq(c->names[i], name))
            return;
    }
    if (c->count == CLI_TABLE_COLUMNS)
        return;
    c->widths[c->count] = pl_utf8_length(name);
    c->names[c->count++] = name;
}

static void measure(columns *c, pl_json list, pl_buf *scratch) {
    pl_str key, name;
    pl_json row, value;
    for (pl_json_walk rows = pl_json_children(list); pl_json_step(&rows, &key, &row);) {
        for (pl_json_walk cells = pl_json_children(row); pl_json_step(&cells, &name, &value);) {
            if (is_scalar(value))
                add_column(c, name);
        }
    }
    for (pl_json_walk rows = pl_json_children(list); pl_json_step(&rows, &key, &row);) {
        for (size_t i = 0; i < c->count; i++) {
            size_t width = pl_utf8_length(cell_text(scratch, pl_json_get(row, c->names[i])));
            c->widths[i] = width > c->widths[i] ? width : c->widths[i];
        }
    }
}

static void write_cell(pl_buf *out, pl_str text, size_t width, bool last) {
    pl_buf_add(out, text);
    for (size_t n = pl_utf8_length(text); n < width + 2 && !last; n++)
        pl_buf_add_char(out, ' ');
    if (last)
        pl_buf_add_char(out, '\n');
}

static void write_list(pl_buf *out, pl_json list, pl_buf *scratch) {
    columns c = {.count = 0};
    pl_str key;
    pl_json row;
    measure(&c, list, scratch);
    for (size_t i = 0; i < c.count; i++)
        write_cell(out, c.names[i], c.widths[i], i + 1 == c.count);
    for (pl_json_walk rows = pl_json_children(list); pl_json_step(&rows, &key, &row);) {
        for (size_t i = 0; i < c.count; i++) {
            pl_json value = pl_json_get(row, c.names[i]);
            write_cell(out, is_scalar(value) ? cell_text(scratch, value) : PL_STR(""), c.widths[i],
                       i + 1 == c.count);
        }
    }
}

/* `Outer.Inner  value`, one line for each scalar. */
static void write_members(pl_buf *out, pl_json node, pl_str path, unsigned depth) {
    pl_str key;
    pl_json child;
    char name[256];
    for (pl_json_walk walk = pl_json_children(node); pl_json_step(&walk, &key, &child) && depth < 8;) {
        pl_buf text = {.p = name, .capacity = sizeof name, .limit = sizeof name};
        pl_buf_add(&text, path);
        if (path.n)
            pl_buf_add_char(&text, '.');
        pl_buf_add(&text, key);
        if (pl_json_is_object(child)) {
            write_members(out, child, pl_buf_str(&text), depth + 1);
            continue;
        }
        write_cell(out, pl_buf_str(&text), 30, false);
        pl_json_write_text(out, child);
        pl_buf_add_char(out, '\n');
    }
}

void cli_table_write(pl_buf *out, pl_json answer) {
    pl_json list = find_list(answer, 0);
    pl_buf scratch;
    pl_buf_init(&scratch, (size_t)256 << 20);
    if (pl_json_exists(list))
        write_list(out, list, &scratch);
    else
        write_members(out, answer, PL_STR(""), 0);
    pl_buf_free(&scratch);
}
