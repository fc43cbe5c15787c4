/*
 * The frame of every change of the organisation, and the changes themselves: what the handlers of the
 * directory operations call. Parameters have been checked against the operation's specification before
 * (lengths, characters, enumerations); what depends on the state is checked here.
 *
 * Each function runs one write transaction. `*after` (may be NULL) gets the view with the change, which the
 * caller closes; it is untouched on -1. Texts that functions give out live in the caller's arena. Every
 * function fails with EntityNotExists.ResourceDirectory when the account manages no directory, unless noted.
 */
#ifndef ORG_CHANGE_H
#define ORG_CHANGE_H

#include "org/org.h"

typedef struct org_caller {
    pl_str account_id;
    int64_t now;     /* Unix milliseconds */
    pl_arena *arena; /* of the request */
    /* Runs the transaction in place of store_write, and may do more in it; NULL: store_write. */
    int (*write)(void *context, store_work work, void *argument, pl_error *error);
    void *context;
} org_caller;

/* A change at work, inside the transaction. */
typedef struct org_change {
    org *org;
    store_session *session;
    const org_caller *caller;
    const org_view *before;         /* what this change starts from: the newest state */
    const org_directory *directory; /* managed by the caller; NULL when there is none */
    int64_t position;               /* number of this change, ever growing */
    bool touched;                   /* set by the work when views show something else now */
} org_change;

typedef int (*org_change_work)(org_change *change, void *argument, pl_error *error);

/*
 * Runs `work` alone among all changes of all nodes, then the hooks for what is different, and publishes the
 * new view after the commit.
 */
int org_write(org *o, const org_caller *caller, org_change_work work, void *argument, const org_view **after,
              pl_error *error);

/* Fails with EntityNotExists.ResourceDirectory unless the caller manages a directory. */
int org_need_directory(const org_change *change, pl_error *error);

/* --- Directory -------------------------------------------------------------------------------------------
 */

/*
 * Opens a directory for the caller. `name` is the management account's name (absent: find_account's). Fails
 * with EntityAlreadyExists.ResourceDirectory, or NotSupport.AccountInAnotherResourceDirectory for a member.
 */
int org_enable_directory(org *o, const org_caller *caller, pl_str name, const org_view **after,
                         pl_error *error);

/* Closes it; DeleteConflict.ResourceDirectory.Account or DeleteConflict.Folder.SubFolder while not empty. */
int org_destroy_directory(org *o, const org_caller *caller, pl_error *error);

/* Two switches of the directory: whether members may be deleted, and whether names follow the accounts'. */
int org_set_member_deletion(org *o, const org_caller *caller, bool enabled, const org_view **after,
                            pl_error *error);
int org_set_display_name_sync(org *o, const org_caller *caller, bool enabled, const org_view **after,
                              pl_error *error);

/* --- Folders ---------------------------------------------------------------------------------------------
 */

/* `parent_id` empty or absent: the root folder. */
int org_create_folder(org *o, const org_caller *caller, pl_str parent_id, pl_str name, const org_tags *tags,
                      pl_str *folder_id, const org_view **after, pl_error *error);
int org_rename_folder(org *o, const org_caller *caller, pl_str folder_id, pl_str name, const org_view **after,
                      pl_error *error);
int org_delete_folder(org *o, const org_caller *caller, pl_str folder_id, pl_error *error);

/* --- Members ---------------------------------------------------------------------------------------------
 */

typedef struct org_account_request {
    pl_str display_name;
    pl_str folder_id; /* empty: root */
    pl_str payer_id;  /* empty: the member itself */
    pl_str prefix;    /* of the account name; empty: random */
    pl_str email;     /* of CreateCloudAccount: the account then waits for confirmation; else empty */
    org_tags tags;
} org_account_request;

/* Makes a member; `*account_id` is its id. */
int org_create_account(org *o, const org_caller *caller, const org_account_request *request,
                       pl_str *account_id, const org_view **after, pl_error *error);

