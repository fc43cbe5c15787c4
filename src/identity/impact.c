/*
 * What a control policy would change among the calls seen: each is decided twice, without and with it.
 * Session policies are not in the log, so a session counts with all that its role may do; calls count as made
 * over TLS.
 */
#include "identity/calls.h"

#include "identity/entities.h"
#include "identity/overlay.h"

enum { PAGE = 1000 };

/* One simulation. */
typedef struct work {
    identity *room;
    pl_arena *arena;  /* of the answer */
    pl_arena scratch; /* of one page */
    identity_trials trials;
    int64_t since, now;
    identity_impact *impact;
    pl_error *error;
} work;

/* Reading an account's calls page by page. */
typedef struct page {
    work *w;
    pl_str account_id;
    identity_seen_call last; /* of the page before */
    identity_seen_call *calls;
    size_t count;
} page;

static int read_page(store_session *session, void *argument, pl_error *error) {
    page *p = argument;
    pl_arena *arena = &p->w->scratch;
    p->count = 0;
    p->calls = pl_new(arena, identity_seen_call, PAGE);
    if (!p->calls)
        return pl_fail(error, PL_E_ServiceUnavailable);
    store_statement *rows =
        store_prepare(session,
                      "SELECT principal_arn, action, resource, source_ip, first_seen, last_seen, call_count "
                      "FROM identity_calls WHERE account_id = $1 AND last_seen >= $2 "
                      "AND (principal_arn, action, resource, source_ip) > ($3, $4, $5, $6) "
                      "ORDER BY principal_arn, action, resource, source_ip LIMIT 1000",
                      error);
    const pl_str after[] = {p->last.principal_arn, p->last.action, p->last.resource, p->last.source_ip};
    store_bind_text(rows, 1, p->account_id);
    store_bind_i64(rows, 2, p->w->since);
    for (int i = 0; i < 4; i++)
        store_bind_text(rows, 3 + i, after[i].p ? after[i] : PL_STR(""));
    int step = 1;
    while (p->count < PAGE && (step = store_step(rows, error)) == 1)
        p->calls[p->count++] = (identity_seen_call){p->account_id,
                                                    pl_arena_copy(arena, store_column_text(rows, 0)),
                                                    pl_arena_copy(arena, store_column_text(rows, 1)),
                                                    pl_arena_copy(arena, store_column_text(rows, 2)),
                                                    pl_arena_copy(arena, store_column_text(rows, 3)),
                                                    store_column_i64(rows, 4),
                                                    store_column_i64(rows, 5),
                                                    store_column_i64(rows, 6)};
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
    items[impact->count++] = (identity_changed_call){
        {keep(w, call->account_id), keep(w, call->principal_arn), keep(w, call->action),
         keep(w, call->resource), keep(w, call->source_ip), call->first_seen, call->last_seen, call->count},
        before,
        after};
    return w->arena->failed ? pl_fail(w->error, PL_E_ServiceUnavailable) : 0;
}

static int decide_twice(work *w, identity_authority *a, const identity_caller *caller,
                        const identity_overlay *overlay, const identity_seen_call *call) {
    pl_decision before, after;
    const pl_control_level *stored = a->sides.control;
    size_t stored_count = a->sides.control_count;
    identity_request common = {.source_ip = call->source_ip, .now = w->now, .secure = true};
    a->request.action = call->action;
    a->request.context_count = 0;
    identity_authority_add_common(a, &w->scratch, caller, &common);
    if (w->scratch.failed || identity_authority_decide(a, call->resource, &before, w->error) != 0)
        return w->scratch.failed ? pl_fail(w->error, PL_E_ServiceUnavailable) : -1;
    a->sides.control = overlay->levels;
    a->sides.control_count = overlay->level_count;
    int result = identity_authority_decide(a, call->resource, &after, w->error);
    a->sides.control = stored;
    a->sides.control_count = stored_count;
    w->impact->decided++;
    return result == 0 && before.verdict != after.verdict ? note(w, call, before.verdict, after.verdict)
                                                          : result;
}

/* The calls of one principal, which lie together; an identity that is gone cannot be bound any more. */
static int look_at_principal(work *w, const identity_overlay *overlay, const identity_seen_call *calls,
                             size_t count) {
    identity_caller caller;
    identity_authority a;
    if (identity_caller_of_arn(w->room, &w->scratch, calls->principal_arn, &caller, w->error) != 0)
        return pl_error_is(w->error, PL_E_Invalid_PrincipalArn_Value) ? 0 : -1;
    int result = identity_authority_open(&a, w->room, &w->scratch, &caller, caller.account_id, w->error);
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
    page p = {.w = w, .account_id = account_id};
    pl_arena kept;
    int result = 0;
    pl_arena_init(&kept, 1 << 20);
    do {
        pl_arena_reset(&w->scratch);
        result = store_read(w->room->config.store, read_page, &p, w->error);
        if (result == 0)
            result = look_at_page(w, overlay, &p);
        if (result == 0 && p.count) {
            identity_seen_call last = p.calls[p.count - 1];
            pl_arena_reset(&kept);
            p.last = (identity_seen_call){.principal_arn = pl_arena_copy(&kept, last.principal_arn),
                                          .action = pl_arena_copy(&kept, last.action),
                                          .resource = pl_arena_copy(&kept, last.resource),
                                          .source_ip = pl_arena_copy(&kept, last.source_ip)};
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

static int look_at_directory(work *w, const org_view *view, pl_str management_id, pl_str target_id) {
    const org_directory *directory = org_managed_directory(view, management_id);
    if (!directory)
        return pl_fail(w->error, PL_E_EntityNotExists_ResourceDirectory);
    const org_node *target = org_find_node(view, target_id);
    if (!target || target->directory != directory)
        return pl_fail(w->error, PL_E_EntityNotExists_Target);
    for (size_t i = 0; i < directory->account_count && !w->impact->truncated; i++) {
        pl_str account_id = directory->accounts[i]->node.id;
        bool bound = pl_str_eq(account_id, target_id) || org_in_folder(view, account_id, target_id);
        if (bound && look_at_account(w, account_id) != 0)
            return -1;
    }
    return 0;
}

int identity_control_impact(identity *room, pl_arena *arena, pl_str management_id, pl_str target_id,
                            pl_str document, int64_t since, int64_t now, identity_impact *impact,
                            pl_error *error) {
    const pl_policy *policy;
    identity_trial trial = {.target_id = target_id, .name = PL_STR("PolicyDocument"), .document = document};
    work w = {.room = room,
              .arena = arena,
              .trials = {.items = &trial, .count = 1},
              .since = since,
              .now = now,
              .impact = impact,
              .error = error};
    *impact = (identity_impact){.items = NULL};
    if (pl_policy_parse(arena, PL_POLICY_CONTROL, document, &policy, error) != 0 ||
        identity_flush(room, error) != 0)
        return -1;
    const org_view *view = room->config.org ? org_view_open(room->config.org, NULL, error) : NULL;
    if (!view)
        return room->config.org ? -1 : pl_fail(error, PL_E_EntityNotExists_ResourceDirectory);
    pl_arena_init(&w.scratch, (size_t)64 << 20);
    int result = look_at_directory(&w, view, management_id, target_id);
    pl_arena_free(&w.scratch);
    org_view_close(view);
    return result;
}
