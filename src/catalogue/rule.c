/* Reads one rule file (catalogue/README.md, "Rules") into a catalogue_rule. Unknown members are refused. */
#include "catalogue/internal.h"

#include <stdio.h>

static const struct {
    const char *name;
    unsigned bit;
} triggers[] = {{"ConfigurationItemChangeNotification", CATALOGUE_TRIGGER_CHANGE},
                {"ScheduledNotification", CATALOGUE_TRIGGER_SCHEDULE}};

static const char *const frequencies[] = {"One_Hour", "Three_Hours", "Six_Hours", "Twelve_Hours",
                                          "TwentyFour_Hours"};

static int take_triggers(catalogue_reader *r, pl_json node, unsigned *bits) {
    pl_str key;
    pl_json value;
    for (pl_json_walk w = pl_json_children(node); pl_json_step(&w, &key, &value);) {
        unsigned bit = 0;
        for (size_t i = 0; i < sizeof triggers / sizeof *triggers; i++)
            if (pl_str_is(pl_json_str(value), triggers[i].name))
                bit = triggers[i].bit;
        if (bit == 0)
            return catalogue_wrong(r, "$.triggers", "unknown trigger");
        *bits |= bit;
    }
    return *bits ? 0 : catalogue_wrong(r, "$.triggers", "must be a list with at least one trigger");
}

static int take_frequency(catalogue_reader *r, pl_json node, pl_str *frequency) {
    for (size_t i = 0; i < sizeof frequencies / sizeof *frequencies; i++)
        if (pl_str_is(pl_json_str(node), frequencies[i])) {
            *frequency = pl_str_from(frequencies[i]);
            return 0;
        }
    return catalogue_wrong(r, "$.maximumExecutionFrequency", "unknown frequency");
}

static int take_risk(catalogue_reader *r, pl_json node, int *risk) {
    int64_t value = 0;
    if (!pl_json_i64(node, &value) || value < 1 || value > 3)
        return catalogue_wrong(r, "$.riskLevel", "must be 1 (high), 2 or 3 (low)");
    *risk = (int)value;
    return 0;
}

static int take_parameter(catalogue_reader *r, pl_json node, size_t index, catalogue_parameter *out) {
    char path[64];
    snprintf(path, sizeof path, "$.parameters[%zu]", index);
    if (!pl_json_is_object(node))
        return catalogue_wrong(r, path, "must be an object");
    pl_str key;
    pl_json value;
    for (pl_json_walk w = pl_json_children(node); pl_json_step(&w, &key, &value);) {
        int result;
        if (pl_str_is(key, "name"))
            result = catalogue_take_text(r, value, path, &out->name);
        else if (pl_str_is(key, "description"))
            result = catalogue_take_text(r, value, path, &out->description);
        else if (pl_str_is(key, "default"))
            result = catalogue_take_text(r, value, path, &out->default_value);
        else if (pl_str_is(key, "required"))
            result = catalogue_take_bool(r, value, path, &out->required);
        else
            result = catalogue_wrong(r, path, "unknown member");
        if (result != 0)
            return -1;
    }
    return out->name.n ? 0 : catalogue_wrong(r, path, "has no name");
}

static int take_parameters(catalogue_reader *r, pl_json node, catalogue_rule *rule) {
    if (!pl_json_is_array(node))
        return catalogue_wrong(r, "$.parameters", "must be a list");
    size_t count = pl_json_count(node);
    catalogue_parameter *parameters = pl_new(r->arena, catalogue_parameter, count ? count : 1);
    if (!parameters)
        return catalogue_no_memory(r->error);
    pl_str key;
    pl_json value;
    size_t i = 0;
    for (pl_json_walk w = pl_json_children(node); pl_json_step(&w, &key, &value); i++)
        if (take_parameter(r, value, i, &parameters[i]) != 0)
            return -1;
    rule->parameters = parameters;
    rule->parameter_count = count;
    return 0;
}

static int take_tree(catalogue_reader *r, pl_json node, const char *path, pl_str *text) {
    if (!pl_json_is_object(node))
        return catalogue_wrong(r, path, "must be a condition tree");
    return catalogue_take_json(r, node, text);
}

