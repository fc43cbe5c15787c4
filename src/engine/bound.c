/* What a rule covers in one account: its types, its scope and those of its packs, accounts and folders. */
#include "engine/private.h"

static bool is_whole(const engine_scope *s) {
    return s->region_ids.count == 0 && s->exclude_region_ids.count == 0 && s->resource_ids.count == 0 &&
           s->exclude_resource_ids.count == 0 && s->resource_group_ids.count == 0 &&
           s->exclude_resource_group_ids.count == 0 && s->resource_names.count == 0 && s->tags.count == 0 &&
           s->exclude_tags.count == 0 && s->tag_keys.count == 0;
}

bool engine_bound_has_type(const engine_bound *bound, pl_str resource_type) {
    const engine_list *types = &bound->rule->scope.resource_types;
    if (bound->recorder && !inventory_recorder_covers(bound->recorder, resource_type))
        return false;
    for (size_t i = 0; i < types->count; i++)
        if (pl_str_is(types->items[i], "*") || pl_str_eq_fold(types->items[i], resource_type))
            return true;
    return false;
}

bool engine_bound_covers(const engine_bound *bound, const engine_scope_subject *subject) {
    if (!engine_bound_has_type(bound, subject->resource_type))
        return false;
    if (bound->whole)
        return true;
    if (!engine_scope_covers(&bound->rule->scope, subject))
        return false;
    for (size_t i = 0; i < bound->pack_count; i++)
        if (!engine_scope_covers(bound->packs + i, subject))
            return false;
    return true;
}

static int in_any_folder(engine *e, store_session *session, pl_str account_id, const engine_list *folders,
                         bool *inside, pl_error *error) {
    *inside = false;
    for (size_t i = 0; i < folders->count && !*inside; i++)
        if (e->config.groups.in_folder &&
            e->config.groups.in_folder(e->config.groups.context, session, account_id, folders->items[i],
                                       inside, error) != 0)
            return -1;
    return 0;
}

/* Accounts and folders of a group rule: given together, either suffices; exclusion wins. */
static int covers_account(engine *e, store_session *session, pl_str account_id, const engine_scope *s,
                          bool *inside, pl_error *error) {
    bool in_folder, out_of_folder;
    if (in_any_folder(e, session, account_id, &s->folder_ids, &in_folder, error) != 0 ||
        in_any_folder(e, session, account_id, &s->exclude_folder_ids, &out_of_folder, error) != 0)
        return -1;
    bool restricted = s->account_ids.count || s->folder_ids.count;
    *inside = (!restricted || in_folder || engine_list_has(&s->account_ids, account_id)) && !out_of_folder &&
              !engine_list_has(&s->exclude_account_ids, account_id);
    return 0;
}

int engine_bind_recorded(engine *e, store_session *session, pl_arena *arena, pl_str account_id,
                         const inventory_recorder *recorder, const engine_rule *rule, engine_bound *out,
                         bool *inside, pl_error *error) {
    engine_scope *packs = NULL;
    *out = (engine_bound){.rule = rule, .recorder = recorder};
    *inside = true;
    if (rule->aggregator_id.n && covers_account(e, session, account_id, &rule->scope, inside, error) != 0)
        return -1;
    if (!*inside)
        return 0;
    if (engine_rule_pack_scopes(session, arena, rule, &packs, &out->pack_count, error) != 0)
        return -1;
    out->packs = packs;
    out->active = rule->state == ENGINE_ACTIVE;
    out->whole = is_whole(&rule->scope);
    for (size_t i = 0; i < out->pack_count; i++)
        out->whole = out->whole && is_whole(packs + i);
    return 0;
}

int engine_bind_rule(engine *e, store_session *session, pl_arena *arena, pl_str account_id,
                     const engine_rule *rule, engine_bound *out, bool *inside, pl_error *error) {
    inventory_recorder *recorder = pl_new(arena, inventory_recorder, 1);
    if (!recorder)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (inventory_recorder_get(session, arena, account_id, recorder, error) != 0)
        return -1;
    return engine_bind_recorded(e, session, arena, account_id, recorder, rule, out, inside, error);
}
