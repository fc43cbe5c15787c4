/*
 * The recorder of an account and its rules: what is not recorded is covered by no rule
 * (reference/evaluation-semantics.md, sections 1 and 2.2).
 *
 * INVARIANT: the change of the recorder, what it lets leave (engine/leaving.h) and the counts are one
 * transaction. A run under way has counted types that are covered no more; it starts anew.
 */
#include "engine/leaving.h"
#include "engine/run.h"

enum { RECORDING_ARENA_LIMIT = 256 << 20 };

struct recording {
    engine *e;
    store_session *session;
    pl_arena *arena;
    const engine_view *view; /* of the account with its new recorder */
    const inventory_recorder *before;
    int64_t now;
    pl_error *error;
};

/* Whether the rule's scope names the type, recorded or not. */
static bool names_type(const engine_bound *bound, pl_str type) {
    engine_bound anywhere = *bound;
    anywhere.recorder = NULL;
    return engine_bound_has_type(&anywhere, type);
}

/* --- Types that are recorded no more ----------------------------------------------------------------------
 */

struct covering {
    const engine_bound *bound; /* as if every type were recorded */
    int64_t count;
};

static int count_covered(void *context, const inventory_resource *resource, pl_error *error) {
    struct covering *c = context;
    engine_scope_subject subject;
    pl_arena scratch;
    pl_arena_init(&scratch, 1 << 20);
    int status = engine_scope_subject_of(&scratch, resource, &subject, error);
    c->count += status == 0 && engine_bound_covers(c->bound, &subject);
    pl_arena_free(&scratch);
    return status;
}

/* How many resources of the type a narrow scope covered. */
static int count_narrow(struct recording *r, const engine_bound *bound, pl_str type, int64_t *count) {
    engine_bound anywhere = *bound;
    struct covering covering = {&anywhere, 0};
    inventory_filter filter = {.account_id = r->view->account_id, .types = &type, .type_count = 1};
    anywhere.recorder = NULL;
    if (!bound->whole && inventory_list(r->session, &filter, 0, count_covered, &covering, r->error) != 0)
        return -1;
    *count = covering.count;
    return 0;
}

