/* Evaluating a program over one document. Values and clauses are found once and shared by the rules. */
#include "base/memory.h"
#include "condition/memo.h"
#include "condition/program_internal.h"
#include "condition/trail.h"
#include "json/scalar.h"

enum {
    SCRATCH_BYTES = 256 << 20,
    TEXT_BYTES = 64 << 20,
    FIELD_BYTES = 16 << 20,
    GUIDED_BYTES = 4 << 20 /* of a text that is walked without a tape: the excerpt has room for all of it */
};

static bool allocate(pl_program_state *state) {
    const pl_program *program = state->program;
    state->slots = pl_calloc(program->configuration.slots + 1, sizeof *state->slots);
    state->item_slots = pl_calloc(program->item.slots + 1, sizeof *state->item_slots);
    state->shapes = pl_calloc(program->configuration.slots + 1, sizeof *state->shapes);
    state->item_shapes = pl_calloc(program->item.slots + 1, sizeof *state->item_shapes);
    state->text_shapes = pl_calloc(program->configuration.slots + 1, sizeof *state->text_shapes);
    state->memos = memos_new(program);
    state->trail = state->memos ? trail_new(program, state->memos->each) : NULL;
    state->features = pl_calloc(program->feature_count + 1, sizeof *state->features);
    state->derived = pl_calloc(program->derived_count + 1, sizeof *state->derived);
    state->truths = pl_calloc(program->cell_count + 1, sizeof *state->truths);
    state->errors = pl_calloc(program->clause_count + 1, sizeof *state->errors);
    state->verdicts = pl_calloc(program->rule_count + 1, sizeof *state->verdicts);
    return state->slots && state->item_slots && state->shapes && state->item_shapes && state->text_shapes &&
           state->trail && state->features && state->derived && state->truths && state->errors &&
           state->verdicts;
}

pl_program_state *pl_program_state_new(const pl_program *program) {
    pl_program_state *state = pl_calloc(1, sizeof *state);
    if (!state)
        return NULL;
    state->program = pl_program_hold((pl_program *)(uintptr_t)program);
    pl_arena_init(&state->scratch, SCRATCH_BYTES);
    pl_buf_init(&state->text, TEXT_BYTES);
    pl_fail(&state->memory_error, PL_E_ServiceUnavailable);
    if (allocate(state))
        return state;
    pl_program_state_free(state);
    return NULL;
}

void pl_program_state_free(pl_program_state *state) {
    if (!state)
        return;
    for (size_t i = 0; state->derived && i < state->program->derived_count; i++)
        pl_json_parser_free(state->derived[i].parser);
    trie_forget(&state->program->configuration, state->shapes);
    trie_forget(&state->program->item, state->item_shapes);
    guide_forget(&state->program->configuration, state->text_shapes);
    trail_free(state->trail);
    memos_free(state->memos);
    pl_json_excerpt_free(&state->excerpt);
    pl_free(state->slots);
    pl_free(state->item_slots);
    pl_free(state->features);
    pl_free(state->derived);
    pl_free(state->truths);
    pl_free(state->errors);
    pl_free(state->verdicts);
    pl_buf_free(&state->text);
    pl_arena_free(&state->scratch);
    pl_program_release((pl_program *)(uintptr_t)state->program);
    pl_free(state);
}

pl_str pl_verdict_name(pl_verdict verdict) {
    static const pl_str names[] = {PL_STR_INIT("COMPLIANT"), PL_STR_INIT("NON_COMPLIANT"),
                                   PL_STR_INIT("NOT_APPLICABLE"), PL_STR_INIT("INSUFFICIENT_DATA"),
                                   PL_STR_INIT("ERROR")};
    return names[verdict];
}

static pl_json at_slot(pl_json root, const uint32_t *slots, uint32_t slot) {
    return slots[slot] ? pl_json_move(root, slots[slot]) : PL_JSON_NONE;
}

