/* Scopes: lists and tags taken apart, stored as JSON, compared with resources. */
#include "engine/scope.h"

#include "json/parser.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ENTRIES = 10000, LARGEST_TEXT = 1 << 20, SHORT_LIST = 8 };

static int no_memory(pl_error *error) {
    return pl_fail(error, PL_E_ServiceUnavailable);
}

/* Long lists are looked up by halving. */
static bool sort_list(pl_arena *arena, engine_list *list) {
    if (list->count <= SHORT_LIST)
        return true;
    pl_str *sorted = pl_new(arena, pl_str, list->count);
    if (!sorted)
        return false;
    memcpy(sorted, list->items, list->count * sizeof *sorted);
    qsort(sorted, list->count, sizeof *sorted, pl_str_order);
    list->sorted = sorted;
    return true;
}

int engine_list_join(pl_arena *arena, const pl_str *items, size_t count, engine_list *out, pl_error *error) {
    *out = (engine_list){0};
    if (count > MOST_ENTRIES)
        return pl_failf(error, PL_E_InvalidParameter, "A list holds at most %d entries.", MOST_ENTRIES);
    pl_buf text;
    pl_buf_init(&text, LARGEST_TEXT);
    out->items = pl_new(arena, pl_str, count ? count : 1);
    for (size_t i = 0; i < count && out->items; i++) {
        pl_str item = pl_str_trim(items[i]);
        if (item.n == 0)
            continue;
        if (text.n)
            pl_buf_add_char(&text, ',');
        pl_buf_add(&text, item);
        out->items[out->count++] = pl_arena_copy(arena, item);
    }
    out->text = pl_arena_copy(arena, pl_buf_str(&text));
    bool failed = text.failed || arena->failed || !out->items || !out->text.p || !sort_list(arena, out);
    pl_buf_free(&text);
    return failed ? no_memory(error) : 0;
}

int engine_list_parse(pl_arena *arena, pl_str text, engine_list *out, pl_error *error) {
    *out = (engine_list){0};
    if (!text.p)
        return 0;
    size_t count = 1;
    for (size_t i = 0; i < text.n; i++)
        count += text.p[i] == ',';
    if (count > MOST_ENTRIES)
        return pl_failf(error, PL_E_InvalidParameter, "A list holds at most %d entries.", MOST_ENTRIES);
    pl_str *items = pl_new(arena, pl_str, count);
    if (!items)
        return no_memory(error);
    pl_str rest = text, part;
    for (count = 0; pl_str_split(&rest, ',', &part);)
        items[count++] = part;
    return engine_list_join(arena, items, count, out, error);
}

bool engine_list_has(const engine_list *list, pl_str entry) {
    if (list->sorted)
        return bsearch(&entry, list->sorted, list->count, sizeof entry, pl_str_order) != NULL;
    for (size_t i = 0; i < list->count; i++)
        if (pl_str_eq(list->items[i], entry))
            return true;
    return false;
}

/* Names are the API's; the offsets lead to the lists of engine_scope. */
static const struct {
    const char *name;
    size_t offset;
} lists[] = {
    {"ResourceTypesScope", offsetof(engine_scope, resource_types)},
    {"RegionIdsScope", offsetof(engine_scope, region_ids)},
    {"ExcludeRegionIdsScope", offsetof(engine_scope, exclude_region_ids)},
    {"ResourceIdsScope", offsetof(engine_scope, resource_ids)},
    {"ExcludeResourceIdsScope", offsetof(engine_scope, exclude_resource_ids)},
    {"ResourceGroupIdsScope", offsetof(engine_scope, resource_group_ids)},
    {"ExcludeResourceGroupIdsScope", offsetof(engine_scope, exclude_resource_group_ids)},
    {"ResourceNameScope", offsetof(engine_scope, resource_names)},
    {"TagKeyScope", offsetof(engine_scope, tag_keys)},
    {"AccountIdsScope", offsetof(engine_scope, account_ids)},
    {"ExcludeAccountIdsScope", offsetof(engine_scope, exclude_account_ids)},
    {"FolderIdsScope", offsetof(engine_scope, folder_ids)},
    {"ExcludeFolderIdsScope", offsetof(engine_scope, exclude_folder_ids)},
};

