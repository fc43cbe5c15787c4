/*
 * The compliance timeline: walking back from the present along the stored changes (evaluation-semantics,
 * section 12.3).
 *
 * Stored are only changes from or to something other than COMPLIANT. What else a timeline shows is derived: a
 * rule joined a resource that was COMPLIANT first when both existed, and left it when the resource was
 * removed; one that had left and says COMPLIANT again came back. Those derived changes are put among the
 * stored ones; then one walk writes all nodes.
 */
#include "engine/timeline.h"

#include <stdlib.h>

static int out_of_memory(struct timeline *w) {
    return pl_fail(w->error, PL_E_ServiceUnavailable);
}

static int newest_first(const void *left, const void *right) {
    const struct timeline_change *a = left, *b = right;
    if (a->at != b->at)
        return a->at > b->at ? -1 : 1;
    if (a->rule_key != b->rule_key)
        return a->rule_key < b->rule_key ? -1 : 1;
    return a->age < b->age ? -1 : a->age > b->age;
}

static void sort_changes(struct timeline *w) {
    if (w->change_count)
        qsort(w->changes, w->change_count, sizeof *w->changes, newest_first);
}

/* Changes of a rule within one millisecond are one. */
static void join_changes(struct timeline *w) {
    size_t kept = 0;
    for (size_t i = 0; i < w->change_count; i++) {
        struct timeline_change *newer = kept ? w->changes + kept - 1 : NULL, c = w->changes[i];
        if (!newer || newer->at != c.at || newer->rule_key != c.rule_key) {
            w->changes[kept++] = c;
            continue;
        }
        newer->from = c.from;
        newer->annotation_from = c.annotation_from;
    }
    w->change_count = kept;
}

static void tell(struct timeline_actor *a, const struct timeline_change *c) {
    a->told = true;
    a->was = c->to;
    a->was_at = c->at;
    a->said = c->annotation_to;
}

static void forget_told(struct timeline *w) {
    for (size_t i = 0; i < w->actor_count; i++)
        w->actors[i].told = false;
}

/* Stored is what a result became; what was said of it before, the rule's change before tells. */
static void complete_annotations(struct timeline *w) {
    for (size_t i = w->change_count; i-- > 0;) {
        struct timeline_change *c = w->changes + i;
        struct timeline_actor *a = engine_timeline_actor(w, c->rule_key);
        if (!a)
            continue;
        if (a->told && a->was == c->from && c->annotation_from.n == 0)
            c->annotation_from = a->said;
        tell(a, c);
    }
    forget_told(w);
}

/* The first and the last stored change of a rule; NULL where there is none. The newest come first. */
struct ends {
    const struct timeline_change *first, *last;
};

static struct ends find_ends(const struct timeline *w, int64_t rule_key, size_t stored) {
    struct ends ends = {0};
    for (size_t i = 0; i < stored; i++) {
        const struct timeline_change *c = w->changes + i;
        if (c->rule_key != rule_key)
            continue;
        ends.first = c;
        if (!ends.last)
            ends.last = c;
    }
    return ends;
}

static int derive_change(struct timeline *w, const struct timeline_actor *a, bool joining, int64_t at) {
    struct timeline_change *c = engine_timeline_add(w);
    if (!c)
        return -1;
    *c = (struct timeline_change){.at = at,
                                  .age = c->age,
                                  .rule_key = a->rule_key,
                                  .from = joining ? ENGINE_COMPLIANCE_COUNT : ENGINE_COMPLIANT,
                                  .to = joining ? ENGINE_COMPLIANT : ENGINE_COMPLIANCE_COUNT,
                                  .annotation_from = PL_STR(""),
                                  .annotation_to = PL_STR(""),
                                  .message_type = a->message_type};
    return 0;
}

/* A rule that never deviated. */
static int derive_silent(struct timeline *w, const struct timeline_actor *a) {
    int64_t joined = a->created > w->first_capture ? a->created : w->first_capture;
    int64_t gone = w->resource->deleted ? w->resource->capture_time : INT64_MAX;
    if (!a->covers)
        return 0;
    if (gone != INT64_MAX && a->created <= gone && derive_change(w, a, false, gone) != 0)
        return -1;
    return joined < gone ? derive_change(w, a, true, joined) : 0;
}

/* When a rule that left at `left` covered the resource again: as the rule changed, or the resource did. */
static int64_t time_of_return(const struct timeline *w, const struct timeline_actor *a, int64_t left) {
    int64_t rule = a->modified > left ? a->modified : INT64_MAX;
    int64_t resource = w->resource->capture_time > left ? w->resource->capture_time : INT64_MAX;
    int64_t first = rule < resource ? rule : resource;
    return first == INT64_MAX ? left + 1 : first;
}

