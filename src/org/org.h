/*
 * The organisation room: resource directories (folders, member accounts, control policies), account groups
 * and resource groups. It owns the tables of migration 0005.
 *
 * Directories and account groups are small and read by every call, so they live in memory as a view: an
 * immutable, counted picture of all of them, read without SQL and without waiting for writers. A change
 * validates against the newest view inside its transaction, writes its rows, builds the next view and
 * publishes it after the commit, so that the next call sees it; other nodes are told through the store.
 * INVARIANT: a view is never changed once another thread can see it; everything reached from it lives as long
 * as the view is open.
 *
 * Source: reference/resource-directory.md; control policies also reference/policy-language.md, section 6.
 */
#ifndef ORG_ORG_H
#define ORG_ORG_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/random.h"
#include "policy/decide.h"
#include "store/db.h"

typedef struct org org;
typedef struct org_view org_view;
typedef struct org_node org_node;
typedef struct org_account org_account;
typedef struct org_directory org_directory;
typedef struct org_group org_group;

/* Most of everything, and how the vendor's asynchronous steps behave here. 0 in a count: the default. */
typedef struct org_limits {
    uint32_t folders;               /* in a directory, the root not counted; vendor 100; default 10000 */
    uint32_t folder_depth;          /* below the root; default 5 */
    uint32_t accounts;              /* members of a directory; vendor 20; default 10000 */
    uint32_t invitations_per_day;   /* sent and not accepted; default 20 */
    uint32_t control_policies;      /* custom ones in a directory; default 1500 */
    uint32_t policies_per_target;   /* custom ones on a node; default 10 */
    uint32_t delegates_per_service; /* default 5 */
    uint32_t groups;                /* account groups of an account; default 5 */
    uint32_t accounts_per_group;    /* named in a CUSTOM group; default 200 */
    uint32_t resource_groups;       /* of an account; vendor 30; default 30 */
    int64_t switch_delay;           /* milliseconds that PendingEnable and PendingDisable last; 0: none */
    int64_t switch_interval;        /* milliseconds between two EnableControlPolicy; 0: no throttling */
} org_limits;

/* A member account as the identity room must make it. */
typedef struct org_new_account {
    pl_str account_id;    /* 16 digits */
    pl_str account_name;  /* <prefix>@<directory>.aliyunid.com */
    pl_str management_id; /* may assume the access role (ORG_ACCESS_ROLE) */
} org_new_account;

#define ORG_ACCESS_ROLE "ResourceDirectoryAccountAccessRole"

/*
 * What other rooms do when the organisation changes. All but `committed` run inside the write transaction,
 * where the functions below that take a session already answer with the new state; -1 undoes the change.
 * Every pointer may be NULL.
 */
typedef struct org_hooks {
    void *context;
    /* A member was created: its root identity and access role are made. */
    int (*create_account)(void *context, store_session *session, const org_new_account *account, int64_t now,
                          pl_error *error);
    /* A member was deleted for good, with everything in it. */
    int (*delete_account)(void *context, store_session *session, pl_str account_id, int64_t now,
                          pl_error *error);
    /* Whether such an account exists, and what it is called. NULL: every well-formed id is taken. */
    int (*find_account)(void *context, store_session *session, pl_arena *arena, pl_str account_id,
                        bool *found, pl_str *name, pl_error *error);
    /* Whether the owner of an account has an access key that is active. NULL: none has. */
    int (*root_key_active)(void *context, store_session *session, pl_str account_id, bool *active,
                           pl_error *error);
    /* An account joined or left groups, or lies in other folders: its group rules are other ones now. */
    int (*account_changed)(void *context, store_session *session, pl_str account_id, int64_t now,
                           pl_error *error);
    /* A group was deleted: rules, packs and results of it go. Called before account_changed of its members.
     */
    int (*group_deleted)(void *context, store_session *session, pl_str owner_id, pl_str group_id, int64_t now,
                         pl_error *error);
    /* The transaction is durable and the new view is published. */
    void (*committed)(void *context);
} org_hooks;

typedef struct org_config {
    store *store;
    pl_clock clock;
    pl_random random;
    const pl_log *log; /* may be NULL */
    org_limits limits;
} org_config;

