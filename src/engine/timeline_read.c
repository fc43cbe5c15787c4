/* What the compliance timeline of a resource is made of: rules, present and former, results and stored
 * changes. */
#include "engine/timeline.h"

#include "engine/changes.h"
#include "engine/leaving.h"

enum { CHANGES_MAX = 20000 };

static int out_of_memory(struct timeline *w) {
    return pl_fail(w->error, PL_E_ServiceUnavailable);
}

/* --- Who took part ---------------------------------------------------------------------------------------
 */

struct timeline_actor *engine_timeline_actor(struct timeline *w, int64_t rule_key) {
    for (size_t i = 0; i < w->actor_count; i++)
        if (w->actors[i].rule_key == rule_key)
            return w->actors + i;
    return NULL;
}

static struct timeline_actor *add_actor(struct timeline *w) {
    struct timeline_actor *grown =
        pl_arena_grow(w->arena, w->actors, w->actor_count, &w->actor_capacity, sizeof *grown);
    if (!grown) {
        out_of_memory(w);
        return NULL;
    }
    w->actors = grown;
    grown[w->actor_count] = (struct timeline_actor){
        .deleted = INT64_MAX, .state = ENGINE_COMPLIANCE_COUNT, .annotation = PL_STR("")};
    return grown + w->actor_count++;
}

/* A rule that had not run when the view was made may have run since: that renews no version. */
static int read_run(struct timeline *w, const engine_rule **rule) {
    engine_rule *fresh = pl_new(w->arena, engine_rule, 1);
    bool found = false;
    if (!fresh)
        return out_of_memory(w);
    if (engine_rule_find_key(w->session, w->arena, (*rule)->account_id, (*rule)->rule_key, fresh, &found,
                             w->error) != 0)
        return -1;
    *rule = found ? fresh : *rule;
    return 0;
}

static int add_present(struct timeline *w, const engine_bound *bound, const engine_scope_subject *subject) {
    const engine_rule *rule = bound->rule;
    if (rule->run_ordering == 0 && read_run(w, &rule) != 0)
        return -1;
    struct timeline_actor *a = add_actor(w);
    if (!a)
        return -1;
    a->rule_key = rule->rule_key;
    a->rule_id = pl_arena_copy(w->arena, rule->rule_id);
    a->owner_id = pl_arena_copy(w->arena, rule->account_id);
    a->name = pl_arena_copy(w->arena, rule->name);
    a->risk_level = rule->risk_level;
    a->created = rule->created;
    a->modified = rule->modified;
    a->covers = rule->run_ordering && engine_bound_covers(bound, subject);
    a->message_type = rule->run_trigger.n ? engine_message_find(rule->run_trigger) : ENGINE_BY_HAND;
    if (a->covers && !w->resource->deleted)
        a->state = ENGINE_COMPLIANT;
    return w->arena->failed ? out_of_memory(w) : 0;
}

static int add_present_rules(struct timeline *w) {
    engine_scope_subject subject;
    engine_view *view = engine_view_get(w->e, w->session, w->resource->account_id, w->error);
    if (!view)
        return -1;
    int status = engine_scope_subject_of(w->arena, w->resource, &subject, w->error);
    for (size_t i = 0; status == 0 && i < view->count; i++)
        status = add_present(w, view->rules + i, &subject);
    engine_view_release(view);
    return status;
}

struct timeline_change *engine_timeline_add(struct timeline *w) {
    struct timeline_change *grown =
        pl_arena_grow(w->arena, w->changes, w->change_count, &w->change_capacity, sizeof *grown);
    if (!grown) {
        out_of_memory(w);
        return NULL;
    }
    w->changes = grown;
    grown[w->change_count] = (struct timeline_change){.age = w->change_count};
    return grown + w->change_count++;
}

static int add_last_change(struct timeline *w, const engine_row *row) {
    struct timeline_change *last = engine_timeline_add(w);
    if (!last)
        return -1;
    *last = (struct timeline_change){.at = row->changed,
                                     .age = last->age,
                                     .rule_key = row->rule_key,
                                     .from = row->changed_from,
                                     .to = row->shown,
                                     .annotation_from = row->annotation_from,
                                     .annotation_to = row->annotation,
                                     .message_type = row->message_type};
    return 0;
}

/* A row that leaves is told of as the history that it becomes. */
static int add_leaving(struct timeline *w, const engine_row *row, const engine_leave *leave) {
    struct timeline_change *left = leave->told ? engine_timeline_add(w) : NULL;
    if (leave->told && !left)
        return -1;
    if (left)
        *left = (struct timeline_change){.at = leave->since,
                                         .age = left->age,
                                         .rule_key = row->rule_key,
                                         .from = row->shown,
                                         .to = ENGINE_COMPLIANCE_COUNT,
                                         .annotation_from = row->annotation,
                                         .annotation_to = PL_STR(""),
                                         .message_type = row->message_type};
    return add_last_change(w, row);
}

