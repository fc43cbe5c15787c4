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

/* Which resources are looked for: those of `from_type` in the account of `to` that name its id. */
typedef struct engine_link_search {
    pl_str from_type;
    pl_str account_id, to_type, to_id;
    int (*visit)(void *context, int64_t key, pl_error *error); /* called with the key of each */
    void *context;
} engine_link_search;

/* `*known` false: the links of the type are not kept, and nothing was visited. The keys live in the arena. */
int engine_links_visit(store_session *session, pl_arena *arena, const engine_link_search *search, bool *known,
                       pl_error *error);

/* Makes the links of one type complete, in short write transactions. */
int engine_links_build(engine *e, pl_str account_id, pl_str from_type, pl_error *error);

#endif
