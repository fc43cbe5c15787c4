/*
 * From rule records to programs: managed rules take their condition from the catalogue and their parameters
 * from the rule, condition rules bring their own, function rules wait for their function.
 *
 * INVARIANT: a rule that cannot be compiled gives INSUFFICIENT_DATA with the reason, never COMPLIANT.
 */
#include "engine/private.h"
#include "json/parser.h"

struct building {
    const catalogue *catalogue;
    bool strict;
    pl_arena *arena;
    engine_type_program *program;
    pl_error *error;
};

static int out_of_memory(struct building *b) {
    return pl_fail(b->error, PL_E_ServiceUnavailable);
}

static int set_insufficient(struct building *b, engine_slot *slot, pl_str reason) {
    pl_buf text;
    pl_buf_init(&text, 8192);
    pl_buf_add(&text, PL_STR("{\"reason\":"));
    pl_json_write_string(&text, pl_str_head(reason, 2048));
    pl_buf_add_char(&text, '}');
    slot->index = -1;
    slot->insufficient = text.failed ? PL_STR_NONE : pl_arena_copy(b->arena, pl_buf_str(&text));
    pl_buf_free(&text);
    return slot->insufficient.p ? 0 : out_of_memory(b);
}

static int parse_tree(struct building *b, pl_str text, pl_json *out, pl_error *error) {
    *out = PL_JSON_NONE;
    return text.n ? pl_json_parse_in(b->arena, text, out, error) : 0;
}

static int describe_managed(struct building *b, const engine_rule *rule, engine_slot *slot,
                            pl_program_rule *out, pl_error *error) {
    const catalogue_rule *managed = catalogue_find_rule(b->catalogue, rule->identifier, error);
    if (!managed && error->http_status >= 500)
        return -1;
    if (!managed)
        return pl_failf(error, PL_E_Invalid_SourceIdentifier_Value, "There is no managed rule %.*s.",
                        PL_FMT(rule->identifier));
    if (managed->missing.p)
        return set_insufficient(b, slot, managed->missing);
    slot->required_related = managed->required_related.items;
    slot->required_related_count = managed->required_related.count;
    pl_json given, values;
    if (parse_tree(b, rule->input_parameters, &given, error) != 0 ||
        catalogue_parameters(managed, b->arena, given, &values, error) != 0 ||
        catalogue_program_rule(managed, b->arena, values, out, error) != 0)
        return -1;
    out->required_related = PL_JSON_NONE; /* the slot's are looked at before the program is */
    return 0;
}

/* Parameters count for a user's condition only when there are any, so that "${x}" may stand for itself. */
static int describe_condition(struct building *b, const engine_rule *rule, pl_program_rule *out,
                              pl_error *error) {
    out->conditions = rule->conditions;
    out->strict = b->strict;
    if (rule->input_parameters.n && parse_tree(b, rule->input_parameters, &out->parameters, error) != 0)
        return -1;
    if (pl_json_count(out->parameters) == 0)
        out->parameters = PL_JSON_NONE;
    return 0;
}

/* What the program is to be told of the rule, or why it never decides (then `slot->insufficient`). */
static int describe(struct building *b, const engine_rule *rule, engine_slot *slot, pl_program_rule *out,
                    pl_error *error) {
    *out = (pl_program_rule){.condition = PL_JSON_NONE,
                             .applies = PL_JSON_NONE,
                             .required = PL_JSON_NONE,
                             .parameters = PL_JSON_NONE};
    slot->index = -1;
    if (rule->owner == ENGINE_FUNCTION)
        return set_insufficient(b, slot, PL_STR("The function has not reported a result yet."));
    return rule->owner == ENGINE_MANAGED ? describe_managed(b, rule, slot, out, error)
                                         : describe_condition(b, rule, out, error);
}

int engine_describe_rule(const struct catalogue *known, bool strict, pl_arena *arena, const engine_rule *rule,
                         pl_program_rule *out, pl_str *insufficient, pl_error *error) {
    engine_slot slot = {0};
    struct building b = {known, strict, arena, NULL, error};
    *error = (pl_error){0};
    int status = describe(&b, rule, &slot, out, error);
    *insufficient = slot.insufficient;
    return status;
}

static int compile_slot(struct building *b, engine_slot *slot, pl_error *error) {
    pl_program_rule described;
    int status = describe(b, slot->bound->rule, slot, &described, error);
    if (status != 0 || slot->insufficient.p)
        return status;
    size_t before = pl_program_rules(b->program->compiled);
    if (pl_program_add(b->program->compiled, &described, error) != 0)
        return -1;
    slot->index = (int)before;
    return 0;
}

static int fill(struct building *b, const engine_bound *rules, size_t count) {
    engine_type_program *p = b->program;
    p->slots = pl_new(b->arena, engine_slot, count ? count : 1);
    p->compiled = pl_program_new();
    if (!p->slots || !p->compiled)
        return out_of_memory(b);
    for (size_t i = 0; i < count; i++) {
        if (!engine_bound_has_type(rules + i, p->resource_type))
            continue;
        engine_slot *slot = p->slots + p->count++;
        pl_error wrong = {0};
        slot->bound = rules + i;
        if (compile_slot(b, slot, &wrong) == 0)
            continue;
        if (wrong.http_status >= 500) {
            *b->error = wrong;
            return -1;
        }
        if (set_insufficient(b, slot, pl_str_from(wrong.message)) != 0)
            return -1;
    }
    if (pl_program_seal(p->compiled, b->error) != 0)
        return -1;
    p->needs = pl_program_needs(p->compiled);
    return 0;
}

engine_type_program *engine_program_new(const struct catalogue *known, bool strict, pl_arena *arena,
                                        const engine_bound *rules, size_t count, pl_str resource_type,
                                        pl_error *error) {
    struct building b = {known, strict, arena, pl_new(arena, engine_type_program, 1), error};
    if (!b.program) {
        out_of_memory(&b);
        return NULL;
    }
    b.program->resource_type = pl_arena_copy(arena, resource_type);
    pthread_mutex_init(&b.program->lock, NULL);
    if (!b.program->resource_type.p)
        out_of_memory(&b);
    else if (fill(&b, rules, count) == 0)
        return b.program;
    engine_program_free(b.program);
    return NULL;
}

void engine_program_free(engine_type_program *program) {
    if (!program)
        return;
    for (size_t i = 0; i < program->idle_count; i++)
        pl_program_state_free(program->idle[i]);
    pl_program_release(program->compiled);
    pthread_mutex_destroy(&program->lock);
}

pl_program_state *engine_program_borrow(engine_type_program *program, pl_error *error) {
    pl_program_state *state = NULL;
    pthread_mutex_lock(&program->lock);
    if (program->idle_count)
        state = program->idle[--program->idle_count];
    pthread_mutex_unlock(&program->lock);
    if (!state)
        state = pl_program_state_new(program->compiled);
    if (!state)
        pl_fail(error, PL_E_ServiceUnavailable);
    return state;
}

void engine_program_give_back(engine_type_program *program, pl_program_state *state) {
    if (!state)
        return;
    pthread_mutex_lock(&program->lock);
    bool kept = program->idle_count < ENGINE_IDLE_STATES;
    if (kept)
        program->idle[program->idle_count++] = state;
    pthread_mutex_unlock(&program->lock);
    if (!kept)
        pl_program_state_free(state);
}
