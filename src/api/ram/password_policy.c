/* What passwords of users must be: the account's rules, told and set. */
#include "api/answer.h"
#include "api/operations.gen.h"
#include "identity/password_rules.h"

static void write_rules(api_call *call, const identity_password_rules *rules) {
    pl_writer *out = call->out;
    pl_write_object(out, PL_STR("PasswordPolicy"));
    pl_write_bool(out, PL_STR("HardExpiry"), rules->hard_expiry);
    pl_write_i64(out, PL_STR("MaxLoginAttemps"), rules->attempts);
    pl_write_i64(out, PL_STR("MaxPasswordAge"), rules->days);
    pl_write_i64(out, PL_STR("MinimumPasswordLength"), rules->least);
    pl_write_i64(out, PL_STR("PasswordReusePrevention"), rules->previous);
    pl_write_bool(out, PL_STR("RequireLowercaseCharacters"), rules->small);
    pl_write_bool(out, PL_STR("RequireNumbers"), rules->digit);
    pl_write_bool(out, PL_STR("RequireSymbols"), rules->symbol);
    pl_write_bool(out, PL_STR("RequireUppercaseCharacters"), rules->capital);
    pl_write_object_end(out);
}

static int get_password_policy(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    identity_password_rules rules;
    if (identity_password_rules_get(&in, &rules, call->error) != 0)
        return -1;
    write_rules(call, &rules);
    return 0;
}

int ram_get_password_policy(api_call *call) {
    return api_answer_read(call, get_password_policy);
}

/* What is not sent becomes what it was in the beginning, as with the security preference. */
static int set_password_policy(api_call *call, store_session *session) {
    identity_scope in = api_scope(call, session);
    const identity_password_rules *initial = &identity_password_rules_initial;
    identity_password_rules rules = {.least = api_number(call, "MinimumPasswordLength", initial->least),
                                     .small = api_flag(call, "RequireLowercaseCharacters", false),
                                     .capital = api_flag(call, "RequireUppercaseCharacters", false),
                                     .digit = api_flag(call, "RequireNumbers", false),
                                     .symbol = api_flag(call, "RequireSymbols", false),
                                     .hard_expiry = api_flag(call, "HardExpiry", false),
                                     .days = api_number(call, "MaxPasswordAge", 0),
                                     .previous = api_number(call, "PasswordReusePrevention", 0),
                                     .attempts = api_number(call, "MaxLoginAttemps", initial->attempts)};
    if (identity_password_rules_set(&in, &rules, call->error) != 0)
        return -1;
    write_rules(call, &rules);
    return 0;
}

int ram_set_password_policy(api_call *call) {
    return api_answer_write(call, set_password_policy);
}
