/* What a compiled path tells about itself, and normalized paths (RFC 9535, section 2.7). */
#include "jsonpath/path_internal.h"

pl_str pl_path_text(const pl_path *path) {
    return path->text;
}

bool pl_path_is_definite(const pl_path *path) {
    return path->definite;
}

size_t pl_path_plain_steps(const pl_path *path, bool *whole) {
    if (whole)
        *whole = path->plain == path->count;
    return path->plain;
}

pl_path_step pl_path_plain_step(const pl_path *path, size_t at) {
    const selector *one = &path->segments[at].selectors[0];
    return one->kind == SELECT_NAME ? (pl_path_step){one->name, 0} : (pl_path_step){PL_STR_NONE, one->start};
}

size_t pl_path_last_names(const pl_path *path) {
    if (path->count == 0 || path->plain != path->count - 1 || path->segments[path->plain].descend)
        return 0;
    const segment *last = &path->segments[path->plain];
    for (size_t i = 0; i < last->count; i++)
        if (last->selectors[i].kind != SELECT_NAME)
            return 0;
    return last->count;
}

pl_str pl_path_last_name(const pl_path *path, size_t at) {
    return path->segments[path->plain].selectors[at].name;
}

static void write_escape(pl_buf *out, unsigned char c) {
    static const char named[] = "\b\t\n\f\r'\\";
    static const char letters[] = "btnfr'\\";
    const char *at = memchr(named, c, sizeof named - 1);
    if (at) {
        pl_buf_add_char(out, '\\');
        pl_buf_add_char(out, letters[at - named]);
    } else {
        pl_buf_printf(out, "\\u%04x", c);
    }
}

static void write_name(pl_buf *out, pl_str name) {
    pl_buf_add(out, PL_STR("['"));
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c < ' ' || c == '\'' || c == '\\')
            write_escape(out, c);
        else
            pl_buf_add_char(out, (char)c);
    }
    pl_buf_add(out, PL_STR("']"));
}

void pl_path_write_normalized(pl_buf *out, pl_json root, pl_json node) {
    pl_buf_add_char(out, '$');
    while (root.at != node.at) {
        pl_str key;
        pl_json child;
        size_t index = 0;
        bool found = false;
        for (pl_json_walk walk = pl_json_children(root); !found && pl_json_step(&walk, &key, &child); index++)
            found = pl_json_behind(child) > node.at;
        if (!found)
            return;
        if (pl_json_is_object(root)) {
            write_name(out, key);
        } else {
            pl_buf_add_char(out, '[');
            pl_buf_add_u64(out, index - 1);
            pl_buf_add_char(out, ']');
        }
        root = child;
    }
}
