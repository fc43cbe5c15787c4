/* Resource groups of an account, and their switches. */
#include "org/work.h"

static void read_row(pl_arena *arena, store_statement *st, org_resource_group *out) {
    *out = (org_resource_group){.account_id = pl_arena_copy(arena, store_column_text(st, 0)),
                                .id = pl_arena_copy(arena, store_column_text(st, 1)),
                                .name = pl_arena_copy(arena, store_column_text(st, 2)),
                                .display_name = pl_arena_copy(arena, store_column_text(st, 3)),
                                .status = pl_arena_copy(arena, store_column_text(st, 4)),
                                .created = store_column_i64(st, 5)};
}

enum { GROUP_ID_LENGTH = 15 };

#define GROUP_COLUMNS "account_id, group_id, name, display_name, status, created"

static int find(store_session *session, const org_caller *caller, pl_str id, org_resource_group *out,
                pl_error *error) {
    store_statement *st = store_prepare(session,
                                        "SELECT " GROUP_COLUMNS " FROM resource_groups "
                                        "WHERE account_id = $1 AND group_id = $2",
                                        error);
    store_bind_text(st, 1, caller->account_id);
    store_bind_text(st, 2, id);
    int step = store_step(st, error);
    if (step != 1)
        return step < 0 ? -1 : pl_fail(error, PL_E_EntityNotExists_ResourceGroup);
    read_row(caller->arena, st, out);
    store_reset(st);
    if (caller->arena->failed)
        return org_no_memory(error);
    return org_read_tags(session, caller->arena, caller->account_id, PL_STR(ORG_TAG_RESOURCE_GROUP), out->id,
                         &out->tags, error);
}

/* --- Reading ---------------------------------------------------------------------------------------------
 */

typedef struct group_read {
    const org_caller *caller;
    pl_str id;
    org_resource_group *out;
    size_t count, capacity;
} group_read;

static int find_run(store_session *session, void *argument, pl_error *error) {
    group_read *r = argument;
    return find(session, r->caller, r->id, r->out, error);
}

int org_check_resource_group(store_session *session, pl_str account_id, pl_str id, bool usable,
                             pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT status FROM resource_groups WHERE account_id = $1 AND group_id = $2", error);
    store_bind_text(st, 1, account_id);
    store_bind_text(st, 2, id);
    int step = store_step(st, error);
    if (step != 1)
        return step == 0 ? pl_fail(error, PL_E_EntityNotExists_ResourceGroup) : -1;
    bool good = !usable || pl_str_is(store_column_text(st, 0), "OK");
    store_reset(st);
    return good ? 0 : pl_fail(error, PL_E_Invalid_ResourceGroup_Status);
}

int org_find_resource_group(org *o, const org_caller *caller, pl_str id, org_resource_group *out,
                            pl_error *error) {
    group_read r = {.caller = caller, .id = id, .out = out};
    return store_read(o->config.store, find_run, &r, error);
}

static int list_run(store_session *session, void *argument, pl_error *error) {
    group_read *r = argument;
    store_statement *st = store_prepare(session,
                                        "SELECT " GROUP_COLUMNS " FROM resource_groups WHERE account_id = $1 "
                                        "ORDER BY position, group_id",
                                        error);
    store_bind_text(st, 1, r->caller->account_id);
    int step;
    r->count = 0;
    while ((step = store_step(st, error)) == 1) {
        org_resource_group *grown =
            pl_arena_grow(r->caller->arena, r->out, r->count, &r->capacity, sizeof *grown);
        if (!grown)
            return org_no_memory(error);
        r->out = grown;
        read_row(r->caller->arena, st, &grown[r->count++]);
    }
    for (size_t i = 0; step == 0 && i < r->count; i++)
        step = org_read_tags(session, r->caller->arena, r->caller->account_id, PL_STR(ORG_TAG_RESOURCE_GROUP),
                             r->out[i].id, &r->out[i].tags, error);
    return step < 0 ? -1 : r->caller->arena->failed ? org_no_memory(error) : 0;
}

int org_list_resource_groups(org *o, const org_caller *caller, org_resource_group **groups, size_t *count,
                             pl_error *error) {
    group_read r = {.caller = caller};
    if (store_read(o->config.store, list_run, &r, error))
        return -1;
    *groups = r.out;
    *count = r.count;
    return 0;
}

/* --- The default group -----------------------------------------------------------------------------------
 */

#define DEFAULT_NAME "default"

/* The last characters of the account's own id, so that the group of an account is known by it. */
static pl_str default_suffix(pl_str account_id) {
    size_t kept = account_id.n > GROUP_ID_LENGTH ? GROUP_ID_LENGTH : account_id.n;
    return pl_str_skip(account_id, account_id.n - kept);
}

int org_add_default_resource_group(store_session *session, pl_str account_id, int64_t now, pl_error *error) {
    return store_run(session, error,
                     "INSERT INTO resource_groups (account_id, group_id, name, display_name, status, "
                     "created, position) VALUES ($1, 'rg-' || CAST($2 AS TEXT), '" DEFAULT_NAME
                     "', '" DEFAULT_NAME "', 'OK', $3, 0)",
                     "tti", account_id, default_suffix(account_id), now);
}

/* --- Changing --------------------------------------------------------------------------------------------
 */

typedef struct group_work {
    pl_str id, name, display_name;
    const org_tags *tags;
    org_group_use in_use;
    void *context;
    org_resource_group *out;
} group_work;

