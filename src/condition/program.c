/* Building programs: rules are compiled, their clauses and values shared, plain paths merged into tries. */
#include "condition/program.h"

#include "base/memory.h"
#include "condition/program_internal.h"

enum { MAX_PROGRAM_BYTES = 256 << 20 };

pl_program *pl_program_new(void) {
    pl_program *program = pl_calloc(1, sizeof *program);
    if (!program)
        return NULL;
    atomic_init(&program->references, 1);
    pl_arena_init(&program->arena, MAX_PROGRAM_BYTES);
    pl_map_init(&program->known, 0);
    return program;
}

pl_program *pl_program_hold(pl_program *program) {
    atomic_fetch_add_explicit(&program->references, 1, memory_order_relaxed);
    return program;
}

void pl_program_release(pl_program *program) {
    if (!program || atomic_fetch_sub_explicit(&program->references, 1, memory_order_acq_rel) != 1)
        return;
    pl_map_free(&program->known);
    pl_arena_free(&program->arena);
    pl_free(program);
}

size_t pl_program_rules(const pl_program *program) {
    return program->rule_count;
}

pl_condition_needs pl_program_needs(const pl_program *program) {
    return program->needs;
}

size_t pl_program_related_types(const pl_program *program, pl_str *types, size_t capacity) {
    size_t count = 0;
    for (size_t i = 0; i < program->derived_count; i++)
        if (program->derived[i].source == SOURCE_RELATED && count++ < capacity)
            types[count - 1] = program->derived[i].type;
    return count;
}

/* Number of the thing known by `key`, or PL_NOT_FOUND. */
static size_t known(const pl_program *program, pl_str key) {
    uintptr_t number = (uintptr_t)pl_map_get(&program->known, key);
    return number ? number - 1 : PL_NOT_FOUND;
}

static bool remember(pl_program *program, pl_str key, size_t number) {
    return key.p && pl_map_put(&program->known, key, (void *)(number + 1));
}

static size_t link_derived(pl_program *program, const clause *one) {
    pl_str key = pl_arena_printf(&program->arena, "d\n%.*s", PL_FMT(one->source_text));
    size_t number = key.p ? known(program, key) : PL_NOT_FOUND;
    if (number != PL_NOT_FOUND)
        return number;
    derived *larger = pl_arena_grow(&program->arena, program->derived, program->derived_count,
                                    &program->derived_capacity, sizeof *larger);
    if (!larger || !remember(program, key, program->derived_count))
        return PL_NOT_FOUND;
    program->derived = larger;
    program->derived[program->derived_count] = (derived){
        .source = one->source, .key = one->source_text, .field = one->field, .type = one->related_type};
    return program->derived_count++;
}

static size_t add_feature(pl_program *program, const clause *one) {
    size_t source = 0;
    if (one->source == SOURCE_FIELD || one->source == SOURCE_RELATED)
        source = link_derived(program, one);
    program_feature *larger = pl_arena_grow(&program->arena, program->features, program->feature_count,
                                            &program->feature_capacity, sizeof *larger);
    if (!larger || source == PL_NOT_FOUND)
        return PL_NOT_FOUND;
    program->features = larger;
    program->features[program->feature_count] =
        (program_feature){.source = one->source, .path = one->path, .derived = source, .fixed = one->fixed};
    return program->feature_count++;
}

/* Values of parameters belong to one rule; all others are shared by source and path. */
static size_t link_feature(pl_program *program, const clause *one) {
    if (one->source == SOURCE_PARAMETER)
        return add_feature(program, one);
    pl_str key = pl_arena_printf(&program->arena, "f\n%.*s\n%.*s", PL_FMT(one->source_text),
                                 PL_FMT(pl_path_text(one->path)));
    size_t number = key.p ? known(program, key) : PL_NOT_FOUND;
    if (number != PL_NOT_FOUND)
        return number;
    number = add_feature(program, one);
    return number != PL_NOT_FOUND && remember(program, key, number) ? number : PL_NOT_FOUND;
}

