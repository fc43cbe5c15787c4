/* The room: opening, the first account, accounts as identities. */
#include "identity/entities.h"
#include "identity/internal.h"
#include "org/change.h"

#include "base/memory.h"

#include <stdio.h>

int identity_open(identity **out, const identity_config *config, pl_error *error) {
    identity *room = pl_calloc(1, sizeof *room);
    if (!room)
        return pl_fail(error, PL_E_ServiceUnavailable);
    room->config = *config;
    room->config.key_file = room->key_path;
    pthread_rwlock_init(&room->lock, NULL);
    if (pl_random_fill(&config->random, &room->seed, sizeof room->seed) != 0)
        room->seed = (uint64_t)pl_monotonic_ns();
    pthread_mutex_init(&room->calls_lock, NULL);
    pl_map_init(&room->calls, room->seed);
    pl_map_init(&room->keys, room->seed);
    pl_map_init(&room->principals, room->seed);
    int length = snprintf(room->key_path, sizeof room->key_path, "%s", config->key_file);
    if (length < 0 || (size_t)length >= sizeof room->key_path) {
        identity_close(room);
        return pl_failf(error, PL_E_ServiceUnavailable, "the path of the key file is too long");
    }
    if (identity_seal_open(room, error) != 0 || identity_changes_listen(room, error) != 0) {
        identity_close(room);
        return -1;
    }
    *out = room;
    return 0;
}

void identity_close(identity *room) {
    if (!room)
        return;
    identity_keys_forget(room);
    identity_principals_forget(room);
    identity_calls_forget(room);
    pl_map_free(&room->calls);
    pthread_mutex_destroy(&room->calls_lock);
    pl_map_free(&room->keys);
    pl_map_free(&room->principals);
    pthread_rwlock_destroy(&room->lock);
    explicit_bzero(room->seal_key, sizeof room->seal_key);
    pl_free(room);
}

int identity_account_create(identity *room, store_session *session, pl_str account_id, pl_str name,
                            int64_t now, pl_error *error) {
    if (store_run(session, error,
                  "INSERT INTO identity_accounts (account_id, account_name, created_at, security_preference) "
                  "VALUES ($1, $2, $3, '{}')",
                  "tti", account_id, name, now) != 0 ||
        org_add_default_resource_group(session, account_id, now, error) != 0)
        return -1;
    return identity_changed(room, session, account_id, error);
}

int identity_account_delete(identity *room, store_session *session, pl_str account_id, pl_error *error) {
    static const char *const statements[] = {
        "DELETE FROM identity_key_owners WHERE account_id = $1",
        "DELETE FROM identity_access_keys WHERE account_id = $1",
        "DELETE FROM identity_calls WHERE account_id = $1",
        "DELETE FROM identity_call_policies WHERE account_id = $1",
        "DELETE FROM identity_tags WHERE account_id = $1",
        "DELETE FROM identity_attachments WHERE account_id = $1",
        "DELETE FROM identity_policy_versions WHERE account_id = $1",
        "DELETE FROM identity_policies WHERE account_id = $1",
        "DELETE FROM identity_roles WHERE account_id = $1",
        "DELETE FROM identity_role_deletions WHERE account_id = $1",
        "DELETE FROM identity_group_members WHERE account_id = $1",
        "DELETE FROM identity_groups WHERE account_id = $1",
        "DELETE FROM identity_users WHERE account_id = $1",
        "DELETE FROM identity_aliases WHERE account_id = $1",
        "DELETE FROM identity_accounts WHERE account_id = $1",
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (store_run(session, error, statements[i], "t", account_id) != 0)
            return -1;
    return identity_changed(room, session, account_id, error);
}

int identity_flush(identity *room, pl_error *error) {
    int keys = identity_keys_flush(room, error);
    return identity_calls_flush(room, error) == 0 ? keys : -1;
}

/* --- Hooks of the organisation room ------------------------------------------------------------------------
 */

static int create_member(void *context, store_session *session, const org_new_account *account, int64_t now,
                         pl_error *error) {
    identity *room = context;
    pl_arena arena;
    pl_arena_init(&arena, 1 << 20);
    identity_scope scope = {room, session, &arena, account->account_id, now};
    int result =
        identity_account_create(room, session, account->account_id, account->account_name, now, error);
    if (result == 0)
        result = identity_access_role_create(&scope, account->management_id, error);
    pl_arena_free(&arena);
    return result;
}

static int delete_member(void *context, store_session *session, pl_str account_id, int64_t now,
                         pl_error *error) {
    (void)now;
    return identity_account_delete(context, session, account_id, error);
}

static int find_account(void *context, store_session *session, pl_arena *arena, pl_str account_id,
                        bool *found, pl_str *name, pl_error *error) {
    identity_scope scope = {context, session, arena, account_id, 0};
    return identity_account_find(&scope, found, name, error);
}

static int root_key_active(void *context, store_session *session, pl_str account_id, bool *active,
                           pl_error *error) {
    (void)context;
    store_statement *row = store_prepare(session,
                                         "SELECT access_key_id FROM identity_access_keys WHERE account_id = "
                                         "$1 AND user_name = '' AND status = 'Active' LIMIT 1",
                                         error);
    store_bind_text(row, 1, account_id);
    int step = store_step(row, error);
    *active = step == 1;
    store_reset(row);
    return step < 0 ? -1 : 0;
}

void identity_org_hooks(identity *room, org_hooks *hooks) {
    hooks->context = room;
    hooks->create_account = create_member;
    hooks->delete_account = delete_member;
    hooks->find_account = find_account;
    hooks->root_key_active = root_key_active;
}

/* --- The first account -------------------------------------------------------------------------------------
 */

typedef struct bootstrap {
    identity *room;
    const identity_root *wanted;
    identity_root made;
    bool created;
} bootstrap;

/* Account ids have 16 digits and begin with 1. */
static int new_account_id(identity *room, identity_root *root) {
    root->account_id[0] = '1';
    return pl_random_text(&room->config.random, root->account_id + 1, 15, PL_STR("0123456789"));
}

static int bootstrap_work(store_session *session, void *argument, pl_error *error) {
    bootstrap *b = argument;
    store_statement *count = store_prepare(session, "SELECT count(*) FROM identity_accounts", error);
    if (store_step(count, error) != 1)
        return -1;
    b->created = store_column_i64(count, 0) == 0;
    if (!b->created)
        return 0;
    b->made = *b->wanted;
    if (!b->made.account_id[0] && new_account_id(b->room, &b->made) != 0)
        return pl_fail(error, PL_E_ServiceUnavailable);
    int64_t now = pl_now(&b->room->config.clock);
    identity_root account = b->made;
    pl_str account_id = pl_str_from(account.account_id);
    if (identity_account_create(b->room, session, account_id, PL_STR("management"), now, error) != 0)
        return -1;
    return identity_key_create(b->room, session, account_id, PL_STR(""), now, &b->made, error);
}

int identity_bootstrap(identity *room, const identity_root *wanted, identity_root *root, bool *created,
                       pl_error *error) {
    bootstrap b = {.room = room, .wanted = wanted};
    if (store_write(room->config.store, bootstrap_work, &b, error) != 0)
        return -1;
    *created = b.created;
    if (b.created)
        *root = b.made;
    return 0;
}