/* Gives a member another display name. */
int org_rename_account(org *o, const org_caller *caller, pl_str account_id, pl_str display_name,
                       const org_view **after, pl_error *error);

/* `type` is ResourceAccount or CloudAccount. */
int org_switch_account_type(org *o, const org_caller *caller, pl_str account_id, pl_str type,
                            const org_view **after, pl_error *error);

/* PromoteResourceAccount: a ResourceAccount becomes a CloudAccount with an e-mail address. */
int org_promote_account(org *o, const org_caller *caller, pl_str account_id, pl_str email,
                        const org_view **after, pl_error *error);
int org_move_account(org *o, const org_caller *caller, pl_str account_id, pl_str folder_id, pl_error *error);

/* Takes a CloudAccount out of the directory; it goes on alone. */
int org_remove_account(org *o, const org_caller *caller, pl_str account_id, pl_error *error);
int org_set_payer(org *o, const org_caller *caller, pl_str account_id, pl_str payer_id, pl_error *error);

/* EmailStatus WAIT_MODIFY until confirmed; the link that a mail would carry goes to the log. */
int org_change_email(org *o, const org_caller *caller, pl_str account_id, pl_str email, pl_error *error);

/* Sends the link again, or gives up the change; EntityNotExists.EmailModifyRecord when none is pending. */
int org_retry_email(org *o, const org_caller *caller, pl_str account_id, pl_error *error);
int org_cancel_email(org *o, const org_caller *caller, pl_str account_id, pl_error *error);

/* Binds a phone to a ResourceAccount with a code sent for ORG_CODE_PHONE. */
int org_bind_phone(org *o, const org_caller *caller, pl_str account_id, pl_str phone, pl_str code,
                   pl_error *error);

/* EmailStatus as of `now`: a pending change expires. */
pl_str org_email_status(const org_account *account, int64_t now);

/* A check before, or the deletion of, a member. */
typedef struct org_deletion {
    pl_str member_id;
    pl_str status; /* PreCheckComplete, Success */
    pl_str type;   /* of a deletion "0": at once; empty for a check */
    int64_t created, ended;
} org_deletion;

/* Both fail with the codes of CheckAccountDelete and DeleteAccount. */
int org_check_deletion(org *o, const org_caller *caller, pl_str account_id, pl_error *error);
int org_delete_account(org *o, const org_caller *caller, pl_str account_id, pl_error *error);

/* The last check or deletion; `*found` false when there was none. Needs no directory of the caller's. */
int org_find_deletion(org *o, const org_caller *caller, pl_str account_id, org_deletion *out, bool *found,
                      pl_error *error);

/* --- Control policies ------------------------------------------------------------------------------------
 */

/* Both answer with the Pending status; the switch is done after limits.switch_delay. */
int org_enable_control(org *o, const org_caller *caller, pl_error *error);
int org_disable_control(org *o, const org_caller *caller, pl_error *error);

typedef struct org_policy_request {
    pl_str name; /* absent in an update: unchanged; so with the others */
    pl_str description;
    pl_str document;
    org_tags tags;
} org_policy_request;

/* Custom control policies of the directory: made, changed, deleted, put on a folder or member, taken off. */
int org_create_policy(org *o, const org_caller *caller, const org_policy_request *request, pl_str *policy_id,
                      const org_view **after, pl_error *error);
int org_update_policy(org *o, const org_caller *caller, pl_str policy_id, const org_policy_request *request,
                      const org_view **after, pl_error *error);
int org_delete_policy(org *o, const org_caller *caller, pl_str policy_id, pl_error *error);
int org_attach_policy(org *o, const org_caller *caller, pl_str policy_id, pl_str target_id, pl_error *error);
int org_detach_policy(org *o, const org_caller *caller, pl_str policy_id, pl_str target_id, pl_error *error);

/* The document's text as it was sent. The policy must be one of the directory. */
int org_read_policy_document(org *o, pl_arena *arena, const org_directory *directory, pl_str policy_id,
                             pl_str *document, pl_error *error);