static void write_member(pl_buf *out, pl_str before, pl_str value) {
    pl_buf_add(out, before);
    pl_json_write_string(out, value);
}

/* What RuleConditionContext shows of a clause (reference/condition-rules.md, section 6.1), in its order. */
static bool write_clause_json(pl_program *program, const clause *one, program_clause *out) {
    pl_buf text;
    pl_buf_init(&text, (size_t)1 << 25);
    write_member(&text, PL_STR(",\"featureSource\":"), one->source_text);
    pl_buf_add(&text, PL_STR(",\"result\":\""));
    size_t source_end = text.n;
    write_member(&text, PL_STR("\",\"desired\":"), one->desired.text);
    write_member(&text, PL_STR(",\"children\":[],\"operator\":"), pl_operator_info_of(one->op)->name);
    write_member(&text, PL_STR(",\"featurePath\":"), pl_path_text(one->path));
    pl_str kept = text.failed ? PL_STR_NONE : pl_arena_copy(&program->arena, pl_buf_str(&text));
    pl_buf_free(&text);
    out->json_source = pl_str_head(kept, source_end);
    out->json_rest = pl_str_skip(kept, source_end);
    return kept.p != NULL;
}

static size_t add_clause(pl_program *program, const clause *one, size_t value) {
    program_clause added = {.clause = one, .feature = value};
    program_clause *larger = pl_arena_grow(&program->arena, program->clauses, program->clause_count,
                                           &program->clause_capacity, sizeof *larger);
    if (!larger || !write_clause_json(program, one, &added))
        return PL_NOT_FOUND;
    program->clauses = larger;
    program->clauses[program->clause_count] = added;
    return program->clause_count++;
}

/* Clauses with the same value, operator and desired text are one. */
static size_t link_clause(pl_program *program, const clause *one) {
    size_t value = link_feature(program, one);
    if (value == PL_NOT_FOUND)
        return PL_NOT_FOUND;
    pl_str key = pl_arena_printf(&program->arena, "c\n%zu\n%d\n%d\n%.*s", value, (int)one->op,
                                 (int)one->desired.unset, PL_FMT(one->desired.text));
    size_t number = key.p ? known(program, key) : PL_NOT_FOUND;
    if (number != PL_NOT_FOUND)
        return number;
    number = add_clause(program, one, value);
    return number != PL_NOT_FOUND && remember(program, key, number) ? number : PL_NOT_FOUND;
}

/* Copies a tree with the program's clause numbers. */
static bool link_branch(pl_program *program, const pl_condition *condition, const branch *from, branch *to) {
    *to = (branch){.any = from->any, .count = from->count};
    if (!from->children) {
        to->clause = link_clause(program, &condition->clauses[from->clause]);
        return to->clause != PL_NOT_FOUND;
    }
    to->children = pl_new(&program->arena, branch, from->count);
    for (size_t i = 0; to->children && i < from->count; i++)
        if (!link_branch(program, condition, &from->children[i], &to->children[i]))
            return false;
    return to->children != NULL;
}

static bool link_condition(pl_program *program, const pl_condition *condition, branch *to) {
    pl_condition_needs needs = pl_condition_needs_of(condition);
    program->needs.item = program->needs.item || needs.item;
    program->needs.related = program->needs.related || needs.related;
    program->needs.now = program->needs.now || needs.now;
    return link_branch(program, condition, &condition->root, to);
}

/* Compiled parts of a rule, before anything is linked. */
typedef struct parts {
    const pl_condition *condition, *applies, *sufficient;
    const pl_path **required;
    size_t required_count;
    pl_str *related;
    size_t related_count;
    pl_str annotation_operator, insufficient;
} parts;

