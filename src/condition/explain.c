/* Saying why: errors, annotations and evaluated trees of the last evaluation. */
#include "condition/memo.h"
#include "condition/program_internal.h"
#include "json/scalar.h"

/* The first clause of a tree that could not be decided; PL_NOT_FOUND when there is none. */
static size_t failed_clause(const pl_program_state *state, const branch *b) {
    if (!b->children)
        return state->truths[state->program->clauses[b->clause].cell] == FAILED ? b->clause : PL_NOT_FOUND;
    for (size_t i = 0; i < b->count; i++) {
        size_t found = failed_clause(state, &b->children[i]);
        if (found != PL_NOT_FOUND)
            return found;
    }
    return PL_NOT_FOUND;
}

const pl_error *pl_program_error(const pl_program_state *state, size_t rule) {
    const program_rule *r = &state->program->rules[rule];
    size_t found = r->applies.children ? failed_clause(state, &r->applies) : PL_NOT_FOUND;
    if (found != PL_NOT_FOUND)
        return state->errors[found];
    for (size_t i = 0; i < r->required_count; i++)
        if (state->features[r->required[i]].progress == IN_ERROR)
            return state->features[r->required[i]].error;
    for (size_t i = 0; i < r->related_count; i++)
        if (state->derived[r->related[i]].progress == IN_ERROR)
            return state->derived[r->related[i]].error;
    found = r->condition.children ? failed_clause(state, &r->condition) : PL_NOT_FOUND;
    return found != PL_NOT_FOUND ? state->errors[found] : &state->memory_error;
}

/* Most clauses are decided already. */
static inline truth truth_of(pl_program_state *state, const branch *b) {
    unsigned char cell = b->children ? UNKNOWN : state->truths[state->program->clauses[b->clause].cell];
    return cell == UNKNOWN ? state_branch(state, b) : (truth)cell;
}

/* Walks into the first false child of each group (reference/condition-rules.md, section 6). */
static const program_clause *deviating_clause(pl_program_state *state, const branch *b) {
    while (b->children) {
        const branch *next = NULL;
        for (size_t i = 0; !next && i < b->count; i++)
            if (truth_of(state, &b->children[i]) == NO)
                next = &b->children[i];
        if (!next)
            return NULL;
        b = next;
    }
    return &state->program->clauses[b->clause];
}

/* The value's text as a JSON string. */
static void write_value(pl_program_state *state, const feature *value, pl_buf *out) {
    if (!value->items && pl_json_is_string(value->node)) {
        pl_json_write_string(out, pl_json_text(value->node));
        return;
    }
    pl_buf_clear(&state->text);
    feature_write_text(&state->text, value);
    out->failed = out->failed || state->text.failed;
    pl_json_write_string(out, pl_buf_str(&state->text));
}

static void write_member(pl_buf *out, pl_str before, pl_str value) {
    pl_buf_add(out, before);
    pl_json_write_string(out, value);
}

/* A part of a list or object as a piece of a text; the byte behind it, or NULL when it needs more than that.
 */
static const uint8_t *write_part(const uint8_t *p, pl_buf *out) {
    if (memchr("[]{},:", *p, 6)) {
        pl_buf_add_char(out, (char)*p);
        return p + 1;
    }
    bool text = *p == '"';
    uint32_t n = text ? pl_json_short_text(p) : pl_json_short_bare(p);
    pl_str plain = text && n ? pl_str_of((const char *)p + 1, n - 2) : pl_str_of((const char *)p, n);
    if (text)
        pl_buf_add(out, PL_STR("\\\""));
    pl_buf_add_blocks(out, plain);
    if (text)
        pl_buf_add(out, PL_STR("\\\""));
    return n ? p + n : NULL;
}

/* A list or object of plain texts, short integers and words, without blanks. */
static bool write_container(pl_str value, pl_buf *out) {
    const uint8_t *p = (const uint8_t *)value.p, *end = p + value.n;
    size_t before = out->n;
    pl_buf_add_char(out, '"');
    while (p && p < end)
        p = write_part(p, out);
    if (!p)
        out->n = before;
    else
        pl_buf_add_char(out, '"');
    return p != NULL;
}

/*
 * Writes a value as it stands in a text that was followed without being copied; false when it has to be
 * changed for it. It is known to be JSON.
 */
static bool write_as_written(pl_str value, pl_buf *out) {
    const uint8_t *p = (const uint8_t *)value.p;
    if (*p == '"') {
        if (pl_json_short_text(p) != value.n && memchr(p, '\\', value.n))
            return false;
        pl_buf_add_blocks(out, value);
        return true;
    }
    if (*p == '[' || *p == '{')
        return write_container(value, out);
    if (pl_json_short_bare(p) != value.n || *p == 'n')
        return false;
    pl_buf_add_char(out, '"');
    pl_buf_add_blocks(out, value);
    pl_buf_add_char(out, '"');
    return true;
}

/* Of a clause that looks at a whole value of the configuration: true when it need not be copied to be shown.
 */
