/* SimulatePolicy: one decision, explained, with tried policies (the own operations of the design). */
#include "identity/simulate.h"

#include "identity/overlay.h"
#include "json/parser.h"

/* The account itself, or a member that it manages. */
static int check_account(identity *room, pl_str account_id, pl_str principal_account, pl_str arn,
                         pl_error *error) {
    if (pl_str_eq(account_id, principal_account))
        return 0;
    const org_view *view = room->config.org ? org_view_open(room->config.org, NULL, error) : NULL;
    if (room->config.org && !view)
        return -1;
    bool manages = view && org_manages(view, account_id, principal_account);
    if (view)
        org_view_close(view);
    return manages ? 0
                   : pl_failf(error, PL_E_Invalid_PrincipalArn_Value, "The principal %.*s does not exist.",
                              PL_FMT(arn));
}

/* The account in the resource's ARN; the principal's own when it names none. */
static pl_str owner_of(pl_str resource, pl_str fallback) {
    pl_str part = PL_STR_NONE;
    for (int i = 0; i < 4; i++)
        if (!pl_str_split(&resource, ':', &part))
            return fallback;
    return part.n == 0 || pl_str_is(part, "*") ? fallback : part;
}

static bool given(const identity_simulation *s, pl_str key) {
    for (size_t i = 0; i < s->context_count; i++)
        if (pl_str_eq_fold(s->context[i].key, key))
            return true;
    return false;
}

/* The keys that were sent, and of the common ones those that were not. */
static int fill_context(identity_authority *a, pl_arena *arena, const identity_caller *caller,
                        const identity_simulation *s, pl_error *error) {
    identity_authority_add_keys(a, arena, caller, &s->common);
    size_t kept = 0;
    for (size_t i = 0; i < a->request.context_count; i++)
        if (!given(s, a->context[i].key))
            a->context[kept++] = a->context[i];
    if (kept + s->context_count > IDENTITY_CONTEXT_MAX)
        return pl_failf(error, PL_E_Invalid_Context_Value, "The Context has more than %d keys.",
                        IDENTITY_CONTEXT_MAX - 8);
    for (size_t i = 0; i < s->context_count; i++)
        a->context[kept++] = s->context[i];
    a->request.context_count = kept;
    return 0;
}

/* --- The answer
 * ---------------------------------------------------------------------------------------------
 */

static pl_json statement_of(pl_arena *arena, const pl_matched_statement *m) {
    pl_buf text;
    pl_error ignored;
    pl_json root = PL_JSON_NONE;
    const pl_policy *policy = pl_policy_set_policy(m->set, m->policy);
    pl_buf_init(&text, 1 << 20);
    pl_json_write(&text, pl_json_at(pl_json_get(policy->root, PL_STR("Statement")), m->statement));
    if (!text.failed && pl_json_parse_in(arena, pl_buf_str(&text), &root, &ignored) != 0)
        root = PL_JSON_NONE;
    pl_buf_free(&text);
    return root;
}

/* Control policies are known by id; their names are in the directory. */
static pl_str name_of(const identity_authority *a, pl_arena *arena, const pl_matched_statement *m) {
    pl_str id = pl_policy_set_name(m->set, m->policy);
    const org_node *node = m->step == PL_BY_CONTROL_POLICY && a->view
                               ? org_find_node(a->view, a->sides.control[m->level].id)
                               : NULL;
    const org_policy *policy = node ? org_find_policy(node->directory, id) : NULL;
    return pl_arena_copy(arena, policy ? policy->name : id);
}

static identity_matched matched_of(const identity_authority *a, pl_arena *arena,
                                   const pl_matched_statement *m) {
    bool control = m->step == PL_BY_CONTROL_POLICY;
    return (identity_matched){
        .step = pl_decider_name(m->step),
        .effect = m->effect == PL_EFFECT_DENY ? PL_STR("Deny") : PL_STR("Allow"),
        .policy_id = control ? pl_arena_copy(arena, pl_policy_set_name(m->set, m->policy)) : PL_STR(""),
        .policy_name = name_of(a, arena, m),
        .target_id = control ? pl_arena_copy(arena, a->sides.control[m->level].id) : PL_STR(""),
        .statement = statement_of(arena, m)};
}

