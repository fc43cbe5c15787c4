/* Saying why: errors, reasons and evaluated trees of the last evaluation; annotations are annotation.c. */
#include "condition/program_internal.h"

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
    found = r->sufficient.children ? failed_clause(state, &r->sufficient) : PL_NOT_FOUND;
    if (found != PL_NOT_FOUND)
        return state->errors[found];
    found = r->condition.children ? failed_clause(state, &r->condition) : PL_NOT_FOUND;
    return found != PL_NOT_FOUND ? state->errors[found] : &state->memory_error;
}

void state_write_value(pl_program_state *state, const feature *value, pl_buf *out) {
    if (!value->items && pl_json_is_string(value->node)) {
        pl_json_write_string(out, pl_json_text(value->node));
        return;
    }
    pl_buf_clear(&state->text);
    feature_write_text(&state->text, value);
    out->failed = out->failed || state->text.failed;
    pl_json_write_string(out, pl_buf_str(&state->text));
}

static void write_sentence(pl_buf *out, pl_str start, pl_str what) {
    pl_buf_add(out, start);
    pl_buf_add(out, what);
    pl_buf_add_char(out, '.');
}

/* The first clause of a false tree that is false itself. */
static const clause *false_clause(pl_program_state *state, const branch *b) {
    while (b->children) {
        size_t i = 0;
        while (i + 1 < b->count && state_branch(state, &b->children[i]) == YES)
            i++;
        b = &b->children[i];
    }
    return state->program->clauses[b->clause].clause;
}

static void write_insufficient(pl_program_state *state, const branch *sufficient, pl_buf *out) {
    const clause *asked = false_clause(state, sufficient);
    pl_buf_add(out, PL_STR("Too little is known at "));
    pl_buf_add(out, asked->source_text);
    write_sentence(out, PL_STR(" "), pl_path_text(asked->path));
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
    if (rule->sufficient.children)
        write_insufficient(state, &rule->sufficient, out);
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
    state_write_value(state, &value, out);
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
