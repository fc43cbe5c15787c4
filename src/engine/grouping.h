/*
 * Resource groups that fill themselves (org/grouping.h): which group a recorded resource belongs into by the
 * rules of its account, and by the resource that it belongs to; and moving resources.
 *
 * A resource is put into its group as it is recorded, in the same transaction, so that rules over groups see
 * it there. Rules are asked in the order they were made; the first one that matches decides. INVARIANT: what
 * is recorded again with its old group stays where a rule put it.
 */
#ifndef ENGINE_GROUPING_H
#define ENGINE_GROUPING_H

#include "engine/engine.h"
#include "org/grouping.h"

/* Two types of which one follows the other: the associated resource names its master at `path`. */
typedef struct engine_association {
    const char *master, *associated; /* resource types */
    const char *member;              /* of the associated resource's configuration: the master's id */
} engine_association;

/* Their numbers are stored and must not change. */
const engine_association *engine_associations(size_t *count);

/* "ACS::ECS::Instance" as "ecs" and "instance"; a name without colons is both. Views into `type`. */
void engine_split_type(pl_str type, pl_str *service, pl_str *kind);

/*
 * Checks the contents of a rule (JSON as in org_grouping_rule): conditions that can be compiled, targets that
 * name a resource group. The groups named are written to `targets`. -1 with `error` telling what is wrong
 * where: InvalidParameter.RuleContents.
 */
int engine_check_grouping(pl_arena *arena, pl_str contents, pl_str *targets, size_t capacity, size_t *count,
                          pl_error *error);

/*
 * One transaction's grouping. Before items are applied, engine_grouping_place puts those that belong
 * elsewhere into their group (`*items` is then a copy in the arena). Afterwards engine_grouping_follow makes
 * items of the resources that must follow their masters, to be applied in the same transaction, and
 * engine_grouping_record logs who joined and left which group.
 */
typedef struct engine_grouping engine_grouping;

int engine_grouping_begin(engine_grouping **out, engine *e, store_session *session, pl_arena *arena,
                          int64_t now, bool place, pl_error *error);
void engine_grouping_end(engine_grouping *g);

int engine_grouping_place(engine_grouping *g, const inventory_item **items, size_t count, pl_error *error);
int engine_grouping_follow(engine_grouping *g, const inventory_change *changes, size_t count,
                           inventory_item **items, size_t *item_count, pl_error *error);
int engine_grouping_record(engine_grouping *g, const inventory_change *changes, size_t count,
                           pl_error *error);

/*
 * Records a resource in another group: what is associated with it follows, rules do not move it back at once.
 * Not inside a store work.
 */
int engine_move_resource(engine *e, const inventory_resource *resource, pl_str group_id, int64_t now,
                         pl_error *error);

/*
 * The master of a resource that follows one at the moment; `*found` false when it is free to be moved alone.
 * Inside a work.
 */
int engine_find_master(engine *e, store_session *session, pl_arena *arena, const inventory_resource *resource,
                       inventory_resource *master, bool *found, pl_error *error);

/*
 * Takes up what is recorded already: with `automatic` by the rules, with `transfer` what is associated.
 * Not inside a store work; in steps of some hundred resources, so a crash leaves a part of it done.
 */
int engine_group_existing(engine *e, pl_str account_id, int64_t now, pl_error *error);

#endif
