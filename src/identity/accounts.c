/* The account as an identity: name, alias, security preference. Owns identity_accounts, identity_aliases. */
#include "identity/rows.h"

#include "json/parser.h"

static store_statement *find_account(const identity_scope *in, pl_error *error) {
    store_statement *row = store_prepare(
        in->session,
        "SELECT account_name, alias, security_preference FROM identity_accounts WHERE account_id = $1",
        error);
    store_bind_text(row, 1, in->account_id);
    return row;
}

int identity_account_find(const identity_scope *in, bool *found, pl_str *name, pl_error *error) {
    store_statement *row = find_account(in, error);
    int step = store_step(row, error);
    *found = step == 1;
    *name = step == 1 ? identity_column(in, row, 0) : PL_STR_NONE;
    return step < 0 ? -1 : identity_done(in, error);
}

int identity_alias_get(const identity_scope *in, pl_str *alias, pl_error *error) {
    store_statement *row = find_account(in, error);
    int step = store_step(row, error);
    *alias = step == 1 && !store_column_null(row, 1) ? identity_column(in, row, 1) : PL_STR_NONE;
    return step < 0 ? -1 : identity_done(in, error);
}

int identity_alias_clear(const identity_scope *in, pl_error *error) {
    if (store_run(in->session, error, "DELETE FROM identity_aliases WHERE account_id = $1", "t",
                  in->account_id) != 0)
        return -1;
    return store_run(in->session, error, "UPDATE identity_accounts SET alias = NULL WHERE account_id = $1",
                     "t", in->account_id);
}

int identity_alias_set(const identity_scope *in, pl_str alias, pl_error *error) {
    if (identity_alias_clear(in, error) != 0)
        return -1;
    int result =
        store_run(in->session, error, "INSERT INTO identity_aliases (alias, account_id) VALUES ($1, $2)",
                  "tt", alias, in->account_id);
    if (result != 0)
        return store_is_conflict(error) ? pl_fail(error, PL_E_EntityAlreadyExists_AccountAlias) : -1;
    return store_run(in->session, error, "UPDATE identity_accounts SET alias = $2 WHERE account_id = $1",
                     "tt", in->account_id, alias);
}

/* --- Security preference ----------------------------------------------------------------------------------
 */

static void read_flag(pl_json object, const char *name, bool *flag) {
    pl_json_bool(pl_json_get(object, pl_str_from(name)), flag);
}

static int read_preference(const identity_scope *in, pl_str text, identity_preference *p, pl_error *error) {
    pl_json object;
    if (pl_json_parse_in(in->arena, text, &object, error) != 0)
        return -1;
    read_flag(object, "saveMfaTicket", &p->save_mfa_ticket);
    read_flag(object, "changePassword", &p->change_password);
    read_flag(object, "manageAccessKeys", &p->manage_access_keys);
    read_flag(object, "managePublicKeys", &p->manage_public_keys);
    read_flag(object, "manageMfaDevices", &p->manage_mfa_devices);
    pl_json_i64(pl_json_get(object, PL_STR("loginHours")), &p->login_hours);
    identity_change(&p->login_networks, pl_json_str(pl_json_get(object, PL_STR("loginNetworks"))));
    return 0;
}

int identity_preference_get(const identity_scope *in, identity_preference *p, pl_error *error) {
    *p = (identity_preference){
        .change_password = true, .manage_mfa_devices = true, .login_hours = 6, .login_networks = PL_STR("")};
    store_statement *row = find_account(in, error);
    int step = store_step(row, error);
    return step == 1 ? read_preference(in, store_column_text(row, 2), p, error) : step;
}

static void write_flag(pl_buf *out, const char *name, bool flag) {
    pl_buf_printf(out, "\"%s\":%s,", name, flag ? "true" : "false");
}

int identity_preference_set(const identity_scope *in, const identity_preference *p, pl_error *error) {
    pl_buf text;
    pl_buf_init(&text, 8192);
    pl_buf_add_char(&text, '{');
    write_flag(&text, "saveMfaTicket", p->save_mfa_ticket);
    write_flag(&text, "changePassword", p->change_password);
    write_flag(&text, "manageAccessKeys", p->manage_access_keys);
    write_flag(&text, "managePublicKeys", p->manage_public_keys);
    write_flag(&text, "manageMfaDevices", p->manage_mfa_devices);
    pl_buf_printf(&text, "\"loginHours\":%lld,\"loginNetworks\":", (long long)p->login_hours);
    pl_json_write_string(&text, p->login_networks);
    pl_buf_add_char(&text, '}');
    int result =
        text.failed ? pl_fail(error, PL_E_ServiceUnavailable)
                    : store_run(in->session, error,
                                "UPDATE identity_accounts SET security_preference = $2 WHERE account_id = $1",
                                "tt", in->account_id, pl_buf_str(&text));
    pl_buf_free(&text);
    return result;
}
