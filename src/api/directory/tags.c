/*
 * Tags of folders, members, control policies (ResourceDirectoryMaster) and resource groups. Both products
 * name the same operations; the object's kind is ResourceType.
 */
#include "api/directory/answers.h"

#include <stdlib.h>

/* --- Setting and removing --------------------------------------------------------------------------------
 */

int directory_tag_resources(api_call *call) {
    org_caller caller = directory_caller(call);
    org_tagging tagging = {.type = api_text(call, "ResourceType")};
    if (directory_texts(call, "ResourceId", &tagging.ids, &tagging.id_count) ||
        directory_tags(call, "Tag", &tagging.tags))
        return -1;
    return org_tag_resources(call->services->org, &caller, &tagging, call->error);
}

/* All counts only when no keys are given. */
int directory_untag_resources(api_call *call) {
    org_caller caller = directory_caller(call);
    org_tagging tagging = {.type = api_text(call, "ResourceType")};
    if (directory_texts(call, "ResourceId", &tagging.ids, &tagging.id_count) ||
        directory_texts(call, "TagKey", &tagging.keys, &tagging.key_count))
        return -1;
    tagging.all = tagging.key_count == 0 && api_flag(call, "All", false);
    return org_untag_resources(call->services->org, &caller, &tagging, call->error);
}

/* --- Listing ---------------------------------------------------------------------------------------------
 */

typedef struct tag_rows {
    pl_str type;
    org_tag_row *items;
    size_t count;
} tag_rows;

static int load(api_call *call, tag_rows *rows) {
    org_caller caller = directory_caller(call);
    rows->type = api_text(call, "ResourceType");
    return org_list_tags(call->services->org, &caller, rows->type, &rows->items, &rows->count, call->error);
}

static bool is_listed(const pl_str *texts, size_t count, pl_str text) {
    for (size_t i = 0; i < count; i++) {
        if (pl_str_eq(texts[i], text))
            return true;
    }
    return count == 0;
}

/* A filter row matches when one of the wanted tags is that key (and value); no filter matches all. */
static bool is_wanted(const org_tags *filter, const org_tag_row *row) {
    for (size_t i = 0; i < filter->count; i++) {
        const org_tag *tag = &filter->items[i];
        if (pl_str_eq(tag->key, row->key) && (tag->value.n == 0 || pl_str_eq(tag->value, row->value)))
            return true;
    }
    return filter->count == 0;
}

/* One page of a list in byte order. A token names the last one shown, which may be gone since. */
typedef struct ordered_page {
    pl_str after, last;
    int64_t left;
    bool more;
} ordered_page;

static int open_page(api_call *call, ordered_page *page) {
    *page = (ordered_page){.left = api_number(call, "MaxResults", 10)};
    return api_token_open(call, &page->after);
}

/* True when what has this place lies on the page. */
static bool take(ordered_page *page, pl_str place) {
    if (page->more || (page->after.p && pl_str_cmp(place, page->after) <= 0))
        return false;
    page->more = page->left-- == 0;
    page->last = page->more ? page->last : place;
    return !page->more;
}

static int write_next(api_call *call, const ordered_page *page) {
    pl_str token = page->more ? api_token_make(call, page->last) : PL_STR("");
    if (!token.p)
        return pl_failf(call->error, PL_E_ServiceUnavailable, "Out of memory.");
    api_write_text(call->out, "NextToken", token);
    return 0;
}

static void write_row(api_call *call, const tag_rows *rows, const org_tag_row *row) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("TagResource"));
    api_write_text(out, "ResourceId", row->id);
    api_write_text(out, "ResourceType", rows->type);
    api_write_text(out, "TagKey", row->key);
    api_write_text(out, "TagValue", row->value);
    pl_write_object_end(out);
}

int directory_list_tag_resources(api_call *call) {
    tag_rows rows;
    org_tags filter;
    const pl_str *ids;
    size_t id_count;
    ordered_page page;
    if (directory_tags(call, "Tag", &filter) || directory_texts(call, "ResourceId", &ids, &id_count) ||
        open_page(call, &page) || load(call, &rows))
        return -1;
    pl_write_array(call->out, PL_STR("TagResources"));
    for (size_t i = 0; i < rows.count && !page.more; i++) {
        const org_tag_row *row = &rows.items[i];
        if (!is_listed(ids, id_count, row->id) || !is_wanted(&filter, row))
            continue;
        pl_str place = pl_arena_printf(call->arena, "%.*s\n%.*s", PL_FMT(row->id), PL_FMT(row->key));
        if (take(&page, place))
            write_row(call, &rows, row);
    }
    pl_write_array_end(call->out);
    return write_next(call, &page);
}

/* The distinct keys, or values of one key, that contain the filter, in byte order. */
static int list_distinct(api_call *call, const char *member, pl_str key, pl_str filter) {
    tag_rows rows;
    ordered_page page;
    if (open_page(call, &page) || load(call, &rows))
        return -1;
    pl_str *texts = pl_new(call->arena, pl_str, rows.count + 1);
    size_t count = 0;
    if (!texts)
        return pl_failf(call->error, PL_E_ServiceUnavailable, "Out of memory.");
    for (size_t i = 0; i < rows.count; i++) {
        pl_str text = key.p ? rows.items[i].value : rows.items[i].key;
        if ((!key.p || pl_str_eq(rows.items[i].key, key)) && pl_str_find(text, filter) != PL_NOT_FOUND)
            texts[count++] = text;
    }
    if (count > 1)
        qsort(texts, count, sizeof *texts, pl_str_order);
    pl_write_array(call->out, PL_STR("Tags"));
    for (size_t i = 0; i < count; i++) {
        if ((i > 0 && pl_str_eq(texts[i], texts[i - 1])) || !take(&page, texts[i]))
            continue;
        pl_write_object(call->out, PL_STR("Tag"));
        api_write_text(call->out, member, texts[i]);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    return write_next(call, &page);
}

int directory_list_tag_keys(api_call *call) {
    return list_distinct(call, "Key", PL_STR_NONE, api_text(call, "KeyFilter"));
}

int directory_list_tag_values(api_call *call) {
    return list_distinct(call, "Value", api_text(call, "TagKey"), api_text(call, "ValueFilter"));
}
