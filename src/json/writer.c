/* The response writer. Owns only its stack of open levels. */
#include "json/writer.h"

#include "base/encode.h"

static bool in_array(const pl_writer *w) {
    return w->depth && w->levels[w->depth - 1].array;
}

/* The element an item gets in XML: in an array the array's own name. */
static pl_str element(const pl_writer *w, pl_str name) {
    return in_array(w) ? w->levels[w->depth - 1].name : name;
}

static void open_tag(pl_writer *w, pl_str name) {
    pl_buf_add_char(w->out, '<');
    pl_buf_add(w->out, name);
    pl_buf_add_char(w->out, '>');
}

static void close_tag(pl_writer *w, pl_str name) {
    pl_buf_add(w->out, PL_STR("</"));
    pl_buf_add(w->out, name);
    pl_buf_add_char(w->out, '>');
}

/* Comma and key of a JSON member or element. */
static void json_lead(pl_writer *w, pl_str name) {
    if (w->depth && !w->levels[w->depth - 1].empty)
        pl_buf_add_char(w->out, ',');
    if (w->depth)
        w->levels[w->depth - 1].empty = false;
    if (w->depth && !in_array(w)) {
        pl_json_write_string(w->out, name);
        pl_buf_add_char(w->out, ':');
    }
}

static void push(pl_writer *w, pl_str name, bool array) {
    if (w->depth == PL_WRITER_DEPTH) {
        w->out->failed = true;
        return;
    }
    w->levels[w->depth].name = name;
    w->levels[w->depth].array = array;
    w->levels[w->depth].empty = true;
    w->depth++;
}

static pl_str pop(pl_writer *w) {
    if (w->depth == 0) {
        w->out->failed = true;
        return PL_STR_NONE;
    }
    return w->levels[--w->depth].name;
}

void pl_writer_begin(pl_writer *w, pl_buf *out, pl_format format, pl_str root) {
    w->out = out;
    w->format = format;
    w->depth = 0;
    if (format == PL_FORMAT_XML)
        pl_buf_add(out, PL_STR("<?xml version=\"1.0\" encoding=\"UTF-8\"?>"));
    pl_write_object(w, root);
}

void pl_writer_end(pl_writer *w) {
    pl_write_object_end(w);
}

void pl_write_object(pl_writer *w, pl_str name) {
    pl_str tag = element(w, name);
    if (w->format == PL_FORMAT_XML) {
        open_tag(w, tag);
    } else {
        json_lead(w, name);
        pl_buf_add_char(w->out, '{');
    }
    push(w, tag, false);
}

void pl_write_object_end(pl_writer *w) {
    pl_str name = pop(w);
    if (w->format == PL_FORMAT_XML)
        close_tag(w, name);
    else
        pl_buf_add_char(w->out, '}');
}

void pl_write_array(pl_writer *w, pl_str name) {
    if (w->format == PL_FORMAT_JSON) {
        json_lead(w, name);
        pl_buf_add_char(w->out, '[');
    }
    push(w, element(w, name), true);
}

void pl_write_array_end(pl_writer *w) {
    pop(w);
    if (w->format == PL_FORMAT_JSON)
        pl_buf_add_char(w->out, ']');
}

/* A scalar whose text needs no quotes in JSON. */
static void write_bare(pl_writer *w, pl_str name, pl_str text) {
    if (w->format == PL_FORMAT_JSON) {
        json_lead(w, name);
        pl_buf_add(w->out, text);
        return;
    }
    pl_str tag = element(w, name);
    open_tag(w, tag);
    pl_buf_add(w->out, text);
    close_tag(w, tag);
}

void pl_write_string(pl_writer *w, pl_str name, pl_str value) {
    if (w->format == PL_FORMAT_JSON) {
        json_lead(w, name);
        pl_json_write_string(w->out, value);
        return;
    }
    pl_str tag = element(w, name);
    open_tag(w, tag);
    pl_xml_escape(w->out, value, false);
    close_tag(w, tag);
}

void pl_write_optional(pl_writer *w, pl_str name, pl_str value) {
    if (value.p)
        pl_write_string(w, name, value);
}

void pl_write_i64(pl_writer *w, pl_str name, int64_t value) {
    char digits[24];
    pl_buf text = {.p = digits, .capacity = sizeof digits, .limit = sizeof digits};
    pl_buf_add_i64(&text, value);
    write_bare(w, name, pl_buf_str(&text));
}

void pl_write_bool(pl_writer *w, pl_str name, bool value) {
    write_bare(w, name, value ? PL_STR("true") : PL_STR("false"));
}

void pl_write_double(pl_writer *w, pl_str name, double value) {
    char digits[48];
    pl_buf text = {.p = digits, .capacity = sizeof digits, .limit = sizeof digits};
    pl_json_write_double(&text, value);
    write_bare(w, name, pl_buf_str(&text));
}

/* Of the letters beyond ASCII readers of XML do not know the same ones: none counts here. */
static bool is_xml_name(pl_str s) {
    if (s.n == 0 || pl_is_digit(s.p[0]) || s.p[0] == '-' || s.p[0] == '.')
        return false;
    return pl_str_is_plain(s, "_-.");
}

static bool keys_are_xml_names(pl_json value) {
    pl_str key;
    pl_json child;
    bool object = pl_json_is_object(value);
    for (pl_json_walk walk = pl_json_children(value); pl_json_step(&walk, &key, &child);)
        if ((object && !is_xml_name(key)) || !keys_are_xml_names(child))
            return false;
    return true;
}

static void xml_json(pl_writer *w, pl_str name, pl_json value) {
    pl_str key;
    pl_json child;
    if (!pl_json_is_object(value) && !pl_json_is_array(value)) {
        pl_str tag = element(w, name);
        open_tag(w, tag);
        pl_buf text;
        pl_buf_init(&text, SIZE_MAX);
        pl_json_write_text(&text, value);
        pl_xml_escape(w->out, pl_buf_str(&text), false);
        pl_buf_free(&text);
        close_tag(w, tag);
        return;
    }
    bool object = pl_json_is_object(value);
    object ? pl_write_object(w, name) : pl_write_array(w, name);
    for (pl_json_walk walk = pl_json_children(value); pl_json_step(&walk, &key, &child);)
        xml_json(w, key, child);
    object ? pl_write_object_end(w) : pl_write_array_end(w);
}

static void xml_json_text(pl_writer *w, pl_str name, pl_json value) {
    pl_buf text;
    pl_buf_init(&text, w->out->limit);
    pl_json_write(&text, value);
    w->out->failed |= text.failed;
    pl_write_string(w, name, pl_buf_str(&text));
    pl_buf_free(&text);
}

void pl_write_json(pl_writer *w, pl_str name, pl_json value) {
    if (!pl_json_exists(value))
        return;
    if (w->format == PL_FORMAT_JSON) {
        json_lead(w, name);
        pl_json_write(w->out, value);
    } else if (keys_are_xml_names(value)) {
        xml_json(w, name, value);
    } else {
        xml_json_text(w, name, value);
    }
}

void pl_write_members(pl_writer *w, pl_str written) {
    if (w->depth && written.n)
        w->levels[w->depth - 1].empty = false;
    pl_buf_add(w->out, written);
}
