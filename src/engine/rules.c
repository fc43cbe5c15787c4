/* The life of rules: created, changed, switched on and off, deleted, with the engine told in one place. */
#include "engine/rows.h"

static engine_group owner_of(const engine_rule *rule) {
    return (engine_group){rule->account_id, rule->aggregator_id};
}

int engine_rule_tell(engine_context *context, store_session *session, const engine_rule *rule,
                     engine_rule_event event, pl_error *error) {
    return engine_rule_changed(context->engine, session, rule, event, context->now, error);
}

int engine_rule_moved(engine_context *context, store_session *session, const engine_rule *rule,
                      const engine_coverage *before, pl_error *error) {
    if (engine_rule_tell(context, session, rule, ENGINE_RULE_CHANGED, error) != 0)
        return -1;
    return engine_coverage_follow(context->engine, session, rule, before, context->now, error);
}

static int check_quota(engine_context *context, store_session *session, const engine_rule *rule,
                       pl_str pack_id, pl_error *error) {
    engine_group owner = owner_of(rule);
    int64_t count = 0;
    if (engine_rule_count(session, &owner, &count, error) != 0)
        return -1;
    if (context->rules_limit == 0 || count < (int64_t)context->rules_limit)
        return 0;
    return pl_fail(error, pack_id.n ? PL_E_ConfigRuleExceedMaxRuleCount : PL_E_ExceedMaxRuleCount);
}

/* Who gives the name at the same time is found by the store, which tries the whole transaction again. */
static int check_name_free(store_session *session, const engine_rule *rule, pl_error *error) {
    engine_group owner = owner_of(rule);
    bool taken = false;
    if (engine_rule_name_taken(session, &owner, rule->name, rule->rule_id, &taken, error) != 0)
        return -1;
    return taken ? pl_fail(error, PL_E_ConfigRuleExists) : 0;
}

/*
 * A rule calls functions of its own account only, so one of another could never run. Asked of new rules:
 * those that are stored stay changeable.
 */
static int check_own_function(const engine_rule *rule, pl_error *error) {
    pl_str rest = rule->identifier, part = PL_STR_NONE;
    for (int i = 0; rule->owner == ENGINE_FUNCTION && i < 4; i++)
        pl_str_split(&rest, ':', &part);
    if (rule->owner != ENGINE_FUNCTION || pl_str_eq(part, rule->account_id))
        return 0;
    return pl_failf(error, PL_E_Invalid_SourceIdentifier_Value,
                    "SourceIdentifier must be the ARN of a function of the account %.*s, to which the rule "
                    "belongs.",
                    PL_FMT(rule->account_id));
}