/* The deletion of a rule is told by the rule alone. */
static int derive_deletion(struct timeline *w, const struct timeline_actor *a, struct timeline_change last) {
    int64_t at = a->deleted > last.at ? a->deleted : last.at + 1;
    if (a->deleted == INT64_MAX || last.to == ENGINE_COMPLIANCE_COUNT)
        return 0;
    if (derive_change(w, a, false, at) != 0)
        return -1;
    struct timeline_change *made = w->changes + w->change_count - 1;
    made->from = last.to;
    made->annotation_from = last.annotation_to;
    made->message_type = last.message_type;
    return 0;
}

static int derive_around(struct timeline *w, const struct timeline_actor *a, struct timeline_change first,
                         struct timeline_change last) {
    int64_t joined = a->created > w->first_capture ? a->created : w->first_capture;
    bool back = a->covers && !w->resource->deleted && last.to == ENGINE_COMPLIANCE_COUNT;
    if (first.from == ENGINE_COMPLIANT && joined < first.at && derive_change(w, a, true, joined) != 0)
        return -1;
    if (back && derive_change(w, a, true, time_of_return(w, a, last.at)) != 0)
        return -1;
    return derive_deletion(w, a, last);
}

static bool has_left(const struct timeline_actor *a) {
    return a->told && a->was == ENGINE_COMPLIANCE_COUNT;
}

/* A change of the resource knows whether the rule covered it before: then it had come back silently. */
static int derive_returns(struct timeline *w) {
    for (size_t i = w->change_count; i-- > 0;) {
        struct timeline_change c = w->changes[i];
        struct timeline_actor *a = engine_timeline_actor(w, c.rule_key);
        if (!a)
            continue;
        if (has_left(a) && c.from == ENGINE_COMPLIANT && c.message_type == ENGINE_BY_CHANGE) {
            int64_t at = time_of_return(w, a, a->was_at);
            if (derive_change(w, a, true, at < c.at ? at : a->was_at + 1) != 0)
                return -1;
        }
        tell(a, &c);
    }
    forget_told(w);
    return 0;
}

static int derive_changes(struct timeline *w) {
    size_t stored = w->change_count;
    if (derive_returns(w) != 0)
        return -1;
    for (size_t i = 0; i < w->actor_count; i++) {
        const struct timeline_actor *a = w->actors + i;
        struct ends ends = find_ends(w, a->rule_key, stored);
        if ((ends.first ? derive_around(w, a, *ends.first, *ends.last) : derive_silent(w, a)) != 0)
            return -1;
    }
    return 0;
}

/* The last thing known of a former rule is what it said when it was deleted. */
static void settle_former(struct timeline *w) {
    for (size_t i = 0; i < w->change_count; i++) {
        struct timeline_change *c = w->changes + i;
        c->actor = engine_timeline_actor(w, c->rule_key);
        if (!c->actor || c->actor->deleted == INT64_MAX || c->actor->covers)
            continue;
        c->actor->covers = true; /* seen: only the newest change counts */
        c->actor->state = c->to;
        c->actor->annotation = c->annotation_to;
        c->actor->message_type = c->message_type;
    }
}

/* Runs take a resource for covered before; where the rule had left it, it was not. */
static void correct_returns(struct timeline *w) {
    for (size_t i = w->change_count; i-- > 0;) {
        struct timeline_change *c = w->changes + i;
        if (!c->actor)
            continue;
        if (has_left(c->actor)) {
            c->from = ENGINE_COMPLIANCE_COUNT;
            c->annotation_from = PL_STR("");
        }
        tell(c->actor, c);
    }
}

static void mark_repeated(struct timeline *w) {
    for (size_t i = 1; i < w->actor_count; i++)
        for (size_t n = 0; n < i; n++)
            if (pl_str_eq(w->actors[i].name, w->actors[n].name))
                w->actors[i].repeated = true;
}

int engine_compliance_timeline(engine *e, store_session *session, pl_arena *arena,
                               const inventory_resource *resource, int64_t from, int64_t to, size_t limit,
                               engine_node **nodes, size_t *count, pl_error *error) {
    struct timeline w = {.e = e, .session = session, .arena = arena, .resource = resource, .error = error};
    *count = 0;
    *nodes = pl_new(arena, engine_node, limit ? limit : 1);
    if (!*nodes)
        return out_of_memory(&w);
    if (inventory_first_capture(session, resource, &w.first_capture, error) != 0 ||
        engine_timeline_read(&w) != 0)
        return -1;
    sort_changes(&w);
    join_changes(&w);
    complete_annotations(&w);
    if (derive_changes(&w) != 0)
        return -1;
    sort_changes(&w);
    mark_repeated(&w);
    settle_former(&w);
    correct_returns(&w);
    return engine_timeline_write(&w, from, to, limit, *nodes, count);
}