static int compile_required(pl_program *program, pl_json required, parts *out, pl_error *error) {
    pl_str key;
    pl_json text;
    out->required = pl_new(&program->arena, const pl_path *, pl_json_count(required) + 1);
    if (!out->required)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (pl_json_walk walk = pl_json_children(required); pl_json_step(&walk, &key, &text);) {
        const pl_path **path = &out->required[out->required_count++];
        if (!pl_json_is_string(text))
            return pl_failf(error, PL_E_Invalid_Conditions_Value, "A required property must be a text.");
        if (pl_path_compile(&program->arena, pl_json_text(text), PL_PATH_CLOUD_CONFIG, path, error) != 0)
            return -1;
    }
    return 0;
}

static int compile_related(pl_program *program, const pl_program_rule *rule, parts *out, pl_error *error) {
    pl_str key;
    pl_json type;
    out->related = pl_new(&program->arena, pl_str, pl_json_count(rule->required_related) + 1);
    if (!out->related)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (pl_json_walk walk = pl_json_children(rule->required_related); pl_json_step(&walk, &key, &type);) {
        if (!pl_json_is_string(type) || rule->strict)
            return pl_failf(error, PL_E_Invalid_Conditions_Value, "A required related type is not allowed.");
        out->related[out->related_count++] = pl_arena_copy(&program->arena, pl_json_text(type));
    }
    return 0;
}

static int compile_conditions(pl_program *program, const pl_program_rule *rule, parts *out, pl_error *error) {
    pl_condition_options options = {rule->parameters, rule->strict, rule->readable};
    pl_arena *arena = &program->arena;
    int status = pl_json_exists(rule->condition)
                     ? pl_condition_compile_tree(arena, rule->condition, &options, &out->condition, error)
                     : pl_condition_compile(arena, rule->conditions, &options, &out->condition, error);
    if (status == 0 && pl_json_exists(rule->applies))
        status = pl_condition_compile_tree(arena, rule->applies, &options, &out->applies, error);
    if (status == 0 && pl_json_exists(rule->sufficient))
        status = pl_condition_compile_tree(arena, rule->sufficient, &options, &out->sufficient, error);
    return status;
}

static int compile_parts(pl_program *program, const pl_program_rule *rule, parts *out, pl_error *error) {
    out->annotation_operator = pl_arena_copy(&program->arena, rule->annotation_operator);
    out->insufficient = pl_arena_copy(&program->arena, rule->insufficient);
    if (rule->insufficient.n == 0 && compile_conditions(program, rule, out, error) != 0)
        return -1;
    if (compile_required(program, rule->required, out, error) != 0 ||
        compile_related(program, rule, out, error) != 0)
        return -1;
    return program->arena.failed ? pl_fail(error, PL_E_ServiceUnavailable) : 0;
}

static bool link_required(pl_program *program, const parts *from, program_rule *to) {
    to->required = pl_new(&program->arena, size_t, from->required_count + 1);
    for (size_t i = 0; to->required && i < from->required_count; i++) {
        clause one = {.source = SOURCE_CONFIGURATION,
                      .source_text = PL_STR("CONFIGURATION"),
                      .path = from->required[i]};
        to->required[i] = link_feature(program, &one);
        if (to->required[i] == PL_NOT_FOUND)
            return false;
        to->required_count++;
    }
    return to->required != NULL;
}

static bool link_related(pl_program *program, const parts *from, program_rule *to) {
    to->related = pl_new(&program->arena, size_t, from->related_count + 1);
    for (size_t i = 0; to->related && i < from->related_count; i++) {
        clause one = {.source = SOURCE_RELATED, .related_type = from->related[i]};
        one.source_text = pl_arena_printf(&program->arena, "RELATED:%.*s", PL_FMT(one.related_type));
        to->related[i] = link_derived(program, &one);
        if (to->related[i] == PL_NOT_FOUND)
            return false;
        to->related_count++;
        program->needs.related = true;
    }
    return to->related != NULL;
}

