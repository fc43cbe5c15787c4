/* JSON for people: one member or element a line. Owns nothing. */
#include "json/tape.h"

static void new_line(pl_buf *out, unsigned blanks) {
    pl_buf_add_char(out, '\n');
    for (unsigned i = 0; i < blanks; i++)
        pl_buf_add_char(out, ' ');
}

/* Takes the line back when it is too long. */
static bool write_short(pl_buf *out, pl_json node, unsigned blanks, size_t width) {
    size_t before = out->n;
    pl_json_write(out, node);
    if (out->n - before + blanks < width)
        return true;
    out->n = before;
    return false;
}

static void write_node(pl_buf *out, pl_json node, unsigned blanks, unsigned step, size_t width) {
    bool object = pl_json_is_object(node), first = true;
    if (pl_json_count(node) == 0)
        pl_json_write(out, node);
    if (pl_json_count(node) == 0 || write_short(out, node, blanks, width))
        return;
    pl_str key;
    pl_json value;
    pl_buf_add_char(out, object ? '{' : '[');
    for (pl_json_walk w = pl_json_children(node); pl_json_step(&w, &key, &value); first = false) {
        if (!first)
            pl_buf_add_char(out, ',');
        new_line(out, blanks + step);
        if (object) {
            pl_json_write_string(out, key);
            pl_buf_add(out, PL_STR(": "));
        }
        write_node(out, value, blanks + step, step, width);
    }
    new_line(out, blanks);
    pl_buf_add_char(out, object ? '}' : ']');
}

void pl_json_write_indented(pl_buf *out, pl_json node, unsigned step, size_t width) {
    write_node(out, node, 0, step, width);
}