/* Opens the room: reads the first view, listens for other nodes. The caller closes *out. */
int org_open(org **out, const org_config *config, pl_error *error);

/* Before the first call only: the rooms above are opened after this one. */
void org_set_hooks(org *o, const org_hooks *hooks);

/* After store_close, which ends the notifications of other nodes. No view may be open. NULL is fine. */
void org_close(org *o);

/* --- Views ---------------------------------------------------------------------------------------------- */

/*
 * The newest view; the caller closes it. Outside of store works `session` is NULL; inside a work it must be
 * given, and the view is then at least as new as what the session sees. NULL on failure.
 */
const org_view *org_view_open(org *o, store_session *session, pl_error *error);
void org_view_close(const org_view *view);

/* --- Questions of other rooms ----------------------------------------------------------------------------
 */

/* The control policies that bind an account. The array lives in the arena, the sets in the view. */
typedef struct org_levels {
    pl_account_role role;
    pl_str management_id;           /* absent when standalone */
    pl_str directory_id;            /* for acs:PrincipalRDId */
    pl_str path;                    /* rd-x/r-y/fd-z/account, for acs:PrincipalRDPath; members only */
    bool enabled;                   /* control policies are enforced in the directory */
    const pl_control_level *levels; /* from the root folder to the account */
    size_t count;                   /* 0 unless enabled and a member: put it into pl_authority as it is */
} org_levels;

/* What binds the account, standalone or not; in the arena. -1 with ServiceUnavailable without memory. */
int org_control_levels(const org_view *view, pl_arena *arena, pl_str account_id, org_levels *out,
                       pl_error *error);

/* True when `account_id` is the management account `management_id` itself or a member of its directory. */
bool org_manages(const org_view *view, pl_str management_id, pl_str account_id);

/* True when the account lies directly or indirectly below the folder (the root folder counts as one). */
bool org_in_folder(const org_view *view, pl_str account_id, pl_str folder_id);

/* The folder or account of this id; NULL when there is none. */
const org_node *org_find_node(const org_view *view, pl_str id);

/*
 * The account group of this id, when `account_id` may see it: its owner, or one of its members; NULL
 * otherwise. `*owner` (may be NULL) tells which: members read only.
 */
const org_group *org_find_group(const org_view *view, pl_str account_id, pl_str group_id, bool *owner);

/* The groups that an account is a member of. The array of pointers lives in the view. */
const org_group *const *org_groups_of(const org_view *view, pl_str account_id, size_t *count);

/* True when the account may own groups: management account or delegated administrator of Cloud Config. */
bool org_may_own_groups(const org_view *view, pl_str account_id);

/*
 * Whether the account has this resource group: EntityNotExists.ResourceGroup; with `usable` also
 * Invalid.ResourceGroup.Status for one that nothing new may be put on. Inside a work.
 */
int org_check_resource_group(store_session *session, pl_str account_id, pl_str id, bool usable,
                             pl_error *error);

/* --- What a view holds -----------------------------------------------------------------------------------
 */

typedef enum org_node_kind { ORG_ROOT, ORG_FOLDER, ORG_ACCOUNT } org_node_kind;

/* "Root", "Folder", "Account". */
pl_str org_node_kind_name(org_node_kind kind);

typedef struct org_tag {
    pl_str key, value;
} org_tag;

typedef struct org_tags {
    const org_tag *items; /* by key */
    size_t count;
} org_tags;

typedef struct org_policy {
    pl_str id, name, description;
    org_tags tags;
    bool system;
    int64_t created, updated; /* Unix milliseconds */
    int64_t version;          /* goes up with every new document */
    size_t attachment_count;
} org_policy;

typedef struct org_attachment {
    const org_policy *policy;
    const org_node *target;
    int64_t attached; /* Unix milliseconds */
} org_attachment;

