/* Writing the nodes of a compliance timeline, walking back from the present. */
#include "engine/timeline.h"

enum { SECOND = 1000 };

static int out_of_memory(struct timeline *w) {
    return pl_fail(w->error, PL_E_ServiceUnavailable);
}

static void write_text(pl_buf *out, const char *name, pl_str value) {
    pl_buf_printf(out, "\"%s\":", name);
    pl_json_write_string(out, value);
}

static void write_entry(pl_buf *out, const struct timeline_actor *a, engine_compliance state,
                        pl_str annotation, engine_message_type message_type) {
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

static bool exists_at(const struct timeline_actor *a, int64_t at) {
    return a->state != ENGINE_COMPLIANCE_COUNT && a->created <= at && at < a->deleted;
}

static void write_state(struct timeline *w, pl_buf *out, int64_t at) {
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
        const struct timeline_actor *a = w->actors + i;
        if (!exists_at(a, at))
            continue;
        if (!first)
            pl_buf_add_char(out, ',');
        first = false;
        write_entry(out, a, a->state, a->annotation, a->message_type);
    }
    pl_buf_add(out, PL_STR("]}"));
}

static void write_key(struct timeline *w, pl_buf *out, const struct timeline_actor *a) {
    pl_str key =
        a->repeated ? pl_arena_printf(w->arena, "%.*s(%.*s)", PL_FMT(a->name), PL_FMT(a->rule_id)) : a->name;
    pl_json_write_string(out, key);
    pl_buf_add_char(out, ':');
}

/* The changes of one node, which has at most one of a rule. */
static void write_diff(struct timeline *w, pl_buf *out, const struct timeline_change *changes, size_t count) {
    bool first = true;
    pl_buf_add_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        const struct timeline_change *c = changes + i;
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

static int write_node(struct timeline *w, const struct timeline_change *changes, size_t count,
                      engine_node *out) {
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

static void undo(const struct timeline_change *c) {
    if (!c->actor)
        return;
    c->actor->state = c->from;
    c->actor->annotation = c->annotation_from;
    c->actor->message_type = c->message_type;
}

/* Changes of different rules within a second share a node; a rule that changes again begins the next one. */
static bool joins(const struct timeline_change *changes, size_t count, const struct timeline_change *next) {
    if (next->at / SECOND != changes[0].at / SECOND)
        return false;
    for (size_t i = 0; i < count; i++)
        if (changes[i].rule_key == next->rule_key)
            return false;
    return true;
}

int engine_timeline_write(struct timeline *w, int64_t from, int64_t to, size_t limit, engine_node *nodes,
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
