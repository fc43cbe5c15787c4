/* What an operator looks at: a node, or the nodes that a path selected, as one list of elements. */
#include "condition/condition_internal.h"

const pl_json pl_feature_no_items[1] = {{NULL, NULL, 0}};

feature_walk feature_elements(const feature *f) {
    feature_walk walk = {.feature = f};
    if (!f->items)
        walk.walk = pl_json_children(f->node);
    return walk;
}

bool feature_next(feature_walk *walk, pl_json *element) {
    pl_str key;
    if (!walk->feature->items)
        return !walk->walk.object && pl_json_step(&walk->walk, &key, element);
    if (walk->at == walk->feature->count)
        return false;
    *element = walk->feature->items[walk->at++];
    return true;
}

size_t feature_length(const feature *f) {
    return f->items ? f->count : pl_json_count(f->node);
}

void feature_write_text(pl_buf *out, const feature *f) {
    if (!f->items) {
        pl_json_write_text(out, f->node);
        return;
    }
    pl_buf_add_char(out, '[');
    for (size_t i = 0; i < f->count; i++) {
        if (i)
            pl_buf_add_char(out, ',');
        pl_json_write(out, f->items[i]);
    }
    pl_buf_add_char(out, ']');
}

pl_str value_text(environment *env, pl_json node) {
    if (pl_json_is_string(node))
        return pl_json_text(node);
    env->text->n = 0; /* and stay failed: an earlier value may have been too long */
    pl_json_write_text(env->text, node);
    return pl_buf_str(env->text);
}