/* A place in the tree: folder or member. */
struct org_node {
    org_node_kind kind;
    pl_str id;
    pl_str name;            /* of a folder (the root's is "root"), display name of a member */
    const org_node *parent; /* NULL: root folder */
    const org_directory *directory;
    const org_account *account;         /* of a member, else NULL */
    unsigned depth;                     /* root 0; a member one more than its folder */
    size_t folder_count, account_count; /* direct children */
    int64_t created;                    /* of a member: when it joined; Unix milliseconds */
    pl_str path;                        /* rd-x/r-y/... down to this node */
    const org_attachment *attachments;  /* oldest first; empty while control policies are disabled */
    size_t attachment_count;
    org_tags tags;
    const pl_policy_set *set; /* of the attachments; NULL when there are none */
};

struct org_account {
    org_node node;
    pl_str account_name;
    pl_str type;        /* ResourceAccount, CloudAccount */
    pl_str status;      /* CreateSuccess, InviteSuccess, ... */
    pl_str join_method; /* created, invited */
    pl_str payer_id;    /* empty: pays itself */
    pl_str deletion;    /* "", Checking, CheckFailed, Deleting, ... */
    pl_str email, new_email, phone;
    pl_str email_status; /* "", WAIT_MODIFY, CANCELLED, EXPIRED */
    pl_str record_id;    /* of CreateCloudAccount and PromoteResourceAccount; empty: none */
    int64_t modified;
    int64_t position; /* grows from account to account in the order of joining */
};

typedef struct org_delegation {
    const org_account *account;
    pl_str service;
    int64_t since;
} org_delegation;

typedef enum org_switch { ORG_DISABLED, ORG_PENDING_ENABLE, ORG_ENABLED, ORG_PENDING_DISABLE } org_switch;

/* "Disabled", "PendingEnable", "Enabled", "PendingDisable". */
pl_str org_switch_name(org_switch status);

struct org_directory {
    pl_str id;
    pl_str management_id, management_name;
    const org_node *root;
    int64_t created;
    bool deletion_enabled;          /* MemberDeletionStatus */
    bool display_name_sync;         /* MemberAccountDisplayNameSyncStatus */
    bool control_on;                /* the last switch was to on */
    int64_t control_switched;       /* when; Unix milliseconds, 0: never */
    int64_t control_ready;          /* the switch is done from here on */
    const org_node *const *folders; /* without the root, oldest first */
    size_t folder_count;
    const org_account *const *accounts; /* oldest first */
    size_t account_count;
    const org_policy *policies; /* system first, then oldest first */
    size_t policy_count;
    const org_delegation *delegations;
    size_t delegation_count;
};

/* Whether control policies are enforced: for a while after a switch that is pending. */
org_switch org_control_status(const org_directory *directory, int64_t now);

/* The directory that the account manages, or belongs to; NULL when there is none. */
const org_directory *org_managed_directory(const org_view *view, pl_str account_id);
const org_directory *org_directory_of(const org_view *view, pl_str account_id);

/* The policy of this id in a directory, or NULL. */
const org_policy *org_find_policy(const org_directory *directory, pl_str policy_id);

/* True when the account is a delegated administrator of the service (absent: of any). */
bool org_is_delegate(const org_directory *directory, pl_str account_id, pl_str service);

#define ORG_SERVICE_CONFIG "config.aliyuncs.com"

typedef enum org_group_type { ORG_GROUP_CUSTOM, ORG_GROUP_RD, ORG_GROUP_FOLDER } org_group_type;

/* "CUSTOM", "RD", "FOLDER"; false when there is no such type. */
pl_str org_group_type_name(org_group_type type);
bool org_group_type_find(pl_str name, org_group_type *type);

/* A member of a group; accounts of CUSTOM groups keep the name that was sent. */
typedef struct org_group_member {
    pl_str account_id;
    pl_str name;
} org_group_member;

struct org_group {
    pl_str owner_id; /* the account that created it */
    pl_str id;       /* ca-... */
    pl_str name, description;
    org_group_type type;
    int64_t created;
    int64_t position; /* grows from group to group, whoever owns them */
    org_tags tags;
    const pl_str *folder_ids; /* of FOLDER */
    size_t folder_count;
    const org_group_member *members; /* as of this view, sorted by account id */
    size_t member_count;
};

/* The groups that an account owns, oldest first. The array lives in the arena; -1 without memory. */
int org_owned_groups(const org_view *view, pl_arena *arena, pl_str owner_id, const org_group ***groups,
                     size_t *count, pl_error *error);

#endif
