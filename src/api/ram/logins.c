/*
 * Login profiles, passwords, and the security preference. Hashing is slow, so it is done before the
 * transaction.
 */
#include "api/answer.h"
#include "api/operations.gen.h"
#include "identity/password_rules.h"
#include "policy/address.h"

/* What a call needs inside its work and has made before it. */
typedef struct login_job {
    api_call *call;
    pl_writer writer;
    size_t written;
    pl_str hash;     /* of the new password; absent: it stays */
    pl_str expected; /* ChangePassword: the hash that was verified */
} login_job;

typedef struct rules_read {
    api_call *call;
    identity_password_rules rules;
} rules_read;

static int read_rules(store_session *session, void *argument, pl_error *error) {
    rules_read *read = argument;
    identity_scope in = api_scope(read->call, session);
    return identity_password_rules_get(&in, &read->rules, error);
}

static int check_strength(api_call *call, const char *name, pl_error_code weak) {
    rules_read read = {.call = call};
    if (store_read(call->services->store, read_rules, &read, call->error) != 0)
        return -1;
    return identity_password_fits(api_text(call, name), &read.rules)
               ? 0
               : api_fail(call->operation, call->error, weak);
}

static int run_job(login_job *job, store_work work) {
    job->writer = *job->call->out;
    job->written = job->call->out->out->n;
    return api_write(job->call, work, job);
}

static identity_scope start(login_job *job, store_session *session) {
    *job->call->out = job->writer;
    job->call->out->out->n = job->written;
    return api_scope(job->call, session);
}

static void write_login(api_call *call, const identity_login *login) {
    pl_write_object(call->out, PL_STR("LoginProfile"));
    api_write_time(call->out, "CreateDate", login->created);
    pl_write_bool(call->out, PL_STR("MFABindRequired"), login->mfa_required);
    pl_write_bool(call->out, PL_STR("PasswordResetRequired"), login->reset_required);
    api_write_text(call->out, "UserName", login->user_name);
    pl_write_object_end(call->out);
}

static int create_work(store_session *session, void *argument, pl_error *error) {
    login_job *job = argument;
    identity_scope in = start(job, session);
    identity_login login = {.user_name = api_text(job->call, "UserName"),
                            .password = job->hash,
                            .reset_required = api_flag(job->call, "PasswordResetRequired", false),
                            .mfa_required = api_flag(job->call, "MFABindRequired", false)};
    if (identity_login_create(&in, &login, error) != 0)
        return -1;
    write_login(job->call, &login);
    return 0;
}

int ram_create_login_profile(api_call *call) {
    login_job job = {.call = call};
    if (check_strength(call, "Password", PL_E_InvalidParameter_Password_TooWeak) != 0 ||
        identity_password_hash(call->services->identity, call->arena, api_text(call, "Password"), &job.hash,
                               call->error) != 0)
        return -1;
    return run_job(&job, create_work);
}

static int update_work(store_session *session, void *argument, pl_error *error) {
    login_job *job = argument;
    identity_scope in = start(job, session);
    identity_login login;
    if (identity_login_find(&in, api_text(job->call, "UserName"), &login, error) != 0)
        return -1;
    if (job->hash.p)
        login.password = job->hash;
    login.reset_required = api_flag(job->call, "PasswordResetRequired", login.reset_required);
    login.mfa_required = api_flag(job->call, "MFABindRequired", login.mfa_required);
    return identity_login_update(&in, &login, error);
}

int ram_update_login_profile(api_call *call) {
    login_job job = {.call = call};
    pl_str password = api_text(call, "Password");
    if (password.n && (check_strength(call, "Password", PL_E_InvalidParameter_Password_TooWeak) != 0 ||
                       identity_password_hash(call->services->identity, call->arena, password, &job.hash,
                                              call->error) != 0))
        return -1;
    return run_job(&job, update_work);
}

