/*
 * Rule and pack records: what a rule is, as stored (migration 0003) and as the engine reads it.
 * rules.c and packs.c own the tables; the evaluation reads records and never writes them.
 */
#ifndef ENGINE_RULE_H
#define ENGINE_RULE_H

#include "base/arena.h"
#include "base/error.h"
#include "store/db.h"
#include "json/tape.h"

typedef enum engine_rule_owner { ENGINE_MANAGED, ENGINE_CONDITION, ENGINE_FUNCTION } engine_rule_owner;
/*
 * The numbers are stored. ENGINE_EVALUATING is in no record: answers tell it of active rules that are under
 * way (engine_is_evaluating). DELETING of the reference is never seen: a deletion is one transaction.
 */
typedef enum engine_rule_state { ENGINE_ACTIVE, ENGINE_EVALUATING, ENGINE_INACTIVE } engine_rule_state;

enum { ENGINE_TRIGGER_CHANGE = 1, ENGINE_TRIGGER_SCHEDULE = 2 };

/* A comma-separated list as sent (`text`, for answers) and taken apart (blanks trimmed, empties dropped). */
typedef struct engine_list {
    pl_str text;
    pl_str *items;
    size_t count;
    const pl_str *sorted; /* the items of a long list, for looking up; else NULL */
} engine_list;

typedef struct engine_tag {
    pl_str key, value; /* an empty or absent value matches the key alone */
} engine_tag;

typedef struct engine_tags {
    engine_tag *items;
    size_t count;
} engine_tags;

/* reference/evaluation-semantics.md, section 2. Used by rules and by packs. */
typedef struct engine_scope {
    engine_list resource_types; /* rules only; "*" covers every type */
    engine_list region_ids, exclude_region_ids;
    engine_list resource_ids, exclude_resource_ids;
    engine_list resource_group_ids, exclude_resource_group_ids;
    engine_list resource_names;
    engine_tags tags, exclude_tags;
    bool tags_all;                                /* TagKeyLogicScope AND */
    bool tags_any;                                /* TagKeyLogicScope OR, which holds without it too */
    engine_list tag_keys;                         /* TagKeyScope, deprecated */
    pl_str tag_value;                             /* TagValueScope */
    engine_list account_ids, exclude_account_ids; /* group rules */
    engine_list folder_ids, exclude_folder_ids;
} engine_scope;

typedef struct engine_rule {
    pl_str account_id;    /* owner: the account, or the management account of a group rule */
    pl_str aggregator_id; /* absent for account rules */
    pl_str rule_id;       /* cr-... */
    int64_t rule_key;     /* small number, unique in the store; leads the results */
    pl_str name, description;
    engine_rule_owner owner;
    pl_str identifier;       /* managed rule, acs-config-configuration, or function ARN */
    pl_str conditions;       /* as sent; condition rules only */
    pl_str input_parameters; /* JSON object text, as sent */
    int risk_level;
    unsigned triggers; /* ENGINE_TRIGGER_... */
    pl_str frequency;  /* One_Hour ... TwentyFour_Hours */
    pl_str extend_content;
    engine_scope scope;
    engine_rule_state state;
    int64_t created, modified; /* Unix milliseconds */
    int64_t first_activated, first_evaluation_started;
    int64_t last_success_started, last_success_ended, last_failure_started, last_failure_ended;
    pl_str last_error_code, last_error_message;
    int64_t
        run_ordering; /* invocation time of the last full run: evaluation time of every compliant resource */
    pl_str run_trigger; /* InvokingEventMessageType of that run */
    pl_str creator_id, creator_name, creator_type;
    pl_str tags;          /* JSON array of {TagKey, TagValue} */
    engine_list pack_ids; /* packs the rule is in, oldest first */
    bool made_by_pack;
    bool remediates; /* its remediation runs by itself */
} engine_rule;

#endif
