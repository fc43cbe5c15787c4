/* The shared parts of the Config handlers: owner, lists, tags and common pieces of answers. */
#include "api/config/shared.h"

#include "base/encode.h"
#include "identity/identity.h"
#include "org/org.h"
#include "json/parser.h"

enum { TAGS_MAX = 20, TAG_KEY_MAX = 128, TAG_VALUE_MAX = 128 };

static int no_group(api_call *call) {
    return api_fail(call->operation, call->error, PL_E_Invalid_AggregatorId_Value);
}

/* The members' accounts; a mere member of the group looks at its own resources only. */
static int copy_accounts(api_call *call, const org_group *group, bool owns, config_owner *owner) {
    size_t count = owns ? group->member_count : 1;
    pl_str *accounts = pl_new(call->arena, pl_str, count ? count : 1);
    if (!accounts)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < count; i++)
        accounts[i] =
            pl_arena_copy(call->arena, owns ? group->members[i].account_id : call->caller->account_id);
    owner->accounts = accounts;
    owner->account_count = count;
    owner->partly = !owns;
    return 0;
}

static int copy_group(api_call *call, const org_group *group, bool owns, config_owner *owner) {
    if (copy_accounts(call, group, owns, owner) != 0)
        return -1;
    owner->group.owner_id = pl_arena_copy(call->arena, group->owner_id);
    owner->group.aggregator_id = pl_arena_copy(call->arena, group->id);
    owner->aggregator_name = pl_arena_copy(call->arena, group->name);
    return call->arena->failed ? pl_fail(call->error, PL_E_ServiceUnavailable) : 0;
}

static int own_account(api_call *call, config_owner *owner) {
    pl_str *account = pl_new(call->arena, pl_str, 1);
    if (!account)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    *account = api_account(call);
    *owner = (config_owner){.group = {*account, PL_STR_NONE}, .accounts = account, .account_count = 1};
    return 0;
}

int config_owner_by_id(api_call *call, pl_str aggregator_id, int access, config_owner *owner) {
    *owner = (config_owner){0};
    if (aggregator_id.n == 0)
        return own_account(call, owner);
    if (!call->services->org)
        return no_group(call);
    const org_view *view = org_view_open(call->services->org, NULL, call->error);
    if (!view)
        return -1;
    bool owns = false;
    const org_group *group = org_find_group(view, api_account(call), aggregator_id, &owns);
    int result = !group ? no_group(call)
                 : access == CONFIG_WRITE && !owns
                     ? api_fail(call->operation, call->error, PL_E_AggregatorMemberNoPermission)
                     : copy_group(call, group, owns, owner);
    org_view_close(view);
    return result;
}

int config_owner_of(api_call *call, int access, config_owner *owner) {
    const struct api_parameter *group = api_find_parameter(call->operation, PL_STR("AggregatorId"));
    pl_str id = group ? pl_str_trim(api_text(call, "AggregatorId")) : PL_STR_NONE;
    if (group && group->required && id.n == 0)
        return no_group(call);
    return config_owner_by_id(call, id, access, owner);
}

engine_context config_context(api_call *call, const config_owner *owner) {
    const identity_caller *caller = call->caller;
    bool root = caller->kind == IDENTITY_ROOT;
    return (engine_context){
        .engine = call->services->engine,
        .catalogue = call->services->catalogue,
        .random = call->services->random,
        .arena = call->arena,
        .now = call->now,
        .strict = call->services->limits->strict,
        .rules_limit = call->services->limits->rules_per_account,
        .packs_limit = call->services->limits->packs_per_account,
        .creator_id = root || caller->principal_id.n == 0 ? caller->account_id : caller->principal_id,
        .creator_name = caller->name.n ? caller->name
                        : root         ? PL_STR("root")
                                       : caller->session_name,
        .creator_type = owner->group.aggregator_id.p ? PL_STR("AGGREGATOR") : PL_STR("ACCOUNT"),
    };
}

