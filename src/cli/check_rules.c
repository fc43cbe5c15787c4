/* The rules of one check. Owns their texts and the compiled programs, all freed with the set. */
#include "cli/check_rules.h"

#include "base/map.h"
#include "base/memory.h"
#include "cli/file.h"
#include "cli/usage.h"
#include "condition/columns.h"
#include "condition/condition.h"
#include "json/parser.h"

#include <pthread.h>

enum { PACK_RISK_LEVEL = 2 }; /* of a package that names none */

struct check_rules {
    const catalogue *catalogue;
    pl_arena arena;
    check_rule *items;
    size_t count, capacity;
    pl_map names;    /* name -> 1 + index in `items`: no two have one */
    size_t repeated; /* rules that were given once more */
    pl_str first_repeated;
    pthread_mutex_t lock; /* guards `programs` and the arena once threads run */
    pl_map programs;      /* type -> check_program */
};

int check_rules_new(check_rules **out, const catalogue *known, pl_error *error) {
    check_rules *rules = pl_calloc(1, sizeof *rules);
    if (!rules)
        return pl_fail(error, PL_E_ServiceUnavailable);
    rules->catalogue = known;
    pl_arena_init(&rules->arena, 0);
    pl_map_init(&rules->programs, 0);
    pl_map_init(&rules->names, 0);
    pthread_mutex_init(&rules->lock, NULL);
    *out = rules;
    return 0;
}

void check_rules_free(check_rules *rules) {
    if (!rules)
        return;
    size_t cursor = 0;
    pl_str type;
    void *program;
    while (pl_map_next(&rules->programs, &cursor, &type, &program))
        pl_program_release(((check_program *)program)->program);
    pl_map_free(&rules->programs);
    pl_map_free(&rules->names);
    pthread_mutex_destroy(&rules->lock);
    pl_arena_free(&rules->arena);
    pl_free(rules);
}

size_t check_rules_count(const check_rules *rules) {
    return rules->count;
}

const check_rule *check_rules_at(const check_rules *rules, size_t index) {
    return &rules->items[index];
}

size_t check_rules_repeated(const check_rules *rules, pl_str *name) {
    *name = rules->first_repeated;
    return rules->repeated;
}

static bool covers(const check_rule *rule, pl_str type) {
    for (size_t i = 0; i < rule->types.count; i++)
        if (pl_str_is(rule->types.items[i], "*") || pl_str_eq_fold(rule->types.items[i], type))
            return true;
    return false;
}

static bool same_json(pl_json a, pl_json b) {
    return pl_json_exists(a) == pl_json_exists(b) && (!pl_json_exists(a) || pl_json_equal(a, b));
}

static bool same_scope(const engine_scope *a, const engine_scope *b) {
    return a == b || (a && b && engine_scope_equal(a, b));
}

/* Both decide alike where both look: names and types aside. An identifier stands for one condition. */
static bool decide_alike(const check_rule *a, const check_rule *b) {
    return pl_str_eq(a->identifier, b->identifier) && a->risk_level == b->risk_level &&
           pl_str_eq(a->parts.conditions, b->parts.conditions) &&
           same_json(a->parts.condition, b->parts.condition) &&
           same_json(a->parts.parameters, b->parts.parameters) &&
           pl_str_eq(a->parts.insufficient, b->parts.insufficient) && same_scope(a->scope, b->scope) &&
           same_scope(a->pack_scope, b->pack_scope);
}

/* The rule looks at the other's types as well; one that did so before was given twice. */
static int take_types(check_rules *rules, check_rule *rule, const check_rule *other, pl_error *error) {
    pl_str *items = pl_new(&rules->arena, pl_str, rule->types.count + other->types.count + 1);
    size_t count = rule->types.count;
    if (!items)
        return pl_fail(error, PL_E_ServiceUnavailable);
    for (size_t i = 0; i < count; i++)
        items[i] = rule->types.items[i];
    for (size_t i = 0; i < other->types.count; i++)
        if (!covers(rule, other->types.items[i]))
            items[count++] = other->types.items[i];
    if (count == rule->types.count && rules->repeated++ == 0)
        rules->first_repeated = rule->name;
    rule->types = (catalogue_list){items, count};
    return 0;
}

static int append(check_rules *rules, const check_rule *rule, pl_error *error) {
    check_rule *items =
        pl_arena_grow(&rules->arena, rules->items, rules->count, &rules->capacity, sizeof *rules->items);
    if (!items || rules->arena.failed)
        return pl_fail(error, PL_E_ServiceUnavailable);
    rules->items = items;
    rules->items[rules->count++] = *rule;
    return pl_map_put(&rules->names, rule->name, (void *)(uintptr_t)rules->count)
               ? 0
               : pl_fail(error, PL_E_ServiceUnavailable);
}

