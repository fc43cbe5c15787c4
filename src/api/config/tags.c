/*
 * TagResources, UntagResources and ListTagResources for rules, packs (of accounts and of groups) and account
 * groups. Tags of rules and packs are part of their records; those of groups belong to the room org.
 */
#include "api/config/shared.h"
#include "api/operations.gen.h"

#include "org/change.h"
#include "json/parser.h"

#include <stdlib.h>

enum { TAGS_MAX = 20, PAGE = 100 };

typedef enum tagged_kind { TAGGED_RULE, TAGGED_PACK, TAGGED_GROUP } tagged_kind;

static const struct {
    const char *name;
    tagged_kind kind;
    bool of_groups;
} kinds[] = {{"ACS::Config::Rule", TAGGED_RULE, false},
             {"ACS::Config::AggregateConfigRule", TAGGED_RULE, true},
             {"ACS::Config::CompliancePack", TAGGED_PACK, false},
             {"ACS::Config::AggregateCompliancePack", TAGGED_PACK, true},
             {"ACS::Config::Aggregator", TAGGED_GROUP, false}};

typedef struct tag_task {
    api_call *call;
    config_owner owner; /* whose engine_context */
    pl_str type;
    tagged_kind kind;
    engine_group group; /* where rules and packs are looked for */
    engine_list ids, keys;
    bool all, remove;
    engine_tags tags;
} tag_task;

/* The published pages write the type in several letter cases, and once with a single colon. */
static int read_task(api_call *call, tag_task *task) {
    pl_str type = pl_str_trim(api_text(call, "ResourceType"));
    if (pl_str_eq_fold(type, PL_STR("ACS::Config:Rule")))
        type = PL_STR("ACS::Config::Rule");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (pl_str_eq_fold(type, pl_str_from(kinds[i].name))) {
            task->call = call;
            task->type = pl_str_from(kinds[i].name);
            task->kind = kinds[i].kind;
            task->group =
                (engine_group){api_account(call), kinds[i].of_groups ? ENGINE_ANY_GROUP : PL_STR_NONE};
            task->owner.group = task->group;
            return config_list(call, "ResourceId", &task->ids);
        }
    return api_fail_generic(&call->operation->product->invalid, call->error, PL_STR("ResourceType"));
}

static int read_stored(tag_task *task, pl_str stored, engine_tags *tags, pl_error *error) {
    pl_json list = PL_JSON_NONE;
    if (stored.n && pl_json_parse_in(task->call->arena, stored, &list, error) != 0)
        return -1;
    engine_tags read;
    if (engine_tags_read(task->call->arena, list, &read, error) != 0)
        return -1;
    *tags =
        (engine_tags){pl_new(task->call->arena, engine_tag, read.count + task->tags.count + 1), read.count};
    if (!tags->items)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < read.count; i++)
        tags->items[i] = read.items[i];
    return 0;
}

static void put_tag(engine_tags *tags, const engine_tag *tag) {
    for (size_t i = 0; i < tags->count; i++)
        if (pl_str_eq(tags->items[i].key, tag->key)) {
            tags->items[i].value = tag->value;
            return;
        }
    tags->items[tags->count++] = *tag;
}

static void drop_tags(engine_tags *tags, const tag_task *task) {
    size_t kept = 0;
    for (size_t i = 0; i < tags->count; i++)
        if (!task->all && !engine_list_has(&task->keys, tags->items[i].key))
            tags->items[kept++] = tags->items[i];
    tags->count = kept;
}

