/* Steps that several changes share. They run inside a change; `change->directory` is set. */
#ifndef ORG_WORK_H
#define ORG_WORK_H

#include "org/internal.h"

/* `prefix` and `count` random letters and digits, in the caller's arena. */
int org_random_id(const org_change *change, const char *prefix, size_t count, pl_str *id, pl_error *error);

/* What the caller's account is called; its id when it has no name. */
int org_account_name(const org_change *change, pl_str *name, pl_error *error);

/* The folder of the caller's directory (an empty id: its root), NULL when there is none. */
const org_node *org_own_folder(const org_change *change, pl_str folder_id);

/* Uses up a verification code, or fails with Invalid.VerificationCode. */
int org_take_code(const org_change *change, pl_str purpose, pl_str phone, pl_str code, pl_error *error);

/* The member of the caller's directory, NULL (EntityNotExists.Account) when there is none. */
const org_account *org_own_account(const org_change *change, pl_str account_id, pl_error *error);

/* Attaches FullAliyunAccess to a new node when control policies are enabled. */
int org_attach_default(const org_change *change, pl_str node_id, pl_error *error);

/* Sets tags of an object, keeping those with other keys; removes all of them. */
int org_put_tags(store_session *session, pl_str owner_id, pl_str resource_type, pl_str resource_id,
                 const org_tags *tags, pl_error *error);
int org_drop_tags(store_session *session, pl_str owner_id, pl_str resource_type, pl_str resource_id,
                  pl_error *error);

/* Detaches everything from a node that goes. */
int org_detach_all(const org_change *change, pl_str node_id, pl_error *error);

/* Takes a member out of tree, groups, delegations, attachments and tags. */
int org_forget_member(org_change *change, const org_account *account, pl_error *error);

/* What a new member's row says. */
typedef struct org_member_row {
    pl_str id, folder_id, account_name, display_name;
    pl_str type, status, join_method, payer_id, email, record_id;
    const org_tags *tags;
} org_member_row;

/* Writes the row, default policy and tags. */
int org_add_member(org_change *change, const org_member_row *row, pl_error *error);

/* True when a member of the directory has this display name. */
bool org_display_name_taken(const org_directory *directory, pl_str display_name);

#endif