/* Copies a value that was only noted on the trail, and finds what is wanted below it. */
static void read_group(pl_program_state *state, const program_group *group) {
    const memo *m = &state->memos->each[group - state->program->groups];
    uint32_t *slot = &state->slots[group->node->slot];
    *slot = state->excerpt.words;
    pl_json_copy(&state->excerpt, state->parser, m->text);
    if (trie_is_inner(group->node))
        trie_walk_below(group->node, pl_json_excerpt_node(&state->excerpt, *slot), state->slots,
                        state->shapes);
}

/* A node of the configuration, or missing. */
static pl_json state_at(pl_program_state *state, uint32_t slot) {
    const pl_program *program = state->program;
    uint32_t group = program->group_of[slot];
    if (group != NO_GROUP && state->slots[program->groups[group].node->slot] == SLOT_IS_TEXT)
        read_group(state, &program->groups[group]);
    return at_slot(state->input->configuration, state->slots, slot);
}

/* The JSON text in a property, parsed; missing when it is absent, no text, or no JSON. */
static int parse_field(pl_program_state *state, const derived *d, derived_result *out) {
    pl_json start = state_at(state, d->slot);
    pl_json value = pl_path_find_from(d->field, d->from, start);
    out->root = PL_JSON_NONE;
    if (!pl_json_is_string(value))
        return 0;
    if (!out->parser)
        out->parser = pl_json_parser_new(FIELD_BYTES);
    if (!out->parser)
        return pl_fail(&state->error, PL_E_ServiceUnavailable);
    pl_str text = pl_json_text(value);
    if (text.n > FIELD_BYTES)
        return pl_failf(&state->error, PL_E_InvalidParameter, "the text in %.*s is too long",
                        PL_FMT(pl_path_text(d->field)));
    if (pl_json_parse(out->parser, text, &out->root, &state->error) == 0)
        return 0;
    out->root = PL_JSON_NONE;
    return pl_error_is(&state->error, PL_E_ServiceUnavailable) ? -1 : 0;
}

static int ask_related(pl_program_state *state, const derived *d, derived_result *out) {
    static const uint64_t empty[] = {(uint64_t)'r' << 56 | 3, (uint64_t)'[' << 56 | 3,
                                     (uint64_t)']' << 56 | 1};
    static const uint8_t no_strings[8];
    out->root = (pl_json){empty, no_strings, 1};
    if (!state->input->related)
        return 0;
    return state->input->related(state->input->context, d->type, &out->root, &state->error);
}

const derived_result *state_derived(pl_program_state *state, size_t number) {
    const derived *d = &state->program->derived[number];
    derived_result *result = &state->derived[number];
    if (result->progress != NOT_YET)
        return result;
    int status = d->source == SOURCE_FIELD ? parse_field(state, d, result) : ask_related(state, d, result);
    result->progress = status == 0 ? DONE : IN_ERROR;
    result->error = status == 0 ? NULL : state_keep_error(state);
    return result;
}

/* Selects the rest of a path behind its plain beginning. */
static int select_rest(pl_program_state *state, const program_feature *f, pl_json start, pl_json root,
                       feature *out) {
    pl_path_nodes nodes;
    if (pl_path_is_definite(f->path)) {
        *out = feature_of(pl_path_find_from(f->path, f->from, start));
        return 0;
    }
    if (pl_path_select_from(f->path, f->from, start, root, &state->scratch, &nodes, &state->error) != 0)
        return -1;
    *out = (feature){.items = nodes.count ? nodes.items : pl_feature_no_items, .count = nodes.count};
    return 0;
}

/* What a union of names selects, from the places of the names: the object around them need not be kept. */
static int gather_names(pl_program_state *state, const program_feature *f, feature *out) {
    pl_json *items = pl_new(&state->scratch, pl_json, f->any_count);
    if (!items)
        return pl_fail(&state->error, PL_E_ServiceUnavailable);
    *out = (feature){.items = items};
    for (size_t i = 0; i < f->any_count; i++) {
        pl_json item = state_at(state, f->any_slots[i]);
        if (pl_json_exists(item))
            items[out->count++] = item;
    }
    return 0;
}