engine_list *engine_scope_list(engine_scope *scope, pl_str name) {
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        if (pl_str_is(name, lists[i].name))
            return (engine_list *)((char *)scope + lists[i].offset);
    return NULL;
}

static void begin_member(pl_buf *out, const char *name) {
    pl_buf_add(out, out->n && out->p[out->n - 1] != '{' ? PL_STR(",\"") : PL_STR("\""));
    pl_buf_add(out, pl_str_from(name));
    pl_buf_add(out, PL_STR("\":"));
}

void engine_tags_write(const engine_tags *tags, pl_buf *out) {
    pl_buf_add_char(out, '[');
    for (size_t i = 0; i < tags->count; i++) {
        pl_buf_add(out, i ? PL_STR(",{\"TagKey\":") : PL_STR("{\"TagKey\":"));
        pl_json_write_string(out, tags->items[i].key);
        pl_buf_add(out, PL_STR(",\"TagValue\":"));
        pl_json_write_string(out, tags->items[i].value);
        pl_buf_add_char(out, '}');
    }
    pl_buf_add_char(out, ']');
}

static void write_tags_member(pl_buf *out, const char *name, const engine_tags *tags) {
    if (tags->count == 0)
        return;
    begin_member(out, name);
    engine_tags_write(tags, out);
}

static void write_text_member(pl_buf *out, const char *name, pl_str text) {
    if (text.n == 0)
        return;
    begin_member(out, name);
    pl_json_write_string(out, text);
}

pl_str engine_scope_logic(const engine_scope *scope) {
    return scope->tags_all ? PL_STR("AND") : scope->tags_any ? PL_STR("OR") : PL_STR_NONE;
}

void engine_scope_set_logic(engine_scope *scope, pl_str logic) {
    scope->tags_all = pl_str_is(logic, "AND");
    scope->tags_any = pl_str_is(logic, "OR");
}

void engine_scope_write(const engine_scope *scope, pl_buf *out) {
    pl_buf_add_char(out, '{');
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        write_text_member(out, lists[i].name,
                          ((const engine_list *)((const char *)scope + lists[i].offset))->text);
    write_tags_member(out, "TagsScope", &scope->tags);
    write_tags_member(out, "ExcludeTagsScope", &scope->exclude_tags);
    write_text_member(out, "TagKeyLogicScope", engine_scope_logic(scope));
    write_text_member(out, "TagValueScope", scope->tag_value);
    pl_buf_add_char(out, '}');
}

int engine_tags_read(pl_arena *arena, pl_json list, engine_tags *out, pl_error *error) {
    size_t count = pl_json_count(list);
    *out = (engine_tags){pl_new(arena, engine_tag, count ? count : 1), 0};
    if (!out->items)
        return no_memory(error);
    pl_str key;
    pl_json value;
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &key, &value); out->count++) {
        out->items[out->count].key = pl_json_str(pl_json_get(value, PL_STR("TagKey")));
        out->items[out->count].value = pl_json_str(pl_json_get(value, PL_STR("TagValue")));
    }
    return 0;
}

bool engine_scope_equal(const engine_scope *a, const engine_scope *b) {
    pl_buf one, other;
    pl_buf_init(&one, 4 << 20);
    pl_buf_init(&other, 4 << 20);
    engine_scope_write(a, &one);
    engine_scope_write(b, &other);
    bool same = !one.failed && !other.failed && pl_str_eq(pl_buf_str(&one), pl_buf_str(&other));
    pl_buf_free(&one);
    pl_buf_free(&other);
    return same;
}

static bool carries(pl_json list, const engine_tag *wanted) {
    pl_str key;
    pl_json tag;
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &key, &tag);)
        if (pl_str_eq(pl_json_str(pl_json_get(tag, PL_STR("TagKey"))), wanted->key) &&
            (wanted->value.n == 0 ||
             pl_str_eq(pl_json_str(pl_json_get(tag, PL_STR("TagValue"))), wanted->value)))
            return true;
    return false;
}

