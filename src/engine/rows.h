/*
 * The rows behind rules.h and packs.h: one place that knows the columns of migration 0003. Only rules.c,
 * packs.c and their readers include it.
 */
#ifndef ENGINE_ROWS_H
#define ENGINE_ROWS_H

#include "engine/coverage.h"
#include "engine/packs.h"

/* A column's text, copied; an absent one, with the arena marked as failed, without memory. */
static inline pl_str engine_row_text(pl_arena *arena, store_statement *st, int column) {
    return pl_arena_copy(arena, store_column_text(st, column));
}

/* rule_check.c: all that must hold before a rule is stored; fills defaults and the types' spelling. */
int engine_rule_check(engine_context *context, engine_rule *rule, pl_error *error);

/*
 * rule_check.c: a rule in a list was refused (`error`); `place` says which, and is put before the reason
 * where the error is one of what the client sent (Invalid...). `list` is the error of a wrong list, which
 * wrong values of a rule's parameters become; `parameter` is the parameter it came with. -1.
 */
int engine_error_at(pl_error *error, pl_error_code list, const char *parameter, const char *place);

/* rules.c: tells the engine of a rule that was just written; the one place where it hears of a change. */
int engine_rule_tell(engine_context *context, store_session *session, const engine_rule *rule,
                     engine_rule_event event, pl_error *error);

/* The same of one that may cover something else than `before` (engine/coverage.h), and follows it. */
int engine_rule_moved(engine_context *context, store_session *session, const engine_rule *rule,
                      const engine_coverage *before, pl_error *error);

/* The first bytes of a name, at most `limit`, cut between characters. */
pl_str engine_name_cut(pl_str name, size_t limit);

/* pack_template.c: what a client's template says. Rules are records without ids; texts live in the arena. */
typedef struct engine_template {
    engine_rule *rules;
    size_t count;
    pl_str name, description; /* of compliancePackTemplate; absent when not given */
    int risk_level;           /* 0: not given */
    bool has_scope;
    engine_scope scope;
} engine_template;

/* Reads the text of TemplateContent; -1 with the error of the parameter when it is none. */
int engine_template_parse(engine_context *context, pl_str text, engine_template *out, pl_error *error);

/* A rule of a client's template was refused: `error` says where it stands in the template. -1. */
int engine_template_wrong_rule(pl_error *error, size_t index);

/* Writes a new rule's row, or the client's part of an existing one (everything but the run report). */
int engine_rule_insert(store_session *session, const engine_rule *rule, pl_error *error);
int engine_rule_write(store_session *session, const engine_rule *rule, pl_error *error);
int engine_rule_erase(store_session *session, const engine_rule *rule, pl_error *error);

/* Number of rules of the account itself, or of all its groups together. */
int engine_rule_count(store_session *session, const engine_group *owner, int64_t *count, pl_error *error);

/* True when another rule of the owner has this name. */
int engine_rule_name_taken(store_session *session, const engine_group *owner, pl_str name, pl_str except_id,
                           bool *taken, pl_error *error);

/* The next small number of a rule. */
int engine_rule_next_key(store_session *session, int64_t *key, pl_error *error);

/* The same of packs: a new row, the client's part of it, its end, their number, and whether a name is taken.
 */
int engine_pack_insert(store_session *session, const engine_pack *pack, pl_error *error);
int engine_pack_write(store_session *session, const engine_pack *pack, pl_error *error);
int engine_pack_erase(store_session *session, const engine_pack *pack, pl_error *error);
int engine_pack_count(store_session *session, const engine_group *owner, int64_t *count, pl_error *error);
int engine_pack_name_taken(store_session *session, const engine_group *owner, pl_str name, pl_str except_id,
                           bool *taken, pl_error *error);

/* Puts a rule into a pack behind the others (nothing when it is there), or takes it out. */
int engine_pack_link(store_session *session, pl_str account_id, pl_str pack_id, pl_str rule_id,
                     pl_error *error);
int engine_pack_unlink(store_session *session, pl_str account_id, pl_str pack_id, pl_str rule_id,
                       pl_error *error);

/* The texts that rules and packs share: names (1 to 100 characters, no control characters). */
bool engine_name_is_sound(pl_str name);

/* `prefix` and 20 lower-case hexadecimal digits; absent without randomness or memory. */
pl_str engine_new_id(engine_context *context, const char *prefix);

#endif