static int find_value(pl_program_state *state, const program_feature *f, feature_result *result) {
    pl_json root = state->input->configuration, start;
    if (f->any_count)
        return gather_names(state, f, &result->value);
    if (f->source == SOURCE_FIELD || f->source == SOURCE_RELATED) {
        const derived_result *document = state_derived(state, f->derived);
        result->error = document->error;
        if (document->progress == IN_ERROR)
            return -1;
        root = start = document->root;
    } else if (f->source == SOURCE_ITEM) {
        root = state->input->item;
        start = at_slot(root, state->item_slots, f->slot);
    } else {
        start = state_at(state, f->slot);
    }
    return select_rest(state, f, start, root, &result->value);
}

static const feature_result *find_feature(pl_program_state *state, size_t number) {
    const program_feature *f = &state->program->features[number];
    feature_result *result = &state->features[number];
    if (result->progress != NOT_YET)
        return result;
    result->error = NULL;
    result->progress = DONE;
    if (f->source == SOURCE_PARAMETER) {
        result->value = f->fixed;
    } else if (find_value(state, f, result) != 0) {
        result->progress = IN_ERROR;
        result->value = feature_of(PL_JSON_NONE);
        if (!result->error)
            result->error = state_keep_error(state);
    }
    return result;
}

feature state_feature(pl_program_state *state, size_t number) {
    const program_feature *f = &state->program->features[number];
    if (f->plain && f->source == SOURCE_CONFIGURATION)
        return feature_of(state_at(state, f->slot));
    return find_feature(state, number)->value;
}

static truth decide(pl_program_state *state, size_t number) {
    const program_clause *one = &state->program->clauses[number];
    const program_feature *f = &state->program->features[one->feature];
    environment env = {state->input->now, &state->text, &state->scratch, &state->error};
    feature value;
    if (f->plain && f->source == SOURCE_CONFIGURATION) {
        value = feature_of(state_at(state, f->slot));
    } else {
        const feature_result *found = find_feature(state, one->feature);
        if (found->progress == IN_ERROR) {
            state->errors[number] = found->error;
            return FAILED;
        }
        value = found->value;
    }
    truth t = operator_apply(one->clause->op, &one->clause->desired, &value, &env);
    if (t == FAILED)
        state->errors[number] = state_keep_error(state);
    return t;
}

/* True when the truths of the group are kept, or may be, by the value's text or because there is none. */
static bool is_kept(const pl_program_state *state, uint32_t group) {
    return group != NO_GROUP &&
           (state->memos->each[group].entries || !state->slots[state->program->groups[group].node->slot]);
}

truth state_clause(pl_program_state *state, size_t number) {
    const program_clause *one = &state->program->clauses[number];
    unsigned char *cell = &state->truths[one->cell];
    if (*cell == UNKNOWN) {
        *cell = (unsigned char)decide(state, number);
        state->late = state->late || is_kept(state, one->group);
    }
    return (truth)*cell;
}

truth state_branch(pl_program_state *state, const branch *b) {
    if (!b->children)
        return state_clause(state, b->clause);
    truth result = b->any ? NO : YES;
    for (size_t i = 0; i < b->count; i++) {
        truth t = state_branch(state, &b->children[i]);
        if (t == FAILED || result == FAILED)
            result = FAILED;
        else if (t == (b->any ? YES : NO))
            result = t;
    }
    return result;
}

bool state_has_required(pl_program_state *state, size_t number) {
    feature value = state_feature(state, number);
    if (!value.items)
        return !feature_is_absent(&value);
    for (size_t i = 0; i < value.count; i++)
        if (!pl_json_is_null(value.items[i]))
            return true;
    return false;
}

