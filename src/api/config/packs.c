/* Create-, Update-, Get- and ListCompliancePack(s) and their aggregate twins. */
#include "api/config/shared.h"
#include "api/operations.gen.h"

#include "json/parser.h"

typedef struct pack_task {
    api_call *call;
    config_owner owner;
    engine_pack_input input;
    engine_pack pack; /* sent, then stored */
    engine_rule *rules;
    size_t rule_count;
    pl_str template_text;
    engine_tags wanted; /* a pack that lacks them is not the one that is meant */
} pack_task;

static int wrong_entry(api_call *call, size_t index, const char *reason) {
    return pl_failf(call->error, PL_E_Invalid_ConfigRules_Value,
                    "The specified ConfigRules is invalid: ConfigRules[%zu]: %s.", index, reason);
}

/* [{ParameterName, ParameterValue}] as the JSON object that rules keep; absent when there are none. */
static int read_parameters(api_call *call, const api_value *list, size_t index, pl_str *text) {
    pl_buf out;
    int result = 0;
    if (!list || list->count == 0)
        return 0;
    pl_buf_init(&out, 1 << 20);
    for (size_t i = 0; i < list->count && result == 0; i++) {
        pl_str name = api_member_text(&list->items[i], "ParameterName");
        const api_value *value = api_member(&list->items[i], "ParameterValue");
        if (name.n == 0 || !value)
            result = wrong_entry(call, index, "ParameterName and ParameterValue come in pairs");
        pl_buf_add_char(&out, i ? ',' : '{');
        pl_json_write_string(&out, name);
        pl_buf_add_char(&out, ':');
        pl_json_write_string(&out, value ? value->text : PL_STR(""));
    }
    pl_buf_add_char(&out, '}');
    *text = out.failed || result != 0 ? PL_STR_NONE : pl_arena_copy(call->arena, pl_buf_str(&out));
    pl_buf_free(&out);
    return text->p || result != 0 ? result : pl_fail(call->error, PL_E_ServiceUnavailable);
}

static int read_entry(api_call *call, const api_value *item, size_t index, engine_pack_entry *entry) {
    int64_t risk = api_member_number(item, "RiskLevel", 0);
    entry->rule_id = pl_str_trim(api_member_text(item, "ConfigRuleId"));
    entry->identifier = pl_str_trim(api_member_text(item, "ManagedRuleIdentifier"));
    entry->name = api_member_text(item, "ConfigRuleName");
    entry->description = api_member_text(item, "Description");
    if (risk < 0 || risk > 3)
        return wrong_entry(call, index, "RiskLevel must be 1, 2 or 3");
    entry->risk_level = (int)risk;
    return read_parameters(call, api_member(item, "ConfigRuleParameters"), index, &entry->parameters);
}

static int read_entries(api_call *call, engine_pack_input *input) {
    const api_value *list = api_input(call, "ConfigRules");
    if (!list || list->count == 0)
        return 0;
    engine_pack_entry *entries = pl_new(call->arena, engine_pack_entry, list->count);
    if (!entries)
        return pl_fail(call->error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < list->count; i++)
        if (read_entry(call, &list->items[i], i, &entries[i]) != 0)
            return -1;
    input->entries = entries;
    input->entry_count = list->count;
    input->has_entries = true;
    return 0;
}