int config_write(api_call *call, store_work work, void *argument) {
    if (store_write(call->services->store, work, argument, call->error) != 0)
        return -1;
    engine_after_commit(call->services->engine);
    return 0;
}

int config_read(api_call *call, store_work work, void *argument) {
    return store_read(call->services->store, work, argument, call->error);
}

int config_list(api_call *call, const char *name, engine_list *out) {
    const api_value *value = api_input(call, name);
    *out = (engine_list){0};
    if (!value)
        return 0;
    if (value->type != API_ARRAY)
        return engine_list_parse(call->arena, value->text, out, call->error);
    pl_str *items = pl_new(call->arena, pl_str, value->count ? value->count : 1);
    if (!items)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < value->count; i++)
        items[i] = value->items[i].text;
    return engine_list_join(call->arena, items, value->count, out, call->error);
}

/* A value without its key: left out, it would widen a scope. */
static int refuse_keyless(api_call *call, const char *name) {
    if (strcmp(name, "Tag") == 0)
        return api_fail(call->operation, call->error, PL_E_Invalid_Tag_Value);
    return api_fail_generic(&call->operation->product->invalid, call->error, pl_str_from(name));
}

static int read_tags(api_call *call, const char *name, const char *key, const char *value_name,
                     engine_tags *out) {
    const api_value *value = api_input(call, name);
    *out = (engine_tags){0};
    if (!value)
        return 0;
    out->items = pl_new(call->arena, engine_tag, value->count ? value->count : 1);
    if (!out->items)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < value->count; i++) {
        engine_tag tag = {pl_str_trim(api_member_text(&value->items[i], key)),
                          pl_str_trim(api_member_text(&value->items[i], value_name))};
        if (tag.key.n)
            out->items[out->count++] = tag;
        else if (tag.value.n)
            return refuse_keyless(call, name);
    }
    return 0;
}

static const char *const scope_lists[] = {"ResourceTypesScope",
                                          "RegionIdsScope",
                                          "ExcludeRegionIdsScope",
                                          "ResourceIdsScope",
                                          "ExcludeResourceIdsScope",
                                          "ResourceGroupIdsScope",
                                          "ExcludeResourceGroupIdsScope",
                                          "ResourceNameScope",
                                          "TagKeyScope",
                                          "AccountIdsScope",
                                          "ExcludeAccountIdsScope",
                                          "FolderIdsScope",
                                          "ExcludeFolderIdsScope"};

int config_scope(api_call *call, engine_scope *scope) {
    for (size_t i = 0; i < sizeof scope_lists / sizeof *scope_lists; i++)
        if (api_input(call, scope_lists[i]) &&
            config_list(call, scope_lists[i], engine_scope_list(scope, pl_str_from(scope_lists[i]))) != 0)
            return -1;
    if (api_input(call, "TagsScope") && read_tags(call, "TagsScope", "TagKey", "TagValue", &scope->tags) != 0)
        return -1;
    if (api_input(call, "ExcludeTagsScope") &&
        read_tags(call, "ExcludeTagsScope", "TagKey", "TagValue", &scope->exclude_tags) != 0)
        return -1;
    if (api_input(call, "TagKeyLogicScope"))
        engine_scope_set_logic(scope, api_text(call, "TagKeyLogicScope"));
    if (api_input(call, "TagValueScope"))
        scope->tag_value = pl_str_trim(api_text(call, "TagValueScope"));
    return 0;
}

static int check_tag(pl_error *error, pl_str key, pl_str value) {
    static const char *const reserved[] = {"aliyun", "acs:"};
    bool sound = key.n && pl_utf8_length(key) <= TAG_KEY_MAX && pl_utf8_length(value) <= TAG_VALUE_MAX;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        sound = sound && !pl_str_starts(key, pl_str_from(reserved[i])) &&
                !pl_str_starts(value, pl_str_from(reserved[i]));
    static const char *const links[] = {"http://", "https://"};
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        sound = sound && pl_str_find(key, pl_str_from(links[i])) == PL_NOT_FOUND &&
                pl_str_find(value, pl_str_from(links[i])) == PL_NOT_FOUND;
    return sound ? 0 : pl_fail(error, PL_E_Invalid_Tag_Value);
}

