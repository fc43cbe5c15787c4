/*
 * Rules: the records of engine/rule.h and everything that creates, changes, lists and deletes them. Rules of
 * accounts and of account groups share one implementation: an owner with an absent aggregator id is the
 * account itself. It owns the tables rules and sequences (migration 0003); packs.c owns packs and pack_rules.
 *
 * Every function works inside the caller's transaction. A function that changes a rule calls the engine's
 * hook; the caller calls engine_after_commit once the transaction is durable.
 */
#ifndef ENGINE_RULES_H
#define ENGINE_RULES_H

#include "engine/engine.h"
#include "engine/scope.h"

/* Who changes rules, with what and when. Lives as long as the call. */
typedef struct engine_context {
    engine *engine;
    const catalogue *catalogue;
    pl_random random;
    pl_arena *arena; /* results and scratch */
    int64_t now;     /* Unix milliseconds */
    bool strict;
    uint32_t rules_limit, packs_limit; /* per account, and per owner of groups */
    pl_str creator_id, creator_name, creator_type;
} engine_context;

/* As the aggregator id of an owner whose rules or packs are found or listed: any of the account's groups. */
#define ENGINE_ANY_GROUP PL_STR("*")

/* --- Reading ------------------------------------------------------------------------------------------- */

/* One rule by id; `*found` false when the owner has no such rule. Texts live in the arena. */
int engine_rule_find(store_session *session, pl_arena *arena, const engine_group *owner, pl_str rule_id,
                     engine_rule *out, bool *found, pl_error *error);

/* The same by the small number that leads results; whichever group of the account it belongs to. */
int engine_rule_find_key(store_session *session, pl_arena *arena, pl_str account_id, int64_t rule_key,
                         engine_rule *out, bool *found, pl_error *error);

/* Which rules to list. Absent and empty members do not restrict. */
typedef struct engine_rule_filter {
    bool active_only; /* neither INACTIVE nor DELETING: those that evaluate */
    unsigned triggers;
    pl_str pack_id;
    pl_str name;    /* exact */
    pl_str keyword; /* part of id, name, description or identifier, letter case aside */
    int risk_level;
    engine_list resource_types; /* one of them is in the rule's scope */
    engine_tags tags;           /* all of them; an absent value matches the key alone */
} engine_rule_filter;

/* The owner's rules that match, oldest first. `filter` may be NULL. */
int engine_rule_list(store_session *session, pl_arena *arena, const engine_group *owner,
                     const engine_rule_filter *filter, engine_rule **rules, size_t *count, pl_error *error);

/*
 * Up to `limit` active rules of all accounts with a scheduled trigger, behind (account, key), in that order;
 * for the schedule.
 */
int engine_rule_list_scheduled(store_session *session, pl_arena *arena, pl_str after_account,
                               int64_t after_key, size_t limit, engine_rule **rules, size_t *count,
                               pl_error *error);

/* The scopes of the packs that the rule is in: the rule covers what all of them cover, too. */
int engine_rule_pack_scopes(store_session *session, pl_arena *arena, const engine_rule *rule,
                            engine_scope **scopes, size_t *count, pl_error *error);

/*
 * Stores what the evaluation reports of a rule's runs: first_activated, first_evaluation_started, last_...,
 * run_ordering, run_trigger. Nothing else of the record is written.
 */
int engine_rule_store_run(store_session *session, const engine_rule *rule, pl_error *error);

/* --- Changing ------------------------------------------------------------------------------------------ */

/*
 * Checks and stores a new rule: everything of `rule` but ids, state, times and creator is the client's; the
 * rest is filled in. `pack_id` of a rule that a pack makes, else absent. Errors: ExceedMaxRuleCount,
 * ConfigRuleExists, Invalid.<Parameter>.Value.
 */
int engine_rule_create(engine_context *context, store_session *session, engine_rule *rule, pl_str pack_id,
                       pl_error *error);

/*
 * Stores the changed record of a rule that engine_rule_find gave. Its owner, identifier and state stay.
 * Starts an evaluation when parameters, conditions, scope or triggers differ.
 */
int engine_rule_update(engine_context *context, store_session *session, engine_rule *rule, pl_error *error);

typedef enum engine_rule_action { ENGINE_ACTIVATE, ENGINE_DEACTIVATE, ENGINE_DELETE } engine_rule_action;

/*
 * One item of Active-, Deactive- and DeleteConfigRules: -1 with the item's code (ConfigRuleNotExists,
 * ConfigRuleStatusNotInActive, ConfigRuleStatusNotActive, ConfigRuleCanNotDelete), or with a failure of the
 * store (http_status 500 and up), which ends the call.
 */
int engine_rule_act(engine_context *context, store_session *session, const engine_group *owner,
                    pl_str rule_id, engine_rule_action action, pl_error *error);

/* Deletes a rule, whatever pack it is in. */
int engine_rule_remove(engine_context *context, store_session *session, engine_rule *rule, pl_error *error);

/* Replaces the rule's tags (JSON array of {TagKey, TagValue}). */
int engine_rule_tag(engine_context *context, store_session *session, engine_rule *rule, pl_str tags,
                    pl_error *error);

/* All rules of a group go with it (DeleteAggregators). */
int engine_rule_remove_all(engine_context *context, store_session *session, const engine_group *owner,
                           pl_error *error);

/* A name that no rule of the owner has: `name`, or `name` with `_` and four characters. */
int engine_rule_free_name(engine_context *context, store_session *session, const engine_group *owner,
                          pl_str name, pl_str *out, pl_error *error);

/* A rule as a managed rule starts: texts, types, triggers and schedule from the catalogue; NULL: unknown. */
const catalogue_rule *engine_rule_from_catalogue(engine_context *context, pl_str identifier,
                                                 engine_rule *rule, pl_error *error);

/* "ALIYUN", "CUSTOM_CONFIGURATION", "CUSTOM_FC", and back. */
pl_str engine_rule_owner_name(engine_rule_owner owner);
bool engine_rule_owner_find(pl_str name, engine_rule_owner *owner);

/* "ACTIVE", "EVALUATING", "INACTIVE". */
pl_str engine_rule_state_name(engine_rule_state state);

/* "ConfigurationItemChangeNotification,ScheduledNotification" of trigger bits, and back; false: unknown. */
pl_str engine_triggers_name(unsigned triggers);
bool engine_triggers_find(pl_str text, unsigned *triggers);

/* Period of a frequency in milliseconds; 0 when it is none. */
int64_t engine_frequency_period(pl_str frequency);

#endif