/* Two rules of one name are told apart in every report: the second one is `name (2)`. */
static int add(check_rules *rules, const check_rule *rule, pl_error *error) {
    check_rule named = *rule;
    for (unsigned number = 2; named.name.p; number++) {
        uintptr_t place = (uintptr_t)pl_map_get(&rules->names, named.name);
        if (place == 0)
            return append(rules, &named, error);
        if (decide_alike(&rules->items[place - 1], rule))
            return take_types(rules, &rules->items[place - 1], rule, error);
        named.name = pl_arena_printf(&rules->arena, "%.*s (%u)", PL_FMT(rule->name), number);
    }
    return pl_fail(error, PL_E_ServiceUnavailable);
}

static int tree_of(check_rules *rules, pl_str text, pl_json *tree, pl_error *error) {
    *tree = PL_JSON_NONE;
    return text.n ? pl_json_parse_in(&rules->arena, text, tree, error) : 0;
}

/* A compulsory parameter without a value makes every verdict INSUFFICIENT_DATA, which says so. */
static int describe(check_rules *rules, const catalogue_rule *managed, pl_json given, pl_program_rule *out,
                    pl_error *error) {
    pl_json values;
    pl_arena *arena = &rules->arena;
    const catalogue_parameter *lacking = catalogue_lacking_parameter(managed, given);
    *out = (pl_program_rule){.insufficient = managed->missing};
    if (managed->missing.n == 0 && lacking)
        out->insufficient = pl_arena_printf(arena, "Parameter %.*s is not set.", PL_FMT(lacking->name));
    if (out->insufficient.n)
        return 0;
    if (catalogue_parameters(managed, arena, given, &values, error) == 0)
        return catalogue_program_rule(managed, arena, values, out, error);
    return pl_failf(error, PL_E_Invalid_InputParameters_Value, "rule %.*s: %.800s",
                    PL_FMT(managed->identifier), error->message);
}

static int refuse_unknown(const check_rules *rules, pl_str identifier, pl_error *error) {
    char near[CLI_SUGGESTION_TEXT];
    return pl_failf(error, PL_E_InvalidParameter, "no managed rule \"%.*s\"%s", PL_FMT(identifier),
                    cli_did_you_mean(near, cli_nearest_rule(rules->catalogue, identifier)));
}

static int add_catalogue_rule(check_rules *rules, pl_str identifier, pl_json parameters,
                              check_rule *overrides, pl_error *error) {
    error->code[0] = '\0';
    const catalogue_rule *managed = catalogue_find_rule(rules->catalogue, identifier, error);
    if (!managed)
        return error->code[0] ? -1 : refuse_unknown(rules, identifier, error);
    check_rule rule = {
        .name = overrides && overrides->name.n ? overrides->name : managed->name,
        .identifier = managed->identifier,
        .risk_level = overrides && overrides->risk_level ? overrides->risk_level : managed->risk_level,
        .types = overrides && overrides->types.count ? overrides->types : managed->resource_types,
        .scope = overrides ? overrides->scope : NULL,
        .pack_scope = overrides ? overrides->pack_scope : NULL};
    return describe(rules, managed, parameters, &rule.parts, error) == 0 ? add(rules, &rule, error) : -1;
}

int check_rules_add_template(check_rules *rules, const char *template_id, pl_error *error) {
    error->code[0] = '\0';
    const catalogue_template *pack =
        catalogue_find_template(rules->catalogue, pl_str_from(template_id), error);
    if (!pack)
        return error->code[0]
                   ? -1
                   : pl_failf(error, PL_E_InvalidParameter, "no pack template \"%s\"", template_id);
    for (size_t i = 0; i < pack->rule_count; i++) {
        pl_json parameters;
        if (tree_of(rules, pack->rules[i].parameters, &parameters, error) != 0 ||
            add_catalogue_rule(rules, pack->rules[i].identifier, parameters, NULL, error) != 0)
            return -1;
    }
    return 0;
}

int check_rules_add_managed(check_rules *rules, const char *identifier, char *const *parameters, size_t count,
                            pl_error *error) {
    pl_buf text;
    pl_json given;
    pl_buf_init(&text, 1 << 20);
    pl_buf_add_char(&text, '{');
    for (size_t i = 0; i < count; i++) {
        pl_str pair = pl_str_from(parameters[i]);
        size_t equals = pl_str_find_char(pair, '=');
        if (equals == PL_NOT_FOUND) {
            pl_buf_free(&text);
            return pl_failf(error, PL_E_InvalidParameter, "--param %s: not key=value", parameters[i]);
        }
        if (i)
            pl_buf_add_char(&text, ',');
        pl_json_write_string(&text, pl_str_head(pair, equals));
        pl_buf_add_char(&text, ':');
        pl_json_write_string(&text, pl_str_skip(pair, equals + 1));
    }
    pl_buf_add_char(&text, '}');
    int result = pl_json_parse_in(&rules->arena, pl_buf_str(&text), &given, error);
    pl_buf_free(&text);
    return result == 0 ? add_catalogue_rule(rules, pl_str_from(identifier), given, NULL, error) : -1;
}

