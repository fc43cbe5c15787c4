/*
 * Invitations: sent by the management account, answered by the invited one.
 * reference/resource-directory.md, sections 1.2 and 4.
 *
 * INVARIANT: only a Pending invitation changes; one past its time reads as Expired whatever its row says.
 */
#include "org/work.h"

enum { HANDSHAKE_DAYS = 14 };
#define DAY_MILLISECONDS ((int64_t)86400000)

#define HANDSHAKE_COLUMNS                                                                                    \
    "h.account_id, h.handshake_id, h.target_type, h.target, h.note, h.status, h.folder_id, h.created, "      \
    "h.modified, h.expires, d.directory_id, d.account_name"
#define HANDSHAKE_TABLES "directory_handshakes h JOIN directories d ON d.account_id = h.account_id"

static pl_str keep(pl_arena *arena, store_statement *st, int column) {
    return pl_arena_copy(arena, store_column_text(st, column));
}

static void read_handshake(pl_arena *arena, store_statement *st, int64_t now, org_handshake *out) {
    out->management_id = keep(arena, st, 0);
    out->id = keep(arena, st, 1);
    out->target_type = keep(arena, st, 2);
    out->target = keep(arena, st, 3);
    out->note = keep(arena, st, 4);
    out->status = keep(arena, st, 5);
    out->folder_id = keep(arena, st, 6);
    out->created = store_column_i64(st, 7);
    out->modified = store_column_i64(st, 8);
    out->expires = store_column_i64(st, 9);
    out->directory_id = keep(arena, st, 10);
    out->management_name = keep(arena, st, 11);
    if (pl_str_is(out->status, "Pending") && now >= out->expires)
        out->status = PL_STR("Expired");
}

/* --- Sending ---------------------------------------------------------------------------------------------
 */

typedef struct invite_work {
    pl_str target_type, target, note, folder_id;
    const org_tags *tags;
    org_handshake *out;
} invite_work;

static bool all_digits(pl_str text, size_t count) {
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
    }
    return text.n == count;
}

static int check_target(const org_change *change, const invite_work *w, pl_error *error) {
    bool account = pl_str_is(w->target_type, "Account");
    size_t at = pl_str_find_char(w->target, '@');
    if (account ? !all_digits(w->target, 16) : at == PL_NOT_FOUND || at == 0 || at + 1 == w->target.n)
        return pl_fail(error, PL_E_InvalidParameter_TargetEntity);
    if (!account)
        return 0;
    const org_directory *theirs = org_directory_of(change->before, w->target);
    if (theirs)
        return pl_fail(error, theirs == change->directory
                                  ? PL_E_EntityAlreadyExists_ResourceDir_Account
                                  : PL_E_NotSupport_AccountInAnotherResourceDirectory);
    const org_hooks *hooks = &change->org->hooks;
    bool found = true;
    pl_str name;
    if (hooks->find_account && hooks->find_account(hooks->context, change->session, change->caller->arena,
                                                   w->target, &found, &name, error))
        return -1;
    return found ? 0 : pl_fail(error, PL_E_InvalidParameter_TargetEntity);
}

static int count_rows(const org_change *change, const char *sql, pl_str text, int64_t number, int64_t *count,
                      pl_error *error) {
    store_statement *st = store_prepare(change->session, sql, error);
    store_bind_text(st, 1, change->caller->account_id);
    store_bind_text(st, 2, text);
    store_bind_i64(st, 3, number);
    if (store_step(st, error) != 1)
        return -1;
    *count = store_column_i64(st, 0);
    store_reset(st);
    return 0;
}

static int check_rate(const org_change *change, const invite_work *w, pl_error *error) {
    int64_t now = change->caller->now, pending, today;
    const org_limits *limits = &change->org->config.limits;
    if (count_rows(change,
                   "SELECT COUNT(*) FROM directory_handshakes WHERE account_id = $1 AND target = $2 "
                   "AND status = 'Pending' AND expires > $3",
                   w->target, now, &pending, error) ||
        count_rows(change,
                   "SELECT COUNT(*) FROM directory_handshakes WHERE account_id = $1 AND status <> $2 "
                   "AND created >= $3",
                   PL_STR("Accepted"), now - now % DAY_MILLISECONDS, &today, error))
        return -1;
    if (pending > 0)
        return pl_fail(error, PL_E_EntityAlreadyExists_Handshake);
    if (change->directory->account_count >= limits->accounts)
        return pl_fail(error, PL_E_LimitExceeded_Account);
    return today >= limits->invitations_per_day ? pl_fail(error, PL_E_LimitExceeded_InvitationRate) : 0;
}

