/* Relations between types, from the catalogue. No state. */
#include "inventory/relation.h"

/* Those that `source` declares to `target`; the subject is one of the two. */
static int visit_declared(const catalogue_type *source, pl_str target, pl_str subject, bool reversed,
                          inventory_relation_visit visit, void *context, pl_error *error) {
    for (size_t i = 0; source && i < source->relation_count; i++) {
        const catalogue_relation *relation = &source->relations[i];
        if (!pl_str_eq_fold(relation->target_type, target) || relation->path.n == 0)
            continue;
        bool to_itself = pl_str_eq_fold(source->name, target);
        bool on_subject = to_itself ? !reversed : pl_str_eq_fold(relation->path_on, subject);
        int result = visit(context, relation->path, on_subject, error);
        if (result != 0)
            return result;
    }
    return 0;
}

int inventory_each_relation(const catalogue *known, pl_str subject, pl_str other,
                            inventory_relation_visit visit, void *context, pl_error *error) {
    pl_error ignored = {.code = ""};
    const catalogue_type *own = catalogue_find_type(known, subject, &ignored);
    const catalogue_type *theirs = catalogue_find_type(known, other, &ignored);
    int result = visit_declared(own, other, subject, false, visit, context, error);
    return result == 0 ? visit_declared(theirs, subject, subject, true, visit, context, error) : result;
}

int inventory_each_carried(const catalogue *known, pl_str type, inventory_relation_visit visit, void *context,
                           pl_error *error) {
    for (size_t t = 0; t < catalogue_type_count(known); t++) {
        const catalogue_type *source = catalogue_type_at(known, t, error);
        if (!source)
            return -1;
        bool own = pl_str_eq_fold(source->name, type);
        for (size_t i = 0; i < source->relation_count; i++) {
            const catalogue_relation *relation = &source->relations[i];
            bool here = own || pl_str_eq_fold(relation->target_type, type);
            if (!here || relation->path.n == 0 || !pl_str_eq_fold(relation->path_on, type))
                continue;
            int result = visit(context, relation->path, true, error);
            if (result != 0)
                return result;
        }
    }
    return 0;
}

int inventory_related_ids(pl_arena *arena, pl_str path, pl_json configuration, pl_path_nodes *ids,
                          pl_error *error) {
    const pl_path *compiled;
    if (pl_path_compile(arena, path, PL_PATH_CLOUD_CONFIG, &compiled, error) != 0)
        return -1;
    return pl_path_select(compiled, configuration, arena, ids, error);
}