static int read_json(check_rules *rules, const char *file, pl_str *text, pl_json *root, pl_error *error) {
    if (cli_file_read(&rules->arena, file, (size_t)4 << 20, text, error) != 0)
        return -1;
    return pl_json_parse_in(&rules->arena, *text, root, error) == 0 ? 0 : cli_file_blame(file, *text, error);
}

int check_rules_add_conditions(check_rules *rules, const char *file, const char *type, pl_error *error) {
    pl_str text, *types = pl_new(&rules->arena, pl_str, 1);
    pl_json root;
    if (!types || read_json(rules, file, &text, &root, error) != 0)
        return -1;
    types[0] = pl_str_from(type);
    check_rule rule = {.name = pl_str_from(file),
                       .identifier = PL_STR("acs-config-configuration"),
                       .risk_level = 2,
                       .types = {types, 1}};
    rule.parts.readable = true;
    if (pl_json_exists(pl_json_get(root, PL_STR("ComplianceConditions"))))
        rule.parts.conditions = text;
    else
        rule.parts.condition = root;
    return add(rules, &rule, error);
}

static int list_of(check_rules *rules, pl_json array, catalogue_list *list, pl_error *error) {
    pl_str key;
    pl_json value;
    pl_str *items = pl_new(&rules->arena, pl_str, pl_json_count(array) + 1);
    if (!items)
        return pl_fail(error, PL_E_ServiceUnavailable);
    list->count = 0;
    for (pl_json_walk walk = pl_json_children(array); pl_json_step(&walk, &key, &value);)
        items[list->count++] = pl_json_str(value);
    list->items = items;
    return 0;
}

bool check_rule_covers(const check_rule *rule, const engine_scope_subject *subject) {
    return (!rule->scope || engine_scope_covers(rule->scope, subject)) &&
           (!rule->pack_scope || engine_scope_covers(rule->pack_scope, subject));
}

/* The scope without its types, which the rule has already; NULL when that restricts nothing. */
static int scope_of(check_rules *rules, pl_json node, const engine_scope **out, pl_error *error) {
    static const engine_scope everything;
    engine_scope *scope = pl_new(&rules->arena, engine_scope, 1);
    if (!scope)
        return pl_fail(error, PL_E_ServiceUnavailable);
    if (engine_scope_read_template(&rules->arena, node, scope, error) != 0)
        return -1;
    scope->resource_types = (engine_list){0};
    *out = engine_scope_equal(scope, &everything) ? NULL : scope;
    return 0;
}

/* Replaces the level when the node names one. */
static int read_level(pl_json node, int64_t *level, pl_error *error) {
    pl_json given = pl_json_get(node, PL_STR("riskLevel"));
    if (!pl_json_exists(given) || pl_json_is_null(given))
        return 0;
    bool sound = pl_json_i64(given, level) && *level >= 1 && *level <= 3;
    return sound ? 0 : pl_failf(error, PL_E_InvalidParameter, "riskLevel must be 1, 2 or 3");
}

static int add_pack_rule(check_rules *rules, pl_json entry, int risk_level, const engine_scope *pack_scope,
                         pl_error *error) {
    pl_json source = pl_json_get(entry, PL_STR("source"));
    pl_str owner = pl_json_str(pl_json_get(source, PL_STR("owner")));
    check_rule rule = {.name = pl_json_str(pl_json_get(entry, PL_STR("configRuleName"))),
                       .identifier = pl_json_str(pl_json_get(source, PL_STR("identifier"))),
                       .pack_scope = pack_scope};
    int64_t own_level = risk_level;
    pl_json scope = pl_json_get(entry, PL_STR("scope"));
    if (read_level(entry, &own_level, error) != 0)
        return -1;
    rule.risk_level = (int)own_level;
    if (scope_of(rules, scope, &rule.scope, error) != 0 ||
        list_of(rules, pl_json_get(scope, PL_STR("complianceResourceTypes")), &rule.types, error) != 0)
        return -1;
    if (pl_str_is(owner, "ALIYUN"))
        return add_catalogue_rule(rules, rule.identifier, pl_json_get(entry, PL_STR("inputParameters")),
                                  &rule, error);
    if (!pl_str_is(owner, "CUSTOM_CONFIGURATION"))
        return pl_failf(error, PL_E_InvalidParameter,
                        "source.owner is neither ALIYUN nor CUSTOM_CONFIGURATION");
    if (!rule.name.n)
        return pl_failf(error, PL_E_InvalidParameter, "configRuleName is missing");
    if (!rule.types.count)
        return pl_failf(error, PL_E_InvalidParameter, "scope.complianceResourceTypes is empty");
    pl_json conditions = pl_json_get(source, PL_STR("conditions"));
    if (!pl_json_is_string(conditions))
        return pl_failf(error, PL_E_InvalidParameter,
                        "source.conditions must be a text, JSON inside of JSON");
    rule.parts.readable = true;
    if (pl_condition_imported(&rules->arena, pl_json_text(conditions), &rule.parts.conditions, error) != 0)
        return -1;
    return add(rules, &rule, error);
}