static int check_tags(api_call *call, const engine_tags *tags) {
    if (tags->count > TAGS_MAX)
        return api_fail(call->operation, call->error, PL_E_Invalid_Tag_Value);
    for (size_t i = 0; i < tags->count; i++) {
        if (check_tag(call->error, tags->items[i].key, tags->items[i].value) != 0)
            return -1;
        for (size_t k = 0; k < i; k++)
            if (pl_str_eq(tags->items[i].key, tags->items[k].key))
                return pl_failf(call->error, PL_E_Invalid_Tag_Value, "The tag key %.*s is given twice.",
                                PL_FMT(tags->items[i].key));
    }
    return 0;
}

int config_tags_text(api_call *call, pl_str *text) {
    engine_tags tags;
    *text = PL_STR_NONE;
    if (!api_input(call, "Tag"))
        return 0;
    if (read_tags(call, "Tag", "Key", "Value", &tags) != 0 || check_tags(call, &tags) != 0)
        return -1;
    pl_buf out;
    pl_buf_init(&out, 1 << 20);
    engine_tags_write(&tags, &out);
    *text = out.failed ? PL_STR_NONE : pl_arena_copy(call->arena, pl_buf_str(&out));
    pl_buf_free(&out);
    return text->p ? 0 : pl_fail(call->error, PL_E_ServiceUnavailable);
}

int config_tags_filter(api_call *call, engine_tags *tags) {
    return read_tags(call, "Tag", "Key", "Value", tags);
}

pl_str config_shown_pack(const api_call *call, const engine_rule *rule) {
    pl_str asked = pl_str_trim(api_text(call, "CompliancePackId"));
    return asked.n && engine_list_has(&rule->pack_ids, asked) ? asked : rule->pack_ids.items[0];
}

int config_parse(api_call *call, pl_str text, pl_json *root) {
    if (pl_json_parse_in(call->arena, text, root, call->error) == 0)
        return 0;
    *root = PL_JSON_NONE;
    return call->error->http_status >= 500 ? -1 : 0;
}

/* An answer that lacks something is none. */
static void lose_answer(api_call *call, const char *what, const pl_error *why) {
    if (call->services->log)
        pl_log_write(call->services->log, PL_LOG_ERROR, "request %.*s: stored %s cannot be read: %s",
                     PL_FMT(call->request_id), what, why->message);
    call->out->out->failed = true;
}

bool config_read_stored(api_call *call, const char *what, pl_str stored, pl_json *root) {
    pl_error wrong;
    *root = PL_JSON_NONE;
    if (stored.n == 0 || pl_json_parse_in(call->arena, stored, root, &wrong) == 0)
        return stored.n > 0;
    lose_answer(call, what, &wrong);
    return false;
}

const catalogue_rule *config_managed_rule(api_call *call, pl_str identifier) {
    pl_error wrong;
    const catalogue_rule *rule = catalogue_find_rule(call->services->catalogue, identifier, &wrong);
    if (!rule && wrong.code[0])
        lose_answer(call, "managed rules", &wrong);
    return rule;
}

void config_write_tags(api_call *call, const char *name, pl_str stored, const char *key, const char *value) {
    pl_json list, tag;
    pl_str unused;
    (void)config_read_stored(call, "tags", stored, &list);
    pl_write_array(call->out, pl_str_from(name));
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &unused, &tag);) {
        pl_write_object(call->out, PL_STR_NONE);
        pl_write_string(call->out, pl_str_from(key), pl_json_str(pl_json_get(tag, PL_STR("TagKey"))));
        pl_write_string(call->out, pl_str_from(value), pl_json_str(pl_json_get(tag, PL_STR("TagValue"))));
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
}