/* The first statement of the deciding step and level with the effect that decided. */
static pl_str deciding_policy(const identity_authority *a, pl_arena *arena, const pl_decision *d) {
    pl_effect effect = d->verdict == PL_ALLOW ? PL_EFFECT_ALLOW : PL_EFFECT_DENY;
    for (size_t i = 0; d->verdict != PL_IMPLICIT_DENY && i < d->matched_count; i++) {
        const pl_matched_statement *m = &d->matched[i];
        bool level = d->decided_by != PL_BY_CONTROL_POLICY || m->level == d->level;
        if (m->step == d->decided_by && m->effect == effect && level)
            return name_of(a, arena, m);
    }
    return PL_STR("");
}

static int answer(const identity_authority *a, pl_arena *arena, const pl_decision *d, identity_verdict *out,
                  pl_error *error) {
    identity_matched *matched = pl_new(arena, identity_matched, d->matched_count + 1);
    *out = (identity_verdict){.ruling = d->verdict,
                              .step = pl_decider_name(d->decided_by),
                              .policy_name = deciding_policy(a, arena, d),
                              .target_id = PL_STR(""),
                              .target_name = PL_STR(""),
                              .target_path = PL_STR("")};
    for (size_t i = 0; matched && i < d->matched_count; i++)
        matched[i] = matched_of(a, arena, &d->matched[i]);
    out->matched = matched;
    out->matched_count = d->matched_count;
    if (d->decided_by == PL_BY_CONTROL_POLICY) {
        const org_node *node = a->view ? org_find_node(a->view, d->decided_at) : NULL;
        out->target_id = pl_arena_copy(arena, d->decided_at);
        out->target_name = node ? pl_arena_copy(arena, node->name) : PL_STR("");
        out->target_path = node ? pl_arena_copy(arena, node->path) : PL_STR("");
    }
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

static int decide(identity_authority *a, pl_arena *arena, const identity_simulation *s,
                  identity_verdict *verdict, pl_error *error) {
    pl_decision decision;
    const identity_scoped_set *group = identity_principal_group(a->principal, s->resource);
    a->request.action = s->action;
    a->request.resource = s->resource;
    a->sides.resource_group = group && !s->identity_policies.instead ? group->set : NULL;
    if (pl_decide_explained(&a->sides, &a->request, &decision, error) != 0)
        return -1;
    return answer(a, arena, &decision, verdict, error);
}

int identity_simulate(identity *room, pl_arena *arena, pl_str account_id, const identity_simulation *s,
                      identity_verdict *verdict, pl_error *error) {
    identity_caller caller;
    if (identity_caller_of_arn(room, arena, s->principal_arn, &caller, error) != 0 ||
        check_account(room, account_id, caller.account_id, s->principal_arn, error) != 0)
        return -1;
    identity_authority a;
    identity_overlay overlay;
    identity_overlay_init(&overlay);
    /* What binds accounts that the asker does not manage is not told. */
    pl_error ignored;
    pl_str owner = owner_of(s->resource, caller.account_id);
    if (check_account(room, account_id, owner, s->resource, &ignored) != 0)
        owner = caller.account_id;
    int result = identity_authority_open(&a, room, arena, &caller, owner, error);
    if (result == 0 &&
        (identity_overlay_identity(&overlay, &a, room, arena, &s->identity_policies, error) != 0 ||
         identity_overlay_control(&overlay, &a, room, arena, owner, &s->control_policies, error) != 0 ||
         fill_context(&a, arena, &caller, s, error) != 0))
        result = -1;
    if (result == 0)
        result = decide(&a, arena, s, verdict, error);
    identity_authority_close(&a);
    identity_overlay_close(&overlay);
    return result;
}
