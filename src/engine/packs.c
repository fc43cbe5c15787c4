/* The life of compliance packs: created with their rules, changed, attached to, deleted. */
#include "engine/rows.h"

#include "base/encode.h"
#include "json/parser.h"
#include "json/writer.h"

#include <stdio.h>

enum { DESCRIPTION_MAX = 500, PARAMETERS_LIMIT = 1 << 20 };

static engine_group owner_of(const engine_pack *pack) {
    return (engine_group){pack->account_id, pack->aggregator_id};
}

static bool restricts(const engine_scope *scope) {
    pl_buf text;
    pl_buf_init(&text, 4 << 20);
    engine_scope_write(scope, &text);
    bool result = text.failed || text.n > 2;
    pl_buf_free(&text);
    return result;
}

static int check_pack(engine_context *context, store_session *session, const engine_pack *pack,
                      pl_error *error) {
    engine_group owner = owner_of(pack);
    bool taken = false;
    if (pl_str_trim(pack->name).n == 0)
        return pl_fail(error, PL_E_Invalid_CompliancePackName_Empty);
    if (!engine_name_is_sound(pack->name))
        return pl_fail(error, PL_E_Invalid_CompliancePackName_Value);
    if (pl_utf8_length(pack->description) > DESCRIPTION_MAX)
        return pl_fail_code(error, 400, "Invalid.Description.Value",
                            "A description has at most %d characters.", DESCRIPTION_MAX);
    if (pack->risk_level < 1 || pack->risk_level > 3)
        return pl_fail_code(error, 400, "Invalid.RiskLevel.Value", "RiskLevel must be 1, 2 or 3.");
    if (engine_scope_check(&pack->scope, false, error) != 0 ||
        engine_pack_name_taken(session, &owner, pack->name, pack->pack_id, &taken, error) != 0)
        return -1;
    if (pack->template_id.n && !catalogue_find_template(context->catalogue, pack->template_id, error))
        return error->code[0] ? -1 : pl_fail(error, PL_E_Invalid_CompliancePackTemplateId_Value);
    return taken ? pl_fail(error, PL_E_CompliancePackExists) : 0;
}

static int check_quota(engine_context *context, store_session *session, const engine_pack *pack,
                       pl_error *error) {
    engine_group owner = owner_of(pack);
    int64_t count = 0;
    if (engine_pack_count(session, &owner, &count, error) != 0)
        return -1;
    if (context->packs_limit == 0 || count < (int64_t)context->packs_limit)
        return 0;
    return pl_fail(error, PL_E_CompliancePackExceedMaxCount);
}

enum { PLACE_SIZE = 160 };

static int wrong_entry(pl_error *error, size_t index) {
    char place[PLACE_SIZE];
    snprintf(place, sizeof place, "ConfigRules[%zu]", index);
    return engine_error_at(error, PL_E_Invalid_ConfigRules_Value, "ConfigRules", place);
}

static int make_rule(engine_context *context, store_session *session, const engine_pack *pack,
                     engine_rule *rule, pl_error *error) {
    engine_group owner = owner_of(pack);
    rule->account_id = pack->account_id;
    rule->aggregator_id = pack->aggregator_id;
    if (rule->risk_level == 0)
        rule->risk_level = pack->risk_level;
    if (engine_rule_free_name(context, session, &owner, rule->name, &rule->name, error) != 0)
        return -1;
    return engine_rule_create(context, session, rule, pack->pack_id, error);
}

/* The owner's rule of this id; ConfigRuleNotExists. */
static int find_rule(engine_context *context, store_session *session, const engine_pack *pack, pl_str rule_id,
                     engine_rule *rule, pl_error *error) {
    engine_group owner = owner_of(pack);
    bool found = false;
    if (engine_rule_find(session, context->arena, &owner, rule_id, rule, &found, error) != 0)
        return -1;
    return found ? 0 : pl_fail(error, PL_E_ConfigRuleNotExists);
}

/* The owner's pack of this id; Invalid.CompliancePackId.Value. */
static int find_pack(engine_context *context, store_session *session, const engine_group *owner,
                     pl_str pack_id, engine_pack *pack, pl_error *error) {
    bool found = false;
    if (engine_pack_find(session, context->arena, owner, pack_id, pack, &found, error) != 0)
        return -1;
    return found ? 0 : pl_fail(error, PL_E_Invalid_CompliancePackId_Value);
}