/* --- Delegated administrators ----------------------------------------------------------------------------
 */

/* Makes a member the delegated administrator of a service, or ends that. */
int org_register_delegate(org *o, const org_caller *caller, pl_str account_id, pl_str service,
                          pl_error *error);
int org_deregister_delegate(org *o, const org_caller *caller, pl_str account_id, pl_str service,
                            pl_error *error);

/* --- Invitations -----------------------------------------------------------------------------------------
 */

typedef struct org_handshake {
    pl_str id, directory_id, management_id, management_name;
    pl_str target_type; /* Account, Email */
    pl_str target;
    pl_str note, folder_id;
    pl_str status; /* Pending, Accepted, Cancelled, Declined, Expired */
    int64_t created, modified, expires;
} org_handshake;

/* Fails with the codes of InviteAccountToResourceDirectory. */
int org_invite(org *o, const org_caller *caller, pl_str target_type, pl_str target, pl_str note,
               pl_str folder_id, const org_tags *tags, org_handshake *out, pl_error *error);

/* For the account that invited and the one that is invited; EntityNotExists.Handshake for others. */
int org_find_handshake(org *o, const org_caller *caller, pl_str id, org_handshake *out, pl_error *error);

/* Newest first: those that the caller has sent, or was sent. */
int org_list_handshakes(org *o, const org_caller *caller, bool sent, int64_t skip, int64_t take,
                        org_handshake **items, size_t *count, int64_t *total, pl_error *error);

/* By the inviting account; by the invited one. HandshakeStatusMismatch unless Pending. */
int org_cancel_handshake(org *o, const org_caller *caller, pl_str id, org_handshake *out, pl_error *error);
int org_decline_handshake(org *o, const org_caller *caller, pl_str id, org_handshake *out, pl_error *error);
int org_accept_handshake(org *o, const org_caller *caller, pl_str id, org_handshake *out, pl_error *error);

/* --- Verification codes ----------------------------------------------------------------------------------
 */

#define ORG_CODE_ENABLE "EnableRD"
#define ORG_CODE_PHONE "BindPhone"

/* Makes a code for a phone number; it is written to the log, and valid until `*expires`. */
int org_send_code(org *o, const org_caller *caller, pl_str purpose, pl_str phone, int64_t *expires,
                  pl_error *error);

/* Takes a code away; Invalid.VerificationCode when it was not sent, is another phone's, or is too old. */
int org_use_code(org *o, const org_caller *caller, pl_str purpose, pl_str phone, pl_str code,
                 pl_error *error);

/* Notes that the mail of a record is asked for again; LimitExceeded.Frequency within a minute of the last
 * time.
 */
int org_note_resend(org *o, const org_caller *caller, pl_str record_id, pl_error *error);

/* --- Account groups --------------------------------------------------------------------------------------
 */

typedef struct org_group_request {
    pl_str name; /* absent in an update: unchanged; so with the others */
    pl_str description;
    org_group_type type; /* an update cannot change it */
    const pl_str *folder_ids;
    size_t folder_count; /* 0 in an update: unchanged */
    const org_group_member *members;
    size_t member_count;
    bool members_given;
    org_tags tags;
    bool tags_given;
} org_group_request;

/* Fails with the codes of CreateAggregator and UpdateAggregator; no directory gives
 * NoPermissionCreateAggregator. */
int org_create_group(org *o, const org_caller *caller, const org_group_request *request, pl_str *group_id,
                     pl_error *error);
int org_update_group(org *o, const org_caller *caller, pl_str group_id, const org_group_request *request,
                     pl_error *error);

/* `deleted` has a flag for each id: whether there was such a group of the caller's. */
int org_delete_groups(org *o, const org_caller *caller, const pl_str *ids, size_t count, bool *deleted,
                      pl_error *error);

/* --- Resource groups -------------------------------------------------------------------------------------
 */