static int check_new(const org_change *change, const group_work *w, pl_error *error) {
    store_statement *st =
        store_prepare(change->session, "SELECT name FROM resource_groups WHERE account_id = $1", error);
    store_bind_text(st, 1, change->caller->account_id);
    uint32_t count = 0;
    bool taken = false;
    int step;
    while ((step = store_step(st, error)) == 1) {
        count += !pl_str_is(store_column_text(st, 0), DEFAULT_NAME);
        taken = taken || pl_str_eq(store_column_text(st, 0), w->name);
    }
    if (step < 0)
        return -1;
    if (taken)
        return pl_fail(error, PL_E_EntityAlreadyExists_ResourceGroup);
    return count >= change->org->config.limits.resource_groups
               ? pl_fail(error, PL_E_LimitExceeded_ResourceGroup)
               : 0;
}

static int create_work(org_change *change, void *argument, pl_error *error) {
    group_work *w = argument;
    org_resource_group *group = w->out;
    const org_caller *caller = change->caller;
    *group = (org_resource_group){.account_id = caller->account_id,
                                  .name = w->name,
                                  .display_name = w->display_name,
                                  .status = PL_STR("OK"),
                                  .created = caller->now,
                                  .tags = *w->tags};
    if (check_new(change, w, error) || org_random_id(change, "rg-", GROUP_ID_LENGTH, &group->id, error) ||
        store_run(change->session, error,
                  "INSERT INTO resource_groups (account_id, group_id, name, display_name, status, created, "
                  "position) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                  "tttttii", caller->account_id, group->id, group->name, group->display_name, group->status,
                  caller->now, change->position))
        return -1;
    return org_put_tags(change->session, caller->account_id, PL_STR(ORG_TAG_RESOURCE_GROUP), group->id,
                        w->tags, error);
}

int org_create_resource_group(org *o, const org_caller *caller, pl_str name, pl_str display_name,
                              const org_tags *tags, org_resource_group *out, pl_error *error) {
    group_work w = {.name = name, .display_name = display_name, .tags = tags, .out = out};
    return org_write(o, caller, create_work, &w, NULL, error);
}

static int rename_work(org_change *change, void *argument, pl_error *error) {
    group_work *w = argument;
    if (find(change->session, change->caller, w->id, w->out, error))
        return -1;
    w->out->display_name = w->display_name;
    return store_run(change->session, error,
                     "UPDATE resource_groups SET display_name = $1 WHERE account_id = $2 AND group_id = $3",
                     "ttt", w->display_name, change->caller->account_id, w->id);
}

int org_rename_resource_group(org *o, const org_caller *caller, pl_str id, pl_str display_name,
                              org_resource_group *out, pl_error *error) {
    group_work w = {.id = id, .display_name = display_name, .out = out};
    return org_write(o, caller, rename_work, &w, NULL, error);
}

static int delete_work(org_change *change, void *argument, pl_error *error) {
    group_work *w = argument;
    pl_str account_id = change->caller->account_id;
    bool used = false;
    if (find(change->session, change->caller, w->id, w->out, error))
        return -1;
    if (pl_str_is(w->out->name, DEFAULT_NAME))
        return pl_failf(error, PL_E_DeleteConflict_ResourceGroup_Resource,
                        "The default resource group cannot be deleted.");
    if (w->in_use(w->context, change->session, account_id, w->id, &used, error))
        return -1;
    if (used)
        return pl_fail(error, PL_E_DeleteConflict_ResourceGroup_Resource);
    if (store_run(change->session, error,
                  "DELETE FROM resource_groups WHERE account_id = $1 AND group_id = $2", "tt", account_id,
                  w->id))
        return -1;
    return org_drop_tags(change->session, account_id, PL_STR(ORG_TAG_RESOURCE_GROUP), w->id, error);
}

int org_delete_resource_group(org *o, const org_caller *caller, pl_str id, org_group_use in_use,
                              void *context, org_resource_group *out, pl_error *error) {
    group_work w = {.id = id, .in_use = in_use, .context = context, .out = out};
    return org_write(o, caller, delete_work, &w, NULL, error);
}

/* --- Settings --------------------------------------------------------------------------------------------
 */

typedef struct setting_work {
    const org_caller *caller;
    pl_str name, value;
    bool found;
} setting_work;

static int read_setting_run(store_session *session, void *argument, pl_error *error) {
    setting_work *w = argument;
    store_statement *st = store_prepare(
        session, "SELECT value FROM resource_group_settings WHERE account_id = $1 AND name = $2", error);
    store_bind_text(st, 1, w->caller->account_id);
    store_bind_text(st, 2, w->name);
    int step = store_step(st, error);
    w->found = step == 1;
    if (step != 1)
        return step;
    w->value = pl_arena_copy(w->caller->arena, store_column_text(st, 0));
    return w->value.p ? 0 : org_no_memory(error);
}

int org_read_setting(org *o, const org_caller *caller, pl_str name, pl_str fallback, pl_str *value,
                     pl_error *error) {
    setting_work w = {.caller = caller, .name = name};
    if (store_read(o->config.store, read_setting_run, &w, error))
        return -1;
    *value = w.found ? w.value : fallback;
    return 0;
}

static int write_setting_work(org_change *change, void *argument, pl_error *error) {
    const setting_work *w = argument;
    return store_run(change->session, error,
                     "INSERT INTO resource_group_settings (account_id, name, value) VALUES ($1, $2, $3) "
                     "ON CONFLICT (account_id, name) DO UPDATE SET value = excluded.value",
                     "ttt", change->caller->account_id, w->name, w->value);
}

int org_write_setting(org *o, const org_caller *caller, pl_str name, pl_str value, pl_error *error) {
    setting_work w = {.caller = caller, .name = name, .value = value};
    return org_write(o, caller, write_setting_work, &w, NULL, error);
}