static int invite_work_run(org_change *change, void *argument, pl_error *error) {
    invite_work *w = argument;
    org_handshake *h = w->out;
    if (org_need_directory(change, error))
        return -1;
    const org_node *folder = org_own_folder(change, w->folder_id);
    if (!folder)
        return pl_fail(error, PL_E_EntityNotExists_Folder);
    if (check_target(change, w, error) || check_rate(change, w, error) ||
        org_random_id(change, "h-", 16, &h->id, error))
        return -1;
    int64_t now = change->caller->now;
    h->management_id = change->caller->account_id;
    h->management_name = pl_arena_copy(change->caller->arena, change->directory->management_name);
    h->directory_id = pl_arena_copy(change->caller->arena, change->directory->id);
    h->target_type = w->target_type;
    h->target = w->target;
    h->note = w->note.p ? w->note : PL_STR("");
    h->status = PL_STR("Pending");
    h->folder_id = pl_arena_copy(change->caller->arena, folder->id);
    h->created = h->modified = now;
    h->expires = now + HANDSHAKE_DAYS * DAY_MILLISECONDS;
    if (store_run(
            change->session, error,
            "INSERT INTO directory_handshakes (account_id, handshake_id, target_type, target, note, "
            "status, folder_id, created, modified, expires) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, "
            "$9)",
            "tttttttii", h->management_id, h->id, h->target_type, h->target, h->note, h->status, h->folder_id,
            now, h->expires))
        return -1;
    return org_put_tags(change->session, h->management_id, PL_STR("Handshake"), h->id, w->tags, error);
}

int org_invite(org *o, const org_caller *caller, pl_str target_type, pl_str target, pl_str note,
               pl_str folder_id, const org_tags *tags, org_handshake *out, pl_error *error) {
    invite_work w = {target_type, target, note, folder_id, tags, out};
    return org_write(o, caller, invite_work_run, &w, NULL, error);
}

/* --- Finding ---------------------------------------------------------------------------------------------
 */

/* What an account can be invited as. An address that is not known is empty and matches nothing. */
typedef struct addresses {
    pl_str account_id;
    pl_str name; /* what the account is called, which has the form of a mail address */
    pl_str mail; /* that a directory gave it */
} addresses;

/* The address that was told when the account was made or promoted as a member; kept when it has left. */
static int find_mail(org *o, store_session *session, const org_caller *caller, pl_str *mail,
                     pl_error *error) {
    const org_view *view = org_view_open(o, session, error);
    if (!view)
        return -1;
    const org_node *node = org_find_node(view, caller->account_id);
    *mail = node && node->account ? pl_arena_copy(caller->arena, node->account->email) : PL_STR("");
    org_view_close(view);
    if (mail->n > 0)
        return 0;
    store_statement *st =
        store_prepare(session, "SELECT email FROM directory_emails WHERE account_id = $1", error);
    store_bind_text(st, 1, caller->account_id);
    int step = store_step(st, error);
    if (step == 1)
        *mail = pl_arena_copy(caller->arena, store_column_text(st, 0));
    store_reset(st);
    return step < 0 ? -1 : 0;
}

static int find_addresses(org *o, store_session *session, const org_caller *caller, addresses *out,
                          pl_error *error) {
    const org_hooks *hooks = &o->hooks;
    bool found = false;
    *out = (addresses){.account_id = caller->account_id, .name = PL_STR(""), .mail = PL_STR("")};
    if (hooks->find_account && hooks->find_account(hooks->context, session, caller->arena, caller->account_id,
                                                   &found, &out->name, error))
        return -1;
    if (!found)
        out->name = PL_STR("");
    return find_mail(o, session, caller, &out->mail, error);
}

