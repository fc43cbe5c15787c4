/* Reads one remediation template (catalogue/README.md, "Remediations") into a catalogue_remediation. */
#include "catalogue/internal.h"

int catalogue_read_remediation(catalogue_reader *r, pl_json root, void **object) {
    catalogue_remediation *out = pl_new(r->arena, catalogue_remediation, 1);
    pl_json definition = pl_json_get(root, PL_STR("definition")),
            effect = pl_json_get(root, PL_STR("effect"));
    if (!out)
        return catalogue_no_memory(r->error);
    *object = out;
    if (!pl_json_is_object(definition) || !pl_json_is_object(effect))
        return catalogue_wrong(r, "$", "must have the objects definition and effect");
    if (catalogue_take_text(r, pl_json_get(root, PL_STR("identifier")), "$.identifier", &out->identifier) !=
            0 ||
        catalogue_take_text(r, pl_json_get(root, PL_STR("name")), "$.name", &out->name) != 0 ||
        catalogue_take_text(r, pl_json_get(root, PL_STR("description")), "$.description",
                            &out->description) != 0 ||
        catalogue_take_list(r, pl_json_get(root, PL_STR("rules")), "$.rules", &out->rules) != 0 ||
        catalogue_take_json(r, definition, &out->definition) != 0)
        return -1;
    return catalogue_take_json(r, effect, &out->effect);
}
