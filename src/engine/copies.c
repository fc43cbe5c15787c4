/* Copies of rules and packs, in the same owner or in another group (CopyConfigRules, CopyCompliancePacks). */
#include "engine/rows.h"

enum { ATTEMPTS = 10000, SUFFIX_MAX = 12, NAME_BYTES = 100 };

typedef int (*name_test)(store_session *session, const engine_group *owner, pl_str name, pl_str except_id,
                         bool *taken, pl_error *error);

/* The name itself, or with "-copy" and the first number that is free. */
static int copy_name(engine_context *context, store_session *session, const engine_group *owner, pl_str name,
                     name_test is_taken, pl_str *out, pl_error *error) {
    *out = name;
    for (int number = 1; number < ATTEMPTS; number++) {
        bool taken = false;
        if (is_taken(session, owner, *out, PL_STR_NONE, &taken, error) != 0)
            return -1;
        if (!taken)
            return 0;
        *out = pl_arena_printf(context->arena, "%.*s-copy%d",
                               PL_FMT(engine_name_cut(name, NAME_BYTES - SUFFIX_MAX)), number);
        if (!out->p)
            break;
    }
    return pl_fail(error, PL_E_ServiceUnavailable);
}

int engine_rule_copy(engine_context *context, store_session *session, const engine_rule *source,
                     const engine_group *to, pl_str pack_id, pl_error *error) {
    engine_rule copy = {.account_id = to->owner_id,
                        .aggregator_id = to->aggregator_id,
                        .description = source->description,
                        .owner = source->owner,
                        .identifier = source->identifier,
                        .conditions = source->conditions,
                        .input_parameters = source->input_parameters,
                        .risk_level = source->risk_level,
                        .triggers = source->triggers,
                        .frequency = source->frequency,
                        .extend_content = source->extend_content,
                        .scope = source->scope,
                        .tags = source->tags};
    if (copy_name(context, session, to, source->name, engine_rule_name_taken, &copy.name, error) != 0)
        return -1;
    return engine_rule_create(context, session, &copy, pack_id, error);
}

int engine_pack_copy(engine_context *context, store_session *session, const engine_pack *source,
                     const engine_group *to, pl_error *error) {
    engine_pack copy = *source;
    engine_rule *rules;
    size_t count;
    int64_t packs = 0;
    if (engine_pack_rules(session, context->arena, source, &rules, &count, error) != 0 ||
        engine_pack_count(session, to, &packs, error) != 0)
        return -1;
    if (context->packs_limit && packs >= (int64_t)context->packs_limit)
        return pl_fail(error, PL_E_CompliancePackExceedMaxCount);
    copy.account_id = to->owner_id;
    copy.aggregator_id = to->aggregator_id;
    copy.pack_id = engine_new_id(context, "cp-");
    copy.created = copy.modified = context->now;
    if (!copy.pack_id.p)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (copy_name(context, session, to, source->name, engine_pack_name_taken, &copy.name, error) != 0 ||
        engine_pack_insert(session, &copy, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (engine_rule_copy(context, session, &rules[i], to, copy.pack_id, error) != 0)
            return -1;
    return engine_pack_changed(context->engine, session, copy.account_id, error);
}