/* The tags after the change, as stored text. */
static int change_tags(tag_task *task, pl_str stored, pl_str *after, pl_error *error) {
    engine_tags tags;
    if (read_stored(task, stored, &tags, error) != 0)
        return -1;
    if (task->remove)
        drop_tags(&tags, task);
    for (size_t i = 0; !task->remove && i < task->tags.count; i++)
        put_tag(&tags, &task->tags.items[i]);
    if (tags.count > TAGS_MAX)
        return pl_failf(error, PL_E_Invalid_Tag_Value, "A resource has at most %d tags.", TAGS_MAX);
    pl_buf text;
    pl_buf_init(&text, 1 << 20);
    engine_tags_write(&tags, &text);
    *after = text.failed ? PL_STR_NONE : pl_arena_copy(task->call->arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return after->p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

static int tag_rule(tag_task *task, store_session *session, pl_str id, pl_error *error) {
    engine_context context = config_context(task->call, &task->owner);
    engine_rule rule;
    bool found = false;
    pl_str after;
    if (engine_rule_find(session, task->call->arena, &task->group, id, &rule, &found, error) != 0)
        return -1;
    if (!found)
        return pl_fail(error, PL_E_ConfigRuleNotExists);
    if (change_tags(task, rule.tags, &after, error) != 0)
        return -1;
    return engine_rule_tag(&context, session, &rule, after, error);
}

static int tag_pack(tag_task *task, store_session *session, pl_str id, pl_error *error) {
    engine_pack pack;
    bool found = false;
    pl_str after;
    if (engine_pack_find(session, task->call->arena, &task->group, id, &pack, &found, error) != 0)
        return -1;
    if (!found)
        return pl_fail(error, PL_E_Invalid_CompliancePackId_Value);
    if (change_tags(task, pack.tags, &after, error) != 0)
        return -1;
    return engine_pack_tag(session, &pack, after, error);
}

static int tag_work(store_session *session, void *argument, pl_error *error) {
    tag_task *task = argument;
    for (size_t i = 0; i < task->ids.count; i++) {
        int result = task->kind == TAGGED_RULE ? tag_rule(task, session, task->ids.items[i], error)
                                               : tag_pack(task, session, task->ids.items[i], error);
        if (result != 0)
            return -1;
    }
    return 0;
}

static int tag_groups(tag_task *task) {
    api_call *call = task->call;
    org_caller caller = {.account_id = api_account(call), .now = call->now, .arena = call->arena};
    org_tag *tags = pl_new(call->arena, org_tag, task->tags.count + 1);
    if (!tags)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < task->tags.count; i++)
        tags[i] = (org_tag){task->tags.items[i].key, task->tags.items[i].value};
    org_tagging tagging = {.type = PL_STR(ORG_TAG_GROUP),
                           .ids = task->ids.items,
                           .id_count = task->ids.count,
                           .tags = {tags, task->tags.count},
                           .keys = task->keys.items,
                           .key_count = task->keys.count,
                           .all = task->all};
    if (!call->services->org)
        return api_fail(call->operation, call->error, PL_E_Invalid_AggregatorId_Value);
    return task->remove ? org_untag_resources(call->services->org, &caller, &tagging, call->error)
                        : org_tag_resources(call->services->org, &caller, &tagging, call->error);
}

static int run(tag_task *task) {
    return task->kind == TAGGED_GROUP ? tag_groups(task) : config_write(task->call, tag_work, task);
}

int config_tag_resources(api_call *call) {
    tag_task task = {0};
    pl_str checked;
    if (read_task(call, &task) != 0 || config_tags_text(call, &checked) != 0 ||
        config_tags_filter(call, &task.tags) != 0)
        return -1;
    if (task.tags.count == 0)
        return api_fail(call->operation, call->error, PL_E_Invalid_Tag_Value);
    return run(&task);
}

int config_untag_resources(api_call *call) {
    tag_task task = {.remove = true, .all = api_flag(call, "All", false)};
    if (read_task(call, &task) != 0 || config_list(call, "TagKey", &task.keys) != 0)
        return -1;
    if (task.keys.count == 0 && !task.all)
        return api_fail_generic(&call->operation->product->missing, call->error, PL_STR("TagKey"));
    task.all = task.all && task.keys.count == 0;
    return run(&task);
}

/* --- Listing ---------------------------------------------------------------------------------------------
 */

typedef struct tag_line {
    pl_str id, key, value;
} tag_line;

typedef struct tag_lines {
    tag_line *items;
    size_t count, capacity;
} tag_lines;

static int add_lines(tag_task *task, tag_lines *lines, pl_str id, const engine_tags *tags, pl_error *error) {
    if (task->ids.count && !engine_list_has(&task->ids, id))
        return 0;
    for (size_t i = 0; i < tags->count; i++) {
        tag_line *grown =
            pl_arena_grow(task->call->arena, lines->items, lines->count, &lines->capacity, sizeof *grown);
        if (!grown)
            return pl_fail(error, PL_E_ServiceUnavailable);
        lines->items = grown;
        grown[lines->count++] = (tag_line){id, tags->items[i].key, tags->items[i].value};
    }
    return 0;
}

static int add_stored(tag_task *task, tag_lines *lines, pl_str id, pl_str stored, pl_error *error) {
    engine_tags tags;
    bool match;
    if (engine_tags_match(stored, &task->tags, &match, error) != 0)
        return -1;
    if (!match)
        return 0;
    engine_tags filter = task->tags;
    task->tags = (engine_tags){0};
    int result = read_stored(task, stored, &tags, error);
    task->tags = filter;
    return result == 0 ? add_lines(task, lines, id, &tags, error) : -1;
}

typedef struct list_task {
    tag_task task;
    tag_lines lines;
} list_task;

static int list_work(store_session *session, void *argument, pl_error *error) {
    list_task *list = argument;
    tag_task *task = &list->task;
    engine_rule *rules;
    engine_pack *packs;
    size_t count = 0;
    list->lines = (tag_lines){0};
    if (task->kind == TAGGED_RULE) {
        if (engine_rule_list(session, task->call->arena, &task->group, NULL, &rules, &count, error) != 0)
            return -1;
        for (size_t i = 0; i < count; i++)
            if (add_stored(task, &list->lines, rules[i].rule_id, rules[i].tags, error) != 0)
                return -1;
        return 0;
    }
    if (engine_pack_list(session, task->call->arena, &task->group, &packs, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (add_stored(task, &list->lines, packs[i].pack_id, packs[i].tags, error) != 0)
            return -1;
    return 0;
}

static int add_group(list_task *list, const org_group *group) {
    api_call *call = list->task.call;
    engine_tags tags = {pl_new(call->arena, engine_tag, group->tags.count + 1), 0};
    pl_str id = pl_arena_copy(call->arena, group->id);
    pl_buf text;
    if (!tags.items || !id.p)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    for (; tags.count < group->tags.count; tags.count++)
        tags.items[tags.count] =
            (engine_tag){group->tags.items[tags.count].key, group->tags.items[tags.count].value};
    pl_buf_init(&text, 1 << 20);
    engine_tags_write(&tags, &text);
    int result = text.failed ? pl_fail(call->error, PL_E_ServiceUnavailable)
                             : add_stored(&list->task, &list->lines, id, pl_buf_str(&text), call->error);
    pl_buf_free(&text);
    return result;
}

static int list_groups(list_task *list) {
    api_call *call = list->task.call;
    const org_group **groups = NULL;
    size_t count = 0;
    if (!call->services->org)
        return 0;
    const org_view *view = org_view_open(call->services->org, NULL, call->error);
    if (!view)
        return -1;
    int result = org_owned_groups(view, call->arena, api_account(call), &groups, &count, call->error);
    for (size_t i = 0; i < count && result == 0; i++)
        result = add_group(list, groups[i]);
    org_view_close(view);
    return result;
}

static int by_place(const void *a, const void *b) {
    const tag_line *x = a, *y = b;
    int order = pl_str_cmp(x->id, y->id);
    return order ? order : pl_str_cmp(x->key, y->key);
}

/* The first line behind the one that a page ended with ("id NL key"), which may be gone since. */
static size_t start_behind(const tag_lines *lines, pl_str token) {
    tag_line last = {.id = PL_STR_NONE};
    size_t at = 0;
    if (!token.p)
        return 0;
    pl_str_split(&token, '\n', &last.id);
    last.key = token;
    while (at < lines->count && by_place(&lines->items[at], &last) <= 0)
        at++;
    return at;
}

static void write_lines(api_call *call, const list_task *list, size_t from, size_t end) {
    pl_write_object(call->out, PL_STR("TagResources"));
    pl_write_array(call->out, PL_STR("TagResource"));
    for (size_t i = from; i < end; i++) {
        pl_write_object(call->out, PL_STR_NONE);
        pl_write_string(call->out, PL_STR("ResourceId"), list->lines.items[i].id);
        pl_write_string(call->out, PL_STR("ResourceType"), list->task.type);
        pl_write_string(call->out, PL_STR("TagKey"), list->lines.items[i].key);
        pl_write_string(call->out, PL_STR("TagValue"), list->lines.items[i].value);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
}

static pl_str make_token(api_call *call, const tag_line *last) {
    return api_token_make(call,
                          pl_arena_printf(call->arena, "%.*s\n%.*s", PL_FMT(last->id), PL_FMT(last->key)));
}

int config_list_tag_resources(api_call *call) {
    list_task list = {0};
    pl_str token;
    if (read_task(call, &list.task) != 0 || config_tags_filter(call, &list.task.tags) != 0 ||
        api_token_open(call, &token) != 0)
        return -1;
    if ((list.task.kind == TAGGED_GROUP ? list_groups(&list) : config_read(call, list_work, &list)) != 0)
        return -1;
    size_t count = list.lines.count;
    if (count > 1)
        qsort(list.lines.items, count, sizeof *list.lines.items, by_place);
    size_t from = start_behind(&list.lines, token), end = count - from > PAGE ? from + PAGE : count;
    write_lines(call, &list, from, end);
    pl_write_string(call->out, PL_STR("NextToken"),
                    end < count ? make_token(call, &list.lines.items[end - 1]) : PL_STR(""));
    return 0;
}
