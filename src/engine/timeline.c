/*
 * The compliance timeline: walking back from the present along the stored changes (evaluation-semantics,
 * section 12.3).
 *
 * Stored are only changes from or to something other than COMPLIANT. What else a timeline shows is derived: a
 * rule joined a resource that was COMPLIANT first when both existed, and left it when the resource was
 * removed; one that had left and says COMPLIANT again came back. Those derived changes are put among the
 * stored ones; then one walk writes all nodes.
 */
#include "engine/changes.h"
#include "engine/evaluate.h"

#include <stdlib.h>

enum { CHANGES_MAX = 20000, SECOND = 1000 };

/* A rule that the timeline speaks of, present or former. */
struct actor {
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

struct change {
    int64_t at;
    size_t age; /* of two in one millisecond the newer one was read first */
    struct actor *actor;
    int64_t rule_key;
    engine_compliance from, to;
    pl_str annotation_from, annotation_to;
    engine_message_type message_type;
};

struct walking {
    engine *e;
    store_session *session;
    pl_arena *arena;
    const inventory_resource *resource;
    struct actor *actors;
    size_t actor_count, actor_capacity;
    struct change *changes;
    size_t change_count, change_capacity;
    int64_t first_capture;
    pl_error *error;
};

static int out_of_memory(struct walking *w) {
    return pl_fail(w->error, PL_E_ServiceUnavailable);
}

/* --- Who took part
 * ------------------------------------------------------------------------------------------ */

static struct actor *find_actor(struct walking *w, int64_t rule_key) {
    for (size_t i = 0; i < w->actor_count; i++)
        if (w->actors[i].rule_key == rule_key)
            return w->actors + i;
    return NULL;
}

static struct actor *add_actor(struct walking *w) {
    struct actor *grown =
        pl_arena_grow(w->arena, w->actors, w->actor_count, &w->actor_capacity, sizeof *grown);
    if (!grown) {
        out_of_memory(w);
        return NULL;
    }
    w->actors = grown;
    grown[w->actor_count] =
        (struct actor){.deleted = INT64_MAX, .state = ENGINE_COMPLIANCE_COUNT, .annotation = PL_STR("")};
    return grown + w->actor_count++;
}

/* A rule that had not run when the view was made may have run since: that renews no version. */
static int read_run(struct walking *w, const engine_rule **rule) {
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

static int add_present(struct walking *w, const engine_bound *bound, const engine_scope_subject *subject) {
    const engine_rule *rule = bound->rule;
    if (rule->run_ordering == 0 && read_run(w, &rule) != 0)
        return -1;
    struct actor *a = add_actor(w);
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

static int add_present_rules(struct walking *w) {
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

static struct change *add_change(struct walking *w) {
    struct change *grown =
        pl_arena_grow(w->arena, w->changes, w->change_count, &w->change_capacity, sizeof *grown);
    if (!grown) {
        out_of_memory(w);
        return NULL;
    }
    w->changes = grown;
    grown[w->change_count] = (struct change){.age = w->change_count};
    return grown + w->change_count++;
}

static int add_stored_results(struct walking *w) {
    engine_row *rows;
    size_t count;
    if (engine_rows_of(w->session, w->arena, w->resource->account_id, w->resource->resource_key, &rows,
                       &count, w->error) != 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct actor *a = find_actor(w, rows[i].rule_key);
        if (!a)
            continue;
        a->state = rows[i].shown;
        a->annotation = rows[i].annotation;
        a->message_type = rows[i].message_type;
        struct change *last = add_change(w);
        if (!last)
            return -1;
        *last = (struct change){.at = rows[i].changed,
                                .age = last->age,
                                .rule_key = rows[i].rule_key,
                                .from = rows[i].changed_from,
                                .to = rows[i].shown,
                                .annotation_from = rows[i].annotation_from,
                                .annotation_to = rows[i].annotation,
                                .message_type = rows[i].message_type};
    }
    return 0;
}

static int add_former_rules(struct walking *w) {
    int step;
    store_statement *st =
        store_prepare(w->session,
                      "SELECT rule_key, rule_id, owner_id, name, risk_level, created, deleted "
                      "FROM former_rules WHERE account_id = $1",
                      w->error);
    store_bind_text(st, 1, w->resource->account_id);
    while ((step = store_step(st, w->error)) == 1) {
        if (find_actor(w, store_column_i64(st, 0)))
            continue; /* it came back to the account */
        struct actor *a = add_actor(w);
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

static void mark_repeated(struct walking *w) {
    for (size_t i = 1; i < w->actor_count; i++)
        for (size_t n = 0; n < i; n++)
            if (pl_str_eq(w->actors[i].name, w->actors[n].name))
                w->actors[i].repeated = true;
}

/* --- What happened
 * -------------------------------------------------------------------------------------------- */

static engine_compliance read_compliance(store_statement *st, int column) {
    return store_column_null(st, column) ? ENGINE_COMPLIANCE_COUNT
                                         : (engine_compliance)store_column_i64(st, column);
}

static int take_change(void *context, const engine_change *stored) {
    struct change *c = add_change(context);
    if (!c)
        return -1;
    *c = (struct change){.at = stored->at,
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
static int add_single_changes(struct walking *w) {
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
        struct change *c = add_change(w);
        if (!c)
            return -1;
        *c = (struct change){.at = store_column_i64(st, 0),
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

static int add_stored_changes(struct walking *w) {
    if (engine_changes_read(w->session, w->arena, w->resource, CHANGES_MAX, take_change, w, w->error) != 0)
        return -1;
    return add_single_changes(w);
}

static int newest_first(const void *left, const void *right) {
    const struct change *a = left, *b = right;
    if (a->at != b->at)
        return a->at > b->at ? -1 : 1;
    if (a->rule_key != b->rule_key)
        return a->rule_key < b->rule_key ? -1 : 1;
    return a->age < b->age ? -1 : a->age > b->age;
}

static void sort_changes(struct walking *w) {
    if (w->change_count)
        qsort(w->changes, w->change_count, sizeof *w->changes, newest_first);
}

/* Changes of a rule within one millisecond are one. */
static void join_changes(struct walking *w) {
    size_t kept = 0;
    for (size_t i = 0; i < w->change_count; i++) {
        struct change *newer = kept ? w->changes + kept - 1 : NULL, c = w->changes[i];
        if (!newer || newer->at != c.at || newer->rule_key != c.rule_key) {
            w->changes[kept++] = c;
            continue;
        }
        newer->from = c.from;
        newer->annotation_from = c.annotation_from;
    }
    w->change_count = kept;
}

static void tell(struct actor *a, const struct change *c) {
    a->told = true;
    a->was = c->to;
    a->was_at = c->at;
    a->said = c->annotation_to;
}

static void forget_told(struct walking *w) {
    for (size_t i = 0; i < w->actor_count; i++)
        w->actors[i].told = false;
}

/* Stored is what a result became; what was said of it before, the rule's change before tells. */
static void complete_annotations(struct walking *w) {
    for (size_t i = w->change_count; i-- > 0;) {
        struct change *c = w->changes + i;
        struct actor *a = find_actor(w, c->rule_key);
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
    const struct change *first, *last;
};

static struct ends find_ends(const struct walking *w, int64_t rule_key, size_t stored) {
    struct ends ends = {0};
    for (size_t i = 0; i < stored; i++) {
        const struct change *c = w->changes + i;
        if (c->rule_key != rule_key)
            continue;
        ends.first = c;
        if (!ends.last)
            ends.last = c;
    }
    return ends;
}

static int derive_change(struct walking *w, const struct actor *a, bool joining, int64_t at) {
    struct change *c = add_change(w);
    if (!c)
        return -1;
    *c = (struct change){.at = at,
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
static int derive_silent(struct walking *w, const struct actor *a) {
    int64_t joined = a->created > w->first_capture ? a->created : w->first_capture;
    int64_t gone = w->resource->deleted ? w->resource->capture_time : INT64_MAX;
    if (!a->covers)
        return 0;
    if (gone != INT64_MAX && a->created <= gone && derive_change(w, a, false, gone) != 0)
        return -1;
    return joined < gone ? derive_change(w, a, true, joined) : 0;
}

/* When a rule that left at `left` covered the resource again: as the rule changed, or the resource did. */
static int64_t time_of_return(const struct walking *w, const struct actor *a, int64_t left) {
    int64_t rule = a->modified > left ? a->modified : INT64_MAX;
    int64_t resource = w->resource->capture_time > left ? w->resource->capture_time : INT64_MAX;
    int64_t first = rule < resource ? rule : resource;
    return first == INT64_MAX ? left + 1 : first;
}

/* The deletion of a rule is told by the rule alone. */
static int derive_deletion(struct walking *w, const struct actor *a, struct change last) {
    int64_t at = a->deleted > last.at ? a->deleted : last.at + 1;
    if (a->deleted == INT64_MAX || last.to == ENGINE_COMPLIANCE_COUNT)
        return 0;
    if (derive_change(w, a, false, at) != 0)
        return -1;
    struct change *made = w->changes + w->change_count - 1;
    made->from = last.to;
    made->annotation_from = last.annotation_to;
    made->message_type = last.message_type;
    return 0;
}

static int derive_around(struct walking *w, const struct actor *a, struct change first, struct change last) {
    int64_t joined = a->created > w->first_capture ? a->created : w->first_capture;
    bool back = a->covers && !w->resource->deleted && last.to == ENGINE_COMPLIANCE_COUNT;
    if (first.from == ENGINE_COMPLIANT && joined < first.at && derive_change(w, a, true, joined) != 0)
        return -1;
    if (back && derive_change(w, a, true, time_of_return(w, a, last.at)) != 0)
        return -1;
    return derive_deletion(w, a, last);
}

static bool has_left(const struct actor *a) {
    return a->told && a->was == ENGINE_COMPLIANCE_COUNT;
}

/* A change of the resource knows whether the rule covered it before: then it had come back silently. */
static int derive_returns(struct walking *w) {
    for (size_t i = w->change_count; i-- > 0;) {
        struct change c = w->changes[i];
        struct actor *a = find_actor(w, c.rule_key);
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

static int derive_changes(struct walking *w) {
    size_t stored = w->change_count;
    if (derive_returns(w) != 0)
        return -1;
    for (size_t i = 0; i < w->actor_count; i++) {
        const struct actor *a = w->actors + i;
        struct ends ends = find_ends(w, a->rule_key, stored);
        if ((ends.first ? derive_around(w, a, *ends.first, *ends.last) : derive_silent(w, a)) != 0)
            return -1;
    }
    return 0;
}

/* The last thing known of a former rule is what it said when it was deleted. */
static void settle_former(struct walking *w) {
    for (size_t i = 0; i < w->change_count; i++) {
        struct change *c = w->changes + i;
        c->actor = find_actor(w, c->rule_key);
        if (!c->actor || c->actor->deleted == INT64_MAX || c->actor->covers)
            continue;
        c->actor->covers = true; /* seen: only the newest change counts */
        c->actor->state = c->to;
        c->actor->annotation = c->annotation_to;
        c->actor->message_type = c->message_type;
    }
}

/* Runs take a resource for covered before; where the rule had left it, it was not. */
static void correct_returns(struct walking *w) {
    for (size_t i = w->change_count; i-- > 0;) {
        struct change *c = w->changes + i;
        if (!c->actor)
            continue;
        if (has_left(c->actor)) {
            c->from = ENGINE_COMPLIANCE_COUNT;
            c->annotation_from = PL_STR("");
        }
        tell(c->actor, c);
    }
}

/* --- Writing
 * -------------------------------------------------------------------------------------------------- */

static void write_text(pl_buf *out, const char *name, pl_str value) {
    pl_buf_printf(out, "\"%s\":", name);
    pl_json_write_string(out, value);
}

static void write_entry(pl_buf *out, const struct actor *a, engine_compliance state, pl_str annotation,
                        engine_message_type message_type) {
    if (state == ENGINE_COMPLIANCE_COUNT) {
        pl_buf_add(out, PL_STR("{}"));
        return;
    }
    pl_buf_printf(out, "{\"accountId\":%.*s,", PL_FMT(a->owner_id));
    write_text(out, "configRuleId", a->rule_id);
    pl_buf_printf(out, ",\"configRuleArn\":\"acs:config::%.*s:rule/%.*s\",", PL_FMT(a->owner_id),
                  PL_FMT(a->rule_id));
    write_text(out, "configRuleName", a->name);
    pl_buf_add_char(out, ',');
    write_text(out, "complianceType", engine_compliance_name(state));
    pl_buf_printf(out, ",\"riskLevel\":%d,", a->risk_level);
    write_text(out, "annotation", annotation);
    pl_buf_add_char(out, ',');
    write_text(out, "invokingEventMessageType", engine_message_name(message_type));
    pl_buf_add_char(out, '}');
}

static bool exists_at(const struct actor *a, int64_t at) {
    return a->state != ENGINE_COMPLIANCE_COUNT && a->created <= at && at < a->deleted;
}

static void write_state(struct walking *w, pl_buf *out, int64_t at) {
    engine_counts counts = {0};
    int64_t size;
    for (size_t i = 0; i < w->actor_count; i++)
        if (exists_at(w->actors + i, at))
            counts.by[w->actors[i].state]++;
    engine_compliance class = engine_aggregate(&counts, &size);
    pl_buf_printf(out, "{\"Compliance\":{\"complianceType\":\"%.*s\",\"count\":%lld},\"ConfigRuleList\":[",
                  PL_FMT(engine_compliance_name(class)),
                  (long long)(size ? size : counts.by[ENGINE_INSUFFICIENT_DATA]));
    bool first = true;
    for (size_t i = 0; i < w->actor_count; i++) {
        const struct actor *a = w->actors + i;
        if (!exists_at(a, at))
            continue;
        if (!first)
            pl_buf_add_char(out, ',');
        first = false;
        write_entry(out, a, a->state, a->annotation, a->message_type);
    }
    pl_buf_add(out, PL_STR("]}"));
}

static void write_key(struct walking *w, pl_buf *out, const struct actor *a) {
    pl_str key =
        a->repeated ? pl_arena_printf(w->arena, "%.*s(%.*s)", PL_FMT(a->name), PL_FMT(a->rule_id)) : a->name;
    pl_json_write_string(out, key);
    pl_buf_add_char(out, ':');
}

/* The changes of one node, which has at most one of a rule. */
static void write_diff(struct walking *w, pl_buf *out, const struct change *changes, size_t count) {
    bool first = true;
    pl_buf_add_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        const struct change *c = changes + i;
        if (!c->actor)
            continue;
        if (!first)
            pl_buf_add_char(out, ',');
        first = false;
        write_key(w, out, c->actor);
        pl_buf_add_char(out, '[');
        write_entry(out, c->actor, c->from, c->annotation_from, c->message_type);
        pl_buf_add_char(out, ',');
        write_entry(out, c->actor, c->to, c->annotation_to, c->message_type);
        pl_buf_add_char(out, ']');
    }
    pl_buf_add_char(out, '}');
}

static int write_node(struct walking *w, const struct change *changes, size_t count, engine_node *out) {
    pl_buf text;
    pl_buf_init(&text, 64 << 20);
    out->capture_time = changes[0].at;
    write_state(w, &text, changes[0].at);
    out->configuration = text.failed ? PL_STR_NONE : pl_arena_copy(w->arena, pl_buf_str(&text));
    pl_buf_clear(&text);
    write_diff(w, &text, changes, count);
    out->configuration_diff = text.failed ? PL_STR_NONE : pl_arena_copy(w->arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return out->configuration.p && out->configuration_diff.p ? 0 : out_of_memory(w);
}

static void undo(const struct change *c) {
    if (!c->actor)
        return;
    c->actor->state = c->from;
    c->actor->annotation = c->annotation_from;
    c->actor->message_type = c->message_type;
}

/* Changes of different rules within a second share a node; a rule that changes again begins the next one. */
static bool joins(const struct change *changes, size_t count, const struct change *next) {
    if (next->at / SECOND != changes[0].at / SECOND)
        return false;
    for (size_t i = 0; i < count; i++)
        if (changes[i].rule_key == next->rule_key)
            return false;
    return true;
}

static int write_nodes(struct walking *w, int64_t from, int64_t to, size_t limit, engine_node *nodes,
                       size_t *count) {
    for (size_t i = 0, next; i < w->change_count && *count < limit; i = next) {
        for (next = i + 1; next < w->change_count; next++)
            if (!joins(w->changes + i, next - i, w->changes + next))
                break;
        if (w->changes[i].at < from)
            break;
        if (w->changes[i].at <= to && write_node(w, w->changes + i, next - i, nodes + (*count)++) != 0)
            return -1;
        for (size_t n = i; n < next; n++)
            undo(w->changes + n);
    }
    return 0;
}

int engine_compliance_timeline(engine *e, store_session *session, pl_arena *arena,
                               const inventory_resource *resource, int64_t from, int64_t to, size_t limit,
                               engine_node **nodes, size_t *count, pl_error *error) {
    struct walking w = {.e = e, .session = session, .arena = arena, .resource = resource, .error = error};
    *count = 0;
    *nodes = pl_new(arena, engine_node, limit ? limit : 1);
    if (!*nodes)
        return out_of_memory(&w);
    if (inventory_first_capture(session, resource, &w.first_capture, error) != 0 ||
        add_present_rules(&w) != 0 || add_stored_results(&w) != 0 || add_former_rules(&w) != 0 ||
        add_stored_changes(&w) != 0)
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
    return write_nodes(&w, from, to, limit, *nodes, count);
}
