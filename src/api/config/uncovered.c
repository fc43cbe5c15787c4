/* Types of resources that no rule looks at. */
#include "api/config/managed.h"

#include "base/map.h"

typedef struct counting {
    api_call *call;
    const engine_scope *scope;
    inventory_recorder recorder; /* of the account whose resources are counted */
    pl_map found;                /* type name -> config_type_count */
    pl_error *error;
} counting;

static int add(counting *c, pl_str type, int64_t count) {
    config_type_count *known = pl_map_get(&c->found, type);
    if (!inventory_recorder_covers(&c->recorder, type))
        return 0;
    if (!known) {
        known = pl_new(c->call->arena, config_type_count, 1);
        if (known)
            known->type = pl_arena_copy(c->call->arena, type);
        if (!known || !known->type.p || !pl_map_put(&c->found, known->type, known))
            return pl_fail(c->error, PL_E_ServiceUnavailable);
    }
    known->count += count;
    return 0;
}

static int visit(void *context, const inventory_resource *resource, pl_error *error) {
    counting *c = context;
    engine_scope_subject subject = {.resource_type = resource->resource_type,
                                    .region_id = resource->region_id,
                                    .resource_id = resource->resource_id,
                                    .group_id = resource->group_id,
                                    .name = resource->name};
    c->error = error;
    return engine_scope_covers(c->scope, &subject) ? add(c, resource->resource_type, 1) : 0;
}

static int count_account(counting *c, store_session *session, pl_str account, pl_error *error) {
    if (inventory_recorder_get(session, c->call->arena, account, &c->recorder, error) != 0)
        return -1;
    if (c->scope) {
        inventory_filter filter = {.account_id = account};
        return inventory_list(session, &filter, 0, visit, c, error);
    }
    inventory_group *groups;
    size_t count;
    if (inventory_count_by_type(session, c->call->arena, account, PL_STR_NONE, &groups, &count, error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++)
        if (add(c, groups[i].name, groups[i].count) != 0)
            return -1;
    return 0;
}

static bool is_covered(const engine_rule *rules, size_t count, pl_str type) {
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < rules[i].scope.resource_types.count; k++)
            if (pl_str_eq_fold(rules[i].scope.resource_types.items[k], type))
                return true;
    return false;
}

static int collect(counting *c, store_session *session, const config_owner *owner, config_type_count **types,
                   size_t *count, pl_error *error) {
    engine_rule *rules;
    size_t rule_count, cursor = 0;
    pl_str key;
    void *value;
    if (engine_rule_list(session, c->call->arena, &owner->group, NULL, &rules, &rule_count, error) != 0)
        return -1;
    *types = pl_new(c->call->arena, config_type_count, c->found.count + 1);
    if (!*types)
        return pl_fail(error, PL_E_ServiceUnavailable);
    while (pl_map_next(&c->found, &cursor, &key, &value))
        if (!is_covered(rules, rule_count, key))
            (*types)[(*count)++] = *(const config_type_count *)value;
    return 0;
}

int config_uncovered_types(api_call *call, store_session *session, const config_owner *owner,
                           const engine_scope *scope, config_type_count **types, size_t *count,
                           pl_error *error) {
    counting c = {.call = call, .scope = scope, .error = error};
    pl_map_init(&c.found, 0);
    *count = 0;
    int result = 0;
    for (size_t i = 0; i < owner->account_count && result == 0; i++)
        result = count_account(&c, session, owner->accounts[i], error);
    if (result == 0)
        result = collect(&c, session, owner, types, count, error);
    pl_map_free(&c.found);
    return result;
}

int64_t config_uncovered_count(const catalogue_rule *rule, const config_type_count *types, size_t count) {
    int64_t most = 0;
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < rule->resource_types.count; k++)
            if (pl_str_eq_fold(rule->resource_types.items[k], types[i].type) && types[i].count > most)
                most = types[i].count;
    return most;
}
