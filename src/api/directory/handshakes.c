/* Invitations to a resource directory. */
#include "api/directory/answers.h"

static void write_members(api_call *call, const org_handshake *h) {
    pl_writer *out = call->out;
    directory_write_time(out, "CreateTime", h->created);
    directory_write_time(out, "ExpireTime", h->expires);
    api_write_text(out, "HandshakeId", h->id);
    api_write_text(out, "MasterAccountId", h->management_id);
    api_write_text(out, "MasterAccountName", h->management_name);
    directory_write_time(out, "ModifyTime", h->modified);
    api_write_text(out, "Note", h->note);
    api_write_text(out, "ResourceDirectoryId", h->directory_id);
    api_write_text(out, "Status", h->status);
    api_write_text(out, "TargetEntity", h->target);
    api_write_text(out, "TargetType", h->target_type);
}

static int write_handshake(api_call *call, const org_handshake *h) {
    pl_write_object(call->out, PL_STR("Handshake"));
    write_members(call, h);
    pl_write_object_end(call->out);
    return 0;
}

int directory_invite_account_to_resource_directory(api_call *call) {
    org_caller caller = directory_caller(call);
    org_tags tags;
    org_handshake h;
    if (directory_tags(call, "Tag", &tags) ||
        org_invite(call->services->org, &caller, api_text(call, "TargetType"), api_text(call, "TargetEntity"),
                   api_text(call, "Note"), api_text(call, "ParentFolderId"), &tags, &h, call->error))
        return -1;
    return write_handshake(call, &h);
}

/* An id is "h-" and letters or digits. */
static int check_id(api_call *call, pl_str *id) {
    *id = api_text(call, "HandshakeId");
    bool good = id->n > 2 && id->n <= 34 && pl_str_starts(*id, PL_STR("h-")) &&
                pl_str_is_plain(pl_str_skip(*id, 2), "");
    return good ? 0 : pl_fail(call->error, PL_E_InvalidParameter_HandshakeId);
}

typedef int (*handshake_step)(org *o, const org_caller *caller, pl_str id, org_handshake *out,
                              pl_error *error);

static int run_step(api_call *call, handshake_step step) {
    org_caller caller = directory_caller(call);
    org_handshake h;
    pl_str id;
    if (check_id(call, &id) || step(call->services->org, &caller, id, &h, call->error))
        return -1;
    return write_handshake(call, &h);
}

int directory_get_handshake(api_call *call) {
    return run_step(call, org_find_handshake);
}

int directory_cancel_handshake(api_call *call) {
    return run_step(call, org_cancel_handshake);
}

int directory_accept_handshake(api_call *call) {
    return run_step(call, org_accept_handshake);
}

int directory_decline_handshake(api_call *call) {
    return run_step(call, org_decline_handshake);
}

static int list(api_call *call, bool sent) {
    org_caller caller = directory_caller(call);
    directory_page page = directory_page_of(call);
    org_handshake *items;
    size_t count;
    if (org_list_handshakes(call->services->org, &caller, sent, page.skip, page.take, &items, &count,
                            &page.total, call->error))
        return -1;
    pl_write_object(call->out, PL_STR("Handshakes"));
    pl_write_array(call->out, PL_STR("Handshake"));
    for (size_t i = 0; i < count; i++) {
        pl_write_object(call->out, PL_STR("Handshake"));
        write_members(call, &items[i]);
        pl_write_object_end(call->out);
    }
    pl_write_array_end(call->out);
    pl_write_object_end(call->out);
    directory_write_page(call, &page);
    return 0;
}

int directory_list_handshakes_for_account(api_call *call) {
    return list(call, false);
}

/* Fails like every question about a directory when the caller has none. */
static int answer_sent(api_call *call, const org_view *view, const org_directory *directory) {
    (void)view;
    (void)directory;
    return list(call, true);
}

int directory_list_handshakes_for_resource_directory(api_call *call) {
    return directory_read(call, answer_sent);
}