int engine_tags_match(pl_str stored, const engine_tags *wanted, bool *match, pl_error *error) {
    *match = wanted->count == 0;
    if (*match || stored.n == 0)
        return 0;
    pl_arena scratch;
    pl_json list;
    pl_arena_init(&scratch, 1 << 20);
    int status = pl_json_parse_in(&scratch, stored, &list, error);
    *match = status == 0;
    for (size_t i = 0; i < wanted->count && *match; i++)
        *match = carries(list, &wanted->items[i]);
    pl_arena_free(&scratch);
    if (status != 0 && !pl_error_is(error, PL_E_ServiceUnavailable))
        return pl_failf(error, PL_E_InternalError, "Stored tags are not JSON.");
    return status;
}

int engine_scope_read(pl_arena *arena, pl_str json, engine_scope *out, pl_error *error) {
    *out = (engine_scope){0};
    pl_json root;
    if (pl_json_parse_in(arena, json, &root, error) != 0)
        return pl_error_is(error, PL_E_ServiceUnavailable)
                   ? -1
                   : pl_failf(error, PL_E_InternalError, "A stored scope is not JSON.");
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        pl_str text = pl_json_str(pl_json_get(root, pl_str_from(lists[i].name)));
        if (engine_list_parse(arena, text, (engine_list *)((char *)out + lists[i].offset), error) != 0)
            return -1;
    }
    engine_scope_set_logic(out, pl_json_str(pl_json_get(root, PL_STR("TagKeyLogicScope"))));
    out->tag_value = pl_json_str(pl_json_get(root, PL_STR("TagValueScope")));
    if (engine_tags_read(arena, pl_json_get(root, PL_STR("TagsScope")), &out->tags, error) != 0)
        return -1;
    return engine_tags_read(arena, pl_json_get(root, PL_STR("ExcludeTagsScope")), &out->exclude_tags, error);
}

int engine_scope_check(const engine_scope *scope, bool of_rule, pl_error *error) {
    if (of_rule && scope->resource_types.count == 0)
        return pl_fail(error, PL_E_Invalid_ResourceTypesScope_Empty);
    if ((scope->tag_keys.count > 0) != (scope->tag_value.n > 0))
        return pl_failf(error, PL_E_Invalid_TagKeyScope_Value,
                        "TagKeyScope and TagValueScope must be given together.");
    return 0;
}

static bool has_folded(const engine_list *list, pl_str entry) {
    for (size_t i = 0; i < list->count; i++)
        if (pl_str_eq_fold(list->items[i], entry) || pl_str_is(list->items[i], "*"))
            return true;
    return false;
}

static bool allowed(const engine_list *include, const engine_list *exclude, pl_str entry) {
    return (include->count == 0 || engine_list_has(include, entry)) && !engine_list_has(exclude, entry);
}

static bool tags_hold(const engine_tags *tags, pl_json carried, bool all) {
    for (size_t i = 0; i < tags->count; i++)
        if (inventory_has_tag(carried, tags->items[i].key, tags->items[i].value) != all)
            return !all;
    return all;
}

static bool keys_match(const engine_scope *scope, pl_json carried) {
    for (size_t i = 0; i < scope->tag_keys.count; i++)
        if (inventory_has_tag(carried, scope->tag_keys.items[i], scope->tag_value) != scope->tags_all)
            return !scope->tags_all;
    return scope->tags_all;
}

static bool tags_match(const engine_scope *scope, pl_json carried) {
    if (scope->tags.count && !tags_hold(&scope->tags, carried, scope->tags_all))
        return false;
    if (scope->tag_keys.count && !keys_match(scope, carried))
        return false;
    return scope->exclude_tags.count == 0 || !tags_hold(&scope->exclude_tags, carried, false);
}

bool engine_scope_covers(const engine_scope *scope, const engine_scope_subject *s) {
    static const engine_list none = {0};
    return (scope->resource_types.count == 0 || has_folded(&scope->resource_types, s->resource_type)) &&
           allowed(&scope->region_ids, &scope->exclude_region_ids, s->region_id) &&
           allowed(&scope->resource_ids, &scope->exclude_resource_ids, s->resource_id) &&
           allowed(&scope->resource_group_ids, &scope->exclude_resource_group_ids, s->group_id) &&
           allowed(&scope->resource_names, &none, s->name) && tags_match(scope, s->tags);
}
