/* Reads one pack template (catalogue/README.md, "Packs") into a catalogue_template. */
#include "catalogue/internal.h"

static int take_rule(catalogue_reader *r, pl_json node, catalogue_template_rule *out) {
    out->default_enable = true;
    if (pl_json_is_string(node))
        return catalogue_take_text(r, node, "$.rules", &out->identifier);
    pl_json enable = pl_json_get(node, PL_STR("defaultEnable"));
    pl_json parameters = pl_json_get(node, PL_STR("parameters"));
    if (catalogue_take_text(r, pl_json_get(node, PL_STR("identifier")), "$.rules", &out->identifier) != 0)
        return -1;
    if (pl_json_exists(enable) && catalogue_take_bool(r, enable, "$.rules", &out->default_enable) != 0)
        return -1;
    return pl_json_exists(parameters) ? catalogue_take_json(r, parameters, &out->parameters) : 0;
}

static int take_rules(catalogue_reader *r, pl_json list, catalogue_template *out) {
    if (!pl_json_is_array(list))
        return catalogue_wrong(r, "$.rules", "must be a list");
    size_t count = pl_json_count(list);
    catalogue_template_rule *rules = pl_new(r->arena, catalogue_template_rule, count ? count : 1);
    if (!rules)
        return catalogue_no_memory(r->error);
    pl_str key;
    pl_json value;
    size_t i = 0;
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &key, &value); i++)
        if (take_rule(r, value, &rules[i]) != 0)
            return -1;
    out->rules = rules;
    out->rule_count = count;
    return 0;
}

int catalogue_read_template(catalogue_reader *r, pl_json root, void **object) {
    catalogue_template *out = pl_new(r->arena, catalogue_template, 1);
    if (!out)
        return catalogue_no_memory(r->error);
    int64_t risk = 0;
    if (!pl_json_i64(pl_json_get(root, PL_STR("riskLevel")), &risk) || risk < 1 || risk > 3)
        return catalogue_wrong(r, "$.riskLevel", "must be 1, 2 or 3");
    out->risk_level = (int)risk;
    *object = out;
    pl_json filter = pl_json_get(root, PL_STR("filterType"));
    if (pl_json_exists(filter) && catalogue_take_text(r, filter, "$.filterType", &out->filter_type) != 0)
        return -1;
    if (catalogue_take_text(r, pl_json_get(root, PL_STR("templateId")), "$.templateId", &out->template_id) !=
            0 ||
        catalogue_take_text(r, pl_json_get(root, PL_STR("name")), "$.name", &out->name) != 0 ||
        catalogue_take_text(r, pl_json_get(root, PL_STR("description")), "$.description",
                            &out->description) != 0)
        return -1;
    return take_rules(r, pl_json_get(root, PL_STR("rules")), out);
}