/* Of any account; reference/resource-directory.md, section 4. No view holds them. */
typedef struct org_resource_group {
    pl_str account_id, id, name, display_name;
    pl_str status; /* OK */
    int64_t created;
    org_tags tags;
} org_resource_group;

/* EntityAlreadyExists.ResourceGroup for a name that is used, LimitExceeded.ResourceGroup. */
int org_create_resource_group(org *o, const org_caller *caller, pl_str name, pl_str display_name,
                              const org_tags *tags, org_resource_group *out, pl_error *error);
int org_rename_resource_group(org *o, const org_caller *caller, pl_str id, pl_str display_name,
                              org_resource_group *out, pl_error *error);

/*
 * Deletes the group unless `in_use` says that something is in it (DeleteConflict.ResourceGroup.Resource).
 * `in_use` runs in the transaction, and takes away what ends with the group. `*out` is what was deleted.
 */
typedef int (*org_group_use)(void *context, store_session *session, pl_str account_id, pl_str group_id,
                             bool *used, pl_error *error);
int org_delete_resource_group(org *o, const org_caller *caller, pl_str id, org_group_use in_use,
                              void *context, org_resource_group *out, pl_error *error);

/* EntityNotExists.ResourceGroup when the account has none of this id. */
int org_find_resource_group(org *o, const org_caller *caller, pl_str id, org_resource_group *out,
                            pl_error *error);

/*
 * The default group of a new account, in the transaction that makes the account. Its id ends like the
 * account's; it is not counted among the groups that may be made, and cannot be deleted
 * (DeleteConflict.ResourceGroup.Resource).
 */
int org_add_default_resource_group(store_session *session, pl_str account_id, int64_t now, pl_error *error);

/* All of the account's groups with their tags: the default group first, then oldest first. */
int org_list_resource_groups(org *o, const org_caller *caller, org_resource_group **groups, size_t *count,
                             pl_error *error);

/* Switches of the account's resource groups; `fallback` when it was never set. */
int org_read_setting(org *o, const org_caller *caller, pl_str name, pl_str fallback, pl_str *value,
                     pl_error *error);
int org_write_setting(org *o, const org_caller *caller, pl_str name, pl_str value, pl_error *error);

/* --- Tags ------------------------------------------------------------------------------------------------
 */

/* What can be tagged; owned by the management account, ORG_TAG_GROUP and ORG_TAG_RESOURCE_GROUP by any. */
#define ORG_TAG_FOLDER "Folder"
#define ORG_TAG_ACCOUNT "Account"
#define ORG_TAG_POLICY "ControlPolicy"
#define ORG_TAG_GROUP "ACS::Config::Aggregator"
#define ORG_TAG_RESOURCE_GROUP "ResourceGroup"

enum { ORG_TAGS_PER_RESOURCE = 20 };

typedef struct org_tagging {
    pl_str type; /* ORG_TAG_... */
    const pl_str *ids;
    size_t id_count;
    org_tags tags;      /* to set */
    const pl_str *keys; /* to remove */
    size_t key_count;
    bool all; /* remove every tag */
} org_tagging;

/*
 * Sets tags (those with other keys stay), or removes them. Fails with the object's own EntityNotExists code,
 * or InvalidParameter.Tag when an object would have too many.
 */
int org_tag_resources(org *o, const org_caller *caller, const org_tagging *tagging, pl_error *error);
int org_untag_resources(org *o, const org_caller *caller, const org_tagging *tagging, pl_error *error);

/* One tag of one object. */
typedef struct org_tag_row {
    pl_str id, key, value;
} org_tag_row;

/* All tags of the owner's objects of one kind, by object, then key. */
int org_list_tags(org *o, const org_caller *caller, pl_str resource_type, org_tag_row **rows, size_t *count,
                  pl_error *error);

/* The tags of one object from the tables, for resource groups, which views do not hold. */
int org_read_tags(store_session *session, pl_arena *arena, pl_str owner_id, pl_str resource_type,
                  pl_str resource_id, org_tags *tags, pl_error *error);

#endif