static inline bool write_shown(const pl_program_state *state, const program_clause *one, bool *exists,
                               pl_buf *out) {
    uint32_t slot = state->slots[one->shown];
    *exists = slot != 0;
    if (slot == 0) {
        pl_buf_add(out, PL_STR("\"\""));
        return true;
    }
    const memo *m = &state->memos->each[one->group];
    return slot == SLOT_IS_TEXT && write_as_written(pl_str_of((const char *)m->text, m->n), out);
}

/* False when there is no value. */
static inline bool write_clause_value(pl_program_state *state, const program_clause *one, pl_buf *out) {
    bool exists;
    if (one->shown && write_shown(state, one, &exists, out))
        return exists;
    if (one->json_fixed.p) {
        pl_buf_add_blocks(out, one->json_fixed);
        return true;
    }
    feature value = state_feature(state, one->feature);
    write_value(state, &value, out);
    return value.items || pl_json_exists(value.node);
}

void pl_program_write_annotation(pl_program_state *state, size_t rule, pl_buf *out) {
    const program_rule *r = &state->program->rules[rule];
    if (state->verdicts[rule] != PL_NON_COMPLIANT)
        return;
    const program_clause *one = deviating_clause(state, &r->condition);
    if (!one)
        return;
    pl_buf_add(out, PL_STR("{\"configuration\":"));
    bool exists = write_clause_value(state, one, out);
    if (r->annotation_operator.n) {
        pl_buf_add(out, one->json_desired);
        write_member(out, PL_STR(",\"operator\":"), r->annotation_operator);
        pl_buf_add(out, one->json_property);
    } else {
        pl_buf_add_blocks(out, one->json_behind);
    }
    if (!exists)
        pl_buf_add(out, PL_STR(",\"reason\":\"No property contains.\""));
    pl_buf_add_char(out, '}');
}

static void write_sentence(pl_buf *out, pl_str start, pl_str what) {
    pl_buf_add(out, start);
    pl_buf_add(out, what);
    pl_buf_add_char(out, '.');
}

static void write_missing(pl_program_state *state, const program_rule *rule, pl_buf *out) {
    pl_json configuration = state->input->configuration;
    if (rule->insufficient.n) {
        pl_buf_add(out, rule->insufficient);
        return;
    }
    if (!pl_json_exists(configuration) || pl_json_is_null(configuration)) {
        pl_buf_add(out, PL_STR("The resource has no recorded configuration."));
        return;
    }
    for (size_t i = 0; i < rule->required_count; i++)
        if (!state_has_required(state, rule->required[i])) {
            write_sentence(out, PL_STR("The configuration has no value at "),
                           pl_path_text(state->program->features[rule->required[i]].path));
            return;
        }
    for (size_t i = 0; i < rule->related_count; i++)
        if (pl_json_count(state_derived(state, rule->related[i])->root) == 0) {
            write_sentence(out, PL_STR("The resource has no recorded related "),
                           state->program->derived[rule->related[i]].type);
            return;
        }
}

void pl_program_write_reason(pl_program_state *state, size_t rule, pl_buf *out) {
    if (state->verdicts[rule] == PL_VERDICT_ERROR)
        pl_buf_add(out, pl_str_from(pl_program_error(state, rule)->message));
    else if (state->verdicts[rule] == PL_INSUFFICIENT_DATA)
        write_missing(state, &state->program->rules[rule], out);
}

static pl_str result_name(truth t) {
    return pl_verdict_name(t == YES ? PL_COMPLIANT : (t == FAILED ? PL_VERDICT_ERROR : PL_NON_COMPLIANT));
}

static void write_clause(pl_program_state *state, size_t number, pl_buf *out) {
    const program_clause *one = &state->program->clauses[number];
    feature value = state_feature(state, one->feature);
    pl_buf_add(out, PL_STR("{\"featureValue\":"));
    write_value(state, &value, out);
    pl_buf_add(out, one->json_source);
    pl_buf_add(out, result_name(state_clause(state, number)));
    pl_buf_add(out, one->json_rest);
    pl_buf_add_char(out, '}');
}

/* Members in the order of the reference; every part of a tree stands for itself, so a writer is not needed.
 */
static void write_branch(pl_program_state *state, const branch *b, pl_buf *out) {
    if (!b->children) {
        write_clause(state, b->clause, out);
        return;
    }
    pl_buf_add(out, PL_STR("{\"result\":\""));
    pl_buf_add(out, result_name(state_branch(state, b)));
    pl_buf_add(out, PL_STR("\",\"children\":["));
    for (size_t i = 0; i < b->count; i++) {
        if (i)
            pl_buf_add_char(out, ',');
        write_branch(state, &b->children[i], out);
    }
    pl_buf_add(out, b->any ? PL_STR("],\"operator\":\"or\"}") : PL_STR("],\"operator\":\"and\"}"));
}

static void write_tree(pl_program_state *state, const branch *b, pl_buf *out) {
    if (b->children)
        write_branch(state, b, out);
}

void pl_program_write_context(pl_program_state *state, size_t rule, pl_buf *out) {
    write_tree(state, &state->program->rules[rule].condition, out);
}

void pl_program_write_applies_context(pl_program_state *state, size_t rule, pl_buf *out) {
    write_tree(state, &state->program->rules[rule].applies, out);
}