/* Looks at everything required: an error weighs more than what is not there. */
static pl_verdict judge_required(pl_program_state *state, const program_rule *rule) {
    pl_verdict verdict = PL_COMPLIANT;
    for (size_t i = 0; i < rule->required_count; i++) {
        if (!state_has_required(state, rule->required[i]) && verdict == PL_COMPLIANT)
            verdict = PL_INSUFFICIENT_DATA;
        if (state->features[rule->required[i]].progress == IN_ERROR)
            verdict = PL_VERDICT_ERROR;
    }
    for (size_t i = 0; i < rule->related_count; i++) {
        const derived_result *related = state_derived(state, rule->related[i]);
        if (related->progress == IN_ERROR)
            verdict = PL_VERDICT_ERROR;
        else if (pl_json_count(related->root) == 0 && verdict == PL_COMPLIANT)
            verdict = PL_INSUFFICIENT_DATA;
    }
    return verdict;
}

static pl_verdict judge(pl_program_state *state, const program_rule *rule) {
    if (rule->insufficient.n)
        return PL_INSUFFICIENT_DATA;
    if (rule->applies.children) {
        truth applies = state_branch(state, &rule->applies);
        if (applies != YES)
            return applies == FAILED ? PL_VERDICT_ERROR : PL_NOT_APPLICABLE;
    }
    if (rule->required_count || rule->related_count) {
        pl_verdict required = judge_required(state, rule);
        if (required != PL_COMPLIANT)
            return required;
    }
    if (rule->sufficient.children) {
        truth sufficient = state_branch(state, &rule->sufficient);
        if (sufficient != YES)
            return sufficient == FAILED ? PL_VERDICT_ERROR : PL_INSUFFICIENT_DATA;
    }
    truth t = state_branch(state, &rule->condition);
    return t == YES ? PL_COMPLIANT : (t == FAILED ? PL_VERDICT_ERROR : PL_NON_COMPLIANT);
}

/* `cells` are what is known before anything is looked at. */
static void begin(pl_program_state *state, const pl_program_input *input, const unsigned char *cells) {
    const pl_program *program = state->program;
    state->kept = *input;
    state->input = &state->kept;
    state->followed = false;
    state->late = false;
    if (state->scratch.blocks)
        pl_arena_reset(&state->scratch);
    pl_buf_clear(&state->text);
    memset(state->slots, 0, program->configuration.slots * sizeof *state->slots);
    memcpy(state->truths, cells, program->cell_count);
    for (size_t i = 0; i < program->lazy_feature_count; i++)
        state->features[program->lazy_features[i]].progress = NOT_YET;
    for (size_t i = 0; i < program->derived_count; i++)
        state->derived[i].progress = NOT_YET;
    if (program->item.root) {
        memset(state->item_slots, 0, program->item.slots * sizeof *state->item_slots);
        if (pl_json_exists(input->item))
            trie_walk(&program->item, input->item, state->item_slots, state->item_shapes);
    }
}

static void judge_rule(pl_program_state *state, size_t rule) {
    state->verdicts[rule] = judge(state, &state->program->rules[rule]);
}

/* Every rule, once the slots are filled and the quick clauses decided. */
static const pl_verdict *judge_all(pl_program_state *state) {
    const pl_program *program = state->program;
    if (!quick_run_rules(state))
        for (size_t i = 0; i < program->rule_count; i++)
            if ((unsigned)state->verdicts[i] == QUICK_PENDING)
                judge_rule(state, i);
    for (size_t i = 0; i < program->slow_rule_count; i++)
        judge_rule(state, program->slow_rules[i]);
    return state->verdicts;
}

static bool is_recorded(const pl_program_input *input) {
    return pl_json_exists(input->configuration) && !pl_json_is_null(input->configuration);
}

const pl_verdict *pl_program_evaluate(pl_program_state *state, const pl_program_input *input) {
    begin(state, input, state->program->cells);
    if (is_recorded(input)) {
        if (input->places)
            columns_take(state);
        else
            trie_walk(&state->program->configuration, state->input->configuration, state->slots,
                      state->shapes);
        quick_run_clauses(state);
        return judge_all(state);
    }
    for (size_t i = 0; i < state->program->rule_count; i++)
        state->verdicts[i] = PL_INSUFFICIENT_DATA;
    return state->verdicts;
}

