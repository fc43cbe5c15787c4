/*
 * Verification codes: what the vendor sends as a text message to a phone. Plumbline writes them to its log,
 * where the operator reads them. The table also holds when mails were asked for again.
 */
#include "org/work.h"

enum { CODES_PER_DAY = 100, CODE_MINUTES = 10, RESEND_MINUTES = 1 };

#define RESEND "ResendMail" /* a purpose that has no code; the record stands for the phone */
#define DAY_MILLISECONDS ((int64_t)86400000)

typedef struct code_work {
    pl_str purpose, phone, code;
    int64_t *expires;
    char made[7];
} code_work;

static int count_today(const org_change *change, int64_t *count, pl_error *error) {
    store_statement *st = store_prepare(
        change->session,
        "SELECT COUNT(*) FROM directory_codes WHERE account_id = $1 AND sent >= $2 AND code <> ''", error);
    store_bind_text(st, 1, change->caller->account_id);
    store_bind_i64(st, 2, change->caller->now - change->caller->now % DAY_MILLISECONDS);
    if (store_step(st, error) != 1)
        return -1;
    *count = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

static int send_work(org_change *change, void *argument, pl_error *error) {
    code_work *w = argument;
    int64_t count;
    if (count_today(change, &count, error))
        return -1;
    if (count >= CODES_PER_DAY)
        return pl_fail(error, PL_E_SendValidateCodeExceedsLimitForAccount);
    if (pl_random_text(&change->org->config.random, w->made, 6, PL_STR("0123456789")))
        return pl_failf(error, PL_E_ServiceUnavailable, "No randomness can be had.");
    *w->expires = change->caller->now + CODE_MINUTES * 60000;
    return store_run(
        change->session, error,
        "INSERT INTO directory_codes (account_id, purpose, code, phone, sent, position, expires) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        "ttttiii", change->caller->account_id, w->purpose, pl_str_from(w->made), w->phone,
        change->caller->now, change->position, *w->expires);
}

int org_send_code(org *o, const org_caller *caller, pl_str purpose, pl_str phone, int64_t *expires,
                  pl_error *error) {
    code_work w = {.purpose = purpose, .phone = phone, .expires = expires};
    if (org_write(o, caller, send_work, &w, NULL, error))
        return -1;
    if (o->config.log)
        pl_log_write(o->config.log, PL_LOG_INFO, "verification code %s for phone %.*s of account %.*s",
                     w.made, PL_FMT(phone), PL_FMT(caller->account_id));
    return 0;
}

int org_take_code(const org_change *change, pl_str purpose, pl_str phone, pl_str code, pl_error *error) {
    int64_t used = 0;
    if (store_run_counted(change->session, &used, error,
                          "DELETE FROM directory_codes WHERE account_id = $1 AND purpose = $2 AND phone = $3 "
                          "AND code = $4 AND expires > $5",
                          "tttti", change->caller->account_id, purpose, phone, code.p ? code : PL_STR(""),
                          change->caller->now))
        return -1;
    return used > 0 ? 0 : pl_fail(error, PL_E_Invalid_VerificationCode);
}

static int use_work(org_change *change, void *argument, pl_error *error) {
    const code_work *w = argument;
    return org_take_code(change, w->purpose, w->phone, w->code, error);
}

int org_use_code(org *o, const org_caller *caller, pl_str purpose, pl_str phone, pl_str code,
                 pl_error *error) {
    code_work w = {.purpose = purpose, .phone = phone, .code = code};
    return org_write(o, caller, use_work, &w, NULL, error);
}

static int find_resend(const org_change *change, pl_str record_id, bool *found, pl_error *error) {
    store_statement *st = store_prepare(change->session,
                                        "SELECT position FROM directory_codes WHERE account_id = $1 AND "
                                        "purpose = $2 AND phone = $3 AND expires > $4 LIMIT 1",
                                        error);
    store_bind_text(st, 1, change->caller->account_id);
    store_bind_text(st, 2, PL_STR(RESEND));
    store_bind_text(st, 3, record_id);
    store_bind_i64(st, 4, change->caller->now);
    int step = store_step(st, error);
    store_reset(st);
    *found = step == 1;
    return step < 0 ? -1 : 0;
}

static int resend_work(org_change *change, void *argument, pl_error *error) {
    const pl_str *record_id = argument;
    const org_caller *caller = change->caller;
    bool found;
    if (find_resend(change, *record_id, &found, error))
        return -1;
    if (found)
        return pl_fail(error, PL_E_LimitExceeded_Frequency);
    if (store_run(change->session, error,
                  "DELETE FROM directory_codes WHERE account_id = $1 AND purpose = $2 AND expires <= $3",
                  "tti", caller->account_id, PL_STR(RESEND), caller->now))
        return -1;
    return store_run(
        change->session, error,
        "INSERT INTO directory_codes (account_id, purpose, code, phone, sent, position, expires) "
        "VALUES ($1, $2, '', $3, $4, $5, $6)",
        "tttiii", caller->account_id, PL_STR(RESEND), *record_id, caller->now, change->position,
        caller->now + RESEND_MINUTES * 60000);
}

int org_note_resend(org *o, const org_caller *caller, pl_str record_id, pl_error *error) {
    return org_write(o, caller, resend_work, &record_id, NULL, error);
}
