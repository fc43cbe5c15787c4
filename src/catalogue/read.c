/* Reading values out of a catalogue file into the arena, with messages that name file and JSON path. */
#include "catalogue/internal.h"

int catalogue_wrong(catalogue_reader *r, const char *path, const char *reason) {
    pl_str file = r->entry->file.p ? r->entry->file : r->entry->name;
    return pl_failf(r->error, r->entry->file.p ? PL_E_InvalidParameter : PL_E_InternalError, "%.*s: %s: %s",
                    PL_FMT(file), path, reason);
}

int catalogue_no_memory(pl_error *error) {
    return pl_failf(error, PL_E_ServiceUnavailable, "No memory for the catalogue.");
}

int catalogue_take_text(catalogue_reader *r, pl_json node, const char *path, pl_str *text) {
    if (!pl_json_is_string(node))
        return catalogue_wrong(r, path, "must be a text");
    *text = pl_arena_copy(r->arena, pl_json_text(node));
    return text->p ? 0 : catalogue_no_memory(r->error);
}

int catalogue_take_bool(catalogue_reader *r, pl_json node, const char *path, bool *value) {
    return pl_json_bool(node, value) ? 0 : catalogue_wrong(r, path, "must be true or false");
}

int catalogue_take_list(catalogue_reader *r, pl_json node, const char *path, catalogue_list *list) {
    if (!pl_json_is_array(node))
        return catalogue_wrong(r, path, "must be a list of texts");
    size_t count = pl_json_count(node);
    pl_str *items = pl_new(r->arena, pl_str, count ? count : 1);
    if (!items)
        return catalogue_no_memory(r->error);
    *list = (catalogue_list){items, 0};
    pl_str key;
    pl_json value;
    for (pl_json_walk w = pl_json_children(node); pl_json_step(&w, &key, &value); list->count++)
        if (catalogue_take_text(r, value, path, &items[list->count]) != 0)
            return -1;
    return 0;
}

int catalogue_take_json(catalogue_reader *r, pl_json node, pl_str *text) {
    pl_buf out;
    pl_buf_init(&out, 1 << 20);
    pl_json_write(&out, node);
    *text = out.failed ? PL_STR_NONE : pl_arena_copy(r->arena, pl_buf_str(&out));
    pl_buf_free(&out);
    return text->p ? 0 : catalogue_no_memory(r->error);
}
