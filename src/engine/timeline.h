/*
 * Inside the engine room: what the parts of the compliance timeline share. timeline_read.c gathers who took
 * part and what is stored, timeline.c derives the rest and walks, timeline_write.c writes the nodes.
 */
#ifndef ENGINE_TIMELINE_H
#define ENGINE_TIMELINE_H

#include "engine/evaluate.h"

/* A rule that the timeline speaks of, present or former. */
struct timeline_actor {
    int64_t rule_key;
    pl_str rule_id, owner_id, name;
    int risk_level;
    int64_t created, modified, deleted; /* INT64_MAX: it still exists */
    bool covers;                        /* a present rule that covers the resource */
    bool repeated;                      /* another rule has the same name */
    engine_compliance state;            /* at the place of the walk; ENGINE_COMPLIANCE_COUNT: no result */
    pl_str annotation;
    engine_message_type message_type;
    bool told;             /* the changes so far tell of it, */
    engine_compliance was; /* end with this, */
    int64_t was_at;        /* then, */
    pl_str said;           /* and say this of it */
};

struct timeline_change {
    int64_t at;
    size_t age; /* of two in one millisecond the newer one was read first */
    struct timeline_actor *actor;
    int64_t rule_key;
    engine_compliance from, to;
    pl_str annotation_from, annotation_to;
    engine_message_type message_type;
};

struct timeline {
    engine *e;
    store_session *session;
    pl_arena *arena;
    const inventory_resource *resource;
    struct timeline_actor *actors;
    size_t actor_count, actor_capacity;
    struct timeline_change *changes;
    size_t change_count, change_capacity;
    int64_t first_capture;
    pl_error *error;
};

/* The rule's, or NULL. */
struct timeline_actor *engine_timeline_actor(struct timeline *w, int64_t rule_key);

/* A new change, to be filled but for its age; NULL without memory. */
struct timeline_change *engine_timeline_add(struct timeline *w);

/* Fills actors and changes from the store. */
int engine_timeline_read(struct timeline *w);

/*
 * Writes nodes between `from` and `to` (Unix milliseconds), the newest first, at most `limit`; walks the
 * actors back to the beginning.
 */
int engine_timeline_write(struct timeline *w, int64_t from, int64_t to, size_t limit, engine_node *nodes,
                          size_t *count);

#endif