static int get_login_profile(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_login login;
    if (identity_login_find(&in, api_text(call, "UserName"), &login, call->error) != 0)
        return -1;
    write_login(call, &login);
    return 0;
}

int ram_get_login_profile(api_call *call) {
    return api_answer_read(call, get_login_profile);
}

static int delete_login_profile(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    return identity_login_delete(&in, api_text(call, "UserName"), call->error);
}

int ram_delete_login_profile(api_call *call) {
    return api_answer_write(call, delete_login_profile);
}

/* Nothing binds a device, so a user that exists never has one to give up. */
static int unbind_mfa_device(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_user user;
    if (identity_user_find(&in, api_text(call, "UserName"), &user, call->error) != 0)
        return -1;
    return api_fail(call->operation, call->error, PL_E_EntityNotExist_User_MFADevice);
}

int ram_unbind_mfa_device(api_call *call) {
    return api_answer_read(call, unbind_mfa_device);
}

/* --- ChangePassword
 * -----------------------------------------------------------------------------------------
 */

typedef struct own_login {
    api_call *call;
    identity_login login;
    bool allowed; /* by the account's security preference */
} own_login;

static int read_own(store_session *session, void *argument, pl_error *error) {
    own_login *own = argument;
    identity_scope in = api_scope(own->call, session);
    identity_preference preference;
    if (identity_preference_get(&in, &preference, error) != 0)
        return -1;
    own->allowed = preference.change_password;
    return identity_login_find(&in, own->call->caller->name, &own->login, error);
}

static int change_work(store_session *session, void *argument, pl_error *error) {
    login_job *job = argument;
    identity_scope in = start(job, session);
    identity_login login;
    if (identity_login_find(&in, job->call->caller->name, &login, error) != 0)
        return -1;
    if (!pl_str_eq(login.password, job->expected))
        return pl_fail(error, PL_E_InvalidParameter_OldPassword_Incorrect);
    login.password = job->hash;
    login.reset_required = false;
    return identity_login_update(&in, &login, error);
}

static int check_change(api_call *call, const own_login *own) {
    pl_str new_password = api_text(call, "NewPassword");
    if (!own->allowed)
        return pl_fail_code(call->error, 403, "NoPermission",
                            "The account does not let users change passwords.");
    if (!identity_password_is(api_text(call, "OldPassword"), own->login.password))
        return api_fail(call->operation, call->error, PL_E_InvalidParameter_OldPassword_Incorrect);
    if (check_strength(call, "NewPassword", PL_E_InvalidParameter_NewPassword_TooWeak) != 0)
        return -1;
    return pl_str_eq(new_password, api_text(call, "OldPassword"))
               ? api_fail(call->operation, call->error, PL_E_InvalidParameter_NewPassword_ReusePrevention)
               : 0;
}

int ram_change_password(api_call *call) {
    own_login own = {.call = call};
    login_job job = {.call = call};
    if (call->caller->kind != IDENTITY_USER)
        return pl_fail_code(call->error, 400, "NotSupport.Account",
                            "This method can be only invoked by sub user.");
    if (store_read(call->services->store, read_own, &own, call->error) != 0 ||
        check_change(call, &own) != 0 ||
        identity_password_hash(call->services->identity, call->arena, api_text(call, "NewPassword"),
                               &job.hash, call->error) != 0)
        return -1;
    job.expected = own.login.password;
    return run_job(&job, change_work);
}

/* --- Security preference
 * ------------------------------------------------------------------------------------
 */

static void write_flag_object(pl_writer *out, const char *object, const char *name, bool flag) {
    pl_write_object(out, pl_str_from(object));
    pl_write_bool(out, pl_str_from(name), flag);
    pl_write_object_end(out);
}