static int fill_in(engine_context *context, store_session *session, engine_rule *rule, pl_str pack_id,
                   pl_error *error) {
    rule->rule_id = engine_new_id(context, "cr-");
    rule->state = ENGINE_ACTIVE;
    rule->created = rule->modified = rule->first_activated = context->now;
    rule->creator_id = context->creator_id;
    rule->creator_name = context->creator_name;
    rule->creator_type = context->creator_type;
    rule->made_by_pack = pack_id.n > 0;
    if (!rule->rule_id.p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    return engine_rule_next_key(session, &rule->rule_key, error);
}

int engine_rule_create(engine_context *context, store_session *session, engine_rule *rule, pl_str pack_id,
                       pl_error *error) {
    rule->rule_id = PL_STR_NONE;
    if (engine_rule_check(context, rule, error) != 0 || check_own_function(rule, error) != 0 ||
        check_quota(context, session, rule, pack_id, error) != 0 ||
        check_name_free(session, rule, error) != 0 || fill_in(context, session, rule, pack_id, error) != 0)
        return -1;
    if (engine_rule_insert(session, rule, error) != 0)
        return -1;
    if (pack_id.n) {
        if (engine_pack_link(session, rule->account_id, pack_id, rule->rule_id, error) != 0 ||
            engine_list_join(context->arena, &pack_id, 1, &rule->pack_ids, error) != 0)
            return -1;
    }
    return engine_rule_tell(context, session, rule, ENGINE_RULE_CREATED, error);
}

static bool needs_evaluation(const engine_rule *before, const engine_rule *after) {
    return !pl_str_eq(before->conditions, after->conditions) ||
           !pl_str_eq(before->input_parameters, after->input_parameters) ||
           before->triggers != after->triggers || !pl_str_eq(before->frequency, after->frequency) ||
           !pl_str_eq(before->extend_content, after->extend_content) ||
           !engine_scope_equal(&before->scope, &after->scope);
}

int engine_rule_update(engine_context *context, store_session *session, engine_rule *rule, pl_error *error) {
    engine_group owner = owner_of(rule);
    const engine_coverage *covered;
    engine_rule before;
    bool found = false;
    if (engine_rule_find(session, context->arena, &owner, rule->rule_id, &before, &found, error) != 0)
        return -1;
    if (!found)
        return pl_fail(error, PL_E_ConfigRuleNotExists);
    if (engine_rule_check(context, rule, error) != 0 || check_name_free(session, rule, error) != 0 ||
        engine_coverage_of(context->engine, session, context->arena, &before, &covered, error) != 0)
        return -1;
    rule->state = before.state;
    rule->pack_ids = before.pack_ids; /* the caller's record may be older than the link to a pack */
    rule->modified = context->now;
    if (engine_rule_write(session, rule, error) != 0)
        return -1;
    if (!needs_evaluation(&before, rule))
        return engine_rule_tell(context, session, rule, ENGINE_RULE_RENAMED, error);
    if (engine_coverage_lose(context->engine, session, &before, rule, context->now, error) != 0)
        return -1;
    return engine_rule_moved(context, session, rule, covered, error);
}

int engine_rule_remove(engine_context *context, store_session *session, engine_rule *rule, pl_error *error) {
    if (engine_rule_erase(session, rule, error) != 0)
        return -1;
    return engine_rule_tell(context, session, rule, ENGINE_RULE_DELETED, error);
}

static int activate(engine_context *context, store_session *session, engine_rule *rule, pl_error *error) {
    if (rule->state != ENGINE_INACTIVE)
        return pl_fail(error, PL_E_ConfigRuleStatusNotInActive);
    rule->state = ENGINE_ACTIVE;
    rule->modified = context->now;
    if (engine_rule_write(session, rule, error) != 0)
        return -1;
    return engine_rule_tell(context, session, rule, ENGINE_RULE_ACTIVATED, error);
}

static int deactivate(engine_context *context, store_session *session, engine_rule *rule, pl_error *error) {
    if (rule->state != ENGINE_ACTIVE)
        return pl_fail(error, PL_E_ConfigRuleStatusNotActive);
    rule->state = ENGINE_INACTIVE;
    rule->modified = context->now;
    if (engine_rule_write(session, rule, error) != 0)
        return -1;
    return engine_rule_tell(context, session, rule, ENGINE_RULE_DEACTIVATED, error);
}

int engine_rule_act(engine_context *context, store_session *session, const engine_group *owner,
                    pl_str rule_id, engine_rule_action action, pl_error *error) {
    engine_rule rule;
    bool found = false;
    if (engine_rule_find(session, context->arena, owner, rule_id, &rule, &found, error) != 0)
        return -1;
    if (!found)
        return pl_fail(error, PL_E_ConfigRuleNotExists);
    if (action == ENGINE_ACTIVATE)
        return activate(context, session, &rule, error);
    if (action == ENGINE_DEACTIVATE)
        return deactivate(context, session, &rule, error);
    if (rule.pack_ids.count > 0)
        return pl_fail(error, PL_E_ConfigRuleCanNotDelete);
    return engine_rule_remove(context, session, &rule, error);
}

int engine_rule_tag(engine_context *context, store_session *session, engine_rule *rule, pl_str tags,
                    pl_error *error) {
    rule->tags = tags;
    rule->modified = context->now;
    if (engine_rule_write(session, rule, error) != 0)
        return -1;
    return engine_rule_tell(context, session, rule, ENGINE_RULE_RENAMED, error);
}

int engine_rule_remove_all(engine_context *context, store_session *session, const engine_group *owner,
                           pl_error *error) {
    engine_rule *rules;
    size_t count;
    if (engine_rule_list(session, context->arena, owner, NULL, &rules, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (engine_rule_remove(context, session, &rules[i], error) != 0)
            return -1;
    return 0;
}

pl_str engine_name_cut(pl_str name, size_t limit) {
    size_t n = name.n < limit ? name.n : limit;
    while (n > 0 && n < name.n && ((unsigned char)name.p[n] & 0xc0) == 0x80)
        n--;
    return pl_str_head(name, n);
}

const catalogue_rule *engine_rule_from_catalogue(engine_context *context, pl_str identifier,
                                                 engine_rule *rule, pl_error *error) {
    const catalogue_rule *managed = catalogue_find_rule(context->catalogue, identifier, error);
    if (!managed)
        return NULL;
    rule->owner = ENGINE_MANAGED;
    rule->identifier = managed->identifier;
    rule->name = managed->name;
    rule->description = managed->description;
    rule->risk_level = managed->risk_level;
    rule->triggers = managed->triggers;
    rule->frequency = managed->frequency;
    if (engine_list_join(context->arena, managed->resource_types.items, managed->resource_types.count,
                         &rule->scope.resource_types, error) != 0)
        return NULL;
    return managed;
}

int engine_rule_free_name(engine_context *context, store_session *session, const engine_group *owner,
                          pl_str name, pl_str *out, pl_error *error) {
    *out = name;
    for (int attempt = 0; attempt < 20; attempt++) {
        bool taken = false;
        if (engine_rule_name_taken(session, owner, *out, PL_STR_NONE, &taken, error) != 0)
            return -1;
        if (!taken)
            return 0;
        char suffix[5];
        if (pl_random_hex(&context->random, suffix, 4) != 0)
            break;
        *out = pl_arena_printf(context->arena, "%.*s_%s", PL_FMT(engine_name_cut(name, 95)), suffix);
        if (!out->p)
            break;
    }
    return pl_fail(error, PL_E_ServiceUnavailable);
}