/* Puts what an entry says over a rule. */
static void overlay(engine_rule *rule, const engine_pack_entry *entry, int risk_level) {
    if (entry->name.n)
        rule->name = entry->name;
    if (entry->description.p)
        rule->description = entry->description;
    if (entry->parameters.p)
        rule->input_parameters = entry->parameters;
    if (risk_level)
        rule->risk_level = risk_level;
}

static int make_managed(engine_context *context, store_session *session, const engine_pack *pack,
                        const engine_pack_entry *entry, pl_error *error) {
    engine_rule rule = {0};
    if (!engine_rule_from_catalogue(context, entry->identifier, &rule, error))
        return error->code[0]
                   ? -1
                   : pl_failf(error, PL_E_Invalid_ConfigRules_Value,
                              "The ManagedRuleIdentifier %.*s does not exist.", PL_FMT(entry->identifier));
    overlay(&rule, entry, entry->risk_level ? entry->risk_level : pack->risk_level);
    return make_rule(context, session, pack, &rule, error);
}

static int change_rule(engine_context *context, store_session *session, const engine_rule *before,
                       const engine_pack_entry *entry, pl_error *error) {
    engine_rule after = *before;
    overlay(&after, entry, entry->risk_level);
    if (pl_str_eq(after.name, before->name) && pl_str_eq(after.description, before->description) &&
        pl_str_eq(after.input_parameters, before->input_parameters) && after.risk_level == before->risk_level)
        return 0;
    return engine_rule_update(context, session, &after, error);
}

/* Rules that the pack narrows from now on, or no longer narrows, are evaluated again. */
static int scope_moved(engine_context *context, store_session *session, const engine_pack *pack,
                       pl_str rule_id, const engine_coverage *before, pl_error *error) {
    engine_group owner = owner_of(pack);
    engine_rule rule;
    bool found = false;
    if (engine_rule_find(session, context->arena, &owner, rule_id, &rule, &found, error) != 0)
        return -1;
    return found ? engine_rule_moved(context, session, &rule, before, error) : 0;
}

/* Puts a rule into the pack, or takes it out. */
static int change_link(engine_context *context, store_session *session, const engine_pack *pack,
                       const engine_rule *rule,
                       int (*change)(store_session *, pl_str, pl_str, pl_str, pl_error *), pl_error *error) {
    const engine_coverage *before = NULL;
    bool moves = restricts(&pack->scope);
    if (moves && engine_coverage_of(context->engine, session, context->arena, rule, &before, error) != 0)
        return -1;
    if (change(session, pack->account_id, pack->pack_id, rule->rule_id, error) != 0)
        return -1;
    return moves ? scope_moved(context, session, pack, rule->rule_id, before, error) : 0;
}

static int join(engine_context *context, store_session *session, const engine_pack *pack,
                const engine_rule *rule, pl_error *error) {
    return change_link(context, session, pack, rule, engine_pack_link, error);
}

static int take_existing(engine_context *context, store_session *session, const engine_pack *pack,
                         const engine_pack_entry *entry, pl_error *error) {
    engine_rule rule;
    if (find_rule(context, session, pack, entry->rule_id, &rule, error) != 0)
        return pl_error_is(error, PL_E_ConfigRuleNotExists)
                   ? pl_failf(error, PL_E_Invalid_ConfigRules_Value, "The ConfigRuleId %.*s does not exist.",
                              PL_FMT(entry->rule_id))
                   : -1;
    if (!engine_list_has(&rule.pack_ids, pack->pack_id) && join(context, session, pack, &rule, error) != 0)
        return -1;
    return change_rule(context, session, &rule, entry, error);
}

static int apply_entry(engine_context *context, store_session *session, const engine_pack *pack,
                       const engine_pack_entry *entry, pl_error *error) {
    if (entry->rule_id.n)
        return take_existing(context, session, pack, entry, error);
    if (entry->identifier.n)
        return make_managed(context, session, pack, entry, error);
    return pl_failf(error, PL_E_Invalid_ConfigRules_Value,
                    "An entry of ConfigRules needs ConfigRuleId or ManagedRuleIdentifier.");
}

static bool is_listed(const engine_pack_input *input, pl_str identifier) {
    for (size_t i = 0; i < input->entry_count; i++)
        if (pl_str_eq(input->entries[i].identifier, identifier))
            return true;
    return false;
}