static bool is_invited(const org_handshake *h, const addresses *who) {
    if (!pl_str_is(h->target_type, "Email"))
        return pl_str_eq(h->target, who->account_id);
    return (who->name.n > 0 && pl_str_eq_fold(h->target, who->name)) ||
           (who->mail.n > 0 && pl_str_eq_fold(h->target, who->mail));
}

/* The inviting account and the invited one; to anybody else there is no such invitation. */
static int may_see(org *o, store_session *session, const org_caller *caller, const org_handshake *h,
                   pl_error *error) {
    addresses who;
    if (pl_str_eq(h->management_id, caller->account_id))
        return 0;
    if (find_addresses(o, session, caller, &who, error))
        return -1;
    return is_invited(h, &who) ? 0 : pl_fail(error, PL_E_EntityNotExists_Handshake);
}

static int find(org *o, store_session *session, const org_caller *caller, pl_str id, org_handshake *out,
                pl_error *error) {
    store_statement *st = store_prepare(
        session, "SELECT " HANDSHAKE_COLUMNS " FROM " HANDSHAKE_TABLES " WHERE h.handshake_id = $1", error);
    store_bind_text(st, 1, id);
    int step = store_step(st, error);
    if (step < 0)
        return -1;
    if (step == 1)
        read_handshake(caller->arena, st, caller->now, out);
    store_reset(st);
    if (caller->arena->failed)
        return org_no_memory(error);
    return step == 1 ? may_see(o, session, caller, out, error)
                     : pl_fail(error, PL_E_EntityNotExists_Handshake);
}

typedef struct find_read {
    org *org;
    const org_caller *caller;
    pl_str id;
    org_handshake *out;
} find_read;

static int find_run(store_session *session, void *argument, pl_error *error) {
    find_read *r = argument;
    return find(r->org, session, r->caller, r->id, r->out, error);
}

int org_find_handshake(org *o, const org_caller *caller, pl_str id, org_handshake *out, pl_error *error) {
    find_read r = {o, caller, id, out};
    return store_read(o->config.store, find_run, &r, error);
}

typedef struct list_read {
    org *org;
    const org_caller *caller;
    bool sent;
    int64_t skip, take;
    org_handshake *items;
    size_t count, capacity;
    int64_t total;
} list_read;

static int list_run(store_session *session, void *argument, pl_error *error) {
    list_read *r = argument;
    const char *sql = r->sent ? "SELECT " HANDSHAKE_COLUMNS " FROM " HANDSHAKE_TABLES
                                " WHERE h.account_id = $1 ORDER BY h.created DESC, h.handshake_id"
                              : "SELECT " HANDSHAKE_COLUMNS " FROM " HANDSHAKE_TABLES
                                " WHERE h.target = $1 OR (h.target_type = 'Email' AND lower(h.target) IN "
                                "(lower($2), lower($3))) ORDER BY h.created DESC, h.handshake_id";
    addresses who = {.name = PL_STR("")};
    if (!r->sent && find_addresses(r->org, session, r->caller, &who, error))
        return -1;
    store_statement *st = store_prepare(session, sql, error);
    store_bind_text(st, 1, r->caller->account_id);
    if (!r->sent) {
        store_bind_text(st, 2, who.name);
        store_bind_text(st, 3, who.mail);
    }
    int step;
    r->count = 0;
    r->total = 0;
    while ((step = store_step(st, error)) == 1) {
        int64_t index = r->total++;
        if (index < r->skip || index - r->skip >= r->take)
            continue;
        r->items = pl_arena_grow(r->caller->arena, r->items, r->count, &r->capacity, sizeof *r->items);
        if (!r->items)
            return org_no_memory(error);
        read_handshake(r->caller->arena, st, r->caller->now, &r->items[r->count++]);
    }
    return step < 0 ? -1 : r->caller->arena->failed ? org_no_memory(error) : 0;
}

int org_list_handshakes(org *o, const org_caller *caller, bool sent, int64_t skip, int64_t take,
                        org_handshake **items, size_t *count, int64_t *total, pl_error *error) {
    list_read r = {.org = o, .caller = caller, .sent = sent, .skip = skip, .take = take};
    if (store_read(o->config.store, list_run, &r, error))
        return -1;
    *items = r.items;
    *count = r.count;
    *total = r.total;
    return 0;
}