static void write_preference(api_call *call, const identity_preference *p) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("SecurityPreference"));
    write_flag_object(out, "AccessKeyPreference", "AllowUserToManageAccessKeys", p->manage_access_keys);
    pl_write_object(out, PL_STR("LoginProfilePreference"));
    pl_write_bool(out, PL_STR("AllowUserToChangePassword"), p->change_password);
    pl_write_bool(out, PL_STR("EnableSaveMFATicket"), p->save_mfa_ticket);
    api_write_text(out, "LoginNetworkMasks", p->login_networks);
    pl_write_i64(out, PL_STR("LoginSessionDuration"), p->login_hours);
    pl_write_object_end(out);
    write_flag_object(out, "MFAPreference", "AllowUserToManageMFADevices", p->manage_mfa_devices);
    write_flag_object(out, "PublicKeyPreference", "AllowUserToManagePublicKeys", p->manage_public_keys);
    pl_write_object_end(out);
}

static int get_security_preference(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_preference preference;
    if (identity_preference_get(&in, &preference, call->error) != 0)
        return -1;
    write_preference(call, &preference);
    return 0;
}

int ram_get_security_preference(api_call *call) {
    return api_answer_read(call, get_security_preference);
}

/* Addresses and CIDR blocks behind commas or semicolons; documents show both. */
static bool networks_valid(pl_str networks) {
    pl_str list, item;
    while (pl_str_split(&networks, ';', &list)) {
        while (pl_str_split(&list, ',', &item)) {
            pl_address address;
            item = pl_str_trim(item);
            if (item.n > 0 && !pl_address_parse(item, true, &address))
                return false;
        }
    }
    return true;
}

static int set_security_preference(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    pl_str networks = api_text(call, "LoginNetworkMasks");
    if (!networks_valid(networks))
        return api_refuse_invalid(call, "LoginNetworkMasks");
    identity_preference preference = {
        .save_mfa_ticket = api_flag(call, "EnableSaveMFATicket", false),
        .change_password = api_flag(call, "AllowUserToChangePassword", true),
        .manage_access_keys = api_flag(call, "AllowUserToManageAccessKeys", false),
        .manage_public_keys = api_flag(call, "AllowUserToManagePublicKeys", false),
        .manage_mfa_devices = api_flag(call, "AllowUserToManageMFADevices", true),
        .login_hours = api_number(call, "LoginSessionDuration", 6),
        .login_networks = pl_str_or_empty(networks)};
    if (identity_preference_set(&in, &preference, call->error) != 0)
        return -1;
    write_preference(call, &preference);
    return 0;
}

int ram_set_security_preference(api_call *call) {
    return api_answer_write(call, set_security_preference);
}

/* --- Account alias
 * ------------------------------------------------------------------------------------------
 */

/* Small letters, digits and hyphens, not at an end, not two in a row. */
static bool alias_valid(pl_str alias) {
    for (size_t i = 0; i < alias.n; i++) {
        char c = alias.p[i];
        bool hyphen = c == '-';
        if (!hyphen && !(c >= 'a' && c <= 'z') && !pl_is_digit(c))
            return false;
        if (hyphen && (i == 0 || i + 1 == alias.n || alias.p[i - 1] == '-'))
            return false;
    }
    return alias.n > 0;
}

static int set_account_alias(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    pl_str alias = api_text(call, "AccountAlias");
    if (!alias_valid(alias))
        return api_refuse_invalid(call, "AccountAlias");
    return identity_alias_set(&in, alias, call->error);
}

int ram_set_account_alias(api_call *call) {
    return api_answer_write(call, set_account_alias);
}

static int get_account_alias(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    pl_str alias;
    if (identity_alias_get(&in, &alias, call->error) != 0)
        return -1;
    if (!alias.p)
        return pl_fail(call->error, PL_E_EntityNotExist_AccountAlias);
    api_write_text(call->out, "AccountAlias", alias);
    return 0;
}

int ram_get_account_alias(api_call *call) {
    return api_answer_read(call, get_account_alias);
}

static int clear_account_alias(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    return identity_alias_clear(&in, call->error);
}

int ram_clear_account_alias(api_call *call) {
    return api_answer_write(call, clear_account_alias);
}