/* The members that are plain texts, lists and flags; 1 when the key is none of them. */
static int take_plain(catalogue_reader *r, pl_str key, const char *path, pl_json value,
                      catalogue_rule *rule) {
    const struct {
        const char *name;
        pl_str *text;
        catalogue_list *list;
    } members[] = {{"identifier", &rule->identifier, NULL},
                   {"name", &rule->name, NULL},
                   {"description", &rule->description, NULL},
                   {"missing", &rule->missing, NULL},
                   {"annotationOperator", &rule->annotation_operator, NULL},
                   {"remediationTemplate", &rule->remediation_template, NULL},
                   {"resourceTypes", NULL, &rule->resource_types},
                   {"labels", NULL, &rule->labels},
                   {"requiredProperties", NULL, &rule->required_properties},
                   {"requiredRelated", NULL, &rule->required_related}};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        if (pl_str_is(key, members[i].name))
            return members[i].text ? catalogue_take_text(r, value, path, members[i].text)
                                   : catalogue_take_list(r, value, path, members[i].list);
    if (pl_str_is(key, "supportsPreview"))
        return catalogue_take_bool(r, value, path, &rule->supports_preview);
    return 1;
}

static int take_member(catalogue_reader *r, pl_str key, pl_json value, catalogue_rule *rule) {
    char path[128];
    snprintf(path, sizeof path, "$.%.*s", PL_FMT(pl_str_head(key, 100)));
    int plain = take_plain(r, key, path, value, rule);
    if (plain <= 0)
        return plain;
    if (pl_str_is(key, "triggers"))
        return take_triggers(r, value, &rule->triggers);
    if (pl_str_is(key, "maximumExecutionFrequency"))
        return take_frequency(r, value, &rule->frequency);
    if (pl_str_is(key, "riskLevel"))
        return take_risk(r, value, &rule->risk_level);
    if (pl_str_is(key, "parameters"))
        return take_parameters(r, value, rule);
    if (pl_str_is(key, "condition"))
        return take_tree(r, value, path, &rule->condition);
    if (pl_str_is(key, "appliesWhen"))
        return take_tree(r, value, path, &rule->applies_when);
    if (pl_str_is(key, "sufficientWhen"))
        return take_tree(r, value, path, &rule->sufficient_when);
    if (pl_str_is(key, "source") || pl_str_is(key, "cases"))
        return 0; /* for maintainers and for `rules test` */
    return catalogue_wrong(r, path, "unknown member");
}

static bool identifier_is_sound(pl_str identifier) {
    return identifier.n > 0 && identifier.n <= 128 && pl_str_is_plain(identifier, "-_");
}

static int check_whole(catalogue_reader *r, const catalogue_rule *rule) {
    if (!identifier_is_sound(rule->identifier) || !pl_str_eq(rule->identifier, r->entry->name))
        return catalogue_wrong(r, "$.identifier",
                               "must be the file's name without .json: letters, digits, - and _");
    if (rule->name.n == 0)
        return catalogue_wrong(r, "$.name", "is missing or empty");
    if (rule->resource_types.count == 0)
        return catalogue_wrong(r, "$.resourceTypes", "is missing or empty");
    if (rule->triggers == 0)
        return catalogue_wrong(r, "$.triggers", "is missing");
    if (rule->risk_level == 0)
        return catalogue_wrong(r, "$.riskLevel", "is missing");
    if ((rule->condition.n == 0) == (rule->missing.n == 0))
        return catalogue_wrong(r, "$.condition", "a rule has either a condition or the reason in `missing`");
    return 0;
}

int catalogue_read_rule(catalogue_reader *r, pl_json root, void **object) {
    catalogue_rule *rule = pl_new(r->arena, catalogue_rule, 1);
    if (!rule)
        return catalogue_no_memory(r->error);
    if (!pl_json_is_object(root))
        return catalogue_wrong(r, "$", "must be an object");
    rule->own = r->entry->file.p != NULL;
    pl_str key;
    pl_json value;
    for (pl_json_walk w = pl_json_children(root); pl_json_step(&w, &key, &value);)
        if (take_member(r, key, value, rule) != 0)
            return -1;
    if (rule->triggers & CATALOGUE_TRIGGER_SCHEDULE && !rule->frequency.p)
        rule->frequency = PL_STR("TwentyFour_Hours");
    *object = rule;
    return check_whole(r, rule);
}

const catalogue_parameter *catalogue_find_parameter(const catalogue_rule *rule, pl_str name) {
    for (size_t i = 0; i < rule->parameter_count; i++)
        if (pl_str_eq(rule->parameters[i].name, name))
            return &rule->parameters[i];
    return NULL;
}

bool catalogue_rule_covers(const catalogue_rule *rule, pl_str resource_type) {
    for (size_t i = 0; i < rule->resource_types.count; i++)
        if (pl_str_is(rule->resource_types.items[i], "*") ||
            pl_str_eq_fold(rule->resource_types.items[i], resource_type))
            return true;
    return false;
}
