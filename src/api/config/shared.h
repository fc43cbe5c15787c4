/*
 * What the handlers of rules, packs and the catalogue share: for whom a call acts, lists and tags out of
 * bound input, and the pieces that several answers contain. Account operations and their aggregate twins
 * differ in the owner only.
 */
#ifndef API_CONFIG_SHARED_H
#define API_CONFIG_SHARED_H

#include "api/call.h"
#include "engine/packs.h"

enum { CONFIG_READ, CONFIG_WRITE };

/* The owner that a call acts for, and whose resources its rules look at. Lives in the call's arena. */
typedef struct config_owner {
    engine_group group;     /* aggregator id absent: the account itself */
    pl_str aggregator_name; /* of a group */
    const pl_str *accounts; /* the account, or of the members of the group those that the caller may see */
    size_t account_count;
    bool partly; /* a member looks: `accounts` is not all of the group */
} config_owner;

/*
 * The owner by the operation's parameters: the caller's account, or the group in AggregatorId when the
 * operation has that parameter. Invalid.AggregatorId.Value for an unknown group; for `access` CONFIG_WRITE
 * AggregatorMemberNoPermission when the caller is only a member of it.
 */
int config_owner_of(api_call *call, int access, config_owner *owner);

/* The same for a group id that comes from elsewhere (copies); an empty id is the account itself. */
int config_owner_by_id(api_call *call, pl_str aggregator_id, int access, config_owner *owner);

/* What rules.h and packs.h need to know of the call. */
engine_context config_context(api_call *call, const config_owner *owner);

/*
 * Runs work in a write transaction and wakes the engine; `argument` is the work's own, made from the call's
 * arena.
 */
int config_write(api_call *call, store_work work, void *argument);
int config_read(api_call *call, store_work work, void *argument);

/* A list parameter (comma-separated or an array); an absent list when it was not sent. */
int config_list(api_call *call, const char *name, engine_list *out);

/* Fills the members of a scope from the parameters that were sent; */
int config_scope(api_call *call, engine_scope *scope);

/*
 * The parameter Tag as stored text, [{"TagKey":..., "TagValue":...}]: at most 20, keys of 1 to 128
 * characters, values up to 128, without reserved beginnings (reference/evaluation-semantics.md, section 16).
 * Absent when it was not sent. Fails with Invalid.Tag.Value.
 */
int config_tags_text(api_call *call, pl_str *text);

/* The parameter Tag as a filter. */
int config_tags_filter(api_call *call, engine_tags *tags);

/* The pack that a rule of packs is shown with: the one that was asked for, else the first. */
pl_str config_shown_pack(const api_call *call, const engine_rule *rule);

/*
 * Parses JSON that the client sent. 0 with `*root` missing when it is not JSON, which is the caller's to
 * refuse; -1 when that could not be found out, as without memory.
 */
int config_parse(api_call *call, pl_str text, pl_json *root);

/*
 * Reads stored JSON. False when there is none, and when it cannot be read: that is logged, and the answer
 * fails with InternalError (call->out is marked as failed), whatever else is written.
 */
bool config_read_stored(api_call *call, const char *what, pl_str stored, pl_json *root);

/* A managed rule; NULL when there is none of this identifier. A failure is that of config_read_stored. */
const catalogue_rule *config_managed_rule(api_call *call, pl_str identifier);

/* Writes [{TagKey, TagValue}] (or [{Key, Value}]) of stored text. */
void config_write_tags(api_call *call, const char *name, pl_str stored, const char *key, const char *value);

/* A list's text as it was given; left out when the list is empty. */
void config_write_list(pl_writer *out, const char *name, const engine_list *list);

/* The scope members that rules and packs have in common. Lists that are not set are left out. */
void config_write_scope(pl_writer *out, const engine_scope *scope);

/* An account id as the number it is declared as. */
void config_write_account(pl_writer *out, const char *name, pl_str account_id);

/* "SourceDetails" of triggers and frequency. */
void config_write_source_details(pl_writer *out, unsigned triggers, pl_str frequency, bool event_source);

/* The parameters of a managed rule as {name: default}: compulsory or optional ones. */
void config_write_parameters(pl_writer *out, const char *name, const catalogue_rule *rule, bool required);

/* {ConfigRuleId, Success, ErrorCode} of one item; `error` NULL: success. */
void config_write_item(pl_writer *out, const char *id_name, pl_str id, const pl_error *error);

/* `name`: one of PageNumber, PageSize, TotalCount. */
void config_write_page(pl_writer *out, int64_t page, int64_t take, int64_t total);

/* The handlers of an account operation and of its aggregate twin: one implementation, told apart by the
 * owner. */
#define CONFIG_TWINS(one, other, handler)                                                                    \
    int one(api_call *call) {                                                                                \
        return handler(call);                                                                                \
    }                                                                                                        \
    int other(api_call *call) {                                                                              \
        return handler(call);                                                                                \
    }

#endif
