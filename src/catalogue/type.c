/* Reads one resource type (catalogue/README.md, "Types") into a catalogue_type; properties and sample stay.
 */
#include "catalogue/internal.h"

static int take_optional(catalogue_reader *r, pl_json node, const char *name, pl_str *text) {
    pl_json value = pl_json_get(node, pl_str_from(name));
    *text = PL_STR("");
    return pl_json_exists(value) ? catalogue_take_text(r, value, name, text) : 0;
}

static int take_relation(catalogue_reader *r, pl_json node, catalogue_relation *out) {
    if (catalogue_take_text(r, pl_json_get(node, PL_STR("relation")), "$.relations", &out->relation) != 0 ||
        catalogue_take_text(r, pl_json_get(node, PL_STR("target")), "$.relations", &out->target_type) != 0)
        return -1;
    return take_optional(r, node, "path", &out->path) != 0 ? -1
                                                           : take_optional(r, node, "pathOn", &out->path_on);
}

static int take_relations(catalogue_reader *r, pl_json list, catalogue_type *out) {
    size_t count = pl_json_count(list);
    catalogue_relation *relations = pl_new(r->arena, catalogue_relation, count ? count : 1);
    if (!relations)
        return catalogue_no_memory(r->error);
    pl_str key;
    pl_json value;
    size_t i = 0;
    for (pl_json_walk w = pl_json_children(list); pl_json_step(&w, &key, &value); i++)
        if (take_relation(r, value, &relations[i]) != 0)
            return -1;
    out->relations = relations;
    out->relation_count = count;
    return 0;
}

int catalogue_read_type(catalogue_reader *r, pl_json root, void **object) {
    catalogue_type *out = pl_new(r->arena, catalogue_type, 1);
    if (!out)
        return catalogue_no_memory(r->error);
    *object = out;
    pl_json aliases = pl_json_get(root, PL_STR("aliases"));
    pl_json global = pl_json_get(root, PL_STR("global"));
    if (catalogue_take_text(r, pl_json_get(root, PL_STR("type")), "$.type", &out->name) != 0 ||
        take_optional(r, root, "product", &out->product) != 0 ||
        take_optional(r, root, "productName", &out->product_name) != 0 ||
        take_optional(r, root, "name", &out->title) != 0 ||
        take_optional(r, root, "arnPattern", &out->arn) != 0)
        return -1;
    if (pl_json_exists(global) && catalogue_take_bool(r, global, "$.global", &out->global) != 0)
        return -1;
    if (pl_json_exists(aliases) && catalogue_take_list(r, aliases, "$.aliases", &out->aliases) != 0)
        return -1;
    return take_relations(r, pl_json_get(root, PL_STR("relations")), out);
}
