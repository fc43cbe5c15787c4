/*
 * What the transaction has to tell the delivery channels: changes, violations, and pages of results for
 * compliance snapshots. Costs a look at the account's view when nobody listens.
 */
#include "engine/outcome.h"

#include "engine/remedy.h"

enum { RESULTS_PAGE = 500, RESOURCE_ARENA = 64 << 20 };

engine_view *engine_writing_view(engine_writing *w, pl_str account_id) {
    for (engine_viewed *v = w->views; v; v = v->next)
        if (pl_str_eq(v->view->account_id, account_id))
            return v->view;
    engine_viewed *made = pl_new(w->arena, engine_viewed, 1);
    if (!made) {
        pl_fail(w->error, PL_E_ServiceUnavailable);
        return NULL;
    }
    made->view = engine_view_get(w->e, w->session, account_id, w->error);
    if (!made->view)
        return NULL;
    made->next = w->views;
    w->views = made;
    return made->view;
}

static delivery_batch *batch_of(engine_writing *w) {
    if (!w->deliveries)
        w->deliveries = delivery_batch_new(w->e->config.delivery, w->session, w->arena, w->now);
    if (!w->deliveries)
        pl_fail(w->error, PL_E_ServiceUnavailable);
    return w->deliveries;
}

int engine_note_changes(engine_writing *w, const inventory_change *changes, size_t count) {
    if (!w->e->config.delivery)
        return 0;
    for (size_t i = 0; i < count; i++) {
        if (changes[i].event == INVENTORY_UNCHANGED)
            continue;
        const engine_view *view = engine_writing_view(w, changes[i].item->account_id);
        if (!view)
            return -1;
        if (!view->routes.changes)
            continue;
        delivery_batch *batch = batch_of(w);
        if (!batch || delivery_add_change(batch, &view->routes, changes + i, w->error) != 0)
            return -1;
    }
    return 0;
}

static int deliver_violation(engine_writing *w, const engine_view *view, const engine_outcome *o,
                             pl_arena *arena) {
    inventory_resource resource;
    bool found;
    const engine_rule *rule = o->rule;
    if (inventory_find_key(w->session, arena, o->account_id, o->resource_key, &resource, &found, w->error) !=
        0)
        return -1;
    delivery_batch *batch = found ? batch_of(w) : NULL;
    if (!batch)
        return found ? -1 : 0;
    bool fell = !o->row || o->row->compliance != ENGINE_NON_COMPLIANT;
    delivery_violation v = {
        .resource = &resource,
        .owner_id = rule->account_id,
        .aggregator_id = rule->aggregator_id,
        .rule_id = rule->rule_id,
        .rule_name = rule->name,
        .identifier = rule->identifier,
        .pack_id = rule->pack_ids.count ? rule->pack_ids.items[0] : PL_STR(""),
        .risk_level = rule->risk_level,
        .annotation = o->annotation,
        .trigger = engine_message_name(o->message_type),
        .ordering = o->ordering,
        .last_non_compliant = fell ? o->ordering : o->row->last_non_compliant,
    };
    return delivery_add_violation(batch, &view->routes, &v, w->error);
}

static int queue_remedy(engine_writing *w, const engine_outcome *o) {
    bool queued;
    engine_remedy_event event = {.account_id = o->account_id,
                                 .owner_id = o->rule->account_id,
                                 .rule_key = o->rule->rule_key,
                                 .resource_key = o->resource_key};
    if (engine_remedy_queue_by_itself(w->session, &event, w->now, &queued, w->error) != 0)
        return -1;
    w->remedies_queued = w->remedies_queued || queued;
    return 0;
}

int engine_note_violation(engine_writing *w, const engine_outcome *o, bool news) {
    pl_arena arena;
    if (o->rule->remediates && queue_remedy(w, o) != 0)
        return -1;
    if (!w->e->config.delivery || (!news && o->message_type != ENGINE_BY_HAND))
        return 0;
    const engine_view *view = engine_writing_view(w, o->account_id);
    if (!view)
        return -1;
    if (!view->routes.violations)
        return 0;
    pl_arena_init(&arena, RESOURCE_ARENA);
    int status = deliver_violation(w, view, o, &arena);
    pl_arena_free(&arena);
    return status;
}

/* --- Compliance snapshots --------------------------------------------------------------------------------
 */

static int group_accounts(engine *e, store_session *session, pl_arena *arena, pl_str owner_id,
                          pl_str aggregator_id, pl_str **accounts, size_t *count, pl_error *error) {
    const engine_groups *ask = &e->config.groups;
    if (aggregator_id.n && ask->members_of)
        return ask->members_of(ask->context, session, arena, (engine_group){owner_id, aggregator_id},
                               accounts, count, error);
    *accounts = pl_new(arena, pl_str, 1);
    if (!*accounts)
        return pl_fail(error, PL_E_ServiceUnavailable);
    **accounts = owner_id;
    *count = 1;
    return 0;
}

static void show(const engine_result *r, delivery_result *out) {
    *out = (delivery_result){.account_id = r->resource.account_id,
                             .rule_id = r->rule->rule_id,
                             .rule_name = r->rule->name,
                             .identifier = r->rule->identifier,
                             .compliance = engine_compliance_name(r->compliance),
                             .annotation = r->annotation,
                             .risk_level = r->rule->risk_level,
                             .region_id = r->resource.region_id,
                             .resource_type = r->resource.resource_type,
                             .resource_id = r->resource.resource_id,
                             .resource_name = r->resource.name,
                             .ordering = r->ordering,
                             .recorded = r->recorded};
}

int engine_read_results(void *context, store_session *session, pl_arena *arena, pl_str owner_id,
                        pl_str aggregator_id, pl_str after, delivery_result **out, size_t *count,
                        pl_str *next, pl_error *error) {
    engine_group owner = {owner_id, aggregator_id.n ? aggregator_id : PL_STR_NONE};
    engine_rule_filter active = {.active_only = true};
    engine_rule *rules;
    engine_result *results;
    pl_str *accounts;
    size_t rule_count, account_count;
    *next = PL_STR_NONE;
    *count = 0;
    if (engine_rule_list(session, arena, &owner, &active, &rules, &rule_count, error) != 0 ||
        group_accounts(context, session, arena, owner_id, aggregator_id, &accounts, &account_count, error) !=
            0)
        return -1;
    const engine_rule **named = pl_new(arena, const engine_rule *, rule_count + 1);
    if (!named)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (rule_count == 0 || account_count == 0)
        return 0;
    for (size_t i = 0; i < rule_count; i++)
        named[i] = rules + i;
    engine_result_filter filter = {
        .rules = named, .rule_count = rule_count, .accounts = accounts, .account_count = account_count};
    if (engine_list_results(context, session, arena, &filter, after.n ? after : PL_STR_NONE, RESULTS_PAGE,
                            &results, count, next, error) != 0)
        return -1;
    *out = pl_new(arena, delivery_result, *count + 1);
    if (!*out)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < *count; i++)
        show(results + i, *out + i);
    return 0;
}