int check_rules_add_pack(check_rules *rules, const char *file, pl_error *error) {
    pl_str text, key;
    pl_json root, entry;
    int64_t risk_level = PACK_RISK_LEVEL;
    if (read_json(rules, file, &text, &root, error) != 0)
        return -1;
    pl_json entries = pl_json_get(root, PL_STR("configRuleTemplates"));
    if (!pl_json_is_array(entries) || pl_json_count(entries) == 0)
        return pl_failf(error, PL_E_InvalidParameter, "%s: $.configRuleTemplates: not a list with a rule",
                        file);
    pl_json pack = pl_json_get(root, PL_STR("compliancePackTemplate"));
    const engine_scope *scope;
    if (read_level(pack, &risk_level, error) != 0 ||
        scope_of(rules, pl_json_get(pack, PL_STR("scope")), &scope, error) != 0) {
        return pl_failf(error, PL_E_InvalidParameter, "%s: $.compliancePackTemplate: %.800s", file,
                        error->message);
    }
    size_t at = 0;
    for (pl_json_walk walk = pl_json_children(entries); pl_json_step(&walk, &key, &entry); at++) {
        if (add_pack_rule(rules, entry, (int)risk_level, scope, error) == 0)
            continue;
        return pl_failf(error, PL_E_InvalidParameter, "%s: $.configRuleTemplates[%zu]: %.800s", file, at,
                        error->message);
    }
    return 0;
}

static int add_to_program(check_program *program, const check_rule *rule, pl_error *error) {
    if (pl_program_add(program->program, &rule->parts, error) == 0) {
        program->rules[program->count++] = rule;
        program->scoped = program->scoped || rule->scope || rule->pack_scope;
        return 0;
    }
    return pl_failf(error, PL_E_Invalid_Conditions_Value, "rule %.*s: %.800s", PL_FMT(rule->name),
                    error->message);
}

static int compile(check_rules *rules, check_program *program, pl_error *error) {
    program->program = pl_program_new();
    program->rules = pl_new(&rules->arena, const check_rule *, rules->count + 1);
    if (!program->program || !program->rules)
        return pl_fail(error, PL_E_ServiceUnavailable);
    pl_program_forgo_columns(program->program);
    for (size_t i = 0; i < rules->count; i++)
        if ((program->type.p == NULL || covers(&rules->items[i], program->type)) &&
            add_to_program(program, &rules->items[i], error) != 0)
            return -1;
    return pl_program_seal(program->program, error);
}

static const check_program *compile_type(check_rules *rules, pl_str type, pl_error *error) {
    check_program *program = pl_new(&rules->arena, check_program, 1);
    if (!program) {
        pl_fail(error, PL_E_ServiceUnavailable);
        return NULL;
    }
    program->type = pl_arena_copy(&rules->arena, type);
    if (compile(rules, program, error) == 0 && pl_map_put(&rules->programs, program->type, program))
        return program;
    pl_program_release(program->program);
    return NULL;
}

const check_program *check_rules_program(check_rules *rules, pl_str type, pl_error *error) {
    pthread_mutex_lock(&rules->lock);
    const check_program *program = pl_map_get(&rules->programs, type);
    if (!program)
        program = compile_type(rules, type, error);
    pthread_mutex_unlock(&rules->lock);
    return program;
}

size_t check_rules_related(check_rules *rules, pl_str *types, size_t capacity, pl_error *error) {
    check_program all = {.type = PL_STR_NONE};
    if (compile(rules, &all, error) != 0) {
        pl_program_release(all.program);
        return PL_NOT_FOUND;
    }
    size_t count = pl_program_related_types(all.program, types, capacity);
    if (count > capacity)
        count = capacity;
    for (size_t i = 0; i < count; i++)
        types[i] = pl_arena_copy(&rules->arena, types[i]);
    pl_program_release(all.program);
    return count;
}