static bool link_rule(pl_program *program, const parts *from) {
    program_rule *larger = pl_arena_grow(&program->arena, program->rules, program->rule_count,
                                         &program->rule_capacity, sizeof *larger);
    if (!larger)
        return false;
    program->rules = larger;
    program_rule *rule = &program->rules[program->rule_count];
    *rule =
        (program_rule){.annotation_operator = from->annotation_operator, .insufficient = from->insufficient};
    if (from->condition && !link_condition(program, from->condition, &rule->condition))
        return false;
    if (!link_required(program, from, rule) || !link_related(program, from, rule))
        return false;
    if (from->applies && !link_condition(program, from->applies, &rule->applies))
        return false;
    if (from->sufficient && !link_condition(program, from->sufficient, &rule->sufficient))
        return false;
    program->rule_count++;
    return true;
}

int pl_program_add(pl_program *program, const pl_program_rule *rule, pl_error *error) {
    parts compiled = {.condition = NULL};
    if (compile_parts(program, rule, &compiled, error) != 0)
        return -1;
    if (link_rule(program, &compiled))
        return 0;
    program->broken = true;
    return pl_fail(error, PL_E_ServiceUnavailable);
}

/* Captures each name of a union, so that its presence is known without a search. */
static bool place_names(pl_program *program, program_feature *f, trie_node *place) {
    size_t count = pl_path_last_names(f->path);
    f->any_slots = pl_new(&program->arena, uint32_t, count + 1);
    for (size_t i = 0; f->any_slots && i < count; i++) {
        trie_node *child =
            trie_add_name(&program->arena, &program->configuration, place, pl_path_last_name(f->path, i));
        if (!child)
            return false;
        child->whole = true;
        f->any_slots[f->any_count++] = child->slot;
    }
    return f->any_slots != NULL;
}

/* True when the path asks for the root, or has a second `$`: one inside a filter. */
static bool needs_document(const pl_path *path, size_t plain_steps) {
    return plain_steps == 0 || pl_str_find_char(pl_str_skip(pl_path_text(path), 1), '$') != PL_NOT_FOUND;
}

static bool place_feature(pl_program *program, program_feature *f) {
    bool whole;
    size_t steps = pl_path_plain_steps(f->path, &whole);
    if (f->source != SOURCE_CONFIGURATION && f->source != SOURCE_ITEM)
        return true;
    trie_node *place = trie_add(
        &program->arena, f->source == SOURCE_ITEM ? &program->item : &program->configuration, f->path, steps);
    if (!place)
        return false;
    if (f->source == SOURCE_CONFIGURATION && !whole && pl_path_last_names(f->path) &&
        !place_names(program, f, place))
        return false;
    if (f->any_count == 0) {
        place->whole = true;
        program->whole =
            program->whole || (f->source == SOURCE_CONFIGURATION && needs_document(f->path, steps));
    }
    f->plain = whole;
    f->slot = place->slot;
    f->from = steps;
    return true;
}

static bool place_derived(pl_program *program, derived *d) {
    if (d->source != SOURCE_FIELD)
        return true;
    d->from = pl_path_plain_steps(d->field, NULL);
    trie_node *place = trie_add(&program->arena, &program->configuration, d->field, d->from);
    program->whole = program->whole || needs_document(d->field, d->from);
    if (!place)
        return false;
    place->whole = true;
    d->slot = place->slot;
    return true;
}

int pl_program_seal(pl_program *program, pl_error *error) {
    bool fits = !program->broken;
    for (size_t i = 0; fits && i < program->feature_count; i++)
        fits = place_feature(program, &program->features[i]);
    for (size_t i = 0; fits && i < program->derived_count; i++)
        fits = place_derived(program, &program->derived[i]);
    if (fits && program->configuration.root)
        fits = trie_seal(&program->arena, program->configuration.root);
    if (fits && program->item.root)
        fits = trie_seal(&program->arena, program->item.root);
    fits =
        fits && groups_seal(program) && notes_seal(program) && quick_seal(program) && columns_seal(program);
    pl_map_free(&program->known);
    program->sealed = fits;
    return fits ? 0 : pl_fail(error, PL_E_ServiceUnavailable);
}
