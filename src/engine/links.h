/*
 * Inside the engine room: links, so that related resources are found by key in both directions. They are kept
 * for the types that a rule of the account asks for, and for no others: recording costs nothing where no rule
 * looks at related resources.
 *
 * Owns the tables resource_links and linked_types (migration 0013). INVARIANT: of a type that is complete
 * every live resource has exactly the links that its recorded configuration names, at every commit.
 */
#ifndef ENGINE_LINKS_H
#define ENGINE_LINKS_H

#include "engine/evaluate.h"

/* Whether links of the type are written at all (`*any`), and whether they are complete. */
int engine_links_kept(store_session *session, pl_str account_id, pl_str type, bool *any, bool *complete,
                      pl_error *error);

/* Brings the links of changed resources up to date; in the transaction that changed them. */
int engine_links_follow(engine_evaluating *c, const inventory_change *changes, size_t count);

/*
 * Calls `visit` with the key of every resource of `from_type` that names the id. `*known` false: the links of
 * the type are not kept, and nothing was visited.
 */
int engine_links_visit(store_session *session, pl_arena *arena, pl_str account_id, pl_str from_type,
                       pl_str to_type, pl_str to_id, bool *known,
                       int (*visit)(void *context, int64_t key, pl_error *error), void *context,
                       pl_error *error);

/* Makes the links of one type complete, in short write transactions. */
int engine_links_build(engine *e, pl_str account_id, pl_str from_type, pl_error *error);

#endif
