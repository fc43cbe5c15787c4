/*
 * Inside the engine room: the rules of one account, compiled. A view holds every rule that may cover the
 * account's resources (its own and those of its groups), and for each resource type one program.
 *
 * It also knows where the account's changes and violations are delivered; channels, like rules, renew the
 * version of their owner when they change.
 *
 * A view is immutable and counted by references; programs of types are compiled when first asked for. It
 * carries the versions of the rules it was made from, which every transaction compares with the stored ones:
 * a transaction never evaluates with rules other than those it would read itself. Versions are random
 * numbers, so one that was rolled back never comes again.
 */
#ifndef ENGINE_VIEW_H
#define ENGINE_VIEW_H

#include <pthread.h>

#include "condition/program.h"
#include "delivery/delivery.h"
#include "engine/rules.h"

/* One rule as the evaluation sees it. */
typedef struct engine_bound {
    const engine_rule *rule;
    const engine_scope *packs; /* the rule covers what each of these covers, too */
    size_t pack_count;
    const inventory_recorder *recorder; /* covers only types that the account records; NULL: all are */
    bool whole;                         /* covers every resource of its types */
    bool active;                        /* evaluates */
} engine_bound;

/* One rule in the program of a type. */
typedef struct engine_slot {
    const engine_bound *bound;
    int index;           /* in the compiled program; -1: never evaluated by it */
    pl_str insufficient; /* annotation of the INSUFFICIENT_DATA that the rule always gives; absent: none */
    const pl_str *required_related; /* types of which a related resource must exist */
    size_t required_related_count;
} engine_slot;

enum { ENGINE_IDLE_STATES = 16 };

/* All rules of one resource type. Lives as long as its view. */
typedef struct engine_type_program {
    pl_str resource_type;
    engine_slot *slots;
    size_t count;
    pl_program *compiled;
    pl_condition_needs needs;
    pthread_mutex_t lock; /* guards `idle` */
    pl_program_state *idle[ENGINE_IDLE_STATES];
    size_t idle_count;
    struct engine_type_program *next;
} engine_type_program;

typedef struct engine_dependency {
    pl_str account_id;
    int64_t version;
} engine_dependency;

typedef struct engine_view {
    unsigned references; /* atomic */
    pl_arena arena;
    pl_str account_id;
    inventory_recorder recorder; /* of the account */
    engine_bound *rules;
    size_t count;
    engine_dependency *dependencies;
    size_t dependency_count;
    delivery_routes routes; /* where changes and violations are delivered */
    const catalogue *catalogue;
    bool strict;
    pthread_mutex_t lock; /* guards the list of programs and the arena */
    engine_type_program *programs;
} engine_view;

struct engine;

/* The account's current view, with a reference that the caller gives back; NULL on failure. */
engine_view *engine_view_get(struct engine *e, store_session *session, pl_str account_id, pl_error *error);
void engine_view_release(engine_view *view);

/* The program of a type, compiled at its first use; NULL without memory. */
engine_type_program *engine_view_program(engine_view *view, pl_str resource_type, pl_error *error);

/* A compiled program for these rules alone (runs, explanations); engine_program_free gives it back. */
engine_type_program *engine_program_new(const struct catalogue *known, bool strict, pl_arena *arena,
                                        const engine_bound *rules, size_t count, pl_str resource_type,
                                        pl_error *error);
void engine_program_free(engine_type_program *program);

/*
 * What the rule is to the condition language, in the arena; or, with `*insufficient` set, why it gives
 * INSUFFICIENT_DATA always. Invalid.SourceIdentifier.Value for an unknown managed rule.
 */
int engine_describe_rule(const struct catalogue *known, bool strict, pl_arena *arena, const engine_rule *rule,
                         pl_program_rule *out, pl_str *insufficient, pl_error *error);

/* Working memory for one evaluating thread; NULL without memory. */
pl_program_state *engine_program_borrow(engine_type_program *program, pl_error *error);
void engine_program_give_back(engine_type_program *program, pl_program_state *state);

/*
 * Binds a rule for an account: pack scopes and recorder read, accounts and folders decided. `*inside` false:
 * not covered.
 */
int engine_bind_rule(struct engine *e, store_session *session, pl_arena *arena, pl_str account_id,
                     const engine_rule *rule, engine_bound *out, bool *inside, pl_error *error);

/* The same, given what the account records; that must live as long as what is bound. */
int engine_bind_recorded(struct engine *e, store_session *session, pl_arena *arena, pl_str account_id,
                         const inventory_recorder *recorder, const engine_rule *rule, engine_bound *out,
                         bool *inside, pl_error *error);

/*
 * True when the rule covers the resource, accounts aside; or resources of the type, which the account must
 * record (reference/evaluation-semantics.md, section 2.2, point 1).
 */
bool engine_bound_covers(const engine_bound *bound, const engine_scope_subject *subject);
bool engine_bound_has_type(const engine_bound *bound, pl_str resource_type);

/* The version of the account's rules as the session sees it; 0: there never was a rule. */
int engine_version_read(store_session *session, pl_str account_id, int64_t *version, pl_error *error);

/* Gives the account's rules a new version. */
int engine_version_renew(struct engine *e, store_session *session, pl_str account_id, pl_error *error);

#endif