void pl_program_take(pl_program_state *state, const pl_program_input *input) {
    begin(state, input, state->program->cells);
    if (is_recorded(input))
        columns_take(state);
}

const pl_verdict *pl_program_judge(pl_program_state *state, size_t rule) {
    state->verdicts[rule] =
        is_recorded(state->input) ? judge(state, &state->program->rules[rule]) : PL_INSUFFICIENT_DATA;
    return state->verdicts;
}

const pl_verdict *pl_program_evaluate_indexed(pl_program_state *state, const pl_json_index *index,
                                              uint32_t *entry, const pl_program_input *input) {
    const pl_program *program = state->program;
    guide g = {index, &state->excerpt, state->slots, state->shapes, state->text_shapes, state->trail};
    if (program->whole || index->length > GUIDED_BYTES || pl_json_index_byte(index, *entry) != '{' ||
        !pl_json_excerpt_begin(&state->excerpt, index))
        return NULL;
    begin(state, input, program->cells);
    *entry = guide_walk(&g, &program->configuration, *entry);
    if (*entry == 0)
        return NULL;
    state->kept.configuration = pl_json_excerpt_node(&state->excerpt, 1);
    quick_run_clauses(state);
    return judge_all(state);
}

/* Decides the groups of values that no former document had. */
static void run_missed(pl_program_state *state) {
    const memo_set *m = state->memos;
    for (size_t i = 0; i < m->missed_count; i++) {
        const program_group *group = m->missed[i]->group;
        memcpy(state->truths + group->cell, state->program->cells + group->cell, group->width);
        read_group(state, group);
        quick_run_group(state, group);
    }
}

const pl_verdict *pl_program_evaluate_known(pl_program_state *state, pl_json_parser *parser, pl_str text,
                                            size_t *at, const pl_program_input *input) {
    const pl_program *program = state->program;
    const uint8_t *start = (const uint8_t *)text.p, *end = start + text.n;
    if (program->whole || !trail_is_open(state->trail) || text.n - *at > TRAIL_DOCUMENT ||
        !pl_json_excerpt_reserve(&state->excerpt, text.n - *at))
        return NULL;
    memos_begin(state->memos, program, input->now);
    begin(state, input, state->memos->absent);
    state->parser = parser;
    const uint8_t *behind = trail_follow(state->trail, state, start + *at, end);
    if (!behind)
        return NULL;
    *at = (size_t)(behind - start);
    state->kept.configuration = pl_json_excerpt_node(&state->excerpt, 1);
    state->followed = true;
    run_missed(state);
    const pl_verdict *verdicts = judge_all(state);
    memos_end(state->memos, program, state->truths, state->slots, state->late);
    return verdicts;
}

static size_t behind_blanks(pl_str text, size_t at) {
    const uint8_t *start = (const uint8_t *)text.p;
    return (size_t)(pl_json_skip_blanks(start + at, start + text.n) - start);
}

const pl_verdict *pl_program_evaluate_text(pl_program_state *state, pl_json_parser *parser, pl_str text,
                                           const pl_program_input *input, pl_error *error) {
    pl_program_input parsed = *input;
    const pl_verdict *verdicts;
    pl_json_index index;
    size_t at = text.n ? behind_blanks(text, 0) : 0;
    uint32_t entry = 0;
    if (at < text.n && (verdicts = pl_program_evaluate_known(state, parser, text, &at, input)) &&
        behind_blanks(text, at) == text.n)
        return verdicts;
    if (pl_json_index_make(parser, text, &index)) {
        verdicts = pl_program_evaluate_indexed(state, &index, &entry, input);
        if (verdicts && entry == index.count)
            return verdicts;
    }
    if (pl_json_parse_padded(parser, text, &parsed.configuration, error) != 0)
        return NULL;
    return pl_program_evaluate(state, &parsed);
}
