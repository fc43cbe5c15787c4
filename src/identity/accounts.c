/* The account as an identity: name, alias, security preference. Owns identity_accounts, identity_aliases. */
#include "identity/password_rules.h"
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

/* The stored preference as an object; an empty one for an account that is not there. */
static int stored_preference(const identity_scope *in, pl_json *root, pl_error *error) {
    store_statement *row = find_account(in, error);
    int step = store_step(row, error);
    pl_str text = step == 1 ? identity_column(in, row, 2) : PL_STR("{}");
    if (step < 0 || identity_done(in, error) != 0)
        return -1;
    return pl_json_parse_in(in->arena, text, root, error);
}

static int store_preference(const identity_scope *in, pl_buf *text, pl_error *error) {
    int result =
        text->failed
            ? pl_fail(error, PL_E_ServiceUnavailable)
            : store_run(in->session, error,
                        "UPDATE identity_accounts SET security_preference = $2 WHERE account_id = $1", "tt",
                        in->account_id, pl_buf_str(text));
    pl_buf_free(text);
    return result;
}

int identity_preference_set(const identity_scope *in, const identity_preference *p, pl_error *error) {
    pl_buf text;
    pl_json root;
    if (stored_preference(in, &root, error) != 0)
        return -1;
    pl_json rules = pl_json_get(root, PL_STR("password"));
    pl_buf_init(&text, 8192);
    pl_buf_add_char(&text, '{');
    write_flag(&text, "saveMfaTicket", p->save_mfa_ticket);
    write_flag(&text, "changePassword", p->change_password);
    write_flag(&text, "manageAccessKeys", p->manage_access_keys);
    write_flag(&text, "managePublicKeys", p->manage_public_keys);
    write_flag(&text, "manageMfaDevices", p->manage_mfa_devices);
    pl_buf_printf(&text, "\"loginHours\":%lld,\"loginNetworks\":", (long long)p->login_hours);
    pl_json_write_string(&text, p->login_networks);
    if (pl_json_exists(rules)) {
        pl_buf_add(&text, PL_STR(",\"password\":"));
        pl_json_write(&text, rules);
    }
    pl_buf_add_char(&text, '}');
    return store_preference(in, &text, error);
}

/* --- Password rules --- */

const identity_password_rules identity_password_rules_initial = {.least = IDENTITY_PASSWORD_MIN,
                                                                 .attempts = 5};

int identity_password_rules_get(const identity_scope *in, identity_password_rules *rules, pl_error *error) {
    pl_json root;
    *rules = identity_password_rules_initial;
    if (stored_preference(in, &root, error) != 0)
        return -1;
    pl_json stored = pl_json_get(root, PL_STR("password"));
    read_flag(stored, "small", &rules->small);
    read_flag(stored, "capital", &rules->capital);
    read_flag(stored, "digit", &rules->digit);
    read_flag(stored, "symbol", &rules->symbol);
    read_flag(stored, "hardExpiry", &rules->hard_expiry);
    pl_json_i64(pl_json_get(stored, PL_STR("least")), &rules->least);
    pl_json_i64(pl_json_get(stored, PL_STR("days")), &rules->days);
    pl_json_i64(pl_json_get(stored, PL_STR("previous")), &rules->previous);
    pl_json_i64(pl_json_get(stored, PL_STR("attempts")), &rules->attempts);
    return 0;
}

static void write_rules(pl_buf *out, const identity_password_rules *rules) {
    pl_buf_add(out, PL_STR("\"password\":{"));
    write_flag(out, "small", rules->small);
    write_flag(out, "capital", rules->capital);
    write_flag(out, "digit", rules->digit);
    write_flag(out, "symbol", rules->symbol);
    write_flag(out, "hardExpiry", rules->hard_expiry);
    pl_buf_printf(out, "\"least\":%lld,\"days\":%lld,\"previous\":%lld,\"attempts\":%lld}",
                  (long long)rules->least, (long long)rules->days, (long long)rules->previous,
                  (long long)rules->attempts);
}

int identity_password_rules_set(const identity_scope *in, const identity_password_rules *rules,
                                pl_error *error) {
    pl_json root, value;
    pl_str key;
    pl_buf text;
    if (stored_preference(in, &root, error) != 0)
        return -1;
    pl_buf_init(&text, 8192);
    pl_buf_add_char(&text, '{');
    for (pl_json_walk w = pl_json_children(root); pl_json_step(&w, &key, &value);) {
        if (pl_str_is(key, "password"))
            continue;
        pl_json_write_string(&text, key);
        pl_buf_add_char(&text, ':');
        pl_json_write(&text, value);
        pl_buf_add_char(&text, ',');
    }
    write_rules(&text, rules);
    pl_buf_add_char(&text, '}');
    return store_preference(in, &text, error);
}