/* What waits for a function or a remediation to look at resources of the type. */
static int drop_events(struct recording *r, int64_t rule_key, pl_str type) {
    static const char *const statements[] = {
        "DELETE FROM function_events WHERE account_id = $1 AND rule_key = $2 AND EXISTS (SELECT 1 FROM "
        "resources r WHERE r.account_id = function_events.account_id AND r.resource_key = "
        "function_events.resource_key AND r.resource_type = $3)",
        "DELETE FROM remediation_events WHERE account_id = $1 AND rule_key = $2 AND EXISTS (SELECT 1 FROM "
        "resources r WHERE r.account_id = remediation_events.account_id AND r.resource_key = "
        "remediation_events.resource_key AND r.resource_type = $3)",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (store_run(r->session, r->error, statements[i], "tit", r->view->account_id, rule_key, type) != 0)
            return -1;
    return 0;
}

static int restart_run(struct recording *r, int64_t rule_key) {
    return store_run(r->session, r->error,
                     "UPDATE evaluation_runs SET resource_type = '', resource_key = 0, covered = 0, "
                     "non_compliant = 0, not_applicable = 0, insufficient = 0, ignored = 0, node = '', "
                     "leased_until = 0 WHERE account_id = $1 AND rule_key = $2",
                     "ti", r->view->account_id, rule_key);
}

static int forget_type(struct recording *r, pl_str type) {
    for (size_t i = 0; i < r->view->count; i++) {
        const engine_bound *bound = r->view->rules + i;
        int64_t rule_key = bound->rule->rule_key;
        int64_t covered;
        if (!names_type(bound, type))
            continue;
        if (count_narrow(r, bound, type, &covered) != 0 ||
            engine_leave_type(r->session, r->view->account_id, rule_key, type, covered, r->now, r->error) !=
                0 ||
            drop_events(r, rule_key, type) != 0 || restart_run(r, rule_key) != 0)
            return -1;
    }
    return 0;
}

/* --- Types that are recorded again ------------------------------------------------------------------------
 */

/* A disabled rule does not evaluate; what it covers now is not taken for compliant. */
static int enter_disabled(struct recording *r, engine_evaluating *c, int64_t rule_key, pl_str type) {
    inventory_capture *found;
    size_t count;
    int status = 0;
    if (inventory_captures(r->session, r->arena, r->view->account_id, type, 0, INT64_MAX, &found, &count,
                           r->error) != 0)
        return -1;
    for (size_t i = 0; status == 0 && i < count; i++) {
        inventory_resource resource;
        bool there;
        pl_arena scratch;
        pl_arena_init(&scratch, 4 * INVENTORY_MAX_CONFIGURATION);
        status = inventory_find_key(r->session, &scratch, r->view->account_id, found[i].resource_key,
                                    &resource, &there, r->error);
        if (status == 0 && there)
            status = engine_evaluate_entering(c, &resource, rule_key);
        pl_arena_free(&scratch);
    }
    return status;
}

static int enter_types(struct recording *r, const engine_bound *bound, const inventory_group *types,
                       size_t count) {
    engine_evaluating c;
    if (engine_leave_return(r->session, r->view->account_id, bound, r->error) != 0)
        return -1;
    int status = engine_evaluating_begin(&c, r->e, r->session, r->arena, r->now, r->error);
    for (size_t i = 0; status == 0 && i < count; i++)
        if (engine_bound_has_type(bound, types[i].name))
            status = enter_disabled(r, &c, bound->rule->rule_key, types[i].name);
    return engine_evaluating_end(&c, status);
}

/* An active rule looks at everything once more, in a run of its own where that is much. */
static int enter(struct recording *r, const inventory_group *types, size_t count) {
    for (size_t i = 0; i < r->view->count; i++) {
        const engine_bound *bound = r->view->rules + i;
        bool concerned = false;
        for (size_t k = 0; k < count && !concerned; k++)
            concerned = engine_bound_has_type(bound, types[k].name);
        if (!concerned)
            continue;
        if ((bound->active
                 ? engine_start_account(r->e, r->session, r->view->account_id, bound->rule, r->now, r->error)
                 : enter_types(r, bound, types, count)) != 0)
            return -1;
    }
    return 0;
}

/* --- The change -------------------------------------------------------------------------------------------
 */

static int follow_recorder(struct recording *r) {
    inventory_group *types;
    size_t count, entered = 0;
    if (inventory_count_by_type(r->session, r->arena, r->view->account_id, PL_STR_NONE, &types, &count,
                                r->error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        bool was = inventory_recorder_covers(r->before, types[i].name);
        bool is = inventory_recorder_covers(&r->view->recorder, types[i].name);
        if (was && !is && forget_type(r, types[i].name) != 0)
            return -1;
        if (!was && is)
            types[entered++] = types[i];
    }
    return enter(r, types, entered);
}

int engine_recorder_put(engine *e, store_session *session, pl_str account_id,
                        const inventory_recorder *recorder, int64_t now, pl_error *error) {
    pl_arena arena;
    inventory_recorder before;
    engine_view *view = NULL;
    pl_arena_init(&arena, RECORDING_ARENA_LIMIT);
    int status = inventory_recorder_get(session, &arena, account_id, &before, error);
    if (status == 0)
        status = inventory_recorder_put(session, account_id, recorder, error);
    if (status == 0)
        status = engine_version_renew(e, session, account_id, error);
    if (status == 0 && !(view = engine_view_get(e, session, account_id, error)))
        status = -1;
    if (status == 0) {
        struct recording r = {e, session, &arena, view, &before, now, error};
        status = follow_recorder(&r);
    }
    engine_view_release(view);
    pl_arena_free(&arena);
    return status;
}
