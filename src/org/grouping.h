/*
 * Resource groups that fill themselves: the rules of an account, its switches, and the log of who joined and
 * left which group. What the rules say of a resource is decided by the engine (engine/grouping.h).
 *
 * Everything runs inside a store work, on behalf of one account; texts live in the arena given. Parameters
 * and states: reference/api/resourcemanager-2020-03-31.json, operations ...AutoGrouping... and
 * ...AssociatedTransfer....
 */
#ifndef ORG_GROUPING_H
#define ORG_GROUPING_H

#include "org/change.h"

enum {
    ORG_GROUPING_RULES_MAX = 50,
    ORG_GROUPING_SCOPES = 8,
    ORG_GROUPING_ASSOCIATIONS = 8,
    ORG_GROUP_EVENTS_MAX = 100000 /* kept of an account, the newest ones */
};

/* Names of the scopes, as the operations call them; index into org_grouping_rule.scopes. */
extern const char *const org_grouping_scopes[ORG_GROUPING_SCOPES];

#define ORG_RULE_CUSTOM "custom_condition"
#define ORG_RULE_ASSOCIATED "associated_transfer"

typedef struct org_grouping_rule {
    pl_str id, name, description;
    pl_str type;                        /* ORG_RULE_... */
    pl_str scopes[ORG_GROUPING_SCOPES]; /* comma-separated; empty: not limited */
    pl_str
        contents; /* JSON: [{"RuleContentId","AutoGroupingScopeCondition","TargetResourceGroupCondition"}] */
    int64_t created, modified; /* Unix milliseconds */
    int64_t position;          /* among the account's rules; when read only, a new rule comes last */
} org_grouping_rule;

/* The switches of an account. */
typedef struct org_grouping {
    bool automatic;          /* auto grouping is on */
    bool automatic_existing; /* and takes up resources that were there before */
    bool transfer;           /* associated resources follow theirs */
    bool transfer_existing;
    bool transfer_known;       /* it was switched before: there is a setting to show */
    unsigned transfer_without; /* associations that are off, by their number: bit 1 << number */
} org_grouping;

int org_grouping_read(store_session *session, pl_str account_id, org_grouping *out, pl_error *error);

/* Outside of works: the switches, and a change of some of them. */
typedef enum org_switching { ORG_SAME, ORG_ON, ORG_OFF } org_switching;

typedef struct org_grouping_change {
    org_switching automatic, automatic_existing, transfer, transfer_existing;
    org_switching associations[ORG_GROUPING_ASSOCIATIONS]; /* by number */
} org_grouping_change;

int org_read_grouping(org *o, const org_caller *caller, org_grouping *out, pl_error *error);

/*
 * Switching the transfer to what it is already fails with UnsupportedOperation.RepeatEnable... or
 * ...RepeatDisableAssociatedTransferSetting; changing anything else of it while it is off, with
 * UnsupportedOperation.UpdateAssociatedTransferRuleSetting.
 */
int org_change_grouping(org *o, const org_caller *caller, const org_grouping_change *change, pl_error *error);

/* Oldest first. */
int org_grouping_rules(store_session *session, pl_arena *arena, pl_str account_id, org_grouping_rule **rules,
                       size_t *count, pl_error *error);

/* EntityNotExists.AutoGroupingRule. */
int org_grouping_rule_find(store_session *session, pl_arena *arena, pl_str account_id, pl_str rule_id,
                           org_grouping_rule *out, pl_error *error);

/* LimitExceeded.AutoGroupingRule past ORG_GROUPING_RULES_MAX. An existing rule of this id is replaced. */
int org_grouping_rule_put(store_session *session, pl_str account_id, const org_grouping_rule *rule,
                          pl_error *error);
int org_grouping_rule_delete(store_session *session, pl_str account_id, pl_str rule_id, pl_error *error);

/* A resource that joined or left a group. */
typedef struct org_group_event {
    int64_t position;
    int64_t happened;
    pl_str change_type; /* Add, Remove */
    pl_str group_id;    /* that the event is of */
    pl_str source_id, target_id;
    pl_str resource_type, region_id, resource_id;
    pl_str rule_id;                              /* that did it; empty: none */
    pl_str group_name, source_name, target_name; /* display names of groups that are still there; read only */
} org_group_event;

/* The groups of an account by id; what is not among them has no events. */
int org_group_ids(store_session *session, pl_arena *arena, pl_str account_id, pl_str **ids, size_t *count,
                  pl_error *error);

/* Appends events in order. The caller keeps other writers of the account's inventory away. */
int org_group_events_add(store_session *session, pl_str account_id, const org_group_event *events,
                         size_t count, pl_error *error);

typedef struct org_group_event_filter {
    int64_t from, to; /* Unix milliseconds, both inclusive; 0: open */
    int64_t before;   /* a position; 0: from the newest */
    pl_str rule_id;   /* absent: of any or none */
    pl_str group_id, group_name;
    pl_str resource_id, region_id, resource_type, change_type; /* empty: any */
    bool added_only;
} org_group_event_filter;

/* Newest first, at most `limit`. */
int org_group_events(store_session *session, pl_arena *arena, pl_str account_id,
                     const org_group_event_filter *filter, size_t limit, org_group_event **events,
                     size_t *count, pl_error *error);

#endif
