/* Access keys of RAM users and of the account itself. */
#include "api/answer.h"
#include "api/operations.gen.h"

/*
 * Whose keys: UserName, else the caller's own. A role session has no keys of its own.
 */
static int key_owner(api_call *call, pl_str *user) {
    *user = api_text(call, "UserName");
    if (user->n)
        return 0;
    if (call->caller->kind == IDENTITY_ROOT) {
        *user = PL_STR("");
        return 0;
    }
    *user = call->caller->name;
    return call->caller->kind == IDENTITY_USER ? 0 : pl_fail(call->error, PL_E_EntityNotExist_User);
}

static pl_str status_name(bool active) {
    return active ? PL_STR("Active") : PL_STR("Inactive");
}

static int create_access_key(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_root key;
    pl_str user;
    if (key_owner(call, &user) != 0 || identity_access_key_create(&in, user, &key, call->error) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("AccessKey"));
    api_write_text(call->out, "AccessKeyId", pl_str_from(key.access_key_id));
    api_write_text(call->out, "AccessKeySecret", pl_str_from(key.access_key_secret));
    api_write_time(call->out, "CreateDate", call->now);
    api_write_text(call->out, "Status", status_name(true));
    pl_write_object_end(call->out);
    explicit_bzero(&key, sizeof key);
    return 0;
}

int ram_create_access_key(api_call *call) {
    return api_answer_write(call, create_access_key);
}

static int update_access_key(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    pl_str user;
    bool active = pl_str_is(api_text(call, "Status"), "Active");
    if (key_owner(call, &user) != 0)
        return -1;
    return identity_access_key_set_active(&in, user, api_text(call, "UserAccessKeyId"), active, call->error);
}

int ram_update_access_key(api_call *call) {
    return api_answer_write(call, update_access_key);
}

static int delete_access_key(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    pl_str user;
    if (key_owner(call, &user) != 0)
        return -1;
    return identity_access_key_delete(&in, user, api_text(call, "UserAccessKeyId"), call->error);
}

int ram_delete_access_key(api_call *call) {
    return api_answer_write(call, delete_access_key);
}

static int list_access_keys(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_access_key *keys;
    size_t count;
    pl_str user;
    if (key_owner(call, &user) != 0 || identity_access_key_list(&in, user, &keys, &count, call->error) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("AccessKeys"));
    pl_write_array(call->out, PL_STR("AccessKey"));
    for (size_t i = 0; i < count; i++) {
        pl_write_object(call->out, PL_STR_NONE);
        api_write_text(call->out, "AccessKeyId", keys[i].id);
        api_write_time(call->out, "CreateDate", keys[i].created);
        api_write_text(call->out, "Status", status_name(keys[i].active));
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    return 0;
}

int ram_list_access_keys(api_call *call) {
    return api_answer_read(call, list_access_keys);
}

static int get_access_key_last_used(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_access_key key;
    pl_str user, id = api_text(call, "UserAccessKeyId");
    if (id.n == 0)
        return api_refuse_missing(call, "UserAccessKeyId");
    if (key_owner(call, &user) != 0 || identity_access_key_find(&in, user, id, &key, call->error) != 0)
        return -1;
    pl_write_object(call->out, PL_STR("AccessKeyLastUsed"));
    api_write_time(call->out, "LastUsedDate", key.last_used);
    pl_write_object_end(call->out);
    return 0;
}

int ram_get_access_key_last_used(api_call *call) {
    return api_answer_read(call, get_access_key_last_used);
}
