/*
 * Compliance packs: what they are, which rules they hold, and their life (reference/evaluation-semantics.md,
 * section 14; template form: reference/condition-rules.md, section 2.4). It owns the tables packs and
 * pack_rules (migration 0003). As rules.h: one implementation for accounts and groups, inside the caller's
 * transaction.
 */
#ifndef ENGINE_PACKS_H
#define ENGINE_PACKS_H

#include "engine/rules.h"

typedef struct engine_pack {
    pl_str account_id, aggregator_id; /* owner, as in engine_rule */
    pl_str pack_id;                   /* cp-... */
    pl_str name, description;
    pl_str template_id;      /* absent: none */
    pl_str template_content; /* as sent; absent: made from rules or a template id */
    int risk_level;
    engine_scope scope;
    pl_str status;             /* CREATING, ACTIVE */
    int64_t created, modified; /* Unix milliseconds */
    pl_str tags;               /* JSON array of {TagKey, TagValue} */
} engine_pack;

/* One entry of ConfigRules: an existing rule, or a managed rule to be made. */
typedef struct engine_pack_entry {
    pl_str rule_id; /* wins over the identifier */
    pl_str identifier;
    pl_str name, description;
    int risk_level;    /* 0: the pack's */
    pl_str parameters; /* JSON object of texts; absent: none */
} engine_pack_entry;

typedef struct engine_pack_input {
    engine_pack *pack; /* name, texts, scope and tags are the client's */
    const engine_pack_entry *entries;
    size_t entry_count;
    bool has_entries; /* ConfigRules was sent and is not empty */
    bool default_enable;
} engine_pack_input;

/* Stores a new pack and its rules; fills `input->pack`. Errors: section 14 of the reference. */
int engine_pack_create(engine_context *context, store_session *session, engine_pack_input *input,
                       pl_error *error);

/* Stores a changed pack; with `has_entries` the list replaces the pack's rules. */
int engine_pack_update(engine_context *context, store_session *session, engine_pack_input *input,
                       pl_error *error);

/* The pack with this id of the owner; of any of its groups where the group is "*". In the arena. */
int engine_pack_find(store_session *session, pl_arena *arena, const engine_group *owner, pl_str pack_id,
                     engine_pack *out, bool *found, pl_error *error);

/* Newest first. */
int engine_pack_list(store_session *session, pl_arena *arena, const engine_group *owner, engine_pack **packs,
                     size_t *count, pl_error *error);

/* The rules of a pack in their order. */
int engine_pack_rules(store_session *session, pl_arena *arena, const engine_pack *pack, engine_rule **rules,
                      size_t *count, pl_error *error);

/*
 * One item of DeleteCompliancePacks; `delete_rules` deletes the pack's rules with it, except those that
 * another pack holds. -1 with Invalid.CompliancePackId.Value or a failure of the store.
 */
int engine_pack_delete(engine_context *context, store_session *session, const engine_group *owner,
                       pl_str pack_id, bool delete_rules, pl_error *error);

/* One item of attach (idempotent) and detach (the rule must be in the pack: ConfigRuleNotExists). */
int engine_pack_attach(engine_context *context, store_session *session, const engine_pack *pack,
                       pl_str rule_id, pl_error *error);
int engine_pack_detach(engine_context *context, store_session *session, const engine_pack *pack,
                       pl_str rule_id, pl_error *error);

/* Replaces the pack's tags, which are JSON text. */
int engine_pack_tag(store_session *session, const engine_pack *pack, pl_str tags, pl_error *error);
int engine_pack_remove_all(engine_context *context, store_session *session, const engine_group *owner,
                           pl_error *error);

/*
 * Copies a rule (into the pack of this id, absent: none), or a pack with copies of its rules, to an owner. A
 * name that is taken there gets `-copy` and a number. Quotas as for making one.
 */
int engine_rule_copy(engine_context *context, store_session *session, const engine_rule *source,
                     const engine_group *to, pl_str pack_id, pl_error *error);
int engine_pack_copy(engine_context *context, store_session *session, const engine_pack *source,
                     const engine_group *to, pl_error *error);

/*
 * The pack as a template, indented with four spaces: the client's own content when it was made from one (so
 * that nested texts keep their levels), else written from its rules; function rules are left out.
 */
int engine_pack_template(store_session *session, pl_arena *arena, const engine_pack *pack, pl_str *text,
                         pl_error *error);

#endif