/* Puts the parameters that were sent over a record. */
static int read_pack(api_call *call, engine_pack *pack) {
    const struct {
        const char *name;
        pl_str *text;
    } texts[] = {{"CompliancePackName", &pack->name}, {"Description", &pack->description}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (api_input(call, texts[i].name))
            *texts[i].text = api_text(call, texts[i].name);
    pack->risk_level = (int)api_number(call, "RiskLevel", pack->risk_level);
    pl_str tags;
    if (config_tags_text(call, &tags) != 0)
        return -1;
    if (tags.p)
        pack->tags = tags;
    return config_scope(call, &pack->scope);
}

static int create_work(store_session *session, void *argument, pl_error *error) {
    pack_task *task = argument;
    engine_context context = config_context(task->call, &task->owner);
    engine_pack pack = task->pack;
    engine_pack_input input = task->input;
    input.pack = &pack;
    if (engine_pack_create(&context, session, &input, error) != 0)
        return -1;
    task->pack.pack_id = pack.pack_id;
    return 0;
}

static int create(api_call *call) {
    pack_task task = {.call = call, .pack = {.risk_level = 2}};
    if (config_owner_of(call, CONFIG_WRITE, &task.owner) != 0)
        return -1;
    task.pack.account_id = task.owner.group.owner_id;
    task.pack.aggregator_id = task.owner.group.aggregator_id;
    task.pack.template_id = pl_str_trim(api_text(call, "CompliancePackTemplateId"));
    if (task.pack.template_id.n == 0)
        task.pack.template_id = PL_STR_NONE;
    task.pack.template_content = api_text(call, "TemplateContent");
    task.input.default_enable = api_flag(call, "DefaultEnable", false);
    if (read_pack(call, &task.pack) != 0 || read_entries(call, &task.input) != 0 ||
        config_write(call, create_work, &task) != 0)
        return -1;
    pl_write_string(call->out, PL_STR("CompliancePackId"), task.pack.pack_id);
    return 0;
}

static int find_pack(pack_task *task, store_session *session, pl_error *error) {
    bool found = false;
    pl_str id = pl_str_trim(api_text(task->call, "CompliancePackId"));
    if (engine_pack_find(session, task->call->arena, &task->owner.group, id, &task->pack, &found, error) != 0)
        return -1;
    return found ? 0 : pl_fail(error, PL_E_Invalid_CompliancePackId_Value);
}

static int update_work(store_session *session, void *argument, pl_error *error) {
    pack_task *task = argument;
    engine_context context = config_context(task->call, &task->owner);
    if (find_pack(task, session, error) != 0)
        return -1;
    engine_pack_input input = task->input;
    input.pack = &task->pack;
    task->call->error = error;
    if (read_pack(task->call, &task->pack) != 0)
        return -1;
    return engine_pack_update(&context, session, &input, error);
}

static int update(api_call *call) {
    pack_task task = {.call = call};
    pl_error *error = call->error;
    if (config_owner_of(call, CONFIG_WRITE, &task.owner) != 0 || read_entries(call, &task.input) != 0)
        return -1;
    int result = config_write(call, update_work, &task);
    call->error = error;
    if (result == 0)
        pl_write_string(call->out, PL_STR("CompliancePackId"), task.pack.pack_id);
    return result;
}

static int get_work(store_session *session, void *argument, pl_error *error) {
    pack_task *task = argument;
    bool match;
    if (find_pack(task, session, error) != 0 ||
        engine_tags_match(task->pack.tags, &task->wanted, &match, error) != 0)
        return -1;
    if (!match)
        return pl_fail(error, PL_E_Invalid_CompliancePackId_Value);
    if (engine_pack_rules(session, task->call->arena, &task->pack, &task->rules, &task->rule_count, error) !=
        0)
        return -1;
    return engine_pack_template(session, task->call->arena, &task->pack, &task->template_text, error);
}

static void write_rule_parameters(api_call *call, const engine_rule *rule) {
    pl_json values = PL_JSON_NONE, value;
    pl_str name;
    const catalogue_rule *managed =
        rule->owner == ENGINE_MANAGED ? config_managed_rule(call, rule->identifier) : NULL;
    (void)config_read_stored(call, "input parameters", rule->input_parameters, &values);
    pl_write_array(call->out, PL_STR("ConfigRuleParameters"));
    for (pl_json_walk w = pl_json_children(values); pl_json_step(&w, &name, &value);) {
        const catalogue_parameter *known = managed ? catalogue_find_parameter(managed, name) : NULL;
        pl_buf text;
        pl_buf_init(&text, 1 << 20);
        pl_json_write_text(&text, value);
        pl_write_object(call->out, PL_STR_NONE);
        pl_write_string(call->out, PL_STR("ParameterName"), name);
        pl_write_string(call->out, PL_STR("ParameterValue"), pl_buf_str(&text));
        call->out->out->failed |= text.failed;
        pl_write_bool(call->out, PL_STR("Required"), known && known->required);
        pl_write_object_end(call->out);
        pl_buf_free(&text);
    }
    pl_write_array_end(call->out);
}

static void write_rules(api_call *call, const pack_task *task) {
    pl_writer *out = call->out;
    pl_write_array(out, PL_STR("ConfigRules"));
    for (size_t i = 0; i < task->rule_count; i++) {
        const engine_rule *rule = &task->rules[i];
        pl_write_object(out, PL_STR_NONE);
        pl_write_string(out, PL_STR("ConfigRuleId"), rule->rule_id);
        pl_write_string(out, PL_STR("ConfigRuleName"), rule->name);
        pl_write_string(out, PL_STR("Description"), rule->description);
        pl_write_string(out, PL_STR("ManagedRuleIdentifier"), rule->identifier);
        pl_write_string(out, PL_STR("ResourceTypesScope"), rule->scope.resource_types.text);
        pl_write_i64(out, PL_STR("RiskLevel"), rule->risk_level);
        write_rule_parameters(call, rule);
        pl_write_object_end(out);
    }
    pl_write_array_end(out);
}

static void write_pack(api_call *call, const config_owner *owner, const engine_pack *pack) {
    pl_writer *out = call->out;
    config_write_account(out, "AccountId", pack->account_id);
    if (owner->group.aggregator_id.p)
        pl_write_string(out, PL_STR("AggregatorId"), owner->group.aggregator_id);
    pl_write_string(out, PL_STR("CompliancePackId"), pack->pack_id);
    pl_write_string(out, PL_STR("CompliancePackName"), pack->name);
    pl_write_string(out, PL_STR("CompliancePackTemplateId"), pack->template_id);
    pl_write_i64(out, PL_STR("CreateTimestamp"), pack->created);
    pl_write_string(out, PL_STR("Description"), pack->description);
    pl_write_i64(out, PL_STR("RiskLevel"), pack->risk_level);
    pl_write_string(out, PL_STR("Status"), pack->status);
    config_write_tags(call, "Tags", pack->tags, "TagKey", "TagValue");
}

static int get(api_call *call) {
    pack_task task = {.call = call};
    if (config_owner_of(call, CONFIG_READ, &task.owner) != 0 || config_tags_filter(call, &task.wanted) != 0 ||
        config_read(call, get_work, &task) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("CompliancePack"));
    write_pack(call, &task.owner, &task.pack);
    write_rules(call, &task);
    pl_write_object(call->out, PL_STR("Scope"));
    config_write_scope(call->out, &task.pack.scope);
    pl_write_object_end(call->out);
    pl_write_string(call->out, PL_STR("TemplateContent"), task.template_text);
    pl_write_object_end(call->out);
    return 0;
}

typedef struct list_task {
    api_call *call;
    config_owner owner;
    engine_tags tags;
    engine_pack *packs;
    size_t count;
} list_task;

static int list_work(store_session *session, void *argument, pl_error *error) {
    list_task *task = argument;
    return engine_pack_list(session, task->call->arena, &task->owner.group, &task->packs, &task->count,
                            error);
}

static int keep_wanted(list_task *task) {
    int64_t risk = api_number(task->call, "RiskLevel", 0);
    pl_str status = api_text(task->call, "Status");
    size_t kept = 0;
    for (size_t i = 0; i < task->count; i++) {
        const engine_pack *pack = &task->packs[i];
        bool match;
        if (engine_tags_match(pack->tags, &task->tags, &match, task->call->error) != 0)
            return -1;
        if (match && (risk == 0 || risk == pack->risk_level) &&
            (status.n == 0 || pl_str_eq(status, pack->status)))
            task->packs[kept++] = *pack;
    }
    task->count = kept;
    return 0;
}

static int list(api_call *call) {
    list_task task = {.call = call};
    int64_t page, take, skip;
    if (config_owner_of(call, CONFIG_READ, &task.owner) != 0 || config_tags_filter(call, &task.tags) != 0 ||
        config_read(call, list_work, &task) != 0 || keep_wanted(&task) != 0)
        return -1;
    api_page(call, 10, &page, &take, &skip);
    pl_write_object(call->out, PL_STR("CompliancePacksResult"));
    pl_write_array(call->out, PL_STR("CompliancePacks"));
    for (int64_t i = skip; i < (int64_t)task.count && i - skip < take; i++) {
        pl_write_object(call->out, PL_STR_NONE);
        write_pack(call, &task.owner, &task.packs[i]);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    config_write_page(call->out, page, take, (int64_t)task.count);
    pl_write_object_end(call->out);
    return 0;
}

CONFIG_TWINS(config_create_compliance_pack, config_create_aggregate_compliance_pack, create)
CONFIG_TWINS(config_update_compliance_pack, config_update_aggregate_compliance_pack, update)
CONFIG_TWINS(config_get_compliance_pack, config_get_aggregate_compliance_pack, get)
CONFIG_TWINS(config_list_compliance_packs, config_list_aggregate_compliance_packs, list)