/* What takes the rule's row away; NULL: it stays. */
static const engine_leave *leave_of(const engine_leave *leaves, size_t count, int64_t rule_key) {
    for (size_t i = 0; i < count; i++)
        if (leaves[i].rule_key == rule_key)
            return leaves + i;
    return NULL;
}

static int add_row(struct timeline *w, const engine_row *row) {
    struct timeline_actor *a = engine_timeline_actor(w, row->rule_key);
    if (!a)
        return 0;
    a->state = row->shown;
    a->annotation = row->annotation;
    a->message_type = row->message_type;
    return add_last_change(w, row);
}

static int add_stored_results(struct timeline *w) {
    const inventory_resource *r = w->resource;
    engine_row *rows;
    engine_leave *leaves;
    size_t count, leaving;
    if (engine_rows_of(w->session, w->arena, r->account_id, r->resource_key, &rows, &count, w->error) != 0 ||
        engine_leave_list(w->session, w->arena, r->account_id, r->resource_type, &leaves, &leaving,
                          w->error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const engine_leave *leave = leave_of(leaves, leaving, rows[i].rule_key);
        if ((leave ? add_leaving(w, rows + i, leave) : add_row(w, rows + i)) != 0)
            return -1;
    }
    return 0;
}

static int add_former_rules(struct timeline *w) {
    int step;
    store_statement *st =
        store_prepare(w->session,
                      "SELECT rule_key, rule_id, owner_id, name, risk_level, created, deleted "
                      "FROM former_rules WHERE account_id = $1",
                      w->error);
    store_bind_text(st, 1, w->resource->account_id);
    while ((step = store_step(st, w->error)) == 1) {
        if (engine_timeline_actor(w, store_column_i64(st, 0)))
            continue; /* it came back to the account */
        struct timeline_actor *a = add_actor(w);
        if (!a)
            return -1;
        a->rule_key = store_column_i64(st, 0);
        a->rule_id = pl_arena_copy(w->arena, store_column_text(st, 1));
        a->owner_id = pl_arena_copy(w->arena, store_column_text(st, 2));
        a->name = pl_arena_copy(w->arena, store_column_text(st, 3));
        a->risk_level = (int)store_column_i64(st, 4);
        a->created = store_column_i64(st, 5);
        a->deleted = store_column_i64(st, 6);
        if (w->arena->failed)
            return out_of_memory(w);
    }
    return step;
}

/* --- What was stored -------------------------------------------------------------------------------------
 */

static engine_compliance read_compliance(store_statement *st, int column) {
    return store_column_null(st, column) ? ENGINE_COMPLIANCE_COUNT
                                         : (engine_compliance)store_column_i64(st, column);
}

static int take_change(void *context, const engine_change *stored) {
    struct timeline_change *c = engine_timeline_add(context);
    if (!c)
        return -1;
    *c = (struct timeline_change){.at = stored->at,
                                  .age = c->age,
                                  .rule_key = stored->rule_key,
                                  .from = stored->from,
                                  .to = stored->to,
                                  .annotation_from = PL_STR(""),
                                  .annotation_to = stored->annotation,
                                  .message_type = stored->message_type};
    return 0;
}

/* From before they were gathered by resource, and those of rules that have gone. */
static int add_single_changes(struct timeline *w) {
    int step;
    store_statement *st = store_prepare(
        w->session,
        "SELECT changed, rule_key, compliance_from, compliance_to, annotation_from, annotation_to, "
        "message_type "
        "FROM compliance_changes WHERE account_id = $1 AND resource_key = $2 ORDER BY changed DESC LIMIT $3",
        w->error);
    store_bind_text(st, 1, w->resource->account_id);
    store_bind_i64(st, 2, w->resource->resource_key);
    store_bind_i64(st, 3, CHANGES_MAX);
    while ((step = store_step(st, w->error)) == 1) {
        struct timeline_change *c = engine_timeline_add(w);
        if (!c)
            return -1;
        *c = (struct timeline_change){.at = store_column_i64(st, 0),
                                      .age = c->age,
                                      .rule_key = store_column_i64(st, 1),
                                      .from = read_compliance(st, 2),
                                      .to = read_compliance(st, 3),
                                      .annotation_from = pl_arena_copy(w->arena, store_column_text(st, 4)),
                                      .annotation_to = pl_arena_copy(w->arena, store_column_text(st, 5)),
                                      .message_type = (engine_message_type)store_column_i64(st, 6)};
        if (w->arena->failed)
            return out_of_memory(w);
    }
    return step;
}

static int add_stored_changes(struct timeline *w) {
    if (engine_changes_read(w->session, w->arena, w->resource, CHANGES_MAX, take_change, w, w->error) != 0)
        return -1;
    return add_single_changes(w);
}

int engine_timeline_read(struct timeline *w) {
    if (add_present_rules(w) != 0 || add_stored_results(w) != 0 || add_former_rules(w) != 0)
        return -1;
    return add_stored_changes(w);
}