/* The parameters as the template shows them: its own values, else the defaults of the rule. */
static int template_parameters(engine_context *context, const catalogue_rule *rule, pl_str own, pl_str *out,
                               pl_error *error) {
    pl_json values = PL_JSON_NONE;
    pl_buf text;
    if (own.n && pl_json_parse_in(context->arena, own, &values, error) != 0)
        return -1;
    pl_buf_init(&text, PARAMETERS_LIMIT);
    pl_buf_add_char(&text, '{');
    for (size_t i = 0; i < rule->parameter_count; i++) {
        const catalogue_parameter *parameter = &rule->parameters[i];
        pl_str given = pl_json_str(pl_json_get(values, parameter->name));
        pl_str value = given.p ? given : parameter->default_value;
        if (value.n == 0)
            continue;
        pl_buf_add(&text, text.n > 1 ? PL_STR(",") : PL_STR(""));
        pl_json_write_string(&text, parameter->name);
        pl_buf_add_char(&text, ':');
        pl_json_write_string(&text, value);
    }
    pl_buf_add_char(&text, '}');
    *out = text.failed ? PL_STR_NONE : pl_arena_copy(context->arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return out->p ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}

/* A rule of the template, with the level and the parameters that the template shows. */
static int make_of_template(engine_context *context, store_session *session, const engine_pack *pack,
                            const catalogue_template_rule *rule, pl_error *error) {
    engine_pack_entry entry = {.identifier = rule->identifier};
    *error = (pl_error){0};
    const catalogue_rule *managed = catalogue_find_rule(context->catalogue, rule->identifier, error);
    if (managed) {
        entry.risk_level = managed->risk_level;
        if (template_parameters(context, managed, rule->parameters, &entry.parameters, error) != 0)
            return -1;
    }
    if (make_managed(context, session, pack, &entry, error) == 0)
        return 0;
    char place[PLACE_SIZE];
    snprintf(place, sizeof place, "the template's rule %.*s", PL_FMT(rule->identifier));
    return engine_error_at(error, PL_E_Invalid_ConfigRules_Value, "ConfigRules", place);
}

static int add_template_rules(engine_context *context, store_session *session, const engine_pack_input *input,
                              pl_error *error) {
    if (!input->pack->template_id.n || !input->default_enable)
        return 0;
    const catalogue_template *source =
        catalogue_find_template(context->catalogue, input->pack->template_id, error);
    for (size_t i = 0; source && i < source->rule_count; i++) {
        const catalogue_template_rule *rule = &source->rules[i];
        if (rule->default_enable && !is_listed(input, rule->identifier) &&
            make_of_template(context, session, input->pack, rule, error) != 0)
            return -1;
    }
    return source ? 0 : pl_fail(error, PL_E_Invalid_CompliancePackTemplateId_Value);
}

static int add_rules(engine_context *context, store_session *session, const engine_pack_input *input,
                     engine_template *content, pl_error *error) {
    for (size_t i = 0; i < content->count; i++)
        if (make_rule(context, session, input->pack, &content->rules[i], error) != 0)
            return engine_template_wrong_rule(error, i);
    if (content->count)
        return 0;
    for (size_t i = 0; i < input->entry_count; i++)
        if (apply_entry(context, session, input->pack, &input->entries[i], error) != 0)
            return wrong_entry(error, i);
    return add_template_rules(context, session, input, error);
}

static int read_content(engine_context *context, engine_pack *pack, engine_template *content,
                        pl_error *error) {
    *content = (engine_template){0};
    if (pack->template_content.n == 0)
        return 0;
    if (engine_template_parse(context, pack->template_content, content, error) != 0)
        return -1;
    if (content->name.n)
        pack->name = content->name;
    else if (pl_str_trim(pack->name).n == 0) /* condition-rules.md, section 2.4 */
        pack->name = pl_arena_printf(context->arena, "%lld.json", (long long)context->now);
    if (content->description.p)
        pack->description = content->description;
    if (content->risk_level)
        pack->risk_level = content->risk_level;
    if (content->has_scope)
        pack->scope = content->scope;
    return 0;
}

int engine_pack_create(engine_context *context, store_session *session, engine_pack_input *input,
                       pl_error *error) {
    engine_pack *pack = input->pack;
    engine_template content;
    pack->pack_id = PL_STR_NONE;
    if (!pack->description.p)
        pack->description = PL_STR("");
    if (read_content(context, pack, &content, error) != 0)
        return -1;
    if (pl_str_trim(pack->name).n == 0)
        return pl_fail(error, PL_E_Invalid_CompliancePackName_Empty);
    if (!content.count && !input->has_entries && !(pack->template_id.n && input->default_enable))
        return pl_fail(error, PL_E_Invalid_ConfigRules_Empty);
    if (check_pack(context, session, pack, error) != 0 || check_quota(context, session, pack, error) != 0)
        return -1;
    pack->pack_id = engine_new_id(context, "cp-");
    pack->status = PL_STR("ACTIVE");
    pack->created = pack->modified = context->now;
    if (!pack->pack_id.p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (engine_pack_insert(session, pack, error) != 0 ||
        add_rules(context, session, input, &content, error) != 0)
        return -1;
    return engine_pack_changed(context->engine, session, pack->account_id, error);
}

static bool means(const engine_pack_entry *entry, const engine_rule *rule) {
    return entry->rule_id.n ? pl_str_eq(rule->rule_id, entry->rule_id)
                            : pl_str_eq(rule->identifier, entry->identifier) && rule->owner == ENGINE_MANAGED;
}

/* Matches the entries of one kind: those that name a rule, or those that name an identifier. */
static void match_kind(const engine_pack_input *input, engine_rule *rules, size_t count, bool by_id,
                       bool *kept, const engine_rule **same) {
    for (size_t i = 0; i < input->entry_count; i++)
        for (size_t k = 0; k < count && !same[i] && (input->entries[i].rule_id.n > 0) == by_id; k++)
            if (!kept[k] && means(&input->entries[i], &rules[k])) {
                same[i] = &rules[k];
                kept[k] = true;
            }
}

/* A rule leaves a pack: gone when the pack made it and no other pack holds it, else only taken out. */
static int drop_rule(engine_context *context, store_session *session, const engine_pack *pack,
                     engine_rule *rule, bool delete_it, pl_error *error) {
    if (delete_it && rule->pack_ids.count <= 1)
        return engine_rule_remove(context, session, rule, error);
    return change_link(context, session, pack, rule, engine_pack_unlink, error);
}

/*
 * Changes a rule that an update of its pack names again. The list replaces the former one (reference/
 * evaluation-semantics.md, section 14), so a managed rule that it gives no parameters has their defaults.
 */
static int replace_rule(engine_context *context, store_session *session, const engine_rule *before,
                        const engine_pack_entry *entry, pl_error *error) {
    engine_pack_entry whole = *entry;
    bool has_own = before->input_parameters.n && !pl_str_is(before->input_parameters, "{}");
    if (!entry->rule_id.n && !entry->parameters.p && has_own)
        whole.parameters = PL_STR("{}");
    return change_rule(context, session, before, &whole, error);
}

/*
 * The pack's own rules that entries mean are kept and changed instead of made again. Entries that name a rule
 * take theirs first: one that names an identifier, wherever it stands, means a rule that none of them names.
 */
static int replace_rules(engine_context *context, store_session *session, const engine_pack_input *input,
                         pl_error *error) {
    engine_rule *rules;
    size_t count;
    if (engine_pack_rules(session, context->arena, input->pack, &rules, &count, error) != 0)
        return -1;
    bool *kept = pl_new(context->arena, bool, count + 1);
    const engine_rule **same = pl_new(context->arena, const engine_rule *, input->entry_count + 1);
    if (!kept || !same)
        return pl_fail(error, PL_E_ServiceUnavailable);
    match_kind(input, rules, count, true, kept, same);
    match_kind(input, rules, count, false, kept, same);
    for (size_t i = 0; i < input->entry_count; i++) {
        int result = same[i] ? replace_rule(context, session, same[i], &input->entries[i], error)
                             : apply_entry(context, session, input->pack, &input->entries[i], error);
        if (result != 0)
            return wrong_entry(error, i);
    }
    for (size_t i = 0; i < count; i++)
        if (!kept[i] &&
            drop_rule(context, session, input->pack, &rules[i], rules[i].made_by_pack, error) != 0)
            return -1;
    return 0;
}

static int scopes_moved(engine_context *context, store_session *session, const engine_pack *pack,
                        pl_error *error) {
    engine_rule *rules;
    size_t count;
    if (engine_pack_rules(session, context->arena, pack, &rules, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (engine_rule_tell(context, session, &rules[i], ENGINE_RULE_CHANGED, error) != 0)
            return -1;
    return 0;
}

/* Stores the pack; its disabled rules follow a scope that moves, before any of them leaves the pack. */
static int write_scope(engine_context *context, store_session *session, const engine_pack *pack, bool moves,
                       pl_error *error) {
    engine_rule *rules = NULL;
    size_t count = 0;
    if (moves && engine_pack_rules(session, context->arena, pack, &rules, &count, error) != 0)
        return -1;
    const engine_coverage **before = pl_new(context->arena, const engine_coverage *, count + 1);
    if (!before)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < count; i++)
        if (engine_coverage_of(context->engine, session, context->arena, &rules[i], &before[i], error) != 0)
            return -1;
    if (engine_pack_write(session, pack, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (engine_coverage_follow(context->engine, session, &rules[i], before[i], context->now, error) != 0)
            return -1;
    return 0;
}

int engine_pack_update(engine_context *context, store_session *session, engine_pack_input *input,
                       pl_error *error) {
    engine_pack *pack = input->pack, before;
    engine_group owner = owner_of(pack);
    if (find_pack(context, session, &owner, pack->pack_id, &before, error) != 0)
        return -1;
    if (!pl_str_is(before.status, "ACTIVE"))
        return pl_fail(error, PL_E_CompliancePackAlreadyPending);
    pack->modified = context->now;
    if (check_pack(context, session, pack, error) != 0)
        return -1;
    bool moves = !engine_scope_equal(&before.scope, &pack->scope);
    if (write_scope(context, session, pack, moves, error) != 0)
        return -1;
    if (input->has_entries && replace_rules(context, session, input, error) != 0)
        return -1;
    if (moves && scopes_moved(context, session, pack, error) != 0)
        return -1;
    return engine_pack_changed(context->engine, session, pack->account_id, error);
}

static int delete_pack(engine_context *context, store_session *session, engine_pack *pack, bool delete_rules,
                       pl_error *error) {
    engine_rule *rules;
    size_t count;
    if (engine_pack_rules(session, context->arena, pack, &rules, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (drop_rule(context, session, pack, &rules[i], delete_rules, error) != 0)
            return -1;
    if (engine_pack_erase(session, pack, error) != 0)
        return -1;
    return engine_pack_changed(context->engine, session, pack->account_id, error);
}

int engine_pack_delete(engine_context *context, store_session *session, const engine_group *owner,
                       pl_str pack_id, bool delete_rules, pl_error *error) {
    engine_pack pack;
    if (find_pack(context, session, owner, pack_id, &pack, error) != 0)
        return -1;
    return delete_pack(context, session, &pack, delete_rules, error);
}

int engine_pack_attach(engine_context *context, store_session *session, const engine_pack *pack,
                       pl_str rule_id, pl_error *error) {
    engine_rule rule;
    if (find_rule(context, session, pack, rule_id, &rule, error) != 0)
        return -1;
    if (engine_list_has(&rule.pack_ids, pack->pack_id))
        return 0;
    if (join(context, session, pack, &rule, error) != 0)
        return -1;
    return engine_pack_changed(context->engine, session, pack->account_id, error);
}

int engine_pack_detach(engine_context *context, store_session *session, const engine_pack *pack,
                       pl_str rule_id, pl_error *error) {
    engine_rule rule;
    if (find_rule(context, session, pack, rule_id, &rule, error) != 0)
        return -1;
    if (!engine_list_has(&rule.pack_ids, pack->pack_id))
        return pl_fail(error, PL_E_ConfigRuleNotExists);
    if (drop_rule(context, session, pack, &rule, false, error) != 0)
        return -1;
    return engine_pack_changed(context->engine, session, pack->account_id, error);
}

int engine_pack_tag(store_session *session, const engine_pack *pack, pl_str tags, pl_error *error) {
    engine_pack tagged = *pack;
    tagged.tags = tags;
    return engine_pack_write(session, &tagged, error);
}

int engine_pack_remove_all(engine_context *context, store_session *session, const engine_group *owner,
                           pl_error *error) {
    engine_pack *packs;
    size_t count;
    if (engine_pack_list(session, context->arena, owner, &packs, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (delete_pack(context, session, &packs[i], false, error) != 0)
            return -1;
    return 0;
}
