/*
 * The rows behind rules.h and packs.h: one place that knows the columns of migration 0003. Only rules.c,
 * packs.c and their readers include it.
 */
#ifndef ENGINE_ROWS_H
#define ENGINE_ROWS_H

#include "engine/packs.h"

/* rule_check.c: all that must hold before a rule is stored; fills defaults and the types' spelling. */
int engine_rule_check(engine_context *context, engine_rule *rule, pl_error *error);

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