/* --- Answering -------------------------------------------------------------------------------------------
 */

typedef struct answer_work {
    pl_str id;
    pl_str status;
    org_handshake *out;
} answer_work;

static int set_status(const org_change *change, org_handshake *h, pl_str status, pl_error *error) {
    h->status = status;
    h->modified = change->caller->now;
    return store_run(change->session, error,
                     "UPDATE directory_handshakes SET status = $1, modified = $2 WHERE account_id = $3 "
                     "AND handshake_id = $4",
                     "titt", status, h->modified, h->management_id, h->id);
}

static int need_pending(const org_change *change, const answer_work *w, bool by_sender, pl_error *error) {
    if (find(change->org, change->session, change->caller, w->id, w->out, error))
        return -1;
    if (pl_str_eq(w->out->management_id, change->caller->account_id) != by_sender)
        return pl_fail(error, PL_E_EntityNotExists_Handshake);
    return pl_str_is(w->out->status, "Pending") ? 0 : pl_fail(error, PL_E_HandshakeStatusMismatch);
}

static int cancel_work(org_change *change, void *argument, pl_error *error) {
    answer_work *w = argument;
    return need_pending(change, w, true, error) || set_status(change, w->out, PL_STR("Cancelled"), error) ? -1
                                                                                                          : 0;
}

int org_cancel_handshake(org *o, const org_caller *caller, pl_str id, org_handshake *out, pl_error *error) {
    answer_work w = {.id = id, .out = out};
    return org_write(o, caller, cancel_work, &w, NULL, error);
}

static int decline_work(org_change *change, void *argument, pl_error *error) {
    answer_work *w = argument;
    return need_pending(change, w, false, error) || set_status(change, w->out, PL_STR("Declined"), error) ? -1
                                                                                                          : 0;
}

int org_decline_handshake(org *o, const org_caller *caller, pl_str id, org_handshake *out, pl_error *error) {
    answer_work w = {.id = id, .out = out};
    return org_write(o, caller, decline_work, &w, NULL, error);
}

/* The new member is called as its account, or by its id when another member has that name. */
static int join(org_change *change, const org_handshake *h, pl_error *error) {
    pl_str name;
    org_tags tags;
    if (org_account_name(change, &name, error) ||
        org_read_tags(change->session, change->caller->arena, h->management_id, PL_STR("Handshake"), h->id,
                      &tags, error))
        return -1;
    org_caller manager = *change->caller;
    manager.account_id = h->management_id;
    org_change inside = *change;
    inside.caller = &manager;
    const org_node *folder = org_own_folder(&inside, h->folder_id);
    org_member_row row = {
        .id = change->caller->account_id,
        .folder_id = folder ? folder->id : change->directory->root->id,
        .account_name = name,
        .display_name = org_display_name_taken(change->directory, name) ? change->caller->account_id : name,
        .type = PL_STR("CloudAccount"),
        .status = PL_STR("InviteSuccess"),
        .join_method = PL_STR("invited"),
        .payer_id = PL_STR(""),
        .email = pl_str_is(h->target_type, "Email") ? h->target : PL_STR(""),
        .record_id = PL_STR(""),
        .tags = &tags};
    change->touched = true;
    return org_add_member(&inside, &row, error);
}

static int accept_work(org_change *change, void *argument, pl_error *error) {
    answer_work *w = argument;
    if (need_pending(change, w, false, error))
        return -1;
    if (org_directory_of(change->before, change->caller->account_id))
        return pl_fail(error, PL_E_NotSupport_AccountInAnotherResourceDirectory);
    change->directory = org_managed_directory(change->before, w->out->management_id);
    if (!change->directory)
        return pl_fail(error, PL_E_SpecifiedResourceDirectoryNotExists);
    if (change->directory->account_count >= change->org->config.limits.accounts)
        return pl_fail(error, PL_E_LimitExceeded_Account);
    return join(change, w->out, error) || set_status(change, w->out, PL_STR("Accepted"), error) ? -1 : 0;
}

int org_accept_handshake(org *o, const org_caller *caller, pl_str id, org_handshake *out, pl_error *error) {
    answer_work w = {.id = id, .out = out};
    return org_write(o, caller, accept_work, &w, NULL, error);
}