static void write_tag_list(pl_writer *out, const char *name, const engine_tags *tags) {
    pl_write_array(out, pl_str_from(name));
    for (size_t i = 0; i < tags->count; i++) {
        pl_write_object(out, PL_STR_NONE);
        pl_write_string(out, PL_STR("TagKey"), tags->items[i].key);
        pl_write_string(out, PL_STR("TagValue"), tags->items[i].value);
        pl_write_object_end(out);
    }
    pl_write_array_end(out);
}

void config_write_list(pl_writer *out, const char *name, const engine_list *list) {
    pl_write_optional(out, pl_str_from(name), list->count ? list->text : PL_STR_NONE);
}

void config_write_scope(pl_writer *out, const engine_scope *scope) {
    config_write_list(out, "RegionIdsScope", &scope->region_ids);
    config_write_list(out, "ExcludeRegionIdsScope", &scope->exclude_region_ids);
    config_write_list(out, "ResourceIdsScope", &scope->resource_ids);
    config_write_list(out, "ExcludeResourceIdsScope", &scope->exclude_resource_ids);
    config_write_list(out, "ResourceGroupIdsScope", &scope->resource_group_ids);
    config_write_list(out, "ExcludeResourceGroupIdsScope", &scope->exclude_resource_group_ids);
    config_write_list(out, "TagKeyScope", &scope->tag_keys);
    pl_write_optional(out, PL_STR("TagValueScope"), scope->tag_value.n ? scope->tag_value : PL_STR_NONE);
    write_tag_list(out, "TagsScope", &scope->tags);
    write_tag_list(out, "ExcludeTagsScope", &scope->exclude_tags);
}

void config_write_account(pl_writer *out, const char *name, pl_str account_id) {
    int64_t number = 0;
    if (pl_str_to_i64(account_id, &number))
        pl_write_i64(out, pl_str_from(name), number);
    else
        pl_write_string(out, pl_str_from(name), account_id);
}

static void write_detail(pl_writer *out, const char *type, pl_str frequency, bool event_source) {
    pl_write_object(out, PL_STR_NONE);
    if (event_source)
        pl_write_string(out, PL_STR("EventSource"), PL_STR("aliyun.config"));
    pl_write_string(out, PL_STR("MessageType"), pl_str_from(type));
    pl_write_optional(out, PL_STR("MaximumExecutionFrequency"), frequency);
    pl_write_object_end(out);
}

void config_write_source_details(pl_writer *out, unsigned triggers, pl_str frequency, bool event_source) {
    pl_write_array(out, PL_STR("SourceDetails"));
    if (triggers & ENGINE_TRIGGER_CHANGE)
        write_detail(out, "ConfigurationItemChangeNotification", PL_STR_NONE, event_source);
    if (triggers & ENGINE_TRIGGER_SCHEDULE)
        write_detail(out, "ScheduledNotification", frequency, event_source);
    pl_write_array_end(out);
}

void config_write_parameters(pl_writer *out, const char *name, const catalogue_rule *rule, bool required) {
    pl_write_object(out, pl_str_from(name));
    for (size_t i = 0; i < rule->parameter_count; i++)
        if (rule->parameters[i].required == required)
            pl_write_string(out, rule->parameters[i].name, rule->parameters[i].default_value);
    pl_write_object_end(out);
}

void config_write_item(pl_writer *out, const char *id_name, pl_str id, const pl_error *error) {
    pl_write_object(out, PL_STR_NONE);
    pl_write_string(out, pl_str_from(id_name), id);
    pl_write_bool(out, PL_STR("Success"), error == NULL);
    pl_write_string(out, PL_STR("ErrorCode"), error ? pl_str_from(error->code) : PL_STR(""));
    pl_write_object_end(out);
}

void config_write_page(pl_writer *out, int64_t page, int64_t take, int64_t total) {
    pl_write_i64(out, PL_STR("PageNumber"), page);
    pl_write_i64(out, PL_STR("PageSize"), take);
    pl_write_i64(out, PL_STR("TotalCount"), total);
}
