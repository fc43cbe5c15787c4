/*
 * What a change of control policies would do to the calls seen: each is decided twice, without and with it,
 * as it was made: same address, transport, MFA, session policy, condition keys, tags of the resource, and the
 * time it was last seen at. Directory and identity policies are those of now, and so are tags that no policy
 * had asked for when the call was made.
 */
#include "identity/calls.h"

#include "identity/entities.h"
#include "identity/overlay.h"
#include "org/change.h"
#include "json/parser.h"

enum { PAGE = 1000 };

/* One simulation. */
typedef struct work {
    identity *room;
    pl_arena *arena;  /* of the answer */
    pl_arena scratch; /* of one page */
    identity_trial trial;
    identity_trials trials;
    const identity_control_change *change;
    int64_t since;
    identity_impact *impact;
    pl_error *error;
} work;

/* Reading an account's calls page by page. */
typedef struct page {
    work *w;
    pl_str account_id;
    pl_str after[3]; /* principal, action and hash of the last call of the page before */
    identity_seen_call *calls;
    size_t count;
    pl_str last_hash;
} page;

static identity_seen_call read_call(const page *p, store_statement *rows) {
    pl_arena *arena = &p->w->scratch;
    return (identity_seen_call){.account_id = p->account_id,
                                .principal_arn = pl_arena_copy(arena, store_column_text(rows, 0)),
                                .action = pl_arena_copy(arena, store_column_text(rows, 1)),
                                .resource = pl_arena_copy(arena, store_column_text(rows, 3)),
                                .source_ip = pl_arena_copy(arena, store_column_text(rows, 4)),
                                .session_policy = pl_arena_copy(arena, store_column_text(rows, 5)),
                                .secure = store_column_i64(rows, 6) != 0,
                                .mfa = store_column_i64(rows, 7) != 0,
                                .first_seen = store_column_i64(rows, 8),
                                .last_seen = store_column_i64(rows, 9),
                                .count = store_column_i64(rows, 10),
                                .conditions = pl_arena_copy(arena, store_column_text(rows, 11))};
}

static store_statement *select_page(store_session *session, const page *p, pl_error *error) {
    store_statement *rows = store_prepare(
        session,
        "SELECT c.principal_arn, c.action, c.call_hash, c.resource, c.source_ip, COALESCE(p.document, ''), "
        "c.secure, c.mfa, c.first_seen, c.last_seen, c.call_count, c.conditions FROM identity_calls c "
        "LEFT JOIN identity_call_policies p ON p.account_id = c.account_id AND p.policy_hash = c.policy_hash "
        "WHERE c.account_id = $1 AND c.last_seen >= $2 AND (c.principal_arn, c.action, c.call_hash) > "
        "($3, $4, $5) ORDER BY c.principal_arn, c.action, c.call_hash LIMIT 1000",
        error);
    store_bind_text(rows, 1, p->account_id);
    store_bind_i64(rows, 2, p->w->since);
    store_bind_text(rows, 3, p->after[0]);
    store_bind_text(rows, 4, p->after[1]);
    store_bind_blob(rows, 5, p->after[2]);
    return rows;
}

static int read_page(store_session *session, void *argument, pl_error *error) {
    page *p = argument;
    pl_arena *arena = &p->w->scratch;
    p->count = 0;
    p->calls = pl_new(arena, identity_seen_call, PAGE);
    if (!p->calls)
        return pl_fail(error, PL_E_ServiceUnavailable);
    store_statement *rows = select_page(session, p, error);
    int step = 1;
    while (p->count < PAGE && (step = store_step(rows, error)) == 1) {
        p->calls[p->count++] = read_call(p, rows);
        p->last_hash = pl_arena_copy(arena, store_column_blob(rows, 2));
    }
    if (step < 0)
        return -1;
    return arena->failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

static pl_str keep(work *w, pl_str text) {
    return pl_arena_copy(w->arena, text);
}

static int note(work *w, const identity_seen_call *call, pl_ruling before, pl_ruling after) {
    identity_impact *impact = w->impact;
    impact->changed++;
    if (impact->count == IDENTITY_CALLS_SHOWN_MAX)
        return 0;
    identity_changed_call *items =
        pl_arena_grow(w->arena, impact->items, impact->count, &impact->capacity, sizeof *items);
    if (!items)
        return pl_fail(w->error, PL_E_ServiceUnavailable);
    impact->items = items;
    identity_changed_call *kept = &items[impact->count++];
    *kept = (identity_changed_call){*call, before, after};
    pl_str *const texts[] = {&kept->call.account_id, &kept->call.principal_arn, &kept->call.action,
                             &kept->call.resource,   &kept->call.source_ip,     &kept->call.session_policy,
                             &kept->call.conditions};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        *texts[i] = keep(w, *texts[i]);
    return w->arena->failed ? pl_fail(w->error, PL_E_ServiceUnavailable) : 0;
}

/* Under the control policies that `a` stands on at the moment; both decisions see one session policy. */
static int decide_both(work *w, identity_authority *a, const identity_overlay *overlay,
                       const identity_seen_call *call, pl_ruling *before, pl_ruling *after) {
    pl_decision decision;
    const pl_control_level *stored = a->sides.control;
    size_t stored_count = a->sides.control_count;
    int result = identity_authority_decide(a, call->resource, &decision, w->error);
    *before = decision.verdict;
    a->sides.control = overlay->levels;
    a->sides.control_count = overlay->level_count;
    if (result == 0)
        result = identity_authority_decide(a, call->resource, &decision, w->error);
    *after = decision.verdict;
    a->sides.control = stored;
    a->sides.control_count = stored_count;
    return result;
}

static int compile_session(work *w, const identity_seen_call *call, pl_policy_set **set) {
    size_t bad;
    pl_policy_source source = {PL_POLICY_SESSION, PL_STR("session"), call->session_policy};
    *set = NULL;
    return call->session_policy.n ? pl_policy_set_compile(&source, 1, w->room->seed, set, &bad, w->error) : 0;
}

/* Tags as condition keys, as they were. */
static int read_tags(work *w, pl_json tags, identity_fact *facts, size_t *count) {
    pl_str key;
    pl_json value;
    for (pl_json_walk walk = pl_json_children(tags); pl_json_step(&walk, &key, &value);) {
        pl_str name = pl_arena_printf(&w->scratch, IDENTITY_CALL_TAGS "/%.*s", PL_FMT(key));
        if (!name.p)
            return pl_fail(w->error, PL_E_ServiceUnavailable);
        facts[(*count)++] = (identity_fact){name, pl_json_text(value)};
    }
    return 0;
}

/* The condition keys beyond the common ones, as they were; `*known` says whether the tags are among them. */
static int read_conditions(work *w, const identity_seen_call *call, identity_request *request, bool *known) {
    pl_json root, value;
    pl_str key;
    *known = false;
    if (call->conditions.n == 0)
        return 0;
    if (pl_json_parse_in(&w->scratch, call->conditions, &root, w->error) != 0)
        return w->error->http_status >= 500 ? -1
                                            : pl_failf(w->error, PL_E_InternalError,
                                                       "The conditions of a logged call cannot be read.");
    pl_json tags = pl_json_get(root, PL_STR(IDENTITY_CALL_TAGS));
    size_t most = pl_json_count(root) + pl_json_count(tags) + 1;
    identity_fact *conditions = pl_new(&w->scratch, identity_fact, most);
    if (!conditions)
        return pl_fail(w->error, PL_E_ServiceUnavailable);
    request->facts = conditions;
    for (pl_json_walk walk = pl_json_children(root); pl_json_step(&walk, &key, &value);)
        if (!pl_json_is_object(value))
            conditions[request->fact_count++] = (identity_fact){key, pl_json_text(value)};
    *known = pl_json_is_object(tags);
    return read_tags(w, tags, conditions, &request->fact_count);
}

static bool levels_read_tags(const identity_overlay *overlay) {
    bool reads = false;
    for (size_t i = 0; i < overlay->level_count; i++)
        reads |= pl_policy_set_reads_resource_tags(overlay->levels[i].set);
    return reads;
}

/* Tags that nobody asked for when the call was made are looked up when a policy asks now. */
static int add_tags_of_now(work *w, identity_authority *a, const identity_overlay *overlay,
                           const identity_seen_call *call) {
    const identity_fact *tags;
    size_t count;
    bool asked = levels_read_tags(overlay) || identity_authority_reads_tags(a) ||
                 pl_policy_set_reads_resource_tags(a->sides.trust);
    if (!asked || !w->change->tags_of)
        return 0;
    if (w->change->tags_of(w->change->tags_context, &w->scratch, call->account_id, call->resource, &tags,
                           &count, w->error) != 0)
        return -1;
    identity_authority_add_facts(a, tags, count);
    return 0;
}

/* Who may assume a role is also its trust policy's business: that of now, as all policies. */
static int aim_trust(work *w, identity_authority *a, const identity_seen_call *call, pl_policy_set **trust) {
    *trust = NULL;
    a->sides.trust = NULL;
    a->sides.trust_use = PL_TRUST_NONE;
    if (!pl_str_is(call->action, "sts:AssumeRole"))
        return 0;
    a->sides.trust_use = PL_TRUST_AND_IDENTITY;
    if (identity_trust_of(w->room, &w->scratch, call->resource, trust, w->error) != 0)
        return -1;
    a->sides.trust = *trust;
    return 0;
}

static int decide_twice(work *w, identity_authority *a, const identity_caller *caller,
                        const identity_overlay *overlay, const identity_seen_call *call) {
    pl_ruling before = PL_IMPLICIT_DENY, after = PL_IMPLICIT_DENY;
    pl_policy_set *session = NULL, *trust = NULL;
    bool known;
    identity_caller as = *caller;
    identity_request common = {.source_ip = call->source_ip, .now = call->last_seen, .secure = call->secure};
    as.mfa = call->mfa;
    a->request.action = call->action;
    a->request.context_count = 0;
    a->overflow = false;
    if (read_conditions(w, call, &common, &known) != 0)
        return -1;
    identity_authority_add_keys(a, &w->scratch, &as, &common);
    if (w->scratch.failed)
        return pl_fail(w->error, PL_E_ServiceUnavailable);
    int result = compile_session(w, call, &session) == 0 ? aim_trust(w, a, call, &trust) : -1;
    a->sides.session = session;
    if (result == 0 && !known)
        result = add_tags_of_now(w, a, overlay, call);
    if (result == 0)
        result = decide_both(w, a, overlay, call, &before, &after);
    a->sides.session = NULL;
    a->sides.trust = NULL;
    pl_policy_set_release(session);
    pl_policy_set_release(trust);
    w->impact->decided++;
    return result == 0 && before != after ? note(w, call, before, after) : result;
}

/* The calls of one principal, which lie together; an identity that is gone cannot be bound any more. */
static int look_at_principal(work *w, const identity_overlay *overlay, const identity_seen_call *calls,
                             size_t count) {
    identity_caller caller;
    identity_authority a;
    if (identity_caller_of_arn(w->room, &w->scratch, calls->principal_arn, &caller, w->error) != 0)
        return pl_error_is(w->error, PL_E_Invalid_PrincipalArn_Value) ? 0 : -1;
    int result = identity_authority_open(&a, w->room, &w->scratch, &caller, calls->account_id, w->error);
    for (size_t i = 0; i < count && result == 0; i++)
        result = decide_twice(w, &a, &caller, overlay, &calls[i]);
    identity_authority_close(&a);
    return result;
}

static int look_at_page(work *w, const identity_overlay *overlay, const page *p) {
    size_t from = 0;
    for (size_t i = 1; i <= p->count; i++) {
        if (i < p->count && pl_str_eq(p->calls[i].principal_arn, p->calls[from].principal_arn))
            continue;
        if (look_at_principal(w, overlay, &p->calls[from], i - from) != 0)
            return -1;
        from = i;
    }
    return 0;
}

static int look_at_calls(work *w, pl_str account_id, const identity_overlay *overlay) {
    page p = {.w = w, .account_id = account_id, .after = {PL_STR(""), PL_STR(""), PL_STR("")}};
    pl_arena kept;
    int result = 0;
    pl_arena_init(&kept, 1 << 20);
    do {
        pl_arena_reset(&w->scratch);
        result = store_read(w->room->config.store, read_page, &p, w->error);
        if (result == 0)
            result = look_at_page(w, overlay, &p);
        if (result == 0 && p.count) {
            const pl_str last[] = {p.calls[p.count - 1].principal_arn, p.calls[p.count - 1].action,
                                   p.last_hash};
            pl_arena_reset(&kept);
            for (size_t i = 0; i < 3; i++)
                p.after[i] = pl_arena_copy(&kept, last[i]);
            if (kept.failed)
                result = pl_fail(w->error, PL_E_ServiceUnavailable);
        }
        w->impact->truncated |= w->impact->decided >= IDENTITY_CALLS_DECIDED_MAX;
    } while (result == 0 && p.count == PAGE && !w->impact->truncated);
    pl_arena_free(&kept);
    return result;
}

/* The levels are laid over once for an account, under its owner, whose authority holds the view meanwhile. */
static int look_at_account(work *w, pl_str account_id) {
    identity_authority base;
    identity_overlay overlay;
    pl_arena arena;
    identity_caller owner = {.kind = IDENTITY_ROOT, .account_id = account_id};
    pl_arena_init(&arena, 16 << 20);
    identity_overlay_init(&overlay);
    int result = identity_authority_open(&base, w->room, &arena, &owner, account_id, w->error);
    if (result == 0)
        result = identity_overlay_control(&overlay, &base, w->room, &arena, account_id, &w->trials, w->error);
    if (result == 0)
        result = look_at_calls(w, account_id, &overlay);
    w->impact->accounts++;
    identity_authority_close(&base);
    identity_overlay_close(&overlay);
    pl_arena_free(&arena);
    return result;
}

/* A detachment must be possible: the policy lies there, and is not the last one of its node. */
static int check_detach(const org_node *target, pl_str policy_id, pl_error *error) {
    bool attached = false;
    for (size_t i = 0; i < target->attachment_count; i++)
        attached = attached || pl_str_eq(target->attachments[i].policy->id, policy_id);
    if (!attached)
        return pl_fail(error, PL_E_EntityNotExists_ControlPolicyAttachment);
    return target->attachment_count > 1 ? 0 : pl_fail(error, PL_E_NotSupport_DetachLastControlPolicy);
}

/* Makes the trial of the change. */
static int prepare(work *w, const org_node *target, const identity_control_change *change) {
    identity_trial *trial = &w->trial;
    const pl_policy *policy;
    *trial = (identity_trial){.target_id = target->id, .name = PL_STR("PolicyDocument")};
    w->trials = (identity_trials){.items = trial, .count = 1};
    if (change->policy_id.n == 0) {
        trial->document = change->document;
        return pl_policy_parse(w->arena, PL_POLICY_CONTROL, change->document, &policy, w->error);
    }
    if (!org_find_policy(target->directory, change->policy_id))
        return pl_fail(w->error, PL_E_EntityNotExists_ControlPolicy);
    trial->name = trial->replaces = change->policy_id;
    if (change->detach)
        return check_detach(target, change->policy_id, w->error);
    trial->replaces = PL_STR_NONE;
    return org_read_policy_document(w->room->config.org, w->arena, target->directory, change->policy_id,
                                    &trial->document, w->error);
}

static int look_at_directory(work *w, const org_view *view, pl_str management_id,
                             const identity_control_change *change) {
    const org_directory *directory = org_managed_directory(view, management_id);
    if (!directory)
        return pl_fail(w->error, PL_E_EntityNotExists_ResourceDirectory);
    const org_node *target = org_find_node(view, change->target_id);
    if (!target || target->directory != directory)
        return pl_fail(w->error, PL_E_EntityNotExists_Target);
    if (prepare(w, target, change) != 0)
        return -1;
    for (size_t i = 0; i < directory->account_count && !w->impact->truncated; i++) {
        pl_str account_id = directory->accounts[i]->node.id;
        bool bound = pl_str_eq(account_id, target->id) || org_in_folder(view, account_id, target->id);
        if (bound && look_at_account(w, account_id) != 0)
            return -1;
    }
    return 0;
}

int identity_control_impact(identity *room, pl_arena *arena, pl_str management_id,
                            const identity_control_change *change, int64_t since, identity_impact *impact,
                            pl_error *error) {
    work w = {
        .room = room, .arena = arena, .change = change, .since = since, .impact = impact, .error = error};
    *impact = (identity_impact){.items = NULL};
    if (identity_flush(room, error) != 0)
        return -1;
    const org_view *view = room->config.org ? org_view_open(room->config.org, NULL, error) : NULL;
    if (!view)
        return room->config.org ? -1 : pl_fail(error, PL_E_EntityNotExists_ResourceDirectory);
    pl_arena_init(&w.scratch, (size_t)64 << 20);
    int result = look_at_directory(&w, view, management_id, change);
    pl_arena_free(&w.scratch);
    org_view_close(view);
    return result;
}
